/* What to ask whom in a state transfer, and what of the answers is believed: draft {#transfer}. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/transfer/transfer.h"
#include "libproto/crypto.h"

enum { BITS = 2, N = 4, LATE = 100, LEAVES_MAX = 64, HORIZON = 1000 };

/* A log of `size` batches at 100 ms each, and its tree. */
struct world {
	uint64_t size;
	uint8_t leaf[LEAVES_MAX][32];
	struct ap_frontier frontier;
	struct transfer t;
	uint64_t now;
	unsigned asked[N + 1], looks, installs;
	uint64_t stored; /* chunks up to this one are here already */
	uint8_t liar, silent, lacking;
	bool took[LEAVES_MAX + 1];
};

static uint64_t time_of(uint64_t seq)
{
	return seq * 100;
}

static struct world *world_new(uint64_t size)
{
	struct world *w = calloc(1, sizeof(*w));
	struct transfer_conf conf = {.n = N,
				     .self = 4,
				     .bits = BITS,
				     .late_ms = LATE,
				     .horizon_ms = HORIZON,
				     .sha256 = ap_sha256};

	assert_non_null(w);
	w->size = size;
	for (uint64_t seq = 1; seq <= size; seq++) {
		transfer_leaf_hash(ap_sha256, seq, time_of(seq), (ap_bytes){NULL, 0},
				   w->leaf[seq - 1]);
		assert_true(ap_frontier_append(ap_sha256, &w->frontier, w->leaf[seq - 1]));
	}
	transfer_init(&w->t, &conf);
	w->now = 1;
	for (uint8_t id = 1; id < N; id++)
		transfer_link(&w->t, id, true);
	return w;
}

/* Root over 2^level sections from `first` on. */
static void node_of(const struct world *w, uint64_t first, unsigned level, uint8_t out[32])
{
	struct ap_frontier f;

	memset(&f, 0, sizeof(f));
	for (uint64_t i = first << BITS; i < (first + ((uint64_t)1 << level)) << BITS; i++)
		ap_frontier_append(ap_sha256, &f, w->leaf[i]);
	memcpy(out, f.peak[BITS + level].octets, 32);
}

static unsigned path_of(const struct world *w, uint64_t section, uint8_t path[][32])
{
	unsigned height = transfer_section_height(BITS, w->size, section);

	for (unsigned i = 0; i < height; i++)
		node_of(w, ((section >> i) ^ 1) << i, i, path[i]);
	return height;
}

static void answer_leaves(struct world *w, const struct transfer_order *o)
{
	uint8_t path[8][32], leaves[1 << BITS][32];
	uint16_t n = transfer_section_leaves(BITS, w->size, o->last);
	unsigned height = n == 1 << BITS ? path_of(w, o->last, path) : 0;

	memcpy(leaves, w->leaf[o->last << BITS], 32u * n);
	if (o->to == w->lacking)
		n = 0, height = 0;
	else if (o->to == w->liar)
		leaves[n - 1][5] ^= 1;
	assert_int_equal(transfer_section(&w->t, o->to, o->first, o->last, leaves[0], n, path[0],
					  height, w->now),
			 o->to == w->liar ? TRANSFER_WRONG
			 : n == 0	  ? TRANSFER_REPEAT
					  : TRANSFER_TAKE);
}

static void answer_chunks(struct world *w, const struct transfer_order *o)
{
	size_t count = 0;

	for (uint64_t seq = o->last; seq >= o->first && seq > 0 && o->to != w->lacking; seq--) {
		uint8_t leaf[32];

		memcpy(leaf, w->leaf[seq - 1], 32);
		if (o->to == w->liar)
			leaf[0] ^= 1;
		switch (transfer_chunk(&w->t, o->to, seq, leaf, time_of(seq))) {
		case TRANSFER_TAKE:
			assert_false(w->took[seq]);
			w->took[seq] = true;
			break;
		case TRANSFER_WRONG:
			assert_int_equal(o->to, w->liar);
			return;
		case TRANSFER_REPEAT:
			break;
		}
		count++;
	}
	transfer_chunks_end(&w->t, o->to, o->first, o->last, count, w->now);
}

static void obey(struct world *w, const struct transfer_order *o)
{
	w->asked[o->to]++;
	if (o->kind == TRANSFER_LOOK) {
		w->looks++;
		for (uint64_t seq = o->first; seq <= o->last && seq <= w->stored; seq++)
			transfer_found(&w->t, seq, time_of(seq));
		transfer_looked(&w->t, o->first);
	} else if (o->kind == TRANSFER_INSTALL) {
		w->installs++;
	} else if (o->to == w->silent) {
		return;
	} else if (o->kind == TRANSFER_ASK_STATE) {
		transfer_state(&w->t, o->to, w->size, time_of(w->size) - 500, &w->frontier, w->now);
	} else if (o->kind == TRANSFER_ASK_SECTION) {
		answer_leaves(w, o);
	} else {
		answer_chunks(w, o);
	}
}

