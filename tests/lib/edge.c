#include "tests/lib/edge.h"

#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/index_priv.h"
#include "libproto/digest.h"
#include "libproto/instance.h"
#include "tests/lib/fakegroup.h"

static const uint8_t group_seed[32] = "the group's key, in one hand";

/* ---- the network ---- */

static void member(struct netfile *net, const char *name, const char *client, const char *link)
{
	struct netfile_member *m = &net->members[net->n++];

	snprintf(m->name, sizeof(m->name), "%s", name);
	m->key[0] = net->n;
	assert_int_equal(addr_parse(&m->client, client), 0);
	assert_int_equal(addr_parse(&m->link, link), 0);
}

void edge_netfile(struct netfile *net)
{
	char text[NETFILE_WHY_MAX];
	struct ap_text why;

	memset(net, 0, sizeof(*net));
	ap_text_init(&why, text, sizeof(text));
	netfile_defaults(net);
	net->retention_s = 5000;
	net->horizon_s = 20000;
	assert_int_equal(netfile_set_domain(net, "example.test", &why), 0);
	member(net, "alpha", "192.0.2.1#7853", "192.0.2.1#7953");
	member(net, "beta", "192.0.2.2#7854", "192.0.2.2#7953");
	member(net, "gamma", "192.0.2.3#7853", "192.0.2.3#7953");
	member(net, "delta", "2001:db8::4#7853", "192.0.2.4#7953");
	netfile_finish(net);
}

/* ---- the machine ---- */

static int keys(void *ctx, uint8_t n, const ap_deal deals[], uint8_t pk[32], uint8_t y[][32])
{
	const struct edge *e = ctx;

	(void)deals;
	memcpy(pk, e->group.public_key, 32);
	for (uint8_t i = 0; i < n; i++)
		memset(y[i], i + 1, 32);
	return 0;
}

static void machine_start(struct edge *e)
{
	struct machine_funcs funcs = fakegroup_funcs;
	struct machine_store store;

	funcs.keys = keys;
	funcs.ctx = e;
	votes_funcs(e->votes, &funcs);
	index_store(e->index, &store);
	e->machine = machine_init(e->memory, &e->machine_conf, &funcs, &store);
}

static void index_start(struct edge *e)
{
	struct index_conf conf = {.dir = e->dir, .horizon_ms = e->net.horizon_s * 1000};
	struct disk_error why = {""};

	memcpy(conf.genesis, e->net.genesis, 32);
	if (index_open(&e->index, &conf, &why) != 0)
		fail_msg("%s", why.text);
}

static void on_answer(void *arg, const struct asker *asker, const uint8_t id[AP_ID_LEN],
		      const ap_agree *agree, int refusal)
{
	static uint8_t octets[ANSWER_MAX];
	struct edge *e = arg;
	struct edge_reply *r = &e->replies[e->n_replies++ % EDGE_REPLIES];

	*r = (struct edge_reply){.asker = *asker, .has_agree = agree != NULL, .refusal = refusal};
	memcpy(r->id, id, AP_ID_LEN);
	if (agree != NULL) {
		r->agree = *agree;
		memcpy(r->value, agree->outcome.value.data, agree->outcome.value.len);
		r->agree.outcome.value.data = r->value;
	}
	r->len = answers_outcome(e->answers, asker, id, agree, refusal, octets);
	if (e->forward != NULL)
		e->forward(e->forward_arg, asker, octets, r->len);
	assert_in_range(r->len, 12, sizeof(r->octets));
	memcpy(r->octets, octets, r->len);
}

static bool on_hold(void *arg, const struct asker *asker, const uint8_t id[AP_ID_LEN], uint8_t kind,
		    const uint8_t *op, size_t len, uint64_t now_ms)
{
	struct edge *e = arg;

	if (!waiters_hold(e->waiters, asker, id, kind, op, len, now_ms))
		return false;
	e->holds += !asker->held;
	if (e->held != NULL && !asker->held)
		e->held(e->forward_arg, asker);
	return true;
}

static int again(void *arg, uint8_t kind, const uint8_t *op, size_t len,
		 const uint8_t id[AP_ID_LEN], const struct asker *asker, uint64_t now_ms)
{
	return relay_submit(((struct edge *)arg)->relay, kind, op, len, id, asker, now_ms);
}

static void on_pending(void *arg, const struct asker *asker, const uint8_t id[AP_ID_LEN],
		       uint64_t seq)
{
	quota_pending(((struct edge *)arg)->quota, &asker->peer, id, seq);
}

static uint64_t wall(void *arg)
{
	return ((struct edge *)arg)->time_ms;
}

static void on_wake(void *arg)
{
	((struct edge *)arg)->wakes++;
}

