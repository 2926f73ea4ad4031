/* A core that has forgotten its votes, and its peers: daemon/pbft/rejoin.c and show.c. Window 8,
 * checkpoints every 4: what rejoined at r votes from the checkpoint at or above r + 8 on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lib/rig.h"

enum { TIMEOUT = 500 };

static struct rig r;
static struct pbft_view_change changes[4];
static struct pbft_new_view nv;

static void make(uint8_t self)
{
	rig_init(&r, 4, self);
	r.conf.timeout_ms = TIMEOUT;
	r.conf.timeout_max_ms = 8 * TIMEOUT;
	r.conf.fill_ms = 20;
	memset(changes, 0, sizeof(changes));
	memset(&nv, 0, sizeof(nv));
	rig_make(&r);
}

static void start(uint8_t self, bool empty, bool recovering, uint64_t rejoined)
{
	struct pbft_restore_base base = {
		.empty = empty, .recovering = recovering, .rejoined = rejoined, .running = {1}};

	make(self);
	assert_int_equal(pbft_restore_base(r.core, &base), 0);
	rig_start(&r);
	rig_links(&r);
}

static int healthy(void **state)
{
	(void)state;
	start(3, false, false, 0);
	return 0;
}

static int primary(void **state)
{
	(void)state;
	start(1, false, false, 0);
	return 0;
}

static int recovering(void **state)
{
	(void)state;
	start(3, false, true, 0);
	return 0;
}

static int recovering_primary(void **state)
{
	(void)state;
	start(1, false, true, 0);
	return 0;
}

static int empty(void **state)
{
	(void)state;
	start(3, true, false, 0);
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

/* All others' votes on the checkpoint here, its record durable. */
static void stabilize(uint64_t seq)
{
	uint8_t state[32];

	rig_state(&r, seq, state);
	for (uint8_t id = 1; id <= 4; id++)
		if (id != r.conf.self)
			rig_checkpoint(&r, id, seq, state);
	rig_written(&r);
}

static void rejoin_in_next(uint8_t id, uint64_t seq)
{
	r.incarnation[id - 1] = seq;
	r.rejoined = id == r.conf.self;
}

static size_t all_votes(void)
{
	return rig_votes(&r) + rig_count(&r, PBFT_SEND_VIEW_CHANGE) +
	       rig_count(&r, PBFT_SEND_NEW_VIEW) + rig_count(&r, PBFT_WRITE_PROPOSAL) +
	       rig_count(&r, PBFT_WRITE_PREPARED) + rig_count(&r, PBFT_WRITE_CHECKPOINT) +
	       rig_count(&r, PBFT_WRITE_VIEW_CHANGE);
}

static void say(uint8_t from, uint64_t view, uint64_t incarnation)
{
	struct pbft_event ev = {.kind = PBFT_EV_VIEW_CHANGE, .from = 2};
	struct pbft_view_change *c = &changes[from - 1];

	c->view = view;
	c->incarnation = incarnation;
	c->replica = from;
	ev.u.view_change = c;
	rig_event(&r, &ev);
}

static void shown_prepare(uint64_t view, uint64_t seq, uint64_t incarnation,
			  const struct pbft_batch *b)
{
	struct pbft_event ev = {.kind = PBFT_EV_PREPARE, .from = 2};

	ev.u.prepare.p = (struct pbft_proposal){
		.view = view, .seq = seq, .incarnation = incarnation, .replica = r.conf.self};
	memcpy(ev.u.prepare.p.batch, b->digest, 32);
	rig_event(&r, &ev);
}

static bool is_recovering(void)
{
	return rig_info(&r).recovering;
}

/* ---- recovering ---- */

/* S17. */
static void it_executes_and_votes_in_nothing(void **state)
{
	struct pbft_batch b;

	(void)state;
	order(1, 4);
	stabilize(4);
	b = rig_batch(&r, 5);
	rig_pre_prepare(&r, 5, &b);
	say(1, 1, 0);
	say(2, 1, 0); /* f+1: others would join */
	rig_timer(&r, 20 * TIMEOUT);
	assert_int_equal(rig_info(&r).stable, 4);
	assert_int_equal(all_votes(), 0);
}

