/* Outcomes and their proofs, in memory and merged: daemon/index.c, daemon/merge.c. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/merge_format.h"
#include "daemon/transfer/transfer.h"
#include "libproto/merkle.h"
#include "libproto/outcome.h"
#include "libproto/proof.h"
#include "tests/lib/edge.h"
#include "tests/lib/tempdir.h"

static int live(void **state)
{
	*state = edge_live();
	return 0;
}

static int down(void **state)
{
	edge_free(*state);
	return 0;
}

/* ---- records ---- */

struct record {
	uint8_t octets[AP_MAX_agree];
	size_t len;
};

/* The record as octets; it has to be proven. */
static struct record record_of(struct edge *e, const struct dnsask_instance *i)
{
	struct record r;
	struct ap_writer w;
	ap_agree agree, parsed;
	uint64_t seq;

	assert_int_equal(index_answer(e->index, i->id, &agree, &seq), INDEX_SIGNED);
	ap_writer_init(&w, r.octets, sizeof(r.octets));
	ap_agree_put(&w, &agree);
	assert_null(w.bad);
	r.len = ap_writer_len(&w);
	assert_int_equal(
		ap_proof_parse(&parsed, edge_key(e), i->id, (ap_bytes){r.octets, r.len}, NULL), 0);
	return r;
}

static void assert_same(const struct record *a, const struct record *b)
{
	assert_int_equal(a->len, b->len);
	assert_memory_equal(a->octets, b->octets, a->len);
}

static enum index_found answer(struct edge *e, const struct dnsask_instance *i, uint64_t *seq)
{
	ap_agree agree;

	return index_answer(e->index, i->id, &agree, seq);
}

static void open_at(struct edge *e, struct dnsask_instance *i, unsigned number, uint64_t deadline_s)
{
	char label[32];

	snprintf(label, sizeof(label), "instance %u", number);
	dnsask_open(i, edge_key(e), label, deadline_s);
}

/* A read, which makes a leaf of what is final. */
static uint64_t read_once(struct edge *e, const struct dnsask_instance *i)
{
	uint8_t octets[AP_MAX_read];
	struct ap_writer w;
	ap_read op = {.nonce = {{1}}};

	memcpy(op.id.octets, i->id, AP_ID_LEN);
	ap_writer_init(&w, octets, sizeof(octets));
	ap_read_put(&w, &op);
	edge_other(e, AP_OP_read, octets, ap_writer_len(&w));
	return edge_batch(e);
}

/* A snapshot after the last batch; stable and merged later. */
static uint64_t snapshot(struct edge *e)
{
	size_t cap = machine_snapshot_max(e->machine), n;
	uint8_t *octets = malloc(cap);

	assert_non_null(octets);
	n = machine_snapshot(e->machine, octets, cap);
	index_snapshot(e->index, machine_seq(e->machine), machine_floor(e->machine), octets, n);
	free(octets);
	return machine_seq(e->machine);
}

static struct index_info info(const struct edge *e)
{
	struct index_info i;

	index_info(e->index, &i);
	return i;
}

/* ---- in memory ---- */

static void what_nobody_decided_is_not_there(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	uint64_t seq = 9;

	open_at(e, &i, 1, EDGE_NOW + 100);
	assert_int_equal(answer(e, &i, &seq), INDEX_NONE);
	assert_int_equal(seq, 0);
	read_once(e, &i); /* UNKNOWN is nothing to keep */
	assert_int_equal(answer(e, &i, &seq), INDEX_NONE);
	assert_int_equal(info(e).in_memory, 0);
}

static void an_outcome_answers_once_its_batch_is_signed(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	ap_agree agree;
	uint64_t decided, seq;

	open_at(e, &i, 1, EDGE_NOW + 100);
	decided = edge_decide(e, &i, "value", false);
	assert_int_equal(answer(e, &i, &seq), INDEX_UNSIGNED);
	assert_int_equal(seq, decided);
	assert_true(edge_sign(e, decided));
	assert_int_equal(index_answer(e->index, i.id, &agree, &seq), INDEX_SIGNED);
	assert_int_equal(agree.outcome.sequence, decided);
	assert_int_equal(agree.proof.sequence, decided);
	assert_memory_equal(agree.outcome.value.data, "value", 5);
	record_of(e, &i);
}

