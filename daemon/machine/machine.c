/*
 * Executing a batch (draft {#execution}):
 *
 *  1. T = max(T, proposed), F follows, the running hash takes the batch in.
 *  2. Bundles whose number is new execute, operation after operation, each seeing what those before
 *     it did.
 *  3. Undecided instances whose deadline has come expire; what became final and what changed is
 *     one leaf of the history.
 *  4. If there are leaves, their tree; if something is to be signed, its signer sets.
 */
#include "daemon/machine/machine.h"
#include "daemon/bug.h"

#include <string.h>

#include "daemon/machine/inner.h"
#include "libproto/agree_errors.h"
#include "libproto/digest.h"
#include "libproto/instance.h"
#include "libproto/outcome.h"

/* ---- life ---- */

static bool is_possible(const struct machine_conf *conf)
{
	return conf->n >= 4 && conf->n <= AP_REPLICAS_MAX && conf->n % 3 == 1 &&
	       conf->retention_s <= MACHINE_SPAN_MAX_S && conf->horizon_s <= MACHINE_SPAN_MAX_S &&
	       conf->retention_s + conf->horizon_s <= MACHINE_SPAN_MAX_S &&
	       conf->capacity >= conf->n && conf->capacity / conf->n <= UINT32_MAX;
}

/* Aligned, since the instances come behind it. */
enum { SCRATCH = (MACHINE_SCRATCH + 15) / 16 * 16 };

size_t machine_size(const struct machine_conf *conf)
{
	if (!is_possible(conf))
		return 0;
	return sizeof(struct machine) + SCRATCH +
	       machine_instances_size(conf->n, conf->capacity / conf->n);
}

void machine_reset(struct machine *m)
{
	struct machine_state *state = &m->state;
	struct machine_key *key = &state->key;

	memset(state, 0, sizeof(*state));
	machine_instances_clear(&m->instances);
	ap_digest_genesis(m->funcs.sha256, state->running, m->conf.genesis);
	key->phase = MACHINE_ENCKEYS;
	key->epoch = 1;
	key->attempt = 1;
	m->funcs.sid(m->funcs.ctx, m->conf.genesis, key->epoch, m->conf.n, key->attempt, key->sid);
}

struct machine *machine_init(void *memory, const struct machine_conf *conf,
			     const struct machine_funcs *funcs, const struct machine_store *store)
{
	struct machine *m = memory;

	ASSERT(is_possible(conf));
	m->conf = *conf;
	m->funcs = *funcs;
	m->store = *store;
	m->scratch = (uint8_t *)memory + sizeof(*m);
	machine_instances_init(&m->instances, m->scratch + SCRATCH, conf->n,
			       conf->capacity / conf->n);
	machine_reset(m);
	return m;
}

/* ---- leaves and refusals ---- */

static struct machine_entry *entry_new(struct machine_run *run, const uint8_t id[AP_ID_LEN])
{
	struct machine_entry *entry = &run->result->entries[run->result->n_entries++];

	entry->bundle = run->bundle;
	entry->op = run->op;
	entry->leaf = -1;
	entry->refusal = 0;
	entry->fresh = false;
	memcpy(entry->id, id, sizeof(entry->id));
	return entry;
}

void machine_refuse(struct machine_run *run, const uint8_t id[AP_ID_LEN], int why)
{
	entry_new(run, id)->refusal = why;
}

static struct machine_entry *leaf_new(struct machine *m, struct machine_run *run,
				      const uint8_t id[AP_ID_LEN], const ap_outcome *outcome)
{
	struct machine_result *result = run->result;
	struct machine_entry *entry = entry_new(run, id);
	bool made = ap_outcome_leaf(m->funcs.sha256, result->nodes[result->n_leaves], id, outcome);

	ASSERT(made); /* values came through a decoder, or from the store */
	entry->leaf = (int16_t)result->n_leaves++;
	entry->outcome = *outcome;
	return entry;
}

