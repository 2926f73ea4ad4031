#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "daemon/addr.h"
#include "libproto/agree_errors.h"

static const char *shown(const struct addr *a)
{
	static char text[ADDR_TEXT_MAX];
	struct ap_text t;

	ap_text_init(&t, text, sizeof text);
	addr_show(&t, (const struct sockaddr *)&a->ss);
	assert_false(t.cut);
	return text;
}

static void addresses_have_one_spelling(void **state)
{
	static const struct {
		const char *text, *shown;
	} rows[] = {
		{"192.0.2.1#7853", "192.0.2.1#7853"},
		{"0.0.0.0#1", "0.0.0.0#1"},
		{"255.255.255.255#65535", "255.255.255.255#65535"},
		{"::#53", "::#53"},
		{"2001:DB8:0:0::1#53", "2001:db8::1#53"},
		{"2001:db8:0:0:1:0:0:1#53", "2001:db8::1:0:0:1#53"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff#65535",
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff#65535"},
	};
	struct addr a, again;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(addr_parse(&a, rows[i].text), 0);
		assert_string_equal(shown(&a), rows[i].shown);
		assert_int_equal(addr_parse(&again, rows[i].shown), 0);
		assert_true(addr_equal(&a, &again));
	}
}

static void other_texts_are_no_addresses(void **state)
{
	static const char *const rows[] = {
		"",
		"#",
		"192.0.2.1",
		"192.0.2.1#",
		"#53",
		"192.0.2.1#0",
		"192.0.2.1#053",
		"192.0.2.1#65536",
		"192.0.2.1#99999",
		"192.0.2.1#100000",
		"192.0.2.1#18446744073709551669",
		"192.0.2.1#-1",
		"192.0.2.1#+1",
		"192.0.2.1# 1",
		"192.0.2.1#1 ",
		"192.0.2.1#1#2",
		" 192.0.2.1#1",
		"192.0.2#1",
		"192.0.2.01#1",
		"192.0.2.256#1",
		"localhost#53",
		"fe80::1%lo#53",
		"[::1]#53",
		"::ffff:192.0.2.1#53",
		"2001:db8::1::#53",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff#1",
		"00000000000000000000000000000000000000000000000000000000000000::1#1",
	};
	static const struct addr zero;
	struct addr a;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		memset(&a, 0xff, sizeof a);
		assert_int_equal(addr_parse(&a, rows[i]), AGREE_EADDRESS);
		assert_memory_equal(&a, &zero, sizeof a);
	}
}

static void port_and_family_tell_addresses_apart(void **state)
{
	struct addr a, b, c, d;

	(void)state;
	assert_int_equal(addr_parse(&a, "192.0.2.1#53"), 0);
	assert_int_equal(addr_parse(&b, "192.0.2.1#54"), 0);
	assert_int_equal(addr_parse(&c, "192.0.2.2#53"), 0);
	assert_int_equal(addr_parse(&d, "::1#53"), 0);
	assert_true(addr_equal(&a, &a));
	assert_false(addr_equal(&a, &b));
	assert_false(addr_equal(&a, &c));
	assert_false(addr_equal(&a, &d));
	assert_int_equal(addr_port((const struct sockaddr *)&b.ss), 54);
	assert_int_equal(addr_port((const struct sockaddr *)&d.ss), 53);
}

static void the_host_can_be_shown_alone(void **state)
{
	char text[ADDR_TEXT_MAX];
	struct ap_text t;
	struct addr a;

	(void)state;
	assert_int_equal(addr_parse(&a, "2001:db8::1#53"), 0);
	ap_text_init(&t, text, sizeof text);
	addr_show_host(&t, (const struct sockaddr *)&a.ss);
	assert_string_equal(text, "2001:db8::1");
}

static void unspecified_addresses_are_known(void **state)
{
	struct addr a;

	(void)state;
	assert_int_equal(addr_parse(&a, "0.0.0.0#53"), 0);
	assert_true(addr_is_any(&a));
	assert_int_equal(addr_parse(&a, "::#53"), 0);
	assert_true(addr_is_any(&a));
	assert_int_equal(addr_parse(&a, "0.0.0.1#53"), 0);
	assert_false(addr_is_any(&a));
	assert_int_equal(addr_parse(&a, "::1#53"), 0);
	assert_false(addr_is_any(&a));
}

static void other_families_are_shown_as_unknown(void **state)
{
	struct sockaddr_storage ss = {.ss_family = AF_UNIX};
	char text[ADDR_TEXT_MAX];
	struct ap_text t;

	(void)state;
	ap_text_init(&t, text, sizeof text);
	addr_show(&t, (const struct sockaddr *)&ss);
	assert_string_equal(text, "?");
	assert_int_equal(addr_port((const struct sockaddr *)&ss), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_have_one_spelling),
		cmocka_unit_test(other_texts_are_no_addresses),
		cmocka_unit_test(port_and_family_tell_addresses_apart),
		cmocka_unit_test(the_host_can_be_shown_alone),
		cmocka_unit_test(unspecified_addresses_are_known),
		cmocka_unit_test(other_families_are_shown_as_unknown),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
