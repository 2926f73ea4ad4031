/*
 * The program itself, as scripts call it: its output, its sentences, its exit status.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/card.h"
#include "daemon/control.h"
#include "daemon/status.h"
#include "tests/lib/nettext.h"
#include "tests/lib/tempdir.h"

static char dir[TEMPDIR_MAX], output[65536], errors[4096];

static void slurp(const char *name, char *text, size_t size)
{
	char path[TEMPDIR_MAX + 32];
	uint8_t *octets;
	size_t len;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	octets = tempdir_load(path, &len);
	assert_true(len < size);
	memcpy(text, octets, len);
	text[len] = '\0';
	free(octets);
}

static void store(const char *name, const char *text)
{
	char path[TEMPDIR_MAX + 64];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	tempdir_store(path, (const uint8_t *)text, strlen(text));
}

static int shell(const char *command)
{
	int status = system(command);

	assert_true(status >= 0 && WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Runs `agreectl ARGS` in the test's directory; returns its exit status, output and errors. */
static int ctl(const char *args)
{
	const char *top = getenv("top_builddir");
	char command[8192];
	int status;

	snprintf(command, sizeof command,
		 "cd '%s' && '%s/daemon/agreectl' %s >out 2>err </dev/null", dir,
		 top != NULL ? top : ".", args);
	status = shell(command);
	slurp("out", output, sizeof output);
	slurp("err", errors, sizeof errors);
	return status;
}

static void fails(const char *args, const char *part)
{
	assert_int_equal(ctl(args), 1);
	assert_string_equal(output, "");
	if (strstr(errors, part) == NULL)
		fail_msg("agreectl %s: `%s' has no `%s'", args, errors, part);
}

static int make_dir(void **state)
{
	char real[TEMPDIR_MAX];

	(void)state;
	tempdir_make(real);
	snprintf(dir, sizeof dir, "%s", real);
	return 0;
}

static int drop_dir(void **state)
{
	(void)state;
	tempdir_remove(dir);
	return 0;
}

/* Replicas r0 to r3, each with its card. */
static void init_four(void)
{
	for (int i = 0; i < 4; i++) {
		char args[128];

		snprintf(args, sizeof args, "init -d r%d m%d 127.0.0.1#%d 127.0.0.1#%d", i, i,
			 7001 + i, 7101 + i);
		assert_int_equal(ctl(args), 0);
	}
}

static void form_four(void)
{
	char command[2048];

	init_four();
	assert_int_equal(ctl("network --domain example.test r0/card r1/card r2/card r3/card"), 0);
	store("network", output);
	snprintf(command, sizeof command,
		 "cd '%s' && for i in 0 1 2 3; do cp network r$i/network; done", dir);
	assert_int_equal(shell(command), 0);
}

