/* test_curve_terms.c: D + [k]E and their sums, against libsodium's multiplication and addition;
 * which E is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "daemon/curve/curve.h"
#include "tests/lib/points.h"

static const uint8_t identity[32] = {1};

struct drawn {
	uint8_t D[32], E[32], k[32];
};

static void draw(struct curve_term *term, struct drawn *d)
{
	points_point(d->D, d->k);
	points_point(d->E, d->k);
	points_scalar(d->k);
	*term = (struct curve_term){.point = d->D, .other = d->E, .factor = d->k};
}

/* By libsodium. Its multiplication says -1 for the identity too, and writes it then. */
static void term_by_libsodium(uint8_t out[32], const struct curve_term *term)
{
	if (term->other == NULL) {
		memcpy(out, term->point, 32);
		return;
	}
	memset(out, 0, 32);
	if (crypto_scalarmult_ed25519_noclamp(out, term->factor, term->other) != 0)
		assert_memory_equal(out, identity, 32);
	points_add(out, out, term->point);
}

static void assert_terms(struct curve_term *terms, size_t n)
{
	uint8_t want[32], sum[32], all[32];
	size_t bad = 99;

	assert_int_equal(curve_terms_sum(sum, terms, n, &bad), 0);
	assert_int_equal(bad, 99);
	memcpy(all, identity, 32);
	for (size_t i = 0; i < n; i++) {
		term_by_libsodium(want, &terms[i]);
		assert_memory_equal(terms[i].out, want, 32);
		points_add(all, all, want);
	}
	assert_memory_equal(sum, all, 32);
}

static void random_terms_add_up(void **state)
{
	struct curve_term terms[CURVE_TERMS_MAX];
	struct drawn drawn[CURVE_TERMS_MAX];

	(void)state;
	for (size_t round = 0; round < 200; round++) {
		size_t n = round % CURVE_TERMS_MAX + 1;

		for (size_t i = 0; i < n; i++)
			draw(&terms[i], &drawn[i]);
		if (round % 3 == 0)
			terms[round % n] = (struct curve_term){.point = drawn[round % n].D};
		assert_terms(terms, n);
	}
}

static void factors_at_the_edges_are_right(void **state)
{
	struct curve_term term;
	struct drawn d;

	(void)state;
	draw(&term, &d);
	for (unsigned i = 0; i < 64 + 252; i++) {
		memset(d.k, 0, 32);
		if (i < 40) {
			d.k[0] = (uint8_t)i;
		} else if (i < 56) { /* runs of ones and zeros in every place of a window */
			memset(d.k, (int)(0xf0f8u >> (i - 40) & 0xff), 32);
			d.k[31] &= 0x0f;
		} else if (i < 64) { /* L - 8 to L - 1 */
			memcpy(d.k, points_order, 32);
			d.k[0] = (uint8_t)(d.k[0] - (64 - i));
		} else {
			d.k[(i - 64) / 8] = (uint8_t)(1u << (i - 64) % 8);
		}
		assert_terms(&term, 1);
	}
}

static void equal_and_opposite_terms_add_up(void **state)
{
	struct curve_term terms[4];
	struct drawn d, one;
	uint8_t opposite[32], sum[32];
	size_t bad;

	(void)state;
	draw(&terms[0], &d);
	terms[1] = terms[0]; /* twice the same */
	assert_terms(terms, 2);
	assert_terms(terms, 1);
	memcpy(opposite, terms[0].out, 32);
	opposite[31] ^= 0x80;
	terms[1] = (struct curve_term){.point = opposite}; /* nothing is left */
	assert_terms(terms, 2);
	assert_int_equal(curve_terms_sum(sum, terms, 2, &bad), 0);
	assert_memory_equal(sum, identity, 32);
	draw(&terms[2], &one);
	assert_terms(terms, 3);

	memset(one.k, 0, 32); /* D + [1](-D), D + [1]D, D + [L-1]D */
	one.k[0] = 1;
	memcpy(one.E, one.D, 32);
	assert_terms(&terms[2], 1);
	one.E[31] ^= 0x80;
	assert_terms(&terms[2], 1);
	assert_memory_equal(terms[2].out, identity, 32);
	one.E[31] ^= 0x80;
	memcpy(one.k, points_order, 32);
	one.k[0]--;
	assert_terms(&terms[2], 1);
	assert_memory_equal(terms[2].out, identity, 32);
	assert_terms(terms, 3);
}

