/* What a shell does around a core: journal, bodies, machine, messages; here with stand-ins for all
 * of them. */
#include "tests/lib/carry.h"
#include "tests/lib/net.h"

#include <stdlib.h>
#include <string.h>

#include "libproto/crypto.h"
#include "libproto/digest.h"

static const uint64_t EPOCH_MS = 1790000000000u; /* the wall clock at time 0 */

/* ---- bodies ---- */

static void hold(struct net *net, struct net_replica *r, const uint8_t digest[32], int by)
{
	struct map_entry *e = map_put(&r->holds, map_digest_key(digest), NULL);

	e->count += by;
	r->held += by;
	if (e->count < 0)
		net_fail(net, r, "a body is dropped that nobody holds");
}

static bool is_held(const struct net_replica *r, const uint8_t digest[32])
{
	const struct map_entry *e = map_find(&r->holds, map_digest_key(digest));

	return e != NULL && e->count > 0;
}

static void bundle_digest(struct pbft_bundle *b)
{
	static const uint8_t genesis[32];

	ap_digest_bundle(ap_sha256, b->digest, genesis, b->relay, b->start, b->counter,
			 (ap_bytes){NULL, 0});
}

static struct map_key bundle_key(uint8_t relay, uint64_t start, uint64_t counter)
{
	return (struct map_key){{relay, start, counter, 0}};
}

bool net_own_bundle(struct net *net, struct net_replica *r, uint16_t requests, uint32_t octets)
{
	struct pbft_event ev = {.kind = PBFT_EV_BUNDLE, .from = r->id};
	struct pbft_info info;

	pbft_info(r->core, &info);
	if (info.own >= PBFT_OWN_MAX)
		return false;
	if (net->n_bundles == net->size_bundles) {
		net->size_bundles = 2 * net->size_bundles + 64;
		net->bundles = realloc(net->bundles, net->size_bundles * sizeof(*net->bundles));
		if (net->bundles == NULL)
			abort();
	}
	ev.u.bundle = (struct pbft_bundle){.relay = r->id,
					   .start = r->starts,
					   .counter = ++r->counter,
					   .requests = requests,
					   .octets = octets};
	bundle_digest(&ev.u.bundle);
	map_put(&net->bundle_index, bundle_key(r->id, r->starts, r->counter), NULL)->count =
		(int64_t)net->n_bundles;
	net->bundles[net->n_bundles++] =
		(struct net_bundle){.relay = r->id, .start = r->starts, .counter = r->counter};
	net_deliver(net, r, &ev);
	return true;
}

/* ---- journal ---- */

static struct net_record *record(struct net_replica *r, const struct pbft_effect *e)
{
	struct net_record *record;

	if (r->n_records == r->size_records) {
		r->size_records = 2 * r->size_records + 256;
		r->records = realloc(r->records, r->size_records * sizeof(*r->records));
		if (r->records == NULL)
			abort();
	}
	record = &r->records[r->n_records++];
	memset(record, 0, sizeof(*record));
	record->kind = e->kind;
	record->token = e->token;
	return record;
}

static void write_slot(struct net *net, struct net_replica *r, const struct pbft_effect *e)
{
	const struct pbft_slot_view *v = &e->u.slot;
	struct net_record *to = record(r, e);

	if (e->kind == PBFT_WRITE_PROPOSAL && v->primary == r->id && !v->reproposed) {
		for (size_t i = 0; i < v->batch->n_bundles; i++)
			if (!is_held(r, v->batch->bundles[i].digest))
				net_fail(net, r, "proposes a bundle whose body is gone");
		hold(net, r, v->batch->digest, 1);
	} else if (e->kind != PBFT_WRITE_PREPARED && !is_held(r, v->batch->digest)) {
		net_fail(net, r, "writes a body that is gone");
	}
	to->view = e->kind == PBFT_WRITE_FETCHED ? 0 : v->view;
	to->seq = v->seq;
	to->incarnation = v->incarnation;
	to->primary = v->primary;
	to->batch = net_batch(net, v->batch);
	if (v->cert != NULL)
		to->cert = *v->cert;
}

