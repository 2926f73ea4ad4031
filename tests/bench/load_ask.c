/* What the crowd asks, and whether an answer is proven. */
#include "config.h"

#include <string.h>

#include "libproto/codec.h"
#include "libproto/instance.h"
#include "libproto/outcome.h"
#include "libproto/proof.h"
#include "tests/bench/load.h"

/* An open instance for each number: its salt is the run's seed and the number. */
static void descriptor_make(const struct load *l, uint64_t number, ap_descriptor *d)
{
	struct ap_writer w;

	memset(d, 0, sizeof(*d));
	d->terms.version = AP_DESCRIPTOR_VERSION;
	d->terms.k = 1;
	d->terms.deadline = l->deadline_s;
	d->terms.label = (ap_label){(const uint8_t *)"load", 4};
	ap_writer_init(&w, d->terms.salt.octets, sizeof(d->terms.salt.octets));
	ap_octets_put(&w, l->seed, sizeof(l->seed));
	ap_u64_put(&w, &number);
}

static void value_make(const struct load *l, uint64_t number, uint8_t value[LOAD_VALUE])
{
	struct ap_writer w;

	memset(value, 'v', LOAD_VALUE);
	ap_writer_init(&w, value, LOAD_VALUE);
	ap_octets_put(&w, l->name, sizeof(l->name));
	ap_u64_put(&w, &number);
}

void load_ask_init(const struct load *l, struct load_job *job, uint64_t number)
{
	ap_descriptor d;

	job->number = number;
	if (l->records != NULL) {
		memcpy(job->id, l->records[number].id, AP_ID_LEN);
		return;
	}
	descriptor_make(l, number, &d);
	ap_instance_id(ap_sha256, job->id, l->key, &d.terms);
}

static void propose_put(const struct load *l, const struct load_job *job, struct ap_writer *w)
{
	uint8_t value[LOAD_VALUE], octets[AP_MAX_descriptor];
	ap_propose propose = {
		.version = AP_PROPOSE_VERSION, .verb = AP_VERB_APPROVE, .party = AP_PARTY_NONE};
	ap_descriptor d;
	struct ap_writer inner;

	value_make(l, job->number, value);
	descriptor_make(l, job->number, &d);
	ap_writer_init(&inner, octets, sizeof(octets));
	ap_descriptor_put(&inner, &d);
	propose.value = (ap_value){value, sizeof(value)};
	propose.descriptor = ap_writer_bytes(&inner);
	ap_propose_put(w, &propose);
}

size_t load_ask_put(const struct load *l, const struct load_job *job, uint16_t dns_id,
		    const struct load_cookie *cookie, uint8_t out[AP_UDP_MAX])
{
	bool reads = l->records != NULL;
	/* draft {#size-rule}: without a server cookie the answer is no larger than the request */
	struct ap_edns_out edns = {.udp_size = AP_UDP_MAX,
				   .cookie = {cookie->octets, cookie->len},
				   .pad_to = cookie->len <= AP_COOKIE_CLIENT_LEN ? AP_UDP_MAX : 0};
	struct ap_dns_writer d;
	struct ap_name name;

	ap_name_of_instance(&name, job->id, &l->zone);
	ap_dns_begin(&d, out, AP_UDP_MAX, AP_UDP_MAX, dns_id,
		     reads ? AP_OPCODE_QUERY : AP_OPCODE_UPDATE, 0);
	ap_dns_question(&d, reads ? &name : &l->zone, reads ? AP_RR_AGREE : AP_RR_SOA, AP_CLASS_IN);
	ap_dns_edns(&d, &edns);
	if (!reads) {
		propose_put(l, job,
			    ap_dns_rr_begin(&d, (enum ap_section)AP_UPDATE, &name, AP_RR_PROPOSE,
					    AP_CLASS_IN, 0));
		ap_dns_rr_end(&d);
	}
	return ap_dns_end(&d);
}

/* Is this record's statement signed by the group? Every answer's path is walked; its signature is
 * verified unless the very same statement and signature were found good before. */
