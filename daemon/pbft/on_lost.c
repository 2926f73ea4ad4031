/*
 * What this replica has stored is damaged: draft {#damage}. The state: it is lacking from here on,
 * as after a start without one; what was voted stays voted. The log of the votes: it is recovering
 * (rejoin.c). Where the own log reaches back to the beginning, the shell may make the state from
 * it before another one is transferred: regained.
 */
#include "daemon/pbft/core.h"

#include <string.h>

/* No checkpoint is stable, so there is no state to transfer; all batches are still here. */
static void begin_anew(struct pbft *p)
{
	p->executed = p->time = 0;
	memcpy(p->running, p->conf.running0, 32);
	memset(p->numbers, 0, sizeof(p->numbers));
}

void pbft_on_lost(struct pbft *p, const struct pbft_event *ev)
{
	if (ev->u.lost.votes && !p->recovering)
		pbft_recover(p, PBFT_FORGOT_DAMAGED);
	if (ev->u.lost.regained) {
		p->lacks = false;
		p->revote = true;
	}
	if (!ev->u.lost.state)
		return;
	p->executing = false; /* whatever would have come of it */
	p->merge_token = 0;
	pbft_fetch_end(p);
	p->fetch.going = false;
	if (p->stable == 0 && p->window.base == 0)
		begin_anew(p);
	else
		p->lacks = true;
}
