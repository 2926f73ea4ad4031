#include "config.h"
#include "tests/lib/journal_kit.h"
#include "daemon/journal_format.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS                                                                                    \
	20000 /* longer than any disk should take: a test that hangs is a test that fails          \
	       */

struct kit_disk kit_disk;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned syncs;

static ssize_t disk_pwrite(int fd, const void *octets, size_t n, off_t at)
{
	ssize_t done;

	if (kit_disk.write_error != 0) {
		errno = kit_disk.write_error;
		kit_disk.write_error = 0;
		return -1;
	}
	if (kit_disk.is_short && n > 8)
		n /= 2;
	done = pwrite(fd, octets, n, at);
	if (done > 0 && kit_disk.on_write != NULL)
		kit_disk.on_write(octets, (size_t)done, at);
	return done;
}

static int disk_fdatasync(int fd)
{
	(void)fd;
	(void)pthread_mutex_lock(&lock);
	syncs++;
	(void)pthread_cond_broadcast(&changed);
	while (kit_disk.is_held)
		(void)pthread_cond_wait(&changed, &lock);
	(void)pthread_mutex_unlock(&lock);
	if (kit_disk.sync_error != 0) {
		errno = kit_disk.sync_error;
		kit_disk.sync_error = 0;
		return -1;
	}
	/* Power fails in these tests only where they say so: nothing needs to reach the disk. */
	if (kit_disk.on_sync != NULL)
		kit_disk.on_sync();
	return 0;
}

static int disk_fallocate(int fd, off_t at, off_t n)
{
	return kit_disk.room_error != 0 ? kit_disk.room_error : posix_fallocate(fd, at, n);
}

static const struct journal_ops disk_ops = {disk_pwrite, disk_fdatasync, disk_fallocate};

unsigned kit_syncs(void)
{
	unsigned n;

	(void)pthread_mutex_lock(&lock);
	n = syncs;
	(void)pthread_mutex_unlock(&lock);
	return n;
}

void kit_wait_sync(unsigned count)
{
	(void)pthread_mutex_lock(&lock);
	while (syncs < count)
		(void)pthread_cond_wait(&changed, &lock);
	(void)pthread_mutex_unlock(&lock);
}

void kit_release(void)
{
	(void)pthread_mutex_lock(&lock);
	kit_disk.is_held = false;
	(void)pthread_cond_broadcast(&changed);
	(void)pthread_mutex_unlock(&lock);
}

struct kit *kit_new(void)
{
	struct kit *kit = calloc(1, sizeof(*kit));

	assert_non_null(kit);
	memset(&kit_disk, 0, sizeof(kit_disk));
	tempdir_make(kit->top);
	(void)snprintf(kit->dir, sizeof(kit->dir), "%s/log", kit->top);
	kit->options.dir = kit->dir;
	kit->options.segment_size = KIT_SEGMENT;
	kit->options.buffer_size = 8192;
	kit->options.indexed = 1u << 1;
	kit->options.index_slots = 1024;
	kit->options.ops = &disk_ops;
	memset(kit->options.owner, 7, sizeof(kit->options.owner));
	return kit;
}

void kit_free(struct kit *kit)
{
	(void)journal_close(kit->j, NULL);
	tempdir_remove(kit->top);
	free(kit);
}

static int note(void *arg, const struct journal_record *record)
{
	struct kit *kit = arg;
	struct kit_seen *seen = &kit->seen[kit->n_seen];
	size_t n = record->length < KIT_TEXT - 1 ? record->length : KIT_TEXT - 1;

	assert_in_range(kit->n_seen, 0, KIT_SEEN_MAX - 1);
	seen->seq = record->seq;
	seen->type = record->type;
	seen->length = record->length;
	memset(seen->text, 0, sizeof(seen->text));
	memcpy(seen->text, record->payload, n);
	kit->n_seen++;
	return 0;
}

int kit_try(struct kit *kit)
{
	int r;

	kit->n_seen = 0;
	r = journal_open(&kit->j, &kit->options, &kit->why);
	if (r == 0)
		r = journal_replay(kit->j, kit->from_seq, note, kit, &kit->report, &kit->why);
	if (r != 0)
		kit_close(kit);
	return r;
}

void kit_open(struct kit *kit)
{
	int r = kit_try(kit);

	if (r != 0)
		fail_msg("%d: %s", r, kit->why.text);
}

void kit_close(struct kit *kit)
{
	struct disk_error why = {""};

	if (journal_close(kit->j, &why) != 0)
		fail_msg("%s", why.text);
	kit->j = NULL;
}

uint64_t kit_append(struct kit *kit, uint8_t type, uint64_t seq, const char *text)
{
	struct iovec part = {(void *)(uintptr_t)text, strlen(text)};
	uint64_t token = 0;

	assert_int_equal(journal_append(kit->j, type, seq, &part, 1, &token), 0);
	return token;
}

void kit_wait_event(struct kit *kit)
{
	struct pollfd p = {journal_fd(kit->j), POLLIN, 0};
	uint64_t count;

	if (poll(&p, 1, WAIT_MS) != 1)
		fail_msg("nothing happened for %d ms", WAIT_MS);
	assert_int_equal(read(p.fd, &count, sizeof(count)), sizeof(count));
}

bool kit_wait(struct kit *kit, uint64_t token)
{
	while (journal_done(kit->j) < token) {
		if (journal_error(kit->j) != NULL)
			return false;
		kit_wait_event(kit);
	}
	return true;
}

void kit_put(struct kit *kit, uint8_t type, uint64_t seq, const char *text)
{
	assert_true(kit_wait(kit, kit_append(kit, type, seq, text)));
}

void kit_path(const struct kit *kit, unsigned segment, char path[TEMPDIR_MAX + 64])
{
	(void)snprintf(path, TEMPDIR_MAX + 64, "%s/journal-%010u", kit->dir, segment);
}

void kit_unmark(uint8_t *segment)
{
	memset(segment + JOURNAL_MARK_AT, 0, JOURNAL_MARK);
}
