/* Ordering, one core at a time: proposing, voting, executing, bundles on their way. tests/lib/rig.h
 * is around it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lib/rig.h"

static struct rig r;

static int primary(void **state)
{
	(void)state;
	rig_init(&r, 4, 1);
	rig_start(&r);
	return 0;
}

static int backup(void **state)
{
	(void)state;
	rig_init(&r, 4, 2);
	rig_start(&r);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_free(&r);
	return 0;
}

static uint64_t dropped(enum pbft_drop why)
{
	return rig_info(&r).dropped[why];
}

static void hand(uint8_t relay, uint64_t counter)
{
	struct pbft_bundle b = rig_bundle_of(relay, 1, counter);

	rig_bundle(&r, relay, &b);
}

/* The primary's batch of seq gets through. */
static void get_through(uint64_t seq)
{
	struct pbft_batch b = {0};

	rig_written(&r);
	for (size_t i = 0; i < rig_count(&r, PBFT_WRITE_PROPOSAL); i++) {
		const struct pbft_effect *e = rig_nth(&r, PBFT_WRITE_PROPOSAL, i);

		if (e->u.slot.seq == seq)
			b = *e->u.slot.batch;
	}
	assert_true(b.n_bundles > 0);
	for (uint8_t id = 2; id <= 4; id++)
		rig_prepare(&r, id, seq, &b);
	rig_written(&r);
	for (uint8_t id = 2; id <= 4; id++)
		rig_commit(&r, id, seq, &b);
	assert_int_equal(r.executed, seq);
}

/* ---- the primary ---- */

static void an_idle_primary_proposes_at_once(void **state)
{
	const struct pbft_effect *e;

	(void)state;
	hand(3, 1);
	e = rig_last(&r, PBFT_WRITE_PROPOSAL);
	assert_non_null(e);
	assert_int_equal(e->u.slot.seq, 1);
	assert_int_equal(e->u.slot.primary, 1);
	assert_int_equal(e->u.slot.batch->n_bundles, 1);
	assert_int_equal(e->u.slot.batch->bundles[0].relay, 3);
	assert_int_equal(e->u.slot.batch->time, r.wall_ms);
	assert_int_equal(rig_info(&r).in_flight, 1);
}

static void a_batch_has_the_digest_of_its_time_and_bundles(void **state)
{
	struct pbft_batch b;

	(void)state;
	hand(3, 1);
	b = *rig_last(&r, PBFT_WRITE_PROPOSAL)->u.slot.batch;
	rig_seal(&b);
	assert_memory_equal(b.digest, rig_last(&r, PBFT_WRITE_PROPOSAL)->u.slot.batch->digest, 32);
}

static void a_pre_prepare_leaves_only_once_durable(void **state)
{
	(void)state;
	hand(3, 1);
	assert_int_equal(rig_votes(&r), 0);
	rig_timer(&r, 150); /* not even when it would be sent again */
	assert_int_equal(rig_votes(&r), 0);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_SEND_PRE_PREPARE), 1);
	assert_int_equal(rig_last(&r, PBFT_SEND_PRE_PREPARE)->to, PBFT_EVERYONE);
	assert_int_equal(rig_count(&r, PBFT_SEND_PREPARE), 0); /* it has said what it says */
}

static void beyond_the_pipeline_bundles_gather(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 6; i++)
		hand(3, i);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 2);
	assert_int_equal(rig_info(&r).queued, 4);
	get_through(1);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 3);
	assert_int_equal(rig_last(&r, PBFT_WRITE_PROPOSAL)->u.slot.batch->n_bundles, 4);
	assert_int_equal(rig_info(&r).queued, 0);
}

static void a_full_batch_does_not_wait_for_the_pipeline(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 2 + 9; i++)
		hand(3, i);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 2);
	hand(3, 12); /* the tenth request */
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 3);
	assert_int_equal(rig_last(&r, PBFT_WRITE_PROPOSAL)->u.slot.batch->n_bundles, 10);
}

static void a_batch_stays_within_requests_and_octets(void **state)
{
	struct pbft_bundle b;

	(void)state;
	hand(3, 1);
	hand(3, 2);
	for (uint64_t i = 3; i <= 5; i++) {
		b = rig_bundle_of(3, 1, i);
		b.octets = 4000;
		rig_bundle(&r, 3, &b);
	}
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 3); /* 12000 octets make one full */
	assert_int_equal(rig_last(&r, PBFT_WRITE_PROPOSAL)->u.slot.batch->n_bundles, 2);
	b.counter = 6;
	b.octets = 10001;
	rig_bundle(&r, 3, &b); /* fits into none */
	b.octets = 100;
	b.requests = 11;
	rig_bundle(&r, 3, &b);
	assert_int_equal(dropped(PBFT_DROP_OTHER), 2);
	assert_int_equal(rig_info(&r).queued, 1);
}

static void relays_take_turns(void **state)
{
	const struct pbft_batch *batch;

	(void)state;
	hand(2, 1);
	hand(2, 2);
	for (uint64_t i = 3; i <= 9; i++)
		hand(2, i);
	hand(3, 1);
	hand(4, 1);
	get_through(1);
	batch = rig_last(&r, PBFT_WRITE_PROPOSAL)->u.slot.batch;
	assert_int_equal(batch->n_bundles, 9);
	assert_int_equal(batch->bundles[0].relay, 3); /* 2 was served last */
	assert_int_equal(batch->bundles[1].relay, 4);
	for (size_t i = 2; i < 9; i++) {
		assert_int_equal(batch->bundles[i].relay, 2);
		assert_int_equal(batch->bundles[i].counter, i + 1); /* first in, first out */
	}
}