struct edge *edge_new(void)
{
	static char no_name[1];
	struct edge *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	tempdir_make(e->dir);
	edge_netfile(&e->net);
	e->conf = (struct conf){.nsid = no_name,
				.cookieless_rate = 1000,
				.clients_max = 100,
				.tcp_idle = 30,
				.pending_max = 1000,
				.address_pending_max = 500,
				.waiting_max = 20000,
				.address_waiting_max = 15000,
				.wait_max = 3600,
				.address_undecided_max = 100,
				.address_votes_rate = 1000};
	assert_int_equal(ap_sign_key_init(&e->group, group_seed), 0);
	e->time_ms = EDGE_NOW_MS;
	e->clock_ms = 1000000;
	e->other_counter = 1;
	return e;
}

void edge_open(struct edge *e)
{
	struct answers_conf ac = {
		.conf = &e->conf, .net = &e->net, .self = EDGE_SELF, .index = NULL};
	struct relay_conf rc = {.self = EDGE_SELF,
				.start = ++e->run,
				.pending_max = e->conf.pending_max,
				.prefix_max = e->conf.address_pending_max,
				.give_up_ms = 4000,
				.again_ms = 1000,
				.answer = on_answer,
				.pending = on_pending,
				.hold = on_hold,
				.wake = on_wake,
				.arg = e,
				.wake_arg = e};

	struct waiters_conf wc = {.max = e->conf.waiting_max,
				  .prefix_max = e->conf.address_waiting_max,
				  .sockets = e->conf.clients_max,
				  .wall = wall,
				  .answer = on_answer,
				  .again = again,
				  .arg = e};
	struct quota_conf qc = {.undecided_max = e->conf.address_undecided_max,
				.votes_rate = e->conf.address_votes_rate,
				.self = EDGE_SELF};

	e->machine_conf = (struct machine_conf){.n = e->net.n,
						.retention_s = e->net.retention_s,
						.horizon_s = e->net.horizon_s,
						.capacity = e->net.capacity};
	memcpy(e->machine_conf.genesis, e->net.genesis, 32);
	e->votes = votes_new();
	assert_non_null(e->votes);
	index_start(e);
	e->memory = malloc(machine_size(&e->machine_conf));
	assert_non_null(e->memory);
	machine_start(e);
	ac.index = rc.index = e->index;
	ac.machine = wc.machine = e->machine;
	wc.index = e->index;
	assert_int_equal(waiters_new(&e->waiters, &wc), 0);
	ac.waiters = e->waiters;
	qc.machine = e->machine;
	assert_int_equal(quota_new(&e->quota, &qc), 0);
	ac.quota = e->quota;
	ac.votes = e->votes;
	assert_int_equal(answers_new(&e->answers, &ac), 0);
	assert_int_equal(relay_new(&e->relay, &rc), 0);
	answers_relay(e->answers, e->relay);
}

static void clients_stop(struct edge *e)
{
	relay_free(e->relay);
	answers_free(e->answers);
	waiters_free(e->waiters);
	quota_free(e->quota);
	votes_free(e->votes);
	e->waiters = NULL;
	e->quota = NULL;
	e->votes = NULL;
	e->relay = NULL;
	e->answers = NULL;
}

void edge_free(struct edge *e)
{
	clients_stop(e);
	index_close(e->index);
	ap_sign_key_clear(&e->group);
	tempdir_remove(e->dir);
	free(e->memory);
	free(e);
}

static void refill(struct edge *e)
{
	uint64_t seq = machine_refill_from(e->machine), time_ms;
	ap_bytes chunk;

	for (; seq > 0 && seq <= machine_seq(e->machine); seq++) {
		merge_read_begin(index_merge(e->index));
		assert_true(merge_chunk(index_merge(e->index), seq, &time_ms, &chunk));
		assert_int_equal(machine_refill(e->machine, seq, chunk), 0);
		merge_read_end(index_merge(e->index));
	}
	assert_int_equal(machine_refill_done(e->machine), 0);
}

void edge_reopen(struct edge *e)
{
	const uint8_t *snapshot;
	size_t len;
	uint64_t seq;

	clients_stop(e);
	index_close(e->index);
	free(e->memory);
	edge_open(e);
	seq = index_merged(e->index, &snapshot, &len);
	if (seq > 0)
		assert_int_equal(machine_restore(e->machine, snapshot, len), 0);
	refill(e);
	assert_int_equal(machine_seq(e->machine), seq);
}

const uint8_t *edge_key(const struct edge *e)
{
	return e->group.public_key;
}

/* ---- ordering ---- */

