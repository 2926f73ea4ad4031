#include "step.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *step_name = "custody";

void step_say(const char *format, ...)
{
	va_list list;

	fprintf(stderr, "%s: ", step_name);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
}

void step_die(const char *what)
{
	step_say("%s: %s", what, strerror(errno));
	exit(1);
}

void step_reach(const char *step)
{
	const char *last = getenv("CUSTODY_DIE_AT");

	if (last != NULL && strcmp(last, step) == 0) {
		step_say("dies at %s", step);
		(void)kill(getpid(), SIGKILL);
	}
}

uint64_t step_now(void)
{
	const char *ahead = getenv("CUSTODY_CLOCK");

	return (uint64_t)((long long)time(NULL) + (ahead != NULL ? atoll(ahead) : 0));
}
