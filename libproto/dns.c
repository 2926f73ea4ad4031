/*
 * Reading DNS messages. One walk goes over header, question and records; a request or a reply is
 * what that walk meets, sorted: OPT and TSIG apart, the rest into a bounded array.
 */
#include "libproto/dns.h"

#include <string.h>

enum { HEADER_LEN = 12, RECORD_MIN = 11 /* octets of the shortest record */ };

static const char too_many[] = "number of records";

/* ---- the walk ---- */

static void questions_get(struct ap_walk *w)
{
	struct ap_name name;
	uint16_t type, class;

	w->reader.field = "question";
	for (unsigned i = 0; w->reader.bad == NULL && i < w->counts[AP_QUESTION]; i++) {
		ap_name_get(&w->reader, w->wire, &name);
		ap_u16_get(&w->reader, &type);
		ap_u16_get(&w->reader, &class);
		if (i > 0 || w->reader.bad != NULL)
			continue;
		w->qname = name;
		w->qtype = type;
		w->qclass = class;
		w->question_end = (uint16_t)(w->reader.at - w->wire);
	}
}

void ap_walk_init(struct ap_walk *w, const void *wire, size_t len)
{
	memset(w, 0, sizeof(*w));
	ap_reader_init(&w->reader, wire, len);
	w->wire = w->reader.at;
	w->qname.len = 1;
	w->reader.field = "size";
	if (len > AP_DNS_MAX)
		ap_reader_fail(&w->reader);
	w->reader.field = "header";
	ap_u16_get(&w->reader, &w->id);
	ap_u16_get(&w->reader, &w->flags);
	for (unsigned i = 0; i < 4; i++)
		ap_u16_get(&w->reader, &w->counts[i]);
	questions_get(w);
	w->section = AP_ANSWER;
	w->left = w->counts[AP_ANSWER];
}

bool ap_walk_next(struct ap_walk *w, struct ap_rr *rr, struct ap_name *owner)
{
	static const char *const sections[] = {"question", "answer", "authority", "additional"};
	struct ap_reader *r = &w->reader;

	while (w->left == 0 && w->section < AP_ADDITIONAL)
		w->left = w->counts[++w->section];
	if (r->bad != NULL || ((w->flags & AP_FLAG_TC) && r->at == r->end))
		return false;
	if (w->left == 0) {
		r->field = "trailing octets";
		if (r->at != r->end)
			ap_reader_fail(r);
		return false;
	}
	w->left--;
	r->field = sections[w->section];
	rr->section = (enum ap_section)w->section;
	rr->owner_at = (uint16_t)(r->at - w->wire);
	ap_name_get(r, w->wire, owner);
	ap_u16_get(r, &rr->type);
	ap_u16_get(r, &rr->class);
	ap_u32_get(r, &rr->ttl);
	ap_span16_get(r, &rr->rdata);
	return r->bad == NULL;
}

/* ---- EDNS ---- */

static void cookie_take(struct ap_edns *e, ap_bytes option)
{
	e->cookie = option;
}

static void nsid_take(struct ap_edns *e, ap_bytes option)
{
	e->nsid = true;
	e->nsid_text = option;
}

static void wait_take(struct ap_edns *e, ap_bytes option)
{
	e->has_wait = true;
	e->wait_s = (uint16_t)(option.data[0] << 8 | option.data[1]);
}

static void nonce_take(struct ap_edns *e, ap_bytes option)
{
	e->has_nonce = true;
	memcpy(e->nonce.octets, option.data, sizeof(e->nonce.octets));
}

static void ede_take(struct ap_edns *e, ap_bytes option)
{
	e->has_ede = true;
	e->ede = (uint16_t)(option.data[0] << 8 | option.data[1]);
	e->ede_text = (ap_bytes){option.data + 2, option.len - 2};
	if (e->ede_text.len > AP_EDE_TEXT_MAX)
		e->ede_text.len = ap_utf8_cut(option.data + 2, option.len - 2, AP_EDE_TEXT_MAX);
}

/* The options that we know, and the lengths that they may have. */
static const struct option {
	uint16_t code;
	size_t least, most;
	void (*take)(struct ap_edns *e, ap_bytes option);
	const char *name;
} options[] = {
	{AP_OPTION_COOKIE, AP_COOKIE_MIN, AP_COOKIE_MAX, cookie_take, "COOKIE option"},
	{AP_OPTION_NSID, 0, AP_SPAN16_MAX, nsid_take, "NSID option"},
	{AP_OPTION_EDE, 2, AP_SPAN16_MAX, ede_take, "EDE option"},
	{AP_OPTION_WAIT, 2, 2, wait_take, "wait option"},
	{AP_OPTION_NONCE, 16, 16, nonce_take, "nonce option"},
};
enum { N_OPTIONS = sizeof(options) / sizeof(options[0]) };

