/* What one run of the simulator is: options.def, drawn from a seed or given. */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tests/sim/rng.h"

struct options {
#define OPT(name, def, help) uint64_t name;
#include "tests/sim/options.def"
};

/* What the Byzantine replicas of a run do: bits of options.lies. */
#define LIES(LIE)                                                                                  \
	LIE(SILENT, "says nothing to some")                                                        \
	LIE(EQUIVOCATE, "tells some of another batch, and votes for either")                       \
	LIE(VOTES, "votes for batches that nobody proposed")                                       \
	LIE(MUTATE, "changes a field of a message, and signs it again")                            \
	LIE(FORGE, "sends messages in others' names")                                              \
	LIE(REPLAY, "sends old messages again, its own and others'")                               \
	LIE(SHARES, "spoils its signature shares")                                                 \
	LIE(FETCH, "serves wrong batches and attests wrong hashes")                                \
	LIE(STATUS, "says that it is far ahead")                                                   \
	LIE(CHECKPOINT, "signs other states")                                                      \
	LIE(BUNDLES, "signs two bundles under one number, orders garbage")                         \
	LIE(VIEWS, "asks for views, leaves out what was prepared, proposes something else")        \
	LIE(GARBAGE, "sends octets that are no messages")                                          \
	LIE(SLEEP, "keeps its signature shares back")                                              \
	LIE(SLOW, "sends a signature share when it has the next one")                              \
	LIE(RETRY, "asks for signers without need, reports and blames whom it likes")              \
	LIE(PACE, "as primary proposes as late as time-outs let it")

enum lie {
#define LIE(name, help) LIE_AT_##name,
	LIES(LIE)
#undef LIE
		LIES_COUNT,
#define LIE(name, help) LIE_##name = 1 << LIE_AT_##name,
	LIES(LIE)
#undef LIE
};

void options_defaults(struct options *o);
/* How hard the first phase is, and who is in the core of the second. `given`: bits of what
 * options_set() has fixed: they are not drawn. */
struct options_given {
	bool n, real, full; /* full: any replica may be faulty, the first primary too */
	struct options values;
};
void options_draw(struct options *o, uint64_t seed, const struct options_given *given);
/* false: no such name. */
bool options_set(struct options *o, const char *name, uint64_t value);
/* The same, and noted: is_fixed[i] of the i-th row. options_override() then sets those only. */
enum { OPTIONS_MAX = 64 };
bool options_fix(struct options *o, bool is_fixed[OPTIONS_MAX], const char *name, uint64_t value);
void options_override(struct options *o, const struct options *fixed, const bool *is_fixed);
/* "n=4 window=16 ...": those that differ from the defaults, or all. */
void options_print(FILE *to, const struct options *o, bool all);
void options_help(FILE *to);
/* NULL, or why this cannot be run. */
const char *options_check(const struct options *o);

uint16_t options_all(const struct options *o); /* every replica's bit */
unsigned options_f(const struct options *o);

#endif
