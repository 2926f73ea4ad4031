/* Requests on their way through the order: daemon/relay.c. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/agree_errors.h"
#include "libproto/instance.h"
#include "libproto/outcome.h"
#include "libproto/proof.h"
#include "tests/lib/edge.h"

static int live(void **state)
{
	*state = edge_live();
	return 0;
}

static int down(void **state)
{
	edge_free(*state);
	return 0;
}

/* ---- operations ---- */

struct op {
	uint8_t octets[1024];
	size_t len;
	uint8_t id[AP_ID_LEN];
};

static void read_of(struct op *op, const struct dnsask_instance *i)
{
	ap_read read = {.nonce = {{3}}};
	struct ap_writer w;

	memcpy(read.id.octets, i->id, AP_ID_LEN);
	memcpy(op->id, i->id, AP_ID_LEN);
	ap_writer_init(&w, op->octets, sizeof(op->octets));
	ap_read_put(&w, &read);
	op->len = ap_writer_len(&w);
}

static void request_of(struct op *op, const struct dnsask_instance *i, uint8_t verb,
		       const char *value)
{
	ap_request request = {.propose = dnsask_propose(i, verb, value)};
	struct ap_writer w;

	memcpy(request.id.octets, i->id, AP_ID_LEN);
	memcpy(op->id, i->id, AP_ID_LEN);
	ap_writer_init(&w, op->octets, sizeof(op->octets));
	ap_request_put(&w, &request);
	assert_null(w.bad);
	op->len = ap_writer_len(&w);
}

static void open_at(struct edge *e, struct dnsask_instance *i, unsigned number)
{
	char label[32];

	snprintf(label, sizeof(label), "instance %u", number);
	dnsask_open(i, edge_key(e), label, EDGE_NOW + 100);
}

/* A read of instance `number`, by 192.0.2.x, port and id of the message the same number. */
static int read_by(struct edge *e, unsigned number, uint8_t x)
{
	struct dnsask_instance i;
	struct asker asker;
	struct op op;

	open_at(e, &i, number);
	read_of(&op, &i);
	edge_asker(&asker, x, (uint16_t)(number + 1));
	asker.id = (uint16_t)number;
	return relay_submit(e->relay, AP_OP_read, op.octets, op.len, op.id, &asker, e->clock_ms);
}

static int propose_by(struct edge *e, const struct dnsask_instance *i, const char *value, uint8_t x)
{
	struct asker asker;
	struct op op;

	request_of(&op, i, AP_VERB_APPROVE, value);
	edge_asker(&asker, x, 53);
	asker.opcode = AP_OPCODE_UPDATE;
	return relay_submit(e->relay, AP_OP_request, op.octets, op.len, op.id, &asker, e->clock_ms);
}

static struct relay_info info(const struct edge *e)
{
	struct relay_info i;

	relay_info(e->relay, &i);
	return i;
}

static const struct edge_reply *last(const struct edge *e)
{
	assert_true(e->n_replies > 0);
	return &e->replies[(e->n_replies - 1) % EDGE_REPLIES];
}

/* Counts the operations of a bundle. */
static unsigned ops_of(const uint8_t *octets, size_t len, uint8_t *first_kind)
{
	struct ap_reader r;
	unsigned n = 0;
	ap_op op;

	ap_reader_init(&r, octets, len);
	while (ap_reader_left(&r) > 0) {
		ap_op_get(&r, &op);
		assert_null(r.bad);
		if (n++ == 0)
			*first_kind = op.kind;
	}
	return n;
}

/* ---- filling ---- */

static void nothing_fills_no_bundle(void **state)
{
	struct edge *e = *state;
	uint8_t out[64];
	uint64_t counter;
	uint16_t requests;

	assert_false(relay_waiting(e->relay));
	assert_int_equal(relay_fill(e->relay, out, sizeof(out), &counter, &requests, 0), 0);
	assert_int_equal(relay_tick(e->relay, e->clock_ms), UINT64_MAX);
}

static void own_operations_go_first(void **state)
{
	struct edge *e = *state;
	static uint8_t out[AP_BUNDLE_OPS_MAX];
	uint64_t counter;
	uint16_t requests;
	uint8_t kind = 0;
	size_t n;

	assert_int_equal(read_by(e, 1, 1), 0);
	assert_int_equal(relay_submit_own(e->relay, AP_OP_tick, NULL, 0), 0);
	assert_int_equal(e->wakes, 2);
	n = relay_fill(e->relay, out, sizeof(out), &counter, &requests, e->clock_ms);
	assert_int_equal(ops_of(out, n, &kind), 2);
	assert_int_equal(requests, 2);
	assert_int_equal(counter, 1);
	assert_int_equal(kind, AP_OP_tick);
	assert_false(relay_waiting(e->relay));
	assert_int_equal(info(e).queued, 0);
	assert_int_equal(info(e).outstanding, 1);
}

