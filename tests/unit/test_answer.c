#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "libproto/agree_errors.h"
#include "libproto/cookie.h"
#include "libproto/errors.h"
#include "libproto/outcome.h"
#include "libproto/instance.h"
#include "tests/lib/edge.h"

static const struct ap_edns_out plain = {.udp_size = AP_UDP_MAX};
static const uint8_t client_cookie[AP_COOKIE_CLIENT_LEN] = {1, 2, 3, 4, 5, 6, 7, 8};

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

/* ---- messages ---- */

static uint8_t wire[AP_DNS_MAX], out[ANSWER_MAX];

static size_t query(const char *name, uint16_t type, const struct ap_edns_out *edns)
{
	return dnsask_make(wire, &(struct dnsask){.id = 0x1234,
						  .name = name,
						  .type = type,
						  .class = AP_CLASS_IN,
						  .edns = edns});
}

static const struct ap_dns *ask(struct edge *e, const char *name, uint16_t type)
{
	return edge_reply(e, wire, query(name, type, &plain), true);
}

static void assert_ede(const struct ap_dns *m, int why, const char *part)
{
	assert_true(m->edns.has_ede);
	assert_int_equal(m->edns.ede, ap_error_find(why)->ede);
	if (part != NULL) {
		char text[AP_EDE_TEXT_MAX + 1] = "";

		memcpy(text, m->edns.ede_text.data, m->edns.ede_text.len);
		if (strstr(text, part) == NULL)
			fail_msg("\"%s\" has no \"%s\"", text, part);
	}
}

static void assert_refused(const struct ap_dns *m, uint16_t rcode, int why, const char *part)
{
	assert_int_equal(m->rcode, rcode);
	assert_int_equal(dnsask_count(m, AP_ANSWER), 0);
	assert_ede(m, why, part);
}

/* ---- what is no message ---- */

static void less_than_a_header_and_replies_get_silence(void **state)
{
	struct edge *e = *state;
	size_t n = query("example.test", AP_RR_SOA, NULL);

	for (size_t len = 0; len < 12; len++)
		assert_int_equal(edge_ask(e, wire, len, false, out), 0);
	wire[2] |= 0x80;
	assert_int_equal(edge_ask(e, wire, n, false, out), 0);
	assert_int_equal(answers_info(e->answers)->dropped, 13);
	assert_int_equal(e->n_replies, 0);
}

static void counts_of_questions_other_than_one_are_format_errors(void **state)
{
	struct edge *e = *state;
	size_t n = query("example.test", AP_RR_SOA, NULL);
	const struct ap_dns *m;

	wire[5] = 0;
	m = edge_reply_now(e, wire, 12, true);
	assert_int_equal(m->rcode, AP_RCODE_FORMERR);
	assert_int_equal(m->counts[AP_QUESTION], 0);
	memcpy(wire + n, wire + 12, n - 12);
	wire[5] = 2;
	m = edge_reply_now(e, wire, 2 * n - 12, true);
	assert_int_equal(m->rcode, AP_RCODE_FORMERR);
	assert_int_equal(m->counts[AP_QUESTION], 1);
	assert_int_equal(m->id, 0x1234);
}

static void octets_left_over_and_counts_that_lie_are_format_errors(void **state)
{
	struct edge *e = *state;
	size_t n = query("example.test", AP_RR_SOA, &plain);
	const struct ap_dns *m;

	wire[n] = 0;
	m = edge_reply_now(e, wire, n + 1, true);
	assert_int_equal(m->rcode, AP_RCODE_FORMERR);
	for (size_t at = 7; at <= 11; at += 2) {
		n = query("example.test", AP_RR_SOA, &plain);
		wire[at]++;
		m = edge_reply_now(e, wire, n, true);
		assert_int_equal(m->rcode, AP_RCODE_FORMERR);
		assert_int_equal(m->counts[AP_QUESTION], 1);
	}
}

static void every_truncation_is_answered_or_silent_and_orders_nothing(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	size_t n;

	dnsask_open(&i, edge_key(e), "cut", EDGE_NOW + 100);
	n = dnsask_update(wire, i.name, dnsask_propose(&i, AP_VERB_APPROVE, "x"), true, &plain);
	for (size_t len = 0; len < n; len++) {
		uint8_t *exact = malloc(len + 1); /* so that a read behind the end is seen */
		size_t answer;

		memcpy(exact, wire, len);
		answer = edge_ask(e, exact, len, false, out);
		free(exact);
		assert_int_equal(answer > 0, len >= 12);
		if (answer > 0)
			assert_int_equal(out[3] & 15, AP_RCODE_FORMERR);
	}
	assert_false(relay_waiting(e->relay));
}

static void each_flipped_octet_is_answered_and_bounded(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	size_t n;

	dnsask_open(&i, edge_key(e), "flip", EDGE_NOW + 100);
	n = dnsask_update(wire, i.name, dnsask_propose(&i, AP_VERB_APPROVE, "x"), true, &plain);
	for (size_t at = 0; at < n; at++) {
		for (int bit = 0; bit < 8; bit++) {
			size_t answer;

			wire[at] ^= (uint8_t)(1 << bit);
			answer = edge_ask(e, wire, n, false, out);
			assert_true(answer <= n || answer <= 12 + 259 + 11 + 28 + 6);
			wire[at] ^= (uint8_t)(1 << bit);
		}
	}
}

/* ---- envelope ---- */

static void other_opcodes_are_not_implemented_and_are_repeated(void **state)
{
	struct edge *e = *state;

	for (uint8_t opcode = 0; opcode < 16; opcode++) {
		const struct ap_dns *m;
		size_t n = dnsask_make(wire, &(struct dnsask){.id = 7, .opcode = opcode});

		m = edge_reply_now(e, wire, n, false); /* a bare header: RFC 8906 section 8.1.4 */
		assert_int_equal(m->opcode, opcode);
		assert_int_equal(m->rcode, opcode == AP_OPCODE_QUERY || opcode == AP_OPCODE_UPDATE
						   ? AP_RCODE_FORMERR
						   : AP_RCODE_NOTIMP);
		if (opcode == AP_OPCODE_QUERY || opcode == AP_OPCODE_UPDATE)
			continue;
		n = dnsask_make(wire, &(struct dnsask){.id = 7,
						       .opcode = opcode,
						       .name = "example.test",
						       .type = AP_RR_SOA,
						       .class = AP_CLASS_IN,
						       .edns = &plain});
		m = edge_reply_now(e, wire, n, false);
		assert_int_equal(m->rcode, AP_RCODE_NOTIMP);
		assert_int_equal(m->counts[AP_QUESTION], 1);
		assert_true(m->edns.present);
	}
}

static void question_keeps_its_letter_case_and_ids_are_read_in_both(void **state)
{
	struct edge *e = *state;
	char name[sizeof(((struct dnsask_instance *)0)->name)];
	struct dnsask_instance i;
	const struct ap_dns *m;

	dnsask_open(&i, edge_key(e), "case", EDGE_NOW + 100);
	edge_decide(e, &i, "v", true);
	for (size_t at = 0; at <= strlen(i.name); at++)
		name[at] = (char)(at % 2 == 0 && i.name[at] >= 'a' ? i.name[at] - 32 : i.name[at]);
	m = edge_reply_now(e, wire, query(name, AP_RR_AGREE, &plain), true);
	assert_memory_equal(m->wire.data + 12, wire + 12, m->question_end - 12u);
	assert_int_equal(dnsask_agree(m, AP_ANSWER, edge_key(e), i.id)->outcome.status,
			 AP_STATUS_DECIDED);
}

