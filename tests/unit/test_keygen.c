/* Key generation from end to end, with real machine, files and group: daemon/keygen.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/frost/dkg.h"
#include "libproto/crypto.h"
#include "libproto/name.h"
#include "tests/lib/former.h"

static int four(void **state)
{
	*state = former_new(4);
	return 0;
}

static int seven(void **state)
{
	*state = former_new(7);
	return 0;
}

static int down(void **state)
{
	former_free(*state);
	return 0;
}

static const struct machine_key *key_at(const struct former *f, uint8_t id)
{
	return machine_key(f->member[id - 1].machine);
}

static void assert_published(const struct former *f, uint8_t id)
{
	char path[TEMPDIR_MAX + 32];
	uint8_t key[32], *text;
	size_t n;

	assert_true(former_has(f, id, "group.pub"));
	former_path(f, id, "group.pub", path);
	text = tempdir_load(path, &n);
	assert_int_equal(n, 44);
	assert_int_equal(text[43], '\n');
	assert_int_equal(ap_key_parse(key, (const char *)text, 43), 0);
	assert_memory_equal(key, key_at(f, id)->pk, 32);
	free(text);
}

/* All live, under one key that is proven, and nothing of the making is left. */
static void assert_formed(const struct former *f)
{
	for (uint8_t id = 1; id <= f->n; id++) {
		const struct machine_key *key = key_at(f, id);
		char path[TEMPDIR_MAX + 32];
		struct stat st;

		assert_int_equal(f->member[id - 1].status, 0);
		assert_int_equal(key->phase, MACHINE_LIVE);
		assert_memory_equal(key->pk, key_at(f, 1)->pk, 32);
		assert_published(f, id);
		assert_false(former_has(f, id, "enckey"));
		former_path(f, id, "share", path);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		assert_int_equal(frost_id(f->member[id - 1].frost), id);
	}
}

static void assert_failed(const struct former *f, uint8_t culprit)
{
	for (uint8_t id = 1; id <= f->n; id++) {
		assert_int_equal(key_at(f, id)->phase, MACHINE_FAILED);
		assert_int_equal(key_at(f, id)->culprit, culprit);
		assert_int_equal(f->member[id - 1].status, 0);
		assert_false(former_has(f, id, "group.pub"));
	}
	assert_int_equal(f->n_ops, 0);
}

/* ---- the good case ---- */

static void four_members_make_a_key(void **state)
{
	struct former *f = *state;

	assert_int_equal(f->n_ops, 4);
	for (uint8_t id = 1; id <= 4; id++)
		assert_true(former_has(f, id, "enckey")); /* before it is named to anybody */
	former_until(f, MACHINE_LIVE);
	assert_formed(f);
}

static void seven_members_make_a_key(void **state)
{
	former_until(*state, MACHINE_LIVE);
	assert_formed(*state);
}

static void what_is_due_is_submitted_once(void **state)
{
	struct former *f = *state;
	unsigned seen[256] = {0};

	while (key_at(f, 1)->phase != MACHINE_LIVE) {
		for (size_t i = 0; i < f->n_ops; i++)
			seen[f->ops[i].kind]++;
		former_batch(f);
		for (uint8_t id = 1; id <= 4; id++) /* called again, it does nothing */
			assert_int_equal(keygen_step(f->member[id - 1].keygen,
						     f->member[id - 1].machine, f->now_ms,
						     &f->member[id - 1].why),
					 0);
	}
	assert_int_equal(seen[AP_OP_enckey], 4);
	assert_int_equal(seen[AP_OP_deal], 4);
	assert_int_equal(seen[AP_OP_ready], 4);
	assert_int_equal(seen[AP_OP_nonces], 4);
	assert_int_equal(seen[AP_OP_complaint], 0);
}

static void operations_one_by_one_do_too(void **state)
{
	struct former *f = *state;
	static struct former_op kept[FORMER_OPS_MAX];

	for (int n = 0; n < 60 && key_at(f, 1)->phase != MACHINE_LIVE; n++) {
		size_t rest = f->n_ops > 0 ? f->n_ops - 1 : 0;

		memcpy(kept, f->ops + 1, rest * sizeof(kept[0]));
		f->n_ops = f->n_ops > 0;
		former_batch(f);
		memmove(f->ops + rest, f->ops, f->n_ops * sizeof(f->ops[0]));
		memcpy(f->ops, kept, rest * sizeof(kept[0]));
		f->n_ops += rest;
	}
	assert_formed(f);
}

