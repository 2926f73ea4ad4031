/*
 * Writing DNS messages: dns.h, second half.
 */
#include <string.h>

#include "libproto/dns.h"

enum { HEADER_LEN = 12, FUDGE_S = 300 };

void ap_dns_begin(struct ap_dns_writer *d, void *buffer, size_t size, size_t limit, uint16_t id,
		  uint8_t opcode, uint16_t flags)
{
	memset(d, 0, sizeof(*d));
	ap_writer_init(&d->w, buffer, size);
	d->w.field = "header";
	ap_u16_put(&d->w, &id);
	ap_octets_put(&d->w, (const uint8_t[HEADER_LEN - 2]){0}, HEADER_LEN - 2);
	d->limit = limit < size ? limit : size;
	if (d->limit > AP_DNS_MAX)
		d->limit = AP_DNS_MAX;
	d->flags = (uint16_t)(flags | (opcode & 15) << 11);
	d->qname.len = 1;
}

void ap_dns_begin_reply(struct ap_dns_writer *d, void *buffer, size_t size, size_t limit,
			const struct ap_dns *request)
{
	const uint16_t kept = request->flags & AP_FLAG_RD;

	ap_dns_begin(d, buffer, size, limit, request->id, request->opcode,
		     (uint16_t)(AP_FLAG_QR | kept));
	if (!request->has_question)
		return;
	d->w.field = "question";
	ap_octets_put(&d->w, request->wire.data + HEADER_LEN,
		      (size_t)request->question_end - HEADER_LEN);
	d->counts[AP_QUESTION] = 1;
	d->qname = request->qname;
}

void ap_dns_question(struct ap_dns_writer *d, const struct ap_name *name, uint16_t type,
		     uint16_t class)
{
	d->w.field = "question";
	ap_name_put(&d->w, name);
	ap_u16_put(&d->w, &type);
	ap_u16_put(&d->w, &class);
	d->counts[AP_QUESTION] = 1;
	d->qname = *name;
}

void ap_dns_rcode(struct ap_dns_writer *d, uint16_t rcode)
{
	d->rcode = rcode;
}

void ap_dns_flag(struct ap_dns_writer *d, uint16_t flag)
{
	d->flags |= flag;
}

/* ---- records ---- */

static void owner_put(struct ap_dns_writer *d, const struct ap_name *owner)
{
	size_t tail = ap_name_common(owner, &d->qname);
	uint16_t pointer = (uint16_t)(0xc000 | (HEADER_LEN + d->qname.len - tail));

	if (tail == 1) {
		ap_name_put(&d->w, owner);
		return;
	}
	ap_octets_put(&d->w, owner->octets, owner->len - tail);
	ap_u16_put(&d->w, &pointer);
}

struct ap_writer *ap_dns_rr_begin(struct ap_dns_writer *d, enum ap_section section,
				  const struct ap_name *owner, uint16_t type, uint16_t class,
				  uint32_t ttl)
{
	const uint16_t later = 0;

	/* a message that was bad before stays so: there is no way back from this record */
	d->rr_at = d->w.bad == NULL ? ap_writer_len(&d->w) : SIZE_MAX;
	d->section = section;
	d->w.field = "record";
	owner_put(d, owner);
	ap_u16_put(&d->w, &type);
	ap_u16_put(&d->w, &class);
	ap_u32_put(&d->w, &ttl);
	ap_u16_put(&d->w, &later);
	d->rdata_at = ap_writer_len(&d->w);
	return &d->w;
}

bool ap_dns_rr_end(struct ap_dns_writer *d)
{
	size_t len = ap_writer_len(&d->w), rdata_len = len - d->rdata_at;

	if (d->full || d->w.bad != NULL || len + d->reserved > d->limit ||
	    rdata_len > AP_SPAN16_MAX) {
		/* RFC 2181 section 9: what is missing in the additional section alone is no
		 * truncation */
		if (d->section != AP_ADDITIONAL) {
			d->full = true;
			d->flags |= AP_FLAG_TC;
		}
		ap_writer_back(&d->w, d->rr_at);
		return false;
	}
	ap_writer_patch(&d->w, d->rdata_at - 2, (uint16_t)rdata_len);
	d->counts[d->section]++;
	return true;
}

