/* Nonce pools and signer sets: daemon/machine/nonces.c. Scenarios S12, 62 to 67. */
#include "daemon/machine/nonces.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/crypto.h"
#include "tests/lib/fakegroup.h"

static struct machine_nonces pool;

static int empty_pool(void **state)
{
	(void)state;
	memset(&pool, 0, sizeof(pool));
	return 0;
}

static bool add(uint64_t boot, uint64_t first, uint8_t count)
{
	static ap_nonces op;

	fakegroup_nonces(&op, 1, boot, first, count);
	return machine_nonces_add(&pool, &op);
}

static void assert_pool(uint64_t boot, uint64_t next, uint32_t left)
{
	assert_int_equal(pool.boot, boot);
	assert_int_equal(pool.next, next);
	assert_int_equal(pool.left, left);
}

/* ---- the rules of NONCES ---- */

static void the_same_run_goes_on_with_the_next_counter(void **state)
{
	(void)state;
	assert_true(add(1, 0, 3));
	assert_false(add(1, 0, 3));
	assert_false(add(1, 2, 3));
	assert_false(add(1, 4, 3));
	assert_pool(1, 3, 3);
	assert_true(add(1, 3, 64));
	assert_pool(1, 67, 67);
}

static void a_lower_run_has_no_effect(void **state)
{
	(void)state;
	assert_true(add(5, 0, 2));
	assert_false(add(4, 0, 2));
	assert_false(add(4, 2, 2));
	assert_pool(5, 2, 2);
}

static void a_higher_run_begins_at_zero_and_voids_the_older(void **state)
{
	(void)state;
	assert_true(add(1, 0, 64));
	assert_false(add(2, 64, 2));
	assert_pool(1, 64, 64);
	assert_true(add(2, 0, 2));
	assert_pool(2, 2, 2);
	assert_false(add(1, 64, 2));
}

static void none_of_a_higher_run_empties_the_pool(void **state)
{
	(void)state;
	assert_true(add(1, 0, 10));
	assert_false(add(1, 10, 0));
	assert_true(add(2, 0, 0));
	assert_pool(2, 0, 0);
}

static void at_most_256_are_held(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < 3; i++)
		assert_true(add(1, (uint64_t)i * 64, 64));
	assert_true(add(1, 192, 63));
	assert_false(add(1, 255, 2)); /* all or none */
	assert_pool(1, 255, 255);
	assert_true(add(1, 255, 1));
	assert_false(add(1, 256, 1));
	assert_true(add(2, 0, 64)); /* the older do not count */
	assert_pool(2, 64, 64);
}

static void counters_do_not_wrap(void **state)
{
	static ap_nonces op;

	(void)state;
	pool.boot = 1;
	pool.next = UINT64_MAX - 1;
	fakegroup_nonces(&op, 1, 1, UINT64_MAX - 1, 2);
	assert_false(machine_nonces_add(&pool, &op));
	op.n_pairs = 1;
	assert_true(machine_nonces_add(&pool, &op));
}

/* One op of two pairs, of which a point is made equal to another; who is at fault is not said. */
static void assert_repeats(ap_point *to, const ap_point *from, const ap_nonces *op)
{
	ap_point was = *to;
	struct machine_nonces before = pool;

	*to = *from;
	assert_false(machine_nonces_add(&pool, op));
	assert_memory_equal(&before, &pool, sizeof(pool));
	*to = was;
}

static void a_repeated_point_has_no_effect(void **state)
{
	static ap_nonces held, op;

	(void)state;
	fakegroup_nonces(&held, 1, 1, 0, 3);
	assert_true(machine_nonces_add(&pool, &held));
	fakegroup_nonces(&op, 1, 1, 3, 2);
	assert_repeats(&op.pairs[1].hiding, &held.pairs[0].hiding, &op);
	assert_repeats(&op.pairs[1].binding, &held.pairs[2].binding, &op);
	assert_repeats(&op.pairs[0].hiding, &held.pairs[1].binding, &op);
	assert_repeats(&op.pairs[0].binding, &held.pairs[1].hiding, &op);
	assert_repeats(&op.pairs[1].hiding, &op.pairs[0].hiding, &op);
	assert_repeats(&op.pairs[1].hiding, &op.pairs[0].binding, &op);
	assert_repeats(&op.pairs[1].binding, &op.pairs[1].hiding, &op);
	assert_true(machine_nonces_add(&pool, &op));
}

static void a_point_of_a_voided_run_may_come_again(void **state)
{
	static ap_nonces op;

	(void)state;
	fakegroup_nonces(&op, 1, 1, 0, 3);
	assert_true(machine_nonces_add(&pool, &op));
	op.boot = 2; /* its owner's mistake, and only its owner's nonces */
	assert_true(machine_nonces_add(&pool, &op));
}

/* ---- who signs ---- */

