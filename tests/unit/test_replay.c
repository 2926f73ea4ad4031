/* Journals that are not what they were: daemon/replay.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "libproto/digest.h"
#include "libproto/crypto.h"
#include "tests/lib/cluster.h"

enum { SELF = 1 }; /* the replica whose journal it is: identifier 2, a backup */

/* A network with a history, stopped. */
static int stopped(void **state)
{
	struct cluster *c = cluster_live();

	for (unsigned n = 0; n < 3; n++) {
		struct dnsask_instance i;
		char label[16];

		snprintf(label, sizeof(label), "i%u", n);
		cluster_instance(c, &i, label);
		cluster_propose(c, n, &i, "v");
	}
	cluster_settle(c);
	for (unsigned i = 0; i < CLUSTER_N; i++)
		cluster_stop(c, i);
	*state = c;
	return 0;
}

static int down(void **state)
{
	cluster_free(*state);
	return 0;
}

/* ---- the journal in a test's hand ---- */

struct record {
	uint8_t type;
	uint64_t seq;
	size_t len;
	uint8_t *octets;
};

static struct {
	struct journal *j;
	struct record records[4096];
	size_t n;
} book;

static int keep(void *arg, const struct journal_record *r)
{
	struct record *k = &book.records[book.n++];

	(void)arg;
	assert_true(book.n < sizeof(book.records) / sizeof(book.records[0]));
	*k = (struct record){.type = r->type, .seq = r->seq, .len = r->length};
	k->octets = malloc(r->length + 1);
	assert_non_null(k->octets);
	memcpy(k->octets, r->payload, r->length);
	return 0;
}

static void book_open(struct cluster *c)
{
	char dir[TEMPDIR_MAX + 32];
	struct journal_options options = {
		.dir = dir, .indexed = RECORD_INDEXED, .segment_size = 16 << 20};
	struct disk_error why = {""};

	snprintf(dir, sizeof(dir), "%s/journal", c->data[SELF]);
	memcpy(options.owner, c->net.genesis, 32);
	book.n = 0;
	assert_int_equal(journal_open(&book.j, &options, &why), 0);
	assert_int_equal(journal_replay(book.j, 0, keep, NULL, NULL, &why), 0);
}

static void book_add(uint8_t type, uint64_t seq, const void *octets, size_t len)
{
	struct iovec part = {(void *)(uintptr_t)octets, len};
	uint64_t token;

	assert_int_equal(journal_append(book.j, type, seq, &part, 1, &token), 0);
}

static void book_close(void)
{
	assert_int_equal(journal_close(book.j, NULL), 0);
	for (size_t i = 0; i < book.n; i++)
		free(book.records[i].octets);
}

/* The newest record of a type. */
static const struct record *newest(uint8_t type)
{
	for (size_t i = book.n; i > 0; i--) {
		if (book.records[i - 1].type == type)
			return &book.records[i - 1];
	}
	fail_msg("no record of type %u", type);
	return NULL;
}

static void refused(struct cluster *c, const char *part)
{
	char why[512] = "";

	assert_int_not_equal(cluster_try(c, SELF, why), 0);
	assert_null(c->run[SELF]);
	if (strstr(why, part) == NULL)
		fail_msg("\"%s\" has no \"%s\"", why, part);
}

/* It starts, votes in nothing, and has noted why. */
static void recovers(struct cluster *c, const char *part)
{
	char path[TEMPDIR_MAX + 32];
	struct pbft_info info;
	uint8_t *note;
	size_t n;

	cluster_start(c, SELF);
	pbft_info(c->run[SELF]->pbft, &info);
	assert_true(info.recovering);
	snprintf(path, sizeof(path), "%s/recovering", c->data[SELF]);
	note = tempdir_load(path, &n);
	note[n - 1] = '\0';
	if (strstr((char *)note, part) == NULL)
		fail_msg("\"%s\" has no \"%s\"", (char *)note, part);
	free(note);
	cluster_stop(c, SELF);
}

