/*
 * OpenSSL neither reads nor writes the socket here: its BIO is the two functions below, between
 * what one read() has brought and what the next sendmsg() takes. So it always has all there is, and
 * never blocks on a write.
 */
#include "config.h"

#include "daemon/channel.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>

#include <openssl/bio.h>
#include <openssl/err.h>

enum {
	READ_MAX = 64 * 1024, /* octets of one wake-up: other links get their turn */
	ROOM_FIRST = 64 * 1024,
	RECORD = 16 * 1024, /* the most that TLS puts into one record */
	WRITE_PARTS = 16,
	ROOM_KEPT = 256 * 1024, /* larger is given back when what it was for is taken */
};

struct channel {
	struct channel_conf conf;
	int fd;
	SSL *ssl;
	struct event *readable, *writable, *flush;
	bool is_connecting, is_secure;
	bool is_broken; /* ends with the turn: who puts is in the midst of something */
	bool has_flush; /* the turn ends with one */
	bool is_stuck;	/* the socket takes no more: writable is waited for */
	unsigned long why;
	/* in: from the socket, during a wake-up only; then decrypted and not taken */
	const uint8_t *net;
	size_t net_len;
	uint8_t *in;
	size_t in_len, in_cap, need;
	/* out: not encrypted yet; then records */
	uint8_t plain[RECORD];
	size_t plain_len;
	struct evbuffer *records;
};

/* ---- the BIO ---- */

/* channel_put() keeps to the backlog's limit; what TLS says by itself, to a side that asks for new
 * keys again and again and reads nothing, ends at twice that. */
static int bio_write(BIO *bio, const char *octets, int len)
{
	struct channel *c = BIO_get_data(bio);

	if (evbuffer_get_length(c->records) > 2 * c->conf.backlog_max + RECORD)
		return -1;
	return len > 0 && evbuffer_add(c->records, octets, (size_t)len) == 0 ? len : -1;
}

static int bio_read(BIO *bio, char *out, int len)
{
	struct channel *c = BIO_get_data(bio);
	size_t n = len > 0 && (size_t)len < c->net_len ? (size_t)len : c->net_len;

	BIO_clear_retry_flags(bio);
	if (n == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(out, c->net, n);
	c->net += n;
	c->net_len -= n;
	return (int)n;
}

static long bio_control(BIO *bio, int what, long number, void *it)
{
	(void)bio;
	(void)number;
	(void)it;
	return what == BIO_CTRL_FLUSH;
}

static int bio_begin(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

/* One for the process: it holds functions alone. */
static const BIO_METHOD *bio_method(void)
{
	static BIO_METHOD *method;
	BIO_METHOD *m;

	if (method != NULL)
		return method;
	m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "channel");
	if (m == NULL)
		return NULL;
	BIO_meth_set_write(m, bio_write);
	BIO_meth_set_read(m, bio_read);
	BIO_meth_set_ctrl(m, bio_control);
	BIO_meth_set_create(m, bio_begin);
	method = m;
	return method;
}

/* ---- ends ---- */

void channel_free(struct channel *c)
{
	struct event *const events[] = {c->readable, c->writable, c->flush};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i] != NULL)
			event_free(events[i]);
	SSL_free(c->ssl);
	if (c->records != NULL)
		evbuffer_free(c->records);
	if (c->fd >= 0)
		close(c->fd);
	free(c->in);
	free(c);
}

/* Always false: the owner has freed it. */
static bool end(struct channel *c)
{
	c->conf.on_end(c->conf.arg, c->why);
	return false;
}

/* ---- out ---- */

size_t channel_backlog(const struct channel *c)
{
	return c->plain_len + evbuffer_get_length(c->records);
}

static void encrypt(struct channel *c)
{
	size_t len = c->plain_len;

	c->plain_len = 0;
	if (len == 0 || c->is_broken)
		return;
	ERR_clear_error();
	if (SSL_write(c->ssl, c->plain, (int)len) == (int)len)
		return;
	c->why = ERR_peek_error();
	c->is_broken = true;
}

