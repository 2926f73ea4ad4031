/* agree_vote(), and waits, against a network of one key. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/codec.h"
#include "libproto/name.h"
#include "resolver/ctx.h"
#include "tests/lib/fakenet.h"

enum { MANY = 300 };

static struct world {
	struct fakenet net;
	agree_ctx *ctx;
	agree_network *network;
	agree_ticket *ticket;
	agree_party *parties[2];
	char dns[64], key[64];
} w;

struct got {
	unsigned calls;
	int status;
	agree_network *network;
	agree_outcome *outcome;
};

static void on_network(void *arg, int status, agree_network *network)
{
	struct got *got = arg;

	got->calls++;
	got->status = status;
	got->network = network;
}

static void on_outcome(void *arg, int status, const agree_outcome *outcome)
{
	struct got *got = arg;

	got->calls++;
	got->status = status;
	got->outcome = agree_outcome_ref(outcome);
}

static void turn(int timeout_ms)
{
	fakenet_serve(&w.net, agree_fd(w.ctx), timeout_ms);
	assert_int_equal(agree_process(w.ctx), 0);
}

static void run(struct got *got)
{
	unsigned turns = 0;

	while (got->calls == 0) {
		turn(100);
		assert_true(++turns < 1000);
	}
	assert_int_equal(got->calls, 1);
}

static int setup(void **state)
{
	struct got got = {0};
	struct ap_text t;

	(void)state;
	memset(&w, 0, sizeof(w));
	fakenet_init(&w.net, 4);
	fakenet_open(&w.net);
	snprintf(w.dns, sizeof(w.dns), "127.0.0.1#%u", w.net.replicas[0].port);
	ap_text_init(&t, w.key, sizeof(w.key));
	ap_base64url_show(&t, w.net.key.public_key, 32);
	assert_int_equal(agree_ctx_new(&w.ctx), 0);
	assert_int_equal(agree_ctx_set(w.ctx, "dns", w.dns), 0);
	assert_int_equal(agree_ctx_set(w.ctx, "hedge", "60000"), 0);
	assert_int_equal(agree_ctx_set(w.ctx, "time", "60000"), 0);
	assert_int_equal(agree_network_find(w.ctx, "example.test", w.key, on_network, &got, NULL),
			 0);
	run(&got);
	assert_int_equal(got.status, 0);
	w.network = got.network;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++)
		agree_party_free(w.parties[i]);
	agree_ticket_free(w.ticket);
	agree_network_free(w.network);
	agree_ctx_free(w.ctx);
	fakenet_close(&w.net);
	fakenet_clear(&w.net);
	return 0;
}

/* ---- instances with two parties that must both agree on "go" ---- */

static agree_terms *terms_make(const char *label)
{
	agree_terms *terms;

	assert_int_equal(agree_terms_new(&terms), 0);
	assert_int_equal(agree_terms_label(terms, label, strlen(label)), 0);
	assert_int_equal(agree_terms_deadline(terms, w.net.now_ms / 1000 + 600), 0);
	assert_int_equal(agree_terms_value(terms, "go", 2), 0);
	return terms;
}

static void lock(agree_ticket **ticket, const agree_party *party)
{
	agree_ticket *locked;

	assert_int_equal(agree_ticket_lock(*ticket, party, &locked), 0);
	agree_ticket_free(*ticket);
	*ticket = locked;
}

static void with_secrets(void)
{
	agree_terms *terms = terms_make("custody");

	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(agree_terms_party(terms, NULL), 0);
	assert_int_equal(agree_ticket_new(w.network, terms, &w.ticket), 0);
	agree_terms_free(terms);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(agree_party_new(w.ticket, i, &w.parties[i]), 0);
		lock(&w.ticket, w.parties[i]);
	}
}

static void with_keys(void)
{
	unsigned char seeds[2][32], keys[2][32];
	agree_terms *terms = terms_make("board");

	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(agree_keygen(seeds[i], keys[i]), 0);
		assert_int_equal(agree_terms_party(terms, keys[i]), 0);
	}
	assert_int_equal(agree_ticket_new(w.network, terms, &w.ticket), 0);
	agree_terms_free(terms);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(agree_party_identity(w.ticket, seeds[i], &w.parties[i]), 0);
}

static int vote_begin(unsigned i, int yes, int wait_ms, struct got *got)
{
	memset(got, 0, sizeof(*got));
	return agree_vote(w.ctx, w.network, w.ticket, w.parties[i], yes, NULL, 0, wait_ms, 0,
			  on_outcome, got, NULL);
}

