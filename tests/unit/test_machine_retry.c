/* RETRY, BLAME, demotion through the log: daemon/machine/op_retry.c, pending.c, signers.c,
 * snapshot_signing.c. Scenarios S6, S12, L3, 40, 63, 64, 67, 68, 70. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/machine/inner.h"
#include "libproto/crypto.h"
#include "tests/lib/fakegroup.h"
#include "tests/lib/logbook.h"

static int live(uint8_t n, void **state)
{
	*state = logbook_new(n, 100000);
	logbook_live(*state, 64);
	return 0;
}

static int four(void **state)
{
	return live(4, state);
}

static int seven(void **state)
{
	return live(7, state);
}

static int done(void **state)
{
	logbook_free(*state);
	return 0;
}

/* ---- operations ---- */

/* A batch with one leaf, and what was in the making before. */
static uint64_t leaf(struct logbook *l)
{
	static const struct instance in = {.label = "x", .deadline_s = 1000000};
	struct ask ask = {.instance = &in, .nonce = 1};

	logbook_bundle(l, 1);
	logbook_ask(l, &ask);
	logbook_apply(l, 1000);
	return machine_seq(l->machine);
}

static void retry_add(struct logbook *l, uint64_t seq, uint8_t attempt, uint16_t missing)
{
	struct ap_operation op = {.kind = AP_OP_retry};

	op.as_retry.epoch = 1;
	op.as_retry.seq = seq;
	op.as_retry.attempt = attempt;
	op.as_retry.missing = missing;
	logbook_op(l, &op);
}

static void retry(struct logbook *l, uint8_t from, uint64_t seq, uint8_t attempt, uint16_t missing)
{
	logbook_bundle(l, from);
	retry_add(l, seq, attempt, missing);
}

/* Members first to last ask, in one batch. */
static const struct machine_result *retry_of(struct logbook *l, uint8_t first, uint8_t last,
					     uint64_t seq, uint8_t attempt, uint16_t missing)
{
	for (uint8_t id = first; id <= last; id++)
		retry(l, id, seq, attempt, missing);
	return logbook_apply(l, 1000);
}

static uint16_t members_of(const struct machine_set *set, size_t t)
{
	uint16_t bits = 0;

	for (size_t i = 0; i < t; i++)
		bits |= (uint16_t)(1U << (set->members[i] - 1));
	return bits;
}

static void pairs_of(const struct machine_set *set, size_t t, ap_commitment pairs[])
{
	for (size_t i = 0; i < t; i++) {
		memcpy(pairs[i].hiding.octets, set->hiding[i], 32);
		memcpy(pairs[i].binding.octets, set->binding[i], 32);
	}
}

/* What was taken at attempt 0 of the batch executed last, as evidence against the set's first. */
static void blame_make(const struct logbook *l, size_t set, struct ap_operation *op)
{
	const struct machine_set *s = &l->result->sets[set];
	size_t t = (l->conf.n - 1u) / 3 + 1;

	memset(op, 0, sizeof(*op));
	op->kind = AP_OP_blame;
	op->as_blame.share.epoch = 1;
	op->as_blame.share.seq = l->result->seq;
	op->as_blame.share.set = (uint8_t)set;
	op->as_blame.share.replica = s->members[0];
	op->as_blame.sig.octets[0] = FAKEGROUP_GUILTY;
	op->as_blame.n_pairs = (ap_u8)t;
	pairs_of(s, t, op->as_blame.pairs);
}

static void say(struct logbook *l, uint8_t from, const struct ap_operation *op)
{
	logbook_bundle(l, from);
	logbook_op(l, op);
	logbook_apply(l, 1000);
}

static bool is_out(const struct logbook *l, uint8_t id)
{
	return machine_signers_is_out(machine_signer(l->machine, id));
}

