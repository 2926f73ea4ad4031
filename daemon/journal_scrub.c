/*
 * Reading the journal once more while it is written: each segment's header against what is known of
 * it, every durable record against its sums and the chain, and that the next segment begins where
 * this one ends. Closed segments are dropped from the page cache before, so that it is the disk
 * that is read.
 */
#include "config.h"
#include "daemon/journal_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct look { /* at a segment */
	struct journal_segment segment;
	struct journal_head next; /* number 0: it is the one that is written to */
	uint32_t end;		  /* records are durable up to here */
	char path[DISK_PATH_MAX];
	int fd;
};

/* The segment at hand, or the first one behind it that is still there; false: there is none. */
static bool find(struct journal *j, uint64_t number, struct look *l)
{
	size_t i = 0;

	memset(l, 0, sizeof(*l));
	l->fd = -1;
	(void)pthread_mutex_lock(&j->lock);
	while (i < j->n_segments && j->segments[i].head.number < number)
		i++;
	if (i < j->n_segments) {
		l->segment = j->segments[i];
		l->end = i + 1 < j->n_segments ? l->segment.head.size : j->durable_at;
	}
	if (i + 1 < j->n_segments)
		l->next = j->segments[i + 1].head;
	(void)pthread_mutex_unlock(&j->lock);
	journal_path(j, l->segment.head.number, l->path);
	return l->segment.head.number != 0;
}

static int damage(struct journal_scrub *s, const struct look *l, uint64_t at, const char *what,
		  struct disk_error *why)
{
	s->highest = l->segment.highest;
	return disk_say(why, DISK_EDAMAGED, "%s, offset %" PRIu64 ": %s", l->path, at, what);
}

/* Whole, or it is damage: what is asked for was durable once. */
static int read_whole(struct journal_scrub *s, const struct look *l, uint8_t *to, size_t n,
		      uint64_t at, struct disk_error *why)
{
	s->octets += n;
	while (n > 0) {
		ssize_t got = pread(l->fd, to, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return damage(s, l, at, "it cannot be read", why);
		if (got == 0)
			return damage(s, l, at, "the file ends before it", why);
		to += got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

static int begin(struct journal_scrub *s, const struct look *l, struct disk_error *why)
{
	uint8_t octets[JOURNAL_HEAD];
	struct journal_head head;
	int r = read_whole(s, l, octets, sizeof(octets), 0, why);

	if (r != 0)
		return r;
	if (l->segment.is_damaged || journal_head_get(octets, &head) != 0 ||
	    memcmp(&head, &l->segment.head, sizeof(head)) != 0)
		return damage(s, l, 0, "its header is not what it was", why);
	s->number = head.number;
	s->at = JOURNAL_START;
	s->record = head.first;
	s->chain = head.chain;
	return 0;
}

/* One record; *is_end: none stands here any more. */
static int record(struct journal_scrub *s, const struct look *l, bool *is_end,
		  struct disk_error *why)
{
	const struct journal_head *head = &l->segment.head;
	uint8_t octets[JOURNAL_REC], *payload;
	struct journal_rec rec;
	size_t n;
	int r;

	*is_end = l->end - s->at < JOURNAL_REC;
	if (*is_end)
		return 0;
	r = read_whole(s, l, octets, sizeof(octets), s->at, why);
	if (r != 0)
		return r;
	if (!journal_rec_get(octets, &rec, head->key, head->size) || rec.number != s->record ||
	    rec.prev != s->chain || journal_rec_size(rec.length) > l->end - s->at) {
		*is_end = journal_is_zero(octets, sizeof(octets)) && l->next.number != 0;
		return *is_end ? 0 : damage(s, l, s->at, "a record is damaged", why);
	}
	n = journal_rec_size(rec.length) - JOURNAL_REC;
	payload = malloc(n + 1);
	if (payload == NULL)
		return disk_fail(why, "cannot read", l->path, ENOMEM);
	r = read_whole(s, l, payload, n, s->at + JOURNAL_REC, why);
	if (r == 0 && (rec.payload_sum != disk_sum(head->key, payload, rec.length) ||
		       !journal_is_zero(payload + rec.length, n - rec.length)))
		r = damage(s, l, s->at, "a record's payload is damaged", why);
	free(payload);
	s->record++;
	s->chain = rec.sum;
	s->at += (uint32_t)journal_rec_size(rec.length);
	return r;
}

static int walk(struct journal_scrub *s, const struct look *l, uint64_t budget,
		struct disk_error *why)
{
	bool is_end = false;
	int r = s->at == 0 ? begin(s, l, why) : 0;

	while (r == 0 && !is_end && s->octets < budget)
		r = record(s, l, &is_end, why);
	if (r != 0 || !is_end)
		return r;
	if (l->next.number != 0 && (l->next.number != s->number + 1 || l->next.first != s->record ||
				    l->next.chain != s->chain))
		r = damage(s, l, s->at, "the next segment does not begin where this one ends", why);
	s->number++;
	s->at = 0;
	s->is_done = l->next.number == 0;
	return r;
}

/* Was it deleted meanwhile? */
static bool is_gone(struct journal *j, uint64_t number)
{
	struct look l;

	return !find(j, number, &l) || l.segment.head.number != number;
}

int journal_scrub(struct journal *j, struct journal_scrub *s, uint64_t budget,
		  struct disk_error *why)
{
	struct look l;
	int r;

	why->text[0] = '\0';
	s->octets = 0;
	if (!find(j, s->number, &l)) {
		s->is_done = true;
		return 0;
	}
	if (l.segment.head.number != s->number)
		s->at = 0; /* the one that was read is trimmed */
	s->number = l.segment.head.number;
	l.fd = open(l.path, O_RDONLY | O_CLOEXEC);
	if (l.fd >= 0 && s->at == 0 && l.next.number != 0)
		(void)posix_fadvise(l.fd, 0, 0, POSIX_FADV_DONTNEED);
	r = l.fd < 0 ? damage(s, &l, 0, "it cannot be opened", why) : walk(s, &l, budget, why);
	if (l.fd >= 0)
		(void)close(l.fd);
	if (r == DISK_EDAMAGED && is_gone(j, l.segment.head.number)) {
		why->text[0] = '\0';
		r = 0;
	} else if (r == DISK_EDAMAGED) { /* and on behind it */
		s->is_done = l.next.number == 0;
		s->number = l.segment.head.number + 1;
		s->at = 0;
	}
	return r;
}

uint64_t journal_octets(struct journal *j)
{
	uint64_t n = 0;

	(void)pthread_mutex_lock(&j->lock);
	for (size_t i = 0; i + 1 < j->n_segments; i++)
		n += j->segments[i].head.size;
	n += j->durable_at;
	(void)pthread_mutex_unlock(&j->lock);
	return n;
}
