/* Bundle numbers: daemon/machine/numbers.c. Scenario S18. */
#include "daemon/machine/numbers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_number_executes_once(void **state)
{
	struct machine_numbers n = {0};

	(void)state;
	assert_true(machine_numbers_take(&n, 1, 0));
	assert_false(machine_numbers_take(&n, 1, 0));
	assert_true(machine_numbers_take(&n, 1, 1));
	assert_false(machine_numbers_take(&n, 1, 0));
	assert_false(machine_numbers_take(&n, 1, 1));
}

static void the_first_counter_of_the_first_run_executes(void **state)
{
	struct machine_numbers n = {0};

	(void)state;
	assert_true(machine_numbers_take(&n, 0, 0));
	assert_false(machine_numbers_take(&n, 0, 0));
}

static void numbers_may_come_out_of_order(void **state)
{
	static const uint64_t order[] = {5, 2, 70, 3, 64, 200, 1, 69, 201};
	struct machine_numbers n = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		assert_true(machine_numbers_take(&n, 9, order[i]));
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		assert_false(machine_numbers_take(&n, 9, order[i]));
	assert_int_equal(n.counter, 201);
}

static void a_later_run_voids_the_earlier(void **state)
{
	struct machine_numbers n = {0};

	(void)state;
	assert_true(machine_numbers_take(&n, 3, 8));
	assert_true(machine_numbers_take(&n, 4, 0));
	assert_false(machine_numbers_take(&n, 3, 9));
	assert_true(machine_numbers_take(&n, 4, 8));
	assert_int_equal(n.start, 4);
}

static void what_lies_too_far_back_is_void(void **state)
{
	struct machine_numbers n = {0};

	(void)state;
	assert_true(machine_numbers_take(&n, 1, 1000));
	assert_false(machine_numbers_take(&n, 1, 1000 - MACHINE_NUMBERS));
	assert_true(machine_numbers_take(&n, 1, 1000 - MACHINE_NUMBERS + 1));
}

static void the_largest_numbers_are_numbers(void **state)
{
	struct machine_numbers n = {0};

	(void)state;
	assert_true(machine_numbers_take(&n, 1, 0));
	assert_true(machine_numbers_take(&n, 1, UINT64_MAX));
	assert_false(machine_numbers_take(&n, 1, UINT64_MAX));
	assert_true(machine_numbers_take(&n, 1, UINT64_MAX - 1));
	assert_true(machine_numbers_take(&n, UINT64_MAX, UINT64_MAX));
	assert_false(machine_numbers_take(&n, 2, 0));
}

/* Against a plain set, most within reach, some too far back. */
static void random_numbers_agree_with_a_set(void **state)
{
	enum { SPAN = 65536 };
	static bool done[SPAN];
	struct machine_numbers n = {0};
	uint64_t highest = 0, x = 88172645463325252ULL;
	size_t executed = 0;

	(void)state;
	for (size_t i = 0; i < 20000; i++) {
		uint64_t counter;
		bool expect;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		counter = x % 8 == 0 ? highest + x / 8 % 30 : highest - x / 8 % 300;
		if (counter >= SPAN)
			continue;
		expect = !done[counter] && counter + MACHINE_NUMBERS > highest;
		assert_int_equal(machine_numbers_take(&n, 1, counter), expect);
		assert_true(machine_numbers_is_sound(&n));
		executed += expect;
		done[counter] = true;
		if (counter > highest)
			highest = counter;
	}
	assert_true(executed > 5000);
}

static void the_lowest_that_has_not_executed(void **state)
{
	struct machine_numbers n = {0};

	(void)state;
	assert_int_equal(machine_numbers_lowest(&n, 7), 1);
	machine_numbers_take(&n, 7, 1);
	machine_numbers_take(&n, 7, 2);
	machine_numbers_take(&n, 7, 5);
	assert_int_equal(machine_numbers_lowest(&n, 7), 3);
	assert_int_equal(machine_numbers_lowest(&n, 8), 1);
	assert_int_equal(machine_numbers_lowest(&n, 6), UINT64_MAX);
	machine_numbers_take(&n, 7, 4);
	machine_numbers_take(&n, 7, 3);
	assert_int_equal(machine_numbers_lowest(&n, 7), 6);
	machine_numbers_take(&n, 7, 1000); /* what is too far back counts as executed */
	assert_int_equal(machine_numbers_lowest(&n, 7), 1000 - MACHINE_NUMBERS + 1);
	machine_numbers_take(&n, 7, UINT64_MAX);
	for (uint64_t i = 1; i < MACHINE_NUMBERS; i++)
		machine_numbers_take(&n, 7, UINT64_MAX - i);
	assert_int_equal(machine_numbers_lowest(&n, 7), UINT64_MAX);
}

static void states_that_cannot_be_are_not_sound(void **state)
{
	struct machine_numbers n = {0};

	(void)state;
	assert_true(machine_numbers_is_sound(&n));
	n.counter = 5;
	assert_false(machine_numbers_is_sound(&n)); /* the highest is not marked */
	n.seen[0] = 1;
	assert_true(machine_numbers_is_sound(&n));
	n.seen[0] = 1 << 5 | 1;
	assert_true(machine_numbers_is_sound(&n));
	n.seen[0] = 1 << 6 | 1; /* counter -1 */
	assert_false(machine_numbers_is_sound(&n));
	memset(&n, 0, sizeof(n));
	n.seen[3] = 1;
	assert_false(machine_numbers_is_sound(&n));
	memset(&n, 0, sizeof(n));
	n.start = 1;
	assert_false(machine_numbers_is_sound(&n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_executes_once),
		cmocka_unit_test(the_first_counter_of_the_first_run_executes),
		cmocka_unit_test(numbers_may_come_out_of_order),
		cmocka_unit_test(a_later_run_voids_the_earlier),
		cmocka_unit_test(what_lies_too_far_back_is_void),
		cmocka_unit_test(the_largest_numbers_are_numbers),
		cmocka_unit_test(random_numbers_agree_with_a_set),
		cmocka_unit_test(the_lowest_that_has_not_executed),
		cmocka_unit_test(states_that_cannot_be_are_not_sound),
	};

	return cmocka_run_group_tests_name("numbers", tests, NULL, NULL);
}
