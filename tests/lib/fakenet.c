#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/instance.h"
#include "libproto/merkle.h"
#include "libproto/outcome.h"
#include "libproto/proof.h"
#include "libproto/statement.h"
#include "tests/lib/fakenet.h"

enum { LEAVES = 3, THIS_LEAF = 1 };

void fakenet_init(struct fakenet *net, unsigned n)
{
	static const uint8_t seed[32] = {1, 2, 3}, other[32] = {4, 5, 6};

	memset(net, 0, sizeof(*net));
	assert_int_equal(ap_sign_key_init(&net->key, seed), 0);
	assert_int_equal(ap_sign_key_init(&net->other_key, other), 0);
	assert_int_equal(ap_name_parse(&net->domain, "example.test"), 0);
	net->now_ms = 1796083200000;
	net->sequence = 40;
	net->n = n;
	net->f = (n - 1) / 3;
	net->additional = true;
	net->txt_copies = 1;
	net->ede = 49160;
	for (unsigned i = 0; i < n; i++) {
		net->replicas[i].port = (uint16_t)(7853 + i);
		net->replicas[i].udp_fd = -1;
		net->replicas[i].tcp_fd = -1;
		for (unsigned k = 0; k < FAKENET_CONNECTIONS_MAX; k++)
			net->replicas[i].connections[k] = -1;
	}
}

void fakenet_clear(struct fakenet *net)
{
	ap_sign_key_clear(&net->key);
	ap_sign_key_clear(&net->other_key);
}

/* ---- outcomes ---- */

static size_t instance_find(const struct fakenet *net, const uint8_t id[AP_ID_LEN])
{
	size_t i = 0;

	while (i < net->n_instances && memcmp(net->instances[i].id, id, AP_ID_LEN) != 0)
		i++;
	return i;
}

static void instance_decide(struct fakenet *net, const uint8_t id[AP_ID_LEN], ap_bytes value)
{
	size_t i = instance_find(net, id);

	if (i < net->n_instances || i == FAKENET_INSTANCES_MAX)
		return;
	memcpy(net->instances[i].id, id, AP_ID_LEN);
	if (value.len > 0)
		memcpy(net->instances[i].value, value.data, value.len);
	net->instances[i].len = value.len;
	net->instances[i].sequence = net->sequence;
	net->instances[i].time_ms = net->now_ms;
	net->n_instances++;
}

static void outcome_of(const struct fakenet *net, const uint8_t id[AP_ID_LEN], bool has_terms,
		       const ap_nonce *nonce, ap_outcome *o)
{
	size_t i = instance_find(net, id);
	uint64_t deadline_ms = ap_id_deadline(id) * 1000;

	memset(o, 0, sizeof(*o));
	o->version = AP_OUTCOME_VERSION;
	o->k = 1;
	o->sequence = net->sequence;
	o->time = net->now_ms;
	if (i < net->n_instances) {
		o->status = AP_STATUS_DECIDED;
		o->value = (ap_bytes){net->instances[i].value, net->instances[i].len};
		o->sequence = net->instances[i].sequence;
		o->time = net->instances[i].time_ms;
		return;
	}
	if (has_terms && net->now_ms >= deadline_ms) {
		o->status = AP_STATUS_ABORTED;
		o->reason = AP_REASON_DEADLINE;
		o->sequence = 0;
		o->time = deadline_ms;
		return;
	}
	o->status = has_terms ? AP_STATUS_PENDING : AP_STATUS_UNKNOWN;
	o->k = has_terms ? 1 : 0;
	o->nonce.present = true;
	o->nonce.it = *nonce;
}

