#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/outcome.h"
#include "libproto/ticket.h"
#include "resolver/query.h"
#include "tests/lib/fakenet.h"

/* A client, a network of four, and the time between them. */
static struct world {
	struct fakenet net;
	struct ap_verify_key key;
	struct stub_jar jar;
	struct stub_endpoint endpoints[2 * FAKENET_REPLICAS_MAX];
	struct stub_query_conf conf;
	struct stub_query q;
	uint8_t descriptor[AP_MAX_descriptor];
	uint64_t now_ms, begun_ms;
	bool dead[2 * FAKENET_REPLICAS_MAX]; /* sockets of this endpoint give errors */
	size_t len[16];			     /* of the requests */
	unsigned n_sent;
	char trace[512]; /* what was sent: milliseconds, u or t, endpoint */
} w;

static uint8_t next_octet;

static int counting(void *octets, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)octets)[i] = next_octet++;
	return 0;
}

static void instance_make(const char *label, uint64_t deadline_s)
{
	ap_descriptor d;
	struct ap_writer writer;

	assert_int_equal(
		ap_ticket_open(&d, (ap_bytes){(const uint8_t *)label, strlen(label)}, deadline_s),
		0);
	ap_writer_init(&writer, w.descriptor, sizeof(w.descriptor));
	ap_descriptor_put(&writer, &d);
	w.conf.descriptor = ap_writer_bytes(&writer);
	assert_true(ap_instance_id(ap_sha256, w.conf.id.octets, w.net.key.public_key, &d.terms));
}

static int setup(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	fakenet_init(&w.net, 4);
	assert_int_equal(ap_verify_key_init(&w.key, w.net.key.public_key), 0);
	stub_jar_init(&w.jar);
	for (uint8_t i = 0; i < 4; i++)
		w.endpoints[i] = (struct stub_endpoint){
			.address = {.len = 4, .octets = {192, 0, 2, i}, .port = 7853},
			.replica = i};
	w.conf = (struct stub_query_conf){
		.ask = STUB_APPROVE,
		.zone = w.net.domain,
		.value = {(const uint8_t *)"host-a", 6},
		.endpoints = w.endpoints,
		.n_endpoints = 4,
		.f = 1,
		.key = &w.key,
		.jar = &w.jar,
		.random = counting,
		.tuning = {.time_ms = 5000, .hedge_ms = 200, .tries = 3, .udp_size = 1232},
	};
	instance_make("job", w.net.now_ms / 1000 + 600);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ap_verify_key_clear(&w.key);
	fakenet_clear(&w.net);
	return 0;
}

static void send_one(const struct stub_send *send, const uint8_t *message)
{
	uint8_t answer[AP_DNS_MAX];
	unsigned replica = w.endpoints[send->endpoint].replica;
	size_t at = strlen(w.trace), len;

	snprintf(w.trace + at, sizeof(w.trace) - at, "%s%llu%c%zu", at > 0 ? " " : "",
		 (unsigned long long)(w.now_ms - w.begun_ms), send->tcp ? 't' : 'u',
		 send->endpoint);
	if (w.n_sent < 16)
		w.len[w.n_sent] = send->len;
	w.n_sent++;
	if (w.dead[send->endpoint]) {
		stub_query_fail(&w.q, send->endpoint, send->tcp, AGREE_ENOANSWER, w.now_ms);
		return;
	}
	len = fakenet_answer(&w.net, replica, send->tcp, message, send->len, answer);
	if (len > 0)
		stub_query_answer(&w.q, send->endpoint, send->tcp, answer, len, w.now_ms);
}

/* Runs the request to its end; its status. */
static int ask(void)
{
	static uint8_t message[STUB_MESSAGE_MAX];
	struct stub_send send;

	w.begun_ms = w.now_ms;
	w.trace[0] = '\0';
	w.n_sent = 0;
	assert_int_equal(stub_query_init(&w.q, &w.conf, w.now_ms), 0);
	for (;;) {
		switch (stub_query_next(&w.q, w.now_ms, message, &send)) {
		case STUB_SEND:
			send_one(&send, message);
			assert_true(w.n_sent < 200);
			break;
		case STUB_SLEEP:
			assert_true(stub_query_deadline(&w.q) > w.now_ms);
			w.now_ms = stub_query_deadline(&w.q);
			break;
		case STUB_DONE:
			return w.q.status;
		}
	}
}

