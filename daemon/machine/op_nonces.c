/*
 * NONCES: commitments that a member orders ahead. draft {#nonces}
 */
#include "daemon/machine/inner.h"

void machine_op_nonces(struct machine *m, struct machine_run *run, ap_bytes body)
{
	const struct machine_key *key = &m->state.key;
	struct ap_reader r;
	ap_nonces nonces;

	ap_reader_init(&r, body.data, body.len);
	ap_nonces_get(&r, &nonces);
	if (!ap_reader_done(&r) || nonces.epoch != key->epoch)
		return;
	if (key->phase != MACHINE_TRIAL && key->phase != MACHINE_LIVE)
		return;
	if (machine_nonces_add(&m->state.pools[run->relay - 1], &nonces))
		run->result->pools_changed = true;
}