static bool is_proven(struct load *l, const struct load_job *job, const ap_agree *agree)
{
	struct load_known *known = &l->known[agree->proof.sequence % LOAD_KNOWN];
	uint8_t octets[AP_STATEMENT_MAX];
	struct ap_statement statement;

	if (ap_agree_check(agree, job->id) != NULL ||
	    !ap_agree_statement(ap_sha256, &statement, job->id, agree))
		return false;
	ap_statement_batch_put(octets, &statement);
	if (memcmp(known->statement, octets, sizeof(known->statement)) == 0 &&
	    memcmp(known->sig, agree->proof.sig.octets, sizeof(known->sig)) == 0)
		return true;
	l->checked++;
	if (ap_verify(&l->verifier, agree->proof.sig.octets, octets, AP_STATEMENT_BATCH) != 0)
		return false;
	memcpy(known->statement, octets, sizeof(known->statement));
	memcpy(known->sig, agree->proof.sig.octets, sizeof(known->sig));
	return true;
}

/* The one AGREE record of this instance in the reply. */
static bool agree_find(const struct load *l, const struct load_job *job, const struct ap_dns *m,
		       ap_agree *agree)
{
	const struct ap_rr *rr;
	struct ap_reader r;
	struct ap_name owner;
	uint8_t id[AP_ID_LEN];
	size_t at = 0;

	while ((rr = ap_dns_next(m, AP_ANSWER, &at)) != NULL) {
		ap_dns_owner(m, rr, &owner);
		if (rr->type != AP_RR_AGREE || !ap_name_is_instance(&owner, &l->zone, id) ||
		    memcmp(id, job->id, sizeof(id)) != 0)
			continue;
		ap_reader_init(&r, rr->rdata.data, rr->rdata.len);
		ap_agree_get(&r, agree);
		return ap_reader_done(&r);
	}
	return false;
}

/* Nobody else knows a fresh instance, so it has our value; a shared one has that of some crowd for
 * this very instance; one read again is what it was. */
static bool is_expected(const struct load *l, const struct load_job *job, const ap_outcome *o)
{
	uint8_t value[LOAD_VALUE];
	const struct load_record *before;
	size_t start;

	if (o->status != AP_STATUS_DECIDED)
		return false;
	if (l->records == NULL) {
		value_make(l, job->number, value);
		start = l->shared ? sizeof(l->name) : 0;
		return o->value.len == sizeof(value) &&
		       memcmp(o->value.data + start, value + start, sizeof(value) - start) == 0;
	}
	before = &l->records[job->number];
	return o->value.len == before->value_len &&
	       memcmp(o->value.data, before->value, before->value_len) == 0 &&
	       o->sequence == before->sequence && o->time == before->time_ms;
}

enum load_verdict load_ask_check(struct load *l, const struct load_job *job, const struct ap_dns *m,
				 struct load_record *record)
{
	ap_agree agree;

	if (m->rcode == AP_RCODE_BADCOOKIE || (m->flags & AP_FLAG_TC) != 0)
		return LOAD_AGAIN;
	if (m->rcode != AP_RCODE_NOERROR)
		return LOAD_REFUSED;
	if (!agree_find(l, job, m, &agree) || !is_proven(l, job, &agree) ||
	    !is_expected(l, job, &agree.outcome))
		return LOAD_WRONG;
	l->leaves += agree.proof.count;
	if (agree.proof.path.count == LOAD_FULL_PATH && m->wire.len > l->octets)
		l->octets = m->wire.len;
	memcpy(record->id, job->id, AP_ID_LEN);
	record->value_len = (uint8_t)agree.outcome.value.len;
	memcpy(record->value, agree.outcome.value.data, agree.outcome.value.len);
	record->sequence = agree.outcome.sequence;
	record->time_ms = agree.outcome.time;
	record->ours = l->records == NULL && agree.outcome.value.len >= sizeof(l->name) &&
		       memcmp(agree.outcome.value.data, l->name, sizeof(l->name)) == 0;
	return LOAD_GOOD;
}
