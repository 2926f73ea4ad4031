/* One field of a message, changed: all fields of all messages, out of libproto/protocol.def. */
#ifndef SIM_MUTATE_H
#define SIM_MUTATE_H

#include "libproto/codec.h"
#include "tests/sim/rng.h"

/* How many fields the message as it is has: leaves, those of lists one by one. */
unsigned mutate_fields(const struct ap_message *m);

enum { MUTATE_WAYS = 6 }; /* 0: +1, 1: -1, 2: zero, 3: ones, 4: one bit, 5: random */

/* Changes one field. Octets that spans point to are copied to memory that the next call takes. */
void mutate_field(struct ap_message *m, unsigned field, unsigned way, struct rng *rng);

/* All that mutation mode goes through: (code, field, way) number `index`, of so many. */
unsigned mutate_count(void);
void mutate_target(unsigned index, uint8_t *code, unsigned *field, unsigned *way);

#endif
