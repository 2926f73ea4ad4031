/*
 * A member is shown its own votes, so that one whose disk was put back to an older state finds out
 * before it contradicts them: draft {#showing}. And what it means when this replica is shown one:
 * draft {#rejoin}, "that it does not know".
 */
#include "daemon/pbft/core.h"

#include <string.h>

/* ---- showing ---- */

static void show_checkpoint(struct pbft *p, uint8_t id)
{
	const struct pbft_checkpoint *newest = NULL;
	struct pbft_effect *e;

	for (uint32_t i = 0; i < p->n_checkpoints; i++) {
		const struct pbft_checkpoint *c = &p->checkpoints[i];

		if (c->seq > p->stable && (c->who & pbft_bit(p, id)) != 0 &&
		    (newest == NULL || c->seq > newest->seq))
			newest = c;
	}
	if (newest == NULL)
		return;
	e = pbft_emit(p, PBFT_SHOW_CHECKPOINT);
	e->to = pbft_bit(p, id);
	e->u.shown.p.seq = newest->seq;
	e->u.shown.p.incarnation = newest->incarnation[id - 1];
	e->u.shown.p.replica = id;
	memcpy(e->u.shown.p.batch, newest->state[id - 1], 32);
	e->u.shown.sig = newest->sig[id - 1];
}

static bool show_prepare(struct pbft *p, const struct pbft_slot *slot, uint8_t id)
{
	const struct pbft_prepare_vote *v = &slot->prepares[id - 1];
	struct pbft_effect *e;

	if (!v->is_there)
		return false;
	e = pbft_emit(p, PBFT_SHOW_PREPARE);
	e->to = pbft_bit(p, id);
	e->u.shown.p = (struct pbft_proposal){
		.view = v->view, .seq = slot->seq, .incarnation = v->incarnation, .replica = id};
	memcpy(e->u.shown.p.batch, v->batch, 32);
	e->u.shown.sig = v->sig;
	return true;
}

/* A PRE-PREPARE of its own, not one that a NEW-VIEW said. */
static bool show_proposal(struct pbft *p, const struct pbft_slot *slot, uint8_t id)
{
	if (!slot->proposed || slot->view != p->view || slot->reproposed || !slot->has_batch ||
	    pbft_primary(p, p->view) != id)
		return false;
	pbft_emit_slot(p, PBFT_SHOW_PRE_PREPARE, slot, pbft_bit(p, id));
	return true;
}

void pbft_show(struct pbft *p, uint8_t id)
{
	struct pbft_peer *peer = &p->peers[id - 1];
	struct pbft_effect *e;

	if (p->now < peer->show_ms || pbft_room(p) < PBFT_ROOM_SLOT)
		return;
	peer->show_ms = p->now + p->conf.resend_ms;
	show_checkpoint(p, id);
	for (uint64_t seq = p->window.top; seq > p->window.base && seq > p->stable; seq--) {
		const struct pbft_slot *slot = pbft_window_find(&p->window, seq);

		if (slot != NULL && (show_prepare(p, slot, id) || show_proposal(p, slot, id)))
			break;
	}
	if (p->changes[id - 1].view <= p->view)
		return;
	e = pbft_emit(p, PBFT_SEND_VIEW_CHANGE);
	e->to = pbft_bit(p, id);
	e->u.kept.replica = id;
	e->u.kept.view = p->changes[id - 1].view;
}

/* ---- shown ---- */

/* Those of an older incarnation say nothing: that it forgot them is known. */
static bool concerns(const struct pbft *p, uint64_t incarnation)
{
	return p->started && !p->recovering && !p->conf.trusting && incarnation >= p->incarnation;
}

static void strange(struct pbft *p)
{
	pbft_recover(p, p->empty ? PBFT_FORGOT_EMPTY : PBFT_FORGOT_SHOWN);
}

/* A vote of the incarnation in which it will vote: it did so already, and has forgotten. */
static bool has_come_back_before(struct pbft *p, uint64_t incarnation)
{
	if (!p->started || !p->recovering || p->rejoined == 0 || p->conf.trusting ||
	    incarnation < p->rejoined)
		return false;
	strange(p);
	return true;
}

static bool is_known(const struct pbft *p, const struct pbft_proposal *v, bool pre_prepare)
{
	const struct pbft_slot *slot = pbft_window_find(&p->window, v->seq);

	if (v->incarnation > p->incarnation)
		return false;
	if (pre_prepare && v->view > 0 && (v->view < p->view || v->seq <= p->nv.first + p->nv.n))
		return true; /* a NEW-VIEW of its own said it, whether or not its body was here */
	if (slot == NULL || !slot->voted || slot->vote_view < v->view)
		return false;
	return slot->vote_view > v->view || memcmp(slot->vote, v->batch, 32) == 0;
}

void pbft_shown_proposal(struct pbft *p, const struct pbft_proposal *v, bool pre_prepare)
{
	if (!has_come_back_before(p, v->incarnation) && concerns(p, v->incarnation) &&
	    v->seq > p->stable && v->seq > p->window.base && !is_known(p, v, pre_prepare))
		strange(p);
}

void pbft_shown_checkpoint(struct pbft *p, const struct pbft_event *ev)
{
	const struct pbft_checkpoint *c = pbft_checkpoint_find(p, ev->u.checkpoint.seq);
	size_t self = p->conf.self - 1u;

	if (has_come_back_before(p, ev->u.checkpoint.incarnation) ||
	    !concerns(p, ev->u.checkpoint.incarnation) || ev->u.checkpoint.seq <= p->window.base ||
	    ev->u.checkpoint.seq % p->conf.interval != 0)
		return;
	if (c == NULL || !c->own_known || c->own_void ||
	    ev->u.checkpoint.incarnation > p->incarnation ||
	    memcmp(c->state[self], ev->u.checkpoint.state, 32) != 0)
		strange(p);
}

void pbft_shown_view_change(struct pbft *p, const struct pbft_view_change *c)
{
	if (!has_come_back_before(p, c->incarnation) && concerns(p, c->incarnation) &&
	    c->view > p->view)
		strange(p);
}

void pbft_shown_new_view(struct pbft *p, const struct pbft_new_view *nv)
{
	if (!has_come_back_before(p, nv->incarnation) && concerns(p, nv->incarnation) &&
	    pbft_primary(p, nv->view) == p->conf.self &&
	    (nv->view > p->view || (nv->view == p->view && !p->view_active)))
		strange(p);
}
