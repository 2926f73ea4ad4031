#include "config.h"

#include "resolver/cli.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libproto/crypto.h"
#include "libproto/instance.h"
#include "libproto/when.h"
#include "resolver/cli_json.h"
#include "resolver/cli_proof.h"

static const char default_deadline[] = "1h";

/* ---- tickets from what was typed ---- */

/* In so many seconds from now: an instance that nobody else has; or at a time: everybody's. */
static int deadline_read(const struct cli *cli, uint64_t *seconds, bool *is_fresh)
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

static int ticket_make(struct cli *cli, const char *label, uint64_t seconds, bool is_fresh,
		       agree_ticket **ticket)
{
	agree_terms *terms;
	int err = agree_terms_new(&terms);

	if (err != 0)
		return err;
	err = agree_terms_label(terms, label, strlen(label));
	if (err == 0)
		err = agree_terms_deadline(terms, seconds);
	if (err == 0 && is_fresh)
		err = agree_terms_fresh(terms);
	if (err == 0)
		err = agree_ticket_new(cli->network, terms, ticket);
	agree_terms_free(terms);
	return err;
}

/* LABEL or TICKET, to propose to. */
static int ticket_to_propose(struct cli *cli, const char *word, agree_ticket **ticket)
{
	uint64_t seconds;
	bool is_fresh;
	int err;

	if (ap_ticket_is(word, strlen(word))) {
		if (cli->options->deadline != NULL)
			cli_report_note(cli, "+deadline= changes nothing: the ticket has its own");
		return agree_ticket_parse(cli->network, word, ticket);
	}
	err = deadline_read(cli, &seconds, &is_fresh);
	return err != 0 ? err : ticket_make(cli, word, seconds, is_fresh, ticket);
}

/* TICKET, ID, or LABEL with the deadline that everybody used. */
static int ticket_to_get(struct cli *cli, const char *word, agree_ticket **ticket,
			 const char **detail)
{
	uint64_t seconds;
	bool is_fresh;
	int err = agree_ticket_parse(cli->network, word, ticket);

	if (err != AGREE_EID)
		return err;
	*detail = "not an instance: give its ticket, its id of 60 characters, or its label and the "
		  "+deadline=TIME (RFC 3339) that it was proposed with";
	if (cli->options->deadline == NULL)
		return AGREE_EID;
	err = deadline_read(cli, &seconds, &is_fresh);
	if (err == 0 && is_fresh)
		err = AGREE_ETIME;
	*detail = NULL;
	if (err != 0)
		return err;
	return ticket_make(cli, word, seconds, false, ticket);
}

static int result_fill(struct cli_result *result, const agree_network *network,
		       const agree_ticket *ticket)
{
	size_t size = sizeof(result->name);
	int err = agree_ticket_name(ticket, result->name, &size);

	if (err != 0)
		return err;
	size = sizeof(result->ticket);
	err = agree_ticket_text(ticket, result->ticket, &size);
	if (err == AGREE_ETICKET)
		result->ticket[0] = '\0';
	else if (err != 0)
		return err;
	snprintf(result->domain, sizeof(result->domain), "%s", agree_network_domain(network));
	result->trust = agree_trust_text(agree_network_trust(network));
	return 0;
}

/* ---- propose, get ---- */

static int proof_save(struct cli *cli, const struct cli_result *r)
{
	static struct cli_proof proof;
	const void *wire;

	if (cli->options->proof == NULL)
		return 0;
	memset(&proof, 0, sizeof(proof));
	strcpy(proof.domain, r->domain);
	strcpy(proof.ticket, r->ticket);
	agree_outcome_id(r->outcome, proof.id);
	wire = agree_outcome_wire(r->outcome, &proof.record_len);
	if (proof.record_len > sizeof(proof.record))
		return AGREE_EINTERNAL;
	memcpy(proof.record, wire, proof.record_len);
	return cli_proof_save(cli->options->proof, &proof);
}

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

