#include "tests/lib/rig.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libproto/crypto.h"
#include "libproto/digest.h"

void rig_init(struct rig *r, uint8_t n, uint8_t self)
{
	memset(r, 0, sizeof(*r));
	r->conf = (struct pbft_conf){
		.n = n,
		.self = self,
		.window = 8,
		.interval = 4,
		.pipeline = 2,
		.batch_requests_max = 10,
		.batch_octets_max = 10000,
		.resend_ms = 100,
		.heartbeat_ms = 1000,
		.clock_bound_ms = 5000,
		.running0 = {1},
		.sha256 = ap_sha256,
	};
	r->now_ms = 1000;
	r->wall_ms = 1790000000000;
	r->executes = true;
}

void rig_make(struct rig *r)
{
	size_t size = pbft_size(&r->conf);

	assert_true(size > 0);
	r->memory = malloc(size);
	assert_non_null(r->memory);
	memset(r->memory, 0xa5, size);
	r->core = pbft_init(r->memory, &r->conf);
	assert_non_null(r->core);
}

void rig_start(struct rig *r)
{
	struct pbft_info info;

	if (r->core == NULL)
		rig_make(r);
	pbft_info(r->core, &info);
	r->executed = info.executed;
	rig_event(r, &(struct pbft_event){.kind = PBFT_EV_START});
	rig_clear(r);
}

void rig_free(struct rig *r)
{
	free(r->memory);
	free(r->trace);
	map_free(&r->holds);
	memset(r, 0, sizeof(*r));
}

static void hold(struct rig *r, const uint8_t digest[32], int by)
{
	struct map_entry *e = map_put(&r->holds, map_digest_key(digest), NULL);

	e->count += by;
	assert_true(e->count >= 0);
}

int64_t rig_held(const struct rig *r, const uint8_t digest[32])
{
	const struct map_entry *e = map_find(&r->holds, map_digest_key(digest));

	return e == NULL ? 0 : e->count;
}

int64_t rig_held_all(const struct rig *r)
{
	int64_t sum = 0;

	for (size_t i = 0; i < r->holds.size; i++)
		sum += r->holds.entries[i].used ? r->holds.entries[i].count : 0;
	return sum;
}

/* ---- in and out ---- */

static void note(struct rig *r, const struct pbft_effect *e)
{
	struct rig_effect *to;

	if (r->n == r->size) {
		r->size = 2 * r->size + 64;
		r->trace = realloc(r->trace, r->size * sizeof(*r->trace));
		assert_non_null(r->trace);
	}
	to = &r->trace[r->n++];
	to->e = *e;
	if (e->kind <= PBFT_WRITE_FETCHED || e->kind == PBFT_EXECUTE ||
	    (e->kind >= PBFT_SEND_PRE_PREPARE && e->kind <= PBFT_SEND_COMMIT)) {
		to->batch = *e->u.slot.batch;
		if (e->u.slot.cert != NULL)
			to->cert = *e->u.slot.cert;
		else
			memset(&to->cert, 0, sizeof(to->cert));
	}
}

/* Effects whose meaning the rig itself checks. true: something is to be executed. */
static bool obey(struct rig *r, const struct pbft_effect *e)
{
	if (e->kind <= PBFT_WRITE_EXECUTED) {
		assert_int_equal(e->token, r->token + 1);
		r->token = e->token;
	}
	if (e->kind == PBFT_WRITE_PROPOSAL && e->u.slot.primary == r->conf.self &&
	    !e->u.slot.reproposed)
		hold(r, e->u.slot.batch->digest, 1);
	if (e->kind == PBFT_WRITE_PROPOSAL || e->kind == PBFT_WRITE_FETCHED ||
	    e->kind == PBFT_SEND_PRE_PREPARE || e->kind == PBFT_EXECUTE)
		assert_true(rig_held(r, e->u.slot.batch->digest) > 0);
	if (e->kind == PBFT_SEND_BUNDLE)
		assert_true(rig_held(r, e->u.bundle.digest) > 0);
	if (e->kind == PBFT_DROP_BUNDLE)
		hold(r, e->u.bundle.digest, -1);
	if (e->kind == PBFT_DROP_BATCH)
		hold(r, e->u.drop.batch, -1);
	if (e->kind == PBFT_HOLD_NULL)
		hold(r, e->u.drop.batch, 1);
	if (e->kind == PBFT_EXECUTE) {
		assert_int_equal(e->u.slot.seq, r->executed + 1);
		if (e->u.slot.batch->time > r->machine_ms)
			r->machine_ms = e->u.slot.batch->time;
	}
	return e->kind == PBFT_EXECUTE;
}

static bool step(struct rig *r, struct pbft_event *ev)
{
	static struct pbft_update u;
	bool execute = false;

	ev->now_ms = r->now_ms;
	ev->wall_ms = r->wall_ms;
	pbft_step(r->core, ev, &u);
	assert_true(u.n <= PBFT_EFFECTS_MAX);
	r->wake_ms = u.wake_ms;
	for (size_t i = 0; i < u.n; i++) {
		note(r, &u.effects[i]);
		execute |= obey(r, &u.effects[i]);
	}
	return execute;
}