static void a_member_that_lags_follows(void **state)
{
	struct former *f = *state;

	former_stop(f, 3, false); /* its ENCKEY is on its way */
	former_batch(f);
	assert_int_equal(key_at(f, 1)->phase, MACHINE_DEALS);
	former_batch(f);
	former_batch(f);
	assert_int_equal(key_at(f, 1)->phase, MACHINE_DEALS); /* all n are needed */
	assert_int_equal(former_start(f, 3), 0);
	former_until(f, MACHINE_LIVE);
	assert_formed(f);
}

/* ---- restarts ---- */

static void restart_in(struct former *f, enum machine_phase phase, uint8_t first, uint8_t last,
		       bool lose)
{
	former_until(f, phase);
	for (uint8_t id = first; id <= last; id++)
		former_stop(f, id, lose);
	for (uint8_t id = first; id <= last; id++)
		assert_int_equal(former_start(f, id), 0);
	former_until(f, MACHINE_LIVE);
	/* a signature has to be seen: the trial's, or one that is asked for after a while */
	for (int n = 0; n < 20; n++) {
		f->now_ms += 500;
		former_batch(f);
	}
	assert_formed(f);
}

/* What was submitted before is lost in every other phase: which of them, `odd` says. */
static void each_phase(uint8_t first, uint8_t last, bool odd)
{
	for (int phase = MACHINE_ENCKEYS; phase <= MACHINE_LIVE; phase++) {
		struct former *f = former_new(4);

		restart_in(f, (enum machine_phase)phase, first, last, (phase % 2 != 0) == odd);
		former_free(f);
	}
}

static void one_restart_in_any_phase_does_no_harm(void **state)
{
	(void)state;
	each_phase(2, 2, false);
	each_phase(3, 3, true);
}

static void all_may_restart_in_any_phase(void **state)
{
	(void)state;
	each_phase(1, 4, true);
}

static void a_restart_deals_anew_and_the_first_counts(void **state)
{
	struct former *f = *state;
	size_t deals = 0;

	former_until(f, MACHINE_DEALS);
	former_stop(f, 2, false); /* its DEAL is still on its way */
	assert_int_equal(former_start(f, 2), 0);
	for (size_t i = 0; i < f->n_ops; i++)
		deals += f->ops[i].kind == AP_OP_deal && f->ops[i].relay == 2;
	assert_int_equal(deals, 2);
	former_until(f, MACHINE_LIVE);
	assert_formed(f);
}

static size_t reads(const struct former *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_ops; i++)
		n += f->ops[i].kind == AP_OP_read;
	return n;
}

static void a_key_that_nobody_saw_proven_is_probed(void **state)
{
	struct former *f = *state;
	uint64_t wake;

	f->mute = true; /* the trial's shares are lost */
	former_until(f, MACHINE_LIVE);
	for (uint8_t id = 1; id <= 4; id++) {
		assert_false(former_has(f, id, "group.pub"));
		former_stop(f, id, true);
	}
	for (uint8_t id = 1; id <= 4; id++)
		assert_int_equal(former_start(f, id), 0);
	f->mute = false;
	former_batch(f); /* NONCES of the new run */
	wake = keygen_wake(f->member[0].keygen);
	assert_in_range(wake, f->now_ms + 1, f->now_ms + 2000);
	assert_int_equal(reads(f), 0);
	f->now_ms = wake;
	former_batch(f);
	assert_int_equal(reads(f), 4);
	former_batch(f);
	assert_formed(f);
	assert_int_equal(keygen_wake(f->member[0].keygen), UINT64_MAX);
}

static void a_published_key_is_not_probed_again(void **state)
{
	struct former *f = *state;

	former_until(f, MACHINE_LIVE);
	assert_formed(f);
	former_stop(f, 1, true);
	assert_int_equal(former_start(f, 1), 0);
	former_batch(f);
	assert_int_equal(keygen_wake(f->member[0].keygen), UINT64_MAX);
	/* another key's file is none */
	former_stop(f, 1, true);
	for (int row = 0; row < 2; row++) {
		char path[TEMPDIR_MAX + 32];

		former_path(f, 1, "group.pub", path);
		tempdir_store(path,
			      (const uint8_t *)"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
			      row == 0 ? 44 : 10);
		assert_int_equal(former_start(f, 1), 0);
		former_batch(f);
		assert_int_not_equal(keygen_wake(f->member[0].keygen), UINT64_MAX);
		former_stop(f, 1, true);
	}
	assert_int_equal(former_start(f, 1), 0);
}

/* ---- bad members ---- */

