#include "config.h"

#include "tests/sim/plan.h"
#include "tests/sim/parties.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct row {
	const char *word;
	const char *names[PLAN_ARGS];
};

static const struct row rows[PLAN_KINDS] = {
#define ACTION(kind, word, ...) [PLAN_##kind] = {word, {__VA_ARGS__}},
	PLAN_ACTIONS(ACTION)
#undef ACTION
};

void plan_free(struct plan *p)
{
	free(p->actions);
	memset(p, 0, sizeof(*p));
}

void plan_add(struct plan *p, const struct action *a)
{
	size_t i;

	if (p->n == p->size) {
		p->size = 2 * p->size + 64;
		p->actions = realloc(p->actions, p->size * sizeof(*p->actions));
		if (p->actions == NULL)
			abort();
	}
	for (i = p->n++; i > 0 && p->actions[i - 1].at_ms > a->at_ms; i--)
		p->actions[i] = p->actions[i - 1];
	p->actions[i] = *a;
}

/* ---- text ---- */

void action_print(FILE *to, const struct action *a)
{
	const struct row *row = &rows[a->kind];

	fprintf(to, "at %" PRIu32 " %s", a->at_ms, row->word);
	for (size_t i = 0; i < PLAN_ARGS && row->names[i] != NULL; i++)
		fprintf(to, " %s=%" PRId64, row->names[i], a->arg[i]);
	fputc('\n', to);
}

void plan_print(FILE *to, const struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		action_print(to, &p->actions[i]);
}

static const char *read_args(struct action *a, char *rest)
{
	const struct row *row = &rows[a->kind];
	char *save = NULL;

	for (char *word = strtok_r(rest, " \t\n", &save); word != NULL;
	     word = strtok_r(NULL, " \t\n", &save)) {
		char *value = strchr(word, '=');
		size_t i = 0;

		if (value == NULL)
			return "name=number expected";
		*value++ = '\0';
		while (i < PLAN_ARGS && row->names[i] != NULL && strcmp(row->names[i], word) != 0)
			i++;
		if (i == PLAN_ARGS || row->names[i] == NULL)
			return "this action has no number of that name";
		a->arg[i] = strtoll(value, NULL, 10);
	}
	return NULL;
}

const char *plan_read_line(struct plan *p, const char *line)
{
	struct action a = {.kind = PLAN_KINDS};
	char word[32], rest[256] = "";
	const char *why;
	int at = 0;

	if (sscanf(line, "at %" SCNu32 " %31s%n", &a.at_ms, word, &at) != 2)
		return "`at MS WORD` expected";
	for (size_t i = 0; i < PLAN_KINDS; i++)
		if (strcmp(rows[i].word, word) == 0)
			a.kind = (enum plan_kind)i;
	if (a.kind == PLAN_KINDS)
		return "unknown action";
	if (strlen(line + at) >= sizeof(rest))
		return "too long";
	strcpy(rest, line + at);
	why = read_args(&a, rest);
	if (why == NULL)
		plan_add(p, &a);
	return why;
}

/* ---- drawn ---- */

/* One number after the other: within a call the compiler chooses the order, and a seed would give
 * another run with another compiler. */

struct drawing {
	struct plan *p;
	const struct options *o;
	struct rng rng;
	uint32_t end;	/* of the first phase */
	unsigned often; /* faults of each class, at most */
};

static void add(struct drawing *d, uint64_t at, enum plan_kind kind, int64_t a, int64_t b,
		int64_t c)
{
	struct action action = {.at_ms = (uint32_t)at, .kind = kind, .arg = {a, b, c}};

	if (at < d->end)
		plan_add(d->p, &action);
}

static uint64_t some_time(struct drawing *d)
{
	return rng_below(&d->rng, d->end);
}

static int64_t somebody(struct drawing *d)
{
	return (int64_t)rng_between(&d->rng, 1, d->o->n);
}

