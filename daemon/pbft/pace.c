/*
 * Does the primary order as fast as it could? draft {#pace}. A time-out alone lets one that holds
 * each PRE-PREPARE back for a little less reign at two batches a second.
 *
 *  1. Each time that a batch is executed while an own bundle waits, the wait for it goes into a
 *     moving average. It is the same under any load, since a busy primary's batches are larger, not
 *     later.
 *  2. What is allowed is learned: it doubles with each view that was left for it, so that a slow
 *     network deposes two primaries in a row for it and no more, and sinks where the network
 *     shows that it is fast; and in the long run by itself, so that a slow primary does not reign
 *     for ever after a bad hour.
 *  3. What one replica finds may be its own link, so nobody leaves alone: it says so in its STATUS,
 *     f+1 who say so persuade the others, and at 2f+1 all leave.
 */
#include "daemon/pbft/core.h"

static uint32_t least_allowed(const struct pbft *p)
{
	return p->conf.timeout_ms / PBFT_PACE_PART;
}

/* Above that only time-outs judge. */
static bool is_judged(const struct pbft *p)
{
	return p->pace.allowed_ms <= p->conf.timeout_ms / 2;
}

void pbft_pace_clear(struct pbft *p)
{
	struct pbft_pace *pace = &p->pace;

	if (pace->allowed_ms < least_allowed(p))
		pace->allowed_ms = least_allowed(p);
	if (pace->is_slow && is_judged(p)) {
		pace->allowed_ms *= 2;
		pace->since_ms = p->now;
	}
	pace->is_slow = false;
	pace->sum_ms = 0;
	pace->batches = 0;
}

static void say(struct pbft *p, bool is_slow)
{
	if (p->pace.is_slow == is_slow)
		return;
	p->pace.is_slow = is_slow;
	pbft_send_status(p, PBFT_EVERYONE);
}

static void count(struct pbft *p, uint64_t wait_ms)
{
	struct pbft_pace *pace = &p->pace;
	uint64_t average;

	pace->sum_ms += wait_ms - pace->sum_ms / PBFT_PACE_STEPS;
	average = pace->sum_ms / PBFT_PACE_STEPS;
	say(p, average > pace->allowed_ms && is_judged(p));
	if (++pace->batches < PBFT_PACE_STEPS)
		return;
	pace->batches = 0;
	if (pace->allowed_ms / 2 >= least_allowed(p) &&
	    (average <= pace->allowed_ms / 4 ||
	     p->now - pace->since_ms >= (uint64_t)PBFT_PACE_AGAIN * p->conf.timeout_ms)) {
		pace->allowed_ms /= 2;
		pace->since_ms = p->now;
	}
}

/* Since when has an own bundle been with the primary? UINT64_MAX: none is. */
static uint64_t waits_since(const struct pbft *p)
{
	uint64_t since = UINT64_MAX;

	for (uint32_t i = 0; i < p->n_own; i++) {
		uint64_t own = p->own[i].watch.since_ms;

		since = own != 0 && own < since ? own : since;
	}
	return since;
}

void pbft_pace_executed(struct pbft *p, const struct pbft_slot *slot)
{
	uint64_t since = waits_since(p);

	if (p->conf.timeout_ms == 0 || !p->view_active || p->is_short || slot->reproposed ||
	    pbft_is_mute(p) || pbft_others_executed(p) > p->executed || since > p->now)
		return;
	count(p, p->now - (since > p->executed_ms ? since : p->executed_ms));
}

static uint16_t others_slow(const struct pbft *p)
{
	uint16_t who = 0;

	for (uint8_t id = 1; id <= p->conf.n; id++)
		if (p->peers[id - 1].is_slow && p->peers[id - 1].slow_view == p->view)
			who |= pbft_bit(p, id);
	return who;
}

bool pbft_pace_is_slow(struct pbft *p)
{
	uint16_t who = others_slow(p);

	if (who == 0 || !p->view_active || pbft_is_mute(p))
		return false; /* alone it leaves no view */
	if (pbft_quorum_weak(p->conf.n, who) && pbft_room(p) >= PBFT_ROOM_SLOT)
		say(p, true);
	if (p->pace.is_slow)
		who |= pbft_bit(p, p->conf.self);
	return pbft_quorum_strong(p->conf.n, who);
}
