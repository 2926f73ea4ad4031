/* What may never happen, checked at every step: net.h names the invariants. */
#include "tests/lib/net.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/pbft/quorum.h"
#include "libproto/crypto.h"
#include "libproto/digest.h"

static struct map_key key_of(uint8_t id, enum pbft_effect_kind kind, uint64_t view, uint64_t seq)
{
	return (struct map_key){{id, (uint64_t)kind, view, seq}};
}

/* A body in the journal, whatever record it came with. */
static struct map_key body_key(uint64_t seq, const uint8_t digest[32])
{
	struct map_key key = map_digest_key(digest);

	key.word[0] ^= seq;
	return key;
}

void net_note_durable(struct net *net, struct net_replica *r, const struct net_record *record)
{
	const uint8_t *digest = record->batch != NULL ? record->batch->digest : record->digest;
	bool made;
	struct map_entry *e =
		map_put(&r->durable, key_of(r->id, record->kind, record->view, record->seq), &made);

	if (!made && record->kind == PBFT_WRITE_PROPOSAL && memcmp(e->digest, digest, 32) != 0)
		net_fail(net, r, "two proposals recorded for %llu",
			 (unsigned long long)record->seq);
	memcpy(e->digest, digest, 32);
	if (record->kind == PBFT_WRITE_PROPOSAL || record->kind == PBFT_WRITE_FETCHED)
		map_put(&r->durable, body_key(record->seq, digest), NULL);
}

static bool is_durable(const struct net_replica *r, enum pbft_effect_kind kind, uint64_t view,
		       uint64_t seq, const uint8_t digest[32])
{
	const struct map_entry *e = map_find(&r->durable, key_of(r->id, kind, view, seq));

	return e != NULL && memcmp(e->digest, digest, 32) == 0;
}

/* S2: a PRE-PREPARE and a PREPARE are one phase for whoever may send either. */
static void check_signed(struct net *net, struct net_replica *r, enum pbft_effect_kind kind,
			 uint64_t view, uint64_t seq, const uint8_t digest[32])
{
	bool made;
	struct map_entry *e = map_put(&net->signed_votes, key_of(r->id, kind, view, seq), &made);

	if (!made && memcmp(e->digest, digest, 32) != 0)
		net_fail(net, r, "S2: two votes of kind %d for sequence %llu", (int)kind,
			 (unsigned long long)seq);
	memcpy(e->digest, digest, 32);
}

/* ---- view changes ---- */

void net_digest_change(const struct pbft_view_change *c, uint8_t out[32])
{
	const ap_bytes parts[] = {
		{(const uint8_t *)&c->view, sizeof(c->view)},
		{(const uint8_t *)&c->stable, sizeof(c->stable)},
		{c->state, 32},
		{(const uint8_t *)c->prepared, c->n_prepared * sizeof(c->prepared[0])}};

	ap_sha256(out, parts, 4);
}

void net_digest_new_view(const struct pbft_new_view *nv, uint8_t out[32])
{
	const ap_bytes parts[] = {{(const uint8_t *)&nv->view, sizeof(nv->view)},
				  {(const uint8_t *)&nv->first, sizeof(nv->first)},
				  {(const uint8_t *)nv->batch, nv->n * sizeof(nv->batch[0])}};

	ap_sha256(out, parts, 3);
}

/* Was it given? What faulty members sign is not noted. */
static bool was_given(const struct net *net, uint8_t id, const struct pbft_claim *claim)
{
	const struct map_entry *vote = map_find(
		&net->signed_votes, key_of(id, PBFT_SEND_PREPARE, claim->view, claim->seq));

	return (net->faulty >> (id - 1) & 1) != 0 ||
	       (vote != NULL && memcmp(vote->digest, claim->batch, 32) == 0);
}

/* S4: what it claims was prepared by votes that were really given. */
void net_check_view_change(struct net *net, struct net_replica *r, const struct pbft_effect *e)
{
	const struct pbft_view_change *c = e->u.view_change.says;

	if (c->stable > 0 && !pbft_quorum_strong(net->o.n, e->u.view_change.who))
		net_fail(net, r, "a VIEW-CHANGE whose checkpoint nothing proves");
	for (uint16_t i = 0; i < c->n_prepared; i++) {
		const struct pbft_claim *claim = &c->prepared[i];
		const struct pbft_prepared *proof = e->u.view_change.prepared[i];
		uint8_t primary = (uint8_t)(1 + claim->view % net->o.n);

		if (!pbft_quorum_prepared(net->o.n, primary, proof->cert.who) ||
		    proof->view != claim->view || memcmp(proof->batch, claim->batch, 32) != 0)
			net_fail(net, r, "a VIEW-CHANGE claims %llu without a certificate",
				 (unsigned long long)claim->seq);
		for (uint8_t id = 1; id <= net->o.n; id++)
			if ((proof->cert.who >> (id - 1) & 1) != 0 && id != r->id &&
			    !was_given(net, id, claim))
				net_fail(net, r, "S4: a certificate with a vote that %u never gave",
					 id);
	}
}

