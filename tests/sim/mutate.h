/* One field of a message, changed: all fields of all messages, out of libproto/protocol.def. */
#ifndef SIM_MUTATE_H
#define SIM_MUTATE_H

#include "libproto/codec.h"
#include "tests/sim/rng.h"

/* How many fields the message as it is has: leaves, those of lists one by one. */
unsigned mutate_fields(const struct ap_message *m);

enum {
	MUTATE_WAYS = 6, /* 0: +1, 1: -1, 2: zero, 3: ones, 4: one bit, 5: random */
	MUTATE_TAKEN =
		MUTATE_WAYS, /* the field of an older message of the same kind, signed anew */
	MUTATE_REPLAY,	     /* that message, as it was */
	MUTATE_ALL
};

/* Changes one field. Octets that spans point to are copied to memory that the next call takes. */
void mutate_field(struct ap_message *m, unsigned field, unsigned way, struct rng *rng);

/* The field comes from another message of the same code; false: it has none. Spans keep pointing to
 * the octets of that one. */
bool mutate_take(struct ap_message *to, const struct ap_message *from, unsigned field);

/* All that mutation mode goes through: (message, field, way) number `index`, of so many. */
struct mutate_target {
	uint8_t code;
	unsigned field, way;
	const char *message, *name;
	bool is_span;
};
unsigned mutate_count(void);
void mutate_target(unsigned index, struct mutate_target *t);

/* mutation.c: sim --mutate ...: the exit status. `hits`: frames that were changed, of this run. */
extern uint64_t mutate_hits;
int mutate_main(int argc, char **argv);

#endif
