/* Reading a journal once more while it is open: daemon/journal_scrub.c. */
#include "config.h"
#include "daemon/journal_priv.h"
#include "tests/lib/journal_kit.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { RECORDS = 160 };

static void put(struct kit *kit, uint64_t seq, const char *text)
{
	struct iovec part = {(void *)(uintptr_t)text, strlen(text)};
	uint64_t token;
	int r;

	while ((r = journal_append(kit->j, 1, seq, &part, 1, &token)) == DISK_EAGAIN)
		kit_wait_event(kit); /* the next segment is being made */
	assert_int_equal(r, 0);
	assert_true(kit_wait(kit, token));
}

/* Three segments or more, the last one open. */
static int set_up(void **state)
{
	struct kit *kit = kit_new();
	char text[400];

	kit_open(kit);
	for (unsigned i = 1; i <= RECORDS; i++) {
		memset(text, 'a' + (int)(i % 26), sizeof(text));
		snprintf(text + 290 + i % 80, 20, "record %u", i);
		put(kit, i, text);
	}
	assert_true(kit->j->n_segments >= 3);
	*state = kit;
	return 0;
}

static int tear_down(void **state)
{
	kit_close(*state);
	kit_free(*state);
	return 0;
}

struct pass {
	unsigned pieces, damages;
	uint64_t octets, highest; /* highest: of the last damage */
	char text[DISK_ERROR_MAX];
};

static struct pass pass(struct kit *kit, uint64_t budget)
{
	struct journal_scrub s = {.is_done = false};
	struct pass p = {.pieces = 0};

	while (!s.is_done) {
		struct disk_error why;
		int r = journal_scrub(kit->j, &s, budget, &why);

		assert_true(r == 0 || r == DISK_EDAMAGED);
		if (r != 0) {
			p.damages++;
			p.highest = s.highest;
			snprintf(p.text, sizeof(p.text), "%s", why.text);
		}
		p.pieces++;
		p.octets += s.octets;
		assert_true(p.pieces < 10000);
	}
	return p;
}

/* An octet of a segment's file. */
static void flip(const struct kit *kit, unsigned segment, long at)
{
	char path[TEMPDIR_MAX + 64];
	FILE *f;
	int c;

	kit_path(kit, segment, path);
	f = fopen(path, "r+b");
	assert_non_null(f);
	assert_int_equal(fseek(f, at, SEEK_SET), 0);
	c = fgetc(f);
	assert_true(c >= 0);
	assert_int_equal(fseek(f, at, SEEK_SET), 0);
	assert_int_not_equal(fputc(c ^ 0x10, f), EOF);
	assert_int_equal(fclose(f), 0);
}

static void a_whole_journal_is_read_to_its_end(void **state)
{
	struct kit *kit = *state;
	struct pass p = pass(kit, UINT64_MAX);

	assert_int_equal(p.damages, 0);
	/* all of it but the rests of closed segments */
	assert_true(p.octets > RECORDS * JOURNAL_REC);
	assert_true(p.octets <= journal_octets(kit->j));
}

static void pieces_are_as_small_as_was_asked_for(void **state)
{
	struct kit *kit = *state;
	struct pass whole = pass(kit, UINT64_MAX), p = pass(kit, 1);

	assert_int_equal(p.damages, 0);
	assert_true(p.pieces >= RECORDS / 2);
	assert_int_equal(p.octets, whole.octets);
}

static void records_come_in_meanwhile(void **state)
{
	struct journal_scrub s = {.is_done = false};
	struct kit *kit = *state;
	struct disk_error why;
	unsigned pieces = 0;

	for (; !s.is_done; pieces++) {
		if (journal_scrub(kit->j, &s, 400, &why) != 0)
			fail_msg("%s", why.text);
		if (pieces < 200)
			put(kit, RECORDS + 1 + pieces, "one more, not to be taken for damage");
	}
	assert_true(pieces > 60);
}