static void four_of_four_sign_in_disjoint_pairs_and_all_six_take_turns(void **state)
{
	static const uint32_t left[] = {1, 1, 1, 1};
	bool seen[5][5] = {{false}};
	uint8_t sets[MACHINE_SETS_MAX][AP_THRESHOLD_MAX];

	(void)state;
	for (uint8_t attempt = 0; attempt < 3; attempt++) {
		assert_int_equal(machine_sets_choose(ap_sha256, 4, left, 1, 7, attempt, sets), 2);
		assert_int_equal(sets[0][0], 1);
		assert_int_equal(sets[0][1], 2 + (7 + attempt) % 3);
		assert_int_equal(sets[0][0] + sets[0][1] + sets[1][0] + sets[1][1], 10);
		assert_true(sets[1][0] < sets[1][1]);
		seen[sets[0][0]][sets[0][1]] = seen[sets[1][0]][sets[1][1]] = true;
	}
	for (uint8_t i = 1; i < 4; i++)
		for (uint8_t j = (uint8_t)(i + 1); j <= 4; j++)
			assert_true(seen[i][j]);
}

static void the_last_sequence_is_no_exception(void **state)
{
	static const uint32_t left[] = {1, 1, 1, 1};
	uint8_t sets[MACHINE_SETS_MAX][AP_THRESHOLD_MAX];

	(void)state;
	/* 2^64 - 1 is a multiple of 3 */
	machine_sets_choose(ap_sha256, 4, left, 1, UINT64_MAX, 1, sets);
	assert_int_equal(sets[0][1], 3);
}

/* From a second program, written after the words in nonces.h. */
struct vector {
	uint8_t n;
	uint16_t eligible; /* bit id - 1 */
	uint32_t epoch;
	uint64_t seq;
	uint8_t attempt;
	size_t n_sets;
	uint8_t sets[MACHINE_SETS_MAX][AP_THRESHOLD_MAX];
};

static const struct vector vectors[] = {
	{4, 0x0b, 1, 1, 0, 2, {{1, 4}, {2, 4}}},
	{4, 0x06, 1, 9, 0, 1, {{2, 3}}},
	{7, 0x7f, 1, 1, 0, 2, {{4, 5, 7}, {1, 2, 6}}},
	{7, 0x6d, 2, 77, 3, 2, {{3, 4, 6}, {1, 4, 7}}},
	{10, 0x3ff, 1, 1ULL << 40, 0, 2, {{1, 2, 5, 6}, {7, 8, 9, 10}}},
	{13, 0x1fff, 1, 5, 0, 2, {{6, 7, 8, 9, 12}, {1, 2, 4, 5, 11}}},
	{13, 0x1fff, UINT32_MAX, UINT64_MAX, 255, 2, {{1, 3, 4, 11, 12}, {2, 6, 9, 10, 13}}},
};

static void shuffles_are_as_the_draft_says(void **state)
{
	(void)state;
	for (size_t v = 0; v < sizeof(vectors) / sizeof(vectors[0]); v++) {
		const struct vector *it = &vectors[v];
		uint8_t sets[MACHINE_SETS_MAX][AP_THRESHOLD_MAX];
		uint32_t left[AP_REPLICAS_MAX];
		size_t n_sets, t = (size_t)(it->n - 1) / 3 + 1;

		for (size_t i = 0; i < it->n; i++)
			left[i] = (it->eligible >> i & 1) != 0 ? 2 : 0;
		n_sets = machine_sets_choose(ap_sha256, it->n, left, it->epoch, it->seq,
					     it->attempt, sets);
		assert_int_equal(n_sets, it->n_sets);
		for (size_t s = 0; s < n_sets; s++)
			assert_memory_equal(sets[s], it->sets[s], t);
	}
}

static void a_member_of_both_sets_needs_two_entries(void **state)
{
	uint32_t left[] = {2, 2, 0, 1};
	uint8_t sets[MACHINE_SETS_MAX][AP_THRESHOLD_MAX];

	(void)state;
	/* as in the first vector: 4 is in both */
	assert_int_equal(machine_sets_choose(ap_sha256, 4, left, 1, 1, 0, sets), 1);
	left[0] = left[1] = 1;
	left[3] = 2;
	assert_int_equal(machine_sets_choose(ap_sha256, 4, left, 1, 1, 0, sets), 2);
}

static void fewer_than_the_threshold_are_no_set(void **state)
{
	static const uint32_t left[] = {9, 0, 0, 0}, none[13] = {0};
	uint8_t sets[MACHINE_SETS_MAX][AP_THRESHOLD_MAX];

	(void)state;
	assert_int_equal(machine_sets_choose(ap_sha256, 4, left, 1, 1, 0, sets), 0);
	assert_int_equal(machine_sets_choose(ap_sha256, 13, none, 1, 1, 0, sets), 0);
}

/* ---- taking out ---- */

static struct machine_nonces pools[AP_REPLICAS_MAX];

