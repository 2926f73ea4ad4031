/* UPDATE: each row of the draft's table, draft {#update}. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/agree_errors.h"
#include "libproto/crypto.h"
#include "libproto/errors.h"
#include "libproto/instance.h"
#include "libproto/outcome.h"
#include "libproto/ticket.h"
#include "tests/lib/edge.h"

static const struct ap_edns_out plain = {.udp_size = AP_UDP_MAX};
static uint8_t wire[AP_DNS_MAX], out[ANSWER_MAX];

/* An instance that every row is about, undecided. */
static struct dnsask_instance one;
static uint8_t one_propose[AP_MAX_propose];
static ap_bytes one_rdata;

static void one_make(const struct edge *e)
{
	ap_bytes rdata;

	dnsask_open(&one, edge_key(e), "one", EDGE_NOW + 100);
	rdata = dnsask_propose(&one, AP_VERB_APPROVE, "mine");
	memcpy(one_propose, rdata.data, rdata.len);
	one_rdata = (ap_bytes){one_propose, rdata.len};
}

static int live(void **state)
{
	struct edge *e = edge_live();

	one_make(e);
	*state = e;
	return 0;
}

static int down(void **state)
{
	edge_free(*state);
	return 0;
}

static size_t zone(const char *name, uint16_t type, uint16_t class, const struct dnsask_rr *rrs,
		   size_t n)
{
	return dnsask_make(wire, &(struct dnsask){.id = 0x4711,
						  .opcode = AP_OPCODE_UPDATE,
						  .name = name,
						  .type = type,
						  .class = class,
						  .rrs = rrs,
						  .n_rrs = n,
						  .edns = &plain});
}

/* The answer has to come at once, and nothing is ordered; zone echoed, no records. */
static const struct ap_dns *refused(struct edge *e, size_t n, uint16_t rcode, int why)
{
	const struct ap_dns *m = edge_reply_now(e, wire, n, true);

	assert_int_equal(m->rcode, rcode);
	assert_int_equal(m->opcode, AP_OPCODE_UPDATE);
	assert_int_equal(m->counts[AP_ZONE], 1);
	assert_int_equal(m->n_records, 0);
	assert_int_equal(m->flags & (AP_FLAG_AA | AP_FLAG_TC), 0);
	assert_true(m->edns.has_ede);
	assert_int_equal(m->edns.ede, ap_error_find(why)->ede);
	assert_true(m->edns.ede_text.len > 10);
	assert_false(relay_waiting(e->relay));
	return m;
}

static const struct ap_dns *proposed(struct edge *e, const struct dnsask_instance *i,
				     ap_bytes propose, bool nxrrset)
{
	return edge_reply(e, wire, dnsask_update(wire, i->name, propose, nxrrset, &plain), true);
}

/* Refused by the relay or by the machine. */
static void refused_anywhere(struct edge *e, const struct dnsask_instance *i, ap_bytes propose,
			     uint16_t rcode, int why)
{
	const struct ap_dns *m = proposed(e, i, propose, false);

	assert_int_equal(m->rcode, rcode);
	assert_int_equal(m->n_records, 0);
	assert_true(m->edns.has_ede);
	assert_int_equal(m->edns.ede, ap_error_find(why)->ede);
}

/* ---- zone section ---- */

static void a_zone_of_another_type_is_a_format_error(void **state)
{
	static const uint16_t types[] = {AP_RR_NS, AP_RR_ANY, AP_RR_AGREE, 0};
	const struct dnsask_rr rr = {AP_UPDATE, one.name, AP_RR_PROPOSE, AP_CLASS_IN, 0, one_rdata};

	for (size_t i = 0; i < 4; i++)
		refused(*state, zone("example.test", types[i], AP_CLASS_IN, &rr, 1),
			AP_RCODE_FORMERR, AGREE_EFORM);
}

static void no_zone_and_two_are_format_errors(void **state)
{
	struct edge *e = *state;
	size_t n = dnsask_make(wire, &(struct dnsask){.opcode = AP_OPCODE_UPDATE}), len;

	assert_int_equal(edge_reply_now(e, wire, n, true)->rcode, AP_RCODE_FORMERR);
	n = zone("example.test", AP_RR_SOA, AP_CLASS_IN, NULL, 0);
	len = 14 + 4; /* of the zone */
	memmove(wire + 12 + 2 * len, wire + 12 + len, n - 12 - len);
	memcpy(wire + 12 + len, wire + 12, len);
	wire[5] = 2;
	assert_int_equal(edge_reply_now(e, wire, n + len, true)->rcode, AP_RCODE_FORMERR);
}

static void another_zone_is_not_ours(void **state)
{
	static const char *const names[] = {"test", "sub.example.test", "other.test", ".",
					    "badexample.test"};
	const struct dnsask_rr rr = {AP_UPDATE, one.name, AP_RR_PROPOSE, AP_CLASS_IN, 0, one_rdata};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		refused(*state, zone(names[i], AP_RR_SOA, AP_CLASS_IN, &rr, 1), AP_RCODE_NOTAUTH,
			AGREE_ENAME);
	refused(*state, zone("example.test", AP_RR_SOA, AP_CLASS_CH, &rr, 1), AP_RCODE_NOTAUTH,
		AGREE_ENAME);
	refused(*state, zone("example.test", AP_RR_SOA, AP_CLASS_ANY, &rr, 1), AP_RCODE_NOTAUTH,
		AGREE_ENAME);
}

