/*
 * The caller's side of the journal: open, append, close. The rest is in journal_scan.c (the start),
 * journal_write.c and journal_keep.c (the threads), journal_read.c (reading back).
 */
#include "config.h"
#include "daemon/journal_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static int system_fallocate(int fd, off_t at, off_t n)
{
	return posix_fallocate(fd, at, n);
}

static const struct journal_ops system_ops = {
	.pwrite = pwrite,
	.fdatasync = fdatasync,
	.fallocate = system_fallocate,
};

void journal_path(const struct journal *j, uint64_t number, char path[DISK_PATH_MAX])
{
	(void)snprintf(path, DISK_PATH_MAX, "%s/journal-%010" PRIu64, j->dir, number);
}

void journal_next_path(const struct journal *j, char path[DISK_PATH_MAX])
{
	(void)snprintf(path, DISK_PATH_MAX, "%s/journal-next", j->dir);
}

/* The eventfd only says "look": a full counter says it as well. */
void journal_wake(struct journal *j)
{
	static const uint64_t one = 1;
	ssize_t n;

	do
		n = write(j->event_fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

void journal_fail(struct journal *j, const struct disk_error *why)
{
	(void)pthread_mutex_lock(&j->lock);
	if (!atomic_load(&j->has_failed)) {
		j->error = *why;
		atomic_store(&j->has_failed, true);
	}
	(void)pthread_cond_broadcast(&j->work);
	(void)pthread_cond_broadcast(&j->keep);
	(void)pthread_cond_broadcast(&j->idle);
	(void)pthread_mutex_unlock(&j->lock);
	journal_wake(j);
}

/* ms == 0: without a limit. */
void journal_wait(struct journal *j, pthread_cond_t *cond, unsigned ms, bool *is_late)
{
	struct timespec until;

	*is_late = false;
	if (ms == 0) {
		(void)pthread_cond_wait(cond, &j->lock);
		return;
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(ms / 1000);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	*is_late = pthread_cond_timedwait(cond, &j->lock, &until) == ETIMEDOUT;
}

int journal_add_segment(struct journal *j, const struct journal_head *head)
{
	struct journal_segment *more;
	size_t cap = j->cap_segments;

	if (j->n_segments == cap) {
		cap = cap == 0 ? 16 : cap * 2;
		more = realloc(j->segments, cap * sizeof(*more));
		if (more == NULL)
			return DISK_ESYSTEM;
		j->segments = more;
		j->cap_segments = cap;
	}
	more = &j->segments[j->n_segments++];
	memset(more, 0, sizeof(*more));
	more->head = *head;
	more->highest = head->before;
	return 0;
}

static int check_options(struct journal *j, struct disk_error *why)
{
	struct journal_options *o = &j->options;
	uint8_t n = 0;
	int t;

	o->segment_size = o->segment_size != 0 ? o->segment_size : JOURNAL_SEGMENT;
	o->buffer_size = o->buffer_size != 0 ? o->buffer_size : JOURNAL_BUFFER;
	o->index_slots = o->index_slots != 0 ? o->index_slots : JOURNAL_INDEX_SLOTS;
	o->keep = o->keep != 0 ? o->keep : JOURNAL_KEEP;
	j->ops = o->ops != NULL ? *o->ops : system_ops;
	if (o->segment_size < JOURNAL_SEGMENT_MIN || o->segment_size > JOURNAL_SEGMENT_MAX ||
	    o->segment_size % 4096 != 0)
		return disk_say(why, DISK_EUSAGE,
				"journal: the segment size has to be a multiple of 4096 "
				"from %u to %u octets",
				JOURNAL_SEGMENT_MIN, JOURNAL_SEGMENT_MAX);
	if ((o->index_slots & (o->index_slots - 1)) != 0 || o->buffer_size < 4096)
		return disk_say(why, DISK_EUSAGE,
				"journal: the index needs a power of two, the buffer 4096 octets");
	if (strlen(o->dir) >= sizeof(j->dir))
		return disk_say(why, DISK_EUSAGE, "%s: the path is longer than %zu octets", o->dir,
				sizeof(j->dir) - 1);
	(void)snprintf(j->dir, sizeof(j->dir), "%s", o->dir);
	o->dir = j->dir;
	o->ops = NULL;
	for (t = 1; t <= JOURNAL_TYPE_MAX; t++)
		if (((o->indexed >> t) & 1) != 0) {
			if (n == JOURNAL_INDEXED_MAX)
				return disk_say(why, DISK_EUSAGE,
						"journal: at most %d types are indexed",
						JOURNAL_INDEXED_MAX);
			j->index_of[t] = ++n;
		}
	return 0;
}

static int take_memory(struct journal *j, struct disk_error *why)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		j->buffers[i].octets = malloc(j->options.buffer_size + JOURNAL_PAGE);
		if (j->buffers[i].octets == NULL)
			return disk_fail(why, "cannot open", j->dir, ENOMEM);
	}
	if (journal_direct_new(j) != 0)
		return disk_fail(why, "cannot open", j->dir, ENOMEM);
	for (i = 0; i < JOURNAL_INDEXED_MAX; i++) {
		j->index[i] = calloc(j->options.index_slots, sizeof(struct journal_slot));
		if (j->index[i] == NULL)
			return disk_fail(why, "cannot open", j->dir, ENOMEM);
	}
	j->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (j->event_fd < 0)
		return disk_fail(why, "cannot make an eventfd for", j->dir, errno);
	return 0;
}

/* The lock ends with the process, however that ends; the number in the file is for people. */
static int lock_dir(struct journal *j, struct disk_error *why)
{
	char path[DISK_PATH_MAX], pid[JOURNAL_NAME] = "";
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/lock", j->dir);
	j->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (j->lock_fd < 0)
		return disk_fail(why, "cannot open", path, errno);
	if (flock(j->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK)
			return disk_fail(why, "cannot lock", path, errno);
		n = pread(j->lock_fd, pid, sizeof(pid) - 1, 0);
		pid[n > 0 ? n : 0] = '\0';
		pid[strspn(pid, "0123456789")] = '\0';
		return disk_say(why, DISK_ELOCKED,
				"%s: in use by another process%s%s: two with one identity "
				"would vote against each other: stop the other one first",
				j->dir, pid[0] == '\0' ? "" : ", number ", pid);
	}
	n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(j->lock_fd, 0) != 0 || pwrite(j->lock_fd, pid, (size_t)n, 0) != n)
		return disk_fail(why, "cannot write", path, errno);
	return 0;
}

