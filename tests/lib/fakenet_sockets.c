#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/fakenet.h"

static struct sockaddr_in loopback(uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

/* A TCP port that is free for UDP as well. */
static bool both_open(struct fakenet *net, unsigned i)
{
	struct sockaddr_in a = loopback(0);
	socklen_t len = sizeof(a);
	int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(tcp >= 0 && udp >= 0);
	assert_int_equal(bind(tcp, (struct sockaddr *)&a, len), 0);
	assert_int_equal(getsockname(tcp, (struct sockaddr *)&a, &len), 0);
	assert_int_equal(listen(tcp, 16), 0);
	if (bind(udp, (struct sockaddr *)&a, len) != 0) {
		close(tcp);
		close(udp);
		return false;
	}
	net->replicas[i].tcp_fd = tcp;
	net->replicas[i].udp_fd = udp;
	net->replicas[i].port = ntohs(a.sin_port);
	return true;
}

void fakenet_open(struct fakenet *net)
{
	for (unsigned i = 0; i < net->n; i++) {
		unsigned tries = 0;

		while (!both_open(net, i))
			assert_true(++tries < 100);
	}
}

void fakenet_kill(struct fakenet *net, unsigned i)
{
	if (net->replicas[i].udp_fd >= 0)
		close(net->replicas[i].udp_fd);
	if (net->replicas[i].tcp_fd >= 0)
		close(net->replicas[i].tcp_fd);
	net->replicas[i].udp_fd = -1;
	net->replicas[i].tcp_fd = -1;
	for (unsigned k = 0; k < FAKENET_CONNECTIONS_MAX; k++) {
		if (net->replicas[i].connections[k] >= 0)
			close(net->replicas[i].connections[k]);
		net->replicas[i].connections[k] = -1;
	}
}

void fakenet_close(struct fakenet *net)
{
	for (unsigned i = 0; i < net->n; i++)
		fakenet_kill(net, i);
}

static void udp_serve(struct fakenet *net, unsigned i)
{
	uint8_t in[AP_UDP_MAX], out[AP_DNS_MAX];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(net->replicas[i].udp_fd, in, sizeof(in), 0, (struct sockaddr *)&from,
			     &len);
	size_t answer = n > 0 ? fakenet_answer(net, i, false, in, (size_t)n, out) : 0;

	if (answer > 0)
		(void)sendto(net->replicas[i].udp_fd, out, answer, 0, (struct sockaddr *)&from,
			     len);
}

static bool all_read(int fd, uint8_t *octets, size_t len)
{
	return recv(fd, octets, len, MSG_WAITALL) == (ssize_t)len;
}

static void connection_accept(struct fakenet *net, unsigned i)
{
	int fd = accept(net->replicas[i].tcp_fd, NULL, NULL);

	for (unsigned k = 0; fd >= 0 && k < FAKENET_CONNECTIONS_MAX; k++) {
		if (net->replicas[i].connections[k] >= 0)
			continue;
		net->replicas[i].connections[k] = fd;
		net->accepted++;
		return;
	}
	if (fd >= 0)
		close(fd);
}

static void connection_close(struct fakenet *net, unsigned i, unsigned k)
{
	close(net->replicas[i].connections[k]);
	net->replicas[i].connections[k] = -1;
}

static void message_answer(struct fakenet *net, unsigned i, unsigned k, const uint8_t *in,
			   size_t len)
{
	uint8_t out[2 + AP_DNS_MAX];
	size_t answer = fakenet_answer(net, i, true, in, len, out + 2);

	out[0] = (uint8_t)(answer >> 8);
	out[1] = (uint8_t)answer;
	if (answer > 0)
		(void)send(net->replicas[i].connections[k], out, answer + 2, MSG_NOSIGNAL);
}

static bool message_hold(struct fakenet *net, unsigned i, unsigned k, const uint8_t *in, size_t len)
{
	struct fakenet_held *held = &net->held[net->n_held];
	struct ap_dns m;

	if (!net->holds || ap_dns_request(&m, in, len) != 0 || !m.edns.has_wait)
		return false;
	assert_true(net->n_held < FAKENET_HELD_MAX && len <= sizeof(held->octets));
	memcpy(held->octets, in, len);
	held->len = len;
	held->replica = (uint8_t)i;
	held->connection = (uint8_t)k;
	net->n_held++;
	return true;
}

/* One message, which came whole, and its answer; then the connection is closed, unless it is to be
 * held. */
static void connection_serve(struct fakenet *net, unsigned i, unsigned k)
{
	uint8_t head[2], in[AP_DNS_MAX];
	int fd = net->replicas[i].connections[k];
	size_t len;

	if (!all_read(fd, head, 2)) {
		connection_close(net, i, k);
		return;
	}
	len = (size_t)(head[0] << 8 | head[1]);
	if (!all_read(fd, in, len)) {
		connection_close(net, i, k);
		return;
	}
	if (!message_hold(net, i, k, in, len))
		message_answer(net, i, k, in, len);
	if (!net->holds)
		connection_close(net, i, k);
}

void fakenet_release(struct fakenet *net)
{
	while (net->n_held > 0) {
		const struct fakenet_held *held = &net->held[--net->n_held];

		if (net->replicas[held->replica].connections[held->connection] >= 0)
			message_answer(net, held->replica, held->connection, held->octets,
				       held->len);
	}
}

/* The descriptors of one replica: UDP, TCP, connections. */
enum { PER_REPLICA = 2 + FAKENET_CONNECTIONS_MAX };

static void replica_serve(struct fakenet *net, unsigned i, const struct pollfd fds[PER_REPLICA])
{
	if (fds[0].revents != 0)
		udp_serve(net, i);
	for (unsigned k = 0; k < FAKENET_CONNECTIONS_MAX; k++)
		if (fds[2 + k].revents != 0)
			connection_serve(net, i, k);
	if (fds[1].revents != 0)
		connection_accept(net, i);
}

void fakenet_serve(struct fakenet *net, int fd, int timeout_ms)
{
	struct pollfd fds[1 + PER_REPLICA * FAKENET_REPLICAS_MAX] = {{.fd = fd, .events = POLLIN}};

	for (unsigned i = 0; i < net->n; i++) {
		struct pollfd *mine = &fds[1 + PER_REPLICA * i];

		mine[0] = (struct pollfd){net->replicas[i].udp_fd, POLLIN, 0};
		mine[1] = (struct pollfd){net->replicas[i].tcp_fd, POLLIN, 0};
		for (unsigned k = 0; k < FAKENET_CONNECTIONS_MAX; k++)
			mine[2 + k] = (struct pollfd){net->replicas[i].connections[k], POLLIN, 0};
	}
	if (poll(fds, 1 + PER_REPLICA * net->n, timeout_ms) <= 0)
		return;
	for (unsigned i = 0; i < net->n; i++)
		replica_serve(net, i, &fds[1 + PER_REPLICA * i]);
}
