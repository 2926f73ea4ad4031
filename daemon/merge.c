/*
 * The index's side of LMDB: what is merged, how it is read back, and the thread that does the
 * merging, so that the event loop waits for no disk. merge_format.h has the tables.
 *
 * One transaction a checkpoint: outcomes, trees, blocks and snapshot are of one sequence, whatever
 * a crash leaves.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "daemon/merge_priv.h"

static const struct kv_table tables[TABLES] = {[INDEX] = {"index", AP_ID_LEN},
					       [LEAVES] = {"leaves", MERGE_PLACE},
					       [TREES] = {"trees", MERGE_PLACE},
					       [BLOCKS] = {"blocks", 8},
					       [META] = {"meta", 0},
					       [HISTORY] = {"history", 1 + 8},
					       [CHUNKS] = {"chunks", 8}};
static const char SNAPSHOT_KEY[] = "snapshot", PROOF_KEY[] = "proof", JOURNAL_KEY[] = "journal";

enum {
	PURGE_MAX = 20000, /* outcomes forgotten in one merge, beside twice what it brings: the rest
			      goes with the next */
};

const char *merge_error(const struct merge *m)
{
	if (m == NULL)
		return NULL;
	return m->error[0] != '\0' ? m->error : kv_error(m->kv);
}

const char *merge_damage(const struct merge *m)
{
	return m != NULL && m->damage[0] != '\0' ? m->damage : NULL;
}

void merge_damaged(struct merge *m, const char *what)
{
	if (m->damage[0] == '\0')
		snprintf(m->damage, sizeof(m->damage), "the store is damaged: %s", what);
}

/* ---- one merge, in the thread ---- */

/* Items in the order of a table's keys. The key's first octets stand beside each, so that sorting
 * hardly ever looks at the items, which lie all over memory. */
struct order {
	uint64_t key;
	const struct merge_item *item;
};

static int by_id(const void *a, const void *b)
{
	const struct order *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return memcmp(x->item->entry->id, y->item->entry->id, AP_ID_LEN);
}

static int by_place(const void *a, const void *b)
{
	const struct order *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return memcmp(x->item->place, y->item->place, MERGE_PLACE);
}

/* Where each item goes; those that LMDB has already, with nothing new to say, fall out. */
static void places(struct merge_job *job)
{
	size_t n = 0;

	for (size_t i = 0; i < job->n_items; i++) {
		struct merge_item *item = &job->items[i];

		if (item->block != NULL)
			merge_place(item->place, item->block->pub.seq, item->leaf);
		else if (!item->entry->merged)
			merge_place(item->place, item->entry->sequence,
				    (uint16_t)(MERGE_UNPROVEN | item->entry->first));
		else
			continue;
		job->items[n++] = *item;
	}
	job->n_items = n;
}

static void put_leaves(struct kv_txn *txn, const struct merge_job *job, struct order *order)
{
	uint8_t value[MERGE_LEAF_MAX];

	/* octets 2 to 9 of a place: 48 bits of the sequence, and the leaf */
	for (size_t i = 0; i < job->n_items; i++)
		order[i] = (struct order){disk_get64(job->items[i].place + 2), &job->items[i]};
	qsort(order, job->n_items, sizeof(order[0]), by_place);
	for (size_t i = 0; i < job->n_items; i++) {
		size_t n = merge_leaf_put(value, order[i].item);

		kv_put(txn, LEAVES, (struct kv_span){order[i].item->place, MERGE_PLACE},
		       (struct kv_span){value, n});
	}
}

static void put_index(struct kv_txn *txn, const struct merge_job *job, struct order *order)
{
	for (size_t i = 0; i < job->n_items; i++)
		order[i] = (struct order){disk_get64(job->items[i].entry->id), &job->items[i]};
	qsort(order, job->n_items, sizeof(order[0]), by_id);
	for (size_t i = 0; i < job->n_items; i++)
		kv_put(txn, INDEX, (struct kv_span){order[i].item->entry->id, AP_ID_LEN},
		       (struct kv_span){order[i].item->place, MERGE_PLACE});
}

