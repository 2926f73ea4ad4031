/*
 * agree_vote(), agree_approve(), agree_observe(): a query with its sockets. draft {#client}
 *
 * A vote by secret is two of them: the first observes, and only if that proves that the network has
 * the instance with our locks, the second takes the secret along. draft {#votes}
 */
#include "config.h"

#include "resolver/ctx.h"

#include <stdlib.h>
#include <string.h>

#include "libproto/crypto.h"
#include "libproto/outcome.h"
#include "libproto/vote.h"
#include "resolver/transport.h"

/* What is to be asked, until it is copied. */
struct what {
	enum stub_ask ask;
	struct agree_network *network;
	const struct agree_ticket *ticket;
	ap_value value;
	const struct stub_vote *vote; /* NULL: in an open instance */
	int wait_ms;
	unsigned flags;
	agree_cb *cb;
	void *arg;
};

struct ask {
	struct agree_request request; /* first: they are one object */
	agree_cb *cb;
	void *arg;
	struct agree_network *network; /* an owner */
	struct agree_outcome *outcome;
	struct stub_query query;
	struct stub_transport transport;
	bool looks;		     /* the query is the first of two */
	struct stub_query_conf conf; /* of the one that counts */
	/* what the queries borrow */
	struct stub_endpoint endpoints[STUB_ENDPOINTS_MAX];
	uint8_t value[AP_VALUE_MAX];
	struct stub_vote vote;
	ap_optdigest terms;
	uint8_t descriptor[]; /* as long as it is */
};

static struct ask *ask_of(struct agree_request *request)
{
	return (struct ask *)request;
}

/* ---- how it ends ---- */

/* Who was asked before the one that answered, and did not. */
static void silent_demote(struct ask *ask)
{
	const struct stub_query *q = &ask->query;

	for (size_t i = 0; i < q->conf.n_endpoints; i++)
		if (i != q->answered && (q->peers[i].state == STUB_ASKED || q->peers[i].error != 0))
			stub_network_demote(ask->network, &ask->endpoints[i].address);
}

/* The one that answered is asked first from now on. */
static void answered_first(struct ask *ask)
{
	struct stub_endpoint first = ask->endpoints[ask->query.answered];

	memmove(&ask->endpoints[1], &ask->endpoints[0],
		ask->query.answered * sizeof(ask->endpoints[0]));
	ask->endpoints[0] = first;
}

/* The network has the instance with our locks, and it is open yet: the secret may go. */
static bool may_reveal(const struct ask *ask)
{
	const struct stub_query *q = &ask->query;
	struct ap_reader r;
	ap_agree agree;

	ap_reader_init(&r, q->record, q->record_len);
	ap_agree_get(&r, &agree);
	return ap_reader_done(&r) && agree.outcome.status == AP_STATUS_PENDING &&
	       memcmp(&agree.outcome.terms, &ask->terms, sizeof(ask->terms)) == 0;
}

/* 0, and the second query has begun, or why it has not. */
static int ask_reveal(struct ask *ask)
{
	silent_demote(ask);
	stub_transport_clear(&ask->transport);
	answered_first(ask);
	ask->looks = false;
	return stub_query_init(&ask->query, &ask->conf, stub_now_ms());
}

static void ask_conclude(struct ask *ask)
{
	const struct stub_query *q = &ask->query;
	int err = q->status;

	if (ask->looks && err == 0 && may_reveal(ask)) {
		err = ask_reveal(ask);
		if (err != 0)
			stub_request_done(&ask->request, err);
		return;
	}
	/* the id was made from the descriptor and our key: it is the key that they do not share */
	if (err == AGREE_EWRONGID && q->conf.ask != STUB_READ)
		err = AGREE_EWRONGKEY;
	if (err == 0) {
		err = stub_outcome_new(&ask->outcome, &ask->network->key, &q->conf.id, q->record,
				       q->record_len, &ask->endpoints[q->answered].address);
		silent_demote(ask);
	}
	stub_request_done(&ask->request, err);
}

/* ---- on the way ---- */

static void ask_send(struct ask *ask, const struct stub_send *send, uint64_t now_ms)
{
	struct agree_ctx *ctx = ask->request.ctx;
	const struct stub_address *address = &ask->endpoints[send->endpoint].address;
	const char *why = stub_transport_send(&ask->transport, send->endpoint, address, send->tcp,
					      ctx->message, send->len);

	stub_trace_octets(ctx, AGREE_TRACE_SENT, address, send->tcp, ctx->message, send->len, 0);
	ap_wipe(ctx->message, send->len); /* there may be a secret in it */
	if (why == NULL)
		return;
	stub_trace_note(ctx, address, send->tcp, AGREE_ENOANSWER, why);
	stub_query_fail(&ask->query, send->endpoint, send->tcp, AGREE_ENOANSWER, now_ms);
}

static void ask_go_on(struct agree_request *request, uint64_t now_ms)
{
	struct ask *ask = ask_of(request);
	struct stub_send send;

	while (!request->done) {
		switch (stub_query_next(&ask->query, now_ms, request->ctx->message, &send)) {
		case STUB_SEND:
			ask_send(ask, &send, now_ms);
			break;
		case STUB_SLEEP:
			return;
		case STUB_DONE:
			ask_conclude(ask);
			break;
		}
	}
}

