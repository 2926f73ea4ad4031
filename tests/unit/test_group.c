/* test_group.c: scalars, points and hashes at their edges, where libsodium's functions differ from
 * each other. Linked with two of libsodium's functions wrapped, so that the canary can meet a
 * library with the hole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/frost/errors.h"
#include "daemon/frost/group.h"
#include "tests/lib/testkeys.h"
#include "tests/lib/vectors.h"

#define VECTORS "frost_ed25519_sha512.txt"

static struct vectors vectors;

/* L, little-endian */
static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
				  0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,	  0,	0,    0,
				  0,	0,    0,    0,	  0,	0,    0,    0,	  0,	0x10};

/* Everything on the curve that is_valid_point must refuse, and encodings beyond p. */
static const char *const bad_points[] = {
	"0100000000000000000000000000000000000000000000000000000000000000", /* identity */
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* order 2 */
	"0000000000000000000000000000000000000000000000000000000000000000", /* order 4 */
	"0000000000000000000000000000000000000000000000000000000000000080",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", /* order 8 */
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	"0100000000000000000000000000000000000000000000000000000000000080", /* second encodings */
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* y = p */
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* y = p+1 */
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"0200000000000000000000000000000000000000000000000000000000000000", /* not on the curve */
	"9599999999999999999999999999999999999999999999999999999999999999", /* order 2L */
};

#define BAD_POINTS (sizeof(bad_points) / sizeof(bad_points[0]))

static void hex(const char *text, uint8_t out[32])
{
	assert_int_equal(vectors_hex(text, strlen(text), out, 32), 32);
}

/* ---- a library with CVE-2025-69277 ---- */

static bool is_valid_point_has_hole, mult_has_hole;

int __real_crypto_core_ed25519_is_valid_point(const unsigned char *p);
int __wrap_crypto_core_ed25519_is_valid_point(const unsigned char *p);
int __real_crypto_scalarmult_ed25519_noclamp(unsigned char *q, const unsigned char *n,
					     const unsigned char *p);
int __wrap_crypto_scalarmult_ed25519_noclamp(unsigned char *q, const unsigned char *n,
					     const unsigned char *p);

int __wrap_crypto_core_ed25519_is_valid_point(const unsigned char *p)
{
	return is_valid_point_has_hole ? 1 : __real_crypto_core_ed25519_is_valid_point(p);
}

int __wrap_crypto_scalarmult_ed25519_noclamp(unsigned char *q, const unsigned char *n,
					     const unsigned char *p)
{
	return mult_has_hole ? 0 : __real_crypto_scalarmult_ed25519_noclamp(q, n, p);
}

static void canary_accepts_this_library(void **state)
{
	(void)state;
	assert_int_equal(frost_canary(), 0);
}

static void canary_refuses_a_library_whose_point_check_has_the_hole(void **state)
{
	struct frost *f;

	(void)state;
	is_valid_point_has_hole = true;
	assert_int_equal(frost_canary(), FROST_ECANARY);
	assert_int_equal(frost_new(&f, NULL), FROST_ECANARY);
	assert_null(f);
	is_valid_point_has_hole = false;
}

static void canary_refuses_a_library_whose_multiplication_has_the_hole(void **state)
{
	(void)state;
	mult_has_hole = true;
	assert_int_equal(frost_canary(), FROST_ECANARY);
	mult_has_hole = false;
}

static void vector_7_is_refused_everywhere(void **state)
{
	uint8_t p[32], k[32], out[32];

	(void)state;
	assert_int_equal(vectors_last(&vectors, 7, p, sizeof(p)), 32);
	assert_false(frost_point_is_valid(p));
	frost_scalar_set(k, 7);
	assert_int_equal(frost_point_mult(out, k, p), FROST_EPOINT);
}

/* ---- scalars ---- */

static void only_scalars_below_the_order_are_canonical(void **state)
{
	uint8_t x[32];

	(void)state;
	memcpy(x, order, 32);
	assert_false(frost_scalar_is_canonical(x));
	x[0]--;
	assert_true(frost_scalar_is_canonical(x));
	x[0] += 2;
	assert_false(frost_scalar_is_canonical(x));
	memset(x, 0xff, 32);
	assert_false(frost_scalar_is_canonical(x));
	frost_scalar_set(x, 0);
	assert_true(frost_scalar_is_canonical(x));
	x[31] = 0x80; /* bit 255 alone: libsodium's multiplication would ignore it */
	assert_false(frost_scalar_is_canonical(x));
}

