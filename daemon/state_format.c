#include "config.h"

#include "daemon/state_format.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/fetch_state.h"
#include "daemon/frost/frost.h"
#include "daemon/merge_format.h"
#include "libproto/crypto.h"
#include "libproto/merkle.h"
#include "libproto/outcome.h"

/* ---- the certificate ---- */

static bool is_signed(const struct verifier *v, const struct record_stable *s, uint8_t id)
{
	ap_checkpoint_vote vote = {.seq = s->seq, .replica = id};
	ap_sig sig;

	vote.incarnation = s->incarnation[id - 1];
	memcpy(vote.state.octets, s->state, 32);
	memcpy(sig.octets, s->sig[id - 1], 64);
	return verify_checkpoint(v, &vote, &sig);
}

const char *state_proof_check(const struct verifier *v, uint64_t seq, const uint8_t state[32],
			      ap_span signers, struct record_stable *out)
{
	uint8_t octets[RECORD_CERTIFICATE_MAX];
	unsigned count = 0;

	if (signers.len > sizeof(octets) - 8 - 32)
		return "state: too many signers";
	disk_put64(octets, seq);
	memcpy(octets + 8, state, 32);
	if (signers.len > 0)
		memcpy(octets + 8 + 32, signers.data, signers.len);
	if (!record_stable_parse(octets, 8 + 32 + signers.len, out) || out->who >> v->n != 0)
		return "state: its signers do not decode";
	for (uint8_t id = 1; id <= v->n; id++) {
		if ((out->who >> (id - 1) & 1) == 0)
			continue;
		if (!is_signed(v, out, id))
			return "state: bad signature of a checkpoint";
		count++;
	}
	return 3 * count >= 2u * v->n + 1u ? NULL : "state: too few signers";
}

/* ---- chunks ---- */

int chunk_outcomes_check(ap_bytes outcomes, uint64_t seq, uint64_t time_ms)
{
	struct merge_chunk_entry e;
	struct ap_reader r;
	int n = 0;

	ap_reader_init(&r, outcomes.data, outcomes.len);
	for (; merge_chunk_next(&r, &e); n++)
		if (n == AP_BATCH_REQUESTS_MAX || !ap_outcome_is_final(&e.outcome) ||
		    e.outcome.sequence != seq || e.outcome.time != time_ms)
			return -1;
	return ap_reader_done(&r) ? n : -1;
}

/* ---- proofs ---- */

/* Leaves that are none of the outcomes, which stand in the order of their places. */
static void others_put(struct ap_writer *w, const uint8_t leaves[][32], size_t count,
		       ap_bytes outcomes)
{
	struct merge_chunk_entry e;
	struct ap_reader r;
	uint8_t next[32];
	bool more;

	ap_reader_init(&r, outcomes.data, outcomes.len);
	more = merge_chunk_next(&r, &e) && ap_outcome_leaf(ap_sha256, next, e.id, &e.outcome);
	for (uint16_t i = 0; i < count; i++) {
		if (more && memcmp(next, leaves[i], 32) == 0) {
			more = merge_chunk_next(&r, &e) &&
			       ap_outcome_leaf(ap_sha256, next, e.id, &e.outcome);
			continue;
		}
		ap_u16_put(w, &i);
		ap_octets_put(w, leaves[i], 32);
	}
	if (more || r.bad != NULL)
		w->bad = "others"; /* an outcome has no place there */
}

/* Changes alone need no proof: what is undecided is nothing that a client is shown. */
static bool has_outcomes(ap_bytes outcomes)
{
	return outcomes.len > AP_ID_LEN && outcomes.data[AP_ID_LEN] < 128;
}

