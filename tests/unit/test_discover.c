#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "resolver/address.h"
#include "resolver/discover.h"
#include "resolver/resolvconf.h"
#include "tests/lib/fakenet.h"

/* ---- SRV: RFC 2782 ---- */

/* Numbers to draw, in turn; then there are no more. */
static uint32_t draws[16];
static size_t n_draws, draws_at;

static int scripted(void *octets, size_t len)
{
	uint32_t r;

	assert_int_equal(len, 4);
	if (draws_at == n_draws)
		return AGREE_EINTERNAL;
	r = draws[draws_at++];
	for (size_t i = 0; i < 4; i++)
		((uint8_t *)octets)[i] = (uint8_t)(r >> (24 - 8 * i));
	return 0;
}

static int zeros(void *octets, size_t len)
{
	memset(octets, 0, len);
	return 0;
}

static void srv_order_is_that_of_rfc_2782(void **state)
{
	/* targets are named by letters; one draw for each that is chosen */
	static const struct {
		struct {
			uint16_t priority, weight;
		} srv[4];
		uint32_t draws[4];
		const char *order;
	} rows[] = {
		/* lower priority first, whatever the weights */
		{{{3, 9}, {1, 0}, {2, 5}, {0, 1}}, {0, 0, 0, 0}, "dbca"},
		/* by weight: sums are 10 30 60 100 */
		{{{0, 10}, {0, 20}, {0, 30}, {0, 40}}, {10, 0, 0, 0}, "abcd"},
		{{{0, 10}, {0, 20}, {0, 30}, {0, 40}}, {11, 0, 0, 0}, "bacd"},
		{{{0, 10}, {0, 20}, {0, 30}, {0, 40}}, {60, 0, 0, 0}, "cabd"},
		/* the sum itself can be drawn: the last one is chosen */
		{{{0, 10}, {0, 20}, {0, 30}, {0, 40}}, {100, 60, 30, 10}, "dcba"},
		/* the sum sinks as targets are taken: 100, then 60 */
		{{{0, 10}, {0, 20}, {0, 30}, {0, 40}}, {61, 31, 0, 0}, "dcab"},
		/* weight 0 is put first, and wins with a draw of 0 only */
		{{{0, 5}, {0, 0}, {0, 5}, {0, 0}}, {0, 0, 0, 0}, "bdac"},
		{{{0, 5}, {0, 0}, {0, 5}, {0, 0}}, {1, 5, 0, 0}, "acbd"},
		{{{0, 0}, {0, 0}, {0, 0}, {0, 0}}, {0, 0, 0, 0}, "abcd"},
		/* within each priority for itself */
		{{{2, 1}, {1, 1}, {2, 1}, {1, 1}}, {2, 0, 2, 0}, "dbca"},
	};
	struct stub_target targets[4];
	char order[5] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(targets, 0, sizeof(targets));
		for (size_t k = 0; k < 4; k++) {
			targets[k].srv.priority = rows[i].srv[k].priority;
			targets[k].srv.weight = rows[i].srv[k].weight;
			targets[k].srv.port = (uint16_t)('a' + k);
		}
		memcpy(draws, rows[i].draws, sizeof(rows[i].draws));
		n_draws = 4;
		draws_at = 0;
		assert_int_equal(stub_targets_order(targets, 4, scripted), 0);
		for (size_t k = 0; k < 4; k++)
			order[k] = (char)targets[k].srv.port;
		assert_string_equal(order, rows[i].order);
	}
}

static void draws_that_would_not_be_uniform_are_repeated(void **state)
{
	struct stub_target targets[2] = {{.srv = {.weight = 1}}, {.srv = {.weight = 2}}};

	(void)state;
	/* four choices at first, then three, of which 2^32 is no multiple */
	memcpy(draws, (uint32_t[]){1, UINT32_MAX, 0}, 12);
	n_draws = 3;
	draws_at = 0;
	assert_int_equal(stub_targets_order(targets, 2, scripted), 0);
	assert_int_equal(draws_at, 3);
}

