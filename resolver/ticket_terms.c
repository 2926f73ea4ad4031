/* What a ticket says. */
#include "config.h"

#include "resolver/ctx.h"

#include <string.h>

unsigned long long agree_ticket_deadline(const agree_ticket *ticket)
{
	return ap_id_deadline(ticket->id.octets);
}

unsigned long long agree_ticket_start(const agree_ticket *ticket)
{
	ap_descriptor descriptor;

	if (!ticket->is_whole)
		return 0;
	stub_ticket_descriptor(ticket, &descriptor);
	return descriptor.terms.start;
}

unsigned agree_ticket_k(const agree_ticket *ticket)
{
	ap_descriptor descriptor;

	if (!ticket->is_whole)
		return 0;
	stub_ticket_descriptor(ticket, &descriptor);
	return descriptor.terms.k;
}

size_t agree_ticket_parties(const agree_ticket *ticket)
{
	ap_descriptor descriptor;

	if (!ticket->is_whole)
		return 0;
	stub_ticket_descriptor(ticket, &descriptor);
	return descriptor.terms.n_parties;
}

int agree_ticket_party_key(const agree_ticket *ticket, unsigned party,
			   unsigned char key[AGREE_KEY_LEN])
{
	ap_descriptor descriptor;

	if (ticket == NULL)
		return AGREE_EUSAGE;
	if (!ticket->is_whole)
		return AGREE_ETICKET;
	stub_ticket_descriptor(ticket, &descriptor);
	if (party >= descriptor.terms.n_parties)
		return AGREE_ENOTPARTY;
	if (!descriptor.terms.parties[party].key.present)
		return 0;
	if (key != NULL)
		memcpy(key, descriptor.terms.parties[party].key.it.octets, AGREE_KEY_LEN);
	return 1;
}

/* It borrows from the ticket's own octets. */
const void *agree_ticket_value(const agree_ticket *ticket, size_t *len)
{
	ap_descriptor descriptor;

	*len = 0;
	if (!ticket->is_whole)
		return NULL;
	stub_ticket_descriptor(ticket, &descriptor);
	if (!descriptor.terms.fixed.present)
		return NULL;
	*len = descriptor.terms.fixed.it.len;
	return descriptor.terms.fixed.it.data;
}

const void *agree_ticket_label(const agree_ticket *ticket, size_t *len)
{
	ap_descriptor descriptor;

	*len = 0;
	if (!ticket->is_whole)
		return NULL;
	stub_ticket_descriptor(ticket, &descriptor);
	*len = descriptor.terms.label.len;
	return descriptor.terms.label.data;
}
