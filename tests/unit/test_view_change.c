/* View changes, one core at a time: who leaves a view when, what it says, what it takes from
 * others. tests/lib/rig.h is around it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lib/rig.h"

static struct rig r;
static struct pbft_view_change changes[AP_REPLICAS_MAX];
static struct pbft_new_view nv;

enum { TIMEOUT = 500, TIMEOUT_MAX = 2000 };

static void start(uint8_t n, uint8_t self)
{
	rig_init(&r, n, self);
	r.conf.timeout_ms = TIMEOUT;
	r.conf.timeout_max_ms = TIMEOUT_MAX;
	rig_start(&r);
	rig_links(&r);
	memset(changes, 0, sizeof(changes));
	memset(&nv, 0, sizeof(nv));
}

static int backup(void **state)
{
	(void)state;
	start(4, 3);
	return 0;
}

static int next_primary(void **state)
{
	(void)state;
	start(4, 2);
	return 0;
}

static int last_of_seven(void **state)
{
	(void)state;
	start(7, 7);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_free(&r);
	return 0;
}

static uint64_t view(void)
{
	return rig_info(&r).view;
}

static struct pbft_view_change *change(uint8_t from, uint64_t to_view)
{
	struct pbft_view_change *c = &changes[from - 1];

	memset(c, 0, sizeof(*c));
	c->view = to_view;
	c->replica = from;
	return c;
}

static void claim(struct pbft_view_change *c, uint64_t seq, uint64_t in, const struct pbft_batch *b)
{
	struct pbft_claim *to = &c->prepared[c->n_prepared++];

	to->seq = seq;
	to->view = in;
	memcpy(to->batch, b->digest, 32);
}

static void say(const struct pbft_view_change *c)
{
	struct pbft_event ev = {.kind = PBFT_EV_VIEW_CHANGE, .from = 4};

	ev.u.view_change = c;
	rig_event(&r, &ev);
}

static void ask_for(uint8_t from, uint64_t to_view)
{
	say(change(from, to_view));
}

/* The NEW-VIEW of `view`, made of what `changes` holds of these. */
static void new_view(uint64_t of, const uint8_t *who, uint8_t n)
{
	struct pbft_event ev = {.kind = PBFT_EV_NEW_VIEW, .from = 4};

	nv.view = of;
	nv.replica = (uint8_t)(1 + of % r.conf.n);
	ev.u.new_view.says = &nv;
	ev.u.new_view.n_changes = n;
	for (uint8_t i = 0; i < n; i++)
		ev.u.new_view.changes[i] = &changes[who[i] - 1];
	rig_event(&r, &ev);
}

static void propose_anew(uint64_t seq, const struct pbft_batch *b)
{
	assert_int_equal(seq, nv.first + nv.n + 1);
	memcpy(nv.batch[nv.n++], b->digest, 32);
}

static struct pbft_batch null_batch(void)
{
	struct pbft_batch b = {.n_bundles = 0};

	rig_seal(&b);
	return b;
}

static void prepare_in(uint8_t from, uint64_t in, uint64_t seq, const struct pbft_batch *b)
{
	struct pbft_event ev = {.kind = PBFT_EV_PREPARE, .from = from};

	ev.u.prepare.p = (struct pbft_proposal){.view = in, .seq = seq, .replica = from};
	memcpy(ev.u.prepare.p.batch, b->digest, 32);
	rig_event(&r, &ev);
}

static void commit_in(uint8_t from, uint64_t in, uint64_t seq, const struct pbft_batch *b)
{
	struct pbft_event ev = {.kind = PBFT_EV_COMMIT, .from = from};

	ev.u.commit.view = in;
	ev.u.commit.seq = seq;
	memcpy(ev.u.commit.batch, b->digest, 32);
	rig_event(&r, &ev);
}

/* ---- leaving ---- */

static void an_own_bundle_that_is_not_ordered_in_time_makes_it_leave(void **state)
{
	(void)state;
	rig_own(&r, 1);
	rig_timer(&r, TIMEOUT - 1);
	assert_int_equal(view(), 0);
	rig_timer(&r, 1);
	assert_int_equal(view(), 1);
	assert_false(rig_info(&r).view_active);
	assert_int_equal(rig_count(&r, PBFT_SEND_VIEW_CHANGE), 0); /* not durable yet */
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_SEND_VIEW_CHANGE), 1);
	assert_int_equal(rig_last(&r, PBFT_SEND_VIEW_CHANGE)->to, PBFT_EVERYONE);
}