static void the_first_signature_stays(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	uint8_t sig[64], kept[64];
	uint32_t epoch;
	uint64_t decided;

	open_at(e, &i, 1, EDGE_NOW + 100);
	decided = edge_decide(e, &i, "v", false);
	assert_false(index_signature(e->index, decided, &epoch, kept));
	assert_true(edge_sign(e, decided));
	memset(sig, 7, 64);
	assert_false(index_signed(e->index, decided, sig));
	assert_true(index_signature(e->index, decided, &epoch, kept));
	assert_memory_not_equal(kept, sig, 64);
	assert_int_equal(epoch, 1);
	assert_false(index_signed(e->index, decided + 1, sig)); /* no such batch */
}

static void batches_without_leaves_leave_no_block(void **state)
{
	struct edge *e = *state;
	uint64_t before = info(e).blocks;

	edge_batch(e);
	assert_int_equal(info(e).blocks, before);
	assert_null(index_block(e->index, e->result.seq));
}

static void blocks_are_found_by_sequence(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	uint64_t first = machine_seq(e->machine) + 1;

	open_at(e, &i, 1, EDGE_NOW + 100);
	for (unsigned n = 0; n < 600; n++) {
		if (n % 3 == 1)
			edge_batch(e);
		else
			read_once(e, &i);
	}
	for (unsigned n = 0; n < 600; n++) {
		const struct index_block *b = index_block(e->index, first + n);

		if (n % 3 == 1) {
			assert_null(b);
			continue;
		}
		assert_int_equal(b->seq, first + n);
		assert_int_equal(b->statement.seq, first + n);
		assert_int_equal(b->count, 1);
		assert_false(b->trial);
	}
	assert_null(index_block(e->index, first + 600));
	assert_null(index_block(e->index, 0));
}

static void a_later_leaf_is_signed_where_the_first_was_not(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	ap_agree agree;
	uint64_t decided, again, seq;

	open_at(e, &i, 1, EDGE_NOW + 100);
	decided = edge_decide(e, &i, "v", false);
	again = read_once(e, &i);
	assert_int_equal(answer(e, &i, &seq), INDEX_UNSIGNED);
	assert_int_equal(seq, again);
	assert_true(edge_sign(e, again));
	assert_int_equal(index_answer(e->index, i.id, &agree, &seq), INDEX_SIGNED);
	assert_int_equal(agree.outcome.sequence, decided);
	assert_int_equal(agree.proof.sequence, again);
	record_of(e, &i);
}

static void a_signed_leaf_is_not_given_up_for_a_later_one(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	struct record before, after;

	open_at(e, &i, 1, EDGE_NOW + 100);
	edge_decide(e, &i, "v", true);
	before = record_of(e, &i);
	read_once(e, &i);
	after = record_of(e, &i);
	assert_same(&before, &after);
}

/* ---- merged ---- */

static void a_merged_record_has_the_same_octets(void **state)
{
	struct edge *e = *state;
	static struct dnsask_instance is[40];
	static struct record before[40];

	for (unsigned n = 0; n < 40; n++) {
		open_at(e, &is[n], n, EDGE_NOW + 100 + n % 7);
		edge_decide(e, &is[n], "the value of one", true);
		before[n] = record_of(e, &is[n]);
	}
	edge_checkpoint(e);
	assert_int_equal(info(e).in_memory, 0);
	assert_int_equal(info(e).blocks, 0);
	assert_int_equal(info(e).merged_seq, machine_seq(e->machine));
	for (unsigned n = 0; n < 40; n++) {
		struct record after = record_of(e, &is[n]);

		assert_same(&before[n], &after);
	}
}

/* An outcome that is asked for again in its own batch has two leaves there, and its place in the
 * history by the first. */
static void a_merged_chunk_is_that_of_the_history(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance a, b;
	uint8_t leaf[32], hash[32];
	ap_bytes outcomes;
	uint64_t seq, time_ms;

	open_at(e, &a, 1, EDGE_NOW + 100);
	open_at(e, &b, 2, EDGE_NOW + 100);
	edge_propose(e, &a, "one");
	edge_propose(e, &b, "two");
	edge_propose(e, &a, "three");
	seq = edge_batch(e);
	assert_int_equal(e->result.n_leaves, 3);
	memcpy(leaf, e->result.leaf, 32);
	edge_checkpoint(e);
	merge_read_begin(index_merge(e->index));
	assert_true(merge_chunk(index_merge(e->index), seq, &time_ms, &outcomes));
	transfer_leaf_hash(ap_sha256, seq, time_ms, outcomes, hash);
	merge_read_end(index_merge(e->index));
	assert_memory_equal(hash, leaf, 32);
}

