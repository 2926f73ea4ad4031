/* A state transfer among whole replicas, with peers that send what they were not asked for, or what
 * is not so: daemon/fetch_state.c, serve_state.c, quarantine.c. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/files.h"
#include "daemon/index_priv.h"
#include "daemon/state_format.h"
#include "libproto/outcome.h"
#include "tests/lib/cluster.h"

enum { SELF = 3, INSTANCES_MAX = 3 * RUN_INTERVAL, ROOM = 1 << 20 };

/* ---- a network that is past a checkpoint ---- */

static struct {
	struct dnsask_instance instance[INSTANCES_MAX];
	unsigned n;
} decided;

static bool is_merged(struct cluster *c, void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < CLUSTER_N; i++) {
		struct index_info info;

		index_info(c->run[i]->index, &info);
		if (info.merged_seq < RUN_INTERVAL)
			return false;
	}
	return true;
}

/* All four are up, and have merged a checkpoint. */
static int past(void **state)
{
	struct cluster *c = cluster_live();

	for (decided.n = 0; decided.n < INSTANCES_MAX && !is_merged(c, NULL); decided.n++) {
		struct dnsask_instance *i = &decided.instance[decided.n];
		char label[32];

		snprintf(label, sizeof(label), "instance %u", decided.n);
		cluster_instance(c, i, label);
		assert_int_equal(cluster_propose(c, decided.n % 4, i, "value")->outcome.status,
				 AP_STATUS_DECIDED);
	}
	cluster_until(c, is_merged, NULL);
	cluster_settle(c);
	*state = c;
	return 0;
}

static int formed(void **state)
{
	*state = cluster_live();
	return 0;
}

static int down(void **state)
{
	cluster_free(*state);
	return 0;
}

/* ---- what it has lost ---- */

static void path_of(const struct cluster *c, const char *name, char path[TEMPDIR_MAX + 64])
{
	snprintf(path, TEMPDIR_MAX + 64, "%s/%s", c->data[SELF], name);
}

static struct {
	uint8_t type;
	uint64_t seq;
	size_t len;
	uint8_t *octets;
} records[16384];
static size_t n_records;

/* All but the first batches: with the store gone, nothing here leads to a state. */
static int keep(void *arg, const struct journal_record *r)
{
	(void)arg;
	if ((r->type == RECORD_PROPOSAL || r->type == RECORD_FETCHED) && r->seq < 9)
		return 0;
	assert_true(n_records < sizeof(records) / sizeof(records[0]));
	records[n_records].type = r->type;
	records[n_records].seq = r->seq;
	records[n_records].len = r->length;
	records[n_records].octets = malloc(r->length + 1);
	assert_non_null(records[n_records].octets);
	memcpy(records[n_records++].octets, r->payload, r->length);
	return 0;
}

static struct journal *journal_of(struct cluster *c)
{
	char dir[TEMPDIR_MAX + 64];
	struct journal_options options = {
		.dir = dir, .indexed = RECORD_INDEXED, .segment_size = 16 << 20};
	struct disk_error why = {""};
	struct journal *j;

	path_of(c, "journal", dir);
	memcpy(options.owner, c->net.genesis, 32);
	assert_int_equal(journal_open(&j, &options, &why), 0);
	assert_int_equal(journal_replay(j, 0, keep, NULL, NULL, &why), 0);
	return j;
}

/* Stopped, and started again without its store and the first batches of its journal. */
static void lose_state(struct cluster *c)
{
	char path[TEMPDIR_MAX + 64];
	struct pbft_info core;
	struct journal *j;
	uint64_t token;

	cluster_stop(c, SELF);
	n_records = 0;
	assert_int_equal(journal_close(journal_of(c), NULL), 0);
	path_of(c, "store", path);
	tempdir_remove(path);
	path_of(c, "journal", path);
	tempdir_remove(path);
	j = journal_of(c);
	for (size_t i = 0; i < n_records; i++) {
		struct iovec part = {records[i].octets, records[i].len};

		while (journal_append(j, records[i].type, records[i].seq, &part, 1, &token) ==
		       DISK_EAGAIN)
			assert_int_equal(journal_flush(j), 0);
		free(records[i].octets);
	}
	assert_int_equal(journal_close(j, NULL), 0);
	cluster_start(c, SELF);
	pbft_info(c->run[SELF]->pbft, &core);
	assert_true(core.lacks);
}

