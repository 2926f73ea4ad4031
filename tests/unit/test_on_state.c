/* A state that is lost, and one that is transferred: daemon/pbft/on_lost.c, on_state.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "libproto/crypto.h"
#include "libproto/digest.h"
#include "tests/lib/rig.h"

enum { SELF = 3, Q = 3 };

static struct rig r;
static struct pbft_batch batch[20];
static uint8_t running[20][32];

static int backup(void **state)
{
	(void)state;
	rig_init(&r, 4, SELF);
	rig_start(&r);
	rig_links(&r);
	memset(batch, 0, sizeof(batch));
	memcpy(running[0], r.conf.running0, 32);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_free(&r);
	return 0;
}

/* Batches from..to through all phases. */
static void order(uint64_t from, uint64_t to)
{
	for (uint64_t seq = from; seq <= to; seq++) {
		batch[seq] = rig_order(&r, seq);
		ap_digest_running(ap_sha256, running[seq], running[seq - 1], seq,
				  batch[seq].digest);
	}
}

static void others_sign(uint64_t seq, uint8_t salt)
{
	uint8_t state[32], kept = r.state_salt;

	r.state_salt = salt;
	rig_state(&r, seq, state);
	r.state_salt = kept;
	for (uint8_t id = 1; id <= 4; id++)
		if (id != SELF)
			rig_checkpoint(&r, id, seq, state);
	rig_written(&r);
}

struct transferred {
	uint64_t incarnation[AP_REPLICAS_MAX];
	uint8_t sig[AP_REPLICAS_MAX][64];
	struct machine_numbers numbers[AP_REPLICAS_MAX];
	uint64_t members[AP_REPLICAS_MAX];
};

static void transfer(uint64_t seq, uint16_t who, bool silent)
{
	static struct transferred t;
	struct pbft_event ev = {.kind = PBFT_EV_STATE};

	memset(t.sig, 0x77, sizeof(t.sig));
	ev.u.transferred.seq = seq;
	ev.u.transferred.time_ms = r.wall_ms;
	memcpy(ev.u.transferred.running, running[seq], 32);
	rig_state(&r, seq, ev.u.transferred.state);
	ev.u.transferred.silent = silent;
	ev.u.transferred.who = who;
	ev.u.transferred.incarnation = t.incarnation;
	ev.u.transferred.sig = (const uint8_t(*)[64])t.sig;
	ev.u.transferred.numbers = t.numbers;
	ev.u.transferred.members = t.members;
	rig_event(&r, &ev);
}

static void take(uint64_t seq)
{
	r.executed = seq; /* the rig's machine is there */
	transfer(seq, 0xb, false);
	assert_int_equal(rig_info(&r).stable, seq);
}

static void refused(uint64_t seq, uint16_t who)
{
	struct pbft_info before = rig_info(&r), after;

	rig_clear(&r);
	transfer(seq, who, false);
	after = rig_info(&r);
	assert_int_equal(after.executed, before.executed);
	assert_int_equal(after.stable, before.stable);
	assert_int_equal(after.lacks, before.lacks);
	assert_int_equal(rig_count(&r, PBFT_WRITE_STABLE), 0);
	assert_int_equal(after.dropped[PBFT_DROP_OTHER], before.dropped[PBFT_DROP_OTHER] + 1);
}

static void lose(bool state, bool votes)
{
	struct pbft_event ev = {.kind = PBFT_EV_LOST, .u.lost = {.state = state, .votes = votes}};

	rig_event(&r, &ev);
	rig_clear(&r);
}

/* Everything that would make it vote on seq, and a second without progress. */
static struct pbft_batch provoke(uint64_t seq)
{
	struct pbft_batch b = rig_batch(&r, 100 + seq);

	rig_pre_prepare(&r, seq, &b);
	for (uint8_t id = 2; id <= 4; id++)
		if (id != SELF)
			rig_prepare(&r, id, seq, &b);
	rig_written(&r);
	for (uint8_t id = 1; id <= 4; id++)
		if (id != SELF)
			rig_commit(&r, id, seq, &b);
	rig_written(&r);
	for (int i = 0; i < 10; i++)
		rig_timer(&r, 100);
	rig_status(&r, 1, seq, 0);
	rig_link(&r, 4, false);
	rig_link(&r, 4, true);
	rig_written(&r);
	return b;
}

/* ---- taken over by one that lags ---- */

