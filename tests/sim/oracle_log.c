/* S1, S6, S7, S9, S18: what is executed. The first correct replica that executes a sequence says
 * what it is; all others, and the same one after a restart, have to get the same out of it. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/pbft/core.h"
#include "libproto/crypto.h"
#include "libproto/digest.h"
#include "tests/sim/oracle_inner.h"

typedef unsigned long long ull;

static uint64_t hash_entry(uint64_t h, const struct machine_entry *e)
{
	uint64_t words[3] = {(uint64_t)(uint16_t)e->leaf << 32 | (uint64_t)(uint32_t)e->refusal,
			     (uint64_t)e->bundle << 32 | e->op, e->fresh};

	h = crypto_hash64(h, words, sizeof(words));
	return crypto_hash64(h, e->id, AP_ID_LEN);
}

/* All that follows from a batch, but for what is in its root. */
static uint64_t hash_set(uint64_t h, const struct machine_set *set)
{
	size_t t = (sim->o.n - 1) / 3 + 1;

	h = crypto_hash64(h, set->members, t);
	h = crypto_hash64(h, set->ctr, t * 8);
	return crypto_hash64(h, set->hiding, t * 32);
}

static uint64_t hash_result(const struct machine *m, const struct machine_result *r)
{
	const struct machine_key *key = machine_key(m);
	uint64_t words[6] = {r->n_entries, r->n_leaves,	     (uint64_t)r->sign,
			     r->n_sets,	   machine_floor(m), (uint64_t)key->phase};
	uint64_t h = crypto_hash64(1, words, sizeof(words));

	for (size_t i = 0; i < r->n_entries; i++)
		h = hash_entry(h, &r->entries[i]);
	for (size_t i = 0; i < r->n_sets; i++)
		h = hash_set(h, &r->sets[i]);
	for (size_t i = 0; i < r->n_retries; i++) {
		const struct machine_retry *it = &r->retries[i];
		uint64_t which[2] = {it->statement.seq, it->attempt};

		h = crypto_hash64(h, which, sizeof(which));
		for (size_t k = 0; k < it->n_sets; k++)
			h = hash_set(h, &it->sets[k]);
	}
	for (uint8_t id = 1; id <= sim->o.n; id++) {
		struct machine_pool_info pool;

		h = crypto_hash64(h, &machine_signer(m, id)->until, 8);
		machine_pool(m, id, &pool);
		h = crypto_hash64(h, &pool.boot, 8);
		h = crypto_hash64(h, &pool.next, 8);
		h = crypto_hash64(h, &pool.left, 4);
	}
	return h;
}

/* ---- S7, in the log itself ---- */

static struct final *final_new(size_t *number)
{
	struct oracle *o = oracle();

	if (o->n_final == o->size_final) {
		o->size_final = 2 * o->size_final + 64;
		o->final = realloc(o->final, o->size_final * sizeof(*o->final));
		if (o->final == NULL)
			abort();
	}
	*number = o->n_final++;
	return &o->final[*number];
}

static void note_final(const uint8_t id[AP_ID_LEN], const ap_outcome *outcome)
{
	struct map_key key;
	struct map_entry *e;
	struct final f = {.status = outcome->status,
			  .reason = outcome->reason,
			  .sequence = outcome->sequence,
			  .time = outcome->time,
			  .value = crypto_hash64(1, outcome->value.data, outcome->value.len)};
	const struct final *old;
	size_t number = 0;
	bool made;

	memcpy(f.id, id, AP_ID_LEN);
	memcpy(key.word, id + AP_ID_LEN - 32, 32);
	e = map_put(&oracle()->finals, key, &made);
	if (made) {
		*final_new(&number) = f;
		e->count = (int64_t)number;
		return;
	}
	old = &oracle()->final[e->count];
	if (old->status != f.status || old->reason != f.reason || old->sequence != f.sequence ||
	    old->time != f.time || old->value != f.value)
		sim_fail("S7: one instance becomes final twice: as of %llu and of %llu",
			 (ull)old->sequence, (ull)f.sequence);
}

/* ---- S18 ---- */

static void check_bundle(const struct machine_bundle *b, bool executed)
{
	struct map_key key = oracle_map_key(b->relay, b->start, b->counter, 0);
	uint8_t digest[32];
	struct map_entry *e;
	bool made;

	if (executed) {
		map_put(&oracle()->executed, key, &made);
		if (!made)
			sim_fail("S18: bundle %u.%llu.%llu executes twice", b->relay, (ull)b->start,
				 (ull)b->counter);
	}
	if (b->relay == 0 || b->relay > sim->o.n || !node_is_correct(node_of(b->relay)))
		return;
	e = map_find(&oracle()->bundles, key);
	ap_digest_bundle(ap_sha256, digest, sim->nodes[0].self.net.genesis, b->relay, b->start,
			 b->counter, (ap_bytes){b->ops, b->ops_len});
	if (e == NULL || memcmp(e->digest, digest, 32) != 0)
		sim_fail("S18: a bundle %u.%llu.%llu is executed that its relay never signed",
			 b->relay, (ull)b->start, (ull)b->counter);
}

