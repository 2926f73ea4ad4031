/*
 * Replicas that lie. Their own code is the correct one; what it sends is changed on its way out,
 * for each receiver by itself, and signed again with the liar's key. They know each other: what one
 * has told some receivers instead of its batch, the others vote for there.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/verify.h"
#include "libproto/crypto.h"
#include "libproto/digest.h"
#include "tests/lib/map.h"
#include "tests/sim/byz.h"
#include "tests/sim/mutate.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sim.h"

enum { OLD = 128, COPY_MAX = 1 << 16, PACE_PM = 800 /* of a time-out */ };
_Static_assert((int)COPY_MAX <= (int)BYZ_COPY_MAX, "what is copied here is copied there");

struct byz {
	struct rng rng[SIM_NODES];
	uint16_t quiet_to[SIM_NODES]; /* LIE_SILENT: those that hear nothing */
	struct map other;	      /* (view, seq): digest told to side B; count: the bundle's */
	struct blob *old[OLD];	      /* frames seen or sent */
	struct blob *answers[OLD];
	struct blob *late[SIM_NODES][SIM_NODES]; /* LIE_SLOW: to be sent with the next */
	uint64_t n_old, n_answers;
	uint8_t secret[AP_REPLICAS_MAX][64];
};

void byz_init(void)
{
	struct byz *b = calloc(1, sizeof(*b));

	if (b == NULL)
		abort();
	sim->byz = b;
	for (size_t i = 0; i < sim->n_nodes; i++) {
		rng_init(&b->rng[i], sim->o.seed, 400 + i);
		b->quiet_to[i] = rng_subset(&b->rng[i], options_all(&sim->o),
					    (unsigned)rng_between(&b->rng[i], 1, sim->o.n));
	}
	for (size_t i = 0; i < sim->o.n; i++)
		crypto_secret(b->secret[i], sim->seeds[i]);
}

void byz_clear(void)
{
	struct byz *b = sim->byz;

	for (size_t i = 0; i < OLD; i++) {
		blob_drop(b->old[i]);
		blob_drop(b->answers[i]);
	}
	for (size_t i = 0; i < SIM_NODES; i++)
		for (size_t j = 0; j < SIM_NODES; j++)
			blob_drop(b->late[i][j]);
	map_free(&b->other);
	free(b);
}

/* A liar behaves while the network forms, unless the plan begins there. */
static bool is_lying(const struct node *n, enum lie lie)
{
	return sim->o.twins == 0 && (sim->o.lies & lie) != 0 &&
	       (sim->phase != SIM_FORM || sim->o.form_faults != 0) &&
	       rng_chance(&sim->byz->rng[n->index], sim->o.lie_pm);
}

/* ---- messages, decoded and encoded ---- */

static const uint8_t *genesis(void)
{
	return sim->nodes[0].self.net.genesis;
}

static bool decode(struct ap_message *m, const struct blob *b)
{
	return ap_message_get(m, b->type, b->octets, b->len) == NULL;
}

static struct blob *encode(const struct ap_message *m)
{
	static uint8_t octets[BYZ_COPY_MAX];
	struct ap_writer w;
	struct blob *b;

	ap_writer_init(&w, octets, sizeof(octets));
	ap_message_put(&w, m);
	if (w.bad != NULL)
		return NULL;
	b = blob_new(m->code, ap_writer_len(&w));
	b->tampered = true;
	memcpy(b->octets, octets, b->len);
	return b;
}

/* Signed by the liar, whoever it says it is. */
static void sign_again(const struct node *n, struct ap_message *m)
{
	const uint8_t *secret = sim->byz->secret[n->id - 1];
	uint8_t digest[32];

	switch (m->code) {
	case AP_MESSAGE_bundle:
		ap_digest_bundle(ap_sha256, digest, genesis(), m->as_bundle.relay,
				 m->as_bundle.start, m->as_bundle.counter, m->as_bundle.ops);
		sign_bundle(secret, digest, m->as_bundle.sig.octets);
		break;
	case AP_MESSAGE_pre_prepare:
		sign_proposal(secret, genesis(), "agree1-preprep", &m->as_pre_prepare.proposal,
			      m->as_pre_prepare.sig.octets);
		break;
	case AP_MESSAGE_prepare:
		sign_proposal(secret, genesis(), "agree1-prepare", &m->as_prepare.proposal,
			      m->as_prepare.sig.octets);
		break;
	case AP_MESSAGE_checkpoint:
		sign_checkpoint(secret, genesis(), &m->as_checkpoint.vote,
				m->as_checkpoint.sig.octets);
		break;
	case AP_MESSAGE_view_change:
	case AP_MESSAGE_new_view:
		byz_sign_view(secret, m);
		break;
	case AP_MESSAGE_share:
		sign_share(secret, genesis(), &m->as_share.share, m->as_share.sig.octets);
		break;
	default:
		break;
	}
}

