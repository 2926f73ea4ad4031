/* Floor, boundaries, capacity: daemon/machine/retain.c. Scenarios R2, R3, 10 to 12. */
#include "daemon/machine/retain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct machine_retain *retain_new(void)
{
	struct machine_retain *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	return r;
}

static void floor_is_time_less_retention(void **state)
{
	struct machine_retain *r = retain_new();

	(void)state;
	machine_retain_advance(r, 4999, 5);
	assert_int_equal(r->floor_ms, 0);
	machine_retain_advance(r, 5001, 5);
	assert_int_equal(r->floor_ms, 1);
	machine_retain_advance(r, 90000, 5);
	assert_int_equal(r->floor_ms, 85000);
	free(r);
}

static void floor_never_sinks_when_retention_grows(void **state)
{
	struct machine_retain *r = retain_new();

	(void)state;
	machine_retain_advance(r, 100000, 10);
	machine_retain_advance(r, 100000, 90); /* lowered to 10 before, now raised again */
	assert_int_equal(r->floor_ms, 90000);
	machine_retain_advance(r, 179999, 90);
	assert_int_equal(r->floor_ms, 90000);
	machine_retain_advance(r, 180001, 90);
	assert_int_equal(r->floor_ms, 90001);
	free(r);
}

static void judgement_changes_at_start_deadline_and_floor_exactly(void **state)
{
	struct machine_retain *r = retain_new();

	(void)state;
	/* start 50 s, deadline 100 s, retention 10 s */
	assert_int_equal(machine_retain_judge(r, 49999, 50, 100), MACHINE_EARLY);
	assert_int_equal(machine_retain_judge(r, 50000, 50, 100), MACHINE_VOTES);
	assert_int_equal(machine_retain_judge(r, 99999, 50, 100), MACHINE_VOTES);
	assert_int_equal(machine_retain_judge(r, 100000, 50, 100), MACHINE_ENDED);
	machine_retain_advance(r, 109999, 10);
	assert_int_equal(machine_retain_judge(r, 109999, 50, 100), MACHINE_ENDED);
	machine_retain_advance(r, 110000, 10);
	assert_int_equal(machine_retain_judge(r, 110000, 50, 100), MACHINE_FORGOTTEN);
	/* an end before the start is an end */
	assert_int_equal(machine_retain_judge(r, 130000, 200, 130), MACHINE_ENDED);
	free(r);
}

static void deadline_zero_is_forgotten_from_the_beginning(void **state)
{
	struct machine_retain *r = retain_new();

	(void)state;
	assert_int_equal(machine_retain_judge(r, 0, 0, 0), MACHINE_FORGOTTEN);
	free(r);
}

static void horizon_is_the_last_deadline_that_is_taken(void **state)
{
	(void)state;
	assert_true(machine_retain_reaches(5000, 100, 105));
	assert_false(machine_retain_reaches(4999, 100, 105));
	assert_true(machine_retain_reaches(UINT64_MAX, 100, 105));
	assert_false(machine_retain_reaches(0, 100, 0xffffffffffULL));
}

static void a_share_is_full_and_pays_for_nobody_else(void **state)
{
	struct machine_retain *r = retain_new();

	(void)state;
	assert_true(machine_retain_add(r, 1, 2, 5000));
	assert_true(machine_retain_add(r, 1, 2, 50000));
	assert_false(machine_retain_add(r, 1, 2, 50001));
	assert_int_equal(r->used[0], 2);
	assert_true(machine_retain_add(r, 2, 2, 50001));
	assert_int_equal(r->used[1], 1);
	free(r);
}

static void a_bucket_is_given_back_when_the_floor_reaches_its_end(void **state)
{
	struct machine_retain *r = retain_new();
	uint64_t end_ms = machine_ms(2 * MACHINE_BUCKET_S);

	(void)state;
	assert_true(machine_retain_add(r, 3, 9, MACHINE_BUCKET_S));	    /* first of bucket 1 */
	assert_true(machine_retain_add(r, 3, 9, 2 * MACHINE_BUCKET_S - 1)); /* its last */
	assert_true(machine_retain_add(r, 3, 9, 2 * MACHINE_BUCKET_S));	    /* of bucket 2 */
	machine_retain_advance(r, end_ms - 1, 0);
	assert_int_equal(r->used[2], 3);
	machine_retain_advance(r, end_ms, 0);
	assert_int_equal(r->used[2], 1);
	assert_int_equal(machine_retain_low(r), 2);
	free(r);
}

