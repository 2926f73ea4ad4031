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

#define AGREE_ID_LEN	  37  /* octets of an instance's id */
#define AGREE_KEY_LEN	  32  /* octets of a network's key */
#define AGREE_VALUE_MAX	  255 /* octets of a value */
#define AGREE_LABEL_MAX	  63  /* octets of a label */
#define AGREE_PARTIES_MAX 32
#define AGREE_SECRET_LEN  32	   /* octets of a secret, and of an identity's seed */
#define AGREE_SIG_LEN	  64	   /* octets of a party's signature */
#define AGREE_WAIT_MAX	  86400000 /* milliseconds that one request waits at most */

typedef struct agree_ctx agree_ctx;	    /* sockets, settings, requests in flight */
typedef struct agree_network agree_network; /* a domain, its key, and where its replicas are */
typedef struct agree_terms agree_terms;	    /* what an instance is to be */
typedef struct agree_ticket agree_ticket;   /* an instance of one network */
typedef struct agree_party agree_party;	    /* one of its parties, and how it shows that it is */
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
/*
 * A network without replicas, for tickets, locks and parties where nothing is to be asked. The
 * caller trusts the key.
 */
AGREE_API int agree_network_of_key(const char *domain, const unsigned char key[AGREE_KEY_LEN],
				   agree_network **network);
/* The same network with this replica alone. */
AGREE_API int agree_network_only(const agree_network *network, size_t i, agree_network **only);

/* ---- instances ---- */

/*
 * Terms begin as those of an open instance, which the first proposal decides, without a label and
 * without a deadline.
 */
AGREE_API int agree_terms_new(agree_terms **terms);
AGREE_API void agree_terms_free(agree_terms *terms);
/* 1 to 63 octets of UTF-8 without control characters: AGREE_ELABEL. */
AGREE_API int agree_terms_label(agree_terms *terms, const void *label, size_t len);
/* Seconds since 1970, UTC. Label and deadline name the same open instance for everybody. */
AGREE_API int agree_terms_deadline(agree_terms *terms, unsigned long long seconds);
/* An instance that nobody else has: random octets go into its id. */
AGREE_API int agree_terms_fresh(agree_terms *terms);
/*
 * One party more: one that signs with this key (Ed25519), or, with NULL, one that votes with
 * secrets. Its index is the number of parties before it. AGREE_EKEY; AGREE_EPARTIES: a key that is
 * there already, or more than 32.
 */
AGREE_API int agree_terms_party(agree_terms *terms, const unsigned char key[AGREE_KEY_LEN]);
/* How many of the parties must concur; all, unless this says otherwise. */
AGREE_API int agree_terms_k(agree_terms *terms, unsigned k);
/* The only value that may be decided: needed where parties vote with secrets. AGREE_EVALUE. */
AGREE_API int agree_terms_value(agree_terms *terms, const void *value, size_t len);
/*
 * The instance of this period (seconds, 60 to 366 days) that is on at now_s (seconds since 1970),
 * in place of a deadline: label and period name the same one for everybody. With a secret, only
 * for those who have it: agree_terms_free() wipes it. AGREE_EPERIOD, AGREE_ETIME; AGREE_EGROUP: a
 * secret of less than 16 octets or more than 1024.
 */
AGREE_API int agree_terms_period(agree_terms *terms, unsigned long long period_s,
				 unsigned long long now_s, const void *secret, size_t len);

/*
 * AGREE_ELABEL, AGREE_ETIME, AGREE_EK, AGREE_ENOVALUE: the terms are none. If a party votes with
 * secrets, the ticket is a draft, until all of those have added their locks.
 */
AGREE_API int agree_ticket_new(const agree_network *network, const agree_terms *terms,
			       agree_ticket **ticket);
/*
 * From a ticket's text, an id of 60 characters, or an instance's name. An id says less: it cannot
 * be voted on, and what it never had is UNKNOWN. AGREE_ETICKET, AGREE_ETICKETNET,
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
/* Seconds since 1970. */
AGREE_API unsigned long long agree_ticket_deadline(const agree_ticket *ticket);

/* What the terms say; of a ticket made from an id 0, NULL and AGREE_ETICKET. */
AGREE_API unsigned long long agree_ticket_start(const agree_ticket *ticket); /* 0: none */
AGREE_API unsigned agree_ticket_k(const agree_ticket *ticket);
AGREE_API size_t agree_ticket_parties(const agree_ticket *ticket); /* 0: open */
/* 1: it signs, with this key (may be NULL); 0: it votes with secrets; AGREE_ENOTPARTY. */
AGREE_API int agree_ticket_party_key(const agree_ticket *ticket, unsigned party,
				     unsigned char key[AGREE_KEY_LEN]);
/* Octets, not text; NULL: no value is fixed. Good while the ticket is. */
AGREE_API const void *agree_ticket_value(const agree_ticket *ticket, size_t *len);
AGREE_API const void *agree_ticket_label(const agree_ticket *ticket, size_t *len);

/* ---- parties ---- */

/*
 * A party by its secrets. They are for this instance, this party, this answer. The index is among
 * all parties, from 0. AGREE_ENOTPARTY: there is none, or it has a key.
 *
 * agree_party_new makes them (of a draft or not). agree_party_secrets has the caller's: either may
 * be NULL, then it cannot answer so; AGREE_ESECRET: one opens no lock in the ticket, where that
 * has one.
 */
AGREE_API int agree_party_new(const agree_ticket *ticket, unsigned party, agree_party **out);
AGREE_API int agree_party_secrets(const agree_ticket *ticket, unsigned party,
				  const unsigned char *yes, const unsigned char *no,
				  agree_party **out);
