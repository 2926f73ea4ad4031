#include "config.h"

#include "resolver/transport.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libproto/limits.h"

struct stub_link {
	struct stub_transport *transport;
	struct stub_link *next;
	size_t endpoint;
	bool tcp;
	struct stub_watch watch;
	/* TCP only: each message is behind its length of 2 octets */
	uint8_t *out;
	size_t out_len, out_at;
	uint8_t head[2];
	uint8_t *in;
	size_t in_len, in_at; /* in_at counts head too */
};

static const char out_of_memory[] = "out of memory";

/* strerror() may share a buffer between threads. */
static const char *error_text(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return "connection refused";
	case ECONNRESET:
	case EPIPE:
		return "connection reset";
	case ETIMEDOUT:
		return "connection timed out";
	case ENETUNREACH:
	case EHOSTUNREACH:
		return "unreachable";
	case EMFILE:
	case ENFILE:
		return "no file descriptors left";
	case EADDRNOTAVAIL:
	case EINVAL:
	case EAFNOSUPPORT:
		return "address cannot be used here";
	case EMSGSIZE:
		return "message too large";
	default:
		return "socket error";
	}
}

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
	free(link->out);
	free(link->in);
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
		link_fail(link, error_text(errno));
}

/* ---- TCP ---- */

static bool tcp_in_take(struct stub_link *link, size_t n)
{
	link->in_at += n;
	if (link->in_at != sizeof(link->head) || link->in != NULL)
		return true;
	link->in_len = (size_t)(link->head[0] << 8 | link->head[1]);
	link->in = malloc(link->in_len + 1);
	return link->in != NULL;
}

static ssize_t tcp_read(struct stub_link *link)
{
	size_t head = sizeof(link->head);

	if (link->in_at < head)
		return recv(link->watch.fd, link->head + link->in_at, head - link->in_at, 0);
	return recv(link->watch.fd, link->in + (link->in_at - head),
		    link->in_len - (link->in_at - head), 0);
}

static void tcp_message(struct stub_link *link)
{
	struct stub_transport *t = link->transport;
	uint8_t *octets = link->in;
	size_t len = link->in_len, endpoint = link->endpoint;

	link->in = NULL;
	link->in_len = 0;
	link->in_at = 0;
	t->received(t->arg, endpoint, true, octets, len); /* the link may be gone now */
	free(octets);
}

static void tcp_readable(struct stub_link *link)
{
	for (;;) {
		ssize_t n = tcp_read(link);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			link_fail(link, n == 0 ? "connection closed" : error_text(errno));
			return;
		}
		if (!tcp_in_take(link, (size_t)n)) {
			link_fail(link, out_of_memory);
			return;
		}
		if (link->in == NULL || link->in_at < sizeof(link->head) + link->in_len)
			continue;
		if (link->in_len == 0) { /* no DNS message, and nothing to read for */
			link_fail(link, "empty message");
			return;
		}
		tcp_message(link);
		return;
	}
}

static void tcp_writable(struct stub_link *link)
{
	while (link->out_at < link->out_len) {
		ssize_t n = send(link->watch.fd, link->out + link->out_at,
				 link->out_len - link->out_at, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == ENOTCONN || errno == EINPROGRESS))
			return;
		if (n < 0) {
			link_fail(link, error_text(errno));
			return;
		}
		link->out_at += (size_t)n;
	}
	if (stub_io_watch(link->transport->io, &link->watch, AGREE_READ) != 0)
		link_fail(link, error_text(errno));
}

/* Why a connection could not be made shows as an error of the socket. */
static void tcp_ready(struct stub_watch *watch, unsigned events)
{
	struct stub_link *link = watch->arg;
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error != 0)
		link_fail(link, error_text(error));
	else if ((events & AGREE_WRITE) != 0 && link->out_at < link->out_len)
		tcp_writable(link);
	else if ((events & AGREE_READ) != 0)
		tcp_readable(link);
}

static bool tcp_out_set(struct stub_link *link, const void *octets, size_t len)
{
	link->out = len <= AP_DNS_MAX ? malloc(len + 2) : NULL;
	if (link->out == NULL)
		return false;
	link->out[0] = (uint8_t)(len >> 8);
	link->out[1] = (uint8_t)len;
	memcpy(link->out + 2, octets, len);
	link->out_len = len + 2;
	return true;
}

/* ---- opening and sending ---- */

static const char *link_connect(struct stub_link *link, const struct stub_address *address)
{
	const struct stub_address *source = &link->transport->source;
	struct sockaddr_storage to, from;
	socklen_t to_len = stub_address_sockaddr(&to, address), from_len;
	int type = link->tcp ? SOCK_STREAM : SOCK_DGRAM;

	link->watch.fd = socket(to.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (link->watch.fd < 0)
		return error_text(errno);
	if (source->len != 0) {
		from_len = stub_address_sockaddr(&from, source);
		if (bind(link->watch.fd, (struct sockaddr *)&from, from_len) != 0)
			return error_text(errno);
	}
	if (connect(link->watch.fd, (struct sockaddr *)&to, to_len) != 0 && errno != EINPROGRESS)
		return error_text(errno);
	if (stub_io_watch(link->transport->io, &link->watch,
			  link->tcp ? AGREE_WRITE : AGREE_READ) != 0)
		return error_text(errno);
	return NULL;
}

static const char *link_open(struct stub_transport *t, size_t endpoint,
			     const struct stub_address *address, bool tcp, const void *octets,
			     size_t len, struct stub_link **out)
{
	struct stub_link *link = calloc(1, sizeof(*link));
	const char *why = NULL;

	if (link == NULL)
		return out_of_memory;
	*link = (struct stub_link){
		.transport = t, .endpoint = endpoint, .tcp = tcp, .next = t->links};
	link->watch =
		(struct stub_watch){.fd = -1, .ready = tcp ? tcp_ready : udp_ready, .arg = link};
	t->links = link;
	if (tcp && !tcp_out_set(link, octets, len))
		why = out_of_memory;
	if (why == NULL)
		why = link_connect(link, address);
	if (why != NULL)
		link_free(link);
	*out = link;
	return why;
}

const char *stub_transport_send(struct stub_transport *t, size_t endpoint,
				const struct stub_address *address, bool tcp, const void *octets,
				size_t len)
{
	struct stub_link *link = link_find(t, endpoint, true);
	const char *why;

	if (link != NULL)
		link_free(link);
	link = link_find(t, endpoint, false);
	if (tcp) {
		if (link != NULL)
			link_free(link);
		return link_open(t, endpoint, address, true, octets, len, &link);
	}
	if (link == NULL) {
		why = link_open(t, endpoint, address, false, octets, len, &link);
		if (why != NULL)
			return why;
	}
	if (send(link->watch.fd, octets, len, MSG_NOSIGNAL) >= 0)
		return NULL;
	why = error_text(errno);
	link_free(link);
	return why;
}
