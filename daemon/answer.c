#include "config.h"

#include "daemon/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/limit.h"
#include "daemon/zone.h"
#include "libproto/cookie.h"
#include "libproto/crypto.h"
#include "libproto/errors.h"
#include "libproto/instance.h"
#include "libproto/name.h"
#include "libproto/outcome.h"
#include "libproto/vote.h"

struct answers {
	struct answers_conf conf;
	struct zone *zone;
	struct limit cookieless;
	uint8_t cookie_secret[AP_COOKIE_SECRET_LEN];
	char nsid[256];
	struct clients_info info;
	/* scratch */
	struct ap_dns request;
	ap_propose propose;
	ap_descriptor descriptor;
};

/* One request on its way through the checks. */
struct ask {
	struct answers *a;
	const struct ap_dns *m;
	struct asker *asker;
	uint8_t *out;
	bool trusted; /* over TCP, or with a valid server cookie: the address is its own */
};

/* ---- replies ---- */

uint16_t answers_rcode(int refusal)
{
	switch (refusal) {
	case AGREE_EFORM:
	case AGREE_EDESCRIPTOR:
		return AP_RCODE_FORMERR;
	case AGREE_EORDER:
	case AGREE_EDISK:
	case AGREE_EFORMING:
	case AGREE_ECATCHUP:
	case AGREE_ENOMEM:
	case AGREE_EINTERNAL:
		return AP_RCODE_SERVFAIL;
	default:
		return AP_RCODE_REFUSED;
	}
}

static void edns_of(const struct answers *a, const struct asker *asker, struct ap_edns_out *edns)
{
	*edns = (struct ap_edns_out){.udp_size = AP_UDP_MAX, .dnssec_ok = asker->dnssec_ok};
	if (asker->has_cookie)
		edns->cookie = (ap_bytes){asker->cookie, AP_COOKIE_LEN};
	if (asker->nsid)
		edns->nsid = (ap_bytes){(const uint8_t *)a->nsid, strlen(a->nsid)};
}

/* What a reply repeats, out of what the asker kept of the request. */
static void reply_begin(struct ap_dns_writer *d, const struct asker *asker, uint8_t *out,
			const struct ap_edns_out *edns)
{
	ap_dns_begin(d, out, ANSWER_MAX, asker->limit, asker->id, asker->opcode,
		     (uint16_t)(AP_FLAG_QR | (asker->flags & AP_FLAG_RD)));
	if (asker->question_len > 0) {
		struct ap_reader r;

		ap_octets_put(&d->w, asker->question, asker->question_len);
		d->counts[AP_QUESTION] = 1;
		ap_reader_init(&r, asker->question, asker->question_len);
		ap_name_get(&r, NULL, &d->qname);
	}
	if (asker->edns)
		ap_dns_edns(d, edns);
	if (asker->opcode == AP_OPCODE_QUERY)
		ap_dns_flag(d, AP_FLAG_AA);
}

static size_t reply_end(struct answers *a, struct ap_dns_writer *d)
{
	a->info.rcodes[d->rcode < 24 ? d->rcode : 0]++;
	a->info.truncated += (d->flags & AP_FLAG_TC) != 0;
	return ap_dns_end(d);
}

static void ede_of(struct ap_edns_out *edns, char text[AP_EDE_TEXT_MAX + 1], int why,
		   const char *detail)
{
	const struct ap_error *row = ap_error_find(why);

	if (why == 0 || row->ede == 0)
		return;
	edns->has_ede = true;
	edns->ede = row->ede;
	snprintf(text, AP_EDE_TEXT_MAX + 1, "%s%s%s", detail != NULL ? detail : "",
		 detail != NULL ? ": " : "", row->text);
	edns->ede_text = text;
}

/* An error, with what to do about it where the client can read that. */
static size_t reply_error(struct answers *a, const struct asker *asker, uint16_t rcode, int why,
			  const char *detail, uint8_t *out)
{
	char text[AP_EDE_TEXT_MAX + 1];
	struct ap_edns_out edns;
	struct ap_dns_writer d;

	edns_of(a, asker, &edns);
	ede_of(&edns, text, why, detail);
	reply_begin(&d, asker, out, &edns);
	ap_dns_rcode(&d, rcode);
	return reply_end(a, &d);
}