static ap_agree outcome(void)
{
	struct ap_reader r;
	ap_agree agree;

	ap_reader_init(&r, w.q.record, w.q.record_len);
	ap_agree_get(&r, &agree);
	assert_true(ap_reader_done(&r));
	return agree;
}

static void assert_decided(const char *value)
{
	ap_agree agree = outcome();

	assert_int_equal(agree.outcome.status, AP_STATUS_DECIDED);
	assert_int_equal(agree.outcome.value.len, strlen(value));
	assert_memory_equal(agree.outcome.value.data, value, strlen(value));
}

static void moods(enum fakenet_mood a, enum fakenet_mood b, enum fakenet_mood c,
		  enum fakenet_mood d)
{
	w.net.replicas[0].mood = a;
	w.net.replicas[1].mood = b;
	w.net.replicas[2].mood = c;
	w.net.replicas[3].mood = d;
}

/* ---- when all is well ---- */

static void one_datagram_decides(void **state)
{
	(void)state;
	assert_int_equal(ask(), 0);
	assert_string_equal(w.trace, "0u0");
	assert_int_equal(w.q.answered, 0);
	assert_decided("host-a");
}

static void first_request_is_padded_and_later_ones_are_not(void **state)
{
	(void)state;
	assert_int_equal(ask(), 0);
	assert_in_range(w.len[0], 775, AP_UDP_MAX);
	assert_int_equal(ask(), 0); /* with the server's cookie */
	assert_string_equal(w.trace, "0u0");
	assert_in_range(w.len[0], 1, 400);
}

static void padding_is_as_asked_for(void **state)
{
	(void)state;
	w.conf.tuning.pad_to = 512;
	assert_int_equal(ask(), 0);
	assert_int_equal(w.len[0], 512);
	/* this answer does not fit, and so comes over TCP */
	w.conf.tuning.pad_to = 330; /* by the size rule */
	stub_jar_init(&w.jar);
	assert_int_equal(ask(), 0);
	assert_string_equal(w.trace, "0u0 0t0");
}

static void loser_gets_the_value_that_stands(void **state)
{
	(void)state;
	assert_int_equal(ask(), 0);
	w.conf.value = (ap_bytes){(const uint8_t *)"host-b", 6};
	assert_int_equal(ask(), 0);
	assert_decided("host-a");
	assert_int_equal(w.q.peers[0].rcode, AP_RCODE_YXRRSET);
}

static void observer_gets_pending_then_aborted(void **state)
{
	(void)state;
	w.conf.ask = STUB_OBSERVE;
	assert_int_equal(ask(), 0);
	assert_int_equal(outcome().outcome.status, AP_STATUS_PENDING);
	w.net.now_ms += 601 * 1000;
	assert_int_equal(ask(), 0);
	assert_int_equal(outcome().outcome.status, AP_STATUS_ABORTED);
	assert_int_equal(outcome().outcome.reason, AP_REASON_DEADLINE);
}

static void reader_with_a_bare_id_gets_unknown_then_decided(void **state)
{
	(void)state;
	w.conf.ask = STUB_READ;
	assert_int_equal(ask(), 0);
	assert_int_equal(outcome().outcome.status, AP_STATUS_UNKNOWN);
	w.conf.ask = STUB_APPROVE;
	assert_int_equal(ask(), 0);
	w.conf.ask = STUB_READ;
	assert_int_equal(ask(), 0);
	assert_decided("host-a");
}

static void largest_value_and_longest_domain_fit(void **state)
{
	uint8_t value[AP_VALUE_MAX];
	char domain[200];

	(void)state;
	memset(value, 'v', sizeof(value));
	memset(domain, 'd', sizeof(domain) - 1);
	domain[60] = domain[121] = domain[180] = '.';
	domain[190] = '\0';
	assert_int_equal(ap_name_parse(&w.net.domain, domain), 0);
	w.conf.zone = w.net.domain;
	w.conf.value = (ap_bytes){value, sizeof(value)};
	assert_int_equal(ask(), 0);
	assert_string_equal(w.trace, "0u0");
	assert_int_equal(outcome().outcome.value.len, AP_VALUE_MAX);
}