static void a_bundle_has_at_most_256_operations(void **state)
{
	struct edge *e = *state;
	static uint8_t out[AP_BUNDLE_OPS_MAX];
	static const uint16_t right[] = {256, 256, 88};
	uint16_t requests;
	uint64_t counter;
	uint8_t kind;

	for (unsigned n = 0; n < 600; n++)
		assert_int_equal(read_by(e, n, (uint8_t)(n % 2 * 100)), n < 500 ? 0 : AGREE_ERATE);
	for (unsigned n = 600; n < 700; n++) {
		struct dnsask_instance i;
		struct asker asker;
		struct op op;

		open_at(e, &i, n);
		read_of(&op, &i);
		edge_asker(&asker, 1, (uint16_t)n);
		((struct sockaddr_in *)&asker.peer)->sin_addr.s_addr = htonl(0x0a000001);
		assert_int_equal(relay_submit(e->relay, AP_OP_read, op.octets, op.len, op.id,
					      &asker, e->clock_ms),
				 0);
	}
	for (size_t b = 0; b < 3; b++) {
		size_t n = relay_fill(e->relay, out, sizeof(out), &counter, &requests, e->clock_ms);

		assert_int_equal(requests, right[b]);
		assert_int_equal(ops_of(out, n, &kind), right[b]);
		assert_int_equal(counter, b + 1);
	}
	assert_false(relay_waiting(e->relay));
}

static void a_bundle_has_at_most_its_octets(void **state)
{
	struct edge *e = *state;
	static uint8_t big[AP_SPAN16_MAX + 1], out[AP_BUNDLE_OPS_MAX];
	uint16_t requests;
	uint64_t counter;
	struct asker asker;
	uint8_t id[AP_ID_LEN] = {0};

	for (uint16_t n = 0; n < 6; n++) {
		edge_asker(&asker, 1, n);
		big[0] = (uint8_t)n;
		assert_int_equal(
			relay_submit(e->relay, AP_OP_request, big, 60000, id, &asker, e->clock_ms),
			0);
	}
	assert_int_equal(
		relay_submit(e->relay, AP_OP_request, big, sizeof(big), id, &asker, e->clock_ms),
		AGREE_ETOOBIG);
	assert_true(relay_fill(e->relay, out, sizeof(out), &counter, &requests, e->clock_ms) <=
		    AP_BUNDLE_OPS_MAX);
	assert_int_equal(requests, 4);
	relay_fill(e->relay, out, sizeof(out), &counter, &requests, e->clock_ms);
	assert_int_equal(requests, 2);
}

static void requests_keep_their_order(void **state)
{
	struct edge *e = *state;

	for (unsigned n = 0; n < 20; n++)
		read_by(e, n, 1);
	edge_sign(e, edge_batch(e));
	assert_int_equal(e->n_replies, 20);
	for (unsigned n = 0; n < 20; n++)
		assert_int_equal(e->replies[n].asker.id, n);
}

/* ---- answers ---- */

static void a_refusal_is_answered_at_once(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;

	dnsask_open(&i, edge_key(e), "far", EDGE_NOW + 100000);
	assert_int_equal(propose_by(e, &i, "v", 1), 0);
	edge_batch(e);
	assert_int_equal(e->n_replies, 1);
	assert_int_equal(last(e)->refusal, AGREE_EHORIZON);
	assert_false(last(e)->has_agree);
	assert_int_equal(info(e).outstanding, 0);
}

static void an_outcome_waits_for_its_signature(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;

	open_at(e, &i, 1);
	propose_by(e, &i, "v", 7);
	edge_batch(e);
	assert_int_equal(e->n_replies, 0);
	assert_int_equal(info(e).unsigned_, 1);
	assert_int_equal(relay_signed(e->relay, e->result.seq, e->clock_ms), 0); /* it is not */
	assert_int_equal(e->n_replies, 0);
	edge_sign(e, e->result.seq);
	assert_int_equal(e->n_replies, 1);
	assert_true(last(e)->has_agree);
	assert_int_equal(last(e)->agree.outcome.status, AP_STATUS_DECIDED);
	assert_int_equal(last(e)->agree.outcome.value.len, 1);
	assert_memory_equal(last(e)->id, i.id, AP_ID_LEN);
	assert_int_equal(((const struct sockaddr_in *)&last(e)->asker.peer)->sin_addr.s_addr,
			 htonl(0xc0000207));
	assert_int_equal(info(e).outstanding, 0);
	assert_int_equal(info(e).unsigned_, 0);
}

