/*
 * What a start makes of what it finds: torn tails, holes, damage, other people's files, and
 * whatever a power cut leaves.
 */
#include "config.h"
#include "daemon/journal.h"
#include "daemon/journal_format.h"
#include "tests/lib/journal_kit.h"
#include <errno.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* Three records, each a group of its own; returns the segment's octets without a mark. */
static uint8_t *three_groups(struct kit *kit, char path[TEMPDIR_MAX + 64], size_t *n)
{
	uint8_t *octets;

	kit_open(kit);
	kit_put(kit, 2, 1, "first record");
	kit_put(kit, 2, 2, "second record, a little longer");
	kit_put(kit, 2, 3, "third record");
	kit_close(kit);
	kit_path(kit, 1, path);
	octets = tempdir_load(path, n);
	kit_unmark(octets);
	return octets;
}

/* Where record `i` (from 0) of the segment begins. */
static size_t place(const uint8_t *octets, unsigned i)
{
	size_t at = JOURNAL_START;

	for (; i > 0; i--)
		at += journal_rec_size(disk_get32(octets + at));
	return at;
}

static void torn_tail_is_cut_at_every_octet(void **state)
{
	struct kit *kit = *state;
	char path[TEMPDIR_MAX + 64];
	size_t n, from, end, at;
	uint8_t *octets = three_groups(kit, path, &n);
	uint8_t *torn = malloc(n);

	assert_non_null(torn);
	from = place(octets, 2);
	end = from + JOURNAL_REC + 12; /* behind it comes padding */
	for (at = from; at < end; at++) {
		memcpy(torn, octets, n);
		memset(torn + at, 0, n - at);
		if (memcmp(torn, octets, n) == 0)
			continue; /* the octets that were lost are zero anyway */
		tempdir_store(path, torn, n);
		kit_open(kit);
		assert_int_equal(kit->n_seen, 2);
		assert_string_equal(kit->seen[1].text, "second record, a little longer");
		assert_in_range(kit->report.cut, 0, at - from);
		kit_put(kit, 2, 3, "after the cut");
		kit_close(kit);
		kit_open(kit);
		assert_int_equal(kit->n_seen, 3);
		assert_string_equal(kit->seen[2].text, "after the cut");
		assert_int_equal(kit->report.cut, 0);
		kit_close(kit);
	}
	free(torn);
	free(octets);
}

static void flipped_octet_in_the_last_record_is_never_taken(void **state)
{
	struct kit *kit = *state;
	char path[TEMPDIR_MAX + 64];
	size_t n, from, at;
	uint8_t *octets = three_groups(kit, path, &n);

	from = place(octets, 2);
	for (at = from; at < from + journal_rec_size(12); at++) {
		octets[at] ^= (uint8_t)(1u << at % 8);
		tempdir_store(path, octets, n);
		kit_open(kit);
		assert_int_equal(kit->n_seen, 2);
		assert_in_range(kit->report.cut, JOURNAL_REC, journal_rec_size(12));
		kit_close(kit);
		octets[at] ^= (uint8_t)(1u << at % 8);
	}
	free(octets);
}

static void marked_tail_that_is_torn_is_damage(void **state)
{
	struct kit *kit = *state;
	char path[TEMPDIR_MAX + 64], where[64];
	size_t n, from, at;
	uint8_t *octets, *torn;

	free(three_groups(kit, path, &n));
	octets = tempdir_load(path, &n); /* as closed: with its mark */
	torn = malloc(n);
	assert_non_null(torn);
	from = place(octets, 2);
	(void)snprintf(where, sizeof(where), "offset %zu:", from);
	for (at = from; at < from + JOURNAL_REC + 12; at += 5) {
		memcpy(torn, octets, n);
		memset(torn + at, 0, n - at);
		if (memcmp(torn, octets, n) == 0)
			continue;
		tempdir_store(path, torn, n);
		assert_int_equal(kit_try(kit), DISK_EDAMAGED);
		assert_non_null(strstr(kit->why.text, path));
		assert_non_null(strstr(kit->why.text, where));
		assert_int_equal(kit->n_seen, 2);
	}
	free(torn);
	free(octets);
}