static void only_rd_is_copied_and_aa_is_set(void **state)
{
	struct edge *e = *state;
	static const struct {
		uint16_t in, out;
	} rows[] = {
		{0, AP_FLAG_QR | AP_FLAG_AA},
		{AP_FLAG_RD, AP_FLAG_QR | AP_FLAG_AA | AP_FLAG_RD},
		{AP_FLAG_AD | AP_FLAG_CD, AP_FLAG_QR | AP_FLAG_AA},
		{0x0040 /* Z */, AP_FLAG_QR | AP_FLAG_AA},
		{AP_FLAG_AA | AP_FLAG_RA, AP_FLAG_QR | AP_FLAG_AA},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static const char *const names[] = {"example.test", "none.example.test",
						    "elsewhere"};

		for (size_t j = 0; j < 3; j++) {
			size_t n = dnsask_make(wire, &(struct dnsask){.flags = rows[i].in,
								      .name = names[j],
								      .type = AP_RR_SOA,
								      .class = AP_CLASS_IN});

			assert_int_equal(edge_reply_now(e, wire, n, true)->flags & 0x7ff0,
					 rows[i].out & 0x7ff0);
		}
	}
}

static void opt_is_in_the_reply_if_and_only_if_it_was_in_the_request(void **state)
{
	struct edge *e = *state;
	const struct ap_dns *m;
	struct dnsask_rr opt = {AP_ADDITIONAL, ".", AP_RR_OPT, 1232, 0, {NULL, 0}};
	struct dnsask a = {.name = "example.test",
			   .type = AP_RR_SOA,
			   .class = AP_CLASS_IN,
			   .rrs = &opt,
			   .n_rrs = 1};

	m = edge_reply_now(e, wire, query("example.test", AP_RR_SOA, NULL), true);
	assert_false(m->edns.present);
	m = edge_reply_now(e, wire, query("example.test", AP_RR_SOA, &plain), true);
	assert_true(m->edns.present);
	assert_int_equal(m->edns.version, 0);
	assert_int_equal(m->edns.udp_size, AP_UDP_MAX);
	assert_int_equal(m->counts[AP_ADDITIONAL], 1);
	m = edge_reply_now(e, wire, dnsask_make(wire, &a), true);
	assert_int_equal(m->rcode, 0);
	a.edns = &plain; /* a second one */
	m = edge_reply_now(e, wire, dnsask_make(wire, &a), true);
	assert_int_equal(m->rcode, AP_RCODE_FORMERR);
	a.edns = NULL;
	opt.section = AP_ANSWER;
	m = edge_reply_now(e, wire, dnsask_make(wire, &a), true);
	assert_int_equal(m->rcode, AP_RCODE_FORMERR);
	assert_int_equal(m->counts[AP_QUESTION], 1);
}

static void unknown_options_and_flags_of_edns_are_ignored_and_not_echoed(void **state)
{
	struct edge *e = *state;
	static const uint8_t options[] = {0, 100, 0, 2, 0xab, 0xcd, 0, 8, 0,
					  4, 0,	  1, 0, 0,    0,    9, 0, 0};
	struct dnsask_rr opt = {AP_ADDITIONAL, ".",    AP_RR_OPT,
				1232,	       0x0040, {options, sizeof(options)}};
	struct dnsask a = {.name = "example.test",
			   .type = AP_RR_SOA,
			   .class = AP_CLASS_IN,
			   .rrs = &opt,
			   .n_rrs = 1};
	size_t n = dnsask_make(wire, &a), answer = edge_ask(e, wire, n, true, out);

	/* the last record is OPT, with flags zero and no options */
	assert_memory_equal(out + answer - 11,
			    ((uint8_t[11]){0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0}), 11);
}

static void a_later_version_of_edns_is_bad_in_twelve_bits(void **state)
{
	struct edge *e = *state;
	struct dnsask_rr opt = {AP_ADDITIONAL, ".", AP_RR_OPT, 1232, 1u << 16, {NULL, 0}};
	struct dnsask a = {.name = "example.test",
			   .type = AP_RR_SOA,
			   .class = AP_CLASS_IN,
			   .rrs = &opt,
			   .n_rrs = 1};
	const struct ap_dns *m = edge_reply_now(e, wire, dnsask_make(wire, &a), false);

	assert_int_equal(m->rcode, AP_RCODE_BADVERS);
	assert_int_equal(m->edns.version, 0);
	assert_int_equal(m->counts[AP_ANSWER], 0);
}

