#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/agree_errors.h"
#include "libproto/name.h"

static struct ap_name name_of(const char *text)
{
	struct ap_name name;

	assert_int_equal(ap_name_parse(&name, text), 0);
	return name;
}

static const char *text_of(const struct ap_name *name)
{
	static char buffer[AP_NAME_TEXT];
	struct ap_text t;

	ap_text_init(&t, buffer, sizeof(buffer));
	ap_name_show(&t, name);
	assert_false(t.cut);
	return buffer;
}

/* ---- text ---- */

static void names_are_read_and_written(void **state)
{
	static const struct {
		const char *text, *shown, *wire;
		size_t len;
	} rows[] = {
		{".", ".", "", 1},
		{"a", "a", "\1a", 3},
		{"Example.TEST", "Example.TEST", "\7Example\4TEST", 14},
		{"example.test.", "example.test", "\7example\4test", 14},
		{"a\\.b.c", "a\\.b.c", "\3a.b\1c", 7},
		{"a\\000b", "a\\000b", "\3a\0b", 5},
		{"\\065\\255", "A\\255", "\2A\xff", 4},
		{"\\@\\;\\(\\$", "\\@\\;\\(\\$", "\4@;($", 6},
		{"a b", "a\\032b", "\3a b", 5},
		{"\\\\\\\"", "\\092\\034", "\2\\\"", 4},
		{"_agree._udp.x", "_agree._udp.x", "\6_agree\4_udp\1x", 15},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ap_name name = name_of(rows[i].text), again;

		assert_int_equal(name.len, rows[i].len);
		assert_memory_equal(name.octets, rows[i].wire, rows[i].len);
		assert_string_equal(text_of(&name), rows[i].shown);
		again = name_of(rows[i].shown);
		assert_true(ap_name_equal(&name, &again));
	}
}

static void what_is_no_name_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"..",
		".a",
		"a..b",
		"a..",
		"\\",
		"a\\",
		"\\1",
		"\\12",
		"\\12x",
		"\\256",
		"\\999",
		"0123456789012345678901234567890123456789012345678901234567890123.x"};
	struct ap_name name;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(ap_name_parse(&name, texts[i]), AGREE_EDOMAIN);
}

static void name_has_255_octets_at_most(void **state)
{
	char text[300] = "";
	struct ap_name name;

	(void)state;
	/* three labels of 63 and one of 61: 3 * 64 + 62 + 1 */
	snprintf(text, sizeof(text), "%063d.%063d.%063d.%061d", 1, 2, 3, 4);
	assert_int_equal(ap_name_parse(&name, text), 0);
	assert_int_equal(name.len, AP_NAME_MAX);
	assert_string_equal(text_of(&name), text);
	snprintf(text, sizeof(text), "%063d.%063d.%063d.%062d", 1, 2, 3, 4);
	assert_int_equal(ap_name_parse(&name, text), AGREE_EDOMAIN);
	snprintf(text, sizeof(text), "%063d.%063d.%063d.%060d.a", 1, 2, 3, 4);
	assert_int_equal(ap_name_parse(&name, text), AGREE_EDOMAIN);

	/* 127 labels of one octet */
	text[0] = '\0';
	for (unsigned i = 0; i < 127; i++)
		strcat(text, "a.");
	assert_int_equal(ap_name_parse(&name, text), 0);
	assert_int_equal(ap_name_labels(&name), AP_NAME_LABELS_MAX);
	strcat(text, "a");
	assert_int_equal(ap_name_parse(&name, text), AGREE_EDOMAIN);
}

static void longest_text_fits_its_maximum(void **state)
{
	struct ap_name name = {.len = AP_NAME_MAX};

	(void)state;
	memset(name.octets, 0, sizeof(name.octets));
	for (size_t at = 0; at < 192; at += 64)
		name.octets[at] = 63;
	name.octets[192] = 61;
	assert_true(strlen(text_of(&name)) < AP_NAME_TEXT);
}

/* ---- wire ---- */

static uint8_t message[600];

/* Reads at `at`; the place behind the name, or 0 if it is bad. */
static size_t read_at(size_t at, size_t len, struct ap_name *name)
{
	struct ap_reader r;

	ap_reader_init(&r, message, len);
	ap_take(&r, at);
	r.field = "name";
	ap_name_get(&r, message, name);
	if (r.bad != NULL) {
		assert_string_equal(r.bad, "name");
		assert_int_equal(name->len, 1);
		return 0;
	}
	return (size_t)(r.at - message);
}

