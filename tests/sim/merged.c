/* What merge.c keeps in LMDB, in memory that outlives the process; a merge is one transaction. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/merge_format.h"
#include "libproto/instance.h"
#include "libproto/merkle.h"
#include "tests/sim/disk.h"
#include "tests/sim/history.h"

enum { CHAINS = 64 };

struct kept {
	struct kept *next;
	uint8_t id[AP_ID_LEN];
	struct merged_outcome outcome;
	uint8_t value[AP_VALUE_MAX];
};

struct kept_block {
	struct kept_block *next;
	struct merged_block block;
	uint8_t *nodes; /* of its tree */
};

struct store {
	struct kept *outcomes[CHAINS];
	struct kept_block *blocks[CHAINS];
	uint64_t seq;
	uint8_t *snapshot;
	size_t snapshot_len;
	uint8_t proof[4096];
	size_t proof_len;
	struct journal_place journal;
	struct history *history;
};

struct merge {
	struct node *node;
	struct merge_job *job, *ended;
	bool is_rotten; /* the next lookup meets damage */
	const char *damage;
};

static void *must(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

struct store *store_new(void)
{
	struct store *s = must(calloc(1, sizeof(struct store)));

	s->history = history_new();
	return s;
}

void store_free(struct store *s)
{
	for (size_t i = 0; i < CHAINS; i++) {
		while (s->outcomes[i] != NULL) {
			struct kept *next = s->outcomes[i]->next;

			free(s->outcomes[i]);
			s->outcomes[i] = next;
		}
		while (s->blocks[i] != NULL) {
			struct kept_block *next = s->blocks[i]->next;

			free(s->blocks[i]->nodes);
			free(s->blocks[i]);
			s->blocks[i] = next;
		}
	}
	history_free(s->history);
	free(s->snapshot);
	free(s);
}

uint64_t store_seq(const struct store *s)
{
	return s->seq;
}

struct journal_place store_journal(const struct store *s)
{
	return s->journal;
}

static struct kept **place(struct store *s, const uint8_t id[AP_ID_LEN])
{
	struct kept **at = &s->outcomes[id[AP_ID_LEN - 1] % CHAINS];

	while (*at != NULL && memcmp((*at)->id, id, AP_ID_LEN) != 0)
		at = &(*at)->next;
	return at;
}

static struct kept_block **block_place(struct store *s, uint64_t seq)
{
	struct kept_block **at = &s->blocks[seq % CHAINS];

	while (*at != NULL && (*at)->block.statement.seq != seq)
		at = &(*at)->next;
	return at;
}

/* ---- one merge ---- */

static void put_outcome(struct store *s, const struct merge_item *item)
{
	const struct entry *e = item->entry;
	struct kept **at = place(s, e->id), *k = *at;

	if (k == NULL)
		k = *at = must(calloc(1, sizeof(*k)));
	memcpy(k->id, e->id, AP_ID_LEN);
	k->outcome.relay = e->relay;
	k->outcome.block = 0;
	k->outcome.leaf = 0;
	if (item->block != NULL) {
		k->outcome.block = item->block->pub.seq;
		k->outcome.leaf = item->leaf;
	}
	k->outcome.outcome = e->outcome;
	if (e->outcome.value.len > 0)
		memcpy(k->value, e->outcome.value.data, e->outcome.value.len);
	k->outcome.outcome.value.data = k->value;
}

static void put_tree(struct kept_block *to, const struct block *b)
{
	size_t n = 32 * ap_merkle_nodes(b->pub.count);

	free(to->nodes);
	to->nodes = must(malloc(n + 1));
	if (n > 0)
		memcpy(to->nodes, b->nodes, n);
}

static void put_block(struct store *s, const struct merge_block *b)
{
	struct kept_block **at = block_place(s, b->block->pub.seq);

	if (*at == NULL)
		*at = must(calloc(1, sizeof(**at)));
	(*at)->block.statement = b->block->pub.statement;
	(*at)->block.has_sig = b->has_sig;
	memcpy((*at)->block.sig, b->sig, 64);
	if (b->is_first)
		put_tree(*at, b->block);
}

static void purge(struct store *s, const struct merge_job *job)
{
	uint64_t first_kept = job->floor_ms / 1000 + 1;

	for (size_t i = 0; i < CHAINS; i++) {
		for (struct kept **at = &s->outcomes[i]; *at != NULL;) {
			struct kept *k = *at;

			if (ap_id_deadline(k->id) >= first_kept) {
				at = &k->next;
				continue;
			}
			*at = k->next;
			free(k);
		}
		for (struct kept_block **at = &s->blocks[i]; *at != NULL;) {
			struct kept_block *b = *at;

			if (job->floor_ms <= job->horizon_ms ||
			    b->block.statement.time_ms >= job->floor_ms - job->horizon_ms) {
				at = &b->next;
				continue;
			}
			*at = b->next;
			free(b->nodes);
			free(b);
		}
	}
}

/* One outcome of what was transferred, through the items that a merge has. */
static void absorb_chunk(struct store *s, const struct absorb_chunk *c)
{
	struct block block = {.pub = {.seq = c->seq, .statement = c->statement}};
	struct merge_block b = {.seq = c->seq, .block = &block, .has_sig = true, .is_first = true};
	struct merge_chunk_entry next;
	struct ap_reader r;

	block.pub.count = (uint16_t)c->statement.count;
	block.pub.nodes = block.nodes = c->nodes;
	memcpy(b.sig, c->sig, 64);
	ap_reader_init(&r, c->outcomes.data, c->outcomes.len);
	for (size_t i = 0; i < c->n && merge_chunk_next(&r, &next); i++) {
		struct entry e = {.relay = next.relay, .outcome = next.outcome};
		struct merge_item item = {.entry = &e, .block = c->proven ? &block : NULL};

		memcpy(e.id, next.id, AP_ID_LEN);
		item.leaf = c->proven ? c->leaf[i] : 0;
		put_outcome(s, &item);
	}
	if (c->proven)
		put_block(s, &b);
}

static void put_state(struct store *s, const struct merge_job *job)
{
	s->proof_len = 0;
	if (job->proof != NULL && job->proof_len <= sizeof(s->proof)) {
		memcpy(s->proof, job->proof, job->proof_len);
		s->proof_len = job->proof_len;
	}
	free(s->snapshot);
	s->snapshot = must(malloc(job->snapshot_len));
	memcpy(s->snapshot, job->snapshot, job->snapshot_len);
	s->snapshot_len = job->snapshot_len;
	s->journal = job->journal;
	s->seq = job->seq;
}

static void commit(struct store *s, const struct merge_job *job)
{
	for (const struct absorb *a = job->absorb; a != NULL; a = a->next) {
		for (size_t i = 0; i < a->n_chunks; i++)
			absorb_chunk(s, &a->chunks[i]);
		history_take(s->history, a);
	}
	if (job->absorb == NULL)
		history_take_merge(s->history, job);
	for (size_t i = 0; i < job->n_items; i++)
		put_outcome(s, &job->items[i]);
	for (size_t i = 0; i < job->n_blocks; i++)
		put_block(s, &job->blocks[i]);
	if (job->snapshot != NULL)
		put_state(s, job);
	purge(s, job);
}

bool merge_start(struct merge *m, struct merge_job *job)
{
	struct node *n = m->node;

	if (m->job != NULL || m->ended != NULL || job->errand != NULL)
		return false;
	m->job = job;
	agenda_add(&sim->agenda,
		   (struct happening){.at_us = sim->now_us + 2 * sim->o.disk_us +
					       rng_spread(&n->disk_rng, 5 * sim->o.disk_more_us),
				      .kind = EV_MERGE,
				      .node = n->index,
				      .life = n->life});
	return true;
}

static bool is_install(const struct merge_job *job)
{
	return job->absorb != NULL && job->snapshot != NULL;
}

void disk_merged(struct node *n)
{
	struct merge *m = n->disk->merge;

	if (m == NULL || m->job == NULL)
		return;
	commit(n->disk->store, m->job);
	trace_note("merged", n->id, 0, NULL, m->job->seq);
	if (is_install(m->job) && sim->healed_us == 0 && rng_chance(&n->disk_rng, 150)) {
		trace_mile("%u dies with a state in its store", n->id);
		n->dying = true; /* before anything else knows of it */
		return;
	}
	m->ended = m->job;
	m->job = NULL;
	loop_fd(n, SIM_FD_INDEX);
}

void merge_crash(struct node *n)
{
	struct merge *m = n->disk->merge;

	if (m != NULL && m->job != NULL && rng_chance(&n->disk_rng, 500))
		commit(n->disk->store, m->job);
}

/* ---- the index's side ---- */

uint64_t merge_octets(const struct merge *m)
{
	(void)m;
	return 0;
}

void merge_scrub(struct merge *m, struct merge_scrub *scrub, uint64_t budget)
{
	(void)m;
	(void)budget;
	scrub->is_done = true; /* memory is whole */
}

bool merge_busy(const struct merge *m)
{
	return m->job != NULL || m->ended != NULL;
}

int merge_fd(const struct merge *m)
{
	(void)m;
	return SIM_FD_INDEX;
}

struct merge_job *merge_ended(struct merge *m)
{
	struct merge_job *job = m->ended;

	m->ended = NULL;
	return job;
}

const char *merge_damage(const struct merge *m)
{
	return m == NULL ? NULL : m->damage;
}

void merge_damaged(struct merge *m, const char *what)
{
	(void)what;
	m->damage = "the store is damaged";
}

void disk_rot(struct node *n)
{
	if (n->disk->merge != NULL)
		n->disk->merge->is_rotten = true;
}

bool disk_is_damaged(const struct node *n)
{
	return merge_damage(n->disk->merge) != NULL;
}

static bool meets_damage(struct merge *m)
{
	if (m->is_rotten)
		merge_damaged(m, "a record");
	return m->is_rotten;
}

const char *merge_error(const struct merge *m)
{
	(void)m;
	return NULL;
}

void merge_read_begin(struct merge *m)
{
	(void)m;
}

void merge_read_end(struct merge *m)
{
	(void)m;
}

int merge_find(struct merge *m, const uint8_t id[AP_ID_LEN], struct merged_outcome *out)
{
	const struct kept *k;

	if (meets_damage(m))
		return -1;
	k = *place(m->node->disk->store, id);
	if (k == NULL)
		return 0;
	*out = k->outcome;
	return 1;
}

int merge_find_block(struct merge *m, uint64_t seq, struct merged_block *out)
{
	const struct kept_block *b = *block_place(m->node->disk->store, seq);

	if (b == NULL)
		return 0;
	*out = b->block;
	return 1;
}

/* Through the octets that a store has. */
static bool add_group(const struct kept_block *b, size_t n_leaves, uint16_t leaf, uint16_t group,
		      ap_path *path)
{
	uint8_t value[MERGE_TREE_MAX];
	struct kv_span span = {value, merge_tree_put(value, b->nodes, n_leaves, group)};

	return merge_tree_path(path, span, n_leaves, leaf, group);
}

int merge_find_path(struct merge *m, const struct merged_outcome *o, size_t n_leaves, ap_path *path)
{
	const struct kept_block *b = *block_place(m->node->disk->store, o->block);

	path->count = 0;
	return b != NULL && b->nodes != NULL && o->leaf < n_leaves &&
			       (n_leaves < 2 ||
				add_group(b, n_leaves, o->leaf, o->leaf / 32, path)) &&
			       (n_leaves <= 32 ||
				add_group(b, n_leaves, o->leaf, MERGE_TREE_TOP, path))
		       ? 1
		       : -1;
}

int merge_snapshot(struct merge *m, uint64_t *seq, uint8_t **octets, size_t *len)
{
	const struct store *s = m->node->disk->store;

	*seq = s->seq;
	*octets = NULL;
	*len = s->snapshot_len;
	if (s->seq == 0)
		return 0;
	*octets = must(malloc(s->snapshot_len));
	memcpy(*octets, s->snapshot, s->snapshot_len);
	return 1;
}

int merge_journal(struct merge *m, struct journal_place *out)
{
	*out = m->node->disk->store->journal;
	return out->number > 0;
}

int merge_proof(struct merge *m, uint8_t *out, size_t cap)
{
	const struct store *s = m->node->disk->store;

	if (s->proof_len > cap)
		return 0;
	memcpy(out, s->proof, s->proof_len);
	return (int)s->proof_len;
}

bool merge_section(struct merge *m, uint64_t size, uint64_t section, uint8_t leaves[][32],
		   size_t *n, uint8_t path[][32], size_t *n_path)
{
	return history_section(m->node->disk->store->history, size, section, leaves, n, path,
			       n_path);
}

bool merge_chunk(struct merge *m, uint64_t seq, uint64_t *time_ms, ap_bytes *outcomes)
{
	return history_chunk(m->node->disk->store->history, seq, time_ms, outcomes);
}

bool merge_block_leaves(struct merge *m, uint64_t seq, size_t count, uint8_t leaves[][32])
{
	const struct kept_block *b = *block_place(m->node->disk->store, seq);

	if (b == NULL || b->nodes == NULL || b->block.statement.count != count)
		return false;
	memcpy(leaves[0], b->nodes, 32 * count);
	return true;
}

/* Of those that neither lie nor forget somebody else has as much as it. */
static bool is_spare(const struct node *n)
{
	uint64_t gone = sim->o.faulty | sim->o.forgets;

	for (size_t i = 0; i < sim->n_nodes; i++) {
		const struct node *m = &sim->nodes[i];

		if (m != n && (gone >> (m->id - 1) & 1) == 0 &&
		    m->disk->store->seq >= n->disk->store->seq)
			return true;
	}
	return false;
}

void disk_wipe(struct node *n)
{
	if (!is_spare(n))
		return;
	store_free(n->disk->store);
	n->disk->store = store_new();
}

bool merge_drop_aside(const struct index_conf *conf)
{
	(void)conf;
	return false; /* there is nothing aside here */
}

int merge_put_aside(const struct index_conf *conf, struct disk_error *why)
{
	(void)conf;
	why->text[0] = '\0';
	store_free(sim->current->disk->store);
	sim->current->disk->store = store_new();
	return 0;
}

int merge_open(struct merge **out, const struct index_conf *conf, struct disk_error *why)
{
	(void)conf;
	why->text[0] = '\0';
	*out = must(calloc(1, sizeof(**out)));
	(*out)->node = sim->current;
	sim->current->disk->merge = *out;
	return 0;
}

void merge_close(struct merge *m)
{
	if (m == NULL)
		return;
	if (m->job != NULL && !m->node->dying)
		commit(m->node->disk->store, m->job);
	merge_job_free(m->job);
	merge_job_free(m->ended);
	m->node->disk->merge = NULL;
	free(m);
}
