/* All that is stored, read once more by a running replica: daemon/scrub.c, merge_scrub.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/index_priv.h"
#include "tests/lib/bed.h"

enum { VICTIM = 3 };

struct wait {
	unsigned i;
	uint64_t passes;
};

static uint64_t status_of(struct cluster *c, unsigned i, const char *key)
{
	char text[1 << 14], line[64];
	struct ap_text t;
	const char *at;

	ap_text_init(&t, text, sizeof(text));
	run_status(c->run[i], &t);
	snprintf(line, sizeof(line), "\n%s=", key);
	at = strstr(text, line);
	assert_non_null(at);
	return strtoull(at + strlen(line), NULL, 10);
}

static bool has_passed(struct cluster *c, void *arg)
{
	const struct wait *w = arg;

	return status_of(c, w->i, "scrub_passes") >= w->passes;
}

/* A pass from end to end. */
static void scrub(struct bed *b, unsigned i)
{
	struct wait w = {i, status_of(b->c, i, "scrub_passes") + 1};

	run_scrub(b->c->run[i]);
	cluster_until(b->c, has_passed, &w);
}

static bool is_mended(struct cluster *c, void *arg)
{
	const struct wait *w = arg;
	struct pbft_info info;

	pbft_info(c->run[w->i]->pbft, &info);
	return status_of(c, w->i, "damages") >= w->passes && !info.lacks && !info.diverged &&
	       index_damage(c->run[w->i]->index) == NULL && !fetch_state_is_busy(c->run[w->i]);
}

/* The pass finds it; the store is had again, and the next pass finds nothing. */
static void assert_found_and_mended(struct bed *b, uint64_t damages)
{
	struct wait w = {VICTIM, damages};
	uint8_t digest[32];

	run_scrub(b->c->run[VICTIM]);
	cluster_until(b->c, is_mended, &w);
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	scrub(b, VICTIM);
	assert_int_equal(status_of(b->c, VICTIM, "damages"), damages);
	bed_assert_stand(b, VICTIM);
}

/* ---- nothing is wrong ---- */

static void what_is_whole_passes_at_every_replica(void **state)
{
	struct bed *b = *state;
	struct bed_kept k;

	for (unsigned i = 0; i < 4; i++)
		scrub(b, i);
	for (unsigned n = 0; n < 5; n++)
		bed_decide(b, &k, n % 4);
	for (unsigned i = 0; i < 4; i++) {
		scrub(b, i);
		assert_int_equal(status_of(b->c, i, "damages"), 0);
		assert_int_equal(b->c->run[i]->damages, 0);
	}
}

static void under_load_and_across_checkpoints_nothing_is_taken_for_damage(void **state)
{
	struct bed *b = *state;
	struct bed_kept k;

	for (unsigned n = 0; n < 300; n++) {
		if (n % 10 == 0)
			for (unsigned i = 0; i < 4; i++)
				run_scrub(b->c->run[i]);
		bed_decide(b, &k, n % 4);
	}
	bed_pass_checkpoint(b, 1);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(status_of(b->c, i, "scrub_passes") > 2);
		assert_int_equal(status_of(b->c, i, "damages"), 0);
	}
}

static void a_transferred_store_passes(void **state)
{
	struct bed *b = *state;
	struct wait w = {VICTIM, 1};

	assert_true(bed_flip_values(b, VICTIM) > 0);
	bed_assert_stand(b, VICTIM);
	cluster_until(b->c, is_mended, &w);
	scrub(b, VICTIM);
	bed_pass_checkpoint(b, 0);
	scrub(b, VICTIM);
	assert_int_equal(status_of(b->c, VICTIM, "damages"), 1);
}

/* ---- sums ---- */

static void a_value_that_nobody_asks_for_is_found_and_mended(void **state)
{
	struct bed *b = *state;

	assert_true(bed_flip_values(b, VICTIM) > 0);
	assert_found_and_mended(b, 1);
}

/* ---- good sums ---- */

struct change {
	unsigned table;
	bool deletes; /* the first three records; else an octet of one is changed: */
	size_t at;
	struct kv_span key; /* of which one; none: the last */
};

static void change_one(struct kv_txn *txn, const struct change *c)
{
	static uint8_t octets[1 << 20], key[KV_KEY_MAX];
	struct kv_span name = c->key, value;
	size_t n;

	if (name.n == 0)
		assert_int_equal(kv_last(txn, c->table, &name, &value), 0);
	memcpy(key, name.at, n = name.n);
	assert_int_equal(kv_get(txn, c->table, (struct kv_span){key, n}, &value), 0);
	assert_true(value.n > c->at && value.n <= sizeof(octets));
	memcpy(octets, value.at, value.n);
	octets[c->at] ^= 1;
	assert_int_equal(
		kv_put(txn, c->table, (struct kv_span){key, n}, (struct kv_span){octets, value.n}),
		0);
}

static void change(struct bed *b, const struct change *c)
{
	const struct kv_span none = {NULL, 0};
	struct kv *kv;
	struct kv_txn *txn;

	cluster_stop(b->c, VICTIM);
	kv = bed_store(b, VICTIM);
	txn = kv_write_begin(kv);
	if (c->deletes)
		assert_int_equal(kv_delete_range(txn, c->table, none, none, 3), 3);
	else
		change_one(txn, c);
	assert_int_equal(kv_commit(txn), 0);
	kv_close(kv);
	cluster_start(b->c, VICTIM);
	cluster_settle(b->c);
}

