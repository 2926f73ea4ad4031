/*
 * Is the primary doing its work? draft {#time-outs}. A backup watches bundles that it has handed to
 * the primary itself: its own ones, and up to PBFT_WATCH_MAX of each other relay. One of them is
 * overdue when a time-out has passed since, and
 *
 *  - nothing at all was executed for a time-out, or
 *  - more fresh batches than were under way have left it out though they had room for it, or
 *  - it was PBFT_SLOW time-outs ago: a primary must order what waits within that time, however busy
 *    it looks.
 *
 * Overdue is also a batch that this replica has voted for when nothing was executed for a time-out:
 * it may be the primary's own, which nobody else has handed in.
 *
 * Overdue is also the next null batch while a member comes back: draft {#filling}.
 *
 * A primary that is only slow is pace.c's.
 *
 * Nothing is overdue while this replica itself is what lags; while the disks of f+1 are nearly
 * full, only what keeps the network alive can be: draft {#disk-marks}.
 */
#include "daemon/pbft/core.h"
#include "daemon/bug.h"

#include <string.h>

static void forget(struct pbft_peer *peer, uint32_t i)
{
	peer->watched[i] = peer->watched[--peer->n_watched];
}

struct pbft_watch pbft_watch_begin(const struct pbft *p)
{
	return (struct pbft_watch){.since_ms = p->now, .above = p->window.top};
}

void pbft_watch_add(struct pbft *p, const struct pbft_bundle *b)
{
	struct pbft_peer *relay = &p->peers[b->relay - 1];
	struct pbft_watched *w = &relay->watched[relay->n_watched];

	for (uint32_t i = 0; i < relay->n_watched; i++)
		if (relay->watched[i].bundle.start == b->start &&
		    relay->watched[i].bundle.counter == b->counter)
			return;
	if (relay->n_watched == PBFT_WATCH_MAX)
		return;
	relay->n_watched++;
	w->bundle = *b;
	w->watch = pbft_watch_begin(p);
}

void pbft_watch_clear(struct pbft *p)
{
	for (uint8_t i = 0; i < p->conf.n; i++) {
		p->peers[i].n_watched = 0;
		memset(&p->peers[i].handed, 0, sizeof(p->peers[i].handed));
	}
	for (uint32_t i = 0; i < p->n_own; i++)
		p->own[i].watch = (struct pbft_watch){0};
	p->voted_ms = 0;
	pbft_pace_clear(p);
}

void pbft_watch_restart(struct pbft *p)
{
	for (uint32_t i = 0; i < p->n_own; i++)
		if (p->own[i].watch.since_ms != 0)
			p->own[i].watch = (struct pbft_watch){.since_ms = p->now};
	for (uint8_t id = 0; id < p->conf.n; id++)
		for (uint32_t i = 0; i < p->peers[id].n_watched; i++)
			p->peers[id].watched[i].watch = (struct pbft_watch){.since_ms = p->now};
	if (p->voted_ms != 0)
		p->voted_ms = p->now;
}

static void calm_down(struct pbft *p)
{
	p->progress = true;
	p->executed_ms = p->now;
	p->voted_ms = p->window.top > p->executed ? p->now : 0;
	if (!p->view_active || p->timeout_ms == p->conf.timeout_ms || ++p->calm < PBFT_CALM)
		return;
	p->calm = 0;
	p->timeout_ms /= 2;
	if (p->timeout_ms < p->conf.timeout_ms)
		p->timeout_ms = p->conf.timeout_ms;
}

struct used { /* of a batch */
	uint64_t seq;
	uint64_t bundles, requests, octets;
};

/* Should the batch have had this one in it, as far as can be seen from here? The bundles of one
 * relay come in the order of their counters, so only the first that is left can be overtaken. */
static bool is_overtaken(const struct pbft *p, const struct used *used, const struct pbft_bundle *b,
			 const struct pbft_watch *w)
{
	return w->since_ms != 0 && used->seq > w->above &&
	       b->counter <= machine_numbers_lowest(&p->numbers[b->relay - 1], b->start) &&
	       used->bundles < PBFT_BATCH_BUNDLES_MAX &&
	       used->requests + b->requests <= p->conf.batch_requests_max &&
	       used->octets + b->octets <= p->conf.batch_octets_max;
}

