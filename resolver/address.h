/*
 * Numeric addresses with a port, as users write them and sockets take them.
 */
#ifndef STUB_ADDRESS_H
#define STUB_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define STUB_PORT	  7853 /* of replicas, where none is said: draft {#transport} */
#define STUB_PORT_DNS	  53
#define STUB_ADDRESS_TEXT 72 /* characters of the longest, with its NUL */

struct stub_address {
	uint8_t len; /* of the address: 4 or 16; 0: there is none */
	uint8_t octets[16];
	uint16_t port;
	uint32_t scope; /* interface of a link-local IPv6 address; 0: none */
};

/*
 * ADDR, ADDR#PORT, ADDR@PORT, [ADDR]:PORT; IPv4 also ADDR:PORT. 0, or AGREE_EADDRESS: host names
 * are none. Without a port it has `port`.
 */
int stub_address_parse(struct stub_address *address, const char *text, uint16_t port);

/* ADDR#PORT */
void stub_address_show(char text[STUB_ADDRESS_TEXT], const struct stub_address *address);
/* Without the port. */
void stub_address_show_host(char text[STUB_ADDRESS_TEXT], const struct stub_address *address);

bool stub_address_equal(const struct stub_address *a, const struct stub_address *b);
bool stub_address_is_loopback(const struct stub_address *address);

/* Octets of the socket address that was filled. */
socklen_t stub_address_sockaddr(struct sockaddr_storage *out, const struct stub_address *address);

#endif
