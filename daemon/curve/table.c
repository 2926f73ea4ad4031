/* table.c: see table.h. */
#include "daemon/curve/table.h"

#include <string.h>

_Static_assert(CURVE_WIDTH >= 2 && CURVE_WIDTH <= 8,
	       "a digit spans two octets at most, and fits in int8_t's place");
_Static_assert(CURVE_MULTIPLES <= CURVE_ENTRIES_MAX, "one inversion for each place");
_Static_assert(sizeof(struct curve_entry) == 128, "two lines of cache");

struct digits {
	int16_t at[CURVE_DIGITS];
};

/* The highest digit takes the carry that is left: k is below 2^253, so that digit is below 2^(w-1).
 */
static void digits_make(struct digits *out, const uint8_t k[32])
{
	uint8_t octets[34] = {0};
	int carry = 0;

	memcpy(octets, k, 32);
	for (unsigned i = 0; i < CURVE_DIGITS; i++) {
		unsigned bit = i * CURVE_WIDTH, word;
		int digit;

		word = octets[bit / 8] | (unsigned)octets[bit / 8 + 1] << 8;
		digit = (int)(word >> (bit % 8) & ((1u << CURVE_WIDTH) - 1)) + carry;
		carry = digit > CURVE_MULTIPLES;
		out->at[i] = (int16_t)(digit - (carry << CURVE_WIDTH));
	}
}

void curve_table_make(struct curve_table *table, const struct curve_point *p)
{
	struct curve_point multiple[CURVE_MULTIPLES], start = *p;
	struct curve_addend step;

	for (int place = 0; place < CURVE_PLACES; place++) {
		curve_addend_make(&step, &start);
		multiple[0] = start;
		for (int i = 1; i < CURVE_MULTIPLES; i++)
			curve_point_add(&multiple[i], &multiple[i - 1], &step);
		curve_entries_make(table->entry[place], multiple, CURVE_MULTIPLES);
		/* from 2^(w-1) times this start to the next one, 2^(2w) times this */
		curve_point_double_times(&start, &multiple[CURVE_MULTIPLES - 1], CURVE_WIDTH + 1);
	}
}

static const struct curve_entry *entry_of(const struct curve_table *table, unsigned i, int digit)
{
	return &table->entry[i / 2][(digit < 0 ? -digit : digit) - 1];
}

/* All that will be read is known before the first addition: a table that has left the cache is
 * fetched meanwhile. */
static void fetch(const struct curve_table *table, const struct digits *k)
{
	for (unsigned i = 0; i < CURVE_DIGITS; i++) {
		const struct curve_entry *entry;

		if (k->at[i] == 0)
			continue;
		entry = entry_of(table, i, k->at[i]);
		__builtin_prefetch(entry);
		__builtin_prefetch((const uint8_t *)entry + 64);
	}
}

static void pick(struct curve_point *sum, const struct curve_table *table, const struct digits *k,
		 unsigned from)
{
	for (unsigned i = from; i < CURVE_DIGITS; i += 2) {
		if (k->at[i] > 0)
			curve_entry_add(sum, entry_of(table, i, k->at[i]));
		else if (k->at[i] < 0)
			curve_entry_subtract(sum, entry_of(table, i, k->at[i]));
	}
}

void curve_table_sum(struct curve_point *out, const struct curve_table *p, const uint8_t a[32],
		     const struct curve_table *q, const uint8_t b[32])
{
	struct digits da, db;

	digits_make(&da, a);
	digits_make(&db, b);
	fetch(p, &da);
	fetch(q, &db);
	*out = curve_identity;
	pick(out, p, &da, 1);
	pick(out, q, &db, 1);
	curve_point_double_times(out, out, CURVE_WIDTH);
	pick(out, p, &da, 0);
	pick(out, q, &db, 0);
}