static void accepted(struct cluster *c)
{
	cluster_start(c, SELF);
	cluster_stop(c, SELF);
}

/* A pre-prepare record for `seq` with another batch than `of` has: an empty one of another time. */
static size_t another(const struct record *of, uint64_t seq, uint64_t time, uint8_t *out,
		      size_t cap)
{
	struct ap_reader r;
	struct ap_writer w;
	ap_pre_prepare m;

	ap_reader_init(&r, of->octets, of->len);
	ap_pre_prepare_get(&r, &m);
	assert_true(ap_reader_done(&r));
	m.proposal.seq = seq;
	m.batch.time = time;
	m.batch.bundles.len = 0;
	ap_digest_batch(ap_sha256, m.proposal.batch.octets, time, 0, m.proposal.batch.octets);
	ap_writer_init(&w, out, cap);
	ap_pre_prepare_put(&w, &m);
	assert_null(w.bad);
	return ap_writer_len(&w);
}

/* ---- the good case ---- */

static void a_journal_is_replayed_again_and_again(void **state)
{
	struct cluster *c = *state;
	uint8_t first[32], again[32];
	uint64_t boot = 0;

	for (int n = 0; n < 3; n++) {
		cluster_start(c, SELF);
		machine_digest(c->run[SELF]->machine, n == 0 ? first : again);
		if (n > 0)
			assert_memory_equal(first, again, 32);
		assert_true(c->run[SELF]->boot > boot);
		boot = c->run[SELF]->boot;
		cluster_stop(c, SELF);
	}
}

static void every_type_of_record_is_in_it(void **state)
{
	book_open(*state);
	newest(RECORD_PROPOSAL);
	newest(RECORD_PREPARED);
	newest(RECORD_EXECUTED);
	newest(RECORD_SIGNATURE);
	book_close();
	accepted(*state);
}

/* ---- contradictions ---- */

static void two_votes_under_one_number_are_set_aside(void **state)
{
	static uint8_t octets[4096];
	const struct record *last;

	book_open(*state);
	last = newest(RECORD_PROPOSAL);
	book_add(RECORD_PROPOSAL, last->seq, octets,
		 another(last, last->seq, 77, octets, sizeof(octets)));
	book_close();
	recovers(*state, "do not give the state"); /* the later one is what is executed again */
}

static void two_votes_for_what_is_not_executed_too(void **state)
{
	static uint8_t octets[4096];
	const struct record *last;

	book_open(*state);
	last = newest(RECORD_PROPOSAL);
	book_add(RECORD_PROPOSAL, last->seq + 1, octets,
		 another(last, last->seq + 1, 77, octets, sizeof(octets)));
	book_add(RECORD_PROPOSAL, last->seq + 1, octets,
		 another(last, last->seq + 1, 78, octets, sizeof(octets)));
	book_close();
	recovers(*state, "contradict");
}

static void the_same_vote_twice_is_no_contradiction(void **state)
{
	const struct record *last;

	book_open(*state);
	last = newest(RECORD_PROPOSAL);
	book_add(RECORD_PROPOSAL, last->seq, last->octets, last->len);
	book_close();
	accepted(*state);
}

static void a_certificate_without_its_proposal_is_set_aside(void **state)
{
	const struct record *last;
	struct pbft_certificate cert;
	struct pbft_batch batch = {.n_bundles = 0};
	struct pbft_slot_view s = {.batch = &batch, .cert = &cert};
	uint8_t octets[RECORD_CERTIFICATE_MAX];
	ap_proposal p;

	book_open(*state);
	last = newest(RECORD_PREPARED);
	assert_true(record_prepared_parse(last->octets, last->len, &p, &cert));
	s.seq = last->seq + 5;
	s.primary = p.replica;
	book_add(RECORD_PREPARED, s.seq, octets, record_prepared(octets, &s));
	book_close();
	recovers(*state, "contradict");
}