/* A line whose first bundle is too big for what is left of a batch begins the next one. */
static void a_big_bundle_is_not_starved_by_small_ones(void **state)
{
	struct pbft_bundle big = rig_bundle_of(3, 1, 1);

	(void)state;
	hand(2, 1);
	hand(2, 2);
	big.requests = 9;
	hand(2, 3);
	hand(2, 4);
	rig_bundle(&r, 3, &big);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 3);
	for (uint64_t i = 5; i <= 7; i++)
		hand(2, i);
	get_through(1);
	get_through(2);
	get_through(3);
	for (size_t i = 2; i < rig_count(&r, PBFT_WRITE_PROPOSAL); i++) {
		const struct pbft_batch *b = rig_nth(&r, PBFT_WRITE_PROPOSAL, i)->u.slot.batch;

		for (size_t k = 0; k < b->n_bundles; k++)
			if (b->bundles[k].relay == 3)
				return; /* at the latest in the fourth */
	}
	fail();
}

static void no_bundle_number_is_proposed_twice(void **state)
{
	(void)state;
	hand(3, 1);
	hand(3, 1); /* in flight */
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 1);
	hand(3, 2);
	hand(3, 3);
	hand(3, 3); /* waiting */
	assert_int_equal(rig_info(&r).queued, 1);
	get_through(1);
	hand(3, 1); /* executed */
	assert_int_equal(dropped(PBFT_DROP_REPEAT), 3);
	assert_int_equal(rig_info(&r).queued, 0);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 3);
}

static void one_relay_cannot_fill_the_queue(void **state)
{
	(void)state;
	r.executes = false;
	for (uint64_t i = 1; i <= 300; i++)
		hand(3, i);
	assert_true(rig_info(&r).queued <= PBFT_OWN_MAX);
	assert_true(dropped(PBFT_DROP_FULL) > 0);
	hand(4, 1);
	assert_int_equal(dropped(PBFT_DROP_FULL), 300 - PBFT_OWN_MAX);
}

/* Whatever a relay has sent before: what others may watch has a place. */
static void the_lowest_numbers_of_a_relay_have_room(void **state)
{
	(void)state;
	r.executes = false;
	for (uint64_t i = 300; i > 48; i--)
		hand(3, i);
	for (uint64_t i = 48; i > 0; i--)
		hand(3, i);
	for (uint64_t i = 1; i <= 48; i++)
		hand(3, i); /* they are there already */
	assert_int_equal(dropped(PBFT_DROP_FULL), 300 - PBFT_OWN_MAX);
	assert_int_equal(dropped(PBFT_DROP_REPEAT), 48);
}

static void a_new_run_of_a_relay_voids_what_waits_of_older_ones(void **state)
{
	struct pbft_bundle b = rig_bundle_of(3, 2, 1);

	(void)state;
	for (uint64_t i = 1; i <= 5; i++)
		hand(3, i);
	assert_int_equal(rig_info(&r).queued, 3);
	rig_bundle(&r, 3, &b);
	assert_int_equal(rig_info(&r).queued, 1);
	assert_int_equal(rig_count(&r, PBFT_DROP_BUNDLE), 5);
}

static void the_time_of_batches_never_sinks(void **state)
{
	uint64_t first = r.wall_ms;

	(void)state;
	hand(3, 1);
	r.wall_ms -= 3600 * 1000;
	hand(3, 2);
	assert_int_equal(rig_last(&r, PBFT_WRITE_PROPOSAL)->u.slot.batch->time, first);
}

static void a_primary_stops_at_the_high_watermark(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 8; i++) {
		hand(3, i);
		get_through(i);
	}
	hand(3, 9);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 8);
	for (uint8_t id = 2; id <= 3; id++) {
		uint8_t at[32];

		rig_state(&r, 4, at);
		rig_checkpoint(&r, id, 4, at);
	}
	rig_written(&r);
	assert_int_equal(rig_info(&r).stable, 4);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 9);
}

static void a_primary_that_lags_behind_others_proposes_nothing(void **state)
{
	(void)state;
	rig_status(&r, 2, 5, 4);
	rig_status(&r, 3, 5, 4);
	hand(3, 1);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 0);
}

/* draft {#prepare}: the primary's PREPARE adds nothing; 2f backups are what it takes. */
static void a_primary_is_prepared_by_2f_backups(void **state)
{
	struct pbft_batch b;

	(void)state;
	hand(3, 1);
	rig_written(&r);
	b = *rig_last(&r, PBFT_SEND_PRE_PREPARE)->u.slot.batch;
	rig_prepare(&r, 1, 1, &b); /* its own, from wherever */
	rig_prepare(&r, 2, 1, &b);
	rig_prepare(&r, 2, 1, &b);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PREPARED), 0);
	rig_prepare(&r, 4, 1, &b);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PREPARED), 1);
	assert_int_equal(rig_last(&r, PBFT_WRITE_PREPARED)->u.slot.cert->who, 0xa);
	assert_int_equal(rig_last(&r, PBFT_WRITE_PREPARED)->u.slot.cert->sig[3][0], 0x24);
}

/* ---- backups ---- */

static void a_prepare_leaves_only_once_durable(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1);

	(void)state;
	rig_pre_prepare(&r, 1, &b);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 1);
	assert_int_equal(rig_last(&r, PBFT_WRITE_PROPOSAL)->u.slot.cert->pre_prepare_sig[0], 0x11);
	rig_timer(&r, 150);
	assert_int_equal(rig_votes(&r), 0);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_SEND_PREPARE), 1);
	assert_int_equal(rig_count(&r, PBFT_SEND_PRE_PREPARE), 0);
}

