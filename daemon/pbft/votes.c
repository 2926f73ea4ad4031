/*
 * How a slot goes on: from a PRE-PREPARE accepted to prepared and committed (draft {#prepare},
 * {#commit}).
 */
#include "daemon/pbft/core.h"
#include "daemon/bug.h"

#include <string.h>

void pbft_slot_release(struct pbft *p, struct pbft_slot *slot)
{
	bool prepared = slot->best.is_there && !slot->committed &&
			memcmp(slot->best.batch, slot->batch.digest, 32) == 0;

	if (!prepared) {
		pbft_drop_batch(p, slot->seq, slot->batch.digest);
	} else {
		if (slot->has_kept)
			pbft_drop_batch(p, slot->seq, slot->kept.digest);
		slot->has_kept = true;
		pbft_batch_copy(&slot->kept, &slot->batch);
	}
	slot->has_batch = slot->proposed = slot->body_durable = false;
}

void pbft_slot_set_batch(struct pbft *p, struct pbft_slot *slot, const struct pbft_batch *batch)
{
	if (slot->seq > p->window.top)
		p->window.top = slot->seq;
	if (slot->has_batch) {
		if (memcmp(slot->batch.digest, batch->digest, 32) == 0) {
			pbft_drop_batch(p, slot->seq, batch->digest);
			return;
		}
		pbft_slot_release(p, slot);
	}
	slot->has_batch = true;
	slot->body_durable = false;
	pbft_batch_copy(&slot->batch, batch);
}

void pbft_top_settle(struct pbft *p)
{
	uint64_t top = p->executed;

	if (BUG(114))
		return;
	if (p->view_active && p->nv.view == p->view && p->nv.first + p->nv.n > top)
		top = p->nv.first + p->nv.n;
	for (uint64_t seq = top + 1; seq <= p->window.top; seq++) {
		const struct pbft_slot *slot = pbft_window_find(&p->window, seq);

		if (slot != NULL && slot->has_batch &&
		    (slot->committed || (slot->proposed && slot->view == p->view)))
			top = seq;
	}
	p->window.top = top;
}

void pbft_slot_wait(struct pbft *p, struct pbft_slot *slot)
{
	if (slot->waiting)
		return;
	ASSERT(p->n_waiting < 2 * p->window.n_slots);
	slot->waiting = true;
	p->waiting[p->n_waiting++] = slot->seq;
}

/* draft {#time}: "only if its time is not ahead of its own clock by more than the clock bound".
 * There is no bound the other way: a replica that was away sees a proposal late, and in its view
 * nothing else can stand in that place. */
static bool clock_agrees(const struct pbft *p, const struct pbft_batch *batch)
{
	return batch->time <= p->wall || batch->time - p->wall <= p->conf.clock_bound_ms;
}

bool pbft_slot_vote(struct pbft *p, struct pbft_slot *slot)
{
	if (!slot->proposed || slot->view != p->view || !p->view_active || pbft_is_mute(p))
		return false;
	if (slot->voted && slot->vote_view >= p->view)
		return true;
	if (slot->seq > p->stable + p->conf.window || !pbft_disk_takes(p, slot))
		return false;
	if (!slot->committed && (!slot->reproposed || BUG(29)) && !clock_agrees(p, &slot->batch)) {
		pbft_count(p, PBFT_DROP_CLOCK);
		return false;
	}
	slot->voted = true;
	slot->vote_view = p->view;
	memcpy(slot->vote, slot->batch.digest, 32);
	slot->vote_durable = slot->prepared = slot->prepared_durable = false;
	if (p->voted_ms == 0 && slot->seq > p->executed)
		p->voted_ms = p->now;
	slot->prepared_token = 0; /* one of an older view says nothing of this vote */
	slot->proposal_token = pbft_write_slot(p, PBFT_WRITE_PROPOSAL, slot);
	return true;
}

void pbft_vote_held(struct pbft *p)
{
	p->revote = false;
	for (uint64_t seq = p->window.base + 1; seq <= p->window.top; seq++) {
		struct pbft_slot *slot = pbft_window_find(&p->window, seq);

		if (slot == NULL || !slot->proposed || (slot->voted && slot->vote_view >= p->view))
			continue;
		if (pbft_room(p) < PBFT_ROOM_SLOT) {
			p->revote = p->more = true;
			return;
		}
		if (pbft_slot_vote(p, slot))
			pbft_slot_advance(p, slot);
	}
}

