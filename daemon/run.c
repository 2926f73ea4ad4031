#include "config.h"

#include "daemon/run.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/damage.h"
#include "daemon/files.h"
#include "daemon/index_priv.h"
#include "daemon/log.h"
#include "daemon/marks.h"
#include "daemon/run_priv.h"
#include "daemon/scrub.h"
#include "libproto/crypto.h"
#include "libproto/digest.h"
#include "libproto/name.h"

static uint64_t clock_ms(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t run_now(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

uint64_t run_wall(void)
{
	return clock_ms(CLOCK_REALTIME);
}

void run_give_way(void)
{
	(void)sched_yield();
}

void run_wake(struct run *r)
{
	event_active(r->turn, EV_TIMEOUT, 0);
}

void run_fail(struct run *r, const char *sentence)
{
	if (r->failure[0] != '\0')
		return;
	snprintf(r->failure, sizeof(r->failure), "%s", sentence);
	log_say(LOG_L_ERROR, "stopping: %s", r->failure);
	event_base_loopbreak(r->base);
}

const char *run_failure(const struct run *r)
{
	return r->failure[0] != '\0' ? r->failure : NULL;
}

/* ---- events of the core ---- */

void run_step(struct run *r, struct pbft_event *ev)
{
	struct pbft_event next;

	while (r->failure[0] == '\0') {
		ev->now_ms = run_now();
		ev->wall_ms = clock_time(&r->clock, run_wall(), ev->now_ms);
		pbft_step(r->pbft, ev, &r->update);
		r->core_wake_ms = r->update.wake_ms;
		for (size_t i = 0; i < r->update.n && r->failure[0] == '\0'; i++)
			effect_run(r, &r->update.effects[i]);
		if (!r->executed_due)
			break;
		r->executed_due = false;
		next = r->executed;
		ev = &next;
	}
	event_active(r->turn, EV_TIMEOUT, 0);
}

static bool bundle_known(void *arg, const uint8_t digest[32], ap_bytes octets)
{
	const struct run *r = arg;
	const struct body *body = bodies_find(r->bodies, digest);

	return body != NULL && body->len == octets.len &&
	       memcmp(body->octets, octets.data, octets.len) == 0;
}

static bool prepare_wanted(void *arg, const struct pbft_proposal *p)
{
	return pbft_wants_prepare(((const struct run *)arg)->pbft, p);
}

/* ---- the end of a turn: bundles filled, answers sent, timers set ---- */

static size_t bundle_encode(struct run *r, size_t ops, uint64_t counter, struct pbft_bundle *b)
{
	struct ap_writer w;
	ap_bundle m = {
		.relay = r->self, .start = r->boot, .counter = counter, .ops = {r->ops, ops}};

	ap_digest_bundle(ap_sha256, b->digest, r->net.genesis, r->self, r->boot, counter, m.ops);
	sign_bundle(r->secret, b->digest, m.sig.octets);
	ap_writer_init(&w, r->frame, sizeof(r->frame));
	ap_bundle_put(&w, &m);
	return ap_writer_len(&w);
}

/* Own requests become a bundle at once while none is under way. A second one leaves when as much
 * waits as the last one had; else they gather until one is full or one is done: so bundles grow
 * with the load, as batches do. */
static bool may_gather(const struct run *r, uint32_t under_way, uint32_t queued)
{
	if (under_way == 0 || queued >= AP_BUNDLE_REQUESTS_MAX)
		return false;
	return under_way >= RUN_BUNDLES_OUT || queued < r->bundled;
}

static void fill(struct run *r)
{
	struct relay *relay = clients_relay(r->clients);

	while (relay_waiting(relay) && recover_may_submit(r) && r->failure[0] == '\0') {
		struct pbft_event ev = {.kind = PBFT_EV_BUNDLE, .from = r->self};
		struct pbft_bundle *b = &ev.u.bundle;
		uint32_t under_way = pbft_own_weight(r->pbft);
		struct relay_info info;
		size_t ops, len;

		relay_info(relay, &info);
		if (under_way >= PBFT_OWN_MAX || may_gather(r, under_way, info.queued))
			return;
		ops = relay_fill(relay, r->ops, sizeof(r->ops), &b->counter, &b->requests,
				 run_now());
		if (ops == 0)
			return;
		r->bundled = b->requests;
		b->relay = r->self;
		b->start = r->boot;
		b->keeps = ops_keep(r->ops, ops);
		len = bundle_encode(r, ops, b->counter, b);
		b->octets = (uint32_t)(4 + len); /* with its length, as it stands in a batch */
		if (len == 0 || bodies_put(r->bodies, b->digest, r->frame, len, NULL) != 0) {
			run_fail(r, "out of memory for requests: give this replica more");
			return;
		}
		run_step(r, &ev);
	}
}

/* An idle network still moves its clock, so that a replica can judge its own at a start. */
static void tick_if_idle(struct run *r)
{
	uint64_t quarter = r->net.outage_bound_s * 1000 / 4;
	struct pbft_info info;

	if (run_wall() <= machine_time(r->machine) + quarter ||
	    machine_key(r->machine)->phase != MACHINE_LIVE)
		return;
	pbft_info(r->pbft, &info);
	if (info.primary == r->self && !info.recovering && !info.empty && info.in_flight == 0 &&
	    !relay_waiting(clients_relay(r->clients)))
		relay_submit_own(clients_relay(r->clients), AP_OP_tick, NULL, 0);
}

/* draft {#deadlines}. Returns when to look again. */
static uint64_t fire_deadlines(struct run *r)
{
	struct due_view v = {.due_ms = machine_due(r->machine), .now_ms = run_now()};
	struct pbft_event ev = {.kind = PBFT_EV_FROZEN};
	struct pbft_info info;
	uint64_t wake_ms;

	if (v.due_ms == UINT64_MAX)
		return UINT64_MAX;
	pbft_info(r->pbft, &info);
	if (info.lacks || info.diverged || info.recovering || info.empty)
		return UINT64_MAX; /* what is undecided, or when, is not known here */
	v.wall_ms = clock_time(&r->clock, run_wall(), v.now_ms);
	v.clock_bound_ms = r->net.clock_bound_s * 1000;
	v.timeout_ms = RUN_TIMEOUT_MS;
	v.primary = info.view_active && info.primary == r->self;
	v.in_flight = info.in_flight > 0 || info.own > 0;
	v.view_active = info.view_active;
	v.view = info.view;
	v.batches = r->batches;
	switch (due_look(&r->due, &v, &wake_ms)) {
	case DUE_TICK:
		relay_submit_own(clients_relay(r->clients), AP_OP_tick, NULL, 0);
		break;
	case DUE_FROZEN:
		log_say(LOG_L_INFO, "member %u lets no time pass: leaving its view", info.primary);
		run_step(r, &ev);
		break;
	case DUE_NOTHING:
		break;
	}
	return wake_ms;
}

static void set_timer(struct run *r, uint64_t wake)
{
	uint64_t now = run_now(), in = wake > now ? wake - now : 0;
	struct timeval tv;

	if (in > 60000)
		in = 60000;
	tv.tv_sec = (time_t)(in / 1000);
	tv.tv_usec = (suseconds_t)(in % 1000 * 1000);
	evtimer_add(r->timer, &tv);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool is_idle(const struct run *r)
{
	struct relay_info relay;

	relay_info(clients_relay(r->clients), &relay);
	return relay.outstanding == 0 && pbft_is_idle(r->pbft) && sign_missing(r->sign) == 0;
}

bool run_spare(struct run *r)
{
	run_give_way();
	return sign_idle(r->sign, r->machine) || keygen_idle(r->keygen);
}

/* Some at a time, behind what has come: a turn costs a tenth of a signature. true: there are more.
 */
static bool verify_votes(struct run *r)
{
	for (unsigned i = 0; i < RUN_VOTES_EACH; i++)
		if (!votes_turn(r->votes, r->machine, r->bodies))
			return false;
	return true;
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct run *r = arg;
	uint64_t wake = r->core_wake_ms, now = run_now();

	(void)fd;
	(void)what;
	damage_look(r);
	damage_turn(r);
	fill(r);
	wake = least(wake, r->core_wake_ms);
	wake = least(wake, clients_tick(r->clients, now));
	wake = least(wake, sign_tick(r->sign, now));
	wake = least(wake, execute_keygen_wake(r));
	wake = least(wake, fetch_state_turn(r));
	recover_turn(r, now);
	wake = least(wake, scrub_turn(r));
	wake = least(wake, fire_deadlines(r));
	if (relay_waiting(clients_relay(r->clients)))
		fill(r);
	clients_flush(r->clients);
	if (is_idle(r)) {
		if (now < r->spare_ms)
			wake = least(wake, r->spare_ms);
		else if (run_spare(r))
			event_active(r->turn, EV_TIMEOUT, 0);
	}
	set_timer(r, wake);
	if (verify_votes(r))
		event_active(r->turn, EV_TIMEOUT, 0);
}

static void wake(void *arg)
{
	event_active(((struct run *)arg)->turn, EV_TIMEOUT, 0);
}

static void say_disk(const struct run *r, enum pbft_disk level)
{
	static const char *const does[] = {
		"has room again: this replica votes on everything",
		"is nearly full: this replica votes on nothing that a client asks for; make room",
		"is full: this replica votes on nothing; make room"};

	log_say(level == PBFT_DISK_ENOUGH ? LOG_L_INFO : LOG_L_ERROR, "the disk of %s %s",
		r->conf->data, does[level]);
}

/* draft {#disk-marks}: in time, since a failed write stops the replica. */
static void look_at_disk(struct run *r)
{
	struct marks_view view = {.segment = (uint64_t)r->conf->journal_segment << 20,
				  .journal_room = journal_room(r->journal),
				  .journal_short = journal_is_short(r->journal),
				  .disk_free = disk_room(r->conf->data)};
	struct pbft_event ev = {.kind = PBFT_EV_DISK};
	struct pbft_info info;

	r->disk_ms = run_now();
	r->may_merge = marks_may_merge(&view);
	effect_merge_due(r);
	pbft_info(r->pbft, &info);
	relay_short(clients_relay(r->clients), info.is_short || info.disk != PBFT_DISK_ENOUGH);
	ev.u.disk = marks_level(info.disk, &view);
	if (ev.u.disk == info.disk)
		return;
	say_disk(r, ev.u.disk);
	run_step(r, &ev);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct run *r = arg;
	struct pbft_event ev = {.kind = PBFT_EV_TIMER};

	(void)fd;
	(void)what;
	log_tick();
	if (run_now() - r->disk_ms >= RUN_HEARTBEAT_MS / 2)
		look_at_disk(r);
	if (r->clock.leapt)
		log_say(LOG_L_ERROR,
			"this host's clock has leapt: set it right; until then this replica "
			"goes by its monotonic clock");
	tick_if_idle(r);
	if (execute_keygen_wake(r) <= run_now())
		execute_keygen(r);
	run_step(r, &ev);
}

/* ---- journal and store ---- */

static void on_journal(evutil_socket_t fd, short what, void *arg)
{
	struct run *r = arg;
	struct pbft_event ev = {.kind = PBFT_EV_WRITTEN};
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		run_fail(r, "the journal's event descriptor cannot be read");
	if (journal_error(r->journal) != NULL) {
		run_fail(r, journal_error(r->journal));
		return;
	}
	ev.u.token = effect_durable(r);
	effect_merge_due(r);
	effect_overflow(r);
	if (r->installing > 0)
		run_wake(r);
	if (ev.u.token != 0)
		run_step(r, &ev);
}

static void on_index(evutil_socket_t fd, short what, void *arg)
{
	struct run *r = arg;
	uint64_t merged = index_poll(r->index);

	(void)fd;
	(void)what;
	if (index_error(r->index) != NULL) {
		run_fail(r, index_error(r->index));
	} else if (index_damage(r->index) == NULL) {
		if (merged > 0)
			journal_trim(r->journal, merged + 1);
		fetch_state_stored(r);
	}
	scrub_poll(r);
	run_wake(r);
}

int run_put_store_aside(struct run *r, struct disk_error *why)
{
	if (r->index_event != NULL)
		event_free(r->index_event);
	r->index_event = NULL;
	fetch_state_renewed(r);
	return index_put_aside(r->index, why);
}

int run_renew_store(struct run *r, struct disk_error *why)
{
	int status = run_put_store_aside(r, why);

	if (status == 0)
		status = index_renew(r->index, why);
	if (status != 0)
		return status;
	machine_restore(r->machine, NULL, 0); /* no state: that of a new network */
	r->merge_due.token = 0;
	r->executed_due = false;
	scrub_again(r);
	r->index_event = event_new(r->base, index_fd(r->index), EV_READ | EV_PERSIST, on_index, r);
	if (r->index_event == NULL || event_add(r->index_event, NULL) != 0)
		return disk_say(why, DISK_ESYSTEM, "cannot set up the event loop");
	return 0;
}

/* ---- frames ---- */

static bool on_share(struct run *r, uint8_t from, const uint8_t *body, size_t len)
{
	struct ap_reader reader;
	ap_share m;

	ap_reader_init(&reader, body, len);
	ap_share_get(&reader, &m);
	if (!ap_reader_done(&reader) || m.share.replica != from)
		return false;
	/* the link has authenticated the sender; the identity signature is evidence, looked at when
	 * there is a quarrel */
	sign_share_in(r->sign, from, &m, run_now());
	return true;
}

/* false: there is no signature here. */
static bool send_signed(struct run *r, uint16_t to, uint64_t seq)
{
	uint8_t octets[AP_MAX_signed];
	ap_signed answer = {.seq = seq};
	struct ap_writer w;

	if (!index_signature(r->index, seq, &answer.epoch, answer.sig.octets))
		return false;
	ap_writer_init(&w, octets, sizeof(octets));
	ap_signed_put(&w, &answer);
	peers_send(r->peers, to, AP_MESSAGE_signed, (struct iovec[]){{octets, ap_writer_len(&w)}},
		   1);
	return true;
}

static bool on_want(struct run *r, uint8_t from, const uint8_t *body, size_t len)
{
	struct ap_reader reader;
	ap_want m;

	ap_reader_init(&reader, body, len);
	ap_want_get(&reader, &m);
	if (!ap_reader_done(&reader))
		return false;
	if (!send_signed(r, (uint16_t)(1u << (from - 1)), m.seq))
		sign_want_in(r->sign, from, m.seq);
	return true;
}

static bool on_signed(struct run *r, const uint8_t *body, size_t len)
{
	struct ap_reader reader;
	ap_signed m;

	ap_reader_init(&reader, body, len);
	ap_signed_get(&reader, &m);
	if (!ap_reader_done(&reader))
		return false;
	return sign_signed_in(r->sign, m.seq, m.sig.octets);
}

/* A fetched batch brings its signature along, kept until the batch has been executed. */
static void body_signature(struct run *r, const uint8_t *body, size_t len)
{
	struct ap_reader reader;
	ap_body m;

	ap_reader_init(&reader, body, len);
	ap_body_get(&reader, &m);
	if (ap_reader_done(&reader) && m.sig.present)
		sign_signed_in(r->sign, m.seq, m.sig.it.octets);
}

/* Whole NEW-VIEWs are costly to prove: one of a view that is past, or entered, is not looked at. */
static bool is_new_view_wanted(struct run *r, const uint8_t *octets, size_t len)
{
	struct ap_reader reader;
	struct pbft_info info;
	uint64_t view;

	ap_reader_init(&reader, octets, len);
	ap_u64_get(&reader, &view);
	pbft_info(r->pbft, &info);
	return reader.bad != NULL || view > info.view || (view == info.view && !info.view_active);
}

static bool on_core_frame(struct run *r, uint8_t from, uint8_t type, const uint8_t *octets,
			  size_t len)
{
	struct pbft_event ev;
	const char *why;
	ap_bytes body;

	if (type == AP_MESSAGE_new_view && !is_new_view_wanted(r, octets, len))
		return true;
	why = verify_frame(&r->verifier, from, type, octets, len, &ev, &r->batch, &body);
	if (why == verify_idle)
		return true;
	if (why != NULL) {
		log_say(LOG_L_DETAIL, "refused frame member=%u: %s", from, why);
		return false;
	}
	if (body.len > 0) {
		bool bundle = ev.kind == PBFT_EV_BUNDLE;
		const uint8_t *digest = bundle ? ev.u.bundle.digest : r->batch.digest;

		if (bodies_put(r->bodies, digest, body.data, body.len, bundle ? NULL : &r->batch) !=
		    0)
			return true; /* no room now; it is sent again */
		votes_arrived(r->votes, digest);
	}
	if (ev.kind == PBFT_EV_BODY)
		body_signature(r, octets, len);
	r->arrived = (ap_bytes){octets, len};
	run_step(r, &ev);
	r->arrived = (ap_bytes){NULL, 0};
	return true;
}

static bool on_frame(void *arg, uint8_t from, uint8_t type, const uint8_t *body, size_t len)
{
	struct run *r = arg;
	bool good;

	if (r->failure[0] != '\0')
		return true; /* more may lie behind the frame that it stops for */
	switch (type) {
	case AP_MESSAGE_share:
		good = on_share(r, from, body, len);
		break;
	case AP_MESSAGE_want:
		good = on_want(r, from, body, len);
		break;
	case AP_MESSAGE_signed:
		good = on_signed(r, body, len);
		break;
	case AP_MESSAGE_fetch_state:
	case AP_MESSAGE_fetch_leaves:
	case AP_MESSAGE_fetch_chunks:
		good = serve_state(r, from, type, body, len);
		break;
	case AP_MESSAGE_state:
	case AP_MESSAGE_leaves:
	case AP_MESSAGE_chunks:
		good = fetch_state_frame(r, from, type, body, len);
		break;
	default:
		good = on_core_frame(r, from, type, body, len);
	}
	r->refused[type] += !good;
	event_active(r->turn, EV_TIMEOUT, 0);
	return good;
}

static void on_link(void *arg, uint8_t from, bool up)
{
	struct pbft_event ev = {.kind = PBFT_EV_LINK, .from = from, .u = {.up = up}};

	fetch_state_link(arg, from, up);
	run_step(arg, &ev);
}

/* ---- what the signer and the key generation send ---- */

static void send_share(void *arg, uint16_t to, const ap_share_body *share)
{
	struct run *r = arg;
	uint8_t octets[AP_MAX_share];
	struct ap_writer w;
	ap_share m;

	if (r->quarantine != QUARANTINE_NONE)
		return; /* draft {#checkpoints}: "It votes and signs no more" */

	m.share = *share;
	sign_share(r->secret, r->net.genesis, share, m.sig.octets);
	ap_writer_init(&w, octets, sizeof(octets));
	ap_share_put(&w, &m);
	peers_send(r->peers, to, AP_MESSAGE_share, (struct iovec[]){{octets, ap_writer_len(&w)}},
		   1);
	if (!r->is_urgent)
		peers_flush(r->peers); /* a client waits elsewhere, and adding up takes its time */
}

static void send_want(void *arg, uint16_t to, uint64_t seq)
{
	struct run *r = arg;
	uint8_t octets[AP_MAX_want];

	disk_put64(octets, seq);
	peers_send(r->peers, to, AP_MESSAGE_want, (struct iovec[]){{octets, sizeof(octets)}}, 1);
}

static void give_signed(void *arg, uint16_t to, uint64_t seq)
{
	(void)send_signed(arg, to, seq);
}

static void submit_own(void *arg, uint8_t kind, const uint8_t *op, size_t len)
{
	struct run *r = arg;

	if (relay_submit_own(clients_relay(r->clients), kind, op, len) != 0)
		run_fail(r, "out of memory for an operation: give this replica more");
	event_active(r->turn, EV_TIMEOUT, 0);
}

/* ---- start ---- */

/* A damaged store is moved away: what it had is transferred from the others. */
static int start_store(struct run *r, const struct index_conf *conf, struct disk_error *why)
{
	int status = index_open(&r->index, conf, why);

	if (status != DISK_EDAMAGED)
		return status;
	log_say(LOG_L_ERROR,
		"%s: it is kept as %s/store.aside, and what it had is fetched from the others",
		why->text, r->conf->data);
	status = merge_put_aside(conf, why);
	if (status != 0 && status != DISK_ENOTFOUND)
		return status;
	return index_open(&r->index, conf, why);
}

static int start_storage(struct run *r, struct disk_error *why)
{
	struct journal_options journal = {.indexed = RECORD_INDEXED,
					  .segment_size = r->conf->journal_segment << 20,
					  .keep = r->conf->journal_keep};
	struct index_conf index = {.dir = r->conf->data, .horizon_ms = r->net.horizon_s * 1000};
	char dir[DISK_PATH_MAX];
	int status = disk_make_dir(r->conf->data, why);

	snprintf(dir, sizeof(dir), "%s/journal", r->conf->data);
	journal.dir = dir;
	memcpy(journal.owner, r->net.genesis, 32);
	memcpy(index.genesis, r->net.genesis, 32);
	if (status == 0)
		status = journal_open(&r->journal, &journal, why);
	if (status == 0) /* not before nobody else works on this directory */
		status = quarantine_start(r, why);
	return status != 0 ? status : start_store(r, &index, why);
}

/* The run number: above all before it, on disk before it is used (draft {#boot}). */
static int start_boot(struct run *r, struct disk_error *why)
{
	char text[32] = "";
	int n = files_get(r->conf->data, "boot", text, sizeof(text) - 1, why);
	uint64_t start, counter;

	if (n < 0 && n != DISK_ENOTFOUND)
		return n;
	r->boot = strtoull(text, NULL, 10);
	machine_number(r->machine, r->self, &start, &counter);
	if (start > r->boot)
		r->boot = start;
	r->boot++;
	n = snprintf(text, sizeof(text), "%" PRIu64 "\n", r->boot);
	return files_put(r->conf->data, "boot", text, (size_t)n, 0600, why);
}

static int start_cores(struct run *r, struct disk_error *why)
{
	struct machine_conf mc = {.n = r->net.n,
				  .retention_s = r->net.retention_s,
				  .horizon_s = r->net.horizon_s,
				  .capacity = r->net.capacity};
	struct pbft_conf pc = {.n = r->net.n,
			       .self = r->self,
			       .window = RUN_WINDOW,
			       .interval = RUN_INTERVAL,
			       .pipeline = RUN_PIPELINE,
			       .batch_requests_max = AP_BATCH_REQUESTS_MAX,
			       .batch_octets_max = AP_BATCH_OCTETS_MAX,
			       .resend_ms = RUN_RESEND_MS,
			       .heartbeat_ms = RUN_HEARTBEAT_MS,
			       .timeout_ms = RUN_TIMEOUT_MS,
			       .timeout_max_ms = RUN_TIMEOUT_MAX_MS,
			       .fill_ms = RUN_FILL_MS,
			       .clock_bound_ms = r->net.clock_bound_s * 1000,
			       .sha256 = ap_sha256};
	struct machine_funcs funcs;
	struct machine_store store;

	memcpy(mc.genesis, r->net.genesis, 32);
	ap_digest_genesis(ap_sha256, pc.running0, r->net.genesis);
	r->votes = votes_new();
	if (r->votes == NULL)
		return disk_say(why, DISK_ESYSTEM, "out of memory for votes");
	keygen_funcs(r->keygen, &funcs);
	votes_funcs(r->votes, &funcs);
	index_store(r->index, &store);
	r->machine_memory = malloc(machine_size(&mc));
	r->pbft_memory = malloc(pbft_size(&pc));
	if (machine_size(&mc) == 0 || pbft_size(&pc) == 0 || r->machine_memory == NULL ||
	    r->pbft_memory == NULL)
		return disk_say(why, DISK_ESYSTEM, "out of memory for the state");
	r->machine = machine_init(r->machine_memory, &mc, &funcs, &store);
	r->pbft = pbft_init(r->pbft_memory, &pc);
	r->snapshot_cap = machine_snapshot_max(r->machine);
	r->snapshot = malloc(r->snapshot_cap);
	r->bodies = bodies_new(RUN_BODIES_MAX);
	r->fetch_state = fetch_state_new(r);
	if (r->snapshot == NULL || r->bodies == NULL || r->fetch_state == NULL)
		return disk_say(why, DISK_ESYSTEM, "out of memory for the state");
	return replay(r, why);
}

static int start_signer(struct run *r, struct disk_error *why)
{
	struct sign_conf sc = {.n = r->net.n,
			       .self = r->self,
			       .index = r->index,
			       .machine = r->machine,
			       .frost = r->frost,
			       .send = send_share,
			       .want = send_want,
			       .give = give_signed,
			       .submit = submit_own,
			       .done = execute_signed,
			       .arg = r};

	if (sign_new(&r->sign, &sc) != 0)
		return disk_say(why, DISK_ESYSTEM, "out of memory for the signer");
	return 0;
}

/* Before the boot number is known: verdicts on key generation are needed to replay. */
static int start_keygen(struct run *r, struct disk_error *why)
{
	struct keygen_conf kc = {.n = r->net.n,
				 .self = r->self,
				 .keys = (const uint8_t(*)[32])r->keys,
				 .dir = r->conf->data,
				 .submit = submit_own,
				 .arg = r};
	int status = frost_new(&r->frost, NULL);

	memcpy(kc.genesis, r->net.genesis, 32);
	kc.frost = r->frost;
	if (status == FROST_ECANARY)
		return disk_say(
			why, DISK_EUSAGE,
			"this libsodium takes bad points for good (CVE-2025-69277): install a "
			"fixed one (Debian: libsodium23 1.0.18-1+deb12u1 or later)");
	if (status != 0 || keygen_new(&r->keygen, &kc) != 0)
		return disk_say(why, DISK_ESYSTEM, "out of memory for the signer");
	if (!frost_is_locked(r->frost))
		log_say(LOG_L_INFO, "the signer's memory is not locked: raise the limit of locked "
				    "memory (LimitMEMLOCK, ulimit -l), or switch swapping off");
	return 0;
}

static int start_peers(struct run *r, struct self *self, int link_fd, struct disk_error *why)
{
	static struct sockaddr_storage links[AP_REPLICAS_MAX];
	static socklen_t lens[AP_REPLICAS_MAX];
	struct peers_conf pc = {.n = r->net.n,
				.self = r->self,
				.boot = r->boot,
				.keys = (const uint8_t(*)[32])r->keys,
				.links = links,
				.links_len = lens,
				.seed = self->seed,
				.listen_fd = link_fd,
				.on_frame = on_frame,
				.on_link = on_link,
				.arg = r};

	memcpy(pc.genesis, r->net.genesis, 32);
	for (uint8_t i = 0; i < r->net.n; i++) {
		links[i] = r->net.members[i].link.ss;
		lens[i] = r->net.members[i].link.len;
	}
	if (peers_new(&r->peers, r->base, &pc) != 0)
		return disk_say(why, DISK_ESYSTEM, "cannot set up the links to the other replicas");
	return 0;
}

static int start_clients(struct run *r, const struct run_sockets *s, struct disk_error *why)
{
	struct clients_conf cc = {.conf = r->conf,
				  .net = &r->net,
				  .self = r->self,
				  .start = r->boot,
				  .index = r->index,
				  .machine = r->machine,
				  .votes = r->votes,
				  .udp_fds = s->udp_fds,
				  .tcp_fds = s->tcp_fds,
				  .n_fds = s->n,
				  .wake = wake,
				  .arg = r};

	if (clients_new(&r->clients, r->base, &cc) != 0)
		return disk_say(why, DISK_ESYSTEM, "cannot set up the client side");
	return 0;
}

static int start_events(struct run *r, struct disk_error *why)
{
	r->timer = evtimer_new(r->base, on_timer, r);
	r->turn = event_new(r->base, -1, 0, on_turn, r);
	r->journal_event =
		event_new(r->base, journal_fd(r->journal), EV_READ | EV_PERSIST, on_journal, r);
	r->index_event = event_new(r->base, index_fd(r->index), EV_READ | EV_PERSIST, on_index, r);
	if (r->timer == NULL || r->turn == NULL || r->journal_event == NULL ||
	    r->index_event == NULL || event_add(r->journal_event, NULL) != 0 ||
	    event_add(r->index_event, NULL) != 0)
		return disk_say(why, DISK_ESYSTEM, "cannot set up the event loop");
	return 0;
}

static void start_clock(struct run *r)
{
	clock_start(&r->clock, r->net.clock_bound_s * 1000, r->net.outage_bound_s * 1000,
		    machine_time(r->machine), run_wall(), run_now());
	if (!r->clock.believed)
		log_say(LOG_L_ERROR,
			"this host's clock is too far from the network's last batch: nothing is "
			"voted for "
			"until batches of the others bear it out; set the clock and start again, "
			"or, if it "
			"is right after a long outage, say so: agreectl believe_clock");
}

void run_believe_clock(struct run *r)
{
	clock_believe(&r->clock, run_wall(), run_now());
	log_say(LOG_L_INFO, "the operator says that the clock is right");
}

void run_scrub(struct run *r)
{
	scrub_hurry(r);
	log_say(LOG_L_INFO, "the operator asks for a scrub");
}

static void free_state(struct run *r)
{
	keygen_free(r->keygen);
	votes_free(r->votes);
	frost_free(r->frost);
	index_close(r->index); /* its thread may be reading the journal */
	journal_close(r->journal, NULL);
	bodies_free(r->bodies);
	fetch_state_free(r->fetch_state);
	while (r->overflow != NULL) {
		struct overflow *next = r->overflow->next;

		free(r->overflow);
		r->overflow = next;
	}
	r->overflow_end = &r->overflow;
	r->token_count = 0; /* they count records of that journal */
	free(r->machine_memory);
	free(r->pbft_memory);
	free(r->snapshot);
	r->keygen = NULL;
	r->votes = NULL;
	r->frost = NULL;
	r->journal = NULL;
	r->index = NULL;
	r->bodies = NULL;
	r->fetch_state = NULL;
	r->machine_memory = r->pbft_memory = r->snapshot = NULL;
	r->machine = NULL;
	r->pbft = NULL;
	memset(r->ring, 0, sizeof(r->ring));
}

static int start_state(struct run *r, struct disk_error *why)
{
	int status = start_storage(r, why);

	if (status == 0)
		status = recover_load(r, why);
	if (status == 0)
		status = start_keygen(r, why);
	if (status == 0)
		status = start_cores(r, why);
	return status;
}

/* Damage is no reason to stay away: what is damaged is set aside, and fetched from the others. */
static int start_whole(struct run *r, struct disk_error *why)
{
	int status = start_state(r, why);

	for (unsigned attempt = 0; attempt < 2 && status == DISK_EDAMAGED; attempt++) {
		free_state(r);
		status = recover_damaged(r, attempt, why);
		if (status == 0)
			status = start_state(r, why);
	}
	return status;
}

static int start(struct run *r, struct self *self, const struct run_sockets *s,
		 struct disk_error *why)
{
	struct pbft_event ev = {.kind = PBFT_EV_START};
	int status = start_whole(r, why);

	if (status == 0)
		status = start_boot(r, why);
	if (status != 0)
		return status;
	keygen_boot(r->keygen, r->boot);
	r->scrub = scrub_new(r);
	if (r->scrub == NULL)
		return disk_say(why, DISK_ESYSTEM, "out of memory");
	r->may_merge = true;
	status = start_signer(r, why);
	if (status == 0)
		status = start_events(r, why);
	if (status == 0)
		status = start_clients(r, s, why);
	if (status == 0)
		status = start_peers(r, self, s->link_fd, why);
	if (status != 0)
		return status;
	start_clock(r);
	sign_resume(r->sign, run_now());
	execute_keygen(r);
	r->recover.unsure = true; /* until the first turn has looked */
	run_step(r, &ev);
	return r->failure[0] != '\0' ? disk_say(why, DISK_EFAILED, "%s", r->failure) : 0;
}

/* NULL: no memory. Of a member whose key is none nothing is taken, as without tables. */
static struct curve_key *keys_prepare(const struct run *r)
{
	struct curve_key *keys = aligned_alloc(_Alignof(struct curve_key), r->net.n * sizeof(*keys));

	for (uint8_t i = 0; keys != NULL && i < r->net.n; i++)
		(void)curve_key_init(&keys[i], r->keys[i]);
	return keys;
}

int run_new(struct run **out, struct event_base *base, const struct conf *conf, struct self *self,
	    const struct run_sockets *sockets, struct ap_text *why)
{
	struct run *r = malloc(sizeof(*r));
	struct disk_error disk = {""};
	uint8_t public_key[32];
	int status;

	*out = r;
	if (r == NULL) {
		ap_text_add(why, "out of memory");
		return AGREE_ENOMEM;
	}
	memset(r, 0, offsetof(struct run, update));
	r->base = base;
	r->conf = conf;
	r->net = self->net;
	r->self = self->id;
	r->overflow_end = &r->overflow;
	r->core_wake_ms = UINT64_MAX;
	r->started_ms = run_now();
	for (uint8_t i = 0; i < r->net.n; i++)
		memcpy(r->keys[i], r->net.members[i].key, 32);
	crypto_sign_seed_keypair(public_key, r->secret, self->seed);
	sodium_mlock(r->secret, sizeof(r->secret));
	r->verifier = (struct verifier){.n = r->net.n,
					.self = r->self,
					.keys = (const uint8_t(*)[32])r->keys,
					.known = bundle_known,
					.wanted = prepare_wanted,
					.arg = r};
	memcpy(r->verifier.genesis, r->net.genesis, 32);
	r->verifier.prepared = r->prepared = keys_prepare(r);
	r->views = r->verifier.views = views_new();
	r->verifier.cache = calloc(1, sizeof(*r->verifier.cache));
	if (r->views == NULL || r->verifier.cache == NULL || r->prepared == NULL) {
		ap_text_add(why, "out of memory");
		run_free(r);
		*out = NULL;
		return AGREE_ENOMEM;
	}
	status = start(r, self, sockets, &disk);
	self_wipe(self);
	if (status == 0)
		return 0;
	ap_text_add(why, disk.text);
	run_free(r);
	*out = NULL;
	return AGREE_EFILE;
}

static void free_event(struct event *e)
{
	if (e != NULL)
		event_free(e);
}

void run_free(struct run *r)
{
	if (r == NULL)
		return;
	if (r->clients != NULL)
		clients_flush(r->clients);
	peers_free(r->peers);
	clients_free(r->clients);
	free_event(r->timer);
	free_event(r->turn);
	free_event(r->journal_event);
	free_event(r->index_event);
	sign_free(r->sign);
	free_state(r);
	scrub_free(r->scrub);
	views_free(r->views);
	free(r->verifier.cache);
	free(r->prepared);
	sodium_munlock(r->secret, sizeof(r->secret)); /* wipes */
	free(r);
}