static uint16_t out_of(const struct logbook *l)
{
	uint16_t out = 0;

	for (uint8_t id = 1; id <= l->conf.n; id++)
		if (is_out(l, id))
			out |= (uint16_t)(1U << (id - 1));
	return out;
}

/* Executed by a second machine that begins here from a snapshot: S6. */
static void assert_same_from_here(struct logbook *l)
{
	struct logbook *twin = logbook_clone(l);
	uint8_t a[32], b[32];

	machine_digest(l->machine, a);
	machine_digest(twin->machine, b);
	assert_memory_equal(a, b, 32);
	logbook_free(twin);
}

/* ---- retries ---- */

static void f_members_that_ask_take_nothing(void **state)
{
	struct logbook *l = *state;
	uint64_t seq = leaf(l);
	struct machine_pool_info before, after;

	machine_pool(l->machine, 1, &before);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(retry_of(l, 1, 1, seq, 1, 0)->n_retries, 0);
	machine_pool(l->machine, 1, &after);
	assert_int_equal(before.left, after.left);
	assert_int_equal(retry_of(l, 2, 2, seq, 1, 0)->n_retries, 1);
}

static void f_and_one_get_other_pairs_for_the_same_statement(void **state)
{
	struct logbook *l = *state;
	uint64_t seq = leaf(l);
	uint16_t first = members_of(&l->result->sets[0], 2);
	struct ap_statement s = machine_pending(l->machine, seq)->statement;
	const struct machine_retry *r;

	assert_memory_equal(s.root, l->result->root, 32);
	assert_memory_equal(s.running, l->result->running, 32);
	assert_int_equal(retry_of(l, 1, 2, seq, 1, 0)->n_retries, 1);
	r = &l->result->retries[0];
	assert_int_equal(r->attempt, 1);
	assert_int_equal(r->n_sets, 2);
	assert_int_equal(r->statement.seq, seq);
	assert_memory_equal(r->statement.root, s.root, 32);
	assert_memory_equal(r->statement.running, s.running, 32);
	assert_true(members_of(&r->sets[0], 2) != first);
	assert_int_equal(l->result->sign,
			 MACHINE_SIGN_NOTHING); /* the batch has no leaves itself */
	assert_same_from_here(l);
}

static void three_attempts_of_four_members_try_all_pairs(void **state)
{
	struct logbook *l = *state;
	uint64_t seq = leaf(l);
	unsigned seen =
		1U << members_of(&l->result->sets[0], 2) | 1U << members_of(&l->result->sets[1], 2);

	for (uint8_t attempt = 1; attempt < 3; attempt++) {
		retry_of(l, 3, 4, seq, attempt, 0);
		for (size_t s = 0; s < 2; s++)
			seen |= 1U << members_of(&l->result->retries[0].sets[s], 2);
	}
	assert_int_equal(seen, 1U << 3 | 1U << 5 | 1U << 9 | 1U << 6 | 1U << 10 | 1U << 12);
}

static void no_pair_is_taken_twice(void **state)
{
	struct logbook *l = *state;
	uint64_t next[8] = {0}, seq = leaf(l);

	for (uint8_t id = 1; id <= 7; id++)
		next[id] = 0;
	for (uint8_t attempt = 1; attempt < 6; attempt++) {
		const struct machine_retry *r = &retry_of(l, 1, 3, seq, attempt, 0)->retries[0];

		assert_int_equal(l->result->n_retries, 1);
		for (size_t s = 0; s < r->n_sets; s++)
			for (size_t i = 0; i < 3; i++) {
				uint8_t id = r->sets[s].members[i];

				assert_true(r->sets[s].ctr[i] >= next[id]);
				next[id] = r->sets[s].ctr[i] + 1;
			}
	}
}

