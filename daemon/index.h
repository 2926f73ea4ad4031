/*
 * Outcomes and what proves them: blocks of executed batches in memory, merged into LMDB behind each
 * stable checkpoint by a thread; behind daemon/machine/store.h. (DESIGN section 5, "Durable before
 * sent".)
 *
 * A block is what execution of a batch with leaves left: tree, statement, final outcomes, and the
 * group signature once it is there. The order of calls for batch s is index_begin(s),
 * machine_apply() (which finds and puts), index_end(result); at a checkpoint index_snapshot(); when
 * it is stable index_stable(). All calls are the event loop's; only the merge runs elsewhere.
 */
#ifndef DAEMON_INDEX_H
#define DAEMON_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/disk.h"
#include "daemon/machine/machine.h"
#include "libproto/codec.h"
#include "libproto/statement.h"

struct index;

struct index_block {
	uint64_t seq;
	struct ap_statement statement; /* what the group signs */
	bool trial;		       /* it is the formation's trial statement; no leaves */
	uint16_t count;
	const uint8_t *nodes; /* tree of `count` leaves, ap_merkle_build()'s layout */
	bool has_sig;
	uint8_t sig[64];
};

struct index_conf {
	const char *dir; /* made if missing (0700) */
	uint8_t genesis[32];
	uint64_t horizon_ms; /* no deadline is farther from its batch's time */
	uint64_t map_octets; /* of LMDB's map at first; 0: kv.h's */
};

/* 0, or a DISK_E* with its sentence. Starts the merging thread: call after the last fork(). */
int index_open(struct index **, const struct index_conf *, struct disk_error *why);
void index_close(struct index *); /* waits for a merge under way; NULL is fine */
/* First failure that no answer may follow (write, sync, memory): the process must stop. NULL: none.
 */
const char *index_error(const struct index *);
/* What of the store was found damaged: nothing is merged any more, what was looked up without
 * success may be there, and the machine may have executed on that. index_renew() begins anew. NULL:
 * nothing. */
const char *index_damage(const struct index *);
void index_damaged(struct index *, const char *what); /* found elsewhere */

/* What is merged: the machine's snapshot after batch `seq` (0: nothing yet). Borrowed until the
 * first merge. */
uint64_t index_merged(const struct index *, const uint8_t **snapshot, size_t *len);

void index_store(struct index *, struct machine_store *out);
void index_begin(struct index *, uint64_t seq);
void index_end(struct index *, const struct machine_result *);

/* The block of seq, or NULL: nothing to sign in it, merged, forgotten. Valid until the next
 * index_poll(). */
const struct index_block *index_block(const struct index *, uint64_t seq);
/* The signature is verified; the first one stays. false: there is no such block, or it has one. */
bool index_signed(struct index *, uint64_t seq, const uint8_t sig[64]);
/* Of merged blocks too. */
bool index_signature(struct index *, uint64_t seq, uint32_t *epoch, uint8_t sig[64]);

enum index_found {
	INDEX_NONE,	/* no final outcome is stored here */
	INDEX_UNSIGNED, /* there is one, but without a signature (yet): order the question */
	INDEX_SIGNED,	/* *out is whole */
};
/* The record that answers for id. out->outcome.value borrows until the next call of index_*. *seq:
 * batch whose signature is missing (INDEX_UNSIGNED; 0: of none that is still known). */
enum index_found index_answer(struct index *, const uint8_t id[AP_ID_LEN], ap_agree *out,
			      uint64_t *seq);

/* Keeps the machine's octets after checkpoint `seq`, and its floor F there; copies. */
void index_snapshot(struct index *, uint64_t seq, uint64_t floor_ms, const uint8_t *octets,
		    size_t len);
/* Checkpoint `seq` is stable: starts the merge of everything up to there. Outcomes with D <= F go;
 * F is that of the checkpoint: a batch behind it, which a restart executes again, may have seen
 * what a later F forgets. */
void index_stable(struct index *, uint64_t seq);
/* Before index_stable(): a record that is durable in the journal, by journal_last(). What is merged
 * remembers it, so that a start with an older journal shows (draft {#rejoin}). */
struct journal_place;
void index_journal(struct index *, const struct journal_place *);
int index_fd(const struct index *);  /* an eventfd; readable: call index_poll() */
uint64_t index_poll(struct index *); /* what is merged now, see index_merged() */

/* ---- state transfer: daemon/fetch_state.c ---- */

/* What proves that checkpoint `seq` is stable, before index_stable(); copied. */
void index_proof(struct index *, uint64_t seq, const uint8_t *octets, size_t len);
struct absorb;
struct merge;
/* Takes over what was verified, to be stored in the order of the calls. */
void index_absorb(struct index *, struct absorb *);
size_t index_absorbing(const struct index *); /* not stored yet */
/* A state has been installed since the last call: its sequence, else 0. Memory is emptied: the
 * caller brings the machine there before it does anything else. If the machine has executed that
 * far by itself: 0, and nothing is emptied. */
uint64_t index_installed(struct index *, uint64_t executed);
/* Moves the store away, durably: 0 or DISK_E*: stop. Only index_renew() and index_close() may follow. */
int index_put_aside(struct index *, struct disk_error *why);
/* Moves the store away, if it is still there, and begins with an empty one. 0 or DISK_E*: stop.
 * index_fd() is another one then. */
int index_renew(struct index *, struct disk_error *why);
struct merge *index_merge(struct index *); /* for lookups of index_priv.h */

uint64_t index_octets(const struct index *); /* that the store has in use */
/* Has `errand` run in the thread that merges, while nothing is merged; what it works on is its own
 * until index_errand_ended(). false: that thread is busy. */
bool index_errand(struct index *, void (*errand)(struct merge *, void *arg), void *arg);
bool index_errand_ended(struct index *); /* once, after index_poll() */

struct index_info {
	uint64_t merged_seq, in_memory, blocks;
};
void index_info(const struct index *, struct index_info *);

#endif