void machine_answer(struct machine *m, struct machine_run *run, const uint8_t id[AP_ID_LEN],
		    const ap_outcome *outcome)
{
	leaf_new(m, run, id, outcome);
}

/* draft {#state}: "id ‖ u8 relay ‖ u16 length ‖ outcome" */
static void chunk_add(struct ap_writer *chunk, const struct machine_final *final)
{
	uint8_t octets[AP_MAX_outcome];
	struct ap_writer w;
	ap_bytes outcome;

	ap_writer_init(&w, octets, sizeof(octets));
	ap_outcome_put(&w, &final->outcome);
	outcome = ap_writer_bytes(&w);
	ap_octets_put(chunk, final->id, sizeof(final->id));
	ap_u8_put(chunk, &final->relay);
	ap_span16_put(chunk, &outcome);
}

void machine_decide(struct machine *m, struct machine_run *run, const uint8_t id[AP_ID_LEN],
		    uint8_t relay, const ap_outcome *outcome)
{
	struct machine_final final = {
		.relay = relay,
		.sequence = run->result->seq,
		.outcome = *outcome,
	};

	memcpy(final.id, id, sizeof(final.id));
	leaf_new(m, run, id, outcome)->fresh = true;
	chunk_add(&run->chunk, &final);
	m->store.put(m->store.ctx, &final);
}

bool machine_find(const struct machine *m, const uint8_t id[AP_ID_LEN], struct machine_final *final)
{
	const struct machine_state *state = &m->state;

	/* draft {#retention}: "forgotten, whether or not a replica still stores it"
	 */
	if (machine_retain_judge(&state->retain, state->time_ms, 0, ap_id_deadline(id)) ==
	    MACHINE_FORGOTTEN)
		return false;
	return m->store.find(m->store.ctx, id, final);
}

/* A value of the store lives until the next call only: it moves into the result. */
static ap_value keep_value(struct machine_result *result, ap_value value)
{
	uint8_t *at = result->values + result->values_len;

	if (value.len == 0)
		return (ap_value){NULL, 0};
	ASSERT(value.len <= sizeof(result->values) - result->values_len);
	memcpy(at, value.data, value.len);
	result->values_len += value.len;
	return (ap_value){at, value.len};
}

void machine_answer_final(struct machine *m, struct machine_run *run,
			  const struct machine_final *final)
{
	ap_outcome outcome = final->outcome;

	if (BUG(55))
		outcome.sequence = run->result->seq;
	outcome.value = keep_value(run->result, outcome.value);
	machine_answer(m, run, final->id, &outcome);
}

void machine_answer_bare(struct machine *m, struct machine_run *run, const uint8_t id[AP_ID_LEN],
			 const ap_nonce *nonce)
{
	const struct machine_instance *it = machine_instances_find(&m->instances, id);
	struct machine_final final;
	ap_outcome outcome;

	if (it != NULL) {
		machine_answer_undecided(m, run, it, nonce);
		return;
	}
	if (machine_find(m, id, &final)) {
		machine_answer_final(m, run, &final);
		return;
	}
	machine_outcome_init(&outcome, AP_STATUS_UNKNOWN);
	outcome.sequence = run->result->seq;
	outcome.time = run->result->time_ms;
	outcome.nonce.present = true;
	if (!BUG(40))
		outcome.nonce.it = *nonce;
	machine_answer(m, run, id, &outcome);
}

/* ---- one batch ---- */

static bool is_answered(uint8_t kind)
{
	return kind == AP_OP_request || kind == AP_OP_read;
}

