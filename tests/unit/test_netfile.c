#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/netfile.h"
#include "libproto/agree_errors.h"
#include "libproto/crypto.h"
#include "tests/lib/nettext.h"
#include "tests/lib/tempdir.h"

/* Lines of the file: 1 agree-network, 2 domain, 3 nonce, 4 to 8 parameters, 9 to 12 members. */
enum { DOMAIN = 2, NONCE = 3, RETENTION = 4, HORIZON = 5, OUTAGE = 7, CLOCK = 8, MEMBER = 9 };

static char sentence[NETFILE_WHY_MAX];

static int parse(struct netfile *net, const char *octets, size_t len)
{
	struct ap_text why;

	ap_text_init(&why, sentence, sizeof sentence);
	return netfile_parse(net, "net", octets, len, &why);
}

/* With line `number` replaced the file is refused, and the sentence names the line and has `part`.
 */
static void refused(unsigned number, const char *line, unsigned where, const char *part)
{
	static const struct netfile zero;
	char text[NETTEXT_MAX], begin[32];
	struct netfile net;
	size_t len;

	(void)nettext_make(text, 4);
	len = nettext_replace(text, number, line);
	memset(&net, 0xff, sizeof net);
	assert_int_equal(parse(&net, text, len), AGREE_EUSAGE);
	assert_memory_equal(&net, &zero, sizeof net);
	snprintf(begin, sizeof begin, "net:%u: ", where);
	if (strncmp(sentence, begin, strlen(begin)) != 0 || strstr(sentence, part) == NULL)
		fail_msg("`%s' is no `%s...%s'", sentence, begin, part);
}

static void what_is_printed_reads_back_the_same(void **state)
{
	static const unsigned sizes[] = {4, 7, 10, 13};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		char text[NETTEXT_MAX], again[NETTEXT_MAX];
		size_t len = nettext_make(text, sizes[i]);
		struct netfile net, made;
		struct ap_text t;

		assert_int_equal(parse(&net, text, len), 0);
		assert_string_equal(sentence, "");
		ap_text_init(&t, again, sizeof again);
		netfile_show(&t, &net);
		assert_string_equal(again, text);
		nettext_members(&made, sizes[i]);
		assert_memory_equal(&net, &made, sizeof net);
		assert_int_equal(net.n, sizes[i]);
		assert_int_equal(net.f, (sizes[i] - 1) / 3);
	}
}

static void the_genesis_id_is_the_hash_of_the_octets(void **state)
{
	char text[NETTEXT_MAX];
	struct netfile net;
	uint8_t hash[32];
	ap_bytes part = {.data = (const uint8_t *)text};

	(void)state;
	part.len = nettext_make(text, 4);
	ap_sha256(hash, &part, 1);
	assert_int_equal(parse(&net, text, part.len), 0);
	assert_memory_equal(net.genesis, hash, sizeof hash);
}

/* The very octets: whoever changes them makes every network another one. */
static void the_layout_is_for_ever(void **state)
{
	static const char head[] = "agree-network: 1\n"
				   "domain: example.test\n"
				   "nonce: a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"
				   "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5\n"
				   "retention: 604800\n"
				   "horizon: 2678400\n"
				   "capacity: 1000000\n"
				   "outage-bound: 2592000\n"
				   "clock-bound: 10\n"
				   "member: m0 ";
	char text[NETTEXT_MAX], line[512];

	(void)state;
	(void)nettext_make(text, 4);
	assert_memory_equal(text, head, sizeof head - 1);
	nettext_line(text, MEMBER, line);
	assert_int_equal(strlen(line),
			 strlen("member: m0 ") + 43 + strlen(" 192.0.2.1#7853 2001:db8::1#7854"));
	assert_string_equal(line + strlen("member: m0 ") + 43, " 192.0.2.1#7853 2001:db8::1#7854");
}