/* A checkpoint stands on an execution: replay goes on up to there. */
static void a_checkpoint_without_its_batches_is_set_aside(void **state)
{
	uint8_t octets[AP_MAX_checkpoint_vote];
	ap_checkpoint_vote v = {.seq = RUN_INTERVAL, .replica = SELF + 1};
	struct ap_writer w;

	book_open(*state);
	ap_writer_init(&w, octets, sizeof(octets));
	ap_checkpoint_vote_put(&w, &v);
	book_add(RECORD_CHECKPOINT, v.seq, octets, ap_writer_len(&w));
	book_close();
	recovers(*state, "lacks batch");
}

static void executed_without_its_batch_is_set_aside(void **state)
{
	uint8_t mark[8 + 32] = {0};
	uint64_t seq;

	book_open(*state);
	seq = newest(RECORD_EXECUTED)->seq + 1;
	book_add(RECORD_EXECUTED, seq, mark, sizeof(mark));
	book_close();
	recovers(*state, "lacks batch");
}

static void another_history_than_the_mark_says_is_set_aside(void **state)
{
	static uint8_t octets[4096];
	const struct record *last, *mark;
	uint8_t wrong[8 + 32];

	book_open(*state);
	last = newest(RECORD_PROPOSAL);
	mark = newest(RECORD_EXECUTED);
	memcpy(wrong, mark->octets, sizeof(wrong));
	wrong[20] ^= 1;
	book_add(RECORD_PROPOSAL, last->seq + 1, octets,
		 another(last, last->seq + 1, 77, octets, sizeof(octets)));
	book_add(RECORD_EXECUTED, last->seq + 1, wrong, sizeof(wrong));
	book_close();
	recovers(*state, "do not give the state");
}

static void a_stable_checkpoint_that_was_not_executed_is_set_aside(void **state)
{
	uint8_t octets[RECORD_CERTIFICATE_MAX], digest[32] = {1};

	book_open(*state);
	book_add(RECORD_STABLE, 8 * RUN_INTERVAL + 1, octets,
		 record_stable(octets, 8 * RUN_INTERVAL, digest, 0, NULL, NULL));
	book_close();
	recovers(*state, "contradicts itself");
}

/* ---- what does not decode ---- */

static void records_that_do_not_decode_are_set_aside_newer_ones_refused(void **state)
{
	static const struct {
		uint8_t type;
		const char *part;
	} rows[] = {
		{RECORD_PROPOSAL, "proposal"},
		{RECORD_PREPARED, "certificate"},
		{RECORD_FETCHED, "fetched"},
		{RECORD_CHECKPOINT, "checkpoint"},
		{RECORD_STABLE, "stable"},
		{RECORD_EXECUTED, "execution"},
		{RECORD_SIGNATURE, "signature"},
		{RECORD_VIEW_CHANGE, "view change"},
		{RECORD_NEW_VIEW, "new view"},
		{RECORD_NEW_VIEW + 1, "unknown type"},
		{63, "unknown type"},
	};
	struct cluster *c = *state;
	char saved[TEMPDIR_MAX + 32], dir[TEMPDIR_MAX + 32], command[4 * TEMPDIR_MAX];

	snprintf(dir, sizeof(dir), "%s/journal", c->data[SELF]);
	snprintf(saved, sizeof(saved), "%s/saved", c->dir);
	snprintf(command, sizeof(command), "cp -r '%s' '%s'", dir, saved);
	assert_int_equal(system(command), 0);
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		book_open(c);
		book_add(rows[row].type, 9, "no record", 9);
		book_close();
		(strcmp(rows[row].part, "unknown type") == 0 ? refused : recovers)(c,
										   rows[row].part);
		tempdir_remove(dir);
		snprintf(command, sizeof(command), "cp -r '%s' '%s'", saved, dir);
		assert_int_equal(system(command), 0);
	}
	tempdir_remove(saved);
	accepted(c);
}

