/*
 * Votes on instances with parties, and their registration. draft {#request}, {#undecided}
 *
 * A request that is refused leaves no trace: whatever can refuse it is judged before anything is
 * counted.
 */
#include <string.h>

#include "daemon/machine/inner.h"
#include "daemon/bug.h"
#include "libproto/agree_errors.h"
#include "libproto/digest.h"
#include "libproto/instance.h"
#include "libproto/outcome.h"
#include "libproto/vote.h"

/* ---- outcomes ---- */

/* draft {#votes}: "SHA-256(T("agree1-descript") || descriptor)" */
static void terms_digest(const struct machine *m, ap_outcome *outcome, bool locks, ap_bytes octets)
{
	uint8_t tag[AP_TAG_LEN];

	if (!locks)
		return;
	ap_tag(tag, "agree1-descript");
	outcome->terms.present = true;
	m->funcs.sha256(outcome->terms.it.octets, (const ap_bytes[]){{tag, sizeof(tag)}, octets},
			2);
}

/* draft {#absence}: "undecided at F < D <= T is ABORTED (deadline), for which no state is kept: its
 * sequence is 0 and its time D" */
static void ended(ap_outcome *outcome, uint8_t k, const uint8_t id[AP_ID_LEN])
{
	machine_outcome_init(outcome, AP_STATUS_ABORTED);
	outcome->reason = AP_REASON_DEADLINE;
	outcome->k = k;
	outcome->time = machine_ms(ap_id_deadline(id));
}

static ap_bytes octets_of(const struct machine *m, const struct machine_instance *it,
			  uint8_t buffer[AP_MAX_descriptor])
{
	return (ap_bytes){buffer, machine_instances_descriptor(&m->instances, it, buffer)};
}

void machine_answer_ended(struct machine *m, struct machine_run *run, const struct machine_ask *ask)
{
	ap_outcome outcome;

	if (ask->registered != NULL) { /* with other locks, maybe */
		machine_answer_undecided(m, run, ask->registered, &ask->propose.nonce);
		return;
	}
	ended(&outcome, ask->descriptor.terms.k, ask->id);
	terms_digest(m, &outcome, ask->descriptor.n_locks > 0, ask->octets);
	machine_answer(m, run, ask->id, &outcome);
}

void machine_answer_undecided(struct machine *m, struct machine_run *run,
			      const struct machine_instance *it, const ap_nonce *nonce)
{
	uint8_t buffer[AP_MAX_descriptor];
	ap_outcome outcome;

	if (machine_retain_judge(&m->state.retain, m->state.time_ms, 0, ap_id_deadline(it->id)) ==
	    MACHINE_ENDED) {
		ended(&outcome, it->k, it->id);
	} else {
		machine_outcome_init(&outcome, AP_STATUS_PENDING);
		outcome.k = it->k;
		outcome.yes = it->yes;
		outcome.no = it->no;
		outcome.sequence = run->result->seq;
		outcome.time = run->result->time_ms;
		outcome.nonce.present = true;
		outcome.nonce.it = *nonce;
	}
	if (it->locks)
		terms_digest(m, &outcome, true, octets_of(m, it, buffer));
	machine_answer(m, run, it->id, &outcome);
}

/* ---- the party's right ---- */

static bool is_partys(const struct machine *m, const struct machine_ask *ask)
{
	const ap_propose *propose = &ask->propose;
	const ap_party *party = &ask->descriptor.terms.parties[propose->party];
	uint8_t message[AP_VOTE_MAX];
	size_t len;

	if (propose->credential.kind == AP_CREDENTIAL_SECRET)
		return ap_vote_opens(m->funcs.sha256, &ask->descriptor, ask->id, propose->party,
				     propose->verb == AP_VERB_APPROVE,
				     propose->credential.octets);
	len = ap_vote_put(message, propose->verb, ask->id, &propose->value);
	return m->funcs.vote_check(m->funcs.votes, party->key.it.octets, propose->credential.octets,
				   message, len) == 0;
}

/* ---- what changes ---- */

/* draft {#state}: "id ‖ u8 128 + relay ‖ u16 length ‖ change" */
static void note_change(struct machine_run *run, const struct machine_ask *ask, bool registers)
{
	uint8_t octets[AP_MAX_change], relay = (uint8_t)(128 + run->relay);
	ap_change change = {.verb = ask->propose.verb, .party = AP_PARTY_NONE};
	struct ap_writer w;
	ap_span16 body;

	if (change.verb != AP_VERB_OBSERVE)
		change.party = ask->propose.party;
	if (change.verb == AP_VERB_APPROVE && !ask->descriptor.terms.fixed.present)
		change.value = ask->propose.value;
	if (registers)
		change.descriptor = ask->octets;
	ap_writer_init(&w, octets, sizeof(octets));
	ap_change_put(&w, &change);
	body = ap_writer_bytes(&w);
	ap_octets_put(&run->changes, ask->id, AP_ID_LEN);
	ap_u8_put(&run->changes, &relay);
	ap_span16_put(&run->changes, &body);
}

