/*
 * Networks of cores under faults, from seeds. tests/lib/net.h lists what is checked at every step;
 * what is asked of each run here is that once the faults have stopped everything that was handed in
 * gets executed by everybody. NET_SEED=n repeats one seed,
 * and NET_SEEDS=n with it as many from there on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lib/net.h"

enum { SECOND = 1000000 }; /* us */

static void submit_some(struct net *net)
{
	for (uint8_t id = 1; id <= net->o.n; id++)
		for (uint64_t k = net_random(net, 4); k > 0; k--)
			net_submit(net, id,
				   (uint16_t)(1 + net_random(net, net->o.batch_requests_max)),
				   (uint32_t)(100 + net_random(net, 5000)));
}

/* One of many misfortunes, to as many replicas as it likes. */
static void disturb(struct net *net)
{
	uint8_t a = (uint8_t)(1 + net_random(net, net->o.n));
	uint8_t b = (uint8_t)(1 + net_random(net, net->o.n));

	switch (net_random(net, 12)) {
	case 0:
		net_crash(net, a);
		break;
	case 1:
	case 2:
	case 3:
		net_restart(net, a);
		break;
	case 4:
		if (a != b)
			net_link(net, a, b, false);
		break;
	case 5:
	case 6:
		if (a != b)
			net_link(net, a, b, true);
		break;
	case 7: /* all of them, some at once up again */
		if (net_random(net, 8) > 0)
			break;
		for (uint8_t id = 1; id <= net->o.n; id++)
			net_crash(net, id);
		for (uint8_t id = 1; id <= net->o.n; id++)
			if (net_random(net, 2) == 0)
				net_restart(net, id);
		break;
	default:
		break;
	}
}

static void check_settles(struct net *net)
{
	if (!net_settle(net, 120 * (uint64_t)SECOND))
		net_fail(net, NULL, "not everything was executed everywhere");
}

static void run_seed(uint64_t seed, uint8_t n)
{
	struct net_options o;
	struct net *net;

	net_draw(&o, seed, n);
	net = net_new(&o);
	net_run_us(net, 20000);
	for (int round = 0; round < 40; round++) {
		submit_some(net);
		disturb(net);
		net_run_us(net, net_random(net, 60000));
	}
	net_heal(net);
	check_settles(net);
	submit_some(net); /* and it goes on */
	check_settles(net);
	net_free(net);
}

static void run_seeds(uint64_t from, uint64_t count, uint8_t n)
{
	const char *first = getenv("NET_SEED");

	count = net_seeds(count);
	if (first != NULL) {
		from = strtoull(first, NULL, 10);
		count = getenv("NET_SEEDS") == NULL ? 1 : count;
	}
	print_message("# n=%u: seeds %llu to %llu\n", n, (unsigned long long)from,
		      (unsigned long long)(from + count - 1));
	for (uint64_t seed = from; seed < from + count; seed++)
		run_seed(seed, n);
}

static void four_replicas_agree_under_any_crashes_and_losses(void **state)
{
	(void)state;
	run_seeds(1, 300, 4);
}

static void seven_replicas_agree_under_any_crashes_and_losses(void **state)
{
	(void)state;
	run_seeds(10001, 60, 7);
}

static void larger_networks_agree_too(void **state)
{
	(void)state;
	run_seeds(20001, 6, 10);
	run_seeds(30001, 4, 13);
}

/* ---- single misfortunes ---- */

/* Bundles from all living replicas for so long. */
static void load(struct net *net, uint64_t us)
{
	uint64_t end = net->now_us + us;

	while (net->now_us < end) {
		submit_some(net);
		net_run_us(net, 5000);
	}
}

static void one_dead_backup_stops_nothing(void **state)
{
	struct net *net = net_healthy(1, 4);

	(void)state;
	net_crash(net, 3);
	load(net, 2 * SECOND);
	net_settles_within(net, SECOND);
	assert_true(net->n_truth > 100);
	assert_true(net->replicas[0].stable > 64);
	net_free(net);
}

static void two_dead_backups_of_four_stop_it_and_one_back_lets_it_go_on(void **state)
{
	struct net *net = net_healthy(2, 4);
	uint64_t before;

	(void)state;
	load(net, SECOND / 10);
	net_crash(net, 3);
	net_crash(net, 4);
	net_run_us(net, SECOND);
	before = net->n_truth;
	load(net, 2 * SECOND);
	assert_int_equal(net->n_truth, before);
	net_restart(net, 4);
	net_settles_within(net, 2 * SECOND);
	assert_true(net->n_truth > before);
	net_free(net);
}

