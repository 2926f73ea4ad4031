/* Inside the merge: merge.c (tables, thread, lookups) and merge_history.c (history and chunks). */
#ifndef DAEMON_MERGE_PRIV_H
#define DAEMON_MERGE_PRIV_H

#include <pthread.h>

#include "daemon/merge_format.h"

/* What is large lies under its sequence, so it is written once, at the end; only the small entries
 * by id touch pages all over the table. */
enum table { INDEX, LEAVES, TREES, BLOCKS, META, HISTORY, CHUNKS, TABLES };

struct merge {
	struct kv *kv;
	struct kv_txn *reader;
	struct kv_txn *scrubber; /* the thread's */
	unsigned reading; /* depth */
	char error[DISK_ERROR_MAX], damage[DISK_ERROR_MAX];
	int event_fd;
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	/* under the lock: */
	struct merge_job *job, *ended;
	int ended_status;
	bool stop;
	/* the loop's: */
	bool busy;
};

void merge_put_block(struct kv_txn *, const struct merge_block *);

/* Way of a merged outcome's leaf; false: not there, or not what it should be. */
bool merge_path(struct kv_txn *, const struct merged_outcome *, size_t n_leaves, ap_path *path);
/* As merge_section(), in a transaction. */
bool merge_section_at(struct kv_txn *, uint64_t size, uint64_t section, uint8_t leaves[][32], size_t *n,
		      uint8_t path[][32], size_t *n_path);

/* ---- merge_history.c, in the thread ---- */

/* Leaf hashes, nodes and chunks of what a merge brings. false: no memory. */
bool history_merge(struct kv_txn *, const struct merge_job *);
/* Chunks and nodes that nobody asks for any more: batches up to `last` are forgotten. */
void history_purge(struct kv_txn *, uint64_t last, unsigned max);
void history_absorb(struct kv_txn *, const struct absorb *);

#endif
