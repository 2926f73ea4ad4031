/*
 * Scenario files, tests/scenario/NNN-name.txt: what happens, and what has to come of it.
 *
 *	# for people
 *	options n=4 loss_pm=100		all others have their defaults; faulty={2}, lies=VIEWS+SHARES
 *	at 100 crash r=2 cut=1		an action of the plan (plan.h)
 *	expect good			or the tag that the run has to fail with: expect S3
 *	> executed 1: 4 bundles, 0 leaves
 *
 * The lines with > are the milestones of the run, all of them; a file without any takes what comes.
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "tests/sim/sim.h"

struct scenario {
	struct options o;
	struct plan plan;
	char expect[16]; /* "good", or a tag */
	char *comments;	 /* the lines with #, as they are */
	char *miles;	 /* the lines with > */
};

/* NULL, or what is wrong, in a static buffer. */
const char *scenario_read(struct scenario *s, const char *path);
void scenario_write(FILE *to, const struct scenario *s);
void scenario_clear(struct scenario *s);

/* Does the verdict have this tag ("good", or what stands before its colon)? */
bool verdict_has(const struct verdict *v, const char *tag);

/* Runs it: true if it came as it should; else says what did not. rewrite: the file gets the
 * milestones as they came. trace: NULL, or where each step is shown. */
bool scenario_run(const char *path, bool rewrite, FILE *trace, FILE *say);

#endif