static int64_t another(struct drawing *d, int64_t than)
{
	return (than - 1 + (int64_t)rng_between(&d->rng, 1, d->o->n - 1)) % (int64_t)d->o->n + 1;
}

static void crashes(struct drawing *d)
{
	for (uint64_t i = rng_between(&d->rng, 1, d->often); i > 0; i--) {
		uint64_t at = some_time(d), back = at + 20 + rng_spread(&d->rng, d->end / 4);
		int64_t r = somebody(d);

		if (rng_chance(&d->rng, 400))
			add(d, at, PLAN_DIE, r, (int64_t)rng_below(&d->rng, 40), 0);
		else if (rng_chance(&d->rng, 100))
			add(d, at, PLAN_STOP, r, 0, 0);
		else
			add(d, at, PLAN_CRASH, r, (int64_t)rng_below(&d->rng, 2), 0);
		add(d, back, PLAN_START, r, 0, 0);
	}
}

/* All lose power within a moment, and come back in any order. */
static void power_cuts(struct drawing *d)
{
	for (uint64_t i = rng_between(&d->rng, 1, 2); i > 0; i--) {
		uint64_t at = some_time(d);

		add(d, at, PLAN_CUT_ALL, 0, 0, 0);
		for (int64_t r = 1; r <= (int64_t)d->o->n; r++)
			add(d, at + 10 + rng_below(&d->rng, d->end / 4), PLAN_START, r, 0, 0);
	}
}

/* What befalls frames from one replica to another, for a while. */
static void between_two(struct drawing *d, enum plan_kind kind, int64_t from, int64_t back)
{
	for (uint64_t i = rng_between(&d->rng, 1, 3 * d->often); i > 0; i--) {
		uint64_t at = some_time(d);
		int64_t a = somebody(d), b = another(d, a);

		add(d, at, kind, a, b, from);
		add(d, at + rng_spread(&d->rng, d->end / 5), kind, a, b, back);
	}
}

static void links(struct drawing *d)
{
	between_two(d, PLAN_LINK, 0, 1);
}

static void mutes(struct drawing *d)
{
	between_two(d, PLAN_MUTE, 1, 0);
}

/* A group is cut off from the rest, in one direction or both. */
static void partitions(struct drawing *d)
{
	uint64_t at = some_time(d), back = at + rng_spread(&d->rng, d->end / 4);
	unsigned size = (unsigned)rng_between(&d->rng, 1, d->o->n - 1);
	uint16_t group = rng_subset(&d->rng, options_all(d->o), size);
	bool one_way = rng_chance(&d->rng, 400);

	for (int64_t a = 1; a <= (int64_t)d->o->n; a++)
		for (int64_t b = 1; b <= (int64_t)d->o->n; b++) {
			if ((group >> (a - 1) & 1) == 0 || (group >> (b - 1) & 1) != 0)
				continue;
			add(d, at, one_way ? PLAN_MUTE : PLAN_LINK, a, b, one_way);
			add(d, back, one_way ? PLAN_MUTE : PLAN_LINK, a, b, !one_way);
		}
}

/* FoundationDB's swizzle: links of some stop one by one, and come back in another order. */
static void swizzle(struct drawing *d)
{
	uint16_t who =
		rng_subset(&d->rng, options_all(d->o), (unsigned)rng_between(&d->rng, 1, d->o->n));
	uint64_t at = some_time(d), span = 1 + d->end / 6;

	for (int64_t a = 1; a <= (int64_t)d->o->n; a++) {
		int64_t b = another(d, a);

		if ((who >> (a - 1) & 1) == 0)
			continue;
		add(d, at + rng_below(&d->rng, span), PLAN_LINK, a, b, 0);
		add(d, at + span + rng_below(&d->rng, span), PLAN_LINK, a, b, 1);
	}
}

