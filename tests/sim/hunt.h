/* Does the simulator find a bug that was built in? (daemon/bug.h, bugs.def) */
#ifndef SIM_HUNT_H
#define SIM_HUNT_H

#include "tests/sim/sweep.h"

/* From now on all runs have this bug, if the build has; 0: none. */
void hunt_choose(int number);

/* Seeds from sweep.first on, until one fails. 0: found, 2: not within the time, 77: this build has
 * no bugs. A seed that fails without the bug too does not count. */
int hunt(int number, const struct sweep *s, FILE *say);
/* All of them, each for at most s->seconds. */
int hunt_all(const struct sweep *s, FILE *say);

#endif