static void received(void *arg, size_t endpoint, bool tcp, const void *octets, size_t len)
{
	struct ask *ask = arg;
	uint64_t now_ms = stub_now_ms();
	enum stub_verdict verdict;
	int status;

	if (ask->request.done)
		return;
	verdict = stub_query_answer(&ask->query, endpoint, tcp, octets, len, now_ms);
	status = verdict == STUB_PROVEN || verdict == STUB_PENDING ? 1
		 : verdict == STUB_AGAIN			   ? 0
								   : ask->query.error;
	stub_trace_octets(ask->request.ctx, AGREE_TRACE_RECEIVED, &ask->endpoints[endpoint].address,
			  tcp, octets, len, status);
	ask_go_on(&ask->request, now_ms);
}

static void failed(void *arg, size_t endpoint, bool tcp, const char *why)
{
	struct ask *ask = arg;
	uint64_t now_ms = stub_now_ms();

	if (ask->request.done)
		return;
	stub_trace_note(ask->request.ctx, &ask->endpoints[endpoint].address, tcp, AGREE_ENOANSWER,
			why);
	stub_query_fail(&ask->query, endpoint, tcp, AGREE_ENOANSWER, now_ms);
	ask_go_on(&ask->request, now_ms);
}

static uint64_t ask_deadline(const struct agree_request *request, uint64_t now_ms)
{
	const struct ask *ask = (const struct ask *)request;

	(void)now_ms;
	return stub_query_deadline(&ask->query);
}

static void ask_stop(struct agree_request *request)
{
	stub_transport_clear(&ask_of(request)->transport);
}

static void ask_call(struct agree_request *request, int status)
{
	struct ask *ask = ask_of(request);

	ask->cb(ask->arg, status, status == 0 ? ask->outcome : NULL);
}

static void ask_free(struct agree_request *request)
{
	struct ask *ask = ask_of(request);

	ap_wipe(&ask->vote, sizeof(ask->vote));
	agree_outcome_free(ask->outcome);
	agree_network_free(ask->network);
	free(ask);
}

static const struct stub_request_kind ask_kind = {ask_go_on, ask_deadline, ask_stop, ask_call,
						  ask_free};

/* ---- the beginning ---- */

static void ask_borrow(struct ask *ask, const struct what *what)
{
	const struct agree_ticket *ticket = what->ticket;
	struct stub_query_conf *conf = &ask->conf;

	memcpy(ask->endpoints, what->network->endpoints, sizeof(ask->endpoints));
	memcpy(ask->descriptor, ticket->descriptor, ticket->descriptor_len);
	if (what->value.len > 0)
		memcpy(ask->value, what->value.data, what->value.len);
	ask->terms = ticket->terms;
	conf->value = (ap_bytes){ask->value, what->value.len};
	conf->descriptor = (ap_bytes){ask->descriptor, ticket->descriptor_len};
	conf->terms = ticket->is_whole ? &ask->terms : NULL;
	conf->endpoints = ask->endpoints;
	conf->n_endpoints = what->network->n_endpoints;
	if (what->vote != NULL) {
		ask->vote = *what->vote;
		conf->vote = &ask->vote;
		ask->looks =
			ask->vote.credential.kind == AP_CREDENTIAL_SECRET && !ticket->is_registered;
		conf->bare = ask->looks || ticket->is_registered;
	}
}

static int ask_query(struct ask *ask, struct agree_ctx *ctx, const struct what *what)
{
	struct agree_network *network = ask->network;
	struct stub_query_conf first;

	ask->conf = (struct stub_query_conf){
		.ask = what->ask,
		.zone = network->domain,
		.id = what->ticket->id,
		.wait_ms = (uint32_t)what->wait_ms,
		.f = network->f,
		.key = &network->verify,
		.jar = &ctx->jar,
		.random = ap_random,
		.tuning = ctx->settings.tuning,
	};
	ask_borrow(ask, what);
	if (network->tcp_only || (what->flags & AGREE_TCP) != 0)
		ask->conf.tuning.tcp = true;
	ask->transport = (struct stub_transport){
		.io = &ctx->io,
		.streams = &ctx->streams,
		.source = ctx->settings.source,
		.buffer = ctx->datagram,
		.size = sizeof(ctx->datagram),
		.received = received,
		.failed = failed,
		.arg = ask,
	};
	first = ask->conf;
	if (ask->looks) {
		first.ask = STUB_OBSERVE;
		first.vote = NULL;
		first.wait_ms = 0;
	}
	return stub_query_init(&ask->query, &first, stub_now_ms());
}

