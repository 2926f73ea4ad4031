/*
 * agreectl network: from the members' cards to the network file that all of them share.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/card.h"
#include "daemon/ctl.h"
#include "daemon/textfile.h"
#include "libproto/crypto.h"
#include "libproto/when.h"

enum { OPT_DOMAIN, OPT_RETENTION, OPT_HORIZON, OPT_CAPACITY, OPT_OUTAGE, OPT_CLOCK };
static const struct ctl_option options[] = {
	[OPT_DOMAIN] = {"--domain", "DOMAIN", "name of the network; needed"},
	[OPT_RETENTION] = {"--retention", "TIME",
			   "how long outcomes are kept behind their deadline (7d)"},
	[OPT_HORIZON] = {"--horizon", "TIME", "how far ahead a deadline may be (31d)"},
	[OPT_CAPACITY] = {"--capacity", "N", "instances that are kept (1000000)"},
	[OPT_OUTAGE] = {"--outage-bound", "TIME", "how long the network may stand still (30d)"},
	[OPT_CLOCK] = {"--clock-bound", "TIME", "how far apart members' clocks may be (10s)"},
	{NULL, NULL, NULL},
};

/* Parameter of the network file for each option from OPT_RETENTION on: its name without --. */
static bool parameters_take(const struct ctl_args *args, struct netfile *net)
{
	char sentence[CTL_WHY_MAX];
	struct ap_text why;
	uint64_t value;

	netfile_defaults(net);
	ap_text_init(&why, sentence, sizeof sentence);
	for (size_t i = OPT_RETENTION; i <= OPT_CLOCK; i++) {
		if (args->value[i] == NULL)
			continue;
		if (i == OPT_CAPACITY) {
			if (!ctl_number(args, i, 1, UINT32_MAX, &value))
				return false;
		} else if (ap_duration_parse(&value, args->value[i]) != 0) {
			ctl_fail(args, "%s: give a time such as 90s, 10m, 12h or 7d",
				 options[i].name);
			return false;
		}
		if (netfile_set(net, options[i].name + 2, value, &why) != 0) {
			ctl_fail(args, "%s", sentence);
			return false;
		}
	}
	return true;
}

static bool card_take(const struct ctl_args *args, struct netfile *net, const char *line,
		      size_t len, const char *where, unsigned number)
{
	char sentence[CTL_WHY_MAX];
	struct netfile_member member;
	struct ap_text why;

	ap_text_init(&why, sentence, sizeof sentence);
	if (card_parse(&member, line, len, &why) != 0) {
		if (number == 0)
			ctl_fail(args, "%s: %s", where, sentence);
		else
			ctl_fail(args, "%s:%u: %s", where, number, sentence);
		return false;
	}
	if (net->n == AP_REPLICAS_MAX) {
		ctl_fail(args, "%s: more than 13 cards: a network has 4, 7, 10 or 13 members",
			 where);
		return false;
	}
	net->members[net->n++] = member;
	return true;
}

/* A file of cards, one a line; empty lines and # comments are skipped. */
static bool file_take(const struct ctl_args *args, struct netfile *net, const char *path)
{
	char octets[16384], sentence[CTL_WHY_MAX];
	struct ap_text why;
	size_t len;

	ap_text_init(&why, sentence, sizeof sentence);
	if (textfile_read(path, false, octets, sizeof octets, &len, &why) != 0) {
		ctl_fail(args, "%s", sentence);
		return false;
	}
	for (size_t at = 0, number = 1; at < len; number++) {
		const char *lf = memchr(octets + at, '\n', len - at);
		size_t line_len = lf != NULL ? (size_t)(lf - octets) - at : len - at;
		size_t next = at + line_len + 1;

		if (line_len > 0 && octets[at + line_len - 1] == '\r')
			line_len--;
		if (line_len > 0 && octets[at] != '#' &&
		    !card_take(args, net, octets + at, line_len, path, (unsigned)number))
			return false;
		at = next;
	}
	return true;
}

static bool cards_take(const struct ctl_args *args, struct netfile *net)
{
	static const char magic[] = "agree-card1 ";

	for (size_t i = 0; i < args->n_words; i++) {
		const char *word = args->word[i];
		bool good = strncmp(word, magic, sizeof magic - 1) == 0
				    ? card_take(args, net, word, strlen(word), "this card", 0)
				    : file_take(args, net, word);

		if (!good)
			return false;
	}
	return true;
}

static bool net_check(const struct ctl_args *args, const struct netfile *net)
{
	unsigned member;
	const char *wrong = netfile_check(net, &member);

	if (wrong == NULL)
		return true;
	if (member != 0)
		ctl_fail(args, "member %s: %s", net->members[member - 1].name, wrong);
	else
		ctl_fail(args, "%u member%s: %s", (unsigned)net->n, net->n == 1 ? "" : "s", wrong);
	return false;
}

static int run(const struct ctl_args *args)
{
	char octets[NETFILE_OCTETS_MAX + 1], sentence[CTL_WHY_MAX];
	struct netfile net = {0};
	struct ap_text t;

	if (args->value[OPT_DOMAIN] == NULL)
		return ctl_fail(args, "--domain is missing: give the network's name");
	ap_text_init(&t, sentence, sizeof sentence);
	if (netfile_set_domain(&net, args->value[OPT_DOMAIN], &t) != 0)
		return ctl_fail(args, "%s", sentence);
	if (!parameters_take(args, &net) || !cards_take(args, &net) || !net_check(args, &net))
		return CTL_FAILED;
	if (ap_random(net.nonce, sizeof net.nonce) != 0)
		return ctl_fail(args, "the system gives no random octets");
	netfile_finish(&net);
	ap_text_init(&t, sentence, sizeof sentence);
	ap_text_hex(&t, net.genesis, sizeof net.genesis);
	ap_text_init(&t, octets, sizeof octets);
	netfile_show(&t, &net);
	if (ctl_print(args, octets, ap_text_len(&t)) != CTL_OK)
		return CTL_FAILED;
	fprintf(stderr,
		"Network of %u, of which %u may fail. Every member needs these very octets: "
		"compare "
		"agreectl fingerprint,\ngenesis %s\n",
		(unsigned)net.n, (unsigned)net.f, sentence);
	return CTL_OK;
}

const struct ctl_command ctl_network = {
	.name = "network",
	.words = "CARD-FILE-or-LINE...",
	.words_min = 1,
	.words_max = CTL_WORDS_MAX,
	.help = "Put the members' cards together and print the network file that they share",
	.options = options,
	.run = run,
};
