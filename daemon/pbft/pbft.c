/*
 * The core's life: memory, the way of a step, what others may know of it.
 *
 * A step hands the event to its handler, which notes it and does what follows for the slot or the
 * peer that it is about. Then come the consequences that any event can have, always in this order:
 * what the disk released, bodies to give up, PRE-PREPAREs held back, the next execution, the next
 * batches, the next fetch. Each of them stops where the update is full; the rest waits for a
 * wake-up at once.
 */
#include "daemon/pbft/core.h"

#include <string.h>

static bool conf_possible(const struct pbft_conf *c)
{
	return pbft_quorum_possible(c->n) && c->self >= 1 && c->self <= c->n && c->window > 0 &&
	       c->window <= PBFT_WINDOW_MAX && c->interval > 0 && c->window % c->interval == 0 &&
	       c->window / c->interval >= 2 && c->pipeline > 0 && c->batch_requests_max > 0 &&
	       c->batch_requests_max <= AP_BATCH_REQUESTS_MAX && c->batch_octets_max > 0 &&
	       c->timeout_max_ms >= c->timeout_ms && c->resend_ms > 1 && c->heartbeat_ms > 0 &&
	       c->sha256 != NULL;
}

static size_t aligned(size_t size)
{
	size_t to = _Alignof(max_align_t);

	return (size + to - 1) / to * to;
}

static uint32_t slots_of(const struct pbft_conf *c)
{
	return 2u * c->window;
}

/* Slots that wait for the disk, and for a step also those that just fell out of the window. */
static uint32_t waiting_of(const struct pbft_conf *c)
{
	return 2 * slots_of(c);
}

/* Those of two windows, and the stable one below them. */
static uint32_t checkpoints_of(const struct pbft_conf *c)
{
	return 2u * c->window / c->interval + 1;
}

size_t pbft_size(const struct pbft_conf *c)
{
	if (!conf_possible(c))
		return 0;
	return aligned(sizeof(struct pbft)) + aligned(slots_of(c) * sizeof(struct pbft_slot)) +
	       aligned(waiting_of(c) * sizeof(uint64_t)) +
	       aligned(checkpoints_of(c) * sizeof(struct pbft_checkpoint));
}

struct pbft *pbft_init(void *memory, const struct pbft_conf *c)
{
	uint8_t *at = memory;
	struct pbft *p = memory;

	if (!conf_possible(c))
		return NULL;
	memset(p, 0, sizeof(*p));
	p->conf = *c;
	at += aligned(sizeof(*p));
	pbft_window_init(&p->window, (struct pbft_slot *)(void *)at, slots_of(c));
	at += aligned(slots_of(c) * sizeof(struct pbft_slot));
	p->waiting = (uint64_t *)(void *)at;
	at += aligned(waiting_of(c) * sizeof(uint64_t));
	p->checkpoints = (struct pbft_checkpoint *)(void *)at;
	p->n_checkpoints = checkpoints_of(c);
	memset(p->checkpoints, 0, p->n_checkpoints * sizeof(*p->checkpoints));
	p->view_active = true;
	p->genesis = pbft_quorum_others(c->n, c->self);
	p->next_seq = 1;
	p->resend_ms = p->view_timer_ms = p->change_resend_ms = UINT64_MAX;
	p->progress = true;
	p->timeout_ms = c->timeout_ms;
	memcpy(p->running, c->running0, 32);
	pbft_pace_clear(p);
	return p;
}

bool pbft_is_checkpoint(const struct pbft *p, uint64_t seq)
{
	return seq % p->conf.interval == 0;
}

uint8_t pbft_primary(const struct pbft *p, uint64_t view)
{
	return (uint8_t)(1 + view % p->conf.n);
}

bool pbft_is_primary(const struct pbft *p)
{
	return p->view_active && !pbft_is_mute(p) && pbft_primary(p, p->view) == p->conf.self;
}

bool pbft_is_member(const struct pbft *p, uint8_t id)
{
	return id >= 1 && id <= p->conf.n && id != p->conf.self;
}

uint16_t pbft_bit(const struct pbft *p, uint8_t id)
{
	return pbft_quorum_bit(p->conf.n, id);
}

void pbft_count(struct pbft *p, enum pbft_drop why)
{
	p->dropped[why]++;
}

uint16_t pbft_up(const struct pbft *p)
{
	uint16_t up = 0;

	for (uint8_t id = 1; id <= p->conf.n; id++)
		if (p->peers[id - 1].up)
			up |= pbft_bit(p, id);
	return up;
}

