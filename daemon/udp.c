#include "config.h"

#include "daemon/udp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "daemon/log.h"
#include "libproto/agree_errors.h"

enum {
	DRAIN = 64,    /* datagrams of one system call */
	DRAINS = 8,    /* of one turn of the loop: links and journal get theirs */
	IN_MAX = 4096, /* octets; what is larger has to come over TCP */
	SOCKETS_MAX = CONF_LISTEN_MAX,
	BUFFER = 4 << 20, /* asked of the kernel, for bursts */
};

struct control { /* aligned as a struct cmsghdr, which cannot stand in an array itself */
	_Alignas(size_t) uint8_t room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct udp_socket {
	struct udp *udp;
	struct event *event;
	int fd, family;
	uint16_t index;
};

struct udp {
	struct answers *answers;
	struct udp_socket sockets[SOCKETS_MAX];
	size_t n;
	/* in */
	struct mmsghdr in[DRAIN];
	struct iovec in_iov[DRAIN];
	struct sockaddr_storage in_from[DRAIN];
	struct control in_control[DRAIN];
	uint8_t in_octets[DRAIN][IN_MAX];
	/* out */
	struct mmsghdr out[DRAIN];
	struct iovec out_iov[DRAIN];
	struct sockaddr_storage out_to[DRAIN];
	struct control out_control[DRAIN];
	uint16_t out_socket[DRAIN];
	uint8_t out_octets[DRAIN][AP_UDP_MAX];
	size_t n_out;
	uint8_t answer[ANSWER_MAX];
	uint64_t lost; /* not sent: no room, unreachable */
};

/* ---- out ---- */

static size_t run_of(const struct udp *u, size_t from)
{
	size_t n = 1;

	while (from + n < u->n_out && u->out_socket[from + n] == u->out_socket[from])
		n++;
	return n;
}

void udp_flush(struct udp *u)
{
	size_t at = 0;

	while (at < u->n_out) {
		int fd = u->sockets[u->out_socket[at]].fd;
		int sent = sendmmsg(fd, u->out + at, (unsigned)run_of(u, at),
				    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		/* an answer that cannot go is lost as on any network: the client asks again */
		u->lost += sent <= 0;
		at += sent > 0 ? (size_t)sent : 1;
	}
	u->n_out = 0;
}

static void from_address(struct msghdr *m, struct control *control, const struct asker *asker)
{
	static const struct in6_addr unknown;
	struct cmsghdr *c;

	m->msg_control = NULL;
	m->msg_controllen = 0;
	if (memcmp(&asker->local, &unknown, sizeof(unknown)) == 0)
		return;
	memset(control, 0, sizeof(*control));
	m->msg_control = control;
	m->msg_controllen = sizeof(*control);
	c = CMSG_FIRSTHDR(m);
	if (asker->peer.ss_family == AF_INET) {
		struct in_pktinfo info = {.ipi_ifindex = 0};

		memcpy(&info.ipi_spec_dst, asker->local.s6_addr + 12, 4);
		c->cmsg_level = IPPROTO_IP;
		c->cmsg_type = IP_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		m->msg_controllen = CMSG_SPACE(sizeof(info));
	} else {
		struct in6_pktinfo info = {.ipi6_addr = asker->local};

		c->cmsg_level = IPPROTO_IPV6;
		c->cmsg_type = IPV6_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		m->msg_controllen = CMSG_SPACE(sizeof(info));
	}
}

void udp_send(struct udp *u, const struct asker *asker, const uint8_t *octets, size_t len)
{
	size_t i;

	if (len > AP_UDP_MAX)
		return; /* cannot be: the limit is below */
	if (u->n_out == DRAIN)
		udp_flush(u);
	i = u->n_out++;
	memcpy(u->out_octets[i], octets, len);
	u->out_iov[i] = (struct iovec){u->out_octets[i], len};
	u->out_to[i] = asker->peer;
	u->out_socket[i] = asker->socket;
	u->out[i].msg_hdr = (struct msghdr){.msg_name = &u->out_to[i],
					    .msg_namelen = asker->peer_len,
					    .msg_iov = &u->out_iov[i],
					    .msg_iovlen = 1};
	from_address(&u->out[i].msg_hdr, &u->out_control[i], asker);
}

/* ---- in ---- */

static void to_address(struct msghdr *m, struct asker *asker)
{
	memset(&asker->local, 0, sizeof(asker->local));
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			memcpy(asker->local.s6_addr + 12, &info.ipi_addr, 4);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			asker->local = info.ipi6_addr;
		}
	}
}

