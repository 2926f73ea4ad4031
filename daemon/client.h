/*
 * The client side of the shell, seen from run.c: sockets in, DNS messages in and out (udp.c, tcp.c, answer.c,
 * names.c, relay.c). draft {#messages}, {#size-rule}, {#cookies}.
 */
#ifndef DAEMON_CLIENT_H
#define DAEMON_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "daemon/conf.h"
#include "daemon/index.h"
#include "daemon/machine/machine.h"
#include "daemon/netfile.h"
#include "daemon/relay.h"

struct clients;

struct clients_conf {
	const struct conf *conf;
	const struct netfile *net;
	uint8_t self;
	uint64_t start; /* run number: relay's */
	struct index *index;
	const struct machine *machine; /* read: phase, key, T, F, sequence, undecided instances */
	struct votes *votes;
	const int *udp_fds, *tcp_fds;  /* bound; taken over */
	size_t n_fds;
	void (*wake)(void *arg); /* relay has something to fill */
	void *arg;
};

int clients_new(struct clients **, struct event_base *, const struct clients_conf *); /* 0 or AGREE_E* */
void clients_free(struct clients *);
struct relay *clients_relay(struct clients *);

/* Sends what the answers of this turn have gathered (sendmmsg); run.c calls it after relay_executed, relay_signed. */
void clients_flush(struct clients *);

/* A batch was executed, behind relay_executed(): true, if somebody waits for its signature. And it has that. */
bool clients_executed(struct clients *, const struct machine_result *, uint64_t now_ms);
size_t clients_signed(struct clients *, uint64_t seq, uint64_t now_ms); /* how many got their answer */
/* A state was transferred: outcomes may have been missed. */
void clients_overtaken(struct clients *, uint64_t now_ms);
uint64_t clients_tick(struct clients *, uint64_t now_ms); /* relay and waiters; returns when to call next */

struct clients_info {
	uint64_t waiting; /* clients, for a final outcome */
	uint64_t queries, updates, udp_in, udp_out, tcp_in, tcp_open, dropped, cookieless, rcodes[24], truncated, final_reads;
};
void clients_info(const struct clients *, struct clients_info *);

#endif
