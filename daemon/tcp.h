/* Clients over TCP: RFC 7766, two octets of length, pipelining, answers in any order. */
#ifndef DAEMON_TCP_H
#define DAEMON_TCP_H

#include <event2/event.h>

#include "daemon/answer.h"

struct tcp;

struct tcp_conf {
	uint32_t clients_max, idle_s;
	void (*closed)(void *arg, uint16_t socket); /* a connection that had waiting clients; may be NULL */
	void *arg;
};

/* fds: bound and listening, taken over. */
int tcp_new(struct tcp **, struct event_base *, struct answers *, const struct tcp_conf *, const int *fds, size_t n);
void tcp_free(struct tcp *);

/* To the connection that asked, if it is still there. */
void tcp_send(struct tcp *, const struct asker *, const uint8_t *octets, size_t len);
/* Is the connection that asked still there? */
bool tcp_has(const struct tcp *, const struct asker *);
/* Its request waits from here on (draft {#wait}): it does not count as outstanding, until an asker that is `held` is
 * answered by tcp_send(). */
void tcp_hold(struct tcp *, const struct asker *);
size_t tcp_open(const struct tcp *);

#endif