static void each_request_of_a_batch_gets_its_own_outcome(void **state)
{
	struct edge *e = *state;
	static struct dnsask_instance is[100];
	struct ap_writer w;
	uint8_t octets[AP_MAX_agree];
	ap_agree parsed;

	for (unsigned n = 0; n < 100; n++) {
		char value[8];

		snprintf(value, sizeof(value), "v%u", n);
		open_at(e, &is[n], n);
		assert_int_equal(propose_by(e, &is[n], value, (uint8_t)n), 0);
	}
	edge_sign(e, edge_batch(e));
	assert_int_equal(e->n_replies, 100);
	for (unsigned n = 0; n < 100; n++) {
		const struct edge_reply *r = &e->replies[n];

		ap_writer_init(&w, octets, sizeof(octets));
		ap_agree_put(&w, &r->agree);
		assert_int_equal(
			ap_proof_parse(&parsed, edge_key(e), is[n].id, ap_writer_bytes(&w), NULL),
			0);
		assert_int_equal(r->agree.outcome.value.len, n < 10 ? 2 : 3);
	}
}

static void own_reads_are_answered_to_nobody(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	struct op op;

	open_at(e, &i, 1);
	read_of(&op, &i);
	assert_int_equal(relay_submit_own(e->relay, AP_OP_read, op.octets, op.len), 0);
	read_by(e, 2, 1);
	edge_sign(e, edge_batch(e));
	assert_int_equal(e->result.n_leaves, 2);
	assert_int_equal(e->n_replies, 1);
	assert_int_equal(last(e)->asker.id, 2);
}

static void bundles_that_it_does_not_know_change_nothing(void **state)
{
	struct edge *e = *state;

	read_by(e, 1, 1);
	edge_batch(e);
	relay_executed(e->relay, 1, 0, &e->result, e->clock_ms); /* once more */
	relay_executed(e->relay, 77, 0, &e->result, e->clock_ms);
	relay_executed(e->relay, 0, 0, &e->result, e->clock_ms);
	relay_executed(e->relay, 257, 0, &e->result, e->clock_ms); /* same place as 1 */
	edge_sign(e, e->result.seq);
	assert_int_equal(e->n_replies, 1);
	edge_sign(e, e->result.seq);
	assert_int_equal(e->n_replies, 1);
}

static void what_found_no_room_in_a_batch_goes_into_the_next(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	struct op op;

	for (unsigned n = 0; n < AP_BATCH_REQUESTS_MAX; n++) {
		open_at(e, &i, 5000 + n);
		read_of(&op, &i);
		edge_other(e, AP_OP_read, op.octets, op.len);
	}
	read_by(e, 1, 1);
	edge_batch(e);
	assert_int_equal(e->result.n_leaves, AP_BATCH_REQUESTS_MAX);
	edge_sign(e, e->result.seq);
	assert_int_equal(e->n_replies, 0);
	assert_true(relay_waiting(e->relay));
	edge_sign(e, edge_batch(e));
	assert_int_equal(e->n_replies, 1);
	assert_int_equal(last(e)->asker.id, 1);
}

/* ---- equal ones ---- */

static void a_datagram_that_comes_twice_is_taken_once(void **state)
{
	struct edge *e = *state;

	assert_int_equal(read_by(e, 1, 1), 0);
	assert_int_equal(read_by(e, 1, 1), 0);
	assert_int_equal(info(e).outstanding, 1);
	edge_batch(e);
	assert_int_equal(read_by(e, 1, 1), 0); /* executed, not yet signed */
	assert_int_equal(info(e).outstanding, 1);
	edge_sign(e, e->result.seq);
	assert_int_equal(e->n_replies, 1);
	assert_int_equal(read_by(e, 1, 1), 0); /* answered: it may ask again */
	assert_int_equal(info(e).outstanding, 1);
}

