/*
 * The life of a store: open, check in a child process, grow, close.
 */
#include "config.h"
#include "daemon/kv_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_NAME "data.mdb"
#define NAME_ROOM 32	      /* octets for a file name in the directory, with '/' and NUL */
#define OWN_KEY	  "format"
#define OWN_SIZE  (4 + KV_OWNER_SIZE)

/* MDB_NOTLS: a thread may hold several readers. No MDB_WRITEMAP: a stray write would reach the
 * file, a full disk end the process. No MDB_NOMEMINIT: what the process has freed stays off the
 * disk. */
static const unsigned env_flags = MDB_NOTLS;

static int check_options(const struct kv_options *o, struct disk_error *why)
{
	size_t i;

	if (strlen(o->dir) + NAME_ROOM >= DISK_PATH_MAX)
		return disk_say(why, DISK_EUSAGE, "%s: the path is longer than %d octets", o->dir,
				DISK_PATH_MAX - NAME_ROOM - 1);
	if (o->n_tables == 0 || o->n_tables > KV_TABLES_MAX)
		return disk_say(why, DISK_EUSAGE, "%s: from 1 to %d tables", o->dir, KV_TABLES_MAX);
	for (i = 0; i < o->n_tables; i++)
		if (o->tables[i].name[0] == '\0' || strcmp(o->tables[i].name, KV_OWN_TABLE) == 0 ||
		    o->tables[i].key_size > KV_KEY_MAX)
			return disk_say(why, DISK_EUSAGE, "%s: table %zu: bad name or key size",
					o->dir, i);
	return 0;
}

/* A new file gets format and owner; an old one must have ours. */
static int check_owner(MDB_txn *txn, const struct kv_options *o, bool is_new,
		       struct disk_error *why)
{
	uint8_t own[OWN_SIZE + KV_SUM], sum_key[DISK_SUM_KEY];
	MDB_val k = {sizeof(OWN_KEY) - 1, (void *)(uintptr_t)OWN_KEY};
	MDB_val v = {sizeof(own), own};
	const uint8_t *found;
	MDB_dbi dbi;
	int err;

	kv_sum_key(KV_OWN_TABLE, sum_key);
	err = mdb_dbi_open(txn, KV_OWN_TABLE, is_new ? MDB_CREATE : 0, &dbi);
	if (err == 0 && is_new) {
		disk_put32(own, KV_FORMAT);
		memcpy(own + 4, o->owner, KV_OWNER_SIZE);
		disk_put64(own + OWN_SIZE, kv_sum(sum_key, &k, own, OWN_SIZE));
		err = mdb_put(txn, dbi, &k, &v, 0);
	}
	if (err == 0)
		err = mdb_get(txn, dbi, &k, &v);
	if (err != 0)
		return kv_say(why, "cannot open", o->dir, err == MDB_NOTFOUND ? MDB_INVALID : err);
	found = v.mv_data;
	if (!kv_is_whole(sum_key, &k, &v) || v.mv_size < 4 + KV_SUM)
		return kv_say(why, "cannot open", o->dir, MDB_CORRUPTED);
	if (disk_get32(found) > KV_FORMAT)
		return disk_say(why, DISK_EVERSION,
				"%s: has format %" PRIu32 ", this program knows up to %d: "
				"start the newer version that wrote it",
				o->dir, disk_get32(found), KV_FORMAT);
	if (v.mv_size != sizeof(own))
		return kv_say(why, "cannot open", o->dir, MDB_CORRUPTED);
	if (memcmp(found + 4, o->owner, KV_OWNER_SIZE) != 0)
		return disk_say(why, DISK_EOWNER,
				"%s: belongs to another network (its genesis id differs): "
				"correct the data directory or the network file",
				o->dir);
	return 0;
}

static int open_tables(struct kv *kv, const struct kv_options *o, struct disk_error *why)
{
	MDB_txn *txn;
	MDB_stat st;
	size_t i;
	int err, r;

	err = mdb_txn_begin(kv->env, NULL, 0, &txn);
	if (err != 0)
		return kv_say(why, "cannot open", o->dir, err);
	err = mdb_env_stat(kv->env, &st);
	r = err != 0 ? kv_say(why, "cannot open", o->dir, err)
		     : check_owner(txn, o, st.ms_entries == 0, why);
	for (i = 0; r == 0 && i < o->n_tables; i++) {
		struct kv_table_state *t = &kv->tables[i];

		t->name = o->tables[i].name;
		kv_sum_key(t->name, t->sum_key);
		t->key_size = o->tables[i].key_size;
		err = mdb_dbi_open(txn, o->tables[i].name, MDB_CREATE, &t->dbi);
		if (err != 0)
			r = kv_say(why, "cannot open", o->dir, err);
	}
	kv->n_tables = (unsigned)o->n_tables;
	if (r != 0) {
		mdb_txn_abort(txn);
		return r;
	}
	err = mdb_txn_commit(txn);
	return err == 0 ? 0 : kv_say(why, "cannot open", o->dir, err);
}

