/*
 * A crowd of clients: many proposals (or reads) under way at once, from several UDP sockets to all
 * replicas, every answer verified under the group key.
 *
 *   load.c        options, report, and the file of what was acknowledged
 *   load_ask.c    octets: requests, and what answers are worth
 *   load_link.c   sockets: windows of requests, resending, the loop
 */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>

#include "libproto/cookie.h"
#include "libproto/crypto.h"
#include "libproto/dns.h"
#include "libproto/statement.h"

enum {
	LOAD_SERVERS_MAX = 13,
	LOAD_LINKS_MAX = 64,
	LOAD_WINDOW_MAX = 256, /* requests under way of one socket: 8 bits of the DNS id */
	LOAD_COUNT_MAX = 20000000,
	LOAD_RATE_MAX = 1000000,
	LOAD_VALUE = 32,
	LOAD_KNOWN = 1024, /* statements remembered as signed */
	LOAD_FULL_PATH = 8 /* nodes of a path at 256 outcomes in a batch */
};

/* Something that was answered, as the file of acknowledged outcomes has it. */
struct load_record {
	uint8_t id[AP_ID_LEN];
	uint8_t value_len, value[AP_VALUE_MAX];
	uint64_t sequence, time_ms;
	bool ours; /* the value is what this crowd proposed */
};

/* A statement whose signature was good: of 256 answers of one batch, one costs a verification. */
struct load_known {
	uint8_t statement[AP_STATEMENT_BATCH];
	uint8_t sig[64];
};

struct load {
	/* what to do */
	struct sockaddr_storage servers[LOAD_SERVERS_MAX];
	size_t n_servers;
	struct ap_name zone;
	uint8_t key[32];
	struct ap_verify_key verifier;
	size_t links, window; /* sockets for each server, requests under way for each socket */
	uint64_t rate;	      /* new requests a second at most; 0: no bound */
	uint64_t count;	      /* requests in all */
	uint64_t wait_us;     /* until a request is sent again */
	unsigned tries;
	uint64_t deadline_s;		   /* of the instances */
	bool shared;			   /* others propose for the same instances */
	uint8_t seed[8];		   /* first half of the salts */
	uint8_t name[8];		   /* first part of the values */
	uint64_t epoch_us;		   /* UTC at 0 of load_now_us() */
	FILE *acknowledged;		   /* written: a line for each answer */
	const struct load_record *records; /* read instead of proposing */

	/* what came of it */
	volatile sig_atomic_t stop;
	uint64_t began_us;
	uint64_t next;	/* number of the next request */
	uint64_t good;	/* answered, proven, and as expected */
	uint64_t wrong; /* answers that are not proven, or contradict what was acknowledged */
	uint64_t lost;	/* requests given up */
	uint64_t resent, refused;
	uint64_t checked; /* signatures verified */
	uint64_t leaves;  /* sum over the answers of the leaves in their batch */
	size_t octets;	  /* of the largest answer with LOAD_FULL_PATH nodes */
	uint32_t *latency_us;
	struct load_known known[LOAD_KNOWN];
};

/* One request under way. */
struct load_job {
	uint64_t number;
	uint8_t id[AP_ID_LEN];
	uint64_t first_us, due_us;
	unsigned tries;
	uint8_t turn; /* high octet of the DNS id: an answer to an earlier job in this place is late
		       */
	bool busy;
};

struct load_cookie {
	uint8_t octets[AP_COOKIE_MAX];
	size_t len;
};

/* ---- load_ask.c ---- */

/* Gives the job its number and id. */
void load_ask_init(const struct load *l, struct load_job *job, uint64_t number);
/* The request's octets: at most AP_UDP_MAX. */
size_t load_ask_put(const struct load *l, const struct load_job *job, uint16_t dns_id,
		    const struct load_cookie *cookie, uint8_t out[AP_UDP_MAX]);

enum load_verdict {
	LOAD_GOOD,
	LOAD_AGAIN,   /* BADCOOKIE, TC: at once, with the new cookie */
	LOAD_REFUSED, /* the replica cannot now: later */
	LOAD_WRONG
};
/* What a reply to the job says; *record is filled in if it is LOAD_GOOD. */
enum load_verdict load_ask_check(struct load *l, const struct load_job *job, const struct ap_dns *m,
				 struct load_record *record);

/* ---- load_link.c ---- */

uint64_t load_now_us(void);
/* Until all requests are answered or given up, or l->stop is set. false: it said why. */
bool load_run(struct load *l);

#endif
