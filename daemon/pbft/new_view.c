/*
 * Entering a view: draft {#new-view}.
 *
 * From 2f+1 VIEW-CHANGEs follows what is proposed anew: above the highest stable checkpoint that
 * they prove, up to the highest sequence prepared, the batch of the certificate of the highest
 * view; where there is none, the null batch. Two certificates for one sequence and view are for the
 * same batch, so everybody computes the same.
 */
#include "daemon/pbft/core.h"
#include "daemon/bug.h"

#include <string.h>

#include "libproto/digest.h"

void pbft_null_batch(const struct pbft *p, struct pbft_batch *b)
{
	uint8_t nothing[32] = {0};

	b->time = 0; /* draft {#new-view}: "inherits the time of the batch before it" */
	b->n_bundles = 0;
	ap_digest_batch(p->conf.sha256, b->digest, 0, 0, nothing);
}

/* The claim with the highest view for seq; `at`: where each VIEW-CHANGE has been read up to. */
static const struct pbft_claim *highest(const struct pbft_view_change *const *changes, uint8_t n,
					uint16_t *at, uint64_t seq)
{
	const struct pbft_claim *best = NULL;

	for (uint8_t i = 0; i < n; i++) {
		const struct pbft_view_change *c = changes[i];

		while (at[i] < c->n_prepared && c->prepared[at[i]].seq < seq)
			at[i]++;
		if (at[i] < c->n_prepared && c->prepared[at[i]].seq == seq &&
		    (best == NULL || (BUG(10) ? c->prepared[at[i]].view < best->view
					      : c->prepared[at[i]].view > best->view)))
			best = &c->prepared[at[i]];
	}
	return best;
}

/* first, n and the batches. */
static void compute(const struct pbft *p, const struct pbft_view_change *const *changes, uint8_t n,
		    struct pbft_new_view *nv)
{
	uint16_t at[AP_REPLICAS_MAX] = {0};
	struct pbft_batch null;
	uint64_t last = 0;

	pbft_null_batch(p, &null);
	nv->first = 0;
	for (uint8_t i = 0; i < n; i++) {
		const struct pbft_view_change *c = changes[i];

		nv->first = (BUG(13) ? i == 0 || c->stable < nv->first : c->stable > nv->first)
				    ? c->stable
				    : nv->first;
		if (c->n_prepared > 0 && c->prepared[c->n_prepared - 1].seq > last)
			last = c->prepared[c->n_prepared - 1].seq;
	}
	nv->n = 0;
	for (uint64_t seq = nv->first + 1; seq <= last; seq++) {
		const struct pbft_claim *claim = highest(changes, n, at, seq);

		if (claim == NULL && BUG(17))
			break;
		memcpy(nv->batch[nv->n++], claim != NULL ? claim->batch : null.digest, 32);
	}
}

static bool is_change_good(const struct pbft *p, const struct pbft_view_change *c, uint64_t view)
{
	return c->view == view && pbft_bit(p, c->replica) != 0 &&
	       c->stable % p->conf.interval == 0 &&
	       (c->n_prepared == 0 ||
		c->prepared[c->n_prepared - 1].seq - c->stable <= p->conf.window);
}

/* draft {#incarnation}: "an incarnation lower than r, where r is the signer's incarnation and r <=
 * first" */
static bool is_old(const struct pbft *p, uint8_t id, uint64_t incarnation, uint64_t first)
{
	uint64_t now = p->incarnations[id - 1];

	return incarnation < now && now <= first && !BUG(51);
}

static bool is_computed(const struct pbft *p, const struct pbft_event *ev)
{
	const struct pbft_new_view *nv = ev->u.new_view.says;
	struct pbft_new_view due;

	compute(p, ev->u.new_view.changes, ev->u.new_view.n_changes, &due);
	return nv->first == due.first && nv->n == due.n &&
	       memcmp(nv->batch, due.batch, due.n * sizeof(due.batch[0])) == 0;
}