static void the_own_prepare_counts_only_once_durable(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1);

	(void)state;
	rig_pre_prepare(&r, 1, &b);
	rig_prepare(&r, 3, 1, &b);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PREPARED), 0);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PREPARED), 1);
	assert_int_equal(rig_last(&r, PBFT_WRITE_PREPARED)->u.slot.cert->who, 0x6);
}

static void a_commit_leaves_and_counts_only_once_durable(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1);

	(void)state;
	rig_pre_prepare(&r, 1, &b);
	rig_written(&r);
	rig_prepare(&r, 3, 1, &b);
	rig_commit(&r, 1, 1, &b);
	rig_commit(&r, 3, 1, &b);
	assert_int_equal(rig_count(&r, PBFT_SEND_COMMIT), 0);
	assert_int_equal(rig_count(&r, PBFT_EXECUTE), 0);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_SEND_COMMIT), 1);
	assert_int_equal(rig_count(&r, PBFT_EXECUTE), 1);
}

static void the_primarys_prepare_adds_nothing(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1);

	(void)state;
	rig_pre_prepare(&r, 1, &b);
	rig_written(&r);
	rig_prepare(&r, 1, 1, &b);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PREPARED), 0);
	assert_int_equal(dropped(PBFT_DROP_OTHER), 1);
}

/* Scenario 2. */
static void exact_quorums_of_distinct_members(void **state)
{
	(void)state;
	for (uint8_t n = 4; n <= 13; n = (uint8_t)(n + 3)) {
		uint8_t f = (uint8_t)((n - 1) / 3);
		struct pbft_batch b;

		rig_free(&r);
		rig_init(&r, n, 2);
		rig_start(&r);
		b = rig_batch(&r, 1);
		rig_pre_prepare(&r, 1, &b);
		rig_written(&r);
		for (uint8_t i = 0; i < 2 * f - 1; i++) { /* with the own one 2f */
			assert_int_equal(rig_count(&r, PBFT_WRITE_PREPARED), 0);
			rig_prepare(&r, (uint8_t)(3 + i), 1, &b);
			rig_prepare(&r, (uint8_t)(3 + i), 1, &b);
		}
		assert_int_equal(rig_count(&r, PBFT_WRITE_PREPARED), 1);
		rig_written(&r);
		for (uint8_t i = 0; i < 2 * f; i++) { /* with the own one 2f + 1 */
			assert_int_equal(rig_count(&r, PBFT_EXECUTE), 0);
			rig_commit(&r, (uint8_t)(3 + i), 1, &b);
			rig_commit(&r, (uint8_t)(3 + i), 1, &b);
		}
		assert_int_equal(rig_count(&r, PBFT_EXECUTE), 1);
	}
}

static void commits_of_q_others_do_without_the_own_one(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1);

	(void)state;
	rig_pre_prepare(&r, 1, &b);
	rig_commit(&r, 1, 1, &b);
	rig_commit(&r, 3, 1, &b);
	rig_commit(&r, 4, 1, &b);
	assert_int_equal(rig_count(&r, PBFT_EXECUTE), 0); /* its body is not durable yet */
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_EXECUTE), 1);
	assert_int_equal(rig_count(&r, PBFT_SEND_COMMIT), 0);
	rig_prepare(&r, 3, 1, &b); /* others may need its COMMIT still */
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_SEND_COMMIT), 1);
}

/* Scenario 3. */
static void votes_before_their_pre_prepare_are_used(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1);

	(void)state;
	rig_prepare(&r, 3, 1, &b);
	rig_prepare(&r, 4, 1, &b);
	rig_commit(&r, 1, 1, &b);
	rig_commit(&r, 4, 1, &b);
	rig_pre_prepare(&r, 1, &b);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_SEND_COMMIT), 1);
	assert_int_equal(rig_count(&r, PBFT_EXECUTE), 1);
}

static void votes_of_one_window_ahead_are_kept_and_no_more(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1);

	(void)state;
	rig_prepare(&r, 3, 9, &b);
	rig_prepare(&r, 3, 16, &b);
	rig_pre_prepare(&r, 16, &b);
	assert_int_equal(dropped(PBFT_DROP_WINDOW), 0);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 0); /* above the high watermark */
	rig_prepare(&r, 3, 17, &b);
	rig_commit(&r, 3, 17, &b);
	rig_pre_prepare(&r, 17, &b);
	rig_prepare(&r, 3, 0, &b);
	rig_prepare(&r, 3, UINT64_MAX, &b);
	assert_int_equal(dropped(PBFT_DROP_WINDOW), 5);
	assert_int_equal(rig_held(&r, b.digest), 1);
}

static void a_pre_prepare_ahead_is_prepared_when_the_window_gets_there(void **state)
{
	struct pbft_batch b = rig_batch(&r, 9);
	uint8_t at[32];

	(void)state;
	rig_pre_prepare(&r, 9, &b);
	for (uint64_t seq = 1; seq <= 4; seq++)
		rig_order(&r, seq);
	rig_clear(&r);
	rig_state(&r, 4, at);
	rig_checkpoint(&r, 1, 4, at);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 0);
	rig_checkpoint(&r, 3, 4, at);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 1);
	assert_int_equal(rig_last(&r, PBFT_WRITE_PROPOSAL)->u.slot.seq, 9);
}

