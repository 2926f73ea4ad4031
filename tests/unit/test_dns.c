#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/dns.h"
#include "libproto/tsig.h"

static uint8_t wire[AP_DNS_MAX + 1];
static size_t wire_len;
static struct ap_dns m;

/* ---- messages by hand: what our own writer would not write ---- */

static void begin(uint16_t flags, uint16_t qd, uint16_t an, uint16_t ns, uint16_t ar)
{
	const uint16_t words[] = {0x1234, flags, qd, an, ns, ar};

	wire_len = 0;
	for (size_t i = 0; i < 6; i++) {
		wire[wire_len++] = (uint8_t)(words[i] >> 8);
		wire[wire_len++] = (uint8_t)words[i];
	}
}

static void add(const void *octets, size_t len)
{
	memcpy(wire + wire_len, octets, len);
	wire_len += len;
}
#define ADD(literal) add(literal, sizeof(literal) - 1)

#define QUESTION     "\7Example\4test\0\0\6\0\1"
#define OPT(options) "\0\0\x29\x04\xd0\0\0\0\0\0" options
#define OPT_NONE     OPT("\0")
#define RECORD_A     "\1a\xc0\x0c\0\1\0\1\0\0\0\5\0\4\xc0\0\2\1"

enum { QUERY = 0x0100, UPDATE = 0x2800, REPLY = 0x8000, TC = 0x0200 };

static int request(void)
{
	return ap_dns_request(&m, wire, wire_len);
}

static int reply(void)
{
	return ap_dns_reply(&m, wire, wire_len);
}

static int query_with_opt(const void *opt, size_t len)
{
	begin(QUERY, 1, 0, 0, 1);
	ADD(QUESTION);
	add(opt, len);
	return request();
}
#define QUERY_WITH(literal) query_with_opt(literal, sizeof(literal) - 1)

static struct ap_name name_of(const char *text)
{
	struct ap_name name;

	assert_int_equal(ap_name_parse(&name, text), 0);
	return name;
}

static void assert_name(const struct ap_name *name, const char *text)
{
	char buffer[AP_NAME_TEXT];
	struct ap_text t;

	ap_text_init(&t, buffer, sizeof(buffer));
	ap_name_show(&t, name);
	assert_string_equal(buffer, text);
}

/* ---- reading requests ---- */

static void query_is_read(void **state)
{
	(void)state;
	begin(QUERY | AP_FLAG_CD, 1, 0, 0, 0);
	ADD(QUESTION);
	assert_int_equal(request(), 0);
	assert_null(m.bad);
	assert_int_equal(m.id, 0x1234);
	assert_int_equal(m.opcode, AP_OPCODE_QUERY);
	assert_true(m.flags & AP_FLAG_RD);
	assert_name(&m.qname, "Example.test");
	assert_int_equal(m.qtype, AP_RR_SOA);
	assert_int_equal(m.qclass, AP_CLASS_IN);
	assert_int_equal(m.question_end, wire_len);
	assert_int_equal(m.n_records, 0);
	assert_false(m.edns.present || m.has_tsig);
}

static void update_is_read(void **state)
{
	const struct ap_rr *rr;
	struct ap_name owner;
	size_t i = 0;

	(void)state;
	begin(UPDATE, 1, 1, 1, 1);
	ADD(QUESTION);
	ADD("\1I\xc0\x0c\xff\x78\0\xfe\0\0\0\0\0\0");
	ADD("\1i\7example\4test\0\xff\x79\0\1\0\0\0\7\0\3abc");
	ADD(OPT_NONE);
	assert_int_equal(request(), 0);
	assert_int_equal(m.opcode, AP_OPCODE_UPDATE);
	assert_int_equal(m.n_records, 2);
	rr = ap_dns_next(&m, AP_PREREQUISITE, &i);
	assert_int_equal(rr->type, AP_RR_AGREE);
	assert_int_equal(rr->class, AP_CLASS_NONE);
	assert_int_equal(rr->rdata.len, 0);
	ap_dns_owner(&m, rr, &owner);
	assert_name(&owner, "I.Example.test");
	assert_null(ap_dns_next(&m, AP_PREREQUISITE, &i));
	i = 0;
	rr = ap_dns_next(&m, AP_UPDATE, &i);
	assert_int_equal(rr->type, AP_RR_PROPOSE);
	assert_int_equal(rr->ttl, 7);
	assert_int_equal(rr->rdata.len, 3);
	assert_memory_equal(rr->rdata.data, "abc", 3);
	ap_dns_owner(&m, rr, &owner);
	assert_name(&owner, "i.example.test");
	assert_true(m.edns.present);
}

static void short_messages_and_replies_are_dropped(void **state)
{
	(void)state;
	begin(QUERY, 1, 0, 0, 0);
	ADD(QUESTION);
	for (size_t len = 0; len < 12; len++)
		assert_int_equal(ap_dns_request(&m, wire, len), AP_DNS_DROP);
	begin(REPLY, 1, 0, 0, 0);
	ADD(QUESTION);
	assert_int_equal(request(), AP_DNS_DROP);
}

