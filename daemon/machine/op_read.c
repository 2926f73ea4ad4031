/*
 * READ: a client's QUERY for what has no final record at its relay. draft {#read}
 */
#include "daemon/machine/inner.h"
#include "libproto/agree_errors.h"

void machine_op_read(struct machine *m, struct machine_run *run, ap_bytes body)
{
	struct ap_reader r;
	ap_read read;

	ap_reader_init(&r, body.data, body.len);
	ap_read_get(&r, &read);
	if (!ap_reader_done(&r))
		machine_refuse(run, read.id.octets, AGREE_EFORM);
	else if (m->state.key.phase != MACHINE_LIVE)
		machine_refuse(run, read.id.octets, AGREE_EFORMING);
	else
		machine_answer_bare(m, run, read.id.octets, &read.nonce);
}
