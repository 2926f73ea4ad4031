/*
 * Digests that name bundles, batches and histories, and the octets that identity keys sign.
 * draft {#digests}. Pure: the hash comes in as a function.
 */
#ifndef AP_DIGEST_H
#define AP_DIGEST_H

#include "libproto/kinds.h"

#define AP_TAG_LEN 16 /* domain-separation tags: ASCII, zero-padded to 16 octets */

/* Writes a tag of at most 16 characters. */
void ap_tag(uint8_t out[AP_TAG_LEN], const char *text);

/* SHA-256(T("agree1-bundle") ‖ genesis ‖ u8 relay ‖ u64 start ‖ u64 counter ‖ ops). */
void ap_digest_bundle(ap_sha256_fn *sha256, uint8_t out[32], const uint8_t genesis[32],
		      uint8_t relay, uint64_t start, uint64_t counter, ap_bytes ops);

/* SHA-256(T("agree1-batch-d") ‖ u64 time ‖ u16 count ‖ digest of each bundle). `bundles` is count * 32 octets. */
void ap_digest_batch(ap_sha256_fn *sha256, uint8_t out[32], uint64_t time_ms, uint16_t count,
		     const uint8_t *bundles);

/* running(0) = SHA-256(T("agree1-genesis") ‖ genesis). */
void ap_digest_genesis(ap_sha256_fn *sha256, uint8_t out[32], const uint8_t genesis[32]);

/* running(s) = SHA-256(T("agree1-running") ‖ running(s-1) ‖ u64 s ‖ batch digest). */
void ap_digest_running(ap_sha256_fn *sha256, uint8_t out[32], const uint8_t before[32],
		       uint64_t seq, const uint8_t batch[32]);

#endif
