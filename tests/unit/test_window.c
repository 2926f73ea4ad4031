#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/pbft/window.h"

static struct pbft_slot slots[8];
static struct pbft_window w;
static const uint8_t sig[64] = {7};

static int setup(void **state)
{
	(void)state;
	memset(slots, 0xa5, sizeof(slots));
	pbft_window_init(&w, slots, 8);
	return 0;
}

static struct pbft_proposal prepare_of(uint8_t replica, uint64_t view, uint8_t batch)
{
	struct pbft_proposal p = {.view = view, .seq = 3, .replica = replica, .incarnation = 9};

	memset(p.batch, batch, 32);
	return p;
}

static void covers_two_windows_above_its_base(void **state)
{
	const struct pbft_slot *slot;

	(void)state;
	assert_false(pbft_window_covers(&w, 0));
	assert_true(pbft_window_covers(&w, 1));
	assert_true(pbft_window_covers(&w, 8));
	assert_false(pbft_window_covers(&w, 9));
	assert_false(pbft_window_covers(&w, UINT64_MAX));
	assert_null(pbft_window_find(&w, 3));
	slot = pbft_window_take(&w, 3);
	assert_ptr_equal(slot, pbft_window_find(&w, 3));
	assert_ptr_equal(slot, pbft_window_take(&w, 3));
	assert_null(pbft_window_find(&w, 11));
}

static void a_slot_begins_empty(void **state)
{
	const struct pbft_slot *slot = pbft_window_take(&w, 3);

	(void)state;
	assert_false(slot->has_batch || slot->committed || slot->body_durable || slot->proposed ||
		     slot->voted || slot->vote_durable || slot->prepared ||
		     slot->prepared_durable || slot->waiting);
	assert_true(slot->proposal_token == 0 && slot->prepared_token == 0 &&
		    slot->fetched_token == 0);
	assert_int_equal(slot->cert.who, 0);
	for (size_t i = 0; i < AP_REPLICAS_MAX; i++)
		assert_false(slot->prepares[i].is_there || slot->commits[i].is_there);
}

static void slots_below_are_swept_before_their_place_is_used(void **state)
{
	struct pbft_slot *slot;

	(void)state;
	for (uint64_t seq = 1; seq <= 8; seq++)
		pbft_window_take(&w, seq);
	pbft_window_rise(&w, 3);
	pbft_window_rise(&w, 2); /* never back */
	assert_int_equal(w.base, 3);
	assert_null(pbft_window_find(&w, 3));
	assert_false(pbft_window_covers(&w, 9)); /* its place is taken */
	for (uint64_t seq = 1; seq <= 3; seq++) {
		slot = pbft_window_sweep(&w);
		assert_non_null(slot);
		assert_int_equal(slot->seq, seq);
		pbft_slot_clear(slot);
	}
	assert_null(pbft_window_sweep(&w));
	assert_true(pbft_window_covers(&w, 11));
	assert_false(pbft_window_covers(&w, 12));
	assert_non_null(pbft_window_find(&w, 4));
}

static void a_base_far_above_sweeps_the_ring_once(void **state)
{
	struct pbft_slot *slot;
	int swept = 0;

	(void)state;
	pbft_window_take(&w, 2);
	pbft_window_take(&w, 7);
	pbft_window_rise(&w, UINT64_C(1) << 60);
	while ((slot = pbft_window_sweep(&w)) != NULL) {
		pbft_slot_clear(slot);
		swept++;
	}
	assert_int_equal(swept, 2);
	assert_true(pbft_window_covers(&w, (UINT64_C(1) << 60) + 8));
	assert_false(pbft_window_covers(&w, (UINT64_C(1) << 60) + 9));
}

static void one_prepare_per_member_and_view(void **state)
{
	struct pbft_slot *slot = pbft_window_take(&w, 3);
	struct pbft_proposal a = prepare_of(2, 5, 'a'), b = prepare_of(2, 5, 'b');
	struct pbft_proposal old = prepare_of(2, 4, 'b'), next = prepare_of(2, 6, 'b');

	(void)state;
	assert_int_equal(pbft_slot_put_prepare(slot, &a, sig), PBFT_PUT_NEW);
	assert_int_equal(pbft_slot_put_prepare(slot, &a, sig), PBFT_PUT_REPEAT);
	assert_int_equal(pbft_slot_put_prepare(slot, &b, sig), PBFT_PUT_CONFLICT);
	assert_int_equal(pbft_slot_put_prepare(slot, &old, sig), PBFT_PUT_REPEAT);
	assert_int_equal(pbft_slot_prepares(slot, 5, a.batch), 2);
	assert_int_equal(pbft_slot_prepares(slot, 5, b.batch), 0);
	assert_int_equal(pbft_slot_prepares(slot, 4, a.batch), 0);
	assert_int_equal(pbft_slot_put_prepare(slot, &next, sig), PBFT_PUT_NEW);
	assert_int_equal(pbft_slot_prepares(slot, 5, a.batch), 0);
}

