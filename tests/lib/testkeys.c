/* testkeys.c: see testkeys.h */
#include "tests/lib/testkeys.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

static void fill(void *arg, uint8_t *out, size_t size)
{
	struct testrandom *r = arg;

	while (size > 0) {
		uint8_t block[64];
		struct frost_hash h;
		size_t n = size < sizeof(block) ? size : sizeof(block);

		frost_hash_begin_tag(&h, "testrandom");
		frost_hash_add(&h, (const uint8_t *)&r->seed, sizeof(r->seed));
		frost_hash_add(&h, (const uint8_t *)&r->counter, sizeof(r->counter));
		frost_hash_octets(&h, block);
		r->counter++;
		memcpy(out, block, n);
		out += n;
		size -= n;
	}
}

struct frost_random testrandom(struct testrandom *r, uint64_t seed)
{
	r->seed = seed;
	r->counter = 0;
	return (struct frost_random){fill, r};
}

void testkeys(struct frost_key keys[], uint32_t n, uint32_t t, uint32_t epoch, uint64_t seed)
{
	uint8_t a[FROST_THRESHOLD_MAX][32], x[32];
	struct frost_group group = {.epoch = epoch, .n = n, .t = t};
	struct testrandom state;
	struct frost_random random = testrandom(&state, seed);

	for (uint32_t k = 0; k < t; k++)
		frost_scalar_random(a[k], &random);
	frost_point_base(group.key, a[0]);
	for (uint32_t i = 0; i < n; i++) {
		group.id[i] = (uint16_t)(i + 1);
		frost_scalar_set(x, i + 1);
		memcpy(keys[i].share, a[t - 1], 32);
		for (uint32_t k = t - 1; k > 0; k--) {
			frost_scalar_mul(keys[i].share, keys[i].share, x);
			frost_scalar_add(keys[i].share, keys[i].share, a[k - 1]);
		}
		frost_point_base(group.verifier[i], keys[i].share);
		keys[i].id = group.id[i];
	}
	for (uint32_t i = 0; i < n; i++)
		keys[i].group = group;
}

bool testkeys_openssl_verify(const uint8_t key[32], const uint8_t *message, size_t size,
			     const uint8_t signature[64])
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, 32);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = pkey != NULL && ctx != NULL &&
		    EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
		    EVP_DigestVerify(ctx, signature, 64, message, size) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return good;
}
