/*
 * net.h: a whole network of protocol cores in one process, driven from one seed. Time is virtual;
 * one event is carried out per step, in the order of its time, and the oracle looks on:
 *
 *  S1  one digest is executed per sequence, gapless, in order, and running hashes agree;
 *  S2  no replica signs two digests for one (view, sequence, phase), or two states for one
 * checkpoint; S5  an accepted NEW-VIEW is what follows from its VIEW-CHANGEs, and holds what was
 * executed; S17 nobody votes below a view that it has sent a VIEW-CHANGE for; S3  no vote leaves,
 * and nothing is executed, before its record is durable, the body with it; a bundle number executes
 * at most once; every hold on a body ends once; the stable checkpoint never sinks.
 *
 * Around each core stands what a shell has to do, with a stand-in for the machine (a hash chain
 * over what was executed) and for the disk (records; a crash loses a tail of those not synced yet).
 * The first breach ends the program with the seed and what happened (net_fail).
 */
#ifndef TESTS_LIB_NET_H
#define TESTS_LIB_NET_H

#include <stdio.h>

#include "daemon/machine/numbers.h"
#include "daemon/pbft/pbft.h"
#include "tests/lib/map.h"

struct net_options {
	uint64_t seed;
	uint8_t n;
	uint16_t window, interval, pipeline, batch_requests_max;
	uint32_t batch_octets_max, resend_ms, heartbeat_ms, timeout_ms, timeout_max_ms;
	uint64_t clock_bound_ms;
	uint32_t clock_skew_ms;	  /* each clock is up to so much early or late */
	uint32_t delay_us[2];	  /* of a message, from and to */
	uint32_t disk_us[2];	  /* of a sync */
	unsigned loss, duplicate; /* per mille of all messages */
	uint64_t keep;		  /* batches that a journal serves to others; 0: all */
};

/* Sensible ones, everything healthy. */
void net_defaults(struct net_options *o, uint64_t seed, uint8_t n);
/* Draws sizes, delays, faults from the seed. */
void net_draw(struct net_options *o, uint64_t seed, uint8_t n);
void net_print(FILE *to, const struct net_options *o);

/* A NEW-VIEW with what it is made of. Like VIEW-CHANGEs these live as long as the net. */
struct net_new_view {
	struct pbft_new_view says;
	uint8_t n_changes;
	const struct pbft_view_change *changes[AP_REPLICAS_MAX];
};

struct net_record { /* of a journal */
	enum pbft_effect_kind kind;
	uint64_t token, view, seq, incarnation, time_ms;
	uint8_t primary;
	const struct pbft_batch *batch;
	struct pbft_certificate cert;
	uint8_t digest[32]; /* state, running hash, or of what is said */
	const struct pbft_view_change *change;
	const struct net_new_view *new_view;
	uint16_t who; /* of a stable checkpoint */
	uint64_t incarnations[AP_REPLICAS_MAX];
	uint8_t sigs[AP_REPLICAS_MAX][64];
};

struct net_done { /* a batch executed: what the machine knows */
	const struct pbft_batch *batch;
	uint64_t time_ms;
	uint8_t running[32], state[32];
};

struct net_replica {
	uint8_t id;
	bool alive;
	uint64_t starts;  /* runs so far: the start of its bundle numbers */
	uint64_t counter; /* bundles of this run */
	int64_t skew_ms;
	struct pbft *core;
	void *memory;
	uint64_t timer_us; /* the one that counts */
	unsigned run;	   /* events of an earlier run die */

	struct net_record *records;
	size_t n_records, n_durable, size_records;
	bool syncing;
	size_t sync_to;
	struct map durable; /* (kind, view, seq): digest */
	struct map holds;   /* of bodies: digest: count */
	int64_t held;

	struct net_done *log; /* [seq] */
	uint64_t executed, size_log;
	uint64_t stable;
	uint64_t left_for; /* highest view of a VIEW-CHANGE that it has sent, ever */
	const struct pbft_view_change *changes[AP_REPLICAS_MAX]; /* kept */
	const struct net_new_view *new_view;
	const struct pbft_event *current; /* being delivered */
	struct machine_numbers numbers[AP_REPLICAS_MAX];
	uint64_t behind, diverged; /* effects of these kinds */
};

struct net_bundle { /* submitted */
	uint8_t relay;
	uint64_t start, counter;
	bool lost;     /* its relay crashed before anybody had executed it */
	uint16_t done; /* bit id-1: executed there */
};

struct net_event;

struct net {
	struct net_options o;
	uint64_t rng, now_us, steps;
	struct pbft_conf conf;
	struct net_replica replicas[AP_REPLICAS_MAX];
	bool cut[AP_REPLICAS_MAX][AP_REPLICAS_MAX]; /* a link that is down */

