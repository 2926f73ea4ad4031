/* The verbs. */
#include "config.h"

#include "resolver/cli.h"

#include <string.h>

#include "libproto/crypto.h"

static int run_info(struct cli *cli, const struct cli_line *line, const char *const *words,
		    size_t n)
{
	(void)line;
	(void)words;
	(void)n;
	cli_report_command(cli);
	cli_report_network(cli, cli->network);
	return CLI_EXIT_OK;
}

/* ---- the table ---- */

enum domain {
	NEEDED,
	NONE,
	OR_KEY, /* may be left out before a ticket, where +key says which network it is */
};

static const struct cli_verb {
	const char *name;
	size_t min, max; /* words behind verb and domain */
	enum domain domain;
	int failure; /* instead of the status of an error; 0: that */
	cli_verb_fn *run;
	const char *words, *help;
} verbs[] = {
	{"info", 0, 0, NEEDED, 0, run_info, "DOMAIN",
	 "find the network, show its key and replicas; the default"},
	{"new", 0, 1, NEEDED, 0, cli_run_new, "DOMAIN [LABEL]",
	 "make an instance, print its ticket"},
	{"lock", 2, 2, OR_KEY, 0, cli_run_lock, "[DOMAIN] DRAFT INDEX",
	 "add a party's locks to a draft, keep its secrets"},
	{"propose", 2, 2, NEEDED, 0, cli_run_propose, "DOMAIN LABEL|TICKET VALUE",
	 "propose a value; the first one decides"},
	{"vote", 1, 2, NEEDED, 0, cli_run_vote, "DOMAIN [TICKET] yes|no|VALUE",
	 "vote as a party, by +secrets or +identity"},
	{"get", 1, 1, NEEDED, 0, cli_run_get, "DOMAIN TICKET|ID|LABEL", "ask for the outcome"},
	{"wait", 1, 1, NEEDED, 0, cli_run_wait, "DOMAIN TICKET|ID|LABEL",
	 "the same, when it is final"},
	{"once", 1, 1, NEEDED, CLI_EXIT_ONCE, cli_run_once, "DOMAIN LABEL -- COMMAND",
	 "run a command on one of many hosts"},
	{"verify", 1, 1, NONE, 0, cli_run_verify, "FILE", "prove what +proof= has saved, offline"},
	{"show", 1, 1, NONE, 0, cli_run_show, "TICKET", "show what a ticket says"},
	{"keygen", 1, 1, NONE, 0, cli_run_keygen, "FILE",
	 "make a key to vote with, print its public part"},
};

static const size_t n_verbs = sizeof(verbs) / sizeof(verbs[0]);

void cli_verbs_help(struct ap_text *t)
{
	char left[64];

	for (size_t i = 0; i < n_verbs; i++) {
		snprintf(left, sizeof(left), "%s %s", verbs[i].name, verbs[i].words);
		ap_text_addf(t, "  %-33s %s\n", left, verbs[i].help);
	}
}

static const struct cli_verb *verb_find(const char *word)
{
	for (size_t i = 0; i < n_verbs; i++)
		if (strcmp(verbs[i].name, word) == 0)
			return &verbs[i];
	return NULL;
}

/* ---- running one ---- */

int cli_run_failed(const struct cli_line *line, int status)
{
	const struct cli_verb *verb = line->n_words > 0 ? verb_find(line->words[0]) : NULL;

	return verb != NULL && verb->failure != 0 ? verb->failure : status;
}

/* A network that is its key, for what needs nothing else of it. */
static int network_of_key(struct cli *cli)
{
	unsigned char key[AGREE_KEY_LEN];
	int err;

	if (cli->options->key == NULL)
		return AGREE_ENOKEY;
	err = agree_key_parse(key, cli->options->key);
	agree_network_free(cli->network);
	cli->network = NULL;
	cli->network_how[0] = '\0';
	return err != 0 ? err : agree_network_of_key(".", key, &cli->network);
}

/* How many of the n words are the domain. */
static size_t domain_words(const struct cli_verb *verb, const char *const *words, size_t n)
{
	if (verb->domain == OR_KEY)
		return n > 0 && ap_ticket_is(words[0], strlen(words[0])) ? 0 : 1;
	return verb->domain == NEEDED ? 1 : 0;
}

static int words_are_wrong(struct cli *cli, const struct cli_line *line,
			   const struct cli_verb *verb, bool is_verb)
{
	char words[CLI_ERROR_MAX];

	if (!is_verb && line->n_words > 1)
		snprintf(words, sizeof(words), "%.100s is not a verb of agree", line->words[0]);
	else
		snprintf(words, sizeof(words), "it is agree %s %s", verb->name, verb->words);
	return cli_report_error(cli, AGREE_EUSAGE, words);
}

int cli_run(struct cli *cli, const struct cli_line *line)
{
	const struct cli_verb *verb = line->n_words > 0 ? verb_find(line->words[0]) : NULL;
	size_t used = verb != NULL ? 1 : 0, domain, n = line->n_words - used;
	int err;

	cli->options = &line->options;
	if (verb == NULL)
		verb = &verbs[0];
	domain = domain_words(verb, line->words + used, n);
	if (n < verb->min + domain || n > verb->max + domain)
		return cli_run_failed(line, words_are_wrong(cli, line, verb, used > 0));
	err = cli_ask_configure(cli);
	if (err == 0 && domain > 0)
		err = cli_ask_network(cli, line->words[used]);
	else if (err == 0 && verb->domain == OR_KEY)
		err = network_of_key(cli);
	if (err != 0)
		return cli_run_failed(line, cli_report_error(cli, err, NULL));
	used += domain;
	return verb->run(cli, line, line->words + used, line->n_words - used);
}
