/* daemon/machine/instances.c and ids.c: undecided instances, in order, in bounded memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/machine/instances.h"
#include "libproto/crypto.h"
#include "libproto/instance.h"

enum { N = 4, SHARE = 50 };

static struct machine_instances s;
static void *memory;
static uint64_t state = 20261124;

static uint64_t draw(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

static int fresh(void **unused)
{
	(void)unused;
	memory = malloc(machine_instances_size(N, SHARE));
	assert_non_null(memory);
	memset(memory, 0xa5, machine_instances_size(N, SHARE));
	machine_instances_init(&s, memory, N, SHARE);
	return 0;
}

static int done(void **unused)
{
	(void)unused;
	free(memory);
	return 0;
}

static void id_make(uint8_t id[AP_ID_LEN], uint64_t deadline_s, uint8_t tail)
{
	memset(id, 0, AP_ID_LEN);
	for (size_t i = 0; i < 5; i++)
		id[i] = (uint8_t)(deadline_s >> (32 - 8 * i));
	id[AP_ID_LEN - 1] = tail;
}

static const ap_terms two = {.version = 1, .k = 2, .n_parties = 2};

static struct machine_instance *add(uint64_t deadline_s, uint8_t tail, uint8_t relay, size_t len)
{
	static uint8_t octets[AP_MAX_descriptor];
	uint8_t id[AP_ID_LEN];

	for (size_t i = 0; i < len; i++)
		octets[i] = (uint8_t)(i * 7 + tail);
	id_make(id, deadline_s, tail);
	return machine_instances_add(&s, id, relay, 9, &two, (ap_bytes){octets, len});
}

/* ---- order ---- */

static void the_first_is_the_one_that_is_due_next(void **unused)
{
	static const uint64_t deadlines[] = {700, 300, 900, 300, 500};

	(void)unused;
	assert_null(machine_instances_first(&s));
	assert_int_equal(s.due_s, UINT64_MAX);
	for (uint8_t i = 0; i < 5; i++)
		add(deadlines[i], i, 1, 10);
	assert_int_equal(s.due_s, 300);
	assert_int_equal(machine_instances_first(&s)->id[AP_ID_LEN - 1], 1);
	machine_instances_remove(&s, machine_instances_first(&s));
	assert_int_equal(s.due_s, 300);
	assert_int_equal(machine_instances_first(&s)->id[AP_ID_LEN - 1], 3);
	machine_instances_remove(&s, machine_instances_first(&s));
	assert_int_equal(s.due_s, 500);
}

static void the_oldest_is_the_one_registered_first(void **unused)
{
	struct machine_instance *a, *b, *c;

	(void)unused;
	a = add(700, 1, 1, 10);
	b = add(300, 2, 1, 10);
	c = add(900, 3, 1, 10);
	assert_ptr_equal(machine_instances_oldest(&s), a);
	machine_instances_remove(&s, b);
	assert_ptr_equal(machine_instances_oldest(&s), a);
	machine_instances_remove(&s, a);
	assert_ptr_equal(machine_instances_oldest(&s), c);
	machine_instances_remove(&s, c);
	assert_null(machine_instances_oldest(&s));
}

/* Against a plain array. */
static void random_ids_are_found_and_come_in_order(void **unused)
{
	static uint8_t held[150][AP_ID_LEN];
	size_t n = 0;

	(void)unused;
	for (size_t round = 0; round < 20000; round++) {
		uint8_t id[AP_ID_LEN];
		struct machine_instance *it;
		size_t at = n, least = 0;

		id_make(id, 1 + draw(4), (uint8_t)draw(50));
		id[7] = (uint8_t)draw(2); /* many bits in common */
		for (size_t i = 0; i < n; i++) {
			if (memcmp(held[i], id, AP_ID_LEN) == 0)
				at = i;
			if (memcmp(held[i], held[least], AP_ID_LEN) < 0)
				least = i;
		}
		it = machine_instances_find(&s, id);
		assert_int_equal(it != NULL, at < n);
		if (n > 0)
			assert_memory_equal(machine_instances_first(&s)->id, held[least],
					    AP_ID_LEN);
		if (it != NULL) {
			machine_instances_remove(&s, it);
			memcpy(held[at], held[--n], AP_ID_LEN);
		} else if (n < 150) {
			machine_instances_add(&s, id, (uint8_t)(1 + draw(N)), 1, &two,
					      (ap_bytes){id, sizeof(id)});
			memcpy(held[n++], id, AP_ID_LEN);
		}
		assert_int_equal(s.count, n);
	}
}

/* ---- memory ---- */