static void put_group(struct kv_txn *txn, const struct block *b, uint16_t group)
{
	uint8_t key[MERGE_PLACE], value[MERGE_TREE_MAX];
	size_t n = merge_tree_put(value, b->nodes, b->pub.count, group);

	merge_place(key, b->pub.seq, group);
	if (n > 0)
		kv_put(txn, TREES, (struct kv_span){key, MERGE_PLACE}, (struct kv_span){value, n});
}

/* Once for each block: it may have to wait for its signature through another merge. */
static void put_tree(struct kv_txn *txn, const struct merge_block *b)
{
	if (!b->is_first || b->block->pub.count < 2)
		return;
	for (uint16_t group = 0; group * 32 < b->block->pub.count; group++)
		put_group(txn, b->block, group);
	put_group(txn, b->block, MERGE_TREE_TOP);
}

void merge_put_block(struct kv_txn *txn, const struct merge_block *b)
{
	uint8_t value[MERGE_BLOCK], key[8];
	size_t n = merge_block_put(value, b);

	disk_put64(key, b->seq);
	kv_put(txn, BLOCKS, (struct kv_span){key, 8}, (struct kv_span){value, n});
	put_tree(txn, b);
}

static void put_journal(struct kv_txn *txn, const struct journal_place *place)
{
	struct kv_span key = {JOURNAL_KEY, sizeof(JOURNAL_KEY) - 1};
	uint8_t value[8 + 8];

	disk_put64(value, place->number);
	disk_put64(value + 8, place->sum);
	if (place->number > 0)
		kv_put(txn, META, key, (struct kv_span){value, sizeof(value)});
	else
		kv_delete(txn, META, key);
}

static int put_snapshot(struct kv_txn *txn, const struct merge_job *job)
{
	uint8_t *value = malloc(8 + job->snapshot_len);

	if (job->proof != NULL)
		kv_put(txn, META, (struct kv_span){PROOF_KEY, sizeof(PROOF_KEY) - 1},
		       (struct kv_span){job->proof, job->proof_len});
	else
		kv_delete(txn, META, (struct kv_span){PROOF_KEY, sizeof(PROOF_KEY) - 1});

	put_journal(txn, &job->journal);
	if (value == NULL)
		return DISK_EAGAIN;
	disk_put64(value, job->seq);
	memcpy(value + 8, job->snapshot, job->snapshot_len);
	kv_put(txn, META, (struct kv_span){SNAPSHOT_KEY, sizeof(SNAPSHOT_KEY) - 1},
	       (struct kv_span){value, 8 + job->snapshot_len});
	free(value);
	return 0;
}

/* More than a merge brings, so that the store does not grow with what is forgotten. */
static unsigned purge_max(const struct merge_job *job)
{
	return PURGE_MAX + 2 * (unsigned)job->n_items;
}

/* false: there is more of it. */
static bool purge_outcomes(struct kv_txn *txn, const struct merge_job *job)
{
	uint8_t to[AP_ID_LEN] = {0};
	uint64_t first_kept = job->floor_ms / 1000 + 1; /* D <= F is forgotten */
	unsigned max = purge_max(job);

	for (int i = 4; i >= 0; i--, first_kept >>= 8)
		to[i] = (uint8_t)first_kept;
	return first_kept == 0 && kv_delete_range(txn, INDEX, (struct kv_span){NULL, 0},
						  (struct kv_span){to, sizeof(to)}, max) < (int)max;
}

struct old_blocks {
	uint64_t before_ms, last;
};

static int old_block(void *arg, struct kv_span key, struct kv_span value)
{
	struct old_blocks *old = arg;
	struct merged_block b;

	(void)key;
	if (!merge_block_get(value, &b) || b.statement.time_ms >= old->before_ms)
		return 1;
	old->last = b.statement.seq;
	return 0;
}

