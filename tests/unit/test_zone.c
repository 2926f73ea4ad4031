/* The network's own names, as a replica answers them: draft {#names}, {#discovery}. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/agree_errors.h"
#include "tests/lib/edge.h"

static const struct ap_edns_out plain = {.udp_size = AP_UDP_MAX};
static uint8_t wire[AP_DNS_MAX];

static int live(void **state)
{
	*state = edge_live();
	return 0;
}

static int forming(void **state)
{
	struct edge *e = edge_new();

	edge_open(e);
	*state = e;
	return 0;
}

static int down(void **state)
{
	edge_free(*state);
	return 0;
}

static const struct ap_dns *ask(struct edge *e, const char *name, uint16_t type)
{
	size_t n = dnsask_make(
		wire,
		&(struct dnsask){.name = name, .type = type, .class = AP_CLASS_IN, .edns = &plain});

	return edge_reply_now(e, wire, n, true);
}

static const struct ap_rr *record(const struct ap_dns *m, enum ap_section section, size_t i)
{
	const struct ap_rr *rr = NULL;
	size_t at = 0;

	for (size_t n = 0; n <= i; n++) {
		rr = ap_dns_next(m, section, &at);
		assert_non_null(rr);
	}
	return rr;
}

static void assert_owner(const struct ap_dns *m, const struct ap_rr *rr, const char *name)
{
	struct ap_name owner, right;

	ap_dns_owner(m, rr, &owner);
	assert_int_equal(ap_name_parse(&right, name), 0);
	assert_true(ap_name_equal(&owner, &right));
	assert_int_equal(rr->class, AP_CLASS_IN);
}

static void assert_soa(const struct edge *e, const struct ap_dns *m, enum ap_section section)
{
	const struct ap_rr *rr = record(m, section, 0);
	struct ap_name name, right;
	struct ap_reader r;
	uint32_t serial, minimum;

	assert_int_equal(rr->type, AP_RR_SOA);
	assert_owner(m, rr, "example.test");
	assert_int_equal(rr->ttl, 0);
	ap_reader_init(&r, rr->rdata.data, rr->rdata.len);
	ap_name_get(&r, NULL, &name);
	assert_int_equal(ap_name_parse(&right, "alpha.example.test"), 0);
	assert_true(ap_name_equal(&name, &right));
	ap_name_get(&r, NULL, &name);
	ap_u32_get(&r, &serial);
	ap_take(&r, 12);
	ap_u32_get(&r, &minimum);
	assert_true(ap_reader_done(&r));
	assert_int_equal(serial, machine_seq(e->machine));
	assert_int_equal(minimum, 0);
}

static void assert_no_data(const struct edge *e, const struct ap_dns *m)
{
	assert_int_equal(m->rcode, 0);
	assert_int_equal(m->counts[AP_ANSWER], 0);
	assert_int_equal(dnsask_count(m, AP_AUTHORITY), 1);
	assert_soa(e, m, AP_AUTHORITY);
}

static void the_apex_has_soa_and_ns(void **state)
{
	struct edge *e = *state;
	static const char *const names[] = {"alpha", "beta", "gamma", "delta"};
	const struct ap_dns *m = ask(e, "example.test", AP_RR_SOA);

	assert_int_equal(m->rcode, 0);
	assert_int_equal(dnsask_count(m, AP_ANSWER), 1);
	assert_soa(e, m, AP_ANSWER);
	m = ask(e, "Example.Test", AP_RR_NS);
	assert_int_equal(dnsask_count(m, AP_ANSWER), 4);
	for (size_t i = 0; i < 4; i++) {
		const struct ap_rr *rr = record(m, AP_ANSWER, i);

		assert_owner(m, rr, "example.test");
		assert_int_equal(rr->type, AP_RR_NS);
		assert_int_equal(rr->rdata.data[0], strlen(names[i]));
		assert_memory_equal(rr->rdata.data + 1, names[i], strlen(names[i]));
	}
	assert_int_equal(dnsask_count(ask(e, "example.test", AP_RR_ANY), AP_ANSWER), 5);
	assert_no_data(e, ask(e, "example.test", AP_RR_A));
	assert_no_data(e, ask(e, "example.test", AP_RR_TXT));
	assert_no_data(e, ask(e, "example.test", AP_RR_AGREE));
}

static void the_serial_rises_with_what_is_executed(void **state)
{
	struct edge *e = *state;

	assert_soa(e, ask(e, "example.test", AP_RR_SOA), AP_ANSWER);
	edge_batch(e);
	assert_soa(e, ask(e, "example.test", AP_RR_SOA), AP_ANSWER);
}

static void soa_is_found_from_below(void **state)
{
	struct edge *e = *state;
	static const char *const names[] = {"_udp.example.test", "_agree._udp.example.test",
					    "alpha.example.test", "nobody.example.test"};

	for (size_t i = 0; i < 4; i++) {
		const struct ap_dns *m = ask(e, names[i], AP_RR_SOA);

		assert_int_equal(m->counts[AP_ANSWER], 0);
		assert_soa(e, m, AP_AUTHORITY);
	}
}

static void dnskey_has_the_group_key(void **state)
{
	struct edge *e = *state;
	const struct ap_dns *m = ask(e, "example.test", AP_RR_DNSKEY);
	const struct ap_rr *rr = record(m, AP_ANSWER, 0);

	assert_int_equal(dnsask_count(m, AP_ANSWER), 1);
	assert_int_equal(rr->rdata.len, 36);
	assert_memory_equal(rr->rdata.data, "\x01\x00\x03\x0f", 4);
	assert_memory_equal(rr->rdata.data + 4, edge_key(e), 32);
}

static void srv_names_all_members_and_their_addresses(void **state)
{
	struct edge *e = *state;
	static const char *const names[] = {"_agree._udp.example.test", "_agree._tcp.example.test"};
	static const char *const targets[] = {"alpha.example.test", "beta.example.test",
					      "gamma.example.test", "delta.example.test"};

	for (size_t n = 0; n < 2; n++) {
		const struct ap_dns *m = ask(e, names[n], AP_RR_SRV);

		assert_int_equal(dnsask_count(m, AP_ANSWER), 4);
		assert_int_equal(dnsask_count(m, AP_ADDITIONAL), 4);
		for (size_t i = 0; i < 4; i++) {
			const struct ap_rr *rr = record(m, AP_ANSWER, i);
			struct ap_name right;
			struct ap_srv srv;

			assert_owner(m, rr, names[n]);
			assert_int_equal(rr->type, AP_RR_SRV);
			assert_true(ap_srv_get(&srv, rr->rdata, m->wire.data));
			assert_int_equal(srv.port, i == 1 ? 7854 : 7853);
			assert_int_equal(ap_name_parse(&right, targets[i]), 0);
			assert_true(ap_name_equal(&srv.target, &right));
			rr = record(m, AP_ADDITIONAL, i);
			assert_owner(m, rr, targets[i]);
			assert_int_equal(rr->type, i == 3 ? AP_RR_AAAA : AP_RR_A);
		}
	}
}

static void txt_has_key_and_numbers(void **state)
{
	struct edge *e = *state;
	const struct ap_dns *m = ask(e, "_agree._udp.example.test", AP_RR_TXT);
	const struct ap_rr *rr = record(m, AP_ANSWER, 0);
	static const char *const right[] = {"v=agree1", "k=", "n=4", "f=1", "e=1", "r=5000"};
	struct ap_reader r;
	ap_bytes string;

	assert_int_equal(dnsask_count(m, AP_ANSWER), 1);
	ap_reader_init(&r, rr->rdata.data, rr->rdata.len);
	for (size_t i = 0; i < 6; i++) {
		uint8_t key[32];

		assert_true(ap_txt_next(&r, &string));
		assert_memory_equal(string.data, right[i], strlen(right[i]));
		if (i == 1) {
			assert_int_equal(
				ap_key_parse(key, (const char *)string.data + 2, string.len - 2),
				0);
			assert_memory_equal(key, edge_key(e), 32);
		} else {
			assert_int_equal(string.len, strlen(right[i]));
		}
	}
	assert_true(ap_reader_done(&r));
	assert_no_data(e, ask(e, "_agree._tcp.example.test", AP_RR_TXT));
	assert_no_data(e, ask(e, "_agree._udp.example.test", AP_RR_A));
	assert_int_equal(dnsask_count(ask(e, "_agree._udp.example.test", AP_RR_ANY), AP_ANSWER), 5);
}

static void members_have_their_client_address(void **state)
{
	struct edge *e = *state;
	const struct ap_dns *m = ask(e, "BETA.example.test", AP_RR_A);
	const struct ap_rr *rr = record(m, AP_ANSWER, 0);

	assert_int_equal(rr->rdata.len, 4);
	assert_memory_equal(rr->rdata.data, "\xc0\x00\x02\x02", 4);
	assert_no_data(e, ask(e, "beta.example.test", AP_RR_AAAA));
	m = ask(e, "delta.example.test", AP_RR_AAAA);
	rr = record(m, AP_ANSWER, 0);
	assert_int_equal(rr->rdata.len, 16);
	assert_memory_equal(rr->rdata.data, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x04", 16);
	assert_no_data(e, ask(e, "delta.example.test", AP_RR_A));
	assert_int_equal(dnsask_count(ask(e, "gamma.example.test", AP_RR_ANY), AP_ANSWER), 1);
}

static void names_between_are_there_and_empty(void **state)
{
	struct edge *e = *state;

	assert_no_data(e, ask(e, "_udp.example.test", AP_RR_SRV));
	assert_no_data(e, ask(e, "_tcp.example.test", AP_RR_TXT));
}

static void other_names_are_not_there(void **state)
{
	struct edge *e = *state;
	static const char *const names[] = {"nobody.example.test", "x.alpha.example.test",
					    "x._agree._udp.example.test", "_agree.example.test",
					    "_sctp.example.test"};

	for (size_t i = 0; i < 5; i++) {
		const struct ap_dns *m = ask(e, names[i], AP_RR_A);

		assert_int_equal(m->rcode, AP_RCODE_NXDOMAIN);
		assert_int_equal(m->counts[AP_ANSWER], 0);
		assert_soa(e, m, AP_AUTHORITY);
		assert_true((m->flags & AP_FLAG_AA) != 0);
	}
}

static void before_the_key_only_what_has_it_is_missing(void **state)
{
	struct edge *e = *state;
	const struct ap_dns *m = ask(e, "_agree._udp.example.test", AP_RR_TXT);

	assert_int_equal(m->rcode, AP_RCODE_SERVFAIL);
	assert_int_equal(m->edns.ede, 49165);
	assert_int_equal(m->n_records, 0);
	assert_int_equal(ask(e, "_agree._udp.example.test", AP_RR_ANY)->rcode, AP_RCODE_SERVFAIL);
	assert_int_equal(ask(e, "example.test", AP_RR_DNSKEY)->rcode, AP_RCODE_SERVFAIL);
	assert_int_equal(ask(e, "example.test", AP_RR_SOA)->rcode, 0);
	assert_int_equal(ask(e, "_agree._udp.example.test", AP_RR_SRV)->rcode, 0);
	assert_int_equal(ask(e, "alpha.example.test", AP_RR_A)->rcode, 0);
}

static int thirteen(void **state)
{
	struct edge *e = edge_new();

	for (uint8_t i = 4; i < 13; i++) {
		struct netfile_member *m = &e->net.members[i];

		*m = e->net.members[3];
		m->key[0] = (uint8_t)(i + 1);
		/* the longest name that a member can have */
		snprintf(m->name, sizeof(m->name), "a-member-with-a-very-long-name%02u", i);
		assert_int_equal(strlen(m->name), NETFILE_NAME_MAX);
	}
	e->net.n = 13;
	netfile_finish(&e->net);
	edge_open(e);
	*state = e;
	return 0;
}

