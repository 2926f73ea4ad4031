/* failing.json: what must be rejected, and why. */
#include <string.h>

#include "libproto/dns.h"
#include "libproto/instance.h"
#include "libproto/name.h"
#include "libproto/proof.h"
#include "libproto/ticket.h"
#include "tests/vectors/json.h"
#include "tests/vectors/make.h"
#include "tests/vectors/sample.h"

static const char *reason(int error)
{
	switch (error) {
	case AGREE_ERECORD:
		return "does not decode";
	case AGREE_EPROOF:
		return "contradicts itself, or the path does not fit";
	case AGREE_ESIGNATURE:
		return "signature";
	case AGREE_ENONCE:
		return "nonce";
	case AGREE_EKEY:
		return "key";
	case AGREE_ETICKET:
		return "not a ticket";
	case AGREE_ETICKETNET:
		return "damaged, or for another network";
	case AGREE_ETICKETTERMS:
		return "impossible terms";
	case AGREE_EID:
		return "not an id";
	default:
		json_die(__FILE__, __LINE__, "an error of this list");
	}
}

/* ---- AGREE records ---- */

struct proof_case {
	uint8_t network[32], id[AP_ID_LEN], rdata[AP_MAX_agree + 1];
	size_t len;
	const uint8_t *nonce;
};

static void proof_begin(struct proof_case *c, const struct sample_batch *b, size_t index)
{
	ap_agree agree = sample_agree(b, index);

	memset(c, 0, sizeof(*c));
	memcpy(c->network, sample_network(), 32);
	memcpy(c->id, b->ids[index], sizeof(c->id));
	c->len = sample_rdata(c->rdata, &agree).len;
}

static void proof_encode(struct proof_case *c, const ap_agree *agree)
{
	c->len = sample_rdata(c->rdata, agree).len;
}

static void proof_show(struct json *j, const char *what, const struct proof_case *c, int expected)
{
	ap_agree agree;
	int error =
		ap_proof_parse(&agree, c->network, c->id, (ap_bytes){c->rdata, c->len}, c->nonce);

	MUST(error == expected);
	json_object(j, NULL);
	json_text(j, "what", what);
	json_text(j, "type", "AGREE");
	json_hex(j, "network", c->network, 32);
	json_hex(j, "id", c->id, sizeof(c->id));
	if (c->nonce != NULL)
		json_hex(j, "nonce", c->nonce, 16);
	json_hex(j, "rdata", c->rdata, c->len);
	json_text(j, "error", reason(error));
	json_end(j);
}

/* Octets or inputs are changed, the signature stays. */
static void changed_proofs(struct json *j, const struct sample_batch *b)
{
	static const uint8_t other[16] = {0xff};
	struct proof_case c;
	struct ap_sign_key key;
	uint8_t seed[32];

	proof_begin(&c, b, 3);
	c.rdata[c.len - 64 - 1] ^= 0x01; /* last octet of the path */
	proof_show(j, "tampered path", &c, AGREE_ESIGNATURE);
	proof_begin(&c, b, 3);
	c.rdata[4] ^= 0x01;
	proof_show(j, "tampered value", &c, AGREE_ESIGNATURE);
	proof_begin(&c, b, 3);
	c.rdata[c.len - 1] ^= 0x01;
	proof_show(j, "tampered signature", &c, AGREE_ESIGNATURE);
	proof_begin(&c, b, 3);
	c.id[36] ^= 0x01;
	proof_show(j, "another instance", &c, AGREE_ESIGNATURE);
	proof_begin(&c, b, 3);
	sample_fill(seed, 0x02);
	MUST(ap_sign_key_init(&key, seed) == 0);
	memcpy(c.network, key.public_key, 32);
	ap_sign_key_clear(&key);
	proof_show(j, "another network's key", &c, AGREE_ESIGNATURE);
	proof_begin(&c, b, 2);
	c.nonce = other;
	proof_show(j, "an answer to another question", &c, AGREE_ENONCE);
	proof_begin(&c, b, 3);
	c.rdata[c.len++] = 0x00;
	proof_show(j, "an octet left over", &c, AGREE_ERECORD);
	proof_begin(&c, b, 3);
	c.len--;
	proof_show(j, "cut short", &c, AGREE_ERECORD);
}

/* R stays, z becomes z + L: a second encoding, if the verifier does not look. */
static void add_order(uint8_t z[32])
{
	static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a,	      0x63,
					  0x12, 0x58, 0xd6, 0x9c, 0xf7,	      0xa2,
					  0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
	unsigned carry = 0;

	for (size_t i = 0; i < 32; i++) {
		carry += (unsigned)z[i] + order[i];
		z[i] = (uint8_t)carry;
		carry >>= 8;
	}
	MUST(carry == 0);
}

