#include "config.h"

#include "resolver/ctx.h"

#include <stdlib.h>
#include <string.h>

#include "libproto/crypto.h"
#include "libproto/ticket.h"

/* Those of a draft may be left out, all of them: then they are zero too. True: some are missing. */
static bool locks_normalize(ap_descriptor *descriptor)
{
	static const ap_lock none;
	size_t n = ap_terms_hash_parties(&descriptor->terms);
	bool is_draft = false;

	if (descriptor->n_locks == 0 && n > 0) {
		memset(descriptor->locks, 0, sizeof(descriptor->locks));
		descriptor->n_locks = (uint8_t)n;
	}
	for (size_t i = 0; i < n; i++)
		is_draft = is_draft || memcmp(&descriptor->locks[i], &none, sizeof(none)) == 0;
	return is_draft;
}

int stub_ticket_new(struct agree_ticket **out, const ap_key *network, const struct ap_name *domain,
		    ap_descriptor *descriptor)
{
	struct agree_ticket *t = calloc(1, sizeof(*t));
	struct ap_writer w;
	bool ok;

	*out = NULL;
	if (t == NULL)
		return AGREE_ENOMEM;
	t->is_draft = locks_normalize(descriptor);
	ap_writer_init(&w, t->descriptor, sizeof(t->descriptor));
	ap_descriptor_put(&w, descriptor);
	t->descriptor_len = ap_writer_len(&w);
	t->terms.present = descriptor->n_locks > 0;
	ok = w.bad == NULL &&
	     ap_instance_id(ap_sha256, t->id.octets, network->octets, &descriptor->terms);
	if (ok && t->terms.present)
		ok = ap_descriptor_digest(ap_sha256, t->terms.it.octets, descriptor);
	if (!ok) {
		free(t);
		return AGREE_EINTERNAL;
	}
	t->is_whole = true;
	t->network = *network;
	t->domain = *domain;
	*out = t;
	return 0;
}

void stub_ticket_descriptor(const struct agree_ticket *ticket, ap_descriptor *descriptor)
{
	struct ap_reader r;

	ap_reader_init(&r, ticket->descriptor, ticket->descriptor_len);
	ap_descriptor_get(&r, descriptor);
}

int agree_ticket_new(const agree_network *network, const agree_terms *terms, agree_ticket **ticket)
{
	ap_descriptor descriptor;
	int err;

	if (ticket == NULL)
		return AGREE_EUSAGE;
	*ticket = NULL;
	if (network == NULL || terms == NULL)
		return AGREE_EUSAGE;
	err = stub_terms_fill(terms, network->key.octets, &descriptor);
	return err != 0 ? err
			: stub_ticket_new(ticket, &network->key, &network->domain, &descriptor);
}

static int id_take(const struct agree_network *network, const char *text, struct agree_ticket **out)
{
	struct ap_name name;
	struct agree_ticket *t;
	uint8_t id[AP_ID_LEN];

	if (ap_label_to_id(id, text, strlen(text)) != 0 &&
	    (ap_name_parse(&name, text) != 0 || !ap_name_is_instance(&name, &network->domain, id)))
		return AGREE_EID;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return AGREE_ENOMEM;
	memcpy(t->id.octets, id, sizeof(id));
	t->network = network->key;
	t->domain = network->domain;
	*out = t;
	return 0;
}

int agree_ticket_parse(const agree_network *network, const char *text, agree_ticket **ticket)
{
	uint8_t room[AP_TICKET_OCTETS];
	ap_descriptor descriptor;
	int err;

	if (ticket == NULL)
		return AGREE_EUSAGE;
	*ticket = NULL;
	if (network == NULL || text == NULL)
		return AGREE_EUSAGE;
	if (!ap_ticket_is(text, strlen(text)))
		return id_take(network, text, ticket);
	err = ap_ticket_parse(&descriptor, room, network->key.octets, text, strlen(text));
	return err != 0 ? err
			: stub_ticket_new(ticket, &network->key, &network->domain, &descriptor);
}

void agree_ticket_free(agree_ticket *ticket)
{
	free(ticket);
}

/* ---- texts ---- */

static int text_give(const char *from, char *text, size_t *size)
{
	size_t needed = strlen(from) + 1;
	bool fits = text != NULL && needed <= *size;

	if (fits)
		memcpy(text, from, needed);
	*size = needed;
	return fits ? 0 : AGREE_ESPACE;
}

int agree_ticket_text(const agree_ticket *ticket, char *text, size_t *size)
{
	char whole[AP_TICKET_MAX];
	ap_descriptor descriptor;
	int err;

	if (ticket == NULL || size == NULL)
		return AGREE_EUSAGE;
	if (!ticket->is_whole)
		return AGREE_ETICKET;
	stub_ticket_descriptor(ticket, &descriptor);
	err = ap_ticket_make(whole, sizeof(whole), ticket->network.octets, &descriptor);
	return err != 0 ? err : text_give(whole, text, size);
}

int agree_ticket_name(const agree_ticket *ticket, char *text, size_t *size)
{
	char whole[AP_NAME_TEXT];
	struct ap_name name;
	struct ap_text t;

	if (ticket == NULL || size == NULL)
		return AGREE_EUSAGE;
	if (!ap_name_of_instance(&name, ticket->id.octets, &ticket->domain))
		return AGREE_EDOMAIN;
	ap_text_init(&t, whole, sizeof(whole));
	ap_name_show(&t, &name);
	return text_give(whole, text, size);
}

void agree_ticket_id(const agree_ticket *ticket, unsigned char id[AGREE_ID_LEN])
{
	memcpy(id, ticket->id.octets, AGREE_ID_LEN);
}