static void a_leap_of_time_gives_everything_back(void **state)
{
	struct machine_retain *r = retain_new();

	(void)state;
	for (uint64_t d = 1; d < MACHINE_SPAN_MAX_S; d += 100000)
		assert_true(machine_retain_add(r, 1, 1000, d));
	machine_retain_advance(r, UINT64_MAX, 0);
	assert_int_equal(r->used[0], 0);
	for (size_t i = 0; i < MACHINE_BUCKETS; i++)
		assert_int_equal(r->kept[i][0], 0);
	free(r);
}

static void no_two_live_buckets_share_a_place(void **state)
{
	struct machine_retain *r = retain_new();
	/* F is just below a bucket's end, the horizon just inside a bucket */
	uint64_t floor_s = 3 * MACHINE_BUCKET_S - 1, furthest = floor_s + MACHINE_SPAN_MAX_S;

	(void)state;
	machine_retain_advance(r, machine_ms(floor_s), 0);
	for (uint64_t d = floor_s; d < furthest; d += MACHINE_BUCKET_S)
		assert_true(machine_retain_add(r, 1, UINT32_MAX, d));
	assert_true(machine_retain_add(r, 1, UINT32_MAX, furthest));
	for (size_t i = 0; i < MACHINE_BUCKETS; i++)
		assert_in_range(r->kept[i][0], 0, 2);
	free(r);
}

static void deadlines_outside_of_the_buckets_are_not_counted(void **state)
{
	struct machine_retain *r = retain_new();

	(void)state;
	machine_retain_advance(r, machine_ms(2 * MACHINE_BUCKET_S), 0);
	assert_false(machine_retain_add(r, 1, 9, 2 * MACHINE_BUCKET_S - 1));
	assert_false(
		machine_retain_add(r, 1, 9, (uint64_t)(2 + MACHINE_BUCKETS) * MACHINE_BUCKET_S));
	assert_int_equal(r->used[0], 0);
	free(r);
}

/* Against a list of all that was ever counted. */
static void random_counting_agrees_with_a_list(void **state)
{
	enum { MOST = 3000, SHARE = 80 };
	static uint64_t deadlines[MOST];
	struct machine_retain *r = retain_new();
	uint64_t x = 2463534242, time_s = 1000000, full = 0;
	size_t n = 0;

	(void)state;
	while (n < MOST) {
		uint64_t used = 0, d;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		if (x % 16 == 0)
			time_s += x / 16 % 30000;
		machine_retain_advance(r, machine_ms(time_s), 50000);
		d = time_s + 1 + x / 64 % 100000;
		for (size_t i = 0; i < n; i++)
			used += machine_ms((deadlines[i] / MACHINE_BUCKET_S + 1) *
					   MACHINE_BUCKET_S) > r->floor_ms;
		assert_int_equal(r->used[0], used);
		assert_int_equal(machine_retain_add(r, 1, SHARE, d), used < SHARE);
		full += used >= SHARE;
		if (used < SHARE)
			deadlines[n++] = d;
	}
	assert_true(full > 10);
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(floor_is_time_less_retention),
		cmocka_unit_test(floor_never_sinks_when_retention_grows),
		cmocka_unit_test(judgement_changes_at_start_deadline_and_floor_exactly),
		cmocka_unit_test(deadline_zero_is_forgotten_from_the_beginning),
		cmocka_unit_test(horizon_is_the_last_deadline_that_is_taken),
		cmocka_unit_test(a_share_is_full_and_pays_for_nobody_else),
		cmocka_unit_test(a_bucket_is_given_back_when_the_floor_reaches_its_end),
		cmocka_unit_test(a_leap_of_time_gives_everything_back),
		cmocka_unit_test(no_two_live_buckets_share_a_place),
		cmocka_unit_test(deadlines_outside_of_the_buckets_are_not_counted),
		cmocka_unit_test(random_counting_agrees_with_a_list),
	};

	return cmocka_run_group_tests_name("retain", tests, NULL, NULL);
}
