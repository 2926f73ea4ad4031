/* L1, L2, L4: what has to be reached once the core is healed; and that everybody is the same then. */
#include "config.h"

#include <string.h>

#include "daemon/pbft/core.h"
#include "tests/sim/oracle_inner.h"

typedef unsigned long long ull;

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
	return NULL;
}

const char *oracle_missing(void)
{
	const char *missing = NULL;

	if (clients_waiting() > 0)
		return "L1: a client waits for its answer";
	for (size_t i = 0; i < sim->n_nodes && missing == NULL; i++)
		if (node_in_core(&sim->nodes[i]))
			missing = node_missing(&sim->nodes[i]);
	return missing;
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
