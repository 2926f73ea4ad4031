/* dkg.h: key generation without a dealer, as pure steps over fixed-size arrays. draft {#keygen}
 *
 * Members have the identifiers 1..n; arrays over members are indexed by identifier - 1. Everything
 * a member sends is ordered and signed by its identity key, which happens elsewhere. A run:
 *
 * 1. dkg_sid(); dkg_enckey_make(), ek on disk, then ENCKEY. With all n the set of keys is frozen.
 * 2. dkg_deal_make(), then DEAL; everybody runs dkg_deal_check() on each that is ordered.
 * 3. dkg_share_receive() of each; if one fails dkg_complaint_make(), then COMPLAINT, which
 * everybody judges by dkg_complaint_check().
 * 4. dkg_result(), key on disk, then READY with the hash of all dealings.
 * 5. With all n READY for one hash everybody has dkg_public() in its state.
 *
 * A dealer keeps nothing of its dealing: ct to itself is in it, and polynomial and ephemeral key
 * are wiped before dkg_deal_make() returns. Only ek must survive a crash, until the key share is on
 * disk. */
#ifndef FROST_DKG_H
#define FROST_DKG_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/frost/errors.h"
#include "daemon/frost/frost.h"

/* Everything that one run is about. Public. */
struct dkg_run {
	uint8_t sid[32];
	uint32_t epoch;
	uint32_t n; /* 1..13 */
	uint32_t t; /* 1..5, at most n */
	/* EK_j, the first n used; frozen before the first DEAL */
	uint8_t enckey[FROST_MEMBERS_MAX][32];
};

/* DEAL, as on the wire. */
struct dkg_deal {
	uint32_t points; /* entries in phi: must be t */
	uint32_t shares; /* entries in ct: must be n */
	uint8_t phi[FROST_THRESHOLD_MAX][32];
	uint8_t R[32]; /* proof of possession of phi[0] */
	uint8_t mu[32];
	uint8_t K[32];	/* ephemeral key */
	uint8_t KR[32]; /* proof of possession of K */
	uint8_t Kmu[32];
	uint8_t ct[FROST_MEMBERS_MAX][32]; /* encrypted share of member j at j - 1 */
};

/* COMPLAINT of member `sender` about the share in `dealer`'s DEAL. */
struct dkg_complaint {
	uint16_t sender;
	uint16_t dealer;
	uint8_t S[32]; /* the shared point: opens this one share only */
	uint8_t A1[32];
	uint8_t A2[32];
	uint8_t w[32];
};

/* First 32 octets of SHA-512(T("agree1-dkg-sid") ‖ genesis ‖ epoch u32 ‖ members ‖ attempt u32),
 * members being the first 32 octets of SHA-512(T("agree1-dkg-set") ‖ n u32 ‖ t u32 ‖ the identity
 * keys); T() is 16 octets, zero-padded, integers are big-endian. `identities` holds n times 32
 * octets. 0, FROST_ELIMIT. */
int dkg_sid(uint8_t out[32], const uint8_t genesis[32], uint32_t epoch, uint32_t attempt,
	    uint32_t n, uint32_t t, const uint8_t *identities);

/* A fresh key pair: ek secret, EK public. */
void dkg_enckey_make(uint8_t ek[32], uint8_t EK[32], const struct frost_random *random);

/* ENCKEY is a valid point and none of those keys in run->enckey whose bit (identifier - 1) is set
 * in `have`. 0, FROST_EPOINT, FROST_EREPEATED. */
int dkg_enckey_check(const struct dkg_run *run, uint32_t have, const uint8_t EK[32]);

/* ek as octets for a file, bound to the run and the member. The caller wipes octets and ek.
 * 0, FROST_EFORMAT, FROST_EVERSION, FROST_ECHECKSUM, FROST_EOTHER, FROST_ESCALAR, FROST_EZERO. */
#define DKG_ENCKEY_OCTETS 110
size_t dkg_enckey_put(uint8_t out[DKG_ENCKEY_OCTETS], const uint8_t sid[32], uint16_t id,
		      const uint8_t ek[32]);
int dkg_enckey_get(uint8_t ek[32], const uint8_t sid[32], uint16_t id, const uint8_t *octets,
		   size_t size);

/* The dealing of member `dealer`. 0, FROST_ELIMIT, FROST_EMEMBER, FROST_EPOINT (an encryption key
 * is bad). */
int dkg_deal_make(struct dkg_deal *out, const struct dkg_run *run, uint16_t dealer,
		  const struct frost_random *random);

/* All that can be seen in a dealing without a secret; a pure function, the same verdict at every
 * replica. 0, FROST_ELIMIT, FROST_EMEMBER, FROST_EPOINTS, FROST_ESHARES, FROST_EPOINT,
 * FROST_ESCALAR, FROST_EPROOF, FROST_EPROOFKEY. */
int dkg_deal_check(const struct dkg_run *run, uint16_t dealer, const struct dkg_deal *deal);

/* The share that a checked dealing has for member `me`; zero on failure. 0, FROST_ELIMIT,
 * FROST_EMEMBER, FROST_ESCALAR, FROST_EOTHER (ek is not that of EK_me: nobody's fault but ours),
 * FROST_EPOINT, FROST_ESUBSHARE: complain. */
int dkg_share_receive(uint8_t share[32], const struct dkg_run *run, uint16_t dealer,
		      const struct dkg_deal *deal, uint16_t me, const uint8_t ek[32]);

/* Errors as above, without FROST_ESUBSHARE. */
int dkg_complaint_make(struct dkg_complaint *out, const struct dkg_run *run, uint16_t dealer,
		       const struct dkg_deal *deal, uint16_t me, const uint8_t ek[32],
		       const struct frost_random *random);

/* Pure. 0: upheld, the dealer is at fault. FROST_EMEMBER, FROST_EPOINT, FROST_ESCALAR, FROST_EDLEQ,
 * FROST_EUNFOUNDED: it has no effect, its sender is at fault. */
int dkg_complaint_check(const struct dkg_run *run, const struct dkg_deal *deal,
			const struct dkg_complaint *complaint);

/* The public result of n checked dealings. Pure. 0, FROST_ELIMIT, FROST_EPOINT, FROST_EIDENTITY. */
int dkg_public(struct frost_group *out, const struct dkg_run *run, const struct dkg_deal deals[]);

/* The key of member `me` from n checked dealings; `out` is wiped on failure. 0, an error of
 * dkg_public() or dkg_share_receive(), FROST_ESUBSHARE with the dealer in *culprit (else 0),
 * FROST_ERESULT: [s]B is not Y, which cannot happen. */
int dkg_result(struct frost_key *out, const struct dkg_run *run, const struct dkg_deal deals[],
	       uint16_t me, const uint8_t ek[32], uint16_t *culprit);

#endif