static void write_view_change(struct net *net, struct net_replica *r, const struct pbft_effect *e)
{
	struct net_record *to = record(r, e);

	if (!e->u.view_change.again) {
		net_check_view_change(net, r, e);
		r->changes[r->id - 1] = net_view_change(net, e->u.view_change.says);
	}
	to->change = r->changes[r->id - 1];
	to->view = to->change->view;
	net_digest_change(to->change, to->digest);
}

static void write_new_view(struct net *net, struct net_replica *r, const struct pbft_effect *e)
{
	struct net_record *to = record(r, e);
	struct net_new_view nv = {.says = *e->u.new_view.says};

	if (!e->u.new_view.again) {
		for (uint8_t i = 0; i < net->o.n; i++)
			if ((e->u.new_view.who >> i & 1) != 0)
				nv.changes[nv.n_changes++] = r->changes[i];
		if (e->u.new_view.who == 0) {
			nv.n_changes = r->current->u.new_view.n_changes;
			memcpy(nv.changes, r->current->u.new_view.changes, sizeof(nv.changes));
		}
		net_check_new_view(net, r, &nv);
		r->new_view = net_new_view(net, &nv);
	}
	to->new_view = r->new_view;
	to->view = r->new_view->says.view;
	net_digest_new_view(&r->new_view->says, to->digest);
}

static void write(struct net *net, struct net_replica *r, const struct pbft_effect *e)
{
	struct net_record *to;
	bool lazy = e->kind == PBFT_WRITE_EXECUTED;

	if (e->kind <= PBFT_WRITE_FETCHED) {
		write_slot(net, r, e);
	} else if (e->kind == PBFT_WRITE_VIEW_CHANGE) {
		write_view_change(net, r, e);
	} else if (e->kind == PBFT_WRITE_NEW_VIEW) {
		write_new_view(net, r, e);
	} else if (e->kind == PBFT_WRITE_EXECUTED) {
		to = record(r, e);
		to->seq = e->u.executed.seq;
		to->time_ms = e->u.executed.time_ms;
		memcpy(to->digest, e->u.executed.running, 32);
	} else {
		bool stable = e->kind == PBFT_WRITE_STABLE;

		to = record(r, e);
		to->seq = stable ? e->u.stable.seq : e->u.checkpoint.seq;
		memcpy(to->digest, stable ? e->u.stable.state : e->u.checkpoint.state, 32);
		if (stable) {
			to->who = e->u.stable.who;
			memcpy(to->incarnations, e->u.stable.incarnation, sizeof(to->incarnations));
			memcpy(to->sigs, e->u.stable.sig, sizeof(to->sigs));
		}
	}
	if (lazy || r->syncing)
		return;
	r->syncing = true;
	r->sync_to = r->n_records;
	net_sync_later(net, r);
}

void net_synced(struct net *net, struct net_replica *r)
{
	struct pbft_event ev = {.kind = PBFT_EV_WRITTEN};
	size_t more = 0;

	for (; r->n_durable < r->sync_to; r->n_durable++)
		net_note_durable(net, r, &r->records[r->n_durable]);
	ev.u.token = r->records[r->n_durable - 1].token;
	for (size_t i = r->n_durable; i < r->n_records; i++)
		more += r->records[i].kind != PBFT_WRITE_EXECUTED;
	r->syncing = more > 0;
	r->sync_to = r->n_records;
	if (r->syncing)
		net_sync_later(net, r);
	net_deliver(net, r, &ev);
}

/* What the journal has of a sequence: the fetched body if there is one, else the newest proposal's.
 */
static const struct pbft_batch *journal_body(const struct net_replica *r, uint64_t seq)
{
	const struct pbft_batch *batch = NULL;
	bool fetched = false;

	for (size_t i = 0; i < r->n_durable; i++) {
		const struct net_record *record = &r->records[i];

		if (record->seq != seq ||
		    (record->kind != PBFT_WRITE_PROPOSAL && record->kind != PBFT_WRITE_FETCHED))
			continue;
		if (fetched && record->kind == PBFT_WRITE_PROPOSAL)
			continue;
		batch = record->batch;
		fetched = record->kind == PBFT_WRITE_FETCHED;
	}
	return batch;
}