/* ---- how far its transfer is ---- */

static uint64_t number(const struct run *r, const char *key)
{
	static char text[512];
	struct ap_text t;
	const char *at;

	ap_text_init(&t, text, sizeof(text));
	fetch_state_show(r, &t);
	at = strstr(text, key);
	assert_non_null(at);
	return strtoull(at + strlen(key), NULL, 10);
}

static bool is_up(struct cluster *c, void *arg)
{
	(void)arg;
	for (uint8_t id = 1; id <= SELF; id++) {
		struct peer_info info;

		peers_info(c->run[SELF]->peers, id, &info);
		if (!info.up)
			return false;
	}
	return true;
}

static bool is_through(struct cluster *c, void *arg)
{
	struct pbft_info core;

	(void)arg;
	pbft_info(c->run[SELF]->pbft, &core);
	return !core.lacks && !core.diverged && number(c->run[SELF], "transfer_of=") == 0;
}

/* What it has is what the others have. */
static void assert_whole(struct cluster *c)
{
	static uint8_t here[AP_SECTION_LEAVES][32], there[AP_SECTION_LEAVES][32];
	uint8_t path[AP_FRONTIER_MAX][32], digest[32];
	size_t n, n_path;
	uint64_t seq;
	ap_agree agree;

	cluster_settle(c);
	cluster_state(c, digest);
	assert_true(merge_section(index_merge(c->run[SELF]->index), RUN_INTERVAL, 0, here, &n, path,
				  &n_path));
	assert_true(merge_section(index_merge(c->run[0]->index), RUN_INTERVAL, 0, there, &n, path,
				  &n_path));
	assert_memory_equal(here, there, sizeof(here));
	for (unsigned i = 0; i < decided.n; i++)
		assert_int_not_equal(
			index_answer(c->run[SELF]->index, decided.instance[i].id, &agree, &seq),
			INDEX_NONE);
}

/* ---- right answers, out of another one's store ---- */

struct answer {
	uint8_t octets[ROOM];
	size_t len;
};

static void state_body(struct cluster *c, struct answer *b)
{
	struct merge *m = index_merge(c->run[0]->index);
	uint8_t proof[RECORD_CERTIFICATE_MAX], *fixed;
	int n = merge_proof(m, proof, sizeof(proof));
	struct ap_writer w;
	ap_state s;
	size_t len;

	assert_true(n > 8 + 32);
	assert_int_equal(merge_snapshot(m, &s.seq, &fixed, &len), 1);
	memcpy(s.state.octets, proof + 8, 32);
	s.signers = (ap_span){proof + 8 + 32, (size_t)n - 8 - 32};
	s.fixed = (ap_span){fixed, len};
	ap_writer_init(&w, b->octets, sizeof(b->octets));
	ap_state_put(&w, &s);
	assert_null(w.bad);
	b->len = ap_writer_len(&w);
	free(fixed);
}

static void leaves_body(struct cluster *c, uint64_t size, struct answer *b)
{
	static uint8_t leaves[AP_SECTION_LEAVES][32];
	uint8_t path[AP_FRONTIER_MAX][32];
	struct ap_writer w;
	ap_leaves m = {.size = size, .section = size / AP_SECTION_LEAVES - 1};
	size_t n, n_path;

	assert_true(merge_section(index_merge(c->run[0]->index), size, m.section, leaves, &n, path,
				  &n_path));
	m.leaves = (ap_span){leaves[0], 32 * n};
	m.path = (ap_span){path[0], 32 * n_path};
	ap_writer_init(&w, b->octets, sizeof(b->octets));
	ap_leaves_put(&w, &m);
	assert_null(w.bad);
	b->len = ap_writer_len(&w);
}

