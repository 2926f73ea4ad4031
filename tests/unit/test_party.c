/* Terms, tickets with parties, their secrets, keys and locks: without anything being asked. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/crypto.h"
#include "libproto/name.h"
#include "libproto/ticket.h"
#include "resolver/ctx.h"

static agree_network *network;
static agree_terms *terms;
static agree_ticket *ticket;
static unsigned char key_a[32], key_b[32], seed_a[32], seed_b[32];

static int setup(void **state)
{
	struct ap_sign_key key;
	uint8_t seed[32] = {7};

	(void)state;
	assert_int_equal(ap_sign_key_init(&key, seed), 0);
	assert_int_equal(agree_network_of_key("example.test", key.public_key, &network), 0);
	ap_sign_key_clear(&key);
	assert_int_equal(agree_keygen(seed_a, key_a), 0);
	assert_int_equal(agree_keygen(seed_b, key_b), 0);
	assert_int_equal(agree_terms_new(&terms), 0);
	assert_int_equal(agree_terms_label(terms, "deal", 4), 0);
	assert_int_equal(agree_terms_deadline(terms, 1900000000), 0);
	ticket = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	agree_ticket_free(ticket);
	agree_terms_free(terms);
	agree_network_free(network);
	return 0;
}

/* Two parties with secrets, k = 2, "go". */
static void draft_make(void)
{
	assert_int_equal(agree_terms_party(terms, NULL), 0);
	assert_int_equal(agree_terms_party(terms, NULL), 0);
	assert_int_equal(agree_terms_value(terms, "go", 2), 0);
	assert_int_equal(agree_ticket_new(network, terms, &ticket), 0);
	assert_true(agree_ticket_is_draft(ticket));
}

/* The ticket becomes one with this party's locks. */
static void lock(const agree_party *party)
{
	agree_ticket *locked;

	assert_int_equal(agree_ticket_lock(ticket, party, &locked), 0);
	agree_ticket_free(ticket);
	ticket = locked;
}

/* As it comes to somebody else. */
static agree_ticket *handed_on(const agree_ticket *t)
{
	char text[AP_TICKET_MAX];
	size_t size = sizeof(text);
	agree_ticket *again;

	assert_int_equal(agree_ticket_text(t, text, &size), 0);
	assert_int_equal(agree_ticket_parse(network, text, &again), 0);
	return again;
}

/* ---- terms ---- */

static void ticket_says_what_its_terms_were(void **state)
{
	unsigned char key[32];
	const void *value, *label;
	size_t len;

	(void)state;
	assert_int_equal(agree_terms_party(terms, key_a), 0);
	assert_int_equal(agree_terms_party(terms, NULL), 0);
	assert_int_equal(agree_terms_party(terms, key_b), 0);
	assert_int_equal(agree_terms_k(terms, 2), 0);
	assert_int_equal(agree_terms_value(terms, "sold", 4), 0);
	assert_int_equal(agree_ticket_new(network, terms, &ticket), 0);
	assert_int_equal(agree_ticket_deadline(ticket), 1900000000);
	assert_int_equal(agree_ticket_start(ticket), 0);
	assert_int_equal(agree_ticket_k(ticket), 2);
	assert_int_equal(agree_ticket_parties(ticket), 3);
	assert_int_equal(agree_ticket_party_key(ticket, 2, key), 1);
	assert_memory_equal(key, key_b, 32);
	assert_int_equal(agree_ticket_party_key(ticket, 1, NULL), 0);
	assert_int_equal(agree_ticket_party_key(ticket, 3, NULL), AGREE_ENOTPARTY);
	value = agree_ticket_value(ticket, &len);
	assert_int_equal(len, 4);
	assert_memory_equal(value, "sold", 4);
	label = agree_ticket_label(ticket, &len);
	assert_int_equal(len, 4);
	assert_memory_equal(label, "deal", 4);
}

static void all_must_agree_unless_k_says_otherwise(void **state)
{
	(void)state;
	assert_int_equal(agree_terms_party(terms, key_a), 0);
	assert_int_equal(agree_terms_party(terms, key_b), 0);
	assert_int_equal(agree_ticket_new(network, terms, &ticket), 0);
	assert_int_equal(agree_ticket_k(ticket), 2);
	assert_false(agree_ticket_is_draft(ticket));
}

