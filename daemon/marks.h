/*
 * When a disk counts as nearly full, and when no longer: draft {#disk-marks}. A function of what the disk says,
 * without a disk.
 */
#ifndef DAEMON_MARKS_H
#define DAEMON_MARKS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/pbft/pbft.h"

struct marks_view { /* octets */
	uint64_t segment;      /* size of a segment of the journal */
	uint64_t journal_room; /* what can be appended without anything new of the disk */
	bool journal_short;    /* the disk has refused the next segment */
	uint64_t disk_free;    /* of the file system; the store grows into it */
};

/* From where it stands now. A mark is left only with twice the room at which it was reached, so that a disk at the
 * edge does not flap. */
enum pbft_disk marks_level(enum pbft_disk now, const struct marks_view *view);

/* So many octets of a transferred state are about to be written, in the form in which they came: the store needs some
 * times that. Above the first mark, so that what keeps the network alive has room behind it. */
bool marks_may_take(const struct marks_view *view, uint64_t octets);

/* A merge writes what it brings beside what is there: not begun with less. */
bool marks_may_merge(const struct marks_view *view);

#endif
