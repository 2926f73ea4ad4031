/* Requests and reads through the log: daemon/machine/machine.c, op_request.c, op_read.c. Scenarios
 * R1 to R8, S6 to S9, 8 to 12, 17 to 19. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/agree_errors.h"
#include "libproto/crypto.h"
#include "libproto/digest.h"
#include "libproto/instance.h"
#include "libproto/outcome.h"
#include "tests/lib/logbook.h"
#include "tests/lib/model.h"

/* Retention is 5,000 s, the horizon 20,000 s: see logbook_new(). */
static const struct instance one = {.label = "one", .deadline_s = 1000};
static const struct instance two = {.label = "two", .deadline_s = 2000};
static const struct instance fixed = {.label = "fixed", .deadline_s = 1000, .fixed = "yes"};
static const struct instance later = {.label = "later", .deadline_s = 1000, .start_s = 500};

static struct ask approve(const struct instance *instance, const char *value)
{
	return (struct ask){.instance = instance,
			    .verb = AP_VERB_APPROVE,
			    .value = value,
			    .party = AP_PARTY_NONE};
}

static struct ask observe(const struct instance *instance)
{
	return (struct ask){.instance = instance,
			    .verb = AP_VERB_OBSERVE,
			    .nonce = 0x55,
			    .party = AP_PARTY_NONE};
}

static struct ask read_of(const struct instance *instance)
{
	return (struct ask){.instance = instance, .nonce = 0x66};
}

static int live(void **state)
{
	*state = logbook_new(4, 100);
	logbook_live(*state, 64);
	return 0;
}

static int done(void **state)
{
	logbook_free(*state);
	return 0;
}

/* One ask in a batch of its own. */
static const struct machine_entry *ask_at(struct logbook *l, uint8_t relay, struct ask ask,
					  uint64_t time_ms)
{
	logbook_bundle(l, relay);
	logbook_ask(l, &ask);
	logbook_apply(l, time_ms);
	assert_int_equal(l->result->n_entries, 1);
	return &l->result->entries[0];
}

static void assert_refused(const struct machine_entry *e, int why)
{
	assert_int_equal(e->refusal, why);
	assert_int_equal(e->leaf, -1);
	assert_false(e->fresh);
}

/* A leaf that a correct network may give, in the tree under the root that is signed. */
static void assert_leaf(const struct logbook *l, const struct machine_entry *e)
{
	const struct machine_result *r = l->result;
	uint8_t leaf[32], root[32];
	ap_path path;

	assert_int_equal(e->refusal, 0);
	assert_in_range(e->leaf, 0, r->n_leaves - 1);
	assert_null(ap_outcome_check(&e->outcome, e->id));
	assert_true(ap_outcome_leaf(ap_sha256, leaf, e->id, &e->outcome));
	assert_memory_equal(r->nodes[e->leaf], leaf, 32);
	assert_true(ap_merkle_path(&path, r->nodes[0], r->n_leaves, (size_t)e->leaf));
	assert_true(ap_merkle_root(ap_sha256, root, leaf, (uint64_t)e->leaf, r->n_leaves, &path));
	assert_memory_equal(r->root, root, 32);
	assert_int_equal(r->sign, MACHINE_SIGN_BATCH);
}

static void assert_value(const ap_outcome *o, const char *value)
{
	assert_int_equal(o->value.len, strlen(value));
	if (o->value.len > 0)
		assert_memory_equal(o->value.data, value, o->value.len);
}

static void assert_decided(const struct logbook *l, const struct machine_entry *e,
			   const char *value, uint64_t seq, uint64_t time_ms, bool fresh)
{
	assert_leaf(l, e);
	assert_int_equal(e->outcome.status, AP_STATUS_DECIDED);
	assert_value(&e->outcome, value);
	assert_int_equal(e->outcome.sequence, seq);
	assert_int_equal(e->outcome.time, time_ms);
	assert_int_equal(e->fresh, fresh);
}

static void assert_status(const struct logbook *l, const struct machine_entry *e, unsigned status)
{
	assert_leaf(l, e);
	assert_int_equal(e->outcome.status, status);
	assert_false(e->fresh);
}

static void assert_nonce(const struct machine_entry *e, uint8_t octet)
{
	uint8_t nonce[16];

	memset(nonce, octet, sizeof(nonce));
	assert_true(e->outcome.nonce.present);
	assert_memory_equal(e->outcome.nonce.it.octets, nonce, sizeof(nonce));
}

/* An approval that decides for its value. */
static void assert_decides(struct logbook *l, uint8_t relay, struct ask ask, uint64_t time_ms)
{
	const struct machine_entry *e = ask_at(l, relay, ask, time_ms);

	assert_decided(l, e, ask.value, machine_seq(l->machine), time_ms, true);
}

/* ---- deciding ---- */

static void the_first_proposal_decides(void **state)
{
	struct logbook *l = *state;
	uint64_t seq = machine_seq(l->machine) + 1;
	uint8_t id[AP_ID_LEN];

	assert_decided(l, ask_at(l, 2, approve(&one, "blue"), 5000), "blue", seq, 5000, true);
	logbook_id(l, &one, id);
	assert_memory_equal(l->result->entries[0].id, id, sizeof(id));
	assert_int_equal(memstore_count(l->store), 1);
	assert_int_equal(machine_used(l->machine, 2), 1);
	assert_int_equal(machine_used(l->machine, 1), 0);
}

static void later_ones_get_the_same_outcome_sequence_and_time(void **state)
{
	struct logbook *l = *state;
	uint64_t seq = machine_seq(l->machine) + 1;

	ask_at(l, 1, approve(&one, "blue"), 5000);
	assert_decided(l, ask_at(l, 2, approve(&one, "red"), 6000), "blue", seq, 5000, false);
	assert_decided(l, ask_at(l, 3, approve(&one, "blue"), 7000), "blue", seq, 5000, false);
	assert_decided(l, ask_at(l, 3, observe(&one), 8000), "blue", seq, 5000, false);
	assert_decided(l, ask_at(l, 3, read_of(&one), 9000), "blue", seq, 5000, false);
	assert_int_equal(memstore_count(l->store), 1);
}

