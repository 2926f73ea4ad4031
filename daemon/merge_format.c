#include "config.h"

#include "daemon/merge_format.h"

#include <string.h>

#include "libproto/merkle.h"

void merge_place(uint8_t out[MERGE_PLACE], uint64_t seq, uint16_t leaf)
{
	disk_put64(out, seq);
	out[8] = (uint8_t)(leaf >> 8);
	out[9] = (uint8_t)leaf;
}

size_t merge_leaf_put(uint8_t out[MERGE_LEAF_MAX], const struct merge_item *item)
{
	const struct entry *e = item->entry;
	uint8_t proven = item->block != NULL;
	struct ap_writer w;

	ap_writer_init(&w, out, MERGE_LEAF_MAX);
	ap_u8_put(&w, &e->relay);
	ap_u8_put(&w, &proven);
	ap_outcome_put(&w, &e->outcome);
	return ap_writer_len(&w);
}

bool merge_leaf_get(struct kv_span value, struct merged_outcome *out)
{
	struct ap_reader r;
	uint8_t proven;

	ap_reader_init(&r, value.at, value.n);
	ap_u8_get(&r, &out->relay);
	ap_u8_get(&r, &proven);
	ap_outcome_get(&r, &out->outcome);
	if (proven == 0)
		out->block = 0;
	return ap_reader_done(&r);
}

size_t merge_block_put(uint8_t out[MERGE_BLOCK], const struct merge_block *b)
{
	const struct ap_statement *s = &b->block->pub.statement;
	uint8_t is_signed = b->has_sig;
	struct ap_writer w;

	ap_writer_init(&w, out, MERGE_BLOCK);
	ap_u32_put(&w, &s->epoch);
	ap_u64_put(&w, &s->seq);
	ap_u64_put(&w, &s->time_ms);
	ap_u32_put(&w, &s->count);
	ap_octets_put(&w, s->root, 32);
	ap_octets_put(&w, s->running, 32);
	ap_u8_put(&w, &is_signed);
	ap_octets_put(&w, b->sig, 64);
	return ap_writer_len(&w);
}

bool merge_block_get(struct kv_span value, struct merged_block *out)
{
	struct ap_reader r;
	uint8_t is_signed;

	memset(out, 0, sizeof(*out));
	ap_reader_init(&r, value.at, value.n);
	ap_u32_get(&r, &out->statement.epoch);
	ap_u64_get(&r, &out->statement.seq);
	ap_u64_get(&r, &out->statement.time_ms);
	ap_u32_get(&r, &out->statement.count);
	ap_octets_get(&r, out->statement.root, 32);
	ap_octets_get(&r, out->statement.running, 32);
	ap_u8_get(&r, &is_signed);
	ap_octets_get(&r, out->sig, 64);
	out->has_sig = is_signed == 1;
	return ap_reader_done(&r);
}

/* ---- trees ---- */

/* Nodes of a level that fall into a group: from *first on, in a level of `width`. */
static size_t level_part(uint16_t group, unsigned level, size_t width, size_t *first)
{
	size_t span = (size_t)32 >> level;

	*first = 0;
	if (group == MERGE_TREE_TOP)
		return width > 1 ? width : 0;
	*first = group * span;
	if (*first >= width || width < 2)
		return 0;
	return width - *first < span ? width - *first : span;
}

static bool in_group(uint16_t group, unsigned level)
{
	return (group == MERGE_TREE_TOP) == (level >= MERGE_TREE_LEVELS);
}

size_t merge_tree_put(uint8_t out[MERGE_TREE_MAX], const uint8_t *nodes, size_t n_leaves,
		      uint16_t group)
{
	const uint8_t *row = nodes;
	size_t len = 0, width = n_leaves, first, n;

	for (unsigned level = 0; width > 1; level++) {
		n = in_group(group, level) ? level_part(group, level, width, &first) : 0;
		if (n * 32 > MERGE_TREE_MAX - len)
			return 0;
		if (n > 0)
			memcpy(out + len, row + first * 32, n * 32);
		len += n * 32;
		row += width * 32;
		width = width / 2 + width % 2;
	}
	return len;
}

bool merge_tree_path(ap_path *path, struct kv_span value, size_t n_leaves, size_t index,
		     uint16_t group)
{
	const uint8_t *row = value.at;
	size_t left = value.n, width = n_leaves, first, n;

	for (unsigned level = 0; width > 1; level++) {
		size_t sibling = index ^ 1;

		n = in_group(group, level) ? level_part(group, level, width, &first) : 0;
		if (n * 32 > left)
			return false;
		if (n > 0 && sibling < width) {
			if (sibling < first || sibling - first >= n || path->count == AP_PATH_MAX)
				return false;
			memcpy(path->node[path->count++].octets, row + (sibling - first) * 32, 32);
		}
		row += n * 32;
		left -= n * 32;
		index /= 2;
		width = width / 2 + width % 2;
	}
	return left == 0;
}

/* ---- chunks of the history ---- */

int merge_by_sequence(const void *a, const void *b)
{
	const struct entry *x = *(const struct entry *const *)a,
			   *y = *(const struct entry *const *)b;

	if (x->sequence != y->sequence)
		return x->sequence < y->sequence ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

void merge_chunk_add(struct ap_writer *w, const struct entry *e)
{
	uint8_t octets[AP_MAX_outcome];
	struct ap_writer inner;
	ap_span16 outcome;

	ap_writer_init(&inner, octets, sizeof(octets));
	ap_outcome_put(&inner, &e->outcome);
	outcome = (ap_span16){octets, ap_writer_len(&inner)};
	ap_octets_put(w, e->id, AP_ID_LEN);
	ap_u8_put(w, &e->relay);
	ap_span16_put(w, &outcome);
}

/* What stands behind the outcomes is passed over: what a machine makes of it shows whether it is
 * right (daemon/machine/refill.c). */
static void skip_changes(struct ap_reader *r)
{
	ap_span16 change;
	ap_id id;
	uint8_t relay = 128;

	while (r->bad == NULL && ap_reader_left(r) > 0) {
		ap_id_get(r, &id);
		ap_u8_get(r, &relay);
		ap_span16_get(r, &change);
		if (relay < 128)
			ap_reader_fail(r);
	}
}

bool merge_chunk_next(struct ap_reader *r, struct merge_chunk_entry *out)
{
	struct ap_reader inner;

	if (ap_reader_left(r) == 0)
		return false;
	ap_octets_get(r, out->id, AP_ID_LEN);
	ap_u8_get(r, &out->relay);
	ap_span16_get(r, &out->octets);
	if (r->bad == NULL && out->relay >= 128) {
		skip_changes(r);
		return false;
	}
	if (r->bad != NULL)
		return false;
	ap_reader_init(&inner, out->octets.data, out->octets.len);
	ap_outcome_get(&inner, &out->outcome);
	if (!ap_reader_done(&inner))
		ap_reader_fail(r);
	return r->bad == NULL;
}
