/* test_curve.c: signatures by prepared keys. Whatever is tried, the verdict must be that of
 * libsodium's crypto_sign_verify_detached(), and where a test says so, the one it expects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "daemon/curve/curve.h"
#include "tests/lib/points.h"

static struct curve_key *prepared;

/* ---- both verdicts ---- */

static bool both(const uint8_t sig[64], const uint8_t *text, size_t len)
{
	bool ours = curve_verify(prepared, sig, text, len);

	assert_int_equal(ours, crypto_sign_verify_detached(sig, text, len, prepared->octets) == 0);
	return ours;
}

static void prepare(const uint8_t key[32])
{
	assert_int_equal(curve_key_init(prepared, key), 0);
}

static void bytes(uint8_t *out, const char *hex)
{
	assert_int_equal(sodium_hex2bin(out, strlen(hex) / 2, hex, strlen(hex), NULL, NULL, NULL),
			 0);
}

/* s + times L; the carry out of 256 bits is lost. */
static void add_order(uint8_t s[32], unsigned times)
{
	for (; times > 0; times--) {
		unsigned carry = 0;

		for (int i = 0; i < 32; i++) {
			carry += (unsigned)s[i] + points_order[i];
			s[i] = (uint8_t)(carry & 0xff);
			carry >>= 8;
		}
	}
}

/* A signature whose s fits the parts of order L: s = r + h a, R and A any encodings. */
static void craft(uint8_t sig[64], const uint8_t R[32], const uint8_t r[32], const uint8_t A[32],
		  const uint8_t a[32], const uint8_t *text, size_t len)
{
	crypto_hash_sha512_state state;
	uint8_t digest[64], h[32];

	crypto_hash_sha512_init(&state);
	crypto_hash_sha512_update(&state, R, 32);
	crypto_hash_sha512_update(&state, A, 32);
	crypto_hash_sha512_update(&state, text, len);
	crypto_hash_sha512_final(&state, digest);
	crypto_core_ed25519_scalar_reduce(h, digest);
	crypto_core_ed25519_scalar_mul(h, h, a);
	memcpy(sig, R, 32);
	crypto_core_ed25519_scalar_add(sig + 32, h, r);
}

/* ---- vectors ---- */

/* RFC 8032 section 7.1: TEST 1 to 3. */
static const struct {
	const char *key, *text, *sig;
} vectors[] = {
	{"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	 "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701"
	 "cf9b46bd25bf5f0595bbe24655141438e7a100b"},
	{"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
	 "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d"
	 "0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
	{"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
	 "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f7609"
	 "84dc6594a7c15e9716ed28dc027beceea1ec40a"},
};

static void vectors_of_rfc_8032_hold(void **state)
{
	uint8_t key[32], text[64], sig[64];

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		bytes(key, vectors[i].key);
		bytes(text, vectors[i].text);
		bytes(sig, vectors[i].sig);
		prepare(key);
		assert_true(both(sig, text, strlen(vectors[i].text) / 2));
		sig[0] ^= 1;
		assert_false(both(sig, text, strlen(vectors[i].text) / 2));
	}
}

/* ---- honest signatures, and altered ones ---- */

enum { KEYS = 24, TEXTS = 60, TEXT_MAX = 300 };

static void honest_signatures_are_taken_and_altered_ones_refused(void **state)
{
	uint8_t seed[32], key[32], secret[64], text[TEXT_MAX], sig[64], place[4];

	(void)state;
	for (unsigned i = 0; i < KEYS; i++) {
		points_random(seed, sizeof(seed));
		crypto_sign_seed_keypair(key, secret, seed);
		prepare(key);
		for (unsigned j = 0; j < TEXTS; j++) {
			size_t len = j * TEXT_MAX / TEXTS;

			points_random(text, sizeof(text));
			points_random(place, sizeof(place));
			crypto_sign_detached(sig, NULL, text, len, secret);
			assert_true(both(sig, text, len));
			sig[place[0] % 64] ^= (uint8_t)(1u << (place[1] % 8));
			assert_false(both(sig, text, len));
			sig[place[0] % 64] ^= (uint8_t)(1u << (place[1] % 8));
			if (len == 0)
				continue;
			text[place[2] % len] ^= (uint8_t)(1u << (place[3] % 8));
			assert_false(both(sig, text, len));
		}
	}
}

