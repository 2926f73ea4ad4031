/*
 * Clients: resolver/query.c asks, one request after the other, over simulated UDP and TCP; and the
 * replicas' side of those, daemon/udp.h and daemon/tcp.h. What a client gets proven goes to the
 * oracle. Clients that lie send what no client should.
 */
#include "config.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/tcp.h"
#include "daemon/udp.h"
#include "libproto/instance.h"
#include "resolver/query.h"
#include "tests/sim/oracle.h"
#include "tests/sim/parties.h"
#include "tests/sim/sim.h"
#include "tests/sim/wrap.h"

enum { QUEUE = 64, TRIES_FAULTS = 3, TRIES_HEALED = 40, TIME_MS = 1000 };

struct wish {
	uint32_t instance;
	uint8_t verb; /* AP_VERB_*, 0: read */
	uint8_t value, first;
	bool healed; /* of the second phase: it has to be fulfilled */
};

struct client {
	uint8_t index;
	struct rng rng;
	bool busy, has_key;
	uint32_t generation;
	struct wish queue[QUEUE], now;
	size_t first, waiting;
	struct stub_query query;
	struct stub_jar jar;
	struct stub_endpoint endpoints[AP_REPLICAS_MAX];
	struct ap_verify_key key;
	struct oracle_asked asked;
	uint8_t descriptor[AP_MAX_descriptor], value[8];
	uint64_t answers, given_up;
};

static uint64_t now_ms(void)
{
	return sim->now_us / 1000;
}

void clients_init(void)
{
	sim->clients = calloc(sim->o.clients, sizeof(*sim->clients));
	if (sim->clients == NULL)
		abort();
	for (uint8_t i = 0; i < sim->o.clients; i++) {
		sim->clients[i].index = i;
		rng_init(&sim->clients[i].rng, sim->o.seed, 300 + i);
		stub_jar_init(&sim->clients[i].jar);
	}
}

void clients_clear(void)
{
	for (size_t i = 0; sim->clients != NULL && i < sim->o.clients; i++)
		if (sim->clients[i].has_key)
			__wrap_ap_verify_key_clear(&sim->clients[i].key);
	free(sim->clients);
}

size_t clients_waiting(void)
{
	size_t n = 0;

	for (size_t i = 0; i < sim->o.clients; i++) {
		const struct client *c = &sim->clients[i];

		n += c->busy && c->now.healed;
		for (size_t j = 0; j < c->waiting; j++)
			n += c->queue[(c->first + j) % QUEUE].healed;
	}
	return n;
}

uint64_t clients_answers(void)
{
	uint64_t n = 0;

	for (size_t i = 0; i < sim->o.clients; i++)
		n += sim->clients[i].answers;
	return n;
}

/* ---- instances ---- */

/* The i-th one of a run: most last long, some end while it runs, a few are beyond the horizon. */
static void terms_of(uint32_t i, ap_terms *terms, char label[16])
{
	struct rng r;
	uint64_t span = sim->o.horizon_s < 100000 ? sim->o.horizon_s : 100000;

	rng_init(&r, sim->o.seed, 5000 + i);
	memset(terms, 0, sizeof(*terms));
	terms->version = AP_DESCRIPTOR_VERSION;
	terms->k = 1;
	terms->deadline = SIM_EPOCH_S + 2 + rng_between(&r, 1, 2 * span / 3 + 1);
	if (rng_chance(&r, 300))
		terms->deadline = SIM_EPOCH_S + rng_between(&r, 1, 12);
	if (rng_chance(&r, 50))
		terms->deadline = SIM_EPOCH_S + sim->o.horizon_s + rng_below(&r, 20);
	if (rng_chance(&r, 100))
		terms->start = SIM_EPOCH_S + rng_below(&r, 6);
	if (terms->start >= terms->deadline)
		terms->start = 0;
	snprintf(label, 16, "i%u", i);
	terms->label = (ap_label){(const uint8_t *)label, strlen(label)};
}

