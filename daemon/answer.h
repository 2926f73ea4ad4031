/*
 * From a client's message to an answer, at once or later: opcodes, names, the rules of RFC 2136 for proposals,
 * cookies, the size rule, extended errors. draft {#messages}. Knows no sockets.
 */
#ifndef DAEMON_ANSWER_H
#define DAEMON_ANSWER_H

#include "daemon/client.h"
#include "daemon/quota.h"
#include "daemon/relay.h"
#include "daemon/votes.h"
#include "daemon/waiters.h"
#include "libproto/dns.h"

struct answers;

struct answers_conf {
	const struct conf *conf;
	const struct netfile *net;
	uint8_t self;
	struct index *index;
	const struct machine *machine;
	struct votes *votes; /* NULL: credentials are left to the machine */
	struct waiters *waiters; /* NULL: nobody waits */
	struct quota *quota;     /* NULL: no limits of client networks */
	struct relay *relay; /* set by answers_relay() */
};

int answers_new(struct answers **, const struct answers_conf *); /* 0 or AGREE_E* */
void answers_free(struct answers *);
void answers_relay(struct answers *, struct relay *);

enum { ANSWER_MAX = 65535 };

/* One message, of `len` octets; cut: the socket had more of it. `asker` has its place filled in; the rest is filled in here.
 * Octets of the reply in `out` (ANSWER_MAX), 0: none now (it follows, or there is none). */
size_t answers_request(struct answers *, const uint8_t *wire, size_t len, bool cut, struct asker *asker, uint8_t *out);

/* The reply that was not given at once: octets in `out`. agree or refusal as relay_conf.answer has them. */
size_t answers_outcome(struct answers *, const struct asker *, const uint8_t id[AP_ID_LEN], const ap_agree *agree,
		       int refusal, uint8_t *out);

/* REFUSED or SERVFAIL as the refusal has it: draft {#refusals}. */
uint16_t answers_rcode(int refusal);

struct clients_info *answers_info(struct answers *);

#endif