static void options_of_other_lengths_are_format_errors(void **state)
{
	struct edge *e = *state;
	static const struct {
		uint16_t code, len;
		bool good;
	} rows[] = {
		{AP_OPTION_COOKIE, 0, false},  {AP_OPTION_COOKIE, 7, false},
		{AP_OPTION_COOKIE, 8, true},   {AP_OPTION_COOKIE, 9, false},
		{AP_OPTION_COOKIE, 15, false}, {AP_OPTION_COOKIE, 16, true},
		{AP_OPTION_COOKIE, 24, true},  {AP_OPTION_COOKIE, 40, true},
		{AP_OPTION_COOKIE, 41, false}, {AP_OPTION_NONCE, 15, false},
		{AP_OPTION_NONCE, 16, true},   {AP_OPTION_NONCE, 17, false},
		{AP_OPTION_WAIT, 1, false},    {AP_OPTION_WAIT, 2, true},
		{AP_OPTION_WAIT, 3, false},    {AP_OPTION_NSID, 0, true},
		{AP_OPTION_PADDING, 0, true},  {AP_OPTION_PADDING, 99, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t option[4 + 128] = {(uint8_t)(rows[i].code >> 8), (uint8_t)rows[i].code, 0,
					   (uint8_t)rows[i].len};
		struct dnsask_rr opt = {AP_ADDITIONAL, ".", AP_RR_OPT,
					1232,	       0,   {option, 4u + rows[i].len}};
		struct dnsask a = {.name = "example.test",
				   .type = AP_RR_SOA,
				   .class = AP_CLASS_IN,
				   .rrs = &opt,
				   .n_rrs = 1};
		const struct ap_dns *m = edge_reply_now(e, wire, dnsask_make(wire, &a), true);

		assert_int_equal(m->rcode, rows[i].good ? 0 : AP_RCODE_FORMERR);
	}
}

static void a_datagram_that_was_cut_is_refused_towards_tcp(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	const struct ap_dns *m;
	struct asker asker;
	struct ap_dns reply;
	size_t n, answer;

	dnsask_open(&i, edge_key(e), "huge", EDGE_NOW + 100);
	n = dnsask_update(wire, i.name, dnsask_propose(&i, AP_VERB_APPROVE, "x"), false, NULL);
	edge_asker(&asker, 1, 5353);
	answer = answers_request(e->answers, wire, n - 1, true, &asker, out);
	m = &reply;
	assert_int_equal(ap_dns_reply(&reply, out, answer), 0);
	assert_int_equal(m->rcode, AP_RCODE_REFUSED);
	assert_true((m->flags & AP_FLAG_TC) != 0);
	assert_int_equal(m->opcode, AP_OPCODE_UPDATE);
	assert_int_equal(m->counts[AP_QUESTION], 1);
	assert_false(relay_waiting(e->relay));
}

static void more_records_than_are_looked_at_are_refused(void **state)
{
	struct edge *e = *state;
	struct dnsask_rr rrs[AP_DNS_RECORDS_MAX + 4];
	struct dnsask a = {.opcode = AP_OPCODE_UPDATE,
			   .name = "example.test",
			   .type = AP_RR_SOA,
			   .class = AP_CLASS_IN,
			   .rrs = rrs,
			   .n_rrs = AP_DNS_RECORDS_MAX + 3,
			   .edns = &plain};

	for (size_t i = 0; i < sizeof(rrs) / sizeof(rrs[0]); i++)
		rrs[i] = (struct dnsask_rr){AP_UPDATE, "x.example.test",
					    AP_RR_A,   AP_CLASS_IN,
					    0,	       {(const uint8_t *)"abcd", 4}};
	assert_int_equal(edge_reply_now(e, wire, dnsask_make(wire, &a), true)->rcode,
			 AP_RCODE_REFUSED);
	a.n_rrs = AP_DNS_RECORDS_MAX + 1;
	assert_int_equal(edge_reply_now(e, wire, dnsask_make(wire, &a), true)->rcode,
			 AP_RCODE_REFUSED);
	a.n_rrs = AP_DNS_RECORDS_MAX;
	assert_ede(edge_reply_now(e, wire, dnsask_make(wire, &a), true), AGREE_EUPDATE, NULL);
}

/* ---- RFC 8906, the options of dig that test it ---- */

static void the_probes_of_rfc_8906_are_answered(void **state)
{
	struct edge *e = *state;
	static const struct ap_edns_out edns_512 = {.udp_size = 512},
					dnssec = {.udp_size = 1232, .dnssec_ok = true};
	static const struct {
		const char *name;
		uint16_t type, flags;
		const struct ap_edns_out *edns;
		uint16_t rcode;
	} rows[] = {
		{"example.test", AP_RR_SOA, 0, NULL, 0},
		{"example.test", 1000, 0, NULL, 0},
		{"example.test", AP_RR_SOA, AP_FLAG_CD, NULL, 0},
		{"example.test", AP_RR_SOA, AP_FLAG_AD, NULL, 0},
		{"example.test", AP_RR_SOA, 0x0040, NULL, 0},
		{"example.test", AP_RR_SOA, AP_FLAG_RD, NULL, 0},
		{"example.test", AP_RR_SOA, 0, &plain, 0},
		{"example.test", AP_RR_SOA, 0, &edns_512, 0},
		{"example.test", AP_RR_SOA, 0, &dnssec, 0},
		{"example.test", AP_RR_DNSKEY, 0, &dnssec, 0},
		{"a.root-servers.net", AP_RR_A, 0, NULL, AP_RCODE_REFUSED},
		{".", AP_RR_NS, 0, NULL, AP_RCODE_REFUSED},
		{"test", AP_RR_SOA, 0, NULL, AP_RCODE_REFUSED},
		{"badexample.test", AP_RR_SOA, 0, NULL, AP_RCODE_REFUSED},
		{"example.test", AP_RR_AXFR, 0, NULL, AP_RCODE_REFUSED},
		{"example.test", AP_RR_IXFR, 0, NULL, AP_RCODE_REFUSED},
		{"elsewhere.test", AP_RR_AXFR, 0, NULL, AP_RCODE_REFUSED},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int tcp = 0; tcp < 2; tcp++) {
			const struct ap_dns *m;
			size_t n = dnsask_make(wire, &(struct dnsask){.id = (uint16_t)i,
								      .flags = rows[i].flags,
								      .name = rows[i].name,
								      .type = rows[i].type,
								      .class = AP_CLASS_IN,
								      .edns = rows[i].edns});

			m = edge_reply_now(e, wire, n, tcp != 0);
			assert_int_equal(m->rcode, rows[i].rcode);
			assert_int_equal(m->id, i);
			assert_int_equal(m->qtype, rows[i].type);
			assert_int_equal(m->edns.present, rows[i].edns != NULL);
		}
	}
}

static void errors_say_what_to_do(void **state)
{
	struct edge *e = *state;

	assert_refused(ask(e, "elsewhere.test", AP_RR_A), AP_RCODE_REFUSED, AGREE_ENAME, "domain");
	assert_refused(ask(e, "example.test", AP_RR_AXFR), AP_RCODE_REFUSED, AGREE_ETRANSFER,
		       "single names");
	assert_refused(ask(e, "nobody.example.test", AP_RR_A), AP_RCODE_NXDOMAIN, AGREE_ENAME,
		       "not a name");
	wire[query("example.test", AP_RR_SOA, &plain)] = 0;
	assert_int_equal(
		edge_reply_now(e, wire, query("example.test", AP_RR_SOA, &plain) + 1, true)->rcode,
		AP_RCODE_FORMERR);
}