static void init_makes_a_replica_and_prints_its_card(void **state)
{
	char card[CARD_TEXT_MAX + 1], path[TEMPDIR_MAX + 32], sentence[512];
	struct netfile_member member;
	struct ap_text why;
	struct stat st;

	(void)state;
	assert_int_equal(ctl("init -d r m0 192.0.2.1#7853 2001:DB8::1#7854"), 0);
	assert_non_null(strstr(errors, "Send this card to the other members"));
	slurp("r/card", card, sizeof card);
	assert_string_equal(card, output);
	ap_text_init(&why, sentence, sizeof sentence);
	assert_int_equal(card_parse(&member, card, strlen(card) - 1, &why), 0);
	assert_string_equal(member.name, "m0");
	snprintf(path, sizeof path, "%s/r/identity.key", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	snprintf(path, sizeof path, "%s/r/data", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(ctl("checkconf -c r/agreed.conf -o pidfile"), 0);
	assert_non_null(strstr(output, "/r/agreed.pid\n"));
}

static void init_replaces_nothing(void **state)
{
	char before[4096], after[4096];

	(void)state;
	assert_int_equal(ctl("init -d r m0 192.0.2.1#7853 192.0.2.1#7854"), 0);
	slurp("r/identity.key", before, sizeof before);
	fails("init -d r m0 192.0.2.1#7853 192.0.2.1#7854", "is there already: nothing was made");
	slurp("r/identity.key", after, sizeof after);
	assert_string_equal(before, after);
}

static void init_refuses_what_no_network_can_use(void **state)
{
	(void)state;
	fails("init", "usage: agreectl init");
	fails("init -d r m0 192.0.2.1#7853", "usage: agreectl init");
	fails("init -d r M0 192.0.2.1#7853 192.0.2.1#7854", "lower-case");
	fails("init -d r m0 localhost#7853 192.0.2.1#7854", "localhost#7853: give a numeric");
	fails("init -d r m0 192.0.2.1 192.0.2.1#7854", "192.0.2.1: give a numeric");
	fails("init -d r m0 192.0.2.1#7853 192.0.2.1#7853", "different addresses or ports");
	fails("init -d r m0 0.0.0.0#7853 192.0.2.1#7853", "can reach");
	fails("init -d a/b m0 192.0.2.1#7853 192.0.2.1#7854", "cannot make the directory");
}

static void network_takes_files_and_lines(void **state)
{
	char args[4096], card[CARD_TEXT_MAX + 1], sentence[512];
	struct netfile net;
	struct ap_text why;

	(void)state;
	init_four();
	slurp("r0/card", card, sizeof card);
	card[strlen(card) - 1] = '\0';
	snprintf(args, sizeof args,
		 "network --domain Example.Test. --retention 1d --clock-bound=20 '%s' r3/card "
		 "r2/card "
		 "r1/card",
		 card);
	assert_int_equal(ctl(args), 0);
	ap_text_init(&why, sentence, sizeof sentence);
	assert_int_equal(netfile_parse(&net, "net", output, strlen(output), &why), 0);
	assert_string_equal(net.domain, "example.test");
	assert_string_equal(net.members[1].name, "m3"); /* in the order given */
	assert_true(net.retention_s == 86400 && net.clock_bound_s == 20);
}

static void network_reads_many_cards_of_one_file(void **state)
{
	char cards[4 * CARD_TEXT_MAX + 64] = "# the members\n\n", card[CARD_TEXT_MAX + 1];

	(void)state;
	init_four();
	for (int i = 0; i < 4; i++) {
		char name[32];

		snprintf(name, sizeof name, "r%d/card", i);
		slurp(name, card, sizeof card);
		strcat(cards, card);
	}
	store("cards", cards);
	assert_int_equal(ctl("network --domain example.test cards"), 0);
	cards[strlen(cards) - 2] ^= 1; /* the last signature */
	store("cards", cards);
	fails("network --domain example.test cards", "cards:6: ");
}

static void every_network_is_another(void **state)
{
	char first[8192];

	(void)state;
	init_four();
	assert_int_equal(ctl("network --domain example.test r0/card r1/card r2/card r3/card"), 0);
	strcpy(first, output);
	assert_int_equal(ctl("network --domain example.test r0/card r1/card r2/card r3/card"), 0);
	assert_string_not_equal(first, output); /* 32 fresh octets */
}

static void network_refuses_other_sizes_and_doubles(void **state)
{
	(void)state;
	init_four();
	fails("network --domain example.test r0/card r1/card r2/card",
	      "3 members: a network has 4, 7, 10 or 13 members (3f+1, so that f of them may fail)");
	fails("network --domain example.test r0/card", "1 member: a network has 4, 7, 10 or 13");
	fails("network --domain example.test r0/card r1/card r2/card r2/card",
	      "member m2: another member has this name");
	fails("network r0/card r1/card r2/card r3/card", "--domain is missing");
	fails("network --domain -x r0/card r1/card r2/card r3/card", "the domain is labels");
	fails("network --domain example.test --retention 1 r0/card", "choose 60 to ");
	fails("network --domain example.test --retention soon r0/card", "give a time such as");
	fails("network --domain example.test --retention", "--retention needs TIME behind it");
	fails("network --domain example.test none", "none: cannot open it: No such file");
	fails("network --domain example.test 'agree-card1 m0 x'", "this card: not a card");
}

static void checkconf_looks_at_all_files(void **state)
{
	(void)state;
	init_four();
	fails("checkconf -c r1/agreed.conf", "r1/network: cannot open it: No such file");
	assert_int_equal(ctl("network --domain example.test r0/card r1/card r2/card r3/card"), 0);
	store("r1/network", output);
	assert_int_equal(ctl("checkconf -c r1/agreed.conf"), 0);
	assert_string_equal(output, "no errors: replica 2, m1, of example.test\n");
	store("r1/agreed.conf", "server:\n\tcolour: red\n");
	fails("checkconf -c r1/agreed.conf", "r1/agreed.conf:2: unknown attribute `colour'");
	fails("checkconf -c r2/agreed.conf -o colour", "no such attribute");
}

static void restored_marks_the_directory_for_its_owner(void **state)
{
	uid_t owner = geteuid() == 0 ? 65534 : geteuid();
	char path[TEMPDIR_MAX + 32], other[TEMPDIR_MAX + 32], text[64];
	struct stat st;

	(void)state;
	assert_int_equal(ctl("init -d r m0 192.0.2.1#7853 192.0.2.1#7854"), 0);
	store("other", "not the replica's");
	snprintf(other, sizeof other, "%s/other", dir);
	snprintf(path, sizeof path, "%s/r/data", dir);
	assert_int_equal(chown(path, owner, (gid_t)-1), 0);
	snprintf(path, sizeof path, "%s/r/data/recovering", dir);
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(ctl("restored -c r/agreed.conf"), 0);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_uid, owner);
	slurp("r/data/recovering", text, sizeof text);
	assert_string_equal(text, "why=restored from a backup\n");
	slurp("other", text, sizeof text);
	assert_string_equal(text, "not the replica's");
	assert_int_equal(stat(other, &st), 0);
	assert_int_equal(st.st_uid, geteuid());
}

static void fingerprint_shows_what_operators_compare(void **state)
{
	char text[8192], sentence[512];
	struct netfile net;
	struct ap_text why;

	(void)state;
	form_four();
	slurp("network", text, sizeof text);
	ap_text_init(&why, sentence, sizeof sentence);
	assert_int_equal(netfile_parse(&net, "net", text, strlen(text), &why), 0);
	assert_int_equal(ctl("fingerprint --network network"), 0);
	assert_non_null(strstr(output, "domain: example.test\nmembers: 4, of which 1 may fail\n"));
	assert_non_null(strstr(output, "group key: none here yet\n"));
	ap_text_init(&why, sentence, sizeof sentence);
	ap_text_add(&why, "genesis: ");
	ap_text_hex(&why, net.genesis, 32);
	assert_non_null(strstr(output, sentence));
	store("r0/data/group.pub", "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s\n");
	assert_int_equal(ctl("fingerprint -c r0/agreed.conf"), 0);
	assert_non_null(strstr(output, "group key: -_v7-_v7-_v7"));
	store("r0/data/group.pub", "-_v7\n");
	fails("fingerprint -c r0/agreed.conf", "group.pub: damaged");
}

static void zone_prints_records_of_a_formed_network(void **state)
{
	(void)state;
	form_four();
	fails("zone -c r0/agreed.conf", "has no group key yet");
	fails("zone --network network --key xyz", "--key: give 43 characters");
	fails("zone --network none --key -_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s",
	      "none: cannot");
	fails("zone -c r0/agreed.conf --ttl 604801", "--ttl: give a number from 0 to 604800");
	fails("zone -c r0/agreed.conf --epoch 1x", "--epoch: give a number");
	store("r0/data/group.pub", "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s\n");
	assert_int_equal(ctl("zone -c r0/agreed.conf --ttl 60"), 0);
	assert_non_null(strstr(output, "_agree._udp.example.test.\t60\tIN\tTXT\t\"v=agree1\" "
				       "\"k=-_v7-_v7-_v7"));
	assert_null(strstr(output, "SOA"));
	fails("zone -c r0/agreed.conf --full --ns a..b", "--ns: not a domain name");
}

/* What is printed is a zone, also below another $ORIGIN. */
static void zone_is_a_zone_to_nsd(void **state)
{
	char command[2048];

	(void)state;
	if (shell("PATH=$PATH:/usr/sbin command -v nsd-checkzone >/dev/null") != 0)
		skip();
	form_four();
	assert_int_equal(ctl("zone --network network --full --ns ns.example.net "
			     "--key -_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s"),
			 0);
	store("zone", output);
	snprintf(
		command, sizeof command,
		"cd '%s' && { echo '$ORIGIN other.'; cat zone; } >zone2 && PATH=$PATH:/usr/sbin && "
		"nsd-checkzone example.test zone >out && nsd-checkzone example.test zone2 >out",
		dir);
	assert_int_equal(shell(command), 0);
}

static void commands_and_options_that_are_not_there_are_said(void **state)
{
	(void)state;
	assert_int_equal(ctl(""), 1);
	assert_non_null(strstr(errors, "usage: agreectl COMMAND"));
	fails("foo", "unknown command foo");
	fails("zone --foo", "unknown option --foo");
	fails("zone -c", "-c needs FILE behind it");
	fails("zone --full=1", "unknown option --full=1");
	fails("zone --full --full", "--full is given twice");
	fails("zone x", "usage: agreectl zone");
	fails("verbosity", "usage: agreectl verbosity");
}

static void every_command_has_help(void **state)
{
	static const char *const names[] = {"init",	 "network",    "zone",	   "fingerprint",
					    "checkconf", "status",     "stats",	   "peers",
					    "stop",	 "log_reopen", "verbosity"};

	(void)state;
	assert_int_equal(ctl("help"), 0);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		char args[64], usage[64];

		snprintf(usage, sizeof usage, "\n  %-12s ", names[i]);
		assert_int_equal(ctl("-h"), 0);
		assert_non_null(strstr(output, usage));
		snprintf(usage, sizeof usage, "usage: agreectl %s", names[i]);
		snprintf(args, sizeof args, "help %s", names[i]);
		assert_int_equal(ctl(args), 0);
		assert_memory_equal(output, usage, strlen(usage));
		snprintf(args, sizeof args, "%s --help", names[i]);
		assert_int_equal(ctl(args), 0);
		assert_memory_equal(output, usage, strlen(usage));
	}
	assert_int_equal(ctl("-V"), 0);
	assert_memory_equal(output, "agreectl ", 9);
}