static void clogs(struct drawing *d)
{
	for (uint64_t i = rng_between(&d->rng, 1, 3 * d->often); i > 0; i--) {
		uint64_t at = some_time(d);
		int64_t a = somebody(d), b = another(d, a);

		add(d, at, PLAN_CLOG, a, b, (int64_t)(1 + rng_spread(&d->rng, 300)));
	}
}

static void pauses(struct drawing *d)
{
	for (uint64_t i = rng_between(&d->rng, 1, d->often); i > 0; i--) {
		uint64_t at = some_time(d);
		int64_t r = somebody(d);

		add(d, at, PLAN_PAUSE, r, (int64_t)(1 + rng_spread(&d->rng, d->end / 4)), 0);
	}
}

static void clocks(struct drawing *d)
{
	for (uint64_t i = rng_between(&d->rng, 1, d->often); i > 0; i--) {
		uint64_t at = some_time(d);
		int64_t r = d->o->spare != 0 ? another(d, 1) : somebody(d);
		int64_t by = (int64_t)rng_spread(&d->rng, 2000 * d->o->clock_bound_s);

		if (rng_chance(&d->rng, 500))
			by = -by;
		add(d, at, PLAN_CLOCK, r, by, 0);
		add(d, at + 10 + rng_below(&d->rng, d->end / 3), PLAN_CLOCK, r, -by, 0);
	}
}

static void disks(struct drawing *d)
{
	for (uint64_t i = rng_between(&d->rng, 1, d->often); i > 0; i--) {
		uint64_t at = some_time(d), back = at + rng_spread(&d->rng, d->end / 4);
		int64_t r = somebody(d);

		switch (rng_below(&d->rng, 3)) {
		case 0:
			add(d, at, PLAN_SLOW, r, (int64_t)rng_spread(&d->rng, 300), 0);
			add(d, back, PLAN_SLOW, r, 0, 0);
			break;
		case 1:
			add(d, at, PLAN_FULL, r, (int64_t)rng_between(&d->rng, 1, 2), 0);
			add(d, back, PLAN_FULL, r, 0, 0);
			break;
		default:
			add(d, at, PLAN_FAIL, r, 0, 0);
			add(d, back + 50, PLAN_START, r, 0, 0);
		}
	}
}

static void losses(struct drawing *d)
{
	for (uint8_t id = 1; id <= d->o->n; id++) {
		if ((d->o->forgets >> (id - 1) & 1) == 0)
			continue;
		for (uint64_t i = rng_between(&d->rng, 1, 2); i > 0; i--) {
			uint64_t at = some_time(d);

			add(d, at, PLAN_LOSE, id, (int64_t)rng_below(&d->rng, PLAN_LOSSES), 0);
			add(d, at + 20 + rng_spread(&d->rng, d->end / 4), PLAN_START, id, 0, 0);
		}
	}
}

static void asks(struct drawing *d, uint32_t from, uint32_t to, uint64_t count, int64_t instances)
{
	static const int64_t verbs[] = {1, 1, 1, 1, 3, 0, 0};

	for (; count > 0; count--) {
		struct action a = {.at_ms = (uint32_t)rng_between(&d->rng, from, to),
				   .kind = PLAN_ASK};

		a.arg[0] = (int64_t)rng_below(&d->rng, d->o->clients);
		a.arg[1] = (int64_t)rng_below(&d->rng, (uint64_t)instances);
		a.arg[2] = verbs[rng_below(&d->rng, 7)];
		a.arg[3] = (int64_t)rng_below(&d->rng, 5);
		a.arg[4] = somebody(d);
		plan_add(d->p, &a);
	}
}

static void liars(struct drawing *d)
{
	for (uint64_t i = 10 * d->o->liars; i > 0; i--) {
		uint64_t at = some_time(d);
		int64_t client = (int64_t)rng_below(&d->rng, d->o->liars), r = somebody(d);

		add(d, at, PLAN_LIAR, client, r, (int64_t)rng_below(&d->rng, 8));
	}
}