void edge_other(struct edge *e, uint8_t kind, const uint8_t *octets, size_t len)
{
	ap_op op = {.kind = kind, .body = {octets, len}};
	struct ap_writer w;

	ap_writer_init(&w, e->other + e->other_len, sizeof(e->other) - e->other_len);
	ap_op_put(&w, &op);
	assert_null(w.bad);
	e->other_len += ap_writer_len(&w);
}

static void apply(struct edge *e, const struct machine_bundle *bundles, size_t n)
{
	struct machine_batch batch = {.seq = machine_seq(e->machine) + 1,
				      .time_ms = e->time_ms,
				      .n_bundles = n,
				      .bundles = bundles};
	uint8_t digests[MACHINE_BUNDLES_MAX][32];

	for (size_t i = 0; i < n; i++)
		ap_digest_bundle(ap_sha256, digests[i], e->net.genesis, bundles[i].relay,
				 bundles[i].start, bundles[i].counter,
				 (ap_bytes){bundles[i].ops, bundles[i].ops_len});
	ap_digest_batch(ap_sha256, batch.digest, e->time_ms, (uint16_t)n, digests[0]);
	index_begin(e->index, batch.seq);
	machine_apply(e->machine, &batch, &e->result);
	index_end(e->index, &e->result);
	e->time_ms++;
}

uint64_t edge_batch(struct edge *e)
{
	static uint8_t ops[4][AP_BUNDLE_OPS_MAX];
	struct machine_bundle bundles[5];
	uint16_t requests;
	size_t n = 0;

	if (e->other_len > 0)
		bundles[n++] =
			(struct machine_bundle){1, 1, e->other_counter++, e->other, e->other_len};
	e->other_len = 0;
	for (size_t i = 0; i < 4 && relay_waiting(e->relay); i++) {
		struct machine_bundle *b = &bundles[n];

		*b = (struct machine_bundle){.relay = EDGE_SELF, .start = e->run, .ops = ops[i]};
		b->ops_len = relay_fill(e->relay, ops[i], sizeof(ops[i]), &b->counter, &requests,
					e->clock_ms);
		n += b->ops_len > 0;
	}
	apply(e, bundles, n);
	for (size_t i = 0; i < n; i++) {
		if (bundles[i].relay == EDGE_SELF && e->result.executed_bundles[i] != 0)
			relay_executed(e->relay, bundles[i].counter, i, &e->result, e->clock_ms);
	}
	quota_executed(e->quota, &e->result);
	waiters_executed(e->waiters, &e->result, e->clock_ms);
	return e->result.seq;
}

void edge_signature(const struct edge *e, const struct index_block *b, uint8_t sig[64])
{
	uint8_t text[AP_STATEMENT_MAX];
	size_t n = b->trial ? ap_statement_trial_put(text, &b->statement)
			    : ap_statement_batch_put(text, &b->statement);
	struct ap_sign_key key = e->group;

	assert_int_equal(ap_sign(&key, sig, text, n), 0);
}

bool edge_sign(struct edge *e, uint64_t seq)
{
	const struct index_block *b = index_block(e->index, seq);
	uint8_t sig[64];

	if (b == NULL)
		return false;
	edge_signature(e, b, sig);
	if (!index_signed(e->index, seq, sig))
		return false;
	relay_signed(e->relay, seq, e->clock_ms);
	waiters_signed(e->waiters, seq);
	return true;
}

void edge_merged(struct edge *e, uint64_t seq)
{
	while (index_poll(e->index) < seq) {
		struct pollfd fd = {.fd = index_fd(e->index), .events = POLLIN};

		if (index_error(e->index) != NULL)
			fail_msg("%s", index_error(e->index));
		assert_int_equal(poll(&fd, 1, 20000), 1);
	}
}

void edge_checkpoint(struct edge *e)
{
	size_t cap = machine_snapshot_max(e->machine);
	uint8_t *octets = malloc(cap);
	uint64_t seq = machine_seq(e->machine);
	size_t len;

	assert_non_null(octets);
	len = machine_snapshot(e->machine, octets, cap);
	assert_true(len > 0);
	index_snapshot(e->index, seq, machine_floor(e->machine), octets, len);
	free(octets);
	index_stable(e->index, seq);
	edge_merged(e, seq);
}

/* ---- forming ---- */

/* One operation of member id in a bundle of its own. */
static size_t op_of(uint8_t *out, size_t cap, const struct ap_operation *op)
{
	static uint8_t body[1 << 14];
	struct ap_writer w;
	ap_op whole = {.kind = op->kind};

	ap_writer_init(&w, body, sizeof(body));
	ap_operation_put(&w, op);
	assert_null(w.bad);
	whole.body = ap_writer_bytes(&w);
	ap_writer_init(&w, out, cap);
	ap_op_put(&w, &whole);
	assert_null(w.bad);
	return ap_writer_len(&w);
}

