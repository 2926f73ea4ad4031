/* The life of a replica: its process begins, ends in good order, or is killed. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/oracle.h"
#include "tests/sim/sim.h"
#include "tests/sim/wrap.h"

static char nothing[] = "", data[] = "data";

static void conf_fill(struct conf *c)
{
#define SET_text(field, def)   c->field = nothing;
#define SET_path(field, def)   c->field = data;
#define SET_bool(field, def)   c->field = false;
#define SET_number(field, def) c->field = (uint32_t)strtoul(def, NULL, 10);
#define SET_addrs(field, def)
#define SET_keys(field, def)
#define ATTR(section, field, key, kind, def, min, max, help) SET_##kind(field, def)
#include "daemon/conf.def"
	/* clients of the simulation share a few addresses */
	c->cookieless_rate = 1000000;
	c->scrub_hours = 0; /* what is in memory does not rot by itself */
}

static void netfile_fill(struct netfile *net)
{
	char text[256];
	struct ap_text why;

	ap_text_init(&why, text, sizeof(text));
	if (netfile_set_domain(net, "example.test", &why) != 0)
		abort();
	net->retention_s = sim->o.retention_s;
	net->horizon_s = sim->o.horizon_s;
	net->capacity = sim->o.capacity;
	net->outage_bound_s = sim->o.outage_bound_s;
	net->clock_bound_s = sim->o.clock_bound_s;
	net->n = (uint8_t)sim->o.n;
	net->f = (uint8_t)options_f(&sim->o);
	for (size_t i = 0; i < net->n; i++) {
		struct netfile_member *m = &net->members[i];

		snprintf(m->name, sizeof(m->name), "r%zu", i + 1);
		memcpy(m->key, sim->keys[i], 32);
	}
	crypto_keypair(net->genesis, sim->seeds[0]); /* some octets of this run's own */
	memcpy(net->nonce, net->genesis, 32);
}

static void node_init(struct node *n, uint8_t index, uint8_t id)
{
	struct rng *r = &n->rng;

	n->id = id;
	n->index = index;
	n->faulty = (sim->o.faulty >> (id - 1) & 1) != 0;
	n->die_after = -1;
	n->disk = disk_new();
	rng_init(r, sim->o.seed, 100 + index);
	rng_init(&n->disk_rng, sim->o.seed, 200 + index);
	n->clock_base_ms = (int64_t)rng_below(r, 2 * sim->o.skew_ms + 1) - (int64_t)sim->o.skew_ms;
	n->clock_ms = n->clock_base_ms;
	n->drift_ppm = (int64_t)rng_below(r, 2 * sim->o.drift_ppm + 1) - (int64_t)sim->o.drift_ppm;
	conf_fill(&n->conf);
	n->self.id = id;
	memcpy(n->self.seed, sim->seeds[id - 1], 32);
	netfile_fill(&n->self.net);
}

void nodes_init(void)
{
	for (size_t i = 0; i < sim->o.n; i++) {
		rng_fill(&sim->rng, sim->seeds[i], 32);
		crypto_keypair(sim->keys[i], sim->seeds[i]);
	}
	sim->n_nodes = sim->o.n;
	for (uint8_t i = 0; i < sim->o.n; i++)
		node_init(&sim->nodes[i], i, (uint8_t)(i + 1));
	for (uint8_t id = 1; sim->o.twins != 0 && id <= sim->o.n; id++) {
		uint8_t index = (uint8_t)sim->n_nodes;

		if ((sim->o.faulty >> (id - 1) & 1) == 0)
			continue;
		node_init(&sim->nodes[index], index, id);
		sim->n_nodes++;
	}
}

struct node *node_of(uint8_t id)
{
	return &sim->nodes[id - 1];
}

bool node_is_correct(const struct node *n)
{
	return !n->faulty;
}

bool node_in_core(const struct node *n)
{
	if (n->faulty)
		return false;
	return sim->o.core == 0 || (sim->o.core >> (n->id - 1) & 1) != 0;
}

bool node_is_healed(const struct node *n)
{
	return node_in_core(n) || (sim->o.askew >> (n->id - 1) & 1) != 0;
}

/* ---- begin ---- */

