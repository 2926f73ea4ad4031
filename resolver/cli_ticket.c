/* Instances from what was typed: tickets, ids, and labels with a deadline or a period. */
#include "config.h"

#include "resolver/cli.h"

#include <string.h>
#include <time.h>

#include "libproto/crypto.h"
#include "libproto/when.h"
#include "resolver/cli_secret.h"

static const char default_deadline[] = "1h";

/* In so many seconds from now: an instance that nobody else has; or at a time: everybody's. */
int cli_deadline_read(const struct cli *cli, uint64_t *seconds, bool *is_fresh)
{
	const char *text = cli->options->deadline;
	uint64_t ms, duration;

	if (ap_duration_parse(&duration, text != NULL ? text : default_deadline) == 0) {
		*seconds = (uint64_t)time(NULL) + duration;
		*is_fresh = true;
		return 0;
	}
	*is_fresh = false;
	if (ap_when_parse(&ms, text) != 0)
		return AGREE_ETIME;
	*seconds = ms / 1000;
	return 0;
}

int cli_wait_read(const struct cli *cli, int *wait_ms)
{
	uint64_t wait_s = 0;
	int err = 0;

	if (cli->options->wait != NULL)
		err = ap_duration_parse(&wait_s, cli->options->wait);
	if (err == 0 && wait_s > AGREE_WAIT_MAX / 1000)
		err = AGREE_ETIME;
	*wait_ms = err == 0 ? (int)wait_s * 1000 : 0;
	return err;
}

/* ---- terms ---- */

static int period_read(const struct cli *cli, agree_terms *terms)
{
	const struct cli_options *o = cli->options;
	char secret[CLI_GROUP_MAX + 2];
	uint64_t period_s;
	size_t len = 0;
	int err = ap_duration_parse(&period_s, o->period) == 0 ? 0 : AGREE_EPERIOD;

	if (err == 0 && o->group != NULL)
		err = cli_group_load(o->group, secret, &len);
	if (err != 0)
		return err;
	err = agree_terms_period(terms, period_s, (unsigned long long)time(NULL),
				 o->group != NULL ? secret : NULL, len);
	ap_wipe(secret, sizeof(secret));
	return err;
}

static int deadline_take(const struct cli *cli, agree_terms *terms)
{
	uint64_t seconds;
	bool is_fresh;
	int err = cli_deadline_read(cli, &seconds, &is_fresh);

	if (err == 0)
		err = agree_terms_deadline(terms, seconds);
	if (err == 0 && is_fresh)
		err = agree_terms_fresh(terms);
	return err;
}

int cli_terms_read(struct cli *cli, agree_terms **terms)
{
	const struct cli_options *o = cli->options;
	int err;

	*terms = NULL;
	/* a group says whose period it is; and both would say when it ends */
	if ((o->group != NULL && o->period == NULL) || (o->period != NULL && o->deadline != NULL))
		return AGREE_EUSAGE;
	err = agree_terms_new(terms);
	if (err == 0)
		err = o->period != NULL ? period_read(cli, *terms) : deadline_take(cli, *terms);
	if (err != 0) {
		agree_terms_free(*terms);
		*terms = NULL;
	}
	return err;
}

/* ---- tickets ---- */

static int label_take(struct cli *cli, const char *label, agree_ticket **ticket)
{
	agree_terms *terms;
	int err = cli_terms_read(cli, &terms);

	if (err == 0)
		err = agree_terms_label(terms, label, strlen(label));
	if (err == 0)
		err = agree_ticket_new(cli->network, terms, ticket);
	agree_terms_free(terms);
	return err;
}

/* LABEL or TICKET, to propose to. */
int cli_ticket_to_propose(struct cli *cli, const char *word, agree_ticket **ticket)
{
	if (!ap_ticket_is(word, strlen(word)))
		return label_take(cli, word, ticket);
	if (cli->options->deadline != NULL)
		cli_report_note(cli, "+deadline= changes nothing: the ticket has its own");
	if (cli->options->period != NULL)
		cli_report_note(cli, "+period= changes nothing: the ticket has its own deadline");
	return agree_ticket_parse(cli->network, word, ticket);
}

/* TICKET, ID, or LABEL with what everybody used. */
int cli_ticket_to_get(struct cli *cli, const char *word, agree_ticket **ticket, const char **detail)
{
	uint64_t seconds;
	bool is_fresh = false;
	int err = agree_ticket_parse(cli->network, word, ticket);

	if (err != AGREE_EID)
		return err;
	*detail = "not an instance: give its ticket, its id of 60 characters, or its label and the "
		  "+deadline=TIME (RFC 3339) or +period=TIME that it was proposed with";
	if (cli->options->deadline == NULL && cli->options->period == NULL)
		return AGREE_EID;
	*detail = NULL;
	if (cli->options->deadline != NULL) {
		err = cli_deadline_read(cli, &seconds, &is_fresh);
		if (err != 0 || is_fresh)
			return AGREE_ETIME;
	}
	return label_take(cli, word, ticket);
}
