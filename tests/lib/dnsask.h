/*
 * DNS requests as a test wants them, right or wrong, and the replies looked at.
 */
#ifndef TESTS_LIB_DNSASK_H
#define TESTS_LIB_DNSASK_H

#include "libproto/codec.h"
#include "libproto/dns.h"

struct dnsask_rr {
	enum ap_section section;
	const char *owner;
	uint16_t type, class;
	uint32_t ttl;
	ap_bytes rdata;
};

struct dnsask {
	uint16_t id;
	uint8_t opcode;
	uint16_t flags;
	const char *name; /* of question or zone; NULL: there is none */
	uint16_t type, class;
	const struct dnsask_rr *rrs;
	size_t n_rrs;
	const struct ap_edns_out *edns; /* NULL: no OPT */
};

/* Octets of the message in `out`, which has room for it. */
size_t dnsask_make(uint8_t *out, const struct dnsask *ask);

/* Zone example.test and the one record to add, with the prerequisite that no AGREE record is there
 * if nxrrset. */
size_t dnsask_update(uint8_t *out, const char *owner, ap_bytes propose, bool nxrrset,
		     const struct ap_edns_out *edns);

/* An open instance, its descriptor, its id under a group key, its name below example.test. */
struct dnsask_instance {
	uint8_t id[AP_ID_LEN];
	char name[AP_ID_TEXT + 16];
	uint8_t descriptor[AP_MAX_descriptor];
	size_t len;
};
void dnsask_open(struct dnsask_instance *out, const uint8_t key[32], const char *label,
		 uint64_t deadline_s);
/* The same of any terms and locks. */
void dnsask_instance(struct dnsask_instance *out, const uint8_t key[32],
		     const ap_descriptor *descriptor);

/* Two parties with secrets, who both have to agree on "go" before the deadline. */
void dnsask_custody(struct dnsask_instance *out, const uint8_t key[32], const char *label,
		    uint64_t deadline_s);
/* Their requests, as an operation of a bundle: its body's octets in `out`. A vote names the
 * instance by its id alone. */
enum { DNSASK_OP = 1024 };
size_t dnsask_observe_op(uint8_t out[DNSASK_OP], const struct dnsask_instance *i, uint8_t nonce);
size_t dnsask_vote_op(uint8_t out[DNSASK_OP], const struct dnsask_instance *i, uint8_t party,
		      uint8_t nonce);

/* RDATA of PROPOSE, in a buffer that the next call writes over. */
ap_bytes dnsask_propose(const struct dnsask_instance *i, uint8_t verb, const char *value);
/* The same without descriptor. */
ap_bytes dnsask_propose_bare(uint8_t verb, const char *value);

/* The reply's only AGREE record in the section, decoded; proven under the key unless that is NULL.
 * Stops the test if there is none or it is not good. */
const ap_agree *dnsask_agree(const struct ap_dns *reply, enum ap_section section,
			     const uint8_t key[32], const uint8_t id[AP_ID_LEN]);
size_t dnsask_count(const struct ap_dns *reply, enum ap_section section);

#endif