static int ask_check(const struct agree_ctx *ctx, const struct what *what)
{
	const struct agree_network *network = what->network;
	const struct agree_ticket *ticket = what->ticket;
	int err = stub_ctx_check(ctx);

	if (err != 0)
		return err;
	if (network == NULL || ticket == NULL || what->cb == NULL ||
	    (what->flags & ~(unsigned)AGREE_TCP) != 0 || what->wait_ms < 0 ||
	    what->wait_ms > AGREE_WAIT_MAX)
		return AGREE_EUSAGE;
	if (!ap_equal(ticket->network.octets, network->key.octets, 32) ||
	    !ap_name_equal(&ticket->domain, &network->domain))
		return AGREE_ETICKETNET;
	return ticket->is_draft ? AGREE_EDRAFT : 0;
}

static int ask_begin(struct agree_ctx *ctx, const struct what *what, struct agree_request **request)
{
	struct ask *ask = calloc(1, sizeof(*ask) + what->ticket->descriptor_len);
	int err;

	if (ask == NULL)
		return AGREE_ENOMEM;
	ask->cb = what->cb;
	ask->arg = what->arg;
	ask->network = stub_network_ref(what->network);
	err = ask_query(ask, ctx, what);
	if (err != 0) {
		ask_free(&ask->request);
		return err;
	}
	stub_request_begin(&ask->request, ctx, &ask_kind);
	if (request != NULL)
		*request = &ask->request;
	return 0;
}

/* ---- votes ---- */

/* The value, the fixed one if none is given, and nothing in a veto. */
static int value_choose(const ap_terms *terms, bool yes, const void *value, size_t len,
			ap_value *out)
{
	*out = (ap_value){NULL, 0};
	if (!yes)
		return value == NULL && len == 0 ? 0 : AGREE_EUSAGE;
	if (len > AP_VALUE_MAX || (value == NULL && len > 0))
		return AGREE_EVALUE;
	if (value == NULL && !terms->fixed.present)
		return AGREE_ENOVALUE;
	*out = value != NULL ? (ap_value){value, len} : terms->fixed.it;
	return 0;
}

/* Judged as replicas do, but for the credential, which was looked at where it was made. */
static int vote_make(const struct agree_ticket *ticket, const struct agree_party *party, bool yes,
		     const void *value, size_t len, ap_value *chosen, struct stub_vote *vote)
{
	ap_propose propose = {.version = AP_PROPOSE_VERSION, .party = AP_PARTY_NONE};
	ap_descriptor descriptor;
	int err;

	if (!ticket->is_whole)
		return AGREE_ENODESCRIPTOR;
	stub_ticket_descriptor(ticket, &descriptor);
	err = value_choose(&descriptor.terms, yes, value, len, chosen);
	if (err == 0 && party != NULL) {
		vote->party = (uint8_t)agree_party_index(party);
		/* first what it is about: a token may ask its owner, and then sign */
		if (yes && !ap_terms_takes(&descriptor.terms, chosen))
			return AGREE_EFIXED;
		err = stub_party_credential(party, ticket, yes, chosen, &vote->credential);
		propose.party = vote->party;
		propose.credential = vote->credential;
	}
	if (err == 0) {
		propose.verb = yes ? AP_VERB_APPROVE : AP_VERB_VETO;
		propose.value = *chosen;
		err = ap_vote_check(&descriptor.terms, &propose);
	}
	ap_wipe(&propose, sizeof(propose));
	return err;
}

int agree_vote(agree_ctx *ctx, agree_network *network, const agree_ticket *ticket,
	       const agree_party *party, int yes, const void *value, size_t len, int wait_ms,
	       unsigned flags, agree_cb *cb, void *arg, agree_request **request)
{
	struct what what = {.ask = yes ? STUB_APPROVE : STUB_VETO,
			    .network = network,
			    .ticket = ticket,
			    .wait_ms = wait_ms,
			    .flags = flags,
			    .cb = cb,
			    .arg = arg};
	struct stub_vote vote = {.party = AP_PARTY_NONE};
	int err = ask_check(ctx, &what);

	if (err == 0)
		err = vote_make(ticket, party, yes != 0, value, len, &what.value, &vote);
	if (err == 0) {
		what.vote = party != NULL ? &vote : NULL;
		err = ask_begin(ctx, &what, request);
	}
	ap_wipe(&vote, sizeof(vote));
	return err;
}

int agree_approve(agree_ctx *ctx, agree_network *network, const agree_ticket *ticket,
		  const void *value, size_t len, unsigned flags, agree_cb *cb, void *arg,
		  agree_request **request)
{
	return agree_vote(ctx, network, ticket, NULL, AGREE_YES, value, len, 0, flags, cb, arg,
			  request);
}

int agree_observe(agree_ctx *ctx, agree_network *network, const agree_ticket *ticket, int wait_ms,
		  unsigned flags, agree_cb *cb, void *arg, agree_request **request)
{
	struct what what = {.ask = STUB_READ,
			    .network = network,
			    .ticket = ticket,
			    .wait_ms = wait_ms,
			    .flags = flags,
			    .cb = cb,
			    .arg = arg};
	int err = ask_check(ctx, &what);

	if (err != 0)
		return err;
	/* draft {#read}: ABORTED and FORGOTTEN are for those who show the descriptor */
	if (ticket->is_whole)
		what.ask = STUB_OBSERVE;
	return ask_begin(ctx, &what, request);
}
