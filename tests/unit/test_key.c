/* test_key.c: what is accepted as a group and as a member's key, and its file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/frost/frost.h"
#include "daemon/frost/inner.h"
#include "tests/lib/testkeys.h"

#define EPOCH 3
#define SEED  7

static struct frost_key keys[FROST_MEMBERS_MAX];

static int setup(void **state)
{
	(void)state;
	testkeys(keys, 4, 2, EPOCH, SEED);
	return frost_canary();
}

/* The checksum of octets that were changed on purpose. */
static void seal(uint8_t *octets, size_t size)
{
	frost_put_checksum(octets, octets + size - FROST_CHECKSUM);
}

/* ---- groups and keys ---- */

static void sound_groups_of_every_size_pass(void **state)
{
	struct frost_key many[FROST_MEMBERS_MAX];

	(void)state;
	for (uint32_t n = 1; n <= FROST_MEMBERS_MAX; n += 3) {
		uint32_t t = (n - 1) / 3 + 1;

		testkeys(many, n, t, EPOCH, SEED);
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(frost_key_check(&many[i]), 0);
	}
}

static void members_are_found_by_identifier(void **state)
{
	(void)state;
	assert_int_equal(frost_group_find(&keys[0].group, 1), 0);
	assert_int_equal(frost_group_find(&keys[0].group, 4), 3);
	assert_int_equal(frost_group_find(&keys[0].group, 5), -1);
	assert_int_equal(frost_group_find(&keys[0].group, 0), -1);
}

static void spoil_no_members(struct frost_key *k)
{
	k->group.n = 0;
}

static void spoil_too_many_members(struct frost_key *k)
{
	k->group.n = FROST_MEMBERS_MAX + 1;
}

static void spoil_no_threshold(struct frost_key *k)
{
	k->group.t = 0;
}

static void spoil_threshold_above_n(struct frost_key *k)
{
	k->group.t = 5;
}

static void spoil_threshold(struct frost_key *k)
{
	k->group.t = 1; /* one share alone is not the key */
}

static void spoil_zero_id(struct frost_key *k)
{
	k->group.id[0] = 0;
}

static void spoil_order(struct frost_key *k)
{
	k->group.id[1] = 3;
	k->group.id[2] = 2;
}

static void spoil_group_key(struct frost_key *k)
{
	frost_point_identity(k->group.key);
}

static void spoil_verifier(struct frost_key *k)
{
	memset(k->group.verifier[3], 0x99, 32);
}

static void spoil_other_group_key(struct frost_key *k)
{
	memcpy(k->group.key, k->group.verifier[0], 32);
}

static void spoil_member(struct frost_key *k)
{
	k->id = 5;
}

static void spoil_other_member(struct frost_key *k)
{
	k->id = 2;
}

static void spoil_share(struct frost_key *k)
{
	memset(k->share, 0xff, 32);
}

static const struct {
	void (*spoil)(struct frost_key *);
	int rc;
} refusals[] = {
	{spoil_no_members, FROST_ELIMIT},   {spoil_too_many_members, FROST_ELIMIT},
	{spoil_no_threshold, FROST_ELIMIT}, {spoil_threshold_above_n, FROST_ELIMIT},
	{spoil_threshold, FROST_EKEY},	    {spoil_zero_id, FROST_EORDER},
	{spoil_order, FROST_EORDER},	    {spoil_group_key, FROST_EPOINT},
	{spoil_verifier, FROST_EPOINT},	    {spoil_other_group_key, FROST_EKEY},
	{spoil_member, FROST_EMEMBER},	    {spoil_other_member, FROST_EKEY},
	{spoil_share, FROST_ESCALAR},
};

static void each_flaw_of_a_key_has_its_reason(void **state)
{
	struct frost *f;

	(void)state;
	assert_int_equal(frost_new(&f, NULL), 0);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct frost_key k = keys[0];

		refusals[i].spoil(&k);
		assert_int_equal(frost_key_check(&k), refusals[i].rc);
		assert_int_equal(frost_load(f, &k, 1), refusals[i].rc);
		assert_null(frost_public(f));
	}
	frost_free(f);
}

static void a_loaded_key_shows_its_public_part(void **state)
{
	struct frost *f;

	(void)state;
	assert_int_equal(frost_new(&f, NULL), 0);
	assert_int_equal(frost_load(f, &keys[2], 11), 0);
	assert_memory_equal(frost_public(f), &keys[2].group, sizeof(keys[2].group));
	assert_int_equal(frost_id(f), 3);
	assert_int_equal(frost_boot(f), 11);
	frost_free(f);
}

