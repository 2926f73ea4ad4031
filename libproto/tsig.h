/*
 * TSIG (RFC 8945) with HMAC-SHA-256: requests verified, replies signed. draft {#tsig}. For a server
 * only; it admits clients, and proves nothing else.
 */
#ifndef AP_TSIG_H
#define AP_TSIG_H

#include "libproto/dns.h"
#include "libproto/name.h"

#define AP_TSIG_SECRET_MIN 16
#define AP_TSIG_SECRET_MAX 64
#define AP_TSIG_FUDGE_S	   300

enum ap_tsig_error { /* RFC 8945 section 3 */
	AP_TSIG_GOOD = 0,
	AP_TSIG_BADSIG = 16,
	AP_TSIG_BADKEY = 17,
	AP_TSIG_BADTIME = 18,
	AP_TSIG_BADTRUNC = 22,
	AP_TSIG_FORMERR = -1, /* the answer is FORMERR, without TSIG */
};

struct ap_tsig_key {
	struct ap_name name;
	uint8_t secret[AP_TSIG_SECRET_MAX];
	uint8_t len;
};

/* Of a request, what its reply needs. */
struct ap_tsig {
	uint8_t key;	 /* index; valid unless BADKEY */
	uint8_t mac[32]; /* the request's; GOOD and BADTIME */
	uint64_t time_s; /* that it was signed at */
};

/* "NAME:BASE64", as nsupdate -y has it behind the algorithm. 0, or AGREE_EUSAGE. */
int ap_tsig_key_parse(struct ap_tsig_key *key, const char *text);
void ap_tsig_key_show(struct ap_text *t, const struct ap_tsig_key *key);

/* request: ap_dns_request() was good, and it has TSIG. */
enum ap_tsig_error ap_tsig_check(const struct ap_dns *request, const struct ap_tsig_key *keys,
				 size_t n, uint64_t now_s, struct ap_tsig *out);

/* Octets that ap_tsig_sign() adds at most. */
size_t ap_tsig_size(const struct ap_tsig_key *key);

/* Adds TSIG to a whole reply of `len` octets in a buffer of `cap`: its length then, 0: no room.
 * error: GOOD or BADTIME. */
size_t ap_tsig_sign(uint8_t *reply, size_t len, size_t cap, const struct ap_tsig_key *key,
		    const struct ap_tsig *request, enum ap_tsig_error error, uint64_t now_s);

#endif