static void every_bit_of_a_signature_counts(void **state)
{
	uint8_t seed[32] = {9}, key[32], secret[64], text[48] = {7}, sig[64];

	(void)state;
	crypto_sign_seed_keypair(key, secret, seed);
	prepare(key);
	crypto_sign_detached(sig, NULL, text, sizeof(text), secret);
	for (unsigned bit = 0; bit < 512; bit++) {
		sig[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		assert_false(both(sig, text, sizeof(text)));
		sig[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	assert_true(both(sig, text, sizeof(text)));
}

/* One bit of the key: about half of those are points still, and the signature is not theirs. */
static void every_bit_of_a_key_counts(void **state)
{
	uint8_t seed[32] = {10}, key[32], secret[64], text[48] = {7}, sig[64];
	unsigned keys = 0;

	(void)state;
	crypto_sign_seed_keypair(key, secret, seed);
	crypto_sign_detached(sig, NULL, text, sizeof(text), secret);
	for (unsigned bit = 0; bit < 256; bit++) {
		key[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		if (curve_key_init(prepared, key) == 0)
			keys++;
		assert_false(both(sig, text, sizeof(text)));
		key[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	assert_in_range(keys, 64, 192);
}

static void a_scalar_has_one_encoding(void **state)
{
	uint8_t seed[32] = {11}, key[32], secret[64], text[48], sig[64], s[32];

	(void)state;
	crypto_sign_seed_keypair(key, secret, seed);
	prepare(key);
	for (unsigned i = 0; i < 100; i++) {
		points_random(text, sizeof(text));
		crypto_sign_detached(sig, NULL, text, sizeof(text), secret);
		memcpy(s, sig + 32, 32);
		for (unsigned times = 1; times < 16; times++) { /* 15 L is below 2^256 */
			add_order(sig + 32, 1);
			assert_false(both(sig, text, sizeof(text)));
		}
		for (unsigned top = 1; top < 16; top++) {
			memcpy(sig + 32, s, 32);
			sig[63] |= (uint8_t)(top << 4);
			if (memcmp(sig + 32, s, 32) != 0)
				assert_false(both(sig, text, sizeof(text)));
		}
		memcpy(sig + 32, s, 32);
		assert_true(both(sig, text, sizeof(text)));
	}
}

static void scalars_at_the_order_are_judged_alike(void **state)
{
	uint8_t seed[32] = {12}, key[32], secret[64], text[48] = {1}, sig[64];

	(void)state;
	crypto_sign_seed_keypair(key, secret, seed);
	prepare(key);
	crypto_sign_detached(sig, NULL, text, sizeof(text), secret);
	for (int below = 3; below >= -3;
	     below--) { /* L - 3 ... L + 3, and the bytes above at each place */
		for (unsigned at = 0; at < 32; at++) {
			memcpy(sig + 32, points_order, 32);
			sig[32 + at] = (uint8_t)(sig[32 + at] - below);
			assert_false(both(sig, text, sizeof(text)));
		}
	}
	memset(sig + 32, 0, 32);
	assert_false(both(sig, text, sizeof(text)));
	memset(sig + 32, 0xff, 32);
	assert_false(both(sig, text, sizeof(text)));
}

/* ---- points of small and mixed order ---- */

/* For A with torsion and R with torsion the equation without cofactor holds for some texts and
 * fails for others, as h is what decides: "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko
 * 2020), cases 2 to 5. */
static void mixed_orders_are_judged_alike(void **state)
{
	uint8_t a[32], r[32], A[32], R[32], T[32], point[32], text[8], sig[64];
	unsigned taken[8] = {0}, tried[8] = {0};

	(void)state;
	for (unsigned of_key = 0; of_key < 8; of_key++) {
		points_point(A, a);
		points_torsion(T, of_key);
		points_add(A, A, T);
		prepare(A);
		for (unsigned i = 0; i < 400; i++) {
			points_point(point, r);
			points_torsion(T, i % 8);
			points_add(R, point, T);
			points_random(text, sizeof(text));
			craft(sig, R, r, A, a, text, sizeof(text));
			tried[of_key]++;
			taken[of_key] += both(sig, text, sizeof(text));
		}
	}
	for (unsigned i = 0; i < 8; i++) {
		assert_true(taken[i] > 0 && taken[i] < tried[i]);
		assert_in_range(taken[i], 20, 90); /* an eighth, about */
	}
}

/* The same with R of small order: [s]B - [h]A is R for some texts, and it is refused all the same
 * (cases 0 to 2). */
static void small_orders_of_R_are_refused(void **state)
{
	uint8_t a[32], A[32], R[32], T[32], text[8], sig[64];
	static const uint8_t zero[32];

	(void)state;
	for (unsigned of_key = 0; of_key < 8; of_key++) {
		points_point(A, a);
		points_torsion(T, of_key);
		points_add(A, A, T);
		prepare(A);
		for (unsigned i = 0; i < 8 * 40; i++) {
			points_torsion(R, i % 8);
			points_random(text, sizeof(text));
			craft(sig, R, zero, A, a, text, sizeof(text));
			assert_false(both(sig, text, sizeof(text)));
		}
	}
}

/* Cases 8 to 9, and every other encoding that is none. */
static void encodings_of_R_that_are_none_are_refused(void **state)
{
	uint8_t a[32], A[32], R[32], text[8], sig[64];
	static const uint8_t zero[32];

	(void)state;
	for (unsigned of_key = 0; of_key < 8; of_key += 4) {
		points_point(A, a);
		points_torsion(R, of_key);
		points_add(A, A, R);
		prepare(A);
		for (unsigned i = 0; i < POINTS_ODD * 16; i++) {
			points_odd(R, i % POINTS_ODD);
			points_random(text, sizeof(text));
			craft(sig, R, zero, A, a, text, sizeof(text));
			assert_false(both(sig, text, sizeof(text)));
		}
	}
}

static void keys_of_small_order_are_refused(void **state)
{
	uint8_t A[32], R[32], r[32], text[8], sig[64];
	static const uint8_t zero[32];

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		points_torsion(A, i);
		assert_int_equal(curve_key_init(prepared, A), CURVE_EPOINT);
		for (unsigned j = 0; j < 40; j++) {
			points_point(R, r);
			points_random(text, sizeof(text));
			craft(sig, R, r, A, zero, text, sizeof(text));
			assert_false(both(sig, text, sizeof(text)));
		}
	}
}

/* Cases 10 and 11, and the rest of them. */
static void encodings_of_keys_that_are_none_are_refused(void **state)
{
	uint8_t A[32], R[32], r[32], text[8], sig[64];
	static const uint8_t zero[32];

	(void)state;
	for (unsigned i = 0; i < POINTS_ODD; i++) {
		points_odd(A, i);
		assert_int_equal(curve_key_init(prepared, A), CURVE_EPOINT);
		points_point(R, r);
		points_random(text, sizeof(text));
		craft(sig, R, r, A, zero, text, sizeof(text));
		assert_false(both(sig, text, sizeof(text)));
	}
}

/* libsodium's addition takes whatever is on the curve, so it tells what is. */
static void what_is_not_on_the_curve_is_no_key(void **state)
{
	uint8_t A[32], identity[32] = {1}, sum[32], sig[64] = {0};
	unsigned keys = 0;

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		bool is_point;

		points_random(A, 32);
		if (i < 256) {
			memset(A, 0, 32);
			A[0] = (uint8_t)(i / 2 + 2);
			A[31] = (uint8_t)(i % 2 << 7);
		}
		is_point = crypto_core_ed25519_add(sum, A, identity) == 0;
		if (i >= 300 && is_point)
			continue; /* enough tables */
		assert_int_equal(curve_key_init(prepared, A), is_point ? 0 : CURVE_EPOINT);
		keys += is_point;
		assert_false(both(sig, NULL, 0));
	}
	assert_in_range(keys, 100, 200);
}

static void an_object_may_be_prepared_again(void **state)
{
	uint8_t seed[32] = {13}, first[32], second[32], secret[64], text[48] = {1}, sig[64];
	static const uint8_t none[32] = {1};

	(void)state;
	crypto_sign_seed_keypair(second, secret, seed);
	seed[0]++;
	crypto_sign_seed_keypair(first, secret, seed);
	crypto_sign_detached(sig, NULL, text, sizeof(text), secret);
	prepare(first);
	assert_true(both(sig, text, sizeof(text)));
	prepare(second);
	assert_false(both(sig, text, sizeof(text)));
	assert_int_equal(curve_key_init(prepared, none), CURVE_EPOINT);
	assert_false(both(sig, text, sizeof(text)));
	prepare(first);
	assert_true(both(sig, text, sizeof(text)));
}

static int setup(void **state)
{
	(void)state;
	prepared = aligned_alloc(_Alignof(struct curve_key), sizeof(*prepared));
	return prepared == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	free(prepared);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_rfc_8032_hold),
		cmocka_unit_test(honest_signatures_are_taken_and_altered_ones_refused),
		cmocka_unit_test(every_bit_of_a_signature_counts),
		cmocka_unit_test(every_bit_of_a_key_counts),
		cmocka_unit_test(a_scalar_has_one_encoding),
		cmocka_unit_test(scalars_at_the_order_are_judged_alike),
		cmocka_unit_test(mixed_orders_are_judged_alike),
		cmocka_unit_test(small_orders_of_R_are_refused),
		cmocka_unit_test(encodings_of_R_that_are_none_are_refused),
		cmocka_unit_test(keys_of_small_order_are_refused),
		cmocka_unit_test(encodings_of_keys_that_are_none_are_refused),
		cmocka_unit_test(what_is_not_on_the_curve_is_no_key),
		cmocka_unit_test(an_object_may_be_prepared_again),
	};

	points_seed(8032);
	return cmocka_run_group_tests_name("curve", tests, setup, teardown);
}
