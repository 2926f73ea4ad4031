/*
 * agreectl zone: the records to publish, so that the network can be found.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/conf.h"
#include "daemon/ctl.h"
#include "daemon/netfile.h"
#include "daemon/zonetext.h"

enum { OPT_CONF, OPT_NETWORK, OPT_KEY, OPT_EPOCH, OPT_TTL, OPT_FULL, OPT_SERIAL, OPT_SERVER };
static const struct ctl_option options[] = {
	[OPT_CONF] = {"-c", "FILE", "configuration of a replica that has the group key"},
	[OPT_NETWORK] = {"--network", "FILE", "network file, instead of the configuration's"},
	[OPT_KEY] = {"--key", "KEY", "group key, instead of the configuration's"},
	[OPT_EPOCH] = {"--epoch", "N", "epoch (1)"},
	[OPT_TTL] = {"--ttl", "N", "seconds that records may be cached (3600)"},
	[OPT_FULL] = {"--full", NULL, "SOA and NS too: a zone that a name server can load"},
	[OPT_SERIAL] = {"--serial", "N", "of the SOA (seconds since 1970)"},
	[OPT_SERVER] = {"--ns", "NAME", "name server in SOA and NS (the first member)"},
	{NULL, NULL, NULL},
};

static bool sources_load(const struct ctl_args *args, struct netfile *net, uint8_t key[32])
{
	const char *file = args->value[OPT_NETWORK], *text = args->value[OPT_KEY];
	char sentence[CTL_WHY_MAX];
	struct ap_text why;
	struct conf conf = {0};
	int result = 0, have = 0;

	if (file != NULL && text == NULL && args->value[OPT_CONF] == NULL) {
		ctl_fail(args, "--key is missing: give it, or -c with the configuration of a "
			       "replica that has it");
		return false;
	}
	if ((file == NULL || text == NULL) && !ctl_conf_load(args, args->value[OPT_CONF], &conf))
		return false;
	ap_text_init(&why, sentence, sizeof sentence);
	result = netfile_load(net, file != NULL ? file : conf.network, &why);
	if (result == 0 && text == NULL)
		have = ctl_group_key(args, &conf, key);
	conf_clear(&conf);
	if (result != 0)
		ctl_fail(args, "%s", sentence);
	else if (text != NULL && (result = ap_key_parse(key, text, strlen(text))) != 0)
		ctl_fail(args, "--key: give 43 characters of base64url, as in a replica's "
			       "group.pub");
	else if (have > 0)
		ctl_fail(args, "the network has no group key yet: wait until its members have made "
			       "it (agreectl status), or give --key");
	return result == 0 && have == 0;
}

static bool numbers_take(const struct ctl_args *args, struct zonetext *zone)
{
	uint64_t epoch = 1, ttl = 3600, serial = (uint64_t)time(NULL);

	if ((args->value[OPT_EPOCH] != NULL &&
	     !ctl_number(args, OPT_EPOCH, 1, UINT32_MAX, &epoch)) ||
	    (args->value[OPT_TTL] != NULL &&
	     !ctl_number(args, OPT_TTL, 0, ZONETEXT_TTL_MAX, &ttl)) ||
	    (args->value[OPT_SERIAL] != NULL &&
	     !ctl_number(args, OPT_SERIAL, 0, UINT32_MAX, &serial)))
		return false;
	zone->epoch = (uint32_t)epoch;
	zone->ttl = (uint32_t)ttl;
	zone->serial = (uint32_t)serial;
	return true;
}

/* `text` as an absolute name. */
static bool server_take(const struct ctl_args *args, char absolute[AP_NAME_TEXT + 1])
{
	struct ap_name name;
	struct ap_text t;

	if (ap_name_parse(&name, args->value[OPT_SERVER]) != 0 || name.len == 1) {
		ctl_fail(args, "--ns: not a domain name: labels of 1 to 63 octets, 255 in all");
		return false;
	}
	ap_text_init(&t, absolute, AP_NAME_TEXT + 1);
	ap_name_show(&t, &name);
	ap_text_add(&t, ".");
	return true;
}

static int run(const struct ctl_args *args)
{
	char octets[ZONETEXT_MAX], server[AP_NAME_TEXT + 1];
	struct netfile net;
	struct zonetext zone = {.net = &net, .full = args->value[OPT_FULL] != NULL};
	struct ap_text t;

	if (!numbers_take(args, &zone) || !sources_load(args, &net, zone.key))
		return CTL_FAILED;
	if (args->value[OPT_SERVER] != NULL) {
		if (!server_take(args, server))
			return CTL_FAILED;
		zone.server = server;
	}
	ap_text_init(&t, octets, sizeof octets);
	zonetext_show(&t, &zone);
	return ctl_print(args, octets, ap_text_len(&t));
}

const struct ctl_command ctl_zone = {
	.name = "zone",
	.words = "",
	.help = "Print the DNS records to publish: SRV, TXT, A and AAAA",
	.options = options,
	.run = run,
};
