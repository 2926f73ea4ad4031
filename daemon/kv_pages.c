/*
 * The pages of a store, looked at without LMDB: it trusts them, and ends the process that meets a
 * damaged one (measured: a zeroed page is SIGABRT, a cut file SIGBUS). Here everything is a bounded
 * read of the file, and what is wrong is a sentence. Layout, in the host's order, of LMDB 0.9 with
 * 64-bit numbers:
 *
 *   page     u64 number, u16 pad, u16 flags, u16 lower, u16 upper (or u32 pages of an overflow),
 * u16 offset of each node; nodes from the end downwards node     u16 low, u16 high, u16 flags, u16
 * key size, key, data. In a leaf low and high are the data's size, and the data are inline or the
 * number of their overflow page; in a branch low, high and flags are the child's number, and its
 * key is the lowest below it (the first one's says nothing) meta     page header, u32 magic, u32
 * version, u64 address, u64 map size, free and main table, u64 last page, u64 transaction table u32
 * page size, u16 flags, u16 depth, u64 branch, leaf, overflow pages, entries, root
 *
 * Pages 0 and 1 are the metas of the last two transactions. The main table has one value for each
 * table of ours; the free table says by transaction which pages may be used again.
 */
#include "config.h"
#include "daemon/kv_priv.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PAGE_HEAD = 16,
	NODE_HEAD = 8,
	TABLE_SIZE = 48,
	META_MAGIC = PAGE_HEAD,
	META_VERSION = META_MAGIC + 4,
	META_MAP = META_VERSION + 4 + 8,
	META_FREE = META_MAP + 8,
	META_MAIN = META_FREE + TABLE_SIZE,
	META_LAST = META_MAIN + TABLE_SIZE,
	META_TXN = META_LAST + 8,
	META_SIZE = META_TXN + 8,
	BRANCH = 1,
	LEAF = 2,
	OVERFLOWS = 4,
	META = 8,
	BIG = 1, /* of a node: its data have pages of their own */
	SUB = 2, /* they are a table */
	DEPTH_MAX = 32,
	STOPPED = 1,
};
#define MAGIC	0xbeefc0deu
#define NO_PAGE UINT64_MAX

struct walk;
typedef int visit_fn(struct walk *w, unsigned flags, const MDB_val *key, const MDB_val *data);

struct walk {
	int fd;
	const char *dir;
	struct disk_error *why;
	uint32_t page_size;
	uint64_t last; /* page in use */
	uint8_t main[TABLE_SIZE], free[TABLE_SIZE];
	uint8_t *pages; /* one for each level */
	uint8_t *big;	/* a value with pages of its own */
	size_t big_size;
	uint8_t *seen;	 /* a bit for each page; NULL: nobody counts */
	uint64_t octets; /* read so far */
	/* of the table at hand */
	const char *table;
	visit_fn *visit;
	bool has_numbers; /* its keys are numbers in the host's order */
	unsigned depth;
	struct kv_scan *scan; /* NULL: from end to end */
	const uint8_t *sum_key;
	uint16_t key_size;
	uint8_t previous[KV_KEY_MAX];
	size_t previous_n;
	/* looked for in the main table */
	const char *wanted;
	uint8_t found[TABLE_SIZE];
	bool is_found;
};

static uint16_t u16(const uint8_t *at)
{
	uint16_t v;

	memcpy(&v, at, 2);
	return v;
}

static uint32_t u32(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, 4);
	return v;
}

static uint64_t u64(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, 8);
	return v;
}

static int damage(const struct walk *w, uint64_t page, const char *what)
{
	return disk_say(w->why, DISK_EDAMAGED, "%s: table %s, page %" PRIu64 ": %s", w->dir,
			w->table, page, what);
}

/* ---- pages ---- */

