/* test_frost.c: the signer: who can sign, each reason to refuse, and what is left of a nonce
 * afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/frost/frost.h"
#include "daemon/frost/inner.h"
#include "tests/lib/testkeys.h"
#include "tests/lib/vectors.h"

#define EPOCH 5
#define BOOT  9
#define SEED  20261124

/* A network of signers, each with one NONCES of its own. */
struct net {
	uint32_t n;
	uint32_t t;
	struct frost_key key[FROST_MEMBERS_MAX];
	struct frost *f[FROST_MEMBERS_MAX];
	struct frost_nonces nonces[FROST_MEMBERS_MAX];
	struct testrandom state[FROST_MEMBERS_MAX];
	struct frost_list list; /* of the set in hand */
	uint64_t ctr[FROST_THRESHOLD_MAX];
	struct frost_session session;
	struct frost_shares shares;
	uint8_t signature[64];
};

static void net_open(struct net *net, uint32_t n, uint32_t t)
{
	memset(net, 0, sizeof(*net));
	net->n = n;
	net->t = t;
	testkeys(net->key, n, t, EPOCH, SEED);
	for (uint32_t i = 0; i < n; i++) {
		struct frost_random random = testrandom(&net->state[i], SEED + i);

		assert_int_equal(frost_new(&net->f[i], &random), 0);
		assert_int_equal(frost_load(net->f[i], &net->key[i], BOOT), 0);
		assert_int_equal(frost_commit(net->f[i], 16, &net->nonces[i]), 0);
	}
}

static void net_close(struct net *net)
{
	for (uint32_t i = 0; i < net->n; i++)
		frost_free(net->f[i]);
}

static struct ap_statement statement_of(uint64_t seq)
{
	struct ap_statement s = {.epoch = EPOCH, .seq = seq, .time_ms = 1795500000000, .count = 3};

	memset(s.root, (int)(seq & 0x7f), 32);
	memset(s.running, 0x77, 32);
	memset(s.genesis, 0x55, 32);
	return s;
}

/* The list of the members whose bits are set, each with its pair `ctr`. */
static void net_list(struct net *net, uint32_t members, uint64_t ctr)
{
	memset(&net->list, 0, sizeof(net->list));
	net->list.epoch = EPOCH;
	for (uint32_t i = 0; i < net->n; i++)
		if ((members >> i & 1) != 0) {
			net->ctr[net->list.count] = ctr;
			net->list.entry[net->list.count++] = net->nonces[i].pair[ctr];
		}
}

/* Share of the member at `place` in the list. */
static int net_sign(struct net *net, const struct ap_statement *s, uint32_t place)
{
	uint32_t i = net->list.entry[place].id - 1U;

	return frost_sign(net->f[i], FROST_BATCH, s, &net->list, BOOT, net->ctr[place],
			  &net->session, net->shares.z[place]);
}

static int net_sign_all(struct net *net, const struct ap_statement *s)
{
	for (uint32_t place = 0; place < net->list.count; place++) {
		int rc = net_sign(net, s, place);

		if (rc < 0)
			return rc;
	}
	return frost_aggregate(net->f[0], &net->session, &net->shares, net->signature);
}

static void assert_signed(const struct net *net, const struct ap_statement *s)
{
	uint8_t octets[AP_STATEMENT_MAX];
	size_t size = ap_statement_batch_put(octets, s);

	assert_int_equal(frost_verify(net->key[0].group.key, FROST_BATCH, s, net->signature), 0);
	assert_int_equal(frost_verify_own(net->f[0], FROST_BATCH, s, net->signature), 0);
	assert_true(testkeys_openssl_verify(net->key[0].group.key, octets, size, net->signature));
}

static void assert_slot_is_zero(const struct frost *f, uint64_t ctr)
{
	static const struct frost_slot zero;

	assert_memory_equal(&f->slot[ctr % FROST_POOL_MAX], &zero, sizeof(zero));
}

static void assert_slot_is_fresh(const struct frost *f, uint64_t ctr)
{
	assert_true(f->slot[ctr % FROST_POOL_MAX].fresh);
	assert_int_equal(f->slot[ctr % FROST_POOL_MAX].ctr, ctr);
}

/* ---- any t sign ---- */

static uint32_t bits(uint32_t mask)
{
	uint32_t n = 0;

	for (; mask != 0; mask &= mask - 1)
		n++;
	return n;
}

static void every_set_signs(uint32_t n, uint32_t t, uint32_t most)
{
	struct net *net = malloc(sizeof(*net));
	uint64_t used = 0;

	assert_non_null(net);
	net_open(net, n, t);
	for (uint32_t mask = 1; mask < UINT32_C(1) << n && used < most; mask++) {
		struct ap_statement s = statement_of(used + 1);

		if (bits(mask) != t)
			continue;
		net_list(net, mask, used++);
		assert_int_equal(net_sign_all(net, &s), 0);
		assert_signed(net, &s);
	}
	assert_true(used > 0);
	net_close(net);
	free(net);
}

static void any_two_of_four_sign(void **state)
{
	(void)state;
	every_set_signs(4, 2, 6);
}

static void three_of_seven_sign(void **state)
{
	(void)state;
	every_set_signs(7, 3, 8);
}

static void five_of_thirteen_sign(void **state)
{
	(void)state;
	every_set_signs(13, 5, 3);
}

