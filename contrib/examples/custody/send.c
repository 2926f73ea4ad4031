/*
 * Hands messages over: custody-send [-t SECONDS] DOMAIN KEY SPOOL ADDRESS:PORT
 *
 * Each message has an instance of its own, in which sender and receiver both have to vote yes.
 *  1. A file in SPOOL/new is ours: it goes to SPOOL/cur.
 *  2. A draft with our locks, and our secrets, go to SPOOL/deal. The draft is offered with the
 *     message, as often as it takes.
 *  3. The receiver's answer, with its locks, goes to SPOOL/deal too. Then we vote yes.
 *  4. DECIDED: the proof goes to SPOOL/tell, the message is removed, it is the receiver's.
 *     ABORTED: likewise, the message stays, and begins anew at 2.
 *  5. The receiver is told, until it says that it knows: then the proof goes to SPOOL/done.
 * Every arrow is durable before the next one begins, so a start goes on where the last one ended.
 */
#include <errno.h>
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
#include "talk.h"

enum { ME = 0, DEADLINE_S = 60, HANDS_MAX = 64, SCAN_MS = 300, AGAIN_MS = 1000 };

struct sender {
	struct loop loop;
	struct sockaddr_storage to;
	int to_len;
	unsigned deadline_s;
	unsigned hands;
	struct event *scan;
};

/* One message. */
struct hand {
	struct sender *sender;
	char name[SPOOL_NAME_MAX + 1];
	char *body;
	size_t len;
	agree_ticket *draft; /* with our locks alone; NULL: the deal has begun */
	agree_party *party;
	struct deal deal;
	bool forgotten;
	struct talk *talk;
	struct event *again;
};

/* An end that the receiver does not know yet, as far as we know. */
struct tell {
	struct sender *sender;
	char id[PAPER_ID];
	struct paper_end end;
	struct talk *talk;
	struct event *again;
};

static void run_in(struct event *event, int ms)
{
	const struct timeval in = {ms / 1000, ms % 1000 * 1000};

	event_add(event, &in);
}

static struct talk *talk_to(struct sender *s, uint8_t type, const char *ticket, const void *octets,
			    size_t len, talk_cb *answered, void *arg)
{
	return talk_begin(s->loop.base, (const struct sockaddr *)&s->to, s->to_len, type, ticket,
			  octets, len, answered, arg);
}

/* ---- telling ---- */

static void tell_free(struct tell *tell)
{
	talk_stop(tell->talk);
	event_free(tell->again);
	paper_end_free(&tell->end);
	free(tell);
}

static void on_told(void *arg, const struct wire_frame *frame)
{
	struct tell *tell = arg;

	tell->talk = NULL;
	if (frame == NULL || (frame->type != WIRE_KNOWN && frame->type != WIRE_RECORD)) {
		run_in(tell->again, AGAIN_MS);
		return;
	}
	spool_move("tell", tell->id, "done");
	step_reach("told");
	tell_free(tell);
}

static void tell_go(evutil_socket_t fd, short what, void *arg)
{
	struct tell *tell = arg;
	uint8_t type = tell->end.len > 0 ? WIRE_TELL : WIRE_WITHDRAW;

	(void)fd;
	(void)what;
	tell->talk = talk_to(tell->sender, type, tell->end.ticket, tell->end.record, tell->end.len,
			     on_told, tell);
	if (tell->talk == NULL)
		run_in(tell->again, AGAIN_MS);
}

static void tell_begin(void *arg, const char *id)
{
	struct sender *s = arg;
	struct tell *tell = calloc(1, sizeof(*tell));

	if (tell != NULL)
		tell->again = evtimer_new(s->loop.base, tell_go, tell);
	if (tell == NULL || tell->again == NULL || strlen(id) >= sizeof(tell->id))
		step_die(id);
	tell->sender = s;
	strcpy(tell->id, id);
	if (paper_end_get("tell", id, &tell->end) != 0) {
		step_say("tell/%s cannot be read: the receiver is not told", id);
		tell_free(tell);
		return;
	}
	tell_go(-1, 0, tell);
}