static void only_what_is_asked_in_turn_counts(void **state)
{
	struct logbook *l = *state;
	uint64_t seq = leaf(l);
	struct ap_operation op = {.kind = AP_OP_retry};

	assert_int_equal(retry_of(l, 1, 4, seq, 0, 0)->n_retries, 0); /* none was made before */
	assert_int_equal(retry_of(l, 1, 4, seq, 2, 0)->n_retries, 0); /* not the next one */
	assert_int_equal(retry_of(l, 1, 4, seq + 90, 1, 0)->n_retries, 0); /* to come */
	assert_int_equal(retry_of(l, 1, 4, seq - 1, 2, 0)->n_retries, 0); /* the trial: made once */
	assert_int_equal(retry_of(l, 1, 4, 1, 1, 0)->n_retries, 0); /* a batch without leaves */
	op.as_retry.epoch = 2;
	op.as_retry.seq = seq;
	op.as_retry.attempt = 1;
	say(l, 1, &op);
	say(l, 2, &op);
	assert_int_equal(l->result->n_retries, 0);
	assert_int_equal(retry_of(l, 1, 2, seq, 1, 0)->n_retries, 1);
	assert_int_equal(retry_of(l, 3, 4, seq, 1, 0)->n_retries, 0); /* made already */
	logbook_bundle(l, 1);
	logbook_op_octets(l, AP_OP_retry, "short", 5);
	assert_int_equal(logbook_apply(l, 1000)->n_retries, 0);
}

static void a_batch_is_given_up_after_so_many_attempts_and_so_many_batches(void **state)
{
	struct logbook *l = *state;
	uint64_t seq = leaf(l);

	for (uint8_t attempt = 1; attempt < MACHINE_ATTEMPTS_MAX; attempt++)
		assert_int_equal(retry_of(l, 1, 2, seq, attempt, 0)->n_retries, 1);
	assert_int_equal(retry_of(l, 1, 2, seq, MACHINE_ATTEMPTS_MAX, 0)->n_retries, 0);
	seq = leaf(l);
	while (machine_seq(l->machine) < seq + MACHINE_PENDING_MAX - 2)
		logbook_apply(l, 1000);
	assert_same_from_here(l);
	assert_int_equal(retry_of(l, 1, 2, seq, 1, 0)->n_retries, 1); /* the last that can */
	assert_non_null(machine_pending(l->machine, seq));
	assert_int_equal(retry_of(l, 1, 2, seq, 2, 0)->n_retries, 0);
	assert_null(machine_pending(l->machine, seq));
	assert_same_from_here(l);
}

static void what_lacks_nonces_waits_for_them(void **state)
{
	struct logbook *l = *state;
	uint64_t first = 0, last = 0;

	for (unsigned i = 0; i < 80; i++) { /* 63 pairs are left of each */
		last = leaf(l);
		if (l->result->n_sets == 0 && first == 0)
			first = last;
	}
	assert_true(first > 0 && last > first);
	assert_int_equal(machine_pending(l->machine, last)->made, 0);
	assert_same_from_here(l);
	logbook_nonces(l, 1, 2);
	logbook_nonces(l, 3, 3);
	logbook_apply(l, 1000);
	assert_int_equal(l->result->sign, MACHINE_SIGN_NOTHING);
	assert_int_equal(l->result->n_retries, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(l->result->retries[i].statement.seq, last - i);
		assert_int_equal(l->result->retries[i].attempt, 0);
		assert_int_equal(members_of(&l->result->retries[i].sets[0], 2), 1 | 4);
	}
	for (uint8_t id = 1; id <= 4; id++)
		logbook_nonces(l, id, 64);
	last = leaf(l); /* this one, and those that have waited */
	assert_int_equal(l->result->n_retries, last - first - 3);
	assert_int_equal(l->result->n_sets, 2);
	assert_same_from_here(l);
}

