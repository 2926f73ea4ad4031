/* dkg_inner.h: what the files of key generation share. */
#ifndef FROST_DKG_INNER_H
#define FROST_DKG_INNER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/frost/dkg.h"

/* n and t are within their limits. 0, FROST_ELIMIT. */
int dkg_run_check(const struct dkg_run *run);
bool dkg_is_member(const struct dkg_run *run, uint16_t id);

/* What is added to the share that `dealer` has for `receiver`. S is secret, the pad with it. */
void dkg_pad(uint8_t pad[32], const struct dkg_run *run, uint16_t dealer, uint16_t receiver,
	     const uint8_t K[32], const uint8_t S[32]);

/* sum of [id^k]phi_k: the public image of a polynomial at `id`. `phi` holds `count` points, none of
 * them the identity. The result may be the identity. 0, FROST_EPOINT. */
int dkg_commitments_at(uint8_t out[32], const uint8_t *phi, uint32_t count, uint16_t id);

/* `share` fits the dealing's commitments at `id`. 0, FROST_ESUBSHARE, FROST_EPOINT. */
int dkg_share_check(const struct dkg_run *run, const struct dkg_deal *deal, uint16_t id,
		    const uint8_t share[32]);

#endif
