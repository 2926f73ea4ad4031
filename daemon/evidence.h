/*
 * Is a share proven bad, to everybody alike? The verdict behind BLAME, which daemon/machine asks for.
 * draft {#blame}
 */
#ifndef DAEMON_EVIDENCE_H
#define DAEMON_EVIDENCE_H

#include <stdint.h>

#include "daemon/machine/machine.h"

/* keys: identity keys, by identifier - 1. 0: the share is its sender's, over that statement, and does not fit its
 * commitments. Else it is no proof of anything; -1. Pure. */
int evidence_check(const uint8_t keys[][32], const struct machine_case *about, const ap_share_body *share,
	const uint8_t sig[64]);

/* The first 16 octets of SHA-512 of the statement: what a share names it by. draft {#shares} */
void evidence_statement(ap_half *out, bool trial, const struct ap_statement *statement);

#endif
