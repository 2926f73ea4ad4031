/* Signatures of votes, each verified once: daemon/votes.c. draft {#votes} */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "daemon/votes.h"
#include "libproto/agree_errors.h"
#include "libproto/crypto.h"
#include "libproto/instance.h"
#include "tests/lib/logbook.h"

static const struct instance two = {.label = "two", .deadline_s = 1000, .parties = 2, .k = 2};
static const struct instance open_one = {.label = "open", .deadline_s = 1000};

struct rig {
	struct votes *votes;
	struct logbook *log;
	struct bodies *bodies;
	struct machine_funcs funcs;
};

static int up(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	assert_true(sodium_init() >= 0);
	r->votes = votes_new();
	r->bodies = bodies_new(1 << 20);
	r->log = logbook_new(4, 100);
	logbook_live(r->log, 16);
	votes_funcs(r->votes, &r->funcs);
	*state = r;
	return 0;
}

static int down(void **state)
{
	struct rig *r = *state;

	votes_free(r->votes);
	bodies_free(r->bodies);
	logbook_free(r->log);
	free(r);
	return 0;
}

static void assert_counts(const struct rig *r, uint64_t verified, uint64_t remembered)
{
	struct votes_info info;

	votes_info(r->votes, &info);
	assert_int_equal(info.verified, verified);
	assert_int_equal(info.remembered, remembered);
}

/* A bundle with these asks comes, and lies in the body store under this digest. */
static void arrive(struct rig *r, const struct ask *asks, size_t n, uint8_t digest)
{
	uint8_t octets[8192], key[32];
	ap_bundle b = {.relay = 1, .start = 1, .counter = digest};
	struct ap_writer w;

	r->log->n_bundles = r->log->len = 0;
	logbook_bundle(r->log, 1);
	for (size_t i = 0; i < n; i++)
		logbook_ask(r->log, &asks[i]);
	b.ops = (ap_span){r->log->bundles[0].ops, r->log->bundles[0].ops_len};
	ap_writer_init(&w, octets, sizeof(octets));
	ap_bundle_put(&w, &b);
	assert_null(w.bad);
	memset(key, digest, sizeof(key));
	assert_int_equal(bodies_put(r->bodies, key, octets, ap_writer_len(&w), NULL), 0);
	votes_arrived(r->votes, key);
}

static unsigned turns(struct rig *r)
{
	unsigned n = 0;

	while (votes_turn(r->votes, r->log->machine, r->bodies))
		n++;
	return n;
}

