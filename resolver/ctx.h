/*
 * What is behind the opaque types of agree.h.
 */
#ifndef STUB_CTX_H
#define STUB_CTX_H

#include <sys/types.h>

#include "libproto/instance.h"
#include "resolver/agree.h"
#include "resolver/discover.h"
#include "resolver/io.h"
#include "resolver/query.h"
#include "resolver/settings.h"
#include "resolver/stream.h"
#include "resolver/trust.h"

/* ---- requests ---- */

/* One row for each kind of request. All are called with a request that is not done. */
struct stub_request_kind {
	/* Time has passed, or it has just begun. */
	void (*go_on)(struct agree_request *request, uint64_t now_ms);
	uint64_t (*deadline)(const struct agree_request *request, uint64_t now_ms);
	/* Ends all I/O; also of one that has ended. */
	void (*stop)(struct agree_request *request);
	/* Calls the user back, once: what it has besides `status` is the request's own. */
	void (*call)(struct agree_request *request, int status);
	/* After the call: gives back its memory. */
	void (*free)(struct agree_request *request);
};

struct agree_request {
	struct agree_ctx *ctx;
	const struct stub_request_kind *kind;
	struct agree_request *prev, *next;
	struct agree_request *done_next;
	bool done;
	int status;
};

/* Puts it into the list of its context, and makes it go on. */
void stub_request_begin(struct agree_request *request, struct agree_ctx *ctx,
			const struct stub_request_kind *kind);
/* It has ended: its callback runs in the next agree_process. The first status counts. */
void stub_request_done(struct agree_request *request, int status);

/* ---- contexts ---- */

struct agree_ctx {
	pid_t pid; /* of the process that made it */
	struct stub_io io;
	struct stub_streams streams;
	struct stub_settings settings;
	struct stub_jar jar;
	struct agree_request *requests;
	struct agree_request *done_first, *done_last;
	unsigned depth; /* of callbacks */
	bool doomed;	/* to be freed when the last of them has returned */
	agree_trace_cb *trace;
	void *trace_arg;
	uint8_t message[STUB_MESSAGE_MAX]; /* to send */
	uint8_t datagram[AP_DNS_MAX];	   /* received */
};

/* 0, AGREE_EUSAGE (NULL), AGREE_EFORK, AGREE_ECANCELED (it is being freed). */
int stub_ctx_check(const struct agree_ctx *ctx);
/* May it be waited in? Not in a callback, where that might be for ever; not with the caller's loop.
 * 0, AGREE_EUSAGE, or as above. */
int stub_loop_check(const struct agree_ctx *ctx);
/* Sets the timer for what comes next. */
void stub_ctx_arm(struct agree_ctx *ctx);
/* The same, where only this request has changed. */
void stub_ctx_arm_for(struct agree_ctx *ctx, const struct agree_request *request);

void stub_trace_octets(struct agree_ctx *ctx, int event, const struct stub_address *server,
		       bool tcp, const void *octets, size_t len, int status);
void stub_trace_note(struct agree_ctx *ctx, const struct stub_address *server, bool tcp, int status,
		     const char *text);

/* ---- networks ---- */

enum { STUB_NAME_SHOWN = 256 };

struct agree_network {
	unsigned refs;
	struct ap_name domain;
	char domain_text[AP_NAME_TEXT];
	ap_key key;
	struct ap_verify_key verify;
	int trust;
	struct stub_txt txt;
	unsigned f;
	bool tcp_only;
	struct stub_endpoint endpoints[STUB_ENDPOINTS_MAX]; /* in the order to ask them */
	size_t n_endpoints;
	size_t n_replicas;
	struct {
		char name[STUB_NAME_SHOWN];
		char server[STUB_ADDRESS_TEXT];
	} replicas[STUB_TARGETS_MAX];
};

/* Without replicas; with one owner. */
int stub_network_new(struct agree_network **out, const struct ap_name *domain,
		     const struct stub_trust *trust);
void stub_network_add(struct agree_network *network, const char *name,
		      const struct stub_address *addresses, size_t n_addresses);
struct agree_network *stub_network_ref(struct agree_network *network);
/* This endpoint gave no answer: others are asked before it from now on. */
void stub_network_demote(struct agree_network *network, const struct stub_address *address);

/* ---- instances ---- */

enum { STUB_GROUP_MIN = 16, STUB_GROUP_MAX = 1024 }; /* octets of a secret of several hosts */

struct agree_ticket {
	ap_id id;
	ap_key network;
	struct ap_name domain;
	bool is_whole;	    /* there is a descriptor */
	bool is_draft;	    /* it lacks locks */
	bool is_registered; /* the network has it with these locks: that is proven */
	ap_optdigest terms; /* which an outcome of it has: of the descriptor, if there are locks */
	uint8_t descriptor[AP_MAX_descriptor];
	size_t descriptor_len;
};

/* Missing locks become zero. 0, AGREE_ENOMEM, AGREE_EINTERNAL. */
int stub_ticket_new(struct agree_ticket **out, const ap_key *network, const struct ap_name *domain,
		    ap_descriptor *descriptor);
/* Of a whole one; borrows from it. */
void stub_ticket_descriptor(const struct agree_ticket *ticket, ap_descriptor *descriptor);

/* What agree_ticket_new() gives; the descriptor borrows from the terms. */
int stub_terms_fill(const struct agree_terms *terms, const uint8_t network[32],
		    ap_descriptor *descriptor);

/* ---- parties: party.c ---- */

/* Which of the locks this party's is; AGREE_ENOTPARTY, AGREE_EDRAFT. */
int stub_lock_index(const ap_descriptor *descriptor, unsigned party);
bool stub_lock_is_missing(const ap_lock *lock);
/* AGREE_ETICKET: the party has no locks, or for another instance; AGREE_ESECRET. */
int stub_party_locks(const struct agree_party *party, const struct agree_ticket *ticket,
		     ap_lock *lock);
/* To vote with; the caller wipes it. AGREE_ENOTPARTY, AGREE_ESECRET, AGREE_ECREDENTIAL, or what the
 * signing function gave. */
int stub_party_credential(const struct agree_party *party, const struct agree_ticket *ticket,
			  bool yes, const ap_value *value, ap_credential *credential);

/* ---- outcomes ---- */

/* A proven record; it was decoded before. */
int stub_outcome_new(struct agree_outcome **out, const ap_key *network, const ap_id *id,
		     const void *record, size_t len, const struct stub_address *server);
/* As agree_ticket_registered(). */
int stub_outcome_of_ticket(const struct agree_outcome *outcome, const struct agree_ticket *ticket);

#endif