static void descriptors_come_back_whole_whatever_their_length(void **unused)
{
	static const size_t lens[] = {1, 123, 124, 125, 248, 1000, 3000};
	uint8_t out[AP_MAX_descriptor];
	struct machine_instance *it[7];

	(void)unused;
	for (uint8_t i = 0; i < 7; i++)
		it[i] = add(100 + i, i, 1, lens[i]);
	for (uint8_t i = 0; i < 7; i++) {
		assert_int_equal(machine_instances_descriptor(&s, it[i], out), lens[i]);
		for (size_t k = 0; k < lens[i]; k++)
			assert_int_equal(out[k], (uint8_t)(k * 7 + i));
	}
}

/* draft {#capacity}: "at most U, and take at most 4 U cells" */
static void a_relays_share_is_in_instances_and_in_cells(void **unused)
{
	(void)unused;
	for (uint8_t i = 0; i < SHARE; i++) {
		assert_true(machine_instances_room(&s, 1, &two, 60)); /* and two hashes: one cell */
		add(100, i, 1, 60);
	}
	assert_false(machine_instances_room(&s, 1, &two, 60));
	assert_true(machine_instances_room(&s, 2, &two, 60));
	for (uint8_t i = 0; i < SHARE * 4 / 25; i++) {
		assert_true(machine_instances_room(&s, 2, &two, 3000)); /* 25 cells */
		add(200, i, 2, 3000);
	}
	assert_false(machine_instances_room(&s, 2, &two, 1));
	machine_instances_remove(&s, machine_instances_first(&s));
	assert_true(machine_instances_room(&s, 1, &two, 60));
}

static void what_is_given_back_is_used_again(void **unused)
{
	(void)unused;
	for (size_t round = 0; round < 1000; round++) {
		for (uint8_t i = 0; i < 20; i++)
			assert_non_null(add(100, i, 1 + i % 4, 100 + 50 * (size_t)i));
		while (machine_instances_first(&s) != NULL)
			machine_instances_remove(&s, machine_instances_first(&s));
	}
	assert_int_equal(s.count, 0);
	assert_true(s.touched <= 20);
	for (uint8_t relay = 0; relay < N; relay++)
		assert_int_equal(s.cells_used[relay], 0);
}

/* ---- votes ---- */

static ap_value text(const char *t)
{
	return (ap_value){(const uint8_t *)t, strlen(t)};
}

static void values_are_told_apart_and_first_votes_count(void **unused)
{
	static const ap_terms three = {.version = 1, .k = 2, .n_parties = 3};
	struct machine_verdict verdict;
	struct machine_instance *it;
	uint8_t id[AP_ID_LEN], out[AP_MAX_descriptor];

	(void)unused;
	id_make(id, 5, 5);
	it = machine_instances_add(&s, id, 1, 1, &three, text("descriptor"));
	assert_true(machine_instances_vote(&s, it, ap_sha256, 2, true, text("a"), &verdict));
	assert_int_equal(verdict.status, AP_STATUS_PENDING);
	assert_false(machine_instances_vote(&s, it, ap_sha256, 2, true, text("b"), &verdict));
	assert_false(machine_instances_vote(&s, it, ap_sha256, 2, false, text(""), &verdict));
	assert_true(machine_instances_vote(&s, it, ap_sha256, 0, true, text("b"), &verdict));
	assert_int_equal(verdict.status, AP_STATUS_PENDING);
	assert_int_equal(it->yes, 5);
	assert_int_equal(machine_instances_descriptor(&s, it, out), 10);
	assert_true(machine_instances_vote(&s, it, ap_sha256, 1, true, text("b"), &verdict));
	assert_int_equal(verdict.status, AP_STATUS_DECIDED);
}

static void the_last_value_that_could_win_gone_is_a_split(void **unused)
{
	struct machine_verdict verdict;
	struct machine_instance *it = add(5, 1, 1, 10);

	(void)unused;
	machine_instances_vote(&s, it, ap_sha256, 0, true, text("a"), &verdict);
	machine_instances_vote(&s, it, ap_sha256, 1, true, text("b"), &verdict);
	assert_int_equal(verdict.status, AP_STATUS_ABORTED);
	assert_int_equal(verdict.reason, AP_REASON_SPLIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_is_the_one_that_is_due_next),
		TEST(the_oldest_is_the_one_registered_first),
		TEST(random_ids_are_found_and_come_in_order),
		TEST(descriptors_come_back_whole_whatever_their_length),
		TEST(a_relays_share_is_in_instances_and_in_cells),
		TEST(what_is_given_back_is_used_again),
		TEST(values_are_told_apart_and_first_votes_count),
		TEST(the_last_value_that_could_win_gone_is_a_split),
	};

	return cmocka_run_group_tests_name("undecided instances", tests, NULL, NULL);
}