static void impossible_terms_have_an_error_each(void **state)
{
	static const unsigned char small_order[32] = {1};
	char long_value[256];

	(void)state;
	memset(long_value, 'x', sizeof(long_value));
	assert_int_equal(agree_terms_k(terms, 0), AGREE_EK);
	assert_int_equal(agree_terms_k(terms, 33), AGREE_EK);
	assert_int_equal(agree_terms_value(terms, long_value, sizeof(long_value)), AGREE_EVALUE);
	assert_int_equal(agree_terms_label(terms, "", 0), AGREE_ELABEL);
	assert_int_equal(agree_terms_deadline(terms, 253402300800ULL), AGREE_ETIME);
	assert_int_equal(agree_terms_party(terms, key_a), 0);
	assert_int_equal(agree_terms_party(terms, key_a), AGREE_EPARTIES);
	assert_int_equal(agree_terms_party(terms, small_order), AGREE_EKEY);
	assert_int_equal(agree_terms_k(terms, 2), 0);
	assert_int_equal(agree_ticket_new(network, terms, &ticket), AGREE_EK);
	assert_int_equal(agree_terms_party(terms, NULL), 0);
	assert_int_equal(agree_ticket_new(network, terms, &ticket), AGREE_ENOVALUE);
	for (unsigned i = 2; i < 32; i++)
		assert_int_equal(agree_terms_party(terms, NULL), 0);
	assert_int_equal(agree_terms_party(terms, NULL), AGREE_EPARTIES);
	assert_null(ticket);
}

static void label_with_a_control_character_is_refused(void **state)
{
	(void)state;
	assert_int_equal(agree_terms_label(terms, "a\nb", 3), 0);
	assert_int_equal(agree_ticket_new(network, terms, &ticket), AGREE_ELABEL);
	assert_int_equal(agree_terms_label(terms, "\xff", 1), 0);
	assert_int_equal(agree_ticket_new(network, terms, &ticket), AGREE_ELABEL);
}

static void period_names_one_instance_for_all_who_know_it(void **state)
{
	static const char group[] = "a secret of several hosts";
	unsigned char a[AGREE_ID_LEN], b[AGREE_ID_LEN];
	agree_ticket *other;

	(void)state;
	assert_int_equal(agree_terms_period(terms, 59, 1796083200, NULL, 0), AGREE_EPERIOD);
	assert_int_equal(agree_terms_period(terms, 3600, 1796083200, "short", 5), AGREE_EGROUP);
	assert_int_equal(agree_terms_period(terms, 3600, 1796083200, NULL, 0), 0);
	assert_int_equal(agree_ticket_new(network, terms, &ticket), 0);
	assert_int_equal(agree_ticket_start(ticket), 1796083200 - 60);
	assert_int_equal(agree_ticket_deadline(ticket), 1796083200 - 60 + 3600);
	assert_int_equal(agree_terms_period(terms, 3600, 1796083200 + 3539, NULL, 0), 0);
	assert_int_equal(agree_ticket_new(network, terms, &other), 0);
	agree_ticket_id(ticket, a);
	agree_ticket_id(other, b);
	assert_memory_equal(a, b, sizeof(a));
	agree_ticket_free(other);
	assert_int_equal(agree_terms_period(terms, 3600, 1796083200, group, sizeof(group)), 0);
	assert_int_equal(agree_ticket_new(network, terms, &other), 0);
	agree_ticket_id(other, b);
	assert_memory_not_equal(a, b, sizeof(a));
	agree_ticket_free(other);
	assert_int_equal(agree_terms_party(terms, key_a), 0);
	assert_int_equal(agree_ticket_new(network, terms, &other), AGREE_EUSAGE);
}

/* ---- locks ---- */

static void each_party_adds_its_locks_to_the_draft(void **state)
{
	unsigned char before[AGREE_ID_LEN], after[AGREE_ID_LEN];
	agree_party *a, *b;
	agree_ticket *theirs;

	(void)state;
	draft_make();
	agree_ticket_id(ticket, before);
	assert_int_equal(agree_party_new(ticket, 0, &a), 0);
	lock(a);
	assert_true(agree_ticket_is_draft(ticket));
	theirs = handed_on(ticket);
	assert_true(agree_ticket_is_draft(theirs));
	agree_ticket_free(ticket);
	ticket = theirs;
	assert_int_equal(agree_party_new(ticket, 1, &b), 0);
	lock(b);
	assert_false(agree_ticket_is_draft(ticket));
	agree_ticket_id(ticket, after);
	assert_memory_equal(before, after, sizeof(before));
	lock(a); /* once more is harmless */
	agree_party_free(a);
	agree_party_free(b);
}

static void party_locks_once(void **state)
{
	agree_party *a, *again;
	agree_ticket *locked;

	(void)state;
	draft_make();
	assert_int_equal(agree_party_new(ticket, 0, &a), 0);
	lock(a);
	assert_int_equal(agree_party_new(ticket, 0, &again), 0);
	assert_int_equal(agree_ticket_lock(ticket, again, &locked), AGREE_ELOCKED);
	assert_null(locked);
	agree_party_free(again);
	agree_party_free(a);
}

static void locks_of_another_instance_are_refused(void **state)
{
	agree_ticket *first, *locked;
	agree_party *a;

	(void)state;
	draft_make();
	first = ticket;
	assert_int_equal(agree_party_new(first, 0, &a), 0);
	assert_int_equal(agree_terms_deadline(terms, 1900000001), 0);
	assert_int_equal(agree_ticket_new(network, terms, &ticket), 0);
	assert_int_equal(agree_ticket_lock(ticket, a, &locked), AGREE_ETICKET);
	agree_party_free(a);
	agree_ticket_free(first);
}

