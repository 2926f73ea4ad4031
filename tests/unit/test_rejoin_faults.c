/* Coming back, where more than one thing goes wrong: daemon/pbft/rejoin.c and those around it. Each
 * test is of a fault that adversarial reading found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "libproto/crypto.h"
#include "libproto/digest.h"
#include "tests/lib/rig.h"

static struct rig r;

static int teardown(void **state)
{
	(void)state;
	rig_free(&r);
	return 0;
}

/* catches up by fetching beyond five checkpoints; a liar gives it back its own old CHECKPOINT. */
static void an_own_checkpoint_given_back_late_makes_nobody_recover(void **state)
{
	enum { MANY = 32 };
	static struct pbft_batch batch[MANY + 1];
	static uint8_t running[MANY + 1][32];
	uint8_t at4[32];

	(void)state;
	rig_init(&r, 4, 3);
	rig_start(&r);
	rig_links(&r);
	memcpy(running[0], r.conf.running0, 32);
	for (uint64_t seq = 1; seq <= MANY; seq++) {
		batch[seq] = rig_batch(&r, seq);
		ap_digest_running(ap_sha256, running[seq], running[seq - 1], seq,
				  batch[seq].digest);
	}
	for (uint64_t from = 1; from + 7 <= MANY; from += 8) {
		rig_status(&r, 1, MANY, 28);
		rig_status(&r, 2, MANY, 28);
		rig_status(&r, 4, MANY, 28);
		rig_timer(&r, 100);
		for (uint64_t seq = from; seq < from + 8; seq++)
			rig_body(&r, rig_source(&r), seq, &batch[seq]);
		rig_attest(&r, 1, from + 7, running[from + 7]);
		rig_attest(&r, 2, from + 7, running[from + 7]);
		rig_attest(&r, 4, from + 7, running[from + 7]);
		rig_written(&r);
		assert_int_equal(rig_info(&r).executed, from + 7);
		rig_written(&r);
	}
	assert_int_equal(rig_info(&r).stable, 0);
	assert_int_equal(rig_nth(&r, PBFT_SEND_CHECKPOINT, 0)->u.checkpoint.seq, 4);
	rig_state(&r, 4, at4);
	assert_memory_equal(rig_nth(&r, PBFT_SEND_CHECKPOINT, 0)->u.checkpoint.state, at4, 32);
	{
		struct pbft_event ev = {.kind = PBFT_EV_CHECKPOINT, .from = 2}; /* the liar */

		ev.u.checkpoint.seq = 4;
		ev.u.checkpoint.replica = 3;
		memcpy(ev.u.checkpoint.state, at4, 32);
		rig_event(&r, &ev);
	}
	assert_false(rig_info(&r).recovering);
}

/* a backup of a replica that was recovering, its REJOIN executed at 3, put back later. */
static void who_recovers_is_shown_a_vote_of_the_incarnation_in_which_it_will_vote(void **state)
{
	static const uint64_t incarnations[4] = {0, 0, 3, 0};
	struct pbft_restore_base base = {.recovering = true,
					 .rejoined = 3,
					 .executed = 8,
					 .stable = 8,
					 .incarnation = incarnations};
	struct pbft_event ev = {.kind = PBFT_EV_PREPARE, .from = 2};
	struct pbft_batch forgotten;
	uint8_t at[32];

	(void)state;
	rig_init(&r, 4, 3);
	rig_make(&r);
	rig_state(&r, 8, base.stable_state);
	memcpy(base.state, base.stable_state, 32);
	assert_int_equal(pbft_restore_base(r.core, &base), 0);
	memcpy(r.incarnation, incarnations, sizeof(incarnations));
	rig_start(&r);
	rig_links(&r);
	forgotten = rig_batch(&r, 99);
	ev.u.prepare.p = (struct pbft_proposal){.seq = 13, .incarnation = 3, .replica = 3};
	memcpy(ev.u.prepare.p.batch, forgotten.digest, 32);
	rig_event(&r, &ev); /* its own, validly signed, of the life that it forgot */
	for (uint64_t seq = 9; seq <= 12; seq++)
		rig_order(&r, seq);
	rig_state(&r, 12, at);
	for (uint8_t id = 1; id <= 4; id++)
		if (id != 3)
			rig_checkpoint(&r, id, 12, at);
	rig_written(&r);
	/* it must not come back in incarnation 3 */
	assert_true(rig_info(&r).recovering);
	{
		struct pbft_batch other = rig_batch(&r, 13);

		rig_pre_prepare(&r, 13, &other);
		rig_written(&r);
		assert_int_equal(rig_count(&r, PBFT_SEND_PREPARE), 0);
	}
}