/* A lost write: the record is not there, and no sum is wrong. */
static void a_place_that_is_gone_is_found(void **state)
{
	change(*state, &(struct change){.table = BED_INDEX, .deletes = true});
	assert_found_and_mended(*state, 1);
}

static void an_outcome_that_is_gone_is_found(void **state)
{
	change(*state, &(struct change){.table = BED_LEAVES, .deletes = true});
	assert_found_and_mended(*state, 1);
}

static void a_tree_that_is_gone_is_found(void **state)
{
	change(*state, &(struct change){.table = BED_TREES, .deletes = true});
	assert_found_and_mended(*state, 1);
}

static void a_statement_that_is_gone_is_found(void **state)
{
	/* the first one is the formation's trial, which nothing refers to */
	change(*state, &(struct change){.table = BED_BLOCKS, .deletes = true});
	assert_found_and_mended(*state, 1);
}

static void a_section_that_is_gone_is_found(void **state)
{
	change(*state, &(struct change){.table = BED_HISTORY, .deletes = true});
	assert_found_and_mended(*state, 1);
}

static void a_chunk_that_is_gone_is_found(void **state)
{
	change(*state, &(struct change){.table = BED_CHUNKS, .deletes = true});
	assert_found_and_mended(*state, 1);
}

/* Old octets under their right name, or another replica's: sums are good, and it is not what was
 * signed. */
static void a_place_that_is_another_one_is_found(void **state)
{
	change(*state, &(struct change){.table = BED_INDEX, .at = 7});
	assert_found_and_mended(*state, 1);
}

static void an_outcome_that_is_another_one_is_found(void **state)
{
	change(*state, &(struct change){.table = BED_LEAVES, .at = 0}); /* its relay */
	assert_found_and_mended(*state, 1);
}

static void a_tree_that_is_another_one_is_found(void **state)
{
	change(*state, &(struct change){.table = BED_TREES, .at = 5});
	assert_found_and_mended(*state, 1);
}

static void a_statement_that_is_another_one_is_found(void **state)
{
	change(*state, &(struct change){.table = BED_BLOCKS, .at = 4 + 8 + 8 + 4}); /* its root */
	assert_found_and_mended(*state, 1);
}

static void a_node_of_the_history_that_is_another_one_is_found(void **state)
{
	static const uint8_t first_section[9] = {1}; /* its root, on the second one's way up */

	change(*state, &(struct change){.table = BED_HISTORY,
					.at = 3,
					.key = {first_section, sizeof(first_section)}});
	assert_found_and_mended(*state, 1);
}

static void a_chunk_that_is_another_one_is_found(void **state)
{
	change(*state, &(struct change){.table = BED_CHUNKS, .at = 7}); /* its T */
	assert_found_and_mended(*state, 1);
}

static void a_state_that_is_another_one_is_found(void **state)
{
	/* the last key of that table is the snapshot; a start finds it, without a scrub */
	change(*state, &(struct change){.table = BED_META, .at = 8 + 58 + 24 + 3});
	assert_int_equal(status_of(((struct bed *)*state)->c, VICTIM, "damages"), 1);
	bed_assert_stand(*state, VICTIM);
}

/* ---- the journal ---- */

static void damage_in_votes_that_count_makes_it_recover(void **state)
{
	struct bed *b = *state;
	struct wait w = {VICTIM, 1};
	struct pbft_info info;
	struct bed_kept k;
	uint8_t digest[32];

	assert_true(bed_flip(b, VICTIM, "journal/journal-0000000001", "a value to be damaged", 21,
			     3) > 0);
	run_scrub(b->c->run[VICTIM]);
	cluster_until(b->c, is_mended, &w);
	pbft_info(b->c->run[VICTIM]->pbft, &info);
	assert_true(info.recovering || info.incarnation > 0); /* or it has come back already */
	bed_decide(b, &k, 0);
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	bed_assert_stand(b, VICTIM);
	assert_null(run_failure(b->c->run[VICTIM]));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, bed_up, bed_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_whole_passes_at_every_replica),
		TEST(under_load_and_across_checkpoints_nothing_is_taken_for_damage),
		TEST(a_transferred_store_passes),
		TEST(a_value_that_nobody_asks_for_is_found_and_mended),
		TEST(a_place_that_is_gone_is_found),
		TEST(an_outcome_that_is_gone_is_found),
		TEST(a_tree_that_is_gone_is_found),
		TEST(a_statement_that_is_gone_is_found),
		TEST(a_section_that_is_gone_is_found),
		TEST(a_chunk_that_is_gone_is_found),
		TEST(a_place_that_is_another_one_is_found),
		TEST(an_outcome_that_is_another_one_is_found),
		TEST(a_tree_that_is_another_one_is_found),
		TEST(a_statement_that_is_another_one_is_found),
		TEST(a_node_of_the_history_that_is_another_one_is_found),
		TEST(a_chunk_that_is_another_one_is_found),
		TEST(a_state_that_is_another_one_is_found),
		TEST(damage_in_votes_that_count_makes_it_recover),
	};

	if (argc > 1) /* one of them, by name */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("scrub", tests, NULL, NULL);
}
