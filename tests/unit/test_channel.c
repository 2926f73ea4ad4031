/* One connection between two ends in one event loop: daemon/channel.c. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/channel.h"
#include "daemon/tls.h"

enum { PIECE_MAX = 1 << 20, BACKLOG_MAX = 8 << 20, KEPT = 16 << 20 };

struct side {
	struct channel *channel;
	SSL_CTX *tls;
	unsigned secures, ends, gives; /* calls */
	unsigned long tls_error;
	uint8_t *octets; /* taken so far */
	size_t len;
	size_t wants;	   /* takes nothing less than this at once */
	bool frees_secure; /* in that call */
	bool frees_octets;
	bool echoes;
};

struct pair {
	struct event_base *base;
	int listener;
	struct sockaddr_in address;
	struct side a, b; /* a dials */
};

static bool on_secure(void *arg)
{
	struct side *s = arg;

	s->secures++;
	if (!s->frees_secure)
		return true;
	channel_free(s->channel);
	s->channel = NULL;
	return false;
}

static bool on_octets(void *arg, const uint8_t *octets, size_t len, size_t *used, size_t *need)
{
	struct side *s = arg;

	s->gives++;
	if (s->frees_octets) {
		channel_free(s->channel);
		s->channel = NULL;
		return false;
	}
	*need = s->wants;
	if (len < s->wants)
		return true;
	assert_true(s->len + len <= KEPT);
	memcpy(s->octets + s->len, octets, len);
	s->len += len;
	*used = len;
	*need = 0;
	s->wants = 0;
	if (s->echoes)
		assert_true(channel_put(s->channel,
					(struct iovec[]){{(void *)(uintptr_t)octets, len}}, 1));
	return true;
}

static void on_end(void *arg, unsigned long tls)
{
	struct side *s = arg;

	s->ends++;
	s->tls_error = tls;
	channel_free(s->channel);
	s->channel = NULL;
}

static struct channel_conf conf_of(struct side *s)
{
	return (struct channel_conf){.tls = s->tls,
				     .handshake_s = 1,
				     .silence_s = 1,
				     .backlog_max = BACKLOG_MAX,
				     .piece_max = PIECE_MAX,
				     .on_secure = on_secure,
				     .on_octets = on_octets,
				     .on_end = on_end,
				     .arg = s};
}

static int setup(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));
	socklen_t len = sizeof(p->address);
	uint8_t seed[32] = {7};

	if (p == NULL)
		return -1;
	p->base = event_base_new();
	p->a.tls = tls_context(seed);
	seed[0] = 8;
	p->b.tls = tls_context(seed);
	p->a.octets = malloc(KEPT);
	p->b.octets = malloc(KEPT);
	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	p->address.sin_family = AF_INET;
	p->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(p->listener, (struct sockaddr *)&p->address, len) != 0 ||
	    listen(p->listener, 4) != 0 ||
	    getsockname(p->listener, (struct sockaddr *)&p->address, &len) != 0)
		return -1;
	*state = p;
	return 0;
}

static void side_free(struct side *s)
{
	if (s->channel != NULL)
		channel_free(s->channel);
	SSL_CTX_free(s->tls);
	free(s->octets);
}

static int teardown(void **state)
{
	struct pair *p = *state;

	side_free(&p->a);
	side_free(&p->b);
	if (p->listener >= 0)
		close(p->listener);
	event_base_free(p->base);
	free(p);
	return 0;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void turn(struct pair *p)
{
	event_base_loopexit(p->base, &(struct timeval){.tv_usec = 5000});
	event_base_loop(p->base, EVLOOP_ONCE);
}

#define UNTIL(p, what)                                                                             \
	do {                                                                                       \
		uint64_t end_ms = now_ms() + 20000;                                                \
		while (!(what)) {                                                                  \
			if (now_ms() >= end_ms)                                                    \
				fail_msg("it took too long: %s", #what);                           \
			turn(p);                                                                   \
		}                                                                                  \
	} while (0)

static void dial(struct pair *p)
{
	struct channel_conf conf = conf_of(&p->a);

	p->a.channel =
		channel_dial(p->base, &conf, (struct sockaddr *)&p->address, sizeof(p->address));
	assert_non_null(p->a.channel);
}

static void take(struct pair *p)
{
	struct channel_conf conf = conf_of(&p->b);

	p->b.channel = channel_accept(p->base, &conf, accept(p->listener, NULL, NULL));
	assert_non_null(p->b.channel);
}

static void connect_both(struct pair *p)
{
	dial(p);
	take(p);
	UNTIL(p, p->a.secures == 1 && p->b.secures == 1);
}

/* A connection that the test holds the other end of: no TLS there. */
static int take_raw(struct pair *p)
{
	struct channel_conf conf = conf_of(&p->b);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&p->address, sizeof(p->address)), 0);
	p->b.channel = channel_accept(p->base, &conf, accept(p->listener, NULL, NULL));
	assert_non_null(p->b.channel);
	return fd;
}

