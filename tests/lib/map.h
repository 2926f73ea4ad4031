/* map.h: digests by a key of a few numbers, or by a digest. For tests: it only grows. */
#ifndef TESTS_LIB_MAP_H
#define TESTS_LIB_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_key {
	uint64_t word[4];
};

struct map_entry {
	struct map_key key;
	bool used;
	uint8_t digest[32];
	int64_t count;
};

struct map {
	struct map_entry *entries;
	size_t size, used;
};

void map_free(struct map *m);
/* Forgets everything, keeps the memory. */
void map_clear(struct map *m);
/* NULL: not there. Good until the next map_put(). */
struct map_entry *map_find(const struct map *m, struct map_key key);
/* The entry, made with zeros if it is missing (*made tells; may be NULL). */
struct map_entry *map_put(struct map *m, struct map_key key, bool *made);
struct map_key map_digest_key(const uint8_t digest[32]);

#endif
