/* What the journal tells at a start: draft {#durability}. A vote that was recorded is the vote for
 * ever. */
#include "daemon/pbft/core.h"
#include "daemon/bug.h"

#include <string.h>

int pbft_restore_base(struct pbft *p, const struct pbft_restore_base *base)
{
	uint64_t low = base->stable;

	ASSERT(!p->started);
	if (base->stable > base->executed || base->stable % p->conf.interval != 0)
		return -1;
	if (base->executed > p->conf.window && base->executed - p->conf.window > low)
		low = base->executed - p->conf.window;
	if (base->lacks && base->executed != base->stable)
		return -1;
	p->lacks = base->lacks;
	p->silent = base->silent;
	p->view = base->view;
	p->executed = base->executed;
	p->stable = base->stable;
	p->time = base->time_ms;
	p->next_seq = base->executed + 1;
	memcpy(p->running, base->running, 32);
	memcpy(p->stable_state, base->stable_state, 32);
	memcpy(p->start_state, base->state, 32);
	p->window.base = p->window.swept = low;
	p->window.top = base->executed;
	pbft_rejoin_base(p, base);
	return 0;
}

void pbft_restore_numbers(struct pbft *p, uint8_t relay, const struct machine_numbers *numbers)
{
	ASSERT(!p->started && pbft_bit(p, relay) != 0);
	if (!BUG(115))
		p->numbers[relay - 1] = *numbers;
}

/* As pbft_slot_release() does; true: a hold is given up. */
static bool set_aside(struct pbft_slot *slot, uint8_t replaced[32])
{
	bool prepared = slot->best.is_there && !slot->committed &&
			memcmp(slot->best.batch, slot->batch.digest, 32) == 0;
	bool had = slot->has_kept;

	memcpy(replaced, prepared && had ? slot->kept.digest : slot->batch.digest, 32);
	if (!prepared)
		return true;
	slot->has_kept = true;
	pbft_batch_copy(&slot->kept, &slot->batch);
	return had;
}

/* The body of a record takes its place: PBFT_HELD and PBFT_REPLACED as they come out. */
static int place(struct pbft *p, struct pbft_slot *slot, const struct pbft_batch *batch,
		 uint8_t replaced[32])
{
	int held = PBFT_HELD;

	if (slot->has_batch) {
		if (memcmp(slot->batch.digest, batch->digest, 32) == 0)
			return 0;
		if (set_aside(slot, replaced))
			held |= PBFT_REPLACED;
	}
	slot->has_batch = true;
	slot->body_durable = true;
	slot->proposed = false;
	pbft_batch_copy(&slot->batch, batch);
	if (slot->seq > p->window.top)
		p->window.top = slot->seq;
	return held;
}

/* draft {#pre-prepare}: "a restarted primary proposes above everything in its log"; numbers of
 * older views are the NEW-VIEW's business. */
static void raise_next(struct pbft *p, const struct pbft_slot_view *v)
{
	if (BUG(24))
		return;
	if (v->view > p->next_view || p->next_seq <= v->seq)
		p->next_seq = v->view < p->next_view ? p->next_seq : v->seq + 1;
	if (v->view > p->next_view)
		p->next_view = v->view;
	if (p->time_proposed < v->batch->time)
		p->time_proposed = v->batch->time;
}

static void own_prepare(struct pbft *p, struct pbft_slot *slot)
{
	static const uint8_t no_sig[64];
	struct pbft_proposal own = {.view = slot->vote_view,
				    .seq = slot->seq,
				    .incarnation = p->incarnation,
				    .replica = p->conf.self};

	if (pbft_primary(p, slot->vote_view) == p->conf.self)
		return;
	memcpy(own.batch, slot->vote, 32);
	pbft_slot_put_prepare(slot, &own, no_sig);
}

int pbft_restore_proposal(struct pbft *p, const struct pbft_slot_view *v, uint8_t replaced[32])
{
	struct pbft_slot *slot;
	int held = 0;

	ASSERT(!p->started);
	if (v->batch->n_bundles > PBFT_BATCH_BUNDLES_MAX)
		return -1;
	raise_next(p, v);
	if (v->view > p->view) { /* the record of the view itself is behind it, written once more */
		p->view = v->view;
		p->view_active = p->nv_left = false;
	}
	if (!pbft_window_covers(&p->window, v->seq))
		return 0;
	slot = pbft_window_take(&p->window, v->seq);
	if (slot->voted && slot->vote_view == v->view)
		return memcmp(slot->vote, v->batch->digest, 32) == 0 ? 0 : -1;
	if (slot->voted && slot->vote_view > v->view)
		return -1; /* votes for a lower view after a higher one */
	/* of what was executed the newest record has what it was: an older one may be of a primary
	 * that another view put right */
	if (!slot->committed || (v->seq <= p->executed && !BUG(111)))
		held = place(p, slot, v->batch, replaced);
	slot->voted = slot->vote_durable = true;
	slot->vote_view = v->view;
	memcpy(slot->vote, v->batch->digest, 32);
	slot->prepared = slot->prepared_durable = false;
	slot->committed |= v->seq <= p->executed;
	if (memcmp(slot->batch.digest, v->batch->digest, 32) == 0) {
		slot->proposed = true;
		slot->view = v->view;
		slot->incarnation = v->incarnation;
		memcpy(slot->cert.pre_prepare_sig, v->cert->pre_prepare_sig, 64);
	}
	own_prepare(p, slot);
	return held;
}