static void truncated_requests_are_formerr(void **state)
{
	(void)state;
	begin(UPDATE, 1, 1, 1, 1);
	ADD(QUESTION);
	ADD(RECORD_A);
	ADD(RECORD_A);
	ADD(OPT("\x0c\0\x0a\0\x08"
		"12345678"));
	assert_int_equal(request(), 0);
	for (size_t len = 12; len < wire_len; len++) {
		assert_int_equal(ap_dns_request(&m, wire, len), AP_RCODE_FORMERR);
		assert_non_null(m.bad);
		assert_int_equal(m.id, 0x1234);
		assert_int_equal(m.has_question, len >= 12 + sizeof(QUESTION) - 1);
	}
	ADD("\0");
	assert_int_equal(request(), AP_RCODE_FORMERR);
	assert_string_equal(m.bad, "trailing octets");
}

static void number_of_questions_is_one(void **state)
{
	(void)state;
	begin(QUERY, 0, 0, 0, 0);
	assert_int_equal(request(), AP_RCODE_FORMERR);
	assert_false(m.has_question);
	begin(QUERY, 2, 0, 0, 0);
	ADD(QUESTION QUESTION);
	assert_int_equal(request(), AP_RCODE_FORMERR);
	assert_true(m.has_question);
	assert_string_equal(m.bad, "number of questions");
	begin(UPDATE, 0, 0, 0, 0);
	assert_int_equal(request(), AP_RCODE_FORMERR);
}

static void other_opcodes_are_not_implemented_whatever_follows(void **state)
{
	(void)state;
	for (unsigned opcode = 0; opcode < 16; opcode++) {
		bool known = opcode == AP_OPCODE_QUERY || opcode == AP_OPCODE_UPDATE;

		begin((uint16_t)(opcode << 11), 1, 0, 0, 0);
		ADD(QUESTION);
		assert_int_equal(request(), known ? 0 : AP_RCODE_NOTIMP);
		assert_int_equal(m.opcode, opcode);
		assert_true(m.has_question);
		begin((uint16_t)(opcode << 11), 0, 0, 0, 0);
		assert_int_equal(request(), known ? AP_RCODE_FORMERR : AP_RCODE_NOTIMP);
		assert_false(m.has_question);
		begin((uint16_t)(opcode << 11), 1, 65535, 65535, 65535);
		assert_int_equal(request(), known ? AP_RCODE_FORMERR : AP_RCODE_NOTIMP);
	}
}

static void numbers_of_records_are_bounded(void **state)
{
	(void)state;
	begin(UPDATE, 1, 0, AP_DNS_RECORDS_MAX, 1);
	ADD(QUESTION);
	for (unsigned i = 0; i < AP_DNS_RECORDS_MAX; i++)
		ADD(RECORD_A);
	ADD(OPT_NONE);
	assert_int_equal(request(), 0);
	assert_int_equal(m.n_records, AP_DNS_RECORDS_MAX);
	for (unsigned more = 1; more < 6; more++) {
		begin(UPDATE, 1, 0, (uint16_t)(AP_DNS_RECORDS_MAX + more), 0);
		ADD(QUESTION);
		for (unsigned i = 0; i < AP_DNS_RECORDS_MAX + more; i++)
			ADD(RECORD_A);
		assert_int_equal(request(), AP_RCODE_REFUSED);
		assert_true(m.has_question);
	}
	/* claimed, but not there */
	begin(UPDATE, 1, 0, 60000, 0);
	ADD(QUESTION);
	ADD(RECORD_A);
	assert_int_equal(request(), AP_RCODE_FORMERR);
}

/* ---- EDNS ---- */

static void options_are_read(void **state)
{
	(void)state;
	assert_int_equal(QUERY_WITH(OPT("\x4d" /* RDLENGTH 77 */
					"\0\x0a\0\x18"
					"CCCCCCCCSSSSSSSSssssssss" /* cookie */
					"\0\x03\0\0"		   /* NSID */
					"\0\x0f\0\x05\xc0\x02"
					"why"		       /* EDE */
					"\xfd\xe9\0\x02\0\x3c" /* wait */
					"\xfd\xea\0\x10"
					"0123456789abcdef"	      /* nonce */
					"\0\x0c\0\x06\0\0\0\0\0\0")), /* padding */
			 0);
	assert_true(m.edns.present);
	assert_int_equal(m.edns.udp_size, 1232);
	assert_int_equal(m.edns.cookie.len, AP_COOKIE_LEN);
	assert_memory_equal(m.edns.cookie.data, "CCCCCCCCSSSSSSSSssssssss", AP_COOKIE_LEN);
	assert_true(m.edns.nsid);
	assert_true(m.edns.has_ede);
	assert_int_equal(m.edns.ede, 49154);
	assert_int_equal(m.edns.ede_text.len, 3);
	assert_memory_equal(m.edns.ede_text.data, "why", 3);
	assert_true(m.edns.has_wait);
	assert_int_equal(m.edns.wait_s, 60);
	assert_true(m.edns.has_nonce);
	assert_memory_equal(m.edns.nonce.octets, "0123456789abcdef", 16);
	assert_false(m.edns.dnssec_ok);
}

