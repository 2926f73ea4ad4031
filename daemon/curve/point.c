/* point.c: see point.h. In every function the comment at a line is the bound of its limbs, where it
 * is not small; "2^52" stands for "2^52 + 2^19", the sum of two small numbers. */
#include "daemon/curve/point.h"

static const struct curve_fe d = {
	{0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb, 0x52036cee2b6ff}};
static const struct curve_fe d2 = {
	{0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977, 0x2406d9dc56dff}};
static const struct curve_fe root_of_minus_one = {
	{0x61b274a0ea0b0, 0x0d5a5fc8f189d, 0x7ef5e9cbd0c60, 0x78595a6804c9e, 0x2b8324804fc1d}};

const struct curve_point curve_identity = {.Y = {{1}}, .Z = {{1}}};

/* RFC 8032 section 5.1: y = 4/5, x even. */
const struct curve_point curve_base = {
	.X = {{0x62d608f25d51a, 0x412a4b4f6592a, 0x75b7171a4b31d, 0x1ff60527118fe,
	       0x216936d3cd6e5}},
	.Y = {{0x6666666666658, 0x4cccccccccccc, 0x1999999999999, 0x3333333333333,
	       0x6666666666666}},
	.Z = {{1}},
	.T = {{0x68ab3a5b7dda3, 0x00eea2a5eadbb, 0x2af8df483c27e, 0x332b375274732,
	       0x67875f0fd78b7}},
};

/* Makes a loose number small. */
static void settle(struct curve_fe *a)
{
	curve_fe_mul(a, a, &curve_fe_one);
}

/*
 * x of y: x^2 = u/v with u = y^2 - 1 and v = d y^2 + 1, so x is u v^3 (u v^7)^((p-5)/8), or that
 * times the root of -1. False if u/v is no square.
 */
static bool x_recover(struct curve_fe *x, const struct curve_fe *y)
{
	struct curve_fe u, v, v3, t, minus;

	curve_fe_square(&t, y);
	curve_fe_sub(&u, &t, &curve_fe_one); /* 2^53 */
	settle(&u);
	curve_fe_mul(&v, &t, &d);
	curve_fe_add(&v, &v, &curve_fe_one); /* 2^52 */
	curve_fe_square(&t, &v);
	curve_fe_mul(&v3, &t, &v);
	curve_fe_square(&t, &v3);
	curve_fe_mul(&t, &t, &v);
	curve_fe_mul(&t, &t, &u);
	curve_fe_power_root(&t, &t);
	curve_fe_mul(&t, &t, &v3);
	curve_fe_mul(x, &t, &u);
	curve_fe_square(&t, x);
	curve_fe_mul(&t, &t, &v);
	if (curve_fe_is_equal(&t, &u))
		return true;
	curve_fe_negate(&minus, &u); /* 2^53 */
	settle(&minus);
	curve_fe_mul(x, x, &root_of_minus_one);
	return curve_fe_is_equal(&t, &minus);
}

bool curve_point_get(struct curve_point *out, const uint8_t octets[32])
{
	uint8_t x[32];
	bool is_negative = octets[31] >> 7 != 0;

	if (!curve_fe_get(&out->Y, octets) || !x_recover(&out->X, &out->Y))
		return false;
	if (is_negative && curve_fe_is_equal(&out->X, &curve_fe_zero))
		return false;
	curve_fe_put(x, &out->X);
	if (((x[0] & 1) != 0) != is_negative) {
		curve_fe_negate(&out->X, &out->X); /* 2^53 */
		settle(&out->X);
	}
	out->Z = curve_fe_one;
	curve_fe_mul(&out->T, &out->X, &out->Y);
	return true;
}

void curve_point_put_inverted(uint8_t octets[32], const struct curve_point *p,
			      const struct curve_fe *inverse)
{
	struct curve_fe x, y;
	uint8_t sign[32];

	curve_fe_mul(&x, &p->X, inverse);
	curve_fe_mul(&y, &p->Y, inverse);
	curve_fe_put(sign, &x);
	curve_fe_put(octets, &y);
	octets[31] |= (uint8_t)((sign[0] & 1) << 7);
}

void curve_point_put(uint8_t octets[32], const struct curve_point *p)
{
	struct curve_fe inverse;

	curve_fe_invert(&inverse, &p->Z);
	curve_point_put_inverted(octets, p, &inverse);
}

bool curve_point_is_identity(const struct curve_point *p)
{
	return curve_fe_is_equal(&p->X, &curve_fe_zero) && curve_fe_is_equal(&p->Y, &p->Z);
}

void curve_point_negate(struct curve_point *out, const struct curve_point *p)
{
	*out = *p;
	curve_fe_negate(&out->X, &p->X); /* 2^53 */
	curve_fe_negate(&out->T, &p->T); /* 2^53 */
	settle(&out->X);
	settle(&out->T);
}

void curve_addend_make(struct curve_addend *out, const struct curve_point *p)
{
	curve_fe_add(&out->sum, &p->Y, &p->X);	      /* 2^52 */
	curve_fe_sub(&out->difference, &p->Y, &p->X); /* 2^53 */
	curve_fe_add(&out->z2, &p->Z, &p->Z);	      /* 2^52 */
	curve_fe_mul(&out->t2d, &p->T, &d2);
}

/* (e : f), (g : h) of the papers, to coordinates: all loose. */
static inline void finish(struct curve_point *out, const struct curve_fe *e,
			  const struct curve_fe *f, const struct curve_fe *g,
			  const struct curve_fe *h)
{
	curve_fe_mul(&out->X, e, f);
	curve_fe_mul(&out->Y, g, h);
	curve_fe_mul(&out->Z, f, g);
	curve_fe_mul(&out->T, e, h);
}