static void execute_op(struct machine *m, struct machine_run *run, const ap_op *op)
{
	if (is_answered(op->kind) && run->result->n_entries == AP_BATCH_REQUESTS_MAX)
		return;
	switch (op->kind) {
	case AP_OP_request:
		machine_op_request(m, run, op->body);
		break;
	case AP_OP_read:
		machine_op_read(m, run, op->body);
		break;
	case AP_OP_rejoin:
		machine_op_rejoin(m, run, op->body);
		break;
	case AP_OP_nonces:
		machine_op_nonces(m, run, op->body);
		break;
	case AP_OP_enckey:
		machine_op_enckey(m, run, op->body);
		break;
	case AP_OP_deal:
		machine_op_deal(m, run, op->body);
		break;
	case AP_OP_retry:
		machine_op_retry(m, run, op->body);
		break;
	case AP_OP_blame:
		machine_op_blame(m, run, op->body);
		break;
	case AP_OP_badpoint:
		machine_op_badpoint(m, run, op->body);
		break;
	case AP_OP_complaint:
		machine_op_complaint(m, run, op->body);
		break;
	case AP_OP_ready:
		machine_op_ready(m, run, op->body);
		break;
	default: /* a tick, or what a later version knows: only the batch time moves */
		break;
	}
}

static void execute_bundle(struct machine *m, struct machine_run *run,
			   const struct machine_bundle *bundle)
{
	struct machine_numbers *numbers = &m->state.numbers[bundle->relay - 1];
	struct ap_reader r;
	ap_op op;

	if (!machine_numbers_take(numbers, bundle->start, bundle->counter) && !BUG(57))
		return;
	run->result->executed_bundles[run->bundle] = 1;
	run->relay = bundle->relay;
	ap_reader_init(&r, bundle->ops, bundle->ops_len);
	for (run->op = 0; ap_reader_left(&r) > 0; run->op++) {
		ap_op_get(&r, &op);
		if (r.bad != NULL)
			return;
		execute_op(m, run, &op);
	}
}

/* Step 1. */
static void begin(struct machine *m, struct machine_run *run)
{
	struct machine_state *state = &m->state;
	struct machine_result *result = run->result;
	const struct machine_batch *batch = run->batch;

	ASSERT(batch->seq == state->seq + 1);
	state->seq = batch->seq;
	if (state->time_ms < batch->time_ms || BUG(31))
		state->time_ms = batch->time_ms;
	machine_retain_advance(&state->retain, state->time_ms, m->conf.retention_s);
	machine_drop_forgotten(m);
	ap_digest_running(m->funcs.sha256, state->running, state->running, batch->seq,
			  batch->digest);

	result->seq = state->seq;
	result->time_ms = state->time_ms;
	memcpy(result->running, state->running, sizeof(result->running));
	memset(result->executed_bundles, 0, sizeof(result->executed_bundles));
	result->n_entries = 0;
	result->n_leaves = 0;
	memset(result->root, 0, sizeof(result->root));
	result->sign = MACHINE_SIGN_NOTHING;
	result->n_sets = 0;
	result->key_changed = false;
	result->pools_changed = false;
	result->n_retries = 0;
	result->signers_changed = machine_signers_advance(state->signers, m->conf.n, state->seq);
	result->rejoined = 0;
	result->values_len = 0;
	ap_writer_init(&run->chunk, m->scratch, MACHINE_CHUNK_MAX);
	ap_writer_init(&run->changes, m->scratch + MACHINE_CHUNK_MAX, MACHINE_CHANGES_MAX);
}

/* Step 3. draft {#state}: "T(agree1-chunk) ‖ u64 sequence ‖ u64 T ‖ what became final in it" */
static void append_history(struct machine *m, struct machine_run *run)
{
	uint8_t head[AP_TAG_LEN + 8 + 8], *leaf = run->result->leaf;
	ap_bytes chunk = ap_writer_bytes(&run->chunk), changes = ap_writer_bytes(&run->changes);
	struct ap_writer w;
	bool appended;

	ASSERT(run->chunk.bad == NULL && run->changes.bad == NULL);
	run->result->changes = changes;
	ap_tag(head, "agree1-chunk");
	ap_writer_init(&w, head + AP_TAG_LEN, 8 + 8);
	ap_u64_put(&w, &m->state.seq);
	ap_u64_put(&w, &m->state.time_ms);
	appended = ap_merkle_leaf(m->funcs.sha256, leaf,
				  (const ap_bytes[]){{head, sizeof(head)}, chunk, changes}, 3) &&
		   ap_frontier_append(m->funcs.sha256, &m->state.history, leaf);
	ASSERT(appended);
}

