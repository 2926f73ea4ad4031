#include "config.h"

#include "daemon/fetch_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/index_priv.h"
#include "daemon/log.h"
#include "daemon/marks.h"
#include "daemon/run_priv.h"
#include "daemon/state_format.h"
#include "daemon/undecided.h"
#include "libproto/crypto.h"

enum {
	LATE_MS = 2000, /* draft {#transfer}: "who is silent for two seconds" */
	LAG = 4096,	/* batches behind: a transfer is faster than their execution */
	STRANDED_MS = 1000,
	LOOK_CHUNKS = 32, /* of those that are looked for in one turn, and octets that are hashed */
	LOOK_OCTETS = 1 << 20, /* then: some milliseconds */
	WRITES_MAX = 16,       /* runs of chunks that wait for the store */
	RETRY_MS = 200,	       /* between looks at whether one is needed */
};

struct fetch_state {
	struct transfer t;
	bool behind;
	uint64_t look_ms;
	uint64_t stranded_ms; /* since when; 0: it is not */
	/* the target, while there is one */
	uint8_t *fixed;
	size_t fixed_len;
	struct record_stable proof;
	uint64_t floor_ms;
	struct ap_frontier frontier;
	bool has_key;
	uint8_t key[32]; /* of the group */
	uint64_t begun_ms;
	/* the view is durable above the state before that is in the store: draft {#transfer} */
	bool due, kept;
	uint64_t token;
	/* where the look at what is stored goes on: in this section of that attempt */
	uint64_t look_first, look_at, look_begun;
};

struct fetch_state *fetch_state_new(const struct run *r)
{
	struct fetch_state *f = calloc(1, sizeof(*f));
	struct transfer_conf conf = {.n = r->net.n,
				     .self = r->self,
				     .bits = fetch_state_bits(),
				     .late_ms = LATE_MS,
				     .horizon_ms = r->net.horizon_s * 1000,
				     .sha256 = ap_sha256};

	if (f != NULL)
		transfer_init(&f->t, &conf);
	return f;
}

void fetch_state_free(struct fetch_state *f)
{
	if (f == NULL)
		return;
	free(f->fixed);
	free(f);
}

void fetch_state_behind(struct run *r)
{
	r->fetch_state->behind = true;
	r->fetch_state->look_ms = 0;
}

bool fetch_state_is_busy(const struct run *r)
{
	return r->fetch_state->t.phase != TRANSFER_IDLE || index_absorbing(r->index) > 0;
}

void fetch_state_renewed(struct run *r)
{
	struct fetch_state *f = r->fetch_state;

	transfer_end(&f->t);
	free(f->fixed);
	f->fixed = NULL;
	f->due = f->kept = false;
	r->installing = 0;
	f->look_ms = 0;
}

void fetch_state_link(struct run *r, uint8_t id, bool up)
{
	transfer_link(&r->fetch_state->t, id, up);
}

void fetch_state_show(const struct run *r, struct ap_text *out)
{
	const struct transfer *t = &r->fetch_state->t;

	ap_text_addf(out,
		     "transfer_of=%" PRIu64 "\ntransfers_begun=%" PRIu64
		     "\ntransfer_chunks=%" PRIu64 "\nquarantine=%d\n",
		     t->phase != TRANSFER_IDLE ? t->size : 0, t->begun, t->chunks,
		     r->quarantine != QUARANTINE_NONE);
}

/* ---- is one needed? ---- */

/* draft {#transfer}: "whose `first` is above what it and f others have executed": the view has
 * nothing below it, and there may be nobody left to attest. */
static bool is_stranded(struct fetch_state *f, const struct pbft_info *core, uint64_t now)
{
	if (core->proven <= core->executed || core->proven <= core->others_executed) {
		f->stranded_ms = 0;
		return false;
	}
	if (f->stranded_ms == 0)
		f->stranded_ms = now;
	return now - f->stranded_ms >= STRANDED_MS;
}

