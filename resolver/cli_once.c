/*
 * once: of many hosts that call it, at most one runs the command, and one does if the winner lives.
 *
 *  1. The value that is proposed has random octets of this call, so that no other has the same.
 *  2. The command runs only when a proven outcome has this value; it takes this process's place.
 *  3. Until that is known this asks again, with the same value: the proposal may have been decided
 *     although no answer came.
 *  4. Whatever fails before that is 125, as of timeout(1) and env(1).
 */
#include "config.h"

#include "resolver/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "libproto/crypto.h"
#include "libproto/name.h"
#include "libproto/when.h"

enum { RANDOM_LEN = 16, ASK_S = 60, EARLY_S = 300, PAUSE_S = 1 };

/* ---- what is proposed ---- */

/* What is to be recorded, a blank, and 32 characters that are this call's own. */
static int value_make(const struct cli *cli, char value[AGREE_VALUE_MAX + 1])
{
	uint8_t octets[RANDOM_LEN];
	char host[128] = "";
	const char *what = cli->options->value;
	struct ap_text t;

	if (what == NULL) {
		if (gethostname(host, sizeof(host) - 1) != 0)
			host[0] = '\0';
		what = host;
	}
	if (ap_random(octets, sizeof(octets)) != 0)
		return AGREE_EINTERNAL;
	ap_text_init(&t, value, AGREE_VALUE_MAX + 1);
	ap_text_addf(&t, "%s ", what);
	ap_text_hex(&t, octets, sizeof(octets));
	return t.cut ? AGREE_EVALUE : 0;
}

/* ---- asking ---- */

