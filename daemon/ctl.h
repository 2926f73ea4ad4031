/*
 * agreectl: one file a command, one table of them in ctl_main.c; options are tables too, from which
 * come parser, help and the manual's list.
 */
#ifndef DAEMON_CTL_H
#define DAEMON_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libproto/text.h"

#define CTL_OPTIONS_MAX 12
#define CTL_WORDS_MAX	64
#define CTL_WHY_MAX	1024

enum ctl_exit { CTL_OK = 0, CTL_FAILED = 1, CTL_NOT_RUNNING = 3 };

struct ctl_option {
	const char *name;  /* "-c" or "--ttl" */
	const char *value; /* what stands behind it, as help shows it; NULL: it has none */
	const char *help;
};

/* A command line, taken apart: value[i] belongs to options[i]; NULL: not given, "" without value.
 */
struct ctl_args {
	const struct ctl_command *command;
	const char *value[CTL_OPTIONS_MAX];
	const char *word[CTL_WORDS_MAX];
	size_t n_words;
};

struct ctl_command {
	const char *name;
	const char *words; /* as usage shows them */
	size_t words_min, words_max;
	const char *help;			 /* one line */
	const struct ctl_option *options;	 /* ends with a name that is NULL; may be NULL */
	int (*run)(const struct ctl_args *args); /* returns an enum ctl_exit */
};

/* Takes argv (behind the command's name) apart. false: it said why on standard error. */
bool ctl_args_parse(struct ctl_args *args, const struct ctl_command *command, int argc,
		    char **argv);
void ctl_usage_show(struct ap_text *t, const struct ctl_command *command);
/* `agreectl COMMAND: sentence` on standard error; returns CTL_FAILED. */
int ctl_fail(const struct ctl_args *args, const char *format, ...) AP_PRINTF(2, 3);
/* Text to standard output, all of it: CTL_OK, or CTL_FAILED and said why. */
int ctl_print(const struct ctl_args *args, const char *text, size_t len);

struct conf;
struct netfile;
/* The configuration at `path` (NULL: the default place), or said why: false. */
bool ctl_conf_load(const struct ctl_args *args, const char *path, struct conf *conf);
/* The group key that a replica has written in its data directory. 0, 1: not there yet, -1: said
 * why. */
int ctl_group_key(const struct ctl_args *args, const struct conf *conf, uint8_t key[32]);
/* A decimal number from min to max, or said which option is wrong: false. */
bool ctl_number(const struct ctl_args *args, size_t option, uint64_t min, uint64_t max,
		uint64_t *value);

extern const struct ctl_command ctl_init, ctl_network, ctl_zone, ctl_fingerprint, ctl_checkconf,
	ctl_status, ctl_stats, ctl_peers, ctl_stop, ctl_log_reopen, ctl_verbosity,
	ctl_believe_clock, ctl_restored, ctl_scrub;

#endif
