/*
 * What a replica gives to those who transfer a state: draft {#transfer}. Only what its merged
 * checkpoint covers; a chunk only if its hash is the one that the tree has. Questions are answered
 * at once and in order, so many a second of each member.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/fetch_state.h"
#include "daemon/log.h"
#include "daemon/run_priv.h"
#include "daemon/state_format.h"
#include "libproto/crypto.h"

enum { SLOT_MS = 100, SLOT_MAX = 64, SLOT_OCTETS = 8 * 1024 * 1024 };

static struct iovec part(const void *octets, size_t len)
{
	return (struct iovec){(void *)(uintptr_t)octets, len};
}

/* A peer that does not take what it asked for gets no more of it: not even that there is nothing,
 * which would wait behind all the rest. */
static bool takes_more(const struct run *r, uint8_t to)
{
	struct peer_info info;

	peers_info(r->peers, to, &info);
	return info.up && info.backlog < AP_PEER_BACKLOG_MAX / 8;
}

static uint64_t merged(const struct run *r)
{
	struct index_info info;

	index_info(r->index, &info);
	return info.merged_seq;
}

/* So many questions of one member in a tenth of a second, and so many octets in answer to them:
 * they cost reading and hashing. More than a member that verifies and stores what comes can take.
 */
static bool may_ask(struct run *r, uint8_t from)
{
	uint64_t slot = run_now() / SLOT_MS;

	if (r->asked_state[from - 1].slot != slot) {
		r->asked_state[from - 1].slot = slot;
		r->asked_state[from - 1].n = 0;
		r->asked_state[from - 1].octets = 0;
	}
	return r->asked_state[from - 1].n++ < SLOT_MAX &&
	       r->asked_state[from - 1].octets < SLOT_OCTETS;
}

static void has_cost(struct run *r, uint8_t from, size_t octets)
{
	r->asked_state[from - 1].octets += octets;
}

static void send_state(struct run *r, uint8_t to, const uint8_t *proof, size_t n,
		       const uint8_t *fixed, size_t len)
{
	uint8_t head[4], tail[4];

	disk_put32(head, (uint32_t)(n - 8 - 32));
	disk_put32(tail, (uint32_t)len);
	peers_send(r->peers, (uint16_t)(1u << (to - 1)), AP_MESSAGE_state,
		   (struct iovec[]){part(proof, 8 + 32), part(head, 4),
				    part(proof + 8 + 32, n - 8 - 32), part(tail, 4),
				    part(fixed, len)},
		   5);
}

static bool serve_fixed(struct run *r, uint8_t from, const uint8_t *body, size_t len)
{
	uint8_t proof[RECORD_CERTIFICATE_MAX], none[8 + 32] = {0}, *fixed = NULL;
	struct pbft_info core;
	struct ap_reader reader;
	ap_fetch_state m;
	uint64_t seq = 0;
	size_t fixed_len = 0;
	int n;

	ap_reader_init(&reader, body, len);
	ap_fetch_state_get(&reader, &m);
	if (!ap_reader_done(&reader))
		return false;
	pbft_info(r->pbft, &core);
	n = merge_proof(index_merge(r->index), proof, sizeof(proof));
	if (!core.diverged && !core.lacks && n > 8 + 32 && disk_get64(proof) > m.above &&
	    may_ask(r, from) &&
	    merge_snapshot(index_merge(r->index), &seq, &fixed, &fixed_len) == 1 &&
	    disk_get64(proof) == seq)
		send_state(r, from, proof, (size_t)n, fixed, fixed_len);
	else
		send_state(r, from, none, sizeof(none), NULL, 0);
	has_cost(r, from, fixed_len);
	free(fixed);
	return true;
}

static bool serve_section(struct run *r, uint8_t from, const uint8_t *body, size_t len)
{
	static uint8_t leaves[AP_SECTION_LEAVES][32];
	uint8_t path[AP_FRONTIER_MAX][32], octets[8 + 8 + 4 + sizeof(leaves) + 4 + sizeof(path)];
	size_t n = 0, n_path = 0;
	struct ap_reader reader;
	struct ap_writer w;
	ap_fetch_leaves m;
	struct pbft_info core;
	ap_leaves answer;

	ap_reader_init(&reader, body, len);
	ap_fetch_leaves_get(&reader, &m);
	if (!ap_reader_done(&reader))
		return false;
	pbft_info(r->pbft, &core);
	if (core.diverged || core.lacks || m.size > merged(r) || !may_ask(r, from) ||
	    !merge_section(index_merge(r->index), m.size, m.section, leaves, &n, path, &n_path))
		n = n_path = 0;
	answer = (ap_leaves){.size = m.size, .section = m.section};
	answer.leaves = (ap_span){leaves[0], 32 * n};
	answer.path = (ap_span){path[0], 32 * n_path};
	ap_writer_init(&w, octets, sizeof(octets));
	ap_leaves_put(&w, &answer);
	peers_send(r->peers, (uint16_t)(1u << (from - 1)), AP_MESSAGE_leaves,
		   (struct iovec[]){part(octets, ap_writer_len(&w))}, 1);
	return true;
}

