/*
 * A journal in a directory of its own, on a disk whose writes a test can hold up, let fail, and
 * record. One at a time per program, since the disk's functions have no argument of their own.
 */
#ifndef TESTS_LIB_JOURNAL_KIT_H
#define TESTS_LIB_JOURNAL_KIT_H

#include "daemon/journal.h"
#include "tests/lib/tempdir.h"
#include <stdbool.h>

#define KIT_SEEN_MAX 4096 /* records that kit_open() notes */
#define KIT_TEXT     32	  /* octets noted of each payload, final NUL included */
#define KIT_SEGMENT  16384

struct kit_seen {
	uint64_t seq;
	uint32_t length;
	uint8_t type;
	char text[KIT_TEXT];
};

struct kit {
	char top[TEMPDIR_MAX];
	char dir[TEMPDIR_MAX + 8];
	struct journal_options options;
	struct journal *j;
	struct journal_report report;
	struct disk_error why;
	struct kit_seen seen[KIT_SEEN_MAX]; /* by the last kit_open() */
	size_t n_seen;
	uint64_t from_seq;
};

/* A directory, and options for it: small segments, type 1 indexed, owner 7 7 7 ... */
struct kit *kit_new(void);
void kit_free(struct kit *kit);

/* Opens and replays. kit_open: stops the test unless both return 0. kit_try: what failed returned;
 * the journal is closed then, kit->why has the sentence. */
void kit_open(struct kit *kit);
int kit_try(struct kit *kit);
void kit_close(struct kit *kit);

/* Appends a text and returns its token; kit_put waits until it is durable. */
uint64_t kit_append(struct kit *kit, uint8_t type, uint64_t seq, const char *text);
void kit_put(struct kit *kit, uint8_t type, uint64_t seq, const char *text);

/* Waits for the eventfd until the token is durable; false once the journal has failed. */
bool kit_wait(struct kit *kit, uint64_t token);

/* Waits until the eventfd tells something, and takes it. */
void kit_wait_event(struct kit *kit);

/* The path of a segment; its octets are read and written with tempdir_load(), tempdir_store(). */
void kit_path(const struct kit *kit, unsigned segment, char path[TEMPDIR_MAX + 64]);

/* Takes the mark out of a segment's octets, as if power had failed before it was written. */
void kit_unmark(uint8_t *segment);

/* The disk. kit_new() sets all back. */
struct kit_disk {
	int write_error; /* errno of the next pwrite; 0: it works */
	int sync_error;	 /* errno of the next fdatasync */
	int room_error;	 /* what every fallocate returns */
	bool is_short;	 /* a pwrite of more than 8 octets writes half of them */
	bool is_held;	 /* an fdatasync waits for kit_release() */
	/* Called after a pwrite has been done, and after an fdatasync. */
	void (*on_write)(const void *octets, size_t n, off_t at);
	void (*on_sync)(void);
};
extern struct kit_disk kit_disk;

unsigned kit_syncs(void);	    /* how many have been begun */
void kit_wait_sync(unsigned count); /* waits until that many have been begun */
void kit_release(void);		    /* lets the held ones go, and holds no more */

#endif
