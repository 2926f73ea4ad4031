/*
 * agreectl checkconf, agreectl fingerprint: what can be looked at without a running replica.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "daemon/ctl.h"
#include "daemon/self.h"

enum { OPT_CONF, OPT_KEY };
static const struct ctl_option check_options[] = {
	[OPT_CONF] = {"-c", "FILE", "configuration (the one that agreed reads)"},
	[OPT_KEY] = {"-o", "KEY", "only print the value of this attribute"},
	{NULL, NULL, NULL},
};

static int value_print(const struct ctl_args *args, const struct conf *conf, const char *key)
{
	char text[8192];
	struct ap_text t;

	ap_text_init(&t, text, sizeof text);
	if (!conf_get(&t, conf, key))
		return ctl_fail(args, "%s: no such attribute: see agreed.conf(5)", key);
	return ctl_print(args, text, ap_text_len(&t));
}

/* The files that it names are read too, and have to belong together. */
static int files_check(const struct ctl_args *args, const struct conf *conf)
{
	char sentence[CTL_WHY_MAX];
	struct ap_text why;
	struct self self;
	int result;

	ap_text_init(&why, sentence, sizeof sentence);
	result = self_load(&self, conf, &why);
	if (result != 0)
		return ctl_fail(args, "%s", sentence);
	printf("no errors: replica %u, %s, of %s\n", (unsigned)self.id,
	       self.net.members[self.id - 1].name, self.net.domain);
	self_wipe(&self);
	return CTL_OK;
}

static int check_run(const struct ctl_args *args)
{
	struct conf conf;
	int result;

	if (!ctl_conf_load(args, args->value[OPT_CONF], &conf))
		return CTL_FAILED;
	result = args->value[OPT_KEY] != NULL ? value_print(args, &conf, args->value[OPT_KEY])
					      : files_check(args, &conf);
	conf_clear(&conf);
	return result;
}

enum { OPT_PRINT_CONF, OPT_PRINT_NETWORK };
static const struct ctl_option print_options[] = {
	[OPT_PRINT_CONF] = {"-c", "FILE", "configuration of a replica"},
	[OPT_PRINT_NETWORK] = {"--network", "FILE",
			       "network file alone, before there is a replica"},
	{NULL, NULL, NULL},
};

static int fingerprint_print(const struct ctl_args *args, const struct netfile *net,
			     const uint8_t *key)
{
	char text[CTL_WHY_MAX + AP_NAME_TEXT];
	struct ap_text t;

	ap_text_init(&t, text, sizeof text);
	ap_text_addf(&t, "domain: %s\nmembers: %u, of which %u may fail\ngenesis: ", net->domain,
		     (unsigned)net->n, (unsigned)net->f);
	ap_text_hex(&t, net->genesis, sizeof net->genesis);
	ap_text_add(&t, "\ngroup key: ");
	if (key != NULL)
		ap_base64url_show(&t, key, 32);
	else
		ap_text_add(&t, "none here yet");
	ap_text_add(&t, "\n");
	return ctl_print(args, text, ap_text_len(&t));
}

static int print_run(const struct ctl_args *args)
{
	const char *file = args->value[OPT_PRINT_NETWORK];
	char sentence[CTL_WHY_MAX];
	struct conf conf = {0};
	struct netfile net;
	struct ap_text why;
	uint8_t key[32];
	int result, have = 1;

	if (file == NULL && !ctl_conf_load(args, args->value[OPT_PRINT_CONF], &conf))
		return CTL_FAILED;
	ap_text_init(&why, sentence, sizeof sentence);
	result = netfile_load(&net, file != NULL ? file : conf.network, &why);
	if (result == 0 && file == NULL)
		have = ctl_group_key(args, &conf, key);
	conf_clear(&conf);
	if (result != 0)
		return ctl_fail(args, "%s", sentence);
	if (have < 0)
		return CTL_FAILED;
	return fingerprint_print(args, &net, have == 0 ? key : NULL);
}

const struct ctl_command ctl_checkconf = {
	.name = "checkconf",
	.words = "",
	.help = "Check a configuration and the files that it names, or print a value of it",
	.options = check_options,
	.run = check_run,
};

const struct ctl_command ctl_fingerprint = {
	.name = "fingerprint",
	.words = "",
	.help = "Print what operators compare: the network file's genesis id, and the group key",
	.options = print_options,
	.run = print_run,
};
