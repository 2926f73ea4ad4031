#include "config.h"

#include "daemon/peer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>

#include <openssl/err.h>

#include "daemon/addr.h"
#include "daemon/log.h"
#include "daemon/tls.h"
#include "libproto/agree_errors.h"
#include "libproto/codec.h"

enum {
	LINK_VERSION = 1,
	STRANGERS_MAX =
		2 *
		AP_REPLICAS_MAX, /* accepted and not yet known: for one more the oldest has to go */
	HANDSHAKE_S = 5,
	SILENCE_S = 10, /* a link that gives nothing for so long is dead: heartbeats come every
			   second */
	RETRY_FIRST_MS = 50,
	RETRY_LAST_MS = 2000,
	RETRY_REFUSED_MS = 5000, /* after a frame that broke the protocol */
	HEADER = 4 + 1,
};

struct conn {
	struct peers *peers;
	struct bufferevent *bev;
	uint8_t id;	   /* member; 0: accepted, not yet known */
	bool secure;	   /* handshake done, key compared */
	bool hello;	   /* the other's HELLO has come: the link is up */
	struct conn *next; /* strangers */
};

struct peer {
	struct peers *owner;
	struct conn *conn;
	struct event *retry;
	uint32_t retry_ms;
	struct peer_info info;
};

struct peers {
	struct peers_conf conf;
	struct event_base *base;
	SSL_CTX *tls;
	struct evconnlistener *listener;
	struct conn *strangers;
	size_t n_strangers;
	struct peer peer[AP_REPLICAS_MAX]; /* by identifier - 1 */
	struct sockaddr_storage links[AP_REPLICAS_MAX];
	socklen_t links_len[AP_REPLICAS_MAX];
	uint8_t keys[AP_REPLICAS_MAX][32];
};

static void dial(struct peers *p, uint8_t id);

/* ---- ends ---- */

static void conn_free(struct conn *c)
{
	bufferevent_free(c->bev);
	free(c);
}

static void stranger_remove(struct conn *c)
{
	struct conn **at = &c->peers->strangers;

	while (*at != NULL && *at != c)
		at = &(*at)->next;
	if (*at != NULL) {
		*at = c->next;
		c->peers->n_strangers--;
	}
}

static void retry_later(struct peers *p, uint8_t id, uint32_t at_least_ms)
{
	struct peer *peer = &p->peer[id - 1];
	uint32_t ms = peer->retry_ms > at_least_ms ? peer->retry_ms : at_least_ms;
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

	if (id >= p->conf.self)
		return; /* that side dials */
	evtimer_add(peer->retry, &tv);
	peer->retry_ms = peer->retry_ms * 2 < RETRY_LAST_MS ? peer->retry_ms * 2 : RETRY_LAST_MS;
}

/* Ends a connection, whatever its state, and plans the next one. */
static void conn_end(struct conn *c, uint32_t wait_ms)
{
	struct peers *p = c->peers;
	uint8_t id = c->id;
	bool was_up = c->hello;

	if (id == 0) {
		stranger_remove(c);
		conn_free(c);
		return;
	}
	if (p->peer[id - 1].conn == c) {
		p->peer[id - 1].conn = NULL;
		p->peer[id - 1].info.up = false;
	} else {
		was_up = false;
	}
	conn_free(c);
	if (was_up) {
		log_say(LOG_L_INFO, "link down member=%u", id);
		p->conf.on_link(p->conf.arg, id, false);
	}
	retry_later(p, id, wait_ms);
}

/* ---- frames ---- */

static void frame_write(struct conn *c, uint8_t type, const struct iovec *parts, size_t n)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	struct peer_info *info = &c->peers->peer[c->id - 1].info;
	uint8_t head[HEADER];
	size_t len = 1;

	for (size_t i = 0; i < n; i++)
		len += parts[i].iov_len;
	if (len > AP_FRAME_MAX || evbuffer_get_length(out) + len > AP_PEER_BACKLOG_MAX) {
		info->dropped++;
		return;
	}
	for (int i = 0; i < 4; i++)
		head[i] = (uint8_t)(len >> (24 - 8 * i));
	head[4] = type;
	evbuffer_add(out, head, sizeof(head));
	for (size_t i = 0; i < n; i++)
		evbuffer_add(out, parts[i].iov_base, parts[i].iov_len);
	info->frames_out++;
	info->octets_out += 4 + len;
}

