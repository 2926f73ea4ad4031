#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/control.h"
#include "daemon/status.h"
#include "tests/lib/nettext.h"

static char text[CONTROL_REPLY_MAX];

static struct status make(struct netfile *net, unsigned n)
{
	struct status status = {.net = net, .self = 2, .phase = "live", .epoch = 1, .view = 5};

	nettext_members(net, n);
	memset(status.key, 0xfb, sizeof status.key);
	return status;
}

static void show(const struct status *status)
{
	struct ap_text t;

	ap_text_init(&t, text, sizeof text);
	status_show(&t, status);
	assert_false(t.cut);
}

static void has(const char *line)
{
	if (strstr(text, line) == NULL)
		fail_msg("no `%s' in:\n%s", line, text);
}

static void a_living_replica_shows_all_that_it_is(void **state)
{
	struct netfile net;
	struct status status = make(&net, 4);

	(void)state;
	status.seq = 42;
	status.time_ms = 1795500840000;
	status.up = 0xd; /* members 1, 3, 4 */
	status.pool[3] = 17;
	show(&status);
	assert_memory_equal(text, "domain=example.test\nreplica=m1\nid=2\nn=4\nf=1\nphase=live\n",
			    55);
	has("\ngroup_key=-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s\nepoch=1\n");
	has("\nview=5\nprimary=m1\nsequence=42\n"); /* 1 + (5 mod 4) = 2 */
	has("\ntime=2026-11-24T06:14:00.000Z\n");
	has("\npeers_up=3\n");
	has("\npeer.1=m0 up 2001:db8::1#7854\n");
	has("\npool.4=17\n");
	assert_null(strstr(text, "peer.2="));
	assert_null(strstr(text, "culprit"));
}

static void the_own_bit_is_no_peer(void **state)
{
	struct netfile net;
	struct status status = make(&net, 4);

	(void)state;
	status.up = 0x2;
	show(&status);
	has("\npeers_up=0\n");
	has("\npeer.3=m2 down 2001:db8::3#7854\n");
}

static void a_forming_replica_has_no_key_yet(void **state)
{
	struct netfile net;
	struct status status = make(&net, 4);

	(void)state;
	memset(status.key, 0, sizeof status.key);
	status.phase = "failed";
	status.culprit = 4;
	show(&status);
	has("\nphase=failed\nculprit=m3\n");
	has("\ngroup_key=\n");
}

/* agreectl takes every line apart at its first `=`. */
static void every_line_is_a_pair(void **state)
{
	struct netfile net;
	struct status status = make(&net, 13);
	char *save, *line;

	(void)state;
	show(&status);
	for (line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
		assert_true(strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789_.") ==
			    strcspn(line, "="));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_living_replica_shows_all_that_it_is),
		cmocka_unit_test(the_own_bit_is_no_peer),
		cmocka_unit_test(a_forming_replica_has_no_key_yet),
		cmocka_unit_test(every_line_is_a_pair),
	};

	return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
