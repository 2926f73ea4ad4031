#include "config.h"

#include "resolver/cli.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static unsigned long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long long)now.tv_sec * 1000 + (unsigned long long)now.tv_nsec / 1000000;
}

/* ---- what happens on the way ---- */

static void request_show(struct cli *cli, const void *octets, size_t len)
{
	struct ap_text t;

	if (!cli->options->qr || cli->options->json || cli->options->short_form)
		return;
	cli_text_begin(cli, &t);
	if (cli->options->comments)
		ap_text_add(&t, ";; Sending:\n");
	cli_show_message(&t, cli->options, octets, len);
	if (cli->options->stats)
		ap_text_addf(&t, ";; QUERY SIZE: %zu\n\n", len);
	cli_text_end(cli, &t);
}

static void event_tell(struct cli *cli, int event, const char *server, int tcp, size_t len,
		       int status, const char *text)
{
	const char *transport = tcp ? "TCP" : "UDP";

	fprintf(cli->err, "agree: %llu ms: ", now_ms() - cli->begun_ms);
	if (event == AGREE_TRACE_SENT)
		fprintf(cli->err, "sent %zu octets to %s (%s)\n", len, server, transport);
	else if (event == AGREE_TRACE_RECEIVED)
		fprintf(cli->err, "received %zu octets from %s (%s): %s\n", len, server, transport,
			status > 0    ? "proven"
			: status == 0 ? "to be asked again"
				      : text);
	else if (server[0] != '\0')
		fprintf(cli->err, "%s: %s (%s)\n", text, server, transport);
	else
		fprintf(cli->err, "%s\n", text);
}

static void answer_keep(struct cli *cli, const char *server, int tcp, const void *octets,
			size_t len)
{
	if (len > sizeof(cli->answer))
		return;
	memcpy(cli->answer, octets, len);
	cli->answer_len = len;
	cli->answer_tcp = tcp != 0;
	cli->answered_ms = now_ms();
	snprintf(cli->answer_server, sizeof(cli->answer_server), "%s", server);
}

static void traced(void *arg, int event, const char *server, int tcp, const void *octets,
		   size_t len, int status, const char *text)
{
	struct cli *cli = arg;

	if (event == AGREE_TRACE_SENT)
		request_show(cli, octets, len);
	if (event == AGREE_TRACE_RECEIVED && status > 0)
		answer_keep(cli, server, tcp, octets, len);
	if (event == AGREE_TRACE_NOTE && (status == AGREE_EKNOWN || status == AGREE_EFILE ||
					  status == AGREE_ENOKEY || status == AGREE_ENONETWORK))
		snprintf(cli->detail, sizeof(cli->detail), "%s", text);
	if (cli->options->trace)
		event_tell(cli, event, server, tcp, len, status, text);
}

/* ---- settings ---- */

/* What the row's setting is to be; "" is libagree's default. */
static const char *value_of(const struct cli *cli, const struct cli_option *row, char *number,
			    size_t size)
{
	const char *field = (const char *)cli->options + row->offset;
	long n;

	if (row->kind == CLI_TEXT) {
		const char *text = *(const char *const *)(const void *)field;

		return text != NULL ? text : "";
	}
	if (row->kind == CLI_FLAG)
		return *(const bool *)(const void *)field ? "1" : "0";
	n = *(const long *)(const void *)field;
	if (n < 0)
		return "";
	snprintf(number, size, "%ld", n * row->scale);
	return number;
}

static int rows_configure(struct cli *cli)
{
	const struct cli_option *row;
	char number[32];
	int err = 0;

	for (size_t i = 0; err == 0 && (row = cli_option_row(i)) != NULL; i++) {
		const char *value;

		if (row->setting == NULL)
			continue;
		value = value_of(cli, row, number, sizeof(number));
		if (strcmp(row->setting, "dns") == 0 && *value == '\0')
			value = getenv("AGREE_DNS");
		err = agree_ctx_set(cli->ctx, row->setting, value);
	}
	return err;
}

