#include "config.h"
#include "daemon/kv_priv.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void kv_key_init(struct kv_key *key)
{
	key->n = 0;
}

void kv_key_add(struct kv_key *key, const void *octets, size_t n)
{
	if (key->n > KV_KEY_MAX || n > KV_KEY_MAX - key->n) {
		key->n = KV_KEY_MAX + 1;
		return;
	}
	if (n > 0)
		memcpy(key->octets + key->n, octets, n);
	key->n += n;
}

void kv_key_add_u64(struct kv_key *key, uint64_t v)
{
	uint8_t octets[8];

	disk_put64(octets, v);
	kv_key_add(key, octets, sizeof(octets));
}

struct kv_span kv_key_span(const struct kv_key *key)
{
	return (struct kv_span){key->octets, key->n};
}

void kv_sum_key(const char *table, uint8_t key[DISK_SUM_KEY])
{
	static const uint8_t start[DISK_SUM_KEY] = "agree kv table";

	memcpy(key, start, DISK_SUM_KEY);
	disk_put64(key, disk_sum(start, table, strlen(table)));
}

uint64_t kv_sum(const uint8_t table_key[DISK_SUM_KEY], const MDB_val *key, const void *value,
		size_t n)
{
	uint8_t value_key[DISK_SUM_KEY];

	memcpy(value_key, table_key, DISK_SUM_KEY);
	disk_put64(value_key + 8, disk_sum(table_key, key->mv_data, key->mv_size));
	return disk_sum(value_key, value, n);
}

bool kv_is_whole(const uint8_t table_key[DISK_SUM_KEY], const MDB_val *key, const MDB_val *stored)
{
	const uint8_t *value = stored->mv_data;
	size_t n;

	if (stored->mv_size < KV_SUM)
		return false;
	n = stored->mv_size - KV_SUM;
	return disk_get64(value + n) == kv_sum(table_key, key, value, n);
}

static bool is_damage(int err)
{
	return err == MDB_CORRUPTED || err == MDB_PAGE_NOTFOUND || err == MDB_INVALID ||
	       err == MDB_BAD_VALSIZE || err == MDB_INCOMPATIBLE || err == MDB_CURSOR_FULL ||
	       err == MDB_BAD_DBI;
}

int kv_say(struct disk_error *why, const char *what, const char *path, int err)
{
	if (err > 0)
		return disk_fail(why, what, path, err);
	if (err == MDB_VERSION_MISMATCH)
		return disk_say(why, DISK_EVERSION,
				"%s %s: made by another version of LMDB: "
				"start the version of the program that wrote it",
				what, path);
	if (is_damage(err))
		return disk_say(why, DISK_EDAMAGED,
				"%s %s: damaged (%s): look into the kernel log for disk errors",
				what, path, mdb_strerror(err));
	return disk_say(why, DISK_ESYSTEM, "%s %s: %s: start again, and report this if it recurs",
			what, path, mdb_strerror(err));
}

void kv_fail(struct kv *kv, const char *what, int err)
{
	if (atomic_load(&kv->has_failed))
		return;
	(void)kv_say(&kv->error, what, kv->dir, err);
	atomic_store(&kv->has_failed, true);
}

const char *kv_error(const struct kv *kv)
{
	return atomic_load(&kv->has_failed) ? kv->error.text : NULL;
}

int kv_is_tight(const struct kv *kv)
{
	return atomic_load(&kv->is_tight);
}

int kv_reader_new(struct kv *kv, struct kv_txn **reader)
{
	struct kv_txn *txn = calloc(1, sizeof(*txn));

	*reader = NULL;
	if (txn == NULL)
		return DISK_ESYSTEM;
	txn->kv = kv;
	if (mdb_txn_begin(kv->env, NULL, MDB_RDONLY, &txn->txn) != 0) {
		free(txn);
		return DISK_ESYSTEM;
	}
	mdb_txn_reset(txn->txn);
	*reader = txn;
	return 0;
}

