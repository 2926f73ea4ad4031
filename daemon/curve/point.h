/*
 * point.h: points of Ed25519's curve -x^2 + y^2 = 1 + d x^2 y^2, in variable time: for public
 * values only.
 *
 * Formulas: Hisil, Wong, Carter, Dawson, "Twisted Edwards Curves Revisited" (2008), sections 3.1
 * (unified addition) and 3.3 (doubling), for a = -1. As -1 is a square and d is none, they hold for
 * every pair of points: the identity, equal and opposite points and those of small order need no
 * cases of their own.
 */
#ifndef CURVE_POINT_H
#define CURVE_POINT_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/curve/field.h"

/* x = X/Z, y = Y/Z, xy = T/Z; all small. */
struct curve_point {
	struct curve_fe X, Y, Z, T;
};

/* A point to be added, made ready; all loose. */
struct curve_addend {
	struct curve_fe sum, difference, z2, t2d; /* Y+X, Y-X, 2Z, 2dT */
};

/* The same with Z = 1, for tables: two lines of cache. All small. */
struct curve_entry {
	struct curve_fe sum, difference, t2d; /* y+x, y-x, 2dxy */
	uint64_t unused;
};

extern const struct curve_point curve_identity, curve_base;

/* RFC 8032 section 5.1.3. False: y is not below p, there is no such x, or x is 0 and called
 * negative; *out is undefined then. Points of any order are taken. */
bool curve_point_get(struct curve_point *out, const uint8_t octets[32]);

/* RFC 8032 section 5.1.2, given 1/Z; and with the inversion. */
void curve_point_put_inverted(uint8_t octets[32], const struct curve_point *p,
			      const struct curve_fe *inverse);
void curve_point_put(uint8_t octets[32], const struct curve_point *p);

bool curve_point_is_identity(const struct curve_point *p);
void curve_point_negate(struct curve_point *out, const struct curve_point *p);
void curve_addend_make(struct curve_addend *out, const struct curve_point *p);

/* The point is out's own: `out` may be `p`. */
void curve_point_add(struct curve_point *out, const struct curve_point *p,
		     const struct curve_addend *q);
void curve_point_subtract(struct curve_point *out, const struct curve_point *p,
			  const struct curve_addend *q);
void curve_point_double(struct curve_point *out, const struct curve_point *p);

/* [2^times]P, times at least 1. */
void curve_point_double_times(struct curve_point *out, const struct curve_point *p, int times);

/* P+Q, or P-Q, for Q from a table. */
void curve_entry_add(struct curve_point *p, const struct curve_entry *q);
void curve_entry_subtract(struct curve_point *p, const struct curve_entry *q);

/* Entries of n points, at most CURVE_ENTRIES_MAX, with one inversion. */
#define CURVE_ENTRIES_MAX 128
void curve_entries_make(struct curve_entry *out, const struct curve_point *points, int n);

#endif
