/*
 * What need not even be verified: a PREPARE beyond those that the certificate takes. It would
 * change nothing, and its signature costs more than all else of its batch at this replica.
 */
#include "daemon/pbft/core.h"

#include <string.h>

bool pbft_wants_prepare(const struct pbft *p, const struct pbft_proposal *v)
{
	uint8_t primary = pbft_primary(p, p->view),
		need = (uint8_t)(2 * pbft_quorum_faulty(p->conf.n));
	uint16_t self = pbft_bit(p, p->conf.self), who;
	const struct pbft_slot *slot = pbft_window_find(&p->window, v->seq);

	if (v->replica == p->conf.self)
		return true; /* draft {#showing} */
	if (slot == NULL || v->view != p->view)
		return true; /* judged with the rest of it */
	if (!pbft_slot_votes(slot, p->view) || memcmp(slot->vote, v->batch, 32) != 0)
		return true;
	who = pbft_slot_prepares(slot, p->view, slot->vote) & (uint16_t)~self;
	if (primary != p->conf.self)
		need--; /* the own one counts as soon as it is durable */
	return !slot->prepared && pbft_quorum_count(p->conf.n, who) < need;
}
