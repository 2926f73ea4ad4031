/* messages.json: whole DNS messages, and cookies. */
#include <string.h>

#include "libproto/cookie.h"
#include "libproto/dns.h"
#include "libproto/instance.h"
#include "libproto/name.h"
#include "libproto/proof.h"
#include "tests/vectors/json.h"
#include "tests/vectors/make.h"
#include "tests/vectors/sample.h"

enum { MESSAGE_ID = 0x1234, PAD_TO = 700, NOW_S = 1795500000, TTL_S = 605640 };

static const uint8_t client_cookie[8] = {0x24, 0x64, 0xc4, 0xab, 0xcf, 0x10, 0xc9, 0x57};
static const uint8_t secret[16] = {0xe5, 0xe9, 0x73, 0xe5, 0xa6, 0xb2, 0xa4, 0x3f,
				   0x48, 0xe7, 0xdc, 0x84, 0x9e, 0x37, 0xbf, 0xcf};
static const uint8_t address[4] = {198, 51, 100, 100};

struct names {
	struct ap_name zone, instance;
};

static void names_make(struct names *n)
{
	uint8_t id[AP_ID_LEN];

	sample_id(id, SAMPLE_OPEN);
	MUST(ap_name_parse(&n->zone, SAMPLE_DOMAIN) == 0);
	MUST(ap_name_of_instance(&n->instance, id, &n->zone));
}

static ap_bytes finish(struct ap_dns_writer *d, uint8_t *buffer)
{
	size_t len = ap_dns_end(d);

	MUST(len > 0 && !d->full);
	return (ap_bytes){buffer, len};
}

/* ---- requests ---- */

static ap_bytes update_make(uint8_t *buffer, size_t size, const struct names *n,
			    const struct ap_edns_out *edns)
{
	uint8_t descriptor[AP_MAX_descriptor];
	ap_propose propose;
	ap_descriptor d;
	struct ap_dns_writer w;

	sample_descriptor(&d, SAMPLE_OPEN);
	memset(&propose, 0, sizeof(propose));
	propose.version = AP_PROPOSE_VERSION;
	propose.verb = AP_VERB_APPROVE;
	propose.party = AP_PARTY_NONE;
	propose.value = BYTES("host-a");
	memset(propose.nonce.octets, 0xa5, sizeof(propose.nonce.octets));
	propose.descriptor = sample_encode(descriptor, sizeof(descriptor), &d);
	ap_dns_begin(&w, buffer, size, size, MESSAGE_ID, AP_OPCODE_UPDATE, 0);
	ap_dns_question(&w, &n->zone, AP_RR_SOA, AP_CLASS_IN);
	if (edns != NULL)
		ap_dns_edns(&w, edns);
	MUST(ap_dns_rr(&w, (enum ap_section)AP_PREREQUISITE, &n->instance, AP_RR_AGREE,
		       AP_CLASS_NONE, 0, (ap_bytes){NULL, 0}));
	ap_propose_put(ap_dns_rr_begin(&w, (enum ap_section)AP_UPDATE, &n->instance, AP_RR_PROPOSE,
				       AP_CLASS_IN, 0),
		       &propose);
	MUST(ap_dns_rr_end(&w));
	return finish(&w, buffer);
}

static ap_bytes query_make(uint8_t *buffer, size_t size, const struct names *n, uint16_t type,
			   const struct ap_edns_out *edns)
{
	struct ap_dns_writer w;

	ap_dns_begin(&w, buffer, size, size, MESSAGE_ID, AP_OPCODE_QUERY, 0);
	ap_dns_question(&w, &n->instance, type, AP_CLASS_IN);
	if (edns != NULL)
		ap_dns_edns(&w, edns);
	return finish(&w, buffer);
}

/* ---- replies ---- */

static ap_bytes reply_make(uint8_t *buffer, size_t size, ap_bytes request, enum ap_section section,
			   const struct names *n, uint16_t rcode, uint32_t ttl,
			   const struct ap_edns_out *edns)
{
	static struct sample_batch b;
	uint8_t rdata[AP_MAX_agree];
	struct ap_dns_writer w;
	struct ap_dns m;
	ap_agree agree;

	sample_batch(&b, 3);
	agree = sample_agree(&b, 0);
	MUST(ap_dns_request(&m, request.data, request.len) == 0);
	ap_dns_begin_reply(&w, buffer, size, size, &m);
	ap_dns_rcode(&w, rcode);
	if (m.opcode == AP_OPCODE_QUERY)
		ap_dns_flag(&w, AP_FLAG_AA);
	if (edns != NULL)
		ap_dns_edns(&w, edns);
	MUST(ap_dns_rr(&w, section, &n->instance, AP_RR_AGREE, AP_CLASS_IN, ttl,
		       sample_rdata(rdata, &agree)));
	return finish(&w, buffer);
}

/* What a client does with it: the record is found, and proves the outcome. */
static void reply_check(ap_bytes reply, enum ap_section section)
{
	const struct ap_rr *rr;
	uint8_t id[AP_ID_LEN];
	struct ap_dns m;
	ap_agree agree;
	size_t at = 0;

	MUST(ap_dns_reply(&m, reply.data, reply.len) == 0);
	rr = ap_dns_next(&m, section, &at);
	MUST(rr != NULL && rr->type == AP_RR_AGREE);
	sample_id(id, SAMPLE_OPEN);
	MUST(ap_proof_parse(&agree, sample_network(), id, rr->rdata, NULL) == 0);
}

