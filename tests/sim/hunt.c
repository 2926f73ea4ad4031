#include "config.h"

#include "tests/sim/hunt.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/bug.h"
#include "tests/sim/wrap.h"

static const struct {
	int number;
	const char *what;
} bugs[] = {
#define BUG_ROW(number, what) {number, what},
#include "tests/sim/bugs.def"
};
enum { BUGS = sizeof(bugs) / sizeof(bugs[0]), SECONDS = 600 };

void hunt_choose(int number)
{
#ifdef AGREE_SEEDED_BUGS
	bug_number = number;
#else
	(void)number;
#endif
}

static bool is_built_in(void)
{
#ifdef AGREE_SEEDED_BUGS
	return true;
#else
	return false;
#endif
}

static double now(void)
{
	struct timespec t;

	__real_clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool is_good(const struct sweep *s, uint64_t seed, int number, struct verdict *v)
{
	struct sim_show show = {.trace = NULL};
	struct options o;
	struct plan plan;

	sweep_draw(s, seed, &o, &plan);
	hunt_choose(number);
	sim_run(&o, &plan, &show, v);
	hunt_choose(0);
	plan_free(&plan);
	return v->good;
}

/* One process of the search: 0 found, 2 not. */
static int search(int number, const struct sweep *s, unsigned job, FILE *say)
{
	double begin = now(), limit = s->seconds > 0 ? s->seconds : SECONDS;
	struct verdict v, without;

	for (uint64_t seed = s->first + job; now() - begin < limit; seed += s->jobs) {
		if (is_good(s, seed, number, &v) || !is_good(s, seed, 0, &without))
			continue;
		fprintf(say, "bug %d found by seed %" PRIu64 " after %.1f s: %s\n", number, seed,
			now() - begin, v.what);
		fflush(say);
		return 0;
	}
	return 2;
}

int hunt(int number, const struct sweep *s, FILE *say)
{
	bool found = false;
	pid_t pids[64];
	int status;

	if (!is_built_in()) {
		fprintf(say, "this build has no bugs on purpose: configure --enable-seeded-bugs\n");
		return 77;
	}
	fflush(NULL);
	for (unsigned job = 0; job < s->jobs && job < 64; job++) {
		pids[job] = fork();
		if (pids[job] == 0)
			_exit(search(number, s, job, say));
	}
	for (unsigned job = 0; job < s->jobs && job < 64; job++) {
		pid_t pid = wait(&status);

		if (pid <= 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0 || found)
			continue;
		found = true;
		for (unsigned other = 0; other < s->jobs && other < 64; other++)
			if (pids[other] != pid)
				kill(pids[other], SIGTERM);
	}
	if (!found)
		fprintf(say, "bug %d is NOT found\n", number);
	return found ? 0 : 2;
}

int hunt_all(const struct sweep *s, FILE *say)
{
	unsigned missed = 0;

	for (size_t i = 0; i < BUGS; i++) {
		int status;

		fprintf(say, "bug %d: %s\n", bugs[i].number, bugs[i].what);
		status = hunt(bugs[i].number, s, say);
		if (status == 77)
			return status;
		missed += status != 0;
	}
	fprintf(say, "%zu bugs, %u not found\n", (size_t)BUGS, missed);
	return missed == 0 ? 0 : 2;
}