void pbft_watch_executed(struct pbft *p, const struct pbft_slot *slot)
{
	const struct pbft_batch *batch = &slot->batch;
	struct used used = {.seq = slot->seq, .bundles = batch->n_bundles};

	pbft_pace_executed(p, slot);
	calm_down(p);
	if (slot->reproposed) /* what was made before could not take it in */
		used.bundles = PBFT_BATCH_BUNDLES_MAX;
	for (size_t i = 0; i < batch->n_bundles; i++) {
		used.requests += batch->bundles[i].requests;
		used.octets += batch->bundles[i].octets;
	}
	for (uint32_t i = 0; i < p->n_own; i++)
		p->own[i].watch.overtaken +=
			is_overtaken(p, &used, &p->own[i].bundle, &p->own[i].watch);
	for (uint8_t id = 0; id < p->conf.n; id++) {
		struct pbft_peer *relay = &p->peers[id];

		for (uint32_t i = 0; i < relay->n_watched;) {
			struct pbft_watched *w = &relay->watched[i];

			if (pbft_is_spent(p, &w->bundle)) {
				forget(relay, i);
				continue;
			}
			w->watch.overtaken += is_overtaken(p, &used, &w->bundle, &w->watch);
			i++;
		}
	}
}

static bool is_overdue(const struct pbft *p, const struct pbft_watch *w,
		       const struct pbft_bundle *b)
{
	uint64_t waited = p->now - w->since_ms;

	if (w->since_ms == 0 || waited < p->timeout_ms || (p->is_short && !b->keeps))
		return false;
	return waited >= (uint64_t)PBFT_SLOW * p->timeout_ms ||
	       p->now - p->executed_ms >= p->timeout_ms ||
	       w->overtaken > p->conf.pipeline + (uint32_t)PBFT_OVERTAKEN;
}

/* Others are ahead, or the disk and the machine are busy with what is committed. Not for ever: f
 * liars and one who is ahead say so too, and give nothing to get there. */
static bool is_lagging(const struct pbft *p)
{
	const struct pbft_slot *next = pbft_window_find(&p->window, p->executed + 1);

	if (p->now - p->executed_ms >= (uint64_t)PBFT_SLOW * p->timeout_ms && !BUG(110))
		return false;
	return pbft_others_executed(p) > p->executed || (next != NULL && next->committed);
}

static bool is_stalled(const struct pbft *p)
{
	return p->voted_ms != 0 && p->now - p->voted_ms >= p->timeout_ms && !p->is_short &&
	       !BUG(113);
}

bool pbft_watch_overdue(const struct pbft *p)
{
	bool overdue =
		is_stalled(p) || (pbft_is_filling(p) && p->now - p->executed_ms >= p->timeout_ms);

	for (uint32_t i = 0; i < p->n_own; i++)
		overdue |= is_overdue(p, &p->own[i].watch, &p->own[i].bundle);
	for (uint8_t id = 0; id < p->conf.n; id++)
		for (uint32_t i = 0; i < p->peers[id].n_watched; i++)
			overdue |= is_overdue(p, &p->peers[id].watched[i].watch,
					      &p->peers[id].watched[i].bundle);
	return overdue && !is_lagging(p);
}

static uint64_t wake_of(const struct pbft *p, const struct pbft_watch *w)
{
	uint64_t first = w->since_ms + p->timeout_ms, idle = p->executed_ms + p->timeout_ms;

	if (w->since_ms == 0)
		return UINT64_MAX;
	if (p->now < first)
		return first;
	/* overdue, but not acted on: this replica lags, and looks again later */
	return idle > p->now ? idle : p->now + p->timeout_ms / 4 + 1;
}

uint64_t pbft_watch_wake(const struct pbft *p)
{
	uint64_t at = UINT64_MAX;

	if (p->voted_ms != 0)
		at = p->voted_ms + p->timeout_ms > p->now ? p->voted_ms + p->timeout_ms
							  : p->now + p->timeout_ms / 4 + 1;
	if (pbft_is_filling(p)) {
		uint64_t due = p->executed_ms + p->timeout_ms;

		due = due > p->now ? due : p->now + p->timeout_ms / 4 + 1;
		at = due < at ? due : at;
	}
	for (uint32_t i = 0; i < p->n_own; i++) {
		uint64_t own = wake_of(p, &p->own[i].watch);

		at = own < at ? own : at;
	}
	for (uint8_t id = 0; id < p->conf.n; id++)
		for (uint32_t i = 0; i < p->peers[id].n_watched; i++) {
			uint64_t due = wake_of(p, &p->peers[id].watched[i].watch);

			at = due < at ? due : at;
		}
	return at;
}