static bool is_needed(struct run *r, const struct pbft_info *core, uint64_t now)
{
	struct fetch_state *f = r->fetch_state;
	bool stranded = is_stranded(f, core, now);

	if (core->empty)
		return false; /* whether anything is missing shows soon */
	if (core->lacks || core->diverged || stranded)
		return true;
	return core->others_stable > core->executed &&
	       (f->behind || core->others_executed > core->executed + LAG);
}

/* draft {#transfer}, step 1: "`above` is what f+1 others report as stable less twice the checkpoint
 * interval, and not below what the replica has executed" */
static uint64_t above_of(const struct run *r, const struct pbft_info *core)
{
	uint64_t most = core->others_stable,
		 above = most > 2 * RUN_INTERVAL ? most - 2 * RUN_INTERVAL : 0;
	uint64_t have = core->executed;

	if (core->lacks)
		have = core->stable > 0 ? core->stable - 1 : 0;
	if (core->diverged)
		have = r->diverged_seq > 0 ? r->diverged_seq - 1 : 0;
	if (have + 1 < core->low)
		have = core->low - 1; /* what is executed again has to lie in the window */
	return above > have ? above : have;
}

static void look(struct run *r, uint64_t now)
{
	struct fetch_state *f = r->fetch_state;
	struct pbft_info core;

	if (now < f->look_ms && f->t.phase == TRANSFER_IDLE)
		return;
	f->look_ms = now + RETRY_MS;
	pbft_info(r->pbft, &core);
	if (f->t.phase == TRANSFER_HISTORY && !core.lacks && !core.diverged &&
	    core.executed >= f->t.size) {
		log_say(LOG_L_INFO, "state transfer not needed any more executed=%" PRIu64,
			core.executed);
		transfer_end(&f->t);
	}
	if (f->t.phase != TRANSFER_IDLE || index_absorbing(r->index) > 0)
		return;
	if (!is_needed(r, &core, now)) {
		f->behind = false;
		return;
	}
	transfer_begin(&f->t, above_of(r, &core), now);
	f->begun_ms = now;
	log_say(LOG_L_INFO,
		"state transfer begins executed=%" PRIu64 " above=%" PRIu64 " offered=%" PRIu64,
		core.executed, f->t.above, core.others_stable);
}

/* ---- asking ---- */

static void send_question(struct run *r, const struct transfer_order *o)
{
	uint8_t octets[16];
	size_t n = 16;
	uint8_t type = AP_MESSAGE_fetch_leaves;

	disk_put64(octets, o->first);
	disk_put64(octets + 8, o->last);
	if (o->kind == TRANSFER_ASK_STATE) {
		type = AP_MESSAGE_fetch_state;
		n = 8;
	} else if (o->kind == TRANSFER_ASK_CHUNKS) {
		type = AP_MESSAGE_fetch_chunks;
	}
	peers_send(r->peers, (uint16_t)(1u << (o->to - 1)), type, (struct iovec[]){{octets, n}}, 1);
}

/* One of them; octets that had to be hashed for it. */
static size_t find_chunk(struct transfer *t, struct merge *m, uint64_t seq)
{
	const uint8_t *right = transfer_leaf(t, seq);
	uint64_t time_ms;
	ap_bytes outcomes;
	uint8_t leaf[32];

	if (right == NULL || !merge_chunk(m, seq, &time_ms, &outcomes))
		return 0;
	transfer_leaf_hash(ap_sha256, seq, time_ms, outcomes, leaf);
	if (memcmp(leaf, right, 32) == 0)
		transfer_found(t, seq, time_ms);
	return outcomes.len;
}

/* What is stored here already, from before or from a transfer that was broken off. A section may
 * be a hundred full batches: piece by piece. false: there is more of it. */
static bool find_stored(struct run *r, uint64_t first, uint64_t last)
{
	struct fetch_state *f = r->fetch_state;
	struct merge *m = index_merge(r->index);
	size_t octets = 0, n = 0;

	if (f->look_first != first || f->look_begun != f->t.begun) {
		f->look_first = f->look_at = first;
		f->look_begun = f->t.begun;
	}
	merge_read_begin(m);
	for (; f->look_at <= last && octets < LOOK_OCTETS && n < LOOK_CHUNKS; f->look_at++, n++)
		octets += find_chunk(&f->t, m, f->look_at);
	merge_read_end(m);
	if (f->look_at <= last)
		return false;
	f->look_first = 0;
	transfer_looked(&f->t, first);
	return true;
}