static void an_own_bundle_that_waits_does_not_make_it_leave_the_view(void **state)
{
	(void)state;
	rig_own(&r, 1);
	rig_timer(&r, 20 * TIMEOUT);
	assert_int_equal(rig_info(&r).view, 0);
	assert_int_equal(all_votes(), 0);
	assert_true(rig_count(&r, PBFT_SEND_BUNDLE) >= 1);
}

static void a_primary_that_forgot_proposes_nothing_and_asks_all_others(void **state)
{
	const struct pbft_effect *e;

	(void)state;
	rig_own(&r, 1);
	e = rig_last(&r, PBFT_SEND_BUNDLE);
	assert_non_null(e);
	assert_int_equal(e->to, PBFT_EVERYONE);
	rig_written(&r);
	rig_timer(&r, 1000);
	assert_int_equal(all_votes(), 0);
}

static void bundles_of_others_do_not_pile_up_at_a_primary_that_forgot(void **state)
{
	struct pbft_bundle b = rig_bundle_of(2, 1, 1);

	(void)state;
	rig_bundle(&r, 2, &b);
	assert_int_equal(rig_held_all(&r), 0);
	assert_int_equal(rig_count(&r, PBFT_SEND_BUNDLE), 0);
}

/* R10: at or above r + window, stable, its record durable. */
static void it_votes_a_window_after_its_rejoin(void **state)
{
	struct pbft_batch b;

	(void)state;
	order(1, 1);
	rejoin_in_next(3, 2);
	order(2, 8);
	stabilize(4);
	stabilize(8);
	assert_true(is_recovering());
	assert_int_equal(rig_info(&r).incarnation, 2);
	assert_int_equal(rig_info(&r).votes_from, 10);
	order(9, 12);
	assert_int_equal(all_votes(), 0);
	stabilize(12);
	assert_false(is_recovering());
	assert_int_equal(rig_count(&r, PBFT_RECOVERED), 1);
	b = rig_batch(&r, 13);
	rig_pre_prepare(&r, 13, &b);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_SEND_PREPARE), 1);
	assert_int_equal(rig_last(&r, PBFT_SEND_PREPARE)->u.slot.incarnation, 2);
}

static void before_the_record_is_durable_it_does_not(void **state)
{
	uint8_t at[32];

	(void)state;
	rejoin_in_next(3, 1);
	order(1, 12);
	stabilize(4);
	stabilize(8);
	rig_state(&r, 12, at);
	for (uint8_t id = 1; id <= 4; id++)
		if (id != 3)
			rig_checkpoint(&r, id, 12, at);
	assert_int_equal(rig_info(&r).stable, 12);
	assert_true(is_recovering());
	rig_written(&r);
	assert_false(is_recovering());
}

/* It had executed beyond the checkpoint that ends its recovery. */
static void what_it_has_executed_meanwhile_it_votes_for_then(void **state)
{
	(void)state;
	rejoin_in_next(3, 1);
	order(1, 8);
	stabilize(4);
	stabilize(8);
	order(9, 16);
	assert_int_equal(rig_count(&r, PBFT_SEND_CHECKPOINT), 0);
	stabilize(12);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_SEND_CHECKPOINT), 1);
	assert_int_equal(rig_last(&r, PBFT_SEND_CHECKPOINT)->u.checkpoint.seq, 16);
	assert_int_equal(rig_last(&r, PBFT_SEND_CHECKPOINT)->u.checkpoint.incarnation, 1);
}

/* One from before it forgot is no sign of a beginning. */
static void a_rejoin_of_an_earlier_life_does_not_count(void **state)
{
	(void)state;
	r.incarnation[2] = 1; /* executed, but not of this run */
	order(1, 8);
	stabilize(4);
	stabilize(8);
	order(9, 12);
	stabilize(12);
	assert_true(is_recovering());
	assert_int_equal(rig_info(&r).rejoined, 0);
	assert_int_equal(rig_info(&r).incarnation, 1);
	assert_int_equal(all_votes(), 0);
}

static void after_a_restart_it_goes_on_recovering_under_its_incarnation(void **state)
{
	static const uint64_t incarnations[4] = {0, 0, 3, 0};
	struct pbft_restore_base base = {.recovering = true,
					 .rejoined = 3,
					 .executed = 8,
					 .stable = 8,
					 .incarnation = incarnations};

	(void)state;
	make(3);
	rig_state(&r, 8, base.stable_state);
	memcpy(base.state, base.stable_state, 32);
	assert_int_equal(pbft_restore_base(r.core, &base), 0);
	memcpy(r.incarnation, incarnations, sizeof(incarnations));
	rig_start(&r);
	rig_links(&r);
	assert_true(is_recovering());
	order(9, 12);
	assert_int_equal(all_votes(), 0);
	stabilize(12);
	assert_false(is_recovering());
}