static void scalar_arithmetic_wraps_at_the_order(void **state)
{
	uint8_t last[32], one[32], zero[32], x[32];

	(void)state;
	memcpy(last, order, 32);
	last[0]--;
	frost_scalar_set(one, 1);
	frost_scalar_set(zero, 0);
	frost_scalar_add(x, last, one);
	assert_true(frost_scalar_is_zero(x));
	frost_scalar_sub(x, zero, one);
	assert_memory_equal(x, last, 32);
	frost_scalar_mul(x, last, last); /* (-1)(-1) */
	assert_memory_equal(x, one, 32);
}

static void scalar_outputs_may_be_inputs(void **state)
{
	uint8_t x[32], y[32], seven[32];

	(void)state;
	frost_scalar_set(x, 3);
	frost_scalar_set(y, 4);
	frost_scalar_set(seven, 7);
	frost_scalar_add(x, x, y);
	assert_memory_equal(x, seven, 32);
	frost_scalar_sub(y, x, y);
	frost_scalar_add(y, y, y);
	frost_scalar_set(x, 6);
	assert_memory_equal(x, y, 32);
	frost_scalar_mul(x, x, x);
	frost_scalar_set(y, 36);
	assert_memory_equal(x, y, 32);
}

static void an_inverse_times_its_scalar_is_one(void **state)
{
	uint8_t x[32], y[32], one[32];

	(void)state;
	frost_scalar_set(one, 1);
	frost_scalar_set(x, 12345);
	assert_int_equal(frost_scalar_invert(y, x), 0);
	frost_scalar_mul(y, y, x);
	assert_memory_equal(y, one, 32);
}

static void zero_has_no_inverse(void **state)
{
	uint8_t x[32];

	(void)state;
	frost_scalar_set(x, 0);
	assert_int_equal(frost_scalar_invert(x, x), FROST_EZERO);
	assert_true(frost_scalar_is_zero(x));
}

static void digests_are_reduced_as_little_endian_numbers(void **state)
{
	uint8_t wide[64] = {0}, x[32], y[32];

	(void)state;
	memcpy(wide, order, 32);
	wide[0] += 2; /* L + 2 */
	frost_scalar_reduce(x, wide);
	frost_scalar_set(y, 2);
	assert_memory_equal(x, y, 32);
}

/* A generator that gives zero once, then a number above the order, then 5. */
static void scripted_fill(void *arg, uint8_t *out, size_t size)
{
	int *call = arg;

	memset(out, 0, size);
	if (*call == 0)
		memcpy(out, order, 32); /* 0 once reduced */
	else
		out[0] = 5;
	++*call;
}

static void random_scalars_are_never_zero(void **state)
{
	int call = 0;
	struct frost_random random = {scripted_fill, &call};
	uint8_t x[32], five[32];

	(void)state;
	frost_scalar_random(x, &random);
	frost_scalar_set(five, 5);
	assert_memory_equal(x, five, 32);
	assert_int_equal(call, 2);
}

static void random_scalars_of_the_system_differ_and_are_canonical(void **state)
{
	uint8_t x[32], y[32];

	(void)state;
	frost_scalar_random(x, &frost_random_system);
	frost_scalar_random(y, &frost_random_system);
	assert_true(frost_scalar_is_canonical(x));
	assert_true(frost_scalar_is_canonical(y));
	assert_memory_not_equal(x, y, 32);
}

static void sums_of_vector_6_hold(void **state)
{
	static const struct {
		const char *path;
		unsigned parts;
		const char *sum;
	} rows[] = {
		{"scalar_generation.random_scalar_", 3, "scalar_generation.random_scalar_sum"},
		{"sigma_generation.sigma_", 4, "sigma_generation.sigma_sum"},
	};

	(void)state;
	for (size_t r = 0; r < 2; r++) {
		uint8_t sum[32] = {0}, x[32];
		char path[64];

		for (unsigned i = 1; i <= rows[r].parts; i++) {
			snprintf(path, sizeof(path), "%s%u", rows[r].path, i);
			vectors_json(&vectors, 6, path, x, 32);
			assert_true(frost_scalar_is_canonical(x));
			frost_scalar_add(sum, sum, x);
		}
		vectors_json(&vectors, 6, rows[r].sum, x, 32);
		assert_memory_equal(sum, x, 32);
	}
}

/* ---- points ---- */

static void base_multiplied_by_one_is_the_base(void **state)
{
	uint8_t one[32], p[32], base[32];

	(void)state;
	frost_scalar_set(one, 1);
	frost_point_base(p, one);
	memset(base, 0x66, 32);
	base[0] = 0x58;
	assert_memory_equal(p, base, 32);
	assert_true(frost_point_is_valid(p));
}