static struct merge_job *install_job(const struct fetch_state *f, const struct run *r)
{
	struct merge_job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	job->journal = journal_last(r->journal);
	job->seq = f->t.size;
	job->floor_ms = f->floor_ms;
	job->horizon_ms = r->net.horizon_s * 1000;
	job->snapshot = malloc(f->fixed_len);
	job->proof = malloc(RECORD_CERTIFICATE_MAX);
	if (job->snapshot == NULL || job->proof == NULL) {
		merge_job_free(job);
		return NULL;
	}
	memcpy(job->snapshot, f->fixed, f->fixed_len);
	job->snapshot_len = f->fixed_len;
	job->proof_len = record_stable(job->proof, f->t.size, f->proof.state, f->proof.who,
				       f->proof.incarnation, (const uint8_t(*)[64])f->proof.sig);
	return job;
}

static void install(struct run *r)
{
	struct fetch_state *f = r->fetch_state;
	struct absorb *a = calloc(1, sizeof(*a));

	if (a != NULL)
		a->job = install_job(f, r);
	if (a == NULL || a->job == NULL) {
		free(a);
		run_fail(r, "out of memory for a transferred state: give this replica more, and "
			    "start it again");
		return;
	}
	a->installs = true;
	a->frontier = f->frontier;
	index_absorb(r->index, a);
}

static void install_due(struct run *r)
{
	struct fetch_state *f = r->fetch_state;

	if (!f->due)
		return;
	r->installing = f->t.size;
	f->kept = f->kept || effect_keep_view(r, &f->token);
	if (!f->kept || journal_done(r->journal) < f->token)
		return;
	f->due = f->kept = false;
	install(r);
}

/* draft {#transfer}: "While its disk is nearly full it takes nothing over, and waits for room" */
static bool has_room(const struct run *r)
{
	struct marks_view view = {.segment = (uint64_t)r->conf->journal_segment << 20,
				  .disk_free = disk_room(r->conf->data)};
	uint64_t runs = index_absorbing(r->index) + 1;

	return r->may_merge && marks_may_take(&view, runs * AP_CHUNKS_MAX);
}

static void look_for_room(struct run *r)
{
	struct fetch_state *f = r->fetch_state;
	const struct index_conf conf = {.dir = r->conf->data};
	bool had = !f->t.no_room;

	f->t.no_room = !has_room(r);
	if (f->t.no_room && r->quarantine == QUARANTINE_NONE && merge_drop_aside(&conf)) {
		log_say(LOG_L_ERROR, "%s/store.aside is deleted: what is fetched needs its room",
			r->conf->data);
		f->t.no_room = !has_room(r);
	}
	if (had && f->t.no_room)
		log_say(LOG_L_ERROR,
			"state transfer waits: the disk of %s has no room for what comes; make "
			"room",
			r->conf->data);
	else if (!had && !f->t.no_room)
		log_say(LOG_L_INFO, "state transfer goes on: the disk has room");
}

uint64_t fetch_state_turn(struct run *r)
{
	struct fetch_state *f = r->fetch_state;
	uint64_t now = run_now();
	struct transfer_order o;
	bool more = false;

	look(r, now);
	if (f->t.phase == TRANSFER_IDLE)
		return UINT64_MAX;
	do {
		look_for_room(r);
		f->t.full = index_absorbing(r->index) >= WRITES_MAX;
		transfer_next(&f->t, now, &o);
		if (o.kind == TRANSFER_LOOK)
			more = !find_stored(r, o.first, o.last);
		else if (o.kind == TRANSFER_INSTALL)
			f->due = true;
		else if (o.kind != TRANSFER_NOTHING)
			send_question(r, &o);
	} while (o.kind != TRANSFER_NOTHING && !more && r->failure[0] == '\0');
	install_due(r);
	if (more)
		return now;
	return transfer_wake(&f->t, now);
}

/* ---- a state ---- */

