/*
 * DNS cookies of the replicas that were asked, by address: RFC 7873. draft {#cookies}
 */
#ifndef STUB_JAR_H
#define STUB_JAR_H

#include <stddef.h>
#include <stdint.h>

#include "libproto/cookie.h"
#include "libproto/kinds.h"
#include "resolver/address.h"

enum { STUB_JAR_MAX = 256 }; /* addresses; the one that was put in first goes out first */

/* Fills octets that nobody can guess: 0 or AGREE_E*. */
typedef int stub_random_fn(void *octets, size_t len);

struct stub_cookie {
	struct stub_address address;
	uint8_t octets[AP_COOKIE_MAX]; /* the client's 8, then the server's */
	uint8_t len;		       /* AP_COOKIE_CLIENT_LEN: none of the server yet */
};

struct stub_jar {
	struct stub_cookie cookies[STUB_JAR_MAX];
	size_t n;
	size_t oldest;
};

void stub_jar_init(struct stub_jar *jar);

/* The cookie for this address, made if there is none; NULL: no random octets. It is good until
 * the next one is made. */
struct stub_cookie *stub_jar_find(struct stub_jar *jar, const struct stub_address *address,
				  stub_random_fn *random);

/*
 * Takes over what a reply had in its COOKIE option. False if it is not an answer to this cookie:
 * wrong client part, or a server part of a wrong length. A reply that echoes the client part
 * alone changes nothing.
 */
bool stub_cookie_take(struct stub_cookie *cookie, ap_bytes option);

/* Does it have the server's part? */
bool stub_cookie_is_whole(const struct stub_cookie *cookie);

#endif