static void the_zone_in_other_letters_is_ours(void **state)
{
	struct edge *e = *state;
	const struct dnsask_rr rr = {AP_UPDATE, one.name, AP_RR_PROPOSE, AP_CLASS_IN, 0, one_rdata};
	const struct ap_dns *m =
		edge_reply(e, wire, zone("eXample.TEST", AP_RR_SOA, AP_CLASS_IN, &rr, 1), true);

	assert_int_equal(m->rcode, 0);
	assert_memory_equal(m->wire.data + 12, wire + 12, m->question_end - 12u);
	dnsask_agree(m, AP_PREREQUISITE, edge_key(e), one.id);
}

/* ---- owners ---- */

static void owners_outside_of_the_zone_are_not_in_it(void **state)
{
	const struct dnsask_rr update = {AP_UPDATE, "x.other.test", AP_RR_PROPOSE, AP_CLASS_IN,
					 0,	    one_rdata};
	const struct dnsask_rr both[] = {
		{AP_PREREQUISITE, "other.test", AP_RR_AGREE, AP_CLASS_NONE, 0, {NULL, 0}},
		{AP_UPDATE, one.name, AP_RR_PROPOSE, AP_CLASS_IN, 0, one_rdata}};

	refused(*state, zone("example.test", AP_RR_SOA, AP_CLASS_IN, &update, 1), AP_RCODE_NOTZONE,
		AGREE_ENAME);
	refused(*state, zone("example.test", AP_RR_SOA, AP_CLASS_IN, both, 2), AP_RCODE_NOTZONE,
		AGREE_ENAME);
}

static void additional_records_are_not_looked_at(void **state)
{
	struct edge *e = *state;
	const struct dnsask_rr rrs[] = {
		{AP_UPDATE, one.name, AP_RR_PROPOSE, AP_CLASS_IN, 77, one_rdata},
		{AP_ADDITIONAL,
		 "ns.other.test",
		 AP_RR_A,
		 AP_CLASS_IN,
		 5,
		 {(const uint8_t *)"abcd", 4}}};
	const struct ap_dns *m =
		edge_reply(e, wire, zone("example.test", AP_RR_SOA, AP_CLASS_IN, rrs, 2), true);

	assert_int_equal(m->rcode, 0);
	dnsask_agree(m, AP_PREREQUISITE, edge_key(e), one.id);
}

/* ---- form of prerequisites and updates ---- */

struct row {
	enum ap_section section;
	uint16_t type, class;
	uint32_t ttl;
	bool rdata;
	uint16_t rcode;
};

static void rows(struct edge *e, const struct row *row, size_t n)
{
	for (; n > 0; n--, row++) {
		const struct dnsask_rr rrs[] = {
			{row->section, one.name, row->type, row->class, row->ttl,
			 row->rdata ? (ap_bytes){(const uint8_t *)"abcd", 4} : (ap_bytes){NULL, 0}},
			{AP_UPDATE, one.name, AP_RR_PROPOSE, AP_CLASS_IN, 0, one_rdata}};
		size_t len = zone("example.test", AP_RR_SOA, AP_CLASS_IN, rrs, 2);

		refused(e, len, row->rcode,
			row->rcode == AP_RCODE_FORMERR ? AGREE_EFORM : AGREE_EUPDATE);
	}
}

static void prerequisites_of_bad_form_are_format_errors_others_refused(void **state)
{
	static const struct row table[] = {
		{AP_PREREQUISITE, AP_RR_AGREE, AP_CLASS_NONE, 1, false, AP_RCODE_FORMERR},
		{AP_PREREQUISITE, AP_RR_AGREE, AP_CLASS_NONE, 0, true, AP_RCODE_FORMERR},
		{AP_PREREQUISITE, AP_RR_AGREE, AP_CLASS_ANY, 0, true, AP_RCODE_FORMERR},
		{AP_PREREQUISITE, AP_RR_AGREE, AP_CLASS_ANY, 9, false, AP_RCODE_FORMERR},
		{AP_PREREQUISITE, AP_RR_AGREE, AP_CLASS_IN, 1, true, AP_RCODE_FORMERR},
		{AP_PREREQUISITE, AP_RR_AGREE, AP_CLASS_CH, 0, false, AP_RCODE_FORMERR},
		{AP_PREREQUISITE, AP_RR_AGREE, 0, 0, false, AP_RCODE_FORMERR},
		/* yxrrset, yxrrset with a value, yxdomain, nxdomain, nxrrset of another type */
		{AP_PREREQUISITE, AP_RR_AGREE, AP_CLASS_ANY, 0, false, AP_RCODE_REFUSED},
		{AP_PREREQUISITE, AP_RR_AGREE, AP_CLASS_IN, 0, true, AP_RCODE_REFUSED},
		{AP_PREREQUISITE, AP_RR_ANY, AP_CLASS_ANY, 0, false, AP_RCODE_REFUSED},
		{AP_PREREQUISITE, AP_RR_ANY, AP_CLASS_NONE, 0, false, AP_RCODE_REFUSED},
		{AP_PREREQUISITE, AP_RR_PROPOSE, AP_CLASS_NONE, 0, false, AP_RCODE_REFUSED},
		{AP_PREREQUISITE, AP_RR_A, AP_CLASS_NONE, 0, false, AP_RCODE_REFUSED},
	};

	rows(*state, table, sizeof(table) / sizeof(table[0]));
}