static void hole_in_the_middle_is_damage(void **state)
{
	struct kit *kit = *state;
	char path[TEMPDIR_MAX + 64], where[64];
	size_t n, from, at;
	uint8_t *octets = three_groups(kit, path, &n);

	from = place(octets, 1);
	(void)snprintf(where, sizeof(where), "offset %zu:", from);
	for (at = from; at < from + journal_rec_size(30); at++) {
		octets[at] ^= 0x80;
		tempdir_store(path, octets, n);
		assert_int_equal(kit_try(kit), DISK_EDAMAGED);
		assert_non_null(strstr(kit->why.text, path));
		assert_non_null(strstr(kit->why.text, where));
		assert_int_equal(kit->n_seen, 1);
		octets[at] ^= 0x80;
	}
	memset(octets + from, 0, journal_rec_size(30)); /* a write that was lost */
	tempdir_store(path, octets, n);
	assert_int_equal(kit_try(kit), DISK_EDAMAGED);
	free(octets);
}

static void damage_is_left_as_it_was_found(void **state)
{
	struct kit *kit = *state;
	char path[TEMPDIR_MAX + 64];
	size_t n, after;
	uint8_t *octets = three_groups(kit, path, &n), *found;

	octets[place(octets, 1) + JOURNAL_REC] ^= 1;
	tempdir_store(path, octets, n);
	assert_int_equal(kit_try(kit), DISK_EDAMAGED);
	found = tempdir_load(path, &after);
	assert_int_equal(after, n);
	assert_memory_equal(found, octets, n);
	free(found);
	free(octets);
}

/* One sync, of which sectors arrived in any order: what is valid behind a hole proves nothing. */
static void hole_in_an_unsynced_group_is_a_torn_tail(void **state)
{
	struct kit *kit = *state;
	char path[TEMPDIR_MAX + 64];
	unsigned before, lost;
	uint8_t *octets, *torn;
	uint64_t token;
	size_t n, at;

	kit_open(kit);
	before = kit_syncs();
	kit_disk.is_held = true;
	kit_append(kit, 2, 1, "a group of its own");
	kit_wait_sync(before + 1);
	kit_append(kit, 2, 2, "group, first");
	kit_append(kit, 2, 3, "group, second");
	token = kit_append(kit, 2, 4, "group, third");
	kit_release();
	assert_true(kit_wait(kit, token));
	kit_close(kit);
	kit_path(kit, 1, path);
	octets = tempdir_load(path, &n);
	torn = malloc(n);
	assert_non_null(torn);
	kit_unmark(octets);
	for (lost = 1; lost < 4; lost++) {
		memcpy(torn, octets, n);
		at = place(octets, lost);
		memset(torn + at, 0, JOURNAL_REC);
		tempdir_store(path, torn, n);
		kit_open(kit);
		assert_int_equal(kit->n_seen, lost);
		kit_put(kit, 2, 9, "x");
		kit_close(kit);
		kit_open(kit); /* nothing of the cut tail is there again */
		assert_int_equal(kit->n_seen, lost + 1);
		kit_close(kit);
	}
	memset(octets + JOURNAL_START, 0,
	       JOURNAL_REC); /* but the group proves what was before it */
	tempdir_store(path, octets, n);
	assert_int_equal(kit_try(kit), DISK_EDAMAGED);
	free(torn);
	free(octets);
}