static void free_all(struct journal *j)
{
	size_t i;

	if (j->fd >= 0)
		(void)close(j->fd);
	if (j->next_fd >= 0)
		(void)close(j->next_fd);
	if (j->event_fd >= 0)
		(void)close(j->event_fd);
	if (j->lock_fd >= 0)
		(void)close(j->lock_fd);
	journal_direct_end(j);
	free(j->pages);
	for (i = 0; i < 2; i++)
		free(j->buffers[i].octets);
	for (i = 0; i < JOURNAL_INDEXED_MAX; i++)
		free(j->index[i]);
	free(j->segments);
	(void)pthread_cond_destroy(&j->work);
	(void)pthread_cond_destroy(&j->keep);
	(void)pthread_cond_destroy(&j->idle);
	(void)pthread_mutex_destroy(&j->lock);
	free(j);
}

int journal_open(struct journal **journal, const struct journal_options *options,
		 struct disk_error *why)
{
	struct journal *j = calloc(1, sizeof(*j));
	pthread_condattr_t attr;
	int r;

	*journal = NULL;
	why->text[0] = '\0';
	if (j == NULL)
		return disk_fail(why, "cannot open", options->dir, ENOMEM);
	j->fd = j->direct_fd = j->next_fd = j->event_fd = j->lock_fd = -1;
	j->options = *options;
	(void)pthread_mutex_init(&j->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&j->work, &attr);
	(void)pthread_cond_init(&j->keep, &attr);
	(void)pthread_cond_init(&j->idle, &attr);
	(void)pthread_condattr_destroy(&attr);
	r = check_options(j, why);
	if (r == 0)
		r = take_memory(j, why);
	if (r == 0)
		r = disk_make_dir(j->dir, why);
	if (r == 0)
		r = lock_dir(j, why);
	if (r == 0)
		r = journal_list(j, why);
	if (r != 0) {
		free_all(j);
		return r;
	}
	*journal = j;
	return 0;
}