static void one_of_one_signs(void **state)
{
	(void)state;
	every_set_signs(1, 1, 1);
}

static void fewer_than_the_threshold_do_not_sign(void **state)
{
	struct ap_statement s = statement_of(1);
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	net_list(&net, 0x3, 0);
	assert_int_equal(net_sign(&net, &s, 0), 0);
	assert_int_equal(frost_aggregate(NULL, &net.session, &net.shares, net.signature),
			 FROST_ESIGNATURE); /* the other share is zero */
	net_close(&net);
}

static void members_and_outsiders_compute_the_same_session(void **state)
{
	struct ap_statement s = statement_of(1);
	struct frost_session outside;
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	net_list(&net, 0x5, 0);
	assert_int_equal(net_sign(&net, &s, 0), 0);
	assert_int_equal(
		frost_session_make(&outside, &net.key[1].group, FROST_BATCH, &s, &net.list), 0);
	assert_memory_equal(&outside, &net.session, sizeof(outside));
	assert_int_equal(net_sign(&net, &s, 1), 0);
	assert_memory_equal(&outside, &net.session, sizeof(outside));
	net_close(&net);
}

static void two_sets_give_two_valid_signatures_of_one_statement(void **state)
{
	struct ap_statement s = statement_of(1);
	uint8_t first[64];
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	net_list(&net, 0x3, 0);
	assert_int_equal(net_sign_all(&net, &s), 0);
	assert_signed(&net, &s);
	memcpy(first, net.signature, 64);
	net_list(&net, 0x6, 1); /* member 2 is in both, with another pair */
	assert_int_equal(net_sign_all(&net, &s), 0);
	assert_signed(&net, &s);
	assert_memory_not_equal(first, net.signature, 64);
	net_close(&net);
}

static void trial_and_batch_are_different_statements(void **state)
{
	struct ap_statement s = statement_of(1);
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	net_list(&net, 0x3, 0);
	for (uint32_t place = 0; place < 2; place++)
		assert_int_equal(frost_sign(net.f[place], FROST_TRIAL, &s, &net.list, BOOT, 0,
					    &net.session, net.shares.z[place]),
				 0);
	assert_int_equal(frost_aggregate(NULL, &net.session, &net.shares, net.signature), 0);
	assert_int_equal(frost_verify(net.key[0].group.key, FROST_TRIAL, &s, net.signature), 0);
	assert_int_equal(frost_verify(net.key[0].group.key, FROST_BATCH, &s, net.signature),
			 FROST_ESIGNATURE);
	net_close(&net);
}

static void a_session_tells_the_digest_of_its_statement(void **state)
{
	struct ap_statement s = statement_of(1);
	uint8_t octets[AP_STATEMENT_MAX], digest[64];
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	net_list(&net, 0x3, 0);
	assert_int_equal(net_sign(&net, &s, 0), 0);
	crypto_hash_sha512(digest, octets, ap_statement_batch_put(octets, &s));
	assert_memory_equal(net.session.digest, digest, 32);
	net_close(&net);
}

/* ---- each reason to refuse before a nonce is touched ---- */

/* What is asked of member 1, and how a row spoils it. */
struct request {
	enum frost_kind kind;
	struct ap_statement statement;
	struct frost_list list;
	uint64_t boot;
	uint64_t ctr;
};

static void spoil_kind(struct request *r)
{
	r->kind = (enum frost_kind)3;
}

static void spoil_statement_epoch(struct request *r)
{
	r->statement.epoch++;
}

static void spoil_list_epoch(struct request *r)
{
	r->list.epoch--;
}

static void spoil_too_few(struct request *r)
{
	r->list.count = 1;
}

static void spoil_too_many(struct request *r)
{
	r->list.count = 3;
	r->list.entry[2] = r->list.entry[1];
	r->list.entry[2].id = 3;
}

static void spoil_count_beyond_the_array(struct request *r)
{
	r->list.count = UINT32_MAX;
}

static void spoil_order(struct request *r)
{
	struct frost_commitment first = r->list.entry[0];

	r->list.entry[0] = r->list.entry[1];
	r->list.entry[1] = first;
}

static void spoil_repeat(struct request *r)
{
	r->list.entry[1] = r->list.entry[0];
}

static void spoil_foreign(struct request *r)
{
	r->list.entry[1].id = 5;
}

static void spoil_zero(struct request *r)
{
	r->list.entry[1] = r->list.entry[0];
	r->list.entry[0].id = 0;
}

static void spoil_own_absent(struct request *r)
{
	r->list.entry[0] = r->list.entry[1];
	r->list.entry[1].id = 3;
}

static void spoil_boot_earlier(struct request *r)
{
	r->boot--;
}

static void spoil_boot_later(struct request *r)
{
	r->boot++;
}

static void spoil_counter(struct request *r)
{
	r->ctr = 16; /* 0 to 15 were made */
}

static void spoil_other_counter(struct request *r)
{
	r->ctr = 1;
}

static void spoil_own_hiding(struct request *r)
{
	r->list.entry[0].hiding[31] ^= 0x80;
}

static void spoil_own_binding(struct request *r)
{
	memcpy(r->list.entry[0].binding, r->list.entry[0].hiding, 32);
}

