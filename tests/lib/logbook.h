/*
 * A machine with the log that it is fed: batches are written down operation by operation, as
 * octets, and executed. Everything is freed by logbook_free().
 */
#ifndef TESTS_LIB_LOGBOOK_H
#define TESTS_LIB_LOGBOOK_H

#include "daemon/machine/machine.h"
#include "libproto/codec.h"
#include "tests/lib/memstore.h"

/* What a client asks, before it is octets. */
struct instance {
	const char *label;
	uint64_t deadline_s, start_s;
	const char *fixed; /* NULL: no fixed value */
	uint8_t parties;   /* 0: open */
	uint8_t k;
	uint8_t keyless; /* of the parties, the last ones: they vote with secrets */
	uint8_t locks;	 /* 0: the secrets that votes show open them; else others */
};

struct ask {
	const struct instance *instance;
	uint8_t verb;	    /* AP_VERB_*; 0: a READ */
	bool bare;	    /* without the descriptor */
	bool stray;	    /* under an id that is not the descriptor's */
	const char *value;  /* NULL: empty */
	uint8_t nonce;	    /* 16 times this octet */
	uint8_t party;	    /* as it is written: AP_PARTY_NONE */
	uint8_t credential; /* kind: real ones of that party */
	bool forged;	    /* but for an octet */
};

/* A vote of a party with its own credential. */
struct ask logbook_vote(const struct instance *instance, uint8_t party, uint8_t verb,
			const char *value);

struct logbook {
	struct machine_conf conf;
	struct machine *machine;
	struct memstore *store;
	struct machine_result *result; /* of the last batch */
	/* the batch in the making */
	struct machine_bundle bundles[MACHINE_BUNDLES_MAX + 1];
	size_t n_bundles;
	uint8_t *octets;
	size_t len;
	uint64_t counters[AP_REPLICAS_MAX + 1]; /* next, of run 1 of a relay */
	/* chunks of the history, as a store has them; by sequence */
	struct logbook_chunk {
		uint8_t *octets;
		size_t len;
	} * chunks;
	size_t n_chunks;
};

/* retention 5,000 s, horizon 20,000 s, `share` instances a relay. */
struct logbook *logbook_new(uint8_t n, uint64_t share);
/* A second one in the same state, by snapshot and a copy of the store. */
struct logbook *logbook_clone(const struct logbook *from);
void logbook_free(struct logbook *l);

/* The next operations are in a bundle of relay's: the next number of its run, or the one given. */
void logbook_bundle(struct logbook *l, uint8_t relay);
void logbook_bundle_numbered(struct logbook *l, uint8_t relay, uint64_t start, uint64_t counter);
/* An operation; body is the struct of that kind, or octets. */
void logbook_op(struct logbook *l, const struct ap_operation *op);
void logbook_op_octets(struct logbook *l, uint8_t kind, const void *octets, size_t len);
void logbook_ask(struct logbook *l, const struct ask *ask);
/* Executes the batch, and begins a new one. */
const struct machine_result *logbook_apply(struct logbook *l, uint64_t time_ms);
/* Executes what another logbook has in the making, which stays so. */
const struct machine_result *logbook_apply_same(struct logbook *l, const struct logbook *from,
						uint64_t time_ms);

/* Operations of all members, each in a bundle of its own. */
void logbook_enckeys(struct logbook *l);
void logbook_deals(struct logbook *l);
void logbook_readies(struct logbook *l);
/* `count` pairs, going on where the pool of `id` is; boot 1 or what is in force. */
void logbook_nonces(struct logbook *l, uint8_t id, uint8_t count);
/* From nothing to LIVE, with `count` pairs of each member, at time 0. Returns the trial's result.
 */
const struct machine_result *logbook_live(struct logbook *l, uint8_t count);

/* The machine forgets everything, and is restored from its snapshot and the history. */
void logbook_restart(struct logbook *l);

/* Under the group key as it is now. */
void logbook_id(const struct logbook *l, const struct instance *instance, uint8_t id[AP_ID_LEN]);

#endif
