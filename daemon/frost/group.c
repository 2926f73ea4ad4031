/* group.c: see group.h. Every call works in temporaries, since libsodium's outputs must not alias
 * its inputs, and what it leaves in an output on failure differs from function to function. */
#include "daemon/frost/group.h"

#include <string.h>

#include "daemon/frost/errors.h"

#define STACK_WIPE 16384 /* more than the deepest of the wrapped functions uses */
#define TAG	   16

static void system_fill(void *arg, uint8_t *out, size_t size)
{
	(void)arg;
	randombytes_buf(out, size);
}

const struct frost_random frost_random_system = {system_fill, NULL};

int frost_canary(void)
{
	/* on the curve, of order 2L: libsodium's commit ad3004ec */
	uint8_t point[32], one[32], out[32];

	if (sodium_init() < 0)
		return FROST_ESODIUM;
	memset(point, 0x99, sizeof(point));
	point[0] = 0x95;
	frost_scalar_set(one, 1);
	if (crypto_core_ed25519_is_valid_point(point) == 1 ||
	    crypto_scalarmult_ed25519_noclamp(out, one, point) == 0)
		return FROST_ECANARY;
	return 0;
}

bool frost_scalar_is_canonical(const uint8_t x[32])
{
	uint8_t wide[64] = {0}, reduced[32];
	bool same;

	memcpy(wide, x, 32);
	crypto_core_ed25519_scalar_reduce(reduced, wide);
	same = sodium_memcmp(reduced, x, 32) == 0;
	sodium_memzero(wide, sizeof(wide));
	sodium_memzero(reduced, sizeof(reduced));
	return same;
}

bool frost_scalar_is_zero(const uint8_t x[32])
{
	return sodium_is_zero(x, 32) == 1;
}

bool frost_scalar_is_equal(const uint8_t x[32], const uint8_t y[32])
{
	return sodium_memcmp(x, y, 32) == 0;
}

void frost_scalar_set(uint8_t out[32], uint32_t value)
{
	memset(out, 0, 32);
	for (size_t i = 0; i < 4; i++)
		out[i] = (uint8_t)(value >> (8 * i) & 0xff);
}

void frost_scalar_reduce(uint8_t out[32], const uint8_t wide[64])
{
	uint8_t copy[64];

	memcpy(copy, wide, sizeof(copy));
	crypto_core_ed25519_scalar_reduce(out, copy);
	sodium_memzero(copy, sizeof(copy));
}

/* libsodium's scalar functions of two arguments. */
typedef void scalar_binary(unsigned char *z, const unsigned char *x, const unsigned char *y);

static void scalar_apply(scalar_binary *f, uint8_t out[32], const uint8_t x[32],
			 const uint8_t y[32])
{
	uint8_t z[32];

	f(z, x, y);
	memcpy(out, z, sizeof(z));
	sodium_memzero(z, sizeof(z));
}

void frost_scalar_add(uint8_t out[32], const uint8_t x[32], const uint8_t y[32])
{
	scalar_apply(crypto_core_ed25519_scalar_add, out, x, y);
}

void frost_scalar_sub(uint8_t out[32], const uint8_t x[32], const uint8_t y[32])
{
	scalar_apply(crypto_core_ed25519_scalar_sub, out, x, y);
}

void frost_scalar_mul(uint8_t out[32], const uint8_t x[32], const uint8_t y[32])
{
	scalar_apply(crypto_core_ed25519_scalar_mul, out, x, y);
}

int frost_scalar_invert(uint8_t out[32], const uint8_t x[32])
{
	uint8_t z[32];
	int rc = crypto_core_ed25519_scalar_invert(z, x);

	memcpy(out, z, sizeof(z));
	sodium_memzero(z, sizeof(z));
	return rc == 0 ? 0 : FROST_EZERO;
}

void frost_scalar_random(uint8_t out[32], const struct frost_random *random)
{
	uint8_t wide[64];

	do {
		random->fill(random->arg, wide, sizeof(wide));
		frost_scalar_reduce(out, wide);
	} while (frost_scalar_is_zero(out));
	sodium_memzero(wide, sizeof(wide));
}

void frost_point_identity(uint8_t out[32])
{
	memset(out, 0, 32);
	out[0] = 1;
}

