/*
 * Numeric socket addresses and their text `ADDRESS#PORT`, as in 192.0.2.1#7853 and
 * 2001:db8::1#7853. One spelling each: what addr_show() writes (lower case, RFC 5952).
 */
#ifndef DAEMON_ADDR_H
#define DAEMON_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "libproto/text.h"

#define ADDR_TEXT_MAX 56 /* characters of the longest text, final NUL included */

struct addr {
	struct sockaddr_storage ss; /* AF_INET or AF_INET6, zero where unused */
	socklen_t len;
};

/*
 * From numeric text; port 1 to 65535. 0, or AGREE_EADDRESS and `out` is zero: a name, a scope
 * (%eth0), no port, leading zeros, anything behind it.
 */
int addr_parse(struct addr *out, const char *text);

/* The one spelling; "?" for other families. */
void addr_show(struct ap_text *t, const struct sockaddr *sa);
/* The same without `#PORT`. */
void addr_show_host(struct ap_text *t, const struct sockaddr *sa);

uint16_t addr_port(const struct sockaddr *sa); /* 0 for other families */
/* Family, address and port are the same. */
bool addr_equal(const struct addr *a, const struct addr *b);
/* 0.0.0.0 or ::, which nobody can be reached at. */
bool addr_is_any(const struct addr *a);

#endif