static void every_truncation_is_refused_with_its_line(void **state)
{
	char text[NETTEXT_MAX];
	size_t len = nettext_make(text, 4);
	unsigned line = 1;

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		char begin[32], *copy = malloc(cut + 1);
		struct netfile net;

		assert_non_null(copy);
		memcpy(copy, text, cut); /* nothing behind it: a read past the end is found */
		copy = realloc(copy, cut > 0 ? cut : 1);
		assert_non_null(copy);
		assert_int_equal(parse(&net, copy, cut), AGREE_EUSAGE);
		/* A file that ends with a whole line lacks a member (or a field: then its line). */
		if (cut > 0 && text[cut - 1] == '\n') {
			line++;
			snprintf(begin, sizeof begin, "net:%u: ", line < MEMBER ? line : line - 1);
		} else {
			snprintf(begin, sizeof begin, "net:%u: the file ends", line);
		}
		assert_memory_equal(sentence, begin, strlen(begin));
		free(copy);
	}
}

static void every_changed_octet_gives_another_network_or_none(void **state)
{
	char text[NETTEXT_MAX];
	size_t len = nettext_make(text, 4);
	struct netfile net, good;

	(void)state;
	assert_int_equal(parse(&good, text, len), 0);
	for (size_t at = 0; at < len; at++) {
		static const char others[] = {'\0', ' ', '\n', '0', 'Z', 'a', '#', '\x80'};

		for (size_t i = 0; i < sizeof others; i++) {
			char old = text[at];

			if (old == others[i])
				continue;
			text[at] = others[i];
			if (parse(&net, text, len) == 0)
				assert_memory_not_equal(net.genesis, good.genesis, 32);
			else
				assert_memory_equal(sentence, "net:", 4);
			text[at] = old;
		}
	}
}

static void every_doubled_or_missing_line_is_refused(void **state)
{
	char text[NETTEXT_MAX], line[512], twice[1100];
	struct netfile net;

	(void)state;
	for (unsigned number = 1; number <= 12; number++) {
		size_t len;

		(void)nettext_make(text, 4);
		nettext_line(text, number, line);
		snprintf(twice, sizeof twice, "%s\n%s", line, line);
		len = nettext_replace(text, number, twice);
		assert_int_equal(parse(&net, text, len), AGREE_EUSAGE);
		(void)nettext_make(text, 4);
		len = nettext_replace(text, number, NULL);
		assert_int_equal(parse(&net, text, len), AGREE_EUSAGE);
	}
}

static void bad_fields_are_refused_with_their_line(void **state)
{
	(void)state;
	refused(1, "agree-network: 2", 1, "not a network file of this version");
	refused(1, "hello", 1, "agreectl network");
	refused(DOMAIN, "name: example.test", DOMAIN, "`domain: ...' belongs here");
	refused(DOMAIN, "domain:example.test", DOMAIN, "`domain: ...' belongs here");
	refused(DOMAIN, "domain: ", DOMAIN, "the domain is labels");
	refused(DOMAIN, "domain: Example.test", DOMAIN, "lower case");
	refused(DOMAIN, "domain: example.test.", DOMAIN, "without a dot at its end");
	refused(DOMAIN, "domain: -example.test", DOMAIN, "the domain is labels");
	refused(DOMAIN, "domain: example..test", DOMAIN, "the domain is labels");
	refused(DOMAIN, "domain: exa mple.test", DOMAIN, "the domain is labels");
	refused(DOMAIN, "domain: ex\\097mple.test", DOMAIN, "the domain is labels");
	refused(NONCE, "nonce: 00", NONCE, "64 hex digits");
	refused(NONCE, "nonce: A5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5",
		NONCE, "lower case");
	refused(RETENTION, "retention: 59", RETENTION, "choose 60 to ");
	refused(RETENTION, "retention: 0604800", RETENTION, "digits only");
	refused(RETENTION, "retention: 7d", RETENTION, "digits only");
	refused(RETENTION, "retention: -1", RETENTION, "digits only");
	refused(RETENTION, "retention: ", RETENTION, "digits only");
	refused(RETENTION, "retention: 18446744073709551617", RETENTION, "digits only");
	refused(RETENTION, "retention: 999999999999", RETENTION, "retention is 999999999999");
	refused(RETENTION, "retention: 34500000", 12, "more than 400 days together");
	refused(CLOCK, "clock-bound: 0", CLOCK, "choose 1 to 3600");
	refused(OUTAGE, "outage-bound: 60\nclock-bound: 61\n", MEMBER, "`member: ...'");
}

