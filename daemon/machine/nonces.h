/*
 * Nonce commitments that are ordered ahead, a pool per member, and the signer sets that take them
 * out again: both functions of the log alone. draft {#nonces}, draft {#sets}
 *
 * Points are not looked at here: whoever signs with one checks it (draft {#shares}).
 *
 * draft {#sets}: the signer sets of batch s
 *
 *   Eligible are the members with an entry in their pool that are not left out, e_0 < e_1 < ... <
 *   e_(m-1) by identifier. Below the threshold t there is no set: the attempt waits.
 *   If n = 4 and m = 4: x = (s + attempt) mod 3; the sets are {e_0, e_(1+x)} and the other two.
 *   Else, with h = SHA-256(T("agree1-sets") ‖ u32 epoch ‖ u64 s ‖ u8 attempt), the order is
 * shuffled: for i = m-1 down to 1, e_i changes places with e_j, j = (256 h[2(m-1-i)] +
 * h[2(m-1-i)+1]) mod (i+1). The first t are one set, the last t the other. There is only the first
 * if m = t, or if a member of both has but one entry. Members of a set stand in ascending order.
 * Each pops its oldest entry for the first set, then, if it is in the second, its next one for
 * that.
 */
#ifndef DAEMON_MACHINE_NONCES_H
#define DAEMON_MACHINE_NONCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libproto/codec.h"
#include "libproto/limits.h"

enum {
	MACHINE_POOL_MAX = 256, /* nonce pairs held of one member */
	MACHINE_SETS_MAX = 2,	/* signer sets of one batch */
};

/* What one member has in the pool: a ring, oldest entry first. All zero: no run yet, nothing held.
 */
struct machine_nonces {
	uint64_t boot;	/* the member's run number */
	uint64_t next;	/* counter of the next entry to come; the oldest held is next - left */
	uint32_t first; /* place of the oldest */
	uint32_t left;
	ap_commitment held[MACHINE_POOL_MAX];
};

struct machine_set {
	uint8_t members[AP_THRESHOLD_MAX]; /* identifiers, ascending; t of them */
	uint64_t boot[AP_THRESHOLD_MAX], ctr[AP_THRESHOLD_MAX];
	uint8_t hiding[AP_THRESHOLD_MAX][32], binding[AP_THRESHOLD_MAX][32];
};

/* Takes a NONCES of the member whose pool it is, of the epoch in force; false: it has no effect. */
bool machine_nonces_add(struct machine_nonces *p, const ap_nonces *op);

/* Entry i of those held, 0 the oldest. */
const ap_commitment *machine_nonces_at(const struct machine_nonces *p, uint32_t i);

/* Which members sign, without taking anything: sets[i][0..t-1], ascending. left[id - 1]: entries
 * held. Returns the number of sets. */
size_t machine_sets_choose(ap_sha256_fn *sha256, uint8_t n, const uint32_t left[], uint32_t epoch,
			   uint64_t seq, uint8_t attempt,
			   uint8_t sets[MACHINE_SETS_MAX][AP_THRESHOLD_MAX]);

/* The same, and takes their entries out of the n pools. out: bit id - 1 of those that are left out.
 */
size_t machine_sets_take(ap_sha256_fn *sha256, uint8_t n, struct machine_nonces pools[],
			 uint16_t out, uint32_t epoch, uint64_t seq, uint8_t attempt,
			 struct machine_set sets[MACHINE_SETS_MAX]);

#endif
