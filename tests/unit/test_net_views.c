/*
 * Networks whose primaries fail, from seeds: dead, silent towards some, saying two things, lying in
 * NEW-VIEW. tests/lib/net.h lists what is checked at every step (S2 to S5, S17 among them); asked
 * of each run here is that service comes back. NET_SEED=n repeats one seed, NET_SEEDS=n runs so
 * many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libproto/crypto.h"
#include "libproto/digest.h"
#include "tests/lib/net.h"

enum { SECOND = 1000000 }; /* us */

static void submit_some(struct net *net)
{
	for (uint8_t id = 1; id <= net->o.n; id++)
		for (uint64_t k = net_random(net, 3); k > 0; k--)
			net_submit(net, id,
				   (uint16_t)(1 + net_random(net, net->o.batch_requests_max)),
				   (uint32_t)(100 + net_random(net, 5000)));
}

static void load(struct net *net, uint64_t us)
{
	uint64_t end = net->now_us + us;

	while (net->now_us < end) {
		submit_some(net);
		net_run_us(net, 5000);
	}
}

/* Until something is executed that was not; the time it took. */
static uint64_t silence(struct net *net, uint64_t longest)
{
	uint64_t began = net->now_us, before = net->n_truth;

	while (net->n_truth == before) {
		if (net->now_us - began > longest)
			net_fail(net, NULL, "no service");
		submit_some(net);
		net_run_us(net, 5000);
	}
	return net->now_us - began;
}

/* ---- the dead ---- */

static void a_dead_primary_is_replaced_within_two_seconds(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= net_seeds(20); seed++) {
		struct net *net = net_healthy(seed, 4);

		load(net, SECOND / 5 + net_random(net, SECOND / 5));
		net_crash(net, 1);
		net_run_us(net, 50000); /* what it had sent may still be executed */
		silence(net, 2 * (uint64_t)SECOND);
		assert_int_equal(net_view(net), 1);
		load(net, SECOND);
		net_restart(net, 1);
		net_settles_within(net, 5 * (uint64_t)SECOND);
		assert_int_equal(net_view(net), 1);
		net_free(net);
	}
}

static void one_client_is_enough_to_replace_it(void **state)
{
	struct net *net = net_healthy(2, 4);

	(void)state;
	net_crash(net, 1);
	assert_true(net_submit(net, 3, 1, 100));
	net_settles_within(net, 2 * (uint64_t)SECOND);
	assert_int_equal(net->n_truth, 1);
	net_free(net);
}

static void two_dead_primaries_of_seven_are_passed_over(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= net_seeds(10); seed++) {
		struct net *net = net_healthy(seed, 7);

		load(net, SECOND / 5);
		net_crash(net, 1);
		net_crash(net, 2);
		net_run_us(net, 50000);
		silence(net, 4 * (uint64_t)SECOND);
		assert_int_equal(net_view(net), 2);
		load(net, SECOND);
		net_heal(net);
		net_settles_within(net, 10 * (uint64_t)SECOND);
		net_free(net);
	}
}

static void an_idle_network_keeps_a_dead_primary(void **state)
{
	struct net *net = net_healthy(4, 4);

	(void)state;
	load(net, SECOND / 5);
	net_settles_within(net, SECOND);
	net_crash(net, 1);
	net_run_us(net, 60 * (uint64_t)SECOND);
	assert_int_equal(net_view(net), 0);
	net_free(net);
}

static void a_time_out_comes_down_again(void **state)
{
	struct net *net = net_healthy(5, 7);
	struct pbft_info info;

	(void)state;
	net_crash(net, 2);
	net_crash(net, 3);
	load(net, SECOND / 5);
	net_crash(net, 1); /* with three of seven down nothing goes */
	load(net, 20 * (uint64_t)SECOND);
	net_restart(net, 1);
	load(net, 10 * (uint64_t)SECOND);
	pbft_info(net->replicas[6].core, &info);
	assert_int_equal(info.timeout_ms, net->o.timeout_ms);
	net_heal(net);
	net_settles_within(net, 10 * (uint64_t)SECOND);
	net_free(net);
}

/* Scenario 26: it follows by catch-up, and votes in nothing below its view until the others come.
 */
static void one_alone_in_a_higher_view_moves_nobody_and_follows(void **state)
{
	struct net *net = net_healthy(6, 4);
	struct pbft_info info;

	(void)state;
	load(net, SECOND / 5);
	for (uint8_t id = 1; id <= 3; id++)
		net_link(net, 4, id, false);
	load(net, 3 * (uint64_t)SECOND);
	pbft_info(net->replicas[3].core, &info);
	assert_false(info.view_active);
	for (uint8_t id = 1; id <= 3; id++)
		net_link(net, 4, id, true);
	load(net, 3 * (uint64_t)SECOND);
	net_settles_within(net, 5 * (uint64_t)SECOND);
	net_crash(net, 1); /* now it is needed, and they meet */
	net_settles_within(net, 5 * (uint64_t)SECOND);
	load(net, SECOND);
	net_settles_within(net, 10 * (uint64_t)SECOND);
	net_free(net);
}

