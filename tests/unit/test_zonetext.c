#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/zonetext.h"
#include "tests/lib/nettext.h"

static char text[ZONETEXT_MAX];

static struct zonetext make(struct netfile *net, unsigned n)
{
	struct zonetext zone = {.net = net, .epoch = 3, .ttl = 300, .serial = 7};

	nettext_members(net, n);
	memset(zone.key, 0xfb, sizeof zone.key);
	return zone;
}

static void show(const struct zonetext *zone)
{
	struct ap_text t;

	ap_text_init(&t, text, sizeof text);
	zonetext_show(&t, zone);
	assert_false(t.cut);
}

static size_t count(const char *part)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
		n++;
	return n;
}

static void every_member_can_be_found_over_udp_and_tcp(void **state)
{
	struct netfile net;
	struct zonetext zone = make(&net, 4);

	(void)state;
	show(&zone);
	assert_int_equal(count("\tSRV\t"), 8);
	for (unsigned i = 0; i < 4; i++) {
		char line[128];

		snprintf(line, sizeof line, "\tSRV\t0 10 7853 m%u.example.test.\n", i);
		assert_int_equal(count(line), 2);
		snprintf(line, sizeof line, "\nm%u.example.test.\t300\tIN\tA\t192.0.2.%u\n", i,
			 i + 1);
		assert_int_equal(count(line), 1);
	}
	assert_int_equal(count("\n_agree._udp.example.test.\t300\tIN\tSRV\t"), 4);
	assert_int_equal(count("\n_agree._tcp.example.test.\t300\tIN\tSRV\t"), 4);
}

static void the_text_has_each_key_in_a_string_of_its_own(void **state)
{
	struct netfile net;
	struct zonetext zone = make(&net, 7);

	(void)state;
	show(&zone);
	assert_int_equal(count("\n_agree._udp.example.test.\t300\tIN\tTXT\t\"v=agree1\" "
			       "\"k=-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s\" \"n=7\" \"f=2\" "
			       "\"e=3\" \"r=604800\"\n"),
			 1);
	assert_int_equal(count("\tTXT\t"), 1);
}

static void addresses_have_their_family(void **state)
{
	struct netfile net;
	struct zonetext zone = make(&net, 4);

	(void)state;
	assert_int_equal(addr_parse(&net.members[2].client, "2001:db8::99#53"), 0);
	show(&zone);
	assert_int_equal(count("\nm2.example.test.\t300\tIN\tAAAA\t2001:db8::99\n"), 1);
	assert_int_equal(count("\tSRV\t0 10 53 m2.example.test.\n"), 2);
	assert_int_equal(count("\tA\t"), 3);
}

static void a_whole_zone_begins_with_soa_and_ns(void **state)
{
	static const char head[] = "example.test.\t300\tIN\tSOA\tm0.example.test. "
				   "hostmaster.example.test. 7 3600 600 604800 60\n"
				   "example.test.\t300\tIN\tNS\tm0.example.test.\n";
	struct netfile net;
	struct zonetext zone = make(&net, 4);

	(void)state;
	show(&zone);
	assert_int_equal(count("SOA") + count("\tNS\t"), 0);
	zone.full = true;
	show(&zone);
	assert_memory_equal(strchr(text, '\n') + 1, head, sizeof head - 1);
	zone.server = "ns.example.net.";
	show(&zone);
	assert_int_equal(count("\tSOA\tns.example.net. "), 1);
	assert_int_equal(count("\tNS\tns.example.net.\n"), 1);
}

/* Absolute names mean the same under any $ORIGIN: lines begin with one, and targets end with a dot.
 */
static void all_names_are_absolute(void **state)
{
	struct netfile net;
	struct zonetext zone = make(&net, 4);
	char *save, *line;

	(void)state;
	zone.full = true;
	show(&zone);
	assert_int_equal(text[0], ';');
	for (line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		if (line[0] == ';')
			continue;
		assert_non_null(strstr(line, "example.test.\t300\tIN\t"));
		if (strstr(line, "\tSRV\t") != NULL || strstr(line, "\tNS\t") != NULL)
			assert_int_equal(line[strlen(line) - 1], '.');
	}
}

static void the_largest_network_fits(void **state)
{
	char domain[300];
	char sentence[256];
	struct netfile net;
	struct zonetext zone = make(&net, 13);
	struct ap_text why;

	(void)state;
	memset(domain, 'a', sizeof domain);
	domain[63] = domain[127] = '.';
	domain[191] = '\0';
	ap_text_init(&why, sentence, sizeof sentence);
	assert_int_equal(netfile_set_domain(&net, domain, &why), 0);
	for (unsigned i = 0; i < 13; i++)
		snprintf(net.members[i].name, sizeof net.members[i].name,
			 "m%02u-is-a-name-of-32-characters-", i);
	zone.full = true;
	show(&zone);
	assert_int_equal(count("\n"), 1 + 2 + 26 + 1 + 13);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_member_can_be_found_over_udp_and_tcp),
		cmocka_unit_test(the_text_has_each_key_in_a_string_of_its_own),
		cmocka_unit_test(addresses_have_their_family),
		cmocka_unit_test(a_whole_zone_begins_with_soa_and_ns),
		cmocka_unit_test(all_names_are_absolute),
		cmocka_unit_test(the_largest_network_fits),
	};

	return cmocka_run_group_tests_name("zonetext", tests, NULL, NULL);
}