static const struct {
	void (*spoil)(struct request *);
	int rc;
} refusals[] = {
	{spoil_kind, FROST_EKIND},
	{spoil_statement_epoch, FROST_EEPOCH},
	{spoil_list_epoch, FROST_ELISTEPOCH},
	{spoil_too_few, FROST_ECOUNT},
	{spoil_too_many, FROST_ECOUNT},
	{spoil_count_beyond_the_array, FROST_ECOUNT},
	{spoil_order, FROST_EORDER},
	{spoil_repeat, FROST_EORDER},
	{spoil_foreign, FROST_EFOREIGN},
	{spoil_zero, FROST_EFOREIGN},
	{spoil_own_absent, FROST_EABSENT},
	{spoil_boot_earlier, FROST_ENOSLOT},
	{spoil_boot_later, FROST_ENOSLOT},
	{spoil_counter, FROST_ENOSLOT},
	{spoil_other_counter, FROST_EMISMATCH},
	{spoil_own_hiding, FROST_EMISMATCH},
	{spoil_own_binding, FROST_EMISMATCH},
};

static void a_refused_request_touches_nothing(void **state)
{
	static const uint8_t zero[32];
	struct ap_statement s = statement_of(1);
	struct net net;
	uint8_t z[32];

	(void)state;
	net_open(&net, 4, 2);
	net_list(&net, 0x3, 0);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct request r = {FROST_BATCH, s, net.list, BOOT, 0};

		refusals[i].spoil(&r);
		memset(z, 0xee, sizeof(z));
		assert_int_equal(frost_sign(net.f[0], r.kind, &r.statement, &r.list, r.boot, r.ctr,
					    &net.session, z),
				 refusals[i].rc);
		assert_memory_equal(z, zero, 32);
		assert_slot_is_fresh(net.f[0], 0);
		assert_int_equal(frost_held(net.f[0]), 16);
	}
	assert_int_equal(net_sign_all(&net, &s), 0); /* the unspoilt one */
	assert_signed(&net, &s);
	net_close(&net);
}

static void a_session_of_others_checks_its_list_as_well(void **state)
{
	struct ap_statement s = statement_of(1);
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	net_list(&net, 0x3, 0);
	for (size_t i = 0; i < 10; i++) {
		struct request r = {FROST_BATCH, s, net.list, BOOT, 0};

		refusals[i].spoil(&r);
		assert_int_equal(frost_session_make(&net.session, &net.key[2].group, r.kind,
						    &r.statement, &r.list),
				 refusals[i].rc);
	}
	net_close(&net);
}

/* ---- one statement for (epoch, seq) ---- */

static void a_second_statement_for_a_sequence_is_refused(void **state)
{
	struct ap_statement s = statement_of(7), other = s;
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	net_list(&net, 0x3, 0);
	assert_int_equal(net_sign(&net, &s, 0), 0);
	other.root[0] ^= 1;
	net_list(&net, 0x3, 1);
	assert_int_equal(net_sign(&net, &other, 0), FROST_ESECOND);
	assert_slot_is_fresh(net.f[0], 1);
	assert_int_equal(net_sign(&net, &s, 0), 0); /* a retry of the same */
	net_close(&net);
}

static void statements_stay_remembered_over_reboot_wipe_and_load(void **state)
{
	struct ap_statement s = statement_of(7), other = s;
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	net_list(&net, 0x3, 0);
	assert_int_equal(net_sign(&net, &s, 0), 0);
	assert_int_equal(frost_reboot(net.f[0], BOOT + 1), 0);
	frost_wipe(net.f[0]);
	assert_int_equal(frost_load(net.f[0], &net.key[0], BOOT + 2), 0);
	assert_int_equal(frost_commit(net.f[0], 1, &net.nonces[0]), 0);
	net_list(&net, 0x3, 0);
	other.time_ms++;
	assert_int_equal(frost_sign(net.f[0], FROST_BATCH, &other, &net.list, BOOT + 2, 0,
				    &net.session, net.shares.z[0]),
			 FROST_ESECOND);
	net_close(&net);
}

static void sequences_behind_the_window_are_refused(void **state)
{
	struct ap_statement early = statement_of(3), late = statement_of(3 + FROST_WINDOW);
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	net_list(&net, 0x3, 0);
	assert_int_equal(net_sign(&net, &late, 0), 0);
	net_list(&net, 0x3, 1);
	assert_int_equal(net_sign(&net, &early, 0), FROST_EWINDOW);
	assert_slot_is_fresh(net.f[0], 1);
	early = statement_of(4); /* inside it */
	assert_int_equal(net_sign(&net, &early, 0), 0);
	net_close(&net);
}

static void the_window_holds_1024_statements(void **state)
{
	struct ap_statement s;
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	for (uint64_t seq = 1; seq <= FROST_WINDOW; seq++) {
		if (seq % 16 == 1) {
			frost_wipe_behind(net.f[0], UINT64_MAX);
			assert_int_equal(frost_commit(net.f[0], 16, &net.nonces[0]), 0);
		}
		net_list(&net, 0x3, (seq - 1) % 16);
		net.ctr[0] += net.nonces[0].first;
		s = statement_of(seq);
		assert_int_equal(net_sign(&net, &s, 0), 0);
	}
	assert_int_equal(frost_commit(net.f[0], 1, &net.nonces[0]), 0);
	for (uint64_t seq = 1; seq <= FROST_WINDOW; seq += 341) {
		net_list(&net, 0x3, 0);
		net.ctr[0] += net.nonces[0].first;
		s = statement_of(seq);
		s.count++;
		assert_int_equal(net_sign(&net, &s, 0), FROST_ESECOND);
	}
	net_close(&net);
}

