/*
 * Instances with parties, in a simulation: drawn from the seed by their number, which is SIM_PARTIES
 * or more; and the votes of their parties, true and forged.
 */
#ifndef SIM_PARTIES_H
#define SIM_PARTIES_H

#include "libproto/codec.h"

enum { SIM_PARTIES = 1000 };

/* Terms and locks; label is the caller's. other: locks that the parties' secrets do not open. */
void parties_make(uint32_t i, ap_descriptor *d, char label[16], bool other);

/* How a vote is cast. */
enum vote_how {
	VOTE_BARE = 1,	/* by the id alone */
	VOTE_FORGED = 2, /* its credential is not the party's */
	VOTE_OTHER = 4,	/* with a descriptor of other locks */
	VOTE_VALUE = 8, /* the second value, where the terms fix none */
};

/* RDATA of PROPOSE: octets in `out`. */
size_t parties_vote(uint32_t i, uint8_t verb, uint8_t party, unsigned how, uint8_t *out, size_t cap,
		    ap_id *id);

#endif
