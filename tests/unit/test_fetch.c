/* Catch-up, one core at a time: daemon/pbft/fetch.c and on_fetch.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "libproto/crypto.h"
#include "libproto/digest.h"
#include "tests/lib/rig.h"

enum { MANY = 20 };

static struct rig r;
static struct pbft_batch batch[MANY + 1];
static uint8_t running[MANY + 1][32];

static int setup(void **state)
{
	(void)state;
	rig_init(&r, 4, 2);
	rig_start(&r);
	rig_links(&r);
	memcpy(running[0], r.conf.running0, 32);
	for (uint64_t seq = 1; seq <= MANY; seq++) {
		batch[seq] = rig_batch(&r, seq);
		ap_digest_running(ap_sha256, running[seq], running[seq - 1], seq,
				  batch[seq].digest);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_free(&r);
	return 0;
}

static void others_are_at(uint64_t executed)
{
	rig_status(&r, 3, executed, 0);
	rig_status(&r, 4, executed, 0);
	rig_status(&r, 1, executed, 0);
}

static void bodies(uint64_t from, uint64_t to)
{
	uint8_t id = rig_source(&r);

	for (uint64_t seq = from; seq <= to; seq++)
		rig_body(&r, id, seq, &batch[seq]);
}

/* Scenario 39. */
static void f_claims_start_nothing(void **state)
{
	(void)state;
	rig_status(&r, 3, 1000000, 999996);
	rig_clear(&r);
	for (int i = 0; i < 20; i++)
		rig_timer(&r, 100);
	assert_int_equal(rig_count(&r, PBFT_SEND_FETCH), 0);
}

static void f_plus_one_far_ahead_start_it_at_once(void **state)
{
	const struct pbft_effect *e;

	(void)state;
	rig_status(&r, 3, 17, 16);
	rig_status(&r, 4, 15, 12);
	assert_int_equal(rig_count(&r, PBFT_SEND_FETCH), 2);
	e = rig_nth(&r, PBFT_SEND_FETCH, 0);
	assert_true(e->u.fetch.bodies);
	assert_int_equal(e->u.fetch.from, 1);
	assert_int_equal(e->u.fetch.to, 8); /* one window at a time */
	assert_true(e->to == 4 || e->to == 8);
	assert_false(rig_nth(&r, PBFT_SEND_FETCH, 1)->u.fetch.bodies);
	assert_int_equal(e->to | rig_nth(&r, PBFT_SEND_FETCH, 1)->to, 0xd);
}

static void a_small_gap_is_left_to_the_votes_for_a_while(void **state)
{
	(void)state;
	others_are_at(2);
	rig_timer(&r, 99);
	assert_int_equal(rig_count(&r, PBFT_SEND_FETCH), 0);
	rig_timer(&r, 1);
	assert_int_equal(rig_count(&r, PBFT_SEND_FETCH), 2);
	assert_int_equal(rig_last(&r, PBFT_SEND_FETCH)->u.fetch.to, 2);
}

static void what_f_plus_one_attest_is_written_then_executed_in_order(void **state)
{
	(void)state;
	others_are_at(8);
	bodies(1, 8);
	rig_attest(&r, 3, 8, running[8]);
	assert_int_equal(rig_count(&r, PBFT_WRITE_FETCHED), 0);
	rig_attest(&r, 4, 8, running[8]);
	assert_int_equal(rig_count(&r, PBFT_WRITE_FETCHED), 8);
	assert_int_equal(rig_count(&r, PBFT_EXECUTE), 0);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_EXECUTE), 8);
	assert_int_equal(rig_info(&r).executed, 8);
	assert_memory_equal(rig_info(&r).running, running[8], 32);
	assert_int_equal(rig_count(&r, PBFT_SEND_PREPARE) + rig_count(&r, PBFT_SEND_COMMIT), 0);
}