static void run(struct world *w)
{
	transfer_begin(&w->t, 0, w->now);
	for (int turns = 0; turns < 1000 && w->installs == 0; turns++) {
		struct transfer_order o;

		for (transfer_next(&w->t, w->now, &o); o.kind != TRANSFER_NOTHING;
		     transfer_next(&w->t, w->now, &o))
			obey(w, &o);
		w->now += LATE / 4;
	}
}

/* All but what is forgotten: T + horizon <= F, and F is 500 ms below the last T. */
static void assert_whole(const struct world *w)
{
	uint64_t floor_ms = time_of(w->size) - 500;

	assert_int_equal(w->installs, 1);
	for (uint64_t seq = w->stored + 1; seq <= w->size; seq++)
		if (time_of(seq) + HORIZON > floor_ms)
			assert_true(w->took[seq]);
}

/* ---- */

static void every_size_is_transferred_whole(void **state)
{
	(void)state;
	for (uint64_t size = 6; size <= LEAVES_MAX; size++) {
		struct world *w = world_new(size);

		run(w);
		assert_whole(w);
		free(w);
	}
}

static void what_is_forgotten_is_not_asked_for(void **state)
{
	struct world *w = world_new(LEAVES_MAX);
	uint64_t low = LEAVES_MAX;

	(void)state;
	run(w);
	while (low > 1 && w->took[low - 1])
		low--;
	/* 15 batches can matter; the one that shows it, and no more than what was asked with it */
	assert_true(low > LEAVES_MAX - 15 - 1 - 2 * (1 << BITS));
	free(w);
}

static void what_is_stored_is_not_asked_for_again(void **state)
{
	struct world *w = world_new(13);

	(void)state;
	w->stored = 9;
	run(w);
	assert_whole(w);
	for (uint64_t seq = 1; seq <= 9; seq++)
		assert_false(w->took[seq]);
	assert_int_equal(w->t.chunks, 4);
	free(w);
}

static void members_share_the_work(void **state)
{
	struct world *w = world_new(40);

	(void)state;
	run(w);
	for (uint8_t id = 1; id < N; id++)
		assert_true(w->asked[id] > 1);
	free(w);
}

static void liar_is_found_out_and_asked_no_more(void **state)
{
	struct world *w = world_new(40);

	(void)state;
	w->liar = 2;
	run(w);
	assert_whole(w);
	assert_true(w->asked[2] >= 1 && w->asked[2] <= 1 + TRANSFER_ASKED_MAX);
	assert_int_equal(w->t.lied, 1 << 1);
	free(w);
}

static void silent_member_rests_while_others_are_asked(void **state)
{
	struct world *w = world_new(40);

	(void)state;
	w->silent = 1;
	run(w);
	assert_whole(w);
	assert_true(w->asked[1] >= 1 && w->asked[1] < 12);
	free(w);
}

static bool is_open(const struct transfer *t, const struct transfer_order *o)
{
	for (size_t i = 0; i < sizeof(t->asked) / sizeof(t->asked[0]); i++)
		if (t->asked[i].to == o->to && t->asked[i].kind == o->kind &&
		    t->asked[i].first == o->first && t->asked[i].last == o->last)
			return true;
	return false;
}

/* Every answer takes longer than a question is waited for at first. */
static void slow_answers_are_waited_for_in_the_end(void **state)
{
	enum { SLOW = 2 * LATE + LATE / 2, UNDER_WAY = 64 };
	static struct transfer_order way[UNDER_WAY];
	static uint64_t due[UNDER_WAY];
	struct world *w = world_new(40);
	struct transfer_order o;

	(void)state;
	memset(way, 0, sizeof(way));
	transfer_begin(&w->t, 0, w->now);
	for (int turns = 0; turns < 4000 && w->installs == 0; turns++, w->now += LATE / 4) {
		for (size_t i = 0; i < UNDER_WAY; i++) {
			if (way[i].kind == TRANSFER_NOTHING || due[i] > w->now)
				continue;
			o = way[i];
			way[i].kind = TRANSFER_NOTHING;
			if (is_open(&w->t, &o)) /* else it is too late */
				obey(w, &o);
		}
		for (transfer_next(&w->t, w->now, &o); o.kind != TRANSFER_NOTHING;
		     transfer_next(&w->t, w->now, &o)) {
			size_t i = 0;

			if (o.kind == TRANSFER_LOOK || o.kind == TRANSFER_INSTALL) {
				obey(w, &o);
				continue;
			}
			while (way[i].kind != TRANSFER_NOTHING)
				assert_true(++i < UNDER_WAY);
			way[i] = o;
			due[i] = w->now + SLOW;
		}
	}
	assert_whole(w);
	free(w);
}