/* To keep it: AGREE_ESECRET, it has none. Whoever gets it can vote. */
AGREE_API int agree_party_secret(const agree_party *party, int yes,
				 unsigned char secret[AGREE_SECRET_LEN]);
/*
 * A party by its key: agree_keygen()'s seed; or a function that signs, called inside agree_vote()
 * only, for keys that are elsewhere: 0, or a negative AGREE_E* that agree_vote() then gives.
 * AGREE_ENOTPARTY: the ticket has no such key.
 */
AGREE_API int agree_party_identity(const agree_ticket *ticket,
				   const unsigned char seed[AGREE_SECRET_LEN], agree_party **out);
typedef int agree_sign_cb(void *arg, unsigned char sig[AGREE_SIG_LEN], const void *message,
			  size_t len);
AGREE_API int agree_party_signer(const agree_ticket *ticket, const unsigned char key[AGREE_KEY_LEN],
				 agree_sign_cb *sign, void *arg, agree_party **out);
AGREE_API unsigned agree_party_index(const agree_party *party);
/* Wipes its secrets. Requests in flight have their own. */
AGREE_API void agree_party_free(agree_party *party);

/*
 * The ticket with this party's locks in, both of them. AGREE_ELOCKED: it has others; AGREE_ETICKET:
 * the party is another instance's.
 */
AGREE_API int agree_ticket_lock(const agree_ticket *ticket, const agree_party *party,
				agree_ticket **locked);
/* 1: locks are missing. Drafts can be handed round and locked, nothing else. */
AGREE_API int agree_ticket_is_draft(const agree_ticket *ticket);
/*
 * The network has this instance with exactly these locks, as this outcome proves: of an observer
 * of this ticket, or handed on and proven by agree_verify(). Votes by secret then need no question
 * before them. AGREE_ETERMS: the locks are others, so nothing may be revealed; AGREE_EINSTANCE: it
 * is another instance's or network's; AGREE_EUSAGE: UNKNOWN or FORGOTTEN, which show nothing.
 */
AGREE_API int agree_ticket_registered(agree_ticket *ticket, const agree_outcome *outcome);

/* A new identity. The seed is what is to be kept secret. 0 or AGREE_EINTERNAL, AGREE_ENOMEM. */
AGREE_API int agree_keygen(unsigned char seed[AGREE_SECRET_LEN], unsigned char key[AGREE_KEY_LEN]);
AGREE_API int agree_public_key(const unsigned char seed[AGREE_SECRET_LEN],
			       unsigned char key[AGREE_KEY_LEN]);
/* Overwrites, where a compiler would leave memset() out. */
AGREE_API void agree_wipe(void *octets, size_t len);

/* ---- requests ---- */

/* outcome: NULL unless status is 0; borrowed, see agree_outcome_ref. */
typedef void agree_cb(void *arg, int status, const agree_outcome *outcome);

enum { AGREE_TCP = 1 }; /* flags: not over UDP */

/*
 * Votes as this party; NULL: in an open instance, which has none. yes: approves the value, NULL
 * being the one that the terms fix; else vetoes, without a value. Status 0 means that the outcome
 * is known, not that it is this one. A party's first vote counts; to send it again is harmless.
 *
 * wait_ms: if the outcome is not final then, waits so long for it to become so, as agree_observe.
 *
 * A secret leaves this process only when the network has proven that it has the instance with
 * exactly the ticket's locks: unless agree_ticket_registered() says so, this asks first. Status
 * AGREE_ETERMS: it has others, and nothing was revealed.
 *
 * At once: AGREE_EDRAFT; AGREE_ENODESCRIPTOR: a bare id; AGREE_ENOTPARTY, AGREE_ESECRET: the party
 * is not of this ticket, or has no such secret; AGREE_EFIXED: another value than the fixed one;
 * AGREE_ENOVALUE; AGREE_EVALUE; AGREE_EBADTERMS: a veto of an open instance.
 */
enum { AGREE_NO = 0, AGREE_YES = 1 };
AGREE_API int agree_vote(agree_ctx *ctx, agree_network *network, const agree_ticket *ticket,
			 const agree_party *party, int yes, const void *value, size_t len,
			 int wait_ms, unsigned flags, agree_cb *cb, void *arg,
			 agree_request **request);
/* The same in an open instance: proposes the value. See agree_outcome_is. */
AGREE_API int agree_approve(agree_ctx *ctx, agree_network *network, const agree_ticket *ticket,
			    const void *value, size_t len, unsigned flags, agree_cb *cb, void *arg,
			    agree_request **request);
/*
 * Asks for the outcome and votes nothing; an instance with parties is registered by it. wait_ms:
 * if it is not final, waits so long for it to become so; what is known then is given. Waits share
 * a connection to a replica, and go on at another one if it breaks.
 */
AGREE_API int agree_observe(agree_ctx *ctx, agree_network *network, const agree_ticket *ticket,
			    int wait_ms, unsigned flags, agree_cb *cb, void *arg,
			    agree_request **request);

/*
 * For programs without a loop: begin, wait for the callback, and give its status. Other requests of
 * the context go on meanwhile, and may call back. What comes out is the caller's to free.
 */
AGREE_API int agree_network_find_now(agree_ctx *ctx, const char *domain, const char *key,
				     agree_network **network);
AGREE_API int agree_vote_now(agree_ctx *ctx, agree_network *network, const agree_ticket *ticket,
			     const agree_party *party, int yes, const void *value, size_t len,
			     int wait_ms, unsigned flags, agree_outcome **outcome);
AGREE_API int agree_observe_now(agree_ctx *ctx, agree_network *network, const agree_ticket *ticket,
				int wait_ms, unsigned flags, agree_outcome **outcome);

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
/* How many approvals are missing, at least; 0 if it is not PENDING. */
AGREE_API unsigned agree_outcome_needed(const agree_outcome *outcome);
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