static int ask_one(struct cli *cli, agree_network *network, const agree_ticket *ticket,
		   const char *value, int wait_ms)
{
	struct cli_result result = {.proposed = value};
	agree_outcome *outcome = NULL;
	int err = result_fill(&result, network, ticket), status;

	if (err == 0)
		err = cli_ask_outcome(cli, network, ticket, value, wait_ms, &outcome);
	if (err != 0)
		return cli_report_error(cli, err, NULL);
	result.outcome = outcome;
	cli_report_outcome(cli, &result);
	status = cli_exit_of_outcome(outcome, value);
	err = proof_save(cli, &result);
	if (err != 0)
		status = proof_is_not_saved(cli, err);
	agree_outcome_free(outcome);
	return status;
}

static int ask_each(struct cli *cli, const agree_ticket *ticket, const char *value, int wait_ms)
{
	int worst = CLI_EXIT_OK;

	for (size_t i = 0; i < agree_network_replicas(cli->network); i++) {
		agree_network *one;
		int err = agree_network_only(cli->network, i, &one);

		if (err != 0)
			return cli_report_error(cli, err, NULL);
		worst = cli_exit_worse(worst, ask_one(cli, one, ticket, value, wait_ms));
		agree_network_free(one);
	}
	return worst;
}

static int ask(struct cli *cli, agree_ticket *ticket, const char *value, int wait_ms)
{
	int status;

	cli_report_command(cli);
	if (cli->options->replicas)
		status = ask_each(cli, ticket, value, wait_ms);
	else
		status = ask_one(cli, cli->network, ticket, value, wait_ms);
	agree_ticket_free(ticket);
	return status;
}

static int run_propose(struct cli *cli, const char *const *words, size_t n)
{
	agree_ticket *ticket;
	int err = strlen(words[1]) > AGREE_VALUE_MAX ? AGREE_EVALUE : 0;

	(void)n;
	if (err == 0)
		err = ticket_to_propose(cli, words[0], &ticket);
	return err != 0 ? cli_report_error(cli, err, NULL) : ask(cli, ticket, words[1], 0);
}

static int run_get(struct cli *cli, const char *const *words, size_t n)
{
	uint64_t wait_s = 0;
	agree_ticket *ticket;
	const char *detail = NULL;
	int err = 0;

	(void)n;
	if (cli->options->wait != NULL)
		err = ap_duration_parse(&wait_s, cli->options->wait);
	if (err == 0 && wait_s > AGREE_WAIT_MAX / 1000)
		err = AGREE_ETIME;
	if (err == 0)
		err = ticket_to_get(cli, words[0], &ticket, &detail);
	if (err != 0 && detail != NULL)
		return cli_report_sentence(cli, err, detail);
	if (err != 0)
		return cli_report_error(cli, err, NULL);
	return ask(cli, ticket, NULL, (int)wait_s * 1000);
}

/* ---- info, new ---- */

static int run_info(struct cli *cli, const char *const *words, size_t n)
{
	(void)words;
	(void)n;
	cli_report_command(cli);
	cli_report_network(cli, cli->network);
	return CLI_EXIT_OK;
}

static int run_new(struct cli *cli, const char *const *words, size_t n)
{
	struct cli_result result = {.outcome = NULL};
	unsigned char id[AGREE_ID_LEN];
	agree_ticket *ticket = NULL;
	uint64_t seconds;
	bool is_fresh;
	int err = deadline_read(cli, &seconds, &is_fresh);

	/* everybody's instances have a name, one's own needs none */
	if (err == 0 && n == 0 && !is_fresh)
		return cli_report_error(cli, AGREE_ELABEL, "an absolute deadline needs a label");
	if (err == 0)
		err = ticket_make(cli, n > 0 ? words[0] : "new", seconds, is_fresh, &ticket);
	if (err == 0)
		err = result_fill(&result, cli->network, ticket);
	if (err != 0) {
		agree_ticket_free(ticket);
		return cli_report_error(cli, err, NULL);
	}
	agree_ticket_id(ticket, id);
	cli_report_command(cli);
	cli_report_ticket(cli, &result, id);
	agree_ticket_free(ticket);
	return CLI_EXIT_OK;
}

/* ---- verify, show: without a network ---- */