static void instance_make(uint32_t i, ap_id *id, uint8_t *out, size_t cap, ap_bytes *descriptor)
{
	ap_descriptor d;
	struct ap_writer w;
	char label[16];

	memset(&d, 0, sizeof(d));
	if (i >= SIM_PARTIES)
		parties_make(i, &d, label, false);
	else
		terms_of(i, &d.terms, label);
	ap_writer_init(&w, out, cap);
	ap_descriptor_put(&w, &d);
	*descriptor = ap_writer_bytes(&w);
	if (!ap_instance_id(ap_sha256, id->octets, oracle_key(), &d.terms) || descriptor->len == 0)
		abort();
}

/* ---- asking ---- */

static int client_random(void *octets, size_t len)
{
	rng_fill(&sim->library_rng, octets, len);
	return 0;
}

static void endpoints_fill(struct client *c)
{
	for (uint8_t i = 0; i < sim->o.n; i++) {
		uint8_t id = (uint8_t)((c->now.first - 1u + i) % sim->o.n + 1);

		c->endpoints[i] = (struct stub_endpoint){
			.address = {.len = 4, .octets = {10, 0, 0, id}, .port = STUB_PORT},
			.replica = id};
	}
}

static void query_conf(struct client *c, struct stub_query_conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	conf->ask = c->now.verb == 0		       ? STUB_READ
		    : c->now.verb == AP_VERB_OBSERVE ? STUB_OBSERVE
						     : STUB_APPROVE;
	conf->zone = sim->nodes[0].self.net.zone;
	instance_make(c->now.instance, &conf->id, c->descriptor, sizeof(c->descriptor),
		      &conf->descriptor);
	snprintf((char *)c->value, sizeof(c->value), "v%u", c->now.value);
	conf->value = (ap_bytes){c->value, strlen((char *)c->value)};
	conf->endpoints = c->endpoints;
	conf->n_endpoints = sim->o.n;
	conf->f = options_f(&sim->o);
	conf->key = &c->key;
	conf->jar = &c->jar;
	conf->random = client_random;
	if (c->now.instance >= SIM_PARTIES && rng_chance(&c->rng, 300))
		conf->wait_ms = (uint32_t)rng_between(&c->rng, 100, 2000);
	conf->tuning = (struct stub_tuning){
		.time_ms = (uint32_t)(TIME_MS + sim->o.n * sim->o.hedge_ms), /* all are asked */
		.hedge_ms = (uint32_t)sim->o.hedge_ms,
		.tries = c->now.healed ? TRIES_HEALED : TRIES_FAULTS,
		.tcp = !rng_chance(&c->rng, sim->o.udp_pm),
		.udp_size = AP_UDP_MAX,
	};
}

static bool healed_between(const struct node *n)
{
	return sim->phase != SIM_FAULTS && node_in_core(n);
}

static uint64_t delay_us(struct client *c)
{
	return sim->o.delay_us + rng_spread(&c->rng, sim->o.delay_more_us);
}

/* A replica's copy, if it has several. */
static struct node *node_asked(struct client *c, uint8_t id)
{
	struct node *n = node_of(id);

	for (size_t i = sim->o.n; i < sim->n_nodes; i++)
		if (sim->nodes[i].id == id && rng_chance(&c->rng, 500))
			n = &sim->nodes[i];
	return n;
}

static void send_request(struct client *c, uint8_t id, bool tcp, const uint8_t *octets, size_t len)
{
	struct node *n = node_asked(c, id);
	struct blob *b;

	if (!healed_between(n) && rng_chance(&c->rng, sim->o.client_loss_pm))
		return;
	b = blob_new(0, len);
	memcpy(b->octets, octets, len);
	agenda_add(&sim->agenda, (struct happening){.at_us = sim->now_us + delay_us(c),
						    .kind = EV_IN,
						    .node = n->index,
						    .from = c->index,
						    .flag = tcp,
						    .blob = b});
}

static void begin_next(struct client *c);

/* Beyond the horizon, too early, no room; which of them, a liar among the refusers may have said. */
static bool may_be_refused(const struct client *c)
{
	ap_terms terms;
	char label[16];

	if (c->query.status < AGREE_EDESCRIPTOR || c->query.status > AGREE_EREFUSED)
		return false;
	if (c->now.instance >= SIM_PARTIES) /* no room, and who lies may say that there is none */
		return sim->o.capacity < 1000000 || sim->o.horizon_s < 100;
	terms_of(c->now.instance, &terms, label);
	return terms.start > 0 || sim->o.capacity < 1000000 ||
	       terms.deadline + 1 + sim->o.skew_ms / 1000 >= SIM_EPOCH_S + sim->o.horizon_s;
}