/* A machine of its own says whether the octets are a state, and which. */
static const char *state_read(struct run *r, struct fetch_state *f, const ap_state *m)
{
	struct machine_conf mc = {.n = r->net.n,
				  .retention_s = r->net.retention_s,
				  .horizon_s = r->net.horizon_s,
				  .capacity = r->net.capacity};
	struct machine_funcs funcs;
	struct machine_store store;
	const char *why = "state: does not decode";
	struct machine *machine;
	uint8_t digest[32];
	void *memory;

	memcpy(mc.genesis, r->net.genesis, 32);
	keygen_funcs(r->keygen, &funcs);
	index_store(r->index, &store);
	memory = malloc(machine_size(&mc));
	if (memory == NULL)
		return "state: no memory";
	machine = machine_init(memory, &mc, &funcs, &store);
	if (machine_restore(machine, m->fixed.data, m->fixed.len) == 0) {
		machine_digest(machine, digest);
		why = machine_seq(machine) == m->seq && memcmp(digest, m->state.octets, 32) == 0
			      ? NULL
			      : "state: another one than was signed";
	}
	f->floor_ms = machine_floor(machine);
	f->frontier = *machine_history(machine);
	f->has_key = machine_key(machine)->phase >= MACHINE_TRIAL;
	memcpy(f->key, machine_key(machine)->pk, 32);
	free(memory);
	return why;
}

static const char *state_check(struct run *r, struct fetch_state *f, const ap_state *m)
{
	struct record_stable proof;
	const char *why =
		state_proof_check(&r->verifier, m->seq, m->state.octets, m->signers, &proof);
	uint8_t *fixed;

	if (why == NULL)
		why = state_read(r, f, m);
	if (why != NULL)
		return why;
	fixed = malloc(m->fixed.len);
	if (fixed == NULL)
		return "state: no memory";
	memcpy(fixed, m->fixed.data, m->fixed.len);
	free(f->fixed);
	f->fixed = fixed;
	f->fixed_len = m->fixed.len;
	f->proof = proof;
	return NULL;
}

static const char *on_state(struct run *r, uint8_t from, const uint8_t *body, size_t len)
{
	struct fetch_state *f = r->fetch_state;
	struct ap_reader reader;
	const char *why;
	ap_state m;

	ap_reader_init(&reader, body, len);
	ap_state_get(&reader, &m);
	if (!ap_reader_done(&reader))
		return "state: does not decode";
	if (f->t.phase != TRANSFER_STATE || f->t.asked[0].to != from) /* the only question then */
		return NULL;
	if (m.seq <= f->t.above) {
		transfer_state(&f->t, from, 0, 0, &f->frontier, run_now());
		return NULL;
	}
	why = state_check(r, f, &m);
	if (why == NULL && transfer_state(&f->t, from, m.seq, f->floor_ms, &f->frontier, run_now()))
		log_say(LOG_L_INFO, "state transfer of checkpoint=%" PRIu64 " member=%u", m.seq,
			from);
	return why;
}

/* ---- sections and chunks ---- */

/* A whole one goes into the store: it is served to others later, and the tree goes on from it. */
static void keep_section(struct run *r, const ap_leaves *m)
{
	struct absorb *a;

	if (m->leaves.len != (size_t)32 << fetch_state_bits())
		return;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return; /* it is asked for again in the next transfer */
	a->has_section = true;
	a->section = m->section;
	a->n_path = (unsigned)(m->path.len / 32);
	memcpy(a->leaves, m->leaves.data, m->leaves.len);
	if (m->path.len > 0)
		memcpy(a->path, m->path.data, m->path.len);
	index_absorb(r->index, a);
}

static const char *on_section(struct run *r, uint8_t from, const uint8_t *body, size_t len)
{
	struct transfer *t = &r->fetch_state->t;
	struct ap_reader reader;
	ap_leaves m;

	ap_reader_init(&reader, body, len);
	ap_leaves_get(&reader, &m);
	if (!ap_reader_done(&reader) || m.leaves.len % 32 != 0 || m.path.len % 32 != 0 ||
	    m.leaves.len > AP_SECTION_LEAVES * 32 || m.path.len > AP_FRONTIER_MAX * 32)
		return "section: does not decode";
	switch (transfer_section(t, from, m.size, m.section, m.leaves.data, m.leaves.len / 32,
				 m.path.data, m.path.len / 32, run_now())) {
	case TRANSFER_WRONG:
		return "section: not that of the signed state";
	case TRANSFER_TAKE:
		keep_section(r, &m);
		return NULL;
	default: /* late, or never asked for: nothing says that it is right */
		return NULL;
	}
}

