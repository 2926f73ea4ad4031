/* Many seeds, in several processes. */
#ifndef SIM_SWEEP_H
#define SIM_SWEEP_H

#include "tests/sim/sim.h"

struct sweep {
	uint64_t first, last;
	unsigned jobs, seconds; /* seconds: of each job's processor time; 0: no limit */
	unsigned failures_max;	/* of one process: then it ends */
	struct options_given given;
	const struct options *fixed; /* values that come after those drawn, where is_fixed */
	const bool *is_fixed;
};

struct sweep_sums {
	uint64_t seeds, failures, steps, frames, batches, answers, sim_us, twice;
	double seconds;
};

/* Draws the run of a seed as the sweep does. */
void sweep_draw(const struct sweep *s, uint64_t seed, struct options *o, struct plan *plan);
/* Says each failure in a line when it comes, and the sums. True: no failure. */
bool sweep(const struct sweep *s, struct sweep_sums *sums, FILE *say);

#endif