static int open_env(const struct kv_options *o, unsigned flags, uint64_t map_size, MDB_env **env,
		    struct disk_error *why)
{
	int err;

	err = mdb_env_create(env);
	if (err != 0) {
		*env = NULL;
		return kv_say(why, "cannot open", o->dir, err);
	}
	err = mdb_env_set_maxdbs(*env, KV_TABLES_MAX + 1);
	if (err == 0)
		err = mdb_env_set_maxreaders(*env, KV_READERS_MAX);
	if (err == 0 && map_size != 0)
		err = mdb_env_set_mapsize(*env, (size_t)map_size);
	if (err == 0)
		err = mdb_env_open(*env, o->dir, env_flags | flags, 0600);
	return err == 0 ? 0 : kv_say(why, "cannot open", o->dir, err);
}

static uint64_t used(MDB_env *env, uint64_t *map_size)
{
	MDB_envinfo info;
	MDB_stat st;

	if (mdb_env_info(env, &info) != 0 || mdb_env_stat(env, &st) != 0)
		return 0;
	*map_size = info.me_mapsize;
	return (uint64_t)(info.me_last_pgno + 1) * st.ms_psize;
}

uint64_t kv_octets(const struct kv *kv)
{
	uint64_t map_size;

	return used(kv->env, &map_size);
}

void kv_measure(struct kv *kv)
{
	uint64_t map_size = kv->map_size;
	uint64_t n = used(kv->env, &map_size);

	atomic_store(&kv->is_tight, n > map_size / 8 * 7);
}

/* A file that has outgrown the configured map gets one with as much room again. */
static int fit_map(struct kv *kv, struct disk_error *why)
{
	uint64_t n = used(kv->env, &kv->map_size);
	int err;

	while (kv->map_size / 2 < n && kv->map_size <= kv->map_max / 2)
		kv->map_size *= 2;
	err = mdb_env_set_mapsize(kv->env, (size_t)kv->map_size);
	return err == 0 ? 0 : kv_say(why, "cannot map", kv->dir, err);
}