/* Takes b; gives what stands for it. */
static struct blob *instead(struct blob *b, const struct ap_message *m)
{
	struct blob *other = encode(m);

	if (other == NULL)
		return b;
	blob_drop(b);
	return other;
}

/* ---- two stories ---- */

static struct map_key story_key(uint64_t view, uint64_t seq)
{
	return (struct map_key){{view, seq, 0, 0}};
}

/* Half of the receivers, by sequence: side B. */
static bool is_on_side_b(const struct node *to, uint64_t seq)
{
	uint64_t words[2] = {sim->o.seed, seq};

	return (crypto_hash64(7, words, sizeof(words)) >> to->id & 1) != 0;
}

/* The same bundles at another time, or all but the last. */
static bool other_batch(ap_batch *batch, uint8_t digest[32], bool fewer)
{
	static struct pbft_batch refs;
	static uint8_t octets[COPY_MAX];
	struct verifier v = {.n = (uint8_t)sim->o.n, .keys = (const uint8_t(*)[32])sim->keys};
	struct ap_writer w;

	memcpy(v.genesis, genesis(), 32);
	ap_writer_init(&w, octets, sizeof(octets));
	ap_batch_put(&w, batch);
	if (w.bad != NULL || verify_batch_octets(&v, octets, ap_writer_len(&w), &refs) != NULL)
		return false;
	if (fewer && refs.n_bundles > 1)
		batch->bundles.len -= 4 + refs.bundles[--refs.n_bundles].octets;
	else
		batch->time = ++refs.time;
	digest_batch(&refs);
	memcpy(digest, refs.digest, 32);
	return true;
}

static struct blob *tell_other(const struct node *n, struct blob *b, struct ap_message *m)
{
	ap_proposal *p = &m->as_pre_prepare.proposal;
	struct map_entry *e;
	bool made;

	if (!other_batch(&m->as_pre_prepare.batch, p->batch.octets, p->seq % 2 == 0))
		return b;
	e = map_put(&sim->byz->other, story_key(p->view, p->seq), &made);
	memcpy(e->digest, p->batch.octets, 32);
	sign_again(n, m);
	return instead(b, m);
}

static struct blob *equivocate(const struct node *n, const struct node *to, struct blob *b,
			       struct ap_message *m)
{
	const struct map_entry *e;
	uint8_t *digest;
	uint64_t view, seq;

	if (m->code == AP_MESSAGE_pre_prepare)
		return is_on_side_b(to, m->as_pre_prepare.proposal.seq) ? tell_other(n, b, m) : b;
	if (m->code == AP_MESSAGE_prepare) {
		digest = m->as_prepare.proposal.batch.octets;
		view = m->as_prepare.proposal.view;
		seq = m->as_prepare.proposal.seq;
	} else if (m->code == AP_MESSAGE_commit) {
		digest = m->as_commit.batch.octets;
		view = m->as_commit.view;
		seq = m->as_commit.seq;
	} else {
		return b;
	}
	e = map_find(&sim->byz->other, story_key(view, seq));
	if (e == NULL || !is_on_side_b(to, seq))
		return b;
	memcpy(digest, e->digest, 32);
	sign_again(n, m);
	return instead(b, m);
}

/* ---- single lies: each changes m, and says whether it did ---- */

static bool lie_votes(struct rng *r, struct ap_message *m)
{
	switch (m->code) {
	case AP_MESSAGE_prepare:
		rng_fill(r, m->as_prepare.proposal.batch.octets, 32);
		m->as_prepare.proposal.seq += rng_below(r, 3);
		return true;
	case AP_MESSAGE_commit:
		if (rng_chance(r, 500))
			rng_fill(r, m->as_commit.batch.octets, 32);
		m->as_commit.seq += rng_below(r, 3);
		return true;
	default:
		return false;
	}
}