static void fill(uint8_t n, uint8_t count)
{
	static ap_nonces op;

	memset(pools, 0, sizeof(pools));
	for (uint8_t id = 1; id <= n; id++) {
		fakegroup_nonces(&op, id, 10 + id, 0, count);
		assert_true(machine_nonces_add(&pools[id - 1], &op));
	}
}

static void entries_leave_oldest_first_with_number_and_points(void **state)
{
	struct machine_set sets[MACHINE_SETS_MAX];

	(void)state;
	fill(4, 3);
	for (uint64_t ctr = 0; ctr < 3; ctr++) {
		assert_int_equal(machine_sets_take(ap_sha256, 4, pools, 0, 1, ctr, 0, sets), 2);
		for (size_t s = 0; s < 2; s++)
			for (size_t i = 0; i < 2; i++) {
				uint8_t id = sets[s].members[i];
				ap_nonces op;

				fakegroup_nonces(&op, id, 10 + id, ctr, 1);
				assert_int_equal(sets[s].boot[i], 10 + id);
				assert_int_equal(sets[s].ctr[i], ctr);
				assert_memory_equal(sets[s].hiding[i], &op.pairs[0].hiding, 32);
				assert_memory_equal(sets[s].binding[i], &op.pairs[0].binding, 32);
			}
	}
	assert_int_equal(machine_sets_take(ap_sha256, 4, pools, 0, 1, 9, 0, sets), 0);
	assert_int_equal(pools[0].next, 3);
}

static void nothing_is_taken_below_the_threshold(void **state)
{
	struct machine_set sets[MACHINE_SETS_MAX];

	(void)state;
	fill(4, 2);
	for (size_t i = 1; i < 4; i++)
		pools[i].left = 0;
	assert_int_equal(machine_sets_take(ap_sha256, 4, pools, 0, 1, 1, 0, sets), 0);
	assert_int_equal(pools[0].left, 2);
}

/* Every size of network, pools refilled now and then: no (member, run, counter) leaves twice, sets
 * are ascending and of members that had an entry. */
static void no_entry_is_ever_given_twice(void **state)
{
	static const uint8_t sizes[] = {4, 7, 10, 13};
	struct machine_set sets[MACHINE_SETS_MAX];
	static ap_nonces op;

	(void)state;
	for (size_t z = 0; z < sizeof(sizes); z++) {
		uint8_t n = sizes[z];
		uint64_t given[AP_REPLICAS_MAX] = {0}; /* entries that have left, in order */
		size_t t = (size_t)(n - 1) / 3 + 1;

		fill(n, 64);
		for (uint64_t seq = 1; seq < 2000; seq++) {
			size_t n_sets = machine_sets_take(ap_sha256, n, pools, 0, 1, seq, 0, sets);

			for (size_t s = 0; s < n_sets; s++)
				for (size_t i = 0; i < t; i++) {
					uint8_t id = sets[s].members[i];

					assert_true(i == 0 || sets[s].members[i - 1] < id);
					assert_in_range(id, 1, n);
					assert_int_equal(sets[s].ctr[i], given[id - 1]);
					given[id - 1]++;
				}
			if (seq % 7 != 0)
				continue;
			for (uint8_t id = 1; id <= n; id++) {
				fakegroup_nonces(&op, id, 10 + id, pools[id - 1].next,
						 (uint8_t)(id % 5 + 3));
				machine_nonces_add(&pools[id - 1], &op);
			}
		}
		for (uint8_t id = 1; id <= n; id++)
			assert_int_equal(given[id - 1] + pools[id - 1].left, pools[id - 1].next);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_same_run_goes_on_with_the_next_counter, empty_pool),
		cmocka_unit_test_setup(a_lower_run_has_no_effect, empty_pool),
		cmocka_unit_test_setup(a_higher_run_begins_at_zero_and_voids_the_older, empty_pool),
		cmocka_unit_test_setup(none_of_a_higher_run_empties_the_pool, empty_pool),
		cmocka_unit_test_setup(at_most_256_are_held, empty_pool),
		cmocka_unit_test_setup(counters_do_not_wrap, empty_pool),
		cmocka_unit_test_setup(a_repeated_point_has_no_effect, empty_pool),
		cmocka_unit_test_setup(a_point_of_a_voided_run_may_come_again, empty_pool),
		cmocka_unit_test(four_of_four_sign_in_disjoint_pairs_and_all_six_take_turns),
		cmocka_unit_test(the_last_sequence_is_no_exception),
		cmocka_unit_test(shuffles_are_as_the_draft_says),
		cmocka_unit_test(a_member_of_both_sets_needs_two_entries),
		cmocka_unit_test(fewer_than_the_threshold_are_no_set),
		cmocka_unit_test(entries_leave_oldest_first_with_number_and_points),
		cmocka_unit_test(nothing_is_taken_below_the_threshold),
		cmocka_unit_test(no_entry_is_ever_given_twice),
	};

	return cmocka_run_group_tests_name("nonces", tests, NULL, NULL);
}
