/*
 * A whole network in one process, from one seed: the replica of daemon/ (run.c and all that it
 * calls: cores, machine, signer, relay, answers, index) with stand-ins for what is outside of it:
 *
 *   libevent          loop.c      one event of one replica at a time, in virtual time
 *   links             net.c       delay, loss, copies, partitions; byz.c lies
 *   journal, files    disk.c      what is durable, and what a power cut leaves
 *   LMDB              merged.c    the same for what is merged
 *   clients' sockets  client.c    clients are resolver/query.c
 *   clocks            clock.c     offset, drift, steps
 *   SHA-256, Ed25519  crypto.c, group.c: real, or stand-ins
 *
 * The stand-ins have the names of the real functions, or are put before them by the linker (--wrap,
 * wrap.mk), so everything else is the object that agreed links. oracle*.c looks at every step:
 * the numbered invariants S1 to S18, and L1 to L8 in the second phase.
 *
 * A run ends the first time that something is wrong: sim_fail().
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "daemon/conf.h"
#include "daemon/peer.h"
#include "daemon/run.h"
#include "daemon/self.h"
#include "tests/sim/options.h"
#include "tests/sim/plan.h"
#include "tests/sim/rng.h"

enum {
	SIM_NODES = 2 * AP_REPLICAS_MAX, /* twins */
	SIM_EVENTS = 12,		 /* of one loop */
	SIM_WHAT_MAX = 512,
};

/* ---- what is to happen ---- */

enum event_kind {
	EV_FRAME,  /* node, from, blob */
	EV_LINK,   /* node, from, up */
	EV_DIAL,   /* node, from: a broken link is tried again */
	EV_TIMER,  /* node, slot, number */
	EV_TURN,   /* node: callbacks that were made active */
	EV_SYNC,   /* node */
	EV_MERGE,  /* node */
	EV_ACTION, /* index in the plan */
	EV_IN,	   /* node, client, blob: a client's message */
	EV_OUT,	   /* client, from node, blob: its answer */
	EV_CLIENT, /* client: a deadline */
	EV_CHECK,  /* the second phase looks how far it is */
};

struct happening {
	uint64_t at_us, order;
	uint8_t kind, node, from;
	bool flag;
	uint32_t life; /* of the node, or number of what it is about; else 0 */
	void *blob;
};

struct agenda { /* a heap */
	struct happening *at;
	size_t n, size;
	uint64_t order;
};

/* h.order 0: behind all that is there for the same time. */
void agenda_add(struct agenda *a, struct happening h);
bool agenda_next(struct agenda *a, struct happening *h);
void agenda_free(struct agenda *a);

/* Octets that several happenings share. */
struct blob {
	uint32_t refs;
	uint8_t type;
	bool tampered; /* not what a correct replica sends */
	size_t len;
	uint8_t octets[];
};
struct blob *blob_new(uint8_t type, size_t len);
void blob_drop(struct blob *b);

/* ---- a replica ---- */

struct sim_event { /* what libevent knows of one */
	struct node *owner;
	bool used, active;
	/* a timer: when it is due, and its place among what is due then */
	bool armed;
	uint64_t due_us, due_order;
	/* what the agenda has of it: often earlier, when the timer was put off since */
	bool waking;
	uint64_t wake_us;
	uint32_t wake; /* number of that entry: others are of the past */
	int fd;
	void (*callback)(int, short, void *);
	void *arg;
};

struct disk; /* disk.c: outlives the process */
struct udp;  /* client.c's */

struct node {
	uint8_t id;    /* replica */
	uint8_t index; /* in sim.nodes */
	bool faulty;
	bool alive;
	bool dying; /* dead from here on: what it still does has no effect */
	bool full_disk, short_disk;
	uint32_t life;
	struct run *run;
	struct conf conf;
	struct self self;
	struct disk *disk;
	struct sim_event events[SIM_EVENTS];
	bool turn_due;
	uint64_t paused_us; /* until */
	uint32_t slow_us;   /* each sync */
	int64_t die_after;  /* writes and sends; -1: not */
	int64_t clock_ms, drift_ppm;
	int64_t clock_base_ms;	/* without steps */
	int64_t clock_start_ms; /* when the process began: it goes by that */
	struct rng rng, disk_rng;
	struct peers_conf peers;
	uint16_t up; /* links, as it was told: bit of identifier - 1 */
	struct udp *udp;
	uint64_t refused; /* frames */
};

struct path { /* from one node to another */
	struct rng rng;
	bool down, muted, known; /* known: the receiver has been told that it is up */
	uint32_t era; /* of the connection: what was on the way in an earlier one is lost */
	uint64_t last_us, clog_us;
};

/* ---- the whole ---- */

struct oracle;
struct client;
struct byz;
struct trace;

enum sim_phase { SIM_FORM, SIM_FAULTS, SIM_HEALED };

struct sim {
	struct options o;
	const struct plan *plan;
	uint64_t now_us, steps, frames;
	enum sim_phase phase;
	uint64_t formed_us, healed_us, ended_us;
	uint64_t calm_us; /* nothing is asked any more until then; 0: not yet */
	struct agenda agenda;
	struct node nodes[SIM_NODES];
	size_t n_nodes;
	struct node *current; /* whose code is running, NULL: nobody's */
	struct path paths[SIM_NODES][SIM_NODES];
	struct client *clients;
	struct oracle *oracle;
	struct byz *byz;
	struct trace *trace;
	struct rng rng, library_rng; /* library: what libsodium and OpenSSL would give */
	uint8_t keys[AP_REPLICAS_MAX][32], seeds[AP_REPLICAS_MAX][32];
	bool done;
};

