#include "config.h"
#include "daemon/kv.h"
#include "daemon/kv_priv.h"
#include "tests/lib/tempdir.h"
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	NUMBERS, /* keys of 8 octets */
	NAMES,	 /* any keys */
	N_TABLES
};

static const struct kv_table tables[N_TABLES] = {{"numbers", 8}, {"names", 0}};

struct store {
	char top[TEMPDIR_MAX];
	char dir[TEMPDIR_MAX + 8];
	char file[TEMPDIR_MAX + 32];
	struct kv_options options;
	struct kv *kv;
	struct kv_txn *reader;
	struct disk_error why;
};

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
	s->options.dir = s->dir;
	s->options.tables = tables;
	s->options.n_tables = N_TABLES;
	s->options.map_size = KV_MAP_MIN;
	memset(s->options.owner, 9, sizeof(s->options.owner));
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

static struct kv_span text(const char *t)
{
	return (struct kv_span){t, strlen(t)};
}

static const struct kv_span none;

static struct kv_span number(uint64_t v)
{
	static struct kv_key keys[4];
	static unsigned turn;
	struct kv_key *key = &keys[turn++ % 4];

	kv_key_init(key);
	kv_key_add_u64(key, v);
	return kv_key_span(key);
}

static void put_one(struct store *s, unsigned table, struct kv_span key, const char *value)
{
	struct kv_txn *txn = kv_write_begin(s->kv);

	assert_int_equal(kv_put(txn, table, key, text(value)), 0);
	assert_int_equal(kv_commit(txn), 0);
}

static void assert_value(struct kv_txn *txn, unsigned table, struct kv_span key, const char *value)
{
	struct kv_span v;

	assert_int_equal(kv_get(txn, table, key, &v), 0);
	assert_int_equal(v.n, strlen(value));
	assert_memory_equal(v.at, value, v.n);
}

static int get(struct store *s, unsigned table, struct kv_span key)
{
	struct kv_span v;

	assert_int_equal(kv_reader_begin(s->reader), 0);
	return kv_get(s->reader, table, key, &v);
}

static void what_was_put_is_there_after_reopening(void **state)
{
	struct store *s = *state;
	struct kv_txn *txn = kv_write_begin(s->kv);

	kv_put(txn, NAMES, text("colour"), text("red"));
	kv_put(txn, NAMES, text("colour"), text("blue"));
	kv_put(txn, NAMES, text("nothing"), none);
	kv_put(txn, NUMBERS, number(7), text("seven"));
	assert_value(txn, NAMES, text("colour"), "blue");
	assert_int_equal(kv_commit(txn), 0);
	close_store(s);
	open_store(s);
	assert_int_equal(kv_reader_begin(s->reader), 0);
	assert_value(s->reader, NAMES, text("colour"), "blue");
	assert_value(s->reader, NAMES, text("nothing"), "");
	assert_value(s->reader, NUMBERS, number(7), "seven");
	assert_int_equal(get(s, NUMBERS, number(8)), DISK_ENOTFOUND);
	assert_int_equal(get(s, NAMES, text("seven")), DISK_ENOTFOUND);
}

static void deleted_is_gone_and_deleting_nothing_is_no_failure(void **state)
{
	struct store *s = *state;
	struct kv_txn *txn;

	put_one(s, NAMES, text("a"), "1");
	txn = kv_write_begin(s->kv);
	assert_int_equal(kv_delete(txn, NAMES, text("a")), 0);
	assert_int_equal(kv_delete(txn, NAMES, text("b")), 0);
	assert_int_equal(kv_commit(txn), 0);
	assert_int_equal(get(s, NAMES, text("a")), DISK_ENOTFOUND);
}