/* It had left its view: there is nothing that it would send again, now or later. */
static void restored_outside_of_a_view_it_waits_for_something_to_happen(void **state)
{
	struct pbft_restore_base base = {.recovering = true, .running = {1}};
	struct pbft_view_change left = {.view = 1, .replica = 3};

	(void)state;
	make(3);
	assert_int_equal(pbft_restore_base(r.core, &base), 0);
	assert_int_equal(pbft_restore_view_change(r.core, &left), 0);
	rig_start(&r);
	assert_true(r.wake_ms > r.now_ms);
	rig_timer(&r, 100);
	assert_true(r.wake_ms > r.now_ms);
	assert_int_equal(all_votes(), 0);
}

/* ---- empty ---- */

static void an_empty_history_is_whole_when_all_others_are_in_genesis(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1);

	(void)state;
	rig_pre_prepare(&r, 1, &b);
	rig_status(&r, 1, 0, 0);
	rig_status(&r, 2, 0, 0);
	rig_status(&r, 2, 5, 0); /* what it says later is of later */
	rig_written(&r);
	assert_int_equal(all_votes(), 0);
	rig_status(&r, 4, 0, 0);
	rig_written(&r);
	assert_false(is_recovering());
	assert_int_equal(rig_count(&r, PBFT_SEND_PREPARE), 1);
}

/* 93: f liars say genesis. */
static void an_empty_history_among_others_that_are_not_is_none(void **state)
{
	(void)state;
	rig_status(&r, 1, 0, 0); /* the liar */
	rig_status(&r, 2, 5, 4);
	assert_false(is_recovering()); /* one may lie */
	rig_status(&r, 4, 5, 4);
	assert_true(is_recovering());
	assert_int_equal(rig_last(&r, PBFT_RECOVERING)->u.recovering.why, PBFT_FORGOT_EMPTY);
}

/* One had executed when this one started, the others did so later: genesis is over either way. */
static void an_empty_history_among_others_that_leave_genesis_is_none(void **state)
{
	(void)state;
	rig_status(&r, 1, 0, 0);
	rig_status(&r, 2, 1, 0);
	rig_status(&r, 4, 0, 0);
	rig_written(&r);
	assert_false(is_recovering()); /* one may lie */
	rig_status(&r, 1, 3, 0);
	assert_true(is_recovering());
}

/* It needs nobody's genesis any more; who is in genesis waits for its word. */
static void who_recovers_has_heard_all_others(void **state)
{
	(void)state;
	rig_status(&r, 2, 5, 4);
	rig_status(&r, 4, 5, 4);
	assert_true(is_recovering());
	rig_timer(&r, 20 * TIMEOUT);
	assert_int_equal(rig_last(&r, PBFT_SEND_STATUS)->u.status.heard, 0xb);
}

static void a_silent_member_keeps_an_empty_history_in_doubt(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1);

	(void)state;
	rig_status(&r, 1, 0, 0);
	rig_status(&r, 2, 0, 0);
	rig_pre_prepare(&r, 1, &b);
	for (uint8_t id = 1; id <= 4; id++)
		rig_commit(&r, id, 1, &b);
	rig_written(&r);
	rig_timer(&r, 20 * TIMEOUT);
	assert_true(rig_info(&r).empty);
	assert_int_equal(all_votes(), 0);
	assert_int_equal(rig_info(&r).executed, 0);
}

/* ---- shown ---- */

static void shown_its_own_vote_it_goes_on(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1);

	(void)state;
	rig_pre_prepare(&r, 1, &b);
	rig_written(&r);
	shown_prepare(0, 1, 0, &b);
	assert_false(is_recovering());
}

static void shown_a_vote_that_it_does_not_know_it_recovers(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1), other = rig_batch(&r, 2);

	(void)state;
	rig_pre_prepare(&r, 1, &b);
	rig_written(&r);
	shown_prepare(0, 1, 0, &other);
	assert_true(is_recovering());
	assert_int_equal(rig_last(&r, PBFT_RECOVERING)->u.recovering.why, PBFT_FORGOT_SHOWN);
	rig_clear(&r);
	rig_prepare(&r, 2, 1, &b);
	rig_prepare(&r, 4, 1, &b);
	rig_written(&r);
	assert_int_equal(all_votes(), 0); /* what is under way does not leave either */
}

