/*
 * What netfile.c, netfile_read.c and card.c share.
 */
#ifndef DAEMON_NETFILE_PRIV_H
#define DAEMON_NETFILE_PRIV_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/netfile.h"

#define NETFILE_MAGIC	 "agree-network: 1"
#define NETFILE_NUMBERS	 5
#define NETFILE_LINE_MAX 320 /* octets of a line with its NUL; a domain's is the longest */

struct netfile_number {
	const char *key;
	size_t offset; /* of a uint64_t in struct netfile */
	uint64_t min, max, preset;
};

extern const struct netfile_number netfile_numbers[NETFILE_NUMBERS];

int netfile_number_set(struct netfile *net, const struct netfile_number *row, uint64_t value,
		       struct ap_text *why);

/* NAME KEY ADDRESS#PORT ADDRESS#PORT, single spaces between: NULL, or what is wrong. */
const char *netfile_member_parse(struct netfile_member *m, const char *text);
void netfile_member_show(struct ap_text *t, const struct netfile_member *m);

#endif
