#include "config.h"

#include "tests/sim/options.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "daemon/pbft/pbft.h"

struct row {
	const char *name;
	size_t at;
	uint64_t def;
	const char *help;
};

static const struct row rows[] = {
#define OPT(name, def, help) {#name, offsetof(struct options, name), def, help},
#include "tests/sim/options.def"
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
_Static_assert((int)ROWS <= (int)OPTIONS_MAX, "a flag for each row");

static uint64_t get(const struct options *o, const struct row *row)
{
	uint64_t v;

	memcpy(&v, (const char *)o + row->at, sizeof(v));
	return v;
}

static void set(struct options *o, const struct row *row, uint64_t v)
{
	memcpy((char *)o + row->at, &v, sizeof(v));
}

void options_defaults(struct options *o)
{
	for (size_t i = 0; i < ROWS; i++)
		set(o, &rows[i], rows[i].def);
}

bool options_set(struct options *o, const char *name, uint64_t value)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (strcmp(rows[i].name, name) != 0)
			continue;
		set(o, &rows[i], value);
		return true;
	}
	return false;
}

bool options_fix(struct options *o, bool is_fixed[OPTIONS_MAX], const char *name, uint64_t value)
{
	for (size_t i = 0; i < ROWS; i++)
		is_fixed[i] = is_fixed[i] || strcmp(rows[i].name, name) == 0;
	return options_set(o, name, value);
}

void options_override(struct options *o, const struct options *fixed, const bool *is_fixed)
{
	for (size_t i = 0; i < ROWS; i++)
		if (is_fixed[i])
			set(o, &rows[i], get(fixed, &rows[i]));
}

void options_print(FILE *to, const struct options *o, bool all)
{
	const char *between = "";

	for (size_t i = 0; i < ROWS; i++) {
		if (!all && get(o, &rows[i]) == rows[i].def)
			continue;
		fprintf(to, "%s%s=%" PRIu64, between, rows[i].name, get(o, &rows[i]));
		between = " ";
	}
	fputc('\n', to);
}

void options_help(FILE *to)
{
	static const char *const lies[] = {
#define LIE(name, help) #name ": " help,
		LIES(LIE)
#undef LIE
	};

	for (size_t i = 0; i < ROWS; i++)
		fprintf(to, "  %-16s %-10" PRIu64 " %s\n", rows[i].name, rows[i].def, rows[i].help);
	fputs("lies are the sum of:\n", to);
	for (size_t i = 0; i < LIES_COUNT; i++)
		fprintf(to, "  %-6d %s\n", 1 << i, lies[i]);
}

static unsigned count(uint64_t bits)
{
	unsigned n = 0;

	for (; bits != 0; bits >>= 1)
		n += bits & 1u;
	return n;
}

uint16_t options_all(const struct options *o)
{
	return (uint16_t)((1u << o->n) - 1);
}

unsigned options_f(const struct options *o)
{
	return (unsigned)(o->n - 1) / 3;
}

const char *options_check(const struct options *o)
{
	if (o->n > AP_REPLICAS_MAX || o->n < 4 || o->n % 3 != 1)
		return "n is 4, 7, 10 or 13";
	if ((o->faulty & ~(uint64_t)options_all(o)) != 0 || count(o->faulty) > options_f(o))
		return "faulty has at most f bits, of members";
	if ((o->forgets & ~(uint64_t)options_all(o)) != 0 || (o->forgets & o->faulty) != 0 ||
	    count(o->faulty | o->forgets) > options_f(o))
		return "forgets has bits of members that do not lie, with them at most f";
	if (o->core != 0 &&
	    (count(o->core) < 2 * options_f(o) + 1 || (o->core & ~(uint64_t)options_all(o)) != 0 ||
	     (o->core & o->faulty) != 0))
		return "core has 2f+1 bits, of members that do not lie";
	if ((o->askew & (o->core | o->faulty)) != 0 || (o->askew != 0 && o->core == 0))
		return "askew are others than those of the core, and do not lie";
	if (o->tick_ms == 0)
		return "clocks move";
	if (o->window > PBFT_WINDOW_MAX || o->interval == 0 || o->window % o->interval != 0 ||
	    o->window / o->interval < 2 || o->pipeline == 0 || o->bundle < 1300 ||
	    o->bundle / 56 >= o->batch + (o->batch >= AP_BUNDLE_REQUESTS_MAX ? o->bundle : 0) ||
	    o->batch > AP_BATCH_REQUESTS_MAX || o->resend_ms < 2 || o->heartbeat_ms == 0)
		return "no core runs with these sizes";
	if (o->clients > 32 || o->liars > o->clients || o->clients == 0)
		return "1 to 32 clients, of which some lie";
	if (o->capacity < o->n || o->clock_bound_s == 0 || o->pool_step == 0 ||
	    o->pool_step > AP_NONCES_MAX || o->pool_low + o->pool_step > 256)
		return "no network has these parameters";
	return NULL;
}

/* ---- drawn ---- */

