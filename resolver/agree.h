/*
 * libagree: ask a network of replicas for an agreement, and know that the answer is true.
 *
 * An instance is one question that gets at most one answer, ever; a ticket says which. Every
 * outcome that this library hands out was proven under the network's key: it needs no trust in
 * the replica that gave it, nor in anybody on the way. See libagree(3).
 *
 * Nothing here blocks (but agree_wait), forks, starts threads, handles signals or writes to
 * stderr. Callbacks run inside agree_process, agree_process_fd, agree_wait, agree_cancel and
 * agree_ctx_free only, never inside the call that started the request; each request has exactly
 * one. A context and all that was made with it belong to one thread at a time; contexts are
 * independent of each other. Outcomes never change, and may be shared by threads.
 *
 * int results: 0 (or a number where that is said), or a negative AGREE_E* of agree_errors.h.
 * Texts end in NUL. What goes in is copied, and stays the caller's.
 */
#ifndef AGREE_H
#define AGREE_H

#include <stddef.h>

#include "agree_errors.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) && defined(AGREE_BUILDING)
#define AGREE_API __attribute__((visibility("default")))
#else
#define AGREE_API
#endif

#define AGREE_ID_LEN	37	 /* octets of an instance's id */
#define AGREE_KEY_LEN	32	 /* octets of a network's key */
#define AGREE_VALUE_MAX 255	 /* octets of a value */
#define AGREE_LABEL_MAX 63	 /* octets of a label */
#define AGREE_WAIT_MAX	86400000 /* milliseconds that agree_observe waits at most */

typedef struct agree_ctx agree_ctx;	    /* sockets, settings, requests in flight */
typedef struct agree_network agree_network; /* a domain, its key, and where its replicas are */
typedef struct agree_terms agree_terms;	    /* what an instance is to be */
typedef struct agree_ticket agree_ticket;   /* an instance of one network */
typedef struct agree_request agree_request; /* in flight; gone when its callback returns */
typedef struct agree_outcome agree_outcome; /* proven */

/* ---- contexts ---- */

AGREE_API int agree_ctx_new(agree_ctx **ctx);

/*
 * Requests in flight end with AGREE_ECANCELED. Inside a callback the context is freed when the
 * callback has returned. In a process that was forked since: frees, and calls nobody back.
 */
AGREE_API void agree_ctx_free(agree_ctx *ctx);

/*
 * Settings count for requests that start afterwards. AGREE_EOPTION: there is no such one;
 * AGREE_EADDRESS, AGREE_EFILE or AGREE_EUSAGE: bad value. A NULL or empty value is the default.
 *
 *   dns             ADDR[#PORT], or several with commas: instead of those in resolv.conf
 *   server          ADDR[#PORT] of the only replica to ask, which tells the key too
 *   source          ADDR to send from (not for DNS lookups)
 *   family          4 or 6: addresses of that family only
 *   tofu            1: trust an unauthenticated key at first sight, and remember it
 *   trust-ad        1: believe the AD bit of the resolver, wherever it is
 *   known-networks  PATH of the file of remembered keys; default agree/known_networks in
 *                   $XDG_CONFIG_HOME or ~/.config
 *   time            milliseconds for each try, default 5000
 *   tries           1 to 16, default 3
 *   hedge           milliseconds before the next replica is asked as well, default 200
 *   tcp             1: no UDP
 *   cookie          0: no DNS cookies
 *   recurse         1: set the RD flag, which means nothing to replicas
 *   bufsize         octets of UDP answers, 512 to 4096, default 1232
 *   padding         octets that requests are padded to, at most 1232; default: as the answer needs
 *   f               faulty replicas to count with; default: what the network's TXT record says
 */
AGREE_API int agree_ctx_set(agree_ctx *ctx, const char *option, const char *value);

/*
 * What happens on the way, for people: what was sent (status 0), what was received and what became
 * of it (status 1: proven; 0: asked again or waited on; negative: why it does not count), and notes
 * (no octets; text says what; server may be ""). Called at any time, inside any function; must not
 * call this library.
 */
enum { AGREE_TRACE_SENT = 1, AGREE_TRACE_RECEIVED = 2, AGREE_TRACE_NOTE = 3 };
typedef void agree_trace_cb(void *arg, int event, const char *server, int tcp, const void *octets,
			    size_t len, int status, const char *text);
AGREE_API int agree_ctx_trace(agree_ctx *ctx, agree_trace_cb *trace, void *arg);

/* ---- loops ---- */

/*
 * One descriptor that is readable when agree_process has something to do; it stays the same while
 * the context lives.
 */
AGREE_API int agree_fd(agree_ctx *ctx);
/* Milliseconds until then at most; -1: no limit. Not needed by who watches agree_fd. */
AGREE_API int agree_timeout(agree_ctx *ctx);
AGREE_API int agree_process(agree_ctx *ctx);

