/*
 * Verdicts on the signatures of votes: each is verified once, singly, as soon as there is time, and
 * the verdict remembered until the vote executes. draft {#votes}
 *
 * The machine asks for a verdict as for that of any pure function; whether it was known before
 * changes nothing but the time it takes.
 */
#ifndef DAEMON_VOTES_H
#define DAEMON_VOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/bodies.h"
#include "daemon/machine/machine.h"
#include "libproto/kinds.h"

struct votes;

struct votes *votes_new(void); /* NULL: no memory */
void votes_free(struct votes *);

/* Fills in vote_check and votes. */
void votes_funcs(struct votes *, struct machine_funcs *out);

/* Is this the party's vote, for all that is known here? 0, AGREE_ECREDENTIAL; or what
 * ap_vote_check() says. Of an instance that is neither described nor registered: 0. */
int votes_check(struct votes *, const struct machine *, const uint8_t id[AP_ID_LEN],
		const ap_propose *, const ap_descriptor *carried);

/* A bundle has come, and lies in the body store under this digest: what it has of votes is verified
 * by votes_turn(), unless it executes first. */
void votes_arrived(struct votes *, const uint8_t digest[32]);
/* Verifies a little of what waits; false: nothing does. */
bool votes_turn(struct votes *, const struct machine *, const struct bodies *);

struct votes_info {
	uint64_t verified, remembered; /* signatures; verdicts that were there already */
};
void votes_info(const struct votes *, struct votes_info *);

#endif
