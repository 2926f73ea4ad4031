#include "config.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/pbft/pbft.h"
#include "libproto/digest.h"
#include "tests/lib/carry.h"
#include "tests/sim/fasthash.h"
#include "tests/sim/twins.h"
#include "tests/sim/wrap.h"

enum {
	PAGE = 4096,
	MESSAGES = 60000,
	BATCHES = 2000,
	CHANGES = 1000,
	NEW_VIEWS = 300,
	SEQS = 128,
	VIEWS = 64,
	HOPS_MAX = 64,
	TIMERS_MAX = 200, /* of one copy at one moment */
	TIMEOUT_MS = 100,
	RESEND_MS = 20,
	LIVE_ROUNDS = 600, /* of RESEND_MS */
};
static const uint64_t EPOCH_MS = UINT64_C(1790000000000);

struct message {
	uint8_t from, to; /* copies */
	struct pbft_event ev;
};

struct new_view {
	struct pbft_new_view says;
	uint8_t n_changes;
	const struct pbft_view_change *changes[AP_REPLICAS_MAX];
};

/* What was said is never changed, so it is not saved: what came later than a saved state is
 * overwritten after the way back. */
static struct {
	struct message messages[MESSAGES];
	struct pbft_batch batches[BATCHES];
	struct pbft_view_change changes[CHANGES];
	struct new_view new_views[NEW_VIEWS];
} said;

struct copy {
	uint8_t id;
	bool faulty;
	struct pbft *core;
	uint64_t wake_ms, executed, counter;
	const struct pbft_view_change *changes[AP_REPLICAS_MAX]; /* that it keeps */
	const struct new_view *new_view;
	const struct pbft_batch *journal[SEQS]; /* the newest body of each sequence */
	uint64_t signed_for[2][VIEWS][SEQS];	/* PREPARE, COMMIT: the batch, in part */
};

struct done {
	const struct pbft_batch *batch;
	uint64_t time_ms;
	uint8_t running[32], state[32];
};

struct world {
	struct twins_net t;
	struct pbft_conf conf;
	uint64_t now_ms;
	uint32_t head, n_messages; /* those from head on are under way */
	uint32_t n_batches, n_changes, n_new_views;
	struct done truth[SEQS]; /* as executed by the first */
	uint64_t n_truth;
	struct copy copies[TWINS_COPIES];
};

/* The world and its cores lie in one piece of memory. Pages are writable from the first write on;
 * those that never were are as at the beginning. */
static struct {
	uint8_t *at;
	size_t pages;
	bool *used;
	uint8_t *beginning;
	uint8_t *saved[TWINS_STEPS + 1];
	bool *saved_used[TWINS_STEPS + 1];
} memory;
static struct world *w;

static sigjmp_buf out_of_step;
static char failure[TWINS_WHAT_MAX];

static _Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
static _Noreturn void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(failure, sizeof(failure), format, args);
	va_end(args);
	siglongjmp(out_of_step, 1);
}

/* ---- memory ---- */

static void on_signal(int number, siginfo_t *info, void *context)
{
	uint8_t *at = info->si_addr;
	size_t page;

	(void)context;
	if (number == SIGSEGV && memory.at != NULL && at >= memory.at &&
	    (page = (size_t)(at - memory.at) / PAGE) < memory.pages && !memory.used[page]) {
		memory.used[page] = true;
		mprotect(memory.at + page * PAGE, PAGE, PROT_READ | PROT_WRITE);
		return;
	}
	fail("crash: signal %d", number);
}

static void catch_signals(void)
{
	static const int numbers[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT};
	struct sigaction how = {.sa_sigaction = on_signal, .sa_flags = SA_NODEFER | SA_SIGINFO};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &how, NULL);
}

static void *must(void *p)
{
	if (p == NULL || p == MAP_FAILED)
		abort();
	return p;
}

