#include "config.h"

#include "tests/sim/rng.h"

#include <string.h>

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

void rng_init(struct rng *r, uint64_t seed, uint64_t stream)
{
	r->state = mix(seed ^ 0x73696d756c617465u) ^ mix(stream * 0xd6e8feb86659fd93u + 1);
}

uint64_t rng_next(struct rng *r)
{
	r->state += 0x9e3779b97f4a7c15u;
	return mix(r->state);
}

uint64_t rng_below(struct rng *r, uint64_t below)
{
	return below == 0 ? 0 : rng_next(r) % below;
}

uint64_t rng_between(struct rng *r, uint64_t low, uint64_t high)
{
	return low + rng_below(r, high - low + 1);
}

bool rng_chance(struct rng *r, uint64_t per_mille)
{
	return per_mille > 0 && rng_below(r, 1000) < per_mille;
}

uint64_t rng_spread(struct rng *r, uint64_t mean)
{
	uint64_t draw = rng_next(r);
	uint64_t part = draw % 1024 * mean / 512; /* mean on average */

	/* one in 16 is long */
	return (draw >> 32) % 16 == 0 ? part * (1 + (draw >> 40) % 10) : part * 3 / 5;
}

uint16_t rng_subset(struct rng *r, uint16_t of, unsigned count)
{
	uint16_t out = 0;
	unsigned left = 0;

	for (unsigned i = 0; i < 16; i++)
		left += of >> i & 1;
	for (unsigned i = 0; i < 16 && count > 0; i++) {
		if ((of >> i & 1) == 0)
			continue;
		if (rng_below(r, left) < count) {
			out |= (uint16_t)(1u << i);
			count--;
		}
		left--;
	}
	return out;
}

void rng_fill(struct rng *r, void *octets, size_t len)
{
	uint8_t *at = octets;

	while (len > 0) {
		uint64_t word = rng_next(r);
		size_t n = len < 8 ? len : 8;

		memcpy(at, &word, n);
		at += n;
		len -= n;
	}
}
