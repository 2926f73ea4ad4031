/*
 * What is kept, what is forgotten: the forgetting floor F, the one judgement of times, and how much
 * of the network's capacity each relay fills. draft {#retention}
 *
 * Kept instances are counted by relay and by bucket of MACHINE_BUCKET_S seconds of deadlines. A
 * bucket is given back, whole, when F has reached its end; so counting needs no walk through what
 * is stored, and does not depend on when somebody purges it.
 */
#ifndef DAEMON_MACHINE_RETAIN_H
#define DAEMON_MACHINE_RETAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "libproto/limits.h"

enum {
	MACHINE_BUCKET_S = 4096,	  /* seconds of deadlines counted together */
	MACHINE_SPAN_MAX_S = 400 * 86400, /* horizon + retention at most */
	/* From the floor's bucket to that of the furthest deadline, both only in part. */
	MACHINE_BUCKETS = MACHINE_SPAN_MAX_S / MACHINE_BUCKET_S + 3,
};

/* All zero: nothing kept. */
struct machine_retain {
	uint64_t floor_ms;		/* F; never sinks */
	uint64_t used[AP_REPLICAS_MAX]; /* of relay id - 1: sum of its buckets */
	/* Bucket b, of deadlines from b * MACHINE_BUCKET_S on, is at b % MACHINE_BUCKETS; those
	 * that F has passed are zero. */
	uint32_t kept[MACHINE_BUCKETS][AP_REPLICAS_MAX];
};

/* Seconds of the wire to the milliseconds of batch times. */
uint64_t machine_ms(uint64_t s);

/* F = max(F, T - retention), and what that gives back. */
void machine_retain_advance(struct machine_retain *r, uint64_t time_ms, uint64_t retention_s);

/*
 * Where an instance stands at T, if it is not decided: the only place where batch times meet
 * deadlines. draft {#time}
 */
enum machine_when {
	MACHINE_VOTES,	   /* start <= T < D: votes count */
	MACHINE_EARLY,	   /* T < start, T < D */
	MACHINE_ENDED,	   /* F < D <= T: ABORTED(deadline) */
	MACHINE_FORGOTTEN, /* D <= F, whatever is still stored */
};
enum machine_when machine_retain_judge(const struct machine_retain *r, uint64_t time_ms,
				       uint64_t start_s, uint64_t deadline_s);

/* Does a deadline after T lie within the horizon? */
bool machine_retain_reaches(uint64_t time_ms, uint64_t horizon_s, uint64_t deadline_s);

/* Would machine_retain_add() take it? */
bool machine_retain_has_room(const struct machine_retain *r, uint8_t relay, uint64_t share,
			     uint64_t deadline_s);

/* One more instance that relay fills; false, and nothing counted, if its share is full or the
 * deadline is in no bucket between F and the horizon. */
bool machine_retain_add(struct machine_retain *r, uint8_t relay, uint64_t share,
			uint64_t deadline_s);

/* Lowest bucket that is not given back, for walking: low to low + MACHINE_BUCKETS - 1. */
uint64_t machine_retain_low(const struct machine_retain *r);

#endif