/* ---- machine ---- */

static void execute(struct net *net, struct net_replica *r, const struct pbft_effect *e)
{
	const struct pbft_batch *batch = net_batch(net, e->u.slot.batch);
	uint64_t seq = e->u.slot.seq;
	struct net_done *done;
	const struct net_done *last;

	net_check_execute(net, r, e);
	if (seq >= r->size_log) {
		r->size_log = 2 * seq + 64;
		r->log = realloc(r->log, r->size_log * sizeof(*r->log));
		if (r->log == NULL)
			abort();
		if (seq == 1)
			memset(&r->log[0], 0, sizeof(r->log[0]));
	}
	done = &r->log[seq];
	last = &r->log[seq - 1];
	done->batch = batch;
	done->time_ms = batch->time > last->time_ms ? batch->time : last->time_ms;
	ap_digest_running(ap_sha256, done->running, seq == 1 ? net->conf.running0 : last->running,
			  seq, batch->digest);
	ap_sha256(done->state,
		  (const ap_bytes[]){
			  {last->state, 32}, {(const uint8_t *)&seq, 8}, {batch->digest, 32}},
		  3);
	r->executed = seq;
	net_check_executed(net, r, seq);
	for (size_t i = 0; i < batch->n_bundles; i++) {
		const struct pbft_bundle *b = &batch->bundles[i];
		const struct map_entry *at =
			map_find(&net->bundle_index, bundle_key(b->relay, b->start, b->counter));

		if (machine_numbers_take(&r->numbers[b->relay - 1], b->start, b->counter) &&
		    at != NULL)
			net->bundles[at->count].done |= (uint16_t)(1u << (r->id - 1));
	}
}

/* ---- effects ---- */

static void send_slot(struct net *net, struct net_replica *r, const struct pbft_effect *e)
{
	const struct pbft_slot_view *v = &e->u.slot;
	struct pbft_event ev = {0};
	struct pbft_proposal p = {
		.view = v->view, .seq = v->seq, .incarnation = v->incarnation, .replica = r->id};

	memcpy(p.batch, v->batch->digest, 32);
	switch (e->kind) {
	case PBFT_SEND_PRE_PREPARE:
		if (!is_held(r, v->batch->digest))
			net_fail(net, r, "sends a body that is gone");
		ev.kind = PBFT_EV_PRE_PREPARE;
		ev.u.pre_prepare.p = p;
		ev.u.pre_prepare.batch = net_batch(net, v->batch);
		break;
	case PBFT_SEND_PREPARE:
		ev.kind = PBFT_EV_PREPARE;
		ev.u.prepare.p = p;
		break;
	default:
		ev.kind = PBFT_EV_COMMIT;
		ev.u.commit.view = v->view;
		ev.u.commit.seq = v->seq;
		memcpy(ev.u.commit.batch, v->batch->digest, 32);
	}
	net_send(net, r, e->to, &ev);
}

static bool is_kept(const struct net *net, const struct net_replica *r, uint64_t seq)
{
	return net->o.keep == 0 || seq + net->o.keep > r->executed;
}

static void serve(struct net *net, struct net_replica *r, const struct pbft_effect *e)
{
	for (uint64_t seq = e->u.fetch.from; seq <= e->u.fetch.to; seq++) {
		struct pbft_event ev = {.kind = PBFT_EV_BODY};

		ev.u.body.seq = seq;
		ev.u.body.batch = seq <= r->executed ? r->log[seq].batch : journal_body(r, seq);
		if (ev.u.body.batch == NULL)
			net_fail(net, r, "serves %llu, which its journal lacks",
				 (unsigned long long)seq);
		if (is_kept(net, r, seq))
			net_send(net, r, e->to, &ev);
	}
}

static void serve_batch(struct net *net, struct net_replica *r, const struct pbft_effect *e)
{
	struct pbft_event ev = {.kind = PBFT_EV_BODY};

	ev.u.body.seq = e->u.drop.seq;
	if (is_held(r, e->u.drop.batch))
		ev.u.body.batch = net_batch_find(net, e->u.drop.batch);
	else if (e->u.drop.seq <= r->executed)
		ev.u.body.batch = r->log[e->u.drop.seq].batch;
	else
		net_fail(net, r, "serves a batch that it does not hold");
	net_send(net, r, e->to, &ev);
}

