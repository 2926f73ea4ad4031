#include "config.h"
#include "daemon/journal.h"
#include "daemon/journal_format.h"
#include "tests/lib/journal_kit.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int set_up(void **state)
{
	*state = kit_new();
	return 0;
}

static int tear_down(void **state)
{
	kit_free(*state);
	return 0;
}

static void assert_seen(const struct kit *kit, size_t i, uint8_t type, uint64_t seq,
			const char *text)
{
	assert_in_range(i, 0, kit->n_seen - 1);
	assert_int_equal(kit->seen[i].type, type);
	assert_int_equal(kit->seen[i].seq, seq);
	assert_int_equal(kit->seen[i].length, strlen(text));
	assert_string_equal(kit->seen[i].text, text);
}

static void what_was_appended_is_visited_in_order_after_reopening(void **state)
{
	struct kit *kit = *state;

	kit_open(kit);
	assert_int_equal(kit->report.is_new, 1);
	assert_int_equal(kit->n_seen, 0);
	kit_append(kit, 2, 5, "prepare");
	kit_append(kit, 63, 4, "");
	kit_append(kit, 1, 6, "12345678");
	kit_close(kit);
	kit_open(kit);
	assert_int_equal(kit->report.is_new, 0);
	assert_int_equal(kit->report.records, 3);
	assert_int_equal(kit->report.highest, 6);
	assert_int_equal(kit->report.floor, 0);
	assert_int_equal(kit->report.cut, 0);
	assert_int_equal(kit->n_seen, 3);
	assert_seen(kit, 0, 2, 5, "prepare");
	assert_seen(kit, 1, 63, 4, "");
	assert_seen(kit, 2, 1, 6, "12345678");
	kit_put(kit, 2, 7, "later");
	kit_close(kit);
	kit_open(kit);
	assert_int_equal(kit->n_seen, 4);
	assert_seen(kit, 3, 2, 7, "later");
}

static void parts_are_gathered_into_one_payload(void **state)
{
	struct kit *kit = *state;
	struct iovec parts[3] = {{"one", 3}, {NULL, 0}, {"two", 3}};
	uint64_t token;
	char buf[8];

	kit_open(kit);
	assert_int_equal(journal_append(kit->j, 1, 1, parts, 3, &token), 0);
	assert_true(kit_wait(kit, token));
	assert_int_equal(journal_read(kit->j, 1, 1, buf, sizeof(buf)), 6);
	assert_memory_equal(buf, "onetwo", 6);
}

static void largest_payload_survives(void **state)
{
	struct kit *kit = *state;
	uint8_t *big = malloc(JOURNAL_PAYLOAD_MAX + 1), *back = malloc(JOURNAL_PAYLOAD_MAX);
	struct iovec part = {big, JOURNAL_PAYLOAD_MAX};
	uint64_t token;
	size_t i;

	kit->options.segment_size = 8u << 20;
	kit->options.buffer_size = 0;
	assert_non_null(big);
	assert_non_null(back);
	for (i = 0; i < JOURNAL_PAYLOAD_MAX; i++)
		big[i] = (uint8_t)(i * 31 >> 3);
	kit_open(kit);
	assert_int_equal(journal_append(kit->j, 1, 9, &part, 1, &token), 0);
	part.iov_len++;
	assert_int_equal(journal_append(kit->j, 1, 9, &part, 1, &token), DISK_ETOOBIG);
	kit_close(kit);
	kit_open(kit);
	assert_int_equal(kit->n_seen, 1);
	assert_int_equal(journal_find(kit->j, 9, 1), JOURNAL_PAYLOAD_MAX);
	assert_int_equal(journal_read(kit->j, 9, 1, back, JOURNAL_PAYLOAD_MAX),
			 JOURNAL_PAYLOAD_MAX);
	assert_memory_equal(back, big, JOURNAL_PAYLOAD_MAX);
	free(big);
	free(back);
}

