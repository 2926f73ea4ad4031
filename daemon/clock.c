#include "daemon/clock.h"

static uint64_t apart(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

void clock_believe(struct clock *c, uint64_t wall_ms, uint64_t mono_ms)
{
	c->wall = wall_ms;
	c->mono = mono_ms;
	c->believed = true;
	c->leapt = false;
}

void clock_start(struct clock *c, uint64_t clock_bound_ms, uint64_t outage_bound_ms, uint64_t t_ms,
		 uint64_t wall_ms, uint64_t mono_ms)
{
	*c = (struct clock){.clock_bound = clock_bound_ms, .outage_bound = outage_bound_ms};
	if (t_ms == 0 || (wall_ms + clock_bound_ms >= t_ms &&
			  (wall_ms < t_ms || wall_ms - t_ms <= outage_bound_ms)))
		clock_believe(c, wall_ms, mono_ms);
}

uint64_t clock_time(struct clock *c, uint64_t wall_ms, uint64_t mono_ms)
{
	uint64_t expected = c->wall + (mono_ms - c->mono);

	if (!c->believed)
		return 0;
	if (apart(wall_ms, expected) <= c->clock_bound) {
		clock_believe(c, wall_ms, mono_ms); /* follows what is slewed, and small steps */
		return wall_ms;
	}
	c->leapt = true;
	return expected;
}

void clock_judge(struct clock *c, uint64_t t_ms, uint64_t wall_ms, uint64_t mono_ms)
{
	bool wall_good = apart(wall_ms, t_ms) <= c->clock_bound;

	if (c->believed &&
	    (!c->leapt || apart(c->wall + (mono_ms - c->mono), t_ms) <= c->clock_bound))
		return;
	if (wall_good)
		clock_believe(c, wall_ms, mono_ms);
}
