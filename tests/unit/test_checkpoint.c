/* Checkpoints, one core at a time: daemon/pbft/on_checkpoint.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lib/rig.h"

static struct rig r;
static uint8_t at4[32], at8[32], wrong[32];

static int setup(void **state)
{
	(void)state;
	rig_init(&r, 4, 2);
	rig_start(&r);
	rig_state(&r, 4, at4);
	rig_state(&r, 8, at8);
	memset(wrong, 0xbb, 32);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_free(&r);
	return 0;
}

static void order(uint64_t from, uint64_t to)
{
	for (uint64_t seq = from; seq <= to; seq++)
		rig_order(&r, seq);
}

static void the_own_vote_leaves_only_once_durable(void **state)
{
	struct pbft_batch b;

	(void)state;
	order(1, 3);
	assert_int_equal(rig_count(&r, PBFT_WRITE_CHECKPOINT), 0);
	b = rig_batch(&r, 4);
	rig_pre_prepare(&r, 4, &b);
	rig_written(&r);
	for (uint8_t id = 1; id <= 4; id++)
		rig_commit(&r, id, 4, &b);
	assert_int_equal(rig_count(&r, PBFT_WRITE_CHECKPOINT), 1);
	assert_int_equal(rig_last(&r, PBFT_WRITE_CHECKPOINT)->u.checkpoint.seq, 4);
	assert_memory_equal(rig_last(&r, PBFT_WRITE_CHECKPOINT)->u.checkpoint.state, at4, 32);
	assert_int_equal(rig_count(&r, PBFT_SEND_CHECKPOINT), 0);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_SEND_CHECKPOINT), 1);
	assert_int_equal(rig_last(&r, PBFT_SEND_CHECKPOINT)->to, PBFT_EVERYONE);
}

/* A restart that finds the marker must find the vote: the vote is written first. */
static void the_vote_is_written_before_the_marker_and_what_is_stable_behind(void **state)
{
	uint64_t marker;

	(void)state;
	rig_checkpoint(&r, 1, 4, at4);
	rig_checkpoint(&r, 3, 4, at4);
	rig_checkpoint(&r, 4, 4, at4);
	order(1, 4);
	marker = rig_nth(&r, PBFT_WRITE_EXECUTED, 3)->token;
	assert_true(rig_last(&r, PBFT_WRITE_CHECKPOINT)->token < marker);
	assert_true(rig_last(&r, PBFT_WRITE_STABLE)->token > marker);
}

static void q_votes_with_the_own_one_make_it_stable(void **state)
{
	const struct pbft_effect *e;

	(void)state;
	order(1, 4);
	rig_checkpoint(&r, 3, 4, at4);
	rig_checkpoint(&r, 3, 4, at4);
	assert_int_equal(rig_count(&r, PBFT_STABLE), 0);
	rig_checkpoint(&r, 1, 4, at4);
	assert_int_equal(rig_count(&r, PBFT_STABLE), 0); /* its record comes first */
	rig_written(&r);
	e = rig_last(&r, PBFT_STABLE);
	assert_non_null(e);
	assert_int_equal(e->u.stable.seq, 4);
	assert_int_equal(e->u.stable.who, 0x7);
	assert_memory_equal(e->u.stable.state, at4, 32);
	assert_int_equal(e->u.stable.sig[2][0], 0x43);
	assert_int_equal(e->u.stable.sig[1][0], 0); /* its own: the shell makes it */
	assert_int_equal(rig_count(&r, PBFT_WRITE_STABLE), 1);
	assert_int_equal(rig_info(&r).stable, 4);
	rig_checkpoint(&r, 4, 4, at4);
	assert_int_equal(rig_count(&r, PBFT_STABLE), 1);
}

static void a_stable_checkpoint_gives_up_all_bodies_below(void **state)
{
	(void)state;
	order(1, 5);
	assert_int_equal(rig_held_all(&r), 5);
	rig_checkpoint(&r, 3, 4, at4);
	rig_checkpoint(&r, 1, 4, at4);
	assert_int_equal(rig_count(&r, PBFT_DROP_BATCH), 4);
	assert_int_equal(rig_held_all(&r), 1);
}

