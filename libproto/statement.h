/* statement.h: the octets that a group signature covers.
 *
 * The signer and every verifier build them here, from fields: nobody signs or believes octets that
 * it did not lay out itself. Both layouts are fixed, so there is nothing to parse. Integers are
 * big-endian.
 *
 *   batch   tag "agree1-batch" in 16 octets, epoch u32, seq u64, time_ms u64, count u32, root 32,
 * running 32 trial   tag "agree1-trial" in 16 octets, epoch u32, seq u64, time_ms u64, genesis 32,
 * running 32
 *
 * draft {#statement}, draft {#trial} */
#ifndef AP_STATEMENT_H
#define AP_STATEMENT_H

#include <stddef.h>
#include <stdint.h>

#define AP_STATEMENT_BATCH 104 /* octets of a batch statement */
#define AP_STATEMENT_TRIAL 100 /* octets of a genesis trial statement */
#define AP_STATEMENT_MAX   104

/* All fields of both; each layout takes its own and ignores the rest. */
struct ap_statement {
	uint32_t epoch;	     /* of the signing batch */
	uint64_t seq;	     /* its sequence number */
	uint64_t time_ms;    /* its batch time, milliseconds UTC */
	uint32_t count;	     /* batch: number of leaves */
	uint8_t root[32];    /* batch: Merkle root over the leaves */
	uint8_t running[32]; /* running hash of all batches up to and including this one */
	uint8_t genesis[32]; /* trial: the genesis id */
};

/* Both write their layout's octets and return how many; they cannot fail. What `out` has beyond is
 * untouched. */
size_t ap_statement_batch_put(uint8_t out[AP_STATEMENT_MAX], const struct ap_statement *s);
size_t ap_statement_trial_put(uint8_t out[AP_STATEMENT_MAX], const struct ap_statement *s);

#endif
