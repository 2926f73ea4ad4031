/*
 * links: stands between the replicas of a network, and is as bad a network as it is told to be.
 *
 * It holds all identity keys, so it is the other side of every link, and each frame passes through
 * its hands: lost, late, or with its connection. Replicas listen for links at their port in the
 * network file plus an offset (link-listen in agreed.conf); the addresses in the file are ours.
 *
 * Commands come on standard input, one a line:
 *
 *	delay FROM TO MS JITTER   frames arrive later, in their order
 *	lose FROM TO PERMILLE     frames are lost (HELLO is not: a connection has it, or is none)
 *	break FROM TO PERMILLE    a frame takes the connection with it
 *	cut FROM TO               nothing arrives, the connection stays
 *	part FROM TO              no connection between them
 *	heal FROM TO              all of this is over, in this direction
 *	wait MS                   before the next command
 *
 * FROM and TO are member identifiers with commas between them, or `all`. It ends with its input, or
 *at SIGTERM.
 */
#include "config.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "daemon/addr.h"
#include "daemon/idkey.h"
#include "daemon/netfile.h"
#include "daemon/tls.h"
#include "libproto/codec.h"
#include "libproto/crypto.h"

enum { HEADER = 5, QUEUE_MAX = 256 << 20, MEMBERS = AP_REPLICAS_MAX + 1 /* by identifier */ };

struct rule {
	uint32_t delay_ms, jitter_ms, lose, breaks; /* the last two in a thousand */
	bool cut;
};

struct frame {
	struct frame *next;
	struct evbuffer *octets;
	uint64_t due_ms;
};

/* One direction of a connection. */
struct way {
	struct cable *cable;
	struct rule *rule;
	struct bufferevent *in, *out;
	struct frame *first, **last;
	size_t queued;
	uint64_t due_ms; /* of the last frame: no later one overtakes it */
	struct event *timer;
};

/* A connection between two members: the dialer's, which we accept, and ours to whom it dials. */
struct cable {
	struct cable *next;
	uint8_t dialer, dialed;
	struct bufferevent *near, *far; /* far: NULL until the dialer is known */
	struct way ways[2];		/* from the dialer, from the dialed */
	bool secure;			/* both sides */
};

static struct {
	struct netfile net;
	uint16_t offset;
	SSL_CTX *tls[MEMBERS];
	struct event_base *base;
	struct evconnlistener *listeners[MEMBERS];
	struct rule rules[MEMBERS][MEMBERS];
	bool apart[MEMBERS][MEMBERS];
	struct cable *cables;
	uint64_t random;
	struct evbuffer *commands;
	struct event *input, *waiting, *term;
	bool ended; /* no more input */
	uint64_t passed, lost, broken, connections;
} links;

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* splitmix64: what happens to which frame depends on the seed, and on what comes when. */
static uint32_t below(uint32_t n)
{
	uint64_t z = links.random += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ z >> 31) % n);
}

static struct timeval after_ms(uint64_t ms)
{
	return (struct timeval){(time_t)(ms / 1000), (suseconds_t)(ms % 1000) * 1000};
}

/* ---- ends ---- */

static void way_clear(struct way *way)
{
	while (way->first != NULL) {
		struct frame *next = way->first->next;

		evbuffer_free(way->first->octets);
		free(way->first);
		way->first = next;
	}
	if (way->timer != NULL)
		event_free(way->timer);
}

/* Both connections; what was under way is lost with them. */
static void cable_end(struct cable *cable)
{
	struct cable **at = &links.cables;

	while (*at != cable)
		at = &(*at)->next;
	*at = cable->next;
	way_clear(&cable->ways[0]);
	way_clear(&cable->ways[1]);
	bufferevent_free(cable->near);
	if (cable->far != NULL)
		bufferevent_free(cable->far);
	free(cable);
}

/* ---- frames ---- */

static void way_flush(struct way *way)
{
	uint64_t now = now_ms();
	struct timeval tv;

	if (!way->cable->secure)
		return;
	while (way->first != NULL && way->first->due_ms <= now) {
		struct frame *frame = way->first;

		way->first = frame->next;
		if (way->first == NULL)
			way->last = &way->first;
		way->queued -= evbuffer_get_length(frame->octets);
		bufferevent_write_buffer(way->out, frame->octets);
		evbuffer_free(frame->octets);
		free(frame);
		links.passed++;
	}
	if (way->first == NULL)
		return;
	tv = after_ms(way->first->due_ms - now);
	evtimer_add(way->timer, &tv);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	way_flush(arg);
}

