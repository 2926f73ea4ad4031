#include "config.h"

#include "resolver/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libproto/crypto.h"
#include "libproto/limits.h"

enum { OUT_MIN = 2048 };

struct stub_stream {
	struct stub_streams *set; /* in its list while it is open */
	struct stub_stream *next;
	struct stub_address address, source;
	struct stub_watch watch;
	bool busy; /* it is on the stack: to be freed there */
	size_t n_holders;
	uint16_t next_id;
	struct stub_exchange *buckets[STUB_STREAM_BUCKETS]; /* by wire_id */
	/* each message is behind its length of 2 octets */
	uint8_t *out;
	size_t out_at, out_len, out_size; /* [at, len) is to be sent */
	uint8_t head[2];
	uint8_t *in;
	size_t in_len, in_at; /* in_at counts head too */
};

static const char out_of_memory[] = "out of memory";

const char *stub_error_text(int error)
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

int stub_connect(const struct stub_address *address, const struct stub_address *source, int type,
		 const char **why)
{
	struct sockaddr_storage to, from;
	socklen_t to_len = stub_address_sockaddr(&to, address), from_len;
	int fd = socket(to.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		*why = stub_error_text(errno);
		return -1;
	}
	if (source->len != 0) {
		from_len = stub_address_sockaddr(&from, source);
		if (bind(fd, (struct sockaddr *)&from, from_len) != 0)
			goto fail;
	}
	if (connect(fd, (struct sockaddr *)&to, to_len) != 0 && errno != EINPROGRESS)
		goto fail;
	return fd;
fail:
	*why = stub_error_text(errno);
	close(fd);
	return -1;
}

/* ---- lists ---- */

static struct stub_exchange **bucket_of(struct stub_stream *s, uint16_t wire_id)
{
	return &s->buckets[wire_id % STUB_STREAM_BUCKETS];
}

static struct stub_exchange *exchange_find(struct stub_stream *s, uint16_t wire_id)
{
	for (struct stub_exchange *x = *bucket_of(s, wire_id); x != NULL; x = x->next)
		if (x->wire_id == wire_id)
			return x;
	return NULL;
}

static void stream_unlink(struct stub_stream *s)
{
	struct stub_stream **at = &s->set->first;

	while (*at != NULL && *at != s)
		at = &(*at)->next;
	if (*at != NULL)
		*at = s->next;
}

static void stream_close(struct stub_stream *s)
{
	if (s->watch.fd < 0)
		return;
	(void)stub_io_watch(s->set->io, &s->watch, 0);
	close(s->watch.fd);
	s->watch.fd = -1;
	stream_unlink(s);
}

static void out_clear(struct stub_stream *s)
{
	if (s->out != NULL)
		ap_wipe(s->out, s->out_size); /* there may be secrets in it */
	free(s->out);
	s->out = NULL;
	s->out_at = s->out_len = s->out_size = 0;
}

static void stream_free(struct stub_stream *s)
{
	stream_close(s);
	out_clear(s);
	free(s->in);
	free(s);
}

static void exchange_unlink(struct stub_exchange *x)
{
	struct stub_exchange **at = bucket_of(x->stream, x->wire_id);

	while (*at != NULL && *at != x)
		at = &(*at)->next;
	if (*at != NULL)
		*at = x->next;
	x->next = NULL;
}

void stub_exchange_end(struct stub_exchange *exchange)
{
	struct stub_stream *s = exchange->stream;

	if (s == NULL)
		return;
	exchange_unlink(exchange);
	exchange->stream = NULL;
	if (--s->n_holders == 0 && !s->busy)
		stream_free(s);
}

/* Everybody is told, and may ask somewhere else at once. */
static void stream_fail(struct stub_stream *s, const char *why)
{
	s->busy = true;
	stream_close(s);
	for (size_t i = 0; i < STUB_STREAM_BUCKETS; i++) {
		struct stub_exchange *x;

		while ((x = s->buckets[i]) != NULL) {
			s->buckets[i] = x->next;
			x->next = NULL;
			x->stream = NULL;
			s->n_holders--;
			x->failed(x->arg, why);
		}
	}
	stream_free(s);
}

/* ---- reading ---- */

