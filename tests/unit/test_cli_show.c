#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libproto/instance.h"
#include "libproto/outcome.h"
#include "resolver/cli.h"
#include "resolver/cli_json.h"
#include "resolver/cli_proof.h"
#include "tests/lib/fakenet.h"
#include "tests/lib/tempdir.h"

static struct fakenet net;
static struct cli_options options;
static char shown[CLI_SHOW_MAX];
static struct ap_text t;
static struct ap_name name; /* of the instance */
static uint8_t id[AP_ID_LEN];
static uint8_t request[AP_DNS_MAX], answer[AP_DNS_MAX];
static size_t request_len, answer_len;

static const uint8_t cookie[8] = {0x6b, 0x70, 1, 2, 3, 4, 5, 6};

static int setup(void **state)
{
	(void)state;
	fakenet_init(&net, 4);
	cli_options_init(&options);
	ap_text_init(&t, shown, sizeof(shown));
	memset(id, 0x11, sizeof(id));
	id[0] = 1; /* a deadline that has not passed */
	assert_true(ap_name_of_instance(&name, id, &net.domain));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fakenet_clear(&net);
	return 0;
}

/* A proposal of this value, and the replica's answer. */
static void propose(const char *value)
{
	ap_propose p = {.version = AP_PROPOSE_VERSION,
			.verb = AP_VERB_APPROVE,
			.nonce = {{0xab}},
			.party = AP_PARTY_NONE,
			.value = {(const uint8_t *)value, strlen(value)},
			.descriptor = {(const uint8_t *)"d", 1}};
	struct ap_edns_out edns = {.udp_size = 1232, .cookie = {cookie, 8}, .pad_to = 1000};
	struct ap_dns_writer d;

	ap_dns_begin(&d, request, sizeof(request), sizeof(request), 31431, AP_OPCODE_UPDATE, 0);
	ap_dns_question(&d, &net.domain, AP_RR_SOA, AP_CLASS_IN);
	ap_dns_edns(&d, &edns);
	ap_dns_rr(&d, AP_ANSWER, &name, AP_RR_AGREE, AP_CLASS_NONE, 0, (ap_bytes){NULL, 0});
	ap_propose_put(ap_dns_rr_begin(&d, AP_AUTHORITY, &name, AP_RR_PROPOSE, AP_CLASS_IN, 0), &p);
	assert_true(ap_dns_rr_end(&d));
	request_len = ap_dns_end(&d);
	answer_len = fakenet_answer(&net, 0, false, request, request_len, answer);
	assert_true(answer_len > 0);
}

static void assert_has(const char *text)
{
	if (strstr(shown, text) == NULL)
		fail_msg("\"%s\" is not in:\n%s", text, shown);
}

static void assert_has_not(const char *text)
{
	if (strstr(shown, text) != NULL)
		fail_msg("\"%s\" is in:\n%s", text, shown);
}

/* ---- messages ---- */

static void answer_is_laid_out_as_by_dig(void **state)
{
	(void)state;
	propose("host-a");
	cli_show_message(&t, &options, answer, answer_len);
	assert_has(";; ->>HEADER<<- opcode: UPDATE, status: NOERROR, id: 31431\n"
		   ";; flags: qr; ZONE: 1, PREREQ: 1, UPDATE: 0, ADDITIONAL: 1\n\n"
		   ";; OPT PSEUDOSECTION:\n"
		   "; EDNS: version: 0, flags:; udp: 1232\n"
		   "; COOKIE: 6b70010203040506");
	assert_has(" (good)\n;; ZONE SECTION:\n;example.test.\t\tIN\tSOA\n\n"
		   ";; PREREQUISITE SECTION:\n");
	assert_has(".example.test.\t0\tIN\tAGREE\tDECIDED \"host-a\" k=1 yes=0 no=0 seq=41 "
		   "time=2026-12-01T00:00:00.000Z epoch=7 batch=41/2026-12-01T00:00:00.000Z "
		   "leaf=1/3 running=09000000");
	assert_has(" path=11111111");
	assert_has(" sig=");
}

