#include "config.h"

#include "daemon/undecided.h"

#include "daemon/index_priv.h"
#include "daemon/run_priv.h"

static int refill_one(struct run *r, uint64_t seq)
{
	uint64_t time_ms;
	ap_bytes chunk;
	int status = -1;

	merge_read_begin(index_merge(r->index));
	if (merge_chunk(index_merge(r->index), seq, &time_ms, &chunk))
		status = machine_refill(r->machine, seq, chunk);
	merge_read_end(index_merge(r->index));
	return status;
}

int undecided_refill(struct run *r, struct disk_error *why)
{
	uint64_t seq = machine_refill_from(r->machine), last = machine_seq(r->machine);
	int status = 0;

	for (; seq > 0 && seq <= last && status == 0; seq++)
		status = refill_one(r, seq);
	if (status == 0)
		status = machine_refill_done(r->machine);
	if (status == 0)
		return 0;
	return disk_say(why, DISK_EDAMAGED,
			"the store's history does not give the undecided instances of its state");
}