static void finish(struct client *c)
{
	ap_agree agree;
	struct ap_reader r;

	c->busy = false;
	c->generation++;
	if (c->query.status == 0) {
		c->answers++;
		ap_reader_init(&r, c->query.record, c->query.record_len);
		ap_agree_get(&r, &agree);
		if (!ap_reader_done(&r))
			sim_fail("S13: a record that was proven does not decode");
		oracle_answer(c->index, c->query.conf.id.octets, &agree, &c->asked);
	} else {
		c->given_up++;
		trace_say("client %u gives up on i%u: %d", c->index, c->now.instance,
			  c->query.status);
		if (c->now.healed && !may_be_refused(c))
			sim_fail("L1: client %u gives up on i%u: error %d", c->index,
				 c->now.instance, c->query.status);
	}
	begin_next(c);
}

static void drive(struct client *c)
{
	static uint8_t message[STUB_MESSAGE_MAX];
	struct stub_send send;

	for (;;) {
		switch (stub_query_next(&c->query, now_ms(), message, &send)) {
		case STUB_SEND:
			send_request(c, c->endpoints[send.endpoint].replica, send.tcp, message, send.len);
			continue;
		case STUB_SLEEP:
			agenda_add(&sim->agenda,
				   (struct happening){
					   .at_us = 1000 * stub_query_deadline(&c->query) + 500,
					   .kind = EV_CLIENT,
					   .from = c->index,
					   .life = ++c->generation});
			return;
		case STUB_DONE:
			finish(c);
			return;
		}
	}
}

static void begin_next(struct client *c)
{
	struct stub_query_conf conf;

	if (c->busy || c->waiting == 0)
		return;
	c->now = c->queue[c->first];
	c->first = (c->first + 1) % QUEUE;
	c->waiting--;
	if (!c->has_key && __wrap_ap_verify_key_init(&c->key, oracle_key()) != 0)
		abort();
	c->has_key = c->busy = true;
	endpoints_fill(c);
	query_conf(c, &conf);
	oracle_asks(&c->asked);
	trace_note("asks", c->index, c->now.first, NULL, c->now.instance * 100 + c->now.verb);
	if (stub_query_init(&c->query, &conf, now_ms()) != 0)
		abort();
	drive(c);
}

void client_ask(const struct action *a)
{
	struct client *c = &sim->clients[(uint64_t)a->arg[0] % sim->o.clients];
	struct wish w = {.instance = (uint32_t)a->arg[1],
			 .verb = (uint8_t)a->arg[2],
			 .value = (uint8_t)a->arg[3],
			 .first = (uint8_t)((uint64_t)(a->arg[4] - 1) % sim->o.n + 1),
			 .healed = sim->phase == SIM_HEALED};

	if (oracle_key() == NULL || c->waiting == QUEUE)
		return;
	c->queue[(c->first + c->waiting++) % QUEUE] = w;
	begin_next(c);
}

void client_timer(const struct happening *h)
{
	struct client *c = &sim->clients[h->from];

	if (c->busy && c->generation == h->life)
		drive(c);
}

static size_t endpoint_of(const struct client *c, uint8_t id)
{
	return (id + sim->o.n - c->now.first) % sim->o.n;
}

void client_out(const struct happening *h)
{
	struct client *c = &sim->clients[h->from];
	size_t endpoint = endpoint_of(c, sim->nodes[h->node].id);

	if (!c->busy)
		return;
	if (h->blob == NULL)
		stub_query_fail(&c->query, endpoint, true, AGREE_ENOANSWER, now_ms());
	else
		stub_query_answer(&c->query, endpoint, h->flag, ((struct blob *)h->blob)->octets,
				  ((struct blob *)h->blob)->len, now_ms());
	drive(c);
}

/* ---- a replica's sockets ---- */

struct udp {
	struct node *node;
	struct answers *answers;
};