/* false: no memory. */
static bool frame_queue(struct way *way, struct evbuffer *in, size_t len)
{
	struct frame *frame = calloc(1, sizeof(*frame));
	uint64_t due = now_ms() + way->rule->delay_ms;

	if (frame == NULL || (frame->octets = evbuffer_new()) == NULL ||
	    evbuffer_remove_buffer(in, frame->octets, len) != (int)len) {
		free(frame);
		return false;
	}
	if (way->rule->jitter_ms > 0)
		due += below(way->rule->jitter_ms);
	way->due_ms = frame->due_ms = due > way->due_ms ? due : way->due_ms;
	way->queued += len;
	*way->last = frame;
	way->last = &frame->next;
	return true;
}

/* One whole frame off the input. false: the connection is to end. */
static bool frame_pass(struct way *way, struct evbuffer *in, size_t len, uint8_t type)
{
	const struct rule *rule = way->rule;

	if (rule->breaks > 0 && below(1000) < rule->breaks) {
		links.broken++;
		return false;
	}
	if (rule->cut || way->queued + len > QUEUE_MAX ||
	    (type != AP_MESSAGE_hello && rule->lose > 0 && below(1000) < rule->lose)) {
		evbuffer_drain(in, len);
		links.lost++;
		return true;
	}
	return frame_queue(way, in, len);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct cable *cable = arg;
	struct way *way = &cable->ways[bev == cable->far];
	struct evbuffer *in = bufferevent_get_input(bev);
	uint8_t head[HEADER];

	while (cable->far != NULL && evbuffer_copyout(in, head, HEADER) == HEADER) {
		size_t len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 |
			     head[3];

		if (len == 0 || len > AP_FRAME_MAX) {
			cable_end(cable);
			return;
		}
		if (evbuffer_get_length(in) < 4 + len)
			break;
		if (!frame_pass(way, in, 4 + len, head[4])) {
			cable_end(cable);
			return;
		}
	}
	way_flush(way);
}

/* ---- connections ---- */

static void on_event(struct bufferevent *bev, short what, void *arg);

static bool is_apart(uint8_t a, uint8_t b)
{
	return links.apart[a][b] || links.apart[b][a];
}

static bool way_init(struct cable *cable, struct way *way, struct bufferevent *in,
		     struct bufferevent *out, struct rule *rule)
{
	*way = (struct way){.cable = cable, .rule = rule, .in = in, .out = out};
	way->last = &way->first;
	way->timer = evtimer_new(links.base, on_due, way);
	return way->timer != NULL;
}