static void updates_of_bad_form_are_format_errors_others_refused(void **state)
{
	static const struct row table[] = {
		{AP_UPDATE, AP_RR_A, AP_CLASS_CH, 0, true, AP_RCODE_FORMERR},
		{AP_UPDATE, AP_RR_A, 0, 0, true, AP_RCODE_FORMERR},
		{AP_UPDATE, AP_RR_ANY, AP_CLASS_IN, 0, false, AP_RCODE_FORMERR},
		{AP_UPDATE, AP_RR_AXFR, AP_CLASS_IN, 0, false, AP_RCODE_FORMERR},
		{AP_UPDATE, 253, AP_CLASS_IN, 0, false, AP_RCODE_FORMERR},
		{AP_UPDATE, 249, AP_CLASS_IN, 0, false, AP_RCODE_FORMERR},
		{AP_UPDATE, AP_RR_A, AP_CLASS_ANY, 1, false, AP_RCODE_FORMERR},
		{AP_UPDATE, AP_RR_A, AP_CLASS_ANY, 0, true, AP_RCODE_FORMERR},
		{AP_UPDATE, AP_RR_AXFR, AP_CLASS_ANY, 0, false, AP_RCODE_FORMERR},
		{AP_UPDATE, AP_RR_A, AP_CLASS_NONE, 1, true, AP_RCODE_FORMERR},
		{AP_UPDATE, AP_RR_ANY, AP_CLASS_NONE, 0, false, AP_RCODE_FORMERR},
		/* delete of an RRset, a name, a record; another type to add */
		{AP_UPDATE, AP_RR_AGREE, AP_CLASS_ANY, 0, false, AP_RCODE_REFUSED},
		{AP_UPDATE, AP_RR_ANY, AP_CLASS_ANY, 0, false, AP_RCODE_REFUSED},
		{AP_UPDATE, AP_RR_A, AP_CLASS_NONE, 0, true, AP_RCODE_REFUSED},
		{AP_UPDATE, AP_RR_PROPOSE, AP_CLASS_NONE, 0, true, AP_RCODE_REFUSED},
		{AP_UPDATE, AP_RR_A, AP_CLASS_IN, 300, true, AP_RCODE_REFUSED},
		{AP_UPDATE, AP_RR_AGREE, AP_CLASS_IN, 0, true, AP_RCODE_REFUSED},
	};

	rows(*state, table, sizeof(table) / sizeof(table[0]));
}

static void exactly_one_record_is_added(void **state)
{
	const struct dnsask_rr twice[] = {
		{AP_UPDATE, one.name, AP_RR_PROPOSE, AP_CLASS_IN, 0, one_rdata},
		{AP_UPDATE, one.name, AP_RR_PROPOSE, AP_CLASS_IN, 0, one_rdata}};
	const struct dnsask_rr none = {AP_PREREQUISITE, one.name, AP_RR_AGREE,
				       AP_CLASS_NONE,	0,	  {NULL, 0}};

	refused(*state, zone("example.test", AP_RR_SOA, AP_CLASS_IN, twice, 2), AP_RCODE_REFUSED,
		AGREE_EUPDATE);
	refused(*state, zone("example.test", AP_RR_SOA, AP_CLASS_IN, NULL, 0), AP_RCODE_REFUSED,
		AGREE_EUPDATE);
	refused(*state, zone("example.test", AP_RR_SOA, AP_CLASS_IN, &none, 1), AP_RCODE_REFUSED,
		AGREE_EUPDATE);
}

static void the_prerequisite_stands_alone_and_at_the_same_name(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance other;
	struct dnsask_rr rrs[] = {
		{AP_PREREQUISITE, one.name, AP_RR_AGREE, AP_CLASS_NONE, 0, {NULL, 0}},
		{AP_PREREQUISITE, one.name, AP_RR_AGREE, AP_CLASS_NONE, 0, {NULL, 0}},
		{AP_UPDATE, one.name, AP_RR_PROPOSE, AP_CLASS_IN, 0, one_rdata}};

	refused(e, zone("example.test", AP_RR_SOA, AP_CLASS_IN, rrs, 3), AP_RCODE_REFUSED,
		AGREE_EUPDATE);
	dnsask_open(&other, edge_key(e), "other", EDGE_NOW + 100);
	rrs[1].owner = other.name;
	refused(e, zone("example.test", AP_RR_SOA, AP_CLASS_IN, rrs + 1, 2), AP_RCODE_REFUSED,
		AGREE_EUPDATE);
}

static void the_owner_is_an_instance(void **state)
{
	static const char *const names[] = {"example.test", "www.example.test",
					    "_agree._udp.example.test"};

	for (size_t i = 0; i < 3; i++) {
		const struct dnsask_rr rr = {AP_UPDATE,	  names[i], AP_RR_PROPOSE,
					     AP_CLASS_IN, 0,	    one_rdata};

		refused(*state, zone("example.test", AP_RR_SOA, AP_CLASS_IN, &rr, 1),
			AP_RCODE_REFUSED, AGREE_ENAME);
	}
}

/* ---- PROPOSE ---- */

static void rdata_that_does_not_decode_is_a_format_error(void **state)
{
	struct edge *e = *state;

	for (size_t len = 0; len < one_rdata.len; len++) {
		ap_bytes part = {one_rdata.data, len};

		refused(e, dnsask_update(wire, one.name, part, false, &plain), AP_RCODE_FORMERR,
			AGREE_EFORM);
	}
	one_propose[one_rdata.len] = 0; /* an octet left over */
	refused(e,
		dnsask_update(wire, one.name, (ap_bytes){one_propose, one_rdata.len + 1}, false,
			      &plain),
		AP_RCODE_FORMERR, AGREE_EFORM);
}

