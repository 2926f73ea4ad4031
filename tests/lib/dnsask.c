#include "tests/lib/dnsask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/crypto.h"
#include "libproto/instance.h"
#include "libproto/proof.h"
#include "libproto/ticket.h"

static const char ZONE[] = "example.test";

static void name_of(struct ap_name *name, const char *text)
{
	assert_int_equal(ap_name_parse(name, text), 0);
}

size_t dnsask_make(uint8_t *out, const struct dnsask *ask)
{
	struct ap_dns_writer d;
	struct ap_name name;
	size_t n;

	ap_dns_begin(&d, out, AP_DNS_MAX, AP_DNS_MAX, ask->id, ask->opcode, ask->flags);
	if (ask->name != NULL) {
		name_of(&name, ask->name);
		ap_dns_question(&d, &name, ask->type, ask->class);
	}
	if (ask->edns != NULL)
		ap_dns_edns(&d, ask->edns);
	for (size_t i = 0; i < ask->n_rrs; i++) {
		const struct dnsask_rr *rr = &ask->rrs[i];

		name_of(&name, rr->owner);
		assert_true(
			ap_dns_rr(&d, rr->section, &name, rr->type, rr->class, rr->ttl, rr->rdata));
	}
	n = ap_dns_end(&d);
	assert_true(n > 0);
	return n;
}

size_t dnsask_update(uint8_t *out, const char *owner, ap_bytes propose, bool nxrrset,
		     const struct ap_edns_out *edns)
{
	const struct dnsask_rr rrs[] = {
		{AP_PREREQUISITE, owner, AP_RR_AGREE, AP_CLASS_NONE, 0, {NULL, 0}},
		{AP_UPDATE, owner, AP_RR_PROPOSE, AP_CLASS_IN, 0, propose},
	};

	return dnsask_make(out, &(struct dnsask){.id = 0x4711,
						 .opcode = AP_OPCODE_UPDATE,
						 .name = ZONE,
						 .type = AP_RR_SOA,
						 .class = AP_CLASS_IN,
						 .rrs = nxrrset ? rrs : rrs + 1,
						 .n_rrs = nxrrset ? 2 : 1,
						 .edns = edns});
}

void dnsask_instance(struct dnsask_instance *out, const uint8_t key[32],
		     const ap_descriptor *descriptor)
{
	char label[AP_ID_TEXT + 1];
	struct ap_writer w;

	assert_true(ap_instance_id(ap_sha256, out->id, key, &descriptor->terms));
	ap_label_of_id(label, out->id);
	snprintf(out->name, sizeof(out->name), "%s.%s", label, ZONE);
	ap_writer_init(&w, out->descriptor, sizeof(out->descriptor));
	ap_descriptor_put(&w, descriptor);
	out->len = ap_writer_len(&w);
	assert_true(out->len > 0);
}

void dnsask_open(struct dnsask_instance *out, const uint8_t key[32], const char *label,
		 uint64_t deadline_s)
{
	ap_descriptor d;

	assert_int_equal(
		ap_ticket_open(&d, (ap_bytes){(const uint8_t *)label, strlen(label)}, deadline_s),
		0);
	dnsask_instance(out, key, &d);
}

static void secret_of(uint8_t secret[32], uint8_t party)
{
	memset(secret, 0x60 + party, 32);
}

void dnsask_custody(struct dnsask_instance *out, const uint8_t key[32], const char *label,
		    uint64_t deadline_s)
{
	uint8_t secret[32], id[AP_ID_LEN];
	ap_descriptor d;

	assert_int_equal(
		ap_ticket_open(&d, (ap_bytes){(const uint8_t *)label, strlen(label)}, deadline_s),
		0);
	d.terms.fixed.present = true;
	d.terms.fixed.it = (ap_value){(const uint8_t *)"go", 2};
	d.terms.n_parties = d.terms.k = d.n_locks = 2;
	assert_true(ap_instance_id(ap_sha256, id, key, &d.terms));
	for (uint8_t p = 0; p < 2; p++) {
		secret_of(secret, p);
		ap_lock_digest(ap_sha256, d.locks[p].yes.octets, id, p, true, secret);
		ap_lock_digest(ap_sha256, d.locks[p].no.octets, id, p, false, secret);
	}
	dnsask_instance(out, key, &d);
}