/* Fields are changed to what no correct network says. */
static void wrong_proofs(struct json *j, const struct sample_batch *b)
{
	struct proof_case c;
	ap_agree agree;

	proof_begin(&c, b, 3);
	add_order(c.rdata + c.len - 32);
	proof_show(j, "z + L", &c, AGREE_ESIGNATURE);
	agree = sample_agree(b, 3);
	agree.proof.path.count--;
	proof_encode(&c, &agree);
	proof_show(j, "path too short for index and count", &c, AGREE_EPROOF);
	agree = sample_agree(b, 3);
	agree.proof.index = 7;
	proof_encode(&c, &agree);
	proof_show(j, "index not below count", &c, AGREE_EPROOF);
	agree = sample_agree(b, 3);
	agree.outcome.reason = 3;
	proof_encode(&c, &agree);
	proof_show(j, "decided, with a reason", &c, AGREE_EPROOF);
	agree = sample_agree(b, 3);
	agree.outcome.sequence = SAMPLE_SEQUENCE + 1;
	proof_encode(&c, &agree);
	proof_show(j, "signed before it was decided", &c, AGREE_EPROOF);
	agree = sample_agree(b, 3);
	agree.outcome.time = SAMPLE_DEADLINE_S * 1000;
	proof_encode(&c, &agree);
	proof_show(j, "decided at the deadline", &c, AGREE_EPROOF);
	proof_begin(&c, b, 2);
	agree = sample_agree(b, 2);
	agree.outcome.nonce.present = false;
	memset(&agree.outcome.nonce.it, 0, sizeof(agree.outcome.nonce.it));
	proof_encode(&c, &agree);
	proof_show(j, "unknown, without a nonce", &c, AGREE_EPROOF);
}

/* Keys under which ([z]B, z) fits every message, or that have a second encoding. */
static void bad_keys(struct json *j, const struct sample_batch *b)
{
	static const struct {
		const char *what;
		uint8_t key[32];
	} rows[] = {
		{"key: the identity", {0x01}},
		{"key: zero, of order 4", {0x00}},
		{"key: p, a second encoding of zero",
		 {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}},
		{"key: of order 8",
		 {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
		  0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
		  0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05}},
	};
	struct proof_case c;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		proof_begin(&c, b, 3);
		memcpy(c.network, rows[i].key, 32);
		proof_show(j, rows[i].what, &c, AGREE_EKEY);
	}
}

/* ---- descriptors ---- */

static void descriptor_show(struct json *j, const char *what, const uint8_t *octets, size_t len)
{
	ap_descriptor d;
	const char *why;

	MUST(ap_descriptor_parse(&d, (ap_bytes){octets, len}, &why) != 0);
	json_object(j, NULL);
	json_text(j, "what", what);
	json_text(j, "type", "descriptor");
	json_hex(j, "octets", octets, len);
	json_text(j, "error", why);
	json_end(j);
}

static void descriptors(struct json *j)
{
	uint8_t octets[AP_MAX_descriptor + 1];
	ap_descriptor d;
	size_t len;

	sample_descriptor(&d, SAMPLE_OPEN);
	len = sample_encode(octets, sizeof(octets), &d).len;
	octets[len] = 0;
	descriptor_show(j, "an octet left over", octets, len + 1);
	descriptor_show(j, "cut short", octets, len - 1);
	octets[12] = 2; /* fixed: neither 0 nor 1 */
	descriptor_show(j, "an optional field that is neither there nor not", octets, len);
	sample_encode(octets, sizeof(octets), &d);
	octets[0] = 2;
	descriptor_show(j, "another version", octets, len);
	sample_encode(octets, sizeof(octets), &d);
	octets[1] = 2;
	descriptor_show(j, "open, and k is 2", octets, len);
	sample_encode(octets, sizeof(octets), &d);
	memcpy(octets + 7, octets + 2, 5);
	descriptor_show(j, "start is the deadline", octets, len);
	sample_encode(octets, sizeof(octets), &d);
	octets[14] = 0x0a;
	descriptor_show(j, "a line feed in the label", octets, len);
	sample_descriptor(&d, SAMPLE_BOARD);
	d.terms.parties[2] = d.terms.parties[0];
	len = sample_encode(octets, sizeof(octets), &d).len;
	descriptor_show(j, "one party twice", octets, len);
	sample_descriptor(&d, SAMPLE_HANDOVER);
	d.n_locks = 1;
	len = sample_encode(octets, sizeof(octets), &d).len;
	descriptor_show(j, "a lock is missing", octets, len);
	d.n_locks = 2;
	d.terms.fixed.present = false;
	len = sample_encode(octets, sizeof(octets), &d).len;
	descriptor_show(j, "locks without a fixed value", octets, len);
}

