/* Four whole replicas in one process: daemon/run.c and what it holds together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/outcome.h"
#include "tests/lib/cluster.h"

static int live(void **state)
{
	*state = cluster_live();
	return 0;
}

static int down(void **state)
{
	cluster_free(*state);
	return 0;
}

static void start_all(struct cluster *c)
{
	for (unsigned i = 0; i < CLUSTER_N; i++) {
		if (c->run[i] == NULL)
			cluster_start(c, i);
	}
}

struct kept { /* of a decided instance */
	struct dnsask_instance instance;
	char value[32];
	uint64_t sequence, time;
};

static void decide(struct cluster *c, struct kept *k, unsigned i, unsigned number)
{
	const ap_agree *agree;
	char label[32];

	snprintf(label, sizeof(label), "instance %u", number);
	snprintf(k->value, sizeof(k->value), "value %u", number);
	cluster_instance(c, &k->instance, label);
	agree = cluster_propose(c, i, &k->instance, k->value);
	assert_int_equal(agree->outcome.status, AP_STATUS_DECIDED);
	k->sequence = agree->outcome.sequence;
	k->time = agree->outcome.time;
}

static void assert_stands(struct cluster *c, const struct kept *k, unsigned i)
{
	const ap_agree *agree = cluster_get(c, i, &k->instance);

	assert_int_equal(agree->outcome.status, AP_STATUS_DECIDED);
	assert_int_equal(agree->outcome.sequence, k->sequence);
	assert_int_equal(agree->outcome.time, k->time);
	assert_int_equal(agree->outcome.value.len, strlen(k->value));
	assert_memory_equal(agree->outcome.value.data, k->value, strlen(k->value));
}

static void a_network_forms_and_agrees(void **state)
{
	struct cluster *c = *state;
	struct kept k[8];
	uint8_t digest[32];

	for (unsigned n = 0; n < 8; n++)
		decide(c, &k[n], n % 4, n);
	for (unsigned n = 0; n < 8; n++) {
		for (unsigned i = 0; i < 4; i++)
			assert_stands(c, &k[n], i);
	}
	cluster_settle(c);
	cluster_state(c, digest);
}

static void stopped_and_started_it_is_the_same(void **state)
{
	struct cluster *c = *state;
	uint8_t before[32], after[32];
	struct kept k[6];
	uint64_t seq[4];

	for (unsigned n = 0; n < 6; n++)
		decide(c, &k[n], n % 4, n);
	cluster_settle(c);
	cluster_state(c, before);
	for (unsigned i = 0; i < 4; i++) {
		seq[i] = machine_seq(c->run[i]->machine);
		cluster_stop(c, i);
	}
	for (unsigned i = 0; i < 4; i++) {
		cluster_start(c, i);
		assert_int_equal(machine_seq(c->run[i]->machine), seq[i]);
		machine_digest(c->run[i]->machine, after);
		assert_memory_equal(before, after, 32);
	}
	for (unsigned n = 0; n < 6; n++)
		assert_stands(c, &k[n], (n + 1) % 4);
	decide(c, &k[0], 2, 100);
	assert_stands(c, &k[0], 1);
}

static void killed_all_at_once_it_loses_nothing_that_was_answered(void **state)
{
	struct cluster *c = *state;
	struct kept k[12];

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned n = 4 * round; n < 4 * round + 4; n++)
			decide(c, &k[n], n % 4, n);
		for (unsigned i = 0; i < 4; i++)
			cluster_kill(c, i);
		start_all(c);
		for (unsigned n = 0; n < 4 * round + 4; n++)
			assert_stands(c, &k[n], (n + round) % 4);
	}
}

static void without_one_backup_it_goes_on_and_that_one_follows(void **state)
{
	struct cluster *c = *state;
	struct kept k[20];
	uint8_t digest[32];

	decide(c, &k[0], 0, 0);
	cluster_kill(c, 3); /* the primary of view 0 is replica 0: identifier 1 */
	for (unsigned n = 1; n < 20; n++)
		decide(c, &k[n], n % 3, n);
	start_all(c);
	cluster_settle(c);
	cluster_state(c, digest);
	for (unsigned n = 0; n < 20; n++)
		assert_stands(c, &k[n], 3);
}

static bool is_merged(struct cluster *c, void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < CLUSTER_N; i++) {
		struct index_info info;

		if (c->run[i] == NULL)
			continue;
		index_info(c->run[i]->index, &info);
		if (info.merged_seq < RUN_INTERVAL)
			return false;
	}
	return true;
}

static void behind_a_checkpoint_it_starts_from_the_store(void **state)
{
	struct cluster *c = *state;
	static struct kept k[3 * RUN_INTERVAL];
	uint8_t before[32], after[32];
	struct index_info info;
	unsigned n = 0;

	while (!is_merged(c, NULL) && n < 3 * RUN_INTERVAL - 1) {
		decide(c, &k[n], n % 4, n);
		n++;
	}
	cluster_until(c, is_merged, NULL);
	decide(c, &k[n++], 1, 5000);
	cluster_settle(c);
	cluster_state(c, before);
	for (unsigned i = 0; i < 4; i++)
		cluster_stop(c, i);
	for (unsigned i = 0; i < 4; i++) {
		cluster_start(c, i);
		machine_digest(c->run[i]->machine, after);
		assert_memory_equal(before, after, 32);
		index_info(c->run[i]->index, &info);
		assert_true(info.merged_seq >= RUN_INTERVAL);
	}
	for (unsigned m = 0; m < n; m += 7)
		assert_stands(c, &k[m], m % 4);
	assert_stands(c, &k[n - 1], 3);
}

static void one_far_behind_a_checkpoint_catches_up_by_batches(void **state)
{
	struct cluster *c = *state;
	struct kept k, last;
	uint8_t digest[32];
	unsigned n = 0;

	cluster_kill(c, 2);
	decide(c, &k, 0, 0);
	while (!is_merged(c, NULL) && ++n < 400)
		decide(c, &last, n % 2, n);
	cluster_until(c, is_merged, NULL);
	start_all(c);
	cluster_settle(c);
	cluster_state(c, digest);
	assert_stands(c, &k, 2);
	assert_stands(c, &last, 2);
}

static void status_and_counters_are_shown(void **state)
{
	struct cluster *c = *state;
	static char text[1 << 16];
	struct ap_text t;
	struct kept k;

	decide(c, &k, 1, 1);
	ap_text_init(&t, text, sizeof(text));
	run_status(c->run[1], &t);
	assert_false(t.cut);
	assert_non_null(strstr(text, "beta"));
	assert_non_null(strstr(text, "live"));
	ap_text_init(&t, text, sizeof(text));
	run_stats(c->run[1], &t);
	assert_non_null(strstr(text, "updates="));
	assert_null(strstr(text, "updates=0\n"));
	ap_text_init(&t, text, sizeof(text));
	run_peers(c->run[1], &t);
	assert_non_null(strstr(text, "peer=alpha id=1 up=yes"));
	assert_null(strstr(text, "peer=beta"));
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, live, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE(a_network_forms_and_agrees),
		LIVE(stopped_and_started_it_is_the_same),
		LIVE(killed_all_at_once_it_loses_nothing_that_was_answered),
		LIVE(without_one_backup_it_goes_on_and_that_one_follows),
		LIVE(behind_a_checkpoint_it_starts_from_the_store),
		LIVE(one_far_behind_a_checkpoint_catches_up_by_batches),
		LIVE(status_and_counters_are_shown),
	};

	return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
