/* Links between replicas over loopback, in one event loop: daemon/peer.c, daemon/tls.c. */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cmocka.h>

#include "daemon/log.h"
#include "daemon/peer.h"
#include "daemon/tls.h"
#include "libproto/codec.h"

enum { N = 4, FRAMES_MAX = 4096 };

struct end {
	struct net *net;
	uint8_t id;
	struct peers *peers;
	unsigned ups[N + 1], downs[N + 1];
	struct {
		uint8_t from, type;
		size_t len;
		uint8_t first, last;
	} frames[FRAMES_MAX];
	size_t n_frames;
	uint8_t refuse; /* frames of this type break the protocol */
};

struct net {
	struct event_base *base;
	uint8_t seeds[N][32], keys[N][32];
	struct sockaddr_storage links[N];
	socklen_t lens[N];
	int listen_fds[N];
	struct end end[N + 1]; /* by identifier */
};

/* ---- the network ---- */

static bool on_frame(void *arg, uint8_t from, uint8_t type, const uint8_t *body, size_t len)
{
	struct end *e = arg;
	size_t at = e->n_frames++ % FRAMES_MAX;

	e->frames[at].from = from;
	e->frames[at].type = type;
	e->frames[at].len = len;
	e->frames[at].first = len > 0 ? body[0] : 0;
	e->frames[at].last = len > 0 ? body[len - 1] : 0;
	return type != e->refuse;
}

static void on_link(void *arg, uint8_t from, bool up)
{
	struct end *e = arg;

	if (up)
		e->ups[from]++;
	else
		e->downs[from]++;
}

static int listener(struct sockaddr_storage *ss, socklen_t *len)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = 0};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	assert_true(fd >= 0);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (ss->ss_family == AF_INET)
		memcpy(&in, ss, sizeof(in)); /* the same again */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(fd, 64), 0);
	*len = sizeof(*ss);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ss, len), 0);
	return fd;
}

static int setup(void **state)
{
	struct net *n = calloc(1, sizeof(*n));

	if (n == NULL || sodium_init() < 0)
		return -1;
	log_verbosity(0);
	signal(SIGPIPE, SIG_IGN);
	n->base = event_base_new();
	for (uint8_t i = 0; i < N; i++) {
		uint8_t secret[64];

		memset(n->seeds[i], 0x60 + i, 32);
		crypto_sign_seed_keypair(n->keys[i], secret, n->seeds[i]);
		n->listen_fds[i] = listener(&n->links[i], &n->lens[i]);
		n->end[i + 1].net = n;
		n->end[i + 1].id = (uint8_t)(i + 1);
	}
	*state = n;
	return 0;
}

/* genesis and boot as given; the key of seed `who` */
static void start_as(struct net *n, uint8_t id, uint8_t genesis, uint8_t who)
{
	struct end *e = &n->end[id];
	struct peers_conf conf = {.n = N,
				  .self = id,
				  .genesis = {genesis},
				  .boot = 100u + id,
				  .keys = (const uint8_t(*)[32])n->keys,
				  .links = n->links,
				  .links_len = n->lens,
				  .seed = n->seeds[who - 1],
				  .on_frame = on_frame,
				  .on_link = on_link,
				  .arg = e};

	if (n->listen_fds[id - 1] < 0)
		n->listen_fds[id - 1] = listener(&n->links[id - 1], &n->lens[id - 1]);
	conf.listen_fd = n->listen_fds[id - 1];
	assert_int_equal(peers_new(&e->peers, n->base, &conf), 0);
}

static void start(struct net *n, uint8_t id)
{
	start_as(n, id, 1, id);
}

static void stop(struct net *n, uint8_t id)
{
	peers_free(n->end[id].peers);
	n->end[id].peers = NULL;
	n->listen_fds[id - 1] = -1;
}

