/*
 * Takes messages over: custody-receive DOMAIN KEY SPOOL ADDRESS:PORT
 *
 *  1. An offered message goes to SPOOL/tmp. It is nobody's yet but the sender's.
 *  2. The ticket with our locks added, and our secrets, go to SPOOL/deal: we have promised. The
 *     sender gets the ticket, and we vote yes.
 *  3. DECIDED: the proof goes to SPOOL/done, then the message to SPOOL/new: it is ours.
 *     ABORTED: the proof goes to SPOOL/done, the message is dropped.
 * Every arrow is durable before the next one begins, so a start goes on where the last one ended.
 */
#include <event2/buffer.h>
#include <event2/listener.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deal.h"
#include "digest.h"
#include "paper.h"
#include "spool.h"
#include "step.h"
#include "wire.h"

enum { ME = 1, DEADLINE_MAX_S = 86400, PEERS_MAX = 64, PROMISES_MAX = 1024, PATIENCE_S = 10 };

struct receiver {
	struct loop loop;
	struct promise *promises;
	unsigned n_promises, n_peers;
};

struct promise {
	struct promise *next;
	struct receiver *receiver;
	char id[PAPER_ID];
	struct deal deal;
	bool forgotten;
};

/* ---- promises ---- */

static struct promise *promise_find(struct receiver *r, const char *id)
{
	struct promise *p = r->promises;

	while (p != NULL && strcmp(p->id, id) != 0)
		p = p->next;
	return p;
}

static void promise_free(struct promise *promise)
{
	struct promise **at = &promise->receiver->promises;

	while (*at != promise)
		at = &(*at)->next;
	*at = promise->next;
	promise->receiver->n_promises--;
	deal_clear(&promise->deal);
	free(promise);
}

/* What is behind the durable proof, at once or at the next start. */
static void conclude(const char *id, bool decided)
{
	if (decided)
		spool_move("tmp", id, "new");
	else
		spool_remove("tmp", id);
	step_reach("moved");
	spool_remove("deal", id);
	step_reach("settled");
}

static void end_promise(struct promise *p, const char *word, const agree_outcome *outcome)
{
	size_t len = 0;
	const void *record = outcome != NULL ? agree_outcome_wire(outcome, &len) : NULL;

	step_say("%s %s", word, p->id);
	paper_end_put("done", p->id, word, p->deal.ticket, record, len);
	step_reach("recorded");
	conclude(p->id, strcmp(word, "decided") == 0);
	promise_free(p);
}

static void on_end(void *arg, enum deal_end end, const agree_outcome *outcome)
{
	struct promise *p = arg;

	step_reach("decided");
	switch (end) {
	case DEAL_DECIDED:
		end_promise(p, "decided", outcome);
		break;
	case DEAL_ABORTED:
		end_promise(p, "aborted", outcome);
		break;
	case DEAL_OTHER:
		end_promise(p, "withdrawn", NULL);
		break;
	case DEAL_FORGOTTEN:
		/* not delivered, not dropped, until the sender shows a proof, or that it has none
		 */
		step_say("forgotten, the sender has to say: %s", p->id);
		p->forgotten = true;
		break;
	}
}

static void promise_begin(struct receiver *r, agree_ticket *ticket, agree_party *party)
{
	struct promise *p = calloc(1, sizeof(*p));

	if (p == NULL)
		step_die("no memory for a promise");
	p->receiver = r;
	p->next = r->promises;
	r->promises = p;
	r->n_promises++;
	paper_id(ticket, p->id);
	deal_begin(&p->deal, &r->loop, ticket, party, on_end, p);
}

/* ---- offers ---- */

/* Why these are not the terms of a hand-over of this message; NULL: they are. */
static const char *terms_refuse(const agree_ticket *draft, const void *body, size_t len)
{
	unsigned long long now = step_now(), deadline = agree_ticket_deadline(draft);
	char digest[DIGEST_LEN + 1];
	size_t value_len;
	const void *value = agree_ticket_value(draft, &value_len);

	digest_make(digest, body, len);
	if (agree_ticket_parties(draft) != 2 || agree_ticket_k(draft) != 2 ||
	    agree_ticket_party_key(draft, 0, NULL) != 0 ||
	    agree_ticket_party_key(draft, ME, NULL) != 0)
		return "not an instance in which both parties have to agree";
	if (value == NULL || value_len != DIGEST_LEN || memcmp(value, digest, DIGEST_LEN) != 0)
		return "the value is not the digest of this message";
	if (deadline <= now || deadline > now + DEADLINE_MAX_S)
		return "the deadline is past, or more than a day ahead";
	return NULL;
}

