/*
 * As merge_history.c does it: chunks by sequence, leaf hashes by sequence, and nodes above whole
 * sections. Sections are short here, so that runs have many; the last one may be a part of one,
 * since checkpoints lie anywhere.
 */
#include "config.h"

#include "tests/sim/history.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/fetch_state.h"
#include "libproto/crypto.h"
#include "libproto/merkle.h"
#include "tests/sim/sim.h"

struct leaf {
	bool has_hash, has_chunk;
	uint8_t hash[32];
	uint64_t time_ms;
	uint8_t *outcomes;
	size_t len;
};

struct history {
	struct leaf *leaf; /* of seq */
	size_t size;
};

static void *must(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

struct history *history_new(void)
{
	return must(calloc(1, sizeof(struct history)));
}

void history_free(struct history *h)
{
	for (size_t i = 0; i < h->size; i++)
		free(h->leaf[i].outcomes);
	free(h->leaf);
	free(h);
}

static struct leaf *leaf_of(struct history *h, uint64_t seq)
{
	if (seq >= h->size) {
		size_t size = 2 * seq + 64;

		h->leaf = must(realloc(h->leaf, size * sizeof(*h->leaf)));
		memset(h->leaf + h->size, 0, (size - h->size) * sizeof(*h->leaf));
		h->size = size;
	}
	return &h->leaf[seq];
}

static void put_chunk(struct history *h, uint64_t seq, uint64_t time_ms, ap_bytes outcomes)
{
	struct leaf *l = leaf_of(h, seq);

	free(l->outcomes);
	l->outcomes = must(malloc(outcomes.len + 1));
	if (outcomes.len > 0)
		memcpy(l->outcomes, outcomes.data, outcomes.len);
	l->len = outcomes.len;
	l->time_ms = time_ms;
	l->has_chunk = true;
}

static void put_hash(struct history *h, uint64_t seq, const uint8_t hash[32])
{
	struct leaf *l = leaf_of(h, seq);

	l->has_hash = true;
	memcpy(l->hash, hash, 32);
}

/* What is put together for the store has to be what the machine has hashed. */
static void check_chunk(uint64_t seq, const struct merge_leaf *leaf, ap_bytes chunk)
{
	uint8_t hash[32];

	transfer_leaf_hash(ap_sha256, seq, leaf->time_ms, chunk, hash);
	if (memcmp(hash, leaf->hash, sizeof(hash)) != 0)
		sim_fail("S6: chunk %llu is stored otherwise than it was hashed",
			 (unsigned long long)seq);
}

void history_take_merge(struct history *h, const struct merge_job *job)
{
	const struct entry **order = must(calloc(job->n_items + 1, sizeof(const struct entry *)));
	uint8_t *value = must(malloc(MERGE_CHUNK_MAX));
	uint64_t first = job->seq - job->n_tail + 1;
	size_t n = 0, at = 0;

	for (size_t i = 0; i < job->n_items; i++)
		if (!job->items[i].entry->merged)
			order[n++] = job->items[i].entry;
	qsort(order, n, sizeof(order[0]), merge_by_sequence);
	while (at < n && order[at]->sequence < first)
		at++;
	for (size_t i = 0; i < job->n_tail; i++) {
		struct ap_writer w;

		ap_writer_init(&w, value, MERGE_CHUNK_MAX);
		for (; at < n && order[at]->sequence == first + i; at++)
			merge_chunk_add(&w, order[at]);
		ap_octets_put(&w, job->tail[i].changes, job->tail[i].changes_len);
		put_chunk(h, first + i, job->tail[i].time_ms, ap_writer_bytes(&w));
		check_chunk(first + i, &job->tail[i], ap_writer_bytes(&w));
		put_hash(h, first + i, job->tail[i].hash);
	}
	free(order);
	free(value);
}

void history_take(struct history *h, const struct absorb *a)
{
	for (size_t i = 0; i < a->n_chunks; i++) {
		uint8_t hash[32];

		put_chunk(h, a->chunks[i].seq, a->chunks[i].time_ms, a->chunks[i].outcomes);
		transfer_leaf_hash(ap_sha256, a->chunks[i].seq, a->chunks[i].time_ms,
				   a->chunks[i].outcomes, hash);
		put_hash(h, a->chunks[i].seq, hash);
	}
	for (size_t k = 0; a->has_section && k < (size_t)1 << fetch_state_bits(); k++)
		put_hash(h, (a->section << fetch_state_bits()) + k + 1, a->leaves[k]);
}

/* The root over the 2^level sections that begin at `section`; false: hashes are missing. */
static bool node_over(const struct history *h, uint64_t section, unsigned level, uint8_t out[32])
{
	struct ap_frontier f;
	unsigned bits = fetch_state_bits() + level;
	uint64_t first = (section << fetch_state_bits()) + 1;

	memset(&f, 0, sizeof(f));
	for (uint64_t i = 0; i < (uint64_t)1 << bits; i++) {
		if (first + i >= h->size || !h->leaf[first + i].has_hash)
			return false;
		ap_frontier_append(ap_sha256, &f, h->leaf[first + i].hash);
	}
	memcpy(out, f.peak[bits].octets, 32);
	return true;
}

bool history_section(const struct history *h, uint64_t size, uint64_t section, uint8_t leaves[][32],
		     size_t *n, uint8_t path[][32], size_t *n_path)
{
	uint8_t bits = fetch_state_bits();
	uint64_t first = (section << bits) + 1;
	unsigned height = 0;

	if (section > size >> bits)
		return false;
	*n = transfer_section_leaves(bits, size, section);
	if (*n == (size_t)1 << bits)
		height = transfer_section_height(bits, size, section);
	*n_path = height;
	for (size_t i = 0; i < *n; i++) {
		if (first + i >= h->size || !h->leaf[first + i].has_hash)
			return false;
		memcpy(leaves[i], h->leaf[first + i].hash, 32);
	}
	for (unsigned i = 0; i < height; i++)
		if (!node_over(h, (section >> i ^ 1) << i, i, path[i]))
			return false;
	return *n > 0;
}

bool history_chunk(const struct history *h, uint64_t seq, uint64_t *time_ms, ap_bytes *outcomes)
{
	if (seq >= h->size || !h->leaf[seq].has_chunk)
		return false;
	*time_ms = h->leaf[seq].time_ms;
	*outcomes = (ap_bytes){h->leaf[seq].outcomes, h->leaf[seq].len};
	return true;
}
