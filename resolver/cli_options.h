/*
 * The command line of agree: the grammar of dig, in any order. One table has all options; parser,
 * help and manual follow it.
 *
 *	[@SERVER[#PORT]] [-p PORT] [VERB] DOMAIN [ARGUMENTS] [+[no]option[=value]]...
 *
 * --[no-]option[=value] is the same as +[no]option[=value]; behind -- nothing is an option: there
 *are words, or, if the verb is `once`, the command that it runs.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libproto/text.h"

enum { CLI_WORDS_MAX = 8, CLI_ERROR_MAX = 512, CLI_SERVER_MAX = 96 };

/* Texts are those of the command line: they live as long as it does. */
struct cli_options {
	/* flags */
	bool short_form, json, qr, trace, cmd, comments, question, answer, additional, stats;
	bool generic, multiline, replicas, tofu, tcp, cookie, recurse, trust_ad;
	bool help, version, only_v4, only_v6;
	/* numbers; -1: not given */
	long time_s, tries, bufsize, padding, port, faulty, k;
	/* texts; NULL: not given */
	const char *key, *dns, *deadline, *proof, *wait, *known, *source, *batch, *server;
	const char *period, *value, *parties, *secrets, *identity, *group;
};

struct cli_line {
	struct cli_options options;
	const char *words[CLI_WORDS_MAX]; /* verb, domain, arguments */
	size_t n_words;
	const char *const *command; /* behind --; NULL: none */
	size_t n_command;
};

void cli_options_init(struct cli_options *options);

/*
 * Reads arguments on top of what the options have. 0, or AGREE_EUSAGE, AGREE_EOPTION and why, for
 * people, in `error`.
 */
int cli_options_parse(struct cli_line *line, size_t n, const char *const *arguments,
		      char error[CLI_ERROR_MAX]);

/* @SERVER and -p as one text; false: too long, or -p alone. Empty if there is no server. */
bool cli_options_server(const struct cli_options *options, char text[CLI_SERVER_MAX]);

/* A line for each option. */
void cli_options_help(struct ap_text *t);

/* ---- the table ---- */

enum cli_kind { CLI_FLAG, CLI_NUMBER, CLI_TEXT };

struct cli_option {
	const char *name; /* behind +; NULL: there is a letter only */
	char letter;	  /* behind -; 0: none */
	enum cli_kind kind;
	size_t offset; /* in struct cli_options */
	bool in_all;   /* set by +[no]all too */
	bool normal;   /* of a flag */
	long min, max; /* of a number */
	/* what of libagree it sets, and how many of its units one of ours is: see agree_ctx_set()
	 */
	const char *setting;
	long scale;
	const char *argument; /* in the help; NULL for flags */
	const char *help;
};

/* Row i, NULL behind the last. */
const struct cli_option *cli_option_row(size_t i);

#endif
