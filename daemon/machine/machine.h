/*
 * What the ordered log means: a pure function from batches to outcomes. draft {#execution}
 *
 * Same prefix of the log, same state, octet for octet. No clock, I/O, randomness or allocation
 * after machine_init(); hashing and verdicts on key-generation messages come in as a table of pure
 * functions; final outcomes lie behind store.h.
 *
 * Times are milliseconds since 1970, UTC, where the name says _ms, else seconds. Identifiers of
 * members are 1 to n; arrays over members are indexed by identifier - 1.
 */
#ifndef DAEMON_MACHINE_MACHINE_H
#define DAEMON_MACHINE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/machine/nonces.h"
#include "daemon/machine/pending.h"
#include "daemon/machine/retain.h"
#include "daemon/machine/signers.h"
#include "daemon/machine/store.h"
#include "libproto/codec.h"
#include "libproto/limits.h"
#include "libproto/merkle.h"

enum {
	MACHINE_BUNDLES_MAX = 64, /* bundles of one batch; further ones do not execute */
	MACHINE_RETRIES_MAX = 32, /* attempts that one batch makes at earlier ones */
	MACHINE_SHARE_MAX = 32768, /* undecided instances of one relay: draft {#capacity} */
};

/* Network parameters, from the network file. draft {#network-file} */
struct machine_conf {
	uint8_t n; /* 3f+1, 4 to AP_REPLICAS_MAX */
	uint8_t genesis[32];
	uint64_t retention_s, horizon_s; /* together at most MACHINE_SPAN_MAX_S */
	uint64_t capacity; /* instances, n to n * (2^32 - 1); each relay fills one n-th */
};

struct machine_key;

/* What a share is to fit with. draft {#blame} */
struct machine_case {
	uint8_t n;
	const uint8_t *genesis; /* 32 octets */
	const struct machine_key *key;
	bool trial;
	const struct ap_statement *statement;
	uint16_t members; /* of the set: bit id - 1; t of them, and as many */
	const ap_commitment *pairs;
};

/* Pure functions of others. The verdicts must be the same on every replica. */
struct machine_funcs {
	ap_sha256_fn *sha256;
	/* All n keys given. 0: good: points valid, both proofs hold, counts exact. */
	int (*deal_check)(void *ctx, uint8_t n, const uint8_t sid[32], uint8_t dealer,
			  const uint8_t enckeys[][32], const ap_deal *deal);
	int (*point_check)(void *ctx, const uint8_t point[32]);
	/* 0: the complaint proves that the share which `deal` has for `sender` is bad. */
	int (*complaint_check)(void *ctx, uint8_t n, const uint8_t sid[32], uint8_t sender,
			       const uint8_t enckeys[][32], const ap_deal *deal,
			       const ap_complaint *complaint);
	/* Group key and verification shares from all n dealings. 0: good. */
	int (*keys)(void *ctx, uint8_t n, const ap_deal deals[], uint8_t pk[32], uint8_t y[][32]);
	/* 0: proven bad: its sender has signed the share, over that statement, and it is not good.
	 */
	int (*blame_check)(void *ctx, const struct machine_case *about, const ap_share_body *share,
			   const uint8_t sig[64]);
	/* sid of an attempt. draft {#keygen} */
	void (*sid)(void *ctx, const uint8_t genesis[32], uint32_t epoch, uint8_t n,
		    uint32_t attempt, uint8_t sid[32]);
	void *ctx;
	/* 0: this is the key's signature over the message. draft {#votes} */
	int (*vote_check)(void *votes, const uint8_t key[32], const uint8_t sig[64],
			  const uint8_t *message, size_t len);
	void *votes;
};

/* Of the group key. draft {#keygen} */
enum machine_phase {
	MACHINE_ENCKEYS = 1, /* collecting ENCKEY of all n */
	MACHINE_DEALS,	     /* collecting DEAL of all n */
	MACHINE_READIES,     /* collecting READY of all n */
	MACHINE_TRIAL,	     /* key known; the batch with which all n have nonces signs the trial */
	MACHINE_LIVE,	     /* requests are executed */
	MACHINE_FAILED,	     /* culprit named; the operators form anew */
};

/* Replicated state of the group key; a view, to be read only. */
struct machine_key {
	enum machine_phase phase;
	uint32_t epoch, attempt; /* both from 1 on */
	uint8_t culprit;	 /* FAILED: who; 0: the dealings give no key, nobody is to blame */
	uint8_t sid[32];
	uint16_t have_enckey, have_deal, have_ready; /* bit id - 1 */
	uint8_t enckeys[AP_REPLICAS_MAX][32];
	ap_deal deals[AP_REPLICAS_MAX];
	uint8_t dealings[32]; /* hash of all n, what READY names; zero before READIES */
	uint8_t pk[32];	      /* both zero before TRIAL */
	uint8_t y[AP_REPLICAS_MAX][32];
};