/* Of a repeated option the first counts. Returns what is bad, NULL if nothing is. */
static const char *options_get(struct ap_edns *e, ap_bytes rdata)
{
	bool seen[N_OPTIONS] = {false};
	struct ap_reader r;
	uint16_t code;
	ap_bytes octets;

	ap_reader_init(&r, rdata.data, rdata.len);
	r.field = "EDNS options";
	while (r.bad == NULL && r.at != r.end) {
		ap_u16_get(&r, &code);
		ap_span16_get(&r, &octets);
		for (size_t i = 0; r.bad == NULL && i < N_OPTIONS; i++) {
			if (options[i].code != code || seen[i])
				continue;
			if (octets.len < options[i].least || octets.len > options[i].most)
				return options[i].name;
			/* RFC 7873 section 5.2.2: a server cookie has 8 to 32 octets */
			if (code == AP_OPTION_COOKIE && octets.len > 8 && octets.len < 16)
				return options[i].name;
			seen[i] = true;
			options[i].take(e, octets);
		}
	}
	return r.bad;
}

/* RFC 6891 section 6.1: once, additional, owned by the root. Other versions may have other options.
 */
static const char *edns_get(struct ap_dns *m, const struct ap_rr *rr, const struct ap_name *owner)
{
	const char *bad;

	if (m->edns.present || rr->section != AP_ADDITIONAL || owner->len != 1)
		return "OPT";
	m->edns.version = (uint8_t)(rr->ttl >> 16);
	m->edns.udp_size = rr->class < 512 ? 512 : rr->class;
	m->edns.dnssec_ok = rr->ttl >> 15 & 1;
	bad = m->edns.version == 0 ? options_get(&m->edns, rr->rdata) : NULL;
	if (bad != NULL) {
		memset(&m->edns, 0, sizeof(m->edns));
		return bad;
	}
	m->edns.present = true;
	m->rcode = (uint16_t)((rr->ttl >> 24) << 4 | (m->flags & 15));
	return NULL;
}

/* RFC 8945 section 4.2. */
static const char *tsig_get(struct ap_dns *m, const struct ap_rr *rr)
{
	struct ap_reader r;
	struct ap_name algorithm;
	ap_bytes octets;

	if (rr->section != AP_ADDITIONAL || rr->class != AP_CLASS_ANY)
		return "TSIG";
	ap_reader_init(&r, rr->rdata.data, rr->rdata.len);
	r.field = "TSIG";
	ap_name_get(&r, NULL, &algorithm);
	ap_take(&r, 6 + 2); /* time, fudge */
	ap_span16_get(&r, &octets);
	ap_take(&r, 2 + 2); /* original id, error */
	ap_span16_get(&r, &octets);
	if (!ap_reader_done(&r))
		return "TSIG";
	m->has_tsig = true;
	m->tsig = *rr;
	return NULL;
}

/* ---- whole messages ---- */

/* One more record. Returns what is bad about it, NULL if nothing is. */
static const char *record_take(struct ap_dns *m, const struct ap_rr *rr,
			       const struct ap_name *owner)
{
	if (m->has_tsig)
		return "TSIG"; /* not the last record */
	if (rr->type == AP_RR_OPT)
		return edns_get(m, rr, owner);
	if (rr->type == AP_RR_TSIG)
		return tsig_get(m, rr);
	if (m->n_records == AP_DNS_RECORDS_MAX)
		return too_many;
	m->records[m->n_records++] = *rr;
	return NULL;
}

/* Cheaper than ap_dns's 1.5 kB all zero: records behind n_records are nobody's. */
static void clear(struct ap_dns *m, ap_bytes wire)
{
	m->wire = wire;
	m->id = m->flags = m->rcode = 0;
	m->opcode = 0;
	memset(m->counts, 0, sizeof(m->counts));
	m->has_question = m->has_tsig = false;
	m->qname.len = 1;
	m->qname.octets[0] = 0;
	m->qtype = m->qclass = 0;
	m->question_end = HEADER_LEN;
	m->n_records = 0;
	memset(&m->edns, 0, sizeof(m->edns));
	memset(&m->tsig, 0, sizeof(m->tsig));
	m->bad = NULL;
}

