#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/bodies.h"
#include "libproto/agree_errors.h"

static int setup(void **state)
{
	*state = bodies_new(10000);
	return *state != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	bodies_free(*state);
	return 0;
}

static void digest_of(uint8_t digest[32], unsigned n)
{
	memset(digest, 0, 32);
	memcpy(digest + 20, &n, sizeof(n)); /* all in one chain */
}

static int put(struct bodies *b, unsigned n, size_t len)
{
	static uint8_t octets[20000];
	uint8_t digest[32];

	memset(octets, (int)n, sizeof(octets));
	digest_of(digest, n);
	return bodies_put(b, digest, octets, len, NULL);
}

static const struct body *find(const struct bodies *b, unsigned n)
{
	uint8_t digest[32];

	digest_of(digest, n);
	return bodies_find(b, digest);
}

static void drop(struct bodies *b, unsigned n)
{
	uint8_t digest[32];

	digest_of(digest, n);
	bodies_drop(b, digest);
}

static void what_was_put_is_found(void **state)
{
	struct bodies *b = *state;

	assert_null(find(b, 1));
	assert_int_equal(put(b, 1, 100), 0);
	assert_int_equal(put(b, 2, 0), 0);
	assert_int_equal(find(b, 1)->len, 100);
	assert_int_equal(find(b, 1)->octets[99], 1);
	assert_int_equal(find(b, 2)->len, 0);
	assert_null(find(b, 1)->refs);
	assert_int_equal(bodies_octets(b), 100);
}

static void it_stays_as_long_as_it_is_held(void **state)
{
	struct bodies *b = *state;

	for (int i = 0; i < 3; i++)
		assert_int_equal(put(b, 1, 100), 0);
	assert_int_equal(bodies_octets(b), 100);
	drop(b, 1);
	drop(b, 1);
	assert_non_null(find(b, 1));
	drop(b, 1);
	assert_null(find(b, 1));
	assert_int_equal(bodies_octets(b), 0);
	drop(b, 1); /* nobody holds it */
	assert_int_equal(bodies_octets(b), 0);
}

static void octets_are_bounded(void **state)
{
	struct bodies *b = *state;

	assert_int_equal(put(b, 1, 6000), 0);
	assert_int_equal(put(b, 2, 4001), AGREE_EORDER);
	assert_null(find(b, 2));
	assert_int_equal(put(b, 2, 4000), 0);
	assert_int_equal(put(b, 3, 1), AGREE_EORDER);
	assert_int_equal(put(b, 1, 6000), 0); /* held once more, no octet more */
	drop(b, 2);
	assert_int_equal(put(b, 3, 1), 0);
	assert_int_equal(put(b, 4, 20000), AGREE_EORDER);
}

static void a_chain_loses_nobody(void **state)
{
	struct bodies *b = *state;

	for (unsigned n = 0; n < 100; n++)
		assert_int_equal(put(b, n, n), 0);
	for (unsigned n = 0; n < 100; n += 3)
		drop(b, n);
	for (unsigned n = 0; n < 100; n++) {
		if (n % 3 == 0) {
			assert_null(find(b, n));
			continue;
		}
		assert_int_equal(find(b, n)->len, n);
		assert_true(n == 0 || find(b, n)->octets[0] == n);
	}
}

static void references_of_a_batch_are_copied(void **state)
{
	static struct pbft_batch refs = {.time = 5, .n_bundles = 2, .digest = {9}};
	struct bodies *b = *state;

	refs.bundles[0].counter = 7;
	refs.bundles[1].counter = 8;
	assert_int_equal(bodies_put(b, refs.digest, (const uint8_t *)"abc", 3, &refs), 0);
	refs.bundles[1].counter = 0;
	assert_int_equal(bodies_find(b, refs.digest)->refs->n_bundles, 2);
	assert_int_equal(bodies_find(b, refs.digest)->refs->time, 5);
	assert_int_equal(bodies_find(b, refs.digest)->refs->bundles[1].counter, 8);
	assert_memory_equal(bodies_find(b, refs.digest)->refs->digest, refs.digest, 32);
}

static void octets_are_copied(void **state)
{
	uint8_t octets[] = "mine", digest[32] = {1};
	struct bodies *b = *state;

	assert_int_equal(bodies_put(b, digest, octets, 4, NULL), 0);
	octets[0] = 'x';
	assert_memory_equal(bodies_find(b, digest)->octets, "mine", 4);
	assert_memory_equal(bodies_find(b, digest)->digest, digest, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_put_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(it_stays_as_long_as_it_is_held, setup, teardown),
		cmocka_unit_test_setup_teardown(octets_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(a_chain_loses_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(references_of_a_batch_are_copied, setup, teardown),
		cmocka_unit_test_setup_teardown(octets_are_copied, setup, teardown),
	};

	return cmocka_run_group_tests_name("bodies", tests, NULL, NULL);
}
