#include "config.h"

#include "daemon/limit.h"

#include <time.h>

void limit_init(struct limit *l, uint32_t rate)
{
	*l = (struct limit){.rate = rate, .millis = (uint64_t)rate * 1000};
}

bool limit_take(struct limit *l, uint64_t now_ms)
{
	uint64_t full = (uint64_t)l->rate * 1000;

	if (now_ms > l->filled_ms) {
		uint64_t passed = now_ms - l->filled_ms;

		l->millis = passed >= 1000 ? full : l->millis + passed * l->rate;
		if (l->millis > full)
			l->millis = full;
		l->filled_ms = now_ms;
	}
	if (l->millis < 1000)
		return false;
	l->millis -= 1000;
	return true;
}

uint64_t limit_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}
