/*
 * What one client network may use of this replica, besides requests outstanding (relay.h) and waits (waiters.h):
 * draft {#limits}. Undecided instances that its requests have registered here, until they are final or their deadline
 * has come; and votes a second.
 */
#ifndef DAEMON_QUOTA_H
#define DAEMON_QUOTA_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "daemon/machine/machine.h"

struct quota;

struct quota_conf {
	uint32_t undecided_max; /* of one client network */
	uint32_t votes_rate;    /* likewise, a second; as many at once */
	uint8_t self;           /* identifier of this replica */
	const struct machine *machine; /* read: what is undecided */
};

int quota_new(struct quota **, const struct quota_conf *); /* 0 or AGREE_E* */
void quota_free(struct quota *);

enum quota_use {
	QUOTA_VOTE = 1,     /* a party's vote */
	QUOTA_REGISTER = 2, /* may register an instance */
};
/* May a request of this client use so much (enum quota_use, or-ed)? 0; or AGREE_ECLIENTVOTES, AGREE_ECLIENTINSTANCES, and
 * *in_s: seconds after which it is worth asking again. now_s: of the wall clock. */
int quota_take(struct quota *, const struct sockaddr_storage *client, unsigned use, uint64_t now_ms, uint64_t now_s, uint64_t *in_s);

/* A request of this client was executed in batch `seq`, to PENDING. */
void quota_pending(struct quota *, const struct sockaddr_storage *client, const uint8_t id[AP_ID_LEN], uint64_t seq);
/* A batch was executed: what became final in it, or expired, is not counted any more. */
void quota_executed(struct quota *, const struct machine_result *);

/* A state was taken over from others: what has ended in batches that nobody saw here goes. */
void quota_overtaken(struct quota *);

size_t quota_count(const struct quota *); /* instances counted, of all clients */

#endif
