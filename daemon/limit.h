/* A token bucket: so many a second, at most one second's worth at once. */
#ifndef DAEMON_LIMIT_H
#define DAEMON_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct limit {
	uint32_t rate;      /* a second */
	uint64_t millis;    /* tokens, in thousandths */
	uint64_t filled_ms; /* when last filled */
};

void limit_init(struct limit *, uint32_t rate);
bool limit_take(struct limit *, uint64_t now_ms);
uint64_t limit_now(void); /* monotonic, ms */

#endif
