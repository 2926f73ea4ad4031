#include "config.h"

#include "tests/sim/group.h"

#include <string.h>

#include "daemon/frost/errors.h"
#include "tests/sim/fasthash.h"
#include "tests/sim/sim.h"
#include "tests/sim/wrap.h"

#define ORDER ((UINT64_C(1) << 61) - 1)
#define USE   64 /* of fasthash, and up */

__extension__ typedef unsigned __int128 u128;

static const char mark[9] = "simpoint";

static bool is_real(void)
{
	return sim->o.real != 0;
}

/* ---- numbers ---- */

static uint64_t get(const uint8_t octets[32])
{
	uint64_t v;

	memcpy(&v, octets, 8); /* little-endian, as this machine is */
	return v;
}

static void put(uint8_t octets[32], uint64_t v)
{
	memset(octets, 0, 32);
	memcpy(octets, &v, 8);
}

static uint64_t add(uint64_t a, uint64_t b)
{
	return (a + b) % ORDER;
}

static uint64_t mul(uint64_t a, uint64_t b)
{
	u128 product = (u128)a * b;

	return ((uint64_t)(product & ORDER) + (uint64_t)(product >> 61)) % ORDER;
}

static uint64_t power(uint64_t a, uint64_t e)
{
	uint64_t out = 1;

	for (; e > 0; e >>= 1, a = mul(a, a))
		if ((e & 1) != 0)
			out = mul(out, a);
	return out;
}

bool __wrap_frost_scalar_is_canonical(const uint8_t x[32])
{
	static const uint8_t zero[24];

	if (is_real())
		return __real_frost_scalar_is_canonical(x);
	return get(x) < ORDER && memcmp(x + 8, zero, 24) == 0;
}

void __wrap_frost_scalar_reduce(uint8_t out[32], const uint8_t wide[64])
{
	if (is_real())
		__real_frost_scalar_reduce(out, wide);
	else
		put(out, get(wide) % ORDER);
}

void __wrap_frost_scalar_add(uint8_t out[32], const uint8_t x[32], const uint8_t y[32])
{
	if (is_real())
		__real_frost_scalar_add(out, x, y);
	else
		put(out, add(get(x), get(y)));
}

void __wrap_frost_scalar_sub(uint8_t out[32], const uint8_t x[32], const uint8_t y[32])
{
	if (is_real())
		__real_frost_scalar_sub(out, x, y);
	else
		put(out, add(get(x), ORDER - get(y)));
}

void __wrap_frost_scalar_mul(uint8_t out[32], const uint8_t x[32], const uint8_t y[32])
{
	if (is_real())
		__real_frost_scalar_mul(out, x, y);
	else
		put(out, mul(get(x), get(y)));
}

int __wrap_frost_scalar_invert(uint8_t out[32], const uint8_t x[32])
{
	uint64_t v = get(x);

	if (is_real())
		return __real_frost_scalar_invert(out, x);
	put(out, power(v, ORDER - 2));
	return v != 0 ? 0 : FROST_EZERO;
}

void __wrap_frost_scalar_random(uint8_t out[32], const struct frost_random *random)
{
	uint8_t wide[64];

	if (is_real()) {
		__real_frost_scalar_random(out, random);
		return;
	}
	do {
		random->fill(random->arg, wide, 8);
		put(out, get(wide) % ORDER);
	} while (get(out) == 0);
}

/* ---- points: the identity is written as Ed25519's ---- */

bool group_is_point(const uint8_t octets[32])
{
	return memcmp(octets + 8, mark, 8) == 0 && get(octets) > 0 && get(octets) < ORDER;
}

static void point_put(uint8_t out[32], uint64_t v)
{
	put(out, v == 0 ? 1 : v);
	if (v != 0)
		memcpy(out + 8, mark, 8);
}

/* -1: none. */
static int64_t point_get(const uint8_t p[32])
{
	uint8_t identity[32];

	put(identity, 1);
	if (memcmp(p, identity, 32) == 0)
		return 0;
	return group_is_point(p) ? (int64_t)get(p) : -1;
}

bool __wrap_frost_point_is_valid(const uint8_t p[32])
{
	return is_real() ? __real_frost_point_is_valid(p) : group_is_point(p);
}

void __wrap_frost_point_base(uint8_t out[32], const uint8_t k[32])
{
	if (is_real())
		__real_frost_point_base(out, k);
	else
		point_put(out, get(k));
}

int __wrap_frost_point_mult(uint8_t out[32], const uint8_t k[32], const uint8_t p[32])
{
	if (is_real())
		return __real_frost_point_mult(out, k, p);
	if (!group_is_point(p))
		return FROST_EPOINT;
	point_put(out, mul(get(k), get(p)));
	return 0;
}