enum { CHUNKS = 25, EACH = AP_BATCH_REQUESTS_MAX };

/* Deadlines fall while sequences rise. */
static void id_of(uint8_t id[AP_ID_LEN], uint64_t seq, size_t i)
{
	memset(id, 0, AP_ID_LEN);
	id[3] = (uint8_t)(CHUNKS - seq + 1);
	id[5] = (uint8_t)(i >> 8);
	id[6] = (uint8_t)i;
}

static void absorb_full(struct index *x, uint64_t seq)
{
	struct absorb *a = calloc(1, sizeof(*a));
	struct absorb_chunk *c;
	struct ap_writer w;

	assert_non_null(a);
	a->chunks = c = calloc(1, sizeof(*c));
	a->octets = malloc(EACH * (AP_ID_LEN + 1 + 2 + AP_MAX_outcome));
	assert_true(c != NULL && a->octets != NULL);
	a->n_chunks = 1;
	*c = (struct absorb_chunk){.seq = seq, .time_ms = seq, .n = EACH, .proven = true};
	c->statement = (struct ap_statement){.seq = seq, .time_ms = seq, .count = EACH};
	c->leaf = calloc(EACH, sizeof(*c->leaf));
	c->nodes = calloc(ap_merkle_nodes(EACH), 32);
	assert_true(c->leaf != NULL && c->nodes != NULL);
	ap_writer_init(&w, a->octets, EACH * (AP_ID_LEN + 1 + 2 + AP_MAX_outcome));
	for (size_t i = 0; i < EACH; i++) {
		struct entry e = {
			.relay = 1,
			.outcome = {.status = AP_STATUS_DECIDED, .sequence = seq, .time = seq}};

		id_of(e.id, seq, i);
		merge_chunk_add(&w, &e);
		c->leaf[i] = (uint16_t)i;
	}
	assert_null(w.bad);
	a->len = ap_writer_len(&w);
	c->outcomes = (ap_bytes){a->octets, a->len};
	index_absorb(x, a);
}

/* Much becomes old at once, as where a state is installed after a long time. */
static void what_is_forgotten_bit_by_bit_is_no_damage(void **state)
{
	char dir[TEMPDIR_MAX];
	struct index_conf conf = {.dir = dir};
	struct absorb *a = calloc(1, sizeof(*a));
	struct disk_error why = {""};
	uint8_t id[AP_ID_LEN];
	struct index *x;
	ap_agree agree;
	uint64_t found;

	(void)state;
	tempdir_make(dir);
	assert_int_equal(index_open(&x, &conf, &why), 0);
	for (uint64_t seq = 1; seq <= CHUNKS; seq++)
		absorb_full(x, seq);
	assert_non_null(a);
	a->installs = true;
	a->job = calloc(1, sizeof(*a->job));
	assert_non_null(a->job);
	a->job->seq = CHUNKS + 1;
	a->job->floor_ms = (uint64_t)CHUNKS * 65536 * 1000;
	a->job->horizon_ms = 1000;
	a->job->snapshot = calloc(1, 1);
	a->job->snapshot_len = 1;
	index_absorb(x, a);
	while (index_absorbing(x) > 0) {
		poll(&(struct pollfd){.fd = index_fd(x), .events = POLLIN}, 1, 1000);
		index_poll(x);
	}
	for (uint64_t seq = 1; seq <= CHUNKS; seq++) {
		id_of(id, seq, EACH - 1);
		index_answer(x, id, &agree, &found);
		assert_null(index_error(x));
	}
	index_close(x);
	tempdir_remove(dir);
}

static void values_of_all_lengths_survive_a_merge(void **state)
{
	struct edge *e = *state;
	char value[AP_VALUE_MAX + 1];
	struct dnsask_instance none, most;
	struct record a, b, after;

	memset(value, 'x', AP_VALUE_MAX);
	value[AP_VALUE_MAX] = '\0';
	open_at(e, &none, 0, EDGE_NOW + 100);
	open_at(e, &most, 1, EDGE_NOW + 100);
	edge_decide(e, &none, "", true);
	edge_decide(e, &most, value, true);
	a = record_of(e, &none);
	b = record_of(e, &most);
	edge_checkpoint(e);
	after = record_of(e, &none);
	assert_same(&a, &after);
	after = record_of(e, &most);
	assert_same(&b, &after);
}