static void first_failure_sticks_and_nothing_is_kept(void **state)
{
	struct store *s = *state;
	struct kv_txn *txn = kv_write_begin(s->kv);
	struct kv_span v;

	assert_int_equal(kv_put(txn, NAMES, text("before"), text("1")), 0);
	assert_int_equal(kv_put(txn, NUMBERS, text("short"), text("1")), DISK_EUSAGE);
	assert_int_equal(kv_put(txn, NAMES, text("after"), text("1")), DISK_EUSAGE);
	assert_int_equal(kv_append(txn, NAMES, text("z"), text("1")), DISK_EUSAGE);
	assert_int_equal(kv_delete(txn, NAMES, text("before")), DISK_EUSAGE);
	assert_int_equal(kv_delete_range(txn, NAMES, none, none, 9), DISK_EUSAGE);
	assert_int_equal(kv_get(txn, NAMES, text("before"), &v), DISK_EUSAGE);
	assert_int_equal(kv_commit(txn), DISK_EUSAGE);
	assert_int_equal(get(s, NAMES, text("before")), DISK_ENOTFOUND);
	assert_null(kv_error(s->kv));
	put_one(s, NAMES, text("before"), "the next one works");
}

static void not_finding_does_not_stick(void **state)
{
	struct store *s = *state;
	struct kv_txn *txn = kv_write_begin(s->kv);
	struct kv_span v;

	assert_int_equal(kv_get(txn, NAMES, text("a"), &v), DISK_ENOTFOUND);
	assert_int_equal(kv_put(txn, NAMES, text("a"), text("1")), 0);
	assert_int_equal(kv_commit(txn), 0);
	assert_int_equal(get(s, NAMES, text("a")), 0);
}

static void misuse_is_refused(void **state)
{
	struct store *s = *state;
	static const uint8_t long_key[KV_KEY_MAX + 1];
	struct kv_txn *txn;
	struct kv_span v;

	assert_int_equal(kv_get(s->reader, NAMES, text("a"), &v), DISK_EUSAGE); /* not begun */
	assert_int_equal(kv_reader_begin(s->reader), 0);
	assert_int_equal(kv_put(s->reader, NAMES, text("a"), text("1")), DISK_EUSAGE);
	assert_int_equal(kv_commit(s->reader), DISK_EUSAGE);
	assert_int_equal(kv_get(s->reader, N_TABLES, text("a"), &v), DISK_EUSAGE);
	assert_int_equal(kv_get(s->reader, NAMES, none, &v), DISK_EUSAGE);
	txn = kv_write_begin(s->kv);
	assert_int_equal(kv_put(txn, NAMES, (struct kv_span){long_key, sizeof(long_key)}, none),
			 DISK_EUSAGE);
	kv_abort(txn);
	txn = kv_write_begin(s->kv);
	assert_ptr_equal(kv_write_begin(s->kv), txn); /* begun twice: tells, and harms nothing */
	assert_int_equal(kv_commit(txn), DISK_EUSAGE);
	put_one(s, NAMES, text("a"), "1");
}

static void aborted_is_not_there(void **state)
{
	struct store *s = *state;
	struct kv_txn *txn = kv_write_begin(s->kv);

	assert_int_equal(kv_put(txn, NAMES, text("a"), text("1")), 0);
	kv_abort(txn);
	kv_abort(txn);
	assert_int_equal(get(s, NAMES, text("a")), DISK_ENOTFOUND);
}

static void reader_sees_one_state_until_begun_again(void **state)
{
	struct store *s = *state;
	struct kv_txn *other;

	put_one(s, NAMES, text("a"), "old");
	assert_int_equal(kv_reader_new(s->kv, &other), 0);
	assert_int_equal(kv_reader_begin(s->reader), 0);
	put_one(s, NAMES, text("a"), "new");
	assert_int_equal(kv_reader_begin(other), 0);
	assert_value(s->reader, NAMES, text("a"), "old");
	assert_value(other, NAMES, text("a"), "new");
	assert_int_equal(kv_reader_begin(s->reader), 0);
	assert_value(s->reader, NAMES, text("a"), "new");
	kv_reader_free(other);
}

static void append_takes_rising_keys_only(void **state)
{
	struct store *s = *state;
	struct kv_txn *txn = kv_write_begin(s->kv);
	struct kv_span key, value;
	uint64_t i;

	for (i = 1; i <= 1000; i++)
		assert_int_equal(kv_append(txn, NUMBERS, number(i), text("x")), 0);
	assert_int_equal(kv_commit(txn), 0);
	txn = kv_write_begin(s->kv);
	assert_int_equal(kv_append(txn, NUMBERS, number(500), text("x")), DISK_EORDER);
	assert_int_equal(kv_commit(txn), DISK_EORDER);
	assert_int_equal(kv_reader_begin(s->reader), 0);
	assert_int_equal(kv_last(s->reader, NUMBERS, &key, &value), 0);
	assert_int_equal(disk_get64(key.at), 1000);
	assert_int_equal(value.n, 1);
	assert_int_equal(kv_last(s->reader, NAMES, &key, &value), DISK_ENOTFOUND);
}

