/* Key generation through the log: daemon/machine/op_keygen.c, op_nonces.c. Scenarios 81, 84. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/agree_errors.h"
#include "libproto/crypto.h"
#include "libproto/digest.h"
#include "libproto/instance.h"
#include "tests/lib/fakegroup.h"
#include "tests/lib/logbook.h"

static const struct machine_key *key_of(const struct logbook *l)
{
	return machine_key(l->machine);
}

static int four(void **state)
{
	*state = logbook_new(4, 100);
	return 0;
}

static int done(void **state)
{
	logbook_free(*state);
	return 0;
}

static void enckey(struct logbook *l, uint8_t relay, ap_enckey *op)
{
	struct ap_operation o = {.kind = AP_OP_enckey};

	o.as_enckey = *op;
	logbook_bundle(l, relay);
	logbook_op(l, &o);
}

static void deal(struct logbook *l, uint8_t relay, const ap_deal *op)
{
	struct ap_operation o = {.kind = AP_OP_deal};

	o.as_deal = *op;
	logbook_bundle(l, relay);
	logbook_op(l, &o);
}

static void complain(struct logbook *l, uint8_t relay, uint8_t dealer, bool guilty)
{
	struct ap_operation o = {.kind = AP_OP_complaint};

	memset(&o.as_complaint, 0, sizeof(o.as_complaint));
	memcpy(o.as_complaint.sid.octets, key_of(l)->sid, 32);
	o.as_complaint.dealer = dealer;
	o.as_complaint.w.octets[0] = guilty ? FAKEGROUP_GUILTY : 0;
	logbook_bundle(l, relay);
	logbook_op(l, &o);
}

static void ready(struct logbook *l, uint8_t relay, const uint8_t dealings[32])
{
	struct ap_operation o = {.kind = AP_OP_ready};

	memcpy(o.as_ready.sid.octets, key_of(l)->sid, 32);
	memcpy(o.as_ready.dealings.octets, dealings, 32);
	logbook_bundle(l, relay);
	logbook_op(l, &o);
}

/* ---- the good way ---- */

static void a_network_forms_in_four_phases(void **state)
{
	static const uint8_t sizes[] = {4, 7, 10, 13};

	(void)state;
	for (size_t z = 0; z < sizeof(sizes); z++) {
		struct logbook *l = logbook_new(sizes[z], 10);
		const struct machine_key *key = key_of(l);
		uint16_t all = (uint16_t)((1U << sizes[z]) - 1);
		const struct machine_result *r;

		assert_int_equal(key->phase, MACHINE_ENCKEYS);
		assert_int_equal(key->epoch, 1);
		logbook_enckeys(l);
		assert_true(logbook_apply(l, 1)->key_changed);
		assert_int_equal(key->phase, MACHINE_DEALS);
		assert_int_equal(key->have_enckey, all);
		logbook_deals(l);
		assert_true(logbook_apply(l, 2)->key_changed);
		assert_int_equal(key->phase, MACHINE_READIES);
		assert_int_equal(key->have_deal, all);
		logbook_readies(l);
		assert_true(logbook_apply(l, 3)->key_changed);
		assert_int_equal(key->phase, MACHINE_TRIAL);
		assert_int_equal(key->have_ready, all);
		assert_false(logbook_apply(l, 4)->key_changed);
		for (uint8_t id = 1; id <= sizes[z]; id++)
			logbook_nonces(l, id, 2);
		r = logbook_apply(l, 5);
		assert_int_equal(key->phase, MACHINE_LIVE);
		assert_true(r->key_changed);
		assert_int_equal(r->sign, MACHINE_SIGN_TRIAL);
		assert_int_equal(r->n_sets, 2);
		assert_int_equal(r->epoch, 1);
		assert_int_equal(r->n_leaves, 0);
		logbook_free(l);
	}
}

static void everything_may_be_in_one_batch_each_seeing_what_was_before(void **state)
{
	struct logbook *l = *state;
	ap_deal op;

	logbook_enckeys(l);
	logbook_deals(l);
	logbook_apply(l, 1);
	assert_int_equal(key_of(l)->phase, MACHINE_READIES);
	fakegroup_deal(&op, key_of(l)->sid, 4, 3);
	assert_memory_equal(&key_of(l)->deals[2], &op, sizeof(op));
}

static void dealings_are_hashed_as_the_draft_says(void **state)
{
	struct logbook *l = *state;
	uint8_t octets[4 * AP_MAX_deal], tag[AP_TAG_LEN], hash[32];
	struct ap_writer w;

	logbook_enckeys(l);
	logbook_deals(l);
	logbook_apply(l, 1);
	ap_writer_init(&w, octets, sizeof(octets));
	for (uint8_t id = 1; id <= 4; id++) {
		ap_deal op;

		fakegroup_deal(&op, key_of(l)->sid, 4, id);
		ap_deal_put(&w, &op);
	}
	ap_tag(tag, "agree1-dealings");
	ap_sha256(hash, (const ap_bytes[]){{tag, 16}, {key_of(l)->sid, 32}, ap_writer_bytes(&w)},
		  3);
	assert_memory_equal(key_of(l)->dealings, hash, 32);
}

