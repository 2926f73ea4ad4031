#include "config.h"

#include "resolver/cli_options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libproto/agree_errors.h"

/* clang-format off */
#define AT(field) offsetof(struct cli_options, field)
#define FLAG(name, letter, field, normal, all, setting, help) \
	{name, letter, CLI_FLAG, AT(field), all, normal, 0, 1, setting, 1, NULL, help},
#define NUMBER(name, letter, field, min, max, setting, scale, help) \
	{name, letter, CLI_NUMBER, AT(field), false, false, min, max, setting, scale, "N", help},
#define TEXT(name, letter, field, setting, argument, help) \
	{name, letter, CLI_TEXT, AT(field), false, false, 0, 0, setting, 1, argument, help},

static const struct cli_option rows[] = {
	/* what is asked */
	TEXT("deadline", 0, deadline, NULL, "TIME", "in TIME from now (600s, 10m, 1h, 1d: a fresh instance), or at TIME (RFC 3339: the same instance for everybody); default 1h")
	TEXT("period", 0, period, NULL, "TIME", "the instance of this period, in place of a deadline: each 60s to 366d, aligned to UTC")
	TEXT("group", 0, group, NULL, "FILE", "with +period: a secret that the hosts share, so that others cannot take the turn")
	TEXT("parties", 0, parties, NULL, "LIST", "new: its parties, with commas: keys of 43 characters, or `lock` for one that votes with secrets")
	NUMBER("k", 0, k, 1, 32, NULL, 1, "new: how many parties must concur; default: all")
	TEXT("value", 0, value, NULL, "VALUE", "new: the only value that may be decided; once: what to record; vote: the value")
	TEXT("secrets", 0, secrets, NULL, "FILE", "new, lock: where to keep secrets (new: FILE.0, FILE.1...); vote: whose they are")
	TEXT("identity", 0, identity, NULL, "FILE", "vote: the key to sign with, of agree keygen")
	TEXT("wait", 0, wait, NULL, "TIME", "get, vote, wait: wait so long for a final outcome; once: ask so long")
	TEXT("proof", 0, proof, NULL, "FILE", "save ticket and record there: agree verify FILE proves them")
	FLAG("replicas", 0, replicas, false, false, NULL, "ask every replica, and show each answer")
	/* whose key, and where */
	TEXT("key", 0, key, NULL, "KEY", "the network's key, 43 characters")
	FLAG("tofu", 0, tofu, false, false, "tofu", "trust a key that the DNS does not authenticate, at first sight, and remember it")
	FLAG("trustad", 0, trust_ad, false, false, "trust-ad", "believe the resolver's AD bit, wherever it is")
	TEXT("known", 0, known, "known-networks", "FILE", "the file of remembered keys")
	TEXT("dns", 0, dns, "dns", "ADDR[#PORT]", "look the network up there (several with commas); default $AGREE_DNS, then resolv.conf")
	NUMBER("faulty", 0, faulty, 0, 4, "f", 1, "believe a refusal that N+1 replicas have given; default: as the network says")
	/* how to send */
	NUMBER("time", 0, time_s, 1, 3600, "time", 1000, "seconds for each try; default 5")
	NUMBER("tries", 0, tries, 1, 16, "tries", 1, "how often each replica is asked; default 3")
	FLAG("tcp", 0, tcp, false, false, "tcp", "send over TCP only")
	FLAG("cookie", 0, cookie, true, false, "cookie", "send a DNS cookie")
	FLAG("rec", 0, recurse, false, false, "recurse", "set the RD flag, which means nothing to replicas")
	NUMBER("bufsize", 0, bufsize, 512, 4096, "bufsize", 1, "octets of the largest UDP answer; default 1232")
	NUMBER("padding", 0, padding, 0, 1232, "padding", 1, "octets that each request is padded to; default: as the answer needs")
	/* what is shown */
	FLAG("short", 0, short_form, false, false, NULL, "show the value alone")
	FLAG("json", 0, json, false, false, NULL, "show one JSON object a line")
	FLAG("cmd", 0, cmd, true, true, NULL, "show the command line")
	FLAG("comments", 0, comments, true, true, NULL, "show header, EDNS and the line on the agreement")
	FLAG("question", 0, question, true, true, NULL, "show the question or zone section")
	FLAG("answer", 0, answer, true, true, NULL, "show the answer or prerequisite section")
	FLAG("additional", 0, additional, true, true, NULL, "show the other sections")
	FLAG("stats", 0, stats, true, true, NULL, "show time, server and size")
	FLAG("qr", 0, qr, false, false, NULL, "show requests too, as they are sent")
	FLAG("generic", 0, generic, false, false, NULL, "show records as RFC 3597 does, for other tools to read")
	FLAG("multiline", 0, multiline, false, false, NULL, "show long records in several lines")
	FLAG("trace", 0, trace, false, false, NULL, "say on stderr what is asked of whom")
	/* letters */
	NUMBER(NULL, 'p', port, 1, 65535, NULL, 1, "port of @SERVER; default 7853")
	TEXT(NULL, 'b', source, "source", "ADDR", "address to send from")
	FLAG(NULL, '4', only_v4, false, false, NULL, "use IPv4 only")
	FLAG(NULL, '6', only_v6, false, false, NULL, "use IPv6 only")
	TEXT(NULL, 'f', batch, NULL, "FILE", "do what each line of FILE says (-: of stdin); exit with the worst of their statuses")
	FLAG(NULL, 'h', help, false, false, NULL, "show this help")
	FLAG(NULL, 'V', version, false, false, NULL, "show the version")
};
/* clang-format on */

