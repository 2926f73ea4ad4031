#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/pbft/quorum.h"

struct row { /* votes and verdicts */
	uint8_t n, primary;
	uint16_t who;
	bool weak, strong, prepared;
};

static const struct row rows[] = {
	/* n = 4: f + 1 = 2, 2f + 1 = 3; prepared: 2 backups */
	{4, 1, 0x0, false, false, false},
	{4, 1, 0x1, false, false, false},
	{4, 1, 0x3, true, false, false}, /* one of them is the primary */
	{4, 1, 0x6, true, false, true},
	{4, 1, 0x7, true, true, true},
	{4, 1, 0x5, true, false, false},
	{4, 3, 0x5, true, false, false},
	{4, 3, 0x3, true, false, true},
	{4, 1, 0xf, true, true, true},
	{4, 1, 0xfff0, false, false, false}, /* no members */
	{4, 1, 0xfff2, false, false, false},
	/* n = 7: 3, 5, 4 backups */
	{7, 1, 0x06, false, false, false},
	{7, 1, 0x0e, true, false, false},
	{7, 1, 0x0f, true, false, false},
	{7, 1, 0x1e, true, false, true},
	{7, 1, 0x1f, true, true, true},
	{7, 7, 0x78, true, false, false},
	{7, 7, 0x3c, true, false, true},
	/* n = 10: 4, 7, 6 backups */
	{10, 10, 0x00f, true, false, false},
	{10, 10, 0x01f, true, false, false},
	{10, 10, 0x03f, true, false, true},
	{10, 10, 0x07f, true, true, true},
	{10, 10, 0x23f, true, true, true},
	{10, 10, 0x21f, true, false, false},
	/* n = 13: 5, 9, 8 backups */
	{13, 1, 0x001e, false, false, false},
	{13, 1, 0x001f, true, false, false},
	{13, 1, 0x00ff, true, false, false},
	{13, 1, 0x01fe, true, false, true},
	{13, 1, 0x01ff, true, true, true},
	{13, 1, 0xe01f, true, false, false},
};

static void votes_and_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];

		if (pbft_quorum_weak(r->n, r->who) != r->weak ||
		    pbft_quorum_strong(r->n, r->who) != r->strong ||
		    pbft_quorum_prepared(r->n, r->primary, r->who) != r->prepared)
			fail_msg("row %zu: n=%u primary=%u who=%x", i, r->n, r->primary, r->who);
	}
}

static void sizes_of_networks(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 256; n++)
		assert_int_equal(pbft_quorum_possible((uint8_t)n),
				 n == 4 || n == 7 || n == 10 || n == 13);
	assert_int_equal(pbft_quorum_faulty(4), 1);
	assert_int_equal(pbft_quorum_faulty(13), 4);
}

static void sets_hold_members_only(void **state)
{
	(void)state;
	assert_int_equal(pbft_quorum_bit(4, 0), 0);
	assert_int_equal(pbft_quorum_bit(4, 1), 1);
	assert_int_equal(pbft_quorum_bit(4, 4), 8);
	assert_int_equal(pbft_quorum_bit(4, 5), 0);
	assert_int_equal(pbft_quorum_bit(4, 255), 0);
	assert_int_equal(pbft_quorum_others(4, 1), 0xe);
	assert_int_equal(pbft_quorum_others(13, 13), 0x0fff);
	assert_int_equal(pbft_quorum_count(4, 0xffff), 4);
}

/* Any two quorums share f+1 members, so a correct one; any quorum survives f silent ones. */
static void quorums_intersect_in_a_correct_member(void **state)
{
	(void)state;
	for (uint16_t a = 0; a < 1u << 7; a++)
		for (uint16_t b = 0; b < 1u << 7; b++)
			if (pbft_quorum_strong(7, a) && pbft_quorum_strong(7, b))
				assert_true(pbft_quorum_weak(7, a & b));
}

static void value_that_f_plus_one_reach(void **state)
{
	const uint64_t values[] = {90, 10, 70, 0, 70, UINT64_MAX};

	(void)state;
	assert_int_equal(pbft_quorum_reached(4, values, 3, 0), 70); /* 90 70 10: f + 1 = 2 */
	assert_int_equal(pbft_quorum_reached(4, values, 3, 1), 10); /* one more */
	assert_int_equal(pbft_quorum_reached(4, values, 1, 0), 0);
	assert_int_equal(pbft_quorum_reached(4, values, 0, 0), 0);
	assert_int_equal(pbft_quorum_reached(7, values, 6, 0), 70); /* f + 1 = 3 */
	assert_int_equal(pbft_quorum_reached(4, values, 6, 0), 90); /* one liar is not enough */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(votes_and_verdicts),
		cmocka_unit_test(sizes_of_networks),
		cmocka_unit_test(sets_hold_members_only),
		cmocka_unit_test(quorums_intersect_in_a_correct_member),
		cmocka_unit_test(value_that_f_plus_one_reach),
	};

	return cmocka_run_group_tests_name("quorum", tests, NULL, NULL);
}
