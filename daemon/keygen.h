/*
 * This replica's part in making the group key, and in keeping its pool of nonces filled: looks at
 * the replicated state after a batch and hands in the operation that is due (draft {#keygen},
 * {#nonces}). Also the verdicts on others' messages, as the machine's table of pure functions, and
 * the published key's file.
 */
#ifndef DAEMON_KEYGEN_H
#define DAEMON_KEYGEN_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/disk.h"
#include "daemon/frost/frost.h"
#include "daemon/index.h"
#include "daemon/machine/machine.h"

struct keygen;

struct keygen_conf {
	uint8_t n, self;
	uint8_t genesis[32];
	const uint8_t (*keys)[32]; /* identity keys, by identifier - 1 */
	const char *dir;	   /* of enckey, share, group.pub */
	struct frost *frost;
	/* Hands in an operation of this replica: encoded body of `kind`. */
	void (*submit)(void *arg, uint8_t kind, const uint8_t *op, size_t len);
	void *arg;
	/* Nonce pairs: refilled below pool_low, pool_step at a time. 0: as many as serve best. */
	uint32_t pool_low, pool_step;
};

int keygen_new(struct keygen **, const struct keygen_conf *); /* 0 or AGREE_ENOMEM */
void keygen_free(struct keygen *);
void keygen_funcs(struct keygen *, struct machine_funcs *out);
/* The run number, before the first keygen_step(). */
void keygen_boot(struct keygen *, uint64_t boot);
/* Goes on under a larger one, and orders what is due once more: what was ordered under the old one
 * may be void. */
void keygen_reboot(struct keygen *, uint64_t boot);
/* May it order anything yet? It may unless this says no. */
void keygen_hold(struct keygen *, bool held);
/* The key share is lost: nothing is signed here. */
bool keygen_shareless(const struct keygen *);

/* After a start (the log is replayed) and after each executed batch; does what is due, once.
 * 0, or DISK_E* and its sentence: a file could not be written: stop. */
int keygen_step(struct keygen *, const struct machine *, uint64_t now_ms, struct disk_error *why);

/* Nothing to do? Then one pair of nonces for the next NONCES: true if one was made. */
bool keygen_idle(struct keygen *);

/* This block has a group signature that was verified: the key works. Verifies it by OpenSSL too,
 * and writes group.pub, the first time. As keygen_step(). */
int keygen_proven(struct keygen *, const struct index_block *, struct disk_error *why);

/* When to call keygen_step() again though no batch was executed: ms, UINT64_MAX: never. */
uint64_t keygen_wake(const struct keygen *);

#endif
