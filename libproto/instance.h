/*
 * Instances: what a descriptor may say, and the names and hashes that follow from it.
 * draft {#descriptor}. Pure: the hash comes in as a function. Tickets, labels and periods, which
 * only clients make, are in libproto/ticket.h.
 */
#ifndef AP_INSTANCE_H
#define AP_INSTANCE_H

#include "libproto/agree_errors.h"
#include "libproto/codec.h"
#include "libproto/kinds.h"

#define AP_DESCRIPTOR_VERSION 1
#define AP_PROPOSE_VERSION    1

enum ap_verb {
	AP_VERB_APPROVE = 1,
	AP_VERB_VETO = 2,
	AP_VERB_OBSERVE = 3,
};

/* party in a PROPOSE of an open instance, or of an observe */
#define AP_PARTY_NONE 255

/* Last second of the year 9999: RFC 3339 has no later one. */
#define AP_DEADLINE_MAX 253402300799ULL

/* No parties: the first proposal decides. */
bool ap_terms_is_open(const ap_terms *terms);

/* Parties without a key: they vote with secrets, and have locks. */
size_t ap_terms_hash_parties(const ap_terms *terms);

/*
 * Why these are no terms of an instance, in words for people; NULL if they are. What depends on the
 * time, the network or the order of requests (too late, too early, horizon, capacity) is not judged
 * here.
 */
const char *ap_terms_check(const ap_terms *terms);

/* The same for a whole descriptor: as many locks as there are hash-lock parties. */
const char *ap_descriptor_check(const ap_descriptor *descriptor);

/* For a ticket that still goes round: the locks may be missing, all of them. */
const char *ap_descriptor_check_draft(const ap_descriptor *descriptor);

/*
 * Decodes and checks. 0; AGREE_EDESCRIPTOR, *why names the field that did not decode;
 * AGREE_EBADTERMS, *why as of ap_descriptor_check(). `out` is good on 0 only, and borrows from the
 * octets.
 */
int ap_descriptor_parse(ap_descriptor *out, ap_bytes octets, const char **why);

/* Is this value one that may be proposed under these terms? They may fix it. */
bool ap_terms_takes(const ap_terms *terms, const ap_value *value);

/* deadline (5) ‖ SHA-256(T("agree1-instance") ‖ network ‖ terms). False: the terms cannot be
 * encoded. */
bool ap_instance_id(ap_sha256_fn *sha256, uint8_t id[AP_ID_LEN], const uint8_t network[32],
		    const ap_terms *terms);

/* outcome.terms of an instance with locks: SHA-256(T("agree1-descript") ‖ descriptor). False as
 * above. */
bool ap_descriptor_digest(ap_sha256_fn *sha256, uint8_t digest[32],
			  const ap_descriptor *descriptor);

/* SHA-256(T("agree1-lock") ‖ id ‖ u8 party ‖ u8 yes ‖ secret) */
void ap_lock_digest(ap_sha256_fn *sha256, uint8_t lock[32], const uint8_t id[AP_ID_LEN],
		    uint8_t party, bool yes, const uint8_t secret[32]);

/* What a party signs: T("agree1-vote") ‖ u8 verb ‖ id ‖ value. Returns the octets written. */
#define AP_VOTE_MAX (16 + 1 + AP_ID_LEN + 1 + AP_VALUE_MAX)
size_t ap_vote_put(uint8_t out[AP_VOTE_MAX], uint8_t verb, const uint8_t id[AP_ID_LEN],
		   const ap_value *value);

/* Seconds since 1970. */
uint64_t ap_id_deadline(const uint8_t id[AP_ID_LEN]);

#endif