static bool bad_proof(struct former *f, struct former_op *op)
{
	(void)f;
	if (op->kind == AP_OP_deal && op->relay == 3)
		op->octets[op->len - (4 * 32 + 1) - 3 * 32 - 32] ^= 1; /* in proof_mu */
	return true;
}

static void a_bad_dealing_ends_it_and_names_the_member(void **state)
{
	struct former *f = *state;

	f->change = bad_proof;
	former_until(f, MACHINE_FAILED);
	assert_failed(f, 3);
	former_batch(f);
	assert_int_equal(f->n_ops, 0);
}

static bool bad_share(struct former *f, struct former_op *op)
{
	(void)f;
	if (op->kind == AP_OP_deal && op->relay == 2)
		op->octets[op->len - 32] ^=
			1; /* the sealed share of member 4: no proof covers it */
	return true;
}

static void a_bad_share_is_complained_about_and_upheld(void **state)
{
	struct former *f = *state;

	f->change = bad_share;
	former_until(f, MACHINE_READIES);
	assert_int_equal(f->n_ops, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(f->ops[i].kind,
				 f->ops[i].relay == 4 ? AP_OP_complaint : AP_OP_ready);
	assert_false(former_has(f, 4, "share"));
	former_until(f, MACHINE_FAILED);
	assert_failed(f, 2);
}

static bool no_ready_of_1(struct former *f, struct former_op *op)
{
	(void)f;
	return op->kind != AP_OP_ready || op->relay != 1;
}

static void a_false_complaint_names_its_sender(void **state)
{
	struct former *f = *state;
	struct ap_operation op = {.kind = AP_OP_complaint};

	f->change = no_ready_of_1; /* else it may come too late: with all READY the key stands */
	former_until(f, MACHINE_READIES);
	memcpy(op.as_complaint.sid.octets, key_at(f, 1)->sid, 32);
	op.as_complaint.dealer = 2;
	memset(op.as_complaint.w.octets, 1, 32);
	former_submit(f, 4, &op);
	former_until(f, MACHINE_FAILED);
	assert_failed(f, 4);
}

static void a_well_made_complaint_about_a_good_share_too(void **state)
{
	struct former *f = *state;
	const struct machine_key *key;
	struct ap_operation op = {.kind = AP_OP_complaint};
	uint8_t octets[DKG_ENCKEY_OCTETS], ek[32], *file;
	struct dkg_complaint made;
	struct dkg_deal deal;
	struct dkg_run run;
	char path[TEMPDIR_MAX + 32];
	size_t n;

	f->change = no_ready_of_1;
	former_until(f, MACHINE_READIES);
	key = key_at(f, 1);
	former_path(f, 4, "enckey", path);
	file = tempdir_load(path, &n);
	assert_int_equal(n, sizeof(octets));
	assert_int_equal(dkg_enckey_get(ek, key->sid, 4, file, n), 0);
	free(file);
	memset(&run, 0, sizeof(run));
	memcpy(run.sid, key->sid, 32);
	run.epoch = 1;
	run.n = 4;
	run.t = 2;
	memcpy(run.enckey, key->enckeys, 4 * 32);
	memset(&deal, 0, sizeof(deal));
	memcpy(deal.K, key->deals[1].eph.octets, 32);
	assert_int_equal(dkg_complaint_make(&made, &run, 2, &deal, 4, ek, &frost_random_system), 0);
	memcpy(op.as_complaint.sid.octets, key->sid, 32);
	op.as_complaint.dealer = 2;
	memcpy(op.as_complaint.secret.octets, made.S, 32);
	memcpy(op.as_complaint.a1.octets, made.A1, 32);
	memcpy(op.as_complaint.a2.octets, made.A2, 32);
	memcpy(op.as_complaint.w.octets, made.w, 32);
	former_submit(f, 4, &op);
	former_until(f, MACHINE_FAILED);
	assert_failed(f, 4); /* proven, but the share that it opens is good */
}

static void a_repeated_or_torsioned_key_has_no_effect(void **state)
{
	struct former *f = *state;
	struct ap_operation op = {.kind = AP_OP_enckey};

	f->n_ops = 0; /* as if their ENCKEYs were late */
	memcpy(op.as_enckey.sid.octets, key_at(f, 1)->sid, 32);
	former_submit(f, 1, &op); /* zeros are no point of the group */
	op.as_enckey.key.octets[0] = 1;
	former_submit(f, 2, &op); /* the identity */
	former_batch(f);
	assert_int_equal(key_at(f, 1)->have_enckey, 0);
	assert_int_equal(key_at(f, 1)->phase, MACHINE_ENCKEYS);
}

/* ---- files ---- */

static void without_its_encryption_key_a_member_is_never_ready(void **state)
{
	struct former *f = *state;
	char path[TEMPDIR_MAX + 32];

	former_until(f, MACHINE_DEALS);
	former_stop(f, 2, false);
	former_path(f, 2, "enckey", path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(former_start(f, 2), 0);
	former_batch(f);
	assert_int_equal(f->member[1].status, 0);
	assert_int_equal(key_at(f, 1)->have_ready & 2, 0);
}

static void a_damaged_encryption_key_is_none(void **state)
{
	struct former *f = *state;
	char path[TEMPDIR_MAX + 32];
	uint8_t *octets;
	size_t n;

	former_until(f, MACHINE_DEALS);
	former_stop(f, 2, false);
	former_path(f, 2, "enckey", path);
	octets = tempdir_load(path, &n);
	octets[n / 2] ^= 1;
	tempdir_store(path, octets, n);
	free(octets);
	assert_int_equal(former_start(f, 2), 0);
	former_batch(f);
	assert_int_equal(f->member[1].status, 0);
	assert_int_equal(key_at(f, 1)->have_ready & 2, 0);
}

static void with_another_encryption_key_than_the_one_sent_neither(void **state)
{
	struct former *f = *state;
	uint8_t octets[DKG_ENCKEY_OCTETS], ek[32], point[32];
	char path[TEMPDIR_MAX + 32];

	former_until(f, MACHINE_DEALS);
	former_stop(f, 2, false);
	former_path(f, 2, "enckey", path);
	dkg_enckey_make(ek, point, &frost_random_system);
	tempdir_store(path, octets, dkg_enckey_put(octets, key_at(f, 1)->sid, 2, ek));
	assert_int_equal(former_start(f, 2), 0);
	former_batch(f);
	assert_int_equal(f->member[1].status, 0);
	assert_int_equal(key_at(f, 1)->have_ready & 2, 0);
}

static void an_encryption_key_of_another_attempt_is_replaced(void **state)
{
	struct former *f = *state;
	uint8_t octets[DKG_ENCKEY_OCTETS], ek[32], point[32], sid[32] = {7};
	char path[TEMPDIR_MAX + 32];

	former_stop(f, 2, true);
	former_path(f, 2, "enckey", path);
	dkg_enckey_make(ek, point, &frost_random_system);
	tempdir_store(path, octets, dkg_enckey_put(octets, sid, 2, ek));
	assert_int_equal(former_start(f, 2), 0);
	former_until(f, MACHINE_LIVE);
	assert_formed(f);
}

static void without_its_share_a_member_signs_nothing(void **state)
{
	struct former *f = *state;
	char path[TEMPDIR_MAX + 32], other[TEMPDIR_MAX + 32];
	uint8_t *octets, *theirs;
	size_t n, m;

	former_until(f, MACHINE_LIVE);
	former_path(f, 2, "share", path);
	former_path(f, 3, "share", other);
	octets = tempdir_load(path, &n);
	theirs = tempdir_load(other, &m);
	former_stop(f, 2, true);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(former_start(f, 2), 0);
	assert_true(keygen_shareless(f->member[1].keygen));
	former_stop(f, 2, true);
	tempdir_store(path, theirs, m); /* another member's */
	assert_int_equal(former_start(f, 2), 0);
	assert_true(keygen_shareless(f->member[1].keygen));
	former_stop(f, 2, true);
	octets[n / 2] ^= 1;
	tempdir_store(path, octets, n);
	assert_int_equal(former_start(f, 2), 0);
	assert_true(keygen_shareless(f->member[1].keygen));
	former_stop(f, 2, true);
	octets[n / 2] ^= 1;
	tempdir_store(path, octets, n);
	assert_int_equal(former_start(f, 2), 0);
	free(octets);
	free(theirs);
}

static void a_directory_that_takes_no_file_is_told(void **state)
{
	struct former *f = *state;
	char path[TEMPDIR_MAX + 32];

	former_until(f, MACHINE_DEALS);
	/* a directory in the place of the file that is to be written aside */
	former_path(f, 2, "share.new", path);
	assert_int_equal(mkdir(path, 0700), 0);
	former_batch(f);
	assert_true(f->member[1].status < 0);
	assert_non_null(strstr(f->member[1].why.text, "share.new"));
	for (size_t i = 0; i < f->n_ops; i++) /* and no READY without the share on disk */
		assert_true(f->ops[i].relay != 2);
}

/* ---- nonces ---- */

static void pools_are_kept_filled_one_operation_at_a_time(void **state)
{
	struct former *f = *state;
	struct ap_operation op = {.kind = AP_OP_read};
	struct machine_pool_info pool;
	unsigned least = 256;

	former_until(f, MACHINE_LIVE);
	for (int n = 0; n < 200; n++) {
		unsigned nonces[5] = {0};

		for (size_t i = 0; i < f->n_ops; i++)
			nonces[f->ops[i].relay] += f->ops[i].kind == AP_OP_nonces;
		for (uint8_t id = 1; id <= 4; id++)
			assert_true(nonces[id] <= 1);
		for (uint8_t id = 1; id <= 4; id++)
			keygen_idle(f->member[id - 1].keygen);
		op.as_read.id.octets[0] = (uint8_t)n;
		former_submit(f, 1, &op);
		former_batch(f);
		for (uint8_t id = 1; id <= 4; id++) {
			machine_pool(f->member[0].machine, id, &pool);
			least = n > 20 && pool.left < least ? pool.left : least;
			assert_true(pool.left <= 256);
		}
		assert_int_equal(f->member[0].result.n_sets, 2);
		assert_true(index_block(f->member[0].index, f->head)->has_sig);
	}
	assert_true(least >= 128);
}

static bool nonces_of_1_are_late(struct former *f, struct former_op *op)
{
	(void)f;
	return op->kind != AP_OP_nonces || op->relay != 1;
}

static void nonces_that_are_not_ordered_are_not_sent_twice(void **state)
{
	struct former *f = *state;

	f->change = nonces_of_1_are_late;
	former_until(f, MACHINE_TRIAL);
	for (int n = 0; n < 5; n++) {
		former_batch(f);
		assert_int_equal(key_at(f, 1)->phase, MACHINE_TRIAL); /* all n need one */
	}
	/* the relay would hold on to it; a restart makes another */
	f->change = NULL;
	former_stop(f, 1, true);
	assert_int_equal(former_start(f, 1), 0);
	former_until(f, MACHINE_LIVE);
	for (int n = 0; n < 20; n++) {
		f->now_ms += 500;
		former_batch(f);
	}
	assert_formed(f);
}

/* ---- proof ---- */

static void what_openssl_does_not_take_is_not_published(void **state)
{
	struct former *f = *state;
	struct index_block b;

	f->mute = true;
	former_until(f, MACHINE_LIVE);
	for (uint64_t seq = 1; seq <= f->head; seq++) {
		if (index_block(f->member[0].index, seq) != NULL)
			b = *index_block(f->member[0].index, seq);
	}
	assert_true(b.trial);
	memset(b.sig, 3, 64);
	assert_int_equal(keygen_proven(f->member[0].keygen, &b, &f->member[0].why), DISK_EDAMAGED);
	assert_false(former_has(f, 1, "group.pub"));
}

#define FOUR(test) cmocka_unit_test_setup_teardown(test, four, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOUR(four_members_make_a_key),
		cmocka_unit_test_setup_teardown(seven_members_make_a_key, seven, down),
		FOUR(what_is_due_is_submitted_once),
		FOUR(operations_one_by_one_do_too),
		FOUR(a_member_that_lags_follows),
		cmocka_unit_test(one_restart_in_any_phase_does_no_harm),
		cmocka_unit_test(all_may_restart_in_any_phase),
		FOUR(a_restart_deals_anew_and_the_first_counts),
		FOUR(a_key_that_nobody_saw_proven_is_probed),
		FOUR(a_published_key_is_not_probed_again),
		FOUR(a_bad_dealing_ends_it_and_names_the_member),
		FOUR(a_bad_share_is_complained_about_and_upheld),
		FOUR(a_false_complaint_names_its_sender),
		FOUR(a_well_made_complaint_about_a_good_share_too),
		FOUR(a_repeated_or_torsioned_key_has_no_effect),
		FOUR(without_its_encryption_key_a_member_is_never_ready),
		FOUR(a_damaged_encryption_key_is_none),
		FOUR(with_another_encryption_key_than_the_one_sent_neither),
		FOUR(an_encryption_key_of_another_attempt_is_replaced),
		FOUR(without_its_share_a_member_signs_nothing),
		FOUR(a_directory_that_takes_no_file_is_told),
		FOUR(pools_are_kept_filled_one_operation_at_a_time),
		FOUR(nonces_that_are_not_ordered_are_not_sent_twice),
		FOUR(what_openssl_does_not_take_is_not_published),
	};

	return cmocka_run_group_tests_name("keygen", tests, NULL, NULL);
}
