#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/kinds.h"

static void integers_are_big_endian(void **state)
{
	static const uint8_t expected[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
					   0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e,
					   0x0f, 0x10, 0x11, 0x12, 0x13, 0x14};
	const ap_u8 a = 0x01;
	const ap_u16 b = 0x0203;
	const ap_u32 c = 0x04050607;
	const ap_u40 d = 0x08090a0b0c;
	const ap_u64 e = 0x0d0e0f1011121314;
	uint8_t buffer[sizeof(expected)];
	struct ap_writer w;
	struct ap_reader r;
	ap_u8 a2;
	ap_u16 b2;
	ap_u32 c2;
	ap_u40 d2;
	ap_u64 e2;

	(void)state;
	ap_writer_init(&w, buffer, sizeof(buffer));
	ap_u8_put(&w, &a);
	ap_u16_put(&w, &b);
	ap_u32_put(&w, &c);
	ap_u40_put(&w, &d);
	ap_u64_put(&w, &e);
	assert_int_equal(ap_writer_len(&w), sizeof(expected));
	assert_memory_equal(buffer, expected, sizeof(expected));

	ap_reader_init(&r, buffer, sizeof(buffer));
	ap_u8_get(&r, &a2);
	ap_u16_get(&r, &b2);
	ap_u32_get(&r, &c2);
	ap_u40_get(&r, &d2);
	ap_u64_get(&r, &e2);
	assert_true(ap_reader_done(&r));
	assert_true(a2 == a && b2 == b && c2 == c && d2 == d && e2 == e);
}

static void truncated_value_names_its_field(void **state)
{
	static const uint8_t octets[] = {3, 'a', 'b', 'c'};
	ap_value value;
	struct ap_reader r;

	(void)state;
	for (size_t len = 0; len < sizeof(octets); len++) {
		ap_reader_init(&r, octets, len);
		r.field = "value";
		ap_value_get(&r, &value);
		assert_false(ap_reader_done(&r));
		assert_string_equal(ap_reader_error(&r), "value");
		assert_int_equal(value.len, 0);
		assert_null(value.data);
	}
	ap_reader_init(&r, octets, sizeof(octets));
	ap_value_get(&r, &value);
	assert_true(ap_reader_done(&r));
	assert_int_equal(value.len, 3);
	assert_ptr_equal(value.data, octets + 1);
}

static void first_error_sticks_and_reads_give_zeros(void **state)
{
	static const uint8_t octets[] = {0xff, 0xff, 0xff, 0xff, 0xff};
	struct ap_reader r;
	ap_digest digest;
	ap_u16 number = 7;
	ap_path path;

	(void)state;
	ap_reader_init(&r, octets, sizeof(octets));
	r.field = "first";
	memset(&digest, 0xee, sizeof(digest));
	ap_digest_get(&r, &digest);
	r.field = "second";
	ap_u16_get(&r, &number);
	memset(&path, 0xee, sizeof(path));
	ap_path_get(&r, &path);
	assert_string_equal(ap_reader_error(&r), "first");
	assert_int_equal(ap_reader_left(&r), 0);
	assert_ptr_equal(r.at, octets);
	assert_int_equal(number, 0);
	for (size_t i = 0; i < sizeof(digest.octets); i++)
		assert_int_equal(digest.octets[i], 0);
	assert_int_equal(path.count, 0);
	assert_int_equal(path.node[AP_PATH_MAX - 1].octets[31], 0);
}

static void what_is_left_over_is_an_error(void **state)
{
	static const uint8_t octets[] = {1, 2};
	struct ap_reader r;
	ap_u8 number;

	(void)state;
	ap_reader_init(&r, octets, sizeof(octets));
	ap_u8_get(&r, &number);
	assert_int_equal(ap_reader_left(&r), 1);
	assert_false(ap_reader_done(&r));
	assert_string_equal(ap_reader_error(&r), "trailing octets");
	ap_u8_get(&r, &number);
	assert_true(ap_reader_done(&r));
	assert_null(ap_reader_error(&r));
}

