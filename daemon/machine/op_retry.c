/*
 * RETRY, BLAME, BADPOINT: signing under faults. draft {#retry}, draft {#blame}
 */
#include <string.h>

#include "daemon/machine/inner.h"

static uint16_t bit_of(uint8_t id)
{
	return (uint16_t)(1U << (id - 1));
}

static unsigned count_bits(uint16_t bits)
{
	unsigned n = 0;

	for (; bits != 0; bits &= (uint16_t)(bits - 1))
		n++;
	return n;
}

static uint16_t members_of(const struct machine_attempt *a)
{
	return (uint16_t)(a->members[0] | a->members[1]);
}

void machine_op_retry(struct machine *m, struct machine_run *run, ap_bytes body)
{
	struct machine_state *state = &m->state;
	struct machine_pending *it;
	struct ap_reader r;
	ap_retry op;

	ap_reader_init(&r, body.data, body.len);
	ap_retry_get(&r, &op);
	if (!ap_reader_done(&r) || op.epoch != state->key.epoch)
		return;
	it = machine_pending_find(&state->pendings, op.seq);
	if (it == NULL || op.attempt < 1 || op.attempt > it->made)
		return;
	op.missing &= members_of(&it->attempts[op.attempt - 1]);
	if (machine_signers_report(state->signers, m->conf.n, state->seq, run->relay, op.missing))
		run->result->signers_changed = true;
	if (op.attempt == it->made)
		machine_pending_ask(&state->pendings, it, m->conf.n, run->relay);
}

/* ---- evidence ---- */

/* The attempt that evidence is about, if it is one, and neither side is proven bad already. */
static const struct machine_attempt *attempt_of(const struct machine *m, uint8_t sender,
						uint8_t culprit, uint32_t epoch, uint64_t seq,
						uint8_t attempt)
{
	const struct machine_state *state = &m->state;
	const struct machine_pending *it = machine_pending_peek(&state->pendings, seq);

	if (culprit < 1 || culprit > m->conf.n || epoch != state->key.epoch || it == NULL ||
	    attempt >= it->made || state->signers[sender - 1].blamed ||
	    state->signers[culprit - 1].blamed)
		return NULL;
	return &it->attempts[attempt];
}

/* The pairs are those of that set, and the culprit is in it. */
static bool is_list(const struct machine *m, const struct machine_attempt *a, uint8_t set,
		    uint8_t culprit, const ap_commitment pairs[], size_t n_pairs)
{
	uint8_t digest[32];

	if (set >= a->n_sets || (a->members[set] & bit_of(culprit)) == 0 ||
	    n_pairs != count_bits(a->members[set]))
		return false;
	machine_list_digest(m->funcs.sha256, a->members[set], pairs, n_pairs, digest);
	return memcmp(digest, a->list[set], sizeof(digest)) == 0;
}

static bool is_bad_share(const struct machine *m, const struct machine_attempt *a,
			 const ap_blame *op)
{
	const ap_share_body *share = &op->share;
	const struct machine_pending *it = machine_pending_peek(&m->state.pendings, share->seq);
	struct machine_case about = {.n = m->conf.n,
				     .genesis = m->conf.genesis,
				     .key = &m->state.key,
				     .trial = it->trial,
				     .statement = &it->statement,
				     .pairs = op->pairs};

	if (!is_list(m, a, share->set, share->replica, op->pairs, op->n_pairs))
		return false;
	about.members = a->members[share->set];
	return m->funcs.blame_check(m->funcs.ctx, &about, share, op->sig.octets) == 0;
}

static bool is_bad_point(const struct machine *m, const struct machine_attempt *a,
			 const ap_badpoint *op)
{
	const ap_commitment *pair;

	if (!is_list(m, a, op->set, op->replica, op->pairs, op->n_pairs))
		return false;
	/* members stand in ascending order */
	pair = &op->pairs[count_bits(a->members[op->set] & (uint16_t)(bit_of(op->replica) - 1))];
	return m->funcs.point_check(m->funcs.ctx, pair->hiding.octets) != 0 ||
	       m->funcs.point_check(m->funcs.ctx, pair->binding.octets) != 0;
}

static const struct machine_attempt *blame_about(const struct machine *m, uint8_t sender,
						 const ap_blame *op)
{
	return attempt_of(m, sender, op->share.replica, op->share.epoch, op->share.seq,
			  op->share.attempt);
}

static const struct machine_attempt *badpoint_about(const struct machine *m, uint8_t sender,
						    const ap_badpoint *op)
{
	return attempt_of(m, sender, op->replica, op->epoch, op->seq, op->attempt);
}

bool machine_blame_holds(const struct machine *m, uint8_t sender, const ap_blame *op)
{
	const struct machine_attempt *a = blame_about(m, sender, op);

	return a != NULL && is_bad_share(m, a, op);
}

bool machine_badpoint_holds(const struct machine *m, uint8_t sender, const ap_badpoint *op)
{
	const struct machine_attempt *a = badpoint_about(m, sender, op);

	return a != NULL && is_bad_point(m, a, op);
}

/* draft {#blame}: "if it holds, the member that it names is left out of signer sets; if it does
 * not, its sender is" */
static void leave_out(struct machine *m, struct machine_run *run, bool holds, uint8_t culprit)
{
	machine_signers_blame(m->state.signers, m->conf.n, m->state.seq,
			      holds ? culprit : run->relay);
	run->result->signers_changed = true;
}

void machine_op_blame(struct machine *m, struct machine_run *run, ap_bytes body)
{
	const struct machine_attempt *a;
	struct ap_reader r;
	ap_blame op;

	ap_reader_init(&r, body.data, body.len);
	ap_blame_get(&r, &op);
	if (!ap_reader_done(&r))
		return;
	a = blame_about(m, run->relay, &op);
	if (a != NULL)
		leave_out(m, run, is_bad_share(m, a, &op), op.share.replica);
}

void machine_op_badpoint(struct machine *m, struct machine_run *run, ap_bytes body)
{
	const struct machine_attempt *a;
	struct ap_reader r;
	ap_badpoint op;

	ap_reader_init(&r, body.data, body.len);
	ap_badpoint_get(&r, &op);
	if (!ap_reader_done(&r))
		return;
	a = badpoint_about(m, run->relay, &op);
	if (a != NULL)
		leave_out(m, run, is_bad_point(m, a, &op), op.replica);
}
