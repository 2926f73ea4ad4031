/*
 * A replica's identity key: the Ed25519 seed in a file of its own, readable by its owner only.
 *
 *	agree-identity 1
 *	<43 characters of base64url: the seed>
 */
#ifndef DAEMON_IDKEY_H
#define DAEMON_IDKEY_H

#include <stdint.h>

#include "libproto/text.h"

#define IDKEY_SEED 32

/*
 * Makes a new key and its file (0600; never in place of one that is there), synced to disk together
 * with its name. 0 and the public key; AGREE_EFILE or AGREE_EINTERNAL, and why has the sentence.
 */
int idkey_create(const char *path, uint8_t public_key[32], struct ap_text *why);

/*
 * Reads one. 0, or AGREE_EFILE (missing, unreadable, or readable by others too), AGREE_EIDENTITY
 * (not such a file), AGREE_ENOMEM; then why has the sentence and the outputs are zero. The seed is
 * the caller's to wipe. Both outputs may be NULL.
 */
int idkey_load(const char *path, uint8_t seed[IDKEY_SEED], uint8_t public_key[32],
	       struct ap_text *why);

#endif
