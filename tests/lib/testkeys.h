/* testkeys.h: random octets that repeat, and group keys made from them, for tests of signing. */
#ifndef TESTS_LIB_TESTKEYS_H
#define TESTS_LIB_TESTKEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/frost/frost.h"

/* A generator in counter mode: the same seed gives the same octets. */
struct testrandom {
	uint64_t seed;
	uint64_t counter;
};

struct frost_random testrandom(struct testrandom *r, uint64_t seed);

/* Keys of members 1..n with threshold t, as a dealer would make them. */
void testkeys(struct frost_key keys[], uint32_t n, uint32_t t, uint32_t epoch, uint64_t seed);

/* What OpenSSL, which has no part in making it, says of an Ed25519 signature. */
bool testkeys_openssl_verify(const uint8_t key[32], const uint8_t *message, size_t size,
			     const uint8_t signature[64]);

#endif
