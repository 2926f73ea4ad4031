/* COMMIT: draft {#commit}. Authenticated by its link alone, so it counts for nobody but the sender.
 */
#include "daemon/pbft/core.h"

static int refused(const struct pbft *p, uint8_t from, uint64_t view, uint64_t seq)
{
	if (view < p->view)
		return PBFT_DROP_VIEW;
	if (!pbft_is_member(p, from))
		return PBFT_DROP_OTHER;
	if (!pbft_window_covers(&p->window, seq))
		return PBFT_DROP_WINDOW;
	return -1;
}

void pbft_on_commit(struct pbft *p, const struct pbft_event *ev)
{
	uint64_t view = ev->u.commit.view, seq = ev->u.commit.seq;
	int why = refused(p, ev->from, view, seq);
	struct pbft_slot *slot;
	enum pbft_put put;

	if (why >= 0) {
		pbft_count(p, (enum pbft_drop)why);
		return;
	}
	pbft_view_seen(p, ev->from, view);
	slot = pbft_window_take(&p->window, seq);
	put = pbft_slot_put_commit(slot, ev->from, view, ev->u.commit.batch);
	if (put != PBFT_PUT_NEW)
		pbft_count(p, put == PBFT_PUT_REPEAT ? PBFT_DROP_REPEAT : PBFT_DROP_CONFLICT);
	else
		pbft_slot_advance(p, slot);
}
