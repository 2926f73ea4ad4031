/* NEW-VIEW: draft {#new-view}. Every backup computes again what follows from its VIEW-CHANGEs, and
 * takes it only if that is what it says. */
#include "daemon/pbft/core.h"
#include "daemon/bug.h"

/* draft {#incarnation}: "cannot judge a NEW-VIEW yet": it comes again, and until then nothing is
 * voted for anyway. */
static bool may_judge(const struct pbft *p, const struct pbft_new_view *nv)
{
	return !pbft_is_mute(p) || (!p->lacks && nv->first <= p->executed);
}

void pbft_on_new_view(struct pbft *p, const struct pbft_event *ev)
{
	const struct pbft_new_view *nv = ev->u.new_view.says;
	struct pbft_effect *e;

	if (nv->replica == p->conf.self) {
		pbft_shown_new_view(p, nv);
		if (!p->recovering)
			return;
	}
	if (nv->view < p->view || nv->view == 0 || (nv->view == p->view && p->view_active) ||
	    !may_judge(p, nv)) {
		pbft_count(p, PBFT_DROP_VIEW);
		return;
	}
	if (nv->replica != pbft_primary(p, nv->view) || (!pbft_new_view_check(p, ev) && !BUG(9))) {
		pbft_count(p, PBFT_DROP_OTHER);
		return;
	}
	if (p->disk == PBFT_DISK_FULL) { /* it is sent again */
		pbft_count(p, PBFT_DROP_FULL);
		return;
	}
	p->nv = *nv;
	e = pbft_write(p, PBFT_WRITE_NEW_VIEW);
	e->u.new_view.says = &p->nv;
	pbft_enter(p);
}
