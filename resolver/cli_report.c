#include "config.h"

#include "resolver/cli.h"

#include <string.h>
#include <time.h>

#include "libproto/errors.h"
#include "libproto/instance.h"
#include "resolver/cli_json.h"

void cli_text_begin(struct cli *cli, struct ap_text *t)
{
	ap_text_init(t, cli->text, sizeof(cli->text));
}

void cli_text_end(struct cli *cli, struct ap_text *t)
{
	(void)fwrite(t->start, 1, ap_text_len(t), cli->out);
}

static bool is_laid_out(const struct cli *cli)
{
	return !cli->options->json && !cli->options->short_form;
}

void cli_report_note(struct cli *cli, const char *text)
{
	if (cli->place != NULL)
		fprintf(cli->err, "agree: %s: %s\n", cli->place, text);
	else
		fprintf(cli->err, "agree: %s\n", text);
}

/* ---- errors ---- */

/* The one error that nobody should overlook. */
static void key_changed_tell(struct cli *cli)
{
	static const char bar[] = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@";

	fprintf(cli->err, "%s\n@      THE KEY OF THIS NETWORK IS NOT THE ONE IT HAD!       @\n%s\n",
		bar, bar);
}

int cli_report_error(struct cli *cli, int err, const char *detail)
{
	const char *text = ap_error_find(err)->text;
	char words[CLI_ERROR_MAX + 256];

	if (cli->detail[0] != '\0' && err == AGREE_ENONETWORK) {
		snprintf(words, sizeof(words), "%s", cli->detail);
		cli->detail[0] = '\0';
		return cli_report_sentence(cli, err, words);
	}
	if (cli->detail[0] != '\0' &&
	    (err == AGREE_EKNOWN || err == AGREE_EFILE || err == AGREE_ENOKEY))
		detail = cli->detail;
	else if (err == AGREE_EUSAGE && detail != NULL)
		text = "see agree -h";
	snprintf(words, sizeof(words), "%s%s%s", detail != NULL ? detail : "",
		 detail != NULL && detail[0] != '\0' ? ": " : "", text);
	cli->detail[0] = '\0';
	return cli_report_sentence(cli, err, words);
}

int cli_report_sentence(struct cli *cli, int err, const char *words)
{
	const struct ap_error *row = ap_error_find(err);
	struct cli_json j;
	struct ap_text t;

	if (err == AGREE_EKEYCHANGED)
		key_changed_tell(cli);
	cli_report_note(cli, words);
	if (cli->options->json) {
		cli_text_begin(cli, &t);
		cli_json_begin(&j, &t);
		cli_json_text(&j, "error", row->name);
		cli_json_text(&j, "text", words);
		cli_json_bool(&j, "verified", false);
		cli_json_number(&j, "status", (unsigned long long)row->status);
		cli_json_end(&j);
		cli_text_end(cli, &t);
	}
	return row->status;
}

/* ---- parts of a report ---- */

void cli_report_command(struct cli *cli)
{
	if (is_laid_out(cli) && cli->options->cmd)
		fprintf(cli->out, "\n; <<>> agree %s <<>> %s\n", agree_version(), cli->command);
}

static void when_show(struct ap_text *t)
{
	time_t now = time(NULL);
	char text[64] = "";
	struct tm tm;

	/* the C locale's names: nobody has set another one */
	if (gmtime_r(&now, &tm) != NULL)
		strftime(text, sizeof(text), "%a %b %d %H:%M:%S UTC %Y", &tm);
	ap_text_addf(t, ";; WHEN: %s\n", text);
}

static void stats_show(struct cli *cli, struct ap_text *t)
{
	size_t host = strcspn(cli->answer_server, "#");

	ap_text_addf(t, ";; Query time: %llu msec\n", cli->answered_ms - cli->begun_ms);
	ap_text_addf(t, ";; SERVER: %s(%.*s) (%s)\n", cli->answer_server, (int)host,
		     cli->answer_server, cli->answer_tcp ? "TCP" : "UDP");
	when_show(t);
	ap_text_addf(t, ";; MSG SIZE  rcvd: %zu\n\n", cli->answer_len);
}

/* Of an instance with parties that is not decided yet. */
static void tally_show(struct ap_text *t, const agree_outcome *outcome)
{
	unsigned long sides[2];
	static const char *const names[] = {"yes", "no"};
	unsigned needed = agree_outcome_needed(outcome), k;

	agree_outcome_tally(outcome, &k, &sides[0], &sides[1]);
	ap_text_addf(t, ";; TALLY: %u of the parties must agree", k);
	for (int side = 0; side < 2; side++) {
		if (sides[side] == 0)
			continue;
		ap_text_addf(t, ", %s:", names[side]);
		for (unsigned i = 0; i < AGREE_PARTIES_MAX; i++)
			if ((sides[side] >> i & 1) != 0)
				ap_text_addf(t, " %u", i);
	}
	if (needed > 0)
		ap_text_addf(t, ", %u more needed", needed);
	ap_text_add(t, "\n");
}

