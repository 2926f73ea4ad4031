/*
 * Links and heartbeats: draft {#status}. STATUS says how far a member is; who is ahead helps, but
 * the same peer at most twice in a resend interval, and never in answer to help, so that two
 * replicas cannot keep each other busy.
 */
#include "daemon/pbft/core.h"

#include <string.h>

void pbft_on_start(struct pbft *p, const struct pbft_event *ev)
{
	(void)ev;
	p->started = true;
	p->heartbeat_ms = p->now + p->conf.heartbeat_ms;
	p->executed_ms = p->now;
	pbft_top_settle(p);
	p->voted_ms = p->window.top > p->executed ? p->now : 0;
	if (p->next_seq <= p->executed)
		p->next_seq = p->executed + 1;
	if (!p->view_active)
		p->change_resend_ms = p->now;
	for (uint8_t id = 1; id <= p->conf.n; id++)
		p->peers[id - 1].handed_ms = p->now;
	if (p->recovering || p->empty) { /* the own one counts no more, and is not sent again */
		p->has_change = p->change_durable = false;
		p->change_resend_ms = UINT64_MAX;
	}
	pbft_rejoin_stable(p);
	if (p->executed > p->stable && p->executed % p->conf.interval == 0)
		pbft_checkpoint_own(p, p->executed, p->start_state);
	if (p->diverged)
		return;
	pbft_send_status(p, PBFT_EVERYONE);
	pbft_resend_votes(p, p->executed, PBFT_EVERYONE);
}

void pbft_on_link(struct pbft *p, const struct pbft_event *ev)
{
	struct pbft_peer *peer;

	if (!pbft_is_member(p, ev->from)) {
		pbft_count(p, PBFT_DROP_OTHER);
		return;
	}
	peer = &p->peers[ev->from - 1];
	peer->up = ev->u.up;
	if (!peer->up) {
		peer->disk = PBFT_DISK_ENOUGH; /* who is gone has no say */
		peer->is_slow = false;
		if (p->fetch.active && p->fetch.source == ev->from)
			p->fetch.late_ms = p->now;
		return;
	}
	peer->help_ms = peer->show_ms = p->now;
	pbft_show(p, ev->from); /* before it may think that it has forgotten nothing */
	pbft_send_status(p, pbft_bit(p, ev->from));
	pbft_resend_votes(p, p->executed, pbft_bit(p, ev->from));
	if (ev->from != pbft_primary(p, p->view))
		return;
	/* what was on the way is lost */
	for (uint32_t i = 0; i < p->n_own; i++)
		p->own[i].due_ms = p->now;
	for (uint8_t i = 0; i < p->conf.n; i++)
		memset(&p->peers[i].handed, 0, sizeof(p->peers[i].handed));
}

void pbft_on_status(struct pbft *p, const struct pbft_event *ev)
{
	uint64_t executed = ev->u.status.executed, stable = ev->u.status.stable;
	uint16_t to = pbft_bit(p, ev->from);
	struct pbft_peer *peer;

	if (!pbft_is_member(p, ev->from)) {
		pbft_count(p, PBFT_DROP_OTHER);
		return;
	}
	peer = &p->peers[ev->from - 1];
	peer->executed = executed;
	peer->disk = ev->u.status.disk;
	peer->is_slow = ev->u.status.slow;
	peer->slow_view = ev->u.status.view;
	peer->stable = stable;
	pbft_rejoin_status(p, ev);
	pbft_view_seen(p, ev->from, ev->u.status.view);
	pbft_view_help(p, ev->from, ev->u.status.view);
	if (p->now < peer->help_ms)
		return;
	if (executed < p->executed) {
		pbft_show(p, ev->from);
		pbft_send_status(p, to);
		pbft_resend_votes(p, executed, to);
		peer->help_ms = p->now + p->conf.resend_ms / 2;
	}
	if (pbft_checkpoint_help(p, ev->from, stable))
		peer->help_ms = p->now + p->conf.resend_ms / 2;
}