static int point_sum(uint8_t out[32], const uint8_t p[32], const uint8_t q[32], bool minus)
{
	int64_t a = point_get(p), b = point_get(q);

	if (a < 0 || b < 0)
		return FROST_EPOINT;
	point_put(out, add((uint64_t)a, minus ? ORDER - (uint64_t)b : (uint64_t)b));
	return 0;
}

int __wrap_frost_point_add(uint8_t out[32], const uint8_t p[32], const uint8_t q[32])
{
	return is_real() ? __real_frost_point_add(out, p, q) : point_sum(out, p, q, false);
}

int __wrap_frost_point_sub(uint8_t out[32], const uint8_t p[32], const uint8_t q[32])
{
	return is_real() ? __real_frost_point_sub(out, p, q) : point_sum(out, p, q, true);
}

static bool term_make(struct curve_term *term)
{
	int64_t point = point_get(term->point);
	uint64_t v = (uint64_t)point;

	if (point < 0 || (term->other != NULL && !group_is_point(term->other)))
		return false;
	if (term->other != NULL)
		v = add(v, mul(get(term->factor), get(term->other)));
	point_put(term->out, v);
	return true;
}

int __wrap_frost_point_terms(uint8_t sum[32], struct curve_term *terms, size_t n, size_t *bad)
{
	uint64_t v = 0;

	if (is_real())
		return __real_frost_point_terms(sum, terms, n, bad);
	for (size_t i = 0; i < n; i++) {
		if (!term_make(&terms[i])) {
			*bad = i;
			return FROST_EPOINT;
		}
		v = add(v, (uint64_t)point_get(terms[i].out));
	}
	point_put(sum, v);
	return 0;
}

int __wrap_frost_canary(void)
{
	return is_real() ? __real_frost_canary() : 0;
}

void __wrap_frost_stack_wipe(void)
{
	if (is_real())
		__real_frost_stack_wipe();
}

/* ---- hashes ---- */

_Static_assert(sizeof(struct fasthash) <= sizeof(struct frost_hash), "it fits in its place");

static struct fasthash *state(struct frost_hash *h)
{
	return (struct fasthash *)(void *)h;
}

void __wrap_frost_hash_begin(struct frost_hash *h, enum frost_hash_use use)
{
	if (is_real())
		__real_frost_hash_begin(h, use);
	else
		fasthash_begin(state(h), USE + (uint64_t)use);
}

void __wrap_frost_hash_begin_plain(struct frost_hash *h)
{
	if (is_real())
		__real_frost_hash_begin_plain(h);
	else
		fasthash_begin(state(h), USE + 32);
}

void __wrap_frost_hash_begin_tag(struct frost_hash *h, const char *tag)
{
	if (is_real()) {
		__real_frost_hash_begin_tag(h, tag);
		return;
	}
	fasthash_begin(state(h), USE + 33);
	fasthash_add(state(h), tag, strlen(tag) + 1);
}

void __wrap_frost_hash_add(struct frost_hash *h, const uint8_t *octets, size_t size)
{
	if (is_real())
		__real_frost_hash_add(h, octets, size);
	else
		fasthash_add(state(h), octets, size);
}

void __wrap_frost_hash_add_id(struct frost_hash *h, uint16_t id)
{
	uint64_t word = id;

	if (is_real())
		__real_frost_hash_add_id(h, id);
	else
		fasthash_add(state(h), &word, 8);
}

void __wrap_frost_hash_octets(struct frost_hash *h, uint8_t out[64])
{
	if (is_real()) {
		__real_frost_hash_octets(h, out);
		return;
	}
	fasthash_end(state(h), out);
	memset(out + 32, 0x5a, 32);
}

void __wrap_frost_hash_half(struct frost_hash *h, uint8_t out[32])
{
	if (is_real())
		__real_frost_hash_half(h, out);
	else
		fasthash_end(state(h), out);
}

void __wrap_frost_hash_scalar(struct frost_hash *h, uint8_t out[32])
{
	uint8_t digest[32];

	if (is_real()) {
		__real_frost_hash_scalar(h, out);
		return;
	}
	fasthash_end(state(h), digest);
	put(out, get(digest) % ORDER);
}

/* [z]B == R + [c]PK */
bool group_verify(const uint8_t sig[64], const void *text, size_t len, const uint8_t key[32])
{
	uint8_t c[32];
	struct frost_hash h;

	if (!group_is_point(sig) || !__wrap_frost_scalar_is_canonical(sig + 32))
		return false;
	__wrap_frost_hash_begin(&h, FROST_H2);
	__wrap_frost_hash_add(&h, sig, 32);
	__wrap_frost_hash_add(&h, key, 32);
	__wrap_frost_hash_add(&h, text, len);
	__wrap_frost_hash_scalar(&h, c);
	return get(sig + 32) == add(get(sig), mul(get(c), get(key)));
}