static void refusals_have_the_rcodes_of_the_draft(void **state)
{
	static const struct {
		int why;
		uint16_t rcode;
	} rows[] = {
		{AGREE_EREFUSED, AP_RCODE_REFUSED},    {AGREE_EFORM, AP_RCODE_FORMERR},
		{AGREE_EDESCRIPTOR, AP_RCODE_FORMERR}, {AGREE_EWRONGID, AP_RCODE_REFUSED},
		{AGREE_ENOTOPEN, AP_RCODE_REFUSED},    {AGREE_EBADTERMS, AP_RCODE_REFUSED},
		{AGREE_EFIXED, AP_RCODE_REFUSED},      {AGREE_ENOTPARTY, AP_RCODE_REFUSED},
		{AGREE_ECREDENTIAL, AP_RCODE_REFUSED}, {AGREE_EHORIZON, AP_RCODE_REFUSED},
		{AGREE_ECAPACITY, AP_RCODE_REFUSED},   {AGREE_EEARLY, AP_RCODE_REFUSED},
		{AGREE_EFORMING, AP_RCODE_SERVFAIL},   {AGREE_ERATE, AP_RCODE_REFUSED},
		{AGREE_EORDER, AP_RCODE_SERVFAIL},     {AGREE_EDISK, AP_RCODE_SERVFAIL},
		{AGREE_EUPDATE, AP_RCODE_REFUSED},     {AGREE_ENAME, AP_RCODE_REFUSED},
		{AGREE_ETOOBIG, AP_RCODE_REFUSED},     {AGREE_EVERB, AP_RCODE_REFUSED},
		{AGREE_ECATCHUP, AP_RCODE_SERVFAIL},   {AGREE_ENODESCRIPTOR, AP_RCODE_REFUSED},
		{AGREE_ENOMEM, AP_RCODE_SERVFAIL},     {AGREE_EINTERNAL, AP_RCODE_SERVFAIL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(answers_rcode(rows[i].why), rows[i].rcode);
}

/* ---- reads ---- */

static void before_the_key_instances_are_not_answered(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	const struct ap_dns *m;
	size_t n;

	dnsask_open(&i, edge_key(e), "soon", EDGE_NOW + 100);
	m = edge_reply_now(e, wire, query(i.name, AP_RR_AGREE, &plain), true);
	assert_refused(m, AP_RCODE_SERVFAIL, AGREE_EFORMING, "in a moment");
	n = dnsask_update(wire, i.name, dnsask_propose(&i, AP_VERB_APPROVE, "x"), false, &plain);
	assert_refused(edge_reply_now(e, wire, n, true), AP_RCODE_SERVFAIL, AGREE_EFORMING, NULL);
	assert_false(relay_waiting(e->relay));
}

static void an_unknown_id_is_ordered_and_unknown(void **state)
{
	struct edge *e = *state;
	struct ap_edns_out edns = {.udp_size = AP_UDP_MAX, .has_nonce = true};
	struct dnsask_instance i;
	const struct ap_dns *m;
	const ap_agree *agree;
	size_t at = 0;

	dnsask_open(&i, edge_key(e), "unseen", EDGE_NOW + 100);
	memset(edns.nonce.octets, 0x77, 16);
	assert_int_equal(edge_ask(e, wire, query(i.name, AP_RR_AGREE, &edns), true, out), 0);
	assert_int_equal(e->n_replies, 0);
	edge_batch(e);
	assert_int_equal(e->n_replies, 0); /* executed, and not signed: no answer */
	assert_true(edge_sign(e, e->result.seq));
	assert_int_equal(e->n_replies, 1);
	m = edge_reply(e, wire, query(i.name, AP_RR_AGREE, &edns), true);
	assert_int_equal(m->rcode, 0);
	assert_true((m->flags & AP_FLAG_AA) != 0);
	agree = dnsask_agree(m, AP_ANSWER, edge_key(e), i.id);
	assert_int_equal(agree->outcome.status, AP_STATUS_UNKNOWN);
	assert_true(agree->outcome.nonce.present);
	assert_memory_equal(agree->outcome.nonce.it.octets, edns.nonce.octets, 16);
	assert_int_equal(ap_dns_next(m, AP_ANSWER, &at)->ttl, 0);
}

static void a_tool_without_nonce_gets_zeros(void **state)
{
	struct edge *e = *state;
	static const uint8_t zeros[16];
	struct dnsask_instance i;
	const ap_agree *agree;

	dnsask_open(&i, edge_key(e), "old tool", EDGE_NOW + 100);
	agree = dnsask_agree(edge_reply(e, wire, query(i.name, AP_RR_ANY, NULL), true), AP_ANSWER,
			     edge_key(e), i.id);
	assert_true(agree->outcome.nonce.present);
	assert_memory_equal(agree->outcome.nonce.it.octets, zeros, 16);
}

static void a_stored_final_outcome_is_answered_without_ordering(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	const struct ap_dns *m;
	const ap_agree *agree;
	uint64_t seq;

	dnsask_open(&i, edge_key(e), "done", EDGE_NOW + 100);
	seq = edge_decide(e, &i, "the value", true);
	m = edge_reply_now(e, wire, query(i.name, AP_RR_AGREE, &plain), true);
	assert_int_equal(m->rcode, 0);
	agree = dnsask_agree(m, AP_ANSWER, edge_key(e), i.id);
	assert_int_equal(agree->outcome.status, AP_STATUS_DECIDED);
	assert_int_equal(agree->outcome.sequence, seq);
	assert_int_equal(agree->outcome.value.len, 9);
	assert_memory_equal(agree->outcome.value.data, "the value", 9);
	assert_int_equal(answers_info(e->answers)->final_reads, 1);
	assert_false(relay_waiting(e->relay));
}

static void time_to_live_is_what_is_left_of_retention_by_the_clock(void **state)
{
	struct edge *e = *state;
	uint64_t now = (uint64_t)time(NULL);
	struct dnsask_instance i;
	const struct ap_dns *m;
	size_t at = 0;

	e->time_ms = (now - 1000) * 1000; /* an idle network's time stands still */
	edge_go_live(e);
	e->time_ms = (now - 1000) * 1000;
	dnsask_open(&i, edge_key(e), "aging", now - 900);
	edge_decide(e, &i, "v", true);
	m = edge_reply_now(e, wire, query(i.name, AP_RR_AGREE, &plain), true);
	assert_in_range(ap_dns_next(m, AP_ANSWER, &at)->ttl, 4100 - 60, 4100);
}

static void past_retention_by_the_clock_nobody_may_keep_it(void **state)
{
	struct edge *e = *state;
	uint64_t now = (uint64_t)time(NULL);
	struct dnsask_instance i;
	const struct ap_dns *m;
	size_t at = 0;

	e->time_ms = (now - 7000) * 1000;
	edge_go_live(e);
	e->time_ms = (now - 7000) * 1000;
	dnsask_open(&i, edge_key(e), "aged", now - 6000);
	edge_decide(e, &i, "v", true);
	m = edge_reply_now(e, wire, query(i.name, AP_RR_AGREE, &plain), true);
	dnsask_agree(m, AP_ANSWER, edge_key(e), i.id);
	assert_int_equal(ap_dns_next(m, AP_ANSWER, &at)->ttl, 0);
}

static void past_the_floor_nothing_is_answered_from_store(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	const struct ap_dns *m;
	size_t n;

	dnsask_open(&i, edge_key(e), "old", EDGE_NOW + 100);
	edge_decide(e, &i, "v", true);
	e->time_ms = EDGE_NOW_MS + 5100 * 1000; /* F = D */
	edge_batch(e);
	assert_int_equal(edge_ask(e, wire, query(i.name, AP_RR_AGREE, &plain), true, out), 0);
	m = edge_reply(e, wire, query(i.name, AP_RR_AGREE, &plain), true);
	assert_int_equal(dnsask_agree(m, AP_ANSWER, edge_key(e), i.id)->outcome.status,
			 AP_STATUS_UNKNOWN);
	n = dnsask_update(wire, i.name, dnsask_propose(&i, AP_VERB_APPROVE, "w"), true, &plain);
	m = edge_reply(e, wire, n, true);
	assert_int_equal(m->rcode, 0); /* FORGOTTEN is no RRset */
	assert_int_equal(dnsask_agree(m, AP_PREREQUISITE, edge_key(e), i.id)->outcome.status,
			 AP_STATUS_FORGOTTEN);
}

static void without_signature_a_final_outcome_is_ordered_again(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	const ap_agree *agree;
	uint64_t seq;

	dnsask_open(&i, edge_key(e), "lost signature", EDGE_NOW + 100);
	seq = edge_decide(e, &i, "v", false);
	assert_int_equal(edge_ask(e, wire, query(i.name, AP_RR_AGREE, &plain), true, out), 0);
	agree = dnsask_agree(edge_reply(e, wire, query(i.name, AP_RR_AGREE, &plain), true),
			     AP_ANSWER, edge_key(e), i.id);
	assert_int_equal(agree->outcome.sequence, seq); /* the deciding one, */
	assert_true(agree->proof.sequence > seq);	/* signed by a later batch */
}

static void txt_is_for_human_eyes(void **state)
{
	struct edge *e = *state;
	static const uint8_t strange[] = {'a', '"', '\\', 0x1b, 0xff, 'z', 0};
	static const char *const lines[] = {"outcome=decided", "value=a\\034\\092\\027\\255z",
					    "sequence=", "time=2027-01-15T08:00:00."};
	struct dnsask_instance i;
	const struct ap_dns *m;
	const struct ap_rr *rr;
	struct ap_reader r;
	ap_bytes string;
	size_t at = 0, n = 0;

	dnsask_open(&i, edge_key(e), "text", EDGE_NOW + 100);
	edge_decide(e, &i, (const char *)strange, true);
	m = edge_reply_now(e, wire, query(i.name, AP_RR_TXT, &plain), true);
	rr = ap_dns_next(m, AP_ANSWER, &at);
	assert_int_equal(rr->type, AP_RR_TXT);
	ap_reader_init(&r, rr->rdata.data, rr->rdata.len);
	for (; ap_txt_next(&r, &string); n++) {
		assert_true(n < 4 && string.len >= strlen(lines[n]));
		assert_memory_equal(string.data, lines[n], strlen(lines[n]));
	}
	assert_int_equal(n, 4);
	assert_true(ap_reader_done(&r));
}

static void a_long_value_is_cut_in_txt(void **state)
{
	struct edge *e = *state;
	char value[AP_VALUE_MAX + 1];
	struct dnsask_instance i;
	const struct ap_dns *m;

	memset(value, 0x01, AP_VALUE_MAX); /* four characters each */
	value[AP_VALUE_MAX] = '\0';
	dnsask_open(&i, edge_key(e), "long", EDGE_NOW + 100);
	edge_decide(e, &i, value, true);
	m = edge_reply_now(e, wire, query(i.name, AP_RR_TXT, &plain), true);
	assert_int_equal(dnsask_count(m, AP_ANSWER), 1);
}

static void txt_of_an_unknown_id_is_ordered_too(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	const struct ap_dns *m;
	size_t at = 0;
	const struct ap_rr *rr;

	dnsask_open(&i, edge_key(e), "txt", EDGE_NOW + 100);
	m = edge_reply(e, wire, query(i.name, AP_RR_TXT, &plain), true);
	rr = ap_dns_next(m, AP_ANSWER, &at);
	assert_int_equal(rr->type, AP_RR_TXT);
	assert_int_equal(rr->ttl, 0);
	assert_memory_equal(rr->rdata.data + 1, "outcome=unknown", 15);
}

static void other_types_at_an_instance_are_no_data_with_soa(void **state)
{
	struct edge *e = *state;
	static const uint16_t types[] = {AP_RR_A, AP_RR_SOA, AP_RR_PROPOSE, 1000, AP_RR_DNSKEY};
	struct dnsask_instance i;

	dnsask_open(&i, edge_key(e), "nodata", EDGE_NOW + 100);
	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
		const struct ap_dns *m = ask(e, i.name, types[t]);
		struct ap_name owner;
		size_t at = 0;

		assert_int_equal(m->rcode, 0);
		assert_int_equal(m->counts[AP_ANSWER], 0);
		assert_int_equal(dnsask_count(m, AP_AUTHORITY), 1);
		ap_dns_owner(m, &m->records[0], &owner);
		assert_true(ap_name_equal(&owner, &e->net.zone));
		assert_int_equal(ap_dns_next(m, AP_AUTHORITY, &at)->type, AP_RR_SOA);
	}
	assert_false(relay_waiting(e->relay));
}

static void an_id_with_spare_bits_names_nothing(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;

	dnsask_open(&i, edge_key(e), "spare", EDGE_NOW + 100);
	/* the last of 60 characters has 4 spare bits: 0 or g */
	assert_true(i.name[59] == '0' || i.name[59] == 'g');
	i.name[59]++;
	assert_int_equal(ask(e, i.name, AP_RR_AGREE)->rcode, AP_RCODE_NXDOMAIN);
	assert_int_equal(ask(e, i.name + 1, AP_RR_AGREE)->rcode, AP_RCODE_NXDOMAIN);
	assert_false(relay_waiting(e->relay));
}

static void names_below_an_instance_are_not_there(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	char name[160];

	dnsask_open(&i, edge_key(e), "below", EDGE_NOW + 100);
	snprintf(name, sizeof(name), "x.%s", i.name);
	assert_int_equal(ask(e, name, AP_RR_AGREE)->rcode, AP_RCODE_NXDOMAIN);
}

static void the_same_message_gets_the_same_answer(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	uint8_t first[ANSWER_MAX];
	size_t n, a, b;

	dnsask_open(&i, edge_key(e), "same", EDGE_NOW + 100);
	edge_decide(e, &i, "v", true);
	n = query(i.name, AP_RR_AGREE, &plain);
	a = edge_ask(e, wire, n, true, first);
	b = edge_ask(e, wire, n, true, out);
	assert_int_equal(a, b);
	assert_memory_equal(first, out, a);
}

static void a_hundred_copies_of_a_datagram_are_ordered_once(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	size_t n;

	dnsask_open(&i, edge_key(e), "copies", EDGE_NOW + 100);
	n = query(i.name, AP_RR_AGREE, &plain);
	for (int copy = 0; copy < 100; copy++)
		assert_int_equal(edge_ask(e, wire, n, false, out), 0);
	edge_sign(e, edge_batch(e));
	assert_int_equal(e->result.n_entries, 1);
	assert_int_equal(e->n_replies, 1);
}

/* ---- size rule ---- */

static void without_a_cookie_no_answer_is_larger_than_its_request(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	const struct ap_dns *m;
	size_t n;

	dnsask_open(&i, edge_key(e), "small", EDGE_NOW + 100);
	edge_decide(e, &i, "v", true);
	n = query(i.name, AP_RR_AGREE, NULL);
	m = edge_reply_now(e, wire, n, false);
	assert_true(m->wire.len <= n);
	assert_int_equal(m->rcode, 0);
	assert_true((m->flags & AP_FLAG_TC) != 0);
	assert_int_equal(m->counts[AP_ANSWER], 0);
	n = query(i.name, AP_RR_AGREE, &plain);
	m = edge_reply_now(e, wire, n, false);
	assert_true(m->wire.len <= n);
	assert_true((m->flags & AP_FLAG_TC) != 0);
	/* all names of the network too */
	static const char *const names[] = {"example.test", "_agree._udp.example.test",
					    "alpha.example.test", "none.example.test"};
	static const uint16_t types[] = {AP_RR_ANY, AP_RR_SOA, AP_RR_NS,
					 AP_RR_SRV, AP_RR_TXT, AP_RR_A};
	for (size_t a = 0; a < 4; a++) {
		for (size_t t = 0; t < 6; t++) {
			n = query(names[a], types[t], NULL);
			assert_true(edge_reply_now(e, wire, n, false)->wire.len <= n);
			n = query(names[a], types[t], &plain);
			assert_true(edge_reply_now(e, wire, n, false)->wire.len <= n + 6);
		}
	}
}

static void padding_makes_room(void **state)
{
	struct edge *e = *state;
	struct ap_edns_out edns = {.udp_size = AP_UDP_MAX, .pad_to = 900};
	struct dnsask_instance i;
	const struct ap_dns *m;

	dnsask_open(&i, edge_key(e), "padded", EDGE_NOW + 100);
	edge_decide(e, &i, "v", true);
	m = edge_reply_now(e, wire, query(i.name, AP_RR_AGREE, &edns), false);
	assert_true((m->flags & AP_FLAG_TC) == 0);
	dnsask_agree(m, AP_ANSWER, edge_key(e), i.id);
	edns.udp_size = 512;
	m = edge_reply_now(e, wire, query(i.name, AP_RR_AGREE, &edns), false);
	assert_true(m->wire.len <= 512);
}

static void a_server_cookie_makes_room(void **state)
{
	struct edge *e = *state;
	uint8_t cookie[AP_COOKIE_LEN];
	struct ap_edns_out edns = {.udp_size = AP_UDP_MAX, .cookie = {client_cookie, 8}};
	struct dnsask_instance i;
	const struct ap_dns *m;
	size_t n;

	dnsask_open(&i, edge_key(e), "cookie", EDGE_NOW + 100);
	edge_decide(e, &i, "v", true);
	n = query(i.name, AP_RR_AGREE, &edns);
	m = edge_reply_now(e, wire, n, false);
	assert_true((m->flags & AP_FLAG_TC) != 0);
	assert_int_equal(m->edns.cookie.len, AP_COOKIE_LEN);
	assert_memory_equal(m->edns.cookie.data, client_cookie, 8);
	memcpy(cookie, m->edns.cookie.data, AP_COOKIE_LEN);
	edns.cookie = (ap_bytes){cookie, AP_COOKIE_LEN};
	m = edge_reply_now(e, wire, query(i.name, AP_RR_AGREE, &edns), false);
	assert_true((m->flags & AP_FLAG_TC) == 0);
	dnsask_agree(m, AP_ANSWER, edge_key(e), i.id);
	cookie[23] ^= 1;
	m = edge_reply_now(e, wire, query(i.name, AP_RR_AGREE, &edns), false);
	assert_true((m->flags & AP_FLAG_TC) != 0);
}

static void the_cookie_of_another_address_is_none(void **state)
{
	struct edge *e = *state;
	uint8_t cookie[AP_COOKIE_LEN];
	struct ap_edns_out edns = {.udp_size = AP_UDP_MAX, .cookie = {client_cookie, 8}};
	struct dnsask_instance i;
	struct asker asker;
	struct ap_dns m;
	size_t n;

	dnsask_open(&i, edge_key(e), "theirs", EDGE_NOW + 100);
	edge_decide(e, &i, "v", true);
	memcpy(cookie,
	       edge_reply_now(e, wire, query(i.name, AP_RR_AGREE, &edns), false)->edns.cookie.data,
	       AP_COOKIE_LEN);
	edns.cookie = (ap_bytes){cookie, AP_COOKIE_LEN};
	n = query(i.name, AP_RR_AGREE, &edns);
	edge_asker(&asker, 9, 5353);
	n = answers_request(e->answers, wire, n, false, &asker, out);
	assert_int_equal(ap_dns_reply(&m, out, n), 0);
	assert_true((m.flags & AP_FLAG_TC) != 0);
	assert_memory_not_equal(m.edns.cookie.data, cookie, AP_COOKIE_LEN);
	/* the port does not matter */
	n = query(i.name, AP_RR_AGREE, &edns);
	edge_asker(&asker, 1, 9999);
	n = answers_request(e->answers, wire, n, false, &asker, out);
	assert_int_equal(ap_dns_reply(&m, out, n), 0);
	assert_true((m.flags & AP_FLAG_TC) == 0);
}

static void cookies_of_ipv6_clients_hash_the_whole_address(void **state)
{
	struct edge *e = *state;
	uint8_t cookie[AP_COOKIE_LEN];
	struct ap_edns_out edns = {.udp_size = AP_UDP_MAX, .cookie = {client_cookie, 8}};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(53)};
	struct asker asker;
	struct ap_dns m;

	for (int round = 0; round < 3; round++) {
		size_t n = query("example.test", AP_RR_NS, &edns);

		edge_asker(&asker, 1, 53);
		in6.sin6_addr.s6_addr[0] = 0x20;
		in6.sin6_addr.s6_addr[15] = round == 2;
		memcpy(&asker.peer, &in6, sizeof(in6));
		asker.peer_len = sizeof(in6);
		n = answers_request(e->answers, wire, n, false, &asker, out);
		assert_int_equal(ap_dns_reply(&m, out, n), 0);
		assert_int_equal((m.flags & AP_FLAG_TC) == 0, round == 1);
		if (round == 0)
			memcpy(cookie, m.edns.cookie.data, AP_COOKIE_LEN);
		edns.cookie = (ap_bytes){cookie, AP_COOKIE_LEN};
	}
}