/* Scenario 1. */
static void a_second_pre_prepare_is_not_prepared(void **state)
{
	struct pbft_batch a = rig_batch(&r, 1), b = rig_batch(&r, 2);

	(void)state;
	rig_pre_prepare(&r, 1, &a);
	rig_pre_prepare(&r, 1, &a);
	assert_int_equal(dropped(PBFT_DROP_REPEAT), 1);
	rig_pre_prepare(&r, 1, &b);
	assert_int_equal(dropped(PBFT_DROP_CONFLICT), 1);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 1);
	assert_int_equal(rig_held(&r, a.digest), 1);
	assert_int_equal(rig_held(&r, b.digest), 0);
	rig_prepare(&r, 3, 1, &a);
	rig_prepare(&r, 3, 1, &b);
	assert_int_equal(dropped(PBFT_DROP_CONFLICT), 2);
}

static void what_is_not_for_this_view_or_of_its_primary_has_no_effect(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1), huge = rig_batch(&r, 2);
	struct pbft_event ev = {.kind = PBFT_EV_PRE_PREPARE, .from = 1};

	(void)state;
	ev.u.pre_prepare.batch = &b;
	ev.u.pre_prepare.p = (struct pbft_proposal){.view = 1, .seq = 1, .replica = 2};
	memcpy(ev.u.pre_prepare.p.batch, b.digest, 32);
	rig_event(&r, &ev);
	assert_int_equal(dropped(PBFT_DROP_VIEW), 1);
	ev.u.pre_prepare.p.view = 0;
	ev.u.pre_prepare.p.replica = 3;
	rig_event(&r, &ev);
	assert_int_equal(dropped(PBFT_DROP_NOT_PRIMARY), 1);
	ev.u.pre_prepare.p.replica = 1;
	ev.u.pre_prepare.p.batch[0] ^= 1; /* of another batch */
	rig_event(&r, &ev);
	huge.bundles[0].requests = 11;
	rig_pre_prepare(&r, 1, &huge);
	huge.bundles[0].requests = 1;
	huge.bundles[0].octets = 10001;
	rig_pre_prepare(&r, 1, &huge);
	huge.n_bundles = PBFT_BATCH_BUNDLES_MAX + 1;
	rig_pre_prepare(&r, 1, &huge);
	assert_int_equal(dropped(PBFT_DROP_OTHER), 4);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 0);
	assert_int_equal(rig_held_all(&r), 0);
}

static void votes_of_strangers_have_no_effect(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1);

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const uint8_t from[] = {0, 6, 5, 255};

		rig_prepare(&r, from[i], 1, &b);
		rig_commit(&r, from[i], 1, &b);
	}
	assert_int_equal(dropped(PBFT_DROP_OTHER), 8);
}

/* R1. */
static void a_batch_of_another_time_is_held_back_until_the_clock_agrees(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1);

	(void)state;
	b.time = r.wall_ms + 5001;
	rig_seal(&b);
	rig_pre_prepare(&r, 1, &b);
	assert_int_equal(dropped(PBFT_DROP_CLOCK), 1);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 0);
	assert_int_equal(rig_held(&r, b.digest), 1);
	rig_timer(&r, 100);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 1);
	b = rig_batch(&r, 2);
	b.time = r.wall_ms + 5000;
	rig_seal(&b);
	rig_pre_prepare(&r, 2, &b);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 2);
}

/* The replica was away when it was proposed: in this view nothing else can stand there. */
static void a_batch_that_comes_late_is_prepared(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1);

	(void)state;
	b.time = r.wall_ms - 3600000;
	rig_seal(&b);
	rig_pre_prepare(&r, 1, &b);
	assert_int_equal(dropped(PBFT_DROP_CLOCK), 0);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 1);
}

/* Scenario 14. */
static void a_commit_is_accepted_whatever_the_clock_says(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1);

	(void)state;
	b.time = r.wall_ms + 3600 * 1000;
	rig_seal(&b);
	rig_pre_prepare(&r, 1, &b);
	rig_commit(&r, 1, 1, &b);
	rig_commit(&r, 3, 1, &b);
	rig_commit(&r, 4, 1, &b);
	assert_int_equal(rig_count(&r, PBFT_WRITE_FETCHED), 1);
	assert_int_equal(rig_count(&r, PBFT_EXECUTE), 0);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_EXECUTE), 1);
	assert_int_equal(rig_votes(&r), 0);
}

static void execution_is_in_order_and_one_at_a_time(void **state)
{
	struct pbft_batch b[4];

	(void)state;
	r.executes = false;
	for (uint64_t seq = 3; seq >= 1; seq--) {
		b[seq] = rig_batch(&r, seq);
		rig_pre_prepare(&r, seq, &b[seq]);
		rig_written(&r);
		assert_int_equal(rig_count(&r, PBFT_EXECUTE), 0);
		for (uint8_t id = 1; id <= 4; id++)
			rig_commit(&r, id, seq, &b[seq]);
	}
	for (uint64_t seq = 1; seq <= 3; seq++) {
		assert_int_equal(rig_count(&r, PBFT_EXECUTE), seq);
		assert_int_equal(rig_last(&r, PBFT_EXECUTE)->u.slot.seq, seq);
		rig_timer(&r, 10);
		assert_int_equal(rig_count(&r, PBFT_EXECUTE), seq);
		rig_executed(&r);
	}
	assert_int_equal(rig_count(&r, PBFT_WRITE_EXECUTED), 3);
	assert_int_equal(rig_info(&r).executed, 3);
}

