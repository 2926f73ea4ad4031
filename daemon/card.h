/*
 * A member's card: one line by which an operator tells the others about a new replica, signed with
 * its identity key, so that a mistyped one is found out and nobody can enter a key that is not
 * theirs. draft {#cards}
 *
 *	agree-card1 NAME KEY ADDRESS#PORT ADDRESS#PORT SIGNATURE
 *
 * SIGNATURE, 86 characters of base64url, is over T("agree1-card") and the text before it, from NAME
 * to the second address, with single spaces.
 */
#ifndef DAEMON_CARD_H
#define DAEMON_CARD_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/netfile.h"

#define CARD_TEXT_MAX 320 /* characters, final NUL included */

/* Writes the line, without LF; member->key is set from the seed. 0, AGREE_ENOMEM. */
int card_make(struct ap_text *out, struct netfile_member *member, const uint8_t seed[32]);

/* One line without LF. 0, or AGREE_EUSAGE, AGREE_ESIGNATURE and why says what is wrong. */
int card_parse(struct netfile_member *member, const char *line, size_t len, struct ap_text *why);

#endif