static time_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Nothing is known of the proposal yet: refusals say nothing of votes, draft {#client}. */
static bool is_worth_asking_again(int err)
{
	int status = cli_exit_of_error(err);

	/* one request asks a liar no more, and ends; in the next one the others may answer */
	return status == CLI_EXIT_NOANSWER || status == CLI_EXIT_REFUSED ||
	       err == AGREE_ESIGNATURE || err == AGREE_ERECORD || err == AGREE_EPROOF ||
	       err == AGREE_ENONCE;
}

static int patience(const struct cli *cli, uint64_t *ask_s)
{
	*ask_s = ASK_S;
	return cli->options->wait != NULL ? ap_duration_parse(ask_s, cli->options->wait) : 0;
}

/* Clocks of this host and of the network differ by little: the period begins soon. */
static int ask(struct cli *cli, const struct cli_question *q, uint64_t ask_s,
	       agree_outcome **outcome)
{
	time_t begun = now_s();
	bool told = false;

	for (;;) {
		int err = cli_ask_outcome(cli, cli->network, q, outcome);
		time_t past = now_s() - begun;

		if (err == 0 || !is_worth_asking_again(err))
			return err;
		if (past >= (time_t)(err == AGREE_EEARLY ? EARLY_S : ask_s))
			return err;
		if (err == AGREE_EEARLY && !told)
			cli_report_note(cli, "too early by the network's time: waiting");
		told = told || err == AGREE_EEARLY;
		sleep(PAUSE_S);
	}
}

/* ---- what comes of it ---- */

static void tell(struct cli *cli, const agree_outcome *outcome)
{
	char words[CLI_ERROR_MAX];
	struct ap_text t;
	size_t len;
	const void *value = agree_outcome_value(outcome, &len);

	if (!cli->options->comments)
		return;
	ap_text_init(&t, words, sizeof(words));
	ap_text_add(&t, "another has the turn: \"");
	ap_text_hostile(&t, value, len, 0);
	ap_text_add(&t, "\"");
	cli_report_note(cli, words);
}

static bool environment_set(const struct cli_result *r, const char *value)
{
	unsigned char id[AGREE_ID_LEN];
	char label[AP_ID_TEXT + 1], sequence[32], when[64];
	struct ap_text t;

	agree_outcome_id(r->outcome, id);
	ap_label_of_id(label, id);
	snprintf(sequence, sizeof(sequence), "%llu", agree_outcome_sequence(r->outcome));
	ap_text_init(&t, when, sizeof(when));
	ap_text_time(&t, agree_outcome_time(r->outcome));
	return setenv("AGREE_ID", label, 1) == 0 && setenv("AGREE_TICKET", r->ticket, 1) == 0 &&
	       setenv("AGREE_SEQUENCE", sequence, 1) == 0 && setenv("AGREE_TIME", when, 1) == 0 &&
	       setenv("AGREE_VALUE", value, 1) == 0;
}

/* Does not come back, unless it cannot be run. */
static int run_command(struct cli *cli, const struct cli_line *line)
{
	/* arguments of main(), which end in NULL: execvp() changes nothing in them */
	char *const *command = (char *const *)(uintptr_t)line->command;
	char words[CLI_ERROR_MAX];
	int error;

	(void)fflush(cli->out);
	(void)execvp(command[0], command);
	error = errno;
	snprintf(words, sizeof(words), "this call has the turn, but %.300s cannot be run: %.100s",
		 command[0], strerror(error));
	cli_report_note(cli, words);
	return error == ENOENT ? CLI_EXIT_NOCOMMAND : CLI_EXIT_NOEXEC;
}

static int won(struct cli *cli, const struct cli_line *line, const agree_ticket *ticket,
	       const agree_outcome *outcome, const char *value)
{
	struct cli_result result = {.outcome = outcome, .proposed = value};
	int err = cli_result_fill(&result, cli->network, ticket);

	if (err == 0 && !environment_set(&result, value))
		err = AGREE_ENOMEM;
	if (err == 0)
		err = cli_result_save(cli, &result);
	/* the turn is ours, and nobody else will take it */
	if (err != 0)
		(void)cli_report_error(cli, err, cli->options->proof);
	return run_command(cli, line);
}

static int conclude(struct cli *cli, const struct cli_line *line, const agree_ticket *ticket,
		    const agree_outcome *outcome, const char *value)
{
	if (agree_outcome_is(outcome, value, strlen(value)))
		return won(cli, line, ticket, outcome, value);
	if (agree_outcome_status(outcome) == AGREE_DECIDED) {
		tell(cli, outcome);
		return CLI_EXIT_OK;
	}
	cli_report_note(cli, "the time for it is over, and nobody has had the turn");
	return CLI_EXIT_ONCE;
}

static int failed(struct cli *cli, int err)
{
	(void)cli_report_error(cli, err, NULL);
	if (is_worth_asking_again(err))
		cli_report_note(cli, "the command was not run; nor is it elsewhere, if this call "
				     "had the turn without getting to know it");
	return CLI_EXIT_ONCE;
}

static int usage_check(const struct cli *cli, const struct cli_line *line, const char *word,
		       const char **why)
{
	uint64_t seconds;
	bool is_fresh;

	*why = "say what to run: once LABEL +period=1d -- COMMAND";
	if (line->command == NULL || line->n_command == 0)
		return AGREE_EUSAGE;
	*why = "not in a batch: the command takes the place of agree";
	if (cli->place != NULL)
		return AGREE_EUSAGE;
	*why = NULL;
	if (ap_ticket_is(word, strlen(word)) || cli->options->period != NULL)
		return 0;
	*why = "a label needs what all hosts have the same: +period=1d, or a +deadline=TIME of "
	       "RFC 3339";
	if (cli->options->deadline == NULL)
		return AGREE_EUSAGE;
	return cli_deadline_read(cli, &seconds, &is_fresh) == 0 && !is_fresh ? 0 : AGREE_EUSAGE;
}

int cli_run_once(struct cli *cli, const struct cli_line *line, const char *const *words, size_t n)
{
	char value[AGREE_VALUE_MAX + 1];
	struct cli_question q = {.does = CLI_APPROVES, .value = value};
	agree_outcome *outcome = NULL;
	agree_ticket *ticket = NULL;
	const char *why = NULL;
	uint64_t ask_s;
	int status;
	int err = usage_check(cli, line, words[0], &why);

	(void)n;
	if (err == 0)
		err = value_make(cli, value);
	if (err == 0)
		err = patience(cli, &ask_s);
	if (err == 0)
		err = cli_ticket_to_propose(cli, words[0], &ticket);
	if (err == 0 && agree_ticket_parties(ticket) > 0)
		err = AGREE_ENOTPARTY;
	if (err != 0) {
		agree_ticket_free(ticket);
		(void)cli_report_error(cli, err, why);
		return CLI_EXIT_ONCE;
	}
	q.ticket = ticket;
	err = ask(cli, &q, ask_s, &outcome);
	status = err != 0 ? failed(cli, err) : conclude(cli, line, ticket, outcome, value);
	agree_outcome_free(outcome);
	agree_ticket_free(ticket);
	return status;
}