static void a_state_above_takes_the_place_of_what_was_executed(void **state)
{
	const struct pbft_effect *e;

	(void)state;
	order(1, 3);
	rig_clear(&r);
	r.executed = 8;
	transfer(8, 0xb, false);
	assert_int_equal(rig_info(&r).executed, 8);
	assert_int_equal(rig_info(&r).stable, 8);
	assert_memory_equal(rig_info(&r).running, running[8], 32);
	e = rig_last(&r, PBFT_WRITE_STABLE);
	assert_non_null(e);
	assert_int_equal(e->u.stable.seq, 8);
	assert_int_equal(e->u.stable.who, 0xb);
	e = rig_last(&r, PBFT_WRITE_EXECUTED);
	assert_non_null(e); /* whoever fetches is attested to from it */
	assert_int_equal(e->u.executed.seq, 8);
	e = rig_last(&r, PBFT_SEND_STATUS);
	assert_non_null(e);
	assert_int_equal(e->u.status.executed, 8);
	assert_int_equal(e->u.status.stable, 8);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_STABLE), 0); /* the shell has it merged */
}

static void behind_it_the_log_goes_on(void **state)
{
	struct pbft_info info;

	(void)state;
	order(1, 2);
	take(8);
	rig_clear(&r);
	memcpy(running[8], rig_info(&r).running, 32);
	order(9, 10);
	info = rig_info(&r);
	assert_int_equal(info.executed, 10);
	assert_true(rig_votes(&r) >= 4); /* PREPARE and COMMIT of both */
}

static void bodies_below_are_given_up(void **state)
{
	(void)state;
	order(1, 3);
	assert_int_equal(rig_held_all(&r), 3);
	take(8);
	rig_timer(&r, 1);
	assert_int_equal(rig_held_all(&r), 0);
}

static void what_proves_nothing_is_not_taken(void **state)
{
	(void)state;
	order(1, 3);
	refused(0, 0xb);
	refused(6, 0xb); /* no checkpoint */
	refused(8, 0x9); /* two signers */
	order(4, 4);
	others_sign(4, 0);
	assert_int_equal(rig_info(&r).stable, 4);
	refused(4, 0xb); /* executed here, and nothing wrong with it */
}

/* ---- lost, and had again ---- */

/* No checkpoint is stable: there is nothing to transfer, and nothing is missing. */
static void at_the_beginning_it_executes_its_log_again(void **state)
{
	(void)state;
	order(1, 5);
	rig_clear(&r);
	r.executed = 0;
	rig_event(&r, &(struct pbft_event){.kind = PBFT_EV_LOST, .u.lost = {.state = true}});
	assert_false(rig_info(&r).lacks);
	assert_int_equal(rig_count(&r, PBFT_EXECUTE), 5);
	assert_int_equal(rig_info(&r).executed, 5);
	assert_memory_equal(rig_info(&r).running, running[5], 32);
	assert_int_equal(rig_count(&r, PBFT_WRITE_CHECKPOINT), 0); /* that on 4 is given */
	rig_clear(&r);
	order(6, 6);
	assert_true(rig_votes(&r) > 0);
}

/* What it has voted it sends again: others may need it to get where it was. */
static void who_has_lost_its_state_neither_votes_nor_executes(void **state)
{
	uint8_t own[32];

	(void)state;
	order(1, 4);
	others_sign(4, 0);
	order(5, 8); /* 8 is signed here, and not stable */
	rig_state(&r, 8, own);
	lose(true, false);
	assert_true(rig_info(&r).lacks);
	provoke(9);
	assert_int_equal(rig_count(&r, PBFT_EXECUTE), 0);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 0);
	assert_int_equal(rig_count(&r, PBFT_WRITE_CHECKPOINT), 0);
	assert_int_equal(rig_info(&r).executed, 8);
	for (size_t i = 0; i < rig_count(&r, PBFT_SEND_PREPARE); i++)
		assert_true(rig_nth(&r, PBFT_SEND_PREPARE, i)->u.slot.seq <= 8);
	for (size_t i = 0; i < rig_count(&r, PBFT_SEND_COMMIT); i++)
		assert_true(rig_nth(&r, PBFT_SEND_COMMIT, i)->u.slot.seq <= 8);
	rig_clear(&r);
	rig_wait(&r, 1000);
	rig_status(&r, 1, 8, 4);
	assert_int_equal(rig_count(&r, PBFT_SEND_CHECKPOINT), 1);
	assert_memory_equal(rig_nth(&r, PBFT_SEND_CHECKPOINT, 0)->u.checkpoint.state, own, 32);
}

static void what_the_own_log_gave_again_is_as_good(void **state)
{
	(void)state;
	order(1, 4);
	others_sign(4, 0);
	order(5, 6);
	lose(true, false);
	rig_event(&r, &(struct pbft_event){.kind = PBFT_EV_LOST, .u.lost = {.regained = true}});
	assert_false(rig_info(&r).lacks);
	assert_int_equal(rig_info(&r).executed, 6);
	order(7, 8);
	assert_true(rig_votes(&r) >= 4);
}