static void a_verdict_is_found_once_and_remembered(void **state)
{
	struct rig *r = *state;
	uint8_t seed[32] = {1}, sig[64];
	struct ap_sign_key key;

	assert_int_equal(ap_sign_key_init(&key, seed), 0);
	assert_int_equal(ap_sign(&key, sig, "vote", 4), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(r->funcs.vote_check(r->votes, key.public_key, sig,
						     (const uint8_t *)"vote", 4),
				 0);
	assert_counts(r, 1, 2);
	for (size_t i = 0; i < 3; i++)
		assert_int_not_equal(r->funcs.vote_check(r->votes, key.public_key, sig,
							 (const uint8_t *)"veto", 4),
				     0);
	assert_counts(r, 2, 4);
	ap_sign_key_clear(&key);
}

static void votes_are_verified_one_a_turn_before_they_execute(void **state)
{
	struct rig *r = *state;
	const struct ask asks[] = {logbook_vote(&two, 0, AP_VERB_APPROVE, "v"),
				   {.instance = &open_one,
				    .verb = AP_VERB_APPROVE,
				    .party = AP_PARTY_NONE,
				    .value = "x"},
				   logbook_vote(&two, 1, AP_VERB_APPROVE, "v")};

	arrive(r, asks, 3, 5);
	assert_int_equal(turns(r), 2);
	assert_counts(r, 2, 0);
	arrive(r, asks, 3, 6); /* the same ones, in the batch: they cost no turn */
	assert_int_equal(turns(r), 0);
	assert_counts(r, 2, 2);
}

static void bundles_without_votes_cost_nothing(void **state)
{
	struct rig *r = *state;
	const struct ask ask = {.instance = &open_one,
				.verb = AP_VERB_APPROVE,
				.party = AP_PARTY_NONE,
				.value = "x"};

	arrive(r, &ask, 1, 5);
	assert_int_equal(turns(r), 0);
	assert_counts(r, 0, 0);
}

static void a_bare_vote_is_verified_if_the_instance_is_known(void **state)
{
	struct rig *r = *state;
	struct ask ask = logbook_vote(&two, 0, AP_VERB_APPROVE, "v"),
		   observe = {.instance = &two, .verb = AP_VERB_OBSERVE, .party = AP_PARTY_NONE};

	ask.bare = true;
	arrive(r, &ask, 1, 5);
	turns(r);
	assert_counts(r, 0, 0);
	r->log->n_bundles = r->log->len = 0;
	logbook_bundle(r->log, 2);
	logbook_ask(r->log, &observe);
	logbook_apply(r->log, 1);
	arrive(r, &ask, 1, 6);
	turns(r);
	assert_counts(r, 1, 0);
}

static void bundles_that_are_gone_are_passed_over(void **state)
{
	struct rig *r = *state;
	const struct ask ask = logbook_vote(&two, 0, AP_VERB_APPROVE, "v");
	uint8_t digest[32];

	for (uint16_t i = 0; i < 600; i++) { /* more than are remembered */
		memset(digest, i & 0xff, sizeof(digest));
		votes_arrived(r->votes, digest);
	}
	arrive(r, &ask, 1, 7);
	bodies_drop(r->bodies, (memset(digest, 7, sizeof(digest)), digest));
	assert_int_equal(turns(r), 0);
	arrive(r, &ask, 1, 8);
	assert_int_equal(turns(r), 1);
}

/* What the relay asks before it orders anything. */
static void a_relay_is_told_what_is_wrong_with_a_vote(void **state)
{
	struct rig *r = *state;
	uint8_t id[AP_ID_LEN], seed[32], message[AP_VOTE_MAX];
	ap_descriptor d = {.terms = {.version = 1, .k = 1, .deadline = 9, .n_parties = 1}};
	ap_propose p = {.version = 1, .verb = AP_VERB_APPROVE, .value = {(const uint8_t *)"v", 1}};
	struct ap_sign_key key;

	memset(seed, 5, sizeof(seed));
	memset(id, 6, sizeof(id));
	assert_int_equal(ap_sign_key_init(&key, seed), 0);
	d.terms.parties[0].key.present = true;
	memcpy(d.terms.parties[0].key.it.octets, key.public_key, 32);
	p.credential.kind = AP_CREDENTIAL_SIGNATURE;
	ap_sign(&key, p.credential.octets, message, ap_vote_put(message, p.verb, id, &p.value));
	assert_int_equal(votes_check(r->votes, r->log->machine, id, &p, &d), 0);
	p.verb = AP_VERB_VETO;
	assert_int_equal(votes_check(r->votes, r->log->machine, id, &p, &d), AGREE_EFORM);
	p.value.len = 0;
	assert_int_equal(votes_check(r->votes, r->log->machine, id, &p, &d), AGREE_ECREDENTIAL);
	p.party = 1;
	assert_int_equal(votes_check(r->votes, r->log->machine, id, &p, &d), AGREE_ENOTPARTY);
	assert_int_equal(votes_check(r->votes, r->log->machine, id, &p, NULL), 0); /* not known */
	ap_sign_key_clear(&key);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_verdict_is_found_once_and_remembered),
		TEST(votes_are_verified_one_a_turn_before_they_execute),
		TEST(bundles_without_votes_cost_nothing),
		TEST(a_bare_vote_is_verified_if_the_instance_is_known),
		TEST(bundles_that_are_gone_are_passed_over),
		TEST(a_relay_is_told_what_is_wrong_with_a_vote),
	};

	return cmocka_run_group_tests_name("votes", tests, NULL, NULL);
}