static void begin(struct ap_dns *m, struct ap_walk *w, const void *wire, size_t len)
{
	ap_walk_init(w, wire, len);
	clear(m, (ap_bytes){w->wire, len});
	m->id = w->id;
	m->flags = w->flags;
	m->opcode = (uint8_t)(w->flags >> 11 & 15);
	m->rcode = w->flags & 15;
	memcpy(m->counts, w->counts, sizeof(m->counts));
	if (w->question_end == 0)
		return;
	m->has_question = true;
	m->qname = w->qname;
	m->qtype = w->qtype;
	m->qclass = w->qclass;
	m->question_end = w->question_end;
}

static void records_get(struct ap_dns *m, struct ap_walk *w)
{
	struct ap_name owner;
	struct ap_rr rr;

	while (m->bad == NULL && ap_walk_next(w, &rr, &owner))
		m->bad = record_take(m, &rr, &owner);
	if (m->bad == NULL)
		m->bad = w->reader.bad;
}

static unsigned records_claimed(const struct ap_dns *m)
{
	return (unsigned)m->counts[AP_ANSWER] + m->counts[AP_AUTHORITY] + m->counts[AP_ADDITIONAL];
}

int ap_dns_request(struct ap_dns *m, const void *wire, size_t len)
{
	struct ap_walk w;
	unsigned claimed;

	begin(m, &w, wire, len);
	if (len < HEADER_LEN || (m->flags & AP_FLAG_QR))
		return AP_DNS_DROP;
	m->bad = w.reader.bad;
	claimed = records_claimed(m);
	/* a bound on the work, before it is done; OPT and TSIG come on top */
	if (claimed > AP_DNS_RECORDS_MAX + 2) {
		bool true_claim = claimed <= ap_reader_left(&w.reader) / RECORD_MIN;

		m->bad = too_many;
		if (m->opcode == AP_OPCODE_QUERY || m->opcode == AP_OPCODE_UPDATE)
			return true_claim ? AP_RCODE_REFUSED : AP_RCODE_FORMERR;
	}
	records_get(m, &w);
	if (m->opcode != AP_OPCODE_QUERY && m->opcode != AP_OPCODE_UPDATE)
		return AP_RCODE_NOTIMP;
	if (m->bad == NULL && m->counts[AP_QUESTION] != 1)
		m->bad = "number of questions";
	if (m->bad != NULL)
		return m->bad == too_many ? AP_RCODE_REFUSED : AP_RCODE_FORMERR;
	return m->edns.present && m->edns.version > 0 ? AP_RCODE_BADVERS : 0;
}

int ap_dns_reply(struct ap_dns *m, const void *wire, size_t len)
{
	struct ap_walk w;

	begin(m, &w, wire, len);
	m->bad = w.reader.bad;
	if (m->bad == NULL && !(m->flags & AP_FLAG_QR))
		m->bad = "QR";
	if (m->bad == NULL && m->counts[AP_QUESTION] > 1)
		m->bad = "number of questions";
	if (m->bad == NULL && records_claimed(m) > AP_DNS_RECORDS_MAX + 2)
		m->bad = too_many;
	if (m->bad == NULL)
		records_get(m, &w);
	return m->bad == NULL ? 0 : AGREE_EREPLY;
}

void ap_dns_owner(const struct ap_dns *m, const struct ap_rr *rr, struct ap_name *owner)
{
	struct ap_reader r;

	ap_reader_init(&r, m->wire.data, m->wire.len);
	ap_take(&r, rr->owner_at);
	ap_name_get(&r, m->wire.data, owner);
}

const struct ap_rr *ap_dns_next(const struct ap_dns *m, enum ap_section section, size_t *index)
{
	while (*index < m->n_records) {
		const struct ap_rr *rr = &m->records[(*index)++];

		if (rr->section == section)
			return rr;
	}
	return NULL;
}

/* ---- RDATA of others' types ---- */

bool ap_srv_get(struct ap_srv *srv, ap_bytes rdata, const uint8_t *message)
{
	struct ap_reader r;

	ap_reader_init(&r, rdata.data, rdata.len);
	r.field = "SRV";
	ap_u16_get(&r, &srv->priority);
	ap_u16_get(&r, &srv->weight);
	ap_u16_get(&r, &srv->port);
	ap_name_get(&r, message, &srv->target);
	return ap_reader_done(&r);
}

void ap_srv_put(struct ap_writer *w, const struct ap_srv *srv)
{
	ap_u16_put(w, &srv->priority);
	ap_u16_put(w, &srv->weight);
	ap_u16_put(w, &srv->port);
	ap_name_put(w, &srv->target);
}

bool ap_txt_next(struct ap_reader *r, ap_bytes *string)
{
	if (r->bad != NULL || r->at == r->end)
		return false;
	r->field = "TXT";
	ap_value_get(r, string);
	return r->bad == NULL;
}