static size_t refuse(const struct ask *k, uint16_t rcode, int why, const char *detail)
{
	return reply_error(k->a, k->asker, rcode, why, detail, k->out);
}

static const struct ap_tsig_key *key_of(const struct answers *a, const struct asker *asker)
{
	return &a->conf.conf->tsig_key.at[asker->tsig - 1];
}

/* Signs a reply of n octets, if its request was. */
static size_t sign(const struct answers *a, const struct asker *asker, uint8_t *out, size_t n)
{
	struct ap_tsig request;

	if (n == 0 || asker->tsig == 0)
		return n;
	memcpy(request.mac, asker->tsig_mac, sizeof(request.mac));
	return ap_tsig_sign(out, n, ANSWER_MAX, key_of(a, asker), &request, AP_TSIG_GOOD,
			    (uint64_t)time(NULL));
}

/* ---- outcomes ---- */

/* draft {#presentation}: value only if DECIDED. */
static void txt_outcome(struct ap_writer *w, const ap_outcome *o)
{
	for (unsigned i = 0; i < 4; i++) {
		char text[256];
		struct ap_text t;

		ap_text_init(&t, text, sizeof(text));
		if (i == 0) {
			ap_text_addf(&t, "outcome=%s", ap_status_name(o->status));
		} else if (i == 1 && o->status == AP_STATUS_DECIDED) {
			ap_text_add(&t, "value=");
			ap_text_hostile(&t, o->value.data, o->value.len, AP_TEXT_WHOLE);
		} else if (i == 2) {
			ap_text_addf(&t, "sequence=%llu", (unsigned long long)o->sequence);
		} else if (i == 3) {
			ap_text_add(&t, "time=");
			ap_text_time(&t, o->time);
		}
		if (ap_text_len(&t) > 0)
			ap_value_put(w, &(ap_value){(const uint8_t *)text, ap_text_len(&t)});
	}
}

/* A final outcome read by QUERY may be kept for what is left of its retention; nothing else may. */
static uint32_t outcome_ttl(const struct answers *a, const struct asker *asker,
			    const uint8_t id[AP_ID_LEN], const ap_outcome *o)
{
	uint64_t now = (uint64_t)time(NULL), end;

	if (asker->opcode != AP_OPCODE_QUERY || !ap_outcome_is_final(o))
		return 0;
	end = ap_id_deadline(id) + a->conf.net->retention_s;
	if (end <= now)
		return 0;
	return end - now < INT32_MAX ? (uint32_t)(end - now) : INT32_MAX;
}

static bool stands_otherwise(const struct asker *asker, const ap_outcome *o)
{
	if (!asker->nxrrset || !ap_outcome_is_final(o))
		return false;
	return o->status != AP_STATUS_DECIDED || !asker->proposes ||
	       o->value.len != asker->value_len ||
	       memcmp(o->value.data, asker->value, asker->value_len) != 0;
}

static size_t reply_outcome(struct answers *a, const struct asker *asker,
			    const uint8_t id[AP_ID_LEN], const ap_agree *agree, uint8_t *out)
{
	uint32_t ttl = outcome_ttl(a, asker, id, &agree->outcome);
	uint16_t type = asker->txt ? AP_RR_TXT : AP_RR_AGREE;
	char text[AP_EDE_TEXT_MAX + 1];
	struct ap_edns_out edns;
	struct ap_dns_writer d;
	struct ap_writer *w;

	edns_of(a, asker, &edns);
	if (asker->wait_refused != 0 && !ap_outcome_is_final(&agree->outcome))
		ede_of(&edns, text, asker->wait_refused, NULL);
	reply_begin(&d, asker, out, &edns);
	if (stands_otherwise(asker, &agree->outcome))
		ap_dns_rcode(&d, AP_RCODE_YXRRSET);
	if (asker->opcode == AP_OPCODE_UPDATE) {
		struct ap_name owner;

		ap_name_of_instance(&owner, id, &a->conf.net->zone);
		w = ap_dns_rr_begin(&d, AP_PREREQUISITE, &owner, type, AP_CLASS_IN, ttl);
	} else {
		w = ap_dns_rr_begin(&d, AP_ANSWER, &d.qname, type, AP_CLASS_IN, ttl);
	}
	if (asker->txt)
		txt_outcome(w, &agree->outcome);
	else
		ap_agree_put(w, agree);
	ap_dns_rr_end(&d);
	return reply_end(a, &d);
}