/* ---- with a daemon's side that answers ---- */

static struct event_base *base;

static int run_status(void *arg, int argc, const char *const *argv, struct ap_text *out)
{
	struct status status = {.self = 1, .phase = "live", .epoch = 1, .seq = 42};

	(void)argc;
	(void)argv;
	status.net = arg;
	status_show(out, &status);
	return 0;
}

static int run_verbosity(void *arg, int argc, const char *const *argv, struct ap_text *out)
{
	(void)arg;
	(void)argc;
	ap_text_addf(out, "verbosity %s is too much", argv[1]);
	return 1;
}

static int run_stop(void *arg, int argc, const char *const *argv, struct ap_text *out)
{
	(void)arg;
	(void)argc;
	(void)argv;
	(void)out;
	event_base_loopbreak(base);
	return 0;
}

static const struct control_command commands[] = {
	{"status", 0, 0, ": state", run_status},
	{"verbosity", 1, 1, "N: log more or less", run_verbosity},
	{"stop", 0, 0, ": stop", run_stop},
	{NULL, 0, 0, NULL, NULL},
};

/* A child that listens at s, beside a configuration that says so. */
static pid_t daemon_start(void)
{
	char path[TEMPDIR_MAX + 8], sentence[512];
	struct control *control;
	struct netfile net;
	struct ap_text why;
	pid_t child;

	store("agreed.conf", "remote-control:\n\tsocket: s\n");
	snprintf(path, sizeof path, "%s/s", dir);
	nettext_members(&net, 4);
	strcpy(net.members[0].name, "7"); /* looks like a number, is a name */
	ap_text_init(&why, sentence, sizeof sentence);
	base = event_base_new();
	assert_non_null(base);
	assert_int_equal(control_new(&control, base, path, commands, &net, &why), 0);
	child = fork(); /* it listens already, so nobody need wait */
	if (child == 0) {
		event_reinit(base);
		event_base_dispatch(base);
		control_free(control);
		_exit(0);
	}
	return child;
}