/* ---- one batch ---- */

struct machine_numbers;

struct machine_bundle {
	uint8_t relay;
	uint64_t start, counter;
	const uint8_t *ops; /* a sequence of ops; from the first that does not decode on, nothing */
	size_t ops_len;
};

struct machine_batch {
	uint64_t seq;
	uint64_t time_ms;   /* proposed */
	uint8_t digest[32]; /* batch digest */
	size_t n_bundles;
	const struct machine_bundle *bundles;
};

/* Of no operation: an instance whose deadline has come. */
#define MACHINE_NO_BUNDLE UINT16_MAX

/* One per request or read executed, in order: a leaf of the batch, or a refusal. Beyond
 * AP_BATCH_REQUESTS_MAX in a batch they have no entry and no effect. Behind them, as many as there
 * is room for, those that expire. */
struct machine_entry {
	uint16_t bundle, op;   /* where it stands in the batch: indexes from 0 */
	int16_t leaf;	       /* leaf index, or -1: refused */
	int refusal;	       /* 0, or AGREE_E* of libproto/agree_errors.h */
	uint8_t id[AP_ID_LEN]; /* may be zero if the operation does not decode */
	ap_outcome outcome;    /* of a leaf; value borrows from the batch or from result->values */
	bool fresh;	       /* became final in this batch, and is in the store since */
};

enum machine_sign {
	MACHINE_SIGN_NOTHING, /* a batch without leaves */
	MACHINE_SIGN_BATCH,
	MACHINE_SIGN_TRIAL,
};

/* A new attempt at an earlier batch. */
struct machine_retry {
	struct ap_statement statement; /* of that batch: its seq, its epoch */
	bool trial;
	uint8_t attempt; /* 0: it has waited for nonces until now */
	size_t n_sets;
	struct machine_set sets[MACHINE_SETS_MAX];
};

/* Only what machine_apply() sets is valid; arrays up to their counts. */
struct machine_result {
	uint64_t seq, time_ms; /* T(seq) */
	uint8_t running[32];
	uint8_t leaf[32]; /* of the history: the hash of this batch's chunk. draft {#state} */
	ap_bytes changes; /* part of that chunk, behind its outcomes; the machine's, until it is
			     called again */
	/* 1: bundle i executed; 0: void, its number was used before */
	uint16_t executed_bundles[MACHINE_BUNDLES_MAX];
	size_t n_entries;
	struct machine_entry entries[AP_BATCH_REQUESTS_MAX];
	/* The tree of the leaves, as of ap_merkle_build(): */
	uint16_t n_leaves;
	uint8_t nodes[2 * AP_BATCH_REQUESTS_MAX][32];
	uint8_t root[32]; /* zero without leaves */
	/* What the group signs, and who. No set with something to sign: too few nonces, the attempt
	 * is made as soon as there are enough. */
	enum machine_sign sign;
	uint32_t epoch;
	size_t n_sets;
	struct machine_set sets[MACHINE_SETS_MAX]; /* attempt 0 */
	/* Attempts at earlier batches, the newest first. Their entries were popped in this order,
	 * behind those of `sets`. */
	size_t n_retries;
	struct machine_retry retries[MACHINE_RETRIES_MAX];
	bool signers_changed; /* somebody is left out, or back: look at machine_signer() */
	bool key_changed;     /* machine_key() moved on */
	uint16_t rejoined;    /* bit id - 1: its REJOIN took effect, out of this bundle: */
	uint16_t rejoin_bundle[AP_REPLICAS_MAX];
	bool pools_changed; /* NONCES took effect: look at machine_pool() */
	/* Values of stored outcomes, copied here. */
	size_t values_len;
	uint8_t values[AP_BATCH_REQUESTS_MAX * AP_VALUE_MAX];
};

/* ---- life ---- */

struct machine;

/* Octets that machine_init() needs; 0: impossible configuration. */
size_t machine_size(const struct machine_conf *conf);
/* Takes memory aligned as malloc's. All three tables are copied; the state is that of a new
 * network. */
struct machine *machine_init(void *memory, const struct machine_conf *conf,
			     const struct machine_funcs *funcs, const struct machine_store *store);

/* Executes batch seq, which must be the last one's successor. Never fails: what is malformed or
 * refused has no effect. */
