/*
 * REQUEST: a client's UPDATE. draft {#request}
 *
 * What the octets alone say is judged first, then time and log. This version executes open
 * instances only: there the first proposal decides.
 */
#include <string.h>

#include "daemon/machine/inner.h"
#include "daemon/bug.h"
#include "daemon/machine/tally.h"
#include "libproto/agree_errors.h"
#include "libproto/instance.h"
#include "libproto/outcome.h"

struct ask {
	const uint8_t *id;
	ap_propose propose;
	ap_descriptor descriptor; /* if propose.descriptor.len > 0 */
};

static ap_outcome outcome_new(enum ap_outcome_status status)
{
	ap_outcome o;

	memset(&o, 0, sizeof(o));
	o.version = AP_OUTCOME_VERSION;
	o.status = (ap_u8)status;
	return o;
}

/* ---- what the octets say: 0, or why the request is refused ---- */

static int propose_get(ap_propose *propose, ap_bytes octets)
{
	struct ap_reader r;

	ap_reader_init(&r, octets.data, octets.len);
	ap_propose_get(&r, propose);
	if (!ap_reader_done(&r))
		return AGREE_EFORM;
	if (propose->version != AP_PROPOSE_VERSION ||
	    (propose->verb != AP_VERB_APPROVE && propose->verb != AP_VERB_VETO &&
	     propose->verb != AP_VERB_OBSERVE))
		return AGREE_EVERB;
	return 0;
}

/* draft {#request}: "It carries a descriptor, which does not decode: BadDescriptor; is not valid:
 * BadTerms; whose id is another one: WrongId" */
static int descriptor_get(const struct machine *m, struct ask *ask)
{
	uint8_t id[AP_ID_LEN];
	const char *why;
	int error = ap_descriptor_parse(&ask->descriptor, ask->propose.descriptor, &why);

	if (error != 0)
		return error;
	if (!ap_instance_id(m->funcs.sha256, id, m->state.key.pk, &ask->descriptor.terms))
		return AGREE_EDESCRIPTOR;
	return memcmp(id, ask->id, sizeof(id)) == 0 ? 0 : AGREE_EWRONGID;
}

/* What an observe says of party, value and credential is not looked at: it changes nothing. */
static int vote_check(const struct ask *ask)
{
	const ap_terms *terms = &ask->descriptor.terms;
	const ap_propose *propose = &ask->propose;

	if (!ap_terms_is_open(terms) || terms->k != 1 || ask->descriptor.n_locks > 0)
		return AGREE_ENOTOPEN;
	if (propose->verb == AP_VERB_OBSERVE)
		return 0;
	if (propose->verb == AP_VERB_VETO)
		return AGREE_EBADTERMS;
	if (propose->party != AP_PARTY_NONE)
		return AGREE_ENOTPARTY;
	if (propose->credential.kind != AP_CREDENTIAL_NONE)
		return AGREE_ECREDENTIAL;
	return ap_terms_takes(terms, &propose->value) ? 0 : AGREE_EFIXED;
}

/* ---- what time and log say ---- */

static void vote(struct machine *m, struct machine_run *run, const struct ask *ask)
{
	const ap_terms *terms = &ask->descriptor.terms;
	ap_outcome outcome = outcome_new(AP_STATUS_DECIDED);
	struct machine_verdict verdict;
	struct machine_tally tally;

	if (!machine_retain_reaches(m->state.time_ms, m->conf.horizon_s, terms->deadline)) {
		machine_refuse(run, ask->id, AGREE_EHORIZON);
		return;
	}
	machine_tally_init(&tally, terms->k, terms->n_parties);
	machine_tally_vote(&tally, ask->propose.party, true, ask->propose.value);
	verdict = machine_tally_judge(&tally, false);
	ASSERT(verdict.status == AP_STATUS_DECIDED);
	/* draft {#capacity}: "Each relay's instances fill at most capacity / n" */
	if (!machine_retain_add(&m->state.retain, run->relay, m->conf.capacity / m->conf.n,
				terms->deadline)) {
		machine_refuse(run, ask->id, AGREE_ECAPACITY);
		return;
	}
	outcome.value = verdict.value;
	outcome.k = terms->k;
	outcome.sequence = run->result->seq;
	outcome.time = run->result->time_ms;
	machine_decide(m, run, ask->id, &outcome);
}