static void so_does_one_that_it_handed_on(void **state)
{
	struct pbft_bundle b = rig_bundle_of(4, 1, 1);

	(void)state;
	rig_bundle(&r, 4, &b);
	assert_int_equal(rig_count(&r, PBFT_SEND_BUNDLE), 1);
	rig_timer(&r, TIMEOUT);
	assert_int_equal(view(), 1);
}

/* draft {#deadlines}: "A backup also leaves a view whose primary keeps time from passing" */
static void a_primary_that_lets_no_time_pass_is_left(void **state)
{
	struct pbft_event ev = {.kind = PBFT_EV_FROZEN};

	(void)state;
	rig_event(&r, &ev);
	assert_int_equal(view(), 1);
	assert_false(rig_info(&r).view_active);
	rig_event(&r, &ev); /* it has left already */
	rig_timer(&r, 1);
	assert_int_equal(view(), 1);
}

static void nothing_handed_on_runs_no_timer(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		rig_timer(&r, TIMEOUT);
	assert_int_equal(view(), 0);
}

static void it_is_sent_again_until_the_view_is_active(void **state)
{
	(void)state;
	rig_own(&r, 1);
	rig_timer(&r, TIMEOUT);
	rig_written(&r);
	for (size_t i = 2; i < 10; i++) {
		rig_timer(&r, 100);
		assert_int_equal(rig_count(&r, PBFT_SEND_VIEW_CHANGE), i);
	}
	assert_int_equal(view(), 1); /* alone it goes no further */
}

static void who_has_left_votes_in_nothing_below(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1);

	(void)state;
	rig_own(&r, 1);
	rig_timer(&r, TIMEOUT);
	rig_written(&r);
	rig_pre_prepare(&r, 1, &b);
	rig_prepare(&r, 2, 1, &b);
	rig_prepare(&r, 4, 1, &b);
	rig_written(&r);
	assert_int_equal(rig_votes(&r), 0);
	assert_int_equal(rig_held(&r, b.digest), 0);
}

/* Scenario 24. */
static void f_others_move_nobody_and_f_plus_1_to_the_smallest_view(void **state)
{
	(void)state;
	ask_for(4, UINT64_MAX / 2 + 1);
	ask_for(4, UINT64_MAX);
	assert_int_equal(view(), 0);
	ask_for(2, 7);
	assert_int_equal(view(), 7);
}

static void a_stale_view_change_counts_for_nothing(void **state)
{
	(void)state;
	ask_for(4, 5);
	ask_for(4, 3); /* its highest is kept */
	ask_for(2, 9);
	assert_int_equal(view(), 5);
}

static void a_view_change_claims_what_was_prepared(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1), other = rig_batch(&r, 2);
	const struct pbft_effect *e;

	(void)state;
	rig_pre_prepare(&r, 1, &b);
	rig_pre_prepare(&r, 2, &other); /* not prepared */
	rig_prepare(&r, 2, 1, &b);
	rig_prepare(&r, 4, 1, &b);
	rig_written(&r);
	rig_own(&r, 1);
	rig_timer(&r, TIMEOUT);
	e = rig_last(&r, PBFT_WRITE_VIEW_CHANGE);
	assert_non_null(e);
	assert_int_equal(e->u.view_change.says->view, 1);
	assert_int_equal(e->u.view_change.says->n_prepared, 1);
	assert_int_equal(e->u.view_change.says->prepared[0].seq, 1);
	assert_memory_equal(e->u.view_change.says->prepared[0].batch, b.digest, 32);
}

/* Scenario 25: from 2f+1 on the next one's time runs; each round doubles it, up to a cap. */
static void the_time_out_doubles_up_to_a_cap(void **state)
{
	static const uint32_t waits[] = {TIMEOUT, 2 * TIMEOUT, TIMEOUT_MAX, TIMEOUT_MAX};

	(void)state;
	rig_own(&r, 1);
	rig_timer(&r, TIMEOUT);
	for (uint64_t v = 1; v <= 4; v++) {
		rig_written(&r);
		for (uint8_t id = 2; id <= 4; id++)
			ask_for(id, v);
		rig_timer(&r, 10 * TIMEOUT_MAX);
		assert_int_equal(view(), v); /* four of seven: it waits */
		ask_for(6, v);
		rig_timer(&r, waits[v - 1] - 1);
		assert_int_equal(view(), v);
		rig_timer(&r, 1);
		assert_int_equal(view(), v + 1);
	}
}