static void a_descriptor_that_does_not_decode_is_a_format_error(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance cut = one;

	for (cut.len = 1; cut.len < one.len; cut.len++) {
		ap_bytes p = dnsask_propose(&cut, AP_VERB_APPROVE, "x");

		refused(e, dnsask_update(wire, one.name, p, false, &plain), AP_RCODE_FORMERR,
			AGREE_EDESCRIPTOR);
	}
}

static void versions_and_verbs_that_are_unknown_are_refused(void **state)
{
	struct edge *e = *state;
	static const uint8_t heads[][2] = {{0, 1}, {2, 1}, {1, 0}, {1, 4}, {1, 255}};

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		memcpy(one_propose, heads[i], 2);
		refused(e, dnsask_update(wire, one.name, one_rdata, false, &plain),
			AP_RCODE_REFUSED, AGREE_EVERB);
	}
}

static void the_id_is_that_of_the_descriptor(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance other;
	uint8_t key[32] = {3};

	dnsask_open(&other, edge_key(e), "other", EDGE_NOW + 100);
	refused(e, dnsask_update(wire, other.name, one_rdata, false, &plain), AP_RCODE_REFUSED,
		AGREE_EWRONGID);
	dnsask_open(&other, key, "one", EDGE_NOW + 100); /* of another network */
	refused(e, dnsask_update(wire, other.name, one_rdata, false, &plain), AP_RCODE_REFUSED,
		AGREE_EWRONGID);
}

/* ---- parties ---- */

struct vote {
	uint8_t verb, party;
	const char *value;
	bool forged, bare;
};

static const uint8_t party_seed[32] = "a party";

/* One party with a key. */
static void with_party(struct edge *e, struct dnsask_instance *i, const char *label)
{
	struct ap_sign_key key;
	ap_descriptor d;

	ap_ticket_open(&d, (ap_bytes){(const uint8_t *)label, strlen(label)}, EDGE_NOW + 100);
	d.terms.n_parties = 2;
	d.terms.k = 2;
	assert_int_equal(ap_sign_key_init(&key, party_seed), 0);
	d.terms.parties[0].key.present = d.terms.parties[1].key.present = true;
	memcpy(d.terms.parties[0].key.it.octets, key.public_key, 32);
	memset(d.terms.parties[1].key.it.octets, 7, 32);
	ap_sign_key_clear(&key);
	dnsask_instance(i, edge_key(e), &d);
}

static ap_bytes vote_rdata(const struct dnsask_instance *i, const struct vote *v)
{
	static uint8_t octets[1024];
	uint8_t message[AP_VOTE_MAX];
	ap_propose p = {.version = AP_PROPOSE_VERSION, .verb = v->verb, .party = v->party};
	struct ap_sign_key key;
	struct ap_writer w;

	p.value = (ap_value){(const uint8_t *)v->value, strlen(v->value)};
	if (!v->bare)
		p.descriptor = (ap_bytes){i->descriptor, i->len};
	if (v->verb != AP_VERB_OBSERVE) {
		p.credential.kind = AP_CREDENTIAL_SIGNATURE;
		assert_int_equal(ap_sign_key_init(&key, party_seed), 0);
		assert_int_equal(ap_sign(&key, p.credential.octets, message,
					 ap_vote_put(message, v->verb, i->id, &p.value)),
				 0);
		ap_sign_key_clear(&key);
	}
	p.credential.octets[9] ^= v->forged;
	ap_writer_init(&w, octets, sizeof(octets));
	ap_propose_put(&w, &p);
	assert_null(w.bad);
	return ap_writer_bytes(&w);
}

static void votes_are_judged_before_they_are_ordered(void **state)
{
	static const struct {
		struct vote vote;
		uint16_t rcode;
		int why;
	} rows[] = {
		{{AP_VERB_APPROVE, 0, "x", true, false}, AP_RCODE_REFUSED, AGREE_ECREDENTIAL},
		{{AP_VERB_APPROVE, 1, "x", false, false}, AP_RCODE_REFUSED, AGREE_ECREDENTIAL},
		{{AP_VERB_VETO, 0, "", true, false}, AP_RCODE_REFUSED, AGREE_ECREDENTIAL},
		{{AP_VERB_APPROVE, 2, "x", false, false}, AP_RCODE_REFUSED, AGREE_ENOTPARTY},
		{{AP_VERB_APPROVE, AP_PARTY_NONE, "x", false, false},
		 AP_RCODE_REFUSED,
		 AGREE_ENOTPARTY},
		{{AP_VERB_VETO, 0, "x", false, false}, AP_RCODE_FORMERR, AGREE_EFORM},
	};
	struct edge *e = *state;
	struct dnsask_instance i;

	with_party(e, &i, "party");
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++)
		refused(e,
			dnsask_update(wire, i.name, vote_rdata(&i, &rows[r].vote), false, &plain),
			rows[r].rcode, rows[r].why);
	assert_int_equal(machine_undecided_count(e->machine), 0);
}

