/* The store's scrub beside merges that forget: daemon/merge_scrub.c. What it finds is in
 * test_scrub.c. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/index_priv.h"
#include "libproto/instance.h"
#include "tests/lib/edge.h"

enum { SECTION = 128 };

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

static uint64_t budget;

static void piece(struct merge *m, void *arg)
{
	merge_scrub(m, arg, budget);
}

/* One piece, in the thread. */
static void scrub_on(struct edge *e, struct merge_scrub *s)
{
	while (!index_errand(e->index, piece, s))
		index_poll(e->index);
	while (!index_errand_ended(e->index)) {
		struct pollfd fd = {.fd = index_fd(e->index), .events = POLLIN};

		assert_true(poll(&fd, 1, 20000) >= 0);
		index_poll(e->index);
	}
	if (s->damage[0] != '\0')
		fail_msg("sequence=%llu: %s", (unsigned long long)machine_seq(e->machine),
			 s->damage);
}

static unsigned scrub_whole(struct edge *e)
{
	struct merge_scrub s = {.horizon_ms = e->net.horizon_s * 1000};
	unsigned pieces = 0;

	for (; !s.is_done; pieces++) {
		assert_true(pieces < 100000);
		scrub_on(e, &s);
	}
	return pieces;
}

/* Batches up to the next checkpoint, some with an outcome, signed or not; time goes on by `ms`
 * each. */
static void section(struct edge *e, unsigned *number, uint64_t ms)
{
	do {
		struct dnsask_instance i;
		char label[32];

		e->time_ms += ms;
		if (*number % 3 == 0) {
			edge_batch(e);
		} else {
			snprintf(label, sizeof(label), "instance %u", *number);
			dnsask_open(&i, edge_key(e), label,
				    e->time_ms / 1000 + 1 + *number * 7919 % 19990);
			edge_decide(e, &i, "a value", *number % 4 != 0);
		}
		*number += 1;
	} while (machine_seq(e->machine) % SECTION != 0);
	edge_checkpoint(e);
}

static void an_empty_store_is_whole(void **state)
{
	budget = 1 << 20;
	scrub_whole(*state);
}

/* 4000 s a section; outcomes go after 5000 s and what was left, history after 25000 s. */
static void a_store_that_forgets_stays_whole(void **state)
{
	struct edge *e = *state;
	unsigned number = 0;

	for (unsigned n = 0; n < 14; n++) {
		section(e, &number, 31250);
		budget = 1 << 20;
		scrub_whole(e);
	}
	budget = 1;
	assert_true(scrub_whole(e) > 200);
}

/* A pass takes many merges, some of which forget what it was about to look at. */
static void merges_come_between_the_pieces(void **state)
{
	struct edge *e = *state;
	unsigned number = 0, passes = 0;
	struct merge_scrub s = {.horizon_ms = e->net.horizon_s * 1000};

	for (unsigned n = 0; n < 4; n++)
		section(e, &number, 31250);
	for (unsigned n = 0; n < 16; n++) {
		section(e, &number, n % 5 == 4 ? 400000 : 31250);
		budget = 20000;
		for (unsigned i = 0; i < 60; i++) {
			scrub_on(e, &s);
			if (!s.is_done)
				continue;
			s = (struct merge_scrub){.horizon_ms = e->net.horizon_s * 1000};
			passes++;
		}
	}
	assert_true(passes > 0);
}

static void propose(struct edge *e, const struct dnsask_instance *i)
{
	uint8_t octets[AP_MAX_propose + 64];
	ap_request request = {.propose = dnsask_propose(i, AP_VERB_APPROVE, "v")};
	struct ap_writer w;

	memcpy(request.id.octets, i->id, AP_ID_LEN);
	ap_writer_init(&w, octets, sizeof(octets));
	ap_request_put(&w, &request);
	assert_null(w.bad);
	edge_other(e, AP_OP_request, octets, ap_writer_len(&w));
}

/* Its second leaf in that batch says nothing about the order in which outcomes became final: the
 * chunk has that. */
static void what_is_asked_for_twice_in_a_batch_keeps_its_place_in_the_history(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance one, other;
	unsigned number = 0;

	dnsask_open(&one, edge_key(e), "one", EDGE_NOW + 1000);
	dnsask_open(&other, edge_key(e), "other", EDGE_NOW + 1000);
	propose(e, &one);
	propose(e, &other);
	propose(e, &one);
	assert_true(edge_sign(e, edge_batch(e)));
	section(e, &number, 1);
	budget = 1 << 20;
	scrub_whole(e);
}

/* What is undecided stands in chunks, and in no index: behind outcomes, and alone. */
static void what_is_undecided_is_in_no_index(void **state)
{
	uint8_t op[DNSASK_OP];
	struct edge *e = *state;
	struct dnsask_instance open, custody;
	unsigned number = 0;

	dnsask_open(&open, edge_key(e), "open", EDGE_NOW + 1000);
	for (unsigned n = 0; n < 3; n++) {
		char label[16];

		snprintf(label, sizeof(label), "custody %u", n);
		dnsask_custody(&custody, edge_key(e), label, EDGE_NOW + 15000);
		if (n == 1)
			propose(e, &open);
		edge_other(e, AP_OP_request, op, dnsask_observe_op(op, &custody, 1));
		if (n != 0)
			edge_other(e, AP_OP_request, op, dnsask_vote_op(op, &custody, 0, 2));
		assert_true(edge_sign(e, edge_batch(e)));
	}
	assert_int_equal(machine_undecided_count(e->machine), 3);
	budget = 1 << 20;
	for (unsigned n = 0; n < 6; n++) { /* over their deadline, and until it is forgotten */
		section(e, &number, 31250);
		scrub_whole(e);
	}
	assert_int_equal(machine_undecided_count(e->machine), 0);
}

static void a_store_that_was_opened_again_is_whole(void **state)
{
	struct edge *e = *state;
	unsigned number = 0;

	section(e, &number, 1000);
	section(e, &number, 1000);
	edge_reopen(e);
	e->other_counter = 100000;
	budget = 1 << 20;
	scrub_whole(e);
	section(e, &number, 1000);
	scrub_whole(e);
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, live, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE(an_empty_store_is_whole),
		LIVE(a_store_that_forgets_stays_whole),
		LIVE(merges_come_between_the_pieces),
		LIVE(what_is_asked_for_twice_in_a_batch_keeps_its_place_in_the_history),
		LIVE(what_is_undecided_is_in_no_index),
		LIVE(a_store_that_was_opened_again_is_whole),
	};

	return cmocka_run_group_tests_name("merge_scrub", tests, NULL, NULL);
}