/* terms[at] of three is refused, and nothing is written. */
static void assert_refused(const uint8_t D[32], const uint8_t E[32], size_t at)
{
	static const uint8_t untouched[32] = {0x77, 0x77};
	struct curve_term terms[3];
	struct drawn drawn[3];
	uint8_t sum[32];
	size_t bad = 99;

	for (size_t i = 0; i < 3; i++) {
		draw(&terms[i], &drawn[i]);
		memcpy(terms[i].out, untouched, 32);
	}
	if (D != NULL)
		memcpy(drawn[at].D, D, 32);
	if (E != NULL)
		memcpy(drawn[at].E, E, 32);
	memcpy(sum, untouched, 32);
	assert_int_equal(curve_terms_sum(sum, terms, 3, &bad), CURVE_EPOINT);
	assert_int_equal(bad, at);
	assert_memory_equal(sum, untouched, 32);
	for (size_t i = 0; i < 3; i++)
		assert_memory_equal(terms[i].out, untouched, 32);
}

/* Whatever E crypto_core_ed25519_is_valid_point() refuses is refused. */
static void a_point_to_multiply_must_have_the_order(void **state)
{
	uint8_t E[32], k[32], T[32];

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		points_torsion(T, i);
		assert_refused(NULL, T, i % 3);
		for (unsigned j = 0; j < 20 && i > 0; j++) {
			points_point(E, k);
			points_add(E, E, T);
			assert_int_equal(crypto_core_ed25519_is_valid_point(E), 0);
			assert_refused(NULL, E, j % 3);
		}
	}
	memset(E, 0x99, 32); /* of order 2L: CVE-2025-69277 */
	E[0] = 0x95;
	assert_refused(NULL, E, 0);
}

static void encodings_that_are_no_points_are_refused(void **state)
{
	uint8_t p[32];

	(void)state;
	for (unsigned i = 0; i < POINTS_ODD; i++) {
		points_odd(p, i);
		assert_refused(p, NULL, i % 3);
		assert_refused(NULL, p, i % 3);
	}
	memset(p, 0, 32);
	p[0] = 2; /* y = 2 has no x */
	assert_refused(p, NULL, 0);
	assert_refused(NULL, p, 0);
}

/* Points next to each other, as libsodium judges them. */
static void random_octets_are_judged_as_by_libsodium(void **state)
{
	struct curve_term term;
	struct drawn d;
	uint8_t sum[32];
	size_t bad, good = 0;

	(void)state;
	draw(&term, &d);
	for (unsigned i = 0; i < 600; i++) {
		points_random(d.E, 32);
		bool is_valid = crypto_core_ed25519_is_valid_point(d.E) == 1;

		assert_int_equal(curve_terms_sum(sum, &term, 1, &bad), is_valid ? 0 : CURVE_EPOINT);
		good += is_valid;
	}
	assert_in_range(good, 10, 80); /* a sixteenth, about */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_terms_add_up),
		cmocka_unit_test(factors_at_the_edges_are_right),
		cmocka_unit_test(equal_and_opposite_terms_add_up),
		cmocka_unit_test(a_point_to_multiply_must_have_the_order),
		cmocka_unit_test(encodings_that_are_no_points_are_refused),
		cmocka_unit_test(random_octets_are_judged_as_by_libsodium),
	};

	points_seed(9591);
	return cmocka_run_group_tests_name("curve_terms", tests, NULL, NULL);
}