/* ---- secrets ---- */

static void saved_secrets_are_the_party_again(void **state)
{
	unsigned char yes[32], no[32], other[32];
	agree_party *a, *b, *again;

	(void)state;
	draft_make();
	assert_int_equal(agree_party_new(ticket, 0, &a), 0);
	assert_int_equal(agree_party_new(ticket, 1, &b), 0);
	lock(a);
	lock(b);
	assert_int_equal(agree_party_secret(b, 1, yes), 0);
	assert_int_equal(agree_party_secret(b, 0, no), 0);
	assert_memory_not_equal(yes, no, 32);
	assert_int_equal(agree_party_secrets(ticket, 1, yes, no, &again), 0);
	assert_int_equal(agree_party_index(again), 1);
	agree_party_free(again);
	/* one of them will do, but says only this */
	assert_int_equal(agree_party_secrets(ticket, 1, NULL, no, &again), 0);
	assert_int_equal(agree_party_secret(again, 1, other), AGREE_ESECRET);
	agree_party_free(again);
	agree_party_free(a);
	agree_party_free(b);
}

static void secret_that_opens_no_lock_is_told_at_once(void **state)
{
	unsigned char yes[32], no[32];
	agree_party *a, *b, *again;

	(void)state;
	draft_make();
	assert_int_equal(agree_party_new(ticket, 0, &a), 0);
	assert_int_equal(agree_party_new(ticket, 1, &b), 0);
	lock(a);
	lock(b);
	assert_int_equal(agree_party_secret(b, 1, yes), 0);
	assert_int_equal(agree_party_secret(b, 0, no), 0);
	assert_int_equal(agree_party_secrets(ticket, 0, yes, no, &again), AGREE_ESECRET);
	assert_int_equal(agree_party_secrets(ticket, 1, no, yes, &again), AGREE_ESECRET);
	yes[31] ^= 1;
	assert_int_equal(agree_party_secrets(ticket, 1, yes, no, &again), AGREE_ESECRET);
	assert_null(again);
	assert_int_equal(agree_party_secrets(ticket, 2, yes, no, &again), AGREE_ENOTPARTY);
	agree_party_free(a);
	agree_party_free(b);
}

/* ---- keys ---- */

static void key_is_a_party_or_a_stranger(void **state)
{
	unsigned char seed[32], key[32], public_key[32];
	agree_party *party;

	(void)state;
	assert_int_equal(agree_terms_party(terms, key_a), 0);
	assert_int_equal(agree_terms_party(terms, key_b), 0);
	assert_int_equal(agree_ticket_new(network, terms, &ticket), 0);
	assert_int_equal(agree_party_identity(ticket, seed_b, &party), 0);
	assert_int_equal(agree_party_index(party), 1);
	agree_party_free(party);
	assert_int_equal(agree_keygen(seed, key), 0);
	assert_int_equal(agree_public_key(seed, public_key), 0);
	assert_memory_equal(key, public_key, 32);
	assert_int_equal(agree_party_identity(ticket, seed, &party), AGREE_ENOTPARTY);
	assert_null(party);
	/* one with a key has no secrets */
	assert_int_equal(agree_party_new(ticket, 0, &party), AGREE_ENOTPARTY);
}

static void id_alone_has_no_parties(void **state)
{
	char name[AP_NAME_TEXT];
	size_t size = sizeof(name);
	agree_party *party;
	agree_ticket *bare;

	(void)state;
	draft_make();
	assert_int_equal(agree_ticket_name(ticket, name, &size), 0);
	assert_int_equal(agree_ticket_parse(network, name, &bare), 0);
	assert_int_equal(agree_ticket_k(bare), 0);
	assert_int_equal(agree_ticket_parties(bare), 0);
	assert_int_equal(agree_ticket_party_key(bare, 0, NULL), AGREE_ETICKET);
	assert_null(agree_ticket_value(bare, &size));
	assert_null(agree_ticket_label(bare, &size));
	assert_int_equal(agree_ticket_deadline(bare), 1900000000);
	assert_int_equal(agree_party_new(bare, 0, &party), AGREE_ENODESCRIPTOR);
	assert_int_equal(agree_party_identity(bare, seed_a, &party), AGREE_ENODESCRIPTOR);
	agree_ticket_free(bare);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ticket_says_what_its_terms_were),
		TEST(all_must_agree_unless_k_says_otherwise),
		TEST(impossible_terms_have_an_error_each),
		TEST(label_with_a_control_character_is_refused),
		TEST(period_names_one_instance_for_all_who_know_it),
		TEST(each_party_adds_its_locks_to_the_draft),
		TEST(party_locks_once),
		TEST(locks_of_another_instance_are_refused),
		TEST(saved_secrets_are_the_party_again),
		TEST(secret_that_opens_no_lock_is_told_at_once),
		TEST(key_is_a_party_or_a_stranger),
		TEST(id_alone_has_no_parties),
	};

	return cmocka_run_group_tests_name("party", tests, NULL, NULL);
}
