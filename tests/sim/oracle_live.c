/* L1, L2, L4: what has to be reached once the core is healed; and that everybody is the same then.
 */
#include "config.h"

#include <string.h>

#include "daemon/pbft/core.h"
#include "tests/sim/oracle_inner.h"

typedef unsigned long long ull;

enum { CALM_MS = 2500 };

bool oracle_formed(void)
{
	for (size_t i = 0; i < sim->n_nodes; i++) {
		const struct node *n = &sim->nodes[i];

		if (!n->alive || machine_key(n->run->machine)->phase != MACHINE_LIVE)
			return false;
	}
	return true;
}

bool oracle_can_live(void)
{
	return oracle()->is_live || (sim->o.core == 0 && sim->o.faulty == 0);
}

/* By more than a backup waits for its primary, and clocks are late. */
static bool is_past_due(const struct node *n)
{
	uint64_t due = machine_due(n->run->machine), wall = clock_wall_ms(NULL);

	return due != UINT64_MAX && wall > due + sim->o.skew_ms + 2 * DUE_BACKUP_MS;
}

static const char *node_missing(const struct node *n)
{
	const struct oracle *o = oracle();
	const struct pbft *p;

	if (!n->alive)
		return "L4: a replica of the core is down";
	p = n->run->pbft;
	if (p->recovering || p->empty)
		return "L4: a replica of the core has not come back";
	if (p->executed < o->n_log)
		return "L4: a replica of the core lags";
	if (p->stable != o->n_log / sim->o.interval * sim->o.interval)
		return "L4: the newest checkpoint does not become stable";
	if (p->n_own > 0)
		return "L7: a bundle of the core is not ordered";
	if (is_past_due(n))
		return "L5: an instance is past its deadline, and undecided";
	return NULL;
}

const char *oracle_missing(void)
{
	const char *missing = NULL;

	if (clients_waiting() > 0)
		return "L1: a client waits for its answer";
	for (size_t i = 0; i < sim->n_nodes && missing == NULL; i++) {
		const struct node *n = &sim->nodes[i];

		if (node_in_core(n))
			missing = node_missing(n);
		else if (node_is_healed(n) &&
			 (!n->alive || n->run->pbft->executed < oracle()->n_log))
			missing = "L4: a replica with a wrong clock does not follow";
	}
	return missing;
}

/* What was handed to a primary before the faults ended may have got lost on the way: then that
 * view ends yet. */
bool oracle_is_watching(void)
{
	for (size_t i = 0; i < sim->n_nodes; i++) {
		const struct node *n = &sim->nodes[i];

		if (!node_in_core(n))
			continue;
		for (uint8_t id = 0; id < sim->o.n; id++)
			if (n->run->pbft->peers[id].n_watched > 0)
				return true;
	}
	return false;
}

uint64_t oracle_calm_begin(void)
{
	uint64_t ms = CALM_MS, view = 0;
	bool first = true;

	if (sim->o.disk_more_us >= 10 * 1000 || sim->o.delay_more_us >= 10 * 1000)
		return 0; /* what takes a time-out now and then may end a view */
	for (size_t i = 0; i < sim->n_nodes; i++) {
		const struct node *n = &sim->nodes[i];
		const struct pbft *p;

		if (!node_in_core(n))
			continue;
		p = n->run->pbft;
		if (!p->view_active || (!first && p->view != view) ||
		    !node_in_core(node_of(pbft_primary(p, p->view))))
			return 0;
		view = p->view;
		first = false;
		ms = 2 * p->timeout_ms > ms ? 2 * p->timeout_ms : ms;
	}
	oracle()->calm_view = view;
	return ms;
}

void oracle_calm(void)
{
	for (size_t i = 0; i < sim->n_nodes; i++) {
		const struct node *n = &sim->nodes[i];

		if (node_in_core(n) && n->alive && n->run->pbft->view != oracle()->calm_view)
			sim_fail("L2: replica %u leaves view %llu, nothing being asked", n->id,
				 (ull)oracle()->calm_view);
	}
}

void oracle_end(void)
{
	uint8_t first[32], digest[32];
	bool has_first = false;

	for (size_t i = 0; i < sim->n_nodes; i++) {
		const struct node *n = &sim->nodes[i];

		if (!node_is_correct(n) || !n->alive ||
		    machine_seq(n->run->machine) != oracle()->n_log)
			continue;
		machine_digest(n->run->machine, digest);
		if (has_first && memcmp(first, digest, 32) != 0)
			sim_fail("S6: replica %u ends in another state at %llu", n->id,
				 (ull)oracle()->n_log);
		memcpy(first, digest, 32);
		has_first = true;
	}
}