/* ---- transport ---- */

static void truncated_answer_is_asked_for_over_tcp(void **state)
{
	(void)state;
	w.net.replicas[0].mood = FAKENET_TRUNCATES;
	assert_int_equal(ask(), 0);
	assert_string_equal(w.trace, "0u0 0t0");
	assert_decided("host-a");
}

static void tcp_only_sends_no_datagram(void **state)
{
	(void)state;
	w.conf.tuning.tcp = true;
	assert_int_equal(ask(), 0);
	assert_string_equal(w.trace, "0t0");
}

static void badcookie_is_answered_with_the_new_cookie(void **state)
{
	(void)state;
	w.net.wants_cookie = true;
	assert_int_equal(ask(), 0);
	assert_string_equal(w.trace, "0u0 0u0");
	assert_int_equal(ask(), 0); /* and remembered */
	assert_string_equal(w.trace, "0u0");
}

static void badcookie_without_end_leads_to_tcp(void **state)
{
	(void)state;
	w.net.replicas[0].mood = FAKENET_BADCOOKIE;
	assert_int_equal(ask(), 0);
	assert_string_equal(w.trace, "0u0 0u0 0u0 0t0");
}

static void no_cookie_option_if_none_is_wanted(void **state)
{
	(void)state;
	w.conf.tuning.no_cookie = true;
	assert_int_equal(ask(), 0);
	assert_int_equal(w.jar.n, 0);
	assert_string_equal(w.trace, "0u0");
}

static void rate_limit_without_cookie_leads_to_tcp(void **state)
{
	(void)state;
	w.net.ede = 49166;
	moods(FAKENET_REFUSES, FAKENET_HONEST, FAKENET_HONEST, FAKENET_HONEST);
	assert_int_equal(ask(), 0);
	assert_string_equal(w.trace, "0u0 0t0 0u1");
}

/* ---- replicas that do not answer ---- */

static void silent_replica_is_hedged(void **state)
{
	(void)state;
	w.net.replicas[0].mood = FAKENET_SILENT;
	assert_int_equal(ask(), 0);
	assert_string_equal(w.trace, "0u0 200u1");
	assert_int_equal(w.q.answered, 1);
}

static void closed_port_is_passed_over_at_once(void **state)
{
	(void)state;
	w.dead[0] = w.dead[1] = true;
	assert_int_equal(ask(), 0);
	assert_string_equal(w.trace, "0u0 0u1 0u2");
}

static void servfail_sends_to_the_next(void **state)
{
	(void)state;
	moods(FAKENET_SERVFAIL, FAKENET_SERVFAIL, FAKENET_HONEST, FAKENET_HONEST);
	assert_int_equal(ask(), 0);
	assert_string_equal(w.trace, "0u0 0u1 0u2");
}

static void silent_network_is_asked_tries_times(void **state)
{
	(void)state;
	moods(FAKENET_SILENT, FAKENET_SILENT, FAKENET_SILENT, FAKENET_SILENT);
	w.conf.tuning.time_ms = 1000;
	w.dead[3] = true;
	assert_int_equal(ask(), AGREE_ETIMEOUT);
	assert_string_equal(w.trace, "0u0 200u1 400u2 600u3 "
				     "1000u0 1200u1 1400u2 1600u3 "
				     "2000u0 2200u1 2400u2 2600u3");
	assert_int_equal(w.now_ms - w.begun_ms, 3000);
}

static void one_that_comes_back_answers_in_the_next_round(void **state)
{
	(void)state;
	moods(FAKENET_SILENT, FAKENET_SILENT, FAKENET_SILENT, FAKENET_SILENT);
	w.net.replicas[2].changes_after = 1;
	assert_int_equal(w.net.replicas[2].later, FAKENET_HONEST);
	assert_int_equal(ask(), 0);
	assert_string_equal(w.trace, "0u0 200u1 400u2 600u3 5000u0 5200u1 5400u2");
}