static void heals_in(char text[32], uint64_t in_s)
{
	snprintf(text, 32, "in %llu s", (unsigned long long)in_s);
}

/* draft {#limits}: "If time heals it the text begins with "in N s: "" */
static const char *detail_of(const struct answers *a, const struct asker *asker,
			     const uint8_t id[AP_ID_LEN], int refusal, char text[32])
{
	uint64_t now = (uint64_t)time(NULL), from = ap_id_deadline(id) - a->conf.net->horizon_s;
	uint64_t t_s = machine_time(a->conf.machine) / 1000;

	if (refusal == AGREE_ECAPACITY || refusal == AGREE_EUNDECIDED)
		heals_in(text, machine_room_in_s(a->conf.machine, a->conf.self, refusal));
	else if (refusal == AGREE_EHORIZON && ap_id_deadline(id) > a->conf.net->horizon_s)
		heals_in(text, from > now ? from - now : 1);
	else if (refusal == AGREE_EEARLY && asker->start_s > t_s) /* T says so, no clock */
		heals_in(text, asker->start_s - t_s);
	else if (refusal == AGREE_ERATE)
		heals_in(text, 1);
	else
		return NULL;
	return text;
}

size_t answers_outcome(struct answers *a, const struct asker *asker, const uint8_t id[AP_ID_LEN],
		       const ap_agree *agree, int refusal, uint8_t *out)
{
	char detail[32];

	size_t n;

	if (agree != NULL)
		n = reply_outcome(a, asker, id, agree, out);
	else
		n = reply_error(a, asker, answers_rcode(refusal), refusal,
				detail_of(a, asker, id, refusal, detail), out);
	return sign(a, asker, out, n);
}

/* ---- ordering ---- */

static bool is_live(const struct answers *a)
{
	return machine_key(a->conf.machine)->phase == MACHINE_LIVE;
}

/* What is final and signed needs no order; past the floor it counts as forgotten, stored or not. */
static size_t answer_final(const struct ask *k, const uint8_t id[AP_ID_LEN])
{
	struct answers *a = k->a;
	ap_agree agree;
	uint64_t seq;

	if (ap_id_deadline(id) * 1000 <= machine_floor(a->conf.machine) ||
	    index_answer(a->conf.index, id, &agree, &seq) != INDEX_SIGNED)
		return 0;
	a->info.final_reads++;
	return reply_outcome(a, k->asker, id, &agree, k->out);
}

/* draft {#wait} */
static void wait_begin(const struct ask *k, uint64_t now_ms)
{
	const struct answers *a = k->a;
	uint64_t wait_s = k->m->edns.wait_s;

	if (!k->m->edns.has_wait || wait_s == 0)
		return;
	if (!k->asker->tcp) {
		k->asker->wait_refused = AGREE_EWAIT;
	} else if (a->conf.waiters == NULL || !waiters_room(a->conf.waiters, k->asker)) {
		k->asker->wait_refused = AGREE_ENOWAIT;
	} else {
		if (wait_s > a->conf.conf->wait_max)
			wait_s = a->conf.conf->wait_max;
		k->asker->wait_until_ms = now_ms + wait_s * 1000;
	}
}

/* Requests whose address may be forged have one limit together. 0: this one may be ordered. */
static size_t admit(const struct ask *k)
{
	struct answers *a = k->a;

	if (k->trusted)
		return 0;
	if (!limit_take(&a->cookieless, limit_now())) {
		if (k->asker->has_cookie) /* with this reply's it may ask at once */
			return refuse(k, AP_RCODE_BADCOOKIE, AGREE_ERATE, NULL);
		return refuse(k, AP_RCODE_REFUSED, AGREE_ERATE, "in 1 s");
	}
	a->info.cookieless++;
	return 0;
}

static size_t order(const struct ask *k, uint8_t kind, const uint8_t *op, size_t len,
		    const uint8_t id[AP_ID_LEN])
{
	struct answers *a = k->a;
	uint64_t now = limit_now();
	char detail[32];
	int status;

	wait_begin(k, now);
	status = relay_submit(a->conf.relay, kind, op, len, id, k->asker, now);
	return status == 0 ? 0
			   : refuse(k, answers_rcode(status), status,
				    detail_of(a, k->asker, id, status, detail));
}

