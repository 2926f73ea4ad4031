/*
 * daemon/journal.h over a simulated disk: records, of which some are durable. A power cut leaves
 * all durable ones and, of those behind them, none or any number from the first on (the chain of
 * checksums makes anything else the same as that).
 */
#include "config.h"

#include "tests/sim/disk.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/journal.h"
#include "daemon/records.h"
#include "daemon/recover.h"
#include "tests/sim/wrap.h"

enum { SEGMENT = 64 }; /* records that go together when the journal is trimmed */

struct journal {
	struct node *node;
	uint64_t indexed, keep;
	uint64_t token, done; /* of this run: record `base + token - 1` */
	size_t base;
	bool syncing, urgent, failing, replayed;
	struct journal_place expected;
	size_t sync_to;
	const char *error;
};

struct disk *disk_new(void)
{
	struct disk *d = calloc(1, sizeof(*d));

	if (d == NULL)
		abort();
	d->store = store_new();
	return d;
}

static void records_cut(struct disk *d, size_t n)
{
	while (d->n > n)
		free(d->records[--d->n].octets);
}

void disk_free(struct disk *d)
{
	records_cut(d, d->first);
	free(d->records);
	for (size_t i = 0; i < DISK_TYPES; i++)
		free(d->newest[i]);
	store_free(d->store);
	free(d);
}

/* ---- the index of what is durable ---- */

static void index_add(struct disk *d, const struct record *r, size_t at)
{
	size_t size = d->newest_size[r->type];

	if (r->seq >= UINT32_MAX)
		return;
	if (r->seq >= size) {
		size_t more = 2 * r->seq + 64;

		d->newest[r->type] = realloc(d->newest[r->type], more * sizeof(uint32_t));
		if (d->newest[r->type] == NULL)
			abort();
		memset(d->newest[r->type] + size, 0, (more - size) * sizeof(uint32_t));
		d->newest_size[r->type] = more;
	}
	d->newest[r->type][r->seq] = (uint32_t)at + 1;
}

static void make_durable(struct disk *d, size_t to)
{
	for (; d->durable < to; d->durable++)
		index_add(d, &d->records[d->durable], d->durable);
}

static const struct record *find(const struct disk *d, uint8_t type, uint64_t seq)
{
	size_t at;

	if (type >= DISK_TYPES || seq >= d->newest_size[type])
		return NULL;
	at = d->newest[type][seq];
	return at > d->first && at <= d->durable ? &d->records[at - 1] : NULL;
}

bool disk_has(const struct node *n, uint8_t type, uint64_t seq, disk_fits *fits, void *arg)
{
	const struct record *r = find(n->disk, type, seq);

	if (r != NULL && fits(arg, r->octets, r->len))
		return true;
	/* not the newest one, perhaps */
	for (size_t i = n->disk->durable; r != NULL && i > n->disk->first; i--) {
		const struct record *old = &n->disk->records[i - 1];

		if (old->type == type && old->seq == seq && fits(arg, old->octets, old->len))
			return true;
	}
	return false;
}

bool disk_has_any(const struct node *n, uint8_t type, disk_fits *fits, void *arg)
{
	for (size_t i = n->disk->durable; i > n->disk->first; i--) {
		const struct record *r = &n->disk->records[i - 1];

		if (r->type == type && fits(arg, r->octets, r->len))
			return true;
	}
	return false;
}

uint64_t disk_merged_seq(const struct node *n)
{
	return store_seq(n->disk->store);
}

/* ---- open, replay, close ---- */

int journal_open(struct journal **j, const struct journal_options *options, struct disk_error *why)
{
	struct node *n = sim->current;

	why->text[0] = '\0';
	*j = calloc(1, sizeof(**j));
	if (*j == NULL)
		abort();
	(*j)->node = n;
	(*j)->indexed = options->indexed;
	(*j)->keep = sim->o.keep;
	n->disk->journal = *j;
	return 0;
}

