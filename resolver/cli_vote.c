/* Parties: vote, keygen. draft {#votes} */
#include "config.h"

#include "resolver/cli.h"

#include <string.h>

#include "libproto/crypto.h"
#include "libproto/name.h"
#include "resolver/cli_json.h"
#include "resolver/cli_secret.h"

static int by_identity(struct cli *cli, const agree_ticket *ticket, agree_party **party)
{
	unsigned char seed[AGREE_SECRET_LEN];
	int err = cli_identity_load(cli->options->identity, seed);

	if (err == 0)
		err = agree_party_identity(ticket, seed, party);
	ap_wipe(seed, sizeof(seed));
	return err;
}

/* yes, no, or a value: *value NULL leaves it to the ticket. A veto of "no" as a value has +value.
 */
static void answer_read(const struct cli *cli, const char *word, struct cli_question *q)
{
	q->does = strcmp(word, "no") == 0 ? CLI_VETOES : CLI_APPROVES;
	q->value = NULL;
	if (q->does == CLI_VETOES)
		return;
	if (strcmp(word, "yes") != 0)
		q->value = word;
	else if (cli->options->value != NULL)
		q->value = cli->options->value;
}

/* "yes" is a value like others where the terms fix none. */
static void answer_settle(const agree_ticket *ticket, struct cli_question *q)
{
	size_t len;

	if (q->does == CLI_APPROVES && q->value == NULL && agree_ticket_value(ticket, &len) == NULL)
		q->value = "yes";
}

static int vote(struct cli *cli, const char *word, const char *answer,
		const struct cli_secrets *secrets)
{
	struct cli_question q = {.does = CLI_APPROVES};
	agree_ticket *ticket = NULL;
	agree_party *party = NULL;
	int err = cli_ticket_to_propose(cli, word, &ticket), status, wait_ms;

	answer_read(cli, answer, &q);
	if (err == 0)
		answer_settle(ticket, &q);
	if (err == 0 && q.value != NULL && strlen(q.value) > AGREE_VALUE_MAX)
		err = AGREE_EVALUE;
	if (err == 0)
		err = cli_wait_read(cli, &wait_ms);
	if (err == 0 && secrets != NULL)
		err = cli_secrets_party(secrets, ticket, q.does == CLI_APPROVES, &party);
	else if (err == 0 && cli->options->identity != NULL)
		err = by_identity(cli, ticket, &party);
	q.ticket = ticket;
	q.party = party;
	q.wait_ms = err == 0 ? (uint64_t)wait_ms : 0;
	status = err != 0 ? cli_report_error(cli, err, NULL) : cli_ask_and_report(cli, &q);
	agree_party_free(party);
	agree_ticket_free(ticket);
	return status;
}

int cli_run_vote(struct cli *cli, const struct cli_line *line, const char *const *words, size_t n)
{
	const struct cli_options *o = cli->options;
	struct cli_secrets secrets;
	const char *ticket;
	int err = 0, status;

	(void)line;
	if (o->secrets != NULL && o->identity != NULL)
		return cli_report_error(cli, AGREE_EUSAGE, "+secrets or +identity, not both");
	if (o->secrets != NULL)
		err = cli_secrets_load(o->secrets, &secrets);
	if (err != 0)
		return cli_report_error(cli, err, o->secrets);
	ticket = n == 2 ? words[0] : o->secrets != NULL ? secrets.ticket : "";
	if (ticket[0] == '\0')
		status = cli_report_error(cli, AGREE_EUSAGE,
					  "say which ticket: only a file of +secrets has its own");
	else
		status = vote(cli, ticket, words[n - 1], o->secrets != NULL ? &secrets : NULL);
	if (o->secrets != NULL)
		ap_wipe(&secrets, sizeof(secrets));
	return status;
}

/* ---- keygen ---- */

int cli_run_keygen(struct cli *cli, const struct cli_line *line, const char *const *words, size_t n)
{
	unsigned char octets[AGREE_KEY_LEN];
	char words_of_error[CLI_ERROR_MAX], key[64];
	struct cli_json j;
	struct ap_text t;
	int err = cli_identity_create(words[0], octets);

	(void)line;
	(void)n;
	if (err == AGREE_EFILE) {
		snprintf(words_of_error, sizeof(words_of_error),
			 "%.400s is there already, or cannot be written: keys go to a new file",
			 words[0]);
		return cli_report_sentence(cli, err, words_of_error);
	}
	if (err != 0)
		return cli_report_error(cli, err, NULL);
	ap_text_init(&t, key, sizeof(key));
	ap_base64url_show(&t, octets, sizeof(octets));
	cli_report_command(cli);
	cli_text_begin(cli, &t);
	if (cli->options->json) {
		cli_json_begin(&j, &t);
		cli_json_text(&j, "key", key);
		cli_json_text(&j, "file", words[0]);
		cli_json_end(&j);
	} else {
		if (!cli->options->short_form && cli->options->comments)
			ap_text_add(&t, ";; PUBLIC KEY, for +parties:\n");
		ap_text_addf(&t, "%s\n", key);
	}
	cli_text_end(cli, &t);
	return CLI_EXIT_OK;
}
