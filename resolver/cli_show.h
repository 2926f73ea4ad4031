/*
 * Messages and records as dig lays them out.
 */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include "libproto/dns.h"
#include "libproto/text.h"
#include "resolver/cli_options.h"

enum { CLI_SHOW_MAX = 128 * 1024 }; /* characters of the longest message shown */

/* A request, or an answer to one. What cannot be read is said. */
void cli_show_message(struct ap_text *t, const struct cli_options *options, const void *wire,
		      size_t len);

/* Owner, TTL, class, type, data, and a line feed. */
void cli_show_record(struct ap_text *t, const struct cli_options *options, const struct ap_dns *m,
		     const struct ap_rr *rr);

/* Data alone, without a line feed; what cannot be read is shown as RFC 3597 does. */
void cli_show_rdata(struct ap_text *t, const struct cli_options *options, uint16_t type,
		    ap_bytes rdata);

/* "AGREE", "TXT", "TYPE65000" */
void cli_show_type(struct ap_text *t, uint16_t type);

#endif
