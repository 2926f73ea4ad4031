/*
 * daemon/peer.h over simulated links. A link is a pair of paths; both ends are told when it comes
 * up and when it has gone, each a while later. Frames of a link that broke meanwhile are lost, and
 * so are a share of all others, which TLS over TCP would not do: the protocol promises to stand it.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/oracle.h"
#include "tests/sim/sim.h"

enum { RETRY_MS = 100, CLOG_SPREAD_US = 2000 };

struct peers {
	struct node *node;
};

static struct path *path_of(const struct node *from, const struct node *to)
{
	return &sim->paths[from->index][to->index];
}

static bool is_linked(const struct node *a, const struct node *b)
{
	return a->alive && b->alive && !path_of(a, b)->down && a->id != b->id;
}

static bool is_healed(const struct node *a, const struct node *b)
{
	return sim->phase == SIM_FORM
		       ? sim->o.form_faults == 0
		       : sim->phase == SIM_HEALED && node_is_healed(a) && node_is_healed(b);
}

void net_init(void)
{
	for (size_t i = 0; i < sim->n_nodes; i++)
		for (size_t j = 0; j < sim->n_nodes; j++)
			rng_init(&sim->paths[i][j].rng, sim->o.seed, 1000 + i * SIM_NODES + j);
}

static uint64_t delay_us(struct path *p)
{
	return sim->o.delay_us + rng_spread(&p->rng, sim->o.delay_more_us);
}

/* ---- links ---- */

static void tell(struct node *n, const struct node *from, bool up)
{
	struct path *p = path_of(from, n);

	if (n->alive)
		agenda_add(&sim->agenda,
			   (struct happening){.at_us = sim->now_us + (up ? 3 : 1) * delay_us(p),
					      .kind = EV_LINK,
					      .node = n->index,
					      .from = from->index,
					      .flag = up,
					      .life = p->era});
}

static void break_link(struct node *a, struct node *b)
{
	path_of(a, b)->era++;
	path_of(b, a)->era++;
	path_of(a, b)->known = path_of(b, a)->known = false;
	tell(a, b, false);
	tell(b, a, false);
}

static void connect_link(struct node *a, struct node *b)
{
	if (!is_linked(a, b))
		return;
	path_of(a, b)->era++;
	path_of(b, a)->era++;
	path_of(a, b)->known = path_of(b, a)->known = false;
	tell(a, b, true);
	tell(b, a, true);
}

void net_node_up(struct node *n)
{
	for (size_t i = 0; i < sim->n_nodes; i++)
		connect_link(n, &sim->nodes[i]);
}

void net_node_down(struct node *n)
{
	n->up = 0;
	for (size_t i = 0; i < sim->n_nodes; i++)
		if (sim->nodes[i].id != n->id)
			break_link(n, &sim->nodes[i]);
}

static void link_nodes(struct node *a, struct node *b, bool up)
{
	if (path_of(a, b)->down == !up)
		return;
	path_of(a, b)->down = path_of(b, a)->down = !up;
	if (up)
		connect_link(a, b);
	else
		break_link(a, b);
}

void net_link(uint8_t a, uint8_t b, bool up)
{
	for (size_t i = 0; i < sim->n_nodes; i++)
		for (size_t j = 0; j < sim->n_nodes; j++)
			if (sim->nodes[i].id == a && sim->nodes[j].id == b && a != b)
				link_nodes(&sim->nodes[i], &sim->nodes[j], up);
}

void net_mute(uint8_t from, uint8_t to, bool on)
{
	for (size_t i = 0; i < sim->n_nodes; i++)
		for (size_t j = 0; j < sim->n_nodes; j++)
			if (sim->nodes[i].id == from && sim->nodes[j].id == to)
				sim->paths[i][j].muted = on;
}

void net_clog(uint8_t from, uint8_t to, uint64_t ms)
{
	for (size_t i = 0; i < sim->n_nodes; i++)
		for (size_t j = 0; j < sim->n_nodes; j++)
			if (sim->nodes[i].id == from && sim->nodes[j].id == to)
				sim->paths[i][j].clog_us = sim->now_us + 1000 * ms;
}

/* Within the core everything works from here on; elsewhere it stays as it is. */
void net_heal(void)
{
	for (size_t i = 0; i < sim->n_nodes; i++) {
		for (size_t j = 0; j < sim->n_nodes; j++) {
			struct node *a = &sim->nodes[i], *b = &sim->nodes[j];

			if (i == j || !node_is_healed(a) || !node_is_healed(b))
				continue;
			path_of(a, b)->muted = false;
			path_of(a, b)->clog_us = 0;
			if (i < j)
				link_nodes(a, b, true);
		}
	}
}

static bool is_reached(const struct node *n, uint8_t id)
{
	for (size_t i = 0; i < sim->n_nodes; i++)
		if (sim->nodes[i].id == id && path_of(&sim->nodes[i], n)->known)
			return true;
	return false;
}

static void call_link(struct node *n, uint8_t id, bool up)
{
	uint16_t bit = (uint16_t)(1u << (id - 1));

	if (((n->up & bit) != 0) == up)
		return;
	n->up = up ? (uint16_t)(n->up | bit) : (uint16_t)(n->up & ~bit);
	sim->current = n;
	n->peers.on_link(n->peers.arg, id, up);
	sim->current = NULL;
	node_after(n);
}

static void learn(struct node *n, struct node *from)
{
	struct path *p = path_of(from, n);

	if (p->known)
		return;
	if (!is_reached(n, from->id))
		call_link(n, from->id,
			  false); /* the end of the link before, if it was not told yet */
	p->known = true;
	if (n->alive)
		call_link(n, from->id, true);
}

