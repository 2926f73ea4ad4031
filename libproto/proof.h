/*
 * The one way from octets to "proven": record, leaf, root, statement, signature. draft {#proof}
 *
 * Nothing in an AGREE record is to be believed, shown or stored before ap_proof_check() has
 * returned 0 for it under a key that is trusted for another reason.
 */
#ifndef AP_PROOF_H
#define AP_PROOF_H

#include "libproto/codec.h"
#include "libproto/crypto.h"
#include "libproto/kinds.h"
#include "libproto/statement.h"

/*
 * Record of leaf `index` in an executed batch: nodes is the tree as of ap_merkle_build(), of
 * statement->count leaves. False if there is no such leaf or the batch is too large.
 */
bool ap_agree_make(ap_agree *agree, const ap_outcome *outcome, const struct ap_statement *statement,
		   const uint8_t *nodes, size_t index, const uint8_t sig[64]);

/*
 * The statement that this record stands under, rebuilt from record and id: pure. False if index,
 * count and path do not fit together.
 */
bool ap_agree_statement(ap_sha256_fn *sha256, struct ap_statement *statement,
			const uint8_t id[AP_ID_LEN], const ap_agree *agree);

/* Why no correct network makes this record, signatures apart; NULL if one may. Pure. */
const char *ap_agree_check(const ap_agree *agree, const uint8_t id[AP_ID_LEN]);

/*
 * Is it proven that the network with this key gave this outcome for this instance? expected: the
 * 16 octets that were sent with the question, or NULL if the answer need not be fresh (a saved
 * proof, a tool that sent none). 0, or what is wrong:
 *
 *   AGREE_EPROOF      the record contradicts itself or the id (see ap_agree_check()), or its path
 *                     does not fit index and leaf count
 *   AGREE_ESIGNATURE  not signed by this key: another network, instance or outcome, or altered
 *   AGREE_ENONCE      good, but not final and not for this question: it may be an old one
 *   AGREE_ENOMEM      nothing is said about the record
 */
int ap_proof_check(struct ap_verify_key *key, const uint8_t id[AP_ID_LEN], const ap_agree *agree,
		   const uint8_t *expected);

/*
 * The same from octets of RDATA, under a key that is used once. Further: AGREE_ERECORD if they do
 * not decode, AGREE_EKEY if the key is not one to verify with. `agree` is good on 0 only, and
 * borrows from the octets.
 */
int ap_proof_parse(ap_agree *agree, const uint8_t key[32], const uint8_t id[AP_ID_LEN],
		   ap_bytes rdata, const uint8_t *expected);

#endif
