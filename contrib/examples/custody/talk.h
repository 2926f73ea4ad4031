/* The sender's end of a connection: one frame there, one back. */
#ifndef CUSTODY_TALK_H
#define CUSTODY_TALK_H

#include <event2/event.h>
#include <sys/socket.h>

#include "wire.h"

struct talk;

/* frame: NULL if there is no answer; borrowed. The talk is over, and freed behind the callback. */
typedef void talk_cb(void *arg, const struct wire_frame *frame);

/* NULL: out of memory. The callback never runs inside. */
struct talk *talk_begin(struct event_base *base, const struct sockaddr *to, int to_len,
			uint8_t type, const char *ticket, const void *octets, size_t len,
			talk_cb *answered, void *arg);
/* No callback runs. NULL: nothing happens. */
void talk_stop(struct talk *talk);

#endif