uint64_t pbft_others_reached(const struct pbft *p, uint8_t more)
{
	uint64_t values[AP_REPLICAS_MAX];
	size_t count = 0;

	for (uint8_t id = 1; id <= p->conf.n; id++)
		if (id != p->conf.self)
			values[count++] = p->peers[id - 1].executed;
	return pbft_quorum_reached(p->conf.n, values, count, more);
}

uint64_t pbft_others_executed(const struct pbft *p)
{
	return pbft_others_reached(p, 0);
}

uint64_t pbft_others_stable(const struct pbft *p)
{
	uint64_t values[AP_REPLICAS_MAX];
	size_t count = 0;

	for (uint8_t id = 1; id <= p->conf.n; id++)
		if (id != p->conf.self)
			values[count++] = p->peers[id - 1].stable;
	return pbft_quorum_reached(p->conf.n, values, count, 0);
}

bool pbft_is_outstanding(const struct pbft *p)
{
	return p->window.top > p->executed || pbft_others_executed(p) > p->executed;
}

uint32_t pbft_in_flight(const struct pbft *p)
{
	uint32_t count = 0;

	if (!pbft_is_primary(p))
		return 0;
	for (uint64_t seq = p->executed + 1; seq < p->next_seq; seq++) {
		const struct pbft_slot *slot = pbft_window_find(&p->window, seq);

		if (slot != NULL && pbft_slot_votes(slot, p->view) && !slot->committed)
			count++;
	}
	return count;
}

/* Bodies of slots that fell out of the window. */
static void sweep(struct pbft *p)
{
	struct pbft_slot *slot;

	while (pbft_room(p) >= PBFT_ROOM_SLOT && (slot = pbft_window_sweep(&p->window)) != NULL) {
		if (slot->has_batch)
			pbft_drop_batch(p, slot->seq, slot->batch.digest);
		if (slot->has_kept)
			pbft_drop_batch(p, slot->seq, slot->kept.digest);
		pbft_slot_clear(slot);
	}
	if (p->window.swept != p->window.base)
		p->more = true;
}