static bool in_take(struct stub_stream *s, size_t n)
{
	s->in_at += n;
	if (s->in_at != sizeof(s->head) || s->in != NULL)
		return true;
	s->in_len = (size_t)(s->head[0] << 8 | s->head[1]);
	s->in = malloc(s->in_len + 1);
	return s->in != NULL;
}

static ssize_t in_read(struct stub_stream *s)
{
	size_t head = sizeof(s->head);

	if (s->in_at < head)
		return recv(s->watch.fd, s->head + s->in_at, head - s->in_at, 0);
	return recv(s->watch.fd, s->in + (s->in_at - head), s->in_len - (s->in_at - head), 0);
}

/* What answers nothing that is under way is dropped: its asker has gone. */
static void message_take(struct stub_stream *s)
{
	uint8_t *octets = s->in;
	size_t len = s->in_len;
	struct stub_exchange *x = NULL;

	s->in = NULL;
	s->in_len = 0;
	s->in_at = 0;
	if (len >= 2)
		x = exchange_find(s, (uint16_t)(octets[0] << 8 | octets[1]));
	if (x != NULL) {
		octets[0] = (uint8_t)(x->id >> 8);
		octets[1] = (uint8_t)x->id;
		x->received(x->arg, octets, len);
	}
	free(octets);
}

/* NULL, or why no more will come. False in *more: there is nothing more to be read now. */
static const char *read_some(struct stub_stream *s, bool *more)
{
	ssize_t n = in_read(s);

	*more = true;
	if (n < 0 && errno == EINTR)
		return NULL;
	if (n < 0 && errno == EAGAIN) {
		*more = false;
		return NULL;
	}
	if (n <= 0)
		return n == 0 ? "connection closed" : stub_error_text(errno);
	if (!in_take(s, (size_t)n))
		return out_of_memory;
	if (s->in == NULL || s->in_at < sizeof(s->head) + s->in_len)
		return s->in != NULL && s->in_len == 0 ? "empty message" : NULL;
	if (s->in_len == 0) /* no DNS message, and nothing to read for */
		return "empty message";
	message_take(s);
	return NULL;
}

static void stream_readable(struct stub_stream *s)
{
	const char *why = NULL;
	bool more = true;

	s->busy = true;
	/* a head, a body: two reads a message */
	for (unsigned i = 0; i < 2 * STUB_STREAM_BURST && more && why == NULL && s->n_holders > 0;
	     i++)
		why = read_some(s, &more);
	s->busy = false;
	if (s->n_holders == 0)
		stream_free(s);
	else if (why != NULL)
		stream_fail(s, why);
}

/* ---- writing ---- */

static const char *watch_for(struct stub_stream *s, unsigned events)
{
	return stub_io_watch(s->set->io, &s->watch, events) == 0 ? NULL : out_of_memory;
}