/* ---- spent slots ---- */

static void a_nonce_signs_once_and_is_zero_afterwards(void **state)
{
	struct ap_statement s = statement_of(1), next = statement_of(2);
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	net_list(&net, 0x3, 0);
	assert_int_equal(net_sign(&net, &s, 0), 0);
	assert_slot_is_zero(net.f[0], 0);
	assert_int_equal(net_sign(&net, &s, 0), FROST_ESPENT);
	assert_int_equal(net_sign(&net, &next, 0), FROST_ESPENT);
	assert_slot_is_fresh(net.f[0], 1);
	net_close(&net);
}

static void bad_point_of_a_peer_is_named_and_spends_the_nonce(void **state)
{
	/* order 8; order 2L; the identity; y = p */
	static const char *const bad[] = {
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"9599999999999999999999999999999999999999999999999999999999999999",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	static const uint8_t zero[32];
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	for (uint64_t i = 0; i < 8; i++) {
		struct ap_statement s = statement_of(i + 1);
		uint8_t *point;

		net_list(&net, 0x9, i);
		point = i % 2 == 0 ? net.list.entry[1].hiding : net.list.entry[1].binding;
		vectors_hex(bad[i / 2], 64, point, 32);
		assert_int_equal(net_sign(&net, &s, 0), FROST_EPOINT);
		assert_int_equal(net.session.culprit, 4);
		assert_memory_equal(net.shares.z[0], zero, 32);
		assert_slot_is_zero(net.f[0], i);
		assert_int_equal(net_sign(&net, &s, 0), FROST_ESPENT);
	}
	net_close(&net);
}

static void torsion_on_a_peers_point_is_named(void **state)
{
	struct ap_statement s = statement_of(1);
	uint8_t torsion[32];
	struct net net;

	(void)state;
	vectors_hex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", 64, torsion,
		    32);
	net_open(&net, 4, 2);
	for (uint64_t i = 0; i < 2; i++) {
		uint8_t *point;

		net_list(&net, 0x5, i);
		point = i == 0 ? net.list.entry[1].hiding : net.list.entry[1].binding;
		assert_int_equal(frost_point_add(point, point, torsion), 0);
		assert_int_equal(net_sign(&net, &s, 0), FROST_EPOINT);
		assert_int_equal(net.session.culprit, 3);
		assert_int_equal(frost_session_make(&net.session, &net.key[1].group, FROST_BATCH,
						    &s, &net.list),
				 FROST_EPOINT);
		assert_int_equal(net.session.culprit, 3);
	}
	net_close(&net);
}

static void reboot_zeroes_every_slot_and_wants_a_larger_number(void **state)
{
	struct ap_statement s = statement_of(1);
	struct frost_nonces again;
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	assert_int_equal(frost_reboot(net.f[0], BOOT), FROST_EBOOT);
	assert_int_equal(frost_reboot(net.f[0], BOOT - 1), FROST_EBOOT);
	assert_int_equal(frost_held(net.f[0]), 16);
	assert_int_equal(frost_reboot(net.f[0], BOOT + 3), 0);
	assert_int_equal(frost_boot(net.f[0]), BOOT + 3);
	for (uint64_t ctr = 0; ctr < 16; ctr++)
		assert_slot_is_zero(net.f[0], ctr);
	net_list(&net, 0x3, 0);
	assert_int_equal(net_sign(&net, &s, 0), FROST_ENOSLOT);
	assert_int_equal(frost_commit(net.f[0], 1, &again), 0);
	assert_int_equal(again.boot, BOOT + 3);
	assert_int_equal(again.first, 0);
	/* the entry of the earlier run, put under the new number */
	assert_int_equal(frost_sign(net.f[0], FROST_BATCH, &s, &net.list, BOOT + 3, 0, &net.session,
				    net.shares.z[0]),
			 FROST_EMISMATCH);
	net_close(&net);
}

static void a_new_epoch_zeroes_every_slot(void **state)
{
	struct ap_statement s = statement_of(1);
	struct frost_key next[4];
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	testkeys(next, 4, 2, EPOCH + 1, SEED + 1);
	assert_int_equal(frost_load(net.f[0], &next[0], BOOT), FROST_EBOOT);
	assert_int_equal(frost_held(net.f[0]), 16);
	assert_int_equal(frost_load(net.f[0], &next[0], BOOT + 1), 0);
	for (uint64_t ctr = 0; ctr < 16; ctr++)
		assert_slot_is_zero(net.f[0], ctr);
	net_list(&net, 0x3, 0);
	assert_int_equal(net_sign(&net, &s, 0), FROST_EEPOCH);
	assert_int_equal(frost_load(net.f[0], &net.key[0], BOOT + 2), FROST_EEPOCH);
	net_close(&net);
}

