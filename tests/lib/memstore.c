#include "tests/lib/memstore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libproto/instance.h"

struct record {
	struct machine_final final;
	uint8_t value[AP_VALUE_MAX];
};

struct memstore {
	struct record **slots; /* open addressing; NULL: free */
	size_t n_slots;	       /* a power of two */
	size_t count;
};

static void *must(void *p)
{
	if (p == NULL) {
		fprintf(stderr, "memstore: out of memory\n");
		abort();
	}
	return p;
}

/* Ids end in a hash. */
static size_t place(const struct memstore *s, const uint8_t id[AP_ID_LEN])
{
	size_t h;

	memcpy(&h, id + AP_ID_LEN - sizeof(h), sizeof(h));
	return h & (s->n_slots - 1);
}

static struct record **find_slot(const struct memstore *s, const uint8_t id[AP_ID_LEN])
{
	size_t i = place(s, id);

	while (s->slots[i] != NULL && memcmp(s->slots[i]->final.id, id, AP_ID_LEN) != 0)
		i = (i + 1) & (s->n_slots - 1);
	return &s->slots[i];
}

static void insert(struct memstore *s, struct record *record)
{
	*find_slot(s, record->final.id) = record;
	s->count++;
}

/* Moves all into a table of so many slots; those that are not to stay are freed. */
static void rebuild(struct memstore *s, size_t n_slots, uint64_t floor_ms, size_t one_in)
{
	struct memstore old = *s;
	size_t seen = 0;

	s->slots = must(calloc(n_slots, sizeof(*s->slots)));
	s->n_slots = n_slots;
	s->count = 0;
	for (size_t i = 0; i < old.n_slots; i++) {
		struct record *record = old.slots[i];

		if (record == NULL)
			continue;
		if (ap_id_deadline(record->final.id) * 1000 <= floor_ms && seen++ % one_in == 0)
			free(record);
		else
			insert(s, record);
	}
	free(old.slots);
}

struct memstore *memstore_new(void)
{
	struct memstore *s = must(calloc(1, sizeof(*s)));

	rebuild(s, 64, 0, 1);
	return s;
}

static struct record *record_new(const struct machine_final *final)
{
	struct record *record = must(malloc(sizeof(*record)));
	ap_value *value = &record->final.outcome.value;

	record->final = *final;
	if (value->len > 0)
		memcpy(record->value, value->data, value->len);
	value->data = record->value;
	return record;
}

struct memstore *memstore_clone(const struct memstore *from)
{
	struct memstore *s = memstore_new();

	rebuild(s, from->n_slots, 0, 1);
	for (size_t i = 0; i < from->n_slots; i++)
		if (from->slots[i] != NULL)
			insert(s, record_new(&from->slots[i]->final));
	return s;
}

void memstore_free(struct memstore *s)
{
	for (size_t i = 0; i < s->n_slots; i++)
		free(s->slots[i]);
	free(s->slots);
	free(s);
}

static bool table_find(void *ctx, const uint8_t id[AP_ID_LEN], struct machine_final *out)
{
	const struct record *record = *find_slot(ctx, id);

	if (record == NULL)
		return false;
	*out = record->final;
	return true;
}

static void table_put(void *ctx, const struct machine_final *final)
{
	struct memstore *s = ctx;

	if (*find_slot(s, final->id) != NULL) {
		fprintf(stderr, "memstore: a second final outcome under one id\n");
		abort();
	}
	if (s->count * 2 >= s->n_slots)
		rebuild(s, s->n_slots * 2, 0, 1);
	insert(s, record_new(final));
}

void memstore_table(struct memstore *s, struct machine_store *out)
{
	out->ctx = s;
	out->find = table_find;
	out->put = table_put;
}

size_t memstore_count(const struct memstore *s)
{
	return s->count;
}

void memstore_purge(struct memstore *s, uint64_t floor_ms, size_t one_in)
{
	rebuild(s, s->n_slots, floor_ms, one_in);
}