static void finish(struct machine *m, struct machine_run *run, const struct machine_ask *ask,
		   uint8_t relay, const struct machine_tally *bits,
		   const struct machine_verdict *verdict)
{
	ap_outcome outcome;

	machine_outcome_init(&outcome, verdict->status);
	outcome.reason = (ap_u8)verdict->reason;
	outcome.k = ask->descriptor.terms.k;
	outcome.yes = bits->yes;
	outcome.no = bits->no;
	if (verdict->status == AP_STATUS_DECIDED) /* for this value it was the k-th */
		outcome.value = ask->propose.value;
	outcome.sequence = run->result->seq;
	outcome.time = run->result->time_ms;
	terms_digest(m, &outcome, ask->descriptor.n_locks > 0, ask->octets);
	machine_decide(m, run, ask->id, relay, &outcome);
}

/* ---- the first request, and others ---- */

static bool is_vote(const struct machine_ask *ask)
{
	return ask->propose.verb != AP_VERB_OBSERVE;
}

/* The tally that this request alone would give. */
static struct machine_verdict first_verdict(const struct machine_ask *ask,
					    struct machine_tally *tally)
{
	const ap_terms *terms = &ask->descriptor.terms;

	machine_tally_init(tally, terms->k, terms->n_parties);
	if (is_vote(ask))
		machine_tally_vote(tally, ask->propose.party, ask->propose.verb == AP_VERB_APPROVE,
				   ask->propose.value);
	return machine_tally_judge(tally, false);
}

static void register_it(struct machine *m, struct machine_run *run, const struct machine_ask *ask)
{
	const ap_terms *terms = &ask->descriptor.terms;
	uint64_t share = m->conf.capacity / m->conf.n;
	struct machine_tally tally;
	struct machine_verdict verdict = first_verdict(ask, &tally);
	struct machine_instance *it;

	if (!machine_retain_has_room(&m->state.retain, run->relay, share, terms->deadline)) {
		machine_refuse(run, ask->id, AGREE_ECAPACITY);
		return;
	}
	if (verdict.status == AP_STATUS_PENDING &&
	    !machine_instances_room(&m->instances, run->relay, terms, ask->octets.len)) {
		machine_refuse(run, ask->id, AGREE_EUNDECIDED);
		return;
	}
	machine_retain_add(&m->state.retain, run->relay, share, terms->deadline);
	if (verdict.status != AP_STATUS_PENDING) {
		finish(m, run, ask, run->relay, &tally, &verdict);
		return;
	}
	it = machine_instances_add(&m->instances, ask->id, run->relay, run->result->seq, terms,
				   ask->octets);
	ASSERT(it != NULL);
	if (is_vote(ask))
		machine_instances_vote(&m->instances, it, m->funcs.sha256, ask->propose.party,
				       ask->propose.verb == AP_VERB_APPROVE, ask->propose.value,
				       &verdict);
	note_change(run, ask, true);
	machine_answer_undecided(m, run, it, &ask->propose.nonce);
}

static void vote(struct machine *m, struct machine_run *run, const struct machine_ask *ask)
{
	struct machine_instance *it = ask->registered;
	struct machine_verdict verdict;
	struct machine_tally bits;
	uint8_t relay = it->relay;

	if (!machine_instances_vote(&m->instances, it, m->funcs.sha256, ask->propose.party,
				    ask->propose.verb == AP_VERB_APPROVE, ask->propose.value,
				    &verdict)) {
		machine_answer_undecided(m, run, it, &ask->propose.nonce);
		return;
	}
	if (verdict.status == AP_STATUS_PENDING || (BUG(35) && verdict.reason != AP_REASON_NONE)) {
		note_change(run, ask, false);
		machine_answer_undecided(m, run, it, &ask->propose.nonce);
		return;
	}
	bits.yes = it->yes;
	bits.no = it->no;
	machine_instances_remove(&m->instances, it);
	finish(m, run, ask, relay, &bits, &verdict);
}

/* Carried along, and not the one that is registered. */
static bool is_other(const struct machine *m, const struct machine_ask *ask)
{
	uint8_t buffer[AP_MAX_descriptor];
	ap_bytes octets;

	if (ask->registered == NULL || ask->propose.descriptor.len == 0)
		return false;
	octets = octets_of(m, ask->registered, buffer);
	return octets.len != ask->octets.len ||
	       memcmp(octets.data, ask->octets.data, octets.len) != 0;
}

static int refusal_of(const struct machine *m, const struct machine_ask *ask,
		      enum machine_when when)
{
	const ap_terms *terms = &ask->descriptor.terms;

	if (ask->registered == NULL &&
	    !machine_retain_reaches(m->state.time_ms, m->conf.horizon_s, terms->deadline))
		return AGREE_EHORIZON;
	if (!is_vote(ask))
		return 0;
	if (is_other(m, ask))
		return AGREE_ELOCKS;
	if (when == MACHINE_EARLY)
		return AGREE_EEARLY;
	return is_partys(m, ask) ? 0 : AGREE_ECREDENTIAL;
}

void machine_op_vote(struct machine *m, struct machine_run *run, const struct machine_ask *ask,
		     enum machine_when when)
{
	int why = refusal_of(m, ask, when);

	if (why != 0)
		machine_refuse(run, ask->id, why);
	else if (ask->registered == NULL)
		register_it(m, run, ask);
	else if (is_vote(ask))
		vote(m, run, ask);
	else
		machine_answer_undecided(m, run, ask->registered, &ask->propose.nonce);
}