/* ---- the new primary ---- */

static void the_primary_makes_a_new_view_of_2f_plus_1(void **state)
{
	const struct pbft_new_view *says;
	struct pbft_batch b = rig_batch(&r, 7), null = null_batch();

	(void)state;
	claim(change(3, 1), 2, 0, &b);
	say(&changes[2]);
	ask_for(4, 1);
	assert_int_equal(view(), 1);
	assert_int_equal(rig_count(&r, PBFT_WRITE_NEW_VIEW), 0); /* the own one is not durable */
	rig_written(&r);
	rig_timer(&r, r.conf.resend_ms); /* one whose batches it holds goes before 3's */
	assert_int_equal(rig_count(&r, PBFT_WRITE_NEW_VIEW), 1);
	says = rig_last(&r, PBFT_WRITE_NEW_VIEW)->u.new_view.says;
	assert_int_equal(says->first, 0);
	assert_int_equal(says->n, 2);
	assert_memory_equal(says->batch[0], null.digest, 32); /* a gap */
	assert_memory_equal(says->batch[1], b.digest, 32);
	assert_int_equal(rig_last(&r, PBFT_WRITE_NEW_VIEW)->u.new_view.who, 0xe);
	assert_int_equal(rig_count(&r, PBFT_SEND_NEW_VIEW), 0);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_SEND_NEW_VIEW), 1);
	assert_true(rig_info(&r).view_active);
	assert_int_equal(rig_info(&r).next_seq, 3);
	assert_int_equal(rig_last(&r, PBFT_SEND_FETCH_BATCH)->u.drop.seq, 2);
}

/* It voted for a batch of member 1, did not prepare it, and has given it up for another one. Now 1
 * shows the certificate, and gives the batch to nobody. */
static void vote_and_give_up(struct pbft_batch *b)
{
	struct pbft_bundle bundle = rig_bundle_of(3, 1, 1);
	struct pbft_event ask = {.kind = PBFT_EV_FETCH_BATCH, .from = 3};

	*b = rig_batch(&r, 9);
	rig_pre_prepare(&r, 1, b);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_SEND_PREPARE), 1);
	ask_for(3, 1);
	ask_for(4, 1);
	rig_written(&r);
	assert_true(rig_info(&r).view_active);
	rig_bundle(&r, 3, &bundle);
	rig_written(&r);
	ask.u.fetch_batch.seq = 1;
	memcpy(ask.u.fetch_batch.batch, b->digest, 32);
	rig_event(&r, &ask);
	assert_int_equal(rig_held(&r, b->digest), 0);
	assert_int_equal(rig_count(&r, PBFT_SERVE_BATCH), 0);
	rig_clear(&r);
	claim(change(1, 5), 1, 0, b);
	say(&changes[0]);
	ask_for(3, 5);
	rig_written(&r);
	assert_int_equal(view(), 5);
}

static void a_certificate_without_its_batch_does_not_hold_up_the_new_view(void **state)
{
	struct pbft_batch b;

	(void)state;
	vote_and_give_up(&b);
	assert_int_equal(rig_count(&r, PBFT_WRITE_NEW_VIEW), 0);
	ask_for(4, 5);
	assert_int_equal(rig_count(&r, PBFT_WRITE_NEW_VIEW), 1);
	assert_int_equal(rig_last(&r, PBFT_WRITE_NEW_VIEW)->u.new_view.says->n, 0);
	assert_int_equal(rig_last(&r, PBFT_WRITE_NEW_VIEW)->u.new_view.who, 0xe);
}

static void where_no_other_comes_it_is_taken_all_the_same(void **state)
{
	struct pbft_batch b;

	(void)state;
	vote_and_give_up(&b);
	rig_timer(&r, r.conf.resend_ms);
	assert_int_equal(rig_count(&r, PBFT_WRITE_NEW_VIEW), 1);
	assert_int_equal(rig_last(&r, PBFT_WRITE_NEW_VIEW)->u.new_view.says->n, 1);
	assert_int_equal(rig_last(&r, PBFT_WRITE_NEW_VIEW)->u.new_view.who, 0x7);
}