static void in_one_batch_the_second_sees_the_first(void **state)
{
	struct logbook *l = *state;
	struct ask asks[] = {observe(&one), approve(&one, "a"), approve(&one, "b"),
			     read_of(&one), approve(&two, ""),	observe(&one)};
	uint64_t seq = machine_seq(l->machine) + 1;
	const struct machine_entry *e = l->result->entries;

	for (size_t i = 0; i < 6; i++) {
		if (i % 3 == 0)
			logbook_bundle(l, (uint8_t)(1 + i / 3));
		logbook_ask(l, &asks[i]);
	}
	logbook_apply(l, 9);
	assert_int_equal(l->result->n_entries, 6);
	assert_int_equal(l->result->n_leaves, 6);
	assert_status(l, &e[0], AP_STATUS_PENDING);
	assert_decided(l, &e[1], "a", seq, 9, true);
	assert_decided(l, &e[2], "a", seq, 9, false);
	assert_decided(l, &e[3], "a", seq, 9, false);
	assert_decided(l, &e[4], "", seq, 9, true);
	assert_decided(l, &e[5], "a", seq, 9, false);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(e[i].bundle, i / 3);
		assert_int_equal(e[i].op, i % 3);
		assert_int_equal(e[i].leaf, i);
	}
}

static void a_value_of_255_octets_comes_back_from_the_store(void **state)
{
	struct logbook *l = *state;
	char value[AP_VALUE_MAX + 1];
	uint64_t seq = machine_seq(l->machine) + 1;

	memset(value, 'v', AP_VALUE_MAX);
	value[AP_VALUE_MAX] = '\0';
	ask_at(l, 1, approve(&one, value), 1);
	for (size_t i = 0; i < 3; i++) {
		struct ask again = approve(&one, "other");

		logbook_bundle(l, 1);
		logbook_ask(l, &again);
	}
	logbook_apply(l, 2);
	for (size_t i = 0; i < 3; i++) {
		assert_decided(l, &l->result->entries[i], value, seq, 1, false);
		assert_ptr_equal(l->result->entries[i].outcome.value.data,
				 l->result->values + i * AP_VALUE_MAX);
	}
}

static void a_fixed_value_decides_and_no_other(void **state)
{
	struct logbook *l = *state;

	assert_refused(ask_at(l, 1, approve(&fixed, "no"), 1), AGREE_EFIXED);
	assert_refused(ask_at(l, 1, approve(&fixed, "yes "), 1), AGREE_EFIXED);
	assert_decides(l, 1, approve(&fixed, "yes"), 2);
}

/* ---- refusing ---- */

static void refused_asks_say_why_and_leave_no_trace(void **state)
{
	static const struct instance parties = {
		.label = "p", .deadline_s = 1000, .parties = 2, .k = 2};
	static const struct instance one_of_none = {.label = "k", .deadline_s = 1000, .k = 2};
	static const struct instance unnamed = {.label = "", .deadline_s = 1000};
	static const struct instance far = {.label = "far", .deadline_s = 30000};
	const struct row {
		struct ask ask;
		int why;
	} rows[] = {
		{{&one, AP_VERB_APPROVE, false, true, "v", 0, AP_PARTY_NONE, 0, false},
		 AGREE_EWRONGID},
		{{&one, AP_VERB_APPROVE, true, false, "v", 0, AP_PARTY_NONE, 0, false},
		 AGREE_ENODESCRIPTOR},
		{{&one, AP_VERB_VETO, true, false, "", 0, AP_PARTY_NONE, 0, false},
		 AGREE_ENODESCRIPTOR},
		{{&one, AP_VERB_VETO, false, false, "", 0, AP_PARTY_NONE, 0, false},
		 AGREE_EBADTERMS},
		{{&one, 4, false, false, "v", 0, AP_PARTY_NONE, 0, false}, AGREE_EVERB},
		{{&one, AP_VERB_APPROVE, false, false, "v", 0, 0, 0, false}, AGREE_ENOTPARTY},
		{{&one, AP_VERB_APPROVE, false, false, "v", 0, AP_PARTY_NONE, AP_CREDENTIAL_SECRET,
		  false},
		 AGREE_ECREDENTIAL},
		{{&parties, AP_VERB_APPROVE, false, false, "v", 0, 0, 0, false}, AGREE_ECREDENTIAL},
		{{&parties, AP_VERB_APPROVE, false, false, "v", 0, 0, AP_CREDENTIAL_SECRET, false},
		 AGREE_ECREDENTIAL},
		{{&parties, AP_VERB_APPROVE, false, false, "v", 0, 2, AP_CREDENTIAL_SIGNATURE,
		  false},
		 AGREE_ENOTPARTY},
		{{&parties, AP_VERB_APPROVE, false, false, "v", 0, AP_PARTY_NONE, 0, false},
		 AGREE_ENOTPARTY},
		{{&parties, AP_VERB_VETO, false, false, "v", 0, 1, AP_CREDENTIAL_SIGNATURE, false},
		 AGREE_EFORM},
		{{&parties, AP_VERB_VETO, true, false, "", 0, 1, AP_CREDENTIAL_SIGNATURE, false},
		 AGREE_ENODESCRIPTOR},
		{{&one_of_none, AP_VERB_APPROVE, false, false, "v", 0, AP_PARTY_NONE, 0, false},
		 AGREE_EBADTERMS},
		{{&unnamed, AP_VERB_APPROVE, false, false, "v", 0, AP_PARTY_NONE, 0, false},
		 AGREE_EBADTERMS},
		{{&later, AP_VERB_APPROVE, false, false, "v", 0, AP_PARTY_NONE, 0, false},
		 AGREE_EEARLY},
		{{&far, AP_VERB_APPROVE, false, false, "v", 0, AP_PARTY_NONE, 0, false},
		 AGREE_EHORIZON},
	};
	struct logbook *l = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_refused(ask_at(l, 1, rows[i].ask, 100), rows[i].why);
		assert_int_equal(l->result->n_leaves, 0);
		assert_int_equal(l->result->sign, MACHINE_SIGN_NOTHING);
	}
	assert_int_equal(memstore_count(l->store), 0);
	assert_int_equal(machine_used(l->machine, 1), 0);
}

static void a_refusal_is_no_outcome(void **state)
{
	struct logbook *l = *state;

	assert_refused(ask_at(l, 1, approve(&later, "a"), 499999), AGREE_EEARLY);
	assert_decides(l, 1, approve(&later, "b"), 500000);
}

static void the_horizon_moves_with_the_batch_time(void **state)
{
	static const struct instance far = {.label = "far", .deadline_s = 20001};
	struct logbook *l = *state;

	assert_refused(ask_at(l, 1, approve(&far, "a"), 999), AGREE_EHORIZON);
	assert_decides(l, 1, approve(&far, "a"), 1000);
}

