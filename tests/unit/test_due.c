/* daemon/due.c: deadlines that fire. draft {#deadlines} */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/due.h"

enum { D = 1000000, BOUND = 10000, TIMEOUT = 500 };

static struct due_view view(bool primary, uint64_t wall_ms, uint64_t now_ms)
{
	return (struct due_view){.due_ms = D,
				 .wall_ms = wall_ms,
				 .now_ms = now_ms,
				 .clock_bound_ms = BOUND,
				 .timeout_ms = TIMEOUT,
				 .primary = primary,
				 .view_active = true};
}

static void expect(struct due *d, struct due_view v, enum due_duty duty, uint64_t wake_ms)
{
	uint64_t wake;

	assert_int_equal(due_look(d, &v, &wake), duty);
	assert_int_equal(wake, wake_ms);
}

static void nothing_is_due_where_nothing_is_undecided(void **state)
{
	struct due d = {0};
	struct due_view v = view(true, D + 5, 1);

	(void)state;
	v.due_ms = UINT64_MAX;
	expect(&d, v, DUE_NOTHING, UINT64_MAX);
}

static void the_primary_ticks_at_the_deadline_and_not_before(void **state)
{
	struct due d = {0};

	(void)state;
	expect(&d, view(true, D - 70, 5000), DUE_NOTHING, 5070);
	expect(&d, view(true, D - 1, 5069), DUE_NOTHING, 5070);
	expect(&d, view(true, D, 5070), DUE_TICK, 5070 + DUE_AGAIN_MS);
}

static void one_tick_is_enough_until_it_turns_out_not_to_be(void **state)
{
	struct due d = {0};

	(void)state;
	expect(&d, view(true, D, 5000), DUE_TICK, 5100);
	expect(&d, view(true, D + 1, 5001), DUE_NOTHING, 5100);
	expect(&d, view(true, D + 100, 5100), DUE_TICK, 5200);
}

/* More than a batch ends. */
static void what_is_due_behind_an_executed_tick_gets_another_at_once(void **state)
{
	struct due d = {0};
	struct due_view v = view(true, D, 5000);

	(void)state;
	expect(&d, v, DUE_TICK, 5100);
	v.now_ms = 5010;
	expect(&d, v, DUE_NOTHING, 5100);
	v.batches++;
	expect(&d, v, DUE_TICK, 5110);
}

static void a_batch_under_way_may_do_it(void **state)
{
	struct due d = {0};
	struct due_view v = view(true, D + 3, 5000);

	(void)state;
	v.in_flight = true;
	expect(&d, v, DUE_NOTHING, 5000 + DUE_LOOK_MS);
}

static void a_backup_ticks_when_the_primary_has_not(void **state)
{
	struct due d = {0};

	(void)state;
	expect(&d, view(false, D, 5000), DUE_NOTHING, 5000 + DUE_GRACE_MS);
	expect(&d, view(false, D + DUE_GRACE_MS, 5250), DUE_TICK, 5250 + DUE_BACKUP_MS);
}

static void who_does_not_know_the_time_does_nothing(void **state)
{
	struct due d = {0};

	(void)state;
	expect(&d, view(true, 0, 5000), DUE_NOTHING, UINT64_MAX);
	expect(&d, view(false, 0, 5000), DUE_NOTHING, UINT64_MAX);
}

/* How often in so many ms, looked at every 100 ms, does a backup leave the view? */
static unsigned leaves(struct due *d, uint64_t wall_ms, uint64_t ms, unsigned batches_each)
{
	unsigned n = 0;

	for (uint64_t t = 0; t <= ms; t += 100) {
		struct due_view v = view(false, wall_ms + t, 5000 + t);
		uint64_t wake;

		v.batches = 7 + t / 100 * batches_each;
		n += due_look(d, &v, &wake) == DUE_FROZEN;
	}
	return n;
}

static void time_that_stands_still_while_batches_execute_ends_the_view(void **state)
{
	struct due d = {0};

	(void)state;
	assert_int_equal(leaves(&d, D + BOUND - 1000, 1000 + DUE_TIMEOUTS * TIMEOUT - 100, 1), 0);
	d = (struct due){0};
	assert_int_equal(leaves(&d, D + BOUND - 1000, 1000 + DUE_TIMEOUTS * TIMEOUT + 100, 1), 1);
}

static void without_batches_the_other_timers_are_enough(void **state)
{
	struct due d = {0};

	(void)state;
	assert_int_equal(leaves(&d, D + BOUND, 60000, 0), 0);
}

static void clocks_within_the_bound_blame_nobody(void **state)
{
	struct due d = {0};

	(void)state;
	assert_int_equal(leaves(&d, D, BOUND - 100, 1), 0);
}

static void a_new_view_has_its_own_time(void **state)
{
	struct due d = {0};
	struct due_view v = view(false, D + BOUND, 5000);
	uint64_t wake;

	(void)state;
	due_look(&d, &v, &wake);
	v.now_ms += DUE_TIMEOUTS * TIMEOUT;
	v.batches = 9;
	v.view = 1;
	assert_int_not_equal(due_look(&d, &v, &wake), DUE_FROZEN);
	v.now_ms += DUE_TIMEOUTS * TIMEOUT;
	v.batches = 10;
	assert_int_equal(due_look(&d, &v, &wake), DUE_FROZEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_due_where_nothing_is_undecided),
		cmocka_unit_test(the_primary_ticks_at_the_deadline_and_not_before),
		cmocka_unit_test(one_tick_is_enough_until_it_turns_out_not_to_be),
		cmocka_unit_test(what_is_due_behind_an_executed_tick_gets_another_at_once),
		cmocka_unit_test(a_batch_under_way_may_do_it),
		cmocka_unit_test(a_backup_ticks_when_the_primary_has_not),
		cmocka_unit_test(who_does_not_know_the_time_does_nothing),
		cmocka_unit_test(time_that_stands_still_while_batches_execute_ends_the_view),
		cmocka_unit_test(without_batches_the_other_timers_are_enough),
		cmocka_unit_test(clocks_within_the_bound_blame_nobody),
		cmocka_unit_test(a_new_view_has_its_own_time),
	};

	return cmocka_run_group_tests_name("deadlines", tests, NULL, NULL);
}