/* Whoever can put octets into a batch must not be able to make a power cut look like damage. */
static void payload_that_looks_like_a_record_proves_nothing(void **state)
{
	struct kit *kit = *state;
	char path[TEMPDIR_MAX + 64];
	uint8_t payload[JOURNAL_REC + 64] = {0};
	static const uint8_t guessed_key[DISK_SUM_KEY];
	struct journal_rec rec = {.number = 9, .seq = 9, .group = KIT_SEGMENT - 8, .type = 2};
	struct iovec part = {payload, sizeof(payload)};
	uint8_t *octets;
	uint64_t token;
	size_t n, at;

	journal_rec_put(payload + 8, &rec, guessed_key);
	kit_open(kit);
	kit_put(kit, 2, 1, "first");
	assert_int_equal(journal_append(kit->j, 2, 2, &part, 1, &token), 0);
	kit_close(kit);
	kit_path(kit, 1, path);
	octets = tempdir_load(path, &n);
	kit_unmark(octets);
	at = place(octets, 1);
	assert_true(journal_rec_get(octets + at + JOURNAL_REC + 8, &rec, guessed_key, KIT_SEGMENT));
	octets[at] ^= 1;
	tempdir_store(path, octets, n);
	kit_open(kit);
	assert_int_equal(kit->n_seen, 1);
	assert_int_equal(kit->report.cut, JOURNAL_REC + sizeof(payload) - 64 + 8);
	free(octets);
}

/* Four segments of three records: segment i holds the sequences 3i-2 to 3i. */
static void four_segments(struct kit *kit)
{
	static uint8_t body[4000];
	struct iovec part = {body, sizeof(body)};
	uint64_t token = 0, seq;
	int r;

	kit_open(kit);
	for (seq = 1; seq <= 12; seq++) {
		while ((r = journal_append(kit->j, 1, seq, &part, 1, &token)) == DISK_EAGAIN)
			kit_wait_event(kit);
		assert_int_equal(r, 0);
	}
	kit_close(kit);
}

static void spoil(const struct kit *kit, unsigned segment, size_t at)
{
	char path[TEMPDIR_MAX + 64];
	uint8_t *octets;
	size_t n;

	kit_path(kit, segment, path);
	octets = tempdir_load(path, &n);
	octets[at] ^= 4;
	tempdir_store(path, octets, n);
	free(octets);
}

static void damage_in_an_earlier_segment_counts_if_its_records_are_needed(void **state)
{
	struct kit *kit = *state;
	size_t second = JOURNAL_START + journal_rec_size(4000);
	char path[TEMPDIR_MAX + 64];

	four_segments(kit);
	spoil(kit, 2, second); /* the header of sequence 5 */
	kit_path(kit, 2, path);
	kit->from_seq = 6; /* a header that is lost may hide a record of any sequence up to 6 */
	assert_int_equal(kit_try(kit), DISK_EDAMAGED);
	assert_non_null(strstr(kit->why.text, path));
	kit->from_seq = 0;
	assert_int_equal(kit_try(kit), DISK_EDAMAGED);
	kit->from_seq = 7;
	kit_open(kit);
	assert_int_equal(kit->n_seen, 6);
	assert_int_equal(kit->seen[0].seq, 7);
	assert_int_equal(kit->report.skipped, 1);
	assert_int_equal(kit->report.floor, 6);
	assert_int_equal(kit->report.highest, 12);
	assert_int_equal(journal_find(kit->j, 4, 1), 4000);
	assert_int_equal(journal_find(kit->j, 5, 1), DISK_ENOTFOUND);
	assert_int_equal(journal_find(kit->j, 7, 1), 4000);
}

static void only_headers_are_read_of_what_is_not_needed(void **state)
{
	static uint8_t body[4000];
	struct kit *kit = *state;

	four_segments(kit);
	spoil(kit, 1, JOURNAL_START + JOURNAL_REC + 100); /* the payload of sequence 1 */
	kit->from_seq = 7;
	kit_open(kit);
	assert_int_equal(kit->report.skipped, 0);
	assert_int_equal(kit->report.records, 6);
	assert_int_equal(journal_read(kit->j, 1, 1, body, sizeof(body)), DISK_EDAMAGED);
	assert_int_equal(journal_read(kit->j, 2, 1, body, sizeof(body)), 4000);
	kit_close(kit);
	kit->from_seq = 0;
	assert_int_equal(kit_try(kit), DISK_EDAMAGED);
}