static void hello_send(struct conn *c)
{
	ap_hello m = {.version = LINK_VERSION,
		      .replica = c->peers->conf.self,
		      .boot = c->peers->conf.boot};
	uint8_t octets[AP_MAX_hello];
	struct ap_writer w;

	memcpy(m.genesis.octets, c->peers->conf.genesis, 32);
	ap_writer_init(&w, octets, sizeof(octets));
	ap_hello_put(&w, &m);
	frame_write(c, AP_MESSAGE_hello, (struct iovec[]){{octets, ap_writer_len(&w)}}, 1);
}

/* The first frame. false: a stranger to this network, or another version. */
static bool hello_in(struct conn *c, const uint8_t *body, size_t len)
{
	struct peers *p = c->peers;
	struct peer *peer = &p->peer[c->id - 1];
	struct ap_reader r;
	ap_hello m;

	ap_reader_init(&r, body, len);
	ap_hello_get(&r, &m);
	if (!ap_reader_done(&r) || m.replica != c->id)
		return false;
	if (m.version != LINK_VERSION || memcmp(m.genesis.octets, p->conf.genesis, 32) != 0) {
		log_say(LOG_L_INFO,
			"member=%u speaks for another network file or version=%u: compare "
			"the files (agreectl fingerprint)",
			c->id, m.version);
		return false;
	}
	c->hello = true;
	peer->info.up = true;
	peer->info.boot = m.boot;
	log_say(LOG_L_INFO, "link up member=%u boot=%llu", c->id, (unsigned long long)m.boot);
	p->conf.on_link(p->conf.arg, c->id, true);
	return true;
}

static bool frame_in(struct conn *c, uint8_t type, const uint8_t *body, size_t len)
{
	struct peer *peer = &c->peers->peer[c->id - 1];

	peer->info.frames_in++;
	peer->info.octets_in += HEADER + len;
	if (!c->hello)
		return type == AP_MESSAGE_hello && hello_in(c, body, len);
	peer->retry_ms =
		RETRY_FIRST_MS; /* not before: the other side may not have taken our HELLO */
	return type != AP_MESSAGE_hello &&
	       c->peers->conf.on_frame(c->peers->conf.arg, c->id, type, body, len);
}