/* What is remembered of a set belongs to the member that it was computed for. */
static void a_signer_that_changes_its_member_signs_as_the_new_one(void **state)
{
	struct ap_statement s = statement_of(1);
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	net_list(&net, 0x3, 0);
	assert_int_equal(net_sign_all(&net, &s), 0);
	assert_int_equal(frost_load(net.f[0], &net.key[1], BOOT + 1), 0);
	assert_int_equal(frost_load(net.f[1], &net.key[0], BOOT + 1), 0);
	assert_int_equal(frost_commit(net.f[0], 1, &net.nonces[1]), 0);
	assert_int_equal(frost_commit(net.f[1], 1, &net.nonces[0]), 0);
	net_list(&net, 0x3, 0);
	s = statement_of(2);
	for (uint32_t place = 0; place < 2; place++)
		assert_int_equal(frost_sign(net.f[1 - place], FROST_BATCH, &s, &net.list, BOOT + 1,
					    0, &net.session, net.shares.z[place]),
				 0);
	assert_int_equal(frost_aggregate(NULL, &net.session, &net.shares, net.signature), 0);
	assert_signed(&net, &s);
	net_close(&net);
}

static void slots_behind_the_pool_pointer_are_zeroed(void **state)
{
	struct ap_statement s = statement_of(1);
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	frost_wipe_behind(net.f[0], 5);
	assert_int_equal(frost_held(net.f[0]), 11);
	for (uint64_t ctr = 0; ctr < 5; ctr++)
		assert_slot_is_zero(net.f[0], ctr);
	assert_slot_is_fresh(net.f[0], 5);
	net_list(&net, 0x3, 4);
	assert_int_equal(net_sign(&net, &s, 0), FROST_ESPENT);
	net_list(&net, 0x3, 5);
	assert_int_equal(net_sign(&net, &s, 0), 0);
	net_close(&net);
}

static void wiping_leaves_neither_key_nor_nonces(void **state)
{
	static const struct frost_key no_key;
	struct frost_nonces nonces;
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	frost_wipe(net.f[0]);
	assert_memory_equal(&net.f[0]->key, &no_key, sizeof(no_key));
	for (uint64_t ctr = 0; ctr < FROST_POOL_MAX; ctr++)
		assert_slot_is_zero(net.f[0], ctr);
	assert_null(frost_public(net.f[0]));
	assert_int_equal(frost_id(net.f[0]), 0);
	assert_int_equal(frost_boot(net.f[0]), 0);
	assert_int_equal(frost_commit(net.f[0], 1, &nonces), FROST_ENOKEY);
	net_close(&net);
}

static void nothing_is_done_without_a_key(void **state)
{
	struct ap_statement s = statement_of(1);
	struct frost_nonces nonces;
	struct net net;
	struct frost *f;

	(void)state;
	net_open(&net, 4, 2);
	net_list(&net, 0x3, 0);
	assert_int_equal(frost_new(&f, NULL), 0);
	assert_int_equal(frost_commit(f, 1, &nonces), FROST_ENOKEY);
	assert_int_equal(frost_reboot(f, 1), FROST_ENOKEY);
	assert_int_equal(frost_precheck(f, net.list.entry[0].hiding), FROST_ENOKEY);
	assert_int_equal(
		frost_sign(f, FROST_BATCH, &s, &net.list, 0, 0, &net.session, net.shares.z[0]),
		FROST_ENOKEY);
	assert_int_equal(frost_room(f), 0);
	assert_int_equal(frost_load(f, &net.key[0], 0), FROST_EBOOT);
	frost_free(f);
	frost_free(NULL);
	net_close(&net);
}

/* What the child says: 0 if it holds nothing and signs nothing. */
static int child(struct net *net, const struct ap_statement *s)
{
	static const struct frost zero;
	struct frost_nonces nonces;

	if (memcmp(net->f[0], &zero, sizeof(zero)) != 0)
		return 1;
	if (net_sign(net, s, 0) != FROST_ENOKEY ||
	    frost_commit(net->f[0], 1, &nonces) != FROST_ENOKEY)
		return 2;
	if (frost_load(net->f[0], &net->key[0], BOOT + 1) != FROST_EMEMORY)
		return 3;
	return 0;
}

static void a_forked_child_holds_nothing(void **state)
{
	struct ap_statement s = statement_of(1);
	struct net net;
	int status;
	pid_t pid;

	(void)state;
	net_open(&net, 4, 2);
	net_list(&net, 0x3, 0);
	pid = fork();
	if (pid == 0)
		_exit(child(&net, &s));
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(net_sign(&net, &s, 0), 0); /* the parent goes on */
	net_close(&net);
}

/* ---- the pool ---- */

static void the_pool_takes_64_at_a_time_and_256_in_all(void **state)
{
	struct frost_nonces nonces;
	struct net net;

	(void)state;
	net_open(&net, 4, 2); /* 16 are held */
	assert_int_equal(frost_commit(net.f[0], 0, &nonces), FROST_ELIMIT);
	assert_int_equal(frost_commit(net.f[0], 65, &nonces), FROST_ELIMIT);
	for (uint64_t first = 16; first < 208; first += 64) {
		assert_int_equal(frost_commit(net.f[0], 64, &nonces), 0);
		assert_int_equal(nonces.boot, BOOT);
		assert_int_equal(nonces.first, first);
		assert_int_equal(nonces.count, 64);
		assert_int_equal(nonces.pair[63].id, 1);
	}
	assert_int_equal(frost_room(net.f[0]), 48);
	assert_int_equal(frost_commit(net.f[0], 49, &nonces), FROST_EFULL);
	assert_int_equal(frost_held(net.f[0]), 208);
	assert_int_equal(frost_commit(net.f[0], 48, &nonces), 0);
	assert_int_equal(frost_held(net.f[0]), 256);
	assert_int_equal(frost_commit(net.f[0], 1, &nonces), FROST_EFULL);
	frost_wipe_behind(net.f[0], 10);
	assert_int_equal(frost_room(net.f[0]), 10);
	assert_int_equal(frost_commit(net.f[0], 10, &nonces), 0);
	assert_int_equal(nonces.first, 256);
	net_close(&net);
}

