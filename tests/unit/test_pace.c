/* How a backup judges the pace of its primary: draft {#pace}. tests/lib/rig.h is around the core.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lib/rig.h"

static struct rig r;
static struct pbft_view_change changes[AP_REPLICAS_MAX];
static uint64_t last; /* sequence, and counter of the own bundle in it */

enum { TIMEOUT = 500 };

static void start(uint8_t n, uint8_t self)
{
	rig_init(&r, n, self);
	r.conf.timeout_ms = TIMEOUT;
	r.conf.timeout_max_ms = 64 * TIMEOUT;
	r.conf.window = 128;
	r.conf.interval = 64;
	rig_start(&r);
	rig_links(&r);
	last = 0;
}

static int backup(void **state)
{
	(void)state;
	start(4, 3);
	return 0;
}

static int first_of_four(void **state)
{
	(void)state;
	start(4, 1);
	return 0;
}

static int last_of_seven(void **state)
{
	(void)state;
	start(7, 7);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_free(&r);
	return 0;
}

static uint64_t view(void)
{
	return rig_info(&r).view;
}

static uint8_t primary(void)
{
	return (uint8_t)(1 + view() % r.conf.n);
}

static bool says_slow(void)
{
	const struct pbft_effect *e = rig_last(&r, PBFT_SEND_STATUS);

	return e != NULL && e->u.status.slow;
}

static struct pbft_proposal proposal(uint8_t from, const struct pbft_batch *b)
{
	struct pbft_proposal p = {.view = view(), .seq = last, .replica = from};

	memcpy(p.batch, b->digest, 32);
	return p;
}

static void propose(const struct pbft_batch *b)
{
	struct pbft_event ev = {.kind = PBFT_EV_PRE_PREPARE, .from = primary()};

	ev.u.pre_prepare.p = proposal(primary(), b);
	ev.u.pre_prepare.batch = b;
	rig_event(&r, &ev);
}

static void vote(const struct pbft_batch *b)
{
	for (uint8_t id = 1; id <= r.conf.n; id++) {
		struct pbft_event ev = {.kind = PBFT_EV_PREPARE, .from = id};

		ev.u.prepare.p = proposal(id, b);
		if (id != r.conf.self && id != primary())
			rig_event(&r, &ev);
	}
	rig_written(&r);
	for (uint8_t id = 1; id <= r.conf.n; id++) {
		struct pbft_event ev = {.kind = PBFT_EV_COMMIT, .from = id};

		ev.u.commit.view = view();
		ev.u.commit.seq = last;
		memcpy(ev.u.commit.batch, b->digest, 32);
		if (id != r.conf.self)
			rig_event(&r, &ev);
	}
	rig_written(&r);
	assert_int_equal(r.executed, last);
}

/* An own bundle goes to the primary, and is executed so much later. */
static void order_own(uint64_t ms)
{
	struct pbft_batch b = {.n_bundles = 1, .time = r.wall_ms};

	last++;
	rig_own(&r, last);
	b.bundles[0] = rig_bundle_of(r.conf.self, 1, last);
	rig_seal(&b);
	rig_wait(&r, ms);
	propose(&b);
	vote(&b);
}

/* The same, but nobody has waited for it here. */
static void order_other(uint64_t ms)
{
	struct pbft_batch b;

	last++;
	b = rig_batch(&r, last);
	rig_wait(&r, ms);
	propose(&b);
	vote(&b);
}

static void order_own_often(size_t n, uint64_t ms)
{
	for (; n > 0; n--)
		order_own(ms);
}

static void is_told(uint8_t from, uint64_t of, bool slow)
{
	struct pbft_event ev = {.kind = PBFT_EV_STATUS, .from = from};

	ev.u.status.view = of;
	ev.u.status.executed = r.executed;
	ev.u.status.heard = 0xffff;
	ev.u.status.slow = slow;
	rig_event(&r, &ev);
}

/* All leave for this view, and nothing is left of what was before. */
static void enter(uint64_t to)
{
	struct pbft_new_view nv = {.view = to, .replica = (uint8_t)(1 + to % r.conf.n)};
	struct pbft_event ev = {.kind = PBFT_EV_NEW_VIEW, .from = nv.replica};

	for (uint8_t id = 2; id <= 4; id++) {
		struct pbft_event change = {.kind = PBFT_EV_VIEW_CHANGE, .from = id};

		memset(&changes[id - 1], 0, sizeof(changes[0]));
		changes[id - 1].view = to;
		changes[id - 1].replica = id;
		change.u.view_change = &changes[id - 1];
		rig_event(&r, &change);
		ev.u.new_view.changes[id - 2] = &changes[id - 1];
	}
	rig_written(&r);
	ev.u.new_view.says = &nv;
	ev.u.new_view.n_changes = 3;
	rig_event(&r, &ev);
	rig_written(&r);
	assert_int_equal(view(), to);
	assert_true(rig_info(&r).view_active);
	rig_clear(&r);
	rig_timer(&r, 1000); /* a heartbeat */
	assert_false(says_slow());
}

static void is_deposed(void)
{
	uint64_t of = view();

	assert_true(says_slow());
	is_told(3, of, true);
	is_told(4, of, true);
	assert_int_equal(view(), of + 1);
	enter(of + 1);
}

