/* Inside the index: index.c (memory, the event loop's) and merge.c (LMDB; its thread's and its
 * readers). */
#ifndef DAEMON_INDEX_PRIV_H
#define DAEMON_INDEX_PRIV_H

#include "daemon/index.h"
#include "daemon/journal.h"
#include "daemon/kv.h"
#include "daemon/transfer/transfer.h"

struct block {
	struct index_block pub;
	uint8_t *nodes;	  /* what pub.nodes shows */
	uint32_t entries; /* that point here */
	uint32_t merges;  /* survived, for want of a signature */
};

/* A final outcome in memory: fresh, or one of LMDB's that has a newer leaf. */
struct entry {
	uint8_t id[AP_ID_LEN];
	uint8_t relay;
	bool merged;	     /* LMDB has it, with its first leaf or a later one */
	uint16_t first;	     /* leaf in the deciding batch, with which it became final */
	uint16_t leaf;	     /* in the block */
	struct block *block; /* of its newest unsigned leaf, or its first signed one */
	uint64_t sequence;   /* deciding */
	ap_outcome outcome;  /* value points behind */
	uint8_t value[];
};

/* What a merge takes along, fixed when it starts: the thread looks at nothing that the loop may
 * change. */
struct merge_item {
	const struct entry *entry;
	const struct block *block; /* NULL: its leaf lies behind the checkpoint: no proof yet */
	uint16_t leaf;
	uint8_t place[10]; /* the thread's: key in the store */
};
struct merge_block {
	uint64_t seq;
	const struct block *block;
	bool has_sig;
	bool is_first; /* not merged before */
	uint8_t sig[64];
};
/* The history's leaf of a batch: draft {#state}. */
struct merge_leaf {
	uint8_t hash[32];
	uint64_t time_ms;
	uint8_t *changes; /* behind the outcomes in its chunk; NULL: none. Owned. */
	size_t changes_len;
};
/* Frees what n of them own. */
void merge_leaves_clear(struct merge_leaf *, size_t n);

/* What was transferred, verified: daemon/fetch_state.c makes it. One transaction. */
struct absorb_chunk {
	uint64_t seq, time_ms;
	ap_bytes outcomes; /* and changes, as in the history; borrows from absorb.octets */
	size_t n;	   /* outcomes */
	bool proven;	   /* the rest is there: */
	struct ap_statement statement;
	uint8_t sig[64];
	uint16_t *leaf; /* n: place of each outcome among the leaves */
	uint8_t *nodes; /* the tree */
};
struct absorb {
	struct absorb *next;
	struct absorb_chunk *chunks;
	size_t n_chunks;
	uint8_t *octets;
	size_t len;
	/* or a whole section of the history, with its way up */
	bool has_section;
	uint64_t section;
	uint8_t leaves[AP_SECTION_LEAVES][32];
	uint8_t path[AP_FRONTIER_MAX][32];
	unsigned n_path;
	/* or the state itself, in the job; and what is left of the tree: */
	bool installs;
	struct ap_frontier frontier;
	struct merge_job *job; /* of an installation: it has seq, snapshot, proof */
};
void absorb_free(struct absorb *); /* and those behind it */

/* Something else to be done in the thread, while nothing is merged. */
struct merge;
typedef void merge_errand(struct merge *, void *arg);

struct merge_job {
	merge_errand *errand; /* alone: nothing else is looked at */
	void *arg;
	struct absorb *absorb; /* NULL: a merge */
	uint8_t *proof;	       /* of the checkpoint, as RECORD_STABLE has it; may be NULL */
	size_t proof_len;
	struct merge_leaf *tail; /* of the n_tail batches up to seq */
	size_t n_tail;
	struct journal_place journal; /* a record that is durable in it */
	uint64_t seq, floor_ms;
	struct merge_item *items;
	size_t n_items;
	struct merge_block *blocks;
	size_t n_blocks;
	uint8_t *snapshot;
	size_t snapshot_len;
	uint64_t horizon_ms;
};
void merge_job_free(struct merge_job *);