static void put(struct channel *c, const uint8_t *octets, size_t len)
{
	while (len > 0) {
		size_t n = sizeof(c->plain) - c->plain_len;

		n = n < len ? n : len;
		memcpy(c->plain + c->plain_len, octets, n);
		c->plain_len += n;
		octets += n;
		len -= n;
		if (c->plain_len == sizeof(c->plain))
			encrypt(c);
	}
}

bool channel_put(struct channel *c, const struct iovec *parts, size_t n)
{
	size_t room = c->conf.backlog_max, have = channel_backlog(c);

	if (!c->is_secure || c->is_broken || have > room)
		return false;
	room -= have;
	for (size_t i = 0; i < n; i++) {
		if (parts[i].iov_len > room)
			return false;
		room -= parts[i].iov_len;
	}
	for (size_t i = 0; i < n; i++)
		put(c, parts[i].iov_base, parts[i].iov_len);
	if (!c->has_flush && !c->is_stuck) {
		event_active(c->flush, EV_TIMEOUT, 0);
		c->has_flush = true;
	}
	return true;
}

static void send_some(struct channel *c)
{
	struct evbuffer_iovec parts[WRITE_PARTS];
	struct msghdr m = {.msg_iov = parts};
	int n = evbuffer_peek(c->records, -1, NULL, parts, WRITE_PARTS);
	ssize_t sent;

	m.msg_iovlen = n < WRITE_PARTS ? (size_t)n : WRITE_PARTS;
	sent = sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent >= 0)
		evbuffer_drain(c->records, (size_t)sent);
	else if (errno == EAGAIN || errno == EWOULDBLOCK)
		c->is_stuck = true;
	else if (errno != EINTR)
		c->is_broken = true;
}

static void push(struct channel *c)
{
	encrypt(c);
	while (!c->is_broken && !c->is_stuck && evbuffer_get_length(c->records) > 0)
		send_some(c);
	if (c->is_stuck && event_add(c->writable, NULL) != 0)
		c->is_broken = true;
}

/* false: it is over, and freed. */
static bool flush(struct channel *c)
{
	c->has_flush = false;
	push(c);
	return c->is_broken ? end(c) : true;
}

void channel_flush(struct channel *c)
{
	if (c->has_flush)
		push(c); /* what has failed shows when the turn ends */
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	flush(arg);
}

/* ---- in ---- */

/* OpenSSL's call has returned status: does it more than want to read on? */
static bool has_failed(struct channel *c, int status)
{
	if (SSL_get_error(c->ssl, status) == SSL_ERROR_WANT_READ)
		return false;
	c->why = ERR_peek_error();
	if (evbuffer_get_length(c->records) > 0 && !c->is_stuck)
		send_some(c); /* an alert says why */
	return true;
}

static bool deliver(struct channel *c)
{
	size_t used = 0, need = 0;

	if (c->in_len == 0 || c->in_len < c->need)
		return true;
	if (!c->conf.on_octets(c->conf.arg, c->in, c->in_len, &used, &need))
		return false;
	c->in_len -= used;
	if (used > 0)
		memmove(c->in, c->in + used, c->in_len);
	c->need = need > c->in_len ? need : c->in_len + 1;
	return true;
}

/* Room for what is needed, and always for one record more. */
static bool make_room(struct channel *c)
{
	size_t cap = c->need + RECORD > ROOM_FIRST ? c->need + RECORD : ROOM_FIRST;
	uint8_t *more;

	if (c->need > c->conf.piece_max)
		return false;
	if (c->in_len == 0 && c->in_cap > ROOM_KEPT && c->in_cap > cap) {
		free(c->in);
		c->in = NULL;
		c->in_cap = 0;
	}
	if (c->in_cap >= cap)
		return true;
	more = realloc(c->in, cap);
	if (more == NULL)
		return false;
	c->in = more;
	c->in_cap = cap;
	return true;
}

/* false: it is over, and freed. */
static bool decrypt(struct channel *c)
{
	bool is_over = false, more = true;

	while (more) {
		int n;

		if (!make_room(c))
			return end(c);
		ERR_clear_error();
		n = SSL_read(c->ssl, c->in + c->in_len, (int)(c->in_cap - c->in_len));
		if (n > 0)
			c->in_len += (size_t)n;
		else
			is_over = has_failed(c, n);
		more = n > 0 && (c->net_len > 0 || SSL_has_pending(c->ssl) == 1);
		if ((!more || c->in_cap - c->in_len < RECORD) && !deliver(c))
			return false;
	}
	return is_over ? end(c) : true;
}