static void the_machine_finds_what_is_merged(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	const struct machine_entry *entry;
	uint64_t decided;

	open_at(e, &i, 1, EDGE_NOW + 100);
	decided = edge_decide(e, &i, "first", true);
	edge_checkpoint(e);
	edge_decide(e, &i, "second", false);
	entry = &e->result.entries[0];
	assert_int_equal(entry->outcome.status, AP_STATUS_DECIDED);
	assert_int_equal(entry->outcome.sequence, decided);
	assert_int_equal(entry->outcome.value.len, 5);
	assert_memory_equal(entry->outcome.value.data, "first", 5);
	assert_false(entry->fresh);
	/* it has a signed leaf, so this one is nothing to remember */
	assert_int_equal(info(e).in_memory, 0);
}

static void what_came_behind_the_checkpoint_stays_in_memory(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance before, after;
	struct record a, b, again;
	uint64_t seq;

	open_at(e, &before, 1, EDGE_NOW + 100);
	open_at(e, &after, 2, EDGE_NOW + 100);
	edge_decide(e, &before, "before", true);
	seq = snapshot(e);
	edge_decide(e, &after, "after", true);
	a = record_of(e, &before);
	b = record_of(e, &after);
	index_stable(e->index, seq);
	edge_merged(e, seq);
	assert_int_equal(info(e).in_memory, 1);
	again = record_of(e, &before);
	assert_same(&a, &again);
	again = record_of(e, &after);
	assert_same(&b, &again);
	edge_reopen(e);
	again = record_of(e, &before);
	assert_same(&a, &again);
	assert_int_equal(answer(e, &after, &seq), INDEX_NONE); /* the journal has it */
}

static void opened_again_it_goes_on(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i, j;
	struct record a, b, again;
	uint64_t decided, floor;
	uint32_t epoch;
	uint8_t sig[64], running[32];

	open_at(e, &i, 1, EDGE_NOW + 100);
	open_at(e, &j, 2, EDGE_NOW + 100);
	decided = edge_decide(e, &i, "v", true);
	a = record_of(e, &i);
	edge_checkpoint(e);
	floor = machine_floor(e->machine);
	memcpy(running, machine_running(e->machine), 32);
	edge_reopen(e);
	assert_int_equal(machine_floor(e->machine), floor);
	assert_memory_equal(machine_running(e->machine), running, 32);
	again = record_of(e, &i);
	assert_same(&a, &again);
	assert_true(index_signature(e->index, decided, &epoch, sig));
	assert_int_equal(epoch, 1);
	e->time_ms = machine_time(e->machine) + 1;
	edge_decide(e, &j, "w", true);
	b = record_of(e, &j);
	edge_checkpoint(e);
	edge_reopen(e);
	again = record_of(e, &i);
	assert_same(&a, &again);
	again = record_of(e, &j);
	assert_same(&b, &again);
}

static void the_snapshot_is_that_of_the_merge(void **state)
{
	struct edge *e = *state;
	const uint8_t *octets;
	size_t len;

	assert_int_equal(index_merged(e->index, &octets, &len), 0);
	assert_null(octets);
	edge_batch(e);
	edge_checkpoint(e);
	edge_batch(e);
	edge_reopen(e); /* looks at it */
	assert_int_equal(index_merged(e->index, &octets, &len), machine_seq(e->machine));
	assert_non_null(octets);
}

static void of_many_checkpoints_the_stable_one_is_merged(void **state)
{
	struct edge *e = *state;
	uint64_t seq[6];
	const uint8_t *octets;
	size_t len;

	for (size_t i = 0; i < 6; i++) {
		edge_batch(e);
		seq[i] = snapshot(e);
	}
	index_stable(e->index, seq[0]); /* too old to be kept: the next one will do */
	assert_int_equal(index_poll(e->index), 0);
	index_stable(e->index, seq[4]);
	edge_merged(e, seq[4]);
	index_stable(e->index, seq[3]); /* late news */
	assert_int_equal(index_poll(e->index), seq[4]);
	index_stable(e->index, seq[5]);
	edge_merged(e, seq[5]);
	edge_reopen(e);
	assert_int_equal(index_merged(e->index, &octets, &len), seq[5]);
}

