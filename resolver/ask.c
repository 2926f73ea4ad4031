/* agree_approve(), agree_observe(): a query with its sockets. draft {#client} */
#include "config.h"

#include "resolver/ctx.h"

#include <stdlib.h>
#include <string.h>

#include "libproto/crypto.h"
#include "resolver/transport.h"

struct ask {
	struct agree_request request; /* first: they are one object */
	agree_cb *cb;
	void *arg;
	struct agree_network *network; /* an owner */
	struct agree_outcome *outcome;
	struct stub_query query;
	struct stub_transport transport;
	/* what the query borrows */
	struct stub_endpoint endpoints[STUB_ENDPOINTS_MAX];
	uint8_t value[AP_VALUE_MAX];
	uint8_t descriptor[AP_MAX_descriptor];
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

static void ask_conclude(struct ask *ask)
{
	const struct stub_query *q = &ask->query;
	int err = q->status;

	/* the id was made from the descriptor and our key: it is the key that they do not share */
	if (err == AGREE_EWRONGID && q->conf.ask != STUB_READ)
		err = AGREE_EWRONGKEY;
	if (err == 0) {
		err = stub_outcome_new(&ask->outcome, &q->conf.id, q->record, q->record_len,
				       &ask->endpoints[q->answered].address);
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

	agree_outcome_free(ask->outcome);
	agree_network_free(ask->network);
	free(ask);
}

static const struct stub_request_kind ask_kind = {ask_go_on, ask_deadline, ask_stop, ask_call,
						  ask_free};

/* ---- the beginning ---- */

static int ask_query(struct ask *ask, struct agree_ctx *ctx, const struct agree_ticket *ticket,
		     struct stub_query_conf *conf, unsigned flags)
{
	struct agree_network *network = ask->network;

	memcpy(ask->endpoints, network->endpoints, sizeof(ask->endpoints));
	memcpy(ask->descriptor, ticket->descriptor, ticket->descriptor_len);
	if (conf->value.len > 0)
		memcpy(ask->value, conf->value.data, conf->value.len);
	conf->value.data = ask->value;
	conf->descriptor = (ap_bytes){ask->descriptor, ticket->descriptor_len};
	conf->zone = network->domain;
	conf->id = ticket->id;
	conf->endpoints = ask->endpoints;
	conf->n_endpoints = network->n_endpoints;
	conf->f = network->f;
	conf->key = &network->verify;
	conf->jar = &ctx->jar;
	conf->random = ap_random;
	conf->tuning = ctx->settings.tuning;
	conf->tuning.tcp = conf->tuning.tcp || network->tcp_only || (flags & AGREE_TCP) != 0;
	ask->transport = (struct stub_transport){
		.io = &ctx->io,
		.source = ctx->settings.source,
		.buffer = ctx->datagram,
		.size = sizeof(ctx->datagram),
		.received = received,
		.failed = failed,
		.arg = ask,
	};
	return stub_query_init(&ask->query, conf, stub_now_ms());
}

static int ask_check(const struct agree_ctx *ctx, const struct agree_network *network,
		     const struct agree_ticket *ticket, unsigned flags, agree_cb *cb)
{
	int err = stub_ctx_check(ctx);

	if (err != 0)
		return err;
	if (network == NULL || ticket == NULL || cb == NULL || (flags & ~(unsigned)AGREE_TCP) != 0)
		return AGREE_EUSAGE;
	if (!ap_equal(ticket->network.octets, network->key.octets, 32) ||
	    !ap_name_equal(&ticket->domain, &network->domain))
		return AGREE_ETICKETNET;
	return 0;
}

static int ask_begin(struct agree_ctx *ctx, struct agree_network *network,
		     const struct agree_ticket *ticket, struct stub_query_conf *conf,
		     unsigned flags, agree_cb *cb, void *arg, struct agree_request **request)
{
	struct ask *ask = calloc(1, sizeof(*ask));
	int err;

	if (ask == NULL)
		return AGREE_ENOMEM;
	ask->cb = cb;
	ask->arg = arg;
	ask->network = stub_network_ref(network);
	err = ask_query(ask, ctx, ticket, conf, flags);
	if (err != 0) {
		ask_free(&ask->request);
		return err;
	}
	stub_request_begin(&ask->request, ctx, &ask_kind);
	if (request != NULL)
		*request = &ask->request;
	return 0;
}

static int ticket_check_open(const struct agree_ticket *ticket)
{
	ap_descriptor descriptor;
	struct ap_reader r;

	if (!ticket->is_whole)
		return AGREE_ENODESCRIPTOR;
	ap_reader_init(&r, ticket->descriptor, ticket->descriptor_len);
	ap_descriptor_get(&r, &descriptor);
	/* parties would have to show that they are, which this version cannot do */
	return ap_terms_is_open(&descriptor.terms) ? 0 : AGREE_ENOTOPEN;
}

int agree_approve(agree_ctx *ctx, agree_network *network, const agree_ticket *ticket,
		  const void *value, size_t len, unsigned flags, agree_cb *cb, void *arg,
		  agree_request **request)
{
	struct stub_query_conf conf = {.ask = STUB_APPROVE, .value = {value, len}};
	int err = ask_check(ctx, network, ticket, flags, cb);

	if (err == 0)
		err = ticket_check_open(ticket);
	if (err != 0)
		return err;
	if (len > AP_VALUE_MAX || (value == NULL && len > 0))
		return AGREE_EVALUE;
	return ask_begin(ctx, network, ticket, &conf, flags, cb, arg, request);
}

int agree_observe(agree_ctx *ctx, agree_network *network, const agree_ticket *ticket, int wait_ms,
		  unsigned flags, agree_cb *cb, void *arg, agree_request **request)
{
	struct stub_query_conf conf = {.ask = STUB_READ};
	int err = ask_check(ctx, network, ticket, flags, cb);

	if (err != 0)
		return err;
	if (wait_ms < 0 || wait_ms > AGREE_WAIT_MAX)
		return AGREE_EUSAGE;
	/* draft {#read}: ABORTED and FORGOTTEN are for those who show the descriptor */
	if (ticket->is_whole)
		conf.ask = STUB_OBSERVE;
	conf.wait_ms = (uint32_t)wait_ms;
	return ask_begin(ctx, network, ticket, &conf, flags, cb, arg, request);
}