void machine_apply(struct machine *m, const struct machine_batch *batch,
		   struct machine_result *result);

/* State digest after the last batch. draft {#state} */
void machine_digest(const struct machine *m, uint8_t out[32]);

/* Fixed state (all but the final outcomes) as octets: returns how many, at most
 * machine_snapshot_max(); 0 if cap does not hold them. */
size_t machine_snapshot_max(const struct machine *m);
size_t machine_snapshot(const struct machine *m, uint8_t *out, size_t cap);
/* And back: 0, or -1 if the octets are no snapshot, or one under another configuration; the state
 * is that of a new network then. Whether they are those that the network agreed on is the caller's
 * to check, with machine_digest(). The store is the caller's to bring to the same sequence. */
int machine_restore(struct machine *m, const uint8_t *octets, size_t len);

/* false: another version of this program made the snapshot, in a format that machine_restore() does
 * not read; it need not be damaged. */
bool machine_snapshot_known(const uint8_t *octets, size_t len);
/*
 * Undecided instances are no part of these octets: they follow from the history. After a restore
 * the chunks (outcomes and changes, without sequence and T) from machine_refill_from() up to the
 * sequence restored are given back, in order, before anything else is done. -1: those are not its
 * chunks, or there is no room: nothing may be executed.
 */
uint64_t machine_refill_from(const struct machine *m); /* 0: nothing is undecided */
int machine_refill(struct machine *m, uint64_t seq, ap_bytes chunk);
int machine_refill_done(const struct machine *m);

/* An undecided instance; until the next batch. Octets of its encoded descriptor in `out`
 * (AP_MAX_descriptor); 0: it is not registered. */
size_t machine_undecided(const struct machine *m, const uint8_t id[AP_ID_LEN], uint8_t *out);
struct machine_registration {
	uint8_t relay; /* whose share it fills */
	uint64_t seq;
};
bool machine_registration(const struct machine *m, const uint8_t id[AP_ID_LEN],
			  struct machine_registration *out);
/* Seconds from T on, after which there may be room for relay again, when machine_apply() has refused
 * it any (AGREE_ECAPACITY, AGREE_EUNDECIDED): an estimate for people. */
uint64_t machine_room_in_s(const struct machine *m, uint8_t relay, int refusal);
size_t machine_undecided_count(const struct machine *m);
/* T from which on something expires; UINT64_MAX: nothing will. */
uint64_t machine_due(const struct machine *m);

/* The tree of what became final, one leaf a batch: draft {#state}. */
const struct ap_frontier *machine_history(const struct machine *m);

const struct machine_key *machine_key(const struct machine *m);
/* The pool of member id as the log has it. */
struct machine_pool_info {
	uint64_t boot; /* run number in force */
	uint64_t next; /* counter expected next; the oldest held is next - left */
	uint32_t left; /* entries held */
};
void machine_pool(const struct machine *m, uint8_t id, struct machine_pool_info *info);
/* What is held against member id. */
const struct machine_signer *machine_signer(const struct machine *m, uint8_t id);
/* What was to be signed at batch seq; NULL: nothing, or it is given up. */
const struct machine_pending *machine_pending(const struct machine *m, uint64_t seq);
/* Would this operation of member `sender`, executed now, name the member that it is about? */
bool machine_blame_holds(const struct machine *m, uint8_t sender, const ap_blame *op);
bool machine_badpoint_holds(const struct machine *m, uint8_t sender, const ap_badpoint *op);
/* Who signs if the next batch has leaves, as it stands now, and with which entries; nothing is
 * taken. Returns the number of sets. */
size_t machine_next_sets(const struct machine *m, struct machine_set sets[MACHINE_SETS_MAX]);
uint64_t machine_seq(const struct machine *m);
uint64_t machine_time(const struct machine *m);	 /* T, ms */
uint64_t machine_floor(const struct machine *m); /* F, ms */
const uint8_t *machine_running(const struct machine *m);
/* Highest start and counter executed of a relay's bundles; 0 0 before the first. */
void machine_number(const struct machine *m, uint8_t relay, uint64_t *start, uint64_t *counter);
/* All that is remembered of them; borrowed. */
const struct machine_numbers *machine_numbers_of(const struct machine *m, uint8_t relay);
/* Incarnations by identifier - 1, of n members. draft {#incarnation} */
const uint64_t *machine_incarnations(const struct machine *m);
/* Instances of relay that count against its share of the capacity. */
uint64_t machine_used(const struct machine *m, uint8_t relay);

#endif