/* ---- how a deal ends ---- */

static void hand_free(struct hand *h)
{
	talk_stop(h->talk);
	deal_clear(&h->deal);
	agree_party_free(h->party);
	agree_ticket_free(h->draft);
	event_free(h->again);
	h->sender->hands--;
	free(h->body);
	free(h);
}

static void hand_make(struct hand *h);

/* What is behind the durable proof, at once or at the next start. */
static void conclude(const char *name, bool decided)
{
	if (decided)
		spool_remove("cur", name);
	step_reach("moved");
	spool_remove("deal", name);
	step_reach("settled");
}

/* directory: where its end is written, and who is still to be told is in "tell". */
static void end_deal(struct hand *h, const char *directory, const char *word,
		     const agree_ticket *ticket, const agree_outcome *outcome)
{
	bool decided = strcmp(word, "decided") == 0;
	char id[PAPER_ID];
	size_t len = 0;
	const void *record = outcome != NULL ? agree_outcome_wire(outcome, &len) : NULL;

	paper_id(ticket, id);
	step_say("%s: %s %s", h->name, word, id);
	paper_end_put(directory, id, word, ticket, record, len);
	step_reach("recorded");
	conclude(h->name, decided);
	if (strcmp(directory, "tell") == 0)
		tell_begin(h->sender, id);
	if (decided)
		hand_free(h);
	else
		hand_make(h);
}

static void on_end(void *arg, enum deal_end end, const agree_outcome *outcome)
{
	struct hand *h = arg;

	step_reach("decided");
	switch (end) {
	case DEAL_DECIDED:
		end_deal(h, "tell", "decided", h->deal.ticket, outcome);
		break;
	case DEAL_ABORTED:
		end_deal(h, "tell", "aborted", h->deal.ticket, outcome);
		break;
	case DEAL_OTHER:
		end_deal(h, "tell", "withdrawn", h->deal.ticket, NULL);
		break;
	case DEAL_FORGOTTEN:
		/* the message stays ours until the receiver has a proof, or says that it has none
		 */
		step_say("%s: forgotten: the receiver has to say", h->name);
		h->forgotten = true;
		break;
	}
}

/* While there is no end, the receiver may have a proof: one is as good from it as from anybody. */
static void on_asked(void *arg, const struct wire_frame *frame)
{
	struct hand *h = arg;
	int err;

	h->talk = NULL;
	run_in(h->again, AGAIN_MS);
	if (frame != NULL && frame->type == WIRE_RECORD) {
		err = deal_prove(&h->deal, frame->octets, frame->len);
		if (err != 0)
			step_say("%s: the receiver's record: %s", h->name, agree_strerror(err));
	} else if (frame != NULL && frame->type == WIRE_KNOWN && h->forgotten) {
		end_deal(h, "done", "withdrawn", h->deal.ticket, NULL);
	}
}

static void hand_ask(struct hand *h)
{
	char *ticket = paper_ticket(h->deal.ticket);

	h->talk = talk_to(h->sender, h->forgotten ? WIRE_WITHDRAW : WIRE_ASK, ticket, NULL, 0,
			  on_asked, h);
	if (h->talk == NULL)
		run_in(h->again, AGAIN_MS);
	free(ticket);
}

/* ---- offering ---- */

/* Our locks are in it, the terms are ours, and the receiver's locks are there. */
static int accept_read(const struct hand *h, const char *text, agree_ticket **ticket,
		       agree_party **party)
{
	unsigned char yes[AGREE_SECRET_LEN], no[AGREE_SECRET_LEN];
	char ours[PAPER_ID], theirs[PAPER_ID];
	int err = agree_ticket_parse(h->sender->loop.known, text, ticket);

	if (err != 0)
		return err;
	paper_id(h->draft, ours);
	paper_id(*ticket, theirs);
	err = strcmp(ours, theirs) == 0 && !agree_ticket_is_draft(*ticket) ? 0 : AGREE_ETICKET;
	if (err == 0)
		err = agree_party_secret(h->party, AGREE_YES, yes);
	if (err == 0)
		err = agree_party_secret(h->party, AGREE_NO, no);
	if (err == 0)
		err = agree_party_secrets(*ticket, ME, yes, no, party);
	agree_wipe(yes, sizeof(yes));
	agree_wipe(no, sizeof(no));
	if (err != 0)
		agree_ticket_free(*ticket);
	return err;
}

