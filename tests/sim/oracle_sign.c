/*
 * S12, L3, 63, 64: who signs, how often it is tried, who is left out for it; and that signers who
 * are silent, slow or bad never depose a primary.
 */
#include "config.h"

#include "tests/sim/byz.h"
#include "tests/sim/oracle_inner.h"

typedef unsigned long long ull;

enum {
	LATE_MS = 100,	 /* of executing what others have executed: less than that is in time */
	SETTLE_MS = 400, /* after the core is healed: syncs and frames of before are through */
	DELAY_US = 3000, /* of frames and syncs on average: far below a retry's time */
	SIGNING_LIES = LIE_SHARES | LIE_SLEEP | LIE_SLOW | LIE_RETRY,
};

static size_t threshold(void)
{
	return options_f(&sim->o) + 1;
}

/* An entry of a pool is taken once, whoever's it is. */
static void check_taken(const struct machine_set *set, uint64_t seq)
{
	bool made;

	for (size_t i = 0; i < threshold(); i++) {
		map_put(&oracle()->taken,
			oracle_map_key(set->members[i], set->boot[i], set->ctr[i], 0), &made);
		if (!made)
			sim_fail("S12: nonce %llu of run %llu of %u is taken twice, for %llu too",
				 (ull)set->ctr[i], (ull)set->boot[i], set->members[i], (ull)seq);
	}
}

/* Nothing but signing goes wrong, and what the core sends arrives in time. */
static bool is_timely(void)
{
	const struct options *o = &sim->o;

	if (o->faulty != 0 && (o->lies & ~(uint64_t)SIGNING_LIES) != 0)
		return false;
	if (o->twins != 0 || o->loss_pm != 0 || o->full_pm != 0 || o->delay_us > DELAY_US ||
	    o->delay_more_us > DELAY_US || o->disk_us > DELAY_US || o->disk_more_us > DELAY_US)
		return false;
	return o->calm != 0 ||
	       (sim->phase == SIM_HEALED && sim->now_us > sim->healed_us + 1000 * SETTLE_MS);
}

static bool is_core_near(uint64_t seq)
{
	for (size_t i = 0; i < sim->n_nodes; i++) {
		const struct node *n = &sim->nodes[i];

		if (node_in_core(n) &&
		    (!n->alive || n->run == NULL || machine_seq(n->run->machine) + 2 < seq))
			return false;
	}
	return true;
}

/* All of this set are correct, there, and have these nonces still. */
static bool can_sign(const struct machine_set *set)
{
	for (size_t i = 0; i < threshold(); i++) {
		const struct node *n = node_of(set->members[i]);

		if (!node_in_core(n) || !n->alive || n->run == NULL || n->run->boot != set->boot[i])
			return false;
		if (n->run->recover.is && !n->run->recover.numbered)
			return false; /* the number is one of a life that it has forgotten */
	}
	return true;
}

/* Then it has executed late, or has yet to. */
static bool is_anyone_damaged(void)
{
	for (size_t i = 0; i < sim->n_nodes; i++)
		if (sim->nodes[i].run != NULL && sim->nodes[i].run->damages > 0)
			return true;
	return false;
}

/* draft {#retry}: how often a batch has to be tried where only signers are at fault: each time
 * costs those that did not sign their place */
static void check_retry(const struct machine_retry *r)
{
	struct truth *t = oracle_truth(r->statement.seq);

	if (r->attempt == 0)
		return;
	if (t->can_sign && t->late_us != 0 && t->late_us < t->first_us + 1000 * LATE_MS &&
	    !is_anyone_damaged())
		sim_fail("L3: %llu is tried again, and a set of correct members was to sign it",
			 (ull)r->statement.seq);
	if (t->attempts == 0 && is_timely())
		t->attempts = r->attempt;
	if (t->attempts != 0 && r->attempt > t->attempts + threshold())
		sim_fail("L3: %llu is tried for the %uth time", (ull)r->statement.seq,
			 r->attempt + 1u);
}

