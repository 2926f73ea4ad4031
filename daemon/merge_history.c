/*
 * The history in the store, as it is served to those who transfer a state, and as it comes from
 * others: draft {#transfer}. By key:
 *
 *   history  u8 0, u64 section   hashes of its 128 leaves
 *            u8 l, u64 index     l > 0: root over 2^(l-1) whole sections, number `index` of these
 *   chunks   u64 seq             u64 T, the outcomes that became final in that batch, the changes
 *
 * A section is there once it is whole, which it is at each checkpoint (RUN_INTERVAL is its size).
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/merge_priv.h"
#include "libproto/crypto.h"
#include "libproto/merkle.h"

enum { BITS = 7, NODE_KEY = 1 + 8, LEVELS = AP_FRONTIER_MAX - BITS };
_Static_assert(1 << BITS == AP_SECTION_LEAVES, "a section is a whole subtree");

/* ---- nodes ---- */

static struct kv_span node_key(uint8_t key[NODE_KEY], unsigned level, uint64_t index)
{
	key[0] = (uint8_t)level;
	disk_put64(key + 1, index);
	return (struct kv_span){key, NODE_KEY};
}

static void put_node(struct kv_txn *txn, unsigned level, uint64_t index, const uint8_t node[32])
{
	uint8_t key[NODE_KEY];

	kv_put(txn, HISTORY, node_key(key, level, index), (struct kv_span){node, 32});
}

static bool get_node(struct kv_txn *txn, unsigned level, uint64_t index, uint8_t node[32])
{
	uint8_t key[NODE_KEY];
	struct kv_span value;

	if (kv_get(txn, HISTORY, node_key(key, level, index), &value) != 0 || value.n != 32)
		return false;
	memcpy(node, value.at, 32);
	return true;
}

static void put_leaves(struct kv_txn *txn, uint64_t section, const uint8_t *leaves)
{
	uint8_t key[NODE_KEY];

	kv_put(txn, HISTORY, node_key(key, 0, section),
	       (struct kv_span){leaves, AP_SECTION_LEAVES * 32});
}

/* A new section, and what it completes further up. */
static void add_section(struct kv_txn *txn, uint64_t section, const uint8_t *leaves)
{
	uint8_t node[32], left[32];

	put_leaves(txn, section, leaves);
	transfer_section_root(ap_sha256, BITS, leaves, node);
	for (unsigned level = 1; level < LEVELS; level++, section >>= 1) {
		put_node(txn, level, section, node);
		if (section % 2 == 0 || !get_node(txn, level, section - 1, left))
			return;
		ap_merkle_node(ap_sha256, node, left, node);
	}
}

/* ---- chunks ---- */

static void put_chunk(struct kv_txn *txn, uint64_t seq, uint64_t time_ms, uint8_t *value, size_t n)
{
	uint8_t key[8];

	disk_put64(key, seq);
	disk_put64(value, time_ms);
	kv_put(txn, CHUNKS, (struct kv_span){key, 8}, (struct kv_span){value, 8 + n});
}

enum { CHUNK_MAX = 8 + MERGE_CHUNK_MAX };

static void put_chunks(struct kv_txn *txn, const struct merge_job *job, const struct entry **order,
		       size_t n, uint8_t *value)
{
	uint64_t first = job->seq - job->n_tail + 1;
	size_t at = 0;

	while (at < n && order[at]->sequence < first)
		at++;
	for (size_t i = 0; i < job->n_tail; i++) {
		struct ap_writer w;

		ap_writer_init(&w, value + 8, CHUNK_MAX - 8);
		for (; at < n && order[at]->sequence == first + i; at++)
			merge_chunk_add(&w, order[at]);
		ap_octets_put(&w, job->tail[i].changes, job->tail[i].changes_len);
		put_chunk(txn, first + i, job->tail[i].time_ms, value, ap_writer_len(&w));
	}
}

static void put_sections(struct kv_txn *txn, const struct merge_job *job)
{
	uint8_t leaves[AP_SECTION_LEAVES * 32];
	uint64_t before = job->seq - job->n_tail;

	if (before % AP_SECTION_LEAVES != 0 || job->seq % AP_SECTION_LEAVES != 0)
		return;
	for (size_t i = 0; i < job->n_tail; i += AP_SECTION_LEAVES) {
		for (size_t k = 0; k < AP_SECTION_LEAVES; k++)
			memcpy(leaves + 32 * k, job->tail[i + k].hash, 32);
		add_section(txn, (before + i) >> BITS, leaves);
	}
}