static void one_batch_makes_a_bounded_number_of_attempts(void **state)
{
	struct logbook *l = *state;
	uint64_t first = machine_seq(l->machine) + 1, last = first + 2 * MACHINE_RETRIES_MAX;

	while (machine_seq(l->machine) < last)
		leaf(l);
	for (uint8_t id = 1; id <= 4; id++)
		logbook_nonces(l, id, 64);
	logbook_apply(l, 1000);
	for (uint8_t id = 1; id <= 4; id++)
		logbook_nonces(l, id, 64);
	logbook_apply(l, 1000);
	for (uint8_t id = 1; id <= 2; id++) {
		logbook_bundle(l, id);
		for (uint64_t seq = first; seq <= last; seq++)
			retry_add(l, seq, 1, 0);
	}
	logbook_apply(l, 1000);
	assert_int_equal(l->result->n_retries, MACHINE_RETRIES_MAX);
	assert_int_equal(l->result->retries[0].statement.seq, last);
	assert_same_from_here(l);
	leaf(l); /* a new batch does not wait for them */
	assert_int_equal(l->result->n_retries, MACHINE_RETRIES_MAX);
	assert_int_equal(l->result->n_sets, 2);
	logbook_apply(l, 1000);
	assert_int_equal(l->result->n_retries, 1);
	assert_int_equal(l->result->retries[0].statement.seq, first);
}

static void the_trial_is_retried_too(void **state)
{
	struct logbook *l = *state;
	uint64_t trial = machine_seq(l->machine);
	const struct machine_retry *r = l->result->retries;

	assert_int_equal(retry_of(l, 1, 2, trial, 1, 0)->n_retries, 1);
	assert_true(r->trial);
	assert_memory_equal(r->statement.genesis, l->conf.genesis, 32);
	assert_same_from_here(l);
}

/* ---- demotion ---- */

/* f+1 members name `missing` for a batch that has them in its sets. */
static void demote(struct logbook *l, uint16_t missing)
{
	uint64_t seq;
	uint16_t in;
	uint8_t t = (uint8_t)((l->conf.n - 1) / 3 + 1);

	do {
		for (uint8_t id = 1; id <= l->conf.n; id++)
			logbook_nonces(l, id, 2);
		seq = leaf(l);
		in = members_of(&l->result->sets[0], t) | members_of(&l->result->sets[1], t);
	} while ((in & missing) != missing);
	retry_of(l, 1, t, seq, 1, missing);
}

static void pass(struct logbook *l, uint64_t batches)
{
	while (batches-- > 0)
		logbook_apply(l, 1000);
}

static void f_reporters_demote_nobody(void **state)
{
	struct logbook *l = *state;

	for (unsigned i = 0; i < 40; i++) { /* however often */
		for (uint8_t id = 1; id <= 7; id++)
			logbook_nonces(l, id, 2);
		retry_of(l, 1, 2, leaf(l), 1, 0x7f);
	}
	assert_int_equal(out_of(l), 0);
}

static void f_and_one_demote_the_silent_for_a_while(void **state)
{
	struct logbook *l = *state;
	uint64_t since;

	demote(l, 1 << 5);
	since = machine_seq(l->machine);
	assert_true(l->result->signers_changed);
	assert_int_equal(out_of(l), 1 << 5);
	for (unsigned i = 0; i < 12; i++) {
		leaf(l);
		for (size_t s = 0; s < l->result->n_sets; s++)
			assert_false(members_of(&l->result->sets[s], 3) >> 5 & 1);
	}
	assert_same_from_here(l);
	pass(l, since + MACHINE_DEMOTION_SPAN - 1 - machine_seq(l->machine));
	assert_true(is_out(l, 6));
	pass(l, 1);
	assert_false(is_out(l, 6));
	assert_true(l->result->signers_changed);
	assert_same_from_here(l);
}

static void reports_that_come_after_the_attempt_count(void **state)
{
	struct logbook *l = *state;
	uint64_t seq = leaf(l);
	uint8_t silent = l->result->sets[0].members[0];
	uint16_t bit = (uint16_t)(1U << (silent - 1));

	retry_of(l, 1, 3, seq, 1, 0); /* two liars and one that is wrong bring it about */
	assert_int_equal(l->result->n_retries, 1);
	assert_false(is_out(l, silent));
	retry_of(l, 4, 6, seq, 1, bit);
	assert_true(is_out(l, silent));
}