static void the_group_key_comes_from_the_dealings(void **state)
{
	static const uint8_t zero[32];
	struct logbook *l = *state;
	uint8_t pk[32], y[4][32];

	logbook_enckeys(l);
	logbook_deals(l);
	logbook_apply(l, 1);
	assert_memory_equal(key_of(l)->pk, zero, 32);
	logbook_readies(l);
	logbook_apply(l, 2);
	fakegroup_funcs.keys(NULL, 4, key_of(l)->deals, pk, y);
	assert_memory_equal(key_of(l)->pk, pk, 32);
	assert_memory_equal(key_of(l)->y, y, sizeof(y));
}

/* ---- what has no effect ---- */

static void a_second_enckey_does_not_count(void **state)
{
	struct logbook *l = *state;
	ap_enckey first, second;

	fakegroup_enckey(&first, key_of(l)->sid, 2);
	fakegroup_enckey(&second, key_of(l)->sid, 9);
	enckey(l, 2, &first);
	enckey(l, 2, &second);
	logbook_apply(l, 1);
	assert_int_equal(key_of(l)->have_enckey, 0x02);
	assert_memory_equal(key_of(l)->enckeys[1], first.key.octets, 32);
}

static void copied_invalid_and_foreign_enckeys_do_not_count(void **state)
{
	struct logbook *l = *state;
	ap_enckey op;

	fakegroup_enckey(&op, key_of(l)->sid, 1);
	enckey(l, 1, &op);
	enckey(l, 2, &op); /* a copy of 1's */
	fakegroup_enckey(&op, key_of(l)->sid, 3);
	op.key.octets[0] = FAKEGROUP_BAD;
	enckey(l, 3, &op);
	fakegroup_enckey(&op, key_of(l)->sid, 4);
	op.sid.octets[31] ^= 1;
	enckey(l, 4, &op);
	logbook_apply(l, 1);
	assert_int_equal(key_of(l)->have_enckey, 0x01);
	/* the first valid one counts */
	fakegroup_enckey(&op, key_of(l)->sid, 3);
	enckey(l, 3, &op);
	assert_true(logbook_apply(l, 2)->key_changed);
	assert_int_equal(key_of(l)->have_enckey, 0x05);
}

static void a_deal_before_all_enckeys_does_not_count(void **state)
{
	struct logbook *l = *state;

	logbook_deals(l);
	assert_false(logbook_apply(l, 1)->key_changed);
	assert_int_equal(key_of(l)->phase, MACHINE_ENCKEYS);
	assert_int_equal(key_of(l)->have_deal, 0);
}

static void a_second_deal_does_not_count_even_if_it_is_bad(void **state)
{
	struct logbook *l = *state;
	ap_deal op;

	logbook_enckeys(l);
	fakegroup_deal(&op, key_of(l)->sid, 4, 1);
	deal(l, 1, &op);
	op.proof_mu.octets[0] = FAKEGROUP_BAD;
	deal(l, 1, &op);
	logbook_apply(l, 1);
	assert_int_equal(key_of(l)->phase, MACHINE_DEALS);
	assert_int_equal(key_of(l)->have_deal, 0x01);
}

static void a_deal_of_another_attempt_does_not_count(void **state)
{
	struct logbook *l = *state;
	ap_deal op;

	logbook_enckeys(l);
	fakegroup_deal(&op, key_of(l)->sid, 4, 1);
	op.sid.octets[0] ^= 1;
	op.proof_mu.octets[0] = FAKEGROUP_BAD;
	deal(l, 1, &op);
	logbook_apply(l, 1);
	assert_int_equal(key_of(l)->phase, MACHINE_DEALS);
	assert_int_equal(key_of(l)->have_deal, 0);
}

static void a_ready_for_other_dealings_does_not_count(void **state)
{
	static const uint8_t other[32] = {1};
	struct logbook *l = *state;

	logbook_enckeys(l);
	logbook_deals(l);
	logbook_apply(l, 1);
	ready(l, 1, other);
	assert_false(logbook_apply(l, 2)->key_changed);
	ready(l, 1, key_of(l)->dealings);
	ready(l, 1, key_of(l)->dealings);
	assert_true(logbook_apply(l, 3)->key_changed);
	assert_int_equal(key_of(l)->have_ready, 0x01);
	assert_int_equal(key_of(l)->phase, MACHINE_READIES);
}