static void votes_at_or_below_the_stable_checkpoint_are_the_past(void **state)
{
	struct pbft_batch other = rig_batch(&r, 9);

	(void)state;
	order(1, 4);
	stabilize(4);
	shown_prepare(0, 4, 0, &other);
	assert_false(is_recovering());
	shown_prepare(0, 5, 0, &other);
	assert_true(is_recovering());
}

static void votes_of_an_incarnation_that_has_ended_are_known_to_be_forgotten(void **state)
{
	struct pbft_batch other = rig_batch(&r, 30);

	(void)state;
	start(3, false, true, 0);
	rejoin_in_next(3, 1);
	order(1, 8);
	stabilize(4);
	stabilize(8);
	order(9, 12);
	stabilize(12);
	assert_false(is_recovering());
	shown_prepare(0, 13, 0, &other);
	assert_false(is_recovering());
	shown_prepare(0, 13, 1, &other);
	assert_true(is_recovering());
}

static void a_checkpoint_that_it_did_not_sign_is_unknown(void **state)
{
	uint8_t at4[32], at8[32];

	(void)state;
	order(1, 4);
	rig_state(&r, 4, at4);
	rig_state(&r, 8, at8);
	rig_checkpoint(&r, 3, 4, at4);
	assert_false(is_recovering());
	rig_checkpoint(&r, 3, 8, at8);
	assert_true(is_recovering());
}

static void a_view_change_above_its_view_is_unknown_and_one_below_is_not(void **state)
{
	(void)state;
	rig_own(&r, 1);
	rig_timer(&r, TIMEOUT);
	rig_written(&r);
	assert_int_equal(rig_info(&r).view, 1);
	say(3, 1, 0);
	assert_false(is_recovering());
	say(3, 2, 0);
	assert_true(is_recovering());
}

static void a_new_view_of_its_own_that_it_never_made_is_unknown(void **state)
{
	struct pbft_event ev = {.kind = PBFT_EV_NEW_VIEW, .from = 4};

	(void)state;
	nv.view = 2; /* primary: 3 */
	nv.replica = 3;
	ev.u.new_view.says = &nv;
	rig_event(&r, &ev);
	assert_true(is_recovering());
	assert_int_equal(rig_info(&r).view, 0);
}

static void a_rejoin_without_having_asked_makes_it_recover(void **state)
{
	(void)state;
	r.incarnation[2] = 1;
	order(1, 1);
	assert_true(is_recovering());
	assert_int_equal(rig_last(&r, PBFT_RECOVERING)->u.recovering.why, PBFT_FORGOT_CLONE);
}

static void a_member_that_comes_up_is_shown_its_newest_votes(void **state)
{
	struct pbft_batch b;
	uint8_t at4[32];

	(void)state;
	order(1, 3);
	b = rig_order(&r, 4);
	rig_state(&r, 4, at4);
	rig_checkpoint(&r, 2, 4, at4);
	say(2, 1, 0);
	rig_link(&r, 2, false);
	rig_wait(&r, 1000);
	rig_clear(&r);
	rig_link(&r, 2, true);
	assert_int_equal(rig_count(&r, PBFT_SHOW_PREPARE), 1);
	assert_int_equal(rig_last(&r, PBFT_SHOW_PREPARE)->to, 1 << 1);
	assert_int_equal(rig_last(&r, PBFT_SHOW_PREPARE)->u.shown.p.seq, 4);
	assert_int_equal(rig_last(&r, PBFT_SHOW_PREPARE)->u.shown.p.replica, 2);
	assert_memory_equal(rig_last(&r, PBFT_SHOW_PREPARE)->u.shown.p.batch, b.digest, 32);
	assert_int_equal(rig_last(&r, PBFT_SHOW_CHECKPOINT)->u.shown.p.seq, 4);
	assert_int_equal(rig_last(&r, PBFT_SEND_VIEW_CHANGE)->u.kept.replica, 2);
}

/* ---- its peers ---- */