static void a_backup_that_missed_many_batches_catches_up_under_load(void **state)
{
	struct net *net = net_healthy(3, 4);
	uint64_t missed;

	(void)state;
	load(net, SECOND / 10);
	net_crash(net, 2);
	missed = net->n_truth;
	load(net, 12 * SECOND);
	missed = net->n_truth - missed;
	assert_true(missed > 10u * net->conf.window);
	net_restart(net, 2);
	load(net, SECOND);
	net_settles_within(net, SECOND);
	assert_int_equal(net->replicas[1].behind, 0);
	assert_true(net->sent[PBFT_SEND_FETCH] > missed / PBFT_FETCH_MAX);
	/* and it votes again: with another one dead it is needed */
	net_crash(net, 3);
	load(net, SECOND);
	net_settles_within(net, SECOND);
	net_free(net);
}

static void all_killed_and_restarted_lose_nothing_executed(void **state)
{
	struct net *net = net_healthy(4, 4);

	(void)state;
	for (int round = 0; round < 20; round++) {
		uint64_t before;

		load(net, SECOND / 10);
		for (uint8_t id = 1; id <= 4; id++)
			net_crash(net, id);
		before = net->n_truth;
		for (uint8_t id = 4; id >= 1; id--) {
			net_restart(net, id);
			net_run_us(net, net_random(net, SECOND / 5));
		}
		net_settles_within(net, 2 * SECOND);
		assert_true(net->n_truth >= before);
	}
	net_free(net);
}

static void an_idle_network_sends_heartbeats_and_nothing_else(void **state)
{
	struct net *net = net_healthy(5, 4);
	uint64_t before[PBFT_DIVERGED + 1];

	(void)state;
	load(net, SECOND);
	net_settles_within(net, SECOND);
	net_run_us(net, 2 * SECOND);
	memcpy(before, net->sent, sizeof(before));
	net_run_us(net, 60 * (uint64_t)SECOND);
	for (int kind = PBFT_SEND_BUNDLE; kind <= PBFT_SERVE; kind++)
		if (kind != PBFT_SEND_STATUS)
			assert_int_equal(net->sent[kind], before[kind]);
	assert_in_range(net->sent[PBFT_SEND_STATUS] - before[PBFT_SEND_STATUS], 4 * 59, 4 * 61);
	net_free(net);
}

static void an_idle_network_answers_at_once(void **state)
{
	struct net *net = net_healthy(6, 4);
	/* bundle to the primary, PRE-PREPARE, PREPARE, COMMIT, and two syncs on the way */
	uint64_t longest = 4u * net->o.delay_us[1] + 3u * 2u * net->o.disk_us[1];

	(void)state;
	for (int i = 0; i < 50; i++) {
		uint64_t before = net->n_truth;

		net_run_us(net, SECOND / 2);
		assert_true(net_submit(net, (uint8_t)(1 + i % 4), 1, 100));
		net_run_us(net, longest);
		assert_int_equal(net->n_truth, before + 1);
	}
	net_free(net);
}

/* ---- liars ---- */

struct liars {
	struct net *net;
	uint16_t who;
	struct pbft_batch batch;
	uint64_t lies;
};

/* Other bodies, and attests that agree with each other. */
static bool lie(void *arg, uint8_t from, uint8_t to, struct pbft_event *ev)
{
	struct liars *l = arg;

	(void)to;
	if ((l->who >> (from - 1) & 1) == 0)
		return true;
	if (ev->kind == PBFT_EV_ATTEST) {
		memset(ev->u.attest.running, 0xee, 32);
		l->lies++;
	} else if (ev->kind == PBFT_EV_BODY) {
		l->batch = *ev->u.body.batch;
		l->batch.digest[0] ^= 0xff;
		ev->u.body.batch = net_batch(l->net, &l->batch);
		l->lies++;
	} else if (ev->kind == PBFT_EV_STATUS) {
		ev->u.status.executed += 1000000;
		ev->u.status.stable += 1000000;
	}
	return true;
}

static void liars_serve(uint64_t seed, uint8_t n, uint16_t who)
{
	struct liars l = {.net = net_healthy(seed, n), .who = who};

	load(l.net, SECOND / 10);
	net_crash(l.net, n);
	load(l.net, 2 * SECOND);
	l.net->on_send = lie;
	l.net->arg = &l;
	net_restart(l.net, n);
	net_settles_within(l.net, 20 * (uint64_t)SECOND);
	assert_true(l.lies > 0);
	net_free(l.net);
}

