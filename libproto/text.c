#include "libproto/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "libproto/limits.h"

void ap_text_init(struct ap_text *t, char *buffer, size_t size)
{
	t->start = t->at = buffer;
	t->end = buffer + size;
	t->cut = size == 0;
	if (size > 0)
		*buffer = '\0';
}

size_t ap_text_len(const struct ap_text *t)
{
	return (size_t)(t->at - t->start);
}

/* All or nothing, so that no escape is ever cut in the middle; after the first cut nothing is
 * added. */
static bool add(struct ap_text *t, const char *words, size_t len)
{
	if (t->cut || len >= (size_t)(t->end - t->at)) {
		t->cut = true;
		return false;
	}
	memcpy(t->at, words, len);
	t->at += len;
	*t->at = '\0';
	return true;
}

void ap_text_addn(struct ap_text *t, const char *words, size_t len)
{
	add(t, words, len);
}

void ap_text_add(struct ap_text *t, const char *words)
{
	add(t, words, strlen(words));
}

void ap_text_addf(struct ap_text *t, const char *format, ...)
{
	va_list args;
	size_t room;
	int len;

	if (t->cut)
		return;
	room = (size_t)(t->end - t->at);
	va_start(args, format);
	len = vsnprintf(t->at, room, format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= room) {
		*t->at = '\0';
		t->cut = true;
		return;
	}
	t->at += len;
}

void ap_text_hex(struct ap_text *t, const uint8_t *octets, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		char pair[2] = {digits[octets[i] >> 4], digits[octets[i] & 15]};

		if (!add(t, pair, sizeof(pair)))
			return;
	}
}

/* ---- UTF-8 ---- */

/*
 * Octets of the well-formed character at the start, 0 if there is none. RFC 3629: no overlong
 * forms, no surrogates, nothing above U+10FFFF.
 */
static size_t utf8_char(const uint8_t *at, size_t len, uint32_t *code)
{
	static const struct {
		uint8_t mask, lead;
		uint32_t least;
	} forms[] = {
		{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

	for (size_t n = 1; n <= 4 && n <= len; n++) {
		uint32_t c;

		if ((at[0] & forms[n - 1].mask) != forms[n - 1].lead)
			continue;
		c = at[0] & (uint8_t)~forms[n - 1].mask;
		for (size_t i = 1; i < n; i++) {
			if ((at[i] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (at[i] & 0x3f);
		}
		if (c < forms[n - 1].least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			return 0;
		*code = c;
		return n;
	}
	return 0;
}

bool ap_utf8_is(const uint8_t *octets, size_t len)
{
	uint32_t code;

	for (size_t at = 0, n; at < len; at += n) {
		n = utf8_char(octets + at, len - at, &code);
		if (n == 0)
			return false;
	}
	return true;
}

size_t ap_utf8_cut(const uint8_t *octets, size_t len, size_t max)
{
	size_t cut = len < max ? len : max;

	if (len <= max)
		return len;
	while (cut > 0 && max - cut < 4 && (octets[cut] & 0xc0) == 0x80)
		cut--;
	/* four continuation octets in a row: not UTF-8, so there is nothing to split */
	return (octets[cut] & 0xc0) == 0x80 ? max : cut;
}

/*
 * What a terminal obeys or does not show, above ASCII: C1 controls, soft hyphen, combining grapheme
 * joiner, fillers, zero-width and bidirectional controls, invisible operators, variation selectors,
 * line and paragraph separators, byte order mark, interlinear annotation, noncharacters, private
 * use, tags.
 */
static bool is_unseen(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} unseen[] = {
		{0x80, 0xa0},	    {0xad, 0xad},	{0x34f, 0x34f},	    {0x61c, 0x61c},
		{0x115f, 0x1160},   {0x1680, 0x1680},	{0x17b4, 0x17b5},   {0x180b, 0x180f},
		{0x2000, 0x200f},   {0x2028, 0x202f},	{0x205f, 0x206f},   {0x2800, 0x2800},
		{0x3000, 0x3000},   {0x3164, 0x3164},	{0xe000, 0xf8ff},   {0xfdd0, 0xfdef},
		{0xfe00, 0xfe0f},   {0xfeff, 0xfeff},	{0xffa0, 0xffa0},   {0xfff0, 0xfffb},
		{0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}, {0xf0000, 0x10ffff},
	};

	if ((code & 0xfffe) == 0xfffe)
		return true;
	for (size_t i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++)
		if (code >= unseen[i].first && code <= unseen[i].last)
			return true;
	return false;
}

static bool is_plain(uint8_t octet)
{
	return octet >= 0x20 && octet <= 0x7e && octet != '"' && octet != '\\';
}

void ap_text_hostile(struct ap_text *t, const uint8_t *octets, size_t len, unsigned flags)
{
	size_t end = len, n;
	uint32_t code;

	if (!(flags & AP_TEXT_WHOLE) && len > AP_TEXT_HOSTILE_MAX)
		end = ap_utf8_cut(octets, len, AP_TEXT_HOSTILE_MAX);
	for (size_t at = 0; at < end && !t->cut; at += n) {
		n = 1;
		if (is_plain(octets[at])) {
			add(t, (const char *)&octets[at], 1);
			continue;
		}
		if ((flags & AP_TEXT_UTF8) && octets[at] >= 0x80) {
			size_t whole = utf8_char(octets + at, end - at, &code);

			if (whole > 0 && !is_unseen(code)) {
				n = whole;
				add(t, (const char *)&octets[at], n);
				continue;
			}
		}
		ap_text_addf(t, "\\%03u", octets[at]);
	}
	if (end < len)
		add(t, "...", 3);
}

void ap_text_json(struct ap_text *t, const uint8_t *octets, size_t len)
{
	uint32_t code = 0;
	size_t n;

	add(t, "\"", 1);
	for (size_t at = 0; at < len && !t->cut; at += n) {
		n = 1;
		if (is_plain(octets[at])) {
			add(t, (const char *)&octets[at], 1);
			continue;
		}
		n = utf8_char(octets + at, len - at, &code);
		if (n == 0) {
			n = 1;
			code = 0xfffd;
		}
		if (code > 0xffff)
			ap_text_addf(t, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xd7c0 + (code >> 10),
				     0xdc00 + (code & 0x3ff));
		else
			ap_text_addf(t, "\\u%04" PRIx32, code);
	}
	add(t, "\"", 1);
}

/* ---- time ---- */

/* Days since 1970 to a date of the Gregorian calendar: years begin in March, so leap days come
 * last. */
static void date_of(uint64_t days, unsigned *year, unsigned *month, unsigned *day)
{
	uint64_t z = days + 719468; /* since 0000-03-01 */
	unsigned era = (unsigned)(z / 146097);
	unsigned doe = (unsigned)(z % 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = yoe + era * 400 + (*month <= 2);
}

void ap_text_time(struct ap_text *t, uint64_t ms)
{
	const uint64_t last = 253402300799999; /* 9999-12-31T23:59:59.999Z */
	unsigned year, month, day, of_day = (unsigned)(ms % 86400000);

	if (ms > last) {
		ap_text_addf(t, "%" PRIu64, ms);
		return;
	}
	date_of(ms / 86400000, &year, &month, &day);
	ap_text_addf(t, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year, month, day, of_day / 3600000,
		     of_day / 60000 % 60, of_day / 1000 % 60, of_day % 1000);
}