static void chunks_body(struct cluster *c, uint64_t first, uint64_t last, struct answer *b)
{
	static uint8_t chunks[ROOM], proof[1 << 16];
	struct merge *m = index_merge(c->run[0]->index);
	ap_chunks out = {.first = first, .last = last};
	struct ap_writer w;

	ap_writer_init(&w, chunks, sizeof(chunks));
	merge_read_begin(m);
	for (uint64_t seq = last; seq >= first; seq--) {
		ap_bytes outcomes;
		uint32_t len;
		ap_chunk it;

		assert_true(merge_chunk(m, seq, &it.time, &outcomes));
		it.outcomes = (ap_span){outcomes.data, outcomes.len};
		it.proof =
			(ap_span){proof, chunk_proof_make(m, seq, outcomes, proof, sizeof(proof))};
		len = (uint32_t)(8 + 4 + outcomes.len + 4 + it.proof.len);
		ap_u32_put(&w, &len);
		ap_chunk_put(&w, &it);
	}
	merge_read_end(m);
	assert_null(w.bad);
	out.chunks = (ap_span){chunks, ap_writer_len(&w)};
	ap_writer_init(&w, b->octets, sizeof(b->octets));
	ap_chunks_put(&w, &out);
	assert_null(w.bad);
	b->len = ap_writer_len(&w);
}

static unsigned refused;

static void give(struct run *r, uint8_t from, uint8_t type, const struct answer *b)
{
	uint8_t *exact = malloc(b->len > 0 ? b->len : 1); /* so that a read behind it is found */

	assert_non_null(exact);
	memcpy(exact, b->octets, b->len);
	refused += !fetch_state_frame(r, from, type, exact, b->len);
	free(exact);
	assert_null(run_failure(r));
}

static void give_by_all(struct run *r, uint8_t type, const struct answer *b)
{
	for (uint8_t from = 1; from <= SELF; from++)
		give(r, from, type, b);
}

static struct answer state_of, leaves_of, chunks_of;

/* A transfer begins, and gets as far as this kind of answer; the loop does not run meanwhile. */
static void bring(struct cluster *c, uint8_t type)
{
	struct run *r = c->run[SELF];
	uint64_t size;

	while (index_absorbing(r->index) > 0) {
		poll(&(struct pollfd){.fd = index_fd(r->index), .events = POLLIN}, 1, 1000);
		index_poll(r->index);
	}
	fetch_state_renewed(r);
	fetch_state_turn(r);
	if (type == AP_MESSAGE_state)
		return;
	give_by_all(r, AP_MESSAGE_state, &state_of);
	fetch_state_turn(r);
	size = number(r, "transfer_of=");
	assert_true(size >= RUN_INTERVAL);
	if (type == AP_MESSAGE_leaves)
		return;
	give_by_all(r, AP_MESSAGE_leaves, &leaves_of);
	for (int pieces = 0; pieces < 4; pieces++)
		fetch_state_turn(r);
}

static void answers_of(struct cluster *c)
{
	uint64_t size;

	cluster_until(c, is_up, NULL);
	state_body(c, &state_of);
	bring(c, AP_MESSAGE_leaves);
	size = number(c->run[SELF], "transfer_of=");
	leaves_body(c, size, &leaves_of);
	chunks_body(c, size - 31, size, &chunks_of);
}

/* ---- unasked ---- */

static bool sends_unasked(struct cluster *c, void *arg)
{
	struct run *r = c->run[SELF];
	static struct answer b;
	uint64_t size = number(r, "transfer_of=");
	uint8_t leaves[AP_SECTION_LEAVES][32];
	ap_leaves m = {.size = size};
	struct ap_writer w;

	(void)arg;
	if (size == 0)
		return is_through(c, NULL);
	memset(leaves, 0xee, sizeof(leaves));
	m.leaves = (ap_span){leaves[0], sizeof(leaves)};
	m.path = (ap_span){leaves[0], 0};
	ap_writer_init(&w, b.octets, sizeof(b.octets));
	ap_leaves_put(&w, &m);
	b.len = ap_writer_len(&w);
	give(r, 1, AP_MESSAGE_leaves, &b);
	return false;
}

static void leaves_that_nobody_asked_for_are_not_stored(void **state)
{
	struct cluster *c = *state;

	lose_state(c);
	answers_of(c);
	bring(c, AP_MESSAGE_chunks); /* the leaves are known: no more of these are asked for */
	cluster_until(c, sends_unasked, NULL);
	assert_whole(c);
}

static bool sends_garbage(struct cluster *c, void *arg)
{
	static const struct answer garbage = {.octets = {1, 2, 3}, .len = 3};

	(void)arg;
	for (int times = 0; times < 50; times++)
		give(c->run[SELF], 1, AP_MESSAGE_chunks, &garbage);
	return is_through(c, NULL);
}