static void the_udp_maximum_holds_with_a_cookie_too(void **state)
{
	struct edge *e = *state;
	char value[AP_VALUE_MAX + 1];
	struct ap_edns_out edns = {.udp_size = 65535, .pad_to = 4000};
	struct dnsask_instance i;

	memset(value, 'v', AP_VALUE_MAX);
	value[AP_VALUE_MAX] = '\0';
	dnsask_open(&i, edge_key(e), "max", EDGE_NOW + 100);
	edge_decide(e, &i, value, true);
	assert_true(edge_reply_now(e, wire, query(i.name, AP_RR_AGREE, &edns), false)->wire.len <=
		    AP_UDP_MAX);
}

static void a_full_answer_stays_under_600_octets(void **state)
{
	struct edge *e = *state;
	struct ap_edns_out edns = {
		.udp_size = AP_UDP_MAX, .cookie = {client_cookie, 8}, .pad_to = 900};
	struct dnsask_instance i;
	const struct ap_dns *m;
	char label[16];

	for (int n = 0; n < 255; n++) {
		snprintf(label, sizeof(label), "i%d", n);
		dnsask_open(&i, edge_key(e), label, EDGE_NOW + 100);
		edge_ask(e, wire, query(i.name, AP_RR_AGREE, NULL), true, out);
	}
	dnsask_open(&i, edge_key(e), "whole", EDGE_NOW + 100);
	edge_decide(e, &i, "a value that has exactly 32 octe", true);
	assert_int_equal(e->result.n_leaves, 256);
	m = edge_reply_now(e, wire, query(i.name, AP_RR_AGREE, &edns), false);
	assert_int_equal(dnsask_agree(m, AP_ANSWER, edge_key(e), i.id)->proof.count, 256);
	assert_true(m->wire.len < 600 - 8); /* a domain of 20 octets has 8 more than ours */
}

