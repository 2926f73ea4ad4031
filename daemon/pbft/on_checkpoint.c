/*
 * Checkpoints: draft {#checkpoints}. A checkpoint is stable when q members, the own state among
 * what they sign, have voted for it, and this replica has executed to it; then everything below may
 * be forgotten.
 */
#include "daemon/pbft/core.h"
#include "daemon/bug.h"

#include <string.h>

static struct pbft_checkpoint *place(struct pbft *p, uint64_t seq)
{
	return &p->checkpoints[seq / p->conf.interval % p->n_checkpoints];
}

struct pbft_checkpoint *pbft_checkpoint_find(struct pbft *p, uint64_t seq)
{
	struct pbft_checkpoint *c = place(p, seq);

	return seq > 0 && c->seq == seq ? c : NULL;
}

struct pbft_checkpoint *pbft_checkpoint_take(struct pbft *p, uint64_t seq)
{
	struct pbft_checkpoint *c = place(p, seq);

	if (c->seq > seq)
		return NULL;
	if (c->seq < seq) {
		memset(c, 0, sizeof(*c));
		c->seq = seq;
	}
	return c;
}

static uint16_t signers(const struct pbft *p, const struct pbft_checkpoint *c,
			const uint8_t state[32])
{
	uint16_t who = 0;

	for (uint8_t id = 1; id <= p->conf.n; id++)
		if ((c->who & pbft_bit(p, id)) != 0 && memcmp(c->state[id - 1], state, 32) == 0)
			who |= pbft_bit(p, id);
	return who;
}

/* q others say another thing: nothing that this replica says from here on is worth anything. */
static void diverge(struct pbft *p, const struct pbft_checkpoint *c, const uint8_t own[32],
		    const uint8_t others[32], uint16_t who)
{
	struct pbft_effect *e = pbft_emit(p, PBFT_DIVERGED);

	p->diverged = true;
	e->u.diverged.seq = c->seq;
	memcpy(e->u.diverged.own, own, 32);
	memcpy(e->u.diverged.others, others, 32);
	e->u.diverged.who = who;
}

static void stable_of(struct pbft_effect *e, const struct pbft *p)
{
	e->u.stable.seq = p->stable;
	memcpy(e->u.stable.state, p->stable_state, 32);
	e->u.stable.who = p->proof_who;
	e->u.stable.incarnation = p->proof.incarnation;
	e->u.stable.sig = p->proof.sig;
}

void pbft_checkpoint_stable(struct pbft *p)
{
	if (p->merge_token == 0 || p->merge_token > p->durable)
		return;
	if (pbft_room(p) < PBFT_ROOM_SLOT) {
		p->more = true;
		return;
	}
	p->merge_token = 0;
	stable_of(pbft_emit(p, PBFT_STABLE), p);
}

static void check(struct pbft *p, struct pbft_checkpoint *c)
{
	const uint8_t *own = c->state[p->conf.self - 1];
	uint16_t who;

	if (!c->own_known || c->seq > p->executed || c->seq <= p->stable)
		return;
	for (uint8_t id = 1; id <= p->conf.n; id++) {
		if ((c->who & pbft_bit(p, id)) == 0 || memcmp(c->state[id - 1], own, 32) == 0)
			continue;
		who = signers(p, c, c->state[id - 1]);
		if (pbft_quorum_strong(p->conf.n, who)) {
			diverge(p, c, own, c->state[id - 1], who);
			return;
		}
	}
	who = signers(p, c, own);
	if (c->own_durable || BUG(27))
		who |= pbft_bit(p, p->conf.self);
	if (!pbft_quorum_strong(p->conf.n, who))
		return;
	p->stable = c->seq;
	memcpy(p->stable_state, own, 32);
	p->stable_token = c->token;
	p->stable_incarnation = c->incarnation[p->conf.self - 1];
	p->proof = *c;
	p->proof_who = who;
	stable_of(pbft_write(p, PBFT_WRITE_STABLE), p);
	pbft_view_again(p);
	p->merge_token = p->token;
	pbft_window_rise(&p->window, c->seq);
	p->revote = true;
}

