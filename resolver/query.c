#include "config.h"

#include "resolver/query.h"

#include <string.h>

static const uint64_t never = UINT64_MAX;

int stub_query_init(struct stub_query *q, const struct stub_query_conf *conf, uint64_t now_ms)
{
	memset(q, 0, sizeof(*q));
	if (conf->n_endpoints == 0 || conf->n_endpoints > STUB_ENDPOINTS_MAX ||
	    conf->tuning.tries == 0 || conf->value.len > AP_VALUE_MAX ||
	    conf->descriptor.len > AP_MAX_descriptor || conf->tuning.pad_to > STUB_PAD_MAX)
		return AGREE_EUSAGE;
	q->conf = *conf;
	q->bare = conf->bare;
	q->wait_s = STUB_WAIT_MIN_S;
	if (!ap_name_of_instance(&q->name, conf->id.octets, &conf->zone))
		return AGREE_EDOMAIN;
	if (conf->random(q->nonce.octets, sizeof(q->nonce.octets)) != 0)
		return AGREE_EINTERNAL;
	for (size_t i = 0; i < conf->n_endpoints; i++)
		q->peers[i].tcp = conf->tuning.tcp;
	q->hedge_at = now_ms;
	q->round_at = now_ms + conf->tuning.time_ms;
	q->wait_until = now_ms + conf->wait_ms;
	return 0;
}

static void finish(struct stub_query *q, int status)
{
	q->done = true;
	q->status = q->record_len > 0 ? 0 : status;
	for (size_t i = 0; i < q->conf.n_endpoints; i++)
		q->peers[i].open = false;
}

static struct stub_peer *peer_find(struct stub_query *q, enum stub_peer_state state)
{
	for (size_t i = 0; i < q->conf.n_endpoints; i++)
		if (q->peers[i].state == state)
			return &q->peers[i];
	return NULL;
}

/* ---- how it ends without a proof ---- */

/* Replicas, each counted once, of which an endpoint has refused with this error (0: any). */
static unsigned refusals_count(const struct stub_query *q, int error)
{
	bool counted[UINT8_MAX + 1] = {false};
	unsigned n = 0;

	for (size_t i = 0; i < q->conf.n_endpoints; i++) {
		uint8_t replica = q->conf.endpoints[i].replica;

		if (!q->peers[i].refused || counted[replica] ||
		    (error != 0 && q->peers[i].error != error))
			continue;
		counted[replica] = true;
		n++;
	}
	return n;
}

static unsigned replicas_count(const struct stub_query *q)
{
	bool counted[UINT8_MAX + 1] = {false};
	unsigned n = 0;

	for (size_t i = 0; i < q->conf.n_endpoints; i++) {
		n += !counted[q->conf.endpoints[i].replica];
		counted[q->conf.endpoints[i].replica] = true;
	}
	return n;
}

/* The reason that most of them gave. */
static int refusal_of_most(const struct stub_query *q)
{
	unsigned most = 0;
	int error = AGREE_EREFUSED;

	for (size_t i = 0; i < q->conf.n_endpoints; i++) {
		unsigned n = q->peers[i].refused ? refusals_count(q, q->peers[i].error) : 0;

		if (n > most) {
			most = n;
			error = q->peers[i].error;
		}
	}
	return error;
}

/*
 * draft {#client}: an error or refusal is unsigned, so it is believed from f+1 replicas. Who
 * knows fewer of them than that can only believe all that there are.
 */
static bool refusals_suffice(const struct stub_query *q)
{
	unsigned needed = q->conf.f + 1;
	unsigned known = replicas_count(q);

	return refusals_count(q, 0) >= (needed < known ? needed : known);
}

/* The gravest of what happened: lies, then answers that said nothing, then silence. */
static int status_of_failure(const struct stub_query *q, bool time_is_up)
{
	static const int order[] = {AGREE_ESIGNATURE, AGREE_ERECORD, AGREE_EPROOF,   AGREE_ENONCE,
				    AGREE_ENOMEM,     AGREE_EREPLY,  AGREE_EWITHHELD};
	bool served = false;

	if (refusals_suffice(q))
		return refusal_of_most(q);
	for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++)
		for (size_t i = 0; i < q->conf.n_endpoints; i++)
			if (q->peers[i].error == order[k] && !q->peers[i].refused)
				return order[k];
	for (size_t i = 0; i < q->conf.n_endpoints; i++)
		served = served || q->peers[i].rcode == AP_RCODE_SERVFAIL;
	if (served)
		return AGREE_ESERVER;
	return time_is_up ? AGREE_ETIMEOUT : AGREE_ENOANSWER;
}

/* ---- rounds ---- */

static bool peer_is_usable(const struct stub_peer *peer)
{
	return peer->state != STUB_OUT;
}

static bool any_usable(const struct stub_query *q)
{
	for (size_t i = 0; i < q->conf.n_endpoints; i++)
		if (peer_is_usable(&q->peers[i]))
			return true;
	return false;
}