/* A block goes when no outcome can have its leaf any more: deadlines are within the horizon of
 * their batch. */
static void purge_blocks(struct kv_txn *txn, const struct merge_job *job)
{
	struct old_blocks old = {0};
	uint8_t to[MERGE_PLACE];

	if (job->floor_ms <= job->horizon_ms)
		return;
	old.before_ms = job->floor_ms - job->horizon_ms;
	kv_walk(txn, BLOCKS, (struct kv_span){NULL, 0}, (struct kv_span){NULL, 0}, old_block, &old);
	if (old.last == 0)
		return;
	merge_place(to, old.last + 1, 0);
	kv_delete_range(txn, LEAVES, (struct kv_span){NULL, 0}, (struct kv_span){to, MERGE_PLACE},
			purge_max(job));
	kv_delete_range(txn, TREES, (struct kv_span){NULL, 0}, (struct kv_span){to, MERGE_PLACE},
			purge_max(job));
	kv_delete_range(txn, BLOCKS, (struct kv_span){NULL, 0}, (struct kv_span){to, 8},
			purge_max(job));
	history_purge(txn, old.last, purge_max(job));
}

static int run_job(struct merge *m, struct merge_job *job)
{
	struct order *order = calloc(job->n_items + 1, sizeof(*order));
	struct kv_txn *txn;
	int status;

	if (order == NULL)
		return DISK_EAGAIN;
	if (job->errand != NULL) {
		free(order);
		job->errand(m, job->arg);
		return 0;
	}
	txn = kv_write_begin(m->kv);
	if (job->absorb != NULL) {
		for (const struct absorb *a = job->absorb; a != NULL; a = a->next)
			history_absorb(txn, a);
	} else if (!history_merge(txn, job)) {
		free(order);
		kv_abort(txn);
		return DISK_EAGAIN;
	}
	places(job);
	put_leaves(txn, job, order);
	put_index(txn, job, order);
	for (size_t i = 0; i < job->n_blocks; i++)
		merge_put_block(txn, &job->blocks[i]);
	status = job->snapshot == NULL ? 0 : put_snapshot(txn, job);
	free(order);
	if (status != 0) {
		kv_abort(txn);
		return status;
	}
	if (purge_outcomes(txn, job)) /* else outcomes would be left whose leaf is gone */
		purge_blocks(txn, job);
	return kv_commit(txn);
}

static void *work(void *arg)
{
	struct merge *m = arg;

	pthread_mutex_lock(&m->lock);
	for (;;) {
		struct merge_job *job;
		uint64_t one = 1;
		int status;

		while (m->job == NULL && !m->stop)
			pthread_cond_wait(&m->wake, &m->lock);
		if (m->job == NULL)
			break;
		job = m->job;
		m->job = NULL;
		pthread_mutex_unlock(&m->lock);
		status = run_job(m, job);
		pthread_mutex_lock(&m->lock);
		m->ended = job;
		m->ended_status = status;
		if (write(m->event_fd, &one, sizeof(one)) < 0)
			break; /* cannot be: an eventfd takes 2^64 - 2 of them */
	}
	pthread_mutex_unlock(&m->lock);
	return NULL;
}

/* ---- the loop's side ---- */

bool merge_start(struct merge *m, struct merge_job *job)
{
	if (m->busy)
		return false;
	m->busy = true;
	pthread_mutex_lock(&m->lock);
	m->job = job;
	pthread_cond_signal(&m->wake);
	pthread_mutex_unlock(&m->lock);
	return true;
}

bool merge_busy(const struct merge *m)
{
	return m->busy;
}

uint64_t merge_octets(const struct merge *m)
{
	return kv_octets(m->kv);
}

int merge_fd(const struct merge *m)
{
	return m->event_fd;
}