void pbft_checkpoint_own(struct pbft *p, uint64_t seq, const uint8_t state[32])
{
	struct pbft_checkpoint *c = pbft_checkpoint_take(p, seq);
	size_t self = p->conf.self - 1u;
	struct pbft_effect *e;

	if (c == NULL || seq <= p->stable)
		return;
	if (c->own_known) { /* restored: executed before the restart, and now once more */
		if (memcmp(c->state[self], state, 32) != 0)
			diverge(p, c, state, c->state[self], pbft_bit(p, p->conf.self));
		return;
	}
	c->own_known = true;
	c->incarnation[self] = p->incarnation;
	memcpy(c->state[self], state, 32);
	if (pbft_is_mute(p))
		return; /* it is compared with the others', and never sent */
	e = pbft_write(p, PBFT_WRITE_CHECKPOINT);
	e->u.checkpoint.seq = seq;
	e->u.checkpoint.incarnation = p->incarnation;
	memcpy(e->u.checkpoint.state, state, 32);
	c->token = e->token;
}

void pbft_checkpoint_check(struct pbft *p, uint64_t seq)
{
	struct pbft_checkpoint *c = pbft_checkpoint_find(p, seq);

	if (c != NULL && !p->diverged)
		check(p, c);
}

void pbft_checkpoint_durable(struct pbft *p)
{
	for (uint32_t i = 0; i < p->n_checkpoints && !p->diverged; i++) {
		struct pbft_checkpoint *c = &p->checkpoints[i];

		if (c->token == 0 || c->token > p->durable)
			continue;
		if (pbft_room(p) < PBFT_ROOM_SLOT) {
			p->more = true;
			return;
		}
		c->token = 0;
		c->own_durable = true;
		pbft_send_checkpoint(p, c, PBFT_EVERYONE);
		check(p, c);
	}
}

static int refused(const struct pbft *p, const struct pbft_event *ev)
{
	uint64_t seq = ev->u.checkpoint.seq;

	if (!pbft_is_member(p, ev->u.checkpoint.replica) || seq % p->conf.interval != 0)
		return PBFT_DROP_OTHER;
	if (seq <= p->stable)
		return PBFT_DROP_REPEAT;
	if (!pbft_window_covers(&p->window, seq))
		return PBFT_DROP_WINDOW;
	return -1;
}

void pbft_on_checkpoint(struct pbft *p, const struct pbft_event *ev)
{
	uint8_t id = ev->u.checkpoint.replica;
	int why = refused(p, ev);
	struct pbft_checkpoint *c = NULL;

	if (why < 0 && (c = pbft_checkpoint_take(p, ev->u.checkpoint.seq)) == NULL)
		why = PBFT_DROP_WINDOW;
	if (why < 0 && (c->who & pbft_bit(p, id)) != 0)
		why = memcmp(c->state[id - 1], ev->u.checkpoint.state, 32) == 0
			      ? PBFT_DROP_REPEAT
			      : PBFT_DROP_CONFLICT;
	if (why >= 0) {
		pbft_count(p, (enum pbft_drop)why);
		return;
	}
	c->who |= pbft_bit(p, id);
	c->incarnation[id - 1] = ev->u.checkpoint.incarnation;
	memcpy(c->state[id - 1], ev->u.checkpoint.state, 32);
	memcpy(c->sig[id - 1], ev->u.checkpoint.sig, 64);
	if (p->peers[id - 1].executed < c->seq)
		p->peers[id - 1].executed =
			c->seq; /* who has a state there has executed to there */
	check(p, c);
}

/* The own vote on the stable checkpoint, kept apart: its place in the ring may be taken by now. */
static bool send_stable(struct pbft *p, uint16_t to)
{
	struct pbft_checkpoint vote = {.seq = p->stable};
	size_t self = p->conf.self - 1u;

	if (!pbft_may_repeat(p))
		return false;
	if (p->stable_token > p->durable)
		return false; /* the others' votes were enough, the own one is not on disk yet */
	vote.incarnation[self] = p->stable_incarnation;
	memcpy(vote.state[self], p->stable_state, 32);
	pbft_send_checkpoint(p, &vote, to);
	return true;
}

/* What a peer with a lower stable checkpoint may lack: the own votes on ours, and on the newest. */
bool pbft_checkpoint_help(struct pbft *p, uint8_t id, uint64_t stable)
{
	const struct pbft_checkpoint *newest = NULL;
	bool sent = false;

	if (!pbft_may_repeat(p))
		return false;

	for (uint32_t i = 0; i < p->n_checkpoints; i++) {
		const struct pbft_checkpoint *c = &p->checkpoints[i];

		if (c->own_durable && c->seq > p->stable && c->seq > stable &&
		    (newest == NULL || c->seq > newest->seq))
			newest = c;
	}
	if (newest != NULL)
		pbft_send_checkpoint(p, newest, pbft_bit(p, id));
	if (p->stable > stable)
		sent = send_stable(p, pbft_bit(p, id));
	return sent || newest != NULL;
}