bool ap_dns_rr(struct ap_dns_writer *d, enum ap_section section, const struct ap_name *owner,
	       uint16_t type, uint16_t class, uint32_t ttl, ap_bytes rdata)
{
	struct ap_writer *w = ap_dns_rr_begin(d, section, owner, type, class, ttl);

	ap_octets_put(w, rdata.data, rdata.len);
	return ap_dns_rr_end(d);
}

/* ---- OPT ---- */

static void option_put(struct ap_writer *w, uint16_t code, const void *octets, size_t len)
{
	const ap_bytes option = {octets, len};

	ap_u16_put(w, &code);
	ap_span16_put(w, &option);
}

/* Octets of the options that are never left out. */
static size_t bare_len(const struct ap_edns_out *e)
{
	return 11 + (e->cookie.len > 0 ? 4 + e->cookie.len : 0) + (e->has_ede ? 6U : 0U) +
	       (e->nsid_ask ? 4U : 0U) + (e->has_wait ? 6U : 0U) + (e->has_nonce ? 20U : 0U);
}

void ap_dns_edns(struct ap_dns_writer *d, const struct ap_edns_out *edns)
{
	d->edns = edns;
	d->reserved = edns != NULL ? bare_len(edns) : 0;
}

/* Octets that are free for what may be left out. */
static size_t room(const struct ap_dns_writer *d, size_t still_to_come)
{
	size_t used = ap_writer_len(&d->w) + still_to_come;

	return used < d->limit ? d->limit - used : 0;
}

static void ede_put(struct ap_dns_writer *d, size_t still_to_come)
{
	const struct ap_edns_out *e = d->edns;
	uint8_t octets[2 + AP_EDE_TEXT_MAX] = {(uint8_t)(e->ede >> 8), (uint8_t)e->ede};
	size_t len = e->ede_text != NULL ? strlen(e->ede_text) : 0;
	size_t free_octets = room(d, 6 + still_to_come);
	size_t max = free_octets < AP_EDE_TEXT_MAX ? free_octets : AP_EDE_TEXT_MAX;

	if (len > 0) {
		len = ap_utf8_cut((const uint8_t *)e->ede_text, len, max);
		memcpy(octets + 2, e->ede_text, len);
	}
	option_put(&d->w, AP_OPTION_EDE, octets, 2 + len);
}

static void padding_put(struct ap_dns_writer *d)
{
	static const uint8_t zeros[AP_UDP_MAX];
	size_t len = ap_writer_len(&d->w), to = d->edns->pad_to;

	if (to > d->limit)
		to = d->limit;
	if (to > len + 4 + sizeof(zeros))
		to = len + 4 + sizeof(zeros);
	if (to >= len + 4)
		option_put(&d->w, AP_OPTION_PADDING, zeros, to - len - 4);
}

/* In the order in which they matter, for a reply that is short of room: cookie, code, text. Padding
 * is last. */
static void options_put(struct ap_dns_writer *d)
{
	const struct ap_edns_out *e = d->edns;
	const uint8_t wait[2] = {(uint8_t)(e->wait_s >> 8), (uint8_t)e->wait_s};
	size_t rest = (e->nsid_ask ? 4U : 0U) + (e->has_wait ? 6U : 0U) + (e->has_nonce ? 20U : 0U);

	if (e->cookie.len > 0)
		option_put(&d->w, AP_OPTION_COOKIE, e->cookie.data, e->cookie.len);
	if (e->has_ede)
		ede_put(d, rest);
	if (e->nsid_ask)
		option_put(&d->w, AP_OPTION_NSID, NULL, 0);
	else if (e->nsid.len > 0 && room(d, rest) >= 4 + e->nsid.len)
		option_put(&d->w, AP_OPTION_NSID, e->nsid.data, e->nsid.len);
	if (e->has_wait)
		option_put(&d->w, AP_OPTION_WAIT, wait, sizeof(wait));
	if (e->has_nonce)
		option_put(&d->w, AP_OPTION_NONCE, e->nonce.octets, sizeof(e->nonce.octets));
	if (e->pad_to > 0)
		padding_put(d);
}

