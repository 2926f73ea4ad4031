#include "loop.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "step.h"

struct loop_watch {
	struct loop_watch *next;
	struct loop *loop;
	int fd;
	struct event *event;
};

/* ---- what libagree wants watched, as events ---- */

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;
	unsigned events = 0;

	if ((what & EV_READ) != 0)
		events |= AGREE_READ;
	if ((what & EV_WRITE) != 0)
		events |= AGREE_WRITE;
	(void)agree_process_fd(loop->ctx, fd, events);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;

	(void)fd;
	(void)what;
	(void)agree_process_fd(loop->ctx, -1, 0);
}

static void forget(struct loop_watch **at)
{
	struct loop_watch *watch = *at;

	*at = watch->next;
	event_free(watch->event);
	free(watch);
}

static void watch_socket(void *arg, int fd, unsigned events)
{
	short what = (short)(EV_PERSIST | ((events & AGREE_READ) != 0 ? EV_READ : 0) |
			     ((events & AGREE_WRITE) != 0 ? EV_WRITE : 0));
	struct loop *loop = arg;
	struct loop_watch **at = &loop->watches, *watch;

	while (*at != NULL && (*at)->fd != fd)
		at = &(*at)->next;
	if (*at != NULL)
		forget(at);
	if (events == 0)
		return;
	watch = calloc(1, sizeof(*watch));
	if (watch != NULL)
		watch->event = event_new(loop->base, fd, what, on_socket, loop);
	if (watch == NULL || watch->event == NULL || event_add(watch->event, NULL) != 0)
		step_die("a socket cannot be watched");
	watch->fd = fd;
	watch->next = loop->watches;
	loop->watches = watch;
}

static void watch_timer(void *arg, int timeout_ms)
{
	const struct timeval in = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
	struct loop *loop = arg;

	if (timeout_ms < 0)
		event_del(loop->timer);
	else
		event_add(loop->timer, &in);
}

/* ---- the network ---- */

static void find(struct loop *loop);

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	find(arg);
}

static void on_network(void *arg, int status, agree_network *network)
{
	const struct timeval second = {1, 0};
	struct loop *loop = arg;

	loop->found = network;
	if (status == 0 || status == AGREE_ECANCELED)
		return;
	step_say("%s: %s", loop->domain, agree_strerror(status));
	event_add(loop->again, &second);
}

static void find(struct loop *loop)
{
	int err = agree_network_find(loop->ctx, loop->domain, loop->key, on_network, loop, NULL);

	if (err != 0)
		on_network(loop, err, NULL);
}

/* ---- all of it ---- */

static int open_library(struct loop *loop)
{
	unsigned char key[AGREE_KEY_LEN];
	int err = agree_key_parse(key, loop->key);

	if (err == 0)
		err = agree_network_of_key(loop->domain, key, &loop->known);
	if (err == 0)
		err = agree_ctx_new(&loop->ctx);
	if (err == 0)
		err = agree_ctx_set(loop->ctx, "dns", getenv("AGREE_DNS"));
	if (err == 0)
		err = agree_set_io(loop->ctx, watch_socket, watch_timer, loop);
	return err;
}

int loop_open(struct loop *loop, const char *domain, const char *key)
{
	int err;

	memset(loop, 0, sizeof(*loop));
	loop->domain = domain;
	loop->key = key;
	loop->base = event_base_new();
	if (loop->base == NULL)
		return AGREE_ENOMEM;
	loop->timer = evtimer_new(loop->base, on_timer, loop);
	loop->again = evtimer_new(loop->base, on_again, loop);
	if (loop->timer == NULL || loop->again == NULL)
		return AGREE_ENOMEM;
	err = open_library(loop);
	if (err == 0)
		find(loop);
	return err;
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

void loop_run(struct loop *loop)
{
	struct event *term = evsignal_new(loop->base, SIGTERM, on_signal, loop->base);
	struct event *intr = evsignal_new(loop->base, SIGINT, on_signal, loop->base);

	if (term == NULL || intr == NULL || event_add(term, NULL) != 0 ||
	    event_add(intr, NULL) != 0)
		step_die("signals cannot be watched");
	event_base_dispatch(loop->base);
	event_free(term);
	event_free(intr);
}

void loop_close(struct loop *loop)
{
	agree_network_free(loop->found);
	agree_network_free(loop->known);
	agree_ctx_free(loop->ctx);
	while (loop->watches != NULL)
		forget(&loop->watches);
	if (loop->again != NULL)
		event_free(loop->again);
	if (loop->timer != NULL)
		event_free(loop->timer);
	if (loop->base != NULL)
		event_base_free(loop->base);
}