/* The outcome's status, or AGREE_E*. */
static int vote(unsigned i, int yes)
{
	struct got got;
	int status = vote_begin(i, yes, 0, &got);

	if (status != 0)
		return status;
	run(&got);
	status = got.status != 0 ? got.status : agree_outcome_status(got.outcome);
	agree_outcome_free(got.outcome);
	return status;
}

/* ---- votes ---- */

static void two_secrets_commit(void **state)
{
	unsigned long yes, no;
	struct got got;
	unsigned k;

	(void)state;
	with_secrets();
	assert_int_equal(vote_begin(0, AGREE_YES, 0, &got), 0);
	assert_int_equal(w.net.secrets_seen, 0); /* it asks first */
	run(&got);
	assert_int_equal(got.status, 0);
	assert_int_equal(agree_outcome_status(got.outcome), AGREE_PENDING);
	agree_outcome_tally(got.outcome, &k, &yes, &no);
	assert_int_equal(k, 2);
	assert_int_equal(yes, 1);
	assert_int_equal(no, 0);
	assert_int_equal(agree_outcome_needed(got.outcome), 1);
	agree_outcome_free(got.outcome);
	assert_int_equal(vote_begin(1, AGREE_YES, 0, &got), 0);
	run(&got);
	assert_true(agree_outcome_is(got.outcome, "go", 2));
	assert_int_equal(agree_outcome_needed(got.outcome), 0);
	agree_outcome_free(got.outcome);
	assert_int_equal(w.net.secrets_seen, 2);
	assert_int_equal(w.net.bare_votes, 2);
	/* both at one replica: look, vote, look, vote */
	assert_int_equal(w.net.replicas[0].udp, 4);
}

static void one_no_ends_it(void **state)
{
	(void)state;
	with_secrets();
	assert_int_equal(vote(0, AGREE_YES), AGREE_PENDING);
	assert_int_equal(vote(1, AGREE_NO), AGREE_ABORTED);
	/* who looks first finds that, and reveals nothing any more */
	assert_int_equal(vote(0, AGREE_YES), AGREE_ABORTED);
	assert_int_equal(w.net.secrets_seen, 2);
}

static void two_signatures_commit(void **state)
{
	(void)state;
	with_keys();
	assert_int_equal(vote(0, AGREE_YES), AGREE_PENDING);
	assert_int_equal(vote(1, AGREE_YES), AGREE_DECIDED);
	assert_int_equal(w.net.replicas[0].udp, 2); /* nothing to look for before */
	assert_int_equal(w.net.bare_votes, 0);
}

/* ---- secrets that must not leave ---- */

/* The same terms, and so the same id, with locks of somebody else: they were registered first. */
static void registered_by_others(void)
{
	ap_descriptor d;
	uint8_t octets[AP_MAX_descriptor];
	struct ap_writer writer;

	stub_ticket_descriptor(w.ticket, &d);
	memset(&d.locks[0], 0xee, sizeof(d.locks[0]));
	ap_writer_init(&writer, octets, sizeof(octets));
	ap_descriptor_put(&writer, &d);
	fakenet_register(&w.net, w.ticket->id.octets, ap_writer_bytes(&writer));
}

static void secret_stays_when_the_locks_are_others(void **state)
{
	struct got got;

	(void)state;
	with_secrets();
	registered_by_others();
	for (int yes = 0; yes < 2; yes++) {
		assert_int_equal(vote_begin(1, yes, 5000, &got), 0);
		run(&got);
		assert_int_equal(got.status, AGREE_ETERMS);
		assert_null(got.outcome);
	}
	assert_int_equal(w.net.secrets_seen, 0);
	/* nor is that instance's outcome taken for one of this ticket */
	memset(&got, 0, sizeof(got));
	assert_int_equal(agree_observe(w.ctx, w.network, w.ticket, 0, 0, on_outcome, &got, NULL),
			 0);
	run(&got);
	assert_int_equal(got.status, AGREE_ETERMS);
}

static void secret_stays_where_nobody_proves_anything(void **state)
{
	static const enum fakenet_mood moods[] = {FAKENET_OTHER_KEY, FAKENET_REPLAYS,
						  FAKENET_REFUSES, FAKENET_BAD_RECORD};

	(void)state;
	with_secrets();
	for (size_t m = 0; m < sizeof(moods) / sizeof(moods[0]); m++) {
		for (size_t i = 0; i < 4; i++)
			w.net.replicas[i].mood = moods[m];
		assert_true(vote(0, AGREE_YES) < 0);
		assert_int_equal(w.net.secrets_seen, 0);
	}
}

