/* Clients' sockets: daemon/udp.c, daemon/tcp.c, over loopback in one event loop. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/tcp.h"
#include "daemon/udp.h"
#include "tests/lib/edge.h"

struct server {
	struct edge *edge;
	struct event_base *base;
	struct udp *udp;
	struct tcp *tcp;
	uint16_t port;
};

enum { MANY = 16000 }; /* answers of 500 octets: more than sockets and backlog hold */

static const struct ap_edns_out plain = {.udp_size = AP_UDP_MAX};

/* ---- server ---- */

static void forward(void *arg, const struct asker *asker, const uint8_t *octets, size_t len)
{
	struct server *s = arg;

	if (asker->tcp)
		tcp_send(s->tcp, asker, octets, len);
	else
		udp_send(s->udp, asker, octets, len);
}

static void held(void *arg, const struct asker *asker)
{
	tcp_hold(((struct server *)arg)->tcp, asker);
}

static void closed(void *arg, uint16_t socket)
{
	waiters_closed(((struct server *)arg)->edge->waiters, socket);
}

static int bound(int family, int type, uint16_t *port)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} a;
	socklen_t len = family == AF_INET ? sizeof(a.in) : sizeof(a.in6);
	int fd = socket(family, type | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		return -1;
	memset(&a, 0, sizeof(a));
	a.sa.sa_family = (sa_family_t)family;
	if (family == AF_INET) {
		a.in.sin_port = htons(*port);
	} else {
		a.in6.sin6_port = htons(*port);
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	}
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &a.sa, len) != 0 || (type == SOCK_STREAM && listen(fd, 64) != 0) ||
	    getsockname(fd, &a.sa, &len) != 0) {
		close(fd);
		return -1;
	}
	*port = ntohs(family == AF_INET ? a.in.sin_port : a.in6.sin6_port);
	return fd;
}

static struct server *server_new(int family, uint32_t clients_max, uint32_t idle_s,
				 uint32_t pending_max)
{
	struct server *s = calloc(1, sizeof(*s));
	struct tcp_conf conf = {.clients_max = clients_max, .idle_s = idle_s};
	int udp = -1, tcp = -1;

	assert_non_null(s);
	signal(SIGPIPE, SIG_IGN);
	s->edge = edge_new();
	s->edge->conf.cookieless_rate = 1000000;
	s->edge->conf.pending_max = s->edge->conf.address_pending_max = pending_max;
	edge_open(s->edge);
	edge_go_live(s->edge);
	s->edge->forward = forward;
	s->edge->forward_arg = s;
	s->base = event_base_new();
	for (int tries = 0; tries < 50 && tcp < 0; tries++) { /* a port that is free for both */
		s->port = 0;
		if (udp >= 0)
			close(udp);
		udp = bound(family, SOCK_DGRAM, &s->port);
		if (udp >= 0)
			tcp = bound(family, SOCK_STREAM, &s->port);
	}
	if (udp < 0 || tcp < 0) {
		if (udp >= 0)
			close(udp);
		event_base_free(s->base);
		edge_free(s->edge);
		free(s);
		return NULL;
	}
	assert_int_equal(udp_new(&s->udp, s->base, s->edge->answers, &udp, 1), 0);
	conf.closed = closed;
	conf.arg = s;
	s->edge->held = held;
	assert_int_equal(tcp_new(&s->tcp, s->base, s->edge->answers, &conf, &tcp, 1), 0);
	return s;
}

static int up(void **state)
{
	*state = server_new(AF_INET, 20, 30, 10000);
	return *state != NULL ? 0 : -1;
}

static int up_small(void **state)
{
	*state = server_new(AF_INET, 3, 1, 10000);
	return *state != NULL ? 0 : -1;
}

