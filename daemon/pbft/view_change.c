/*
 * Leaving a view: draft {#view-change}.
 *
 *  1. A time-out, a slow primary, or f+1 others who have left for higher views: the own VIEW-CHANGE
 * is made of the stable checkpoint and the prepared certificates above it, and written down. From
 * here on nothing is voted below the new view, after a restart either.
 *  2. Durable, it goes to everyone, and again until the view is active.
 *  3. From 2f+1 VIEW-CHANGEs for the view on its primary has a time-out to make the NEW-VIEW of
 *     them; then the next view's turn comes, with twice the time.
 */
#include "daemon/pbft/core.h"
#include "daemon/bug.h"

#include <string.h>

static struct pbft_view_change *own_change(struct pbft *p)
{
	return &p->changes[p->conf.self - 1];
}

static void add_claims(struct pbft *p, struct pbft_view_change *c)
{
	c->n_prepared = 0;
	for (uint64_t seq = p->stable + 1; seq <= p->stable + p->conf.window; seq++) {
		const struct pbft_slot *slot = pbft_window_find(&p->window, seq);
		struct pbft_claim *claim = &c->prepared[c->n_prepared];

		if (slot == NULL || !slot->best.is_there || BUG(12))
			continue;
		claim->seq = seq;
		claim->view = slot->best.view;
		memcpy(claim->batch, slot->best.batch, 32);
		p->own_prepared[c->n_prepared++] = &slot->best;
	}
}

static void slow_down(struct pbft *p)
{
	p->calm = 0;
	if (BUG(15))
		p->timeout_ms *= 8;
	p->timeout_ms = p->timeout_ms < p->conf.timeout_max_ms / 2 || BUG(15)
				? 2 * p->timeout_ms
				: p->conf.timeout_max_ms;
}

void pbft_view_change(struct pbft *p, uint64_t view)
{
	struct pbft_view_change *c = own_change(p);
	struct pbft_effect *e;

	if (pbft_is_mute(p)) { /* it follows the others' NEW-VIEWs */
		p->view_timer_ms = UINT64_MAX;
		return;
	}
	if (p->stable > 0 && !pbft_quorum_strong(p->conf.n, p->proof_who))
		return; /* without its proof nobody would take it: with the next checkpoint */
	if (p->disk == PBFT_DISK_FULL)
		return;
	if (!p->progress)
		slow_down(p);
	p->change_due = false;
	p->view = view;
	p->view_active = p->progress = p->nv_left = p->change_durable = false;
	p->nv_token = 0;
	p->view_timer_ms = p->change_resend_ms = UINT64_MAX;
	p->change_tries = 0;
	p->view_changes++;
	pbft_watch_clear(p);
	memset(c, 0, sizeof(*c));
	c->view = view;
	c->incarnation = p->incarnation;
	c->replica = p->conf.self;
	c->stable = p->stable;
	memcpy(c->state, p->stable_state, 32);
	add_claims(p, c);
	p->has_change = true;
	e = pbft_write(p, PBFT_WRITE_VIEW_CHANGE);
	e->u.view_change.says = c;
	e->u.view_change.prepared = p->own_prepared;
	e->u.view_change.who = p->proof_who;
	e->u.view_change.incarnation = p->proof.incarnation;
	e->u.view_change.sig = (const uint8_t(*)[64])p->proof.sig;
	p->change_token = e->token;
}

void pbft_view_again(struct pbft *p)
{
	struct pbft_effect *e;

	if (p->view == 0 || (!p->view_active && !p->has_change))
		return;
	if (!p->view_active) {
		e = pbft_write(p, PBFT_WRITE_VIEW_CHANGE);
		e->u.view_change.says = own_change(p);
		e->u.view_change.again = true;
	} else {
		e = pbft_write(p, PBFT_WRITE_NEW_VIEW);
		e->u.new_view.says = &p->nv;
		e->u.new_view.again = true;
	}
}

/* ---- sending ---- */

static void send_change(struct pbft *p, uint8_t of, uint16_t to)
{
	struct pbft_effect *e = pbft_emit(p, PBFT_SEND_VIEW_CHANGE);

	e->to = to;
	e->u.kept.replica = of;
	e->u.kept.view = p->changes[of - 1].view;
}

/* draft {#view-change}: "again until the view is active"; the later times others' too, to the
 * primary of the view: it may not hear them itself. */
static void send_again(struct pbft *p)
{
	uint8_t primary = pbft_primary(p, p->view);

	p->change_resend_ms = BUG(14) ? UINT64_MAX : p->now + p->conf.resend_ms;
	send_change(p, p->conf.self, PBFT_EVERYONE);
	if (p->change_tries++ == 0 || primary == p->conf.self)
		return;
	for (uint8_t id = 1; id <= p->conf.n; id++)
		if (id != p->conf.self && id != primary && p->changes[id - 1].view == p->view)
			send_change(p, id, pbft_bit(p, primary));
}

void pbft_view_disk(struct pbft *p)
{
	if (p->change_token != 0 && p->change_token <= p->durable) {
		p->change_token = 0;
		p->change_durable = true;
		if (!p->view_active && !pbft_is_hushed(p))
			send_again(p);
	}
	if (p->nv_token != 0 && p->nv_token <= p->durable) {
		p->nv_token = 0;
		if (!pbft_is_hushed(p))
			pbft_emit(p, PBFT_SEND_NEW_VIEW)->to = PBFT_EVERYONE;
	}
}