/* Scenarios 1 and 4: the others committed what the primary did not show here. */
static void a_body_that_votes_single_out_is_fetched_and_executed(void **state)
{
	struct pbft_batch a = rig_batch(&r, 1), b = rig_batch(&r, 2), c = rig_batch(&r, 3);

	(void)state;
	rig_links(&r);
	rig_pre_prepare(&r, 1, &a);
	rig_written(&r);
	rig_commit(&r, 3, 1, &b);
	rig_body(&r, 3, 1, &b); /* one member's word */
	assert_int_equal(rig_held(&r, b.digest), 0);
	rig_commit(&r, 4, 1, &b);
	rig_clear(&r);
	rig_timer(&r, 100);
	assert_int_equal(rig_count(&r, PBFT_SEND_FETCH), 1);
	assert_int_equal(rig_last(&r, PBFT_SEND_FETCH)->u.fetch.from, 1);
	assert_int_equal(rig_last(&r, PBFT_SEND_FETCH)->u.fetch.to, 1);
	assert_true(rig_last(&r, PBFT_SEND_FETCH)->u.fetch.bodies);
	assert_true(rig_last(&r, PBFT_SEND_FETCH)->to == 4 ||
		    rig_last(&r, PBFT_SEND_FETCH)->to == 8);
	rig_body(&r, 4, 1, &c); /* not what was asked for */
	rig_body(&r, 4, 1, &b);
	assert_int_equal(rig_held(&r, a.digest), 0);
	assert_int_equal(rig_held(&r, b.digest), 1);
	assert_int_equal(rig_count(&r, PBFT_EXECUTE), 0);
	rig_commit(&r, 1, 1, &b);
	assert_int_equal(rig_count(&r, PBFT_WRITE_FETCHED), 1);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_EXECUTE), 1);
	assert_memory_equal(rig_last(&r, PBFT_EXECUTE)->u.slot.batch->digest, b.digest, 32);
	rig_clear(&r);
	rig_pre_prepare(&r, 1, &b); /* nor is a second PREPARE given in this view */
	rig_prepare(&r, 3, 1, &b);
	rig_prepare(&r, 4, 1, &b);
	rig_written(&r);
	rig_status(&r, 3, 0, 0);
	assert_int_equal(rig_votes(&r), 0);
}

static bool is_wanted(uint8_t from, uint64_t seq, const struct pbft_batch *b)
{
	struct pbft_proposal v = {.seq = seq, .replica = from};

	memcpy(v.batch, b->digest, 32);
	return pbft_wants_prepare(r.core, &v);
}

static void a_prepare_beyond_the_certificate_is_not_wanted(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1), other = rig_batch(&r, 2);

	(void)state;
	assert_true(is_wanted(3, 1, &b)); /* it may come before its PRE-PREPARE */
	rig_pre_prepare(&r, 1, &b);
	assert_true(is_wanted(3, 1, &b));
	rig_prepare(&r, 3, 1, &b);
	assert_false(is_wanted(4, 1, &b)); /* with the own one it is enough */
	assert_true(is_wanted(4, 1, &other));
	assert_true(is_wanted(4, 2, &b));
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PREPARED), 1);
}

static void a_primary_wants_the_prepares_of_2f_backups(void **state)
{
	struct pbft_batch b;

	(void)state;
	hand(3, 1);
	rig_written(&r);
	b = *rig_last(&r, PBFT_SEND_PRE_PREPARE)->u.slot.batch;
	rig_prepare(&r, 2, 1, &b);
	assert_true(is_wanted(3, 1, &b));
	rig_prepare(&r, 3, 1, &b);
	assert_false(is_wanted(4, 1, &b));
}

/* ---- bundles on their way ---- */

static void an_own_bundle_goes_to_the_primary_then_again_then_to_all(void **state)
{
	(void)state;
	rig_links(&r);
	rig_own(&r, 1);
	assert_int_equal(rig_count(&r, PBFT_SEND_BUNDLE), 1);
	assert_int_equal(rig_last(&r, PBFT_SEND_BUNDLE)->to, 1);
	assert_true(r.wake_ms <= r.now_ms + 100);
	rig_timer(&r, 99);
	assert_int_equal(rig_count(&r, PBFT_SEND_BUNDLE), 1);
	rig_timer(&r, 1);
	assert_int_equal(rig_count(&r, PBFT_SEND_BUNDLE), 2);
	assert_int_equal(rig_last(&r, PBFT_SEND_BUNDLE)->to, 1);
	rig_timer(&r, 100);
	assert_int_equal(rig_count(&r, PBFT_SEND_BUNDLE), 3);
	assert_int_equal(rig_last(&r, PBFT_SEND_BUNDLE)->to, PBFT_EVERYONE);
	rig_timer(&r, 100); /* less and less often */
	assert_int_equal(rig_count(&r, PBFT_SEND_BUNDLE), 3);
	rig_timer(&r, 100);
	assert_int_equal(rig_count(&r, PBFT_SEND_BUNDLE), 4);
	assert_int_equal(rig_held_all(&r), 1);
}

static void an_own_bundle_is_dropped_when_executed(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1);

	(void)state;
	rig_own(&r, 1);
	rig_own(&r, 2);
	b.bundles[0] = rig_bundle_of(2, 1, 1);
	rig_seal(&b);
	rig_pre_prepare(&r, 1, &b);
	rig_written(&r);
	for (uint8_t id = 1; id <= 4; id++)
		rig_commit(&r, id, 1, &b);
	assert_int_equal(rig_info(&r).own, 1);
	assert_int_equal(rig_count(&r, PBFT_DROP_BUNDLE), 1);
	assert_int_equal(rig_last(&r, PBFT_DROP_BUNDLE)->u.bundle.counter, 1);
}

