#include "tests/lib/map.h"

#include <stdlib.h>
#include <string.h>

static size_t hash(struct map_key key)
{
	uint64_t h = 0x9e3779b97f4a7c15u;

	for (size_t i = 0; i < 4; i++) {
		h ^= key.word[i];
		h *= 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	return (size_t)h;
}

void map_free(struct map *m)
{
	free(m->entries);
	memset(m, 0, sizeof(*m));
}

void map_clear(struct map *m)
{
	if (m->entries != NULL)
		memset(m->entries, 0, m->size * sizeof(*m->entries));
	m->used = 0;
}

static struct map_entry *place(const struct map *m, struct map_key key)
{
	size_t i = hash(key) & (m->size - 1);

	while (m->entries[i].used && memcmp(&m->entries[i].key, &key, sizeof(key)) != 0)
		i = (i + 1) & (m->size - 1);
	return &m->entries[i];
}

struct map_entry *map_find(const struct map *m, struct map_key key)
{
	struct map_entry *e;

	if (m->size == 0)
		return NULL;
	e = place(m, key);
	return e->used ? e : NULL;
}

static void grow(struct map *m)
{
	struct map old = *m;

	m->size = old.size == 0 ? 64 : 2 * old.size;
	m->entries = calloc(m->size, sizeof(*m->entries));
	if (m->entries == NULL)
		abort();
	for (size_t i = 0; i < old.size; i++)
		if (old.entries[i].used)
			*place(m, old.entries[i].key) = old.entries[i];
	free(old.entries);
}

struct map_entry *map_put(struct map *m, struct map_key key, bool *made)
{
	struct map_entry *e;

	if (2 * (m->used + 1) > m->size)
		grow(m);
	e = place(m, key);
	if (made != NULL)
		*made = !e->used;
	if (!e->used) {
		e->used = true;
		e->key = key;
		m->used++;
	}
	return e;
}

struct map_key map_digest_key(const uint8_t digest[32])
{
	struct map_key key;

	memcpy(key.word, digest, 32);
	return key;
}