static void a_relays_share_is_its_own_and_comes_back(void **state)
{
	static const char *const labels[] = {"a", "b", "c", "d"};
	struct logbook *l = logbook_new(4, 2);
	struct instance in[4];
	uint64_t seq;

	(void)state;
	logbook_live(l, 64);
	for (size_t i = 0; i < 4; i++)
		in[i] = (struct instance){.label = labels[i], .deadline_s = 100 + i};
	ask_at(l, 1, approve(&in[0], "v"), 1);
	ask_at(l, 1, approve(&in[1], "v"), 1);
	assert_refused(ask_at(l, 1, approve(&in[2], "v"), 1), AGREE_ECAPACITY);
	assert_decides(l, 2, approve(&in[2], "v"), 2);
	/* what is stored is answered even by a relay whose share is full */
	seq = machine_seq(l->machine);
	assert_decided(l, ask_at(l, 1, approve(&in[2], "w"), 3), "v", seq, 2, false);
	/* retention is over for the whole bucket of deadlines below 4,096 s */
	in[3].deadline_s = 9097;
	assert_refused(ask_at(l, 1, approve(&in[3], "v"), 9095999), AGREE_ECAPACITY);
	assert_decides(l, 1, approve(&in[3], "v"), 9096000);
	assert_int_equal(machine_used(l->machine, 1), 1);
	assert_int_equal(machine_used(l->machine, 2), 0);
	logbook_free(l);
}

/* ---- time ---- */

static void a_vote_counts_before_the_deadline_only(void **state)
{
	struct logbook *l = *state;
	struct logbook *m = logbook_clone(l);
	const struct machine_entry *e;

	assert_decides(l, 1, approve(&one, "v"), 999999);
	e = ask_at(m, 1, approve(&one, "v"), 1000000);
	assert_status(m, e, AP_STATUS_ABORTED);
	assert_int_equal(e->outcome.reason, AP_REASON_DEADLINE);
	assert_int_equal(e->outcome.sequence, 0);
	assert_int_equal(e->outcome.time, 1000000);
	assert_int_equal(e->outcome.k, 1);
	assert_int_equal(memstore_count(m->store), 0); /* no state is kept for it */
	logbook_free(m);
}

static void time_never_goes_back(void **state)
{
	struct logbook *l = *state;

	logbook_apply(l, 1000000);
	assert_int_equal(logbook_apply(l, 5)->time_ms, 1000000);
	assert_status(l, ask_at(l, 1, approve(&one, "v"), 999999), AP_STATUS_ABORTED);
	assert_int_equal(machine_time(l->machine), 1000000);
}

static void outcomes_are_forgotten_at_the_floor_exactly(void **state)
{
	struct logbook *l = *state;
	uint64_t seq = machine_seq(l->machine) + 1;

	ask_at(l, 1, approve(&one, "v"), 1);
	/* D + R - 1 ms */
	assert_decided(l, ask_at(l, 1, observe(&one), 5999999), "v", seq, 1, false);
	assert_decided(l, ask_at(l, 1, read_of(&one), 5999999), "v", seq, 1, false);
	assert_status(l, ask_at(l, 1, approve(&fixed, "yes"), 5999999), AP_STATUS_ABORTED);
	/* D + R */
	assert_status(l, ask_at(l, 1, observe(&one), 6000000), AP_STATUS_FORGOTTEN);
	assert_int_equal(l->result->entries[0].outcome.sequence, 0);
	assert_int_equal(l->result->entries[0].outcome.time, 0);
	assert_status(l, ask_at(l, 1, approve(&one, "v"), 6000000), AP_STATUS_FORGOTTEN);
	assert_status(l, ask_at(l, 1, approve(&fixed, "yes"), 6000000), AP_STATUS_FORGOTTEN);
	assert_status(l, ask_at(l, 1, read_of(&one), 6000000), AP_STATUS_UNKNOWN);
	assert_int_equal(machine_floor(l->machine), 1000000);
}

/* Purge not run, half run, run: the same leaves. */
static void answers_do_not_depend_on_the_purge(void **state)
{
	static const char *const labels[] = {"a", "b", "c", "d", "e", "f"};
	struct logbook *l = *state;
	struct logbook *half, *whole;
	struct instance in[6];

	for (size_t i = 0; i < 6; i++) {
		in[i] = (struct instance){.label = labels[i], .deadline_s = 98 + i};
		ask_at(l, 1, approve(&in[i], "v"), 1);
	}
	logbook_apply(l, 5100000); /* F is 100 s: three are forgotten */
	half = logbook_clone(l);
	whole = logbook_clone(l);
	memstore_purge(half->store, machine_floor(half->machine), 2);
	memstore_purge(whole->store, machine_floor(whole->machine), 1);
	assert_int_equal(memstore_count(l->store), 6);
	assert_int_equal(memstore_count(half->store), 4);
	assert_int_equal(memstore_count(whole->store), 3);
	logbook_bundle(l, 2);
	for (size_t i = 0; i < 6; i++) {
		struct ask asks[] = {approve(&in[i], "w"), observe(&in[i]), read_of(&in[i])};

		for (size_t j = 0; j < 3; j++)
			logbook_ask(l, &asks[j]);
	}
	logbook_apply_same(half, l, 5100000);
	logbook_apply_same(whole, l, 5100000);
	logbook_apply(l, 5100000);
	assert_int_equal(l->result->n_leaves, 18);
	assert_int_equal(l->result->entries[8].outcome.status, AP_STATUS_UNKNOWN);
	assert_int_equal(l->result->entries[9].outcome.status, AP_STATUS_DECIDED);
	assert_memory_equal(l->result->root, half->result->root, 32);
	assert_memory_equal(l->result->root, whole->result->root, 32);
	logbook_free(half);
	logbook_free(whole);
}

/* ---- asking ---- */

static void an_observe_is_pending_with_the_askers_nonce(void **state)
{
	struct logbook *l = *state;
	const struct machine_entry *e = ask_at(l, 1, observe(&one), 77);

	assert_status(l, e, AP_STATUS_PENDING);
	assert_nonce(e, 0x55);
	assert_int_equal(e->outcome.k, 1);
	assert_int_equal(e->outcome.sequence, machine_seq(l->machine));
	assert_int_equal(e->outcome.time, 77);
	assert_int_equal(memstore_count(l->store), 0);
	assert_status(l, ask_at(l, 1, observe(&later), 78), AP_STATUS_PENDING);
	assert_status(l, ask_at(l, 1, observe(&one), 1000000), AP_STATUS_ABORTED);
	assert_false(l->result->entries[0].outcome.nonce.present);
}

