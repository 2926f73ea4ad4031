/*
 * poke: sends octets as they are to a replica, and says what comes back: RCODE, flags, extended
 * error. For messages that no DNS tool would make.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libproto/dns.h"

enum { WAIT_MS = 2000, MESSAGE = 65537 };

static int usage(void)
{
	fprintf(stderr,
		"usage: poke ADDRESS PORT HEX      one datagram; `-': the hex is on stdin\n"
		"       poke -t ADDRESS PORT HEX   octets into a TCP connection, which is then "
		"half closed\n"
		"       poke -m COUNT SEED ADDRESS PORT HEX   so many datagrams, each a damaged "
		"copy; says how many were answered\n");
	return 2;
}

static int hex_parse(uint8_t *out, size_t max, const char *text)
{
	size_t n = 0;
	unsigned octet;

	for (; text[0] != '\0' && text[0] != '\n'; text += 2) {
		if (n == max || text[1] == '\0' || sscanf(text, "%2x", &octet) != 1)
			return -1;
		out[n++] = (uint8_t)octet;
	}
	return (int)n;
}

static int connected(int type, const char *address, const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
	    connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0) {
		perror("poke: connect");
		exit(2);
	}
	return fd;
}

/* 0: nothing came, or the other side has closed. */
static size_t receive(int fd, uint8_t *octets, size_t size, int wait_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n = poll(&p, 1, wait_ms) == 1 ? recv(fd, octets, size, 0) : 0;

	return n > 0 ? (size_t)n : 0;
}

static void show(const uint8_t *octets, size_t len)
{
	char text[AP_EDE_TEXT_MAX * 4 + 1];
	struct ap_text t;
	struct ap_dns m;

	if (ap_dns_reply(&m, octets, len) != 0) {
		printf("not a reply\n");
		return;
	}
	ap_text_init(&t, text, sizeof(text));
	ap_text_hostile(&t, m.edns.ede_text.data, m.edns.ede_text.len, 0);
	printf("%s id=%u%s octets=%zu", ap_rcode_name(m.rcode) ? ap_rcode_name(m.rcode) : "?", m.id,
	       m.flags & AP_FLAG_TC ? " tc" : "", len);
	if (m.edns.has_ede)
		printf(" ede=%u \"%s\"", m.edns.ede, text);
	printf("\n");
}

static int one_datagram(const char *address, const char *port, const uint8_t *octets, size_t len)
{
	static uint8_t reply[MESSAGE];
	int fd = connected(SOCK_DGRAM, address, port);
	size_t n;

	if (send(fd, octets, len, 0) != (ssize_t)len) {
		perror("poke: send");
		return 2;
	}
	n = receive(fd, reply, sizeof(reply), WAIT_MS);
	if (n == 0)
		printf("silence\n");
	else
		show(reply, n);
	close(fd);
	return 0;
}

/* Every message that comes back, until the other side closes. */
static int stream(const char *address, const char *port, const uint8_t *octets, size_t len)
{
	static uint8_t reply[MESSAGE];
	int fd = connected(SOCK_STREAM, address, port);
	size_t have = 0, n;

	if (send(fd, octets, len, MSG_NOSIGNAL) != (ssize_t)len) {
		perror("poke: send");
		return 2;
	}
	shutdown(fd, SHUT_WR);
	while (have < sizeof(reply) &&
	       (n = receive(fd, reply + have, sizeof(reply) - have, WAIT_MS)) > 0)
		have += n;
	for (size_t at = 0; at + 2 <= have; at += n + 2) {
		n = (size_t)reply[at] << 8 | reply[at + 1];
		if (at + 2 + n > have)
			break;
		show(reply + at + 2, n);
	}
	if (have == 0)
		printf("silence\n");
	close(fd);
	return 0;
}

/* The same damage for the same seed. */
static uint32_t draw(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static int many_damaged(const char *address, const char *port, const uint8_t *octets, size_t len,
			unsigned long count, uint32_t seed)
{
	static uint8_t copy[MESSAGE], reply[MESSAGE];
	int fd = connected(SOCK_DGRAM, address, port);
	unsigned long answered = 0;

	for (unsigned long i = 0; i < count; i++) {
		size_t n = draw(&seed) % 8 == 0 ? draw(&seed) % (len + 1) : len;

		memcpy(copy, octets, len);
		for (uint32_t times = draw(&seed) % 6; times > 0 && n > 0; times--)
			copy[draw(&seed) % n] = (uint8_t)draw(&seed);
		if (send(fd, copy, n, 0) < 0 && send(fd, copy, n, 0) < 0)
			continue;
		answered += receive(fd, reply, sizeof(reply), i % 64 == 63 ? 20 : 0) > 0;
	}
	while (receive(fd, reply, sizeof(reply), 200) > 0)
		answered++;
	printf("%lu of %lu answered\n", answered, count);
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	static uint8_t octets[MESSAGE];
	static char line[2 * MESSAGE + 2];
	const bool is_stream = argc == 5 && strcmp(argv[1], "-t") == 0;
	const bool is_many = argc == 7 && strcmp(argv[1], "-m") == 0;
	const char *text;
	int len;

	if (argc != 4 && !is_stream && !is_many)
		return usage();
	text = argv[argc - 1];
	if (strcmp(text, "-") == 0)
		text = fgets(line, sizeof(line), stdin) != NULL ? line : "";
	len = hex_parse(octets, sizeof(octets), text);
	if (len < 0)
		return usage();
	if (is_stream)
		return stream(argv[2], argv[3], octets, (size_t)len);
	if (is_many)
		return many_damaged(argv[4], argv[5], octets, (size_t)len,
				    strtoul(argv[2], NULL, 10),
				    (uint32_t)strtoul(argv[3], NULL, 10) | 1);
	return one_datagram(argv[1], argv[2], octets, (size_t)len);
}
