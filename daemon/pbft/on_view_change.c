/* VIEW-CHANGE: draft {#view-change}. The highest one of each member is kept, so that what f of them
 * ask for, be it view 2^63, costs no memory and moves nobody. */
#include "daemon/pbft/core.h"
#include "daemon/bug.h"

static bool is_in_window(const struct pbft *p, const struct pbft_view_change *c)
{
	return c->stable % p->conf.interval == 0 &&
	       (c->n_prepared == 0 ||
		c->prepared[c->n_prepared - 1].seq - c->stable <= p->conf.window);
}

void pbft_on_view_change(struct pbft *p, const struct pbft_event *ev)
{
	const struct pbft_view_change *c = ev->u.view_change;
	struct pbft_view_change *kept;
	struct pbft_effect *e;

	if (c->replica == p->conf.self) {
		pbft_shown_view_change(p, c);
		return;
	}
	if (!pbft_is_member(p, c->replica) || !is_in_window(p, c)) {
		pbft_count(p, PBFT_DROP_OTHER);
		return;
	}
	if (c->incarnation < p->incarnations[c->replica - 1] && !BUG(51)) {
		pbft_count(p, PBFT_DROP_OTHER);
		return;
	}
	if (c->view < p->view || (c->view == p->view && p->view_active)) {
		/* it waits for a view in which we are */
		pbft_view_help(p, c->replica, c->view < p->view ? c->view : c->view - 1);
		pbft_count(p, PBFT_DROP_VIEW);
		return;
	}
	kept = &p->changes[c->replica - 1];
	if (c->incarnation < kept->incarnation ||
	    (c->incarnation == kept->incarnation && c->view <= kept->view)) {
		pbft_count(p, PBFT_DROP_REPEAT);
		return;
	}
	*kept = *c;
	e = pbft_emit(p, PBFT_KEEP_VIEW_CHANGE);
	e->u.kept.replica = c->replica;
	e->u.kept.view = c->view;
}
