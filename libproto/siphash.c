/*
 * SipHash-2-4: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", 2012.
 */
#include "libproto/siphash.h"

#include <string.h>

static uint64_t load(const uint8_t *at)
{
	uint64_t word = 0;

	for (size_t i = 8; i-- > 0;)
		word = word << 8 | at[i];
	return word;
}

static uint64_t turn(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

static void rounds(uint64_t v[4], unsigned n)
{
	while (n-- > 0) {
		v[0] += v[1];
		v[1] = turn(v[1], 13) ^ v[0];
		v[0] = turn(v[0], 32);
		v[2] += v[3];
		v[3] = turn(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = turn(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = turn(v[1], 17) ^ v[2];
		v[2] = turn(v[2], 32);
	}
}

static void absorb(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	rounds(v, 2);
	v[0] ^= word;
}

void ap_siphash(uint8_t out[8], const uint8_t key[16], const void *octets, size_t len)
{
	const uint64_t k0 = load(key), k1 = load(key + 8);
	uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
			 k1 ^ 0x7465646279746573};
	const uint8_t *at = octets;
	uint8_t last[8] = {0};
	uint64_t result;

	for (size_t i = 0; i < len / 8; i++)
		absorb(v, load(at + i * 8));
	if (len % 8 > 0)
		memcpy(last, at + len - len % 8, len % 8);
	last[7] = (uint8_t)len;
	absorb(v, load(last));
	v[2] ^= 0xff;
	rounds(v, 4);
	result = v[0] ^ v[1] ^ v[2] ^ v[3];
	for (size_t i = 0; i < 8; i++, result >>= 8)
		out[i] = (uint8_t)result;
}
