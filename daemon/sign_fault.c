/* Shares that are bad or do not come: BLAME, BADPOINT, RETRY. draft {#blame}, draft {#retry} */
#include "config.h"

#include <string.h>

#include "daemon/log.h"
#include "daemon/sign_priv.h"

enum { SIGN_OP_MAX = 1024 };
_Static_assert((int)AP_MAX_blame <= (int)SIGN_OP_MAX && (int)AP_MAX_badpoint <= (int)SIGN_OP_MAX &&
		       (int)AP_MAX_retry <= (int)SIGN_OP_MAX,
	       "an operation fits");

static void submit(struct sign *s, uint8_t kind, const struct ap_operation *op)
{
	uint8_t octets[SIGN_OP_MAX];
	struct ap_writer w;

	ap_writer_init(&w, octets, sizeof(octets));
	ap_operation_put(&w, op);
	if (w.bad == NULL)
		s->conf.submit(s->conf.arg, kind, octets, ap_writer_len(&w));
}

static ap_u8 pairs_of(const struct set *set, ap_commitment pairs[])
{
	for (uint32_t i = 0; i < set->list.count; i++) {
		memcpy(pairs[i].hiding.octets, set->list.entry[i].hiding, 32);
		memcpy(pairs[i].binding.octets, set->list.entry[i].binding, 32);
	}
	return (ap_u8)set->list.count;
}

/* ---- bad ---- */

/* One bad share is enough to be judged here; then the others judge. What comes from there for a
 * while is not looked at: it would only cost time. */
static void accuse(struct sign *s, const struct slot *slot, const struct try *try,
		   const struct set *set, uint32_t i)
{
	uint8_t id = (uint8_t)set->list.entry[i].id;
	struct ap_operation op = {.kind = AP_OP_blame};
	bool proven;

	s->ignore_ms[id - 1] = s->now_ms + IGNORE_MS;
	op.as_blame.share = (ap_share_body){.epoch = slot->statement.epoch,
					    .seq = slot->seq,
					    .attempt = try->attempt,
					    .set = (uint8_t)(set - try->sets),
					    .replica = id,
					    .statement = slot->digest};
	memcpy(op.as_blame.share.z.octets, set->shares.z[i], 32);
	memcpy(op.as_blame.sig.octets, set->sig[i], 64);
	op.as_blame.n_pairs = pairs_of(set, op.as_blame.pairs);
	proven = machine_blame_holds(s->conf.machine, s->conf.self, &op.as_blame);
	log_say(LOG_L_INFO, "bad signature share member=%u sequence=%llu%s: tell its operator", id,
		(unsigned long long)slot->seq, proven ? "" : ", no proof for the others");
	if (proven)
		submit(s, AP_OP_blame, &op);
}

void sign_blame(struct sign *s, const struct slot *slot, const struct try *try, struct set *set)
{
	uint32_t culprits =
		frost_culprits(&set->session, frost_public(s->conf.frost), &set->shares);

	for (uint32_t i = 0; i < set->list.count; i++) {
		if ((culprits >> i & 1) == 0)
			continue;
		accuse(s, slot, try, set, i);
		set->have &= (uint16_t) ~(1u << i);
		set->refused |= (uint16_t)(1u << i);
	}
}

void sign_badpoint(struct sign *s, const struct slot *slot, const struct try *try, struct set *set,
		   uint16_t culprit)
{
	struct ap_operation op = {.kind = AP_OP_badpoint};
	uint16_t bit = (uint16_t)(1u << (culprit - 1));

	set->dead = true;
	set->have = 0;
	if (culprit == 0 || culprit > s->conf.n || (s->pointed & bit) != 0)
		return;
	s->pointed |= bit;
	op.as_badpoint.epoch = slot->statement.epoch;
	op.as_badpoint.seq = slot->seq;
	op.as_badpoint.attempt = try->attempt;
	op.as_badpoint.set = (ap_u8)(set - try->sets);
	op.as_badpoint.replica = (ap_u8)culprit;
	op.as_badpoint.n_pairs = pairs_of(set, op.as_badpoint.pairs);
	log_say(LOG_L_INFO, "bad nonce commitment member=%u sequence=%llu: tell its operator",
		culprit, (unsigned long long)slot->seq);
	if (machine_badpoint_holds(s->conf.machine, s->conf.self, &op.as_badpoint))
		submit(s, AP_OP_badpoint, &op);
}

