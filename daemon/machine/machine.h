/*
 * What the ordered log means: a pure function from batches to outcomes (draft {#execution}). Same prefix of the
 * log, same state, octet for octet. No clock, I/O, randomness or allocation after machine_init(); hashing and
 * verdicts on key-generation messages come in as a table of pure functions; final outcomes lie behind store.h.
 */
#ifndef DAEMON_MACHINE_MACHINE_H
#define DAEMON_MACHINE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/machine/store.h"
#include "libproto/codec.h"
#include "libproto/limits.h"
#include "libproto/merkle.h"

enum {
	MACHINE_POOL_MAX = 256,   /* nonce pairs held of one member */
	MACHINE_POOL_CHUNK = 64,  /* in one NONCES */
	MACHINE_SETS_MAX = 2,     /* signer sets of one batch */
	MACHINE_NUMBERS = 256,    /* bundle counters below the highest that are remembered, per relay */
	MACHINE_BUCKET_S = 4096,  /* seconds of deadlines that are counted (and forgotten) together for the capacity */
	MACHINE_SPAN_MAX_S = 400 * 86400, /* horizon + retention at most */
};

/* Network parameters, from the network file (draft {#network-file}). */
struct machine_conf {
	uint8_t n;
	uint8_t genesis[32];
	uint64_t retention_s, horizon_s;
	uint64_t capacity; /* instances; each relay fills one n-th */
};

struct machine_deal_ctx; /* see machine_funcs */

/* Pure functions of others. The verdicts must be the same on every replica (threshold.md 7.9). */
struct machine_funcs {
	ap_sha256_fn *sha256;
	/* Public part of a DEAL: points valid, both proofs hold, counts exact. 0: good. sid, all n ENCKEYs given. */
	int (*deal_check)(void *ctx, uint8_t n, const uint8_t sid[32], uint8_t dealer, const uint8_t enckeys[][32], const ap_deal *);
	int (*point_check)(void *ctx, const uint8_t point[32]);
	/* 0: the complaint proves that dealer's sealed share for `sender` is bad. */
	int (*complaint_check)(void *ctx, uint8_t n, const uint8_t sid[32], uint8_t sender, const uint8_t enckeys[][32],
		const ap_deal *deal, const ap_complaint *);
	/* Group key and verification shares from all n dealings. 0: good. */
	int (*keys)(void *ctx, uint8_t n, const ap_deal deals[], uint8_t pk[32], uint8_t y[][32]);
	/* sid of an attempt: draft {#keygen}. */
	void (*sid)(void *ctx, const uint8_t genesis[32], uint32_t epoch, uint8_t n, uint32_t attempt, uint8_t sid[32]);
	void *ctx;
};

enum machine_phase { /* of the group key: draft {#keygen} */
	MACHINE_ENCKEYS = 1, /* collecting ENCKEY of all n */
	MACHINE_DEALS,       /* collecting DEAL of all n */
	MACHINE_READIES,     /* collecting READY of all n */
	MACHINE_TRIAL,       /* key known; waits for NONCES of all n, whose batch signs the trial statement */
	MACHINE_LIVE,        /* requests are executed */
	MACHINE_FAILED,      /* culprit named; the operators form anew */
};

struct machine_key { /* replicated group key state; read-only view */
	enum machine_phase phase;
	uint32_t epoch, attempt;
	uint8_t culprit; /* FAILED: identifier */
	uint8_t sid[32];
	uint16_t have_enckey, have_deal, have_ready; /* bit id-1 */
	uint8_t enckeys[AP_REPLICAS_MAX][32];
	ap_deal deals[AP_REPLICAS_MAX];
	uint8_t dealings[32]; /* hash of all n dealings, what READY names; valid once have_deal is full */
	uint8_t pk[32];
	uint8_t y[AP_REPLICAS_MAX][32];
};

/* ---- one batch ---- */

struct machine_bundle {
	uint8_t relay;
	uint64_t start, counter;
	const uint8_t *ops; /* verified to decode as a sequence of ops (verify.c); the machine still bounds everything */
	size_t ops_len;
};

