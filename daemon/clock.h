/*
 * Which time this replica goes by when it judges proposals: draft {#time}. Pure: both clocks come as parameters.
 *
 * Within a run a leap of the wall clock that the monotonic one does not explain is not followed: the time goes on as
 * before. At a start the wall clock is believed unless it is behind the last durable T by more than the clock
 * bound, or ahead of it by more than the outage bound; then nothing is prepared. Both are judged again after each
 * executed batch: its T was agreed by 2f+1 replicas, so a wall clock near it is right. Operators can lift the bound.
 */
#ifndef DAEMON_CLOCK_H
#define DAEMON_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct clock { /* times in ms */
	uint64_t clock_bound, outage_bound;
	uint64_t wall, mono; /* the last pair that was believed */
	bool believed;       /* at the start, or since */
	bool leapt;          /* the wall clock is off from what was believed */
};

/* T: of the last durable batch, 0 in a new network. */
void clock_start(struct clock *, uint64_t clock_bound_ms, uint64_t outage_bound_ms, uint64_t t_ms, uint64_t wall_ms, uint64_t mono_ms);
/* The time to go by; 0: none can be told, prepare nothing. */
uint64_t clock_time(struct clock *, uint64_t wall_ms, uint64_t mono_ms);
/* A batch of this T was executed. */
void clock_judge(struct clock *, uint64_t t_ms, uint64_t wall_ms, uint64_t mono_ms);
/* The operator says that the wall clock is right. */
void clock_believe(struct clock *, uint64_t wall_ms, uint64_t mono_ms);

#endif