/* ---- missing ---- */

uint64_t sign_retry_due(uint64_t now_ms, uint8_t attempt)
{
	uint64_t wait = (uint64_t)RETRY_FIRST_MS << attempt;

	return now_ms + (wait < RETRY_LAST_MS ? wait : RETRY_LAST_MS);
}

/* Nobody is to blame for not signing with a bad point; so that has to be known of a set that did
 * not become complete. */
static bool has_bad_point(struct sign *s, const struct slot *slot, const struct try *try,
			  struct set *set)
{
	struct frost_session session;

	if (!set->dead && !set->has_session &&
	    frost_session_make(&session, frost_public(s->conf.frost), slot->kind, &slot->statement,
			       &set->list) == FROST_EPOINT)
		sign_badpoint(s, slot, try, set, session.culprit);
	return set->dead;
}

/* Whose share of this attempt is not there; bit id - 1. */
static uint16_t missing(struct sign *s, const struct slot *slot, struct try *try)
{
	uint16_t bits = 0;

	for (uint8_t k = 0; k < try->n_sets; k++) {
		struct set *set = &try->sets[k];

		if (has_bad_point(s, slot, try, set))
			continue;
		for (uint32_t i = 0; i < set->list.count; i++)
			if ((set->have >> i & 1) == 0 && set->list.entry[i].id != s->conf.self)
				bits |= (uint16_t)(1u << (set->list.entry[i].id - 1));
	}
	return bits;
}

void sign_retry(struct sign *s, struct slot *slot)
{
	const struct machine_pending *it = machine_pending(s->conf.machine, slot->seq);
	struct ap_operation op = {.kind = AP_OP_retry};
	struct try *last;

	slot->retry_ms = 0;
	/* without its block, which is merged, a signature would come too late for anybody here */
	if (it == NULL || (!it->due && it->made >= MACHINE_ATTEMPTS_MAX) ||
	    index_block(s->conf.index, slot->seq) == NULL) {
		sign_slot_state(s, slot,
				DONE); /* given up: who asks gets a leaf of a later batch */
		slot->want_ms = 0;
		return;
	}
	if (it->due)
		return; /* it comes with the next nonces */
	last = &slot->tries[(it->made - 1) % TRIES];
	op.as_retry.epoch = slot->statement.epoch;
	op.as_retry.seq = slot->seq;
	op.as_retry.attempt = it->made;
	op.as_retry.missing =
		last->made && last->attempt == it->made - 1 ? missing(s, slot, last) : 0;
	submit(s, AP_OP_retry, &op);
}

/* ---- for the operators ---- */

void sign_say_signers(struct sign *s)
{
	uint16_t out = 0;

	for (uint8_t id = 1; id <= s->conf.n; id++) {
		const struct machine_signer *it = machine_signer(s->conf.machine, id);
		uint16_t bit = (uint16_t)(1u << (id - 1));
		bool was = (s->out & bit) != 0, is = machine_signers_is_out(it);

		if (is)
			out |= bit;
		if (is && !was && it->blamed)
			log_say(LOG_L_ERROR,
				"member=%u is left out of signing: it is proven to have sent what "
				"no "
				"correct replica sends; tell its operator",
				id);
		else if (is && !was)
			log_say(LOG_L_INFO, "member=%u is left out of signing until=%llu: silent",
				id, (unsigned long long)it->until);
		else if (was && !is)
			log_say(LOG_L_INFO, "member=%u may sign again", id);
	}
	s->out = out;
}
