/* Coming back with a journal, one core at a time: daemon/pbft/restore.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lib/rig.h"

static struct rig r;
static struct pbft_batch a, b;
static uint8_t gone[32];

static void make(uint8_t self)
{
	rig_init(&r, 4, self);
	rig_make(&r);
	a = rig_batch(&r, 1);
	b = rig_batch(&r, 2);
}

static int backup(void **state)
{
	(void)state;
	make(2);
	return 0;
}

static int primary(void **state)
{
	(void)state;
	make(1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_free(&r);
	return 0;
}

static int base(uint64_t executed, uint64_t stable)
{
	struct pbft_restore_base it = {
		.executed = executed, .stable = stable, .time_ms = r.wall_ms, .running = {7}};

	rig_state(&r, executed, it.state);
	rig_state(&r, stable, it.stable_state);
	r.machine_ms = r.wall_ms;
	return pbft_restore_base(r.core, &it);
}

static struct pbft_certificate cert_of(uint16_t who)
{
	struct pbft_certificate c = {.who = who};

	memset(c.pre_prepare_sig, 0x11, 64);
	memset(c.sig, 0x22, sizeof(c.sig));
	return c;
}

static int proposal(uint64_t seq, const struct pbft_batch *batch)
{
	struct pbft_certificate c = cert_of(0);

	return pbft_restore_proposal(
		r.core,
		&(struct pbft_slot_view){.seq = seq, .primary = 1, .batch = batch, .cert = &c},
		gone);
}

static int prepared(uint64_t seq, const struct pbft_batch *batch, uint16_t who)
{
	struct pbft_certificate c = cert_of(who);

	return pbft_restore_prepared(
		r.core,
		&(struct pbft_slot_view){.seq = seq, .primary = 1, .batch = batch, .cert = &c});
}

static int fetched(uint64_t seq, const struct pbft_batch *batch)
{
	return pbft_restore_fetched(
		r.core, &(struct pbft_slot_view){.seq = seq, .primary = 1, .batch = batch}, gone);
}

/* The shell's part: bodies of what the core holds. */
static void hold(const struct pbft_batch *batch)
{
	map_put(&r.holds, map_digest_key(batch->digest), NULL)->count++;
}

static void a_restored_prepare_is_sent_again_and_no_other_one(void **state)
{
	(void)state;
	assert_int_equal(proposal(1, &a), PBFT_HELD);
	hold(&a);
	rig_start(&r);
	rig_link(&r, 3, true);
	assert_int_equal(rig_count(&r, PBFT_SEND_PREPARE), 1);
	assert_memory_equal(rig_last(&r, PBFT_SEND_PREPARE)->u.slot.batch->digest, a.digest, 32);
	assert_int_equal(rig_count(&r, PBFT_SEND_COMMIT), 0);
	rig_clear(&r);
	rig_pre_prepare(&r, 1, &b);
	rig_prepare(&r, 3, 1, &b);
	rig_prepare(&r, 4, 1, &b);
	rig_timer(&r, 100);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 0);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PREPARED), 0);
	assert_memory_equal(rig_last(&r, PBFT_SEND_PREPARE)->u.slot.batch->digest, a.digest, 32);
	assert_int_equal(rig_info(&r).dropped[PBFT_DROP_CONFLICT], 1);
}

static void a_restored_prepare_counts(void **state)
{
	(void)state;
	proposal(1, &a);
	hold(&a);
	rig_start(&r);
	rig_prepare(&r, 3, 1, &a);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PREPARED), 1);
	assert_int_equal(rig_last(&r, PBFT_WRITE_PREPARED)->u.slot.cert->pre_prepare_sig[0], 0x11);
}

static void a_restored_certificate_sends_its_commit_and_counts_it(void **state)
{
	(void)state;
	proposal(1, &a);
	hold(&a);
	assert_int_equal(prepared(1, &a, 0xc), 0);
	rig_start(&r);
	rig_link(&r, 3, true);
	assert_int_equal(rig_count(&r, PBFT_SEND_COMMIT), 1);
	rig_commit(&r, 3, 1, &a);
	assert_int_equal(rig_count(&r, PBFT_EXECUTE), 0);
	rig_commit(&r, 4, 1, &a);
	assert_int_equal(rig_count(&r, PBFT_EXECUTE), 1);
}

/* Others may need the votes on what was executed here. */
static void votes_on_executed_sequences_are_still_there(void **state)
{
	(void)state;
	assert_int_equal(base(1, 0), 0);
	assert_int_equal(proposal(1, &a), PBFT_HELD);
	hold(&a);
	assert_int_equal(prepared(1, &a, 0xc), 0);
	rig_start(&r);
	rig_status(&r, 3, 0, 0);
	assert_int_equal(rig_count(&r, PBFT_SEND_COMMIT), 1);
	assert_int_equal(rig_count(&r, PBFT_SEND_PREPARE), 1);
	assert_int_equal(rig_count(&r, PBFT_EXECUTE), 0);
}