static void a_counter_whose_slot_was_filled_anew_is_spent(void **state)
{
	struct ap_statement s = statement_of(1);
	struct frost_nonces nonces;
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	net_list(&net, 0x3, 0);
	for (int i = 0; i < 4; i++) {
		frost_wipe_behind(net.f[0], UINT64_MAX);
		assert_int_equal(frost_commit(net.f[0], 64, &nonces), 0);
	}
	assert_int_equal(net.f[0]->slot[0].ctr, 256);
	assert_int_equal(net_sign(&net, &s, 0), FROST_ESPENT);
	assert_slot_is_fresh(net.f[0], nonces.first);
	net_close(&net);
}

/* A generator that has stuck. */
static void stuck_fill(void *arg, uint8_t *out, size_t size)
{
	(void)arg;
	memset(out, 0x42, size);
}

static void a_generator_that_repeats_itself_repeats_no_nonce(void **state)
{
	struct frost_random stuck = {stuck_fill, NULL};
	struct frost_key keys[4];
	uint8_t seen[32][32];
	uint32_t count = 0;
	struct frost *f;

	(void)state;
	testkeys(keys, 4, 2, EPOCH, SEED);
	assert_int_equal(frost_new(&f, &stuck), 0);
	for (uint64_t boot = 1; boot <= 2; boot++) {
		struct frost_nonces nonces;

		assert_int_equal(frost_load(f, &keys[0], boot), 0);
		assert_int_equal(frost_commit(f, 8, &nonces), 0);
		for (uint32_t i = 0; i < 8; i++) {
			memcpy(seen[count++], nonces.pair[i].hiding, 32);
			memcpy(seen[count++], nonces.pair[i].binding, 32);
		}
	}
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = 0; j < i; j++)
			assert_memory_not_equal(seen[i], seen[j], 32);
	frost_free(f);
}

static void nonces_come_from_random_octets_slot_and_share(void **state)
{
	/* boot 3, counter 1, then 0 for d and 1 for e */
	uint8_t input[32 + 17] = {0}, digest[64], nonce[32], point[32];
	struct frost_random stuck = {stuck_fill, NULL};
	struct frost_nonces nonces;
	struct frost_key keys[4];
	struct frost *f;

	(void)state;
	testkeys(keys, 4, 2, EPOCH, SEED);
	assert_int_equal(frost_new(&f, &stuck), 0);
	assert_int_equal(frost_load(f, &keys[0], 3), 0);
	assert_int_equal(frost_commit(f, 2, &nonces), 0);
	memset(input, 0x42, 32);
	input[39] = 3;
	input[47] = 1;
	for (uint8_t which = 0; which < 2; which++) {
		input[48] = which;
		crypto_hash_sha512(digest, input, sizeof(input));
		frost_nonce_derive(nonce, digest, keys[0].share);
		frost_point_base(point, nonce);
		assert_memory_equal(
			point, which == 0 ? nonces.pair[1].hiding : nonces.pair[1].binding, 32);
	}
	frost_free(f);
}

static unsigned point_checks;

int __real_crypto_core_ed25519_is_valid_point(const unsigned char *p);
int __wrap_crypto_core_ed25519_is_valid_point(const unsigned char *p);

int __wrap_crypto_core_ed25519_is_valid_point(const unsigned char *p)
{
	point_checks++;
	return __real_crypto_core_ed25519_is_valid_point(p);
}

static void a_point_checked_ahead_is_not_checked_again(void **state)
{
	struct ap_statement s = statement_of(1);
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	net_list(&net, 0x3, 0);
	point_checks = 0;
	assert_int_equal(net_sign(&net, &s, 0), 0);
	assert_int_equal(point_checks, 1);
	net_list(&net, 0x3, 1);
	assert_int_equal(frost_precheck(net.f[0], net.list.entry[1].hiding), 0);
	point_checks = 0;
	assert_int_equal(net_sign_all(&net, &s), 0);
	assert_int_equal(point_checks, 1); /* by the other member, which had not */
	assert_signed(&net, &s);
	net_close(&net);
}

static void checking_a_point_ahead_vouches_for_no_other(void **state)
{
	struct ap_statement s = statement_of(1);
	uint8_t *hiding;
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	net_list(&net, 0x3, 0);
	hiding = net.list.entry[1].hiding;
	assert_int_equal(frost_precheck(net.f[0], hiding), 0);
	do /* the place in the table is the same: it depends on the first octets */
		hiding[10]++;
	while (frost_point_is_valid(hiding));
	assert_int_equal(frost_precheck(net.f[0], hiding), FROST_EPOINT);
	assert_int_equal(net_sign(&net, &s, 0), FROST_EPOINT);
	net_close(&net);
}

/* ---- shares, culprits, signatures ---- */