static void only_members_of_the_attempt_are_reported(void **state)
{
	struct logbook *l = *state;
	uint64_t seq;
	uint16_t in;

	seq = leaf(l);
	in = members_of(&l->result->sets[0], 3) | members_of(&l->result->sets[1], 3);
	retry_of(l, 1, 7, seq, 1, (uint16_t)~in);
	assert_int_equal(out_of(l), 0);
}

static void reports_are_forgotten_in_time(void **state)
{
	struct logbook *l = *state;
	uint64_t seq = leaf(l);
	uint8_t silent = l->result->sets[0].members[0];
	uint16_t bit = (uint16_t)(1U << (silent - 1));

	retry_of(l, 1, 2, seq, 1, bit);
	pass(l, MACHINE_REPORT_SPAN - 2);
	logbook_nonces(l, 1, 1);
	do {
		for (uint8_t id = 1; id <= 7; id++)
			logbook_nonces(l, id, 2);
		seq = leaf(l);
	} while (l->result->sets[0].members[0] != silent);
	retry_of(l, 3, 3, seq, 1, bit);
	assert_false(is_out(l, silent));
}

static void who_is_demoted_again_stays_out_longer(void **state)
{
	struct logbook *l = *state;
	uint64_t span = MACHINE_DEMOTION_SPAN;

	for (unsigned i = 0; i < 8; i++) {
		demote(l, 1 << 2);
		assert_int_equal(out_of(l), 1 << 2);
		assert_int_equal(machine_signer(l->machine, 3)->until,
				 machine_seq(l->machine) + span);
		pass(l, span);
		assert_int_equal(out_of(l), 0);
		if (i < MACHINE_DEMOTIONS_MAX - 1)
			span *= 2;
	}
	pass(l, span); /* well behaved for as long: forgiven */
	demote(l, 1 << 2);
	assert_int_equal(machine_signer(l->machine, 3)->until,
			 machine_seq(l->machine) + MACHINE_DEMOTION_SPAN);
}

static void no_more_than_f_are_out_and_the_oldest_returns(void **state)
{
	struct logbook *l = *state;
	struct ap_operation op;

	demote(l, 1 << 0);
	demote(l, 1 << 1);
	assert_int_equal(out_of(l), 3);
	demote(l, 1 << 4);
	assert_int_equal(out_of(l), 1 << 1 | 1 << 4);
	demote(l, 1 << 2 | 1 << 3); /* two in one batch */
	assert_int_equal(out_of(l), 1 << 2 | 1 << 3);
	do {
		leaf(l);
		blame_make(l, 0, &op);
	} while (op.as_blame.share.replica == 7);
	say(l, 7, &op);
	assert_int_equal(out_of(l), 1 << 3 | 1U << (op.as_blame.share.replica - 1));
	assert_same_from_here(l);
}

/* ---- evidence ---- */

static void a_proven_culprit_is_left_out_for_good(void **state)
{
	struct logbook *l = *state;
	struct ap_operation op;
	uint8_t culprit;

	leaf(l);
	blame_make(l, 1, &op);
	culprit = op.as_blame.share.replica;
	assert_true(machine_blame_holds(l->machine, 1, &op.as_blame));
	say(l, (uint8_t)(culprit % 4 + 1), &op);
	assert_int_equal(out_of(l), 1U << (culprit - 1));
	assert_true(machine_signer(l->machine, culprit)->blamed);
	assert_false(machine_blame_holds(l->machine, 1, &op.as_blame)); /* known */
	pass(l, 5000);
	assert_int_equal(out_of(l), 1U << (culprit - 1));
	leaf(l);
	assert_int_equal(l->result->n_sets, 2); /* of three: they overlap */
	assert_int_equal(members_of(&l->result->sets[0], 2) & 1U << (culprit - 1), 0);
	assert_same_from_here(l);
}

