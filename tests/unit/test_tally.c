/* k of n, impossible, deadline: daemon/machine/tally.c. Scenarios S8, 8 to 10. */
#include "daemon/machine/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/instance.h"

static ap_value text(const char *s)
{
	return (ap_value){(const uint8_t *)s, strlen(s)};
}

/* What has to come out of votes written as text: "0a" party 0 approves a, "1-" party 1 vetoes. */
struct row {
	const char *name;
	uint8_t k, parties;
	const char *votes;
	bool ended;
	enum ap_outcome_status status;
	enum ap_outcome_reason reason;
	const char *value;
};

static const struct row rows[] = {
	{"nobody yet", 2, 3, "", false, AP_STATUS_PENDING, AP_REASON_NONE, ""},
	{"one of two", 2, 3, "0a", false, AP_STATUS_PENDING, AP_REASON_NONE, ""},
	{"two of two", 2, 3, "0a 2a", false, AP_STATUS_DECIDED, AP_REASON_NONE, "a"},
	{"a party's first vote counts", 2, 3, "0a 0a", false, AP_STATUS_PENDING, AP_REASON_NONE,
	 ""},
	{"not its later one", 2, 3, "0a 0b 1b", false, AP_STATUS_PENDING, AP_REASON_NONE, ""},
	{"nor its later veto", 2, 2, "0a 0- 1a", false, AP_STATUS_DECIDED, AP_REASON_NONE, "a"},
	{"nor approval after veto", 1, 2, "0- 0a", false, AP_STATUS_PENDING, AP_REASON_NONE, ""},
	{"one veto of all", 3, 3, "1-", false, AP_STATUS_ABORTED, AP_REASON_VETOED, ""},
	{"veto that leaves enough", 2, 3, "1-", false, AP_STATUS_PENDING, AP_REASON_NONE, ""},
	{"veto and approvals", 2, 3, "1- 0a 2a", false, AP_STATUS_DECIDED, AP_REASON_NONE, "a"},
	{"second veto", 2, 3, "1- 0-", false, AP_STATUS_ABORTED, AP_REASON_VETOED, ""},
	{"two values of two", 2, 2, "0a 1b", false, AP_STATUS_ABORTED, AP_REASON_SPLIT, ""},
	{"three values", 2, 3, "0a 1b 2c", false, AP_STATUS_ABORTED, AP_REASON_SPLIT, ""},
	{"split still open", 2, 3, "0a 1b", false, AP_STATUS_PENDING, AP_REASON_NONE, ""},
	{"split healed", 2, 3, "0a 1b 2b", false, AP_STATUS_DECIDED, AP_REASON_NONE, "b"},
	{"split with a veto", 2, 3, "0a 1b 2-", false, AP_STATUS_ABORTED, AP_REASON_SPLIT, ""},
	{"board of one", 1, 3, "2z", false, AP_STATUS_DECIDED, AP_REASON_NONE, "z"},
	{"deadline alone", 1, 3, "", true, AP_STATUS_ABORTED, AP_REASON_DEADLINE, ""},
	{"deadline with votes", 2, 3, "0a", true, AP_STATUS_ABORTED, AP_REASON_DEADLINE, ""},
	{"decided before the deadline", 2, 3, "0a 1a", true, AP_STATUS_DECIDED, AP_REASON_NONE,
	 "a"},
	{"vetoed before the deadline", 3, 3, "0-", true, AP_STATUS_ABORTED, AP_REASON_VETOED, ""},
	{"open: nobody", 1, 0, "", false, AP_STATUS_PENDING, AP_REASON_NONE, ""},
	{"open: first", 1, 0, "xa", false, AP_STATUS_DECIDED, AP_REASON_NONE, "a"},
	{"open: second is too late", 1, 0, "xa xb", false, AP_STATUS_DECIDED, AP_REASON_NONE, "a"},
	{"open: no veto", 1, 0, "x- xb", false, AP_STATUS_DECIDED, AP_REASON_NONE, "b"},
	{"open: not as a party", 1, 0, "0a", false, AP_STATUS_PENDING, AP_REASON_NONE, ""},
	{"open: deadline", 1, 0, "", true, AP_STATUS_ABORTED, AP_REASON_DEADLINE, ""},
	{"no such party", 1, 2, "2a", false, AP_STATUS_PENDING, AP_REASON_NONE, ""},
	{"no party", 1, 2, "xa", false, AP_STATUS_PENDING, AP_REASON_NONE, ""},
};

static void rows_come_out_as_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct machine_tally t;
		struct machine_verdict v;

		print_message("# %s\n", row->name);
		machine_tally_init(&t, row->k, row->parties);
		for (const char *at = row->votes; *at != '\0'; at += at[2] == ' ' ? 3 : 2)
			machine_tally_vote(&t,
					   at[0] == 'x' ? AP_PARTY_NONE : (uint8_t)(at[0] - '0'),
					   at[1] != '-', (ap_value){(const uint8_t *)at + 1, 1});
		v = machine_tally_judge(&t, row->ended);
		assert_int_equal(v.status, row->status);
		assert_int_equal(v.reason, row->reason);
		assert_int_equal(v.value.len, strlen(row->value));
		if (v.value.len > 0)
			assert_memory_equal(v.value.data, row->value, v.value.len);
	}
}