static uint16_t port_of(const struct sockaddr_storage *ss)
{
	return ss->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)ss)->sin6_port
					 : ((const struct sockaddr_in *)ss)->sin_port;
}

static void one(struct udp *u, const struct udp_socket *s, size_t i)
{
	struct msghdr *m = &u->in[i].msg_hdr;
	struct asker asker;
	size_t n;

	if (port_of(&u->in_from[i]) == 0)
		return; /* nobody can be answered there */
	asker.tcp = false;
	asker.socket = s->index;
	asker.generation = 0;
	asker.peer = u->in_from[i];
	asker.peer_len = m->msg_namelen;
	to_address(m, &asker);
	answers_info(u->answers)->udp_in++;
	n = answers_request(u->answers, u->in_octets[i], u->in[i].msg_len,
			    (m->msg_flags & MSG_TRUNC) != 0, &asker, u->answer);
	if (n > 0) {
		answers_info(u->answers)->udp_out++;
		udp_send(u, &asker, u->answer, n);
	}
}

static int drain(struct udp *u, const struct udp_socket *s)
{
	int n;

	for (size_t i = 0; i < DRAIN; i++) {
		u->in_iov[i] = (struct iovec){u->in_octets[i], IN_MAX};
		u->in[i].msg_hdr = (struct msghdr){.msg_name = &u->in_from[i],
						   .msg_namelen = sizeof(u->in_from[i]),
						   .msg_iov = &u->in_iov[i],
						   .msg_iovlen = 1,
						   .msg_control = &u->in_control[i],
						   .msg_controllen = sizeof(u->in_control[i])};
	}
	n = recvmmsg(s->fd, u->in, DRAIN, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++)
		one(u, s, (size_t)i);
	return n;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct udp_socket *s = arg;

	(void)fd;
	(void)what;
	for (int i = 0; i < DRAINS && drain(s->udp, s) == DRAIN; i++)
		continue;
	udp_flush(s->udp);
}

/* ---- life ---- */

static int socket_add(struct udp *u, struct event_base *base, int fd)
{
	struct udp_socket *s = &u->sockets[u->n];
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int on = 1, size = BUFFER;

	*s = (struct udp_socket){.udp = u, .fd = fd, .index = (uint16_t)u->n};
	if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
		return AGREE_EINTERNAL;
	s->family = ss.ss_family;
	if (s->family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	else
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	evutil_make_socket_nonblocking(fd);
	s->event = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, s);
	u->n++;
	return s->event != NULL && event_add(s->event, NULL) == 0 ? 0 : AGREE_ENOMEM;
}

int udp_new(struct udp **out, struct event_base *base, struct answers *answers, const int *fds,
	    size_t n)
{
	struct udp *u = calloc(1, sizeof(*u));
	int status = 0;

	*out = u;
	if (u == NULL)
		return AGREE_ENOMEM;
	u->answers = answers;
	for (size_t i = 0; i < n && i < SOCKETS_MAX && status == 0; i++)
		status = socket_add(u, base, fds[i]);
	if (status != 0) {
		udp_free(u);
		*out = NULL;
	}
	return status;
}

void udp_free(struct udp *u)
{
	if (u == NULL)
		return;
	for (size_t i = 0; i < u->n; i++) {
		if (u->sockets[i].event != NULL)
			event_free(u->sockets[i].event);
		close(u->sockets[i].fd);
	}
	free(u);
}
