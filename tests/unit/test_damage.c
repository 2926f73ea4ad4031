/* Damage in what replicas have stored, and a state that is another one than the others': draft
 * {#damage},
 * {#checkpoints}. Whole replicas in one process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/damage.h"
#include "daemon/index_priv.h"
#include "libproto/outcome.h"
#include "tests/lib/cluster.h"

enum { KEPT = 12, VICTIM = 3, OTHER = 2 };

struct kept { /* of a decided instance */
	struct dnsask_instance instance;
	char value[48];
	uint64_t sequence, time;
};

struct bed {
	struct cluster *c;
	struct kept kept[KEPT];
	unsigned number;
};

static void decide(struct bed *b, struct kept *k, unsigned i)
{
	const ap_agree *agree;
	char label[32];

	snprintf(label, sizeof(label), "instance %u", b->number);
	snprintf(k->value, sizeof(k->value), "a value to be damaged %u", b->number++);
	cluster_instance(b->c, &k->instance, label);
	agree = cluster_propose(b->c, i, &k->instance, k->value);
	assert_int_equal(agree->outcome.status, AP_STATUS_DECIDED);
	k->sequence = agree->outcome.sequence;
	k->time = agree->outcome.time;
}

static void assert_stand(struct bed *b, unsigned i)
{
	for (unsigned n = 0; n < KEPT; n++) {
		const struct kept *k = &b->kept[n];
		const ap_agree *agree = cluster_get(b->c, i, &k->instance);

		assert_int_equal(agree->outcome.status, AP_STATUS_DECIDED);
		assert_int_equal(agree->outcome.sequence, k->sequence);
		assert_int_equal(agree->outcome.time, k->time);
		assert_int_equal(agree->outcome.value.len, strlen(k->value));
		assert_memory_equal(agree->outcome.value.data, k->value, strlen(k->value));
	}
}

/* All that are up have merged up to here. */
static bool is_merged(struct cluster *c, void *seq)
{
	for (unsigned i = 0; i < CLUSTER_N; i++) {
		struct index_info info;

		if (c->run[i] == NULL)
			continue;
		index_info(c->run[i]->index, &info);
		if (info.merged_seq < *(uint64_t *)seq)
			return false;
	}
	return true;
}

/* Orders on to the next checkpoint, through replica i. */
static void pass_checkpoint(struct bed *b, unsigned i)
{
	uint64_t to = (machine_seq(b->c->run[i]->machine) / RUN_INTERVAL + 1) * RUN_INTERVAL;
	struct kept k;

	while (machine_seq(b->c->run[i]->machine) < to)
		decide(b, &k, i);
	cluster_until(b->c, is_merged, &to);
}

static int up(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->c = cluster_live();
	for (unsigned n = 0; n < KEPT; n++)
		decide(b, &b->kept[n], n % 4);
	pass_checkpoint(b, 0);
	pass_checkpoint(b, 0); /* signatures, too, are merged now */
	cluster_settle(b->c);
	*state = b;
	return 0;
}

static int down(void **state)
{
	struct bed *b = *state;

	cluster_free(b->c);
	free(b);
	return 0;
}

/* ---- damage ---- */

static unsigned flip(const struct bed *b, unsigned i, const char *file, const void *what,
		     size_t len, size_t behind)
{
	char path[TEMPDIR_MAX + 64];
	unsigned hits = 0;
	uint8_t *octets;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", b->c->data[i], file);
	octets = tempdir_load(path, &n);
	f = fopen(path, "r+b");
	assert_non_null(f);
	for (size_t at = 0; at + len + behind < n; at++) {
		if (memcmp(octets + at, what, len) != 0)
			continue;
		assert_int_equal(fseek(f, (long)(at + behind), SEEK_SET), 0);
		assert_int_not_equal(fputc(octets[at + behind] ^ 0x40, f), EOF);
		hits++;
	}
	assert_int_equal(fclose(f), 0);
	free(octets);
	return hits;
}

static unsigned flip_values(const struct bed *b, unsigned i)
{
	return flip(b, i, "store/data.mdb", "a value to be damaged", 21, 3);
}

static struct pbft_info core(const struct bed *b, unsigned i)
{
	struct pbft_info info;

