#include "config.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/conf.h"
#include "libproto/agree_errors.h"
#include "tests/lib/tempdir.h"

static char dir[TEMPDIR_MAX], sentence[CONF_WHY_MAX];
static struct conf conf;

static int make_dir(void **state)
{
	char *real;

	(void)state;
	tempdir_make(dir);
	real = realpath(dir, NULL); /* as the parser will see it */
	assert_non_null(real);
	snprintf(dir, sizeof dir, "%s", real);
	free(real);
	return 0;
}

static int drop_dir(void **state)
{
	(void)state;
	conf_clear(&conf);
	tempdir_remove(dir);
	return 0;
}

static const char *path_of(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void store(const char *name, const char *text)
{
	tempdir_store(path_of(name), (const uint8_t *)text, strlen(text));
}

static int load(void)
{
	struct ap_text why;

	conf_clear(&conf);
	ap_text_init(&why, sentence, sizeof sentence);
	return conf_load(&conf, path_of("agreed.conf"), &why);
}

static void accepted(const char *text)
{
	store("agreed.conf", text);
	if (load() != 0)
		fail_msg("refused: %s", sentence);
}

/* The file is refused: `file:line: ` begins the sentence, and `part` is in it. */
static void refused(const char *text, unsigned line, const char *part)
{
	static const struct conf zero;
	char begin[PATH_MAX + 64];

	store("agreed.conf", text);
	assert_int_equal(load(), AGREE_EUSAGE);
	assert_memory_equal(&conf, &zero, sizeof conf);
	snprintf(begin, sizeof begin, "%s:%u: ", path_of("agreed.conf"), line);
	if (strncmp(sentence, begin, strlen(begin)) != 0 || strstr(sentence, part) == NULL)
		fail_msg("`%s' is no `%s...%s'", sentence, begin, part);
}

static void an_empty_file_gives_the_defaults(void **state)
{
	(void)state;
	accepted("");
	assert_string_equal(conf.username, "");
	assert_string_equal(conf.pidfile, "");
	assert_int_equal(conf.verbosity, 1);
	assert_false(conf.hide_version);
	assert_string_equal(conf.data, path_of("data"));
	assert_string_equal(conf.identity, path_of("identity.key"));
	assert_string_equal(conf.network, path_of("network"));
	assert_string_equal(conf.socket, path_of("control.sock"));
	assert_int_equal(conf.listen.n, 0);
	assert_int_equal(conf.clients_max, 1000);
}

static void values_are_taken(void **state)
{
	(void)state;
	accepted("# a comment\n"
		 "server:\n"
		 "\tusername: agreed   # another\n"
		 "  verbosity: 3\n"
		 "\thide-version: yes\r\n"
		 "\tnsid: \"a name, with # and spaces\"\t# quoted\n"
		 "\tlog-file: \"\"\n"
		 "\n"
		 "replica: # a section's comment\n"
		 "\tdata: /var/lib/agreed\n"
		 "\tnetwork: sub/net\n"
		 "\tlisten: 192.0.2.1#7853\n"
		 "\tlisten:2001:db8::1#7853 # no space is needed before, one is before a comment\n"
		 "\tlink-listen: 0.0.0.0#7854"); /* and no line feed at the end */
	assert_string_equal(conf.username, "agreed");
	assert_int_equal(conf.verbosity, 3);
	assert_true(conf.hide_version);
	assert_string_equal(conf.nsid, "a name, with # and spaces");
	assert_string_equal(conf.log_file, "");
	assert_string_equal(conf.data, "/var/lib/agreed");
	assert_string_equal(conf.network, path_of("sub/net"));
	assert_int_equal(conf.listen.n, 2);
	assert_int_equal(addr_port((const struct sockaddr *)&conf.listen.at[1].ss), 7853);
	assert_int_equal(conf.link_listen.n, 1);
}

static void paths_do_not_depend_on_where_the_process_is(void **state)
{
	char *before = getcwd(NULL, 0), *real;
	struct ap_text why;

	(void)state;
	store("agreed.conf", "");
	assert_non_null(before);
	assert_int_equal(chdir(dir), 0);
	ap_text_init(&why, sentence, sizeof sentence);
	assert_int_equal(conf_load(&conf, "agreed.conf", &why), 0);
	assert_int_equal(chdir(before), 0);
	free(before);
	assert_string_equal(conf.data, path_of("data"));
	real = realpath(conf.data, NULL);
	assert_null(real); /* it need not be there */
}

static void what_is_printed_reads_back_the_same(void **state)
{
	char first[8192], second[8192];
	struct ap_text t;

	(void)state;
	accepted("server:\n\tnsid: \"a # b\"\n\tverbosity: 0\nreplica:\n\tlisten: 192.0.2.1#1\n"
		 "\tlisten: ::1#2\nlimits:\n\ttcp-idle: 7\n");
	ap_text_init(&t, first, sizeof first);
	conf_show(&t, &conf);
	assert_false(t.cut);
	accepted(first);
	ap_text_init(&t, second, sizeof second);
	conf_show(&t, &conf);
	assert_string_equal(first, second);
	assert_non_null(strstr(first, "\tnsid: \"a # b\"\n"));
	assert_non_null(strstr(first, "\tlisten: 192.0.2.1#1\n\tlisten: ::1#2\n"));
	assert_non_null(strstr(first, "\tusername: \"\"\n"));
	assert_non_null(strstr(first, "\ttcp-idle: 7\n"));
}

static void values_are_found_by_key(void **state)
{
	char text[512];
	struct ap_text t;

	(void)state;
	accepted("replica:\n\tlisten: 192.0.2.1#1\n\tlisten: ::1#2\n");
	ap_text_init(&t, text, sizeof text);
	assert_true(conf_get(&t, &conf, "verbosity"));
	assert_true(conf_get(&t, &conf, "replica.listen"));
	assert_true(conf_get(&t, &conf, "server.hide-version"));
	assert_true(conf_get(&t, &conf, "username"));
	assert_string_equal(text, "1\n192.0.2.1#1\n::1#2\nno\n\n");
	assert_false(conf_get(&t, &conf, "server.listen"));
	assert_false(conf_get(&t, &conf, "colour"));
}

static void unknown_words_are_refused_with_their_line(void **state)
{
	(void)state;
	refused("server:\n\tcolour: red\n", 2, "unknown attribute `colour'");
	refused("\n\nservers:\n", 3, "unknown section `servers:'");
	refused("server:\n\tdata: x\n", 2, "`data' belongs to the section `replica:'");
	refused("verbosity: 1\n", 1, "belongs to the section `server:'");
	refused("server:\n\tverbosity\n", 2, "`section:' or `attribute: value'");
	refused("server:\n\tVerbosity: 1\n", 2, "`section:' or `attribute: value'");
	refused("server:\n\tverbosity : 1\n", 2, "`section:' or `attribute: value'");
	refused("server:\n\t: 1\n", 2, "`section:' or `attribute: value'");
	refused("<server>\n", 1, "`section:' or `attribute: value'");
	refused("server:\n\tverbosity:\n", 2, "write verbosity: \"\" for none");
	refused("server:\n\tverbosity: # none\n", 2, "`verbosity' has no value");
}

static void wrong_values_are_refused_with_their_line(void **state)
{
	(void)state;
	refused("server:\n\tverbosity: 5\n", 2, "the number is too large, from 0 to 4");
	refused("limits:\n\tclients-max: 0\n", 2, "the number is too small, from 1 to 60000");
	refused("server:\n\tverbosity: -1\n", 2, "digits only");
	refused("server:\n\tverbosity: 1x\n", 2, "digits only");
	refused("server:\n\tverbosity: \"\"\n", 2, "digits only");
	refused("server:\n\tverbosity: 18446744073709551617\n", 2, "digits only");
	refused("server:\n\thide-version: true\n", 2, "write yes or no");
	refused("replica:\n\tlisten: localhost#53\n", 2, "write a numeric address");
	refused("replica:\n\tlisten: 192.0.2.1\n", 2, "# and a port");
	refused("replica:\n\tlisten: \"\"\n", 2, "leave the line out");
	refused("replica:\n\tlisten: ::1#1\n\tlisten: ::1#1\n", 3, "was given before");
	refused("replica:\n\tlink-listen: ::1#1\n\tlink-listen: ::1#2\n", 3, "only one address");
	refused("server:\n\tverbosity: 1\n\n\tverbosity: 1\n", 4, "given before, on line 2");
	refused("server:\n\tnsid: two words\n", 2, "more than one word");
	refused("server:\n\tnsid: \"no end\n", 2, "has no end");
	refused("server:\n\tnsid: \"a\"b\n", 2, "right behind the quoted string");
	refused("server:\n\tnsid: \"a\" b\n", 2, "more than one word");
	refused("server:\n\tnsid: a\"b\n", 2, "quote the whole value");
	refused("server:\n\tnsid: a\x01\n", 2, "a control character");
}

static void too_many_addresses_are_refused(void **state)
{
	char text[1024] = "replica:\n";

	(void)state;
	for (int i = 0; i < CONF_LISTEN_MAX + 1; i++)
		sprintf(text + strlen(text), "listen: ::1#%d\n", i + 1);
	refused(text, 18, "16 at most");
	strrchr(text, 'l')[0] = '\0';
	accepted(text);
	assert_int_equal(conf.listen.n, CONF_LISTEN_MAX);
}

static void long_lines_are_refused(void **state)
{
	char text[CONF_LINE_MAX + 16];

	(void)state;
	memset(text, 'a', sizeof text);
	text[0] = '#';
	text[CONF_LINE_MAX] = '\n';
	text[CONF_LINE_MAX + 1] = '\0';
	refused(text, 1, "longer than 1023 octets");
	text[CONF_LINE_MAX - 1] = '\n';
	text[CONF_LINE_MAX] = '\0';
	accepted(text);
}

static void octets_that_are_no_text_are_refused(void **state)
{
	static const uint8_t nul[] = "server:\n\tnsid: a\0b\n";
	char begin[PATH_MAX + 64];

	(void)state;
	tempdir_store(path_of("agreed.conf"), nul, sizeof nul - 1);
	assert_int_equal(load(), AGREE_EUSAGE);
	snprintf(begin, sizeof begin, "%s:2: a control character", path_of("agreed.conf"));
	assert_memory_equal(sentence, begin, strlen(begin));
}

static void sockets_have_short_paths(void **state)
{
	char text[512], name[120];

	(void)state;
	memset(name, 's', sizeof name);
	name[sizeof name - 1] = '\0';
	snprintf(text, sizeof text, "remote-control:\n\tsocket: /%s\n", name);
	refused(text, 2, "the path is too long");
	name[106] = '\0'; /* 107 with the slash */
	snprintf(text, sizeof text, "remote-control:\n\tsocket: /%s\n", name);
	accepted(text);
	assert_int_equal(strlen(conf.socket), 107);
}

static void missing_files_are_said(void **state)
{
	(void)state;
	assert_int_equal(load(), AGREE_EFILE);
	assert_non_null(strstr(sentence, "agreed.conf: cannot open the configuration: No such"));
	assert_int_equal(mkdir(path_of("agreed.conf"), 0700), 0);
	assert_int_equal(load(), AGREE_EFILE);
	assert_non_null(strstr(sentence, "cannot read the configuration: Is a directory"));
}

static void includes_are_read_in_their_place(void **state)
{
	(void)state;
	assert_int_equal(mkdir(path_of("d"), 0700), 0);
	store("d/b.conf", "limits:\n\ttcp-idle: 8\n");
	store("d/a.conf", "nsid: here\nlimits:\n\tpending-max: 9\n");
	accepted("server:\n\tverbosity: 2\n\tinclude: \"d/*.conf\"\n\thide-version: yes\n"
		 "include: none/*.conf\n");
	assert_string_equal(conf.nsid, "here"); /* begins in the section of its include: */
	assert_int_equal(conf.tcp_idle, 8);
	assert_int_equal(conf.pending_max, 9);
	assert_true(conf.hide_version); /* whose section comes back behind it */
}

static void faults_in_includes_name_their_file(void **state)
{
	char begin[PATH_MAX + 64];

	(void)state;
	store("more.conf", "limits:\n\n\tcolour: red\n");
	store("agreed.conf", "include: more.conf\n");
	assert_int_equal(load(), AGREE_EUSAGE);
	snprintf(begin, sizeof begin, "%s:3: unknown attribute", path_of("more.conf"));
	assert_memory_equal(sentence, begin, strlen(begin));
}

static void includes_that_cannot_be_are_refused(void **state)
{
	(void)state;
	refused("\ninclude: none.conf\n", 2, "there is no file ");
	refused("include:\n", 1, "needs a file or a pattern");
	refused("include: \"\"\n", 1, "needs a file or a pattern");
}

static void a_file_that_includes_itself_ends(void **state)
{
	(void)state;
	refused("include: agreed.conf\n", 1, "does a file include itself?");
}

static void an_endless_configuration_ends(void **state)
{
	char line[8 * CONF_LINES_MAX + 8];

	(void)state;
	memset(line, '\n', sizeof line);
	line[CONF_LINES_MAX + 1] = '\0';
	refused(line, CONF_LINES_MAX + 1, "more than 10000 lines in all");
}

static void clearing_twice_does_no_harm(void **state)
{
	(void)state;
	accepted("server:\n\tnsid: a\n");
	conf_clear(&conf);
	conf_clear(&conf);
	assert_null(conf.nsid);
}

/* agreed.conf(5) shows this very list; `test_conf manual` prints it for pasting. */
static void the_manual_is_made_of_the_table(void **state)
{
	const char *top = getenv("top_srcdir");
	char path[PATH_MAX], list[16384];
	uint8_t *page;
	struct ap_text t;
	size_t len;

	(void)state;
	ap_text_init(&t, list, sizeof list);
	conf_manual(&t);
	assert_false(t.cut);
	snprintf(path, sizeof path, "%s/man/agreed.conf.5", top != NULL ? top : ".");
	page = tempdir_load(path, &len);
	page[len] = '\0';
	if (strstr((const char *)page, list) == NULL)
		fail_msg("%s lacks the list of attributes that `test_conf manual' prints", path);
	free(page);
}

static int manual_print(void)
{
	char list[16384];
	struct ap_text t;

	ap_text_init(&t, list, sizeof list);
	conf_manual(&t);
	return fputs(list, stdout) < 0;
}

int main(int argc, char **argv)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, make_dir, drop_dir)
	const struct CMUnitTest tests[] = {
		ONE(an_empty_file_gives_the_defaults),
		ONE(values_are_taken),
		ONE(paths_do_not_depend_on_where_the_process_is),
		ONE(what_is_printed_reads_back_the_same),
		ONE(values_are_found_by_key),
		ONE(unknown_words_are_refused_with_their_line),
		ONE(wrong_values_are_refused_with_their_line),
		ONE(too_many_addresses_are_refused),
		ONE(long_lines_are_refused),
		ONE(octets_that_are_no_text_are_refused),
		ONE(sockets_have_short_paths),
		ONE(missing_files_are_said),
		ONE(includes_are_read_in_their_place),
		ONE(faults_in_includes_name_their_file),
		ONE(includes_that_cannot_be_are_refused),
		ONE(a_file_that_includes_itself_ends),
		ONE(an_endless_configuration_ends),
		ONE(clearing_twice_does_no_harm),
		ONE(the_manual_is_made_of_the_table),
	};

	if (argc == 2 && strcmp(argv[1], "manual") == 0)
		return manual_print();
	return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