static void no_random_octets_is_an_error(void **state)
{
	struct stub_target targets[1] = {{.srv = {.weight = 1}}};

	(void)state;
	n_draws = draws_at = 0;
	assert_int_equal(stub_targets_order(targets, 1, scripted), AGREE_EINTERNAL);
	assert_int_equal(stub_targets_order(targets, 0, scripted), 0);
}

/* ---- TXT ---- */

#define KEY "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

/* Strings separated by | into RDATA. */
static int txt_of(const char *text, struct stub_txt *txt)
{
	uint8_t rdata[1024];
	size_t len = 0;

	for (;;) {
		size_t n = strcspn(text, "|");

		rdata[len++] = (uint8_t)n;
		memcpy(rdata + len, text, n);
		len += n;
		if (text[n] == '\0')
			break;
		text += n + 1;
	}
	return stub_txt_parse(txt, (ap_bytes){rdata, len});
}

static void txt_is_read_as_it_should(void **state)
{
	static const struct {
		const char *text;
		int what;
	} rows[] = {
		{"v=agree1|k=" KEY, STUB_TXT_OURS},
		{"V=agree1|K=" KEY "|N=4|x=unknown|flag|=skipped", STUB_TXT_OURS},
		{"v=agree1|k=" KEY "|k=bad", STUB_TXT_OURS}, /* the first of a key counts */
		{"v=agree1|n=many|f=-1|e=1e3|r=99999999999999999999|k=" KEY, STUB_TXT_OURS},
		{"v=agree1", AGREE_ETXT},
		{"v=agree1|k=", AGREE_ETXT},
		{"v=agree1|k=" KEY "=", AGREE_ETXT},
		{"v=agree1|k=11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURp", AGREE_ETXT},
		{"v=agree2|k=" KEY, STUB_TXT_OTHER},
		{"v=agree11|k=" KEY, STUB_TXT_OTHER},
		{"v=Agree1|k=" KEY, STUB_TXT_OTHER},
		{"k=" KEY "|v=agree1", STUB_TXT_OTHER}, /* v is first */
		{"v=spf1 -all", STUB_TXT_OTHER},
		{"", STUB_TXT_OTHER},
	};
	struct stub_txt txt;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(txt_of(rows[i].text, &txt), rows[i].what);
}

static void txt_numbers_inform(void **state)
{
	struct stub_txt txt;

	(void)state;
	assert_int_equal(txt_of("v=agree1|k=" KEY "|n=4|f=1|e=7|r=604800|n=99", &txt), 1);
	assert_true(txt.has_n && txt.has_f && txt.has_e && txt.has_r);
	assert_int_equal(txt.n, 4);
	assert_int_equal(txt.f, 1);
	assert_int_equal(txt.e, 7);
	assert_int_equal(txt.r, 604800);
	assert_int_equal(txt_of("v=agree1|k=" KEY "|n=many|f=-1|e=|r=9999999999999999999", &txt),
			 1);
	assert_false(txt.has_n || txt.has_f || txt.has_e || txt.has_r);
}

static void txt_that_is_cut_is_bad(void **state)
{
	struct stub_txt txt;

	(void)state;
	assert_int_equal(stub_txt_parse(&txt, (ap_bytes){(const uint8_t *)"\x08v=agree1\x09k", 11}),
			 AGREE_ETXT);
	assert_int_equal(stub_txt_parse(&txt, (ap_bytes){NULL, 0}), STUB_TXT_OTHER);
}

/* ---- resolv.conf ---- */

static void resolver_is_trusted_where_the_way_to_it_is_safe(void **state)
{
	static const struct {
		const char *text;
		bool trusts;
	} rows[] = {
		{"nameserver 127.0.0.1\n", true},
		{"nameserver ::1\nnameserver 127.0.0.53\n", true},
		{"nameserver 192.0.2.1\n", false},
		{"nameserver 127.0.0.1\nnameserver 192.0.2.1\n", false},
		{"nameserver 192.0.2.1\noptions edns0 trust-ad\n", true},
		{"options\ttrust-ad", true},
		{"options trust-adx\nnameserver 192.0.2.1", false},
		{"# nameserver 127.0.0.1\n; options trust-ad\n", false},
		{"nameserver\n", false},
		{"nameserver 127.0.0.1 # local\n", true},
		{"", false},
	};
	char big[32 * 1024];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(stub_resolvconf_trusts(rows[i].text, strlen(rows[i].text)),
				 rows[i].trusts);
	memset(big, '\n', sizeof(big));
	memcpy(big, "options trust-ad", 16);
	assert_false(stub_resolvconf_trusts(big, sizeof(big)));
	assert_false(stub_resolvconf_file_trusts("/nonexistent"));
}

