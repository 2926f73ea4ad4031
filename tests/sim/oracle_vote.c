/* S2, S3, S4, S15: what leaves a correct replica, what it counts, what its core says of itself. */
#include "config.h"

#include <string.h>

#include "daemon/pbft/core.h"
#include "libproto/codec.h"
#include "tests/sim/oracle_inner.h"

typedef unsigned long long ull;

enum phase { PREPARE_PHASE = 1, COMMIT_PHASE, CHECKPOINT_PHASE };

/* ---- S2 ---- */

static void check_vote(const struct node *n, enum phase phase, uint64_t view, uint64_t seq,
		       const uint8_t digest[32])
{
	bool made;
	struct map_entry *e =
		map_put(&oracle()->votes, oracle_map_key(n->id * 16u + phase, view, seq, 0), &made);

	if (!made && memcmp(e->digest, digest, 32) != 0)
		sim_fail("S2: replica %u votes twice in phase %d, view %llu, sequence %llu", n->id,
			 (int)phase, (ull)view, (ull)seq);
	memcpy(e->digest, digest, 32);
}

/* ---- S3: what a record begins with: proposal, checkpoint_vote (records.h) ---- */

struct wanted {
	uint64_t view;
	const uint8_t *digest;
};

enum { DIGEST_AT = 8 + 8 + 8 + 1 }; /* in both */

static uint64_t u64_at(const uint8_t *at)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | at[i];
	return v;
}

static bool fits_proposal(void *arg, const uint8_t *octets, size_t len)
{
	const struct wanted *w = arg;

	return len >= DIGEST_AT + 32 && u64_at(octets) == w->view &&
	       memcmp(octets + DIGEST_AT, w->digest, 32) == 0;
}

static bool fits_digest(void *arg, const uint8_t *octets, size_t len)
{
	return len >= DIGEST_AT + 32 &&
	       memcmp(octets + DIGEST_AT, ((const struct wanted *)arg)->digest, 32) == 0;
}

static bool fits_state(void *arg, const uint8_t *octets, size_t len)
{
	return len >= 8 + 8 + 1 + 32 && memcmp(octets + 8 + 8 + 1, arg, 32) == 0;
}

static bool fits_certificate(void *arg, const uint8_t *octets, size_t len)
{
	struct record_stable stable;

	return record_stable_parse(octets, len, &stable) && memcmp(stable.state, arg, 32) == 0;
}

/* The record of the vote; or what says as much when that has been trimmed: a merged state, or the
 * certificate. */
static bool is_checkpoint_durable(const struct node *n, uint64_t seq, const uint8_t *state)
{
	void *arg = (void *)(uintptr_t)state;

	return seq <= disk_merged_seq(n) || disk_has(n, RECORD_CHECKPOINT, seq, fits_state, arg) ||
	       disk_has(n, RECORD_STABLE, seq + 1, fits_certificate, arg);
}

static bool is_durable(const struct node *n, uint8_t type, uint64_t view, uint64_t seq,
		       const uint8_t digest[32])
{
	struct wanted w = {view, digest};

	return disk_has(n, type, seq, fits_proposal, &w);
}

/* The first vote leaves after its record; what is sent again had been there already. */
static void check_left(const struct node *n, enum phase phase, uint8_t type, uint64_t view,
		       uint64_t seq, const uint8_t digest[32])
{
	if (!is_durable(n, type, view, seq, digest))
		sim_fail("S3: replica %u votes in phase %d for %llu before its record is on disk",
			 n->id, (int)phase, (ull)seq);
	check_vote(n, phase, view, seq, digest);
}

void oracle_frame(struct node *n, uint16_t to, const struct blob *b)
{
	const uint8_t *at = b->octets;

	(void)to;
	if (n->faulty)
		return;
	switch (b->type) {
	case AP_MESSAGE_pre_prepare:
	case AP_MESSAGE_prepare:
		if (at[24] != n->id)
			break; /* shown to whose it is */
		oracle_may_vote(n);
		oracle_view_vote(n, u64_at(at));
		check_left(n, PREPARE_PHASE, RECORD_PROPOSAL, u64_at(at), u64_at(at + 8),
			   at + DIGEST_AT);
		break;
	case AP_MESSAGE_commit:
		oracle_may_vote(n);
		oracle_view_vote(n, u64_at(at));
		check_left(n, COMMIT_PHASE, RECORD_PREPARED, u64_at(at), u64_at(at + 8), at + 16);
		break;
	case AP_MESSAGE_checkpoint:
		if (at[16] != n->id)
			break;
		oracle_may_vote(n);
		if (!is_checkpoint_durable(n, u64_at(at), at + 17))
			sim_fail(
				"S3: replica %u signs checkpoint %llu before its record is on disk",
				n->id, (ull)u64_at(at));
		check_vote(n, CHECKPOINT_PHASE, 0, u64_at(at), at + 17);
		break;
	case AP_MESSAGE_view_change:
	case AP_MESSAGE_new_view:
		oracle_view_frame(n, b);
		break;
	default:
		break;
	}
}

