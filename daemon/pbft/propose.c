/*
 * The primary makes batches of what waits: draft {#batches}. At once while none of its batches is
 * in flight, so that an idle network answers at once. Up to `pipeline` of them while as much waits
 * as went into the last one, beyond that only full ones: so batches grow with the load, and with
 * them the number of requests that share the cost of one.
 */
#include "daemon/pbft/core.h"
#include "daemon/bug.h"

#include <string.h>

#include "libproto/digest.h"

static bool full_batch_waits(const struct pbft *p)
{
	return p->queue.requests >= p->conf.batch_requests_max ||
	       p->queue.octets >= p->conf.batch_octets_max ||
	       p->queue.bundles >= PBFT_BATCH_BUNDLES_MAX;
}

/* Not yet: what comes meanwhile makes the batch larger. */
static bool may_wait(const struct pbft *p)
{
	uint32_t in_flight = pbft_in_flight(p);

	if (in_flight == 0 || full_batch_waits(p))
		return false;
	return in_flight >= p->conf.pipeline || p->queue.requests < p->proposed_requests;
}

struct filling {
	struct pbft_batch *batch;
	uint32_t requests;
	uint64_t octets;
};

/* What executed meanwhile, or is void, needs no batch. */
static void skip_spent(struct pbft *p, uint8_t relay)
{
	const struct pbft_bundle *b;

	while ((b = pbft_queue_first(&p->queue, relay)) != NULL && pbft_is_spent(p, b) &&
	       pbft_room(p) > PBFT_BATCH_BUNDLES_MAX + PBFT_ROOM_SLOT) {
		if (relay != p->conf.self) /* the own list gives up its hold itself */
			pbft_drop_bundle(p, b);
		pbft_queue_pop(&p->queue, relay);
	}
}

/* draft {#disk-marks}: "only such bundles are proposed": others' relays hand theirs in again. */
static void skip_large(struct pbft *p, uint8_t relay)
{
	const struct pbft_bundle *b;

	while ((b = pbft_queue_first(&p->queue, relay)) != NULL && !b->keeps &&
	       pbft_room(p) > PBFT_BATCH_BUNDLES_MAX + PBFT_ROOM_SLOT) {
		if (relay != p->conf.self)
			pbft_drop_bundle(p, b);
		pbft_queue_pop(&p->queue, relay);
	}
}

/* The first one in the line of a relay; false: there is none, or it does not fit. */
static bool fill_one(struct pbft *p, uint8_t relay, struct filling *f)
{
	bool is_short = p->disk != PBFT_DISK_ENOUGH || p->is_short;
	const struct pbft_bundle *b;

	skip_spent(p, relay);
	if (is_short)
		skip_large(p, relay);
	b = pbft_queue_first(&p->queue, relay);
	if (b == NULL || pbft_is_spent(p, b) || (is_short && !b->keeps) ||
	    f->batch->n_bundles == PBFT_BATCH_BUNDLES_MAX ||
	    f->requests + b->requests > p->conf.batch_requests_max ||
	    f->octets + b->octets > p->conf.batch_octets_max)
		return false;
	f->batch->bundles[f->batch->n_bundles++] = *b;
	f->requests += b->requests;
	f->octets += b->octets;
	pbft_queue_pop(&p->queue, relay);
	return true;
}

/* The relays in turn, one bundle each, until nobody has one that fits. The next batch begins with
 * the first that had to wait, or behind the last one served. Returns how many requests it has. */
static uint32_t fill(struct pbft *p, struct pbft_batch *batch)
{
	struct filling f = {.batch = batch};
	uint8_t n = p->conf.n, turn = p->queue.turn, next = turn;
	bool waits = false;

	batch->n_bundles = 0;
	for (uint8_t misses = 0; misses < n; turn = (uint8_t)((turn + 1) % n)) {
		uint8_t relay = (uint8_t)(turn + 1);

		if (fill_one(p, relay, &f)) {
			misses = 0;
			if (!waits)
				next = (uint8_t)((turn + 1) % n);
			continue;
		}
		misses++;
		if (!waits && pbft_queue_first(&p->queue, relay) != NULL) {
			waits = true;
			next = turn;
		}
	}
	p->queue.turn = next;
	return f.requests;
}

