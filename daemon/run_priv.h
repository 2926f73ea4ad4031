/* Inside the replica: run.c (loop), effect.c (what an update asks for), execute.c (batches),
 * replay.c (start). */
#ifndef DAEMON_RUN_PRIV_H
#define DAEMON_RUN_PRIV_H

#include "daemon/bodies.h"
#include "daemon/clock.h"
#include "daemon/client.h"
#include "daemon/due.h"
#include "daemon/fetch_state.h"
#include "daemon/frost/frost.h"
#include "daemon/index.h"
#include "daemon/journal.h"
#include "daemon/keygen.h"
#include "daemon/machine/machine.h"
#include "daemon/pbft/pbft.h"
#include "daemon/peer.h"
#include "daemon/records.h"
#include "daemon/recover.h"
#include "daemon/run.h"
#include "daemon/sign.h"
#include "daemon/verify.h"
#include "daemon/views.h"
#include "daemon/votes.h"

enum {
	RUN_WINDOW = 256,
	RUN_INTERVAL = 128,
	RUN_PIPELINE =
		2, /* few: what waits meanwhile makes the next batch larger, and so cheaper */
	RUN_BUNDLES_OUT = 2, /* own bundles under way while more is gathered, unless one is full */
	RUN_RESEND_MS = 300,
	RUN_HEARTBEAT_MS = 1000,
	RUN_TIMEOUT_MS = 500,	    /* what is handed to the primary is ordered by then, */
	RUN_TIMEOUT_MAX_MS = 64000, /* doubled at most to this */
	RUN_FILL_MS = 20,	    /* while a member comes back: idle for so long, a null batch */
	RUN_REJOIN_MS = 2000,	    /* a recovering replica asks again */
	RUN_SPARE_MS = 2, /* behind an answer, what can wait waits: the client works on the same host, or asks again */
	RUN_VOTES_EACH = 4, /* signatures of votes verified in one turn: a fraction of a millisecond */
	RUN_TOKENS_MAX = 4096,
	RUN_RUNNING_RING = 1024, /* running hashes kept in memory; older ones are in the journal */
	RUN_FRAME_MAX = AP_BATCH_OCTETS_MAX + 1024,
};

/* A bound, no allocation: what the core may hold at most, two windows of batches and every relay's
 * bundles. */
#define RUN_BODIES_MAX                                                                             \
	((size_t)2 * RUN_WINDOW * RUN_FRAME_MAX +                                                  \
	 (size_t)AP_REPLICAS_MAX * PBFT_OWN_MAX * (AP_BUNDLE_OPS_MAX + 1024))

struct token { /* a write under way: the journal's number and the core's */
	uint64_t journal, core;
};

struct overflow { /* a record that the journal's buffer had no room for: it goes first when there is
		     some */
	struct overflow *next;
	uint64_t core, seq;
	uint8_t type;
	bool lazy;
	size_t len;
	uint8_t octets[];
};

