#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/crypto.h"
#include "libproto/instance.h"

#define BYTES(text) ((ap_bytes){(const uint8_t *)(text), sizeof(text) - 1})

static ap_descriptor open_descriptor(void)
{
	ap_descriptor d;

	memset(&d, 0, sizeof(d));
	d.terms.version = 1;
	d.terms.k = 1;
	d.terms.deadline = 1795500840;
	d.terms.label = BYTES("leader");
	return d;
}

/* Three parties with keys, two of them must agree. */
static ap_descriptor board_descriptor(void)
{
	ap_descriptor d = open_descriptor();

	d.terms.k = 2;
	d.terms.n_parties = 3;
	for (uint8_t i = 0; i < 3; i++) {
		d.terms.parties[i].key.present = true;
		memset(d.terms.parties[i].key.it.octets, i + 1, 32);
	}
	return d;
}

/* One party with a key, two with locks. */
static ap_descriptor locked_descriptor(void)
{
	ap_descriptor d = board_descriptor();

	d.terms.k = 3;
	d.terms.fixed.present = true;
	d.terms.fixed.it = BYTES("moved");
	memset(&d.terms.parties[1], 0, sizeof(d.terms.parties[1]));
	memset(&d.terms.parties[2], 0, sizeof(d.terms.parties[2]));
	d.n_locks = 2;
	for (uint8_t i = 0; i < 2; i++) {
		memset(d.locks[i].yes.octets, 0x10 + i, 32);
		memset(d.locks[i].no.octets, 0x20 + i, 32);
	}
	return d;
}

#define assert_why(descriptor, words)                                                              \
	do {                                                                                       \
		const char *why_ = ap_descriptor_check(&(descriptor));                             \
		assert_non_null(why_);                                                             \
		assert_string_equal(why_, words);                                                  \
	} while (0)

static void good_descriptors_pass(void **state)
{
	ap_descriptor d = open_descriptor();

	(void)state;
	assert_null(ap_descriptor_check(&d));
	assert_true(ap_terms_is_open(&d.terms));
	d.terms.start = d.terms.deadline - 1;
	assert_null(ap_descriptor_check(&d));
	d = board_descriptor();
	assert_null(ap_descriptor_check(&d));
	assert_false(ap_terms_is_open(&d.terms));
	d.terms.k = 3;
	assert_null(ap_descriptor_check(&d));
	d.terms.k = 1;
	assert_null(ap_descriptor_check(&d));
	d = locked_descriptor();
	assert_null(ap_descriptor_check(&d));
	assert_int_equal(ap_terms_hash_parties(&d.terms), 2);
}

static void version_and_times_are_checked(void **state)
{
	ap_descriptor d = open_descriptor();

	(void)state;
	d.terms.version = 2;
	assert_why(d, "unknown version");
	d = open_descriptor();
	d.terms.deadline = 0;
	assert_why(d, "there is no deadline");
	d.terms.deadline = AP_DEADLINE_MAX;
	assert_null(ap_descriptor_check(&d));
	d.terms.deadline++;
	assert_why(d, "the deadline is after the year 9999");
	d = open_descriptor();
	d.terms.start = d.terms.deadline;
	assert_why(d, "the start is not before the deadline");
}

static void k_fits_the_parties(void **state)
{
	ap_descriptor d = open_descriptor();

	(void)state;
	d.terms.k = 0;
	assert_why(d, "k is 0");
	d.terms.k = 2;
	assert_why(d, "k is not 1 in an open instance");
	d = board_descriptor();
	d.terms.k = 4;
	assert_why(d, "k is above the number of parties");
	d.terms.n_parties = 33;
	assert_why(d, "more than 32 parties");
}

static void parties_are_all_different(void **state)
{
	ap_descriptor d = board_descriptor();

	(void)state;
	d.terms.parties[2] = d.terms.parties[0];
	assert_why(d, "two parties have the same key");
	/* parties with secrets have no key to compare: they differ by their place */
	d = locked_descriptor();
	assert_null(ap_descriptor_check(&d));
}

static void labels_are_printable_utf8(void **state)
{
	static const struct {
		const char *label;
		const char *why;
	} rows[] = {
		{"x", NULL},
		{"a b~", NULL},
		{"gr\xc3\xbc\xc3\x9f"
		 "e",
		 NULL},
		{"\xe2\x82\xac", NULL},
		{"\xc2\xa0", NULL},
		{"", "the label is empty"},
		{"a\nb", "the label has a control character"},
		{"a\x7f", "the label has a control character"},
		{"a\xc2\x85", "the label has a control character"},
		{"\xff", "the label is not UTF-8"},
		{"\xc2", "the label is not UTF-8"},
		{"\xc0\xaf", "the label is not UTF-8"},
	};
	char longest[AP_LABEL_MAX + 1];
	ap_descriptor d = open_descriptor();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *why;

		d.terms.label.data = (const uint8_t *)rows[i].label;
		d.terms.label.len = strlen(rows[i].label);
		why = ap_descriptor_check(&d);
		if (rows[i].why == NULL)
			assert_null(why);
		else
			assert_string_equal(why, rows[i].why);
	}
	memset(longest, 'l', sizeof(longest));
	d.terms.label = (ap_bytes){(const uint8_t *)longest, AP_LABEL_MAX};
	assert_null(ap_descriptor_check(&d));
	d.terms.label.len++;
	assert_why(d, "the label is longer than 63 octets");
}

