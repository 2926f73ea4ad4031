/*
 * Bundles: draft {#bundles}. An own one goes to the primary, again if it is not executed, then to
 * everybody; somebody else's is queued by the primary and handed on to it, once, by all others.
 */
#include "daemon/pbft/core.h"
#include "daemon/bug.h"

#include <string.h>

bool pbft_is_spent(const struct pbft *p, const struct pbft_bundle *b)
{
	struct machine_numbers numbers = p->numbers[b->relay - 1];

	return !machine_numbers_take(&numbers, b->start, b->counter);
}

static bool is_same_number(const struct pbft_bundle *a, const struct pbft_bundle *b)
{
	return a->relay == b->relay && a->start == b->start && a->counter == b->counter;
}

/* Is it in a batch that was proposed and not executed yet? */
static bool is_in_flight(const struct pbft *p, const struct pbft_bundle *b)
{
	for (uint64_t seq = p->executed + 1; seq < p->next_seq; seq++) {
		const struct pbft_slot *slot = pbft_window_find(&p->window, seq);

		if (slot == NULL || !slot->has_batch)
			continue;
		for (size_t i = 0; i < slot->batch.n_bundles; i++)
			if (is_same_number(&slot->batch.bundles[i], b))
				return true;
	}
	return false;
}

/* draft {#bundles}: "a larger start voids everything of smaller ones" */
static void forget_older_runs(struct pbft *p, const struct pbft_bundle *b)
{
	const struct pbft_bundle *first;

	while ((first = pbft_queue_first(&p->queue, b->relay)) != NULL && first->start < b->start) {
		if (b->relay != p->conf.self)
			pbft_drop_bundle(p, first);
		pbft_queue_pop(&p->queue, b->relay);
	}
}

/* How far it is beyond the lowest number of its relay that has not executed. */
static uint64_t beyond(const struct pbft *p, const struct pbft_bundle *b)
{
	uint64_t lowest = machine_numbers_lowest(&p->numbers[b->relay - 1], b->start);

	return b->counter > lowest ? b->counter - lowest : 0;
}

static bool is_of_an_older_run(const struct pbft *p, const struct pbft_bundle *b)
{
	const struct pbft_bundle *first = pbft_queue_first(&p->queue, b->relay);

	return first != NULL && first->start > b->start;
}

/* What executed while it waited takes no place from what did not. */
static void prune(struct pbft *p, uint8_t relay)
{
	for (uint32_t left = p->queue.lines[relay - 1].count; left > 0; left--) {
		struct pbft_bundle b = *pbft_queue_first(&p->queue, relay);

		pbft_queue_pop(&p->queue, relay);
		if (!pbft_is_spent(p, &b))
			pbft_queue_push(&p->queue, &b);
		else if (relay != p->conf.self)
			pbft_drop_bundle(p, &b);
	}
}

/*
 * Primary: true if it waits in the queue now, with its hold. draft {#bundles}: "less than 64 beyond
 * the lowest one that has not executed": all those have room at once, so that no relay can fill its
 * line just before somebody hands on what then finds no place, and is watched.
 */
static bool queue(struct pbft *p, const struct pbft_bundle *b)
{
	if (is_in_flight(p, b) || pbft_queue_has(&p->queue, b) || is_of_an_older_run(p, b)) {
		pbft_count(p, PBFT_DROP_REPEAT);
		return false;
	}
	if (beyond(p, b) >= PBFT_OWN_MAX) {
		pbft_count(p, PBFT_DROP_FULL);
		return false;
	}
	forget_older_runs(p, b);
	if (p->queue.lines[b->relay - 1].count == PBFT_OWN_MAX)
		prune(p, b->relay);
	if (pbft_queue_push(&p->queue, b))
		return true;
	pbft_count(p, PBFT_DROP_FULL);
	return false;
}

/* Once for a number; what was handed on is remembered for a while only, since a copy may get lost.
 */
