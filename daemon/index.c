#include "config.h"

#include "daemon/index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/index_priv.h"
#include "libproto/crypto.h"
#include "libproto/merkle.h"
#include "libproto/outcome.h"
#include "libproto/proof.h"

enum {
	SNAPSHOTS = 4,	     /* checkpoints executed and not yet stable and merged */
	MERGES_UNSIGNED = 2, /* a block without signature is dropped after so many merges: its
			      * outcomes are signed in a later batch when asked for */
	TABLE_FIRST = 1024,
	ABSORBS_MAX = 16, /* of one transaction */
};

struct snapshot {
	uint64_t seq, floor_ms;
	uint8_t *octets;
	size_t len;
};

/* The hash stands beside the pointer: a probe touches no entry but the one that it is looking for.
 */
struct slot {
	uint64_t hash;
	struct entry *entry; /* NULL: free */
};

struct index {
	struct index_conf conf;
	struct merge *merge;
	char error[DISK_ERROR_MAX];
	/* entries by id: open addressing, linear probing, at most half full */
	struct slot *table;
	size_t table_size, table_used;
	uint8_t table_key[16];
	/* blocks in the order of their sequences */
	struct block **blocks;
	size_t n_blocks, blocks_cap;
	struct snapshot snapshots[SNAPSHOTS];
	uint64_t stable_seq; /* asked for, not yet started */
	uint64_t merged_seq;
	/* leaves of the history behind what is merged */
	struct merge_leaf *tail;
	size_t n_tail, tail_cap;
	/* proof of the checkpoint asked for last */
	uint64_t proof_seq;
	struct journal_place journal; /* durable there, when a checkpoint was last stable */
	uint8_t *proof;
	size_t proof_len;
	/* transferred: waits for the thread; of these the state, when it is in */
	struct absorb *absorbs, **absorbs_end;
	size_t n_absorbs;
	uint64_t installed;
	bool errand_ended;
	uint64_t executing; /* batch under way, or the last one */
	uint8_t *merged_snapshot;
	size_t merged_len;
	/* what find and answer lend out */
	uint8_t value[AP_VALUE_MAX];
	bool reading; /* between begin and end */
};

static void fail(struct index *x, const char *sentence)
{
	if (x->error[0] == '\0')
		snprintf(x->error, sizeof(x->error), "%s", sentence);
}

const char *index_error(const struct index *x)
{
	return x->error[0] != '\0' ? x->error : merge_error(x->merge);
}

const char *index_damage(const struct index *x)
{
	return merge_damage(x->merge);
}

void index_damaged(struct index *x, const char *what)
{
	merge_damaged(x->merge, what);
}

static bool is_over(const struct index *x)
{
	return index_error(x) != NULL || index_damage(x) != NULL;
}

/* ---- table of entries ---- */

/* Ids end in a SHA-256; with a secret multiplied in, nobody can choose ids that fall together. */
static uint64_t hash_of(const struct index *x, const uint8_t id[AP_ID_LEN])
{
	uint64_t a, b, k[2];

	memcpy(&a, id + 5, 8);
	memcpy(&b, id + 13, 8);
	memcpy(k, x->table_key, 16);
	a = (a ^ k[0]) * (k[1] | 1);
	b = (b ^ k[1]) * (k[0] | 1);
	return a ^ a >> 32 ^ b >> 29;
}

static struct entry *table_find(const struct index *x, const uint8_t id[AP_ID_LEN])
{
	uint64_t hash = hash_of(x, id);
	size_t mask = x->table_size - 1;

	for (size_t i = hash & mask; x->table[i].entry != NULL; i = (i + 1) & mask) {
		if (x->table[i].hash == hash && memcmp(x->table[i].entry->id, id, AP_ID_LEN) == 0)
			return x->table[i].entry;
	}
	return NULL;
}

