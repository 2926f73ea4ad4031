/* What may never happen, checked at every step: net.h names the invariants. */
#include "tests/lib/net.h"

#include <stdlib.h>
#include <string.h>

#include "libproto/crypto.h"
#include "libproto/digest.h"

static struct map_key key_of(uint8_t id, enum pbft_effect_kind kind, uint64_t view, uint64_t seq)
{
	return (struct map_key){{id, (uint64_t)kind, view, seq}};
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

void net_check_sent(struct net *net, struct net_replica *r, const struct pbft_effect *e)
{
	static const enum pbft_effect_kind record_of[] = {
		[PBFT_SEND_PRE_PREPARE] = PBFT_WRITE_PROPOSAL,
		[PBFT_SEND_PREPARE] = PBFT_WRITE_PROPOSAL,
		[PBFT_SEND_COMMIT] = PBFT_WRITE_PREPARED,
	};

	net->sent[e->kind]++;
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
	}
}

/* S3 for the body; before the machine runs. */
void net_check_execute(struct net *net, struct net_replica *r, const struct pbft_effect *e)
{
	const struct pbft_slot_view *v = &e->u.slot;
	const struct map_entry *proposal =
		map_find(&r->durable, key_of(r->id, PBFT_WRITE_PROPOSAL, v->view, v->seq));
	const struct map_entry *fetched =
		map_find(&r->durable, key_of(r->id, PBFT_WRITE_FETCHED, 0, v->seq));

	if (v->seq != r->executed + 1)
		net_fail(net, r, "S1: executes %llu after %llu", (unsigned long long)v->seq,
			 (unsigned long long)r->executed);
	if ((proposal == NULL || memcmp(proposal->digest, v->batch->digest, 32) != 0) &&
	    (fetched == NULL || memcmp(fetched->digest, v->batch->digest, 32) != 0))
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
	    r->held > info.own + info.queued + 2 * net->conf.window + PBFT_FETCH_MAX)
		net_fail(net, r, "S16: %lld bodies held", (long long)r->held);
	if (info.diverged)
		net_fail(net, r, "diverged");
}

void net_check_idle(struct net *net, struct net_replica *r)
{
	for (size_t i = 0; i < r->holds.size; i++) {
		const struct map_entry *e = &r->holds.entries[i];
		uint8_t digest[32];

		if (!e->used || e->count == 0)
			continue;
		memcpy(digest, e->key.word, 32);
		if (e->count != 1 || net_batch_find(net, digest) == NULL)
			net_fail(net, r, "a body is held too often, or that of a bundle for ever");
	}
}