static void bad_members_are_refused_with_their_line(void **state)
{
#define KEY "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw" /* some good one */
	(void)state;
	refused(MEMBER + 1, "member: m1", MEMBER + 1, "NAME KEY ADDRESS#PORT");
	refused(MEMBER + 1, "member: m1 " KEY " 192.0.2.9#1", MEMBER + 1, "NAME KEY");
	refused(MEMBER + 1, "member: m1  " KEY " 192.0.2.9#1 192.0.2.9#2", MEMBER + 1, "single");
	refused(MEMBER + 1, "member: m1 " KEY " 192.0.2.9#1 192.0.2.9#2 ", MEMBER + 1, "single");
	refused(MEMBER + 1, "member: m1 " KEY " 192.0.2.9#1 192.0.2.9#2 x", MEMBER + 1, "single");
	refused(MEMBER + 1, "member: M1 " KEY " 192.0.2.9#1 192.0.2.9#2", MEMBER + 1, "lower-case");
	refused(MEMBER + 1, "member: m.1 " KEY " 192.0.2.9#1 192.0.2.9#2", MEMBER + 1, "letters");
	refused(MEMBER + 1, "member: m1- " KEY " 192.0.2.9#1 192.0.2.9#2", MEMBER + 1, "hyphen");
	refused(MEMBER + 1,
		"member: m12345678901234567890123456789012 " KEY " 192.0.2.9#1 192.0.2.9#2",
		MEMBER + 1, "at most 32");
	refused(MEMBER + 1, "member: m1 AAAA 192.0.2.9#1 192.0.2.9#2", MEMBER + 1, "43 characters");
	refused(MEMBER + 1,
		"member: m1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA 192.0.2.9#1 192.0.2.9#2",
		MEMBER + 1, "no Ed25519 public key");
	refused(MEMBER + 1, "member: m1 " KEY " 192.0.2.9 192.0.2.9#2", MEMBER + 1,
		"first address");
	refused(MEMBER + 1, "member: m1 " KEY " 192.0.2.9#1 host#2", MEMBER + 1, "second address");
	refused(MEMBER + 1, "member: m1 " KEY " 2001:DB8::9#1 192.0.2.9#2", MEMBER + 1,
		"shortest spelling");
	refused(MEMBER + 1, "member: m1 " KEY " 0.0.0.0#1 192.0.2.9#2", MEMBER + 1, "can reach");
	refused(MEMBER + 1, "member: m1 " KEY " 192.0.2.9#1 192.0.2.9#1", MEMBER + 1,
		"different addresses or ports");
	refused(MEMBER + 1, "member: m0 " KEY " 192.0.2.9#1 192.0.2.9#2", MEMBER + 1, "this name");
	refused(MEMBER + 1, "member: m1 " KEY " 192.0.2.1#7853 192.0.2.9#2", MEMBER + 1,
		"one of these addresses");
	refused(MEMBER + 1, "member: m1 " KEY " 2001:db8::1#7854 192.0.2.9#2", MEMBER + 1,
		"one of these addresses");
	refused(MEMBER + 1, "member: m1 " KEY " 192.0.2.9#1 192.0.2.1#7853", MEMBER + 1,
		"one of these addresses");
}