static void pair_show(struct json *j, const char *what, ap_bytes request, ap_bytes reply)
{
	struct ap_dns m;

	MUST(ap_dns_reply(&m, reply.data, reply.len) == 0);
	json_object(j, NULL);
	json_text(j, "what", what);
	json_text(j, "type", "exchange");
	json_bytes(j, "request", request);
	json_bytes(j, "reply", reply);
	json_text(j, "rcode", ap_rcode_name(m.rcode));
	json_end(j);
}

static void exchanges(struct json *j)
{
	static uint8_t request[2048], reply[2048];
	uint8_t cookie[AP_COOKIE_LEN];
	struct ap_edns_out ask = {.udp_size = 1232, .pad_to = PAD_TO}, answer = {.udp_size = 1232};
	struct names n;
	ap_bytes q, a;

	names_make(&n);
	ap_cookie_make(cookie, client_cookie, address, sizeof(address), secret, NOW_S);
	ask.cookie = (ap_bytes){client_cookie, sizeof(client_cookie)};
	answer.cookie = (ap_bytes){cookie, sizeof(cookie)};

	q = update_make(request, sizeof(request), &n, &ask);
	a = reply_make(reply, sizeof(reply), q, (enum ap_section)AP_PREREQUISITE, &n,
		       AP_RCODE_NOERROR, 0, &answer);
	reply_check(a, (enum ap_section)AP_PREREQUISITE);
	MUST(q.len == PAD_TO && a.len <= q.len);
	pair_show(j, "a first proposal, padded to 700 octets; the reply has a server cookie", q, a);

	ask.cookie = answer.cookie;
	ask.pad_to = 0;
	q = update_make(request, sizeof(request), &n, &ask);
	a = reply_make(reply, sizeof(reply), q, (enum ap_section)AP_PREREQUISITE, &n,
		       AP_RCODE_YXRRSET, 0, &answer);
	pair_show(j, "with a server cookie; the reply is that to a proposal of another value", q,
		  a);

	q = update_make(request, sizeof(request), &n, NULL);
	a = reply_make(reply, sizeof(reply), q, (enum ap_section)AP_PREREQUISITE, &n,
		       AP_RCODE_NOERROR, 0, NULL);
	pair_show(j, "without EDNS, as over TCP", q, a);

	ask.has_nonce = true;
	memset(ask.nonce.octets, 0xa5, sizeof(ask.nonce.octets));
	ask.has_wait = true;
	ask.wait_s = 30;
	q = query_make(request, sizeof(request), &n, AP_RR_AGREE, &ask);
	a = reply_make(reply, sizeof(reply), q, AP_ANSWER, &n, AP_RCODE_NOERROR, TTL_S, &answer);
	reply_check(a, AP_ANSWER);
	pair_show(j, "a read with nonce and wait, as over TCP; the outcome is final", q, a);
}

/* The size rule: what is not padded is answered with TC, bare. */
static void truncated(struct json *j)
{
	static uint8_t request[2048], reply[2048];
	struct ap_dns_writer w;
	struct names n;
	struct ap_dns m;
	ap_bytes q;

	names_make(&n);
	q = query_make(request, sizeof(request), &n, AP_RR_AGREE, NULL);
	MUST(ap_dns_request(&m, q.data, q.len) == 0);
	ap_dns_begin_reply(&w, reply, sizeof(reply), q.len, &m);
	ap_dns_flag(&w, AP_FLAG_AA);
	ap_dns_flag(&w, AP_FLAG_TC);
	pair_show(j, "a read without cookie and padding, over UDP", q, finish(&w, reply));
}

static void cookie_show(struct json *j, const uint8_t *ip, size_t ip_len)
{
	uint8_t cookie[AP_COOKIE_LEN];

	ap_cookie_make(cookie, client_cookie, ip, ip_len, secret, NOW_S);
	MUST(ap_cookie_check(cookie, sizeof(cookie), ip, ip_len, secret, NOW_S) == AP_COOKIE_GOOD);
	json_object(j, NULL);
	json_text(j, "what",
		  ip_len == 4 ? "cookie for an IPv4 client" : "cookie for an IPv6 client");
	json_text(j, "type", "cookie");
	json_hex(j, "client", client_cookie, sizeof(client_cookie));
	json_hex(j, "address", ip, ip_len);
	json_hex(j, "secret", secret, sizeof(secret));
	json_number(j, "time", NOW_S);
	json_hex(j, "cookie", cookie, sizeof(cookie));
	json_end(j);
}

void make_messages(const char *dir)
{
	static const uint8_t six[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 0x53};
	struct json j;

	json_open(
		&j, dir, "messages.json",
		"Whole UPDATE and QUERY messages about the first instance of instances.json, with "
		"replies, as one encoder writes them (others are legal), and server cookies. "
		"Sections QUERY, UPDATE, EDNS, UDP, TCP and the Size Rule, Cookies.");
	exchanges(&j);
	truncated(&j);
	cookie_show(&j, address, sizeof(address));
	cookie_show(&j, six, sizeof(six));
	json_close(&j);
}
