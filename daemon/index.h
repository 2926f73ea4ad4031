/*
 * Outcomes and what proves them: blocks of executed batches in memory, merged into LMDB behind each stable
 * checkpoint by a thread; behind daemon/machine/store.h. (DESIGN section 5, "Durable before sent".)
 *
 * A block is what execution of a batch with leaves left: tree, statement, final outcomes, and the group
 * signature once it is there. The order of calls for batch s is index_begin(s), machine_apply() (which finds
 * and puts), index_end(result); at a checkpoint index_snapshot(); when it is stable index_stable().
 * All calls are the event loop's; only the merge runs elsewhere.
 */
#ifndef DAEMON_INDEX_H
#define DAEMON_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/machine/machine.h"
#include "libproto/codec.h"
#include "libproto/statement.h"

struct index;

struct index_block {
	uint64_t seq;
	struct ap_statement statement; /* what the group signs */
	bool trial;                    /* the formation's trial statement, without leaves */
	uint16_t count;
	const uint8_t (*nodes)[32];    /* tree of `count` leaves, merkle.h's layout */
	bool has_sig;
	uint8_t sig[64];
};

/* Opens DIR/store (created 0700). *err, a sentence, is set if the result is not 0. */
int index_open(struct index **, const char *dir, const uint8_t genesis[32], size_t map_octets, const char **err);
void index_close(struct index *);
const char *index_error(const struct index *); /* first failed write: the process must stop; NULL: none */

/* What is merged: the snapshot of the machine after `seq` (0: nothing yet). Borrowed until the first merge. */
uint64_t index_merged(const struct index *, const uint8_t **snapshot, size_t *len);

void index_store(struct index *, struct machine_store *out);
void index_begin(struct index *, uint64_t seq);
int index_end(struct index *, const struct machine_result *, const uint8_t genesis[32]); /* 0 or AGREE_ENOMEM */

/* The block of seq, or NULL: had no leaves, merged, forgotten. Valid until the next index_* call that may merge. */
const struct index_block *index_block(const struct index *, uint64_t seq);
void index_signed(struct index *, uint64_t seq, const uint8_t sig[64]); /* verified; the first stays */
bool index_signature(struct index *, uint64_t seq, uint32_t *epoch, uint8_t sig[64]); /* merged ones too */

/* The record that answers for id. out->outcome.value borrows until the next call.
 * 1: final and signed; 0: final, but its signature is missing; AGREE_ENOENT: not final here; other AGREE_E*: damage. */
int index_answer(struct index *, const uint8_t id[AP_ID_LEN], ap_agree *out, uint64_t *unsigned_seq);

int index_snapshot(struct index *, uint64_t seq, const uint8_t *octets, size_t len); /* copies */
void index_stable(struct index *, uint64_t seq, uint64_t floor_ms);                  /* starts a merge, purges D <= floor */
int index_fd(const struct index *);                                                  /* readable: a merge ended: */
void index_poll(struct index *);

struct index_info {
	uint64_t merged_seq, in_memory, blocks, store_octets;
};
void index_info(const struct index *, struct index_info *);

#endif