/* ---- QUERY ---- */

static size_t read_instance(const struct ask *k, const uint8_t id[AP_ID_LEN])
{
	uint8_t op[AP_MAX_read];
	struct ap_writer w;
	ap_read read;
	size_t n;

	if (!is_live(k->a))
		return refuse(k, AP_RCODE_SERVFAIL, AGREE_EFORMING, NULL);
	k->asker->txt = k->m->qtype == AP_RR_TXT;
	n = answer_final(k, id);
	if (n == 0)
		n = admit(k);
	if (n > 0)
		return n;
	memcpy(read.id.octets, id, AP_ID_LEN);
	read.nonce = k->m->edns.nonce; /* zero if none was sent */
	ap_writer_init(&w, op, sizeof(op));
	ap_read_put(&w, &read);
	return order(k, AP_OP_read, op, ap_writer_len(&w), id);
}

static size_t own_names(const struct ask *k)
{
	struct answers *a = k->a;
	char text[AP_EDE_TEXT_MAX + 1];
	struct ap_edns_out edns;
	struct ap_dns_writer d;

	edns_of(a, k->asker, &edns);
	reply_begin(&d, k->asker, k->out, &edns);
	if (!zone_answer(a->zone, a->conf.machine, k->m, &d))
		return refuse(k, AP_RCODE_SERVFAIL, AGREE_EFORMING, NULL);
	if (d.rcode != AP_RCODE_NXDOMAIN)
		return reply_end(a, &d);
	/* once more, with room for the reason */
	ede_of(&edns, text, AGREE_ENAME, NULL);
	reply_begin(&d, k->asker, k->out, &edns);
	zone_answer(a->zone, a->conf.machine, k->m, &d);
	return reply_end(a, &d);
}

/* NODATA: the instance's name is there, this type is not. */
static size_t nodata(const struct ask *k)
{
	struct ap_edns_out edns;
	struct ap_dns_writer d;

	edns_of(k->a, k->asker, &edns);
	reply_begin(&d, k->asker, k->out, &edns);
	zone_soa(k->a->zone, k->a->conf.machine, AP_AUTHORITY, &d);
	return reply_end(k->a, &d);
}

static size_t chaos(const struct ask *k)
{
	const struct conf *conf = k->a->conf.conf;
	struct ap_name id, host, version, server;
	struct ap_edns_out edns;
	struct ap_dns_writer d;
	const char *text = NULL;

	ap_name_parse(&id, "id.server");
	ap_name_parse(&host, "hostname.bind");
	ap_name_parse(&version, "version.bind");
	ap_name_parse(&server, "version.server");
	if (ap_name_equal(&k->m->qname, &id) || ap_name_equal(&k->m->qname, &host))
		text = conf->hide_identity ? NULL : k->a->nsid;
	if (ap_name_equal(&k->m->qname, &version) || ap_name_equal(&k->m->qname, &server))
		text = conf->hide_version ? NULL : PACKAGE_STRING;
	if (text == NULL || k->m->qtype != AP_RR_TXT)
		return refuse(k, AP_RCODE_REFUSED, AGREE_ENAME, NULL);
	edns_of(k->a, k->asker, &edns);
	reply_begin(&d, k->asker, k->out, &edns);
	ap_value_put(ap_dns_rr_begin(&d, AP_ANSWER, &k->m->qname, AP_RR_TXT, AP_CLASS_CH, 0),
		     &(ap_value){(const uint8_t *)text, strlen(text)});
	ap_dns_rr_end(&d);
	return reply_end(k->a, &d);
}

static size_t query(const struct ask *k)
{
	const struct ap_dns *m = k->m;
	uint8_t id[AP_ID_LEN];

	k->a->info.queries++;
	if (m->qclass == AP_CLASS_CH)
		return chaos(k);
	if (m->qtype == AP_RR_AXFR || m->qtype == AP_RR_IXFR)
		return refuse(k, AP_RCODE_REFUSED, AGREE_ETRANSFER, NULL);
	if (m->qclass != AP_CLASS_IN || !ap_name_is_within(&m->qname, &k->a->conf.net->zone))
		return refuse(k, AP_RCODE_REFUSED, AGREE_ENAME, NULL);
	if (!ap_name_is_instance(&m->qname, &k->a->conf.net->zone, id))
		return own_names(k);
	if (m->qtype == AP_RR_AGREE || m->qtype == AP_RR_TXT || m->qtype == AP_RR_ANY)
		return read_instance(k, id);
	return nodata(k);
}

