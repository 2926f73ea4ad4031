#include "talk.h"

#include <event2/buffer.h>
#include <stdlib.h>

enum { PATIENCE_S = 10 };

struct talk {
	struct bufferevent *peer;
	talk_cb *answered;
	void *arg;
};

void talk_stop(struct talk *talk)
{
	if (talk == NULL)
		return;
	bufferevent_free(talk->peer);
	free(talk);
}

static void end(struct talk *talk, const struct wire_frame *frame)
{
	talk->answered(talk->arg, frame);
	talk_stop(talk);
}

static void on_read(struct bufferevent *peer, void *arg)
{
	struct wire_frame frame;
	int there = wire_get(peer, &frame);

	if (there != 0)
		end(arg, there > 0 ? &frame : NULL);
}

static void on_event(struct bufferevent *peer, short what, void *arg)
{
	(void)peer;
	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT)) != 0)
		end(arg, NULL);
}

struct talk *talk_begin(struct event_base *base, const struct sockaddr *to, int to_len,
			uint8_t type, const char *ticket, const void *octets, size_t len,
			talk_cb *answered, void *arg)
{
	const struct timeval patience = {PATIENCE_S, 0};
	struct talk *talk = calloc(1, sizeof(*talk));

	if (talk == NULL)
		return NULL;
	talk->answered = answered;
	talk->arg = arg;
	talk->peer =
		bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (talk->peer == NULL) {
		free(talk);
		return NULL;
	}
	bufferevent_setcb(talk->peer, on_read, NULL, on_event, talk);
	bufferevent_set_timeouts(talk->peer, &patience, &patience);
	wire_put(talk->peer, type, ticket, octets, len);
	if (bufferevent_enable(talk->peer, EV_READ | EV_WRITE) != 0 ||
	    bufferevent_socket_connect(talk->peer, to, to_len) != 0) {
		talk_stop(talk);
		return NULL;
	}
	return talk;
}
