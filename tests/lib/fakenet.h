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
enum { FAKENET_CONNECTIONS_MAX = 8 };

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
	FAKENET_REFUSES,   /* with an extended error, see `ede` */
	FAKENET_TRUNCATES, /* TC over UDP, honest over TCP */
	FAKENET_BADCOOKIE  /* likes no cookie, not even its own */
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
};

/* n honest replicas at example.test. The time is 2026-12-01T00:00:00Z. */
void fakenet_init(struct fakenet *net, unsigned n);
void fakenet_clear(struct fakenet *net);

/* What replica i answers: octets in out (AP_DNS_MAX of them), 0 for none. */
size_t fakenet_answer(struct fakenet *net, unsigned i, bool tcp, const uint8_t *wire, size_t len,
		      uint8_t *out);

/* Sockets on 127.0.0.1, ports of the system's choice, UDP and TCP the same. */
void fakenet_open(struct fakenet *net);
void fakenet_close(struct fakenet *net);
/* This one's are closed: nothing listens there. */
void fakenet_kill(struct fakenet *net, unsigned i);
/* Answers what has come, waiting at most so long for something, and for fd (-1: none) too. */
void fakenet_serve(struct fakenet *net, int fd, int timeout_ms);

#endif
