/*
 * Groups of records past the page cache (O_DIRECT), where the file system can do that: nothing
 * reads what was just written, and a sync then finds nothing to write back but only asks the disk
 * to keep what it has. The disk takes whole pages, so the one that a group ends in is kept here and
 * written once more with the next group: as the kernel would have done.
 *
 * Where it cannot be done, the page cache does it: for this segment, from the group on that it
 * failed for.
 */
#include "config.h"
#include "daemon/journal_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int journal_direct_new(struct journal *j)
{
	size_t size = j->options.buffer_size + 2 * (size_t)JOURNAL_PAGE;

	j->direct_fd = -1;
	j->pages = aligned_alloc(JOURNAL_PAGE, size + JOURNAL_PAGE - size % JOURNAL_PAGE);
	return j->pages != NULL ? 0 : -1;
}

void journal_direct_end(struct journal *j)
{
	if (j->direct_fd >= 0)
		(void)close(j->direct_fd);
	j->direct_fd = -1;
}

void journal_direct_begin(struct journal *j)
{
	char path[DISK_PATH_MAX];
	uint32_t tail = j->at % JOURNAL_PAGE;

	journal_direct_end(j);
	journal_path(j, j->current, path);
	if (tail == 0 || pread(j->fd, j->pages, tail, (off_t)(j->at - tail)) == (ssize_t)tail)
		j->direct_fd = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
}

int journal_direct_put(struct journal *j, const uint8_t *octets, size_t n, const char *path,
		       struct disk_error *why)
{
	uint32_t tail = j->at % JOURNAL_PAGE;
	size_t used = tail + n, size = used + (JOURNAL_PAGE - used % JOURNAL_PAGE) % JOURNAL_PAGE;
	ssize_t done;

	if (j->direct_fd < 0)
		return 0;
	memcpy(j->pages + tail, octets, n);
	memset(j->pages + used, 0, size - used);
	done = j->ops.pwrite(j->direct_fd, j->pages, size, (off_t)(j->at - tail));
	if (done == (ssize_t)size) {
		memmove(j->pages, j->pages + used - used % JOURNAL_PAGE, used % JOURNAL_PAGE);
		return 1;
	}
	if (done < 0 && errno != EINVAL && errno != EINTR)
		return disk_fail(why, "cannot write", path, errno);
	journal_direct_end(j); /* it asks for other sizes, or stopped midway: all of it again */
	return 0;
}