static void zero_multiples_are_the_identity(void **state)
{
	uint8_t zero[32] = {0}, two[32], p[32], q[32];

	(void)state;
	frost_point_base(p, zero);
	assert_true(frost_point_is_identity(p));
	assert_false(frost_point_is_valid(p));
	frost_scalar_set(two, 2);
	frost_point_base(p, two);
	assert_int_equal(frost_point_mult(q, zero, p), 0);
	assert_true(frost_point_is_identity(q));
}

static void multiples_of_the_base_agree(void **state)
{
	uint8_t three[32], five[32], fifteen[32], p[32], q[32];

	(void)state;
	frost_scalar_set(three, 3);
	frost_scalar_set(five, 5);
	frost_scalar_set(fifteen, 15);
	frost_point_base(p, three);
	assert_int_equal(frost_point_mult(p, five, p), 0); /* aliased */
	frost_point_base(q, fifteen);
	assert_memory_equal(p, q, 32);
	memcpy(q, fifteen, 32);
	frost_point_base(q, q); /* aliased */
	assert_memory_equal(p, q, 32);
}

static void bad_points_are_refused_and_leave_the_output_alone(void **state)
{
	uint8_t p[32], k[32], out[32], untouched[32];

	(void)state;
	memset(untouched, 0xee, 32);
	for (size_t i = 0; i < BAD_POINTS; i++) {
		hex(bad_points[i], p);
		assert_false(frost_point_is_valid(p));
		for (uint32_t value = 0; value < 2; value++) {
			frost_scalar_set(k, value);
			memset(out, 0xee, 32);
			assert_int_equal(frost_point_mult(out, k, p), FROST_EPOINT);
			assert_memory_equal(out, untouched, 32);
		}
	}
}

static void a_good_point_with_torsion_is_refused(void **state)
{
	uint8_t torsion[32], k[32], p[32], out[32];

	(void)state;
	for (size_t i = 1; i < 8; i++) {
		hex(bad_points[i], torsion);
		frost_scalar_set(k, 1000);
		frost_point_base(p, k);
		assert_int_equal(frost_point_add(p, p, torsion), 0); /* addition does not look */
		assert_false(frost_point_is_valid(p));
		assert_int_equal(frost_point_mult(out, k, p), FROST_EPOINT);
	}
}

static void sums_of_points_handle_the_identity(void **state)
{
	uint8_t k[32], p[32], q[32], identity[32];

	(void)state;
	frost_scalar_set(k, 9);
	frost_point_base(p, k);
	frost_point_identity(identity);
	assert_int_equal(frost_point_sub(q, p, p), 0);
	assert_true(frost_point_is_identity(q));
	assert_int_equal(frost_point_add(q, identity, p), 0);
	assert_memory_equal(p, q, 32);
	assert_int_equal(frost_point_add(q, q, q), 0); /* aliased */
	assert_int_equal(frost_point_sub(q, q, p), 0);
	assert_memory_equal(p, q, 32);
}

static void sums_refuse_what_is_not_on_the_curve(void **state)
{
	uint8_t k[32], p[32], off[32], out[32], untouched[32];

	(void)state;
	frost_scalar_set(k, 9);
	frost_point_base(p, k);
	frost_scalar_set(off, 2); /* y = 2 */
	memset(out, 0xee, 32);
	memset(untouched, 0xee, 32);
	assert_int_equal(frost_point_add(out, p, off), FROST_EPOINT);
	assert_int_equal(frost_point_sub(out, off, p), FROST_EPOINT);
	assert_memory_equal(out, untouched, 32);
}

/* ---- hashes ---- */

/* In a binding factor's input: PK 32, H4(m) 64, H5(list) 64, id 32. */
static void hashes_have_the_octets_of_the_vectors(void **state)
{
	uint8_t input[192], out[64], expected[32], message[4];
	struct frost_hash h;

	(void)state;
	for (unsigned section = 2; section <= 4; section++) {
		const char *path = "round_one_outputs.outputs[1].binding_factor_input";

		assert_int_equal(vectors_json(&vectors, section, path, input, sizeof(input)), 192);
		frost_hash_begin(&h, FROST_H1);
		frost_hash_add(&h, input, 100); /* in pieces */
		frost_hash_add(&h, input + 100, 92);
		frost_hash_scalar(&h, out);
		vectors_json(&vectors, section, "round_one_outputs.outputs[1].binding_factor",
			     expected, 32);
		assert_memory_equal(out, expected, 32);

		vectors_json(&vectors, section, "inputs.message", message, sizeof(message));
		frost_hash_begin(&h, FROST_H4);
		frost_hash_add(&h, message, sizeof(message));
		frost_hash_octets(&h, out);
		assert_memory_equal(out, input + 32, 64);
	}
}