static bool put(struct side *s, const void *octets, size_t len)
{
	return channel_put(s->channel, (struct iovec[]){{(void *)(uintptr_t)octets, len}}, 1);
}

static void fill(uint8_t *octets, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		octets[i] = (uint8_t)(seed >> 24);
	}
}

/* ---- the streams ---- */

static void what_is_put_in_one_turn_arrives_in_one_piece(void **state)
{
	struct pair *p = *state;

	connect_both(p);
	for (int i = 0; i < 100; i++)
		assert_true(channel_put(p->a.channel, (struct iovec[]){{"one", 3}, {"two", 3}}, 2));
	assert_int_equal(channel_backlog(p->a.channel), 600);
	UNTIL(p, p->b.len == 600);
	assert_int_equal(p->b.gives, 1);
	for (size_t i = 0; i < 600; i += 6)
		assert_memory_equal(p->b.octets + i, "onetwo", 6);
	assert_int_equal(channel_backlog(p->a.channel), 0);
}

static void what_is_flushed_leaves_before_the_turn_ends(void **state)
{
	struct pair *p = *state;

	connect_both(p);
	channel_flush(p->a.channel); /* nothing is there */
	assert_true(put(&p->a, "one", 3));
	channel_flush(p->a.channel);
	assert_int_equal(channel_backlog(p->a.channel), 0);
	assert_true(put(&p->a, "two", 3));
	UNTIL(p, p->b.len == 6);
	assert_memory_equal(p->b.octets, "onetwo", 6);
}

/* It shows when the turn ends: who flushes is in the midst of something. */
static void a_flush_that_fails_ends_nothing_at_once(void **state)
{
	struct pair *p = *state;

	connect_both(p);
	channel_free(p->b.channel);
	p->b.channel = NULL;
	for (int i = 0; i < 3; i++) { /* a reset comes back, and then the next write fails */
		assert_true(put(&p->a, "x", 1) || i > 0);
		channel_flush(p->a.channel);
		assert_int_equal(p->a.ends, 0);
	}
	UNTIL(p, p->a.ends == 1);
}

static void both_ways_at_once(void **state)
{
	struct pair *p = *state;

	connect_both(p);
	p->b.echoes = true;
	for (int i = 0; i < 100; i++) {
		assert_true(put(&p->a, "question", 8));
		UNTIL(p, p->a.len == 8 * ((size_t)i + 1));
	}
	assert_int_equal(p->b.len, 800);
	assert_int_equal(p->a.ends + p->b.ends, 0);
}

static void what_is_not_taken_comes_again_in_front_of_more(void **state)
{
	struct pair *p = *state;

	connect_both(p);
	p->b.wants = 9;
	assert_true(put(&p->a, "first", 5));
	UNTIL(p, p->b.gives == 1);
	assert_true(put(&p->a, "!", 1)); /* not enough: not given */
	for (int i = 0; i < 10; i++)
		turn(p);
	assert_int_equal(p->b.gives, 1);
	assert_true(put(&p->a, "last", 4));
	UNTIL(p, p->b.len == 10);
	assert_int_equal(p->b.gives, 2);
	assert_memory_equal(p->b.octets, "first!last", 10);
}