static int teardown(void **state)
{
	struct net *n = *state;

	for (uint8_t id = 1; id <= N; id++) {
		if (n->end[id].peers != NULL)
			stop(n, id);
		else if (n->listen_fds[id - 1] >= 0)
			close(n->listen_fds[id - 1]);
	}
	event_base_free(n->base);
	free(n);
	return 0;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void turn(struct net *n, unsigned ms)
{
	struct timeval tv = {.tv_usec = (suseconds_t)ms * 1000};

	event_base_loopexit(n->base, &tv);
	event_base_loop(n->base, EVLOOP_ONCE);
}

/* Runs the loop until `what` is true. */
#define UNTIL(n, what)                                                                             \
	do {                                                                                       \
		uint64_t end_ms = now_ms() + 20000;                                                \
		while (!(what)) {                                                                  \
			if (now_ms() >= end_ms)                                                    \
				fail_msg("it took too long: %s", #what);                           \
			turn(n, 10);                                                               \
		}                                                                                  \
	} while (0)

static void pass(struct net *n, uint64_t ms)
{
	uint64_t end_ms = now_ms() + ms;

	while (now_ms() < end_ms)
		turn(n, 10);
}

static bool up(struct net *n, uint8_t a, uint8_t b)
{
	return (peers_up(n->end[a].peers) >> (b - 1) & 1) != 0 &&
	       (peers_up(n->end[b].peers) >> (a - 1) & 1) != 0;
}

static void send_frame(struct net *n, uint8_t from, uint16_t to, uint8_t type, const void *octets,
		       size_t len)
{
	peers_send(n->end[from].peers, to, type,
		   (struct iovec[]){{(void *)(uintptr_t)octets, len / 2},
				    {(uint8_t *)(uintptr_t)octets + len / 2, len - len / 2}},
		   2);
}

/* ---- links ---- */

static void all_pairs_come_up(void **state)
{
	struct net *n = *state;
	struct peer_info info;

	for (uint8_t id = 1; id <= N; id++)
		start(n, id);
	for (uint8_t a = 1; a <= N; a++) {
		for (uint8_t b = 1; b < a; b++)
			UNTIL(n, up(n, a, b));
	}
	for (uint8_t a = 1; a <= N; a++) {
		for (uint8_t b = 1; b <= N; b++) {
			if (a == b)
				continue;
			assert_int_equal(n->end[a].ups[b], 1);
			peers_info(n->end[a].peers, b, &info);
			assert_true(info.up);
			assert_int_equal(info.boot, 100 + b);
		}
	}
	assert_int_equal(peers_up(n->end[2].peers), 0x000d);
}

static void they_come_up_in_any_order(void **state)
{
	struct net *n = *state;

	start(n, 3); /* dials 1 and 2, which are not there */
	pass(n, 200);
	start(n, 2);
	UNTIL(n, up(n, 3, 2));
	start(n, 1);
	UNTIL(n, up(n, 3, 1) && up(n, 2, 1));
}

static void frames_arrive_whole_and_in_order(void **state)
{
	struct net *n = *state;
	static uint8_t octets[1 << 20];
	static const size_t lens[] = {60000, 1, 16, 17, 1 << 20, 100000, 2, 16383, 16384, 16385};
	struct peer_info info;

	start(n, 1);
	start(n, 2);
	UNTIL(n, up(n, 1, 2));
	for (size_t i = 0; i < 10; i++) {
		octets[0] = (uint8_t)i;
		octets[lens[i] - 1] = (uint8_t)(100 + i);
		send_frame(n, 2, 1, AP_MESSAGE_pre_prepare, octets, lens[i]);
		octets[lens[i] - 1] = 0;
	}
	UNTIL(n, n->end[1].n_frames == 10);
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(n->end[1].frames[i].from, 2);
		assert_int_equal(n->end[1].frames[i].type, AP_MESSAGE_pre_prepare);
		assert_int_equal(n->end[1].frames[i].len, lens[i]);
		assert_int_equal(n->end[1].frames[i].last, 100 + i);
		if (lens[i] > 1)
			assert_int_equal(n->end[1].frames[i].first, i);
	}
	peers_info(n->end[1].peers, 2, &info);
	assert_int_equal(info.frames_in, 11); /* and HELLO */
	peers_info(n->end[2].peers, 1, &info);
	assert_int_equal(info.frames_out, 11);
	assert_int_equal(info.backlog, 0);
}

static void both_sides_speak(void **state)
{
	struct net *n = *state;

	for (uint8_t id = 1; id <= 3; id++)
		start(n, id);
	UNTIL(n, up(n, 1, 2) && up(n, 1, 3) && up(n, 2, 3));
	for (int i = 0; i < 500; i++) {
		for (uint8_t id = 1; id <= 3; id++)
			send_frame(n, id, 0xffff, AP_MESSAGE_want, "12345678",
				   8); /* to all but itself */
	}
	UNTIL(n, n->end[1].n_frames == 1000 && n->end[2].n_frames == 1000 &&
			 n->end[3].n_frames == 1000);
}

static void what_is_sent_to_nobody_is_nowhere(void **state)
{
	struct net *n = *state;

	start(n, 1);
	start(n, 2);
	UNTIL(n, up(n, 1, 2));
	send_frame(n, 1, 0, AP_MESSAGE_want, "12345678", 8);
	send_frame(n, 1, 1, AP_MESSAGE_want, "12345678", 8);	  /* to itself */
	send_frame(n, 1, 1 << 3, AP_MESSAGE_want, "12345678", 8); /* to one that is away */
	send_frame(n, 1, 2, AP_MESSAGE_want, "12345678", 8);
	UNTIL(n, n->end[2].n_frames == 1);
	pass(n, 50);
	assert_int_equal(n->end[2].n_frames, 1);
}

/* ---- coming back ---- */

static void a_link_comes_back_after_either_side_was_away(void **state)
{
	struct net *n = *state;

	start(n, 1);
	start(n, 2);
	UNTIL(n, up(n, 1, 2));
	stop(n, 1);
	UNTIL(n, n->end[2].downs[1] == 1);
	assert_int_equal(peers_up(n->end[2].peers), 0);
	start(n, 1);
	UNTIL(n, up(n, 1, 2));
	stop(n, 2); /* the side that dials */
	UNTIL(n, n->end[1].downs[2] >= 1);
	start(n, 2);
	UNTIL(n, up(n, 1, 2));
	send_frame(n, 1, 2, AP_MESSAGE_want, "12345678", 8);
	send_frame(n, 2, 1, AP_MESSAGE_want, "12345678", 8);
	UNTIL(n, n->end[1].n_frames == 1 && n->end[2].n_frames == 1);
}

static void a_refused_frame_closes_the_link_for_a_while(void **state)
{
	struct net *n = *state;
	struct peer_info info;

	start(n, 1);
	start(n, 2);
	UNTIL(n, up(n, 1, 2));
	n->end[2].refuse = AP_MESSAGE_commit;
	send_frame(n, 1, 2, AP_MESSAGE_commit, "bad", 3);
	send_frame(n, 1, 2, AP_MESSAGE_want, "12345678", 8); /* behind it: not looked at */
	UNTIL(n, n->end[2].downs[1] == 1 && n->end[1].downs[2] == 1);
	assert_int_equal(n->end[2].n_frames, 1);
	peers_info(n->end[2].peers, 1, &info);
	assert_int_equal(info.refused, 1);
	n->end[2].refuse = 0;
	pass(n, 1000);
	assert_false(up(n, 1, 2));
	UNTIL(n, up(n, 1, 2)); /* after five seconds */
}

/* ---- strangers ---- */

static void another_key_than_the_members_is_refused(void **state)
{
	struct net *n = *state;

	start(n, 1);
	start_as(n, 2, 1, 3); /* it holds 3's key: 1 takes it for 3, whose HELLO it is not */
	pass(n, 700);
	assert_int_equal(peers_up(n->end[1].peers), 0);
	assert_int_equal(n->end[1].ups[2] + n->end[1].ups[3], 0);
	/* it tries again and again, after growing delays: 50, 100, 200, 400 ms */
	assert_in_range(n->end[2].ups[1], 1, 5);
}

static void a_key_of_nobody_is_refused(void **state)
{
	struct net *n = *state;

	start(n, 1);
	memset(n->seeds[1], 0x99, 32); /* not the seed of the key in the network file */
	start(n, 2);
	pass(n, 700);
	assert_int_equal(peers_up(n->end[1].peers), 0);
	assert_int_equal(n->end[2].ups[1], 0);
}

static void the_dialled_member_has_to_be_the_one(void **state)
{
	struct net *n = *state;

	n->links[0] = n->links[1]; /* 3 takes 2's address for 1's */
	start(n, 2);
	start(n, 3);
	UNTIL(n, up(n, 3, 2));
	pass(n, 300);
	assert_int_equal(peers_up(n->end[3].peers), 2);
	assert_int_equal(n->end[3].ups[1], 0);
}

static void another_network_file_is_refused(void **state)
{
	struct net *n = *state;

	start(n, 1);
	start_as(n, 2, 9, 2);
	pass(n, 700);
	assert_int_equal(n->end[1].ups[2], 0);
	assert_int_equal(n->end[2].ups[1], 0);
}

/* ---- raw connections, TLS in the test's hand ---- */

struct raw {
	int fd;
	SSL_CTX *ctx;
	SSL *ssl;
};

static void raw_tcp_from(struct net *n, struct raw *r, uint8_t to, uint32_t host)
{
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)};

	memset(r, 0, sizeof(*r));
	r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(r->fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(r->fd, (struct sockaddr *)&n->links[to - 1], n->lens[to - 1]), 0);
	evutil_make_socket_nonblocking(r->fd);
}

