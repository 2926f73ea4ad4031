/* Disks that are nearly full: daemon/pbft/disk.c, daemon/marks.c. tests/lib/rig.h is around the
 * core. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/marks.h"
#include "daemon/verify.h"
#include "libproto/codec.h"
#include "tests/lib/rig.h"

static struct rig r;

enum { TIMEOUT = 500 };

static void start(uint8_t self)
{
	rig_init(&r, 4, self);
	r.conf.timeout_ms = TIMEOUT;
	r.conf.timeout_max_ms = 4 * TIMEOUT;
	rig_start(&r);
	rig_links(&r);
}

static int backup(void **state)
{
	(void)state;
	start(3);
	return 0;
}

static int primary(void **state)
{
	(void)state;
	start(1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_free(&r);
	return 0;
}

static void disk(enum pbft_disk level)
{
	struct pbft_event ev = {.kind = PBFT_EV_DISK, .u.disk = level};

	rig_event(&r, &ev);
}

static void others_disk(uint8_t from, enum pbft_disk level)
{
	struct pbft_event ev = {.kind = PBFT_EV_STATUS, .from = from};

	ev.u.status.executed = rig_info(&r).executed;
	ev.u.status.disk = level;
	rig_event(&r, &ev);
}

static struct pbft_batch keeping_batch(uint64_t number)
{
	struct pbft_batch b = rig_batch(&r, number);

	b.bundles[0].keeps = true;
	return b;
}

static void everyone_votes(uint64_t seq, const struct pbft_batch *b)
{
	rig_prepare(&r, 2, seq, b);
	rig_prepare(&r, 4, seq, b);
	rig_written(&r);
	for (uint8_t id = 1; id <= 4; id++)
		if (id != r.conf.self)
			rig_commit(&r, id, seq, b);
	rig_written(&r);
}

/* ---- its own disk ---- */

static void from_the_first_mark_on_only_what_keeps_the_network_is_voted_on(void **state)
{
	struct pbft_batch large, keeping;

	(void)state;
	disk(PBFT_DISK_SHORT);
	assert_int_equal(rig_last(&r, PBFT_SEND_STATUS)->u.status.disk, PBFT_DISK_SHORT);
	large = rig_batch(&r, 1);
	keeping = keeping_batch(2);
	rig_clear(&r);
	rig_pre_prepare(&r, 1, &large);
	rig_pre_prepare(&r, 2, &keeping);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 1);
	assert_int_equal(rig_last(&r, PBFT_SEND_PREPARE)->u.slot.seq, 2);
}

static void what_others_commit_meanwhile_is_not_written_until_there_is_room(void **state)
{
	struct pbft_batch b;

	(void)state;
	disk(PBFT_DISK_SHORT);
	b = rig_batch(&r, 1);
	rig_pre_prepare(&r, 1, &b);
	everyone_votes(1, &b);
	rig_timer(&r, 200);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 0);
	assert_int_equal(rig_count(&r, PBFT_WRITE_FETCHED), 0);
	assert_int_equal(rig_info(&r).executed, 0);
	disk(PBFT_DISK_ENOUGH);
	rig_written(&r);
	assert_int_equal(rig_info(&r).executed, 1);
}

static void from_the_second_mark_on_nothing_is_written(void **state)
{
	struct pbft_batch b;

	(void)state;
	b = keeping_batch(1);
	rig_pre_prepare(&r, 1, &b);
	rig_written(&r);
	disk(PBFT_DISK_FULL);
	rig_clear(&r);
	everyone_votes(1, &b); /* its own PREPARE is out; the certificate would be a write */
	assert_int_equal(rig_count(&r, PBFT_WRITE_PREPARED), 0);
	b = keeping_batch(2);
	rig_pre_prepare(&r, 2, &b);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 0);
	for (int i = 0; i < 40; i++)
		rig_timer(&r, TIMEOUT);
	assert_int_equal(rig_count(&r, PBFT_WRITE_VIEW_CHANGE), 0);
	disk(PBFT_DISK_SHORT);
	rig_written(&r);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 1);
}