/* What a member in an older view, or waiting for this one, may lack. */
void pbft_view_help(struct pbft *p, uint8_t id, uint64_t view)
{
	struct pbft_peer *peer = &p->peers[id - 1];

	if (view >= p->view || p->now < peer->view_help_ms)
		return;
	if (p->view_active && p->nv_token == 0 &&
	    (!pbft_is_hushed(p) || p->nv.replica != p->conf.self))
		pbft_emit(p, PBFT_SEND_NEW_VIEW)->to = pbft_bit(p, id);
	else if (!p->view_active && p->change_durable)
		send_change(p, p->conf.self, pbft_bit(p, id));
	else
		return;
	peer->view_help_ms = p->now + p->conf.resend_ms / 2;
}

/* draft {#view-change}: "f+1 members in higher views: a STATUS asks them for what leads there" */
void pbft_view_seen(struct pbft *p, uint8_t id, uint64_t view)
{
	uint16_t ahead = 0;

	if (p->peers[id - 1].view < view)
		p->peers[id - 1].view = view;
	if (p->now < p->ask_ms)
		return;
	for (uint8_t other = 1; other <= p->conf.n; other++)
		if (other != p->conf.self && p->peers[other - 1].view > p->view)
			ahead |= pbft_bit(p, other);
	if (!pbft_quorum_weak(p->conf.n, ahead) || pbft_room(p) < PBFT_ROOM_SLOT)
		return;
	p->ask_ms = p->now + p->conf.resend_ms;
	pbft_send_status(p, ahead);
}

/* ---- deciding ---- */

/* draft {#view-change}: "f+1 other members ask for higher views: it asks for the smallest of them"
 */
static void join(struct pbft *p)
{
	uint64_t least = UINT64_MAX;
	uint16_t who = 0;

	for (uint8_t id = 1; id <= p->conf.n; id++) {
		uint64_t view = p->changes[id - 1].view;

		if (id == p->conf.self || view <= p->view)
			continue;
		who |= pbft_bit(p, id);
		least = view < least ? view : least;
	}
	if (pbft_quorum_weak(p->conf.n, who) || (BUG(16) && who != 0))
		pbft_view_change(p, least);
}

static bool has_quorum(const struct pbft *p)
{
	uint16_t who = 0;

	for (uint8_t id = 1; id <= p->conf.n; id++)
		/* who has left for a higher view has left this one too */
		if ((BUG(107) ? p->changes[id - 1].view == p->view
			      : p->changes[id - 1].view >= p->view) &&
		    (id != p->conf.self || p->change_durable))
			who |= pbft_bit(p, id);
	return pbft_quorum_strong(p->conf.n, who);
}

/* Bundles of others that waited for a primary that no longer is one. */
static void drain_queue(struct pbft *p)
{
	for (uint8_t relay = 1; relay <= p->conf.n; relay++) {
		const struct pbft_bundle *b;

		while ((b = pbft_queue_first(&p->queue, relay)) != NULL) {
			if (pbft_room(p) < PBFT_ROOM_PROPOSE) {
				p->more = true;
				return;
			}
			if (relay != p->conf.self)
				pbft_drop_bundle(p, b);
			pbft_queue_pop(&p->queue, relay);
		}
	}
}

void pbft_view_settle(struct pbft *p)
{
	if (!p->started)
		return;
	if (pbft_room(p) < PBFT_ROOM_PROPOSE) {
		p->more = true;
		return;
	}
	join(p);
	if (p->change_due && !p->view_active)
		pbft_view_change(p, p->view); /* there was no room on the disk */
	if (p->view_active && p->conf.timeout_ms > 0 && !pbft_is_primary(p) &&
	    (p->frozen || pbft_watch_overdue(p) || pbft_pace_is_slow(p)))
		pbft_view_change(p, p->view + 1);
	p->frozen = false;
	pbft_new_view_try(p);
	if (!p->view_active && p->view_timer_ms == UINT64_MAX && p->conf.timeout_ms > 0 &&
	    !pbft_is_mute(p) && has_quorum(p))
		p->view_timer_ms = p->now + p->timeout_ms;
	if (p->nv_left)
		pbft_new_view_place(p);
	if (!pbft_is_primary(p) && p->queue.bundles > 0)
		drain_queue(p);
}

/* draft {#deadlines}: "A backup also leaves a view whose primary keeps time from passing" */
void pbft_on_frozen(struct pbft *p, const struct pbft_event *ev)
{
	(void)ev;
	p->frozen = p->view_active;
}

void pbft_view_timer(struct pbft *p)
{
	if (!p->view_active && p->now >= p->view_timer_ms) {
		p->view_timer_ms = UINT64_MAX;
		pbft_view_change(p, p->view + 1);
	} else if (!p->view_active && p->change_durable && p->now >= p->change_resend_ms) {
		if (pbft_is_hushed(p))
			p->change_resend_ms = p->now + p->conf.resend_ms;
		else
			send_again(p);
	}
}

uint64_t pbft_view_wake(const struct pbft *p)
{
	if (p->view_active)
		return p->conf.timeout_ms > 0 && !pbft_is_primary(p) ? pbft_watch_wake(p)
								     : UINT64_MAX;
	return p->view_timer_ms < p->change_resend_ms ? p->view_timer_ms : p->change_resend_ms;
}