struct tcp {
	struct node *node;
};

static void *must(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

int udp_new(struct udp **out, struct event_base *base, struct answers *answers, const int *fds,
	    size_t n)
{
	(void)fds;
	(void)n;
	*out = must(malloc(sizeof(**out)));
	**out = (struct udp){.node = (struct node *)(void *)base, .answers = answers};
	(*out)->node->udp = *out;
	return 0;
}

void udp_free(struct udp *u)
{
	if (u != NULL)
		u->node->udp = NULL;
	free(u);
}

void udp_flush(struct udp *u)
{
	(void)u;
}

int tcp_new(struct tcp **out, struct event_base *base, struct answers *answers,
	    const struct tcp_conf *conf, const int *fds, size_t n)
{
	(void)answers;
	(void)conf;
	(void)fds;
	(void)n;
	*out = must(malloc(sizeof(**out)));
	(*out)->node = (struct node *)(void *)base;
	return 0;
}

void tcp_free(struct tcp *t)
{
	free(t);
}

bool tcp_has(const struct tcp *t, const struct asker *asker)
{
	(void)t;
	(void)asker;
	return true;
}

void tcp_hold(struct tcp *t, const struct asker *asker)
{
	(void)t;
	(void)asker;
}

size_t tcp_open(const struct tcp *t)
{
	(void)t;
	return 0;
}

/* octets NULL: the connection is refused or reset. */
static void reply(struct node *n, uint16_t client, bool tcp, const uint8_t *octets, size_t len)
{
	struct client *c = &sim->clients[client % sim->o.clients];
	struct blob *b = NULL;

	if (octets != NULL) {
		if (!node_acts(n) ||
		    (!healed_between(n) && rng_chance(&c->rng, sim->o.client_loss_pm)))
			return;
		b = blob_new(0, len);
		memcpy(b->octets, octets, len);
		if (n->faulty && (b = byz_answer(n, b)) == NULL)
			return;
	}
	agenda_add(&sim->agenda, (struct happening){.at_us = sim->now_us + delay_us(c),
						    .kind = EV_OUT,
						    .node = n->index,
						    .from = c->index,
						    .flag = tcp,
						    .blob = b});
}

void udp_send(struct udp *u, const struct asker *asker, const uint8_t *octets, size_t len)
{
	reply(u->node, asker->socket, false, octets, len);
}

void tcp_send(struct tcp *t, const struct asker *asker, const uint8_t *octets, size_t len)
{
	reply(t->node, asker->socket, true, octets, len);
}

void client_in(struct node *n, const struct happening *h)
{
	static uint8_t out[ANSWER_MAX];
	const struct blob *b = h->blob;
	struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(20000)};
	struct asker asker;
	size_t len;

	if (!n->alive || n->udp == NULL) {
		if (h->flag)
			reply(n, h->from, true, NULL, 0);
		return;
	}
	memset(&asker, 0, sizeof(asker));
	asker.tcp = h->flag;
	asker.socket = h->from;
	peer.sin_addr.s_addr = htonl(0x0a010001u + h->from * 256u);
	memcpy(&asker.peer, &peer, sizeof(peer));
	asker.peer_len = sizeof(peer);
	trace_note("is asked", n->id, h->from, NULL, b->len);
	sim->current = n;
	len = answers_request(n->udp->answers, b->octets, b->len, false, &asker, out);
	sim->current = NULL;
	if (len > 0)
		reply(n, h->from, h->flag, out, len);
	node_after(n);
}

/* ---- votes: nobody looks at what comes back ---- */

