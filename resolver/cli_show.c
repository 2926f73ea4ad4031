#include "config.h"

#include "resolver/cli_show.h"

#include <string.h>

#include "libproto/codec.h"
#include "libproto/instance.h"
#include "libproto/outcome.h"

/* ---- names of numbers ---- */

static const struct {
	uint16_t number;
	const char *name;
} types[] = {
	{AP_RR_A, "A"},		{AP_RR_NS, "NS"},	    {AP_RR_CNAME, "CNAME"},
	{AP_RR_SOA, "SOA"},	{AP_RR_TXT, "TXT"},	    {AP_RR_AAAA, "AAAA"},
	{AP_RR_SRV, "SRV"},	{AP_RR_DNSKEY, "DNSKEY"},   {AP_RR_ANY, "ANY"},
	{AP_RR_AGREE, "AGREE"}, {AP_RR_PROPOSE, "PROPOSE"},
};

void cli_show_type(struct ap_text *t, uint16_t type)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (types[i].number == type) {
			ap_text_add(t, types[i].name);
			return;
		}
	}
	ap_text_addf(t, "TYPE%u", (unsigned)type);
}

static void class_show(struct ap_text *t, uint16_t class)
{
	static const struct {
		uint16_t number;
		const char *name;
	} classes[] = {{AP_CLASS_IN, "IN"},
		       {AP_CLASS_CH, "CH"},
		       {AP_CLASS_NONE, "NONE"},
		       {AP_CLASS_ANY, "ANY"}};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (classes[i].number == class) {
			ap_text_add(t, classes[i].name);
			return;
		}
	}
	ap_text_addf(t, "CLASS%u", (unsigned)class);
}

/* Fully qualified, as in a zone file. */
static void name_show(struct ap_text *t, const struct ap_name *name)
{
	ap_name_show(t, name);
	if (name->len > 1)
		ap_text_add(t, ".");
}

/* ---- records ---- */

static void quoted_show(struct ap_text *t, ap_bytes octets)
{
	ap_text_add(t, "\"");
	ap_text_hostile(t, octets.data, octets.len, 0);
	ap_text_add(t, "\"");
}

/* Between the fields of a long record. */
static const char *gap(const struct cli_options *options)
{
	return options->multiline ? "\n\t\t\t\t" : " ";
}

static void upper_add(struct ap_text *t, const char *word)
{
	for (; *word != '\0'; word++)
		ap_text_addf(t, "%c", *word >= 'a' && *word <= 'z' ? *word - 'a' + 'A' : *word);
}

/* draft {#presentation} */
static void outcome_show(struct ap_text *t, const struct cli_options *options, const ap_outcome *o)
{
	upper_add(t, ap_status_name(o->status));
	if (o->reason != AP_REASON_NONE) {
		ap_text_add(t, " ");
		upper_add(t, ap_reason_name(o->reason));
	}
	if (o->status == AP_STATUS_DECIDED) {
		ap_text_add(t, " ");
		quoted_show(t, o->value);
	}
	ap_text_addf(t, "%sk=%u yes=%lx no=%lx seq=%llu time=", gap(options), (unsigned)o->k,
		     (unsigned long)o->yes, (unsigned long)o->no, (unsigned long long)o->sequence);
	ap_text_time(t, o->time);
	if (o->terms.present) {
		ap_text_addf(t, "%sterms=", gap(options));
		ap_text_hex(t, o->terms.it.octets, sizeof(o->terms.it.octets));
	}
	if (o->nonce.present) {
		ap_text_addf(t, "%snonce=", gap(options));
		ap_text_hex(t, o->nonce.it.octets, sizeof(o->nonce.it.octets));
	}
}

static void proof_show(struct ap_text *t, const struct cli_options *options, const ap_proof *p)
{
	ap_text_addf(t, "%sepoch=%lu batch=%llu/", gap(options), (unsigned long)p->epoch,
		     (unsigned long long)p->sequence);
	ap_text_time(t, p->time);
	ap_text_addf(t, " leaf=%u/%u%srunning=", (unsigned)p->index, (unsigned)p->count,
		     gap(options));
	ap_text_hex(t, p->running.octets, sizeof(p->running.octets));
	ap_text_addf(t, "%spath=", gap(options));
	for (unsigned i = 0; i < p->path.count; i++) {
		ap_text_add(t, i == 0 ? "" : options->multiline ? ",\n\t\t\t\t     " : ",");
		ap_text_hex(t, p->path.node[i].octets, sizeof(p->path.node[i].octets));
	}
	ap_text_addf(t, "%ssig=", gap(options));
	ap_base64url_show(t, p->sig.octets, sizeof(p->sig.octets));
}

