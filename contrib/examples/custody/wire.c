#include "wire.h"

#include <event2/buffer.h>
#include <string.h>

enum { HEAD = 5 };

void wire_put(struct bufferevent *to, uint8_t type, const char *ticket, const void *octets,
	      size_t len)
{
	size_t text = strlen(ticket) + 1, n = text + len;
	const uint8_t head[HEAD] = {type, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
				    (uint8_t)n};

	bufferevent_write(to, head, sizeof(head));
	bufferevent_write(to, ticket, text);
	if (len > 0)
		bufferevent_write(to, octets, len);
}

int wire_get(struct bufferevent *from, struct wire_frame *frame)
{
	struct evbuffer *in = bufferevent_get_input(from);
	uint8_t head[HEAD];
	const char *body;
	size_t n, text;

	if (evbuffer_copyout(in, head, HEAD) < HEAD)
		return 0;
	n = (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
	if (n == 0 || n > WIRE_MAX)
		return -1;
	if (evbuffer_get_length(in) < HEAD + n)
		return 0;
	body = (const char *)evbuffer_pullup(in, (ev_ssize_t)(HEAD + n));
	if (body == NULL)
		return -1;
	body += HEAD;
	text = strnlen(body, n);
	if (text == n)
		return -1;
	*frame = (struct wire_frame){head[0], body, body + text + 1, n - text - 1, HEAD + n};
	return 1;
}
