/* points.h: points and scalars of Ed25519 for tests, made with libsodium alone, and the encodings
 * that decoders differ about. */
#ifndef TESTS_LIB_POINTS_H
#define TESTS_LIB_POINTS_H

#include <stddef.h>
#include <stdint.h>

/* The same seed gives the same draws; prints it. */
void points_seed(uint64_t seed);
void points_random(void *octets, size_t len);
void points_scalar(uint8_t k[32]);		 /* below L */
void points_point(uint8_t p[32], uint8_t k[32]); /* [k]B of a drawn k, never 0 */

extern const uint8_t points_order[32]; /* L, little-endian */

/* i T, i below 8, T of order 8. */
void points_torsion(uint8_t p[32], unsigned i);

/* p + T: both on the curve. */
void points_add(uint8_t sum[32], const uint8_t p[32], const uint8_t q[32]);

/* The 255-bit numbers p and up, 0 to 18 of them, with and without the highest bit; then 1 and p-1
 * with it: no point has such an encoding. */
#define POINTS_ODD 40
void points_odd(uint8_t p[32], unsigned i);

#endif