static void the_owner_of_a_bad_share_is_named(void **state)
{
	struct ap_statement s = statement_of(1);
	const struct frost_group *group;
	struct net net;

	(void)state;
	net_open(&net, 7, 3);
	group = &net.key[0].group;
	net_list(&net, 0x52, 0); /* 2, 5, 7 */
	assert_int_equal(net_sign_all(&net, &s), 0);
	assert_int_equal(frost_culprits(&net.session, group, &net.shares), 0);
	net.shares.z[1][0] ^= 1;
	assert_int_equal(frost_aggregate(NULL, &net.session, &net.shares, net.signature),
			 FROST_ESIGNATURE);
	assert_int_equal(frost_culprits(&net.session, group, &net.shares), 0x2);
	assert_int_equal(frost_share_check(&net.session, group, 1, net.shares.z[1]), FROST_ESHARE);
	assert_int_equal(net.session.culprit, 5);
	assert_int_equal(frost_share_check(&net.session, group, 2, net.shares.z[2]), 0);
	assert_int_equal(net.session.culprit, 0);
	net_close(&net);
}

static void two_bad_shares_that_cancel_still_sign(void **state)
{
	struct ap_statement s = statement_of(1);
	uint8_t one[32];
	struct net net;

	(void)state;
	frost_scalar_set(one, 1);
	net_open(&net, 7, 3);
	net_list(&net, 0x7, 0);
	assert_int_equal(net_sign_all(&net, &s), 0);
	frost_scalar_add(net.shares.z[0], net.shares.z[0], one);
	frost_scalar_sub(net.shares.z[1], net.shares.z[1], one);
	assert_int_equal(frost_aggregate(NULL, &net.session, &net.shares, net.signature), 0);
	assert_signed(&net, &s);
	assert_int_equal(frost_culprits(&net.session, &net.key[0].group, &net.shares), 0x3);
	net_close(&net);
}

static void add_order(uint8_t z[32])
{
	static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a,	      0x63,
					  0x12, 0x58, 0xd6, 0x9c, 0xf7,	      0xa2,
					  0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
	unsigned carry = 0;

	for (size_t i = 0; i < 32; i++) {
		carry += (unsigned)z[i] + order[i];
		z[i] = (uint8_t)(carry & 0xff);
		carry >>= 8;
	}
}

static void second_encodings_of_shares_and_signatures_are_refused(void **state)
{
	struct ap_statement s = statement_of(1);
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	net_list(&net, 0xa, 0);
	assert_int_equal(net_sign_all(&net, &s), 0);
	add_order(net.signature + 32);
	assert_int_equal(frost_verify(net.key[0].group.key, FROST_BATCH, &s, net.signature),
			 FROST_ESIGNATURE);
	add_order(net.shares.z[1]);
	assert_int_equal(frost_aggregate(NULL, &net.session, &net.shares, net.signature),
			 FROST_ESCALAR);
	assert_int_equal(net.session.culprit, 4);
	assert_int_equal(frost_share_check(&net.session, &net.key[0].group, 1, net.shares.z[1]),
			 FROST_ESCALAR);
	assert_int_equal(net.session.culprit, 4);
	assert_int_equal(frost_culprits(&net.session, &net.key[0].group, &net.shares), 0x2);
	net_close(&net);
}

static void a_share_of_another_statement_set_or_epoch_does_not_fit(void **state)
{
	struct ap_statement s = statement_of(1), other = statement_of(2);
	struct frost_session session;
	struct frost_key next[4];
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	testkeys(next, 4, 2, EPOCH, SEED + 1);
	net_list(&net, 0x3, 0);
	assert_int_equal(net_sign(&net, &s, 0), 0);
	session = net.session;
	assert_int_equal(frost_share_check(&session, &net.key[0].group, 0, net.shares.z[0]), 0);
	assert_int_equal(frost_share_check(&session, &next[0].group, 0, net.shares.z[0]),
			 FROST_ESHARE); /* other verification shares */
	net_list(&net, 0x5, 1);
	assert_int_equal(net_sign(&net, &other, 0), 0);
	assert_int_equal(frost_share_check(&session, &net.key[0].group, 0, net.shares.z[0]),
			 FROST_ESHARE);
	net_close(&net);
}

static void share_checks_bound_their_index(void **state)
{
	struct ap_statement s = statement_of(1);
	struct frost_group small;
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	net_list(&net, 0x9, 0);
	assert_int_equal(net_sign_all(&net, &s), 0);
	assert_int_equal(frost_share_check(&net.session, &net.key[0].group, 2, net.shares.z[0]),
			 FROST_ELIMIT);
	small = net.key[0].group;
	small.n = 3; /* without member 4 */
	assert_int_equal(frost_share_check(&net.session, &small, 1, net.shares.z[1]),
			 FROST_EMEMBER);
	net_close(&net);
}

static void any_flipped_bit_breaks_a_signature(void **state)
{
	struct ap_statement s = statement_of(1);
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	net_list(&net, 0x3, 0);
	assert_int_equal(net_sign_all(&net, &s), 0);
	for (size_t i = 0; i < 64; i++) {
		net.signature[i] ^= (uint8_t)(1U << i % 8);
		assert_int_equal(frost_verify(net.key[0].group.key, FROST_BATCH, &s, net.signature),
				 FROST_ESIGNATURE);
		assert_int_equal(frost_verify_own(net.f[0], FROST_BATCH, &s, net.signature),
				 FROST_ESIGNATURE);
		net.signature[i] ^= (uint8_t)(1U << i % 8);
	}
	assert_signed(&net, &s);
	assert_int_equal(frost_verify(net.key[0].group.key, (enum frost_kind)0, &s, net.signature),
			 FROST_EKIND);
	s.seq++;
	assert_int_equal(frost_verify(net.key[0].group.key, FROST_BATCH, &s, net.signature),
			 FROST_ESIGNATURE);
	net_close(&net);
}