static void hold_null(struct net *net, struct net_replica *r, const struct pbft_effect *e)
{
	struct pbft_batch null = {.n_bundles = 0};

	memcpy(null.digest, e->u.drop.batch, 32);
	net_batch(net, &null);
	hold(net, r, null.digest, 1);
}

static void send_other(struct net *net, struct net_replica *r, const struct pbft_effect *e)
{
	struct pbft_event ev = {0};

	if (e->kind == PBFT_SEND_BUNDLE && !is_held(r, e->u.bundle.digest))
		net_fail(net, r, "sends a bundle that is gone");
	if (carry(&ev, e, r->id)) {
		net_send(net, r, e->to, &ev);
		return;
	}
	switch (e->kind) {
	case PBFT_SEND_VIEW_CHANGE:
		ev.kind = PBFT_EV_VIEW_CHANGE;
		ev.u.view_change = r->changes[e->u.kept.replica - 1];
		if (ev.u.view_change == NULL || ev.u.view_change->view != e->u.kept.view)
			net_fail(net, r, "sends a VIEW-CHANGE that it has not kept");
		break;
	case PBFT_SEND_NEW_VIEW:
		ev.kind = PBFT_EV_NEW_VIEW;
		ev.u.new_view.says = &r->new_view->says;
		ev.u.new_view.n_changes = r->new_view->n_changes;
		memcpy(ev.u.new_view.changes, r->new_view->changes, sizeof(ev.u.new_view.changes));
		break;
	case PBFT_SHOW_PRE_PREPARE:
		ev.kind = PBFT_EV_PRE_PREPARE;
		ev.u.pre_prepare.p = (struct pbft_proposal){.view = e->u.slot.view,
							    .seq = e->u.slot.seq,
							    .incarnation = e->u.slot.incarnation,
							    .replica = e->u.slot.primary};
		memcpy(ev.u.pre_prepare.p.batch, e->u.slot.batch->digest, 32);
		ev.u.pre_prepare.batch = net_batch(net, e->u.slot.batch);
		break;
	case PBFT_SHOW_PREPARE:
		ev.kind = PBFT_EV_PREPARE;
		ev.u.prepare.p = e->u.shown.p;
		break;
	case PBFT_SHOW_CHECKPOINT:
		ev.kind = PBFT_EV_CHECKPOINT;
		ev.u.checkpoint.seq = e->u.shown.p.seq;
		ev.u.checkpoint.incarnation = e->u.shown.p.incarnation;
		ev.u.checkpoint.replica = e->u.shown.p.replica;
		memcpy(ev.u.checkpoint.state, e->u.shown.p.batch, 32);
		break;
	default: /* PBFT_SEND_ATTEST */
		if (!is_kept(net, r, e->u.attest.seq))
			return;
		ev.kind = PBFT_EV_ATTEST;
		ev.u.attest.seq = e->u.attest.seq;
		memcpy(ev.u.attest.running, r->log[e->u.attest.seq].running, 32);
	}
	net_send(net, r, e->to, &ev);
}

/* true: something was executed. */
static bool local(struct net *net, struct net_replica *r, const struct pbft_effect *e)
{
	switch (e->kind) {
	case PBFT_EXECUTE:
		execute(net, r, e);
		return true;
	case PBFT_DROP_BUNDLE:
		hold(net, r, e->u.bundle.digest, -1);
		break;
	case PBFT_DROP_BATCH:
		hold(net, r, e->u.drop.batch, -1);
		break;
	case PBFT_HOLD_NULL:
		hold_null(net, r, e);
		break;
	case PBFT_KEEP_VIEW_CHANGE:
		r->changes[e->u.kept.replica - 1] = r->current->u.view_change;
		break;
	case PBFT_BEHIND:
		r->behind++;
		break;
	case PBFT_DIVERGED:
		r->diverged++;
		break;
	case PBFT_RECOVERING: /* nobody forgets anything here */
		net_fail(net, r, "R10: it is shown a vote that it does not know");
	default:
		break;
	}
	return false;
}

