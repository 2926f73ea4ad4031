/*
 * curve.h: Ed25519 for public values, fast: signatures by keys that are known beforehand, and sums
 * of multiples of points.
 *
 * NO SECRETS. Everything here branches and reads memory by its input. Signing, shares, nonces and
 * all else that is secret stays with libsodium, which runs in constant time.
 *
 * A replica verifies many signatures by few keys. With a table of a key's multiples a verification
 * needs hardly any doublings, and costs a fraction of libsodium's crypto_sign_verify_detached().
 * It gives the verdict of 1.0.18 in every case: replicas must agree on what is a valid signature.
 */
#ifndef CURVE_CURVE_H
#define CURVE_CURVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/curve/table.h"

enum curve_error {
	CURVE_EPOINT = -1, /* no point, not its canonical encoding, or of small order */
};

/* A public key with its table: about 88 KiB. Of fixed size, nothing allocated behind it. */
struct curve_key {
	uint8_t octets[32];
	bool is_usable;
	struct curve_table table; /* of the opposite of the key's point */
};

/* Takes some 0.4 ms. 0, or CURVE_EPOINT: every signature by such a key is refused, as by libsodium,
 * so the object may be used all the same. The encodings refused are those that libsodium refuses; a
 * point of order 8L, 4L or 2L is a key, there and here. */
int curve_key_init(struct curve_key *key, const uint8_t octets[32]);

/*
 * RFC 8032 section 5.1.7 without the cofactor: encode([s]B - [h]A) is R, octet by octet, with h =
 * SHA-512(R, A, text) mod L. Refused, as by libsodium: s not below L; R of small order; and so
 * every R that is not canonical, as no encoding gives one. The key is not changed, so several
 * threads may share it.
 */
bool curve_verify(const struct curve_key *key, const uint8_t sig[64], const uint8_t *text,
		  size_t len);

/*
 * A term D + [k]E of a sum: what a member of a signing has committed itself to (RFC 9591
 * section 4.5). Spans borrow.
 */
struct curve_term {
	const uint8_t *point;  /* D, 32 octets, whose order has been looked at */
	const uint8_t *other;  /* E, 32 octets; NULL: the term is D alone */
	const uint8_t *factor; /* k, 32 octets little-endian, below L */
	uint8_t out[32];       /* the term */
};

#define CURVE_TERMS_MAX 8

/*
 * Computes every term and their sum; n is 1 to CURVE_TERMS_MAX. 0, or CURVE_EPOINT and nothing is
 * written: D of terms[*bad], the first such one, is not the canonical encoding of a point, or E not
 * that of a point of order L.
 */
int curve_terms_sum(uint8_t sum[32], struct curve_term *terms, size_t n, size_t *bad);

#endif
