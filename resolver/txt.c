/*
 * The TXT record of a network: one key=value a character-string, v=agree1 the first. Keys are read
 * without case, the first of a repeated one counts, unknown ones are ignored (RFC 6763 section 6).
 * draft {#discovery}
 */
#include "config.h"

#include "resolver/discover.h"

#include <string.h>
#include <strings.h>

/* The value behind `key=`, if the string is that. */
static bool value_of(ap_bytes string, const char *key, ap_bytes *value)
{
	size_t len = strlen(key);

	if (string.len < len + 1 || string.data[len] != '=' ||
	    strncasecmp((const char *)string.data, key, len) != 0)
		return false;
	*value = (ap_bytes){string.data + len + 1, string.len - len - 1};
	return true;
}

/* Whole numbers of up to 18 digits; others are as if they were not there. */
static void number_take(ap_bytes value, bool *has, uint64_t *number)
{
	uint64_t n = 0;

	if (*has || value.len == 0 || value.len > 18)
		return;
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return;
		n = n * 10 + (uint64_t)(value.data[i] - '0');
	}
	*has = true;
	*number = n;
}

static int string_take(struct stub_txt *txt, ap_bytes string)
{
	struct {
		const char *key;
		bool *has;
		uint64_t *number;
	} rows[] = {
		{"n", &txt->has_n, &txt->n},
		{"f", &txt->has_f, &txt->f},
		{"e", &txt->has_e, &txt->e},
		{"r", &txt->has_r, &txt->r},
	};
	ap_bytes value;

	if (value_of(string, "k", &value) && !txt->has_key) {
		if (ap_key_parse(txt->key, (const char *)value.data, value.len) != 0)
			return AGREE_ETXT;
		txt->has_key = true;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (value_of(string, rows[i].key, &value))
			number_take(value, rows[i].has, rows[i].number);
	return 0;
}

int stub_txt_parse(struct stub_txt *txt, ap_bytes rdata)
{
	struct ap_reader r;
	ap_bytes string, value;

	memset(txt, 0, sizeof(*txt));
	ap_reader_init(&r, rdata.data, rdata.len);
	if (!ap_txt_next(&r, &string) || !value_of(string, "v", &value) || value.len != 6 ||
	    memcmp(value.data, "agree1", 6) != 0)
		return STUB_TXT_OTHER;
	while (ap_txt_next(&r, &string))
		if (string_take(txt, string) != 0)
			return AGREE_ETXT;
	return ap_reader_done(&r) && txt->has_key ? STUB_TXT_OURS : AGREE_ETXT;
}