/* Signals are for the caller's thread. */
int journal_start(struct journal *j, struct disk_error *why)
{
	sigset_t all, before;
	int err;

	j->plan_at = j->durable_at = j->at;
	j->last = (struct journal_place){j->number - 1, j->chain};
	j->plan_size = j->size;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&j->writer, NULL, journal_writer, j);
	if (err == 0) {
		err = pthread_create(&j->keeper, NULL, journal_keeper, j);
		if (err != 0) {
			atomic_store(&j->is_stopping, true);
			(void)pthread_join(j->writer, NULL);
		}
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	j->has_threads = err == 0;
	return err == 0 ? 0 : disk_fail(why, "cannot start a thread for", j->dir, err);
}

/* Finds the record's place on disk, which the writer will find again. */
static int plan(struct journal *j, size_t size)
{
	if (size <= j->plan_size - j->plan_at) {
		j->plan_at += (uint32_t)size;
		return 0;
	}
	if (!j->has_ahead) {
		j->is_starved = true;
		(void)pthread_cond_signal(&j->keep);
		return j->is_short ? DISK_ENOROOM : DISK_EAGAIN;
	}
	j->has_ahead = false;
	j->plan_size = j->next_size;
	j->plan_at = JOURNAL_START + (uint32_t)size;
	return 0;
}

static void copy_record(uint8_t *at, uint8_t type, uint64_t seq, uint32_t length, size_t size,
			const struct iovec *parts, size_t n_parts)
{
	size_t used = JOURNAL_REC;
	size_t i;

	memset(at, 0, JOURNAL_REC);
	disk_put32(at, length);
	disk_put64(at + 16, seq);
	at[24] = type;
	for (i = 0; i < n_parts; i++) {
		if (parts[i].iov_len > 0)
			memcpy(at + used, parts[i].iov_base, parts[i].iov_len);
		used += parts[i].iov_len;
	}
	memset(at + used, 0, size - used);
}

static int append(struct journal *j, uint8_t type, uint64_t seq, const struct iovec *parts,
		  size_t n_parts, bool is_urgent, uint64_t *token)
{
	struct journal_buffer *b;
	size_t length = 0, size, i;
	bool wake_writer = false, wake_keeper = false;
	int r = DISK_EAGAIN;

	if (type == 0 || type > JOURNAL_TYPE_MAX || n_parts > JOURNAL_PARTS_MAX || !j->has_threads)
		return DISK_EUSAGE;
	for (i = 0; i < n_parts; i++) {
		if (parts[i].iov_len > JOURNAL_PAYLOAD_MAX - length)
			return DISK_ETOOBIG;
		length += parts[i].iov_len;
	}
	size = journal_rec_size(length);
	if (size > j->options.segment_size - JOURNAL_START || size > j->options.buffer_size)
		return DISK_ETOOBIG;
	if (atomic_load(&j->has_failed))
		return DISK_EFAILED;
	(void)pthread_mutex_lock(&j->lock);
	b = &j->buffers[j->filling];
	if (size <= j->options.buffer_size - b->used)
		r = plan(j, size);
	if (r == 0) {
		*token = ++j->token;
		if (b->used == 0)
			b->first_token = *token;
		copy_record(b->octets + b->used, type, seq, (uint32_t)length, size, parts, n_parts);
		b->used += size;
		wake_writer = j->is_parked || (is_urgent && !b->is_urgent);
		wake_keeper = !j->has_next && journal_is_past_quarter(j);
		b->is_urgent = b->is_urgent || is_urgent;
	}
	(void)pthread_mutex_unlock(&j->lock);
	/* behind the unlock: who is woken wants the lock first of all */
	if (wake_writer)
		(void)pthread_cond_signal(&j->work);
	if (wake_keeper)
		(void)pthread_cond_signal(&j->keep);
	return r;
}

