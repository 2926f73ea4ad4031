/*
 * Text for people, written into a buffer of the caller: always ends in NUL, never past the buffer.
 * What does not fit is left out and `cut` is set, which sticks. Nothing here allocates or fails.
 */
#ifndef AP_TEXT_H
#define AP_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __GNUC__
#define AP_PRINTF(which, first) __attribute__((format(printf, which, first)))
#else
#define AP_PRINTF(which, first)
#endif

struct ap_text {
	char *start;
	char *at;  /* the NUL */
	char *end; /* behind the buffer */
	bool cut;
};

/* `size` at least 1. */
void ap_text_init(struct ap_text *t, char *buffer, size_t size);

/* Characters written so far, without the NUL. */
size_t ap_text_len(const struct ap_text *t);

/* Our own words, as they are. */
void ap_text_add(struct ap_text *t, const char *words);
void ap_text_addn(struct ap_text *t, const char *words, size_t len);
void ap_text_addf(struct ap_text *t, const char *format, ...) AP_PRINTF(2, 3);

/* Octets in lower-case hex. */
void ap_text_hex(struct ap_text *t, const uint8_t *octets, size_t len);

/*
 * The one way for octets of strangers (values, labels, EDE texts, TXT) to a screen or a log: 0x20
 * to 0x7e but `"` and `\` as they are, others as \DDD. With AP_TEXT_UTF8 well-formed UTF-8 stays
 * too, but for control characters, bidirectional controls and what has no width, which cannot be
 * seen. Cut at AP_TEXT_HOSTILE_MAX octets of input, marked by "...", unless AP_TEXT_WHOLE.
 */
enum { AP_TEXT_UTF8 = 1, AP_TEXT_WHOLE = 2 };
void ap_text_hostile(struct ap_text *t, const uint8_t *octets, size_t len, unsigned flags);

/*
 * The same octets as a JSON string, quotes included, never cut by its length: printable ASCII as it
 * is, other characters as \uXXXX (surrogate pairs above U+FFFF), what is not UTF-8 as \ufffd each
 * octet.
 */
void ap_text_json(struct ap_text *t, const uint8_t *octets, size_t len);

/* RFC 3339, UTC, with milliseconds: 2026-11-24T06:14:00.000Z. After year 9999: the number. */
void ap_text_time(struct ap_text *t, uint64_t ms);

/* Well-formed UTF-8 (RFC 3629)? The empty string is. */
bool ap_utf8_is(const uint8_t *octets, size_t len);

/* The longest prefix of at most `max` octets that splits no UTF-8 character. */
size_t ap_utf8_cut(const uint8_t *octets, size_t len, size_t max);

#endif
