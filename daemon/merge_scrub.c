/*
 * The store, read once more in the thread that merges: draft {#damage}.
 *
 *  1. Every page and every sum of every table (kv_scan()).
 *  2. What refers to each other, downwards from what 2f+1 members have signed: the state by their
 * proof; each section of the history by the state's frontier; each chunk by its section's leaf; and
 * of each outcome in it that is not forgotten, its place, what stands there, and its way to the
 * root of the batch that answers for it.
 *
 * A piece is one transaction, and pieces see what was merged between them: sections are taken from
 * the newest one downwards, to where chunks are so old that nothing needs them. A write that was
 * lost shows in 2 alone.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/merge_priv.h"
#include "libproto/crypto.h"
#include "libproto/digest.h"
#include "libproto/instance.h"
#include "libproto/outcome.h"

enum { BITS = 7 };

static void found(struct merge_scrub *s, const char *what, uint64_t seq)
{
	if (s->damage[0] == '\0')
		snprintf(s->damage, sizeof(s->damage), "%s sequence=%" PRIu64, what, seq);
}

/* ---- the state ---- */

struct state {
	uint64_t seq, floor_ms;
	struct ap_frontier frontier;
};

/* draft {#state}: behind the configuration stand sequence, T and F; the history is the end. */
static bool state_get(struct kv_span value, struct state *state)
{
	enum { CONF = 1 + 1 + 32 + 8 + 8 + 8 };
	const uint8_t *octets = value.at;
	struct ap_reader r;
	size_t n;

	if (value.n < 8 + CONF + 8 + 8 + 8)
		return false;
	state->seq = disk_get64(octets);
	state->floor_ms = disk_get64(octets + 8 + CONF + 8 + 8);
	n = 8 + 32 * (size_t)__builtin_popcountll(state->seq);
	if (disk_get64(octets + 8 + CONF) != state->seq || n > value.n - 8)
		return false;
	ap_reader_init(&r, octets + value.n - n, n);
	ap_frontier_get(&r, &state->frontier);
	return ap_reader_done(&r) && state->frontier.count == state->seq;
}

/* The digest of the fixed state and the history: what the CHECKPOINTs of the proof are about. */
static void state_digest(struct kv_span value, const struct state *state, uint8_t digest[32])
{
	uint8_t octets[AP_TAG_LEN + 32 + 8 + 32];

	ap_tag(octets, "agree1-state");
	ap_sha256(octets + AP_TAG_LEN,
		  &(const ap_bytes){(const uint8_t *)value.at + 8, value.n - 8}, 1);
	disk_put64(octets + AP_TAG_LEN + 32, state->seq);
	ap_frontier_root(ap_sha256, &state->frontier, octets + AP_TAG_LEN + 32 + 8);
	ap_sha256(digest, &(const ap_bytes){octets, sizeof(octets)}, 1);
}

/* 1: *state is it. 0: none is merged yet. -1: damaged. */
static int state_read(struct kv_txn *txn, struct merge_scrub *s, struct state *state)
{
	struct kv_span value, proof;
	uint8_t digest[32];
	int status = kv_get(txn, META, (struct kv_span){"snapshot", 8}, &value);

	if (status == DISK_ENOTFOUND)
		return 0;
	if (status != 0 || !state_get(value, state)) {
		found(s, "the state", 0);
		return -1;
	}
	if (s->has_state ||
	    kv_get(txn, META, (struct kv_span){"proof", 5}, &proof) == DISK_ENOTFOUND)
		return 1;
	s->has_state = true;
	s->octets += value.n;
	state_digest(value, state, digest);
	if (kv_get(txn, META, (struct kv_span){"proof", 5}, &proof) != 0 || proof.n < 8 + 32 ||
	    disk_get64(proof.at) != state->seq ||
	    memcmp((const uint8_t *)proof.at + 8, digest, 32) != 0) {
		found(s, "the state is not the one that was signed", state->seq);
		return -1;
	}
	return 1;
}

/* ---- an outcome ---- */

/* Its way to the root of the block that answers for it. */
static bool is_proven(struct kv_txn *txn, const struct merge_chunk_entry *o, struct kv_span place)
{
	uint16_t index =
		(uint16_t)(((const uint8_t *)place.at)[8] << 8 | ((const uint8_t *)place.at)[9]);
	const struct merged_outcome at = {.block = disk_get64(place.at), .leaf = index};
	uint8_t leaf[32], root[32];
	struct merged_block b;
	struct kv_span value;
	ap_path path;

	return ap_outcome_leaf(ap_sha256, leaf, o->id, &o->outcome) &&
	       kv_get(txn, BLOCKS, (struct kv_span){place.at, 8}, &value) == 0 &&
	       merge_block_get(value, &b) && b.statement.seq == at.block &&
	       merge_path(txn, &at, b.statement.count, &path) &&
	       ap_merkle_root(ap_sha256, root, leaf, index, b.statement.count, &path) &&
	       memcmp(root, b.statement.root, 32) == 0;
}

