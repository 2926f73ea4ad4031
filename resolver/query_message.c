/* What a request looks like: draft {#messages}, draft {#size-rule}. */
#include "config.h"

#include "resolver/query.h"

#include <string.h>

/* An answer's octets at most, but for names: header, one question's type and class, owner, type,
 * class, TTL and length of the record, OPT with a whole cookie. */
enum { ANSWER_MAX = 12 + 4 + 12 + AP_MAX_agree + 11 + 4 + AP_COOKIE_LEN };
enum { PROPOSE_MAX = 1 + 1 + 16 + 1 + AP_MAX_value + AP_MAX_credential + 2 + AP_MAX_descriptor };

_Static_assert((int)ANSWER_MAX + AP_NAME_MAX <= AP_UDP_MAX, "an answer fits a datagram");
_Static_assert((int)PROPOSE_MAX + 12 + 2 * AP_NAME_MAX + 128 <= STUB_MESSAGE_MAX,
	       "a request fits its buffer");
_Static_assert((int)STUB_PAD_MAX <= STUB_MESSAGE_MAX, "padded too");

/* draft {#propose}: no AGREE RRset may be here, which one with this value does not count as. */
static void prerequisite_put(const struct stub_query *q, struct ap_dns_writer *d)
{
	ap_dns_rr(d, (enum ap_section)AP_PREREQUISITE, &q->name, AP_RR_AGREE, AP_CLASS_NONE, 0,
		  (ap_bytes){NULL, 0});
}

/* Who waits has voted: what is asked then is the outcome. */
static void vote_fill(const struct stub_query *q, ap_propose *propose)
{
	const struct stub_query_conf *c = &q->conf;

	if (c->ask == STUB_OBSERVE || q->waiting)
		return;
	propose->verb = c->ask == STUB_APPROVE ? AP_VERB_APPROVE : AP_VERB_VETO;
	if (c->ask == STUB_APPROVE)
		propose->value = c->value;
	if (c->vote != NULL) {
		propose->party = c->vote->party;
		propose->credential = c->vote->credential;
	}
	if (q->bare)
		propose->descriptor = (ap_bytes){NULL, 0};
}

static int propose_put(const struct stub_query *q, struct ap_dns_writer *d)
{
	ap_propose propose = {
		.version = AP_PROPOSE_VERSION,
		.verb = AP_VERB_OBSERVE,
		.nonce = q->nonce,
		.party = AP_PARTY_NONE,
		.descriptor = q->conf.descriptor,
	};

	vote_fill(q, &propose);
	if (propose.verb == AP_VERB_APPROVE)
		prerequisite_put(q, d);
	ap_propose_put(ap_dns_rr_begin(d, (enum ap_section)AP_UPDATE, &q->name, AP_RR_PROPOSE,
				       AP_CLASS_IN, 0),
		       &propose);
	ap_wipe(&propose.credential, sizeof(propose.credential));
	return ap_dns_rr_end(d) ? 0 : AGREE_EINTERNAL;
}

/*
 * draft {#size-rule}: over UDP no answer is larger than its request, unless that has a valid
 * server cookie; so the first one is padded to what the answer can be.
 */
static uint16_t pad_to(const struct stub_query *q, bool tcp, const struct stub_cookie *cookie)
{
	if (q->conf.tuning.pad_to > 0)
		return q->conf.tuning.pad_to;
	if (tcp || (cookie != NULL && stub_cookie_is_whole(cookie)))
		return 0;
	return (uint16_t)(ANSWER_MAX + q->name.len);
}

static int options_fill(struct stub_query *q, size_t endpoint, uint16_t wait_s,
			struct ap_edns_out *edns)
{
	const struct stub_tuning *tuning = &q->conf.tuning;
	struct stub_cookie *cookie = NULL;

	edns->udp_size = tuning->udp_size;
	if (!tuning->no_cookie) {
		cookie = stub_jar_find(q->conf.jar, &q->conf.endpoints[endpoint].address,
				       q->conf.random);
		if (cookie == NULL)
			return AGREE_EINTERNAL;
		edns->cookie = (ap_bytes){cookie->octets, cookie->len};
	}
	edns->has_wait = wait_s > 0;
	edns->wait_s = wait_s;
	/* a read has no PROPOSE record to carry it */
	edns->has_nonce = q->conf.ask == STUB_READ;
	edns->nonce = q->nonce;
	edns->pad_to = pad_to(q, q->peers[endpoint].tcp, cookie);
	return 0;
}

int stub_message_put(struct stub_query *q, size_t endpoint, uint16_t wait_s,
		     uint8_t message[STUB_MESSAGE_MAX])
{
	bool read = q->conf.ask == STUB_READ;
	uint16_t flags = q->conf.tuning.recurse ? AP_FLAG_RD : 0;
	struct ap_edns_out edns = {0};
	struct ap_dns_writer d;
	size_t len;
	int err = options_fill(q, endpoint, wait_s, &edns);

	if (err != 0)
		return err;
	ap_dns_begin(&d, message, STUB_MESSAGE_MAX, STUB_MESSAGE_MAX, q->peers[endpoint].id,
		     read ? AP_OPCODE_QUERY : AP_OPCODE_UPDATE, flags);
	ap_dns_question(&d, read ? &q->name : &q->conf.zone, read ? AP_RR_AGREE : AP_RR_SOA,
			AP_CLASS_IN);
	ap_dns_edns(&d, &edns);
	if (!read)
		err = propose_put(q, &d);
	len = ap_dns_end(&d);
	if (err != 0 || len == 0 || d.full)
		return AGREE_EINTERNAL;
	return (int)len;
}
