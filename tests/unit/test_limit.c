#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "daemon/limit.h"

static unsigned taken(struct limit *l, uint64_t now_ms, unsigned tries)
{
	unsigned n = 0;

	for (unsigned i = 0; i < tries; i++)
		n += limit_take(l, now_ms);
	return n;
}

static void one_second_may_go_at_once(void **state)
{
	struct limit l;

	(void)state;
	limit_init(&l, 10);
	assert_int_equal(taken(&l, 5000, 100), 10);
	assert_int_equal(taken(&l, 5000, 100), 0);
}

static void it_fills_with_time_and_not_over(void **state)
{
	struct limit l;

	(void)state;
	limit_init(&l, 10);
	taken(&l, 1, 100);
	assert_int_equal(taken(&l, 100, 100), 0);
	assert_int_equal(taken(&l, 101, 100), 1);
	assert_int_equal(taken(&l, 301, 100), 2);
	assert_int_equal(taken(&l, 1000000000000, 100), 10);
}

static void small_steps_are_not_lost(void **state)
{
	struct limit l;
	unsigned n = 0;

	(void)state;
	limit_init(&l, 3);
	taken(&l, 1, 100);
	for (uint64_t now = 2; now <= 10001; now++)
		n += taken(&l, now, 5);
	assert_int_equal(n, 30);
}

static void none_is_none(void **state)
{
	struct limit l;

	(void)state;
	limit_init(&l, 0);
	assert_int_equal(taken(&l, 1000000, 10), 0);
}

static void a_clock_that_goes_back_gives_nothing(void **state)
{
	struct limit l;

	(void)state;
	limit_init(&l, 10);
	assert_int_equal(taken(&l, 5000, 100), 10);
	assert_int_equal(taken(&l, 1000, 100), 0);
	assert_int_equal(taken(&l, 5100, 100), 1);
}

static void the_largest_rate_overflows_nothing(void **state)
{
	struct limit l;

	(void)state;
	limit_init(&l, UINT32_MAX);
	assert_true(limit_take(&l, UINT64_MAX));
	assert_true(limit_now() > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_second_may_go_at_once),
		cmocka_unit_test(it_fills_with_time_and_not_over),
		cmocka_unit_test(small_steps_are_not_lost),
		cmocka_unit_test(none_is_none),
		cmocka_unit_test(a_clock_that_goes_back_gives_nothing),
		cmocka_unit_test(the_largest_rate_overflows_nothing),
	};

	return cmocka_run_group_tests_name("limit", tests, NULL, NULL);
}