static int wait_to_read(struct channel *c, unsigned seconds)
{
	return event_add(c->readable, &(struct timeval){.tv_sec = seconds});
}

/* false: it is over, and freed. */
static bool handshake(struct channel *c)
{
	int status;

	ERR_clear_error();
	status = SSL_do_handshake(c->ssl);
	if (status != 1 && has_failed(c, status))
		return end(c);
	if (status == 1) {
		c->is_secure = true;
		if (wait_to_read(c, c->conf.silence_s) != 0)
			return end(c);
		if (!c->conf.on_secure(c->conf.arg))
			return false;
	}
	return flush(c);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct channel *c = arg;
	uint8_t octets[READ_MAX];
	ssize_t n;

	n = (what & EV_READ) != 0 ? read(fd, octets, sizeof(octets)) : 0;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n <= 0) { /* closed, broken, or silent for too long */
		end(c);
		return;
	}
	c->net = octets;
	c->net_len = (size_t)n;
	if (!c->is_secure && !handshake(c))
		return;
	if (c->is_secure && !decrypt(c))
		return;
	c->net = NULL;
	c->net_len = 0;
}

/* ---- beginnings ---- */

static void begin(struct channel *c)
{
	int one = 1;

	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (wait_to_read(c, c->conf.handshake_s) != 0)
		end(c);
	else
		handshake(c);
}

static void on_connected(struct channel *c, short what)
{
	int failure = 0;
	socklen_t len = sizeof(failure);

	if ((what & EV_WRITE) == 0 ||
	    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &failure, &len) != 0 || failure != 0) {
		end(c);
		return;
	}
	c->is_connecting = false;
	begin(c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct channel *c = arg;

	(void)fd;
	c->is_stuck = false;
	if (c->is_connecting)
		on_connected(c, what);
	else
		flush(c);
}

static bool ssl_make(struct channel *c)
{
	const BIO_METHOD *method = bio_method();
	BIO *bio = method != NULL ? BIO_new(method) : NULL;

	c->ssl = SSL_new(c->conf.tls);
	if (bio == NULL || c->ssl == NULL) {
		BIO_free(bio);
		return false;
	}
	BIO_set_data(bio, c);
	SSL_set_bio(c->ssl, bio, bio);
	return true;
}

/* fd is the channel's when this has succeeded. */
static struct channel *channel_new(struct event_base *base, const struct channel_conf *conf, int fd)
{
	struct channel *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->conf = *conf;
	c->fd = -1;
	c->records = evbuffer_new();
	c->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, c);
	c->writable = event_new(base, fd, EV_WRITE, on_writable, c);
	c->flush = event_new(base, -1, 0, on_flush, c);
	if (c->records == NULL || c->readable == NULL || c->writable == NULL || c->flush == NULL ||
	    !ssl_make(c) || evutil_make_socket_nonblocking(fd) != 0) {
		channel_free(c);
		return NULL;
	}
	c->fd = fd;
	return c;
}

struct channel *channel_accept(struct event_base *base, const struct channel_conf *conf, int fd)
{
	struct channel *c = channel_new(base, conf, fd);
	int one = 1;

	if (c == NULL)
		return NULL;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	SSL_set_accept_state(c->ssl);
	if (wait_to_read(c, conf->handshake_s) == 0)
		return c;
	c->fd = -1;
	channel_free(c);
	return NULL;
}

struct channel *channel_dial(struct event_base *base, const struct channel_conf *conf,
			     const struct sockaddr *to, socklen_t len)
{
	int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct channel *c = fd >= 0 ? channel_new(base, conf, fd) : NULL;
	struct timeval patience = {.tv_sec = conf->handshake_s};

	if (c == NULL) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	SSL_set_connect_state(c->ssl);
	c->is_connecting = true; /* even if it is done at once: then the socket is writable */
	if ((connect(fd, to, len) == 0 || errno == EINPROGRESS) &&
	    event_add(c->writable, &patience) == 0)
		return c;
	channel_free(c);
	return NULL;
}

const SSL *channel_ssl(const struct channel *c)
{
	return c->ssl;
}
