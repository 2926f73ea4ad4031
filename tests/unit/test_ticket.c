#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/crypto.h"
#include "libproto/instance.h"
#include "libproto/name.h"
#include "libproto/ticket.h"

#define BYTES(text) ((ap_bytes){(const uint8_t *)(text), sizeof(text) - 1})

static const uint8_t network[32] = {1, 2, 3};
static const uint8_t elsewhere[32] = {1, 2, 4};

static void a_ticket_gives_its_descriptor_back(void **state)
{
	char text[AP_TICKET_MAX];
	uint8_t octets[AP_TICKET_OCTETS], id[AP_ID_LEN], id_back[AP_ID_LEN];
	ap_descriptor d, back;

	(void)state;
	assert_int_equal(ap_ticket_open(&d, BYTES("leader"), 1795500840), 0);
	memset(d.terms.salt.octets, 0x5a, sizeof(d.terms.salt.octets));
	assert_int_equal(ap_ticket_make(text, sizeof(text), network, &d), 0);
	assert_memory_equal(text, "agree1-", 7);
	assert_true(ap_ticket_is(text, strlen(text)));
	assert_int_equal(ap_ticket_parse(&back, octets, network, text, strlen(text)), 0);
	assert_true(ap_instance_id(ap_sha256, id, network, &d.terms));
	assert_true(ap_instance_id(ap_sha256, id_back, network, &back.terms));
	assert_memory_equal(id, id_back, AP_ID_LEN);
}

/* 32 parties with secrets, longest value and label: nothing is longer. */
static void the_longest_ticket_has_its_maximum(void **state)
{
	static const uint8_t long_value[AP_VALUE_MAX];
	static char label[AP_LABEL_MAX];
	static uint8_t octets[AP_TICKET_OCTETS];
	static char text[AP_TICKET_MAX];
	static ap_descriptor d, back;

	(void)state;
	memset(label, 'l', sizeof(label));
	assert_int_equal(
		ap_ticket_open(&d, (ap_bytes){(const uint8_t *)label, sizeof(label)}, 9999), 0);
	d.terms.fixed.present = true;
	d.terms.fixed.it = (ap_bytes){long_value, sizeof(long_value)};
	d.terms.n_parties = AP_PARTIES_MAX;
	d.n_locks = AP_PARTIES_MAX;
	assert_int_equal(ap_ticket_make(text, sizeof(text), network, &d), 0);
	assert_int_equal(ap_ticket_parse(&back, octets, network, text, strlen(text)), 0);
	assert_int_equal(ap_ticket_make(text, strlen(text) + 1, network, &d), 0);
	assert_int_equal(ap_ticket_make(text, strlen(text), network, &d), AGREE_ESPACE);
	assert_string_equal(text, "");
	assert_int_equal(ap_ticket_make(text, 0, network, &d), AGREE_ESPACE);
}

static void what_is_no_ticket_is_said_so(void **state)
{
	static const char *const rows[] = {
		"",
		"agree1",
		"agree1-",
		"agree1-AAA",
		"Agree1-AAAAAAAA",
		"leader",
		"agree1-AAAA=",
		"agree1-AAAA AAAA",
		"agree2-AAAAAAAAAAAA",
	};
	uint8_t octets[AP_TICKET_OCTETS];
	ap_descriptor d;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(ap_ticket_parse(&d, octets, network, rows[i], strlen(rows[i])),
				 AGREE_ETICKET);
	assert_false(ap_ticket_is("agree1", 6));
	assert_true(ap_ticket_is("agree1-", 7));
}

static void any_changed_character_is_found(void **state)
{
	char text[AP_TICKET_MAX];
	uint8_t octets[AP_TICKET_OCTETS];
	ap_descriptor d;
	size_t len;

	(void)state;
	assert_int_equal(ap_ticket_open(&d, BYTES("leader"), 1795500840), 0);
	assert_int_equal(ap_ticket_make(text, sizeof(text), network, &d), 0);
	len = strlen(text);
	for (size_t i = 7; i < len; i++) {
		char was = text[i];
		int rc;

		text[i] = was == 'A' ? 'B' : 'A';
		rc = ap_ticket_parse(&d, octets, network, text, len);
		/* the last character may have spare bits, which makes it no base64url at all */
		assert_true(rc == AGREE_ETICKETNET || (i == len - 1 && rc == AGREE_ETICKET));
		text[i] = was;
	}
	for (size_t cut = 7; cut < len; cut++)
		assert_int_not_equal(ap_ticket_parse(&d, octets, network, text, cut), 0);
}

