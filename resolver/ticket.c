#include "config.h"

#include "resolver/ctx.h"

#include <stdlib.h>
#include <string.h>

#include "libproto/crypto.h"
#include "libproto/ticket.h"

struct agree_terms {
	uint8_t label[AP_LABEL_MAX];
	size_t label_len;
	uint64_t deadline_s;
	bool fresh;
};

int agree_terms_new(agree_terms **terms)
{
	if (terms == NULL)
		return AGREE_EUSAGE;
	*terms = calloc(1, sizeof(**terms));
	return *terms != NULL ? 0 : AGREE_ENOMEM;
}

void agree_terms_free(agree_terms *terms)
{
	free(terms);
}

int agree_terms_label(agree_terms *terms, const void *label, size_t len)
{
	if (terms == NULL || (label == NULL && len > 0))
		return AGREE_EUSAGE;
	if (len == 0 || len > sizeof(terms->label))
		return AGREE_ELABEL;
	memcpy(terms->label, label, len);
	terms->label_len = len;
	return 0;
}

int agree_terms_deadline(agree_terms *terms, unsigned long long seconds)
{
	if (terms == NULL)
		return AGREE_EUSAGE;
	if (seconds == 0 || seconds > AP_DEADLINE_MAX)
		return AGREE_ETIME;
	terms->deadline_s = seconds;
	return 0;
}

int agree_terms_fresh(agree_terms *terms)
{
	if (terms == NULL)
		return AGREE_EUSAGE;
	terms->fresh = true;
	return 0;
}

/* ---- tickets ---- */

static int ticket_make(const struct agree_network *network, const ap_descriptor *descriptor,
		       struct agree_ticket **out)
{
	struct agree_ticket *t = calloc(1, sizeof(*t));
	struct ap_writer w;

	if (t == NULL)
		return AGREE_ENOMEM;
	ap_writer_init(&w, t->descriptor, sizeof(t->descriptor));
	ap_descriptor_put(&w, descriptor);
	t->descriptor_len = ap_writer_len(&w);
	if (w.bad != NULL ||
	    !ap_instance_id(ap_sha256, t->id.octets, network->key.octets, &descriptor->terms)) {
		free(t);
		return AGREE_EINTERNAL;
	}
	t->is_whole = true;
	t->network = network->key;
	t->domain = network->domain;
	*out = t;
	return 0;
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
	err = ap_ticket_open(&descriptor, (ap_bytes){terms->label, terms->label_len},
			     terms->deadline_s);
	if (err != 0)
		return err;
	if (terms->fresh && ap_random(descriptor.terms.salt.octets, 16) != 0)
		return AGREE_EINTERNAL;
	return ticket_make(network, &descriptor, ticket);
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
	return err != 0 ? err : ticket_make(network, &descriptor, ticket);
}

void agree_ticket_free(agree_ticket *ticket)
{
	free(ticket);
}

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
	struct ap_reader r;
	int err;

	if (ticket == NULL || size == NULL)
		return AGREE_EUSAGE;
	if (!ticket->is_whole)
		return AGREE_ETICKET;
	ap_reader_init(&r, ticket->descriptor, ticket->descriptor_len);
	ap_descriptor_get(&r, &descriptor);
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
