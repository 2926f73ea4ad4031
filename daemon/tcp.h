/* Clients over TCP: RFC 7766, two octets of length, pipelining, answers in any order. */
#ifndef DAEMON_TCP_H
#define DAEMON_TCP_H

#include <event2/event.h>

#include "daemon/answer.h"

struct tcp;

struct tcp_conf {
	uint32_t clients_max, idle_s;
};

/* fds: bound and listening, taken over. */
int tcp_new(struct tcp **, struct event_base *, struct answers *, const struct tcp_conf *, const int *fds, size_t n);
void tcp_free(struct tcp *);

/* To the connection that asked, if it is still there. */
void tcp_send(struct tcp *, const struct asker *, const uint8_t *octets, size_t len);
size_t tcp_open(const struct tcp *);

#endif