static bool has_tally(const struct cli_result *r)
{
	unsigned long yes, no;
	unsigned k;

	agree_outcome_tally(r->outcome, &k, &yes, &no);
	return k > 0 && (r->parties > 0 || k > 1 || (yes | no) != 0);
}

/* The line that is ours. */
static void agreement_show(struct ap_text *t, const struct cli_result *r)
{
	int reason = agree_outcome_reason(r->outcome);

	ap_text_addf(t, ";; AGREEMENT: %s", agree_status_text(agree_outcome_status(r->outcome)));
	if (reason != AGREE_REASON_NONE)
		ap_text_addf(t, " (%s)", agree_reason_text(reason));
	if (cli_exit_of_outcome(r->outcome, r->proposed) == CLI_EXIT_OTHERWISE)
		ap_text_add(t, " otherwise than proposed");
	ap_text_addf(t, ", sequence %llu, epoch %lu, signature: good (key from %s)\n",
		     agree_outcome_sequence(r->outcome), agree_outcome_epoch(r->outcome), r->trust);
	if (has_tally(r))
		tally_show(t, r->outcome);
	if (r->ticket[0] != '\0')
		ap_text_addf(t, ";; TICKET: %s\n", r->ticket);
}

/* The record alone, where there is no message that it came in. */
static void record_show(struct cli *cli, struct ap_text *t, const struct cli_result *r)
{
	size_t len;
	const void *wire = agree_outcome_wire(r->outcome, &len);

	if (!cli->options->answer)
		return;
	ap_text_addf(t, "%s.\t0\tIN\t%s\t", r->name, cli->options->generic ? "TYPE65400" : "AGREE");
	cli_show_rdata(t, cli->options, AP_RR_AGREE, (ap_bytes){wire, len});
	ap_text_add(t, "\n\n");
}

/* ---- outcomes ---- */

static void outcome_short(struct cli *cli, const struct cli_result *r)
{
	struct ap_text t;
	size_t len;
	const void *value = agree_outcome_value(r->outcome, &len);

	if (value != NULL) {
		cli_text_begin(cli, &t);
		ap_text_hostile(&t, value, len, AP_TEXT_WHOLE);
		ap_text_add(&t, "\n");
		cli_text_end(cli, &t);
	}
	if (cli_exit_of_outcome(r->outcome, r->proposed) == CLI_EXIT_OTHERWISE)
		cli_report_note(cli, "decided otherwise than proposed");
	else if (value == NULL)
		cli_report_note(cli, agree_status_text(agree_outcome_status(r->outcome)));
}

static void json_value(struct cli_json *j, const agree_outcome *outcome)
{
	size_t len;
	const void *value = agree_outcome_value(outcome, &len);

	if (value != NULL && ap_utf8_is(value, len))
		cli_json_octets(j, "value", value, len);
	else
		cli_json_null(j, "value");
	if (value != NULL)
		cli_json_hex(j, "value_hex", value, len);
	else
		cli_json_null(j, "value_hex");
}

/* In an open instance k is 1 and nobody has a vote of his own. */
static void json_tally(struct cli_json *j, const agree_outcome *outcome)
{
	unsigned long yes, no;
	char text[64];
	unsigned k;

	agree_outcome_tally(outcome, &k, &yes, &no);
	if (k == 0)
		return;
	snprintf(text, sizeof(text), "k=%u yes=%lx no=%lx", k, yes, no);
	cli_json_text(j, "tally", text);
}

static void outcome_json(struct cli *cli, const struct cli_result *r)
{
	unsigned char id[AGREE_ID_LEN];
	char label[AP_ID_TEXT + 1];
	struct cli_json j;
	struct ap_text t;

	agree_outcome_id(r->outcome, id);
	ap_label_of_id(label, id);
	cli_text_begin(cli, &t);
	cli_json_begin(&j, &t);
	cli_json_text(&j, "outcome", agree_status_text(agree_outcome_status(r->outcome)));
	if (agree_outcome_reason(r->outcome) != AGREE_REASON_NONE)
		cli_json_text(&j, "reason", agree_reason_text(agree_outcome_reason(r->outcome)));
	json_value(&j, r->outcome);
	cli_json_text(&j, "id", label);
	cli_json_text(&j, "name", r->name);
	if (r->ticket[0] != '\0')
		cli_json_text(&j, "ticket", r->ticket);
	else
		cli_json_null(&j, "ticket");
	cli_json_number(&j, "sequence", agree_outcome_sequence(r->outcome));
	if (agree_outcome_time(r->outcome) != 0)
		cli_json_time(&j, "time", agree_outcome_time(r->outcome));
	else
		cli_json_null(&j, "time");
	json_tally(&j, r->outcome);
	if (has_tally(r) && agree_outcome_status(r->outcome) == AGREE_PENDING)
		cli_json_number(&j, "needed", agree_outcome_needed(r->outcome));
	cli_json_number(&j, "epoch", agree_outcome_epoch(r->outcome));
	cli_json_bool(&j, "verified", true); /* others are never shown */
	cli_json_text(&j, "trust", r->trust);
	cli_json_text(&j, "server", agree_outcome_server(r->outcome));
	cli_json_end(&j);
	cli_text_end(cli, &t);
}

