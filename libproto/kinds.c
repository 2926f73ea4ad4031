#include "libproto/kinds.h"

#include <inttypes.h>
#include <string.h>

/* ---- cursors ---- */

void ap_reader_init(struct ap_reader *r, const void *octets, size_t len)
{
	static const uint8_t nothing[1];

	r->at = len > 0 ? octets : nothing;
	r->end = r->at + len;
	r->field = "";
	r->bad = NULL;
}

size_t ap_reader_left(const struct ap_reader *r)
{
	return r->bad == NULL ? (size_t)(r->end - r->at) : 0;
}

bool ap_reader_done(const struct ap_reader *r)
{
	return r->bad == NULL && r->at == r->end;
}

void ap_reader_fail(struct ap_reader *r)
{
	if (r->bad == NULL)
		r->bad = r->field;
}

const char *ap_reader_error(const struct ap_reader *r)
{
	if (r->bad != NULL)
		return r->bad;
	return r->at == r->end ? NULL : "trailing octets";
}

void ap_writer_init(struct ap_writer *w, void *buffer, size_t size)
{
	w->start = w->at = buffer;
	w->end = w->at + size;
	w->field = "";
	w->bad = NULL;
}

size_t ap_writer_len(const struct ap_writer *w)
{
	return w->bad == NULL ? (size_t)(w->at - w->start) : 0;
}

void ap_writer_fail(struct ap_writer *w)
{
	if (w->bad == NULL)
		w->bad = w->field;
}

ap_bytes ap_writer_bytes(const struct ap_writer *w)
{
	return (ap_bytes){w->start, ap_writer_len(w)};
}

void ap_writer_back(struct ap_writer *w, size_t len)
{
	if (len <= (size_t)(w->at - w->start)) {
		w->at = w->start + len;
		w->bad = NULL;
	}
}

void ap_writer_patch(struct ap_writer *w, size_t at, uint16_t value)
{
	size_t len = ap_writer_len(w);

	if (len < 2 || at > len - 2)
		return;
	w->start[at] = (uint8_t)(value >> 8);
	w->start[at + 1] = (uint8_t)value;
}

const uint8_t *ap_take(struct ap_reader *r, size_t n)
{
	if (r->bad == NULL && n > (size_t)(r->end - r->at))
		r->bad = r->field;
	if (r->bad != NULL)
		return NULL;
	r->at += n;
	return r->at - n;
}

uint8_t *ap_grow(struct ap_writer *w, size_t n)
{
	if (w->bad == NULL && n > (size_t)(w->end - w->at))
		w->bad = w->field;
	if (w->bad != NULL)
		return NULL;
	w->at += n;
	return w->at - n;
}

void ap_octets_put(struct ap_writer *w, const void *octets, size_t n)
{
	uint8_t *to = ap_grow(w, n);

	if (to != NULL && n > 0)
		memcpy(to, octets, n);
}

void ap_octets_get(struct ap_reader *r, void *octets, size_t n)
{
	const uint8_t *from = ap_take(r, n);

	if (n == 0)
		return;
	if (from != NULL)
		memcpy(octets, from, n);
	else
		memset(octets, 0, n);
}

/* ---- integers ---- */

static void integer_put(struct ap_writer *w, uint64_t value, size_t size)
{
	uint8_t *to = ap_grow(w, size);

	for (size_t i = size; to != NULL && i-- > 0; value >>= 8)
		to[i] = (uint8_t)value;
}

static uint64_t integer_get(struct ap_reader *r, size_t size)
{
	const uint8_t *from = ap_take(r, size);
	uint64_t value = 0;

	for (size_t i = 0; from != NULL && i < size; i++)
		value = value << 8 | from[i];
	return value;
}