static void unknown_options_and_flags_are_ignored(void **state)
{
	(void)state;
	assert_int_equal(QUERY_WITH("\0\0\x29\x00\x64\0\0\xff\xff\0\x06\0\x64\0\x02xx"), 0);
	assert_true(m.edns.present && m.edns.dnssec_ok);
	/* RFC 6891 section 6.2.3: less than 512 means 512 */
	assert_int_equal(m.edns.udp_size, 512);
	assert_int_equal(m.n_records, 0);
}

static void first_of_a_repeated_option_counts(void **state)
{
	(void)state;
	assert_int_equal(QUERY_WITH(OPT("\x0c\xfd\xe9\0\x02\0\1\xfd\xe9\0\x02\0\2")), 0);
	assert_int_equal(m.edns.wait_s, 1);
}

static void options_of_wrong_length_are_formerr(void **state)
{
	uint8_t opt[11 + 4 + 64] = "\0\0\x29\x04\xd0\0\0\0\0\0";

	(void)state;
	for (unsigned len = 0; len <= 64; len++) {
		bool cookie = len == 8 || (len >= 16 && len <= 40);

		opt[10] = (uint8_t)(4 + len);
		memcpy(opt + 11, "\0\x0a\0", 3);
		opt[14] = (uint8_t)len;
		assert_int_equal(query_with_opt(opt, 15 + len), cookie ? 0 : AP_RCODE_FORMERR);
		if (!cookie)
			assert_string_equal(m.bad, "COOKIE option");
		assert_int_equal(m.edns.present, cookie);
		memcpy(opt + 11, "\xfd\xe9\0", 3);
		assert_int_equal(query_with_opt(opt, 15 + len), len == 2 ? 0 : AP_RCODE_FORMERR);
		memcpy(opt + 11, "\xfd\xea\0", 3);
		assert_int_equal(query_with_opt(opt, 15 + len), len == 16 ? 0 : AP_RCODE_FORMERR);
		/* an option longer than what is left of OPT */
		opt[14]++;
		assert_int_equal(query_with_opt(opt, 15 + len), AP_RCODE_FORMERR);
	}
}

static void opt_stands_once_and_in_its_place(void **state)
{
	(void)state;
	begin(QUERY, 1, 0, 0, 2);
	ADD(QUESTION);
	ADD(OPT_NONE);
	ADD(OPT_NONE);
	assert_int_equal(request(), AP_RCODE_FORMERR);
	begin(QUERY, 1, 1, 0, 0);
	ADD(QUESTION);
	ADD(OPT_NONE);
	assert_int_equal(request(), AP_RCODE_FORMERR);
	begin(UPDATE, 1, 0, 1, 0);
	ADD(QUESTION);
	ADD(OPT_NONE);
	assert_int_equal(request(), AP_RCODE_FORMERR);
	assert_int_equal(QUERY_WITH("\1a\0\0\x29\x04\xd0\0\0\0\0\0\0"), AP_RCODE_FORMERR);
}

static void higher_edns_versions_are_badvers(void **state)
{
	(void)state;
	assert_int_equal(QUERY_WITH("\0\0\x29\x04\xd0\0\1\0\0\0\0"), AP_RCODE_BADVERS);
	assert_int_equal(m.edns.version, 1);
	/* their options may mean something else */
	assert_int_equal(QUERY_WITH("\0\0\x29\x04\xd0\0\xff\0\0\0\1x"), AP_RCODE_BADVERS);
	begin(QUERY, 1, 0, 0, 1);
	ADD(QUESTION);
	ADD("\0\0\x29\x04\xd0\0\1\0\0\0\0x");
	assert_int_equal(request(), AP_RCODE_FORMERR);
}

/* ---- TSIG ---- */

/* Key "key", algorithm "hmx", a MAC of four octets. */
static const uint8_t tsig[] = "\3key\0\0\xfa\0\xff\0\0\0\0\0\x19"
			      "\3hmx\0\0\0\1\2\3\4\1\x2c\0\4MACM\x12\x34\0\0\0";