static void a_vote_gets_pending_with_the_tally_and_the_next_may_be_bare(void **state)
{
	static const struct vote first = {AP_VERB_APPROVE, 0, "x", false, false};
	static const struct vote again = {AP_VERB_APPROVE, 0, "x", false, true};
	struct edge *e = *state;
	struct dnsask_instance i;
	const ap_agree *agree;
	ap_bytes rdata;

	with_party(e, &i, "party");
	agree = dnsask_agree(proposed(e, &i, vote_rdata(&i, &first), true), AP_PREREQUISITE,
			     edge_key(e), i.id);
	assert_int_equal(agree->outcome.status, AP_STATUS_PENDING);
	assert_int_equal(agree->outcome.yes, 1);
	rdata = vote_rdata(&i, &again);
	assert_true(rdata.len < 100);
	agree = dnsask_agree(proposed(e, &i, rdata, true), AP_PREREQUISITE, edge_key(e), i.id);
	assert_int_equal(agree->outcome.status, AP_STATUS_PENDING);
	assert_int_equal(machine_undecided_count(e->machine), 1);
}

/* draft {#limits}: "only where the address is known to be the client's" */
static void an_address_that_may_be_forged_registers_nothing(void **state)
{
	static const struct vote observe = {AP_VERB_OBSERVE, AP_PARTY_NONE, "", false, false};
	static const struct vote vote = {AP_VERB_APPROVE, 0, "x", false, false};
	struct edge *e = *state;
	struct dnsask_instance i;
	const struct ap_dns *m;
	size_t n;

	with_party(e, &i, "party");
	n = dnsask_update(wire, i.name, vote_rdata(&i, &observe), false, &plain);
	m = edge_reply_now(e, wire, n, false);
	assert_int_equal(m->rcode, AP_RCODE_REFUSED);
	assert_false(relay_waiting(e->relay));
	proposed(e, &i, vote_rdata(&i, &observe), false); /* over TCP */
	n = dnsask_update(wire, i.name, vote_rdata(&i, &vote), false, &plain);
	edge_reply(e, wire, n, false); /* and votes on it may come by UDP */
	assert_int_equal(machine_undecided_count(e->machine), 1);
}

static void assert_heals(const struct ap_dns *m, uint64_t least_s, uint64_t most_s)
{
	unsigned long long in_s = 0;
	char text[AP_EDE_TEXT_MAX + 1];

	memcpy(text, m->edns.ede_text.data, m->edns.ede_text.len);
	text[m->edns.ede_text.len] = '\0';
	assert_int_equal(sscanf(text, "in %llu s: ", &in_s), 1);
	assert_in_range(in_s, least_s, most_s);
}

/* draft {#limits} */
static void a_client_network_has_its_share(void **state)
{
	static const struct vote vote = {AP_VERB_APPROVE, 0, "x", false, false};
	static const struct vote observe = {AP_VERB_OBSERVE, AP_PARTY_NONE, "", false, false};
	struct edge *e = edge_new();
	struct dnsask_instance i;

	(void)state;
	e->conf.address_undecided_max = 2;
	e->conf.address_votes_rate = 2;
	edge_open(e);
	edge_go_live(e);
	for (unsigned n = 0; n < 2; n++) {
		with_party(e, &i, n == 0 ? "a" : "b");
		proposed(e, &i, vote_rdata(&i, &observe), false);
	}
	with_party(e, &i, "c");
	assert_heals(refused(e,
			     dnsask_update(wire, i.name, vote_rdata(&i, &observe), false, &plain),
			     AP_RCODE_REFUSED, AGREE_ECLIENTINSTANCES),
		     1, UINT32_MAX);
	with_party(e, &i, "b"); /* what is registered takes votes */
	for (unsigned n = 0; n < 2; n++)
		proposed(e, &i, vote_rdata(&i, &vote), false);
	assert_heals(refused(e, dnsask_update(wire, i.name, vote_rdata(&i, &vote), false, &plain),
			     AP_RCODE_REFUSED, AGREE_ECLIENTVOTES),
		     1, 1);
	e->time_ms = (EDGE_NOW + 100) * 1000;
	edge_batch(e); /* both expire */
	assert_int_equal(quota_count(e->quota), 0);
	edge_free(e);
}

/* The batch in which it ended was executed by others only: their state has it no more. */
static void what_a_transferred_state_has_no_more_is_given_back(void **state)
{
	static const struct vote observe = {AP_VERB_OBSERVE, AP_PARTY_NONE, "", false, false};
	static uint8_t before[1 << 20];
	struct edge *e = edge_new();
	struct dnsask_instance i;
	size_t len;

	(void)state;
	e->conf.address_undecided_max = 2;
	edge_open(e);
	edge_go_live(e);
	len = machine_snapshot(e->machine, before, sizeof(before));
	assert_int_not_equal(len, 0);
	with_party(e, &i, "a");
	proposed(e, &i, vote_rdata(&i, &observe), false);
	assert_int_equal(quota_count(e->quota), 1);
	assert_int_equal(machine_restore(e->machine, before, len), 0);
	quota_overtaken(e->quota);
	assert_int_equal(quota_count(e->quota), 0);
	edge_free(e);
}

static void open_with_k_of_two(ap_descriptor *d)
{
	d->terms.k = 2;
}

static void k_of_zero(ap_descriptor *d)
{
	d->terms.n_parties = 2;
	d->terms.parties[0].key.present = d->terms.parties[1].key.present = true;
	memset(d->terms.parties[0].key.it.octets, 1, 32);
	memset(d->terms.parties[1].key.it.octets, 2, 32);
	d->terms.k = 0;
}

static void k_above_n(ap_descriptor *d)
{
	k_of_zero(d);
	d->terms.k = 3;
}

static void one_party_twice(ap_descriptor *d)
{
	k_of_zero(d);
	d->terms.k = 2;
	memset(d->terms.parties[1].key.it.octets, 1, 32);
}

