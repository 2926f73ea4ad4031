/* group.h: scalars and points of the Ed25519 group, and the hashes of FROST(Ed25519, SHA-512).
 *
 * The only caller of libsodium's group functions in daemon/frost. Scalar: 32 octets little-endian,
 * below the group order L. Point: RFC 8032 encoding, 32 octets. Outputs may be the same array as
 * any input. Scalar arguments must be canonical: whatever comes from outside passes
 * frost_scalar_is_canonical() first, whatever a function here gives is. Scalar functions and
 * frost_point_base() run in constant time. draft {#threshold} */
#ifndef FROST_GROUP_H
#define FROST_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sodium.h>

#include "daemon/curve/curve.h"

/* Where random octets come from. The default is libsodium's generator; vectors and simulations
 * bring their own. */
struct frost_random {
	void (*fill)(void *arg, uint8_t *out, size_t size);
	void *arg;
};

extern const struct frost_random frost_random_system;

/* Starts libsodium and tries the one point that a library with CVE-2025-69277 takes for valid.
 * Verdicts on points decide ordered operations, so a replica with such a library would part from
 * the others: the daemon does not run if this fails. 0, FROST_ESODIUM, FROST_ECANARY. */
int frost_canary(void);

/* Scalars. */
bool frost_scalar_is_canonical(const uint8_t x[32]);
bool frost_scalar_is_zero(const uint8_t x[32]);
bool frost_scalar_is_equal(const uint8_t x[32],
			   const uint8_t y[32]); /* constant time; points too */
void frost_scalar_set(uint8_t out[32], uint32_t value);
void frost_scalar_reduce(uint8_t out[32], const uint8_t wide[64]);
void frost_scalar_add(uint8_t out[32], const uint8_t x[32], const uint8_t y[32]);
void frost_scalar_sub(uint8_t out[32], const uint8_t x[32], const uint8_t y[32]);
void frost_scalar_mul(uint8_t out[32], const uint8_t x[32], const uint8_t y[32]);
int frost_scalar_invert(uint8_t out[32], const uint8_t x[32]); /* 0, FROST_EZERO (out is zero) */

/* Uniform in 1..L-1: 64 random octets, reduced. */
void frost_scalar_random(uint8_t out[32], const struct frost_random *random);

/* Points. */
void frost_point_identity(uint8_t out[32]);
bool frost_point_is_identity(const uint8_t p[32]);

/* A canonical encoding of a point of order L: not the identity, nothing of small or mixed order. */
bool frost_point_is_valid(const uint8_t p[32]);

/* [k]B; k = 0 gives the identity. */
void frost_point_base(uint8_t out[32], const uint8_t k[32]);

/* [k]P; k = 0 gives the identity. 0, FROST_EPOINT if P is not valid (out is untouched). */
int frost_point_mult(uint8_t out[32], const uint8_t k[32], const uint8_t p[32]);

/* P+Q, P-Q; takes the identity, and does not look for torsion: inputs are valid points, sums of
 * such, or the identity. 0, FROST_EPOINT if an argument is not on the curve (out is untouched). */
int frost_point_add(uint8_t out[32], const uint8_t p[32], const uint8_t q[32]);
int frost_point_sub(uint8_t out[32], const uint8_t p[32], const uint8_t q[32]);

/* D + [k]E of every term, and their sum, in variable time: for public points and factors. 1 to
 * CURVE_TERMS_MAX terms, their D valid. 0, FROST_EPOINT if E of terms[*bad] is not valid or its D
 * no point (nothing is written). */
int frost_point_terms(uint8_t sum[32], struct curve_term *terms, size_t n, size_t *bad);

/* Hashes, in pieces. The state may hold secrets: both ends wipe it. */
struct frost_hash {
	crypto_hash_sha512_state state;
};

enum frost_hash_use {
	FROST_H1,   /* binding factor, scalar */
	FROST_H2,   /* challenge, scalar; no prefix, as in RFC 8032 */
	FROST_H3,   /* nonce, scalar */
	FROST_H4,   /* message, 64 octets */
	FROST_H5,   /* commitment list, 64 octets */
	FROST_HDKG, /* proof of possession, scalar */
};

void frost_hash_begin(struct frost_hash *h, enum frost_hash_use use);
void frost_hash_begin_plain(struct frost_hash *h); /* SHA-512 of what is added, no more */
void frost_hash_begin_tag(struct frost_hash *h, const char *tag); /* padded to 16 octets */
void frost_hash_add(struct frost_hash *h, const uint8_t *octets, size_t size);
void frost_hash_add_id(struct frost_hash *h, uint16_t id); /* as a scalar: 32 octets */
void frost_hash_octets(struct frost_hash *h, uint8_t out[64]);
void frost_hash_half(struct frost_hash *h, uint8_t out[32]);   /* the first 32 of the 64 octets */
void frost_hash_scalar(struct frost_hash *h, uint8_t out[32]); /* mod L */

/* Overwrites what the scalar functions, which do not wipe, have left on the stack below the
 * caller's frame. */
void frost_stack_wipe(void);

#endif