static void a_checkpoint_that_is_stable_during_a_merge_follows_it(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	uint64_t first, second;

	for (unsigned n = 0; n < 200; n++) {
		open_at(e, &i, n, EDGE_NOW + 100);
		edge_decide(e, &i, "v", true);
	}
	first = snapshot(e);
	open_at(e, &i, 1000, EDGE_NOW + 100);
	edge_decide(e, &i, "last", true);
	second = snapshot(e);
	index_stable(e->index, first);
	index_stable(e->index, second);
	edge_merged(e, second);
	assert_int_equal(info(e).in_memory, 0);
	record_of(e, &i);
}

/* ---- signatures, late or never ---- */

static void a_signature_that_comes_after_the_merge_is_merged_next(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	struct record before, after;
	uint64_t decided, seq;

	open_at(e, &i, 1, EDGE_NOW + 100);
	decided = edge_decide(e, &i, "v", false);
	edge_checkpoint(e);
	assert_int_equal(answer(e, &i, &seq), INDEX_UNSIGNED);
	assert_int_equal(seq, decided);
	assert_non_null(index_block(e->index, decided));
	assert_true(edge_sign(e, decided));
	before = record_of(e, &i);
	edge_batch(e);
	edge_checkpoint(e);
	assert_null(index_block(e->index, decided));
	assert_int_equal(info(e).in_memory, 0);
	after = record_of(e, &i);
	assert_same(&before, &after);
	edge_reopen(e);
	after = record_of(e, &i);
	assert_same(&before, &after);
}

static void a_signature_that_comes_during_the_last_merge_is_not_lost(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	struct record before, after;
	uint64_t decided, seq;

	open_at(e, &i, 1, EDGE_NOW + 100);
	decided = edge_decide(e, &i, "v", false);
	edge_checkpoint(e);
	edge_batch(e);
	seq = snapshot(e);
	index_stable(e->index, seq);
	assert_true(edge_sign(e, decided));
	before = record_of(e, &i);
	edge_merged(e, seq);
	after = record_of(e, &i);
	assert_same(&before, &after);
	edge_batch(e);
	edge_checkpoint(e);
	assert_int_equal(info(e).in_memory, 0);
	after = record_of(e, &i);
	assert_same(&before, &after);
}

static void a_signature_that_never_comes_frees_the_memory(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	ap_agree agree;
	uint64_t decided, again, seq;

	open_at(e, &i, 1, EDGE_NOW + 100);
	decided = edge_decide(e, &i, "v", false);
	for (int merges = 0; merges < 2; merges++) {
		edge_batch(e);
		edge_checkpoint(e);
	}
	assert_int_equal(info(e).in_memory, 0);
	assert_int_equal(info(e).blocks, 0);
	assert_false(edge_sign(e, decided));
	assert_int_equal(answer(e, &i, &seq), INDEX_UNSIGNED);
	assert_int_equal(seq, decided);
	/* asked for, it is a leaf of a later batch, and merged with that */
	again = read_once(e, &i);
	assert_true(edge_sign(e, again));
	record_of(e, &i);
	edge_checkpoint(e);
	edge_reopen(e);
	assert_int_equal(index_answer(e->index, i.id, &agree, &seq), INDEX_SIGNED);
	assert_int_equal(agree.outcome.sequence, decided);
	assert_int_equal(agree.proof.sequence, again);
	record_of(e, &i);
}

static void a_leaf_behind_the_checkpoint_is_merged_with_the_next(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	struct record before, after;
	uint64_t again, seq;

	open_at(e, &i, 1, EDGE_NOW + 100);
	edge_decide(e, &i, "v", false);
	seq = snapshot(e);
	again = read_once(e, &i);
	assert_true(edge_sign(e, again));
	before = record_of(e, &i);
	index_stable(e->index, seq);
	edge_merged(e, seq);
	after = record_of(e, &i);
	assert_same(&before, &after);
	edge_checkpoint(e);
	assert_int_equal(info(e).in_memory, 0);
	after = record_of(e, &i);
	assert_same(&before, &after);
}