static void fill_numbers(struct store *s, uint64_t from, uint64_t to)
{
	struct kv_txn *txn = kv_write_begin(s->kv);

	for (; from <= to; from++)
		assert_int_equal(kv_put(txn, NUMBERS, number(from), number(from * 3)), 0);
	assert_int_equal(kv_commit(txn), 0);
}

struct visits {
	uint64_t first, last, n, stop_at;
};

static int visit(void *arg, struct kv_span key, struct kv_span value)
{
	struct visits *v = arg;
	uint64_t i = disk_get64(key.at);

	assert_int_equal(key.n, 8);
	assert_int_equal(value.n, 8);
	assert_int_equal(disk_get64(value.at), i * 3);
	if (v->n++ == 0)
		v->first = i;
	else
		assert_in_range(i, v->last + 1, UINT64_MAX);
	v->last = i;
	return i == v->stop_at;
}

static struct visits walk(struct store *s, struct kv_span from, struct kv_span to)
{
	struct visits v = {0};

	assert_int_equal(kv_reader_begin(s->reader), 0);
	assert_int_equal(kv_walk(s->reader, NUMBERS, from, to, visit, &v), 0);
	return v;
}

static void walk_visits_what_lies_between(void **state)
{
	struct store *s = *state;
	struct visits v;

	v = walk(s, none, none);
	assert_int_equal(v.n, 0);
	fill_numbers(s, 10, 600);
	v = walk(s, none, none);
	assert_int_equal(v.first, 10);
	assert_int_equal(v.n, 591);
	v = walk(s, number(0), number(20));
	assert_int_equal(v.last, 19);
	assert_int_equal(v.n, 10);
	v = walk(s, number(599), number(1000));
	assert_int_equal(v.first, 599);
	assert_int_equal(v.n, 2);
	v = walk(s, number(601), none);
	assert_int_equal(v.n, 0);
	v.stop_at = 12;
	assert_int_equal(kv_walk(s->reader, NUMBERS, none, none, visit, &v), DISK_ESTOPPED);
	assert_int_equal(v.n, 3);
}

static void range_delete_is_bounded_and_exact(void **state)
{
	struct store *s = *state;
	struct kv_txn *txn;
	struct visits v;

	fill_numbers(s, 1, 5000);
	put_one(s, NAMES, text("a"), "untouched");
	txn = kv_write_begin(s->kv);
	assert_int_equal(kv_delete_range(txn, NUMBERS, number(100), number(200), 1000), 100);
	assert_int_equal(kv_delete_range(txn, NUMBERS, number(100), number(200), 1000), 0);
	assert_int_equal(kv_delete_range(txn, NUMBERS, none, number(4000), 50), 50);
	assert_int_equal(kv_delete_range(txn, NUMBERS, number(4001), none, 10000), 1000);
	assert_int_equal(kv_commit(txn), 0);
	v = walk(s, none, none);
	assert_int_equal(v.first, 51);
	assert_int_equal(v.last, 4000);
	assert_int_equal(v.n, 4000 - 50 - 100);
	v = walk(s, number(90), number(210));
	assert_int_equal(v.n, 20);
	assert_int_equal(get(s, NAMES, text("a")), 0);
}

/* Finds the only place where the octets stand in the file. */
static uint8_t *find(uint8_t *octets, size_t n, const char *what)
{
	uint8_t *at = memmem(octets, n, what, strlen(what));

	assert_non_null(at);
	assert_null(memmem(at + 1, n - (size_t)(at + 1 - octets), what, strlen(what)));
	return at;
}