bool frost_point_is_identity(const uint8_t p[32])
{
	uint8_t identity[32];

	frost_point_identity(identity);
	return sodium_memcmp(identity, p, 32) == 0;
}

bool frost_point_is_valid(const uint8_t p[32])
{
	return crypto_core_ed25519_is_valid_point(p) == 1;
}

void frost_point_base(uint8_t out[32], const uint8_t k[32])
{
	uint8_t q[32];

	/* -1 only says that the result is the identity, which is written all the same */
	if (crypto_scalarmult_ed25519_base_noclamp(q, k) != 0)
		frost_point_identity(q);
	memcpy(out, q, sizeof(q));
}

int frost_point_mult(uint8_t out[32], const uint8_t k[32], const uint8_t p[32])
{
	uint8_t q[32] = {0}; /* the encoding of another point than the identity */
	int rc = crypto_scalarmult_ed25519_noclamp(q, k, p);

	/* -1 leaves q alone if P is bad, and writes the identity if k is zero */
	if (rc != 0 && !frost_point_is_identity(q))
		return FROST_EPOINT;
	memcpy(out, q, sizeof(q));
	sodium_memzero(q, sizeof(q));
	return 0;
}

int frost_point_add(uint8_t out[32], const uint8_t p[32], const uint8_t q[32])
{
	uint8_t r[32];

	if (crypto_core_ed25519_add(r, p, q) != 0)
		return FROST_EPOINT;
	memcpy(out, r, sizeof(r));
	return 0;
}

int frost_point_sub(uint8_t out[32], const uint8_t p[32], const uint8_t q[32])
{
	uint8_t r[32];

	if (crypto_core_ed25519_sub(r, p, q) != 0)
		return FROST_EPOINT;
	memcpy(out, r, sizeof(r));
	return 0;
}

int frost_point_terms(uint8_t sum[32], struct curve_term *terms, size_t n, size_t *bad)
{
	return curve_terms_sum(sum, terms, n, bad) == 0 ? 0 : FROST_EPOINT;
}

void frost_hash_begin(struct frost_hash *h, enum frost_hash_use use)
{
	static const char context[] = "FROST-ED25519-SHA512-v1";
	static const char *const part[] = {
		[FROST_H1] = "rho", [FROST_H2] = "",	[FROST_H3] = "nonce",
		[FROST_H4] = "msg", [FROST_H5] = "com", [FROST_HDKG] = "dkg",
	};

	crypto_hash_sha512_init(&h->state);
	if (use == FROST_H2)
		return;
	frost_hash_add(h, (const uint8_t *)context, strlen(context));
	frost_hash_add(h, (const uint8_t *)part[use], strlen(part[use]));
}

void frost_hash_begin_plain(struct frost_hash *h)
{
	crypto_hash_sha512_init(&h->state);
}

void frost_hash_begin_tag(struct frost_hash *h, const char *tag)
{
	uint8_t padded[TAG] = {0};

	for (size_t i = 0; i < TAG && tag[i] != '\0'; i++)
		padded[i] = (uint8_t)tag[i];
	crypto_hash_sha512_init(&h->state);
	frost_hash_add(h, padded, sizeof(padded));
}

void frost_hash_add(struct frost_hash *h, const uint8_t *octets, size_t size)
{
	crypto_hash_sha512_update(&h->state, octets, size);
}

void frost_hash_add_id(struct frost_hash *h, uint16_t id)
{
	uint8_t scalar[32];

	frost_scalar_set(scalar, id);
	frost_hash_add(h, scalar, sizeof(scalar));
}

void frost_hash_octets(struct frost_hash *h, uint8_t out[64])
{
	crypto_hash_sha512_final(&h->state, out);
	sodium_memzero(h, sizeof(*h));
}

void frost_hash_half(struct frost_hash *h, uint8_t out[32])
{
	uint8_t digest[64];

	frost_hash_octets(h, digest);
	memcpy(out, digest, 32);
	sodium_memzero(digest, sizeof(digest));
}

void frost_hash_scalar(struct frost_hash *h, uint8_t out[32])
{
	uint8_t digest[64];

	frost_hash_octets(h, digest);
	frost_scalar_reduce(out, digest);
	sodium_memzero(digest, sizeof(digest));
}

void frost_stack_wipe(void)
{
	sodium_stackzero(STACK_WIPE);
}
