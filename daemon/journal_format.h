/*
 * The octets of the journal's files, as journal.h lists them: written and checked, nothing else.
 */
#ifndef DAEMON_JOURNAL_FORMAT_H
#define DAEMON_JOURNAL_FORMAT_H

#include "daemon/journal.h"
#include <stdbool.h>

enum journal_layout {
	JOURNAL_HEAD = 104,    /* octets of a segment's header */
	JOURNAL_MARK_AT = 512, /* a sector of its own: rewriting it cannot tear the header */
	JOURNAL_MARK = 16,
	JOURNAL_START = 4096, /* of the records */
	JOURNAL_REC = 56,     /* octets of a record's header */
	JOURNAL_ALIGN = 8
};

struct journal_head {
	uint64_t number; /* of the segment */
	uint64_t first;	 /* number of its first record */
	uint64_t chain;	 /* sum of the record before that */
	uint64_t before; /* highest sequence of all records in earlier segments */
	uint32_t format;
	uint32_t size;
	uint8_t owner[JOURNAL_OWNER_SIZE];
	uint8_t key[DISK_SUM_KEY];
};

struct journal_rec {
	uint64_t number;
	uint64_t seq;
	uint64_t prev;
	uint64_t payload_sum;
	uint64_t sum;
	uint32_t length;
	uint32_t group; /* offset of the first record of its group */
	uint8_t type;
};

/* Octets on disk of a record with a payload of this length. */
size_t journal_rec_size(size_t length);

/* Segment header. get: 0, DISK_EDAMAGED, or DISK_EVERSION (then only format is filled). */
void journal_head_put(uint8_t at[JOURNAL_HEAD], const struct journal_head *head);
int journal_head_get(const uint8_t at[JOURNAL_HEAD], struct journal_head *head);

/* put fills in rec->sum. get: false if it is no record of a segment of this size with this key. */
void journal_rec_put(uint8_t at[JOURNAL_REC], struct journal_rec *rec, const uint8_t *key);
bool journal_rec_get(const uint8_t at[JOURNAL_REC], struct journal_rec *rec, const uint8_t *key,
		     uint32_t segment_size);

/* get: 0 if there is no valid mark. */
void journal_mark_put(uint8_t at[JOURNAL_MARK], uint64_t durable, const uint8_t *key);
uint64_t journal_mark_get(const uint8_t at[JOURNAL_MARK], const uint8_t *key);

/* True if all n octets are zero. */
bool journal_is_zero(const uint8_t *at, size_t n);

#endif
