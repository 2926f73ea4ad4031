/*
 * DNS messages as clients and replicas exchange them: RFC 1035, 2136, 6891, 7830, 7873, 8914.
 * draft {#messages}, {#transport}
 *
 * Parsing borrows: spans and records point into the message. Envelopes may come in any legal form;
 * what is written has one.
 */
#ifndef AP_DNS_H
#define AP_DNS_H

#include "libproto/agree_errors.h"
#include "libproto/kinds.h"
#include "libproto/name.h"

/* clang-format off */
enum { AP_OPCODE_QUERY = 0, AP_OPCODE_NOTIFY = 4, AP_OPCODE_UPDATE = 5 };
enum {
	AP_RCODE_NOERROR = 0, AP_RCODE_FORMERR = 1, AP_RCODE_SERVFAIL = 2, AP_RCODE_NXDOMAIN = 3,
	AP_RCODE_NOTIMP = 4, AP_RCODE_REFUSED = 5, AP_RCODE_YXDOMAIN = 6, AP_RCODE_YXRRSET = 7,
	AP_RCODE_NXRRSET = 8, AP_RCODE_NOTAUTH = 9, AP_RCODE_NOTZONE = 10,
	AP_RCODE_BADVERS = 16, AP_RCODE_BADCOOKIE = 23,
};
enum {
	AP_RR_A = 1, AP_RR_NS = 2, AP_RR_CNAME = 5, AP_RR_SOA = 6, AP_RR_TXT = 16, AP_RR_AAAA = 28,
	AP_RR_SRV = 33, AP_RR_OPT = 41, AP_RR_DNSKEY = 48, AP_RR_TSIG = 250, AP_RR_IXFR = 251,
	AP_RR_AXFR = 252, AP_RR_ANY = 255, AP_RR_AGREE = 65400, AP_RR_PROPOSE = 65401,
};
enum { AP_CLASS_IN = 1, AP_CLASS_CH = 3, AP_CLASS_NONE = 254, AP_CLASS_ANY = 255 };
enum { /* of the header's second 16 bits */
	AP_FLAG_QR = 0x8000, AP_FLAG_AA = 0x0400, AP_FLAG_TC = 0x0200, AP_FLAG_RD = 0x0100,
	AP_FLAG_RA = 0x0080, AP_FLAG_AD = 0x0020, AP_FLAG_CD = 0x0010,
};
enum { /* EDNS options; the last two are ours: draft {#edns} */
	AP_OPTION_NSID = 3, AP_OPTION_COOKIE = 10, AP_OPTION_PADDING = 12, AP_OPTION_EDE = 15,
	AP_OPTION_WAIT = 65001, AP_OPTION_NONCE = 65002,
};
/* Sections; of an UPDATE they are zone, prerequisite, update, additional. */
enum ap_section {
	AP_QUESTION, AP_ANSWER, AP_AUTHORITY, AP_ADDITIONAL,
	AP_ZONE = AP_QUESTION, AP_PREREQUISITE = AP_ANSWER, AP_UPDATE = AP_AUTHORITY,
};
/* clang-format on */

/* ---- reading ---- */

struct ap_rr {
	enum ap_section section;
	uint16_t owner_at; /* where its name begins in the message */
	uint16_t type;
	uint16_t class;
	uint32_t ttl;
	ap_bytes rdata;
};

struct ap_edns {
	bool present;
	uint8_t version;
	uint16_t udp_size;
	bool dnssec_ok;
	ap_bytes cookie; /* AP_COOKIE_CLIENT_LEN, or 16 to AP_COOKIE_MAX octets; data NULL: no such
			    option */
	bool nsid;	 /* there is an NSID option */
	ap_bytes nsid_text;
	bool has_wait;
	uint16_t wait_s;
	bool has_nonce;
	ap_nonce nonce;
	bool has_ede; /* the first one */
	uint16_t ede;
	ap_bytes ede_text;
};

struct ap_dns {
	ap_bytes wire; /* the whole message */
	uint16_t id;
	uint16_t flags; /* AP_FLAG_* */
	uint8_t opcode;
	uint16_t rcode; /* 12 bits, those of OPT included */
	uint16_t counts[4];

	/* The first question or zone; its letter case is kept. */
	bool has_question;
	struct ap_name qname;
	uint16_t qtype;
	uint16_t qclass;
	uint16_t question_end; /* the octets 12 to here are the question as it came */

	/* The records of all sections in their order, OPT and TSIG left out. */
	size_t n_records;
	struct ap_rr records[AP_DNS_RECORDS_MAX];

	struct ap_edns edns;
	bool has_tsig;
	struct ap_rr tsig;

	const char *bad; /* what was wrong, for the log and the extended error; NULL if nothing */
};

/*
 * A message from a client. 0: well-formed, of opcode QUERY or UPDATE, one question, known EDNS
 * version. AP_DNS_DROP: no answer may be given (QR set, or less than a header). Otherwise the RCODE
 * to answer with (FORMERR, NOTIMP, BADVERS, REFUSED for more records than AP_DNS_RECORDS_MAX), with
 * as much of `m` filled as could be read: id, opcode, flags always, question and edns if they were
 * good. `m->bad` says what is wrong. What class, names, types and the rules of RFC 2136 say is not
 * looked at here.
 */
enum { AP_DNS_DROP = -1 };
int ap_dns_request(struct ap_dns *m, const void *wire, size_t len);

/*
 * A message from a server, of at most AP_DNS_RECORDS_MAX records: 0, or AGREE_EREPLY. Any RCODE, TC
 * too (what follows the header may then be cut off only between records).
 */
int ap_dns_reply(struct ap_dns *m, const void *wire, size_t len);