/* The record of a batch of three, of which this one is the second. */
static size_t record_make(struct fakenet *net, enum fakenet_mood mood, const uint8_t id[AP_ID_LEN],
			  const ap_outcome *outcome, uint8_t *out)
{
	struct ap_sign_key *key = mood == FAKENET_OTHER_KEY ? &net->other_key : &net->key;
	uint8_t nodes[(3 + 2 + 1) * 32], message[AP_STATEMENT_MAX], sig[64];
	struct ap_statement s = {.epoch = FAKENET_EPOCH,
				 .seq = net->sequence,
				 .time_ms = net->now_ms,
				 .count = LEAVES,
				 .running = {9}};
	struct ap_writer w;
	ap_agree agree;

	memset(nodes, 0x11, sizeof(nodes));
	assert_true(ap_outcome_leaf(ap_sha256, nodes + 32 * THIS_LEAF, id, outcome));
	memcpy(s.root, ap_merkle_build(ap_sha256, nodes, LEAVES), sizeof(s.root));
	assert_int_equal(ap_sign(key, sig, message, ap_statement_batch_put(message, &s)), 0);
	assert_true(ap_agree_make(&agree, outcome, &s, nodes, THIS_LEAF, sig));
	if (mood == FAKENET_FORGES)
		agree.outcome.value = (ap_bytes){(const uint8_t *)"forged", 6};
	ap_writer_init(&w, out, AP_MAX_agree);
	ap_agree_put(&w, &agree);
	assert_null(w.bad);
	return ap_writer_len(&w);
}

/* ---- instances: QUERY and UPDATE ---- */

static bool cookie_is_good(const struct ap_dns *m)
{
	return m->edns.cookie.len == AP_COOKIE_LEN && m->edns.cookie.data[8] == 'S';
}

static bool request_read(struct fakenet *net, const struct ap_dns *m, struct ap_name *name,
			 uint8_t id[AP_ID_LEN], ap_propose *propose)
{
	const struct ap_rr *rr;
	struct ap_reader r;
	size_t at = 0;

	memset(propose, 0, sizeof(*propose));
	*name = m->qname;
	propose->nonce = m->edns.nonce;
	if (m->opcode == AP_OPCODE_UPDATE) {
		rr = ap_dns_next(m, AP_AUTHORITY, &at);
		if (rr == NULL || rr->type != AP_RR_PROPOSE)
			return false;
		ap_dns_owner(m, rr, name);
		ap_reader_init(&r, rr->rdata.data, rr->rdata.len);
		ap_propose_get(&r, propose);
		if (!ap_reader_done(&r))
			return false;
	}
	return ap_name_is_instance(name, &net->domain, id);
}

static bool value_differs(const struct fakenet *net, const uint8_t *id, ap_bytes value)
{
	size_t i = instance_find(net, id);

	return i < net->n_instances &&
	       (net->instances[i].len != value.len ||
		(value.len > 0 && memcmp(net->instances[i].value, value.data, value.len) != 0));
}

static size_t reply_end(enum fakenet_mood mood, struct ap_dns_writer *d, uint8_t *out)
{
	size_t len = ap_dns_end(d);

	if (mood == FAKENET_WRONG_ID)
		out[0] ^= 0xff;
	/* OPT is last, and the record before it: half of the message leaves some of the record */
	return mood == FAKENET_CUTS ? len / 2 : len;
}

struct exchange {
	const struct ap_dns *m;
	enum fakenet_mood mood;
	bool tcp;
	uint8_t cookie[AP_COOKIE_LEN];
	struct ap_edns_out edns;
};

static void reply_begin(struct exchange *x, struct ap_dns_writer *d, uint8_t *out)
{
	const struct ap_dns *m = x->m;
	size_t limit = x->tcp ? AP_DNS_MAX : AP_UDP_MAX;

	/* draft {#size-rule} */
	if (!x->tcp && !cookie_is_good(m) && m->wire.len < limit)
		limit = m->wire.len;
	ap_dns_begin_reply(d, out, AP_DNS_MAX, limit, m);
	if (!m->edns.present)
		return;
	x->edns.udp_size = AP_UDP_MAX;
	if (m->edns.cookie.len >= 8) {
		memset(x->cookie, 'S', sizeof(x->cookie));
		memcpy(x->cookie, m->edns.cookie.data, 8);
		x->cookie[0] ^= x->mood == FAKENET_WRONG_COOKIE;
		x->edns.cookie = (ap_bytes){x->cookie, sizeof(x->cookie)};
	}
	ap_dns_edns(d, &x->edns);
}

static size_t answer_rcode(struct exchange *x, uint16_t rcode, uint16_t ede, uint16_t flags,
			   uint8_t *out)
{
	struct ap_dns_writer d;

	x->edns.has_ede = ede != 0;
	x->edns.ede = ede;
	x->edns.ede_text = "as the test says";
	reply_begin(x, &d, out);
	ap_dns_rcode(&d, rcode);
	ap_dns_flag(&d, flags);
	return ap_dns_end(&d);
}