static void votes_tell_whether_they_count(void **state)
{
	struct machine_tally t;

	(void)state;
	machine_tally_init(&t, 3, 32);
	assert_true(machine_tally_vote(&t, 31, true, text("a")));
	assert_true(machine_tally_vote(&t, 0, false, text("")));
	assert_false(machine_tally_vote(&t, 31, false, text("")));
	assert_false(machine_tally_vote(&t, 32, true, text("a")));
	assert_int_equal(t.yes, 0x80000000);
	assert_int_equal(t.no, 1);
}

static void an_empty_value_is_a_value(void **state)
{
	struct machine_tally t;
	struct machine_verdict v;

	(void)state;
	machine_tally_init(&t, 2, 3);
	assert_true(machine_tally_vote(&t, 0, true, (ap_value){NULL, 0}));
	assert_true(machine_tally_vote(&t, 1, true, text("a")));
	assert_true(machine_tally_vote(&t, 2, true, text("")));
	v = machine_tally_judge(&t, false);
	assert_int_equal(v.status, AP_STATUS_DECIDED);
	assert_int_equal(v.value.len, 0);
}

static void thirty_two_parties_may_all_differ(void **state)
{
	char values[AP_PARTIES_MAX][1];
	struct machine_tally t;
	struct machine_verdict v;

	(void)state;
	machine_tally_init(&t, 2, AP_PARTIES_MAX);
	for (uint8_t i = 0; i < AP_PARTIES_MAX; i++) {
		assert_int_equal(machine_tally_judge(&t, false).status, AP_STATUS_PENDING);
		values[i][0] = (char)('A' + i);
		assert_true(machine_tally_vote(&t, i, true, (ap_value){(uint8_t *)values[i], 1}));
	}
	v = machine_tally_judge(&t, false);
	assert_int_equal(v.status, AP_STATUS_ABORTED);
	assert_int_equal(v.reason, AP_REASON_SPLIT);
}

/* ---- an oracle that tries all futures ---- */

enum { PARTIES = 4, CHOICES = 4 }; /* choice 0: not yet; 1: veto; 2, 3: values */

static unsigned support(const unsigned vote[], unsigned parties, unsigned choice)
{
	unsigned n = 0;

	for (unsigned i = 0; i < parties; i++)
		n += vote[i] == choice;
	return n;
}

/* Can some value still reach k, however those vote who have not? */
static bool can_decide(unsigned vote[], unsigned parties, unsigned k)
{
	for (unsigned i = 0; i < parties; i++) {
		if (vote[i] != 0)
			continue;
		for (unsigned choice = 1; choice < CHOICES; choice++) {
			bool can;

			vote[i] = choice;
			can = can_decide(vote, parties, k);
			vote[i] = 0;
			if (can)
				return true;
		}
		return false;
	}
	return support(vote, parties, 2) >= k || support(vote, parties, 3) >= k;
}

static void check_against_futures(unsigned parties, unsigned k, unsigned vote[])
{
	static const char *const names[CHOICES] = {"", "", "a", "b"};
	struct machine_tally t;
	struct machine_verdict v;
	bool decided = support(vote, parties, 2) >= k || support(vote, parties, 3) >= k;

	machine_tally_init(&t, (uint8_t)k, (uint8_t)parties);
	for (unsigned i = 0; i < parties; i++)
		if (vote[i] != 0)
			machine_tally_vote(&t, (uint8_t)i, vote[i] != 1, text(names[vote[i]]));
	v = machine_tally_judge(&t, false);
	if (decided)
		assert_int_equal(v.status, AP_STATUS_DECIDED);
	else if (can_decide(vote, parties, k))
		assert_int_equal(v.status, AP_STATUS_PENDING);
	else
		assert_int_equal(v.status, AP_STATUS_ABORTED);
	if (v.status == AP_STATUS_ABORTED) { /* would it be, had the approvals not differed? */
		unsigned only[PARTIES];

		for (unsigned i = 0; i < parties; i++)
			only[i] = vote[i] == 1 ? 1 : 0;
		assert_int_equal(v.reason,
				 can_decide(only, parties, k) ? AP_REASON_SPLIT : AP_REASON_VETOED);
	}
	if (v.status == AP_STATUS_PENDING)
		assert_int_equal(machine_tally_judge(&t, true).reason, AP_REASON_DEADLINE);
}

static void every_tally_of_up_to_four_agrees_with_all_futures(void **state)
{
	(void)state;
	for (unsigned parties = 1; parties <= PARTIES; parties++)
		for (unsigned k = 1; k <= parties; k++)
			for (unsigned code = 0; code < 1U << 2 * parties; code++) {
				unsigned vote[PARTIES];

				for (unsigned i = 0; i < parties; i++)
					vote[i] = code >> 2 * i & 3;
				/* if both have k, the order decides, which is not in the code */
				if (support(vote, parties, 2) < k || support(vote, parties, 3) < k)
					check_against_futures(parties, k, vote);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_come_out_as_written),
		cmocka_unit_test(votes_tell_whether_they_count),
		cmocka_unit_test(an_empty_value_is_a_value),
		cmocka_unit_test(thirty_two_parties_may_all_differ),
		cmocka_unit_test(every_tally_of_up_to_four_agrees_with_all_futures),
	};

	return cmocka_run_group_tests_name("tally", tests, NULL, NULL);
}
