/* Damage in what replicas have stored, and a state that is another one than the others': draft
 * {#damage},
 * {#checkpoints}. Whole replicas in one process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/damage.h"
#include "daemon/index_priv.h"
#include "libproto/outcome.h"
#include "tests/lib/bed.h"

enum { VICTIM = 3, OTHER = 2 };

/* The disk of the directory that is named here has so much room; of others, plenty. */
static const char *short_dir;
static uint64_t short_room;

uint64_t __wrap_disk_room(const char *path);
uint64_t __wrap_disk_room(const char *path)
{
	return short_dir != NULL && strcmp(path, short_dir) == 0 ? short_room : (uint64_t)1 << 40;
}

static struct pbft_info core(const struct bed *b, unsigned i)
{
	struct pbft_info info;

	pbft_info(b->c->run[i]->pbft, &info);
	return info;
}

static bool is_whole_again(struct cluster *c, void *arg)
{
	const unsigned *i = arg;
	struct pbft_info info;

	pbft_info(c->run[*i]->pbft, &info);
	return c->run[*i]->damages > 0 && !info.lacks && !info.diverged &&
	       index_damage(c->run[*i]->index) == NULL;
}

/* With the victim alone in the place of another one nothing would be decided without its votes. */
static void assert_votes(struct bed *b, unsigned victim, unsigned away)
{
	struct bed_kept k;

	cluster_stop(b->c, away);
	bed_decide(b, &k, victim);
	cluster_start(b->c, away);
	cluster_settle(b->c);
}

static void damage_met_by_a_reader_gives_no_wrong_answer_and_is_mended(void **state)
{
	struct bed *b = *state;
	unsigned victim = VICTIM;
	uint8_t digest[32];

	bed_trim(b, VICTIM);
	assert_true(bed_flip_values(b, VICTIM) > 0);
	bed_assert_stand(b, VICTIM);
	cluster_until(b->c, is_whole_again, &victim);
	assert_int_equal(b->c->run[VICTIM]->damages, 1);
	assert_true(bed_has_file(b, VICTIM, "store.aside/data.mdb"));
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	bed_assert_stand(b, VICTIM);
	assert_votes(b, VICTIM, OTHER);
	bed_assert_open(b, VICTIM);
	cluster_stop(b->c, VICTIM);
	cluster_start(b->c, VICTIM);
	bed_assert_stand(b, VICTIM);
	assert_int_equal(b->c->run[VICTIM]->damages, 0);
	bed_assert_open(b, VICTIM);
	bed_end(b, VICTIM);
	cluster_state(b->c, digest);
}

/* Who has all of its log needs nobody: all four at once. */
static void where_all_have_lost_it_their_journals_have_it(void **state)
{
	struct bed *b = *state;
	struct bed_kept k;
	uint8_t digest[32];

	for (unsigned i = 0; i < 4; i++)
		assert_true(bed_flip_values(b, i) > 0);
	for (unsigned i = 0; i < 4; i++)
		run_scrub(b->c->run[i]);
	for (unsigned i = 0; i < 4; i++)
		cluster_until(b->c, is_whole_again, &i);
	for (unsigned n = 0; n < 4; n++)
		bed_decide(b, &k, n);
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	for (unsigned i = 0; i < 4; i++)
		bed_assert_stand(b, i);
	bed_assert_open(b, VICTIM);
	bed_end(b, VICTIM);
	cluster_state(b->c, digest);
}

static void damage_met_in_execution_is_mended(void **state)
{
	struct bed *b = *state;
	unsigned victim = VICTIM;
	uint8_t digest[32];
	struct bed_kept again;

	assert_true(bed_flip_values(b, VICTIM) > 0);
	again = b->kept[0]; /* proposed once more: the machine looks it up in each store */
	cluster_propose(b->c, 0, &again.instance, "another value");
	for (unsigned n = 0; n < 3; n++)
		bed_decide(b, &again, n % 3);
	/* an answer of the first one's came from its store: the victim is asked by ordering */
	bed_assert_stand(b, VICTIM);
	cluster_until(b->c, is_whole_again, &victim);
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	bed_assert_stand(b, VICTIM);
	assert_votes(b, VICTIM, OTHER);
}

static void damage_at_the_primary_is_mended_as_well(void **state)
{
	struct bed *b = *state;
	unsigned primary = core(b, VICTIM).primary - 1u;
	struct bed_kept k;

	assert_true(bed_flip_values(b, primary) > 0);
	bed_assert_stand(b, primary);
	bed_decide(b, &k, (primary + 1) % 4);
	cluster_until(b->c, is_whole_again, &primary);
	cluster_settle(b->c);
	bed_assert_stand(b, primary);
}