/* it lacks the state, so it judges a NEW-VIEW as if nobody had ever rejoined. */
static struct pbft_view_change changes[7];
static struct pbft_new_view nv;

static void who_lacks_the_state_takes_no_new_view_that_others_refuse(void **state)
{
	static const uint64_t members[4] = {0, 0, 0, 3};
	static const uint8_t who[] = {1, 2, 4};
	static struct machine_numbers numbers[4];
	static uint64_t inc[AP_REPLICAS_MAX];
	static uint8_t sig[AP_REPLICAS_MAX][64];
	struct pbft_restore_base base = {
		.executed = 8, .stable = 8, .lacks = true, .incarnation = inc};
	struct pbft_event ev = {.kind = PBFT_EV_NEW_VIEW, .from = 2};
	struct pbft_event got = {.kind = PBFT_EV_STATE};

	(void)state;
	rig_init(&r, 4, 3);
	rig_make(&r);
	rig_state(&r, 8, base.stable_state);
	assert_int_equal(pbft_restore_base(r.core, &base), 0);
	rig_start(&r);
	rig_links(&r);
	memset(changes, 0, sizeof(changes));
	memset(&nv, 0, sizeof(nv));
	nv.view = 1;
	nv.replica = 2;
	nv.first = 8;
	ev.u.new_view.says = &nv;
	for (uint8_t i = 0; i < 3; i++) {
		struct pbft_view_change *c = &changes[i];

		c->replica = who[i]; /* 4's is of incarnation 0; it has rejoined at 3 <= first */
		c->view = 1;
		c->stable = 8;
		ev.u.new_view.changes[ev.u.new_view.n_changes++] = c;
	}
	rig_event(&r, &ev);
	got.u.transferred.seq = 8;
	got.u.transferred.time_ms = 1;
	rig_state(&r, 8, got.u.transferred.state);
	got.u.transferred.members = members;
	got.u.transferred.who = 0xb;
	got.u.transferred.incarnation = inc;
	got.u.transferred.sig = (const uint8_t(*)[64])sig;
	got.u.transferred.numbers = numbers;
	rig_written(&r);
	rig_event(&r, &got);
	assert_false(rig_info(&r).lacks);
	assert_int_equal(rig_info(&r).view, 0);
}

/* n = 7; two members have rejoined (f = 2 at once), then two others are faulty (f = 2). */
static void two_old_view_changes_do_not_lead_back(void **state)
{
	static const uint8_t who[] = {1, 2, 3, 4, 5};
	struct pbft_event ev = {.kind = PBFT_EV_NEW_VIEW, .from = 2};
	struct pbft_event pp = {.kind = PBFT_EV_PRE_PREPARE, .from = 2};
	struct pbft_batch mine, other;
	uint8_t at[32];

	(void)state;
	rig_init(&r, 7, 7);
	rig_start(&r);
	rig_links(&r);
	r.incarnation[3] = 1; /* member 4 rejoined at 1, */
	rig_order(&r, 1);
	r.incarnation[4] = 2; /* member 5 at 2 */
	for (uint64_t seq = 2; seq <= 16; seq++) {
		rig_order(&r, seq);
		if (seq % 4 != 0)
			continue;
		rig_state(&r, seq, at);
		for (uint8_t id = 1; id <= 6; id++)
			rig_checkpoint(&r, id, seq, at);
		rig_written(&r);
	}
	assert_int_equal(rig_info(&r).stable, 16); /* r + window is 10: both vote again */
	mine = rig_batch(&r, 17);
	rig_pre_prepare(&r, 17, &mine);
	for (uint8_t id = 2; id <= 6; id++)
		rig_prepare(&r, id, 17, &mine);
	rig_written(&r);
	rig_written(&r);
	assert_int_equal(rig_last(&r, PBFT_SEND_COMMIT)->u.slot.seq, 17); /* commits elsewhere */
	memset(changes, 0, sizeof(changes));
	memset(&nv, 0, sizeof(nv));
	nv.view = 1;
	nv.replica = 2; /* faulty, and 1 too; 3 is slow since ever; 4, 5: old ones */
	ev.u.new_view.says = &nv;
	for (uint8_t i = 0; i < 5; i++) {
		changes[i].replica = who[i];
		changes[i].view = 1;
		ev.u.new_view.changes[ev.u.new_view.n_changes++] = &changes[i];
	}
	rig_event(&r, &ev);
	rig_written(&r);
	other = rig_batch(&r, 1000);
	pp.u.pre_prepare.p = (struct pbft_proposal){.view = 1, .seq = 17, .replica = 2};
	memcpy(pp.u.pre_prepare.p.batch, other.digest, 32);
	pp.u.pre_prepare.batch = &other;
	rig_clear(&r);
	rig_event(&r, &pp);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_SEND_PREPARE), 0); /* else two batches commit at 17 */
	assert_int_equal(rig_info(&r).view, 0);
}