static size_t request_op(uint8_t out[DNSASK_OP], const struct dnsask_instance *i, ap_propose *p)
{
	uint8_t rdata[DNSASK_OP];
	struct ap_writer w;
	ap_request r;

	p->version = AP_PROPOSE_VERSION;
	ap_writer_init(&w, rdata, sizeof(rdata));
	ap_propose_put(&w, p);
	memcpy(r.id.octets, i->id, AP_ID_LEN);
	r.propose = ap_writer_bytes(&w);
	ap_writer_init(&w, out, DNSASK_OP);
	ap_request_put(&w, &r);
	assert_null(w.bad);
	return ap_writer_len(&w);
}

size_t dnsask_observe_op(uint8_t out[DNSASK_OP], const struct dnsask_instance *i, uint8_t nonce)
{
	ap_propose p = {.verb = AP_VERB_OBSERVE,
			.party = AP_PARTY_NONE,
			.descriptor = {i->descriptor, i->len}};

	memset(p.nonce.octets, nonce, 16);
	return request_op(out, i, &p);
}

size_t dnsask_vote_op(uint8_t out[DNSASK_OP], const struct dnsask_instance *i, uint8_t party,
		      uint8_t nonce)
{
	ap_propose p = {
		.verb = AP_VERB_APPROVE, .party = party, .value = {(const uint8_t *)"go", 2}};

	memset(p.nonce.octets, nonce, 16);
	p.credential.kind = AP_CREDENTIAL_SECRET;
	secret_of(p.credential.octets, party);
	return request_op(out, i, &p);
}

static ap_bytes propose_of(ap_bytes descriptor, uint8_t verb, const char *value)
{
	static uint8_t octets[AP_MAX_propose];
	ap_propose p = {.version = AP_PROPOSE_VERSION, .verb = verb, .party = AP_PARTY_NONE};
	struct ap_writer w;

	memset(p.nonce.octets, 0x6e, sizeof(p.nonce.octets));
	if (value != NULL)
		p.value = (ap_value){(const uint8_t *)value, strlen(value)};
	p.descriptor = descriptor;
	ap_writer_init(&w, octets, sizeof(octets));
	ap_propose_put(&w, &p);
	assert_null(w.bad);
	return ap_writer_bytes(&w);
}

ap_bytes dnsask_propose(const struct dnsask_instance *i, uint8_t verb, const char *value)
{
	return propose_of((ap_bytes){i->descriptor, i->len}, verb, value);
}

ap_bytes dnsask_propose_bare(uint8_t verb, const char *value)
{
	return propose_of((ap_bytes){NULL, 0}, verb, value);
}

size_t dnsask_count(const struct ap_dns *reply, enum ap_section section)
{
	size_t at = 0, n = 0;

	while (ap_dns_next(reply, section, &at) != NULL)
		n++;
	return n;
}

const ap_agree *dnsask_agree(const struct ap_dns *reply, enum ap_section section,
			     const uint8_t key[32], const uint8_t id[AP_ID_LEN])
{
	static ap_agree agree;
	const struct ap_rr *rr;
	struct ap_reader r;
	size_t at = 0;

	assert_int_equal(dnsask_count(reply, section), 1);
	rr = ap_dns_next(reply, section, &at);
	assert_int_equal(rr->type, AP_RR_AGREE);
	assert_int_equal(rr->class, AP_CLASS_IN);
	ap_reader_init(&r, rr->rdata.data, rr->rdata.len);
	ap_agree_get(&r, &agree);
	assert_true(ap_reader_done(&r));
	if (key != NULL)
		assert_int_equal(ap_proof_parse(&agree, key, id, rr->rdata, NULL), 0);
	return &agree;
}