/* B8. */
static void one_peers_word_is_not_enough(void **state)
{
	uint8_t id;

	(void)state;
	others_are_at(8);
	bodies(1, 8);
	id = rig_source(&r);
	rig_attest(&r, id, 8, running[8]);
	rig_attest(&r, id, 8, running[8]);
	rig_attest(&r, 2, 8, running[8]); /* nor one's own, nor a stranger's */
	rig_attest(&r, 7, 8, running[8]);
	rig_attest(&r, id == 3 ? 4 : 3, 7, running[8]); /* of another place */
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_WRITE_FETCHED) + rig_count(&r, PBFT_EXECUTE), 0);
}

static void attests_that_differ_do_not_add_up(void **state)
{
	uint8_t other[32] = {9};

	(void)state;
	others_are_at(8);
	bodies(1, 8);
	rig_attest(&r, 3, 8, running[8]);
	rig_attest(&r, 4, 8, other);
	assert_int_equal(rig_count(&r, PBFT_WRITE_FETCHED), 0);
	rig_attest(&r, 1, 8, running[8]);
	assert_int_equal(rig_count(&r, PBFT_WRITE_FETCHED), 8);
}

/* Scenario 33. */
static void a_wrong_body_sends_all_of_them_to_the_next_source(void **state)
{
	struct pbft_batch lie = rig_batch(&r, 99);
	uint8_t first;

	(void)state;
	others_are_at(8);
	first = rig_source(&r);
	bodies(1, 4);
	rig_body(&r, first, 5, &lie);
	bodies(6, 8);
	rig_attest(&r, 1, 8, running[8]);
	rig_clear(&r);
	rig_attest(&r, 3, 8, running[8]);
	rig_attest(&r, 4, 8, running[8]);
	assert_int_equal(rig_count(&r, PBFT_WRITE_FETCHED), 0);
	assert_int_equal(rig_count(&r, PBFT_DROP_BATCH), 8);
	assert_int_not_equal(rig_source(&r), first);
	bodies(1, 8);
	assert_int_equal(rig_count(&r, PBFT_WRITE_FETCHED), 8);
	assert_int_equal(rig_held(&r, lie.digest), 0);
}

/* Scenario 36. */
static void bodies_out_of_order_are_kept_and_others_dropped(void **state)
{
	uint8_t id;

	(void)state;
	others_are_at(8);
	id = rig_source(&r);
	for (uint64_t seq = 8; seq >= 1; seq--) {
		rig_body(&r, id == 3 ? 4 : 3, seq, &batch[seq]); /* not asked for these */
		rig_body(&r, id, seq, &batch[seq]);
		rig_body(&r, id, seq, &batch[seq]); /* twice */
	}
	rig_body(&r, id, 9, &batch[9]);
	rig_body(&r, id, 0, &batch[9]);
	assert_int_equal(rig_held_all(&r), 8);
	rig_attest(&r, 3, 8, running[8]);
	rig_attest(&r, 4, 8, running[8]);
	assert_int_equal(rig_count(&r, PBFT_WRITE_FETCHED), 8);
	assert_int_equal(rig_held_all(&r), 8);
}

static void a_silent_source_is_left_for_the_next_and_only_gaps_are_asked(void **state)
{
	uint8_t first;

	(void)state;
	others_are_at(8);
	first = rig_source(&r);
	bodies(1, 3);
	rig_attest(&r, 3, 8, running[8]);
	rig_attest(&r, 4, 8, running[8]);
	rig_attest(&r, 1, 8, running[8]);
	rig_clear(&r);
	rig_timer(&r, 100);
	assert_int_not_equal(rig_source(&r), first);
	assert_int_equal(rig_last(&r, PBFT_SEND_FETCH)->u.fetch.from, 4);
	assert_int_equal(rig_count(&r, PBFT_SEND_FETCH), 1); /* all have attested */
	bodies(4, 8);
	assert_int_equal(rig_count(&r, PBFT_WRITE_FETCHED), 8);
}

static void a_source_whose_link_goes_down_is_left_at_once(void **state)
{
	uint8_t first;

	(void)state;
	others_are_at(8);
	first = rig_source(&r);
	rig_clear(&r);
	rig_link(&r, first, false);
	assert_int_equal(r.wake_ms, r.now_ms);
	rig_timer(&r, 0);
	assert_int_not_equal(rig_source(&r), first);
}

