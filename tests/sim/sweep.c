#include "config.h"

#include "tests/sim/sweep.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sim/wrap.h"

enum { TWICE_EVERY = 100 }; /* seeds that run twice and have to give one trace */

static double now(clockid_t clock)
{
	struct timespec t;

	__real_clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void sweep_draw(const struct sweep *s, uint64_t seed, struct options *o, struct plan *plan)
{
	memset(plan, 0, sizeof(*plan));
	options_draw(o, seed, &s->given);
	if (s->fixed != NULL)
		options_override(o, s->fixed, s->is_fixed);
	plan_draw(plan, o);
}

static void one(const struct sweep *s, uint64_t seed, struct sweep_sums *sums)
{
	struct sim_show show = {.trace = NULL};
	struct verdict v, again;
	struct options o;
	struct plan plan;

	sweep_draw(s, seed, &o, &plan);
	sim_run(&o, &plan, &show, &v);
	if (v.good && seed % TWICE_EVERY == 0) {
		sim_run(&o, &plan, &show, &again);
		sums->twice++;
		if (again.hash != v.hash) {
			v.good = false;
			strcpy(v.what, "replay: the same seed gives two traces");
		}
	}
	plan_free(&plan);
	sums->seeds++;
	sums->steps += v.steps;
	sums->frames += v.frames;
	sums->batches += v.batches;
	sums->answers += v.answers;
	sums->sim_us += v.sim_us;
	if (v.good)
		return;
	sums->failures++;
	printf("seed %" PRIu64 ": %s\n", seed, v.what);
	fflush(stdout);
}

/* What a job may take is its own time: a busy machine makes a sweep longer, and not smaller. */
static void work(const struct sweep *s, unsigned job, struct sweep_sums *sums)
{
	double begin = now(CLOCK_PROCESS_CPUTIME_ID);

	for (uint64_t seed = s->first + job; seed <= s->last; seed += s->jobs) {
		one(s, seed, sums);
		if (sums->failures >= s->failures_max ||
		    (s->seconds > 0 && now(CLOCK_PROCESS_CPUTIME_ID) - begin > s->seconds))
			break;
	}
}

static void add(struct sweep_sums *to, const struct sweep_sums *from)
{
	to->seeds += from->seeds;
	to->failures += from->failures;
	to->steps += from->steps;
	to->frames += from->frames;
	to->batches += from->batches;
	to->answers += from->answers;
	to->sim_us += from->sim_us;
	to->twice += from->twice;
}

/* A process that dies says nothing, which is a failure too. */
static bool run_job(const struct sweep *s, unsigned job, int to)
{
	struct sweep_sums sums = {.seeds = 0};

	work(s, job, &sums);
	return write(to, &sums, sizeof(sums)) == (ssize_t)sizeof(sums);
}

static void show_sums(FILE *say, const struct sweep_sums *s)
{
	double simulated = (double)s->sim_us / 1e6;

	fprintf(say,
		"%" PRIu64 " seeds, %" PRIu64 " failures, %.0f s: %.1f seeds/s; %.0f s simulated, "
		"%.0f times as fast as life; %" PRIu64 " steps, %" PRIu64 " frames, %" PRIu64
		" batches, %" PRIu64 " answers; %" PRIu64 " seeds run twice\n",
		s->seeds, s->failures, s->seconds, (double)s->seeds / s->seconds, simulated,
		simulated / s->seconds, s->steps, s->frames, s->batches, s->answers, s->twice);
}

bool sweep(const struct sweep *s, struct sweep_sums *sums, FILE *say)
{
	double begin = now(CLOCK_MONOTONIC);
	int ends[2], status = 0;
	struct sweep_sums part;

	memset(sums, 0, sizeof(*sums));
	if (pipe(ends) != 0)
		abort();
	fflush(NULL);
	for (unsigned job = 0; job < s->jobs; job++)
		if (fork() == 0)
			_exit(run_job(s, job, ends[1]) ? 0 : 1);
	close(ends[1]);
	while (__real_read(ends[0], &part, sizeof(part)) == (ssize_t)sizeof(part))
		add(sums, &part);
	close(ends[0]);
	for (unsigned job = 0; job < s->jobs; job++)
		if (wait(&status) > 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
			fprintf(say, "a process of the sweep died: status %x\n", (unsigned)status);
			sums->failures++;
		}
	sums->seconds = now(CLOCK_MONOTONIC) - begin;
	show_sums(say, sums);
	return sums->failures == 0;
}
