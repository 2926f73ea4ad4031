#include "libproto/proof.h"

#include <string.h>

#include "libproto/instance.h"
#include "libproto/merkle.h"
#include "libproto/outcome.h"

bool ap_agree_make(ap_agree *agree, const ap_outcome *outcome, const struct ap_statement *statement,
		   const uint8_t *nodes, size_t index, const uint8_t sig[64])
{
	ap_proof *p = &agree->proof;

	if (statement->count > AP_BATCH_REQUESTS_MAX ||
	    !ap_merkle_path(&p->path, nodes, statement->count, index))
		return false;
	agree->outcome = *outcome;
	p->epoch = statement->epoch;
	p->sequence = statement->seq;
	p->time = statement->time_ms;
	p->count = (uint16_t)statement->count;
	p->index = (uint16_t)index;
	memcpy(p->running.octets, statement->running, sizeof(p->running.octets));
	memcpy(p->sig.octets, sig, sizeof(p->sig.octets));
	return true;
}

bool ap_agree_statement(ap_sha256_fn *sha256, struct ap_statement *statement,
			const uint8_t id[AP_ID_LEN], const ap_agree *agree)
{
	const ap_proof *p = &agree->proof;
	uint8_t leaf[32];

	memset(statement, 0, sizeof(*statement));
	if (!ap_outcome_leaf(sha256, leaf, id, &agree->outcome) ||
	    !ap_merkle_root(sha256, statement->root, leaf, p->index, p->count, &p->path))
		return false;
	statement->epoch = p->epoch;
	statement->seq = p->sequence;
	statement->time_ms = p->time;
	statement->count = p->count;
	memcpy(statement->running, p->running.octets, sizeof(statement->running));
	return true;
}

/* What the signing batch may say depends on the outcome: a later one signs a final outcome again.
 */
static const char *batch_check(const ap_agree *agree, uint64_t deadline_ms)
{
	const ap_outcome *o = &agree->outcome;
	const ap_proof *p = &agree->proof;

	switch (o->status) {
	case AP_STATUS_PENDING:
	case AP_STATUS_UNKNOWN:
		if (o->sequence != p->sequence || o->time != p->time)
			return "not final, but of another batch";
		return NULL;
	case AP_STATUS_FORGOTTEN:
		return p->time < deadline_ms ? "forgotten before the deadline" : NULL;
	default:
		if (o->reason == AP_REASON_DEADLINE)
			return p->time < deadline_ms ? "aborted before the deadline" : NULL;
		return o->sequence > p->sequence || o->time > p->time
			       ? "signed before it was decided"
			       : NULL;
	}
}

const char *ap_agree_check(const ap_agree *agree, const uint8_t id[AP_ID_LEN])
{
	const ap_proof *p = &agree->proof;
	const char *why = ap_outcome_check(&agree->outcome, id);

	if (why != NULL)
		return why;
	if (p->count == 0 || p->count > AP_BATCH_REQUESTS_MAX)
		return "no batch has so many leaves";
	if (p->index >= p->count)
		return "leaf index beyond the leaf count";
	if (p->sequence == 0)
		return "no sequence in the proof";
	return batch_check(agree, ap_id_deadline(id) * 1000);
}

int ap_proof_check(struct ap_verify_key *key, const uint8_t id[AP_ID_LEN], const ap_agree *agree,
		   const uint8_t *expected)
{
	const ap_optnonce *nonce = &agree->outcome.nonce;
	struct ap_statement statement;
	uint8_t octets[AP_STATEMENT_MAX];
	size_t len;
	int rc;

	if (ap_agree_check(agree, id) != NULL)
		return AGREE_EPROOF;
	if (!ap_agree_statement(ap_sha256, &statement, id, agree))
		return AGREE_EPROOF;
	len = ap_statement_batch_put(octets, &statement);
	rc = ap_verify(key, agree->proof.sig.octets, octets, len);
	if (rc != 0)
		return rc;
	if (expected != NULL && nonce->present &&
	    memcmp(nonce->it.octets, expected, sizeof(nonce->it.octets)) != 0)
		return AGREE_ENONCE;
	return 0;
}

int ap_proof_parse(ap_agree *agree, const uint8_t key[32], const uint8_t id[AP_ID_LEN],
		   ap_bytes rdata, const uint8_t *expected)
{
	struct ap_verify_key verifier;
	struct ap_reader r;
	int rc;

	ap_reader_init(&r, rdata.data, rdata.len);
	ap_agree_get(&r, agree);
	if (!ap_reader_done(&r))
		return AGREE_ERECORD;
	rc = ap_verify_key_init(&verifier, key);
	if (rc != 0)
		return rc;
	rc = ap_proof_check(&verifier, id, agree, expected);
	ap_verify_key_clear(&verifier);
	return rc;
}
