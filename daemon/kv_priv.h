/*
 * What kv.c (transactions) and kv_open.c (the life of a store) share. For nobody else.
 */
#ifndef DAEMON_KV_PRIV_H
#define DAEMON_KV_PRIV_H

#include "daemon/kv.h"
#include <lmdb.h>
#include <stdatomic.h>
#include <stdbool.h>

#define KV_SUM	     8 /* octets behind each value */
#define KV_OWN_TABLE "kv-format" /* holds one value: format, owner */

struct kv_txn {
	struct kv *kv;
	MDB_txn *txn; /* a reader keeps its own while ended, reset */
	bool is_begun;
	bool is_writer;
	int status; /* of the write transaction: its first failure */
};

struct kv_table_state {
	const char *name; /* the caller's, for ever */
	MDB_dbi dbi;
	uint16_t key_size;
	uint8_t sum_key[DISK_SUM_KEY];
};

struct kv {
	char dir[DISK_PATH_MAX];
	MDB_env *env;
	uint64_t map_size, map_max;
	struct kv_table_state tables[KV_TABLES_MAX];
	unsigned n_tables;
	struct kv_txn write;
	atomic_int n_begun; /* transactions that forbid kv_grow() */
	atomic_bool is_tight, has_failed;
	struct disk_error error; /* written once, before has_failed */
};

/* The sum that a value has to carry. */
void kv_sum_key(const char *table, uint8_t key[DISK_SUM_KEY]);
uint64_t kv_sum(const uint8_t table_key[DISK_SUM_KEY], const MDB_val *key, const void *value,
		size_t n);

/* True if the value, as stored, carries its sum. */
bool kv_is_whole(const uint8_t table_key[DISK_SUM_KEY], const MDB_val *key, const MDB_val *stored);

/* Keeps the first sentence. */
void kv_fail(struct kv *kv, const char *what, int err);

/* From LMDB's code to ours, with a sentence. */
int kv_say(struct disk_error *why, const char *what, const char *path, int err);

/* kv_pages.c: all that the newest transaction has, and that no page has two uses. */
int kv_pages_check(int fd, const char *dir, const struct kv_table *tables, size_t n,
		   struct disk_error *why);

/* Notes how full the map is. */
void kv_measure(struct kv *kv);

#endif
