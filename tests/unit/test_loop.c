/* The event loop: daemon/loop.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/loop.h"

enum { PIECES = 400, PIECE_US = 500 };

static struct {
	struct event_base *base;
	struct event *work;
	int pieces, pieces_before_read, pieces_before_timer;
	int out;
} w;

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* A piece of work that asks for the next one, as the end of a turn does. */
static void on_work(evutil_socket_t fd, short what, void *arg)
{
	uint64_t end = now_us() + PIECE_US;

	(void)fd;
	(void)what;
	(void)arg;
	while (now_us() < end)
		;
	if (++w.pieces == 1)
		assert_int_equal(write(w.out, "x", 1), 1); /* meanwhile something comes */
	if (w.pieces < PIECES)
		event_active(w.work, EV_TIMEOUT, 0);
	else
		event_base_loopbreak(w.base);
}

static void on_read(evutil_socket_t fd, short what, void *arg)
{
	char octet;

	(void)what;
	(void)arg;
	assert_int_equal(read(fd, &octet, 1), 1);
	w.pieces_before_read = w.pieces;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	w.pieces_before_timer = w.pieces;
}

static void work_in_pieces_keeps_neither_sockets_nor_timers_waiting(void **state)
{
	struct event *reads, *timer;
	int fds[2];

	(void)state;
	w.base = loop_new();
	assert_non_null(w.base);
	assert_int_equal(pipe(fds), 0);
	w.out = fds[1];
	reads = event_new(w.base, fds[0], EV_READ | EV_PERSIST, on_read, NULL);
	timer = evtimer_new(w.base, on_timer, NULL);
	w.work = event_new(w.base, -1, 0, on_work, NULL);
	assert_int_equal(event_add(reads, NULL), 0);
	assert_int_equal(evtimer_add(timer, &(struct timeval){.tv_usec = 1000}), 0);
	event_active(w.work, EV_TIMEOUT, 0);
	event_base_loop(w.base, 0);
	assert_int_equal(w.pieces, PIECES);
	assert_in_range(w.pieces_before_read, 1, PIECES / 4);
	assert_in_range(w.pieces_before_timer, 1, PIECES / 4);
	event_free(reads);
	event_free(timer);
	event_free(w.work);
	event_base_free(w.base);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(work_in_pieces_keeps_neither_sockets_nor_timers_waiting),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
