/*
 * Group signatures of executed batches: own shares out, others' in, aggregate, verify, culprits named.
 * draft {#shares}. Nonces and the key share live in daemon/frost.
 */
#ifndef DAEMON_SIGN_H
#define DAEMON_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/index.h"
#include "daemon/machine/machine.h"
#include "daemon/pbft/pbft.h" /* PBFT_EVERYONE */
#include "daemon/frost/frost.h"
#include "libproto/codec.h"

struct sign;

struct sign_conf {
	uint8_t n, self;
	struct index *index;
	const struct machine *machine;
	struct frost *frost;
	void (*send)(void *arg, uint16_t to, const ap_share_body *); /* signs with the identity key and frames it */
	void (*want)(void *arg, uint16_t to, uint64_t seq);          /* WANT */
	void (*give)(void *arg, uint16_t to, uint64_t seq);          /* SIGNED: the index has it */
	/* Hands in an operation of this replica: RETRY, BLAME, BADPOINT; encoded body of `kind`. */
	void (*submit)(void *arg, uint8_t kind, const uint8_t *op, size_t len);
	void (*done)(void *arg, uint64_t seq, uint32_t epoch, const uint8_t sig[64]); /* verified under the group key */
	void *arg;
};

int sign_new(struct sign **, const struct sign_conf *);
void sign_free(struct sign *);

/* After a start, at the machine's sequence: what is pending there without a signature is asked for. This run has no
 * nonces for the attempts that were made. */
void sign_resume(struct sign *, uint64_t now_ms);
/* Batch executed: result->sign, sets, retries. Signs where this replica is in a set. urgent: a client of this replica
 * waits for the signature; else adding up the shares gives way to those for whom one does, for some milliseconds or
 * until everybody's share has come. */
void sign_executed(struct sign *, const struct machine_result *, bool urgent, uint64_t now_ms);
/* A share of its sender's; early ones are kept, bounded. Its identity signature is looked at only when it has to be
 * shown to others. One bad share of a member is looked at; for a while, no other. */
void sign_share_in(struct sign *, uint8_t from, const ap_share *, uint64_t now_ms);
/* A signature from a peer, verified here; one for a batch not yet executed is kept, bounded. false: it is bad. */
bool sign_signed_in(struct sign *, uint64_t seq, const uint8_t sig[64]);
/* WANT from a peer: send it our share again, if any (the signature itself is run.c's to answer). */
void sign_want_in(struct sign *, uint8_t from, uint64_t seq);
/* Nothing to do? Then a check that the next signature needs, done ahead: true if there was one. */
bool sign_idle(struct sign *, const struct machine *);
uint64_t sign_tick(struct sign *, uint64_t now_ms); /* asks for missing ones; returns when to call next */
size_t sign_missing(const struct sign *);

#endif