void rig_state(const struct rig *r, uint64_t seq, uint8_t state[32])
{
	memset(state, r->state_salt, 32);
	memcpy(state, &seq, sizeof(seq));
}

static bool execute_one(struct rig *r)
{
	struct pbft_event ev = {.kind = PBFT_EV_EXECUTED};

	ev.u.executed.seq = ++r->executed;
	ev.u.executed.time_ms = r->machine_ms;
	rig_state(r, r->executed, ev.u.executed.state);
	ev.u.executed.incarnation = r->incarnation;
	ev.u.executed.rejoined = r->rejoined;
	r->rejoined = false;
	return step(r, &ev);
}

void rig_event(struct rig *r, struct pbft_event *ev)
{
	bool execute;

	if (ev->kind == PBFT_EV_BUNDLE)
		hold(r, ev->u.bundle.digest, 1);
	else if (ev->kind == PBFT_EV_PRE_PREPARE)
		hold(r, ev->u.pre_prepare.batch->digest, 1);
	else if (ev->kind == PBFT_EV_BODY)
		hold(r, ev->u.body.batch->digest, 1);
	execute = step(r, ev);
	while (r->executes && execute)
		execute = execute_one(r);
}

void rig_executed(struct rig *r)
{
	execute_one(r);
}

void rig_written(struct rig *r)
{
	struct pbft_event ev = {.kind = PBFT_EV_WRITTEN};

	ev.u.token = r->token;
	rig_event(r, &ev);
}

void rig_wait(struct rig *r, uint64_t ms)
{
	r->now_ms += ms;
	r->wall_ms += ms;
}

void rig_timer(struct rig *r, uint64_t ms)
{
	rig_wait(r, ms);
	rig_event(r, &(struct pbft_event){.kind = PBFT_EV_TIMER});
}

void rig_link(struct rig *r, uint8_t from, bool up)
{
	rig_event(r, &(struct pbft_event){.kind = PBFT_EV_LINK, .from = from, .u.up = up});
}

void rig_links(struct rig *r)
{
	for (uint8_t id = 1; id <= r->conf.n; id++)
		if (id != r->conf.self)
			rig_link(r, id, true);
	rig_clear(r);
}

/* ---- messages ---- */

struct pbft_bundle rig_bundle_of(uint8_t relay, uint64_t start, uint64_t counter)
{
	static const uint8_t genesis[32];
	struct pbft_bundle b = {
		.relay = relay, .start = start, .counter = counter, .requests = 1, .octets = 100};

	ap_digest_bundle(ap_sha256, b.digest, genesis, relay, start, counter, (ap_bytes){NULL, 0});
	return b;
}

void rig_bundle(struct rig *r, uint8_t from, const struct pbft_bundle *b)
{
	struct pbft_event ev = {.kind = PBFT_EV_BUNDLE, .from = from};

	ev.u.bundle = *b;
	rig_event(r, &ev);
}

void rig_own(struct rig *r, uint64_t counter)
{
	struct pbft_bundle b = rig_bundle_of(r->conf.self, 1, counter);

	rig_bundle(r, r->conf.self, &b);
}

void rig_seal(struct pbft_batch *b)
{
	uint8_t digests[PBFT_BATCH_BUNDLES_MAX * 32];

	for (size_t i = 0; i < b->n_bundles; i++)
		memcpy(digests + 32 * i, b->bundles[i].digest, 32);
	ap_digest_batch(ap_sha256, b->digest, b->time, b->n_bundles, digests);
}

struct pbft_batch rig_batch(struct rig *r, uint64_t number)
{
	struct pbft_batch b = {.time = r->wall_ms, .n_bundles = 1};

	b.bundles[0] = rig_bundle_of(4, 1, number);
	rig_seal(&b);
	return b;
}

static struct pbft_proposal proposal(uint8_t replica, uint64_t seq, const struct pbft_batch *b)
{
	struct pbft_proposal p = {.seq = seq, .replica = replica};

	memcpy(p.batch, b->digest, 32);
	return p;
}

void rig_pre_prepare(struct rig *r, uint64_t seq, const struct pbft_batch *b)
{
	struct pbft_event ev = {.kind = PBFT_EV_PRE_PREPARE, .from = 1};

	ev.u.pre_prepare.p = proposal(1, seq, b);
	memset(ev.u.pre_prepare.sig, 0x11, 64);
	ev.u.pre_prepare.batch = b;
	rig_event(r, &ev);
}

void rig_prepare(struct rig *r, uint8_t from, uint64_t seq, const struct pbft_batch *b)
{
	struct pbft_event ev = {.kind = PBFT_EV_PREPARE, .from = from};

	ev.u.prepare.p = proposal(from, seq, b);
	memset(ev.u.prepare.sig, 0x20 + from, 64);
	rig_event(r, &ev);
}