static void the_largest_network_is_answered_whole_over_tcp_and_cut_over_udp(void **state)
{
	struct edge *e = *state;
	struct ap_edns_out edns = {.udp_size = 4096, .pad_to = 1232};
	const struct ap_dns *m = ask(e, "_agree._udp.example.test", AP_RR_SRV);
	size_t n;

	assert_int_equal(dnsask_count(m, AP_ANSWER), 13);
	assert_int_equal(dnsask_count(m, AP_ADDITIONAL), 13);
	n = dnsask_make(wire, &(struct dnsask){.name = "_agree._udp.example.test",
					       .type = AP_RR_SRV,
					       .class = AP_CLASS_IN,
					       .edns = &edns});
	m = edge_reply_now(e, wire, n, false);
	assert_true(m->wire.len <= AP_UDP_MAX);
	assert_int_equal(dnsask_count(m, AP_ANSWER), 13);
	/* addresses that do not fit are no truncation */
	assert_int_equal((m->flags & AP_FLAG_TC) != 0, 0);
	assert_true(dnsask_count(m, AP_ADDITIONAL) < 13);
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, live, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE(the_apex_has_soa_and_ns),
		LIVE(the_serial_rises_with_what_is_executed),
		LIVE(soa_is_found_from_below),
		LIVE(dnskey_has_the_group_key),
		LIVE(srv_names_all_members_and_their_addresses),
		LIVE(txt_has_key_and_numbers),
		LIVE(members_have_their_client_address),
		LIVE(names_between_are_there_and_empty),
		LIVE(other_names_are_not_there),
		cmocka_unit_test_setup_teardown(before_the_key_only_what_has_it_is_missing, forming,
						down),
		cmocka_unit_test_setup_teardown(
			the_largest_network_is_answered_whole_over_tcp_and_cut_over_udp, thirteen,
			down),
	};

	return cmocka_run_group_tests_name("zone", tests, NULL, NULL);
}
