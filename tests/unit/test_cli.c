/* The program agree, run as people run it, against a network in a child of this process. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libproto/name.h"
#include "tests/lib/fakenet.h"
#include "tests/lib/tempdir.h"

static struct fakenet net;
static char dir[TEMPDIR_MAX], program[1024], key[64];
static char out[64 * 1024], err[64 * 1024]; /* what the last run wrote */
static pid_t child;

static void serve(void)
{
	for (;;) {
		net.now_ms = (uint64_t)time(NULL) * 1000;
		fakenet_serve(&net, -1, 1000);
	}
}

/* The child takes over the network as it is now. */
static void serving(void)
{
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		serve();
}

static int setup(void **state)
{
	const char *top = getenv("top_builddir");
	char dns[64];
	struct ap_text t;

	(void)state;
	tempdir_make(dir);
	snprintf(program, sizeof(program), "%s/resolver/agree", top != NULL ? top : ".");
	fakenet_init(&net, 4);
	fakenet_open(&net);
	ap_text_init(&t, key, sizeof(key));
	ap_base64url_show(&t, net.key.public_key, 32);
	snprintf(dns, sizeof(dns), "127.0.0.1#%u", net.replicas[0].port);
	setenv("AGREE_DNS", dns, 1);
	setenv("XDG_CONFIG_HOME", dir, 1);
	setenv("KEY", key, 1);
	setenv("DIR", dir, 1);
	child = -1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	fakenet_close(&net);
	fakenet_clear(&net);
	tempdir_remove(dir);
	return 0;
}

static void read_back(const char *name, char *text, size_t size)
{
	char path[TEMPDIR_MAX + 16];
	size_t len;
	uint8_t *octets;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	octets = tempdir_load(path, &len);
	assert_true(len < size);
	memcpy(text, octets, len);
	text[len] = '\0';
	free(octets);
}