/* ---- cookies and the rate ---- */

static int rate_of_two(void **state)
{
	struct edge *e = edge_new();

	e->conf.cookieless_rate = 2;
	edge_open(e);
	edge_go_live(e);
	*state = e;
	return 0;
}

static int rate_of_none(void **state)
{
	struct edge *e = edge_new();

	e->conf.cookieless_rate = 0;
	edge_open(e);
	edge_go_live(e);
	*state = e;
	return 0;
}

static void requests_without_cookie_are_ordered_at_a_limited_rate(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	int ordered = 0;

	for (int n = 0; n < 10; n++) {
		char label[16];

		snprintf(label, sizeof(label), "i%d", n);
		dnsask_open(&i, edge_key(e), label, EDGE_NOW + 100);
		ordered += edge_ask(e, wire, query(i.name, AP_RR_AGREE, NULL), false, out) == 0;
	}
	assert_in_range(ordered, 2, 4); /* two, and what a slow machine's second fills in */
	assert_int_equal(answers_info(e->answers)->cookieless, ordered);
}

static void over_the_rate_a_cookie_is_asked_for_or_tcp(void **state)
{
	struct edge *e = *state;
	uint8_t cookie[AP_COOKIE_LEN];
	struct ap_edns_out edns = {.udp_size = AP_UDP_MAX, .cookie = {client_cookie, 8}};
	struct dnsask_instance i;
	const struct ap_dns *m;
	size_t n;

	dnsask_open(&i, edge_key(e), "rate", EDGE_NOW + 100);
	m = edge_reply_now(e, wire, query(i.name, AP_RR_AGREE, NULL), false);
	assert_int_equal(m->rcode, AP_RCODE_REFUSED);
	m = edge_reply_now(e, wire, query(i.name, AP_RR_AGREE, &plain), false);
	assert_refused(m, AP_RCODE_REFUSED, AGREE_ERATE, NULL);
	n = query(i.name, AP_RR_AGREE, &edns);
	m = edge_reply_now(e, wire, n, false);
	assert_int_equal(m->rcode, AP_RCODE_BADCOOKIE);
	assert_true((m->flags & AP_FLAG_TC) == 0);
	assert_int_equal(m->wire.len,
			 n + 16 + 6); /* the server's cookie and the extended error's code */
	assert_int_equal(m->edns.ede, 49166);
	memcpy(cookie, m->edns.cookie.data, AP_COOKIE_LEN);
	edns.cookie = (ap_bytes){cookie, AP_COOKIE_LEN};
	m = edge_reply(e, wire, query(i.name, AP_RR_AGREE, &edns), false);
	dnsask_agree(m, AP_ANSWER, edge_key(e), i.id);
	m = edge_reply(e, wire, query(i.name, AP_RR_AGREE, NULL), true);
	dnsask_agree(m, AP_ANSWER, edge_key(e), i.id);
}