static void member_without_it_rests_while_others_are_asked(void **state)
{
	struct world *w = world_new(40);

	(void)state;
	w->lacking = 3;
	run(w);
	assert_whole(w);
	free(w);
}

static void nobody_has_it_begins_again(void **state)
{
	struct world *w = world_new(16);
	struct transfer_order o;

	(void)state;
	transfer_link(&w->t, 1, false);
	transfer_link(&w->t, 2, false);
	w->lacking = 3;
	transfer_begin(&w->t, 0, w->now);
	for (int turns = 0; turns < 2000 && w->t.begun < 3; turns++, w->now += LATE)
		for (transfer_next(&w->t, w->now, &o); o.kind != TRANSFER_NOTHING;
		     transfer_next(&w->t, w->now, &o))
			obey(w, &o);
	assert_true(w->t.begun >= 3);
	assert_int_equal(w->installs, 0);
	w->lacking = 0;
	run(w);
	assert_whole(w);
	free(w);
}

/* The one whose state nobody else has lies about its history: the others have older ones. */
static void liar_is_asked_for_a_state_again_only_after_the_others(void **state)
{
	struct world *w = world_new(16);
	struct transfer_order o;
	uint16_t asked = 0;

	(void)state;
	transfer_begin(&w->t, 0, w->now);
	for (int turns = 0; turns < 200 && asked != 6; turns++, w->now += LATE / 4)
		for (transfer_next(&w->t, w->now, &o); o.kind != TRANSFER_NOTHING;
		     transfer_next(&w->t, w->now, &o)) {
			assert_int_not_equal(o.kind, TRANSFER_INSTALL);
			if (o.kind == TRANSFER_ASK_STATE && w->t.begun > 1)
				asked |= (uint16_t)(1u << (o.to - 1));
			if (o.kind == TRANSFER_ASK_STATE)
				transfer_state(&w->t, o.to, o.to == 1 ? w->size : 0,
					       time_of(w->size) - 500, &w->frontier, w->now);
			else if (o.to == 1)
				transfer_liar(&w->t, 1);
			else
				transfer_section(&w->t, o.to, o.first, o.last, NULL, 0, NULL, 0,
						 w->now);
		}
	assert_int_equal(asked, 6); /* 2 and 3, not 1 */
	assert_true(w->now < 20 * LATE);
	for (int turns = 0; turns < 200 && (asked & 1) == 0; turns++, w->now += LATE / 4)
		for (transfer_next(&w->t, w->now, &o); o.kind == TRANSFER_ASK_STATE;
		     transfer_next(&w->t, w->now, &o)) {
			asked |= (uint16_t)(1u << (o.to - 1));
			transfer_state(&w->t, o.to, 0, 0, &w->frontier, w->now);
		}
	assert_int_equal(asked, 7); /* nobody else has one */
	free(w);
}

static void full_store_is_waited_for(void **state)
{
	struct world *w = world_new(16);
	struct transfer_order o;

	(void)state;
	transfer_begin(&w->t, 0, w->now);
	transfer_next(&w->t, w->now, &o);
	obey(w, &o);
	w->t.full = true;
	transfer_next(&w->t, w->now, &o);
	assert_int_equal(o.kind, TRANSFER_NOTHING);
	w->t.full = false;
	transfer_next(&w->t, w->now, &o);
	assert_int_equal(o.kind, TRANSFER_ASK_SECTION);
	free(w);
}

static void without_room_nothing_is_asked_for_or_installed(void **state)
{
	struct world *w = world_new(16);
	struct transfer_order o;

	(void)state;
	transfer_begin(&w->t, 0, w->now);
	transfer_next(&w->t, w->now, &o);
	obey(w, &o);
	w->t.no_room = true;
	transfer_next(&w->t, w->now, &o);
	assert_int_equal(o.kind, TRANSFER_NOTHING);
	w->t.no_room = false;
	for (int turns = 0; turns < 1000 && w->t.phase == TRANSFER_HISTORY; turns++) {
		transfer_next(&w->t, w->now, &o);
		if (o.kind == TRANSFER_INSTALL)
			break;
		obey(w, &o);
		w->t.no_room = w->took[16] && w->took[14]; /* soon all is there, and waits */
		transfer_next(&w->t, w->now, &o);
		assert_true(!w->t.no_room || o.kind == TRANSFER_NOTHING || o.kind == TRANSFER_LOOK);
		if (o.kind != TRANSFER_NOTHING)
			obey(w, &o);
		w->t.no_room = false;
	}
	assert_int_equal(o.kind, TRANSFER_INSTALL);
	free(w);
}