/* Is it found by its id, as it was decided? */
static bool is_there(struct kv_txn *txn, struct merge_scrub *s, const struct merge_chunk_entry *o)
{
	struct kv_span place, value;
	const uint8_t *at;

	if (kv_get(txn, INDEX, (struct kv_span){o->id, AP_ID_LEN}, &place) != 0 ||
	    place.n != MERGE_PLACE || kv_get(txn, LEAVES, place, &value) != 0)
		return false;
	at = value.at;
	s->octets += value.n;
	if (value.n != 2 + o->octets.len || at[0] != o->relay ||
	    memcmp(at + 2, o->octets.data, o->octets.len) != 0)
		return false;
	return (((const uint8_t *)place.at)[8] & 0x80) != 0 || is_proven(txn, o, place);
}

static bool outcomes_check(struct kv_txn *txn, struct merge_scrub *s, const struct state *state,
			   struct kv_span chunk)
{
	struct merge_chunk_entry o;
	struct ap_reader r;

	ap_reader_init(&r, (const uint8_t *)chunk.at + 8, chunk.n - 8);
	while (merge_chunk_next(&r, &o))
		if (ap_id_deadline(o.id) * 1000 > state->floor_ms && !is_there(txn, s, &o))
			return false;
	return r.bad == NULL;
}

/* ---- the history ---- */

static bool is_forgotten(const struct merge_scrub *s, const struct state *state, uint64_t time_ms)
{
	return time_ms + s->horizon_ms <= state->floor_ms;
}

static void chunk_check(struct kv_txn *txn, struct merge_scrub *s, const struct state *state,
			const uint8_t right[32])
{
	uint8_t key[8], leaf[32];
	struct kv_span value;

	disk_put64(key, s->seq);
	if (kv_get(txn, CHUNKS, (struct kv_span){key, 8}, &value) != 0 || value.n < 8) {
		found(s, "a chunk of the history is gone", s->seq);
		return;
	}
	s->octets += value.n;
	s->time_ms = disk_get64(value.at);
	transfer_leaf_hash(ap_sha256, s->seq, s->time_ms,
			   (ap_bytes){(const uint8_t *)value.at + 8, value.n - 8}, leaf);
	if (memcmp(leaf, right, 32) != 0)
		found(s, "a chunk of the history is not what was signed", s->seq);
	else if (!outcomes_check(txn, s, state, value))
		found(s, "an outcome is not found as it was decided, or not proven", s->seq);
}

/* From s->seq downwards, in one section. */
static void section_check(struct kv_txn *txn, struct merge_scrub *s, const struct state *state,
			  uint64_t budget)
{
	uint8_t leaves[AP_SECTION_LEAVES][32], path[AP_FRONTIER_MAX][32];
	uint64_t section = (s->seq - 1) >> BITS;
	size_t n, n_path;

	s->octets += sizeof(leaves);
	if (!merge_section_at(txn, state->seq, section, leaves, &n, path, &n_path) ||
	    !transfer_section_check(ap_sha256, BITS, &state->frontier, section, leaves[0], n,
				    path[0], n_path)) {
		found(s, "a section of the history is not what was signed", s->seq);
		return;
	}
	do {
		chunk_check(txn, s, state, leaves[(s->seq - 1) & (AP_SECTION_LEAVES - 1)]);
		s->seq--;
	} while (s->seq >> BITS == section && (s->seq & (AP_SECTION_LEAVES - 1)) != 0 &&
		 !is_forgotten(s, state, s->time_ms) && s->damage[0] == '\0' && s->octets < budget);
}

static void refer(struct kv_txn *txn, struct merge_scrub *s, uint64_t budget)
{
	struct state state;
	int there = state_read(txn, s, &state);

	if (there <= 0) {
		s->is_done = true;
		return;
	}
	if (!s->is_referring) {
		s->is_referring = true;
		s->seq = state.seq >> BITS << BITS;
		s->time_ms = UINT64_MAX - s->horizon_ms;
	}
	while (s->seq > 0 && s->octets < budget && s->damage[0] == '\0') {
		if (is_forgotten(s, &state, s->time_ms))
			s->seq = 0;
		else
			section_check(txn, s, &state, budget);
	}
	s->is_done = s->seq == 0 || s->damage[0] != '\0';
}

/* ---- a piece ---- */

static void scan(struct kv_txn *txn, struct merge_scrub *s, uint64_t budget)
{
	struct disk_error why;
	int status;

	s->scan.budget = budget;
	status = kv_scan(txn, s->table, &s->scan, &why);
	s->octets += s->scan.octets;
	if (status != 0) {
		snprintf(s->damage, sizeof(s->damage), "%s", why.text);
		s->is_done = true;
		return;
	}
	if (!s->scan.is_done)
		return;
	s->table++;
	s->scan = (struct kv_scan){.budget = 0};
}

void merge_scrub(struct merge *m, struct merge_scrub *s, uint64_t budget)
{
	s->octets = 0;
	if (kv_reader_begin(m->scrubber) != 0)
		return; /* next time */
	while (s->table < TABLES && s->octets < budget && !s->is_done)
		scan(m->scrubber, s, budget - s->octets);
	if (s->table == TABLES && s->octets < budget && !s->is_done)
		refer(m->scrubber, s, budget);
	kv_reader_end(m->scrubber);
}