static void what_differs_is_not_equal(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i, j;
	struct asker asker, other;
	struct op op, op_j, request;

	open_at(e, &i, 1);
	open_at(e, &j, 2);
	read_of(&op, &i);
	read_of(&op_j, &j);
	request_of(&request, &i, AP_VERB_OBSERVE, NULL);
	edge_asker(&asker, 1, 53);
#define SUBMIT(kind, o, a)                                                                         \
	assert_int_equal(                                                                          \
		relay_submit(e->relay, kind, (o).octets, (o).len, (o).id, a, e->clock_ms), 0)
	SUBMIT(AP_OP_read, op, &asker);
	SUBMIT(AP_OP_read, op_j, &asker);
	SUBMIT(AP_OP_request, request, &asker);
	SUBMIT(AP_OP_request, op, &asker); /* another kind with the same octets */
	other = asker;
	other.id++;
	SUBMIT(AP_OP_read, op, &other);
	edge_asker(&other, 2, 53);
	SUBMIT(AP_OP_read, op, &other);
	edge_asker(&other, 1, 54);
	SUBMIT(AP_OP_read, op, &other);
	other = asker;
	other.txt = true;
	SUBMIT(AP_OP_read, op, &other);
	other = asker;
	other.nxrrset = true;
	SUBMIT(AP_OP_read, op, &other);
	other = asker;
	other.socket = 1;
	SUBMIT(AP_OP_read, op, &other);
	assert_int_equal(info(e).outstanding, 10);
}

static void over_tcp_each_message_is_owed_an_answer(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	struct asker asker;
	struct op op;

	open_at(e, &i, 1);
	read_of(&op, &i);
	edge_asker(&asker, 1, 53);
	asker.tcp = true;
	SUBMIT(AP_OP_read, op, &asker);
	SUBMIT(AP_OP_read, op, &asker);
	edge_sign(e, edge_batch(e));
	assert_int_equal(e->n_replies, 2);
}

/* ---- limits ---- */

static int small(void **state)
{
	struct edge *e = edge_new();

	e->conf.pending_max = 8;
	e->conf.address_pending_max = 3;
	edge_open(e);
	edge_go_live(e);
	*state = e;
	return 0;
}

static int from(struct edge *e, const char *address, uint16_t port)
{
	struct dnsask_instance i;
	struct addr addr;
	struct asker asker;
	struct op op;
	char text[64];

	open_at(e, &i, 1);
	read_of(&op, &i);
	edge_asker(&asker, 1, 1);
	snprintf(text, sizeof(text), "%s#%u", address, port);
	assert_int_equal(addr_parse(&addr, text), 0);
	asker.peer = addr.ss;
	asker.peer_len = addr.len;
	return relay_submit(e->relay, AP_OP_read, op.octets, op.len, op.id, &asker, e->clock_ms);
}

static void one_client_network_fills_its_part_only(void **state)
{
	struct edge *e = *state;

	assert_int_equal(from(e, "192.0.2.1", 1), 0);
	assert_int_equal(from(e, "192.0.2.1", 2), 0);
	assert_int_equal(from(e, "192.0.2.255", 3), 0);
	assert_int_equal(from(e, "192.0.2.77", 4), AGREE_ERATE);
	assert_int_equal(from(e, "192.0.2.1", 1), 0); /* it is there already */
	assert_int_equal(from(e, "198.51.100.1", 5), 0);
	edge_sign(e, edge_batch(e));
	assert_int_equal(from(e, "192.0.2.77", 4), 0); /* answered: there is room again */
}

static void an_ipv6_network_is_a_56(void **state)
{
	struct edge *e = *state;

	assert_int_equal(from(e, "2001:db8:0:1::1", 1), 0);
	assert_int_equal(from(e, "2001:db8:0:2::1", 1), 0);
	assert_int_equal(from(e, "2001:db8:0:ff::1", 1), 0);
	assert_int_equal(from(e, "2001:db8:0:3::1", 1), AGREE_ERATE);
	assert_int_equal(from(e, "2001:db8:0:100::1", 1), 0);
}

static void all_clients_together_have_a_limit(void **state)
{
	struct edge *e = *state;
	static const char *const nets[] = {"10.0.0.1", "10.0.1.1", "10.0.2.1", "10.0.3.1"};
	unsigned taken = 0;

	for (size_t n = 0; n < 4; n++) {
		for (uint16_t port = 1; port <= 2; port++) {
			assert_int_equal(from(e, nets[n], port), 0);
			taken++;
		}
	}
	assert_int_equal(taken, 8);
	assert_int_equal(from(e, "10.0.4.1", 1), AGREE_EORDER);
	assert_int_equal(relay_submit_own(e->relay, AP_OP_tick, NULL, 0),
			 0); /* its own have room */
	edge_sign(e, edge_batch(e));
	assert_int_equal(e->n_replies, 8);
	assert_int_equal(from(e, "10.0.4.1", 1), 0);
}

