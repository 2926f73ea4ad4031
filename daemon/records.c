#include "daemon/records.h"

#include <string.h>

void record_proposal_of(ap_proposal *out, const struct pbft_slot_view *slot, uint8_t replica)
{
	out->view = slot->view;
	out->seq = slot->seq;
	out->incarnation = slot->incarnation;
	out->replica = replica;
	memcpy(out->batch.octets, slot->batch->digest, 32);
}

static void signers_put(struct ap_writer *w, uint16_t who, const uint64_t *incarnation,
			const uint8_t (*sig)[64])
{
	ap_u16_put(w, &who);
	for (size_t i = 0; i < AP_REPLICAS_MAX; i++) {
		if ((who >> i & 1) == 0)
			continue;
		ap_u64_put(w, &incarnation[i]);
		ap_octets_put(w, sig[i], 64);
	}
}

static uint16_t signers_get(struct ap_reader *r, uint64_t *incarnation, uint8_t (*sig)[64])
{
	uint16_t who;

	ap_u16_get(r, &who);
	if ((who >> AP_REPLICAS_MAX) != 0)
		ap_reader_fail(r);
	for (size_t i = 0; i < AP_REPLICAS_MAX; i++) {
		if ((who >> i & 1) == 0)
			continue;
		ap_u64_get(r, &incarnation[i]);
		ap_octets_get(r, sig[i], 64);
	}
	return who;
}

size_t record_prepared(uint8_t out[RECORD_CERTIFICATE_MAX], const struct pbft_slot_view *slot)
{
	struct ap_writer w;
	ap_proposal p;

	record_proposal_of(&p, slot, slot->primary);
	ap_writer_init(&w, out, RECORD_CERTIFICATE_MAX);
	ap_proposal_put(&w, &p);
	ap_octets_put(&w, slot->cert->pre_prepare_sig, 64);
	signers_put(&w, slot->cert->who, slot->cert->incarnation, slot->cert->sig);
	return ap_writer_len(&w);
}

bool record_prepared_parse(const uint8_t *octets, size_t len, ap_proposal *p,
			   struct pbft_certificate *cert)
{
	struct ap_reader r;

	memset(cert, 0, sizeof(*cert));
	ap_reader_init(&r, octets, len);
	ap_proposal_get(&r, p);
	ap_octets_get(&r, cert->pre_prepare_sig, 64);
	cert->who = signers_get(&r, cert->incarnation, cert->sig);
	return ap_reader_done(&r);
}

size_t record_stable(uint8_t out[RECORD_CERTIFICATE_MAX], uint64_t seq, const uint8_t state[32],
		     uint16_t who, const uint64_t *incarnation, const uint8_t (*sig)[64])
{
	struct ap_writer w;

	ap_writer_init(&w, out, RECORD_CERTIFICATE_MAX);
	ap_u64_put(&w, &seq);
	ap_octets_put(&w, state, 32);
	signers_put(&w, who, incarnation, sig);
	return ap_writer_len(&w);
}

bool record_stable_parse(const uint8_t *octets, size_t len, struct record_stable *out)
{
	struct ap_reader r;

	memset(out, 0, sizeof(*out));
	ap_reader_init(&r, octets, len);
	ap_u64_get(&r, &out->seq);
	ap_octets_get(&r, out->state, 32);
	out->who = signers_get(&r, out->incarnation, out->sig);
	return ap_reader_done(&r);
}
