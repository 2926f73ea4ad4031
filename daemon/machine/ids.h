/*
 * Instance ids in order: a binary trie over their bits (a crit-bit tree), whose depth nobody can
 * drive up who cannot choose many bits of a SHA-256. Since an id begins with its deadline, the
 * first one is the next that is due. Memory is the caller's.
 */
#ifndef DAEMON_MACHINE_IDS_H
#define DAEMON_MACHINE_IDS_H

#include <stddef.h>
#include <stdint.h>

#include "libproto/limits.h"

#define MACHINE_IDS_NONE UINT32_MAX

struct machine_ids_node {
	uint32_t child[2]; /* by the bit's value; a node, or a slot with MACHINE_IDS_LEAF added */
	uint32_t bit;	   /* in which the two sides differ first; from the id's first on */
};

/* Slots are numbers below 2^31 - 1 of whoever keeps the ids. */
struct machine_ids {
	const uint8_t *at; /* of slot 0; that of slot i is i * stride octets further on */
	size_t stride;
	struct machine_ids_node *nodes; /* as many as there can be ids */
	uint32_t root, free, used;	/* free: a list by child[0]; used: nodes ever touched */
};

/* Empty; touches none of the nodes. */
void machine_ids_init(struct machine_ids *t, struct machine_ids_node *nodes, const uint8_t *at,
		      size_t stride);

/* The slot, or MACHINE_IDS_NONE. */
uint32_t machine_ids_find(const struct machine_ids *t, const uint8_t id[AP_ID_LEN]);
uint32_t machine_ids_first(const struct machine_ids *t);

/* The id is at its slot; it is not here yet. */
void machine_ids_add(struct machine_ids *t, uint32_t slot);
/* It is here; its id is still at its slot. */
void machine_ids_remove(struct machine_ids *t, uint32_t slot);

#endif
