/*
 * A hash of 256 bits in the place of SHA-256 and SHA-512, a few cycles for 8 octets. Nobody in a
 * simulation looks for collisions, and by chance there are none.
 */
#ifndef SIM_FASTHASH_H
#define SIM_FASTHASH_H

#include <stddef.h>
#include <stdint.h>

struct fasthash {
	uint64_t lane[4];
	uint64_t len;
	uint8_t rest[8];
};

void fasthash_begin(struct fasthash *h, uint64_t use); /* what it is for: another one, other hashes */
void fasthash_add(struct fasthash *h, const void *octets, size_t len);
void fasthash_end(struct fasthash *h, uint8_t out[32]);

#endif