static void nothing_at_all_can_be_read(void **state)
{
	struct ap_reader r;
	ap_none none;

	(void)state;
	ap_reader_init(&r, NULL, 0);
	ap_none_get(&r, &none);
	ap_octets_get(&r, NULL, 0);
	assert_true(ap_reader_done(&r));
	assert_null(ap_take(&r, 1));
	assert_false(ap_reader_done(&r));
}

static void length_beyond_its_maximum_is_bad_though_the_octets_are_there(void **state)
{
	static uint8_t octets[4 + AP_SPAN_MAX + 1];
	struct ap_reader r;
	ap_label label;
	ap_path path;
	ap_span span;

	(void)state;
	octets[0] = AP_LABEL_MAX + 1;
	ap_reader_init(&r, octets, sizeof(octets));
	r.field = "label";
	ap_label_get(&r, &label);
	assert_string_equal(ap_reader_error(&r), "label");

	octets[0] = AP_PATH_MAX + 1;
	ap_reader_init(&r, octets, sizeof(octets));
	r.field = "path";
	ap_path_get(&r, &path);
	assert_string_equal(ap_reader_error(&r), "path");

	memcpy(octets, (const uint8_t[]){0x00, 0x40, 0x00, 0x01}, 4);
	ap_reader_init(&r, octets, sizeof(octets));
	r.field = "span";
	ap_span_get(&r, &span);
	assert_string_equal(ap_reader_error(&r), "span");
	assert_null(span.data);

	memcpy(octets, (const uint8_t[]){0x00, 0x40, 0x00, 0x00}, 4);
	ap_reader_init(&r, octets, sizeof(octets) - 1);
	ap_span_get(&r, &span);
	assert_true(ap_reader_done(&r));
	assert_int_equal(span.len, AP_SPAN_MAX);
}