struct machine_batch {
	uint64_t seq;
	uint64_t time_ms;   /* proposed */
	uint8_t digest[32]; /* batch digest */
	size_t n_bundles;
	const struct machine_bundle *bundles;
};

struct machine_entry {   /* one per request or read executed, in order: leaf i of the batch, or a refusal */
	uint16_t bundle, op; /* where it stands in the batch: indexes from 0 */
	int16_t leaf;        /* leaf index, or -1: refused */
	int refusal;         /* AGREE_E*: 0 or why */
	uint8_t id[AP_ID_LEN];
	ap_outcome outcome;  /* value borrows from the batch or from result->values */
	bool fresh;          /* became final in this batch */
};

struct machine_set {
	uint8_t members[AP_THRESHOLD_MAX]; /* identifiers, ascending; t of them */
	uint64_t boot[AP_THRESHOLD_MAX], ctr[AP_THRESHOLD_MAX];
	uint8_t hiding[AP_THRESHOLD_MAX][32], binding[AP_THRESHOLD_MAX][32];
};

struct machine_result {
	uint64_t seq, time_ms; /* T(seq) */
	uint8_t running[32];
	uint16_t executed_bundles[64]; /* 1: bundle i executed; 0: its number had been executed before */
	size_t n_entries;
	struct machine_entry entries[AP_BATCH_REQUESTS_MAX];
	/* The tree over the leaves: n_leaves leaf hashes and all nodes (merkle.h's array layout), for paths. */
	uint16_t n_leaves;
	uint8_t nodes[2 * AP_BATCH_REQUESTS_MAX][32];
	uint8_t root[32];
	/* What the group signs, if it signs: */
	enum { MACHINE_SIGN_NOTHING, MACHINE_SIGN_BATCH, MACHINE_SIGN_TRIAL } sign;
	uint32_t epoch;
	size_t n_sets; /* 0 with sign != NOTHING: too few nonces; it stays unsigned until asked for again */
	struct machine_set sets[MACHINE_SETS_MAX];
	bool key_changed;   /* machine_key() moved on */
	bool pools_changed; /* NONCES took effect: look at machine_pool() */
	/* Values of stored outcomes, copied here. */
	size_t values_len;
	uint8_t values[AP_BATCH_REQUESTS_MAX * 256];
};

/* ---- life ---- */

struct machine;

size_t machine_size(const struct machine_conf *); /* 0: impossible configuration */
struct machine *machine_init(void *memory, const struct machine_conf *, const struct machine_funcs *, const struct machine_store *);

/* Executes batch seq, which must be the last one's successor. Never fails: what is malformed or refused has no effect. */
void machine_apply(struct machine *, const struct machine_batch *, struct machine_result *);

/* State digest after the last batch: draft {#state}. */
void machine_digest(const struct machine *, uint8_t out[32]);

/* Fixed state (all but the final outcomes) as octets, and back: 0, or -1 if it does not decode or is for another
 * configuration. machine_snapshot() returns the octets written, at most machine_snapshot_max(). */
size_t machine_snapshot_max(const struct machine *);
size_t machine_snapshot(const struct machine *, uint8_t *out, size_t cap);
int machine_restore(struct machine *, const uint8_t *octets, size_t len);

const struct machine_key *machine_key(const struct machine *);
/* The pool of member id as the log has it: start number in force, next counter expected, entries left. */
struct machine_pool_info {
	uint64_t boot, next;
	uint32_t left;
};
void machine_pool(const struct machine *, uint8_t id, struct machine_pool_info *);
uint64_t machine_seq(const struct machine *);
uint64_t machine_time(const struct machine *);  /* T, ms */
uint64_t machine_floor(const struct machine *); /* F, ms */
const uint8_t *machine_running(const struct machine *);
/* Highest start and counter executed of a relay's bundles. */
void machine_number(const struct machine *, uint8_t relay, uint64_t *start, uint64_t *counter);
/* Instances of relay that count against its share of the capacity. */
uint64_t machine_used(const struct machine *, uint8_t relay);

#endif
