/*
 * What parties keep: secrets of one party, and identities. Text, a line each, in this order; `sum`
 * as in proofs:
 *
 *	agree-secrets 1				agree-identity 1
 *	ticket: TICKET				key: the public key, base64url
 *	party: its index			seed: the private one, base64url
 *	yes: 32 octets, base64url		sum: ...
 *	no: 32 octets, base64url
 *	sum: ...
 *
 * A party may also be given one secret alone, 43 characters of base64url.
 */
#ifndef CLI_SECRET_H
#define CLI_SECRET_H

#include "libproto/ticket.h"
#include "resolver/agree.h"

enum { CLI_SECRET_FILE_MAX = AP_TICKET_MAX + 512 };

struct cli_secrets {
	char ticket[AP_TICKET_MAX]; /* as it was when they were made; "": one secret alone */
	unsigned party;
	unsigned char yes[AGREE_SECRET_LEN]; /* or the one secret */
	unsigned char no[AGREE_SECRET_LEN];
};

/* Writes a party's secrets to a new file: 0, AGREE_EFILE, AGREE_ESECRET. */
int cli_secrets_create(const char *path, const char *ticket, const agree_party *party);
/* From a source (see cli_source_read()): 0, AGREE_EFILE, AGREE_EUSAGE, AGREE_ESECRETS. To be wiped.
 */
int cli_secrets_load(const char *source, struct cli_secrets *secrets);
/* The party that they are of, or whose lock for this answer the one secret opens. AGREE_E* as of
 * agree_party_secrets(). */
int cli_secrets_party(const struct cli_secrets *secrets, const agree_ticket *ticket, int yes,
		      agree_party **party);

/* A new identity in a new file: 0, AGREE_EFILE, AGREE_ENOMEM, AGREE_EINTERNAL. */
int cli_identity_create(const char *path, unsigned char key[AGREE_KEY_LEN]);
/* 0, AGREE_EFILE, AGREE_EUSAGE, AGREE_EIDENTITY. To be wiped. */
int cli_identity_load(const char *source, unsigned char seed[AGREE_SECRET_LEN]);

/*
 * What several hosts share: all octets but blanks and line feeds at the end, so that editors and
 * echo(1) make the same of it. 0, AGREE_EFILE, AGREE_EUSAGE, AGREE_EGROUP. To be wiped.
 */
enum { CLI_GROUP_MAX = 1024 };
int cli_group_load(const char *source, char secret[CLI_GROUP_MAX + 2], size_t *len);

#endif
