#include "libproto/cookie.h"

#include <string.h>

#include "libproto/siphash.h"

/*
 * RFC 9018 section 4: client cookie 8, version 1, reserved 3, time 4, hash 8; the hash covers the
 * octets before it and the client's address.
 */
enum { VERSION = 1, AT_VERSION = 8, AT_TIME = 12, AT_HASH = 16, ADDRESS_MAX = 16 };

static void hash(uint8_t out[8], const uint8_t *cookie, const uint8_t *address, size_t address_len,
		 const uint8_t secret[AP_COOKIE_SECRET_LEN])
{
	uint8_t input[AT_HASH + ADDRESS_MAX];

	if (address_len > ADDRESS_MAX)
		address_len = ADDRESS_MAX;
	memcpy(input, cookie, AT_HASH);
	memcpy(input + AT_HASH, address, address_len);
	ap_siphash(out, secret, input, AT_HASH + address_len);
}

void ap_cookie_make(uint8_t cookie[AP_COOKIE_LEN], const uint8_t client[AP_COOKIE_CLIENT_LEN],
		    const uint8_t *address, size_t address_len,
		    const uint8_t secret[AP_COOKIE_SECRET_LEN], uint32_t now_s)
{
	memmove(cookie, client, AP_COOKIE_CLIENT_LEN);
	memset(cookie + AT_VERSION, 0, AT_TIME - AT_VERSION);
	cookie[AT_VERSION] = VERSION;
	for (unsigned i = 0; i < 4; i++)
		cookie[AT_TIME + i] = (uint8_t)(now_s >> (24 - 8 * i));
	hash(cookie + AT_HASH, cookie, address, address_len, secret);
}

enum ap_cookie_verdict ap_cookie_check(const uint8_t *cookie, size_t len, const uint8_t *address,
				       size_t address_len,
				       const uint8_t secret[AP_COOKIE_SECRET_LEN], uint32_t now_s)
{
	uint8_t expected[8], difference = 0;
	uint32_t made = 0, age;

	if (len != AP_COOKIE_LEN || cookie[AT_VERSION] != VERSION)
		return AP_COOKIE_BAD;
	for (unsigned i = 0; i < 4; i++)
		made = made << 8 | cookie[AT_TIME + i];
	/* serial number arithmetic (RFC 1982): times ahead are ages near 2^32 */
	age = now_s - made;
	if (age > AP_COOKIE_AGE_MAX_S && age < (uint32_t)-AP_COOKIE_AHEAD_MAX_S)
		return AP_COOKIE_BAD;
	hash(expected, cookie, address, address_len, secret);
	for (unsigned i = 0; i < 8; i++)
		difference |= expected[i] ^ cookie[AT_HASH + i];
	if (difference != 0)
		return AP_COOKIE_BAD;
	return age > AP_COOKIE_AGE_RENEW_S && age <= AP_COOKIE_AGE_MAX_S ? AP_COOKIE_RENEW
									 : AP_COOKIE_GOOD;
}
