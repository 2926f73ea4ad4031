#include "daemon/due.h"

/* draft {#deadlines}: "its own clock, which it believes, is past the deadline by the clock bound
 * and eight time-outs, in which batches of this view have executed, and T has not reached it" */
static bool is_frozen(struct due *d, const struct due_view *v)
{
	uint64_t patience = DUE_TIMEOUTS * v->timeout_ms;

	if (v->primary || !v->view_active || v->wall_ms < v->due_ms + v->clock_bound_ms) {
		d->about_ms = 0;
		return false;
	}
	if (d->about_ms != v->due_ms || d->view != v->view) {
		d->about_ms = v->due_ms;
		d->view = v->view;
		d->since_ms = v->now_ms;
		d->batches = v->batches;
		return false;
	}
	if (v->now_ms - d->since_ms < patience || v->batches == d->batches)
		return false;
	d->about_ms = 0;
	return true;
}

enum due_duty due_look(struct due *d, const struct due_view *v, uint64_t *wake_ms)
{
	uint64_t at = v->due_ms + (v->primary ? 0 : DUE_GRACE_MS);
	uint64_t again = v->primary ? DUE_AGAIN_MS : DUE_BACKUP_MS;

	*wake_ms = UINT64_MAX;
	if (v->due_ms == UINT64_MAX || v->wall_ms == 0 || v->due_ms > UINT64_MAX - DUE_GRACE_MS)
		return DUE_NOTHING;
	if (v->wall_ms < at) {
		*wake_ms = v->now_ms + (at - v->wall_ms);
		return DUE_NOTHING;
	}
	if (is_frozen(d, v))
		return DUE_FROZEN;
	if (v->in_flight) {
		*wake_ms = v->now_ms + DUE_LOOK_MS;
		return DUE_NOTHING;
	}
	/* a batch ends so many instances and no more: behind it the next one follows at once */
	if (d->ticked_ms != 0 && v->now_ms - d->ticked_ms < again &&
	    (!v->primary || v->batches == d->ticked_batches)) {
		*wake_ms = d->ticked_ms + again;
		return DUE_NOTHING;
	}
	d->ticked_ms = v->now_ms;
	d->ticked_batches = v->batches;
	*wake_ms = v->now_ms + again;
	return DUE_TICK;
}