static void outcome_that_was_handed_on_saves_the_question(void **state)
{
	agree_outcome *handed;
	const void *wire;
	struct got got = {0};
	size_t len;

	(void)state;
	with_secrets();
	assert_int_equal(agree_observe(w.ctx, w.network, w.ticket, 0, 0, on_outcome, &got, NULL),
			 0);
	run(&got);
	wire = agree_outcome_wire(got.outcome, &len);
	assert_int_equal(
		agree_verify(w.net.key.public_key, w.ticket->id.octets, wire, len, &handed), 0);
	assert_int_equal(agree_ticket_registered(w.ticket, handed), 0);
	agree_outcome_free(handed);
	agree_outcome_free(got.outcome);
	w.net.replicas[0].udp = 0;
	assert_int_equal(vote(0, AGREE_YES), AGREE_PENDING);
	assert_int_equal(w.net.replicas[0].udp, 1);
	assert_int_equal(w.net.bare_votes, 1);
}

static void outcome_of_others_registers_nothing(void **state)
{
	char name[AP_NAME_TEXT];
	size_t size = sizeof(name);
	agree_ticket *ours;
	struct got got = {0};

	(void)state;
	with_secrets();
	registered_by_others();
	/* read by id alone, it is as proven as any */
	assert_int_equal(agree_ticket_name(w.ticket, name, &size), 0);
	assert_int_equal(agree_ticket_parse(w.network, name, &ours), 0);
	assert_int_equal(agree_observe(w.ctx, w.network, ours, 0, 0, on_outcome, &got, NULL), 0);
	run(&got);
	assert_int_equal(got.status, 0);
	assert_int_equal(agree_outcome_status(got.outcome), AGREE_PENDING);
	assert_int_equal(agree_ticket_registered(w.ticket, got.outcome), AGREE_ETERMS);
	assert_int_equal(agree_ticket_registered(ours, got.outcome), AGREE_ENODESCRIPTOR);
	agree_ticket_free(ours);
	agree_outcome_free(got.outcome);
}

/* ---- replicas that do less than they should ---- */

static void withheld_vote_goes_to_another_replica(void **state)
{
	(void)state;
	with_secrets();
	w.net.replicas[0].mood = FAKENET_WITHHOLDS;
	assert_int_equal(vote(0, AGREE_YES), AGREE_PENDING);
	assert_int_equal(fakenet_parties_find(&w.net, w.ticket->id.octets)->yes, 1);
	assert_int_equal(w.net.replicas[1].udp, 1);
	for (size_t i = 0; i < 4; i++)
		w.net.replicas[i].mood = FAKENET_WITHHOLDS;
	assert_int_equal(vote(1, AGREE_YES), AGREE_EWITHHELD);
}

static void descriptor_is_sent_to_who_wants_it(void **state)
{
	(void)state;
	with_secrets();
	for (size_t i = 0; i < 4; i++)
		w.net.replicas[i].mood = FAKENET_WANTS_DESCRIPTOR;
	assert_int_equal(vote(0, AGREE_YES), AGREE_PENDING);
	assert_int_equal(w.net.bare_votes, 1);
	assert_int_equal(w.net.secrets_seen, 2);
}

/* ---- told at once ---- */

static int vote_with(const agree_party *party, int yes, const char *value)
{
	struct got got = {0};

	return agree_vote(w.ctx, w.network, w.ticket, party, yes, value,
			  value != NULL ? strlen(value) : 0, 0, 0, on_outcome, &got, NULL);
}

static void bad_votes_are_told_at_once(void **state)
{
	unsigned char yes[32];
	agree_party *half;

	(void)state;
	with_secrets();
	assert_int_equal(vote_with(w.parties[0], AGREE_YES, "stop"), AGREE_EFIXED);
	assert_int_equal(vote_with(w.parties[0], AGREE_NO, "go"), AGREE_EUSAGE);
	assert_int_equal(vote_with(NULL, AGREE_YES, "go"), AGREE_ENOTPARTY);
	assert_int_equal(agree_party_secret(w.parties[0], 1, yes), 0);
	assert_int_equal(agree_party_secrets(w.ticket, 0, yes, NULL, &half), 0);
	assert_int_equal(vote_with(half, AGREE_NO, NULL), AGREE_ESECRET);
	agree_party_free(half);
	assert_int_equal(agree_observe(w.ctx, w.network, w.ticket, -1, 0, on_outcome, NULL, NULL),
			 AGREE_EUSAGE);
	assert_int_equal(w.net.replicas[0].udp, 0);
}

