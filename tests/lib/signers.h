/*
 * The signers of a whole network in one process: each member with machine, index and real key
 * share, and what they send each other in a queue that the test delivers, drops or changes. The log
 * is the test's; so is the clock.
 */
#ifndef TESTS_LIB_SIGNERS_H
#define TESTS_LIB_SIGNERS_H

#include "daemon/sign.h"
#include "libproto/limits.h"
#include "tests/lib/tempdir.h"

enum mail_kind { MAIL_SHARE, MAIL_WANT, MAIL_SIGNED };

struct mail {
	enum mail_kind kind;
	uint8_t from, to;
	uint64_t seq;
	ap_share share;
	uint8_t sig[64]; /* SIGNED's */
};

struct signer {
	struct signers *all;
	uint8_t id;
	char dir[TEMPDIR_MAX];
	void *memory;
	struct machine *machine;
	struct index *index;
	struct frost *frost;
	struct sign *sign;
	struct machine_result result; /* of its last batch */
	uint64_t boot;
	/* what conf.done told, by sequence */
	unsigned done[4096];
	unsigned wants; /* asked */
	/* operations handed in, to be ordered by signers_order_own() */
	struct {
		uint8_t kind;
		size_t len;
		uint8_t octets[1024];
	} own[256];
	size_t n_own;
	unsigned retries, blames, badpoints; /* handed in so far */
};

struct signers {
	uint8_t n, t;
	uint8_t key[32];
	uint64_t now_ms;
	struct signer member[AP_REPLICAS_MAX];
	/* the log: ops of one bundle of relay 1 a batch, or of n bundles */
	struct {
		uint8_t *ops[AP_REPLICAS_MAX];
		size_t len[AP_REPLICAS_MAX];
	} log[4096];
	uint64_t head; /* batches in it */
	struct mail queue[1 << 14];
	size_t n_queue;
	bool silent[AP_REPLICAS_MAX]; /* sends nothing */
	bool no_clients;	      /* whoever executes a batch has no client that waits for it */
	uint8_t bad_point_of;	      /* whose next NONCES have no good points; 0: nobody's */
	void (*change)(struct signers *, struct mail *); /* on its way; may be NULL */
};

/* Formed up to READY: the first signers_nonces() is the batch that signs the trial. */
struct signers *signers_new(uint8_t n);
void signers_free(struct signers *s);

/* A batch with so many reads (leaves), not yet executed by anybody: its sequence. */
uint64_t signers_order(struct signers *s, unsigned leaves);
/* A batch of what the members have handed in (bit id - 1 of who), each in its bundle; not yet
 * executed. What others have handed in stays. 0: nothing. */
uint64_t signers_order_own(struct signers *s, uint16_t who);
/* A batch of NONCES of all members. */
uint64_t signers_nonces(struct signers *s);
/* Member id executes up to seq. */
void signers_execute(struct signers *s, uint8_t id, uint64_t seq);
void signers_execute_all(struct signers *s, uint64_t seq);
/* Delivers what is queued, and what that gives, to those whose bit is set; the rest of the mail is
 * lost. */
void signers_deliver(struct signers *s, uint16_t to);
/* Signs the share again as it is now, with its sender's identity key. */
void signers_sign(struct signers *s, struct mail *mail);
/* The clock goes on, and every member's sign_tick() is called; mail is delivered. */
void signers_pass(struct signers *s, uint64_t ms);
/* Member's process ends and starts again: nonces are gone, the state is what it was. */
void signers_restart(struct signers *s, uint8_t id);

/* Is the batch signed there, and the signature good under the group's key (by OpenSSL)? */
bool signers_is_signed(struct signers *s, uint8_t id, uint64_t seq);
/* Is a member in one of the sets of the batch that it executed last? Its index, or -1. */
int signers_set_of(const struct signers *s, uint8_t id);

#endif