static void secrets_need_locks_and_a_fixed_value(void **state)
{
	ap_descriptor d = locked_descriptor();

	(void)state;
	d.terms.fixed.present = false;
	assert_why(d, "parties with secrets need a fixed value");
	d = locked_descriptor();
	d.n_locks = 1;
	assert_why(d, "not one pair of locks for each party without a key");
	assert_non_null(ap_descriptor_check_draft(&d));
	d.n_locks = 0;
	assert_why(d, "the locks of the parties without a key are missing");
	assert_null(ap_descriptor_check_draft(&d));
	d = open_descriptor();
	d.n_locks = 1;
	assert_why(d, "not one pair of locks for each party without a key");
}

static size_t encode(uint8_t *out, const ap_descriptor *d)
{
	struct ap_writer w;

	ap_writer_init(&w, out, AP_MAX_descriptor);
	ap_descriptor_put(&w, d);
	assert_null(w.bad);
	return ap_writer_len(&w);
}

static void parsing_names_what_is_wrong(void **state)
{
	uint8_t octets[AP_MAX_descriptor + 1];
	ap_descriptor d = locked_descriptor();
	ap_descriptor back;
	const char *why;
	size_t len;

	(void)state;
	len = encode(octets, &d);
	assert_int_equal(ap_descriptor_parse(&back, (ap_bytes){octets, len}, &why), 0);
	assert_null(why);
	assert_int_equal(back.n_locks, 2);
	for (size_t cut = 0; cut < len; cut++) {
		why = NULL;
		assert_int_equal(ap_descriptor_parse(&back, (ap_bytes){octets, cut}, &why),
				 AGREE_EDESCRIPTOR);
		assert_non_null(why);
	}
	octets[len] = 0;
	assert_int_equal(ap_descriptor_parse(&back, (ap_bytes){octets, len + 1}, &why),
			 AGREE_EDESCRIPTOR);
	assert_string_equal(why, "trailing octets");
	d.terms.k = 0;
	len = encode(octets, &d);
	assert_int_equal(ap_descriptor_parse(&back, (ap_bytes){octets, len}, &why),
			 AGREE_EBADTERMS);
	assert_string_equal(why, "k is 0");
}

static void a_fixed_value_is_the_only_one_taken(void **state)
{
	ap_descriptor d = locked_descriptor();
	ap_value moved = BYTES("moved"), stayed = BYTES("stayed"), none = {NULL, 0};

	(void)state;
	assert_true(ap_terms_takes(&d.terms, &moved));
	assert_false(ap_terms_takes(&d.terms, &stayed));
	assert_false(ap_terms_takes(&d.terms, &none));
	d.terms.fixed.it = none;
	assert_true(ap_terms_takes(&d.terms, &none));
	assert_false(ap_terms_takes(&d.terms, &moved));
	d.terms.fixed.present = false;
	assert_true(ap_terms_takes(&d.terms, &moved));
	assert_true(ap_terms_takes(&d.terms, &none));
}

/* The octets that are hashed, written out by hand. */
static void the_id_is_deadline_and_hash_of_the_terms(void **state)
{
	/* clang-format off */
	static const uint8_t terms[] = {
		1,                               /* version */
		1,                               /* k */
		0, 0x6b, 0x05, 0x2b, 0x28,       /* deadline */
		0, 0, 0, 0, 0,                   /* start */
		0,                               /* fixed */
		6, 'l', 'e', 'a', 'd', 'e', 'r', /* label */
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* salt */
		0,                               /* parties */
	};
	/* clang-format on */
	uint8_t network[32], id[AP_ID_LEN], other[AP_ID_LEN], hash[32];
	ap_descriptor d = open_descriptor();

	(void)state;
	memset(network, 7, sizeof(network));
	assert_true(ap_instance_id(ap_sha256, id, network, &d.terms));
	ap_sha256(hash,
		  (const ap_bytes[]){
			  {(const uint8_t *)"agree1-instance\0", 16},
			  {network, 32},
			  {terms, sizeof(terms)},
		  },
		  3);
	assert_memory_equal(id, terms + 2, 5);
	assert_memory_equal(id + 5, hash, 32);
	assert_true(ap_id_deadline(id) == 1795500840);

	network[0] ^= 1;
	assert_true(ap_instance_id(ap_sha256, other, network, &d.terms));
	assert_memory_equal(other, id, 5);
	assert_memory_not_equal(other + 5, id + 5, 32);
}