static void what_cannot_be_a_record_is_refused(void **state)
{
	struct kit *kit = *state;
	static uint8_t octets[KIT_SEGMENT];
	struct iovec parts[JOURNAL_PARTS_MAX + 1] = {{octets, 1}};
	uint64_t token;

	kit_open(kit);
	assert_int_equal(journal_append(kit->j, 0, 1, parts, 1, &token), DISK_EUSAGE);
	assert_int_equal(journal_append(kit->j, 64, 1, parts, 1, &token), DISK_EUSAGE);
	assert_int_equal(journal_append(kit->j, 1, 1, parts, JOURNAL_PARTS_MAX + 1, &token),
			 DISK_EUSAGE);
	parts[0].iov_len = KIT_SEGMENT - JOURNAL_START - JOURNAL_REC + 1;
	assert_int_equal(journal_append(kit->j, 1, 1, parts, 1, &token), DISK_ETOOBIG);
	parts[0].iov_len = 8192 - JOURNAL_REC + 1;
	assert_int_equal(journal_append(kit->j, 1, 1, parts, 1, &token), DISK_ETOOBIG);
	parts[0].iov_len--;
	assert_int_equal(journal_append(kit->j, 1, 1, parts, 1, &token), 0);
}

static void options_that_cannot_work_are_refused(void **state)
{
	struct kit *kit = *state;

	kit->options.segment_size = KIT_SEGMENT + 8;
	assert_int_equal(kit_try(kit), DISK_EUSAGE);
	kit->options.segment_size = 4096;
	assert_int_equal(kit_try(kit), DISK_EUSAGE);
	kit->options.segment_size = KIT_SEGMENT;
	kit->options.index_slots = 1000;
	assert_int_equal(kit_try(kit), DISK_EUSAGE);
	kit->options.index_slots = 1024;
	kit->options.indexed = 0x3e;
	assert_int_equal(kit_try(kit), DISK_EUSAGE);
	assert_non_null(strstr(kit->why.text, "at most 4 types"));
}