static void secrets_without_fixed_value(ap_descriptor *d)
{
	d->terms.n_parties = d->terms.k = d->n_locks = 2;
}

static void a_pair_of_locks_too_few(ap_descriptor *d)
{
	secrets_without_fixed_value(d);
	d->terms.fixed.present = true;
	d->n_locks = 1;
}

static void no_locks(ap_descriptor *d)
{
	a_pair_of_locks_too_few(d);
	d->n_locks = 0;
}

static void a_label_with_a_control_character(ap_descriptor *d)
{
	d->terms.label.data = (const uint8_t *)"a\033[31m";
	d->terms.label.len = 6;
}

static void no_label(ap_descriptor *d)
{
	d->terms.label.len = 0;
}

static void a_start_at_the_deadline(ap_descriptor *d)
{
	d->terms.start = d->terms.deadline;
}

static void a_deadline_after_all_years(ap_descriptor *d)
{
	d->terms.deadline = AP_DEADLINE_MAX + 1;
}

/* Each with what is wrong, in words; nothing is ordered or stored. */
static void impossible_terms_are_refused(void **state)
{
	static const struct {
		void (*make)(ap_descriptor *);
		const char *says;
	} rows[] = {
		{open_with_k_of_two, "k is not 1 in an open instance"},
		{k_of_zero, "k is 0"},
		{k_above_n, "k is above the number of parties"},
		{one_party_twice, "two parties have the same key"},
		{secrets_without_fixed_value, "parties with secrets need a fixed value"},
		{a_pair_of_locks_too_few, "not one pair of locks for each party without a key"},
		{no_locks, "the locks of the parties without a key are missing"},
		{a_label_with_a_control_character, "the label has a control character"},
		{no_label, "the label is empty"},
		{a_start_at_the_deadline, "the start is not before the deadline"},
		{a_deadline_after_all_years, "the deadline is after the year 9999"},
	};
	struct edge *e = *state;

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		static const uint8_t verbs[] = {AP_VERB_OBSERVE, AP_VERB_APPROVE};
		struct dnsask_instance i;
		ap_descriptor d;

		ap_ticket_open(&d, (ap_bytes){(const uint8_t *)"k", 1}, EDGE_NOW + 100);
		rows[r].make(&d);
		dnsask_instance(&i, edge_key(e), &d);
		for (size_t v = 0; v < 2; v++) {
			const struct ap_dns *m = refused(
				e,
				dnsask_update(wire, i.name, dnsask_propose(&i, verbs[v], NULL),
					      false, &plain),
				AP_RCODE_REFUSED, AGREE_EBADTERMS);

			assert_in_range(m->edns.ede_text.len, strlen(rows[r].says), UINT16_MAX);
			assert_memory_equal(m->edns.ede_text.data, rows[r].says,
					    strlen(rows[r].says));
		}
	}
	assert_int_equal(machine_undecided_count(e->machine), 0);
}

/* draft {#limits}: "the text begins with "in N s: "" */
static void too_early_says_for_how_long(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	ap_descriptor d;

	ap_ticket_open(&d, (ap_bytes){(const uint8_t *)"early", 5}, EDGE_NOW + 600);
	d.terms.start = EDGE_NOW + 300;
	dnsask_instance(&i, edge_key(e), &d);
	assert_heals(proposed(e, &i, dnsask_propose(&i, AP_VERB_APPROVE, "x"), false), 300, 300);
}

static void refusals_of_the_machine_come_through(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	ap_descriptor d;

	refused_anywhere(e, &one, dnsask_propose(&one, AP_VERB_VETO, NULL), AP_RCODE_REFUSED,
			 AGREE_EBADTERMS);
	refused_anywhere(e, &one, dnsask_propose_bare(AP_VERB_APPROVE, "x"), AP_RCODE_REFUSED,
			 AGREE_ENODESCRIPTOR);
	dnsask_open(&i, edge_key(e), "far", EDGE_NOW + 20001);
	refused_anywhere(e, &i, dnsask_propose(&i, AP_VERB_APPROVE, "x"), AP_RCODE_REFUSED,
			 AGREE_EHORIZON);
	ap_ticket_open(&d, (ap_bytes){(const uint8_t *)"early", 5}, EDGE_NOW + 600);
	d.terms.start = EDGE_NOW + 300;
	dnsask_instance(&i, edge_key(e), &d);
	refused_anywhere(e, &i, dnsask_propose(&i, AP_VERB_APPROVE, "x"), AP_RCODE_REFUSED,
			 AGREE_EEARLY);
	ap_ticket_open(&d, (ap_bytes){(const uint8_t *)"fixed", 5}, EDGE_NOW + 600);
	d.terms.fixed.present = true;
	d.terms.fixed.it = (ap_value){(const uint8_t *)"only this", 9};
	dnsask_instance(&i, edge_key(e), &d);
	refused_anywhere(e, &i, dnsask_propose(&i, AP_VERB_APPROVE, "x"), AP_RCODE_REFUSED,
			 AGREE_EFIXED);
}

static int capacity_of_one(void **state)
{
	struct edge *e = edge_new();

	e->net.capacity = 4;
	edge_open(e);
	edge_go_live(e);
	one_make(e);
	*state = e;
	return 0;
}

static void a_full_share_of_the_capacity_is_refused(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;

	assert_int_equal(proposed(e, &one, one_rdata, true)->rcode, 0);
	dnsask_open(&i, edge_key(e), "no room", EDGE_NOW + 100);
	refused_anywhere(e, &i, dnsask_propose(&i, AP_VERB_APPROVE, "x"), AP_RCODE_REFUSED,
			 AGREE_ECAPACITY);
}

