/*
 * Bundle numbers of one relay: of those ordered under one number (relay, start, counter) the first
 * executes, whole and once. draft {#bundles}
 *
 * start is the relay's run number. A larger one voids everything of smaller ones; within a run the
 * MACHINE_NUMBERS counters up to the highest executed are remembered one by one, and what lies
 * further back counts as executed.
 */
#ifndef DAEMON_MACHINE_NUMBERS_H
#define DAEMON_MACHINE_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

enum {
	MACHINE_NUMBERS = 256, /* counters remembered of a run */
	MACHINE_NUMBERS_WORDS = MACHINE_NUMBERS / 64,
};

/* All zero: nothing executed. */
struct machine_numbers {
	uint64_t start;
	uint64_t counter;		      /* highest executed of this run */
	uint64_t seen[MACHINE_NUMBERS_WORDS]; /* bit i (word i / 64): counter - i was executed */
};

/* true: not executed before, and marked as executed now. */
bool machine_numbers_take(struct machine_numbers *n, uint64_t start, uint64_t counter);

/* The lowest counter of a run that has not executed; UINT64_MAX: all count as executed. */
uint64_t machine_numbers_lowest(const struct machine_numbers *n, uint64_t start);

/* Is this a state that machine_numbers_take() can leave? */
bool machine_numbers_is_sound(const struct machine_numbers *n);

#endif
