/* What a core sends, as the event that it is at the others: for networks of cores without a wire. */
#ifndef TESTS_LIB_CARRY_H
#define TESTS_LIB_CARRY_H

#include "daemon/pbft/pbft.h"

/* Of the sends that say everything themselves: BUNDLE, CHECKPOINT, STATUS, FETCH, FETCH_BATCH. *ev is zeroed by the
 * caller; false: another kind, *ev is untouched. */
bool carry(struct pbft_event *ev, const struct pbft_effect *e, uint8_t sender);

#endif
