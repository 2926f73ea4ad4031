/* Clocks of the replica whose code is running. The monotonic one starts with the run and drifts;
 * the wall clock is off by what the node's says, too. */
#include "config.h"

#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "tests/sim/sim.h"
#include "tests/sim/wrap.h"

static uint64_t drifted_us(const struct node *n)
{
	int64_t us = (int64_t)sim->now_us;

	if (n == NULL || n->drift_ppm == 0)
		return sim->now_us;
	return (uint64_t)(us + us / 1000 * n->drift_ppm / 1000);
}

static uint64_t monotonic_us(const struct node *n)
{
	return 1000000000 + drifted_us(n);
}

uint64_t clock_wall_ms(const struct node *n)
{
	int64_t ms = (int64_t)(drifted_us(n) / 1000) + (n == NULL ? 0 : n->clock_ms);

	ms = (int64_t)SIM_EPOCH_S * 1000 + ms;
	return sim->o.tick_ms == 1 ? (uint64_t)ms : (uint64_t)ms / sim->o.tick_ms * sim->o.tick_ms;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
	uint64_t us = clock == CLOCK_REALTIME ? 1000 * clock_wall_ms(sim->current)
					      : monotonic_us(sim->current);

	t->tv_sec = (time_t)(us / 1000000);
	t->tv_nsec = (long)(us % 1000000 * 1000);
	return 0;
}

time_t __wrap_time(time_t *out)
{
	time_t now = (time_t)(clock_wall_ms(sim->current) / 1000);

	if (out != NULL)
		*out = now;
	return now;
}

/* What gives way in life has nobody to give way to here, but for other programs. */
int __wrap_sched_yield(void)
{
	return 0;
}
