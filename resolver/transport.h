/*
 * The sockets of one query: for each endpoint a connected UDP socket, or a share of a TCP
 * connection where that is needed. draft {#transport}
 */
#ifndef STUB_TRANSPORT_H
#define STUB_TRANSPORT_H

#include <stddef.h>

#include "resolver/address.h"
#include "resolver/io.h"

struct stub_link;
struct stub_streams;

struct stub_transport {
	struct stub_io *io;
	struct stub_streams *streams;
	struct stub_address source; /* to send from; len 0: any */
	uint8_t *buffer;	    /* of `size` octets, for datagrams: shared with others */
	size_t size;
	/*
	 * Octets came; or none will come any more, and why. They are called inside
	 * stub_io_poll() and stub_io_ready() only, and may clear the transport.
	 */
	void (*received)(void *arg, size_t endpoint, bool tcp, const void *octets, size_t len);
	void (*failed)(void *arg, size_t endpoint, bool tcp, const char *why);
	void *arg;
	struct stub_link *links;
};

/*
 * Sends. What came before to this endpoint is answered no more if it was over TCP. NULL, or why it
 * cannot be sent. A TCP message may fail later.
 */
const char *stub_transport_send(struct stub_transport *t, size_t endpoint,
				const struct stub_address *address, bool tcp, const void *octets,
				size_t len);

/* Closes all. */
void stub_transport_clear(struct stub_transport *t);

#endif