static void a_leaf_made_while_the_merge_runs_is_not_forgotten(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	uint64_t again, seq;

	open_at(e, &i, 1, EDGE_NOW + 100);
	edge_decide(e, &i, "v", false);
	seq = snapshot(e);
	index_stable(e->index, seq);
	again = read_once(e, &i);
	edge_merged(e, seq);
	assert_true(edge_sign(e, again));
	record_of(e, &i);
	edge_checkpoint(e);
	record_of(e, &i);
	edge_reopen(e);
	record_of(e, &i);
}

static void without_nonces_a_block_is_there_and_unsigned(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	uint64_t seq;

	open_at(e, &i, 1, EDGE_NOW + 100);
	while (read_once(e, &i) > 0 && e->result.n_sets > 0)
		continue; /* the pools run dry */
	open_at(e, &i, 2, EDGE_NOW + 100);
	seq = edge_decide(e, &i, "v", false);
	assert_int_equal(e->result.n_sets, 0);
	assert_non_null(index_block(e->index, seq));
	assert_int_equal(answer(e, &i, &seq), INDEX_UNSIGNED);
}

/* ---- many ---- */

static void a_thousand_come_and_go_and_none_is_mistaken(void **state)
{
	enum { MANY = 3000 };
	struct edge *e = *state;
	static struct dnsask_instance is[MANY];
	uint64_t seq = 0;

	for (unsigned n = 0; n < MANY; n++) {
		char value[16];

		open_at(e, &is[n], n, EDGE_NOW + 100 + n % 50);
		snprintf(value, sizeof(value), "%u", n);
		edge_decide(e, &is[n], value, n % 5 != 0);
		if (n == MANY / 2)
			seq = snapshot(e);
	}
	assert_int_equal(info(e).in_memory, MANY);
	index_stable(e->index, seq);
	edge_merged(e, seq);
	/* half of them went, but for those without signature; gaps in the table are closed */
	assert_in_range(info(e).in_memory, MANY / 2, MANY * 7 / 10);
	for (unsigned n = 0; n < MANY; n++) {
		char value[16];
		ap_agree agree;

		snprintf(value, sizeof(value), "%u", n);
		if (index_answer(e->index, is[n].id, &agree, &seq) != INDEX_SIGNED) {
			assert_true(n % 5 == 0);
			continue;
		}
		assert_true(n % 5 != 0);
		assert_int_equal(agree.outcome.value.len, strlen(value));
		assert_memory_equal(agree.outcome.value.data, value, strlen(value));
	}
}

static void a_small_map_grows(void **state)
{
	struct edge *e = *state;
	struct index_conf conf = {.dir = e->dir, .horizon_ms = 20000000, .map_octets = 1 << 20};
	char value[AP_VALUE_MAX + 1];
	struct disk_error why = {""};
	struct dnsask_instance first, i;
	struct machine_store store;

	/* another index with a map of the least size, behind the same machine */
	index_close(e->index);
	memcpy(conf.genesis, e->net.genesis, 32);
	tempdir_remove(e->dir);
	tempdir_make(e->dir);
	assert_int_equal(index_open(&e->index, &conf, &why), 0);
	index_store(e->index, &store);
	free(e->memory);
	e->memory = NULL;
	edge_reopen(e);
	edge_go_live(e);
	memset(value, 'm', AP_VALUE_MAX);
	value[AP_VALUE_MAX] = '\0';
	open_at(e, &first, 0, EDGE_NOW + 100);
	edge_decide(e, &first, value, true);
	for (unsigned n = 1; n < 4000; n++) {
		open_at(e, &i, n, EDGE_NOW + 100);
		edge_decide(e, &i, value, true);
	}
	edge_checkpoint(e);
	assert_null(index_error(e->index));
	record_of(e, &first);
	record_of(e, &i);
}

/* ---- forgetting ---- */

static void what_the_floor_forgets_goes_with_a_merge(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance old, young;
	uint64_t seq;

	open_at(e, &old, 1, EDGE_NOW + 100);
	open_at(e, &young, 2, EDGE_NOW + 101);
	edge_decide(e, &old, "old", true);
	edge_decide(e, &young, "young", true);
	edge_checkpoint(e);
	assert_int_equal(answer(e, &old, &seq), INDEX_SIGNED);
	e->time_ms = EDGE_NOW_MS + 5100 * 1000; /* F = D of the old one */
	edge_batch(e);
	assert_int_equal(machine_floor(e->machine), EDGE_NOW_MS + 100 * 1000);
	edge_checkpoint(e);
	assert_int_equal(answer(e, &old, &seq), INDEX_NONE);
	assert_int_equal(answer(e, &young, &seq), INDEX_SIGNED);
}

