#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/errors.h"
#include "libproto/limits.h"
#include "libproto/text.h"

static char buffer[8192];
static struct ap_text t;

static const char *hostile(const void *octets, size_t len, unsigned flags)
{
	ap_text_init(&t, buffer, sizeof(buffer));
	ap_text_hostile(&t, octets, len, flags);
	return buffer;
}

static const char *json(const void *octets, size_t len)
{
	ap_text_init(&t, buffer, sizeof(buffer));
	ap_text_json(&t, octets, len);
	return buffer;
}

static void what_does_not_fit_is_left_out_whole(void **state)
{
	char small[6];

	(void)state;
	ap_text_init(&t, small, sizeof(small));
	ap_text_add(&t, "abcde");
	assert_false(t.cut);
	assert_string_equal(small, "abcde");
	ap_text_init(&t, small, sizeof(small));
	ap_text_add(&t, "abcd");
	ap_text_addf(&t, "%03d", 7);
	assert_true(t.cut);
	assert_string_equal(small, "abcd");
	ap_text_add(&t, "e");
	assert_string_equal(small, "abcd");
	assert_int_equal(ap_text_len(&t), 4);
	ap_text_init(&t, small, sizeof(small));
	ap_text_hostile(&t, (const uint8_t *)"ab\n", 3, 0);
	assert_string_equal(small, "ab");
	assert_true(t.cut);
}

static void hostile_octets_are_escaped(void **state)
{
	(void)state;
	assert_string_equal(hostile("a b~", 4, 0), "a b~");
	assert_string_equal(hostile("\"\\", 2, 0), "\\034\\092");
	assert_string_equal(hostile("\0\x1b[31m\x7f\xff", 8, 0), "\\000\\027[31m\\127\\255");
	assert_string_equal(hostile("\xc3\xa9", 2, 0), "\\195\\169");
}

