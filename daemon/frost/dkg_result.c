/* dkg_result.c: what comes out of key generation, in public and for each member; the file of an
 * encryption key. */
#include <string.h>

#include "daemon/frost/dkg_inner.h"
#include "daemon/frost/inner.h"

/* The commitments of the sum of all polynomials. A sum that is the identity is refused in every
 * place: as PK it would verify anything, as the last one it would lower the threshold. */
static int commitments_add(uint8_t sum[FROST_THRESHOLD_MAX][32], const struct dkg_run *run,
			   const struct dkg_deal deals[])
{
	for (uint32_t k = 0; k < run->t; k++) {
		memcpy(sum[k], deals[0].phi[k], 32);
		for (uint32_t i = 1; i < run->n; i++) {
			int rc = frost_point_add(sum[k], sum[k], deals[i].phi[k]);

			if (rc < 0)
				return rc;
		}
		if (frost_point_is_identity(sum[k]))
			return FROST_EIDENTITY;
	}
	return 0;
}

int dkg_public(struct frost_group *out, const struct dkg_run *run, const struct dkg_deal deals[])
{
	uint8_t sum[FROST_THRESHOLD_MAX][32];
	int rc = dkg_run_check(run);

	memset(out, 0, sizeof(*out));
	if (rc == 0)
		rc = commitments_add(sum, run, deals);
	if (rc < 0)
		return rc;
	out->epoch = run->epoch;
	out->n = run->n;
	out->t = run->t;
	memcpy(out->key, sum[0], 32);
	for (uint32_t j = 0; j < run->n && rc == 0; j++) {
		out->id[j] = (uint16_t)(j + 1);
		rc = dkg_commitments_at(out->verifier[j], sum[0], run->t, out->id[j]);
		if (rc == 0 && frost_point_is_identity(out->verifier[j]))
			rc = FROST_EIDENTITY;
	}
	if (rc < 0)
		memset(out, 0, sizeof(*out));
	return rc;
}

/* s_j, the sum of all shares received; *culprit is the dealer whose share is bad. */
static int shares_add(uint8_t sum[32], const struct dkg_run *run, const struct dkg_deal deals[],
		      uint16_t me, const uint8_t ek[32], uint16_t *culprit)
{
	uint8_t share[32];
	int rc = 0;

	memset(sum, 0, 32);
	for (uint16_t i = 1; i <= run->n && rc == 0; i++) {
		rc = dkg_share_receive(share, run, i, &deals[i - 1], me, ek);
		if (rc == FROST_ESUBSHARE)
			*culprit = i;
		frost_scalar_add(sum, sum, share);
	}
	sodium_memzero(share, sizeof(share));
	return rc;
}

int dkg_result(struct frost_key *out, const struct dkg_run *run, const struct dkg_deal deals[],
	       uint16_t me, const uint8_t ek[32], uint16_t *culprit)
{
	uint8_t verifier[32];
	int rc;

	*culprit = 0;
	memset(out, 0, sizeof(*out));
	rc = dkg_public(&out->group, run, deals);
	if (rc == 0 && !dkg_is_member(run, me))
		rc = FROST_EMEMBER;
	if (rc == 0)
		rc = shares_add(out->share, run, deals, me, ek, culprit);
	if (rc == 0) {
		out->id = me;
		frost_point_base(verifier, out->share);
		if (memcmp(verifier, out->group.verifier[me - 1], 32) != 0)
			rc = FROST_ERESULT;
	}
	if (rc < 0)
		frost_key_wipe(out);
	frost_stack_wipe();
	return rc;
}

#define MAGIC	"agreeenk"
#define VERSION 1

_Static_assert(8 + 4 + 32 + 2 + 32 + FROST_CHECKSUM == DKG_ENCKEY_OCTETS, "size of an enckey file");

/* magic 8, version u32, sid 32, identifier u16, ek 32, checksum 32 */
size_t dkg_enckey_put(uint8_t out[DKG_ENCKEY_OCTETS], const uint8_t sid[32], uint16_t id,
		      const uint8_t ek[32])
{
	uint8_t *at = frost_put_octets(out, (const uint8_t *)MAGIC, 8);

	at = frost_put_uint(at, VERSION, 4);
	at = frost_put_octets(at, sid, 32);
	at = frost_put_uint(at, id, 2);
	at = frost_put_octets(at, ek, 32);
	at = frost_put_checksum(out, at);
	return (size_t)(at - out);
}

int dkg_enckey_get(uint8_t ek[32], const uint8_t sid[32], uint16_t id, const uint8_t *octets,
		   size_t size)
{
	uint64_t version, owner;
	const uint8_t *at, *run;
	int rc;

	memset(ek, 0, 32);
	if (size != DKG_ENCKEY_OCTETS || memcmp(octets, MAGIC, 8) != 0)
		return FROST_EFORMAT;
	at = frost_get_uint(octets + 8, &version, 4);
	if (version != VERSION)
		return FROST_EVERSION;
	rc = frost_checksum_check(octets, size);
	if (rc < 0)
		return rc;
	run = at;
	at = frost_get_uint(at + 32, &owner, 2);
	if (memcmp(run, sid, 32) != 0 || owner != id)
		return FROST_EOTHER;
	if (!frost_scalar_is_canonical(at))
		return FROST_ESCALAR;
	if (frost_scalar_is_zero(at))
		return FROST_EZERO;
	memcpy(ek, at, 32);
	return 0;
}