/* Found at a start: the checks of kv.c see it, and the store goes away. */
static void damage_found_at_a_start_is_mended(void **state)
{
	struct bed *b = *state;
	uint8_t digest[32];

	cluster_stop(b->c, VICTIM);
	assert_true(bed_flip_values(b, VICTIM) > 0);
	cluster_start(b->c, VICTIM);
	assert_true(bed_has_file(b, VICTIM, "store.aside/data.mdb"));
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	bed_assert_stand(b, VICTIM);
	assert_votes(b, VICTIM, OTHER);
	bed_assert_open(b, VICTIM);
	bed_end(b, VICTIM);
	cluster_state(b->c, digest);
}

/* ---- the store, written to with good sums ---- */

/* One more instance of the last relay's in the last bucket: nothing shows it before a checkpoint.
 * draft {#state} has the layout: what is kept stands before the history's count and roots. */
static void alter(uint8_t *octets, size_t n, uint64_t seq)
{
	size_t history = 8 + 32 * (size_t)__builtin_popcountll(seq);

	assert_true(n > history + 4);
	octets[n - history - 1] ^= 1;
}

/* A state changed, its sum right; with_proof: the signatures stay. */
static void alter_state(const struct bed *b, unsigned i, bool with_proof)
{
	struct kv *kv = bed_store(b, i);
	struct kv_txn *txn = kv_write_begin(kv);
	struct kv_span key = {"snapshot", 8}, proof = {"proof", 5}, value;
	uint8_t *octets;

	assert_int_equal(kv_get(txn, BED_META, key, &value), 0);
	octets = malloc(value.n);
	assert_non_null(octets);
	memcpy(octets, value.at, value.n);
	alter(octets, value.n, disk_get64(octets));
	assert_int_equal(kv_put(txn, BED_META, key, (struct kv_span){octets, value.n}), 0);
	if (!with_proof)
		assert_int_equal(kv_delete(txn, BED_META, proof), 0);
	assert_int_equal(kv_commit(txn), 0);
	free(octets);
	kv_close(kv);
}

static void a_state_that_nobody_signed_is_not_begun_with(void **state)
{
	struct bed *b = *state;
	uint8_t digest[32];

	cluster_stop(b->c, VICTIM);
	alter_state(b, VICTIM, true);
	cluster_start(b->c, VICTIM);
	assert_int_equal(b->c->run[VICTIM]->damages, 1);
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	bed_assert_stand(b, VICTIM);
	bed_assert_open(b, VICTIM);
	bed_end(b, VICTIM);
	cluster_state(b->c, digest);
}

/* Nothing but the history has what is undecided: draft {#state}. */
static void a_history_without_what_is_undecided_is_not_begun_with(void **state)
{
	struct bed *b = *state;
	struct kv *kv;
	struct kv_txn *txn;
	uint8_t digest[32];

	cluster_stop(b->c, VICTIM);
	kv = bed_store(b, VICTIM);
	txn = kv_write_begin(kv);
	kv_delete_range(txn, BED_CHUNKS, (struct kv_span){NULL, 0}, (struct kv_span){NULL, 0},
			100000);
	assert_int_equal(kv_commit(txn), 0);
	kv_close(kv);
	cluster_start(b->c, VICTIM);
	assert_int_equal(b->c->run[VICTIM]->damages, 1);
	cluster_settle(b->c);
	bed_assert_open(b, VICTIM);
	bed_end(b, VICTIM);
	cluster_state(b->c, digest);
	bed_assert_stand(b, VICTIM);
}

static void a_record_that_is_gone_is_met_at_a_start_and_had_again(void **state)
{
	struct bed *b = *state;
	struct kv *kv;
	struct kv_txn *txn;
	uint8_t digest[32];
	struct bed_kept k;

	/* behind the last checkpoint the same instance is looked up once more */
	cluster_propose(b->c, 0, &b->kept[1].instance, "another value");
	bed_decide(b, &k, 0);
	cluster_settle(b->c);
	cluster_stop(b->c, VICTIM);
	kv = bed_store(b, VICTIM);
	txn = kv_write_begin(kv);
	kv_delete_range(txn, BED_LEAVES, (struct kv_span){NULL, 0}, (struct kv_span){NULL, 0},
			100000);
	assert_int_equal(kv_commit(txn), 0);
	kv_close(kv);
	cluster_start(b->c, VICTIM);
	cluster_settle(b->c);
	bed_assert_stand(b, VICTIM);
	assert_true(b->c->run[VICTIM]->damages > 0);
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	bed_assert_stand(b, VICTIM);
}

