/*
 * Clients over TCP that wait for a final outcome: draft {#wait}. A waiter is what is left of a
 * request that was executed and whose outcome was not final; its answer is
 *
 *  - the final outcome, when the batch in which it became so has its signature;
 *  - what a read gives when its time is up; and, of what is not registered, when the deadline has
 *    come, since nothing else ends that.
 *
 * A waiter takes 296 octets and those of its question (and, of an open instance, of its request),
 * no descriptor of the system's, no timer. Lists are by instance and by connection, a heap by time.
 */
#ifndef DAEMON_WAITERS_H
#define DAEMON_WAITERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/index.h"
#include "daemon/machine/machine.h"
#include "daemon/relay.h"

struct waiters;

enum {
	WAITER_OCTETS = 296,
	WAITERS_GRACE_MS = 20,   /* behind the deadline of what is not registered, for a primary whose clock is behind a little */
	WAITERS_AGAIN_MS = 1000, /* the outcome is final, and its batch not signed */
	WAITERS_RETRY_MS = 200,  /* it could not be ordered, or was not over yet */
	WAITERS_BURST = 256,     /* asked anew in one turn */
};

struct waiters_conf {
	uint32_t max, prefix_max; /* of all clients; of one client network */
	uint32_t sockets;         /* connections: asker.socket is below */
	struct index *index;
	const struct machine *machine; /* read: what is undecided */
	uint64_t (*wall)(void *arg);   /* ms since 1970 */
	/* The answer. As relay_conf.answer. */
	void (*answer)(void *arg, const struct asker *, const uint8_t id[AP_ID_LEN], const ap_agree *agree, int refusal);
	/* Asks again: as relay_submit(), for this asker. 0 or AGREE_E*. */
	int (*again)(void *arg, uint8_t kind, const uint8_t *op, size_t len, const uint8_t id[AP_ID_LEN],
		     const struct asker *, uint64_t now_ms);
	void *arg;
};

int waiters_new(struct waiters **, const struct waiters_conf *); /* 0 or AGREE_E* */
void waiters_free(struct waiters *);

/* Is there room for one more of this client's? */
bool waiters_room(const struct waiters *, const struct asker *);

/* The request of an asker with wait_until_ms was executed, to an outcome that is not final. true: it waits here; the
 * connection has to know. false: answer it. */
bool waiters_hold(struct waiters *, const struct asker *, const uint8_t id[AP_ID_LEN], uint8_t kind, const uint8_t *op,
		  size_t len, uint64_t now_ms);

/* A batch was executed, and signed. */
bool waiters_executed(struct waiters *, const struct machine_result *, uint64_t now_ms); /* true: some wait for the signature */
size_t waiters_signed(struct waiters *, uint64_t seq); /* how many got their answer */

/* A state was transferred, over batches that were not executed here: who may have missed an outcome asks again. */
void waiters_overtaken(struct waiters *, uint64_t now_ms);

/* The connection is gone: so are its waiters. */
void waiters_closed(struct waiters *, uint16_t socket);

/* What is due; returns when to call next. */
uint64_t waiters_tick(struct waiters *, uint64_t now_ms);

size_t waiters_count(const struct waiters *);

#endif