static void proposals_are_under_the_rate_too(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	size_t n;

	dnsask_open(&i, edge_key(e), "rated", EDGE_NOW + 100);
	n = dnsask_update(wire, i.name, dnsask_propose(&i, AP_VERB_APPROVE, "v"), false, NULL);
	assert_int_equal(edge_reply_now(e, wire, n, false)->rcode, AP_RCODE_REFUSED);
	n = dnsask_update(wire, i.name, dnsask_propose(&i, AP_VERB_APPROVE, "v"), false, NULL);
	assert_int_equal(edge_reply(e, wire, n, true)->rcode, 0);
}

static void stored_outcomes_are_not_under_the_rate(void **state)
{
	struct edge *e = *state;
	struct ap_edns_out edns = {.udp_size = AP_UDP_MAX, .pad_to = 900};
	struct dnsask_instance i;

	dnsask_open(&i, edge_key(e), "stored", EDGE_NOW + 100);
	edge_decide(e, &i, "v", true);
	for (int n = 0; n < 20; n++)
		dnsask_agree(edge_reply_now(e, wire, query(i.name, AP_RR_AGREE, &edns), false),
			     AP_ANSWER, edge_key(e), i.id);
}

/* ---- extended errors ---- */

static void texts_are_cut_where_the_answer_has_to_end(void **state)
{
	struct edge *e = *state;
	struct ap_edns_out edns = {.udp_size = AP_UDP_MAX};

	for (uint16_t pad = 60; pad < 250; pad = (uint16_t)(pad + 7)) {
		const struct ap_dns *m;
		size_t n;

		edns.pad_to = pad;
		n = query("elsewhere.test", AP_RR_A, &edns);
		m = edge_reply_now(e, wire, n, false);
		assert_int_equal(m->rcode, AP_RCODE_REFUSED);
		assert_true(m->wire.len <= n + 6);
		assert_int_equal(m->edns.ede, 49171);
	}
	assert_true(edge_reply_now(e, wire, query("elsewhere.test", AP_RR_A, &edns), false)
			    ->edns.ede_text.len > 40);
}

static void a_request_without_opt_gets_none(void **state)
{
	struct edge *e = *state;

	assert_false(edge_reply_now(e, wire, query("elsewhere.test", AP_RR_A, NULL), true)
			     ->edns.present);
}

/* ---- who is it? ---- */

static const struct ap_dns *chaos(struct edge *e, const char *name, uint16_t type)
{
	size_t n = dnsask_make(
		wire,
		&(struct dnsask){.name = name, .type = type, .class = AP_CLASS_CH, .edns = &plain});

	return edge_reply_now(e, wire, n, true);
}

static void assert_chaos(const struct ap_dns *m, const char *text)
{
	size_t at = 0;
	const struct ap_rr *rr = ap_dns_next(m, AP_ANSWER, &at);

	assert_int_equal(m->rcode, 0);
	assert_non_null(rr);
	assert_int_equal(rr->class, AP_CLASS_CH);
	assert_int_equal(rr->rdata.data[0], strlen(text));
	assert_memory_equal(rr->rdata.data + 1, text, strlen(text));
}

static void class_chaos_names_replica_and_program(void **state)
{
	struct edge *e = *state;

	assert_chaos(chaos(e, "id.server", AP_RR_TXT), "beta");
	assert_chaos(chaos(e, "HOSTNAME.bind", AP_RR_TXT), "beta");
	assert_int_equal(chaos(e, "version.bind", AP_RR_TXT)->rcode, 0);
	assert_int_equal(chaos(e, "version.server", AP_RR_TXT)->rcode, 0);
	assert_int_equal(chaos(e, "version.bind", AP_RR_A)->rcode, AP_RCODE_REFUSED);
	assert_int_equal(chaos(e, "example.test", AP_RR_TXT)->rcode, AP_RCODE_REFUSED);
}

static void other_classes_are_refused(void **state)
{
	struct edge *e = *state;
	static const uint16_t classes[] = {0, 2, 4, AP_CLASS_NONE, AP_CLASS_ANY, 65535};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		size_t n = dnsask_make(wire, &(struct dnsask){.name = "example.test",
							      .type = AP_RR_SOA,
							      .class = classes[i]});

		assert_int_equal(edge_reply_now(e, wire, n, true)->rcode, AP_RCODE_REFUSED);
	}
}

static void nsid_is_given_to_who_asks(void **state)
{
	struct edge *e = *state;
	struct ap_edns_out edns = {.udp_size = AP_UDP_MAX, .nsid_ask = true};
	const struct ap_dns *m =
		edge_reply_now(e, wire, query("example.test", AP_RR_SOA, &edns), true);

	assert_int_equal(m->edns.nsid_text.len, 4);
	assert_memory_equal(m->edns.nsid_text.data, "beta", 4);
	assert_false(
		edge_reply_now(e, wire, query("example.test", AP_RR_SOA, &plain), true)->edns.nsid);
}

static void identity_and_version_can_be_hidden(void **state)
{
	struct edge *e = *state;
	struct ap_edns_out edns = {.udp_size = AP_UDP_MAX, .nsid_ask = true};

	e->conf.hide_identity = e->conf.hide_version = true;
	assert_int_equal(chaos(e, "id.server", AP_RR_TXT)->rcode, AP_RCODE_REFUSED);
	assert_int_equal(chaos(e, "version.bind", AP_RR_TXT)->rcode, AP_RCODE_REFUSED);
	assert_false(
		edge_reply_now(e, wire, query("example.test", AP_RR_SOA, &edns), true)->edns.nsid);
}

/* ---- TSIG ---- */

static size_t with_tsig(uint8_t opcode, bool edns, size_t mac)
{
	static uint8_t rdata[128];
	struct dnsask_rr rrs[2];
	struct dnsask_instance i;
	struct ap_name algorithm;
	struct ap_writer w;
	uint8_t key[32] = {9};
	const uint16_t mac_len = (uint16_t)mac, fudge = 300, zero = 0;

	assert_int_equal(ap_name_parse(&algorithm, "hmac-sha256"), 0);
	ap_writer_init(&w, rdata, sizeof(rdata));
	ap_name_put(&w, &algorithm);
	ap_octets_put(&w, (const uint8_t[6]){0, 0, 0x65, 0x43, 0x21, 0x00}, 6);
	ap_u16_put(&w, &fudge);
	ap_u16_put(&w, &mac_len);
	ap_octets_put(&w, (const uint8_t[64]){1}, mac);
	ap_u16_put(&w, &zero);
	ap_u16_put(&w, &zero);
	ap_u16_put(&w, &zero);
	dnsask_open(&i, key, "tsig", EDGE_NOW + 100);
	rrs[0] = (struct dnsask_rr){AP_UPDATE,	 i.name, AP_RR_PROPOSE,
				    AP_CLASS_IN, 0,	 dnsask_propose(&i, AP_VERB_APPROVE, "x")};
	rrs[1] = (struct dnsask_rr){AP_ADDITIONAL, "a-key", AP_RR_TSIG,
				    AP_CLASS_ANY,  0,	    {rdata, ap_writer_len(&w)}};
	return dnsask_make(wire, &(struct dnsask){.id = 0x4711,
						  .opcode = opcode,
						  .name = "example.test",
						  .type = AP_RR_SOA,
						  .class = AP_CLASS_IN,
						  .rrs = opcode == AP_OPCODE_UPDATE ? rrs : rrs + 1,
						  .n_rrs = opcode == AP_OPCODE_UPDATE ? 2 : 1,
						  .edns = edns ? &plain : NULL});
}

