/*
 * A write is durable: draft {#durability}, "a vote leaves, and counts for its own replica, only
 * when its record is durable". What a record releases:
 *
 *     PBFT_WRITE_PROPOSAL    the PRE-PREPARE of a primary, the PREPARE of a backup; the body may be
 * executed PBFT_WRITE_PREPARED    the COMMIT PBFT_WRITE_FETCHED     the execution of the body
 *     PBFT_WRITE_CHECKPOINT  the CHECKPOINT (on_checkpoint.c)
 */
#include "daemon/pbft/core.h"
#include "daemon/bug.h"

#include <string.h>

void pbft_on_written(struct pbft *p, const struct pbft_event *ev)
{
	ASSERT(ev->u.token <= p->token);
	if (ev->u.token > p->durable)
		p->durable = ev->u.token;
}

static bool take(const struct pbft *p, uint64_t *token)
{
	bool done = *token != 0 && (*token <= p->durable || BUG(20));

	if (done)
		*token = 0;
	return done;
}

static void proposal_durable(struct pbft *p, struct pbft_slot *slot)
{
	static const uint8_t no_sig[64];
	struct pbft_proposal own = {.view = slot->vote_view,
				    .seq = slot->seq,
				    .incarnation = p->incarnation,
				    .replica = p->conf.self};

	slot->vote_durable = true;
	if (pbft_slot_votes(slot, slot->vote_view))
		slot->body_durable = true;
	if (!pbft_slot_votes(slot, p->view) || !p->view_active || pbft_is_mute(p))
		return;
	if (pbft_is_primary(p)) {
		if (!slot->reproposed) /* else the NEW-VIEW has said it */
			pbft_emit_slot(p, PBFT_SEND_PRE_PREPARE, slot, PBFT_EVERYONE);
		return;
	}
	memcpy(own.batch, slot->vote, 32);
	pbft_slot_put_prepare(slot, &own, no_sig);
	pbft_emit_slot(p, PBFT_SEND_PREPARE, slot, PBFT_EVERYONE);
}

static void prepared_durable(struct pbft *p, struct pbft_slot *slot)
{
	slot->prepared_durable = true;
	if (!pbft_slot_votes(slot, p->view) || !p->view_active || pbft_is_mute(p))
		return;
	pbft_slot_put_commit(slot, p->conf.self, slot->vote_view, slot->vote);
	pbft_emit_slot(p, PBFT_SEND_COMMIT, slot, PBFT_EVERYONE);
}

static void slot_done(struct pbft *p, struct pbft_slot *slot)
{
	bool proposal = take(p, &slot->proposal_token);
	bool fetched = take(p, &slot->fetched_token);
	bool prepared = take(p, &slot->prepared_token);

	if (fetched)
		slot->body_durable = true;
	if (proposal)
		proposal_durable(p, slot);
	if (prepared)
		prepared_durable(p, slot);
	if (proposal || fetched || prepared)
		pbft_slot_advance(p, slot);
	slot->waiting =
		slot->proposal_token != 0 || slot->fetched_token != 0 || slot->prepared_token != 0;
}

void pbft_disk_done(struct pbft *p)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < p->n_waiting; i++) {
		struct pbft_slot *slot = pbft_window_find(&p->window, p->waiting[i]);
		bool room = pbft_room(p) >= PBFT_ROOM_SLOT;

		if (slot == NULL)
			continue; /* fell out of the window */
		if (room)
			slot_done(p, slot);
		else
			p->more = true;
		if (slot->waiting)
			p->waiting[kept++] = slot->seq;
	}
	p->n_waiting = kept;
}
