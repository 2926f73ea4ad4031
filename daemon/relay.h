/*
 * Client requests on their way through the order: taken from answer.c, gathered into bundles that this replica
 * signs (run.c), matched with the outcomes of the executed batch, answered when its group signature is there.
 * Also carries the replica's own operations (NONCES, key generation, tick). Holds limits by client address.
 */
#ifndef DAEMON_RELAY_H
#define DAEMON_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include "daemon/index.h"
#include "daemon/machine/machine.h"
#include "libproto/codec.h"

struct relay;

/* How an answer finds its way back, and how far it may go: filled in by answer.c, copied here. */
struct asker {
	/* where: */
	bool tcp;
	uint16_t socket;       /* index of the UDP socket, or of the TCP connection */
	uint32_t generation;   /* of the connection: a later one in the same place gets nothing */
	struct sockaddr_storage peer;
	socklen_t peer_len;
	struct in6_addr local; /* address that was asked (IPv4 mapped); all zero: not known */
	/* what the reply repeats of the request: */
	uint16_t id, flags, question_len;
	uint8_t opcode;
	uint8_t question[AP_NAME_MAX + 4];
	/* how it is answered: */
	size_t limit; /* octets of the reply: draft {#size-rule} */
	bool edns, dnssec_ok, nsid;
	bool has_cookie;
	uint8_t cookie[AP_COOKIE_LEN];
	bool txt;     /* outcome as TXT */
	bool nxrrset; /* UPDATE with the prerequisite: */
	uint8_t value_len, value[AP_VALUE_MAX]; /* what was proposed */
	bool proposes;
	uint64_t start_s; /* of the terms that came along; 0: none */
	uint8_t tsig; /* index of the TSIG key that the reply is signed with, + 1; 0: none */
	uint8_t tsig_mac[32]; /* the request's */
	/* draft {#wait}: */
	uint64_t wait_until_ms; /* monotonic; 0: the first outcome is the answer */
	bool held;              /* it has waited, and its connection knows */
	int wait_refused;       /* AGREE_E*: why it does not wait; said with an outcome that is not final */
};

struct relay_conf {
	uint8_t self;
	uint64_t start;          /* run number, first of the bundle numbers */
	uint32_t pending_max;    /* requests held, all clients together, */
	uint32_t prefix_max;     /* and of one client network (IPv4 /24, IPv6 /56) */
	uint32_t give_up_ms;     /* not executed for so long: SERVFAIL */
	uint32_t again_ms;       /* executed, but the signature does not come: ordered once more */
	struct index *index;
	/* The verdict on one request: agree != NULL: the record (outcome, proof); else refusal AGREE_E*. Called from
	 * relay_executed, relay_signed and relay_tick, never from relay_submit. */
	void (*answer)(void *arg, const struct asker *, const uint8_t id[AP_ID_LEN], const ap_agree *agree, int refusal);
	/* A request was executed, to PENDING; before it is held or answered. May be NULL. */
	void (*pending)(void *arg, const struct asker *, const uint8_t id[AP_ID_LEN], uint64_t seq);
	/* A request whose asker waits was executed, to an outcome that is not final: true: it is taken over, else it is
	 * answered. May be NULL. */
	bool (*hold)(void *arg, const struct asker *, const uint8_t id[AP_ID_LEN], uint8_t kind, const uint8_t *op,
		     size_t len, uint64_t now_ms);
	/* There is something to bundle: run.c calls relay_fill() at the end of this turn of the event loop. */
	void (*wake)(void *arg);
	void *arg, *wake_arg;
};

int relay_new(struct relay **, const struct relay_conf *);
void relay_free(struct relay *);

/* Takes one operation for ordering; op is an encoded body of kind AP_OP_request or AP_OP_read. An equal operation of an
 * equal asker that is outstanding is taken once, if both came over UDP. 0, AGREE_EDISK (see
 * relay_short()), AGREE_EORDER (pending_max), AGREE_ERATE (prefix_max), AGREE_ENOMEM,
 * AGREE_ETOOBIG. */
int relay_submit(struct relay *, uint8_t kind, const uint8_t *op, size_t len, const uint8_t id[AP_ID_LEN], const struct asker *,
	uint64_t now_ms);
/* The replica's own operation, before all others. */
int relay_submit_own(struct relay *, uint8_t kind, const uint8_t *op, size_t len);

/* Next bundle, if there is anything: ops octets into out (cap AP_BUNDLE_OPS_MAX); returns their length, 0 for none. */
size_t relay_fill(struct relay *, uint8_t *out, size_t cap, uint64_t *counter, uint16_t *requests, uint64_t now_ms);
bool relay_waiting(const struct relay *); /* anything to fill */

/* Bundle `counter` of this run was executed as bundle `bundle` of the batch (or, executed = false, is void). */
void relay_executed(struct relay *, uint64_t counter, size_t bundle, const struct machine_result *, uint64_t now_ms);
/* index_block(seq) has its signature. Returns how many requests were answered. */
size_t relay_signed(struct relay *, uint64_t seq, uint64_t now_ms);
uint64_t relay_tick(struct relay *, uint64_t now_ms);             /* give up, order again; returns when to call next */

/* The disks of f+1 members are nearly full: until it is said otherwise, nothing is taken. */
void relay_short(struct relay *, bool is_short);

struct relay_info {
	uint32_t queued, outstanding, unsigned_; /* outstanding: of clients, all states */
};
void relay_info(const struct relay *, struct relay_info *);

#endif