static void flipped_bit_in_a_value_is_found(void **state)
{
	struct store *s = *state;
	struct kv_span key, value;
	unsigned bit;
	uint8_t *octets, *at;
	size_t n;

	put_one(s, NAMES, text("a"), "decided: bank debits, ATM pays out");
	put_one(s, NUMBERS, number(1), "another value");
	for (bit = 0; bit < 8 * 42; bit += 7) { /* the value, and its sum behind it */
		close_store(s);
		octets = tempdir_load(s->file, &n);
		at = find(octets, n, "decided: bank");
		at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		tempdir_store(s->file, octets, n);
		open_store(s);
		assert_int_equal(get(s, NAMES, text("a")), DISK_EDAMAGED);
		assert_int_equal(kv_last(s->reader, NAMES, &key, &value), DISK_EDAMAGED);
		assert_int_equal(kv_walk(s->reader, NAMES, none, none, visit, NULL), DISK_EDAMAGED);
		assert_int_equal(get(s, NUMBERS, number(1)), 0);
		close_store(s);
		assert_int_equal(kv_check(&s->options, &s->why), DISK_EDAMAGED);
		at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		tempdir_store(s->file, octets, n);
		free(octets);
		open_store(s);
		assert_int_equal(get(s, NAMES, text("a")), 0);
	}
}

static void value_under_another_key_is_found(void **state)
{
	struct store *s = *state;
	uint8_t *octets, *a, *b;
	uint8_t swap[12 + KV_SUM];
	struct kv_txn *txn = kv_write_begin(s->kv);
	size_t n;

	kv_put(txn, NAMES, text("a"), text("custody: yes"));
	kv_put(txn, NAMES, text("b"), text("custody: not"));
	assert_int_equal(kv_commit(txn), 0);
	close_store(s);
	octets = tempdir_load(s->file, &n);
	a = find(octets, n, "custody: yes");
	b = find(octets, n, "custody: not");
	memcpy(swap, a, sizeof(swap));
	memcpy(a, b, sizeof(swap));
	memcpy(b, swap, sizeof(swap));
	tempdir_store(s->file, octets, n);
	free(octets);
	open_store(s);
	assert_int_equal(get(s, NAMES, text("a")), DISK_EDAMAGED);
	assert_int_equal(get(s, NAMES, text("b")), DISK_EDAMAGED);
}

static void sums_differ_between_tables(void **state)
{
	uint8_t one[DISK_SUM_KEY], two[DISK_SUM_KEY], key[] = "key";
	MDB_val k = {3, key};

	(void)state;
	kv_sum_key("numbers", one);
	kv_sum_key("names", two);
	assert_memory_not_equal(one, two, sizeof(one));
	assert_true(kv_sum(one, &k, "value", 5) != kv_sum(two, &k, "value", 5));
	k.mv_size = 2;
	assert_true(kv_sum(one, &k, "value", 5) != kv_sum(one, &(MDB_val){3, key}, "value", 5));
}

/* Puts values of 4000 octets until something happens. */
static int fill_map(struct store *s, uint64_t *n)
{
	static uint8_t octets[4000];
	struct kv_txn *txn = kv_write_begin(s->kv);
	unsigned i;

	for (i = 0; i < 20; i++)
		kv_put(txn, NUMBERS, number(*n + i), (struct kv_span){octets, sizeof(octets)});
	i = (unsigned)-kv_commit(txn);
	if (i == 0)
		*n += 20;
	return -(int)i;
}

static void full_map_keeps_what_was_there_and_grows(void **state)
{
	struct store *s = *state;
	uint64_t n = 1, before;
	int r;

	assert_int_equal(kv_is_tight(s->kv), 0);
	while ((r = fill_map(s, &n)) == 0)
		assert_in_range(n, 1, KV_MAP_MIN / 4000);
	assert_int_equal(r, DISK_ENOROOM);
	assert_int_equal(kv_is_tight(s->kv), 1);
	assert_null(kv_error(s->kv));
	assert_int_equal(get(s, NUMBERS, number(n - 1)), 0);
	assert_int_equal(get(s, NUMBERS, number(n)), DISK_ENOTFOUND);
	assert_int_equal(kv_grow(s->kv, &s->why), DISK_EUSAGE); /* the reader is begun */
	kv_reader_end(s->reader);
	assert_int_equal(kv_grow(s->kv, &s->why), 0);
	assert_int_equal(kv_is_tight(s->kv), 0);
	before = n;
	assert_int_equal(fill_map(s, &n), 0);
	assert_int_equal(get(s, NUMBERS, number(before)), 0);
	close_store(s);
	open_store(s); /* with the small map of the options */
	assert_int_equal(kv_is_tight(s->kv), 0);
	assert_int_equal(fill_map(s, &n), 0);
}