static void request_is_shown_too(void **state)
{
	(void)state;
	propose("host-a");
	cli_show_message(&t, &options, request, request_len);
	assert_has(";; flags:; ZONE: 1, PREREQ: 1, UPDATE: 1, ADDITIONAL: 1\n");
	assert_has("\t0\tNONE\tAGREE\n");
	assert_has("\t0\tIN\tPROPOSE\tAPPROVE \"host-a\" nonce=ab000000");
	assert_has(" descriptor=ZA\n");
	assert_has_not("(good)");
}

static void sections_are_shown_as_asked_for(void **state)
{
	(void)state;
	propose("host-a");
	options.comments = options.question = options.additional = false;
	cli_show_message(&t, &options, answer, answer_len);
	assert_has("IN\tAGREE\tDECIDED");
	assert_has_not(";");
	ap_text_init(&t, shown, sizeof(shown));
	options.answer = false;
	cli_show_message(&t, &options, answer, answer_len);
	assert_string_equal(shown, "");
}

static void generic_form_is_that_of_rfc_3597(void **state)
{
	(void)state;
	propose("host-a");
	options.generic = true;
	cli_show_message(&t, &options, answer, answer_len);
	assert_has("\tIN\tTYPE65400\t\\# ");
	assert_has(" 01020006686f73742d61"); /* version, DECIDED, no reason, "host-a" */
}

static void multiline_form_has_a_line_for_each_long_field(void **state)
{
	(void)state;
	propose("host-a");
	options.multiline = true;
	cli_show_message(&t, &options, answer, answer_len);
	assert_has("\tAGREE\t( DECIDED \"host-a\"\n\t\t\t\tk=1");
	assert_has("\n\t\t\t\tsig=");
	assert_has(" )\n");
}

static void hostile_values_cannot_leave_their_quotes(void **state)
{
	(void)state;
	propose("\x1b[31m\"\\\n\xe2\x80\xae\x7f;; SERVER: forged");
	cli_show_message(&t, &options, answer, answer_len);
	assert_has("DECIDED \"\\027[31m\\034\\092\\010\\226\\128\\174\\127;; SERVER: forged\" k=1");
	for (const char *c = shown; *c != '\0'; c++)
		assert_true(*c == '\n' || *c == '\t' || (*c >= 0x20 && *c < 0x7f));
}

static void refusal_shows_code_and_text(void **state)
{
	(void)state;
	net.replicas[0].mood = FAKENET_REFUSES;
	propose("host-a");
	cli_show_message(&t, &options, answer, answer_len);
	assert_has("status: REFUSED");
	assert_has("; EDE: 49160: (as the test says)\n");
}

static void every_cut_of_a_message_is_shown_without_harm(void **state)
{
	(void)state;
	propose("host-a");
	for (size_t cut = 0; cut <= answer_len; cut++) {
		ap_text_init(&t, shown, sizeof(shown));
		cli_show_message(&t, &options, answer, cut);
		assert_true(strlen(shown) > 0);
	}
	assert_has("DECIDED");
}

static void record_that_does_not_decode_is_shown_as_octets(void **state)
{
	(void)state;
	cli_show_rdata(&t, &options, AP_RR_AGREE, (ap_bytes){(const uint8_t *)"\x01\x02", 2});
	assert_string_equal(shown, "\\# 2 0102");
	ap_text_init(&t, shown, sizeof(shown));
	cli_show_type(&t, 65000);
	cli_show_type(&t, AP_RR_SRV);
	assert_string_equal(shown, "TYPE65000SRV");
}

/* ---- JSON ---- */

static void json_is_one_flat_object(void **state)
{
	struct cli_json j;

	(void)state;
	cli_json_begin(&j, &t);
	cli_json_text(&j, "a", "x\"\\\n");
	cli_json_octets(&j, "b", "\xc3\xa9\xff\xe2\x80\xae", 6);
	cli_json_hex(&j, "c", "\x01\xab", 2);
	cli_json_number(&j, "d", 18446744073709551615ULL);
	cli_json_bool(&j, "e", true);
	cli_json_null(&j, "f");
	cli_json_time(&j, "g", 1796083200001);
	cli_json_end(&j);
	assert_string_equal(shown, "{\"a\": \"x\\u0022\\u005c\\u000a\", "
				   "\"b\": \"\\u00e9\\ufffd\\u202e\", \"c\": \"01ab\", "
				   "\"d\": 18446744073709551615, \"e\": true, \"f\": null, "
				   "\"g\": \"2026-12-01T00:00:00.001Z\"}\n");
}