static void settle(struct pbft *p)
{
	pbft_view_disk(p); /* a NEW-VIEW leaves before what is proposed in it */
	pbft_disk_done(p);
	pbft_checkpoint_durable(p);
	if (p->diverged)
		return;
	pbft_checkpoint_stable(p);
	sweep(p);
	pbft_disk_settle(p);
	pbft_view_settle(p);
	if (p->revote)
		pbft_vote_held(p);
	pbft_execute_next(p);
	pbft_propose(p);
	pbft_fetch_next(p);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t wake(struct pbft *p)
{
	uint64_t at = p->heartbeat_ms;

	if (!pbft_is_outstanding(p))
		p->resend_ms = UINT64_MAX;
	else if (p->resend_ms == UINT64_MAX)
		p->resend_ms = p->now + p->conf.resend_ms;
	at = earlier(at, p->resend_ms);
	for (uint32_t i = 0; i < p->n_own; i++)
		at = earlier(at, p->own[i].due_ms);
	if (p->fetch.active)
		at = earlier(at, p->fetch.late_ms);
	at = earlier(at, pbft_view_wake(p));
	if (pbft_is_primary(p) && pbft_is_filling(p))
		at = earlier(at, later(p->executed_ms + p->conf.fill_ms, p->now + 1));
	return p->more ? p->now : at;
}

/* A core that has diverged takes nothing, and keeps nothing of what comes but how far others and
 * the disk are. */
static void refuse(struct pbft *p, const struct pbft_event *ev)
{
	if (ev->kind == PBFT_EV_WRITTEN)
		pbft_on_written(p, ev);
	if (ev->kind == PBFT_EV_LINK && pbft_is_member(p, ev->from))
		p->peers[ev->from - 1].up = ev->u.up;
	if (ev->kind == PBFT_EV_STATUS && pbft_is_member(p, ev->from)) {
		p->peers[ev->from - 1].executed = ev->u.status.executed;
		p->peers[ev->from - 1].stable = ev->u.status.stable;
	}
	if (ev->kind == PBFT_EV_BUNDLE)
		pbft_drop_bundle(p, &ev->u.bundle);
	else if (ev->kind == PBFT_EV_PRE_PREPARE)
		pbft_drop_batch(p, ev->u.pre_prepare.p.seq, ev->u.pre_prepare.batch->digest);
	else if (ev->kind == PBFT_EV_BODY)
		pbft_drop_batch(p, ev->u.body.seq, ev->u.body.batch->digest);
}

void pbft_step(struct pbft *p, const struct pbft_event *ev, struct pbft_update *out)
{
	static pbft_handler *const handlers[] = {
		[PBFT_EV_START] = pbft_on_start,
		[PBFT_EV_TIMER] = pbft_on_timer,
		[PBFT_EV_LINK] = pbft_on_link,
		[PBFT_EV_BUNDLE] = pbft_on_bundle,
		[PBFT_EV_PRE_PREPARE] = pbft_on_pre_prepare,
		[PBFT_EV_PREPARE] = pbft_on_prepare,
		[PBFT_EV_COMMIT] = pbft_on_commit,
		[PBFT_EV_CHECKPOINT] = pbft_on_checkpoint,
		[PBFT_EV_STATUS] = pbft_on_status,
		[PBFT_EV_FETCH] = pbft_on_fetch,
		[PBFT_EV_BODY] = pbft_on_body,
		[PBFT_EV_ATTEST] = pbft_on_attest,
		[PBFT_EV_VIEW_CHANGE] = pbft_on_view_change,
		[PBFT_EV_NEW_VIEW] = pbft_on_new_view,
		[PBFT_EV_FETCH_BATCH] = pbft_on_fetch_batch,
		[PBFT_EV_WRITTEN] = pbft_on_written,
		[PBFT_EV_EXECUTED] = pbft_on_executed,
		[PBFT_EV_DISK] = pbft_on_disk,
		[PBFT_EV_FROZEN] = pbft_on_frozen,
		[PBFT_EV_STATE] = pbft_on_state,
		[PBFT_EV_LOST] = pbft_on_lost,
	};

	ASSERT(ev->kind >= PBFT_EV_START && ev->kind <= PBFT_EV_LOST);
	ASSERT(p->started == (ev->kind != PBFT_EV_START));
	p->out = out;
	p->now = ev->now_ms;
	p->wall = ev->wall_ms;
	p->more = false;
	out->n = 0;
	if (p->diverged && ev->kind != PBFT_EV_STATE)
		refuse(p, ev);
	else
		handlers[ev->kind](p, ev);
	if (!p->diverged)
		settle(p);
	out->wake_ms = p->diverged ? UINT64_MAX : wake(p);
	p->out = NULL;
}

uint32_t pbft_own_weight(const struct pbft *p)
{
	uint64_t low = UINT64_MAX, high = 0;

	for (uint32_t i = 0; i < p->n_own; i++) {
		uint64_t counter = p->own[i].bundle.counter;

		low = counter < low ? counter : low;
		high = counter > high ? counter : high;
	}
	return p->n_own > 0 && high + 1 - low >= PBFT_OWN_SPREAD ? PBFT_OWN_MAX : p->n_own;
}

bool pbft_is_idle(const struct pbft *p)
{
	return p->n_own == 0 && pbft_in_flight(p) == 0;
}

bool pbft_is_empty(const struct pbft *p)
{
	return p->empty;
}

bool pbft_is_recovering(const struct pbft *p)
{
	return p->recovering;
}

/* More than f others are up, and at most f+1 of them could be ahead. */
static bool is_caught_up(const struct pbft *p)
{
	return pbft_quorum_strong(p->conf.n, pbft_up(p)) && pbft_others_executed(p) <= p->executed;
}

static void info_rejoin(const struct pbft *p, struct pbft_info *info)
{
	info->empty = p->empty;
	info->recovering = p->recovering;
	info->caught_up = is_caught_up(p);
	info->rejoined = p->recovering ? p->rejoined : 0;
	info->incarnation = p->incarnation;
	info->votes_from = info->rejoined != 0 ? info->rejoined + p->conf.window : 0;
}

void pbft_info(const struct pbft *p, struct pbft_info *info)
{
	info->view = p->view;
	info->executed = p->executed;
	info->stable = p->stable;
	info->next_seq = p->next_seq;
	info->queued = p->queue.bundles;
	info->own = pbft_own_weight(p);
	info->in_flight = pbft_in_flight(p);
	info->primary = pbft_primary(p, p->view);
	info->view_active = p->view_active;
	info->diverged = p->diverged;
	info->disk = p->disk;
	info->is_short = p->is_short;
	info->lacks = p->lacks;
	info->silent = p->silent;
	info->low = p->window.base;
	info->others_executed = pbft_others_executed(p);
	info->others_stable = pbft_others_stable(p);
	info->proven = p->view_active ? p->nv.first : 0;
	info_rejoin(p, info);
	info->timeout_ms = p->timeout_ms;
	info->view_changes = p->view_changes;
	memcpy(info->running, p->running, 32);
	memcpy(info->dropped, p->dropped, sizeof(info->dropped));
}