static void a_large_piece_gets_its_room(void **state)
{
	struct pair *p = *state;
	uint8_t *octets = malloc(PIECE_MAX);

	fill(octets, PIECE_MAX, 1);
	connect_both(p);
	for (unsigned i = 1; i <= 3; i++) {
		p->b.wants = PIECE_MAX;
		p->b.len = 0;
		assert_true(put(&p->a, octets, PIECE_MAX));
		UNTIL(p, p->b.len == PIECE_MAX);
		assert_memory_equal(p->b.octets, octets, PIECE_MAX);
		assert_true(p->b.gives <= 2 * i); /* the first octets, and all */
	}
	free(octets);
}

static void who_needs_more_than_the_largest_piece_gets_an_end(void **state)
{
	struct pair *p = *state;

	connect_both(p);
	p->b.wants = PIECE_MAX + 1;
	assert_true(put(&p->a, "x", 1));
	UNTIL(p, p->b.ends == 1 && p->a.ends == 1);
	assert_int_equal(p->b.len, 0);
}

static void a_backlog_is_bounded_and_what_is_in_it_arrives_whole(void **state)
{
	struct pair *p = *state;
	enum { SOME = 100000 };
	uint8_t *octets = malloc(SOME), *expected = malloc(KEPT);
	size_t all = 0;
	bool fits = true;

	connect_both(p);
	for (uint32_t i = 0; fits; i++) { /* without a turn: nothing leaves */
		fill(octets, SOME, i);
		fits = put(&p->a, octets, SOME);
		assert_true(channel_backlog(p->a.channel) <= BACKLOG_MAX + BACKLOG_MAX / 100);
		if (!fits)
			break;
		memcpy(expected + all, octets, SOME);
		all += SOME;
	}
	assert_true(all > BACKLOG_MAX - BACKLOG_MAX / 10);
	UNTIL(p, p->b.len == all);
	assert_memory_equal(p->b.octets, expected, all);
	assert_true(put(&p->a, "and on", 6));
	UNTIL(p, p->b.len == all + 6);
	free(expected);
	free(octets);
}

static void nothing_is_put_before_the_handshake(void **state)
{
	struct pair *p = *state;

	dial(p);
	assert_false(put(&p->a, "x", 1));
	assert_int_equal(channel_backlog(p->a.channel), 0);
	take(p);
	UNTIL(p, p->a.secures == 1);
	assert_true(put(&p->a, "x", 1));
	UNTIL(p, p->b.len == 1);
}

/* ---- ends ---- */

static void the_other_sides_end_is_told_once_behind_all_that_it_sent(void **state)
{
	struct pair *p = *state;

	connect_both(p);
	assert_true(put(&p->a, "last words", 10));
	event_base_loop(p->base, EVLOOP_NONBLOCK);
	channel_free(p->a.channel);
	p->a.channel = NULL;
	UNTIL(p, p->b.ends == 1);
	assert_int_equal(p->b.len, 10);
	assert_int_equal(p->b.tls_error, 0);
	assert_int_equal(p->a.ends, 0); /* who frees it knows */
}

static void the_owner_may_free_it_in_any_call(void **state)
{
	struct pair *p = *state;

	p->b.frees_secure = true;
	dial(p);
	take(p);
	UNTIL(p, p->b.secures == 1 && p->a.ends == 1);
	assert_null(p->b.channel);
	p->b.frees_secure = false;
	p->a.secures = p->b.secures = 0;
	connect_both(p);
	p->b.frees_octets = true;
	assert_true(put(&p->a, "x", 1));
	UNTIL(p, p->b.gives == 1 && p->a.ends == 2);
	assert_null(p->b.channel);
	assert_int_equal(p->b.ends, 0);
}

static void who_is_silent_is_ended(void **state)
{
	struct pair *p = *state;
	int fd = take_raw(p);
	uint64_t begin_ms = now_ms();

	UNTIL(p, p->b.ends == 1); /* before the handshake */
	assert_true(now_ms() - begin_ms >= 900);
	close(fd);
	connect_both(p);
	begin_ms = now_ms();
	while (now_ms() - begin_ms < 1500) { /* b hears something all the time, a does not */
		assert_true(p->a.channel == NULL || put(&p->a, "x", 1));
		turn(p);
	}
	assert_int_equal(p->a.ends, 1);
}