void client_vote(const struct action *a)
{
	struct client *c = &sim->clients[(uint64_t)a->arg[2] % sim->o.clients];
	struct ap_edns_out edns = {.udp_size = AP_UDP_MAX};
	uint8_t out[4096], rdata[4096];
	struct ap_dns_writer d;
	struct ap_name name;
	size_t len;
	ap_id id;

	if (oracle_key() == NULL)
		return;
	len = parties_vote((uint32_t)a->arg[0], (uint8_t)a->arg[1], (uint8_t)a->arg[2],
			   (unsigned)a->arg[3], rdata, sizeof(rdata), &id);
	ap_name_of_instance(&name, id.octets, &sim->nodes[0].self.net.zone);
	ap_dns_begin(&d, out, sizeof(out), sizeof(out), (uint16_t)rng_next(&c->rng),
		     AP_OPCODE_UPDATE, 0);
	ap_dns_question(&d, &sim->nodes[0].self.net.zone, AP_RR_SOA, AP_CLASS_IN);
	ap_dns_edns(&d, &edns);
	ap_octets_put(ap_dns_rr_begin(&d, (enum ap_section)AP_UPDATE, &name, AP_RR_PROPOSE,
				      AP_CLASS_IN, 0),
		      rdata, len);
	ap_dns_rr_end(&d);
	trace_note("votes", (uint8_t)(1 + (uint64_t)(a->arg[4] - 1) % sim->o.n), 0, NULL,
		   (uint64_t)a->arg[0]);
	send_request(c, (uint8_t)(1 + (uint64_t)(a->arg[4] - 1) % sim->o.n), true, out,
		     ap_dns_end(&d));
}

/* ---- nonsense ---- */

static void propose_wildly(struct client *c, ap_propose *p)
{
	static uint8_t value[255];

	p->version = AP_PROPOSE_VERSION;
	p->verb = (uint8_t)rng_below(&c->rng, 5);
	p->party = rng_chance(&c->rng, 300) ? 0 : AP_PARTY_NONE;
	p->value = (ap_value){value, (size_t)rng_below(&c->rng, 256)};
	if (rng_chance(&c->rng, 200))
		p->credential.kind = AP_CREDENTIAL_SIGNATURE;
	if (rng_chance(&c->rng, 300))
		p->descriptor.len = rng_below(&c->rng, p->descriptor.len + 1);
	rng_fill(&c->rng, p->nonce.octets, sizeof(p->nonce.octets));
}

static size_t proposal_message(struct client *c, uint8_t *out, size_t cap, bool stray)
{
	struct ap_edns_out edns = {.udp_size = AP_UDP_MAX};
	struct ap_dns_writer d;
	uint8_t descriptor[512];
	struct ap_name name;
	ap_propose p;
	ap_id id;

	memset(&p, 0, sizeof(p));
	instance_make((uint32_t)rng_below(&c->rng, 20), &id, descriptor, sizeof(descriptor),
		      &p.descriptor);
	propose_wildly(c, &p);
	if (stray)
		id.octets[rng_below(&c->rng, AP_ID_LEN)] ^= 1;
	ap_name_of_instance(&name, id.octets, &sim->nodes[0].self.net.zone);
	ap_dns_begin(&d, out, cap, cap, (uint16_t)rng_next(&c->rng), AP_OPCODE_UPDATE, 0);
	ap_dns_question(&d, &sim->nodes[0].self.net.zone, AP_RR_SOA, AP_CLASS_IN);
	ap_dns_edns(&d, &edns);
	ap_propose_put(ap_dns_rr_begin(&d, (enum ap_section)AP_UPDATE, &name, AP_RR_PROPOSE,
				       AP_CLASS_IN, 0),
		       &p);
	ap_dns_rr_end(&d);
	return ap_dns_end(&d);
}

void client_lie(const struct action *a)
{
	struct client *c = &sim->clients[(uint64_t)a->arg[0] % sim->o.clients];
	uint8_t out[2048], id = (uint8_t)((uint64_t)(a->arg[1] - 1) % sim->o.n + 1);
	uint64_t what = (uint64_t)a->arg[2] % 8;
	size_t len;

	if (oracle_key() == NULL)
		return;
	len = proposal_message(c, out, sizeof(out), what == 1);
	if (what == 2)
		len = rng_below(&c->rng, len + 1);
	for (uint64_t i = what == 3 ? rng_between(&c->rng, 1, 4) : 0; i > 0; i--) {
		uint64_t at = rng_below(&c->rng, len);

		out[at] = (uint8_t)rng_next(&c->rng);
	}
	if (what == 4)
		rng_fill(&c->rng, out, len);
	for (uint64_t i = what == 5 ? 20 : 1; i > 0; i--)
		send_request(c, id, rng_chance(&c->rng, 500), out, len);
}
