/* test_curve_field.c: the field's functions against arithmetic on whole 255-bit numbers, at the
 * largest limbs that each may meet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/curve/field.h"
#include "tests/lib/points.h"

#define ROUNDS	2000
#define LOOSE	((UINT64_C(1) << 54) - 1)
#define SMALL	((UINT64_C(1) << 51) + (UINT64_C(1) << 18) - 1)
#define TOP_BIT (UINT64_C(1) << 63)

/* ---- the slow way: numbers below p in four words ---- */

struct number {
	uint64_t word[4];
};

static const struct number prime = {{UINT64_MAX - 18, UINT64_MAX, UINT64_MAX, TOP_BIT - 1}};

static bool is_below(const struct number *a, const struct number *b)
{
	for (int i = 3; i >= 0; i--)
		if (a->word[i] != b->word[i])
			return a->word[i] < b->word[i];
	return false;
}

static void take_off(struct number *a, const struct number *b)
{
	uint64_t borrow = 0;

	for (int i = 0; i < 4; i++) {
		curve_u128 d = (curve_u128)a->word[i] - b->word[i] - borrow;

		a->word[i] = (uint64_t)d;
		borrow = (uint64_t)(d >> 64) & 1;
	}
}

static void number_add(struct number *a, const struct number *b)
{
	uint64_t carry = 0;

	for (int i = 0; i < 4; i++) {
		curve_u128 sum = (curve_u128)a->word[i] + b->word[i] + carry;

		a->word[i] = (uint64_t)sum;
		carry = (uint64_t)(sum >> 64);
	}
	if (!is_below(a, &prime))
		take_off(a, &prime);
}

static void number_double(struct number *a)
{
	struct number same = *a;

	number_add(a, &same);
}

static struct number number_of(const struct curve_fe *a)
{
	struct number out = {{0}}, limb = {{0}};

	for (int i = 4; i >= 0; i--) {
		for (int bit = 0; bit < 51; bit++)
			number_double(&out);
		limb.word[0] = a->limb[i];
		number_add(&out, &limb);
	}
	return out;
}

static struct number number_mul(const struct number *a, const struct number *b)
{
	struct number out = {{0}};

	for (int bit = 255; bit >= 0; bit--) {
		number_double(&out);
		if ((a->word[bit / 64] >> (bit % 64) & 1) != 0)
			number_add(&out, b);
	}
	return out;
}

static void assert_number(const struct curve_fe *a, const struct number *want)
{
	uint8_t octets[32], wanted[32];

	for (int i = 0; i < 5; i++)
		assert_true(a->limb[i] <= SMALL);
	curve_fe_put(octets, a);
	for (int i = 0; i < 32; i++)
		wanted[i] = (uint8_t)(want->word[i / 8] >> (8 * (i % 8)) & 0xff);
	assert_memory_equal(octets, wanted, 32);
}

/* ---- numbers to try ---- */

/* Random limbs, and now and then the largest or the smallest, up to `max`. */
static void draw(struct curve_fe *a, uint64_t max)
{
	uint8_t kinds[5];

	points_random(a, sizeof(*a));
	points_random(kinds, sizeof(kinds));
	for (int i = 0; i < 5; i++) {
		a->limb[i] %= max + 1;
		if (kinds[i] < 64)
			a->limb[i] = kinds[i] < 32 ? max : kinds[i] % 2 == 0 ? 0 : CURVE_LIMB;
	}
}

static void fill(struct curve_fe *a, uint64_t limb)
{
	for (int i = 0; i < 5; i++)
		a->limb[i] = limb;
}

/* ---- */

static void assert_product(const struct curve_fe *a, const struct curve_fe *b)
{
	struct number x = number_of(a), y = number_of(b), want = number_mul(&x, &y);
	struct curve_fe out;

	curve_fe_mul(&out, a, b);
	assert_number(&out, &want);
	want = number_mul(&x, &x);
	curve_fe_square(&out, a);
	assert_number(&out, &want);
}

static void products_of_loose_numbers_are_right_and_small(void **state)
{
	struct curve_fe a, b;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		draw(&a, LOOSE);
		draw(&b, LOOSE);
		assert_product(&a, &b);
	}
}

static void products_of_the_largest_limbs_are_right(void **state)
{
	static const uint64_t limbs[] = {
		0, 1, CURVE_LIMB - 18, CURVE_LIMB, CURVE_LIMB + 1, SMALL, 2 * CURVE_LIMB, LOOSE};
	struct curve_fe a, b;

	(void)state;
	for (size_t i = 0; i < sizeof(limbs) / sizeof(limbs[0]); i++) {
		for (size_t j = 0; j < sizeof(limbs) / sizeof(limbs[0]); j++) {
			fill(&a, limbs[i]);
			fill(&b, limbs[j]);
			assert_product(&a, &b);
		}
	}
}

