#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/crypto.h"
#include "libproto/outcome.h"

#define BYTES(text) ((ap_bytes){(const uint8_t *)(text), sizeof(text) - 1})

/* Deadline 1000 s. */
static const uint8_t id[AP_ID_LEN] = {0, 0, 0, 3, 0xe8, 1, 2, 3};

enum kind { PENDING, DECIDED, VETOED, SPLIT, DEADLINE, UNKNOWN, FORGOTTEN, KINDS };

/* A good outcome of each row of the table in outcome.h, of an instance with parties. */
static ap_outcome good(enum kind kind)
{
	static const ap_outcome rows[KINDS] = {
		[PENDING] =
			{.status = AP_STATUS_PENDING, .k = 2, .yes = 1, .sequence = 7, .time = 5},
		[DECIDED] =
			{.status = AP_STATUS_DECIDED, .k = 2, .yes = 5, .sequence = 7, .time = 5},
		[VETOED] = {.status = AP_STATUS_ABORTED,
			    .reason = AP_REASON_VETOED,
			    .k = 2,
			    .no = 2,
			    .sequence = 7,
			    .time = 5},
		[SPLIT] = {.status = AP_STATUS_ABORTED,
			   .reason = AP_REASON_SPLIT,
			   .k = 2,
			   .yes = 3,
			   .sequence = 7,
			   .time = 5},
		[DEADLINE] = {.status = AP_STATUS_ABORTED,
			      .reason = AP_REASON_DEADLINE,
			      .k = 2,
			      .time = 1000000},
		[UNKNOWN] = {.status = AP_STATUS_UNKNOWN, .sequence = 7, .time = 5},
		[FORGOTTEN] = {.status = AP_STATUS_FORGOTTEN},
	};
	ap_outcome o = rows[kind];

	o.version = AP_OUTCOME_VERSION;
	o.nonce.present = kind == PENDING || kind == UNKNOWN;
	return o;
}

#define assert_why(outcome, words)                                                                 \
	do {                                                                                       \
		const char *why_ = ap_outcome_check(&(outcome), id);                               \
		assert_non_null(why_);                                                             \
		assert_string_equal(why_, words);                                                  \
	} while (0)

static void each_row_of_the_table_passes(void **state)
{
	ap_outcome o;

	(void)state;
	for (int kind = 0; kind < KINDS; kind++) {
		o = good((enum kind)kind);
		assert_null(ap_outcome_check(&o, id));
	}
	o = good(DECIDED);
	o.value = BYTES("alpha");
	assert_null(ap_outcome_check(&o, id));
	o.terms.present = true;
	assert_null(ap_outcome_check(&o, id));
	o.terms.present = false;
	o.k = 1;
	o.yes = 0; /* open: nobody is a party */
	assert_null(ap_outcome_check(&o, id));
}

static void only_what_can_change_has_a_nonce(void **state)
{
	(void)state;
	for (int kind = 0; kind < KINDS; kind++) {
		ap_outcome o = good((enum kind)kind);

		o.nonce.present = !o.nonce.present;
		assert_why(o, o.nonce.present ? "a nonce in what cannot change"
					      : "not final, but no nonce");
	}
}

static void version_status_and_reason_fit(void **state)
{
	ap_outcome o = good(DECIDED);

	(void)state;
	o.version = 2;
	assert_why(o, "unknown version");
	o = good(DECIDED);
	o.status = 0;
	assert_why(o, "unknown status");
	o.status = 6;
	assert_why(o, "unknown status");
	for (int kind = 0; kind < KINDS; kind++) {
		o = good((enum kind)kind);
		if (o.status == AP_STATUS_ABORTED) {
			o.reason = AP_REASON_NONE;
			assert_why(o, "aborted without a reason");
			o.reason = 4;
			assert_why(o, "aborted without a reason");
		} else {
			o.reason = AP_REASON_DEADLINE;
			assert_why(o, "a reason, but not aborted");
		}
	}
}

static void only_a_decision_has_a_value(void **state)
{
	(void)state;
	for (int kind = 0; kind < KINDS; kind++) {
		ap_outcome o = good((enum kind)kind);

		o.value = BYTES("");
		assert_null(ap_outcome_check(&o, id));
		o.value = BYTES("v");
		if (kind == DECIDED)
			assert_null(ap_outcome_check(&o, id));
		else
			assert_non_null(ap_outcome_check(&o, id));
	}
}

static void tallies_bear_the_outcome_out(void **state)
{
	ap_outcome o = good(DECIDED);

	(void)state;
	o.yes = 4;
	assert_why(o, "decided by fewer than k parties");
	o.k = 1;
	o.yes = 0;
	o.terms.present = true; /* locks, so there are parties */
	assert_why(o, "decided by fewer than k parties");
	o = good(DECIDED);
	o.no = 4;
	assert_why(o, "a party on both sides");
	o = good(VETOED);
	o.no = 0;
	assert_why(o, "vetoed by nobody");
	o = good(SPLIT);
	o.yes = 8;
	assert_why(o, "split by fewer than two parties");
	o = good(DEADLINE);
	o.yes = 1;
	assert_why(o, "a tally at the deadline");
	for (int kind = PENDING; kind <= DEADLINE; kind++) {
		o = good((enum kind)kind);
		o.k = 0;
		assert_why(o, "k is not that of an instance");
		o.k = 33;
		assert_why(o, "k is not that of an instance");
	}
	o = good(UNKNOWN);
	o.k = 1;
	assert_why(o, "terms or votes of an instance without record");
	o = good(FORGOTTEN);
	o.terms.present = true;
	assert_why(o, "terms or votes of an instance without record");
}