int pbft_restore_prepared(struct pbft *p, const struct pbft_slot_view *v)
{
	struct pbft_slot *slot;

	ASSERT(!p->started);
	if (!pbft_window_covers(&p->window, v->seq))
		return 0;
	slot = pbft_window_find(&p->window, v->seq);
	if (slot == NULL || !slot->voted || slot->vote_view != v->view ||
	    memcmp(slot->vote, v->batch->digest, 32) != 0)
		return -1; /* without its proposal */
	if (!pbft_quorum_prepared(p->conf.n, pbft_primary(p, v->view), v->cert->who))
		return -1;
	if (BUG(22))
		return 0;
	slot->prepared = slot->prepared_durable = true;
	slot->cert = *v->cert;
	slot->best.is_there = true;
	slot->best.view = v->view;
	slot->best.incarnation = v->incarnation;
	memcpy(slot->best.batch, slot->vote, 32);
	slot->best.cert = slot->cert;
	for (uint8_t id = 1; id <= p->conf.n; id++) {
		struct pbft_proposal vote = {.view = v->view,
					     .seq = v->seq,
					     .incarnation = v->cert->incarnation[id - 1],
					     .replica = id};

		memcpy(vote.batch, slot->vote, 32);
		if ((v->cert->who & pbft_bit(p, id)) != 0)
			pbft_slot_put_prepare(slot, &vote, v->cert->sig[id - 1]);
	}
	pbft_slot_put_commit(slot, p->conf.self, v->view, slot->vote);
	return 0;
}

int pbft_restore_fetched(struct pbft *p, const struct pbft_slot_view *v, uint8_t replaced[32])
{
	struct pbft_slot *slot;
	int held;

	ASSERT(!p->started);
	if (v->batch->n_bundles > PBFT_BATCH_BUNDLES_MAX)
		return -1;
	if (!pbft_window_covers(&p->window, v->seq))
		return 0;
	if (p->time_proposed < v->batch->time)
		p->time_proposed = v->batch->time;
	slot = pbft_window_take(&p->window, v->seq);
	if (slot->committed && slot->has_batch && v->seq > p->executed &&
	    memcmp(slot->batch.digest, v->batch->digest, 32) != 0)
		return -1; /* two batches committed under one number */
	held = place(p, slot, v->batch, replaced);
	slot->committed = true;
	return held;
}

int pbft_restore_checkpoint(struct pbft *p, uint64_t seq, uint64_t incarnation,
			    const uint8_t state[32])
{
	struct pbft_checkpoint *c;
	size_t self = p->conf.self - 1u;

	ASSERT(!p->started);
	if (seq == 0 || seq % p->conf.interval != 0)
		return -1;
	if (seq < p->stable || (seq > p->window.base && !pbft_window_covers(&p->window, seq)))
		return 0;
	if (p->silent)
		return 0; /* it may be the one that was wrong; nothing of it is sent any more */
	c = pbft_checkpoint_take(p, seq);
	if (c == NULL)
		return 0;
	if (c->own_known)
		return memcmp(c->state[self], state, 32) == 0 ? 0 : -1;
	c->own_known = c->own_durable = true;
	c->incarnation[self] = incarnation;
	memcpy(c->state[self], state, 32);
	return 0;
}

int pbft_restore_stable(struct pbft *p, uint64_t seq, uint16_t who, const uint64_t *incarnation,
			const uint8_t (*sig)[64])
{
	ASSERT(!p->started);
	if (seq == 0 || seq != p->stable)
		return 0;
	p->proof_who = who;
	memcpy(p->proof.incarnation, incarnation, sizeof(p->proof.incarnation));
	memcpy(p->proof.sig, sig, sizeof(p->proof.sig));
	if ((who & pbft_bit(p, p->conf.self)) != 0)
		p->stable_incarnation = incarnation[p->conf.self - 1];
	return 0;
}

int pbft_restore_view_change(struct pbft *p, const struct pbft_view_change *c)
{
	ASSERT(!p->started);
	if (BUG(23))
		return 0;
	if (c->view < p->view || c->replica != p->conf.self)
		return -1;
	p->view = c->view;
	p->view_active = false;
	p->nv_left = BUG(109) && p->nv_left; /* an older NEW-VIEW says nothing of this one */
	p->changes[p->conf.self - 1] = *c;
	p->has_change = p->change_durable = true;
	p->progress = false;
	return 0;
}

int pbft_restore_new_view(struct pbft *p, const struct pbft_new_view *nv)
{
	uint64_t next = nv->first + nv->n + 1;

	ASSERT(!p->started);
	if (nv->view < p->view || nv->replica != pbft_primary(p, nv->view))
		return -1;
	p->view = nv->view;
	p->view_active = p->nv_left = true;
	p->nv = *nv;
	if (nv->view > p->next_view || p->next_seq < next)
		p->next_seq = next;
	p->next_view = nv->view;
	return 0;
}
