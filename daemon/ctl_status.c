/*
 * The commands that ask a running replica over its control socket.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/conf.h"
#include "daemon/control.h"
#include "daemon/ctl.h"
#include "libproto/agree_errors.h"

#define ASK_MS	(CONTROL_TIMEOUT_S * 1000)
#define STOP_MS 30000

enum { OPT_CONF, OPT_JSON };
static const struct ctl_option options[] = {
	[OPT_CONF] = {"-c", "FILE", "configuration (the one that agreed reads)"},
	{NULL, NULL, NULL},
};
static const struct ctl_option json_options[] = {
	[OPT_CONF] = {"-c", "FILE", "configuration (the one that agreed reads)"},
	[OPT_JSON] = {"-j", NULL, "one JSON object"},
	{NULL, NULL, NULL},
};

static bool socket_find(const struct ctl_args *args, char path[CONTROL_PATH_MAX])
{
	struct conf conf;
	bool have;

	if (!ctl_conf_load(args, args->value[OPT_CONF], &conf))
		return false;
	have = conf.socket[0] != '\0';
	if (have)
		snprintf(path, CONTROL_PATH_MAX, "%s", conf.socket);
	else
		ctl_fail(args, "the configuration has no control socket: see `socket' in "
			       "agreed.conf(5)");
	conf_clear(&conf);
	return have;
}

/* Sends command and words; *body is what stands behind the line `ok`. Returns an enum ctl_exit. */
static int ask(const struct ctl_args *args, const char *path, char *reply, const char **body)
{
	char request[CONTROL_REQUEST_MAX], sentence[CTL_WHY_MAX];
	struct ap_text t, why;
	int result;

	ap_text_init(&t, request, sizeof request);
	ap_text_add(&t, args->command->name);
	for (size_t i = 0; i < args->n_words; i++)
		ap_text_addf(&t, " %s", args->word[i]);
	ap_text_init(&why, sentence, sizeof sentence);
	result = control_ask(path, request, reply, CONTROL_REPLY_MAX + 1, ASK_MS, &why);
	if (result < 0) {
		ctl_fail(args, "%s", sentence);
		return result == AGREE_ENOANSWER ? CTL_NOT_RUNNING : CTL_FAILED;
	}
	if (strncmp(reply, "ok\n", 3) == 0) {
		*body = reply + 3;
		return CTL_OK;
	}
	reply[strcspn(reply, "\n")] = '\0';
	return ctl_fail(args, "%s",
			strncmp(reply, "error: ", 7) == 0
				? reply + 7
				: "no answer that "
				  "this program understands: are both of one version?");
}

/* Splits a line `key=value`, in place: false if it is none. */
static bool pair_split(char *line, char **value)
{
	char *mark = strpbrk(line, "=:");

	if (mark == NULL || mark == line)
		return false;
	*mark = '\0';
	*value = mark + 1;
	*value += strspn(*value, " ");
	return true;
}

/* Calls `show` for every pair of the body, which is taken apart. */
static void pairs_walk(char *body, struct ap_text *out,
		       void (*show)(struct ap_text *, const char *, const char *))
{
	while (*body != '\0') {
		char *end = body + strcspn(body, "\n"), *next = *end == '\0' ? end : end + 1;
		char *value;

		*end = '\0';
		if (pair_split(body, &value))
			show(out, body, value);
		body = next;
	}
}

static void pair_line(struct ap_text *out, const char *key, const char *value)
{
	ap_text_addf(out, "%-18s %s\n", key, value);
}

/* Names may be all digits and are no numbers. */
static bool is_number(const char *key, const char *value)
{
	static const char *const texts[] = {"domain",  "replica",   "culprit", "primary",
					    "genesis", "group_key", "phase"};
	size_t len = strlen(value);

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (strcmp(texts[i], key) == 0)
			return false;
	return strncmp(key, "peer.", 5) != 0 && len > 0 && len <= 20 &&
	       strspn(value, "0123456789") == len && (value[0] != '0' || len == 1);
}

