/*
 * Undecided instances: registered, not final, with their descriptors and the votes that counted.
 * draft {#undecided}, {#capacity}. The memory for as many as the network allows is there from the
 * start, and none of it is touched before it is used.
 *
 * An instance takes MACHINE_INSTANCE octets or less, and its cells 128 each.
 */
#ifndef DAEMON_MACHINE_INSTANCES_H
#define DAEMON_MACHINE_INSTANCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/machine/ids.h"
#include "daemon/machine/tally.h"
#include "libproto/codec.h"

enum {
	MACHINE_CELLS_EACH = 4, /* for each of the instances that a relay may have */
	MACHINE_CELL = 124,	       /* octets in one */
	/* What one batch registers and ends, beyond that: machine_refill() sees it in this order.
	 */
	MACHINE_UNDECIDED_SPARE = AP_BATCH_REQUESTS_MAX,
	MACHINE_CELLS_SPARE = AP_BATCH_OCTETS_MAX / MACHINE_CELL +
			      AP_BATCH_REQUESTS_MAX * (1 + 32 * AP_PARTIES_MAX / MACHINE_CELL + 1),
	MACHINE_INSTANCE = 144,
};

struct machine_instance {
	uint8_t id[AP_ID_LEN];
	uint8_t relay; /* whose share it fills */
	uint8_t k, parties;
	bool fixed, locks;		/* the terms fix the value; a party votes with secrets */
	uint8_t n_values;		/* different ones proposed, where they do not */
	uint16_t len, n_cells;		/* octets of the descriptor; cells */
	uint32_t cell;			/* first one */
	uint32_t yes, no;		/* bit i: party i has approved, vetoed */
	uint32_t older, newer;		/* by registration */
	uint64_t registered;		/* sequence */
	uint8_t choice[AP_PARTIES_MAX]; /* index of its value, of each party in yes */
};

struct machine_cell {
	uint32_t next;
	uint8_t octets[MACHINE_CELL];
};

struct machine_instances {
	uint32_t share;		   /* instances that each relay may have */
	uint32_t n_slots, n_cells; /* memory for */
	uint32_t count;
	uint32_t used[AP_REPLICAS_MAX], cells_used[AP_REPLICAS_MAX]; /* of relay id - 1 */
	struct machine_instance *at;
	struct machine_cell *cells;
	struct machine_ids ids;
	struct machine_ids_node *nodes;
	uint32_t free, touched;		   /* slots: a list by newer, and those behind */
	uint32_t free_cell, touched_cells; /* likewise */
	uint32_t oldest, newest;
	uint64_t due_s; /* deadline of the first; UINT64_MAX: there is none */
};

/* share: what each of n relays may have of the network's capacity. */
size_t machine_instances_size(uint8_t n, uint64_t share);
void machine_instances_init(struct machine_instances *s, void *memory, uint8_t n, uint64_t share);
/* None left. */
void machine_instances_clear(struct machine_instances *s);

/* NULL: not here. Valid until it is removed. */
struct machine_instance *machine_instances_find(const struct machine_instances *s,
						const uint8_t id[AP_ID_LEN]);
/* The one that is due first, and the one that was registered first; NULL: none. */
struct machine_instance *machine_instances_first(const struct machine_instances *s);
const struct machine_instance *machine_instances_oldest(const struct machine_instances *s);

/* Has this relay room for one more, with such terms in a descriptor of `len` octets? */
bool machine_instances_room(const struct machine_instances *s, uint8_t relay, const ap_terms *terms,
			    size_t len);
/* Room for the spare ones is there in any case: NULL if that is used up too. */
struct machine_instance *machine_instances_add(struct machine_instances *s,
					       const uint8_t id[AP_ID_LEN], uint8_t relay,
					       uint64_t seq, const ap_terms *terms,
					       ap_bytes descriptor);
void machine_instances_remove(struct machine_instances *s, struct machine_instance *it);

/* Copies the encoded descriptor; its length. */
size_t machine_instances_descriptor(const struct machine_instances *s,
				    const struct machine_instance *it,
				    uint8_t out[AP_MAX_descriptor]);

/*
 * Counts a party's vote if it is its first; false if not. Values are compared by their hash, which
 * is what is kept of them: the one that decides is that of the vote which decides. *verdict as of
 * machine_tally_judge() behind it.
 */
bool machine_instances_vote(struct machine_instances *s, struct machine_instance *it,
			    ap_sha256_fn *sha256, uint8_t party, bool approve, ap_value value,
			    struct machine_verdict *verdict);

#endif