static void no_batches_are_fetched_into_a_full_disk(void **state)
{
	(void)state;
	disk(PBFT_DISK_SHORT);
	rig_clear(&r);
	for (uint8_t id = 1; id <= 4; id++)
		if (id != 3)
			rig_status(&r, id, 20, 20);
	rig_timer(&r, 200);
	assert_int_equal(rig_count(&r, PBFT_SEND_FETCH), 0);
	disk(PBFT_DISK_ENOUGH);
	rig_timer(&r, 200);
	assert_true(rig_count(&r, PBFT_SEND_FETCH) > 0);
}

static void a_primary_with_a_full_disk_proposes_only_what_keeps_the_network(void **state)
{
	struct pbft_bundle large = rig_bundle_of(2, 1, 1), keeping = rig_bundle_of(4, 1, 1);

	(void)state;
	keeping.keeps = true;
	disk(PBFT_DISK_SHORT);
	rig_clear(&r);
	rig_bundle(&r, 2, &large);
	rig_bundle(&r, 4, &keeping);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 1);
	assert_int_equal(rig_last(&r, PBFT_WRITE_PROPOSAL)->u.slot.batch->n_bundles, 1);
	assert_int_equal(rig_last(&r, PBFT_WRITE_PROPOSAL)->u.slot.batch->bundles[0].relay, 4);
	assert_int_equal(rig_held(&r, large.digest), 0);
}

/* ---- the network's ---- */

static void while_one_says_so_it_changes_nothing(void **state)
{
	struct pbft_bundle b = rig_bundle_of(2, 1, 1);

	(void)state;
	others_disk(2, PBFT_DISK_FULL);
	rig_bundle(&r, 2, &b);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 1);
	assert_false(rig_info(&r).is_short);
}

static void while_f_plus_1_say_so_requests_wait(void **state)
{
	struct pbft_bundle b = rig_bundle_of(2, 1, 1);

	(void)state;
	others_disk(2, PBFT_DISK_SHORT);
	others_disk(4, PBFT_DISK_FULL);
	rig_bundle(&r, 2, &b);
	assert_true(rig_info(&r).is_short);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 0);
	others_disk(4, PBFT_DISK_ENOUGH);
	rig_bundle(&r, 2, &b);
	assert_int_equal(rig_count(&r, PBFT_WRITE_PROPOSAL), 1);
}

static void who_is_gone_has_no_say(void **state)
{
	(void)state;
	others_disk(2, PBFT_DISK_SHORT);
	others_disk(4, PBFT_DISK_SHORT);
	assert_true(rig_info(&r).is_short);
	rig_link(&r, 4, false);
	assert_false(rig_info(&r).is_short);
}

static void meanwhile_no_timer_runs_for_what_waits_and_then_it_starts_anew(void **state)
{
	(void)state;
	rig_own(&r, 1);
	others_disk(2, PBFT_DISK_SHORT);
	others_disk(4, PBFT_DISK_SHORT);
	for (int i = 0; i < 40; i++)
		rig_timer(&r, TIMEOUT / 2);
	assert_int_equal(rig_info(&r).view, 0);
	others_disk(4, PBFT_DISK_ENOUGH);
	rig_timer(&r, TIMEOUT / 2);
	assert_int_equal(rig_info(&r).view, 0);
	rig_timer(&r, TIMEOUT);
	assert_int_equal(rig_info(&r).view, 1);
}

/* ---- what keeps the network ---- */

static size_t op_put(uint8_t *out, uint8_t kind, size_t body_len)
{
	static const uint8_t body[300];
	ap_op op = {.kind = kind, .body = {body, body_len}};
	struct ap_writer w;

	ap_writer_init(&w, out, 400);
	ap_op_put(&w, &op);
	assert_null(w.bad);
	return ap_writer_len(&w);
}

static void ticks_keep_the_network_and_nothing_else(void **state)
{
	uint8_t ops[1000];
	size_t n = op_put(ops, AP_OP_tick, 0), more;

	(void)state;
	assert_true(ops_keep(ops, n));
	more = op_put(ops + n, AP_OP_tick, 0);
	assert_true(ops_keep(ops, n + more));
	more = op_put(ops + n, AP_OP_read, 10);
	assert_false(ops_keep(ops, n + more));
	assert_false(ops_keep(ops, n + more - 1));
	assert_false(ops_keep(ops, 0));
	n = 0;
	while (n <= 256)
		n += op_put(ops + n, AP_OP_tick, 0);
	assert_false(ops_keep(ops, n));
}