static void one_commit_per_member_and_view(void **state)
{
	struct pbft_slot *slot = pbft_window_take(&w, 3);
	const uint8_t a[32] = "a", b[32] = "b";

	(void)state;
	assert_int_equal(pbft_slot_put_commit(slot, 13, 0, a), PBFT_PUT_NEW);
	assert_int_equal(pbft_slot_put_commit(slot, 13, 0, a), PBFT_PUT_REPEAT);
	assert_int_equal(pbft_slot_put_commit(slot, 13, 0, b), PBFT_PUT_CONFLICT);
	assert_int_equal(pbft_slot_commits(slot, 0, a), 1 << 12);
	assert_int_equal(pbft_slot_commits(slot, 1, a), 0);
	assert_int_equal(pbft_slot_put_commit(slot, 13, 1, b), PBFT_PUT_NEW);
	assert_int_equal(pbft_slot_commits(slot, 1, b), 1 << 12);
}

static void certified_is_what_f_plus_one_committed_or_2f_backups_prepared(void **state)
{
	struct pbft_slot *slot = pbft_window_take(&w, 3);
	struct pbft_proposal two = prepare_of(2, 0, 'a'), three = prepare_of(3, 0, 'a');
	const uint8_t b[32] = "b";

	(void)state;
	assert_null(pbft_slot_certified(slot, 4, 0, 1));
	pbft_slot_put_prepare(slot, &two, sig);
	assert_null(pbft_slot_certified(slot, 4, 0, 1));
	pbft_slot_put_prepare(slot, &three, sig);
	assert_memory_equal(pbft_slot_certified(slot, 4, 0, 1), two.batch, 32);
	assert_null(pbft_slot_certified(slot, 4, 0, 3)); /* one of them is the primary */
	assert_null(pbft_slot_certified(slot, 4, 1, 1)); /* of an older view */
	pbft_slot_put_commit(slot, 1, 0, b);
	assert_memory_equal(pbft_slot_certified(slot, 4, 0, 1), two.batch, 32);
	pbft_slot_put_commit(slot, 4, 0, b);
	assert_memory_equal(pbft_slot_certified(slot, 4, 0, 1), b, 32);
}

static void certificate_holds_matching_votes_as_signed(void **state)
{
	struct pbft_slot *slot = pbft_window_take(&w, 3);
	struct pbft_proposal two = prepare_of(2, 0, 'a'), three = prepare_of(3, 0, 'b'),
			     four = prepare_of(4, 0, 'a');

	(void)state;
	pbft_slot_put_prepare(slot, &two, sig);
	pbft_slot_put_prepare(slot, &three, sig);
	pbft_slot_put_prepare(slot, &four, sig);
	slot->vote_view = 0;
	memcpy(slot->vote, two.batch, 32);
	pbft_slot_certify(slot);
	assert_int_equal(slot->cert.who, 0xa);
	assert_int_equal(slot->cert.incarnation[1], 9);
	assert_memory_equal(slot->cert.sig[3], sig, 64);
	assert_int_equal(slot->cert.sig[2][0], 0);
}

static void a_copy_of_a_batch_has_all_that_is_used(void **state)
{
	static struct pbft_batch from, to;

	(void)state;
	from.time = 5;
	from.n_bundles = PBFT_BATCH_BUNDLES_MAX;
	for (size_t i = 0; i < PBFT_BATCH_BUNDLES_MAX; i++)
		from.bundles[i].counter = i;
	memset(from.digest, 3, 32);
	memset(&to, 0xff, sizeof(to));
	pbft_batch_copy(&to, &from);
	assert_int_equal(to.time, 5);
	assert_memory_equal(to.digest, from.digest, 32);
	assert_memory_equal(to.bundles, from.bundles, sizeof(from.bundles));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(covers_two_windows_above_its_base, setup),
		cmocka_unit_test_setup(a_slot_begins_empty, setup),
		cmocka_unit_test_setup(slots_below_are_swept_before_their_place_is_used, setup),
		cmocka_unit_test_setup(a_base_far_above_sweeps_the_ring_once, setup),
		cmocka_unit_test_setup(one_prepare_per_member_and_view, setup),
		cmocka_unit_test_setup(one_commit_per_member_and_view, setup),
		cmocka_unit_test_setup(
			certified_is_what_f_plus_one_committed_or_2f_backups_prepared, setup),
		cmocka_unit_test_setup(certificate_holds_matching_votes_as_signed, setup),
		cmocka_unit_test_setup(a_copy_of_a_batch_has_all_that_is_used, setup),
	};

	return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