/* ---- executed ---- */

static void a_proposal_is_answered_once_executed_and_signed(void **state)
{
	struct edge *e = *state;
	size_t n = dnsask_update(wire, one.name, one_rdata, true, &plain), at = 0;
	const struct ap_dns *m;
	const ap_agree *agree;
	struct ap_name owner;
	uint64_t seq;

	assert_int_equal(edge_ask(e, wire, n, true, out), 0);
	seq = edge_batch(e);
	assert_int_equal(e->n_replies, 0);
	assert_true(edge_sign(e, seq));
	assert_int_equal(e->n_replies, 1);
	m = edge_reply(e, wire, n, true); /* again: from store */
	agree = dnsask_agree(m, AP_PREREQUISITE, edge_key(e), one.id);
	assert_int_equal(m->rcode, 0);
	assert_int_equal(m->opcode, AP_OPCODE_UPDATE);
	assert_int_equal(m->n_records, 1);
	assert_int_equal(m->flags & AP_FLAG_AA, 0);
	assert_int_equal(ap_dns_next(m, AP_PREREQUISITE, &at)->ttl, 0);
	ap_dns_owner(m, &m->records[0], &owner);
	assert_true(ap_name_is_within(&owner, &e->net.zone));
	assert_int_equal(agree->outcome.status, AP_STATUS_DECIDED);
	assert_memory_equal(agree->outcome.value.data, "mine", 4);
	assert_int_equal(agree->outcome.sequence, seq);
}

static void a_loser_is_told_by_the_record(void **state)
{
	struct edge *e = *state;
	const struct ap_dns *m;

	proposed(e, &one, one_rdata, false);
	m = proposed(e, &one, dnsask_propose(&one, AP_VERB_APPROVE, "theirs"), false);
	assert_int_equal(m->rcode, 0);
	assert_memory_equal(
		dnsask_agree(m, AP_PREREQUISITE, edge_key(e), one.id)->outcome.value.data, "mine",
		4);
}

static void with_the_prerequisite_a_loser_gets_yxrrset_and_the_record(void **state)
{
	struct edge *e = *state;
	const struct ap_dns *m;

	assert_int_equal(proposed(e, &one, one_rdata, true)->rcode, 0);
	assert_int_equal(proposed(e, &one, one_rdata, true)->rcode, 0); /* the winner again */
	m = proposed(e, &one, dnsask_propose(&one, AP_VERB_APPROVE, "theirs"), true);
	assert_int_equal(m->rcode, AP_RCODE_YXRRSET);
	assert_memory_equal(
		dnsask_agree(m, AP_PREREQUISITE, edge_key(e), one.id)->outcome.value.data, "mine",
		4);
	m = proposed(e, &one, dnsask_propose(&one, AP_VERB_APPROVE, "mine and more"), true);
	assert_int_equal(m->rcode, AP_RCODE_YXRRSET);
	m = proposed(e, &one, dnsask_propose(&one, AP_VERB_OBSERVE, NULL), true);
	assert_int_equal(m->rcode, AP_RCODE_YXRRSET);
}

static void the_race_is_decided_in_the_order(void **state)
{
	struct edge *e = *state;
	struct ap_dns m;

	edge_ask(e, wire, dnsask_update(wire, one.name, one_rdata, true, NULL), true, out);
	edge_ask(e, wire,
		 dnsask_update(wire, one.name, dnsask_propose(&one, AP_VERB_APPROVE, "theirs"),
			       true, NULL),
		 true, out);
	edge_sign(e, edge_batch(e));
	assert_int_equal(e->n_replies, 2);
	assert_int_equal(ap_dns_reply(&m, e->replies[0].octets, e->replies[0].len), 0);
	assert_int_equal(m.rcode, 0);
	assert_int_equal(ap_dns_reply(&m, e->replies[1].octets, e->replies[1].len), 0);
	assert_int_equal(m.rcode, AP_RCODE_YXRRSET);
	assert_memory_equal(
		dnsask_agree(&m, AP_PREREQUISITE, edge_key(e), one.id)->outcome.value.data, "mine",
		4);
}

static void observing_shows_pending_and_leaves_the_prerequisite_true(void **state)
{
	struct edge *e = *state;
	const struct ap_dns *m =
		proposed(e, &one, dnsask_propose(&one, AP_VERB_OBSERVE, NULL), true);
	const ap_agree *agree = dnsask_agree(m, AP_PREREQUISITE, edge_key(e), one.id);

	assert_int_equal(m->rcode, 0);
	assert_int_equal(agree->outcome.status, AP_STATUS_PENDING);
	assert_int_equal(agree->outcome.nonce.it.octets[0], 0x6e); /* PROPOSE's own */
	assert_int_equal(proposed(e, &one, one_rdata, true)->rcode, 0);
}

static void ended_without_record_is_aborted(void **state)
{
	struct edge *e = *state;
	const struct ap_dns *m;
	const ap_agree *agree;

	e->time_ms = EDGE_NOW_MS + 100 * 1000;
	m = proposed(e, &one, one_rdata, true);
	assert_int_equal(m->rcode, AP_RCODE_YXRRSET);
	agree = dnsask_agree(m, AP_PREREQUISITE, edge_key(e), one.id);
	assert_int_equal(agree->outcome.status, AP_STATUS_ABORTED);
	assert_int_equal(agree->outcome.reason, AP_REASON_DEADLINE);
	assert_int_equal(agree->outcome.sequence, 0);
	assert_int_equal(agree->outcome.time, EDGE_NOW_MS + 100 * 1000);
	m = proposed(e, &one, one_rdata, false);
	assert_int_equal(m->rcode, 0);
}