/* ---- UPDATE: draft {#update} has the table, in this order ---- */

static uint16_t owners_check(const struct ask *k)
{
	for (size_t i = 0; i < k->m->n_records; i++) {
		const struct ap_rr *rr = &k->m->records[i];
		struct ap_name owner;

		ap_dns_owner(k->m, rr, &owner);
		if (rr->section != AP_ADDITIONAL &&
		    !ap_name_is_within(&owner, &k->a->conf.net->zone))
			return AP_RCODE_NOTZONE;
	}
	return 0;
}

static bool is_meta(uint16_t type)
{
	return type >= 128 && type <= 255;
}

static uint16_t form_check(const struct ask *k)
{
	for (size_t i = 0; i < k->m->n_records; i++) {
		const struct ap_rr *rr = &k->m->records[i];
		bool any = rr->class == AP_CLASS_ANY, none = rr->class == AP_CLASS_NONE;

		if (rr->section == AP_ADDITIONAL)
			continue;
		if (!any && !none && rr->class != AP_CLASS_IN)
			return AP_RCODE_FORMERR;
		if (rr->section == AP_PREREQUISITE &&
		    (rr->ttl != 0 || ((any || none) && rr->rdata.len > 0)))
			return AP_RCODE_FORMERR;
		if (rr->section == AP_UPDATE &&
		    (((any || none) && rr->ttl != 0) || (any && rr->rdata.len > 0) ||
		     (is_meta(rr->type) && !(any && rr->type == AP_RR_ANY))))
			return AP_RCODE_FORMERR;
	}
	return 0;
}

/* The one form that proposes: one record of type PROPOSE to add, at most the prerequisite that no
 * AGREE record is at the same name. */
static const struct ap_rr *find_proposal(const struct ask *k, struct ap_name *owner)
{
	const struct ap_rr *found = NULL;
	struct ap_name other;

	for (size_t i = 0; i < k->m->n_records; i++) {
		const struct ap_rr *rr = &k->m->records[i];

		if (rr->section != AP_UPDATE)
			continue;
		if (found != NULL || rr->class != AP_CLASS_IN || rr->type != AP_RR_PROPOSE)
			return NULL;
		found = rr;
	}
	if (found == NULL)
		return NULL;
	ap_dns_owner(k->m, found, owner);
	for (size_t i = 0; i < k->m->n_records; i++) {
		const struct ap_rr *rr = &k->m->records[i];

		if (rr->section != AP_PREREQUISITE)
			continue;
		ap_dns_owner(k->m, rr, &other);
		if (k->asker->nxrrset || rr->class != AP_CLASS_NONE || rr->type != AP_RR_AGREE ||
		    !ap_name_equal(owner, &other))
			return NULL;
		k->asker->nxrrset = true;
	}
	return found;
}

/* What the octets alone, and the group key, say of a proposal. 0, or AGREE_E*; *detail may say
 * more. */
static int proposal_check(const struct ask *k, const struct ap_rr *rr, const uint8_t id[AP_ID_LEN],
			  const char **detail)
{
	struct answers *a = k->a;
	ap_propose *p = &a->propose;
	uint8_t right[AP_ID_LEN];
	struct ap_reader r;
	int why;

	ap_reader_init(&r, rr->rdata.data, rr->rdata.len);
	ap_propose_get(&r, p);
	*detail = ap_reader_error(&r);
	if (*detail != NULL)
		return AGREE_EFORM;
	if (p->version != AP_PROPOSE_VERSION || p->verb < AP_VERB_APPROVE ||
	    p->verb > AP_VERB_OBSERVE)
		return AGREE_EVERB;
	if (p->descriptor.len == 0)
		return 0; /* the machine knows whether one is needed */
	why = ap_descriptor_parse(&a->descriptor, p->descriptor, detail);
	if (why != 0)
		return why;
	if (!ap_instance_id(ap_sha256, right, machine_key(a->conf.machine)->pk,
			    &a->descriptor.terms) ||
	    memcmp(right, id, AP_ID_LEN) != 0)
		return AGREE_EWRONGID;
	return ap_vote_check(&a->descriptor.terms, p);
}