static void token_is_done_only_after_its_sync(void **state)
{
	struct kit *kit = *state;
	struct pollfd p = {0};
	uint64_t token;
	unsigned before;

	kit_open(kit);
	p.fd = journal_fd(kit->j);
	p.events = POLLIN;
	before = kit_syncs();
	kit_disk.is_held = true;
	token = kit_append(kit, 1, 1, "vote");
	kit_wait_sync(before + 1);
	assert_int_equal(journal_done(kit->j), 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(journal_find(kit->j, 1, 1), DISK_ENOTFOUND);
	kit_release();
	assert_true(kit_wait(kit, token));
	assert_int_equal(journal_done(kit->j), token);
	assert_int_equal(journal_find(kit->j, 1, 1), 4);
}

static void what_queues_during_a_sync_shares_the_next(void **state)
{
	struct kit *kit = *state;
	uint64_t first, last = 0, i;
	unsigned before;

	kit_open(kit);
	before = kit_syncs();
	kit_disk.is_held = true;
	first = kit_append(kit, 1, 1, "first");
	kit_wait_sync(before + 1);
	for (i = 2; i <= 20; i++) {
		last = kit_append(kit, 1, i, "more");
		assert_int_equal(last, first + i - 1);
	}
	kit_release();
	assert_true(kit_wait(kit, last));
	assert_int_equal(kit_syncs(), before + 2);
}

static void lazy_record_goes_with_the_next_sync(void **state)
{
	struct kit *kit = *state;
	struct iovec part = {"lazy", 4};
	uint64_t lazy, token;
	unsigned before;

	kit_open(kit);
	before = kit_syncs();
	assert_int_equal(journal_append_lazy(kit->j, 1, 1, &part, 1, &lazy), 0);
	token = kit_append(kit, 1, 2, "vote");
	assert_int_equal(token, lazy + 1);
	assert_true(kit_wait(kit, token));
	assert_int_equal(kit_syncs(), before + 1);
	kit_close(kit);
	kit_open(kit);
	assert_seen(kit, 0, 1, 1, "lazy");
	assert_seen(kit, 1, 1, 2, "vote");
}

static void lazy_record_alone_gets_there_in_the_end(void **state)
{
	struct kit *kit = *state;
	struct iovec part = {"lazy", 4};
	uint64_t token;

	kit_open(kit);
	assert_int_equal(journal_append_lazy(kit->j, 1, 1, &part, 1, &token), 0);
	assert_true(kit_wait(kit, token));
	assert_int_equal(journal_append_lazy(kit->j, 1, 2, &part, 1, &token), 0);
	assert_int_equal(journal_flush(kit->j), 0);
	assert_int_equal(journal_done(kit->j), token);
}

static void full_buffer_refuses_and_says_when_to_go_on(void **state)
{
	struct kit *kit = *state;
	static uint8_t octets[1000];
	struct iovec part = {octets, sizeof(octets)};
	uint64_t token = 0, taken = 0;
	unsigned before;
	int r;

	kit_open(kit);
	before = kit_syncs();
	kit_disk.is_held = true;
	kit_append(kit, 2, 1, "held");
	kit_wait_sync(before + 1);
	while ((r = journal_append(kit->j, 2, 2, &part, 1, &token)) == 0)
		taken++;
	assert_int_equal(r, DISK_EAGAIN);
	assert_int_equal(taken, 8192 / journal_rec_size(sizeof(octets)));
	kit_release();
	kit_wait_event(kit);
	while ((r = journal_append(kit->j, 2, 3, &part, 1, &token)) == DISK_EAGAIN)
		kit_wait_event(kit);
	assert_int_equal(r, 0);
	assert_int_equal(token, taken + 2);
	kit_close(kit);
	kit_open(kit);
	assert_int_equal(kit->n_seen, taken + 2);
}

static void many_records_go_through_many_segments(void **state)
{
	struct kit *kit = *state;
	static uint8_t octets[3000];
	struct iovec part = {octets, 0};
	uint64_t token = 0, seq;
	int r;

	kit_open(kit);
	for (seq = 1; seq <= 300; seq++) {
		part.iov_len = (size_t)(seq * 97 % sizeof(octets));
		while ((r = journal_append(kit->j, 1, seq, &part, 1, &token)) == DISK_EAGAIN)
			kit_wait_event(kit);
		assert_int_equal(r, 0);
	}
	assert_true(kit_wait(kit, token));
	for (seq = 1; seq <= 300; seq++)
		assert_int_equal(journal_find(kit->j, seq, 1), seq * 97 % sizeof(octets));
	kit_close(kit);
	kit_open(kit);
	assert_int_equal(kit->n_seen, 300);
	for (seq = 1; seq <= 300; seq++) {
		assert_int_equal(kit->seen[seq - 1].seq, seq);
		assert_int_equal(kit->seen[seq - 1].length, seq * 97 % sizeof(octets));
		assert_int_equal(journal_find(kit->j, seq, 1), seq * 97 % sizeof(octets));
	}
}

static void failed_sync_is_final(void **state)
{
	struct kit *kit = *state;
	struct disk_error why;
	struct iovec part = {"x", 1};
	uint64_t token, none;
	unsigned before;

	kit_open(kit);
	kit_put(kit, 1, 1, "durable");
	before = kit_syncs();
	kit_disk.sync_error = EIO;
	token = kit_append(kit, 1, 2, "lost");
	assert_false(kit_wait(kit, token));
	assert_int_equal(journal_done(kit->j), token - 1);
	assert_int_equal(journal_find(kit->j, 2, 1), DISK_ENOTFOUND);
	assert_non_null(strstr(journal_error(kit->j), "cannot sync"));
	assert_non_null(strstr(journal_error(kit->j), kit->dir));
	assert_non_null(strstr(journal_error(kit->j), "replace it"));
	assert_int_equal(journal_append(kit->j, 1, 3, &part, 1, &none), DISK_EFAILED);
	assert_int_equal(journal_flush(kit->j), DISK_EFAILED);
	assert_int_equal(journal_close(kit->j, &why), DISK_EFAILED);
	kit->j = NULL;
	assert_non_null(strstr(why.text, "cannot sync"));
	assert_int_equal(kit_syncs(), before + 1); /* never tried again */
}

static void failed_write_is_final(void **state)
{
	static const struct {
		int error;
		const char *told;
	} rows[] = {
		{ENOSPC, "the disk is full"},
		{EDQUOT, "quota"},
		{EFBIG, "limit of file sizes"},
		{EIO, "the disk fails"},
	};
	struct kit *kit = *state;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t token;
		unsigned before;

		kit_open(kit);
		assert_int_equal(kit->n_seen, i);
		kit_put(kit, 1, i + 1, "durable");
		before = kit_syncs();
		kit_disk.write_error = rows[i].error;
		token = kit_append(kit, 1, 100, "never written");
		assert_false(kit_wait(kit, token));
		assert_int_equal(journal_done(kit->j), token - 1);
		assert_int_equal(kit_syncs(), before);
		assert_non_null(strstr(journal_error(kit->j), rows[i].told));
		assert_int_equal(journal_close(kit->j, NULL), DISK_EFAILED);
		kit->j = NULL;
	}
}

