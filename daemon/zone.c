#include "config.h"

#include "daemon/zone.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/addr.h"

enum { ZONE_TTL = 3600, ADDRESS_TTL = 3600 };

struct zone {
	const struct netfile *net;
	struct ap_name agree_udp, agree_tcp; /* _agree._udp.<domain>, _agree._tcp.<domain> */
	struct ap_name udp, tcp;	     /* the empty names above those */
	struct ap_name hostmaster;
	struct ap_name members[AP_REPLICAS_MAX];
};

struct zone *zone_new(const struct netfile *net)
{
	struct zone *z = calloc(1, sizeof(*z));
	bool good = z != NULL;

	if (!good)
		return NULL;
	z->net = net;
	good = ap_name_prepend(&z->udp, "_udp", 4, &net->zone) &&
	       ap_name_prepend(&z->tcp, "_tcp", 4, &net->zone) &&
	       ap_name_prepend(&z->agree_udp, "_agree", 6, &z->udp) &&
	       ap_name_prepend(&z->agree_tcp, "_agree", 6, &z->tcp) &&
	       ap_name_prepend(&z->hostmaster, "hostmaster", 10, &net->zone);
	for (uint8_t i = 0; good && i < net->n; i++)
		good = ap_name_prepend(&z->members[i], net->members[i].name,
				       strlen(net->members[i].name), &net->zone);
	if (good)
		return z;
	free(z);
	return NULL;
}

void zone_free(struct zone *z)
{
	free(z);
}

/* ---- records ---- */

void zone_soa(const struct zone *z, const struct machine *m, enum ap_section section,
	      struct ap_dns_writer *d)
{
	/* serial: low 32 bits of the last executed sequence; minimum 0, against negative caching of
	 * instances */
	const uint32_t numbers[5] = {(uint32_t)machine_seq(m), 3600, 600, 86400, 0};
	struct ap_writer *w = ap_dns_rr_begin(d, section, &z->net->zone, AP_RR_SOA, AP_CLASS_IN, 0);

	ap_name_put(w, &z->members[0]);
	ap_name_put(w, &z->hostmaster);
	for (size_t i = 0; i < 5; i++)
		ap_u32_put(w, &numbers[i]);
	ap_dns_rr_end(d);
}

static void ns_put(const struct zone *z, struct ap_dns_writer *d)
{
	for (uint8_t i = 0; i < z->net->n; i++) {
		struct ap_writer *w = ap_dns_rr_begin(d, AP_ANSWER, &z->net->zone, AP_RR_NS,
						      AP_CLASS_IN, ZONE_TTL);

		ap_name_put(w, &z->members[i]);
		ap_dns_rr_end(d);
	}
}

static void address_put(const struct zone *z, uint8_t i, uint16_t type, enum ap_section section,
			struct ap_dns_writer *d)
{
	const struct sockaddr_storage *ss = &z->net->members[i].client.ss;
	ap_bytes rdata = {NULL, 0};

	if (ss->ss_family == AF_INET && type == AP_RR_A)
		rdata = (ap_bytes){(const uint8_t *)&((const struct sockaddr_in *)ss)->sin_addr, 4};
	if (ss->ss_family == AF_INET6 && type == AP_RR_AAAA)
		rdata = (ap_bytes){(const uint8_t *)&((const struct sockaddr_in6 *)ss)->sin6_addr,
				   16};
	if (rdata.len > 0)
		ap_dns_rr(d, section, &z->members[i], type, AP_CLASS_IN, ADDRESS_TTL, rdata);
}

static void srv_put(const struct zone *z, const struct ap_name *owner, struct ap_dns_writer *d)
{
	for (uint8_t i = 0; i < z->net->n; i++) {
		struct ap_srv srv = {
			.priority = 0,
			.weight = 10, /* as agreectl zone publishes */
			.port = addr_port((const struct sockaddr *)&z->net->members[i].client.ss),
			.target = z->members[i]};
		struct ap_writer *w =
			ap_dns_rr_begin(d, AP_ANSWER, owner, AP_RR_SRV, AP_CLASS_IN, ZONE_TTL);

		ap_srv_put(w, &srv);
		ap_dns_rr_end(d);
	}
	for (uint8_t i = 0; i < z->net->n; i++) {
		address_put(z, i, AP_RR_A, AP_ADDITIONAL, d);
		address_put(z, i, AP_RR_AAAA, AP_ADDITIONAL, d);
	}
}

