/*
 * The network's own names, served by every replica so that a network works with no other DNS server: SOA, NS, SRV,
 * TXT, DNSKEY, the members' A and AAAA. draft {#discovery}
 */
#ifndef DAEMON_ZONE_H
#define DAEMON_ZONE_H

#include "daemon/machine/machine.h"
#include "daemon/netfile.h"
#include "libproto/dns.h"

struct zone;

struct zone *zone_new(const struct netfile *); /* NULL: no memory */
void zone_free(struct zone *);

/* Answers a query of class IN for a name within the zone that is no instance's. Sets rcode and records.
 * false: it needs the group key, and there is none yet. */
bool zone_answer(const struct zone *, const struct machine *, const struct ap_dns *query, struct ap_dns_writer *);

/* SOA in authority, for what is not there. */
void zone_soa(const struct zone *, const struct machine *, enum ap_section, struct ap_dns_writer *);

#endif