static int down(void **state)
{
	struct server *s = *state;

	udp_free(s->udp);
	tcp_free(s->tcp);
	event_base_free(s->base);
	edge_free(s->edge);
	free(s);
	return 0;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void turn(struct server *s)
{
	struct timeval tv = {.tv_usec = 5000};

	event_base_loopexit(s->base, &tv);
	event_base_loop(s->base, EVLOOP_ONCE);
	udp_flush(s->udp);
}

#define UNTIL(s, what)                                                                             \
	do {                                                                                       \
		uint64_t end_ms = now_ms() + 20000;                                                \
		while (!(what)) {                                                                  \
			if (now_ms() >= end_ms)                                                    \
				fail_msg("it took too long: %s", #what);                           \
			turn(s);                                                                   \
		}                                                                                  \
	} while (0)

static void turns(struct server *s, int n)
{
	while (n-- > 0)
		turn(s);
}

/* Everything that waits is ordered and signed. */
static void order(struct server *s)
{
	while (relay_waiting(s->edge->relay)) {
		edge_batch(s->edge);
		edge_sign(s->edge, s->edge->result.seq);
	}
	udp_flush(s->udp);
}

/* ---- clients ---- */

static struct sockaddr_in address(const struct server *s, const char *text)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(s->port)};

	assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
	return in;
}

static int client(const struct server *s, int type, const char *text)
{
	struct sockaddr_in in = address(s, text);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	evutil_make_socket_nonblocking(fd);
	return fd;
}