static void round_begin(struct stub_query *q, uint64_t now_ms)
{
	q->round++;
	q->hedge_at = now_ms;
	q->round_at = now_ms + q->conf.tuning.time_ms;
	for (size_t i = 0; i < q->conf.n_endpoints; i++)
		if (peer_is_usable(&q->peers[i]))
			q->peers[i].state = STUB_IDLE;
}

/* True: something is changed, look again. False: there is nothing to do but wait. */
static bool round_go_on(struct stub_query *q, uint64_t now_ms)
{
	bool last = q->round + 1 >= q->conf.tuning.tries;
	struct stub_peer *idle = peer_find(q, STUB_IDLE);

	if (idle != NULL && now_ms >= q->hedge_at && now_ms < q->round_at) {
		idle->state = STUB_DUE;
		q->hedge_at = now_ms + q->conf.tuning.hedge_ms;
		return true;
	}
	if (idle == NULL && peer_find(q, STUB_ASKED) == NULL) { /* all have failed */
		if (last || !any_usable(q)) {
			finish(q, status_of_failure(q, false));
			return true;
		}
		if (q->round_at > now_ms + STUB_PAUSE_MS)
			q->round_at = now_ms + STUB_PAUSE_MS;
	}
	if (now_ms < q->round_at)
		return false;
	if (last)
		finish(q, status_of_failure(q, true));
	else
		round_begin(q, now_ms);
	return true;
}

/* ---- waiting for a final outcome ---- */

/* The one to ask from now on. */
static void wait_begin(struct stub_query *q, size_t endpoint, uint64_t at_ms)
{
	q->waiting = true;
	q->wait_peer = endpoint;
	q->wait_at = at_ms;
	q->wait_over = never;
	for (size_t i = 0; i < q->conf.n_endpoints; i++) {
		q->peers[i].open = false;
		if (peer_is_usable(&q->peers[i]))
			q->peers[i].state = STUB_IDLE;
		q->peers[i].tcp = true;
	}
}

static void wait_next_peer(struct stub_query *q, uint64_t now_ms)
{
	size_t n = q->conf.n_endpoints;

	if (!any_usable(q)) {
		finish(q, 0);
		return;
	}
	do
		q->wait_peer = (q->wait_peer + 1) % n;
	while (!peer_is_usable(&q->peers[q->wait_peer]));
	wait_begin(q, q->wait_peer, now_ms + STUB_WAIT_PAUSE_MS);
}

/* A replica that lies by silence costs as long as has been waited before, at most. */
static void wait_lengthen(struct stub_query *q, uint64_t now_ms)
{
	if (now_ms + q->conf.tuning.time_ms < q->wait_over)
		return; /* it did not wait: it is answered sooner than was asked for */
	q->wait_s = 2 * q->wait_s < STUB_WAIT_MAX_S ? 2 * q->wait_s : STUB_WAIT_MAX_S;
}

static uint16_t wait_seconds(const struct stub_query *q, uint64_t now_ms)
{
	uint64_t left_s = q->wait_until > now_ms ? (q->wait_until - now_ms + 999) / 1000 : 0;

	return (uint16_t)(left_s < q->wait_s ? left_s : q->wait_s);
}

static bool wait_go_on(struct stub_query *q, uint64_t now_ms)
{
	struct stub_peer *peer = &q->peers[q->wait_peer];

	if (peer->state == STUB_ASKED && now_ms >= q->wait_over) {
		peer->open = false;
		wait_lengthen(q, now_ms);
		wait_next_peer(q, now_ms);
		return true;
	}
	if (peer->state == STUB_ASKED || now_ms < q->wait_at)
		return false;
	if (wait_seconds(q, now_ms) == 0) {
		finish(q, 0);
		return true;
	}
	peer->state = STUB_DUE;
	return true;
}

/* ---- steps ---- */

/* A new message under a new id; one that was sent before goes out again under its own. */
static int send_make(struct stub_query *q, size_t endpoint, uint64_t now_ms,
		     uint8_t message[STUB_MESSAGE_MAX], struct stub_send *send)
{
	struct stub_peer *peer = &q->peers[endpoint];
	uint16_t wait_s = q->waiting ? wait_seconds(q, now_ms) : 0;
	int len;

	if (!peer->open && q->conf.random(&peer->id, sizeof(peer->id)) != 0)
		return AGREE_EINTERNAL;
	len = stub_message_put(q, endpoint, wait_s, message);
	if (len > AP_UDP_MAX && !peer->tcp) {
		peer->tcp = true;
		len = stub_message_put(q, endpoint, wait_s, message);
	}
	if (len < 0)
		return len;
	peer->state = STUB_ASKED;
	peer->open = true;
	peer->bare = q->bare;
	q->wait_over = now_ms + wait_s * 1000U + q->conf.tuning.time_ms;
	*send = (struct stub_send){.endpoint = endpoint, .tcp = peer->tcp, .len = (size_t)len};
	return 0;
}

