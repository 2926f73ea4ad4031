#include "config.h"

#include "resolver/ctx.h"

#include <stdlib.h>
#include <string.h>

int stub_network_new(struct agree_network **out, const struct ap_name *domain,
		     const struct stub_trust *trust)
{
	struct agree_network *n = calloc(1, sizeof(*n));
	struct ap_text t;
	int err;

	*out = NULL;
	if (n == NULL)
		return AGREE_ENOMEM;
	n->refs = 1;
	n->domain = *domain;
	ap_text_init(&t, n->domain_text, sizeof(n->domain_text));
	ap_name_show(&t, domain);
	memcpy(n->key.octets, trust->key, sizeof(n->key.octets));
	n->trust = trust->why;
	err = ap_verify_key_init(&n->verify, n->key.octets);
	if (err != 0) {
		free(n);
		return err;
	}
	*out = n;
	return 0;
}

void stub_network_add(struct agree_network *network, const char *name,
		      const struct stub_address *addresses, size_t n_addresses)
{
	size_t i = network->n_replicas, len = strlen(name);

	if (i == STUB_TARGETS_MAX || n_addresses == 0)
		return;
	network->n_replicas++;
	if (len >= STUB_NAME_SHOWN)
		len = STUB_NAME_SHOWN - 1;
	memcpy(network->replicas[i].name, name, len);
	stub_address_show(network->replicas[i].server, &addresses[0]);
	for (size_t a = 0; a < n_addresses && network->n_endpoints < STUB_ENDPOINTS_MAX; a++)
		network->endpoints[network->n_endpoints++] =
			(struct stub_endpoint){.address = addresses[a], .replica = (uint8_t)i};
}

struct agree_network *stub_network_ref(struct agree_network *network)
{
	network->refs++;
	return network;
}

void agree_network_free(agree_network *network)
{
	if (network == NULL || --network->refs > 0)
		return;
	ap_verify_key_clear(&network->verify);
	free(network);
}

void stub_network_demote(struct agree_network *network, const struct stub_address *address)
{
	struct stub_endpoint *e = network->endpoints, moved;
	size_t n = network->n_endpoints;

	for (size_t i = 0; i < n; i++) {
		if (!stub_address_equal(&e[i].address, address))
			continue;
		moved = e[i];
		memmove(&e[i], &e[i + 1], (n - i - 1) * sizeof(*e));
		e[n - 1] = moved;
		return;
	}
}

int agree_network_only(const agree_network *network, size_t i, agree_network **only)
{
	struct stub_trust trust;
	struct agree_network *n;
	int err;

	if (network == NULL || only == NULL)
		return AGREE_EUSAGE;
	*only = NULL;
	if (i >= network->n_replicas)
		return AGREE_EUSAGE;
	trust.why = network->trust;
	memcpy(trust.key, network->key.octets, sizeof(trust.key));
	err = stub_network_new(&n, &network->domain, &trust);
	if (err != 0)
		return err;
	n->txt = network->txt;
	n->f = network->f;
	n->tcp_only = network->tcp_only;
	n->n_replicas = 1;
	n->replicas[0] = network->replicas[i];
	for (size_t e = 0; e < network->n_endpoints; e++)
		if (network->endpoints[e].replica == i)
			n->endpoints[n->n_endpoints++] = (struct stub_endpoint){
				.address = network->endpoints[e].address, .replica = 0};
	*only = n;
	return 0;
}

int agree_network_of_key(const char *domain, const unsigned char key[AGREE_KEY_LEN],
			 agree_network **network)
{
	struct stub_trust trust = {.why = AGREE_TRUST_CALLER};
	struct ap_name name;

	if (network == NULL)
		return AGREE_EUSAGE;
	*network = NULL;
	if (domain == NULL || key == NULL)
		return AGREE_EUSAGE;
	if (ap_name_parse(&name, domain) != 0)
		return AGREE_EDOMAIN;
	memcpy(trust.key, key, sizeof(trust.key));
	return stub_network_new(network, &name, &trust);
}

/* ---- what is known of it ---- */

int agree_network_trust(const agree_network *network)
{
	return network->trust;
}

const char *agree_trust_text(int trust)
{
	static const char *const words[] = {
		[AGREE_TRUST_CALLER] = "caller",
		[AGREE_TRUST_KNOWN] = "known_networks",
		[AGREE_TRUST_DNSSEC] = "dnssec",
		[AGREE_TRUST_TOFU] = "tofu",
	};
	size_t n = sizeof(words) / sizeof(words[0]);

	return trust > 0 && (size_t)trust < n ? words[trust] : "none";
}

const char *agree_network_domain(const agree_network *network)
{
	return network->domain_text;
}

void agree_network_key(const agree_network *network, unsigned char key[AGREE_KEY_LEN])
{
	memcpy(key, network->key.octets, AGREE_KEY_LEN);
}

int agree_network_number(const agree_network *network, const char *name, unsigned long long *number)
{
	const struct stub_txt *txt = &network->txt;
	const struct {
		const char *name;
		bool has;
		uint64_t number;
	} rows[] = {
		{"n", txt->has_n, txt->n},
		{"f", txt->has_f, txt->f},
		{"e", txt->has_e, txt->e},
		{"r", txt->has_r, txt->r},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!rows[i].has || strcmp(rows[i].name, name) != 0)
			continue;
		*number = rows[i].number;
		return 0;
	}
	return AGREE_EOPTION;
}

size_t agree_network_replicas(const agree_network *network)
{
	return network->n_replicas;
}

const char *agree_network_replica_name(const agree_network *network, size_t i)
{
	return i < network->n_replicas ? network->replicas[i].name : "";
}

const char *agree_network_replica_server(const agree_network *network, size_t i)
{
	return i < network->n_replicas ? network->replicas[i].server : "";
}
