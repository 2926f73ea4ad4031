/*
 * What an ordered log means, said a second time and independently of daemon/machine: no ids, no
 * octets, no incremental state; everything that ever happened is in lists that are searched.
 * (Scenario S8.)
 */
#ifndef TESTS_LIB_MODEL_H
#define TESTS_LIB_MODEL_H

#include "tests/lib/logbook.h"

enum {
	MODEL_CASES_MAX = 4096,
	MODEL_VOTES_MAX = 65536,
	MODEL_NUMBERS_MAX = 65536,
};

/* An instance that is final, or is registered. */
struct model_case {
	const struct instance *instance; /* with the locks that it was registered with */
	uint8_t relay;
	bool final;
	uint8_t status, reason;
	const char *value;
	uint64_t sequence, time_ms;
};

struct model_vote {
	size_t about; /* case */
	uint8_t party;
	bool yes;
	const char *value;
};

struct model {
	uint8_t n;
	uint64_t retention_s, horizon_s, share;
	uint64_t sequence, time_ms, floor_ms;
	size_t n_cases, n_votes;
	struct model_case cases[MODEL_CASES_MAX];
	struct model_vote votes[MODEL_VOTES_MAX]; /* all that counted */
	size_t n_numbers;
	struct {
		uint8_t relay;
		uint64_t start, counter;
	} numbers[MODEL_NUMBERS_MAX]; /* executed */
};

struct model_answer {
	bool refused;
	uint8_t status, reason, k;
	const char *value; /* "": none */
	uint32_t yes, no;
	uint64_t sequence, time_ms;
	bool with_nonce, with_terms;
};

struct model *model_new(const struct machine_conf *conf);
void model_free(struct model *m);
/* A batch begins. */
void model_batch(struct model *m, uint64_t time_ms);
/* A bundle of it: does it execute? */
bool model_bundle(struct model *m, uint8_t relay, uint64_t start, uint64_t counter);
/* An ask of an executed bundle, in a live network. */
struct model_answer model_ask(struct model *m, uint8_t relay, const struct ask *ask);
/* The batch ends: how many instances have their deadline behind them, since the last one ended. */
size_t model_expired(struct model *m);
/* How many are undecided. */
size_t model_undecided(const struct model *m);

#endif
