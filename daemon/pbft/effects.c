/* Effects of the update that is open. */
#include "daemon/pbft/core.h"

#include <string.h>

size_t pbft_room(const struct pbft *p)
{
	return PBFT_EFFECTS_MAX - p->out->n;
}

struct pbft_effect *pbft_emit(struct pbft *p, enum pbft_effect_kind kind)
{
	struct pbft_effect *e = &p->out->effects[p->out->n];

	ASSERT(p->out->n < PBFT_EFFECTS_MAX);
	p->out->n++;
	memset(e, 0, sizeof(*e));
	e->kind = kind;
	return e;
}

struct pbft_effect *pbft_emit_slot(struct pbft *p, enum pbft_effect_kind kind,
				   const struct pbft_slot *slot, uint16_t to)
{
	struct pbft_effect *e = pbft_emit(p, kind);
	struct pbft_slot_view *v = &e->u.slot;

	e->to = to;
	v->seq = slot->seq;
	v->view = slot->proposed ? slot->view : p->view;
	v->incarnation = kind == PBFT_SEND_PREPARE ? p->incarnation : slot->incarnation;
	v->primary = pbft_primary(p, v->view);
	v->reproposed = slot->reproposed;
	v->batch = &slot->batch;
	v->cert = slot->proposed ? &slot->cert : NULL;
	return e;
}

struct pbft_effect *pbft_write(struct pbft *p, enum pbft_effect_kind kind)
{
	struct pbft_effect *e = pbft_emit(p, kind);

	e->token = ++p->token;
	return e;
}

uint64_t pbft_write_slot(struct pbft *p, enum pbft_effect_kind kind, struct pbft_slot *slot)
{
	struct pbft_effect *e = pbft_emit_slot(p, kind, slot, 0);

	e->token = ++p->token;
	pbft_slot_wait(p, slot);
	return e->token;
}

void pbft_drop_batch(struct pbft *p, uint64_t seq, const uint8_t batch[32])
{
	struct pbft_effect *e = pbft_emit(p, PBFT_DROP_BATCH);

	e->u.drop.seq = seq;
	memcpy(e->u.drop.batch, batch, 32);
}

void pbft_drop_bundle(struct pbft *p, const struct pbft_bundle *b)
{
	pbft_emit(p, PBFT_DROP_BUNDLE)->u.bundle = *b;
}

void pbft_send_status(struct pbft *p, uint16_t to)
{
	struct pbft_effect *e = pbft_emit(p, PBFT_SEND_STATUS);

	e->to = to;
	e->u.status.view = p->view;
	e->u.status.executed = p->executed;
	e->u.status.stable = p->stable;
	memcpy(e->u.status.running, p->running, 32);
	e->u.status.disk = p->disk;
	e->u.status.heard = p->genesis;
	e->u.status.slow = p->pace.is_slow;
}

void pbft_send_bundle(struct pbft *p, const struct pbft_bundle *b, uint16_t to)
{
	struct pbft_effect *e = pbft_emit(p, PBFT_SEND_BUNDLE);

	e->to = to;
	e->u.bundle = *b;
}

void pbft_send_fetch(struct pbft *p, uint64_t from, uint64_t to, bool bodies, uint16_t who)
{
	struct pbft_effect *e = pbft_emit(p, PBFT_SEND_FETCH);

	e->to = who;
	e->u.fetch.from = from;
	e->u.fetch.to = to;
	e->u.fetch.bodies = bodies;
}

void pbft_send_checkpoint(struct pbft *p, const struct pbft_checkpoint *c, uint16_t to)
{
	struct pbft_effect *e = pbft_emit(p, PBFT_SEND_CHECKPOINT);
	size_t self = p->conf.self - 1u;

	e->to = to;
	e->u.checkpoint.seq = c->seq;
	e->u.checkpoint.incarnation = c->incarnation[self];
	memcpy(e->u.checkpoint.state, c->state[self], 32);
}