bool pbft_new_view_check(struct pbft *p, const struct pbft_event *ev)
{
	uint64_t view = ev->u.new_view.says->view;
	unsigned old = 0;
	uint16_t who = 0;

	for (uint8_t i = 0; i < ev->u.new_view.n_changes; i++) {
		const struct pbft_view_change *c = ev->u.new_view.changes[i];

		if (!is_change_good(p, c, view) ||
		    is_old(p, c->replica, c->incarnation, ev->u.new_view.says->first) ||
		    (who & pbft_bit(p, c->replica)) != 0)
			return false;
		old += c->incarnation < p->incarnations[c->replica - 1];
		who |= pbft_bit(p, c->replica);
	}
	if (old > 1 && p->conf.n > 4 && !BUG(51))
		return false; /* draft {#incarnation}: "two or more" */
	return pbft_quorum_strong(p->conf.n, who) &&
	       !is_old(p, ev->u.new_view.says->replica, ev->u.new_view.says->incarnation,
		       ev->u.new_view.says->first) &&
	       is_computed(p, ev);
}

/* ---- the primary makes it ---- */

static bool has_batch(const struct pbft *p, const struct pbft_claim *claim)
{
	const struct pbft_slot *slot = pbft_window_find(&p->window, claim->seq);
	struct pbft_batch null;

	if (claim->seq <= p->executed)
		return true; /* what was executed is in nobody's way */
	if (slot != NULL &&
	    ((slot->has_batch && memcmp(slot->batch.digest, claim->batch, 32) == 0) ||
	     (slot->has_kept && memcmp(slot->kept.digest, claim->batch, 32) == 0)))
		return true;
	pbft_null_batch(p, &null);
	return memcmp(null.digest, claim->batch, 32) == 0;
}

static bool has_all(const struct pbft *p, const struct pbft_view_change *c)
{
	for (uint16_t i = 0; i < c->n_prepared; i++)
		if (!has_batch(p, &c->prepared[i]))
			return false;
	return true;
}

/*
 * draft {#new-view}: "VIEW-CHANGEs whose batches it holds go first". A certificate does not bring
 * its batch along, and those who voted for that, and did not prepare it, have given it up for
 * another one since: the one who kept the certificate back may be all who has it, and faulty. The
 * others come in turn, after a resend interval.
 */
static uint16_t choose(const struct pbft *p, const struct pbft_view_change **changes, uint8_t *n)
{
	uint16_t who = pbft_bit(p, p->conf.self);

	for (int whole = 1; whole >= (p->change_tries >= 2 ? 0 : 1); whole--)
		for (uint8_t step = 0; step < p->conf.n; step++) {
			uint8_t id = (uint8_t)((p->view / p->conf.n + step) % p->conf.n + 1);
			const struct pbft_view_change *c = &p->changes[id - 1];

			if (pbft_quorum_strong(p->conf.n, who))
				return who;
			if ((who & pbft_bit(p, id)) != 0 || c->view != p->view ||
			    (whole != 0 && !has_all(p, c)))
				continue;
			who |= pbft_bit(p, id);
			changes[(*n)++] = c;
		}
	return who;
}

void pbft_new_view_try(struct pbft *p)
{
	const struct pbft_view_change *changes[AP_REPLICAS_MAX];
	struct pbft_effect *e;
	uint8_t n = 1;
	uint16_t who;

	if (p->view_active || p->disk == PBFT_DISK_FULL || pbft_is_mute(p) ||
	    pbft_primary(p, p->view) != p->conf.self || !p->change_durable ||
	    p->changes[p->conf.self - 1].view != p->view)
		return;
	changes[0] = &p->changes[p->conf.self - 1];
	who = choose(p, changes, &n);
	if (!pbft_quorum_strong(p->conf.n, who))
		return;
	memset(&p->nv, 0, sizeof(p->nv));
	p->nv.view = p->view;
	p->nv.incarnation = p->incarnation;
	p->nv.replica = p->conf.self;
	compute(p, changes, n, &p->nv);
	e = pbft_write(p, PBFT_WRITE_NEW_VIEW);
	e->u.new_view.says = &p->nv;
	e->u.new_view.who = who;
	pbft_enter(p);
	p->nv_token = e->token;
}

/* ---- everybody takes it up ---- */

void pbft_enter(struct pbft *p)
{
	uint64_t last = p->nv.first + p->nv.n;

	p->view = p->nv.view;
	p->view_active = p->nv_left = true;
	p->progress = false;
	p->view_timer_ms = p->change_resend_ms = UINT64_MAX;
	p->nv_token = 0;
	p->next_seq = (last > p->executed ? last : p->executed) + 1;
	p->executed_ms = p->now;
	p->revote = true;
	pbft_watch_clear(p);
	pbft_top_settle(p);
	for (uint32_t i = 0; i < p->n_own; i++) {
		p->own[i].due_ms = p->now; /* to the new primary */
		p->own[i].tries = 0;
	}
	pbft_new_view_place(p);
	pbft_new_view_ask(p);
}