/* ---- alone ---- */

static void a_primary_just_below_the_time_out_is_slow(void **state)
{
	(void)state;
	order_own_often(2, TIMEOUT - 10);
	assert_false(says_slow()); /* that can happen */
	order_own(TIMEOUT - 10);
	assert_true(says_slow());
	assert_int_equal(rig_last(&r, PBFT_SEND_STATUS)->to, PBFT_EVERYONE);
}

static void alone_nobody_leaves(void **state)
{
	(void)state;
	order_own_often(50, TIMEOUT - 10);
	assert_true(says_slow());
	assert_int_equal(view(), 0);
}

static void a_quick_primary_is_not(void **state)
{
	(void)state;
	order_own_often(60, TIMEOUT / 4 - 1);
	assert_false(says_slow());
}

static void who_becomes_quicker_is_slow_no_more(void **state)
{
	(void)state;
	order_own_often(3, TIMEOUT - 10);
	assert_true(says_slow());
	order_own_often(12, 1);
	assert_false(says_slow());
}

static void an_idle_network_has_no_pace(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		order_other(10 * TIMEOUT);
	assert_false(says_slow());
}

static void who_lags_does_not_judge(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		for (uint8_t id = 1; id <= 4; id++) {
			r.executed += 100; /* as they say */
			is_told(id, 0, false);
			r.executed -= 100;
		}
		order_own(TIMEOUT - 10);
	}
	assert_false(says_slow());
}

/* ---- together ---- */

static void two_f_plus_1_leave(void **state)
{
	(void)state;
	order_own_often(3, TIMEOUT - 10);
	is_told(2, 0, true);
	assert_int_equal(view(), 0);
	is_told(4, 0, true);
	assert_int_equal(view(), 1);
}

static void f_persuade_nobody_and_f_plus_1_do(void **state)
{
	(void)state;
	is_told(2, 0, true);
	is_told(3, 0, true);
	assert_false(says_slow());
	is_told(4, 0, true);
	assert_true(says_slow());
	assert_int_equal(view(), 0); /* four of seven */
	is_told(5, 0, true);
	assert_int_equal(view(), 1);
}

static void what_is_said_of_another_view_counts_for_nothing(void **state)
{
	(void)state;
	order_own_often(3, TIMEOUT - 10);
	for (uint8_t id = 1; id <= 4; id++)
		is_told(id, 7, true);
	assert_int_equal(view(), 0);
}

static void who_takes_it_back_or_is_gone_counts_no_more(void **state)
{
	(void)state;
	order_own_often(3, TIMEOUT - 10);
	is_told(2, 0, true);
	is_told(2, 0, false);
	is_told(4, 0, true);
	assert_int_equal(view(), 0);
	rig_link(&r, 4, false);
	is_told(2, 0, true);
	assert_int_equal(view(), 0);
}

/* ---- what is allowed ---- */

static void a_slow_network_deposes_two_and_then_nobody(void **state)
{
	(void)state;
	enter(1);
	order_own_often(6, TIMEOUT / 2 - 10);
	is_deposed();
	order_own_often(20, TIMEOUT / 2 - 10);
	assert_false(says_slow()); /* it has been allowed for */
	order_own_often(6, TIMEOUT - 10);
	is_deposed();
	order_own_often(20, TIMEOUT - 1);
	assert_false(says_slow());
}

static void a_quick_network_allows_less_again(void **state)
{
	(void)state;
	enter(1);
	order_own_often(6, TIMEOUT / 2 - 10);
	is_deposed();
	order_own_often(6, TIMEOUT / 2 - 10);
	assert_false(says_slow());
	order_own_often(24, 1);
	order_own_often(6, TIMEOUT / 2 - 10);
	assert_true(says_slow());
}

static void and_so_does_time(void **state)
{
	(void)state;
	enter(1);
	order_own_often(6, TIMEOUT / 2 - 10);
	is_deposed();
	order_own_often(8, 2 * TIMEOUT / 5);
	assert_false(says_slow());
	rig_wait(&r, 256 * TIMEOUT);
	order_own_often(9, 2 * TIMEOUT / 5);
	assert_true(says_slow());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(test)		  cmocka_unit_test_setup_teardown(test, backup, teardown)
#define T_OF(test, setup) cmocka_unit_test_setup_teardown(test, setup, teardown)
		T(a_primary_just_below_the_time_out_is_slow),
		T(alone_nobody_leaves),
		T(a_quick_primary_is_not),
		T(who_becomes_quicker_is_slow_no_more),
		T(an_idle_network_has_no_pace),
		T(who_lags_does_not_judge),
		T(two_f_plus_1_leave),
		T_OF(f_persuade_nobody_and_f_plus_1_do, last_of_seven),
		T(what_is_said_of_another_view_counts_for_nothing),
		T(who_takes_it_back_or_is_gone_counts_no_more),
		T_OF(a_slow_network_deposes_two_and_then_nobody, first_of_four),
		T_OF(a_quick_network_allows_less_again, first_of_four),
		T_OF(and_so_does_time, first_of_four),
	};

	return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