/* One frame off the input: 1 taken, 0 not whole yet, -1 it breaks the protocol. */
static int frame_next(struct conn *c, struct evbuffer *in)
{
	uint8_t head[HEADER];
	const uint8_t *octets;
	uint32_t len;
	bool good;

	if (evbuffer_copyout(in, head, sizeof(head)) < HEADER)
		return 0;
	len = (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
	if (len == 0 || len > AP_FRAME_MAX || len - 1 > ap_message_max(head[4]))
		return -1;
	if (evbuffer_get_length(in) < 4 + (size_t)len) {
		bufferevent_setwatermark(c->bev, EV_READ, 4 + (size_t)len, 0);
		return 0;
	}
	octets = evbuffer_pullup(in, (ev_ssize_t)(4 + (size_t)len));
	if (octets == NULL)
		return -1;
	good = frame_in(c, head[4], octets + HEADER, len - 1);
	evbuffer_drain(in, 4 + (size_t)len);
	return good ? 1 : -1;
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	int taken = 1;

	if (!c->secure)
		return;
	bufferevent_setwatermark(bev, EV_READ, 0, 0);
	while (taken == 1)
		taken = frame_next(c, in);
	if (taken == 0)
		return;
	c->peers->peer[c->id - 1].info.refused++;
	log_say(LOG_L_INFO, "member=%u broke the link's protocol: closed for a while", c->id);
	conn_end(c, RETRY_REFUSED_MS);
}

/* ---- connections ---- */

static uint8_t member_of(const struct peers *p, const uint8_t key[32])
{
	for (uint8_t id = 1; id <= p->conf.n; id++) {
		if (memcmp(p->keys[id - 1], key, 32) == 0)
			return id;
	}
	return 0;
}

/* The handshake is done: who is it? An accepted one must be a member that dials us; a newer link
 * replaces an older. */
static bool identify(struct conn *c)
{
	struct peers *p = c->peers;
	uint8_t key[32], id;

	if (tls_peer_key(bufferevent_openssl_get_ssl(c->bev), key) != 0)
		return false;
	id = member_of(p, key);
	if (id == 0 || id == p->conf.self)
		return false;
	if (c->id != 0)
		return c->id == id;
	if (id < p->conf.self)
		return false;
	if (p->peer[id - 1].conn != NULL)
		conn_end(p->peer[id - 1].conn, 0);
	stranger_remove(c);
	c->id = id;
	p->peer[id - 1].conn = c;
	return true;
}

static void on_secure(struct conn *c)
{
	int one = 1;

	setsockopt(bufferevent_getfd(c->bev), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	bufferevent_set_timeouts(c->bev, &(struct timeval){.tv_sec = SILENCE_S}, NULL);
	c->secure = true;
	hello_send(c);
}

static void say_failure(const struct conn *c)
{
	unsigned long err = bufferevent_get_openssl_error(c->bev);
	char text[160] = "";

	if (err == 0 || !log_is_on(LOG_L_CLIENT))
		return;
	ERR_error_string_n(err, text, sizeof(text));
	log_say(LOG_L_CLIENT, "link failed member=%u tls=%s", c->id, text);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;

	(void)bev;
	if ((what & BEV_EVENT_CONNECTED) == 0) {
		say_failure(c);
		conn_end(c, 0);
		return;
	}
	if (identify(c)) {
		on_secure(c);
		return;
	}
	log_say(LOG_L_INFO, "link refused: the other side is not the member that it should be");
	conn_end(c, RETRY_REFUSED_MS);
}

static struct conn *conn_new(struct peers *p, evutil_socket_t fd, uint8_t id)
{
	enum bufferevent_ssl_state state =
		fd >= 0 ? BUFFEREVENT_SSL_ACCEPTING : BUFFEREVENT_SSL_CONNECTING;
	struct conn *c = calloc(1, sizeof(*c));
	SSL *ssl = SSL_new(p->tls);

	if (c != NULL && ssl != NULL)
		c->bev = bufferevent_openssl_socket_new(
			p->base, fd, ssl, state, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (c == NULL || c->bev == NULL) {
		SSL_free(ssl);
		free(c);
		return NULL;
	}
	c->peers = p;
	c->id = id;
	bufferevent_openssl_set_allow_dirty_shutdown(c->bev, 1);
	bufferevent_setcb(c->bev, on_read, NULL, on_event, c);
	bufferevent_set_timeouts(c->bev, &(struct timeval){.tv_sec = HANDSHAKE_S},
				 &(struct timeval){.tv_sec = HANDSHAKE_S});
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	return c;
}

/* Who is a member is through in no time; who lets us wait gives way. */
static void oldest_stranger_end(struct peers *p)
{
	struct conn *c = p->strangers;

	while (c->next != NULL)
		c = c->next;
	conn_end(c, 0);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *sa,
		      int len, void *arg)
{
	struct peers *p = arg;
	struct conn *c;

	(void)listener;
	(void)sa;
	(void)len;
	if (p->n_strangers == STRANGERS_MAX)
		oldest_stranger_end(p);
	c = conn_new(p, fd, 0);
	if (c == NULL) {
		close(fd);
		return;
	}
	c->next = p->strangers;
	p->strangers = c;
	p->n_strangers++;
}

static void dial(struct peers *p, uint8_t id)
{
	struct peer *peer = &p->peer[id - 1];
	struct conn *c = conn_new(p, -1, id);

	if (c == NULL) {
		retry_later(p, id, RETRY_LAST_MS);
		return;
	}
	peer->conn = c;
	if (bufferevent_socket_connect(c->bev, (struct sockaddr *)&p->links[id - 1],
				       (int)p->links_len[id - 1]) != 0 &&
	    peer->conn == c)
		conn_end(c, 0);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct peer *peer = arg;

	(void)fd;
	(void)what;
	if (peer->conn == NULL)
		dial(peer->owner, (uint8_t)(peer - peer->owner->peer + 1));
}

/* ---- the interface ---- */

void peers_send(struct peers *p, uint16_t to, uint8_t type, const struct iovec *parts, size_t n)
{
	for (uint8_t id = 1; id <= p->conf.n; id++) {
		struct conn *c = p->peer[id - 1].conn;

		if ((to >> (id - 1) & 1) != 0 && c != NULL && c->hello)
			frame_write(c, type, parts, n);
	}
}

uint16_t peers_up(const struct peers *p)
{
	uint16_t up = 0;

	for (uint8_t id = 1; id <= p->conf.n; id++) {
		if (p->peer[id - 1].info.up)
			up |= (uint16_t)(1u << (id - 1));
	}
	return up;
}

void peers_info(const struct peers *p, uint8_t id, struct peer_info *info)
{
	const struct peer *peer = &p->peer[id - 1];

	*info = peer->info;
	if (peer->conn != NULL)
		info->backlog = evbuffer_get_length(bufferevent_get_output(peer->conn->bev));
}

static int start(struct peers *p)
{
	p->tls = tls_context(p->conf.seed);
	p->conf.seed = NULL;
	if (p->tls == NULL)
		return AGREE_EINTERNAL;
	p->listener = evconnlistener_new(p->base, on_accept, p,
					 LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0,
					 p->conf.listen_fd);
	if (p->listener == NULL)
		return AGREE_ENOMEM;
	for (uint8_t id = 1; id < p->conf.self; id++) {
		struct peer *peer = &p->peer[id - 1];

		peer->owner = p;
		peer->retry_ms = RETRY_FIRST_MS;
		peer->retry = evtimer_new(p->base, on_retry, peer);
		if (peer->retry == NULL)
			return AGREE_ENOMEM;
		dial(p, id);
	}
	return 0;
}

int peers_new(struct peers **out, struct event_base *base, const struct peers_conf *conf)
{
	struct peers *p = calloc(1, sizeof(*p));
	int status;

	*out = p;
	if (p == NULL)
		return AGREE_ENOMEM;
	p->conf = *conf;
	p->base = base;
	memcpy(p->keys, conf->keys, (size_t)conf->n * 32);
	memcpy(p->links, conf->links, conf->n * sizeof(p->links[0]));
	memcpy(p->links_len, conf->links_len, conf->n * sizeof(p->links_len[0]));
	p->conf.keys = (const uint8_t(*)[32])p->keys;
	p->conf.links = p->links;
	p->conf.links_len = p->links_len;
	evutil_make_socket_nonblocking(conf->listen_fd);
	status = start(p);
	if (status != 0) {
		peers_free(p);
		*out = NULL;
	}
	return status;
}

void peers_free(struct peers *p)
{
	if (p == NULL)
		return;
	while (p->strangers != NULL) {
		struct conn *next = p->strangers->next;

		conn_free(p->strangers);
		p->strangers = next;
	}
	for (uint8_t id = 1; id <= p->conf.n; id++) {
		if (p->peer[id - 1].conn != NULL)
			conn_free(p->peer[id - 1].conn);
		if (p->peer[id - 1].retry != NULL)
			event_free(p->peer[id - 1].retry);
	}
	if (p->listener != NULL)
		evconnlistener_free(p->listener);
	SSL_CTX_free(p->tls);
	free(p);
}