void journal_expect(struct journal *j, const struct journal_place *place)
{
	j->expected = *place;
}

struct journal_place journal_last(struct journal *j)
{
	const struct disk *d = j->node->disk;

	return (struct journal_place){d->durable, d->durable > 0 ? d->life : 0};
}

int journal_replay(struct journal *j, uint64_t from_seq, journal_visit *visit, void *arg,
		   struct journal_report *report, struct disk_error *why)
{
	struct disk *d = j->node->disk;
	struct journal_report found = {.highest = d->highest, .floor = d->floor};

	found.is_new = !d->has_journal;
	d->has_journal = true;
	make_durable(d, d->n);
	for (size_t i = d->first; i < d->n; i++) {
		const struct record *r = &d->records[i];
		struct journal_record rec = {.number = i + 1,
					     .seq = r->seq,
					     .payload = r->octets,
					     .length = (uint32_t)r->len,
					     .type = r->type};

		if (r->seq < from_seq)
			continue;
		found.records++;
		if (visit(arg, &rec) != 0)
			return disk_say(why, DISK_ESTOPPED, "the visitor stopped");
	}
	found.last = d->n;
	found.is_other =
		j->expected.number > d->n || (j->expected.number > 0 && j->expected.sum != d->life);
	j->base = d->n;
	j->replayed = true;
	if (report != NULL)
		*report = found;
	return 0;
}

int journal_flush(struct journal *j)
{
	if (j->error != NULL)
		return DISK_EFAILED;
	make_durable(j->node->disk, j->node->disk->n);
	j->done = j->token;
	return 0;
}

int journal_close(struct journal *j, struct disk_error *why)
{
	if (j == NULL)
		return 0;
	if (!j->node->dying && j->replayed)
		journal_flush(j);
	if (why != NULL)
		why->text[0] = '\0';
	j->node->disk->journal = NULL;
	free(j);
	return 0;
}

/* ---- append and sync ---- */

static void sync_begin(struct journal *j)
{
	struct node *n = j->node;
	uint64_t us = sim->o.disk_us + rng_spread(&n->disk_rng, sim->o.disk_more_us) + n->slow_us;

	j->syncing = true;
	j->urgent = false;
	j->sync_to = n->disk->n;
	agenda_add(&sim->agenda, (struct happening){.at_us = sim->now_us + us,
						    .kind = EV_SYNC,
						    .node = n->index,
						    .life = n->life});
}

static void sync_later(struct journal *j, uint64_t us)
{
	agenda_add(&sim->agenda, (struct happening){.at_us = sim->now_us + us,
						    .kind = EV_SYNC,
						    .node = j->node->index,
						    .flag = true,
						    .life = j->node->life});
}

static void keep_record(struct disk *d, uint8_t type, uint64_t seq, const struct iovec *parts,
			size_t n_parts, bool lazy)
{
	struct record r = {.type = type, .lazy = lazy, .seq = seq};
	size_t at = 0;

	for (size_t i = 0; i < n_parts; i++)
		r.len += parts[i].iov_len;
	r.octets = malloc(r.len + 1);
	if (d->n == d->size) {
		d->size = 2 * d->size + 256;
		d->records = realloc(d->records, d->size * sizeof(*d->records));
	}
	if (r.octets == NULL || d->records == NULL)
		abort();
	for (size_t i = 0; i < n_parts; at += parts[i++].iov_len)
		if (parts[i].iov_len > 0)
			memcpy(r.octets + at, parts[i].iov_base, parts[i].iov_len);
	d->records[d->n++] = r;
	if (seq > d->highest)
		d->highest = seq;
}