/* clang-format off */
#define INTEGER(name, size)                                                                        \
	void ap_##name##_put(struct ap_writer *w, const ap_##name *it)                             \
	{                                                                                          \
		integer_put(w, *it, size);                                                         \
	}                                                                                          \
	void ap_##name##_get(struct ap_reader *r, ap_##name *it)                                   \
	{                                                                                          \
		*it = (ap_##name)integer_get(r, size);                                             \
	}                                                                                          \
	void ap_##name##_show(struct ap_text *t, const ap_##name *it)                              \
	{                                                                                          \
		ap_text_addf(t, "%" PRIu64, (uint64_t)*it);                                        \
	}

INTEGER(u8, 1)
INTEGER(u16, 2)
INTEGER(u32, 4)
INTEGER(u64, 8)
/* clang-format on */

void ap_u40_put(struct ap_writer *w, const ap_u40 *it)
{
	if (*it > AP_U40_MAX)
		ap_writer_fail(w);
	integer_put(w, *it, 5);
}

void ap_u40_get(struct ap_reader *r, ap_u40 *it)
{
	*it = integer_get(r, 5);
}

void ap_u40_show(struct ap_text *t, const ap_u40 *it)
{
	ap_text_addf(t, "%" PRIu64, *it);
}

void ap_none_put(struct ap_writer *w, const ap_none *it)
{
	(void)w;
	(void)it;
}

void ap_none_get(struct ap_reader *r, ap_none *it)
{
	(void)r;
	it->unused = 0;
}

void ap_none_show(struct ap_text *t, const ap_none *it)
{
	(void)it;
	ap_text_add(t, "-");
}

/* ---- fixed numbers of octets ---- */

/* clang-format off */
#define FIXED(name, size)                                                                          \
	void ap_##name##_put(struct ap_writer *w, const ap_##name *it)                             \
	{                                                                                          \
		ap_octets_put(w, it->octets, size);                                                \
	}                                                                                          \
	void ap_##name##_get(struct ap_reader *r, ap_##name *it)                                   \
	{                                                                                          \
		ap_octets_get(r, it->octets, size);                                                \
	}
AP_FIXED_KINDS(FIXED)
#undef FIXED

#define SHOW_HEX(name)                                                                             \
	void ap_##name##_show(struct ap_text *t, const ap_##name *it)                              \
	{                                                                                          \
		ap_text_hex(t, it->octets, sizeof(it->octets));                                    \
	}
SHOW_HEX(digest)
SHOW_HEX(key)
SHOW_HEX(sig)
SHOW_HEX(point)
SHOW_HEX(scalar)
SHOW_HEX(id)
SHOW_HEX(nonce)
SHOW_HEX(salt)
SHOW_HEX(half)
/* clang-format on */

void ap_secret_show(struct ap_text *t, const ap_secret *it)
{
	(void)it;
	ap_text_add(t, "(secret)");
}

/* ---- a length first ---- */

/* The length's octets, the most that it may say, and how the octets are shown. */
static void bytes_put(struct ap_writer *w, const ap_bytes *it, size_t size, size_t max)
{
	if (it->len > max)
		ap_writer_fail(w);
	integer_put(w, it->len, size);
	ap_octets_put(w, it->data, it->len);
}

static void bytes_get(struct ap_reader *r, ap_bytes *it, size_t size, size_t max)
{
	it->len = (size_t)integer_get(r, size);
	if (it->len > max)
		ap_reader_fail(r);
	it->data = ap_take(r, it->len);
	if (it->data == NULL)
		it->len = 0;
}

static void string_show(struct ap_text *t, const ap_bytes *it)
{
	ap_text_add(t, "\"");
	ap_text_hostile(t, it->data, it->len, 0);
	ap_text_add(t, "\"");
}

static void span_show(struct ap_text *t, const ap_bytes *it)
{
	ap_text_addf(t, "(%zu octets)", it->len);
}

/* clang-format off */
#define BYTES(name, size, max, shown)                                                              \
	void ap_##name##_put(struct ap_writer *w, const ap_##name *it)                             \
	{                                                                                          \
		bytes_put(w, it, size, max);                                                       \
	}                                                                                          \
	void ap_##name##_get(struct ap_reader *r, ap_##name *it)                                   \
	{                                                                                          \
		bytes_get(r, it, size, max);                                                       \
	}                                                                                          \
	void ap_##name##_show(struct ap_text *t, const ap_##name *it)                              \
	{                                                                                          \
		shown(t, it);                                                                      \
	}

BYTES(value, 1, AP_VALUE_MAX, string_show)
BYTES(label, 1, AP_LABEL_MAX, string_show)
BYTES(span16, 2, AP_SPAN16_MAX, span_show)
BYTES(span, 4, AP_SPAN_MAX, span_show)
/* clang-format on */

static const struct {
	const char *name;
	size_t len;
} credentials[] = {
	[AP_CREDENTIAL_NONE] = {"none", 0},
	[AP_CREDENTIAL_SIGNATURE] = {"signature", 64},
	[AP_CREDENTIAL_SECRET] = {"secret", 32},
};
enum { N_CREDENTIALS = sizeof(credentials) / sizeof(credentials[0]) };

void ap_credential_put(struct ap_writer *w, const ap_credential *it)
{
	integer_put(w, it->kind, 1);
	if (it->kind < N_CREDENTIALS)
		ap_octets_put(w, it->octets, credentials[it->kind].len);
	else
		ap_writer_fail(w);
}

void ap_credential_get(struct ap_reader *r, ap_credential *it)
{
	memset(it, 0, sizeof(*it));
	it->kind = (uint8_t)integer_get(r, 1);
	if (it->kind < N_CREDENTIALS)
		ap_octets_get(r, it->octets, credentials[it->kind].len);
	else
		ap_reader_fail(r);
	if (r->bad != NULL)
		it->kind = AP_CREDENTIAL_NONE;
}

/* A signature is no secret, but nobody reads one in a log either. */
void ap_credential_show(struct ap_text *t, const ap_credential *it)
{
	ap_text_add(t, it->kind < N_CREDENTIALS ? credentials[it->kind].name : "?");
}

void ap_path_put(struct ap_writer *w, const ap_path *it)
{
	if (it->count > AP_PATH_MAX) {
		ap_writer_fail(w);
		return;
	}
	integer_put(w, it->count, 1);
	for (size_t i = 0; i < it->count; i++)
		ap_digest_put(w, &it->node[i]);
}

void ap_path_get(struct ap_reader *r, ap_path *it)
{
	memset(it, 0, sizeof(*it));
	it->count = (uint8_t)integer_get(r, 1);
	if (it->count > AP_PATH_MAX)
		ap_reader_fail(r);
	for (size_t i = 0; r->bad == NULL && i < it->count; i++)
		ap_digest_get(r, &it->node[i]);
	if (r->bad != NULL)
		memset(it, 0, sizeof(*it));
}

void ap_path_show(struct ap_text *t, const ap_path *it)
{
	ap_text_addf(t, "(%u nodes)", it->count);
}

/* ---- there or not ---- */

/* 0 or 1: anything else would be a second encoding of one of them. */
static bool presence_get(struct ap_reader *r)
{
	uint64_t present = integer_get(r, 1);

	if (present > 1)
		ap_reader_fail(r);
	return present == 1 && r->bad == NULL;
}

/* clang-format off */
#define OPTIONAL(name, kind)                                                                       \
	void ap_##name##_put(struct ap_writer *w, const ap_##name *it)                             \
	{                                                                                          \
		integer_put(w, it->present, 1);                                                    \
		if (it->present)                                                                   \
			ap_##kind##_put(w, &it->it);                                               \
	}                                                                                          \
	void ap_##name##_get(struct ap_reader *r, ap_##name *it)                                   \
	{                                                                                          \
		memset(it, 0, sizeof(*it));                                                        \
		if (presence_get(r))                                                               \
			ap_##kind##_get(r, &it->it);                                               \
		else                                                                               \
			return;                                                                    \
		it->present = r->bad == NULL;                                                      \
	}                                                                                          \
	void ap_##name##_show(struct ap_text *t, const ap_##name *it)                              \
	{                                                                                          \
		if (it->present)                                                                   \
			ap_##kind##_show(t, &it->it);                                              \
		else                                                                               \
			ap_text_add(t, "-");                                                       \
	}
AP_OPTIONAL_KINDS(OPTIONAL)
#undef OPTIONAL
/* clang-format on */
