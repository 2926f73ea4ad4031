/* daemon/clock.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/clock.h"

enum { SECOND = 1000, BOUND = 10 * SECOND, OUTAGE = 30 * 86400 };
static const uint64_t OUTAGE_MS = (uint64_t)OUTAGE * SECOND, T = 1800000000000, MONO = 5000;

static void start(struct clock *c, uint64_t t, uint64_t wall)
{
	clock_start(c, BOUND, OUTAGE_MS, t, wall, MONO);
}

static void a_new_network_believes_its_clock(void **state)
{
	struct clock c;

	(void)state;
	start(&c, 0, T);
	assert_int_equal(clock_time(&c, T + 5, MONO + 5), T + 5);
}

static void a_start_is_believed_inside_the_bounds_only(void **state)
{
	struct clock c;

	(void)state;
	start(&c, T, T - BOUND);
	assert_true(c.believed);
	start(&c, T, T - BOUND - 1);
	assert_false(c.believed);
	start(&c, T, T + OUTAGE_MS);
	assert_true(c.believed);
	start(&c, T, T + OUTAGE_MS + 1);
	assert_false(c.believed);
	start(&c, T, 0); /* 1970 */
	assert_int_equal(clock_time(&c, 1, MONO + 1), 0);
}

static void a_leap_within_a_run_is_not_followed(void **state)
{
	const uint64_t ten_years = (uint64_t)3650 * 86400 * SECOND;
	struct clock c;

	(void)state;
	start(&c, T, T);
	assert_int_equal(clock_time(&c, T + ten_years, MONO + 100), T + 100);
	assert_true(c.leapt);
	assert_int_equal(clock_time(&c, T + ten_years + 900, MONO + 1000), T + 1000);
	/* it comes back: all is well again */
	assert_int_equal(clock_time(&c, T + 2000, MONO + 2000), T + 2000);
	assert_false(c.leapt);
}

static void small_steps_and_slewing_are_followed(void **state)
{
	struct clock c;

	(void)state;
	start(&c, T, T);
	for (uint64_t i = 1; i < 100; i++)
		assert_int_equal(clock_time(&c, T + i * 2 * SECOND, MONO + i * SECOND), T + i * 2 * SECOND);
	assert_false(c.leapt);
}

static void executed_batches_bear_a_disbelieved_clock_out(void **state)
{
	struct clock c;

	(void)state;
	start(&c, T, T + OUTAGE_MS * 2);
	clock_judge(&c, T + 1, T + OUTAGE_MS * 2, MONO);
	assert_int_equal(clock_time(&c, T + OUTAGE_MS * 2, MONO), 0);
	clock_judge(&c, T + OUTAGE_MS * 2 - BOUND, T + OUTAGE_MS * 2, MONO);
	assert_int_equal(clock_time(&c, T + OUTAGE_MS * 2, MONO), T + OUTAGE_MS * 2);
}

static void executed_batches_do_not_bear_a_leap_out_that_only_this_replica_made(void **state)
{
	struct clock c;

	(void)state;
	start(&c, T, T);
	clock_time(&c, T + OUTAGE_MS, MONO + 1);
	clock_judge(&c, T + 1, T + OUTAGE_MS, MONO + 1);
	assert_int_equal(clock_time(&c, T + OUTAGE_MS, MONO + 2), T + 2);
	/* the others leapt too, so this one was a pause that its own monotonic clock did not count */
	clock_judge(&c, T + OUTAGE_MS, T + OUTAGE_MS + 1, MONO + 3);
	assert_int_equal(clock_time(&c, T + OUTAGE_MS + 2, MONO + 4), T + OUTAGE_MS + 2);
}

static void operators_can_lift_the_bound(void **state)
{
	struct clock c;

	(void)state;
	start(&c, T, T + OUTAGE_MS * 2);
	clock_believe(&c, T + OUTAGE_MS * 2, MONO);
	assert_int_equal(clock_time(&c, T + OUTAGE_MS * 2 + 7, MONO + 7), T + OUTAGE_MS * 2 + 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_network_believes_its_clock),
		cmocka_unit_test(a_start_is_believed_inside_the_bounds_only),
		cmocka_unit_test(a_leap_within_a_run_is_not_followed),
		cmocka_unit_test(small_steps_and_slewing_are_followed),
		cmocka_unit_test(executed_batches_bear_a_disbelieved_clock_out),
		cmocka_unit_test(executed_batches_do_not_bear_a_leap_out_that_only_this_replica_made),
		cmocka_unit_test(operators_can_lift_the_bound),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
