/* test_statement.c: the octets that a group signature covers, one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/statement.h"

static struct ap_statement sample(void)
{
	struct ap_statement s = {
		.epoch = UINT32_C(0x01020304),
		.seq = UINT64_C(0x1112131415161718),
		.time_ms = UINT64_C(0x2122232425262728),
		.count = UINT32_C(0x31323334),
	};

	memset(s.root, 0xaa, 32);
	memset(s.running, 0xbb, 32);
	memset(s.genesis, 0xcc, 32);
	return s;
}

static void assert_all(const uint8_t *octets, uint8_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(octets[i], value);
}

/* epoch, seq and time_ms of the sample */
static const uint8_t head[] = {1,    2,	   3,	 4,    0x11, 0x12, 0x13, 0x14, 0x15, 0x16,
			       0x17, 0x18, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28};

static void batch_statement_has_its_octets(void **state)
{
	static const uint8_t count[] = {0x31, 0x32, 0x33, 0x34};
	struct ap_statement s = sample();
	uint8_t out[AP_STATEMENT_MAX];

	(void)state;
	memset(out, 0xee, sizeof(out));
	assert_int_equal(ap_statement_batch_put(out, &s), 104);
	assert_int_equal(AP_STATEMENT_BATCH, 104);
	assert_memory_equal(out, "agree1-batch\0\0\0\0", 16);
	assert_memory_equal(out + 16, head, 20);
	assert_memory_equal(out + 36, count, 4);
	assert_all(out + 40, 0xaa, 32);
	assert_all(out + 72, 0xbb, 32);
}

static void trial_statement_has_its_octets(void **state)
{
	struct ap_statement s = sample();
	uint8_t out[AP_STATEMENT_MAX];

	(void)state;
	memset(out, 0xee, sizeof(out));
	assert_int_equal(ap_statement_trial_put(out, &s), 100);
	assert_int_equal(AP_STATEMENT_TRIAL, 100);
	assert_memory_equal(out, "agree1-trial\0\0\0\0", 16);
	assert_memory_equal(out + 16, head, 20);
	assert_all(out + 36, 0xcc, 32);
	assert_all(out + 68, 0xbb, 32);
	assert_all(out + 100, 0xee, 4);
}

static void batch_statement_ignores_the_genesis_id(void **state)
{
	uint8_t one[AP_STATEMENT_MAX], other[AP_STATEMENT_MAX];
	struct ap_statement s = sample();

	(void)state;
	ap_statement_batch_put(one, &s);
	s.genesis[0] ^= 1;
	ap_statement_batch_put(other, &s);
	assert_memory_equal(one, other, AP_STATEMENT_BATCH);
}

static void trial_statement_ignores_root_and_count(void **state)
{
	uint8_t one[AP_STATEMENT_MAX], other[AP_STATEMENT_MAX];
	struct ap_statement s = sample();

	(void)state;
	ap_statement_trial_put(one, &s);
	s.root[0] ^= 1;
	s.count ^= 1;
	ap_statement_trial_put(other, &s);
	assert_memory_equal(one, other, AP_STATEMENT_TRIAL);
}

static void largest_numbers_fit(void **state)
{
	struct ap_statement s = sample();
	uint8_t out[AP_STATEMENT_MAX];

	(void)state;
	s.epoch = s.count = UINT32_MAX;
	s.seq = s.time_ms = UINT64_MAX;
	ap_statement_batch_put(out, &s);
	assert_all(out + 16, 0xff, 24);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batch_statement_has_its_octets),
		cmocka_unit_test(trial_statement_has_its_octets),
		cmocka_unit_test(batch_statement_ignores_the_genesis_id),
		cmocka_unit_test(trial_statement_ignores_root_and_count),
		cmocka_unit_test(largest_numbers_fit),
	};

	return cmocka_run_group_tests_name("statement", tests, NULL, NULL);
}
