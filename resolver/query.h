/*
 * One request to a network, without sockets and clocks: octets and time go in; the next message,
 * the next deadline and at last a proven record come out. draft {#client}
 *
 *	stub_query_init(&q, &conf, now);
 *	for (;;) switch (stub_query_next(&q, now, buffer, &send)) {
 *	case STUB_SEND:  send the octets, go on
 *	case STUB_SLEEP: until an answer, a failure or stub_query_deadline(): then go on
 *	case STUB_DONE:  q.status, q.record
 *	}
 *
 * How it asks. One replica at first; the next one when that fails, or after hedge_ms, and so on to
 * the last: a round. After time_ms a new round asks again those that did not answer, tries times
 * in all. Only a record that is proven under the network's key ends it well. A replica that gives
 * another one lies and is asked no more; a refusal is believed once f+1 replicas have given one.
 */
#ifndef STUB_QUERY_H
#define STUB_QUERY_H

#include "libproto/codec.h"
#include "libproto/crypto.h"
#include "libproto/dns.h"
#include "libproto/instance.h"
#include "libproto/name.h"
#include "resolver/address.h"
#include "resolver/jar.h"

enum {
	STUB_ENDPOINTS_MAX = 64,
	STUB_MESSAGE_MAX = 8192,   /* octets of the largest request, padding included */
	STUB_PAD_MAX = AP_UDP_MAX, /* more would not be a datagram of ours */
	STUB_PAUSE_MS = 250,	   /* before a new round when all have failed at once */
	STUB_WAIT_MIN_S = 15,	   /* the first replica is waited on for so long, then another */
	STUB_WAIT_MAX_S = 240,	   /* for twice as long, and so on up to this */
	STUB_WAIT_PAUSE_MS = 500,  /* at least between two requests to wait */
	STUB_BADCOOKIE_MAX = 2,	   /* then TCP */
};

struct stub_endpoint {
	struct stub_address address;
	uint8_t replica; /* whose it is: refusals are counted by replica */
};

enum stub_ask {
	STUB_READ,    /* QUERY: the id is enough */
	STUB_APPROVE, /* UPDATE with a value, if no other one stands */
	STUB_VETO,    /* UPDATE */
	STUB_OBSERVE, /* UPDATE that changes nothing: the descriptor gets a full answer */
};

/* Whose vote it is: draft {#votes} */
struct stub_vote {
	uint8_t party;
	ap_credential credential;
};

struct stub_tuning {
	uint32_t time_ms, hedge_ms;
	uint8_t tries; /* at least 1 */
	bool tcp;      /* no UDP */
	bool no_cookie;
	bool recurse;	   /* the RD flag */
	uint16_t udp_size; /* of answers, as OPT says it */
	uint16_t pad_to;   /* octets of each request; 0: as many as the answer needs */
};

struct stub_query_conf {
	enum stub_ask ask;
	struct ap_name zone;
	ap_id id;
	ap_bytes value;		      /* STUB_APPROVE */
	ap_bytes descriptor;	      /* encoded; all but STUB_READ */
	const ap_optdigest *terms;    /* of the descriptor, if it has locks; all but STUB_READ */
	const struct stub_vote *vote; /* NULL: in an open instance */
	bool bare;	  /* a vote without descriptor will do, unless a replica asks for it */
	uint32_t wait_ms; /* 0: the first proven answer; else until it is final or time is up */
	const struct stub_endpoint *endpoints; /* in the order to ask them */
	size_t n_endpoints;
	unsigned f;
	struct ap_verify_key *key;
	struct stub_jar *jar;
	stub_random_fn *random;
	struct stub_tuning tuning;
};

enum stub_step { STUB_SEND, STUB_SLEEP, STUB_DONE };

struct stub_send {
	size_t endpoint;
	bool tcp;
	size_t len;
};

/* What became of an answer; error has the reason where there is one. */
enum stub_verdict {
	STUB_IGNORED, /* not an answer to anything that is in flight */
	STUB_AGAIN,   /* ask the same replica again: with its cookie, or over TCP */
	STUB_NEXT,    /* it cannot now: ask the next one */
	STUB_REFUSAL,
	STUB_LIE,
	STUB_PENDING, /* proven, but not final, and there is time left to wait */
	STUB_OTHER,   /* proven, but about the same id under other terms */
	STUB_PROVEN
};

enum stub_peer_state {
	STUB_IDLE,   /* not asked yet in this round */
	STUB_DUE,    /* is to be sent to */
	STUB_ASKED,  /* has been sent to */
	STUB_FAILED, /* gave nothing in this round */
	STUB_OUT,    /* is asked no more: see its error */
};

struct stub_peer {
	enum stub_peer_state state;
	bool open; /* an answer would be taken */
	bool tcp;
	bool bare; /* it was sent no descriptor */
	bool refused;
	uint8_t badcookies;
	uint16_t id;
	int error;	/* why it is FAILED or OUT; 0 */
	uint16_t rcode; /* of its last answer */
};

/* The fields are query*.c's own; others read status, record, record_len, answered, peers. */
struct stub_query {
	struct stub_query_conf conf;
	struct ap_name name;
	ap_nonce nonce;
	struct stub_peer peers[STUB_ENDPOINTS_MAX];
	unsigned round;
	uint64_t hedge_at, round_at; /* when the next one, the next round may be begun */
	bool waiting;		     /* for a final outcome, at peers[wait_peer] */
	bool bare;		     /* as conf has it, until a replica wants the descriptor */
	size_t wait_peer;
	uint32_t wait_s; /* how long that one is waited on */
	uint64_t wait_until, wait_at, wait_over;
	bool done;
	int status; /* 0: proven */
	uint8_t record[AP_MAX_agree];
	size_t record_len; /* 0: none */
	size_t answered;   /* index of the endpoint that gave it */
	int error;	   /* as of the last stub_query_answer() */
};

/*
 * What conf points to must live as long as the query. 0; AGREE_EUSAGE: no endpoint or too many;
 * AGREE_EDOMAIN: the zone's name is too long for an instance below it; AGREE_EINTERNAL: no random
 * octets.
 */
int stub_query_init(struct stub_query *q, const struct stub_query_conf *conf, uint64_t now_ms);

enum stub_step stub_query_next(struct stub_query *q, uint64_t now_ms,
			       uint8_t message[STUB_MESSAGE_MAX], struct stub_send *send);
uint64_t stub_query_deadline(const struct stub_query *q);

/* Octets came from this endpoint. q->error has the reason. */
enum stub_verdict stub_query_answer(struct stub_query *q, size_t endpoint, bool tcp,
				    const void *wire, size_t len, uint64_t now_ms);
/* No answer will come from there: refused, closed, not to be sent to. */
void stub_query_fail(struct stub_query *q, size_t endpoint, bool tcp, int error, uint64_t now_ms);

/* ---- between query.c, query_message.c, query_answer.c ---- */

/* Writes the request for q->peers[endpoint] as its fields are; octets, or AGREE_E*. */
int stub_message_put(struct stub_query *q, size_t endpoint, uint16_t wait_s,
		     uint8_t message[STUB_MESSAGE_MAX]);

/* A judgement of octets, which changes nothing but the cookie jar. */
struct stub_judgement {
	enum stub_verdict verdict;
	int error;
	bool over_tcp; /* STUB_AGAIN: not with UDP */
	uint16_t rcode;
	ap_bytes record; /* STUB_PROVEN: within the octets */
	bool is_final;
};
void stub_judge(struct stub_query *q, size_t endpoint, bool tcp, const void *wire, size_t len,
		struct stub_judgement *j);

#endif