enum stub_step stub_query_next(struct stub_query *q, uint64_t now_ms,
			       uint8_t message[STUB_MESSAGE_MAX], struct stub_send *send)
{
	const struct stub_peer *due;
	int err;

	while (!q->done) {
		due = peer_find(q, STUB_DUE);
		if (due != NULL) {
			err = send_make(q, (size_t)(due - q->peers), now_ms, message, send);
			if (err == 0)
				return STUB_SEND;
			finish(q, err);
		} else if (!(q->waiting ? wait_go_on(q, now_ms) : round_go_on(q, now_ms))) {
			return STUB_SLEEP;
		}
	}
	return STUB_DONE;
}

uint64_t stub_query_deadline(const struct stub_query *q)
{
	uint64_t at = q->round_at;

	if (q->done)
		return 0;
	if (q->waiting)
		return q->peers[q->wait_peer].state == STUB_ASKED ? q->wait_over : q->wait_at;
	for (size_t i = 0; i < q->conf.n_endpoints; i++)
		if (q->peers[i].state == STUB_IDLE && q->hedge_at < at)
			at = q->hedge_at;
	return at;
}

/* ---- events ---- */

/* This one will not help: the next may be asked at once. */
static void peer_conclude(struct stub_query *q, size_t endpoint, enum stub_peer_state state,
			  int error, uint64_t now_ms)
{
	struct stub_peer *peer = &q->peers[endpoint];

	peer->state = state;
	peer->open = false;
	peer->error = error;
	if (q->waiting)
		wait_next_peer(q, now_ms);
	else
		q->hedge_at = now_ms;
}

static void on_proven(struct stub_query *q, size_t endpoint, struct stub_judgement *j,
		      uint64_t now_ms)
{
	struct stub_peer *peer = &q->peers[endpoint];

	if (j->record.len > sizeof(q->record)) { /* it did decode, so it is not longer */
		finish(q, AGREE_EINTERNAL);
		return;
	}
	memcpy(q->record, j->record.data, j->record.len);
	q->record_len = j->record.len;
	q->answered = endpoint;
	peer->error = 0;
	if (j->is_final || now_ms >= q->wait_until || q->conf.wait_ms == 0) {
		finish(q, 0);
		return;
	}
	j->verdict = STUB_PENDING;
	/* answers are to be fresh each time */
	if (q->conf.random(q->nonce.octets, sizeof(q->nonce.octets)) != 0) {
		finish(q, 0);
	} else if (q->waiting) { /* each in turn, since one of them may know more than it says */
		wait_lengthen(q, now_ms);
		wait_next_peer(q, now_ms);
	} else {
		wait_begin(q, endpoint, now_ms);
	}
}

static void on_again(struct stub_query *q, size_t endpoint, const struct stub_judgement *j)
{
	struct stub_peer *peer = &q->peers[endpoint];

	peer->open = false; /* so that it gets a new id */
	peer->state = STUB_DUE;
	if (j->rcode == AP_RCODE_BADCOOKIE)
		peer->badcookies++;
	if (j->error == AGREE_ENODESCRIPTOR)
		q->bare = false;
	peer->tcp = peer->tcp || j->over_tcp;
}

enum stub_verdict stub_query_answer(struct stub_query *q, size_t endpoint, bool tcp,
				    const void *wire, size_t len, uint64_t now_ms)
{
	struct stub_judgement j = {.verdict = STUB_IGNORED};
	struct stub_peer *peer;

	if (q->done || endpoint >= q->conf.n_endpoints)
		return STUB_IGNORED;
	peer = &q->peers[endpoint];
	if (!peer->open || peer->tcp != tcp)
		return STUB_IGNORED;
	stub_judge(q, endpoint, tcp, wire, len, &j);
	if (j.verdict != STUB_IGNORED)
		peer->rcode = j.rcode;
	q->error = j.error;
	switch (j.verdict) {
	case STUB_IGNORED:
		break;
	case STUB_AGAIN:
		on_again(q, endpoint, &j);
		break;
	case STUB_NEXT:
		peer_conclude(q, endpoint, STUB_FAILED, j.error, now_ms);
		break;
	case STUB_REFUSAL:
		peer->refused = true;
		peer_conclude(q, endpoint, STUB_OUT, j.error, now_ms);
		if (!q->done && refusals_suffice(q))
			finish(q, refusal_of_most(q));
		break;
	case STUB_OTHER:
		q->record_len = 0;
		finish(q, AGREE_ETERMS);
		break;
	case STUB_LIE:
		peer_conclude(q, endpoint, STUB_OUT, j.error, now_ms);
		break;
	case STUB_PENDING:
	case STUB_PROVEN:
		on_proven(q, endpoint, &j, now_ms);
		break;
	}
	return j.verdict;
}

void stub_query_fail(struct stub_query *q, size_t endpoint, bool tcp, int error, uint64_t now_ms)
{
	if (q->done || endpoint >= q->conf.n_endpoints || !q->peers[endpoint].open ||
	    q->peers[endpoint].tcp != tcp)
		return;
	peer_conclude(q, endpoint, STUB_FAILED, error, now_ms);
}
