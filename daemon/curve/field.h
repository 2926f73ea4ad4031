/*
 * field.h: arithmetic modulo p = 2^255 - 19, in variable time: for public values only.
 *
 * A number is five limbs, limb i worth 2^(51 i). Two bounds are kept track of. "Small": every limb
 * is below 2^51 + 2^18; multiplication, squaring and reading give such numbers. "Loose": every limb
 * is below 2^54; these are what multiplication and squaring take. Sums and differences of small
 * numbers are loose, and who adds more than that says why the limbs stay below 2^54. A number has
 * several such forms: only curve_fe_put() tells them apart.
 */
#ifndef CURVE_FIELD_H
#define CURVE_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#ifndef __SIZEOF_INT128__
#error "this code multiplies 64-bit numbers to 128 bits: the compiler must have unsigned __int128"
#endif

__extension__ typedef unsigned __int128 curve_u128;

struct curve_fe {
	uint64_t limb[5];
};

#define CURVE_LIMB ((UINT64_C(1) << 51) - 1)

/* a + b. Limbs add up: below 2^52 + 2^19 for small numbers. */
static inline void curve_fe_add(struct curve_fe *out, const struct curve_fe *a,
				const struct curve_fe *b)
{
	for (int i = 0; i < 5; i++)
		out->limb[i] = a->limb[i] + b->limb[i];
}

/* a - b, as a + 2p - b: b must be small, its limbs are then below those of 2p (2^52 - 38, 2^52 -
 * 2). Limbs of the result are below those of a, plus 2^52: 2^53 for small a, 2^53 + 2^19 for the
 * sum of two. */
static inline void curve_fe_sub(struct curve_fe *out, const struct curve_fe *a,
				const struct curve_fe *b)
{
	out->limb[0] = a->limb[0] + (2 * CURVE_LIMB - 36) - b->limb[0];
	for (int i = 1; i < 5; i++)
		out->limb[i] = a->limb[i] + 2 * CURVE_LIMB - b->limb[i];
}

/*
 * The columns of a product of loose numbers, to a small number. Columns 0 to 3 have at most five
 * products below 2^108, four of them times 19: below 2^114.3. Column 4 has five products without
 * 19: below 2^110.4. So what is above 51 bits is below 2^63.3, and below 2^59.4 of column 4, 19
 * times which is below 2^63.7: added to the 51 bits of the next column each is below 2^64. Carried
 * once more, limb 0 gets less than 19 times 2^13, the others less than 2^13. Both steps take all
 * columns at once, which is faster than one carry that walks through them.
 */
static inline void curve_fe_carry(struct curve_fe *out, curve_u128 c0, curve_u128 c1, curve_u128 c2,
				  curve_u128 c3, curve_u128 c4)
{
	uint64_t l0 = ((uint64_t)c0 & CURVE_LIMB) + 19 * (uint64_t)(c4 >> 51);
	uint64_t l1 = ((uint64_t)c1 & CURVE_LIMB) + (uint64_t)(c0 >> 51);
	uint64_t l2 = ((uint64_t)c2 & CURVE_LIMB) + (uint64_t)(c1 >> 51);
	uint64_t l3 = ((uint64_t)c3 & CURVE_LIMB) + (uint64_t)(c2 >> 51);
	uint64_t l4 = ((uint64_t)c4 & CURVE_LIMB) + (uint64_t)(c3 >> 51);

	out->limb[0] = (l0 & CURVE_LIMB) + 19 * (l4 >> 51);
	out->limb[1] = (l1 & CURVE_LIMB) + (l0 >> 51);
	out->limb[2] = (l2 & CURVE_LIMB) + (l1 >> 51);
	out->limb[3] = (l3 & CURVE_LIMB) + (l2 >> 51);
	out->limb[4] = (l4 & CURVE_LIMB) + (l3 >> 51);
}