static size_t answer_record(struct fakenet *net, struct exchange *x, const struct ap_name *name,
			    const uint8_t id[AP_ID_LEN], const ap_outcome *outcome, uint8_t *out)
{
	uint8_t record[AP_MAX_agree];
	struct ap_dns_writer d;
	size_t len = record_make(net, x->mood, id, outcome, record);

	len -= x->mood == FAKENET_BAD_RECORD;
	reply_begin(x, &d, out);
	ap_dns_rr(&d, AP_ANSWER, name, AP_RR_AGREE, AP_CLASS_IN, 0, (ap_bytes){record, len});
	return reply_end(x->mood, &d, out);
}

static size_t answer_instance(struct fakenet *net, struct exchange *x, uint8_t *out)
{
	uint8_t id[AP_ID_LEN], record[AP_MAX_agree];
	const struct ap_dns *m = x->m;
	struct ap_dns_writer d;
	struct ap_name name;
	ap_propose propose;
	ap_outcome outcome;
	size_t len;
	uint16_t ede;

	if (!request_read(net, m, &name, id, &propose)) {
		reply_begin(x, &d, out);
		ap_dns_rcode(&d, AP_RCODE_REFUSED);
		return ap_dns_end(&d);
	}
	net->sequence++;
	if (x->mood == FAKENET_REPLAYS)
		propose.nonce.octets[0] ^= 1;
	if (fakenet_vote(net, x->mood, id, &propose, &outcome, &ede))
		return ede != 0 ? answer_rcode(x, AP_RCODE_REFUSED, ede, 0, out)
				: answer_record(net, x, &name, id, &outcome, out);
	reply_begin(x, &d, out);
	if (value_differs(net, id, propose.value) && propose.verb == AP_VERB_APPROVE)
		ap_dns_rcode(&d, AP_RCODE_YXRRSET);
	if (propose.verb == AP_VERB_APPROVE && net->now_ms < ap_id_deadline(id) * 1000)
		instance_decide(net, id, propose.value);
	if (m->edns.has_wait && net->decides_on_wait)
		instance_decide(net, id, (ap_bytes){(const uint8_t *)"late", 4});
	if (x->mood == FAKENET_OTHER_RECORD)
		id[36] ^= 1;
	outcome_of(net, id, propose.descriptor.len > 0, &propose.nonce, &outcome);
	len = record_make(net, x->mood, id, &outcome, record);
	if (x->mood == FAKENET_BAD_RECORD)
		len--;
	ap_dns_flag(&d, m->opcode == AP_OPCODE_QUERY ? AP_FLAG_AA : 0);
	ap_dns_rr(&d, AP_ANSWER, &name, AP_RR_AGREE, AP_CLASS_IN, 0, (ap_bytes){record, len});
	return reply_end(x->mood, &d, out);
}

/* ---- lookups ---- */

static void replica_name(const struct fakenet *net, unsigned i, struct ap_name *name)
{
	char label[2] = {'r', (char)('0' + i)};

	assert_true(ap_name_prepend(name, label, 2, &net->domain));
}

static void txt_put(const struct fakenet *net, struct ap_dns_writer *d, const struct ap_name *owner)
{
	char text[256], key[64];
	struct ap_writer *w;
	struct ap_text t;

	ap_text_init(&t, key, sizeof(key));
	ap_base64url_show(&t, net->key.public_key, 32);
	for (unsigned copy = 0; copy < net->txt_copies; copy++) {
		const char *strings[] = {"v=agree1", text, NULL, "e=7", "r=604800"};
		char n[32];

		snprintf(text, sizeof(text), "k=%s", key);
		snprintf(n, sizeof(n), "n=%u", net->n);
		strings[2] = n;
		w = ap_dns_rr_begin(d, AP_ANSWER, owner, AP_RR_TXT, AP_CLASS_IN, 300);
		for (size_t i = 0; i < 5; i++) {
			ap_value value = {(const uint8_t *)strings[i], strlen(strings[i])};

			ap_value_put(w, &value);
		}
		(void)ap_dns_rr_end(d);
	}
}

static void address_put(const struct fakenet *net, struct ap_dns_writer *d, enum ap_section section,
			unsigned i)
{
	static const uint8_t loopback[4] = {127, 0, 0, 1};
	struct ap_name name;

	replica_name(net, i, &name);
	ap_dns_rr(d, section, &name, AP_RR_A, AP_CLASS_IN, 300, (ap_bytes){loopback, 4});
}

