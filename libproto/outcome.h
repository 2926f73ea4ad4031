/*
 * Outcomes and the leaves made of them. draft {#outcome}. Pure: the hash comes in as a function.
 *
 *              reason     value   k   yes no   sequence, time     terms       nonce
 *   PENDING    none       -       k   tally    the batch's        with locks  the asker's
 *   DECIDED    none       yes     k   tally    deciding           with locks  -
 *   ABORTED    vetoed     -       k   tally    deciding           with locks  -
 *              split      -       k   tally    deciding           with locks  -
 *              deadline   -       k   0  0     0, deadline        with locks  -
 *   UNKNOWN    none       -       0   0  0     the batch's        -           the asker's
 *   FORGOTTEN  none       -       0   0  0     0, 0               -           -
 *
 * In an open instance k is 1 and the tally is 0 0.
 */
#ifndef AP_OUTCOME_H
#define AP_OUTCOME_H

#include "libproto/codec.h"
#include "libproto/kinds.h"

#define AP_OUTCOME_VERSION 1

enum ap_outcome_status {
	AP_STATUS_PENDING = 1,
	AP_STATUS_DECIDED = 2,
	AP_STATUS_ABORTED = 3,
	AP_STATUS_UNKNOWN = 4,
	AP_STATUS_FORGOTTEN = 5,
};

enum ap_outcome_reason {
	AP_REASON_NONE = 0,
	AP_REASON_VETOED = 1,
	AP_REASON_SPLIT = 2,
	AP_REASON_DEADLINE = 3,
};

/* "decided", "vetoed"; "?" for a number that is none. Never NULL. */
const char *ap_status_name(unsigned status);
const char *ap_reason_name(unsigned reason);

/* DECIDED and ABORTED: never contradicted by a later answer. */
bool ap_outcome_is_final(const ap_outcome *outcome);

/* Do both say the same? Nonces do not count. */
bool ap_outcome_is_same(const ap_outcome *a, const ap_outcome *b);

/* Why no correct network gives this outcome for this instance (see the table); NULL if one may. */
const char *ap_outcome_check(const ap_outcome *outcome, const uint8_t id[AP_ID_LEN]);

/* Leaf hash over T("agree1-leaf") ‖ id ‖ outcome. False: the outcome cannot be encoded. */
bool ap_outcome_leaf(ap_sha256_fn *sha256, uint8_t leaf[32], const uint8_t id[AP_ID_LEN],
		     const ap_outcome *outcome);

#endif
