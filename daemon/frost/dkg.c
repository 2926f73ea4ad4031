/* dkg.c: see dkg.h. What a dealer makes and everybody checks; complaints and results have files of
 * their own. */
#include "daemon/frost/dkg.h"

#include <string.h>

#include "daemon/frost/dkg_inner.h"
#include "daemon/frost/inner.h"

int dkg_run_check(const struct dkg_run *run)
{
	if (run->n < 1 || run->n > FROST_MEMBERS_MAX || run->t < 1 ||
	    run->t > FROST_THRESHOLD_MAX || run->t > run->n)
		return FROST_ELIMIT;
	return 0;
}

bool dkg_is_member(const struct dkg_run *run, uint16_t id)
{
	return id >= 1 && id <= run->n;
}

int dkg_sid(uint8_t out[32], const uint8_t genesis[32], uint32_t epoch, uint32_t attempt,
	    uint32_t n, uint32_t t, const uint8_t *identities)
{
	uint8_t members[32], number[8];
	struct frost_hash h;

	if (n < 1 || n > FROST_MEMBERS_MAX || t < 1 || t > FROST_THRESHOLD_MAX || t > n)
		return FROST_ELIMIT;
	frost_hash_begin_tag(&h, "agree1-dkg-set");
	frost_put_uint(frost_put_uint(number, n, 4), t, 4);
	frost_hash_add(&h, number, 8);
	frost_hash_add(&h, identities, (size_t)n * 32);
	frost_hash_half(&h, members);

	frost_hash_begin_tag(&h, "agree1-dkg-sid");
	frost_hash_add(&h, genesis, 32);
	frost_put_uint(number, epoch, 4);
	frost_hash_add(&h, number, 4);
	frost_hash_add(&h, members, 32);
	frost_put_uint(number, attempt, 4);
	frost_hash_add(&h, number, 4);
	frost_hash_half(&h, out);
	return 0;
}

void dkg_enckey_make(uint8_t ek[32], uint8_t EK[32], const struct frost_random *random)
{
	frost_scalar_random(ek, random);
	frost_point_base(EK, ek);
	frost_stack_wipe();
}

int dkg_enckey_check(const struct dkg_run *run, uint32_t have, const uint8_t EK[32])
{
	if (!frost_point_is_valid(EK))
		return FROST_EPOINT;
	for (uint32_t j = 0; j < FROST_MEMBERS_MAX; j++)
		if ((have >> j & 1) != 0 && memcmp(run->enckey[j], EK, 32) == 0)
			return FROST_EREPEATED;
	return 0;
}

/* h = HDKG(id ‖ phi_0 ‖ R). The identifier in it keeps a member from passing another's proof on as
 * its own. */
static void challenge_secret(uint8_t h[32], uint16_t dealer, const struct dkg_deal *deal)
{
	struct frost_hash hash;

	frost_hash_begin(&hash, FROST_HDKG);
	frost_hash_add_id(&hash, dealer);
	frost_hash_add(&hash, deal->phi[0], 32);
	frost_hash_add(&hash, deal->R, 32);
	frost_hash_scalar(&hash, h);
}

/* The same for K. Without this proof a faulty dealer copies an honest K with garbage for shares,
 * and the complaints publish the honest dealer's shared points, which open its polynomial. */
static void challenge_ephemeral(uint8_t h[32], const struct dkg_run *run, uint16_t dealer,
				const struct dkg_deal *deal)
{
	struct frost_hash hash;

	frost_hash_begin_tag(&hash, "agree1-dkg-eph");
	frost_hash_add(&hash, run->sid, 32);
	frost_hash_add_id(&hash, dealer);
	frost_hash_add(&hash, deal->K, 32);
	frost_hash_add(&hash, deal->KR, 32);
	frost_hash_scalar(&hash, h);
}

void dkg_pad(uint8_t pad[32], const struct dkg_run *run, uint16_t dealer, uint16_t receiver,
	     const uint8_t K[32], const uint8_t S[32])
{
	struct frost_hash hash;

	frost_hash_begin_tag(&hash, "agree1-dkg-pad");
	frost_hash_add(&hash, run->sid, 32);
	frost_hash_add_id(&hash, dealer);
	frost_hash_add_id(&hash, receiver);
	frost_hash_add(&hash, K, 32);
	frost_hash_add(&hash, run->enckey[receiver - 1], 32);
	frost_hash_add(&hash, S, 32);
	frost_hash_scalar(&hash, pad);
}

int dkg_commitments_at(uint8_t out[32], const uint8_t *phi, uint32_t count, uint16_t id)
{
	uint8_t x[32], power[32], term[32], sum[32];
	int rc = 0;

	frost_scalar_set(x, id);
	frost_scalar_set(power, 1);
	memcpy(sum, phi, 32);
	for (uint32_t k = 1; k < count; k++) {
		frost_scalar_mul(power, power, x);
		rc = frost_point_mult(term, power, phi + (size_t)k * 32);
		if (rc == 0)
			rc = frost_point_add(sum, sum, term);
		if (rc < 0)
			return rc;
	}
	memcpy(out, sum, 32);
	return 0;
}

