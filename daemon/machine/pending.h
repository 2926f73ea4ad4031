/*
 * Batches that the group has signed lately, or is to sign: what each attempt at each needs, until
 * the batch is given up. Nobody knows here whether a signature came. draft {#retry}
 */
#ifndef DAEMON_MACHINE_PENDING_H
#define DAEMON_MACHINE_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/machine/nonces.h"
#include "libproto/statement.h"

enum {
	MACHINE_PENDING_MAX = 256, /* batches executed since, until one is given up */
	MACHINE_ATTEMPTS_MAX = 8,  /* at one batch, the first included */
};

struct machine_attempt {
	uint8_t n_sets;
	uint16_t members[MACHINE_SETS_MAX]; /* bit id - 1 */
	uint8_t list[MACHINE_SETS_MAX][32]; /* list digest: draft {#sets} */
};

struct machine_pending {
	uint64_t seq; /* 0: nothing is pending here */
	bool trial;
	struct ap_statement
		statement; /* its epoch is the one in force; genesis if trial, else root */
	uint8_t made;	   /* attempts, */
	bool due;	   /* and the next one as soon as there are sets for it */
	uint16_t asked;	   /* for the next one: bit id - 1 */
	struct machine_attempt attempts[MACHINE_ATTEMPTS_MAX];
};

/* By sequence modulo MACHINE_PENDING_MAX. All zero: none. */
struct machine_pendings {
	uint32_t n_due; /* how many of them are, so that most batches need not look */
	struct machine_pending at[MACHINE_PENDING_MAX];
};

/* Of batch seq, or NULL. */
struct machine_pending *machine_pending_find(struct machine_pendings *p, uint64_t seq);
const struct machine_pending *machine_pending_peek(const struct machine_pendings *p, uint64_t seq);

/* Batch seq, the newest one, is to be signed, or (statement NULL) is not: what was pending in its
 * place is given up. attempt 0 is due. */
void machine_pending_add(struct machine_pendings *p, uint64_t seq,
			 const struct ap_statement *statement, bool trial);

/* Member id asks for the next attempt, of which there is one; it is due once f+1 have. */
void machine_pending_ask(struct machine_pendings *p, struct machine_pending *it, uint8_t n,
			 uint8_t id);

/* Takes the sets of the next attempt, which is due, out of the pools; `out` has those that are left
 * out of sets (bit id - 1). Returns how many; 0: it stays due. */
size_t machine_pending_take(struct machine_pendings *p, struct machine_pending *it,
			    ap_sha256_fn *sha256, uint8_t n, struct machine_nonces pools[],
			    uint16_t out, struct machine_set sets[MACHINE_SETS_MAX]);

/* draft {#sets}: "list digest" */
void machine_list_digest(ap_sha256_fn *sha256, uint16_t members, const ap_commitment pairs[],
			 size_t n_pairs, uint8_t out[32]);

#endif