/* Is it a signature that is changed? Then nothing is signed again. */
static bool is_signature(void)
{
	struct mutate_target t;

	if (sim->o.mutate == 0)
		return false;
	mutate_target((unsigned)sim->o.mutate - 1, &t);
	return strcmp(t.name, "sig") == 0;
}

/* An older frame of that code, or NULL. */
static const struct blob *older(struct rng *r, uint8_t code)
{
	struct byz *all = sim->byz;
	uint64_t n = all->n_old < OLD ? all->n_old : OLD, from = rng_below(r, n);

	for (uint64_t i = 0; i < n; i++)
		if (all->old[(from + i) % n]->type == code)
			return all->old[(from + i) % n];
	return NULL;
}

static bool take_older(struct rng *r, struct ap_message *m, unsigned field)
{
	static struct ap_message from;
	const struct blob *b = older(r, m->code);

	return b != NULL && decode(&from, b) && mutate_take(m, &from, field);
}

/* options.mutate says which field of which message, and how. */
static bool mutate_one(struct rng *r, struct ap_message *m)
{
	struct mutate_target t;

	mutate_target((unsigned)sim->o.mutate - 1, &t);
	if (t.code != m->code || t.way == MUTATE_REPLAY || t.field >= mutate_fields(m))
		return false;
	if (t.way == MUTATE_TAKEN && !take_older(r, m, t.field))
		return false;
	if (t.way < MUTATE_WAYS)
		mutate_field(m, t.field, t.way, r);
	mutate_hits++;
	return true;
}

static bool lie_mutate(struct rng *r, struct ap_message *m)
{
	unsigned fields = mutate_fields(m);

	if (fields == 0)
		return false;
	if (sim->o.mutate == 0) {
		/* one draw after the other: a compiler chooses the order within a call */
		unsigned field = (unsigned)rng_below(r, fields);
		unsigned way = (unsigned)rng_below(r, MUTATE_WAYS);

		mutate_field(m, field, way, r);
		return true;
	}
	return mutate_one(r, m);
}

static bool lie_forge(struct rng *r, struct ap_message *m)
{
	uint8_t id = (uint8_t)rng_between(r, 1, sim->o.n);

	switch (m->code) {
	case AP_MESSAGE_bundle:
		m->as_bundle.relay = id;
		return true;
	case AP_MESSAGE_pre_prepare:
		m->as_pre_prepare.proposal.replica = id;
		return true;
	case AP_MESSAGE_prepare:
		m->as_prepare.proposal.replica = id;
		return true;
	case AP_MESSAGE_checkpoint:
		m->as_checkpoint.vote.replica = id;
		return true;
	case AP_MESSAGE_share:
		m->as_share.share.replica = id;
		return true;
	default:
		return false;
	}
}

static bool lie_shares(struct rng *r, struct ap_message *m)
{
	if (m->code == AP_MESSAGE_signed) {
		rng_fill(r, m->as_signed.sig.octets, 64);
		return true;
	}
	if (m->code != AP_MESSAGE_share)
		return false;
	switch (rng_below(r, 4)) {
	case 0:
		m->as_share.share.z.octets[0] ^= 1;
		break;
	case 1:
		m->as_share.share.set ^= 1;
		break;
	case 2:
		m->as_share.share.seq += rng_below(r, 4);
		break;
	default:
		rng_fill(r, m->as_share.share.z.octets, 32);
	}
	return true;
}

/* The wrong batch that was served, when it was the last one asked for, leads to this hash: asked
 * for the second time the lie is a whole one. */
static bool attest_lie(struct rng *r, ap_attest *m)
{
	const struct map_entry *e = map_find(&sim->byz->other, story_key(UINT64_MAX, m->seq));

	uint8_t running[32];

	if (e == NULL)
		rng_fill(r, running, 32);
	else
		ap_digest_running(ap_sha256, running, oracle_running(m->seq - 1), m->seq,
				  e->digest);
	memcpy(m->running.octets, running, 32);
	return true;
}