static void own_bundles_are_bounded_in_number_and_spread(void **state)
{
	(void)state;
	rig_own(&r, 1);
	rig_own(&r, 47);
	assert_int_equal(rig_info(&r).own, 2);
	rig_own(&r, 48);
	assert_int_equal(rig_info(&r).own, PBFT_OWN_MAX); /* nobody would watch 49 */
	for (uint64_t i = 49; i < PBFT_OWN_MAX + 46; i++)
		rig_own(&r, i);
	assert_int_equal(rig_info(&r).own, PBFT_OWN_MAX);
	rig_own(&r, 100);
	assert_int_equal(dropped(PBFT_DROP_FULL), 1);
	assert_int_equal(rig_held_all(&r), PBFT_OWN_MAX);
}

static void an_own_bundle_of_the_primary_needs_no_sending(void **state)
{
	(void)state;
	rig_own(&r, 1);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 1);
	assert_int_equal(rig_count(&r, PBFT_SEND_BUNDLE), 0);
	assert_int_equal(rig_count(&r, PBFT_DROP_BUNDLE), 0); /* until it is executed */
	rig_timer(&r, 150);
	rig_timer(&r, 150);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 1);
	get_through(1);
	assert_int_equal(rig_count(&r, PBFT_DROP_BUNDLE), 1);
	assert_int_equal(rig_info(&r).own, 0);
}

static void anothers_bundle_is_handed_on_to_the_primary_once(void **state)
{
	(void)state;
	hand(3, 1);
	assert_int_equal(rig_count(&r, PBFT_SEND_BUNDLE), 1);
	assert_int_equal(rig_last(&r, PBFT_SEND_BUNDLE)->to, 1);
	hand(3, 1);
	assert_int_equal(rig_count(&r, PBFT_SEND_BUNDLE), 1);
	assert_int_equal(rig_count(&r, PBFT_DROP_BUNDLE), 2);
	assert_int_equal(rig_held_all(&r), 0);
	rig_wait(&r, 500); /* a copy may get lost */
	hand(3, 1);
	assert_int_equal(rig_count(&r, PBFT_SEND_BUNDLE), 2);
}

static void a_link_to_the_primary_that_comes_back_gets_own_bundles_at_once(void **state)
{
	(void)state;
	rig_own(&r, 1);
	rig_clear(&r);
	rig_link(&r, 3, true);
	assert_true(r.wake_ms > r.now_ms);
	rig_link(&r, 1, true);
	assert_int_equal(r.wake_ms, r.now_ms);
	rig_timer(&r, 0);
	assert_int_equal(rig_count(&r, PBFT_SEND_BUNDLE), 1);
}

/* ---- sending again ---- */

static void nothing_moves_so_votes_are_sent_again(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1);

	(void)state;
	rig_pre_prepare(&r, 1, &b);
	rig_prepare(&r, 3, 1, &b);
	rig_written(&r);
	rig_written(&r);
	rig_clear(&r);
	assert_int_equal(r.wake_ms, r.now_ms + 100);
	rig_timer(&r, 100);
	assert_int_equal(rig_count(&r, PBFT_SEND_STATUS), 1);
	assert_int_equal(rig_count(&r, PBFT_SEND_PREPARE), 1);
	assert_int_equal(rig_count(&r, PBFT_SEND_COMMIT), 1);
	rig_clear(&r);
	rig_commit(&r, 3, 1, &b); /* who has committed needs no PREPARE any more */
	rig_timer(&r, 100);
	assert_int_equal(rig_last(&r, PBFT_SEND_PREPARE)->to, 0x9);
	assert_int_equal(rig_last(&r, PBFT_SEND_COMMIT)->to, 0xd);
	rig_clear(&r);
	rig_commit(&r, 1, 1, &b);
	rig_timer(&r, 100); /* executed */
	assert_int_equal(rig_votes(&r), 0);
}

static void a_pre_prepare_goes_again_to_those_who_have_not_voted(void **state)
{
	struct pbft_batch b;

	(void)state;
	hand(3, 1);
	rig_written(&r);
	b = *rig_last(&r, PBFT_SEND_PRE_PREPARE)->u.slot.batch;
	rig_prepare(&r, 3, 1, &b);
	rig_clear(&r);
	rig_timer(&r, 100);
	assert_int_equal(rig_last(&r, PBFT_SEND_PRE_PREPARE)->to, 0xa);
}

static void only_the_lowest_slots_are_sent_again(void **state)
{
	(void)state;
	rig_free(&r);
	rig_init(&r, 4, 2);
	r.conf.window = 64;
	rig_start(&r);
	for (uint64_t seq = 1; seq <= 30; seq++) {
		struct pbft_batch b = rig_batch(&r, seq);

		rig_pre_prepare(&r, seq, &b);
	}
	rig_written(&r);
	rig_clear(&r);
	rig_timer(&r, 100);
	assert_int_equal(rig_count(&r, PBFT_SEND_PREPARE), 8);
	assert_int_equal(rig_last(&r, PBFT_SEND_PREPARE)->u.slot.seq, 8);
}

static void a_link_that_comes_up_gets_status_and_votes(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1);

	(void)state;
	rig_pre_prepare(&r, 1, &b);
	rig_written(&r);
	rig_clear(&r);
	rig_link(&r, 4, true);
	assert_int_equal(rig_last(&r, PBFT_SEND_STATUS)->to, 8);
	assert_int_equal(rig_last(&r, PBFT_SEND_PREPARE)->to, 8);
}