const uint8_t *pbft_new_view_at(const struct pbft *p, uint64_t seq)
{
	if (!p->view_active || p->nv.view != p->view || seq <= p->nv.first ||
	    seq - p->nv.first > p->nv.n)
		return NULL;
	return p->nv.batch[seq - p->nv.first - 1];
}

static void take_kept(struct pbft *p, struct pbft_slot *slot)
{
	if (slot->has_batch)
		pbft_drop_batch(p, slot->seq, slot->batch.digest);
	pbft_batch_copy(&slot->batch, &slot->kept);
	slot->has_kept = false;
	slot->has_batch = true;
	slot->body_durable = false; /* the journal's newest one is another */
}

/* The batch that the view has for the slot stands in it; false: its body is missing. */
static bool has_body(struct pbft *p, struct pbft_slot *slot, const uint8_t batch[32])
{
	struct pbft_batch null;

	if (slot->has_batch && memcmp(slot->batch.digest, batch, 32) == 0)
		return true;
	if (slot->has_kept && memcmp(slot->kept.digest, batch, 32) == 0) {
		take_kept(p, slot);
		return true;
	}
	pbft_null_batch(p, &null);
	if (memcmp(null.digest, batch, 32) != 0)
		return false;
	memcpy(pbft_emit(p, PBFT_HOLD_NULL)->u.drop.batch, batch, 32);
	pbft_slot_set_batch(p, slot, &null);
	return true;
}

/* true: nothing is left to do for this sequence. */
static bool place(struct pbft *p, uint64_t seq)
{
	size_t i = seq - p->nv.first - 1;
	struct pbft_slot *slot;

	if (seq <= p->window.base)
		return true;
	if (!pbft_window_covers(&p->window, seq))
		return false;
	slot = pbft_window_take(&p->window, seq);
	slot->reproposed = true;
	if (slot->proposed && slot->view == p->view)
		return true;
	if (slot->committed && memcmp(slot->batch.digest, p->nv.batch[i], 32) != 0)
		return true; /* more than f are faulty: what is committed stays */
	if (!has_body(p, slot, p->nv.batch[i]))
		return seq <= p->executed;
	slot->proposed = true;
	slot->view = p->view;
	slot->incarnation = p->nv.incarnation;
	memset(&slot->cert, 0, sizeof(slot->cert));
	memcpy(slot->cert.pre_prepare_sig, p->nv.sig[i], 64);
	pbft_slot_vote(p, slot);
	pbft_slot_advance(p, slot);
	return true;
}

void pbft_new_view_place(struct pbft *p)
{
	bool left = false;

	for (uint16_t i = 0; i < p->nv.n; i++) {
		if (pbft_room(p) < PBFT_ROOM_PROPOSE) {
			p->more = true;
			return;
		}
		left |= !place(p, p->nv.first + 1 + i);
	}
	p->nv_left = left;
}

/* draft {#new-view}: "bodies that are missing are fetched by digest, from anyone" */
void pbft_new_view_ask(struct pbft *p)
{
	uint8_t n = p->conf.n, id = pbft_primary(p, p->view);
	uint32_t left = PBFT_ASK_MAX;

	if (!p->view_active || !p->nv_left)
		return;
	for (uint8_t step = 0; step < n && (id == p->conf.self || !p->peers[id - 1].up); step++)
		id = (uint8_t)((p->turn + step) % n + 1);
	if (p->change_tries++ % 2 == 1) /* the primary may lack it too */
		for (uint8_t step = 0; step < n; step++) {
			id = (uint8_t)((p->turn + step) % n + 1);
			if (id != p->conf.self && p->peers[id - 1].up)
				break;
		}
	for (uint16_t i = 0; i < p->nv.n && left > 0; i++) {
		uint64_t seq = p->nv.first + 1 + i;
		const struct pbft_slot *slot = pbft_window_find(&p->window, seq);
		struct pbft_effect *e;

		if (slot == NULL || seq <= p->executed ||
		    (slot->proposed && slot->view == p->view) || pbft_room(p) < PBFT_ROOM_PROPOSE)
			continue;
		e = pbft_emit(p, PBFT_SEND_FETCH_BATCH);
		e->to = pbft_bit(p, id);
		e->u.drop.seq = seq;
		memcpy(e->u.drop.batch, p->nv.batch[i], 32);
		left--;
	}
}
