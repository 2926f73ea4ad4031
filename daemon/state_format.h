/* What crosses a link in a state transfer, between octets and what is meant: draft {#transfer}.
 * Nothing is believed here that is not proven by the octets themselves. */
#ifndef DAEMON_STATE_FORMAT_H
#define DAEMON_STATE_FORMAT_H

#include "daemon/index_priv.h"
#include "daemon/records.h"
#include "daemon/verify.h"

/* The certificate of a STATE: 2f+1 members or more have signed CHECKPOINT with this state. NULL, or
 * what is wrong. */
const char *state_proof_check(const struct verifier *, uint64_t seq, const uint8_t state[32],
			      ap_span signers, struct record_stable *out);

/* Octets of a chunk's outcomes: whole entries of final outcomes, which became final in batch seq at
 * time_ms. How many, or -1. */
int chunk_outcomes_check(ap_bytes outcomes, uint64_t seq, uint64_t time_ms);

/* The proof that a store has of a chunk: encoded into out, 0 if there is none. */
size_t chunk_proof_make(struct merge *, uint64_t seq, ap_bytes outcomes, uint8_t *out, size_t cap);

/* Fills the proof of c, whose outcomes were checked: false: it proves nothing; nothing is kept of
 * it then. key: of the group. */
bool chunk_proof_take(struct absorb_chunk *c, ap_span proof, const uint8_t key[32]);

#endif
