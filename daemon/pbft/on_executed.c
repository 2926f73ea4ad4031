/* Execution: strictly in order, one batch at a time, only what is committed and on disk (draft
 * {#execution}). */
#include "daemon/pbft/core.h"
#include "daemon/bug.h"

#include <string.h>

#include "libproto/digest.h"

void pbft_execute_next(struct pbft *p)
{
	const struct pbft_slot *slot = pbft_window_find(&p->window, p->executed + 1);

	if (p->executing || p->lacks || p->empty || slot == NULL ||
	    !(slot->committed || (BUG(7) && slot->prepared)) || !slot->body_durable)
		return;
	if (BUG(30) && slot->batch.time > p->wall + p->conf.clock_bound_ms)
		return;
	if (pbft_room(p) == 0) {
		p->more = true;
		return;
	}
	p->executing = true;
	pbft_emit_slot(p, PBFT_EXECUTE, slot, 0);
}

static void write_marker(struct pbft *p)
{
	struct pbft_effect *e = pbft_write(p, PBFT_WRITE_EXECUTED);

	e->u.executed.seq = p->executed;
	e->u.executed.time_ms = p->time;
	memcpy(e->u.executed.running, p->running, 32);
}

void pbft_on_executed(struct pbft *p, const struct pbft_event *ev)
{
	const struct pbft_slot *slot = pbft_window_find(&p->window, p->executed + 1);

	ASSERT(p->executing);
	ASSERT(ev->u.executed.seq == p->executed + 1);
	ASSERT(slot != NULL);
	p->executing = false;
	p->executed++;
	p->time = ev->u.executed.time_ms;
	ap_digest_running(p->conf.sha256, p->running, p->running, p->executed, slot->batch.digest);
	for (size_t i = 0; i < slot->batch.n_bundles; i++) {
		const struct pbft_bundle *b = &slot->batch.bundles[i];

		if (pbft_bit(p, b->relay) != 0)
			machine_numbers_take(&p->numbers[b->relay - 1], b->start, b->counter);
	}
	pbft_rejoin_executed(p, ev);
	pbft_watch_executed(p, slot);
	if (p->next_seq <= p->executed)
		p->next_seq = p->executed + 1;
	p->resend_ms = UINT64_MAX; /* progress: a whole wait from here, if anything is left */
	p->stuck = false;
	/* The vote before the marker, what it makes stable behind it: a restart that finds the
	 * marker finds the vote, and one that finds a stable checkpoint finds that it was executed
	 * to. */
	if (p->executed % p->conf.interval == 0)
		pbft_checkpoint_own(p, p->executed, ev->u.executed.state);
	write_marker(p);
	pbft_checkpoint_check(p, p->executed);
	pbft_own_executed(p);
	if (p->fetch.active && p->fetch.to <= p->executed)
		pbft_fetch_end(p);
	if (p->executed > p->conf.window)
		pbft_window_rise(&p->window, p->executed - p->conf.window);
}