/* ---- no room ---- */

static void a_full_disk_delays_taking_over_and_fails_nothing(void **state)
{
	struct bed *b = *state;
	unsigned victim = VICTIM;
	uint8_t digest[32];
	struct bed_kept k;

	bed_trim(b, VICTIM);
	short_dir = b->c->data[VICTIM];
	short_room = (uint64_t)16 << 18; /* a quarter of a segment: the first mark is not reached */
	assert_true(bed_flip_values(b, VICTIM) > 0);
	bed_decide(b, &k, 0);
	cluster_propose(b->c, 0, &b->kept[0].instance, "another value");
	run_scrub(b->c->run[VICTIM]);
	for (unsigned n = 0; n < 40; n++)
		bed_decide(b, &k, n % 3);
	assert_int_equal(b->c->run[VICTIM]->damages, 1);
	assert_true(core(b, VICTIM).lacks);
	assert_false(bed_has_file(b, VICTIM, "store.aside/data.mdb")); /* it made room */
	assert_null(run_failure(b->c->run[VICTIM]));
	short_room = (uint64_t)1 << 30;
	cluster_until(b->c, is_whole_again, &victim);
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	bed_assert_stand(b, VICTIM);
	bed_assert_open(b, VICTIM);
	bed_end(b, VICTIM);
	cluster_state(b->c, digest);
	short_dir = NULL;
}

/* ---- votes ---- */

static void without_its_votes_it_follows_and_answers_in_silence(void **state)
{
	struct bed *b = *state;
	uint8_t digest[32];
	struct bed_kept k;
	uint64_t before;

	damage_votes(b->c->run[VICTIM], "the journal is damaged (a test says so)");
	assert_true(core(b, VICTIM).recovering);
	assert_true(b->c->run[VICTIM]->recover.is);
	assert_true(bed_has_file(b, VICTIM, RECOVER_FILE));
	before = core(b, VICTIM).executed;
	bed_decide(b, &k, 0);
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	assert_true(core(b, VICTIM).executed > before);
	bed_assert_stand(b, VICTIM);
	assert_null(run_failure(b->c->run[VICTIM]));
}

/* ---- quarantine ---- */

static bool is_in_quarantine(struct cluster *c, void *arg)
{
	const unsigned *i = arg;

	return c->run[*i]->quarantine != QUARANTINE_NONE;
}

static bool follows(struct cluster *c, void *arg)
{
	const unsigned *i = arg;

	return c->run[*i]->quarantine == QUARANTINE_FOLLOWS;
}

/* The victim's machine goes wrong, and a checkpoint shows it. */
static void diverge(struct bed *b)
{
	struct machine *m = b->c->run[VICTIM]->machine;
	size_t cap = machine_snapshot_max(m), n;
	uint8_t *octets = malloc(cap);
	unsigned victim = VICTIM;
	struct bed_kept k;

	assert_non_null(octets);
	n = machine_snapshot(m, octets, cap);
	alter(octets, n, machine_seq(m));
	assert_int_equal(machine_restore(m, octets, n), 0);
	free(octets);
	while (!is_in_quarantine(b->c, &victim))
		bed_decide(b, &k, 0);
}

static void who_differs_from_the_others_goes_into_quarantine_and_follows(void **state)
{
	struct bed *b = *state;
	unsigned victim = VICTIM;
	uint8_t digest[32];
	struct bed_kept k;

	diverge(b);
	assert_true(bed_has_file(b, VICTIM, "quarantine"));
	assert_true(bed_has_file(b, VICTIM, "state.aside"));
	assert_true(bed_has_file(b, VICTIM, "store.aside/data.mdb"));
	cluster_until(b->c, follows, &victim);
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	assert_true(core(b, VICTIM).silent);
	bed_assert_stand(b, VICTIM);
	for (unsigned n = 0; n < 8; n++)
		bed_decide(b, &k, n % 4);
	bed_pass_checkpoint(b, 0);
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	assert_false(core(b, VICTIM).diverged);
	bed_assert_open(b, VICTIM);
	bed_end(b, 0);
	bed_pass_checkpoint(b, 0);
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	assert_false(core(b, VICTIM).diverged);
}