/* ---- exit statuses ---- */

static agree_outcome *outcome_get(void)
{
	agree_outcome *outcome;
	const struct ap_rr *rr;
	struct ap_dns m;
	size_t at = 0;

	assert_int_equal(ap_dns_reply(&m, answer, answer_len), 0);
	rr = ap_dns_next(&m, AP_ANSWER, &at);
	assert_non_null(rr);
	assert_int_equal(
		agree_verify(net.key.public_key, id, rr->rdata.data, rr->rdata.len, &outcome), 0);
	return outcome;
}

static void decision_is_mine_or_otherwise(void **state)
{
	agree_outcome *outcome;

	(void)state;
	propose("host-a");
	outcome = outcome_get();
	assert_int_equal(cli_exit_of_outcome(outcome, NULL), 0);
	assert_int_equal(cli_exit_of_outcome(outcome, "host-a"), 0);
	assert_int_equal(cli_exit_of_outcome(outcome, "host-b"), 17);
	assert_int_equal(cli_exit_of_outcome(outcome, ""), 17);
	agree_outcome_free(outcome);
}

static void abort_is_thirteen(void **state)
{
	agree_outcome *outcome;

	(void)state;
	id[0] = 0; /* 1979 */
	assert_true(ap_name_of_instance(&name, id, &net.domain));
	propose("host-a");
	outcome = outcome_get();
	assert_int_equal(agree_outcome_status(outcome), AGREE_ABORTED);
	assert_int_equal(cli_exit_of_outcome(outcome, NULL), 13);
	assert_int_equal(cli_exit_of_outcome(outcome, "host-a"), 13);
	agree_outcome_free(outcome);
}