static void utf8_stays_only_where_it_is_seen(void **state)
{
	(void)state;
	assert_string_equal(hostile("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, AP_TEXT_UTF8),
			    "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	/* right-to-left override, zero-width space, byte order mark, C1, tag, line separator */
	assert_string_equal(hostile("\xe2\x80\xae", 3, AP_TEXT_UTF8), "\\226\\128\\174");
	assert_string_equal(hostile("\xe2\x80\x8b", 3, AP_TEXT_UTF8), "\\226\\128\\139");
	assert_string_equal(hostile("\xef\xbb\xbf", 3, AP_TEXT_UTF8), "\\239\\187\\191");
	assert_string_equal(hostile("\xc2\x9b", 2, AP_TEXT_UTF8), "\\194\\155");
	assert_string_equal(hostile("\xf3\xa0\x80\xa1", 4, AP_TEXT_UTF8), "\\243\\160\\128\\161");
	assert_string_equal(hostile("\xe2\x80\xa8", 3, AP_TEXT_UTF8), "\\226\\128\\168");
	/* overlong, surrogate, cut off: octet by octet */
	assert_string_equal(hostile("\xc0\xaf", 2, AP_TEXT_UTF8), "\\192\\175");
	assert_string_equal(hostile("\xed\xa0\x80", 3, AP_TEXT_UTF8), "\\237\\160\\128");
	assert_string_equal(hostile("\xe2\x82", 2, AP_TEXT_UTF8), "\\226\\130");
}

static void hostile_text_is_cut_with_a_mark(void **state)
{
	char octets[300];

	(void)state;
	memset(octets, 'x', sizeof(octets));
	hostile(octets, AP_TEXT_HOSTILE_MAX, 0);
	assert_int_equal(ap_text_len(&t), AP_TEXT_HOSTILE_MAX);
	hostile(octets, AP_TEXT_HOSTILE_MAX + 1, 0);
	assert_int_equal(ap_text_len(&t), AP_TEXT_HOSTILE_MAX + 3);
	assert_string_equal(buffer + AP_TEXT_HOSTILE_MAX, "...");
	hostile(octets, sizeof(octets), AP_TEXT_WHOLE);
	assert_int_equal(ap_text_len(&t), sizeof(octets));
	/* no character is split */
	octets[AP_TEXT_HOSTILE_MAX - 1] = '\xc3';
	octets[AP_TEXT_HOSTILE_MAX] = '\xa9';
	hostile(octets, sizeof(octets), AP_TEXT_UTF8);
	assert_int_equal(ap_text_len(&t), AP_TEXT_HOSTILE_MAX - 1 + 3);
}

static void json_strings_are_ascii(void **state)
{
	char octets[700];

	(void)state;
	assert_string_equal(json("", 0), "\"\"");
	assert_string_equal(json("a\"b\\c\n", 6), "\"a\\u0022b\\u005cc\\u000a\"");
	assert_string_equal(json("\xc3\xa9\xf0\x9f\x98\x80", 6), "\"\\u00e9\\ud83d\\ude00\"");
	assert_string_equal(json("\xff\xc3", 2), "\"\\ufffd\\ufffd\"");
	assert_string_equal(json("\0", 1), "\"\\u0000\"");
	memset(octets, 'x', sizeof(octets));
	json(octets, sizeof(octets));
	assert_int_equal(ap_text_len(&t), sizeof(octets) + 2);
}

static void utf8_is_told_from_what_is_not(void **state)
{
	(void)state;
#define IS(text) ap_utf8_is((const uint8_t *)(text), sizeof(text) - 1)
	assert_true(IS(""));
	assert_true(IS("caf\xc3\xa9"));
	assert_true(IS("\xf4\x8f\xbf\xbf"));
	assert_false(IS("\xf4\x90\x80\x80"));
	assert_false(IS("\xc1\xbf"));
	assert_false(IS("\xe0\x9f\xbf"));
	assert_false(IS("\xed\xbf\xbf"));
	assert_false(IS("\xf8\x88\x80\x80\x80"));
	assert_false(IS("\x80"));
	assert_false(IS("a\xc3"));
#undef IS
}

static void utf8_is_cut_between_characters(void **state)
{
	static const uint8_t text[] = "a\xe2\x82\xac"
				      "b";
	static const uint8_t junk[] = "\x80\x80\x80\x80\x80\x80\x80";

	(void)state;
	assert_int_equal(ap_utf8_cut(text, 5, 0), 0);
	assert_int_equal(ap_utf8_cut(text, 5, 1), 1);
	assert_int_equal(ap_utf8_cut(text, 5, 2), 1);
	assert_int_equal(ap_utf8_cut(text, 5, 3), 1);
	assert_int_equal(ap_utf8_cut(text, 5, 4), 4);
	assert_int_equal(ap_utf8_cut(text, 5, 9), 5);
	assert_int_equal(ap_utf8_cut(junk, 7, 5), 5);
	assert_int_equal(ap_utf8_cut(junk, 7, 2), 2);
}

static void times_are_rfc_3339(void **state)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} rows[] = {
		{0, "1970-01-01T00:00:00.000Z"},
		{951782399999, "2000-02-28T23:59:59.999Z"},
		{951782400000, "2000-02-29T00:00:00.000Z"},
		{951868800000, "2000-03-01T00:00:00.000Z"},
		{1795500840005, "2026-11-24T06:14:00.005Z"},
		{4107542400000, "2100-03-01T00:00:00.000Z"},
		{4107456000000, "2100-02-28T00:00:00.000Z"},
		{253402300799999, "9999-12-31T23:59:59.999Z"},
		{253402300800000, "253402300800000"},
		{UINT64_MAX, "18446744073709551615"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ap_text_init(&t, buffer, sizeof(buffer));
		ap_text_time(&t, rows[i].ms);
		assert_string_equal(buffer, rows[i].text);
	}
}

static void hex_is_lower_case(void **state)
{
	(void)state;
	ap_text_init(&t, buffer, sizeof(buffer));
	ap_text_hex(&t, (const uint8_t *)"\x00\xab\xff", 3);
	assert_string_equal(buffer, "00abff");
}

static void every_error_has_its_own_number_and_code(void **state)
{
	static const int numbers[] = {
#define NUMBER(name, number, ede, status, text) name,
		AGREE_ERRORS(NUMBER)
#undef NUMBER
	};
	static const size_t n = sizeof(numbers) / sizeof(numbers[0]);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const struct ap_error *row = ap_error_find(numbers[i]);

		assert_int_equal(row->number, numbers[i]);
		assert_true(row->number < 0);
		assert_true(row->status == 1 || (row->status >= 9 && row->status <= 12) ||
			    row->status == 18);
		assert_true(strlen(row->text) > 10 && strlen(row->text) <= AP_EDE_TEXT_MAX);
		if (row->ede != 0) {
			assert_true(row->ede >= 49152);
			assert_ptr_equal(ap_error_of_ede(row->ede), row);
		}
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(numbers[i], numbers[j]);
	}
	assert_int_equal(ap_error_find(12345)->number, AGREE_EINTERNAL);
	assert_int_equal(ap_error_find(0)->status, 0);
	assert_int_equal(ap_error_of_ede(0)->number, AGREE_EREFUSED);
	assert_int_equal(ap_error_of_ede(3)->number, AGREE_EREFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_fit_is_left_out_whole),
		cmocka_unit_test(hostile_octets_are_escaped),
		cmocka_unit_test(utf8_stays_only_where_it_is_seen),
		cmocka_unit_test(hostile_text_is_cut_with_a_mark),
		cmocka_unit_test(json_strings_are_ascii),
		cmocka_unit_test(utf8_is_told_from_what_is_not),
		cmocka_unit_test(utf8_is_cut_between_characters),
		cmocka_unit_test(times_are_rfc_3339),
		cmocka_unit_test(hex_is_lower_case),
		cmocka_unit_test(every_error_has_its_own_number_and_code),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
