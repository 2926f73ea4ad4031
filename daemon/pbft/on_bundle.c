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

/* Primary: true if it waits in the queue now, with its hold. */
static bool queue(struct pbft *p, const struct pbft_bundle *b)
{
	if (is_in_flight(p, b) || pbft_queue_has(&p->queue, b)) {
		pbft_count(p, PBFT_DROP_REPEAT);
		return false;
	}
	forget_older_runs(p, b);
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
	own->watch = (struct pbft_watch){.since_ms = p->view_active ? p->now : 0};
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

		if (own->due_ms > p->now || BUG(18))
			continue;
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
				own->watch.since_ms = p->now;
		}
		own->tries++;
		own->due_ms = p->now + ((uint64_t)p->conf.resend_ms << shift);
	}
}