static void memory_new(size_t octets)
{
	memory.pages = (octets + PAGE - 1) / PAGE;
	memory.at = must(mmap(NULL, memory.pages * PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	memory.used = must(calloc(memory.pages, sizeof(*memory.used)));
	memory.beginning = must(malloc(memory.pages * PAGE));
}

static void memory_begins(void)
{
	memcpy(memory.beginning, memory.at, memory.pages * PAGE);
	if (mprotect(memory.at, memory.pages * PAGE, PROT_READ) != 0)
		abort();
}

static void memory_free(void)
{
	if (memory.at != NULL)
		munmap(memory.at, memory.pages * PAGE);
	free(memory.used);
	free(memory.beginning);
	for (size_t i = 0; i <= TWINS_STEPS; i++) {
		free(memory.saved[i]);
		free(memory.saved_used[i]);
	}
	memset(&memory, 0, sizeof(memory));
}

void twins_save(unsigned depth)
{
	if (memory.saved[depth] == NULL) {
		memory.saved[depth] = must(malloc(memory.pages * PAGE));
		memory.saved_used[depth] = must(malloc(memory.pages));
	}
	memcpy(memory.saved_used[depth], memory.used, memory.pages);
	for (size_t i = 0; i < memory.pages; i++)
		if (memory.used[i])
			memcpy(memory.saved[depth] + i * PAGE, memory.at + i * PAGE, PAGE);
}

void twins_back(unsigned depth)
{
	for (size_t i = 0; i < memory.pages; i++)
		if (memory.used[i])
			memcpy(memory.at + i * PAGE,
			       (memory.saved_used[depth][i] ? memory.saved[depth]
							    : memory.beginning) +
				       i * PAGE,
			       PAGE);
}

/* ---- what is said ---- */

static void hash(uint8_t out[32], const ap_bytes *parts, size_t n)
{
	struct fasthash h;

	fasthash_begin(&h, 0);
	for (size_t i = 0; i < n; i++)
		fasthash_add(&h, parts[i].data, parts[i].len);
	fasthash_end(&h, out);
}

static const struct pbft_batch *find_batch(const uint8_t digest[32])
{
	for (uint32_t i = w->n_batches; i-- > 0;)
		if (memcmp(said.batches[i].digest, digest, 32) == 0)
			return &said.batches[i];
	return NULL;
}

static const struct pbft_batch *keep_batch(const struct pbft_batch *b)
{
	const struct pbft_batch *known = find_batch(b->digest);
	struct pbft_batch *to = &said.batches[w->n_batches];

	if (known != NULL)
		return known;
	if (w->n_batches == BATCHES)
		fail("too long: batches");
	w->n_batches++;
	to->time = b->time;
	to->n_bundles = b->n_bundles;
	memcpy(to->bundles, b->bundles, b->n_bundles * sizeof(b->bundles[0]));
	memcpy(to->digest, b->digest, 32);
	return to;
}

static const struct pbft_view_change *keep_change(const struct pbft_view_change *c)
{
	if (w->n_changes == CHANGES)
		fail("too long: view changes");
	said.changes[w->n_changes] = *c;
	return &said.changes[w->n_changes++];
}

static const struct new_view *keep_new_view(const struct new_view *nv)
{
	if (w->n_new_views == NEW_VIEWS)
		fail("too long: new views");
	said.new_views[w->n_new_views] = *nv;
	return &said.new_views[w->n_new_views++];
}

static size_t index_of(const struct copy *c)
{
	return (size_t)(c - w->copies);
}

/* To each copy of those members. */
static void say(const struct copy *from, uint16_t to, const struct pbft_event *ev)
{
	for (uint8_t i = 0; i < w->t.copies; i++) {
		struct message *m = &said.messages[w->n_messages];

		if (w->copies[i].id == from->id || (to >> (w->copies[i].id - 1) & 1) == 0)
			continue;
		if (w->n_messages == MESSAGES)
			fail("too long: messages");
		*m = (struct message){.from = (uint8_t)index_of(from), .to = i, .ev = *ev};
		m->ev.from = from->id;
		w->n_messages++;
	}
}

/* S2, of correct replicas: never two in one view. */
static void check_signed(struct copy *c, unsigned phase, const struct pbft_slot_view *v)
{
	uint64_t *was, is;

	if (v->seq >= SEQS || v->view >= VIEWS)
		fail("too long: sequence %llu, view %llu", (unsigned long long)v->seq,
		     (unsigned long long)v->view);
	was = &c->signed_for[phase][v->view][v->seq];
	memcpy(&is, v->batch->digest, sizeof(is));
	if (*was != 0 && *was != is)
		fail("S2: %c signs two batches for sequence %llu in view %llu",
		     (int)('a' + index_of(c)), (unsigned long long)v->seq,
		     (unsigned long long)v->view);
	*was = is;
}

static void send_slot(struct copy *c, const struct pbft_effect *e)
{
	const struct pbft_slot_view *v = &e->u.slot;
	struct pbft_event ev = {0};
	struct pbft_proposal p = {
		.view = v->view, .seq = v->seq, .incarnation = v->incarnation, .replica = c->id};

	memcpy(p.batch, v->batch->digest, 32);
	check_signed(c, e->kind == PBFT_SEND_COMMIT, v);
	switch (e->kind) {
	case PBFT_SEND_PRE_PREPARE:
		ev.kind = PBFT_EV_PRE_PREPARE;
		ev.u.pre_prepare.p = p;
		ev.u.pre_prepare.batch = keep_batch(v->batch);
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
	say(c, e->to, &ev);
}

static void send_view(struct copy *c, const struct pbft_effect *e)
{
	struct pbft_event ev = {.kind = PBFT_EV_VIEW_CHANGE};

	if (e->kind == PBFT_SEND_VIEW_CHANGE) {
		ev.u.view_change = c->changes[e->u.kept.replica - 1];
		if (ev.u.view_change == NULL || ev.u.view_change->view != e->u.kept.view)
			fail("%c sends a VIEW-CHANGE that it has not kept",
			     (int)('a' + index_of(c)));
	} else {
		ev.kind = PBFT_EV_NEW_VIEW;
		ev.u.new_view.says = &c->new_view->says;
		ev.u.new_view.n_changes = c->new_view->n_changes;
		memcpy(ev.u.new_view.changes, c->new_view->changes, sizeof(ev.u.new_view.changes));
	}
	say(c, e->to, &ev);
}

static void send_other(struct copy *c, const struct pbft_effect *e)
{
	struct pbft_event ev = {0};

	if (e->kind == PBFT_SEND_ATTEST) {
		ev.kind = PBFT_EV_ATTEST;
		ev.u.attest.seq = e->u.attest.seq;
		memcpy(ev.u.attest.running, w->truth[e->u.attest.seq].running, 32);
	} else if (!carry(&ev, e, c->id)) {
		send_view(c, e);
		return;
	}
	say(c, e->to, &ev);
}

static void serve(struct copy *c, const struct pbft_effect *e)
{
	struct pbft_event ev = {.kind = PBFT_EV_BODY};

	if (e->kind == PBFT_SERVE_BATCH) {
		ev.u.body.seq = e->u.drop.seq;
		ev.u.body.batch = find_batch(e->u.drop.batch);
		if (ev.u.body.batch != NULL)
			say(c, e->to, &ev);
		return;
	}
	for (uint64_t seq = e->u.fetch.from; seq <= e->u.fetch.to && seq < SEQS; seq++) {
		ev.u.body.seq = seq;
		ev.u.body.batch = seq <= c->executed ? w->truth[seq].batch : c->journal[seq];
		if (ev.u.body.batch == NULL)
			fail("%c serves a batch that it does not have", (int)('a' + index_of(c)));
		say(c, e->to, &ev);
	}
}

/* ---- a shell ---- */

static void keep(struct copy *c, const struct pbft_effect *e, const struct pbft_event *by)
{
	struct new_view nv;

	switch (e->kind) {
	case PBFT_WRITE_PROPOSAL:
	case PBFT_WRITE_FETCHED:
		if (e->u.slot.seq >= SEQS)
			fail("too long: sequences");
		c->journal[e->u.slot.seq] = keep_batch(e->u.slot.batch);
		break;
	case PBFT_WRITE_VIEW_CHANGE:
		if (!e->u.view_change.again)
			c->changes[c->id - 1] = keep_change(e->u.view_change.says);
		break;
	case PBFT_WRITE_NEW_VIEW:
		if (e->u.new_view.again)
			break;
		memset(&nv, 0, sizeof(nv));
		nv.says = *e->u.new_view.says;
		for (uint8_t i = 0; i < w->t.n; i++)
			if ((e->u.new_view.who >> i & 1) != 0)
				nv.changes[nv.n_changes++] = c->changes[i];
		if (e->u.new_view.who == 0) {
			nv.n_changes = by->u.new_view.n_changes;
			memcpy(nv.changes, by->u.new_view.changes, sizeof(nv.changes));
		}
		c->new_view = keep_new_view(&nv);
		break;
	default:
		break;
	}
}

/* S1: a fork is what all this is about. */
static void execute(struct copy *c, const struct pbft_effect *e)
{
	uint64_t seq = e->u.slot.seq;
	struct done *done = &w->truth[seq];
	const struct done *last = done - 1;
	const struct pbft_batch *batch = keep_batch(e->u.slot.batch);

	if (seq != c->executed + 1 || seq >= SEQS)
		fail("S1: %c executes %llu after %llu", (int)('a' + index_of(c)),
		     (unsigned long long)seq, (unsigned long long)c->executed);
	c->executed = seq;
	if (seq <= w->n_truth) {
		if (done->batch != batch)
			fail("S1: a fork: %c executes another batch as %llu",
			     (int)('a' + index_of(c)), (unsigned long long)seq);
		return;
	}
	w->n_truth = seq;
	done->batch = batch;
	done->time_ms = batch->time > last->time_ms ? batch->time : last->time_ms;
	ap_digest_running(hash, done->running, last->running, seq, batch->digest);
	hash(done->state,
	     (const ap_bytes[]){{last->state, 32}, {(const uint8_t *)&seq, 8}, {batch->digest, 32}},
	     3);
}

/* token: the last write. true: a batch was executed. */
static bool carry_out(struct copy *c, const struct pbft_update *u, const struct pbft_event *by,
		      uint64_t *token)
{
	bool executed = false;

	for (size_t i = 0; i < u->n; i++) {
		const struct pbft_effect *e = &u->effects[i];

		if (e->kind <= PBFT_WRITE_EXECUTED) {
			keep(c, e, by);
			*token = e->token;
		} else if (e->kind == PBFT_SERVE || e->kind == PBFT_SERVE_BATCH) {
			serve(c, e);
		} else if (e->kind >= PBFT_SEND_PRE_PREPARE && e->kind <= PBFT_SEND_COMMIT) {
			send_slot(c, e);
		} else if (e->kind >= PBFT_SHOW_PRE_PREPARE && e->kind <= PBFT_SHOW_CHECKPOINT) {
			continue; /* of a vote of its own nobody makes anything: conf.trusting */
		} else if (e->kind < PBFT_EXECUTE) {
			send_other(c, e);
		} else if (e->kind == PBFT_EXECUTE) {
			execute(c, e);
			executed = true;
		} else if (e->kind == PBFT_KEEP_VIEW_CHANGE) {
			c->changes[e->u.kept.replica - 1] = by->u.view_change;
		} else if (e->kind == PBFT_HOLD_NULL) {
			struct pbft_batch null = {.n_bundles = 0};

			memcpy(null.digest, e->u.drop.batch, 32);
			keep_batch(&null);
		} else if (e->kind == PBFT_DIVERGED && !c->faulty) {
			fail("S6: %c has another state", (int)('a' + index_of(c)));
		}
	}
	return executed;
}

static void deliver(struct copy *c, const struct pbft_event *first)
{
	static struct pbft_update update;
	struct pbft_event ev = *first;
	uint64_t token = 0;

	for (;;) {
		bool executed;

		ev.now_ms = w->now_ms;
		ev.wall_ms = EPOCH_MS + w->now_ms;
		__real_pbft_step(c->core, &ev, &update);
		executed = carry_out(c, &update, &ev, &token);
		ev = (struct pbft_event){.kind = PBFT_EV_EXECUTED};
		if (executed) {
			ev.u.executed.seq = c->executed;
			ev.u.executed.time_ms = w->truth[c->executed].time_ms;
			memcpy(ev.u.executed.state, w->truth[c->executed].state, 32);
		} else if (token != 0) {
			ev.kind = PBFT_EV_WRITTEN;
			ev.u.token = token;
			token = 0;
		} else {
			break;
		}
	}
	c->wake_ms = update.wake_ms;
}

static void timers(void)
{
	for (uint8_t i = 0; i < w->t.copies; i++)
		for (int left = TIMERS_MAX; w->copies[i].wake_ms <= w->now_ms; left--) {
			if (left == 0)
				fail("%c wakes itself without end", (int)('a' + i));
			deliver(&w->copies[i], &(struct pbft_event){.kind = PBFT_EV_TIMER});
		}
}

/* ---- steps ---- */

static void submit(void)
{
	for (uint8_t i = 0; i < w->t.copies; i++) {
		struct copy *c = &w->copies[i];
		struct pbft_event ev = {.kind = PBFT_EV_BUNDLE, .from = c->id};
		struct pbft_info info;

		pbft_info(c->core, &info);
		if (info.own > 0)
			continue;
		ev.u.bundle = (struct pbft_bundle){.relay = c->id,
						   .start = 1,
						   .counter = ++c->counter,
						   .requests = 1,
						   .octets = 100};
		hash(ev.u.bundle.digest,
		     (const ap_bytes[]){{&i, 1}, {(const uint8_t *)&c->counter, 8}}, 2);
		deliver(c, &ev);
	}
}

/* What is on its way now; what comes of it is on its way afterwards. */
static void hop(const struct twins_step *s)
{
	uint32_t end = w->n_messages;

	for (; w->head < end; w->head++) {
		const struct message *m = &said.messages[w->head];

		if (s->group[m->from] == s->group[m->to])
			deliver(&w->copies[m->to], &m->ev);
	}
	w->now_ms++;
	timers();
}

static void until_quiet(const struct twins_step *s)
{
	for (int left = HOPS_MAX; w->head < w->n_messages; left--) {
		if (left == 0)
			fail("L8: messages without end");
		hop(s);
	}
}

static void go(const struct twins_step *s)
{
	submit();
	if (s->lasts == '1') {
		hop(s);
		return;
	}
	if (s->lasts == 't') {
		w->now_ms += TIMEOUT_MS;
		timers();
	}
	until_quiet(s);
}

bool twins_step(const struct twins_step *s, char what[TWINS_WHAT_MAX])
{
	if (sigsetjmp(out_of_step, 1) != 0) {
		memcpy(what, failure, TWINS_WHAT_MAX);
		return false;
	}
	go(s);
	return true;
}

static bool is_at_rest(void)
{
	for (uint8_t i = 0; i < w->t.copies; i++) {
		struct pbft_info info;

		if (w->copies[i].faulty)
			continue;
		pbft_info(w->copies[i].core, &info);
		if (info.own > 0 || info.executed != w->n_truth)
			return false;
	}
	return true;
}

bool twins_live(char what[TWINS_WHAT_MAX])
{
	static const struct twins_step together = {.lasts = 'q'};
	uint32_t base;

	if (sigsetjmp(out_of_step, 1) != 0) {
		memcpy(what, failure, TWINS_WHAT_MAX);
		return false;
	}
	base = w->n_messages;
	for (int round = 0; round < LIVE_ROUNDS && !is_at_rest(); round++) {
		w->now_ms += RESEND_MS;
		timers();
		for (int i = 0; i < HOPS_MAX && w->head < w->n_messages; i++)
			hop(&together);
		if (w->head ==
		    w->n_messages) /* their places are free again; saved states have those below */
			w->head = w->n_messages = base;
	}
	if (!is_at_rest())
		fail("L1: healed, but a correct replica lacks something for ever");
	return true;
}

/* ---- life ---- */

static void start(struct copy *c, void *core)
{
	struct pbft_conf conf = w->conf;
	uint8_t id = c->id;

	conf.self = id;
	c->faulty = (w->t.twins >> (id - 1) & 1) != 0;
	c->core = __real_pbft_init(core, &conf);
	c->wake_ms = UINT64_MAX;
	deliver(c, &(struct pbft_event){.kind = PBFT_EV_START});
	for (uint8_t other = 1; other <= w->t.n; other++)
		if (other != id)
			deliver(c, &(struct pbft_event){
					   .kind = PBFT_EV_LINK, .from = other, .u.up = true});
}

void twins_begin(const struct twins_net *t)
{
	struct pbft_conf conf = {.n = t->n,
				 .self = 1,
				 .window = (uint16_t)(2 * t->interval),
				 .interval = t->interval,
				 .pipeline = 2,
				 .batch_requests_max = 8,
				 .batch_octets_max = 65536,
				 .resend_ms = RESEND_MS,
				 .heartbeat_ms = 10 * TIMEOUT_MS,
				 .timeout_ms = TIMEOUT_MS,
				 .trusting = true,
				 .timeout_max_ms = TIMEOUT_MS,
				 .clock_bound_ms = 10000,
				 .sha256 = hash};
	size_t core = (__real_pbft_size(&conf) + PAGE - 1) / PAGE * PAGE;
	size_t head = (sizeof(struct world) + PAGE - 1) / PAGE * PAGE;

	twins_end();
	memory_new(head + t->copies * core);
	catch_signals();
	w = (struct world *)(void *)memory.at;
	w->t = *t;
	w->now_ms = 1;
	hash(conf.running0, NULL, 0);
	memcpy(w->truth[0].running, conf.running0, 32);
	w->conf = conf;
	for (uint8_t i = 0, second = 0; i < t->copies; i++) {
		w->copies[i].id = (uint8_t)(i + 1);
		if (i < t->n)
			continue;
		while ((t->twins >> second & 1) == 0)
			second++;
		w->copies[i].id = ++second;
	}
	for (uint8_t i = 0; i < t->copies; i++)
		start(&w->copies[i], memory.at + head + i * core);
	w->head = w->n_messages; /* STATUS to everybody: nobody has a thing to say yet */
	memory_begins();
}

void twins_end(void)
{
	memory_free();
	w = NULL;
}

uint64_t twins_view(void)
{
	uint64_t view = 0;

	for (uint8_t i = 0; i < w->t.copies; i++) {
		struct pbft_info info;

		pbft_info(w->copies[i].core, &info);
		view = info.view_active && info.view > view ? info.view : view;
	}
	return view;
}

uint64_t twins_executed(void)
{
	return w->n_truth;
}