static void a_bare_id_without_record_is_unknown_with_the_askers_nonce(void **state)
{
	static const uint64_t times[] = {1, 999999, 1000000, 6000000, UINT64_MAX};
	struct logbook *l = *state;
	struct ask bare = observe(&one);
	const struct machine_entry *e;

	bare.bare = true;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		e = ask_at(l, 1, read_of(&one), times[i]);
		assert_status(l, e, AP_STATUS_UNKNOWN);
		assert_nonce(e, 0x66);
		assert_int_equal(e->outcome.sequence, machine_seq(l->machine));
		assert_int_equal(e->outcome.time, times[i]);
		e = ask_at(l, 1, bare, times[i]);
		assert_status(l, e, AP_STATUS_UNKNOWN);
		assert_nonce(e, 0x55);
	}
}

static void a_bare_vote_gets_the_record(void **state)
{
	struct logbook *l = *state;
	uint64_t seq = machine_seq(l->machine) + 1;
	struct ask bare = approve(&one, "w");

	ask_at(l, 1, approve(&one, "v"), 1);
	bare.bare = true;
	assert_decided(l, ask_at(l, 1, bare, 2), "v", seq, 1, false);
	bare.verb = AP_VERB_VETO;
	assert_decided(l, ask_at(l, 1, bare, 3), "v", seq, 1, false);
	assert_refused(ask_at(l, 1, bare, 6000000), AGREE_ENODESCRIPTOR);
}

/* ---- bundles and batches ---- */

static void a_bundle_number_executes_once(void **state)
{
	struct logbook *l = *state;
	struct ask a = approve(&one, "a"), b = approve(&two, "b");
	uint64_t start, counter;

	logbook_bundle_numbered(l, 2, 8, 3);
	logbook_ask(l, &a);
	logbook_bundle_numbered(l, 2, 8, 3);
	logbook_ask(l, &b);
	logbook_bundle_numbered(l, 3, 8, 3);
	logbook_ask(l, &a);
	logbook_apply(l, 1);
	assert_int_equal(l->result->executed_bundles[0], 1);
	assert_int_equal(l->result->executed_bundles[1], 0);
	assert_int_equal(l->result->executed_bundles[2], 1);
	assert_int_equal(l->result->n_entries, 2);
	assert_int_equal(l->result->entries[1].bundle, 2);
	assert_int_equal(memstore_count(l->store), 1);
	machine_number(l->machine, 2, &start, &counter);
	assert_int_equal(start, 8);
	assert_int_equal(counter, 3);
	logbook_bundle_numbered(l, 2, 7, 4);
	logbook_ask(l, &b);
	logbook_apply(l, 1);
	assert_int_equal(l->result->executed_bundles[0], 0);
	assert_int_equal(l->result->n_entries, 0);
}

static void bundles_of_no_member_do_not_execute(void **state)
{
	static const uint8_t relays[] = {0, 5, 255};
	struct logbook *l = *state;
	struct ask a = approve(&one, "a");

	for (size_t i = 0; i < sizeof(relays); i++) {
		logbook_bundle_numbered(l, relays[i], 9, 9);
		logbook_ask(l, &a);
	}
	logbook_apply(l, 1);
	assert_int_equal(l->result->n_entries, 0);
	assert_int_equal(l->result->executed_bundles[0] + l->result->executed_bundles[1] +
				 l->result->executed_bundles[2],
			 0);
}

static void further_bundles_than_64_do_not_execute(void **state)
{
	struct logbook *l = *state;
	struct ask a = read_of(&one);

	for (size_t i = 0; i <= MACHINE_BUNDLES_MAX; i++) {
		logbook_bundle(l, 1);
		logbook_ask(l, &a);
	}
	logbook_apply(l, 1);
	assert_int_equal(l->result->n_entries, MACHINE_BUNDLES_MAX);
}

static void a_full_batch_has_1024_leaves_and_no_more(void **state)
{
	struct logbook *l = *state;
	struct ask a = read_of(&one);
	struct machine_pool_info before, after;

	machine_pool(l->machine, 3, &before);
	for (size_t i = 0; i < AP_BATCH_REQUESTS_MAX + 5; i++) {
		if (i % 100 == 0)
			logbook_bundle(l, 1);
		logbook_ask(l, &a);
	}
	logbook_nonces(l, 3, 5); /* other operations still execute */
	logbook_apply(l, 1);
	assert_int_equal(l->result->n_entries, AP_BATCH_REQUESTS_MAX);
	assert_int_equal(l->result->n_leaves, AP_BATCH_REQUESTS_MAX);
	assert_leaf(l, &l->result->entries[AP_BATCH_REQUESTS_MAX - 1]);
	machine_pool(l->machine, 3, &after);
	assert_int_equal(after.next, before.next + 5);
}

static void octets_that_do_not_decode_are_refused_alone(void **state)
{
	static const uint8_t short_read[10], short_request[AP_ID_LEN];
	uint8_t request[AP_ID_LEN + 2 + 3] = {[AP_ID_LEN + 1] = 3, [AP_ID_LEN + 2] = 1};
	struct logbook *l = *state;
	struct ask a = approve(&one, "a");

	request[0] = 0x77;
	logbook_bundle(l, 1);
	logbook_op_octets(l, AP_OP_read, short_read, sizeof(short_read));
	logbook_op_octets(l, AP_OP_request, short_request, sizeof(short_request));
	logbook_op_octets(l, AP_OP_request, request, sizeof(request));
	logbook_ask(l, &a);
	logbook_apply(l, 1);
	assert_int_equal(l->result->n_entries, 4);
	for (size_t i = 0; i < 3; i++)
		assert_refused(&l->result->entries[i], AGREE_EFORM);
	assert_int_equal(l->result->entries[2].id[0], 0x77);
	assert_decided(l, &l->result->entries[3], "a", machine_seq(l->machine), 1, true);
	assert_int_equal(l->result->entries[3].op, 3);
	assert_int_equal(l->result->entries[3].leaf, 0);
}