static void length_beyond_its_maximum_cannot_be_put(void **state)
{
	static uint8_t octets[AP_SPAN16_MAX + 1], buffer[AP_SPAN16_MAX + 100];
	const ap_value value = {octets, AP_VALUE_MAX + 1};
	const ap_label label = {octets, AP_LABEL_MAX + 1};
	const ap_span16 span = {octets, AP_SPAN16_MAX + 1};
	const ap_u40 large = AP_U40_MAX + 1;
	struct ap_writer w;

	(void)state;
#define CANNOT(kind, it)                                                                           \
	ap_writer_init(&w, buffer, sizeof(buffer));                                                \
	w.field = #kind;                                                                           \
	ap_##kind##_put(&w, &(it));                                                                \
	assert_non_null(w.bad);                                                                    \
	assert_string_equal(w.bad, #kind);                                                         \
	assert_int_equal(ap_writer_bytes(&w).len, 0)
	CANNOT(value, value);
	CANNOT(label, label);
	CANNOT(span16, span);
	CANNOT(u40, large);
	CANNOT(path, ((ap_path){.count = AP_PATH_MAX + 1}));
	CANNOT(credential, ((ap_credential){.kind = 3}));
#undef CANNOT
}

static void presence_is_0_or_1_and_nothing_else(void **state)
{
	uint8_t octets[1 + 16];
	struct ap_reader r;
	ap_optnonce nonce;

	(void)state;
	memset(octets, 0x5a, sizeof(octets));
	for (unsigned present = 0; present < 256; present++) {
		octets[0] = (uint8_t)present;
		ap_reader_init(&r, octets, present == 0 ? 1 : sizeof(octets));
		memset(&nonce, 0xee, sizeof(nonce));
		ap_optnonce_get(&r, &nonce);
		assert_int_equal(ap_reader_done(&r), present <= 1);
		assert_int_equal(nonce.present, present == 1);
		assert_int_equal(nonce.it.octets[15], present == 1 ? 0x5a : 0);
	}
}

static void credential_has_the_octets_of_its_kind(void **state)
{
	static const size_t sizes[] = {1, 1 + 64, 1 + 32};
	uint8_t octets[100], again[100];
	struct ap_reader r;
	struct ap_writer w;
	ap_credential credential;

	(void)state;
	memset(octets, 0x77, sizeof(octets));
	for (uint8_t kind = 0; kind < 3; kind++) {
		octets[0] = kind;
		ap_reader_init(&r, octets, sizes[kind]);
		ap_credential_get(&r, &credential);
		assert_true(ap_reader_done(&r));
		ap_writer_init(&w, again, sizeof(again));
		ap_credential_put(&w, &credential);
		assert_int_equal(ap_writer_len(&w), sizes[kind]);
		assert_memory_equal(again, octets, sizes[kind]);

		ap_reader_init(&r, octets, sizes[kind] - 1);
		ap_credential_get(&r, &credential);
		assert_false(ap_reader_done(&r));
		assert_int_equal(credential.kind, AP_CREDENTIAL_NONE);
	}
	octets[0] = 3;
	ap_reader_init(&r, octets, sizeof(octets));
	ap_credential_get(&r, &credential);
	assert_non_null(r.bad);
}

static void writer_stays_inside_its_buffer(void **state)
{
	const ap_value value = {(const uint8_t *)"value", 5};
	uint8_t buffer[1 + 5 + 1];
	struct ap_writer w;

	(void)state;
	for (size_t size = 0; size <= 6; size++) {
		memset(buffer, 0xee, sizeof(buffer));
		ap_writer_init(&w, buffer, size);
		w.field = "value";
		ap_value_put(&w, &value);
		for (size_t i = size; i < sizeof(buffer); i++)
			assert_int_equal(buffer[i], 0xee);
		assert_int_equal(ap_writer_len(&w), size == 6 ? 6 : 0);
		if (size < 6)
			assert_string_equal(w.bad, "value");
	}
}

static void writer_goes_back_and_patches_only_what_it_wrote(void **state)
{
	uint8_t buffer[4];
	const ap_u16 number = 0xabcd;
	struct ap_writer w;

	(void)state;
	memset(buffer, 0xee, sizeof(buffer));
	ap_writer_init(&w, buffer, sizeof(buffer));
	ap_u16_put(&w, &number);
	ap_writer_patch(&w, 1, 0);
	assert_int_equal(buffer[1], 0xcd);
	assert_int_equal(buffer[2], 0xee);
	ap_writer_patch(&w, 0, 0x0102);
	assert_int_equal(buffer[0], 1);
	assert_int_equal(buffer[1], 2);
	ap_octets_put(&w, "abc", 3);
	assert_non_null(w.bad);
	ap_writer_back(&w, 3);
	assert_non_null(w.bad);
	ap_writer_back(&w, 1);
	assert_null(w.bad);
	assert_int_equal(ap_writer_len(&w), 1);
}

static void secrets_are_not_shown(void **state)
{
	char buffer[200];
	struct ap_text t;
	ap_secret secret;
	ap_credential credential = {.kind = AP_CREDENTIAL_SECRET};
	ap_id id;

	(void)state;
	memset(&secret, 0xab, sizeof(secret));
	memset(credential.octets, 0xab, 32);
	memset(&id, 0xab, sizeof(id));
	ap_text_init(&t, buffer, sizeof(buffer));
	ap_secret_show(&t, &secret);
	ap_credential_show(&t, &credential);
	assert_null(strstr(buffer, "ab"));
	ap_id_show(&t, &id);
	assert_non_null(strstr(buffer, "ababab"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_big_endian),
		cmocka_unit_test(truncated_value_names_its_field),
		cmocka_unit_test(first_error_sticks_and_reads_give_zeros),
		cmocka_unit_test(what_is_left_over_is_an_error),
		cmocka_unit_test(nothing_at_all_can_be_read),
		cmocka_unit_test(length_beyond_its_maximum_is_bad_though_the_octets_are_there),
		cmocka_unit_test(length_beyond_its_maximum_cannot_be_put),
		cmocka_unit_test(presence_is_0_or_1_and_nothing_else),
		cmocka_unit_test(credential_has_the_octets_of_its_kind),
		cmocka_unit_test(writer_stays_inside_its_buffer),
		cmocka_unit_test(writer_goes_back_and_patches_only_what_it_wrote),
		cmocka_unit_test(secrets_are_not_shown),
	};

	return cmocka_run_group_tests_name("kinds", tests, NULL, NULL);
}
