/*
 * sim: a network in one process, from one seed (sim.h).
 *
 *	sim --seed N [--trace] [--last]		one run: options, verdict; the last steps if it
 *fails sim --seed N --shrink FILE		a failing run as a small scenario file sim --seeds
 *A..B [-j N] [--time S]	a sweep sim --bug N --seed N			a run with a bug, as one
 *without sim --bug N | --bugs [-j N] [--time S]	finds a bug that
 *--enable-seeded-bugs has built in, or fails
 *	sim --scenario FILE... [--rewrite] [--trace]	scenario files
 *	sim --twins ...				twins (twins.c)
 *	sim --mutate ...			mutation mode (mutation.c)
 *
 * Also: --crypto real|fast, --mode primary|full, --failures N, and NAME=NUMBER for any option.
 */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/sim/hunt.h"
#include "tests/sim/mutate.h"
#include "tests/sim/scenario.h"
#include "tests/sim/shrink.h"
#include "tests/sim/sweep.h"
#include "tests/sim/twins.h"

enum { SHRINK_RUNS = 600 };

struct command {
	struct sweep sweep;
	struct options fixed;
	bool is_fixed[OPTIONS_MAX];
	bool one, trace, rewrite, scenario;
	const char *shrink;
	int bug; /* -1: all */
};

static void usage(FILE *to)
{
	fputs("sim --seed N [--trace] [--shrink FILE] | --seeds A..B [-j N] [--time S] "
	      "[--failures N]\n"
	      "    | --bug N [--seed N] | --bugs [-j N] [--time S]\n"
	      "    | --scenario FILE... [--rewrite] [--trace]\n"
	      "    | --twins ... | --mutate ... (each has a --help)\n"
	      "    [--crypto real|fast] [--mode primary|full] [NAME=NUMBER ...]\n\n"
	      "options of a run, and their defaults:\n",
	      to);
	options_help(to);
}

static _Noreturn void bad(const char *what)
{
	fprintf(stderr, "sim: %s: see sim --help\n", what);
	exit(1);
}

static void read_seeds(struct command *c, const char *text)
{
	if (sscanf(text, "%" SCNu64 "..%" SCNu64, &c->sweep.first, &c->sweep.last) != 2 ||
	    c->sweep.first > c->sweep.last)
		bad("--seeds A..B");
}

static void read_value(struct command *c, char *word)
{
	char *value = strchr(word, '=');

	if (value == NULL)
		bad(word);
	*value++ = '\0';
	if (!options_fix(&c->fixed, c->is_fixed, word, strtoull(value, NULL, 10)))
		bad("no such option");
	if (strcmp(word, "n") == 0) {
		c->sweep.given.n = true;
		c->sweep.given.values.n = strtoull(value, NULL, 10);
	}
}

static void read_arguments(struct command *c, int argc, char **argv)
{
	static const struct option longs[] = {{"seed", required_argument, NULL, 's'},
					      {"seeds", required_argument, NULL, 'S'},
					      {"time", required_argument, NULL, 'T'},
					      {"failures", required_argument, NULL, 'F'},
					      {"trace", no_argument, NULL, 't'},
					      {"shrink", required_argument, NULL, 'k'},
					      {"scenario", no_argument, NULL, 'c'},
					      {"rewrite", no_argument, NULL, 'w'},
					      {"crypto", required_argument, NULL, 'r'},
					      {"bug", required_argument, NULL, 'b'},
					      {"bugs", no_argument, NULL, 'B'},
					      {"mode", required_argument, NULL, 'm'},
					      {"help", no_argument, NULL, 'h'},
					      {NULL, 0, NULL, 0}};
	int letter;

	while ((letter = getopt_long(argc, argv, "j:h", longs, NULL)) != -1) {
		switch (letter) {
		case 's':
			c->one = true;
			c->sweep.first = c->sweep.last = strtoull(optarg, NULL, 10);
			break;
		case 'S':
			read_seeds(c, optarg);
			break;
		case 'T':
			c->sweep.seconds = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'F':
			c->sweep.failures_max = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'j':
			c->sweep.jobs = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 't':
			c->trace = true;
			break;
		case 'k':
			c->shrink = optarg;
			break;
		case 'c':
			c->scenario = true;
			break;
		case 'w':
			c->rewrite = true;
			break;
		case 'r':
			c->sweep.given.real = true;
			c->sweep.given.values.real = strcmp(optarg, "real") == 0;
			break;
		case 'm':
			c->sweep.given.full = strcmp(optarg, "full") == 0;
			break;
		case 'b':
			c->bug = atoi(optarg);
			break;
		case 'B':
			c->bug = -1;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			exit(1);
		}
	}
}