void net_on_link(struct node *n, const struct happening *h)
{
	struct node *from = &sim->nodes[h->from];
	struct path *p = path_of(from, n);

	if (!n->alive || p->era != h->life)
		return;
	if (h->flag && is_linked(n, from))
		learn(n, from);
	else if (!h->flag && !is_reached(n, from->id))
		call_link(n, from->id, false);
}

void net_on_dial(struct node *n, const struct happening *h)
{
	struct node *from = &sim->nodes[h->from];

	if (!path_of(from, n)->known && !path_of(n, from)->known)
		connect_link(n, from);
}

/* ---- frames ---- */

static void deliver_at(const struct node *from, struct node *to, struct blob *b, uint64_t at_us)
{
	struct path *p = path_of(from, to);

	if (p->clog_us > at_us)
		at_us = p->clog_us + rng_below(&p->rng, CLOG_SPREAD_US);
	if (sim->o.fifo != 0) {
		if (at_us < p->last_us)
			at_us = p->last_us;
		p->last_us = at_us;
	}
	b->refs++;
	agenda_add(&sim->agenda, (struct happening){.at_us = at_us,
						    .kind = EV_FRAME,
						    .node = to->index,
						    .from = from->index,
						    .life = p->era,
						    .blob = b});
}

void net_send(struct node *from, struct node *to, struct blob *b)
{
	struct path *p = path_of(from, to);
	bool healed = is_healed(from, to);

	if (is_linked(from, to) && !p->muted) {
		if (healed || !rng_chance(&p->rng, sim->o.loss_pm))
			deliver_at(from, to, b, sim->now_us + delay_us(p));
		if (!healed && rng_chance(&p->rng, sim->o.dup_pm)) {
			uint64_t times = 1 + rng_below(&p->rng, 10);

			deliver_at(from, to, b, sim->now_us + times * delay_us(p));
		}
	}
	blob_drop(b);
}

void net_send_late(struct node *from, struct node *to, struct blob *b, uint64_t us)
{
	struct path *p = path_of(from, to);

	if (!is_linked(from, to) || p->muted) {
		blob_drop(b);
		return;
	}
	agenda_add(&sim->agenda, (struct happening){.at_us = sim->now_us + us + delay_us(p),
						    .kind = EV_FRAME,
						    .node = to->index,
						    .from = from->index,
						    .life = p->era,
						    .blob = b});
}

static void refused(struct node *n, struct node *from, const struct blob *b)
{
	n->refused++;
	if (node_is_correct(n) && node_is_correct(from) && !b->tampered)
		sim_fail("verify: replica %u refuses a frame of type %u that replica %u has sent",
			 n->id, b->type, from->id);
	break_link(n, from);
	agenda_add(&sim->agenda, (struct happening){.at_us = sim->now_us + 1000 * RETRY_MS,
						    .kind = EV_DIAL,
						    .node = n->index,
						    .from = from->index});
}

void net_deliver(struct node *n, const struct happening *h)
{
	struct node *from = &sim->nodes[h->from];
	struct path *p = path_of(from, n);
	struct blob *b = h->blob;
	bool good;

	if (n->alive && p->era == h->life)
		learn(n, from);
	if (!n->alive || p->era != h->life)
		return;
	sim->frames++;
	trace_note("hears", n->id, from->id, b, 0);
	if (n->faulty)
		byz_heard(n, from->id, b);
	sim->current = n;
	good = n->peers.on_frame(n->peers.arg, from->id, b->type, b->octets, b->len);
	sim->current = NULL;
	node_after(n);
	if (!good)
		refused(n, from, b);
}

/* ---- what run.c calls ---- */

int peers_new(struct peers **out, struct event_base *base, const struct peers_conf *conf)
{
	struct node *n = (struct node *)(void *)base;

	*out = malloc(sizeof(**out));
	if (*out == NULL)
		abort();
	(*out)->node = n;
	n->peers = *conf;
	return 0;
}

void peers_free(struct peers *p)
{
	free(p);
}

static struct blob *frame_of(uint8_t type, const struct iovec *parts, size_t n_parts)
{
	struct blob *b;
	size_t len = 0, at = 0;

	for (size_t i = 0; i < n_parts; i++)
		len += parts[i].iov_len;
	b = blob_new(type, len);
	for (size_t i = 0; i < n_parts; at += parts[i++].iov_len)
		if (parts[i].iov_len > 0)
			memcpy(b->octets + at, parts[i].iov_base, parts[i].iov_len);
	return b;
}

static void send_to(struct node *n, struct node *to, struct blob *b)
{
	b->refs++;
	if (n->faulty)
		b = byz_frame(n, to, b);
	if (b != NULL)
		net_send(n, to, b);
}

void peers_send(struct peers *p, uint16_t to, uint8_t type, const struct iovec *parts,
		size_t n_parts)
{
	struct node *n = p->node;
	struct blob *b;

	if (!node_acts(n))
		return;
	b = frame_of(type, parts, n_parts);
	trace_note("says", n->id, 0, b, to);
	oracle_frame(n, to, b);
	for (size_t i = 0; i < sim->n_nodes; i++) {
		struct node *other = &sim->nodes[i];

		if (other->id != n->id && (to >> (other->id - 1) & 1) != 0 &&
		    (n->up >> (other->id - 1) & 1) != 0)
			send_to(n, other, b);
	}
	blob_drop(b);
}

void peers_flush(struct peers *p)
{
	(void)p; /* they have left */
}

uint16_t peers_up(const struct peers *p)
{
	return p->node->up;
}

void peers_info(const struct peers *p, uint8_t id, struct peer_info *info)
{
	memset(info, 0, sizeof(*info));
	info->up = (p->node->up >> (id - 1) & 1) != 0;
}