static void members_keys_differ(void **state)
{
	char text[NETTEXT_MAX], line[512];

	(void)state;
	(void)nettext_make(text, 4);
	nettext_line(text, MEMBER, line); /* m0's key under another name and other addresses */
	line[strlen("member: m")] = '9';
	strcpy(line + strlen("member: m9 ") + 43, " 192.0.2.9#1 192.0.2.9#2");
	refused(MEMBER + 2, line, MEMBER + 2, "this key");
}

static void sizes_other_than_3f_plus_1_are_refused(void **state)
{
	(void)state;
	for (unsigned n = 0; n <= 13; n++) {
		char text[NETTEXT_MAX];
		size_t len = nettext_make(text, n);
		struct netfile net;
		int expected = n == 4 || n == 7 || n == 10 || n == 13 ? 0 : AGREE_EUSAGE;

		assert_int_equal(parse(&net, text, len), expected);
		if (expected != 0)
			assert_non_null(strstr(sentence, "4, 7, 10 or 13 members"));
	}
}

static void a_fourteenth_member_is_refused(void **state)
{
	char text[NETTEXT_MAX];
	struct netfile net;

	(void)state;
	(void)nettext_make(text, 13);
	strcat(text, "member: m13 " KEY " 192.0.2.99#1 192.0.2.99#2\n");
	assert_int_equal(parse(&net, text, strlen(text)), AGREE_EUSAGE);
	assert_non_null(strstr(sentence, "net:22: more than 13 members"));
}

static void octets_that_an_editor_leaves_are_refused(void **state)
{
	(void)state;
	refused(MEMBER, "# a comment", MEMBER, "`member: ...'");
	refused(MEMBER, "", MEMBER, "`member: ...'");
	refused(DOMAIN, "domain: example.test\r", DOMAIN, "only printable ASCII");
	refused(DOMAIN, "domain:\texample.test", DOMAIN, "only printable ASCII");
	refused(1,
		"\xef\xbb\xbf"
		"agree-network: 1",
		1, "only printable ASCII");
}

static void a_line_without_end_is_refused(void **state)
{
	char text[NETTEXT_MAX];
	struct netfile net;

	(void)state;
	memset(text, 'a', sizeof text);
	memcpy(text, "agree-network: 1\ndomain: ", 25);
	text[4000] = '\n';
	assert_int_equal(parse(&net, text, 4001), AGREE_EUSAGE);
	assert_non_null(strstr(sentence, "net:2: the line is too long"));
}