/* NULL, or why not. What the socket does not take now stays. */
static const char *out_flush(struct stub_stream *s)
{
	while (s->out_at < s->out_len) {
		ssize_t n =
			send(s->watch.fd, s->out + s->out_at, s->out_len - s->out_at, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		/* read meanwhile: a replica that is not read from reads no more */
		if (n < 0 && errno == EAGAIN)
			return watch_for(s, AGREE_READ | AGREE_WRITE);
		if (n < 0)
			return stub_error_text(errno);
		s->out_at += (size_t)n;
	}
	out_clear(s);
	return watch_for(s, AGREE_READ);
}

/* Why a connection could not be made shows as an error of the socket. */
static void stream_ready(struct stub_watch *watch, unsigned events)
{
	struct stub_stream *s = watch->arg;
	socklen_t len = sizeof(int);
	const char *why = NULL;
	int error = 0;

	if (getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error != 0)
		why = stub_error_text(error);
	else if ((events & AGREE_WRITE) != 0)
		why = out_flush(s);
	if (why != NULL)
		stream_fail(s, why);
	else if ((events & AGREE_READ) != 0)
		stream_readable(s);
}

/* Room for n octets more behind those that are not sent yet; grown by doubling, and the old ones
 * wiped. */
static bool out_reserve(struct stub_stream *s, size_t n)
{
	size_t kept = s->out_len - s->out_at, size = s->out_size;
	uint8_t *out;

	if (s->out_len + n <= s->out_size)
		return true;
	while (size < kept + n)
		size = size == 0 ? OUT_MIN : 2 * size;
	out = malloc(size);
	if (out == NULL)
		return false;
	if (kept > 0)
		memcpy(out, s->out + s->out_at, kept);
	out_clear(s);
	s->out = out;
	s->out_size = size;
	s->out_len = kept;
	return true;
}

static bool out_put(struct stub_stream *s, uint16_t wire_id, const uint8_t *octets, size_t len)
{
	uint8_t *at;

	if (!out_reserve(s, len + 2))
		return false;
	at = s->out + s->out_len;
	at[0] = (uint8_t)(len >> 8);
	at[1] = (uint8_t)len;
	memcpy(at + 2, octets, len);
	at[2] = (uint8_t)(wire_id >> 8);
	at[3] = (uint8_t)wire_id;
	s->out_len += len + 2;
	return true;
}

/* ---- opening and sending ---- */

/* A peer that is gone without a word is noticed, and the paths to it are kept open. */
static void options_set(int fd)
{
	static const struct {
		int level, name, value;
	} rows[] = {
		{IPPROTO_TCP, TCP_NODELAY, 1},	 {SOL_SOCKET, SO_KEEPALIVE, 1},
#ifdef TCP_KEEPIDLE
		{IPPROTO_TCP, TCP_KEEPIDLE, 15}, {IPPROTO_TCP, TCP_KEEPINTVL, 5},
		{IPPROTO_TCP, TCP_KEEPCNT, 3},
#endif
#ifdef TCP_SYNCNT
		{IPPROTO_TCP, TCP_SYNCNT, 2},
#endif
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		(void)setsockopt(fd, rows[i].level, rows[i].name, &rows[i].value,
				 sizeof(rows[i].value));
}

static struct stub_stream *stream_find(struct stub_streams *set, const struct stub_address *address,
				       const struct stub_address *source)
{
	for (struct stub_stream *s = set->first; s != NULL; s = s->next)
		if (s->n_holders < STUB_STREAM_HOLDERS_MAX &&
		    s->out_len - s->out_at < STUB_STREAM_BACKLOG_MAX &&
		    stub_address_equal(&s->address, address) &&
		    stub_address_equal(&s->source, source))
			return s;
	return NULL;
}

static struct stub_stream *stream_open(struct stub_streams *set, const struct stub_address *address,
				       const struct stub_address *source, const char **why)
{
	struct stub_stream *s = calloc(1, sizeof(*s));

	*why = out_of_memory;
	if (s == NULL)
		return NULL;
	s->set = set;
	s->address = *address;
	s->source = *source;
	s->watch = (struct stub_watch){.ready = stream_ready, .arg = s};
	s->watch.fd = stub_connect(address, source, SOCK_STREAM, why);
	if (s->watch.fd < 0) {
		free(s);
		return NULL;
	}
	options_set(s->watch.fd);
	s->next = set->first;
	set->first = s;
	return s;
}

/* The message's own id, if nobody has it on this connection. */
static uint16_t id_choose(struct stub_stream *s, uint16_t wanted)
{
	uint16_t id = wanted;

	while (exchange_find(s, id) != NULL)
		id = s->next_id++;
	return id;
}

const char *stub_stream_send(struct stub_streams *streams, struct stub_exchange *x,
			     const struct stub_address *address, const struct stub_address *source,
			     const void *octets, size_t len)
{
	const uint8_t *message = octets;
	const char *why = out_of_memory;
	struct stub_stream *s;
	uint16_t id, wire_id;

	if (len < 2 || len > AP_DNS_MAX)
		return stub_error_text(EMSGSIZE);
	s = stream_find(streams, address, source);
	if (s == NULL)
		s = stream_open(streams, address, source, &why);
	if (s != NULL)
		s->n_holders++; /* so that ending the old one does not end it */
	stub_exchange_end(x);
	if (s == NULL)
		return why;
	id = (uint16_t)(message[0] << 8 | message[1]);
	wire_id = id_choose(s, id);
	/* nothing can be read before it is connected, which shows as writable */
	if (out_put(s, wire_id, message, len) &&
	    watch_for(s, s->watch.events | AGREE_WRITE) == NULL) {
		x->stream = s;
		x->id = id;
		x->wire_id = wire_id;
		x->next = *bucket_of(s, wire_id);
		*bucket_of(s, wire_id) = x;
		return NULL;
	}
	if (--s->n_holders == 0 && !s->busy)
		stream_free(s);
	return out_of_memory;
}