int kv_reader_begin(struct kv_txn *reader)
{
	kv_reader_end(reader);
	if (mdb_txn_renew(reader->txn) != 0)
		return DISK_EFAILED;
	reader->is_begun = true;
	(void)atomic_fetch_add(&reader->kv->n_begun, 1);
	return 0;
}

void kv_reader_end(struct kv_txn *reader)
{
	if (!reader->is_begun)
		return;
	mdb_txn_reset(reader->txn);
	reader->is_begun = false;
	(void)atomic_fetch_sub(&reader->kv->n_begun, 1);
}

void kv_reader_free(struct kv_txn *reader)
{
	if (reader == NULL)
		return;
	kv_reader_end(reader);
	mdb_txn_abort(reader->txn);
	free(reader);
}

struct kv_txn *kv_write_begin(struct kv *kv)
{
	struct kv_txn *txn = &kv->write;
	int err;

	if (txn->is_begun) {
		txn->status = DISK_EUSAGE;
		return txn;
	}
	txn->kv = kv;
	txn->is_writer = true;
	txn->status = 0;
	if (atomic_load(&kv->has_failed)) {
		txn->status = DISK_EFAILED;
		return txn;
	}
	err = mdb_txn_begin(kv->env, NULL, 0, &txn->txn);
	if (err != 0) {
		kv_fail(kv, "cannot begin to write to", err);
		txn->status = DISK_EFAILED;
		return txn;
	}
	txn->is_begun = true;
	(void)atomic_fetch_add(&kv->n_begun, 1);
	return txn;
}

/* The first failure of a write transaction decides about all of it; what a reader meets does not
 * last. A failed system call means that the disk has refused a page. */
static int stick(struct kv_txn *txn, int err, const char *what)
{
	int status;

	if (err == MDB_MAP_FULL) {
		atomic_store(&txn->kv->is_tight, true);
		status = DISK_ENOROOM;
	} else if (err == MDB_TXN_FULL) {
		status = DISK_ETOOBIG;
	} else if (err == MDB_KEYEXIST) {
		status = DISK_EORDER;
	} else if (is_damage(err)) {
		status = DISK_EDAMAGED;
	} else if (err == EINVAL) {
		status = DISK_EUSAGE;
	} else if (err == ENOMEM) {
		status = DISK_ESYSTEM;
	} else {
		if (txn->is_writer)
			kv_fail(txn->kv, what, err);
		status = txn->is_writer ? DISK_EFAILED : DISK_ESYSTEM;
	}
	if (txn->is_writer)
		txn->status = status;
	return status;
}

static int refuse(struct kv_txn *txn, int status)
{
	if (txn->is_writer && txn->status == 0)
		txn->status = status;
	return status;
}

/* 0 if the call may go on. */
static int enter(struct kv_txn *txn, unsigned table, bool is_change)
{
	if (txn->is_writer && txn->status != 0)
		return txn->status;
	if (!txn->is_begun || table >= txn->kv->n_tables || (is_change && !txn->is_writer))
		return refuse(txn, DISK_EUSAGE);
	return 0;
}

static bool has_key_size(const struct kv_table_state *t, struct kv_span key)
{
	if (t->key_size != 0)
		return key.n == t->key_size;
	return key.n > 0 && key.n <= KV_KEY_MAX;
}

static int put(struct kv_txn *txn, unsigned table, struct kv_span key, struct kv_span value,
	       unsigned flags)
{
	struct kv_table_state *t;
	MDB_val k = {key.n, (void *)(uintptr_t)key.at};
	MDB_val v = {value.n + KV_SUM, NULL};
	uint8_t *at;
	int r;

	r = enter(txn, table, true);
	if (r != 0)
		return r;
	t = &txn->kv->tables[table];
	if (!has_key_size(t, key))
		return refuse(txn, DISK_EUSAGE);
	if (value.n > KV_VALUE_MAX)
		return refuse(txn, DISK_ETOOBIG);
	r = mdb_put(txn->txn, t->dbi, &k, &v, flags | MDB_RESERVE);
	if (r != 0)
		return stick(txn, r, "cannot write to");
	at = v.mv_data;
	if (value.n > 0)
		memcpy(at, value.at, value.n);
	disk_put64(at + value.n, kv_sum(t->sum_key, &k, at, value.n));
	return 0;
}