static void one_member_that_sends_garbage_does_not_hinder_it(void **state)
{
	struct cluster *c = *state;

	lose_state(c);
	cluster_until(c, sends_garbage, NULL);
	assert_int_equal(number(c->run[SELF], "transfers_begun="), 1);
	assert_whole(c);
}

/* ---- wrong ---- */

static void what_does_not_decode_is_refused(void **state)
{
	static const struct {
		uint8_t type;
		const char *octets;
		size_t len;
	} rows[] = {
#define ROW(type, octets) {AP_MESSAGE_##type, octets, sizeof(octets) - 1}
#define U64_0		  "\0\0\0\0\0\0\0\0"
#define U64_1		  "\0\0\0\0\0\0\0\1"
#define U64_MAX		  "\377\377\377\377\377\377\377\377"
#define DIGEST_0	  U64_0 U64_0 U64_0 U64_0
#define SPAN_0		  "\0\0\0\0"
#define SPAN_MAX	  "\377\377\377\377"
		ROW(state, ""),
		ROW(state, U64_MAX),
		ROW(state, U64_MAX DIGEST_0 SPAN_MAX SPAN_0),
		ROW(state, U64_MAX DIGEST_0 SPAN_0 SPAN_MAX),
		ROW(state, U64_MAX DIGEST_0 SPAN_0 SPAN_0),
		ROW(state, U64_MAX DIGEST_0 "\0\0\0\2\377\377" SPAN_0),
		ROW(state, U64_MAX DIGEST_0 "\0\0\0\1\15" SPAN_0),
		ROW(leaves, ""),
		ROW(leaves, U64_MAX U64_MAX SPAN_MAX SPAN_0),
		ROW(leaves, U64_MAX U64_MAX "\0\0\0\1\1" SPAN_0),
		ROW(leaves, U64_MAX U64_MAX SPAN_0 "\0\0\0\1\1"),
		ROW(leaves, U64_0 U64_MAX "\0\0\0\40" DIGEST_0 "\0\0\0\40" DIGEST_0),
		ROW(leaves, U64_0 U64_0 SPAN_0 SPAN_0 "\0"),
		ROW(chunks, ""),
		ROW(chunks, U64_0 U64_0 SPAN_0),
		ROW(chunks, U64_1 U64_0 SPAN_0),
		ROW(chunks, U64_1 U64_MAX SPAN_0),
		ROW(chunks, U64_MAX U64_MAX SPAN_MAX),
		ROW(chunks, U64_MAX U64_MAX SPAN_0),
		ROW(chunks, U64_1 U64_1 "\0\0\0\4" SPAN_MAX),
	};
	struct cluster *c = *state;

	refused = 0;
	lose_state(c);
	answers_of(c);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static struct answer b;

		memcpy(b.octets, rows[i].octets, rows[i].len);
		b.len = rows[i].len;
		for (int step = 0; step < 3; step++) {
			bring(c, (uint8_t[]){AP_MESSAGE_state, AP_MESSAGE_leaves,
					     AP_MESSAGE_chunks}[step]);
			give_by_all(c->run[SELF], rows[i].type, &b);
		}
	}
	assert_true(refused >= 14 * 3 * 3); /* those that do not decode, wherever they come */
	cluster_until(c, is_through, NULL);
	assert_whole(c);
}

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* A right answer with a few octets changed, cut, or with what follows made longer. */
static void change(struct answer *b, const struct answer *of, uint32_t *seed)
{
	uint32_t edits = 1 + next(seed) % 3;

	memcpy(b->octets, of->octets, of->len);
	b->len = of->len;
	for (uint32_t i = 0; i < edits; i++) {
		size_t near = next(seed) % 2 == 0 ? 64 : b->len; /* heads have the lengths */
		size_t at = next(seed) % (near < b->len ? near : b->len);

		b->octets[at] = (uint8_t)(next(seed) % 4 == 0 ? 0xff : next(seed));
	}
	if (next(seed) % 8 == 0)
		b->len = next(seed) % b->len + 1;
}

