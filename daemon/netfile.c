/*
 * What a network file means: bounds, what holds between its fields, and its one spelling.
 * netfile_read.c has the way from octets.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "daemon/machine/machine.h"
#include "daemon/netfile_priv.h"
#include "libproto/agree_errors.h"
#include "libproto/crypto.h"

#define YEAR_S (366ULL * 86400)

/* In the order of the file. draft {#network-file} */
const struct netfile_number netfile_numbers[NETFILE_NUMBERS] = {
	{"retention", offsetof(struct netfile, retention_s), 60, MACHINE_SPAN_MAX_S - 60, 604800},
	{"horizon", offsetof(struct netfile, horizon_s), 60, MACHINE_SPAN_MAX_S - 60, 2678400},
	{"capacity", offsetof(struct netfile, capacity), 100, 100000000, 1000000},
	{"outage-bound", offsetof(struct netfile, outage_bound_s), 60, 10 * YEAR_S, 2592000},
	{"clock-bound", offsetof(struct netfile, clock_bound_s), 1, 3600, 10},
};

static uint64_t number_get(const struct netfile *net, const struct netfile_number *row)
{
	uint64_t value;

	memcpy(&value, (const char *)net + row->offset, sizeof value);
	return value;
}

int netfile_number_set(struct netfile *net, const struct netfile_number *row, uint64_t value,
		       struct ap_text *why)
{
	if (value < row->min || value > row->max) {
		ap_text_addf(why, "%s is %" PRIu64 ": choose %" PRIu64 " to %" PRIu64, row->key,
			     value, row->min, row->max);
		return AGREE_EUSAGE;
	}
	memcpy((char *)net + row->offset, &value, sizeof value);
	return 0;
}

int netfile_set(struct netfile *net, const char *key, uint64_t value, struct ap_text *why)
{
	for (size_t i = 0; i < NETFILE_NUMBERS; i++)
		if (strcmp(netfile_numbers[i].key, key) == 0)
			return netfile_number_set(net, &netfile_numbers[i], value, why);
	ap_text_addf(why, "no such parameter: %s", key);
	return AGREE_EUSAGE;
}

void netfile_defaults(struct netfile *net)
{
	for (size_t i = 0; i < NETFILE_NUMBERS; i++)
		memcpy((char *)net + netfile_numbers[i].offset, &netfile_numbers[i].preset,
		       sizeof netfile_numbers[i].preset);
}

/* One label of a host name in lower case; `more` characters are allowed too. */
static bool label_is_host(const char *label, size_t len, const char *more)
{
	if (len == 0 || len > 63 || label[0] == '-' || label[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = label[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' &&
		    strchr(more, c) == NULL)
			return false;
	}
	return true;
}

const char *netfile_name_check(const char *name)
{
	size_t len = strlen(name);

	if (len > NETFILE_NAME_MAX)
		return "a member's name has at most 32 characters";
	if (!label_is_host(name, len, ""))
		return "a member's name is lower-case letters, digits and hyphens, no hyphen at "
		       "either end";
	return NULL;
}

static bool domain_is_host(const char *domain)
{
	for (;;) {
		const char *dot = strchr(domain, '.');
		size_t len = dot != NULL ? (size_t)(dot - domain) : strlen(domain);

		if (!label_is_host(domain, len, "_"))
			return false;
		if (dot == NULL)
			return true;
		domain = dot + 1;
	}
}

int netfile_set_domain(struct netfile *net, const char *text, struct ap_text *why)
{
	size_t len = strlen(text);

	if (len > 0 && text[len - 1] == '.')
		len--;
	if (len >= sizeof net->domain || len == 0)
		goto bad;
	for (size_t i = 0; i < len; i++)
		net->domain[i] =
			text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] - 'A' + 'a') : text[i];
	net->domain[len] = '\0';
	if (!domain_is_host(net->domain) || ap_name_parse(&net->zone, net->domain) != 0)
		goto bad;
	/* An instance's name, <id>.<domain>, has to be a name too. */
	if (net->zone.len + 1 + AP_ID_TEXT > AP_NAME_MAX)
		goto bad;
	return 0;
