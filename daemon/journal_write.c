/*
 * The writer thread:
 *  1. takes the buffer that the caller has filled, and gives it the other one;
 *  2. cuts it into groups, each as much as fits into the segment;
 *  3. seals a group's records (number, chain, sums), writes them, syncs them;
 *  4. only then tells the tokens and lets the records be found.
 * The first failure of any step ends it for good.
 */
#include "config.h"
#include "daemon/journal_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLICE_NS 100000 /* the shortest there is */

int journal_put(struct journal *j, int fd, const void *octets, size_t n, uint64_t at,
		const char *path, struct disk_error *why)
{
	const uint8_t *p = octets;

	while (n > 0) {
		ssize_t done = j->ops.pwrite(fd, p, n, (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		/* A short write is no failure: the next one says what is the matter. */
		if (done <= 0)
			return disk_fail(why, "cannot write", path, done < 0 ? errno : EIO);
		p += done;
		at += (uint64_t)done;
		n -= (size_t)done;
	}
	return 0;
}

int journal_sync(struct journal *j, int fd, const char *path, struct disk_error *why)
{
	if (j->ops.fdatasync(fd) != 0)
		return disk_fail(why, "cannot sync", path, errno);
	return 0;
}

/* Says on disk that everything so far is durable, so that damage to the last records is not taken
 * for a torn tail. Needs no sync of its own: without it less is known, nothing is wrong. */
int journal_mark(struct journal *j, struct disk_error *why)
{
	char path[DISK_PATH_MAX];
	uint8_t mark[JOURNAL_MARK];
	int r;

	journal_path(j, j->current, path);
	journal_mark_put(mark, j->at, j->key);
	r = journal_put(j, j->fd, mark, sizeof(mark), JOURNAL_MARK_AT, path, why);
	if (r == 0)
		j->marked_at = j->at;
	return r;
}

/* Name and header become durable before the first record, so a segment with a name has a header. */
static int name_segment(struct journal *j, const struct journal_head *head, int fd,
			struct disk_error *why)
{
	char path[DISK_PATH_MAX], next[DISK_PATH_MAX];
	uint8_t octets[JOURNAL_HEAD];
	int r;

	journal_next_path(j, next);
	journal_path(j, head->number, path);
	journal_head_put(octets, head);
	r = journal_put(j, fd, octets, sizeof(octets), 0, next, why);
	if (r == 0)
		r = journal_sync(j, fd, next, why);
	if (r == 0 && access(path, F_OK) == 0)
		r = disk_fail(why, "cannot make", path, EEXIST);
	if (r == 0 && rename(next, path) != 0)
		r = disk_fail(why, "cannot rename to", path, errno);
	if (r == 0)
		r = disk_sync_dir(j->dir, why);
	return r;
}

/* Goes on in the prepared segment. */
int journal_rotate(struct journal *j, struct disk_error *why)
{
	struct journal_head head = {.format = JOURNAL_FORMAT, .number = j->current + 1};
	int fd, r;

	(void)pthread_mutex_lock(&j->lock);
	fd = j->next_fd;
	head.size = j->next_size;
	(void)pthread_mutex_unlock(&j->lock);
	if (fd < 0)
		return disk_say(why, DISK_EUSAGE,
				"%s: a record was planned into no segment: "
				"this is a mistake in the program",
				j->dir);
	head.first = j->number;
	head.chain = j->chain;
	head.before = j->written_highest;
	memcpy(head.owner, j->options.owner, sizeof(head.owner));
	randombytes_buf(head.key, sizeof(head.key));
	r = name_segment(j, &head, fd, why);
	if (r != 0)
		return r;
	if (j->fd >= 0)
		(void)close(j->fd);
	j->fd = fd;
	j->at = JOURNAL_START;
	j->marked_at = JOURNAL_START;
	j->size = head.size;
	j->current = head.number;
	memcpy(j->key, head.key, sizeof(j->key));
	journal_direct_begin(j);
	(void)pthread_mutex_lock(&j->lock);
	j->has_next = false;
	j->next_fd = -1;
	r = journal_add_segment(j, &head);
	j->durable_at = JOURNAL_START;
	(void)pthread_cond_signal(&j->keep);
	(void)pthread_mutex_unlock(&j->lock);
	return r == 0 ? 0 : disk_fail(why, "cannot list the segments of", j->dir, ENOMEM);
}

/* Fills in what only the writer knows. Returns how many octets, from the first record on, fit into
 * the rest of the segment. */
static size_t seal_group(struct journal *j, uint8_t *octets, size_t n)
{
	size_t used = 0;

	while (used < n) {
		uint8_t *at = octets + used;
		struct journal_rec rec = {
			.number = j->number,
			.seq = disk_get64(at + 16),
			.prev = j->chain,
			.length = disk_get32(at),
			.group = j->at,
			.type = at[24],
		};
		size_t size = journal_rec_size(rec.length);

		if (size > j->size - j->at - used)
			break;
		rec.payload_sum = disk_sum(j->key, at + JOURNAL_REC, rec.length);
		journal_rec_put(at, &rec, j->key);
		j->number++;
		j->chain = rec.sum;
		if (rec.seq > j->written_highest)
			j->written_highest = rec.seq;
		used += size;
	}
	return used;
}

/* The group is durable: its records may be read, and count. */
static void tell_group(struct journal *j, const uint8_t *octets, size_t n, uint64_t first_token)
{
	uint64_t token = first_token;
	size_t used = 0;

	(void)pthread_mutex_lock(&j->lock);
	while (used < n) {
		struct journal_rec rec = {
			.seq = disk_get64(octets + used + 16),
			.length = disk_get32(octets + used),
			.type = octets[used + 24],
		};

		journal_index(j, &rec, j->current, j->at + (uint32_t)used);
		used += journal_rec_size(rec.length);
		token++;
	}
	j->segments[j->n_segments - 1].highest = j->written_highest;
	j->highest = j->written_highest;
	j->at += (uint32_t)n;
	j->durable_at = j->at;
	j->last = (struct journal_place){j->number - 1, j->chain};
	atomic_store(&j->done, token - 1);
	(void)pthread_cond_broadcast(&j->idle);
	(void)pthread_mutex_unlock(&j->lock);
	journal_wake(j);
}

static uint64_t count_records(const uint8_t *octets, size_t n)
{
	uint64_t count = 0;
	size_t used = 0;

	while (used < n) {
		used += journal_rec_size(disk_get32(octets + used));
		count++;
	}
	return count;
}

/* Zeros behind the last group, up to the end of its page: the kernel then need not read a page that
 * it has not cached, to change a part of it. Returns how many. */
static size_t fill_page(const struct journal *j, struct journal_buffer *b, size_t end, size_t n)
{
	size_t used = (j->at + n) % JOURNAL_PAGE;
	size_t fill = used == 0 ? 0 : JOURNAL_PAGE - used;

	if (end < b->used) /* the next group stands there; this one fills the segment */
		return 0;
	if (fill > j->size - j->at - n)
		fill = j->size - j->at - n;
	memset(b->octets + end, 0, fill);
	return fill;
}

static int write_buffer(struct journal *j, struct journal_buffer *b, struct disk_error *why)
{
	char path[DISK_PATH_MAX];
	size_t from = 0;
	int r;

	while (from < b->used) {
		size_t n = seal_group(j, b->octets + from, b->used - from);

		if (n == 0) {
			r = journal_rotate(j, why);
			if (r != 0)
				return r;
			continue;
		}
		journal_path(j, j->current, path);
		r = journal_direct_put(j, b->octets + from, n, path, why);
		if (r == 0)
			r = journal_put(j, j->fd, b->octets + from,
					n + fill_page(j, b, from + n, n), j->at, path, why);
		if (r >= 0)
			r = journal_sync(j, j->fd, path, why);
		if (r != 0)
			return r;
		tell_group(j, b->octets + from, n, b->first_token);
		b->first_token += count_records(b->octets + from, n);
		from += n;
	}
	b->used = 0;
	return 0;
}

/* Takes the filled buffer and writes it, without the lock. */
static void write_out(struct journal *j)
{
	struct journal_buffer *b = &j->buffers[j->filling];
	struct disk_error why;
	int r;

	j->filling ^= 1u;
	(void)pthread_mutex_unlock(&j->lock);
	r = write_buffer(j, b, &why);
	if (r != 0)
		journal_fail(j, &why);
	(void)pthread_mutex_lock(&j->lock);
	b->used = 0;
	b->is_urgent = false;
}

/* Nobody has asked for anything for JOURNAL_LAZY_MS. */
static void tidy(struct journal *j)
{
	struct disk_error why;
	int r;

	if (j->buffers[j->filling].used > 0) {
		write_out(j);
		return;
	}
	(void)pthread_mutex_unlock(&j->lock);
	r = journal_mark(j, &why);
	if (r != 0)
		journal_fail(j, &why);
	(void)pthread_mutex_lock(&j->lock);
}

/* A vote waits whenever this thread is woken, and it computes next to nothing: it asks for short
 * slices, so that the scheduler lets it in before who computes. Where that is not known (Linux
 * before 6.12), or not wanted, nothing changes. */
static void ask_for_short_slices(void)
{
#if defined(SYS_sched_setattr) && defined(SYS_sched_getattr)
	struct { /* sched_setattr(2); the C library has it from 2.41 on */
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime_ns, deadline_ns, period_ns;
	} attr = {.size = 0};

	if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) != 0 ||
	    attr.policy != SCHED_OTHER)
		return;
	attr.runtime_ns = SLICE_NS;
	(void)syscall(SYS_sched_setattr, 0, &attr, 0);
#endif
}

void *journal_writer(void *arg)
{
	struct journal *j = arg;

	ask_for_short_slices();
	journal_direct_begin(j);
	(void)pthread_mutex_lock(&j->lock);
	while (!atomic_load(&j->has_failed)) {
		const struct journal_buffer *b = &j->buffers[j->filling];
		bool is_stopping = atomic_load(&j->is_stopping);
		bool is_late = false;

		if (b->used > 0 && (b->is_urgent || j->is_flushing || is_stopping ||
				    b->used > j->options.buffer_size / 2)) {
			write_out(j);
			continue;
		}
		if (is_stopping)
			break;
		j->is_parked = b->used == 0 && j->marked_at == j->at;
		journal_wait(j, &j->work, j->is_parked ? 0 : JOURNAL_LAZY_MS, &is_late);
		j->is_parked = false;
		if (is_late)
			tidy(j);
	}
	(void)pthread_mutex_unlock(&j->lock);
	return NULL;
}
