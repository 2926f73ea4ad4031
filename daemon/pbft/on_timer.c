/* Time has passed: heartbeat, and what is sent again because nothing moves: draft
 * {#retransmission}. */
#include "daemon/pbft/core.h"

static void resend(struct pbft *p)
{
	p->resend_ms = p->now + p->conf.resend_ms;
	p->stuck = true; /* lets a fetch begin, if others are ahead */
	p->revote = true;
	pbft_send_status(p, PBFT_EVERYONE);
	p->heartbeat_ms = p->now + p->conf.heartbeat_ms;
	pbft_resend_votes(p, p->executed, PBFT_EVERYONE);
	pbft_fetch_bodies(p);
	pbft_new_view_ask(p);
}

void pbft_on_timer(struct pbft *p, const struct pbft_event *ev)
{
	(void)ev;
	if (p->now >= p->resend_ms && pbft_is_outstanding(p))
		resend(p);
	if (p->now >= p->heartbeat_ms) {
		p->heartbeat_ms = p->now + p->conf.heartbeat_ms;
		pbft_send_status(p, PBFT_EVERYONE);
	}
	pbft_view_timer(p);
	pbft_fetch_late(p);
	pbft_own_due(p);
}
