#include "config.h"

#include "daemon/peer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/listener.h>
#include <netinet/in.h>

#include <openssl/err.h>

#include "daemon/addr.h"
#include "daemon/channel.h"
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
	struct channel *channel;
	uint8_t id;	   /* member; 0: accepted, not yet known */
	bool is_likely;	   /* accepted from the host of a member */
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
	channel_free(c->channel);
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
	struct peer_info *info = &c->peers->peer[c->id - 1].info;
	struct iovec all[1 + PEER_PARTS_MAX];
	uint8_t head[HEADER];
	size_t len = 1;

	all[0] = (struct iovec){head, sizeof(head)};
	for (size_t i = 0; i < n && i < PEER_PARTS_MAX; i++) {
		all[1 + i] = parts[i];
		len += parts[i].iov_len;
	}
	for (int i = 0; i < 4; i++)
		head[i] = (uint8_t)(len >> (24 - 8 * i));
	head[4] = type;
	if (n > PEER_PARTS_MAX)
		abort(); /* a bug of ours: the frame would be lost without a word */
	if (len > AP_FRAME_MAX || !channel_put(c->channel, all, 1 + n)) {
		info->dropped++;
		return;
	}
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

/* The length of the frame that begins here, all in all, as far as it shows: at least what has to be
 * there to know more. 0: it breaks the protocol. */
static size_t frame_len(const uint8_t *octets, size_t len)
{
	uint32_t inside;

	if (len < HEADER)
		return HEADER;
	inside = (uint32_t)octets[0] << 24 | (uint32_t)octets[1] << 16 | (uint32_t)octets[2] << 8 |
		 octets[3];
	if (inside == 0 || inside > AP_FRAME_MAX || inside - 1 > ap_message_max(octets[4]))
		return 0;
	return 4 + (size_t)inside;
}

static bool on_octets(void *arg, const uint8_t *octets, size_t len, size_t *used, size_t *need)
{
	struct conn *c = arg;

	for (;;) {
		const uint8_t *at = octets + *used;

		*need = frame_len(at, len - *used);
		if (*need > len - *used)
			return true;
		if (*need == 0 || !frame_in(c, at[4], at + HEADER, *need - HEADER))
			break;
		*used += *need;
	}
	c->peers->peer[c->id - 1].info.refused++;
	log_say(LOG_L_INFO, "member=%u broke the link's protocol: closed for a while", c->id);
	conn_end(c, RETRY_REFUSED_MS);
	return false;
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

	if (tls_peer_key(channel_ssl(c->channel), key) != 0)
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

static bool on_secure(void *arg)
{
	struct conn *c = arg;

	if (identify(c)) {
		hello_send(c);
		return true;
	}
	log_say(LOG_L_INFO, "link refused: the other side is not the member that it should be");
	conn_end(c, RETRY_REFUSED_MS);
	return false;
}

static void on_end(void *arg, unsigned long tls)
{
	struct conn *c = arg;
	char text[160] = "";

	if (tls != 0 && log_is_on(LOG_L_CLIENT)) {
		ERR_error_string_n(tls, text, sizeof(text));
		log_say(LOG_L_CLIENT, "link failed member=%u tls=%s", c->id, text);
	}
	conn_end(c, 0);
}

/* fd >= 0: accepted, and taken over; else member id is dialled. */
static struct conn *conn_new(struct peers *p, evutil_socket_t fd, uint8_t id)
{
	struct conn *c = calloc(1, sizeof(*c));
	struct channel_conf conf = {.tls = p->tls,
				    .handshake_s = HANDSHAKE_S,
				    .silence_s = SILENCE_S,
				    .backlog_max = AP_PEER_BACKLOG_MAX,
				    .piece_max = 4 + (size_t)AP_FRAME_MAX,
				    .on_secure = on_secure,
				    .on_octets = on_octets,
				    .on_end = on_end,
				    .arg = c};

	if (c == NULL)
		return NULL;
	c->peers = p;
	c->id = id;
	c->channel = fd >= 0 ? channel_accept(p->base, &conf, fd)
			     : channel_dial(p->base, &conf, (struct sockaddr *)&p->links[id - 1],
					    p->links_len[id - 1]);
	if (c->channel != NULL)
		return c;
	free(c);
	return NULL;
}

/* Who is a member is through in no time; who lets us wait gives way: first who comes from nowhere,
 * so that no flood from there pushes out a member whose handshake is on its way. */
static void oldest_stranger_end(struct peers *p)
{
	struct conn *oldest = NULL;

	for (struct conn *c = p->strangers; c != NULL; c = c->next)
		if (oldest == NULL || oldest->is_likely || !c->is_likely)
			oldest = c;
	conn_end(oldest, 0);
}

static bool is_host(const struct sockaddr_storage *member, const struct sockaddr *sa)
{
	const struct sockaddr_in *a4 = (const void *)member, *b4 = (const void *)sa;
	const struct sockaddr_in6 *a6 = (const void *)member, *b6 = (const void *)sa;

	if (member->ss_family != sa->sa_family)
		return false;
	if (sa->sa_family == AF_INET)
		return a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return sa->sa_family == AF_INET6 &&
	       memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr)) == 0;
}

/* Most members dial from where they listen. */
static bool is_likely(const struct peers *p, const struct sockaddr *sa)
{
	for (uint8_t id = 1; id <= p->conf.n; id++)
		if (id != p->conf.self && is_host(&p->links[id - 1], sa))
			return true;
	return false;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *sa,
		      int len, void *arg)
{
	struct peers *p = arg;
	struct conn *c;

	(void)listener;
	(void)len;
	if (p->n_strangers == STRANGERS_MAX)
		oldest_stranger_end(p);
	c = conn_new(p, fd, 0);
	if (c == NULL) {
		close(fd);
		return;
	}
	c->is_likely = is_likely(p, sa);
	c->next = p->strangers;
	p->strangers = c;
	p->n_strangers++;
}

static void dial(struct peers *p, uint8_t id)
{
	p->peer[id - 1].conn = conn_new(p, -1, id);
	if (p->peer[id - 1].conn == NULL)
		retry_later(p, id, 0);
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

void peers_flush(struct peers *p)
{
	for (uint8_t id = 1; id <= p->conf.n; id++) {
		if (p->peer[id - 1].conn != NULL)
			channel_flush(p->peer[id - 1].conn->channel);
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
		info->backlog = channel_backlog(peer->conn->channel);
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