/* Of this client's network, whose address is its own. 0: it has room. */
static size_t within_quota(const struct ask *k, const uint8_t id[AP_ID_LEN])
{
	const struct answers *a = k->a;
	struct machine_registration registered;
	unsigned use = 0;
	char detail[32];
	uint64_t in_s;
	int why;

	if (a->propose.verb != AP_VERB_OBSERVE && a->propose.party != AP_PARTY_NONE)
		use |= QUOTA_VOTE;
	if (a->propose.descriptor.len > 0 && !ap_terms_is_open(&a->descriptor.terms) &&
	    !machine_registration(a->conf.machine, id, &registered))
		use |= QUOTA_REGISTER;
	/* forged addresses would fill the share of them all: draft {#limits} */
	if ((use & QUOTA_REGISTER) != 0 && !k->trusted)
		return refuse(k, k->asker->has_cookie ? AP_RCODE_BADCOOKIE : AP_RCODE_REFUSED,
			      AGREE_ERATE, NULL);
	if (use == 0 || !k->trusted || a->conf.quota == NULL)
		return 0;
	why = quota_take(a->conf.quota, &k->asker->peer, use, limit_now(), (uint64_t)time(NULL),
			 &in_s);
	if (why == 0)
		return 0;
	heals_in(detail, in_s);
	return refuse(k, answers_rcode(why), why, detail);
}

/* draft {#votes}: "The replica that takes a vote from its party refuses one that does not show this
 * before it is ordered" */
static int credential_check(const struct ask *k, const uint8_t id[AP_ID_LEN])
{
	struct answers *a = k->a;

	if (a->conf.votes == NULL)
		return 0;
	return votes_check(a->conf.votes, a->conf.machine, id, &a->propose,
			   a->propose.descriptor.len > 0 ? &a->descriptor : NULL);
}

static size_t propose(const struct ask *k, const struct ap_rr *rr, const uint8_t id[AP_ID_LEN])
{
	static uint8_t op[AP_MAX_request];
	struct answers *a = k->a;
	const char *detail = NULL;
	struct ap_writer w;
	ap_request request;
	int why;
	size_t n;

	if (!is_live(a))
		return refuse(k, AP_RCODE_SERVFAIL, AGREE_EFORMING, NULL);
	why = proposal_check(k, rr, id, &detail);
	if (why != 0)
		return refuse(k, answers_rcode(why), why, detail);
	k->asker->proposes = a->propose.verb == AP_VERB_APPROVE;
	k->asker->value_len = (uint8_t)a->propose.value.len;
	k->asker->start_s = a->propose.descriptor.len > 0 ? a->descriptor.terms.start : 0;
	if (a->propose.value.len > 0)
		memcpy(k->asker->value, a->propose.value.data, a->propose.value.len);
	n = answer_final(k, id);
	if (n == 0)
		n = admit(k);
	if (n == 0)
		n = within_quota(k, id);
	if (n > 0)
		return n;
	why = credential_check(k, id);
	if (why != 0)
		return refuse(k, answers_rcode(why), why, NULL);
	memcpy(request.id.octets, id, AP_ID_LEN);
	request.propose = rr->rdata;
	ap_writer_init(&w, op, sizeof(op));
	ap_request_put(&w, &request);
	return order(k, AP_OP_request, op, ap_writer_len(&w), id);
}

static size_t update(const struct ask *k)
{
	const struct ap_dns *m = k->m;
	const struct ap_rr *rr;
	struct ap_name owner;
	uint8_t id[AP_ID_LEN];
	uint16_t rcode;

	k->a->info.updates++;
	if (m->qtype != AP_RR_SOA)
		return refuse(k, AP_RCODE_FORMERR, AGREE_EFORM, "zone type is not SOA");
	if (m->qclass != AP_CLASS_IN || !ap_name_equal(&m->qname, &k->a->conf.net->zone))
		return refuse(k, AP_RCODE_NOTAUTH, AGREE_ENAME, NULL);
	rcode = owners_check(k);
	if (rcode != 0)
		return refuse(k, rcode, AGREE_ENAME, NULL);
	if (form_check(k) != 0)
		return refuse(k, AP_RCODE_FORMERR, AGREE_EFORM, "class, TTL or type");
	rr = find_proposal(k, &owner);
	if (rr == NULL)
		return refuse(k, AP_RCODE_REFUSED, AGREE_EUPDATE, NULL);
	if (!ap_name_is_instance(&owner, &k->a->conf.net->zone, id))
		return refuse(k, AP_RCODE_REFUSED, AGREE_ENAME, NULL);
	return propose(k, rr, id);
}