static int key_choose(struct cli *cli, const char *domain, unsigned char key[AGREE_KEY_LEN],
		      const char **trust)
{
	int err;

	*trust = agree_trust_text(AGREE_TRUST_CALLER);
	if (cli->options->key != NULL)
		return agree_key_parse(key, cli->options->key);
	*trust = agree_trust_text(AGREE_TRUST_KNOWN);
	err = agree_known_key(cli->ctx, domain, key);
	return err == AGREE_EDOMAIN ? AGREE_EPROOFFILE : err;
}

static int run_verify(struct cli *cli, const char *const *words, size_t n)
{
	static struct cli_proof proof;
	struct cli_result result = {.outcome = NULL};
	unsigned char key[AGREE_KEY_LEN];
	agree_outcome *outcome = NULL;
	char label[AP_ID_TEXT + 1];
	int err = cli_proof_load(words[0], &proof), status;

	(void)n;
	if (err == 0)
		err = key_choose(cli, proof.domain, key, &result.trust);
	if (err == 0)
		err = cli_proof_check(&proof, key, &outcome);
	if (err == AGREE_ENOKEY)
		return cli_report_sentence(cli, err,
					   "no trusted key for the network of this proof: give "
					   "+key=, or +known=FILE with a line for it");
	if (err != 0)
		return cli_report_error(cli, err, words[0]);
	ap_label_of_id(label, proof.id);
	snprintf(result.name, sizeof(result.name), "%s.%.*s", label,
		 (int)(sizeof(result.name) - sizeof(label) - 1), proof.domain);
	strcpy(result.domain, proof.domain);
	strcpy(result.ticket, proof.ticket);
	result.outcome = outcome;
	cli_report_command(cli);
	cli_report_outcome(cli, &result);
	status = cli_exit_of_outcome(outcome, NULL);
	agree_outcome_free(outcome);
	return status;
}

/* Without a key the check octets cannot be checked, and there is no id. */
static int ticket_read(const char *text, const uint8_t *key, uint8_t room[AP_TICKET_OCTETS],
		       ap_descriptor *descriptor)
{
	size_t skip = strlen(AP_TICKET_PREFIX), len = strlen(text);
	struct ap_reader r;
	int n;

	if (key != NULL)
		return ap_ticket_parse(descriptor, room, key, text, len);
	if (!ap_ticket_is(text, len))
		return AGREE_ETICKET;
	n = ap_base64url_parse(room, AP_TICKET_OCTETS, text + skip, len - skip);
	if (n < 4)
		return AGREE_ETICKET;
	ap_reader_init(&r, room, (size_t)n - 4);
	ap_descriptor_get(&r, descriptor);
	if (!ap_reader_done(&r))
		return AGREE_ETICKET;
	return ap_descriptor_check_draft(descriptor) == NULL ? 0 : AGREE_ETICKETTERMS;
}

static void terms_json(struct cli *cli, const ap_terms *terms, const char *id)
{
	struct cli_json j;
	struct ap_text t;

	cli_text_begin(cli, &t);
	cli_json_begin(&j, &t);
	cli_json_octets(&j, "label", terms->label.data, terms->label.len);
	cli_json_number(&j, "k", terms->k);
	cli_json_number(&j, "parties", terms->n_parties);
	if (terms->start != 0)
		cli_json_time(&j, "start", terms->start * 1000);
	cli_json_time(&j, "deadline", terms->deadline * 1000);
	if (terms->fixed.present)
		cli_json_hex(&j, "fixed_hex", terms->fixed.it.data, terms->fixed.it.len);
	cli_json_hex(&j, "salt", terms->salt.octets, sizeof(terms->salt.octets));
	if (id[0] != '\0')
		cli_json_text(&j, "id", id);
	else
		cli_json_null(&j, "id");
	cli_json_bool(&j, "checked", id[0] != '\0');
	cli_json_end(&j);
	cli_text_end(cli, &t);
}

