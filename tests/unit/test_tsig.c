/* libproto/tsig.c: RFC 8945 with HMAC-SHA-256. draft {#tsig} */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/agree_errors.h"
#include "libproto/tsig.h"

enum { T = 1800000000 };

/* SOA of Example.test, signed at T with the key below by an implementation of another language. */
static const uint8_t signed_request[] = {
	0x12, 0x34, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x07, 0x45, 0x78,
	0x61, 0x6d, 0x70, 0x6c, 0x65, 0x04, 0x74, 0x65, 0x73, 0x74, 0x00, 0x00, 0x06, 0x00, 0x01,
	0x06, 0x43, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x03, 0x4b, 0x45, 0x59, 0x00, 0x00, 0xfa, 0x00,
	0xff, 0x00, 0x00, 0x00, 0x00, 0x00, 0x3d, 0x0b, 0x68, 0x6d, 0x61, 0x63, 0x2d, 0x73, 0x68,
	0x61, 0x32, 0x35, 0x36, 0x00, 0x00, 0x00, 0x6b, 0x49, 0xd2, 0x00, 0x01, 0x2c, 0x00, 0x20,
	0xfe, 0xf0, 0x3e, 0xdf, 0x12, 0xef, 0xef, 0x77, 0x6d, 0x87, 0xb7, 0xa0, 0x07, 0x87, 0xb1,
	0x77, 0xc6, 0x7d, 0xd9, 0x90, 0x50, 0xdd, 0xa8, 0x46, 0x1b, 0x3d, 0xea, 0x9b, 0x96, 0xf6,
	0xfb, 0x1e, 0x12, 0x34, 0x00, 0x00, 0x00, 0x00,
};
static const uint8_t reply_mac[32] = {
	0xc6, 0x0b, 0x89, 0xb6, 0x32, 0x82, 0xa8, 0xcf, 0xe0, 0x45, 0x15,
	0x1f, 0x30, 0xba, 0x92, 0xe7, 0x01, 0x5e, 0xbe, 0xc0, 0x3b, 0x1e,
	0xa5, 0x85, 0xe9, 0xd6, 0x9a, 0x45, 0xea, 0x83, 0x6d, 0xc9,
};
enum { MAC_AT = 75, NAME_AT = 31, QUESTION_END = 30 };

static const char key_text[] = "client.key:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

static struct ap_tsig_key keys[2];

static int setup(void **state)
{
	(void)state;
	assert_int_equal(ap_tsig_key_parse(&keys[0], "other:AAAAAAAAAAAAAAAAAAAAAA=="), 0);
	assert_int_equal(ap_tsig_key_parse(&keys[1], key_text), 0);
	return 0;
}

static enum ap_tsig_error check(const uint8_t *wire, size_t len, uint64_t now_s,
				struct ap_tsig *out)
{
	static struct ap_dns m;

	assert_int_equal(ap_dns_request(&m, wire, len), 0);
	assert_true(m.has_tsig);
	return ap_tsig_check(&m, keys, 2, now_s, out);
}

static void another_implementations_request_is_good(void **state)
{
	struct ap_tsig tsig;

	(void)state;
	assert_int_equal(check(signed_request, sizeof(signed_request), T + 5, &tsig), AP_TSIG_GOOD);
	assert_int_equal(tsig.key, 1);
	assert_int_equal(tsig.time_s, T);
}

static void every_octet_that_is_signed_counts(void **state)
{
	static const size_t at[] = {2, 15, 27, 67, MAC_AT, MAC_AT + 31, sizeof(signed_request) - 5};
	uint8_t wire[sizeof(signed_request)];
	struct ap_tsig tsig;

	(void)state;
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		memcpy(wire, signed_request, sizeof(wire));
		wire[at[i]] ^= 1;
		assert_int_equal(check(wire, sizeof(wire), T, &tsig), AP_TSIG_BADSIG);
	}
	memcpy(wire, signed_request, sizeof(wire));
	wire[0] ^= 1; /* the id is not: a forwarder changes it, and leaves the original one */
	assert_int_equal(check(wire, sizeof(wire), T, &tsig), AP_TSIG_GOOD);
}

