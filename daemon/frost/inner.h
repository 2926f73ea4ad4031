/* inner.h: what the files of daemon/frost/ share among themselves. */
#ifndef FROST_INNER_H
#define FROST_INNER_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/frost/frost.h"

/* A nonce that signs twice gives the key share away: nothing goes on behind such a mistake of ours.
 * Never compiled out. */
#define FROST_ASSERT(condition)                                                                    \
	do {                                                                                       \
		if (!(condition))                                                                  \
			__builtin_trap();                                                          \
	} while (0)

#define FROST_SETS    64   /* signer sets whose lambda is remembered */
#define FROST_CHECKED 4096 /* points D that are known to be good: 12 peers of 256 */

/* A pair of nonces and what was published of it. All zero: spent, or never filled. */
struct frost_slot {
	bool fresh;
	uint64_t ctr;
	struct frost_nonce nonce;
	uint8_t hiding[32];
	uint8_t binding[32];
};

/* What was signed for (epoch, seq). */
struct frost_signed {
	bool used;
	uint32_t epoch;
	uint64_t seq;
	uint8_t hash[32];
};

/* lambda of this member in a set. */
struct frost_set {
	uint32_t count; /* 0: unused */
	uint16_t id[FROST_THRESHOLD_MAX];
	uint8_t lambda[32];
};

/* Nothing secret, so not in locked memory. */
struct frost_memory {
	struct curve_key group;			  /* PK of the key loaded */
	struct frost_signed window[FROST_WINDOW]; /* at seq mod FROST_WINDOW */
	struct frost_set set[FROST_SETS];
	uint8_t checked[FROST_CHECKED][32];
	/* Of this run: the highest counter signed with, plus one, in each place of the pool.
	 * Counters only rise there, so one that is below was signed with before. */
	uint64_t spent[FROST_POOL_MAX];
};

/* In memory of secret.h. In a forked child all of it is zero, so `ready` is false there. */
struct frost {
	bool ready; /* a key is loaded */
	bool locked;
	struct frost_key key;
	uint64_t boot; /* in use, or the last one that was */
	uint64_t next; /* counter of the next pair */
	uint32_t epoch_min;
	struct frost_random random;
	struct frost_memory *memory;
	struct frost_slot slot[FROST_POOL_MAX]; /* at counter mod FROST_POOL_MAX */
};

/* A commitment list is of the group's epoch, has t entries, ascending, all members.
 * 0, FROST_ELISTEPOCH, FROST_ECOUNT, FROST_EORDER, FROST_EFOREIGN. */
int frost_list_check(const struct frost_list *list, const struct frost_group *group);

/* The octets of a statement; *size says how many. 0, FROST_EKIND. */
int frost_statement_octets(uint8_t out[AP_STATEMENT_MAX], size_t *size, enum frost_kind kind,
			   const struct ap_statement *statement);

/* Cursors over the octets of a file whose size has been checked. */
uint8_t *frost_put_uint(uint8_t *at, uint64_t value, size_t octets);
uint8_t *frost_put_octets(uint8_t *at, const uint8_t *octets, size_t size);
const uint8_t *frost_get_uint(const uint8_t *at, uint64_t *value, size_t octets);
const uint8_t *frost_get_octets(const uint8_t *at, uint8_t *octets, size_t size);

/* A file's last 32 octets: half of SHA-512 over all before them. put returns the end; 0 or
 * FROST_ECHECKSUM. */
#define FROST_CHECKSUM 32
uint8_t *frost_put_checksum(const uint8_t *start, uint8_t *at);
int frost_checksum_check(const uint8_t *octets, size_t size);

#endif
