/*
 * Networks of cores under faults, from seeds. tests/lib/net.h lists what is checked at every step;
 * what is asked of each run here is that once the faults have stopped everything that was handed in
 * gets executed by everybody. NET_SEED=n repeats one seed.
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
	const char *one = getenv("NET_SEED");

	if (one != NULL) {
		from = strtoull(one, NULL, 10);
		count = 1;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(four_replicas_agree_under_any_crashes_and_losses),
		cmocka_unit_test(seven_replicas_agree_under_any_crashes_and_losses),
	};

	return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