static void a_ticket_of_another_network_is_found(void **state)
{
	char text[AP_TICKET_MAX];
	uint8_t octets[AP_TICKET_OCTETS];
	ap_descriptor d;

	(void)state;
	assert_int_equal(ap_ticket_open(&d, BYTES("leader"), 1795500840), 0);
	assert_int_equal(ap_ticket_make(text, sizeof(text), network, &d), 0);
	assert_int_equal(ap_ticket_parse(&d, octets, elsewhere, text, strlen(text)),
			 AGREE_ETICKETNET);
}

/* Text around any octets, with check octets that fit. */
static void text_of(char *text, size_t size, const uint8_t *octets, size_t len)
{
	uint8_t whole[128], digest[32];
	struct ap_text t;

	assert_true(len + 4 <= sizeof(whole));
	memcpy(whole, octets, len);
	ap_sha256(digest,
		  (const ap_bytes[]){
			  {(const uint8_t *)"agree1-ticket\0\0", 16}, {network, 32}, {octets, len}},
		  3);
	memcpy(whole + len, digest, 4);
	ap_text_init(&t, text, size);
	ap_text_add(&t, "agree1-");
	ap_base64url_show(&t, whole, len + 4);
}

static void whole_tickets_may_still_be_impossible(void **state)
{
	uint8_t octets[AP_TICKET_OCTETS], raw[100];
	char text[256];
	struct ap_writer w;
	ap_descriptor d, back;

	(void)state;
	assert_int_equal(ap_ticket_open(&d, BYTES("leader"), 1795500840), 0);
	ap_writer_init(&w, raw, sizeof(raw));
	ap_descriptor_put(&w, &d);
	text_of(text, sizeof(text), raw, ap_writer_len(&w));
	assert_int_equal(ap_ticket_parse(&back, octets, network, text, strlen(text)), 0);
	text_of(text, sizeof(text), raw, ap_writer_len(&w) - 1);
	assert_int_equal(ap_ticket_parse(&back, octets, network, text, strlen(text)),
			 AGREE_ETICKETTERMS);
	text_of(text, sizeof(text), raw, 0);
	assert_int_equal(ap_ticket_parse(&back, octets, network, text, strlen(text)),
			 AGREE_ETICKETTERMS);
	raw[1] = 2; /* k */
	text_of(text, sizeof(text), raw, ap_writer_len(&w));
	assert_int_equal(ap_ticket_parse(&back, octets, network, text, strlen(text)),
			 AGREE_ETICKETTERMS);
	d.terms.k = 2;
	assert_int_equal(ap_ticket_make(text, sizeof(text), network, &d), AGREE_EBADTERMS);
}

static void label_and_deadline_name_one_instance(void **state)
{
	uint8_t a[AP_ID_LEN], b[AP_ID_LEN];
	ap_descriptor d;

	(void)state;
	assert_int_equal(ap_ticket_open(&d, BYTES("leader"), 1795500840), 0);
	assert_int_equal(d.terms.k, 1);
	assert_int_equal(d.terms.n_parties, 0);
	assert_true(d.terms.start == 0);
	assert_true(ap_instance_id(ap_sha256, a, network, &d.terms));
	assert_int_equal(ap_ticket_open(&d, BYTES("leader"), 1795500840), 0);
	assert_true(ap_instance_id(ap_sha256, b, network, &d.terms));
	assert_memory_equal(a, b, AP_ID_LEN);

	assert_int_equal(ap_ticket_open(&d, BYTES(""), 1795500840), AGREE_ELABEL);
	assert_int_equal(ap_ticket_open(&d, BYTES("a\tb"), 1795500840), AGREE_ELABEL);
	assert_int_equal(ap_ticket_open(&d, (ap_bytes){NULL, AP_LABEL_MAX + 1}, 1795500840),
			 AGREE_ELABEL);
	assert_int_equal(ap_ticket_open(&d, BYTES("leader"), 0), AGREE_ETIME);
	assert_int_equal(ap_ticket_open(&d, BYTES("leader"), AP_DEADLINE_MAX + 1), AGREE_ETIME);
}