/* ---- the way in ---- */

static const uint8_t *address_of(const struct asker *asker, size_t *len)
{
	if (asker->peer.ss_family == AF_INET6) {
		*len = 16;
		return ((const struct sockaddr_in6 *)&asker->peer)->sin6_addr.s6_addr;
	}
	*len = 4;
	return (const uint8_t *)&((const struct sockaddr_in *)&asker->peer)->sin_addr;
}

static bool cookie_in(struct answers *a, const struct ap_dns *m, struct asker *asker)
{
	uint32_t now = (uint32_t)time(NULL);
	const uint8_t *address;
	size_t len;

	if (m->edns.cookie.len < AP_COOKIE_CLIENT_LEN)
		return false;
	address = address_of(asker, &len);
	ap_cookie_make(asker->cookie, m->edns.cookie.data, address, len, a->cookie_secret, now);
	asker->has_cookie = true;
	return ap_cookie_check(m->edns.cookie.data, m->edns.cookie.len, address, len,
			       a->cookie_secret, now) != AP_COOKIE_BAD;
}

/* draft {#size-rule}: never more than was asked, unless the asker has shown that the address is its
 * own. */
static size_t limit_of(const struct ap_dns *m, const struct asker *asker, size_t len, bool trusted)
{
	size_t size = m->edns.present && m->edns.udp_size > 512 ? m->edns.udp_size : 512;

	if (asker->tcp)
		return AP_DNS_MAX;
	if (size > AP_UDP_MAX)
		size = AP_UDP_MAX;
	return trusted || len > size ? size : len;
}

static void asker_fill(struct answers *a, const struct ap_dns *m, size_t len, struct ask *k)
{
	struct asker *asker = k->asker;

	asker->id = m->id;
	asker->flags = m->flags;
	asker->opcode = m->opcode;
	asker->question_len = 0;
	if (m->has_question && m->question_end > 12 &&
	    (size_t)m->question_end - 12 <= sizeof(asker->question)) {
		asker->question_len = (uint16_t)(m->question_end - 12);
		memcpy(asker->question, m->wire.data + 12, asker->question_len);
	}
	asker->edns = m->edns.present;
	asker->dnssec_ok = m->edns.dnssec_ok;
	asker->nsid = m->edns.nsid && !a->conf.conf->hide_identity;
	asker->has_cookie = asker->txt = asker->nxrrset = asker->proposes = false;
	asker->value_len = 0;
	asker->start_s = 0;
	asker->tsig = 0;
	asker->wait_until_ms = 0;
	asker->held = false;
	asker->wait_refused = 0;
	k->trusted = cookie_in(a, m, asker) || asker->tcp;
	asker->limit = limit_of(m, asker, len, k->trusted);
}

/* ---- TSIG: draft {#tsig} ---- */

static size_t bad_tsig(const struct ask *k, enum ap_tsig_error error)
{
	char text[AP_EDE_TEXT_MAX + 1];
	struct ap_edns_out edns;
	struct ap_dns_writer d;

	edns_of(k->a, k->asker, &edns);
	if (k->asker->limit >= AP_UDP_MAX) /* else the TSIG record needs the room */
		ede_of(&edns, text, AGREE_ETSIG, NULL);
	reply_begin(&d, k->asker, k->out, &edns);
	k->a->info.rcodes[AP_RCODE_NOTAUTH]++;
	return ap_dns_end_unsigned(&d, k->m, (uint16_t)error);
}

/* The one error that is signed: the client learns what time it is here. */
static size_t bad_time(const struct ask *k, const struct ap_tsig *tsig)
{
	size_t n = refuse(k, AP_RCODE_NOTAUTH, 0, NULL);

	return ap_tsig_sign(k->out, n, ANSWER_MAX, &k->a->conf.conf->tsig_key.at[tsig->key], tsig,
			    AP_TSIG_BADTIME, (uint64_t)time(NULL));
}

