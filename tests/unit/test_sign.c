/* Four signers, or seven, with real shares and nonces: daemon/sign.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/signers.h"

static const uint16_t everyone = PBFT_EVERYONE;

/* The trial is signed, pools are full. */
static int live(uint8_t n, void **state)
{
	struct signers *s = signers_new(n);
	uint64_t trial = signers_nonces(s);

	signers_execute_all(s, trial);
	signers_deliver(s, everyone);
	for (uint8_t id = 1; id <= n; id++) {
		/* who is in no set, or in one that came second, adds up after the grace */
		signers_pass(s, 10);
		assert_true(signers_is_signed(s, id, trial));
		assert_true(index_block(s->member[id - 1].index, trial)->trial);
	}
	*state = s;
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

static int down(void **state)
{
	signers_free(*state);
	return 0;
}

static uint64_t ordered(struct signers *s, unsigned leaves)
{
	uint64_t seq = signers_order(s, leaves);

	signers_execute_all(s, seq);
	return seq;
}

static void assert_signed_by_all(struct signers *s, uint64_t seq)
{
	for (uint8_t id = 1; id <= s->n; id++) {
		if (!signers_is_signed(s, id, seq))
			fail_msg("member %u has no signature of batch %llu", id,
				 (unsigned long long)seq);
		assert_int_equal(sign_missing(s->member[id - 1].sign), 0);
	}
}

/* ---- the good case ---- */

static void a_batch_is_signed_by_one_exchange(void **state)
{
	struct signers *s = *state;
	uint64_t seq = ordered(s, 3);

	for (uint8_t id = 1; id <= 4; id++)
		assert_int_equal(sign_missing(s->member[id - 1].sign), 1);
	signers_deliver(s, everyone);
	assert_signed_by_all(s, seq); /* disjoint pairs: each has its own set's */
}

static void all_pairs_of_four_take_their_turn(void **state)
{
	struct signers *s = *state;
	unsigned pairs[5][5] = {{0}};

	for (int n = 0; n < 6; n++) {
		uint64_t seq = ordered(s, 1);
		const struct machine_result *r = &s->member[0].result;

		assert_int_equal(r->n_sets, 2);
		for (size_t set = 0; set < 2; set++)
			pairs[r->sets[set].members[0]][r->sets[set].members[1]]++;
		signers_deliver(s, everyone);
		assert_signed_by_all(s, seq);
	}
	for (uint8_t a = 1; a <= 4; a++) {
		for (uint8_t b = (uint8_t)(a + 1); b <= 4; b++)
			assert_int_equal(pairs[a][b], 2);
	}
}

static void sets_of_seven_that_overlap_sign_too(void **state)
{
	struct signers *s = *state;
	bool outside = false;

	for (int n = 0; n < 20; n++) {
		uint64_t seq = ordered(s, 2);

		signers_deliver(s, everyone);
		for (uint8_t id = 1; id <= 7; id++)
			outside = outside || signers_set_of(s, id) < 0;
		signers_pass(s, 10);
		assert_signed_by_all(s, seq);
	}
	assert_true(outside); /* somebody was in no set, and has the signatures all the same */
}

static void batches_without_leaves_are_not_signed(void **state)
{
	struct signers *s = *state;
	struct machine_pool_info before, after;

	machine_pool(s->member[0].machine, 1, &before);
	ordered(s, 0);
	machine_pool(s->member[0].machine, 1, &after);
	assert_int_equal(before.left, after.left);
	assert_int_equal(s->n_queue, 0);
	assert_int_equal(sign_missing(s->member[0].sign), 0);
}

static void nobody_adds_up_twice(void **state)
{
	struct signers *s = *state;
	uint64_t seq = ordered(s, 1);
	static struct mail again[64];
	size_t n = s->n_queue;

	memcpy(again, s->queue, n * sizeof(again[0]));
	signers_deliver(s, everyone);
	memcpy(s->queue, again, n * sizeof(again[0]));
	s->n_queue = n;
	signers_deliver(s, everyone);
	assert_signed_by_all(s, seq); /* asserts that it was told once */
}

static void many_batches_at_once_are_signed_in_any_order(void **state)
{
	struct signers *s = *state;
	uint64_t first = ordered(s, 1), last = first;
	size_t n;

	for (int i = 0; i < 30; i++)
		last = ordered(s, 1);
	n = s->n_queue;
	for (size_t i = 0; i < n / 2; i++) { /* backwards */
		struct mail swap = s->queue[i];

		s->queue[i] = s->queue[n - 1 - i];
		s->queue[n - 1 - i] = swap;
	}
	signers_deliver(s, everyone);
	for (uint64_t seq = first; seq <= last; seq++)
		assert_signed_by_all(s, seq);
}

/* ---- early and late ---- */

static void shares_that_come_before_the_batch_are_kept(void **state)
{
	struct signers *s = *state;
	uint64_t seq = signers_order(s, 2);

	for (uint8_t id = 1; id <= 3; id++)
		signers_execute(s, id, seq);
	signers_deliver(s, everyone); /* to member 4 too, which has not executed */
	signers_execute(s, 4, seq);
	assert_true(signers_is_signed(s, 4, seq));
	signers_deliver(s, everyone);
	signers_pass(s, 10);
	assert_signed_by_all(s, seq);
}

static void a_signature_that_comes_before_the_batch_is_kept(void **state)
{
	struct signers *s = *state;
	uint64_t seq = signers_order(s, 2);
	uint8_t sig[64];
	uint32_t epoch;

	for (uint8_t id = 1; id <= 3; id++)
		signers_execute(s, id, seq);
	signers_deliver(s, 7);
	assert_true(index_signature(s->member[0].index, seq, &epoch, sig) ||
		    index_signature(s->member[1].index, seq, &epoch, sig) ||
		    index_signature(s->member[2].index, seq, &epoch, sig));
	sign_signed_in(s->member[3].sign, seq, sig);
	signers_execute(s, 4, seq);
	assert_true(signers_is_signed(s, 4, seq));
}

static void a_wrong_signature_is_not_taken(void **state)
{
	struct signers *s = *state;
	uint64_t seq = signers_order(s, 2);
	uint8_t sig[64];

	memset(sig, 5, sizeof(sig));
	assert_true(sign_signed_in(s->member[0].sign, seq, sig)); /* early */
	signers_execute_all(s, seq);
	assert_false(signers_is_signed(s, 1, seq));
	assert_false(
		sign_signed_in(s->member[0].sign, seq, sig)); /* and late: that link is closed */
	assert_false(signers_is_signed(s, 1, seq));
	sign_signed_in(s->member[0].sign, seq + 1000, sig);
	sign_signed_in(s->member[0].sign, 0, sig);
	signers_deliver(s, everyone);
	assert_signed_by_all(s, seq);
}

static void what_is_far_ahead_is_not_kept(void **state)
{
	struct signers *s = *state;
	struct sign *sign = s->member[0].sign;
	uint64_t head = s->head, seq;
	ap_share share = {.share = {.epoch = 1, .replica = 2}};

	/* one place each, and those of batches under way are not taken */
	seq = ordered(s, 1);
	for (uint64_t ahead = 1; ahead < 5000; ahead++) {
		share.share.seq = head + ahead;
		sign_share_in(sign, 2, &share, s->now_ms);
	}
	signers_deliver(s, everyone);
	assert_signed_by_all(s, seq);
	for (int n = 0; n < 10; n++) {
		seq = ordered(s, 1);
		signers_deliver(s, everyone);
		signers_pass(s, 400);
		assert_signed_by_all(s, seq);
	}
}

/* ---- silence ---- */

static void one_silent_member_delays_nothing(void **state)
{
	struct signers *s = *state;

	for (uint8_t silent = 1; silent <= 4; silent++) {
		for (int n = 0; n < 3; n++) {
			uint64_t seq;

			s->silent[silent - 1] = true;
			seq = ordered(s, 1);
			signers_deliver(s, everyone);
			signers_pass(s, 5); /* the grace of those whose set waits in vain */
			for (uint8_t id = 1; id <= 4; id++)
				assert_true(signers_is_signed(s, id, seq));
			s->silent[silent - 1] = false;
		}
	}
	for (uint8_t id = 1; id <= 4; id++)
		assert_int_equal(s->member[id - 1].wants, 0);
}

static void the_own_set_has_a_short_grace(void **state)
{
	struct signers *s = *state;
	uint64_t seq = signers_order(s, 1);
	uint8_t mate = 0;
	int own;

	signers_execute(s, 1, seq);
	own = signers_set_of(s, 1);
	for (uint8_t id = 2; id <= 4; id++) {
		s->member[id - 1].result = s->member[0].result;
		if (signers_set_of(s, id) == own)
			mate = id;
	}
	for (uint8_t id = 2; id <= 4; id++) {
		if (id != mate)
			signers_execute(s, id, seq);
	}
	signers_deliver(s, 1);
	assert_false(
		signers_is_signed(s, 1, seq)); /* the other set is complete, the own may be soon */
	assert_true(sign_tick(s->member[0].sign, s->now_ms) <= s->now_ms + 4);
	signers_pass(s, 4);
	assert_true(signers_is_signed(s, 1, seq));
}

static void with_too_few_it_is_asked_for_and_comes_later(void **state)
{
	struct signers *s = *state;
	uint64_t seq = signers_order(s, 1);
	const struct machine_result *r = &s->member[0].result;

	/* one of each pair is away */
	signers_execute(s, 1, seq);
	for (uint8_t id = 2; id <= 4; id++)
		s->member[id - 1].result = *r;
	for (uint8_t id = 2; id <= 4; id++) {
		if (r->sets[0].members[0] == id || r->sets[1].members[0] == id)
			signers_execute(s, id, seq);
	}
	signers_deliver(s, everyone);
	for (int n = 0; n < 20; n++) {
		signers_pass(s, 50);
		assert_false(signers_is_signed(s, 1, seq));
	}
	assert_in_range(s->member[0].wants, 2, 6);
	signers_execute_all(s, seq);
	signers_deliver(s, everyone);
	signers_pass(s, 10);
	signers_pass(s, 2000);
	assert_signed_by_all(s, seq);
}

static void lost_shares_are_asked_for_and_sent_again(void **state)
{
	struct signers *s = *state;
	uint64_t seq = ordered(s, 1);

	s->n_queue = 0; /* all lost */
	assert_int_equal(sign_tick(s->member[0].sign, s->now_ms), s->now_ms + 100);
	signers_pass(s, 99);
	assert_int_equal(s->member[0].wants, 0);
	signers_pass(s, 1);
	assert_signed_by_all(s, seq);
	assert_int_equal(sign_tick(s->member[0].sign, s->now_ms), UINT64_MAX);
}

static void who_has_the_signature_gives_it(void **state)
{
	struct signers *s = *state;
	uint64_t seq = ordered(s, 1);

	signers_deliver(s, everyone & ~8); /* member 4 gets nothing */
	for (uint8_t id = 1; id <= 3; id++)
		signers_pass(s, 5);
	assert_true(signers_is_signed(s, 1, seq));
	assert_false(signers_is_signed(s, 4, seq));
	signers_pass(s, 150);
	assert_signed_by_all(s, seq);
}

static void it_asks_less_and_less_and_then_gives_up(void **state)
{
	struct signers *s = *state;
	uint64_t seq = ordered(s, 1), wake;
	unsigned asked;

	for (uint8_t id = 2; id <= 4; id++)
		s->silent[id - 1] = true;
	s->n_queue = 0;
	for (int n = 0; n < 2000; n++)
		signers_pass(s, 10);
	asked = s->member[0].wants;
	assert_in_range(asked, 4, 10);
	wake = sign_tick(s->member[0].sign, s->now_ms);
	assert_int_equal(wake, UINT64_MAX);
	assert_false(signers_is_signed(s, 1, seq));
}

static void wants_for_what_is_not_there_get_nothing(void **state)
{
	struct signers *s = *state;
	uint64_t seq = ordered(s, 1);

	s->n_queue = 0;
	sign_want_in(s->member[0].sign, 2, seq + 1);
	sign_want_in(s->member[0].sign, 2, seq - 1 + 512);
	sign_want_in(s->member[0].sign, 2, 0);
	sign_want_in(s->member[0].sign, 2, UINT64_MAX);
	assert_int_equal(s->n_queue, 0);
	sign_want_in(s->member[0].sign, 2, seq);
	assert_int_equal(s->n_queue, 1);
	assert_int_equal(s->queue[0].to, 2);
}

/* ---- bad shares ---- */

static void spoil_shares_of_3(struct signers *s, struct mail *mail)
{
	(void)s;
	if (mail->kind == MAIL_SHARE && mail->from == 3)
		mail->share.share.z.octets[0] ^= 1;
}

static void a_bad_share_costs_the_grace_and_no_more(void **state)
{
	struct signers *s = *state;

	s->change = spoil_shares_of_3;
	for (int n = 0; n < 6; n++) {
		uint64_t seq = ordered(s, 1);

		signers_deliver(s, everyone);
		signers_pass(s, 5);
		assert_signed_by_all(s, seq);
	}
}

static void spoil_shares_of_3_above_the_order(struct signers *s, struct mail *mail)
{
	(void)s;
	if (mail->kind == MAIL_SHARE && mail->from == 3)
		memset(mail->share.share.z.octets, 0xff, 32);
}

static void a_share_that_is_no_scalar_too(void **state)
{
	struct signers *s = *state;

	s->change = spoil_shares_of_3_above_the_order;
	for (int n = 0; n < 3; n++) {
		uint64_t seq = ordered(s, 1);

		signers_deliver(s, everyone);
		signers_pass(s, 5);
		assert_signed_by_all(s, seq);
	}
}

static void a_good_share_may_follow_a_bad_one(void **state)
{
	struct signers *s = *state;
	uint64_t seq;

	s->change = spoil_shares_of_3;
	seq = ordered(s, 1);
	/* the other pair is cut off: only the pair of 3 can do it */
	for (uint8_t id = 1; id <= 4; id++) {
		if (signers_set_of(s, id) != signers_set_of(s, 3))
			s->silent[id - 1] = true;
	}
	for (size_t i = 0; i < s->n_queue; i++) {
		if (s->silent[s->queue[i].from - 1])
			s->queue[i].share.share.set = 7;
	}
	signers_deliver(s, everyone);
	signers_pass(s, 10);
	s->change = NULL;
	signers_pass(s, 200); /* asked for again, it is good */
	for (uint8_t id = 1; id <= 4; id++) {
		if (signers_set_of(s, id) == signers_set_of(s, 3) && id != 3)
			assert_true(signers_is_signed(s, id, seq));
	}
}

static void other_statement(struct signers *s, struct mail *mail)
{
	(void)s;
	if (mail->kind == MAIL_SHARE && mail->from == 2)
		mail->share.share.statement.octets[0] ^= 1;
}

static void a_share_of_another_statement_is_not_combined(void **state)
{
	struct signers *s = *state;
	uint64_t seq;

	s->change = other_statement;
	seq = ordered(s, 1);
	signers_deliver(s, everyone);
	for (uint8_t id = 1; id <= 4; id++) {
		if (id != 2 && signers_set_of(s, id) == signers_set_of(s, 2))
			assert_false(signers_is_signed(s, id, seq));
	}
	signers_pass(s, 5);
	for (uint8_t id = 1; id <= 4; id++)
		assert_true(signers_is_signed(s, id, seq)); /* by the other pair */
}

static void shares_of_no_set_or_another_epoch_are_dropped(void **state)
{
	struct signers *s = *state;
	uint64_t seq = ordered(s, 1);
	struct sign *sign = s->member[0].sign;
	ap_share good = {0};
	uint8_t from = 0;

	for (size_t i = 0; i < s->n_queue; i++) {
		if (s->queue[i].to == 1 && s->queue[i].share.share.set == signers_set_of(s, 1)) {
			good = s->queue[i].share;
			from = s->queue[i].from;
		}
	}
	assert_true(from != 0);
	for (int row = 0; row < 5; row++) {
		ap_share share = good;

		share.share.set = (ap_u8)(row == 0   ? 2
					  : row == 1 ? 1 - good.share.set
					  : row == 2 ? 255
						     : good.share.set);
		if (row == 3)
			share.share.epoch = 2;
		if (row == 4)
			share.share.replica = 1; /* our own place */
		sign_share_in(sign, from, &share, s->now_ms);
		assert_false(signers_is_signed(s, 1, seq));
	}
	sign_share_in(sign, from, &good, s->now_ms);
	assert_true(signers_is_signed(s, 1, seq));
}

/* ---- restart ---- */

static void nonces_of_an_earlier_run_are_not_signed_with(void **state)
{
	struct signers *s = *state;
	uint64_t seq;

	signers_restart(s, 2);
	seq = ordered(s, 1);
	signers_deliver(s, everyone);
	signers_pass(s, 5);
	assert_signed_by_all(s, seq); /* by the pair that 2 is not in */
	seq = signers_nonces(s);      /* 2 has a new pool */
	signers_execute_all(s, seq);
	for (int n = 0; n < 3; n++) {
		seq = ordered(s, 1);
		signers_deliver(s, everyone);
		assert_signed_by_all(s, seq);
	}
}

static void all_restarted_sign_what_they_had_not(void **state)
{
	struct signers *s = *state;
	uint64_t lost = ordered(s, 1), seq;

	s->n_queue = 0;
	for (uint8_t id = 1; id <= 4; id++)
		signers_restart(s, id);
	seq = ordered(s, 1); /* pools of earlier runs: nobody can */
	signers_deliver(s, everyone);
	signers_pass(s, 1000);
	assert_false(signers_is_signed(s, 1, seq));
	signers_execute_all(s, signers_nonces(s));
	signers_execute_all(s, signers_order_own(s, everyone));
	signers_deliver(s, everyone);
	signers_pass(s, 10);
	assert_signed_by_all(s, seq);
	assert_signed_by_all(s, lost);
	seq = ordered(s, 1);
	signers_deliver(s, everyone);
	assert_signed_by_all(s, seq);
}

/* ---- retry ---- */

static void expect_retries(const struct signers *s, unsigned each)
{
	for (uint8_t id = 1; id <= s->n; id++)
		assert_int_equal(s->member[id - 1].retries, each);
}

static void faults_of_one_ask_nobody_again(void **state)
{
	struct signers *s = *state;
	void (*const changes[])(struct signers *, struct mail *) = {NULL, spoil_shares_of_3,
								    other_statement};

	for (size_t i = 0; i < 3; i++) {
		s->change = changes[i];
		s->silent[3] = i == 0;
		for (int n = 0; n < 6; n++) {
			uint64_t seq = ordered(s, 1);

			signers_deliver(s, everyone);
			signers_pass(s, 400);
			for (uint8_t id = 1; id <= 4; id++)
				assert_true(signers_is_signed(s, id, seq));
		}
		signers_pass(s, 11000); /* it is forgotten who was bad */
	}
	expect_retries(s, 0);
}

static void lost_shares_end_in_one_retry(void **state)
{
	struct signers *s = *state;
	uint64_t seq = ordered(s, 1);

	for (int n = 0; n < 40; n++) { /* all that is sent gets lost */
		s->now_ms += 10;
		for (uint8_t id = 1; id <= 4; id++)
			sign_tick(s->member[id - 1].sign, s->now_ms);
		s->n_queue = 0;
	}
	expect_retries(s, 1);
	signers_execute_all(s, signers_order_own(s, 3)); /* f+1 are enough */
	assert_int_equal(s->member[0].result.n_retries, 1);
	signers_deliver(s, everyone);
	signers_pass(s, 5);
	assert_signed_by_all(s, seq);
	signers_execute_all(s, signers_order_own(s, everyone)); /* the others' come late */
	assert_int_equal(s->member[0].result.n_retries, 0);
	signers_pass(s, 5000);
	expect_retries(s, 1);
}

static void who_has_the_signature_gives_it_at_a_retry(void **state)
{
	struct signers *s = *state;
	uint64_t seq = ordered(s, 1);
	struct machine_pool_info pool;

	signers_deliver(s, 3); /* 1 and 2 hear the others, 3 and 4 nothing */
	s->silent[0] = s->silent[1] = true;
	signers_pass(s, 5);
	assert_true(signers_is_signed(s, 1, seq));
	for (int n = 0; n < 40; n++) {
		s->now_ms += 10;
		for (uint8_t id = 3; id <= 4; id++)
			sign_tick(s->member[id - 1].sign, s->now_ms);
		s->n_queue = 0;
	}
	s->silent[0] = s->silent[1] = false;
	signers_execute_all(s, signers_order_own(s, everyone));
	assert_int_equal(s->member[0].result.n_retries, 1);
	for (size_t i = 0; i < s->n_queue; i++) /* it does not sign again */
		if (s->queue[i].from <= 2)
			assert_int_equal(s->queue[i].kind, MAIL_SIGNED);
	signers_deliver(s, everyone);
	assert_signed_by_all(s, seq);
	machine_pool(s->member[0].machine, 1, &pool); /* the pair is gone all the same */
	assert_int_equal(frost_held(s->member[0].frost), pool.left);
}

static void shares_of_an_attempt_before_it_are_kept(void **state)
{
	struct signers *s = *state;
	uint64_t seq = ordered(s, 1);

	for (int n = 0; n < 40; n++) {
		s->now_ms += 10;
		for (uint8_t id = 1; id <= 4; id++)
			sign_tick(s->member[id - 1].sign, s->now_ms);
		s->n_queue = 0;
	}
	(void)signers_order_own(s, everyone);
	for (uint8_t id = 1; id <= 3; id++)
		signers_execute(s, id, s->head);
	signers_deliver(s, 8); /* member 4 has not executed that */
	signers_execute(s, 4, s->head);
	assert_true(signers_is_signed(s, 4, seq));
}

static void two_silent_of_seven_are_found_out(void **state)
{
	struct signers *s = *state;
	unsigned worst = 0;

	for (int n = 0; n < 2; n++)
		signers_execute_all(s, signers_nonces(s));
	s->silent[1] = s->silent[5] = true;
	for (int n = 0; n < 50; n++) {
		uint64_t seq = ordered(s, 1), own;
		unsigned attempts = 0;

		for (;;) {
			signers_deliver(s, everyone);
			signers_pass(s, 10);
			if (signers_is_signed(s, 1, seq))
				break;
			signers_pass(s, 4000);
			own = signers_order_own(s, (uint16_t) ~(1 << 1 | 1 << 5));
			if (own == 0)
				break;
			signers_execute_all(s, own);
			attempts++;
		}
		assert_true(signers_is_signed(s, 1, seq));
		worst = attempts > worst ? attempts : worst;
		if (n > 20) {
			assert_int_equal(attempts, 0);
			assert_true(
				machine_signers_is_out(machine_signer(s->member[0].machine, 2)) ||
				machine_signers_is_out(machine_signer(s->member[0].machine, 6)));
		}
	}
	assert_in_range(worst, 1, 2);
}

/* ---- blame ---- */

static void a_bad_share_names_its_sender(void **state)
{
	struct signers *s = *state;
	uint64_t seq;
	unsigned blames = 0;

	for (int n = 0; n < 3; n++) {
		s->change = spoil_shares_of_3;
		seq = ordered(s, 1);
		/* signed as it is sent: see on_send() of signers.c */
		for (size_t i = 0; i < s->n_queue; i++)
			if (s->queue[i].from == 3)
				signers_sign(s, &s->queue[i]);
		signers_deliver(s, everyone);
		signers_pass(s, 10);
		assert_signed_by_all(s, seq);
	}
	for (uint8_t id = 1; id <= 4; id++) {
		assert_in_range(s->member[id - 1].blames, 0, 1);
		blames += s->member[id - 1].blames;
	}
	assert_in_range(blames, 1, 3);
	signers_execute_all(s, signers_order_own(s, everyone));
	for (uint8_t id = 1; id <= 4; id++)
		for (uint8_t of = 1; of <= 4; of++)
			assert_int_equal(machine_signer(s->member[id - 1].machine, of)->blamed,
					 of == 3);
	for (int n = 0; n < 6; n++) { /* the three go on */
		seq = ordered(s, 1);
		assert_int_equal(signers_set_of(s, 3), -1);
		signers_deliver(s, everyone);
		signers_pass(s, 10);
		assert_signed_by_all(s, seq);
	}
	expect_retries(s, 0);
}

static void a_bad_share_without_a_good_signature_names_nobody(void **state)
{
	struct signers *s = *state;

	s->change = spoil_shares_of_3; /* changed behind its signature */
	for (int n = 0; n < 6; n++) {
		uint64_t seq = ordered(s, 1);

		signers_deliver(s, everyone);
		signers_pass(s, 10);
		assert_signed_by_all(s, seq);
	}
	for (uint8_t id = 1; id <= 4; id++)
		assert_int_equal(s->member[id - 1].blames, 0);
}

static void a_bad_point_names_who_ordered_it(void **state)
{
	struct signers *s = *state;
	bool named = false;

	s->bad_point_of = 2;
	signers_execute_all(s, signers_nonces(s));
	s->bad_point_of = 0;
	for (int n = 0; n < 140 && !named; n++) {
		uint64_t seq = ordered(s, 1);

		signers_deliver(s, everyone);
		signers_pass(s, 10);
		for (uint8_t id = 1; id <= 4; id++)
			named = named || s->member[id - 1].badpoints > 0;
		for (uint8_t id = 1; id <= 4; id++)
			if (id != 2)
				assert_true(signers_is_signed(s, id, seq));
	}
	assert_true(named);
	signers_execute_all(s, signers_order_own(s, (uint16_t)~2));
	for (uint8_t of = 1; of <= 4; of++)
		assert_int_equal(machine_signer(s->member[0].machine, of)->blamed, of == 2);
}

/* ---- memory ---- */

static void places_come_round(void **state)
{
	struct signers *s = *state;
	uint64_t seq = 0;

	for (int n = 0; n < 600; n++) {
		struct machine_pool_info pool;

		machine_pool(s->member[0].machine, 1, &pool);
		if (pool.left < 64)
			signers_execute_all(s, signers_nonces(s));
		seq = ordered(s, 1);
		if (n % 7 == 0)
			s->n_queue = 0; /* some are never signed */
		signers_deliver(s, everyone);
		assert_int_equal(signers_is_signed(s, 1, seq), n % 7 != 0);
	}
	assert_true(sign_missing(s->member[0].sign) <= 512 / 7 + 1);
}

static void checks_ahead_are_done_once_a_batch(void **state)
{
	struct signers *s = *state;
	struct signer *m = &s->member[0];

	assert_true(sign_idle(m->sign, m->machine));
	assert_false(sign_idle(m->sign, m->machine));
	ordered(s, 1);
	assert_true(sign_idle(m->sign, m->machine));
}

static void who_does_not_wait_adds_up_later(void **state)
{
	struct signers *s = *state;
	struct signer *m = &s->member[0];
	uint64_t seq = signers_order(s, 1);

	for (uint8_t id = 2; id <= 4; id++)
		signers_execute(s, id, seq);
	signers_deliver(s, everyone);
	/* executed, with nobody waiting here: as signers_execute(), but not urgent */
	sign_free(m->sign);
	m->sign = NULL;
	signers_execute(s, 1, seq);
	signers_restart(s, 1);
	sign_executed(m->sign, &m->result, false, s->now_ms);
	for (uint8_t id = 2; id <= 4; id++)
		sign_want_in(s->member[id - 1].sign, 1, seq);
	signers_deliver(s, everyone);
	assert_false(signers_is_signed(s, 1, seq));
	assert_in_range(sign_tick(m->sign, s->now_ms), s->now_ms + 1, s->now_ms + 4);
	signers_pass(s, 4);
	signers_pass(s, 4);
	assert_true(signers_is_signed(s, 1, seq));
}

/* The last share says that nobody is left to give way to. */
static void who_does_not_wait_adds_up_when_all_shares_have_come(void **state)
{
	struct signers *s = *state;
	uint64_t seq;

	s->no_clients = true;
	seq = signers_order(s, 1);
	for (uint8_t id = 1; id <= 3; id++)
		signers_execute(s, id, seq);
	signers_deliver(s, everyone);
	for (uint8_t id = 1; id <= 4; id++)
		assert_false(signers_is_signed(s, id, seq));
	signers_execute(s, 4, seq);
	signers_deliver(s, everyone);
	assert_signed_by_all(s, seq);
}

#define FOUR(test)  cmocka_unit_test_setup_teardown(test, four, down)
#define SEVEN(test) cmocka_unit_test_setup_teardown(test, seven, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOUR(a_batch_is_signed_by_one_exchange),
		FOUR(all_pairs_of_four_take_their_turn),
		SEVEN(sets_of_seven_that_overlap_sign_too),
		FOUR(batches_without_leaves_are_not_signed),
		FOUR(nobody_adds_up_twice),
		FOUR(many_batches_at_once_are_signed_in_any_order),
		FOUR(shares_that_come_before_the_batch_are_kept),
		FOUR(a_signature_that_comes_before_the_batch_is_kept),
		FOUR(a_wrong_signature_is_not_taken),
		FOUR(what_is_far_ahead_is_not_kept),
		FOUR(one_silent_member_delays_nothing),
		FOUR(the_own_set_has_a_short_grace),
		FOUR(with_too_few_it_is_asked_for_and_comes_later),
		FOUR(lost_shares_are_asked_for_and_sent_again),
		FOUR(who_has_the_signature_gives_it),
		FOUR(it_asks_less_and_less_and_then_gives_up),
		FOUR(wants_for_what_is_not_there_get_nothing),
		FOUR(a_bad_share_costs_the_grace_and_no_more),
		FOUR(who_does_not_wait_adds_up_when_all_shares_have_come),
		FOUR(a_share_that_is_no_scalar_too),
		FOUR(a_good_share_may_follow_a_bad_one),
		FOUR(a_share_of_another_statement_is_not_combined),
		FOUR(shares_of_no_set_or_another_epoch_are_dropped),
		FOUR(nonces_of_an_earlier_run_are_not_signed_with),
		FOUR(all_restarted_sign_what_they_had_not),
		FOUR(faults_of_one_ask_nobody_again),
		FOUR(lost_shares_end_in_one_retry),
		FOUR(who_has_the_signature_gives_it_at_a_retry),
		FOUR(shares_of_an_attempt_before_it_are_kept),
		SEVEN(two_silent_of_seven_are_found_out),
		FOUR(a_bad_share_names_its_sender),
		FOUR(a_bad_share_without_a_good_signature_names_nobody),
		FOUR(a_bad_point_names_who_ordered_it),
		FOUR(places_come_round),
		FOUR(checks_ahead_are_done_once_a_batch),
		FOUR(who_does_not_wait_adds_up_later),
	};

	return cmocka_run_group_tests_name("sign", tests, NULL, NULL);
}
