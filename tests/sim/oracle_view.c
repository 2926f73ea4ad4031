/* S2, S3, S5, S17: views. The oracle computes every NEW-VIEW that is accepted again, and knows what
 * was committed before. */
#include "config.h"

#include <string.h>

#include "daemon/pbft/core.h"
#include "libproto/crypto.h"
#include "libproto/digest.h"
#include "tests/sim/oracle_inner.h"

typedef unsigned long long ull;

/* ---- S2, S3, S17: what leaves ---- */

static bool fits_octets(void *arg, const uint8_t *octets, size_t len)
{
	const struct blob *b = arg;

	return len == b->len && memcmp(octets, b->octets, len) == 0;
}

static uint64_t u64_at(const uint8_t *at)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | at[i];
	return v;
}

/* What it forgot lies below its incarnation, of after that, and a window. */
void oracle_may_vote(const struct node *n)
{
	const struct pbft *p = n->run->pbft;
	struct oracle *o = oracle();

	if (p->recovering || p->empty)
		sim_fail("S17: replica %u votes while it is recovering", n->id);
	if (!o->forgot[n->id].is)
		return;
	if (p->incarnation <= o->forgot[n->id].incarnation ||
	    p->stable < p->incarnation + sim->o.window)
		sim_fail("S17: replica %u votes after it forgot: incarnation %llu, stable %llu",
			 n->id, (ull)p->incarnation, (ull)p->stable);
	o->forgot[n->id].is = false;
}

/* Both begin with view, incarnation, replica. Others' are handed on as they are. */
void oracle_view_frame(struct node *n, const struct blob *b)
{
	bool change = b->type == AP_MESSAGE_view_change, made;
	uint64_t view, incarnation;
	uint8_t digest[32];
	struct map_entry *e;

	if (b->len < 17 || b->octets[16] != n->id)
		return;
	oracle_may_vote(n);
	view = u64_at(b->octets);
	incarnation = u64_at(b->octets + 8);
	ap_sha256(digest, &(const ap_bytes){b->octets, b->len}, 1);
	if (!disk_has_any(n, change ? RECORD_VIEW_CHANGE : RECORD_NEW_VIEW, fits_octets,
			  (void *)(uintptr_t)b))
		sim_fail("S3: replica %u says %s %llu before it is on disk", n->id,
			 change ? "VIEW-CHANGE" : "NEW-VIEW", (ull)view);
	e = map_put(&oracle()->votes,
		    oracle_map_key(n->id * 16u + (change ? 8 : 9), view, incarnation, 1), &made);
	if (!made && memcmp(e->digest, digest, 32) != 0)
		sim_fail("S2: replica %u says two %s for view %llu", n->id,
			 change ? "VIEW-CHANGEs" : "NEW-VIEWs", (ull)view);
	memcpy(e->digest, digest, 32);
	if (!change)
		return;
	if (incarnation > oracle()->left_incarnation[n->id]) {
		oracle()->left_incarnation[n->id] = incarnation;
		oracle()->left[n->id] = view;
	} else if (view > oracle()->left[n->id]) {
		oracle()->left[n->id] = view;
		trace_mile("replica %u asks for view %llu", n->id, (ull)view);
	}
}

void oracle_view_vote(const struct node *n, uint64_t view)
{
	if (n->run->pbft->incarnation <= oracle()->left_incarnation[n->id] &&
	    view < oracle()->left[n->id])
		sim_fail("S17: replica %u votes in view %llu, which it has left for %llu", n->id,
			 (ull)view, (ull)oracle()->left[n->id]);
}

/* ---- S5 ---- */

static void null_digest(uint8_t out[32])
{
	ap_digest_batch(ap_sha256, out, 0, 0, NULL);
}

/* draft {#new-view}: the highest stable checkpoint of them, and for each sequence above it the
 * prepared batch of the highest view, or none. */
static void check_computed(const struct node *n, const struct pbft_new_view *nv,
			   const struct pbft_view_change *const *changes, size_t count)
{
	uint16_t who = 0;
	uint64_t first = 0, top;

	for (size_t i = 0; i < count; i++) {
		who |= (uint16_t)(1u << (changes[i]->replica - 1));
		first = changes[i]->stable > first ? changes[i]->stable : first;
		if (changes[i]->incarnation < oracle()->incarnation[changes[i]->replica] &&
		    oracle()->incarnation[changes[i]->replica] <= nv->first && n->run != NULL &&
		    n->run->pbft->executed >= nv->first)
			sim_fail("S17: replica %u takes a NEW-VIEW %llu with an old VIEW-CHANGE of "
				 "%u",
				 n->id, (ull)nv->view, changes[i]->replica);
		if (changes[i]->view != nv->view)
			sim_fail("S5: replica %u takes a NEW-VIEW %llu of VIEW-CHANGEs %llu", n->id,
				 (ull)nv->view, (ull)changes[i]->view);
	}
	top = first;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < changes[i]->n_prepared; j++)
			if (changes[i]->prepared[j].seq > top)
				top = changes[i]->prepared[j].seq;
	if (oracle_count(who) < 2 * options_f(&sim->o) + 1 || first != nv->first ||
	    top - first != nv->n)
		sim_fail("S5: replica %u takes a NEW-VIEW %llu that does not follow from %04x",
			 n->id, (ull)nv->view, who);
	for (uint64_t seq = first + 1; seq <= top; seq++) {
		const struct pbft_claim *best = NULL;
		uint8_t digest[32];

		for (size_t i = 0; i < count; i++)
			for (size_t j = 0; j < changes[i]->n_prepared; j++) {
				const struct pbft_claim *c = &changes[i]->prepared[j];

				if (c->seq == seq && (best == NULL || c->view > best->view))
					best = c;
			}
		null_digest(digest);
		if (memcmp(nv->batch[seq - first - 1], best != NULL ? best->batch : digest, 32) !=
		    0)
			sim_fail("S5: NEW-VIEW %llu has another batch as %llu than follows",
				 (ull)nv->view, (ull)seq);
	}
}

/* All that was committed in lower views is in it, however late it comes. */
static void check_committed(const struct node *n, const struct pbft_new_view *nv)
{
	for (uint64_t seq = nv->first + 1; seq <= oracle()->n_log; seq++)
		if (oracle_truth(seq)->view < nv->view &&
		    (seq > nv->first + nv->n ||
		     memcmp(oracle_truth(seq)->batch, nv->batch[seq - nv->first - 1], 32) != 0))
			sim_fail("S5: replica %u takes NEW-VIEW %llu without batch %llu, which is "
				 "committed",
				 n->id, (ull)nv->view, (ull)seq);
}

void oracle_view_step(const struct node *n, const struct pbft_event *ev,
		      const struct pbft_effect *e)
{
	const struct pbft_new_view *nv = e->u.new_view.says;

	if (e->u.new_view.again)
		return;
	trace_mile("replica %u enters view %llu", n->id, (ull)nv->view);
	check_committed(n, nv);
	if (ev->kind == PBFT_EV_NEW_VIEW)
		check_computed(n, nv, ev->u.new_view.changes, ev->u.new_view.n_changes);
}