static void unknown_keys_and_algorithms_are_bad_keys(void **state)
{
	uint8_t wire[sizeof(signed_request)];
	struct ap_tsig tsig;

	(void)state;
	memcpy(wire, signed_request, sizeof(wire));
	wire[NAME_AT] = 'X';
	assert_int_equal(check(wire, sizeof(wire), T, &tsig), AP_TSIG_BADKEY);
	memcpy(wire, signed_request, sizeof(wire));
	wire[NAME_AT + 21 + 6] = 'x'; /* in hmac-sha256 */
	assert_int_equal(check(wire, sizeof(wire), T, &tsig), AP_TSIG_BADKEY);
}

static void time_is_looked_at_within_the_fudge(void **state)
{
	struct ap_tsig tsig;

	(void)state;
	assert_int_equal(check(signed_request, sizeof(signed_request), T + 300, &tsig),
			 AP_TSIG_GOOD);
	assert_int_equal(check(signed_request, sizeof(signed_request), T + 301, &tsig),
			 AP_TSIG_BADTIME);
	assert_int_equal(check(signed_request, sizeof(signed_request), T - 300, &tsig),
			 AP_TSIG_GOOD);
	assert_int_equal(check(signed_request, sizeof(signed_request), T - 301, &tsig),
			 AP_TSIG_BADTIME);
}

static void the_reply_is_signed_over_the_requests_mac(void **state)
{
	uint8_t reply[512];
	struct ap_dns m;
	struct ap_tsig tsig;
	size_t len;

	(void)state;
	assert_int_equal(check(signed_request, sizeof(signed_request), T, &tsig), AP_TSIG_GOOD);
	memcpy(reply, signed_request, QUESTION_END);
	reply[2] = 0x84;
	reply[11] = 0;
	len = ap_tsig_sign(reply, QUESTION_END, sizeof(reply), &keys[1], &tsig, AP_TSIG_GOOD,
			   T + 5);
	assert_int_equal(len, QUESTION_END + ap_tsig_size(&keys[1]) - 6);
	assert_int_equal(ap_dns_reply(&m, reply, len), 0);
	assert_true(m.has_tsig);
	assert_memory_equal(m.tsig.rdata.data + 13 + 6 + 2 + 2, reply_mac, sizeof(reply_mac));
	assert_int_equal(ap_tsig_sign(reply, QUESTION_END, QUESTION_END + 20, &keys[1], &tsig,
				      AP_TSIG_GOOD, T),
			 0);
}

static void a_bad_time_is_answered_with_the_servers(void **state)
{
	uint8_t reply[512];
	struct ap_tsig tsig;
	struct ap_dns m;
	size_t len;

	(void)state;
	check(signed_request, sizeof(signed_request), T + 999, &tsig);
	memcpy(reply, signed_request, QUESTION_END);
	reply[2] = 0x84;
	reply[11] = 0;
	len = ap_tsig_sign(reply, QUESTION_END, sizeof(reply), &keys[1], &tsig, AP_TSIG_BADTIME,
			   T + 999);
	assert_int_equal(ap_dns_reply(&m, reply, len), 0);
	assert_memory_equal(m.tsig.rdata.data + 13, signed_request + MAC_AT - 10, 6);
	assert_int_equal(m.tsig.rdata.data[m.tsig.rdata.len - 9], AP_TSIG_BADTIME);
}

static void keys_are_read_and_shown(void **state)
{
	static const char *const bad[] = {"",
					  "name",
					  "name:",
					  ":AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
					  "name:AAECAwQF",
					  "name:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh_="};
	struct ap_tsig_key key;
	char text[AP_NAME_TEXT + 100];
	struct ap_text t;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ap_tsig_key_parse(&key, bad[i]), AGREE_EUSAGE);
	ap_text_init(&t, text, sizeof(text));
	ap_tsig_key_show(&t, &keys[1]);
	assert_string_equal(text, key_text);
	ap_text_init(&t, text, sizeof(text));
	ap_tsig_key_show(&t, &keys[0]);
	assert_string_equal(text, "other:AAAAAAAAAAAAAAAAAAAAAA==");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_implementations_request_is_good),
		cmocka_unit_test(every_octet_that_is_signed_counts),
		cmocka_unit_test(unknown_keys_and_algorithms_are_bad_keys),
		cmocka_unit_test(time_is_looked_at_within_the_fudge),
		cmocka_unit_test(the_reply_is_signed_over_the_requests_mac),
		cmocka_unit_test(a_bad_time_is_answered_with_the_servers),
		cmocka_unit_test(keys_are_read_and_shown),
	};

	return cmocka_run_group_tests_name("tsig", tests, setup, NULL);
}
