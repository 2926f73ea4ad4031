/*
 * Catch-up: draft {#catch-up}. Batches that others have executed are taken out of one peer's
 * journal and believed only if their running hashes lead to a value that f+1 different members
 * attest: one of them is correct.
 *
 *  1. f+1 others say that they have executed more than we have, and we do not get there ourselves,
 * or not soon.
 *  2. A range from the first batch that is missing: bodies from one peer, the running hash at its
 * end from all. What the own slots hold is not asked for again.
 *  3. Everything is here: the chain from the own running hash to the range's end either gives the
 * attested value, then all are committed, written, and executed once durable; or not, then the
 * peer's bodies, or the own slots', are wrong, and all of them are asked of the next peer.
 *  4. Silence: the next peer. When none has delivered, the shell is told, and it starts over at the
 * next chance, with more time for each and a range that one more member says it has executed: f
 * liars may say so of the first one and never attest it.
 */
#include "daemon/pbft/core.h"
#include "daemon/bug.h"

#include <string.h>

#include "libproto/digest.h"

enum { SLOWER_MAX = 5 };

static void give_up_bodies(struct pbft *p)
{
	for (size_t i = 0; i < PBFT_FETCH_MAX; i++) {
		if (p->fetch.have[i])
			pbft_drop_batch(p, p->fetch.from + i, p->fetch.batch[i].digest);
		p->fetch.have[i] = false;
	}
}

void pbft_fetch_end(struct pbft *p)
{
	give_up_bodies(p);
	p->fetch.active = false;
}

/* Digest of the batch at seq of the range as far as it is known; NULL: it is missing. */
static const uint8_t *digest_at(const struct pbft *p, uint64_t seq)
{
	const struct pbft_slot *slot = pbft_window_find(&p->window, seq);
	size_t i = seq - p->fetch.from;

	if (p->fetch.have[i])
		return p->fetch.batch[i].digest;
	if (slot != NULL && slot->has_batch && (!p->fetch.all || slot->committed))
		return slot->batch.digest;
	return NULL;
}

static uint64_t first_missing(const struct pbft *p) /* 0: none */
{
	for (uint64_t seq = p->executed + 1; seq <= p->fetch.to; seq++)
		if (digest_at(p, seq) == NULL)
			return seq;
	return 0;
}

/* The next member in turn that is up and says that it has got so far. */
static uint8_t next_source(const struct pbft *p, uint64_t to)
{
	uint8_t n = p->conf.n;

	for (uint8_t step = 0; step < n; step++) {
		uint8_t id = (uint8_t)((p->fetch.source + step) % n + 1);

		if (id != p->conf.self && p->peers[id - 1].up && p->peers[id - 1].executed >= to)
			return id;
	}
	return 0;
}

static void ask(struct pbft *p)
{
	struct pbft_fetch *f = &p->fetch;
	uint64_t missing = first_missing(p);
	uint16_t others = (uint16_t)(pbft_up(p) & ~f->attested);

	f->late_ms = p->now + ((uint64_t)p->conf.resend_ms << f->slower);
	if (missing != 0 && f->source != 0) {
		pbft_send_fetch(p, missing, f->to, true, pbft_bit(p, f->source));
		others &= (uint16_t)~pbft_bit(p, f->source); /* it attests as well */
	}
	if (others != 0)
		pbft_send_fetch(p, p->executed + 1, f->to, false, others);
}

static void start(struct pbft *p, uint64_t target)
{
	struct pbft_fetch *f = &p->fetch;
	uint64_t most = p->conf.window < PBFT_FETCH_MAX ? p->conf.window : PBFT_FETCH_MAX;
	uint8_t source;

	f->from = p->executed + 1;
	f->to = target - p->executed < most ? target : p->executed + most;
	if (!pbft_window_covers(&p->window, f->to))
		return; /* as soon as the window has been swept */
	if (f->source == 0 || !f->going) {
		source = next_source(p, f->to);
		if (source == 0)
			return; /* nobody to ask: a link or a STATUS brings it up again */
		f->source = source;
	}
	f->active = true;
	f->all = false;
	f->tried = 0;
	f->attested = 0;
	ask(p);
}

void pbft_fetch_next(struct pbft *p)
{
	uint64_t target = pbft_others_reached(p, p->fetch.more);
	const struct pbft_slot *next;

	if (p->fetch.active || p->lacks || p->empty || p->disk != PBFT_DISK_ENOUGH)
		return; /* nor would there be room for what comes */
	if (target <= p->executed && p->fetch.more > 0) {
		p->fetch.more = 0;
		target = pbft_others_executed(p);
	}
	if (target <= p->executed) {
		if (p->fetch.going && pbft_room(p) >= PBFT_ROOM_SLOT) {
			p->fetch.going = false;
			pbft_send_status(p, PBFT_EVERYONE); /* asks how far they are meanwhile */
		}
		return;
	}
	next = pbft_window_find(&p->window, p->executed + 1);
	if (next != NULL && next->committed)
		return; /* the disk or the machine is busy with it */
	if (!p->fetch.going && !p->stuck && target - p->executed <= p->conf.window / 2u)
		return; /* the votes may still arrive */
	if (pbft_room(p) < PBFT_ROOM_SLOT) {
		p->more = true;
		return;
	}
	p->stuck = false;
	start(p, target);
}

