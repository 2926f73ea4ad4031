/* Deadlines of undecided instances. draft {#deadlines} */
#include <string.h>

#include "daemon/machine/inner.h"
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
