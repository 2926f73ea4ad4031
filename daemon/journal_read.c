/*
 * Reading back by sequence: a table of the highest sequences for each indexed type, where the place
 * of a record is the low bits of its sequence; and the record itself from disk, checked.
 */
#include "config.h"
#include "daemon/journal_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* The newest record of a sequence is found; a sequence that the table has moved past is not. */
void journal_index(struct journal *j, const struct journal_rec *rec, uint64_t segment, uint32_t at)
{
	uint8_t which = j->index_of[rec->type];
	struct journal_slot *slot;

	if (which == 0 || segment > UINT32_MAX)
		return;
	slot = &j->index[which - 1][rec->seq & (j->options.index_slots - 1)];
	if (slot->at != 0 && slot->seq > rec->seq)
		return;
	slot->seq = rec->seq;
	slot->segment = (uint32_t)segment;
	slot->at = at;
}

static int by_number(const void *number, const void *segment)
{
	uint64_t a = *(const uint64_t *)number;
	uint64_t b = ((const struct journal_segment *)segment)->head.number;

	return a < b ? -1 : a > b;
}

/* Where the record is, and how its segment's sums are made. */
static bool look_up(struct journal *j, uint64_t seq, uint8_t type, struct journal_slot *slot,
		    struct journal_head *head)
{
	const struct journal_segment *segment = NULL;
	uint64_t number;

	if (type > JOURNAL_TYPE_MAX || j->index_of[type] == 0)
		return false;
	(void)pthread_mutex_lock(&j->lock);
	*slot = j->index[j->index_of[type] - 1][seq & (j->options.index_slots - 1)];
	number = slot->segment;
	if (slot->at != 0 && slot->seq == seq && j->n_segments > 0)
		segment = bsearch(&number, j->segments, j->n_segments, sizeof(*segment), by_number);
	if (segment != NULL)
		*head = segment->head;
	(void)pthread_mutex_unlock(&j->lock);
	return segment != NULL;
}

/* Opens the segment and reads the record's header; the descriptor is the caller's. */
static int read_header(struct journal *j, uint64_t seq, uint8_t type, struct journal_rec *rec,
		       struct journal_slot *slot, struct journal_head *head)
{
	char path[DISK_PATH_MAX];
	uint8_t octets[JOURNAL_REC];
	ssize_t n;
	int fd;

	if (!look_up(j, seq, type, slot, head))
		return DISK_ENOTFOUND;
	journal_path(j, slot->segment, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? DISK_ENOTFOUND : DISK_ESYSTEM;
	n = pread(fd, octets, sizeof(octets), (off_t)slot->at);
	if (n == (ssize_t)sizeof(octets) && journal_rec_get(octets, rec, head->key, head->size) &&
	    rec->seq == seq && rec->type == type)
		return fd;
	(void)close(fd);
	return n < 0 ? DISK_ESYSTEM : DISK_EDAMAGED;
}

int journal_find(struct journal *j, uint64_t seq, uint8_t type)
{
	struct journal_slot slot;
	struct journal_head head;
	struct journal_rec rec;
	int fd = read_header(j, seq, type, &rec, &slot, &head);

	if (fd < 0)
		return fd;
	(void)close(fd);
	return (int)rec.length;
}

int journal_read(struct journal *j, uint64_t seq, uint8_t type, void *buf, size_t cap)
{
	struct journal_slot slot;
	struct journal_head head;
	struct journal_rec rec;
	int fd = read_header(j, seq, type, &rec, &slot, &head);
	ssize_t n;
	int r;

	if (fd < 0)
		return fd;
	if (rec.length > cap) {
		r = DISK_ETOOBIG;
	} else {
		n = pread(fd, buf, rec.length, (off_t)slot.at + JOURNAL_REC);
		r = n < 0 ? DISK_ESYSTEM : DISK_EDAMAGED;
		if (n == (ssize_t)rec.length &&
		    rec.payload_sum == disk_sum(head.key, buf, rec.length))
			r = (int)rec.length;
	}
	(void)close(fd);
	return r;
}
