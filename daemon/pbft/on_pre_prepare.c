/* PRE-PREPARE: draft {#pre-prepare}. */
#include "daemon/pbft/core.h"

#include <string.h>

static bool within_bounds(const struct pbft *p, const struct pbft_batch *batch)
{
	uint64_t requests = 0, octets = 0;

	if (batch->n_bundles > PBFT_BATCH_BUNDLES_MAX)
		return false;
	for (size_t i = 0; i < batch->n_bundles; i++) {
		requests += batch->bundles[i].requests;
		octets += batch->bundles[i].octets;
	}
	return requests <= p->conf.batch_requests_max && octets <= p->conf.batch_octets_max;
}

/* Why it has no effect, whatever its slot holds; -1: it may have one. */
static int refused(const struct pbft *p, const struct pbft_proposal *pp,
		   const struct pbft_batch *batch)
{
	uint8_t primary = pbft_primary(p, p->view);

	if (pp->view != p->view || !p->view_active)
		return PBFT_DROP_VIEW;
	if (pp->replica != primary)
		return PBFT_DROP_NOT_PRIMARY;
	if (primary == p->conf.self || memcmp(pp->batch, batch->digest, 32) != 0 ||
	    !within_bounds(p, batch))
		return PBFT_DROP_OTHER;
	if (pbft_is_stale(p, primary, pp->incarnation, pp->seq))
		return PBFT_DROP_OTHER;
	if (!pbft_window_covers(&p->window, pp->seq))
		return PBFT_DROP_WINDOW;
	if (p->view > 0 && pp->seq <= p->nv.first + p->nv.n &&
	    (pbft_new_view_at(p, pp->seq) == NULL ||
	     memcmp(pbft_new_view_at(p, pp->seq), pp->batch, 32) != 0))
		return PBFT_DROP_CONFLICT; /* what the NEW-VIEW has settled */
	return -1;
}

/* Votes of this view single out the batch that is here, or it is committed. */
static bool is_settled(const struct pbft *p, const struct pbft_slot *slot)
{
	const uint8_t *certified =
		pbft_slot_certified(slot, p->conf.n, p->view, pbft_primary(p, p->view));

	return slot->committed || (slot->proposed && slot->view == p->view) ||
	       (certified != NULL && memcmp(certified, slot->batch.digest, 32) == 0);
}

/*
 * draft {#pre-prepare}: "a replica accepts one PRE-PREPARE for a view and a sequence": of two the
 * second is not prepared. A slot may hold a batch without one, fetched because votes or attests
 * singled it out; then only that one fits. What is left of an older view gives way.
 */
static int unfit(const struct pbft *p, const struct pbft_slot *slot, const struct pbft_proposal *pp)
{
	if (slot == NULL)
		return -1;
	if (slot->voted && slot->vote_view == p->view && memcmp(slot->vote, pp->batch, 32) != 0)
		return PBFT_DROP_CONFLICT;
	if (slot->has_batch && memcmp(slot->batch.digest, pp->batch, 32) != 0 &&
	    is_settled(p, slot))
		return PBFT_DROP_CONFLICT;
	return slot->proposed && slot->view == pp->view ? PBFT_DROP_REPEAT : -1;
}

void pbft_on_pre_prepare(struct pbft *p, const struct pbft_event *ev)
{
	const struct pbft_proposal *pp = &ev->u.pre_prepare.p;
	const struct pbft_batch *batch = ev->u.pre_prepare.batch;
	struct pbft_slot *slot = pbft_window_find(&p->window, pp->seq);
	int why = refused(p, pp, batch);

	if (pp->replica == p->conf.self)
		pbft_shown_proposal(p, pp, true);
	if (why < 0)
		why = unfit(p, slot, pp);
	if (why >= 0) {
		pbft_count(p, (enum pbft_drop)why);
		pbft_drop_batch(p, pp->seq, batch->digest);
		return;
	}
	slot = pbft_window_take(&p->window, pp->seq);
	pbft_slot_set_batch(p, slot, batch);
	slot->proposed = true;
	slot->view = pp->view;
	slot->incarnation = pp->incarnation;
	slot->reproposed = pbft_new_view_at(p, pp->seq) != NULL;
	memcpy(slot->cert.pre_prepare_sig, ev->u.pre_prepare.sig, 64);
	pbft_slot_vote(p, slot); /* or it is held back */
	pbft_slot_advance(p, slot);
}
