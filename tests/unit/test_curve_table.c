/* test_curve_table.c: points and tables, against sums made by libsodium. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "daemon/curve/table.h"
#include "tests/lib/points.h"

static struct curve_table *tables; /* two */

/* [k]P for k below 2^253, P of any order, by doubling and adding. */
static void multiple(uint8_t out[32], const uint8_t p[32], const uint8_t k[32])
{
	memset(out, 0, 32);
	out[0] = 1;
	for (int bit = 255; bit >= 0; bit--) {
		points_add(out, out, out);
		if ((k[bit / 8] >> (bit % 8) & 1) != 0)
			points_add(out, out, p);
	}
}

static void point_of(struct curve_point *p, const uint8_t octets[32])
{
	assert_true(curve_point_get(p, octets));
}

static void tables_of(const uint8_t p[32], const uint8_t q[32])
{
	struct curve_point point;

	point_of(&point, p);
	curve_table_make(&tables[0], &point);
	point_of(&point, q);
	curve_table_make(&tables[1], &point);
}

static void assert_sum(const uint8_t p[32], const uint8_t a[32], const uint8_t q[32],
		       const uint8_t b[32])
{
	uint8_t want[32], other[32], octets[32];
	struct curve_point sum;

	multiple(want, p, a);
	multiple(other, q, b);
	points_add(want, want, other);
	curve_table_sum(&sum, &tables[0], a, &tables[1], b);
	curve_point_put(octets, &sum);
	assert_memory_equal(octets, want, 32);
}

/* Scalars whose digits are extreme: zero, small, of one kind, L and its neighbours, 2^253 - 1. */
static unsigned edge(uint8_t k[32], unsigned i)
{
	static const uint8_t kinds[] = {0x00, 0xff, 0x55, 0xaa, 0x82, 0x20, 0x08, 0xdf,
					0x7d, 0xf7, 0x41, 0x10, 0x04, 0x84, 0x21, 0x92};

	memset(k, 0, 32);
	if (i < 40) { /* 0 to 39 */
		k[0] = (uint8_t)i;
	} else if (i < 56) {
		memset(k, kinds[i - 40], 32);
		k[31] &= 0x1f;
	} else if (i < 64) { /* L - 4 to L + 3 */
		memcpy(k, points_order, 32);
		k[0] = (uint8_t)(k[0] + i - 60);
	} else {
		k[(i - 64) / 8] = (uint8_t)(1u << (i - 64) % 8);
	}
	return 64 + 253;
}

static void sums_with_extreme_digits_are_right(void **state)
{
	uint8_t p[32], q[32], a[32], b[32];
	unsigned n = edge(a, 0);

	(void)state;
	points_point(p, a);
	points_point(q, a);
	tables_of(p, q);
	for (unsigned i = 0; i < n; i++) {
		edge(a, i);
		edge(b, (i * 7) % n);
		assert_sum(p, a, q, b);
	}
}

static void sums_of_random_multiples_are_right(void **state)
{
	uint8_t p[32], q[32], a[32], b[32];

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		points_point(p, a);
		points_point(q, a);
		tables_of(p, q);
		for (unsigned j = 0; j < 20; j++) {
			points_scalar(a);
			points_scalar(b);
			assert_sum(p, a, q, b);
		}
	}
}

/* Every addition on the way meets the identity, an equal or an opposite point somewhere here. */
static void equal_opposite_and_small_points_add_up(void **state)
{
	uint8_t p[32], q[32], a[32], b[32];

	(void)state;
	points_point(p, a);
	for (unsigned i = 0; i < 10; i++) { /* q: p, -p, then those of small order */
		memcpy(q, p, 32);
		if (i == 1)
			q[31] ^= 0x80;
		if (i > 1)
			points_torsion(q, i - 2);
		tables_of(i > 5 ? q : p, q);
		for (unsigned j = 0; j < 64; j++) {
			edge(a, j);
			edge(b, j % 3 == 0 ? j : 63 - j);
			assert_sum(i > 5 ? q : p, a, q, b);
		}
	}
}

static void torsion_stays_in_sums(void **state)
{
	uint8_t p[32], q[32], t[32], a[32], b[32];

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		points_point(p, a);
		points_torsion(t, i);
		points_add(p, p, t);
		points_point(q, a);
		points_torsion(t, 7 - i);
		points_add(q, q, t);
		tables_of(p, q);
		for (unsigned j = 0; j < 10; j++) {
			points_scalar(a);
			points_scalar(b);
			assert_sum(p, a, q, b);
		}
	}
}

static void the_base_is_libsodium_s(void **state)
{
	uint8_t one[32] = {1}, octets[32], want[32];
	struct curve_point back;

	(void)state;
	assert_int_equal(crypto_scalarmult_ed25519_base_noclamp(want, one), 0);
	curve_point_put(octets, &curve_base);
	assert_memory_equal(octets, want, 32);
	point_of(&back, want);
	assert_true(curve_fe_is_equal(&back.X, &curve_base.X));
	assert_true(curve_fe_is_equal(&back.T, &curve_base.T));
}

static void every_point_has_its_encoding_back(void **state)
{
	uint8_t p[32], t[32], k[32], octets[32];
	struct curve_point point, opposite;

	(void)state;
	for (unsigned i = 0; i < 400; i++) {
		points_point(p, k);
		points_torsion(t, i % 8);
		if (i < 8)
			memcpy(p, t, 32);
		else
			points_add(p, p, t);
		point_of(&point, p);
		curve_point_put(octets, &point);
		assert_memory_equal(octets, p, 32);
		assert_int_equal(curve_point_is_identity(&point), i == 0);
		curve_point_negate(&opposite, &point);
		curve_point_put(octets, &opposite);
		assert_int_equal(crypto_core_ed25519_sub(t, octets, p), 0);
		points_add(t, octets, p);
		points_torsion(k, 0);
		assert_memory_equal(t, k, 32);
	}
}

static void encodings_that_are_none_are_no_points(void **state)
{
	struct curve_point point;
	uint8_t p[32];

	(void)state;
	for (unsigned i = 0; i < POINTS_ODD; i++) {
		points_odd(p, i);
		assert_false(curve_point_get(&point, p));
	}
}

static int setup(void **state)
{
	(void)state;
	tables = aligned_alloc(_Alignof(struct curve_table), 2 * sizeof(*tables));
	return tables == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	free(tables);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_base_is_libsodium_s),
		cmocka_unit_test(every_point_has_its_encoding_back),
		cmocka_unit_test(encodings_that_are_none_are_no_points),
		cmocka_unit_test(sums_with_extreme_digits_are_right),
		cmocka_unit_test(sums_of_random_multiples_are_right),
		cmocka_unit_test(equal_opposite_and_small_points_add_up),
		cmocka_unit_test(torsion_stays_in_sums),
	};

	points_seed(2008);
	return cmocka_run_group_tests_name("curve_table", tests, setup, teardown);
}