static bool agree_show(struct ap_text *t, const struct cli_options *options, ap_bytes rdata)
{
	struct ap_reader r;
	ap_agree agree;

	ap_reader_init(&r, rdata.data, rdata.len);
	ap_agree_get(&r, &agree);
	if (!ap_reader_done(&r))
		return false;
	if (options->multiline)
		ap_text_add(t, "( ");
	outcome_show(t, options, &agree.outcome);
	proof_show(t, options, &agree.proof);
	if (options->multiline)
		ap_text_add(t, " )");
	return true;
}

static bool propose_show(struct ap_text *t, const struct cli_options *options, ap_bytes rdata)
{
	static const char *const verbs[] = {[AP_VERB_APPROVE] = "APPROVE",
					    [AP_VERB_VETO] = "VETO",
					    [AP_VERB_OBSERVE] = "OBSERVE"};
	struct ap_reader r;
	ap_propose p;

	ap_reader_init(&r, rdata.data, rdata.len);
	ap_propose_get(&r, &p);
	if (!ap_reader_done(&r) || p.verb < AP_VERB_APPROVE || p.verb > AP_VERB_OBSERVE)
		return false;
	ap_text_add(t, options->multiline ? "( " : "");
	ap_text_add(t, verbs[p.verb]);
	if (p.verb == AP_VERB_APPROVE) {
		ap_text_add(t, " ");
		quoted_show(t, p.value);
	}
	if (p.party != AP_PARTY_NONE)
		ap_text_addf(t, " party=%u", (unsigned)p.party);
	/* not what it is: this goes to screens and logs */
	if (p.credential.kind != AP_CREDENTIAL_NONE)
		ap_text_add(t, p.credential.kind == AP_CREDENTIAL_SECRET ? " by=secret"
									 : " by=signature");
	ap_text_addf(t, "%snonce=", gap(options));
	ap_text_hex(t, p.nonce.octets, sizeof(p.nonce.octets));
	ap_text_addf(t, "%sdescriptor=", gap(options));
	ap_base64url_show(t, p.descriptor.data, p.descriptor.len);
	ap_text_add(t, options->multiline ? " )" : "");
	return true;
}

/* RFC 3597 */
static void unknown_show(struct ap_text *t, ap_bytes rdata)
{
	ap_text_addf(t, "\\# %zu", rdata.len);
	if (rdata.len > 0)
		ap_text_add(t, " ");
	ap_text_hex(t, rdata.data, rdata.len);
}

void cli_show_rdata(struct ap_text *t, const struct cli_options *options, uint16_t type,
		    ap_bytes rdata)
{
	struct ap_text here = *t;
	bool shown = false;

	if (!options->generic && type == AP_RR_AGREE)
		shown = agree_show(t, options, rdata);
	else if (!options->generic && type == AP_RR_PROPOSE)
		shown = propose_show(t, options, rdata);
	if (shown)
		return;
	*t = here;
	unknown_show(t, rdata);
}

void cli_show_record(struct ap_text *t, const struct cli_options *options, const struct ap_dns *m,
		     const struct ap_rr *rr)
{
	struct ap_name owner;

	ap_dns_owner(m, rr, &owner);
	name_show(t, &owner);
	ap_text_addf(t, "\t%lu\t", (unsigned long)rr->ttl);
	class_show(t, rr->class);
	ap_text_add(t, "\t");
	if (options->generic)
		ap_text_addf(t, "TYPE%u", (unsigned)rr->type);
	else
		cli_show_type(t, rr->type);
	if (rr->rdata.len == 0 && rr->class != AP_CLASS_IN) { /* a prerequisite */
		ap_text_add(t, "\n");
		return;
	}
	ap_text_add(t, "\t");
	cli_show_rdata(t, options, rr->type, rr->rdata);
	ap_text_add(t, "\n");
}

/* ---- messages ---- */

static const char *const query_sections[] = {"QUESTION", "ANSWER", "AUTHORITY", "ADDITIONAL"};
static const char *const update_sections[] = {"ZONE", "PREREQUISITE", "UPDATE", "ADDITIONAL"};
static const char *const update_counts[] = {"ZONE", "PREREQ", "UPDATE", "ADDITIONAL"};
static const char *const query_counts[] = {"QUERY", "ANSWER", "AUTHORITY", "ADDITIONAL"};

