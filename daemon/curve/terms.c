/* terms.c: sums of D + [k]E; see curve.h. Every point is decoded once, all results are encoded with
 * one inversion. */
#include <string.h>

#include "daemon/curve/chain.h"
#include "daemon/curve/curve.h"

static bool term_make(struct curve_point *out, const struct curve_term *term)
{
	struct curve_point other, multiple;
	struct curve_addend addend;

	if (!curve_point_get(out, term->point))
		return false;
	if (term->other == NULL)
		return true;
	if (!curve_point_get(&other, term->other) ||
	    !curve_chain_multiply(&multiple, &other, term->factor))
		return false;
	curve_addend_make(&addend, &multiple);
	curve_point_add(out, out, &addend);
	return true;
}

/* 1/Z of each point from one inversion: see curve_entries_make(). */
static void inverses_make(struct curve_fe *out, const struct curve_point *points, size_t n)
{
	struct curve_fe all = curve_fe_one;

	for (size_t i = 0; i < n; i++) {
		out[i] = all;
		curve_fe_mul(&all, &all, &points[i].Z);
	}
	curve_fe_invert(&all, &all);
	for (size_t i = n; i-- > 0;) {
		curve_fe_mul(&out[i], &out[i], &all);
		curve_fe_mul(&all, &all, &points[i].Z);
	}
}

int curve_terms_sum(uint8_t sum[32], struct curve_term *terms, size_t n, size_t *bad)
{
	struct curve_point points[CURVE_TERMS_MAX + 1]; /* the terms, then the sum */
	struct curve_fe inverses[CURVE_TERMS_MAX + 1];
	struct curve_addend addend;

	for (size_t i = 0; i < n; i++) {
		if (term_make(&points[i], &terms[i]))
			continue;
		*bad = i;
		return CURVE_EPOINT;
	}
	points[n] = points[0];
	for (size_t i = 1; i < n; i++) {
		curve_addend_make(&addend, &points[i]);
		curve_point_add(&points[n], &points[n], &addend);
	}
	inverses_make(inverses, points, n + 1);
	for (size_t i = 0; i < n; i++)
		curve_point_put_inverted(terms[i].out, &points[i], &inverses[i]);
	curve_point_put_inverted(sum, &points[n], &inverses[n]);
	return 0;
}