static void changed_answers_do_no_harm(void **state)
{
	static const uint8_t types[] = {AP_MESSAGE_state, AP_MESSAGE_leaves, AP_MESSAGE_chunks};
	static const struct answer *const right[] = {&state_of, &leaves_of, &chunks_of};
	struct cluster *c = *state;
	static struct answer b;
	uint32_t seed = 20261124;

	print_message("# seed %u\n", seed);
	refused = 0;
	lose_state(c);
	answers_of(c);
	for (int times = 0; times < 300; times++) {
		size_t which = next(&seed) % 3;

		change(&b, right[which], &seed);
		bring(c, types[which]);
		give_by_all(c->run[SELF], types[which], &b);
	}
	print_message("# refused %u\n", refused);
	assert_true(refused > 250); /* of 300: some changes are in what is not looked at */
	bring(c, AP_MESSAGE_state);
	cluster_until(c, is_through, NULL);
	assert_whole(c);
}

/* ---- in the middle of it ---- */

static void a_store_put_aside_meanwhile_is_fetched_whole(void **state)
{
	struct cluster *c = *state;
	uint8_t own[32] = {1}, others[32] = {2};

	lose_state(c);
	answers_of(c);
	bring(c, AP_MESSAGE_chunks);
	give_by_all(c->run[SELF], AP_MESSAGE_chunks, &chunks_of);
	assert_int_equal(number(c->run[SELF], "transfer_chunks="), 32);
	quarantine_begin(c->run[SELF], RUN_INTERVAL, own, others, 7);
	assert_null(run_failure(c->run[SELF]));
	cluster_until(c, is_through, NULL);
	assert_int_equal(quarantine_read(c->data[SELF]), QUARANTINE_FOLLOWS);
	assert_whole(c);
}

static uint64_t frames_out(const struct run *r)
{
	uint64_t n = 0;

	for (uint8_t id = 1; id <= SELF; id++) {
		struct peer_info info;

		peers_info(r->peers, id, &info);
		n += info.frames_out;
	}
	return n;
}

/* Only then it is known what to ask for. */
static void what_is_stored_is_looked_for_in_pieces(void **state)
{
	struct cluster *c = *state;
	struct run *r;
	uint64_t before;

	lose_state(c);
	answers_of(c);
	r = c->run[SELF];
	cluster_until(c, is_up, NULL);
	bring(c, AP_MESSAGE_leaves);
	give_by_all(r, AP_MESSAGE_leaves, &leaves_of);
	before = frames_out(r);
	for (int pieces = 0; pieces < 3; pieces++) {
		assert_true(fetch_state_turn(r) <= run_now()); /* again at once */
		assert_int_equal(frames_out(r), before);
	}
	fetch_state_turn(r);
	assert_true(frames_out(r) > before);
	cluster_until(c, is_through, NULL);
	assert_whole(c);
}

/* A crash between the two steps of putting the store aside. */
static void a_store_that_is_aside_already_is_no_hindrance(void **state)
{
	static const char suspect[] = "suspect checkpoint=128\n", evidence[] = "evidence";
	char store[TEMPDIR_MAX + 64], aside[TEMPDIR_MAX + 64];
	struct disk_error why = {""};
	struct cluster *c = *state;
	uint8_t *octets;
	size_t n;

	cluster_stop(c, SELF);
	path_of(c, "store", store);
	tempdir_remove(store);
	path_of(c, "store.aside", aside);
	assert_int_equal(mkdir(aside, 0700), 0);
	assert_int_equal(files_put(aside, "data.mdb", evidence, sizeof(evidence), 0600, &why), 0);
	assert_int_equal(
		files_put(c->data[SELF], "quarantine", suspect, sizeof(suspect) - 1, 0600, &why),
		0);
	cluster_start(c, SELF);
	assert_int_equal(quarantine_read(c->data[SELF]), QUARANTINE_FETCHING);
	path_of(c, "store.aside/data.mdb", aside);
	octets = tempdir_load(aside, &n);
	assert_int_equal(n, sizeof(evidence));
	assert_memory_equal(octets, evidence, sizeof(evidence));
	free(octets);
}