/*
 * For loops that would rather watch each socket themselves: `socket` says what a descriptor is
 * watched for from now on (0: no more; it is closed right after), `timer` in how many milliseconds
 * agree_process_fd is to be called with fd -1 (-1: not). Both are called at any time and must not
 * call this library. Only while the context has no request; then agree_fd, agree_process and
 * agree_wait give AGREE_EUSAGE. AGREE_READ in `events` also stands for errors and hang-ups.
 */
enum { AGREE_READ = 1, AGREE_WRITE = 2 };
typedef void agree_socket_cb(void *arg, int fd, unsigned events);
typedef void agree_timer_cb(void *arg, int timeout_ms);
AGREE_API int agree_set_io(agree_ctx *ctx, agree_socket_cb *socket, agree_timer_cb *timer,
			   void *arg);
AGREE_API int agree_process_fd(agree_ctx *ctx, int fd, unsigned events);

/*
 * For programs without a loop: until the callback of this request has run (NULL: of all), or
 * timeout_ms have passed (-1: no limit), then AGREE_ETIMEOUT and the request goes on.
 */
AGREE_API int agree_wait(agree_ctx *ctx, const agree_request *request, int timeout_ms);

/* Its callback runs now, with AGREE_ECANCELED. What was sent may still be executed. */
AGREE_API void agree_cancel(agree_request *request);

/* ---- networks ---- */

/* network: the caller's to free; NULL unless status is 0. */
typedef void agree_network_cb(void *arg, int status, agree_network *network);

/*
 * Looks up where the network's replicas are, and its key. The key is `key`, 43 characters of
 * base64url, if that is not NULL; else the one in the known_networks file, else one that the DNS
 * authenticates (DNSSEC), else, with the option tofu, the one that the DNS has. Status
 * AGREE_EWRONGKEY: the DNS has another key than `key`; AGREE_EKEYCHANGED: than known_networks;
 * AGREE_EKNOWN: that file has a line that cannot be understood, which a note of agree_ctx_trace
 * names; AGREE_ENOKEY: there is none to trust. `request` may be NULL.
 */
AGREE_API int agree_network_find(agree_ctx *ctx, const char *domain, const char *key,
				 agree_network_cb *cb, void *arg, agree_request **request);
/* Requests in flight go on. */
AGREE_API void agree_network_free(agree_network *network);

enum {
	AGREE_TRUST_CALLER = 1,
	AGREE_TRUST_KNOWN = 2,
	AGREE_TRUST_DNSSEC = 3,
	AGREE_TRUST_TOFU = 4
};
/* Why the key is trusted, and that in a word. */
AGREE_API int agree_network_trust(const agree_network *network);
AGREE_API const char *agree_trust_text(int trust);

/* The key that known_networks has for this domain, for agree_verify: 0, AGREE_ENOKEY, AGREE_EFILE,
 * AGREE_EKNOWN. */
AGREE_API int agree_known_key(agree_ctx *ctx, const char *domain, unsigned char key[AGREE_KEY_LEN]);

AGREE_API const char *agree_network_domain(const agree_network *network);
AGREE_API void agree_network_key(const agree_network *network, unsigned char key[AGREE_KEY_LEN]);
/* What the TXT record says, unauthenticated: "n", "f", "e" (epoch), "r" (retention, seconds). 0, or
 * AGREE_EOPTION if it does not say it. */
AGREE_API int agree_network_number(const agree_network *network, const char *name,
				   unsigned long long *number);

/* Replicas in the order in which they are asked. */
AGREE_API size_t agree_network_replicas(const agree_network *network);
/* Host name and one address; "" if there is no such replica. */
AGREE_API const char *agree_network_replica_name(const agree_network *network, size_t i);
AGREE_API const char *agree_network_replica_server(const agree_network *network, size_t i);
/* The same network with this replica alone. */
AGREE_API int agree_network_only(const agree_network *network, size_t i, agree_network **only);

/* ---- instances ---- */

/*
 * Terms begin as those of an open instance, which the first proposal decides, without a label and
 * without a deadline.
 */
AGREE_API int agree_terms_new(agree_terms **terms);
AGREE_API void agree_terms_free(agree_terms *terms);
/* 1 to 63 octets. */
AGREE_API int agree_terms_label(agree_terms *terms, const void *label, size_t len);
/* Seconds since 1970, UTC. Label and deadline name the same instance for everybody. */
AGREE_API int agree_terms_deadline(agree_terms *terms, unsigned long long seconds);
/* An instance that nobody else has: random octets go into its id. */
AGREE_API int agree_terms_fresh(agree_terms *terms);

AGREE_API int agree_ticket_new(const agree_network *network, const agree_terms *terms,
			       agree_ticket **ticket);
/*
 * From a ticket's text, an id of 60 characters, or an instance's name. An id says less: it cannot
 * be proposed to, and what it never had is UNKNOWN. AGREE_ETICKET, AGREE_ETICKETNET,
 * AGREE_ETICKETTERMS; AGREE_EID: none of them.
 */