static const size_t n_rows = sizeof(rows) / sizeof(rows[0]);

const struct cli_option *cli_option_row(size_t i)
{
	return i < n_rows ? &rows[i] : NULL;
}

static void *field_of(struct cli_options *options, const struct cli_option *row)
{
	return (char *)options + row->offset;
}

void cli_options_init(struct cli_options *options)
{
	memset(options, 0, sizeof(*options));
	for (size_t i = 0; i < n_rows; i++) {
		if (rows[i].kind == CLI_FLAG)
			*(bool *)field_of(options, &rows[i]) = rows[i].normal;
		else if (rows[i].kind == CLI_NUMBER)
			*(long *)field_of(options, &rows[i]) = -1;
		else
			*(const char **)field_of(options, &rows[i]) = NULL;
	}
}

AP_PRINTF(3, 4)
static int fail(char error[CLI_ERROR_MAX], int err, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(error, CLI_ERROR_MAX, format, list);
	va_end(list);
	return err;
}

/* ---- values ---- */

static bool number_parse(const char *text, const struct cli_option *row, long *out)
{
	char *end;

	if (text[0] < '0' || text[0] > '9' || strlen(text) > 9)
		return false;
	*out = strtol(text, &end, 10);
	return *end == '\0' && *out >= row->min && *out <= row->max;
}

/* value NULL: none was given. `shown` is the option as it was written. */
static int row_set(struct cli_options *options, const struct cli_option *row, bool on,
		   const char *value, const char *shown, char error[CLI_ERROR_MAX])
{
	if (row->kind == CLI_FLAG) {
		if (value != NULL)
			return fail(error, AGREE_EUSAGE, "%.200s takes no value", shown);
		*(bool *)field_of(options, row) = on;
		return 0;
	}
	if (!on) {
		if (value != NULL)
			return fail(error, AGREE_EUSAGE, "%.200s takes no value", shown);
		if (row->kind == CLI_NUMBER)
			*(long *)field_of(options, row) = -1;
		else
			*(const char **)field_of(options, row) = NULL;
		return 0;
	}
	if (value == NULL || *value == '\0')
		return fail(error, AGREE_EUSAGE, "%.200s needs a value: %s", shown, row->argument);
	if (row->kind == CLI_TEXT)
		*(const char **)field_of(options, row) = value;
	else if (!number_parse(value, row, (long *)field_of(options, row)))
		return fail(error, AGREE_EUSAGE, "%.200s takes a number from %ld to %ld", shown,
			    row->min, row->max);
	return 0;
}

/* ---- names ---- */

static const struct cli_option *row_by_name(const char *name, size_t len)
{
	for (size_t i = 0; i < n_rows; i++)
		if (rows[i].name != NULL && strlen(rows[i].name) == len &&
		    memcmp(rows[i].name, name, len) == 0)
			return &rows[i];
	return NULL;
}

static bool all_set(struct cli_options *options, const char *name, size_t len, bool on)
{
	if (len != 3 || memcmp(name, "all", 3) != 0)
		return false;
	for (size_t i = 0; i < n_rows; i++)
		if (rows[i].in_all)
			*(bool *)field_of(options, &rows[i]) = on;
	return true;
}