	pbft_info(b->c->run[i]->pbft, &info);
	return info;
}

static bool has_file(const struct bed *b, unsigned i, const char *name)
{
	char path[TEMPDIR_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", b->c->data[i], name);
	return access(path, F_OK) == 0;
}

static bool is_whole_again(struct cluster *c, void *arg)
{
	const unsigned *i = arg;
	struct pbft_info info;

	pbft_info(c->run[*i]->pbft, &info);
	return c->run[*i]->damages > 0 && !info.lacks && !info.diverged &&
	       index_damage(c->run[*i]->index) == NULL;
}

/* With the victim alone in the place of another one nothing would be decided without its votes. */
static void assert_votes(struct bed *b, unsigned victim, unsigned away)
{
	struct kept k;

	cluster_stop(b->c, away);
	decide(b, &k, victim);
	cluster_start(b->c, away);
	cluster_settle(b->c);
}

static void damage_met_by_a_reader_gives_no_wrong_answer_and_is_mended(void **state)
{
	struct bed *b = *state;
	unsigned victim = VICTIM;
	uint8_t digest[32];

	assert_true(flip_values(b, VICTIM) > 0);
	assert_stand(b, VICTIM);
	cluster_until(b->c, is_whole_again, &victim);
	assert_int_equal(b->c->run[VICTIM]->damages, 1);
	assert_true(has_file(b, VICTIM, "store.aside/data.mdb"));
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	assert_stand(b, VICTIM);
	assert_votes(b, VICTIM, OTHER);
	cluster_stop(b->c, VICTIM);
	cluster_start(b->c, VICTIM);
	assert_stand(b, VICTIM);
	assert_int_equal(b->c->run[VICTIM]->damages, 0);
}

static void damage_met_in_execution_is_mended(void **state)
{
	struct bed *b = *state;
	unsigned victim = VICTIM;
	uint8_t digest[32];
	struct kept again;

	assert_true(flip_values(b, VICTIM) > 0);
	again = b->kept[0]; /* proposed once more: the machine looks it up in each store */
	cluster_propose(b->c, 0, &again.instance, "another value");
	for (unsigned n = 0; n < 3; n++)
		decide(b, &again, n % 3);
	/* an answer of the first one's came from its store: the victim is asked by ordering */
	assert_stand(b, VICTIM);
	cluster_until(b->c, is_whole_again, &victim);
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	assert_stand(b, VICTIM);
	assert_votes(b, VICTIM, OTHER);
}

static void damage_at_the_primary_is_mended_as_well(void **state)
{
	struct bed *b = *state;
	unsigned primary = core(b, VICTIM).primary - 1u;
	struct kept k;

	assert_true(flip_values(b, primary) > 0);
	assert_stand(b, primary);
	decide(b, &k, (primary + 1) % 4);
	cluster_until(b->c, is_whole_again, &primary);
	cluster_settle(b->c);
	assert_stand(b, primary);
}

/* Found at a start: the checks of kv.c see it, and the store goes away. */
static void damage_found_at_a_start_is_mended(void **state)
{
	struct bed *b = *state;
	uint8_t digest[32];

	cluster_stop(b->c, VICTIM);
	assert_true(flip_values(b, VICTIM) > 0);
	cluster_start(b->c, VICTIM);
	assert_true(has_file(b, VICTIM, "store.aside/data.mdb"));
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	assert_stand(b, VICTIM);
	assert_votes(b, VICTIM, OTHER);
}

/* ---- the store, written to with good sums ---- */

enum { INDEX, LEAVES, TREES, BLOCKS, META, HISTORY, CHUNKS, TABLES };
static const struct kv_table tables[TABLES] = {{"index", AP_ID_LEN}, {"leaves", 10}, {"trees", 10},
					       {"blocks", 8},	     {"meta", 0},    {"history", 9},
					       {"chunks", 8}};

static struct kv *store_open(const struct bed *b, unsigned i)
{
	struct kv_options options = {.tables = tables, .n_tables = TABLES};
	char dir[TEMPDIR_MAX + 64];
	struct disk_error why;
	struct kv *kv;

	snprintf(dir, sizeof(dir), "%s/store", b->c->data[i]);
	options.dir = dir;
	memcpy(options.owner, b->c->net.genesis, 32);
	if (kv_open(&kv, &options, &why) != 0)
		fail_msg("%s", why.text);
	return kv;
}

/* One more instance of the last relay's in the last bucket: nothing shows it before a checkpoint.
 * draft {#state} has the layout: what is kept stands before the history's count and roots. */
static void alter(uint8_t *octets, size_t n, uint64_t seq)
{
	size_t history = 8 + 32 * (size_t)__builtin_popcountll(seq);

	assert_true(n > history + 4);
	octets[n - history - 1] ^= 1;
}

/* A state changed, its sum right; with_proof: the signatures stay. */
static void alter_state(const struct bed *b, unsigned i, bool with_proof)
{
	struct kv *kv = store_open(b, i);
	struct kv_txn *txn = kv_write_begin(kv);
	struct kv_span key = {"snapshot", 8}, proof = {"proof", 5}, value;
	uint8_t *octets;

	assert_int_equal(kv_get(txn, META, key, &value), 0);
	octets = malloc(value.n);
	assert_non_null(octets);
	memcpy(octets, value.at, value.n);
	alter(octets, value.n, disk_get64(octets));
	assert_int_equal(kv_put(txn, META, key, (struct kv_span){octets, value.n}), 0);
	if (!with_proof)
		assert_int_equal(kv_delete(txn, META, proof), 0);
	assert_int_equal(kv_commit(txn), 0);
	free(octets);
	kv_close(kv);
}

static void a_state_that_nobody_signed_is_not_begun_with(void **state)
{
	struct bed *b = *state;
	uint8_t digest[32];

	cluster_stop(b->c, VICTIM);
	alter_state(b, VICTIM, true);
	cluster_start(b->c, VICTIM);
	assert_int_equal(b->c->run[VICTIM]->damages, 1);
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	assert_stand(b, VICTIM);
}

static void a_record_that_is_gone_is_met_at_a_start_and_had_again(void **state)
{
	struct bed *b = *state;
	struct kv *kv;
	struct kv_txn *txn;
	uint8_t digest[32];
	struct kept k;

	/* behind the last checkpoint the same instance is looked up once more */
	cluster_propose(b->c, 0, &b->kept[1].instance, "another value");
	decide(b, &k, 0);
	cluster_settle(b->c);
	cluster_stop(b->c, VICTIM);
	kv = store_open(b, VICTIM);
	txn = kv_write_begin(kv);
	kv_delete_range(txn, LEAVES, (struct kv_span){NULL, 0}, (struct kv_span){NULL, 0}, 100000);
	assert_int_equal(kv_commit(txn), 0);
	kv_close(kv);
	cluster_start(b->c, VICTIM);
	cluster_settle(b->c);
	assert_stand(b, VICTIM);
	assert_true(b->c->run[VICTIM]->damages > 0);
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	assert_stand(b, VICTIM);
}

/* ---- votes ---- */

static void without_its_votes_it_follows_and_answers_in_silence(void **state)
{
	struct bed *b = *state;
	uint8_t digest[32];
	struct kept k;
	uint64_t before;

	damage_votes(b->c->run[VICTIM], "the journal is damaged (a test says so)");
	assert_true(core(b, VICTIM).silent);
	before = core(b, VICTIM).executed;
	decide(b, &k, 0);
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	assert_true(core(b, VICTIM).executed > before);
	assert_stand(b, VICTIM);
	assert_null(run_failure(b->c->run[VICTIM]));
}

/* ---- quarantine ---- */

static bool is_in_quarantine(struct cluster *c, void *arg)
{
	const unsigned *i = arg;

	return c->run[*i]->quarantine != QUARANTINE_NONE;
}

static bool follows(struct cluster *c, void *arg)
{
	const unsigned *i = arg;

	return c->run[*i]->quarantine == QUARANTINE_FOLLOWS;
}

/* The victim's machine goes wrong, and a checkpoint shows it. */
static void diverge(struct bed *b)
{
	struct machine *m = b->c->run[VICTIM]->machine;
	size_t cap = machine_snapshot_max(m), n;
	uint8_t *octets = malloc(cap);
	unsigned victim = VICTIM;
	struct kept k;

	assert_non_null(octets);
	n = machine_snapshot(m, octets, cap);
	alter(octets, n, machine_seq(m));
	assert_int_equal(machine_restore(m, octets, n), 0);
	free(octets);
	while (!is_in_quarantine(b->c, &victim))
		decide(b, &k, 0);
}

static void who_differs_from_the_others_goes_into_quarantine_and_follows(void **state)
{
	struct bed *b = *state;
	unsigned victim = VICTIM;
	uint8_t digest[32];
	struct kept k;

	diverge(b);
	assert_true(has_file(b, VICTIM, "quarantine"));
	assert_true(has_file(b, VICTIM, "state.aside"));
	assert_true(has_file(b, VICTIM, "store.aside/data.mdb"));
	cluster_until(b->c, follows, &victim);
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	assert_true(core(b, VICTIM).silent);
	assert_stand(b, VICTIM);
	for (unsigned n = 0; n < 8; n++)
		decide(b, &k, n % 4);
	pass_checkpoint(b, 0);
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	assert_false(core(b, VICTIM).diverged);
}

static void a_restart_does_not_lift_it_an_operator_does(void **state)
{
	struct bed *b = *state;
	unsigned victim = VICTIM;
	char path[TEMPDIR_MAX + 64], text[1 << 14];
	uint8_t digest[32];
	struct ap_text t;

	diverge(b);
	cluster_until(b->c, follows, &victim);
	cluster_settle(b->c);
	cluster_kill(b->c, VICTIM);
	cluster_start(b->c, VICTIM);
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	assert_true(core(b, VICTIM).silent);
	ap_text_init(&t, text, sizeof(text));
	run_status(b->c->run[VICTIM], &t);
	assert_non_null(strstr(text, "phase=quarantine"));
	assert_stand(b, VICTIM);
	cluster_stop(b->c, VICTIM);
	snprintf(path, sizeof(path), "%s/quarantine", b->c->data[VICTIM]);
	assert_int_equal(unlink(path), 0);
	cluster_start(b->c, VICTIM);
	cluster_settle(b->c);
	assert_false(core(b, VICTIM).silent);
	assert_votes(b, VICTIM, OTHER);
}

static void killed_at_any_step_of_it_it_gets_there(void **state)
{
	struct bed *b = *state;
	unsigned victim = VICTIM;
	uint8_t digest[32];

	diverge(b);
	cluster_kill(b->c, VICTIM); /* while it fetches, or before */
	cluster_start(b->c, VICTIM);
	assert_true(b->c->run[VICTIM]->quarantine != QUARANTINE_NONE);
	cluster_until(b->c, follows, &victim);
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	assert_stand(b, VICTIM);
}

/* A wrong state from the disk, and no signatures that show it before the next checkpoint. */
static void an_altered_store_shows_at_the_next_checkpoint(void **state)
{
	struct bed *b = *state;
	unsigned victim = VICTIM;
	uint8_t digest[32];

	cluster_stop(b->c, VICTIM);
	alter_state(b, VICTIM, false);
	cluster_start(b->c, VICTIM);
	assert_int_equal(b->c->run[VICTIM]->damages, 0);
	pass_checkpoint(b, 0);
	cluster_until(b->c, follows, &victim);
	cluster_settle(b->c);
	cluster_state(b->c, digest);
	assert_stand(b, VICTIM);
	assert_true(core(b, VICTIM).silent);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(damage_met_by_a_reader_gives_no_wrong_answer_and_is_mended),
		TEST(damage_met_in_execution_is_mended),
		TEST(damage_at_the_primary_is_mended_as_well),
		TEST(damage_found_at_a_start_is_mended),
		TEST(a_state_that_nobody_signed_is_not_begun_with),
		TEST(a_record_that_is_gone_is_met_at_a_start_and_had_again),
		TEST(without_its_votes_it_follows_and_answers_in_silence),
		TEST(who_differs_from_the_others_goes_into_quarantine_and_follows),
		TEST(a_restart_does_not_lift_it_an_operator_does),
		TEST(killed_at_any_step_of_it_it_gets_there),
		TEST(an_altered_store_shows_at_the_next_checkpoint),
	};

	if (argc > 1) /* one of them, by name */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