/* Have all members nonces in the pool, so that the key can be tried? */
static bool is_trial_due(const struct machine *m)
{
	if (m->state.key.phase != MACHINE_TRIAL)
		return false;
	for (size_t i = 0; i < m->conf.n; i++)
		if (m->state.pools[i].left == 0)
			return false;
	return true;
}

/* What the group is to sign is pending; and what was pending for a whole window is given up. */
static void make_pending(struct machine *m, const struct machine_result *result)
{
	struct machine_state *state = &m->state;
	struct ap_statement s = {.epoch = state->key.epoch,
				 .seq = state->seq,
				 .time_ms = state->time_ms,
				 .count = result->n_leaves};

	memcpy(s.root, result->root, sizeof(s.root));
	memcpy(s.running, state->running, sizeof(s.running));
	if (result->sign == MACHINE_SIGN_TRIAL)
		memcpy(s.genesis, m->conf.genesis, sizeof(s.genesis));
	machine_pending_add(&state->pendings, state->seq,
			    result->sign == MACHINE_SIGN_NOTHING ? NULL : &s,
			    result->sign == MACHINE_SIGN_TRIAL);
}

/* The sets of the attempt that is due at a batch; 0: there are none. */
static size_t take_sets(struct machine *m, struct machine_pending *it,
			struct machine_set sets[MACHINE_SETS_MAX])
{
	return machine_pending_take(&m->state.pendings, it, m->funcs.sha256, m->conf.n,
				    m->state.pools, machine_left_out(m), sets);
}

/* draft {#retry}: "its own attempt 0 is made; then attempts that are due, the newest batch first,
 * at most 32" */
static void make_attempts(struct machine *m, struct machine_result *result)
{
	struct machine_pendings *p = &m->state.pendings;
	uint64_t seq = m->state.seq;

	if (result->sign != MACHINE_SIGN_NOTHING)
		result->n_sets = take_sets(m, machine_pending_find(p, seq), result->sets);
	for (size_t i = 1; p->n_due > 0 && i < MACHINE_PENDING_MAX && i < seq; i++) {
		struct machine_pending *it = machine_pending_find(p, seq - i);
		struct machine_retry *retry = &result->retries[result->n_retries];

		if (it == NULL || !it->due)
			continue;
		retry->attempt = it->made;
		retry->n_sets = take_sets(m, it, retry->sets);
		if (retry->n_sets == 0)
			return; /* nor is there a set for those behind it */
		retry->statement = it->statement;
		retry->trial = it->trial;
		if (++result->n_retries == MACHINE_RETRIES_MAX)
			return;
	}
}

/* Step 4. draft {#sets}: "Batches without leaves are not signed: refilling a pool must not drain
 * it" */
static void conclude(struct machine *m, struct machine_result *result)
{
	struct machine_state *state = &m->state;

	if (result->n_leaves > 0) {
		const uint8_t *root =
			ap_merkle_build(m->funcs.sha256, result->nodes[0], result->n_leaves);

		memcpy(result->root, root, sizeof(result->root));
		result->sign = MACHINE_SIGN_BATCH;
	} else if (is_trial_due(m)) {
		result->sign = MACHINE_SIGN_TRIAL;
		state->key.phase = MACHINE_LIVE;
		result->key_changed = true;
	}
	result->epoch = state->key.epoch;
	make_pending(m, result);
	make_attempts(m, result);
}

void machine_apply(struct machine *m, const struct machine_batch *batch,
		   struct machine_result *result)
{
	struct machine_run run = {.batch = batch, .result = result};