static void locks_are_not_part_of_the_id_but_of_the_digest(void **state)
{
	uint8_t network[32] = {0}, a[AP_ID_LEN], b[AP_ID_LEN], da[32], db[32];
	ap_descriptor d = locked_descriptor();

	(void)state;
	assert_true(ap_instance_id(ap_sha256, a, network, &d.terms));
	assert_true(ap_descriptor_digest(ap_sha256, da, &d));
	d.locks[1].no.octets[31] ^= 1;
	assert_true(ap_instance_id(ap_sha256, b, network, &d.terms));
	assert_true(ap_descriptor_digest(ap_sha256, db, &d));
	assert_memory_equal(a, b, AP_ID_LEN);
	assert_memory_not_equal(da, db, 32);
}

static void terms_that_cannot_be_encoded_have_no_id(void **state)
{
	uint8_t network[32] = {0}, id[AP_ID_LEN], digest[32];
	uint8_t zero[AP_ID_LEN] = {0};
	ap_descriptor d = open_descriptor();

	(void)state;
	d.terms.deadline = AP_U40_MAX + 1;
	memset(id, 1, sizeof(id));
	assert_false(ap_instance_id(ap_sha256, id, network, &d.terms));
	assert_memory_equal(id, zero, sizeof(id));
	assert_false(ap_descriptor_digest(ap_sha256, digest, &d));
}

/* A secret opens nothing in another place, for the other answer, or in another instance. */
static void a_lock_is_bound_to_its_place(void **state)
{
	uint8_t id[AP_ID_LEN] = {1}, secret[32] = {2}, lock[32], expected[32], other[32];
	static const uint8_t place[] = {3, 1};

	(void)state;
	ap_lock_digest(ap_sha256, lock, id, 3, true, secret);
	ap_sha256(expected,
		  (const ap_bytes[]){
			  {(const uint8_t *)"agree1-lock\0\0\0\0\0", 16},
			  {id, sizeof(id)},
			  {place, sizeof(place)},
			  {secret, sizeof(secret)},
		  },
		  4);
	assert_memory_equal(lock, expected, 32);
	ap_lock_digest(ap_sha256, other, id, 3, false, secret);
	assert_memory_not_equal(lock, other, 32);
	ap_lock_digest(ap_sha256, other, id, 2, true, secret);
	assert_memory_not_equal(lock, other, 32);
	id[36] ^= 1;
	ap_lock_digest(ap_sha256, other, id, 3, true, secret);
	assert_memory_not_equal(lock, other, 32);
}

static void a_vote_covers_verb_id_and_value(void **state)
{
	uint8_t id[AP_ID_LEN], out[AP_VOTE_MAX], whole[AP_VALUE_MAX] = {0};
	ap_value value = BYTES("yes");
	size_t len;

	(void)state;
	memset(id, 9, sizeof(id));
	len = ap_vote_put(out, AP_VERB_APPROVE, id, &value);
	assert_int_equal(len, 16 + 1 + 37 + 1 + 3);
	assert_memory_equal(out, "agree1-vote\0\0\0\0\0\1", 17);
	assert_memory_equal(out + 17, id, sizeof(id));
	assert_memory_equal(out + 54, "\3yes", 4);
	value = (ap_bytes){whole, sizeof(whole)};
	assert_int_equal(ap_vote_put(out, AP_VERB_VETO, id, &value), AP_VOTE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_descriptors_pass),
		cmocka_unit_test(version_and_times_are_checked),
		cmocka_unit_test(k_fits_the_parties),
		cmocka_unit_test(parties_are_all_different),
		cmocka_unit_test(labels_are_printable_utf8),
		cmocka_unit_test(secrets_need_locks_and_a_fixed_value),
		cmocka_unit_test(parsing_names_what_is_wrong),
		cmocka_unit_test(a_fixed_value_is_the_only_one_taken),
		cmocka_unit_test(the_id_is_deadline_and_hash_of_the_terms),
		cmocka_unit_test(locks_are_not_part_of_the_id_but_of_the_digest),
		cmocka_unit_test(terms_that_cannot_be_encoded_have_no_id),
		cmocka_unit_test(a_lock_is_bound_to_its_place),
		cmocka_unit_test(a_vote_covers_verb_id_and_value),
	};

	return cmocka_run_group_tests_name("instance", tests, NULL, NULL);
}
