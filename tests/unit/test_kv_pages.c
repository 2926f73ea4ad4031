/* The pages of a store without LMDB: daemon/kv_pages.c. */
#include "config.h"
#include "daemon/kv.h"
#include "tests/lib/tempdir.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { NUMBERS, NAMES, N_TABLES, VALUES = 600, PAGE = 4096 };

static const struct kv_table tables[N_TABLES] = {{"numbers", 8}, {"names", 0}};

struct store {
	char top[TEMPDIR_MAX];
	char dir[TEMPDIR_MAX + 8];
	char file[TEMPDIR_MAX + 32];
	struct kv_options options;
	struct kv *kv;
	struct kv_txn *reader;
	struct disk_error why;
	uint64_t random;
	uint16_t size[N_TABLES][VALUES]; /* of each value; 0: not there */
};

static uint64_t draw(struct store *s)
{
	s->random = s->random * 6364136223846793005u + 1442695040888963407u;
	return s->random >> 33;
}

static void open_store(struct store *s)
{
	int r = kv_open(&s->kv, &s->options, &s->why);

	if (r != 0)
		fail_msg("%d: %s", r, s->why.text);
	assert_int_equal(kv_reader_new(s->kv, &s->reader), 0);
}

static void close_store(struct store *s)
{
	kv_reader_free(s->reader);
	kv_close(s->kv);
	s->reader = NULL;
	s->kv = NULL;
}

static int set_up(void **state)
{
	struct store *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	tempdir_make(s->top);
	(void)snprintf(s->dir, sizeof(s->dir), "%s/store", s->top);
	(void)snprintf(s->file, sizeof(s->file), "%s/data.mdb", s->dir);
	s->options = (struct kv_options){.dir = s->dir, .tables = tables, .n_tables = N_TABLES};
	s->random = 20261124;
	open_store(s);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct store *s = *state;

	close_store(s);
	tempdir_remove(s->top);
	free(s);
	return 0;
}

static struct kv_span key_of(unsigned table, uint64_t i, uint8_t key[40])
{
	disk_put64(key, i * 7919);
	memset(key + 8, 'k', 32);
	return (struct kv_span){key, table == NUMBERS ? 8 : 8 + i % 30};
}

static void fill_value(uint8_t *value, size_t n, unsigned table, uint64_t i)
{
	for (size_t at = 0; at < n; at++)
		value[at] = (uint8_t)(i * 31 + at * 7 + table + n);
}

/* Puts, replaces and deletes some; now and then a value with pages of its own. */
static void change(struct store *s, unsigned count)
{
	static uint8_t value[20000];
	struct kv_txn *txn = kv_write_begin(s->kv);
	uint8_t key[40];

	for (unsigned c = 0; c < count; c++) {
		unsigned table = (unsigned)(draw(s) % N_TABLES);
		uint64_t i = draw(s) % VALUES;
		uint64_t kind = draw(s) % 10;
		size_t n = 1 + draw(s) % (kind == 0 ? sizeof(value) : 200);

		if (kind < 3 && s->size[table][i] != 0) {
			kv_delete(txn, table, key_of(table, i, key));
			s->size[table][i] = 0;
			continue;
		}
		fill_value(value, n, table, i);
		kv_put(txn, table, key_of(table, i, key), (struct kv_span){value, n});
		s->size[table][i] = (uint16_t)n;
	}
	assert_int_equal(kv_commit(txn), 0);
}

static void assert_all_there(struct store *s)
{
	static uint8_t value[20000];
	struct kv_span got;
	uint8_t key[40];

	assert_int_equal(kv_reader_begin(s->reader), 0);
	for (unsigned table = 0; table < N_TABLES; table++)
		for (uint64_t i = 0; i < VALUES; i++) {
			int r = kv_get(s->reader, table, key_of(table, i, key), &got);

			assert_int_equal(r, s->size[table][i] == 0 ? DISK_ENOTFOUND : 0);
			if (r != 0)
				continue;
			fill_value(value, s->size[table][i], table, i);
			assert_int_equal(got.n, s->size[table][i]);
			assert_memory_equal(got.at, value, got.n);
		}
	kv_reader_end(s->reader);
}

/* All tables, piece by piece; the first status that is not 0. */
static int scan_all(struct store *s, uint64_t budget, unsigned *pieces)
{
	int r = 0;

	for (unsigned table = 0; table < N_TABLES && r == 0; table++) {
		struct kv_scan scan = {.budget = budget};

		while (r == 0 && !scan.is_done) {
			assert_int_equal(kv_reader_begin(s->reader), 0);
			r = kv_scan(s->reader, table, &scan, &s->why);
			kv_reader_end(s->reader);
			*pieces += 1;
		}
	}
	return r;
}

/* ---- the file ---- */

static uint8_t *load(struct store *s, size_t *n)
{
	return tempdir_load(s->file, n);
}