static void the_floor_of_the_checkpoint_forgets_not_a_later_one(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	uint64_t seq;

	open_at(e, &i, 1, EDGE_NOW + 100);
	edge_decide(e, &i, "v", true);
	e->time_ms = EDGE_NOW_MS + 4000 * 1000;
	edge_batch(e);
	seq = snapshot(e);
	read_once(e, &i); /* DECIDED: this batch is executed again after a restart */
	assert_int_equal(e->result.entries[0].outcome.status, AP_STATUS_DECIDED);
	e->time_ms = EDGE_NOW_MS + 6000 * 1000;
	edge_batch(e);
	index_stable(e->index, seq);
	edge_merged(e, seq);
	edge_reopen(e);
	e->time_ms = EDGE_NOW_MS + 4000 * 1000 + 1;
	e->other_counter = 1000;
	read_once(e, &i);
	assert_int_equal(e->result.entries[0].outcome.status, AP_STATUS_DECIDED);
}

static void a_forgotten_outcome_in_memory_goes_too(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	uint64_t seq;

	open_at(e, &i, 1, EDGE_NOW + 100);
	edge_decide(e, &i, "v", true);
	e->time_ms = EDGE_NOW_MS + 5100 * 1000;
	edge_batch(e);
	edge_checkpoint(e);
	assert_int_equal(answer(e, &i, &seq), INDEX_NONE);
	assert_int_equal(info(e).in_memory, 0);
}

static void blocks_go_when_no_outcome_can_need_them(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	uint64_t decided;
	uint32_t epoch;
	uint8_t sig[64];

	open_at(e, &i, 1, EDGE_NOW + 20000); /* as far as the horizon goes */
	decided = edge_decide(e, &i, "v", true);
	edge_checkpoint(e);
	e->time_ms = EDGE_NOW_MS + (20000 + 4990) * 1000ull;
	edge_batch(e);
	edge_checkpoint(e);
	record_of(e, &i);
	assert_true(index_signature(e->index, decided, &epoch, sig));
	e->time_ms = EDGE_NOW_MS + (20000 + 5010) * 1000ull;
	edge_batch(e);
	edge_checkpoint(e);
	assert_false(index_signature(e->index, decided, &epoch, sig));
	assert_null(index_error(e->index));
}

/* ---- damage ---- */

/* Flips an octet of the store's file behind each place where `what` stands. */
static unsigned damage(const struct edge *e, const uint8_t *what, size_t len, size_t behind)
{
	char path[TEMPDIR_MAX + 32];

	snprintf(path, sizeof(path), "%s/store/data.mdb", e->dir);
	return tempdir_flip(path, what, len, behind);
}

static void damage_is_told_and_latched(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i, j;
	uint64_t seq;

	open_at(e, &i, 1, EDGE_NOW + 100);
	open_at(e, &j, 2, EDGE_NOW + 100);
	edge_decide(e, &i, "a value to be damaged", true);
	edge_decide(e, &j, "another", true);
	edge_checkpoint(e);
	assert_true(damage(e, (const uint8_t *)"a value to be damaged", 21, 3) > 0);
	assert_null(index_error(e->index));
	assert_int_equal(answer(e, &i, &seq), INDEX_NONE);
	assert_non_null(index_damage(e->index));
	assert_non_null(strstr(index_damage(e->index), "damaged"));
	answer(e, &j, &seq);
	assert_non_null(index_damage(e->index));
}

static void damage_met_in_execution_is_told_before_the_batch_counts(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;

	open_at(e, &i, 1, EDGE_NOW + 100);
	edge_decide(e, &i, "a value to be damaged", true);
	edge_checkpoint(e);
	assert_true(damage(e, (const uint8_t *)"a value to be damaged", 21, 3) > 0);
	edge_decide(e, &i, "decided anew", false);
	assert_non_null(index_damage(e->index));
	index_stable(e->index, snapshot(e)); /* and nothing is written any more */
	assert_false(index_poll(e->index) == machine_seq(e->machine));
}