static void trailing_octets_make_a_proposal_malformed(void **state)
{
	struct logbook *l = *state;
	struct ap_operation op = {.kind = AP_OP_request};
	uint8_t octets[AP_MAX_propose];
	struct ap_writer w;
	ap_propose p = {.version = AP_PROPOSE_VERSION, .verb = AP_VERB_OBSERVE};

	ap_writer_init(&w, octets, sizeof(octets));
	ap_propose_put(&w, &p);
	ap_octets_put(&w, "", 1);
	op.as_request.propose = ap_writer_bytes(&w);
	memset(&op.as_request.id, 0, sizeof(op.as_request.id));
	logbook_bundle(l, 1);
	logbook_op(l, &op);
	op.as_request.propose.len--;
	logbook_op(l, &op);
	logbook_apply(l, 1);
	assert_refused(&l->result->entries[0], AGREE_EFORM);
	assert_status(l, &l->result->entries[1], AP_STATUS_UNKNOWN);
}

static void nothing_executes_behind_octets_that_are_no_operation(void **state)
{
	struct logbook *l = *state;
	struct ask a = approve(&one, "a"), b = approve(&two, "b");

	logbook_bundle(l, 1);
	logbook_ask(l, &a);
	logbook_ask(l, &b);
	l->bundles[0].ops_len--;
	logbook_bundle(l, 2);
	logbook_ask(l, &a);
	l->bundles[1].ops--; /* the octet that was cut off */
	l->bundles[1].ops_len++;
	logbook_apply(l, 1);
	assert_int_equal(l->result->n_entries, 1);
	assert_int_equal(l->result->executed_bundles[0], 1);
	assert_int_equal(l->result->executed_bundles[1], 1);
}

static void a_batch_without_leaves_is_not_signed(void **state)
{
	static const uint8_t zero[32];
	struct logbook *l = *state;
	struct machine_pool_info before, after;
	struct ap_operation tick = {.kind = AP_OP_tick};

	machine_pool(l->machine, 1, &before);
	logbook_apply(l, 1);
	assert_int_equal(l->result->sign, MACHINE_SIGN_NOTHING);
	logbook_bundle(l, 1);
	logbook_op(l, &tick);
	logbook_apply(l, 99);
	assert_int_equal(l->result->time_ms, 99);
	assert_int_equal(l->result->sign, MACHINE_SIGN_NOTHING);
	assert_int_equal(l->result->n_sets, 0);
	assert_memory_equal(l->result->root, zero, 32);
	machine_pool(l->machine, 1, &after);
	assert_int_equal(before.left, after.left);
}

static void a_signed_batch_takes_one_nonce_of_each_of_four(void **state)
{
	struct logbook *l = *state;

	ask_at(l, 1, read_of(&one), 1);
	assert_int_equal(l->result->n_sets, 2);
	assert_int_equal(l->result->epoch, 1);
	for (size_t s = 0; s < 2; s++)
		for (size_t i = 0; i < 2; i++) {
			assert_int_equal(l->result->sets[s].ctr[i], 1); /* 0 was the trial's */
			assert_int_equal(l->result->sets[s].boot[i], 1);
		}
	for (uint8_t id = 1; id <= 4; id++) {
		struct machine_pool_info pool;

		machine_pool(l->machine, id, &pool);
		assert_int_equal(pool.left, 62);
	}
}

static void without_nonces_a_batch_executes_unsigned(void **state)
{
	struct logbook *l = logbook_new(4, 9);
	struct ask again = approve(&one, "a");
	uint64_t seq;

	(void)state;
	logbook_live(l, 1); /* the trial took them */
	assert_decides(l, 1, approve(&one, "a"), 1);
	assert_int_equal(l->result->sign, MACHINE_SIGN_BATCH);
	assert_int_equal(l->result->n_sets, 0);
	/* nonces of the same batch serve it */
	logbook_nonces(l, 1, 3);
	logbook_nonces(l, 4, 3);
	seq = machine_seq(l->machine);
	logbook_bundle(l, 1);
	logbook_ask(l, &again);
	logbook_apply(l, 2);
	assert_decided(l, &l->result->entries[0], "a", seq, 1, false);
	assert_int_equal(l->result->n_sets, 1);
	assert_int_equal(l->result->sets[0].members[0], 1);
	assert_int_equal(l->result->sets[0].members[1], 4);
	logbook_free(l);
}

static void the_running_hash_follows_the_draft(void **state)
{
	struct logbook *l = logbook_new(4, 1);
	uint8_t running[32], batch[32];

	(void)state;
	ap_digest_genesis(ap_sha256, running, l->conf.genesis);
	assert_memory_equal(machine_running(l->machine), running, 32);
	for (uint64_t seq = 1; seq < 4; seq++) {
		ap_digest_batch(ap_sha256, batch, seq * 10, 0, NULL);
		ap_digest_running(ap_sha256, running, running, seq, batch);
		logbook_apply(l, seq * 10);
		assert_memory_equal(l->result->running, running, 32);
		assert_memory_equal(machine_running(l->machine), running, 32);
		assert_int_equal(l->result->seq, seq);
	}
	logbook_free(l);
}

static void impossible_configurations_have_no_size(void **state)
{
	const struct machine_conf good = {
		.n = 4, .retention_s = 604800, .horizon_s = 2678400, .capacity = 1000000};
	struct machine_conf c = good;

	(void)state;
	assert_true(machine_size(&c) > 0);
	for (c.n = 0; c.n < 20; c.n++)
		assert_int_equal(machine_size(&c) > 0,
				 c.n == 4 || c.n == 7 || c.n == 10 || c.n == 13);
	c = good;
	c.horizon_s = MACHINE_SPAN_MAX_S - c.retention_s + 1;
	assert_int_equal(machine_size(&c), 0);
	c.horizon_s = UINT64_MAX;
	assert_int_equal(machine_size(&c), 0);
	c = good;
	c.capacity = 3;
	assert_int_equal(machine_size(&c), 0);
	c.capacity = UINT64_MAX;
	assert_int_equal(machine_size(&c), 0);
}

/* ---- undecided instances ---- */

enum { CROWD = 2500 };

/* One batch registers so many, with deadlines second by second from 1001 on. */
static void register_crowd(struct logbook *l, struct instance *in, char (*labels)[8], size_t n)
{
	static const struct ask observe = {.verb = AP_VERB_OBSERVE, .party = AP_PARTY_NONE};

	for (size_t i = 0; i < n; i++) {
		struct ask ask = observe;

		if (i % 1000 == 0 && i > 0)
			logbook_apply(l, 1);
		if (i % 250 == 0)
			logbook_bundle(l, (uint8_t)(1 + i / 250 % 4));
		snprintf(labels[i], sizeof(labels[i]), "c%zu", i);
		in[i] = (struct instance){
			.label = labels[i], .deadline_s = 1001 + i, .parties = 2, .k = 2};
		ask.instance = &in[i];
		logbook_ask(l, &ask);
	}
	logbook_apply(l, 1);
}