static void nonsense_is_an_error_of_tls(void **state)
{
	struct pair *p = *state;
	int fd = take_raw(p);

	assert_int_equal(write(fd, "GET / HTTP/1.0\r\n\r\n", 18), 18);
	UNTIL(p, p->b.ends == 1);
	assert_int_not_equal(p->b.tls_error, 0);
	close(fd);
}

static void a_changed_record_ends_it(void **state)
{
	struct pair *p = *state;
	int fd;

	connect_both(p);
	fd = dup(SSL_get_fd(channel_ssl(p->a.channel)));
	assert_int_equal(fd, -1);     /* OpenSSL has no descriptor to read by itself */
	for (fd = 3; fd < 64; fd++) { /* a's, by its other end */
		struct sockaddr_in to = {.sin_port = 0};
		socklen_t len = sizeof(to);

		if (getpeername(fd, (struct sockaddr *)&to, &len) == 0 &&
		    to.sin_port == p->address.sin_port)
			break;
	}
	assert_int_equal(write(fd,
			       "\x17\x03\x03\x00\x20"
			       "0123456789abcdef0123456789abcdef",
			       37),
			 37);
	UNTIL(p, p->b.ends == 1);
	assert_int_not_equal(p->b.tls_error, 0);
	assert_int_equal(p->b.len, 0);
	UNTIL(p, p->a.ends == 1);
	assert_int_not_equal(p->a.tls_error, 0); /* an alert has told it why */
}

/* TLS answers by itself there, whatever is put: each request makes the backlog larger. */
static void who_asks_for_new_keys_and_reads_nothing_is_ended(void **state)
{
	struct pair *p = *state;
	struct channel_conf conf = conf_of(&p->b);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t most = 0;
	SSL *ssl = SSL_new(p->a.tls);

	conf.backlog_max = 4096;
	assert_int_equal(connect(fd, (struct sockaddr *)&p->address, sizeof(p->address)), 0);
	p->b.channel = channel_accept(p->base, &conf, accept(p->listener, NULL, NULL));
	assert_non_null(p->b.channel);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	SSL_set_fd(ssl, fd);
	UNTIL(p, SSL_connect(ssl) == 1 && p->b.secures == 1);
	for (int i = 0; i < 20000 && p->b.ends == 0; i++) {
		if (SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1)
			(void)SSL_do_handshake(ssl);
		if (i % 100 == 99)
			event_base_loop(p->base, EVLOOP_NONBLOCK);
		if (p->b.channel != NULL && channel_backlog(p->b.channel) > most)
			most = channel_backlog(p->b.channel);
	}
	assert_int_equal(p->b.ends, 1);
	assert_true(most < 64 * 1024);
	SSL_free(ssl);
	close(fd);
}

static void a_port_that_nobody_listens_on(void **state)
{
	struct pair *p = *state;
	struct channel_conf conf = conf_of(&p->a);

	close(p->listener);
	p->listener = -1;
	p->a.channel =
		channel_dial(p->base, &conf, (struct sockaddr *)&p->address, sizeof(p->address));
	if (p->a.channel != NULL)
		UNTIL(p, p->a.ends == 1);
	assert_int_equal(p->a.secures, 0);
}

#define PAIR(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR(what_is_put_in_one_turn_arrives_in_one_piece),
		PAIR(what_is_flushed_leaves_before_the_turn_ends),
		PAIR(a_flush_that_fails_ends_nothing_at_once),
		PAIR(both_ways_at_once),
		PAIR(what_is_not_taken_comes_again_in_front_of_more),
		PAIR(a_large_piece_gets_its_room),
		PAIR(who_needs_more_than_the_largest_piece_gets_an_end),
		PAIR(a_backlog_is_bounded_and_what_is_in_it_arrives_whole),
		PAIR(nothing_is_put_before_the_handshake),
		PAIR(the_other_sides_end_is_told_once_behind_all_that_it_sent),
		PAIR(the_owner_may_free_it_in_any_call),
		PAIR(who_is_silent_is_ended),
		PAIR(nonsense_is_an_error_of_tls),
		PAIR(a_changed_record_ends_it),
		PAIR(who_asks_for_new_keys_and_reads_nothing_is_ended),
		PAIR(a_port_that_nobody_listens_on),
	};

	return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
