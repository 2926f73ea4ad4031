/*
 * A network of replicas that there is not: one known Ed25519 key signs for all of them, and each
 * behaves as it is told. It answers QUERY and UPDATE messages of instances, and the lookups of
 * discovery, without a socket; fakenet_open() gives it some, on loopback.
 */
#ifndef TESTS_LIB_FAKENET_H
#define TESTS_LIB_FAKENET_H

#include <stdbool.h>

#include "libproto/codec.h"
#include "libproto/crypto.h"
#include "libproto/dns.h"

enum { FAKENET_REPLICAS_MAX = 4, FAKENET_INSTANCES_MAX = 64, FAKENET_EPOCH = 7 };
enum { FAKENET_CONNECTIONS_MAX = 8, FAKENET_PARTIES_MAX = 16, FAKENET_HELD_MAX = 1024 };

enum fakenet_mood {
	FAKENET_HONEST,
	FAKENET_SILENT,
	FAKENET_FORGES,	      /* another value than the signed one */
	FAKENET_OTHER_KEY,    /* signs with a key of its own */
	FAKENET_REPLAYS,      /* PENDING and UNKNOWN with an old nonce */
	FAKENET_OTHER_RECORD, /* of another instance, well signed */
	FAKENET_WRONG_ID,     /* of the DNS message */
	FAKENET_WRONG_COOKIE, /* not the client's */
	FAKENET_CUTS,	      /* the message ends in the middle of the record */
	FAKENET_BAD_RECORD,   /* RDATA that does not decode */
	FAKENET_NODATA,	      /* NOERROR, and nothing */
	FAKENET_SERVFAIL,
	FAKENET_REFUSES,	 /* with an extended error, see `ede` */
	FAKENET_TRUNCATES,	 /* TC over UDP, honest over TCP */
	FAKENET_BADCOOKIE,	 /* likes no cookie, not even its own */
	FAKENET_WITHHOLDS,	 /* votes are read only, under the same nonce */
	FAKENET_WANTS_DESCRIPTOR /* NoDescriptor to votes without */
};

/* An instance with parties. */
struct fakenet_parties {
	uint8_t id[AP_ID_LEN];
	uint8_t descriptor[AP_MAX_descriptor];
	size_t len;
	uint32_t yes, no;
	uint8_t status; /* 0: undecided */
	uint8_t value[AP_VALUE_MAX];
	size_t value_len;
	uint64_t sequence, time_ms;
};

/* A request that waits, over TCP. */
struct fakenet_held {
	uint8_t octets[512];
	size_t len;
	uint8_t replica, connection;
};

struct fakenet {
	struct ap_sign_key key, other_key;
	struct ap_name domain;
	uint64_t now_ms, sequence;
	unsigned n, f;
	bool additional;      /* SRV answers bring addresses along */
	bool wants_cookie;    /* BADCOOKIE to UDP requests without the server's */
	bool ad;	      /* AD in answers to lookups */
	bool decides_on_wait; /* "late" while a client waits, if nothing is decided */
	unsigned txt_copies;  /* v=agree1 records at the domain */
	uint16_t ede;
	struct {
		enum fakenet_mood mood;
		unsigned changes_after; /* so many requests: then it is `later`; 0: never */
		enum fakenet_mood later;
		uint16_t port;
		unsigned udp, tcp; /* requests that came */
		int udp_fd, tcp_fd;
		int connections[FAKENET_CONNECTIONS_MAX]; /* -1: none */
	} replicas[FAKENET_REPLICAS_MAX];
	struct {
		uint8_t id[AP_ID_LEN];
		uint8_t value[AP_VALUE_MAX];
		size_t len;
		uint64_t sequence, time_ms;
	} instances[FAKENET_INSTANCES_MAX];
	size_t n_instances;
	struct fakenet_parties parties[FAKENET_PARTIES_MAX];
	size_t n_parties;
	unsigned secrets_seen, bare_votes; /* votes that came */
	/* over TCP: connections stay, and who asks to wait is answered by fakenet_release() */
	bool holds;
	struct fakenet_held held[FAKENET_HELD_MAX];
	size_t n_held;
	unsigned accepted; /* connections, ever */
};

/* n honest replicas at example.test. The time is 2026-12-01T00:00:00Z. */
void fakenet_init(struct fakenet *net, unsigned n);
void fakenet_clear(struct fakenet *net);

/* What replica i answers: octets in out (AP_DNS_MAX of them), 0 for none. */
size_t fakenet_answer(struct fakenet *net, unsigned i, bool tcp, const uint8_t *wire, size_t len,
		      uint8_t *out);

/* Registers an instance with parties, as somebody who had these locks did. */
void fakenet_register(struct fakenet *net, const uint8_t id[AP_ID_LEN], ap_bytes descriptor);
struct fakenet_parties *fakenet_parties_find(struct fakenet *net, const uint8_t id[AP_ID_LEN]);
/* Carries out a request of an instance with parties; false: it is none. ede: it is refused. */
bool fakenet_vote(struct fakenet *net, enum fakenet_mood mood, const uint8_t id[AP_ID_LEN],
		  const ap_propose *propose, ap_outcome *outcome, uint16_t *ede);

/* Sockets on 127.0.0.1, ports of the system's choice, UDP and TCP the same. */
void fakenet_open(struct fakenet *net);
void fakenet_close(struct fakenet *net);
/* This one's are closed: nothing listens there. */
void fakenet_kill(struct fakenet *net, unsigned i);
/* Answers all that wait, the last first. */
void fakenet_release(struct fakenet *net);
/* Answers what has come, waiting at most so long for something, and for fd (-1: none) too. */
void fakenet_serve(struct fakenet *net, int fd, int timeout_ms);

#endif
