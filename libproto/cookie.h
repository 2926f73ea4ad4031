/*
 * Interoperable DNS server cookies: RFC 7873, RFC 9018. Time is a parameter: seconds since 1970,
 * UTC, cut to 32 bits and compared as serial numbers.
 */
#ifndef AP_COOKIE_H
#define AP_COOKIE_H

#include <stddef.h>
#include <stdint.h>

#include "libproto/limits.h"

enum {
	AP_COOKIE_CLIENT_LEN = 8,
	AP_COOKIE_SECRET_LEN = 16,
	AP_COOKIE_AGE_MAX_S = 3600,   /* older ones are bad */
	AP_COOKIE_AGE_RENEW_S = 1800, /* older ones are good, but the answer has a new one */
	AP_COOKIE_AHEAD_MAX_S = 300,
};

/* Client cookie and server cookie, AP_COOKIE_LEN octets. `address` has 4 octets or 16. */
void ap_cookie_make(uint8_t cookie[AP_COOKIE_LEN], const uint8_t client[AP_COOKIE_CLIENT_LEN],
		    const uint8_t *address, size_t address_len,
		    const uint8_t secret[AP_COOKIE_SECRET_LEN], uint32_t now_s);

/* In constant time. While secrets roll over: try each. */
enum ap_cookie_verdict {
	AP_COOKIE_BAD,
	AP_COOKIE_GOOD,
	AP_COOKIE_RENEW /* good, and getting old */
};
enum ap_cookie_verdict ap_cookie_check(const uint8_t *cookie, size_t len, const uint8_t *address,
				       size_t address_len,
				       const uint8_t secret[AP_COOKIE_SECRET_LEN], uint32_t now_s);

#endif
