#include "config.h"

#include "daemon/tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "daemon/limit.h"
#include "daemon/prefix.h"
#include "libproto/agree_errors.h"
#include "libproto/crypto.h"

enum {
	PIPELINE_MAX = 1024, /* requests of one connection under way: no more is read until some are
				answered */
	BACKLOG_MAX = 1 << 20, /* octets that the client has not yet taken: the same */
};

struct conn {
	struct tcp *tcp;
	struct bufferevent *bev;
	uint16_t slot, prefix;
	uint32_t generation, outstanding, waiting; /* waiting: not outstanding */
	uint64_t heard_ms; /* when it was opened, or last said something */
	bool done;	   /* the client has closed its side: gone once all is answered and sent */
	uint64_t partial_ms; /* since when there is an incomplete message; 0: there is none */
	struct sockaddr_storage peer;
	socklen_t peer_len;
};

struct tcp {
	struct answers *answers;
	struct event_base *base;
	struct tcp_conf conf;
	struct evconnlistener *listeners[CONF_LISTEN_MAX];
	size_t n_listeners;
	struct conn **slots; /* conf.clients_max */
	uint32_t *generations;
	uint16_t *free_slots;
	size_t n_free;
	uint8_t prefix_key[16];
	uint32_t prefixes[PREFIXES]; /* connections of each */
	uint8_t answer[ANSWER_MAX];
};

static void conn_free(struct conn *c)
{
	struct tcp *t = c->tcp;

	if (t->conf.closed != NULL)
		t->conf.closed(t->conf.arg, c->slot);
	t->slots[c->slot] = NULL;
	t->free_slots[t->n_free++] = c->slot;
	t->prefixes[c->prefix]--;
	bufferevent_free(c->bev);
	free(c);
}

static void write_message(struct conn *c, const uint8_t *octets, size_t len)
{
	const uint8_t head[2] = {(uint8_t)(len >> 8), (uint8_t)len};

	bufferevent_write(c->bev, head, sizeof(head));
	bufferevent_write(c->bev, octets, len);
}

static bool is_busy(const struct conn *c)
{
	return c->outstanding >= PIPELINE_MAX ||
	       evbuffer_get_length(bufferevent_get_output(c->bev)) > BACKLOG_MAX;
}

static void one(struct conn *c, const uint8_t *octets, size_t len)
{
	struct tcp *t = c->tcp;
	struct asker asker;
	struct clients_info *info = answers_info(t->answers);
	uint64_t dropped = info->dropped;
	size_t n;

	asker.tcp = true;
	asker.socket = c->slot;
	asker.generation = c->generation;
	asker.peer = c->peer;
	asker.peer_len = c->peer_len;
	memset(&asker.local, 0, sizeof(asker.local));
	info->tcp_in++;
	n = answers_request(t->answers, octets, len, false, &asker, t->answer);
	if (n > 0)
		write_message(c, t->answer, n);
	else if (info->dropped == dropped)
		c->outstanding++;
}

/* One message off the input: false if there is no whole one, or the client has to wait. */
static bool next_message(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	uint8_t head[2];
	const uint8_t *octets;
	size_t len;

	if (is_busy(c) || evbuffer_copyout(in, head, 2) < 2)
		return false;
	len = (size_t)head[0] << 8 | head[1];
	if (evbuffer_get_length(in) < 2 + len)
		return false;
	octets = evbuffer_pullup(in, (ev_ssize_t)(2 + len));
	if (octets != NULL)
		one(c, octets + 2, len);
	evbuffer_drain(in, 2 + len);
	c->partial_ms = 0;
	return true;
}

static void go_on(struct conn *c)
{
	while (next_message(c))
		continue;
	if (is_busy(c))
		bufferevent_disable(c->bev, EV_READ);
	else if (!c->done)
		bufferevent_enable(c->bev, EV_READ);
}

static bool is_over(const struct conn *c)
{
	return c->done && c->outstanding == 0 && c->waiting == 0 &&
	       evbuffer_get_length(bufferevent_get_output(c->bev)) == 0;
}

/* Octets that trickle in do not keep a connection: a message has as long as an idle client. */
static bool is_late(struct conn *c)
{
	uint64_t now = limit_now();

	if (is_busy(c) || evbuffer_get_length(bufferevent_get_input(c->bev)) == 0)
		c->partial_ms = 0;
	else if (c->partial_ms == 0)
		c->partial_ms = now;
	return c->partial_ms != 0 && now - c->partial_ms > (uint64_t)c->tcp->conf.idle_s * 1000;
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	(void)bev;
	c->heard_ms = limit_now();
	go_on(c);
	if (is_late(c))
		conn_free(c);
}