struct run {
	struct event_base *base;
	const struct conf *conf;
	struct netfile net;
	uint8_t self;
	uint8_t secret[64]; /* identity, as libsodium has it */
	uint8_t keys[AP_REPLICAS_MAX][32];
	struct curve_key *prepared; /* the same */
	uint64_t boot;
	struct recover recover;
	struct clock clock;
	struct verifier verifier;
	struct views *views;
	ap_bytes arrived; /* the frame that the core is looking at */
	struct journal *journal;
	struct index *index;
	struct fetch_state *fetch_state;
	struct scrub *scrub;
	enum quarantine quarantine;
	uint64_t diverged_seq; /* of the checkpoint that put it there, if that was in this run */
	char votes_damage[DISK_ERROR_MAX]; /* of the journal, where it holds votes */
	uint64_t again_to;     /* batches up to here are executed once more */
	bool rebuilds;         /* from the own journal, not before: damage.c */
	uint64_t rebuild_ms;
	uint64_t damages;      /* found in this run */
	struct {
		uint64_t slot;
		uint32_t n;
		size_t octets;		/* of answers */
	} asked_state[AP_REPLICAS_MAX]; /* serve_state.c's */
	void *machine_memory, *pbft_memory;
	struct machine *machine;
	struct pbft *pbft;
	struct frost *frost;
	struct keygen *keygen;
	struct votes *votes;
	struct due due;
	struct sign *sign;
	struct bodies *bodies;
	struct peers *peers;
	struct clients *clients;
	struct event *timer, *turn, *journal_event, *index_event;
	char failure[DISK_ERROR_MAX];
	/* writes under way, oldest first */
	struct token tokens[RUN_TOKENS_MAX];
	size_t token_first, token_count;
	struct overflow *overflow, **overflow_end;
	uint64_t core_wake_ms, spare_ms;
	bool is_urgent; /* a client of this replica waits for the signature of the batch executed last */
	/* stable, and to be merged once the journal has all up to this token: what is merged is not
	 * executed again, so nothing else would bring back the markers that peers are answered from
	 */
	struct {
		uint64_t seq, token; /* token 0: none is due */
	} merge_due;
	uint64_t installing; /* a transferred checkpoint that the store may have any moment */
	bool may_merge;	     /* the disk has room for what a merge writes */
	uint64_t disk_ms;    /* when it was looked at */
	/* running hashes of the latest batches */
	struct {
		uint64_t seq;
		uint8_t running[32];
	} ring[RUN_RUNNING_RING];
	/* own signatures of the open window: written and sent with the same one */
	struct {
		uint64_t view, seq, incarnation;
		uint8_t batch[32], sig[64];
	} signed_by_us[RUN_WINDOW];
	bool executed_due;
	struct pbft_event executed;
	uint32_t bundled; /* operations in the last bundle */
	uint8_t *snapshot;
	size_t snapshot_cap;
	uint64_t refused[256]; /* frames refused by verify.c, by type */
	uint64_t batches, requests, started_ms;
	/* Scratch, so that the way of a batch allocates nothing. From here on nothing is zeroed at
	 * the start: it is megabytes, of which few are ever touched. */
	struct pbft_update update;
	struct pbft_batch batch;
	struct machine_result result;
	struct machine_bundle bundles[PBFT_BATCH_BUNDLES_MAX];
	uint8_t frame[RUN_FRAME_MAX];
	uint8_t ops[AP_BUNDLE_OPS_MAX];
};

uint64_t run_now(void);	 /* monotonic, ms */
uint64_t run_wall(void); /* since 1970, ms */
void run_fail(struct run *, const char *sentence);
/* Does a little of what later agreements need, and this moment has time for: true if there was something. */
bool run_spare(struct run *);
/* Before work that nobody waits for: whoever else is ready to run on this processor goes first. Schedulers leave a
 * thread that was woken behind one that computes, even while another processor has become free. */
void run_give_way(void);
void run_wake(struct run *); /* the end of a turn comes, whatever it is that has happened */
/* The store is put aside, durably; nothing but run_renew_store() may follow. */
int run_put_store_aside(struct run *, struct disk_error *why);
/* Store and machine are those of a new network from here on; the old store is put aside. */
int run_renew_store(struct run *, struct disk_error *why);
/* Feeds one event, and what follows from it. */
void run_step(struct run *, struct pbft_event *);

/* effect.c */
void effect_run(struct run *, const struct pbft_effect *);
void effect_overflow(struct run *); /* the journal has room again */
/* The mark of the batch that r->result is of, where no effect asks for it. */
void effect_mark(struct run *);
/* The view in force, written once more above a state that the store is to have: the journal's
 * token, 0: nothing to write; false: no room now. */
bool effect_keep_view(struct run *, uint64_t *token);
void effect_merge_due(struct run *);   /* the journal has become durable further */
uint64_t effect_durable(struct run *); /* highest token of the core that is durable, 0: none new */
/* Octets of the batch (protocol.def) executed or proposed as seq: from memory, else read from the
 * journal into buf. */
ap_bytes effect_batch(struct run *, uint64_t seq, const uint8_t *digest, uint8_t *buf, size_t cap);
bool effect_running(struct run *, uint64_t seq, uint8_t out[32]);

/* execute.c: runs the machine on an encoded batch. live: also answers, signs, and reports to the
 * core. */
void execute_batch(struct run *, uint64_t seq, const uint8_t digest[32], ap_bytes octets,
		   bool live);
void execute_signed(void *arg, uint64_t seq, uint32_t epoch, const uint8_t sig[64]);
void execute_keygen(struct run *); /* keygen_step(), failure handled */
uint64_t execute_keygen_wake(const struct run *); /* when it has to be called again */

/* replay.c: journal and store to machine and core. 0, or DISK_E* and its sentence. */
int replay(struct run *, struct disk_error *why);

#endif
