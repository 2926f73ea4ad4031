/* Clients that wait for a final outcome: daemon/waiters.c. draft {#wait} */
#include <malloc.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/agree_errors.h"
#include "libproto/crypto.h"
#include "libproto/instance.h"
#include "libproto/outcome.h"
#include "libproto/proof.h"
#include "libproto/ticket.h"
#include "tests/lib/edge.h"

enum { D = 100 }; /* seconds from now to the deadline */

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

/* ---- instances and requests ---- */

static void secret_of(uint8_t secret[32], uint8_t party)
{
	memset(secret, 0x60 + party, 32);
}

/* Two parties with secrets, both have to agree on "go". */
static void custody(struct edge *e, struct dnsask_instance *i, const char *label)
{
	uint8_t secret[32], id[AP_ID_LEN];
	ap_descriptor d;

	ap_ticket_open(&d, (ap_bytes){(const uint8_t *)label, strlen(label)}, EDGE_NOW + D);
	d.terms.fixed.present = true;
	d.terms.fixed.it = (ap_value){(const uint8_t *)"go", 2};
	d.terms.n_parties = d.terms.k = d.n_locks = 2;
	assert_true(ap_instance_id(ap_sha256, id, edge_key(e), &d.terms));
	for (uint8_t p = 0; p < 2; p++) {
		secret_of(secret, p);
		ap_lock_digest(ap_sha256, d.locks[p].yes.octets, id, p, true, secret);
		ap_lock_digest(ap_sha256, d.locks[p].no.octets, id, p, false, secret);
	}
	dnsask_instance(i, edge_key(e), &d);
}

struct op {
	uint8_t kind, octets[1024];
	size_t len;
};

static void request(struct op *op, const struct dnsask_instance *i, ap_propose *p)
{
	uint8_t rdata[1024];
	struct ap_writer w;
	ap_request r;

	p->version = AP_PROPOSE_VERSION;
	ap_writer_init(&w, rdata, sizeof(rdata));
	ap_propose_put(&w, p);
	memcpy(r.id.octets, i->id, AP_ID_LEN);
	r.propose = ap_writer_bytes(&w);
	ap_writer_init(&w, op->octets, sizeof(op->octets));
	ap_request_put(&w, &r);
	assert_null(w.bad);
	op->kind = AP_OP_request;
	op->len = ap_writer_len(&w);
}

static void observe(struct op *op, const struct dnsask_instance *i, uint8_t nonce)
{
	ap_propose p = {.verb = AP_VERB_OBSERVE,
			.party = AP_PARTY_NONE,
			.descriptor = {i->descriptor, i->len}};

	memset(p.nonce.octets, nonce, 16);
	request(op, i, &p);
}

static void vote(struct op *op, const struct dnsask_instance *i, uint8_t party, uint8_t nonce)
{
	ap_propose p = {
		.verb = AP_VERB_APPROVE, .party = party, .value = {(const uint8_t *)"go", 2}};

	memset(p.nonce.octets, nonce, 16);
	p.credential.kind = AP_CREDENTIAL_SECRET;
	secret_of(p.credential.octets, party);
	request(op, i, &p);
}

static void read_of(struct op *op, const struct dnsask_instance *i, uint8_t nonce)
{
	struct ap_writer w;
	ap_read read;

	memcpy(read.id.octets, i->id, AP_ID_LEN);
	memset(read.nonce.octets, nonce, 16);
	ap_writer_init(&w, op->octets, sizeof(op->octets));
	ap_read_put(&w, &read);
	op->kind = AP_OP_read;
	op->len = ap_writer_len(&w);
}

/* Over TCP connection `socket`, waiting for so many seconds. */
static void ask(struct edge *e, const struct dnsask_instance *i, const struct op *op,
		uint16_t socket, uint16_t id, uint64_t wait_s)
{
	struct asker a;

	memset(&a, 0, sizeof(a));
	edge_asker(&a, (uint8_t)(1 + socket), 4000);
	a.tcp = true;
	a.socket = socket;
	a.generation = 7;
	a.id = id;
	a.limit = AP_DNS_MAX;
	a.opcode = AP_OPCODE_UPDATE;
	a.wait_until_ms = wait_s == 0 ? 0 : e->clock_ms + wait_s * 1000;
	assert_int_equal(
		relay_submit(e->relay, op->kind, op->octets, op->len, i->id, &a, e->clock_ms), 0);
}

static uint64_t order(struct edge *e)
{
	uint64_t seq = edge_batch(e);

	edge_sign(e, seq);
	return seq;
}

static const struct edge_reply *last(const struct edge *e, size_t n, uint16_t id)
{
	const struct edge_reply *r = &e->replies[(e->n_replies - 1) % EDGE_REPLIES];

	assert_int_equal(e->n_replies, n);
	assert_int_equal(r->asker.id, id);
	assert_int_equal(r->asker.generation, 7);
	return r;
}

