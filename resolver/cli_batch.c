#include "config.h"

#include "resolver/cli.h"

#include <string.h>

enum { LINE_LEN_MAX = 8192, BATCH_WORDS_MAX = 64 };

int cli_batch_split(char *line, const char **words, int max)
{
	char *from = line, *to;
	int n = 0;

	for (;;) {
		bool quoted = false;

		from += strspn(from, " \t\r\n");
		if (*from == '\0')
			return n;
		if (n == max)
			return -1;
		words[n++] = to = from;
		for (; *from != '\0' && (quoted || strchr(" \t\r\n", *from) == NULL); from++) {
			if (*from == '"') {
				quoted = !quoted;
				continue;
			}
			if (*from == '\\' && from[1] != '\0')
				from++;
			*to++ = *from;
		}
		if (quoted)
			return -1;
		if (*from != '\0')
			from++;
		*to = '\0';
	}
}

static int line_run(struct cli *cli, const struct cli_options *base, char *text)
{
	const char *words[BATCH_WORDS_MAX];
	struct cli_line line = {.options = *base};
	char error[CLI_ERROR_MAX];
	int n;

	cli->options = base;
	n = cli_batch_split(text, words, BATCH_WORDS_MAX);
	if (n < 0)
		return cli_report_error(cli, AGREE_EUSAGE,
					"a quote that is not closed, or too many words");
	if (cli_options_parse(&line, (size_t)n, words, error) != 0)
		return cli_report_error(cli, AGREE_EUSAGE, error);
	if (line.options.batch != NULL)
		return cli_report_error(cli, AGREE_EUSAGE, "-f cannot be used in a batch file");
	return cli_run(cli, &line);
}

static bool is_blank(const char *text)
{
	text += strspn(text, " \t\r\n");
	return *text == '\0' || *text == '#' || *text == ';';
}

int cli_batch_run(struct cli *cli, const struct cli_options *base, const char *path)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *file = is_stdin ? stdin : fopen(path, "re");
	struct cli_options options = *base;
	char text[LINE_LEN_MAX], place[512];
	int worst = CLI_EXIT_OK;
	unsigned long number = 0;

	options.batch = NULL;
	cli->options = &options;
	if (file == NULL) {
		(void)cli_report_error(cli, AGREE_EFILE, path);
		return CLI_EXIT_BATCH;
	}
	while (fgets(text, sizeof(text), file) != NULL) {
		snprintf(place, sizeof(place), "%.400s:%lu", path, ++number);
		cli->place = place;
		if (strchr(text, '\n') == NULL && !feof(file)) {
			cli_report_note(cli, "line too long");
			worst = cli_exit_worse(worst, CLI_EXIT_BATCH);
			break;
		}
		if (is_blank(text))
			continue;
		snprintf(cli->command, sizeof(cli->command), "%.*s", (int)strcspn(text, "\r\n"),
			 text);
		worst = cli_exit_worse(worst, line_run(cli, &options, text));
		fflush(cli->out);
	}
	if (ferror(file)) {
		cli->place = path;
		cli_report_note(cli, "cannot be read");
		worst = cli_exit_worse(worst, CLI_EXIT_BATCH);
	}
	if (!is_stdin)
		fclose(file);
	cli->place = NULL;
	return worst;
}
