/*
 * Links between replicas: TCP, TLS 1.3, both sides known by the Ed25519 key of a self-signed certificate that
 * equals the member's identity key in the network file (draft {#links}). One link a pair: the member with the
 * higher identifier dials. Frames: u32 length, u8 type, body (protocol.def). Clients never see it.
 */
#ifndef DAEMON_PEER_H
#define DAEMON_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <event2/event.h>

#include "libproto/limits.h"

struct peers;

enum { PEER_PARTS_MAX = 4 }; /* that a frame is given in */

struct peers_conf {
	uint8_t n, self;
	uint8_t genesis[32];
	uint64_t boot; /* for HELLO */
	const uint8_t (*keys)[32];            /* identity keys, n of them, by identifier - 1 */
	const struct sockaddr_storage *links; /* link addresses, n of them */
	const socklen_t *links_len;
	const uint8_t *seed;                  /* own identity seed (32); used during the call only */
	int listen_fd;                        /* bound and listening, taken over */
	/* A whole frame of member `from`, whose link is up. Body borrowed. false: the frame breaks the protocol
	 * (counted, the link is closed and comes back with a growing delay). */
	bool (*on_frame)(void *arg, uint8_t from, uint8_t type, const uint8_t *body, size_t len);
	void (*on_link)(void *arg, uint8_t from, bool up);
	void *arg;
};

int peers_new(struct peers **, struct event_base *, const struct peers_conf *); /* 0 or AGREE_E* */
void peers_free(struct peers *);

/* Sends one frame, type and parts, to each member in `to` (bit id-1; self is skipped), at the end of the loop's
 * turn. What does not fit the peer's bounded backlog (AP_PEER_BACKLOG_MAX octets) is dropped and counted: the
 * protocol sends again. */
void peers_send(struct peers *, uint16_t to, uint8_t type, const struct iovec *parts, size_t n_parts);

/* What was sent so far in this turn leaves now: it is waited for, and a long piece of work comes next. */
void peers_flush(struct peers *);

uint16_t peers_up(const struct peers *); /* bit id-1 */
struct peer_info {
	bool up;
	uint64_t frames_in, frames_out, octets_in, octets_out, dropped, refused, backlog;
	uint64_t boot;
};
void peers_info(const struct peers *, uint8_t id, struct peer_info *);

#endif
