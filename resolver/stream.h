/*
 * TCP connections to replicas, each shared by all requests of a context that go to its address:
 * ten thousand of them may wait on one. Answers find their request by the message id. A
 * connection lives while somebody holds it. draft {#transport}, {#wait}
 */
#ifndef STUB_STREAM_H
#define STUB_STREAM_H

#include <stddef.h>

#include "resolver/address.h"
#include "resolver/io.h"

enum {
	STUB_STREAM_BUCKETS = 256,
	STUB_STREAM_HOLDERS_MAX = 16384,	   /* of one connection; more get another one */
	STUB_STREAM_BACKLOG_MAX = 4 * 1024 * 1024, /* octets not yet sent; the same */
	STUB_STREAM_BURST = 64,			   /* messages read in one turn */
};

struct stub_stream;

struct stub_streams {
	struct stub_io *io;
	struct stub_stream *first;
};

/*
 * One message and its answers; part of what owns it, which sets received, failed and arg, and
 * zeroes the rest. Both are called inside stub_io_poll() and stub_io_ready() only, and may do
 * anything with any exchange. After failed() there is no connection.
 */
struct stub_exchange {
	void (*received)(void *arg, const void *octets, size_t len);
	void (*failed)(void *arg, const char *why);
	void *arg;
	/* stream.c's own */
	struct stub_stream *stream; /* NULL: none is held */
	uint16_t id, wire_id;	    /* in the message, and on the connection */
	struct stub_exchange *next;
};

/*
 * Sends a DNS message, in place of one that this exchange has sent before, whose answers are
 * dropped from now on. The message may be overwritten afterwards, and is wiped when it is sent.
 * NULL, or why it cannot be sent; it may fail later.
 */
const char *stub_stream_send(struct stub_streams *streams, struct stub_exchange *exchange,
			     const struct stub_address *address, const struct stub_address *source,
			     const void *octets, size_t len);

/* Lets go of the connection; without a word. Also of an exchange that holds none. */
void stub_exchange_end(struct stub_exchange *exchange);

/* strerror() may share a buffer between threads. */
const char *stub_error_text(int error);
/* Opens a socket of `type` that is bound and connected, or on its way there. -1 and *why. */
int stub_connect(const struct stub_address *address, const struct stub_address *source, int type,
		 const char **why);

#endif