static void a_fetched_batch_is_executed_at_once(void **state)
{
	(void)state;
	assert_int_equal(fetched(1, &a), PBFT_HELD);
	hold(&a);
	rig_event(&r, &(struct pbft_event){.kind = PBFT_EV_START});
	assert_int_equal(rig_count(&r, PBFT_EXECUTE), 1);
	assert_int_equal(rig_info(&r).executed, 1);
}

static void a_fetched_batch_takes_the_place_of_what_was_voted_for(void **state)
{
	(void)state;
	assert_int_equal(proposal(1, &a), PBFT_HELD);
	assert_int_equal(fetched(1, &b), PBFT_HELD | PBFT_REPLACED);
	assert_memory_equal(gone, a.digest, 32);
	hold(&b);
	rig_event(&r, &(struct pbft_event){.kind = PBFT_EV_START});
	assert_memory_equal(rig_last(&r, PBFT_EXECUTE)->u.slot.batch->digest, b.digest, 32);
	rig_link(&r, 3, true);
	rig_pre_prepare(&r, 1, &b); /* the vote of this view was for the other one */
	rig_written(&r);
	assert_int_equal(rig_votes(&r), 0);
}

static void one_body_in_two_records_is_held_once(void **state)
{
	(void)state;
	assert_int_equal(fetched(1, &a), PBFT_HELD);
	assert_int_equal(proposal(1, &a), 0);
	assert_int_equal(prepared(1, &a, 0xc), 0);
	assert_int_equal(fetched(1, &a), 0);
	hold(&a);
	rig_event(&r, &(struct pbft_event){.kind = PBFT_EV_START});
	assert_int_equal(rig_info(&r).executed, 1);
}

/* S15, B24. */
static void a_restarted_primary_proposes_above_its_log(void **state)
{
	struct pbft_bundle next = rig_bundle_of(3, 1, 5);

	(void)state;
	b.time += 2000;
	rig_seal(&b);
	assert_int_equal(base(4, 4), 0);
	assert_int_equal(proposal(5, &a), PBFT_HELD);
	assert_int_equal(proposal(6, &b), PBFT_HELD);
	hold(&a);
	hold(&b);
	rig_start(&r);
	assert_int_equal(rig_info(&r).next_seq, 7);
	rig_link(&r, 3, true);
	assert_int_equal(rig_count(&r, PBFT_SEND_PRE_PREPARE), 2);
	rig_bundle(&r, 3, &next);
	rig_prepare(&r, 2, 5, &a);
	rig_prepare(&r, 3, 5, &a);
	rig_written(&r);
	rig_commit(&r, 2, 5, &a);
	rig_commit(&r, 3, 5, &a);
	assert_int_equal(rig_info(&r).executed, 5);
	assert_int_equal(rig_last(&r, PBFT_WRITE_PROPOSAL)->u.slot.seq, 7);
	assert_int_equal(rig_last(&r, PBFT_WRITE_PROPOSAL)->u.slot.batch->time, b.time);
}

static void checkpoint_votes_are_kept(void **state)
{
	uint8_t at8[32];

	(void)state;
	rig_state(&r, 8, at8);
	assert_int_equal(base(9, 4), 0);
	assert_int_equal(pbft_restore_checkpoint(r.core, 8, 0, at8), 0);
	assert_int_equal(pbft_restore_checkpoint(r.core, 8, 0, at8), 0);
	rig_start(&r);
	rig_status(&r, 3, 9, 0);
	assert_int_equal(rig_count(&r, PBFT_SEND_CHECKPOINT), 2); /* at 8, and the stable one */
	rig_checkpoint(&r, 3, 8, at8);
	rig_checkpoint(&r, 4, 8, at8);
	assert_int_equal(rig_info(&r).stable, 8);
	rig_written(&r);
	assert_int_equal(rig_last(&r, PBFT_STABLE)->u.stable.who, 0xe);
}

static void a_checkpoint_reached_without_a_vote_is_voted_for_at_the_start(void **state)
{
	uint8_t at8[32];

	(void)state;
	rig_state(&r, 8, at8);
	assert_int_equal(base(8, 4), 0);
	rig_event(&r, &(struct pbft_event){.kind = PBFT_EV_START});
	assert_int_equal(rig_count(&r, PBFT_WRITE_CHECKPOINT), 1);
	assert_memory_equal(rig_last(&r, PBFT_WRITE_CHECKPOINT)->u.checkpoint.state, at8, 32);
	assert_int_equal(rig_count(&r, PBFT_SEND_CHECKPOINT), 0);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_SEND_CHECKPOINT), 1);
}

