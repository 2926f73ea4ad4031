#include "config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/conf.h"
#include "daemon/ctl.h"
#include "daemon/textfile.h"
#include "libproto/name.h"

int ctl_fail(const struct ctl_args *args, const char *format, ...)
{
	va_list list;

	fprintf(stderr, "agreectl %s: ", args->command->name);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	return CTL_FAILED;
}

int ctl_print(const struct ctl_args *args, const char *text, size_t len)
{
	if (fwrite(text, 1, len, stdout) != len || fflush(stdout) != 0)
		return ctl_fail(args, "cannot write to standard output: is its disk full?");
	return CTL_OK;
}

void ctl_usage_show(struct ap_text *t, const struct ctl_command *command)
{
	ap_text_addf(t, "agreectl %s", command->name);
	for (const struct ctl_option *o = command->options; o != NULL && o->name != NULL; o++)
		ap_text_addf(t, o->value != NULL ? " [%s %s]" : " [%s]", o->name, o->value);
	ap_text_addf(t, "%s%s\n", command->words[0] != '\0' ? " " : "", command->words);
}

/* The option that `word` is, and where its value stands: in the word itself, or NULL for the next
 * one. -1: none. */
static int option_find(const struct ctl_option *options, const char *word, const char **inside)
{
	for (int i = 0; options != NULL && options[i].name != NULL; i++) {
		size_t len = strlen(options[i].name);

		if (strncmp(word, options[i].name, len) != 0)
			continue;
		*inside = NULL;
		if (word[len] == '\0')
			return i;
		if (options[i].value == NULL)
			continue;
		if (word[1] == '-' && word[len] == '=') {
			*inside = word + len + 1;
			return i;
		}
		if (word[1] != '-') {
			*inside = word + len;
			return i;
		}
	}
	return -1;
}

static bool option_take(struct ctl_args *args, int argc, char **argv, int *at)
{
	const char *word = argv[*at], *value;
	int i = option_find(args->command->options, word, &value);

	if (i < 0) {
		ctl_fail(args, "unknown option %s: see agreectl help %s", word,
			 args->command->name);
		return false;
	}
	if (args->value[i] != NULL) {
		ctl_fail(args, "%s is given twice", args->command->options[i].name);
		return false;
	}
	if (args->command->options[i].value == NULL) {
		value = "";
	} else if (value == NULL) {
		if (*at + 1 >= argc) {
			ctl_fail(args, "%s needs %s behind it", word,
				 args->command->options[i].value);
			return false;
		}
		value = argv[++*at];
	}
	args->value[i] = value;
	return true;
}

bool ctl_args_parse(struct ctl_args *args, const struct ctl_command *command, int argc, char **argv)
{
	char usage[CTL_WHY_MAX];
	struct ap_text t;
	bool options = true;

	memset(args, 0, sizeof *args);
	args->command = command;
	for (int i = 0; i < argc; i++) {
		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
		} else if (options && argv[i][0] == '-' && argv[i][1] != '\0') {
			if (!option_take(args, argc, argv, &i))
				return false;
		} else if (args->n_words < CTL_WORDS_MAX) {
			args->word[args->n_words++] = argv[i];
		} else {
			ctl_fail(args, "too many words");
			return false;
		}
	}
	if (args->n_words >= command->words_min && args->n_words <= command->words_max)
		return true;
	ap_text_init(&t, usage, sizeof usage);
	ctl_usage_show(&t, command);
	fprintf(stderr, "usage: %s", usage);
	return false;
}

bool ctl_conf_load(const struct ctl_args *args, const char *path, struct conf *conf)
{
	char sentence[CTL_WHY_MAX];
	struct ap_text why;

	ap_text_init(&why, sentence, sizeof sentence);
	if (conf_load(conf, path != NULL ? path : conf_file_default, &why) == 0)
		return true;
	ctl_fail(args, "%s", sentence);
	return false;
}

int ctl_group_key(const struct ctl_args *args, const struct conf *conf, uint8_t key[32])
{
	char path[4096 + 16], text[128], sentence[CTL_WHY_MAX];
	struct ap_text why;
	size_t len;

	snprintf(path, sizeof path, "%.4095s/group.pub", conf->data);
	if (access(path, F_OK) != 0)
		return 1;
	ap_text_init(&why, sentence, sizeof sentence);
	if (textfile_read(path, false, text, sizeof text, &len, &why) != 0) {
		ctl_fail(args, "%s", sentence);
		return -1;
	}
	while (len > 0 && text[len - 1] == '\n')
		len--;
	if (ap_key_parse(key, text, len) != 0) {
		ctl_fail(args, "%s: damaged: copy it from another member", path);
		return -1;
	}
	return 0;
}

bool ctl_number(const struct ctl_args *args, size_t option, uint64_t min, uint64_t max,
		uint64_t *value)
{
	const char *text = args->value[option];
	size_t len = strlen(text);
	uint64_t number = 0;

	for (size_t i = 0; i < len && len <= 18; i++) {
		if (text[i] < '0' || text[i] > '9')
			len = 0;
		number = number * 10 + (uint64_t)(text[i] - '0');
	}
	if (len == 0 || len > 18 || number < min || number > max) {
		ctl_fail(args, "%s: give a number from %" PRIu64 " to %" PRIu64,
			 args->command->options[option].name, min, max);
		return false;
	}
	*value = number;
	return true;
}
