/*
 * What the journal's own files share: journal.c (the caller's side), journal_read.c (reading back),
 * journal_scan.c (the start), journal_write.c (the writer thread), journal_keep.c (the thread that
 * prepares and deletes segments), journal_scrub.c (reading once more). For nobody else.
 *
 * Where a record goes is planned when it is appended, so that the writer thread never waits for a
 * segment: `plan` runs ahead of the writer, through the current segment and, once that is there,
 * into the prepared one. The writer takes the same way, since it makes the same comparison.
 */
#ifndef DAEMON_JOURNAL_PRIV_H
#define DAEMON_JOURNAL_PRIV_H

#include "daemon/journal_format.h"
#include <pthread.h>
#include <stdatomic.h>

#define JOURNAL_PAGE                                                                               \
	4096		/* octets of a page of the cache; a buffer has so many more than it holds */
#define JOURNAL_NAME 32 /* octets for a file name in the directory, with '/' and NUL */

struct journal_segment {
	struct journal_head head; /* number is always filled */
	uint64_t highest;	  /* sequence of all records in it and before it */
	bool is_damaged;	  /* its header cannot be used */
};

struct journal_buffer {
	uint8_t *octets; /* records as on disk, headers without what the writer fills in */
	size_t used;
	uint64_t first_token; /* of the first record; the others follow */
	bool is_urgent;	      /* somebody waits for it */
};

/* Where the newest record of a sequence is; at == 0: none. */
struct journal_slot {
	uint64_t seq;
	uint32_t segment;
	uint32_t at;
};
_Static_assert(sizeof(struct journal_slot) == 16, "the index is 16 octets a record");

struct journal {
	/* constant after journal_open() */
	char dir[DISK_PATH_MAX - JOURNAL_NAME];
	struct journal_options options;
	struct journal_ops ops;
	int lock_fd, event_fd;
	uint8_t index_of[JOURNAL_TYPE_MAX + 1]; /* type to index + 1; 0: not indexed */
	bool has_threads;
	pthread_t writer, keeper;

	atomic_uint_least64_t done;
	atomic_bool has_failed, is_stopping;
	struct disk_error error; /* written once, before has_failed */

	pthread_mutex_t lock; /* for all down to `fd` */
	pthread_cond_t work;  /* for the writer */
	pthread_cond_t keep;  /* for the keeper */
	pthread_cond_t idle;  /* for journal_flush() */
	struct journal_buffer buffers[2];
	unsigned filling; /* index of the buffer that the caller fills; the other is the writer's */
	uint64_t token;
	bool is_flushing;
	bool is_parked;	 /* the writer sleeps without a time limit */
	bool is_starved; /* an append was refused for want of a segment */
	bool is_short;	 /* the disk refused room for the next segment */
	bool has_next;	 /* journal-next is ready, next_fd is open */
	bool has_ahead;	 /* ... and nothing is planned into it yet */
	int next_fd;
	uint32_t next_size;
	uint32_t plan_at, plan_size;
	struct journal_segment *segments; /* ascending; the last one is written to */
	size_t n_segments, cap_segments;
	uint64_t trim_below;
	uint64_t highest;	       /* sequence of all durable records */
	uint32_t durable_at;	       /* end of the durable records in the last segment */
	struct journal_place last;     /* durable */
	struct journal_place expected; /* at the start */
	struct journal_slot *index[JOURNAL_INDEXED_MAX];

	/* the writer's own, once it runs */
	int fd;
	int direct_fd;	  /* the same segment, O_DIRECT; -1: none */
	uint8_t *pages;	  /* what it writes; begins with what the page at `at` has already */
	uint64_t current; /* number of the segment that it writes to */
	uint8_t key[DISK_SUM_KEY];
	uint32_t at, size, marked_at;
	uint64_t number; /* of the next record */
	uint64_t chain;	 /* sum of the last one */
	uint64_t written_highest;
};

/* journal.c */
void journal_path(const struct journal *j, uint64_t number, char path[DISK_PATH_MAX]);
void journal_next_path(const struct journal *j, char path[DISK_PATH_MAX]);
void journal_wake(struct journal *j);
void journal_fail(struct journal *j, const struct disk_error *why);
int journal_add_segment(struct journal *j, const struct journal_head *head);
int journal_start(struct journal *j, struct disk_error *why);
void journal_wait(struct journal *j, pthread_cond_t *cond, unsigned ms, bool *is_late);

static inline bool journal_is_past_quarter(const struct journal *j)
{
	return j->plan_at - JOURNAL_START > (j->plan_size - JOURNAL_START) / 4;
}

/* journal_read.c */
void journal_index(struct journal *j, const struct journal_rec *rec, uint64_t segment, uint32_t at);

/* journal_scan.c */
int journal_list(struct journal *j, struct disk_error *why);

/* journal_write.c: all n octets, or an error in `why`, told with the path. */
int journal_put(struct journal *j, int fd, const void *octets, size_t n, uint64_t at,
		const char *path, struct disk_error *why);
int journal_sync(struct journal *j, int fd, const char *path, struct disk_error *why);
int journal_mark(struct journal *j, struct disk_error *why);
int journal_rotate(struct journal *j, struct disk_error *why);
void *journal_writer(void *arg);

/* journal_direct.c: 0, or -1 without memory. Begin: `at` of the segment `current` is where it goes
 * on. */
int journal_direct_new(struct journal *j);
void journal_direct_begin(struct journal *j);
void journal_direct_end(struct journal *j);
/* A whole group at `at`: 1, 0 if it is to be written in another way, or a failure. */
int journal_direct_put(struct journal *j, const uint8_t *octets, size_t n, const char *path,
		       struct disk_error *why);

/* journal_keep.c */
int journal_prepare(struct journal *j, struct disk_error *why);
void *journal_keeper(void *arg);

#endif