/* ---- lost signatures ---- */

static void without_signature_it_is_ordered_once_more(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	uint64_t first;

	open_at(e, &i, 1);
	propose_by(e, &i, "v", 1);
	first = edge_batch(e);
	assert_int_equal(relay_tick(e->relay, e->clock_ms), e->clock_ms + 1000);
	e->clock_ms += 999;
	relay_tick(e->relay, e->clock_ms);
	assert_false(relay_waiting(e->relay));
	e->clock_ms++;
	relay_tick(e->relay, e->clock_ms);
	assert_true(relay_waiting(e->relay));
	assert_int_equal(info(e).unsigned_, 0);
	edge_sign(e, edge_batch(e));
	assert_int_equal(e->n_replies, 1);
	assert_int_equal(last(e)->agree.outcome.sequence, first);
	assert_true(last(e)->agree.proof.sequence > first);
	edge_sign(e, first); /* late: to nobody */
	assert_int_equal(e->n_replies, 1);
}

static void a_signature_of_another_leaf_will_do(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;

	open_at(e, &i, 1);
	propose_by(e, &i, "v", 1);
	edge_batch(e);
	edge_decide(e, &i, "w", true); /* somebody else asks, and that batch is signed */
	assert_int_equal(e->n_replies, 0);
	e->clock_ms += 1000;
	relay_tick(e->relay, e->clock_ms);
	assert_int_equal(e->n_replies, 1);
	assert_true(last(e)->has_agree);
	assert_int_equal(last(e)->agree.outcome.value.data[0], 'v');
	assert_false(relay_waiting(e->relay));
}

static void it_gives_up_when_no_signature_comes(void **state)
{
	struct edge *e = *state;
	unsigned orderings = 0;

	read_by(e, 1, 1);
	for (int step = 0; step < 100 && e->n_replies == 0; step++) {
		if (relay_waiting(e->relay)) {
			edge_batch(e);
			orderings++;
		}
		e->clock_ms += 100;
		relay_tick(e->relay, e->clock_ms);
	}
	assert_int_equal(e->n_replies, 1);
	assert_int_equal(last(e)->refusal, AGREE_EORDER);
	assert_in_range(orderings, 2, 5);
	assert_int_equal(info(e).outstanding, 0);
	assert_int_equal(relay_tick(e->relay, e->clock_ms), UINT64_MAX);
}

static void a_place_of_signatures_that_comes_round_loses_nobody(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	struct op op;
	uint64_t first;

	read_by(e, 1, 1);
	first = edge_batch(e);
	open_at(e, &i, 9);
	read_of(&op, &i);
	while (machine_seq(e->machine) < first + 1023)
		edge_batch(e);
	read_by(e, 2, 1);
	edge_batch(e); /* first + 1024 takes the place */
	edge_sign(e, first);
	assert_int_equal(e->n_replies, 0);
	edge_sign(e, e->result.seq);
	assert_int_equal(e->n_replies, 1);
	assert_int_equal(last(e)->asker.id, 2);
	e->clock_ms += 1000;
	relay_tick(e->relay, e->clock_ms);
	edge_sign(e, edge_batch(e));
	assert_int_equal(e->n_replies, 2);
	assert_int_equal(last(e)->asker.id, 1);
	assert_int_equal(info(e).outstanding, 0);
}

/* ---- time ---- */

static void what_is_not_executed_is_given_up(void **state)
{
	struct edge *e = *state;
	static uint8_t out[AP_BUNDLE_OPS_MAX];
	struct machine_result nothing = {.n_entries = 0};
	uint64_t counter, start = e->clock_ms;
	uint16_t requests;

	read_by(e, 1, 1);
	relay_fill(e->relay, out, sizeof(out), &counter, &requests,
		   e->clock_ms); /* handed on, and lost */
	e->clock_ms += 500;
	read_by(e, 2, 1);
	assert_in_range(relay_tick(e->relay, e->clock_ms), e->clock_ms + 1, start + 4000);
	e->clock_ms = start + 3999;
	relay_tick(e->relay, e->clock_ms);
	assert_int_equal(e->n_replies, 0);
	e->clock_ms = start + 4000;
	assert_in_range(relay_tick(e->relay, e->clock_ms), e->clock_ms + 1, start + 4500);
	assert_int_equal(e->n_replies, 1);
	assert_int_equal(last(e)->asker.id, 1);
	assert_int_equal(last(e)->refusal, AGREE_EORDER);
	e->clock_ms = start + 4500;
	assert_int_equal(relay_tick(e->relay, e->clock_ms), UINT64_MAX);
	assert_int_equal(e->n_replies, 2);
	assert_int_equal(last(e)->asker.id, 2);
	assert_false(relay_waiting(e->relay));
	/* executed after all: nobody is there any more */
	relay_executed(e->relay, counter, 0, &nothing, e->clock_ms);
	assert_int_equal(e->n_replies, 2);
	assert_false(relay_waiting(e->relay));
}