/* The map was too small: with no transaction open anywhere it can grow, and the job runs again. */
static bool grow(struct merge *m, int status)
{
	struct disk_error why = {""};

	if (status != DISK_ENOROOM && !kv_is_tight(m->kv))
		return true;
	if (kv_grow(m->kv, &why) == 0)
		return true;
	if (status == DISK_ENOROOM)
		snprintf(m->error, sizeof(m->error), "%s", why.text);
	return false;
}

struct merge_job *merge_ended(struct merge *m)
{
	struct merge_job *job;
	uint64_t count;
	int status;

	if (read(m->event_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return NULL;
	pthread_mutex_lock(&m->lock);
	job = m->ended;
	status = m->ended_status;
	m->ended = NULL;
	pthread_mutex_unlock(&m->lock);
	if (job == NULL)
		return NULL;
	m->busy = false;
	if (status == 0) {
		grow(m, 0);
		return job;
	}
	if ((status == DISK_ENOROOM && grow(m, status)) || status == DISK_EAGAIN) {
		merge_start(m, job);
		return NULL;
	}
	if (status == DISK_EDAMAGED)
		merge_damaged(m, "a page that a merge has to change");
	else if (m->error[0] == '\0' && kv_error(m->kv) == NULL)
		snprintf(m->error, sizeof(m->error), "the store could not take a merge (error %d)",
			 status);
	merge_job_free(job);
	return NULL;
}

void merge_read_begin(struct merge *m)
{
	if (m->reading++ == 0 && kv_reader_begin(m->reader) != 0 && m->error[0] == '\0')
		snprintf(m->error, sizeof(m->error), "the store cannot be read: start again");
}

void merge_read_end(struct merge *m)
{
	if (--m->reading == 0)
		kv_reader_end(m->reader);
}

int merge_find(struct merge *m, const uint8_t id[AP_ID_LEN], struct merged_outcome *out)
{
	struct kv_span place, value;
	int status = kv_get(m->reader, INDEX, (struct kv_span){id, AP_ID_LEN}, &place);

	if (status == DISK_ENOTFOUND)
		return 0;
	if (status == 0 && place.n == MERGE_PLACE) {
		const uint8_t *at = place.at;

		out->block = disk_get64(at);
		out->leaf = (uint16_t)(at[8] << 8 | at[9]);
		if (kv_get(m->reader, LEAVES, place, &value) == 0 && merge_leaf_get(value, out))
			return 1;
	}
	merge_damaged(m, "an outcome, or its place");
	return -1;
}

int merge_find_block(struct merge *m, uint64_t seq, struct merged_block *out)
{
	struct kv_span value;
	uint8_t key[8];
	int status;

	disk_put64(key, seq);
	status = kv_get(m->reader, BLOCKS, (struct kv_span){key, 8}, &value);
	if (status == DISK_ENOTFOUND)
		return 0;
	if (status == 0 && merge_block_get(value, out))
		return 1;
	merge_damaged(m, "a batch's statement");
	return -1;
}

/* False: the group is not there, or not what it should be. */
static bool add_group(struct kv_txn *txn, const struct merged_outcome *o, size_t n_leaves,
		      uint16_t group, ap_path *path)
{
	uint8_t key[MERGE_PLACE];
	struct kv_span value;

	merge_place(key, o->block, group);
	return kv_get(txn, TREES, (struct kv_span){key, MERGE_PLACE}, &value) == 0 &&
	       merge_tree_path(path, value, n_leaves, o->leaf, group);
}

bool merge_path(struct kv_txn *txn, const struct merged_outcome *o, size_t n_leaves, ap_path *path)
{
	path->count = 0;
	return o->leaf < n_leaves &&
	       (n_leaves < 2 || add_group(txn, o, n_leaves, o->leaf / 32, path)) &&
	       (n_leaves <= 32 || add_group(txn, o, n_leaves, MERGE_TREE_TOP, path));
}

int merge_find_path(struct merge *m, const struct merged_outcome *o, size_t n_leaves, ap_path *path)
{
	if (merge_path(m->reader, o, n_leaves, path))
		return 1;
	merge_damaged(m, "a batch's tree");
	return -1;
}

int merge_snapshot(struct merge *m, uint64_t *seq, uint8_t **octets, size_t *len)
{
	struct kv_span value;
	int status, found = 0;

	*seq = 0;
	*octets = NULL;
	*len = 0;
	merge_read_begin(m);
	status = kv_get(m->reader, META, (struct kv_span){SNAPSHOT_KEY, sizeof(SNAPSHOT_KEY) - 1},
			&value);
	if (status == 0 && value.n >= 8) {
		*octets = malloc(value.n);
		found = *octets != NULL ? 1 : -2;
	} else if (status != DISK_ENOTFOUND) {
		merge_damaged(m, "the state");
		found = -1;
	}
	if (found == 1) {
		*seq = disk_get64(value.at);
		*len = value.n - 8;
		memcpy(*octets, (const uint8_t *)value.at + 8, *len);
	}
	merge_read_end(m);
	return found;
}

int merge_journal(struct merge *m, struct journal_place *out)
{
	struct kv_span value;
	int status, found = 0;

	*out = (struct journal_place){0, 0};
	merge_read_begin(m);
	status = kv_get(m->reader, META, (struct kv_span){JOURNAL_KEY, sizeof(JOURNAL_KEY) - 1},
			&value);
	if (status == 0 && value.n == 8 + 8) {
		*out = (struct journal_place){disk_get64(value.at),
					      disk_get64((const uint8_t *)value.at + 8)};
		found = 1;
	} else if (status != DISK_ENOTFOUND) {
		merge_damaged(m, "what it knows of the journal");
		found = -1;
	}
	merge_read_end(m);
	return found;
}

int merge_proof(struct merge *m, uint8_t *out, size_t cap)
{
	struct kv_span value;
	int n = 0;

	merge_read_begin(m);
	if (kv_get(m->reader, META, (struct kv_span){PROOF_KEY, sizeof(PROOF_KEY) - 1}, &value) ==
		    0 &&
	    value.n <= cap) {
		memcpy(out, value.at, value.n);
		n = (int)value.n;
	}
	merge_read_end(m);
	return n;
}

int merge_open(struct merge **out, const struct index_conf *conf, struct disk_error *why)
{
	struct kv_options options = {
		.tables = tables, .n_tables = TABLES, .map_size = conf->map_octets};
	struct merge *m = calloc(1, sizeof(*m));
	char dir[DISK_PATH_MAX];
	int status;

	if (m == NULL)
		return disk_say(why, DISK_ESYSTEM, "out of memory while opening the store");
	*out = m;
	m->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->wake, NULL);
	snprintf(dir, sizeof(dir), "%s/store", conf->dir);
	options.dir = dir;
	memcpy(options.owner, conf->genesis, 32);
	status = kv_check(&options, why);
	if (status == 0)
		status = kv_open(&m->kv, &options, why);
	if (status == 0)
		status = kv_reader_new(m->kv, &m->reader);
	if (status == 0)
		status = kv_reader_new(m->kv, &m->scrubber);
	if (status == 0 && (m->event_fd < 0 || pthread_create(&m->thread, NULL, work, m) != 0))
		status = disk_say(why, DISK_ESYSTEM, "cannot start the thread that merges");
	m->has_thread = status == 0;
	return status;
}

void merge_close(struct merge *m)
{
	if (m == NULL)
		return;
	if (m->has_thread) {
		pthread_mutex_lock(&m->lock);
		m->stop = true;
		pthread_cond_signal(&m->wake);
		pthread_mutex_unlock(&m->lock);
		pthread_join(m->thread, NULL);
	}
	merge_job_free(m->job);
	merge_job_free(m->ended);
	kv_reader_free(m->reader);
	kv_reader_free(m->scrubber);
	kv_close(m->kv);
	if (m->event_fd >= 0)
		close(m->event_fd);
	pthread_cond_destroy(&m->wake);
	pthread_mutex_destroy(&m->lock);
	free(m);
}