static void running_replicas_are_asked(void **state)
{
	pid_t child = daemon_start();
	int status;

	(void)state;
	assert_int_equal(ctl("status -c agreed.conf"), 0);
	assert_non_null(strstr(output, "\nsequence           42\n"));
	assert_non_null(strstr(output, "\npeer.2             m1 down 2001:db8::2#7854\n"));
	assert_int_equal(ctl("status -j -c agreed.conf"), 0);
	assert_memory_equal(output, "{\"domain\":\"example.test\",\"replica\":\"7\",\"id\":1,", 46);
	assert_non_null(strstr(output, ",\"group_key\":\"\",\"epoch\":1,"));
	assert_non_null(strstr(output, ",\"peer.2\":\"m1 down 2001:db8::2#7854\","));
	assert_string_equal(output + strlen(output) - 2, "}\n");
	fails("verbosity -c agreed.conf 9", "agreectl verbosity: verbosity 9 is too much\n");
	fails("stats -c agreed.conf", "unknown command");
	assert_int_equal(ctl("stop -c agreed.conf"), 0);
	assert_int_equal(ctl("status -c agreed.conf"), 3); /* stop waits for that */
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void replicas_that_do_not_run_give_3(void **state)
{
	(void)state;
	store("agreed.conf", "remote-control:\n\tsocket: s\n");
	assert_int_equal(ctl("status -c agreed.conf"), 3);
	assert_non_null(strstr(errors, "agreed is not running"));
	assert_int_equal(ctl("stop -c agreed.conf"), 3);
	store("agreed.conf", "remote-control:\n\tsocket: \"\"\n");
	fails("status -c agreed.conf", "has no control socket");
	fails("status -c none.conf", "none.conf: cannot open the configuration");
}

int main(void)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, make_dir, drop_dir)
	const struct CMUnitTest tests[] = {
		ONE(init_makes_a_replica_and_prints_its_card),
		ONE(init_replaces_nothing),
		ONE(init_refuses_what_no_network_can_use),
		ONE(network_takes_files_and_lines),
		ONE(network_reads_many_cards_of_one_file),
		ONE(every_network_is_another),
		ONE(network_refuses_other_sizes_and_doubles),
		ONE(checkconf_looks_at_all_files),
		ONE(restored_marks_the_directory_for_its_owner),
		ONE(fingerprint_shows_what_operators_compare),
		ONE(zone_prints_records_of_a_formed_network),
		ONE(zone_is_a_zone_to_nsd),
		ONE(commands_and_options_that_are_not_there_are_said),
		ONE(every_command_has_help),
		ONE(running_replicas_are_asked),
		ONE(replicas_that_do_not_run_give_3),
	};

	return cmocka_run_group_tests_name("agreectl", tests, NULL, NULL);
}
