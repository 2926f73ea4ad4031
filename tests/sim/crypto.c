/*
 * Hashing, identity signatures, random octets. With options.real what the programs use; else
 * stand-ins: a fast hash, and "signatures" that are hashes of public key and text. Whoever lies in a
 * simulation signs with its own key only (byz.c), so those need no secret.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/fasthash.h"
#include "tests/sim/group.h"
#include "tests/sim/sim.h"
#include "tests/sim/wrap.h"

enum { USE_SHA256 = 1, USE_SHA512, USE_KEY, USE_SIGNATURE };

__extension__ typedef unsigned __int128 u128;

static uint64_t fold(uint64_t a, uint64_t b)
{
	u128 product = (u128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* For traces and tables: one lane. */
uint64_t crypto_hash64(uint64_t start, const void *octets, size_t len)
{
	const uint8_t *at = octets;
	uint64_t h = start ^ len * 0x9e3779b97f4a7c15u, word = 0;

	for (; len >= 8; at += 8, len -= 8) {
		memcpy(&word, at, 8);
		h = fold(h ^ word, 0xa0761d6478bd642fu) + 0xe7037ed1a0b428dbu;
	}
	word = 0;
	if (len > 0)
		memcpy(&word, at, len);
	return fold(h ^ word, 0x8ebc6af09c88c6e3u);
}

/* ---- hashes ---- */

void __wrap_ap_sha256(uint8_t out[32], const ap_bytes *parts, size_t n_parts)
{
	struct fasthash h;

	if (sim->o.real != 0) {
		__real_ap_sha256(out, parts, n_parts);
		return;
	}
	fasthash_begin(&h, USE_SHA256);
	for (size_t i = 0; i < n_parts; i++)
		fasthash_add(&h, parts[i].data, parts[i].len);
	fasthash_end(&h, out);
}

int __wrap_crypto_hash_sha512(unsigned char *out, const unsigned char *in, unsigned long long len)
{
	struct fasthash h;

	if (sim->o.real != 0)
		return __real_crypto_hash_sha512(out, in, len);
	fasthash_begin(&h, USE_SHA512);
	fasthash_add(&h, in, (size_t)len);
	fasthash_end(&h, out);
	memset(out + 32, 0x5a, 32);
	return 0;
}

/* ---- identity keys ---- */

static void stand_in_key(uint8_t public_key[32], const uint8_t seed[32])
{
	struct fasthash h;

	fasthash_begin(&h, USE_KEY);
	fasthash_add(&h, seed, 32);
	fasthash_end(&h, public_key);
}

int __wrap_crypto_sign_seed_keypair(unsigned char *public_key, unsigned char *secret,
				    const unsigned char *seed)
{
	if (sim->o.real != 0)
		return __real_crypto_sign_seed_keypair(public_key, secret, seed);
	stand_in_key(public_key, seed);
	memcpy(secret, seed, 32);
	memcpy(secret + 32, public_key, 32);
	return 0;
}

void crypto_keypair(uint8_t public_key[32], const uint8_t seed[32])
{
	uint8_t secret[64];

	__wrap_crypto_sign_seed_keypair(public_key, secret, seed);
}

void crypto_secret(uint8_t secret[64], const uint8_t seed[32])
{
	uint8_t public_key[32];

	__wrap_crypto_sign_seed_keypair(public_key, secret, seed);
}

static void stand_in_sign(uint8_t sig[64], const uint8_t public_key[32], const void *text, size_t len)
{
	struct fasthash h;

	fasthash_begin(&h, USE_SIGNATURE);
	fasthash_add(&h, public_key, 32);
	fasthash_add(&h, text, len);
	fasthash_end(&h, sig);
	memcpy(sig + 32, public_key, 32);
}

int __wrap_crypto_sign_detached(unsigned char *sig, unsigned long long *sig_len,
				const unsigned char *text, unsigned long long len,
				const unsigned char *secret)
{
	if (sim->o.real != 0)
		return __real_crypto_sign_detached(sig, sig_len, text, len, secret);
	stand_in_sign(sig, secret + 32, text, (size_t)len);
	return 0;
}

