#include "config.h"

#include "resolver/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libproto/agree_errors.h"

static bool port_parse(uint16_t *port, const char *text)
{
	unsigned long n = 0;

	if (text[0] == '\0' || strlen(text) > 5)
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		n = n * 10 + (unsigned long)(*text - '0');
	}
	if (n == 0 || n > UINT16_MAX)
		return false;
	*port = (uint16_t)n;
	return true;
}

static bool host_parse(struct stub_address *a, char *host)
{
	char *scope = strchr(host, '%');

	if (inet_pton(AF_INET, host, a->octets) == 1) {
		a->len = 4;
		return true;
	}
	if (scope != NULL) {
		*scope++ = '\0';
		a->scope = if_nametoindex(scope);
		if (a->scope == 0)
			a->scope = (uint32_t)strtoul(scope, NULL, 10);
		if (a->scope == 0)
			return false;
	}
	if (inet_pton(AF_INET6, host, a->octets) != 1)
		return false;
	a->len = 16;
	return true;
}

/* Ends the host where the port begins; NULL: there is no port. False: brackets that do not match.
 */
static bool port_find(char **host, char **port)
{
	char *close, *colon;

	*port = NULL;
	if ((*host)[0] == '[') {
		close = strchr(*host, ']');
		if (close == NULL)
			return false;
		*close++ = '\0';
		(*host)++;
		if (*close == '\0')
			return true;
		if (*close != ':' && *close != '#' && *close != '@')
			return false;
		*port = close + 1;
		return true;
	}
	*port = strpbrk(*host, "#@");
	colon = strchr(*host, ':');
	if (*port == NULL && colon != NULL && strchr(colon + 1, ':') == NULL)
		*port = colon; /* a single colon: IPv4 */
	if (*port != NULL)
		*(*port)++ = '\0';
	return true;
}

int stub_address_parse(struct stub_address *address, const char *text, uint16_t port)
{
	struct stub_address a = {.port = port};
	char copy[STUB_ADDRESS_TEXT];
	char *host = copy, *port_text;

	if (strlen(text) >= sizeof(copy))
		return AGREE_EADDRESS;
	strcpy(copy, text);
	if (!port_find(&host, &port_text) || !host_parse(&a, host))
		return AGREE_EADDRESS;
	if (port_text != NULL && !port_parse(&a.port, port_text))
		return AGREE_EADDRESS;
	*address = a;
	return 0;
}

void stub_address_show_host(char text[STUB_ADDRESS_TEXT], const struct stub_address *address)
{
	size_t len;

	text[0] = '\0';
	if (address->len == 0)
		return;
	if (inet_ntop(address->len == 4 ? AF_INET : AF_INET6, address->octets, text,
		      STUB_ADDRESS_TEXT) == NULL)
		text[0] = '\0';
	len = strlen(text);
	if (address->scope != 0)
		snprintf(text + len, STUB_ADDRESS_TEXT - len, "%%%u", (unsigned)address->scope);
}

void stub_address_show(char text[STUB_ADDRESS_TEXT], const struct stub_address *address)
{
	size_t len;

	stub_address_show_host(text, address);
	len = strlen(text);
	if (len > 0)
		snprintf(text + len, STUB_ADDRESS_TEXT - len, "#%u", (unsigned)address->port);
}

bool stub_address_equal(const struct stub_address *a, const struct stub_address *b)
{
	return a->len == b->len && a->port == b->port && a->scope == b->scope &&
	       memcmp(a->octets, b->octets, a->len) == 0;
}

bool stub_address_is_loopback(const struct stub_address *address)
{
	static const uint8_t one[16] = {[15] = 1};

	return address->len == 4 ? address->octets[0] == 127
				 : address->len == 16 && memcmp(address->octets, one, 16) == 0;
}

socklen_t stub_address_sockaddr(struct sockaddr_storage *out, const struct stub_address *address)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(address->port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
				   .sin6_port = htons(address->port),
				   .sin6_scope_id = address->scope};

	memset(out, 0, sizeof(*out));
	if (address->len == 4) {
		memcpy(&in4.sin_addr, address->octets, 4);
		memcpy(out, &in4, sizeof(in4));
		return sizeof(in4);
	}
	memcpy(&in6.sin6_addr, address->octets, 16);
	memcpy(out, &in6, sizeof(in6));
	return sizeof(in6);
}