/* Every octet that has a meaning, of a closed segment and of the open one. */
static void a_flipped_octet_is_found_wherever_it_is(void **state)
{
	struct kit *kit = *state;
	unsigned last = (unsigned)kit->j->n_segments;
	long end = (long)kit->j->durable_at;

	for (long at = 0; at < end; at += at < 104 || at >= JOURNAL_START ? 7 : 1) {
		struct pass p;

		if (at >= JOURNAL_HEAD && at < JOURNAL_START)
			continue; /* nothing, and the mark, which only a start looks at */
		flip(kit, last, at);
		p = pass(kit, 4096);
		if (p.damages == 0)
			fail_msg("octet %ld of the last segment", at);
		assert_int_equal(p.highest, RECORDS);
		flip(kit, last, at);
	}
	for (long at = JOURNAL_START; at < JOURNAL_START + 4000; at += 5) {
		flip(kit, 2, at);
		assert_int_equal(pass(kit, 4096).damages, 1);
		flip(kit, 2, at);
	}
	assert_int_equal(pass(kit, 4096).damages, 0);
}

static void damage_tells_which_sequences_it_may_cost(void **state)
{
	struct kit *kit = *state;
	struct pass p;

	flip(kit, 1, JOURNAL_START + 100);
	p = pass(kit, 4096);
	assert_int_equal(p.damages, 1);
	assert_int_equal(p.highest, kit->j->segments[0].highest);
	assert_true(p.highest < RECORDS / 2);
	assert_non_null(strstr(p.text, "journal-0000000001, offset 4096"));
	flip(kit, 3, JOURNAL_START + 100); /* and what is behind it is read as well */
	p = pass(kit, 4096);
	assert_int_equal(p.damages, 2);
	assert_true(p.highest > RECORDS / 2);
}

static void a_cut_or_missing_segment_is_damage(void **state)
{
	struct kit *kit = *state;
	char path[TEMPDIR_MAX + 64];

	kit_path(kit, 2, path);
	assert_int_equal(truncate(path, JOURNAL_START + 1000), 0);
	assert_int_equal(pass(kit, 4096).damages, 1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(pass(kit, 4096).damages, 1);
}

/* Zeros from a record on look like the end of a segment: the next one tells that it is not. */
static void records_that_are_zeroed_are_missed(void **state)
{
	struct kit *kit = *state;
	static const uint8_t zeros[1 << 16];
	char path[TEMPDIR_MAX + 64];
	FILE *f;

	kit_path(kit, 2, path);
	f = fopen(path, "r+b");
	assert_non_null(f);
	assert_int_equal(fseek(f, JOURNAL_START, SEEK_SET), 0);
	assert_int_equal(fwrite(zeros, 1, kit->j->segments[1].head.size - JOURNAL_START, f),
			 kit->j->segments[1].head.size - JOURNAL_START);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(pass(kit, 4096).damages, 1);
}

static void a_segment_that_is_trimmed_meanwhile_is_no_damage(void **state)
{
	struct journal_scrub s = {.is_done = false};
	struct kit *kit = *state;
	struct disk_error why;
	size_t before = kit->j->n_segments;

	assert_int_equal(journal_scrub(kit->j, &s, 1, &why), 0);
	kit->j->options.keep = 1;
	journal_trim(kit->j, RECORDS);
	for (unsigned waits = 0; waits < 5000; waits++) {
		struct journal_scrub other = {.is_done = false};

		(void)journal_scrub(kit->j, &other, 1, &why);
		if (other.number > 1)
			break;
		usleep(1000);
	}
	assert_true(kit->j->n_segments < before);
	while (!s.is_done)
		if (journal_scrub(kit->j, &s, 4096, &why) != 0)
			fail_msg("%s", why.text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_whole_journal_is_read_to_its_end),
		TEST(pieces_are_as_small_as_was_asked_for),
		TEST(records_come_in_meanwhile),
		TEST(a_flipped_octet_is_found_wherever_it_is),
		TEST(damage_tells_which_sequences_it_may_cost),
		TEST(a_cut_or_missing_segment_is_damage),
		TEST(records_that_are_zeroed_are_missed),
		TEST(a_segment_that_is_trimmed_meanwhile_is_no_damage),
	};

	return cmocka_run_group_tests_name("journal_scrub", tests, NULL, NULL);
}
