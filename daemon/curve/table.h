/*
 * table.h: multiples of a fixed point, and sums of them. Variable time: for public values only.
 *
 * A scalar k below 2^253 is written with CURVE_DIGITS signed digits: k = sum of d_i 2^(w i),
 * -2^(w-1) < d_i <= 2^(w-1), w = CURVE_WIDTH. The table of P has, for every even i, the entries 1,
 * 2, ... 2^(w-1) times [2^(w i)]P. What the odd digits pick is added first and doubled w times,
 * then what the even ones pick is added: half of the table for w doublings, which all scalars of
 * one sum share.
 */
#ifndef CURVE_TABLE_H
#define CURVE_TABLE_H

#include <stdint.h>

#include "daemon/curve/point.h"

#ifndef CURVE_WIDTH
#define CURVE_WIDTH 6
#endif
#define CURVE_MULTIPLES (1 << (CURVE_WIDTH - 1))
#define CURVE_DIGITS	((253 + CURVE_WIDTH - 1) / CURVE_WIDTH)
#define CURVE_PLACES	((CURVE_DIGITS + 1) / 2)

struct curve_table {
	_Alignas(64) struct curve_entry entry[CURVE_PLACES][CURVE_MULTIPLES];
};

void curve_table_make(struct curve_table *table, const struct curve_point *p);

/* [a]P + [b]Q of the points that the tables were made of; scalars little-endian, below 2^253. */
void curve_table_sum(struct curve_point *out, const struct curve_table *p, const uint8_t a[32],
		     const struct curve_table *q, const uint8_t b[32]);

#endif