	begin(m, &run);
	for (size_t i = 0; i < batch->n_bundles && i < MACHINE_BUNDLES_MAX; i++) {
		run.bundle = (uint16_t)i;
		if (batch->bundles[i].relay >= 1 && batch->bundles[i].relay <= m->conf.n)
			execute_bundle(m, &run, &batch->bundles[i]);
	}
	machine_expire(m, &run);
	machine_note_undecided(m);
	append_history(m, &run);
	conclude(m, result);
}

/* ---- reading the state ---- */

const struct ap_frontier *machine_history(const struct machine *m)
{
	return &m->state.history;
}

const struct machine_key *machine_key(const struct machine *m)
{
	return &m->state.key;
}

size_t machine_next_sets(const struct machine *m, struct machine_set sets[MACHINE_SETS_MAX])
{
	uint8_t members[MACHINE_SETS_MAX][AP_THRESHOLD_MAX];
	uint32_t left[AP_REPLICAS_MAX], t = (m->conf.n - 1u) / 3 + 1;
	size_t n;

	for (uint8_t i = 0; i < m->conf.n; i++)
		left[i] = (machine_left_out(m) >> i & 1) != 0 ? 0 : m->state.pools[i].left;
	n = machine_sets_choose(m->funcs.sha256, m->conf.n, left, m->state.key.epoch,
				m->state.seq + 1, 0, members);
	for (size_t i = 0; i < n; i++) {
		memset(&sets[i], 0, sizeof(sets[i]));
		for (uint32_t j = 0; j < t; j++) {
			const struct machine_nonces *p = &m->state.pools[members[i][j] - 1];
			const ap_commitment *c = machine_nonces_at(p, 0);

			sets[i].members[j] = members[i][j];
			sets[i].boot[j] = p->boot;
			sets[i].ctr[j] = p->next - p->left;
			memcpy(sets[i].hiding[j], c->hiding.octets, 32);
			memcpy(sets[i].binding[j], c->binding.octets, 32);
		}
	}
	return n;
}

void machine_pool(const struct machine *m, uint8_t id, struct machine_pool_info *info)
{
	const struct machine_nonces *pool;

	ASSERT(id >= 1 && id <= m->conf.n);
	pool = &m->state.pools[id - 1];
	info->boot = pool->boot;
	info->next = pool->next;
	info->left = pool->left;
}

const struct machine_signer *machine_signer(const struct machine *m, uint8_t id)
{
	ASSERT(id >= 1 && id <= m->conf.n);
	return &m->state.signers[id - 1];
}

uint16_t machine_left_out(const struct machine *m)
{
	uint16_t out = 0;

	for (uint8_t i = 0; i < m->conf.n; i++)
		if (machine_signers_is_out(&m->state.signers[i]))
			out |= (uint16_t)(1U << i);
	return out;
}

const struct machine_pending *machine_pending(const struct machine *m, uint64_t seq)
{
	return machine_pending_peek(&m->state.pendings, seq);
}

uint64_t machine_seq(const struct machine *m)
{
	return m->state.seq;
}

uint64_t machine_time(const struct machine *m)
{
	return m->state.time_ms;
}

uint64_t machine_floor(const struct machine *m)
{
	return m->state.retain.floor_ms;
}

const uint8_t *machine_running(const struct machine *m)
{
	return m->state.running;
}

void machine_number(const struct machine *m, uint8_t relay, uint64_t *start, uint64_t *counter)
{
	ASSERT(relay >= 1 && relay <= m->conf.n);
	*start = m->state.numbers[relay - 1].start;
	*counter = m->state.numbers[relay - 1].counter;
}

const struct machine_numbers *machine_numbers_of(const struct machine *m, uint8_t relay)
{
	ASSERT(relay >= 1 && relay <= m->conf.n);
	return &m->state.numbers[relay - 1];
}

const uint64_t *machine_incarnations(const struct machine *m)
{
	return m->state.incarnations;
}

uint64_t machine_used(const struct machine *m, uint8_t relay)
{
	ASSERT(relay >= 1 && relay <= m->conf.n);
	return m->state.retain.used[relay - 1];
}