/* ---- S3, S4: what is counted ---- */

static void check_counted(const struct node *n, const struct pbft *p, uint64_t seq)
{
	const struct pbft_slot *slot = pbft_window_find(&p->window, seq);
	size_t self = n->id - 1u;

	if (slot == NULL)
		return;
	if (slot->prepares[self].is_there &&
	    !is_durable(n, RECORD_PROPOSAL, slot->prepares[self].view, seq,
			slot->prepares[self].batch))
		sim_fail("S3: replica %u counts its own PREPARE of %llu before it is on disk",
			 n->id, (ull)seq);
	if (slot->commits[self].is_there &&
	    !is_durable(n, RECORD_PREPARED, slot->commits[self].view, seq,
			slot->commits[self].batch))
		sim_fail("S3: replica %u counts its own COMMIT of %llu before it is on disk", n->id,
			 (ull)seq);
}

/* Is this what the member would sign? Ed25519, and what stands in for it, is deterministic. */
static bool is_signed(uint8_t id, const char *tag, ap_proposal *p, const uint8_t sig[64])
{
	uint8_t secret[64], right[64];

	p->replica = id;
	crypto_secret(secret, sim->seeds[id - 1]);
	sign_proposal(secret, sim->nodes[0].self.net.genesis, tag, p, right);
	return memcmp(sig, right, 64) == 0;
}

/* The own signatures are the shell's to make. */
static void check_certificate(const struct node *n, const struct pbft_slot_view *s)
{
	ap_proposal p = {.view = s->view, .seq = s->seq, .incarnation = s->incarnation};

	memcpy(p.batch.octets, s->batch->digest, 32);
	if (s->primary != n->id &&
	    !is_signed(s->primary, "agree1-preprep", &p, s->cert->pre_prepare_sig))
		sim_fail("S4: replica %u has a certificate of %llu with a bad PRE-PREPARE", n->id,
			 (ull)s->seq);
	for (uint8_t id = 1; id <= sim->o.n; id++) {
		if (id == n->id || (s->cert->who >> (id - 1) & 1) == 0)
			continue;
		p.incarnation = s->cert->incarnation[id - 1];
		if (!is_signed(id, "agree1-prepare", &p, s->cert->sig[id - 1]))
			sim_fail(
				"S4: replica %u has a certificate of %llu with a bad PREPARE of %u",
				n->id, (ull)s->seq, id);
	}
}

static void check_prepared(const struct node *n, const struct pbft_slot_view *s)
{
	struct wanted w = {s->view, s->batch->digest};
	unsigned holders = 0;
	struct map_entry *e;
	bool made;

	if (s->cert == NULL || oracle_count(s->cert->who & (uint16_t) ~(1u << (s->primary - 1))) <
				       2 * options_f(&sim->o))
		sim_fail("S4: replica %u has a certificate of too few for %llu", n->id,
			 (ull)s->seq);
	check_certificate(n, s);
	e = map_put(&oracle()->prepared, oracle_map_key(s->view, s->seq, 0, 0), &made);
	if (!made && memcmp(e->digest, s->batch->digest, 32) != 0)
		sim_fail("S4: two batches are prepared as %llu in view %llu", (ull)s->seq,
			 (ull)s->view);
	memcpy(e->digest, s->batch->digest, 32);
	for (size_t i = 0; i < sim->o.n; i++)
		/* what a merged checkpoint covers may be gone from a short journal */
		holders += node_is_correct(&sim->nodes[i]) &&
			   (s->seq <= disk_merged_seq(&sim->nodes[i]) ||
			    disk_has(&sim->nodes[i], RECORD_PROPOSAL, s->seq, fits_digest, &w));
	/* a null batch is the same for everybody, and nobody has to keep it */
	if (s->batch->n_bundles > 0 && holders < options_f(&sim->o) + 1)
		sim_fail("S4: %llu is prepared, and %u correct replicas have its body on disk",
			 (ull)s->seq, holders);
}