/* The dialer is known: on to whom it has dialed, in its name. */
static bool dial(struct cable *cable, uint8_t dialer)
{
	struct addr to = links.net.members[cable->dialed - 1].link;
	struct sockaddr_in *in = (struct sockaddr_in *)&to.ss;
	SSL *ssl = SSL_new(links.tls[dialer]);

	cable->dialer = dialer;
	if (ssl == NULL)
		return false;
	cable->far =
		bufferevent_openssl_socket_new(links.base, -1, ssl, BUFFEREVENT_SSL_CONNECTING,
					       BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (cable->far == NULL) {
		SSL_free(ssl);
		return false;
	}
	bufferevent_openssl_set_allow_dirty_shutdown(cable->far, 1);
	bufferevent_setcb(cable->far, on_read, NULL, on_event, cable);
	bufferevent_enable(cable->far, EV_READ | EV_WRITE);
	in->sin_port = htons((uint16_t)(ntohs(in->sin_port) + links.offset));
	return way_init(cable, &cable->ways[0], cable->near, cable->far,
			&links.rules[dialer][cable->dialed]) &&
	       way_init(cable, &cable->ways[1], cable->far, cable->near,
			&links.rules[cable->dialed][dialer]) &&
	       bufferevent_socket_connect(cable->far, (struct sockaddr *)&to.ss, (int)to.len) == 0;
}

static bool connected(struct cable *cable, struct bufferevent *bev)
{
	uint8_t key[32], id;

	if (tls_peer_key(bufferevent_openssl_get_ssl(bev), key) != 0 ||
	    (id = netfile_find_key(&links.net, key)) == 0)
		return false;
	if (bev == cable->near)
		return !is_apart(id, cable->dialed) && dial(cable, id);
	links.connections++;
	cable->secure = id == cable->dialed;
	return cable->secure;
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct cable *cable = arg;

	if ((what & BEV_EVENT_CONNECTED) == 0 || !connected(cable, bev)) {
		cable_end(cable);
		return;
	}
	if (cable->secure) {
		way_flush(&cable->ways[0]);
		way_flush(&cable->ways[1]);
	}
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *sa,
		      int len, void *arg)
{
	struct cable *cable = calloc(1, sizeof(*cable));
	uint8_t dialed = (uint8_t)((struct evconnlistener **)arg - links.listeners);
	SSL *ssl = SSL_new(links.tls[dialed]);

	(void)listener;
	(void)sa;
	(void)len;
	if (cable != NULL && ssl != NULL)
		cable->near = bufferevent_openssl_socket_new(
			links.base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
			BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (cable == NULL || cable->near == NULL) {
		SSL_free(ssl);
		free(cable);
		close(fd);
		return;
	}
	cable->dialed = dialed;
	cable->next = links.cables;
	links.cables = cable;
	bufferevent_openssl_set_allow_dirty_shutdown(cable->near, 1);
	bufferevent_setcb(cable->near, on_read, NULL, on_event, cable);
	bufferevent_enable(cable->near, EV_READ | EV_WRITE);
}

/* ---- commands ---- */

static void do_delay(uint8_t from, uint8_t to, const uint32_t args[2])
{
	links.rules[from][to].delay_ms = args[0];
	links.rules[from][to].jitter_ms = args[1];
}

static void do_lose(uint8_t from, uint8_t to, const uint32_t args[2])
{
	links.rules[from][to].lose = args[0];
}

static void do_break(uint8_t from, uint8_t to, const uint32_t args[2])
{
	links.rules[from][to].breaks = args[0];
}

static void do_cut(uint8_t from, uint8_t to, const uint32_t args[2])
{
	(void)args;
	links.rules[from][to].cut = true;
}

static void do_part(uint8_t from, uint8_t to, const uint32_t args[2])
{
	(void)args;
	links.apart[from][to] = true;
	for (struct cable *cable = links.cables, *next; cable != NULL; cable = next) {
		next = cable->next;
		if (cable->far != NULL && is_apart(cable->dialer, cable->dialed))
			cable_end(cable);
	}
}

static void do_heal(uint8_t from, uint8_t to, const uint32_t args[2])
{
	(void)args;
	links.rules[from][to] = (struct rule){0};
	links.apart[from][to] = false;
}

static const struct command {
	const char *name;
	int n_args;
	void (*run)(uint8_t from, uint8_t to, const uint32_t args[2]);
} commands[] = {
	{"delay", 2, do_delay}, {"lose", 1, do_lose}, {"break", 1, do_break},
	{"cut", 0, do_cut},	{"part", 0, do_part}, {"heal", 0, do_heal},
};

/* Bit by identifier; 0: not a set of members. */
static uint32_t members_parse(const char *text)
{
	uint32_t set = 0;
	char *end;

	if (strcmp(text, "all") == 0)
		return (uint32_t)(2u << links.net.n) - 2;
	do {
		unsigned long id = strtoul(text, &end, 10);

		if (end == text || id < 1 || id > links.net.n)
			return 0;
		set |= 1u << id;
		text = end + 1;
	} while (*end == ',');
	return *end == '\0' ? set : 0;
}

static bool command_run(const char *line)
{
	char name[16], from[64], to[64];
	uint32_t args[2] = {0, 0}, froms, tos;
	int n = sscanf(line, "%15s %63s %63s %" SCNu32 " %" SCNu32, name, from, to, &args[0],
		       &args[1]);
	const struct command *c = commands, *end = c + sizeof(commands) / sizeof(commands[0]);

	while (n >= 3 && c < end && strcmp(c->name, name) != 0)
		c++;
	if (n < 3 || c == end || n != 3 + c->n_args)
		return false;
	froms = members_parse(from);
	tos = members_parse(to);
	for (uint8_t a = 1; a <= links.net.n; a++) {
		for (uint8_t b = 1; b <= links.net.n; b++) {
			if (a != b && (froms >> a & 1) != 0 && (tos >> b & 1) != 0)
				c->run(a, b, args);
		}
	}
	return froms != 0 && tos != 0;
}

/* Up to the next `wait`, or until there are no more. */
static void commands_run(void)
{
	char *line;
	uint32_t ms;

	while (!evtimer_pending(links.waiting, NULL) &&
	       (line = evbuffer_readln(links.commands, NULL, EVBUFFER_EOL_LF)) != NULL) {
		if (sscanf(line, "wait %" SCNu32, &ms) == 1) {
			struct timeval tv = after_ms(ms);

			evtimer_add(links.waiting, &tv);
		} else if (!command_run(line)) {
			fprintf(stderr, "links: not a command: %s\n", line);
			exit(2);
		}
		free(line);
	}
	if (links.ended && !evtimer_pending(links.waiting, NULL))
		event_base_loopbreak(links.base);
}

static void on_wait(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	commands_run();
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	(void)arg;
	if (evbuffer_read(links.commands, fd, -1) <= 0) {
		links.ended = true;
		event_del(links.input);
	}
	commands_run();
}

/* ---- start ---- */

static void on_term(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	event_base_loopbreak(links.base);
}

static bool listen_for(uint8_t id)
{
	const struct addr *at = &links.net.members[id - 1].link;

	links.listeners[id] = evconnlistener_new_bind(
		links.base, on_accept, &links.listeners[id],
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, -1,
		(const struct sockaddr *)&at->ss, (int)at->len);
	if (links.listeners[id] == NULL)
		fprintf(stderr, "links: cannot listen for member %u\n", id);
	return links.listeners[id] != NULL;
}

static bool member_load(uint8_t id, const char *path)
{
	uint8_t seed[IDKEY_SEED];
	char sentence[NETFILE_WHY_MAX];
	struct ap_text why;

	ap_text_init(&why, sentence, sizeof(sentence));
	if (idkey_load(path, seed, NULL, &why) != 0) {
		fprintf(stderr, "links: %s\n", sentence);
		return false;
	}
	links.tls[id] = tls_context(seed);
	ap_wipe(seed, sizeof(seed));
	return links.tls[id] != NULL && links.net.members[id - 1].link.ss.ss_family == AF_INET;
}

static bool start(int argc, char **argv)
{
	char sentence[NETFILE_WHY_MAX];
	struct ap_text why;

	ap_text_init(&why, sentence, sizeof(sentence));
	if (netfile_load(&links.net, argv[3], &why) != 0) {
		fprintf(stderr, "links: %s\n", sentence);
		return false;
	}
	if (argc != 4 + links.net.n) {
		fprintf(stderr, "links: %u identity files are needed\n", links.net.n);
		return false;
	}
	links.base = event_base_new();
	links.commands = evbuffer_new();
	if (links.base == NULL || links.commands == NULL)
		return false;
	links.input = event_new(links.base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, NULL);
	links.term = evsignal_new(links.base, SIGTERM, on_term, NULL);
	links.waiting = evtimer_new(links.base, on_wait, NULL);
	for (uint8_t id = 1; id <= links.net.n; id++) {
		if (!member_load(id, argv[3 + id]) || !listen_for(id))
			return false;
	}
	return links.input != NULL && links.waiting != NULL && links.term != NULL &&
	       event_add(links.input, NULL) == 0 && event_add(links.term, NULL) == 0;
}

static void finish(void)
{
	while (links.cables != NULL)
		cable_end(links.cables);
	for (uint8_t id = 1; id <= links.net.n; id++) {
		evconnlistener_free(links.listeners[id]);
		SSL_CTX_free(links.tls[id]);
	}
	event_free(links.input);
	event_free(links.waiting);
	event_free(links.term);
	evbuffer_free(links.commands);
	event_base_free(links.base);
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: links SEED PORT-OFFSET NETWORK-FILE IDENTITY-FILE...\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	links.random = strtoull(argv[1], NULL, 10);
	links.offset = (uint16_t)strtoul(argv[2], NULL, 10);
	if (!start(argc, argv))
		return 2;
	printf("ready, seed %s\n", argv[1]);
	fflush(stdout);
	event_base_dispatch(links.base);
	printf("%" PRIu64 " connections, %" PRIu64 " frames passed, %" PRIu64 " lost, %" PRIu64
	       " broke their connection\n",
	       links.connections, links.passed, links.lost, links.broken);
	finish();
	return 0;
}