/* One after the other: somebody has to have what is transferred. */
static void wipes(struct drawing *d)
{
	for (uint64_t i = 0; i < d->o->wipes && d->end > 0; i++) {
		uint64_t from = d->end * i / d->o->wipes, to = d->end * (i + 1) / d->o->wipes;
		uint64_t at = rng_between(&d->rng, from, to > from ? to - 1 : to);
		int64_t r = somebody(d);

		if (rng_chance(&d->rng, 500)) {
			add(d, at, PLAN_ROT, r, 0, 0);
			continue;
		}
		add(d, at, PLAN_WIPE, r, 0, 0);
		add(d, at + rng_spread(&d->rng, 100), PLAN_START, r, 0, 0);
	}
}

/* On instances with parties: some votes before the faults end, some behind; readers in between. */
static void votes(struct drawing *d)
{
	uint32_t ends[2] = {d->end, d->end + 1 + 400};

	rng_init(&d->rng, d->o->seed, 6);
	for (uint64_t i = 0; i < 8 * d->o->votes; i++) {
		struct action a = {.kind = PLAN_VOTE};

		a.at_ms = (uint32_t)rng_below(&d->rng, ends[rng_chance(&d->rng, 300)] + 1);
		a.arg[0] = SIM_PARTIES + (int64_t)rng_below(&d->rng, d->o->votes);
		a.arg[1] = rng_chance(&d->rng, 150) ? 2 : 1;
		a.arg[2] = (int64_t)rng_below(&d->rng, 4);
		a.arg[3] = rng_chance(&d->rng, 300) ? VOTE_BARE : 0;
		a.arg[3] |= rng_chance(&d->rng, 80) ? VOTE_FORGED : 0;
		a.arg[3] |= rng_chance(&d->rng, 80) ? VOTE_OTHER : 0;
		a.arg[3] |= rng_chance(&d->rng, 200) ? VOTE_VALUE : 0;
		a.arg[4] = somebody(d);
		plan_add(d->p, &a);
	}
	for (uint64_t i = 0; i < 3 * d->o->votes; i++) {
		struct action a = {.kind = PLAN_ASK};

		a.at_ms = (uint32_t)rng_below(&d->rng, ends[rng_chance(&d->rng, 300)] + 1);
		a.arg[0] = (int64_t)rng_below(&d->rng, d->o->clients);
		a.arg[1] = SIM_PARTIES + (int64_t)rng_below(&d->rng, d->o->votes);
		a.arg[2] = rng_chance(&d->rng, 600) ? 3 : 0;
		a.arg[4] = somebody(d);
		plan_add(d->p, &a);
	}
}

void plan_draw(struct plan *p, const struct options *o)
{
	static void (*const faults[])(struct drawing *) = {crashes,    power_cuts, links, mutes,
							   partitions, swizzle,	   clogs, pauses,
							   clocks,     disks};
	static const unsigned odds[] = {500, 150, 250, 200, 250, 120, 200, 150, 150, 200};
	struct drawing d = {.p = p, .o = o, .end = (uint32_t)o->heal_ms};
	int64_t instances;
	bool calm;

	rng_init(&d.rng, o->seed, 2);
	calm = rng_chance(&d.rng, 150) || o->calm != 0;
	d.often = (unsigned)rng_between(&d.rng, 1, 4);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (rng_chance(&d.rng, odds[i]) && !calm && o->heal_ms > 0)
			faults[i](&d);
	losses(&d);
	liars(&d);
	instances = (int64_t)rng_between(&d.rng, 1, 15);
	asks(&d, 0, d.end, rng_between(&d.rng, 5, 5 + o->heal_ms / 100), instances);
	asks(&d, d.end + 1, d.end + 1 + 400, rng_between(&d.rng, 2, 12), 20);
	wipes(&d);
	votes(&d);
}