static void what_was_queued_behind_a_failure_never_becomes_durable(void **state)
{
	struct kit *kit = *state;
	uint64_t token;
	unsigned before;

	kit_open(kit);
	before = kit_syncs();
	kit_disk.is_held = true;
	kit_disk.sync_error = EIO;
	kit_append(kit, 1, 1, "in the failing sync");
	kit_wait_sync(before + 1);
	token = kit_append(kit, 1, 2, "behind it");
	kit_release();
	assert_false(kit_wait(kit, token));
	assert_int_equal(journal_close(kit->j, NULL), DISK_EFAILED);
	kit->j = NULL;
	assert_int_equal(kit_syncs(), before + 1);
	kit_open(kit);
	assert_int_equal(kit->n_seen, 1); /* it was written: what the disk has is honoured */
	assert_seen(kit, 0, 1, 1, "in the failing sync");
}

static void short_writes_are_continued(void **state)
{
	struct kit *kit = *state;

	kit_open(kit);
	kit_disk.is_short = true;
	kit_put(kit, 1, 1, "in many pieces");
	kit_close(kit);
	kit_open(kit);
	assert_int_equal(kit->n_seen, 1);
	assert_seen(kit, 0, 1, 1, "in many pieces");
}

/* ---- past the page cache ---- */

static struct {
	unsigned whole, other; /* writes of whole pages, and others, behind the header */
} writes;

static void note_write(const void *octets, size_t n, off_t at)
{
	(void)octets;
	if (at < 4096)
		return;
	if (n % 4096 == 0 && at % 4096 == 0)
		writes.whole++;
	else
		writes.other++;
}