static void tsig_is_the_last_record(void **state)
{
	(void)state;
	begin(UPDATE, 1, 0, 0, 2);
	ADD(QUESTION);
	ADD(OPT_NONE);
	add(tsig, sizeof(tsig));
	assert_int_equal(request(), 0);
	assert_true(m.has_tsig && m.edns.present);
	assert_int_equal(m.n_records, 0);

	begin(UPDATE, 1, 0, 0, 2);
	ADD(QUESTION);
	add(tsig, sizeof(tsig));
	ADD(OPT_NONE);
	assert_int_equal(request(), AP_RCODE_FORMERR);
	assert_string_equal(m.bad, "TSIG");
	begin(UPDATE, 1, 0, 1, 0);
	ADD(QUESTION);
	add(tsig, sizeof(tsig));
	assert_int_equal(request(), AP_RCODE_FORMERR);
	begin(UPDATE, 1, 0, 0, 2);
	ADD(QUESTION);
	add(tsig, sizeof(tsig));
	add(tsig, sizeof(tsig));
	assert_int_equal(request(), AP_RCODE_FORMERR);
	/* RDATA that is none */
	begin(UPDATE, 1, 0, 0, 1);
	ADD(QUESTION);
	add(tsig, sizeof(tsig));
	wire[wire_len - 1] = 1;
	assert_int_equal(request(), AP_RCODE_FORMERR);
}

static void unknown_tsig_key_is_answered_badkey(void **state)
{
	static const uint8_t rdata[] = "\3hmx\0\0\0\1\2\3\4\1\x2c\0\0\x12\x34\0\x11\0";
	const struct ap_edns_out edns = {.udp_size = AP_UDP_MAX};
	struct ap_dns_writer d;
	struct ap_name owner;
	struct ap_dns answer;
	uint8_t buffer[AP_UDP_MAX];
	size_t len;

	(void)state;
	begin(UPDATE, 1, 0, 0, 2);
	ADD(QUESTION);
	ADD(OPT_NONE);
	add(tsig, sizeof(tsig));
	assert_int_equal(request(), 0);
	ap_dns_begin_reply(&d, buffer, sizeof(buffer), wire_len, &m);
	ap_dns_edns(&d, &edns);
	len = ap_dns_end_unsigned(&d, &m, AP_TSIG_BADKEY);
	assert_true(len > 0 && len <= wire_len);
	assert_int_equal(ap_dns_reply(&answer, buffer, len), 0);
	assert_int_equal(answer.rcode, AP_RCODE_NOTAUTH);
	assert_true(answer.has_tsig && answer.edns.present);
	ap_dns_owner(&answer, &answer.tsig, &owner);
	assert_name(&owner, "key");
	assert_int_equal(answer.tsig.rdata.len, sizeof(rdata));
	assert_memory_equal(answer.tsig.rdata.data, rdata, sizeof(rdata));
}

/* ---- reading replies ---- */

static void replies_are_read_with_all_twelve_bits(void **state)
{
	(void)state;
	begin(REPLY | 7, 1, 0, 0, 1);
	ADD(QUESTION);
	ADD("\0\0\x29\x04\xd0\1\0\0\0\0\0");
	assert_int_equal(reply(), 0);
	assert_int_equal(m.rcode, AP_RCODE_BADCOOKIE);
	begin(REPLY | 7, 0, 0, 0, 0);
	assert_int_equal(reply(), 0);
	assert_int_equal(m.rcode, AP_RCODE_YXRRSET);
	assert_false(m.has_question);
}

static void what_is_no_reply_is_an_error(void **state)
{
	(void)state;
	begin(QUERY, 1, 0, 0, 0);
	ADD(QUESTION);
	assert_int_equal(reply(), AGREE_EREPLY);
	begin(REPLY, 2, 0, 0, 0);
	ADD(QUESTION QUESTION);
	assert_int_equal(reply(), AGREE_EREPLY);
	begin(REPLY, 1, 1, 0, 0);
	ADD(QUESTION);
	ADD(RECORD_A);
	assert_int_equal(reply(), 0);
	for (size_t len = 0; len < wire_len; len++)
		assert_int_equal(ap_dns_reply(&m, wire, len), AGREE_EREPLY);
	begin(REPLY, 1, 40, 0, 0);
	ADD(QUESTION);
	for (unsigned i = 0; i < 40; i++)
		ADD(RECORD_A);
	assert_int_equal(reply(), AGREE_EREPLY);
}

static void truncated_reply_ends_between_records(void **state)
{
	(void)state;
	begin(REPLY | TC, 1, 2, 1, 0);
	ADD(QUESTION);
	ADD(RECORD_A);
	assert_int_equal(reply(), 0);
	assert_true(m.flags & AP_FLAG_TC);
	assert_int_equal(m.n_records, 1);
	wire_len--;
	assert_int_equal(reply(), AGREE_EREPLY);
}