static void a_damaged_store_is_not_opened(void **state)
{
	struct edge *e = *state;
	struct index_conf conf = {.dir = e->dir, .horizon_ms = 20000000};
	struct disk_error why = {""};
	struct dnsask_instance i;
	struct index *x;

	open_at(e, &i, 1, EDGE_NOW + 100);
	edge_decide(e, &i, "a value to be damaged", true);
	edge_checkpoint(e);
	index_close(e->index);
	e->index = NULL;
	assert_true(damage(e, (const uint8_t *)"a value to be damaged", 21, 3) > 0);
	memcpy(conf.genesis, e->net.genesis, 32);
	assert_int_equal(index_open(&x, &conf, &why), DISK_EDAMAGED);
	assert_null(x);
	assert_true(strlen(why.text) > 20);
}

static void the_store_of_another_network_is_not_opened(void **state)
{
	struct edge *e = *state;
	struct index_conf conf = {.dir = e->dir, .genesis = {1}};
	struct disk_error why = {""};
	struct index *x;

	index_close(e->index);
	e->index = NULL;
	assert_int_equal(index_open(&x, &conf, &why), DISK_EOWNER);
	assert_null(x);
	conf.dir = "/proc/nowhere";
	assert_true(index_open(&x, &conf, &why) < 0);
	assert_null(x);
}

static void closing_while_a_merge_runs_waits_for_it(void **state)
{
	struct edge *e = *state;
	struct dnsask_instance i;
	struct record before, after;
	uint64_t seq;

	for (unsigned n = 0; n < 300; n++) {
		open_at(e, &i, n, EDGE_NOW + 100);
		edge_decide(e, &i, "v", true);
	}
	before = record_of(e, &i);
	seq = snapshot(e);
	index_stable(e->index, seq);
	edge_reopen(e);
	assert_int_equal(machine_seq(e->machine), seq);
	after = record_of(e, &i);
	assert_same(&before, &after);
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, live, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE(what_nobody_decided_is_not_there),
		LIVE(an_outcome_answers_once_its_batch_is_signed),
		LIVE(the_first_signature_stays),
		LIVE(batches_without_leaves_leave_no_block),
		LIVE(blocks_are_found_by_sequence),
		LIVE(a_later_leaf_is_signed_where_the_first_was_not),
		LIVE(a_signed_leaf_is_not_given_up_for_a_later_one),
		LIVE(a_merged_record_has_the_same_octets),
		LIVE(a_merged_chunk_is_that_of_the_history),
		cmocka_unit_test(what_is_forgotten_bit_by_bit_is_no_damage),
		LIVE(values_of_all_lengths_survive_a_merge),
		LIVE(the_machine_finds_what_is_merged),
		LIVE(what_came_behind_the_checkpoint_stays_in_memory),
		LIVE(opened_again_it_goes_on),
		LIVE(the_snapshot_is_that_of_the_merge),
		LIVE(of_many_checkpoints_the_stable_one_is_merged),
		LIVE(a_checkpoint_that_is_stable_during_a_merge_follows_it),
		LIVE(a_signature_that_comes_after_the_merge_is_merged_next),
		LIVE(a_signature_that_comes_during_the_last_merge_is_not_lost),
		LIVE(a_signature_that_never_comes_frees_the_memory),
		LIVE(a_leaf_behind_the_checkpoint_is_merged_with_the_next),
		LIVE(a_leaf_made_while_the_merge_runs_is_not_forgotten),
		LIVE(without_nonces_a_block_is_there_and_unsigned),
		LIVE(a_thousand_come_and_go_and_none_is_mistaken),
		LIVE(a_small_map_grows),
		LIVE(what_the_floor_forgets_goes_with_a_merge),
		LIVE(the_floor_of_the_checkpoint_forgets_not_a_later_one),
		LIVE(a_forgotten_outcome_in_memory_goes_too),
		LIVE(blocks_go_when_no_outcome_can_need_them),
		LIVE(damage_is_told_and_latched),
		LIVE(damage_met_in_execution_is_told_before_the_batch_counts),
		LIVE(a_damaged_store_is_not_opened),
		LIVE(the_store_of_another_network_is_not_opened),
		LIVE(closing_while_a_merge_runs_waits_for_it),
	};

	return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
