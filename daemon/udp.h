/* Clients over UDP: drained and answered many datagrams at a time. */
#ifndef DAEMON_UDP_H
#define DAEMON_UDP_H

#include <event2/event.h>

#include "daemon/answer.h"

struct udp;

/* fds: bound, taken over. */
int udp_new(struct udp **, struct event_base *, struct answers *, const int *fds, size_t n);
void udp_free(struct udp *);

/* Queues one datagram to the asker, from the address that it asked; sends when the queue is full. */
void udp_send(struct udp *, const struct asker *, const uint8_t *octets, size_t len);
void udp_flush(struct udp *);

#endif