/* 94, S17. */
static void view_changes_from_before_a_rejoin_count_nowhere(void **state)
{
	(void)state;
	say(4, 1, 0);
	r.incarnation[3] = 1;
	order(1, 1); /* one is dropped, */
	say(2, 1, 0);
	rig_timer(&r, 1);
	assert_int_equal(rig_info(&r).view, 0);
	say(4, 1, 0); /* and not taken again */
	rig_timer(&r, 1);
	assert_int_equal(rig_info(&r).view, 0);
	say(4, 1, 1);
	assert_int_equal(rig_info(&r).view, 1);
}

static void a_higher_incarnation_takes_the_place_of_a_higher_view(void **state)
{
	(void)state;
	say(4, 9, 0);
	say(4, 1, 1); /* its REJOIN is not executed here yet */
	say(2, 1, 0);
	assert_int_equal(rig_info(&r).view, 1);
	assert_int_equal(rig_count(&r, PBFT_KEEP_VIEW_CHANGE), 3);
}

static void new_view(uint64_t first)
{
	struct pbft_event ev = {.kind = PBFT_EV_NEW_VIEW, .from = 2};

	nv.view = 1;
	nv.replica = 2;
	nv.first = first;
	ev.u.new_view.says = &nv;
	for (uint8_t i = 0; i < 3; i++) {
		static const uint8_t who[] = {1, 2, 4};
		struct pbft_view_change *c = &changes[who[i] - 1];

		c->replica = who[i];
		c->view = 1;
		c->stable = first;
		ev.u.new_view.changes[ev.u.new_view.n_changes++] = c;
	}
	rig_event(&r, &ev);
}

/* Everybody judges by what the NEW-VIEW itself proves: who comes late gets into the view. */
static void a_new_view_from_before_the_rejoin_is_valid(void **state)
{
	(void)state;
	order(1, 4);
	r.incarnation[3] = 5;
	order(5, 5);
	new_view(4);
	assert_int_equal(rig_info(&r).view, 1);
}

static void a_new_view_from_behind_it_with_a_stale_view_change_is_not(void **state)
{
	(void)state;
	r.incarnation[3] = 3;
	order(1, 4);
	new_view(4);
	assert_int_equal(rig_info(&r).view, 0);
	changes[3].incarnation = 3;
	new_view(4);
	assert_int_equal(rig_info(&r).view, 1);
}

static void nor_one_of_a_primary_that_has_rejoined_since(void **state)
{
	(void)state;
	r.incarnation[1] = 3;
	order(1, 4);
	changes[1].incarnation = 3;
	new_view(4);
	assert_int_equal(rig_info(&r).view, 0);
	nv.incarnation = 3;
	new_view(4);
	assert_int_equal(rig_info(&r).view, 1);
}

static void old_prepares_count_below_r_plus_window_and_nowhere_above(void **state)
{
	struct pbft_batch b = rig_batch(&r, 9);

	(void)state;
	r.incarnation[3] = 1;
	order(1, 8); /* 4's PREPAREs are of incarnation 0 */
	stabilize(4);
	stabilize(8);
	rig_prepare(&r, 4, 9, &b);
	assert_int_equal(rig_info(&r).dropped[PBFT_DROP_OTHER], 0);
	rig_prepare(&r, 4, 10, &b);
	assert_int_equal(rig_info(&r).dropped[PBFT_DROP_OTHER], 1);
}

/* ---- filling ---- */

static void others_prepare_and_commit(uint64_t seq)
{
	struct pbft_batch null = {.n_bundles = 0};

	rig_seal(&null);
	rig_written(&r);
	for (uint8_t id = 2; id <= 4; id++)
		rig_prepare(&r, id, seq, &null);
	rig_written(&r);
	for (uint8_t id = 2; id <= 4; id++)
		rig_commit(&r, id, seq, &null);
	rig_written(&r);
	assert_int_equal(r.executed, seq);
}

