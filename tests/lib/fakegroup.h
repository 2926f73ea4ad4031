/*
 * Stand-ins for the group functions that daemon/machine is given: deterministic, fast, and bad
 * where a test says so in the octets. SHA-256 is the real one.
 */
#ifndef TESTS_LIB_FAKEGROUP_H
#define TESTS_LIB_FAKEGROUP_H

#include "daemon/machine/machine.h"

enum {
	FAKEGROUP_BAD =
		0xbd, /* first octet of a point: not valid; of a DEAL's proof_mu: proof fails */
	FAKEGROUP_GUILTY = 0x61, /* first octet of a COMPLAINT's w: it holds; of a share's signature: it
				    is its sender's, and the share is bad */
	FAKEGROUP_ZERO = 0x00,	 /* first octet of all phi[0]: the dealings add up to no key */
};

extern const struct machine_funcs fakegroup_funcs;

/* Good messages of member id. */
void fakegroup_enckey(ap_enckey *op, const uint8_t sid[32], uint8_t id);
void fakegroup_deal(ap_deal *op, const uint8_t sid[32], uint8_t n, uint8_t id);
/* `count` pairs from counter `first` on, all different and a function of (id, boot, counter). */
void fakegroup_nonces(ap_nonces *op, uint8_t id, uint64_t boot, uint64_t first, uint8_t count);

#endif