/* What a dealer knows while it deals. */
struct dealer {
	uint8_t a[FROST_THRESHOLD_MAX][32]; /* its polynomial */
	uint8_t k[32];			    /* its ephemeral key */
	uint8_t r[32];			    /* nonce of a proof */
	uint8_t h[32];
	uint8_t S[32];
	uint8_t share[32];
	uint8_t x[32];
};

/* f(id), Horner. */
static void polynomial_at(struct dealer *d, uint32_t t, uint16_t id)
{
	frost_scalar_set(d->x, id);
	memcpy(d->share, d->a[t - 1], 32);
	for (uint32_t k = t - 1; k > 0; k--) {
		frost_scalar_mul(d->share, d->share, d->x);
		frost_scalar_add(d->share, d->share, d->a[k - 1]);
	}
}

/* mu = r + secret h */
static void proof_answer(struct dealer *d, uint8_t mu[32], const uint8_t secret[32])
{
	frost_scalar_mul(mu, secret, d->h);
	frost_scalar_add(mu, mu, d->r);
}

/* Commitments, ephemeral key and both proofs. */
static void deal_public(struct dealer *d, struct dkg_deal *out, const struct dkg_run *run,
			uint16_t dealer, const struct frost_random *random)
{
	for (uint32_t k = 0; k < run->t; k++) {
		frost_scalar_random(d->a[k], random);
		frost_point_base(out->phi[k], d->a[k]);
	}
	frost_scalar_random(d->r, random);
	frost_point_base(out->R, d->r);
	challenge_secret(d->h, dealer, out);
	proof_answer(d, out->mu, d->a[0]);

	frost_scalar_random(d->k, random);
	frost_point_base(out->K, d->k);
	frost_scalar_random(d->r, random);
	frost_point_base(out->KR, d->r);
	challenge_ephemeral(d->h, run, dealer, out);
	proof_answer(d, out->Kmu, d->k);
}

int dkg_deal_make(struct dkg_deal *out, const struct dkg_run *run, uint16_t dealer,
		  const struct frost_random *random)
{
	struct dealer d;
	int rc = dkg_run_check(run);

	memset(out, 0, sizeof(*out));
	if (rc < 0)
		return rc;
	if (!dkg_is_member(run, dealer))
		return FROST_EMEMBER;
	out->points = run->t;
	out->shares = run->n;
	deal_public(&d, out, run, dealer, random);
	for (uint16_t j = 1; j <= run->n; j++) {
		polynomial_at(&d, run->t, j);
		rc = frost_point_mult(d.S, d.k, run->enckey[j - 1]);
		if (rc < 0)
			break;
		dkg_pad(d.h, run, dealer, j, out->K, d.S);
		frost_scalar_add(out->ct[j - 1], d.share, d.h);
	}
	if (rc < 0)
		memset(out, 0, sizeof(*out));
	sodium_memzero(&d, sizeof(d));
	frost_stack_wipe();
	return rc;
}

/* [mu]B == R + [h]P; P and R are valid points, mu is canonical. */
static bool proof_holds(const uint8_t mu[32], const uint8_t R[32], const uint8_t h[32],
			const uint8_t P[32])
{
	uint8_t left[32], right[32];

	frost_point_base(left, mu);
	return frost_point_mult(right, h, P) == 0 && frost_point_add(right, R, right) == 0 &&
	       memcmp(left, right, 32) == 0;
}

/* Counts, points and scalars, as far as each can be judged alone. */
static int deal_values_check(const struct dkg_run *run, const struct dkg_deal *deal)
{
	if (deal->points != run->t)
		return FROST_EPOINTS; /* a longer vector would raise the threshold and lock the key
				       */
	if (deal->shares != run->n)
		return FROST_ESHARES;
	for (uint32_t k = 0; k < run->t; k++)
		if (!frost_point_is_valid(deal->phi[k]))
			return FROST_EPOINT;
	if (!frost_point_is_valid(deal->R) || !frost_point_is_valid(deal->K) ||
	    !frost_point_is_valid(deal->KR))
		return FROST_EPOINT;
	if (!frost_scalar_is_canonical(deal->mu) || !frost_scalar_is_canonical(deal->Kmu))
		return FROST_ESCALAR;
	for (uint32_t j = 0; j < run->n; j++)
		if (!frost_scalar_is_canonical(deal->ct[j]))
			return FROST_ESCALAR;
	return 0;
}

int dkg_deal_check(const struct dkg_run *run, uint16_t dealer, const struct dkg_deal *deal)
{
	uint8_t h[32];
	int rc = dkg_run_check(run);

	if (rc < 0)
		return rc;
	if (!dkg_is_member(run, dealer))
		return FROST_EMEMBER;
	rc = deal_values_check(run, deal);
	if (rc < 0)
		return rc;
	challenge_secret(h, dealer, deal);
	if (!proof_holds(deal->mu, deal->R, h, deal->phi[0]))
		return FROST_EPROOF;
	challenge_ephemeral(h, run, dealer, deal);
	if (!proof_holds(deal->Kmu, deal->KR, h, deal->K))
		return FROST_EPROOFKEY;
	return 0;
}