/* An operation at the end of the bundle. */
static bool bundle_add(ap_bundle *bundle, const struct ap_operation *it)
{
	static uint8_t ops[COPY_MAX], body[1024];
	struct ap_writer w;
	ap_op op = {.kind = it->kind};

	if (bundle->ops.len + sizeof(body) + 3 > sizeof(ops))
		return false;
	ap_writer_init(&w, body, sizeof(body));
	ap_operation_put(&w, it);
	op.body = ap_writer_bytes(&w);
	memcpy(ops, bundle->ops.data, bundle->ops.len);
	ap_writer_init(&w, ops + bundle->ops.len, sizeof(ops) - bundle->ops.len);
	ap_op_put(&w, &op);
	bundle->ops = (ap_span){ops, bundle->ops.len + ap_writer_len(&w)};
	return true;
}

static bool lie_retry(struct rng *r, struct ap_message *m)
{
	struct ap_operation op;
	uint64_t head = oracle_batches(), seq = head - rng_below(r, head < 8 ? head + 1 : 8);

	if (m->code != AP_MESSAGE_bundle || m->as_bundle.ops.len == 0)
		return false;
	memset(&op, 0, sizeof(op)); /* of a union the first member alone has an initializer */
	op.kind = (uint8_t)rng_between(r, AP_OP_retry, AP_OP_badpoint);
	switch (op.kind) {
	case AP_OP_retry:
		op.as_retry.epoch = 1;
		op.as_retry.seq = seq;
		op.as_retry.attempt = (uint8_t)rng_between(r, 1, 3);
		op.as_retry.missing = (uint16_t)rng_next(r);
		break;
	case AP_OP_blame:
		rng_fill(r, &op.as_blame.sig, 64);
		op.as_blame.share.epoch = 1;
		op.as_blame.share.seq = seq;
		op.as_blame.share.replica = (uint8_t)rng_between(r, 1, sim->o.n);
		op.as_blame.n_pairs = (uint8_t)(options_f(&sim->o) + 1);
		break;
	default:
		op.as_badpoint.epoch = 1;
		op.as_badpoint.seq = seq;
		op.as_badpoint.replica = (uint8_t)rng_between(r, 1, sim->o.n);
		op.as_badpoint.n_pairs = (uint8_t)(options_f(&sim->o) + 1);
	}
	return bundle_add(&m->as_bundle, &op);
}

/* One octet of it is another one, or it ends early. */
static bool span_lie(struct rng *r, ap_span *span)
{
	static uint8_t copy[AP_SPAN_MAX];
	size_t at;

	if (span->len == 0)
		return false;
	memcpy(copy, span->data, span->len);
	span->data = copy;
	at = rng_below(r, span->len);
	if (rng_chance(r, 200))
		span->len = at;
	else
		copy[at] ^= (uint8_t)(1u << rng_below(r, 8));
	return true;
}

/* Of a transferred state: what is wrong, too short, or not there. */
static bool lie_state(struct rng *r, struct ap_message *m)
{
	switch (m->code) {
	case AP_MESSAGE_state:
		return span_lie(r, rng_chance(r, 500) ? &m->as_state.fixed : &m->as_state.signers);
	case AP_MESSAGE_leaves:
		return span_lie(r, rng_chance(r, 800) ? &m->as_leaves.leaves : &m->as_leaves.path);
	case AP_MESSAGE_chunks:
		return span_lie(r, &m->as_chunks.chunks);
	default:
		return false;
	}
}

static bool lie_fetch(struct rng *r, struct ap_message *m)
{
	struct map_entry *e;
	uint8_t digest[32];
	bool made;

	if (lie_state(r, m))
		return true;

	if (m->code == AP_MESSAGE_attest)
		return attest_lie(r, &m->as_attest);
	if (m->code != AP_MESSAGE_body)
		return false;
	if (rng_chance(r, 100)) {
		m->as_body.seq += rng_below(r, 3);
		return true;
	}
	if (map_find(&sim->byz->other, story_key(UINT64_MAX, m->as_body.seq + 1)) != NULL ||
	    !other_batch(&m->as_body.batch, digest, false))
		return false;
	e = map_put(&sim->byz->other, story_key(UINT64_MAX, m->as_body.seq), &made);
	memcpy(e->digest, digest, 32);
	return true;
}

