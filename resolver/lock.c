/* Locks in tickets, and the proof that a network has them. draft {#votes}, {#ticket} */
#include "config.h"

#include "resolver/ctx.h"

#include <string.h>

#include "libproto/crypto.h"

int agree_ticket_lock(const agree_ticket *ticket, const agree_party *party, agree_ticket **locked)
{
	ap_descriptor descriptor;
	ap_lock lock, *there;
	int at, err;

	if (locked == NULL)
		return AGREE_EUSAGE;
	*locked = NULL;
	if (ticket == NULL || party == NULL)
		return AGREE_EUSAGE;
	if (!ticket->is_whole)
		return AGREE_ENODESCRIPTOR;
	err = stub_party_locks(party, ticket, &lock);
	if (err != 0)
		return err;
	stub_ticket_descriptor(ticket, &descriptor);
	at = stub_lock_index(&descriptor, agree_party_index(party));
	if (at < 0)
		return at;
	there = &descriptor.locks[at];
	if (!stub_lock_is_missing(there) && memcmp(there, &lock, sizeof(lock)) != 0)
		return AGREE_ELOCKED;
	*there = lock;
	return stub_ticket_new(locked, &ticket->network, &ticket->domain, &descriptor);
}

int agree_ticket_is_draft(const agree_ticket *ticket)
{
	return ticket->is_draft;
}

int agree_ticket_registered(agree_ticket *ticket, const agree_outcome *outcome)
{
	int err;

	if (ticket == NULL || outcome == NULL)
		return AGREE_EUSAGE;
	if (ticket->is_draft)
		return AGREE_EDRAFT;
	if (!ticket->is_whole)
		return AGREE_ENODESCRIPTOR;
	err = stub_outcome_of_ticket(outcome, ticket);
	ticket->is_registered = ticket->is_registered || err == 0;
	return err;
}