static bool carry_out(struct net *net, struct net_replica *r, const struct pbft_update *u)
{
	bool executed = false;

	for (size_t i = 0; i < u->n; i++) {
		const struct pbft_effect *e = &u->effects[i];

		if (e->kind <= PBFT_WRITE_EXECUTED) {
			write(net, r, e);
		} else if (e->kind >= PBFT_EXECUTE) {
			executed |= local(net, r, e);
		} else if (e->kind == PBFT_SERVE) {
			serve(net, r, e);
		} else if (e->kind == PBFT_SERVE_BATCH) {
			serve_batch(net, r, e);
		} else {
			net_check_sent(net, r, e);
			if (e->kind >= PBFT_SEND_PRE_PREPARE && e->kind <= PBFT_SEND_COMMIT)
				send_slot(net, r, e);
			else
				send_other(net, r, e);
		}
	}
	return executed;
}

static void step(struct net *net, struct net_replica *r, struct pbft_event *ev,
		 struct pbft_update *u)
{
	ev->now_ms = net->now_us / 1000;
	ev->wall_ms = (uint64_t)((int64_t)(EPOCH_MS + ev->now_ms) + r->skew_ms);
	pbft_step(r->core, ev, u);
}

/* What a liar has said is shown to it; its core is not to be told. */
static bool is_own_lie(const struct net *net, const struct net_replica *r,
		       const struct pbft_event *ev)
{
	if ((net->faulty >> (r->id - 1) & 1) == 0 || ev->from == r->id)
		return false;
	switch (ev->kind) {
	case PBFT_EV_PRE_PREPARE:
		return ev->u.pre_prepare.p.replica == r->id;
	case PBFT_EV_PREPARE:
		return ev->u.prepare.p.replica == r->id;
	case PBFT_EV_CHECKPOINT:
		return ev->u.checkpoint.replica == r->id;
	case PBFT_EV_VIEW_CHANGE:
		return ev->u.view_change->replica == r->id;
	case PBFT_EV_NEW_VIEW:
		return ev->u.new_view.says->replica == r->id;
	default:
		return false;
	}
}

void net_deliver(struct net *net, struct net_replica *r, struct pbft_event *ev)
{
	static struct pbft_update update;

	if (is_own_lie(net, r, ev))
		return;

	if (ev->kind == PBFT_EV_BUNDLE)
		hold(net, r, ev->u.bundle.digest, 1);
	else if (ev->kind == PBFT_EV_PRE_PREPARE)
		hold(net, r, ev->u.pre_prepare.batch->digest, 1);
	else if (ev->kind == PBFT_EV_BODY)
		hold(net, r, ev->u.body.batch->digest, 1);
	r->current = ev;
	step(net, r, ev, &update);
	while (carry_out(net, r, &update)) {
		struct pbft_event done = {.kind = PBFT_EV_EXECUTED};

		done.u.executed.seq = r->executed;
		done.u.executed.time_ms = r->log[r->executed].time_ms;
		memcpy(done.u.executed.state, r->log[r->executed].state, 32);
		step(net, r, &done, &update);
	}
	net_check_core(net, r);
	if (update.wake_ms != UINT64_MAX)
		net_timer(net, r, 1000 * update.wake_ms);
	else
		r->timer_us = UINT64_MAX;
}

/* ---- stop and start ---- */

void net_stop_replica(struct net *net, struct net_replica *r)
{
	/* what was not synced yet is there up to some point */
	r->n_records = r->n_durable + net_random(net, r->n_records - r->n_durable + 1);
	free(r->memory);
	r->memory = NULL;
	r->core = NULL;
	r->alive = r->syncing = false;
	r->run++;
}