	struct net_event *heap;
	size_t n_heap, size_heap;
	uint64_t order;

	struct map batches; /* every batch that ever was, by digest: index */
	struct pbft_batch **batch;
	size_t n_batches, size_batches;
	void **said; /* VIEW-CHANGEs, NEW-VIEWs */
	size_t n_said, size_said;
	struct net_bundle *bundles;
	size_t n_bundles, size_bundles;
	struct map bundle_index; /* (relay, start, counter): index */

	struct map signed_votes; /* oracle: (replica, kind, view, seq) */
	struct net_done *truth;	 /* [seq]: as executed first */
	uint64_t n_truth, size_truth;
	uint64_t sent[PBFT_DIVERGED + 1]; /* messages that left, by kind of effect */

	/* A faulty replica's hand on its messages; false: not sent. May change the event (its batch
	 * is found in `batches`). */
	uint16_t faulty; /* bit id-1: on_send makes it lie */
	bool (*on_send)(void *arg, uint8_t from, uint8_t to, struct pbft_event *ev);
	void *arg;
};

struct net *net_new(const struct net_options *o);
struct net *net_healthy(uint64_t seed, uint8_t n); /* with the defaults, links up */
void net_free(struct net *net);

/* How many of `count` seeds to run: all; a tenth in a build with a sanitizer, which looks for other
 * mistakes and takes ten times as long; what NET_SEEDS says, if it is set. */
uint64_t net_seeds(uint64_t count);

/* A number below `below` from the seed. */
uint64_t net_random(struct net *net, uint64_t below);

/* Carries out the next event; false: there is none. */
bool net_step(struct net *net);
void net_run_us(struct net *net, uint64_t us);
/* Runs until nothing that was executed is missing anywhere, all bundles that are not lost were
 * executed by all living replicas, which are equal, with the same stable checkpoint; false: not
 * within that time. */
bool net_settle(struct net *net, uint64_t us);
void net_settles_within(struct net *net, uint64_t us); /* else the test fails */
bool net_is_settled(const struct net *net);

/* One own bundle at a replica; false: it is down, or has enough of them outstanding. */
bool net_submit(struct net *net, uint8_t relay, uint16_t requests, uint32_t octets);
void net_crash(struct net *net, uint8_t id);
void net_restart(struct net *net, uint8_t id);
void net_link(struct net *net, uint8_t a, uint8_t b, bool up);
/* No faults from here on: everybody runs, all links are up, nothing is lost. */
void net_heal(struct net *net);

const struct pbft_batch *net_batch(struct net *net,
				   const struct pbft_batch *batch); /* keeps a copy */
const struct pbft_batch *net_batch_find(const struct net *net, const uint8_t digest[32]);

/* Copies that live as long as the net. */
const struct pbft_view_change *net_view_change(struct net *net, const struct pbft_view_change *c);
struct net_new_view *net_new_view(struct net *net, const struct net_new_view *nv);
/* Highest view that a living replica is in. */
uint64_t net_view(const struct net *net);

/* Says what broke, where, under which seed, and aborts. */
_Noreturn void net_fail(const struct net *net, const struct net_replica *r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- between net.c, net_replica.c and net_oracle.c ---- */

void net_start_replica(struct net *net, struct net_replica *r);
void net_stop_replica(struct net *net, struct net_replica *r);
void net_deliver(struct net *net, struct net_replica *r, struct pbft_event *ev);
void net_synced(struct net *net, struct net_replica *r);
bool net_own_bundle(struct net *net, struct net_replica *r, uint16_t requests, uint32_t octets);
void net_send(struct net *net, struct net_replica *from, uint16_t to, const struct pbft_event *ev);
void net_sync_later(struct net *net, struct net_replica *r);
void net_timer(struct net *net, struct net_replica *r, uint64_t at_us);

void net_check_sent(struct net *net, struct net_replica *r, const struct pbft_effect *e);
void net_check_execute(struct net *net, struct net_replica *r, const struct pbft_effect *e);
void net_check_executed(struct net *net, struct net_replica *r, uint64_t seq);
void net_check_core(struct net *net, struct net_replica *r);
void net_check_view_change(struct net *net, struct net_replica *r, const struct pbft_effect *e);
void net_check_new_view(struct net *net, struct net_replica *r, const struct net_new_view *nv);
void net_digest_change(const struct pbft_view_change *c, uint8_t out[32]);
void net_digest_new_view(const struct pbft_new_view *nv, uint8_t out[32]);
void net_check_idle(struct net *net, struct net_replica *r); /* nothing is outstanding */
void net_note_durable(struct net *net, struct net_replica *r, const struct net_record *record);

#endif