static void late_answer_of_an_earlier_round_counts(void **state)
{
	uint8_t message[STUB_MESSAGE_MAX], answer[AP_DNS_MAX];
	struct stub_send send;
	size_t len;

	(void)state;
	w.conf.n_endpoints = 1;
	assert_int_equal(stub_query_init(&w.q, &w.conf, 0), 0);
	assert_int_equal(stub_query_next(&w.q, 0, message, &send), STUB_SEND);
	len = fakenet_answer(&w.net, 0, false, message, send.len, answer);
	assert_int_equal(stub_query_next(&w.q, 0, message, &send), STUB_SLEEP);
	assert_int_equal(stub_query_next(&w.q, 5000, message, &send), STUB_SEND);
	assert_int_equal(stub_query_answer(&w.q, 0, false, answer, len, 5001), STUB_PROVEN);
}

static void dead_network_is_given_up_soon(void **state)
{
	(void)state;
	w.dead[0] = w.dead[1] = w.dead[2] = w.dead[3] = true;
	assert_int_equal(ask(), AGREE_ENOANSWER);
	assert_int_equal(w.now_ms - w.begun_ms, 2 * STUB_PAUSE_MS);
}

static void network_that_cannot_order_is_asked_in_each_round(void **state)
{
	(void)state;
	moods(FAKENET_SERVFAIL, FAKENET_SERVFAIL, FAKENET_SERVFAIL, FAKENET_SERVFAIL);
	assert_int_equal(ask(), AGREE_ESERVER);
	assert_int_equal(w.n_sent, 12);
}

/* ---- replicas that lie ---- */

static void liar_is_passed_over(void **state)
{
	static const enum fakenet_mood lies[] = {
		FAKENET_FORGES,	    FAKENET_OTHER_KEY, FAKENET_OTHER_RECORD,
		FAKENET_BAD_RECORD, FAKENET_NODATA,    FAKENET_CUTS,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		moods(lies[i], FAKENET_HONEST, FAKENET_HONEST, FAKENET_HONEST);
		assert_int_equal(ask(), 0);
		assert_string_equal(w.trace, "0u0 0u1");
		assert_decided("host-a");
	}
}

static void liars_alone_fail_with_what_is_wrong(void **state)
{
	static const struct {
		enum fakenet_mood lie;
		int status;
	} rows[] = {
		{FAKENET_FORGES, AGREE_ESIGNATURE},
		{FAKENET_OTHER_KEY, AGREE_ESIGNATURE},
		{FAKENET_OTHER_RECORD, AGREE_ESIGNATURE},
		{FAKENET_BAD_RECORD, AGREE_ERECORD},
		{FAKENET_CUTS, AGREE_ERECORD},
		{FAKENET_NODATA, AGREE_EREPLY},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		moods(rows[i].lie, rows[i].lie, rows[i].lie, rows[i].lie);
		assert_int_equal(ask(), rows[i].status);
		assert_int_equal(w.n_sent, 4); /* each is asked once: a lie is no accident */
		assert_int_equal(w.q.record_len, 0);
	}
}

static void old_pending_is_no_answer_but_an_old_decision_is(void **state)
{
	(void)state;
	w.conf.ask = STUB_OBSERVE;
	moods(FAKENET_REPLAYS, FAKENET_REPLAYS, FAKENET_HONEST, FAKENET_HONEST);
	assert_int_equal(ask(), 0);
	assert_string_equal(w.trace, "0u0 0u1 0u2");
	moods(FAKENET_REPLAYS, FAKENET_REPLAYS, FAKENET_REPLAYS, FAKENET_REPLAYS);
	assert_int_equal(ask(), AGREE_ENONCE);
	w.conf.ask = STUB_APPROVE;
	assert_int_equal(ask(), 0);
	assert_decided("host-a");
}

static void answers_to_something_else_are_as_none(void **state)
{
	(void)state;
	moods(FAKENET_WRONG_ID, FAKENET_WRONG_COOKIE, FAKENET_HONEST, FAKENET_HONEST);
	assert_int_equal(ask(), 0);
	assert_string_equal(w.trace, "0u0 200u1 400u2");
}