static void save(struct store *s, const uint8_t *octets, size_t n)
{
	FILE *f = fopen(s->file, "r+b");

	assert_non_null(f);
	assert_int_equal(fwrite(octets, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(truncate(s->file, (off_t)n), 0);
}

static int checked(struct store *s)
{
	return kv_check(&s->options, &s->why);
}

/* ---- tests ---- */

static void what_lmdb_writes_is_never_taken_for_damage(void **state)
{
	struct store *s = *state;
	unsigned pieces = 0;

	for (unsigned round = 0; round < 120; round++) {
		change(s, 1 + (unsigned)(draw(s) % 60));
		assert_int_equal(scan_all(s, 3 * PAGE, &pieces), 0);
		if (round % 20 == 7) {
			close_store(s);
			if (checked(s) != 0)
				fail_msg("round %u: %s", round, s->why.text);
			open_store(s);
		}
	}
	assert_true(pieces > 1000);
	assert_all_there(s);
}

static void pieces_are_as_small_as_was_asked_for(void **state)
{
	struct store *s = *state;
	struct kv_scan scan = {.budget = 8 * PAGE};

	change(s, 3000);
	while (!scan.is_done) {
		assert_int_equal(kv_reader_begin(s->reader), 0);
		if (kv_scan(s->reader, NUMBERS, &scan, &s->why) != 0)
			fail_msg("%s", s->why.text);
		kv_reader_end(s->reader);
		/* a value of its own, the way down, and metas beside it */
		assert_true(scan.octets < 8 * PAGE + 20000 + 10 * PAGE);
	}
}

static void values_written_meanwhile_are_scanned_too(void **state)
{
	struct store *s = *state;
	struct kv_scan scan = {.budget = 4 * PAGE};
	unsigned pieces = 0;

	change(s, 2000);
	for (; !scan.is_done && pieces < 2000; pieces++) {
		assert_int_equal(kv_reader_begin(s->reader), 0);
		assert_int_equal(kv_scan(s->reader, NAMES, &scan, &s->why), 0);
		kv_reader_end(s->reader);
		change(s, 3);
	}
	assert_true(scan.is_done);
	assert_true(pieces > 20);
}

/* A flipped bit is found, or nothing depends on it. */
static void a_flipped_bit_is_found_or_changes_nothing(void **state)
{
	struct store *s = *state;
	unsigned found = 0;
	uint8_t *octets;
	size_t n;

	for (unsigned round = 0; round < 30; round++)
		change(s, 60);
	close_store(s);
	octets = load(s, &n);
	for (unsigned round = 0; round < 250; round++) {
		size_t at = draw(s) % n;
		uint8_t bit = (uint8_t)(1u << draw(s) % 8);
		int r;

		octets[at] ^= bit;
		save(s, octets, n);
		r = checked(s);
		if (r == 0) {
			open_store(s);
			assert_all_there(s);
			close_store(s);
		}
		found += r == DISK_EDAMAGED;
		assert_true(r == 0 || r == DISK_EDAMAGED);
		octets[at] ^= bit;
		save(s, octets, n);
	}
	assert_true(found > 50);
	assert_int_equal(checked(s), 0);
	free(octets);
	open_store(s);
}

static void bits_of_the_first_pages_are_found_or_change_nothing(void **state)
{
	struct store *s = *state;
	uint8_t *octets;
	size_t n;

	for (unsigned round = 0; round < 5; round++)
		change(s, 60);
	close_store(s);
	octets = load(s, &n);
	for (size_t at = 0; at < 2 * PAGE; at += at % PAGE == 159 ? PAGE - 159 : 1) {
		int r;

		octets[at] ^= (uint8_t)(1u << at % 8);
		save(s, octets, n);
		r = checked(s);
		/* the number of the transaction: the one before it stands, as after a power cut */
		if (r == 0 && at % PAGE < 152) {
			open_store(s);
			assert_all_there(s);
			close_store(s);
		} else if (r != 0 && r != DISK_EDAMAGED) {
			fail_msg("octet %zu: %d %s", at, r, s->why.text);
		}
		octets[at] ^= (uint8_t)(1u << at % 8);
	}
	save(s, octets, n);
	free(octets);
	open_store(s);
}

/* Each page, one after the other: zeroed, and with what another page has. While it is open. */
static void scan_meets_every_kind_of_page_and_lives(void **state)
{
	struct store *s = *state;
	unsigned found = 0, pieces = 0;
	uint8_t *octets, *other;
	size_t n;

	for (unsigned round = 0; round < 10; round++)
		change(s, 150);
	octets = load(s, &n);
	other = load(s, &n);
	for (size_t page = 2; page < n / PAGE; page++) {
		bool was;

		memset(other + page * PAGE, 0, PAGE);
		save(s, other, n);
		was = scan_all(s, 1 << 20, &pieces) == DISK_EDAMAGED;
		found += was;
		memcpy(other + page * PAGE, octets + (page % 50 + 2) * PAGE, PAGE);
		save(s, other, n);
		if (was && page != page % 50 + 2) /* misdirected: its number is another one's, */
			found += scan_all(s, 1 << 20, &pieces) == DISK_EDAMAGED;
		memcpy(other + page * PAGE, octets + page * PAGE, PAGE);
	}
	save(s, octets, n);
	assert_int_equal(scan_all(s, 1 << 20, &pieces), 0);
	assert_true(found > 60);
	assert_all_there(s);
	free(octets);
	free(other);
}

static void a_cut_file_is_damage(void **state)
{
	struct store *s = *state;
	uint8_t *octets;
	size_t n;

	change(s, 1500);
	close_store(s);
	octets = load(s, &n);
	for (unsigned round = 0; round < 20; round++) {
		size_t left = draw(s) % (n - PAGE);
		int r;

		save(s, octets, left);
		r = checked(s);
		if (r != DISK_EDAMAGED)
			fail_msg("%zu of %zu: %d %s", left, n, r, s->why.text);
	}
	save(s, octets, n);
	free(octets);
	open_store(s);
	assert_all_there(s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_lmdb_writes_is_never_taken_for_damage),
		TEST(pieces_are_as_small_as_was_asked_for),
		TEST(values_written_meanwhile_are_scanned_too),
		TEST(a_flipped_bit_is_found_or_changes_nothing),
		TEST(bits_of_the_first_pages_are_found_or_change_nothing),
		TEST(scan_meets_every_kind_of_page_and_lives),
		TEST(a_cut_file_is_damage),
	};

	return cmocka_run_group_tests_name("kv_pages", tests, NULL, NULL);
}
