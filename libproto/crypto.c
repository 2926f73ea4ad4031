/*
 * SHA-256 goes through OpenSSL's low-level functions although 3.0 calls them deprecated: hashing
 * the 65 octets of a tree's node takes 112 ns with them and 185 ns through an EVP context that is
 * kept and used again, and they neither allocate nor fail.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "libproto/crypto.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <string.h>

static void absorb(SHA256_CTX *c, const ap_bytes *parts, size_t n_parts)
{
	for (size_t i = 0; i < n_parts; i++)
		if (parts[i].len > 0)
			SHA256_Update(c, parts[i].data, parts[i].len);
}

void ap_sha256(uint8_t out[32], const ap_bytes *parts, size_t n_parts)
{
	SHA256_CTX c;

	SHA256_Init(&c);
	absorb(&c, parts, n_parts);
	SHA256_Final(out, &c);
}

void ap_hmac_sha256(uint8_t out[32], ap_bytes key, const ap_bytes *parts, size_t n_parts)
{
	uint8_t block[64] = {0};
	SHA256_CTX inner, outer;

	if (key.len > sizeof(block))
		ap_sha256(block, &key, 1);
	else if (key.len > 0)
		memcpy(block, key.data, key.len);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] ^= 0x36;
	SHA256_Init(&inner);
	SHA256_Update(&inner, block, sizeof(block));
	absorb(&inner, parts, n_parts);
	SHA256_Final(out, &inner);

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] ^= 0x36 ^ 0x5c;
	SHA256_Init(&outer);
	SHA256_Update(&outer, block, sizeof(block));
	SHA256_Update(&outer, out, 32);
	SHA256_Final(out, &outer);

	ap_wipe(block, sizeof(block));
	ap_wipe(&inner, sizeof(inner));
	ap_wipe(&outer, sizeof(outer));
}

/* ---- verification ---- */

/*
 * y of the points of order 1, 2, 4 and 8, little-endian: 1, p-1, 0 and the two of order 8; x is
 * told by the highest bit, which does not matter here.
 */
static const uint8_t small_order[5][32] = {
	{0x01},
	{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	{0x00},
	{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
	 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
	 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
	{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
	 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
	 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
};

/* y < p = 2^255 - 19? The highest bit is x's. */
static bool is_reduced(const uint8_t y[32])
{
	if (y[31] != 0x7f || y[0] < 0xed)
		return true;
	for (size_t i = 1; i < 31; i++)
		if (y[i] != 0xff)
			return true;
	return false;
}

bool ap_key_is_usable(const uint8_t key[32])
{
	uint8_t y[32];

	memcpy(y, key, 32);
	y[31] &= 0x7f;
	if (!is_reduced(y))
		return false;
	for (size_t i = 0; i < sizeof(small_order) / sizeof(small_order[0]); i++)
		if (memcmp(y, small_order[i], 32) == 0)
			return false;
	return true;
}

int ap_verify_key_init(struct ap_verify_key *k, const uint8_t key[32])
{
	k->key = k->context = NULL;
	if (!ap_key_is_usable(key))
		return AGREE_EKEY;
	k->key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, 32);
	k->context = EVP_MD_CTX_new();
	if (k->key == NULL || k->context == NULL) {
		ap_verify_key_clear(k);
		ERR_clear_error();
		return AGREE_ENOMEM;
	}
	return 0;
}

void ap_verify_key_clear(struct ap_verify_key *k)
{
	EVP_MD_CTX_free(k->context);
	EVP_PKEY_free(k->key);
	k->key = k->context = NULL;
}

/*
 * OpenSSL 3.0 would verify again without a new init, later versions call the context used up; an
 * init with the same key costs nothing that can be measured.
 */
int ap_verify(struct ap_verify_key *k, const uint8_t sig[64], const void *message, size_t len)
{
	int rc = AGREE_ESIGNATURE;

	if (k->key == NULL || EVP_DigestVerifyInit(k->context, NULL, NULL, NULL, k->key) != 1)
		rc = AGREE_ENOMEM;
	else if (EVP_DigestVerify(k->context, sig, 64, message, len) == 1)
		return 0;
	if (ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE)
		rc = AGREE_ENOMEM;
	ERR_clear_error();
	return rc;
}

int ap_verify_once(const uint8_t key[32], const uint8_t sig[64], const void *message, size_t len)
{
	struct ap_verify_key k;
	int rc = ap_verify_key_init(&k, key);

	if (rc == 0)
		rc = ap_verify(&k, sig, message, len);
	ap_verify_key_clear(&k);
	return rc;
}

/* ---- signing ---- */

int ap_sign_key_init(struct ap_sign_key *k, const uint8_t seed[32])
{
	size_t len = 32;

	k->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	k->context = EVP_MD_CTX_new();
	if (k->key == NULL || k->context == NULL ||
	    EVP_PKEY_get_raw_public_key(k->key, k->public_key, &len) != 1 || len != 32) {
		ap_sign_key_clear(k);
		ERR_clear_error();
		return AGREE_ENOMEM;
	}
	return 0;
}

void ap_sign_key_clear(struct ap_sign_key *k)
{
	EVP_MD_CTX_free(k->context);
	EVP_PKEY_free(k->key); /* wipes the private key */
	k->key = k->context = NULL;
}

int ap_sign(struct ap_sign_key *k, uint8_t sig[64], const void *message, size_t len)
{
	size_t sig_len = 64;

	if (k->key != NULL && EVP_DigestSignInit(k->context, NULL, NULL, NULL, k->key) == 1 &&
	    EVP_DigestSign(k->context, sig, &sig_len, message, len) == 1 && sig_len == 64)
		return 0;
	memset(sig, 0, 64);
	ERR_clear_error();
	return AGREE_ENOMEM;
}

/* ---- octets ---- */

int ap_random(void *octets, size_t len)
{
	uint8_t *at = octets;

	for (size_t n; len > 0; at += n, len -= n) {
		n = len < 4096 ? len : 4096;
		if (RAND_bytes(at, (int)n) == 1)
			continue;
		memset(octets, 0, (size_t)(at - (uint8_t *)octets) + len);
		ERR_clear_error();
		return AGREE_EINTERNAL;
	}
	return 0;
}

bool ap_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void ap_wipe(void *octets, size_t len)
{
	OPENSSL_cleanse(octets, len);
}