static int read_at(struct walk *w, uint64_t page, uint64_t skip, uint8_t *to, size_t n)
{
	uint64_t at = page * w->page_size + skip;

	w->octets += n;
	while (n > 0) {
		ssize_t got = pread(w->fd, to, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return disk_fail(w->why, "cannot read", w->dir, errno);
		if (got == 0)
			return damage(w, page, "the file ends before it");
		to += got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

/* Each page has one use. */
static int use(struct walk *w, uint64_t page, uint64_t n)
{
	if (page < 2 || page > w->last || n > w->last - page + 1)
		return damage(w, page, "lies outside of the file");
	for (uint64_t p = page; w->seen != NULL && p < page + n; p++) {
		uint8_t bit = (uint8_t)(1u << (p & 7));

		if ((w->seen[p >> 3] & bit) != 0)
			return damage(w, p, "has two uses");
		w->seen[p >> 3] |= bit;
	}
	return 0;
}

/* A node of the page: its key, and its data (in a branch: none). false: it lies beyond the page. */
static bool node(const struct walk *w, const uint8_t *page, unsigned i, bool is_leaf,
		 uint16_t *flags, MDB_val *key, MDB_val *data)
{
	size_t at = u16(page + PAGE_HEAD + 2 * i), left;
	const uint8_t *it = page + at;

	if (at < u16(page + 14) || at % 2 != 0 || at > w->page_size - NODE_HEAD)
		return false;
	left = w->page_size - at - NODE_HEAD;
	*flags = u16(it + 4);
	*key = (MDB_val){u16(it + 6), (void *)(uintptr_t)(it + NODE_HEAD)};
	if (key->mv_size > left)
		return false;
	*data = (MDB_val){u16(it) | (size_t)u16(it + 2) << 16,
			  (void *)(uintptr_t)(it + NODE_HEAD + key->mv_size)};
	if (!is_leaf)
		return true;
	return (*flags & ~(BIG | SUB)) == 0 &&
	       ((*flags & BIG) != 0 ? 8 : data->mv_size) <= left - key->mv_size;
}

static uint64_t child(const uint8_t *page, unsigned i)
{
	const uint8_t *it = page + u16(page + PAGE_HEAD + 2 * i);

	return u16(it) | (uint64_t)u16(it + 2) << 16 | (uint64_t)u16(it + 4) << 32;
}

static int compare(const struct walk *w, const void *a, size_t a_n, const void *b, size_t b_n)
{
	int c;

	if (w->has_numbers && a_n == 8 && b_n == 8)
		return u64(a) < u64(b) ? -1 : u64(a) > u64(b);
	c = memcmp(a, b, a_n < b_n ? a_n : b_n);
	return c != 0 ? c : (a_n > b_n) - (a_n < b_n);
}

/* Keys rise through the whole table. */
static bool rises(struct walk *w, const MDB_val *key)
{
	bool good = key->mv_size > 0 && key->mv_size <= KV_KEY_MAX &&
		    (w->previous_n == 0 ||
		     compare(w, w->previous, w->previous_n, key->mv_data, key->mv_size) < 0);

	if (good) {
		memcpy(w->previous, key->mv_data, key->mv_size);
		w->previous_n = key->mv_size;
	}
	return good;
}

static int read_big(struct walk *w, MDB_val *data)
{
	uint64_t page = u64(data->mv_data), n;
	uint8_t head[PAGE_HEAD];
	int r = use(w, page, 0);

	if (data->mv_size > KV_VALUE_MAX + KV_SUM)
		return damage(w, page, "a value is longer than any");
	if (r == 0)
		r = read_at(w, page, 0, head, sizeof(head));
	if (r != 0)
		return r;
	n = u32(head + 12); /* more than needed, where a longer value stood before */
	if (u64(head) != page || u16(head + 10) != OVERFLOWS ||
	    n < (PAGE_HEAD - 1 + data->mv_size) / w->page_size + 1)
		return damage(w, page, "is not what it should be");
	r = use(w, page, n);
	if (r != 0)
		return r;
	if (data->mv_size > w->big_size) {
		uint8_t *more = realloc(w->big, data->mv_size);

		if (more == NULL)
			return disk_fail(w->why, "cannot read", w->dir, ENOMEM);
		w->big = more;
		w->big_size = data->mv_size;
	}
	data->mv_data = w->big;
	return read_at(w, page, PAGE_HEAD, w->big, data->mv_size);
}

/* ---- a table ---- */

static bool is_below_start(const struct walk *w, const MDB_val *key)
{
	return w->scan != NULL && w->scan->n > 0 &&
	       compare(w, key->mv_data, key->mv_size, w->scan->next, w->scan->n) < 0;
}

/* Enough for this time: it goes on with this key. */
static bool must_stop(struct walk *w, const MDB_val *key)
{
	if (w->scan == NULL || w->octets < w->scan->budget || w->previous_n == 0)
		return false;
	memcpy(w->scan->next, key->mv_data, key->mv_size);
	w->scan->n = key->mv_size;
	return true;
}

static int leaf(struct walk *w, uint64_t number, const uint8_t *page, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		MDB_val key, data;
		uint16_t flags;
		int r;

		if (!node(w, page, i, true, &flags, &key, &data) || key.mv_size > KV_KEY_MAX)
			return damage(w, number, "a value lies beyond it");
		if (is_below_start(w, &key))
			continue;
		if (must_stop(w, &key))
			return STOPPED;
		if (!rises(w, &key))
			return damage(w, number, "keys are out of order");
		r = (flags & BIG) != 0 ? read_big(w, &data) : 0;
		if (r == 0)
			r = w->visit(w, flags, &key, &data);
		if (r != 0)
			return r < 0 && w->why->text[0] == '\0'
				       ? damage(w, number, "a value is damaged")
				       : r;
	}
	return 0;
}

static int walk_page(struct walk *w, uint64_t number, unsigned level);

static int branch(struct walk *w, uint64_t number, unsigned level, const uint8_t *page, unsigned n)
{
	int r = 0;

	for (unsigned i = 0; i < n && r == 0; i++) {
		MDB_val key, data;
		uint16_t flags;

		/* what lies below the next key is not below this one's child alone */
		if (i + 1 < n) {
			if (!node(w, page, i + 1, false, &flags, &key, &data) ||
			    key.mv_size > KV_KEY_MAX)
				return damage(w, number, "a key lies beyond it");
			if (w->scan != NULL && w->scan->n > 0 &&
			    compare(w, key.mv_data, key.mv_size, w->scan->next, w->scan->n) <= 0)
				continue;
		}
		if (!node(w, page, i, false, &flags, &key, &data))
			return damage(w, number, "a key lies beyond it");
		r = walk_page(w, child(page, i), level + 1);
	}
	return r;
}

static int walk_page(struct walk *w, uint64_t number, unsigned level)
{
	uint8_t *page = w->pages + (size_t)level * w->page_size;
	bool is_leaf = level + 1 == w->depth;
	unsigned lower, upper;
	int r = use(w, number, 1);

	if (r == 0)
		r = read_at(w, number, 0, page, w->page_size);
	if (r != 0)
		return r;
	lower = u16(page + 12);
	upper = u16(page + 14);
	if (u64(page) != number || u16(page + 10) != (is_leaf ? LEAF : BRANCH) ||
	    lower < PAGE_HEAD + 2 || lower % 2 != 0 || lower > upper || upper > w->page_size)
		return damage(w, number, "is not what it should be");
	lower = (lower - PAGE_HEAD) / 2;
	return is_leaf ? leaf(w, number, page, lower) : branch(w, number, level, page, lower);
}

static int walk_table(struct walk *w, const uint8_t table[TABLE_SIZE], const char *name,
		      visit_fn *visit)
{
	uint64_t root = u64(table + 40);

	w->table = name;
	w->visit = visit;
	w->depth = u16(table + 6);
	w->previous_n = 0;
	if (root == NO_PAGE && w->depth == 0)
		return 0;
	if (w->depth == 0 || w->depth > DEPTH_MAX)
		return damage(w, root, "the table's depth cannot be");
	return walk_page(w, root, 0);
}

/* ---- what is in them ---- */

static int visit_value(struct walk *w, unsigned flags, const MDB_val *key, const MDB_val *data)
{
	if ((flags & SUB) != 0 || (w->key_size != 0 && key->mv_size != w->key_size) ||
	    !kv_is_whole(w->sum_key, key, data))
		return DISK_EDAMAGED;
	return 0;
}

/* Pages that a transaction has freed: how many, and which, falling. */
static int visit_free(struct walk *w, unsigned flags, const MDB_val *key, const MDB_val *data)
{
	const uint8_t *at = data->mv_data;
	uint64_t n = data->mv_size >= 8 ? u64(at) : 0, above = UINT64_MAX;
	int r = 0;

	if (flags != 0 && flags != BIG)
		return DISK_EDAMAGED;
	if (key->mv_size != 8 || data->mv_size < 8 || n > data->mv_size / 8 - 1)
		return DISK_EDAMAGED;
	for (uint64_t i = 1; i <= n && r == 0; i++) {
		uint64_t page = u64(at + 8 * i);

		r = page < above ? use(w, page, 1) : DISK_EDAMAGED;
		above = page;
	}
	return r;
}

static int visit_main(struct walk *w, unsigned flags, const MDB_val *key, const MDB_val *data)
{
	if (flags != SUB || data->mv_size != TABLE_SIZE)
		return DISK_EDAMAGED;
	if (w->wanted != NULL && key->mv_size == strlen(w->wanted) &&
	    memcmp(key->mv_data, w->wanted, key->mv_size) == 0) {
		memcpy(w->found, data->mv_data, TABLE_SIZE);
		w->is_found = true;
	}
	return 0;
}

/* ---- the whole ---- */

static bool is_page_size(uint32_t n)
{
	return n >= 512 && n <= 65536 && (n & (n - 1)) == 0;
}

/* Even ones stand in page 0, odd ones in page 1. */
static bool are_neighbours(uint64_t even, uint64_t odd)
{
	return (even == 0 && odd == 0) ||
	       (even % 2 == 0 && odd % 2 == 1 && (even + 1 == odd || odd + 1 == even));
}

static bool meta_is_good(const struct walk *w, const uint8_t meta[META_SIZE], uint64_t number)
{
	return u64(meta) == number && u16(meta + 10) == META && u32(meta + META_MAGIC) == MAGIC &&
	       u32(meta + META_VERSION) == 1 && u64(meta + META_MAP) <= 4 * KV_MAP_MAX &&
	       u32(meta + META_FREE) == w->page_size &&
	       u64(meta + META_LAST) < 4 * KV_MAP_MAX / w->page_size;
}

/* The meta of transaction `txn`, or (0) the newest. */
static int meta_read(struct walk *w, uint64_t txn)
{
	uint8_t meta[2][META_SIZE], *newest;
	int r;

	w->table = "meta";
	w->page_size = META_SIZE;
	r = read_at(w, 0, 0, meta[0], META_SIZE);
	if (r != 0)
		return r;
	w->page_size = u32(meta[0] + META_FREE);
	if (!is_page_size(w->page_size))
		return damage(w, 0, "is not what it should be");
	r = read_at(w, 1, 0, meta[1], META_SIZE);
	if (r == 0 && u32(meta[0] + META_MAGIC) == MAGIC && u32(meta[0] + META_VERSION) != 1 &&
	    memcmp(meta[0] + META_MAGIC, meta[1] + META_MAGIC, 8) == 0)
		return kv_say(w->why, "cannot read", w->dir, MDB_VERSION_MISMATCH);
	for (uint64_t i = 0; i < 2 && r == 0; i++)
		if (!meta_is_good(w, meta[i], i))
			r = damage(w, i, "is not what it should be");
	if (r == 0 && !are_neighbours(u64(meta[0] + META_TXN), u64(meta[1] + META_TXN)))
		r = damage(w, 0, "the last two transactions are not in a row");
	if (r != 0)
		return r;
	newest = u64(meta[0] + META_TXN) > u64(meta[1] + META_TXN) ? meta[0] : meta[1];
	if (txn != 0 && u64(newest + META_TXN) != txn)
		newest = newest == meta[0] ? meta[1] : meta[0];
	if (txn != 0 && u64(newest + META_TXN) != txn)
		return damage(w, 0, "the transaction that is read from is in no meta page");
	w->last = u64(newest + META_LAST);
	memcpy(w->free, newest + META_FREE, TABLE_SIZE);
	memcpy(w->main, newest + META_MAIN, TABLE_SIZE);
	w->pages = malloc((size_t)DEPTH_MAX * w->page_size);
	return w->pages != NULL ? 0 : disk_fail(w->why, "cannot read", w->dir, ENOMEM);
}

static void end(struct walk *w)
{
	free(w->pages);
	free(w->big);
	free(w->seen);
}

/* One of our tables, its place in the main table found before. */
static int walk_named(struct walk *w, const char *name, uint16_t key_size)
{
	uint8_t sum_key[DISK_SUM_KEY];
	uint8_t *seen = w->seen;
	struct kv_scan *scan = w->scan;
	int r;

	w->wanted = name;
	w->is_found = false;
	w->seen = NULL;
	w->scan = NULL;
	r = walk_table(w, w->main, "main", visit_main);
	w->seen = seen;
	w->scan = scan;
	w->wanted = NULL;
	if (r != 0 || !w->is_found)
		return r; /* a table that is not there yet is empty */
	kv_sum_key(name, sum_key);
	w->sum_key = sum_key;
	w->key_size = key_size;
	return walk_table(w, w->found, name, visit_value);
}

int kv_scan(struct kv_txn *reader, unsigned table, struct kv_scan *scan, struct disk_error *why)
{
	struct walk w = {.dir = reader->kv->dir, .why = why, .scan = scan};
	mdb_filehandle_t fd;
	int r;

	why->text[0] = '\0';
	scan->octets = 0;
	if (!reader->is_begun || table >= reader->kv->n_tables)
		return disk_say(why, DISK_EUSAGE, "%s: no such table, or not begun", w.dir);
	if (sizeof(size_t) != 8) { /* another layout: LMDB reads for itself */
		scan->is_done = true;
		return 0;
	}
	if (mdb_env_get_fd(reader->kv->env, &fd) != 0)
		return disk_say(why, DISK_ESYSTEM, "%s: has no file", w.dir);
	w.fd = fd;
	r = meta_read(&w, mdb_txn_id(reader->txn));
	if (r == 0)
		r = walk_named(&w, reader->kv->tables[table].name,
			       reader->kv->tables[table].key_size);
	end(&w);
	scan->octets = w.octets;
	scan->is_done = r == 0;
	return r == STOPPED ? 0 : r;
}

int kv_pages_check(int fd, const char *dir, const struct kv_table *tables, size_t n,
		   struct disk_error *why)
{
	struct walk w = {.fd = fd, .dir = dir, .why = why};
	int r;

	if (sizeof(size_t) != 8)
		return 0;
	r = meta_read(&w, 0);
	if (r == 0) {
		w.seen = calloc(1, w.last / 8 + 1);
		if (w.seen == NULL)
			r = disk_fail(why, "cannot read", dir, ENOMEM);
	}
	w.has_numbers = true;
	if (r == 0)
		r = walk_table(&w, w.free, "free", visit_free);
	w.has_numbers = false;
	if (r == 0)
		r = walk_table(&w, w.main, "main", visit_main);
	if (r == 0)
		r = walk_named(&w, KV_OWN_TABLE, 0);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = walk_named(&w, tables[i].name, tables[i].key_size);
	end(&w);
	return r;
}