static void long_answers_can_be_walked(void **state)
{
	static const uint8_t srv[] =
		"\6_agree\4_udp\xc0\x0c\0\x21\0\1\0\0\0\5\0\x0a\0\1\0\2\x1e\xad\1b\xc0\x0c";
	struct ap_name owner;
	unsigned n = 0, section = 0;
	struct ap_walk w;
	struct ap_srv target;
	struct ap_rr rr;

	(void)state;
	begin(REPLY, 1, 500, 0, 2);
	ADD(QUESTION);
	for (unsigned i = 0; i < 500; i++)
		add(srv, sizeof(srv) - 1);
	ADD(RECORD_A);
	ADD(OPT_NONE);
	ap_walk_init(&w, wire, wire_len);
	assert_name(&w.qname, "Example.test");
	while (ap_walk_next(&w, &rr, &owner)) {
		n++;
		section = rr.section;
		if (rr.type != AP_RR_SRV)
			continue;
		assert_name(&owner, "_agree._udp.Example.test");
		assert_true(ap_srv_get(&target, rr.rdata, wire));
		assert_int_equal(target.priority, 1);
		assert_int_equal(target.weight, 2);
		assert_int_equal(target.port, 7853);
		assert_name(&target.target, "b.Example.test");
		assert_false(ap_srv_get(&target, rr.rdata, NULL));
	}
	assert_int_equal(n, 502);
	assert_int_equal(section, AP_ADDITIONAL);
	assert_null(w.reader.bad);
	assert_false(ap_walk_next(&w, &rr, &owner));
	ap_walk_init(&w, wire, wire_len - 1);
	for (n = 0; ap_walk_next(&w, &rr, &owner); n++)
		;
	assert_int_equal(n, 501);
	assert_string_equal(w.reader.bad, "additional");
	ap_walk_init(&w, wire, sizeof(wire));
	assert_string_equal(w.reader.bad, "size");
}

static void txt_strings_are_read_one_by_one(void **state)
{
	static const uint8_t txt[] = {8, 'v', '=', 'a', 'g', 'r', 'e', 'e', '1', 0, 2, 'k', '='};
	struct ap_reader r;
	ap_bytes string;

	(void)state;
	ap_reader_init(&r, txt, sizeof(txt));
	assert_true(ap_txt_next(&r, &string));
	assert_int_equal(string.len, 8);
	assert_true(ap_txt_next(&r, &string));
	assert_int_equal(string.len, 0);
	assert_true(ap_txt_next(&r, &string));
	assert_memory_equal(string.data, "k=", 2);
	assert_false(ap_txt_next(&r, &string));
	assert_true(ap_reader_done(&r));
	ap_reader_init(&r, txt, sizeof(txt) - 1);
	assert_true(ap_txt_next(&r, &string) && ap_txt_next(&r, &string));
	assert_false(ap_txt_next(&r, &string));
	assert_false(ap_reader_done(&r));
}

/* ---- writing ---- */

static uint8_t out[AP_UDP_MAX];

static void query_of(const char *name, uint16_t type)
{
	const struct ap_name qname = name_of(name);
	struct ap_dns_writer d;

	ap_dns_begin(&d, wire, sizeof(wire), sizeof(wire), 77, AP_OPCODE_QUERY, AP_FLAG_RD);
	ap_dns_question(&d, &qname, type, AP_CLASS_IN);
	wire_len = ap_dns_end(&d);
	assert_int_equal(request(), 0);
}

static void reply_echoes_the_question_with_its_letter_case(void **state)
{
	struct ap_dns_writer d;
	size_t len;

	(void)state;
	query_of("eXaMple.TEST", AP_RR_AGREE);
	ap_dns_begin_reply(&d, out, sizeof(out), sizeof(out), &m);
	ap_dns_rcode(&d, AP_RCODE_REFUSED);
	ap_dns_flag(&d, AP_FLAG_AA);
	len = ap_dns_end(&d);
	assert_int_equal(len, wire_len);
	assert_memory_equal(out + 4, wire + 4, len - 4);
	assert_int_equal(out[0], 0);
	assert_int_equal(out[1], 77);
	assert_int_equal(out[2], 0x85); /* QR, AA, RD */
	assert_int_equal(out[3], 5);
}

static void reply_to_a_bare_header_is_a_bare_header(void **state)
{
	struct ap_dns_writer d;

	(void)state;
	begin(0x7800, 0, 0, 0, 0);
	assert_int_equal(request(), AP_RCODE_NOTIMP);
	ap_dns_begin_reply(&d, out, sizeof(out), 12, &m);
	ap_dns_rcode(&d, AP_RCODE_NOTIMP);
	assert_int_equal(ap_dns_end(&d), 12);
	assert_memory_equal(out, "\x12\x34\xf8\x04\0\0\0\0\0\0\0\0", 12);
}

