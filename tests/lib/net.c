#include "tests/lib/net.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "libproto/crypto.h"
#include "libproto/digest.h"

enum event_kind { MESSAGE, TIMER, SYNC, LINK };

struct net_event {
	uint64_t at_us, order;
	enum event_kind kind;
	uint8_t to;
	unsigned run; /* of the receiver; not of messages */
	struct pbft_event ev;
};

static const uint8_t genesis[32] = "a network for tests";

void net_defaults(struct net_options *o, uint64_t seed, uint8_t n)
{
	*o = (struct net_options){
		.seed = seed,
		.n = n,
		.window = 32,
		.interval = 16,
		.pipeline = 4,
		.batch_requests_max = 64,
		.batch_octets_max = 65536,
		.resend_ms = 100,
		.heartbeat_ms = 1000,
		.timeout_ms = 500,
		.timeout_max_ms = 8000,
		.clock_bound_ms = 10000,
		.delay_us = {100, 2000},
		.disk_us = {100, 3000},
	};
}

#if defined(__SANITIZE_ADDRESS__)
enum { SEEDS_SHARE = 10 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { SEEDS_SHARE = 10 };
#else
enum { SEEDS_SHARE = 1 };
#endif
#else
enum { SEEDS_SHARE = 1 };
#endif

uint64_t net_seeds(uint64_t count)
{
	const char *many = getenv("NET_SEEDS");

	return many != NULL ? strtoull(many, NULL, 10) : (count + SEEDS_SHARE - 1) / SEEDS_SHARE;
}

uint64_t net_random(struct net *net, uint64_t below)
{
	uint64_t z = net->rng += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return below == 0 ? 0 : (z ^ z >> 31) % below;
}

void net_draw(struct net_options *o, uint64_t seed, uint8_t n)
{
	static const uint16_t intervals[] = {1, 2, 4, 8, 16, 64};
	struct net scratch = {.rng = seed ^ 0x6e6574u};

	net_defaults(o, seed, n);
	o->interval = intervals[net_random(&scratch, 6)];
	o->window = (uint16_t)(o->interval * (2 + net_random(&scratch, 2)));
	o->pipeline = (uint16_t)(1 + net_random(&scratch, 6));
	o->batch_requests_max = (uint16_t)(1 + net_random(&scratch, 100));
	o->clock_skew_ms = net_random(&scratch, 3) == 0 ? 200 : 0;
	o->delay_us[1] = (uint32_t)(o->delay_us[0] + net_random(&scratch, 30000));
	o->disk_us[1] = (uint32_t)(o->disk_us[0] + net_random(&scratch, 20000));
	o->loss = net_random(&scratch, 2) == 0 ? 0 : (unsigned)net_random(&scratch, 300);
	o->duplicate = net_random(&scratch, 2) == 0 ? 0 : (unsigned)net_random(&scratch, 500);
}

void net_print(FILE *to, const struct net_options *o)
{
	fprintf(to,
		"NET_SEED=%llu n=%u window=%u interval=%u pipeline=%u requests=%u octets=%u "
		"resend=%u ms "
		"heartbeat=%u ms skew=%u ms delay=%u-%u us disk=%u-%u us loss=%u/1000 "
		"duplicate=%u/1000 "
		"keep=%llu\n",
		(unsigned long long)o->seed, o->n, o->window, o->interval, o->pipeline,
		o->batch_requests_max, o->batch_octets_max, o->resend_ms, o->heartbeat_ms,
		o->clock_skew_ms, o->delay_us[0], o->delay_us[1], o->disk_us[0], o->disk_us[1],
		o->loss, o->duplicate, (unsigned long long)o->keep);
}

static void show_replica(const struct net_replica *r)
{
	struct pbft_info i;

	if (!r->alive) {
		fprintf(stderr, "# replica %u: down\n", r->id);
		return;
	}
	pbft_info(r->core, &i);
	fprintf(stderr,
		"# replica %u: view=%llu%s executed=%llu stable=%llu next=%llu queued=%u own=%u "
		"in_flight=%u "
		"behind=%llu "
		"dropped view=%llu window=%llu repeat=%llu conflict=%llu clock=%llu full=%llu "
		"other=%llu\n",
		r->id, (unsigned long long)i.view, i.view_active ? "" : " (leaving)",
		(unsigned long long)i.executed, (unsigned long long)i.stable,
		(unsigned long long)i.next_seq, i.queued, i.own, i.in_flight,
		(unsigned long long)r->behind, (unsigned long long)i.dropped[PBFT_DROP_VIEW],
		(unsigned long long)i.dropped[PBFT_DROP_WINDOW],
		(unsigned long long)i.dropped[PBFT_DROP_REPEAT],
		(unsigned long long)i.dropped[PBFT_DROP_CONFLICT],
		(unsigned long long)i.dropped[PBFT_DROP_CLOCK],
		(unsigned long long)i.dropped[PBFT_DROP_FULL],
		(unsigned long long)i.dropped[PBFT_DROP_OTHER]);
}

_Noreturn void net_fail(const struct net *net, const struct net_replica *r, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "# step %llu, %llu us, replica %d: ", (unsigned long long)net->steps,
		(unsigned long long)net->now_us, r == NULL ? 0 : r->id);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n# ");
	net_print(stderr, &net->o);
	for (uint8_t i = 0; i < net->o.n; i++)
		show_replica(&net->replicas[i]);
	fflush(stderr);
	abort();
}