/* Evidence changed by `how`, said by somebody who is not the culprit. */
static void assert_accuser_is_left_out(void (*how)(struct ap_operation *op))
{
	struct logbook *l = logbook_new(4, 100);
	struct ap_operation op;
	uint8_t culprit, accuser;

	logbook_live(l, 64);
	leaf(l);
	blame_make(l, 0, &op);
	culprit = op.as_blame.share.replica;
	accuser = (uint8_t)(culprit % 4 + 1);
	how(&op);
	assert_false(machine_blame_holds(l->machine, accuser, &op.as_blame));
	say(l, accuser, &op);
	assert_int_equal(out_of(l), 1U << (accuser - 1));
	logbook_free(l);
}

static void other_signature(struct ap_operation *op)
{
	op->as_blame.sig.octets[0] = 0;
}

static void other_list(struct ap_operation *op)
{
	op->as_blame.pairs[1].binding.octets[31] ^= 1;
}

static void shorter_list(struct ap_operation *op)
{
	op->as_blame.n_pairs--;
}

static void other_set(struct ap_operation *op)
{
	op->as_blame.share.set = 1;
}

static void no_such_set(struct ap_operation *op)
{
	op->as_blame.share.set = 2;
}

static void who_accuses_falsely_is_left_out(void **state)
{
	(void)state;
	assert_accuser_is_left_out(other_signature);
	assert_accuser_is_left_out(other_list);
	assert_accuser_is_left_out(shorter_list);
	assert_accuser_is_left_out(other_set);
	assert_accuser_is_left_out(no_such_set);
}

static void evidence_about_nothing_known_has_no_effect(void **state)
{
	struct logbook *l = *state;
	struct ap_operation op, good;

	leaf(l);
	blame_make(l, 0, &good);
	op = good;
	op.as_blame.share.epoch = 2;
	say(l, 1, &op);
	op = good;
	op.as_blame.share.attempt = 1; /* none was made */
	say(l, 1, &op);
	op = good;
	op.as_blame.share.seq--;
	op.as_blame.share.attempt = 9;
	say(l, 1, &op);
	op = good;
	op.as_blame.share.replica = 0;
	say(l, 1, &op);
	op.as_blame.share.replica = 5;
	say(l, 1, &op);
	logbook_bundle(l, 1);
	logbook_op_octets(l, AP_OP_blame, "no", 2);
	logbook_op_octets(l, AP_OP_badpoint, "no", 2);
	logbook_apply(l, 1000);
	assert_int_equal(out_of(l), 0);
	pass(l, MACHINE_PENDING_MAX);
	say(l, 1, &good); /* given up */
	assert_int_equal(out_of(l), 0);
}

static void who_is_left_out_is_not_heard(void **state)
{
	struct logbook *l = *state;
	struct ap_operation op, other;
	uint8_t liar;

	leaf(l);
	blame_make(l, 0, &op);
	blame_make(l, 1, &other);
	liar = (uint8_t)(op.as_blame.share.replica % 4 + 1);
	op.as_blame.sig.octets[0] = 0;
	say(l, liar, &op);
	assert_int_equal(out_of(l), 1U << (liar - 1));
	say(l, liar, &other);
	assert_int_equal(out_of(l), 1U << (liar - 1));
}