/* Else a crash between the two would have the next start put the empty one in its place. */
static void what_is_put_aside_is_noted_before_there_is_another_store(void **state)
{
	uint8_t own[32] = {1}, others[32] = {2};
	union {
		char octets[16384];
		struct inotify_event first;
	} seen;
	int aside = -1, noted = -1, store = -1, place = 0;
	struct cluster *c = *state;
	ssize_t n;
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	assert_true(inotify_add_watch(fd, c->data[SELF], IN_MOVED_TO | IN_CREATE) >= 0);
	quarantine_begin(c->run[SELF], RUN_INTERVAL, own, others, 7);
	assert_null(run_failure(c->run[SELF]));
	n = read(fd, seen.octets, sizeof(seen.octets));
	assert_true(n > 0);
	for (const char *at = seen.octets; at < seen.octets + n; place++) {
		const struct inotify_event *e = (const void *)at;

		if (strcmp(e->name, "store.aside") == 0)
			aside = place;
		else if (strcmp(e->name, "quarantine") == 0)
			noted = place;
		else if (strcmp(e->name, "store") == 0)
			store = place;
		at += sizeof(*e) + e->len;
	}
	assert_true(0 <= aside && aside < noted && noted < store);
	close(fd);
}

/* The link has more frames behind the one that stops the replica: nothing looks at them any more.
 */
static void a_store_that_cannot_be_put_aside_stops_it(void **state)
{
	static const uint8_t above[8];
	uint8_t own[32] = {1}, others[32] = {2};
	char aside[TEMPDIR_MAX + 64];
	struct disk_error why = {""};
	struct cluster *c = *state;
	struct peer_info info;

	cluster_until(c, is_up, NULL);
	path_of(c, "store.aside", aside);
	assert_int_equal(mkdir(aside, 0700), 0);
	assert_int_equal(files_put(aside, "note", "an operator's", 13, 0600, &why), 0);
	quarantine_begin(c->run[SELF], RUN_INTERVAL, own, others, 7);
	assert_non_null(run_failure(c->run[SELF]));
	peers_info(c->run[SELF]->peers, 1, &info);
	for (uint64_t before = info.frames_in; info.frames_in == before;) {
		peers_send(c->run[0]->peers, 1 << SELF, AP_MESSAGE_fetch_state,
			   (struct iovec[]){{(void *)(uintptr_t)above, sizeof(above)}}, 1);
		event_base_loop(c->base, EVLOOP_ONCE);
		peers_info(c->run[SELF]->peers, 1, &info);
	}
	assert_int_equal(quarantine_read(c->data[SELF]), QUARANTINE_SUSPECT);
}

/* ---- another version's ---- */

static void store_snapshot(struct cluster *c, uint64_t seq, const uint8_t *octets, size_t len)
{
	struct index_conf conf = {.dir = c->data[SELF]};
	struct absorb *a = calloc(1, sizeof(*a));
	struct disk_error why = {""};
	struct index *x;

	assert_non_null(a);
	memcpy(conf.genesis, c->net.genesis, 32);
	assert_int_equal(index_open(&x, &conf, &why), 0);
	a->installs = true;
	a->job = calloc(1, sizeof(*a->job));
	assert_non_null(a->job);
	a->job->seq = seq;
	a->job->snapshot = malloc(len);
	assert_non_null(a->job->snapshot);
	memcpy(a->job->snapshot, octets, len);
	a->job->snapshot_len = len;
	index_absorb(x, a);
	index_close(x);
}

static void a_state_of_another_version_is_not_set_aside(void **state)
{
	struct cluster *c = *state;
	char path[TEMPDIR_MAX + 64], why[512] = "";
	uint8_t *octets;
	uint64_t seq;
	size_t len;

	assert_int_equal(merge_snapshot(index_merge(c->run[SELF]->index), &seq, &octets, &len), 1);
	cluster_stop(c, SELF);
	octets[0] ^= 1;
	store_snapshot(c, seq, octets, len);
	assert_int_not_equal(cluster_try(c, SELF, why), 0);
	assert_non_null(strstr(why, "another version"));
	path_of(c, "journal.damaged.1", path);
	assert_int_not_equal(access(path, F_OK), 0);
	octets[0] ^= 1;
	store_snapshot(c, seq, octets, len);
	free(octets);
	cluster_start(c, SELF);
}

/* ---- serving ---- */

