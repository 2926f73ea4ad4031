/* Client networks, counted without remembering them: IPv4 /24, IPv6 /56; some fall together by a
 * secret hash. */
#ifndef DAEMON_PREFIX_H
#define DAEMON_PREFIX_H

#include <stdint.h>
#include <sys/socket.h>

enum { PREFIXES = 4096 };

/* 0 to PREFIXES - 1. */
uint16_t prefix_of(const uint8_t key[16], const struct sockaddr_storage *client);

#endif