static void table_place(struct index *x, struct slot slot)
{
	size_t mask = x->table_size - 1, i = slot.hash & mask;

	while (x->table[i].entry != NULL)
		i = (i + 1) & mask;
	x->table[i] = slot;
}

static bool table_grow(struct index *x)
{
	struct slot *old = x->table;
	size_t old_size = x->table_size;
	struct slot *table = calloc(old_size * 2, sizeof(*table));

	if (table == NULL)
		return false;
	x->table = table;
	x->table_size = old_size * 2;
	for (size_t i = 0; i < old_size; i++) {
		if (old[i].entry != NULL)
			table_place(x, old[i]);
	}
	free(old);
	return true;
}

static bool table_add(struct index *x, struct entry *e)
{
	if (x->table_used * 2 >= x->table_size && !table_grow(x))
		return false;
	table_place(x, (struct slot){hash_of(x, e->id), e});
	x->table_used++;
	return true;
}

/* Removal closes the gap, so that probing never meets a grave. */
static void table_remove(struct index *x, const struct entry *e)
{
	size_t mask = x->table_size - 1, i = hash_of(x, e->id) & mask;

	while (x->table[i].entry != e)
		i = (i + 1) & mask;
	for (size_t j = (i + 1) & mask; x->table[j].entry != NULL; j = (j + 1) & mask) {
		size_t home = x->table[j].hash & mask;

		if (((j - home) & mask) >= ((j - i) & mask)) {
			x->table[i] = x->table[j];
			i = j;
		}
	}
	x->table[i] = (struct slot){0};
	x->table_used--;
}

/* ---- blocks ---- */