/* ---- the faulty ---- */

enum fault { EQUIVOCATES, WITHHOLDS, CENSORS, LIES, LOSES, FAULTS };

struct traitor {
	struct net *net;
	uint8_t id;
	enum fault fault;
	uint64_t done;
	struct net_new_view lie;
};

/* The same bundles at another time: another batch. */
static void say_another(struct traitor *t, struct pbft_event *ev)
{
	static struct pbft_batch other;
	uint8_t digests[PBFT_BATCH_BUNDLES_MAX * 32];

	other = *ev->u.pre_prepare.batch;
	other.time++;
	for (size_t i = 0; i < other.n_bundles; i++)
		memcpy(digests + 32 * i, other.bundles[i].digest, 32);
	ap_digest_batch(ap_sha256, other.digest, other.time, other.n_bundles, digests);
	ev->u.pre_prepare.batch = net_batch(t->net, &other);
	memcpy(ev->u.pre_prepare.p.batch, other.digest, 32);
}

static void lie_in_new_view(struct traitor *t, struct pbft_event *ev)
{
	struct net_new_view nv = {.says = *ev->u.new_view.says,
				  .n_changes = ev->u.new_view.n_changes};
	struct net_new_view *lie;

	memcpy(nv.changes, ev->u.new_view.changes, sizeof(nv.changes));
	switch (net_random(t->net, 5)) {
	case 0:
		nv.says.n = 0; /* forgets what was prepared */
		nv.n_changes--;
		break;
	case 1:
		if (nv.says.n > 0)
			nv.says.batch[net_random(t->net, nv.says.n)][0] ^= 1;
		else
			nv.n_changes--;
		break;
	case 2:
		nv.says.first += t->net->conf.interval;
		break;
	case 3:
		nv.changes[0] = nv.changes[nv.n_changes - 1u]; /* one of them twice */
		break;
	default:
		nv.says.n = (uint16_t)(nv.says.n + (nv.says.n < PBFT_WINDOW_MAX ? 1 : -1));
		break;
	}
	lie = net_new_view(t->net, &nv);
	ev->u.new_view.says = &lie->says;
	ev->u.new_view.n_changes = lie->n_changes;
	memcpy(ev->u.new_view.changes, lie->changes, sizeof(lie->changes));
}

static bool betray(void *arg, uint8_t from, uint8_t to, struct pbft_event *ev)
{
	struct traitor *t = arg;

	if (t->fault == LOSES && ev->kind == PBFT_EV_VIEW_CHANGE && net_random(t->net, 2) == 0) {
		t->done++;
		return false;
	}
	if (from != t->id)
		return true;
	if (t->fault == EQUIVOCATES && ev->kind == PBFT_EV_PRE_PREPARE && to % 2 == 0 &&
	    ev->u.pre_prepare.p.replica == from) { /* it cannot sign another's */
		t->done++;
		say_another(t, ev);
	} else if (t->fault == WITHHOLDS && ev->kind == PBFT_EV_PRE_PREPARE && to != 3) {
		t->done++;
		return false;
	} else if (t->fault == LIES && ev->kind == PBFT_EV_NEW_VIEW) {
		t->done++;
		lie_in_new_view(t, ev);
	}
	return true;
}

/* To where its own relay is heard, but not one other one. */
static bool is_censored(void *arg, uint8_t from, uint8_t to, struct pbft_event *ev)
{
	struct traitor *t = arg;

	if (t->fault != CENSORS)
		return betray(arg, from, to, ev);
	if (to == t->id && ev->kind == PBFT_EV_BUNDLE && ev->u.bundle.relay == 4) {
		t->done++;
		return false;
	}
	return true;
}

