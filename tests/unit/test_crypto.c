#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/crypto.h"

static size_t octets_of(uint8_t *out, const char *hex)
{
	size_t len = strlen(hex) / 2;

	for (size_t i = 0; i < len; i++) {
		char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

		out[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return len;
}

static void assert_hex(const uint8_t *octets, const char *hex)
{
	uint8_t expected[64];

	assert_memory_equal(octets, expected, octets_of(expected, hex));
}

static void sha256_of_parts_is_that_of_the_whole(void **state)
{
	static const char message[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	uint8_t out[32];

	(void)state;
	ap_sha256(out, NULL, 0);
	assert_hex(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	for (size_t cut = 0; cut < sizeof(message); cut++) {
		const ap_bytes parts[] = {
			{(const uint8_t *)message, cut},
			{NULL, 0},
			{(const uint8_t *)message + cut, sizeof(message) - 1 - cut}};

		ap_sha256(out, parts, 3);
		assert_hex(out, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	}
}

static void hmac_passes_rfc_4231(void **state)
{
	static const struct {
		const char *key, *data, *mac;
	} rows[] = {
		{"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
		 "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
		 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		 "aaaaaaaaaaaaaaaaaaaaaa",
		 "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d20"
		 "48617368204b6579204669727374",
		 "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
	};
	uint8_t key[200], data[200], out[32];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const ap_bytes k = {key, octets_of(key, rows[i].key)};
		size_t len = octets_of(data, rows[i].data);
		const ap_bytes parts[] = {{data, 3}, {data + 3, len - 3}};

		ap_hmac_sha256(out, k, parts, 2);
		assert_hex(out, rows[i].mac);
	}
}

/* RFC 8032 section 7.1, tests 1 to 3. */
static const struct {
	const char *seed, *key, *message, *sig;
} rfc_8032[] = {
	{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	 "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	 "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701"
	 "c"
	 "f9b46bd25bf5f0595bbe24655141438e7a100b"},
	{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	 "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
	 "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d"
	 "0"
	 "f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
	{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	 "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
	 "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760"
	 "984dc6594a7c15e9716ed28dc027beceea1ec40a"},
};

static void signatures_pass_rfc_8032(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rfc_8032) / sizeof(rfc_8032[0]); i++) {
		uint8_t seed[32], key[32], message[2], sig[64];
		size_t len = octets_of(message, rfc_8032[i].message);
		struct ap_sign_key signer;

		octets_of(seed, rfc_8032[i].seed);
		octets_of(key, rfc_8032[i].key);
		assert_int_equal(ap_sign_key_init(&signer, seed), 0);
		assert_memory_equal(signer.public_key, key, 32);
		for (unsigned twice = 0; twice < 2; twice++) {
			assert_int_equal(ap_sign(&signer, sig, message, len), 0);
			assert_hex(sig, rfc_8032[i].sig);
		}
		ap_sign_key_clear(&signer);
		assert_int_equal(ap_verify_once(key, sig, message, len), 0);
	}
}

static struct ap_sign_key signer;
static struct ap_verify_key verifier;
static const char message[] = "what was agreed";

static int make_keys(void **state)
{
	const uint8_t seed[32] = {1, 2, 3};

	(void)state;
	return ap_sign_key_init(&signer, seed) != 0 ||
	       ap_verify_key_init(&verifier, signer.public_key) != 0;
}

static int drop_keys(void **state)
{
	(void)state;
	ap_sign_key_clear(&signer);
	ap_verify_key_clear(&verifier);
	return 0;
}

static void kept_key_verifies_again_after_a_bad_signature(void **state)
{
	uint8_t sig[64];

	(void)state;
	assert_int_equal(ap_sign(&signer, sig, message, sizeof(message)), 0);
	for (size_t bit = 0; bit < 64 * 8; bit += 7) {
		sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(ap_verify(&verifier, sig, message, sizeof(message)),
				 AGREE_ESIGNATURE);
		sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(ap_verify(&verifier, sig, message, sizeof(message)), 0);
	}
	assert_int_equal(ap_verify(&verifier, sig, message, sizeof(message) - 1), AGREE_ESIGNATURE);
	assert_int_equal(ap_verify(&verifier, sig, "What was agreed", sizeof(message)),
			 AGREE_ESIGNATURE);
}

/* S + L is the same scalar: a second encoding, which must not pass. */
static void second_encoding_of_s_is_refused(void **state)
{
	static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
					  0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
					  0,	0,    0,    0,	  0,	0,    0,    0,
					  0,	0,    0,    0,	  0,	0,    0,    0x10};
	uint8_t sig[64];
	unsigned carry = 0;

	(void)state;
	assert_int_equal(ap_sign(&signer, sig, message, sizeof(message)), 0);
	for (size_t i = 0; i < 32; i++) {
		carry += (unsigned)sig[32 + i] + order[i];
		sig[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	assert_int_equal(carry, 0);
	assert_int_equal(ap_verify(&verifier, sig, message, sizeof(message)), AGREE_ESIGNATURE);
}

static void other_key_does_not_verify(void **state)
{
	const uint8_t seed[32] = {3, 2, 1};
	struct ap_sign_key other;
	uint8_t sig[64];

	(void)state;
	assert_int_equal(ap_sign_key_init(&other, seed), 0);
	assert_int_equal(ap_sign(&other, sig, message, sizeof(message)), 0);
	assert_int_equal(ap_verify(&verifier, sig, message, sizeof(message)), AGREE_ESIGNATURE);
	ap_sign_key_clear(&other);
}

/* Little-endian y of all points of small order, with both signs, and encodings with y >= p. */
static void keys_that_verify_anything_are_refused(void **state)
{
	static const char *const keys[] = {
		"0100000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"f5ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	struct ap_verify_key k;
	uint8_t key[32], sig[64] = {1};

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		for (unsigned sign = 0; sign < 2; sign++) {
			octets_of(key, keys[i]);
			key[31] |= (uint8_t)(sign << 7);
			assert_false(ap_key_is_usable(key));
			assert_int_equal(ap_verify_key_init(&k, key), AGREE_EKEY);
			assert_int_equal(ap_verify_once(key, sig, message, sizeof(message)),
					 AGREE_EKEY);
			ap_verify_key_clear(&k);
		}
	/* the largest y below p but for p - 1, and other neighbours, are not among them */
	octets_of(key, keys[2]);
	key[0] = 0xeb;
	assert_true(ap_key_is_usable(key));
	octets_of(key, keys[5]);
	key[15] = 0xfe;
	assert_true(ap_key_is_usable(key));
	octets_of(key, keys[3]);
	key[0] ^= 1;
	assert_true(ap_key_is_usable(key));
}

static void cleared_key_verifies_nothing(void **state)
{
	struct ap_verify_key k = {NULL, NULL};
	struct ap_sign_key s = {.key = NULL};
	uint8_t sig[64] = {1};

	(void)state;
	assert_int_equal(ap_verify(&k, sig, message, sizeof(message)), AGREE_ENOMEM);
	memset(sig, 0xee, sizeof(sig));
	assert_int_equal(ap_sign(&s, sig, message, sizeof(message)), AGREE_ENOMEM);
	assert_int_equal(sig[0] | sig[63], 0);
	ap_verify_key_clear(&k);
	ap_sign_key_clear(&s);
}

static void random_octets_differ_and_all_are_filled(void **state)
{
	static uint8_t a[10000], b[10000];
	size_t same = 0, zero = 0;

	(void)state;
	assert_int_equal(ap_random(a, sizeof(a)), 0);
	assert_int_equal(ap_random(b, sizeof(b)), 0);
	for (size_t i = 0; i < sizeof(a); i++) {
		same += a[i] == b[i];
		zero += a[i] == 0;
	}
	/* 39 expected of each; 200 is 25 standard deviations away */
	assert_true(same < 200 && zero < 200);
	assert_int_equal(ap_random(NULL, 0), 0);
}

static void comparison_and_wiping_reach_every_octet(void **state)
{
	uint8_t a[64], b[64];

	(void)state;
	memset(a, 0x5a, sizeof(a));
	memset(b, 0x5a, sizeof(b));
	assert_true(ap_equal(a, b, sizeof(a)));
	for (size_t i = 0; i < sizeof(a); i++) {
		b[i] ^= 0x80;
		assert_false(ap_equal(a, b, sizeof(a)));
		b[i] ^= 0x80;
	}
	ap_wipe(a, sizeof(a) - 1);
	for (size_t i = 0; i < sizeof(a) - 1; i++)
		assert_int_equal(a[i], 0);
	assert_int_equal(a[63], 0x5a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_of_parts_is_that_of_the_whole),
		cmocka_unit_test(hmac_passes_rfc_4231),
		cmocka_unit_test(signatures_pass_rfc_8032),
		cmocka_unit_test(kept_key_verifies_again_after_a_bad_signature),
		cmocka_unit_test(second_encoding_of_s_is_refused),
		cmocka_unit_test(other_key_does_not_verify),
		cmocka_unit_test(keys_that_verify_anything_are_refused),
		cmocka_unit_test(cleared_key_verifies_nothing),
		cmocka_unit_test(random_octets_differ_and_all_are_filled),
		cmocka_unit_test(comparison_and_wiping_reach_every_octet),
	};

	return cmocka_run_group_tests_name("crypto", tests, make_keys, drop_keys);
}
