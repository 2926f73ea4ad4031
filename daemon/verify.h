/*
 * From a frame's octets to an event that the core may take: decoding, bounds, sender, signatures. The only
 * maker of events from what others sent (draft {#replica-messages}; style: "only verify.c").
 */
#ifndef DAEMON_VERIFY_H
#define DAEMON_VERIFY_H

#include <stdint.h>

#include "daemon/bodies.h"
#include "daemon/curve/curve.h"
#include "daemon/pbft/pbft.h"
#include "libproto/codec.h"

struct views;

/* Signatures that were good: the certificates of a view change hold many that have come before. */
enum { VERIFY_CACHE = 1 << 14 };
struct verify_cache {
	uint8_t seen[VERIFY_CACHE][16]; /* SHA-256 of signer, signature and octets, cut */
};

struct verifier {
	uint8_t n, self;
	uint8_t genesis[32];
	const uint8_t (*keys)[32]; /* identity keys, by identifier - 1 */
	const struct curve_key *prepared; /* the same with their tables; NULL: libsodium verifies, with the same verdicts */
	/* Have these very octets of a bundle passed here before? Then its signature is not verified again. The digest
	 * alone does not say so: it does not cover the signature. May be NULL. */
	bool (*known)(void *arg, const uint8_t digest[32], ap_bytes octets);
	/* Is this PREPARE still of use? If not, it is passed over unverified. May be NULL. */
	bool (*wanted)(void *arg, const struct pbft_proposal *);
	void *arg;
	struct verify_cache *cache; /* may be NULL */
	struct views *views;        /* may be NULL: then no VIEW-CHANGE and NEW-VIEW is taken */
};

void digest_batch(struct pbft_batch *); /* fills digest from time and bundles: draft {#digests} */

/* How many ops the octets are, or -1: they are no sequence of known ops within bounds. */
int ops_count(const uint8_t *ops, size_t len);

/* Is this a bundle that only keeps the network alive? draft {#disk-marks} */
bool ops_keep(const uint8_t *ops, size_t len);

/* Decodes and checks an encoded `batch`: every bundle's bounds, number, ops and relay's signature. NULL, or why not. */
const char *verify_batch_octets(const struct verifier *, const uint8_t *octets, size_t len, struct pbft_batch *out);
const char *verify_bundle_octets(const struct verifier *, const uint8_t *octets, size_t len, struct pbft_bundle *out);

/* A frame of type (AP_MESSAGE_*) that the core takes, to an event; time fields are the caller's. *body: octets of the bundle or
 * batch that the shell must put into bodies before the core steps (borrowed from the frame), len 0 if none.
 * NULL, or why the frame is refused; verify_idle: there is nothing wrong with it, and nothing to do. */
extern const char verify_idle[];
const char *verify_frame(const struct verifier *, uint8_t from, uint8_t type, const uint8_t *octets, size_t len,
	struct pbft_event *ev, struct pbft_batch *batch, ap_bytes *body);

/* Signing, the same octets from the other side. secret: 64 octets as libsodium has it. */
void sign_bundle(const uint8_t secret[64], const uint8_t digest[32], uint8_t sig[64]);
void sign_proposal(const uint8_t secret[64], const uint8_t genesis[32], const char *tag, const ap_proposal *, uint8_t sig[64]);
void sign_checkpoint(const uint8_t secret[64], const uint8_t genesis[32], const ap_checkpoint_vote *, uint8_t sig[64]);
void sign_share(const uint8_t secret[64], const uint8_t genesis[32], const ap_share_body *, uint8_t sig[64]);
bool verify_octets(const struct verifier *, uint8_t id, const uint8_t sig[64], const uint8_t *octets, size_t len);
bool verify_proposal(const struct verifier *, const char *tag, const ap_proposal *, const ap_sig *);
bool verify_checkpoint(const struct verifier *, const ap_checkpoint_vote *, const ap_sig *);
bool verify_share(const struct verifier *, const ap_share *);

#endif
