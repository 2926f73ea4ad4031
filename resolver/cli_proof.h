/*
 * Proofs in files, as +proof= saves them. Text, a line each, in this order; draft {#proof-file}
 *
 *	agree-proof 1
 *	domain: DOMAIN
 *	ticket: TICKET          (left out if the instance is known by its id only)
 *	id: 60 characters of base32hex
 *	record: RDATA of the AGREE record, base64url
 *	sum: the first 12 octets of SHA-256 over all above, base64url
 *
 * Record, id and key prove the outcome. The sum finds damage, also in the domain and the ticket,
 * which no signature covers; against malice it does nothing.
 */
#ifndef CLI_PROOF_H
#define CLI_PROOF_H

#include "libproto/codec.h"
#include "libproto/ticket.h"
#include "resolver/agree.h"

enum { CLI_PROOF_FILE_MAX = 16 * 1024 };

struct cli_proof {
	char domain[AP_NAME_TEXT];
	char ticket[AP_TICKET_MAX]; /* "": none */
	uint8_t id[AP_ID_LEN];
	uint8_t record[AP_MAX_agree];
	size_t record_len;
};

void cli_proof_show(struct ap_text *t, const struct cli_proof *proof);
/* 0 or AGREE_EPROOFFILE: exactly what cli_proof_show() makes, and nothing else. */
int cli_proof_parse(struct cli_proof *proof, const char *text, size_t len);

/* 0 or AGREE_EFILE; an older file is replaced when the new one is whole. Symbolic links are
 * followed; what is no regular file is written to as it is. */
int cli_proof_save(const char *path, const struct cli_proof *proof);
/* 0, AGREE_EFILE, AGREE_EPROOFFILE. */
int cli_proof_load(const char *path, struct cli_proof *proof);

/* Is it proven? As agree_verify(); AGREE_EPROOFFILE if the ticket is another instance's. */
int cli_proof_check(const struct cli_proof *proof, const uint8_t key[32], agree_outcome **outcome);

#endif