static struct block *block_find(const struct index *x, uint64_t seq)
{
	size_t low = 0, high = x->n_blocks;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (x->blocks[middle]->pub.seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low < x->n_blocks && x->blocks[low]->pub.seq == seq ? x->blocks[low] : NULL;
}

static void block_free(struct block *b)
{
	free(b->nodes);
	free(b);
}

static bool blocks_room(struct index *x)
{
	size_t cap = x->blocks_cap == 0 ? 256 : x->blocks_cap * 2;
	struct block **blocks;

	if (x->n_blocks < x->blocks_cap)
		return true;
	blocks = realloc(x->blocks, cap * sizeof(*blocks));
	if (blocks == NULL)
		return false;
	x->blocks = blocks;
	x->blocks_cap = cap;
	return true;
}

static struct block *block_new(const struct index *x, const struct machine_result *r)
{
	size_t nodes = ap_merkle_nodes(r->n_leaves);
	struct block *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	if (nodes > 0) {
		b->nodes = malloc(nodes * 32);
		if (b->nodes == NULL) {
			free(b);
			return NULL;
		}
		memcpy(b->nodes, r->nodes, nodes * 32);
	}
	b->pub.seq = r->seq;
	b->pub.trial = r->sign == MACHINE_SIGN_TRIAL;
	b->pub.count = r->n_leaves;
	b->pub.nodes = b->nodes;
	b->pub.statement = (struct ap_statement){
		.epoch = r->epoch, .seq = r->seq, .time_ms = r->time_ms, .count = r->n_leaves};
	memcpy(b->pub.statement.root, r->root, 32);
	memcpy(b->pub.statement.running, r->running, 32);
	memcpy(b->pub.statement.genesis, x->conf.genesis, 32);
	return b;
}

const struct index_block *index_block(const struct index *x, uint64_t seq)
{
	const struct block *b = block_find(x, seq);

	return b != NULL ? &b->pub : NULL;
}

bool index_signed(struct index *x, uint64_t seq, const uint8_t sig[64])
{
	struct block *b = block_find(x, seq);

	if (b == NULL || b->pub.has_sig)
		return false;
	memcpy(b->pub.sig, sig, 64);
	b->pub.has_sig = true;
	return true;
}

bool index_signature(struct index *x, uint64_t seq, uint32_t *epoch, uint8_t sig[64])
{
	const struct block *b = block_find(x, seq);
	struct merged_block merged;
	bool found;

	if (b != NULL) {
		*epoch = b->pub.statement.epoch;
		memcpy(sig, b->pub.sig, 64);
		return b->pub.has_sig;
	}
	merge_read_begin(x->merge);
	found = merge_find_block(x->merge, seq, &merged) == 1 && merged.has_sig;
	merge_read_end(x->merge);
	if (found) {
		*epoch = merged.statement.epoch;
		memcpy(sig, merged.sig, 64);
	}
	return found;
}

/* ---- the machine's side ---- */

static bool store_find(void *ctx, const uint8_t id[AP_ID_LEN], struct machine_final *out)
{
	struct index *x = ctx;
	const struct entry *e = table_find(x, id);
	struct merged_outcome merged;

	if (e != NULL) {
		memcpy(out->id, id, AP_ID_LEN);
		out->relay = e->relay;
		out->sequence = e->sequence;
		out->outcome = e->outcome;
		return true;
	}
	if (merge_find(x->merge, id, &merged) != 1)
		return false; /* damage is latched: this batch does not count */
	if (merged.outcome.sequence >= x->executing)
		return false; /* of a transfer that is not through: not known at this point of the
				 log */
	memcpy(out->id, id, AP_ID_LEN);
	out->relay = merged.relay;
	out->outcome = merged.outcome;
	if (merged.outcome.value.len > 0)
		memcpy(x->value, merged.outcome.value.data, merged.outcome.value.len);
	out->outcome.value.data = x->value;
	out->sequence = merged.outcome.sequence;
	return true;
}

static struct entry *entry_add(struct index *x, const uint8_t id[AP_ID_LEN], uint8_t relay,
			       const ap_outcome *outcome)
{
	size_t len = outcome->value.len;
	struct entry *e = malloc(sizeof(*e) + len);

	if (e != NULL)
		memcpy(e->id, id, AP_ID_LEN);
	if (e == NULL || !table_add(x, e)) {
		free(e);
		fail(x, "out of memory for outcomes: give this replica more, and start it again");
		return NULL;
	}
	e->relay = relay;
	e->leaf = e->first = 0;
	e->merged = false;
	e->block = NULL;
	e->sequence = outcome->sequence;
	e->outcome = *outcome;
	if (len > 0)
		memcpy(e->value, outcome->value.data, len);
	e->outcome.value = (ap_value){e->value, len};
	return e;
}

static void store_put(void *ctx, const struct machine_final *f)
{
	entry_add(ctx, f->id, f->relay, &f->outcome);
}

void index_store(struct index *x, struct machine_store *out)
{
	*out = (struct machine_store){.ctx = x, .find = store_find, .put = store_put};
}

void index_begin(struct index *x, uint64_t seq)
{
	x->executing = seq;
	merge_read_begin(x->merge);
	x->reading = true;
}

static void repoint(struct entry *e, struct block *b, uint16_t leaf)
{
	if (e->block != NULL)
		e->block->entries--;
	e->block = b;
	e->leaf = leaf;
	b->entries++;
}

/* A final outcome got a leaf: its newest one counts until one is signed. */
static void attach(struct index *x, struct block *b, const struct machine_entry *m)
{
	struct entry *e = table_find(x, m->id);
	struct merged_outcome merged;
	struct merged_block signed_by;

	if (e == NULL) {
		if (merge_find(x->merge, m->id, &merged) != 1)
			return;
		if (merged.block != 0 &&
		    merge_find_block(x->merge, merged.block, &signed_by) == 1 && signed_by.has_sig)
			return;
		e = entry_add(x, m->id, merged.relay, &m->outcome);
		if (e == NULL)
			return;
		e->merged = true;
	}
	if (m->fresh) /* not one that it got again in the same batch: the history has them in this
			 order */
		e->first = (uint16_t)m->leaf;
	if (e->block == NULL || !e->block->pub.has_sig)
		repoint(e, b, (uint16_t)m->leaf);
}

/* What a batch changed of undecided instances: kept, since only the history has it. */
static bool leaf_changes(struct merge_leaf *leaf, ap_bytes changes)
{
	leaf->changes = NULL;
	leaf->changes_len = changes.len;
	if (changes.len == 0)
		return true;
	leaf->changes = malloc(changes.len);
	if (leaf->changes != NULL)
		memcpy(leaf->changes, changes.data, changes.len);
	return leaf->changes != NULL;
}

/* The oldest n are merged, or not needed. */
static void tail_drop(struct index *x, size_t n)
{
	if (n == 0)
		return;
	merge_leaves_clear(x->tail, n);
	memmove(x->tail, x->tail + n, (x->n_tail - n) * sizeof(*x->tail));
	x->n_tail -= n;
}

static void tail_add(struct index *x, const struct machine_result *r)
{
	if (r->seq != x->merged_seq + x->n_tail + 1)
		return; /* not behind what is here */
	if (x->n_tail == x->tail_cap) {
		size_t cap = x->tail_cap == 0 ? 512 : 2 * x->tail_cap;
		struct merge_leaf *tail = realloc(x->tail, cap * sizeof(*tail));

		if (tail == NULL) {
			fail(x, "out of memory for the history: give this replica more, and start "
				"it again");
			return;
		}
		x->tail = tail;
		x->tail_cap = cap;
	}
	if (!leaf_changes(&x->tail[x->n_tail], r->changes)) {
		fail(x, "out of memory for votes: give this replica more, and start it again");
		return;
	}
	memcpy(x->tail[x->n_tail].hash, r->leaf, 32);
	x->tail[x->n_tail++].time_ms = r->time_ms;
}

void index_end(struct index *x, const struct machine_result *r)
{
	struct block *b;

	tail_add(x, r);

	if (r->sign != MACHINE_SIGN_NOTHING) {
		b = blocks_room(x) ? block_new(x, r) : NULL;
		if (b == NULL) {
			fail(x, "out of memory for a batch: give this replica more, and start it "
				"again");
		} else {
			x->blocks[x->n_blocks++] = b;
			for (size_t i = 0; i < r->n_entries; i++) {
				const struct machine_entry *m = &r->entries[i];

				if (m->leaf >= 0 && ap_outcome_is_final(&m->outcome) &&
				    m->outcome.sequence != 0)
					attach(x, b, m);
			}
		}
	}
	x->reading = false;
	merge_read_end(x->merge);
}

/* ---- answers ---- */

static enum index_found answer_merged(struct index *x, const uint8_t id[AP_ID_LEN], ap_agree *out,
				      uint64_t *seq)
{
	struct merged_outcome merged;
	struct merged_block b;

	if (merge_find(x->merge, id, &merged) != 1)
		return INDEX_NONE;
	*seq = merged.block;
	if (merged.block == 0 || merge_find_block(x->merge, merged.block, &b) != 1 || !b.has_sig)
		return INDEX_UNSIGNED;
	memset(&out->proof, 0, sizeof(out->proof));
	if (merge_find_path(x->merge, &merged, b.statement.count, &out->proof.path) != 1)
		return INDEX_UNSIGNED;
	out->outcome = merged.outcome;
	if (merged.outcome.value.len > 0)
		memcpy(x->value, merged.outcome.value.data, merged.outcome.value.len);
	out->outcome.value.data = x->value;
	out->proof.epoch = b.statement.epoch;
	out->proof.sequence = b.statement.seq;
	out->proof.time = b.statement.time_ms;
	out->proof.count = (uint16_t)b.statement.count;
	out->proof.index = merged.leaf;
	memcpy(out->proof.running.octets, b.statement.running, 32);
	memcpy(out->proof.sig.octets, b.sig, 64);
	return INDEX_SIGNED;
}

enum index_found index_answer(struct index *x, const uint8_t id[AP_ID_LEN], ap_agree *out,
			      uint64_t *seq)
{
	const struct entry *e = table_find(x, id);
	enum index_found found;

	*seq = 0;
	if (e == NULL) {
		merge_read_begin(x->merge);
		found = answer_merged(x, id, out, seq);
		merge_read_end(x->merge);
		return found;
	}
	if (e->block == NULL)
		return INDEX_UNSIGNED;
	*seq = e->block->pub.seq;
	if (!e->block->pub.has_sig)
		return INDEX_UNSIGNED;
	return ap_agree_make(out, &e->outcome, &e->block->pub.statement, e->block->nodes, e->leaf,
			     e->block->pub.sig)
		       ? INDEX_SIGNED
		       : INDEX_UNSIGNED;
}

/* ---- merging ---- */

void index_snapshot(struct index *x, uint64_t seq, uint64_t floor_ms, const uint8_t *octets,
		    size_t len)
{
	struct snapshot *s = &x->snapshots[0];

	for (size_t i = 1; i < SNAPSHOTS; i++) {
		if (x->snapshots[i].seq < s->seq)
			s = &x->snapshots[i];
	}
	free(s->octets);
	*s = (struct snapshot){.octets = malloc(len)};
	if (s->octets == NULL)
		return; /* this one is not merged, the next will be */
	memcpy(s->octets, octets, len);
	s->len = len;
	s->seq = seq;
	s->floor_ms = floor_ms;
}

static struct snapshot *snapshot_of(struct index *x, uint64_t seq)
{
	for (size_t i = 0; i < SNAPSHOTS; i++) {
		if (x->snapshots[i].octets != NULL && x->snapshots[i].seq == seq)
			return &x->snapshots[i];
	}
	return NULL;
}

static size_t job_blocks(const struct index *x, struct merge_job *job)
{
	size_t n = 0;

	for (size_t i = 0; i < x->n_blocks && x->blocks[i]->pub.seq <= job->seq; i++) {
		const struct block *b = x->blocks[i];

		job->blocks[n].seq = b->pub.seq;
		job->blocks[n].block = b;
		job->blocks[n].has_sig = b->pub.has_sig;
		job->blocks[n].is_first = b->merges == 0;
		memcpy(job->blocks[n].sig, b->pub.sig, 64);
		n++;
	}
	return n;
}

static size_t job_items(const struct index *x, struct merge_job *job)
{
	size_t n = 0;

	for (size_t i = 0; i < x->table_size; i++) {
		const struct entry *e = x->table[i].entry;

		if (e == NULL || e->sequence > job->seq)
			continue;
		job->items[n].entry = e;
		job->items[n].leaf = e->leaf;
		job->items[n].block =
			e->block != NULL && e->block->pub.seq <= job->seq ? e->block : NULL;
		n++;
	}
	return n;
}

static bool job_tail(const struct index *x, struct merge_job *job)
{
	bool good = true;

	for (size_t i = 0; i < job->n_tail; i++) {
		const struct merge_leaf *leaf = &x->tail[i];

		memcpy(job->tail[i].hash, leaf->hash, sizeof(leaf->hash));
		job->tail[i].time_ms = leaf->time_ms;
		good = leaf_changes(&job->tail[i], (ap_bytes){leaf->changes, leaf->changes_len}) &&
		       good;
	}
	return good;
}

static struct merge_job *job_new(struct index *x, struct snapshot *s)
{
	struct merge_job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	job->seq = s->seq;
	job->floor_ms = s->floor_ms;
	job->horizon_ms = x->conf.horizon_ms;
	job->items = calloc(x->table_used + 1, sizeof(*job->items));
	job->blocks = calloc(x->n_blocks + 1, sizeof(*job->blocks));
	job->n_tail = s->seq - x->merged_seq <= x->n_tail ? s->seq - x->merged_seq : 0;
	job->tail = calloc(job->n_tail + 1, sizeof(*job->tail));
	if (job->items == NULL || job->blocks == NULL || job->tail == NULL || !job_tail(x, job)) {
		merge_job_free(job);
		return NULL;
	}
	if (x->proof_seq == s->seq) {
		job->proof = x->proof;
		job->proof_len = x->proof_len;
		x->proof = NULL;
		x->proof_seq = 0;
	}
	job->n_blocks = job_blocks(x, job);
	job->n_items = job_items(x, job);
	job->journal = x->journal;
	job->snapshot = s->octets;
	job->snapshot_len = s->len;
	*s = (struct snapshot){.seq = 0};
	return job;
}

static void merge_next(struct index *x)
{
	struct snapshot *s = snapshot_of(x, x->stable_seq);
	struct merge_job *job;

	/* a state that is installed, and not taken up yet: memory goes with it */
	if (s == NULL || merge_busy(x->merge) || x->installed > 0 || is_over(x))
		return;
	job = job_new(x, s);
	if (job != NULL && !merge_start(x->merge, job))
		merge_job_free(job);
}

void index_journal(struct index *x, const struct journal_place *place)
{
	x->journal = *place;
}

void index_stable(struct index *x, uint64_t seq)
{
	if (seq <= x->merged_seq)
		return;
	x->stable_seq = seq;
	merge_next(x);
}

static bool job_has_sig(const struct merge_job *job, uint64_t seq)
{
	size_t low = 0, high = job->n_blocks;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (job->blocks[middle].seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low < job->n_blocks && job->blocks[low].seq == seq && job->blocks[low].has_sig;
}

/* LMDB has its signature, or it has been waited for long enough. One that came while the merge ran
 * goes with the next. */
static bool is_settled(const struct merge_job *job, const struct block *b)
{
	return job_has_sig(job, b->pub.seq) || (!b->pub.has_sig && b->merges >= MERGES_UNSIGNED);
}

/* Entries that LMDB now has whole leave memory; those whose signature is still to come stay. */
static void drop_entries(struct index *x, const struct merge_job *job)
{
	for (size_t i = 0; i < job->n_items; i++) {
		struct entry *e = table_find(x, job->items[i].entry->id);

		if (e != NULL)
			e->merged = true;
		if (e == NULL || e->block != job->items[i].block || e->leaf != job->items[i].leaf)
			continue;
		if (e->block != NULL && !is_settled(job, e->block))
			continue;
		if (e->block != NULL)
			e->block->entries--;
		table_remove(x, e);
		free(e);
	}
}

static void drop_blocks(struct index *x, const struct merge_job *job)
{
	size_t kept = 0;

	for (size_t i = 0; i < x->n_blocks; i++) {
		struct block *b = x->blocks[i];

		if (b->pub.seq <= job->seq && b->entries == 0 && is_settled(job, b))
			block_free(b);
		else
			x->blocks[kept++] = b;
	}
	x->n_blocks = kept;
}

static void merge_done(struct index *x, struct merge_job *job)
{
	tail_drop(x, job->n_tail);
	x->merged_seq = job->seq;
	free(x->merged_snapshot);
	x->merged_snapshot = NULL;
	for (size_t i = 0; i < x->n_blocks && x->blocks[i]->pub.seq <= job->seq; i++)
		x->blocks[i]->merges++;
	drop_entries(x, job);
	drop_blocks(x, job);
	merge_job_free(job);
}

/* ---- what was transferred ---- */

static void absorb_next(struct index *x)
{
	struct absorb *a = x->absorbs;
	struct merge_job *job;
	size_t n = 1;

	if (a == NULL || merge_busy(x->merge) || x->installed > 0 || is_over(x))
		return;
	job = a->job != NULL ? a->job : calloc(1, sizeof(*job));
	if (job == NULL)
		return; /* with the next poll */
	a->job = NULL;
	job->absorb = a;
	/* what waits goes in one transaction, but an installation stands alone */
	for (; n < ABSORBS_MAX && !a->installs && a->next != NULL && !a->next->installs; n++)
		a = a->next;
	x->absorbs = a->next;
	a->next = NULL;
	if (x->absorbs == NULL)
		x->absorbs_end = &x->absorbs;
	if (!merge_start(x->merge, job))
		merge_job_free(job);
}

void index_absorb(struct index *x, struct absorb *a)
{
	a->next = NULL;
	*x->absorbs_end = a;
	x->absorbs_end = &a->next;
	x->n_absorbs++;
	absorb_next(x);
}

size_t index_absorbing(const struct index *x)
{
	return x->n_absorbs;
}

/* All of memory is of batches that the state covers. */
static void forget_all(struct index *x)
{
	for (size_t i = 0; i < x->table_size; i++) {
		free(x->table[i].entry);
		x->table[i] = (struct slot){0};
	}
	x->table_used = 0;
	for (size_t i = 0; i < x->n_blocks; i++)
		block_free(x->blocks[i]);
	x->n_blocks = 0;
	tail_drop(x, x->n_tail);
	for (size_t i = 0; i < SNAPSHOTS; i++) {
		free(x->snapshots[i].octets);
		x->snapshots[i] = (struct snapshot){0};
	}
	free(x->merged_snapshot);
	x->merged_snapshot = NULL;
}

static void absorb_done(struct index *x, struct merge_job *job)
{
	for (const struct absorb *a = job->absorb; a != NULL; a = a->next)
		x->n_absorbs--;
	if (job->absorb->installs)
		x->installed = job->seq;
	merge_job_free(job);
}

/* Executed meanwhile: only what is merged has moved on. */
static void overtaken(struct index *x, uint64_t seq)
{
	size_t n = seq - x->merged_seq;

	if (seq <= x->merged_seq)
		return;
	n = n < x->n_tail ? n : x->n_tail;
	tail_drop(x, n);
	x->merged_seq = seq;
	free(x->merged_snapshot);
	x->merged_snapshot = NULL;
}

uint64_t index_installed(struct index *x, uint64_t executed)
{
	uint64_t seq = x->installed;

	x->installed = 0;
	if (seq > 0 && executed >= seq) {
		overtaken(x, seq);
		index_poll(x);
		return 0;
	}
	if (seq > 0) {
		forget_all(x);
		x->merged_seq = x->stable_seq = x->executing = seq;
		index_poll(x);
	}
	return seq;
}

int index_put_aside(struct index *x, struct disk_error *why)
{
	int status;

	merge_close(x->merge);
	x->merge = NULL;
	while (x->absorbs != NULL) {
		struct absorb *next = x->absorbs->next;

		merge_job_free(x->absorbs->job);
		x->absorbs->next = NULL;
		absorb_free(x->absorbs);
		x->absorbs = next;
	}
	x->absorbs_end = &x->absorbs;
	x->n_absorbs = 0;
	forget_all(x);
	x->merged_seq = x->stable_seq = x->executing = x->installed = 0;
	x->errand_ended = false; /* of one that was under way nobody will hear */
	status = merge_put_aside(&x->conf, why);
	return status == DISK_ENOTFOUND ? 0 : status;
}

int index_renew(struct index *x, struct disk_error *why)
{
	int status = index_put_aside(x, why);

	return status != 0 ? status : merge_open(&x->merge, &x->conf, why);
}

void index_proof(struct index *x, uint64_t seq, const uint8_t *octets, size_t len)
{
	free(x->proof);
	x->proof = malloc(len);
	x->proof_seq = 0;
	if (x->proof == NULL)
		return; /* this checkpoint is merged without it, and served to nobody */
	memcpy(x->proof, octets, len);
	x->proof_len = len;
	x->proof_seq = seq;
}

uint64_t index_octets(const struct index *x)
{
	return merge_octets(x->merge);
}

bool index_errand(struct index *x, merge_errand *errand, void *arg)
{
	struct merge_job *job;

	if (merge_busy(x->merge) || is_over(x))
		return false;
	job = calloc(1, sizeof(*job));
	if (job == NULL)
		return false;
	job->errand = errand;
	job->arg = arg;
	if (merge_start(x->merge, job))
		return true;
	merge_job_free(job);
	return false;
}

bool index_errand_ended(struct index *x)
{
	bool ended = x->errand_ended;

	x->errand_ended = false;
	return ended;
}

struct merge *index_merge(struct index *x)
{
	return x->merge;
}

uint64_t index_poll(struct index *x)
{
	struct merge_job *job;

	while ((job = merge_ended(x->merge)) != NULL) {
		if (job->errand != NULL) {
			x->errand_ended = true;
			merge_job_free(job);
		} else if (job->absorb != NULL)
			absorb_done(x, job);
		else
			merge_done(x, job);
	}
	if (x->stable_seq > x->merged_seq)
		merge_next(x);
	absorb_next(x);
	return x->merged_seq;
}

int index_fd(const struct index *x)
{
	return merge_fd(x->merge);
}

/* ---- life ---- */

static int load_merged(struct index *x, struct disk_error *why)
{
	int found = merge_snapshot(x->merge, &x->merged_seq, &x->merged_snapshot, &x->merged_len);

	if (found >= 0)
		return 0;
	if (found == -2) /* no damage: the store stays where it is */
		return disk_say(why, DISK_ESYSTEM, "out of memory while opening the store");
	if (merge_error(x->merge) != NULL)
		return disk_say(why, DISK_ESYSTEM, "%s", merge_error(x->merge));
	return disk_say(why, DISK_EDAMAGED, "%s", merge_damage(x->merge));
}

int index_open(struct index **out, const struct index_conf *conf, struct disk_error *why)
{
	struct index *x = calloc(1, sizeof(*x));
	int status;

	*out = NULL;
	if (x == NULL)
		return disk_say(why, DISK_ESYSTEM, "out of memory while opening the store");
	x->conf = *conf;
	x->absorbs_end = &x->absorbs;
	x->table_size = TABLE_FIRST;
	x->table = calloc(TABLE_FIRST, sizeof(*x->table));
	if (x->table == NULL || ap_random(x->table_key, sizeof(x->table_key)) != 0) {
		index_close(x);
		return disk_say(why, DISK_ESYSTEM, "out of memory while opening the store");
	}
	status = merge_open(&x->merge, conf, why);
	if (status == 0)
		status = load_merged(x, why);
	if (status != 0) {
		index_close(x);
		return status;
	}
	*out = x;
	return 0;
}

void index_close(struct index *x)
{
	if (x == NULL)
		return;
	merge_close(x->merge);
	while (x->absorbs != NULL) {
		struct absorb *next = x->absorbs->next;

		merge_job_free(x->absorbs->job);
		x->absorbs->next = NULL;
		absorb_free(x->absorbs);
		x->absorbs = next;
	}
	for (size_t i = 0; x->table != NULL && i < x->table_size; i++)
		free(x->table[i].entry);
	tail_drop(x, x->n_tail);
	free(x->tail);
	free(x->proof);
	for (size_t i = 0; i < x->n_blocks; i++)
		block_free(x->blocks[i]);
	for (size_t i = 0; i < SNAPSHOTS; i++)
		free(x->snapshots[i].octets);
	free(x->table);
	free(x->blocks);
	free(x->merged_snapshot);
	free(x);
}

uint64_t index_merged(const struct index *x, const uint8_t **snapshot, size_t *len)
{
	*snapshot = x->merged_snapshot;
	*len = x->merged_len;
	return x->merged_seq;
}

void index_info(const struct index *x, struct index_info *info)
{
	*info = (struct index_info){
		.merged_seq = x->merged_seq, .in_memory = x->table_used, .blocks = x->n_blocks};
}