static void an_unknown_tsig_key_is_badkey(void **state)
{
	struct edge *e = *state;

	for (int row = 0; row < 8; row++) {
		uint8_t opcode = (row & 1) != 0 ? AP_OPCODE_UPDATE : AP_OPCODE_QUERY;
		const struct ap_dns *m;
		struct ap_name owner;
		struct ap_reader r;
		size_t n;

		/* OPT has to stand before TSIG: the kit writes it last, which is a format error */
		n = with_tsig(opcode, false, (row & 4) != 0 ? 16 : 32);
		m = edge_reply_now(e, wire, n, (row & 2) != 0);
		assert_int_equal(m->rcode, AP_RCODE_NOTAUTH);
		assert_true(m->has_tsig);
		ap_dns_owner(m, &m->tsig, &owner);
		assert_int_equal(ap_name_labels(&owner), 1);
		ap_reader_init(&r, m->tsig.rdata.data, m->tsig.rdata.len);
		ap_name_get(&r, NULL, &owner);
		assert_memory_equal(r.at + 6, "\x01\x2c\x00\x00", 4); /* fudge, no MAC */
		assert_memory_equal(r.at + 10, "\x47\x11\x00\x11\x00\x00",
				    6); /* id, BADKEY, nothing */
	}
	assert_false(relay_waiting(e->relay));
}

/* OPT is to stand in front of TSIG: moves it there from the end. */
static size_t opt_first(size_t n)
{
	static uint8_t tsig[512];
	size_t opt = 11, at = n - opt, tsig_len = 0;
	struct ap_walk w;
	struct ap_name owner;
	struct ap_rr rr;

	ap_walk_init(&w, wire, n);
	while (ap_walk_next(&w, &rr, &owner)) {
		if (rr.type == AP_RR_TSIG)
			tsig_len = at - rr.owner_at;
	}
	memcpy(tsig, wire + at - tsig_len, tsig_len);
	memmove(wire + at - tsig_len, wire + at, opt);
	memcpy(wire + at - tsig_len + opt, tsig, tsig_len);
	return n;
}

static void badkey_says_so_where_there_is_room(void **state)
{
	struct edge *e = *state;
	const struct ap_dns *m;

	m = edge_reply_now(e, wire, opt_first(with_tsig(AP_OPCODE_UPDATE, true, 32)), true);
	assert_true(m->has_tsig);
	assert_ede(m, AGREE_ETSIG, "without TSIG");
	m = edge_reply_now(e, wire, opt_first(with_tsig(AP_OPCODE_UPDATE, true, 16)), false);
	assert_true(m->has_tsig);
	assert_int_equal(m->rcode, AP_RCODE_NOTAUTH);
}

static void tsig_that_is_not_last_is_a_format_error(void **state)
{
	struct edge *e = *state;

	assert_int_equal(
		edge_reply_now(e, wire, with_tsig(AP_OPCODE_UPDATE, true, 32), true)->rcode,
		AP_RCODE_FORMERR);
}

/* ---- counters ---- */

static void answers_are_counted(void **state)
{
	struct edge *e = *state;
	struct clients_info *c = answers_info(e->answers);
	struct dnsask_instance i;

	dnsask_open(&i, edge_key(e), "count", EDGE_NOW + 100);
	edge_decide(e, &i, "v", true);
	edge_reply_now(e, wire, query(i.name, AP_RR_AGREE, NULL), false);
	edge_reply_now(e, wire, query("elsewhere", AP_RR_A, NULL), false);
	edge_reply(
		e, wire,
		dnsask_update(wire, i.name, dnsask_propose(&i, AP_VERB_APPROVE, "v"), true, NULL),
		true);
	assert_int_equal(c->queries, 2);
	assert_int_equal(c->updates, 1);
	assert_int_equal(c->final_reads, 2);
	assert_int_equal(c->truncated, 1);
	assert_int_equal(c->rcodes[AP_RCODE_NOERROR], 2);
	assert_int_equal(c->rcodes[AP_RCODE_REFUSED], 1);
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, live, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE(less_than_a_header_and_replies_get_silence),
		LIVE(counts_of_questions_other_than_one_are_format_errors),
		LIVE(octets_left_over_and_counts_that_lie_are_format_errors),
		LIVE(every_truncation_is_answered_or_silent_and_orders_nothing),
		LIVE(each_flipped_octet_is_answered_and_bounded),
		LIVE(other_opcodes_are_not_implemented_and_are_repeated),
		LIVE(question_keeps_its_letter_case_and_ids_are_read_in_both),
		LIVE(only_rd_is_copied_and_aa_is_set),
		LIVE(opt_is_in_the_reply_if_and_only_if_it_was_in_the_request),
		LIVE(unknown_options_and_flags_of_edns_are_ignored_and_not_echoed),
		LIVE(a_later_version_of_edns_is_bad_in_twelve_bits),
		LIVE(options_of_other_lengths_are_format_errors),
		LIVE(a_datagram_that_was_cut_is_refused_towards_tcp),
		LIVE(more_records_than_are_looked_at_are_refused),
		LIVE(the_probes_of_rfc_8906_are_answered),
		LIVE(errors_say_what_to_do),
		LIVE(refusals_have_the_rcodes_of_the_draft),
		cmocka_unit_test_setup_teardown(before_the_key_instances_are_not_answered, forming,
						down),
		LIVE(an_unknown_id_is_ordered_and_unknown),
		LIVE(a_tool_without_nonce_gets_zeros),
		LIVE(a_stored_final_outcome_is_answered_without_ordering),
		cmocka_unit_test_setup_teardown(
			time_to_live_is_what_is_left_of_retention_by_the_clock, forming, down),
		cmocka_unit_test_setup_teardown(past_retention_by_the_clock_nobody_may_keep_it,
						forming, down),
		LIVE(past_the_floor_nothing_is_answered_from_store),
		LIVE(without_signature_a_final_outcome_is_ordered_again),
		LIVE(txt_is_for_human_eyes),
		LIVE(a_long_value_is_cut_in_txt),
		LIVE(txt_of_an_unknown_id_is_ordered_too),
		LIVE(other_types_at_an_instance_are_no_data_with_soa),
		LIVE(an_id_with_spare_bits_names_nothing),
		LIVE(names_below_an_instance_are_not_there),
		LIVE(the_same_message_gets_the_same_answer),
		LIVE(a_hundred_copies_of_a_datagram_are_ordered_once),
		LIVE(without_a_cookie_no_answer_is_larger_than_its_request),
		LIVE(padding_makes_room),
		LIVE(a_server_cookie_makes_room),
		LIVE(the_cookie_of_another_address_is_none),
		LIVE(cookies_of_ipv6_clients_hash_the_whole_address),
		LIVE(the_udp_maximum_holds_with_a_cookie_too),
		LIVE(a_full_answer_stays_under_600_octets),
		cmocka_unit_test_setup_teardown(
			requests_without_cookie_are_ordered_at_a_limited_rate, rate_of_two, down),
		cmocka_unit_test_setup_teardown(over_the_rate_a_cookie_is_asked_for_or_tcp,
						rate_of_none, down),
		cmocka_unit_test_setup_teardown(proposals_are_under_the_rate_too, rate_of_none,
						down),
		cmocka_unit_test_setup_teardown(stored_outcomes_are_not_under_the_rate,
						rate_of_none, down),
		LIVE(texts_are_cut_where_the_answer_has_to_end),
		LIVE(a_request_without_opt_gets_none),
		LIVE(class_chaos_names_replica_and_program),
		LIVE(other_classes_are_refused),
		LIVE(nsid_is_given_to_who_asks),
		LIVE(identity_and_version_can_be_hidden),
		LIVE(an_unknown_tsig_key_is_badkey),
		LIVE(badkey_says_so_where_there_is_room),
		LIVE(tsig_that_is_not_last_is_a_format_error),
		LIVE(answers_are_counted),
	};

	return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
