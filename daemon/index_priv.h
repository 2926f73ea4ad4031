/* Inside the index: index.c (memory, the event loop's) and merge.c (LMDB; its thread's and its readers). */
#ifndef DAEMON_INDEX_PRIV_H
#define DAEMON_INDEX_PRIV_H

#include "daemon/index.h"
#include "daemon/kv.h"

struct block {
	struct index_block pub;
	uint8_t *nodes;   /* what pub.nodes shows */
	uint32_t entries; /* that point here */
	uint32_t merges;  /* survived, for want of a signature */
};

/* A final outcome in memory: fresh, or one of LMDB's that has a newer leaf. */
struct entry {
	uint8_t id[AP_ID_LEN];
	uint8_t relay;
	bool merged;            /* LMDB has it, with its first leaf or a later one */
	uint16_t first;         /* leaf in the deciding batch */
	uint16_t leaf;          /* in the block */
	struct block *block;    /* of its newest unsigned leaf, or its first signed one */
	uint64_t sequence;      /* deciding */
	ap_outcome outcome;     /* value points behind */
	uint8_t value[];
};

/* What a merge takes along, fixed when it starts: the thread looks at nothing that the loop may change. */
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
struct merge_job {
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

struct merge; /* the store and its thread */

int merge_open(struct merge **, const struct index_conf *, struct disk_error *why);
void merge_close(struct merge *);
const char *merge_error(const struct merge *);
int merge_fd(const struct merge *);
/* Takes the job over if none is running; false: it stays the caller's. */
bool merge_start(struct merge *, struct merge_job *);
bool merge_busy(const struct merge *);
/* The job that has ended, given back, or NULL. One that did not fit the map is started again by itself. */
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
/* 1 found, 0 not, -1 damaged or failed: merge_error() says. */
int merge_find(struct merge *, const uint8_t id[AP_ID_LEN], struct merged_outcome *out);
int merge_find_block(struct merge *, uint64_t seq, struct merged_block *out);
/* Its leaf's way to the root of its block, which has n_leaves. */
int merge_find_path(struct merge *, const struct merged_outcome *, size_t n_leaves, ap_path *path);
/* The snapshot: 1, 0 none, -1 damaged. Copied, the caller frees it. */
int merge_snapshot(struct merge *, uint64_t *seq, uint8_t **octets, size_t *len);

#endif
