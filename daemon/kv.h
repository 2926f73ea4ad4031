/*
 * Key-value store on LMDB: what is merged from the journal and looked up by key (outcomes, index,
 * checkpoints).
 *
 * Sticky errors: in a write transaction, after the first failure every further call does nothing
 * and returns it, and kv_commit() tells. So a merge is a straight line of kv_put() with one test at
 * its end.
 *
 * Every value carries a sum over table, key and value, since LMDB notices no damage of its own;
 * kv_get() and kv_walk() check it (DISK_EDAMAGED). LMDB trusts the pages between: kv_check() and
 * kv_scan() look at these without it (kv_pages.c), and kv_check() has LMDB read the whole file too,
 * in a child process, which may die of what it meets.
 *
 * Threads: one thread at a time may hold the write transaction, from kv_write_begin() to
 * kv_commit() or kv_abort(); each reader belongs to whoever uses it, one thread at a time.
 * kv_open(), kv_grow() and kv_close(): no transaction open. A directory is opened once per process,
 * never across fork().
 *
 * Values point into the map: borrowed until the reader is ended or begun again, or, in the write
 * transaction, until the next change or its end.
 */
#ifndef DAEMON_KV_H
#define DAEMON_KV_H

#include "daemon/disk.h"
#include <stdbool.h>

#define KV_FORMAT      1
#define KV_OWNER_SIZE  32
#define KV_TABLES_MAX  16
#define KV_KEY_MAX     511	   /* octets; LMDB's own bound */
#define KV_VALUE_MAX   (16u << 20) /* octets */
#define KV_READERS_MAX 16
#define KV_MAP_MIN     (1u << 20)     /* octets */
#define KV_MAP	       (256ull << 20) /* octets at first, and up to which kv_grow() goes, */
#define KV_MAP_MAX     (1ull << 40)   /* unless the options say otherwise */

/* A table. The caller's enum gives its place in the array; names are for ever, places are not. */
struct kv_table {
	const char *name;
	uint16_t key_size; /* octets of every key; 0: 1 to KV_KEY_MAX */
};

struct kv_options {
	const char *dir;	      /* made if it is missing (0700); its parent has to exist */
	uint8_t owner[KV_OWNER_SIZE]; /* the genesis id of the network */
	const struct kv_table *tables;
	size_t n_tables;
	uint64_t map_size; /* 0: KV_MAP; a file that is larger already has its own size */
	uint64_t map_max;  /* 0: KV_MAP_MAX */
};

struct kv;     /* opaque */
struct kv_txn; /* opaque; a reader, or the write transaction */

/* Octets by reference. */
struct kv_span {
	const void *at;
	size_t n;
};

/* A key put together from parts that sort as written: numbers big-endian. Too much is remembered (n
 * > KV_KEY_MAX) and refused when the key is used. */
struct kv_key {
	uint8_t octets[KV_KEY_MAX];
	size_t n;
};
void kv_key_init(struct kv_key *key);
void kv_key_add(struct kv_key *key, const void *octets, size_t n);
void kv_key_add_u64(struct kv_key *key, uint64_t v);
struct kv_span kv_key_span(const struct kv_key *key);

/* Opens or makes the store and its tables. Returns 0, DISK_EOWNER, DISK_EVERSION, DISK_EDAMAGED,
 * DISK_ENOROOM, DISK_EUSAGE or DISK_ESYSTEM; then *kv is NULL and why->text has the sentence. When
 * it returns 0, files and names survive a power cut. */
int kv_open(struct kv **kv, const struct kv_options *options, struct disk_error *why);
void kv_close(struct kv *kv); /* kv may be NULL; readers are freed before */

/* Reads every page and sum of a store, then once more with LMDB in a child process, before kv_open()
 * and before any thread is started: LMDB ends a process that meets some kinds of damage. Returns 0 (also if there is no
 * store yet), DISK_EDAMAGED, DISK_ESYSTEM, or what kv_open() would. */
int kv_check(const struct kv_options *options, struct disk_error *why);

/* NULL, or the sentence about the first commit that failed: from then on nothing is written any
 * more. The caller stops the process. The failed transaction may or may not be there at the next
 * start. */