int kv_put(struct kv_txn *txn, unsigned table, struct kv_span key, struct kv_span value)
{
	return put(txn, table, key, value, 0);
}

int kv_append(struct kv_txn *txn, unsigned table, struct kv_span key, struct kv_span value)
{
	return put(txn, table, key, value, MDB_APPEND);
}

int kv_delete(struct kv_txn *txn, unsigned table, struct kv_span key)
{
	MDB_val k = {key.n, (void *)(uintptr_t)key.at};
	int r;

	r = enter(txn, table, true);
	if (r != 0)
		return r;
	if (!has_key_size(&txn->kv->tables[table], key))
		return refuse(txn, DISK_EUSAGE);
	r = mdb_del(txn->txn, txn->kv->tables[table].dbi, &k, NULL);
	return r == 0 || r == MDB_NOTFOUND ? 0 : stick(txn, r, "cannot delete from");
}

/* Sets the cursor to the first key at or above from. */
static int seek(MDB_cursor *cursor, struct kv_span from, MDB_val *k, MDB_val *v)
{
	k->mv_size = from.n;
	k->mv_data = (void *)(uintptr_t)from.at;
	return mdb_cursor_get(cursor, k, v, from.n == 0 ? MDB_FIRST : MDB_SET_RANGE);
}

static bool is_below(struct kv_txn *txn, MDB_dbi dbi, const MDB_val *k, struct kv_span to)
{
	MDB_val end = {to.n, (void *)(uintptr_t)to.at};

	return to.n == 0 || mdb_cmp(txn->txn, dbi, k, &end) < 0;
}

int kv_delete_range(struct kv_txn *txn, unsigned table, struct kv_span from, struct kv_span to,
		    unsigned max)
{
	MDB_cursor *cursor;
	MDB_val k, v;
	unsigned n = 0;
	MDB_dbi dbi;
	int r;

	r = enter(txn, table, true);
	if (r != 0)
		return r;
	if (from.n > KV_KEY_MAX || to.n > KV_KEY_MAX || max > INT32_MAX)
		return refuse(txn, DISK_EUSAGE);
	dbi = txn->kv->tables[table].dbi;
	r = mdb_cursor_open(txn->txn, dbi, &cursor);
	if (r != 0)
		return stick(txn, r, "cannot delete from");
	/* Sought again each time: where a deletion leaves a cursor is hard to say across pages. */
	for (; n < max; n++) {
		r = seek(cursor, from, &k, &v);
		if (r != 0 || !is_below(txn, dbi, &k, to))
			break;
		r = mdb_cursor_del(cursor, 0);
		if (r != 0)
			break;
	}
	mdb_cursor_close(cursor);
	return r == 0 || r == MDB_NOTFOUND ? (int)n : stick(txn, r, "cannot delete from");
}

/* From what is stored to the value, once its sum has been checked. */
static int take(const struct kv_table_state *t, const MDB_val *k, const MDB_val *v,
		struct kv_span *value)
{
	if (!kv_is_whole(t->sum_key, k, v))
		return DISK_EDAMAGED;
	value->at = v->mv_data;
	value->n = v->mv_size - KV_SUM;
	return 0;
}