static void an_idle_primary_fills_up_to_the_checkpoint_and_no_further(void **state)
{
	(void)state;
	r.incarnation[3] = 1;
	rig_own(&r, 1);
	rig_written(&r);
	{
		struct pbft_batch b = rig_last(&r, PBFT_WRITE_PROPOSAL) == NULL
					      ? rig_batch(&r, 1)
					      : *rig_last(&r, PBFT_WRITE_PROPOSAL)->u.slot.batch;

		for (uint8_t id = 2; id <= 4; id++)
			rig_prepare(&r, id, 1, &b);
		rig_written(&r);
		for (uint8_t id = 2; id <= 4; id++)
			rig_commit(&r, id, 1, &b);
		rig_written(&r);
	}
	rig_timer(&r, 19);
	assert_int_equal(rig_info(&r).in_flight, 0);
	for (uint64_t seq = 2; seq <= 12; seq++) {
		rig_timer(&r, 20);
		assert_int_equal(rig_info(&r).in_flight, 1);
		others_prepare_and_commit(seq);
		if (seq % 4 == 0)
			stabilize(seq);
	}
	rig_timer(&r, 1000);
	assert_int_equal(rig_info(&r).next_seq, 13);
	assert_int_equal(rig_held_all(&r), 0);
}

static void a_primary_that_does_not_fill_is_left(void **state)
{
	(void)state;
	r.incarnation[3] = 1;
	order(1, 1);
	rig_timer(&r, TIMEOUT - 1);
	assert_int_equal(rig_info(&r).view, 0);
	rig_timer(&r, 1);
	assert_int_equal(rig_info(&r).view, 1);
}

static void without_anybody_coming_back_an_idle_network_is_left_alone(void **state)
{
	(void)state;
	order(1, 1);
	rig_timer(&r, 100 * TIMEOUT);
	assert_int_equal(rig_info(&r).view, 0);
}

int main(void)
{
#define IN(fixture, test) cmocka_unit_test_setup_teardown(test, fixture, teardown)
	const struct CMUnitTest tests[] = {
		IN(recovering, it_executes_and_votes_in_nothing),
		IN(recovering, an_own_bundle_that_waits_does_not_make_it_leave_the_view),
		IN(recovering_primary, a_primary_that_forgot_proposes_nothing_and_asks_all_others),
		IN(recovering_primary, bundles_of_others_do_not_pile_up_at_a_primary_that_forgot),
		IN(recovering, it_votes_a_window_after_its_rejoin),
		IN(recovering, before_the_record_is_durable_it_does_not),
		IN(recovering, what_it_has_executed_meanwhile_it_votes_for_then),
		IN(recovering, a_rejoin_of_an_earlier_life_does_not_count),
		IN(NULL, after_a_restart_it_goes_on_recovering_under_its_incarnation),
		IN(NULL, restored_outside_of_a_view_it_waits_for_something_to_happen),
		IN(empty, an_empty_history_is_whole_when_all_others_are_in_genesis),
		IN(empty, an_empty_history_among_others_that_are_not_is_none),
		IN(empty, an_empty_history_among_others_that_leave_genesis_is_none),
		IN(empty, who_recovers_has_heard_all_others),
		IN(empty, a_silent_member_keeps_an_empty_history_in_doubt),
		IN(healthy, shown_its_own_vote_it_goes_on),
		IN(healthy, shown_a_vote_that_it_does_not_know_it_recovers),
		IN(healthy, votes_at_or_below_the_stable_checkpoint_are_the_past),
		IN(NULL, votes_of_an_incarnation_that_has_ended_are_known_to_be_forgotten),
		IN(healthy, a_checkpoint_that_it_did_not_sign_is_unknown),
		IN(healthy, a_view_change_above_its_view_is_unknown_and_one_below_is_not),
		IN(healthy, a_new_view_of_its_own_that_it_never_made_is_unknown),
		IN(healthy, a_rejoin_without_having_asked_makes_it_recover),
		IN(healthy, a_member_that_comes_up_is_shown_its_newest_votes),
		IN(healthy, view_changes_from_before_a_rejoin_count_nowhere),
		IN(healthy, a_higher_incarnation_takes_the_place_of_a_higher_view),
		IN(healthy, a_new_view_from_before_the_rejoin_is_valid),
		IN(healthy, a_new_view_from_behind_it_with_a_stale_view_change_is_not),
		IN(healthy, nor_one_of_a_primary_that_has_rejoined_since),
		IN(healthy, old_prepares_count_below_r_plus_window_and_nowhere_above),
		IN(primary, an_idle_primary_fills_up_to_the_checkpoint_and_no_further),
		IN(healthy, a_primary_that_does_not_fill_is_left),
		IN(healthy, without_anybody_coming_back_an_idle_network_is_left_alone),
	};

	return cmocka_run_group_tests_name("rejoin", tests, NULL, NULL);
}