const char *kv_error(const struct kv *kv);

/* A reader is made once, then begun and ended at little cost. While begun it sees one state of the
 * store and keeps LMDB from reusing pages: end it before waiting for anything. kv_reader_begin() on
 * a begun one moves it to the newest state. */
int kv_reader_new(struct kv *kv, struct kv_txn **reader);
int kv_reader_begin(struct kv_txn *reader);
void kv_reader_end(struct kv_txn *reader);
void kv_reader_free(struct kv_txn *reader); /* may be NULL */

/* The write transaction: never NULL; a failure to begin is told by kv_commit(). Waits for no
 * reader. */
struct kv_txn *kv_write_begin(struct kv *kv);

/* Puts the value under the key, in place of an older one. kv_append: the same, much faster, for
 * keys above all others in the table (else DISK_EORDER). Both copy. */
int kv_put(struct kv_txn *txn, unsigned table, struct kv_span key, struct kv_span value);
int kv_append(struct kv_txn *txn, unsigned table, struct kv_span key, struct kv_span value);

/* Deletes; not to be there is no failure (0). kv_delete_range: the keys from <= key < to, at most
 * `max` of them, lowest first; returns how many went. from.n == 0: from the first; to.n == 0: to
 * the last. */
int kv_delete(struct kv_txn *txn, unsigned table, struct kv_span key);
int kv_delete_range(struct kv_txn *txn, unsigned table, struct kv_span from, struct kv_span to,
		    unsigned max);

/* 0 and the value; DISK_ENOTFOUND (not sticky), DISK_EDAMAGED, DISK_EUSAGE. In a reader or the
 * write transaction. */
int kv_get(struct kv_txn *txn, unsigned table, struct kv_span key, struct kv_span *value);

/* The highest key of the table and its value. As kv_get(). */
int kv_last(struct kv_txn *txn, unsigned table, struct kv_span *key, struct kv_span *value);

/* Visits from <= key < to, upwards; bounds as kv_delete_range(). A visitor that returns other than
 * 0 stops the walk (DISK_ESTOPPED); it must not change the table. Stops at the first damaged value.
 */
typedef int kv_visit(void *arg, struct kv_span key, struct kv_span value);
int kv_walk(struct kv_txn *txn, unsigned table, struct kv_span from, struct kv_span to,
	    kv_visit *visit, void *arg);

/* Reads on in a table, page by page, from the place where the last call has ended, until about
 * `budget` octets were read: pages, order of keys, sums. Values that are written meanwhile are not
 * missed if they lie ahead. Begin with all zero and a budget; between calls the reader may be begun
 * anew, but no transaction may be committed during one. Returns 0, DISK_EDAMAGED or DISK_ESYSTEM. */
struct kv_scan {
	uint64_t budget; /* octets */
	uint64_t octets; /* read by the last call */
	bool is_done;	 /* the table is through */
	uint8_t next[KV_KEY_MAX];
	size_t n; /* of next; 0: the first key */
};
int kv_scan(struct kv_txn *reader, unsigned table, struct kv_scan *scan, struct disk_error *why);

/* Makes everything in the transaction durable, all or nothing, and ends it; kv_abort() ends it
 * without. Returns 0, or the first failure of the transaction, then nothing of it is kept.
 * DISK_ENOROOM: the map is full: kv_grow(), then do the transaction again. DISK_EFAILED: see
 * kv_error(). */
int kv_commit(struct kv_txn *txn);
void kv_abort(struct kv_txn *txn);

/* 1 when the last transaction did not fit, or more than 7/8 of the map are in use: kv_grow() when
 * convenient. */
int kv_is_tight(const struct kv *kv);

/* Octets of the file that are in use, or were and will be again. */
uint64_t kv_octets(const struct kv *kv);

/* Doubles the map. Needs all readers ended and no write transaction, else DISK_EUSAGE;
 * DISK_ENOROOM: map_max forbids it; DISK_EFAILED: the system refused, nothing works any more. */
int kv_grow(struct kv *kv, struct disk_error *why);

#endif