/* The record's owner. It was good when the message was parsed; the root if it is not. */
void ap_dns_owner(const struct ap_dns *m, const struct ap_rr *rr, struct ap_name *owner);
/* Records of a section: the first at or after *index, which then stands behind it; NULL: no more.
 */
const struct ap_rr *ap_dns_next(const struct ap_dns *m, enum ap_section section, size_t *index);

/*
 * Walks a message of any number of records (answers to discovery) without keeping them, OPT and
 *TSIG among them. ap_walk_init(&w, wire, len); while (ap_walk_next(&w, &rr, &owner)) ... ends
 *behind the last record, or at the first that is bad: then w.reader.bad says what.
 */
struct ap_walk {
	struct ap_reader reader;
	const uint8_t *wire;
	uint16_t id, flags;
	uint16_t counts[4];
	struct ap_name qname; /* of the first question, the root if there is none */
	uint16_t qtype, qclass;
	uint16_t question_end; /* where the first question ends */
	unsigned section;      /* of the next record */
	uint16_t left;	       /* records of it */
};
void ap_walk_init(struct ap_walk *w, const void *wire, size_t len);
bool ap_walk_next(struct ap_walk *w, struct ap_rr *rr, struct ap_name *owner);

/* RDATA of an SRV record; `message` as for ap_name_get(), since old servers compress the target. */
struct ap_srv {
	uint16_t priority, weight, port;
	struct ap_name target;
};
bool ap_srv_get(struct ap_srv *srv, ap_bytes rdata, const uint8_t *message);
void ap_srv_put(struct ap_writer *w, const struct ap_srv *srv);
/* The next character-string of a TXT record at the reader: false at the end, or bad. */
bool ap_txt_next(struct ap_reader *r, ap_bytes *string);

/* ---- writing ---- */

/*
 * One message in the caller's buffer. Header, question and a bare OPT are always written; records
 * and extra text only within `limit`. A record that does not fit is left out whole, with all that
 * would follow it, and TC is set (but not for the additional section). Room for OPT is kept as soon
 * as ap_dns_edns() has been called, so call it before adding records.
 */
struct ap_dns_writer {
	struct ap_writer w;
	size_t limit;
	size_t reserved; /* for OPT */
	uint16_t flags;
	uint16_t rcode;
	uint16_t counts[4];
	struct ap_name qname; /* what owners are compressed against: at octet 12 */
	size_t rr_at;	      /* where the record being written began */
	size_t rdata_at;
	enum ap_section section;
	bool full;
	const struct ap_edns_out *edns;
};

struct ap_edns_out {
	uint16_t udp_size;
	bool dnssec_ok;
	ap_bytes cookie; /* whole option; empty: none */
	bool has_ede;
	uint16_t ede;
	const char *ede_text; /* cut at the limit, on a UTF-8 boundary; NULL: none */
	ap_bytes nsid;	      /* left out if it does not fit; a client asks with nsid_ask */
	bool nsid_ask;
	bool has_wait;
	uint16_t wait_s;
	bool has_nonce;
	ap_nonce nonce;
	uint16_t pad_to; /* the whole message, at most the limit; 0: no padding */
};

/* Octets that a buffer must have: header, question, OPT with every option, but no text and no NSID.
 */
#define AP_DNS_BARE_MAX (12 + 259 + 11 + 44 + 6 + 6 + 20 + 4)

/* A new message. `size` of the buffer, at least AP_DNS_BARE_MAX; limit at most size. */
void ap_dns_begin(struct ap_dns_writer *d, void *buffer, size_t size, size_t limit, uint16_t id,
		  uint8_t opcode, uint16_t flags);
/*
 * The reply to a request, as much of which as was read: id, opcode, RD, and the question octet for
 * octet (compressed or not, it comes first and so has no pointers).
 */
void ap_dns_begin_reply(struct ap_dns_writer *d, void *buffer, size_t size, size_t limit,
			const struct ap_dns *request);
void ap_dns_question(struct ap_dns_writer *d, const struct ap_name *name, uint16_t type,
		     uint16_t class);
void ap_dns_rcode(struct ap_dns_writer *d, uint16_t rcode);
/* AP_FLAG_AA, AP_FLAG_TC... */
void ap_dns_flag(struct ap_dns_writer *d, uint16_t flag);
/* OPT, written at the end; `edns` must live until ap_dns_end(). */
void ap_dns_edns(struct ap_dns_writer *d, const struct ap_edns_out *edns);

/*
 * A record: begin, RDATA through the writer that begin gives, end. Sections in order. End gives
 * false if it did not fit: the record is gone and TC is set. Owners are compressed against the
 * question.
 */
struct ap_writer *ap_dns_rr_begin(struct ap_dns_writer *d, enum ap_section section,
				  const struct ap_name *owner, uint16_t type, uint16_t class,
				  uint32_t ttl);
bool ap_dns_rr_end(struct ap_dns_writer *d);
/* The same for RDATA that is there already. */
bool ap_dns_rr(struct ap_dns_writer *d, enum ap_section section, const struct ap_name *owner,
	       uint16_t type, uint16_t class, uint32_t ttl, ap_bytes rdata);

/* Octets of the message, 0 if the buffer was too small for header, question and bare OPT. */
size_t ap_dns_end(struct ap_dns_writer *d);
/* Instead of ap_dns_end(): NOTAUTH with this TSIG error (BADKEY 17, BADSIG 16, BADTRUNC 22) and an
 * empty MAC (RFC 8945 section 5.2), behind OPT. */
size_t ap_dns_end_unsigned(struct ap_dns_writer *d, const struct ap_dns *request, uint16_t error);

/* "NOERROR", "FORMERR"...; NULL for those without a name. */
const char *ap_rcode_name(uint16_t rcode);

#endif