static void restore_base(struct net *net, struct net_replica *r)
{
	struct pbft_restore_base base = {0};

	memcpy(base.running, net->conf.running0, 32);
	for (size_t i = 0; i < r->n_records; i++) {
		const struct net_record *record = &r->records[i];

		if (record->kind == PBFT_WRITE_EXECUTED) {
			base.executed = record->seq;
			base.time_ms = record->time_ms;
			memcpy(base.running, record->digest, 32);
		} else if (record->kind == PBFT_WRITE_STABLE) {
			base.stable = record->seq;
			memcpy(base.stable_state, record->digest, 32);
		}
	}
	if (base.executed > 0 && base.executed <= r->executed)
		memcpy(base.state, r->log[base.executed].state, 32);
	if (base.executed > r->executed || base.stable > base.executed ||
	    pbft_restore_base(r->core, &base) != 0)
		net_fail(net, r, "its journal contradicts itself");
	r->executed = base.executed;
	r->stable = base.stable;
	memset(r->changes, 0, sizeof(r->changes));
	r->new_view = NULL;
	memset(r->numbers, 0, sizeof(r->numbers));
	for (uint64_t seq = 1; seq <= r->executed; seq++)
		for (size_t i = 0; i < r->log[seq].batch->n_bundles; i++) {
			const struct pbft_bundle *b = &r->log[seq].batch->bundles[i];

			machine_numbers_take(&r->numbers[b->relay - 1], b->start, b->counter);
		}
	for (uint8_t id = 1; id <= net->o.n; id++)
		pbft_restore_numbers(r->core, id, &r->numbers[id - 1]);
}

static int restore_slot(struct net_replica *r, const struct net_record *record,
			uint8_t replaced[32])
{
	struct pbft_slot_view v = {.view = record->view,
				   .seq = record->seq,
				   .incarnation = record->incarnation,
				   .primary = record->primary,
				   .batch = record->batch,
				   .cert = &record->cert};

	if (record->kind == PBFT_WRITE_PROPOSAL)
		return pbft_restore_proposal(r->core, &v, replaced);
	if (record->kind == PBFT_WRITE_PREPARED)
		return pbft_restore_prepared(r->core, &v);
	return pbft_restore_fetched(r->core, &v, replaced);
}

static int restore_other(struct net_replica *r, const struct net_record *record)
{
	switch (record->kind) {
	case PBFT_WRITE_STABLE:
		return pbft_restore_stable(r->core, record->seq, record->who, record->incarnations,
					   (const uint8_t(*)[64])record->sigs);
	case PBFT_WRITE_VIEW_CHANGE:
		r->changes[r->id - 1] = record->change;
		return pbft_restore_view_change(r->core, record->change);
	case PBFT_WRITE_NEW_VIEW:
		r->new_view = record->new_view;
		return pbft_restore_new_view(r->core, &record->new_view->says);
	default:
		return 0;
	}
}

static void restore(struct net *net, struct net_replica *r)
{
	uint8_t replaced[32];
	int held = 0;

	restore_base(net, r);
	for (size_t i = 0; i < r->n_records; i++) {
		const struct net_record *record = &r->records[i];

		net_note_durable(net, r, record);
		if (record->kind <= PBFT_WRITE_FETCHED)
			held = restore_slot(r, record, replaced);
		else if (record->kind == PBFT_WRITE_CHECKPOINT)
			held = pbft_restore_checkpoint(r->core, record->seq, record->incarnation,
						       record->digest);
		else
			held = restore_other(r, record);
		if (held < 0)
			net_fail(net, r, "record %zu of its journal contradicts an earlier one", i);
		if ((held & PBFT_HELD) != 0)
			hold(net, r, record->batch->digest, 1);
		if ((held & PBFT_REPLACED) != 0)
			hold(net, r, replaced, -1);
	}
	r->n_durable = r->n_records; /* a start syncs what it has read */
}

void net_start_replica(struct net *net, struct net_replica *r)
{
	struct pbft_conf conf = net->conf;

	conf.self = r->id;
	r->memory = malloc(pbft_size(&conf));
	if (r->memory == NULL)
		abort();
	r->core = pbft_init(r->memory, &conf);
	r->alive = true;
	r->starts++;
	r->counter = 0;
	r->timer_us = UINT64_MAX;
	map_clear(&r->durable);
	map_clear(&r->holds);
	r->held = 0;
	restore(net, r);
	net_deliver(net, r, &(struct pbft_event){.kind = PBFT_EV_START});
}
