/* round.h: the formulas of RFC 9591 over explicit values. Nothing here keeps a secret or remembers
 * anything: frost.c is the one that decides what may be signed with what. draft {#signing} */
#ifndef FROST_ROUND_H
#define FROST_ROUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/frost/group.h"
#include "libproto/limits.h"

#define FROST_MEMBERS_MAX   AP_REPLICAS_MAX
#define FROST_THRESHOLD_MAX AP_THRESHOLD_MAX
#define FROST_MESSAGE_MAX   256 /* octets of a statement */

/* What a member has published about one pair of its nonces. */
struct frost_commitment {
	uint16_t id;	     /* never 0 */
	uint8_t hiding[32];  /* D */
	uint8_t binding[32]; /* E */
};

/* The ordered commitments of one signer set, ascending by identifier. */
struct frost_list {
	uint32_t epoch;
	uint32_t count; /* the threshold, exactly */
	struct frost_commitment entry[FROST_THRESHOLD_MAX];
};

/* A pair of nonces: secret. */
struct frost_nonce {
	uint8_t hiding[32];  /* d */
	uint8_t binding[32]; /* e */
};

/* One signing, as far as everybody may know it. */
struct frost_session {
	uint32_t count;
	uint16_t id[FROST_THRESHOLD_MAX];
	uint8_t factor[FROST_THRESHOLD_MAX][32]; /* rho_i */
	uint8_t term[FROST_THRESHOLD_MAX][32];	 /* C_i */
	uint8_t nonce[32];			 /* R */
	uint8_t challenge[32];			 /* c */
	uint8_t key[32];			 /* PK */
	uint8_t digest[32];			 /* of the message: first half of SHA-512 */
	uint8_t message[FROST_MESSAGE_MAX];
	uint32_t size;	  /* of message */
	uint16_t culprit; /* after FROST_EPOINT, FROST_ESCALAR, FROST_ESHARE: the identifier at
			     fault; else 0 */
};

/* H3(random ‖ share). */
void frost_nonce_derive(uint8_t out[32], const uint8_t random[32], const uint8_t share[32]);

/* lambda of `id` in the set `ids`, which holds it. 0, FROST_ELIMIT, FROST_EORDER (not ascending),
 * FROST_EMEMBER (id 0, or `id` not in the set). */
int frost_lambda(uint8_t out[32], uint16_t id, const uint16_t *ids, uint32_t count);

/* Takes the message and the list's identifiers over and computes the binding factors.
 * 0, FROST_ELIMIT (message empty or too long, no entries or too many), FROST_EORDER. */
int frost_session_begin(struct frost_session *s, const uint8_t key[32], const uint8_t *message,
			size_t size, const struct frost_list *list);

/* Computes C_i of every member, R and c. `own` is the index of the entry whose nonces are given,
 * which saves a multiplication and needs no check; -1 with NULL if there is none. Bit i of
 * `checked` says that frost_point_is_valid() is known of D_i. 0, FROST_EPOINT (culprit),
 * FROST_EIDENTITY. */
int frost_session_end(struct frost_session *s, const struct frost_list *list, uint32_t checked,
		      int own, const struct frost_nonce *nonce);

/* z_i of the member at `index`. */
void frost_session_share(uint8_t z[32], const struct frost_session *s, uint32_t index,
			 const struct frost_nonce *nonce, const uint8_t lambda[32],
			 const uint8_t share[32]);

#endif
