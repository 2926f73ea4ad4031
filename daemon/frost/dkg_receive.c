/* dkg_receive.c: a member's own share of a dealing, and what it says in public if that is bad. */
#include <string.h>

#include "daemon/frost/dkg_inner.h"
#include "daemon/frost/inner.h"

int dkg_share_check(const struct dkg_run *run, const struct dkg_deal *deal, uint16_t id,
		    const uint8_t share[32])
{
	uint8_t left[32], right[32];
	int rc = dkg_commitments_at(right, deal->phi[0], run->t, id);

	if (rc < 0)
		return rc;
	frost_point_base(left, share);
	return memcmp(left, right, 32) == 0 ? 0 : FROST_ESUBSHARE;
}

/* ek is the secret of EK_me: with another one every dealer would look guilty. */
static int own_key_check(const struct dkg_run *run, uint16_t dealer, uint16_t me,
			 const uint8_t ek[32])
{
	uint8_t EK[32];
	int rc = dkg_run_check(run);

	if (rc < 0)
		return rc;
	if (!dkg_is_member(run, dealer) || !dkg_is_member(run, me))
		return FROST_EMEMBER;
	if (!frost_scalar_is_canonical(ek))
		return FROST_ESCALAR;
	frost_point_base(EK, ek);
	return memcmp(EK, run->enckey[me - 1], 32) == 0 ? 0 : FROST_EOTHER;
}

int dkg_share_receive(uint8_t share[32], const struct dkg_run *run, uint16_t dealer,
		      const struct dkg_deal *deal, uint16_t me, const uint8_t ek[32])
{
	uint8_t S[32], pad[32];
	int rc = own_key_check(run, dealer, me, ek);

	memset(share, 0, 32);
	if (rc == 0)
		rc = frost_point_mult(S, ek, deal->K);
	if (rc < 0)
		return rc;
	dkg_pad(pad, run, dealer, me, deal->K, S);
	frost_scalar_sub(share, deal->ct[me - 1], pad);
	rc = dkg_share_check(run, deal, me, share);
	if (rc < 0)
		sodium_memzero(share, 32);
	sodium_memzero(S, sizeof(S));
	sodium_memzero(pad, sizeof(pad));
	frost_stack_wipe();
	return rc;
}

/* The one challenge for both equations of a complaint. */
static void challenge_dleq(uint8_t h[32], const struct dkg_run *run, const struct dkg_deal *deal,
			   const struct dkg_complaint *c)
{
	struct frost_hash hash;

	frost_hash_begin_tag(&hash, "agree1-dkg-dleq");
	frost_hash_add(&hash, run->sid, 32);
	frost_hash_add_id(&hash, c->dealer);
	frost_hash_add_id(&hash, c->sender);
	frost_hash_add(&hash, deal->K, 32);
	frost_hash_add(&hash, run->enckey[c->sender - 1], 32);
	frost_hash_add(&hash, c->S, 32);
	frost_hash_add(&hash, c->A1, 32);
	frost_hash_add(&hash, c->A2, 32);
	frost_hash_scalar(&hash, h);
}

int dkg_complaint_make(struct dkg_complaint *out, const struct dkg_run *run, uint16_t dealer,
		       const struct dkg_deal *deal, uint16_t me, const uint8_t ek[32],
		       const struct frost_random *random)
{
	uint8_t r[32], h[32];
	int rc = own_key_check(run, dealer, me, ek);

	memset(out, 0, sizeof(*out));
	if (rc < 0)
		return rc;
	out->sender = me;
	out->dealer = dealer;
	frost_scalar_random(r, random);
	frost_point_base(out->A1, r);
	rc = frost_point_mult(out->S, ek, deal->K);
	if (rc == 0)
		rc = frost_point_mult(out->A2, r, deal->K);
	if (rc == 0) {
		challenge_dleq(h, run, deal, out);
		frost_scalar_mul(out->w, h, ek);
		frost_scalar_add(out->w, out->w, r);
	} else {
		memset(out, 0, sizeof(*out));
	}
	sodium_memzero(r, sizeof(r));
	frost_stack_wipe();
	return rc;
}

/* [w]P == A + [h]Q */
static bool dleq_holds(const uint8_t left[32], const uint8_t A[32], const uint8_t h[32],
		       const uint8_t Q[32])
{
	uint8_t right[32];

	return frost_point_mult(right, h, Q) == 0 && frost_point_add(right, A, right) == 0 &&
	       memcmp(left, right, 32) == 0;
}

static int dleq_check(const struct dkg_run *run, const struct dkg_deal *deal,
		      const struct dkg_complaint *c)
{
	uint8_t h[32], left[32];

	if (!frost_point_is_valid(c->S) || !frost_point_is_valid(c->A1) ||
	    !frost_point_is_valid(c->A2))
		return FROST_EPOINT;
	if (!frost_scalar_is_canonical(c->w))
		return FROST_ESCALAR;
	challenge_dleq(h, run, deal, c);
	frost_point_base(left, c->w);
	if (!dleq_holds(left, c->A1, h, run->enckey[c->sender - 1]))
		return FROST_EDLEQ;
	if (frost_point_mult(left, c->w, deal->K) < 0 || !dleq_holds(left, c->A2, h, c->S))
		return FROST_EDLEQ;
	return 0;
}

int dkg_complaint_check(const struct dkg_run *run, const struct dkg_deal *deal,
			const struct dkg_complaint *complaint)
{
	uint8_t pad[32], share[32];
	int rc = dkg_run_check(run);

	if (rc < 0)
		return rc;
	if (!dkg_is_member(run, complaint->dealer) || !dkg_is_member(run, complaint->sender))
		return FROST_EMEMBER;
	rc = dleq_check(run, deal, complaint);
	if (rc < 0)
		return rc;
	dkg_pad(pad, run, complaint->dealer, complaint->sender, deal->K, complaint->S);
	frost_scalar_sub(share, deal->ct[complaint->sender - 1], pad);
	rc = dkg_share_check(run, deal, complaint->sender, share);
	if (rc == 0)
		return FROST_EUNFOUNDED;
	return rc == FROST_ESUBSHARE ? 0 : rc;
}