static uint64_t pick(struct rng *r, const uint64_t *values, size_t n)
{
	return values[rng_below(r, n)];
}
#define PICK(r, ...)                                                                               \
	pick(r, (const uint64_t[]){__VA_ARGS__},                                                   \
	     sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void draw_sizes(struct options *o, struct rng *r)
{
	o->interval = PICK(r, 1, 2, 4, 4, 8, 8, 16);
	o->window = o->interval * rng_between(r, 2, 4);
	o->pipeline = rng_between(r, 1, 5);
	o->batch = PICK(r, 64, 256, 1024);
	o->bundle = o->batch == 64 ? PICK(r, 1300, 2500) : PICK(r, 1300, 4000, AP_BUNDLE_OPS_MAX);
	o->resend_ms = PICK(r, 50, 100, 100, 200, 300);
	o->heartbeat_ms = PICK(r, 300, 1000, 1000);
	o->timeout_ms = PICK(r, 500, 1000);
	o->pool_step = PICK(r, 1, 4, 8, 8, 16);
	o->pool_low = o->pool_step * rng_between(r, 1, 3);
	o->turn_us = PICK(r, 0, 10, 50, 200);
}

static void draw_network(struct options *o, struct rng *r)
{
	o->delay_us = PICK(r, 10, 50, 100, 500);
	o->delay_more_us = PICK(r, 0, 200, 1000, 3000, 10000);
	o->fifo = rng_chance(r, 500);
	if (rng_chance(r, 450))
		o->loss_pm = rng_below(r, 300);
	if (rng_chance(r, 450))
		o->dup_pm = rng_below(r, 500);
	o->disk_us = PICK(r, 20, 100, 1000);
	o->disk_more_us = PICK(r, 0, 500, 3000, 20000);
	o->lost_pm = PICK(r, 1000, 900, 800, 0);
	if (rng_chance(r, 100))
		o->full_pm = rng_below(r, 200);
	if (rng_chance(r, 300))
		o->client_loss_pm = rng_below(r, 300);
	o->clock_bound_s = PICK(r, 1, 2, 10, 10);
	if (rng_chance(r, 300))
		o->skew_ms = rng_below(r, 400 * o->clock_bound_s);
	if (rng_chance(r, 300))
		o->drift_ppm = rng_below(r, 500);
}

static void draw_faulty(struct options *o, struct rng *r, bool full)
{
	uint16_t may, honest;
	unsigned f = options_f(o);

	/* replica 1 is the primary of view 0 */
	may = full ? options_all(o) : (uint16_t)(options_all(o) & ~1u);
	if (rng_chance(r, 600))
		o->faulty = rng_subset(r, may, (unsigned)rng_between(r, 1, f));
	for (unsigned i = 0; i < LIES_COUNT && o->faulty != 0; i++)
		if (rng_chance(r, 300))
			o->lies |= 1u << i;
	o->lie_pm = PICK(r, 20, 100, 300, 1000);
	honest = (uint16_t)(options_all(o) & ~o->faulty);
	if (full) {
		o->core = rng_subset(r, honest, 2 * f + 1);
		return;
	}
	honest &= (uint16_t)~1u;
	o->core = (uint64_t)(rng_subset(r, honest, 2 * f) | 1u);
}

/* Who is not needed for a quorum and does not lie may have any time; it still has to follow. */
static void draw_askew(struct options *o, struct rng *r)
{
	uint16_t may = (uint16_t)(options_all(o) & ~o->faulty & ~o->core);

	if (o->core != 0 && rng_chance(r, 200))
		o->askew = rng_subset(r, may, (unsigned)rng_below(r, count(may) + 1));
}

/* All that do not lie are the core then: who has forgotten must come back. */
static void draw_forgets(struct options *o, struct rng *r)
{
	unsigned left = options_f(o) - count(o->faulty);
	uint16_t may = (uint16_t)(options_all(o) & ~o->faulty);

	if (left == 0 || o->form_faults != 0 || !rng_chance(r, 400))
		return;
	o->forgets = rng_subset(r, may, (unsigned)rng_between(r, 1, left));
	o->core = o->askew = 0;
}

/* From a line of its own, so that the rest of a run stays what it was. */
static void draw_votes(struct options *o)
{
	struct rng r;

	rng_init(&r, o->seed, 4);
	o->votes = rng_chance(&r, 400) ? rng_between(&r, 1, 12) : 0;
}

void options_draw(struct options *o, uint64_t seed, const struct options_given *given)
{
	struct rng r;

	options_defaults(o);
	rng_init(&r, seed, 1);
	o->seed = seed;
	o->spare = !given->full;
	o->n = PICK(&r, 4, 4, 4, 4, 4, 4, 7, 7, 7, 10);
	if (given->n)
		o->n = given->values.n;
	if (given->real)
		o->real = given->values.real;
	draw_sizes(o, &r);
	draw_network(o, &r);
	draw_faulty(o, &r, given->full);
	o->tick_ms = PICK(&r, 1, 1, 1, 1, 10, 500, 1000);
	draw_askew(o, &r);
	o->clients = rng_between(&r, 1, 4);
	o->liars = rng_chance(&r, 300) ? rng_between(&r, 1, o->clients) - 1 : 0;
	o->udp_pm = PICK(&r, 0, 500, 1000);
	o->hedge_ms = PICK(&r, 50, 300, 1000);
	o->heal_ms = PICK(&r, 300, 500, 500, 1000, 1000, 2000, 4000);
	if (rng_chance(&r, 200)) {
		o->retention_s = rng_between(&r, 1, 20);
		o->horizon_s = rng_between(&r, 5, 60);
	}
	if (rng_chance(&r, 100))
		o->capacity = o->n * rng_between(&r, 1, 6);
	draw_votes(o);
	o->form_faults = rng_chance(&r, 50);
	if (o->form_faults != 0 && rng_chance(&r, 700))
		o->faulty = o->lies = o->core = 0;
	if (rng_chance(&r, 150)) {
		o->wipes = rng_between(&r, 1, 3);
		if (rng_chance(&r, 700))
			o->keep = rng_between(&r, 1, 4 * o->window);
	}
	draw_forgets(o, &r);
}