static void flags_show(struct ap_text *t, uint16_t flags)
{
	static const struct {
		uint16_t flag;
		const char *name;
	} names[] = {{AP_FLAG_QR, "qr"}, {AP_FLAG_AA, "aa"}, {AP_FLAG_TC, "tc"}, {AP_FLAG_RD, "rd"},
		     {AP_FLAG_RA, "ra"}, {AP_FLAG_AD, "ad"}, {AP_FLAG_CD, "cd"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((flags & names[i].flag) != 0)
			ap_text_addf(t, " %s", names[i].name);
}

static void header_show(struct ap_text *t, const struct ap_dns *m)
{
	bool update = m->opcode == AP_OPCODE_UPDATE;
	const char *rcode = ap_rcode_name(m->rcode);

	ap_text_add(t, ";; ->>HEADER<<- opcode: ");
	if (update || m->opcode == AP_OPCODE_QUERY)
		ap_text_add(t, update ? "UPDATE" : "QUERY");
	else
		ap_text_addf(t, "RESERVED%u", (unsigned)m->opcode);
	ap_text_add(t, ", status: ");
	if (rcode != NULL)
		ap_text_add(t, rcode);
	else
		ap_text_addf(t, "?%u", (unsigned)m->rcode);
	ap_text_addf(t, ", id: %u\n;; flags:", (unsigned)m->id);
	flags_show(t, m->flags);
	for (unsigned i = 0; i < 4; i++)
		ap_text_addf(t, "%s %s: %u", i == 0 ? ";" : ",",
			     update ? update_counts[i] : query_counts[i], (unsigned)m->counts[i]);
	ap_text_add(t, "\n\n");
}

static void edns_show(struct ap_text *t, const struct ap_dns *m)
{
	const struct ap_edns *e = &m->edns;

	if (!e->present)
		return;
	ap_text_addf(t, ";; OPT PSEUDOSECTION:\n; EDNS: version: %u, flags:%s; udp: %u\n",
		     (unsigned)e->version, e->dnssec_ok ? " do" : "", (unsigned)e->udp_size);
	if (e->has_ede) {
		ap_text_addf(t, "; EDE: %u", (unsigned)e->ede);
		if (e->ede_text.len > 0) {
			ap_text_add(t, ": (");
			ap_text_hostile(t, e->ede_text.data, e->ede_text.len, 0);
			ap_text_add(t, ")");
		}
		ap_text_add(t, "\n");
	}
	if (e->cookie.data != NULL) {
		ap_text_add(t, "; COOKIE: ");
		ap_text_hex(t, e->cookie.data, e->cookie.len);
		/* an answer with another client cookie than ours is never shown */
		ap_text_add(t, (m->flags & AP_FLAG_QR) != 0 ? " (good)\n" : "\n");
	}
	if (e->nsid_text.len > 0) {
		ap_text_add(t, "; NSID: ");
		quoted_show(t, e->nsid_text);
		ap_text_add(t, "\n");
	}
	if (e->has_wait)
		ap_text_addf(t, "; WAIT: %u\n", (unsigned)e->wait_s);
	if (e->has_nonce) {
		ap_text_add(t, "; NONCE: ");
		ap_text_hex(t, e->nonce.octets, sizeof(e->nonce.octets));
		ap_text_add(t, "\n");
	}
}

static void question_show(struct ap_text *t, const struct cli_options *options,
			  const struct ap_dns *m, const char *title)
{
	if (!m->has_question || !options->question)
		return;
	if (options->comments)
		ap_text_addf(t, ";; %s SECTION:\n", title);
	ap_text_add(t, ";");
	name_show(t, &m->qname);
	ap_text_add(t, "\t\t");
	class_show(t, m->qclass);
	ap_text_add(t, "\t");
	cli_show_type(t, m->qtype);
	ap_text_add(t, "\n\n");
}

static void section_show(struct ap_text *t, const struct cli_options *options,
			 const struct ap_dns *m, enum ap_section section, const char *title)
{
	const struct ap_rr *rr;
	size_t at = 0;
	bool any = false;

	if (!(section == AP_ANSWER ? options->answer : options->additional))
		return;
	while ((rr = ap_dns_next(m, section, &at)) != NULL) {
		if (!any && options->comments)
			ap_text_addf(t, ";; %s SECTION:\n", title);
		any = true;
		cli_show_record(t, options, m, rr);
	}
	ap_text_add(t, any ? "\n" : "");
}

void cli_show_message(struct ap_text *t, const struct cli_options *options, const void *wire,
		      size_t len)
{
	const uint8_t *octets = wire;
	bool is_reply = len > 2 && (octets[2] & 0x80) != 0;
	const char *const *titles;
	struct ap_dns m;
	int bad = is_reply ? ap_dns_reply(&m, wire, len) : ap_dns_request(&m, wire, len);

	if (bad != 0) {
		ap_text_addf(t, ";; Got a message of %zu octets that cannot be read: %s\n", len,
			     m.bad != NULL ? m.bad : "header");
		return;
	}
	titles = m.opcode == AP_OPCODE_UPDATE ? update_sections : query_sections;
	if (options->comments) {
		header_show(t, &m);
		edns_show(t, &m);
	}
	question_show(t, options, &m, titles[0]);
	for (unsigned s = AP_ANSWER; s <= AP_ADDITIONAL; s++)
		section_show(t, options, &m, (enum ap_section)s, titles[s]);
}