static void a_ready_before_all_deals_does_not_count(void **state)
{
	static const uint8_t zero[32];
	struct logbook *l = *state;

	logbook_enckeys(l);
	logbook_apply(l, 1);
	ready(l, 1, zero);
	assert_false(logbook_apply(l, 2)->key_changed);
	assert_int_equal(key_of(l)->have_ready, 0);
}

static void octets_that_do_not_decode_have_no_effect(void **state)
{
	static const uint8_t kinds[] = {
		AP_OP_enckey, AP_OP_deal, AP_OP_complaint, AP_OP_ready, AP_OP_nonces, AP_OP_tick, 5,
		255};
	struct logbook *l = *state;
	uint8_t octets[40] = {0};

	memcpy(octets, key_of(l)->sid, 32);
	for (size_t i = 0; i < sizeof(kinds); i++) {
		logbook_bundle(l, 1);
		logbook_op_octets(l, kinds[i], octets, sizeof(octets));
	}
	assert_false(logbook_apply(l, 1)->key_changed);
	assert_int_equal(l->result->n_entries, 0);
	assert_int_equal(key_of(l)->phase, MACHINE_ENCKEYS);
	assert_int_equal(key_of(l)->have_enckey, 0);
}

/* ---- what ends the attempt ---- */

static void assert_failed(const struct logbook *l, uint8_t culprit)
{
	assert_int_equal(key_of(l)->phase, MACHINE_FAILED);
	assert_int_equal(key_of(l)->culprit, culprit);
	assert_true(l->result->key_changed);
}

static void a_bad_deal_names_its_dealer(void **state)
{
	struct logbook *l = *state;
	ap_deal op;

	logbook_enckeys(l);
	fakegroup_deal(&op, key_of(l)->sid, 4, 3);
	op.n_phi = 3; /* raises the threshold */
	deal(l, 3, &op);
	logbook_apply(l, 1);
	assert_failed(l, 3);
	assert_int_equal(key_of(l)->have_deal, 0);
}

static void a_complaint_that_holds_names_the_dealer(void **state)
{
	struct logbook *l = *state;

	logbook_enckeys(l);
	logbook_deals(l);
	complain(l, 2, 4, true);
	logbook_apply(l, 1);
	assert_failed(l, 4);
}

static void a_complaint_that_does_not_hold_names_the_complainer(void **state)
{
	struct logbook *l = *state;

	logbook_enckeys(l);
	logbook_deals(l);
	complain(l, 2, 4, false);
	logbook_apply(l, 1);
	assert_failed(l, 2);
}

static void a_complaint_about_no_deal_names_the_complainer(void **state)
{
	static const uint8_t dealers[] = {0, 4, 5, 16, 255};

	(void)state;
	for (size_t i = 0; i < sizeof(dealers); i++) {
		struct logbook *l = logbook_new(4, 1);
		ap_deal op;

		logbook_enckeys(l);
		fakegroup_deal(&op, key_of(l)->sid, 4, 1);
		deal(l, 1, &op);
		complain(l, 2, dealers[i], true);
		logbook_apply(l, 1);
		assert_failed(l, 2);
		logbook_free(l);
	}
}

static void a_complaint_after_the_key_is_known_has_no_effect(void **state)
{
	struct logbook *l = *state;

	logbook_live(l, 1);
	complain(l, 2, 4, true);
	assert_false(logbook_apply(l, 1)->key_changed);
	assert_int_equal(key_of(l)->phase, MACHINE_LIVE);
}

static void dealings_without_a_key_blame_nobody(void **state)
{
	static const uint8_t zero[32];
	struct logbook *l = *state;

	logbook_enckeys(l);
	for (uint8_t id = 1; id <= 4; id++) {
		ap_deal op;

		fakegroup_deal(&op, key_of(l)->sid, 4, id);
		op.phi[0].point.octets[0] = FAKEGROUP_ZERO;
		deal(l, id, &op);
	}
	logbook_apply(l, 1);
	logbook_readies(l);
	logbook_apply(l, 2);
	assert_failed(l, 0);
	assert_memory_equal(key_of(l)->pk, zero, 32);
}

static void nothing_moves_after_a_failure(void **state)
{
	struct logbook *l = *state;

	logbook_enckeys(l);
	complain(l, 2, 4, true);
	logbook_apply(l, 1);
	assert_failed(l, 2);
	logbook_deals(l);
	complain(l, 3, 1, false);
	logbook_nonces(l, 1, 1);
	assert_false(logbook_apply(l, 2)->key_changed);
	assert_false(l->result->pools_changed);
	assert_int_equal(key_of(l)->culprit, 2);
}

/* ---- until it lives ---- */

