#include "tests/lib/points.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed_now, drawn;

const uint8_t points_order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,	0xd6,
				  0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};

void points_seed(uint64_t seed)
{
	if (sodium_init() < 0)
		abort();
	seed_now = seed;
	drawn = 0;
	printf("# seed %llu\n", (unsigned long long)seed);
}

void points_random(void *octets, size_t len)
{
	uint8_t seed[randombytes_SEEDBYTES] = {0};

	memcpy(seed, &seed_now, 8);
	memcpy(seed + 8, &drawn, 8);
	drawn++;
	randombytes_buf_deterministic(octets, len, seed);
}

void points_scalar(uint8_t k[32])
{
	uint8_t wide[64];

	points_random(wide, sizeof(wide));
	crypto_core_ed25519_scalar_reduce(k, wide);
}

void points_point(uint8_t p[32], uint8_t k[32])
{
	do
		points_scalar(k);
	while (crypto_scalarmult_ed25519_base_noclamp(p, k) != 0);
}

void points_add(uint8_t sum[32], const uint8_t p[32], const uint8_t q[32])
{
	uint8_t out[32];

	if (crypto_core_ed25519_add(out, p, q) != 0)
		abort();
	memcpy(sum, out, 32);
}

void points_torsion(uint8_t p[32], unsigned i)
{
	static const uint8_t order_8[32] = {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0,
					    0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
					    0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39,
					    0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05};

	memset(p, 0, 32);
	p[0] = 1;
	while (i-- > 0)
		points_add(p, p, order_8);
}

void points_odd(uint8_t p[32], unsigned i)
{
	memset(p, 0xff, 32);
	p[31] = i % 2 == 0 ? 0x7f : 0xff;
	if (i < 38) {
		p[0] = (uint8_t)(0xed + i / 2);
		return;
	}
	p[0] = 0xec; /* p - 1 */
	if (i == 39) {
		memset(p, 0, 32);
		p[0] = 1;
	}
	p[31] |= 0x80;
}