static void party_of_another_instance_cannot_vote(void **state)
{
	agree_terms *terms;
	agree_ticket *first;

	(void)state;
	with_secrets();
	first = w.ticket;
	terms = terms_make("another");
	assert_int_equal(agree_terms_party(terms, NULL), 0);
	assert_int_equal(agree_ticket_new(w.network, terms, &w.ticket), 0);
	assert_int_equal(vote(0, AGREE_YES), AGREE_EDRAFT);
	agree_terms_free(terms);
	agree_party_free(w.parties[1]);
	assert_int_equal(agree_party_new(w.ticket, 0, &w.parties[1]), 0);
	lock(&w.ticket, w.parties[1]);
	assert_int_equal(vote(0, AGREE_YES), AGREE_ENOTPARTY);
	agree_ticket_free(first);
}

static void open_instance_has_no_veto(void **state)
{
	agree_terms *terms;

	(void)state;
	assert_int_equal(agree_terms_new(&terms), 0);
	assert_int_equal(agree_terms_label(terms, "job", 3), 0);
	assert_int_equal(agree_terms_deadline(terms, w.net.now_ms / 1000 + 60), 0);
	assert_int_equal(agree_ticket_new(w.network, terms, &w.ticket), 0);
	agree_terms_free(terms);
	assert_int_equal(vote_with(NULL, AGREE_NO, NULL), AGREE_EBADTERMS);
	assert_int_equal(vote_with(NULL, AGREE_YES, NULL), AGREE_ENOVALUE);
}

static int signs(void *arg, unsigned char sig[AGREE_SIG_LEN], const void *message, size_t len)
{
	return ap_sign(arg, sig, message, len);
}

static int signs_badly(void *arg, unsigned char sig[AGREE_SIG_LEN], const void *message, size_t len)
{
	(void)arg;
	(void)message;
	memset(sig, (int)len, AGREE_SIG_LEN);
	return 0;
}

static int signs_not(void *arg, unsigned char sig[AGREE_SIG_LEN], const void *message, size_t len)
{
	(void)arg;
	(void)sig;
	(void)message;
	(void)len;
	return AGREE_EIDENTITY;
}

static void token_signs_for_its_key(void **state)
{
	agree_sign_cb *const bad[] = {signs_badly, signs_not};
	const int errors[] = {AGREE_ECREDENTIAL, AGREE_EIDENTITY};
	struct ap_sign_key key;
	uint8_t seed[32] = {42};
	agree_terms *terms = terms_make("token");

	(void)state;
	assert_int_equal(ap_sign_key_init(&key, seed), 0);
	assert_int_equal(agree_terms_party(terms, key.public_key), 0);
	assert_int_equal(agree_ticket_new(w.network, terms, &w.ticket), 0);
	agree_terms_free(terms);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(
			agree_party_signer(w.ticket, key.public_key, bad[i], NULL, &w.parties[0]),
			0);
		assert_int_equal(vote(0, AGREE_YES), errors[i]);
		agree_party_free(w.parties[0]);
	}
	assert_int_equal(agree_party_signer(w.ticket, key.public_key, signs, &key, &w.parties[0]),
			 0);
	assert_int_equal(vote(0, AGREE_YES), AGREE_DECIDED);
	ap_sign_key_clear(&key);
}

/* ---- waiting ---- */

static void voter_waits_for_the_other(void **state)
{
	struct got first, second;

	(void)state;
	with_secrets();
	w.net.holds = true;
	assert_int_equal(vote_begin(0, AGREE_YES, 60000, &first), 0);
	for (unsigned i = 0; w.net.n_held == 0 && i < 100; i++)
		turn(100);
	assert_int_equal(w.net.n_held, 1);
	assert_int_equal(first.calls, 0);
	assert_int_equal(vote_begin(1, AGREE_YES, 0, &second), 0);
	run(&second);
	assert_true(agree_outcome_is(second.outcome, "go", 2));
	fakenet_release(&w.net);
	run(&first);
	assert_true(agree_outcome_is(first.outcome, "go", 2));
	agree_outcome_free(first.outcome);
	agree_outcome_free(second.outcome);
	/* what waits asks, and reveals nothing again */
	assert_int_equal(w.net.secrets_seen, 2);
}