/* S2: never two CHECKPOINTs for one sequence. */
static void a_machine_that_does_not_repeat_itself_ends_all_voting(void **state)
{
	uint8_t other[32] = {0xcc};

	(void)state;
	assert_int_equal(base(3, 0), 0);
	assert_int_equal(pbft_restore_checkpoint(r.core, 4, 0, other), 0);
	rig_start(&r);
	rig_pre_prepare(&r, 4, &a);
	rig_written(&r);
	for (uint8_t id = 1; id <= 4; id++)
		rig_commit(&r, id, 4, &a);
	assert_int_equal(rig_count(&r, PBFT_DIVERGED), 1);
	assert_int_equal(rig_count(&r, PBFT_WRITE_CHECKPOINT), 0);
	assert_true(rig_info(&r).diverged);
}

static void records_that_contradict_each_other_are_damage(void **state)
{
	uint8_t x[32] = {1}, y[32] = {2};

	(void)state;
	assert_int_equal(proposal(1, &a), PBFT_HELD);
	assert_int_equal(proposal(1, &a), 0);
	assert_int_equal(proposal(1, &b), -1);
	assert_int_equal(prepared(1, &b, 0xc), -1); /* another batch than proposed */
	assert_int_equal(prepared(2, &b, 0xc), -1); /* never proposed */
	assert_int_equal(prepared(1, &a, 0x4), -1); /* no certificate */
	assert_int_equal(prepared(1, &a, 0x5), -1);
	assert_int_equal(fetched(3, &a), PBFT_HELD);
	assert_int_equal(fetched(3, &b), -1);
	assert_int_equal(pbft_restore_checkpoint(r.core, 4, 0, x), 0);
	assert_int_equal(pbft_restore_checkpoint(r.core, 4, 0, y), -1);
	assert_int_equal(pbft_restore_checkpoint(r.core, 5, 0, x), -1);
	assert_int_equal(base(4, 8), -1);
	assert_int_equal(base(7, 6), -1);
	b.n_bundles = PBFT_BATCH_BUNDLES_MAX + 1;
	assert_int_equal(proposal(4, &b), -1);
	assert_int_equal(fetched(4, &b), -1);
}

static void records_outside_the_window_are_ignored(void **state)
{
	uint8_t x[32] = {1};

	(void)state;
	assert_int_equal(base(30, 8), 0); /* caught up, no checkpoint stable yet */
	assert_int_equal(proposal(22, &a), 0);
	assert_int_equal(prepared(22, &a, 0xc), 0);
	assert_int_equal(fetched(22, &a), 0);
	assert_int_equal(fetched(39, &a), 0);
	assert_int_equal(pbft_restore_checkpoint(r.core, 4, 0, x), 0);
	assert_int_equal(proposal(23, &a), PBFT_HELD);
	hold(&a);
	rig_start(&r);
	assert_int_equal(rig_info(&r).executed, 30);
	assert_int_equal(rig_info(&r).stable, 8);
}

/* Else whoever sends it once more to those that came back makes them wait for a primary that knows
 * better. */
static void a_bundle_executed_before_the_start_is_spent(void **state)
{
	struct machine_numbers numbers = {0};
	struct pbft_bundle old = rig_bundle_of(4, 1, 3), next = rig_bundle_of(4, 1, 4);

	(void)state;
	machine_numbers_take(&numbers, 1, 3);
	assert_int_equal(base(1, 0), 0);
	pbft_restore_numbers(r.core, 4, &numbers);
	rig_start(&r);
	rig_links(&r);
	rig_bundle(&r, 4, &old);
	assert_int_equal(rig_count(&r, PBFT_SEND_BUNDLE), 0);
	rig_bundle(&r, 4, &next);
	assert_int_equal(rig_count(&r, PBFT_SEND_BUNDLE), 1);
}

#define AS(role, test) cmocka_unit_test_setup_teardown(test, role, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		AS(backup, a_restored_prepare_is_sent_again_and_no_other_one),
		AS(backup, a_restored_prepare_counts),
		AS(backup, a_restored_certificate_sends_its_commit_and_counts_it),
		AS(backup, votes_on_executed_sequences_are_still_there),
		AS(backup, a_fetched_batch_is_executed_at_once),
		AS(backup, a_fetched_batch_takes_the_place_of_what_was_voted_for),
		AS(backup, one_body_in_two_records_is_held_once),
		AS(primary, a_restarted_primary_proposes_above_its_log),
		AS(backup, checkpoint_votes_are_kept),
		AS(backup, a_checkpoint_reached_without_a_vote_is_voted_for_at_the_start),
		AS(backup, a_machine_that_does_not_repeat_itself_ends_all_voting),
		AS(backup, records_that_contradict_each_other_are_damage),
		AS(backup, records_outside_the_window_are_ignored),
		AS(backup, a_bundle_executed_before_the_start_is_spent),
	};

	return cmocka_run_group_tests_name("restore", tests, NULL, NULL);
}