static void srv_put(const struct fakenet *net, struct ap_dns_writer *d, const struct ap_name *owner)
{
	struct ap_srv srv;

	for (unsigned i = 0; i < net->n; i++) {
		srv = (struct ap_srv){.priority = (uint16_t)i, .port = net->replicas[i].port};
		replica_name(net, i, &srv.target);
		ap_srv_put(ap_dns_rr_begin(d, AP_ANSWER, owner, AP_RR_SRV, AP_CLASS_IN, 300), &srv);
		(void)ap_dns_rr_end(d);
	}
	for (unsigned i = 0; i < net->n && net->additional; i++)
		address_put(net, d, AP_ADDITIONAL, i);
}

static bool is_below(const struct fakenet *net, const struct ap_name *name, const char *text)
{
	char whole[64];
	struct ap_name other;

	snprintf(whole, sizeof(whole), "%s.example.test", text);
	(void)net;
	return ap_name_parse(&other, whole) == 0 && ap_name_equal(name, &other);
}

static size_t answer_lookup(struct fakenet *net, struct exchange *x, uint8_t *out)
{
	const struct ap_dns *m = x->m;
	struct ap_dns_writer d;
	struct ap_name name;

	reply_begin(x, &d, out);
	d.limit = AP_DNS_MAX;
	ap_dns_flag(&d, net->ad && (m->flags & AP_FLAG_AD) != 0 ? AP_FLAG_AD : 0);
	if (!ap_name_is_within(&m->qname, &net->domain)) {
		ap_dns_rcode(&d, AP_RCODE_NXDOMAIN);
		return ap_dns_end(&d);
	}
	if (m->qtype == AP_RR_TXT && is_below(net, &m->qname, "_agree._udp"))
		txt_put(net, &d, &m->qname);
	else if (m->qtype == AP_RR_SRV && is_below(net, &m->qname, "_agree._udp"))
		srv_put(net, &d, &m->qname);
	for (unsigned i = 0; m->qtype == AP_RR_A && i < net->n; i++) {
		replica_name(net, i, &name);
		if (ap_name_equal(&name, &m->qname))
			address_put(net, &d, AP_ANSWER, i);
	}
	return ap_dns_end(&d);
}

/* ---- all ---- */

static bool is_lookup(const struct ap_dns *m)
{
	return m->opcode == AP_OPCODE_QUERY && m->qtype != AP_RR_AGREE;
}

size_t fakenet_answer(struct fakenet *net, unsigned i, bool tcp, const uint8_t *wire, size_t len,
		      uint8_t *out)
{
	struct ap_dns m;
	struct exchange x = {.m = &m, .mood = net->replicas[i].mood, .tcp = tcp};

	if (ap_dns_request(&m, wire, len) != 0)
		return 0;
	if (is_lookup(&m))
		return x.mood == FAKENET_SILENT ? 0 : answer_lookup(net, &x, out);
	if (tcp)
		net->replicas[i].tcp++;
	else
		net->replicas[i].udp++;
	if (net->replicas[i].changes_after > 0 && net->replicas[i].changes_after-- == 1)
		net->replicas[i].mood = net->replicas[i].later;
	switch (x.mood) {
	case FAKENET_SILENT:
		return 0;
	case FAKENET_SERVFAIL:
		return answer_rcode(&x, AP_RCODE_SERVFAIL, 0, 0, out);
	case FAKENET_REFUSES:
		return answer_rcode(&x, AP_RCODE_REFUSED, net->ede, 0, out);
	case FAKENET_NODATA:
		return answer_rcode(&x, AP_RCODE_NOERROR, 0, 0, out);
	case FAKENET_TRUNCATES:
		if (!tcp)
			return answer_rcode(&x, AP_RCODE_NOERROR, 0, AP_FLAG_TC, out);
		break;
	case FAKENET_BADCOOKIE:
		if (!tcp)
			return answer_rcode(&x, AP_RCODE_BADCOOKIE, 0, 0, out);
		break;
	default:
		break;
	}
	if (net->wants_cookie && !tcp && !cookie_is_good(&m))
		return answer_rcode(&x, AP_RCODE_BADCOOKIE, 0, 0, out);
	return answer_instance(net, &x, out);
}
