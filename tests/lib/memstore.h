/*
 * daemon/machine/store.h in memory, for tests and simulations. Single thread.
 */
#ifndef TESTS_LIB_MEMSTORE_H
#define TESTS_LIB_MEMSTORE_H

#include "daemon/machine/store.h"

struct memstore;

struct memstore *memstore_new(void);
struct memstore *memstore_clone(const struct memstore *from);
void memstore_free(struct memstore *s);

/* The table that the machine takes; borrows s. A second put under one id ends the process. */
void memstore_table(struct memstore *s, struct machine_store *out);

/* Final outcomes held. */
size_t memstore_count(const struct memstore *s);

/* Forgets those with a deadline at or before the floor, of them only every one_in-th (1: all). */
void memstore_purge(struct memstore *s, uint64_t floor_ms, size_t one_in);

#endif