static void who_lags_is_helped_but_not_twice_at_once(void **state)
{
	(void)state;
	for (uint64_t seq = 1; seq <= 3; seq++)
		rig_order(&r, seq);
	rig_clear(&r);
	rig_status(&r, 4, 1, 0);
	assert_int_equal(rig_count(&r, PBFT_SEND_COMMIT), 2);
	assert_int_equal(rig_last(&r, PBFT_SEND_COMMIT)->to, 8);
	assert_int_equal(rig_last(&r, PBFT_SEND_STATUS)->to, 8);
	rig_clear(&r);
	rig_status(&r, 4, 1, 0);
	assert_int_equal(r.n, 0);
	rig_wait(&r, 50);
	rig_status(&r, 4, 1, 0);
	assert_int_equal(rig_count(&r, PBFT_SEND_COMMIT), 2);
	rig_clear(&r);
	rig_status(&r, 3, 3, 0); /* who is as far as we are gets nothing */
	rig_status(&r, 3, 9, 8);
	assert_int_equal(r.n, 0);
}

static void a_heartbeat_is_all_that_an_idle_core_sends(void **state)
{
	(void)state;
	rig_order(&r, 1);
	rig_clear(&r);
	for (int i = 0; i < 10; i++) {
		assert_true(r.wake_ms > r.now_ms);
		rig_timer(&r, r.wake_ms - r.now_ms);
	}
	assert_int_equal(r.n, 10);
	assert_int_equal(rig_count(&r, PBFT_SEND_STATUS), 10);
	assert_int_equal(rig_last(&r, PBFT_SEND_STATUS)->u.status.executed, 1);
}

static void impossible_configurations_need_no_memory(void **state)
{
	static const struct pbft_conf *c = &r.conf;
	struct pbft_conf bad;

	(void)state;
	assert_true(pbft_size(c) > 0);
#define BAD(field, value) (bad = *c, bad.field = (value), assert_int_equal(pbft_size(&bad), 0))
	BAD(n, 5);
	BAD(n, 16);
	BAD(self, 0);
	BAD(self, 5);
	BAD(window, 0);
	BAD(window, 10);
	BAD(window, 4);
	BAD(window, PBFT_WINDOW_MAX + 4);
	BAD(interval, 0);
	BAD(pipeline, 0);
	BAD(batch_requests_max, 0);
	BAD(batch_requests_max, AP_BATCH_REQUESTS_MAX + 1);
	BAD(batch_octets_max, 0);
	BAD(resend_ms, 0);
	BAD(heartbeat_ms, 0);
	BAD(sha256, NULL);
#undef BAD
}

/* ---- anything at all ---- */

static uint64_t rng;

static uint64_t below(uint64_t n)
{
	rng = rng * 6364136223846793005u + 1442695040888963407u;
	return (rng >> 33) % n;
}

static void anything(struct pbft_event *ev, const struct pbft_batch *b)
{
	static const enum pbft_event_kind kinds[] = {
		PBFT_EV_TIMER,	    PBFT_EV_LINK,   PBFT_EV_BUNDLE, PBFT_EV_PRE_PREPARE,
		PBFT_EV_PREPARE,    PBFT_EV_COMMIT, PBFT_EV_COMMIT, PBFT_EV_CHECKPOINT,
		PBFT_EV_STATUS,	    PBFT_EV_FETCH,  PBFT_EV_BODY,   PBFT_EV_ATTEST,
		PBFT_EV_PRE_PREPARE};
	uint64_t seq = r.executed + below(24) - (r.executed > 4 ? 4 : r.executed);

	memset(ev, 0, sizeof(*ev));
	ev->kind = kinds[below(sizeof(kinds) / sizeof(kinds[0]))];
	ev->from = (uint8_t)below(r.conf.n + 2u);
	if (below(50) == 0)
		seq = below(2) == 0 ? UINT64_MAX - below(3) : below(3);
	switch (ev->kind) {
	case PBFT_EV_LINK:
		ev->u.up = below(4) > 0;
		break;
	case PBFT_EV_BUNDLE:
		ev->u.bundle = rig_bundle_of(below(3) == 0 ? ev->from : (uint8_t)below(6),
					     1 + below(2), below(2000));
		ev->u.bundle.requests = (uint16_t)below(12);
		break;
	case PBFT_EV_PRE_PREPARE:
		ev->u.pre_prepare.p =
			(struct pbft_proposal){.seq = seq,
					       .replica = (uint8_t)(1 + (below(20) == 0)),
					       .view = below(20) == 0};
		memcpy(ev->u.pre_prepare.p.batch, b->digest, 32);
		ev->u.pre_prepare.batch = b;
		break;
	case PBFT_EV_PREPARE:
		ev->u.prepare.p = (struct pbft_proposal){.seq = seq, .replica = ev->from};
		memcpy(ev->u.prepare.p.batch, b->digest, 32);
		break;
	case PBFT_EV_COMMIT:
		ev->u.commit.seq = seq;
		memcpy(ev->u.commit.batch, b->digest, 32);
		break;
	case PBFT_EV_CHECKPOINT:
		ev->u.checkpoint.seq = seq / 4 * 4;
		ev->u.checkpoint.replica = ev->from;
		rig_state(&r, ev->u.checkpoint.seq, ev->u.checkpoint.state);
		break;
	case PBFT_EV_STATUS:
		ev->u.status.executed = seq;
		ev->u.status.stable = seq;
		break;
	case PBFT_EV_FETCH:
		ev->u.fetch.from = seq;
		ev->u.fetch.to = seq + below(70);
		ev->u.fetch.bodies = below(2) == 0;
		break;
	case PBFT_EV_BODY:
		ev->u.body.seq = seq;
		ev->u.body.batch = b;
		break;
	case PBFT_EV_ATTEST:
		ev->u.attest.seq = seq;
		memcpy(ev->u.attest.running, b->digest, 32);
		break;
	default:
		break;
	}
}

/* The batch that "is" at a sequence, mostly: so that some of it leads somewhere. */
static struct pbft_batch some_batch(uint64_t seq)
{
	struct pbft_batch b = {.time = 1790000000000, .n_bundles = (uint16_t)(1 + below(3) / 2)};