int journal_append(struct journal *j, uint8_t type, uint64_t seq, const struct iovec *parts,
		   size_t n_parts, uint64_t *token)
{
	return append(j, type, seq, parts, n_parts, true, token);
}

int journal_append_lazy(struct journal *j, uint8_t type, uint64_t seq, const struct iovec *parts,
			size_t n_parts, uint64_t *token)
{
	return append(j, type, seq, parts, n_parts, false, token);
}

int journal_fd(const struct journal *j)
{
	return j->event_fd;
}

uint64_t journal_done(const struct journal *j)
{
	return atomic_load(&j->done);
}

const char *journal_error(const struct journal *j)
{
	return atomic_load(&j->has_failed) ? j->error.text : NULL;
}

struct journal_place journal_last(struct journal *j)
{
	struct journal_place place;

	(void)pthread_mutex_lock(&j->lock);
	place = j->last;
	(void)pthread_mutex_unlock(&j->lock);
	return place;
}

void journal_expect(struct journal *j, const struct journal_place *place)
{
	j->expected = *place;
}

uint64_t journal_room(struct journal *j)
{
	uint64_t room;

	(void)pthread_mutex_lock(&j->lock);
	room = j->plan_size - j->plan_at;
	if (j->has_ahead)
		room += j->next_size - JOURNAL_START;
	(void)pthread_mutex_unlock(&j->lock);
	return room;
}

bool journal_is_short(struct journal *j)
{
	bool is_short;

	(void)pthread_mutex_lock(&j->lock);
	is_short = j->is_short;
	(void)pthread_mutex_unlock(&j->lock);
	return is_short;
}

void journal_trim(struct journal *j, uint64_t before_seq)
{
	(void)pthread_mutex_lock(&j->lock);
	if (before_seq > j->trim_below)
		j->trim_below = before_seq;
	(void)pthread_cond_signal(&j->keep);
	(void)pthread_mutex_unlock(&j->lock);
}

int journal_flush(struct journal *j)
{
	(void)pthread_mutex_lock(&j->lock);
	j->is_flushing = true;
	(void)pthread_cond_signal(&j->work);
	while (j->has_threads && !atomic_load(&j->has_failed) && atomic_load(&j->done) < j->token)
		(void)pthread_cond_wait(&j->idle, &j->lock);
	j->is_flushing = false;
	(void)pthread_mutex_unlock(&j->lock);
	return atomic_load(&j->has_failed) ? DISK_EFAILED : 0;
}

static void end_threads(struct journal *j)
{
	struct disk_error why;
	char path[DISK_PATH_MAX];
	int r;

	(void)journal_flush(j);
	(void)pthread_mutex_lock(&j->lock);
	atomic_store(&j->is_stopping, true);
	(void)pthread_cond_broadcast(&j->work);
	(void)pthread_cond_broadcast(&j->keep);
	(void)pthread_mutex_unlock(&j->lock);
	(void)pthread_join(j->writer, NULL);
	(void)pthread_join(j->keeper, NULL);
	if (atomic_load(&j->has_failed))
		return;
	journal_path(j, j->current, path);
	r = journal_mark(j, &why);
	if (r == 0)
		r = journal_sync(j, j->fd, path, &why);
	if (r != 0)
		journal_fail(j, &why);
}

int journal_close(struct journal *j, struct disk_error *why)
{
	char path[DISK_PATH_MAX];
	int r;

	if (j == NULL)
		return 0;
	if (j->has_threads)
		end_threads(j);
	r = atomic_load(&j->has_failed) ? DISK_EFAILED : 0;
	if (r != 0 && why != NULL)
		*why = j->error;
	if (j->next_fd >= 0) {
		journal_next_path(j, path);
		(void)unlink(path);
	}
	free_all(j);
	return r;
}