/* The same, over TCP, from a source of one's own. */
static int client_from(const struct server *s, const char *source)
{
	struct sockaddr_in from = {.sin_family = AF_INET}, in = address(s, "127.0.0.1");
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(inet_pton(AF_INET, source, &from.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	evutil_make_socket_nonblocking(fd);
	return fd;
}

static size_t soa(uint8_t *out, uint16_t id)
{
	return dnsask_make(out, &(struct dnsask){.id = id,
						 .name = "example.test",
						 .type = AP_RR_SOA,
						 .class = AP_CLASS_IN,
						 .edns = &plain});
}

static size_t read_of(const struct server *s, uint8_t *out, uint16_t id, unsigned number)
{
	struct dnsask_instance i;
	char label[32];

	snprintf(label, sizeof(label), "i%u", number);
	dnsask_open(&i, edge_key(s->edge), label, EDGE_NOW + 100);
	return dnsask_make(out, &(struct dnsask){.id = id,
						 .name = i.name,
						 .type = AP_RR_AGREE,
						 .class = AP_CLASS_IN,
						 .edns = &plain});
}

static uint16_t id_of(const uint8_t *octets)
{
	return (uint16_t)(octets[0] << 8 | octets[1]);
}

static uint8_t wire[AP_DNS_MAX + 2];

/* A message with its length before it. */
static void tell(int fd, size_t n)
{
	memmove(wire + 2, wire, n);
	wire[0] = (uint8_t)(n >> 8);
	wire[1] = (uint8_t)n;
	assert_int_equal(send(fd, wire, n + 2, MSG_NOSIGNAL), (ssize_t)(n + 2));
}

struct stream { /* what came over TCP, taken apart */
	int fd;
	uint8_t octets[1 << 17];
	size_t len;
	unsigned messages;
	uint16_t ids[8192];
	uint8_t rcodes[8192];
	bool ended;
};

static void take_apart(struct stream *t)
{
	while (t->len >= 2) {
		size_t len = (size_t)(t->octets[0] << 8 | t->octets[1]);

		if (t->len < 2 + len)
			break;
		assert_in_range(len, 12, AP_DNS_MAX);
		t->ids[t->messages % 8192] = id_of(t->octets + 2);
		t->rcodes[t->messages % 8192] = t->octets[5] & 15;
		t->messages++;
		memmove(t->octets, t->octets + 2 + len, t->len - 2 - len);
		t->len -= 2 + len;
	}
}

/* Always true. */
static bool hear(struct stream *t)
{
	ssize_t n;

	do {
		n = recv(t->fd, t->octets + t->len, sizeof(t->octets) - t->len, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			t->ended = true;
		t->len += n > 0 ? (size_t)n : 0;
		take_apart(t);
	} while (n > 0);
	return true;
}

static struct stream *stream(int fd)
{
	static struct stream t[8];
	static unsigned next;
	struct stream *one = &t[next++ % 8];

	memset(one, 0, sizeof(*one));
	one->fd = fd;
	return one;
}

/* ---- UDP ---- */

static void a_datagram_is_answered_from_where_it_was_sent_to(void **state)
{
	struct server *s = *state;
	static const char *const addresses[] = {"127.0.0.1", "127.0.0.2", "127.7.7.7"};
	uint8_t out[2048];

	for (size_t i = 0; i < 3; i++) {
		struct sockaddr_in from, to = address(s, addresses[i]);
		socklen_t len = sizeof(from);
		int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		ssize_t n = -1;

		assert_int_equal(sendto(fd, wire, soa(wire, (uint16_t)i), 0, (struct sockaddr *)&to,
					sizeof(to)),
				 (ssize_t)soa(wire, (uint16_t)i));
		UNTIL(s, (n = recvfrom(fd, out, sizeof(out), MSG_DONTWAIT, (struct sockaddr *)&from,
				       &len)) > 0);
		assert_int_equal(id_of(out), i);
		assert_int_equal(from.sin_addr.s_addr, to.sin_addr.s_addr);
		assert_int_equal(from.sin_port, to.sin_port);
		close(fd);
	}
}

static void an_answer_that_follows_goes_the_same_way(void **state)
{
	struct server *s = *state;
	struct sockaddr_in from, to = address(s, "127.0.0.9");
	socklen_t len = sizeof(from);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint8_t out[2048];
	size_t n = read_of(s, wire, 77, 1);
	ssize_t got = -1;

	assert_int_equal(sendto(fd, wire, n, 0, (struct sockaddr *)&to, sizeof(to)), (ssize_t)n);
	UNTIL(s, relay_waiting(s->edge->relay));
	order(s);
	UNTIL(s, (got = recvfrom(fd, out, sizeof(out), MSG_DONTWAIT, (struct sockaddr *)&from,
				 &len)) > 0);
	assert_int_equal(id_of(out), 77);
	assert_int_equal(from.sin_addr.s_addr, to.sin_addr.s_addr);
	close(fd);
}

static void ipv6_too(void **state)
{
	struct server *s = server_new(AF_INET6, 20, 30, 1000);
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	uint8_t out[2048];
	size_t n;
	int fd;

	(void)state;
	if (s == NULL)
		skip(); /* this host has no IPv6 */
	to.sin6_port = htons(s->port);
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	n = soa(wire, 5);
	if (sendto(fd, wire, n, 0, (struct sockaddr *)&to, sizeof(to)) == (ssize_t)n) {
		UNTIL(s, recv(fd, out, sizeof(out), MSG_DONTWAIT) > 0);
		assert_int_equal(id_of(out), 5);
	}
	close(fd);
	down((void *[]){s});
}

static void a_burst_is_answered_whole(void **state)
{
	struct server *s = *state;
	int fd = client(s, SOCK_DGRAM, "127.0.0.1");
	bool seen[200] = {false};
	unsigned n = 0;

	for (uint16_t id = 0; id < 200; id++) {
		if (id % 100 == 99)
			turn(s);
		assert_true(send(fd, wire, soa(wire, id), 0) > 0);
	}
	while (n < 200) {
		uint8_t out[2048];
		ssize_t len = -1;

		UNTIL(s, (len = recv(fd, out, sizeof(out), MSG_DONTWAIT)) > 0);
		assert_true(id_of(out) < 200 && !seen[id_of(out)]);
		seen[id_of(out)] = true;
		n++;
	}
	assert_int_equal(answers_info(s->edge->answers)->udp_in, 200);
	assert_int_equal(answers_info(s->edge->answers)->udp_out, 200);
	close(fd);
}

static void what_the_buffer_does_not_hold_is_sent_to_tcp(void **state)
{
	struct server *s = *state;
	int fd = client(s, SOCK_DGRAM, "127.0.0.1");
	static uint8_t large[5000], out[2048];
	ssize_t n = -1;

	soa(large, 8);
	assert_int_equal(send(fd, large, 4097, 0), 4097);
	UNTIL(s, (n = recv(fd, out, sizeof(out), MSG_DONTWAIT)) > 0);
	assert_int_equal(id_of(out), 8);
	assert_int_equal(out[3] & 15, AP_RCODE_REFUSED);
	assert_int_equal(out[2] & 2, 2); /* TC */
	close(fd);
}

static void replies_and_empty_datagrams_get_silence(void **state)
{
	struct server *s = *state;
	int fd = client(s, SOCK_DGRAM, "127.0.0.1");
	uint8_t out[2048];
	size_t n = soa(wire, 8);

	assert_int_equal(send(fd, wire, 0, 0), 0);
	assert_int_equal(send(fd, wire, 11, 0), 11);
	wire[2] |= 0x80;
	assert_int_equal(send(fd, wire, n, 0), (ssize_t)n);
	UNTIL(s, answers_info(s->edge->answers)->dropped == 3);
	turns(s, 5);
	assert_int_equal(recv(fd, out, sizeof(out), MSG_DONTWAIT), -1);
	close(fd);
}

/* ---- TCP ---- */

static void one_message_one_answer(void **state)
{
	struct server *s = *state;
	int fd = client(s, SOCK_STREAM, "127.0.0.1");
	struct stream *t = stream(fd);

	tell(fd, soa(wire, 21));
	UNTIL(s, hear(t) && t->messages == 1);
	assert_int_equal(t->ids[0], 21);
	assert_int_equal(tcp_open(s->tcp), 1);
	assert_false(t->ended); /* it stays open for more */
	close(fd);
	UNTIL(s, tcp_open(s->tcp) == 0);
}

static void octet_by_octet_it_is_the_same(void **state)
{
	struct server *s = *state;
	int fd = client(s, SOCK_STREAM, "127.0.0.1");
	struct stream *t = stream(fd);
	uint8_t message[512];
	size_t n = soa(message + 2, 22);

	message[0] = 0;
	message[1] = (uint8_t)n;
	for (size_t i = 0; i < n + 2; i++) {
		assert_int_equal(send(fd, message + i, 1, MSG_NOSIGNAL), 1);
		turn(s);
		hear(t);
		assert_int_equal(t->messages, 0 + (i == n + 1 && t->messages == 1));
	}
	UNTIL(s, hear(t) && t->messages == 1);
	close(fd);
}

static void many_messages_at_once_are_all_answered(void **state)
{
	struct server *s = *state;
	int fd = client(s, SOCK_STREAM, "127.0.0.1");
	struct stream *t = stream(fd);

	for (uint16_t id = 0; id < 200; id++)
		tell(fd, soa(wire, id));
	UNTIL(s, hear(t) && t->messages == 200);
	for (uint16_t id = 0; id < 200; id++)
		assert_int_equal(t->ids[id], id);
	close(fd);
}

static void answers_come_in_any_order(void **state)
{
	struct server *s = *state;
	int fd = client(s, SOCK_STREAM, "127.0.0.1");
	struct stream *t = stream(fd);

	tell(fd, read_of(s, wire, 1, 1)); /* has to be ordered */
	tell(fd, soa(wire, 2));
	UNTIL(s, hear(t) && t->messages == 1);
	assert_int_equal(t->ids[0], 2);
	order(s);
	UNTIL(s, hear(t) && t->messages == 2);
	assert_int_equal(t->ids[1], 1);
	close(fd);
}

static void the_same_message_twice_is_answered_twice(void **state)
{
	struct server *s = *state;
	int fd = client(s, SOCK_STREAM, "127.0.0.1");
	struct stream *t = stream(fd);

	tell(fd, read_of(s, wire, 1, 1));
	tell(fd, read_of(s, wire, 1, 1));
	UNTIL(s, answers_info(s->edge->answers)->tcp_in == 2);
	order(s);
	UNTIL(s, hear(t) && t->messages == 2);
	close(fd);
}

static void the_largest_and_the_emptiest_message_are_met(void **state)
{
	struct server *s = *state;
	int fd = client(s, SOCK_STREAM, "127.0.0.1");
	struct stream *t = stream(fd);
	size_t at = 0;

	memset(wire, 0, sizeof(wire));
	wire[0] = wire[1] = 0xff;
	soa(wire + 2, 30); /* and 65,000 octets behind it */
	while (at < 2 + 65535) {
		ssize_t n = send(fd, wire + at, 2 + 65535 - at, MSG_NOSIGNAL | MSG_DONTWAIT);

		at += n > 0 ? (size_t)n : 0;
		turn(s);
	}
	UNTIL(s, hear(t) && t->messages == 1);
	assert_int_equal(t->rcodes[0], AP_RCODE_FORMERR);
	assert_int_equal(send(fd, "\0\0", 2, MSG_NOSIGNAL),
			 2); /* a message of no octets: silence */
	tell(fd, soa(wire, 31));
	UNTIL(s, hear(t) && t->messages == 2);
	assert_int_equal(t->ids[1], 31);
	close(fd);
}

static void who_stops_talking_still_gets_its_answers(void **state)
{
	struct server *s = *state;
	int fd = client(s, SOCK_STREAM, "127.0.0.1");
	struct stream *t = stream(fd);

	tell(fd, read_of(s, wire, 1, 1));
	tell(fd, soa(wire, 2));
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	UNTIL(s, hear(t) && t->messages == 1);
	turns(s, 5);
	hear(t);
	assert_false(t->ended);
	assert_int_equal(tcp_open(s->tcp), 1);
	order(s);
	UNTIL(s, hear(t) && t->messages == 2);
	UNTIL(s, hear(t) && t->ended); /* and then it is over */
	UNTIL(s, tcp_open(s->tcp) == 0);
	close(fd);
}

static void who_is_gone_gets_nothing_and_its_place_is_anothers(void **state)
{
	struct server *s = *state;
	int first = client(s, SOCK_STREAM, "127.0.0.1"), second;
	struct stream *t;

	tell(first, read_of(s, wire, 1, 1));
	UNTIL(s, relay_waiting(s->edge->relay));
	setsockopt(first, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
	close(first); /* with a reset */
	UNTIL(s, tcp_open(s->tcp) == 0);
	second = client(s, SOCK_STREAM, "127.0.0.1");
	t = stream(second);
	tell(second, soa(wire, 2));
	UNTIL(s, hear(t) && t->messages == 1);
	order(s); /* the first one's answer */
	turns(s, 5);
	hear(t);
	assert_int_equal(t->messages, 1);
	assert_false(t->ended);
	close(second);
}

static void one_connection_has_a_bounded_number_under_way(void **state)
{
	struct server *s = *state;
	int fd = client(s, SOCK_STREAM, "127.0.0.1");
	struct stream *t = stream(fd);
	struct relay_info info;

	for (uint16_t id = 0; id < 1500; id++) {
		tell(fd, read_of(s, wire, id, id));
		if (id % 50 == 0)
			turn(s);
	}
	turns(s, 20);
	relay_info(s->edge->relay, &info);
	assert_int_equal(info.outstanding, 1024);
	for (int n = 0; n < 100 && t->messages < 1500; n++) {
		order(s);
		turns(s, 2);
		hear(t);
	}
	assert_int_equal(t->messages, 1500);
	close(fd);
}

/* draft {#wait}: "and do not count as outstanding requests" */
static size_t wait_of(const struct server *s, uint8_t *out, uint16_t id)
{
	static const struct ap_edns_out waits = {
		.udp_size = AP_UDP_MAX, .has_wait = true, .wait_s = 600};
	struct dnsask_instance i;

	dnsask_open(&i, edge_key(s->edge), "awaited", EDGE_NOW + 100);
	return dnsask_make(out, &(struct dnsask){.id = id,
						 .name = i.name,
						 .type = AP_RR_AGREE,
						 .class = AP_CLASS_IN,
						 .edns = &waits});
}

static void wait_all(struct server *s, int fd, uint16_t n)
{
	for (uint16_t id = 0; id < n; id++) {
		tell(fd, wait_of(s, wire, id));
		if (id % 50 == 0)
			turn(s);
	}
	for (int i = 0; i < 100 && waiters_count(s->edge->waiters) < n; i++) {
		order(s);
		turns(s, 2);
	}
	assert_int_equal(waiters_count(s->edge->waiters), n);
}

static void waits_are_not_under_way(void **state)
{
	struct server *s = *state;
	int fd = client(s, SOCK_STREAM, "127.0.0.1");
	struct stream *t = stream(fd);
	struct dnsask_instance i;

	wait_all(s, fd, 3000);
	hear(t);
	assert_int_equal(t->messages, 0);
	tell(fd, soa(wire, 9999));
	UNTIL(s, hear(t) && t->messages == 1);
	assert_int_equal(t->ids[0], 9999);
	dnsask_open(&i, edge_key(s->edge), "awaited", EDGE_NOW + 100);
	edge_decide(s->edge, &i, "v", true);
	UNTIL(s, hear(t) && t->messages == 3001);
	assert_int_equal(waiters_count(s->edge->waiters), 0);
	tell(fd, soa(wire, 7)); /* it goes on */
	UNTIL(s, hear(t) && t->messages == 3002);
	close(fd);
}

static void who_is_gone_waits_no_longer(void **state)
{
	struct server *s = *state;
	int fd = client(s, SOCK_STREAM, "127.0.0.1");

	wait_all(s, fd, 100);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
	close(fd); /* with a reset */
	UNTIL(s, waiters_count(s->edge->waiters) == 0);
	assert_int_equal(tcp_open(s->tcp), 0);
}

/* Asks for large answers and takes none until all is asked. */
static void ask_without_listening(struct server *s, int fd, uint16_t n)
{
	for (uint16_t id = 0; id < n; id++) {
		size_t len = dnsask_make(wire, &(struct dnsask){.id = id,
								.name = "_agree._udp.example.test",
								.type = AP_RR_ANY,
								.class = AP_CLASS_IN});
		size_t at = 0;

		memmove(wire + 2, wire, len);
		wire[0] = 0;
		wire[1] = (uint8_t)len;
		for (int tries = 0; at < len + 2; tries++) {
			ssize_t sent =
				send(fd, wire + at, len + 2 - at, MSG_NOSIGNAL | MSG_DONTWAIT);

			at += sent > 0 ? (size_t)sent : 0;
			assert_true(tries < 1000);
			if (at < len + 2)
				turn(s);
		}
	}
}

static void who_does_not_listen_is_not_read_from(void **state)
{
	struct server *s = *state;
	int fd = client(s, SOCK_STREAM, "127.0.0.1"), some = 1 << 18;
	struct stream *t = stream(fd);

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &some, sizeof(some));
	ask_without_listening(s, fd, MANY);
	turns(s, 20);
	assert_true(answers_info(s->edge->answers)->tcp_in < MANY);
	UNTIL(s, hear(t) && t->messages == MANY);
	close(fd);
}

static void half_closed_behind_a_full_backlog_all_are_answered(void **state)
{
	struct server *s = *state;
	int fd = client(s, SOCK_STREAM, "127.0.0.1"), some = 1 << 18;
	struct stream *t = stream(fd);

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &some, sizeof(some));
	ask_without_listening(s, fd, MANY);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	turns(s, 20);
	UNTIL(s, hear(t) && t->ended);
	assert_int_equal(t->messages, MANY);
	close(fd);
}

/* ---- limits: 3 clients, 1 second ---- */

static void more_clients_than_there_are_places_are_closed(void **state)
{
	struct server *s = *state;
	int fds[4];
	struct stream *t[4];

	for (int i = 0; i < 4; i++) {
		fds[i] = client(s, SOCK_STREAM, "127.0.0.1");
		t[i] = stream(fds[i]);
		turns(s, 2);
	}
	assert_int_equal(tcp_open(s->tcp), 3);
	UNTIL(s, hear(t[3]) && t[3]->ended);
	close(fds[0]);
	UNTIL(s, tcp_open(s->tcp) == 2);
	close(fds[3]);
	fds[3] = client(s, SOCK_STREAM, "127.0.0.1");
	t[3] = stream(fds[3]);
	tell(fds[3], soa(wire, 3));
	UNTIL(s, hear(t[3]) && t[3]->messages == 1);
	for (int i = 1; i < 4; i++)
		close(fds[i]);
}

static void a_network_that_has_all_places_gives_one_to_another(void **state)
{
	struct server *s = *state;
	int fds[4];
	struct stream *t[4];

	for (int i = 0; i < 3; i++) {
		fds[i] = client_from(s, "127.1.1.1");
		t[i] = stream(fds[i]);
		turns(s, 2);
	}
	UNTIL(s, tcp_open(s->tcp) == 3);
	usleep(3000); /* the first one has been silent longest */
	tell(fds[0], soa(wire, 1));
	UNTIL(s, hear(t[0]) && t[0]->messages == 1);
	fds[3] = client_from(s, "127.9.9.9");
	t[3] = stream(fds[3]);
	tell(fds[3], soa(wire, 2));
	UNTIL(s, hear(t[3]) && t[3]->messages == 1);
	UNTIL(s, hear(t[1]) && t[1]->ended);
	assert_true(hear(t[0]) && !t[0]->ended);
	assert_true(hear(t[2]) && !t[2]->ended);
	assert_int_equal(tcp_open(s->tcp), 3);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}

static void the_idle_are_closed_those_who_wait_for_us_are_not(void **state)
{
	struct server *s = *state;
	int idle = client(s, SOCK_STREAM, "127.0.0.1"), waits = client(s, SOCK_STREAM, "127.0.0.1");
	struct stream *i = stream(idle), *w = stream(waits);
	uint64_t begin_ms = now_ms();

	tell(waits, read_of(s, wire, 5, 5));
	tell(idle, soa(wire, 1)); /* answered: from then on it is idle */
	UNTIL(s, hear(i) && i->ended);
	assert_in_range(now_ms() - begin_ms, 900, 5000);
	while (now_ms() < begin_ms + 2500)
		turn(s);
	hear(w);
	assert_false(w->ended);
	order(s);
	UNTIL(s, hear(w) && w->messages == 1);
	UNTIL(s, hear(w) && w->ended);
	close(idle);
	close(waits);
}

static void a_message_that_trickles_in_is_not_waited_for(void **state)
{
	struct server *s = *state;
	int fd = client(s, SOCK_STREAM, "127.0.0.1");
	struct stream *t = stream(fd);
	uint64_t begin_ms = now_ms(), next_ms = begin_ms;

	soa(wire + 2, 1);
	wire[0] = 1; /* 256 octets and more */
	wire[1] = 0;
	for (size_t at = 0; !t->ended;) {
		assert_true(now_ms() - begin_ms < 10000);
		if (now_ms() >= next_ms) {
			next_ms += 100;
			if (send(fd, wire + at++, 1, MSG_NOSIGNAL) < 0)
				break;
		}
		turn(s);
		hear(t);
	}
	assert_in_range(now_ms() - begin_ms, 900, 5000);
	assert_int_equal(tcp_open(s->tcp), 0);
	assert_int_equal(t->messages, 0);
	close(fd);
}

#define UP(test)    cmocka_unit_test_setup_teardown(test, up, down)
#define SMALL(test) cmocka_unit_test_setup_teardown(test, up_small, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UP(a_datagram_is_answered_from_where_it_was_sent_to),
		UP(an_answer_that_follows_goes_the_same_way),
		cmocka_unit_test(ipv6_too),
		UP(a_burst_is_answered_whole),
		UP(what_the_buffer_does_not_hold_is_sent_to_tcp),
		UP(replies_and_empty_datagrams_get_silence),
		UP(one_message_one_answer),
		UP(octet_by_octet_it_is_the_same),
		UP(many_messages_at_once_are_all_answered),
		UP(answers_come_in_any_order),
		UP(the_same_message_twice_is_answered_twice),
		UP(the_largest_and_the_emptiest_message_are_met),
		UP(who_stops_talking_still_gets_its_answers),
		UP(who_is_gone_gets_nothing_and_its_place_is_anothers),
		UP(one_connection_has_a_bounded_number_under_way),
		UP(waits_are_not_under_way),
		UP(who_is_gone_waits_no_longer),
		UP(who_does_not_listen_is_not_read_from),
		UP(half_closed_behind_a_full_backlog_all_are_answered),
		SMALL(more_clients_than_there_are_places_are_closed),
		SMALL(a_network_that_has_all_places_gives_one_to_another),
		SMALL(the_idle_are_closed_those_who_wait_for_us_are_not),
		SMALL(a_message_that_trickles_in_is_not_waited_for),
	};

	return cmocka_run_group_tests_name("tcp and udp", tests, NULL, NULL);
}