AGREE_API int agree_ticket_parse(const agree_network *network, const char *text,
				 agree_ticket **ticket);
AGREE_API void agree_ticket_free(agree_ticket *ticket);
/* Into *size characters, NUL included; *size is then what is needed. AGREE_ESPACE: more than
 * there is; AGREE_ETICKET: made from an id, so there is no text. */
AGREE_API int agree_ticket_text(const agree_ticket *ticket, char *text, size_t *size);
/* The instance's domain name, likewise. */
AGREE_API int agree_ticket_name(const agree_ticket *ticket, char *text, size_t *size);
AGREE_API void agree_ticket_id(const agree_ticket *ticket, unsigned char id[AGREE_ID_LEN]);

/* ---- requests ---- */

/* outcome: NULL unless status is 0; borrowed, see agree_outcome_ref. */
typedef void agree_cb(void *arg, int status, const agree_outcome *outcome);

enum { AGREE_TCP = 1 }; /* flags: not over UDP */

/*
 * Proposes the value. Status 0 means that the outcome is known, not that it is this value: see
 * agree_outcome_is. To ask again is harmless, and gives the same outcome.
 */
AGREE_API int agree_approve(agree_ctx *ctx, agree_network *network, const agree_ticket *ticket,
			    const void *value, size_t len, unsigned flags, agree_cb *cb, void *arg,
			    agree_request **request);
/*
 * Asks for the outcome and changes nothing. wait_ms: if it is not final, waits so long for it to
 * become so; what is known then is given.
 */
AGREE_API int agree_observe(agree_ctx *ctx, agree_network *network, const agree_ticket *ticket,
			    int wait_ms, unsigned flags, agree_cb *cb, void *arg,
			    agree_request **request);

/* ---- outcomes ---- */

enum {
	AGREE_PENDING = 1,
	AGREE_DECIDED = 2,
	AGREE_ABORTED = 3,
	AGREE_UNKNOWN = 4,
	AGREE_FORGOTTEN = 5
};
enum {
	AGREE_REASON_NONE = 0,
	AGREE_REASON_VETOED = 1,
	AGREE_REASON_SPLIT = 2,
	AGREE_REASON_DEADLINE = 3
};
AGREE_API int agree_outcome_status(const agree_outcome *outcome);
AGREE_API int agree_outcome_reason(const agree_outcome *outcome);
/* "decided", "deadline"... */
AGREE_API const char *agree_status_text(int status);
AGREE_API const char *agree_reason_text(int reason);
/* DECIDED or ABORTED: no later answer ever says something else. */
AGREE_API int agree_outcome_final(const agree_outcome *outcome);
/* Octets of the decided value, and a NUL behind them; NULL if there is none. */
AGREE_API const void *agree_outcome_value(const agree_outcome *outcome, size_t *len);
/* 1: it is decided, with this value. */
AGREE_API int agree_outcome_is(const agree_outcome *outcome, const void *value, size_t len);
/* At which it became so; 0 where there is none. */
AGREE_API unsigned long long agree_outcome_sequence(const agree_outcome *outcome);
/* Milliseconds since 1970, UTC. */
AGREE_API unsigned long long agree_outcome_time(const agree_outcome *outcome);
/* How many approvals decide, and who has approved and vetoed (bit i: party i). */
AGREE_API void agree_outcome_tally(const agree_outcome *outcome, unsigned *k, unsigned long *yes,
				   unsigned long *no);
AGREE_API unsigned long agree_outcome_epoch(const agree_outcome *outcome);
AGREE_API void agree_outcome_id(const agree_outcome *outcome, unsigned char id[AGREE_ID_LEN]);
/* RDATA of the AGREE record: with id and key it proves the outcome to anybody, for ever. */
AGREE_API const void *agree_outcome_wire(const agree_outcome *outcome, size_t *len);
/* ADDR#PORT of the replica that gave it; "" after agree_verify. */
AGREE_API const char *agree_outcome_server(const agree_outcome *outcome);
/* One more owner; each frees. ref gives its argument. */
AGREE_API agree_outcome *agree_outcome_ref(const agree_outcome *outcome);
AGREE_API void agree_outcome_free(agree_outcome *outcome);

/*
 * Proves a record without a network. AGREE_ERECORD, AGREE_EPROOF, AGREE_ESIGNATURE: it is none of
 * this network and instance; AGREE_EKEY: the key is none. What is not final may be out of date.
 */
AGREE_API int agree_verify(const unsigned char key[AGREE_KEY_LEN],
			   const unsigned char id[AGREE_ID_LEN], const void *wire, size_t len,
			   agree_outcome **outcome);
/* 43 characters of base64url: 0 or AGREE_EKEY. */
AGREE_API int agree_key_parse(unsigned char key[AGREE_KEY_LEN], const char *text);

/* What an AGREE_E* means, and what to do. Never NULL. */
AGREE_API const char *agree_strerror(int error);
AGREE_API const char *agree_version(void);

#ifdef __cplusplus
}
#endif

#endif