/* Arguments as a shell reads them, with $KEY and $DIR. The exit status. */
static int agree(const char *arguments)
{
	char command[4096];
	int status;

	snprintf(command, sizeof(command), "%s %s >$DIR/out 2>$DIR/err", program, arguments);
	status = system(command);
	read_back("out", out, sizeof(out));
	read_back("err", err, sizeof(err));
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void assert_run(int status, const char *arguments)
{
	int got = agree(arguments);

	if (got != status)
		fail_msg("agree %s: %d instead of %d\n%s%s", arguments, got, status, out, err);
}

static void assert_out(const char *text)
{
	if (strstr(out, text) == NULL)
		fail_msg("\"%s\" is not in:\n%s", text, out);
}

static void assert_err(const char *text)
{
	if (strstr(err, text) == NULL)
		fail_msg("\"%s\" is not in:\n%s", text, err);
}

/* A member of the JSON object, without quotes. */
static void member(const char *name, char *value, size_t size)
{
	char quoted[64];
	const char *at, *end;

	snprintf(quoted, sizeof(quoted), "\"%s\": \"", name);
	at = strstr(out, quoted);
	assert_non_null(at);
	at += strlen(quoted);
	end = strchr(at, '"');
	assert_true(end != NULL && (size_t)(end - at) < size);
	memcpy(value, at, (size_t)(end - at));
	value[end - at] = '\0';
}

/* ---- verbs ---- */

static void domain_alone_is_info(void **state)
{
	(void)state;
	serving();
	assert_run(0, "example.test +key=$KEY");
	assert_out(";; NETWORK: example.test\n;; KEY: ");
	assert_out(" (from caller)\n;; SAYS: replicas 4, epoch 7, retention 604800 s\n");
	assert_out("r3.example.test\t127.0.0.1#");
	assert_run(0, "info example.test +key=$KEY +json");
	assert_out("\"domain\": \"example.test\"");
	assert_out("\"n\": 4, \"epoch\": 7, \"retention\": 604800");
	assert_run(0, "example.test +key=$KEY +short");
	assert_int_equal(strncmp(out, key, 43), 0);
}

static void proposal_decides_and_prints_json(void **state)
{
	char ticket[4096], arguments[8192], id[128];

	(void)state;
	serving();
	assert_run(0, "propose example.test job host-a +deadline=600s +key=$KEY +json");
	assert_out("{\"outcome\": \"decided\", \"value\": \"host-a\", "
		   "\"value_hex\": \"686f73742d61\", \"id\": \"");
	assert_out("\"verified\": true, \"trust\": \"caller\", \"server\": \"127.0.0.1#");
	member("ticket", ticket, sizeof(ticket));
	member("id", id, sizeof(id));
	snprintf(arguments, sizeof(arguments), "get example.test %s +short +key=$KEY", ticket);
	assert_run(0, arguments);
	assert_string_equal(out, "host-a\n");
	snprintf(arguments, sizeof(arguments), "get example.test %s +json +key=$KEY", id);
	assert_run(0, arguments);
	assert_out("\"value\": \"host-a\"");
	assert_out("\"ticket\": null");
	snprintf(arguments, sizeof(arguments), "propose example.test %s host-b +short +key=$KEY",
		 ticket);
	assert_run(17, arguments);
	assert_string_equal(out, "host-a\n");
	assert_err("decided otherwise than proposed");
	snprintf(arguments, sizeof(arguments), "show %s +key=$KEY", ticket);
	assert_run(0, arguments);
	assert_out("label:    \"job\"\nkind:     open, the first proposal decides\n");
	assert_out(id);
}

static void relative_deadlines_are_fresh_and_absolute_ones_shared(void **state)
{
	(void)state;
	serving();
	assert_run(0, "propose example.test job a +key=$KEY +short");
	assert_run(0, "propose example.test job b +key=$KEY +short");
	assert_string_equal(out, "b\n");
	assert_run(0, "propose example.test job a +deadline=2099-01-01T00:00:00Z +key=$KEY +short");
	assert_run(17,
		   "propose example.test job b +deadline=2099-01-01T00:00:00Z +key=$KEY +short");
	assert_string_equal(out, "a\n");
	assert_run(0, "get example.test job +deadline=2099-01-01T00:00:00Z +key=$KEY +short");
	assert_string_equal(out, "a\n");
	assert_run(1, "get example.test job +key=$KEY");
	assert_run(1, "get example.test job +deadline=1h +key=$KEY");
	assert_run(1, "propose example.test job a +deadline=soon +key=$KEY");
	assert_err("bad time");
}

static void ticket_is_made_and_used(void **state)
{
	char ticket[4096], arguments[8192];

	(void)state;
	serving();
	assert_run(0, "new example.test +key=$KEY +short");
	snprintf(ticket, sizeof(ticket), "%.*s", (int)strcspn(out, "\n"), out);
	assert_int_equal(strncmp(ticket, "agree1-", 7), 0);
	snprintf(arguments, sizeof(arguments), "get example.test %s +key=$KEY", ticket);
	assert_run(14, arguments);
	assert_out(";; AGREEMENT: pending, sequence ");
	snprintf(arguments, sizeof(arguments), "propose example.test %s mine +key=$KEY", ticket);
	assert_run(0, arguments);
	assert_out(";; AGREEMENT: decided, sequence ");
	assert_out(";; SERVER: 127.0.0.1#");
	assert_out(";; MSG SIZE  rcvd: ");
	assert_run(1, "new example.test +deadline=2099-01-01T00:00:00Z +key=$KEY");
	assert_run(0, "new example.test job +deadline=2099-01-01T00:00:00Z +key=$KEY +json");
	assert_out("\"deadline\": \"2099-01-01T00:00:00.000Z\"");
	ticket[12] = ticket[12] == 'A' ? 'B' : 'A';
	snprintf(arguments, sizeof(arguments), "get example.test %s +key=$KEY", ticket);
	assert_run(1, arguments);
	assert_err("damaged");
}

static void past_and_unknown_have_their_statuses(void **state)
{
	(void)state;
	serving();
	assert_run(13, "get example.test job +deadline=2026-01-01T00:00:00Z +key=$KEY +json");
	assert_out("\"outcome\": \"aborted\", \"reason\": \"deadline\", \"value\": null, "
		   "\"value_hex\": null");
	assert_out("\"sequence\": 0, \"time\": \"2026-01-01T00:00:00.000Z\"");
	assert_run(15, "get example.test +key=$KEY "
		       "01lgtdm04djlh58h5qlradaj47vvkh3q9uuirvr2vdmnieo7vf3qtlbiobn0 +short");
	assert_string_equal(out, "");
	assert_err("unknown");
}

static void every_replica_answers_if_asked_to(void **state)
{
	(void)state;
	net.replicas[1].mood = FAKENET_FORGES;
	serving();
	assert_run(12, "propose example.test job a +deadline=2099-01-01T00:00:00Z +replicas +json "
		       "+key=$KEY");
	assert_out("\"verified\": false, \"status\": 12}\n");
	for (const char *at = out, *line = out; *at != '\0'; at++) {
		if (*at != '\n')
			continue;
		assert_int_equal(*line, '{');
		assert_int_equal(at[-1], '}');
		line = at + 1;
	}
	assert_run(0, "@$AGREE_DNS propose example.test job a +deadline=2099-01-01T00:00:00Z "
		      "+replicas +short +key=$KEY");
	assert_string_equal(out, "a\n");
}

static void requests_and_ways_are_shown_if_asked_for(void **state)
{
	(void)state;
	serving();
	assert_run(0, "propose example.test job a +key=$KEY +qr +trace +tcp");
	assert_out(";; Sending:\n;; ->>HEADER<<- opcode: UPDATE, status: NOERROR");
	assert_out("\tIN\tPROPOSE\tAPPROVE \"a\"");
	assert_err("looking up SRV _agree._udp.example.test");
	assert_err("(TCP): proven");
	assert_run(0, "propose example.test job a +key=$KEY +noall +answer");
	assert_out("\tIN\tAGREE\tDECIDED \"a\"");
	assert_null(strstr(out, ";"));
}

/* ---- keys ---- */

static void keys_are_asked_for_and_remembered(void **state)
{
	(void)state;
	serving();
	assert_run(18, "propose example.test job a");
	assert_err("+tofu");
	assert_err(key); /* to compare */
	assert_run(9, "propose example.test job a -6 +key=$KEY");
	assert_err("no address that may be used");
	assert_run(0, "propose example.test job a +tofu +json");
	assert_out("\"trust\": \"tofu\"");
	assert_run(0, "propose example.test job a +json");
	assert_out("\"trust\": \"known_networks\"");
	assert_run(12, "propose example.test job a +short "
		       "+key=11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
	assert_err("the key is not this network's");
	assert_string_equal(out, "");
	assert_run(12, "info example.test +key=11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
	assert_err("the key is not this network's");
}

static void damaged_known_networks_is_named_with_its_line(void **state)
{
	static const char text[] = "# mine\nexample.test shortkey\n";
	char path[TEMPDIR_MAX + 64], place[TEMPDIR_MAX + 80];

	(void)state;
	serving();
	snprintf(path, sizeof(path), "%s/keys", dir);
	snprintf(place, sizeof(place), "%s:2: ", path);
	tempdir_store(path, (const uint8_t *)text, sizeof(text) - 1);
	assert_run(12, "info example.test +tofu +known=$DIR/keys");
	assert_err(place);
	assert_err("known_networks");
	assert_run(0, "propose example.test job a +key=$KEY +proof=$DIR/p");
	assert_run(12, "verify $DIR/p +known=$DIR/keys");
	assert_err(place);
}

static void changed_key_is_shouted(void **state)
{
	char path[TEMPDIR_MAX + 64];
	static const char line[] = "example.test 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo 1 "
				   "2026-01-01T00:00:00.000Z tofu\n";

	(void)state;
	serving();
	snprintf(path, sizeof(path), "%s/keys", dir);
	tempdir_store(path, (const uint8_t *)line, sizeof(line) - 1);
	assert_run(12, "propose example.test job a +tofu +known=$DIR/keys");
	assert_err("THE KEY OF THIS NETWORK IS NOT THE ONE IT HAD!");
	assert_string_equal(out, "");
}

/* ---- proofs ---- */

static void proof_is_saved_and_verified_offline(void **state)
{
	char path[TEMPDIR_MAX + 16];
	uint8_t *octets;
	size_t len;

	(void)state;
	serving();
	assert_run(0, "propose example.test job a +proof=/dev/stdout +key=$KEY +short");
	assert_int_equal(strncmp(out, "a\nagree-proof 1\n", 16), 0);
	assert_run(0, "propose example.test job a +proof=$DIR/p +key=$KEY +short");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	child = -1;
	assert_run(0, "verify $DIR/p +key=$KEY +short");
	assert_string_equal(out, "a\n");
	assert_run(0, "verify $DIR/p +key=$KEY");
	assert_out(";; AGREEMENT: decided, sequence ");
	assert_run(18, "verify $DIR/p");
	assert_run(12, "verify $DIR/p +key=11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
	assert_run(10, "verify $DIR/none +key=$KEY");
	snprintf(path, sizeof(path), "%s/p", dir);
	octets = tempdir_load(path, &len);
	tempdir_store(path, octets, len - 1);
	assert_run(12, "verify $DIR/p +key=$KEY");
	assert_err("not a proof file, or damaged");
	octets[len / 2] ^= 1;
	tempdir_store(path, octets, len);
	assert_run(12, "verify $DIR/p +key=$KEY");
	assert_string_equal(out, "");
	free(octets);
}

/* ---- what goes wrong ---- */

static void network_that_is_not_there_is_nine(void **state)
{
	(void)state;
	assert_run(9, "propose example.test job a +dns=127.0.0.1#1 +time=1 +tries=1 +key=$KEY");
	serving();
	assert_run(9, "propose other.test job a +key=$KEY");
	assert_run(9, "@127.0.0.1#1 propose example.test job a +time=1 +tries=1 +key=$KEY");
}

static void refusal_is_eleven(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		net.replicas[i].mood = FAKENET_REFUSES;
	serving();
	assert_run(11, "propose example.test job a +key=$KEY +json");
	assert_err("beyond the network's horizon");
	assert_out("{\"error\": \"AGREE_EHORIZON\"");
}

static void usage_is_one(void **state)
{
	static const char *const lines[] = {
		"",
		"+nonsense",
		"propose example.test job",
		"propose example.test job a b",
		"get",
		"verify",
		"show",
		"show agree1-AAAA",
		"-p 99 example.test",
		"@nowhere example.test",
		"info a..b",
		"example.test +key=short",
		"example.test -b nowhere",
		"get example.test x +wait=99d +key=$KEY",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (i + 1 == sizeof(lines) / sizeof(lines[0]))
			serving();
		assert_run(1, lines[i]);
	}
	assert_run(0, "-h");
	assert_out("propose DOMAIN LABEL|TICKET VALUE");
	assert_run(0, "-V");
	assert_out("agree " PACKAGE_VERSION "\n");
}

static void result_that_cannot_be_written_is_ten(void **state)
{
	char command[2048];
	int status;

	(void)state;
	serving();
	assert_run(10, "propose example.test job a +proof=$DIR/none/p +key=$KEY +short");
	snprintf(command, sizeof(command), "%s -h >/dev/full 2>/dev/null", program);
	status = system(command);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 10);
}

/* ---- batches ---- */

static void batch_does_each_line_and_returns_the_worst(void **state)
{
	static const char lines[] =
		"# a comment\n"
		"propose example.test job \"a b\" +short\n"
		"\n"
		"propose example.test job2 c +deadline=2099-01-01T00:00:00Z +short\n"
		"propose example.test job2 d +deadline=2099-01-01T00:00:00Z +short\n"
		"propose example.test\n"
		"get example.test job3 +deadline=2099-01-01T00:00:00Z +short";
	char path[TEMPDIR_MAX + 16];

	(void)state;
	serving();
	snprintf(path, sizeof(path), "%s/lines", dir);
	tempdir_store(path, (const uint8_t *)lines, sizeof(lines) - 1);
	assert_run(1, "-f $DIR/lines +key=$KEY");
	assert_string_equal(out, "a b\nc\nc\n");
	assert_err("lines:5: decided otherwise than proposed");
	assert_err("lines:6: it is agree propose DOMAIN LABEL|TICKET VALUE");
	assert_err("lines:7: pending");
	assert_run(8, "-f $DIR/none +key=$KEY");
	assert_run(0, "-f - +key=$KEY +short +tcp </dev/null");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(domain_alone_is_info),
		TEST(proposal_decides_and_prints_json),
		TEST(relative_deadlines_are_fresh_and_absolute_ones_shared),
		TEST(ticket_is_made_and_used),
		TEST(past_and_unknown_have_their_statuses),
		TEST(every_replica_answers_if_asked_to),
		TEST(requests_and_ways_are_shown_if_asked_for),
		TEST(keys_are_asked_for_and_remembered),
		TEST(damaged_known_networks_is_named_with_its_line),
		TEST(changed_key_is_shouted),
		TEST(proof_is_saved_and_verified_offline),
		TEST(network_that_is_not_there_is_nine),
		TEST(refusal_is_eleven),
		TEST(usage_is_one),
		TEST(result_that_cannot_be_written_is_ten),
		TEST(batch_does_each_line_and_returns_the_worst),
	};

	return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