/* draft {#prepare}: "prepared: the PRE-PREPARE and PREPAREs of 2f different backups that match it"
 */
static void prepare(struct pbft *p, struct pbft_slot *slot)
{
	uint8_t primary = pbft_primary(p, p->view);
	uint16_t who;

	if (slot->prepared || !pbft_slot_votes(slot, p->view) || p->disk == PBFT_DISK_FULL ||
	    pbft_is_mute(p))
		return;
	who = pbft_slot_prepares(slot, p->view, slot->vote);
	if (!pbft_quorum_prepared(p->conf.n, primary, who))
		return;
	slot->prepared = true;
	if (BUG(21))
		pbft_slot_put_commit(slot, p->conf.self, slot->vote_view, slot->vote);
	pbft_slot_certify(slot);
	slot->best.is_there = true;
	slot->best.view = slot->vote_view;
	slot->best.incarnation = slot->incarnation;
	memcpy(slot->best.batch, slot->vote, 32);
	slot->best.cert = slot->cert;
	if (slot->has_kept)
		pbft_drop_batch(p, slot->seq, slot->kept.digest);
	slot->has_kept = false;
	slot->prepared_token = pbft_write_slot(p, PBFT_WRITE_PREPARED, slot);
}

/*
 * draft {#commit}: "committed: COMMITs of 2f+1 different members". The own one is among them only
 * once the certificate is on disk; without it 2f+1 others prove the same: f+1 of them are correct
 * and prepared.
 */
static void commit(const struct pbft *p, struct pbft_slot *slot)
{
	uint16_t who;

	if (slot->committed || !slot->has_batch)
		return;
	who = pbft_slot_commits(slot, p->view, slot->batch.digest);
	slot->committed = pbft_quorum_strong(p->conf.n, who);
}

/* A committed batch that no own vote brings to the journal. */
static void keep_body(struct pbft *p, struct pbft_slot *slot)
{
	bool coming = pbft_slot_votes(slot, slot->vote_view) && slot->proposal_token != 0;

	if (slot->committed && !slot->body_durable && !coming && slot->fetched_token == 0 &&
	    pbft_disk_takes(p, slot))
		slot->fetched_token = pbft_write_slot(p, PBFT_WRITE_FETCHED, slot);
}

void pbft_slot_advance(struct pbft *p, struct pbft_slot *slot)
{
	prepare(p, slot);
	commit(p, slot);
	keep_body(p, slot);
}

/* Who has executed this sequence, so needs no vote on it. */
static uint16_t done(const struct pbft *p, uint64_t seq)
{
	uint16_t who = 0;

	for (uint8_t id = 1; id <= p->conf.n; id++)
		if (p->peers[id - 1].executed >= seq)
			who |= pbft_bit(p, id);
	return who;
}

static void resend(struct pbft *p, const struct pbft_slot *slot, uint16_t to)
{
	uint16_t commits, have;

	if (!slot->vote_durable || !(pbft_slot_votes(slot, p->view) ||
				     (BUG(52) && pbft_slot_votes(slot, slot->vote_view))))
		return;
	commits = pbft_slot_commits(slot, p->view, slot->vote);
	have = (uint16_t)(commits | pbft_slot_prepares(slot, p->view, slot->vote));
	if (!p->stuck) /* else the votes of those who got there by fetching may be needed */
		to &= (uint16_t)~done(p, slot->seq);
	if (pbft_primary(p, p->view) == p->conf.self) {
		if ((to & ~have) != 0) /* who has voted has the body */
			pbft_emit_slot(p, PBFT_SEND_PRE_PREPARE, slot, (uint16_t)(to & ~have));
	} else if ((to & ~commits) != 0) {
		pbft_emit_slot(p, PBFT_SEND_PREPARE, slot, (uint16_t)(to & ~commits));
	}
	if (slot->prepared_durable && to != 0)
		pbft_emit_slot(p, PBFT_SEND_COMMIT, slot, to);
}

void pbft_resend_votes(struct pbft *p, uint64_t above, uint16_t to)
{
	uint64_t seq = above > p->window.base ? above : p->window.base;

	if (!pbft_may_repeat(p))
		return;
	to &= pbft_quorum_others(p->conf.n, p->conf.self);
	for (int left = PBFT_RESEND_SLOTS; left > 0 && seq < p->window.top; left--) {
		const struct pbft_slot *slot = pbft_window_find(&p->window, ++seq);

		if (slot != NULL)
			resend(p, slot, to);
	}
}