/* Message and promise are on disk when this gives NULL; else it says why there is none. */
static const char *promise_make(struct receiver *r, const agree_ticket *draft, const char *id,
				const void *body, size_t len)
{
	agree_ticket *ticket = NULL;
	agree_party *party = NULL;

	if (agree_party_new(draft, ME, &party) != 0 ||
	    agree_ticket_lock(draft, party, &ticket) != 0 || agree_ticket_is_draft(ticket)) {
		agree_party_free(party);
		agree_ticket_free(ticket);
		return "the draft lacks the sender's locks, or has the receiver's";
	}
	step_reach("offered");
	spool_put("tmp", id, body, len);
	step_reach("stored");
	paper_deal_put("deal", id, ticket, party);
	step_reach("promised");
	promise_begin(r, ticket, party);
	return NULL;
}

static void answer(struct bufferevent *peer, uint8_t type, const char *text)
{
	wire_put(peer, type, "", text, strlen(text));
}

static void on_offer(struct receiver *r, struct bufferevent *peer, const agree_ticket *draft,
		     const char *id, const struct wire_frame *frame)
{
	struct promise *p = promise_find(r, id);
	const char *why = NULL;
	char *text;

	if (p == NULL && spool_has("done", id))
		why = "that one has ended";
	else if (p == NULL && r->n_promises >= PROMISES_MAX)
		why = "too many messages: offer it again later";
	else if (p == NULL)
		why = terms_refuse(draft, frame->octets, frame->len);
	if (p == NULL && why == NULL)
		why = promise_make(r, draft, id, frame->octets, frame->len);
	if (why != NULL) {
		answer(peer, WIRE_REFUSE, why);
		return;
	}
	/* an offer that comes again gets the same ticket again */
	p = promise_find(r, id);
	text = paper_ticket(p->deal.ticket);
	wire_put(peer, WIRE_ACCEPT, text, NULL, 0);
	free(text);
	step_reach("accepted");
}

/* ---- the rest of the conversation ---- */

/* false: there is no proof of an end here. */
static bool record_answer(struct bufferevent *peer, const char *id)
{
	struct paper_end end;
	bool has;

	if (paper_end_get("done", id, &end) != 0)
		return false;
	has = end.len > 0;
	if (has)
		wire_put(peer, WIRE_RECORD, end.ticket, end.record, end.len);
	paper_end_free(&end);
	return has;
}

static void on_tell(struct receiver *r, struct bufferevent *peer, const char *id,
		    const struct wire_frame *frame)
{
	struct promise *p = promise_find(r, id);
	int err = p != NULL ? deal_prove(&p->deal, frame->octets, frame->len) : 0;

	if (err != 0)
		answer(peer, WIRE_REFUSE, agree_strerror(err));
	else if (spool_has("done", id))
		answer(peer, WIRE_KNOWN, "");
	else
		answer(peer, WIRE_REFUSE, "never promised, or the spool was lost");
}

/*
 * The sender has no proof, and has not voted or finds it forgotten. While the network remembers, it
 * is the network that says what came of it, whoever claims to be the sender.
 */
static void on_withdraw(struct receiver *r, struct bufferevent *peer, const agree_ticket *ticket,
			const char *id)
{
	struct promise *p = promise_find(r, id);

	if (record_answer(peer, id))
		return;
	if (p != NULL && !p->forgotten) {
		answer(peer, WIRE_NONE, "");
		return;
	}
	if (p != NULL)
		end_promise(p, "withdrawn", NULL);
	else if (!spool_has("done", id))
		paper_end_put("done", id, "withdrawn", ticket, NULL, 0);
	answer(peer, WIRE_KNOWN, "");
}