/* 0: it is the key's; else the answer. */
static size_t admit_tsig(const struct ask *k)
{
	const struct conf_keys *keys = &k->a->conf.conf->tsig_key;
	struct ap_tsig tsig;
	enum ap_tsig_error error =
		ap_tsig_check(k->m, keys->at, keys->n, (uint64_t)time(NULL), &tsig);
	size_t size;

	if (error == AP_TSIG_FORMERR)
		return refuse(k, AP_RCODE_FORMERR, AGREE_EFORM, "TSIG");
	if (error == AP_TSIG_BADTIME)
		return bad_time(k, &tsig);
	if (error != AP_TSIG_GOOD)
		return bad_tsig(k, error);
	k->asker->tsig = (uint8_t)(tsig.key + 1);
	memcpy(k->asker->tsig_mac, tsig.mac, sizeof(tsig.mac));
	size = ap_tsig_size(&keys->at[tsig.key]);
	k->asker->limit = k->asker->limit > size + 512 ? k->asker->limit - size : 512;
	return 0;
}

/* More than the socket's buffer holds: TC sends the client to TCP, and nothing has been done. */
static size_t too_big(const struct ask *k)
{
	struct ap_edns_out edns;
	struct ap_dns_writer d;

	edns_of(k->a, k->asker, &edns);
	reply_begin(&d, k->asker, k->out, &edns);
	ap_dns_rcode(&d, AP_RCODE_REFUSED);
	ap_dns_flag(&d, AP_FLAG_TC);
	return reply_end(k->a, &d);
}

static int why_of(int rcode)
{
	switch (rcode) {
	case AP_RCODE_FORMERR:
		return AGREE_EFORM;
	case AP_RCODE_REFUSED:
		return AGREE_EREFUSED;
	default:
		return 0;
	}
}

static size_t dispatch(const struct ask *k)
{
	struct answers *a = k->a;
	size_t n = 0;

	if (a->request.has_tsig)
		n = admit_tsig(k);
	if (n > 0)
		return n;
	if (a->request.opcode != AP_OPCODE_UPDATE)
		return query(k);
	if (a->conf.conf->tsig_required && k->asker->tsig == 0)
		return refuse(k, AP_RCODE_REFUSED, AGREE_ETSIGNEEDED, NULL);
	return update(k);
}

size_t answers_request(struct answers *a, const uint8_t *wire, size_t len, bool cut,
		       struct asker *asker, uint8_t *out)
{
	struct ask k = {.a = a, .m = &a->request, .asker = asker, .out = out};
	int rcode = ap_dns_request(&a->request, wire, len);

	if (rcode == AP_DNS_DROP) {
		a->info.dropped++;
		return 0;
	}
	asker_fill(a, &a->request, len, &k);
	if (cut)
		return too_big(&k);
	if (rcode != 0)
		return refuse(&k, (uint16_t)rcode, why_of(rcode), a->request.bad);
	return sign(a, asker, out, dispatch(&k));
}

/* ---- life ---- */

int answers_new(struct answers **out, const struct answers_conf *conf)
{
	struct answers *a = calloc(1, sizeof(*a));

	*out = a;
	if (a == NULL)
		return AGREE_ENOMEM;
	a->conf = *conf;
	a->zone = zone_new(conf->net);
	limit_init(&a->cookieless, conf->conf->cookieless_rate);
	snprintf(a->nsid, sizeof(a->nsid), "%s",
		 conf->conf->nsid[0] != '\0' ? conf->conf->nsid
					     : conf->net->members[conf->self - 1].name);
	if (a->zone != NULL && ap_random(a->cookie_secret, sizeof(a->cookie_secret)) == 0)
		return 0;
	answers_free(a);
	*out = NULL;
	return AGREE_ENOMEM;
}

void answers_free(struct answers *a)
{
	if (a == NULL)
		return;
	zone_free(a->zone);
	ap_wipe(a->cookie_secret, sizeof(a->cookie_secret));
	free(a);
}

void answers_relay(struct answers *a, struct relay *relay)
{
	a->conf.relay = relay;
}

struct clients_info *answers_info(struct answers *a)
{
	return &a->info;
}