static void outcome_text(struct cli *cli, const struct cli_result *r)
{
	struct ap_text t;

	cli_text_begin(cli, &t);
	if (cli->answer_len > 0)
		cli_show_message(&t, cli->options, cli->answer, cli->answer_len);
	else
		record_show(cli, &t, r);
	if (cli->options->comments)
		agreement_show(&t, r);
	if (cli->options->stats && cli->answer_len > 0)
		stats_show(cli, &t);
	cli_text_end(cli, &t);
}

void cli_report_outcome(struct cli *cli, const struct cli_result *result)
{
	if (cli->options->json)
		outcome_json(cli, result);
	else if (cli->options->short_form)
		outcome_short(cli, result);
	else
		outcome_text(cli, result);
}

/* ---- tickets ---- */

void cli_report_ticket(struct cli *cli, const struct cli_result *r, const uint8_t *id)
{
	char label[AP_ID_TEXT + 1];
	uint64_t deadline = ap_id_deadline(id);
	struct cli_json j;
	struct ap_text t;

	ap_label_of_id(label, id);
	cli_text_begin(cli, &t);
	if (cli->options->json) {
		cli_json_begin(&j, &t);
		cli_json_text(&j, "ticket", r->ticket);
		cli_json_text(&j, "id", label);
		cli_json_text(&j, "name", r->name);
		cli_json_time(&j, "deadline", deadline * 1000);
		cli_json_number(&j, "parties", r->parties);
		cli_json_bool(&j, "draft", r->is_draft);
		cli_json_end(&j);
	} else if (cli->options->short_form) {
		ap_text_addf(&t, "%s\n", r->ticket);
	} else {
		if (cli->options->comments) {
			ap_text_addf(&t, ";; INSTANCE: %s\n;; DEADLINE: ", r->name);
			ap_text_time(&t, deadline * 1000);
			ap_text_add(&t, "\n");
			if (r->is_draft)
				ap_text_add(&t, ";; DRAFT: parties have yet to add their locks, "
						"each with: agree lock TICKET INDEX\n");
		}
		ap_text_addf(&t, "%s\n", r->ticket);
	}
	cli_text_end(cli, &t);
}

/* ---- networks ---- */

static const struct {
	const char *name, *json, *before, *behind;
} numbers[] = {
	{"n", "n", "replicas ", ""},
	{"f", "f", "of which may fail ", ""},
	{"e", "epoch", "epoch ", ""},
	{"r", "retention", "retention ", " s"},
};

static void network_json(struct cli *cli, const agree_network *network, const char *key)
{
	unsigned long long number;
	char where[4096];
	struct cli_json j;
	struct ap_text t, w;

	ap_text_init(&w, where, sizeof(where));
	for (size_t i = 0; i < agree_network_replicas(network); i++)
		ap_text_addf(&w, "%s%s %s", i > 0 ? ", " : "",
			     agree_network_replica_name(network, i),
			     agree_network_replica_server(network, i));
	cli_text_begin(cli, &t);
	cli_json_begin(&j, &t);
	cli_json_text(&j, "domain", agree_network_domain(network));
	cli_json_text(&j, "key", key);
	cli_json_text(&j, "trust", agree_trust_text(agree_network_trust(network)));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (agree_network_number(network, numbers[i].name, &number) == 0)
			cli_json_number(&j, numbers[i].json, number);
	cli_json_text(&j, "replicas", where);
	cli_json_end(&j);
	cli_text_end(cli, &t);
}

static void network_text(struct cli *cli, const agree_network *network, const char *key)
{
	unsigned long long number;
	struct ap_text t;
	bool any = false;

	cli_text_begin(cli, &t);
	if (cli->options->comments) {
		ap_text_addf(&t, ";; NETWORK: %s\n;; KEY: %s (from %s)\n;; SAYS:",
			     agree_network_domain(network), key,
			     agree_trust_text(agree_network_trust(network)));
		for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
			if (agree_network_number(network, numbers[i].name, &number) != 0)
				continue;
			ap_text_addf(&t, "%s %s%llu%s", any ? "," : "", numbers[i].before, number,
				     numbers[i].behind);
			any = true;
		}
		ap_text_add(&t, any ? "\n\n" : " nothing\n\n");
		ap_text_add(&t, ";; REPLICAS, in the order in which they are asked:\n");
	}
	for (size_t i = 0; i < agree_network_replicas(network); i++)
		ap_text_addf(&t, "%s\t%s\n", agree_network_replica_name(network, i),
			     agree_network_replica_server(network, i));
	cli_text_end(cli, &t);
}

void cli_report_network(struct cli *cli, const agree_network *network)
{
	unsigned char octets[AGREE_KEY_LEN];
	char key[64];
	struct ap_text t;

	agree_network_key(network, octets);
	ap_text_init(&t, key, sizeof(key));
	ap_base64url_show(&t, octets, sizeof(octets));
	if (cli->options->json)
		network_json(cli, network, key);
	else if (cli->options->short_form)
		fprintf(cli->out, "%s\n", key);
	else
		network_text(cli, network, key);
}