static void with_a_state_below_it_executes_again_and_votes_on(void **state)
{
	(void)state;
	order(1, 4);
	others_sign(4, 0);
	order(5, 6);
	lose(true, false);
	take(4);
	assert_int_equal(rig_count(&r, PBFT_EXECUTE), 2);
	assert_int_equal(rig_info(&r).executed, 6);
	assert_memory_equal(rig_info(&r).running, running[6], 32);
}

static void what_was_voted_stays_voted(void **state)
{
	struct pbft_batch other;

	(void)state;
	order(1, 4);
	others_sign(4, 0);
	order(5, 5);
	batch[6] = rig_batch(&r, 6);
	rig_pre_prepare(&r, 6, &batch[6]); /* PREPARE is given, nothing more comes */
	rig_written(&r);
	lose(true, false);
	take(4);
	rig_clear(&r);
	other = rig_batch(&r, 600);
	rig_pre_prepare(&r, 6, &other);
	rig_written(&r);
	for (size_t i = 0; i < rig_count(&r, PBFT_SEND_PREPARE); i++)
		assert_memory_equal(rig_nth(&r, PBFT_SEND_PREPARE, i)->u.slot.batch->digest,
				    batch[6].digest, 32);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 0);
}

static void an_execution_that_met_the_damage_is_done_again(void **state)
{
	(void)state;
	order(1, 4);
	others_sign(4, 0);
	r.executes = false; /* the shell does not report it */
	batch[5] = rig_batch(&r, 5);
	rig_pre_prepare(&r, 5, &batch[5]);
	for (uint8_t id = 1; id <= 4; id++)
		if (id != SELF) {
			if (id != 1)
				rig_prepare(&r, id, 5, &batch[5]);
			rig_commit(&r, id, 5, &batch[5]);
		}
	rig_written(&r);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_EXECUTE), 5);
	lose(true, false);
	r.executes = true;
	take(4);
	assert_int_equal(rig_count(&r, PBFT_EXECUTE), 1);
	assert_int_equal(rig_info(&r).executed, 5);
}

static void an_own_checkpoint_is_made_once(void **state)
{
	(void)state;
	order(1, 4);
	others_sign(4, 0);
	order(5, 9); /* its vote on 8 is out, and not stable */
	lose(true, false);
	take(4);
	rig_written(&r);
	assert_int_equal(rig_info(&r).executed, 9);
	assert_int_equal(rig_count(&r, PBFT_WRITE_CHECKPOINT), 0);
	assert_int_equal(rig_count(&r, PBFT_DIVERGED), 0);
	others_sign(8, 0);
	assert_int_equal(rig_info(&r).stable, 8);
}

static void a_state_below_the_stable_one_is_no_help(void **state)
{
	(void)state;
	order(1, 8);
	others_sign(8, 0);
	assert_int_equal(rig_info(&r).stable, 8);
	lose(true, false);
	refused(4, 0xb);
	take(8);
	assert_false(rig_info(&r).lacks);
}

/* The next range of a fetch, as everybody else has it. */
static void fetch(uint64_t from, uint64_t to)
{
	for (uint64_t seq = from; seq <= to; seq++) {
		batch[seq] = rig_batch(&r, seq);
		ap_digest_running(ap_sha256, running[seq], running[seq - 1], seq,
				  batch[seq].digest);
	}
	for (uint8_t id = 1; id <= 4; id++)
		for (uint64_t seq = from; seq <= to && id != SELF; seq++)
			rig_body(&r, id, seq, &batch[seq]);
	rig_attest(&r, 1, to, running[to]);
	rig_attest(&r, 2, to, running[to]);
	rig_written(&r);
}

/* Bodies that lie below the window cannot be put there again. */
static void a_state_below_the_window_is_no_help(void **state)
{
	(void)state;
	order(1, 8);
	for (uint8_t id = 1; id <= 4; id++)
		if (id != SELF)
			rig_status(&r, id, 16, 0);
	fetch(9, 16);
	assert_int_equal(rig_info(&r).executed, 16);
	assert_int_equal(rig_info(&r).low, 8);
	lose(true, false);
	refused(4, 0xb);
	take(8);
	assert_int_equal(rig_info(&r).executed, 16);
}