static void assert_status(const struct edge *e, const struct edge_reply *r, unsigned status)
{
	struct ap_verify_key key;

	assert_true(r->has_agree);
	assert_int_equal(r->agree.outcome.status, status);
	assert_int_equal(ap_verify_key_init(&key, edge_key(e)), 0);
	assert_int_equal(ap_proof_check(&key, r->id, &r->agree, NULL), 0);
	ap_verify_key_clear(&key);
}

/* ---- outcomes ---- */

static void a_wait_ends_when_the_instance_is_decided(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	struct op op;

	custody(e, &i, "one");
	observe(&op, &i, 1);
	ask(e, &i, &op, 3, 11, 60);
	order(e);
	assert_int_equal(e->n_replies, 0);
	assert_int_equal(e->holds, 1);
	vote(&op, &i, 0, 2);
	ask(e, &i, &op, 4, 12, 60); /* a vote that waits counts when it executes */
	order(e);
	assert_int_equal(e->n_replies, 0);
	assert_int_equal(waiters_count(e->waiters), 2);
	vote(&op, &i, 1, 3);
	ask(e, &i, &op, 5, 13, 0);
	edge_sign(e, edge_batch(e));
	assert_int_equal(e->n_replies, 3);
	for (size_t r = 0; r < 3; r++) {
		assert_status(e, &e->replies[r], AP_STATUS_DECIDED);
		assert_int_equal(e->replies[r].agree.outcome.yes, 3);
	}
	assert_int_equal(waiters_count(e->waiters), 0);
}

static void nothing_is_answered_before_its_signature(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	struct op op;
	uint64_t seq;

	dnsask_open(&i, edge_key(e), "open", EDGE_NOW + D);
	read_of(&op, &i, 1);
	ask(e, &i, &op, 3, 11, 60);
	order(e);
	edge_decide(e, &i, "v", false);
	seq = machine_seq(e->machine);
	assert_int_equal(e->n_replies, 0);
	assert_true(edge_sign(e, seq));
	assert_status(e, last(e, 1, 11), AP_STATUS_DECIDED);
}

static void pending_and_final_in_one_batch(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	struct op op;

	custody(e, &i, "one");
	observe(&op, &i, 1);
	ask(e, &i, &op, 3, 11, 60);
	vote(&op, &i, 0, 2);
	ask(e, &i, &op, 3, 12, 0);
	vote(&op, &i, 1, 2);
	ask(e, &i, &op, 3, 13, 0);
	order(e);
	assert_int_equal(e->n_replies, 3);
	for (size_t r = 0; r < 3; r++)
		if (e->replies[r].asker.id == 11)
			assert_status(e, &e->replies[r], AP_STATUS_DECIDED);
	assert_int_equal(waiters_count(e->waiters), 0);
}

static void the_deadline_ends_it_without_traffic(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	const struct edge_reply *r;
	struct op op;

	custody(e, &i, "one");
	observe(&op, &i, 1);
	ask(e, &i, &op, 3, 11, 600);
	order(e);
	e->time_ms = (EDGE_NOW + D) * 1000 - 1;
	order(e); /* a tick */
	assert_int_equal(e->n_replies, 0);
	assert_int_equal(machine_due(e->machine), (EDGE_NOW + D) * 1000);
	order(e);
	r = last(e, 1, 11);
	assert_status(e, r, AP_STATUS_ABORTED);
	assert_int_equal(r->agree.outcome.reason, AP_REASON_DEADLINE);
	assert_true(r->agree.outcome.terms.present);
	assert_int_equal(machine_due(e->machine), UINT64_MAX);
}

static void an_open_instance_is_asked_about_again_at_its_deadline(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	struct op op;
	uint64_t wake;

	dnsask_open(&i, edge_key(e), "open", EDGE_NOW + D);
	observe(&op, &i, 1);
	ask(e, &i, &op, 3, 11, 600);
	order(e);
	wake = waiters_tick(e->waiters, e->clock_ms);
	assert_in_range(wake, e->clock_ms + D * 1000 - 1000, e->clock_ms + D * 1000 + 1000);
	e->clock_ms = wake;
	e->time_ms = (EDGE_NOW + D) * 1000 - 5; /* others' clocks are late */
	waiters_tick(e->waiters, e->clock_ms);
	order(e);
	assert_int_equal(e->n_replies, 0);
	wake = waiters_tick(e->waiters, e->clock_ms);
	assert_in_range(wake, e->clock_ms + 1, e->clock_ms + 1000);
	e->clock_ms = wake;
	e->time_ms = (EDGE_NOW + D) * 1000;
	waiters_tick(e->waiters, e->clock_ms);
	order(e);
	assert_status(e, last(e, 1, 11), AP_STATUS_ABORTED);
	assert_int_equal(e->holds, 1);
}