static void when_nobody_delivers_the_shell_is_told_and_asking_goes_on(void **state)
{
	(void)state;
	others_are_at(8);
	rig_clear(&r);
	rig_timer(&r, 100);
	rig_timer(&r, 100);
	assert_int_equal(rig_count(&r, PBFT_BEHIND), 0);
	rig_timer(&r, 100);
	assert_int_equal(rig_count(&r, PBFT_BEHIND), 1);
	assert_int_equal(rig_last(&r, PBFT_BEHIND)->u.behind.have, 0);
	assert_int_equal(rig_last(&r, PBFT_BEHIND)->u.behind.offered, 8);
	rig_clear(&r);
	rig_timer(&r, 100);
	rig_timer(&r, 100); /* they have twice the time now */
	assert_true(rig_count(&r, PBFT_SEND_FETCH) > 0);
}

/* A round trip of 150 ms, where sources have 100 at first. */
static void bodies_that_take_longer_than_expected_come_in_the_end(void **state)
{
	uint8_t source;
	int tries = 0;

	(void)state;
	others_are_at(8);
	while (rig_count(&r, PBFT_WRITE_FETCHED) == 0 && tries++ < 8) {
		source = rig_source(&r);
		rig_timer(&r, 100);
		rig_timer(&r, 50);
		for (uint64_t seq = 1; seq <= 8; seq++)
			rig_body(&r, source, seq, &batch[seq]);
		for (uint8_t id = 1; id <= 4; id++)
			if (id != r.conf.self)
				rig_attest(&r, id, 8, running[8]);
	}
	assert_int_equal(rig_count(&r, PBFT_WRITE_FETCHED), 8);
}

/* 2 has executed 8, 4 has 4, and 1 claims 8 and says nothing: only 4 can be proven. */
static void what_only_a_liar_claims_too_is_not_asked_for_again_and_again(void **state)
{
	const struct pbft_effect *e;

	(void)state;
	rig_status(&r, 1, 8, 0);
	rig_status(&r, 2, 8, 0);
	rig_status(&r, 4, 4, 0);
	for (int i = 0; i < 20 && rig_count(&r, PBFT_BEHIND) == 0; i++)
		rig_timer(&r, 100);
	assert_int_equal(rig_count(&r, PBFT_BEHIND), 1);
	rig_clear(&r);
	for (int i = 0; i < 3; i++)
		rig_timer(&r, 100);
	e = rig_nth(&r, PBFT_SEND_FETCH, 0);
	assert_non_null(e);
	assert_int_equal(e->u.fetch.to, 4);
}

static void bodies_of_the_own_log_are_not_fetched_again(void **state)
{
	(void)state;
	for (uint64_t seq = 1; seq <= 8; seq++)
		rig_pre_prepare(&r, seq, &batch[seq]);
	rig_written(&r);
	others_are_at(8);
	rig_clear(&r);
	rig_timer(&r, 100);
	for (size_t i = 0; i < rig_count(&r, PBFT_SEND_FETCH); i++)
		assert_false(rig_nth(&r, PBFT_SEND_FETCH, i)->u.fetch.bodies);
	rig_attest(&r, 3, 8, running[8]);
	rig_attest(&r, 4, 8, running[8]);
	assert_int_equal(rig_count(&r, PBFT_WRITE_FETCHED), 0); /* they are on disk */
	assert_int_equal(rig_info(&r).executed, 8);
}

/* An equivocating primary showed us another batch than the one that got through. */
static void a_body_of_the_own_log_that_was_not_committed_gives_way(void **state)
{
	struct pbft_batch other = rig_batch(&r, 77);

	(void)state;
	rig_pre_prepare(&r, 1, &other);
	rig_written(&r);
	others_are_at(8);
	bodies(2, 8);
	rig_attest(&r, 3, 8, running[8]);
	rig_clear(&r);
	rig_attest(&r, 4, 8, running[8]);
	assert_int_equal(rig_count(&r, PBFT_WRITE_FETCHED), 0);
	assert_int_equal(rig_last(&r, PBFT_SEND_FETCH)->u.fetch.from, 1);
	bodies(1, 8);
	assert_int_equal(rig_count(&r, PBFT_WRITE_FETCHED), 8);
	assert_int_equal(rig_held(&r, other.digest), 0);
	rig_written(&r);
	assert_memory_equal(rig_info(&r).running, running[8], 32);
}