static void a_bad_point_names_who_ordered_it(void **state)
{
	struct logbook *l = *state;
	struct ap_operation op = {.kind = AP_OP_nonces};
	struct machine_pool_info pool;
	struct ap_operation bad = {.kind = AP_OP_badpoint};
	const struct machine_set *set = &l->result->sets[0];
	uint64_t ctr;

	machine_pool(l->machine, 3, &pool);
	ctr = pool.next;
	fakegroup_nonces(&op.as_nonces, 3, 1, ctr, 1);
	op.as_nonces.pairs[0].binding.octets[0] = FAKEGROUP_BAD;
	say(l, 3, &op);
	for (bool taken = false; !taken;) {
		for (uint8_t id = 1; id <= 4; id++)
			if (id != 3)
				logbook_nonces(l, id, 2);
		leaf(l);
		for (size_t s = 0; s < 2 && !taken; s++)
			for (size_t i = 0; i < 2; i++)
				if (l->result->sets[s].members[i] == 3 &&
				    l->result->sets[s].ctr[i] == ctr) {
					set = &l->result->sets[s];
					taken = true;
				}
	}
	bad.as_badpoint.epoch = 1;
	bad.as_badpoint.seq = l->result->seq;
	bad.as_badpoint.set = (uint8_t)(set - l->result->sets);
	bad.as_badpoint.replica = 3;
	bad.as_badpoint.n_pairs = 2;
	pairs_of(set, 2, bad.as_badpoint.pairs);
	assert_true(machine_badpoint_holds(l->machine, 1, &bad.as_badpoint));
	say(l, 1, &bad);
	assert_int_equal(out_of(l), 1 << 2);
	assert_same_from_here(l);
}

static void good_points_name_who_complains_of_them(void **state)
{
	struct logbook *l = *state;
	struct ap_operation bad = {.kind = AP_OP_badpoint};

	bad.as_badpoint.seq = leaf(l);
	bad.as_badpoint.epoch = 1;
	bad.as_badpoint.replica = l->result->sets[0].members[1];
	bad.as_badpoint.n_pairs = 2;
	pairs_of(&l->result->sets[0], 2, bad.as_badpoint.pairs);
	say(l, l->result->sets[0].members[0], &bad);
	assert_int_equal(out_of(l), members_of(&l->result->sets[0], 2) &
					    ~(1U << (bad.as_badpoint.replica - 1)));
}

/* ---- state ---- */

/* Each octet of this part of the state counts, and none of it is taken that no log leads to. */
static void every_part_changes_the_digest(void **state)
{
	struct logbook *l = *state, *twin;
	struct machine_state *s;
	uint8_t a[32], b[32];

	retry_of(l, 1, 1, leaf(l), 1, 0x7f);
	machine_digest(l->machine, a);
	for (unsigned what = 0; what < 9; what++) {
		twin = logbook_clone(l);
		s = &twin->machine->state;
		switch (what) {
		case 0:
			s->signers[2].reports[0] = 1;
			break;
		case 1:
			s->signers[3].blamed = true;
			break;
		case 2:
			s->signers[3].until++;
			break;
		case 3:
			s->signers[3].level++;
			break;
		case 4:
			machine_pending_find(&s->pendings, s->seq - 1)->asked ^= 2;
			break;
		case 5:
			machine_pending_find(&s->pendings, s->seq - 1)->due = true;
			break;
		case 6:
			machine_pending_find(&s->pendings, s->seq - 1)->attempts[0].list[1][31]++;
			break;
		case 7:
			machine_pending_find(&s->pendings, s->seq - 1)->statement.root[0]++;
			break;
		default:
			machine_pending_find(&s->pendings, s->seq - 1)->seq = 0;
			break;
		}
		machine_digest(twin->machine, b);
		assert_memory_not_equal(a, b, 32);
		logbook_free(twin);
	}
}

static void assert_not_restored(struct logbook *l, void (*how)(struct machine_state *s))
{
	struct logbook *twin = logbook_clone(l);
	size_t cap = machine_snapshot_max(l->machine), len;
	uint8_t *octets = malloc(cap);

	assert_non_null(octets);
	how(&twin->machine->state);
	len = machine_snapshot(twin->machine, octets, cap);
	assert_true(len > 0);
	assert_int_equal(machine_restore(twin->machine, octets, len), -1);
	free(octets);
	logbook_free(twin);
}

