#include "libproto/digest.h"

#include <string.h>

void ap_tag(uint8_t out[AP_TAG_LEN], const char *text)
{
	size_t n = strlen(text);

	memset(out, 0, AP_TAG_LEN);
	memcpy(out, text, n < AP_TAG_LEN ? n : AP_TAG_LEN);
}

static uint8_t *put_u64(uint8_t *at, uint64_t v)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		*at++ = (uint8_t)(v >> shift);
	return at;
}

void ap_digest_bundle(ap_sha256_fn *sha256, uint8_t out[32], const uint8_t genesis[32],
		      uint8_t relay, uint64_t start, uint64_t counter, ap_bytes ops)
{
	uint8_t head[AP_TAG_LEN + 32 + 1 + 8 + 8];
	uint8_t *at = head;

	ap_tag(at, "agree1-bundle");
	at += AP_TAG_LEN;
	memcpy(at, genesis, 32);
	at += 32;
	*at++ = relay;
	at = put_u64(at, start);
	put_u64(at, counter);
	sha256(out, (const ap_bytes[]){{head, sizeof(head)}, ops}, 2);
}

void ap_digest_batch(ap_sha256_fn *sha256, uint8_t out[32], uint64_t time_ms, uint16_t count,
		     const uint8_t *bundles)
{
	uint8_t head[AP_TAG_LEN + 8 + 2];
	uint8_t *at = head;

	ap_tag(at, "agree1-batch-d");
	at = put_u64(at + AP_TAG_LEN, time_ms);
	*at++ = (uint8_t)(count >> 8);
	*at++ = (uint8_t)count;
	sha256(out, (const ap_bytes[]){{head, sizeof(head)}, {bundles, (size_t)count * 32}}, 2);
}

void ap_digest_genesis(ap_sha256_fn *sha256, uint8_t out[32], const uint8_t genesis[32])
{
	uint8_t tag[AP_TAG_LEN];

	ap_tag(tag, "agree1-genesis");
	sha256(out, (const ap_bytes[]){{tag, sizeof(tag)}, {genesis, 32}}, 2);
}

void ap_digest_running(ap_sha256_fn *sha256, uint8_t out[32], const uint8_t before[32],
		       uint64_t seq, const uint8_t batch[32])
{
	uint8_t head[AP_TAG_LEN + 32 + 8 + 32];
	uint8_t *at = head;

	ap_tag(at, "agree1-running");
	at += AP_TAG_LEN;
	memcpy(at, before, 32);
	at = put_u64(at + 32, seq);
	memcpy(at, batch, 32);
	sha256(out, (const ap_bytes[]){{head, sizeof(head)}}, 1);
}
