#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ares.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libproto/codec.h"
#include "libproto/name.h"
#include "resolver/agree.h"
#include "tests/lib/fakenet.h"
#include "tests/lib/tempdir.h"

/* ---- memory that runs out: the linker sends allocations here, c-ares is told to ---- */

static unsigned long allocations, fails_at; /* 0: never */

static bool is_out(void)
{
	return fails_at > 0 && ++allocations == fails_at;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
	return is_out() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return is_out() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return is_out() ? NULL : __real_realloc(old, size);
}

/* ---- a network on loopback, and a client ---- */

static struct world {
	struct fakenet net;
	agree_ctx *ctx;
	agree_network *network;
	agree_ticket *ticket;
	char dns[64], key[64], dir[TEMPDIR_MAX], known[TEMPDIR_MAX + 32];
} w;

/* What a callback was given; each request has one of these. */
struct got {
	unsigned calls;
	int status;
	agree_network *network;
	agree_outcome *outcome;
	agree_request *request;
	void (*then)(struct got *got); /* called inside the callback */
};

static void on_network(void *arg, int status, agree_network *network)
{
	struct got *got = arg;

	got->calls++;
	got->status = status;
	got->network = network;
	assert_true((status == 0) == (network != NULL));
	if (got->then != NULL)
		got->then(got);
}

static void on_outcome(void *arg, int status, const agree_outcome *outcome)
{
	struct got *got = arg;

	got->calls++;
	got->status = status;
	got->outcome = agree_outcome_ref(outcome);
	assert_true((status == 0) == (outcome != NULL));
	if (got->then != NULL)
		got->then(got);
}

/* Both sides take turns until the callback has run. */
static void run(struct got *got)
{
	unsigned turns = 0;

	while (got->calls == 0) {
		fakenet_serve(&w.net, agree_fd(w.ctx), 100);
		assert_int_equal(agree_process(w.ctx), 0);
		assert_true(++turns < 1000);
	}
	assert_int_equal(got->calls, 1);
}

static int find_with(const char *domain, const char *key)
{
	struct got got = {0};

	assert_int_equal(agree_network_find(w.ctx, domain, key, on_network, &got, &got.request), 0);
	assert_int_equal(got.calls, 0);
	run(&got);
	w.network = got.network;
	return got.status;
}

static void ticket_new(const char *label, unsigned long long deadline_s)
{
	agree_terms *terms;

	assert_int_equal(agree_terms_new(&terms), 0);
	assert_int_equal(agree_terms_label(terms, label, strlen(label)), 0);
	assert_int_equal(agree_terms_deadline(terms, deadline_s), 0);
	assert_int_equal(agree_ticket_new(w.network, terms, &w.ticket), 0);
	agree_terms_free(terms);
}

static void prepare(void)
{
	assert_int_equal(find_with("example.test", w.key), 0);
	ticket_new("job", w.net.now_ms / 1000 + 600);
}

static int approve(const char *value, struct got *got)
{
	memset(got, 0, sizeof(*got));
	return agree_approve(w.ctx, w.network, w.ticket, value, strlen(value), 0, on_outcome, got,
			     &got->request);
}

