/* Deadlines of undecided instances. draft {#deadlines} */
#include <string.h>

#include "daemon/machine/inner.h"
#include "libproto/agree_errors.h"
#include "libproto/instance.h"

static void drop(struct machine *m, struct machine_instance *it)
{
	memcpy(m->state.undecided.expired, it->id, AP_ID_LEN);
	machine_instances_remove(&m->instances, it);
}

static bool is_due(const struct machine *m, uint64_t time_ms)
{
	return m->instances.due_s != UINT64_MAX && machine_ms(m->instances.due_s) <= time_ms;
}

void machine_drop_forgotten(struct machine *m)
{
	while (is_due(m, m->state.retain.floor_ms))
		drop(m, machine_instances_first(&m->instances));
}

void machine_expire(struct machine *m, struct machine_run *run)
{
	static const ap_nonce none; /* the outcome is final */

	run->bundle = run->op = MACHINE_NO_BUNDLE;
	while (is_due(m, m->state.time_ms) && run->result->n_entries < AP_BATCH_REQUESTS_MAX) {
		struct machine_instance *it = machine_instances_first(&m->instances);

		machine_answer_undecided(m, run, it, &none);
		drop(m, it);
	}
}

void machine_note_undecided(struct machine *m)
{
	const struct machine_instance *oldest = machine_instances_oldest(&m->instances);

	m->state.undecided.count = m->instances.count;
	m->state.undecided.oldest = oldest == NULL ? 0 : oldest->registered;
}

uint64_t machine_due(const struct machine *m)
{
	return m->instances.due_s == UINT64_MAX ? UINT64_MAX : machine_ms(m->instances.due_s);
}

uint64_t machine_room_in_s(const struct machine *m, uint8_t relay, int refusal)
{
	const struct machine_retain *retain = &m->state.retain;
	uint64_t bucket = machine_retain_low(retain), last = bucket + MACHINE_BUCKETS, at_ms;

	if (refusal == AGREE_EUNDECIDED) {
		at_ms = machine_due(m);
	} else {
		while (bucket < last && retain->kept[bucket % MACHINE_BUCKETS][relay - 1] == 0)
			bucket++;
		at_ms = machine_ms((bucket + 1) * MACHINE_BUCKET_S + m->conf.retention_s);
	}
	if (at_ms == UINT64_MAX || at_ms <= m->state.time_ms)
		return 1;
	return (at_ms - m->state.time_ms) / 1000 + 1;
}
