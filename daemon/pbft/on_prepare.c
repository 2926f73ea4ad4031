/* PREPARE: draft {#prepare}. It may come before its PRE-PREPARE: then its slot keeps it. */
#include "daemon/pbft/core.h"
#include "daemon/bug.h"

static int refused(const struct pbft *p, const struct pbft_proposal *v)
{
	if (v->view < p->view)
		return PBFT_DROP_VIEW; /* those ahead of the NEW-VIEW wait for it */
	/* the PRE-PREPARE was the primary's vote: what else it says adds nothing */
	if (!pbft_is_member(p, v->replica) || v->replica == pbft_primary(p, v->view))
		return PBFT_DROP_OTHER;
	if (pbft_is_stale(p, v->replica, v->incarnation, v->seq))
		return PBFT_DROP_OTHER;
	if (!pbft_window_covers(&p->window, v->seq))
		return PBFT_DROP_WINDOW;
	return -1;
}

void pbft_on_prepare(struct pbft *p, const struct pbft_event *ev)
{
	const struct pbft_proposal *v = &ev->u.prepare.p;
	struct pbft_slot *slot;
	enum pbft_put put;
	int why;

	if (v->replica == p->conf.self) {
		pbft_shown_proposal(p, v, false);
		return;
	}
	why = refused(p, v);
	if (why >= 0) {
		pbft_count(p, (enum pbft_drop)why);
		return;
	}
	pbft_view_seen(p, v->replica, v->view);
	slot = pbft_window_take(&p->window, v->seq);
	put = pbft_slot_put_prepare(slot, v, ev->u.prepare.sig);
	if (put == PBFT_PUT_REPEAT && BUG(2)) {
		struct pbft_proposal twice = *v;

		twice.replica = (uint8_t)(v->replica % p->conf.n + 1);
		pbft_slot_put_prepare(slot, &twice, ev->u.prepare.sig);
	}
	if (put != PBFT_PUT_NEW)
		pbft_count(p, put == PBFT_PUT_REPEAT ? PBFT_DROP_REPEAT : PBFT_DROP_CONFLICT);
	else
		pbft_slot_advance(p, slot);
}
