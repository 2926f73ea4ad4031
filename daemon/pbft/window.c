#include "daemon/pbft/window.h"
#include "daemon/bug.h"

#include <string.h>

#include "daemon/pbft/quorum.h"

void pbft_window_init(struct pbft_window *w, struct pbft_slot *slots, uint32_t n_slots)
{
	memset(w, 0, sizeof(*w));
	w->slots = slots;
	w->n_slots = n_slots;
	for (uint32_t i = 0; i < n_slots; i++)
		slots[i].seq = 0;
}

static struct pbft_slot *at(const struct pbft_window *w, uint64_t seq)
{
	return &w->slots[seq % w->n_slots];
}

bool pbft_window_covers(const struct pbft_window *w, uint64_t seq)
{
	return seq > w->base && seq - w->swept <= w->n_slots;
}

struct pbft_slot *pbft_window_find(const struct pbft_window *w, uint64_t seq)
{
	struct pbft_slot *slot = at(w, seq);

	return pbft_window_covers(w, seq) && slot->seq == seq ? slot : NULL;
}

struct pbft_slot *pbft_window_take(struct pbft_window *w, uint64_t seq)
{
	struct pbft_slot *slot = at(w, seq);

	if (slot->seq != seq) {
		pbft_slot_clear(slot);
		/* here, not there: effects of the step that gives a slot up still point at it */
		memset(&slot->cert, 0, sizeof(slot->cert));
		slot->seq = seq;
	}
	return slot;
}

void pbft_window_rise(struct pbft_window *w, uint64_t base)
{
	if (base > w->base)
		w->base = base;
}

struct pbft_slot *pbft_window_sweep(struct pbft_window *w)
{
	/* a base far above the ring leaves nothing but the ring to look at */
	if (w->base - w->swept > w->n_slots) {
		for (uint32_t i = 0; i < w->n_slots; i++)
			if (w->slots[i].seq != 0 && w->slots[i].seq <= w->base)
				return &w->slots[i];
		w->swept = w->base;
	}
	while (w->swept < w->base) {
		struct pbft_slot *slot = at(w, w->swept + 1);

		if (slot->seq == w->swept + 1)
			return slot;
		w->swept++;
	}
	return NULL;
}

void pbft_slot_clear(struct pbft_slot *slot)
{
	slot->seq = 0;
	if (BUG(102))
		memset(&slot->cert, 0, sizeof(slot->cert));
	slot->has_batch = slot->committed = slot->body_durable = slot->proposed = false;
	slot->waiting = slot->voted = slot->vote_durable = slot->prepared = slot->prepared_durable =
		false;
	slot->reproposed = slot->has_kept = slot->best.is_there = false;
	slot->fetched_token = slot->proposal_token = slot->prepared_token = 0;
	slot->view = slot->incarnation = slot->vote_view = 0;
	for (size_t i = 0; i < AP_REPLICAS_MAX; i++)
		slot->prepares[i].is_there = slot->commits[i].is_there = false;
}

bool pbft_slot_votes(const struct pbft_slot *slot, uint64_t view)
{
	return slot->voted && slot->vote_view == view && slot->has_batch &&
	       memcmp(slot->vote, slot->batch.digest, 32) == 0;
}

/* A vote is there and another one comes. */
static enum pbft_put compare(uint64_t old_view, const uint8_t old[32], uint64_t view,
			     const uint8_t batch[32])
{
	if (old_view > view)
		return PBFT_PUT_REPEAT;
	if (old_view < view)
		return PBFT_PUT_NEW;
	return memcmp(old, batch, 32) == 0 ? PBFT_PUT_REPEAT : PBFT_PUT_CONFLICT;
}

enum pbft_put pbft_slot_put_prepare(struct pbft_slot *slot, const struct pbft_proposal *p,
				    const uint8_t sig[64])
{
	struct pbft_prepare_vote *v = &slot->prepares[p->replica - 1];
	enum pbft_put put = PBFT_PUT_NEW;

	if (v->is_there)
		put = compare(v->view, v->batch, p->view, p->batch);
	if (put != PBFT_PUT_NEW)
		return put;
	v->is_there = true;
	v->view = p->view;
	v->incarnation = p->incarnation;
	memcpy(v->batch, p->batch, 32);
	memcpy(v->sig, sig, 64);
	return put;
}

enum pbft_put pbft_slot_put_commit(struct pbft_slot *slot, uint8_t id, uint64_t view,
				   const uint8_t batch[32])
{
	struct pbft_commit_vote *v = &slot->commits[id - 1];
	enum pbft_put put = PBFT_PUT_NEW;

	if (v->is_there)
		put = compare(v->view, v->batch, view, batch);
	if (put != PBFT_PUT_NEW)
		return put;
	v->is_there = true;
	v->view = view;
	memcpy(v->batch, batch, 32);
	return put;
}

uint16_t pbft_slot_prepares(const struct pbft_slot *slot, uint64_t view, const uint8_t batch[32])
{
	uint16_t who = 0;

	for (uint8_t i = 0; i < AP_REPLICAS_MAX; i++) {
		const struct pbft_prepare_vote *v = &slot->prepares[i];

		if (v->is_there && (v->view == view || (BUG(4) && v->view < view)) &&
		    memcmp(v->batch, batch, 32) == 0)
			who |= (uint16_t)(1u << i);
	}
	return who;
}

uint16_t pbft_slot_commits(const struct pbft_slot *slot, uint64_t view, const uint8_t batch[32])
{
	uint16_t who = 0;

	for (uint8_t i = 0; i < AP_REPLICAS_MAX; i++) {
		const struct pbft_commit_vote *v = &slot->commits[i];

		if (v->is_there && v->view == view && memcmp(v->batch, batch, 32) == 0)
			who |= (uint16_t)(1u << i);
	}
	return who;
}

const uint8_t *pbft_slot_certified(const struct pbft_slot *slot, uint8_t n, uint64_t view,
				   uint8_t primary)
{
	for (uint8_t i = 0; i < n; i++) {
		const struct pbft_commit_vote *v = &slot->commits[i];

		if (v->is_there && v->view == view &&
		    pbft_quorum_weak(n, pbft_slot_commits(slot, view, v->batch)))
			return v->batch;
	}
	for (uint8_t i = 0; i < n; i++) {
		const struct pbft_prepare_vote *v = &slot->prepares[i];

		if (v->is_there && v->view == view &&
		    pbft_quorum_prepared(n, primary, pbft_slot_prepares(slot, view, v->batch)))
			return v->batch;
	}
	return NULL;
}

void pbft_slot_certify(struct pbft_slot *slot)
{
	slot->cert.who = pbft_slot_prepares(slot, slot->vote_view, slot->vote);
	for (size_t i = 0; i < AP_REPLICAS_MAX; i++) {
		if ((slot->cert.who >> i & 1) == 0)
			continue;
		slot->cert.incarnation[i] = slot->prepares[i].incarnation;
		memcpy(slot->cert.sig[i], slot->prepares[i].sig, 64);
	}
}

void pbft_batch_copy(struct pbft_batch *to, const struct pbft_batch *from)
{
	to->time = from->time;
	to->n_bundles = from->n_bundles;
	memcpy(to->bundles, from->bundles, from->n_bundles * sizeof(from->bundles[0]));
	memcpy(to->digest, from->digest, 32);
}