/* it comes back while its disk is full, outside of a view: its VIEW-CHANGE is never made. */
static void who_comes_back_with_a_full_disk_makes_its_view_change_later(void **state)
{
	static const uint64_t incarnations[4] = {0, 0, 3, 0};
	struct pbft_restore_base base = {.recovering = true,
					 .rejoined = 3,
					 .executed = 8,
					 .stable = 8,
					 .incarnation = incarnations};
	struct pbft_view_change left = {.view = 1, .replica = 3};
	struct pbft_event disk = {.kind = PBFT_EV_DISK};
	uint8_t at[32];

	(void)state;
	rig_init(&r, 4, 3);
	r.conf.timeout_ms = 500;
	r.conf.timeout_max_ms = 4000;
	rig_make(&r);
	rig_state(&r, 8, base.stable_state);
	memcpy(base.state, base.stable_state, 32);
	assert_int_equal(pbft_restore_base(r.core, &base), 0);
	assert_int_equal(pbft_restore_view_change(r.core, &left), 0);
	memcpy(r.incarnation, incarnations, sizeof(incarnations));
	rig_start(&r);
	rig_links(&r);
	{
		struct pbft_batch batch[13];
		uint8_t run[32] = {0};

		for (uint64_t seq = 9; seq <= 12; seq++) {
			batch[seq] = rig_batch(&r, seq);
		}
		rig_status(&r, 1, 12, 8);
		rig_status(&r, 2, 12, 8);
		rig_status(&r, 4, 12, 8);
		rig_timer(&r, 100);
		for (uint64_t seq = 9; seq <= 12; seq++) {
			rig_body(&r, rig_source(&r), seq, &batch[seq]);
			ap_digest_running(ap_sha256, run, seq == 9 ? base.running : run, seq,
					  batch[seq].digest);
		}
		rig_attest(&r, 1, 12, run);
		rig_attest(&r, 2, 12, run);
		rig_written(&r);
	}
	assert_int_equal(rig_info(&r).executed, 12);
	disk.u.disk = PBFT_DISK_FULL;
	rig_event(&r, &disk);
	rig_state(&r, 12, at);
	for (uint8_t id = 1; id <= 4; id++)
		if (id != 3)
			rig_checkpoint(&r, id, 12, at);
	rig_written(&r);
	assert_false(rig_info(&r).recovering);
	disk.u.disk = PBFT_DISK_ENOUGH;
	rig_event(&r, &disk);
	for (int i = 0; i < 100; i++) {
		rig_timer(&r, 500);
		rig_written(&r);
	}
	assert_true(rig_count(&r, PBFT_SEND_VIEW_CHANGE) > 0);
}

int main(void)
{
#define T(test) cmocka_unit_test_teardown(test, teardown)
	const struct CMUnitTest tests[] = {
		T(an_own_checkpoint_given_back_late_makes_nobody_recover),
		T(who_recovers_is_shown_a_vote_of_the_incarnation_in_which_it_will_vote),
		T(who_lacks_the_state_takes_no_new_view_that_others_refuse),
		T(two_old_view_changes_do_not_lead_back),
		T(who_comes_back_with_a_full_disk_makes_its_view_change_later),
	};

	return cmocka_run_group_tests_name("rejoin_faults", tests, NULL, NULL);
}