extern struct sim *sim; /* the run under way: what stands in for a library has no other way */

/* What became of a run. */
struct verdict {
	bool good;
	char what[SIM_WHAT_MAX]; /* "S1: ..." */
	uint64_t hash;		 /* of the trace */
	uint64_t steps, frames, sim_us, batches, answers;
};

struct sim_show {     /* what is printed of a run */
	FILE *trace;  /* each step; NULL: none */
	FILE *last;   /* the last steps of one that fails; NULL: none */
	FILE *script; /* milestones, for scenarios; NULL: none */
};

void sim_run(const struct options *o, const struct plan *plan, const struct sim_show *show,
	     struct verdict *out);

/* A trap or a bad access in the code of a replica ends the run, not the program. */
void sim_catch_signals(void);
_Noreturn void sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- node.c ---- */

void node_start(struct node *n);
void node_stop(struct node *n); /* in good order */
void node_die(struct node *n, bool power);
/* One more write or send: false: it has no effect, the process is dead. */
bool node_acts(struct node *n);
void node_after(struct node *n); /* after each call into its code */
struct node *node_of(uint8_t id);
bool node_is_correct(const struct node *n);
bool node_in_core(const struct node *n);
bool node_is_healed(const struct node *n); /* in the core, or askew */
void nodes_init(void);
void nodes_clear(void);

/* ---- loop.c ---- */

void loop_turn(struct node *n);
void loop_timer(struct node *n, const struct happening *h);
void loop_postpone(struct node *n, const struct happening *h, uint64_t until_us);
void loop_fd(struct node *n, int fd); /* became readable */
void loop_clear(struct node *n);
enum { SIM_FD_JOURNAL = 1000, SIM_FD_INDEX = 2000, SIM_FD_NET = 3000 };

/* ---- net.c ---- */

void net_init(void);
void net_node_up(struct node *n); /* its links come up, one by one */
void net_node_down(struct node *n);
void net_link(uint8_t a, uint8_t b, bool up);
void net_mute(uint8_t from, uint8_t to, bool on);
void net_clog(uint8_t from, uint8_t to, uint64_t ms);
void net_heal(void);
/* Sends a frame as it is; takes the reference over. */
void net_send(struct node *from, struct node *to, struct blob *b);
/* The same, so much later, and past what is said meanwhile. */
void net_send_late(struct node *from, struct node *to, struct blob *b, uint64_t us);
void net_deliver(struct node *n, const struct happening *h);
void net_on_link(struct node *n, const struct happening *h);
void net_on_dial(struct node *n, const struct happening *h);

/* ---- disk.c, merged.c ---- */

struct disk *disk_new(void);
void disk_free(struct disk *d);
/* The process has died: what was not synced may be there in part, nothing is with `power` and
 * rng_chance(lost_pm). */
void disk_crash(struct node *n, bool power);
void disk_synced(struct node *n, bool look);
void disk_merged(struct node *n);
void disk_fail_next(struct node *n);
void disk_wipe(struct node *n);		       /* what is merged, unless it is the last copy */
void disk_lose(struct node *n, unsigned what); /* enum plan_loss */
void disk_rot(struct node *n);		    /* the next lookup in it meets damage */
bool disk_is_damaged(const struct node *n); /* it has */
void disk_heal(struct node *n);
/* Is there a durable record of this type and sequence for which `fits` holds? */
typedef bool disk_fits(void *arg, const uint8_t *octets, size_t len);
bool disk_has(const struct node *n, uint8_t type, uint64_t seq, disk_fits *fits, void *arg);

/* The same, of any sequence. */
bool disk_has_any(const struct node *n, uint8_t type, disk_fits *fits, void *arg);
/* The store holds the state after this sequence. */
uint64_t disk_merged_seq(const struct node *n);

/* ---- clock.c ---- */

enum { SIM_EPOCH_S = 1800000000 };
uint64_t clock_wall_ms(const struct node *n);

/* ---- client.c ---- */

void clients_init(void);
void clients_clear(void);
void client_in(struct node *n, const struct happening *h);
void client_out(const struct happening *h);
void client_timer(const struct happening *h);
void client_ask(const struct action *a);
void client_vote(const struct action *a);
void client_lie(const struct action *a);
/* Requests that a client of the second phase still waits for. */
size_t clients_waiting(void);
uint64_t clients_answers(void);

/* ---- byz.c ---- */

void byz_init(void);
void byz_clear(void);
/* A faulty replica sends: NULL: not to this one. May give back the same, with its reference. */
struct blob *byz_frame(struct node *from, struct node *to, struct blob *b);
void byz_heard(struct node *n, uint8_t from, const struct blob *b);
/* To a client; as byz_frame(). */
struct blob *byz_answer(struct node *n, struct blob *b);

/* ---- crypto.c, group.c ---- */

void crypto_init(void);
void crypto_keypair(uint8_t public_key[32], const uint8_t seed[32]);
void crypto_secret(uint8_t secret[64], const uint8_t seed[32]);
uint64_t crypto_hash64(uint64_t start, const void *octets, size_t len);

/* ---- trace.c ---- */

struct trace *trace_new(const struct sim_show *show);
void trace_free(struct trace *t);
uint64_t trace_hash(const struct trace *t);
/* A step of the run: hashed, kept for a while, shown if asked for. */
void trace_note(const char *word, uint8_t node, uint8_t from, const struct blob *b, uint64_t x);
void trace_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A milestone: what a scenario expects. */
void trace_mile(const char *format, ...) __attribute__((format(printf, 1, 2)));
void trace_action(const struct action *a); /* is one too */
void trace_dump(FILE *to);

#endif