/* One chunk behind its length; false: it is not kept, or not what it was, or there is no room. */
static bool chunk_put(struct run *r, struct ap_writer *w, uint64_t seq)
{
	static uint8_t proof[4 + 2 + 32 + 4 + AP_BATCH_REQUESTS_MAX * 34 + 64];
	struct merge *m = index_merge(r->index);
	ap_bytes outcomes;
	uint32_t length;
	ap_chunk chunk;

	if (!merge_chunk(m, seq, &chunk.time, &outcomes))
		return false;
	chunk.outcomes = (ap_span){outcomes.data, outcomes.len};
	chunk.proof = (ap_span){proof, chunk_proof_make(m, seq, outcomes, proof, sizeof(proof))};
	length = (uint32_t)(8 + 4 + outcomes.len + 4 + chunk.proof.len);
	ap_u32_put(w, &length);
	ap_chunk_put(w, &chunk);
	return w->bad == NULL;
}

/* Its hash as the tree has it. */
static bool is_whole(struct run *r, uint64_t seq, const uint8_t leaf[32])
{
	uint8_t hash[32];
	ap_bytes outcomes;
	uint64_t time_ms;

	if (!merge_chunk(index_merge(r->index), seq, &time_ms, &outcomes))
		return false;
	transfer_leaf_hash(ap_sha256, seq, time_ms, outcomes, hash);
	return memcmp(hash, leaf, 32) == 0;
}

static size_t chunks_fill(struct run *r, const ap_fetch_chunks *m, uint8_t *out, size_t cap)
{
	static uint8_t leaves[AP_SECTION_LEAVES][32];
	uint8_t path[AP_FRONTIER_MAX][32], bits = fetch_state_bits();
	uint64_t size = merged(r);
	uint64_t section = (m->last - 1) >> bits, low = (section << bits) + 1;
	size_t n, n_path, len = 0;
	struct ap_writer w;

	if (!merge_section(index_merge(r->index), size, section, leaves, &n, path, &n_path))
		return 0;
	merge_read_begin(index_merge(r->index));
	for (uint64_t seq = m->last; seq >= m->first && seq - low < n; seq--) {
		if (!is_whole(r, seq, leaves[seq - low]))
			break;
		ap_writer_init(&w, out + len, cap - len);
		if (!chunk_put(r, &w, seq) || (len > 0 && len + ap_writer_len(&w) > AP_CHUNKS_MAX))
			break;
		len += ap_writer_len(&w);
	}
	merge_read_end(index_merge(r->index));
	return len;
}

static bool serve_chunks(struct run *r, uint8_t from, const uint8_t *body, size_t len)
{
	static uint8_t octets[2 * AP_CHUNKS_MAX];
	uint8_t head[8 + 8 + 4];
	struct ap_reader reader;
	struct pbft_info core;
	ap_fetch_chunks m;
	size_t n = 0;

	ap_reader_init(&reader, body, len);
	ap_fetch_chunks_get(&reader, &m);
	if (!ap_reader_done(&reader) || m.first == 0 || m.first > m.last ||
	    m.last - m.first >= AP_SECTION_LEAVES)
		return false;
	pbft_info(r->pbft, &core);
	if (!core.diverged && !core.lacks && m.last <= merged(r) && may_ask(r, from))
		n = chunks_fill(r, &m, octets, sizeof(octets));
	has_cost(r, from, n);
	disk_put64(head, m.first);
	disk_put64(head + 8, m.last);
	disk_put32(head + 16, (uint32_t)n);
	peers_send(r->peers, (uint16_t)(1u << (from - 1)), AP_MESSAGE_chunks,
		   (struct iovec[]){part(head, sizeof(head)), part(octets, n)}, 2);
	return true;
}

bool serve_state(struct run *r, uint8_t from, uint8_t type, const uint8_t *body, size_t len)
{
	if (!takes_more(r, from))
		return true;
	switch (type) {
	case AP_MESSAGE_fetch_state:
		return serve_fixed(r, from, body, len);
	case AP_MESSAGE_fetch_leaves:
		return serve_section(r, from, body, len);
	default:
		return serve_chunks(r, from, body, len);
	}
}
