#include "daemon/machine/numbers.h"

#include <string.h>

static bool is_seen(const struct machine_numbers *n, uint64_t back)
{
	return (n->seen[back / 64] >> (back % 64) & 1) != 0;
}

static void mark(struct machine_numbers *n, uint64_t back)
{
	n->seen[back / 64] |= UINT64_C(1) << (back % 64);
}

/* The highest counter rises by so many. */
static void shift(struct machine_numbers *n, uint64_t by)
{
	uint64_t words = by / 64, bits = by % 64;

	if (by >= MACHINE_NUMBERS) {
		memset(n->seen, 0, sizeof(n->seen));
		return;
	}
	for (uint64_t i = MACHINE_NUMBERS_WORDS; i-- > 0;) {
		uint64_t high = i >= words ? n->seen[i - words] : 0;
		uint64_t low = i > words ? n->seen[i - words - 1] : 0;

		n->seen[i] = bits == 0 ? high : high << bits | low >> (64 - bits);
	}
}

/* draft {#bundles}: "A bundle is void if its start is lower than the highest start executed of its
 * relay, or if its number was executed" */
bool machine_numbers_take(struct machine_numbers *n, uint64_t start, uint64_t counter)
{
	if (start < n->start)
		return false;
	if (start > n->start) {
		memset(n, 0, sizeof(*n));
		n->start = start;
		n->counter = counter;
	}
	if (counter > n->counter) {
		shift(n, counter - n->counter);
		n->counter = counter;
	}
	if (n->counter - counter >= MACHINE_NUMBERS || is_seen(n, n->counter - counter))
		return false;
	mark(n, n->counter - counter);
	return true;
}

uint64_t machine_numbers_lowest(const struct machine_numbers *n, uint64_t start)
{
	uint64_t back = n->counter < MACHINE_NUMBERS ? n->counter : MACHINE_NUMBERS;

	if (start != n->start)
		return start < n->start ? UINT64_MAX : 1;
	while (back > 0 && is_seen(n, back - 1))
		back--;
	return back > 0 ? n->counter - back + 1 : n->counter + (n->counter < UINT64_MAX);
}

bool machine_numbers_is_sound(const struct machine_numbers *n)
{
	if (n->start == 0 && n->counter == 0 && n->seen[0] == 0)
		return n->seen[1] == 0 && n->seen[2] == 0 && n->seen[3] == 0;
	if (!is_seen(n, 0))
		return false;
	for (uint64_t back = 0; back < MACHINE_NUMBERS; back++)
		if (back > n->counter && is_seen(n, back))
			return false;
	return true;
}