/* ---- merge_scrub.c: in the thread ---- */

/* Where a pass through the store is: all zero but for the horizon at its beginning. */
struct merge_scrub {
	uint64_t horizon_ms;
	unsigned table; /* its sums are looked at */
	struct kv_scan scan;
	bool has_state, is_referring;
	uint64_t seq;	  /* the next chunk, downwards */
	uint64_t time_ms; /* of the one above it */
	bool is_done;
	uint64_t octets;	     /* of the last piece */
	char damage[DISK_ERROR_MAX]; /* what is wrong; empty: nothing */
};
/* The next piece, of about `budget` octets. */
void merge_scrub(struct merge *, struct merge_scrub *, uint64_t budget);

int merge_open(struct merge **, const struct index_conf *, struct disk_error *why);
void merge_close(struct merge *);
const char *merge_error(const struct merge *);
/* The store gave back something else than was written to it. NULL: it did not. */
const char *merge_damage(const struct merge *);
void merge_damaged(struct merge *, const char *what); /* merge_damage() says so from here on */
int merge_fd(const struct merge *);
/* Takes the job over if none is running; false: it stays the caller's. */
bool merge_start(struct merge *, struct merge_job *);
bool merge_busy(const struct merge *);
uint64_t merge_octets(const struct merge *); /* in use */
/* The job that has ended, given back, or NULL. One that did not fit the map is started again by
 * itself. */
struct merge_job *merge_ended(struct merge *);

/* Lookups of the event loop; between merge_read_begin and _end all see one state. */
void merge_read_begin(struct merge *);
void merge_read_end(struct merge *);

struct merged_outcome {
	uint8_t relay;
	uint64_t block; /* 0: no leaf of it is known */
	uint16_t leaf;
	ap_outcome outcome; /* borrows until merge_read_end() */
};
struct merged_block {
	struct ap_statement statement;
	bool has_sig;
	uint8_t sig[64];
};
/* 1 found, 0 not, -1 damaged or failed: merge_damage() or merge_error() says. */
int merge_find(struct merge *, const uint8_t id[AP_ID_LEN], struct merged_outcome *out);
int merge_find_block(struct merge *, uint64_t seq, struct merged_block *out);
/* Its leaf's way to the root of its block, which has n_leaves. */
int merge_find_path(struct merge *, const struct merged_outcome *, size_t n_leaves, ap_path *path);
/* The snapshot: 1, 0 none, -1 damaged, -2 no memory. Copied, the caller frees it. */
int merge_snapshot(struct merge *, uint64_t *seq, uint8_t **octets, size_t *len);
/* What the journal had when it was merged: 1, 0 not known, -1 damaged. */
int merge_journal(struct merge *, struct journal_place *out);
/* What proves it: octets copied, 0: none. */
int merge_proof(struct merge *, uint8_t *out, size_t cap);
/* Leaves and way of a section, in a tree of `size` leaves that is no larger than what is merged;
 * false: not kept. */
bool merge_section(struct merge *, uint64_t size, uint64_t section, uint8_t leaves[][32], size_t *n,
		   uint8_t path[][32], size_t *n_path);
/* A chunk; outcomes borrow until merge_read_end(). false: it is not here. */
bool merge_chunk(struct merge *, uint64_t seq, uint64_t *time_ms, ap_bytes *outcomes);
/* Leaves of a block's tree. */
bool merge_block_leaves(struct merge *, uint64_t seq, size_t count, uint8_t leaves[][32]);
/* Moves the store away, so that the next merge_open() makes a new one. 0 or DISK_E*;
 * DISK_ENOTFOUND: there is none, as after a crash between the two, and what was moved away before
 * stays. */
int merge_put_aside(const struct index_conf *, struct disk_error *why);
/* Deletes what was moved away; false: there was nothing. */
bool merge_drop_aside(const struct index_conf *);

#endif
