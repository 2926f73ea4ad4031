#include "config.h"

#include "daemon/prefix.h"

#include <netinet/in.h>
#include <string.h>

#include "libproto/siphash.h"

uint16_t prefix_of(const uint8_t key[16], const struct sockaddr_storage *client)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)client;
	const struct sockaddr_in *in = (const struct sockaddr_in *)client;
	uint8_t out[8];
	uint16_t h;

	if (client->ss_family == AF_INET6)
		ap_siphash(out, key, &in6->sin6_addr, 7); /* /56 */
	else
		ap_siphash(out, key, &in->sin_addr, 3); /* /24 */
	memcpy(&h, out, sizeof(h));
	return h % PREFIXES;
}