static void sequences_and_times_fit(void **state)
{
	ap_outcome o;

	(void)state;
	for (int kind = PENDING; kind <= SPLIT; kind++) {
		o = good((enum kind)kind);
		o.time = 999999;
		assert_null(ap_outcome_check(&o, id));
		o.time = 1000000;
		assert_why(o, "decided after the deadline");
		o = good((enum kind)kind);
		o.sequence = 0;
		assert_why(o, "no sequence");
	}
	o = good(DEADLINE);
	o.sequence = 1;
	assert_why(o, "not the deadline's time");
	o = good(DEADLINE);
	o.time--;
	assert_why(o, "not the deadline's time");
	o = good(UNKNOWN);
	o.sequence = 0;
	assert_why(o, "no sequence");
	o = good(UNKNOWN);
	o.time = 2000000; /* a bare id may be asked for after its deadline */
	assert_null(ap_outcome_check(&o, id));
	o = good(FORGOTTEN);
	o.time = 1;
	assert_why(o, "forgotten with a sequence or time");
}

static void sameness_leaves_the_nonce_out(void **state)
{
	ap_outcome a = good(PENDING), b = good(PENDING);

	(void)state;
	b.nonce.it.octets[0] = 1;
	assert_true(ap_outcome_is_same(&a, &b));
	b.yes = 2;
	assert_false(ap_outcome_is_same(&a, &b));
	a = good(DECIDED);
	b = good(DECIDED);
	a.value = BYTES("alpha");
	assert_false(ap_outcome_is_same(&a, &b));
	b.value = BYTES("alphb");
	assert_false(ap_outcome_is_same(&a, &b));
	b.value = BYTES("alpha");
	assert_true(ap_outcome_is_same(&a, &b));
	b.sequence++;
	assert_false(ap_outcome_is_same(&a, &b));
	b.sequence--;
	b.terms.present = true;
	assert_false(ap_outcome_is_same(&a, &b));
}

static void decided_and_aborted_are_final(void **state)
{
	(void)state;
	for (int kind = 0; kind < KINDS; kind++) {
		ap_outcome o = good((enum kind)kind);

		assert_int_equal(ap_outcome_is_final(&o), kind >= DECIDED && kind <= DEADLINE);
	}
}

static void the_leaf_is_tag_id_and_outcome(void **state)
{
	uint8_t leaf[32], expected[32], octets[AP_MAX_outcome];
	static uint8_t large[AP_VALUE_MAX + 1];
	ap_outcome o = good(DECIDED);
	struct ap_writer w;

	(void)state;
	o.value = BYTES("alpha");
	ap_writer_init(&w, octets, sizeof(octets));
	ap_outcome_put(&w, &o);
	ap_sha256(expected,
		  (const ap_bytes[]){
			  {(const uint8_t *)"\0agree1-leaf\0\0\0\0\0", 17},
			  {id, sizeof(id)},
			  ap_writer_bytes(&w),
		  },
		  3);
	assert_true(ap_outcome_leaf(ap_sha256, leaf, id, &o));
	assert_memory_equal(leaf, expected, 32);
	o.value = (ap_bytes){large, sizeof(large)};
	assert_false(ap_outcome_leaf(ap_sha256, leaf, id, &o));
}

static void names_are_those_of_the_draft(void **state)
{
	(void)state;
	assert_string_equal(ap_status_name(AP_STATUS_PENDING), "pending");
	assert_string_equal(ap_status_name(AP_STATUS_DECIDED), "decided");
	assert_string_equal(ap_status_name(AP_STATUS_ABORTED), "aborted");
	assert_string_equal(ap_status_name(AP_STATUS_UNKNOWN), "unknown");
	assert_string_equal(ap_status_name(AP_STATUS_FORGOTTEN), "forgotten");
	assert_string_equal(ap_status_name(0), "?");
	assert_string_equal(ap_status_name(6), "?");
	assert_string_equal(ap_reason_name(AP_REASON_NONE), "none");
	assert_string_equal(ap_reason_name(AP_REASON_VETOED), "vetoed");
	assert_string_equal(ap_reason_name(AP_REASON_SPLIT), "split");
	assert_string_equal(ap_reason_name(AP_REASON_DEADLINE), "deadline");
	assert_string_equal(ap_reason_name(4), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_of_the_table_passes),
		cmocka_unit_test(only_what_can_change_has_a_nonce),
		cmocka_unit_test(version_status_and_reason_fit),
		cmocka_unit_test(only_a_decision_has_a_value),
		cmocka_unit_test(tallies_bear_the_outcome_out),
		cmocka_unit_test(sequences_and_times_fit),
		cmocka_unit_test(sameness_leaves_the_nonce_out),
		cmocka_unit_test(decided_and_aborted_are_final),
		cmocka_unit_test(the_leaf_is_tag_id_and_outcome),
		cmocka_unit_test(names_are_those_of_the_draft),
	};

	return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