static void of_two_certificates_the_higher_view_wins(void **state)
{
	struct pbft_batch low = rig_batch(&r, 7), high = rig_batch(&r, 8);

	(void)state;
	claim(change(3, 5), 1, 2, &high);
	claim(change(4, 5), 1, 1, &low);
	say(&changes[2]);
	say(&changes[3]);
	rig_written(&r);
	rig_timer(&r, r.conf.resend_ms);
	assert_memory_equal(rig_last(&r, PBFT_WRITE_NEW_VIEW)->u.new_view.says->batch[0],
			    high.digest, 32);
}

/* ---- backups ---- */

static const uint8_t quorum[] = {1, 2, 4};

static void a_backup_takes_what_it_computes_itself(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1);

	(void)state;
	rig_pre_prepare(&r, 1, &b); /* its body is here */
	rig_written(&r);
	change(1, 1);
	claim(change(2, 1), 1, 0, &b);
	change(4, 1);
	propose_anew(1, &b);
	r.wall_ms += 3600 * 1000; /* R1: its time is not judged again */
	new_view(1, quorum, 3);
	assert_int_equal(view(), 1);
	assert_true(rig_info(&r).view_active);
	rig_clear(&r);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_SEND_PREPARE), 1);
	assert_int_equal(rig_last(&r, PBFT_SEND_PREPARE)->u.slot.view, 1);
}

static void it_refuses_everything_else(void **state)
{
	static const uint8_t twice[] = {1, 2, 2};
	struct pbft_batch b = rig_batch(&r, 1), other = rig_batch(&r, 2);

	(void)state;
	change(1, 1);
	claim(change(2, 1), 1, 0, &b);
	change(4, 1);
	new_view(1, quorum, 3); /* leaves out what was prepared */
	propose_anew(1, &other);
	new_view(1, quorum, 3); /* another batch */
	nv.n = 0;
	propose_anew(1, &b);
	new_view(1, quorum, 2); /* too few */
	new_view(1, twice, 3);
	nv.first = 4;
	new_view(1, quorum, 3);
	nv.first = 0;
	changes[3].view = 2;
	new_view(1, quorum, 3); /* for another view */
	assert_int_equal(view(), 0);
	assert_int_equal(rig_info(&r).dropped[PBFT_DROP_OTHER], 6);
	changes[3].view = 1;
	new_view(1, quorum, 3);
	assert_int_equal(view(), 1);
}

static void null_batches_fill_gaps_and_execute(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1), null = null_batch();

	(void)state;
	change(1, 1);
	claim(change(2, 1), 2, 0, &b);
	change(4, 1);
	propose_anew(1, &null);
	propose_anew(2, &b);
	new_view(1, quorum, 3);
	assert_int_equal(rig_count(&r, PBFT_HOLD_NULL), 1);
	assert_int_equal(rig_last(&r, PBFT_SEND_FETCH_BATCH)->u.drop.seq, 2);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_SEND_PREPARE), 1);
	rig_body(&r, 1, 2, &b); /* from anyone */
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_SEND_PREPARE), 2);
	for (uint64_t seq = 1; seq <= 2; seq++)
		prepare_in(4, 1, seq, seq == 1 ? &null : &b);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_SEND_COMMIT), 2);
}

/* Scenario 20: prepared, then another batch is proposed in a later view, and does not prepare. */
static void a_certificate_outlives_the_views_after_it(void **state)
{
	struct pbft_batch b = rig_batch(&r, 1), null = null_batch();
	const struct pbft_view_change *says;

	(void)state;
	rig_pre_prepare(&r, 1, &b);
	rig_prepare(&r, 2, 1, &b);
	rig_prepare(&r, 4, 1, &b);
	rig_written(&r);
	for (uint8_t id = 1; id <= 4; id++) /* those who did not see it */
		change(id, 1);
	claim(&changes[3], 2, 0, &b);
	propose_anew(1, &null);
	propose_anew(2, &b);
	new_view(1, quorum, 3);
	rig_written(&r);
	assert_int_equal(rig_held(&r, b.digest), 1); /* kept aside: somebody may need it */
	ask_for(4, 2);
	ask_for(1, 2);
	says = rig_last(&r, PBFT_WRITE_VIEW_CHANGE)->u.view_change.says;
	assert_int_equal(says->n_prepared, 1);
	assert_int_equal(says->prepared[0].view, 0);
	assert_memory_equal(says->prepared[0].batch, b.digest, 32);
}

