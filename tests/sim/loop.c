/*
 * The part of libevent that run.c uses: one loop a replica. What is made active runs at the end of
 * the turn, a while after the first of it, so that several frames can come before.
 */
#include "config.h"

#include <event2/event.h>
#include <stdlib.h>
#include <sys/time.h>

#include "tests/sim/sim.h"

/* A replica's base is its node. */
static struct node *node_of_base(struct event_base *base)
{
	return (struct node *)(void *)base;
}

/* An event is its place in the node: what is freed and still on the agenda is told by its number.
 */
static struct sim_event *slot_of(struct event *ev)
{
	return (struct sim_event *)(void *)ev;
}

struct event *event_new(struct event_base *base, evutil_socket_t fd, short what,
			event_callback_fn callback, void *arg)
{
	struct node *n = node_of_base(base);

	(void)what;
	for (size_t i = 0; i < SIM_EVENTS; i++) {
		struct sim_event *e = &n->events[i];

		if (e->used)
			continue;
		e->owner = n;
		e->used = true;
		e->active = e->armed = e->waking = false;
		e->wake++;
		e->fd = fd;
		e->callback = callback;
		e->arg = arg;
		return (struct event *)(void *)e;
	}
	abort();
}

void event_free(struct event *ev)
{
	struct sim_event *e = slot_of(ev);

	e->used = e->active = e->armed = e->waking = false;
	e->wake++;
}

static void wake_later(struct node *n, struct sim_event *e)
{
	e->waking = true;
	e->wake_us = e->due_us < sim->now_us ? sim->now_us : e->due_us;
	agenda_add(&sim->agenda, (struct happening){.at_us = e->wake_us,
						    .order = e->due_order,
						    .kind = EV_TIMER,
						    .node = n->index,
						    .from = (uint8_t)(e - n->events),
						    .life = ++e->wake});
}

int event_add(struct event *ev, const struct timeval *tv)
{
	struct sim_event *e = slot_of(ev);
	struct node *n = e->owner;
	uint64_t in;

	if (tv == NULL)
		return 0;
	in = (uint64_t)tv->tv_sec * 1000000 + (uint64_t)tv->tv_usec;
	e->armed = true;
	e->due_us = sim->now_us + in;
	e->due_order = ++sim->agenda.order;
	/* a timer is put off many times for each time that it ends: what is on the agenda already
	 * finds out when it comes */
	if (!e->waking || e->wake_us > e->due_us)
		wake_later(n, e);
	return 0;
}

int event_del(struct event *ev)
{
	slot_of(ev)->armed = false;
	return 0;
}

void event_active(struct event *ev, int what, short calls)
{
	struct sim_event *e = slot_of(ev);
	struct node *n = e->owner;

	(void)what;
	(void)calls;
	e->active = true;
	if (n->turn_due)
		return;
	n->turn_due = true;
	agenda_add(&sim->agenda,
		   (struct happening){.at_us = sim->now_us + rng_below(&n->rng, sim->o.turn_us + 1),
				      .kind = EV_TURN,
				      .node = n->index,
				      .life = n->life});
}

int event_base_loopbreak(struct event_base *base)
{
	(void)base; /* node_after() looks at run_failure() */
	return 0;
}

void loop_turn(struct node *n)
{
	n->turn_due = false;
	for (size_t i = 0; i < SIM_EVENTS && n->alive; i++) {
		struct sim_event *e = &n->events[i];

		if (!e->active)
			continue;
		e->active = false;
		e->callback(e->fd, EV_TIMEOUT, e->arg);
	}
}

void loop_timer(struct node *n, const struct happening *h)
{
	struct sim_event *e = &n->events[h->from];

	if (!e->waking || e->wake != h->life)
		return;
	e->waking = false;
	if (!e->armed)
		return;
	if (e->due_order != h->order) {
		wake_later(n, e);
		return;
	}
	e->armed = false;
	e->callback(e->fd, EV_TIMEOUT, e->arg);
}

void loop_postpone(struct node *n, const struct happening *h, uint64_t until_us)
{
	struct sim_event *e = &n->events[h->from];

	if (e->waking && e->wake == h->life)
		e->wake_us = until_us;
}

void loop_fd(struct node *n, int fd)
{
	for (size_t i = 0; i < SIM_EVENTS; i++) {
		struct sim_event *e = &n->events[i];

		if (e->used && e->fd == fd) {
			e->callback(fd, EV_READ, e->arg);
			return;
		}
	}
}

void loop_clear(struct node *n)
{
	for (size_t i = 0; i < SIM_EVENTS; i++) {
		struct sim_event *e = &n->events[i];

		e->used = e->active = e->armed = e->waking = false;
		e->wake++;
	}
	n->turn_due = false;
}