static void answer_from_where_nobody_was_asked_is_ignored(void **state)
{
	uint8_t message[STUB_MESSAGE_MAX], answer[AP_DNS_MAX];
	struct stub_send send;
	size_t len;

	(void)state;
	assert_int_equal(stub_query_init(&w.q, &w.conf, 0), 0);
	assert_int_equal(stub_query_next(&w.q, 0, message, &send), STUB_SEND);
	len = fakenet_answer(&w.net, 0, false, message, send.len, answer);
	assert_int_equal(stub_query_answer(&w.q, 1, false, answer, len, 0), STUB_IGNORED);
	assert_int_equal(stub_query_answer(&w.q, 0, true, answer, len, 0), STUB_IGNORED);
	assert_int_equal(stub_query_answer(&w.q, 99, false, answer, len, 0), STUB_IGNORED);
	assert_int_equal(stub_query_answer(&w.q, 0, false, answer, len, 0), STUB_PROVEN);
	assert_int_equal(stub_query_answer(&w.q, 0, false, answer, len, 0), STUB_IGNORED);
}

static void every_cut_of_an_answer_is_harmless(void **state)
{
	uint8_t message[STUB_MESSAGE_MAX], answer[AP_DNS_MAX];
	enum stub_verdict verdict;
	struct stub_send send;
	size_t len;

	(void)state;
	for (size_t cut = 0;; cut++) {
		assert_int_equal(stub_query_init(&w.q, &w.conf, 0), 0);
		assert_int_equal(stub_query_next(&w.q, 0, message, &send), STUB_SEND);
		len = fakenet_answer(&w.net, 0, false, message, send.len, answer);
		if (cut == len)
			break;
		verdict = stub_query_answer(&w.q, 0, false, answer, cut, 0);
		assert_true(verdict == STUB_IGNORED || verdict == STUB_LIE);
		assert_int_equal(w.q.record_len, 0);
	}
}

/* ---- refusals ---- */

static void refusal_is_believed_from_f_plus_1(void **state)
{
	(void)state;
	moods(FAKENET_REFUSES, FAKENET_REFUSES, FAKENET_HONEST, FAKENET_HONEST);
	assert_int_equal(ask(), AGREE_EHORIZON);
	assert_string_equal(w.trace, "0u0 0u1");
}

static void refusal_of_one_is_not_believed(void **state)
{
	(void)state;
	moods(FAKENET_REFUSES, FAKENET_SILENT, FAKENET_SILENT, FAKENET_HONEST);
	assert_int_equal(ask(), 0);
	assert_string_equal(w.trace, "0u0 0u1 200u2 400u3");
	w.dead[1] = w.dead[2] = w.dead[3] = true;
	assert_int_equal(ask(), AGREE_ENOANSWER);
}

static void two_addresses_of_one_replica_refuse_once(void **state)
{
	(void)state;
	w.endpoints[1].replica = 0;
	w.net.replicas[0].mood = FAKENET_REFUSES;
	assert_int_equal(ask(), 0);
	assert_string_equal(w.trace, "0u0 0u1 0u2");
}

static void only_replica_that_is_known_is_believed(void **state)
{
	(void)state;
	w.conf.n_endpoints = 1;
	w.net.replicas[0].mood = FAKENET_REFUSES;
	assert_int_equal(ask(), AGREE_EHORIZON);
}

static void reason_of_most_is_given(void **state)
{
	(void)state;
	w.conf.f = 3;
	moods(FAKENET_REFUSES, FAKENET_REFUSES, FAKENET_REFUSES, FAKENET_REFUSES);
	assert_int_equal(ask(), AGREE_EHORIZON);
	assert_int_equal(w.n_sent, 4);
	w.net.ede = 0;
	assert_int_equal(ask(), AGREE_EREFUSED);
}

/* ---- waiting ---- */

static void waiter_gets_the_decision(void **state)
{
	(void)state;
	w.conf.ask = STUB_OBSERVE;
	w.conf.wait_ms = 10000;
	w.net.decides_on_wait = true;
	assert_int_equal(ask(), 0);
	assert_string_equal(w.trace, "0u0 0t0");
	assert_decided("late");
}

