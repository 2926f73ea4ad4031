#include "config.h"

#include "resolver/jar.h"

#include <string.h>

void stub_jar_init(struct stub_jar *jar)
{
	memset(jar, 0, sizeof(*jar));
}

static struct stub_cookie *place_make(struct stub_jar *jar)
{
	struct stub_cookie *cookie;

	if (jar->n < STUB_JAR_MAX)
		return &jar->cookies[jar->n++];
	cookie = &jar->cookies[jar->oldest];
	jar->oldest = (jar->oldest + 1) % STUB_JAR_MAX;
	return cookie;
}

struct stub_cookie *stub_jar_find(struct stub_jar *jar, const struct stub_address *address,
				  stub_random_fn *random)
{
	uint8_t client[AP_COOKIE_CLIENT_LEN];
	struct stub_cookie *cookie;

	for (size_t i = 0; i < jar->n; i++)
		if (stub_address_equal(&jar->cookies[i].address, address))
			return &jar->cookies[i];
	if (random(client, sizeof(client)) != 0)
		return NULL;
	cookie = place_make(jar);
	memset(cookie, 0, sizeof(*cookie));
	cookie->address = *address;
	memcpy(cookie->octets, client, sizeof(client));
	cookie->len = AP_COOKIE_CLIENT_LEN;
	return cookie;
}

bool stub_cookie_take(struct stub_cookie *cookie, ap_bytes option)
{
	if (option.len < AP_COOKIE_CLIENT_LEN ||
	    memcmp(option.data, cookie->octets, AP_COOKIE_CLIENT_LEN) != 0)
		return false;
	if (option.len == AP_COOKIE_CLIENT_LEN)
		return true;
	if (option.len < AP_COOKIE_CLIENT_LEN + 8 || option.len > AP_COOKIE_MAX)
		return false;
	memcpy(cookie->octets, option.data, option.len);
	cookie->len = (uint8_t)option.len;
	return true;
}

bool stub_cookie_is_whole(const struct stub_cookie *cookie)
{
	return cookie->len > AP_COOKIE_CLIENT_LEN;
}