bool history_merge(struct kv_txn *txn, const struct merge_job *job)
{
	const struct entry **order = calloc(job->n_items + 1, sizeof(const struct entry *));
	uint8_t *value = malloc(CHUNK_MAX);
	bool good = order != NULL && value != NULL;
	size_t n = 0;

	for (size_t i = 0; good && i < job->n_items; i++)
		if (!job->items[i].entry->merged)
			order[n++] = job->items[i].entry;
	if (good) {
		qsort(order, n, sizeof(order[0]), merge_by_sequence);
		put_chunks(txn, job, order, n, value);
		put_sections(txn, job);
	}
	free(order);
	free(value);
	return good;
}

/* draft {#transfer}: "members keep one section more" */
void history_purge(struct kv_txn *txn, uint64_t last, unsigned max)
{
	uint64_t kept = last >> BITS;
	uint8_t from[NODE_KEY], to[NODE_KEY], seq[8];

	if (kept < 2)
		return;
	kept--;
	disk_put64(seq, (kept << BITS) + 1);
	kv_delete_range(txn, CHUNKS, (struct kv_span){NULL, 0}, (struct kv_span){seq, 8}, max);
	kv_delete_range(txn, HISTORY, node_key(from, 0, 0), node_key(to, 0, kept), max);
	for (unsigned level = 1; level < LEVELS && kept > 1; level++, kept >>= 1)
		kv_delete_range(txn, HISTORY, node_key(from, level, 0),
				node_key(to, level, kept & ~(uint64_t)1), max);
}

/* ---- what was transferred ---- */

static void absorb_outcome(struct kv_txn *txn, const struct absorb_chunk *c,
			   struct merge_item *item, size_t at)
{
	uint8_t value[MERGE_LEAF_MAX], key[MERGE_PLACE];
	size_t n = merge_leaf_put(value, item);

	merge_place(key, c->seq, c->proven ? c->leaf[at] : (uint16_t)(MERGE_UNPROVEN | at));
	kv_put(txn, LEAVES, (struct kv_span){key, MERGE_PLACE}, (struct kv_span){value, n});
	kv_put(txn, INDEX, (struct kv_span){item->entry->id, AP_ID_LEN},
	       (struct kv_span){key, MERGE_PLACE});
}

static void absorb_chunk(struct kv_txn *txn, const struct absorb_chunk *c, uint8_t *value)
{
	struct block block = {.pub = {.seq = c->seq, .statement = c->statement}};
	struct merge_block b = {.seq = c->seq, .block = &block, .has_sig = true, .is_first = true};
	struct merge_chunk_entry next;
	struct ap_reader r;

	block.pub.count = (uint16_t)c->statement.count;
	block.pub.nodes = block.nodes = c->nodes;
	memcpy(b.sig, c->sig, 64);
	ap_reader_init(&r, c->outcomes.data, c->outcomes.len);
	for (size_t i = 0; i < c->n && merge_chunk_next(&r, &next); i++) {
		struct entry e = {.relay = next.relay, .outcome = next.outcome};
		struct merge_item item = {.entry = &e, .block = c->proven ? &block : NULL};

		memcpy(e.id, next.id, AP_ID_LEN);
		absorb_outcome(txn, c, &item, i);
	}
	if (c->proven)
		merge_put_block(txn, &b);
	if (c->outcomes.len > 0)
		memcpy(value + 8, c->outcomes.data, c->outcomes.len);
	put_chunk(txn, c->seq, c->time_ms, value, c->outcomes.len);
}

static void absorb_section(struct kv_txn *txn, const struct absorb *a)
{
	uint8_t node[32];
	uint64_t index = a->section;

	put_leaves(txn, index, a->leaves[0]);
	transfer_section_root(ap_sha256, BITS, a->leaves[0], node);
	put_node(txn, 1, index, node);
	for (unsigned i = 0; i < a->n_path; i++, index >>= 1) {
		put_node(txn, i + 1, index ^ 1, a->path[i]);
		if (index % 2 == 1)
			ap_merkle_node(ap_sha256, node, a->path[i], node);
		else
			ap_merkle_node(ap_sha256, node, node, a->path[i]);
		put_node(txn, i + 2, index >> 1, node);
	}
}

/* The peaks, which the tree goes on from. */
static void absorb_frontier(struct kv_txn *txn, const struct ap_frontier *f)
{
	uint64_t whole = f->count >> BITS;

	for (unsigned b = 0; b < LEVELS; b++)
		if (whole >> b & 1)
			put_node(txn, b + 1, (whole >> b) - 1, f->peak[b + BITS].octets);
}