static void raw_tcp(struct net *n, struct raw *r, uint8_t to)
{
	raw_tcp_from(n, r, to, INADDR_LOOPBACK);
}

/* Handshake with the certificate of seed `who`, or none; runs the loop meanwhile. */
static bool raw_tls(struct net *n, struct raw *r, uint8_t to, SSL_CTX *ctx)
{
	uint64_t end_ms = now_ms() + 5000;
	int status = -1;

	raw_tcp(n, r, to);
	r->ctx = ctx;
	r->ssl = SSL_new(ctx);
	assert_non_null(r->ssl);
	SSL_set_fd(r->ssl, r->fd);
	while (status != 1 && now_ms() < end_ms) {
		int why;

		status = SSL_connect(r->ssl);
		why = SSL_get_error(r->ssl, status);
		if (status != 1 && why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
			return false;
		turn(n, 5);
	}
	return status == 1;
}

static void raw_close(struct raw *r)
{
	SSL_free(r->ssl);
	SSL_CTX_free(r->ctx);
	close(r->fd);
}

static void raw_write(struct raw *r, const void *octets, size_t len)
{
	assert_int_equal(SSL_write(r->ssl, octets, (int)len), (int)len);
}

/* Has the other side closed it? */
static bool raw_closed(struct raw *r)
{
	uint8_t octets[4096];
	int n = r->ssl != NULL ? SSL_read(r->ssl, octets, sizeof(octets))
			       : (int)recv(r->fd, octets, sizeof(octets), 0);

	if (n > 0)
		return false;
	if (r->ssl != NULL)
		return SSL_get_error(r->ssl, n) != SSL_ERROR_WANT_READ;
	return n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

static size_t hello(uint8_t out[64], uint8_t genesis, uint8_t replica, uint16_t version)
{
	ap_hello m = {.version = version, .replica = replica, .boot = 5, .genesis = {{genesis}}};
	struct ap_writer w;
	size_t len;

	ap_writer_init(&w, out + 5, 59);
	ap_hello_put(&w, &m);
	len = 1 + ap_writer_len(&w);
	memcpy(out, (uint8_t[]){0, 0, 0, (uint8_t)len, AP_MESSAGE_hello}, 5);
	return 4 + len;
}

/* As member 3, whose HELLO has been taken. */
static void raw_up(struct net *n, struct raw *r)
{
	uint8_t octets[64];

	assert_true(raw_tls(n, r, 1, tls_context(n->seeds[2])));
	raw_write(r, octets, hello(octets, 1, 3, 1));
	UNTIL(n, peers_up(n->end[1].peers) == 4);
}

static void a_frame_in_pieces_is_one(void **state)
{
	struct net *n = *state;
	static const uint8_t frame[] = {0, 0, 0, 9, AP_MESSAGE_want, 1, 2, 3, 4, 5, 6, 7, 8};
	struct raw r;

	start(n, 1);
	raw_up(n, &r);
	for (size_t i = 0; i < sizeof(frame); i++) {
		raw_write(&r, frame + i, 1);
		turn(n, 5);
	}
	UNTIL(n, n->end[1].n_frames == 1);
	assert_int_equal(n->end[1].frames[0].from, 3);
	assert_int_equal(n->end[1].frames[0].len, 8);
	raw_close(&r);
	UNTIL(n, n->end[1].downs[3] == 1);
}

static void impossible_lengths_close_the_link(void **state)
{
	struct net *n = *state;
	static const uint8_t heads[][5] = {
		{0, 0, 0, 0, AP_MESSAGE_want},	    /* not even a type */
		{0, 0, 0, 10, AP_MESSAGE_want},	    /* more than a WANT has */
		{0, 0x40, 0, 1, AP_MESSAGE_bundle}, /* more than 4 MiB */
		{0xff, 0xff, 0xff, 0xff, AP_MESSAGE_pre_prepare},
		{0, 0, 0, 2, 200}, /* no such type */
		{0, 0, 0, 2, 0},
	};

	start(n, 1);
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		struct peer_info info;
		struct raw r;

		raw_up(n, &r);
		raw_write(&r, heads[i], 5); /* closed at the length, without waiting for the body */
		UNTIL(n, n->end[1].downs[3] == i + 1);
		UNTIL(n, raw_closed(&r));
		peers_info(n->end[1].peers, 3, &info);
		assert_int_equal(info.refused, i + 1);
		raw_close(&r);
	}
	assert_int_equal(n->end[1].n_frames, 0);
}

static void the_first_frame_is_the_members_hello(void **state)
{
	struct net *n = *state;

	start(n, 1);
	for (int row = 0; row < 6; row++) {
		uint8_t octets[64];
		size_t len = hello(octets, row == 0 ? 2 : 1,
				   row == 1   ? 4
				   : row == 2 ? 0
					      : 3,
				   row == 3 ? 2 : 1);
		struct raw r;

		if (row == 4)
			octets[4] = AP_MESSAGE_want; /* too long for one */
		if (row == 5)
			memcpy(octets,
			       (uint8_t[]){0, 0, 0, 9, AP_MESSAGE_want, 0, 0, 0, 0, 0, 0, 0, 1},
			       len = 13);
		assert_true(raw_tls(n, &r, 1, tls_context(n->seeds[2])));
		raw_write(&r, octets, len);
		UNTIL(n, raw_closed(&r));
		raw_close(&r);
	}
	assert_int_equal(n->end[1].ups[3], 0);
	assert_int_equal(n->end[1].n_frames, 0);
}

static void a_second_hello_breaks_the_protocol(void **state)
{
	struct net *n = *state;
	uint8_t octets[64];
	struct raw r;

	start(n, 1);
	raw_up(n, &r);
	raw_write(&r, octets, hello(octets, 1, 3, 1));
	UNTIL(n, n->end[1].downs[3] == 1);
	raw_close(&r);
}

static void a_newer_link_takes_the_place_of_the_older(void **state)
{
	struct net *n = *state;
	uint8_t octets[64];
	struct raw older, newer;

	start(n, 1);
	raw_up(n, &older);
	assert_true(raw_tls(n, &newer, 1, tls_context(n->seeds[2])));
	raw_write(&newer, octets, hello(octets, 1, 3, 1));
	UNTIL(n, n->end[1].ups[3] == 2);
	assert_int_equal(n->end[1].downs[3], 1);
	UNTIL(n, raw_closed(&older));
	raw_write(&newer, (uint8_t[]){0, 0, 0, 9, AP_MESSAGE_want, 0, 0, 0, 0, 0, 0, 0, 1}, 13);
	UNTIL(n, n->end[1].n_frames == 1);
	raw_close(&older);
	raw_close(&newer);
}

static void a_member_that_should_be_dialled_does_not_dial(void **state)
{
	struct net *n = *state;
	uint8_t octets[64];
	struct raw r;

	start(n, 2);
	assert_true(raw_tls(n, &r, 2, tls_context(n->seeds[0]))); /* 1 is dialled by 2 */
	(void)SSL_write(r.ssl, octets, (int)hello(octets, 1, 1, 1));
	UNTIL(n, raw_closed(&r));
	assert_int_equal(n->end[2].ups[1], 0);
	raw_close(&r);
}

static void without_certificate_or_with_older_tls_nobody_comes_in(void **state)
{
	struct net *n = *state;
	SSL_CTX *none = SSL_CTX_new(TLS_client_method()), *old = tls_context(n->seeds[2]);
	struct raw r;

	start(n, 1);
	(void)raw_tls(n, &r, 1,
		      none); /* in TLS 1.3 the client may be through before it is refused */
	UNTIL(n, raw_closed(&r));
	raw_close(&r);
	SSL_CTX_set_min_proto_version(old, TLS1_2_VERSION);
	SSL_CTX_set_max_proto_version(old, TLS1_2_VERSION);
	assert_false(raw_tls(n, &r, 1, old));
	raw_close(&r);
	assert_int_equal(peers_up(n->end[1].peers), 0);
	raw_tcp(n, &r, 1);
	assert_int_equal(write(r.fd, "GET / HTTP/1.0\r\n\r\n", 18), 18);
	UNTIL(n, raw_closed(&r));
	raw_close(&r);
}

static void many_strangers_keep_no_member_out(void **state)
{
	struct net *n = *state;
	struct raw strangers[40];
	uint64_t begin_ms;

	start(n, 1);
	for (size_t i = 0; i < 40; i++) {
		raw_tcp(n, &strangers[i], 1); /* and say nothing */
		turn(n, 5);
	}
	begin_ms = now_ms();
	start(n, 2);
	UNTIL(n, up(n, 1, 2));
	assert_true(now_ms() - begin_ms < 4000); /* without waiting for their time to be up */
	for (size_t i = 0; i < 40; i++)
		raw_close(&strangers[i]);
}

/* Members are at 127.0.0.1 here. */
static void strangers_from_elsewhere_push_out_each_other(void **state)
{
	struct raw strangers[40], likely;
	struct net *n = *state;

	start(n, 1);
	raw_tcp(n, &likely, 1); /* its handshake takes a while */
	turn(n, 5);
	for (size_t i = 0; i < 40; i++) {
		raw_tcp_from(n, &strangers[i], 1, INADDR_LOOPBACK + 8);
		turn(n, 5);
	}
	assert_true(raw_closed(&strangers[0]));
	assert_false(raw_closed(&strangers[39]));
	assert_false(raw_closed(&likely));
	raw_close(&likely);
	for (size_t i = 0; i < 40; i++)
		raw_close(&strangers[i]);
}

static void who_takes_nothing_has_a_bounded_backlog(void **state)
{
	struct net *n = *state;
	static uint8_t octets[1 << 20];
	struct peer_info info;
	struct raw r;

	start(n, 1);
	raw_up(n, &r);
	for (int i = 0; i < 100; i++)
		send_frame(n, 1, 4, AP_MESSAGE_pre_prepare, octets, sizeof(octets));
	peers_info(n->end[1].peers, 3, &info);
	assert_true(info.backlog <= AP_PEER_BACKLOG_MAX);
	assert_true(info.dropped >= 100 - 64);
	raw_close(&r);
	UNTIL(n, n->end[1].downs[3] == 1);
}

/* ---- tls.c alone ---- */

static void certificates_are_made_of_the_identity_key(void **state)
{
	struct net *n = *state;
	SSL_CTX *ctx = tls_context(n->seeds[0]);
	X509 *cert = SSL_CTX_get0_certificate(ctx);
	uint8_t key[32];
	size_t len = sizeof(key);

	assert_non_null(cert);
	assert_int_equal(EVP_PKEY_get_raw_public_key(X509_get0_pubkey(cert), key, &len), 1);
	assert_memory_equal(key, n->keys[0], 32);
	assert_int_equal(X509_verify(cert, X509_get0_pubkey(cert)), 1);
	SSL_CTX_free(ctx);
}

static void without_a_certificate_there_is_no_key(void **state)
{
	struct net *n = *state;
	SSL_CTX *ctx = tls_context(n->seeds[0]);
	SSL *ssl = SSL_new(ctx);
	uint8_t key[32];

	assert_int_equal(tls_peer_key(ssl, key), -1);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

#define NET(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET(all_pairs_come_up),
		NET(they_come_up_in_any_order),
		NET(frames_arrive_whole_and_in_order),
		NET(both_sides_speak),
		NET(what_is_sent_to_nobody_is_nowhere),
		NET(a_link_comes_back_after_either_side_was_away),
		NET(a_refused_frame_closes_the_link_for_a_while),
		NET(another_key_than_the_members_is_refused),
		NET(a_key_of_nobody_is_refused),
		NET(the_dialled_member_has_to_be_the_one),
		NET(another_network_file_is_refused),
		NET(a_frame_in_pieces_is_one),
		NET(impossible_lengths_close_the_link),
		NET(the_first_frame_is_the_members_hello),
		NET(a_second_hello_breaks_the_protocol),
		NET(a_newer_link_takes_the_place_of_the_older),
		NET(a_member_that_should_be_dialled_does_not_dial),
		NET(without_certificate_or_with_older_tls_nobody_comes_in),
		NET(many_strangers_keep_no_member_out),
		NET(strangers_from_elsewhere_push_out_each_other),
		NET(who_takes_nothing_has_a_bounded_backlog),
		NET(certificates_are_made_of_the_identity_key),
		NET(without_a_certificate_there_is_no_key),
	};

	return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