static void votes_ahead_of_their_new_view_are_used(void **state)
{
	struct pbft_batch null = null_batch(), b = rig_batch(&r, 1);

	(void)state;
	prepare_in(4, 1, 1, &null);
	change(1, 1);
	claim(change(2, 1), 2, 0, &b);
	change(4, 1);
	propose_anew(1, &null);
	propose_anew(2, &b);
	new_view(1, quorum, 3);
	rig_written(&r);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_SEND_COMMIT), 1);
}

/* A gap, a batch above it, and a view that takes up neither: nothing is under way then. */
static void what_an_older_view_left_deposes_nobody(void **state)
{
	struct pbft_batch left = rig_batch(&r, 3), b = rig_batch(&r, 1);

	(void)state;
	rig_pre_prepare(&r, 3, &left);
	rig_written(&r);
	for (uint8_t id = 1; id <= 4; id++)
		change(id, 1);
	claim(&changes[3], 1, 0, &b);
	propose_anew(1, &b);
	new_view(1, quorum, 3);
	rig_body(&r, 2, 1, &b);
	prepare_in(4, 1, 1, &b);
	rig_written(&r);
	for (uint8_t id = 1; id <= 4; id++)
		commit_in(id, 1, 1, &b);
	rig_written(&r);
	assert_int_equal(r.executed, 1);
	for (int i = 0; i < 20; i++)
		rig_timer(&r, TIMEOUT);
	assert_int_equal(view(), 1);
}

static void who_lags_is_helped_into_the_view(void **state)
{
	(void)state;
	for (uint8_t id = 1; id <= 4; id++)
		change(id, 1);
	new_view(1, quorum, 3);
	rig_written(&r);
	rig_clear(&r);
	rig_status(&r, 4, 0, 0); /* of view 0 */
	assert_int_equal(rig_count(&r, PBFT_SEND_NEW_VIEW), 1);
	rig_timer(&r, 100);
	ask_for(2, 1); /* still waits for it */
	assert_int_equal(rig_count(&r, PBFT_SEND_NEW_VIEW), 2);
	ask_for(2, 1); /* not as often as somebody asks */
	assert_int_equal(rig_count(&r, PBFT_SEND_NEW_VIEW), 2);
}

/* A relay that fills its line at the primary and has others hand on what finds no place. */
static void only_what_the_primary_has_room_for_is_watched(void **state)
{
	struct pbft_bundle b;

	(void)state;
	b = rig_bundle_of(4, 1, 49); /* 48 beyond the lowest */
	rig_bundle(&r, 4, &b);
	assert_int_equal(rig_count(&r, PBFT_SEND_BUNDLE), 1);
	for (int i = 0; i < 20; i++)
		rig_timer(&r, TIMEOUT);
	assert_int_equal(view(), 0);
	b = rig_bundle_of(4, 1, 48);
	rig_bundle(&r, 4, &b);
	rig_timer(&r, TIMEOUT);
	assert_int_equal(view(), 1);
}

static void order_some(void)
{
	for (uint64_t seq = 1; seq <= 5; seq++) {
		rig_timer(&r, TIMEOUT / 4);
		rig_order(&r, seq);
	}
	rig_timer(&r, 1);
}

/* Scenario 6: others are ordered all the time. */
static void a_bundle_that_is_left_out_makes_it_leave(void **state)
{
	(void)state;
	rig_own(&r, 1);
	order_some();
	assert_int_equal(view(), 1);
}

/* The primary takes the bundles of a relay in their order. */
static void only_the_first_of_a_relay_is_overtaken(void **state)
{
	(void)state;
	rig_own(&r, 2);
	order_some();
	assert_int_equal(view(), 0);
}

static void what_was_proposed_before_overtakes_nothing(void **state)
{
	struct pbft_batch b[5];

	(void)state;
	for (uint64_t i = 0; i < 5; i++) {
		b[i] = rig_batch(&r, i + 1);
		rig_pre_prepare(&r, i + 1, &b[i]);
	}
	rig_own(&r, 1);
	for (uint64_t i = 0; i < 5; i++) {
		rig_timer(&r, TIMEOUT / 4);
		rig_prepare(&r, 2, i + 1, &b[i]);
		rig_prepare(&r, 4, i + 1, &b[i]);
		rig_written(&r);
		for (uint8_t id = 1; id <= 4; id++)
			rig_commit(&r, id, i + 1, &b[i]);
		rig_written(&r);
		assert_int_equal(r.executed, i + 1);
	}
	rig_timer(&r, 1);
	assert_int_equal(view(), 0);
}

