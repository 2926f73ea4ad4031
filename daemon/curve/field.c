/* field.c: see field.h. */
#include "daemon/curve/field.h"

#include <string.h>

const struct curve_fe curve_fe_zero = {{0}};
const struct curve_fe curve_fe_one = {{1}};

static uint64_t load(const uint8_t *octets)
{
	uint64_t word = 0;

	for (int i = 7; i >= 0; i--)
		word = word << 8 | octets[i];
	return word;
}

static void store(uint8_t *octets, uint64_t word)
{
	for (int i = 0; i < 8; i++, word >>= 8)
		octets[i] = (uint8_t)(word & 0xff);
}

static bool is_reduced(const struct curve_fe *a)
{
	for (int i = 1; i < 5; i++)
		if (a->limb[i] != CURVE_LIMB)
			return true;
	return a->limb[0] < CURVE_LIMB - 18;
}

bool curve_fe_get(struct curve_fe *out, const uint8_t octets[32])
{
	uint64_t w0 = load(octets), w1 = load(octets + 8), w2 = load(octets + 16),
		 w3 = load(octets + 24);

	out->limb[0] = w0 & CURVE_LIMB;
	out->limb[1] = (w0 >> 51 | w1 << 13) & CURVE_LIMB;
	out->limb[2] = (w1 >> 38 | w2 << 26) & CURVE_LIMB;
	out->limb[3] = (w2 >> 25 | w3 << 39) & CURVE_LIMB;
	out->limb[4] = w3 >> 12 & CURVE_LIMB;
	return is_reduced(out);
}

/*
 * A small number is below 2^255 + 2^223, so below 2p: at most one p is to be taken off, which is so
 * if adding 19 makes a carry out of bit 254. Then that sum, without the carry, is the rest.
 */
void curve_fe_put(uint8_t octets[32], const struct curve_fe *a)
{
	uint64_t l[5], carry = 19;

	for (int i = 0; i < 5; i++)
		carry = (a->limb[i] + carry) >> 51;
	carry *= 19;
	for (int i = 0; i < 5; i++) {
		l[i] = (a->limb[i] + carry) & CURVE_LIMB;
		carry = (a->limb[i] + carry) >> 51;
	}
	store(octets, l[0] | l[1] << 51);
	store(octets + 8, l[1] >> 13 | l[2] << 38);
	store(octets + 16, l[2] >> 26 | l[3] << 25);
	store(octets + 24, l[3] >> 39 | l[4] << 12);
}

bool curve_fe_is_equal(const struct curve_fe *a, const struct curve_fe *b)
{
	uint8_t left[32], right[32];

	curve_fe_put(left, a);
	curve_fe_put(right, b);
	return memcmp(left, right, 32) == 0;
}

/* a^(2^times) */
static void square_times(struct curve_fe *out, const struct curve_fe *a, int times)
{
	curve_fe_square(out, a);
	for (int i = 1; i < times; i++)
		curve_fe_square(out, out);
}

/* a^(2^(k+m) - 1) of x = a^(2^k - 1) and y = a^(2^m - 1). */
static void join(struct curve_fe *out, const struct curve_fe *x, const struct curve_fe *y, int m)
{
	struct curve_fe t;

	square_times(&t, x, m);
	curve_fe_mul(out, &t, y);
}

/* a^(2^250 - 1), and a^11 on the way: 2^5 - 1 is 9 + 2 * 11. */
static void power_ones(struct curve_fe *ones, struct curve_fe *a11, const struct curve_fe *a)
{
	struct curve_fe t, a9, x5, x10, x20, x50, x100;

	curve_fe_square(&t, a);
	square_times(&a9, &t, 2);
	curve_fe_mul(&a9, &a9, a);
	curve_fe_mul(a11, &a9, &t);
	curve_fe_square(&t, a11);
	curve_fe_mul(&x5, &t, &a9);
	join(&x10, &x5, &x5, 5);
	join(&x20, &x10, &x10, 10);
	join(&t, &x20, &x20, 20);
	join(&x50, &t, &x10, 10);
	join(&x100, &x50, &x50, 50);
	join(&t, &x100, &x100, 100);
	join(ones, &t, &x50, 50);
}

/* p - 2 = 2^5 (2^250 - 1) + 11 */
void curve_fe_invert(struct curve_fe *out, const struct curve_fe *a)
{
	struct curve_fe ones, a11;

	power_ones(&ones, &a11, a);
	join(out, &ones, &a11, 5);
}

/* (p - 5)/8 = 2^2 (2^250 - 1) + 1 */
void curve_fe_power_root(struct curve_fe *out, const struct curve_fe *a)
{
	struct curve_fe ones, a11;

	power_ones(&ones, &a11, a);
	join(out, &ones, a, 2);
}