static const uint8_t *claimed(const struct net_new_view *nv, uint64_t seq)
{
	const struct pbft_claim *best = NULL;

	for (uint8_t i = 0; i < nv->n_changes; i++)
		for (uint16_t k = 0; k < nv->changes[i]->n_prepared; k++) {
			const struct pbft_claim *c = &nv->changes[i]->prepared[k];

			if (c->seq == seq && (best == NULL || c->view > best->view))
				best = c;
		}
	return best == NULL ? NULL : best->batch;
}

static void check_reproposed(struct net *net, struct net_replica *r, const struct net_new_view *nv,
			     uint64_t seq)
{
	const uint8_t *batch = nv->says.batch[seq - nv->says.first - 1], *due = claimed(nv, seq);
	const struct pbft_batch *b = net_batch_find(net, batch);

	if (due != NULL ? memcmp(due, batch, 32) != 0 : b != NULL && b->n_bundles > 0)
		net_fail(net, r, "S5: another batch for %llu", (unsigned long long)seq);
	if (seq <= net->n_truth && memcmp(net->truth[seq].batch->digest, batch, 32) != 0)
		net_fail(net, r, "S5: executed %llu is not in it", (unsigned long long)seq);
}

/* S5, computed from the set as the thesis says it. */
void net_check_new_view(struct net *net, struct net_replica *r, const struct net_new_view *nv)
{
	uint64_t low = 0, last = 0;
	uint16_t who = 0;

	for (uint8_t i = 0; i < nv->n_changes; i++) {
		const struct pbft_view_change *c = nv->changes[i];

		if (c->view != nv->says.view)
			net_fail(net, r, "S5: a VIEW-CHANGE for another view");
		who |= (uint16_t)(1u << (c->replica - 1));
		low = c->stable > low ? c->stable : low;
		if (c->n_prepared > 0 && c->prepared[c->n_prepared - 1].seq > last)
			last = c->prepared[c->n_prepared - 1].seq;
	}
	if (!pbft_quorum_strong(net->o.n, who) || nv->says.first != low ||
	    nv->says.n != (last > low ? last - low : 0))
		net_fail(net, r, "S5: a NEW-VIEW with other bounds than its VIEW-CHANGEs give");
	for (uint64_t seq = low + 1; seq <= last; seq++)
		check_reproposed(net, r, nv, seq);
	if (nv->says.replica == r->id && net->n_truth > (last > low ? last : low))
		net_fail(net, r, "S5: a NEW-VIEW ends below %llu, which was executed",
			 (unsigned long long)net->n_truth);
}

/* S2, S3 for them; S17 from here on. */
static void check_said(struct net *net, struct net_replica *r, const struct pbft_effect *e)
{
	const struct pbft_view_change *c = r->changes[r->id - 1];
	uint8_t digest[32];

	if (e->kind == PBFT_SEND_NEW_VIEW) {
		if (r->new_view == NULL)
			net_fail(net, r, "sends a NEW-VIEW that it does not have");
		net_digest_new_view(&r->new_view->says, digest);
		if (r->new_view->says.replica != r->id)
			return;
		if (!is_durable(r, PBFT_WRITE_NEW_VIEW, r->new_view->says.view, 0, digest))
			net_fail(net, r, "S3: NEW-VIEW left before its record");
		check_signed(net, r, e->kind, r->new_view->says.view, 0, digest);
	} else if (e->u.kept.replica == r->id) {
		net_digest_change(c, digest);
		if (!is_durable(r, PBFT_WRITE_VIEW_CHANGE, c->view, 0, digest))
			net_fail(net, r, "S3: VIEW-CHANGE left before its record");
		check_signed(net, r, e->kind, c->view, 0, digest);
		r->left_for = c->view > r->left_for ? c->view : r->left_for;
	}
}