static void domains_leave_room_for_instances(void **state)
{
	char domain[300] = "", wrong[400];
	struct netfile net;
	struct ap_text why;

	(void)state;
	for (int i = 0; i < 3; i++) /* 3 * 64 - 1 = 191 characters, 193 octets as a name */
		strcat(strcat(domain, i > 0 ? "." : ""),
		       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	ap_text_init(&why, sentence, sizeof sentence);
	assert_int_equal(netfile_set_domain(&net, domain, &why), 0);
	assert_int_equal(net.zone.len, 193);
	snprintf(wrong, sizeof wrong, "%.190s.b", domain); /* 192 characters */
	assert_int_equal(netfile_set_domain(&net, wrong, &why), 0);
	snprintf(wrong, sizeof wrong, "%s.b", domain); /* 193 characters */
	assert_int_equal(netfile_set_domain(&net, wrong, &why), AGREE_EDOMAIN);
	assert_int_equal(netfile_set_domain(&net, "", &why), AGREE_EDOMAIN);
	assert_int_equal(netfile_set_domain(&net, ".", &why), AGREE_EDOMAIN);
}

static void domains_lose_their_letter_case_and_last_dot(void **state)
{
	struct netfile net;
	struct ap_text why;

	(void)state;
	ap_text_init(&why, sentence, sizeof sentence);
	assert_int_equal(netfile_set_domain(&net, "Agree.EXAMPLE.test.", &why), 0);
	assert_string_equal(net.domain, "agree.example.test");
	assert_int_equal(net.zone.len, 20);
	assert_memory_equal(net.zone.octets,
			    "\x05"
			    "agree",
			    6);
}

static void parameters_have_bounds(void **state)
{
	struct netfile net;
	struct ap_text why;

	(void)state;
	ap_text_init(&why, sentence, sizeof sentence);
	netfile_defaults(&net);
	assert_true(net.retention_s == 604800 && net.clock_bound_s == 10);
	assert_int_equal(netfile_set(&net, "clock-bound", 3600, &why), 0);
	assert_true(net.clock_bound_s == 3600);
	assert_int_equal(netfile_set(&net, "clock-bound", 3601, &why), AGREE_EUSAGE);
	assert_string_equal(sentence, "clock-bound is 3601: choose 1 to 3600");
	assert_int_equal(netfile_set(&net, "colour", 1, &why), AGREE_EUSAGE);
}

static void members_are_found_by_key(void **state)
{
	struct netfile net;
	uint8_t none[32] = {1};

	(void)state;
	nettext_members(&net, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(netfile_find_key(&net, net.members[i].key), i + 1);
	assert_int_equal(netfile_find_key(&net, none), 0);
}

static void files_are_read_whole_or_not_at_all(void **state)
{
	char dir[TEMPDIR_MAX], path[TEMPDIR_MAX + 16], text[NETTEXT_MAX];
	size_t len = nettext_make(text, 4);
	struct netfile net;
	struct ap_text why;

	(void)state;
	tempdir_make(dir);
	snprintf(path, sizeof path, "%s/network", dir);
	ap_text_init(&why, sentence, sizeof sentence);
	assert_int_equal(netfile_load(&net, path, &why), AGREE_EFILE);
	assert_non_null(strstr(sentence, "network: cannot open it: No such file"));
	tempdir_store(path, (const uint8_t *)text, len);
	ap_text_init(&why, sentence, sizeof sentence);
	assert_int_equal(netfile_load(&net, path, &why), 0);
	assert_string_equal(net.domain, "example.test");
	memset(text, 'a', sizeof text);
	tempdir_store(path, (const uint8_t *)text, NETFILE_OCTETS_MAX + 1);
	assert_int_equal(netfile_load(&net, path, &why), AGREE_EFILE);
	assert_non_null(strstr(sentence, "more than 4096 octets"));
	ap_text_init(&why, sentence, sizeof sentence);
	assert_int_equal(netfile_load(&net, dir, &why), AGREE_EFILE);
	assert_non_null(strstr(sentence, "not a regular file"));
	tempdir_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_printed_reads_back_the_same),
		cmocka_unit_test(the_genesis_id_is_the_hash_of_the_octets),
		cmocka_unit_test(the_layout_is_for_ever),
		cmocka_unit_test(every_truncation_is_refused_with_its_line),
		cmocka_unit_test(every_changed_octet_gives_another_network_or_none),
		cmocka_unit_test(every_doubled_or_missing_line_is_refused),
		cmocka_unit_test(bad_fields_are_refused_with_their_line),
		cmocka_unit_test(bad_members_are_refused_with_their_line),
		cmocka_unit_test(members_keys_differ),
		cmocka_unit_test(sizes_other_than_3f_plus_1_are_refused),
		cmocka_unit_test(a_fourteenth_member_is_refused),
		cmocka_unit_test(octets_that_an_editor_leaves_are_refused),
		cmocka_unit_test(a_line_without_end_is_refused),
		cmocka_unit_test(domains_leave_room_for_instances),
		cmocka_unit_test(domains_lose_their_letter_case_and_last_dot),
		cmocka_unit_test(parameters_have_bounds),
		cmocka_unit_test(members_are_found_by_key),
		cmocka_unit_test(files_are_read_whole_or_not_at_all),
	};

	return cmocka_run_group_tests_name("netfile", tests, NULL, NULL);
}
