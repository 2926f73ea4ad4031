/*
 * One party's way through one instance: asks, votes yes if it has not yet, waits for the end.
 * Errors are no end: it asks again until the network tells one.
 */
#ifndef CUSTODY_DEAL_H
#define CUSTODY_DEAL_H

#include "loop.h"

enum deal_end {
	DEAL_DECIDED,  /* custody has passed */
	DEAL_ABORTED,  /* it has not, and never will */
	DEAL_OTHER,    /* others' locks stand under this id, so we never voted, and never will */
	DEAL_FORGOTTEN /* past retention: the network does not know any more */
};

/* outcome: the proof of the first two, else NULL. Called once; may free the deal. */
typedef void deal_end_cb(void *arg, enum deal_end end, const agree_outcome *outcome);

struct deal {
	struct loop *loop;
	agree_ticket *ticket; /* with all locks; owned, as the party is */
	agree_party *party;
	deal_end_cb *ended;
	void *arg;
	/* inside */
	agree_request *request;
	struct event *again;
};

/* The deal owns ticket and party from now on. */
void deal_begin(struct deal *deal, struct loop *loop, agree_ticket *ticket, agree_party *party,
		deal_end_cb *ended, void *arg);
/* Somebody else has a record of it: 0, and the deal has ended, or why it proves nothing here. */
int deal_prove(struct deal *deal, const void *record, size_t len);
/* Stops asking, and frees what it owns; nothing happens to one that is all zero. */
void deal_clear(struct deal *deal);

#endif