/* ---- addresses ---- */

static void addresses_are_read_in_all_their_forms(void **state)
{
	static const struct {
		const char *text, *shown;
	} rows[] = {
		{"192.0.2.1", "192.0.2.1#7853"},
		{"192.0.2.1#53", "192.0.2.1#53"},
		{"192.0.2.1@53", "192.0.2.1#53"},
		{"192.0.2.1:53", "192.0.2.1#53"},
		{"2001:db8::1", "2001:db8::1#7853"},
		{"2001:db8::1#53", "2001:db8::1#53"},
		{"[2001:db8::1]:53", "2001:db8::1#53"},
		{"[2001:db8::1]#53", "2001:db8::1#53"},
		{"[2001:db8::1]", "2001:db8::1#7853"},
		{"fe80::1%1#53", "fe80::1%1#53"},
		{"localhost", NULL},
		{"", NULL},
		{"192.0.2.1#", NULL},
		{"192.0.2.1#0", NULL},
		{"192.0.2.1#65536", NULL},
		{"192.0.2.1#5x", NULL},
		{"192.0.2", NULL},
		{"[::1", NULL},
		{"[::1]53", NULL},
		{"fe80::1%", NULL},
	};
	struct stub_address a;
	char text[STUB_ADDRESS_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int err = stub_address_parse(&a, rows[i].text, STUB_PORT);

		assert_int_equal(err, rows[i].shown != NULL ? 0 : AGREE_EADDRESS);
		if (err != 0)
			continue;
		stub_address_show(text, &a);
		assert_string_equal(text, rows[i].shown);
	}
}

/* ---- all of it ---- */

static struct fakenet net;
static struct stub_discover d;
static struct stub_discover_conf conf;
static unsigned n_lookups;
static uint16_t failing_type; /* lookups of this one get no answer */

static int setup(void **state)
{
	(void)state;
	fakenet_init(&net, 4);
	memset(&conf, 0, sizeof(conf));
	conf.domain = net.domain;
	conf.families = STUB_V4 | STUB_V6;
	conf.random = zeros;
	n_lookups = 0;
	failing_type = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fakenet_clear(&net);
	return 0;
}

static void look_up(const struct ap_name *name, uint16_t type, unsigned tag)
{
	uint8_t query[AP_DNS_BARE_MAX], answer[AP_DNS_MAX];
	struct ap_edns_out edns = {.udp_size = 1232};
	struct ap_dns_writer writer;
	size_t len;

	n_lookups++;
	if (type == failing_type) {
		stub_discover_answer(&d, tag, AGREE_ERESOLVER, NULL, 0);
		return;
	}
	ap_dns_begin(&writer, query, sizeof(query), sizeof(query), 7, AP_OPCODE_QUERY,
		     AP_FLAG_RD | AP_FLAG_AD);
	ap_dns_question(&writer, name, type, AP_CLASS_IN);
	ap_dns_edns(&writer, &edns);
	len = fakenet_answer(&net, 0, true, query, ap_dns_end(&writer), answer);
	assert_true(len > 0);
	stub_discover_answer(&d, tag, 0, answer, len);
}

static void discover(void)
{
	const struct ap_name *name;
	uint16_t type;
	unsigned tag;

	assert_int_equal(stub_discover_init(&d, &conf), 0);
	while (!stub_discover_is_over(&d)) {
		assert_true(stub_discover_next(&d, &name, &type, &tag));
		look_up(name, type, tag);
	}
	assert_false(stub_discover_next(&d, &name, &type, &tag));
}