size_t chunk_proof_make(struct merge *m, uint64_t seq, ap_bytes outcomes, uint8_t *out, size_t cap)
{
	static uint8_t leaves[AP_BATCH_REQUESTS_MAX][32], others[AP_BATCH_REQUESTS_MAX * 34];
	struct merged_block b;
	ap_chunk_proof proof;
	struct ap_writer w;

	if (!has_outcomes(outcomes) || merge_find_block(m, seq, &b) != 1 || !b.has_sig ||
	    b.statement.count == 0 || b.statement.count > AP_BATCH_REQUESTS_MAX ||
	    !merge_block_leaves(m, seq, b.statement.count, leaves))
		return 0;
	ap_writer_init(&w, others, sizeof(others));
	others_put(&w, (const uint8_t(*)[32])leaves, b.statement.count, outcomes);
	if (w.bad != NULL)
		return 0;
	proof.epoch = b.statement.epoch;
	proof.count = (uint16_t)b.statement.count;
	memcpy(proof.running.octets, b.statement.running, 32);
	proof.others = (ap_span){others, ap_writer_len(&w)};
	memcpy(proof.sig.octets, b.sig, 64);
	ap_writer_init(&w, out, cap);
	ap_chunk_proof_put(&w, &proof);
	return w.bad == NULL ? ap_writer_len(&w) : 0;
}

/* The leaves from both: false if they do not fill the tree exactly. */
static bool leaves_fill(struct absorb_chunk *c, const ap_chunk_proof *proof)
{
	struct ap_reader others, outcomes;
	struct merge_chunk_entry e;
	size_t at = 0;
	uint16_t next = 0;
	bool more;

	ap_reader_init(&others, proof->others.data, proof->others.len);
	ap_reader_init(&outcomes, c->outcomes.data, c->outcomes.len);
	more = ap_reader_left(&others) > 0;
	if (more)
		ap_u16_get(&others, &next);
	for (uint16_t i = 0; i < proof->count; i++) {
		uint8_t *leaf = c->nodes + (size_t)32 * i;

		if (more && next == i) {
			ap_octets_get(&others, leaf, 32);
			more = ap_reader_left(&others) > 0;
			if (more)
				ap_u16_get(&others, &next);
		} else if (at < c->n && merge_chunk_next(&outcomes, &e) &&
			   ap_outcome_leaf(ap_sha256, leaf, e.id, &e.outcome)) {
			c->leaf[at++] = i;
		} else {
			return false;
		}
	}
	return at == c->n && !more && ap_reader_done(&others);
}

static bool is_proof(struct absorb_chunk *c, const ap_chunk_proof *proof, const uint8_t key[32])
{
	struct ap_statement *s = &c->statement;
	const uint8_t *root;

	if (!leaves_fill(c, proof) ||
	    (root = ap_merkle_build(ap_sha256, c->nodes, proof->count)) == NULL)
		return false;
	memset(s, 0, sizeof(*s));
	s->epoch = proof->epoch;
	s->seq = c->seq;
	s->time_ms = c->time_ms;
	s->count = proof->count;
	memcpy(s->root, root, 32);
	memcpy(s->running, proof->running.octets, 32);
	memcpy(c->sig, proof->sig.octets, 64);
	return frost_verify(key, FROST_BATCH, s, c->sig) == 0;
}

bool chunk_proof_take(struct absorb_chunk *c, ap_span proof, const uint8_t key[32])
{
	struct ap_reader r;
	ap_chunk_proof p;

	ap_reader_init(&r, proof.data, proof.len);
	ap_chunk_proof_get(&r, &p);
	if (!ap_reader_done(&r) || c->n == 0 || p.count < c->n || p.count > AP_BATCH_REQUESTS_MAX)
		return false;
	c->leaf = calloc(c->n, sizeof(*c->leaf));
	c->nodes = malloc(32 * ap_merkle_nodes(p.count));
	c->proven = c->leaf != NULL && c->nodes != NULL && is_proof(c, &p, key);
	if (c->proven)
		return true;
	free(c->leaf);
	free(c->nodes);
	c->leaf = NULL;
	c->nodes = NULL;
	return false;
}

/* Here, where nobody calls it: the simulator puts its own before it. */
uint8_t fetch_state_bits(void)
{
	return 7;
}