void rig_commit(struct rig *r, uint8_t from, uint64_t seq, const struct pbft_batch *b)
{
	struct pbft_event ev = {.kind = PBFT_EV_COMMIT, .from = from};

	ev.u.commit.seq = seq;
	memcpy(ev.u.commit.batch, b->digest, 32);
	rig_event(r, &ev);
}

struct pbft_batch rig_order(struct rig *r, uint64_t seq)
{
	struct pbft_batch b = rig_batch(r, seq);

	rig_pre_prepare(r, seq, &b);
	for (uint8_t id = 2; id <= r->conf.n; id++)
		if (id != r->conf.self)
			rig_prepare(r, id, seq, &b);
	rig_written(r);
	for (uint8_t id = 1; id <= r->conf.n; id++)
		if (id != r->conf.self)
			rig_commit(r, id, seq, &b);
	rig_written(r);
	assert_int_equal(r->executed, seq);
	return b;
}

void rig_checkpoint(struct rig *r, uint8_t from, uint64_t seq, const uint8_t state[32])
{
	struct pbft_event ev = {.kind = PBFT_EV_CHECKPOINT, .from = from};

	ev.u.checkpoint.seq = seq;
	ev.u.checkpoint.replica = from;
	memcpy(ev.u.checkpoint.state, state, 32);
	memset(ev.u.checkpoint.sig, 0x40 + from, 64);
	rig_event(r, &ev);
}

void rig_status(struct rig *r, uint8_t from, uint64_t executed, uint64_t stable)
{
	struct pbft_event ev = {.kind = PBFT_EV_STATUS, .from = from};

	ev.u.status.executed = executed;
	ev.u.status.stable = stable;
	ev.u.status.heard = 0xffff;
	rig_event(r, &ev);
}

void rig_fetch(struct rig *r, uint8_t from, uint64_t first, uint64_t last, bool bodies)
{
	struct pbft_event ev = {.kind = PBFT_EV_FETCH, .from = from};

	ev.u.fetch.from = first;
	ev.u.fetch.to = last;
	ev.u.fetch.bodies = bodies;
	rig_event(r, &ev);
}

void rig_body(struct rig *r, uint8_t from, uint64_t seq, const struct pbft_batch *b)
{
	struct pbft_event ev = {.kind = PBFT_EV_BODY, .from = from};

	ev.u.body.seq = seq;
	ev.u.body.batch = b;
	rig_event(r, &ev);
}

void rig_attest(struct rig *r, uint8_t from, uint64_t seq, const uint8_t running[32])
{
	struct pbft_event ev = {.kind = PBFT_EV_ATTEST, .from = from};

	ev.u.attest.seq = seq;
	memcpy(ev.u.attest.running, running, 32);
	rig_event(r, &ev);
}

/* ---- what came out ---- */

void rig_clear(struct rig *r)
{
	r->n = 0;
}

static const struct pbft_effect *look(const struct rig *r, size_t i)
{
	struct rig_effect *at = &r->trace[i];

	if (at->e.kind <= PBFT_WRITE_FETCHED || at->e.kind == PBFT_EXECUTE ||
	    (at->e.kind >= PBFT_SEND_PRE_PREPARE && at->e.kind <= PBFT_SEND_COMMIT)) {
		at->e.u.slot.batch = &at->batch;
		at->e.u.slot.cert = &at->cert;
	}
	return &at->e;
}

size_t rig_count(const struct rig *r, enum pbft_effect_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < r->n; i++)
		count += r->trace[i].e.kind == kind;
	return count;
}

const struct pbft_effect *rig_nth(const struct rig *r, enum pbft_effect_kind kind, size_t nth)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->trace[i].e.kind == kind && nth-- == 0)
			return look(r, i);
	return NULL;
}

const struct pbft_effect *rig_last(const struct rig *r, enum pbft_effect_kind kind)
{
	size_t count = rig_count(r, kind);

	return count == 0 ? NULL : rig_nth(r, kind, count - 1);
}

uint8_t rig_source(const struct rig *r)
{
	for (size_t i = rig_count(r, PBFT_SEND_FETCH); i-- > 0;) {
		const struct pbft_effect *e = rig_nth(r, PBFT_SEND_FETCH, i);

		for (uint8_t id = 1; e->u.fetch.bodies && id <= r->conf.n; id++)
			if (e->to == 1u << (id - 1))
				return id;
	}
	fail();
	return 0;
}

size_t rig_votes(const struct rig *r)
{
	return rig_count(r, PBFT_SEND_PRE_PREPARE) + rig_count(r, PBFT_SEND_PREPARE) +
	       rig_count(r, PBFT_SEND_COMMIT) + rig_count(r, PBFT_SEND_CHECKPOINT);
}

struct pbft_info rig_info(const struct rig *r)
{
	struct pbft_info info;

	pbft_info(r->core, &info);
	return info;
}
