/*
 * The replica: libevent's happenings to events of the core, the core's updates to effects, in their order and in
 * durable order (ARCHITECTURE.md has the table). Knows no PBFT: that is daemon/pbft.
 */
#ifndef DAEMON_RUN_H
#define DAEMON_RUN_H

#include <event2/event.h>

#include "daemon/conf.h"
#include "daemon/self.h"

struct run;

struct run_sockets { /* bound and listening; taken over by run_new() */
	int link_fd;
	int udp_fds[CONF_LISTEN_MAX], tcp_fds[CONF_LISTEN_MAX];
	size_t n;
};

/* Opens journal and store, replays them, starts the links and the client side. Wipes self's seed.
 * 0, or AGREE_EFILE, AGREE_ENOMEM, AGREE_EINTERNAL and why has the sentence. */
int run_new(struct run **, struct event_base *, const struct conf *, struct self *, const struct run_sockets *,
	    struct ap_text *why);
/* Writes out what is queued and closes everything; NULL is fine. */
void run_free(struct run *);

/* NULL, or why the loop was ended: then the process leaves with 1. */
const char *run_failure(const struct run *);

/* The operator lifts the outage bound: the wall clock is right. */
void run_believe_clock(struct run *);
void run_scrub(struct run *); /* reads and checks all that is stored, now */

/* Bodies of `agreectl status` and `stats`: `key: value` lines. */
void run_status(const struct run *, struct ap_text *out);
void run_stats(const struct run *, struct ap_text *out);
void run_peers(const struct run *, struct ap_text *out);

#endif