static void compressed_names_are_read(void **state)
{
	struct ap_name name;

	(void)state;
	memset(message, 0, sizeof(message));
	memcpy(message + 12, "\7Example\4test\0\3www\xc0\x0c\1a\xc0\x1a\xc0\x14", 26);
	assert_int_equal(read_at(12, 64, &name), 26);
	assert_string_equal(text_of(&name), "Example.test");
	assert_int_equal(read_at(26, 64, &name), 32);
	assert_string_equal(text_of(&name), "www.Example.test");
	assert_int_equal(read_at(32, 64, &name), 36);
	assert_string_equal(text_of(&name), "a.www.Example.test");
	assert_int_equal(read_at(36, 64, &name), 38);
	assert_string_equal(text_of(&name), "test");
}

static void pointers_lead_strictly_back(void **state)
{
	struct ap_name name;

	(void)state;
	memset(message, 0, sizeof(message));
	message[20] = 0xc0;
	for (unsigned to = 0; to < 64; to++) {
		message[21] = (uint8_t)to;
		/* into the header, to itself, forwards */
		assert_int_equal(read_at(20, 64, &name), to >= 12 && to < 20 ? 22 : 0);
	}
	/* a label, then a pointer to that label: a loop */
	memcpy(message + 20, "\1a\xc0\x14", 4);
	assert_int_equal(read_at(20, 64, &name), 0);
	/* two that point at each other */
	memcpy(message + 20, "\xc0\x16\xc0\x14", 4);
	assert_int_equal(read_at(20, 64, &name), 0);
	assert_int_equal(read_at(22, 64, &name), 0);
	/* labels that run on into the name that pointed at them */
	memcpy(message + 18, "\4abcd\1x\xc0\x12\0", 10);
	assert_int_equal(read_at(20, 64, &name), 0);
	memcpy(message + 16, "\5abcde\0\1x\xc0\x10", 11);
	assert_int_equal(read_at(23, 64, &name), 27);
	memcpy(message + 16, "\6abcdef\1x\xc0\x10", 11);
	assert_int_equal(read_at(23, 64, &name), 0);
	/* beyond the message */
	memcpy(message + 20, "\xff\xff", 2);
	assert_int_equal(read_at(20, 64, &name), 0);
}

/* Pointers that lead to pointers are legal, but nobody's work is unbounded. */
static void chains_of_pointers_have_an_end(void **state)
{
	struct ap_name name;
	size_t last = 12 + 2 * AP_NAME_HOPS_MAX;

	(void)state;
	memset(message, 0, sizeof(message));
	for (size_t at = 14; at <= last + 2; at += 2) {
		message[at] = (uint8_t)(0xc0 | (at - 2) >> 8);
		message[at + 1] = (uint8_t)(at - 2);
	}
	assert_int_equal(read_at(last, sizeof(message), &name), last + 2);
	assert_int_equal(name.len, 1);
	assert_int_equal(read_at(last + 2, sizeof(message), &name), 0);
}

static void compressed_name_has_255_octets_at_most_too(void **state)
{
	struct ap_name name;
	size_t at = 12;

	(void)state;
	memset(message, 0, sizeof(message));
	for (unsigned i = 0; i < 3; i++, at += 64)
		message[at] = 63;
	/* root at 12 + 192; then one more label and a pointer */
	at++;
	message[at] = 61;
	message[at + 62] = 0xc0;
	message[at + 63] = 12;
	assert_int_equal(read_at(at, sizeof(message), &name), at + 64);
	assert_int_equal(name.len, AP_NAME_MAX);
	message[at] = 62;
	message[at + 62] = 0;
	message[at + 63] = 0xc0;
	message[at + 64] = 12;
	assert_int_equal(read_at(at, sizeof(message), &name), 0);
}

static void truncated_and_reserved_labels_are_bad(void **state)
{
	struct ap_name name;

	(void)state;
	memset(message, 0, sizeof(message));
	memcpy(message + 12, "\7example\4test\0\3www\xc0\x0c", 20);
	for (size_t len = 12; len < 26; len++)
		assert_int_equal(read_at(12, len, &name), 0);
	for (size_t len = 26; len < 32; len++)
		assert_int_equal(read_at(26, len, &name), 0);
	assert_int_equal(read_at(26, 32, &name), 32);
	message[26] = 0x40;
	assert_int_equal(read_at(26, 600, &name), 0);
	message[26] = 0x80;
	assert_int_equal(read_at(26, 600, &name), 0);
}

static void without_a_message_no_pointer_is_allowed(void **state)
{
	static const uint8_t octets[] = {1, 'a', 0xc0, 0x0c};
	struct ap_name name;
	struct ap_reader r;

	(void)state;
	ap_reader_init(&r, octets, sizeof(octets));
	ap_name_get(&r, NULL, &name);
	assert_non_null(r.bad);
}

