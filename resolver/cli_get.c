/* The outcome of an instance: propose, get, wait. */
#include "config.h"

#include "resolver/cli.h"

#include <string.h>
#include <time.h>

static int proof_is_not_saved(struct cli *cli, int err)
{
	char words[CLI_ERROR_MAX];

	snprintf(
		words, sizeof(words),
		"the outcome stands, but its proof is not saved: %.300s cannot be written: look at "
		"its path and permissions, then ask again",
		cli->options->proof);
	return cli_report_sentence(cli, err, words);
}

static int ask_one(struct cli *cli, agree_network *network, const struct cli_question *q)
{
	struct cli_result result = {.proposed = q->value};
	agree_outcome *outcome = NULL;
	int err = cli_result_fill(&result, network, q->ticket), status;

	if (err == 0)
		err = cli_ask_outcome(cli, network, q, &outcome);
	if (err != 0)
		return cli_report_error(cli, err, NULL);
	result.outcome = outcome;
	cli_report_outcome(cli, &result);
	status = cli_exit_of_outcome(outcome, q->value);
	err = cli_result_save(cli, &result);
	if (err != 0)
		status = proof_is_not_saved(cli, err);
	agree_outcome_free(outcome);
	return status;
}

static int ask_each(struct cli *cli, const struct cli_question *question)
{
	int worst = CLI_EXIT_OK;

	for (size_t i = 0; i < agree_network_replicas(cli->network); i++) {
		agree_network *one;
		int err = agree_network_only(cli->network, i, &one);

		if (err != 0)
			return cli_report_error(cli, err, NULL);
		worst = cli_exit_worse(worst, ask_one(cli, one, question));
		agree_network_free(one);
	}
	return worst;
}

int cli_ask_and_report(struct cli *cli, const struct cli_question *question)
{
	cli_report_command(cli);
	return cli->options->replicas ? ask_each(cli, question)
				      : ask_one(cli, cli->network, question);
}

int cli_run_propose(struct cli *cli, const struct cli_line *line, const char *const *words,
		    size_t n)
{
	struct cli_question q = {.does = CLI_APPROVES, .value = words[1]};
	agree_ticket *ticket = NULL;
	int err = strlen(words[1]) > AGREE_VALUE_MAX ? AGREE_EVALUE : 0, status;

	(void)line;
	(void)n;
	if (err == 0)
		err = cli_ticket_to_propose(cli, words[0], &ticket);
	q.ticket = ticket;
	status = err != 0 ? cli_report_error(cli, err, NULL) : cli_ask_and_report(cli, &q);
	agree_ticket_free(ticket);
	return status;
}

static int observe(struct cli *cli, const char *word, uint64_t (*wait_of)(const agree_ticket *))
{
	struct cli_question q = {.does = CLI_OBSERVES};
	agree_ticket *ticket = NULL;
	const char *detail = NULL;
	int wait_ms, status;
	int err = cli_wait_read(cli, &wait_ms);

	if (err == 0)
		err = cli_ticket_to_get(cli, word, &ticket, &detail);
	if (err != 0)
		return detail != NULL ? cli_report_sentence(cli, err, detail)
				      : cli_report_error(cli, err, NULL);
	q.ticket = ticket;
	q.wait_ms = cli->options->wait != NULL ? (uint64_t)wait_ms : wait_of(ticket);
	status = cli_ask_and_report(cli, &q);
	agree_ticket_free(ticket);
	return status;
}

static uint64_t not_at_all(const agree_ticket *ticket)
{
	(void)ticket;
	return 0;
}

/* By then it is final, whatever the parties do: the clocks may differ a little. */
static uint64_t to_the_end(const agree_ticket *ticket)
{
	enum { GRACE_S = 10 };
	unsigned long long end_s = agree_ticket_deadline(ticket) + GRACE_S;
	unsigned long long now_s = (unsigned long long)time(NULL);

	return end_s > now_s ? (end_s - now_s) * 1000 : 0;
}

int cli_run_get(struct cli *cli, const struct cli_line *line, const char *const *words, size_t n)
{
	(void)line;
	(void)n;
	return observe(cli, words[0], not_at_all);
}

int cli_run_wait(struct cli *cli, const struct cli_line *line, const char *const *words, size_t n)
{
	(void)line;
	(void)n;
	return observe(cli, words[0], to_the_end);
}
