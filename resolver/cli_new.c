/* Making instances: new, lock. draft {#ticket} */
#include "config.h"

#include "resolver/cli.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "resolver/cli_secret.h"

enum { PATH_LEN = 1024 };

/* ---- terms ---- */

/* One word of +parties: a key, or `lock`. */
static int party_take(agree_terms *terms, const char *word, size_t len)
{
	unsigned char key[AGREE_KEY_LEN];
	char text[64];
	int err;

	if (len == 4 && memcmp(word, "lock", 4) == 0)
		return agree_terms_party(terms, NULL);
	if (len >= sizeof(text))
		return AGREE_EKEY;
	memcpy(text, word, len);
	text[len] = '\0';
	err = agree_key_parse(key, text);
	return err != 0 ? err : agree_terms_party(terms, key);
}

/* What is wrong is shown: a word of them, or all. */
static int parties_take(agree_terms *terms, const char *list, char detail[CLI_ERROR_MAX])
{
	for (const char *at = list;; at++) {
		size_t len = strcspn(at, ",");
		int err = party_take(terms, at, len);

		if (err != 0) {
			snprintf(detail, CLI_ERROR_MAX, "+parties, at \"%.*s\"",
				 (int)(len < 64 ? len : 64), at);
			return err;
		}
		at += len;
		if (*at == '\0')
			return 0;
	}
}

static int terms_make(struct cli *cli, const char *label, agree_terms **terms,
		      char detail[CLI_ERROR_MAX])
{
	const struct cli_options *o = cli->options;
	int err = cli_terms_read(cli, terms);

	if (err == 0)
		err = agree_terms_label(*terms, label, strlen(label));
	if (err == 0 && o->parties != NULL)
		err = parties_take(*terms, o->parties, detail);
	if (err == 0 && o->k >= 0)
		err = agree_terms_k(*terms, (unsigned)o->k);
	if (err == 0 && o->value != NULL)
		err = agree_terms_value(*terms, o->value, strlen(o->value));
	return err;
}

/* What anybody can see, before it is asked for. */
static int terms_check(struct cli *cli, bool has_label, const char **detail)
{
	uint64_t seconds;
	bool is_fresh;
	int err;

	*detail = NULL;
	if (cli->options->period != NULL) {
		*detail = has_label ? NULL : "a period needs a label";
		return has_label ? 0 : AGREE_ELABEL;
	}
	err = cli_deadline_read(cli, &seconds, &is_fresh);
	if (err != 0)
		return err;
	/* everybody's instances have a name, one's own needs none */
	if (!has_label && !is_fresh) {
		*detail = "an absolute deadline needs a label";
		return AGREE_ELABEL;
	}
	return seconds > (uint64_t)time(NULL) ? 0 : AGREE_EPAST;
}

/* ---- all secrets at once ---- */

struct made {
	agree_party *parties[AGREE_PARTIES_MAX];
	size_t n;
};

static void made_free(struct made *made)
{
	for (size_t i = 0; i < made->n; i++)
		agree_party_free(made->parties[i]);
}

/* The draft becomes the ticket. */
static int lock_all(agree_ticket **ticket, struct made *made)
{
	size_t n = agree_ticket_parties(*ticket);
	int err = 0;

	for (unsigned i = 0; err == 0 && i < n; i++) {
		agree_ticket *locked = NULL;

		if (agree_ticket_party_key(*ticket, i, NULL) != 0)
			continue;
		err = agree_party_new(*ticket, i, &made->parties[made->n]);
		if (err != 0)
			break;
		err = agree_ticket_lock(*ticket, made->parties[made->n++], &locked);
		if (err == 0) {
			agree_ticket_free(*ticket);
			*ticket = locked;
		}
	}
	return err;
}

/* PREFIX.0, PREFIX.1: all of them, or none. */
static int save_all(const char *prefix, const char *ticket, const struct made *made,
		    char path[PATH_LEN])
{
	size_t saved = 0;
	int err = 0;

	for (; saved < made->n; saved++) {
		if (snprintf(path, PATH_LEN, "%s.%u", prefix,
			     agree_party_index(made->parties[saved])) >= PATH_LEN)
			err = AGREE_EFILE;
		else
			err = cli_secrets_create(path, ticket, made->parties[saved]);
		if (err != 0)
			break;
	}
	for (size_t i = 0; err != 0 && i < saved; i++) {
		char other[PATH_LEN];

		snprintf(other, sizeof(other), "%s.%u", prefix,
			 agree_party_index(made->parties[i]));
		(void)unlink(other);
	}
	return err;
}

