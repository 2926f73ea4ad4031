/* Catch-up, what goes and comes: draft {#catch-up}. FETCH is answered; BODY and ATTEST are answers
 * to ours. */
#include "daemon/pbft/core.h"

#include <string.h>

/* What the own journal has: all that was executed, and the bodies right above that are on disk. */
static uint64_t last_servable(const struct pbft *p, uint64_t to)
{
	uint64_t seq = p->executed;

	while (seq < to) {
		const struct pbft_slot *slot = pbft_window_find(&p->window, seq + 1);

		if (slot == NULL || !slot->has_batch || !slot->body_durable)
			break;
		seq++;
	}
	return seq < to ? seq : to;
}

/* One range at a time: what lies above the last one served, or the same once more after a while. */
static bool may_serve(const struct pbft *p, struct pbft_served *last, uint64_t from, uint64_t to)
{
	if (from <= last->to && p->now < last->again_ms)
		return false;
	last->from = from;
	last->to = to;
	last->again_ms = p->now + p->conf.resend_ms / 2;
	return true;
}

/* A single body above what was executed: whichever is held, not only those in a row. */
static bool holds(const struct pbft *p, uint64_t seq)
{
	const struct pbft_slot *slot = pbft_window_find(&p->window, seq);

	return slot != NULL && slot->has_batch && slot->body_durable;
}

static void serve(struct pbft *p, uint8_t id, uint64_t from, uint64_t to)
{
	uint64_t last = from == to && holds(p, to) ? to : last_servable(p, to);
	struct pbft_effect *e;

	if (last < from || !may_serve(p, &p->peers[id - 1].bodies, from, last))
		return;
	e = pbft_emit(p, PBFT_SERVE);
	e->to = pbft_bit(p, id);
	e->u.fetch.from = from;
	e->u.fetch.to = last;
	e->u.fetch.bodies = true;
}

void pbft_on_fetch(struct pbft *p, const struct pbft_event *ev)
{
	uint64_t from = ev->u.fetch.from, to = ev->u.fetch.to;
	struct pbft_peer *peer;
	struct pbft_effect *e;

	if (!pbft_is_member(p, ev->from) || from == 0 || from > to || to - from >= PBFT_FETCH_MAX) {
		pbft_count(p, PBFT_DROP_OTHER);
		return;
	}
	peer = &p->peers[ev->from - 1];
	if (to <= p->executed && may_serve(p, &peer->attest, from, to)) {
		e = pbft_emit(p, PBFT_SEND_ATTEST);
		e->to = pbft_bit(p, ev->from);
		e->u.attest.seq = to;
	}
	if (ev->u.fetch.bodies)
		serve(p, ev->from, from, to);
}

/* A body that votes of this view single out takes the place of another one, or of none. */
static bool is_wanted(const struct pbft *p, const struct pbft_slot *slot,
		      const struct pbft_batch *batch)
{
	const uint8_t *certified;

	if (slot == NULL || slot->committed || (slot->prepared && slot->vote_view == p->view) ||
	    (slot->has_batch && memcmp(slot->batch.digest, batch->digest, 32) == 0))
		return false;
	if (pbft_new_view_at(p, slot->seq) != NULL &&
	    memcmp(pbft_new_view_at(p, slot->seq), batch->digest, 32) == 0)
		return true;
	certified = pbft_slot_certified(slot, p->conf.n, p->view, pbft_primary(p, p->view));
	return certified != NULL && memcmp(certified, batch->digest, 32) == 0;
}

void pbft_on_body(struct pbft *p, const struct pbft_event *ev)
{
	const struct pbft_batch *batch = ev->u.body.batch;
	uint64_t seq = ev->u.body.seq;
	struct pbft_slot *slot = pbft_window_find(&p->window, seq);

	if (batch->n_bundles > PBFT_BATCH_BUNDLES_MAX) {
		pbft_count(p, PBFT_DROP_OTHER);
		pbft_drop_batch(p, seq, batch->digest);
	} else if (is_wanted(p, slot, batch)) {
		pbft_slot_set_batch(p, slot, batch);
		pbft_slot_advance(p, slot);
	} else if (pbft_fetch_take(p, ev->from, seq, batch)) {
		pbft_fetch_try(p);
	} else {
		pbft_count(p, PBFT_DROP_REPEAT);
		pbft_drop_batch(p, seq, batch->digest);
	}
}

void pbft_on_attest(struct pbft *p, const struct pbft_event *ev)
{
	struct pbft_fetch *f = &p->fetch;

	if (!pbft_is_member(p, ev->from) || !f->active || ev->u.attest.seq != f->to) {
		pbft_count(p, PBFT_DROP_OTHER);
		return;
	}
	f->attested |= pbft_bit(p, ev->from);
	memcpy(f->running[ev->from - 1], ev->u.attest.running, 32);
	pbft_fetch_try(p);
}

/* A batch by its digest: what stands here or is kept aside, or else what was executed. */
void pbft_on_fetch_batch(struct pbft *p, const struct pbft_event *ev)
{
	uint64_t seq = ev->u.fetch_batch.seq;
	const uint8_t *batch = ev->u.fetch_batch.batch;
	const struct pbft_slot *slot = pbft_window_find(&p->window, seq);
	struct pbft_effect *e;
	bool here;

	if (!pbft_is_member(p, ev->from) || seq == 0) {
		pbft_count(p, PBFT_DROP_OTHER);
		return;
	}
	here = slot != NULL && ((slot->has_batch && memcmp(slot->batch.digest, batch, 32) == 0) ||
				(slot->has_kept && memcmp(slot->kept.digest, batch, 32) == 0));
	if (!here && (slot != NULL || seq > p->executed))
		return;
	e = pbft_emit(p, PBFT_SERVE_BATCH);
	e->to = pbft_bit(p, ev->from);
	e->u.drop.seq = seq;
	memcpy(e->u.drop.batch, batch, 32);
}