static void votes_that_came_before_are_counted(void **state)
{
	(void)state;
	rig_checkpoint(&r, 3, 4, at4);
	rig_checkpoint(&r, 1, 4, at4);
	rig_checkpoint(&r, 4, 4, at4);
	order(1, 4);
	assert_int_equal(rig_info(&r).stable, 4);
}

/* Scenario 35, B27. */
static void a_laggard_does_not_stabilise_what_it_lacks(void **state)
{
	(void)state;
	order(1, 3);
	for (uint8_t id = 1; id <= 4; id++)
		rig_checkpoint(&r, id, 4, at4);
	assert_int_equal(rig_count(&r, PBFT_STABLE), 0);
	assert_int_equal(rig_info(&r).stable, 0);
}

static void votes_on_another_state_do_not_count(void **state)
{
	(void)state;
	order(1, 4);
	rig_checkpoint(&r, 3, 4, wrong);
	rig_checkpoint(&r, 1, 4, at4);
	assert_int_equal(rig_info(&r).stable, 0);
	assert_int_equal(rig_count(&r, PBFT_DIVERGED), 0);
	rig_checkpoint(&r, 3, 4, at4); /* its first vote stands */
	assert_int_equal(rig_info(&r).dropped[PBFT_DROP_CONFLICT], 1);
	assert_int_equal(rig_info(&r).stable, 0);
	rig_checkpoint(&r, 4, 4, at4);
	assert_int_equal(rig_info(&r).stable, 4);
	rig_written(&r);
	assert_int_equal(rig_last(&r, PBFT_STABLE)->u.stable.who, 0xb);
}

/* Scenario 38. */
static void q_others_with_another_state_end_all_voting(void **state)
{
	struct pbft_batch b;

	(void)state;
	order(1, 4);
	rig_clear(&r);
	rig_checkpoint(&r, 1, 4, wrong);
	rig_checkpoint(&r, 3, 4, wrong);
	assert_int_equal(rig_count(&r, PBFT_DIVERGED), 0);
	rig_checkpoint(&r, 4, 4, wrong);
	assert_int_equal(rig_count(&r, PBFT_DIVERGED), 1);
	assert_memory_equal(rig_last(&r, PBFT_DIVERGED)->u.diverged.own, at4, 32);
	assert_memory_equal(rig_last(&r, PBFT_DIVERGED)->u.diverged.others, wrong, 32);
	assert_int_equal(rig_last(&r, PBFT_DIVERGED)->u.diverged.who, 0xd);
	assert_true(rig_info(&r).diverged);
	rig_clear(&r);
	b = rig_batch(&r, 5);
	rig_pre_prepare(&r, 5, &b);
	rig_own(&r, 1);
	rig_body(&r, 3, 5, &b);
	rig_status(&r, 3, 0, 0);
	rig_link(&r, 3, true);
	rig_timer(&r, 10000);
	rig_written(&r);
	assert_int_equal(r.n, 3); /* the bodies that came are given up */
	assert_int_equal(rig_count(&r, PBFT_DROP_BATCH), 2);
	assert_int_equal(rig_count(&r, PBFT_DROP_BUNDLE), 1);
	assert_true(r.wake_ms == UINT64_MAX);
}

static void what_cannot_be_a_checkpoint_is_dropped(void **state)
{
	(void)state;
	rig_checkpoint(&r, 3, 5, at4);
	rig_checkpoint(&r, 2, 4, at4);
	rig_checkpoint(&r, 9, 4, at4);
	assert_int_equal(rig_info(&r).dropped[PBFT_DROP_OTHER], 3);
	rig_checkpoint(&r, 3, 0, at4);
	assert_int_equal(rig_info(&r).dropped[PBFT_DROP_REPEAT], 1);
	rig_checkpoint(&r, 3, 20, at4);
	rig_checkpoint(&r, 3, UINT64_MAX - 3, at4);
	assert_int_equal(rig_info(&r).dropped[PBFT_DROP_WINDOW], 2);
}