static void nonces_before_the_key_have_no_effect(void **state)
{
	struct logbook *l = *state;
	struct machine_pool_info pool;

	logbook_nonces(l, 1, 3);
	assert_false(logbook_apply(l, 1)->pools_changed);
	machine_pool(l->machine, 1, &pool);
	assert_int_equal(pool.left, 0);
	assert_int_equal(pool.boot, 0);
}

static void nonces_of_another_epoch_have_no_effect(void **state)
{
	struct logbook *l = *state;
	struct ap_operation op = {.kind = AP_OP_nonces};

	logbook_live(l, 4);
	fakegroup_nonces(&op.as_nonces, 1, 1, 4, 2);
	op.as_nonces.epoch = 2;
	logbook_bundle(l, 1);
	logbook_op(l, &op);
	assert_false(logbook_apply(l, 1)->pools_changed);
	op.as_nonces.epoch = 1;
	logbook_bundle(l, 1);
	logbook_op(l, &op);
	assert_true(logbook_apply(l, 2)->pools_changed);
}

static void the_trial_waits_for_the_last_member(void **state)
{
	struct logbook *l = *state;
	struct machine_pool_info pool;

	logbook_enckeys(l);
	logbook_deals(l);
	logbook_apply(l, 1);
	logbook_readies(l);
	logbook_nonces(l, 1, 1);
	logbook_nonces(l, 2, 1);
	logbook_nonces(l, 3, 1);
	logbook_apply(l, 2);
	assert_int_equal(key_of(l)->phase, MACHINE_TRIAL);
	assert_int_equal(l->result->sign, MACHINE_SIGN_NOTHING);
	logbook_nonces(l, 4, 1);
	logbook_apply(l, 3);
	assert_int_equal(l->result->sign, MACHINE_SIGN_TRIAL);
	machine_pool(l->machine, 3, &pool);
	assert_int_equal(pool.left, 0);
	assert_int_equal(pool.next, 1);
	/* once */
	logbook_nonces(l, 4, 1);
	logbook_apply(l, 4);
	assert_int_equal(l->result->sign, MACHINE_SIGN_NOTHING);
}

static void requests_are_refused_until_the_batch_after_the_trial(void **state)
{
	static const struct instance instance = {.label = "x", .deadline_s = 1000};
	static const struct ask ask = {
		.instance = &instance, .verb = AP_VERB_APPROVE, .party = AP_PARTY_NONE};
	static const struct ask read = {.instance = &instance};
	struct logbook *l = *state;

	logbook_enckeys(l);
	logbook_deals(l);
	logbook_apply(l, 1);
	logbook_readies(l);
	for (uint8_t id = 1; id <= 4; id++)
		logbook_nonces(l, id, 3);
	logbook_ask(l, &ask);
	logbook_ask(l, &read);
	logbook_apply(l, 2);
	assert_int_equal(l->result->sign, MACHINE_SIGN_TRIAL);
	assert_int_equal(l->result->n_entries, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(l->result->entries[i].refusal, AGREE_EFORMING);
		assert_int_equal(l->result->entries[i].leaf, -1);
	}
	logbook_bundle(l, 1);
	logbook_ask(l, &ask);
	logbook_apply(l, 3);
	assert_int_equal(l->result->sign, MACHINE_SIGN_BATCH);
	assert_int_equal(l->result->entries[0].refusal, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, four, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_forms_in_four_phases),
		TEST(everything_may_be_in_one_batch_each_seeing_what_was_before),
		TEST(dealings_are_hashed_as_the_draft_says),
		TEST(the_group_key_comes_from_the_dealings),
		TEST(a_second_enckey_does_not_count),
		TEST(copied_invalid_and_foreign_enckeys_do_not_count),
		TEST(a_deal_before_all_enckeys_does_not_count),
		TEST(a_second_deal_does_not_count_even_if_it_is_bad),
		TEST(a_deal_of_another_attempt_does_not_count),
		TEST(a_ready_for_other_dealings_does_not_count),
		TEST(a_ready_before_all_deals_does_not_count),
		TEST(octets_that_do_not_decode_have_no_effect),
		TEST(a_bad_deal_names_its_dealer),
		TEST(a_complaint_that_holds_names_the_dealer),
		TEST(a_complaint_that_does_not_hold_names_the_complainer),
		cmocka_unit_test(a_complaint_about_no_deal_names_the_complainer),
		TEST(a_complaint_after_the_key_is_known_has_no_effect),
		TEST(dealings_without_a_key_blame_nobody),
		TEST(nothing_moves_after_a_failure),
		TEST(nonces_before_the_key_have_no_effect),
		TEST(nonces_of_another_epoch_have_no_effect),
		TEST(the_trial_waits_for_the_last_member),
		TEST(requests_are_refused_until_the_batch_after_the_trial),
	};

	return cmocka_run_group_tests_name("keygen_ops", tests, NULL, NULL);
}
