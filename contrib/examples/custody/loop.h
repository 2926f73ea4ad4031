/*
 * libagree inside libevent: each socket of the library is an event, its timer is one too, and
 * nothing ever blocks. Also finds the network, as often as it takes.
 */
#ifndef CUSTODY_LOOP_H
#define CUSTODY_LOOP_H

#include <agree.h>
#include <event2/event.h>

struct loop_watch;

struct loop {
	struct event_base *base;
	agree_ctx *ctx;
	const char *domain, *key;
	agree_network *known; /* by its key: enough to read and make tickets */
	agree_network *found; /* with its replicas, to ask; NULL: not found yet */
	/* inside */
	struct event *timer, *again;
	struct loop_watch *watches;
};

/* The environment's AGREE_DNS is where to look the network up. 0 or AGREE_E*. */
int loop_open(struct loop *loop, const char *domain, const char *key);
/* Until SIGTERM or SIGINT. */
void loop_run(struct loop *loop);
void loop_close(struct loop *loop);

#endif