/* Does the file system here take O_DIRECT? */
static bool has_direct(const struct kit *kit)
{
	char path[TEMPDIR_MAX + 64];
	int fd;

	kit_path(kit, 1, path);
	fd = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Small ones, which share pages, and large ones, through several segments, with a start in the
 * middle of a page. */
static void groups_are_written_as_whole_pages(void **state)
{
	struct kit *kit = *state;
	static const size_t lens[] = {10, 3000, 5000, 1, 4096, 40, 7000, 64};
	static uint8_t octets[7000], back[7000];
	uint64_t token = 0;

	kit_open(kit);
	if (!has_direct(kit))
		skip();
	memset(&writes, 0, sizeof(writes));
	kit_disk.on_write = note_write;
	for (uint64_t seq = 1; seq <= 24; seq++) {
		size_t len = lens[seq % 8];

		memset(octets, (int)seq, len);
		while (journal_append(kit->j, 1, seq, &(struct iovec){octets, len}, 1, &token) ==
		       DISK_EAGAIN)
			kit_wait_event(kit);
		assert_true(kit_wait(kit, token));
		if (seq % 7 == 0) {
			kit_close(kit);
			kit_disk.on_write = NULL; /* a start writes zeros behind the last record */
			kit_open(kit);
			kit_disk.on_write = note_write;
			assert_int_equal(kit->n_seen, seq);
		}
	}
	assert_true(writes.whole >= 24);
	assert_int_equal(writes.other, 0);
	for (uint64_t seq = 1; seq <= 24; seq++) {
		size_t len = lens[seq % 8];

		memset(octets, (int)seq, len);
		assert_int_equal(journal_read(kit->j, seq, 1, back, sizeof(back)), (int)len);
		assert_memory_equal(back, octets, len);
	}
	kit_disk.on_write = NULL;
}

/* A disk with larger sectors says so at the first write: what went on before is not lost. */
static void a_disk_that_refuses_pages_is_written_through_the_cache(void **state)
{
	struct kit *kit = *state;

	kit_open(kit);
	if (!has_direct(kit))
		skip();
	kit_put(kit, 1, 1, "in a page");
	memset(&writes, 0, sizeof(writes));
	kit_disk.on_write = note_write;
	kit_disk.write_error = EINVAL;
	kit_put(kit, 1, 2, "refused, and written in another way");
	kit_put(kit, 1, 3, "so is this");
	assert_int_equal(writes.whole, 0);
	assert_int_equal(writes.other, 2);
	kit_disk.on_write = NULL;
	kit_close(kit);
	kit_open(kit);
	assert_int_equal(kit->n_seen, 3);
	assert_seen(kit, 0, 1, 1, "in a page");
	assert_seen(kit, 2, 1, 3, "so is this");
}

static void disk_without_room_is_told_before_a_vote_is_lost(void **state)
{
	struct kit *kit = *state;
	static uint8_t octets[1000];
	struct iovec part = {octets, sizeof(octets)};
	uint64_t token = 0, taken = 0;
	int r;

	kit_open(kit);
	kit_disk.room_error = ENOSPC;
	while ((r = journal_append(kit->j, 1, 1 + taken, &part, 1, &token)) != DISK_ENOROOM) {
		if (r == 0)
			taken++;
		else if (r == DISK_EAGAIN)
			kit_wait_event(kit);
		else
			fail_msg("append says %d", r);
	}
	assert_int_equal(taken, (KIT_SEGMENT - JOURNAL_START) / journal_rec_size(sizeof(octets)));
	assert_in_range(journal_room(kit->j), 0, journal_rec_size(sizeof(octets)) - 1);
	assert_true(kit_wait(kit, token));
	assert_null(journal_error(kit->j));
	part.iov_len = 8; /* what is small still fits into what is reserved */
	assert_int_equal(journal_append(kit->j, 2, 1, &part, 1, &token), 0);
	part.iov_len = sizeof(octets);
	kit_disk.room_error = 0;
	while ((r = journal_append(kit->j, 1, 50, &part, 1, &token)) != 0) {
		assert_true(r == DISK_ENOROOM || r == DISK_EAGAIN);
		kit_wait_event(kit);
	}
	assert_true(kit_wait(kit, token));
	kit_close(kit);
	kit_open(kit);
	assert_int_equal(kit->n_seen, taken + 2);
}

static void no_room_for_the_first_segment_is_told_at_start(void **state)
{
	struct kit *kit = *state;

	kit_disk.room_error = ENOSPC;
	assert_int_equal(kit_try(kit), DISK_ENOROOM);
	assert_non_null(strstr(kit->why.text, "the disk is full"));
	kit_disk.room_error = 0;
	kit_open(kit);
	assert_int_equal(kit->report.is_new, 1);
}

static void body_is_read_back_by_sequence(void **state)
{
	struct kit *kit = *state;
	char buf[64], path[TEMPDIR_MAX + 64];
	uint8_t *segment;
	size_t n;
	int pass;

	kit_open(kit);
	kit_append(kit, 1, 10, "body ten, proposed in view 0");
	kit_append(kit, 1, 11, "body eleven");
	kit_append(kit, 2, 11, "a vote");
	kit_put(kit, 1, 10, "body ten, proposed in view 1");
	for (pass = 0; pass < 2; pass++) {
		assert_int_equal(journal_find(kit->j, 11, 1), 11);
		assert_int_equal(journal_read(kit->j, 11, 1, buf, sizeof(buf)), 11);
		assert_memory_equal(buf, "body eleven", 11);
		assert_int_equal(journal_read(kit->j, 10, 1, buf, sizeof(buf)), 28);
		assert_memory_equal(buf, "body ten, proposed in view 1", 28);
		assert_int_equal(journal_read(kit->j, 11, 1, buf, 10), DISK_ETOOBIG);
		assert_int_equal(journal_read(kit->j, 12, 1, buf, sizeof(buf)), DISK_ENOTFOUND);
		assert_int_equal(journal_read(kit->j, 11, 2, buf, sizeof(buf)), DISK_ENOTFOUND);
		assert_int_equal(journal_read(kit->j, 10 + 1024, 1, buf, sizeof(buf)),
				 DISK_ENOTFOUND);
		if (pass == 0) {
			kit_close(kit);
			kit_open(kit);
		}
	}
	kit_path(kit, 1, path);
	segment = tempdir_load(path, &n);
	segment[JOURNAL_START + journal_rec_size(28) + JOURNAL_REC + 3] ^= 0x10;
	tempdir_store(path, segment, n);
	free(segment);
	assert_int_equal(journal_read(kit->j, 11, 1, buf, sizeof(buf)), DISK_EDAMAGED);
	assert_int_equal(journal_read(kit->j, 10, 1, buf, sizeof(buf)), 28);
}

static void index_holds_the_highest_sequences(void **state)
{
	struct kit *kit = *state;

	kit->options.index_slots = 4;
	kit_open(kit);
	kit_append(kit, 1, 1, "one");
	kit_append(kit, 1, 2, "two");
	kit_append(kit, 1, 5, "five");
	kit_put(kit, 1, 1, "one again, late");
	assert_int_equal(journal_find(kit->j, 5, 1), 4);
	assert_int_equal(journal_find(kit->j, 2, 1), 3);
	assert_int_equal(journal_find(kit->j, 1, 1), DISK_ENOTFOUND);
}

static void wait_until_gone(struct kit *kit, uint64_t seq)
{
	int tries;

	for (tries = 0; journal_find(kit->j, seq, 1) != DISK_ENOTFOUND; tries++) {
		assert_in_range(tries, 0, 10000);
		(void)poll(NULL, 0, 1);
	}
}

/* Three records a segment: segment i holds the sequences 3i-2 to 3i. */
static void fill(struct kit *kit, uint64_t from, uint64_t to)
{
	static uint8_t octets[4000];
	struct iovec part = {octets, sizeof(octets)};
	uint64_t token = 0, seq;
	int r;

	assert_int_equal((KIT_SEGMENT - JOURNAL_START) / journal_rec_size(sizeof(octets)), 3);
	for (seq = from; seq <= to; seq++) {
		while ((r = journal_append(kit->j, 1, seq, &part, 1, &token)) == DISK_EAGAIN)
			kit_wait_event(kit);
		assert_int_equal(r, 0);
	}
	assert_true(kit_wait(kit, token));
}

static void trim_deletes_whole_segments_below(void **state)
{
	struct kit *kit = *state;
	char path[TEMPDIR_MAX + 64];

	kit->options.keep = 5;
	kit_open(kit);
	fill(kit, 1, 12);
	journal_trim(kit->j, 6);
	wait_until_gone(kit, 3);
	assert_int_equal(journal_find(kit->j, 1, 1), DISK_ENOTFOUND);
	assert_int_equal(journal_find(kit->j, 4, 1), 4000); /* 6 is in its segment */
	kit_path(kit, 1, path);
	assert_int_equal(access(path, F_OK), -1);
	kit_close(kit);
	kit_open(kit);
	assert_int_equal(kit->n_seen, 9);
	assert_int_equal(kit->seen[0].seq, 4);
	assert_int_equal(kit->report.floor, 3);
	assert_int_equal(kit->report.highest, 12);
}

static void trim_keeps_what_peers_may_ask_for(void **state)
{
	struct kit *kit = *state;

	kit->options.keep = 5;
	kit_open(kit);
	fill(kit, 1, 12);
	journal_trim(kit->j, 1000); /* 12 - 5 = 7: segments 1 and 2 go */
	wait_until_gone(kit, 6);
	assert_int_equal(journal_find(kit->j, 7, 1), 4000);
	fill(kit, 13, 14); /* 14 - 5 = 9: 9 itself stays */
	fill(kit, 15, 15);
	journal_trim(kit->j, 0); /* looks again; the bound does not sink */
	wait_until_gone(kit, 9);
	assert_int_equal(journal_find(kit->j, 10, 1), 4000);
	kit_close(kit);
	kit_open(kit);
	assert_int_equal(kit->seen[0].seq, 10);
	assert_int_equal(kit->report.floor, 9);
}

static void second_process_is_refused(void **state)
{
	struct kit *kit = *state;
	struct disk_error why;
	struct journal *other;
	char number[32];
	int status = 0;
	pid_t child;

	kit_open(kit);
	child = fork();
	if (child == 0)
		_exit(journal_open(&other, &kit->options, &why) == DISK_ELOCKED ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(journal_open(&other, &kit->options, &why), DISK_ELOCKED);
	assert_null(other);
	(void)snprintf(number, sizeof(number), "number %ld", (long)getpid());
	assert_non_null(strstr(why.text, number));
	assert_non_null(strstr(why.text, kit->dir));
	kit_close(kit);
	kit_open(kit);
}

static void directory_is_only_for_its_owner(void **state)
{
	struct kit *kit = *state;
	char path[TEMPDIR_MAX + 64];
	struct stat st;

	kit_open(kit);
	assert_int_equal(stat(kit->dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	kit_path(kit, 1, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void missing_parent_directory_is_named(void **state)
{
	struct kit *kit = *state;

	(void)snprintf(kit->dir, sizeof(kit->dir), "%s/a/b", kit->top);
	assert_int_equal(kit_try(kit), DISK_ESYSTEM);
	assert_non_null(strstr(kit->why.text, kit->dir));
	assert_non_null(strstr(kit->why.text, "make the directory above it"));
}

static void closing_nothing_is_no_failure(void **state)
{
	struct kit *kit = *state;

	assert_int_equal(journal_close(NULL, NULL), 0);
	assert_int_equal(journal_open(&kit->j, &kit->options, &kit->why), 0);
	assert_int_equal(journal_flush(kit->j), 0);
	kit_close(kit);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_appended_is_visited_in_order_after_reopening),
		TEST(parts_are_gathered_into_one_payload),
		TEST(largest_payload_survives),
		TEST(what_cannot_be_a_record_is_refused),
		TEST(options_that_cannot_work_are_refused),
		TEST(token_is_done_only_after_its_sync),
		TEST(what_queues_during_a_sync_shares_the_next),
		TEST(lazy_record_goes_with_the_next_sync),
		TEST(lazy_record_alone_gets_there_in_the_end),
		TEST(full_buffer_refuses_and_says_when_to_go_on),
		TEST(many_records_go_through_many_segments),
		TEST(failed_sync_is_final),
		TEST(failed_write_is_final),
		TEST(what_was_queued_behind_a_failure_never_becomes_durable),
		TEST(short_writes_are_continued),
		TEST(groups_are_written_as_whole_pages),
		TEST(a_disk_that_refuses_pages_is_written_through_the_cache),
		TEST(disk_without_room_is_told_before_a_vote_is_lost),
		TEST(no_room_for_the_first_segment_is_told_at_start),
		TEST(body_is_read_back_by_sequence),
		TEST(index_holds_the_highest_sequences),
		TEST(trim_deletes_whole_segments_below),
		TEST(trim_keeps_what_peers_may_ask_for),
		TEST(second_process_is_refused),
		TEST(directory_is_only_for_its_owner),
		TEST(missing_parent_directory_is_named),
		TEST(closing_nothing_is_no_failure),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
