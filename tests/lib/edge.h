/*
 * The client side of one replica in a test's hand: machine, index in a directory of its own, relay,
 * answers. The test orders what the relay has gathered, batch by batch, and signs as the whole
 * group: its key is a plain Ed25519 key, so records verify as those of a real network do.
 */
#ifndef TESTS_LIB_EDGE_H
#define TESTS_LIB_EDGE_H

#include "daemon/answer.h"
#include "daemon/conf.h"
#include "daemon/index.h"
#include "daemon/machine/machine.h"
#include "daemon/netfile.h"
#include "daemon/relay.h"
#include "libproto/crypto.h"
#include "tests/lib/dnsask.h"
#include "tests/lib/tempdir.h"

enum {
	EDGE_SELF = 2,
	EDGE_REPLIES = 512,
};
#define EDGE_NOW_MS 1800000000000ull /* T when a test begins */
#define EDGE_NOW    (EDGE_NOW_MS / 1000)

/* What relay_conf.answer gave. */
struct edge_reply {
	struct asker asker;
	uint8_t id[AP_ID_LEN];
	bool has_agree;
	ap_agree agree; /* value points to: */
	uint8_t value[AP_VALUE_MAX];
	int refusal;
	size_t len; /* of the message that answers_outcome() made of it */
	uint8_t octets[2048];
};

struct edge {
	char dir[TEMPDIR_MAX];
	struct conf conf;
	struct netfile net;
	struct machine_conf machine_conf;
	void *memory;
	struct machine *machine;
	struct index *index;
	struct relay *relay;
	struct waiters *waiters;
	struct quota *quota;
	struct votes *votes;
	size_t holds; /* requests that began to wait */
	struct answers *answers;
	struct ap_sign_key group;
	uint64_t time_ms;  /* of the next batch */
	uint64_t clock_ms; /* the relay's, monotonic */
	uint64_t run;	   /* the relay's, from 1 */
	unsigned wakes;
	/* operations of other replicas for the next batch, one bundle of relay 1 */
	uint8_t other[1 << 16];
	size_t other_len;
	uint64_t other_counter;
	struct machine_result result; /* of the last batch */
	uint64_t snapshot_floor_ms;
	/* who is told that a request waits; may be NULL */
	void (*held)(void *arg, const struct asker *);
	/* where relayed answers go besides; may be NULL */
	void (*forward)(void *arg, const struct asker *, const uint8_t *octets, size_t len);
	void *forward_arg; /* held's too */
	struct edge_reply replies[EDGE_REPLIES];
	size_t n_replies;
};

/* A network file of four members of example.test, one with an IPv6 address; genesis is filled in.
 */
void edge_netfile(struct netfile *net);

/* Forming: no key yet. conf can be changed before edge_open(). */
struct edge *edge_new(void);
void edge_open(struct edge *e);
/* The network is formed and tried out, T is EDGE_NOW_MS. */
struct edge *edge_live(void);
void edge_go_live(struct edge *e);
void edge_free(struct edge *e);

/* One operation of another replica, in the next batch. */
void edge_other(struct edge *e, uint8_t kind, const uint8_t *octets, size_t len);
/* Executes what the relay gathered and what others have: returns its sequence. */
uint64_t edge_batch(struct edge *e);
/* The group's signature of a batch: true if the index took it. The relay is told. */
bool edge_sign(struct edge *e, uint64_t seq);
/* The same, without telling anybody. */
void edge_signature(const struct edge *e, const struct index_block *b, uint8_t sig[64]);
/* Snapshot after the last batch, stable, merged; waits for the merge. */
void edge_checkpoint(struct edge *e);
/* Waits until the merge that runs has ended. */
void edge_merged(struct edge *e, uint64_t seq);
/* Closes the index and opens it again, with a machine from its snapshot. */
void edge_reopen(struct edge *e);

const uint8_t *edge_key(const struct edge *e);

/* An asker at 192.0.2.x, UDP. */
void edge_asker(struct asker *a, uint8_t x, uint16_t port);

/* Asks as over UDP from 192.0.2.1, or TCP: octets of the reply in `out`, 0 if it follows or there
 * is none. */
size_t edge_ask(struct edge *e, const uint8_t *wire, size_t len, bool tcp, uint8_t *out);
/* Asks, orders, signs where need be, and takes the reply apart; stops the test if there is none.
 * The reply borrows from a buffer that the next call writes over. */
const struct ap_dns *edge_reply(struct edge *e, const uint8_t *wire, size_t len, bool tcp);
/* The same for an answer that has to come at once. */
const struct ap_dns *edge_reply_now(struct edge *e, const uint8_t *wire, size_t len, bool tcp);

/* In the next batch. */
void edge_propose(struct edge *e, const struct dnsask_instance *i, const char *value);
/* Decided by ordering: the instance has this value, signed if `sign`. */
uint64_t edge_decide(struct edge *e, const struct dnsask_instance *i, const char *value, bool sign);

#endif
