/*
 * RFC 9018 appendix A, and what the RFC says about age and address.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/cookie.h"

struct vector {
	const char *secret, *address;
	size_t address_len;
	uint32_t made_s;
	const char *cookie; /* client cookie first */
};

static const char *const secret_a = "e5e973e5a6b2a43f48e7dc849e37bfcf";
static const struct vector vectors[] = {
	/* A.1, A.2: 198.51.100.100 */
	{"e5e973e5a6b2a43f48e7dc849e37bfcf", "c6336464", 4, 1559731985,
	 "2464c4abcf10c957010000005cf79f111f8130c3eee29480"},
	{"e5e973e5a6b2a43f48e7dc849e37bfcf", "c6336464", 4, 1559734385,
	 "2464c4abcf10c957010000005cf7a871d4a564a1442aca77"},
	/* A.3: 203.0.113.203 */
	{"e5e973e5a6b2a43f48e7dc849e37bfcf", "cb0071cb", 4, 1559734700,
	 "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e"},
	/* A.4: 2001:db8:220:1:59de:d0f4:8769:82b8, the old secret and the new one */
	{"dd3bdf9344b678b185a6f5cb60fca715", "20010db80220000159ded0f4876982b8", 16, 1559741817,
	 "22681ab97d52c298010000005cf7c57926556bd0934c72f8"},
	{"445536bcd2513298075a5d379663c962", "20010db80220000159ded0f4876982b8", 16, 1559741961,
	 "22681ab97d52c298010000005cf7c609a6bb79d16625507a"},
};

static void octets_of(uint8_t *out, const char *hex)
{
	for (size_t i = 0; hex[2 * i] != '\0'; i++) {
		char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

		out[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
}

static enum ap_cookie_verdict check(const char *cookie, size_t len, const char *address,
				    size_t address_len, const char *secret, uint32_t now_s)
{
	uint8_t c[AP_COOKIE_MAX] = {0}, a[16], s[16];

	octets_of(c, cookie);
	octets_of(a, address);
	octets_of(s, secret);
	return ap_cookie_check(c, len, a, address_len, s, now_s);
}

static void rfc_9018_cookies_are_made(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		uint8_t expected[AP_COOKIE_LEN], made[AP_COOKIE_LEN], address[16], secret[16];

		octets_of(expected, v->cookie);
		octets_of(address, v->address);
		octets_of(secret, v->secret);
		ap_cookie_make(made, expected, address, v->address_len, secret, v->made_s);
		assert_memory_equal(made, expected, AP_COOKIE_LEN);
		assert_int_equal(check(v->cookie, AP_COOKIE_LEN, v->address, v->address_len,
				       v->secret, v->made_s),
				 AP_COOKIE_GOOD);
	}
}

/* A.3: another implementation sets the reserved octets; they are hashed, not judged. */
static void reserved_octets_may_be_set(void **state)
{
	(void)state;
	assert_int_equal(check("fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", AP_COOKIE_LEN,
			       "cb0071cb", 4, secret_a, 1559727985),
			 AP_COOKIE_GOOD);
	assert_int_equal(check("fc93fc62807ddb8601abcdee5cf78f71a314227b6679ebf5", AP_COOKIE_LEN,
			       "cb0071cb", 4, secret_a, 1559727985),
			 AP_COOKIE_BAD);
}

static void cookie_lives_an_hour_back_and_five_minutes_ahead(void **state)
{
	static const struct {
		int32_t age_s;
		enum ap_cookie_verdict verdict;
	} rows[] = {
		{0, AP_COOKIE_GOOD},	 {1800, AP_COOKIE_GOOD},     {1801, AP_COOKIE_RENEW},
		{3600, AP_COOKIE_RENEW}, {3601, AP_COOKIE_BAD},	     {-300, AP_COOKIE_GOOD},
		{-301, AP_COOKIE_BAD},	 {INT32_MAX, AP_COOKIE_BAD}, {INT32_MIN, AP_COOKIE_BAD},
	};
	const struct vector *v = &vectors[0];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(check(v->cookie, AP_COOKIE_LEN, v->address, v->address_len,
				       v->secret, v->made_s + (uint32_t)rows[i].age_s),
				 rows[i].verdict);
}

static void time_wraps_around(void **state)
{
	uint8_t cookie[AP_COOKIE_LEN], address[4] = {192, 0, 2, 1}, secret[16] = {1};
	const uint8_t client[8] = {2};

	(void)state;
	ap_cookie_make(cookie, client, address, 4, secret, UINT32_MAX - 9);
	assert_int_equal(ap_cookie_check(cookie, AP_COOKIE_LEN, address, 4, secret, 10),
			 AP_COOKIE_GOOD);
	assert_int_equal(ap_cookie_check(cookie, AP_COOKIE_LEN, address, 4, secret, 3000),
			 AP_COOKIE_RENEW);
	assert_int_equal(ap_cookie_check(cookie, AP_COOKIE_LEN, address, 4, secret, 3600),
			 AP_COOKIE_BAD);
}

static void every_octet_and_the_length_and_the_address_count(void **state)
{
	uint8_t cookie[AP_COOKIE_MAX], address[4] = {192, 0, 2, 1}, other[16] = {192, 0, 2, 1};
	const uint8_t client[8] = {2}, secret[16] = {1};
	const uint32_t now_s = 1795500840;

	(void)state;
	memset(cookie, 0, sizeof(cookie));
	ap_cookie_make(cookie, client, address, 4, secret, now_s);
	assert_int_equal(ap_cookie_check(cookie, AP_COOKIE_LEN, address, 4, secret, now_s),
			 AP_COOKIE_GOOD);
	for (size_t i = 0; i < AP_COOKIE_LEN; i++) {
		cookie[i] ^= 1;
		assert_int_equal(ap_cookie_check(cookie, AP_COOKIE_LEN, address, 4, secret, now_s),
				 AP_COOKIE_BAD);
		cookie[i] ^= 1;
	}
	for (size_t len = 0; len <= AP_COOKIE_MAX; len++)
		assert_int_equal(ap_cookie_check(cookie, len, address, 4, secret, now_s),
				 len == AP_COOKIE_LEN ? AP_COOKIE_GOOD : AP_COOKIE_BAD);
	assert_int_equal(ap_cookie_check(cookie, AP_COOKIE_LEN, other, 16, secret, now_s),
			 AP_COOKIE_BAD);
	other[3] = 2;
	assert_int_equal(ap_cookie_check(cookie, AP_COOKIE_LEN, other, 4, secret, now_s),
			 AP_COOKIE_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_9018_cookies_are_made),
		cmocka_unit_test(reserved_octets_may_be_set),
		cmocka_unit_test(cookie_lives_an_hour_back_and_five_minutes_ahead),
		cmocka_unit_test(time_wraps_around),
		cmocka_unit_test(every_octet_and_the_length_and_the_address_count),
	};

	return cmocka_run_group_tests_name("cookie", tests, NULL, NULL);
}