static void seal(struct pbft *p, struct pbft_batch *batch)
{
	uint8_t digests[PBFT_BATCH_BUNDLES_MAX * 32];
	uint64_t time = p->wall;

	/* draft {#time}: "max(own clock, time of the batch proposed last)" */
	if (time < p->time_proposed)
		time = p->time_proposed;
	if (time < p->time)
		time = p->time;
	p->time_proposed = time;
	batch->time = time;
	for (size_t i = 0; i < batch->n_bundles; i++)
		memcpy(digests + 32 * i, batch->bundles[i].digest, 32);
	ap_digest_batch(p->conf.sha256, batch->digest, time, batch->n_bundles, digests);
}

static void propose_one(struct pbft *p, bool null)
{
	struct pbft_slot *slot = pbft_window_take(&p->window, p->next_seq);

	uint32_t requests;

	if (slot->has_batch) /* of an older view, and not prepared there */
		pbft_slot_release(p, slot);
	slot->reproposed = false;
	requests = fill(p, &slot->batch);
	if (slot->batch.n_bundles > 0)
		seal(p, &slot->batch);
	else if (null)
		pbft_null_batch(p, &slot->batch);
	else
		return;
	p->proposed_requests = requests;
	slot->has_batch = slot->proposed = true;
	slot->view = p->view;
	slot->incarnation = p->incarnation;
	if (slot->seq > p->window.top)
		p->window.top = slot->seq;
	p->next_seq++;
	slot->voted = true;
	slot->vote_durable = slot->prepared = slot->prepared_durable = false;
	slot->prepared_token = 0; /* one of an older view says nothing of this vote */
	slot->body_durable = false;
	slot->vote_view = p->view;
	memcpy(slot->vote, slot->batch.digest, 32);
	slot->proposal_token = pbft_write_slot(p, PBFT_WRITE_PROPOSAL, slot);
	for (size_t i = 0; i < slot->batch.n_bundles; i++)
		if (slot->batch.bundles[i].relay != p->conf.self)
			pbft_drop_bundle(p, &slot->batch.bundles[i]);
}

/* draft {#filling}: "a null batch whenever nothing waits, nothing is in flight and nothing was
 * executed for a while" */
static bool is_null_due(const struct pbft *p)
{
	return pbft_is_filling(p) && p->queue.bundles == 0 && p->next_seq == p->executed + 1 &&
	       p->now >= p->executed_ms + p->conf.fill_ms;
}

static bool is_stale(const struct pbft *p, const struct pbft_slot *slot)
{
	return !slot->has_batch || (!slot->committed && slot->vote_view < p->view &&
				    (!slot->proposed || slot->view < p->view));
}

/* Between the watermarks, and nowhere where something stands already: a primary whose log is
 * shorter than what others have executed catches up first. */
static bool may_use(const struct pbft *p, uint64_t seq)
{
	const struct pbft_slot *slot = pbft_window_find(&p->window, seq);

	return seq <= p->stable + p->conf.window && pbft_window_covers(&p->window, seq) &&
	       (slot == NULL || is_stale(p, slot) || BUG(24)) && pbft_others_executed(p) < seq;
}

void pbft_propose(struct pbft *p)
{
	if (p->disk == PBFT_DISK_FULL || pbft_is_mute(p))
		return;
	if (p->wall == 0)
		return; /* it does not know the time: the PRE-PREPARE would be its vote on one */
	while (pbft_is_primary(p) && (p->queue.bundles > 0 || is_null_due(p)) &&
	       may_use(p, p->next_seq)) {
		uint32_t waiting = p->queue.bundles;

		if (may_wait(p))
			return;
		if (pbft_room(p) < PBFT_ROOM_PROPOSE) {
			p->more = true;
			return;
		}
		propose_one(p, is_null_due(p));
		if (p->queue.bundles == waiting)
			return; /* nothing fitted */
	}
}
