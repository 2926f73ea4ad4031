/*
 * A transferred state takes the place of what was executed here: draft {#transfer}, step 5. It is
 * that of a checkpoint which 2f+1 members have signed, and the shell has made it durable. The votes
 * of the open window stay as they are; what lies below it is over.
 */
#include "daemon/pbft/core.h"

#include <string.h>

#include "libproto/digest.h"

static void take_proof(struct pbft *p, const struct pbft_event *ev)
{
	size_t self = p->conf.self - 1u;
	struct pbft_effect *e;

	memset(&p->proof, 0, sizeof(p->proof));
	p->proof.seq = p->stable = ev->u.transferred.seq;
	memcpy(p->stable_state, ev->u.transferred.state, 32);
	memcpy(p->proof.incarnation, ev->u.transferred.incarnation, sizeof(p->proof.incarnation));
	memcpy(p->proof.sig, ev->u.transferred.sig, sizeof(p->proof.sig));
	p->proof_who = ev->u.transferred.who;
	p->stable_incarnation = (p->proof_who & pbft_bit(p, p->conf.self)) != 0
					? p->proof.incarnation[self]
					: p->incarnation;
	p->merge_token = 0; /* the shell has it merged */
	e = pbft_write(p, PBFT_WRITE_STABLE);
	e->u.stable.seq = p->stable;
	memcpy(e->u.stable.state, p->stable_state, 32);
	e->u.stable.who = p->proof_who;
	e->u.stable.incarnation = p->proof.incarnation;
	e->u.stable.sig = (const uint8_t(*)[64])p->proof.sig;
	p->stable_token = e->token;
	pbft_view_again(p);
}

/* Own ones of what is executed once more may have been wrong; others' are judged again. */
static void forget_own(struct pbft *p)
{
	for (uint32_t i = 0; i < p->n_checkpoints; i++)
		if (p->checkpoints[i].seq > p->stable) {
			p->checkpoints[i].own_known = p->checkpoints[i].own_durable = false;
			p->checkpoints[i].token = 0;
		}
}

static void mark(struct pbft *p)
{
	struct pbft_effect *e = pbft_write(p, PBFT_WRITE_EXECUTED);

	e->u.executed.seq = p->executed;
	e->u.executed.time_ms = p->time;
	memcpy(e->u.executed.running, p->running, 32);
}

void pbft_on_state(struct pbft *p, const struct pbft_event *ev)
{
	uint64_t seq = ev->u.transferred.seq;

	if (seq == 0 || seq % p->conf.interval != 0 || seq < p->stable || seq < p->window.base ||
	    (seq <= p->executed && !p->lacks && !p->diverged) || p->empty ||
	    !pbft_quorum_strong(p->conf.n, ev->u.transferred.who)) {
		pbft_count(p, PBFT_DROP_OTHER);
		return;
	}
	pbft_fetch_end(p);
	p->fetch.going = false;
	p->silent = ev->u.transferred.silent;
	if (p->diverged)
		forget_own(p);
	p->lacks = p->diverged = p->executing = false;
	p->executed = seq;
	p->time = ev->u.transferred.time_ms;
	memcpy(p->running, ev->u.transferred.running, 32);
	memcpy(p->numbers, ev->u.transferred.numbers, p->conf.n * sizeof(p->numbers[0]));
	take_proof(p, ev);
	mark(p);
	if (p->next_seq <= seq)
		p->next_seq = seq + 1;
	pbft_window_rise(&p->window, seq);
	pbft_top_settle(p);
	p->voted_ms = 0;
	p->executed_ms = p->now;
	p->resend_ms = UINT64_MAX;
	p->stuck = false;
	p->revote = true;
	if (p->heartbeat_ms > p->now)
		p->heartbeat_ms = p->now;
	pbft_own_executed(p);
	pbft_rejoin_state(p, ev->u.transferred.members);
	pbft_send_status(p, PBFT_EVERYONE);
}