static struct machine_pending *newest(struct machine_state *s)
{
	return machine_pending_find(&s->pendings, s->seq);
}

static void break_level(struct machine_state *s)
{
	s->signers[0].level = 7;
}

static void break_since(struct machine_state *s)
{
	s->signers[0].since = s->seq + 1;
}

static void break_until(struct machine_state *s)
{
	s->signers[0].level = 1;
	s->signers[0].since = 1;
	s->signers[0].until = s->seq + 5;
}

static void break_report(struct machine_state *s)
{
	s->signers[0].reports[2] = s->seq + 1;
}

static void break_made(struct machine_state *s)
{
	newest(s)->made = 0;
}

static void break_asked(struct machine_state *s)
{
	newest(s)->asked = 1 << 7;
}

static void break_members(struct machine_state *s)
{
	newest(s)->attempts[0].members[0] = 3; /* three sign here */
}

static void break_sets(struct machine_state *s)
{
	newest(s)->attempts[0].n_sets = 0;
}

static void what_no_log_leads_to_is_not_restored(void **state)
{
	struct logbook *l = *state;
	static void (*const all[])(struct machine_state *) = {
		break_level, break_since, break_until,	 break_report,
		break_made,  break_asked, break_members, break_sets};

	leaf(l);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_not_restored(l, all[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(f_members_that_ask_take_nothing, four, done),
		cmocka_unit_test_setup_teardown(f_and_one_get_other_pairs_for_the_same_statement,
						four, done),
		cmocka_unit_test_setup_teardown(three_attempts_of_four_members_try_all_pairs, four,
						done),
		cmocka_unit_test_setup_teardown(no_pair_is_taken_twice, seven, done),
		cmocka_unit_test_setup_teardown(only_what_is_asked_in_turn_counts, four, done),
		cmocka_unit_test_setup_teardown(
			a_batch_is_given_up_after_so_many_attempts_and_so_many_batches, four, done),
		cmocka_unit_test_setup_teardown(what_lacks_nonces_waits_for_them, four, done),
		cmocka_unit_test_setup_teardown(one_batch_makes_a_bounded_number_of_attempts, four,
						done),
		cmocka_unit_test_setup_teardown(the_trial_is_retried_too, four, done),
		cmocka_unit_test_setup_teardown(f_reporters_demote_nobody, seven, done),
		cmocka_unit_test_setup_teardown(f_and_one_demote_the_silent_for_a_while, seven,
						done),
		cmocka_unit_test_setup_teardown(reports_that_come_after_the_attempt_count, seven,
						done),
		cmocka_unit_test_setup_teardown(only_members_of_the_attempt_are_reported, seven,
						done),
		cmocka_unit_test_setup_teardown(reports_are_forgotten_in_time, seven, done),
		cmocka_unit_test_setup_teardown(who_is_demoted_again_stays_out_longer, seven, done),
		cmocka_unit_test_setup_teardown(no_more_than_f_are_out_and_the_oldest_returns,
						seven, done),
		cmocka_unit_test_setup_teardown(a_proven_culprit_is_left_out_for_good, four, done),
		cmocka_unit_test(who_accuses_falsely_is_left_out),
		cmocka_unit_test_setup_teardown(evidence_about_nothing_known_has_no_effect, four,
						done),
		cmocka_unit_test_setup_teardown(who_is_left_out_is_not_heard, four, done),
		cmocka_unit_test_setup_teardown(a_bad_point_names_who_ordered_it, four, done),
		cmocka_unit_test_setup_teardown(good_points_name_who_complains_of_them, four, done),
		cmocka_unit_test_setup_teardown(every_part_changes_the_digest, seven, done),
		cmocka_unit_test_setup_teardown(what_no_log_leads_to_is_not_restored, seven, done),
	};

	return cmocka_run_group_tests_name("machine retry", tests, NULL, NULL);
}