/* Scenario 12: "T leaps over 10^6 deadlines: S7 holds, bounded work per batch". */
static void a_leap_over_many_deadlines_is_worked_off_batch_by_batch(void **state)
{
	struct logbook *l = logbook_new(4, 1000);
	struct instance *in = calloc(CROWD, sizeof(*in));
	char(*labels)[8] = calloc(CROWD, sizeof(*labels));
	struct ask ask;

	(void)state;
	logbook_live(l, 64);
	register_crowd(l, in, labels, CROWD);
	assert_int_equal(machine_undecided_count(l->machine), CROWD);
	assert_int_equal(machine_due(l->machine), 1001000);
	logbook_apply(l, 1000999);
	assert_int_equal(l->result->n_entries, 0);
	/* a vote on the last one, which is not expired yet when it executes: it is past all the
	 * same */
	ask = logbook_vote(&in[CROWD - 1], 0, AP_VERB_APPROVE, "v");
	logbook_bundle(l, 1);
	logbook_ask(l, &ask);
	logbook_apply(l, 3600000);
	assert_status(l, &l->result->entries[0], AP_STATUS_ABORTED);
	assert_int_equal(l->result->n_entries, AP_BATCH_REQUESTS_MAX);
	assert_int_equal(machine_undecided_count(l->machine), CROWD - AP_BATCH_REQUESTS_MAX + 1);
	assert_int_equal(machine_due(l->machine), (1001 + AP_BATCH_REQUESTS_MAX - 1) * 1000);
	logbook_restart(l);
	logbook_apply(l, 3600000);
	logbook_apply(l, 3600000);
	assert_int_equal(l->result->n_entries, CROWD - 2 * AP_BATCH_REQUESTS_MAX + 1);
	assert_int_equal(machine_due(l->machine), UINT64_MAX);
	logbook_apply(l, 3600000);
	assert_int_equal(l->result->n_entries, 0);
	free(in);
	free(labels);
	logbook_free(l);
}

static void past_the_floor_they_go_without_a_word(void **state)
{
	struct logbook *l = logbook_new(4, 1000);
	struct instance *in = calloc(CROWD, sizeof(*in));
	char(*labels)[8] = calloc(CROWD, sizeof(*labels));

	(void)state;
	logbook_live(l, 64);
	register_crowd(l, in, labels, CROWD);
	logbook_apply(l, 9000000);
	assert_int_equal(l->result->n_entries, 0);
	assert_int_equal(machine_undecided_count(l->machine), 0);
	logbook_restart(l);
	free(in);
	free(labels);
	logbook_free(l);
}

static void a_full_batch_puts_expiry_off_and_takes_no_request_s_place(void **state)
{
	static const struct instance late = {
		.label = "late", .deadline_s = 1001, .parties = 2, .k = 2};
	struct logbook *l = *state;
	struct ask read = {.instance = &one, .verb = 0};

	ask_at(l, 1, logbook_vote(&late, 0, AP_VERB_APPROVE, "v"), 1);
	for (size_t i = 0; i < AP_BATCH_REQUESTS_MAX; i++) {
		if (i % 256 == 0)
			logbook_bundle(l, (uint8_t)(1 + i / 256));
		logbook_ask(l, &read);
	}
	logbook_apply(l, 2000000);
	assert_int_equal(l->result->n_leaves, AP_BATCH_REQUESTS_MAX);
	assert_int_equal(l->result->entries[AP_BATCH_REQUESTS_MAX - 1].op, 255);
	assert_int_equal(machine_due(l->machine), 1001000);
	logbook_apply(l, 2000000);
	assert_int_equal(l->result->n_leaves, 1);
	assert_int_equal(machine_due(l->machine), UINT64_MAX);
}

/* draft {#capacity}: the share of undecided instances, which votes that end one do not need. */
static void a_full_share_of_undecided_instances_takes_votes_on(void **state)
{
	static const struct instance big = {.label = "big",
					    .deadline_s = 1002,
					    .parties = 32,
					    .k = 32,
					    .keyless = 32,
					    .fixed = "v"};
	static const struct instance more = {
		.label = "more", .deadline_s = 1003, .parties = 4, .k = 4};
	static const struct instance alone = {
		.label = "alone", .deadline_s = 1004, .parties = 1, .k = 1};
	struct logbook *l = logbook_new(4, 5); /* 20 cells */
	const struct machine_entry *e;

	(void)state;
	logbook_live(l, 64);
	e = ask_at(l, 1, logbook_vote(&big, 0, AP_VERB_APPROVE, "v"), 1); /* 18 of them */
	assert_status(l, e, AP_STATUS_PENDING);
	e = ask_at(l, 1, logbook_vote(&more, 0, AP_VERB_APPROVE, "v"), 1);
	assert_refused(e, AGREE_EUNDECIDED);
	e = ask_at(l, 2, logbook_vote(&more, 0, AP_VERB_APPROVE, "v"), 1);
	assert_status(l, e, AP_STATUS_PENDING);
	e = ask_at(l, 1, logbook_vote(&alone, 0, AP_VERB_APPROVE, "v"), 1);
	assert_int_equal(e->outcome.status, AP_STATUS_DECIDED);
	e = ask_at(l, 1, logbook_vote(&big, 3, AP_VERB_VETO, NULL), 1);
	assert_int_equal(e->outcome.status, AP_STATUS_ABORTED);
	e = ask_at(l, 1, logbook_vote(&big, 1, AP_VERB_APPROVE, "v"), 1);
	assert_status(l, e, AP_STATUS_ABORTED); /* the same outcome, for ever */
	assert_int_equal(machine_used(l->machine, 1), 2);
	logbook_free(l);
}

/* ---- random logs, against the model ---- */

enum { SEEDS = 12, BATCHES = 150, INSTANCES = 400 };

