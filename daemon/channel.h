/*
 * One TLS connection over a nonblocking socket, as two streams of octets. draft {#links}
 *
 * What is put goes out at the end of the loop's turn, in one write; what has come is taken with one
 * read and given in one piece. So a turn costs a link two system calls, however many frames it
 * moves.
 */
#ifndef DAEMON_CHANNEL_H
#define DAEMON_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <event2/event.h>

#include <openssl/ssl.h>

struct channel;

struct channel_conf {
	SSL_CTX *tls;
	unsigned handshake_s; /* without anything from the other side, before the handshake is done
			       */
	unsigned silence_s;   /* and after it */
	size_t backlog_max;   /* octets put and not yet sent */
	size_t piece_max;     /* the most that *need may ask for */
	/* The handshake is done: once. false: this call has freed the channel. */
	bool (*on_secure)(void *arg);
	/* What has come and was not taken yet, borrowed. Sets *used, how much of it is taken; what
	 * is left comes again in front of more, once there are *need octets of it. false: this call
	 * has freed the channel. */
	bool (*on_octets)(void *arg, const uint8_t *octets, size_t len, size_t *used, size_t *need);
	/* It is over: closed by the other side, silent or broken; tls is OpenSSL's error or 0. Has
	 * to free it. */
	void (*on_end)(void *arg, unsigned long tls);
	void *arg;
};

/* Takes fd, of an accepted connection, over. NULL: no memory; fd is still the caller's. */
struct channel *channel_accept(struct event_base *, const struct channel_conf *, int fd);
/* Connects. NULL: no memory, or the system refuses it at once. */
struct channel *channel_dial(struct event_base *, const struct channel_conf *,
			     const struct sockaddr *, socklen_t);
void channel_free(struct channel *); /* closes it; what was put and not sent is lost */

/* For later in this turn. false: not before the handshake is done, or no room for all of it, and
 * nothing was put. */
bool channel_put(struct channel *, const struct iovec *parts, size_t n);
/* Not for later: a long piece of work comes first. Ends nothing. */
void channel_flush(struct channel *);
size_t channel_backlog(const struct channel *);
const SSL *channel_ssl(const struct channel *);

#endif