static void hand_vote(struct hand *h, agree_ticket *ticket, agree_party *party)
{
	agree_ticket_free(h->draft);
	h->draft = NULL;
	run_in(h->again, AGAIN_MS);
	deal_begin(&h->deal, &h->sender->loop, ticket, party, on_end, h);
}

static void on_offered(void *arg, const struct wire_frame *frame)
{
	struct hand *h = arg;
	agree_ticket *ticket;
	agree_party *party;
	int err;

	h->talk = NULL;
	run_in(h->again, AGAIN_MS);
	if (frame == NULL)
		return;
	if (frame->type != WIRE_ACCEPT) {
		step_say("%s: refused: %.*s", h->name, (int)(frame->len < 200 ? frame->len : 200),
			 (const char *)frame->octets);
		return;
	}
	err = accept_read(h, frame->ticket, &ticket, &party);
	if (err != 0) {
		step_say("%s: the receiver's ticket: %s", h->name, agree_strerror(err));
		return;
	}
	step_reach("accepted");
	paper_deal_put("deal", h->name, ticket, party);
	step_reach("ticketed");
	agree_party_free(h->party);
	h->party = NULL;
	hand_vote(h, ticket, party);
}

static void hand_offer(struct hand *h)
{
	char *text;

	/* we have never voted, and cannot any more: nothing was decided */
	if (step_now() >= agree_ticket_deadline(h->draft)) {
		end_deal(h, "tell", "withdrawn", h->draft, NULL);
		return;
	}
	text = paper_ticket(h->draft);
	h->talk = talk_to(h->sender, WIRE_OFFER, text, h->body, h->len, on_offered, h);
	if (h->talk == NULL)
		run_in(h->again, AGAIN_MS);
	free(text);
	step_reach("offered");
}

static void hand_go(evutil_socket_t fd, short what, void *arg)
{
	struct hand *h = arg;

	(void)fd;
	(void)what;
	if (h->talk != NULL)
		return;
	if (h->draft != NULL)
		hand_offer(h);
	else
		hand_ask(h);
}

/* A new instance for this message. */
static void hand_make(struct hand *h)
{
	char value[DIGEST_LEN + 1];
	agree_ticket *plain = NULL;
	int err;

	talk_stop(h->talk);
	h->talk = NULL;
	deal_clear(&h->deal);
	agree_party_free(h->party);
	agree_ticket_free(h->draft);
	h->party = NULL;
	h->draft = NULL;
	h->forgotten = false;
	digest_make(value, h->body, h->len);
	err = paper_terms(h->sender->loop.known, value, DIGEST_LEN,
			  step_now() + h->sender->deadline_s, &plain);
	if (err == 0)
		err = agree_party_new(plain, ME, &h->party);
	if (err == 0)
		err = agree_ticket_lock(plain, h->party, &h->draft);
	agree_ticket_free(plain);
	if (err != 0) {
		step_say("%s: %s", h->name, agree_strerror(err));
		exit(1);
	}
	paper_deal_put("deal", h->name, h->draft, h->party);
	step_reach("drafted");
	run_in(h->again, 0);
}

/* ---- messages, from the spool ---- */