static void on_frame(struct receiver *r, struct bufferevent *peer, const struct wire_frame *frame)
{
	agree_ticket *ticket;
	char id[PAPER_ID];
	int err = agree_ticket_parse(r->loop.known, frame->ticket, &ticket);

	if (err == 0 && agree_ticket_parties(ticket) == 0) {
		agree_ticket_free(ticket);
		err = AGREE_ETICKET;
	}
	if (err != 0) {
		answer(peer, WIRE_REFUSE, agree_strerror(err));
		return;
	}
	paper_id(ticket, id);
	if (frame->type == WIRE_OFFER)
		on_offer(r, peer, ticket, id, frame);
	else if (frame->type == WIRE_TELL)
		on_tell(r, peer, id, frame);
	else if (frame->type == WIRE_WITHDRAW)
		on_withdraw(r, peer, ticket, id);
	else if (frame->type != WIRE_ASK)
		answer(peer, WIRE_REFUSE, "no such question");
	else if (!record_answer(peer, id))
		answer(peer, WIRE_NONE, "");
	agree_ticket_free(ticket);
}

/* ---- connections ---- */

static struct receiver receiver;

static void peer_close(struct bufferevent *peer)
{
	bufferevent_free(peer);
	receiver.n_peers--;
}

static void on_read(struct bufferevent *peer, void *arg)
{
	struct wire_frame frame;
	int there = wire_get(peer, &frame);

	if (there < 0) {
		peer_close(peer);
	} else if (there > 0) {
		on_frame(arg, peer, &frame);
		evbuffer_drain(bufferevent_get_input(peer), frame.whole);
	}
}

static void on_event(struct bufferevent *peer, short what, void *arg)
{
	(void)arg;
	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT)) != 0)
		peer_close(peer);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
		      int from_len, void *arg)
{
	const struct timeval patience = {PATIENCE_S, 0};
	struct receiver *r = arg;
	struct bufferevent *peer = NULL;

	(void)listener;
	(void)from;
	(void)from_len;
	if (r->n_peers < PEERS_MAX)
		peer = bufferevent_socket_new(r->loop.base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (peer == NULL) {
		evutil_closesocket(fd);
		return;
	}
	r->n_peers++;
	bufferevent_setcb(peer, on_read, NULL, on_event, r);
	bufferevent_set_timeouts(peer, &patience, &patience);
	bufferevent_enable(peer, EV_READ | EV_WRITE);
}

/* ---- a start ---- */

static void promise_recover(void *arg, const char *id)
{
	struct receiver *r = arg;
	struct paper_end end;
	agree_ticket *ticket;
	agree_party *party;
	int err;

	if (paper_end_get("done", id, &end) == 0) {
		conclude(id, strcmp(end.word, "decided") == 0);
		paper_end_free(&end);
		return;
	}
	err = paper_deal_get(r->loop.known, "deal", id, ME, &ticket, &party);
	if (err != 0) {
		step_say("deal/%s: %s: set it right, or find the outcome by hand", id,
			 agree_strerror(err));
		exit(1);
	}
	promise_begin(r, ticket, party);
}

/* A message without a promise was never accepted. */
static void message_drop(void *arg, const char *id)
{
	(void)arg;
	if (!spool_has("deal", id))
		spool_remove("tmp", id);
}

static void run(struct receiver *r, const struct sockaddr *at, int at_len)
{
	struct evconnlistener *listener = evconnlistener_new_bind(
		r->loop.base, on_accept, r,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, -1, at, at_len);

	if (listener == NULL)
		step_die("cannot listen");
	spool_each("deal", promise_recover, r);
	spool_each("tmp", message_drop, r);
	step_say("ready");
	loop_run(&r->loop);
	evconnlistener_free(listener);
}

int main(int argc, char **argv)
{
	static const char *const directories[] = {"tmp", "deal", "done", "new", NULL};
	struct sockaddr_storage at;
	int at_len = sizeof(at), err;

	step_name = "custody-receive";
	if (argc != 5 ||
	    evutil_parse_sockaddr_port(argv[4], (struct sockaddr *)&at, &at_len) != 0) {
		fprintf(stderr, "usage: custody-receive DOMAIN KEY SPOOL ADDRESS:PORT\n");
		return 1;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	spool_open(argv[3], directories);
	err = loop_open(&receiver.loop, argv[1], argv[2]);
	if (err != 0) {
		step_say("%s", agree_strerror(err));
		return 1;
	}
	run(&receiver, (const struct sockaddr *)&at, at_len);
	return 0;
}