/* One chunk behind the others of a run. */
static const char *take_chunk(struct run *r, uint8_t from, struct absorb *a, uint64_t seq,
			      const ap_chunk *m)
{
	const struct fetch_state *f = r->fetch_state;
	struct absorb_chunk *c = &a->chunks[a->n_chunks];
	ap_bytes outcomes = {m->outcomes.data, m->outcomes.len};
	uint8_t leaf[32];
	int n;

	transfer_leaf_hash(ap_sha256, seq, m->time, outcomes, leaf);
	switch (transfer_chunk(&r->fetch_state->t, from, seq, leaf, m->time)) {
	case TRANSFER_WRONG:
		return "chunks: not that of the signed state";
	case TRANSFER_REPEAT:
		return NULL;
	case TRANSFER_TAKE:
		break;
	}
	n = chunk_outcomes_check(outcomes, seq, m->time);
	if (n < 0) { /* 2f+1 have signed it */
		run_fail(r, "the state of the others does not decode here: this version is older "
			    "than theirs");
		return NULL;
	}
	*c = (struct absorb_chunk){
		.seq = seq, .time_ms = m->time, .outcomes = outcomes, .n = (size_t)n};
	a->n_chunks++;
	if (m->proof.len > 0 && f->has_key && !chunk_proof_take(c, m->proof, f->key))
		return "chunks: a proof that proves nothing"; /* the chunk is right all the same */
	return NULL;
}

static const char *take_run(struct run *r, uint8_t from, const ap_chunks *m, struct absorb *a,
			    size_t *count)
{
	struct ap_reader reader;
	uint64_t seq = m->last;
	const char *why = NULL;

	/* the absorb owns the octets that its chunks point into */
	ap_reader_init(&reader, a->octets, a->len);
	for (; ap_reader_left(&reader) > 0 && why == NULL && seq >= m->first && seq > 0; seq--) {
		struct ap_reader inner;
		ap_chunk chunk;
		ap_span span;

		ap_span_get(&reader, &span);
		ap_reader_init(&inner, span.data, span.len);
		ap_chunk_get(&inner, &chunk);
		if (reader.bad != NULL || !ap_reader_done(&inner))
			return "chunks: do not decode";
		why = take_chunk(r, from, a, seq, &chunk);
		(*count)++;
	}
	return why == NULL && ap_reader_left(&reader) > 0 ? "chunks: more than were asked for"
							  : why;
}

static struct absorb *absorb_of(const ap_chunks *m)
{
	struct absorb *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->chunks = calloc(AP_SECTION_LEAVES, sizeof(*a->chunks));
	a->octets = malloc(m->chunks.len + 1);
	a->len = m->chunks.len;
	if (a->chunks == NULL || a->octets == NULL) {
		absorb_free(a);
		return NULL;
	}
	if (a->len > 0)
		memcpy(a->octets, m->chunks.data, a->len);
	return a;
}

static const char *on_chunks(struct run *r, uint8_t from, const uint8_t *body, size_t len)
{
	struct fetch_state *f = r->fetch_state;
	struct ap_reader reader;
	size_t count = 0;
	struct absorb *a;
	const char *why;
	ap_chunks m;

	ap_reader_init(&reader, body, len);
	ap_chunks_get(&reader, &m);
	if (!ap_reader_done(&reader) || m.first == 0 || m.first > m.last ||
	    m.last - m.first >= AP_SECTION_LEAVES)
		return "chunks: do not decode";
	if (!transfer_is_asked(&f->t, from, m.first, m.last))
		return NULL; /* late, or never asked for */
	a = absorb_of(&m);
	if (a == NULL)
		return NULL;
	why = take_run(r, from, &m, a, &count);
	transfer_chunks_end(&f->t, from, m.first, m.last, count, run_now());
	if (a->n_chunks > 0)
		index_absorb(r->index, a);
	else
		absorb_free(a);
	return why;
}

