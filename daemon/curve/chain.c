/*
 * chain.c: see chain.h. The scalars are written with odd signed digits, d_i below 2^(w-1) (the
 * non-adjacent form of width w). From [2^i]P, doubled on and on, what has digit d is added up in
 * the bucket of d; at the end [k]P is the sum of d times bucket (Yao's method). So one chain gives
 * [k]P and the proof [L]P = O that P has no part of small order.
 */
#include "daemon/curve/chain.h"

#include <string.h>

enum { WIDTH = 5, BUCKETS = 1 << (WIDTH - 2), BITS = 256 };

const uint8_t curve_order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
				 0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,	   0,	 0,    0,    0,
				 0,    0,    0,	   0,	 0,    0,    0,	   0,	 0,    0x10};

struct sum {
	int8_t digit[BITS];
	bool is_used[BUCKETS];
	struct curve_point bucket[BUCKETS]; /* of the digits 1, 3, 5, ... */
};

/* The `WIDTH` bits from bit i on; there are zeros above. */
static int bits_at(const uint8_t octets[34], int i)
{
	int word = octets[i / 8] | octets[i / 8 + 1] << 8;

	return word >> (i % 8) & ((1 << WIDTH) - 1);
}

static void sum_begin(struct sum *s, const uint8_t k[32])
{
	uint8_t octets[34] = {0};
	int carry = 0;

	memcpy(octets, k, 32);
	memset(s->digit, 0, sizeof(s->digit));
	memset(s->is_used, 0, sizeof(s->is_used));
	for (int i = 0; i < BITS;) {
		int digit = bits_at(octets, i) + carry;

		if ((digit & 1) == 0) { /* a carry goes on where it met a 1 */
			i++;
			continue;
		}
		carry = digit > 1 << (WIDTH - 1);
		s->digit[i] = (int8_t)(digit - (carry << WIDTH));
		i += WIDTH;
	}
}

/* Adds [2^i]P to its bucket. */
static void sum_add(struct sum *s, int i, const struct curve_point *p)
{
	int digit = s->digit[i], at = (digit < 0 ? -digit : digit) / 2;
	struct curve_addend addend;

	if (!s->is_used[at]) {
		s->is_used[at] = true;
		if (digit < 0)
			curve_point_negate(&s->bucket[at], p);
		else
			s->bucket[at] = *p;
		return;
	}
	curve_addend_make(&addend, p);
	if (digit < 0)
		curve_point_subtract(&s->bucket[at], &s->bucket[at], &addend);
	else
		curve_point_add(&s->bucket[at], &s->bucket[at], &addend);
}

static void add(struct curve_point *p, const struct curve_point *q)
{
	struct curve_addend addend;

	curve_addend_make(&addend, q);
	curve_point_add(p, p, &addend);
}

/* The sum of (2j + 1) bucket[j] is that of all buckets and twice that of j bucket[j]; the latter is
 * the sum of all that is in bucket[j] and above, for j from 1. */
static void sum_end(struct curve_point *out, const struct sum *s)
{
	struct curve_point above = curve_identity, weighted = curve_identity;

	for (int j = BUCKETS - 1; j >= 0; j--) {
		if (s->is_used[j])
			add(&above, &s->bucket[j]);
		if (j > 0)
			add(&weighted, &above);
	}
	curve_point_double(&weighted, &weighted);
	add(&above, &weighted);
	*out = above;
}

/* Fills the buckets of n sums from one chain. */
static void chain(struct sum **sums, int n, const struct curve_point *p)
{
	struct curve_point power = *p;
	int doubled = 0;

	for (int i = 0; i < BITS; i++) {
		for (int j = 0; j < n; j++) {
			if (sums[j]->digit[i] == 0)
				continue;
			if (doubled < i)
				curve_point_double_times(&power, &power, i - doubled);
			doubled = i;
			sum_add(sums[j], i, &power);
		}
	}
}

bool curve_chain_multiply(struct curve_point *out, const struct curve_point *p, const uint8_t k[32])
{
	struct sum of_order, of_k, *sums[] = {&of_order, &of_k};
	struct curve_point end;

	sum_begin(&of_order, curve_order);
	sum_begin(&of_k, k);
	chain(sums, 2, p);
	sum_end(out, &of_k);
	sum_end(&end, &of_order);
	return curve_point_is_identity(&end) && !curve_point_is_identity(p);
}