/* ---- texts ---- */

static void ticket_show(struct json *j, const char *what, const char *text,
			const uint8_t network[32], int expected)
{
	uint8_t octets[AP_TICKET_OCTETS];
	ap_descriptor d;

	MUST(ap_ticket_parse(&d, octets, network, text, strlen(text)) == expected);
	json_object(j, NULL);
	json_text(j, "what", what);
	json_text(j, "type", "ticket");
	json_hex(j, "network", network, 32);
	json_text(j, "text", text);
	json_text(j, "error", reason(expected));
	json_end(j);
}

static void tickets(struct json *j)
{
	char text[AP_TICKET_MAX];
	uint8_t elsewhere[32];
	ap_descriptor d;

	sample_descriptor(&d, SAMPLE_OPEN);
	MUST(ap_ticket_make(text, sizeof(text), sample_network(), &d) == 0);
	sample_fill(elsewhere, 0x03);
	ticket_show(j, "a ticket of another network", text, elsewhere, AGREE_ETICKETNET);
	text[20] = text[20] == 'A' ? 'B' : 'A';
	ticket_show(j, "a changed character", text, sample_network(), AGREE_ETICKETNET);
	text[20] = '+';
	ticket_show(j, "a character of another alphabet", text, sample_network(), AGREE_ETICKET);
	ticket_show(j, "no prefix", "leader", sample_network(), AGREE_ETICKET);
}

static void id_show(struct json *j, const char *what, const char *text)
{
	uint8_t id[AP_ID_LEN];

	MUST(ap_label_to_id(id, text, strlen(text)) == AGREE_EID);
	json_object(j, NULL);
	json_text(j, "what", what);
	json_text(j, "type", "id");
	json_text(j, "text", text);
	json_text(j, "error", reason(AGREE_EID));
	json_end(j);
}

static void ids(struct json *j)
{
	char text[AP_ID_TEXT + 1];
	uint8_t id[AP_ID_LEN];

	sample_id(id, SAMPLE_OPEN);
	ap_label_of_id(text, id);
	/* the last character has one bit of the id and four spare ones */
	text[AP_ID_TEXT - 1] = text[AP_ID_TEXT - 1] == '0' ? '1' : 'h';
	id_show(j, "a spare bit is set", text);
	ap_label_of_id(text, id);
	text[0] = 'w';
	id_show(j, "a character beyond base32hex", text);
	ap_label_of_id(text, id);
	text[AP_ID_TEXT - 1] = '\0';
	id_show(j, "59 characters", text);
}

/* ---- whole messages ---- */

static void message_show(struct json *j, const char *what, const uint8_t *octets, size_t len,
			 int rcode)
{
	struct ap_dns m;

	MUST(ap_dns_request(&m, octets, len) == rcode);
	json_object(j, NULL);
	json_text(j, "what", what);
	json_text(j, "type", "message");
	json_hex(j, "octets", octets, len);
	json_text(j, "error", rcode == AP_DNS_DROP ? "no answer" : ap_rcode_name((uint16_t)rcode));
	json_end(j);
}

static void messages(struct json *j)
{
	static const uint8_t query[] = "\x12\x34\0\0\0\1\0\0\0\0\0\0\7example\4test\0\xff\x78\0\1";
	uint8_t octets[64];
	size_t len = sizeof(query) - 1;

	memcpy(octets, query, len);
	octets[len] = 0;
	message_show(j, "an octet left over", octets, len + 1, AP_RCODE_FORMERR);
	octets[2] = 0x80;
	message_show(j, "a reply", octets, len, AP_DNS_DROP);
	octets[2] = 0x00;
	message_show(j, "less than a header", octets, 11, AP_DNS_DROP);
	octets[5] = 2;
	message_show(j, "two questions announced", octets, len, AP_RCODE_FORMERR);
	octets[5] = 1;
	octets[2] = 0x08;
	message_show(j, "opcode IQUERY", octets, len, AP_RCODE_NOTIMP);
	octets[2] = 0x00;
	octets[12] = 0xc0;
	octets[13] = 0x0c;
	message_show(j, "a name that points at itself", octets, len, AP_RCODE_FORMERR);
}

void make_failing(const char *dir)
{
	static struct sample_batch b;
	struct json j;

	sample_batch(&b, 7);
	json_open(&j, dir, "failing.json",
		  "What a verifier or decoder must reject, by type, and why. Sections "
		  "Verification, Encoding, Descriptor, Ticket, Instance Id, Transport and Message "
		  "Rules.");
	changed_proofs(&j, &b);
	wrong_proofs(&j, &b);
	bad_keys(&j, &b);
	descriptors(&j);
	tickets(&j);
	ids(&j);
	messages(&j);
	json_close(&j);
}
