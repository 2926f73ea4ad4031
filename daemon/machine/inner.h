/*
 * What the files of daemon/machine share: the state, and a batch on its way through the operations.
 */
#ifndef DAEMON_MACHINE_INNER_H
#define DAEMON_MACHINE_INNER_H

#include "daemon/machine/instances.h"
#include "daemon/machine/machine.h"
#include "daemon/machine/numbers.h"

/* For our own mistakes; never compiled out. */
#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			__builtin_trap();                                                          \
	} while (0)

enum {
	/* A new final outcome in a chunk of the history: id, u8 relay, u16 length, outcome. */
	MACHINE_CHUNK_ENTRY_MAX = AP_ID_LEN + 1 + 2 + AP_MAX_outcome,
	MACHINE_CHUNK_MAX = AP_BATCH_REQUESTS_MAX * MACHINE_CHUNK_ENTRY_MAX,
	/* draft {#state}; in the order of snapshot.c */
	MACHINE_SNAPSHOT_CONF = 1 + 1 + 32 + 3 * 8,
	MACHINE_SNAPSHOT_CLOCK = 3 * 8 + 32,
	MACHINE_SNAPSHOT_KEY =
		1 + 4 + 4 + 1 + 32 + 3 * 2 + 32 + 32 + AP_REPLICAS_MAX * (32 + AP_MAX_deal + 32),
	MACHINE_SNAPSHOT_NUMBERS = AP_REPLICAS_MAX * 8 * (2 + MACHINE_NUMBERS_WORDS),
	MACHINE_SNAPSHOT_INCARNATIONS = AP_REPLICAS_MAX * 8,
	MACHINE_SNAPSHOT_POOLS =
		AP_REPLICAS_MAX * (8 + 8 + 2 + MACHINE_POOL_MAX * AP_MAX_commitment),
	MACHINE_SNAPSHOT_SIGNERS = AP_REPLICAS_MAX * (1 + 8 + 8 + 1 + 8 * AP_REPLICAS_MAX),
	MACHINE_SNAPSHOT_PENDING =
		2 +
		MACHINE_PENDING_MAX * (8 + 1 + 8 + 4 + 32 + 32 + 1 + 1 + 2 +
				       MACHINE_ATTEMPTS_MAX * (1 + MACHINE_SETS_MAX * (2 + 32))),
	MACHINE_SNAPSHOT_UNDECIDED = 4 + 8 + AP_ID_LEN,
	MACHINE_SNAPSHOT_KEPT = 2 + MACHINE_BUCKETS * (8 + 4 * AP_REPLICAS_MAX),
	MACHINE_SNAPSHOT_MAX = MACHINE_SNAPSHOT_CONF + MACHINE_SNAPSHOT_CLOCK +
			       MACHINE_SNAPSHOT_KEY + MACHINE_SNAPSHOT_NUMBERS +
			       MACHINE_SNAPSHOT_INCARNATIONS + MACHINE_SNAPSHOT_POOLS +
			       MACHINE_SNAPSHOT_SIGNERS + MACHINE_SNAPSHOT_PENDING +
			       MACHINE_SNAPSHOT_KEPT + MACHINE_SNAPSHOT_UNDECIDED + AP_MAX_frontier,
	/* Changes are no longer than the requests that make them. */
	MACHINE_CHANGES_MAX = AP_BATCH_OCTETS_MAX,
	MACHINE_SCRATCH = MACHINE_SNAPSHOT_MAX > MACHINE_CHUNK_MAX + MACHINE_CHANGES_MAX
				  ? MACHINE_SNAPSHOT_MAX
				  : MACHINE_CHUNK_MAX + MACHINE_CHANGES_MAX,
};

/* Of the undecided instances, so that machine_refill() knows where to begin and what comes out. */
struct machine_undecided {
	uint32_t count;
	uint64_t oldest;	    /* sequence at which the oldest was registered; 0: none */
	uint8_t expired[AP_ID_LEN]; /* the last one; all before it are gone */
};

/* Replicated: all of it is in the snapshot. */
struct machine_state {
	uint64_t seq;
	uint64_t time_ms; /* T */
	uint8_t running[32];
	struct machine_key key;
	struct machine_numbers numbers[AP_REPLICAS_MAX];
	uint64_t incarnations[AP_REPLICAS_MAX];
	struct machine_nonces pools[AP_REPLICAS_MAX];
	struct machine_signer signers[AP_REPLICAS_MAX];
	struct machine_pendings pendings;
	struct machine_retain retain;
	struct machine_undecided undecided;
	struct ap_frontier history; /* one leaf per batch */
};

