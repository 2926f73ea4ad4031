/*
 * The records by which a network is found: SRV, TXT, A and AAAA, as lines of a zone file. Owner
 * names are absolute, so the lines mean the same in any file. draft {#discovery}
 */
#ifndef DAEMON_ZONETEXT_H
#define DAEMON_ZONETEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/netfile.h"

#define ZONETEXT_MAX	 32768 /* room for any network's lines, final NUL included */
#define ZONETEXT_TTL_MAX 604800

struct zonetext {
	const struct netfile *net;
	uint8_t key[32]; /* group key */
	uint32_t epoch;
	uint32_t ttl;
	bool full;	    /* SOA and NS too: a whole zone */
	uint32_t serial;    /* of the SOA */
	const char *server; /* NS and SOA's MNAME, absolute, with its dot; NULL: the first member */
};

void zonetext_show(struct ap_text *t, const struct zonetext *zone);

#endif