static void a_proposal_whose_batch_was_changed_is_set_aside(void **state)
{
	const struct record *last;
	uint8_t *octets;

	book_open(*state);
	last = newest(RECORD_PROPOSAL);
	octets = malloc(last->len);
	assert_non_null(octets);
	memcpy(octets, last->octets, last->len);
	octets[AP_MAX_proposal + 64 + 7] ^= 1; /* its time */
	book_add(RECORD_PROPOSAL, last->seq, octets, last->len);
	free(octets);
	book_close();
	recovers(*state, "not what it was");
}

/* ---- beside the journal ---- */

static void a_journal_of_another_network_is_refused(void **state)
{
	struct cluster *c = *state;

	c->net.genesis[0] ^= 1;
	refused(c, "another network");
	c->net.genesis[0] ^= 1;
	accepted(c);
}

static void a_lost_run_number_is_taken_above_all_that_were_used(void **state)
{
	struct cluster *c = *state;
	char path[TEMPDIR_MAX + 32];
	uint64_t start, counter;

	snprintf(path, sizeof(path), "%s/boot", c->data[SELF]);
	assert_int_equal(unlink(path), 0);
	cluster_start(c, SELF);
	machine_number(c->run[SELF]->machine, SELF + 1, &start, &counter);
	assert_true(start >= 1);
	assert_true(c->run[SELF]->boot > start);
	cluster_stop(c, SELF);
	tempdir_store(path, (const uint8_t *)"junk", 4);
	accepted(c);
}

static void without_its_key_share_it_goes_on_and_signs_nothing(void **state)
{
	struct cluster *c = *state;
	char path[TEMPDIR_MAX + 32];

	snprintf(path, sizeof(path), "%s/share", c->data[SELF]);
	assert_int_equal(unlink(path), 0);
	cluster_start(c, SELF);
	assert_true(keygen_shareless(c->run[SELF]->keygen));
	assert_non_null(frost_public(c->run[SELF]->frost));
	assert_int_equal(frost_id(c->run[SELF]->frost), 0);
	cluster_stop(c, SELF);
}

static void a_second_process_on_the_directory_is_refused(void **state)
{
	struct cluster *c = *state;

	book_open(c); /* holds the lock */
	refused(c, "journal");
	book_close();
	accepted(c);
}

static void a_lost_store_is_made_again_from_the_journal(void **state)
{
	struct cluster *c = *state;
	char path[TEMPDIR_MAX + 32];
	uint8_t before[32], after[32];

	cluster_start(c, SELF);
	machine_digest(c->run[SELF]->machine, before);
	cluster_stop(c, SELF);
	snprintf(path, sizeof(path), "%s/store", c->data[SELF]);
	tempdir_remove(path);
	cluster_start(c, SELF);
	machine_digest(c->run[SELF]->machine, after);
	assert_memory_equal(before, after, 32);
	cluster_stop(c, SELF);
}

#define STOPPED(test) cmocka_unit_test_setup_teardown(test, stopped, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STOPPED(a_journal_is_replayed_again_and_again),
		STOPPED(every_type_of_record_is_in_it),
		STOPPED(two_votes_under_one_number_are_set_aside),
		STOPPED(two_votes_for_what_is_not_executed_too),
		STOPPED(the_same_vote_twice_is_no_contradiction),
		STOPPED(a_certificate_without_its_proposal_is_set_aside),
		STOPPED(a_checkpoint_without_its_batches_is_set_aside),
		STOPPED(executed_without_its_batch_is_set_aside),
		STOPPED(another_history_than_the_mark_says_is_set_aside),
		STOPPED(a_stable_checkpoint_that_was_not_executed_is_set_aside),
		STOPPED(records_that_do_not_decode_are_set_aside_newer_ones_refused),
		STOPPED(a_proposal_whose_batch_was_changed_is_set_aside),
		STOPPED(a_journal_of_another_network_is_refused),
		STOPPED(a_lost_run_number_is_taken_above_all_that_were_used),
		STOPPED(without_its_key_share_it_goes_on_and_signs_nothing),
		STOPPED(a_second_process_on_the_directory_is_refused),
		STOPPED(a_lost_store_is_made_again_from_the_journal),
	};

	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