static bool lie_status(struct rng *r, struct ap_message *m)
{
	if (m->code != AP_MESSAGE_status)
		return false;
	m->as_status.executed += rng_chance(r, 300) ? UINT64_MAX / 2 : rng_below(r, 100);
	if (rng_chance(r, 500))
		m->as_status.stable = m->as_status.executed;
	if (rng_chance(r, 300))
		m->as_status.view += rng_below(r, 5);
	return true;
}

static bool lie_checkpoint(struct rng *r, struct ap_message *m)
{
	if (m->code != AP_MESSAGE_checkpoint)
		return false;
	if (rng_chance(r, 700))
		rng_fill(r, m->as_checkpoint.vote.state.octets, 32);
	if (rng_chance(r, 500))
		m->as_checkpoint.vote.seq += sim->o.interval * rng_below(r, 6);
	return true;
}

/* Another bundle under the same number, or a number far ahead, or one with nonsense in it. */
static bool lie_bundles(struct rng *r, struct ap_message *m)
{
	static uint8_t ops[COPY_MAX];
	const ap_span *was = &m->as_bundle.ops;
	struct ap_writer w;
	ap_op op = {.kind = (uint8_t)(rng_chance(r, 500) ? 1 + rng_below(r, 10)
							 : 16 + rng_below(r, 4))};
	uint8_t body[64];

	if (m->code != AP_MESSAGE_bundle || was->len + sizeof(body) + 3 > sizeof(ops))
		return false;
	rng_fill(r, body, sizeof(body));
	op.body = (ap_bytes){body, op.kind == AP_OP_tick ? 0 : rng_below(r, sizeof(body))};
	if (was->len > 0)
		memcpy(ops, was->data, was->len);
	ap_writer_init(&w, ops + was->len, sizeof(ops) - was->len);
	ap_op_put(&w, &op);
	m->as_bundle.ops = (ap_span){ops, was->len + ap_writer_len(&w)};
	if (rng_chance(r, 200))
		m->as_bundle.counter += rng_below(r, 300);
	return true;
}

/* ---- old frames ---- */

static void keep(struct blob **ring, uint64_t *n, const struct blob *b)
{
	struct blob **at = &ring[(*n)++ % OLD];

	blob_drop(*at);
	*at = (struct blob *)(uintptr_t)b;
	(*at)->refs++;
}

void byz_heard(struct node *n, uint8_t from, const struct blob *b)
{
	(void)n;
	(void)from;
	keep(sim->byz->old, &sim->byz->n_old, b);
}

static void replay(struct node *n, struct node *to)
{
	struct byz *all = sim->byz;
	const struct blob *old;
	struct blob *b;

	if (all->n_old == 0)
		return;
	old = all->old[rng_below(&all->rng[n->index], all->n_old < OLD ? all->n_old : OLD)];
	b = blob_new(old->type, old->len);
	memcpy(b->octets, old->octets, old->len);
	b->tampered = true;
	net_send(n, to, b);
}

/* options.mutate: an older message in the place of this one, as it was signed. */
static struct blob *replayed(struct rng *r, struct blob *b)
{
	struct mutate_target t;
	const struct blob *old;
	struct blob *other;

	mutate_target((unsigned)sim->o.mutate - 1, &t);
	if (t.way != MUTATE_REPLAY || t.code != b->type || (old = older(r, t.code)) == NULL)
		return b;
	other = blob_new(old->type, old->len);
	memcpy(other->octets, old->octets, old->len);
	other->tampered = true;
	blob_drop(b);
	mutate_hits++;
	return other;
}

static struct blob *garbage(struct rng *r, struct blob *b)
{
	uint8_t type = (uint8_t)rng_below(r, 16);
	struct blob *other = blob_new(type, rng_below(r, b->len + 20));

	other->tampered = true;
	rng_fill(r, other->octets, other->len);
	blob_drop(b);
	return other;
}

/* ---- on the way out ---- */

typedef bool lie_fn(struct rng *r, struct ap_message *m);

static struct blob *change(struct node *n, struct blob *b, enum lie lie, lie_fn *f)
{
	struct rng *r = &sim->byz->rng[n->index];
	static struct ap_message m;