static void hand_on(struct pbft *p, const struct pbft_bundle *b)
{
	struct pbft_peer *relay = &p->peers[b->relay - 1];

	if (pbft_primary(p, p->view) == p->conf.self) {
		pbft_count(p, PBFT_DROP_NOT_PRIMARY); /* it votes in nothing, so it is none */
		return;
	}
	if (p->now - relay->handed_ms >= 4u * p->conf.resend_ms) {
		memset(&relay->handed, 0, sizeof(relay->handed));
		relay->handed_ms = p->now;
	}
	if (machine_numbers_take(&relay->handed, b->start, b->counter)) {
		pbft_send_bundle(p, b, pbft_bit(p, pbft_primary(p, p->view)));
		/* draft {#time-outs}: "less than 48 beyond": the primary has a place for it */
		if (beyond(p, b) < PBFT_OWN_SPREAD)
			pbft_watch_add(p, b);
	} else {
		pbft_count(p, PBFT_DROP_REPEAT);
	}
}

/* Is there a primary, and a way to it? */
static bool can_hear(const struct pbft *p)
{
	return p->view_active && p->peers[pbft_primary(p, p->view) - 1].up;
}

static void on_own(struct pbft *p, const struct pbft_bundle *b)
{
	struct pbft_own *own = &p->own[p->n_own];

	if (p->n_own == PBFT_OWN_MAX) {
		pbft_count(p, PBFT_DROP_FULL);
		pbft_drop_bundle(p, b);
		return;
	}
	p->n_own++;
	own->bundle = *b;
	own->tries = 0;
	own->due_ms = p->now + p->conf.resend_ms;
	own->watch = p->view_active ? pbft_watch_begin(p) : (struct pbft_watch){0};
	if (pbft_is_primary(p))
		queue(p, b);
	else
		pbft_send_bundle(
			p, b, can_hear(p) ? pbft_bit(p, pbft_primary(p, p->view)) : PBFT_EVERYONE);
}

static int refused(const struct pbft *p, const struct pbft_event *ev)
{
	const struct pbft_bundle *b = &ev->u.bundle;

	if (pbft_bit(p, b->relay) == 0 || pbft_bit(p, ev->from) == 0)
		return PBFT_DROP_OTHER;
	if (b->requests > p->conf.batch_requests_max || b->octets > p->conf.batch_octets_max)
		return PBFT_DROP_OTHER; /* no batch could hold it */
	if ((b->relay == p->conf.self) != (ev->from == p->conf.self))
		return PBFT_DROP_REPEAT; /* the own one comes back */
	return pbft_is_spent(p, b) ? PBFT_DROP_REPEAT : -1;
}

void pbft_on_bundle(struct pbft *p, const struct pbft_event *ev)
{
	const struct pbft_bundle *b = &ev->u.bundle;
	int why = refused(p, ev);

	if (why >= 0) {
		pbft_count(p, (enum pbft_drop)why);
		pbft_drop_bundle(p, b);
	} else if (b->relay == p->conf.self) {
		on_own(p, b);
	} else if (!pbft_is_primary(p)) {
		if (p->view_active)
			hand_on(p, b);
		pbft_drop_bundle(p, b);
	} else if (!queue(p, b)) {
		pbft_drop_bundle(p, b);
	}
}

void pbft_own_executed(struct pbft *p)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < p->n_own; i++) {
		if (pbft_is_spent(p, &p->own[i].bundle))
			pbft_drop_bundle(p, &p->own[i].bundle);
		else
			p->own[kept++] = p->own[i];
	}
	p->n_own = kept;
}

void pbft_own_due(struct pbft *p)
{
	uint8_t primary = pbft_primary(p, p->view);

	for (uint32_t i = 0; i < p->n_own; i++) {
		struct pbft_own *own = &p->own[i];
		uint32_t shift = own->tries < PBFT_BACKOFF_MAX ? own->tries : PBFT_BACKOFF_MAX;

		if (own->due_ms > p->now)
			continue;
		if (BUG(18)) {
			own->due_ms = UINT64_MAX;
			continue;
		}
		if (pbft_room(p) < PBFT_ROOM_PROPOSE) {
			p->more = true;
			return;
		}
		if (pbft_is_primary(p)) {
			if (!pbft_is_spent(p, &own->bundle))
				queue(p, &own->bundle);
		} else {
			pbft_send_bundle(p, &own->bundle,
					 own->tries == 0 && can_hear(p) ? pbft_bit(p, primary)
									: PBFT_EVERYONE);
			if (own->watch.since_ms == 0 && p->view_active)
				own->watch = pbft_watch_begin(p);
		}
		own->tries++;
		own->due_ms = p->now + ((uint64_t)p->conf.resend_ms << shift);
	}
}
