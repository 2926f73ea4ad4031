/*
 * Every kind, and every layout of protocol.def by a pass over it: filled from a seed, put, got, put
 * again; each truncation, each short buffer, each octet changed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/codec.h"

/* ---- values from a seed ---- */

enum { SEED = 20261124 };
static uint64_t random_state = SEED;
static bool full; /* every list, length and option at its maximum */

static uint64_t draw(void) /* splitmix64 */
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static size_t draw_count(size_t max)
{
	return full ? max : (size_t)(draw() % (max + 1));
}

static void fill_octets(uint8_t *octets, size_t len)
{
	for (size_t i = 0; i < len; i++)
		octets[i] = (uint8_t)draw();
}

static void fill_bytes(ap_bytes *it, size_t max)
{
	static uint8_t pool[AP_SPAN16_MAX];
	size_t start;

	it->len = draw_count(max);
	start = (size_t)(draw() % (sizeof(pool) - it->len + 1));
	it->data = pool + start;
	if (pool[0] == 0)
		fill_octets(pool, sizeof(pool));
}

/* clang-format off */
#define INTEGER(kind, mask)                                                                        \
	static void fill_##kind(ap_##kind *it) { *it = (ap_##kind)(draw() & (mask)); }
INTEGER(u8, UINT8_MAX)
INTEGER(u16, UINT16_MAX)
INTEGER(u32, UINT32_MAX)
INTEGER(u40, AP_U40_MAX)
INTEGER(u64, UINT64_MAX)

#define FIXED(kind, size) static void fill_##kind(ap_##kind *it) { fill_octets(it->octets, size); }
AP_FIXED_KINDS(FIXED)
#undef FIXED

static void fill_none(ap_none *it) { it->unused = 0; }
static void fill_value(ap_value *it) { fill_bytes(it, AP_VALUE_MAX); }
static void fill_label(ap_label *it) { fill_bytes(it, AP_LABEL_MAX); }
static void fill_span16(ap_span16 *it) { fill_bytes(it, 600); }
static void fill_span(ap_span *it) { fill_bytes(it, 900); }

static void fill_credential(ap_credential *it)
{
	static const size_t sizes[] = {0, 64, 32};

	memset(it, 0, sizeof(*it));
	it->kind = full ? AP_CREDENTIAL_SIGNATURE : (uint8_t)(draw() % 3);
	fill_octets(it->octets, sizes[it->kind]);
}

static void fill_path(ap_path *it)
{
	memset(it, 0, sizeof(*it));
	it->count = (uint8_t)draw_count(AP_PATH_MAX);
	for (size_t i = 0; i < it->count; i++)
		fill_digest(&it->node[i]);
}

#define OPTIONAL(name, kind)                                                                       \
	static void fill_##name(ap_##name *it)                                                     \
	{                                                                                          \
		memset(it, 0, sizeof(*it));                                                        \
		it->present = draw_count(1) == 1;                                                  \
		if (it->present)                                                                   \
			fill_##kind(&it->it);                                                      \
	}
AP_OPTIONAL_KINDS(OPTIONAL)
#undef OPTIONAL