	if (!is_lying(n, lie) || !decode(&m, b) || !f(r, &m))
		return b;
	if (!rng_chance(r, 100) && !is_signature()) /* some are not even signed */
		sign_again(n, &m);
	return instead(b, &m);
}

/* Shares and signatures that go now; NULL: none. */
static struct blob *hold_back(struct node *from, struct node *to, struct blob *b)
{
	struct blob **late = &sim->byz->late[from->index][to->index], *was = *late;

	if (is_lying(from, LIE_SLEEP)) {
		blob_drop(b);
		return NULL;
	}
	if (!is_lying(from, LIE_SLOW))
		return b;
	*late = b;
	return was;
}

struct blob *byz_frame(struct node *from, struct node *to, struct blob *b)
{
	static const struct {
		enum lie lie;
		lie_fn *f;
	} lies[] = {{LIE_VOTES, lie_votes},
		    {LIE_SHARES, lie_shares},
		    {LIE_FETCH, lie_fetch},
		    {LIE_STATUS, lie_status},
		    {LIE_CHECKPOINT, lie_checkpoint},
		    {LIE_BUNDLES, lie_bundles},
		    {LIE_MUTATE, lie_mutate},
		    {LIE_FORGE, lie_forge},
		    {LIE_RETRY, lie_retry}};
	struct byz *all = sim->byz;
	static struct ap_message m;

	if (sim->o.twins != 0 || sim->o.lies == 0)
		return b;
	if ((all->quiet_to[from->index] >> (to->id - 1) & 1) != 0 && is_lying(from, LIE_SILENT)) {
		blob_drop(b);
		return NULL;
	}
	if (b->type == AP_MESSAGE_share || b->type == AP_MESSAGE_signed)
		b = hold_back(from, to, b);
	if (b == NULL)
		return NULL;
	if (b->type == AP_MESSAGE_pre_prepare && is_lying(from, LIE_PACE)) {
		net_send_late(from, to, b, PACE_PM * sim->o.timeout_ms);
		return NULL;
	}
	keep(all->old, &all->n_old, b);
	/* one story is told to the end */
	if ((sim->o.lies & LIE_EQUIVOCATE) != 0 &&
	    (sim->phase != SIM_FORM || sim->o.form_faults != 0) && decode(&m, b))
		b = equivocate(from, to, b, &m);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		b = change(from, b, lies[i].lie, lies[i].f);
	if (is_lying(from, LIE_VIEWS) && decode(&m, b) &&
	    byz_lie_views(from, &all->rng[from->index], all->secret[from->id - 1], &m)) {
		sign_again(from, &m);
		b = instead(b, &m);
	}
	if (is_lying(from, LIE_REPLAY))
		replay(from, to);
	if (sim->o.mutate != 0 && is_lying(from, LIE_MUTATE))
		b = replayed(&all->rng[from->index], b);
	if (is_lying(from, LIE_GARBAGE))
		b = garbage(&all->rng[from->index], b);
	return b;
}

struct blob *byz_answer(struct node *n, struct blob *b)
{
	struct byz *all = sim->byz;
	struct rng *r = &all->rng[n->index];

	if (sim->o.twins != 0 || sim->o.lies == 0)
		return b;
	if (is_lying(n, LIE_SILENT)) {
		blob_drop(b);
		return NULL;
	}
	keep(all->answers, &all->n_answers, b);
	if (is_lying(n, LIE_MUTATE) && b->refs == 2) {
		struct blob *other = blob_new(0, b->len);
		uint64_t at;

		memcpy(other->octets, b->octets, b->len);
		at = rng_below(r, b->len);
		other->octets[at] ^= (uint8_t)(1u << rng_below(r, 8));
		blob_drop(b);
		b = other;
	}
	/* under the id of the question, so that the client looks at it */
	if (is_lying(n, LIE_REPLAY)) {
		const struct blob *old =
			all->answers[rng_below(r, all->n_answers < OLD ? all->n_answers : OLD)];
		struct blob *other = blob_new(0, old->len);

		memcpy(other->octets, old->octets, old->len);
		if (old->len >= 2 && b->len >= 2)
			memcpy(other->octets, b->octets, 2);
		blob_drop(b);
		b = other;
	}
	return b;
}