static void ranges_follow_each_other_without_a_wait(void **state)
{
	(void)state;
	others_are_at(20);
	bodies(1, 8);
	rig_attest(&r, 3, 8, running[8]);
	rig_attest(&r, 4, 8, running[8]);
	rig_clear(&r);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_SEND_FETCH), 2);
	assert_int_equal(rig_nth(&r, PBFT_SEND_FETCH, 0)->u.fetch.from, 9);
	bodies(9, 16);
	rig_attest(&r, 3, 16, running[16]);
	rig_attest(&r, 4, 16, running[16]);
	rig_written(&r);
	bodies(17, 20);
	rig_attest(&r, 3, 20, running[20]);
	rig_attest(&r, 4, 20, running[20]);
	rig_clear(&r);
	rig_written(&r);
	assert_int_equal(rig_info(&r).executed, 20);
	assert_int_equal(rig_count(&r, PBFT_SEND_STATUS), 1); /* how far are they meanwhile? */
	assert_true(rig_held_all(&r) <= 8);
}

/* It votes for what comes next once it has got there and a checkpoint is stable. */
static void after_catching_up_it_votes_again(void **state)
{
	uint8_t at8[32];
	struct pbft_batch b = rig_batch(&r, 9);

	(void)state;
	rig_state(&r, 8, at8);
	others_are_at(8);
	bodies(1, 8);
	rig_attest(&r, 3, 8, running[8]);
	rig_attest(&r, 4, 8, running[8]);
	rig_written(&r);
	rig_written(&r);
	rig_clear(&r);
	rig_pre_prepare(&r, 9, &b);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 0);
	rig_checkpoint(&r, 3, 8, at8);
	rig_checkpoint(&r, 4, 8, at8);
	assert_int_equal(rig_info(&r).stable, 8);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_SEND_PREPARE), 1);
}

/* ---- the other side ---- */

static void a_fetch_is_served_and_attested(void **state)
{
	const struct pbft_effect *e;

	(void)state;
	for (uint64_t seq = 1; seq <= 6; seq++)
		rig_order(&r, seq);
	rig_clear(&r);
	rig_fetch(&r, 4, 2, 6, true);
	assert_int_equal(rig_last(&r, PBFT_SEND_ATTEST)->to, 8);
	assert_int_equal(rig_last(&r, PBFT_SEND_ATTEST)->u.attest.seq, 6);
	e = rig_last(&r, PBFT_SERVE);
	assert_int_equal(e->to, 8);
	assert_int_equal(e->u.fetch.from, 2);
	assert_int_equal(e->u.fetch.to, 6);
	rig_clear(&r);
	rig_fetch(&r, 3, 1, 6, false);
	assert_int_equal(rig_count(&r, PBFT_SEND_ATTEST), 1);
	assert_int_equal(rig_count(&r, PBFT_SERVE), 0);
}

static void what_was_not_executed_is_not_attested(void **state)
{
	(void)state;
	rig_order(&r, 1);
	rig_order(&r, 2);
	rig_pre_prepare(&r, 3, &batch[3]);
	rig_clear(&r);
	rig_fetch(&r, 4, 1, 5, true);
	assert_int_equal(rig_count(&r, PBFT_SEND_ATTEST), 0);
	assert_int_equal(rig_last(&r, PBFT_SERVE)->u.fetch.to, 2); /* 3 is not durable */
	rig_written(&r);
	rig_fetch(&r, 4, 3, 3, true); /* a single body: what is held durably */
	assert_int_equal(rig_last(&r, PBFT_SERVE)->u.fetch.from, 3);
	assert_int_equal(rig_count(&r, PBFT_SEND_ATTEST), 0);
	rig_clear(&r);
	rig_fetch(&r, 4, 4, 4, true);
	rig_fetch(&r, 4, 9, 20, true);
	assert_int_equal(r.n, 0);
}

