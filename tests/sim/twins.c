/*
 * sim --twins: goes through scenarios of twins (twins.h).
 *
 * All of `--steps` steps, each of one of the partitions into at most `--groups` groups and one of
 * three ways to last, for each choice of the twin; or `--sample N` of them, drawn from --seed, of
 * up to TWINS_STEPS steps. One that goes wrong is printed as text, and --run takes that text.
 */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/bug.h"
#include "tests/sim/rng.h"
#include "tests/sim/twins.h"
#include "tests/sim/wrap.h"

enum { PARTITIONS_MAX = 120000, FAILURES_MAX = 10 };
static const char lasts[] = "1qt";
enum { LASTS = 3 };

struct search {
	uint8_t n, n_twins;
	uint16_t interval;
	unsigned steps, groups;
	uint64_t sample, seed, live_each, first,
		last; /* scenarios of this range only; last 0: all */
	unsigned seconds;
	bool expect_fork;
	const char *text;

	struct twins_net net;
	uint8_t (*partitions)[TWINS_COPIES];
	size_t n_partitions;
	struct twins_step row[TWINS_STEPS];
	unsigned depth; /* steps of the row that are done */

	uint64_t done, skipped, failed, lived, views, batches, began_ms;
	bool stop;
};

static uint64_t now_ms(void)
{
	struct timespec t;

	__real_clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static _Noreturn void bad(const char *what)
{
	fprintf(stderr, "sim --twins: %s: see sim --twins --help\n", what);
	exit(1);
}

/* ---- partitions: each copy's group; a new group's number follows the highest so far ---- */

static void add_partitions(struct search *s, uint8_t group[TWINS_COPIES], uint8_t at, uint8_t used)
{
	if (at == s->net.copies) {
		if (s->n_partitions == PARTITIONS_MAX)
			bad("too many partitions");
		memcpy(s->partitions[s->n_partitions++], group, TWINS_COPIES);
		return;
	}
	for (uint8_t g = 0; g <= used && g < s->groups; g++) {
		group[at] = g;
		add_partitions(s, group, (uint8_t)(at + 1), g == used ? (uint8_t)(used + 1) : used);
	}
}

static void begin(struct search *s, uint16_t twins)
{
	uint8_t group[TWINS_COPIES] = {0};

	s->net = (struct twins_net){.n = s->n,
				    .copies = (uint8_t)(s->n + s->n_twins),
				    .twins = twins,
				    .interval = s->interval};
	s->n_partitions = 0;
	add_partitions(s, group, 0, 0);
	s->depth = 0;
	twins_begin(&s->net);
}

/* ---- text ---- */

static void print_step(FILE *to, const struct search *s, const struct twins_step *step)
{
	uint8_t groups = 0;

	for (uint8_t i = 0; i < s->net.copies; i++)
		groups = step->group[i] >= groups ? (uint8_t)(step->group[i] + 1) : groups;
	for (uint8_t g = 0; g < groups; g++) {
		if (g > 0)
			putc('|', to);
		for (uint8_t i = 0; i < s->net.copies; i++)
			if (step->group[i] == g)
				putc('a' + i, to);
	}
	fprintf(to, ":%c", step->lasts);
}

static void print_row(FILE *to, const struct search *s, unsigned steps)
{
	const char *between = "";

	for (uint8_t id = 1; id <= s->net.n; id++)
		if ((s->net.twins >> (id - 1) & 1) != 0) {
			fprintf(to, "%s%u", between, id);
			between = ",";
		}
	for (unsigned i = 0; i < steps; i++) {
		putc(' ', to);
		print_step(to, s, &s->row[i]);
	}
	fputs("\"\n", to);
}

static bool read_step(struct twins_step *step, const char *word, uint8_t copies)
{
	uint8_t g = 0;
	uint32_t seen = 0;

	for (; *word != ':' && *word != '\0'; word++) {
		if (*word == '|') {
			g++;
		} else if (*word >= 'a' && *word < 'a' + copies) {
			step->group[*word - 'a'] = g;
			seen |= UINT32_C(1) << (*word - 'a');
		} else {
			return false;
		}
	}
	step->lasts = *word == ':' ? word[1] : '\0';
	return seen == (UINT32_C(1) << copies) - 1 && step->lasts != '\0' &&
	       strchr(lasts, step->lasts) != NULL;
}

static unsigned read_row(struct search *s)
{
	char copy[1024], *save = NULL, *word;
	unsigned steps = 0;
	uint16_t twins = 0;

	if (strlen(s->text) >= sizeof(copy))
		bad("--run: too long");
	strcpy(copy, s->text);
	word = strtok_r(copy, " ", &save);
	s->n_twins = 0;
	for (char *at = word; at != NULL && *at != '\0';) {
		unsigned long id = strtoul(at, &at, 10);

		at += *at == ',';
		if (id < 1 || id > s->n)
			bad("--run: twins come first, as 2 or 2,3");
		twins |= (uint16_t)(1u << (id - 1));
		s->n_twins++;
	}
	if (s->n_twins == 0 || s->n + s->n_twins > TWINS_COPIES)
		bad("--run: twins come first, as 2 or 2,3");
	begin(s, twins);
	while ((word = strtok_r(NULL, " ", &save)) != NULL)
		if (steps == TWINS_STEPS || !read_step(&s->row[steps++], word, s->net.copies))
			bad("--run: a step is like ab|cde:q, with 1, q or t at its end");
	return steps;
}

/* ---- running ---- */

static void failed(struct search *s, unsigned steps, const char *what)
{
	s->failed++;
	if (s->failed <= FAILURES_MAX) {
		printf("# %s\n#   --run \"", what);
		print_row(stdout, s, steps);
		fflush(stdout);
	}
	s->stop = s->expect_fork || s->failed >= FAILURES_MAX;
}

static void leaf(struct search *s)
{
	char what[TWINS_WHAT_MAX];

	s->done++;
	s->views = twins_view() > s->views ? twins_view() : s->views;
	s->batches += twins_executed();
	if (s->live_each > 0 && s->done % s->live_each == 0) {
		s->lived++;
		if (!twins_live(what))
			failed(s, s->depth, what);
	}
	if (s->seconds > 0 && s->done % 256 == 0 &&
	    now_ms() - s->began_ms > 1000 * (uint64_t)s->seconds)
		s->stop = true;
}

/* false: it went wrong. */
static bool one_step(struct search *s)
{
	char what[TWINS_WHAT_MAX];

	if (twins_step(&s->row[s->depth], what)) {
		s->depth++;
		return true;
	}
	failed(s, s->depth + 1, what);
	return false;
}

static uint64_t leaves_below(const struct search *s, unsigned depth)
{
	uint64_t leaves = 1;

	for (; depth < s->steps; depth++)
		leaves *= s->n_partitions * LASTS;
	return leaves;
}

/* Of a range of numbers: is none of those below here in it? */
static bool passes_over(struct search *s, unsigned depth)
{
	uint64_t at = s->done + s->skipped, below = leaves_below(s, depth);

	if (s->last == 0 || (at + below > s->first && at < s->last))
		return false;
	s->skipped += below;
	return true;
}

static void explore(struct search *s)
{
	unsigned depth = s->depth;

	if (depth == s->steps) {
		leaf(s);
		return;
	}
	twins_save(depth);
	for (size_t p = 0; p < s->n_partitions; p++)
		for (int k = 0; k < LASTS; k++) {
			if (s->stop)
				return;
			if (passes_over(s, depth + 1))
				continue;
			memcpy(s->row[depth].group, s->partitions[p], TWINS_COPIES);
			s->row[depth].lasts = lasts[k];
			if (one_step(s))
				explore(s);
			else
				s->skipped += leaves_below(s, depth + 1);
			s->depth = depth;
			twins_back(depth);
		}
}

/* The next set of n_twins members, in order; 0: that was the last. */
static uint16_t next_twins(const struct search *s, uint16_t twins)
{
	for (uint32_t t = twins + 1u; t < UINT32_C(1) << s->n; t++)
		if (__builtin_popcount(t) == s->n_twins)
			return (uint16_t)t;
	return 0;
}

static void sample(struct search *s)
{
	struct rng rng;
	uint16_t all = (uint16_t)((1u << s->n) - 1), twins = 0;

	for (uint64_t i = s->first; i < s->first + s->sample && !s->stop; i++) {
		rng_init(&rng, s->seed + (i >> 10), 77);
		if (i == s->first || i % 1024 == 0) { /* a network serves for many */
			twins = rng_subset(&rng, all, s->n_twins);
			begin(s, twins);
			twins_save(0);
		}
		rng_init(&rng, s->seed + i, 78);
		for (s->depth = 0; s->depth < s->steps;) {
			struct twins_step *step = &s->row[s->depth];

			memcpy(step->group, s->partitions[rng_below(&rng, s->n_partitions)],
			       TWINS_COPIES);
			step->lasts = lasts[rng_below(&rng, LASTS)];
			if (!one_step(s))
				break;
		}
		if (s->depth == s->steps)
			leaf(s);
		twins_back(0);
	}
}

static int run_text(struct search *s)
{
	unsigned steps = read_row(s);
	char what[TWINS_WHAT_MAX];

	while (s->depth < steps)
		if (!one_step(s))
			return 2;
	printf("# view %" PRIu64 ", %" PRIu64 " batches\n", twins_view(), twins_executed());
	if (!twins_live(what)) {
		failed(s, steps, what);
		return 2;
	}
	printf("# healed: view %" PRIu64 ", %" PRIu64 " batches\n", twins_view(), twins_executed());
	return 0;
}

static void report(const struct search *s)
{
	uint64_t ms = now_ms() - s->began_ms;

	printf("# n=%u, %u twins, checkpoints each %u, %u steps, %zu partitions: %" PRIu64
	       " scenarios%s, %" PRIu64 " went wrong, %" PRIu64 " of them healed, %" PRIu64
	       " batches, views to %" PRIu64 ", %.1f s, %" PRIu64 " scenarios/s\n",
	       s->n, s->n_twins, s->interval, s->steps, s->n_partitions, s->done,
	       s->stop ? " (not all)" : "", s->failed, s->lived, s->batches, s->views,
	       (double)ms / 1000, ms == 0 ? 0 : s->done * 1000 / ms);
	if (s->stop && s->failed == 0 && s->sample == 0)
		printf("# the rest: --range %" PRIu64 "..%" PRIu64 "\n", s->done + s->skipped,
		       s->last != 0 ? s->last : UINT64_MAX);
	printf("%s 1 - twins: %s\n1..1\n", (s->failed == 0) != s->expect_fork ? "ok" : "not ok",
	       s->expect_fork ? "more than f of them are caught at a fork" : "no fork");
}

static const char usage[] =
	"sim --twins [--n 4] [--twins-of 1] [--interval 4] [--steps 4] [--groups 2] [--live-each "
	"64] [--time S]\n"
	"            [--range A..B] | [--sample N [--seed S] [--from I]] | --run \"2 abcd|e:1 "
	"ab|cde:t\"\n"
	"            [--expect-fork] [--bug N]\n\n"
	"All rows of --steps steps of twins' partitions into at most --groups groups, or N that "
	"are drawn; a fork, or a\n"
	"correct replica that lacks something for ever once all is healed (looked at in every "
	"--live-each'th), is printed\n"
	"as text for --run. --range: of all rows only those numbers. --expect-fork: it fails if "
	"there is none (more\n"
	"than f twins: --twins-of 2; or a bug that --enable-seeded-bugs has built in: --bug N).\n";

static void range(struct search *s, const char *text)
{
	if (sscanf(text, "%" SCNu64 "..%" SCNu64, &s->first, &s->last) != 2 || s->first >= s->last)
		bad("--range A..B");
}

static void choose_bug(const char *number)
{
#ifdef AGREE_SEEDED_BUGS
	bug_number = atoi(number);
#else
	(void)number;
	bad("--bug needs a build with --enable-seeded-bugs");
#endif
}

static bool set_number(struct search *s, int letter, uint64_t number)
{
	switch (letter) {
	case 'n':
		s->n = (uint8_t)number;
		return true;
	case 'w':
		s->n_twins = (uint8_t)number;
		return true;
	case 's':
		s->steps = (unsigned)number;
		return true;
	case 'g':
		s->groups = (unsigned)number;
		return true;
	case 'm':
		s->sample = number;
		return true;
	case 'r':
		s->seed = number;
		return true;
	case 'f':
		s->first = number;
		return true;
	case 'l':
		s->live_each = number;
		return true;
	case 't':
		s->seconds = (unsigned)number;
		return true;
	case 'i':
		s->interval = (uint16_t)number;
		return true;
	default:
		return false;
	}
}

static void set_other(struct search *s, int letter)
{
	switch (letter) {
	case 'R':
		range(s, optarg);
		break;
	case 'x':
		s->text = optarg;
		break;
	case 'e':
		s->expect_fork = true;
		break;
	case 'b':
		choose_bug(optarg);
		break;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	default:
		exit(1);
	}
}

static void read_arguments(struct search *s, int argc, char **argv)
{
	static const struct option longs[] = {{"n", required_argument, NULL, 'n'},
					      {"twins-of", required_argument, NULL, 'w'},
					      {"steps", required_argument, NULL, 's'},
					      {"groups", required_argument, NULL, 'g'},
					      {"sample", required_argument, NULL, 'm'},
					      {"seed", required_argument, NULL, 'r'},
					      {"from", required_argument, NULL, 'f'},
					      {"range", required_argument, NULL, 'R'},
					      {"live-each", required_argument, NULL, 'l'},
					      {"time", required_argument, NULL, 't'},
					      {"run", required_argument, NULL, 'x'},
					      {"expect-fork", no_argument, NULL, 'e'},
					      {"bug", required_argument, NULL, 'b'},
					      {"interval", required_argument, NULL, 'i'},
					      {"help", no_argument, NULL, 'h'},
					      {NULL, 0, NULL, 0}};
	int letter;

	while ((letter = getopt_long(argc, argv, "h", longs, NULL)) != -1)
		if (optarg == NULL || !set_number(s, letter, strtoull(optarg, NULL, 10)))
			set_other(s, letter);
	if (optind < argc)
		bad(argv[optind]);
	if ((s->n != 4 && s->n != 7) || s->n_twins < 1 || s->n_twins > s->n ||
	    s->n + s->n_twins > TWINS_COPIES)
		bad("n is 4 or 7, with second copies at most 10");
	if (s->interval < 1 || s->interval > 64)
		bad("--interval 1 to 64");
	if (s->steps < 1 || s->steps > TWINS_STEPS || s->groups < 1)
		bad("--steps 1 to 12");
}

int twins_main(int argc, char **argv)
{
	static struct search s = {.n = 4,
				  .n_twins = 1,
				  .interval = 4,
				  .steps = 4,
				  .groups = 2,
				  .seed = 1,
				  .live_each = 64};
	uint16_t twins = 0;
	int status;

	read_arguments(&s, argc, argv);
	s.partitions = calloc(PARTITIONS_MAX, sizeof(*s.partitions));
	if (s.partitions == NULL)
		abort();
	s.began_ms = now_ms();
	if (s.text != NULL) {
		status = run_text(&s);
	} else {
		if (s.sample > 0)
			sample(&s);
		else
			while (!s.stop && (twins = next_twins(&s, twins)) != 0) {
				begin(&s, twins);
				explore(&s);
			}
		report(&s);
		status = (s.failed == 0) != s.expect_fork ? 0 : 2;
	}
	twins_end();
	free(s.partitions);
	return status;
}