#define LAYOUT(name)            static void fill_##name(ap_##name *m) { memset(m, 0, sizeof(*m));
#define FIELD(kind, name)               fill_##kind(&m->name);
#define LIST(layout, name, max)         m->n_##name = (ap_u8)draw_count(max);                      \
					for (size_t i = 0; i < m->n_##name; i++)                   \
						fill_##layout(&m->name[i]);
#define END                     }
#include "libproto/protocol.def"

/* ---- one row a kind or layout; wrappers, since a function is called as what it is ---- */

struct row {
	const char *name;
	size_t max;
	size_t size;
	void (*fill)(void *m);
	void (*put)(struct ap_writer *w, const void *m);
	void (*get)(struct ap_reader *r, void *m);
	void (*show)(struct ap_text *t, const void *m);
};

#define WRAP(name)                                                                                 \
	static void row_fill_##name(void *m) { fill_##name(m); }                                   \
	static void row_put_##name(struct ap_writer *w, const void *m) { ap_##name##_put(w, m); }  \
	static void row_get_##name(struct ap_reader *r, void *m) { ap_##name##_get(r, m); }        \
	static void row_show_##name(struct ap_text *t, const void *m) { ap_##name##_show(t, m); }
#define ROW(name) {#name, AP_MAX_##name, sizeof(ap_##name), row_fill_##name, row_put_##name,       \
		   row_get_##name, row_show_##name},
#define WRAP2(name, unused) WRAP(name)
#define ROW2(name, unused) ROW(name)
#define OTHER_KINDS(K)                                                                             \
	K(u8) K(u16) K(u32) K(u40) K(u64) K(none)                                                  \
	K(value) K(label) K(span16) K(span) K(credential) K(path)

OTHER_KINDS(WRAP)
AP_FIXED_KINDS(WRAP2)
AP_OPTIONAL_KINDS(WRAP2)
#define LAYOUT(name) WRAP(name)
#include "libproto/protocol.def"

static const struct row rows[] = {
OTHER_KINDS(ROW)
AP_FIXED_KINDS(ROW2)
AP_OPTIONAL_KINDS(ROW2)
#define LAYOUT(name) ROW(name)
#include "libproto/protocol.def"
};
/* clang-format on */
enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

/* ---- what holds for each ---- */

enum { BUFFER = 1 << 16 };
static uint8_t first[BUFFER], second[BUFFER];
static max_align_t filled[1 << 12], got[1 << 12];

static size_t put(const struct row *row, const void *m, uint8_t *buffer, size_t size)
{
	struct ap_writer w;

	ap_writer_init(&w, buffer, size);
	row->put(&w, m);
	assert_true(w.bad == NULL || ap_writer_len(&w) == 0);
	return ap_writer_len(&w);
}

static const char *get(const struct row *row, const uint8_t *octets, size_t len)
{
	struct ap_reader r;

	assert_true(row->size <= sizeof(got));
	memset(got, 0xee, row->size);
	ap_reader_init(&r, octets, len);
	r.field = row->name;
	row->get(&r, got);
	return ap_reader_error(&r);
}

static void what_was_put_is_got_and_put_again(void **state)
{
	(void)state;
	print_message("# seed %d\n", SEED);
	for (size_t i = 0; i < N_ROWS; i++) {
		for (unsigned round = 0; round < 50; round++) {
			size_t len, again;

			full = round == 0;
			rows[i].fill(filled);
			len = put(&rows[i], filled, first, sizeof(first));
			assert_true(len <= rows[i].max);
			assert_null(get(&rows[i], first, len));
			again = put(&rows[i], got, second, sizeof(second));
			assert_int_equal(again, len);
			assert_memory_equal(first, second, len);
		}
	}
}

static void maximum_is_reached_and_not_passed(void **state)
{
	(void)state;
	full = true;
	for (size_t i = 0; i < N_ROWS; i++) {
		rows[i].fill(filled);
		/* spans are filled below their maxima here */
		if (rows[i].max < AP_SPAN16_MAX)
			assert_int_equal(put(&rows[i], filled, first, sizeof(first)), rows[i].max);
	}
}

static void each_truncation_is_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ROWS; i++) {
		size_t len;

		full = i % 2 == 0;
		rows[i].fill(filled);
		len = put(&rows[i], filled, first, sizeof(first));
		for (size_t cut = 0; cut < len; cut++) {
			const char *bad = get(&rows[i], first, cut);

			assert_non_null(bad);
			assert_string_not_equal(bad, "trailing octets");
			assert_true(strlen(bad) > 0);
		}
		first[len] = 0;
		assert_string_equal(get(&rows[i], first, len + 1), "trailing octets");
	}
}

static void each_short_buffer_is_bad_and_not_passed(void **state)
{
	(void)state;
	full = false;
	for (size_t i = 0; i < N_ROWS; i++) {
		size_t len;

		rows[i].fill(filled);
		len = put(&rows[i], filled, first, sizeof(first));
		for (size_t size = 0; size < len; size++) {
			second[size] = 0xa5;
			assert_int_equal(put(&rows[i], filled, second, size), 0);
			assert_int_equal(second[size], 0xa5);
		}
	}
}

/* Canonical: whatever decodes re-encodes to the same octets. */
static void changed_octets_are_bad_or_mean_something_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ROWS; i++) {
		size_t len;

		full = false;
		rows[i].fill(filled);
		len = put(&rows[i], filled, first, sizeof(first));
		for (size_t at = 0; at < len; at++) {
			uint8_t was = first[at];

			first[at] ^= (uint8_t)(1 + draw() % 255);
			if (get(&rows[i], first, len) == NULL) {
				assert_int_equal(put(&rows[i], got, second, sizeof(second)), len);
				assert_memory_equal(first, second, len);
			}
			first[at] = was;
		}
	}
}

static void everything_can_be_shown(void **state)
{
	static char text[1 << 16];
	struct ap_text t;

	(void)state;
	full = true;
	for (size_t i = 0; i < N_ROWS; i++) {
		rows[i].fill(filled);
		ap_text_init(&t, text, sizeof(text));
		rows[i].show(&t, filled);
		assert_false(t.cut);
		assert_true(ap_text_len(&t) > 0);
		for (const char *c = text; *c != '\0'; c++)
			assert_true(*c >= 0x20 && *c <= 0x7e);
	}
}