void node_start(struct node *n)
{
	struct run_sockets sockets = {.link_fd = SIM_FD_NET};
	char text[1024] = "";
	struct self self = n->self;
	struct ap_text why;
	int status;

	if (n->alive)
		return;
	trace_note("starts", n->id, 0, NULL, 0);
	n->life++;
	n->alive = true;
	n->dying = false;
	n->up = 0;
	n->die_after = -1;
	n->paused_us = 0;
	n->clock_start_ms = n->clock_ms;
	ap_text_init(&why, text, sizeof(text));
	oracle_started(n);
	sim->current = n;
	status = run_new(&n->run, (struct event_base *)(void *)n, &n->conf, &self, &sockets, &why);
	sim->current = NULL;
	if (status != 0 && node_is_correct(n) && !n->dying)
		sim_fail("start: replica %u: %s", n->id, text);
	if (status != 0) {
		loop_clear(n);
		n->alive = false;
		return;
	}
	net_node_up(n);
	node_after(n);
}

/* ---- end ---- */

static void end(struct node *n)
{
	sim->current = n;
	run_free(n->run);
	sim->current = NULL;
	n->run = NULL;
	n->alive = false;
	loop_clear(n);
	net_node_down(n);
	oracle_ended(n);
}

void node_stop(struct node *n)
{
	if (!n->alive)
		return;
	trace_note("stops", n->id, 0, NULL, 0);
	end(n);
}

void node_die(struct node *n, bool power)
{
	if (!n->alive)
		return;
	n->dying = true;
	disk_crash(n, power);
	end(n);
}

bool node_acts(struct node *n)
{
	if (n->dying)
		return false;
	if (n->die_after > 0 && --n->die_after == 0)
		n->dying = true;
	return !n->dying;
}

void node_after(struct node *n)
{
	const char *why;

	if (!n->alive)
		return;
	if (n->dying) {
		node_die(n, rng_chance(&n->rng, 500));
		return;
	}
	why = run_failure(n->run);
	if (why == NULL)
		return;
	trace_say("replica %u stops: %s", n->id, why);
	if (strstr(why, "fdatasync fails") == NULL && node_is_correct(n))
		sim_fail("stop: replica %u: %s", n->id, why);
	node_die(n, false);
}

void nodes_clear(void)
{
	for (size_t i = 0; i < sim->n_nodes; i++) {
		struct node *n = &sim->nodes[i];

		if (n->run != NULL) {
			n->dying = true;
			sim->current = n;
			run_free(n->run);
			sim->current = NULL;
		}
		disk_free(n->disk);
	}
}

/* ---- sizes that a run draws ---- */

static void sizes(struct pbft_conf *c)
{
	c->window = (uint16_t)sim->o.window;
	c->interval = (uint16_t)sim->o.interval;
	c->pipeline = (uint16_t)sim->o.pipeline;
	c->batch_requests_max = (uint16_t)sim->o.batch;
	c->resend_ms = (uint32_t)sim->o.resend_ms;
	c->heartbeat_ms = (uint32_t)sim->o.heartbeat_ms;
	c->timeout_ms = (uint32_t)sim->o.timeout_ms;
	c->timeout_max_ms = 8 * c->timeout_ms;
	/* what it has signed is no news to a liar; each of two twins has not signed half of it */
	c->trusting = sim->current->faulty;
}

size_t __wrap_pbft_size(const struct pbft_conf *conf)
{
	struct pbft_conf c = *conf;

	sizes(&c);
	return __real_pbft_size(&c);
}

struct pbft *__wrap_pbft_init(void *memory, const struct pbft_conf *conf)
{
	struct pbft_conf c = *conf;

	sizes(&c);
	return __real_pbft_init(memory, &c);
}

/* Short sections: a run has many. */
uint8_t __wrap_fetch_state_bits(void)
{
	return 2;
}

/* Bundles that a batch of this run holds. */
size_t __wrap_relay_fill(struct relay *r, uint8_t *out, size_t cap, uint64_t *counter,
			 uint16_t *requests, uint64_t now_ms)
{
	if (cap > sim->o.bundle)
		cap = sim->o.bundle;
	return __real_relay_fill(r, out, cap, counter, requests, now_ms);
}

int __wrap_keygen_new(struct keygen **k, const struct keygen_conf *conf)
{
	struct keygen_conf c = *conf;

	c.pool_low = (uint32_t)sim->o.pool_low;
	c.pool_step = (uint32_t)sim->o.pool_step;
	return __real_keygen_new(k, &c);
}
