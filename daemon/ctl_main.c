/*
 * agreectl: what operators do with a network: form it, publish it, look at its replicas.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "daemon/ctl.h"

static const struct ctl_command *const commands[] = {
	&ctl_init,	&ctl_network,	    &ctl_zone,	   &ctl_fingerprint, &ctl_checkconf,
	&ctl_status,	&ctl_stats,	    &ctl_peers,	   &ctl_stop,	     &ctl_log_reopen,
	&ctl_verbosity, &ctl_believe_clock, &ctl_restored, &ctl_scrub,
};
#define N_COMMANDS (sizeof commands / sizeof commands[0])

static const struct ctl_command *command_find(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static void all_show(FILE *out)
{
	fputs("usage: agreectl COMMAND ...\n\n", out);
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(out, "  %-12s %s\n", commands[i]->name, commands[i]->help);
	fputs("\nagreectl help COMMAND shows a command's options; the manual is agreectl(8).\n",
	      out);
}

static void command_show(const struct ctl_command *command)
{
	char usage[CTL_WHY_MAX];
	struct ap_text t;

	ap_text_init(&t, usage, sizeof usage);
	ctl_usage_show(&t, command);
	printf("usage: %s\n%s.\n", usage, command->help);
	for (const struct ctl_option *o = command->options; o != NULL && o->name != NULL; o++)
		printf("%s  %s%s%-*s %s\n", o == command->options ? "\n" : "", o->name,
		       o->value != NULL ? " " : "",
		       (int)(22 - strlen(o->name) - (o->value != NULL ? 1 : 0)),
		       o->value != NULL ? o->value : "", o->help);
}

static int help(int argc, char **argv)
{
	const struct ctl_command *command;

	if (argc == 0) {
		all_show(stdout);
		return CTL_OK;
	}
	command = command_find(argv[0]);
	if (command == NULL) {
		fprintf(stderr, "agreectl: unknown command %s: see agreectl help\n", argv[0]);
		return CTL_FAILED;
	}
	command_show(command);
	return CTL_OK;
}

static bool help_is_asked(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	const struct ctl_command *command;
	struct ctl_args args;

	if (argc < 2) {
		all_show(stderr);
		return CTL_FAILED;
	}
	if (strcmp(argv[1], "-V") == 0 || strcmp(argv[1], "--version") == 0) {
		puts("agreectl " PACKAGE_VERSION);
		return CTL_OK;
	}
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "--help") == 0)
		return help(argc - 2, argv + 2);
	command = command_find(argv[1]);
	if (command == NULL || help_is_asked(argc - 2, argv + 2))
		return help(1, argv + 1);
	if (!ctl_args_parse(&args, command, argc - 2, argv + 2))
		return CTL_FAILED;
	return command->run(&args);
}