/* ---- the marks ---- */

static void a_mark_is_left_with_twice_the_room_of_when_it_was_reached(void **state)
{
	struct marks_view v = {.segment = 1600, .disk_free = 10000, .journal_room = 10};

	(void)state;
	assert_int_equal(marks_level(PBFT_DISK_ENOUGH, &v), PBFT_DISK_ENOUGH);
	v.journal_short = true;
	assert_int_equal(marks_level(PBFT_DISK_ENOUGH, &v), PBFT_DISK_FULL);
	v.journal_room = 100;
	assert_int_equal(marks_level(PBFT_DISK_SHORT, &v), PBFT_DISK_SHORT);
	assert_int_equal(marks_level(PBFT_DISK_FULL, &v), PBFT_DISK_FULL);
	v.journal_room = 200;
	assert_int_equal(marks_level(PBFT_DISK_FULL, &v), PBFT_DISK_SHORT);
	v.journal_room = 400;
	assert_int_equal(marks_level(PBFT_DISK_ENOUGH, &v), PBFT_DISK_ENOUGH);
	assert_int_equal(marks_level(PBFT_DISK_SHORT, &v), PBFT_DISK_SHORT);
	v.journal_room = 800;
	assert_int_equal(marks_level(PBFT_DISK_SHORT, &v), PBFT_DISK_ENOUGH);
}

static void a_transferred_state_leaves_the_first_mark_room(void **state)
{
	struct marks_view v = {.segment = 1600, .disk_free = 400 + 4 * 100};

	(void)state;
	assert_true(marks_may_take(&v, 100));
	assert_false(marks_may_take(&v, 101));
	v.disk_free--;
	assert_false(marks_may_take(&v, 100));
	v.disk_free = 399;
	assert_false(marks_may_take(&v, 0));
	v.disk_free = UINT64_MAX;
	assert_false(marks_may_take(&v, UINT64_MAX));
}

static void a_disk_without_room_for_the_store_is_nearly_full(void **state)
{
	struct marks_view v = {.segment = 1600, .disk_free = 399, .journal_room = 3000};

	(void)state;
	assert_int_equal(marks_level(PBFT_DISK_ENOUGH, &v), PBFT_DISK_SHORT);
	assert_true(marks_may_merge(&v));
	v.disk_free = 199;
	assert_false(marks_may_merge(&v));
	v.disk_free = 799;
	assert_int_equal(marks_level(PBFT_DISK_SHORT, &v), PBFT_DISK_SHORT);
	v.disk_free = 800;
	assert_int_equal(marks_level(PBFT_DISK_SHORT, &v), PBFT_DISK_ENOUGH);
}

#define BACKUP(name)  cmocka_unit_test_setup_teardown(name, backup, teardown)
#define PRIMARY(name) cmocka_unit_test_setup_teardown(name, primary, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BACKUP(from_the_first_mark_on_only_what_keeps_the_network_is_voted_on),
		BACKUP(what_others_commit_meanwhile_is_not_written_until_there_is_room),
		BACKUP(from_the_second_mark_on_nothing_is_written),
		BACKUP(no_batches_are_fetched_into_a_full_disk),
		PRIMARY(a_primary_with_a_full_disk_proposes_only_what_keeps_the_network),
		PRIMARY(while_one_says_so_it_changes_nothing),
		PRIMARY(while_f_plus_1_say_so_requests_wait),
		PRIMARY(who_is_gone_has_no_say),
		BACKUP(meanwhile_no_timer_runs_for_what_waits_and_then_it_starts_anew),
		cmocka_unit_test(ticks_keep_the_network_and_nothing_else),
		cmocka_unit_test(a_mark_is_left_with_twice_the_room_of_when_it_was_reached),
		cmocka_unit_test(a_disk_without_room_for_the_store_is_nearly_full),
		cmocka_unit_test(a_transferred_state_leaves_the_first_mark_room),
	};

	return cmocka_run_group_tests_name("disk_marks", tests, NULL, NULL);
}
