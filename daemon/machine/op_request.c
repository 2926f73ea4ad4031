/*
 * REQUEST: a client's UPDATE. draft {#request}
 *
 * What the octets alone say is judged first, then time and log. In an open instance the first
 * proposal decides; those with parties go on in op_vote.c.
 */
#include <string.h>

#include "daemon/machine/inner.h"
#include "daemon/bug.h"
#include "libproto/agree_errors.h"
#include "libproto/instance.h"
#include "libproto/outcome.h"
#include "libproto/vote.h"

void machine_outcome_init(ap_outcome *outcome, enum ap_outcome_status status)
{
	memset(outcome, 0, sizeof(*outcome));
	outcome->version = AP_OUTCOME_VERSION;
	outcome->status = (ap_u8)status;
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
static int descriptor_get(const struct machine *m, struct machine_ask *ask)
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

/* ---- what time and log say ---- */

static void propose_open(struct machine *m, struct machine_run *run, const struct machine_ask *ask)
{
	const ap_terms *terms = &ask->descriptor.terms;
	ap_outcome outcome;

	if (!machine_retain_reaches(m->state.time_ms, m->conf.horizon_s, terms->deadline)) {
		machine_refuse(run, ask->id, AGREE_EHORIZON);
		return;
	}
	/* draft {#capacity}: "Each relay's instances fill at most capacity / n" */
	if (!machine_retain_add(&m->state.retain, run->relay, m->conf.capacity / m->conf.n,
				terms->deadline)) {
		machine_refuse(run, ask->id, AGREE_ECAPACITY);
		return;
	}
	machine_outcome_init(&outcome, AP_STATUS_DECIDED);
	outcome.value = ask->propose.value;
	outcome.k = terms->k;
	outcome.sequence = run->result->seq;
	outcome.time = run->result->time_ms;
	machine_decide(m, run, ask->id, run->relay, &outcome);
}

static void observe_open(struct machine *m, struct machine_run *run, const struct machine_ask *ask)
{
	ap_outcome outcome;

	machine_outcome_init(&outcome, AP_STATUS_PENDING);
	outcome.k = ask->descriptor.terms.k;
	outcome.sequence = run->result->seq;
	outcome.time = run->result->time_ms;
	outcome.nonce.present = true;
	outcome.nonce.it = ask->propose.nonce;
	machine_answer(m, run, ask->id, &outcome);
}

static void execute_open(struct machine *m, struct machine_run *run, const struct machine_ask *ask,
			 enum machine_when when)
{
	if (ask->propose.verb == AP_VERB_OBSERVE)
		observe_open(m, run, ask);
	else if (when == MACHINE_EARLY)
		machine_refuse(run, ask->id, AGREE_EEARLY);
	else
		propose_open(m, run, ask);
}

static void execute(struct machine *m, struct machine_run *run, const struct machine_ask *ask)
{
	const ap_terms *terms = &ask->descriptor.terms;
	enum machine_when when = machine_retain_judge(&m->state.retain, m->state.time_ms,
						      terms->start, terms->deadline);
	struct machine_final final;
	ap_outcome forgotten;

	if (when == MACHINE_FORGOTTEN) {
		machine_outcome_init(&forgotten, AP_STATUS_FORGOTTEN);
		machine_answer(m, run, ask->id, &forgotten);
	} else if (ask->registered == NULL && machine_find(m, ask->id, &final) &&
		   !(BUG(33) && ask->propose.verb == AP_VERB_APPROVE)) {
		machine_answer_final(m, run, &final);
	} else if (when == MACHINE_ENDED) {
		machine_answer_ended(m, run, ask);
	} else if (ap_terms_is_open(terms)) {
		execute_open(m, run, ask, when);
	} else {
		machine_op_vote(m, run, ask, when);
	}
}

/* draft {#request}: "Without a descriptor, and the instance is not undecided: OBSERVE as a read; a
 * vote gets the stored final outcome, else NoDescriptor" */
static void execute_bare(struct machine *m, struct machine_run *run, const struct machine_ask *ask)
{
	struct machine_final final;

	if (ask->propose.verb == AP_VERB_OBSERVE)
		machine_answer_bare(m, run, ask->id, &ask->propose.nonce);
	else if (machine_find(m, ask->id, &final))
		machine_answer_final(m, run, &final);
	else
		machine_refuse(run, ask->id, AGREE_ENODESCRIPTOR);
}

/* The descriptor that the request carries, or that of the instance which it names. */
static int descriptor_of(struct machine *m, struct machine_ask *ask,
			 uint8_t octets[AP_MAX_descriptor])
{
	const char *why;
	int error;

	ask->registered = machine_instances_find(&m->instances, ask->id);
	ask->octets = ask->propose.descriptor;
	if (ask->octets.len > 0) {
		error = descriptor_get(m, ask);
	} else if (ask->registered != NULL) {
		ask->octets = (ap_bytes){octets, machine_instances_descriptor(
							 &m->instances, ask->registered, octets)};
		error = ap_descriptor_parse(&ask->descriptor, ask->octets, &why);
	} else {
		return 0;
	}
	return error == 0 ? ap_vote_check(&ask->descriptor.terms, &ask->propose) : error;
}

void machine_op_request(struct machine *m, struct machine_run *run, ap_bytes body)
{
	uint8_t octets[AP_MAX_descriptor];
	struct ap_reader r;
	ap_request request;
	struct machine_ask ask;
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
	if (why == 0)
		why = descriptor_of(m, &ask, octets);
	if (why != 0)
		machine_refuse(run, ask.id, why);
	else if (ask.octets.len > 0)
		execute(m, run, &ask);
	else
		execute_bare(m, run, &ask);
}