/* ---- what is to happen, by time, then by order of being said ---- */

static bool is_before(const struct net_event *a, const struct net_event *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void swap(struct net_event *a, struct net_event *b)
{
	struct net_event c = *a;

	*a = *b;
	*b = c;
}

static void push(struct net *net, struct net_event *e)
{
	size_t i = net->n_heap++;

	if (net->n_heap > net->size_heap) {
		net->size_heap = 2 * net->n_heap + 256;
		net->heap = realloc(net->heap, net->size_heap * sizeof(*net->heap));
		if (net->heap == NULL)
			abort();
	}
	e->order = net->order++;
	net->heap[i] = *e;
	for (; i > 0 && is_before(&net->heap[i], &net->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&net->heap[i], &net->heap[(i - 1) / 2]);
}

static void pop(struct net *net, struct net_event *e)
{
	size_t i = 0, n = --net->n_heap;

	*e = net->heap[0];
	net->heap[0] = net->heap[n];
	for (;;) {
		size_t least = i;

		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < n; child++)
			if (is_before(&net->heap[child], &net->heap[least]))
				least = child;
		if (least == i)
			return;
		swap(&net->heap[i], &net->heap[least]);
		i = least;
	}
}

static uint64_t between(struct net *net, const uint32_t range[2])
{
	return range[0] + net_random(net, range[1] - range[0] + 1u);
}

/* ---- links and messages ---- */

static bool is_linked(const struct net *net, uint8_t a, uint8_t b)
{
	return net->replicas[a - 1].alive && net->replicas[b - 1].alive && !net->cut[a - 1][b - 1];
}

static void say_link(struct net *net, uint8_t to, uint8_t from, bool up)
{
	struct net_event e = {.at_us = net->now_us + between(net, net->o.delay_us),
			      .kind = LINK,
			      .to = to,
			      .run = net->replicas[to - 1].run};

	e.ev.kind = PBFT_EV_LINK;
	e.ev.from = from;
	e.ev.u.up = up;
	if (net->replicas[to - 1].alive)
		push(net, &e);
}

void net_link(struct net *net, uint8_t a, uint8_t b, bool up)
{
	net->cut[a - 1][b - 1] = net->cut[b - 1][a - 1] = !up;
	if (up && !is_linked(net, a, b))
		return;
	say_link(net, a, b, up);
	say_link(net, b, a, up);
}

static void send_one(struct net *net, uint8_t from, uint8_t to, const struct pbft_event *ev)
{
	struct net_event e = {.kind = MESSAGE, .to = to, .ev = *ev};

	e.ev.from = from;
	if (net->on_send != NULL && !net->on_send(net->arg, from, to, &e.ev))
		return;
	if (net_random(net, 1000) >= net->o.loss) {
		e.at_us = net->now_us + between(net, net->o.delay_us);
		push(net, &e);
	}
	if (net_random(net, 1000) < net->o.duplicate) {
		e.at_us = net->now_us + 10 * between(net, net->o.delay_us);
		push(net, &e);
	}
}

void net_send(struct net *net, struct net_replica *from, uint16_t to, const struct pbft_event *ev)
{
	for (uint8_t id = 1; id <= net->o.n; id++)
		if ((to >> (id - 1) & 1) != 0 && id != from->id && is_linked(net, from->id, id))
			send_one(net, from->id, id, ev);
}

void net_sync_later(struct net *net, struct net_replica *r)
{
	struct net_event e = {.at_us = net->now_us + between(net, net->o.disk_us),
			      .kind = SYNC,
			      .to = r->id,
			      .run = r->run};

	push(net, &e);
}

void net_timer(struct net *net, struct net_replica *r, uint64_t at_us)
{
	struct net_event e = {.at_us = at_us, .kind = TIMER, .to = r->id, .run = r->run};

	if (e.at_us < net->now_us)
		e.at_us = net->now_us;
	r->timer_us = e.at_us;
	push(net, &e);
}

/* ---- steps ---- */

static void carry_out(struct net *net, struct net_event *e)
{
	struct net_replica *r = &net->replicas[e->to - 1];

	if (!r->alive || (e->kind != MESSAGE && e->run != r->run))
		return;
	switch (e->kind) {
	case MESSAGE:
		if (!net->cut[e->to - 1][e->ev.from - 1])
			net_deliver(net, r, &e->ev);
		break;
	case LINK:
		if (is_linked(net, e->to, e->ev.from) == e->ev.u.up)
			net_deliver(net, r, &e->ev);
		break;
	case TIMER:
		if (r->timer_us == e->at_us)
			net_deliver(net, r, &(struct pbft_event){.kind = PBFT_EV_TIMER});
		break;
	case SYNC:
		net_synced(net, r);
		break;
	}
}

bool net_step(struct net *net)
{
	struct net_event e;

	if (net->n_heap == 0)
		return false;
	pop(net, &e);
	net->now_us = e.at_us;
	net->steps++;
	carry_out(net, &e);
	return true;
}

void net_run_us(struct net *net, uint64_t us)
{
	uint64_t end = net->now_us + us;

	while (net->n_heap > 0 && net->heap[0].at_us <= end)
		net_step(net);
	net->now_us = end;
}

static bool is_idle(const struct net_replica *r)
{
	struct pbft_info info;

	pbft_info(r->core, &info);
	return info.own == 0 && info.queued == 0 && info.in_flight == 0;
}

bool net_is_settled(const struct net *net)
{
	const struct net_replica *first = NULL;
	uint16_t alive = 0;

	for (uint8_t i = 0; i < net->o.n; i++) {
		const struct net_replica *r = &net->replicas[i];

		if (!r->alive)
			continue;
		alive |= (uint16_t)(1u << i);
		first = first == NULL ? r : first;
		if (!is_idle(r) || r->executed != first->executed || r->executed < net->n_truth ||
		    r->stable != r->executed / net->conf.interval * net->conf.interval)
			return false;
	}
	for (size_t i = 0; i < net->n_bundles; i++)
		if (!net->bundles[i].lost && (net->bundles[i].done & alive) != alive)
			return false;
	return true;
}

bool net_settle(struct net *net, uint64_t us)
{
	uint64_t end = net->now_us + us;

	while (!net_is_settled(net)) {
		if (net->now_us >= end)
			return false;
		net_run_us(net, 10000);
	}
	for (uint8_t i = 0; i < net->o.n; i++)
		if (net->replicas[i].alive)
			net_check_idle(net, &net->replicas[i]);
	return true;
}

/* ---- what happens to replicas ---- */

bool net_submit(struct net *net, uint8_t relay, uint16_t requests, uint32_t octets)
{
	return net->replicas[relay - 1].alive &&
	       net_own_bundle(net, &net->replicas[relay - 1], requests, octets);
}

void net_crash(struct net *net, uint8_t id)
{
	struct net_replica *r = &net->replicas[id - 1];

	if (!r->alive)
		return;
	for (uint8_t other = 1; other <= net->o.n; other++)
		if (other != id && is_linked(net, id, other))
			say_link(net, other, id, false);
	for (size_t i = 0; i < net->n_bundles; i++)
		if (net->bundles[i].relay == id && net->bundles[i].done == 0)
			net->bundles[i].lost = true;
	net_stop_replica(net, r);
}

void net_restart(struct net *net, uint8_t id)
{
	struct net_replica *r = &net->replicas[id - 1];

	if (r->alive)
		return;
	net_start_replica(net, r);
	for (uint8_t other = 1; other <= net->o.n; other++)
		if (other != id && is_linked(net, id, other)) {
			say_link(net, other, id, true);
			say_link(net, id, other, true);
		}
}

void net_heal(struct net *net)
{
	net->o.loss = net->o.duplicate = 0;
	for (uint8_t a = 1; a <= net->o.n; a++)
		net_restart(net, a);
	for (uint8_t a = 1; a <= net->o.n; a++)
		for (uint8_t b = 1; b < a; b++)
			if (net->cut[a - 1][b - 1])
				net_link(net, a, b, true);
}

/* ---- life ---- */

const struct pbft_batch *net_batch_find(const struct net *net, const uint8_t digest[32])
{
	const struct map_entry *e = map_find(&net->batches, map_digest_key(digest));

	return e == NULL ? NULL : net->batch[e->count];
}

const struct pbft_batch *net_batch(struct net *net, const struct pbft_batch *batch)
{
	bool made;
	struct map_entry *e = map_put(&net->batches, map_digest_key(batch->digest), &made);

	if (!made)
		return net->batch[e->count];
	if (net->n_batches == net->size_batches) {
		net->size_batches = 2 * net->size_batches + 64;
		net->batch = realloc(net->batch, net->size_batches * sizeof(*net->batch));
		if (net->batch == NULL)
			abort();
	}
	e->count = (int64_t)net->n_batches;
	net->batch[net->n_batches] = malloc(sizeof(*batch));
	if (net->batch[net->n_batches] == NULL)
		abort();
	*net->batch[net->n_batches] = *batch;
	return net->batch[net->n_batches++];
}

static void *keep(struct net *net, const void *what, size_t size)
{
	void *copy = malloc(size);

	if (net->n_said == net->size_said) {
		net->size_said = 2 * net->size_said + 64;
		net->said = realloc(net->said, net->size_said * sizeof(*net->said));
	}
	if (copy == NULL || net->said == NULL)
		abort();
	memcpy(copy, what, size);
	net->said[net->n_said++] = copy;
	return copy;
}

const struct pbft_view_change *net_view_change(struct net *net, const struct pbft_view_change *c)
{
	return keep(net, c, sizeof(*c));
}

struct net_new_view *net_new_view(struct net *net, const struct net_new_view *nv)
{
	return keep(net, nv, sizeof(*nv));
}

uint64_t net_view(const struct net *net)
{
	uint64_t view = 0;

	for (uint8_t i = 0; i < net->o.n; i++) {
		struct pbft_info info;

		if (!net->replicas[i].alive)
			continue;
		pbft_info(net->replicas[i].core, &info);
		view = info.view > view ? info.view : view;
	}
	return view;
}

struct net *net_new(const struct net_options *o)
{
	struct net *net = calloc(1, sizeof(*net));

	if (net == NULL)
		abort();
	net->o = *o;
	net->rng = o->seed;
	net->conf = (struct pbft_conf){
		.n = o->n,
		.window = o->window,
		.interval = o->interval,
		.pipeline = o->pipeline,
		.batch_requests_max = o->batch_requests_max,
		.batch_octets_max = o->batch_octets_max,
		.resend_ms = o->resend_ms,
		.heartbeat_ms = o->heartbeat_ms,
		.timeout_ms = o->timeout_ms,
		.timeout_max_ms = o->timeout_max_ms,
		.clock_bound_ms = o->clock_bound_ms,
		.sha256 = ap_sha256,
	};
	ap_digest_genesis(ap_sha256, net->conf.running0, genesis);
	for (uint8_t i = 0; i < o->n; i++) {
		struct net_replica *r = &net->replicas[i];

		r->id = (uint8_t)(i + 1);
		r->skew_ms = (int64_t)net_random(net, 2 * o->clock_skew_ms + 1u) -
			     (int64_t)o->clock_skew_ms;
	}
	for (uint8_t id = 1; id <= o->n; id++)
		net_restart(net, id);
	return net;
}

void net_free(struct net *net)
{
	for (uint8_t i = 0; i < net->o.n; i++) {
		struct net_replica *r = &net->replicas[i];

		if (r->alive)
			net_stop_replica(net, r);
		free(r->records);
		free(r->log);
		map_free(&r->durable);
		map_free(&r->holds);
	}
	for (size_t i = 0; i < net->n_batches; i++)
		free(net->batch[i]);
	free(net->batch);
	for (size_t i = 0; i < net->n_said; i++)
		free(net->said[i]);
	free(net->said);
	free(net->bundles);
	free(net->truth);
	free(net->heap);
	map_free(&net->batches);
	map_free(&net->bundle_index);
	map_free(&net->signed_votes);
	free(net);
}

struct net *net_healthy(uint64_t seed, uint8_t n)
{
	struct net_options o;
	struct net *net;

	net_defaults(&o, seed, n);
	net = net_new(&o);
	net_run_us(net, 20000);
	return net;
}

void net_settles_within(struct net *net, uint64_t us)
{
	if (!net_settle(net, us))
		net_fail(net, NULL, "not settled in time");
}