static uint64_t octets_out(struct cluster *c, uint8_t type, const void *question, size_t len,
			   size_t spent)
{
	struct run *r = c->run[0];
	struct peer_info before, after;

	r->asked_state[SELF].slot = run_now() / 100;
	r->asked_state[SELF].n = 0;
	r->asked_state[SELF].octets = spent;
	peers_info(r->peers, SELF + 1, &before);
	assert_true(serve_state(r, SELF + 1, type, question, len));
	peers_info(r->peers, SELF + 1, &after);
	return after.octets_out - before.octets_out;
}

static void a_member_that_asks_for_too_much_gets_nothing_for_a_while(void **state)
{
	struct cluster *c = *state;
	uint8_t above[8] = {0}, run[16] = {0};
	uint64_t n;

	run[7] = 97;
	run[15] = 128;
	n = octets_out(c, AP_MESSAGE_fetch_state, above, sizeof(above), 0);
	assert_true(n > 1000);
	assert_true(c->run[0]->asked_state[SELF].octets > 1000);
	assert_true(octets_out(c, AP_MESSAGE_fetch_chunks, run, sizeof(run), 0) > 1000);
	/* at the boundary of two slots it is let in once more */
	for (int tries = 0; n > 100 && tries < 10; tries++)
		n = octets_out(c, AP_MESSAGE_fetch_state, above, sizeof(above), 8 << 20);
	assert_true(n < 100);
	for (int tries = 0, big = 1; big && tries < 10; tries++) {
		n = octets_out(c, AP_MESSAGE_fetch_chunks, run, sizeof(run), 8 << 20);
		big = n > 100;
	}
	assert_true(n < 100);
	above[0] = 0xff; /* nothing is that new: no state is read for it */
	octets_out(c, AP_MESSAGE_fetch_state, above, sizeof(above), 0);
	assert_int_equal(c->run[0]->asked_state[SELF].octets, 0);
}

/* It reads nothing of what it is sent, and asks on. */
static void a_member_that_takes_nothing_is_not_answered(void **state)
{
	static uint8_t filler[1 << 20];
	struct cluster *c = *state;
	uint8_t above[8] = {0}, run[16] = {0}, leaves[16] = {0};
	struct peer_info info;

	run[7] = 97;
	run[15] = leaves[7] = 128;
	assert_true(octets_out(c, AP_MESSAGE_fetch_leaves, leaves, sizeof(leaves), 0) > 1000);
	for (int i = 0; i < 9; i++)
		peers_send(c->run[0]->peers, 1 << SELF, AP_MESSAGE_state,
			   (struct iovec[]){{filler, sizeof(filler)}}, 1);
	peers_info(c->run[0]->peers, SELF + 1, &info);
	assert_true(info.up && info.backlog > 8 << 20);
	assert_int_equal(octets_out(c, AP_MESSAGE_fetch_state, above, sizeof(above), 0), 0);
	assert_int_equal(octets_out(c, AP_MESSAGE_fetch_chunks, run, sizeof(run), 0), 0);
	assert_int_equal(octets_out(c, AP_MESSAGE_fetch_leaves, leaves, sizeof(leaves), 0), 0);
	leaves[0] = 0xff; /* nor that there is no such section */
	assert_int_equal(octets_out(c, AP_MESSAGE_fetch_leaves, leaves, sizeof(leaves), 0), 0);
}

#define PAST(test)   cmocka_unit_test_setup_teardown(test, past, down)
#define FORMED(test) cmocka_unit_test_setup_teardown(test, formed, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAST(leaves_that_nobody_asked_for_are_not_stored),
		PAST(one_member_that_sends_garbage_does_not_hinder_it),
		PAST(what_does_not_decode_is_refused),
		PAST(changed_answers_do_no_harm),
		PAST(a_store_put_aside_meanwhile_is_fetched_whole),
		FORMED(a_store_that_is_aside_already_is_no_hindrance),
		FORMED(a_store_that_cannot_be_put_aside_stops_it),
		PAST(a_state_of_another_version_is_not_set_aside),
		PAST(a_member_that_asks_for_too_much_gets_nothing_for_a_while),
		PAST(a_member_that_takes_nothing_is_not_answered),
		PAST(what_is_stored_is_looked_for_in_pieces),
		FORMED(what_is_put_aside_is_noted_before_there_is_another_store),
	};

	return cmocka_run_group_tests_name("fetch_state", tests, NULL, NULL);
}
