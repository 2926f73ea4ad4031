/*
 * From octets to a network file, line by line.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/netfile_priv.h"
#include "daemon/textfile.h"
#include "libproto/agree_errors.h"

struct lines {
	const char *path;
	const char *at, *end;
	unsigned number;	     /* of the line in `text`, from 1 */
	char text[NETFILE_LINE_MAX]; /* without LF */
	struct ap_text *why;
};

static int fail(struct lines *in, const char *sentence)
{
	ap_text_addf(in->why, "%s:%u: %s", in->path, in->number, sentence);
	return AGREE_EUSAGE;
}

/* The next line into in->text. */
static int line_next(struct lines *in)
{
	size_t left = (size_t)(in->end - in->at);
	const char *lf = left > 0 ? memchr(in->at, '\n', left) : NULL;
	size_t len = lf != NULL ? (size_t)(lf - in->at) : left;

	in->number++;
	if (lf == NULL)
		return fail(in, "the file ends too early: copy it whole, from another member");
	if (len >= sizeof in->text)
		return fail(in, "the line is too long: copy the file from another member");
	for (size_t i = 0; i < len; i++)
		if (in->at[i] < 0x20 || in->at[i] > 0x7e)
			return fail(in, "only printable ASCII and line feeds belong here: copy the "
					"file as it is, without an editor");
	memcpy(in->text, in->at, len);
	in->text[len] = '\0';
	in->at = lf + 1;
	return 0;
}