static void time_up_gives_pending_with_the_nonce_and_the_tally_of_then(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	const struct edge_reply *r;
	struct op op;

	custody(e, &i, "one");
	observe(&op, &i, 9);
	ask(e, &i, &op, 3, 11, 10);
	order(e);
	vote(&op, &i, 1, 2);
	ask(e, &i, &op, 4, 12, 0);
	order(e);
	assert_int_equal(e->n_replies, 1);
	assert_int_equal(waiters_tick(e->waiters, e->clock_ms), e->clock_ms + 10000);
	e->clock_ms += 10000;
	assert_int_equal(waiters_tick(e->waiters, e->clock_ms), UINT64_MAX);
	order(e);
	r = last(e, 2, 11);
	assert_status(e, r, AP_STATUS_PENDING);
	assert_int_equal(r->agree.outcome.nonce.it.octets[5], 9);
	assert_int_equal(r->agree.outcome.no | r->agree.outcome.yes, 2);
}

static void a_signature_that_does_not_come_is_no_answer(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	struct op op;

	custody(e, &i, "one");
	observe(&op, &i, 9);
	ask(e, &i, &op, 3, 11, 10);
	order(e);
	e->time_ms = (EDGE_NOW + D) * 1000;
	edge_batch(e);
	e->clock_ms += 10000;
	waiters_tick(e->waiters, e->clock_ms);
	assert_int_equal(last(e, 1, 11)->refusal, AGREE_EORDER);
	assert_int_equal(waiters_count(e->waiters), 0);
}

/* ---- connections and limits ---- */

static void waiters_of_a_closed_connection_are_gone(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	struct op op;

	custody(e, &i, "one");
	for (uint16_t id = 0; id < 20; id++) {
		read_of(&op, &i, (uint8_t)id);
		ask(e, &i, &op, id % 2, id, 60);
	}
	order(e);
	assert_int_equal(waiters_count(e->waiters), 20);
	waiters_closed(e->waiters, 1);
	assert_int_equal(waiters_count(e->waiters), 10);
	e->clock_ms += 60000;
	waiters_tick(e->waiters, e->clock_ms);
	order(e);
	assert_int_equal(e->n_replies, 10);
	for (size_t r = 0; r < 10; r++)
		assert_int_equal(e->replies[r].asker.socket, 0);
}

static void there_is_room_for_so_many_of_one_network(void **state)
{
	struct edge *e = edge_new();
	struct dnsask_instance i;
	struct asker a;
	struct op op;

	(void)state;
	e->conf.address_waiting_max = 2;
	edge_open(e);
	edge_go_live(e);
	dnsask_open(&i, edge_key(e), "open", EDGE_NOW + D);
	edge_asker(&a, 1, 1);
	for (uint16_t id = 0; id < 3; id++) {
		assert_int_equal(waiters_room(e->waiters, &a), id < 2);
		read_of(&op, &i, (uint8_t)id);
		ask(e, &i, &op, 1, id, 60);
		order(e);
	}
	assert_status(e, last(e, 1, 2), AP_STATUS_UNKNOWN);
	assert_int_equal(waiters_count(e->waiters), 2);
	edge_free(e);
}

/* "cost only their memory", and how much that is: daemon/waiters.h, agreed.conf(5). */
static void ten_thousand_wait_on_one_connection(void **state)
{
	enum { MANY = 10000 };
	struct edge *e = *state;
	struct dnsask_instance i;
	struct mallinfo2 before, after;
	struct op op;

	e->conf.pending_max = 1;
	custody(e, &i, "one");
	observe(&op, &i, 1);
	ask(e, &i, &op, 3, 0, 600);
	order(e);
	before = mallinfo2();
	for (uint16_t id = 1; id < MANY; id++) {
		read_of(&op, &i, (uint8_t)id);
		ask(e, &i, &op, 3, id, 600);
		if (id % 250 == 0 || id == MANY - 1)
			order(e);
	}
	after = mallinfo2();
	assert_int_equal(waiters_count(e->waiters), MANY);
	assert_int_equal(e->n_replies, 0);
	print_message("# %zu octets a waiter\n", (after.uordblks - before.uordblks) / MANY);
	if (after.uordblks > before.uordblks) /* not with another allocator's */
		assert_true((after.uordblks - before.uordblks) / MANY < 450);
	assert_true(waiters_tick(e->waiters, e->clock_ms) > e->clock_ms);
	for (uint8_t party = 0; party < 2; party++) {
		vote(&op, &i, party, 2);
		ask(e, &i, &op, 4, 60000, 0);
		order(e);
	}
	assert_int_equal(e->n_replies, MANY + 2);
	assert_int_equal(waiters_count(e->waiters), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, live, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_wait_ends_when_the_instance_is_decided),
		TEST(nothing_is_answered_before_its_signature),
		TEST(pending_and_final_in_one_batch),
		TEST(the_deadline_ends_it_without_traffic),
		TEST(an_open_instance_is_asked_about_again_at_its_deadline),
		TEST(time_up_gives_pending_with_the_nonce_and_the_tally_of_then),
		TEST(a_signature_that_does_not_come_is_no_answer),
		TEST(waiters_of_a_closed_connection_are_gone),
		cmocka_unit_test(there_is_room_for_so_many_of_one_network),
		TEST(ten_thousand_wait_on_one_connection),
	};

	return cmocka_run_group_tests_name("waiters", tests, NULL, NULL);
}
