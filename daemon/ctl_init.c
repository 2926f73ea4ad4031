/*
 * agreectl init: a replica's directory, with its identity key and configuration; prints the card
 * that goes to the other members.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/card.h"
#include "daemon/ctl.h"
#include "daemon/idkey.h"
#include "daemon/textfile.h"
#include "libproto/crypto.h"

enum { OPT_DIR };
static const struct ctl_option options[] = {
	{"-d", "DIR", "make the files there (default: here)"},
	{NULL, NULL, NULL},
};

static const char conf_format[] =
	"# Made by agreectl init for %s; see agreed.conf(5). Paths are relative to this file.\n"
	"server:\n"
	"\tpidfile: agreed.pid\n"
	"\tlog-file: agreed.log\n"
	"\tverbosity: 1\n"
	"\n"
	"replica:\n"
	"\tdata: data\n"
	"\tidentity: identity.key\n"
	"\tnetwork: network\n"
	"\t# Only where the addresses here are not those that others use (NAT):\n"
	"\t# listen: %s\n"
	"\t# link-listen: %s\n"
	"\n"
	"remote-control:\n"
	"\tsocket: control.sock\n";

struct place { /* DIR/name, for each file */
	char path[PATH_MAX];
};

static bool place_make(const struct ctl_args *args, struct place *place, const char *name)
{
	const char *dir = args->value[OPT_DIR] != NULL ? args->value[OPT_DIR] : ".";
	int len = snprintf(place->path, sizeof place->path, "%s/%s", dir, name);

	if (len > 0 && (size_t)len < sizeof place->path)
		return true;
	ctl_fail(args, "%s: the path is too long", dir);
	return false;
}

/* Nothing is made if any of it is there: half an old replica and half a new one is neither. */
static bool places_are_free(const struct ctl_args *args, const struct place *places, size_t n)
{
	struct stat st;

	for (size_t i = 0; i < n; i++)
		if (lstat(places[i].path, &st) == 0) {
			ctl_fail(args,
				 "%s: is there already: nothing was made; choose another "
				 "directory with -d",
				 places[i].path);
			return false;
		}
	return true;
}

static bool dir_make(const struct ctl_args *args, const char *path, mode_t mode)
{
	if (mkdir(path, mode) == 0 || errno == EEXIST)
		return true;
	ctl_fail(args, "%s: cannot make the directory: %s", path, strerror(errno));
	return false;
}

static bool member_take(const struct ctl_args *args, struct netfile_member *member)
{
	const char *wrong = netfile_name_check(args->word[0]);

	memset(member, 0, sizeof *member);
	if (wrong != NULL) {
		ctl_fail(args, "%s: %s", args->word[0], wrong);
		return false;
	}
	strcpy(member->name, args->word[0]);
	for (size_t i = 1; i <= 2; i++)
		if (addr_parse(i == 1 ? &member->client : &member->link, args->word[i]) != 0) {
			ctl_fail(args,
				 "%s: give a numeric IPv4 or IPv6 address, # and a port, as in "
				 "192.0.2.1#7853",
				 args->word[i]);
			return false;
		}
	if (addr_is_any(&member->client) || addr_is_any(&member->link)) {
		ctl_fail(args, "0.0.0.0 and :: are no addresses that others can reach: give the "
			       "ones that they use, and `listen' in agreed.conf");
		return false;
	}
	if (addr_equal(&member->client, &member->link)) {
		ctl_fail(args, "clients and links need different addresses or ports");
		return false;
	}
	return true;
}

static bool conf_make(const struct ctl_args *args, const char *path,
		      const struct netfile_member *member)
{
	char octets[2048], client[ADDR_TEXT_MAX], link[ADDR_TEXT_MAX], sentence[CTL_WHY_MAX];
	struct ap_text t, why;

	ap_text_init(&t, client, sizeof client);
	addr_show(&t, (const struct sockaddr *)&member->client.ss);
	ap_text_init(&t, link, sizeof link);
	addr_show(&t, (const struct sockaddr *)&member->link.ss);
	ap_text_init(&t, octets, sizeof octets);
	ap_text_addf(&t, conf_format, member->name, client, link);
	ap_text_init(&why, sentence, sizeof sentence);
	if (textfile_create(path, 0644, octets, ap_text_len(&t), &why) == 0)
		return true;
	ctl_fail(args, "%s", sentence);
	return false;
}

/* Makes the key; `line` becomes the card, with LF. */
static bool key_make(const struct ctl_args *args, const char *path, struct netfile_member *member,
		     struct ap_text *line)
{
	uint8_t seed[IDKEY_SEED], public_key[32];
	char sentence[CTL_WHY_MAX];
	struct ap_text why;
	int result;

	ap_text_init(&why, sentence, sizeof sentence);
	result = idkey_create(path, public_key, &why);
	if (result == 0)
		result = idkey_load(path, seed, NULL, &why);
	if (result == 0 && (result = card_make(line, member, seed)) != 0)
		ap_text_add(&why, "out of memory: free some, then try again");
	ap_wipe(seed, sizeof seed);
	ap_text_add(line, "\n");
	if (result == 0)
		return true;
	ctl_fail(args, "%s", sentence);
	return false;
}

static int run(const struct ctl_args *args)
{
	enum { KEY, CONF, CARD, DATA, N_PLACES };
	static const char *const names[N_PLACES] = {"identity.key", "agreed.conf", "card", "data"};
	struct place places[N_PLACES];
	struct netfile_member member;
	char card[CARD_TEXT_MAX + 1], sentence[CTL_WHY_MAX];
	struct ap_text line, why;

	for (size_t i = 0; i < N_PLACES; i++)
		if (!place_make(args, &places[i], names[i]))
			return CTL_FAILED;
	if (!member_take(args, &member) || !places_are_free(args, places, N_PLACES))
		return CTL_FAILED;
	if (args->value[OPT_DIR] != NULL && !dir_make(args, args->value[OPT_DIR], 0755))
		return CTL_FAILED;
	ap_text_init(&line, card, sizeof card);
	ap_text_init(&why, sentence, sizeof sentence);
	if (!dir_make(args, places[DATA].path, 0700) ||
	    !conf_make(args, places[CONF].path, &member) ||
	    !key_make(args, places[KEY].path, &member, &line))
		return CTL_FAILED;
	if (textfile_create(places[CARD].path, 0644, card, ap_text_len(&line), &why) != 0)
		return ctl_fail(args, "%s", sentence);
	fprintf(stderr,
		"Made %s and %s. Send this card to the other members, then put the network file "
		"that\nall of you share (agreectl network) beside them as `network'. Keep a copy "
		"of "
		"the key, and show it to nobody.\n",
		places[CONF].path, places[KEY].path);
	return ctl_print(args, card, ap_text_len(&line));
}

const struct ctl_command ctl_init = {
	.name = "init",
	.words = "NAME CLIENT-ADDRESS#PORT LINK-ADDRESS#PORT",
	.words_min = 3,
	.words_max = 3,
	.help = "Make a new replica's key and configuration, and print its card",
	.options = options,
	.run = run,
};