static void waiter_gets_the_last_pending_when_time_is_up(void **state)
{
	(void)state;
	w.conf.ask = STUB_OBSERVE;
	w.conf.wait_ms = 1200;
	assert_int_equal(ask(), 0);
	assert_string_equal(w.trace, "0u0 0t0 500t1 1000t2");
	assert_int_equal(outcome().outcome.status, AP_STATUS_PENDING);
	assert_in_range(w.now_ms - w.begun_ms, 1200, 1700);
}

static void waiter_goes_on_to_another_replica(void **state)
{
	(void)state;
	w.conf.ask = STUB_OBSERVE;
	w.conf.wait_ms = 60000;
	w.net.replicas[0].changes_after = 1;
	w.net.replicas[0].later = FAKENET_FORGES;
	w.net.replicas[1].mood = FAKENET_SILENT;
	w.net.decides_on_wait = true;
	assert_int_equal(ask(), 0);
	/* a liar is left at once, a silent one when its time is up */
	assert_string_equal(w.trace, "0u0 0t0 500t1 21000t2");
	assert_decided("late");
}

static void waiter_on_a_dying_network_keeps_what_it_knows(void **state)
{
	(void)state;
	w.conf.ask = STUB_OBSERVE;
	w.conf.wait_ms = 3000;
	w.dead[1] = w.dead[2] = w.dead[3] = true;
	w.net.replicas[0].changes_after = 1;
	w.net.replicas[0].later = FAKENET_OTHER_KEY;
	assert_int_equal(ask(), 0);
	assert_int_equal(outcome().outcome.status, AP_STATUS_PENDING);
	assert_in_range(w.now_ms - w.begun_ms, 3000, 3500);
}

static void bad_configurations_are_refused(void **state)
{
	(void)state;
	w.conf.n_endpoints = 0;
	assert_int_equal(stub_query_init(&w.q, &w.conf, 0), AGREE_EUSAGE);
	w.conf.n_endpoints = STUB_ENDPOINTS_MAX + 1;
	assert_int_equal(stub_query_init(&w.q, &w.conf, 0), AGREE_EUSAGE);
	w.conf.n_endpoints = 1;
	w.conf.tuning.tries = 0;
	assert_int_equal(stub_query_init(&w.q, &w.conf, 0), AGREE_EUSAGE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_datagram_decides),
		TEST(first_request_is_padded_and_later_ones_are_not),
		TEST(padding_is_as_asked_for),
		TEST(loser_gets_the_value_that_stands),
		TEST(observer_gets_pending_then_aborted),
		TEST(reader_with_a_bare_id_gets_unknown_then_decided),
		TEST(largest_value_and_longest_domain_fit),
		TEST(truncated_answer_is_asked_for_over_tcp),
		TEST(tcp_only_sends_no_datagram),
		TEST(badcookie_is_answered_with_the_new_cookie),
		TEST(badcookie_without_end_leads_to_tcp),
		TEST(no_cookie_option_if_none_is_wanted),
		TEST(rate_limit_without_cookie_leads_to_tcp),
		TEST(silent_replica_is_hedged),
		TEST(closed_port_is_passed_over_at_once),
		TEST(servfail_sends_to_the_next),
		TEST(silent_network_is_asked_tries_times),
		TEST(one_that_comes_back_answers_in_the_next_round),
		TEST(late_answer_of_an_earlier_round_counts),
		TEST(dead_network_is_given_up_soon),
		TEST(network_that_cannot_order_is_asked_in_each_round),
		TEST(liar_is_passed_over),
		TEST(liars_alone_fail_with_what_is_wrong),
		TEST(old_pending_is_no_answer_but_an_old_decision_is),
		TEST(answers_to_something_else_are_as_none),
		TEST(answer_from_where_nobody_was_asked_is_ignored),
		TEST(every_cut_of_an_answer_is_harmless),
		TEST(refusal_is_believed_from_f_plus_1),
		TEST(refusal_of_one_is_not_believed),
		TEST(two_addresses_of_one_replica_refuse_once),
		TEST(only_replica_that_is_known_is_believed),
		TEST(reason_of_most_is_given),
		TEST(waiter_gets_the_decision),
		TEST(waiter_gets_the_last_pending_when_time_is_up),
		TEST(waiter_goes_on_to_another_replica),
		TEST(waiter_on_a_dying_network_keeps_what_it_knows),
		TEST(bad_configurations_are_refused),
	};

	return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
