/* A run that fails, made as small as can be while it fails in the same way. */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "tests/sim/scenario.h"

/* s->expect has the tag. At most so many runs, each in a process of its own. */
void shrink(struct scenario *s, unsigned runs_max, FILE *say);

#endif