static struct got crowd[MANY];

static void many_wait_on_one_connection(void **state)
{
	(void)state;
	with_secrets();
	w.net.holds = true;
	memset(crowd, 0, sizeof(crowd));
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(agree_observe(w.ctx, w.network, w.ticket, 60000, 0, on_outcome,
					       &crowd[i], NULL),
				 0);
		turn(0); /* more datagrams at once than a socket holds would be lost */
	}
	for (unsigned i = 0; w.net.n_held < MANY && i < 10000; i++)
		turn(100);
	assert_int_equal(w.net.n_held, MANY);
	assert_int_equal(w.net.accepted, 1);
	assert_int_equal(vote(0, AGREE_NO), AGREE_ABORTED);
	fakenet_release(&w.net);
	for (unsigned i = 0; i < MANY; i++) {
		run(&crowd[i]);
		assert_int_equal(crowd[i].status, 0);
		assert_int_equal(agree_outcome_status(crowd[i].outcome), AGREE_ABORTED);
		agree_outcome_free(crowd[i].outcome);
	}
	assert_int_equal(w.net.accepted, 1);
}

static void waits_go_on_at_another_replica(void **state)
{
	struct got got[3];

	(void)state;
	with_secrets();
	w.net.holds = true;
	memset(got, 0, sizeof(got));
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(agree_observe(w.ctx, w.network, w.ticket, 60000, 0, on_outcome,
					       &got[i], NULL),
				 0);
	for (unsigned i = 0; w.net.n_held < 3 && i < 100; i++)
		turn(100);
	assert_int_equal(w.net.n_held, 3);
	w.net.n_held = 0;
	fakenet_kill(&w.net, 0);
	for (unsigned i = 0; w.net.n_held < 3 && i < 100; i++)
		turn(100);
	assert_int_equal(w.net.n_held, 3);
	assert_int_equal(w.net.accepted, 2); /* they have gone together */
	agree_party_free(w.parties[1]);
	w.parties[1] = NULL;
	assert_int_equal(vote(0, AGREE_NO), AGREE_ABORTED);
	fakenet_release(&w.net);
	for (unsigned i = 0; i < 3; i++) {
		run(&got[i]);
		assert_int_equal(agree_outcome_status(got[i].outcome), AGREE_ABORTED);
		assert_int_equal(agree_outcome_reason(got[i].outcome), AGREE_REASON_VETOED);
		agree_outcome_free(got[i].outcome);
	}
}

static void canceled_wait_leaves_the_others(void **state)
{
	agree_request *request;
	struct got one = {0}, other = {0};

	(void)state;
	with_secrets();
	w.net.holds = true;
	assert_int_equal(
		agree_observe(w.ctx, w.network, w.ticket, 60000, 0, on_outcome, &one, &request), 0);
	assert_int_equal(
		agree_observe(w.ctx, w.network, w.ticket, 60000, 0, on_outcome, &other, NULL), 0);
	for (unsigned i = 0; w.net.n_held < 2 && i < 100; i++)
		turn(100);
	agree_cancel(request);
	assert_int_equal(one.status, AGREE_ECANCELED);
	assert_int_equal(vote(0, AGREE_NO), AGREE_ABORTED);
	fakenet_release(&w.net);
	run(&other);
	assert_int_equal(agree_outcome_status(other.outcome), AGREE_ABORTED);
	agree_outcome_free(other.outcome);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_secrets_commit),
		TEST(one_no_ends_it),
		TEST(two_signatures_commit),
		TEST(secret_stays_when_the_locks_are_others),
		TEST(secret_stays_where_nobody_proves_anything),
		TEST(outcome_that_was_handed_on_saves_the_question),
		TEST(outcome_of_others_registers_nothing),
		TEST(withheld_vote_goes_to_another_replica),
		TEST(descriptor_is_sent_to_who_wants_it),
		TEST(bad_votes_are_told_at_once),
		TEST(party_of_another_instance_cannot_vote),
		TEST(open_instance_has_no_veto),
		TEST(token_signs_for_its_key),
		TEST(voter_waits_for_the_other),
		TEST(many_wait_on_one_connection),
		TEST(waits_go_on_at_another_replica),
		TEST(canceled_wait_leaves_the_others),
	};

	return cmocka_run_group_tests_name("agree_votes", tests, NULL, NULL);
}