/*
 * Section 3.1 with k = 2d: A = (Y1-X1)(Y2-X2), B = (Y1+X1)(Y2+X2), C = T1 2d T2, D = Z1 2Z2; E =
 * B-A, F = D-C, G = D+C, H = B+A. The opposite of Q has sum and difference exchanged and T negated:
 * so F and G change places. D is below 2^52 at most, so F and G are below 2^53 + 2^19.
 */
static inline void unify(struct curve_point *out, const struct curve_point *p,
			 const struct curve_fe *sum, const struct curve_fe *difference,
			 const struct curve_fe *t2d, const struct curve_fe *D, bool minus)
{
	struct curve_fe A, B, C, E, F, G, H;

	curve_fe_sub(&A, &p->Y, &p->X); /* 2^53 */
	curve_fe_add(&B, &p->Y, &p->X); /* 2^52 */
	curve_fe_mul(&A, &A, difference);
	curve_fe_mul(&B, &B, sum);
	curve_fe_mul(&C, &p->T, t2d);
	curve_fe_sub(&E, &B, &A); /* 2^53 */
	curve_fe_sub(&F, D, &C);
	curve_fe_add(&G, D, &C);
	curve_fe_add(&H, &B, &A); /* 2^52 */
	if (minus)
		finish(out, &E, &G, &F, &H);
	else
		finish(out, &E, &F, &G, &H);
}

void curve_point_add(struct curve_point *out, const struct curve_point *p,
		     const struct curve_addend *q)
{
	struct curve_fe D;

	curve_fe_mul(&D, &p->Z, &q->z2);
	unify(out, p, &q->sum, &q->difference, &q->t2d, &D, false);
}

void curve_point_subtract(struct curve_point *out, const struct curve_point *p,
			  const struct curve_addend *q)
{
	struct curve_fe D;

	curve_fe_mul(&D, &p->Z, &q->z2);
	unify(out, p, &q->difference, &q->sum, &q->t2d, &D, true);
}

void curve_entry_add(struct curve_point *p, const struct curve_entry *q)
{
	struct curve_fe D;

	curve_fe_add(&D, &p->Z, &p->Z); /* 2^52 */
	unify(p, p, &q->sum, &q->difference, &q->t2d, &D, false);
}

void curve_entry_subtract(struct curve_point *p, const struct curve_entry *q)
{
	struct curve_fe D;

	curve_fe_add(&D, &p->Z, &p->Z); /* 2^52 */
	unify(p, p, &q->difference, &q->sum, &q->t2d, &D, true);
}

/*
 * Section 3.3 with all signs turned: H = X^2 + Y^2, E = H - (X+Y)^2, G = X^2 - Y^2, F = G + 2Z^2. T
 * is not read, and made only where the next step reads it.
 */
static inline void twice(struct curve_point *out, const struct curve_point *p, bool with_t)
{
	struct curve_fe A, B, C, E, F, G, H;

	curve_fe_square(&A, &p->X);
	curve_fe_square(&B, &p->Y);
	curve_fe_square(&C, &p->Z);
	curve_fe_add(&C, &C, &C);	/* 2^52 */
	curve_fe_add(&H, &A, &B);	/* 2^52 */
	curve_fe_add(&E, &p->X, &p->Y); /* 2^52 */
	curve_fe_square(&E, &E);
	curve_fe_sub(&E, &H, &E); /* 2^53 + 2^19 */
	curve_fe_sub(&G, &A, &B); /* 2^53 */
	curve_fe_add(&F, &G, &C); /* 2^53 + 2^52 + 2^19 */
	curve_fe_mul(&out->X, &E, &F);
	curve_fe_mul(&out->Y, &G, &H);
	curve_fe_mul(&out->Z, &F, &G);
	if (with_t)
		curve_fe_mul(&out->T, &E, &H);
}

void curve_point_double(struct curve_point *out, const struct curve_point *p)
{
	twice(out, p, true);
}

void curve_point_double_times(struct curve_point *out, const struct curve_point *p, int times)
{
	if (out != p)
		*out = *p;
	for (int i = 1; i < times; i++)
		twice(out, out, false);
	twice(out, out, true);
}

static void entry_make(struct curve_entry *out, const struct curve_point *p,
		       const struct curve_fe *inverse)
{
	struct curve_fe x, y, xy;

	curve_fe_mul(&x, &p->X, inverse);
	curve_fe_mul(&y, &p->Y, inverse);
	curve_fe_mul(&xy, &x, &y);
	curve_fe_add(&out->sum, &y, &x);	/* 2^52 */
	curve_fe_sub(&out->difference, &y, &x); /* 2^53 */
	settle(&out->sum);
	settle(&out->difference);
	curve_fe_mul(&out->t2d, &xy, &d2);
	out->unused = 0;
}

/* 1/(Z1 ... Zn) times the products before and after gives each 1/Zi. */
void curve_entries_make(struct curve_entry *out, const struct curve_point *points, int n)
{
	struct curve_fe before[CURVE_ENTRIES_MAX], all = curve_fe_one, inverse;

	for (int i = 0; i < n; i++) {
		before[i] = all;
		curve_fe_mul(&all, &all, &points[i].Z);
	}
	curve_fe_invert(&all, &all);
	for (int i = n - 1; i >= 0; i--) {
		curve_fe_mul(&inverse, &all, &before[i]);
		curve_fe_mul(&all, &all, &points[i].Z);
		entry_make(&out[i], &points[i], &inverse);
	}
}