/* The next line has this key: *value is what stands behind it. */
static int value_next(struct lines *in, const char *key, const char **value)
{
	size_t len = strlen(key);

	if (line_next(in) != 0)
		return AGREE_EUSAGE;
	if (strncmp(in->text, key, len) != 0 || strncmp(in->text + len, ": ", 2) != 0) {
		ap_text_addf(in->why,
			     "%s:%u: `%s: ...' belongs here: copy the file from another "
			     "member",
			     in->path, in->number, key);
		return AGREE_EUSAGE;
	}
	*value = in->text + len + 2;
	return 0;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int nonce_read(struct lines *in, struct netfile *net)
{
	const char *text;

	if (value_next(in, "nonce", &text) != 0)
		return AGREE_EUSAGE;
	if (strlen(text) != 2 * sizeof net->nonce)
		return fail(in, "the nonce is 64 hex digits");
	for (size_t i = 0; i < sizeof net->nonce; i++) {
		int high = digit_value(text[2 * i]), low = digit_value(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return fail(in, "the nonce is 64 hex digits, in lower case");
		net->nonce[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static int domain_read(struct lines *in, struct netfile *net)
{
	char sentence[NETFILE_WHY_MAX];
	struct ap_text t;
	const char *text;

	if (value_next(in, "domain", &text) != 0)
		return AGREE_EUSAGE;
	ap_text_init(&t, sentence, sizeof sentence);
	if (netfile_set_domain(net, text, &t) != 0)
		return fail(in, sentence);
	if (strcmp(net->domain, text) != 0)
		return fail(in, "the domain is in lower case, without a dot at its end");
	return 0;
}

static int number_read(struct lines *in, struct netfile *net, const struct netfile_number *row)
{
	char sentence[NETFILE_WHY_MAX];
	struct ap_text t;
	const char *text;
	uint64_t value = 0;

	if (value_next(in, row->key, &text) != 0)
		return AGREE_EUSAGE;
	if (text[0] == '\0' || strlen(text) > 12 || strspn(text, "0123456789") != strlen(text) ||
	    (text[0] == '0' && text[1] != '\0'))
		return fail(in, "a number belongs here, digits only");
	for (; *text != '\0'; text++)
		value = value * 10 + (uint64_t)(*text - '0');
	ap_text_init(&t, sentence, sizeof sentence);
	if (netfile_number_set(net, row, value, &t) != 0)
		return fail(in, sentence);
	return 0;
}

/* Cuts the next word out of *at (single spaces between words); NULL: none, or empty. */
static char *word_next(char **at)
{
	char *word = *at;
	char *space;

	if (word == NULL || *word == '\0' || *word == ' ')
		return NULL;
	space = strchr(word, ' ');
	*at = space != NULL ? space + 1 : NULL;
	if (space != NULL)
		*space = '\0';
	return word;
}

/* `text` is the one spelling of an address. */
static bool addr_read(struct addr *out, const char *text)
{
	char again[ADDR_TEXT_MAX];
	struct ap_text t;

	if (addr_parse(out, text) != 0)
		return false;
	ap_text_init(&t, again, sizeof again);
	addr_show(&t, (const struct sockaddr *)&out->ss);
	return strcmp(text, again) == 0;
}

const char *netfile_member_parse(struct netfile_member *m, const char *text)
{
	char copy[NETFILE_LINE_MAX];
	char *at = copy, *name, *key, *client, *link;
	const char *wrong;

	memset(m, 0, sizeof *m);
	if (strlen(text) >= sizeof copy)
		return "the line is too long";
	strcpy(copy, text);
	name = word_next(&at);
	key = word_next(&at);
	client = word_next(&at);
	link = word_next(&at);
	if (name == NULL || key == NULL || client == NULL || link == NULL || at != NULL)
		return "NAME KEY ADDRESS#PORT ADDRESS#PORT belongs here, with single spaces";
	wrong = netfile_name_check(name);
	if (wrong != NULL)
		return wrong;
	strcpy(m->name, name);
	if (ap_key_parse(m->key, key, strlen(key)) != 0)
		return "the key is 43 characters of base64url";
	if (!addr_read(&m->client, client))
		return "the first address, for clients, is a numeric IPv4 or IPv6 address, # and a "
		       "port, in its shortest spelling";
	if (!addr_read(&m->link, link))
		return "the second address, for links, is a numeric IPv4 or IPv6 address, # and a "
		       "port, in its shortest spelling";
	return NULL;
}

static int members_read(struct lines *in, struct netfile *net)
{
	const char *text, *wrong;

	while (in->at < in->end) {
		if (value_next(in, "member", &text) != 0)
			return AGREE_EUSAGE;
		if (net->n == AP_REPLICAS_MAX)
			return fail(in, "more than 13 members: form a network of 13 at most");
		wrong = netfile_member_parse(&net->members[net->n], text);
		if (wrong != NULL)
			return fail(in, wrong);
		net->n++;
	}
	return 0;
}

/* Each field is in its one spelling already; this holds for whatever fields come later too. */
static bool octets_are_canonical(const struct netfile *net, const char *octets, size_t len)
{
	char again[NETFILE_OCTETS_MAX + 1];
	struct ap_text t;

	ap_text_init(&t, again, sizeof again);
	netfile_show(&t, net);
	return !t.cut && ap_text_len(&t) == len && memcmp(again, octets, len) == 0;
}

static int lines_read(struct lines *in, struct netfile *net)
{
	const char *wrong;
	unsigned member, first;

	if (line_next(in) != 0)
		return AGREE_EUSAGE;
	if (strcmp(in->text, NETFILE_MAGIC) != 0)
		return fail(in, "not a network file of this version (no `" NETFILE_MAGIC "'): name "
				"the file that agreectl network printed");
	if (domain_read(in, net) != 0 || nonce_read(in, net) != 0)
		return AGREE_EUSAGE;
	for (size_t i = 0; i < NETFILE_NUMBERS; i++)
		if (number_read(in, net, &netfile_numbers[i]) != 0)
			return AGREE_EUSAGE;
	first = in->number;
	if (members_read(in, net) != 0)
		return AGREE_EUSAGE;
	wrong = netfile_check(net, &member);
	if (wrong != NULL) {
		if (member != 0)
			in->number = first + member;
		return fail(in, wrong);
	}
	return 0;
}

int netfile_parse(struct netfile *net, const char *path, const char *octets, size_t len,
		  struct ap_text *why)
{
	struct lines in = {.path = path, .at = octets, .end = octets + len, .why = why};
	int result;

	memset(net, 0, sizeof *net);
	result = lines_read(&in, net);
	if (result == 0 && !octets_are_canonical(net, octets, len))
		result =
			fail(&in, "not as agreectl network prints it: copy it from another member");
	if (result != 0) {
		memset(net, 0, sizeof *net);
		return result;
	}
	netfile_finish(net);
	return 0;
}

int netfile_load(struct netfile *net, const char *path, struct ap_text *why)
{
	char octets[NETFILE_OCTETS_MAX + 1];
	size_t len;

	if (textfile_read(path, false, octets, sizeof octets, &len, why) != 0) {
		memset(net, 0, sizeof *net);
		return AGREE_EFILE;
	}
	return netfile_parse(net, path, octets, len, why);
}