static int append(struct journal *j, uint8_t type, uint64_t seq, const struct iovec *parts,
		  size_t n_parts, bool lazy, uint64_t *token)
{
	struct node *n = j->node;

	if (!j->replayed || type == 0 || type >= DISK_TYPES)
		return DISK_EUSAGE;
	if (j->error != NULL)
		return DISK_EFAILED;
	if (n->full_disk || rng_chance(&n->disk_rng, sim->o.full_pm)) {
		sync_later(j, n->full_disk ? 1000000 : 1000);
		return n->full_disk ? DISK_ENOROOM : DISK_EAGAIN;
	}
	*token = ++j->token;
	if (!node_acts(n))
		return 0;
	keep_record(n->disk, type, seq, parts, n_parts, lazy);
	trace_note("appends", n->id, type, NULL, seq);
	if (!lazy)
		j->urgent = true;
	if (!j->syncing && !lazy)
		sync_begin(j);
	else if (!j->syncing)
		sync_later(j, JOURNAL_LAZY_MS * 1000);
	return 0;
}

int journal_append(struct journal *j, uint8_t type, uint64_t seq, const struct iovec *parts,
		   size_t n_parts, uint64_t *token)
{
	return append(j, type, seq, parts, n_parts, false, token);
}

int journal_append_lazy(struct journal *j, uint8_t type, uint64_t seq, const struct iovec *parts,
			size_t n_parts, uint64_t *token)
{
	return append(j, type, seq, parts, n_parts, true, token);
}

/* A sync is over (flag: a moment to look whether something lazy waits, or room is there again). */
static void synced(struct journal *j, bool look)
{
	struct disk *d = j->node->disk;

	if (look) {
		if (!j->syncing && d->durable < d->n)
			sync_begin(j);
		return;
	}
	j->syncing = false;
	if (j->failing) {
		j->error = "fdatasync fails: the disk is broken";
		return;
	}
	if (j->sync_to > d->durable)
		make_durable(d, j->sync_to);
	j->done = d->durable - j->base;
	trace_note("sync", j->node->id, 0, NULL, d->durable);
	if (j->urgent)
		sync_begin(j);
	else if (d->durable < d->n)
		sync_later(j, JOURNAL_LAZY_MS * 1000);
}

void disk_synced(struct node *n, bool look)
{
	struct journal *j = n->disk->journal;

	if (j == NULL)
		return;
	synced(j, look);
	loop_fd(n, SIM_FD_JOURNAL);
}

void disk_fail_next(struct node *n)
{
	if (n->disk->journal != NULL)
		n->disk->journal->failing = true;
}

void disk_heal(struct node *n)
{
	if (n->disk->journal != NULL)
		n->disk->journal->failing = false;
}

void disk_crash(struct node *n, bool power)
{
	struct disk *d = n->disk;
	size_t loose = d->n - d->durable, kept;

	if (power)
		kept = rng_chance(&n->disk_rng, sim->o.lost_pm)
			       ? 0
			       : rng_below(&n->disk_rng, loose + 1);
	else
		kept = rng_chance(&n->disk_rng, 500) ? loose : rng_below(&n->disk_rng, loose + 1);
	trace_note(power ? "power" : "killed", n->id, 0, NULL, loose - kept);
	records_cut(d, d->durable + kept);
	merge_crash(n);
}

static void index_lose(struct disk *d)
{
	for (size_t i = 0; i < DISK_TYPES; i++) {
		free(d->newest[i]);
		d->newest[i] = NULL;
		d->newest_size[i] = 0;
	}
}

static void journal_lose(struct disk *d)
{
	for (size_t i = d->first; i < d->n; i++)
		free(d->records[i].octets);
	index_lose(d);
	d->first = d->n = d->durable = 0;
	d->has_journal = false;
	d->life++;
	d->floor = d->highest = 0;
}

static void files_lose(struct disk *d)
{
	for (size_t i = 0; i < DISK_FILES; i++)
		if (strcmp(d->files[i].name, "share") != 0)
			memset(&d->files[i], 0, sizeof(d->files[i]));
}