static int setup(void **state)
{
	struct ap_text t;

	(void)state;
	memset(&w, 0, sizeof(w));
	tempdir_make(w.dir);
	snprintf(w.known, sizeof(w.known), "%s/known_networks", w.dir);
	fakenet_init(&w.net, 4);
	fakenet_open(&w.net);
	snprintf(w.dns, sizeof(w.dns), "127.0.0.1#%u", w.net.replicas[0].port);
	ap_text_init(&t, w.key, sizeof(w.key));
	ap_base64url_show(&t, w.net.key.public_key, 32);
	assert_int_equal(agree_ctx_new(&w.ctx), 0);
	assert_int_equal(agree_ctx_set(w.ctx, "dns", w.dns), 0);
	assert_int_equal(agree_ctx_set(w.ctx, "known-networks", w.known), 0);
	assert_int_equal(agree_ctx_set(w.ctx, "hedge", "60000"), 0);
	assert_int_equal(agree_ctx_set(w.ctx, "time", "60000"), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	agree_ticket_free(w.ticket);
	agree_network_free(w.network);
	agree_ctx_free(w.ctx);
	fakenet_close(&w.net);
	fakenet_clear(&w.net);
	tempdir_remove(w.dir);
	return 0;
}

static void assert_value(const agree_outcome *outcome, const char *value)
{
	size_t len;
	const char *there = agree_outcome_value(outcome, &len);

	assert_int_equal(agree_outcome_status(outcome), AGREE_DECIDED);
	assert_int_equal(len, strlen(value));
	assert_string_equal(there, value);
	assert_true(agree_outcome_is(outcome, value, strlen(value)));
}

/* ---- networks ---- */

static void network_is_found_and_described(void **state)
{
	unsigned long long number;
	unsigned char key[AGREE_KEY_LEN];

	(void)state;
	assert_int_equal(find_with("Example.TEST.", w.key), 0);
	assert_string_equal(agree_network_domain(w.network), "Example.TEST");
	assert_int_equal(agree_network_trust(w.network), AGREE_TRUST_CALLER);
	assert_string_equal(agree_trust_text(AGREE_TRUST_CALLER), "caller");
	agree_network_key(w.network, key);
	assert_memory_equal(key, w.net.key.public_key, 32);
	assert_int_equal(agree_network_replicas(w.network), 4);
	assert_string_equal(agree_network_replica_name(w.network, 1), "r1.example.test");
	assert_string_equal(agree_network_replica_server(w.network, 0), w.dns);
	assert_string_equal(agree_network_replica_server(w.network, 4), "");
	assert_int_equal(agree_network_number(w.network, "e", &number), 0);
	assert_int_equal(number, 7);
	assert_int_equal(agree_network_number(w.network, "x", &number), AGREE_EOPTION);
}

static void keys_are_trusted_in_order(void **state)
{
	unsigned char key[AGREE_KEY_LEN];

	(void)state;
	assert_int_equal(find_with("example.test", NULL), AGREE_ENOKEY);
	assert_int_equal(agree_known_key(w.ctx, "example.test", key), AGREE_ENOKEY);
	w.net.ad = true;
	assert_int_equal(find_with("example.test", NULL), AGREE_ENOKEY);
	assert_int_equal(agree_ctx_set(w.ctx, "trust-ad", "1"), 0);
	assert_int_equal(find_with("example.test", NULL), 0);
	assert_int_equal(agree_network_trust(w.network), AGREE_TRUST_DNSSEC);
	agree_network_free(w.network);
	w.net.ad = false;
	assert_int_equal(agree_ctx_set(w.ctx, "tofu", "1"), 0);
	assert_int_equal(find_with("example.test", NULL), 0);
	assert_int_equal(agree_network_trust(w.network), AGREE_TRUST_TOFU);
	agree_network_free(w.network);
	assert_int_equal(agree_ctx_set(w.ctx, "tofu", NULL), 0);
	assert_int_equal(find_with("example.test", NULL), 0);
	assert_int_equal(agree_network_trust(w.network), AGREE_TRUST_KNOWN);
	agree_network_free(w.network);
	assert_int_equal(agree_known_key(w.ctx, "example.test", key), 0);
	assert_memory_equal(key, w.net.key.public_key, 32);
	/* the DNS has another one now */
	memcpy(w.net.key.public_key, w.net.other_key.public_key, 32);
	assert_int_equal(find_with("example.test", NULL), AGREE_EKEYCHANGED);
	assert_int_equal(find_with("example.test", w.key), AGREE_EWRONGKEY);
}

static void failures_of_discovery_have_names(void **state)
{
	(void)state;
	assert_int_equal(find_with("other.test", w.key), AGREE_ENONETWORK);
	w.net.txt_copies = 2;
	assert_int_equal(find_with("example.test", NULL), AGREE_ETXT);
	fakenet_close(&w.net);
	assert_int_equal(agree_ctx_set(w.ctx, "tries", "1"), 0);
	assert_int_equal(agree_ctx_set(w.ctx, "time", "50"), 0);
	assert_int_equal(find_with("example.test", w.key), AGREE_ERESOLVER);
}

static void server_that_is_named_is_the_only_one(void **state)
{
	char server[64];
	struct got got;

	(void)state;
	snprintf(server, sizeof(server), "127.0.0.1#%u", w.net.replicas[2].port);
	assert_int_equal(agree_ctx_set(w.ctx, "server", server), 0);
	assert_int_equal(agree_ctx_set(w.ctx, "tofu", "1"), 0);
	fakenet_kill(&w.net, 0);
	assert_int_equal(find_with("example.test", NULL), 0);
	assert_int_equal(agree_network_replicas(w.network), 1);
	assert_string_equal(agree_network_replica_name(w.network, 0), "127.0.0.1");
	ticket_new("job", w.net.now_ms / 1000 + 600);
	assert_int_equal(approve("a", &got), 0);
	run(&got);
	assert_int_equal(got.status, 0);
	assert_string_equal(agree_outcome_server(got.outcome), server);
	agree_outcome_free(got.outcome);
	assert_int_equal(w.net.replicas[2].udp, 1);
}

/* ---- requests ---- */

static void proposal_takes_one_datagram(void **state)
{
	unsigned long yes, no;
	unsigned k;
	struct got got;

	(void)state;
	prepare();
	assert_int_equal(approve("host-a", &got), 0);
	assert_int_equal(got.calls, 0); /* never inside the call */
	run(&got);
	assert_int_equal(got.status, 0);
	assert_value(got.outcome, "host-a");
	assert_true(agree_outcome_final(got.outcome));
	assert_int_equal(agree_outcome_reason(got.outcome), AGREE_REASON_NONE);
	assert_int_equal(agree_outcome_sequence(got.outcome), w.net.sequence);
	assert_int_equal(agree_outcome_time(got.outcome), w.net.now_ms);
	assert_int_equal(agree_outcome_epoch(got.outcome), FAKENET_EPOCH);
	agree_outcome_tally(got.outcome, &k, &yes, &no);
	assert_int_equal(k, 1);
	assert_int_equal(yes | no, 0);
	assert_string_equal(agree_outcome_server(got.outcome), w.dns);
	assert_int_equal(w.net.replicas[0].udp, 1);
	agree_outcome_free(got.outcome);
}

static void later_proposal_loses_and_the_same_one_wins(void **state)
{
	struct got got;

	(void)state;
	prepare();
	assert_int_equal(approve("host-a", &got), 0);
	run(&got);
	agree_outcome_free(got.outcome);
	assert_int_equal(approve("host-b", &got), 0);
	run(&got);
	assert_value(got.outcome, "host-a");
	assert_false(agree_outcome_is(got.outcome, "host-b", 6));
	agree_outcome_free(got.outcome);
	assert_int_equal(approve("host-a", &got), 0);
	run(&got);
	assert_value(got.outcome, "host-a");
	agree_outcome_free(got.outcome);
}

static void empty_value_is_a_value(void **state)
{
	struct got got;

	(void)state;
	prepare();
	assert_int_equal(approve("", &got), 0);
	run(&got);
	assert_value(got.outcome, "");
	agree_outcome_free(got.outcome);
}

static void f_faults_of_any_kind_are_survived(void **state)
{
	struct got got;

	(void)state;
	prepare();
	w.net.replicas[0].mood = FAKENET_FORGES;
	fakenet_kill(&w.net, 1);
	w.net.replicas[2].mood = FAKENET_SILENT;
	w.net.replicas[3].mood = FAKENET_TRUNCATES;
	assert_int_equal(agree_ctx_set(w.ctx, "hedge", "20"), 0);
	assert_int_equal(approve("host-a", &got), 0);
	run(&got);
	assert_int_equal(got.status, 0);
	assert_value(got.outcome, "host-a");
	agree_outcome_free(got.outcome);
	assert_int_equal(w.net.replicas[3].tcp, 1);
	/* and the one that answered is asked first from now on */
	assert_int_equal(agree_ctx_set(w.ctx, "hedge", "60000"), 0);
	assert_int_equal(approve("host-a", &got), 0);
	run(&got);
	agree_outcome_free(got.outcome);
	assert_int_equal(w.net.replicas[3].tcp, 2);
	assert_int_equal(w.net.replicas[0].udp, 1);
}

static void liars_alone_give_their_error(void **state)
{
	struct got got;

	(void)state;
	prepare();
	for (unsigned i = 0; i < 4; i++)
		w.net.replicas[i].mood = FAKENET_OTHER_KEY;
	assert_int_equal(approve("host-a", &got), 0);
	run(&got);
	assert_int_equal(got.status, AGREE_ESIGNATURE);
}

/* The id is of descriptor and key, and the descriptor went along. */
static void refused_id_is_a_wrong_key(void **state)
{
	struct got got;

	(void)state;
	prepare();
	w.net.ede = 49154;
	for (size_t i = 0; i < 4; i++)
		w.net.replicas[i].mood = FAKENET_REFUSES;
	assert_int_equal(approve("a", &got), 0);
	run(&got);
	assert_int_equal(got.status, AGREE_EWRONGKEY);
}

static void tcp_flag_and_dead_tcp(void **state)
{
	struct got got = {0};

	(void)state;
	prepare();
	fakenet_kill(&w.net, 0);
	assert_int_equal(agree_observe(w.ctx, w.network, w.ticket, 0, AGREE_TCP, on_outcome, &got,
				       &got.request),
			 0);
	run(&got);
	assert_int_equal(got.status, 0);
	assert_int_equal(agree_outcome_status(got.outcome), AGREE_PENDING);
	assert_int_equal(w.net.replicas[1].tcp, 1);
	assert_int_equal(w.net.replicas[1].udp, 0);
	agree_outcome_free(got.outcome);
}

static void observer_waits(void **state)
{
	struct got got = {0};

	(void)state;
	prepare();
	w.net.decides_on_wait = true;
	assert_int_equal(agree_observe(w.ctx, w.network, w.ticket, 5000, 0, on_outcome, &got, NULL),
			 0);
	run(&got);
	assert_value(got.outcome, "late");
	agree_outcome_free(got.outcome);
}

static void one_replica_can_be_asked_alone(void **state)
{
	agree_network *only;
	struct got got = {0};

	(void)state;
	prepare();
	assert_int_equal(agree_network_only(w.network, 4, &only), AGREE_EUSAGE);
	assert_int_equal(agree_network_only(w.network, 3, &only), 0);
	assert_int_equal(agree_observe(w.ctx, only, w.ticket, 0, 0, on_outcome, &got, NULL), 0);
	agree_network_free(only); /* the request has its own share */
	run(&got);
	assert_int_equal(got.status, 0);
	assert_int_equal(w.net.replicas[3].udp, 1);
	assert_int_equal(w.net.replicas[0].udp, 0);
	agree_outcome_free(got.outcome);
}

/* ---- tickets ---- */

static void ticket_is_shared_as_text(void **state)
{
	char text[4096], name[256];
	size_t size = sizeof(text);
	unsigned char id[AGREE_ID_LEN], other[AGREE_ID_LEN];
	agree_ticket *again;

	(void)state;
	prepare();
	assert_int_equal(agree_ticket_text(w.ticket, text, &size), 0);
	assert_int_equal(size, strlen(text) + 1);
	size = 5;
	assert_int_equal(agree_ticket_text(w.ticket, text, &size), AGREE_ESPACE);
	assert_int_equal(size, strlen(text) + 1);
	assert_int_equal(agree_ticket_parse(w.network, text, &again), 0);
	agree_ticket_id(w.ticket, id);
	agree_ticket_id(again, other);
	assert_memory_equal(id, other, sizeof(id));
	agree_ticket_free(again);
	size = sizeof(name);
	assert_int_equal(agree_ticket_name(w.ticket, name, &size), 0);
	assert_int_equal(agree_ticket_parse(w.network, name, &again), 0);
	agree_ticket_id(again, other);
	assert_memory_equal(id, other, sizeof(id));
	size = sizeof(text);
	assert_int_equal(agree_ticket_text(again, text, &size), AGREE_ETICKET);
	agree_ticket_free(again);
	name[60] = '\0'; /* the id alone */
	assert_int_equal(agree_ticket_parse(w.network, name, &again), 0);
	agree_ticket_free(again);
}

static void bad_tickets_are_told_apart(void **state)
{
	char text[4096];
	size_t size = sizeof(text);
	agree_ticket *t = NULL;

	(void)state;
	prepare();
	assert_int_equal(agree_ticket_text(w.ticket, text, &size), 0);
	text[20] = text[20] == 'A' ? 'B' : 'A';
	assert_int_equal(agree_ticket_parse(w.network, text, &t), AGREE_ETICKETNET);
	assert_int_equal(agree_ticket_parse(w.network, "agree1-", &t), AGREE_ETICKET);
	assert_int_equal(agree_ticket_parse(w.network, "job", &t), AGREE_EID);
	assert_int_equal(agree_ticket_parse(w.network, "", &t), AGREE_EID);
	assert_null(t);
}

static void label_and_deadline_name_one_instance_and_fresh_ones_differ(void **state)
{
	unsigned char a[AGREE_ID_LEN], b[AGREE_ID_LEN];
	agree_terms *terms;
	agree_ticket *t;

	(void)state;
	prepare();
	agree_ticket_id(w.ticket, a);
	agree_ticket_free(w.ticket);
	ticket_new("job", w.net.now_ms / 1000 + 600);
	agree_ticket_id(w.ticket, b);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(agree_terms_new(&terms), 0);
	assert_int_equal(agree_terms_label(terms, "job", 3), 0);
	assert_int_equal(agree_terms_deadline(terms, w.net.now_ms / 1000 + 600), 0);
	assert_int_equal(agree_terms_fresh(terms), 0);
	assert_int_equal(agree_ticket_new(w.network, terms, &t), 0);
	agree_ticket_id(t, b);
	assert_memory_not_equal(a, b, sizeof(a));
	agree_ticket_free(t);
	assert_int_equal(agree_terms_label(terms, "", 0), AGREE_ELABEL);
	assert_int_equal(agree_terms_deadline(terms, 0), AGREE_ETIME);
	agree_terms_free(terms);
}

static void bare_id_cannot_be_proposed_to(void **state)
{
	char name[256];
	size_t size = sizeof(name);
	struct got got = {0};

	(void)state;
	prepare();
	assert_int_equal(agree_ticket_name(w.ticket, name, &size), 0);
	agree_ticket_free(w.ticket);
	assert_int_equal(agree_ticket_parse(w.network, name, &w.ticket), 0);
	assert_int_equal(approve("a", &got), AGREE_ENODESCRIPTOR);
	assert_int_equal(agree_observe(w.ctx, w.network, w.ticket, 0, 0, on_outcome, &got, NULL),
			 0);
	run(&got);
	assert_int_equal(agree_outcome_status(got.outcome), AGREE_UNKNOWN);
	agree_outcome_free(got.outcome);
}

/* ---- proofs ---- */

static void outcome_is_proven_again_offline(void **state)
{
	unsigned char id[AGREE_ID_LEN], wire[AP_MAX_agree];
	agree_outcome *again = NULL;
	const void *octets;
	struct got got;
	size_t len;

	(void)state;
	prepare();
	assert_int_equal(approve("host-a", &got), 0);
	run(&got);
	agree_outcome_id(got.outcome, id);
	octets = agree_outcome_wire(got.outcome, &len);
	memcpy(wire, octets, len);
	assert_int_equal(agree_verify(w.net.key.public_key, id, wire, len, &again), 0);
	assert_value(again, "host-a");
	assert_string_equal(agree_outcome_server(again), "");
	agree_outcome_free(again);
	assert_int_equal(agree_verify(w.net.other_key.public_key, id, wire, len, &again),
			 AGREE_ESIGNATURE);
	assert_null(again);
	for (size_t i = 0; i < len; i++) { /* no octet can be altered, none be missing */
		wire[i] ^= 1;
		assert_int_not_equal(agree_verify(w.net.key.public_key, id, wire, len, &again), 0);
		wire[i] ^= 1;
		assert_int_not_equal(agree_verify(w.net.key.public_key, id, wire, i, &again), 0);
	}
	id[20] ^= 1;
	assert_int_equal(agree_verify(w.net.key.public_key, id, wire, len, &again),
			 AGREE_ESIGNATURE);
	agree_outcome_free(got.outcome);
}

/* ---- life of a request ---- */

static void cancel_calls_back_once_and_at_once(void **state)
{
	struct got got, find = {0};

	(void)state;
	prepare();
	assert_int_equal(approve("host-a", &got), 0);
	agree_cancel(got.request);
	assert_int_equal(got.calls, 1);
	assert_int_equal(got.status, AGREE_ECANCELED);
	assert_int_equal(
		agree_network_find(w.ctx, "example.test", w.key, on_network, &find, &find.request),
		0);
	agree_cancel(find.request);
	assert_int_equal(find.calls, 1);
	assert_int_equal(find.status, AGREE_ECANCELED);
	fakenet_serve(&w.net, -1, 0);
	assert_int_equal(agree_process(w.ctx), 0);
	assert_int_equal(got.calls + find.calls, 2);
	assert_int_equal(agree_timeout(w.ctx), -1);
	agree_cancel(NULL);
}

static void free_cancels_what_is_in_flight(void **state)
{
	struct got got, find = {0};

	(void)state;
	prepare();
	assert_int_equal(approve("host-a", &got), 0);
	assert_int_equal(agree_network_find(w.ctx, "example.test", w.key, on_network, &find, NULL),
			 0);
	agree_ctx_free(w.ctx);
	w.ctx = NULL;
	assert_int_equal(got.calls, 1);
	assert_int_equal(got.status, AGREE_ECANCELED);
	assert_int_equal(find.calls, 1);
	assert_int_equal(find.status, AGREE_ECANCELED);
}

static struct got second;

static void free_all(struct got *got)
{
	struct got none;

	(void)got;
	agree_ctx_free(w.ctx);
	/* the context is going: nothing can be begun in it any more */
	assert_int_equal(approve("host-b", &none), AGREE_ECANCELED);
}

static void context_can_be_freed_inside_a_callback(void **state)
{
	struct got got;

	(void)state;
	prepare();
	assert_int_equal(approve("host-a", &second), 0);
	assert_int_equal(approve("host-a", &got), 0);
	got.then = free_all;
	while (got.calls == 0) {
		fakenet_serve(&w.net, agree_fd(w.ctx), 100);
		agree_process(w.ctx);
	}
	w.ctx = NULL;
	assert_int_equal(got.calls, 1);
	agree_outcome_free(got.outcome);
	agree_outcome_free(second.outcome);
}

static void ask_again(struct got *got)
{
	agree_cancel(second.request);
	agree_outcome_free(got->outcome);
	got->then = NULL;
	assert_int_equal(approve("host-c", got), 0);
}

static void callbacks_may_begin_and_cancel(void **state)
{
	struct got got;

	(void)state;
	prepare();
	/* behind the first in the order of answers, since nobody answers it */
	for (unsigned i = 0; i < 4; i++)
		w.net.replicas[i].mood = FAKENET_SILENT;
	assert_int_equal(approve("host-b", &second), 0);
	fakenet_serve(&w.net, -1, 100);
	for (unsigned i = 0; i < 4; i++)
		w.net.replicas[i].mood = FAKENET_HONEST;
	assert_int_equal(approve("host-a", &got), 0);
	got.then = ask_again;
	run(&got);
	assert_int_equal(second.calls, 1);
	assert_int_equal(second.status, AGREE_ECANCELED);
	assert_value(got.outcome, "host-a");
	agree_outcome_free(got.outcome);
}

static void fork_is_detected(void **state)
{
	struct got got;
	int status;
	pid_t child;

	(void)state;
	prepare();
	assert_int_equal(approve("host-a", &got), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		bool ok = agree_process(w.ctx) == AGREE_EFORK && agree_fd(w.ctx) == AGREE_EFORK &&
			  agree_wait(w.ctx, NULL, 0) == AGREE_EFORK;

		agree_ctx_free(w.ctx); /* calls nobody back, and leaves the parent's alone */
		_exit(ok && got.calls == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	run(&got);
	assert_int_equal(got.status, 0);
	agree_outcome_free(got.outcome);
}

static void hundred_requests_are_in_flight_at_once(void **state)
{
	static struct got got[100];
	unsigned done = 0, turns = 0;

	(void)state;
	prepare();
	/* they are more than a socket holds: those that are lost go to another replica */
	assert_int_equal(agree_ctx_set(w.ctx, "hedge", "50"), 0);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(approve("host-a", &got[i]), 0);
	while (done < 100) {
		fakenet_serve(&w.net, agree_fd(w.ctx), 100);
		assert_int_equal(agree_process(w.ctx), 0);
		done = 0;
		for (size_t i = 0; i < 100; i++)
			done += got[i].calls;
		assert_true(++turns < 10000);
	}
	for (size_t i = 0; i < 100; i++) {
		assert_int_equal(got[i].calls, 1);
		assert_int_equal(got[i].status, 0);
		agree_outcome_free(got[i].outcome);
	}
}

/* ---- the caller's loop ---- */

static struct pollfd watched[32];
static int timer_ms;

static void on_socket(void *arg, int fd, unsigned events)
{
	struct pollfd *free_place = NULL;

	(void)arg;
	for (size_t i = 0; i < 32; i++) {
		if (watched[i].fd == fd) {
			watched[i].fd = events != 0 ? fd : -1;
			watched[i].events = (short)(((events & AGREE_READ) != 0 ? POLLIN : 0) |
						    ((events & AGREE_WRITE) != 0 ? POLLOUT : 0));
			return;
		}
		if (watched[i].fd < 0)
			free_place = &watched[i];
	}
	assert_non_null(free_place);
	assert_int_not_equal(events, 0);
	*free_place =
		(struct pollfd){.fd = fd, .events = (events & AGREE_READ) != 0 ? POLLIN : POLLOUT};
}

static void on_timer(void *arg, int timeout_ms)
{
	(void)arg;
	timer_ms = timeout_ms;
}

static void poll_once(struct got *got)
{
	struct pollfd now[32];
	int n;

	fakenet_serve(&w.net, -1, 0);
	memcpy(now, watched, sizeof(now));
	n = poll(now, 32, timer_ms >= 0 && timer_ms < 20 ? timer_ms : 20);
	for (size_t i = 0; i < 32 && n > 0; i++)
		if (now[i].fd >= 0 && now[i].revents != 0)
			assert_int_equal(
				agree_process_fd(
					w.ctx, now[i].fd,
					((now[i].revents & ~POLLOUT) != 0 ? AGREE_READ : 0U) |
						((now[i].revents & POLLOUT) != 0 ? AGREE_WRITE
										 : 0U)),
				0);
	if (n == 0 && got->calls == 0)
		assert_int_equal(agree_process_fd(w.ctx, -1, 0), 0);
}

static void callers_loop_can_watch_every_socket(void **state)
{
	struct got got = {0};

	(void)state;
	for (size_t i = 0; i < 32; i++)
		watched[i].fd = -1;
	timer_ms = -1;
	assert_int_equal(agree_set_io(w.ctx, on_socket, NULL, NULL), AGREE_EUSAGE);
	assert_int_equal(agree_set_io(w.ctx, on_socket, on_timer, NULL), 0);
	assert_int_equal(agree_fd(w.ctx), AGREE_EUSAGE);
	assert_int_equal(agree_process(w.ctx), AGREE_EUSAGE);
	assert_int_equal(agree_network_find(w.ctx, "example.test", w.key, on_network, &got, NULL),
			 0);
	assert_int_equal(agree_set_io(w.ctx, NULL, NULL, NULL), AGREE_EUSAGE);
	while (got.calls == 0)
		poll_once(&got);
	assert_int_equal(got.status, 0);
	w.network = got.network;
	ticket_new("job", w.net.now_ms / 1000 + 600);
	w.net.replicas[0].mood = FAKENET_TRUNCATES;
	fakenet_kill(&w.net, 1);
	assert_int_equal(approve("host-a", &got), 0);
	while (got.calls == 0)
		poll_once(&got);
	assert_value(got.outcome, "host-a");
	agree_outcome_free(got.outcome);
	for (size_t i = 0; i < 32; i++)
		assert_int_equal(watched[i].fd, -1);
}

/* A child serves, as the program that waits has no loop. */
static void program_without_a_loop_waits(void **state)
{
	struct got got = {0};
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (child == 0)
		for (;;)
			fakenet_serve(&w.net, -1, 1000);
	assert_int_equal(
		agree_network_find(w.ctx, "example.test", w.key, on_network, &got, &got.request),
		0);
	assert_int_equal(agree_wait(w.ctx, got.request, -1), 0);
	assert_int_equal(got.status, 0);
	w.network = got.network;
	ticket_new("job", w.net.now_ms / 1000 + 600);
	assert_int_equal(approve("host-a", &got), 0);
	assert_int_equal(agree_wait(w.ctx, NULL, 10000), 0);
	assert_value(got.outcome, "host-a");
	agree_outcome_free(got.outcome);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	fakenet_close(&w.net);
	assert_int_equal(approve("host-a", &got), 0);
	assert_int_equal(agree_wait(w.ctx, got.request, 0), AGREE_ETIMEOUT);
	assert_int_equal(agree_wait(w.ctx, got.request, 10000), 0);
	assert_int_equal(got.status, AGREE_ENOANSWER);
}

/* ---- arguments ---- */

static void bad_arguments_are_refused(void **state)
{
	static const struct {
		const char *option, *value;
		int err;
	} rows[] = {
		{"nonsense", "1", AGREE_EOPTION}, {"dns", "localhost", AGREE_EADDRESS},
		{"server", "x", AGREE_EADDRESS},  {"time", "0", AGREE_EUSAGE},
		{"time", "1x", AGREE_EUSAGE},	  {"tries", "17", AGREE_EUSAGE},
		{"bufsize", "511", AGREE_EUSAGE}, {"padding", "1233", AGREE_EUSAGE},
		{"family", "5", AGREE_EUSAGE},	  {"tofu", "2", AGREE_EUSAGE},
		{"f", "5", AGREE_EUSAGE},	  {"padding", "", 0},
		{"dns", "127.0.0.1,::1#5353", 0}, {"family", "6", 0},
		{"source", "127.0.0.1", 0},	  {"dns", "1,2", AGREE_EADDRESS},
	};
	struct got got = {0};
	char long_value[300];

	(void)state;
	prepare();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(agree_ctx_set(w.ctx, rows[i].option, rows[i].value), rows[i].err);
	memset(long_value, 'v', sizeof(long_value) - 1);
	long_value[299] = '\0';
	assert_int_equal(approve(long_value, &got), AGREE_EVALUE);
	assert_int_equal(
		agree_approve(w.ctx, w.network, w.ticket, "a", 1, 2, on_outcome, &got, NULL),
		AGREE_EUSAGE);
	assert_int_equal(
		agree_approve(NULL, w.network, w.ticket, "a", 1, 0, on_outcome, &got, NULL),
		AGREE_EUSAGE);
	assert_int_equal(agree_observe(w.ctx, w.network, w.ticket, -1, 0, on_outcome, &got, NULL),
			 AGREE_EUSAGE);
	assert_int_equal(agree_network_find(w.ctx, "a..b", NULL, on_network, &got, NULL),
			 AGREE_EDOMAIN);
	assert_int_equal(agree_network_find(w.ctx, "a.b", "short", on_network, &got, NULL),
			 AGREE_EKEY);
	/* a key under which one signature fits everything */
	assert_int_equal(agree_network_find(w.ctx, "a.b",
					    "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
					    on_network, &got, NULL),
			 AGREE_EKEY);
	assert_int_equal(got.calls, 0);
	assert_int_equal(agree_wait(w.ctx, NULL, -1), 0);
}

static void texts_are_never_null(void **state)
{
	(void)state;
	assert_non_null(agree_strerror(AGREE_EKEYCHANGED));
	assert_non_null(agree_strerror(12345));
	assert_string_equal(agree_strerror(0), "success");
	assert_non_null(agree_status_text(99));
	assert_non_null(agree_reason_text(-1));
	assert_non_null(agree_trust_text(0));
	assert_string_equal(agree_version(), PACKAGE_VERSION);
}

/* ---- memory ---- */

/* The first of two parties, whose secrets are always the same, approves. */
static int session_vote(agree_terms *terms)
{
	static const unsigned char yes[32] = {1}, no[32] = {2};
	agree_ticket *ticket = NULL, *half = NULL, *whole = NULL;
	agree_party *parties[2] = {NULL, NULL};
	struct got got = {0};
	int err = agree_terms_value(terms, "go", 2);

	for (unsigned i = 0; err == 0 && i < 2; i++)
		err = agree_terms_party(terms, NULL);
	if (err == 0)
		err = agree_ticket_new(w.network, terms, &ticket);
	for (unsigned i = 0; err == 0 && i < 2; i++)
		err = agree_party_secrets(ticket, i, yes, no, &parties[i]);
	if (err == 0)
		err = agree_ticket_lock(ticket, parties[0], &half);
	if (err == 0)
		err = agree_ticket_lock(half, parties[1], &whole);
	if (err == 0)
		err = agree_vote(w.ctx, w.network, whole, parties[0], AGREE_YES, NULL, 0, 0, 0,
				 on_outcome, &got, NULL);
	if (err == 0) {
		run(&got);
		err = got.status;
	}
	if (err == 0)
		assert_int_equal(agree_outcome_status(got.outcome), AGREE_PENDING);
	agree_outcome_free(got.outcome);
	for (unsigned i = 0; i < 2; i++)
		agree_party_free(parties[i]);
	agree_ticket_free(whole);
	agree_ticket_free(half);
	agree_ticket_free(ticket);
	return err;
}

/* All of it once, with the nth allocation failing. Gives what came of it. */
static int whole_session(const char *time_ms)
{
	struct got find = {0}, got = {0};
	agree_terms *terms = NULL;
	int err = agree_ctx_new(&w.ctx);

	if (err == 0)
		err = agree_ctx_set(w.ctx, "known-networks", w.known);
	if (err == 0)
		err = agree_ctx_set(w.ctx, "dns", w.dns);
	if (err == 0)
		err = agree_ctx_set(w.ctx, "time", time_ms);
	if (err == 0)
		err = agree_ctx_set(w.ctx, "tries", "1");
	if (err == 0)
		err = agree_network_find(w.ctx, "example.test", w.key, on_network, &find, NULL);
	if (err == 0) {
		run(&find);
		err = find.status;
	}
	w.network = find.network;
	if (err == 0)
		err = agree_terms_new(&terms);
	if (err == 0)
		err = agree_terms_label(terms, "job", 3);
	if (err == 0)
		err = agree_terms_deadline(terms, w.net.now_ms / 1000 + 600);
	if (err == 0)
		err = agree_ticket_new(w.network, terms, &w.ticket);
	if (err == 0)
		err = approve("host-a", &got);
	if (err == 0) {
		run(&got);
		err = got.status;
	}
	if (err == 0)
		err = session_vote(terms);
	agree_outcome_free(got.outcome);
	agree_terms_free(terms);
	agree_ticket_free(w.ticket);
	agree_network_free(w.network);
	agree_ctx_free(w.ctx);
	w.ticket = NULL;
	w.network = NULL;
	w.ctx = NULL;
	return err;
}

static void every_failing_allocation_is_survived(void **state)
{
	unsigned long n = 0, failed = 0;

	(void)state;
	agree_ctx_free(w.ctx);
	w.ctx = NULL;
	w.net.additional = false; /* so that there are more lookups */
	w.net.replicas[0].mood = FAKENET_TRUNCATES;
	for (;;) {
		int err;

		allocations = 0;
		fails_at = ++n;
		err = whole_session("30");
		fails_at = 0;
		if (allocations < n)
			break;
		if (err != 0)
			failed++;
		/* who has no memory for one lookup or replica may still have it for the others */
		assert_true(err == 0 || err == AGREE_ENOMEM || err == AGREE_ERESOLVER ||
			    err == AGREE_ENOANSWER || err == AGREE_ETIMEOUT ||
			    err == AGREE_ENONETWORK || err == AGREE_EINTERNAL);
	}
	assert_true(n > 10 && failed > 5);
	assert_int_equal(whole_session("5000"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(network_is_found_and_described),
		TEST(keys_are_trusted_in_order),
		TEST(failures_of_discovery_have_names),
		TEST(server_that_is_named_is_the_only_one),
		TEST(proposal_takes_one_datagram),
		TEST(later_proposal_loses_and_the_same_one_wins),
		TEST(empty_value_is_a_value),
		TEST(f_faults_of_any_kind_are_survived),
		TEST(liars_alone_give_their_error),
		TEST(refused_id_is_a_wrong_key),
		TEST(tcp_flag_and_dead_tcp),
		TEST(observer_waits),
		TEST(one_replica_can_be_asked_alone),
		TEST(ticket_is_shared_as_text),
		TEST(bad_tickets_are_told_apart),
		TEST(label_and_deadline_name_one_instance_and_fresh_ones_differ),
		TEST(bare_id_cannot_be_proposed_to),
		TEST(outcome_is_proven_again_offline),
		TEST(cancel_calls_back_once_and_at_once),
		TEST(free_cancels_what_is_in_flight),
		TEST(context_can_be_freed_inside_a_callback),
		TEST(callbacks_may_begin_and_cancel),
		TEST(fork_is_detected),
		TEST(hundred_requests_are_in_flight_at_once),
		TEST(callers_loop_can_watch_every_socket),
		TEST(program_without_a_loop_waits),
		TEST(bad_arguments_are_refused),
		TEST(texts_are_never_null),
		TEST(every_failing_allocation_is_survived),
	};

	/* before libagree does it: its own call then only counts */
	if (ares_library_init_mem(ARES_LIB_INIT_ALL, __wrap_malloc, free, __wrap_realloc) != 0)
		return 1;
	return cmocka_run_group_tests_name("agree_api", tests, NULL, NULL);
}
