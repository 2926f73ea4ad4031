/*
 * Who is left out of signer sets, and why: proven by BLAME, or reported as silent by f+1 members. A
 * function of the log alone. draft {#blame}, draft {#demotion}
 *
 * Sequences here are those of batches being executed, which never are 0.
 */
#ifndef DAEMON_MACHINE_SIGNERS_H
#define DAEMON_MACHINE_SIGNERS_H

#include <stdbool.h>
#include <stdint.h>

#include "libproto/limits.h"

enum {
	MACHINE_REPORT_SPAN = 256,   /* batches that a report counts for */
	MACHINE_DEMOTION_SPAN = 128, /* batches of a first demotion; doubled with each one more */
	MACHINE_DEMOTIONS_MAX = 6,   /* in a row that are told apart: 4096 batches */
};

/* What is held against one member. All zero: nothing. */
struct machine_signer {
	bool blamed;			   /* for the rest of the epoch */
	uint64_t since;			   /* sequence of the demotion in force; 0: none */
	uint64_t until;			   /* end of that, or of the last one */
	uint8_t level;			   /* demotions in a row, of the last one; 0: never */
	uint64_t reports[AP_REPLICAS_MAX]; /* of member id - 1: when; 0: none */
};

/* Batch seq begins: what has lasted its time ends. true: somebody is eligible again. */
bool machine_signers_advance(struct machine_signer signers[], uint8_t n, uint64_t seq);

/* Reporter misses the shares of the members whose bits (id - 1) are set. true: somebody is demoted
 * for it. */
bool machine_signers_report(struct machine_signer signers[], uint8_t n, uint64_t seq,
			    uint8_t reporter, uint16_t missing);

/* Member id is proven to have sent what nobody correct sends. */
void machine_signers_blame(struct machine_signer signers[], uint8_t n, uint64_t seq, uint8_t id);

bool machine_signers_is_out(const struct machine_signer *signer);

/* Could the calls above have made this one? */
bool machine_signers_is_sound(const struct machine_signer *signer, uint64_t seq);

#endif