/* A signer of another group has that one's table: it is no help, and no harm. */
static void a_signer_verifies_by_the_key_of_the_session(void **state)
{
	struct ap_statement s = statement_of(1);
	struct frost_key other[4];
	struct net net;

	(void)state;
	net_open(&net, 4, 2);
	net_list(&net, 0x3, 0);
	assert_int_equal(net_sign_all(&net, &s), 0);
	testkeys(other, 4, 2, EPOCH, SEED + 7);
	assert_int_equal(frost_load(net.f[1], &other[1], BOOT + 1), 0);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(
			frost_aggregate(net.f[i], &net.session, &net.shares, net.signature), 0);
		net.session.message[0] ^= 1;
		assert_int_equal(
			frost_aggregate(net.f[i], &net.session, &net.shares, net.signature),
			FROST_ESIGNATURE);
		net.session.message[0] ^= 1;
	}
	assert_int_equal(frost_verify_own(net.f[0], FROST_BATCH, &s, net.signature), 0);
	assert_int_equal(frost_verify_own(net.f[1], FROST_BATCH, &s, net.signature),
			 FROST_ESIGNATURE);
	assert_int_equal(frost_verify_own(net.f[0], (enum frost_kind)0, &s, net.signature),
			 FROST_EKIND);
	frost_wipe(net.f[0]);
	assert_int_equal(frost_verify_own(net.f[0], FROST_BATCH, &s, net.signature), FROST_ENOKEY);
	net_close(&net);
}

static void the_identity_as_group_key_verifies_nothing(void **state)
{
	struct ap_statement s = statement_of(1);
	uint8_t key[32], signature[64] = {0};

	(void)state;
	frost_point_identity(key);
	signature[32] = 9;
	frost_point_base(signature, signature + 32); /* [z]B ‖ z */
	assert_int_equal(frost_verify(key, FROST_BATCH, &s, signature), FROST_ESIGNATURE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_two_of_four_sign),
		cmocka_unit_test(three_of_seven_sign),
		cmocka_unit_test(five_of_thirteen_sign),
		cmocka_unit_test(one_of_one_signs),
		cmocka_unit_test(fewer_than_the_threshold_do_not_sign),
		cmocka_unit_test(members_and_outsiders_compute_the_same_session),
		cmocka_unit_test(two_sets_give_two_valid_signatures_of_one_statement),
		cmocka_unit_test(trial_and_batch_are_different_statements),
		cmocka_unit_test(a_session_tells_the_digest_of_its_statement),
		cmocka_unit_test(a_refused_request_touches_nothing),
		cmocka_unit_test(a_session_of_others_checks_its_list_as_well),
		cmocka_unit_test(a_second_statement_for_a_sequence_is_refused),
		cmocka_unit_test(statements_stay_remembered_over_reboot_wipe_and_load),
		cmocka_unit_test(sequences_behind_the_window_are_refused),
		cmocka_unit_test(the_window_holds_1024_statements),
		cmocka_unit_test(a_nonce_signs_once_and_is_zero_afterwards),
		cmocka_unit_test(bad_point_of_a_peer_is_named_and_spends_the_nonce),
		cmocka_unit_test(torsion_on_a_peers_point_is_named),
		cmocka_unit_test(reboot_zeroes_every_slot_and_wants_a_larger_number),
		cmocka_unit_test(a_new_epoch_zeroes_every_slot),
		cmocka_unit_test(a_signer_that_changes_its_member_signs_as_the_new_one),
		cmocka_unit_test(slots_behind_the_pool_pointer_are_zeroed),
		cmocka_unit_test(wiping_leaves_neither_key_nor_nonces),
		cmocka_unit_test(nothing_is_done_without_a_key),
		cmocka_unit_test(a_forked_child_holds_nothing),
		cmocka_unit_test(the_pool_takes_64_at_a_time_and_256_in_all),
		cmocka_unit_test(a_counter_whose_slot_was_filled_anew_is_spent),
		cmocka_unit_test(a_generator_that_repeats_itself_repeats_no_nonce),
		cmocka_unit_test(nonces_come_from_random_octets_slot_and_share),
		cmocka_unit_test(a_point_checked_ahead_is_not_checked_again),
		cmocka_unit_test(checking_a_point_ahead_vouches_for_no_other),
		cmocka_unit_test(the_owner_of_a_bad_share_is_named),
		cmocka_unit_test(two_bad_shares_that_cancel_still_sign),
		cmocka_unit_test(second_encodings_of_shares_and_signatures_are_refused),
		cmocka_unit_test(a_share_of_another_statement_set_or_epoch_does_not_fit),
		cmocka_unit_test(share_checks_bound_their_index),
		cmocka_unit_test(any_flipped_bit_breaks_a_signature),
		cmocka_unit_test(a_signer_verifies_by_the_key_of_the_session),
		cmocka_unit_test(the_identity_as_group_key_verifies_nothing),
	};

	return cmocka_run_group_tests_name("frost", tests, NULL, NULL);
}
