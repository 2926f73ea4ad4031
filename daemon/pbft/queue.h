/*
 * Bundles that wait for a batch at the primary: in the order of their counters for each relay, and
 * the relays take turns, so that none can push another's aside (draft {#bundles}). Knows no slot and no view.
 */
#ifndef DAEMON_PBFT_QUEUE_H
#define DAEMON_PBFT_QUEUE_H

#include "daemon/pbft/pbft.h"

struct pbft_line { /* of one relay */
	struct pbft_bundle bundles[PBFT_OWN_MAX];
	uint32_t head, count;
};

struct pbft_queue {
	struct pbft_line lines[AP_REPLICAS_MAX];
	uint8_t turn; /* whose line comes first in the next batch: identifier - 1 */
	uint32_t bundles, requests;
	uint64_t octets;
};

bool pbft_queue_has(const struct pbft_queue *, const struct pbft_bundle *);
/* false: the relay's line is full. The relay must be a member's identifier. */
bool pbft_queue_push(struct pbft_queue *, const struct pbft_bundle *);
/* First in the line of a relay; NULL: nobody waits. Good until the next call. */
const struct pbft_bundle *pbft_queue_first(const struct pbft_queue *, uint8_t relay);
/* Takes away what pbft_queue_first() gave. */
void pbft_queue_pop(struct pbft_queue *, uint8_t relay);

#endif