	if (below(40) == 0)
		seq += 1 + below(3);
	for (uint16_t i = 0; i < b.n_bundles; i++)
		b.bundles[i] = rig_bundle_of(4, 1, 2 * seq + i);
	b.n_bundles = 1;
	rig_seal(&b);
	return b;
}

/* Neither a trap nor an update that overflows, and every hold ends where it should. */
static void anything_that_peers_say(uint8_t self, uint64_t seed)
{
	struct pbft_event ev;
	struct pbft_batch b;

	rng = seed;
	rig_free(&r);
	rig_init(&r, 4, self);
	r.conf.clock_bound_ms = UINT64_MAX;
	rig_start(&r);
	for (int i = 0; i < 4000; i++) {
		uint64_t near = r.executed + below(24);

		b = some_batch(near);
		anything(&ev, &b);
		if (ev.kind == PBFT_EV_PRE_PREPARE && below(40) > 0)
			ev.u.pre_prepare.p.seq = near;
		if (ev.kind == PBFT_EV_COMMIT && below(40) > 0)
			ev.u.commit.seq = near;
		if (ev.kind == PBFT_EV_BODY && below(2) > 0)
			ev.u.body.seq = near;
		rig_event(&r, &ev);
		if (below(3) == 0)
			rig_written(&r);
		if (below(10) == 0)
			rig_timer(&r, below(200));
		assert_true(rig_held_all(&r) <=
			    2 * r.conf.window + PBFT_FETCH_MAX + 5 * PBFT_OWN_MAX);
		rig_clear(&r);
	}
}

static void no_message_stops_the_core(void **state)
{
	uint64_t executed = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		anything_that_peers_say((uint8_t)(1 + seed % 2), seed);
		executed += r.executed;
	}
	print_message("# %u batches executed\n", (unsigned)executed);
	assert_true(executed > 200); /* it got somewhere */
}

#define AS(role, test) cmocka_unit_test_setup_teardown(test, role, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		AS(primary, an_idle_primary_proposes_at_once),
		AS(primary, a_batch_has_the_digest_of_its_time_and_bundles),
		AS(primary, a_pre_prepare_leaves_only_once_durable),
		AS(primary, beyond_the_pipeline_bundles_gather),
		AS(primary, a_full_batch_does_not_wait_for_the_pipeline),
		AS(primary, a_batch_stays_within_requests_and_octets),
		AS(primary, relays_take_turns),
		AS(primary, a_big_bundle_is_not_starved_by_small_ones),
		AS(primary, no_bundle_number_is_proposed_twice),
		AS(primary, one_relay_cannot_fill_the_queue),
		AS(primary, the_lowest_numbers_of_a_relay_have_room),
		AS(primary, a_new_run_of_a_relay_voids_what_waits_of_older_ones),
		AS(primary, the_time_of_batches_never_sinks),
		AS(primary, a_primary_stops_at_the_high_watermark),
		AS(primary, a_primary_that_lags_behind_others_proposes_nothing),
		AS(primary, a_primary_is_prepared_by_2f_backups),
		AS(backup, a_prepare_leaves_only_once_durable),
		AS(backup, the_own_prepare_counts_only_once_durable),
		AS(backup, a_commit_leaves_and_counts_only_once_durable),
		AS(backup, the_primarys_prepare_adds_nothing),
		AS(backup, exact_quorums_of_distinct_members),
		AS(backup, commits_of_q_others_do_without_the_own_one),
		AS(backup, votes_before_their_pre_prepare_are_used),
		AS(backup, votes_of_one_window_ahead_are_kept_and_no_more),
		AS(backup, a_pre_prepare_ahead_is_prepared_when_the_window_gets_there),
		AS(backup, a_second_pre_prepare_is_not_prepared),
		AS(backup, what_is_not_for_this_view_or_of_its_primary_has_no_effect),
		AS(backup, votes_of_strangers_have_no_effect),
		AS(backup, a_batch_of_another_time_is_held_back_until_the_clock_agrees),
		AS(backup, a_batch_that_comes_late_is_prepared),
		AS(backup, a_commit_is_accepted_whatever_the_clock_says),
		AS(backup, execution_is_in_order_and_one_at_a_time),
		AS(backup, a_body_that_votes_single_out_is_fetched_and_executed),
		AS(backup, a_prepare_beyond_the_certificate_is_not_wanted),
		AS(primary, a_primary_wants_the_prepares_of_2f_backups),
		AS(backup, an_own_bundle_goes_to_the_primary_then_again_then_to_all),
		AS(backup, an_own_bundle_is_dropped_when_executed),
		AS(backup, own_bundles_are_bounded_in_number_and_spread),
		AS(primary, an_own_bundle_of_the_primary_needs_no_sending),
		AS(backup, anothers_bundle_is_handed_on_to_the_primary_once),
		AS(backup, a_link_to_the_primary_that_comes_back_gets_own_bundles_at_once),
		AS(backup, nothing_moves_so_votes_are_sent_again),
		AS(primary, a_pre_prepare_goes_again_to_those_who_have_not_voted),
		AS(backup, only_the_lowest_slots_are_sent_again),
		AS(backup, a_link_that_comes_up_gets_status_and_votes),
		AS(backup, who_lags_is_helped_but_not_twice_at_once),
		AS(backup, a_heartbeat_is_all_that_an_idle_core_sends),
		AS(backup, impossible_configurations_need_no_memory),
		AS(backup, no_message_stops_the_core),
	};

	return cmocka_run_group_tests_name("pbft", tests, NULL, NULL);
}
