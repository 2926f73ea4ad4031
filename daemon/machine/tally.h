/*
 * Votes on one instance and what they come to: k of n, impossible, deadline. draft {#tally}
 *
 * The instance decides value v when k different parties have proposed v before the deadline; it
 * aborts as soon as that has become impossible, and at the deadline at the latest. A party's first
 * vote counts, later ones change nothing. Whether a vote is its party's and in time is judged
 * before.
 */
#ifndef DAEMON_MACHINE_TALLY_H
#define DAEMON_MACHINE_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "libproto/kinds.h"
#include "libproto/outcome.h"

struct machine_tally {
	uint8_t k;
	uint8_t parties; /* 0: open, the first proposal decides */
	uint32_t yes;	 /* bit i: party i has approved; as in an outcome, 0 in an open instance */
	uint32_t no;
	uint8_t n_values;		/* different values proposed */
	ap_value value[AP_PARTIES_MAX]; /* borrowed */
	uint8_t choice[AP_PARTIES_MAX]; /* index in value of party i, where yes has its bit */
};

struct machine_verdict {
	enum ap_outcome_status status; /* PENDING, DECIDED or ABORTED */
	enum ap_outcome_reason reason;
	ap_value value; /* DECIDED: borrowed from the vote; else empty */
};

/* Terms that ap_terms_check() has passed: parties at most AP_PARTIES_MAX, k from 1 to parties, 1
 * without parties. */
void machine_tally_init(struct machine_tally *t, uint8_t k, uint8_t parties);

/* party: index, or AP_PARTY_NONE in an open instance. approve false: a veto. False, and nothing
 * counted: no such party, its second vote, a second vote or a veto in an open instance. */
bool machine_tally_vote(struct machine_tally *t, uint8_t party, bool approve, ap_value value);

/* ended: the deadline has come. Votes that were counted before it decide even then. */
struct machine_verdict machine_tally_judge(const struct machine_tally *t, bool ended);

#endif
