/* What needs no network: verify, show. */
#include "config.h"

#include "resolver/cli.h"

#include <string.h>

#include "libproto/crypto.h"
#include "libproto/instance.h"
#include "resolver/cli_json.h"
#include "resolver/cli_proof.h"

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

int cli_run_verify(struct cli *cli, const struct cli_line *line, const char *const *words, size_t n)
{
	static struct cli_proof proof;
	struct cli_result result = {.outcome = NULL};
	unsigned char key[AGREE_KEY_LEN];
	agree_outcome *outcome = NULL;
	char label[AP_ID_TEXT + 1];
	int err = cli_proof_load(words[0], &proof), status;

	(void)line;
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

static bool lock_is_there(const ap_descriptor *descriptor, size_t i)
{
	static const ap_lock none;

	return i < descriptor->n_locks && memcmp(&descriptor->locks[i], &none, sizeof(none)) != 0;
}

static bool is_draft(const ap_descriptor *descriptor)
{
	bool is = false;

	for (size_t i = 0; i < ap_terms_hash_parties(&descriptor->terms); i++)
		is = is || !lock_is_there(descriptor, i);
	return is;
}

static void terms_json(struct cli *cli, const ap_descriptor *descriptor, const char *id)
{
	const ap_terms *terms = &descriptor->terms;
	struct cli_json j;
	struct ap_text t;

	cli_text_begin(cli, &t);
	cli_json_begin(&j, &t);
	cli_json_octets(&j, "label", terms->label.data, terms->label.len);
	cli_json_number(&j, "k", terms->k);
	cli_json_number(&j, "parties", terms->n_parties);
	cli_json_bool(&j, "draft", is_draft(descriptor));
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

/* Each has a key, or a pair of locks, which in a draft may be missing. */
static void parties_text(struct ap_text *t, const ap_descriptor *descriptor)
{
	const ap_terms *terms = &descriptor->terms;
	size_t lock = 0;

	for (unsigned i = 0; i < terms->n_parties; i++) {
		ap_text_addf(t, "\nparty %-3u ", i);
		if (terms->parties[i].key.present) {
			ap_base64url_show(t, terms->parties[i].key.it.octets, AGREE_KEY_LEN);
			continue;
		}
		ap_text_addf(t, "votes with secrets%s",
			     lock_is_there(descriptor, lock) ? "" : ", locks missing");
		lock++;
	}
}

static void terms_text(struct cli *cli, const ap_descriptor *descriptor, const char *id)
{
	const ap_terms *terms = &descriptor->terms;
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
	parties_text(&t, descriptor);
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

int cli_run_show(struct cli *cli, const struct cli_line *line, const char *const *words, size_t n)
{
	unsigned char key[AGREE_KEY_LEN];
	uint8_t room[AP_TICKET_OCTETS], id[AP_ID_LEN];
	bool has_key = cli->options->key != NULL;
	char label[AP_ID_TEXT + 1] = "";
	ap_descriptor descriptor;
	int err = has_key ? agree_key_parse(key, cli->options->key) : 0;

	(void)line;
	(void)n;
	if (err == 0)
		err = ticket_read(words[0], has_key ? key : NULL, room, &descriptor);
	if (err != 0)
		return cli_report_error(cli, err, NULL);
	if (has_key && ap_instance_id(ap_sha256, id, key, &descriptor.terms))
		ap_label_of_id(label, id);
	cli_report_command(cli);
	if (cli->options->json)
		terms_json(cli, &descriptor, label);
	else
		terms_text(cli, &descriptor, label);
	return CLI_EXIT_OK;
}