static void string_put(struct ap_writer *w, const char *text)
{
	ap_value_put(w, &(ap_value){(const uint8_t *)text, strlen(text)});
}

static void txt_put(const struct zone *z, const struct machine *m, struct ap_dns_writer *d)
{
	const struct machine_key *key = machine_key(m);
	struct ap_writer *w =
		ap_dns_rr_begin(d, AP_ANSWER, &z->agree_udp, AP_RR_TXT, AP_CLASS_IN, ZONE_TTL);
	char text[64];
	struct ap_text t;

	string_put(w, "v=agree1");
	ap_text_init(&t, text, sizeof(text));
	ap_text_add(&t, "k=");
	ap_base64url_show(&t, key->pk, 32);
	string_put(w, text);
	snprintf(text, sizeof(text), "n=%u", z->net->n);
	string_put(w, text);
	snprintf(text, sizeof(text), "f=%u", z->net->f);
	string_put(w, text);
	snprintf(text, sizeof(text), "e=%u", key->epoch);
	string_put(w, text);
	snprintf(text, sizeof(text), "r=%llu", (unsigned long long)z->net->retention_s);
	string_put(w, text);
	ap_dns_rr_end(d);
}

static void dnskey_put(const struct zone *z, const struct machine *m, struct ap_dns_writer *d)
{
	const uint8_t head[4] = {0x01, 0x00, 3, 15}; /* zone key, protocol 3, Ed25519 */
	struct ap_writer *w =
		ap_dns_rr_begin(d, AP_ANSWER, &z->net->zone, AP_RR_DNSKEY, AP_CLASS_IN, ZONE_TTL);

	ap_octets_put(w, head, sizeof(head));
	ap_octets_put(w, machine_key(m)->pk, 32);
	ap_dns_rr_end(d);
}

/* ---- names ---- */

static bool apex(const struct zone *z, const struct machine *m, uint16_t type,
		 struct ap_dns_writer *d)
{
	if (type == AP_RR_SOA || type == AP_RR_ANY)
		zone_soa(z, m, AP_ANSWER, d);
	if (type == AP_RR_NS || type == AP_RR_ANY)
		ns_put(z, d);
	if (type == AP_RR_DNSKEY && machine_key(m)->phase != MACHINE_LIVE)
		return false;
	if (type == AP_RR_DNSKEY)
		dnskey_put(z, m, d);
	return true;
}

static bool service(const struct zone *z, const struct machine *m, const struct ap_dns *query,
		    struct ap_dns_writer *d)
{
	bool udp = ap_name_equal(&query->qname, &z->agree_udp);
	bool txt = udp && (query->qtype == AP_RR_TXT || query->qtype == AP_RR_ANY);

	if (txt && machine_key(m)->phase != MACHINE_LIVE)
		return false;
	if (txt)
		txt_put(z, m, d);
	if (query->qtype == AP_RR_SRV || query->qtype == AP_RR_ANY)
		srv_put(z, udp ? &z->agree_udp : &z->agree_tcp, d);
	return true;
}

static bool member(const struct zone *z, const struct ap_dns *query, struct ap_dns_writer *d)
{
	for (uint8_t i = 0; i < z->net->n; i++) {
		if (!ap_name_equal(&query->qname, &z->members[i]))
			continue;
		if (query->qtype == AP_RR_A || query->qtype == AP_RR_ANY)
			address_put(z, i, AP_RR_A, AP_ANSWER, d);
		if (query->qtype == AP_RR_AAAA || query->qtype == AP_RR_ANY)
			address_put(z, i, AP_RR_AAAA, AP_ANSWER, d);
		return true;
	}
	return false;
}

bool zone_answer(const struct zone *z, const struct machine *m, const struct ap_dns *query,
		 struct ap_dns_writer *d)
{
	const struct ap_name *name = &query->qname;
	bool exists = true, good = true;

	if (ap_name_equal(name, &z->net->zone))
		good = apex(z, m, query->qtype, d);
	else if (ap_name_equal(name, &z->agree_udp) || ap_name_equal(name, &z->agree_tcp))
		good = service(z, m, query, d);
	else if (!ap_name_equal(name, &z->udp) && !ap_name_equal(name, &z->tcp))
		exists = member(z, query, d);
	if (!good)
		return false;
	if (!exists)
		ap_dns_rcode(d, AP_RCODE_NXDOMAIN);
	if (d->counts[AP_ANSWER] == 0 && !d->full)
		zone_soa(z, m, AP_AUTHORITY, d);
	return true;
}