static void a_restart_does_not_lift_it_an_operator_does(void **state)
{
	struct bed *b = *state;
	unsigned victim = VICTIM;
	char path[TEMPDIR_MAX + 64], text[1 << 14];
	uint8_t digest[32];
	struct ap_text t;

	diverge(b);
	cluster_until(b->c, follows, &victim);
	cluster_settle(b->c);
	cluster_kill(b->c, VICTIM);
	cluster_start(b->c, VICTIM);
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	assert_true(core(b, VICTIM).silent);
	ap_text_init(&t, text, sizeof(text));
	run_status(b->c->run[VICTIM], &t);
	assert_non_null(strstr(text, "phase=quarantine"));
	bed_assert_stand(b, VICTIM);
	cluster_stop(b->c, VICTIM);
	snprintf(path, sizeof(path), "%s/quarantine", b->c->data[VICTIM]);
	assert_int_equal(unlink(path), 0);
	cluster_start(b->c, VICTIM);
	cluster_settle(b->c);
	assert_false(core(b, VICTIM).silent);
	assert_votes(b, VICTIM, OTHER);
}

static void killed_at_any_step_of_it_it_gets_there(void **state)
{
	struct bed *b = *state;
	unsigned victim = VICTIM;
	uint8_t digest[32];

	diverge(b);
	cluster_kill(b->c, VICTIM); /* while it fetches, or before */
	cluster_start(b->c, VICTIM);
	assert_true(b->c->run[VICTIM]->quarantine != QUARANTINE_NONE);
	cluster_until(b->c, follows, &victim);
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	bed_assert_stand(b, VICTIM);
}

/* A wrong state from the disk, and no signatures that show it before the next checkpoint. */
static void an_altered_store_shows_at_the_next_checkpoint(void **state)
{
	struct bed *b = *state;
	unsigned victim = VICTIM;
	uint8_t digest[32];

	cluster_stop(b->c, VICTIM);
	alter_state(b, VICTIM, false);
	cluster_start(b->c, VICTIM);
	assert_int_equal(b->c->run[VICTIM]->damages, 0);
	bed_pass_checkpoint(b, 0);
	cluster_until(b->c, follows, &victim);
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	bed_assert_stand(b, VICTIM);
	assert_true(core(b, VICTIM).silent);
}

/* ---- one that was put back without the other ---- */

static bool has_come_back(struct cluster *c, void *arg)
{
	(void)arg;
	return !c->run[VICTIM]->recover.is;
}

/* The store has seen more of its votes than the journal has: nothing else would show it before
 * somebody shows one. */
static void an_older_journal_beside_a_newer_store_has_it_rejoin(void **state)
{
	char path[TEMPDIR_MAX + 64];
	struct bed *b = *state;
	uint8_t *older;
	size_t n;

	cluster_stop(b->c, VICTIM);
	snprintf(path, sizeof(path), "%s/journal/journal-0000000001", b->c->data[VICTIM]);
	older = tempdir_load(path, &n);
	cluster_start(b->c, VICTIM);
	assert_false(b->c->run[VICTIM]->recover.is);
	bed_pass_checkpoint(b, 0);
	cluster_stop(b->c, VICTIM);
	tempdir_store(path, older, n);
	free(older);
	cluster_start(b->c, VICTIM);
	assert_true(b->c->run[VICTIM]->recover.is);
	assert_true(core(b, VICTIM).recovering);
	assert_non_null(strstr(b->c->run[VICTIM]->recover.why, "put back both or none"));
	cluster_until(b->c, has_come_back, NULL);
	cluster_settle(b->c);
	bed_assert_stand(b, VICTIM);
	cluster_stop(b->c, VICTIM); /* what it knows now is whole again */
	cluster_start(b->c, VICTIM);
	assert_false(b->c->run[VICTIM]->recover.is);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, bed_up, bed_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(damage_met_by_a_reader_gives_no_wrong_answer_and_is_mended),
		TEST(where_all_have_lost_it_their_journals_have_it),
		TEST(damage_met_in_execution_is_mended),
		TEST(damage_at_the_primary_is_mended_as_well),
		TEST(damage_found_at_a_start_is_mended),
		TEST(a_state_that_nobody_signed_is_not_begun_with),
		TEST(a_history_without_what_is_undecided_is_not_begun_with),
		TEST(a_record_that_is_gone_is_met_at_a_start_and_had_again),
		TEST(a_full_disk_delays_taking_over_and_fails_nothing),
		TEST(without_its_votes_it_follows_and_answers_in_silence),
		TEST(who_differs_from_the_others_goes_into_quarantine_and_follows),
		TEST(a_restart_does_not_lift_it_an_operator_does),
		TEST(killed_at_any_step_of_it_it_gets_there),
		TEST(an_altered_store_shows_at_the_next_checkpoint),
		TEST(an_older_journal_beside_a_newer_store_has_it_rejoin),
	};

	if (argc > 1) /* one of them, by name */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
