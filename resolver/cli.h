/*
 * agree: what its parts share.
 *
 *	cli_main.c      parse, run, clean
 *	cli_options.c   the command line, one table
 *	cli_verbs.c     the verbs, one table
 *	cli_ticket.c    instances from what was typed
 *	cli_get.c       propose, get, wait: the outcome
 *	cli_new.c       new, lock: instances and their parties' locks
 *	cli_vote.c      vote, keygen: parties
 *	cli_once.c      once: one of many runs a command
 *	cli_terms.c     verify, show: without a network
 *	cli_ask.c       libagree, asked and waited for
 *	cli_report.c    results and errors, as text, value or JSON
 *	cli_show.c      messages and records, as dig has them
 *	cli_json.c      JSON
 *	cli_proof.c     proofs in files
 *	cli_secret.c    secrets and identities in files
 *	cli_file.c      lines, sums, sources of secrets
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
/* What a line that could not even be read has for a status. */
int cli_run_failed(const struct cli_line *line, int status);
void cli_verbs_help(struct ap_text *t);

/* A verb's words behind it and its domain, as many as its row says: the exit status. */
typedef int cli_verb_fn(struct cli *cli, const struct cli_line *line, const char *const *words,
			size_t n);
cli_verb_fn cli_run_propose, cli_run_get, cli_run_wait, cli_run_new, cli_run_lock, cli_run_vote,
	cli_run_once, cli_run_keygen, cli_run_verify, cli_run_show;

/* ---- cli_ticket.c ---- */

/* Seconds since 1970 that +deadline says, 1 h from now if nothing; is_fresh: as a time from now. */
int cli_deadline_read(const struct cli *cli, uint64_t *seconds, bool *is_fresh);
/* What deadline, period, group say; the terms have no label yet. To be freed. */
int cli_terms_read(struct cli *cli, agree_terms **terms);
/* TICKET, or LABEL with deadline or period: to propose to. */
int cli_ticket_to_propose(struct cli *cli, const char *word, agree_ticket **ticket);
/* TICKET, ID, or LABEL with the absolute deadline or the period that everybody used. detail: words
 * in place of the error's own, or NULL. */
int cli_ticket_to_get(struct cli *cli, const char *word, agree_ticket **ticket,
		      const char **detail);
/* Milliseconds of +wait; 0 if it is not given. At most AGREE_WAIT_MAX, else AGREE_ETIME. */
int cli_wait_read(const struct cli *cli, int *wait_ms);

/* ---- cli_ask.c ---- */

/* Gives libagree the options of this line: 0 or AGREE_E*. */
int cli_ask_configure(struct cli *cli);
/* Sets cli->network. */
int cli_ask_network(struct cli *cli, const char *domain);

struct cli_question {
	const agree_ticket *ticket;
	enum { CLI_OBSERVES, CLI_APPROVES, CLI_VETOES } does;
	const agree_party *party; /* NULL: in an open instance */
	const char *value;	  /* NULL: the fixed one, or none */
	uint64_t wait_ms;
};
/* The outcome is the caller's. */
int cli_ask_outcome(struct cli *cli, agree_network *network, const struct cli_question *question,
		    agree_outcome **outcome);

/* ---- cli_get.c ---- */

/* Asks, and reports: the exit status. With +replicas each one. */
int cli_ask_and_report(struct cli *cli, const struct cli_question *question);

/* ---- cli_report.c ---- */

struct cli_result {
	const agree_outcome *outcome;
	char domain[AP_NAME_TEXT];
	char name[AP_NAME_TEXT];    /* of the instance */
	char ticket[AP_TICKET_MAX]; /* "": there is none */
	const char *trust;	    /* why its key is trusted */
	const char *proposed;	    /* NULL: nothing was */
	unsigned parties;	    /* of the ticket; 0: open, or not known */
	bool is_draft;
};

void cli_report_command(struct cli *cli);
void cli_report_outcome(struct cli *cli, const struct cli_result *result);
/* Name, ticket, domain and trust of a result: 0 or AGREE_E*. */
int cli_result_fill(struct cli_result *result, const agree_network *network,
		    const agree_ticket *ticket);
/* +proof: 0 or AGREE_E*. */
int cli_result_save(struct cli *cli, const struct cli_result *result);
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
	CLI_EXIT_NOKEY = 18,
	/* of once, as of timeout(1) and env(1) */
	CLI_EXIT_ONCE = 125,
	CLI_EXIT_NOEXEC = 126,
	CLI_EXIT_NOCOMMAND = 127
};
/* proposed: NULL if nothing was. */
int cli_exit_of_outcome(const agree_outcome *outcome, const char *proposed);
int cli_exit_of_error(int err);
/* Of two statuses. */
int cli_exit_worse(int a, int b);

#endif