bool fetch_state_frame(struct run *r, uint8_t from, uint8_t type, const uint8_t *body, size_t len)
{
	struct transfer *t = &r->fetch_state->t;
	const char *why;

	if (t->phase == TRANSFER_IDLE || (t->lied >> (from - 1) & 1) != 0)
		return true;
	if (type == AP_MESSAGE_state)
		why = on_state(r, from, body, len);
	else if (type == AP_MESSAGE_leaves)
		why = on_section(r, from, body, len);
	else
		why = on_chunks(r, from, body, len);
	if (why == NULL)
		return true;
	transfer_liar(t, from);
	log_say(LOG_L_ERROR, "state transfer: member=%u is not asked any more: %s", from, why);
	return false;
}

/* ---- the state becomes this replica's ---- */

static void step_core(struct run *r, const struct fetch_state *f)
{
	struct machine_numbers numbers[AP_REPLICAS_MAX];
	struct pbft_event ev = {.kind = PBFT_EV_STATE};

	for (uint8_t id = 1; id <= r->net.n; id++)
		numbers[id - 1] = *machine_numbers_of(r->machine, id);
	ev.u.transferred.seq = f->proof.seq;
	ev.u.transferred.time_ms = machine_time(r->machine);
	memcpy(ev.u.transferred.running, machine_running(r->machine), 32);
	memcpy(ev.u.transferred.state, f->proof.state, 32);
	ev.u.transferred.silent = r->quarantine != QUARANTINE_NONE;
	ev.u.transferred.members = machine_incarnations(r->machine);
	ev.u.transferred.who = f->proof.who;
	ev.u.transferred.incarnation = f->proof.incarnation;
	ev.u.transferred.sig = (const uint8_t(*)[64])f->proof.sig;
	ev.u.transferred.numbers = numbers;
	run_step(r, &ev);
}

static void take_up(struct run *r, uint64_t seq)
{
	struct fetch_state *f = r->fetch_state;
	struct disk_error why = {""};

	if (machine_restore(r->machine, f->fixed, f->fixed_len) != 0 ||
	    machine_seq(r->machine) != seq) {
		run_fail(r,
			 "a transferred state does not decode any more: start this replica again");
		return;
	}
	if (undecided_refill(r, &why) != 0) {
		if (index_damage(r->index) == NULL) /* else damage.c does the rest */
			run_fail(r, why.text);
		return;
	}
	r->ring[seq % RUN_RUNNING_RING].seq = seq;
	memcpy(r->ring[seq % RUN_RUNNING_RING].running, machine_running(r->machine), 32);
	r->merge_due.token = 0;
	r->executed_due = false;
	clock_judge(&r->clock, machine_time(r->machine), run_wall(), run_now());
	sign_resume(r->sign, run_now());
	if (r->quarantine != QUARANTINE_NONE && quarantine_write(r, QUARANTINE_FOLLOWS, &why) != 0)
		run_fail(r, why.text);
	log_say(LOG_L_INFO,
		"state transferred checkpoint=%" PRIu64 " chunks=%" PRIu64 " ms=%" PRIu64, seq,
		f->t.chunks, run_now() - f->begun_ms);
	step_core(r, f);
	execute_keygen(r);
	clients_overtaken(r->clients, run_now());
	journal_trim(r->journal, seq + 1);
}

void fetch_state_stored(struct run *r)
{
	struct fetch_state *f = r->fetch_state;
	uint64_t seq = index_installed(r->index, machine_seq(r->machine));

	if (seq > 0)
		take_up(r, seq);
	if (seq > 0 ||
	    (f->t.phase == TRANSFER_INSTALLING && !f->due && index_absorbing(r->index) == 0)) {
		r->installing = 0;
		transfer_end(&f->t);
		free(f->fixed);
		f->fixed = NULL;
		f->behind = false;
	}
	run_wake(r);
}
