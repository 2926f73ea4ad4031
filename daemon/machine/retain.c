#include "daemon/machine/retain.h"
#include "daemon/bug.h"

#include <string.h>

uint64_t machine_ms(uint64_t s)
{
	return s > UINT64_MAX / 1000 ? UINT64_MAX : s * 1000;
}

uint64_t machine_retain_low(const struct machine_retain *r)
{
	return r->floor_ms / machine_ms(MACHINE_BUCKET_S);
}

static void give_back(struct machine_retain *r, uint64_t bucket)
{
	uint32_t *kept = r->kept[bucket % MACHINE_BUCKETS];

	for (size_t i = 0; i < AP_REPLICAS_MAX; i++)
		r->used[i] -= kept[i];
	memset(kept, 0, sizeof(r->kept[0]));
}

static bool is_unused(const struct machine_retain *r)
{
	for (size_t i = 0; i < AP_REPLICAS_MAX; i++)
		if (r->used[i] != 0)
			return false;
	return true;
}

void machine_retain_advance(struct machine_retain *r, uint64_t time_ms, uint64_t retention_s)
{
	uint64_t retention_ms = machine_ms(retention_s);
	uint64_t floor_ms = time_ms > retention_ms ? time_ms - retention_ms : 0;
	uint64_t bucket = machine_retain_low(r), low;

	if (floor_ms <= r->floor_ms) /* draft {#retention}: "The floor F never sinks" */
		return;
	r->floor_ms = floor_ms;
	low = machine_retain_low(r);
	if (is_unused(r))
		return;
	/* However far T leaps, each place is visited once. */
	if (low - bucket > MACHINE_BUCKETS)
		bucket = low - MACHINE_BUCKETS;
	for (; bucket < low; bucket++)
		give_back(r, bucket);
}

enum machine_when machine_retain_judge(const struct machine_retain *r, uint64_t time_ms,
				       uint64_t start_s, uint64_t deadline_s)
{
	uint64_t deadline_ms = machine_ms(deadline_s);

	if (deadline_ms <= r->floor_ms)
		return MACHINE_FORGOTTEN;
	if (BUG(32) ? deadline_ms < time_ms : deadline_ms <= time_ms)
		return MACHINE_ENDED;
	return time_ms < machine_ms(start_s) && !BUG(56) ? MACHINE_EARLY : MACHINE_VOTES;
}

bool machine_retain_reaches(uint64_t time_ms, uint64_t horizon_s, uint64_t deadline_s)
{
	uint64_t deadline_ms = machine_ms(deadline_s);

	return deadline_ms <= time_ms || deadline_ms - time_ms <= machine_ms(horizon_s);
}

bool machine_retain_has_room(const struct machine_retain *r, uint8_t relay, uint64_t share,
			     uint64_t deadline_s)
{
	uint64_t bucket = deadline_s / MACHINE_BUCKET_S, low = machine_retain_low(r);

	return bucket >= low && bucket - low < MACHINE_BUCKETS &&
	       (r->used[relay - 1] < share || BUG(49));
}

bool machine_retain_add(struct machine_retain *r, uint8_t relay, uint64_t share,
			uint64_t deadline_s)
{
	uint64_t bucket = deadline_s / MACHINE_BUCKET_S;

	if (!machine_retain_has_room(r, relay, share, deadline_s))
		return false;
	r->kept[bucket % MACHINE_BUCKETS][relay - 1]++;
	r->used[relay - 1]++;
	return true;
}