static void forgotten_is_no_rrset(void **state)
{
	struct edge *e = *state;
	const struct ap_dns *m;

	e->time_ms = EDGE_NOW_MS + 5100 * 1000;
	m = proposed(e, &one, one_rdata, true);
	assert_int_equal(m->rcode, 0);
	assert_int_equal(dnsask_agree(m, AP_PREREQUISITE, edge_key(e), one.id)->outcome.status,
			 AP_STATUS_FORGOTTEN);
}

static void a_bare_vote_gets_the_stored_outcome(void **state)
{
	struct edge *e = *state;
	const struct ap_dns *m;

	proposed(e, &one, one_rdata, false);
	m = proposed(e, &one, dnsask_propose_bare(AP_VERB_APPROVE, "late"), true);
	assert_int_equal(m->rcode, AP_RCODE_YXRRSET);
	dnsask_agree(m, AP_PREREQUISITE, edge_key(e), one.id);
}

static void tools_without_opt_get_the_code_and_tc_on_udp(void **state)
{
	struct edge *e = *state;
	size_t n = dnsask_update(wire, one.name, one_rdata, true, NULL);
	const struct ap_dns *m = edge_reply(e, wire, n, false);

	assert_int_equal(m->rcode, 0); /* executed: TC takes nothing back */
	assert_true((m->flags & AP_FLAG_TC) != 0);
	assert_int_equal(m->n_records, 0);
	assert_true(m->wire.len <= n);
	assert_false(m->edns.present);
	n = dnsask_update(wire, one.name, dnsask_propose(&one, AP_VERB_APPROVE, "theirs"), true,
			  NULL);
	m = edge_reply(e, wire, n, false);
	assert_int_equal(m->rcode, AP_RCODE_YXRRSET);
	assert_true((m->flags & AP_FLAG_TC) != 0);
}

static void a_relay_that_is_full_sends_to_another(void **state)
{
	struct edge *e = *state;
	struct asker asker;
	struct ap_dns m;
	size_t n = 0;

	for (uint16_t port = 1; port <= e->conf.address_pending_max; port++) {
		n = dnsask_update(wire, one.name, one_rdata, false, &plain);
		edge_asker(&asker, 1, port);
		asker.tcp = true;
		assert_int_equal(answers_request(e->answers, wire, n, false, &asker, out), 0);
	}
	edge_asker(&asker, 2, 999); /* of the same network */
	asker.tcp = true;
	n = answers_request(e->answers, wire, n, false, &asker, out);
	assert_int_equal(ap_dns_reply(&m, out, n), 0);
	assert_int_equal(m.rcode, AP_RCODE_REFUSED);
	assert_int_equal(m.edns.ede, 49166);
	assert_int_equal(m.flags & AP_FLAG_TC, 0); /* it is over TCP already */
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, live, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE(a_zone_of_another_type_is_a_format_error),
		LIVE(no_zone_and_two_are_format_errors),
		LIVE(another_zone_is_not_ours),
		LIVE(the_zone_in_other_letters_is_ours),
		LIVE(owners_outside_of_the_zone_are_not_in_it),
		LIVE(additional_records_are_not_looked_at),
		LIVE(prerequisites_of_bad_form_are_format_errors_others_refused),
		LIVE(updates_of_bad_form_are_format_errors_others_refused),
		LIVE(exactly_one_record_is_added),
		LIVE(the_prerequisite_stands_alone_and_at_the_same_name),
		LIVE(the_owner_is_an_instance),
		LIVE(rdata_that_does_not_decode_is_a_format_error),
		LIVE(a_descriptor_that_does_not_decode_is_a_format_error),
		LIVE(versions_and_verbs_that_are_unknown_are_refused),
		LIVE(the_id_is_that_of_the_descriptor),
		LIVE(votes_are_judged_before_they_are_ordered),
		LIVE(a_vote_gets_pending_with_the_tally_and_the_next_may_be_bare),
		LIVE(an_address_that_may_be_forged_registers_nothing),
		cmocka_unit_test(a_client_network_has_its_share),
		cmocka_unit_test(what_a_transferred_state_has_no_more_is_given_back),
		LIVE(impossible_terms_are_refused),
		LIVE(too_early_says_for_how_long),
		LIVE(refusals_of_the_machine_come_through),
		cmocka_unit_test_setup_teardown(a_full_share_of_the_capacity_is_refused,
						capacity_of_one, down),
		LIVE(a_proposal_is_answered_once_executed_and_signed),
		LIVE(a_loser_is_told_by_the_record),
		LIVE(with_the_prerequisite_a_loser_gets_yxrrset_and_the_record),
		LIVE(the_race_is_decided_in_the_order),
		LIVE(observing_shows_pending_and_leaves_the_prerequisite_true),
		LIVE(ended_without_record_is_aborted),
		LIVE(forgotten_is_no_rrset),
		LIVE(a_bare_vote_gets_the_stored_outcome),
		LIVE(tools_without_opt_get_the_code_and_tc_on_udp),
		LIVE(a_relay_that_is_full_sends_to_another),
	};

	return cmocka_run_group_tests_name("answer: UPDATE", tests, NULL, NULL);
}