static void f_liars_keep_nobody_from_catching_up_and_are_not_believed(void **state)
{
	(void)state;
	for (uint64_t seed = 20; seed < 20 + net_seeds(6); seed++) {
		liars_serve(seed, 4, (uint16_t)(1u << (seed % 3)));
		liars_serve(seed, 7, (uint16_t)(3u << (seed % 5)));
	}
}

static void journals_that_kept_too_little_make_a_laggard_say_so(void **state)
{
	struct net_options o;
	struct net *net;
	uint64_t had;

	(void)state;
	net_defaults(&o, 8, 4);
	o.keep = 100;
	net = net_new(&o);
	load(net, SECOND / 10);
	net_crash(net, 4);
	load(net, 3 * SECOND);
	net_restart(net, 4);
	had = net->replicas[3].executed;
	load(net, 3 * SECOND);
	assert_true(net->replicas[3].behind > 0);
	assert_int_equal(net->replicas[3].executed, had);
	net_crash(net, 4); /* the others are not kept from anything */
	net_settles_within(net, SECOND);
	net_free(net);
}

/* ---- clocks ---- */

static void one_wrong_clock_prepares_nothing_and_follows(void **state)
{
	struct net *net = net_healthy(9, 4);
	struct pbft_info info;

	(void)state;
	net->replicas[2].skew_ms = -3600 * 1000; /* the others are ahead of it */
	load(net, SECOND);
	net_settles_within(net, SECOND);
	pbft_info(net->replicas[2].core, &info);
	assert_true(info.dropped[PBFT_DROP_CLOCK] > 0);
	assert_int_equal(info.executed, net->n_truth);
	net_free(net);
}

static void two_wrong_clocks_of_four_wait_until_they_are_set(void **state)
{
	struct net_options o;
	struct net *net;
	uint64_t before;

	(void)state;
	net_defaults(&o, 10, 4);
	o.timeout_ms = 0; /* else a primary with a wrong clock takes over, and T stands still */
	net = net_new(&o);
	net_run_us(net, 20000);
	load(net, SECOND / 10);
	net_settles_within(net, SECOND);
	before = net->n_truth;
	net->replicas[1].skew_ms = net->replicas[2].skew_ms = -3600 * 1000;
	load(net, SECOND);
	assert_int_equal(net->n_truth, before);
	net->replicas[1].skew_ms = 0;
	net_settles_within(net, SECOND);
	assert_true(net->n_truth > before);
	net_free(net);
}

static void a_relay_cut_off_from_the_primary_is_heard_through_others(void **state)
{
	struct net *net = net_healthy(11, 4);

	(void)state;
	net_link(net, 1, 4, false);
	assert_true(net_submit(net, 4, 1, 100));
	net_settles_within(net, 2 * SECOND);
	assert_int_equal(net->n_truth, 1);
	net_free(net);
}

static void the_same_seed_gives_the_same_run(void **state)
{
	uint64_t steps[2], truth[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct net *net = net_healthy(12, 7);

		net->o.loss = 100;
		load(net, SECOND);
		steps[i] = net->steps;
		truth[i] = net->n_truth;
		net_free(net);
	}
	assert_int_equal(steps[0], steps[1]);
	assert_int_equal(truth[0], truth[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_dead_backup_stops_nothing),
		cmocka_unit_test(two_dead_backups_of_four_stop_it_and_one_back_lets_it_go_on),
		cmocka_unit_test(a_backup_that_missed_many_batches_catches_up_under_load),
		cmocka_unit_test(all_killed_and_restarted_lose_nothing_executed),
		cmocka_unit_test(an_idle_network_sends_heartbeats_and_nothing_else),
		cmocka_unit_test(an_idle_network_answers_at_once),
		cmocka_unit_test(f_liars_keep_nobody_from_catching_up_and_are_not_believed),
		cmocka_unit_test(journals_that_kept_too_little_make_a_laggard_say_so),
		cmocka_unit_test(one_wrong_clock_prepares_nothing_and_follows),
		cmocka_unit_test(two_wrong_clocks_of_four_wait_until_they_are_set),
		cmocka_unit_test(a_relay_cut_off_from_the_primary_is_heard_through_others),
		cmocka_unit_test(the_same_seed_gives_the_same_run),
		cmocka_unit_test(four_replicas_agree_under_any_crashes_and_losses),
		cmocka_unit_test(seven_replicas_agree_under_any_crashes_and_losses),
		cmocka_unit_test(larger_networks_agree_too),
	};

	return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