static inline void curve_fe_mul(struct curve_fe *out, const struct curve_fe *a,
				const struct curve_fe *b)
{
	uint64_t a0 = a->limb[0], a1 = a->limb[1], a2 = a->limb[2], a3 = a->limb[3],
		 a4 = a->limb[4];
	uint64_t b0 = b->limb[0], b1 = b->limb[1], b2 = b->limb[2], b3 = b->limb[3],
		 b4 = b->limb[4];
	/* 2^255 is 19: below 2^58.3 for a loose number */
	uint64_t n1 = 19 * b1, n2 = 19 * b2, n3 = 19 * b3, n4 = 19 * b4;
	curve_u128 c0, c1, c2, c3, c4;

	c0 = (curve_u128)a0 * b0 + (curve_u128)a1 * n4 + (curve_u128)a2 * n3 + (curve_u128)a3 * n2 +
	     (curve_u128)a4 * n1;
	c1 = (curve_u128)a0 * b1 + (curve_u128)a1 * b0 + (curve_u128)a2 * n4 + (curve_u128)a3 * n3 +
	     (curve_u128)a4 * n2;
	c2 = (curve_u128)a0 * b2 + (curve_u128)a1 * b1 + (curve_u128)a2 * b0 + (curve_u128)a3 * n4 +
	     (curve_u128)a4 * n3;
	c3 = (curve_u128)a0 * b3 + (curve_u128)a1 * b2 + (curve_u128)a2 * b1 + (curve_u128)a3 * b0 +
	     (curve_u128)a4 * n4;
	c4 = (curve_u128)a0 * b4 + (curve_u128)a1 * b3 + (curve_u128)a2 * b2 + (curve_u128)a3 * b1 +
	     (curve_u128)a4 * b0;
	curve_fe_carry(out, c0, c1, c2, c3, c4);
}

/* The columns are those of a times a; of the factors 2 a is below 2^55 and 38 a below 2^59.3. */
static inline void curve_fe_square(struct curve_fe *out, const struct curve_fe *a)
{
	uint64_t a0 = a->limb[0], a1 = a->limb[1], a2 = a->limb[2], a3 = a->limb[3],
		 a4 = a->limb[4];
	uint64_t d0 = 2 * a0, d1 = 2 * a1, n3 = 19 * a3, n4 = 19 * a4;
	curve_u128 c0, c1, c2, c3, c4;

	c0 = (curve_u128)a0 * a0 + (curve_u128)d1 * n4 + (curve_u128)(2 * a2) * n3;
	c1 = (curve_u128)d0 * a1 + (curve_u128)(2 * a2) * n4 + (curve_u128)a3 * n3;
	c2 = (curve_u128)d0 * a2 + (curve_u128)a1 * a1 + (curve_u128)(2 * a3) * n4;
	c3 = (curve_u128)d0 * a3 + (curve_u128)d1 * a2 + (curve_u128)a4 * n4;
	c4 = (curve_u128)d0 * a4 + (curve_u128)d1 * a3 + (curve_u128)a2 * a2;
	curve_fe_carry(out, c0, c1, c2, c3, c4);
}

extern const struct curve_fe curve_fe_zero, curve_fe_one;

/* 0 - a, for small a. */
static inline void curve_fe_negate(struct curve_fe *out, const struct curve_fe *a)
{
	curve_fe_sub(out, &curve_fe_zero, a);
}

/* A number from its 255 low bits, little-endian; the highest bit is passed over. Small. False if
 * the bits are p or more, so that another encoding is the canonical one; *out is their rest all the
 * same. */
bool curve_fe_get(struct curve_fe *out, const uint8_t octets[32]);

/* The one encoding of a small number: little-endian, below p, highest bit 0. */
void curve_fe_put(uint8_t octets[32], const struct curve_fe *a);

bool curve_fe_is_equal(const struct curve_fe *a, const struct curve_fe *b); /* both small */

/* 1/a of a loose number, 0 of 0: a^(p-2). */
void curve_fe_invert(struct curve_fe *out, const struct curve_fe *a);

/* a^((p-5)/8) of a loose number: the power that square roots are made with (RFC 8032
 * section 5.1.3). */
void curve_fe_power_root(struct curve_fe *out, const struct curve_fe *a);

#endif
