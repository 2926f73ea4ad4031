/*
 * sim --mutate: every field of every message between replicas, as protocol.def has them, in the
 * hands of one that lies: one more, one less, zero, all ones, a bit, random octets, the same field
 * of an older message (another view, sequence, replica), the older message itself; signed by the
 * liar. One run for each, in which the liar is a backup, a primary, a new primary and one that is
 * behind, so that it has occasion to say everything. What has to come of it is what the oracle
 * always demands: no correct replica stops, diverges or stands still.
 */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/bug.h"
#include "tests/sim/mutate.h"
#include "tests/sim/sim.h"
#include "tests/sim/wrap.h"

uint64_t mutate_hits;

enum { ROUNDS_SPAN = 4, ROUNDS_RARE = 160, STRIDE = 211, FAILURES_MAX = 20, LIAR = 2 };

static const char *const ways[MUTATE_ALL] = {"+1",    "-1",	"zero",		  "ones",
					     "a bit", "random", "an older one's", "replayed"};

struct mutation_run {
	unsigned first, last, rounds;
	double seconds, began;
	const char *message; /* NULL: all */
	bool verbose;
	uint64_t runs, failures, hits, idle; /* idle: targets that no frame met */
};

static double now(void)
{
	struct timespec t;

	__real_clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void set_options(struct options *o, unsigned index, unsigned round)
{
	options_defaults(o);
	o->seed = 1000 * (uint64_t)round + index + 1;
	o->faulty = 1u << (LIAR - 1);
	o->lies = LIE_MUTATE;
	o->lie_pm = round % 2 == 0 ? 300 : 1000;
	o->mutate = index + 1;
	o->spare = 0;
	o->core = 13; /* all others */
	o->window = 8;
	o->interval = 4;
	o->pool_step = 4;
	o->pool_low = 8;
	o->loss_pm = 30;
	o->dup_pm = 20;
	o->resend_ms = 50;
	o->heartbeat_ms = 300;
	o->timeout_ms = 300;
	o->heal_ms = 2400;
	o->clients = 2;
	o->keep = 4; /* whose store is lost needs a state */
}

static void add(struct plan *p, uint32_t at_ms, enum plan_kind kind, int64_t a, int64_t b)
{
	plan_add(p, &(struct action){.at_ms = at_ms, .kind = kind, .arg = {a, b}});
}

static void ask(struct plan *p, uint32_t at_ms, int64_t instance)
{
	plan_add(p, &(struct action){.at_ms = at_ms,
				     .kind = PLAN_ASK,
				     .arg = {instance % 2, instance / 2, 1, instance % 3,
					     1 + instance % 4}});
}

/* Stores are lost, the liar's first: it asks for a state, and then it is asked for one. */
static void add_wipes(struct plan *p)
{
	add(p, 1250, PLAN_WIPE, LIAR, 0);
	add(p, 1300, PLAN_START, LIAR, 0);
	add(p, 1900, PLAN_WIPE, 3, 0);
	add(p, 1950, PLAN_START, 3, 0);
}

static bool is_of_a_transfer(uint8_t code)
{
	return code >= AP_MESSAGE_fetch_state && code <= AP_MESSAGE_chunks;
}

/* The liar is behind, then backup, then hears nothing; the first primary stops, and the liar's turn
 * comes, without the bodies of the batches that it has to propose again; then others are behind. */
static void set_plan(struct plan *p, const struct mutate_target *t)
{
	memset(p, 0, sizeof(*p));
	add(p, 20, PLAN_PAUSE, LIAR, 150);
	for (int64_t from = 1; from <= 4; from += from == 1 ? 2 : 1) {
		plan_add(p,
			 &(struct action){.at_ms = 350, .kind = PLAN_MUTE, .arg = {from, LIAR, 1}});
		plan_add(p,
			 &(struct action){.at_ms = 550, .kind = PLAN_MUTE, .arg = {from, LIAR, 0}});
	}
	add(p, 500, PLAN_STOP, 1, 0);
	add(p, 1500, PLAN_START, 1, 0);
	add(p, 1600, PLAN_PAUSE, 4, 400);
	if (is_of_a_transfer(t->code)) {
		add_wipes(p);
	} else {
		add(p, 2100, PLAN_CRASH, 3, 1);
		add(p, 2200, PLAN_START, 3, 0);
	}
	for (uint32_t i = 0; i < 40; i++)
		ask(p, 10 + 60 * i, i);
}

/* Frames that were changed. */
static uint64_t run_one(struct mutation_run *m, unsigned index, unsigned round,
			const struct mutate_target *t)
{
	struct sim_show show = {.trace = NULL};
	struct options o;
	struct plan plan;
	struct verdict v;

	set_options(&o, index, round);
	set_plan(&plan, t);
	mutate_hits = 0;
	sim_run(&o, &plan, &show, &v);
	plan_free(&plan);
	m->runs++;
	m->hits += mutate_hits;
	if (!v.good) {
		m->failures++;
		printf("# %s.%s %s: %s\n#   --from %u --to %u --rounds %u\n", t->message, t->name,
		       ways[t->way], v.what, index, index + 1, round + 1);
		fflush(stdout);
	}
	return mutate_hits;
}

static void run_target(struct mutation_run *m, unsigned index)
{
	struct mutate_target t;
	uint64_t hits = 0;

	mutate_target(index, &t);
	if (t.code == AP_MESSAGE_hello ||	       /* the links' own: tests/unit/test_peer.c */
	    (t.way == MUTATE_REPLAY && t.field > 0) || /* no field's business: once a message */
	    (m->message != NULL && strcmp(m->message, t.message) != 0))
		return;
	/* in a span any octet may be met; what is said rarely has more occasions */
	for (unsigned round = 0; round < m->rounds * (t.is_span ? ROUNDS_SPAN : 1) ||
				 (hits == 0 && round < ROUNDS_RARE);
	     round++)
		hits += run_one(m, index, round, &t);
	if (hits == 0) {
		m->idle++;
		printf("# %s.%s %s: no frame met it\n", t.message, t.name, ways[t.way]);
	} else if (m->verbose) {
		printf("# %s.%s %s: %" PRIu64 " frames\n", t.message, t.name, ways[t.way], hits);
	}
}

static const char usage[] =
	"sim --mutate [--from I] [--to J] [--rounds N] [--message NAME] [--time S] [--verbose] "
	"[--bug N]\n\n"
	"Each field of each message between replicas, changed in each way, by one replica of four "
	"that lies; all of them,\n"
	"or numbers I to J-1; each as often as --rounds says, fields of many octets four times as "
	"often.\n";

static void choose_bug(const char *number)
{
#ifdef AGREE_SEEDED_BUGS
	bug_number = atoi(number);
#else
	(void)number;
	fputs("sim --mutate: --bug needs a build with --enable-seeded-bugs\n", stderr);
	exit(1);
#endif
}

static void read_arguments(struct mutation_run *m, int argc, char **argv)
{
	static const struct option longs[] = {{"from", required_argument, NULL, 'f'},
					      {"to", required_argument, NULL, 't'},
					      {"rounds", required_argument, NULL, 'r'},
					      {"time", required_argument, NULL, 'T'},
					      {"message", required_argument, NULL, 'm'},
					      {"verbose", no_argument, NULL, 'v'},
					      {"bug", required_argument, NULL, 'b'},
					      {"help", no_argument, NULL, 'h'},
					      {NULL, 0, NULL, 0}};
	int letter;

	while ((letter = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (letter) {
		case 'f':
			m->first = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 't':
			m->last = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			m->rounds = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'T':
			m->seconds = strtod(optarg, NULL);
			break;
		case 'm':
			m->message = optarg;
			break;
		case 'v':
			m->verbose = true;
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
	if (optind < argc) {
		fprintf(stderr, "sim --mutate: %s: see sim --mutate --help\n", argv[optind]);
		exit(1);
	}
}

int mutate_main(int argc, char **argv)
{
	struct mutation_run m = {.last = mutate_count(), .rounds = 1, .began = now()};
	unsigned done = 0, n;

	read_arguments(&m, argc, argv);
	sim_catch_signals();
	if (m.last > mutate_count() || m.first >= m.last)
		m.last = mutate_count();
	n = m.last - m.first;
	/* in leaps, so that an end of time leaves out something of each message and no message */
	for (; done < n && m.failures < FAILURES_MAX; done++) {
		if (m.seconds > 0 && now() - m.began > m.seconds)
			break;
		run_target(&m, m.first + (n % STRIDE == 0 ? done : done * STRIDE % n));
	}
	printf("# %u of %u targets, %" PRIu64 " runs, %" PRIu64 " frames changed, %" PRIu64
	       " failures, %" PRIu64 " targets that no frame met, %.1f s\n",
	       done, n, m.runs, m.hits, m.failures, m.idle, now() - m.began);
	printf("%s 1 - mutation: each field of each message\n1..1\n",
	       m.failures + m.idle == 0 ? "ok" : "not ok");
	return m.failures + m.idle == 0 ? 0 : 2;
}
