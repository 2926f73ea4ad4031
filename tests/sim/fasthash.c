#include "config.h"

#include "tests/sim/fasthash.h"

#include <string.h>

__extension__ typedef unsigned __int128 u128;

static const uint64_t odd[4] = {0xa0761d6478bd642fu, 0xe7037ed1a0b428dbu, 0x8ebc6af09c88c6e3u,
				0x589965cc75374cc3u};

static inline uint64_t fold(uint64_t a, uint64_t b)
{
	u128 product = (u128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline void absorb(uint64_t lane[4], uint64_t word)
{
	uint64_t turned = word << 17 | word >> 47;

	lane[0] = fold(lane[0] ^ word, odd[0] ^ turned) + odd[0];
	lane[1] = fold(lane[1] ^ word, odd[1] ^ turned) + odd[1];
	lane[2] = fold(lane[2] ^ word, odd[2] ^ turned) + odd[2];
	lane[3] = fold(lane[3] ^ word, odd[3] ^ turned) + odd[3];
}

void fasthash_begin(struct fasthash *h, uint64_t use)
{
	h->len = 0;
	for (size_t i = 0; i < 4; i++)
		h->lane[i] = odd[3 - i] + use * odd[i];
}

void fasthash_add(struct fasthash *h, const void *octets, size_t len)
{
	const uint8_t *at = octets;
	size_t have = h->len % 8;
	uint64_t word;

	h->len += len;
	if (len == 0)
		return;
	if (have > 0) {
		size_t n = len < 8 - have ? len : 8 - have;

		memcpy(h->rest + have, at, n);
		at += n;
		len -= n;
		if (have + n < 8)
			return;
		memcpy(&word, h->rest, 8);
		absorb(h->lane, word);
	}
	if (len >= 8) {
		uint64_t lane[4] = {h->lane[0], h->lane[1], h->lane[2], h->lane[3]};

		for (; len >= 8; at += 8, len -= 8) {
			memcpy(&word, at, 8);
			absorb(lane, word);
		}
		memcpy(h->lane, lane, sizeof(lane));
	}
	if (len > 0)
		memcpy(h->rest, at, len);
}

void fasthash_end(struct fasthash *h, uint8_t out[32])
{
	uint64_t word = 0, lane[4];

	memcpy(&word, h->rest, h->len % 8);
	absorb(h->lane, word);
	absorb(h->lane, h->len);
	for (size_t i = 0; i < 4; i++)
		lane[i] = fold(h->lane[i] ^ odd[i], h->lane[(i + 1) % 4] ^ odd[3 - i]) ^
			  h->lane[(i + 2) % 4];
	memcpy(out, lane, 32);
}