/* The next source; false: all have been asked in vain, and the range is given up. */
static bool rotate(struct pbft *p)
{
	struct pbft_fetch *f = &p->fetch;
	struct pbft_effect *e;

	if (++f->tried < p->conf.n - 1) {
		f->source = next_source(p, f->to);
		return true;
	}
	e = pbft_emit(p, PBFT_BEHIND);
	e->u.behind.have = p->executed;
	e->u.behind.offered = pbft_others_executed(p);
	pbft_fetch_end(p);
	f->going = false;
	f->more = f->more < pbft_quorum_faulty(p->conf.n) ? (uint8_t)(f->more + 1) : 0;
	return false;
}

void pbft_fetch_late(struct pbft *p)
{
	struct pbft_fetch *f = &p->fetch;

	if (!f->active || p->now < f->late_ms)
		return;
	if (rotate(p))
		ask(p);
	else if (f->slower < SLOWER_MAX)
		f->slower++; /* what was asked for may have been on its way, over a slow one */
}

/* The value at the range's end that f+1 different members attest; NULL: none yet. */
static const uint8_t *attested(const struct pbft *p)
{
	const struct pbft_fetch *f = &p->fetch;

	for (uint8_t id = 1; id <= p->conf.n; id++) {
		uint16_t who = 0;

		if ((f->attested & pbft_bit(p, id)) == 0)
			continue;
		for (uint8_t other = 1; other <= p->conf.n; other++)
			if ((f->attested & pbft_bit(p, other)) != 0 &&
			    memcmp(f->running[other - 1], f->running[id - 1], 32) == 0)
				who |= pbft_bit(p, other);
		if (pbft_quorum_weak(p->conf.n, who) || BUG(8))
			return f->running[id - 1];
	}
	return NULL;
}

static bool chain_leads_to(const struct pbft *p, const uint8_t end[32])
{
	uint8_t running[32];

	memcpy(running, p->running, 32);
	for (uint64_t seq = p->executed + 1; seq <= p->fetch.to; seq++)
		ap_digest_running(p->conf.sha256, running, running, seq, digest_at(p, seq));
	return memcmp(running, end, 32) == 0;
}

/* draft {#catch-up}: "a chain of batches that ends in a running hash attested by f+1 members is
 * committed" */
static void take_over(struct pbft *p)
{
	struct pbft_fetch *f = &p->fetch;

	for (uint64_t seq = p->executed + 1; seq <= f->to; seq++) {
		struct pbft_slot *slot = pbft_window_take(&p->window, seq);
		size_t i = seq - f->from;

		if (f->have[i])
			pbft_slot_set_batch(p, slot, &f->batch[i]);
		f->have[i] = false;
		slot->committed = true;
		pbft_slot_advance(p, slot);
	}
	f->going = true;
	if (f->slower > 0)
		f->slower--;
	pbft_fetch_end(p);
}

void pbft_fetch_try(struct pbft *p)
{
	const uint8_t *end;

	if (!p->fetch.active || (end = attested(p)) == NULL || first_missing(p) != 0)
		return;
	if (chain_leads_to(p, end)) {
		take_over(p);
		return;
	}
	give_up_bodies(p);
	p->fetch.all = true;
	if (rotate(p))
		ask(p);
}

bool pbft_fetch_take(struct pbft *p, uint8_t from, uint64_t seq, const struct pbft_batch *batch)
{
	struct pbft_fetch *f = &p->fetch;
	size_t i = seq - f->from;

	if (!f->active || from != f->source || seq <= p->executed || seq < f->from || seq > f->to ||
	    digest_at(p, seq) != NULL)
		return false;
	f->have[i] = true;
	pbft_batch_copy(&f->batch[i], batch);
	return true;
}

/* A batch that votes single out and whose body never came, or another one instead: of those who
 * voted for it. */
static void ask_holder(struct pbft *p, const struct pbft_slot *slot, const uint8_t *batch)
{
	uint16_t holders = (uint16_t)((pbft_slot_prepares(slot, p->view, batch) |
				       pbft_slot_commits(slot, p->view, batch)) &
				      pbft_up(p));
	uint8_t n = p->conf.n;

	for (uint8_t step = 0; step < n; step++) {
		uint8_t id = (uint8_t)((p->turn + step) % n + 1);

		if ((holders & pbft_bit(p, id)) == 0)
			continue;
		pbft_send_fetch(p, slot->seq, slot->seq, true, pbft_bit(p, id));
		return;
	}
}

void pbft_fetch_bodies(struct pbft *p)
{
	uint64_t seq = p->executed;

	p->turn++;
	for (int left = PBFT_RESEND_SLOTS; left > 0; left--) {
		const struct pbft_slot *slot = pbft_window_find(&p->window, ++seq);
		const uint8_t *batch;

		if (slot == NULL || slot->committed)
			continue;
		batch = pbft_slot_certified(slot, p->conf.n, p->view, pbft_primary(p, p->view));
		if (batch != NULL &&
		    (!slot->has_batch || memcmp(slot->batch.digest, batch, 32) != 0))
			ask_holder(p, slot, batch);
	}
}