/* ---- the log ---- */

static void note_first(const struct node *n, const struct machine *m,
		       const struct machine_batch *batch, const struct machine_result *r,
		       struct truth *t)
{
	struct oracle *o = oracle();
	const struct machine_key *key = machine_key(m);

	o->n_log = batch->seq;
	t->view = n->run->pbft->view;
	memcpy(t->batch, batch->digest, 32);
	memcpy(t->running, r->running, 32);
	memcpy(t->root, r->root, 32);
	t->time_ms = r->time_ms;
	t->leaves = r->n_leaves;
	t->result = hash_result(m, r);
	trace_mile("executed %llu: %zu bundles, %u leaves", (ull)batch->seq, batch->n_bundles,
		   r->n_leaves);
	if (batch->seq > 1 && t->time_ms < oracle_truth(batch->seq - 1)->time_ms)
		sim_fail("S9: T sinks at %llu", (ull)batch->seq);
	for (size_t i = 0; i < batch->n_bundles && i < MACHINE_BUNDLES_MAX; i++)
		check_bundle(&batch->bundles[i], r->executed_bundles[i] != 0);
	for (size_t i = 0; i < r->n_entries; i++)
		if (r->entries[i].leaf >= 0 && ap_outcome_is_final(&r->entries[i].outcome))
			note_final(r->entries[i].id, &r->entries[i].outcome);
	if (key->phase >= MACHINE_TRIAL && key->phase != MACHINE_FAILED) {
		if (o->has_key && memcmp(o->key, key->pk, 32) != 0)
			sim_fail("S14: the group key changes at %llu", (ull)batch->seq);
		memcpy(o->key, key->pk, 32);
		o->has_key = true;
		o->is_live = key->phase == MACHINE_LIVE;
	}
}

static void check_again(const struct node *n, const struct machine *m,
			const struct machine_batch *batch, const struct machine_result *r,
			const struct truth *t)
{
	if (memcmp(t->batch, batch->digest, 32) != 0 || memcmp(t->running, r->running, 32) != 0)
		sim_fail("S1: replica %u executes another batch as %llu", n->id, (ull)batch->seq);
	if (t->time_ms != r->time_ms || memcmp(t->root, r->root, 32) != 0 ||
	    t->result != hash_result(m, r))
		sim_fail("S6: replica %u gets something else out of batch %llu", n->id,
			 (ull)batch->seq);
}

/* A replica goes on from a state that it was sent: it is one that was executed. */
void oracle_transferred(struct node *n, const struct pbft_event *ev)
{
	uint64_t seq = ev->u.transferred.seq;
	const struct truth *t = oracle_truth(seq);

	if (n->faulty)
		return;
	trace_mile("%llu transferred to %u", (ull)seq, n->id);
	if (seq > oracle()->n_log || memcmp(t->running, ev->u.transferred.running, 32) != 0 ||
	    t->time_ms != ev->u.transferred.time_ms ||
	    (t->has_state && memcmp(t->state, ev->u.transferred.state, 32) != 0))
		sim_fail("S6: replica %u takes over a state of %llu that nobody had", n->id,
			 (ull)seq);
	oracle()->seen[n->index].executed = seq;
}

/* Its machine is at the beginning, or where it was. */
void oracle_lost(struct node *n)
{
	trace_mile("the state of %u is damaged, or made again", n->id);
	oracle()->seen[n->index].executed = machine_seq(n->run->machine);
}

void oracle_applied(struct node *n, const struct machine *m, const struct machine_batch *batch,
		    const struct machine_result *r, bool was_live)
{
	struct oracle *o = oracle();
	struct seen *seen = &o->seen[n->index];
	struct truth *t = oracle_truth(batch->seq);

	if (n->faulty)
		return;
	trace_note("executes", n->id, 0, NULL, batch->seq);
	if (seen->executed != UINT64_MAX && batch->seq != seen->executed + 1)
		sim_fail("S1: replica %u executes %llu after %llu", n->id, (ull)batch->seq,
			 (ull)seen->executed);
	seen->executed = batch->seq;
	oracle_signer_executes(n, batch->seq);
	if (batch->seq > o->n_log + 1)
		sim_fail("S1: replica %u executes %llu, and nobody %llu", n->id, (ull)batch->seq,
			 (ull)(batch->seq - 1));
	if (batch->seq <= o->n_log) {
		check_again(n, m, batch, r, t);
		return;
	}
	note_first(n, m, batch, r, t);
	oracle_signers(n, m, batch, r);
	model_apply(o->model, m, batch, r, was_live);
}