static void op_make(const struct edge *e, struct ap_operation *op, uint8_t id)
{
	const struct machine_key *key = machine_key(e->machine);
	struct machine_pool_info pool;

	switch (op->kind) {
	case AP_OP_enckey:
		fakegroup_enckey(&op->as_enckey, key->sid, id);
		break;
	case AP_OP_deal:
		fakegroup_deal(&op->as_deal, key->sid, e->net.n, id);
		break;
	case AP_OP_ready:
		memcpy(op->as_ready.sid.octets, key->sid, 32);
		memcpy(op->as_ready.dealings.octets, key->dealings, 32);
		break;
	default:
		machine_pool(e->machine, id, &pool);
		fakegroup_nonces(&op->as_nonces, id, 1, pool.next, 64);
	}
}

/* All members' operations of a kind, in one batch; under run 0, so that later bundles have new
 * numbers. */
static void form(struct edge *e, uint8_t kind)
{
	static uint8_t octets[AP_REPLICAS_MAX][1 << 14];
	static uint64_t counter;
	struct machine_bundle bundles[AP_REPLICAS_MAX];
	struct ap_operation op = {.kind = kind};

	counter = machine_seq(e->machine) + 1;
	for (uint8_t id = 1; id <= e->net.n; id++) {
		op_make(e, &op, id);
		bundles[id - 1] = (struct machine_bundle){id, 0, counter, octets[id - 1],
							  op_of(octets[id - 1], 1 << 14, &op)};
	}
	apply(e, bundles, e->net.n);
}

void edge_go_live(struct edge *e)
{
	form(e, AP_OP_enckey);
	form(e, AP_OP_deal);
	form(e, AP_OP_ready);
	form(e, AP_OP_nonces);
	assert_int_equal(machine_key(e->machine)->phase, MACHINE_LIVE);
	assert_true(edge_sign(e, e->result.seq));
	e->time_ms = EDGE_NOW_MS;
}

struct edge *edge_live(void)
{
	struct edge *e = edge_new();

	edge_open(e);
	edge_go_live(e);
	return e;
}

/* ---- asking ---- */

void edge_asker(struct asker *a, uint8_t x, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};

	memset(a, 0, sizeof(*a));
	in.sin_addr.s_addr = htonl(0xc0000200u + x);
	memcpy(&a->peer, &in, sizeof(in));
	a->peer_len = sizeof(in);
	a->limit = AP_UDP_MAX;
}

size_t edge_ask(struct edge *e, const uint8_t *wire, size_t len, bool tcp, uint8_t *out)
{
	struct asker asker;

	edge_asker(&asker, 1, 5353);
	asker.tcp = tcp;
	return answers_request(e->answers, wire, len, false, &asker, out);
}

static const struct ap_dns *parse(const uint8_t *octets, size_t len)
{
	static uint8_t kept[ANSWER_MAX];
	static struct ap_dns m;

	memcpy(kept, octets, len);
	assert_int_equal(ap_dns_reply(&m, kept, len), 0);
	assert_true((m.flags & AP_FLAG_QR) != 0);
	return &m;
}

const struct ap_dns *edge_reply_now(struct edge *e, const uint8_t *wire, size_t len, bool tcp)
{
	static uint8_t out[ANSWER_MAX];
	size_t n = edge_ask(e, wire, len, tcp, out);

	assert_true(n > 0);
	return parse(out, n);
}

const struct ap_dns *edge_reply(struct edge *e, const uint8_t *wire, size_t len, bool tcp)
{
	static uint8_t out[ANSWER_MAX];
	size_t n = edge_ask(e, wire, len, tcp, out), before = e->n_replies;
	const struct edge_reply *r;

	if (n > 0)
		return parse(out, n);
	edge_sign(e, edge_batch(e));
	assert_true(e->n_replies > before);
	r = &e->replies[(e->n_replies - 1) % EDGE_REPLIES];
	return parse(r->octets, r->len);
}

void edge_propose(struct edge *e, const struct dnsask_instance *i, const char *value)
{
	uint8_t octets[AP_MAX_propose + 64];
	ap_request request = {.propose = dnsask_propose(i, AP_VERB_APPROVE, value)};
	struct ap_writer w;

	memcpy(request.id.octets, i->id, AP_ID_LEN);
	ap_writer_init(&w, octets, sizeof(octets));
	ap_request_put(&w, &request);
	assert_null(w.bad);
	edge_other(e, AP_OP_request, octets, ap_writer_len(&w));
}

uint64_t edge_decide(struct edge *e, const struct dnsask_instance *i, const char *value, bool sign)
{
	uint64_t seq;

	edge_propose(e, i, value);
	seq = edge_batch(e);
	if (sign)
		assert_true(edge_sign(e, seq));
	return seq;
}