/* LMDB syncs neither the new file's length nor its name. */
static int sync_new(const struct kv *kv, struct disk_error *why)
{
	char path[DISK_PATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%.*s/" FILE_NAME, DISK_PATH_MAX - NAME_ROOM, kv->dir);
	r = disk_sync_file(path, why);
	return r != 0 ? r : disk_make_dir(kv->dir, why);
}

int kv_open(struct kv **store, const struct kv_options *o, struct disk_error *why)
{
	uint64_t map_size = o->map_size != 0 ? o->map_size : KV_MAP;
	struct kv *kv;
	int r;

	*store = NULL;
	why->text[0] = '\0';
	r = check_options(o, why);
	if (r != 0)
		return r;
	kv = calloc(1, sizeof(*kv));
	if (kv == NULL)
		return disk_fail(why, "cannot open", o->dir, ENOMEM);
	(void)snprintf(kv->dir, sizeof(kv->dir), "%s", o->dir);
	kv->write.kv = kv;
	kv->map_max = o->map_max != 0 ? o->map_max : KV_MAP_MAX;
	r = disk_make_dir(o->dir, why);
	if (r == 0)
		r = open_env(o, 0, map_size < KV_MAP_MIN ? KV_MAP_MIN : map_size, &kv->env, why);
	if (r == 0)
		r = fit_map(kv, why);
	if (r == 0)
		r = open_tables(kv, o, why);
	if (r == 0)
		r = sync_new(kv, why);
	if (r != 0) {
		kv_close(kv);
		return r;
	}
	/* Readers of a process that was killed would keep pages from being used again. */
	(void)mdb_reader_check(kv->env, NULL);
	kv_measure(kv);
	*store = kv;
	return 0;
}

void kv_close(struct kv *kv)
{
	if (kv == NULL)
		return;
	kv_abort(&kv->write);
	if (kv->env != NULL)
		mdb_env_close(kv->env);
	free(kv);
}

int kv_grow(struct kv *kv, struct disk_error *why)
{
	int err;

	if (atomic_load(&kv->n_begun) != 0)
		return disk_say(why, DISK_EUSAGE, "%s: a transaction is open", kv->dir);
	if (kv->map_size > kv->map_max / 2)
		return disk_say(why, DISK_ENOROOM,
				"%s: %" PRIu64 " MiB are in use and the store may not grow: "
				"raise its limit in the configuration",
				kv->dir, kv->map_size >> 20);
	err = mdb_env_set_mapsize(kv->env, (size_t)(kv->map_size * 2));
	if (err != 0) {
		kv_fail(kv, "cannot map more of", err);
		*why = kv->error;
		return DISK_EFAILED;
	}
	kv->map_size *= 2;
	atomic_store(&kv->is_tight, false);
	return 0;
}

/* Reads one table from end to end. */
static int check_table(MDB_txn *txn, const char *name, const char *dir, struct disk_error *why)
{
	uint8_t sum_key[DISK_SUM_KEY];
	MDB_cursor *cursor;
	MDB_val k, v;
	MDB_dbi dbi;
	int err;

	kv_sum_key(name, sum_key);
	err = mdb_dbi_open(txn, name, 0, &dbi);
	if (err == MDB_NOTFOUND)
		return 0;
	if (err == 0)
		err = mdb_cursor_open(txn, dbi, &cursor);
	while (err == 0) {
		err = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
		if (err == 0 && !kv_is_whole(sum_key, &k, &v))
			err = MDB_CORRUPTED;
	}
	return err == MDB_NOTFOUND ? 0 : kv_say(why, "cannot read", dir, err);
}

static int check_all(const struct kv_options *o, struct disk_error *why)
{
	MDB_env *env;
	MDB_txn *txn;
	size_t i;
	int err, r;

	r = open_env(o, MDB_RDONLY, 0, &env, why);
	if (r != 0)
		return r;
	err = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
	if (err != 0)
		return kv_say(why, "cannot read", o->dir, err);
	r = check_table(txn, KV_OWN_TABLE, o->dir, why);
	for (i = 0; r == 0 && i < o->n_tables; i++)
		r = check_table(txn, o->tables[i].name, o->dir, why);
	mdb_txn_abort(txn);
	return r;
}

/* In the child: tells code and sentence through the pipe, so that dying before that is seen. */
static void check_in_child(const struct kv_options *o, int fd)
{
	static const struct rlimit no_core;
	struct disk_error why = {""};
	int null, r;

	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)signal(SIGABRT, SIG_DFL);
	(void)signal(SIGBUS, SIG_DFL);
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null >= 0)
		(void)dup2(null, STDERR_FILENO); /* LMDB says there what it dies of */
	r = check_all(o, &why);
	if (write(fd, &r, sizeof(r)) == (ssize_t)sizeof(r) &&
	    write(fd, why.text, sizeof(why.text)) == (ssize_t)sizeof(why.text))
		_exit(0);
	_exit(1);
}

static bool read_exactly(int fd, void *to, size_t n)
{
	uint8_t *at = to;

	while (n > 0) {
		ssize_t got = read(fd, at, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		at += got;
		n -= (size_t)got;
	}
	return true;
}

static int check_pages(const struct kv_options *o, const char *path, struct disk_error *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		return disk_fail(why, "cannot open", path, errno);
	r = kv_pages_check(fd, o->dir, o->tables, o->n_tables, why);
	(void)close(fd);
	return r;
}

int kv_check(const struct kv_options *o, struct disk_error *why)
{
	char path[DISK_PATH_MAX];
	int pipe_fds[2], r, status = 0;
	bool is_told;
	pid_t child;

	why->text[0] = '\0';
	r = check_options(o, why);
	if (r != 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/" FILE_NAME, o->dir);
	if (access(path, F_OK) != 0)
		return errno == ENOENT ? 0 : disk_fail(why, "cannot open", path, errno);
	r = check_pages(o, path, why);
	if (r != 0)
		return r;
	if (pipe2(pipe_fds, O_CLOEXEC) != 0)
		return disk_fail(why, "cannot check", path, errno);
	child = fork();
	if (child == 0)
		check_in_child(o, pipe_fds[1]);
	(void)close(pipe_fds[1]);
	if (child < 0) {
		r = disk_fail(why, "cannot check", path, errno);
		(void)close(pipe_fds[0]);
		return r;
	}
	is_told = read_exactly(pipe_fds[0], &r, sizeof(r)) &&
		  read_exactly(pipe_fds[0], why->text, sizeof(why->text));
	(void)close(pipe_fds[0]);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	why->text[sizeof(why->text) - 1] = '\0';
	return is_told ? r : kv_say(why, "cannot read", path, MDB_CORRUPTED);
}