static void network_is_found_in_one_round(void **state)
{
	const struct stub_target *targets;
	char text[STUB_ADDRESS_TEXT];
	size_t n;

	(void)state;
	discover();
	assert_int_equal(n_lookups, 3);
	assert_int_equal(stub_discover_status(&d), 0);
	assert_int_equal(stub_discover_txt_status(&d), 0);
	assert_memory_equal(d.txt.key, net.key.public_key, 32);
	targets = stub_discover_targets(&d, &n);
	assert_int_equal(n, 4);
	assert_int_equal(targets[2].n_addresses, 1);
	stub_address_show(text, &targets[2].addresses[0]);
	assert_string_equal(text, "127.0.0.1#7855");
	assert_false(d.tcp_only);
}

static void addresses_are_looked_up_if_they_do_not_come_along(void **state)
{
	const struct stub_target *targets;
	size_t n;

	(void)state;
	net.additional = false;
	discover();
	assert_int_equal(n_lookups, 3 + 2 * 4);
	assert_int_equal(stub_discover_status(&d), 0);
	targets = stub_discover_targets(&d, &n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(targets[i].n_addresses, 1);
	n_lookups = 0;
	conf.families = STUB_V6; /* and there are none */
	discover();
	assert_int_equal(n_lookups, 3 + 4);
	assert_int_equal(stub_discover_status(&d), AGREE_ENONETWORK);
}

static void other_domain_is_no_network(void **state)
{
	(void)state;
	assert_int_equal(ap_name_parse(&conf.domain, "other.test"), 0);
	discover();
	assert_int_equal(stub_discover_status(&d), AGREE_ENONETWORK);
	assert_int_equal(stub_discover_txt_status(&d), AGREE_ENONETWORK);
}

static void several_txt_records_are_an_error(void **state)
{
	(void)state;
	net.txt_copies = 2;
	discover();
	assert_int_equal(stub_discover_txt_status(&d), AGREE_ETXT);
	net.txt_copies = 0;
	discover();
	assert_int_equal(stub_discover_txt_status(&d), AGREE_ENONETWORK);
	assert_int_equal(stub_discover_status(&d), 0);
}

static void failed_lookup_is_told_from_an_empty_answer(void **state)
{
	(void)state;
	failing_type = AP_RR_TXT;
	discover();
	assert_int_equal(stub_discover_txt_status(&d), AGREE_ERESOLVER);
	assert_int_equal(stub_discover_status(&d), 0);
	failing_type = AP_RR_SRV;
	discover();
	assert_int_equal(stub_discover_txt_status(&d), 0);
	assert_int_equal(stub_discover_status(&d), AGREE_ERESOLVER);
}

static void ad_counts_only_where_the_resolver_is_trusted(void **state)
{
	(void)state;
	net.ad = true;
	discover();
	assert_false(d.txt.authenticated);
	conf.trusts_ad = true;
	discover();
	assert_true(d.txt.authenticated);
	net.ad = false;
	discover();
	assert_false(d.txt.authenticated);
}

static void replica_that_is_known_is_asked_for_txt_alone(void **state)
{
	size_t n;

	(void)state;
	conf.txt_only = true;
	discover();
	assert_int_equal(n_lookups, 1);
	assert_int_equal(stub_discover_status(&d), 0);
	assert_int_equal(stub_discover_txt_status(&d), 0);
	stub_discover_targets(&d, &n);
	assert_int_equal(n, 0);
}

/* A message with so many SRV records, the first of them at "."; of _tcp only. */
static size_t srv_message(const struct ap_name *name, uint8_t *out)
{
	struct ap_dns_writer writer;
	struct ap_srv srv = {.port = 7853, .target = {.len = 1}};
	char label[8];

	ap_dns_begin(&writer, out, AP_DNS_MAX, AP_DNS_MAX, 7, AP_OPCODE_QUERY, AP_FLAG_QR);
	ap_dns_question(&writer, name, AP_RR_SRV, AP_CLASS_IN);
	for (unsigned i = 0; i < STUB_TARGETS_MAX + 8; i++) {
		ap_srv_put(ap_dns_rr_begin(&writer, AP_ANSWER, name, AP_RR_SRV, AP_CLASS_IN, 1),
			   &srv);
		assert_true(ap_dns_rr_end(&writer));
		snprintf(label, sizeof(label), "t%u", i);
		assert_true(ap_name_prepend(&srv.target, label, strlen(label), &conf.domain));
	}
	return ap_dns_end(&writer);
}

static void targets_beyond_the_maximum_and_the_root_are_ignored(void **state)
{
	uint8_t answer[AP_DNS_MAX], empty[AP_DNS_BARE_MAX];
	const struct ap_name *name;
	struct ap_dns_writer writer;
	uint16_t type;
	unsigned tag;
	size_t n;

	(void)state;
	assert_int_equal(stub_discover_init(&d, &conf), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(stub_discover_next(&d, &name, &type, &tag));
		if (i == 2) {
			stub_discover_answer(&d, tag, 0, answer, srv_message(name, answer));
			continue;
		}
		ap_dns_begin(&writer, empty, sizeof(empty), sizeof(empty), 7, AP_OPCODE_QUERY,
			     AP_FLAG_QR);
		ap_dns_question(&writer, name, type, AP_CLASS_IN);
		stub_discover_answer(&d, tag, 0, empty, ap_dns_end(&writer));
	}
	assert_true(d.tcp_only);
	assert_int_equal(stub_discover_targets(&d, &n)[0].srv.target.octets[1], 't');
	assert_int_equal(n, STUB_TARGETS_MAX);
	assert_true(stub_discover_next(&d, &name, &type, &tag)); /* their addresses */
}

static void answers_that_are_no_answers_change_nothing(void **state)
{
	const struct ap_name *name;
	uint8_t answer[AP_DNS_MAX];
	uint16_t type;
	unsigned tag;
	size_t len;

	(void)state;
	assert_int_equal(stub_discover_init(&d, &conf), 0);
	stub_discover_answer(&d, 0, 0, "x", 1); /* not asked for yet */
	assert_true(stub_discover_next(&d, &name, &type, &tag));
	assert_int_equal(type, AP_RR_TXT);
	len = srv_message(name, answer); /* to another type */
	stub_discover_answer(&d, tag, 0, answer, len);
	assert_int_equal(stub_discover_txt_status(&d), AGREE_ERESOLVER);
	stub_discover_answer(&d, 999, 0, answer, len);
	assert_false(stub_discover_is_over(&d));
}

static void domain_that_is_too_long_is_said(void **state)
{
	char domain[254];

	(void)state;
	memset(domain, 'd', sizeof(domain));
	domain[60] = domain[121] = domain[182] = '.';
	domain[243] = '\0';
	assert_int_equal(ap_name_parse(&conf.domain, domain), 0);
	assert_int_equal(stub_discover_init(&d, &conf), AGREE_EDOMAIN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(srv_order_is_that_of_rfc_2782),
		cmocka_unit_test(draws_that_would_not_be_uniform_are_repeated),
		cmocka_unit_test(no_random_octets_is_an_error),
		cmocka_unit_test(txt_is_read_as_it_should),
		cmocka_unit_test(txt_numbers_inform),
		cmocka_unit_test(txt_that_is_cut_is_bad),
		cmocka_unit_test(resolver_is_trusted_where_the_way_to_it_is_safe),
		cmocka_unit_test(addresses_are_read_in_all_their_forms),
		TEST(network_is_found_in_one_round),
		TEST(addresses_are_looked_up_if_they_do_not_come_along),
		TEST(other_domain_is_no_network),
		TEST(several_txt_records_are_an_error),
		TEST(failed_lookup_is_told_from_an_empty_answer),
		TEST(ad_counts_only_where_the_resolver_is_trusted),
		TEST(replica_that_is_known_is_asked_for_txt_alone),
		TEST(targets_beyond_the_maximum_and_the_root_are_ignored),
		TEST(answers_that_are_no_answers_change_nothing),
		TEST(domain_that_is_too_long_is_said),
	};

	return cmocka_run_group_tests_name("discover", tests, NULL, NULL);
}
