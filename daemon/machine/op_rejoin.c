/*
 * REJOIN: a member that has forgotten its votes gets a new incarnation. draft {#rejoin-op}
 */
#include "daemon/machine/inner.h"

void machine_op_rejoin(struct machine *m, struct machine_run *run, ap_bytes body)
{
	size_t who = run->relay - 1u;
	uint64_t *incarnation = &m->state.incarnations[who];
	struct ap_reader r;
	ap_rejoin op;

	ap_reader_init(&r, body.data, body.len);
	ap_rejoin_get(&r, &op);
	/* "if `replaces` is the relay's incarnation": replayed or overtaken, it has no effect */
	if (!ap_reader_done(&r) || op.replaces != *incarnation || *incarnation == m->state.seq)
		return;
	*incarnation = m->state.seq;
	run->result->rejoined |= (uint16_t)(1U << who);
	run->result->rejoin_bundle[who] = run->bundle;
}