static void sums_and_differences_of_small_numbers_are_right_and_loose(void **state)
{
	struct curve_fe a, b, out;
	struct number want, x, y;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		draw(&a, SMALL);
		draw(&b, SMALL);
		if (i == 0)
			fill(&a, 0);
		if (i == 0)
			fill(&b, SMALL);
		x = number_of(&a);
		y = number_of(&b);
		curve_fe_add(&out, &a, &b);
		want = x;
		number_add(&want, &y);
		for (int l = 0; l < 5; l++)
			assert_true(out.limb[l] <= LOOSE);
		curve_fe_mul(&out, &out, &curve_fe_one);
		assert_number(&out, &want);
		curve_fe_sub(&out, &a, &b);
		for (int l = 0; l < 5; l++)
			assert_true(out.limb[l] <= LOOSE);
		curve_fe_mul(&out, &out, &curve_fe_one);
		curve_fe_add(&out, &out, &b);
		curve_fe_mul(&out, &out, &curve_fe_one);
		assert_number(&out, &x);
	}
}

/* p - 20 to p + 18, by its octets: only below p they are the encoding. */
static void numbers_from_p_on_are_told_and_reduced(void **state)
{
	uint8_t octets[32], back[32];
	struct curve_fe a;

	(void)state;
	for (int i = -20; i < 19; i++) {
		memset(octets, 0xff, 32);
		octets[31] = 0x7f;
		octets[0] = (uint8_t)(0xed + i);
		assert_int_equal(curve_fe_get(&a, octets), i < 0);
		curve_fe_put(back, &a);
		if (i >= 0) {
			memset(octets, 0, 32);
			octets[0] = (uint8_t)i;
		}
		assert_memory_equal(back, octets, 32);
	}
}

static void the_highest_bit_is_passed_over(void **state)
{
	uint8_t octets[32], back[32];
	struct curve_fe a;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		points_random(octets, 32);
		(void)curve_fe_get(&a, octets);
		curve_fe_put(back, &a);
		octets[31] &= 0x7f;
		assert_memory_equal(back, octets, 32);
	}
}

static void small_numbers_have_one_encoding(void **state)
{
	struct curve_fe a, b;
	struct number want;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		draw(&a, SMALL);
		want = number_of(&a);
		assert_number(&a, &want);
		curve_fe_mul(&b, &a, &curve_fe_one);
		assert_true(curve_fe_is_equal(&a, &b));
		curve_fe_add(&b, &b, &curve_fe_one);
		curve_fe_mul(&b, &b, &curve_fe_one);
		assert_false(curve_fe_is_equal(&a, &b));
	}
}

static void an_inverse_times_its_number_is_one(void **state)
{
	struct curve_fe a, out;

	(void)state;
	for (int i = 0; i < ROUNDS / 10; i++) {
		draw(&a, LOOSE);
		curve_fe_invert(&out, &a);
		curve_fe_mul(&out, &out, &a);
		assert_true(curve_fe_is_equal(&out, &curve_fe_one));
	}
	curve_fe_invert(&out, &curve_fe_zero);
	assert_true(curve_fe_is_equal(&out, &curve_fe_zero));
}

/* a^((p-5)/8), to the 8th, times a^4 is a^(p-1). */
static void the_power_for_roots_is_right(void **state)
{
	struct curve_fe a, out, a4;

	(void)state;
	for (int i = 0; i < ROUNDS / 10; i++) {
		draw(&a, LOOSE);
		curve_fe_power_root(&out, &a);
		for (int k = 0; k < 3; k++)
			curve_fe_square(&out, &out);
		curve_fe_square(&a4, &a);
		curve_fe_square(&a4, &a4);
		curve_fe_mul(&out, &out, &a4);
		assert_true(curve_fe_is_equal(&out, &curve_fe_one));
	}
}

static void outputs_may_be_inputs(void **state)
{
	struct curve_fe a, b, want, out;

	(void)state;
	draw(&a, LOOSE);
	draw(&b, LOOSE);
	curve_fe_mul(&want, &a, &b);
	out = a;
	curve_fe_mul(&out, &out, &b);
	assert_memory_equal(&out, &want, sizeof(out));
	out = b;
	curve_fe_mul(&out, &a, &out);
	assert_memory_equal(&out, &want, sizeof(out));
	curve_fe_invert(&want, &a);
	out = a;
	curve_fe_invert(&out, &out);
	assert_memory_equal(&out, &want, sizeof(out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(products_of_loose_numbers_are_right_and_small),
		cmocka_unit_test(products_of_the_largest_limbs_are_right),
		cmocka_unit_test(sums_and_differences_of_small_numbers_are_right_and_loose),
		cmocka_unit_test(numbers_from_p_on_are_told_and_reduced),
		cmocka_unit_test(the_highest_bit_is_passed_over),
		cmocka_unit_test(small_numbers_have_one_encoding),
		cmocka_unit_test(an_inverse_times_its_number_is_one),
		cmocka_unit_test(the_power_for_roots_is_right),
		cmocka_unit_test(outputs_may_be_inputs),
	};

	points_seed(51);
	return cmocka_run_group_tests_name("curve_field", tests, NULL, NULL);
}
