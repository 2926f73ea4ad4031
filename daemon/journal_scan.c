/*
 * The journal at a start:
 *  1. journal_list: which segments are there, whose are they, are their headers whole;
 *  2. journal_replay: every record in order, checked one by one and against the chain;
 *  3. where the last segment's records end: a torn tail, or damage (journal.h says which);
 *  4. what was read is made durable again before anything is built on it;
 *  5. the threads start.
 */
#include "config.h"
#include "daemon/journal_priv.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (1u << 20) /* octets read at once where no record is looked for */

struct scan {
	struct journal *j;
	uint64_t from_seq;
	journal_visit *visit;
	void *arg;
	struct journal_report report;
	struct disk_error *why;
	char path[DISK_PATH_MAX]; /* of the segment at hand */
	int fd;
	uint8_t *octets; /* one payload with its padding, or a chunk */
	uint64_t number; /* of the record that has to come next */
	uint64_t chain;	 /* sum of the one before */
	uint32_t at;	 /* where it has to be */
	uint32_t group;	 /* where the last group began; 0: no record in this segment yet */
};

/* False: it ends before n octets. An error is told by errno; 0: there was none. */
static bool read_all(int fd, uint8_t *octets, size_t n, uint64_t at)
{
	errno = 0;
	while (n > 0) {
		ssize_t got = pread(fd, octets, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		octets += got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return true;
}

/* "journal-0000000012": 12; anything else: 0. */
static uint64_t parse_name(const char *name)
{
	static const char prefix[] = "journal-";
	uint64_t number = 0;
	const char *p;

	if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
		return 0;
	p = name + sizeof(prefix) - 1;
	if (strlen(p) < 10 || strlen(p) > 18)
		return 0;
	for (; *p != '\0'; p++) {
		if (*p < '0' || *p > '9')
			return 0;
		number = number * 10 + (uint64_t)(*p - '0');
	}
	return number;
}

static int compare_segments(const void *a, const void *b)
{
	uint64_t x = ((const struct journal_segment *)a)->head.number;
	uint64_t y = ((const struct journal_segment *)b)->head.number;

	return x < y ? -1 : x > y;
}

/* Only another owner and a newer format are refused at once; damage may turn out to lie below what
 * is needed. */
static int read_head(struct journal *j, struct journal_segment *segment, struct disk_error *why)
{
	uint64_t number = segment->head.number;
	uint8_t octets[JOURNAL_HEAD] = {0};
	char path[DISK_PATH_MAX];
	struct stat st;
	int err = 0, fd, r;

	journal_path(j, number, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return disk_fail(why, "cannot open", path, errno);
	if (fstat(fd, &st) != 0)
		err = errno;
	else if (!read_all(fd, octets, sizeof(octets), 0))
		err = errno;
	(void)close(fd);
	if (err != 0)
		return disk_fail(why, "cannot read", path, err);
	r = journal_head_get(octets, &segment->head);
	if (r == DISK_EVERSION)
		return disk_say(why, r,
				"%s: has format %" PRIu32 ", this program knows up to %d: "
				"start the newer version that wrote it",
				path, segment->head.format, JOURNAL_FORMAT);
	if (r == 0 && memcmp(segment->head.owner, j->options.owner, JOURNAL_OWNER_SIZE) != 0)
		return disk_say(why, DISK_EOWNER,
				"%s: belongs to another network (its genesis id differs): "
				"correct the data directory or the network file",
				path);
	segment->is_damaged =
		r != 0 || segment->head.number != number || st.st_size != (off_t)segment->head.size;
	segment->head.number = number;
	return 0;
}

int journal_list(struct journal *j, struct disk_error *why)
{
	DIR *dir = opendir(j->dir);
	const struct dirent *e;
	size_t i;
	int r = 0;

	if (dir == NULL)
		return disk_fail(why, "cannot list", j->dir, errno);
	while (r == 0 && (errno = 0, e = readdir(dir)) != NULL) {
		struct journal_head head = {.number = parse_name(e->d_name)};

		if (head.number != 0 && journal_add_segment(j, &head) != 0)
			r = disk_fail(why, "cannot list", j->dir, ENOMEM);
	}
	if (r == 0 && errno != 0)
		r = disk_fail(why, "cannot list", j->dir, errno);
	(void)closedir(dir);
	if (j->n_segments > 0)
		qsort(j->segments, j->n_segments, sizeof(j->segments[0]), compare_segments);
	for (i = 0; r == 0 && i < j->n_segments; i++)
		r = read_head(j, &j->segments[i], why);
	return r;
}

static int damage(struct scan *s, uint64_t at, const char *what)
{
	return disk_say(s->why, DISK_EDAMAGED,
			"%s, offset %" PRIu64 ": %s: votes may be missing, so this replica must "
			"not vote from this directory: look into the kernel log for disk errors, "
			"move the directory away, let the replica come back as recovering",
			s->path, at, what);
}

/* Checks the payload, and shows the record if it is asked for. */
static int take_payload(struct scan *s, const struct journal_rec *rec, const uint8_t *key,
			bool *is_valid)
{
	size_t n = journal_rec_size(rec->length) - JOURNAL_REC;
	struct journal_record record = {
		.number = rec->number,
		.seq = rec->seq,
		.payload = s->octets,
		.length = rec->length,
		.type = rec->type,
	};

	*is_valid = false;
	if (!read_all(s->fd, s->octets, n, s->at + JOURNAL_REC))
		return errno == 0 ? 0 : disk_fail(s->why, "cannot read", s->path, errno);
	if (rec->payload_sum != disk_sum(key, s->octets, rec->length) ||
	    !journal_is_zero(s->octets + rec->length, n - rec->length))
		return 0;
	*is_valid = true;
	if (rec->seq < s->from_seq)
		return 0;
	s->report.records++;
	return s->visit(s->arg, &record) == 0
		       ? 0
		       : disk_say(s->why, DISK_ESTOPPED, "%s, offset %" PRIu32 ": stopped", s->path,
				  s->at);
}

/* A record of this number, or the chain to it, has this sum. */
static void compare(struct scan *s, uint64_t number, uint64_t sum)
{
	const struct journal_place *expected = &s->j->expected;

	if (number > 0 && number == expected->number && sum != expected->sum)
		s->report.is_other = 1;
}

/* Walks the segment's records up to the first place where no valid one stands: s->at. */
static int walk_records(struct scan *s, struct journal_segment *segment, bool headers_only)
{
	const struct journal_head *head = &segment->head;
	uint8_t octets[JOURNAL_REC];
	struct journal_rec rec;
	bool is_valid = true;
	int r;

	s->at = JOURNAL_START;
	s->group = 0;
	while (head->size - s->at >= JOURNAL_REC) {
		if (!read_all(s->fd, octets, sizeof(octets), s->at))
			return errno == 0 ? 0 : disk_fail(s->why, "cannot read", s->path, errno);
		if (!journal_rec_get(octets, &rec, head->key, head->size) ||
		    rec.number != s->number || rec.prev != s->chain || rec.group > s->at ||
		    journal_rec_size(rec.length) > head->size - s->at)
			return 0;
		if (!headers_only) {
			r = take_payload(s, &rec, head->key, &is_valid);
			if (r != 0 || !is_valid)
				return r;
		}
		journal_index(s->j, &rec, head->number, s->at);
		if (rec.seq > s->report.highest)
			s->report.highest = rec.seq;
		segment->highest = s->report.highest;
		compare(s, rec.number, rec.sum);
		s->number++;
		s->chain = rec.sum;
		s->group = rec.group;
		s->at += (uint32_t)journal_rec_size(rec.length);
	}
	return 0;
}

/* Looks in octets[0..n) for a record whose group began after `at`: such a group was written when
 * everything before it had been durable. The key is secret, so no payload can hold a forged one. */
static bool proves_more(const uint8_t *octets, size_t n, const struct journal_head *head,
			uint32_t at)
{
	struct journal_rec rec;
	size_t i;

	for (i = 0; i + JOURNAL_REC <= n; i += JOURNAL_ALIGN)
		if (journal_rec_get(octets + i, &rec, head->key, head->size) && rec.group > at)
			return true;
	return false;
}

/* From s->at on no valid record follows. Sets *end to where the zeros begin that reach the end. */
static int judge_tail(struct scan *s, const struct journal_head *head, uint32_t *end)
{
	uint8_t mark[JOURNAL_MARK];
	uint32_t at, n, i;

	*end = s->at;
	if (!read_all(s->fd, mark, sizeof(mark), JOURNAL_MARK_AT))
		return disk_fail(s->why, "cannot read", s->path, errno != 0 ? errno : EIO);
	if (journal_mark_get(mark, head->key) > s->at)
		return damage(s, s->at, "damaged, or cut short: more had been made durable here");
	for (at = s->at; at < head->size; at += n) {
		n = head->size - at < CHUNK ? head->size - at : CHUNK;
		/* Chunks overlap by a header, so that each place is looked at in one piece. */
		i = head->size - at - n < JOURNAL_REC ? head->size - at - n : JOURNAL_REC;
		if (!read_all(s->fd, s->octets, n + i, at))
			return disk_fail(s->why, "cannot read", s->path, errno != 0 ? errno : EIO);
		if (journal_is_zero(s->octets, n + i))
			continue;
		if (proves_more(s->octets, n + i, head, s->at))
			return damage(s, s->at, "damaged: later records follow");
		for (i = n; i > 0 && s->octets[i - 1] == 0; i--)
			;
		if (i > 0)
			*end = at + i;
	}
	return 0;
}

/* Writes the last group once more, for it may be in the page cache only; zeros over a torn tail,
 * so that nothing of it is ever taken for a later record; and the mark. */
static int settle(struct scan *s, uint32_t end)
{
	struct journal *j = s->j;
	uint32_t at = s->group != 0 ? s->group : s->at;
	uint32_t n;
	int r;

	for (; at < end || at < s->at; at += n) {
		uint32_t until = at < s->at ? s->at : end;

		n = until - at < CHUNK ? until - at : CHUNK;
		if (at >= s->at)
			memset(s->octets, 0, n);
		else if (!read_all(s->fd, s->octets, n, at))
			return disk_fail(s->why, "cannot read", s->path, errno != 0 ? errno : EIO);
		r = journal_put(j, s->fd, s->octets, n, at, s->path, s->why);
		if (r != 0)
			return r;
	}
	/* The mark comes last: on a disk it must not be ahead of what it speaks of. */
	r = journal_sync(j, s->fd, s->path, s->why);
	return r != 0 ? r : journal_mark(j, s->why);
}

/* The writer goes on where the last segment's records end. */
static int take_over(struct scan *s, struct journal_segment *segment)
{
	struct journal *j = s->j;
	uint32_t end;
	int r;

	r = judge_tail(s, &segment->head, &end);
	if (r != 0)
		return r;
	s->report.cut = end - s->at;
	j->fd = s->fd;
	j->current = segment->head.number;
	j->at = s->at;
	j->size = segment->head.size;
	memcpy(j->key, segment->head.key, sizeof(j->key));
	return settle(s, end);
}

/* True if whatever is wrong before this segment costs nothing that is asked for. */
static bool may_begin_with(const struct scan *s, const struct journal_segment *segment)
{
	return segment->head.before < s->from_seq;
}

static bool is_next(const struct scan *s, size_t i)
{
	const struct journal_segment *segments = s->j->segments;

	return i > 0 && segments[i].head.number == segments[i - 1].head.number + 1 &&
	       segments[i].head.first == s->number && segments[i].head.chain == s->chain;
}

static void begin_with(struct scan *s, const struct journal_segment *segment)
{
	s->number = segment->head.first;
	s->chain = segment->head.chain;
	if (segment->head.before > s->report.highest)
		s->report.highest = segment->head.before;
	s->report.floor = segment->head.before;
	compare(s, segment->head.first - 1, segment->head.chain);
}

static int scan_segment(struct scan *s, size_t i)
{
	struct journal_segment *segments = s->j->segments;
	bool is_last = i + 1 == s->j->n_segments;
	bool headers_only =
		!is_last && !segments[i + 1].is_damaged && may_begin_with(s, &segments[i + 1]);
	int r;

	s->fd = open(s->path, (is_last ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (s->fd < 0)
		return disk_fail(s->why, "cannot open", s->path, errno);
	r = walk_records(s, &segments[i], headers_only);
	if (r == 0 && is_last)
		r = take_over(s, &segments[i]);
	if (s->j->fd != s->fd)
		(void)close(s->fd);
	return r;
}

static int broken_before(struct scan *s, size_t i, bool is_broken)
{
	const struct journal_segment *segments = s->j->segments;

	if (segments[i].head.number != segments[i - 1].head.number + 1)
		return damage(s, s->at, "a segment is missing after this one");
	return damage(s, is_broken ? 0 : s->at, "damaged: a later segment follows");
}

static int scan_segments(struct scan *s)
{
	struct journal *j = s->j;
	bool is_broken = false;
	size_t i;
	int r;

	for (i = 0; i < j->n_segments; i++) {
		struct journal_segment *segment = &j->segments[i];

		if (segment->is_damaged) {
			journal_path(j, segment->head.number, s->path);
			is_broken = true;
			if (i + 1 == j->n_segments)
				return damage(s, 0, "its header or its length is damaged");
			continue;
		}
		if (i > 0 && (is_broken || !is_next(s, i))) {
			if (!may_begin_with(s, segment))
				return broken_before(s, i, is_broken);
			s->report.skipped++;
			j->segments[i - 1].highest = segment->head.before;
			is_broken = true;
		}
		if (i == 0 || is_broken)
			begin_with(s, segment);
		is_broken = false;
		journal_path(j, segment->head.number, s->path);
		r = scan_segment(s, i);
		if (r != 0)
			return r;
	}
	return 0;
}

/* A directory without segments. */
static int make_first(struct scan *s)
{
	struct journal *j = s->j;
	int r;

	s->report.is_new = 1;
	j->number = 1;
	r = journal_prepare(j, s->why);
	if (r == 0)
		r = journal_rotate(j, s->why);
	j->has_ahead = false;
	return r;
}

int journal_replay(struct journal *j, uint64_t from_seq, journal_visit *visit, void *arg,
		   struct journal_report *report, struct disk_error *why)
{
	struct scan s = {
		.j = j,
		.from_seq = from_seq,
		.visit = visit,
		.arg = arg,
		.why = why,
		.fd = -1,
	};
	char next[DISK_PATH_MAX];
	int r;

	why->text[0] = '\0';
	if (j->has_threads || j->fd >= 0)
		return disk_say(why, DISK_EUSAGE, "%s: replayed twice", j->dir);
	s.octets = malloc(JOURNAL_PAYLOAD_MAX + CHUNK);
	if (s.octets == NULL)
		return disk_fail(why, "cannot read", j->dir, ENOMEM);
	journal_next_path(j, next);
	(void)unlink(next);
	if (j->n_segments > 0) {
		r = scan_segments(&s);
		j->number = s.number;
		j->chain = s.chain;
		j->highest = j->written_highest = s.report.highest;
	} else {
		r = make_first(&s);
	}
	if (r == 0 && j->number <= j->expected.number)
		s.report.is_other = 1;
	s.report.last = r == 0 ? j->number - 1 : 0;
	free(s.octets);
	if (r == 0)
		r = journal_start(j, why);
	if (report != NULL)
		*report = s.report;
	return r;
}
