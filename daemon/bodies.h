/*
 * Octets of bundles and batches while the core works on them, found by digest. The core (pbft.h) knows
 * digests only; a body comes with a message or from the own relay and leaves with PBFT_DROP_*.
 */
#ifndef DAEMON_BODIES_H
#define DAEMON_BODIES_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/pbft/pbft.h"

struct bodies;

struct body { /* of a bundle: protocol.def `bundle`, encoded; of a batch: `batch`, encoded */
	uint8_t digest[32];
	size_t len;
	const uint8_t *octets;         /* owned by the store */
	const struct pbft_batch *refs; /* batches only: digests and numbers of its bundles */
};

struct bodies *bodies_new(size_t octets_max); /* NULL: no memory */
void bodies_free(struct bodies *);

/* Copies; a digest that is there already gets one more holder. 0, or AGREE_ENOMEM, AGREE_EORDER at octets_max. */
int bodies_put(struct bodies *, const uint8_t digest[32], const uint8_t *octets, size_t len, const struct pbft_batch *refs);
const struct body *bodies_find(const struct bodies *, const uint8_t digest[32]); /* may be NULL */
void bodies_drop(struct bodies *, const uint8_t digest[32]); /* gives up one hold; forgotten with the last */
size_t bodies_octets(const struct bodies *);

#endif