struct walk {
	uint64_t random;
	struct logbook *l, *twin; /* twin: restored from snapshots, its store purged now and then */
	struct model *model;
	uint64_t time_ms;
	uint64_t counter[5], start[5]; /* of a relay */
	size_t n_instances;
	struct instance instances[INSTANCES];
	char labels[INSTANCES][8];
	struct instance others[INSTANCES];   /* the same, with other locks */
	size_t statuses[6], refusals, voids; /* what has been seen */
	size_t expired, seen_expired, undecided;
	struct model_answer expected[AP_BATCH_REQUESTS_MAX];
	size_t n_expected;
};

static uint64_t draw(struct walk *w, uint64_t below)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random % below;
}

static const struct instance *draw_instance(struct walk *w)
{
	struct instance *in = &w->instances[w->n_instances];
	uint64_t now_s = w->time_ms / 1000, from_s = now_s > 8000 ? now_s - 8000 : 1;

	if (w->n_instances == INSTANCES || (w->n_instances > 0 && draw(w, 3) > 0))
		return &w->instances[w->n_instances - 1 -
				     draw(w, w->n_instances < 40 ? w->n_instances : 40)];
	snprintf(w->labels[w->n_instances], sizeof(w->labels[0]), "i%zu", w->n_instances);
	*in = (struct instance){.label = w->labels[w->n_instances]};
	in->deadline_s = draw(w, 4) == 0 ? now_s + 1 + draw(w, 25000) : from_s + draw(w, 16000);
	if (draw(w, 5) == 0)
		in->start_s = in->deadline_s - 1 - draw(w, in->deadline_s);
	if (draw(w, 6) == 0)
		in->fixed = "fixed";
	if (draw(w, 2) == 0) {
		in->parties = (uint8_t)(1 + draw(w, 4));
		in->k = (uint8_t)(1 + draw(w, in->parties));
	}
	if (in->parties > 0 && draw(w, 2) == 0) {
		in->keyless = (uint8_t)(1 + draw(w, in->parties));
		in->fixed = "fixed";
	}
	w->others[w->n_instances] = *in;
	w->others[w->n_instances].locks = in->keyless > 0;
	w->n_instances++;
	return in;
}

static void draw_vote(struct walk *w, struct ask *ask)
{
	const struct instance *in = ask->instance;
	const char *value = in->fixed != NULL ? "fixed" : ask->value;

	if (in->parties == 0 || ask->verb < AP_VERB_APPROVE || ask->verb == AP_VERB_OBSERVE ||
	    draw(w, 20) == 0)
		return;
	if (draw(w, 5) == 0)
		ask->verb = AP_VERB_VETO;
	*ask = logbook_vote(in, (uint8_t)draw(w, in->parties), ask->verb, value);
	ask->forged = draw(w, 12) == 0;
	ask->bare = draw(w, 3) == 0;
}

static void draw_ask(struct walk *w, struct ask *ask)
{
	static const char *const values[] = {"a", "b", "fixed", "", NULL};
	static const uint8_t verbs[] = {0,
					AP_VERB_OBSERVE,
					AP_VERB_APPROVE,
					AP_VERB_APPROVE,
					AP_VERB_APPROVE,
					AP_VERB_APPROVE,
					AP_VERB_VETO};

	*ask = (struct ask){.instance = draw_instance(w), .party = AP_PARTY_NONE};
	ask->verb = verbs[draw(w, sizeof(verbs) - (draw(w, 8) > 0))];
	ask->value = values[draw(w, 5)];
	ask->nonce = (uint8_t)draw(w, 256);
	ask->bare = draw(w, 8) == 0;
	ask->stray = ask->verb != 0 && draw(w, 20) == 0;
	ask->party = draw(w, 20) == 0 ? 0 : AP_PARTY_NONE;
	ask->credential = draw(w, 20) == 0 ? AP_CREDENTIAL_SECRET : AP_CREDENTIAL_NONE;
	draw_vote(w, ask);
	if (draw(w, 12) == 0)
		ask->instance = &w->others[ask->instance - w->instances];
}

static void draw_bundle(struct walk *w)
{
	uint8_t relay = (uint8_t)(1 + draw(w, 4));
	uint64_t counter = w->counter[relay] + 1, start = w->start[relay];
	bool executes;

	if (draw(w, 6) == 0) /* again, or out of order */
		counter = counter > 300 ? counter - draw(w, 300) : counter + draw(w, 300);
	if (draw(w, 40) == 0)
		start += draw(w, 3) - 1;
	logbook_bundle_numbered(w->l, relay, start, counter);
	executes = model_bundle(w->model, relay, start, counter);
	w->voids += !executes;
	if (executes && start > w->start[relay]) {
		w->start[relay] = start;
		w->counter[relay] = counter;
	} else if (executes && counter > w->counter[relay]) {
		w->counter[relay] = counter;
	}
	for (uint64_t i = draw(w, 8); i > 0; i--) {
		struct ask ask;

		draw_ask(w, &ask);
		logbook_ask(w->l, &ask);
		if (executes)
			w->expected[w->n_expected++] = model_ask(w->model, relay, &ask);
	}
}

static void draw_time(struct walk *w)
{
	uint64_t at_s = w->n_instances > 0 ? w->instances[draw(w, w->n_instances)].deadline_s +
						     (draw(w, 2) == 0 ? 0 : w->l->conf.retention_s)
					   : 0;

	if (draw(w, 4) == 0) /* just before, at, just behind an edge, if one is near */
		w->time_ms = at_s * 1000 >= w->time_ms && at_s * 1000 < w->time_ms + 3000000
				     ? at_s * 1000 - 1 + draw(w, 3)
				     : w->time_ms;
	else if (draw(w, 3) == 0)
		w->time_ms += draw(w, 300000);
	else if (draw(w, 30) == 0)
		w->time_ms += draw(w, 20000000);
}

static void assert_as_expected(struct walk *w, const struct machine_entry *e,
			       const struct model_answer *expected)
{
	if (expected->refused) {
		assert_true(e->refusal < 0);
		assert_int_equal(e->leaf, -1);
		w->refusals++;
		return;
	}
	assert_leaf(w->l, e);
	assert_int_equal(e->outcome.status, expected->status);
	assert_int_equal(e->outcome.reason, expected->reason);
	assert_int_equal(e->outcome.k, expected->k);
	assert_int_equal(e->outcome.sequence, expected->sequence);
	assert_int_equal(e->outcome.time, expected->time_ms);
	assert_int_equal(e->outcome.nonce.present, expected->with_nonce);
	assert_int_equal(e->outcome.terms.present, expected->with_terms);
	assert_int_equal(e->outcome.yes, expected->yes);
	assert_int_equal(e->outcome.no, expected->no);
	assert_null(ap_outcome_check(&e->outcome, e->id));
	assert_value(&e->outcome, expected->value);
	w->statuses[e->outcome.status]++;
}