/* ---- comparing ---- */

static void letter_case_does_not_count(void **state)
{
	struct ap_name a = name_of("eXample.Test"), b = name_of("ExAMPLE.tEST"),
		       c = name_of("example.tesu"), d = name_of("exam\\[ple"),
		       e = name_of("exam\\{ple");

	(void)state;
	assert_true(ap_name_equal(&a, &b));
	assert_false(ap_name_equal(&a, &c));
	assert_false(ap_name_equal(&d, &e));
	/* a label's length is no letter, and boundaries count */
	a = name_of("ab.c");
	b = name_of("a.bc");
	assert_false(ap_name_equal(&a, &b));
}

static void names_within_a_zone_are_told(void **state)
{
	static const struct {
		const char *name;
		bool within;
		size_t common;
	} rows[] = {
		{"example.test", true, 14},	  {"EXAMPLE.test", true, 14},
		{"a.b.Example.Test", true, 14},	  {"test", false, 6},
		{"xexample.test", false, 6},	  {".", false, 1},
		{"example.tes", false, 1},	  {"example.test.a", false, 1},
		{"b\\007example.test", false, 6},
	};
	struct ap_name zone = name_of("example.test"), root = name_of(".");

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ap_name name = name_of(rows[i].name);

		assert_int_equal(ap_name_is_within(&name, &zone), rows[i].within);
		assert_int_equal(ap_name_common(&name, &zone), rows[i].common);
		assert_int_equal(ap_name_common(&zone, &name), rows[i].common);
		assert_true(ap_name_is_within(&name, &root));
	}
}

static void names_grow_and_shrink_by_labels(void **state)
{
	struct ap_name name = name_of("b.c"), longer, back;
	char label[64];

	(void)state;
	assert_int_equal(ap_name_labels(&name), 2);
	assert_true(ap_name_prepend(&longer, "a", 1, &name));
	assert_string_equal(text_of(&longer), "a.b.c");
	assert_true(ap_name_parent(&back, &longer));
	assert_true(ap_name_equal(&back, &name));
	assert_true(ap_name_parent(&back, &back));
	assert_true(ap_name_parent(&back, &back));
	assert_int_equal(back.len, 1);
	assert_false(ap_name_parent(&back, &back));
	memset(label, 'x', sizeof(label));
	assert_false(ap_name_prepend(&longer, label, 64, &name));
	assert_false(ap_name_prepend(&longer, label, 0, &name));
	for (unsigned i = 0; i < 3; i++)
		assert_true(ap_name_prepend(&name, label, 62, &name));
	assert_int_equal(name.len, 5 + 3 * 63);
	assert_false(ap_name_prepend(&longer, label, 61, &name));
	assert_true(ap_name_prepend(&longer, label, 60, &name));
	assert_int_equal(longer.len, AP_NAME_MAX);
}

/* ---- base32hex, base64url ---- */

static void ids_are_written_as_one_label(void **state)
{
	uint8_t id[AP_ID_LEN], again[AP_ID_LEN];
	char text[AP_ID_TEXT + 1];

	(void)state;
	memset(id, 0, sizeof(id));
	ap_label_of_id(text, id);
	assert_string_equal(text, "000000000000000000000000000000000000000000000000000000000000");
	memset(id, 0xff, sizeof(id));
	ap_label_of_id(text, id);
	assert_string_equal(text, "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvg");
	/* RFC 4648 section 10: "foobar" is CPNMUOJ1E8 */
	memcpy(id, "foobar", 6);
	ap_label_of_id(text, id);
	assert_memory_equal(text, "cpnmuoj1e", 9);
	for (unsigned i = 0; i < AP_ID_LEN; i++)
		id[i] = (uint8_t)(i * 73 + 5);
	ap_label_of_id(text, id);
	assert_int_equal(ap_label_to_id(again, text, AP_ID_TEXT), 0);
	assert_memory_equal(id, again, sizeof(id));
	for (char *c = text; *c != '\0'; c++)
		if (*c >= 'a')
			*c = (char)(*c - 32);
	assert_int_equal(ap_label_to_id(again, text, AP_ID_TEXT), 0);
	assert_memory_equal(id, again, sizeof(id));
}

