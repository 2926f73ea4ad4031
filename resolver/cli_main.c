#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "resolver/cli.h"

static void help(struct cli *cli)
{
	struct ap_text t;

	cli_text_begin(cli, &t);
	ap_text_add(&t,
		    "agree [@SERVER[#PORT]] [-p PORT] [VERB] DOMAIN [ARGUMENTS] [+OPTION]...\n\n");
	cli_verbs_help(&t);
	ap_text_add(&t, "\n");
	cli_options_help(&t);
	ap_text_add(&t, "\n--option is +option. Exit status and more: agree(1)\n");
	cli_text_end(cli, &t);
}

static void command_keep(struct cli *cli, int argc, char **argv)
{
	size_t at = 0;

	for (int i = 1; i < argc && at < sizeof(cli->command); i++)
		at += (size_t)snprintf(cli->command + at, sizeof(cli->command) - at, "%s%s",
				       i > 1 ? " " : "", argv[i]);
}

static int run(struct cli *cli, struct cli_line *line, int argc, char **argv)
{
	char error[CLI_ERROR_MAX];
	int err;

	err = cli_options_parse(line, (size_t)argc - 1, (const char *const *)argv + 1, error);
	if (err != 0)
		return cli_run_failed(line, cli_report_error(cli, AGREE_EUSAGE, error));
	if (line->options.version) {
		fprintf(cli->out, "agree %s\n", agree_version());
		return CLI_EXIT_OK;
	}
	if (line->options.help || (line->n_words == 0 && line->options.batch == NULL)) {
		help(cli);
		return line->options.help ? CLI_EXIT_OK : CLI_EXIT_USAGE;
	}
	if (line->options.batch != NULL && line->n_words > 0)
		return cli_report_error(cli, AGREE_EUSAGE,
					"with -f, verbs and words are in the file");
	err = agree_ctx_new(&cli->ctx);
	if (err != 0)
		return cli_report_error(cli, err, NULL);
	if (line->options.batch != NULL)
		return cli_batch_run(cli, &line->options, line->options.batch);
	return cli_run(cli, line);
}

int main(int argc, char **argv)
{
	struct cli_line line = {.n_words = 0};
	struct cli *cli = calloc(1, sizeof(*cli));
	int status;

	if (cli == NULL || argc < 1) {
		fputs("agree: out of memory\n", stderr);
		return CLI_EXIT_INTERNAL;
	}
	cli_options_init(&line.options);
	cli->out = stdout;
	cli->err = stderr;
	cli->options = &line.options;
	command_keep(cli, argc, argv);
	status = run(cli, &line, argc, argv);
	agree_network_free(cli->network);
	agree_ctx_free(cli->ctx);
	free(cli);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fputs("agree: the result cannot be written\n", stderr);
		return CLI_EXIT_INTERNAL;
	}
	return status;
}
