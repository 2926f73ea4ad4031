#include "libproto/vote.h"

#include <string.h>

#include "libproto/agree_errors.h"
#include "libproto/instance.h"

static int open_check(const ap_propose *propose)
{
	if (propose->verb == AP_VERB_VETO)
		return AGREE_EBADTERMS;
	if (propose->party != AP_PARTY_NONE)
		return AGREE_ENOTPARTY;
	return propose->credential.kind == AP_CREDENTIAL_NONE ? 0 : AGREE_ECREDENTIAL;
}

static int party_check(const ap_terms *terms, const ap_propose *propose)
{
	uint8_t kind;

	if (propose->party >= terms->n_parties)
		return AGREE_ENOTPARTY;
	kind = terms->parties[propose->party].key.present ? AP_CREDENTIAL_SIGNATURE
							  : AP_CREDENTIAL_SECRET;
	return propose->credential.kind == kind ? 0 : AGREE_ECREDENTIAL;
}

int ap_vote_check(const ap_terms *terms, const ap_propose *propose)
{
	int why;

	if (propose->verb == AP_VERB_OBSERVE)
		return 0;
	why = ap_terms_is_open(terms) ? open_check(propose) : party_check(terms, propose);
	if (why != 0)
		return why;
	if (propose->verb == AP_VERB_VETO)
		return propose->value.len == 0 ? 0 : AGREE_EFORM;
	return ap_terms_takes(terms, &propose->value) ? 0 : AGREE_EFIXED;
}

bool ap_vote_opens(ap_sha256_fn *sha256, const ap_descriptor *descriptor,
		   const uint8_t id[AP_ID_LEN], uint8_t party, bool yes, const uint8_t secret[32])
{
	const ap_terms *terms = &descriptor->terms;
	uint8_t digest[32];
	size_t at = 0;

	if (party >= terms->n_parties || terms->parties[party].key.present)
		return false;
	for (size_t i = 0; i < party; i++) /* in the order of the parties without a key */
		at += !terms->parties[i].key.present;
	if (at >= descriptor->n_locks)
		return false;
	ap_lock_digest(sha256, digest, id, party, yes, secret);
	return memcmp(digest,
		      yes ? descriptor->locks[at].yes.octets : descriptor->locks[at].no.octets,
		      sizeof(digest)) == 0;
}
