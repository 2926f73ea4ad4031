/*
 * One flat JSON object, member by member.
 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include "libproto/text.h"

struct cli_json {
	struct ap_text *t;
	bool any;
};

void cli_json_begin(struct cli_json *j, struct ap_text *t);
/* Names are our own words. */
void cli_json_text(struct cli_json *j, const char *name, const char *text);
/* Octets of strangers: a string; "\ufffd" for each octet that is not UTF-8. */
void cli_json_octets(struct cli_json *j, const char *name, const void *octets, size_t len);
void cli_json_hex(struct cli_json *j, const char *name, const void *octets, size_t len);
void cli_json_number(struct cli_json *j, const char *name, unsigned long long number);
void cli_json_bool(struct cli_json *j, const char *name, bool is);
void cli_json_null(struct cli_json *j, const char *name);
/* RFC 3339 */
void cli_json_time(struct cli_json *j, const char *name, unsigned long long ms);
/* Closes it, and the line. */
void cli_json_end(struct cli_json *j);

#endif
