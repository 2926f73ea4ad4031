/*
 * What a vote must be: judged alike by the client that makes one, the replica that takes it, and
 * all replicas that execute it. draft {#votes}, {#request}. Pure: the hash comes in as a function,
 * and signatures are verified by whoever has the means (libproto/crypto.h, libsodium), over
 * ap_vote_put() of libproto/instance.h.
 */
#ifndef AP_VOTE_H
#define AP_VOTE_H

#include "libproto/codec.h"
#include "libproto/kinds.h"

/*
 * What the octets of a request say under these terms, which ap_terms_check() has passed. 0;
 * AGREE_EBADTERMS: a veto of an open instance; AGREE_ENOTPARTY; AGREE_ECREDENTIAL: not of the
 * party's kind; AGREE_EFORM: a veto with a value; AGREE_EFIXED. Of an OBSERVE nothing is looked at.
 * Whether the credential is right is not judged here.
 */
int ap_vote_check(const ap_terms *terms, const ap_propose *propose);

/* Does this secret open the lock of a party (index; without key) for yes or no? The descriptor is
 * one that ap_descriptor_check() has passed. */
bool ap_vote_opens(ap_sha256_fn *sha256, const ap_descriptor *descriptor,
		   const uint8_t id[AP_ID_LEN], uint8_t party, bool yes, const uint8_t secret[32]);

#endif