static void missing_segment_is_damage_unless_all_of_it_is_old(void **state)
{
	struct kit *kit = *state;
	char path[TEMPDIR_MAX + 64];

	four_segments(kit);
	kit_path(kit, 2, path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(kit_try(kit), DISK_EDAMAGED);
	assert_non_null(strstr(kit->why.text, "a segment is missing after this one"));
	kit->from_seq = 7;
	kit_open(kit);
	assert_int_equal(kit->n_seen, 6);
	assert_int_equal(kit->report.floor, 6);
}

static void missing_first_segment_shows_in_the_floor(void **state)
{
	struct kit *kit = *state;
	char path[TEMPDIR_MAX + 64];

	four_segments(kit);
	kit_path(kit, 1, path);
	assert_int_equal(unlink(path), 0);
	kit_open(kit);
	assert_int_equal(kit->report.floor, 3);
	assert_int_equal(kit->seen[0].seq, 4);
}

static void stale_copy_of_a_segment_is_damage(void **state)
{
	struct kit *kit = *state;
	char from[TEMPDIR_MAX + 64], to[TEMPDIR_MAX + 64];
	uint8_t *octets;
	size_t n;

	four_segments(kit);
	kit_path(kit, 2, from);
	kit_path(kit, 3, to);
	octets = tempdir_load(from, &n);
	tempdir_store(to, octets, n);
	assert_int_equal(kit_try(kit), DISK_EDAMAGED);
	free(octets);
}

static void record_moved_to_another_place_is_damage(void **state)
{
	struct kit *kit = *state;
	char path[TEMPDIR_MAX + 64];
	size_t n, size = journal_rec_size(4000);
	uint8_t *octets;

	four_segments(kit);
	kit_path(kit, 1, path);
	octets = tempdir_load(path, &n);
	memcpy(octets + JOURNAL_START + size, octets + JOURNAL_START, size);
	tempdir_store(path, octets, n);
	assert_int_equal(kit_try(kit), DISK_EDAMAGED);
	assert_int_equal(kit->n_seen, 1);
	free(octets);
}

/* The disk gives back what was once written there, whole, instead of what was written last. */
static void record_of_another_past_breaks_the_chain(void **state)
{
	struct kit *kit = *state;
	char path[TEMPDIR_MAX + 64];
	size_t n, at;
	uint8_t *octets = three_groups(kit, path, &n), *past = malloc(n);

	assert_non_null(past);
	memcpy(past, octets, n);
	at = place(octets, 1);
	memset(octets + at, 0, n - at);
	tempdir_store(path, octets, n);
	free(octets);
	kit_open(kit);
	assert_int_equal(kit->n_seen, 1);
	kit_put(kit, 2, 2, "SECOND RECORD, A LITTLE LONGER");
	kit_put(kit, 2, 3, "third record");
	kit_close(kit);
	octets = tempdir_load(path, &n);
	memcpy(octets + at, past + at, journal_rec_size(30));
	tempdir_store(path, octets, n);
	assert_int_equal(kit_try(kit), DISK_EDAMAGED);
	assert_int_equal(kit->n_seen, 2);
	free(past);
	free(octets);
}

static void shortened_or_lengthened_segment_is_damage(void **state)
{
	struct kit *kit = *state;
	char path[TEMPDIR_MAX + 64];
	size_t n;
	uint8_t *octets = three_groups(kit, path, &n);

	assert_int_equal(truncate(path, 8192), 0);
	assert_int_equal(kit_try(kit), DISK_EDAMAGED);
	assert_non_null(strstr(kit->why.text, path));
	assert_int_equal(truncate(path, KIT_SEGMENT), 0); /* again as long, but empty: the mark */
	kit_open(kit);
	kit_close(kit);
	assert_int_equal(truncate(path, KIT_SEGMENT + 8), 0);
	assert_int_equal(kit_try(kit), DISK_EDAMAGED);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(kit_try(kit), DISK_EDAMAGED);
	free(octets);
}

static void every_flip_in_a_segment_header_is_refused(void **state)
{
	struct kit *kit = *state;
	char path[TEMPDIR_MAX + 64];
	size_t n, at;
	uint8_t *octets = three_groups(kit, path, &n);
	int r;

	for (at = 0; at < JOURNAL_HEAD; at++) {
		octets[at] ^= 0x20;
		tempdir_store(path, octets, n);
		r = kit_try(kit);
		assert_true(r == DISK_EDAMAGED || (at >= 8 && at < 12 && r == DISK_EVERSION));
		octets[at] ^= 0x20;
	}
	tempdir_store(path, octets, n);
	kit_open(kit);
	assert_int_equal(kit->n_seen, 3);
	free(octets);
}

static void another_networks_journal_is_refused(void **state)
{
	struct kit *kit = *state;

	kit_open(kit);
	kit_put(kit, 2, 1, "vote");
	kit_close(kit);
	kit->options.owner[31] ^= 1;
	assert_int_equal(kit_try(kit), DISK_EOWNER);
	assert_non_null(strstr(kit->why.text, "belongs to another network"));
	kit->options.owner[31] ^= 1;
	kit_open(kit);
	assert_int_equal(kit->n_seen, 1);
}

static void newer_format_is_refused(void **state)
{
	struct kit *kit = *state;
	char path[TEMPDIR_MAX + 64];
	size_t n;
	uint8_t *octets = three_groups(kit, path, &n);

	disk_put32(octets + 8, JOURNAL_FORMAT + 1);
	tempdir_store(path, octets, n);
	assert_int_equal(kit_try(kit), DISK_EVERSION);
	assert_non_null(strstr(kit->why.text, "has format 2, this program knows up to 1"));
	free(octets);
}

static void foreign_files_are_left_alone(void **state)
{
	struct kit *kit = *state;
	char path[TEMPDIR_MAX + 64];
	size_t n;

	kit_open(kit);
	kit_put(kit, 2, 1, "vote");
	kit_close(kit);
	(void)snprintf(path, sizeof(path), "%s/journal-12.bak", kit->dir);
	tempdir_store(path, (const uint8_t *)"mine", 4);
	kit_open(kit);
	assert_int_equal(kit->n_seen, 1);
	free(tempdir_load(path, &n));
	assert_int_equal(n, 4);
}

static int stop_at_once(void *arg, const struct journal_record *record)
{
	(void)record;
	++*(int *)arg;
	return 1;
}

static void visitor_can_stop_the_start(void **state)
{
	struct kit *kit = *state;
	char path[TEMPDIR_MAX + 64];
	size_t n;
	int visits = 0;

	free(three_groups(kit, path, &n));
	assert_int_equal(journal_open(&kit->j, &kit->options, &kit->why), 0);
	assert_int_equal(journal_replay(kit->j, 0, stop_at_once, &visits, NULL, &kit->why),
			 DISK_ESTOPPED);
	assert_int_equal(visits, 1);
	kit_close(kit);
}

static int pass(void *arg, const struct journal_record *record)
{
	(void)arg;
	(void)record;
	return 0;
}

/* Opened with a record in mind: is it another journal? */
static bool is_other(struct kit *kit, const struct journal_place *place)
{
	assert_int_equal(journal_open(&kit->j, &kit->options, &kit->why), 0);
	journal_expect(kit->j, place);
	assert_int_equal(journal_replay(kit->j, kit->from_seq, pass, NULL, &kit->report, &kit->why),
			 0);
	kit_close(kit);
	return kit->report.is_other != 0;
}

static void older_copy_of_the_journal_shows(void **state)
{
	struct journal_place first, last, none = {0, 0};
	struct kit *kit = *state;
	char path[TEMPDIR_MAX + 64];
	uint8_t *older, *newer;
	size_t n;

	kit_open(kit);
	assert_int_equal(journal_last(kit->j).number, 0);
	kit_put(kit, 2, 1, "first record");
	first = journal_last(kit->j);
	assert_int_equal(first.number, 1);
	kit_close(kit);
	kit_path(kit, 1, path);
	older = tempdir_load(path, &n);
	kit_open(kit);
	kit_put(kit, 2, 2, "second record");
	last = journal_last(kit->j);
	assert_int_equal(last.number, 2);
	kit_close(kit);
	newer = tempdir_load(path, &n);
	assert_false(is_other(kit, &last));
	assert_false(is_other(kit, &first));
	assert_false(is_other(kit, &none));
	tempdir_store(path, older, n);
	assert_true(is_other(kit, &last));
	assert_int_equal(kit->report.last, 1);
	assert_false(is_other(kit, &first));
	/* it has gone on since, and has as many records as the other one had */
	kit_open(kit);
	kit_put(kit, 2, 2, "another second record");
	kit_close(kit);
	assert_true(is_other(kit, &last));
	tempdir_store(path, newer, n);
	assert_false(is_other(kit, &last));
	free(older);
	free(newer);
}

static void record_that_is_trimmed_is_no_sign_of_another_journal(void **state)
{
	struct journal_place at_end, wrong;
	struct kit *kit = *state;
	char path[TEMPDIR_MAX + 64];

	four_segments(kit);
	kit_open(kit);
	at_end = journal_last(kit->j);
	kit_close(kit);
	for (unsigned segment = 1; segment < 4; segment++) {
		kit_path(kit, segment, path);
		assert_int_equal(unlink(path), 0);
	}
	kit->from_seq = 10;
	wrong = (struct journal_place){1, 77};
	assert_false(is_other(kit, &wrong)); /* nobody knows any more */
	wrong.number = 9;		     /* the next one is chained to it */
	assert_true(is_other(kit, &wrong));
	assert_false(is_other(kit, &at_end));
	at_end.number++;
	assert_true(is_other(kit, &at_end));
}

/*
 * Power cuts. While a journal is written, every write and sync is recorded; a cut leaves what was
 * synced, and of each 512 octets written since then either the old or the new ones. Whatever is
 * left must start, and hold at least what had been told to be durable.
 */
enum { CUTS = 300, CUT_RECORDS = 60, SECTOR = 512 };

static struct {
	struct journal *j;
	uint8_t durable[KIT_SEGMENT], written[KIT_SEGMENT];
	uint8_t *images[CUTS];
	uint64_t told[CUTS]; /* records that were durable */
	unsigned n;
	uint64_t random; /* the writer thread's */
} cut;

/* xorshift64 */
static uint64_t draw(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

static void take_image(void)
{
	uint8_t *image;
	size_t at;

	if (cut.n == CUTS)
		return;
	image = malloc(KIT_SEGMENT);
	if (image == NULL)
		return;
	memcpy(image, cut.durable, KIT_SEGMENT);
	for (at = 0; at < KIT_SEGMENT; at += SECTOR)
		if (draw(&cut.random) % 2 == 0)
			memcpy(image + at, cut.written + at, SECTOR);
	cut.told[cut.n] = journal_done(cut.j);
	cut.images[cut.n++] = image;
}

static void on_write(const void *octets, size_t n, off_t at)
{
	memcpy(cut.written + at, octets, n);
	take_image();
	take_image();
}

static void on_sync(void)
{
	take_image();
	memcpy(cut.durable, cut.written, KIT_SEGMENT);
	take_image();
}

static size_t cut_text(char text[512], unsigned i)
{
	size_t n = (size_t)(i * 37 % 150);

	memset(text, 0, 512);
	memset(text, 'a' + (int)(i % 26), n);
	return n;
}

/* Alternately a group of one record, and one of those that were appended during its sync. */
static void append_in_groups(struct kit *kit)
{
	uint64_t random = 77, token = 0;
	char text[512];
	unsigned i = 0, more, before;

	while (i < CUT_RECORDS) {
		before = kit_syncs();
		kit_disk.is_held = true;
		(void)cut_text(text, i);
		token = kit_append(kit, 2, i++, text);
		kit_wait_sync(before + 1);
		for (more = (unsigned)(draw(&random) % 5); more > 0 && i < CUT_RECORDS; more--) {
			(void)cut_text(text, i);
			token = kit_append(kit, 2, i++, text);
		}
		kit_release();
		assert_true(kit_wait(kit, token));
	}
}

static void record_cuts(struct kit *kit, const char *path)
{
	uint8_t *octets;
	size_t n;

	kit_open(kit);
	octets = tempdir_load(path, &n);
	assert_int_equal(n, KIT_SEGMENT);
	memcpy(cut.durable, octets, n);
	memcpy(cut.written, octets, n);
	free(octets);
	cut.j = kit->j;
	kit_disk.room_error = ENOSPC; /* no second segment: another thread would write it */
	kit_disk.on_write = on_write;
	kit_disk.on_sync = on_sync;
	append_in_groups(kit);
	kit_disk.on_write = NULL;
	kit_disk.on_sync = NULL;
	kit_disk.room_error = 0;
	kit_close(kit);
}

static void power_cut_loses_nothing_that_was_told_to_be_durable(void **state)
{
	struct kit *kit = *state;
	char path[TEMPDIR_MAX + 64], text[512];
	unsigned c, i, cuts_that_lost = 0;

	memset(&cut, 0, sizeof(cut));
	cut.random = 20261124;
	print_message("seed %llu\n", (unsigned long long)cut.random);
	kit_path(kit, 1, path);
	record_cuts(kit, path);
	assert_in_range(cut.n, 60, CUTS);
	for (c = 0; c < cut.n; c++) {
		tempdir_store(path, cut.images[c], KIT_SEGMENT);
		kit_open(kit);
		assert_in_range(kit->n_seen, cut.told[c], CUT_RECORDS);
		cuts_that_lost += kit->report.cut > 0;
		for (i = 0; i < kit->n_seen; i++) {
			assert_int_equal(kit->seen[i].seq, i);
			assert_int_equal(kit->seen[i].length, cut_text(text, i));
			assert_memory_equal(kit->seen[i].text, text, KIT_TEXT - 1);
		}
		kit_close(kit);
		free(cut.images[c]);
	}
	print_message("%u cuts, %u of them inside a write\n", cut.n, cuts_that_lost);
	assert_in_range(cuts_that_lost, 5, CUTS); /* else nothing was tried here */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(torn_tail_is_cut_at_every_octet),
		TEST(flipped_octet_in_the_last_record_is_never_taken),
		TEST(marked_tail_that_is_torn_is_damage),
		TEST(hole_in_the_middle_is_damage),
		TEST(damage_is_left_as_it_was_found),
		TEST(hole_in_an_unsynced_group_is_a_torn_tail),
		TEST(payload_that_looks_like_a_record_proves_nothing),
		TEST(damage_in_an_earlier_segment_counts_if_its_records_are_needed),
		TEST(only_headers_are_read_of_what_is_not_needed),
		TEST(missing_segment_is_damage_unless_all_of_it_is_old),
		TEST(missing_first_segment_shows_in_the_floor),
		TEST(stale_copy_of_a_segment_is_damage),
		TEST(record_moved_to_another_place_is_damage),
		TEST(record_of_another_past_breaks_the_chain),
		TEST(shortened_or_lengthened_segment_is_damage),
		TEST(every_flip_in_a_segment_header_is_refused),
		TEST(another_networks_journal_is_refused),
		TEST(newer_format_is_refused),
		TEST(foreign_files_are_left_alone),
		TEST(visitor_can_stop_the_start),
		TEST(older_copy_of_the_journal_shows),
		TEST(record_that_is_trimmed_is_no_sign_of_another_journal),
		TEST(power_cut_loses_nothing_that_was_told_to_be_durable),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("journal at a start", tests, NULL, NULL);
}
