/* Instances with parties in a network that there is not. draft {#request} */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/instance.h"
#include "libproto/outcome.h"
#include "libproto/vote.h"
#include "tests/lib/fakenet.h"

struct fakenet_parties *fakenet_parties_find(struct fakenet *net, const uint8_t id[AP_ID_LEN])
{
	for (size_t i = 0; i < net->n_parties; i++)
		if (memcmp(net->parties[i].id, id, AP_ID_LEN) == 0)
			return &net->parties[i];
	return NULL;
}

void fakenet_register(struct fakenet *net, const uint8_t id[AP_ID_LEN], ap_bytes descriptor)
{
	struct fakenet_parties *p = &net->parties[net->n_parties];

	assert_true(net->n_parties < FAKENET_PARTIES_MAX);
	assert_null(fakenet_parties_find(net, id));
	memset(p, 0, sizeof(*p));
	memcpy(p->id, id, AP_ID_LEN);
	memcpy(p->descriptor, descriptor.data, descriptor.len);
	p->len = descriptor.len;
	net->n_parties++;
}

static bool is_shown(const ap_descriptor *d, const uint8_t id[AP_ID_LEN], const ap_propose *p)
{
	bool yes = p->verb == AP_VERB_APPROVE;
	uint8_t message[AP_VOTE_MAX];
	size_t len;

	if (p->credential.kind == AP_CREDENTIAL_SECRET)
		return ap_vote_opens(ap_sha256, d, id, p->party, yes, p->credential.octets);
	len = ap_vote_put(message, p->verb, id, &p->value);
	return ap_verify_once(d->terms.parties[p->party].key.it.octets, p->credential.octets,
			      message, len) == 0;
}

static unsigned count_bits(uint32_t bits)
{
	unsigned n = 0;

	for (; bits != 0; bits &= bits - 1)
		n++;
	return n;
}

/* All approve one value here: tests of the tally are elsewhere. */
static void settle(struct fakenet *net, struct fakenet_parties *p, const ap_descriptor *d)
{
	const ap_terms *t = &d->terms;

	if (p->status != 0)
		return;
	p->sequence = net->sequence;
	p->time_ms = net->now_ms;
	if (count_bits(p->yes) >= t->k)
		p->status = AP_STATUS_DECIDED;
	else if (t->n_parties - count_bits(p->no) < t->k)
		p->status = AP_STATUS_ABORTED;
}

/* The extended error of a refusal, or 0: the vote is counted. */
static uint16_t vote_take(struct fakenet *net, enum fakenet_mood mood, struct fakenet_parties *p,
			  const ap_descriptor *d, const ap_propose *propose)
{
	uint32_t bit;

	net->secrets_seen += propose->credential.kind == AP_CREDENTIAL_SECRET;
	net->bare_votes += propose->descriptor.len == 0;
	if (mood == FAKENET_WANTS_DESCRIPTOR && propose->descriptor.len == 0)
		return 49175;
	if (propose->descriptor.len > 0 &&
	    (propose->descriptor.len != p->len ||
	     memcmp(propose->descriptor.data, p->descriptor, p->len) != 0))
		return 49180;
	if (ap_vote_check(&d->terms, propose) != 0 || !is_shown(d, p->id, propose))
		return 49159;
	if (mood == FAKENET_WITHHOLDS)
		return 0;
	bit = UINT32_C(1) << propose->party;
	if (((p->yes | p->no) & bit) == 0 && p->status == 0) {
		if (propose->verb == AP_VERB_APPROVE) {
			p->yes |= bit;
			memcpy(p->value, propose->value.data, propose->value.len);
			p->value_len = propose->value.len;
		} else {
			p->no |= bit;
		}
	}
	settle(net, p, d);
	return 0;
}

static void outcome_fill(const struct fakenet *net, const struct fakenet_parties *p,
			 const ap_descriptor *d, const ap_nonce *nonce, ap_outcome *o)
{
	uint64_t deadline_ms = d->terms.deadline * 1000;

	memset(o, 0, sizeof(*o));
	o->version = AP_OUTCOME_VERSION;
	o->k = d->terms.k;
	o->terms.present = d->n_locks > 0;
	if (o->terms.present)
		assert_true(ap_descriptor_digest(ap_sha256, o->terms.it.octets, d));
	if (p->status == 0 && net->now_ms >= deadline_ms) {
		o->status = AP_STATUS_ABORTED;
		o->reason = AP_REASON_DEADLINE;
		o->time = deadline_ms;
		return;
	}
	o->yes = p->yes;
	o->no = p->no;
	o->status = p->status != 0 ? p->status : AP_STATUS_PENDING;
	o->sequence = p->status != 0 ? p->sequence : net->sequence;
	o->time = p->status != 0 ? p->time_ms : net->now_ms;
	if (p->status == AP_STATUS_DECIDED)
		o->value = (ap_bytes){p->value, p->value_len};
	if (p->status == AP_STATUS_ABORTED)
		o->reason = AP_REASON_VETOED;
	o->nonce.present = p->status == 0;
	if (o->nonce.present)
		o->nonce.it = *nonce;
}

bool fakenet_vote(struct fakenet *net, enum fakenet_mood mood, const uint8_t id[AP_ID_LEN],
		  const ap_propose *propose, ap_outcome *outcome, uint16_t *ede)
{
	struct fakenet_parties *p = fakenet_parties_find(net, id);
	ap_descriptor d;
	const char *why;

	*ede = 0;
	if (p == NULL && propose->descriptor.len > 0 &&
	    ap_descriptor_parse(&d, propose->descriptor, &why) == 0 &&
	    !ap_terms_is_open(&d.terms)) {
		fakenet_register(net, id, propose->descriptor);
		p = fakenet_parties_find(net, id);
	}
	if (p == NULL)
		return false;
	assert_int_equal(ap_descriptor_parse(&d, (ap_bytes){p->descriptor, p->len}, &why), 0);
	if ((propose->verb == AP_VERB_APPROVE || propose->verb == AP_VERB_VETO) &&
	    net->now_ms < d.terms.deadline * 1000)
		*ede = vote_take(net, mood, p, &d, propose);
	outcome_fill(net, p, &d, &propose->nonce, outcome);
	return true;
}
