/*
 * Coming back: draft {#rejoin}. A replica that no longer knows what it voted for votes in nothing
 * until everything for which it may have voted is settled.
 *
 *  1. It finds out: an empty history among others that are not in genesis, the shell's word (at a
 * start, or PBFT_EV_LOST), a vote
 * of its own that it does not know (show.c), or a REJOIN for which it did not ask.
 *  2. Mute, it follows: fetches, executes, takes NEW-VIEWs. The shell orders its REJOIN.
 *  3. REJOIN executed at r: r is the incarnation in all its votes from then on. Null batches fill
 * an idle network until a checkpoint a window above r is stable.
 *  4. That one is durable: it votes again.
 */
#include "daemon/pbft/core.h"
#include "daemon/bug.h"

#include <string.h>

bool pbft_is_mute(const struct pbft *p)
{
	return p->lacks || pbft_is_hushed(p);
}

bool pbft_is_hushed(const struct pbft *p)
{
	return p->recovering || p->empty || p->silent;
}

bool pbft_is_filling(const struct pbft *p)
{
	return p->executed < p->fill_to;
}

bool pbft_is_stale(const struct pbft *p, uint8_t id, uint64_t incarnation, uint64_t seq)
{
	uint64_t now = p->incarnations[id - 1];

	return incarnation < now && seq > now && seq - now > p->conf.window;
}

/* draft {#filling}: "the first checkpoint at or above r plus one window" */
static void fill_up(struct pbft *p)
{
	uint64_t interval = p->conf.interval;

	p->fill_to = 0;
	for (uint8_t i = 0; i < p->conf.n; i++) {
		uint64_t r = p->incarnations[i],
			 to = r == 0 ? 0
				     : (r + p->conf.window + interval - 1) / interval * interval;

		p->fill_to = to > p->fill_to ? to : p->fill_to;
	}
}

void pbft_rejoin_base(struct pbft *p, const struct pbft_restore_base *base)
{
	if (base->incarnation != NULL)
		memcpy(p->incarnations, base->incarnation, p->conf.n * sizeof(uint64_t));
	p->incarnation = p->stable_incarnation = p->incarnations[p->conf.self - 1];
	p->recovering = base->recovering;
	p->empty = base->empty && !base->recovering;
	p->rejoined = base->recovering ? base->rejoined : 0;
	p->genesis = p->empty ? 0 : pbft_quorum_others(p->conf.n, p->conf.self);
	if (base->recovering)
		p->stable_token = UINT64_MAX;
	fill_up(p);
}

static void own_change_away(struct pbft *p)
{
	struct pbft_view_change *own = &p->changes[p->conf.self - 1];

	memset(own, 0, sizeof(*own));
	p->has_change = p->change_durable = false;
	p->change_token = 0;
	p->view_timer_ms = p->change_resend_ms = UINT64_MAX;
}

void pbft_recover(struct pbft *p, enum pbft_forgot why)
{
	p->recovering = true;
	p->empty = false;
	p->genesis = pbft_quorum_others(p->conf.n, p->conf.self);
	p->rejoined = 0;
	own_change_away(p);
	pbft_watch_clear(p);
	pbft_emit(p, PBFT_RECOVERING)->u.recovering.why = why;
}

/* ---- an empty history ---- */

/* All others are in genesis too: there is nothing that could be forgotten. */
static void complete(struct pbft *p)
{
	p->empty = false;
	p->revote = true;
	p->executed_ms = p->now;
	pbft_watch_clear(p);
	for (uint32_t i = 0; i < p->n_own; i++)
		p->own[i].due_ms = p->now; /* nobody took them before */
}

/* draft {#rejoin}: "and each has said that it has heard the own one" */
void pbft_rejoin_status(struct pbft *p, const struct pbft_event *ev)
{
	uint16_t bit = pbft_bit(p, ev->from), others = pbft_quorum_others(p->conf.n, p->conf.self);

	if (!p->empty)
		return;
	if ((ev->u.status.heard & pbft_bit(p, p->conf.self)) != 0)
		p->heard_by |= bit;
	if (ev->u.status.executed > 0 || ev->u.status.stable > 0)
		p->past |= bit;
	if ((p->said & bit) == 0) {
		p->said |= bit;
		p->genesis |= (uint16_t)(bit & ~p->past);
		pbft_send_status(p, bit); /* heard */
	}
	if (p->genesis == others && p->heard_by == others)
		complete(p);
	else if ((p->said & ~p->genesis) != 0 && pbft_quorum_weak(p->conf.n, p->past))
		pbft_recover(p, PBFT_FORGOT_EMPTY);
}