static void pair_json(struct ap_text *out, const char *key, const char *value)
{
	ap_text_add(out, ap_text_len(out) > 1 ? "," : "");
	ap_text_json(out, (const uint8_t *)key, strlen(key));
	ap_text_add(out, ":");
	if (is_number(key, value))
		ap_text_add(out, value);
	else
		ap_text_json(out, (const uint8_t *)value, strlen(value));
}

static int body_print(const struct ctl_args *args, char *body, bool json)
{
	size_t size = 8 * strlen(body) + 64; /* \uXXXX for every octet, and braces */
	char *text = malloc(size);
	struct ap_text out;
	int result;

	if (text == NULL)
		return ctl_fail(args, "out of memory: free some, then try again");
	ap_text_init(&out, text, size);
	ap_text_add(&out, json ? "{" : "");
	pairs_walk(body, &out, json ? pair_json : pair_line);
	ap_text_add(&out, json ? "}\n" : "");
	result = ctl_print(args, text, ap_text_len(&out));
	free(text);
	return result;
}

static int run(const struct ctl_args *args, bool pairs)
{
	char path[CONTROL_PATH_MAX];
	char *reply = malloc(CONTROL_REPLY_MAX + 1);
	const char *body = NULL;
	int result;

	if (reply == NULL)
		return ctl_fail(args, "out of memory: free some, then try again");
	result = socket_find(args, path) ? ask(args, path, reply, &body) : CTL_FAILED;
	if (result == CTL_OK && pairs)
		result = body_print(args, reply + 3, args->value[OPT_JSON] != NULL);
	else if (result == CTL_OK)
		result = ctl_print(args, body, strlen(body));
	free(reply);
	return result;
}

static int plain_run(const struct ctl_args *args)
{
	return run(args, false);
}

static int pairs_run(const struct ctl_args *args)
{
	return run(args, true);
}

/* Returns when nobody listens any more, so that a script may start it again at once. */
static int stop_run(const struct ctl_args *args)
{
	const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
	char path[CONTROL_PATH_MAX], reply[256], sentence[CTL_WHY_MAX];
	struct ap_text why;
	int result = plain_run(args);

	if (result != CTL_OK || !socket_find(args, path))
		return result;
	for (int waited = 0; waited < STOP_MS; waited += 50) {
		ap_text_init(&why, sentence, sizeof sentence);
		if (control_ask(path, "help", reply, sizeof reply, 1000, &why) == AGREE_ENOANSWER)
			return CTL_OK;
		nanosleep(&pause, NULL);
	}
	return ctl_fail(args, "it is still running after %d s: look at its log", STOP_MS / 1000);
}

const struct ctl_command ctl_status = {
	.name = "status",
	.words = "",
	.help = "Show a running replica's state; exit status 3 if it is not running",
	.options = json_options,
	.run = pairs_run,
};

const struct ctl_command ctl_stats = {
	.name = "stats",
	.words = "",
	.help = "Print the counters, one key=value a line",
	.options = options,
	.run = plain_run,
};

const struct ctl_command ctl_peers = {
	.name = "peers",
	.words = "",
	.help = "Print the links to the other members",
	.options = options,
	.run = plain_run,
};

const struct ctl_command ctl_stop = {
	.name = "stop",
	.words = "",
	.help = "Stop the replica in order, and wait until it is gone",
	.options = options,
	.run = stop_run,
};

const struct ctl_command ctl_log_reopen = {
	.name = "log_reopen",
	.words = "",
	.help = "Open the log file anew, after it was moved away",
	.options = options,
	.run = plain_run,
};

const struct ctl_command ctl_believe_clock = {
	.name = "believe_clock",
	.words = "",
	.help = "Tell a replica that its host's clock is right, after an outage beyond the bound",
	.options = options,
	.run = plain_run,
};

const struct ctl_command ctl_scrub = {
	.name = "scrub",
	.words = "",
	.help = "Have all that is stored read and checked now; status shows how far it is",
	.options = options,
	.run = plain_run,
};

const struct ctl_command ctl_verbosity = {
	.name = "verbosity",
	.words = "0..4",
	.words_min = 1,
	.words_max = 1,
	.help = "Change what is logged until the next start",
	.options = options,
	.run = plain_run,
};