static void map_tells_that_it_gets_tight_before_it_is_full(void **state)
{
	struct store *s = *state;
	uint64_t n = 1;

	while (!kv_is_tight(s->kv))
		assert_int_equal(fill_map(s, &n), 0);
	assert_in_range(n, KV_MAP_MIN / 8192, KV_MAP_MIN / 4096);
}

static void map_grows_up_to_its_limit(void **state)
{
	struct store *s = *state;

	close_store(s);
	s->options.map_max = 2 * KV_MAP_MIN;
	open_store(s);
	assert_int_equal(kv_grow(s->kv, &s->why), 0);
	assert_int_equal(kv_grow(s->kv, &s->why), DISK_ENOROOM);
	assert_non_null(strstr(s->why.text, s->dir));
}

static void failed_commit_is_final(void **state)
{
	struct store *s = *state;
	struct rlimit old, tight;
	struct stat st;
	uint64_t n = 1000;

	put_one(s, NAMES, text("a"), "before");
	assert_int_equal(stat(s->file, &st), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	tight = old;
	tight.rlim_cur = (rlim_t)st.st_size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	assert_int_equal(fill_map(s, &n), DISK_EFAILED);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	(void)signal(SIGXFSZ, SIG_DFL);
	assert_non_null(kv_error(s->kv));
	assert_non_null(strstr(kv_error(s->kv), "cannot commit to"));
	assert_non_null(strstr(kv_error(s->kv), s->dir));
	assert_int_equal(fill_map(s, &n), DISK_EFAILED); /* there is room now: still not */
	assert_int_equal(kv_commit(kv_write_begin(s->kv)), DISK_EFAILED);
	assert_int_equal(get(s, NAMES, text("a")), 0);
	close_store(s);
	open_store(s);
	assert_int_equal(get(s, NAMES, text("a")), 0);
	assert_int_equal(get(s, NUMBERS, number(1000)), DISK_ENOTFOUND);
	assert_int_equal(fill_map(s, &n), 0);
}

static void another_networks_store_is_refused(void **state)
{
	struct store *s = *state;
	struct kv *kv;

	close_store(s);
	s->options.owner[0] ^= 1;
	assert_int_equal(kv_open(&kv, &s->options, &s->why), DISK_EOWNER);
	assert_null(kv);
	assert_non_null(strstr(s->why.text, "belongs to another network"));
	s->options.owner[0] ^= 1;
	open_store(s);
}

static void newer_format_is_refused(void **state)
{
	struct store *s = *state;
	uint8_t sum_key[DISK_SUM_KEY], octets[4 + 5 + KV_SUM] = {0, 0, 0, KV_FORMAT + 1};
	char name[] = "format";
	MDB_val k = {6, name}, v = {sizeof(octets), octets};
	struct kv *kv;
	MDB_txn *txn;
	MDB_dbi dbi;

	kv_sum_key("kv-format", sum_key);
	disk_put64(octets + 9, kv_sum(sum_key, &k, octets, 9));
	assert_int_equal(mdb_txn_begin(s->kv->env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, "kv-format", 0, &dbi), 0);
	assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	close_store(s);
	assert_int_equal(kv_open(&kv, &s->options, &s->why), DISK_EVERSION);
	assert_non_null(strstr(s->why.text, "has format 2, this program knows up to 1"));
	tempdir_remove(s->dir);
	open_store(s);
}

static void file_of_something_else_is_refused(void **state)
{
	struct store *s = *state;
	static uint8_t octets[16384];
	struct kv *kv;

	close_store(s);
	memset(octets, 'x', sizeof(octets));
	tempdir_store(s->file, octets, sizeof(octets));
	assert_int_equal(kv_open(&kv, &s->options, &s->why), DISK_EDAMAGED);
	assert_non_null(strstr(s->why.text, s->dir));
	tempdir_remove(s->dir);
	open_store(s);
}

static void check_survives_damage_that_would_end_the_process(void **state)
{
	struct store *s = *state;
	uint8_t *octets;
	size_t n, page;
	uint64_t keys = 1;
	unsigned found = 0;

	while (keys < 100)
		assert_int_equal(fill_map(s, &keys), 0);
	fill_numbers(s, 1000, 1500);
	close_store(s);
	assert_int_equal(kv_check(&s->options, &s->why), 0);
	octets = tempdir_load(s->file, &n);
	assert_int_equal(truncate(s->file, (off_t)n / 2), 0);
	assert_int_equal(kv_check(&s->options, &s->why), DISK_EDAMAGED);
	assert_non_null(strstr(s->why.text, s->dir));
	tempdir_store(s->file, octets, n);
	for (page = 2; page < n / 4096; page += 5) {
		uint8_t keep[4096];

		memcpy(keep, octets + page * 4096, 4096);
		memset(octets + page * 4096, 0, 4096);
		tempdir_store(s->file, octets, n);
		memcpy(octets + page * 4096, keep, 4096);
		found += kv_check(&s->options, &s->why) == DISK_EDAMAGED;
	}
	print_message("%u of %zu zeroed pages matter\n", found, (n / 4096 - 2 + 4) / 5);
	assert_in_range(found, 10, n / 4096);
	tempdir_store(s->file, octets, n);
	free(octets);
	assert_int_equal(kv_check(&s->options, &s->why), 0);
	open_store(s);
}

static void check_of_no_store_is_no_failure(void **state)
{
	struct store *s = *state;

	close_store(s);
	tempdir_remove(s->dir);
	assert_int_equal(kv_check(&s->options, &s->why), 0);
	open_store(s);
}

static void keys_are_put_together_in_sorting_order(void **state)
{
	static const uint8_t expected[] = {'d', 0, 0, 0, 0, 0, 0, 1, 2};
	static const uint8_t filler[KV_KEY_MAX - 4];
	struct kv_key key;

	(void)state;
	kv_key_init(&key);
	kv_key_add(&key, "d", 1);
	kv_key_add_u64(&key, 258);
	assert_int_equal(kv_key_span(&key).n, sizeof(expected));
	assert_memory_equal(kv_key_span(&key).at, expected, sizeof(expected));
	kv_key_init(&key);
	kv_key_add(&key, filler, sizeof(filler));
	kv_key_add_u64(&key, 1); /* too much: and stays so */
	kv_key_add(&key, "", 0);
	assert_int_equal(kv_key_span(&key).n, KV_KEY_MAX + 1);
}

static void directory_is_only_for_its_owner(void **state)
{
	struct store *s = *state;
	struct stat st;

	assert_int_equal(stat(s->dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat(s->file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_put_is_there_after_reopening),
		TEST(deleted_is_gone_and_deleting_nothing_is_no_failure),
		TEST(first_failure_sticks_and_nothing_is_kept),
		TEST(not_finding_does_not_stick),
		TEST(misuse_is_refused),
		TEST(aborted_is_not_there),
		TEST(reader_sees_one_state_until_begun_again),
		TEST(append_takes_rising_keys_only),
		TEST(walk_visits_what_lies_between),
		TEST(range_delete_is_bounded_and_exact),
		TEST(flipped_bit_in_a_value_is_found),
		TEST(value_under_another_key_is_found),
		TEST(sums_differ_between_tables),
		TEST(full_map_keeps_what_was_there_and_grows),
		TEST(map_tells_that_it_gets_tight_before_it_is_full),
		TEST(map_grows_up_to_its_limit),
		TEST(failed_commit_is_final),
		TEST(another_networks_store_is_refused),
		TEST(newer_format_is_refused),
		TEST(file_of_something_else_is_refused),
		TEST(check_survives_damage_that_would_end_the_process),
		TEST(check_of_no_store_is_no_failure),
		TEST(keys_are_put_together_in_sorting_order),
		TEST(directory_is_only_for_its_owner),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("kv", tests, NULL, NULL);
}