static void observe(struct machine *m, struct machine_run *run, const struct ask *ask)
{
	ap_outcome outcome = outcome_new(AP_STATUS_PENDING);

	outcome.k = ask->descriptor.terms.k;
	outcome.sequence = run->result->seq;
	outcome.time = run->result->time_ms;
	outcome.nonce.present = true;
	outcome.nonce.it = ask->propose.nonce;
	machine_answer(m, run, ask->id, &outcome);
}

/* draft {#absence}: "undecided at F < D <= T is ABORTED (deadline), for which no state is kept:
 * its sequence is 0 and its time D"
 */
static void abort_ended(struct machine *m, struct machine_run *run, const struct ask *ask)
{
	ap_outcome outcome = outcome_new(AP_STATUS_ABORTED);

	outcome.reason = AP_REASON_DEADLINE;
	outcome.k = ask->descriptor.terms.k;
	outcome.time = machine_ms(ask->descriptor.terms.deadline);
	machine_answer(m, run, ask->id, &outcome);
}

static void execute(struct machine *m, struct machine_run *run, const struct ask *ask)
{
	const ap_terms *terms = &ask->descriptor.terms;
	enum machine_when when = machine_retain_judge(&m->state.retain, m->state.time_ms,
						      terms->start, terms->deadline);
	struct machine_final final;
	ap_outcome forgotten;

	if (when == MACHINE_FORGOTTEN) {
		forgotten = outcome_new(AP_STATUS_FORGOTTEN);
		machine_answer(m, run, ask->id, &forgotten);
	} else if (machine_find(m, ask->id, &final) &&
		   !(BUG(33) && ask->propose.verb == AP_VERB_APPROVE)) {
		machine_answer_final(m, run, &final);
	} else if (when == MACHINE_ENDED) {
		abort_ended(m, run, ask);
	} else if (ask->propose.verb == AP_VERB_OBSERVE) {
		observe(m, run, ask);
	} else if (when == MACHINE_EARLY) {
		machine_refuse(run, ask->id, AGREE_EEARLY);
	} else {
		vote(m, run, ask);
	}
}

/* draft {#request}: "Without a descriptor: OBSERVE as a read; a vote gets the stored final outcome,
 * else NoDescriptor" */
static void execute_bare(struct machine *m, struct machine_run *run, const struct ask *ask)
{
	struct machine_final final;

	if (ask->propose.verb == AP_VERB_OBSERVE)
		machine_answer_bare(m, run, ask->id, &ask->propose.nonce);
	else if (machine_find(m, ask->id, &final))
		machine_answer_final(m, run, &final);
	else
		machine_refuse(run, ask->id, AGREE_ENODESCRIPTOR);
}

void machine_op_request(struct machine *m, struct machine_run *run, ap_bytes body)
{
	struct ap_reader r;
	ap_request request;
	struct ask ask;
	int why;

	ap_reader_init(&r, body.data, body.len);
	ap_request_get(&r, &request);
	if (!ap_reader_done(&r)) {
		machine_refuse(run, request.id.octets, AGREE_EFORM);
		return;
	}
	ask.id = request.id.octets;
	why = propose_get(&ask.propose, request.propose);
	if (why == 0 && m->state.key.phase != MACHINE_LIVE)
		why = AGREE_EFORMING;
	if (why == 0 && ask.propose.descriptor.len > 0) {
		why = descriptor_get(m, &ask);
		if (why == 0)
			why = vote_check(&ask);
	}
	if (why != 0)
		machine_refuse(run, ask.id, why);
	else if (ask.propose.descriptor.len > 0)
		execute(m, run, &ask);
	else
		execute_bare(m, run, &ask);
}
