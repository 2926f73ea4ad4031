#include "config.h"

#include "resolver/transport.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "resolver/stream.h"

struct stub_link {
	struct stub_transport *transport;
	struct stub_link *next;
	size_t endpoint;
	bool tcp;
	struct stub_watch watch;       /* UDP */
	struct stub_exchange exchange; /* TCP */
};

static const char out_of_memory[] = "out of memory";

/* ---- links ---- */

static void link_free(struct stub_link *link)
{
	struct stub_link **at = &link->transport->links;

	while (*at != NULL && *at != link)
		at = &(*at)->next;
	if (*at != NULL)
		*at = link->next;
	if (link->watch.fd >= 0) {
		(void)stub_io_watch(link->transport->io, &link->watch, 0);
		close(link->watch.fd);
	}
	stub_exchange_end(&link->exchange);
	free(link);
}

void stub_transport_clear(struct stub_transport *t)
{
	while (t->links != NULL)
		link_free(t->links);
}

static struct stub_link *link_find(struct stub_transport *t, size_t endpoint, bool tcp)
{
	for (struct stub_link *link = t->links; link != NULL; link = link->next)
		if (link->endpoint == endpoint && link->tcp == tcp)
			return link;
	return NULL;
}

/* The link is gone, and perhaps its transport, when this returns. */
static void link_fail(struct stub_link *link, const char *why)
{
	struct stub_transport *t = link->transport;
	size_t endpoint = link->endpoint;
	bool tcp = link->tcp;

	link_free(link);
	t->failed(t->arg, endpoint, tcp, why);
}

/* ---- UDP ---- */

/* One at a time: the link may be gone afterwards, and the descriptor is still ready for more. */
static void udp_ready(struct stub_watch *watch, unsigned events)
{
	struct stub_link *link = watch->arg;
	struct stub_transport *t = link->transport;
	ssize_t n = recv(watch->fd, t->buffer, t->size, 0);

	(void)events;
	if (n >= 0)
		t->received(t->arg, link->endpoint, false, t->buffer, (size_t)n);
	else if (errno != EAGAIN && errno != EINTR)
		link_fail(link, stub_error_text(errno));
}

/* ---- TCP ---- */

static void tcp_received(void *arg, const void *octets, size_t len)
{
	struct stub_link *link = arg;
	struct stub_transport *t = link->transport;

	t->received(t->arg, link->endpoint, true, octets, len); /* the link may be gone now */
}

static void tcp_failed(void *arg, const char *why)
{
	link_fail(arg, why);
}

/* ---- opening and sending ---- */

static struct stub_link *link_open(struct stub_transport *t, size_t endpoint, bool tcp)
{
	struct stub_link *link = calloc(1, sizeof(*link));

	if (link == NULL)
		return NULL;
	*link = (struct stub_link){
		.transport = t, .endpoint = endpoint, .tcp = tcp, .next = t->links};
	link->watch = (struct stub_watch){.fd = -1, .ready = udp_ready, .arg = link};
	link->exchange =
		(struct stub_exchange){.received = tcp_received, .failed = tcp_failed, .arg = link};
	t->links = link;
	return link;
}

static const char *udp_send(struct stub_link *link, const struct stub_address *address,
			    const void *octets, size_t len)
{
	struct stub_transport *t = link->transport;
	const char *why = NULL;

	if (link->watch.fd < 0) {
		link->watch.fd = stub_connect(address, &t->source, SOCK_DGRAM, &why);
		if (link->watch.fd < 0)
			return why;
		if (stub_io_watch(t->io, &link->watch, AGREE_READ) != 0)
			return out_of_memory;
	}
	return send(link->watch.fd, octets, len, MSG_NOSIGNAL) >= 0 ? NULL : stub_error_text(errno);
}

const char *stub_transport_send(struct stub_transport *t, size_t endpoint,
				const struct stub_address *address, bool tcp, const void *octets,
				size_t len)
{
	struct stub_link *other = link_find(t, endpoint, !tcp);
	struct stub_link *link = link_find(t, endpoint, tcp);
	const char *why;

	/* of two transports, the one that is asked last counts */
	if (other != NULL)
		link_free(other);
	if (link == NULL)
		link = link_open(t, endpoint, tcp);
	if (link == NULL)
		return out_of_memory;
	why = tcp ? stub_stream_send(t->streams, &link->exchange, address, &t->source, octets, len)
		  : udp_send(link, address, octets, len);
	if (why != NULL)
		link_free(link);
	return why;
}