struct machine {
	struct machine_conf conf;
	struct machine_funcs funcs;
	struct machine_store store;
	struct machine_state state;
	struct machine_instances instances; /* replicated too: follows from the history */
	uint8_t *scratch;		    /* MACHINE_SCRATCH octets, for one call */
};

/* A batch being executed. */
struct machine_run {
	const struct machine_batch *batch;
	struct machine_result *result;
	/* What became final so far, and what changed, for the history; in scratch. */
	struct ap_writer chunk, changes;
	uint8_t relay;	     /* of the bundle being executed */
	uint16_t bundle, op; /* where in the batch */
};

/* Makes the state that of a new network. */
void machine_reset(struct machine *m);

/* The outcome of the operation being executed becomes a leaf. */
void machine_answer(struct machine *m, struct machine_run *run, const uint8_t id[AP_ID_LEN],
		    const ap_outcome *outcome);
/* The same, for one that becomes final here: it is stored, filling a relay's share, and goes into
 * the history. */
void machine_decide(struct machine *m, struct machine_run *run, const uint8_t id[AP_ID_LEN],
		    uint8_t relay, const ap_outcome *outcome);
/* It becomes a refusal. */
void machine_refuse(struct machine_run *run, const uint8_t id[AP_ID_LEN], int why);

/* The stored final outcome, if it is not forgotten; value borrows from the store. */
bool machine_find(const struct machine *m, const uint8_t id[AP_ID_LEN],
		  struct machine_final *final);
void machine_answer_final(struct machine *m, struct machine_run *run,
			  const struct machine_final *final);
/* What an asker gets who brings the id alone: the final outcome, or UNKNOWN with the nonce. */
void machine_answer_bare(struct machine *m, struct machine_run *run, const uint8_t id[AP_ID_LEN],
			 const ap_nonce *nonce);

/* ---- REQUEST: op_request.c judges, op_vote.c goes on with instances that have parties ---- */

struct machine_ask {
	const uint8_t *id;
	ap_propose propose;
	struct machine_instance *registered; /* NULL: it is not undecided */
	/* The descriptor carried, or else that of the one registered; len 0: there is neither. */
	ap_bytes octets;
	ap_descriptor descriptor;
};

void machine_outcome_init(ap_outcome *outcome, enum ap_outcome_status status);
/* Of an instance with parties that is not final, at T < D. */
void machine_op_vote(struct machine *m, struct machine_run *run, const struct machine_ask *ask,
		     enum machine_when when);
/* ABORTED (deadline). */
void machine_answer_ended(struct machine *m, struct machine_run *run,
			  const struct machine_ask *ask);
/* What a registered instance is at T: PENDING, or ABORTED (deadline). */
void machine_answer_undecided(struct machine *m, struct machine_run *run,
			      const struct machine_instance *it, const ap_nonce *nonce);
/* deadlines.c: those that F has passed go without a word, at the beginning of a batch; others whose
 * deadline has come get their leaves at its end. draft {#deadlines} */
void machine_drop_forgotten(struct machine *m);
void machine_expire(struct machine *m, struct machine_run *run);
/* At the end of a batch: state.undecided follows. */
void machine_note_undecided(struct machine *m);

/* snapshot_signing.c: what the state has on signing, but for the pools. */
void machine_signing_put(struct ap_writer *w, const struct machine *m);
/* state->seq and the epoch are there already; the reader fails on what no log leads to. */
void machine_signing_get(struct ap_reader *r, struct machine *m);

/* Members that are left out of signer sets: bit id - 1. */
uint16_t machine_left_out(const struct machine *m);

/* The operations. Bodies that do not decode have no effect, but for an entry of those that are
 * answered. */
void machine_op_request(struct machine *m, struct machine_run *run, ap_bytes body);
void machine_op_read(struct machine *m, struct machine_run *run, ap_bytes body);
void machine_op_nonces(struct machine *m, struct machine_run *run, ap_bytes body);
void machine_op_retry(struct machine *m, struct machine_run *run, ap_bytes body);
void machine_op_blame(struct machine *m, struct machine_run *run, ap_bytes body);
void machine_op_badpoint(struct machine *m, struct machine_run *run, ap_bytes body);
void machine_op_rejoin(struct machine *m, struct machine_run *run, ap_bytes body);
void machine_op_enckey(struct machine *m, struct machine_run *run, ap_bytes body);
void machine_op_deal(struct machine *m, struct machine_run *run, ap_bytes body);
void machine_op_complaint(struct machine *m, struct machine_run *run, ap_bytes body);
void machine_op_ready(struct machine *m, struct machine_run *run, ap_bytes body);

#endif