static void a_fetch_that_was_on_its_way_is_given_up(void **state)
{
	int64_t held;

	(void)state;
	order(1, 4);
	others_sign(4, 0);
	held = rig_held_all(&r);
	for (uint8_t id = 1; id <= 4; id++)
		if (id != SELF)
			rig_status(&r, id, 16, 4);
	assert_true(rig_count(&r, PBFT_SEND_FETCH) > 0);
	batch[5] = rig_batch(&r, 5);
	for (uint8_t id = 1; id <= 4; id++)
		if (id != SELF)
			rig_body(&r, id, 5, &batch[5]);
	assert_true(rig_held_all(&r) > held);
	lose(true, false);
	assert_int_equal(rig_held_all(&r), held);
	rig_timer(&r, 1000);
	assert_int_equal(rig_count(&r, PBFT_SEND_FETCH), 0);
}

static void who_has_lost_its_votes_follows_in_silence(void **state)
{
	struct pbft_batch b;

	(void)state;
	order(1, 3);
	lose(false, true);
	assert_true(rig_info(&r).recovering);
	b = rig_batch(&r, 4);
	rig_pre_prepare(&r, 4, &b);
	for (uint8_t id = 1; id <= 4; id++)
		if (id != SELF) {
			if (id != 1)
				rig_prepare(&r, id, 4, &b);
			rig_commit(&r, id, 4, &b);
		}
	rig_written(&r);
	rig_timer(&r, 1000);
	assert_int_equal(rig_votes(&r), 0);
	r.executed = 0;
	lose(true, true); /* and no state makes it speak again */
	r.executed = 8;
	transfer(8, 0xb, false);
	provoke(9);
	assert_true(rig_info(&r).recovering);
	assert_int_equal(rig_votes(&r), 0);
}

/* ---- diverged ---- */

static void diverge(void)
{
	order(1, 3);
	r.state_salt = 1; /* the own machine goes wrong here */
	order(4, 4);
	rig_clear(&r);
	others_sign(4, 0);
	assert_int_equal(rig_count(&r, PBFT_DIVERGED), 1);
	assert_true(rig_info(&r).diverged);
	rig_clear(&r);
}

static void who_has_diverged_does_nothing(void **state)
{
	(void)state;
	diverge();
	provoke(5);
	assert_int_equal(rig_votes(&r), 0);
	assert_int_equal(rig_count(&r, PBFT_EXECUTE), 0);
	assert_int_equal(rig_count(&r, PBFT_SEND_STATUS), 0);
	lose(true, true); /* what else is lost changes nothing */
	assert_true(rig_info(&r).diverged);
}

static void with_the_others_state_it_follows_and_stays_silent(void **state)
{
	struct pbft_batch b;

	(void)state;
	diverge();
	r.state_salt = 0;
	r.executed = 4;
	transfer(4, 0xb, true);
	assert_false(rig_info(&r).diverged);
	assert_int_equal(rig_info(&r).stable, 4);
	b = provoke(5);
	assert_int_equal(rig_info(&r).executed, 5);
	assert_true(rig_count(&r, PBFT_EXECUTE) > 0);
	assert_int_equal(rig_votes(&r), 0);
	(void)b;
}

/* Its own votes behind the wrong state are not held against it. */
static void what_it_signed_wrongly_behind_that_is_forgotten(void **state)
{
	(void)state;
	order(1, 3);
	r.state_salt = 1;
	order(4, 8);
	others_sign(4, 0);
	assert_true(rig_info(&r).diverged);
	rig_clear(&r);
	r.state_salt = 0;
	r.executed = 4;
	transfer(4, 0xb, true);
	assert_int_equal(rig_info(&r).executed, 8);
	assert_int_equal(rig_count(&r, PBFT_DIVERGED), 0);
	others_sign(8, 0);
	assert_int_equal(rig_info(&r).stable, 8);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, backup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_state_above_takes_the_place_of_what_was_executed),
		TEST(behind_it_the_log_goes_on),
		TEST(bodies_below_are_given_up),
		TEST(what_proves_nothing_is_not_taken),
		TEST(at_the_beginning_it_executes_its_log_again),
		TEST(who_has_lost_its_state_neither_votes_nor_executes),
		TEST(what_the_own_log_gave_again_is_as_good),
		TEST(with_a_state_below_it_executes_again_and_votes_on),
		TEST(what_was_voted_stays_voted),
		TEST(an_execution_that_met_the_damage_is_done_again),
		TEST(an_own_checkpoint_is_made_once),
		TEST(a_state_below_the_stable_one_is_no_help),
		TEST(a_state_below_the_window_is_no_help),
		TEST(a_fetch_that_was_on_its_way_is_given_up),
		TEST(who_has_lost_its_votes_follows_in_silence),
		TEST(who_has_diverged_does_nothing),
		TEST(with_the_others_state_it_follows_and_stays_silent),
		TEST(what_it_signed_wrongly_behind_that_is_forgotten),
	};

	return cmocka_run_group_tests_name("on_state", tests, NULL, NULL);
}