/* The output has run dry. */
static void on_written(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	(void)bev;
	go_on(c); /* what was left in the input while it was busy */
	if (is_over(c))
		conn_free(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;

	if ((what & BEV_EVENT_EOF) != 0) { /* half-closed: what it asked is still answered */
		c->done = true;
		if (is_over(c))
			conn_free(c);
		return;
	}
	if ((what & BEV_EVENT_TIMEOUT) != 0 && (what & BEV_EVENT_READING) != 0 &&
	    c->outstanding + c->waiting > 0) {
		bufferevent_enable(bev, EV_READ); /* it waits for us, not we for it */
		return;
	}
	conn_free(c);
}

static void conn_new(struct tcp *t, evutil_socket_t fd, const struct sockaddr *sa, int len)
{
	const struct timeval idle = {.tv_sec = (time_t)t->conf.idle_s};
	struct conn *c = calloc(1, sizeof(*c));
	int one_on = 1;

	if (c != NULL)
		c->bev = bufferevent_socket_new(t->base, fd,
						BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (c == NULL || c->bev == NULL) {
		free(c);
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one_on, sizeof(one_on));
	c->tcp = t;
	c->slot = t->free_slots[--t->n_free];
	c->generation = ++t->generations[c->slot];
	memcpy(&c->peer, sa, (size_t)len);
	c->peer_len = (socklen_t)len;
	t->slots[c->slot] = c;
	c->heard_ms = limit_now();
	c->prefix = prefix_of(t->prefix_key, &c->peer);
	t->prefixes[c->prefix]++;
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_set_timeouts(c->bev, &idle, &idle);
	bufferevent_setwatermark(c->bev, EV_READ, 0, 2 + (size_t)AP_DNS_MAX);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

/* All places are taken: the client network that has most of them gives one up, and of its
 * connections the one that has no request under way and has been silent longest; who waits for an
 * outcome asks again elsewhere. NULL: no network has more than the newcomer's would. */
static struct conn *least_needed(const struct tcp *t, uint16_t newcomer)
{
	struct conn *least = NULL;

	for (size_t i = 0; i < t->conf.clients_max; i++) {
		struct conn *c = t->slots[i];
		uint32_t n = c->outstanding > 0 ? 0 : t->prefixes[c->prefix];

		if (n <= t->prefixes[newcomer] + 1)
			continue;
		if (least == NULL || n > t->prefixes[least->prefix] ||
		    (n == t->prefixes[least->prefix] && c->heard_ms < least->heard_ms))
			least = c;
	}
	return least;
}

static bool make_room(struct tcp *t, const struct sockaddr *sa, int len)
{
	struct sockaddr_storage peer = {0};
	struct conn *c;

	if (t->n_free > 0)
		return true;
	memcpy(&peer, sa, (size_t)len);
	c = least_needed(t, prefix_of(t->prefix_key, &peer));
	if (c == NULL)
		return false;
	conn_free(c);
	return true;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *sa,
		      int len, void *arg)
{
	struct tcp *t = arg;

	(void)listener;
	if ((size_t)len <= sizeof(struct sockaddr_storage) && make_room(t, sa, len))
		conn_new(t, fd, sa, len);
	else
		close(fd);
}

static struct conn *conn_of(const struct tcp *t, const struct asker *asker)
{
	struct conn *c = asker->socket < t->conf.clients_max ? t->slots[asker->socket] : NULL;

	return c != NULL && c->generation == asker->generation ? c : NULL;
}

bool tcp_has(const struct tcp *t, const struct asker *asker)
{
	return conn_of(t, asker) != NULL;
}

/* What was left in its input while it was busy is read on behind this event. */
void tcp_hold(struct tcp *t, const struct asker *asker)
{
	struct conn *c = conn_of(t, asker);

	if (c == NULL)
		return;
	c->outstanding--;
	c->waiting++;
	bufferevent_trigger(c->bev, EV_READ, BEV_OPT_DEFER_CALLBACKS);
}

void tcp_send(struct tcp *t, const struct asker *asker, const uint8_t *octets, size_t len)
{
	struct conn *c = conn_of(t, asker);

	if (c == NULL)
		return;
	if (asker->held)
		c->waiting--;
	else
		c->outstanding--;
	write_message(c, octets, len);
}

size_t tcp_open(const struct tcp *t)
{
	return t->conf.clients_max - t->n_free;
}

int tcp_new(struct tcp **out, struct event_base *base, struct answers *answers,
	    const struct tcp_conf *conf, const int *fds, size_t n)
{
	struct tcp *t = calloc(1, sizeof(*t));

	*out = t;
	if (t == NULL)
		return AGREE_ENOMEM;
	t->answers = answers;
	t->base = base;
	t->conf = *conf;
	if (ap_random(t->prefix_key, sizeof(t->prefix_key)) != 0) {
		tcp_free(t);
		*out = NULL;
		return AGREE_EINTERNAL;
	}
	t->slots = calloc(conf->clients_max, sizeof(t->slots[0]));
	t->generations = calloc(conf->clients_max, sizeof(t->generations[0]));
	t->free_slots = calloc(conf->clients_max, sizeof(t->free_slots[0]));
	for (uint32_t i = conf->clients_max; t->free_slots != NULL && i > 0; i--)
		t->free_slots[t->n_free++] = (uint16_t)(i - 1);
	for (size_t i = 0; i < n && i < CONF_LISTEN_MAX; i++) {
		evutil_make_socket_nonblocking(fds[i]);
		t->listeners[i] = evconnlistener_new(base, on_accept, t,
						     LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC,
						     0, fds[i]);
		t->n_listeners += t->listeners[i] != NULL;
	}
	if (t->slots != NULL && t->generations != NULL && t->free_slots != NULL &&
	    t->n_listeners == n)
		return 0;
	tcp_free(t);
	*out = NULL;
	return AGREE_ENOMEM;
}

void tcp_free(struct tcp *t)
{
	if (t == NULL)
		return;
	for (uint32_t i = 0; t->slots != NULL && t->generations != NULL && t->free_slots != NULL &&
			     i < t->conf.clients_max;
	     i++) {
		if (t->slots[i] != NULL)
			conn_free(t->slots[i]);
	}
	for (size_t i = 0; i < CONF_LISTEN_MAX; i++) {
		if (t->listeners[i] != NULL)
			evconnlistener_free(t->listeners[i]);
	}
	free(t->slots);
	free(t->generations);
	free(t->free_slots);
	free(t);
}