static int stand_in_verify(const uint8_t sig[64], const void *text, size_t len,
			   const uint8_t public_key[32])
{
	uint8_t right[64];

	if (group_is_point(public_key))
		return group_verify(sig, text, len, public_key) ? 0 : -1;
	stand_in_sign(right, public_key, text, len);
	return memcmp(sig, right, 64) == 0 ? 0 : -1;
}

int __wrap_crypto_sign_verify_detached(const unsigned char *sig, const unsigned char *text,
				       unsigned long long len, const unsigned char *public_key)
{
	if (sim->o.real != 0)
		return __real_crypto_sign_verify_detached(sig, text, len, public_key);
	return stand_in_verify(sig, text, (size_t)len, public_key);
}

int __wrap_curve_key_init(struct curve_key *key, const uint8_t octets[32])
{
	if (sim->o.real != 0)
		return __real_curve_key_init(key, octets);
	memcpy(key->octets, octets, 32);
	key->is_usable = true;
	return 0;
}

bool __wrap_curve_verify(const struct curve_key *key, const uint8_t sig[64], const uint8_t *text,
			 size_t len)
{
	if (sim->o.real != 0)
		return __real_curve_verify(key, sig, text, len);
	return stand_in_verify(sig, text, len, key->octets) == 0;
}

/* ---- the client's side of it ---- */

int __wrap_ap_verify_key_init(struct ap_verify_key *k, const uint8_t key[32])
{
	if (sim->o.real != 0)
		return __real_ap_verify_key_init(k, key);
	k->key = malloc(32);
	if (k->key == NULL)
		return AGREE_ENOMEM;
	memcpy(k->key, key, 32);
	k->context = NULL;
	return 0;
}

void __wrap_ap_verify_key_clear(struct ap_verify_key *k)
{
	if (sim->o.real != 0) {
		__real_ap_verify_key_clear(k);
		return;
	}
	free(k->key);
	k->key = NULL;
}

int __wrap_ap_verify(struct ap_verify_key *k, const uint8_t sig[64], const void *message, size_t len)
{
	if (sim->o.real != 0)
		return __real_ap_verify(k, sig, message, len);
	return stand_in_verify(sig, message, len, k->key) == 0 ? 0 : AGREE_ESIGNATURE;
}

int __wrap_ap_verify_once(const uint8_t key[32], const uint8_t sig[64], const void *message,
			  size_t len)
{
	if (sim->o.real != 0)
		return __real_ap_verify_once(key, sig, message, len);
	return stand_in_verify(sig, message, len, key) == 0 ? 0 : AGREE_ESIGNATURE;
}

/* ---- random octets and memory for secrets ---- */

int __wrap_ap_random(void *octets, size_t len)
{
	rng_fill(&sim->library_rng, octets, len);
	return 0;
}

static const char *random_name(void)
{
	return "sim";
}

static uint32_t random_word(void)
{
	return (uint32_t)rng_next(&sim->library_rng);
}

static void random_fill(void *const octets, const size_t len)
{
	rng_fill(&sim->library_rng, octets, len);
}

void crypto_init(void)
{
	static randombytes_implementation implementation = {
		.implementation_name = random_name, .random = random_word, .buf = random_fill};
	struct rng before = sim->library_rng;

	randombytes_set_implementation(&implementation);
	if (sodium_init() < 0)
		abort();
	sim->library_rng = before; /* the first run of a program draws no more than the others */
}

/* Guard pages and locked memory cost a system call each, and a simulation has no secrets. */
void *__wrap_sodium_malloc(size_t size)
{
	return calloc(1, size);
}

void __wrap_sodium_free(void *p)
{
	free(p);
}

int __wrap_sodium_mlock(void *p, size_t size)
{
	(void)p;
	(void)size;
	return 0;
}

int __wrap_sodium_munlock(void *p, size_t size)
{
	(void)p;
	(void)size;
	return 0;
}

void *__wrap_frost_secret_new(size_t size, bool *locked)
{
	*locked = true;
	return calloc(1, size);
}

void __wrap_frost_secret_free(void *p, size_t size)
{
	(void)size;
	free(p);
}