/* ---- after a restart: scenarios 45, 95 ---- */

static void a_restart_says_the_same_and_votes_in_nothing_below(void **state)
{
	struct pbft_batch b;

	(void)state;
	rig_init(&r, 4, 3);
	r.conf.timeout_ms = TIMEOUT;
	r.conf.timeout_max_ms = TIMEOUT_MAX;
	rig_make(&r);
	assert_int_equal(pbft_restore_view_change(r.core, change(3, 4)), 0);
	assert_int_equal(pbft_restore_view_change(r.core, change(3, 2)), -1);
	rig_start(&r);
	rig_links(&r);
	assert_int_equal(view(), 4);
	assert_false(rig_info(&r).view_active);
	rig_timer(&r, 100);
	assert_int_equal(rig_count(&r, PBFT_WRITE_VIEW_CHANGE), 0);
	assert_int_equal(rig_last(&r, PBFT_SEND_VIEW_CHANGE)->u.kept.view, 4);
	b = rig_batch(&r, 1);
	rig_pre_prepare(&r, 1, &b);
	rig_written(&r);
	assert_int_equal(rig_votes(&r), 0);
}

static void a_restarted_primary_goes_on_above_its_new_view(void **state)
{
	struct pbft_batch b;

	(void)state;
	rig_init(&r, 4, 2);
	rig_make(&r);
	b = rig_batch(&r, 1);
	nv.view = 1;
	nv.replica = 2;
	nv.n = 3;
	memcpy(nv.batch[0], b.digest, 32);
	assert_int_equal(pbft_restore_new_view(r.core, &nv), 0);
	rig_start(&r);
	assert_int_equal(view(), 1);
	assert_true(rig_info(&r).view_active);
	assert_int_equal(rig_info(&r).next_seq, 4);
	memset(&nv, 0, sizeof(nv));
}

#define WITH(setup, test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(backup, an_own_bundle_that_is_not_ordered_in_time_makes_it_leave),
		WITH(backup, so_does_one_that_it_handed_on),
		WITH(backup, a_primary_that_lets_no_time_pass_is_left),
		WITH(backup, nothing_handed_on_runs_no_timer),
		WITH(backup, a_bundle_that_is_left_out_makes_it_leave),
		WITH(backup, only_the_first_of_a_relay_is_overtaken),
		WITH(backup, what_was_proposed_before_overtakes_nothing),
		WITH(backup, only_what_the_primary_has_room_for_is_watched),
		WITH(backup, it_is_sent_again_until_the_view_is_active),
		WITH(backup, who_has_left_votes_in_nothing_below),
		WITH(backup, f_others_move_nobody_and_f_plus_1_to_the_smallest_view),
		WITH(backup, a_stale_view_change_counts_for_nothing),
		WITH(backup, a_view_change_claims_what_was_prepared),
		WITH(last_of_seven, the_time_out_doubles_up_to_a_cap),
		WITH(next_primary, the_primary_makes_a_new_view_of_2f_plus_1),
		WITH(next_primary, a_certificate_without_its_batch_does_not_hold_up_the_new_view),
		WITH(next_primary, where_no_other_comes_it_is_taken_all_the_same),
		WITH(next_primary, of_two_certificates_the_higher_view_wins),
		WITH(backup, a_backup_takes_what_it_computes_itself),
		WITH(backup, it_refuses_everything_else),
		WITH(backup, null_batches_fill_gaps_and_execute),
		WITH(backup, a_certificate_outlives_the_views_after_it),
		WITH(backup, votes_ahead_of_their_new_view_are_used),
		WITH(backup, what_an_older_view_left_deposes_nobody),
		WITH(backup, who_lags_is_helped_into_the_view),
		cmocka_unit_test_teardown(a_restart_says_the_same_and_votes_in_nothing_below,
					  teardown),
		cmocka_unit_test_teardown(a_restarted_primary_goes_on_above_its_new_view, teardown),
	};

	return cmocka_run_group_tests_name("view_change", tests, NULL, NULL);
}