static void owners_are_compressed_against_the_question(void **state)
{
	static const struct {
		const char *owner, *wire;
		size_t len;
	} rows[] = {
		{"I.example.test", "\xc0\x0c", 2}, {"i.EXAMPLE.test", "\xc0\x0c", 2},
		{"Example.test", "\xc0\x0e", 2},   {"a.example.test", "\1a\xc0\x0e", 4},
		{"test", "\xc0\x16", 2},	   {"x.y.test", "\1x\1y\xc0\x16", 6},
		{"other.", "\5other", 7},	   {".", "", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct ap_name owner = name_of(rows[i].owner);
		struct ap_dns_writer d;
		struct ap_dns answer;
		struct ap_name again;
		size_t at;

		query_of("i.example.test", AP_RR_AGREE);
		ap_dns_begin_reply(&d, out, sizeof(out), sizeof(out), &m);
		at = ap_writer_len(&d.w);
		assert_true(ap_dns_rr(&d, AP_ANSWER, &owner, AP_RR_AGREE, AP_CLASS_IN, 0,
				      (ap_bytes){(const uint8_t *)"abc", 3}));
		assert_int_equal(ap_dns_end(&d), at + rows[i].len + 10 + 3);
		assert_memory_equal(out + at, rows[i].wire, rows[i].len);
		assert_int_equal(ap_dns_reply(&answer, out, at + rows[i].len + 13), 0);
		ap_dns_owner(&answer, &answer.records[0], &again);
		assert_true(ap_name_equal(&again, &owner));
		assert_int_equal(answer.records[0].rdata.len, 3);
	}
}

static void record_that_does_not_fit_leaves_tc(void **state)
{
	const struct ap_edns_out edns = {.udp_size = AP_UDP_MAX, .has_ede = true, .ede = 49152};
	const struct ap_name owner = name_of("i.example.test");
	uint8_t rdata[100] = {0};
	struct ap_dns_writer d;
	struct ap_dns answer;
	size_t whole, len;

	(void)state;
	query_of("i.example.test", AP_RR_AGREE);
	whole = wire_len + 12 + sizeof(rdata) + 11 + 6;
	for (size_t limit = 0; limit <= whole + 2; limit++) {
		bool fits = limit >= whole;

		ap_dns_begin_reply(&d, out, sizeof(out), limit, &m);
		ap_dns_edns(&d, &edns);
		assert_int_equal(ap_dns_rr(&d, AP_ANSWER, &owner, AP_RR_AGREE, AP_CLASS_IN, 0,
					   (ap_bytes){rdata, sizeof(rdata)}),
				 fits);
		/* what follows a missing record is missing too, even if it would fit */
		assert_int_equal(ap_dns_rr(&d, AP_AUTHORITY, &owner, AP_RR_TXT, AP_CLASS_IN, 0,
					   (ap_bytes){rdata, 0}),
				 limit >= whole + 12);
		len = ap_dns_end(&d);
		assert_int_equal(len, fits ? whole : wire_len + 11 + 6);
		assert_int_equal(ap_dns_reply(&answer, out, len), 0);
		assert_int_equal(answer.counts[AP_ANSWER], fits);
		/* the second one is missing in any case */
		assert_true(answer.flags & AP_FLAG_TC);
		assert_true(answer.edns.present && answer.edns.has_ede);
	}
}

static void missing_additional_record_is_no_truncation(void **state)
{
	const struct ap_name owner = name_of("a.example.test");
	struct ap_dns_writer d;
	struct ap_dns answer;
	size_t len;

	(void)state;
	query_of("example.test", AP_RR_SRV);
	ap_dns_begin_reply(&d, out, sizeof(out), wire_len + 10, &m);
	assert_false(ap_dns_rr(&d, AP_ADDITIONAL, &owner, AP_RR_A, AP_CLASS_IN, 0,
			       (ap_bytes){(const uint8_t *)"\xc0\0\2\1", 4}));
	len = ap_dns_end(&d);
	assert_int_equal(ap_dns_reply(&answer, out, len), 0);
	assert_false(answer.flags & AP_FLAG_TC);
	assert_int_equal(answer.n_records, 0);
}

static void record_larger_than_the_buffer_is_taken_back(void **state)
{
	static uint8_t rdata[2000];
	const struct ap_name owner = name_of("i.example.test");
	struct ap_dns_writer d;

	(void)state;
	query_of("i.example.test", AP_RR_AGREE);
	ap_dns_begin_reply(&d, out, 100, 5000, &m);
	assert_false(ap_dns_rr(&d, AP_ANSWER, &owner, AP_RR_AGREE, AP_CLASS_IN, 0,
			       (ap_bytes){rdata, sizeof(rdata)}));
	assert_int_equal(ap_dns_end(&d), wire_len);
	assert_true(out[2] & 2);
}

static void opt_is_written_and_read_back(void **state)
{
	const struct ap_edns_out edns = {
		.udp_size = 1232,
		.dnssec_ok = true,
		.cookie = {(const uint8_t *)"0123456789abcdefghijklmn", 24},
		.has_ede = true,
		.ede = 49160,
		.ede_text = "too far",
		.nsid = {(const uint8_t *)"ns", 2},
		.has_wait = true,
		.wait_s = 300,
		.has_nonce = true,
		.nonce = {"0123456789abcde"},
		.pad_to = 400,
	};
	struct ap_dns_writer d;
	struct ap_dns answer;

	(void)state;
	query_of("i.example.test", AP_RR_AGREE);
	ap_dns_begin_reply(&d, out, sizeof(out), sizeof(out), &m);
	ap_dns_edns(&d, &edns);
	ap_dns_rcode(&d, AP_RCODE_BADCOOKIE);
	assert_int_equal(ap_dns_end(&d), 400);
	assert_int_equal(ap_dns_reply(&answer, out, 400), 0);
	assert_int_equal(answer.rcode, AP_RCODE_BADCOOKIE);
	assert_int_equal(answer.edns.udp_size, 1232);
	assert_true(answer.edns.dnssec_ok);
	assert_int_equal(answer.edns.cookie.len, 24);
	assert_memory_equal(answer.edns.cookie.data, edns.cookie.data, 24);
	assert_int_equal(answer.edns.ede, 49160);
	assert_int_equal(answer.edns.ede_text.len, 7);
	assert_int_equal(answer.edns.nsid_text.len, 2);
	assert_int_equal(answer.edns.wait_s, 300);
	assert_memory_equal(&answer.edns.nonce, &edns.nonce, 16);
}

static void ede_text_is_cut_at_the_limit_between_characters(void **state)
{
	const struct ap_edns_out edns = {.udp_size = 1232,
					 .has_ede = true,
					 .ede = 49160,
					 .ede_text = "a\xe2\x82\xac"
						     "b"};
	static const size_t kept[] = {0, 1, 1, 1, 4, 5, 5};
	struct ap_dns_writer d;
	struct ap_dns answer;

	(void)state;
	query_of("i.example.test", AP_RR_AGREE);
	for (size_t room = 0; room < sizeof(kept) / sizeof(kept[0]); room++) {
		size_t bare = wire_len + 11 + 6, len;

		ap_dns_begin_reply(&d, out, sizeof(out), bare + room, &m);
		ap_dns_edns(&d, &edns);
		len = ap_dns_end(&d);
		assert_int_equal(len, bare + kept[room]);
		assert_int_equal(ap_dns_reply(&answer, out, len), 0);
		assert_int_equal(answer.edns.ede_text.len, kept[room]);
	}
}

/* A bare header, question and OPT go out whatever the limit: else nobody could be told BADCOOKIE.
 */
static void bare_opt_ignores_the_limit(void **state)
{
	const struct ap_edns_out edns = {
		.udp_size = 1232,
		.cookie = {(const uint8_t *)"0123456789abcdefghijklmn", 24},
		.has_ede = true,
		.ede = 49152,
		.ede_text = "no room for this",
		.nsid = {(const uint8_t *)"nor this", 8},
		.pad_to = 500,
	};
	struct ap_dns_writer d;

	(void)state;
	query_of("i.example.test", AP_RR_AGREE);
	ap_dns_begin_reply(&d, out, sizeof(out), 0, &m);
	ap_dns_edns(&d, &edns);
	assert_int_equal(ap_dns_end(&d), wire_len + 11 + 28 + 6);
}

static void padding_reaches_exactly_its_size(void **state)
{
	struct ap_edns_out edns = {.udp_size = 1232};
	struct ap_dns_writer d;

	(void)state;
	query_of("i.example.test", AP_RR_AGREE);
	for (uint16_t to = 0; to < 200; to++) {
		size_t bare = wire_len + 11, expected = to >= bare + 4 ? to : bare;

		edns.pad_to = to;
		ap_dns_begin_reply(&d, out, sizeof(out), 150, &m);
		ap_dns_edns(&d, &edns);
		assert_int_equal(ap_dns_end(&d), expected < 150 ? expected : 150);
	}
}

static void without_opt_a_long_rcode_is_servfail(void **state)
{
	struct ap_dns_writer d;

	(void)state;
	query_of("i.example.test", AP_RR_AGREE);
	ap_dns_begin_reply(&d, out, sizeof(out), sizeof(out), &m);
	ap_dns_rcode(&d, AP_RCODE_BADCOOKIE);
	assert_true(ap_dns_end(&d) > 0);
	assert_int_equal(out[3] & 15, AP_RCODE_SERVFAIL);
}

static void buffer_too_small_gives_nothing(void **state)
{
	const struct ap_edns_out edns = {.udp_size = 1232};
	struct ap_dns_writer d;

	(void)state;
	query_of("i.example.test", AP_RR_AGREE);
	for (size_t size = 0; size < wire_len + 11; size++) {
		out[size] = 0xa5;
		ap_dns_begin_reply(&d, out, size, size, &m);
		ap_dns_edns(&d, &edns);
		ap_dns_rr(&d, AP_ANSWER, &m.qname, AP_RR_AGREE, AP_CLASS_IN, 0, (ap_bytes){out, 0});
		assert_int_equal(ap_dns_end(&d), 0);
		assert_int_equal(out[size], 0xa5);
	}
}

static void longest_bare_message_fits_its_maximum(void **state)
{
	struct ap_edns_out edns = {.udp_size = 1232,
				   .cookie = {wire, AP_COOKIE_MAX},
				   .has_ede = true,
				   .has_wait = true,
				   .has_nonce = true,
				   .nsid_ask = true};
	struct ap_name name = {.len = AP_NAME_MAX,
			       .octets = {[0] = 63, [64] = 63, [128] = 63, [192] = 61}};
	struct ap_dns_writer d;

	(void)state;
	ap_dns_begin(&d, out, AP_DNS_BARE_MAX, 0, 1, AP_OPCODE_QUERY, 0);
	ap_dns_question(&d, &name, AP_RR_AGREE, AP_CLASS_IN);
	ap_dns_edns(&d, &edns);
	assert_int_equal(ap_dns_end(&d), AP_DNS_BARE_MAX);
}

static void codes_have_names(void **state)
{
	(void)state;
	assert_string_equal(ap_rcode_name(0), "NOERROR");
	assert_string_equal(ap_rcode_name(AP_RCODE_BADCOOKIE), "BADCOOKIE");
	assert_null(ap_rcode_name(11));
	assert_null(ap_rcode_name(4095));
}

/* Any octet of good messages, changed in any way, is read within bounds (sanitizers watch). */
static void damaged_messages_are_survived(void **state)
{
	uint8_t was;

	(void)state;
	begin(UPDATE, 1, 1, 1, 1);
	ADD(QUESTION);
	ADD("\1I\xc0\x0c\xff\x78\0\xfe\0\0\0\0\0\0");
	ADD("\1i\7example\4test\0\xff\x79\0\1\0\0\0\7\0\3abc");
	ADD(OPT("\x0c\0\x0a\0\x08"
		"12345678"));
	for (size_t at = 0; at < wire_len; at++) {
		was = wire[at];
		for (unsigned value = 0; value < 256; value++) {
			int rc;

			wire[at] = (uint8_t)value;
			rc = request();
			assert_true(rc >= AP_DNS_DROP && rc <= AP_RCODE_BADVERS);
			assert_true(rc <= 0 || m.bad != NULL || rc == AP_RCODE_NOTIMP ||
				    rc == AP_RCODE_BADVERS);
			assert_true(reply() <= 0);
		}
		wire[at] = was;
	}
	assert_int_equal(request(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(query_is_read),
		cmocka_unit_test(update_is_read),
		cmocka_unit_test(short_messages_and_replies_are_dropped),
		cmocka_unit_test(truncated_requests_are_formerr),
		cmocka_unit_test(number_of_questions_is_one),
		cmocka_unit_test(other_opcodes_are_not_implemented_whatever_follows),
		cmocka_unit_test(numbers_of_records_are_bounded),
		cmocka_unit_test(options_are_read),
		cmocka_unit_test(unknown_options_and_flags_are_ignored),
		cmocka_unit_test(first_of_a_repeated_option_counts),
		cmocka_unit_test(options_of_wrong_length_are_formerr),
		cmocka_unit_test(opt_stands_once_and_in_its_place),
		cmocka_unit_test(higher_edns_versions_are_badvers),
		cmocka_unit_test(tsig_is_the_last_record),
		cmocka_unit_test(unknown_tsig_key_is_answered_badkey),
		cmocka_unit_test(replies_are_read_with_all_twelve_bits),
		cmocka_unit_test(what_is_no_reply_is_an_error),
		cmocka_unit_test(truncated_reply_ends_between_records),
		cmocka_unit_test(long_answers_can_be_walked),
		cmocka_unit_test(txt_strings_are_read_one_by_one),
		cmocka_unit_test(reply_echoes_the_question_with_its_letter_case),
		cmocka_unit_test(reply_to_a_bare_header_is_a_bare_header),
		cmocka_unit_test(owners_are_compressed_against_the_question),
		cmocka_unit_test(record_that_does_not_fit_leaves_tc),
		cmocka_unit_test(missing_additional_record_is_no_truncation),
		cmocka_unit_test(record_larger_than_the_buffer_is_taken_back),
		cmocka_unit_test(opt_is_written_and_read_back),
		cmocka_unit_test(ede_text_is_cut_at_the_limit_between_characters),
		cmocka_unit_test(bare_opt_ignores_the_limit),
		cmocka_unit_test(padding_reaches_exactly_its_size),
		cmocka_unit_test(without_opt_a_long_rcode_is_servfail),
		cmocka_unit_test(buffer_too_small_gives_nothing),
		cmocka_unit_test(longest_bare_message_fits_its_maximum),
		cmocka_unit_test(codes_have_names),
		cmocka_unit_test(damaged_messages_are_survived),
	};

	return cmocka_run_group_tests_name("dns", tests, NULL, NULL);
}
