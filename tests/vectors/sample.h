/*
 * What the vectors are about: one network with a plain key in the group's place, some instances,
 * and batches of outcomes that it has signed. Everything is fixed, so each run gives the same
 * octets.
 */
#ifndef TESTS_VECTORS_SAMPLE_H
#define TESTS_VECTORS_SAMPLE_H

#include "libproto/codec.h"
#include "libproto/crypto.h"
#include "libproto/limits.h"
#include "libproto/statement.h"

#define SAMPLE_DOMAIN	  "example.test"
#define SAMPLE_DEADLINE_S UINT64_C(1795500840) /* 2026-11-24T06:14:00Z */
#define SAMPLE_TIME_MS	  UINT64_C(1795500000123)
#define SAMPLE_SEQUENCE	  42

#define BYTES(text) ((ap_bytes){(const uint8_t *)(text), sizeof(text) - 1})

/* 32 octets of one value; as a seed, a secret, a hash that nobody looks into. */
void sample_fill(uint8_t out[32], uint8_t value);

/* The network's key; the caller clears it. */
void sample_key(struct ap_sign_key *key);
const uint8_t *sample_network(void); /* its public key */

enum sample_instance {
	SAMPLE_OPEN,	  /* label and deadline */
	SAMPLE_SALTED,	  /* the same, with a salt */
	SAMPLE_RECURRING, /* label and period */
	SAMPLE_SECRET,	  /* the same, with a secret */
	SAMPLE_FIXED,	  /* open, with a fixed value */
	SAMPLE_BOARD,	  /* three parties with keys, two must concur */
	SAMPLE_HANDOVER,  /* two parties with locks, both must concur */
	SAMPLE_INSTANCES
};

/* Borrows from static memory. */
void sample_descriptor(ap_descriptor *d, enum sample_instance which);
const char *sample_name(enum sample_instance which);
/* Octets of a layout's content: w->bad must be NULL. */
ap_bytes sample_encode(uint8_t *out, size_t size, const ap_descriptor *d);
void sample_id(uint8_t id[AP_ID_LEN], enum sample_instance which);
/* Private key of a party of SAMPLE_BOARD, secret of one of SAMPLE_HANDOVER. */
void sample_party_seed(uint8_t seed[32], uint8_t party);
void sample_secret(uint8_t secret[32], uint8_t party, bool yes);

/* DECIDED "host-a", as the sample batches have it. */
ap_outcome sample_decided(void);

/* A batch of `count` leaves, signed. */
struct sample_batch {
	size_t count;
	uint8_t ids[AP_BATCH_REQUESTS_MAX][AP_ID_LEN];
	ap_outcome outcomes[AP_BATCH_REQUESTS_MAX];
	uint8_t nodes[AP_TREE_NODES_MAX * 32];
	struct ap_statement statement;
	uint8_t octets[AP_STATEMENT_BATCH];
	uint8_t sig[64];
};

/* Leaf 0 is sample_decided() of SAMPLE_OPEN; the others follow from their index (sample.c). */
void sample_batch(struct sample_batch *b, size_t count);
/* The record of a leaf, and its RDATA. */
ap_agree sample_agree(const struct sample_batch *b, size_t index);
ap_bytes sample_rdata(uint8_t out[AP_MAX_agree], const ap_agree *agree);

#endif