/* A failing run, as small as it gets, into the file that was named, else shown. */
static void show_small(const struct command *c, struct scenario *s, const struct verdict *v)
{
	FILE *to = c->shrink != NULL ? fopen(c->shrink, "w") : stdout;

	if (to == NULL)
		bad(c->shrink);
	snprintf(s->expect, sizeof(s->expect), "%.*s", (int)strcspn(v->what, ":"), v->what);
	shrink(s, SHRINK_RUNS, stdout);
	fprintf(to, "# seed %" PRIu64 ": %s\n", c->sweep.first, v->what);
	scenario_write(to, s);
	if (to != stdout)
		fclose(to);
}

static int run_one(const struct command *c)
{
	struct sim_show show = {.trace = c->trace ? stdout : NULL,
				.last = c->trace ? NULL : stdout};
	struct scenario s = {.expect = ""};
	struct verdict v;

	sweep_draw(&c->sweep, c->sweep.first, &s.o, &s.plan);
	if (options_check(&s.o) != NULL)
		bad(options_check(&s.o));
	printf("options ");
	options_print(stdout, &s.o, true);
	sim_run(&s.o, &s.plan, &show, &v);
	printf("%s: %" PRIu64 " steps, %" PRIu64 " frames, %" PRIu64 " batches, %" PRIu64
	       " answers, %.3f s simulated, trace %016" PRIx64 "\n",
	       v.good ? "good" : v.what, v.steps, v.frames, v.batches, v.answers,
	       (double)v.sim_us / 1e6, v.hash);
	if (v.good)
		return 0;
	plan_print(stdout, &s.plan);
	show_small(c, &s, &v);
	return 2;
}

static int run_scenarios(const struct command *c, char **paths)
{
	unsigned number = 0, failed = 0;

	for (; *paths != NULL; paths++) {
		bool good = scenario_run(*paths, c->rewrite, c->trace ? stdout : NULL, stdout);

		failed += !good;
		printf("%s %u - %s\n", good ? "ok" : "not ok", ++number, *paths);
	}
	printf("1..%u\n", number);
	return failed == 0 ? 0 : 2;
}

/*
 * All memory is kept for the next run: pages that come anew from the system cost more than what a
 * replica has to zero. They are large ones, if there are any: what a replica touches lies far apart
 * in some 10 MB of its own, and there are many, so that a look into the page tables went with
 * nearly each access.
 */
static void memory_keep(void)
{
	enum { HEAP = 256 << 20, LARGE = 2 << 20 };
	uintptr_t begin;
	void *heap;

	mallopt(M_MMAP_MAX, 0);
	mallopt(M_TRIM_THRESHOLD, 2 * HEAP);
	mallopt(M_TOP_PAD, 64 << 20);
	heap = malloc(HEAP);
	begin = ((uintptr_t)heap + LARGE - 1) / LARGE * LARGE;
	if (heap != NULL)
		(void)madvise((void *)begin, HEAP - LARGE, MADV_HUGEPAGE);
	free(heap);
}

int main(int argc, char **argv)
{
	static struct command c = {.sweep = {.jobs = 1, .failures_max = 20}};
	struct sweep_sums sums;

	memory_keep();
	if (argc > 1 && strcmp(argv[1], "--twins") == 0)
		return twins_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "--mutate") == 0)
		return mutate_main(argc - 1, argv + 1);
	read_arguments(&c, argc, argv);
	sim_catch_signals();
	if (c.scenario)
		return run_scenarios(&c, argv + optind);
	for (; optind < argc; optind++)
		read_value(&c, argv[optind]);
	c.sweep.fixed = &c.fixed;
	c.sweep.is_fixed = c.is_fixed;
	if (c.bug != 0)
		c.sweep.given.full = true;
	if (c.bug > 0 && c.one) {
		hunt_choose(c.bug);
		return run_one(&c);
	}
	if (c.bug != 0) {
		c.sweep.first = 1;
		return c.bug < 0 ? hunt_all(&c.sweep, stdout) : hunt(c.bug, &c.sweep, stdout);
	}
	if (c.one)
		return run_one(&c);
	if (c.sweep.last == 0 || c.sweep.jobs == 0)
		bad("--seed, --seeds or --scenario");
	if (sweep(&c.sweep, &sums, stdout))
		return 0;
	puts("sim --seed N, with the same further arguments, shows a run that fails");
	return 2;
}