/* ---- incarnations ---- */

/* A VIEW-CHANGE from before its sender's REJOIN counts no more. */
static void drop_stale_changes(struct pbft *p)
{
	for (uint8_t i = 0; i < p->conf.n; i++)
		if (i + 1 != p->conf.self && p->changes[i].incarnation < p->incarnations[i] &&
		    !BUG(51))
			memset(&p->changes[i], 0, sizeof(p->changes[i]));
}

/* `own`: the REJOIN that made this incarnation of the own one is known to be of this run. */
static void incarnations(struct pbft *p, const uint64_t *now, bool own)
{
	size_t self = p->conf.self - 1u;

	memcpy(p->incarnations, now, p->conf.n * sizeof(uint64_t));
	fill_up(p);
	drop_stale_changes(p);
	if (now[self] == p->incarnation)
		return;
	p->incarnation = now[self];
	if (!p->recovering)
		pbft_recover(p, PBFT_FORGOT_CLONE);
	if (p->rejoined != now[self]) /* else it is known from before a restart */
		p->rejoined = own ? now[self] : 0;
}

/* Of batches that are executed once more (on_lost.c): what came of them is known. */
static bool is_older(const struct pbft *p, const uint64_t *now)
{
	for (uint8_t i = 0; i < p->conf.n; i++)
		if (now[i] < p->incarnations[i])
			return true;
	return false;
}

void pbft_rejoin_executed(struct pbft *p, const struct pbft_event *ev)
{
	const uint64_t *now = ev->u.executed.incarnation;

	if (now != NULL && !is_older(p, now) &&
	    memcmp(now, p->incarnations, p->conf.n * sizeof(uint64_t)) != 0)
		incarnations(p, now, ev->u.executed.rejoined);
}

/* Who lacked the state knew none but its own; an own REJOIN within what was skipped is asked for
 * once more. */
void pbft_rejoin_state(struct pbft *p, const uint64_t *now)
{
	incarnations(p, now, false);
	pbft_rejoin_stable(p);
}

/* What was executed while nothing was voted for, above the stable checkpoint: now it may be. */
static void vote_checkpoints(struct pbft *p)
{
	for (uint32_t i = 0; i < p->n_checkpoints; i++) {
		const struct pbft_checkpoint *c = &p->checkpoints[i];
		uint8_t state[32];

		if (!c->own_void || c->seq <= p->stable)
			continue;
		memcpy(state, c->state[p->conf.self - 1], 32);
		pbft_checkpoint_own(p, c->seq, state);
	}
}

/* draft {#incarnation}: "It gives its CHECKPOINT for this checkpoint [...] to those who lack it" */
static void vote_stable(struct pbft *p)
{
	struct pbft_effect *e;

	p->stable_incarnation = p->incarnation;
	if (p->stable_token != UINT64_MAX)
		return; /* of a state that was transferred: its record has it */
	e = pbft_write(p, PBFT_WRITE_CHECKPOINT);
	e->u.checkpoint.seq = p->stable;
	e->u.checkpoint.incarnation = p->incarnation;
	memcpy(e->u.checkpoint.state, p->stable_state, 32);
	p->stable_token = e->token;
}

/* draft {#incarnation}: "as soon as the record of a stable checkpoint at or above r plus one window
 * is durable" */
void pbft_rejoin_stable(struct pbft *p)
{
	struct pbft_effect *e;

	if (!p->recovering || p->rejoined == 0 || p->stable < p->rejoined + p->conf.window)
		return;
	p->recovering = false;
	e = pbft_emit(p, PBFT_RECOVERED);
	e->u.recovered.incarnation = p->incarnation;
	e->u.recovered.stable = p->stable;
	p->rejoined = 0;
	p->executed_ms = p->now;
	pbft_watch_clear(p);
	vote_stable(p);
	vote_checkpoints(p);
	p->revote = true;
	p->change_due = !p->view_active;
	if (p->change_due)
		pbft_view_change(p, p->view);
}