static void list_beyond_its_maximum_is_neither_put_nor_got(void **state)
{
	static ap_descriptor descriptor;
	struct ap_writer w;
	struct ap_reader r;
	size_t len;

	(void)state;
	full = false;
	fill_descriptor(&descriptor);
	descriptor.terms.n_parties = 0;
	descriptor.n_locks = AP_PARTIES_MAX;
	ap_writer_init(&w, first, sizeof(first));
	ap_descriptor_put(&w, &descriptor);
	len = ap_writer_len(&w);
	assert_true(len > 0);

	first[len - 1 - AP_PARTIES_MAX * 64] = AP_PARTIES_MAX + 1;
	memset(first + len, 0, 64);
	ap_reader_init(&r, first, len + 64);
	ap_descriptor_get(&r, &descriptor);
	assert_string_equal(r.bad, "locks");
	assert_int_equal(descriptor.n_locks, 0);

	descriptor.n_locks = AP_PARTIES_MAX + 1;
	ap_writer_init(&w, first, sizeof(first));
	ap_descriptor_put(&w, &descriptor);
	assert_string_equal(w.bad, "locks");
}

/* ---- dispatch ---- */

static void frames_are_dispatched_by_code(void **state)
{
	struct ap_message m = {.code = AP_MESSAGE_fetch, .as_fetch = {1, 2, 1}}, again;
	char text[200];
	struct ap_writer w;
	struct ap_text t;

	(void)state;
	ap_writer_init(&w, first, sizeof(first));
	ap_message_put(&w, &m);
	assert_int_equal(ap_writer_len(&w), 17);
	assert_null(ap_message_get(&again, AP_MESSAGE_fetch, first, 17));
	assert_int_equal(again.code, AP_MESSAGE_fetch);
	assert_true(again.as_fetch.from == 1 && again.as_fetch.to == 2);
	assert_string_equal(ap_message_get(&again, AP_MESSAGE_fetch, first, 16), "bodies");
	assert_string_equal(ap_message_get(&again, 0, first, 17), "code");
	ap_text_init(&t, text, sizeof(text));
	ap_message_show(&t, &m);
	assert_string_equal(text, "fetch from=1 to=2 bodies=1");
	m.code = 255;
	ap_writer_init(&w, first, sizeof(first));
	ap_message_put(&w, &m);
	assert_string_equal(w.bad, "code");
}

static void frames_have_names_and_maxima(void **state)
{
	(void)state;
	assert_string_equal(ap_message_name(AP_MESSAGE_prepare), "prepare");
	assert_int_equal(ap_message_max(AP_MESSAGE_prepare), AP_MAX_prepare);
	assert_int_equal(ap_message_max(AP_MESSAGE_pre_prepare), AP_FRAME_MAX - 1);
	assert_null(ap_message_name(0));
	assert_int_equal(ap_message_max(0), 0);
	for (unsigned code = 0; code < 256; code++)
		assert_int_equal(ap_message_name((uint8_t)code) == NULL,
				 ap_message_max((uint8_t)code) == 0);
}

static void operations_are_dispatched_by_kind(void **state)
{
	static struct ap_operation o, again;
	static const uint8_t nothing[1];
	struct ap_writer w;
	char text[100];
	struct ap_text t;

	(void)state;
	o.kind = AP_OP_tick;
	ap_writer_init(&w, first, sizeof(first));
	ap_operation_put(&w, &o);
	assert_null(w.bad);
	assert_int_equal(ap_writer_len(&w), 0);
	assert_null(ap_operation_get(&again, AP_OP_tick, nothing, 0));
	assert_string_equal(ap_operation_get(&again, AP_OP_tick, nothing, 1), "trailing octets");
	assert_string_equal(ap_operation_get(&again, 0, nothing, 1), "kind");
	assert_string_equal(ap_operation_name(AP_OP_deal), "deal");
	assert_null(ap_operation_name(0));
	ap_text_init(&t, text, sizeof(text));
	ap_operation_show(&t, &o);
	assert_string_equal(text, "tick none=-");
	o.kind = 0;
	ap_operation_put(&w, &o);
	assert_string_equal(w.bad, "kind");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_got_and_put_again),
		cmocka_unit_test(maximum_is_reached_and_not_passed),
		cmocka_unit_test(each_truncation_is_bad),
		cmocka_unit_test(each_short_buffer_is_bad_and_not_passed),
		cmocka_unit_test(changed_octets_are_bad_or_mean_something_else),
		cmocka_unit_test(everything_can_be_shown),
		cmocka_unit_test(list_beyond_its_maximum_is_neither_put_nor_got),
		cmocka_unit_test(frames_are_dispatched_by_code),
		cmocka_unit_test(frames_have_names_and_maxima),
		cmocka_unit_test(operations_are_dispatched_by_kind),
	};

	return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
