/* The oracle's life, and where it listens: before the core, the machine, the signer (wraps.def). */
#include "config.h"

#include "tests/sim/oracle.h"

#include <stdlib.h>
#include <string.h>

#include "libproto/proof.h"
#include "tests/sim/oracle_inner.h"
#include "tests/sim/wrap.h"

struct oracle *oracle(void)
{
	return sim->oracle;
}

unsigned oracle_count(uint16_t who)
{
	unsigned n = 0;

	for (who &= options_all(&sim->o); who != 0; who >>= 1)
		n += who & 1u;
	return n;
}

struct map_key oracle_map_key(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return (struct map_key){{a, b, c, d}};
}

struct truth *oracle_truth(uint64_t seq)
{
	struct oracle *o = oracle();

	if (seq >= o->size_log) {
		size_t size = 2 * seq + 64;

		o->log = realloc(o->log, size * sizeof(*o->log));
		if (o->log == NULL)
			abort();
		memset(o->log + o->size_log, 0, (size - o->size_log) * sizeof(*o->log));
		o->size_log = size;
	}
	return &o->log[seq];
}

void oracle_init(void)
{
	sim->oracle = calloc(1, sizeof(*sim->oracle));
	if (sim->oracle == NULL)
		abort();
	sim->oracle->model = model_new();
}

void oracle_clear(void)
{
	struct oracle *o = oracle();

	if (o == NULL)
		return;
	free(o->log);
	map_free(&o->votes);
	map_free(&o->prepared);
	map_free(&o->bundles);
	map_free(&o->executed);
	map_free(&o->nonces);
	map_free(&o->taken);
	map_free(&o->finals);
	free(o->final);
	model_free(o->model);
	free(o);
}

void oracle_started(struct node *n)
{
	oracle()->seen[n->index].executed = UINT64_MAX; /* known with the first batch */
}

void oracle_forgets(struct node *n)
{
	if (oracle()->forgot[n->id].is)
		return; /* it has not voted since it forgot the last time */
	oracle()->forgot[n->id].is = true;
	oracle()->forgot[n->id].incarnation = oracle()->incarnation[n->id];
}

void oracle_ended(struct node *n)
{
	(void)n;
}

const uint8_t *oracle_key(void)
{
	return oracle()->has_key ? oracle()->key : NULL;
}

const uint8_t *oracle_running(uint64_t seq)
{
	return oracle_truth(seq)->running;
}

uint64_t oracle_batches(void)
{
	return oracle()->n_log;
}

/* ---- where it listens ---- */

void __wrap_pbft_step(struct pbft *p, const struct pbft_event *ev, struct pbft_update *u)
{
	if (ev->kind == PBFT_EV_STATE)
		oracle_transferred(sim->current, ev);
	__real_pbft_step(p, ev, u);
	if (ev->kind == PBFT_EV_LOST)
		oracle_lost(sim->current);
	sim->steps++;
	oracle_step(sim->current, p, ev, u);
}

void __wrap_machine_apply(struct machine *m, const struct machine_batch *batch,
			  struct machine_result *result)
{
	bool was_live = machine_key(m)->phase == MACHINE_LIVE;

	__real_machine_apply(m, batch, result);
	if (disk_is_damaged(sim->current))
		return; /* what comes of it must not count: if it does, it shows in what comes next */
	for (uint8_t id = 1; id <= sim->o.n; id++)
		if (machine_incarnations(m)[id - 1] > oracle()->incarnation[id])
			oracle()->incarnation[id] = machine_incarnations(m)[id - 1];
	oracle_applied(sim->current, m, batch, result, was_live);
}

static void check_signed(const struct node *n, enum frost_kind kind, const struct ap_statement *s)
{
	const struct truth *t = oracle_truth(s->seq);

	if (s->seq > oracle()->n_log || memcmp(t->running, s->running, 32) != 0 ||
	    t->time_ms != s->time_ms ||
	    (kind == FROST_BATCH && (t->leaves != s->count || memcmp(t->root, s->root, 32) != 0)))
		sim_fail("S11: replica %u signs another statement for batch %llu", n->id,
			 (unsigned long long)s->seq);
}

