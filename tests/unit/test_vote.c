/* libproto/vote.c: what a vote must be. draft {#votes}, {#request} */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/agree_errors.h"
#include "libproto/crypto.h"
#include "libproto/instance.h"
#include "libproto/vote.h"

static ap_value text(const char *t)
{
	return (ap_value){(const uint8_t *)t, strlen(t)};
}

/* Party 0 signs, 1 and 2 have secrets. */
static ap_terms mixed(void)
{
	ap_terms terms = {.version = 1, .k = 2, .deadline = 9, .n_parties = 3};

	terms.parties[0].key.present = true;
	terms.fixed.present = true;
	terms.fixed.it = text("go");
	return terms;
}

static int check(const ap_terms *terms, uint8_t verb, uint8_t party, uint8_t kind,
		 const char *value)
{
	ap_propose p = {.version = 1, .verb = verb, .party = party, .value = text(value)};

	p.credential.kind = kind;
	return ap_vote_check(terms, &p);
}

enum { YES = AP_VERB_APPROVE, NO = AP_VERB_VETO, ASK = AP_VERB_OBSERVE };
enum { NONE = AP_CREDENTIAL_NONE, SIG = AP_CREDENTIAL_SIGNATURE, SECRET = AP_CREDENTIAL_SECRET };

static void each_party_has_its_kind_of_credential(void **state)
{
	ap_terms t = mixed();

	(void)state;
	assert_int_equal(check(&t, YES, 0, SIG, "go"), 0);
	assert_int_equal(check(&t, YES, 1, SECRET, "go"), 0);
	assert_int_equal(check(&t, NO, 2, SECRET, ""), 0);
	assert_int_equal(check(&t, YES, 0, SECRET, "go"), AGREE_ECREDENTIAL);
	assert_int_equal(check(&t, YES, 1, SIG, "go"), AGREE_ECREDENTIAL);
	assert_int_equal(check(&t, NO, 2, NONE, ""), AGREE_ECREDENTIAL);
}

static void strangers_are_told_so(void **state)
{
	ap_terms t = mixed();

	(void)state;
	assert_int_equal(check(&t, YES, 3, SIG, "go"), AGREE_ENOTPARTY);
	assert_int_equal(check(&t, YES, AP_PARTY_NONE, NONE, "go"), AGREE_ENOTPARTY);
}

static void values_are_the_fixed_one_and_vetoes_have_none(void **state)
{
	ap_terms t = mixed();

	(void)state;
	assert_int_equal(check(&t, YES, 1, SECRET, "stop"), AGREE_EFIXED);
	assert_int_equal(check(&t, YES, 1, SECRET, ""), AGREE_EFIXED);
	assert_int_equal(check(&t, NO, 1, SECRET, "go"), AGREE_EFORM);
	t.fixed.present = false;
	assert_int_equal(check(&t, YES, 1, SECRET, "stop"), 0);
}

static void an_open_instance_has_neither_parties_nor_vetoes(void **state)
{
	const ap_terms t = {.version = 1, .k = 1, .deadline = 9};

	(void)state;
	assert_int_equal(check(&t, YES, AP_PARTY_NONE, NONE, "x"), 0);
	assert_int_equal(check(&t, NO, AP_PARTY_NONE, NONE, ""), AGREE_EBADTERMS);
	assert_int_equal(check(&t, YES, 0, NONE, "x"), AGREE_ENOTPARTY);
	assert_int_equal(check(&t, YES, AP_PARTY_NONE, SIG, "x"), AGREE_ECREDENTIAL);
}

static void an_observe_may_say_anything(void **state)
{
	ap_terms t = mixed();

	(void)state;
	assert_int_equal(check(&t, ASK, 77, SIG, "whatever"), 0);
}

/* Scenario 96: nothing opens but the lock it was made for. */
static void a_secret_opens_its_lock_and_no_other(void **state)
{
	ap_descriptor d = {.terms = mixed(), .n_locks = 2};
	uint8_t id[AP_ID_LEN] = {1, 2, 3}, yes[2][32], no[2][32];

	(void)state;
	for (uint8_t i = 0; i < 2; i++) {
		memset(yes[i], 10 + i, 32);
		memset(no[i], 20 + i, 32);
		ap_lock_digest(ap_sha256, d.locks[i].yes.octets, id, (uint8_t)(i + 1), true,
			       yes[i]);
		ap_lock_digest(ap_sha256, d.locks[i].no.octets, id, (uint8_t)(i + 1), false, no[i]);
	}
	for (uint8_t party = 0; party < 4; party++) {
		for (uint8_t i = 0; i < 2; i++) {
			assert_int_equal(ap_vote_opens(ap_sha256, &d, id, party, true, yes[i]),
					 party == i + 1);
			assert_int_equal(ap_vote_opens(ap_sha256, &d, id, party, false, no[i]),
					 party == i + 1);
			assert_false(ap_vote_opens(ap_sha256, &d, id, party, false, yes[i]));
			assert_false(ap_vote_opens(ap_sha256, &d, id, party, true, no[i]));
		}
	}
	id[36] ^= 1;
	assert_false(ap_vote_opens(ap_sha256, &d, id, 1, true, yes[0]));
	d.n_locks = 0; /* a draft */
	assert_false(ap_vote_opens(ap_sha256, &d, id, 1, true, yes[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_party_has_its_kind_of_credential),
		cmocka_unit_test(strangers_are_told_so),
		cmocka_unit_test(values_are_the_fixed_one_and_vetoes_have_none),
		cmocka_unit_test(an_open_instance_has_neither_parties_nor_vetoes),
		cmocka_unit_test(an_observe_may_say_anything),
		cmocka_unit_test(a_secret_opens_its_lock_and_no_other),
	};

	return cmocka_run_group_tests_name("vote", tests, NULL, NULL);
}