static void run_traitor(uint64_t seed, uint8_t n, enum fault fault)
{
	struct traitor t = {.fault = fault};
	struct net_options o;

	net_draw(&o, seed, n);
	o.loss = o.duplicate = 0;
	t.net = net_new(&o);
	t.id = fault == LIES ? 2 : 1;
	t.net->on_send = is_censored;
	t.net->arg = &t;
	t.net->faulty = (uint16_t)(1u << (t.id - 1));
	net_run_us(t.net, 20000);
	load(t.net, SECOND / 5 + net_random(t.net, SECOND));
	if (fault == LIES || fault == LOSES)
		net_crash(t.net, 1);
	/* in full batches a bundle may have found no room, so it is given eight time-outs */
	load(t.net, (fault == CENSORS ? 6 : 2) * (uint64_t)SECOND);
	silence(t.net, 20 * (uint64_t)SECOND);
	assert_true(net_view(t.net) > 0);
	assert_true(t.done > 0 || fault == LIES);
	/* restarts in the middle of it all */
	net_crash(t.net, 4);
	load(t.net, net_random(t.net, SECOND));
	net_restart(t.net, 4);
	t.net->on_send = NULL;
	net_heal(t.net);
	net_settles_within(t.net, 60 * (uint64_t)SECOND);
	net_free(t.net);
}

static void run_traitors(uint64_t from, uint64_t count, uint8_t n, enum fault fault)
{
	const char *one = getenv("NET_SEED");

	count = net_seeds(count);
	if (one != NULL) {
		from = strtoull(one, NULL, 10);
		count = 1;
	}
	print_message("# n=%u: seeds %llu to %llu\n", n, (unsigned long long)from,
		      (unsigned long long)(from + count - 1));
	for (uint64_t seed = from; seed < from + count; seed++)
		run_traitor(seed, n, fault);
}

static void an_equivocating_primary_is_replaced(void **state)
{
	(void)state;
	run_traitors(100001, 12, 4, EQUIVOCATES);
	run_traitors(200001, 5, 7, EQUIVOCATES);
}

static void a_primary_that_withholds_bodies_is_replaced(void **state)
{
	(void)state;
	run_traitors(300001, 12, 4, WITHHOLDS);
	run_traitors(400001, 5, 7, WITHHOLDS);
}

static void a_primary_that_censors_one_relay_is_replaced(void **state)
{
	(void)state;
	run_traitors(500001, 4, 4, CENSORS);
}

static void a_primary_that_lies_in_its_new_view_is_passed_over(void **state)
{
	(void)state;
	run_traitors(600001, 10, 7, LIES);
}

static void lost_view_changes_are_sent_again(void **state)
{
	(void)state;
	run_traitors(700001, 12, 4, LOSES);
	run_traitors(800001, 5, 7, LOSES);
}

/* ---- crashes inside of view changes ---- */

static void run_crashes(uint64_t seed, uint8_t n)
{
	struct net_options o;
	struct net *net;

	net_draw(&o, seed, n);
	net = net_new(&o);
	net_run_us(net, 20000);
	load(net, SECOND / 5);
	for (int round = 0; round < 12; round++) {
		uint8_t primary = (uint8_t)(1 + net_view(net) % n);

		net_crash(net, primary);
		load(net, 400000 + net_random(net, 600000));
		net_crash(net, (uint8_t)(1 + net_random(net, n)));
		load(net, net_random(net, 200000));
		for (uint8_t id = 1; id <= n; id++)
			if (net_random(net, 4) > 0)
				net_restart(net, id);
	}
	net_heal(net);
	net_settles_within(net, 120 * (uint64_t)SECOND);
	load(net, SECOND);
	net_settles_within(net, 60 * (uint64_t)SECOND);
	net_free(net);
}

static void crashes_inside_view_changes_lose_nothing(void **state)
{
	const char *one = getenv("NET_SEED");
	uint64_t from = one != NULL ? strtoull(one, NULL, 10) : 900001;
	uint64_t count = one != NULL ? 1 : net_seeds(30);

	(void)state;
	print_message("# seeds %llu to %llu\n", (unsigned long long)from,
		      (unsigned long long)(from + count - 1));
	for (uint64_t seed = from; seed < from + count; seed++)
		run_crashes(seed, seed % 4 == 0 ? 7 : 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dead_primary_is_replaced_within_two_seconds),
		cmocka_unit_test(one_client_is_enough_to_replace_it),
		cmocka_unit_test(two_dead_primaries_of_seven_are_passed_over),
		cmocka_unit_test(an_idle_network_keeps_a_dead_primary),
		cmocka_unit_test(a_time_out_comes_down_again),
		cmocka_unit_test(one_alone_in_a_higher_view_moves_nobody_and_follows),
		cmocka_unit_test(an_equivocating_primary_is_replaced),
		cmocka_unit_test(a_primary_that_withholds_bodies_is_replaced),
		cmocka_unit_test(a_primary_that_censors_one_relay_is_replaced),
		cmocka_unit_test(a_primary_that_lies_in_its_new_view_is_passed_over),
		cmocka_unit_test(lost_view_changes_are_sent_again),
		cmocka_unit_test(crashes_inside_view_changes_lose_nothing),
	};

	return cmocka_run_group_tests_name("net_views", tests, NULL, NULL);
}