bad:
	net->domain[0] = '\0';
	ap_text_add(why, "the domain is labels of letters, digits, hyphens and underscores, "
			 "192 characters at most");
	return AGREE_EDOMAIN;
}

static const char *member_check(const struct netfile_member *m)
{
	const char *wrong = netfile_name_check(m->name);

	if (wrong != NULL)
		return wrong;
	if (!ap_key_is_usable(m->key))
		return "the key is no Ed25519 public key that proves anything";
	if (addr_is_any(&m->client) || addr_is_any(&m->link))
		return "0.0.0.0 and :: are no addresses that others can reach";
	if (addr_equal(&m->client, &m->link))
		return "clients and links need different addresses or ports";
	return NULL;
}

static const char *pair_check(const struct netfile_member *a, const struct netfile_member *b)
{
	if (strcmp(a->name, b->name) == 0)
		return "another member has this name: names differ";
	if (memcmp(a->key, b->key, sizeof a->key) == 0)
		return "another member has this key: each replica has a key of its own";
	if (addr_equal(&a->client, &b->client) || addr_equal(&a->link, &b->link) ||
	    addr_equal(&a->client, &b->link) || addr_equal(&a->link, &b->client))
		return "another member has one of these addresses: they differ by address or port";
	return NULL;
}

const char *netfile_check(const struct netfile *net, unsigned *member)
{
	const char *wrong;

	*member = 0;
	for (unsigned i = 0; i < net->n; i++) {
		*member = i + 1;
		wrong = member_check(&net->members[i]);
		for (unsigned j = 0; j < i && wrong == NULL; j++)
			wrong = pair_check(&net->members[i], &net->members[j]);
		if (wrong != NULL)
			return wrong;
	}
	*member = 0;
	if (net->n < NETFILE_MEMBERS_MIN || net->n > AP_REPLICAS_MAX || net->n % 3 != 1)
		return "a network has 4, 7, 10 or 13 members (3f+1, so that f of them may fail)";
	if (net->retention_s + net->horizon_s > MACHINE_SPAN_MAX_S)
		return "retention and horizon are more than 400 days together";
	if (net->clock_bound_s > net->outage_bound_s)
		return "the clock-bound is above the outage-bound";
	return NULL;
}

void netfile_show(struct ap_text *t, const struct netfile *net)
{
	ap_text_addf(t, NETFILE_MAGIC "\ndomain: %s\nnonce: ", net->domain);
	ap_text_hex(t, net->nonce, sizeof net->nonce);
	ap_text_add(t, "\n");
	for (size_t i = 0; i < NETFILE_NUMBERS; i++)
		ap_text_addf(t, "%s: %" PRIu64 "\n", netfile_numbers[i].key,
			     number_get(net, &netfile_numbers[i]));
	for (size_t i = 0; i < net->n; i++) {
		ap_text_add(t, "member: ");
		netfile_member_show(t, &net->members[i]);
		ap_text_add(t, "\n");
	}
}

void netfile_member_show(struct ap_text *t, const struct netfile_member *m)
{
	ap_text_addf(t, "%s ", m->name);
	ap_base64url_show(t, m->key, sizeof m->key);
	ap_text_add(t, " ");
	addr_show(t, (const struct sockaddr *)&m->client.ss);
	ap_text_add(t, " ");
	addr_show(t, (const struct sockaddr *)&m->link.ss);
}

void netfile_finish(struct netfile *net)
{
	char octets[NETFILE_OCTETS_MAX + 1];
	struct ap_text t;
	ap_bytes part;

	ap_text_init(&t, octets, sizeof octets);
	netfile_show(&t, net);
	part.data = (const uint8_t *)octets;
	part.len = ap_text_len(&t);
	ap_sha256(net->genesis, &part, 1);
	net->f = (uint8_t)(net->n / 3); /* n = 3f+1 */
}

uint8_t netfile_find_key(const struct netfile *net, const uint8_t key[32])
{
	for (uint8_t i = 0; i < net->n; i++)
		if (memcmp(net->members[i].key, key, 32) == 0)
			return (uint8_t)(i + 1);
	return 0;
}