static void time_to_wake_is_never_too_late(void **state)
{
	struct edge *e = *state;
	static uint8_t out[AP_BUNDLE_OPS_MAX];
	uint64_t counter, executed;
	uint16_t requests;

	/* an older one whose bundle is under way, a younger one that waits for its signature */
	read_by(e, 1, 1);
	relay_fill(e->relay, out, sizeof(out), &counter, &requests, e->clock_ms);
	e->clock_ms += 10;
	read_by(e, 2, 1);
	edge_batch(e);
	executed = e->clock_ms;
	e->clock_ms += 10;
	assert_true(relay_tick(e->relay, e->clock_ms) <= executed + 1000);
	e->clock_ms += 985;
	assert_true(relay_tick(e->relay, e->clock_ms) <= executed + 1000);
}

static void many_at_once_are_given_up_together(void **state)
{
	struct edge *e = *state;

	for (unsigned n = 0; n < 300; n++)
		assert_int_equal(read_by(e, n, 1), 0);
	edge_batch(e);
	for (unsigned n = 300; n < 400; n++)
		assert_int_equal(read_by(e, n, 1), 0);
	e->clock_ms += 4000;
	relay_tick(e->relay, e->clock_ms); /* those executed are ordered again first */
	relay_tick(e->relay, e->clock_ms);
	assert_int_equal(e->n_replies, 400);
	assert_int_equal(info(e).outstanding, 0);
	assert_int_equal(info(e).queued, 0);
	assert_false(relay_waiting(e->relay));
}

static void what_is_outstanding_at_the_end_is_freed(void **state)
{
	struct edge *e = *state;

	for (unsigned n = 0; n < 10; n++)
		read_by(e, n, 1);
	edge_batch(e);
	for (unsigned n = 10; n < 20; n++)
		read_by(e, n, 1);
	relay_submit_own(e->relay, AP_OP_tick, NULL, 0);
	relay_submit_own(e->relay, AP_OP_tick, NULL, 0);
	assert_int_equal(info(e).outstanding, 20);
}

#define LIVE(test)  cmocka_unit_test_setup_teardown(test, live, down)
#define SMALL(test) cmocka_unit_test_setup_teardown(test, small, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE(nothing_fills_no_bundle),
		LIVE(own_operations_go_first),
		LIVE(a_bundle_has_at_most_256_operations),
		LIVE(a_bundle_has_at_most_its_octets),
		LIVE(requests_keep_their_order),
		LIVE(a_refusal_is_answered_at_once),
		LIVE(an_outcome_waits_for_its_signature),
		LIVE(each_request_of_a_batch_gets_its_own_outcome),
		LIVE(own_reads_are_answered_to_nobody),
		LIVE(bundles_that_it_does_not_know_change_nothing),
		LIVE(what_found_no_room_in_a_batch_goes_into_the_next),
		LIVE(a_datagram_that_comes_twice_is_taken_once),
		LIVE(what_differs_is_not_equal),
		LIVE(over_tcp_each_message_is_owed_an_answer),
		SMALL(one_client_network_fills_its_part_only),
		SMALL(an_ipv6_network_is_a_56),
		SMALL(all_clients_together_have_a_limit),
		LIVE(without_signature_it_is_ordered_once_more),
		LIVE(a_signature_of_another_leaf_will_do),
		LIVE(it_gives_up_when_no_signature_comes),
		LIVE(a_place_of_signatures_that_comes_round_loses_nobody),
		LIVE(what_is_not_executed_is_given_up),
		LIVE(time_to_wake_is_never_too_late),
		LIVE(many_at_once_are_given_up_together),
		LIVE(what_is_outstanding_at_the_end_is_freed),
	};

	return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