static void old_state_is_not_taken(void **state)
{
	struct world *w = world_new(16);
	struct transfer_order o;

	(void)state;
	transfer_begin(&w->t, 16, w->now);
	transfer_next(&w->t, w->now, &o);
	assert_int_equal(o.kind, TRANSFER_ASK_STATE);
	assert_int_equal(o.first, 16);
	assert_false(transfer_state(&w->t, o.to, 16, 0, &w->frontier, w->now));
	assert_int_equal(w->t.phase, TRANSFER_STATE);
	free(w);
}

/* Nobody has looked at it, so nobody may believe it. */
static void section_that_was_not_asked_for_is_not_taken(void **state)
{
	struct world *w = world_new(16);
	uint8_t wrong[1 << BITS][32] = {{1}};
	struct transfer_order o;

	(void)state;
	transfer_begin(&w->t, 0, w->now);
	transfer_next(&w->t, w->now, &o);
	obey(w, &o);
	transfer_next(&w->t, w->now, &o);
	assert_int_equal(o.kind, TRANSFER_ASK_SECTION);
	for (uint8_t id = 1; id < N; id++)
		if (id != o.to)
			assert_int_equal(transfer_section(&w->t, id, o.first, o.last, wrong[0],
							  1 << BITS, NULL, 0, w->now),
					 TRANSFER_REPEAT);
	obey(w, &o);
	for (uint8_t id = 1; id < N; id++)
		assert_int_equal(transfer_section(&w->t, id, o.first, o.last, wrong[0], 1 << BITS,
						  NULL, 0, w->now),
				 TRANSFER_REPEAT);
	assert_int_equal(w->t.lied, 0);
	free(w);
}

static void liar_is_in_vain_once_however_often_it_lies(void **state)
{
	struct world *w = world_new(16);
	struct transfer_order o;

	(void)state;
	transfer_begin(&w->t, 0, w->now);
	transfer_next(&w->t, w->now, &o);
	obey(w, &o);
	for (int times = 0; times < 1000; times++)
		transfer_liar(&w->t, 2);
	run(w);
	assert_whole(w);
	assert_int_equal(w->t.begun, 1);
	free(w);
}

/* Each octet of leaves and path counts. */
static void section_with_one_bit_changed_is_refused(void **state)
{
	struct world *w = world_new(28);

	(void)state;
	for (uint64_t section = 0; section < 7; section++) {
		uint8_t path[8][32], leaves[1 << BITS][32];
		unsigned height = path_of(w, section, path);

		memcpy(leaves, w->leaf[section << BITS], sizeof(leaves));
		assert_true(transfer_section_check(ap_sha256, BITS, &w->frontier, section,
						   leaves[0], 1 << BITS, path[0], height));
		assert_false(transfer_section_check(ap_sha256, BITS, &w->frontier, section,
						    leaves[0], 1 << BITS, path[0], height + 1));
		assert_false(transfer_section_check(ap_sha256, BITS, &w->frontier, section + 7,
						    leaves[0], 1 << BITS, path[0], height));
		for (size_t i = 0; i < sizeof(leaves); i++) {
			uint8_t *octet = (uint8_t *)leaves + i;

			*octet ^= 1;
			assert_false(transfer_section_check(ap_sha256, BITS, &w->frontier, section,
							    leaves[0], 1 << BITS, path[0], height));
			*octet ^= 1;
		}
		for (size_t i = 0; i < 32 * height; i++) {
			uint8_t *octet = (uint8_t *)path + i;

			*octet ^= 1;
			assert_false(transfer_section_check(ap_sha256, BITS, &w->frontier, section,
							    leaves[0], 1 << BITS, path[0], height));
			*octet ^= 1;
		}
	}
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size_is_transferred_whole),
		cmocka_unit_test(what_is_forgotten_is_not_asked_for),
		cmocka_unit_test(what_is_stored_is_not_asked_for_again),
		cmocka_unit_test(members_share_the_work),
		cmocka_unit_test(liar_is_found_out_and_asked_no_more),
		cmocka_unit_test(silent_member_rests_while_others_are_asked),
		cmocka_unit_test(slow_answers_are_waited_for_in_the_end),
		cmocka_unit_test(member_without_it_rests_while_others_are_asked),
		cmocka_unit_test(nobody_has_it_begins_again),
		cmocka_unit_test(liar_is_asked_for_a_state_again_only_after_the_others),
		cmocka_unit_test(full_store_is_waited_for),
		cmocka_unit_test(without_room_nothing_is_asked_for_or_installed),
		cmocka_unit_test(old_state_is_not_taken),
		cmocka_unit_test(section_that_was_not_asked_for_is_not_taken),
		cmocka_unit_test(liar_is_in_vain_once_however_often_it_lies),
		cmocka_unit_test(section_with_one_bit_changed_is_refused),
	};

	return cmocka_run_group_tests_name("transfer", tests, NULL, NULL);
}
