/* What is to happen, by time, then in the order in which it was said: a heap of four. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

__extension__ typedef unsigned __int128 u128;

/* One comparison without a branch: which way it goes cannot be foretold. */
static bool is_before(const struct happening *a, const struct happening *b)
{
	return ((u128)a->at_us << 64 | a->order) < ((u128)b->at_us << 64 | b->order);
}

void agenda_add(struct agenda *a, struct happening h)
{
	size_t i = a->n++;

	if (a->n > a->size) {
		a->size = 2 * a->size + 1024;
		a->at = realloc(a->at, a->size * sizeof(*a->at));
		if (a->at == NULL)
			abort();
	}
	if (h.order == 0)
		h.order = ++a->order;
	for (; i > 0 && is_before(&h, &a->at[(i - 1) / 4]); i = (i - 1) / 4)
		a->at[i] = a->at[(i - 1) / 4];
	a->at[i] = h;
}

bool agenda_next(struct agenda *a, struct happening *h)
{
	struct happening last;
	size_t i = 0;

	if (a->n == 0)
		return false;
	*h = a->at[0];
	last = a->at[--a->n];
	for (;;) {
		size_t first = 4 * i + 1, least = first;

		if (first >= a->n)
			break;
		for (size_t child = first + 1; child < first + 4 && child < a->n; child++)
			least = is_before(&a->at[child], &a->at[least]) ? child : least;
		if (!is_before(&a->at[least], &last))
			break;
		a->at[i] = a->at[least];
		i = least;
	}
	a->at[i] = last;
	return true;
}

void agenda_free(struct agenda *a)
{
	for (size_t i = 0; i < a->n; i++)
		blob_drop(a->at[i].blob);
	free(a->at);
	memset(a, 0, sizeof(*a));
}

struct blob *blob_new(uint8_t type, size_t len)
{
	struct blob *b = malloc(sizeof(*b) + len);

	if (b == NULL)
		abort();
	b->refs = 1;
	b->type = type;
	b->tampered = false;
	b->len = len;
	return b;
}

void blob_drop(struct blob *b)
{
	if (b != NULL && --b->refs == 0)
		free(b);
}