void net_check_sent(struct net *net, struct net_replica *r, const struct pbft_effect *e)
{
	static const enum pbft_effect_kind record_of[] = {
		[PBFT_SEND_PRE_PREPARE] = PBFT_WRITE_PROPOSAL,
		[PBFT_SEND_PREPARE] = PBFT_WRITE_PROPOSAL,
		[PBFT_SEND_COMMIT] = PBFT_WRITE_PREPARED,
	};

	net->sent[e->kind]++;
	if (e->kind == PBFT_SEND_VIEW_CHANGE || e->kind == PBFT_SEND_NEW_VIEW) {
		check_said(net, r, e);
		return;
	}
	if (e->kind == PBFT_SEND_CHECKPOINT) {
		if (!is_durable(r, PBFT_WRITE_CHECKPOINT, 0, e->u.checkpoint.seq,
				e->u.checkpoint.state))
			net_fail(net, r, "S3: CHECKPOINT left before its record");
		check_signed(net, r, e->kind, 0, e->u.checkpoint.seq, e->u.checkpoint.state);
	} else if (e->kind == PBFT_SEND_PRE_PREPARE || e->kind == PBFT_SEND_PREPARE ||
		   e->kind == PBFT_SEND_COMMIT) {
		const struct pbft_slot_view *v = &e->u.slot;

		if (!is_durable(r, record_of[e->kind], v->view, v->seq, v->batch->digest))
			net_fail(net, r, "S3: vote of kind %d for %llu left before its record",
				 (int)e->kind, (unsigned long long)v->seq);
		check_signed(net, r,
			     e->kind == PBFT_SEND_COMMIT ? PBFT_SEND_COMMIT : PBFT_SEND_PREPARE,
			     v->view, v->seq, v->batch->digest);
		if (v->view < r->left_for)
			net_fail(net, r, "S17: a vote in view %llu, after VIEW-CHANGE for %llu",
				 (unsigned long long)v->view, (unsigned long long)r->left_for);
	}
}

/* S3 for the body; before the machine runs. */
void net_check_execute(struct net *net, struct net_replica *r, const struct pbft_effect *e)
{
	const struct pbft_slot_view *v = &e->u.slot;

	if (v->seq != r->executed + 1)
		net_fail(net, r, "S1: executes %llu after %llu", (unsigned long long)v->seq,
			 (unsigned long long)r->executed);
	if (map_find(&r->durable, body_key(v->seq, v->batch->digest)) == NULL)
		net_fail(net, r, "S3: executes %llu before its body is durable",
			 (unsigned long long)v->seq);
}

static struct net_done *truth_at(struct net *net, uint64_t seq)
{
	if (seq >= net->size_truth) {
		net->size_truth = 2 * seq + 64;
		net->truth = realloc(net->truth, net->size_truth * sizeof(*net->truth));
		if (net->truth == NULL)
			abort();
	}
	return &net->truth[seq];
}

/* S1: the first who executes a sequence says what it is. */
void net_check_executed(struct net *net, struct net_replica *r, uint64_t seq)
{
	const struct net_done *mine = &r->log[seq];
	struct net_done *truth = truth_at(net, seq);

	if (seq > net->n_truth + 1)
		net_fail(net, r, "S1: %llu executed before its predecessor",
			 (unsigned long long)seq);
	if (seq == net->n_truth + 1) {
		*truth = *mine;
		net->n_truth = seq;
	} else if (truth->batch != mine->batch || truth->time_ms != mine->time_ms ||
		   memcmp(truth->running, mine->running, 32) != 0) {
		net_fail(net, r, "S1: another batch executed as %llu", (unsigned long long)seq);
	}
}

void net_check_core(struct net *net, struct net_replica *r)
{
	struct pbft_info info;

	pbft_info(r->core, &info);
	if (info.executed != r->executed ||
	    memcmp(info.running,
		   r->executed == 0 ? net->conf.running0 : r->log[r->executed].running, 32) != 0)
		net_fail(net, r, "the core is at %llu, the machine at %llu",
			 (unsigned long long)info.executed, (unsigned long long)r->executed);
	if (info.stable < r->stable || info.stable > info.executed)
		net_fail(net, r, "S15: stable checkpoint at %llu", (unsigned long long)info.stable);
	r->stable = info.stable;
	if (info.own > PBFT_OWN_MAX || info.queued > net->o.n * PBFT_OWN_MAX ||
	    r->held > info.own + info.queued + 4 * net->conf.window + PBFT_FETCH_MAX)
		net_fail(net, r, "S16: %lld bodies held", (long long)r->held);
	if (info.diverged)
		net_fail(net, r, "diverged");
}

/* The null batch is the same one wherever it stands. */
static bool is_null(const struct net *net, const uint8_t digest[32])
{
	const struct pbft_batch *b = net_batch_find(net, digest);

	return b != NULL && b->n_bundles == 0;
}

void net_check_idle(struct net *net, struct net_replica *r)
{
	for (size_t i = 0; i < r->holds.size; i++) {
		const struct map_entry *e = &r->holds.entries[i];
		uint8_t digest[32];

		if (!e->used || e->count == 0)
			continue;
		memcpy(digest, e->key.word, 32);
		if (e->count < 1 || (e->count != 1 && !is_null(net, digest)) ||
		    net_batch_find(net, digest) == NULL)
			net_fail(net, r, "a body is held too often, or that of a bundle for ever");
	}
}