static void a_peer_with_a_lower_stable_checkpoint_gets_the_own_votes(void **state)
{
	(void)state;
	order(1, 8);
	rig_checkpoint(&r, 3, 4, at4);
	rig_checkpoint(&r, 1, 4, at4);
	rig_clear(&r);
	rig_status(&r, 4, 8, 0);
	assert_int_equal(rig_count(&r, PBFT_SEND_CHECKPOINT), 2);
	assert_int_equal(rig_nth(&r, PBFT_SEND_CHECKPOINT, 0)->u.checkpoint.seq, 8);
	assert_int_equal(rig_nth(&r, PBFT_SEND_CHECKPOINT, 1)->u.checkpoint.seq, 4);
	assert_int_equal(rig_nth(&r, PBFT_SEND_CHECKPOINT, 0)->to, 8);
	rig_clear(&r);
	rig_status(&r, 3, 8, 4);
	assert_int_equal(rig_count(&r, PBFT_SEND_CHECKPOINT), 1);
	rig_checkpoint(&r, 3, 8, at8);
	rig_checkpoint(&r, 4, 8, at8);
	rig_clear(&r);
	rig_wait(&r, 1000);
	rig_status(&r, 4, 8, 8);
	assert_int_equal(r.n, 0);
}

static void a_checkpoint_moves_the_window_by_what_it_covers(void **state)
{
	struct pbft_batch b;

	(void)state;
	order(1, 8);
	b = rig_batch(&r, 9);
	rig_pre_prepare(&r, 9, &b);
	rig_checkpoint(&r, 3, 8, at8);
	rig_clear(&r);
	rig_checkpoint(&r, 1, 8, at8); /* the one at 4 was passed over */
	assert_int_equal(rig_info(&r).stable, 8);
	assert_int_equal(rig_count(&r, PBFT_DROP_BATCH), 8);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 1); /* of 9 */
	b = rig_batch(&r, 24);
	rig_pre_prepare(&r, 24, &b);
	assert_int_equal(rig_info(&r).dropped[PBFT_DROP_WINDOW], 0);
}

/* The others' votes are enough for it to be stable before the own one is on disk, which may not
 * leave then, not even when a vote far ahead would take its place. */
static void the_own_vote_on_a_stable_checkpoint_waits_for_the_disk_too(void **state)
{
	uint8_t at20[32] = {20};
	struct pbft_batch b;

	(void)state;
	order(1, 3);
	for (uint8_t id = 1; id <= 4; id++)
		if (id != r.conf.self)
			rig_checkpoint(&r, id, 4, at4);
	b = rig_batch(&r, 4);
	rig_pre_prepare(&r, 4, &b);
	rig_written(&r);
	for (uint8_t id = 1; id <= 4; id++)
		rig_commit(&r, id, 4, &b);
	assert_int_equal(rig_info(&r).stable, 4);
	rig_checkpoint(&r, 3, 20, at20);
	rig_status(&r, 4, 4, 0);
	assert_int_equal(rig_count(&r, PBFT_SEND_CHECKPOINT), 0);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_SEND_CHECKPOINT), 1);
	rig_clear(&r);
	rig_status(&r, 4, 4, 0);
	assert_int_equal(rig_count(&r, PBFT_SEND_CHECKPOINT), 1);
	assert_memory_equal(rig_last(&r, PBFT_SEND_CHECKPOINT)->u.checkpoint.state, at4, 32);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_own_vote_leaves_only_once_durable),
		TEST(the_vote_is_written_before_the_marker_and_what_is_stable_behind),
		TEST(q_votes_with_the_own_one_make_it_stable),
		TEST(a_stable_checkpoint_gives_up_all_bodies_below),
		TEST(votes_that_came_before_are_counted),
		TEST(a_laggard_does_not_stabilise_what_it_lacks),
		TEST(votes_on_another_state_do_not_count),
		TEST(q_others_with_another_state_end_all_voting),
		TEST(what_cannot_be_a_checkpoint_is_dropped),
		TEST(a_peer_with_a_lower_stable_checkpoint_gets_the_own_votes),
		TEST(the_own_vote_on_a_stable_checkpoint_waits_for_the_disk_too),
		TEST(a_checkpoint_moves_the_window_by_what_it_covers),
	};

	return cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}