void history_absorb(struct kv_txn *txn, const struct absorb *a)
{
	uint8_t *value = malloc(8 + a->len + 1);

	for (size_t i = 0; i < a->n_chunks && value != NULL; i++)
		absorb_chunk(txn, &a->chunks[i], value);
	if (value == NULL && a->n_chunks > 0)
		kv_put(txn, CHUNKS, (struct kv_span){NULL, 0}, (struct kv_span){NULL, 0});
	if (a->has_section)
		absorb_section(txn, a);
	if (a->installs)
		absorb_frontier(txn, &a->frontier);
	free(value);
}

/* ---- lookups ---- */

bool merge_section_at(struct kv_txn *txn, uint64_t size, uint64_t section, uint8_t leaves[][32],
		      size_t *n, uint8_t path[][32], size_t *n_path)
{
	unsigned height = transfer_section_height(BITS, size, section);
	uint8_t key[NODE_KEY];
	struct kv_span value;
	bool good;

	*n = AP_SECTION_LEAVES;
	*n_path = height;
	if (section >= size >> BITS)
		return false;
	good = kv_get(txn, HISTORY, node_key(key, 0, section), &value) == 0 &&
	       value.n == AP_SECTION_LEAVES * 32;
	if (good)
		memcpy(leaves[0], value.at, value.n);
	for (unsigned i = 0; i < height && good; i++)
		good = get_node(txn, i + 1, (section >> i) ^ 1, path[i]);
	return good;
}

bool merge_section(struct merge *m, uint64_t size, uint64_t section, uint8_t leaves[][32],
		   size_t *n, uint8_t path[][32], size_t *n_path)
{
	bool good;

	merge_read_begin(m);
	good = merge_section_at(m->reader, size, section, leaves, n, path, n_path);
	merge_read_end(m);
	return good;
}

bool merge_chunk(struct merge *m, uint64_t seq, uint64_t *time_ms, ap_bytes *outcomes)
{
	uint8_t key[8];
	struct kv_span value;

	disk_put64(key, seq);
	if (kv_get(m->reader, CHUNKS, (struct kv_span){key, 8}, &value) != 0 || value.n < 8)
		return false;
	*time_ms = disk_get64(value.at);
	*outcomes = (ap_bytes){(const uint8_t *)value.at + 8, value.n - 8};
	return true;
}

/* They are the first row of each group of the tree; a tree of one has no groups. */
bool merge_block_leaves(struct merge *m, uint64_t seq, size_t count, uint8_t leaves[][32])
{
	struct merged_block b;

	if (count == 1) {
		if (merge_find_block(m, seq, &b) != 1)
			return false;
		memcpy(leaves[0], b.statement.root, 32);
		return true;
	}
	for (uint16_t group = 0; (size_t)group * 32 < count; group++) {
		size_t n = count - (size_t)group * 32 < 32 ? count - (size_t)group * 32 : 32;
		uint8_t key[MERGE_PLACE];
		struct kv_span value;

		merge_place(key, seq, group);
		if (kv_get(m->reader, TREES, (struct kv_span){key, MERGE_PLACE}, &value) != 0 ||
		    value.n < n * 32)
			return false;
		memcpy(leaves[(size_t)group * 32], value.at, n * 32);
	}
	return true;
}

static const char ASIDE[] = "store.aside";

bool merge_drop_aside(const struct index_conf *conf)
{
	static const char *const files[] = {"data.mdb", "lock.mdb"};
	char path[DISK_PATH_MAX];
	bool was_there = false;

	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s/%s", conf->dir, ASIDE, files[i]);
		was_there = remove(path) == 0 || was_there;
	}
	snprintf(path, sizeof(path), "%s/%s", conf->dir, ASIDE);
	remove(path);
	return was_there;
}

/* One copy is kept, the newest. */
int merge_put_aside(const struct index_conf *conf, struct disk_error *why)
{
	char from[DISK_PATH_MAX], to[DISK_PATH_MAX];
	struct stat st;

	snprintf(from, sizeof(from), "%s/store", conf->dir);
	snprintf(to, sizeof(to), "%s/%s", conf->dir, ASIDE);
	if (lstat(from, &st) != 0 && errno == ENOENT)
		return DISK_ENOTFOUND;
	merge_drop_aside(conf);
	if (rename(from, to) != 0)
		return disk_fail(why, "cannot move away", from, errno);
	return disk_sync_dir(conf->dir, why);
}
