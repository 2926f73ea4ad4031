/*
 * What this replica has stored is damaged: draft {#damage}. The state: it is lacking from here on,
 * as after a start without one; what was voted stays voted. The log of the votes: nothing is voted
 * for any more.
 */
#include "daemon/pbft/core.h"

void pbft_on_lost(struct pbft *p, const struct pbft_event *ev)
{
	if (ev->u.lost.votes)
		p->silent = true;
	if (!ev->u.lost.state)
		return;
	p->lacks = true;
	p->merge_token = 0;
	pbft_fetch_end(p);
	p->fetch.going = false;
}
