#include "config.h"

#include "resolver/cli_json.h"

#include <string.h>

void cli_json_begin(struct cli_json *j, struct ap_text *t)
{
	j->t = t;
	j->any = false;
	ap_text_add(t, "{");
}

static void name_add(struct cli_json *j, const char *name)
{
	ap_text_addf(j->t, "%s\"%s\": ", j->any ? ", " : "", name);
	j->any = true;
}

void cli_json_octets(struct cli_json *j, const char *name, const void *octets, size_t len)
{
	name_add(j, name);
	ap_text_json(j->t, octets, len);
}

void cli_json_text(struct cli_json *j, const char *name, const char *text)
{
	cli_json_octets(j, name, text, strlen(text));
}

void cli_json_hex(struct cli_json *j, const char *name, const void *octets, size_t len)
{
	name_add(j, name);
	ap_text_add(j->t, "\"");
	ap_text_hex(j->t, octets, len);
	ap_text_add(j->t, "\"");
}

void cli_json_number(struct cli_json *j, const char *name, unsigned long long number)
{
	name_add(j, name);
	ap_text_addf(j->t, "%llu", number);
}

void cli_json_bool(struct cli_json *j, const char *name, bool is)
{
	name_add(j, name);
	ap_text_add(j->t, is ? "true" : "false");
}

void cli_json_null(struct cli_json *j, const char *name)
{
	name_add(j, name);
	ap_text_add(j->t, "null");
}

void cli_json_time(struct cli_json *j, const char *name, unsigned long long ms)
{
	name_add(j, name);
	ap_text_add(j->t, "\"");
	ap_text_time(j->t, ms);
	ap_text_add(j->t, "\"");
}

void cli_json_end(struct cli_json *j)
{
	ap_text_add(j->t, "}\n");
}