/* ---- the file ---- */

static void a_key_comes_back_from_its_octets(void **state)
{
	struct frost_key many[FROST_MEMBERS_MAX], back;
	uint8_t octets[FROST_KEY_MAX];

	(void)state;
	for (uint32_t n = 1; n <= FROST_MEMBERS_MAX; n += 3) {
		size_t size;

		testkeys(many, n, (n - 1) / 3 + 1, EPOCH, SEED);
		memset(octets, 0xee, sizeof(octets));
		size = frost_key_put(octets, &many[n - 1]);
		assert_in_range(size, 1, FROST_KEY_MAX);
		assert_int_equal(frost_key_get(&back, octets, size), 0);
		assert_memory_equal(back.group.key, many[n - 1].group.key, 32);
		assert_memory_equal(back.group.verifier, many[n - 1].group.verifier,
				    (size_t)32 * n);
		assert_memory_equal(back.group.id, many[n - 1].group.id, sizeof(uint16_t) * n);
		assert_memory_equal(back.share, many[n - 1].share, 32);
		assert_int_equal(back.id, n);
		assert_int_equal(back.group.epoch, EPOCH);
	}
}

static void every_changed_octet_is_noticed_and_leaves_nothing(void **state)
{
	static const struct frost_key nothing;
	uint8_t octets[FROST_KEY_MAX];
	size_t size = frost_key_put(octets, &keys[0]);
	struct frost_key back;

	(void)state;
	for (size_t i = 0; i < size; i++) {
		int expected = i < 8 ? FROST_EFORMAT : i < 12 ? FROST_EVERSION : FROST_ECHECKSUM;

		octets[i] ^= 0x10;
		assert_int_equal(frost_key_get(&back, octets, size), expected);
		assert_memory_equal(&back, &nothing, sizeof(back));
		octets[i] ^= 0x10;
	}
	assert_int_equal(frost_key_get(&back, octets, size), 0);
}

static void every_other_length_is_refused(void **state)
{
	uint8_t octets[FROST_KEY_MAX + 1] = {0};
	size_t size = frost_key_put(octets, &keys[0]);
	struct frost_key back;

	(void)state;
	for (size_t n = 0; n <= sizeof(octets); n++)
		if (n != size)
			assert_true(frost_key_get(&back, octets, n) < 0);
	assert_int_equal(frost_key_get(&back, octets, 0), FROST_EFORMAT);
	assert_int_equal(frost_key_get(&back, octets, size - 1), FROST_ECHECKSUM);
	assert_int_equal(frost_key_get(&back, octets, sizeof(octets)), FROST_EFORMAT);
}

static void a_sealed_lie_about_the_count_is_refused(void **state)
{
	static const struct {
		uint8_t n;
		int rc;
	} rows[] = {{0, FROST_ELIMIT}, {14, FROST_ELIMIT}, {3, FROST_EFORMAT}, {5, FROST_EFORMAT}};
	uint8_t octets[FROST_KEY_MAX];
	size_t size = frost_key_put(octets, &keys[0]);
	struct frost_key back;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		octets[19] = rows[i].n;
		seal(octets, size);
		assert_int_equal(frost_key_get(&back, octets, size), rows[i].rc);
	}
	octets[19] = 4;
	seal(octets, size);
	assert_int_equal(frost_key_get(&back, octets, size), 0);
}

static void a_sealed_inconsistent_key_is_refused(void **state)
{
	uint8_t octets[FROST_KEY_MAX];
	struct frost_key back, bad = keys[0];
	size_t size;

	(void)state;
	memcpy(bad.share, keys[1].share, 32);
	size = frost_key_put(octets, &bad);
	assert_int_equal(frost_key_get(&back, octets, size), FROST_EKEY);
	assert_true(frost_scalar_is_zero(back.share));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound_groups_of_every_size_pass),
		cmocka_unit_test(members_are_found_by_identifier),
		cmocka_unit_test(each_flaw_of_a_key_has_its_reason),
		cmocka_unit_test(a_loaded_key_shows_its_public_part),
		cmocka_unit_test(a_key_comes_back_from_its_octets),
		cmocka_unit_test(every_changed_octet_is_noticed_and_leaves_nothing),
		cmocka_unit_test(every_other_length_is_refused),
		cmocka_unit_test(a_sealed_lie_about_the_count_is_refused),
		cmocka_unit_test(a_sealed_inconsistent_key_is_refused),
	};

	return cmocka_run_group_tests_name("key", tests, setup, NULL);
}