int cli_ask_configure(struct cli *cli)
{
	const struct cli_options *o = cli->options;
	char server[CLI_SERVER_MAX];
	int err;

	if (!cli_options_server(o, server))
		return AGREE_EADDRESS;
	err = rows_configure(cli);
	if (err == 0)
		err = agree_ctx_set(cli->ctx, "server", server);
	if (err == 0)
		err = agree_ctx_set(cli->ctx, "family",
				    o->only_v4 == o->only_v6 ? ""
				    : o->only_v4	     ? "4"
							     : "6");
	if (err == 0)
		err = agree_ctx_trace(cli->ctx, traced, cli);
	cli->begun_ms = now_ms();
	cli->answer_len = 0;
	return err;
}

/* ---- requests, one at a time ---- */

/* All that the way to a network depends on. */
static bool how_of(const struct cli *cli, const char *domain, char how[CLI_SIGNATURE_MAX])
{
	const struct cli_options *o = cli->options;
	const char *texts[] = {domain, o->key, o->dns, o->known, o->server, o->source};
	struct ap_text t;

	ap_text_init(&t, how, CLI_SIGNATURE_MAX);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ap_text_addf(&t, "%s\n", texts[i] != NULL ? texts[i] : "");
	ap_text_addf(&t, "%d%d%d%d %ld %ld", o->tofu, o->trust_ad, o->only_v4, o->only_v6, o->port,
		     o->faulty);
	return !t.cut;
}

int cli_ask_network(struct cli *cli, const char *domain)
{
	char how[CLI_SIGNATURE_MAX];
	bool is_known = how_of(cli, domain, how);
	int err;

	if (cli->network != NULL && is_known && strcmp(how, cli->network_how) == 0)
		return 0;
	agree_network_free(cli->network);
	cli->network = NULL;
	err = agree_network_find_now(cli->ctx, domain, cli->options->key, &cli->network);
	if (err != 0)
		return err;
	strcpy(cli->network_how, is_known ? how : "");
	return 0;
}

struct asked {
	int status;
	agree_outcome *outcome;
};

static void on_asked(void *arg, int status, const agree_outcome *outcome)
{
	struct asked *asked = arg;

	asked->status = status;
	asked->outcome = agree_outcome_ref(outcome);
}

static int ask_begin(struct cli *cli, agree_network *network, const struct cli_question *q,
		     int wait_ms, struct asked *asked)
{
	if (q->does == CLI_OBSERVES)
		return agree_observe(cli->ctx, network, q->ticket, wait_ms, 0, on_asked, asked,
				     NULL);
	return agree_vote(cli->ctx, network, q->ticket, q->party, q->does == CLI_APPROVES, q->value,
			  q->value != NULL ? strlen(q->value) : 0, wait_ms, 0, on_asked, asked,
			  NULL);
}

static int ask_once(struct cli *cli, agree_network *network, const struct cli_question *q,
		    int wait_ms, agree_outcome **outcome)
{
	struct asked asked = {AGREE_EINTERNAL, NULL};
	int err = ask_begin(cli, network, q, wait_ms, &asked);

	if (err == 0)
		err = agree_wait(cli->ctx, NULL, -1);
	if (err == 0)
		err = asked.status;
	*outcome = asked.outcome;
	return err;
}

int cli_ask_outcome(struct cli *cli, agree_network *network, const struct cli_question *question,
		    agree_outcome **outcome)
{
	struct cli_question q = *question;
	unsigned long long end;
	int err;

	cli->begun_ms = now_ms();
	cli->answer_len = 0;
	end = cli->begun_ms + q.wait_ms;
	for (;;) {
		unsigned long long now = now_ms(), left = end > now ? end - now : 0;

		err = ask_once(cli, network, &q, left < AGREE_WAIT_MAX ? (int)left : AGREE_WAIT_MAX,
			       outcome);
		if (err != 0 || agree_outcome_final(*outcome) || left <= AGREE_WAIT_MAX ||
		    agree_outcome_status(*outcome) == AGREE_FORGOTTEN)
			return err;
		/* one request does not wait for so long */
		agree_outcome_free(*outcome);
		q.does = CLI_OBSERVES;
	}
}