/* Who executes a batch long after the others signs it long after them. */
void oracle_signer_executes(const struct node *n, uint64_t seq)
{
	struct truth *t = oracle_truth(seq);
	uint16_t core =
		(uint16_t)(sim->o.core != 0 ? sim->o.core : options_all(&sim->o) & ~sim->o.faulty);

	if (t->first_us == 0)
		t->first_us = sim->now_us;
	t->core |= (uint16_t)(1u << (n->id - 1));
	if (t->late_us == 0 && (core & ~t->core) == 0)
		t->late_us = sim->now_us;
}

static void note_sets(uint64_t seq, const struct machine_set sets[], size_t n_sets)
{
	struct truth *t = oracle_truth(seq);

	for (size_t i = 0; i < n_sets; i++) {
		check_taken(&sets[i], seq);
		if (is_timely() && is_core_near(oracle()->n_log) && can_sign(&sets[i]))
			t->can_sign = true;
	}
}

/* Whom do correct replicas report in this bundle? */
static void note_reports(const struct machine_bundle *b, uint64_t seq)
{
	struct ap_reader r, body;
	ap_retry retry;
	ap_op op;

	ap_reader_init(&r, b->ops, b->ops_len);
	while (ap_reader_left(&r) > 0) {
		ap_op_get(&r, &op);
		if (r.bad != NULL)
			return;
		if (op.kind != AP_OP_retry)
			continue;
		ap_reader_init(&body, op.body.data, op.body.len);
		ap_retry_get(&body, &retry);
		for (uint8_t id = 1; ap_reader_done(&body) && id <= sim->o.n; id++)
			if ((retry.missing >> (id - 1) & 1) != 0)
				oracle()->named[id] = seq;
	}
}

static void check_signers(const struct machine *m, uint64_t seq)
{
	unsigned out = 0;
	bool demoted = false;

	for (uint8_t id = 1; id <= sim->o.n; id++) {
		const struct machine_signer *it = machine_signer(m, id);

		if (it->blamed && !node_of(id)->faulty)
			sim_fail("63: replica %u, which is correct, is blamed at %llu", id,
				 (ull)seq);
		if (it->since == seq &&
		    (oracle()->named[id] == 0 || seq - oracle()->named[id] >= MACHINE_REPORT_SPAN))
			sim_fail("64: replica %u is demoted at %llu by liars alone", id, (ull)seq);
		out += it->blamed || it->since != 0;
		demoted = demoted || it->since != 0;
	}
	if (demoted && out > options_f(&sim->o))
		sim_fail("64: %u are left out at %llu", out, (ull)seq);
}

void oracle_signers(const struct node *n, const struct machine *m,
		    const struct machine_batch *batch, const struct machine_result *r)
{
	uint64_t demoted = 0;

	for (size_t i = 0; i < batch->n_bundles && i < MACHINE_BUNDLES_MAX; i++)
		if (r->executed_bundles[i] != 0 && batch->bundles[i].relay >= 1 &&
		    batch->bundles[i].relay <= sim->o.n &&
		    !node_of(batch->bundles[i].relay)->faulty)
			note_reports(&batch->bundles[i], r->seq);

	for (size_t i = 0; i < r->n_retries; i++) {
		check_retry(&r->retries[i]);
		note_sets(r->retries[i].statement.seq, r->retries[i].sets, r->retries[i].n_sets);
		trace_mile("attempt %u at %llu", r->retries[i].attempt + 1u,
			   (ull)r->retries[i].statement.seq);
	}
	note_sets(r->seq, r->sets, r->n_sets);
	check_signers(m, r->seq);
	for (uint8_t id = 1; r->signers_changed && id <= sim->o.n; id++)
		demoted |= (uint64_t)machine_signers_is_out(machine_signer(m, id)) << (id - 1);
	if (r->signers_changed)
		trace_mile("signers left out: %llx", (ull)demoted);
	if (sim->o.calm != 0 && is_timely() && n->run->pbft != NULL) {
		struct pbft_info info;

		pbft_info(n->run->pbft, &info);
		if (info.view != 0)
			sim_fail("L2: signers have deposed a primary: view %llu", (ull)info.view);
	}
}
