#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "daemon/zonetext.h"

static void record(struct ap_text *t, const struct zonetext *z, const char *prefix,
		   const char *type)
{
	ap_text_addf(t, "%s%s.\t%" PRIu32 "\tIN\t%s\t", prefix, z->net->domain, z->ttl, type);
}

static void authority_show(struct ap_text *t, const struct zonetext *z)
{
	const char *domain = z->net->domain;
	char own[NETFILE_NAME_MAX + AP_NAME_TEXT + 3];
	struct ap_text name;

	ap_text_init(&name, own, sizeof own);
	ap_text_addf(&name, "%s.%s.", z->net->members[0].name, domain);
	record(t, z, "", "SOA");
	/* Names come and go with the network: what is not there is not kept for long (60). */
	ap_text_addf(t, "%s hostmaster.%s. %" PRIu32 " 3600 600 604800 60\n",
		     z->server != NULL ? z->server : own, domain, z->serial);
	record(t, z, "", "NS");
	ap_text_addf(t, "%s\n", z->server != NULL ? z->server : own);
}

static void services_show(struct ap_text *t, const struct zonetext *z, const char *prefix)
{
	for (uint8_t i = 0; i < z->net->n; i++) {
		const struct netfile_member *m = &z->net->members[i];

		/* All members are as good: one priority, one weight that RFC 2782 draws by. */
		record(t, z, prefix, "SRV");
		ap_text_addf(t, "0 10 %u %s.%s.\n",
			     (unsigned)addr_port((const struct sockaddr *)&m->client.ss), m->name,
			     z->net->domain);
	}
}

/* draft {#discovery}: each key in a character-string of its own, v=agree1 first. */
static void text_show(struct ap_text *t, const struct zonetext *z)
{
	record(t, z, "_agree._udp.", "TXT");
	ap_text_add(t, "\"v=agree1\" \"k=");
	ap_base64url_show(t, z->key, sizeof z->key);
	ap_text_addf(t, "\" \"n=%u\" \"f=%u\" \"e=%" PRIu32 "\" \"r=%" PRIu64 "\"\n",
		     (unsigned)z->net->n, (unsigned)z->net->f, z->epoch, z->net->retention_s);
}

static void addresses_show(struct ap_text *t, const struct zonetext *z)
{
	char prefix[NETFILE_NAME_MAX + 2];
	struct ap_text p;

	for (uint8_t i = 0; i < z->net->n; i++) {
		const struct netfile_member *m = &z->net->members[i];
		const struct sockaddr *sa = (const struct sockaddr *)&m->client.ss;

		ap_text_init(&p, prefix, sizeof prefix);
		ap_text_addf(&p, "%s.", m->name);
		record(t, z, prefix, sa->sa_family == AF_INET6 ? "AAAA" : "A");
		addr_show_host(t, sa);
		ap_text_add(t, "\n");
	}
}

void zonetext_show(struct ap_text *t, const struct zonetext *z)
{
	ap_text_addf(t, "; network %s, genesis ", z->net->domain);
	ap_text_hex(t, z->net->genesis, sizeof z->net->genesis);
	ap_text_add(t, "\n");
	if (z->full)
		authority_show(t, z);
	services_show(t, z, "_agree._udp.");
	services_show(t, z, "_agree._tcp.");
	text_show(t, z);
	addresses_show(t, z);
}
