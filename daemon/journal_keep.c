/*
 * The thread that keeps the directory: makes the next segment before it is needed, so that neither
 * the writer nor a vote ever waits for room, and deletes the oldest ones.
 *
 * A disk without room is no failure here, since nothing was promised yet: it is asked again once a
 * second. Any other failure ends the journal as a failed write does.
 */
#include "config.h"
#include "daemon/journal_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ZEROS	 (1u << 20) /* octets written at once */
#define ALIGNED	 4096	    /* what O_DIRECT asks for, at most */
#define RETRY_MS 1000u

/* False: it could not be done so, and has to be done through the page cache. */
static bool write_past_cache(struct journal *j, const uint8_t *zeros, uint32_t size,
			     const char *path)
{
	int fd = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
	uint32_t at = 0;

	if (fd < 0)
		return false;
	while (at < size && !atomic_load(&j->is_stopping)) {
		uint32_t n = size - at < ZEROS ? size - at : ZEROS;

		if (j->ops.pwrite(fd, zeros, n, (off_t)at) != (ssize_t)n)
			break;
		at += n;
	}
	(void)close(fd);
	return at == size;
}

static int write_through_cache(struct journal *j, int fd, const uint8_t *zeros, uint32_t size,
			       const char *path, struct disk_error *why)
{
	uint32_t at = 0;
	int r = 0;

	while (r == 0 && at < size && !atomic_load(&j->is_stopping)) {
		uint32_t n = size - at < ZEROS ? size - at : ZEROS;

		r = journal_put(j, fd, zeros, n, at, path, why);
		at += n;
	}
	return r;
}

/* Zeros are really written: into blocks that are only reserved, each later write would change
 * metadata, and every fdatasync would cost a second flush. They go past the page cache, where the
 * file system can do that: nobody reads them, and the writer only writes whole pages where there is
 * nothing yet. */
static int write_zeros(struct journal *j, int fd, uint32_t size, const char *path,
		       struct disk_error *why)
{
	uint8_t *zeros = aligned_alloc(ALIGNED, ZEROS);
	int r = 0;

	if (zeros == NULL)
		return disk_fail(why, "cannot prepare", path, ENOMEM);
	memset(zeros, 0, ZEROS);
	if (!write_past_cache(j, zeros, size, path))
		r = write_through_cache(j, fd, zeros, size, path, why);
	free(zeros);
	return r != 0 || atomic_load(&j->is_stopping) ? r : journal_sync(j, fd, path, why);
}

/* Makes journal-next: 0, or DISK_ENOROOM, DISK_EAGAIN (the journal is being closed), or a failure;
 * then it is not there. */
int journal_prepare(struct journal *j, struct disk_error *why)
{
	uint32_t size = j->options.segment_size;
	char path[DISK_PATH_MAX];
	int err, fd, r;

	journal_next_path(j, path);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return disk_fail(why, "cannot make", path, errno);
	err = j->ops.fallocate(fd, 0, size);
	r = err == 0 ? 0 : disk_fail(why, "cannot reserve room for", path, err);
	if (r == 0)
		r = write_zeros(j, fd, size, path, why);
	if (r == 0 && atomic_load(&j->is_stopping))
		r = DISK_EAGAIN;
	if (r != 0) {
		(void)unlink(path);
		(void)close(fd);
		return r;
	}
	(void)pthread_mutex_lock(&j->lock);
	j->next_fd = fd;
	j->next_size = size;
	j->has_next = true;
	j->has_ahead = true;
	(void)pthread_mutex_unlock(&j->lock);
	return 0;
}

/* A quarter of the current segment in use: time enough for the rest, and a short run of the
 * program costs no second segment. */
static bool wants_next(const struct journal *j)
{
	return !j->has_next && (j->is_starved || journal_is_past_quarter(j));
}

static void prepare_next(struct journal *j)
{
	struct disk_error why;
	bool is_starved;
	int r;

	(void)pthread_mutex_unlock(&j->lock);
	r = journal_prepare(j, &why);
	if (r != 0 && r != DISK_ENOROOM && r != DISK_EAGAIN)
		journal_fail(j, &why);
	(void)pthread_mutex_lock(&j->lock);
	j->is_short = r == DISK_ENOROOM;
	is_starved = j->is_starved;
	if (r == 0)
		j->is_starved = false;
	if (is_starved)
		journal_wake(j);
}

/* The last segment is written to, and stays; so do the batches that peers may ask for. */
static bool can_trim(const struct journal *j)
{
	uint64_t below = j->trim_below;

	if (j->n_segments < 2 || j->highest < j->options.keep)
		return false;
	if (below > j->highest - j->options.keep)
		below = j->highest - j->options.keep;
	return j->segments[0].highest < below;
}

/* One at a time, each made durable: a power cut must not take a later one and leave an earlier. */
static void delete_oldest(struct journal *j)
{
	char path[DISK_PATH_MAX];
	struct disk_error why;
	int r = 0;

	journal_path(j, j->segments[0].head.number, path);
	j->n_segments--;
	memmove(j->segments, j->segments + 1, j->n_segments * sizeof(j->segments[0]));
	(void)pthread_mutex_unlock(&j->lock);
	if (unlink(path) != 0)
		r = disk_fail(&why, "cannot delete", path, errno);
	if (r == 0)
		r = disk_sync_dir(j->dir, &why);
	if (r != 0)
		journal_fail(j, &why);
	(void)pthread_mutex_lock(&j->lock);
	j->is_short = false;
}

void *journal_keeper(void *arg)
{
	struct journal *j = arg;
	bool is_late = false;

	(void)pthread_mutex_lock(&j->lock);
	while (!atomic_load(&j->has_failed) && !atomic_load(&j->is_stopping)) {
		if (can_trim(j)) {
			delete_oldest(j);
			continue;
		}
		if (wants_next(j) && (!j->is_short || is_late)) {
			is_late = false;
			prepare_next(j);
			continue;
		}
		journal_wait(j, &j->keep, j->is_short ? RETRY_MS : 0, &is_late);
	}
	(void)pthread_mutex_unlock(&j->lock);
	return NULL;
}
