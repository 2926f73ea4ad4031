/*
 * agree: what its parts share.
 *
 *	cli_main.c      parse, run, clean
 *	cli_options.c   the command line, one table
 *	cli_verbs.c     what each verb does, one table
 *	cli_ask.c       libagree, asked and waited for
 *	cli_report.c    results and errors, as text, value or JSON
 *	cli_show.c      messages and records, as dig has them
 *	cli_json.c      JSON
 *	cli_proof.c     proofs in files
 *	cli_batch.c     -f
 *	cli_exit.c      exit statuses
 */
#ifndef CLI_H
#define CLI_H

#include <stdio.h>

#include "libproto/dns.h"
#include "libproto/ticket.h"
#include "resolver/agree.h"
#include "resolver/cli_options.h"
#include "resolver/cli_show.h"

enum { CLI_SIGNATURE_MAX = 2048, CLI_COMMAND_MAX = 1024 };

struct cli {
	FILE *out, *err;
	agree_ctx *ctx;
	const struct cli_options *options; /* of the line that is being carried out */
	const char *place;		   /* "file:line", to say in errors; NULL: none */
	char command[CLI_COMMAND_MAX];	   /* the line, for +cmd */
	char detail[CLI_ERROR_MAX];	   /* what libagree has noted of an error; "": none */
	int outcome_status;		   /* exit status that the last outcome gave */

	/* the network of this line; kept for the next ones that would find it in the same way */
	agree_network *network;
	char network_how[CLI_SIGNATURE_MAX];

	/* the message that had the proven record, and when it came */
	uint8_t answer[AP_DNS_MAX];
	size_t answer_len; /* 0: none */
	bool answer_tcp;
	char answer_server[CLI_SERVER_MAX];
	unsigned long long begun_ms, answered_ms;

	char text[CLI_SHOW_MAX];
};

/* ---- cli_verbs.c ---- */

/* Carries out one line: its exit status. */
int cli_run(struct cli *cli, const struct cli_line *line);
void cli_verbs_help(struct ap_text *t);

/* ---- cli_ask.c ---- */

/* Gives libagree the options of this line: 0 or AGREE_E*. */
int cli_ask_configure(struct cli *cli);
/* Sets cli->network. */
int cli_ask_network(struct cli *cli, const char *domain);
/* value NULL: observes. The outcome is the caller's. */
int cli_ask_outcome(struct cli *cli, agree_network *network, const agree_ticket *ticket,
		    const char *value, int wait_ms, agree_outcome **outcome);

/* ---- cli_report.c ---- */

struct cli_result {
	const agree_outcome *outcome;
	char domain[AP_NAME_TEXT];
	char name[AP_NAME_TEXT];    /* of the instance */
	char ticket[AP_TICKET_MAX]; /* "": there is none */
	const char *trust;	    /* why its key is trusted */
	const char *proposed;	    /* NULL: nothing was */
};

void cli_report_command(struct cli *cli);
void cli_report_outcome(struct cli *cli, const struct cli_result *result);
void cli_report_network(struct cli *cli, const agree_network *network);
/* A ticket and its instance: of `new`. */
void cli_report_ticket(struct cli *cli, const struct cli_result *result, const uint8_t *id);
/* Says it on stderr, and in JSON; detail may be NULL. Gives the exit status. */
int cli_report_error(struct cli *cli, int err, const char *detail);
/* The same, with words that say all that there is to say instead of the error's own. */
int cli_report_sentence(struct cli *cli, int err, const char *words);
/* A word to the user, where stdout is for the value alone. */
void cli_report_note(struct cli *cli, const char *text);
/* Begins text in cli->text; ends it on stdout. */
void cli_text_begin(struct cli *cli, struct ap_text *t);
void cli_text_end(struct cli *cli, struct ap_text *t);

/* ---- cli_batch.c ---- */

/* The worst status of its lines; 8: it cannot be read. */
int cli_batch_run(struct cli *cli, const struct cli_options *base, const char *path);
/*
 * Splits a line in place: blanks between words; "..." holds blanks, and \ takes the next character
 * as it is. How many; -1: a quote is not closed, or there are more than max.
 */
int cli_batch_split(char *line, const char **words, int max);

/* ---- cli_exit.c ---- */

enum {
	CLI_EXIT_OK = 0,
	CLI_EXIT_USAGE = 1,
	CLI_EXIT_BATCH = 8,
	CLI_EXIT_NOANSWER = 9,
	CLI_EXIT_INTERNAL = 10,
	CLI_EXIT_REFUSED = 11,
	CLI_EXIT_UNVERIFIED = 12,
	CLI_EXIT_ABORTED = 13,
	CLI_EXIT_PENDING = 14,
	CLI_EXIT_UNKNOWN = 15,
	CLI_EXIT_FORGOTTEN = 16,
	CLI_EXIT_OTHERWISE = 17,
	CLI_EXIT_NOKEY = 18
};
/* proposed: NULL if nothing was. */
int cli_exit_of_outcome(const agree_outcome *outcome, const char *proposed);
int cli_exit_of_error(int err);
/* Of two statuses. */
int cli_exit_worse(int a, int b);

#endif