/* `name` is behind + or --. */
static int named_parse(struct cli_options *options, const char *shown, const char *name,
		       char error[CLI_ERROR_MAX])
{
	size_t len = strcspn(name, "=");
	const char *value = name[len] == '=' ? name + len + 1 : NULL;
	const struct cli_option *row = row_by_name(name, len);
	bool on = true;

	if (row == NULL && len > 2 && memcmp(name, "no", 2) == 0) {
		size_t skip = name[2] == '-' ? 3 : 2;

		if (value == NULL && all_set(options, name + skip, len - skip, false))
			return 0;
		row = row_by_name(name + skip, len - skip);
		on = false;
	}
	if (row == NULL && value == NULL && all_set(options, name, len, true))
		return 0;
	if (row == NULL)
		return fail(error, AGREE_EOPTION, "unknown option %.200s", shown);
	return row_set(options, row, on, value, shown, error);
}

/* -x, -xVALUE, -x VALUE. *used: arguments, 1 or 2. */
static int letter_parse(struct cli_options *options, const char *argument, const char *next,
			size_t *used, char error[CLI_ERROR_MAX])
{
	const struct cli_option *row = NULL;
	const char *value = argument[2] != '\0' ? argument + 2 : NULL;

	for (size_t i = 0; i < n_rows; i++)
		if (rows[i].letter != 0 && rows[i].letter == argument[1])
			row = &rows[i];
	if (row == NULL)
		return fail(error, AGREE_EOPTION, "unknown option %.200s", argument);
	*used = 1;
	if (row->kind != CLI_FLAG && value == NULL && next != NULL) {
		value = next;
		*used = 2;
	}
	return row_set(options, row, true, value, argument, error);
}

/* ---- lines ---- */

static int word_add(struct cli_line *line, const char *word, char error[CLI_ERROR_MAX])
{
	if (line->n_words == CLI_WORDS_MAX)
		return fail(error, AGREE_EUSAGE, "too many arguments, from %.200s on", word);
	line->words[line->n_words++] = word;
	return 0;
}

static int server_set(struct cli_options *options, const char *argument, char error[CLI_ERROR_MAX])
{
	if (argument[1] == '\0')
		return fail(error, AGREE_EUSAGE, "@ needs an address");
	options->server = argument + 1;
	return 0;
}

static bool is_once(const struct cli_line *line)
{
	return line->n_words > 0 && strcmp(line->words[0], "once") == 0;
}

int cli_options_parse(struct cli_line *line, size_t n, const char *const *arguments,
		      char error[CLI_ERROR_MAX])
{
	bool only_words = false;
	size_t used;
	int err = 0;

	for (size_t i = 0; err == 0 && i < n; i += used) {
		const char *a = arguments[i];

		used = 1;
		if (only_words || a[0] == '\0' || strcmp(a, "-") == 0)
			err = word_add(line, a, error);
		else if (strcmp(a, "--") == 0 && is_once(line)) {
			line->command = arguments + i + 1;
			line->n_command = n - i - 1;
			break;
		} else if (strcmp(a, "--") == 0)
			only_words = true;
		else if (a[0] == '@')
			err = server_set(&line->options, a, error);
		else if (a[0] == '+')
			err = named_parse(&line->options, a, a + 1, error);
		else if (a[0] == '-' && a[1] == '-')
			err = named_parse(&line->options, a, a + 2, error);
		else if (a[0] == '-')
			err = letter_parse(&line->options, a, i + 1 < n ? arguments[i + 1] : NULL,
					   &used, error);
		else
			err = word_add(line, a, error);
	}
	return err;
}

bool cli_options_server(const struct cli_options *options, char text[CLI_SERVER_MAX])
{
	const char *server = options->server;
	bool has_port;
	int n;

	text[0] = '\0';
	if (server == NULL)
		return options->port < 0;
	has_port = strpbrk(server, "#@") != NULL || strstr(server, "]:") != NULL;
	if (options->port > 0 && !has_port)
		n = snprintf(text, CLI_SERVER_MAX, "%s#%ld", server, options->port);
	else
		n = snprintf(text, CLI_SERVER_MAX, "%s", server);
	return n > 0 && n < CLI_SERVER_MAX;
}

void cli_options_help(struct ap_text *t)
{
	char left[64];

	for (size_t i = 0; i < n_rows; i++) {
		const struct cli_option *row = &rows[i];

		if (row->name == NULL)
			snprintf(left, sizeof(left), "-%c%s%s", row->letter,
				 row->argument != NULL ? " " : "",
				 row->argument != NULL ? row->argument : "");
		else if (row->kind == CLI_FLAG)
			snprintf(left, sizeof(left), "+[no]%s", row->name);
		else
			snprintf(left, sizeof(left), "+%s=%s", row->name, row->argument);
		ap_text_addf(t, "  %-20s %s\n", left, row->help);
	}
	ap_text_addf(t, "  %-20s %s\n", "+[no]all", "set cmd to stats, all of them");
}
