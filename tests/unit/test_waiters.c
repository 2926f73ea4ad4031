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
#include "libproto/instance.h"
#include "libproto/outcome.h"
#include "libproto/proof.h"
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

static void custody(struct edge *e, struct dnsask_instance *i, const char *label)
{
	dnsask_custody(i, edge_key(e), label, EDGE_NOW + D);
}

struct op {
	uint8_t kind, octets[DNSASK_OP];
	size_t len;
};

static void observe(struct op *op, const struct dnsask_instance *i, uint8_t nonce)
{
	op->kind = AP_OP_request;
	op->len = dnsask_observe_op(op->octets, i, nonce);
}

static void vote(struct op *op, const struct dnsask_instance *i, uint8_t party, uint8_t nonce)
{
	op->kind = AP_OP_request;
	op->len = dnsask_vote_op(op->octets, i, party, nonce);
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

/* It comes later, or never: another leaf of the same outcome is as good. */
static void a_late_signature_is_asked_for_again(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	struct op op;

	custody(e, &i, "one");
	observe(&op, &i, 9);
	ask(e, &i, &op, 3, 11, 600);
	order(e);
	for (uint8_t party = 0; party < 2; party++) {
		vote(&op, &i, party, 2);
		edge_other(e, op.kind, op.octets, op.len);
	}
	edge_batch(e);
	assert_int_equal(waiters_tick(e->waiters, e->clock_ms), e->clock_ms + WAITERS_AGAIN_MS);
	e->clock_ms += WAITERS_AGAIN_MS;
	assert_int_equal(waiters_tick(e->waiters, e->clock_ms), UINT64_MAX);
	assert_int_equal(e->n_replies, 0);
	order(e);
	assert_status(e, last(e, 1, 11), AP_STATUS_DECIDED);
	assert_true(last(e, 1, 11)->asker.held);
}

/* Of that only this batch speaks, to who names it by its id. */
static void the_signature_of_what_a_deadline_ended_is_waited_for(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	uint64_t seq;
	struct op op;

	custody(e, &i, "one");
	observe(&op, &i, 9);
	ask(e, &i, &op, 3, 11, 600);
	order(e);
	e->time_ms = (EDGE_NOW + D) * 1000;
	seq = edge_batch(e);
	for (unsigned n = 0; n < 3; n++) {
		e->clock_ms += WAITERS_AGAIN_MS;
		assert_int_equal(waiters_tick(e->waiters, e->clock_ms),
				 e->clock_ms + WAITERS_AGAIN_MS);
	}
	assert_int_equal(e->n_replies, 0);
	assert_true(edge_sign(e, seq));
	assert_status(e, last(e, 1, 11), AP_STATUS_ABORTED);
}

/* Here its deadline has come, and the batch that ends it is yet to execute. */
static void what_is_registered_is_not_asked_about_at_its_deadline(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	struct op op;

	custody(e, &i, "one");
	observe(&op, &i, 9);
	ask(e, &i, &op, 3, 11, 600);
	order(e);
	e->clock_ms += D * 1000 + WAITERS_GRACE_MS;
	assert_true(waiters_tick(e->waiters, e->clock_ms) > e->clock_ms);
	assert_int_equal(waiters_count(e->waiters), 1);
	e->time_ms = (EDGE_NOW + D) * 1000;
	order(e);
	assert_status(e, last(e, 1, 11), AP_STATUS_ABORTED);
}

/* Nothing more can come of it: to wait on would be to ask again and again. */
static void nobody_waits_for_what_is_over(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	struct op op;

	custody(e, &i, "one");
	read_of(&op, &i, 9);
	ask(e, &i, &op, 3, 11, 600);
	order(e);
	assert_int_equal(waiters_count(e->waiters), 1);
	e->time_ms = (EDGE_NOW + D) * 1000;
	e->clock_ms += D * 1000 + WAITERS_GRACE_MS;
	waiters_tick(e->waiters, e->clock_ms);
	order(e);
	assert_status(e, last(e, 1, 11), AP_STATUS_UNKNOWN);
	read_of(&op, &i, 9);
	ask(e, &i, &op, 3, 12, 600);
	order(e);
	assert_status(e, last(e, 2, 12), AP_STATUS_UNKNOWN);
	assert_int_equal(waiters_count(e->waiters), 0);
}

/* The signature came without the waiters' being told: nothing is ordered for what is stored. */
static void what_is_stored_and_signed_is_not_ordered_again(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	struct relay_info info;
	uint8_t sig[64];
	uint64_t seq;
	struct op op;

	custody(e, &i, "one");
	observe(&op, &i, 9);
	ask(e, &i, &op, 3, 11, 600);
	order(e);
	for (uint8_t party = 0; party < 2; party++) {
		vote(&op, &i, party, 2);
		edge_other(e, op.kind, op.octets, op.len);
	}
	seq = edge_batch(e);
	edge_signature(e, index_block(e->index, seq), sig);
	assert_true(index_signed(e->index, seq, sig));
	e->clock_ms += WAITERS_AGAIN_MS;
	assert_int_equal(waiters_tick(e->waiters, e->clock_ms), UINT64_MAX);
	assert_status(e, last(e, 1, 11), AP_STATUS_DECIDED);
	relay_info(e->relay, &info);
	assert_int_equal(info.queued, 0);
}

/* Of what happened in batches that a transferred state covers nobody tells. */
static void who_may_have_missed_it_asks_again(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance one, two;
	struct op op;

	custody(e, &one, "one");
	custody(e, &two, "two");
	observe(&op, &one, 1);
	ask(e, &one, &op, 3, 11, 600);
	order(e);
	read_of(&op, &two, 2);
	ask(e, &two, &op, 3, 12, 600);
	order(e);
	assert_int_equal(waiters_count(e->waiters), 2);
	waiters_overtaken(e->waiters, e->clock_ms);
	assert_true(waiters_tick(e->waiters, e->clock_ms) > e->clock_ms);
	assert_int_equal(waiters_count(e->waiters), 1); /* "two" is not registered */
	order(e);
	assert_int_equal(waiters_count(e->waiters), 2); /* and waits on */
	assert_int_equal(e->n_replies, 0);
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
		TEST(a_late_signature_is_asked_for_again),
		TEST(the_signature_of_what_a_deadline_ended_is_waited_for),
		TEST(nobody_waits_for_what_is_over),
		TEST(what_is_registered_is_not_asked_about_at_its_deadline),
		TEST(what_is_stored_and_signed_is_not_ordered_again),
		TEST(who_may_have_missed_it_asks_again),
		TEST(waiters_of_a_closed_connection_are_gone),
		cmocka_unit_test(there_is_room_for_so_many_of_one_network),
		TEST(ten_thousand_wait_on_one_connection),
	};

	return cmocka_run_group_tests_name("waiters", tests, NULL, NULL);
}
