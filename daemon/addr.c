#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "daemon/addr.h"
#include "libproto/agree_errors.h"

static int port_parse(const char *text, in_port_t *port)
{
	unsigned value = 0;

	if (*text == '0') /* 0 is no port, and 053 another spelling of 53 */
		return AGREE_EADDRESS;
	for (size_t i = 0; text[i] != '\0'; i++) {
		if (text[i] < '0' || text[i] > '9' || i >= 5)
			return AGREE_EADDRESS;
		value = value * 10 + (unsigned)(text[i] - '0');
	}
	if (value == 0 || value > 65535)
		return AGREE_EADDRESS;
	*port = htons((uint16_t)value);
	return 0;
}

/* The views of a sockaddr_storage are copied, never cast: octets have no type of their own. */
static int host_parse(struct addr *out, const char *host, in_port_t port)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = port};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = port};

	if (inet_pton(AF_INET, host, &in4.sin_addr) == 1) {
		memcpy(&out->ss, &in4, sizeof in4);
		out->len = sizeof in4;
		return 0;
	}
	/* An IPv4 address has one spelling: not as ::ffff:192.0.2.1 too. */
	if (inet_pton(AF_INET6, host, &in6.sin6_addr) == 1 &&
	    !IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
		memcpy(&out->ss, &in6, sizeof in6);
		out->len = sizeof in6;
		return 0;
	}
	return AGREE_EADDRESS;
}

int addr_parse(struct addr *out, const char *text)
{
	char host[INET6_ADDRSTRLEN];
	const char *mark = strchr(text, '#');
	in_port_t port;
	size_t len;

	memset(out, 0, sizeof *out);
	if (mark == NULL)
		return AGREE_EADDRESS;
	len = (size_t)(mark - text);
	if (len >= sizeof host || port_parse(mark + 1, &port) != 0)
		return AGREE_EADDRESS;
	memcpy(host, text, len);
	host[len] = '\0';
	return host_parse(out, host, port);
}

void addr_show_host(struct ap_text *t, const struct sockaddr *sa)
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in4;

		memcpy(&in4, sa, sizeof in4);
		inet_ntop(AF_INET, &in4.sin_addr, host, sizeof host);
	} else if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof in6);
		inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof host);
	}
	ap_text_add(t, host);
}

void addr_show(struct ap_text *t, const struct sockaddr *sa)
{
	addr_show_host(t, sa);
	if (sa->sa_family == AF_INET || sa->sa_family == AF_INET6)
		ap_text_addf(t, "#%u", (unsigned)addr_port(sa));
}

uint16_t addr_port(const struct sockaddr *sa)
{
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;

	switch (sa->sa_family) {
	case AF_INET:
		memcpy(&in4, sa, sizeof in4);
		return ntohs(in4.sin_port);
	case AF_INET6:
		memcpy(&in6, sa, sizeof in6);
		return ntohs(in6.sin6_port);
	default:
		return 0;
	}
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	/* addr_parse() leaves what it does not use zero. */
	return a->len == b->len && memcmp(&a->ss, &b->ss, sizeof a->ss) == 0;
}

bool addr_is_any(const struct addr *a)
{
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;

	if (a->ss.ss_family == AF_INET) {
		memcpy(&in4, &a->ss, sizeof in4);
		return in4.sin_addr.s_addr == htonl(INADDR_ANY);
	}
	memcpy(&in6, &a->ss, sizeof in6);
	return a->ss.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6.sin6_addr);
}
