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

/* An event is its place in the node: what is freed and still on the agenda is told by generation. */
static struct sim_event *slot_of(struct event *ev)
{
	return (struct sim_event *)(void *)ev;
}

static struct node *owner_of(const struct sim_event *e)
{
	for (size_t i = 0; i < sim->n_nodes; i++) {
		struct node *n = &sim->nodes[i];

		if (e >= n->events && e < n->events + SIM_EVENTS)
			return n;
	}
	abort();
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
		e->used = true;
		e->active = false;
		e->generation++;
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

	e->used = e->active = false;
	e->generation++;
}

int event_add(struct event *ev, const struct timeval *tv)
{
	struct sim_event *e = slot_of(ev);
	struct node *n = owner_of(e);
	uint64_t in;

	if (tv == NULL)
		return 0;
	in = (uint64_t)tv->tv_sec * 1000000 + (uint64_t)tv->tv_usec;
	agenda_add(&sim->agenda, (struct happening){.at_us = sim->now_us + in,
						    .kind = EV_TIMER,
						    .node = n->index,
						    .from = (uint8_t)(e - n->events),
						    .life = ++e->generation});
	return 0;
}

int event_del(struct event *ev)
{
	slot_of(ev)->generation++;
	return 0;
}

void event_active(struct event *ev, int what, short calls)
{
	struct sim_event *e = slot_of(ev);
	struct node *n = owner_of(e);

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

void loop_timer(struct node *n, unsigned slot, uint32_t generation)
{
	struct sim_event *e = &n->events[slot];

	if (e->used && e->generation == generation)
		e->callback(e->fd, EV_TIMEOUT, e->arg);
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
		n->events[i].used = n->events[i].active = false;
		n->events[i].generation++;
	}
	n->turn_due = false;
}