static void errors_have_the_statuses_of_the_manual(void **state)
{
	static const struct {
		int err, status;
	} rows[] = {
		{AGREE_EUSAGE, 1},	 {AGREE_ETIME, 1},	 {AGREE_ENOANSWER, 9},
		{AGREE_ETIMEOUT, 9},	 {AGREE_ENONETWORK, 9},	 {AGREE_ESERVER, 9},
		{AGREE_ENOMEM, 10},	 {AGREE_EINTERNAL, 10},	 {AGREE_EREFUSED, 11},
		{AGREE_EHORIZON, 11},	 {AGREE_ESIGNATURE, 12}, {AGREE_ERECORD, 12},
		{AGREE_EKEYCHANGED, 12}, {AGREE_EWRONGKEY, 12},	 {AGREE_EKNOWN, 12},
		{AGREE_EPROOFFILE, 12},	 {AGREE_ENOKEY, 18},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(cli_exit_of_error(rows[i].err), rows[i].status);
}

/* ---- proofs in files ---- */

static struct cli_proof proof;

static void proof_make(void)
{
	ap_descriptor descriptor;
	const void *wire;
	agree_outcome *outcome;

	assert_int_equal(ap_ticket_open(&descriptor, (ap_bytes){(const uint8_t *)"job", 3},
					net.now_ms / 1000 + 600),
			 0);
	assert_true(ap_instance_id(ap_sha256, id, net.key.public_key, &descriptor.terms));
	assert_true(ap_name_of_instance(&name, id, &net.domain));
	propose("host-a");
	outcome = outcome_get();
	memset(&proof, 0, sizeof(proof));
	strcpy(proof.domain, "example.test");
	assert_int_equal(
		ap_ticket_make(proof.ticket, sizeof(proof.ticket), net.key.public_key, &descriptor),
		0);
	memcpy(proof.id, id, sizeof(id));
	wire = agree_outcome_wire(outcome, &proof.record_len);
	memcpy(proof.record, wire, proof.record_len);
	agree_outcome_free(outcome);
}

static void proof_goes_where_links_lead_and_into_pipes(void **state)
{
	char dir[TEMPDIR_MAX], path[TEMPDIR_MAX + 16], link[TEMPDIR_MAX + 16];
	struct cli_proof again;
	struct stat st;
	int fd;

	(void)state;
	proof_make();
	tempdir_make(dir);
	snprintf(path, sizeof(path), "%s/proof", dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	assert_int_equal(symlink("proof", link), 0);
	for (int i = 0; i < 2; i++) { /* it leads nowhere yet; to a file */
		assert_int_equal(cli_proof_save(link, &proof), 0);
		assert_int_equal(lstat(link, &st), 0);
		assert_true(S_ISLNK(st.st_mode));
		assert_int_equal(cli_proof_load(path, &again), 0);
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(cli_proof_save(link, &proof), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	close(fd);
	assert_int_equal(cli_proof_save("/dev/null", &proof), 0);
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	tempdir_remove(dir);
}

static void saved_proof_is_read_back(void **state)
{
	char dir[TEMPDIR_MAX], path[TEMPDIR_MAX + 16];
	struct cli_proof again;
	agree_outcome *outcome;

	(void)state;
	proof_make();
	tempdir_make(dir);
	snprintf(path, sizeof(path), "%s/proof", dir);
	assert_int_equal(cli_proof_save(path, &proof), 0);
	assert_int_equal(cli_proof_save(path, &proof), 0);
	assert_int_equal(cli_proof_load(path, &again), 0);
	assert_memory_equal(&again, &proof, sizeof(proof));
	assert_int_equal(cli_proof_check(&again, net.key.public_key, &outcome), 0);
	agree_outcome_free(outcome);
	tempdir_remove(dir);
	assert_int_equal(cli_proof_load(path, &again), AGREE_EFILE);
	assert_int_equal(cli_proof_save(path, &proof), AGREE_EFILE);
}

static void wrong_key_and_foreign_ticket_are_told(void **state)
{
	agree_outcome *outcome;

	(void)state;
	proof_make();
	assert_int_equal(cli_proof_check(&proof, net.other_key.public_key, &outcome),
			 AGREE_ESIGNATURE);
	assert_null(outcome);
	proof.ticket[20] ^= 1;
	assert_int_equal(cli_proof_check(&proof, net.key.public_key, &outcome), AGREE_EPROOFFILE);
	assert_null(outcome);
	proof.ticket[0] = '\0';
	assert_int_equal(cli_proof_check(&proof, net.key.public_key, &outcome), 0);
	agree_outcome_free(outcome);
	proof.id[30] ^= 1;
	assert_int_equal(cli_proof_check(&proof, net.key.public_key, &outcome), AGREE_ESIGNATURE);
}

static void every_flip_and_every_cut_of_a_proof_is_found(void **state)
{
	struct cli_proof again;
	size_t len;

	(void)state;
	proof_make();
	cli_proof_show(&t, &proof);
	len = ap_text_len(&t);
	assert_int_equal(cli_proof_parse(&again, shown, len), 0);
	for (size_t i = 0; i < len; i++) {
		assert_int_equal(cli_proof_parse(&again, shown, i), AGREE_EPROOFFILE);
		for (unsigned bit = 0; bit < 8; bit++) {
			shown[i] = (char)(shown[i] ^ 1 << bit);
			assert_int_equal(cli_proof_parse(&again, shown, len), AGREE_EPROOFFILE);
			shown[i] = (char)(shown[i] ^ 1 << bit);
		}
	}
	shown[len] = '\n';
	assert_int_equal(cli_proof_parse(&again, shown, len + 1), AGREE_EPROOFFILE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answer_is_laid_out_as_by_dig),
		TEST(request_is_shown_too),
		TEST(sections_are_shown_as_asked_for),
		TEST(generic_form_is_that_of_rfc_3597),
		TEST(multiline_form_has_a_line_for_each_long_field),
		TEST(hostile_values_cannot_leave_their_quotes),
		TEST(refusal_shows_code_and_text),
		TEST(every_cut_of_a_message_is_shown_without_harm),
		TEST(record_that_does_not_decode_is_shown_as_octets),
		TEST(json_is_one_flat_object),
		TEST(decision_is_mine_or_otherwise),
		TEST(abort_is_thirteen),
		TEST(errors_have_the_statuses_of_the_manual),
		TEST(proof_goes_where_links_lead_and_into_pipes),
		TEST(saved_proof_is_read_back),
		TEST(wrong_key_and_foreign_ticket_are_told),
		TEST(every_flip_and_every_cut_of_a_proof_is_found),
	};

	return cmocka_run_group_tests_name("cli_show", tests, NULL, NULL);
}