/* S12: also where the signer refuses afterwards, the pair is spent. */
int __wrap_frost_sign(struct frost *f, enum frost_kind kind, const struct ap_statement *statement,
		      const struct frost_list *list, uint64_t boot, uint64_t ctr,
		      struct frost_session *s, uint8_t z[32])
{
	int rc = __real_frost_sign(f, kind, statement, list, boot, ctr, s, z);
	const struct node *n = sim->current;
	bool made;

	if (rc != 0 || n->faulty)
		return rc;
	map_put(&oracle()->nonces, oracle_map_key(n->id, boot, ctr, 0), &made);
	if (!made)
		sim_fail("S12: replica %u signs twice with nonce %llu of run %llu", n->id,
			 (unsigned long long)ctr, (unsigned long long)boot);
	check_signed(n, kind, statement);
	return rc;
}

void oracle_blamed(uint8_t id)
{
	if (sim->current != NULL && node_is_correct(sim->current) && node_is_correct(node_of(id)))
		sim_fail("L3: replica %u blames replica %u, which is correct, for a bad share",
			 sim->current->id, id);
}

/* ---- what clients believe ---- */

void oracle_asks(struct oracle_asked *asked)
{
	asked->sequence = oracle()->answered;
	asked->at_us = sim->now_us;
}

static void check_final(const uint8_t id[AP_ID_LEN], const ap_outcome *o)
{
	struct oracle *all = oracle();
	struct map_entry *e;
	struct map_key key;
	const struct final *f;

	memcpy(key.word, id + AP_ID_LEN - 32, 32);
	e = map_find(&all->finals, key);
	if (e == NULL) {
		if (o->status == AP_STATUS_DECIDED || o->reason != AP_REASON_DEADLINE)
			sim_fail("S7: a final outcome that no correct replica has executed");
		return;
	}
	f = &all->final[e->count];
	if (f->status != o->status || f->reason != o->reason || f->sequence != o->sequence ||
	    f->time != o->time || f->value != crypto_hash64(1, o->value.data, o->value.len))
		sim_fail("S7: two final outcomes of one instance: sequences %llu and %llu",
			 (unsigned long long)f->sequence, (unsigned long long)o->sequence);
}

void oracle_answer(unsigned client, const uint8_t id[AP_ID_LEN], const struct ap_agree *agree,
		   const struct oracle_asked *asked)
{
	struct oracle *o = oracle();
	const struct truth *t = oracle_truth(agree->proof.sequence);
	struct ap_statement s;

	trace_mile("client %u: %s sequence=%llu proof=%llu", client,
		   ap_status_name(agree->outcome.status),
		   (unsigned long long)agree->outcome.sequence,
		   (unsigned long long)agree->proof.sequence);
	if (!ap_agree_statement(ap_sha256, &s, id, agree) || agree->proof.sequence > o->n_log ||
	    memcmp(t->running, s.running, 32) != 0 || memcmp(t->root, s.root, 32) != 0 ||
	    t->time_ms != s.time_ms || t->leaves != s.count)
		sim_fail("S11: client %u has a signed statement that nobody executed", client);
	if (ap_outcome_is_final(&agree->outcome))
		check_final(id, &agree->outcome);
	else if (agree->outcome.status != AP_STATUS_FORGOTTEN &&
		 agree->proof.sequence <= asked->sequence)
		sim_fail("S10: client %u is told of %llu, after it was told of %llu", client,
			 (unsigned long long)agree->proof.sequence,
			 (unsigned long long)asked->sequence);
	if (agree->proof.sequence > o->answered)
		o->answered = agree->proof.sequence;
}