static void the_same_range_is_not_served_twice_at_once(void **state)
{
	(void)state;
	for (uint64_t seq = 1; seq <= 6; seq++)
		rig_order(&r, seq);
	rig_clear(&r);
	rig_fetch(&r, 4, 1, 3, true);
	rig_fetch(&r, 4, 1, 3, true);
	rig_fetch(&r, 4, 2, 6, true);
	assert_int_equal(rig_count(&r, PBFT_SERVE), 1);
	assert_int_equal(rig_count(&r, PBFT_SEND_ATTEST), 1);
	rig_fetch(&r, 4, 4, 6, true); /* but what comes next is */
	assert_int_equal(rig_count(&r, PBFT_SERVE), 2);
	rig_fetch(&r, 3, 1, 3, true); /* and another peer */
	assert_int_equal(rig_count(&r, PBFT_SERVE), 3);
	rig_wait(&r, 50);
	rig_fetch(&r, 4, 1, 3, true); /* and the same after a while */
	assert_int_equal(rig_count(&r, PBFT_SERVE), 4);
}

static void impossible_ranges_are_dropped(void **state)
{
	(void)state;
	rig_order(&r, 1);
	rig_clear(&r);
	rig_fetch(&r, 4, 0, 1, true);
	rig_fetch(&r, 4, 2, 1, true);
	rig_fetch(&r, 4, 1, 1 + PBFT_FETCH_MAX, true);
	rig_fetch(&r, 4, 1, UINT64_MAX, true);
	rig_fetch(&r, 2, 1, 1, true);
	rig_fetch(&r, 5, 1, 1, true);
	assert_int_equal(rig_info(&r).dropped[PBFT_DROP_OTHER], 6);
	assert_int_equal(r.n, 0);
	rig_fetch(&r, 4, UINT64_MAX, UINT64_MAX, true);
	assert_int_equal(r.n, 0);
}

static void a_body_that_is_no_batch_is_given_up(void **state)
{
	struct pbft_batch huge = rig_batch(&r, 1);

	(void)state;
	others_are_at(8);
	huge.n_bundles = PBFT_BATCH_BUNDLES_MAX + 1;
	rig_body(&r, rig_source(&r), 1, &huge);
	assert_int_equal(rig_held_all(&r), 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(f_claims_start_nothing),
		TEST(f_plus_one_far_ahead_start_it_at_once),
		TEST(a_small_gap_is_left_to_the_votes_for_a_while),
		TEST(what_f_plus_one_attest_is_written_then_executed_in_order),
		TEST(one_peers_word_is_not_enough),
		TEST(attests_that_differ_do_not_add_up),
		TEST(a_wrong_body_sends_all_of_them_to_the_next_source),
		TEST(bodies_out_of_order_are_kept_and_others_dropped),
		TEST(a_silent_source_is_left_for_the_next_and_only_gaps_are_asked),
		TEST(bodies_that_take_longer_than_expected_come_in_the_end),
		TEST(a_source_whose_link_goes_down_is_left_at_once),
		TEST(when_nobody_delivers_the_shell_is_told_and_asking_goes_on),
		TEST(what_only_a_liar_claims_too_is_not_asked_for_again_and_again),
		TEST(bodies_of_the_own_log_are_not_fetched_again),
		TEST(a_body_of_the_own_log_that_was_not_committed_gives_way),
		TEST(ranges_follow_each_other_without_a_wait),
		TEST(after_catching_up_it_votes_again),
		TEST(a_fetch_is_served_and_attested),
		TEST(what_was_not_executed_is_not_attested),
		TEST(the_same_range_is_not_served_twice_at_once),
		TEST(impossible_ranges_are_dropped),
		TEST(a_body_that_is_no_batch_is_given_up),
	};

	return cmocka_run_group_tests_name("fetch", tests, NULL, NULL);
}
