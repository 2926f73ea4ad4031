/* The event loop of the replica, as libevent's are not by default. */
#ifndef DAEMON_LOOP_H
#define DAEMON_LOOP_H

#include <event2/event.h>

/* One thread uses it, and its descriptors are no files. NULL: no memory. */
struct event_base *loop_new(void);

#endif