static void check_stable(const struct node *n, const struct pbft *p, const struct pbft_effect *e)
{
	if (oracle_count(e->u.stable.who) < 2 * options_f(&sim->o) + 1)
		sim_fail("S15: replica %u calls %llu stable with the votes %04x", n->id,
			 (ull)e->u.stable.seq, e->u.stable.who);
	if (e->u.stable.seq > p->executed)
		sim_fail("S15: replica %u calls %llu stable, and has executed %llu only", n->id,
			 (ull)e->u.stable.seq, (ull)p->executed);
}

/* Among those that it is stable by the own vote counts, if it is on disk. */
static void check_stable_vote(const struct node *n, const struct pbft_effect *e)
{
	if ((e->u.stable.who >> (n->id - 1) & 1) != 0 && disk_merged_seq(n) < e->u.stable.seq &&
	    !disk_has(n, RECORD_CHECKPOINT, e->u.stable.seq, fits_state,
		      (void *)(uintptr_t)e->u.stable.state))
		sim_fail("S3: replica %u counts its own CHECKPOINT %llu before it is on disk",
			 n->id, (ull)e->u.stable.seq);
}

static void check_effects(const struct node *n, const struct pbft *p, const struct pbft_event *ev,
			  const struct pbft_update *u)
{
	for (size_t i = 0; i < u->n; i++) {
		const struct pbft_effect *e = &u->effects[i];

		switch (e->kind) {
		case PBFT_WRITE_PREPARED:
			check_prepared(n, &e->u.slot);
			check_counted(n, p, e->u.slot.seq);
			break;
		case PBFT_EXECUTE:
			check_counted(n, p, e->u.slot.seq);
			break;
		case PBFT_WRITE_NEW_VIEW:
			oracle_view_step(n, ev, e);
			break;
		case PBFT_WRITE_STABLE:
			check_stable_vote(n, e);
			break;
		case PBFT_KEEP_VIEW_CHANGE:
			if (ev->u.view_change->incarnation < p->incarnations[e->u.kept.replica - 1])
				sim_fail("S17: replica %u keeps an old VIEW-CHANGE of %u", n->id,
					 e->u.kept.replica);
			break;
		case PBFT_STABLE:
			check_stable(n, p, e);
			break;
		case PBFT_DIVERGED:
			sim_fail("S6: replica %u finds that its state is another one than that of "
				 "%04x",
				 n->id, e->u.diverged.who);
		default:
			break;
		}
	}
}

/* S6 at checkpoints: the digest of the whole state. */
static void check_state(const struct node *n, uint64_t seq, const uint8_t state[32])
{
	struct truth *t = oracle_truth(seq);

	if (t->has_state && memcmp(t->state, state, 32) != 0)
		sim_fail("S6: replica %u is in another state after %llu", n->id, (ull)seq);
	memcpy(t->state, state, 32);
	t->has_state = true;
}

static void note_bundle(const struct node *n, const struct pbft_bundle *b)
{
	bool made;
	struct map_entry *e =
		map_put(&oracle()->bundles, oracle_map_key(n->id, b->start, b->counter, 0), &made);

	if (!made && memcmp(e->digest, b->digest, 32) != 0)
		sim_fail("S18: replica %u signs two bundles under number %llu.%llu", n->id,
			 (ull)b->start, (ull)b->counter);
	memcpy(e->digest, b->digest, 32);
}

void oracle_step(struct node *n, const struct pbft *p, const struct pbft_event *ev,
		 const struct pbft_update *u)
{
	struct seen *seen = &oracle()->seen[n->index];

	if (n->faulty)
		return;
	if (ev->kind == PBFT_EV_BUNDLE && ev->from == n->id)
		note_bundle(n, &ev->u.bundle);
	if (ev->kind == PBFT_EV_EXECUTED && pbft_is_checkpoint(p, ev->u.executed.seq))
		check_state(n, ev->u.executed.seq, ev->u.executed.state);
	if (ev->kind != PBFT_EV_START && (p->stable < seen->stable || p->view < seen->view))
		sim_fail("S15: replica %u goes back: stable %llu to %llu, view %llu to %llu", n->id,
			 (ull)seen->stable, (ull)p->stable, (ull)seen->view, (ull)p->view);
	if (p->conf.timeout_max_ms > 0 && p->timeout_ms > p->conf.timeout_max_ms)
		sim_fail("L6: replica %u waits %llu ms for a new primary", n->id,
			 (ull)p->timeout_ms);
	seen->stable = p->stable;
	seen->view = p->view;
	check_effects(n, p, ev, u);
}