static void terms_text(struct cli *cli, const ap_terms *terms, const char *id)
{
	struct ap_text t;

	cli_text_begin(cli, &t);
	ap_text_add(&t, "label:    \"");
	ap_text_hostile(&t, terms->label.data, terms->label.len, 0);
	ap_text_add(&t, "\"\nkind:     ");
	if (ap_terms_is_open(terms))
		ap_text_add(&t, "open, the first proposal decides");
	else
		ap_text_addf(&t, "%u of %u parties decide", (unsigned)terms->k,
			     (unsigned)terms->n_parties);
	if (terms->start != 0) {
		ap_text_add(&t, "\nstart:    ");
		ap_text_time(&t, terms->start * 1000);
	}
	ap_text_add(&t, "\ndeadline: ");
	ap_text_time(&t, terms->deadline * 1000);
	if (terms->fixed.present) {
		ap_text_add(&t, "\nvalue:    \"");
		ap_text_hostile(&t, terms->fixed.it.data, terms->fixed.it.len, 0);
		ap_text_add(&t, "\" only");
	}
	ap_text_add(&t, "\nsalt:     ");
	ap_text_hex(&t, terms->salt.octets, sizeof(terms->salt.octets));
	ap_text_addf(&t, "\nid:       %s\n",
		     id[0] != '\0' ? id : "give +key= for it, and to have the ticket checked");
	cli_text_end(cli, &t);
}

static int run_show(struct cli *cli, const char *const *words, size_t n)
{
	unsigned char key[AGREE_KEY_LEN];
	uint8_t room[AP_TICKET_OCTETS], id[AP_ID_LEN];
	bool has_key = cli->options->key != NULL;
	char label[AP_ID_TEXT + 1] = "";
	ap_descriptor descriptor;
	int err = has_key ? agree_key_parse(key, cli->options->key) : 0;

	(void)n;
	if (err == 0)
		err = ticket_read(words[0], has_key ? key : NULL, room, &descriptor);
	if (err != 0)
		return cli_report_error(cli, err, NULL);
	if (has_key && ap_instance_id(ap_sha256, id, key, &descriptor.terms))
		ap_label_of_id(label, id);
	cli_report_command(cli);
	if (cli->options->json)
		terms_json(cli, &descriptor.terms, label);
	else
		terms_text(cli, &descriptor.terms, label);
	return CLI_EXIT_OK;
}

/* ---- the table ---- */

static const struct cli_verb {
	const char *name;
	size_t min, max; /* words behind verb and domain */
	bool has_domain;
	int (*run)(struct cli *cli, const char *const *words, size_t n);
	const char *words, *help;
} verbs[] = {
	{"info", 0, 0, true, run_info, "DOMAIN",
	 "find the network, show its key and replicas; the default"},
	{"new", 0, 1, true, run_new, "DOMAIN [LABEL]", "make an instance, print its ticket"},
	{"propose", 2, 2, true, run_propose, "DOMAIN LABEL|TICKET VALUE",
	 "propose a value; the first one decides"},
	{"get", 1, 1, true, run_get, "DOMAIN TICKET|ID|LABEL", "ask for the outcome"},
	{"verify", 1, 1, false, run_verify, "FILE", "prove what +proof= has saved, offline"},
	{"show", 1, 1, false, run_show, "TICKET", "show what a ticket says"},
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

int cli_run(struct cli *cli, const struct cli_line *line)
{
	const struct cli_verb *verb = line->n_words > 0 ? verb_find(line->words[0]) : NULL;
	size_t used = verb != NULL ? 1 : 0, n;
	char words[CLI_ERROR_MAX];
	int err;

	cli->options = &line->options;
	if (verb == NULL)
		verb = &verbs[0];
	n = line->n_words - used;
	if (n < verb->min + verb->has_domain || n > verb->max + verb->has_domain) {
		if (used == 0 && n > 1)
			snprintf(words, sizeof(words), "%.100s is not a verb of agree",
				 line->words[0]);
		else
			snprintf(words, sizeof(words), "it is agree %s %s", verb->name,
				 verb->words);
		return cli_report_error(cli, AGREE_EUSAGE, words);
	}
	err = cli_ask_configure(cli);
	if (err == 0 && verb->has_domain)
		err = cli_ask_network(cli, line->words[used++]);
	if (err != 0)
		return cli_report_error(cli, err, NULL);
	return verb->run(cli, line->words + used, line->n_words - used);
}