static void periods_begin_a_minute_before_utc(void **state)
{
	static const struct {
		uint64_t period, now, start;
	} rows[] = {
		{3600, 1795500840, 1795499940}, /* 06:14:00: since 05:59:00 */
		{3600, 1795503539, 1795499940}, /* 06:58:59 is the last second, */
		{3600, 1795503540, 1795503540}, /* 06:59:00 the first */
		{86400, 1795500840, 1795478340},
		{60, 1795500840, 1795500840},
		{60, 1795500899, 1795500840},
		{60, 60, 60},
		{3600, 3540, 3540},
	};
	ap_descriptor d;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ap_ticket_recurring(&d, network, BYTES("job"), rows[i].period,
						     rows[i].now, (ap_bytes){NULL, 0}),
				 0);
		assert_true(d.terms.start == rows[i].start);
		assert_true(d.terms.deadline == rows[i].start + rows[i].period);
		assert_null(ap_descriptor_check(&d));
	}
}

static void impossible_periods_are_refused(void **state)
{
	const ap_bytes none = {NULL, 0};
	ap_descriptor d;

	(void)state;
	assert_int_equal(ap_ticket_recurring(&d, network, BYTES("job"), 59, 1795500840, none),
			 AGREE_EPERIOD);
	assert_int_equal(ap_ticket_recurring(&d, network, BYTES("job"), AP_PERIOD_MAX_S + 1,
					     1795500840, none),
			 AGREE_EPERIOD);
	assert_int_equal(ap_ticket_recurring(&d, network, BYTES(""), 3600, 1795500840, none),
			 AGREE_ELABEL);
	/* the first one would begin before 1970, or at 0, which means that there is no start */
	assert_int_equal(ap_ticket_recurring(&d, network, BYTES("job"), 3600, 3539, none),
			 AGREE_ETIME);
	assert_int_equal(ap_ticket_recurring(&d, network, BYTES("job"), 60, 0, none), AGREE_ETIME);
	assert_int_equal(
		ap_ticket_recurring(&d, network, BYTES("job"), 3600, AP_DEADLINE_MAX + 1, none),
		AGREE_ETIME);
	assert_int_equal(
		ap_ticket_recurring(&d, network, BYTES("job"), 3600, AP_DEADLINE_MAX, none),
		AGREE_ETIME);
}

/* Who knows the label, but not the secret, makes another instance. */
static void a_secret_keeps_outsiders_away(void **state)
{
	uint8_t a[AP_ID_LEN], b[AP_ID_LEN], zero[16] = {0};
	ap_descriptor d;

	(void)state;
	assert_int_equal(ap_ticket_recurring(&d, network, BYTES("job"), 3600, 1795500840,
					     (ap_bytes){NULL, 0}),
			 0);
	assert_memory_equal(d.terms.salt.octets, zero, 16);
	assert_int_equal(
		ap_ticket_recurring(&d, network, BYTES("job"), 3600, 1795500840, BYTES("hunter2")),
		0);
	assert_memory_not_equal(d.terms.salt.octets, zero, 16);
	assert_true(ap_instance_id(ap_sha256, a, network, &d.terms));
	assert_int_equal(
		ap_ticket_recurring(&d, network, BYTES("job"), 3600, 1795501000, BYTES("hunter2")),
		0);
	assert_true(ap_instance_id(ap_sha256, b, network, &d.terms));
	assert_memory_equal(a, b, AP_ID_LEN);
	assert_int_equal(
		ap_ticket_recurring(&d, network, BYTES("job"), 3600, 1795500840, BYTES("hunter3")),
		0);
	assert_true(ap_instance_id(ap_sha256, b, network, &d.terms));
	assert_memory_not_equal(a, b, AP_ID_LEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ticket_gives_its_descriptor_back),
		cmocka_unit_test(the_longest_ticket_has_its_maximum),
		cmocka_unit_test(what_is_no_ticket_is_said_so),
		cmocka_unit_test(any_changed_character_is_found),
		cmocka_unit_test(a_ticket_of_another_network_is_found),
		cmocka_unit_test(whole_tickets_may_still_be_impossible),
		cmocka_unit_test(label_and_deadline_name_one_instance),
		cmocka_unit_test(periods_begin_a_minute_before_utc),
		cmocka_unit_test(impossible_periods_are_refused),
		cmocka_unit_test(a_secret_keeps_outsiders_away),
	};

	return cmocka_run_group_tests_name("ticket", tests, NULL, NULL);
}
