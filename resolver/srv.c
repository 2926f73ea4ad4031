/*
 * The order of SRV records, RFC 2782: lowest priority first. Within one, those of weight 0 are put
 * first, then a number r is drawn between 0 and the sum of the weights, both included; the first
 * one at which the running sum is r or more is next, and the rest goes on like that.
 */
#include "config.h"

#include "resolver/discover.h"

#include <string.h>

/* Uniform in 0 to max, both included. */
static int draw(stub_random_fn *random, uint32_t max, uint32_t *out)
{
	uint64_t choices = (uint64_t)max + 1;
	uint64_t limit = ((uint64_t)UINT32_MAX + 1) / choices * choices;
	uint8_t octets[4];
	uint64_t r;

	do {
		if (random(octets, sizeof(octets)) != 0)
			return AGREE_EINTERNAL;
		r = (uint64_t)octets[0] << 24 | (uint64_t)octets[1] << 16 |
		    (uint64_t)octets[2] << 8 | octets[3];
	} while (r >= limit);
	*out = (uint32_t)(r % choices);
	return 0;
}

/* Moves targets[from] to the front, which is before it. */
static void move_first(struct stub_target *targets, size_t from)
{
	struct stub_target moved = targets[from];

	memmove(&targets[1], &targets[0], from * sizeof(targets[0]));
	targets[0] = moved;
}

static bool is_before(const struct ap_srv *a, const struct ap_srv *b)
{
	if (a->priority != b->priority)
		return a->priority < b->priority;
	return a->weight == 0 && b->weight != 0;
}

/* By priority, and weight 0 first; otherwise as they came. */
static void sort(struct stub_target *targets, size_t n)
{
	for (size_t done = 0; done < n; done++) {
		size_t first = done;

		for (size_t i = done + 1; i < n; i++)
			if (is_before(&targets[i].srv, &targets[first].srv))
				first = i;
		move_first(&targets[done], first - done);
	}
}

int stub_targets_order(struct stub_target *targets, size_t n, stub_random_fn *random)
{
	sort(targets, n);
	for (size_t done = 0; done < n; done++) {
		uint32_t sum = 0, running = 0, r;
		size_t end = done, i;

		while (end < n && targets[end].srv.priority == targets[done].srv.priority)
			sum += targets[end++].srv.weight;
		if (draw(random, sum, &r) != 0)
			return AGREE_EINTERNAL;
		for (i = done; i < end; i++) {
			running += targets[i].srv.weight;
			if (running >= r)
				break;
		}
		move_first(&targets[done], i - done);
	}
	return 0;
}
