/*
 * chain.h: a multiple of a point, and its order, from one chain of doublings. Variable time: for
 * public values only.
 */
#ifndef CURVE_CHAIN_H
#define CURVE_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/curve/point.h"

/* [k]P, k little-endian and below L, and whether P has order L: false for the identity and for
 * points with a part of small order. */
bool curve_chain_multiply(struct curve_point *out, const struct curve_point *p,
			  const uint8_t k[32]);

/* L, little-endian. */
extern const uint8_t curve_order[32];

#endif