int kv_get(struct kv_txn *txn, unsigned table, struct kv_span key, struct kv_span *value)
{
	MDB_val k = {key.n, (void *)(uintptr_t)key.at};
	MDB_val v;
	int r;

	*value = (struct kv_span){NULL, 0};
	r = enter(txn, table, false);
	if (r != 0)
		return r;
	if (!has_key_size(&txn->kv->tables[table], key))
		return refuse(txn, DISK_EUSAGE);
	r = mdb_get(txn->txn, txn->kv->tables[table].dbi, &k, &v);
	if (r == MDB_NOTFOUND)
		return DISK_ENOTFOUND;
	if (r != 0)
		return stick(txn, r, "cannot read from");
	r = take(&txn->kv->tables[table], &k, &v, value);
	return r == 0 ? 0 : refuse(txn, r);
}

int kv_last(struct kv_txn *txn, unsigned table, struct kv_span *key, struct kv_span *value)
{
	MDB_cursor *cursor;
	MDB_val k, v;
	int r;

	*key = *value = (struct kv_span){NULL, 0};
	r = enter(txn, table, false);
	if (r != 0)
		return r;
	r = mdb_cursor_open(txn->txn, txn->kv->tables[table].dbi, &cursor);
	if (r != 0)
		return stick(txn, r, "cannot read from");
	r = mdb_cursor_get(cursor, &k, &v, MDB_LAST);
	mdb_cursor_close(cursor);
	if (r == MDB_NOTFOUND)
		return DISK_ENOTFOUND;
	if (r != 0)
		return stick(txn, r, "cannot read from");
	*key = (struct kv_span){k.mv_data, k.mv_size};
	r = take(&txn->kv->tables[table], &k, &v, value);
	return r == 0 ? 0 : refuse(txn, r);
}

int kv_walk(struct kv_txn *txn, unsigned table, struct kv_span from, struct kv_span to,
	    kv_visit *visit, void *arg)
{
	const struct kv_table_state *t;
	struct kv_span value;
	MDB_cursor *cursor;
	MDB_val k, v;
	int r, status = 0;

	r = enter(txn, table, false);
	if (r != 0)
		return r;
	if (from.n > KV_KEY_MAX || to.n > KV_KEY_MAX)
		return refuse(txn, DISK_EUSAGE);
	t = &txn->kv->tables[table];
	r = mdb_cursor_open(txn->txn, t->dbi, &cursor);
	if (r != 0)
		return stick(txn, r, "cannot read from");
	r = seek(cursor, from, &k, &v);
	while (r == 0 && is_below(txn, t->dbi, &k, to)) {
		status = take(t, &k, &v, &value);
		if (status == 0 && visit(arg, (struct kv_span){k.mv_data, k.mv_size}, value) != 0)
			status = DISK_ESTOPPED;
		if (status != 0)
			break;
		r = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	if (status == DISK_EDAMAGED)
		return refuse(txn, status);
	if (status != 0)
		return status;
	return r == 0 || r == MDB_NOTFOUND ? 0 : stick(txn, r, "cannot read from");
}

void kv_abort(struct kv_txn *txn)
{
	if (!txn->is_writer || !txn->is_begun)
		return;
	mdb_txn_abort(txn->txn);
	txn->txn = NULL;
	txn->is_begun = false;
	(void)atomic_fetch_sub(&txn->kv->n_begun, 1);
}

int kv_commit(struct kv_txn *txn)
{
	int err, status = txn->is_writer ? txn->status : DISK_EUSAGE;

	if (status != 0) {
		kv_abort(txn);
		return status;
	}
	if (!txn->is_begun)
		return DISK_EUSAGE;
	err = mdb_txn_commit(txn->txn);
	txn->txn = NULL;
	txn->is_begun = false;
	(void)atomic_fetch_sub(&txn->kv->n_begun, 1);
	if (err == MDB_MAP_FULL) {
		atomic_store(&txn->kv->is_tight, true);
		return DISK_ENOROOM;
	}
	if (err != 0) {
		kv_fail(txn->kv, "cannot commit to", err);
		return DISK_EFAILED;
	}
	kv_measure(txn->kv);
	return 0;
}