static void opt_put(struct ap_dns_writer *d)
{
	const struct ap_edns_out *e = d->edns;
	const uint16_t type = AP_RR_OPT, later = 0;
	const uint32_t ttl = (uint32_t)(d->rcode >> 4) << 24 | (e->dnssec_ok ? 0x8000U : 0U);
	size_t rdata_at;

	d->w.field = "OPT";
	ap_octets_put(&d->w, "", 1);
	ap_u16_put(&d->w, &type);
	ap_u16_put(&d->w, &e->udp_size);
	ap_u32_put(&d->w, &ttl);
	ap_u16_put(&d->w, &later);
	rdata_at = ap_writer_len(&d->w);
	options_put(d);
	ap_writer_patch(&d->w, rdata_at - 2, (uint16_t)(ap_writer_len(&d->w) - rdata_at));
	d->counts[AP_ADDITIONAL]++;
}

/* ---- the end ---- */

static size_t header_put(struct ap_dns_writer *d)
{
	/* without OPT there are 4 bits: a higher code would read as another one */
	uint16_t low = d->edns == NULL && d->rcode > 15 ? AP_RCODE_SERVFAIL : d->rcode & 15;

	ap_writer_patch(&d->w, 2, (uint16_t)(d->flags | low));
	for (unsigned i = 0; i < 4; i++)
		ap_writer_patch(&d->w, 4 + 2 * i, d->counts[i]);
	return ap_writer_len(&d->w);
}

size_t ap_dns_end(struct ap_dns_writer *d)
{
	if (d->edns != NULL)
		opt_put(d);
	return header_put(d);
}

size_t ap_dns_end_unsigned(struct ap_dns_writer *d, const struct ap_dns *request, uint16_t error)
{
	const uint16_t fudge = FUDGE_S, zero = 0;
	struct ap_name key, algorithm;
	struct ap_reader r;
	uint8_t time[6];
	struct ap_writer *w;

	d->rcode = AP_RCODE_NOTAUTH;
	if (d->edns != NULL)
		opt_put(d);
	ap_dns_owner(request, &request->tsig, &key);
	ap_reader_init(&r, request->tsig.rdata.data, request->tsig.rdata.len);
	ap_name_get(&r, NULL, &algorithm);
	ap_octets_get(&r, time, sizeof(time));

	d->reserved = 0;
	w = ap_dns_rr_begin(d, AP_ADDITIONAL, &key, AP_RR_TSIG, AP_CLASS_ANY, 0);
	ap_name_put(w, &algorithm);
	ap_octets_put(w, time, sizeof(time));
	ap_u16_put(w, &fudge);
	ap_u16_put(w, &zero); /* MAC */
	ap_u16_put(w, &request->id);
	ap_u16_put(w, &error);
	ap_u16_put(w, &zero); /* other data */
	ap_dns_rr_end(d);
	return header_put(d);
}

/* ---- names of codes ---- */

const char *ap_rcode_name(uint16_t rcode)
{
	static const char *const names[] = {
		[AP_RCODE_NOERROR] = "NOERROR",	    [AP_RCODE_FORMERR] = "FORMERR",
		[AP_RCODE_SERVFAIL] = "SERVFAIL",   [AP_RCODE_NXDOMAIN] = "NXDOMAIN",
		[AP_RCODE_NOTIMP] = "NOTIMP",	    [AP_RCODE_REFUSED] = "REFUSED",
		[AP_RCODE_YXDOMAIN] = "YXDOMAIN",   [AP_RCODE_YXRRSET] = "YXRRSET",
		[AP_RCODE_NXRRSET] = "NXRRSET",	    [AP_RCODE_NOTAUTH] = "NOTAUTH",
		[AP_RCODE_NOTZONE] = "NOTZONE",	    [AP_RCODE_BADVERS] = "BADVERS",
		[AP_RCODE_BADCOOKIE] = "BADCOOKIE",
	};

	return rcode < sizeof(names) / sizeof(names[0]) ? names[rcode] : NULL;
}