static void the_challenge_hash_has_no_prefix(void **state)
{
	uint8_t one[32], other[32], wide[64];
	struct frost_hash h;

	(void)state;
	frost_hash_begin(&h, FROST_H2);
	frost_hash_add(&h, (const uint8_t *)"x", 1);
	frost_hash_scalar(&h, one);
	crypto_hash_sha512(wide, (const uint8_t *)"x", 1);
	frost_scalar_reduce(other, wide);
	assert_memory_equal(one, other, 32);
}

static void tags_are_padded_to_16_octets(void **state)
{
	uint8_t one[64], other[64], half[32];
	struct frost_hash h;

	(void)state;
	frost_hash_begin_tag(&h, "agree1-dkg-pad");
	frost_hash_octets(&h, one);
	crypto_hash_sha512(other, (const uint8_t *)"agree1-dkg-pad\0\0", 16);
	assert_memory_equal(one, other, 64);
	frost_hash_begin_tag(&h, "agree1-dkg-pad");
	frost_hash_half(&h, half);
	assert_memory_equal(half, other, 32);
}

static void identifiers_are_hashed_as_scalars(void **state)
{
	uint8_t id[32] = {0x01, 0x02}, one[64], other[64];
	struct frost_hash h;

	(void)state;
	frost_hash_begin_plain(&h);
	frost_hash_add_id(&h, 0x0201);
	frost_hash_octets(&h, one);
	crypto_hash_sha512(other, id, 32);
	assert_memory_equal(one, other, 64);
}

static void a_finished_hash_holds_nothing(void **state)
{
	static const struct frost_hash empty;
	struct frost_hash h;
	uint8_t out[32];

	(void)state;
	frost_hash_begin(&h, FROST_H3);
	frost_hash_add(&h, (const uint8_t *)"secret", 6);
	frost_hash_scalar(&h, out);
	assert_memory_equal(&h, &empty, sizeof(h));
}

static void every_error_has_a_text_of_its_own(void **state)
{
	static const int all[] = {
#define E(name, number, text) number,
		FROST_ERRORS(E)
#undef E
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (size_t j = 0; j < i; j++) {
			assert_int_not_equal(all[i], all[j]);
			assert_string_not_equal(frost_error_text(all[i]), frost_error_text(all[j]));
		}
	assert_string_equal(frost_error_text(-1), "unknown error");
	assert_string_equal(frost_error_text(0), "no error");
}

static int setup(void **state)
{
	(void)state;
	vectors_open(&vectors, VECTORS);
	return frost_canary();
}

static int teardown(void **state)
{
	(void)state;
	vectors_close(&vectors);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(canary_accepts_this_library),
		cmocka_unit_test(canary_refuses_a_library_whose_point_check_has_the_hole),
		cmocka_unit_test(canary_refuses_a_library_whose_multiplication_has_the_hole),
		cmocka_unit_test(vector_7_is_refused_everywhere),
		cmocka_unit_test(only_scalars_below_the_order_are_canonical),
		cmocka_unit_test(scalar_arithmetic_wraps_at_the_order),
		cmocka_unit_test(scalar_outputs_may_be_inputs),
		cmocka_unit_test(an_inverse_times_its_scalar_is_one),
		cmocka_unit_test(zero_has_no_inverse),
		cmocka_unit_test(digests_are_reduced_as_little_endian_numbers),
		cmocka_unit_test(random_scalars_are_never_zero),
		cmocka_unit_test(random_scalars_of_the_system_differ_and_are_canonical),
		cmocka_unit_test(sums_of_vector_6_hold),
		cmocka_unit_test(base_multiplied_by_one_is_the_base),
		cmocka_unit_test(zero_multiples_are_the_identity),
		cmocka_unit_test(multiples_of_the_base_agree),
		cmocka_unit_test(bad_points_are_refused_and_leave_the_output_alone),
		cmocka_unit_test(a_good_point_with_torsion_is_refused),
		cmocka_unit_test(sums_of_points_handle_the_identity),
		cmocka_unit_test(sums_refuse_what_is_not_on_the_curve),
		cmocka_unit_test(hashes_have_the_octets_of_the_vectors),
		cmocka_unit_test(the_challenge_hash_has_no_prefix),
		cmocka_unit_test(tags_are_padded_to_16_octets),
		cmocka_unit_test(identifiers_are_hashed_as_scalars),
		cmocka_unit_test(a_finished_hash_holds_nothing),
		cmocka_unit_test(every_error_has_a_text_of_its_own),
	};

	return cmocka_run_group_tests_name("group", tests, setup, teardown);
}