static void only_one_label_means_an_id(void **state)
{
	char text[] = "0000000000000000000000000000000000000000000000000000000000000";
	uint8_t id[AP_ID_LEN];

	(void)state;
	assert_int_equal(ap_label_to_id(id, text, 59), AGREE_EID);
	assert_int_equal(ap_label_to_id(id, text, 61), AGREE_EID);
	/* the last character holds one bit of the id: 0 and g */
	for (unsigned c = 0; c < 256; c++) {
		text[59] = (char)c;
		assert_int_equal(ap_label_to_id(id, text, 60),
				 c == '0' || c == 'g' || c == 'G' ? 0 : AGREE_EID);
	}
	text[59] = '0';
	for (const char *bad = "wWzZ-_ =./:@`"; *bad != '\0'; bad++) {
		text[10] = *bad;
		assert_int_equal(ap_label_to_id(id, text, 60), AGREE_EID);
	}
}

static void instances_have_names_in_their_zone(void **state)
{
	struct ap_name zone = name_of("Example.test"), other = name_of("example.tesu"), name;
	uint8_t id[AP_ID_LEN] = {0, 1, 2, 3, 4, 5}, again[AP_ID_LEN];

	(void)state;
	assert_true(ap_name_of_instance(&name, id, &zone));
	assert_true(ap_name_is_instance(&name, &zone, again));
	assert_memory_equal(id, again, sizeof(id));
	assert_false(ap_name_is_instance(&name, &other, again));
	assert_false(ap_name_is_instance(&zone, &zone, again));
	name.octets[60] |= 1; /* the last character, with a spare bit */
	assert_false(ap_name_is_instance(&name, &zone, again));
	assert_true(ap_name_of_instance(&name, id, &zone));
	assert_true(ap_name_prepend(&name, "x", 1, &name));
	assert_false(ap_name_is_instance(&name, &zone, again));
}

static void base64url_is_canonical(void **state)
{
	static const char *const pairs[][2] = {{"", ""},
					       {"f", "Zg"},
					       {"fo", "Zm8"},
					       {"foo", "Zm9v"},
					       {"foob", "Zm9vYg"},
					       {"fooba", "Zm9vYmE"},
					       {"foobar", "Zm9vYmFy"},
					       {"\xfb\xff", "-_8"}};
	static const char *const bad[] = {"Z",	 "Zg==", "Zh",	"Zm9", "Zm9vY",
					  "+/8", "Zg ",	 "Zg.", "Z\n"};
	uint8_t out[8];
	char text[16];
	struct ap_text t;

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		size_t len = strlen(pairs[i][0]);

		ap_text_init(&t, text, sizeof(text));
		ap_base64url_show(&t, (const uint8_t *)pairs[i][0], len);
		assert_string_equal(text, pairs[i][1]);
		assert_int_equal(ap_base64url_parse(out, len, text, strlen(text)), len);
		assert_memory_equal(out, pairs[i][0], len);
		if (len > 0)
			assert_int_equal(ap_base64url_parse(out, len - 1, text, strlen(text)), -1);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ap_base64url_parse(out, sizeof(out), bad[i], strlen(bad[i])), -1);
}

static void keys_are_43_characters(void **state)
{
	uint8_t key[32];

	(void)state;
	memset(key, 0xee, sizeof(key));
	assert_int_equal(ap_key_parse(key, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 42),
			 AGREE_EKEY);
	assert_int_equal(ap_key_parse(key, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", 43),
			 AGREE_EKEY);
	assert_int_equal(ap_key_parse(key, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 44),
			 AGREE_EKEY);
	assert_int_equal(key[31], 0xee);
	assert_int_equal(ap_key_parse(key, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE", 43), 0);
	assert_int_equal(key[31], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_read_and_written),
		cmocka_unit_test(what_is_no_name_is_refused),
		cmocka_unit_test(name_has_255_octets_at_most),
		cmocka_unit_test(longest_text_fits_its_maximum),
		cmocka_unit_test(compressed_names_are_read),
		cmocka_unit_test(pointers_lead_strictly_back),
		cmocka_unit_test(chains_of_pointers_have_an_end),
		cmocka_unit_test(compressed_name_has_255_octets_at_most_too),
		cmocka_unit_test(truncated_and_reserved_labels_are_bad),
		cmocka_unit_test(without_a_message_no_pointer_is_allowed),
		cmocka_unit_test(letter_case_does_not_count),
		cmocka_unit_test(names_within_a_zone_are_told),
		cmocka_unit_test(names_grow_and_shrink_by_labels),
		cmocka_unit_test(ids_are_written_as_one_label),
		cmocka_unit_test(only_one_label_means_an_id),
		cmocka_unit_test(instances_have_names_in_their_zone),
		cmocka_unit_test(base64url_is_canonical),
		cmocka_unit_test(keys_are_43_characters),
	};

	return cmocka_run_group_tests_name("name", tests, NULL, NULL);
}