static void assert_expired(struct walk *w, const struct machine_entry *e)
{
	assert_int_equal(e->bundle, MACHINE_NO_BUNDLE);
	assert_leaf(w->l, e);
	assert_int_equal(e->outcome.status, AP_STATUS_ABORTED);
	assert_int_equal(e->outcome.reason, AP_REASON_DEADLINE);
	assert_true(e->outcome.time <= w->model->time_ms);
	assert_null(ap_outcome_check(&e->outcome, e->id));
	assert_false(e->fresh);
	w->seen_expired++;
}

static void step(struct walk *w)
{
	uint64_t proposed;
	uint8_t a[32], b[32];

	draw_time(w);
	proposed = draw(w, 10) == 0 ? draw(w, w->time_ms + 1) : w->time_ms;
	model_batch(w->model, proposed);
	w->n_expected = 0;
	for (uint64_t i = draw(w, 6); i > 0; i--)
		draw_bundle(w);
	if (draw(w, 4) == 0)
		for (uint8_t id = 1; id <= 4; id++)
			if (draw(w, 4) > 0) /* in a run of its own, if the relay's is another */
				logbook_nonces(w->l, id, (uint8_t)draw(w, 8));
	logbook_apply_same(w->twin, w->l, proposed);
	logbook_apply(w->l, proposed);
	w->expired += model_expired(w->model);
	w->undecided += model_undecided(w->model) > 0;
	for (size_t i = w->n_expected; i < w->l->result->n_entries; i++)
		assert_expired(w, &w->l->result->entries[i]);
	assert_int_equal(w->expired, w->seen_expired);
	assert_int_equal(machine_undecided_count(w->l->machine), model_undecided(w->model));
	for (size_t i = 0; i < w->n_expected; i++)
		assert_as_expected(w, &w->l->result->entries[i], &w->expected[i]);
	assert_int_equal(machine_floor(w->l->machine), w->model->floor_ms);

	machine_digest(w->l->machine, a);
	machine_digest(w->twin->machine, b);
	assert_memory_equal(a, b, 32);
	assert_memory_equal(w->l->result->root, w->twin->result->root, 32);
	assert_int_equal(w->l->result->n_sets, w->twin->result->n_sets);
	if (draw(w, 5) == 0)
		memstore_purge(w->twin->store, machine_floor(w->twin->machine), 1 + draw(w, 3));
	if (draw(w, 10) == 0) {
		struct logbook *was = w->twin;

		w->twin = logbook_clone(was);
		logbook_free(was);
	} else if (draw(w, 10) == 0) {
		logbook_restart(w->l);
	}
}

static void random_logs_give_what_the_model_gives(void **state)
{
	size_t statuses[6] = {0}, refusals = 0, voids = 0, expired = 0, undecided = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct walk *w = calloc(1, sizeof(*w));

		assert_non_null(w);
		print_message("# seed %u\n", (unsigned)seed);
		w->random = seed * 0x9e3779b97f4a7c15ULL;
		w->l = logbook_new(4, 8);
		logbook_live(w->l, 64);
		w->twin = logbook_clone(w->l);
		w->model = model_new(&w->l->conf);
		for (uint8_t relay = 1; relay <= 4; relay++) {
			w->start[relay] = 5; /* forming was run 1 */
			w->counter[relay] = 1000;
		}
		w->model->sequence = machine_seq(w->l->machine);
		for (size_t i = 0; i < BATCHES; i++)
			step(w);
		for (size_t i = 0; i < 6; i++)
			statuses[i] += w->statuses[i];
		refusals += w->refusals;
		expired += w->expired;
		undecided += w->undecided;
		voids += w->voids;
		model_free(w->model);
		logbook_free(w->l);
		logbook_free(w->twin);
		free(w);
	}
	/* nothing was left out */
	for (size_t i = AP_STATUS_PENDING; i <= AP_STATUS_FORGOTTEN; i++)
		assert_true(statuses[i] > 50);
	assert_true(refusals > 500);
	assert_true(voids > 50);
	assert_true(expired > 50);
	assert_true(undecided > 500);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, live, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_proposal_decides),
		TEST(later_ones_get_the_same_outcome_sequence_and_time),
		TEST(in_one_batch_the_second_sees_the_first),
		TEST(a_value_of_255_octets_comes_back_from_the_store),
		TEST(a_fixed_value_decides_and_no_other),
		TEST(refused_asks_say_why_and_leave_no_trace),
		TEST(a_refusal_is_no_outcome),
		TEST(the_horizon_moves_with_the_batch_time),
		cmocka_unit_test(a_relays_share_is_its_own_and_comes_back),
		TEST(a_vote_counts_before_the_deadline_only),
		TEST(time_never_goes_back),
		TEST(outcomes_are_forgotten_at_the_floor_exactly),
		TEST(answers_do_not_depend_on_the_purge),
		TEST(an_observe_is_pending_with_the_askers_nonce),
		TEST(a_bare_id_without_record_is_unknown_with_the_askers_nonce),
		TEST(a_bare_vote_gets_the_record),
		TEST(a_bundle_number_executes_once),
		TEST(bundles_of_no_member_do_not_execute),
		TEST(further_bundles_than_64_do_not_execute),
		TEST(a_full_batch_has_1024_leaves_and_no_more),
		TEST(octets_that_do_not_decode_are_refused_alone),
		TEST(trailing_octets_make_a_proposal_malformed),
		TEST(nothing_executes_behind_octets_that_are_no_operation),
		TEST(a_batch_without_leaves_is_not_signed),
		TEST(a_signed_batch_takes_one_nonce_of_each_of_four),
		cmocka_unit_test(without_nonces_a_batch_executes_unsigned),
		cmocka_unit_test(the_running_hash_follows_the_draft),
		cmocka_unit_test(impossible_configurations_have_no_size),
		cmocka_unit_test(a_leap_over_many_deadlines_is_worked_off_batch_by_batch),
		cmocka_unit_test(past_the_floor_they_go_without_a_word),
		TEST(a_full_batch_puts_expiry_off_and_takes_no_request_s_place),
		cmocka_unit_test(a_full_share_of_undecided_instances_takes_votes_on),
		cmocka_unit_test(random_logs_give_what_the_model_gives),
	};

	return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