/* One of a former run, or a new one. */
static void hand_start(struct hand *h)
{
	agree_ticket *ticket;
	agree_party *party;
	int err = paper_deal_get(h->sender->loop.known, "deal", h->name, ME, &ticket, &party);

	if (err != 0 && spool_has("deal", h->name)) {
		step_say("deal/%s: %s: set it right, or find the outcome by hand", h->name,
			 agree_strerror(err));
		exit(1);
	}
	if (err != 0) {
		hand_make(h);
	} else if (agree_ticket_is_draft(ticket)) {
		h->draft = ticket;
		h->party = party;
		run_in(h->again, 0);
	} else {
		hand_vote(h, ticket, party);
	}
}

static void message_take(void *arg, const char *name)
{
	struct sender *s = arg;
	struct hand *h = calloc(1, sizeof(*h));

	if (h != NULL)
		h->again = evtimer_new(s->loop.base, hand_go, h);
	if (h == NULL || h->again == NULL)
		step_die(name);
	h->sender = s;
	s->hands++;
	strcpy(h->name, name);
	h->body = spool_get("cur", name, &h->len);
	if (h->body == NULL)
		step_die(name);
	hand_start(h);
}

static void message_new(void *arg, const char *name)
{
	struct sender *s = arg;
	size_t len;
	char *body;

	if (s->hands >= HANDS_MAX || spool_has("cur", name))
		return;
	body = spool_get("new", name, &len);
	if (body == NULL) {
		step_say("new/%s is no message: it must be a file of at most %d octets", name,
			 SPOOL_MAX);
		spool_move("new", name, "refused");
		return;
	}
	free(body);
	spool_move("new", name, "cur");
	step_reach("taken");
	message_take(s, name);
}

static void on_scan(evutil_socket_t fd, short what, void *arg)
{
	struct sender *s = arg;

	(void)fd;
	(void)what;
	spool_each("new", message_new, s);
	run_in(s->scan, SCAN_MS);
}

/* A deal whose end is written down already: what was to follow. */
static void deal_recover(void *arg, const char *name)
{
	struct sender *s = arg;
	const char *directory = "tell";
	struct paper_end end;
	agree_ticket *ticket;
	agree_party *party;
	char id[PAPER_ID];

	if (paper_deal_get(s->loop.known, "deal", name, ME, &ticket, &party) != 0)
		return;
	paper_id(ticket, id);
	if (!spool_has(directory, id))
		directory = "done";
	if (paper_end_get(directory, id, &end) == 0) {
		conclude(name, strcmp(end.word, "decided") == 0);
		paper_end_free(&end);
	}
	agree_party_free(party);
	agree_ticket_free(ticket);
}

static void run(struct sender *s)
{
	s->scan = evtimer_new(s->loop.base, on_scan, s);
	if (s->scan == NULL)
		step_die("no memory for a timer");
	spool_each("deal", deal_recover, s);
	spool_each("cur", message_take, s);
	spool_each("tell", tell_begin, s);
	run_in(s->scan, 0);
	loop_run(&s->loop);
}

int main(int argc, char **argv)
{
	static const char *const directories[] = {"new",  "cur",     "deal", "tell",
						  "done", "refused", NULL};
	static struct sender s = {.to_len = sizeof(s.to), .deadline_s = DEADLINE_S};
	int option, err;

	step_name = "custody-send";
	/* a key may begin with a dash, so options are in front only */
	while ((option = getopt(argc, argv, "+t:")) == 't')
		s.deadline_s = (unsigned)strtoul(optarg, NULL, 10);
	if (option != -1 || argc - optind != 4 || s.deadline_s < 2 || s.deadline_s > 86400 ||
	    evutil_parse_sockaddr_port(argv[optind + 3], (struct sockaddr *)&s.to, &s.to_len) !=
		    0) {
		fprintf(stderr, "usage: custody-send [-t SECONDS] DOMAIN KEY SPOOL ADDRESS:PORT\n");
		return 1;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	spool_open(argv[optind + 2], directories);
	err = loop_open(&s.loop, argv[optind], argv[optind + 1]);
	if (err != 0) {
		step_say("%s", agree_strerror(err));
		return 1;
	}
	run(&s);
	return 0;
}
