#include "deal.h"

#include <string.h>

#include "step.h"

enum { WAIT_MS = 20000, AGAIN_S = 1 };

static void ask(struct deal *deal, int wait_ms);

static void finish(struct deal *deal, enum deal_end end, const agree_outcome *outcome)
{
	event_del(deal->again);
	deal->ended(deal->arg, end, outcome);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	ask(arg, 0);
}

static void later(struct deal *deal)
{
	const struct timeval in = {AGAIN_S, 0};

	event_add(deal->again, &in);
}

static void on_outcome(void *arg, int status, const agree_outcome *outcome);

/*
 * The network has shown that it has the instance, with exactly our locks, and undecided: only now
 * the secret leaves this process. From here on nothing but a proven outcome may move the message.
 */
static void vote(struct deal *deal, const agree_outcome *pending)
{
	int err = agree_ticket_registered(deal->ticket, pending);

	step_reach("asked");
	if (err == 0)
		err = agree_vote(deal->loop->ctx, deal->loop->found, deal->ticket, deal->party,
				 AGREE_YES, NULL, 0, WAIT_MS, 0, on_outcome, deal, &deal->request);
	if (err != 0) {
		step_say("vote: %s", agree_strerror(err));
		later(deal);
		return;
	}
	step_reach("voted");
}

static void on_pending(struct deal *deal, const agree_outcome *outcome)
{
	unsigned long yes, no;
	unsigned k;

	agree_outcome_tally(outcome, &k, &yes, &no);
	if (((yes | no) >> agree_party_index(deal->party) & 1) != 0)
		ask(deal, WAIT_MS);
	else
		vote(deal, outcome);
}

static void on_outcome(void *arg, int status, const agree_outcome *outcome)
{
	struct deal *deal = arg;

	deal->request = NULL;
	if (status == AGREE_ECANCELED)
		return;
	if (status == AGREE_ETERMS) {
		finish(deal, DEAL_OTHER, NULL);
		return;
	}
	if (status != 0) {
		step_say("the network: %s", agree_strerror(status));
		later(deal);
		return;
	}
	switch (agree_outcome_status(outcome)) {
	case AGREE_PENDING:
		on_pending(deal, outcome);
		break;
	case AGREE_DECIDED:
		finish(deal, DEAL_DECIDED, outcome);
		break;
	case AGREE_ABORTED:
		finish(deal, DEAL_ABORTED, outcome);
		break;
	case AGREE_FORGOTTEN:
		finish(deal, DEAL_FORGOTTEN, NULL);
		break;
	default:
		later(deal);
	}
}

static void ask(struct deal *deal, int wait_ms)
{
	int err;

	if (deal->loop->found == NULL) {
		later(deal);
		return;
	}
	err = agree_observe(deal->loop->ctx, deal->loop->found, deal->ticket, wait_ms, 0,
			    on_outcome, deal, &deal->request);
	if (err != 0) {
		step_say("ask: %s", agree_strerror(err));
		later(deal);
	}
}

void deal_begin(struct deal *deal, struct loop *loop, agree_ticket *ticket, agree_party *party,
		deal_end_cb *ended, void *arg)
{
	*deal = (struct deal){
		.loop = loop, .ticket = ticket, .party = party, .ended = ended, .arg = arg};
	deal->again = evtimer_new(loop->base, on_again, deal);
	if (deal->again == NULL)
		step_die("no memory for a timer");
	ask(deal, 0);
}

int deal_prove(struct deal *deal, const void *record, size_t len)
{
	unsigned char key[AGREE_KEY_LEN], id[AGREE_ID_LEN];
	agree_outcome *outcome;
	int err;

	agree_network_key(deal->loop->known, key);
	agree_ticket_id(deal->ticket, id);
	err = agree_verify(key, id, record, len, &outcome);
	if (err != 0)
		return err;
	err = agree_ticket_registered(deal->ticket, outcome);
	if (err == 0 && !agree_outcome_final(outcome))
		err = AGREE_EPROOF;
	if (err == 0)
		finish(deal,
		       agree_outcome_status(outcome) == AGREE_DECIDED ? DEAL_DECIDED : DEAL_ABORTED,
		       outcome);
	agree_outcome_free(outcome);
	return err;
}

void deal_clear(struct deal *deal)
{
	if (deal->request != NULL)
		agree_cancel(deal->request);
	if (deal->again != NULL)
		event_free(deal->again);
	agree_party_free(deal->party);
	agree_ticket_free(deal->ticket);
	memset(deal, 0, sizeof(*deal));
}