/* Some of the newest records were not there yet. */
static void journal_older(struct node *n)
{
	struct disk *d = n->disk;
	size_t kept = d->first + rng_below(&n->disk_rng, d->durable - d->first + 1);

	records_cut(d, kept);
	index_lose(d);
	d->durable = d->first;
	make_durable(d, kept);
	d->has_journal = true;
}

void disk_lose(struct node *n, unsigned what)
{
	struct disk *d = n->disk;

	switch (what) {
	case PLAN_LOSES_ALL:
		journal_lose(d);
		files_lose(d);
		store_free(d->store);
		d->store = store_new();
		break;
	case PLAN_LOSES_JOURNAL:
		journal_lose(d);
		break;
	default:
		journal_older(n);
		/* whoever put it back has noted it; or the store knows better by itself, where it
		 * is not lost too before the start */
		if (store_journal(d->store).number <= d->n || sim->o.wipes > 0)
			files_mark(d, RECOVER_FILE, RECOVER_RESTORED);
	}
}

/* ---- the rest ---- */

int journal_fd(const struct journal *j)
{
	(void)j;
	return SIM_FD_JOURNAL;
}

uint64_t journal_done(const struct journal *j)
{
	return j->done;
}

const char *journal_error(const struct journal *j)
{
	return j->error;
}

/* Nearly full: between the two marks. */
uint64_t journal_room(struct journal *j)
{
	const struct node *n = j->node;

	return n->full_disk    ? 0
	       : n->short_disk ? ((uint64_t)n->conf.journal_segment << 20) / 6
			       : UINT32_MAX;
}

bool journal_is_short(struct journal *j)
{
	return j->node->full_disk || j->node->short_disk;
}

uint64_t __wrap_disk_room(const char *path)
{
	(void)path;
	return UINT32_MAX;
}

uint64_t journal_octets(struct journal *j)
{
	(void)j;
	return 0;
}

int journal_scrub(struct journal *j, struct journal_scrub *scrub, uint64_t budget,
		  struct disk_error *why)
{
	(void)j;
	(void)budget;
	(void)why;
	scrub->is_done = true;
	return 0;
}

int journal_find(struct journal *j, uint64_t seq, uint8_t type)
{
	const struct record *r =
		(j->indexed >> type & 1) != 0 ? find(j->node->disk, type, seq) : NULL;

	return r == NULL ? DISK_ENOTFOUND : (int)r->len;
}

int journal_read(struct journal *j, uint64_t seq, uint8_t type, void *buf, size_t cap)
{
	const struct record *r =
		(j->indexed >> type & 1) != 0 ? find(j->node->disk, type, seq) : NULL;

	if (r == NULL)
		return DISK_ENOTFOUND;
	if (r->len > cap)
		return DISK_ETOOBIG;
	memcpy(buf, r->octets, r->len);
	return (int)r->len;
}

void journal_trim(struct journal *j, uint64_t before_seq)
{
	struct disk *d = j->node->disk;
	uint64_t below = before_seq;

	if (j->node->dying || d->highest < j->keep)
		return;
	if (below > d->highest - j->keep)
		below = d->highest - j->keep;
	while (d->first + SEGMENT < d->durable) {
		uint64_t top = 0;

		for (size_t i = 0; i < SEGMENT; i++)
			if (d->records[d->first + i].seq > top)
				top = d->records[d->first + i].seq;
		if (top >= below)
			return;
		for (size_t i = 0; i < SEGMENT; i++) {
			free(d->records[d->first].octets);
			d->records[d->first++].octets = NULL;
		}
		d->floor = top > d->floor ? top : d->floor;
	}
}

/* Its number is written by an eventfd in life. */
ssize_t __wrap_read(int fd, void *buf, size_t n)
{
	if (fd != SIM_FD_JOURNAL && fd != SIM_FD_INDEX)
		return __real_read(fd, buf, n);
	memset(buf, 0, n);
	return (ssize_t)n;
}
