/* statement.c: see statement.h */
#include "libproto/statement.h"

#include <string.h>

#define TAG 16

static uint8_t *put_tag(uint8_t *at, const char *tag)
{
	size_t n = strlen(tag);

	memset(at, 0, TAG);
	memcpy(at, tag, n);
	return at + TAG;
}

static uint8_t *put_uint(uint8_t *at, uint64_t value, size_t octets)
{
	for (size_t i = octets; i > 0; i--) {
		at[i - 1] = (uint8_t)(value & 0xff);
		value >>= 8;
	}
	return at + octets;
}

static uint8_t *put_hash(uint8_t *at, const uint8_t hash[32])
{
	memcpy(at, hash, 32);
	return at + 32;
}

/* What both layouts begin with. */
static uint8_t *put_head(uint8_t *at, const char *tag, const struct ap_statement *s)
{
	at = put_tag(at, tag);
	at = put_uint(at, s->epoch, 4);
	at = put_uint(at, s->seq, 8);
	return put_uint(at, s->time_ms, 8);
}

size_t ap_statement_batch_put(uint8_t out[AP_STATEMENT_MAX], const struct ap_statement *s)
{
	uint8_t *at = put_head(out, "agree1-batch", s);

	at = put_uint(at, s->count, 4);
	at = put_hash(at, s->root);
	at = put_hash(at, s->running);
	return (size_t)(at - out);
}

size_t ap_statement_trial_put(uint8_t out[AP_STATEMENT_MAX], const struct ap_statement *s)
{
	uint8_t *at = put_head(out, "agree1-trial", s);

	at = put_hash(at, s->genesis);
	at = put_hash(at, s->running);
	return (size_t)(at - out);
}
