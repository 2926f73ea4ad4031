/* What both daemons say, and where they can be made to die. */
#ifndef CUSTODY_STEP_H
#define CUSTODY_STEP_H

#include <stdint.h>

/* A line on stderr: "NAME: text". step_name is set by main(). */
extern const char *step_name;
void step_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says it, and ends the process: what cannot be made durable must not be acted on. */
_Noreturn void step_die(const char *what);

/*
 * This step has been reached. If the environment has CUSTODY_DIE_AT=STEP, the process kills itself
 * here, by SIGKILL: no handler runs, nothing is flushed. Tests do that at every step.
 */
void step_reach(const char *step);

/* Seconds since 1970; CUSTODY_CLOCK=SECONDS in the environment sets this clock that far ahead. */
uint64_t step_now(void);

#endif