static int secrets_not_saved(struct cli *cli, int err, const char *path)
{
	char words[CLI_ERROR_MAX];

	if (err != AGREE_EFILE)
		return cli_report_error(cli, err, NULL);
	snprintf(words, sizeof(words),
		 "%.400s is there already, or cannot be written: secrets go to a new file", path);
	return cli_report_sentence(cli, err, words);
}

/* ---- new ---- */

static int ticket_report(struct cli *cli, const agree_ticket *ticket)
{
	struct cli_result result = {.outcome = NULL};
	unsigned char id[AGREE_ID_LEN];
	int err = cli_result_fill(&result, cli->network, ticket);

	if (err != 0)
		return cli_report_error(cli, err, NULL);
	agree_ticket_id(ticket, id);
	cli_report_command(cli);
	cli_report_ticket(cli, &result, id);
	return CLI_EXIT_OK;
}

static int secrets_make(struct cli *cli, agree_ticket **ticket)
{
	struct cli_result result = {.outcome = NULL};
	struct made made = {.n = 0};
	char path[PATH_LEN] = "";
	int err = agree_ticket_is_draft(*ticket) ? lock_all(ticket, &made) : AGREE_EUSAGE;

	if (err == 0)
		err = cli_result_fill(&result, cli->network, *ticket);
	if (err == 0)
		err = save_all(cli->options->secrets, result.ticket, &made, path);
	made_free(&made);
	if (err == AGREE_EUSAGE)
		return cli_report_error(cli, err, "+secrets needs parties that vote with secrets");
	return err != 0 ? secrets_not_saved(cli, err, path) : CLI_EXIT_OK;
}

int cli_run_new(struct cli *cli, const struct cli_line *line, const char *const *words, size_t n)
{
	char place[CLI_ERROR_MAX] = "";
	const char *detail = NULL;
	agree_terms *terms = NULL;
	agree_ticket *ticket = NULL;
	int err, status = CLI_EXIT_OK;

	(void)line;
	err = terms_check(cli, n > 0, &detail);
	if (err == 0)
		err = terms_make(cli, n > 0 ? words[0] : "new", &terms, place);
	if (err == 0)
		err = agree_ticket_new(cli->network, terms, &ticket);
	agree_terms_free(terms);
	if (err != 0)
		return cli_report_error(cli, err, place[0] != '\0' ? place : detail);
	if (cli->options->secrets != NULL)
		status = secrets_make(cli, &ticket);
	if (status == CLI_EXIT_OK)
		status = ticket_report(cli, ticket);
	agree_ticket_free(ticket);
	return status;
}

/* ---- lock ---- */

static int index_read(const char *word, unsigned *index)
{
	char *end;

	if (word[0] < '0' || word[0] > '9' || strlen(word) > 2)
		return AGREE_EUSAGE;
	*index = (unsigned)strtoul(word, &end, 10);
	return *end == '\0' ? 0 : AGREE_EUSAGE;
}

/* Its secrets are safe in their file before its locks go anywhere. */
static int lock_and_save(struct cli *cli, const agree_ticket *draft, unsigned index,
			 agree_ticket **locked)
{
	struct cli_result result = {.outcome = NULL};
	agree_party *party = NULL;
	int err = agree_party_new(draft, index, &party);

	if (err == 0)
		err = agree_ticket_lock(draft, party, locked);
	if (err == 0)
		err = cli_result_fill(&result, cli->network, *locked);
	if (err != 0) {
		agree_party_free(party);
		return cli_report_error(cli, err, NULL);
	}
	err = cli_secrets_create(cli->options->secrets, result.ticket, party);
	agree_party_free(party);
	return err != 0 ? secrets_not_saved(cli, err, cli->options->secrets) : CLI_EXIT_OK;
}

int cli_run_lock(struct cli *cli, const struct cli_line *line, const char *const *words, size_t n)
{
	agree_ticket *draft = NULL, *locked = NULL;
	unsigned index = 0;
	int status;
	int err = index_read(words[1], &index);

	(void)line;
	(void)n;
	if (err != 0)
		return cli_report_error(cli, err, "the party's index is 0 to 31");
	if (cli->options->secrets == NULL)
		return cli_report_error(cli, AGREE_EUSAGE,
					"say where to keep the party's secrets: +secrets=FILE");
	err = agree_ticket_parse(cli->network, words[0], &draft);
	if (err != 0)
		return cli_report_error(cli, err, NULL);
	status = lock_and_save(cli, draft, index, &locked);
	if (status == CLI_EXIT_OK)
		status = ticket_report(cli, locked);
	agree_ticket_free(draft);
	agree_ticket_free(locked);
	return status;
}
