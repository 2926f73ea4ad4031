/*
 * network.json: a network from its network file on: genesis id, key generation, batches with their
 * digests, states, signer sets and signatures, and frames between its replicas.
 */
#include <string.h>

#include "libproto/digest.h"
#include "libproto/errors.h"
#include "libproto/instance.h"
#include "libproto/outcome.h"
#include "libproto/proof.h"
#include "libproto/ticket.h"
#include "tests/vectors/json.h"
#include "tests/vectors/life.h"
#include "tests/vectors/make.h"
#include "tests/vectors/sample.h"

enum { T0 = 1795500000 }; /* seconds */

static struct life life;

/* ---- network file and key generation ---- */

static void file_show(struct json *j, const struct life *l)
{
	json_object(j, NULL);
	json_text(j, "what", "network file");
	json_text(j, "type", "network");
	json_text(j, "text", l->text);
	json_hex(j, "genesis", l->net.genesis, 32);
	json_array(j, "identity_seeds");
	for (size_t i = 0; i < LIFE_N; i++)
		json_hex(j, NULL, l->seeds[i], 32);
	json_end(j);
	json_end(j);
}

static void keygen_show(struct json *j, const struct life *l)
{
	const struct machine_key *key = machine_key(l->machine);

	json_object(j, NULL);
	json_text(j, "what", "key generation: its operations are in the batches 1 to 3");
	json_text(j, "type", "keygen");
	json_hex(j, "sid", l->run.sid, 32);
	json_array(j, "members");
	for (size_t i = 0; i < LIFE_N; i++) {
		json_object(j, NULL);
		json_hex(j, "ek", l->ek[i], 32);
		json_hex(j, "EK", l->run.enckey[i], 32);
		json_hex(j, "share", l->keys[i].share, 32);
		json_hex(j, "Y", key->y[i], 32);
		json_end(j);
	}
	json_end(j);
	json_hex(j, "dealings", key->dealings, 32);
	json_hex(j, "PK", key->pk, 32);
	json_end(j);
}

static void state_show(struct json *j, const struct life *l, const char *what)
{
	static uint8_t octets[262144];
	uint8_t digest[32];
	size_t len = machine_snapshot(l->machine, octets, sizeof(octets));

	MUST(len > 0);
	machine_digest(l->machine, digest);
	json_object(j, NULL);
	json_text(j, "what", what);
	json_text(j, "type", "state");
	json_number(j, "sequence", machine_seq(l->machine));
	json_hex(j, "fixed", octets, len);
	json_hex(j, "digest", digest, 32);
	json_end(j);
}

/* ---- batches ---- */

static void bundles_show(struct json *j, const struct life *l)
{
	json_array(j, "bundles");
	for (size_t i = 0; i < l->batch.n_bundles; i++) {
		const struct life_bundle *b = &l->batch.bundles[i];

		json_object(j, NULL);
		json_number(j, "relay", b->relay);
		json_number(j, "start", LIFE_START);
		json_number(j, "counter", b->counter);
		json_bytes(j, "ops", ap_writer_bytes(&b->w));
		json_hex(j, "digest", b->digest, 32);
		json_hex(j, "sig", b->sig, 64);
		json_number(j, "executed", l->result.executed_bundles[i]);
		json_end(j);
	}
	json_end(j);
}

static void entries_show(struct json *j, const struct life *l)
{
	const struct machine_result *r = &l->result;

	json_array(j, "results");
	for (size_t i = 0; i < r->n_entries; i++) {
		const struct machine_entry *e = &r->entries[i];
		uint8_t octets[AP_MAX_outcome];
		struct ap_writer w;

		json_object(j, NULL);
		json_number(j, "bundle", e->bundle);
		json_number(j, "op", e->op);
		json_hex(j, "id", e->id, sizeof(e->id));
		if (e->leaf < 0) {
			json_number(j, "refusal", ap_error_find(e->refusal)->ede);
		} else {
			ap_writer_init(&w, octets, sizeof(octets));
			ap_outcome_put(&w, &e->outcome);
			json_text(j, "status", ap_status_name(e->outcome.status));
			json_bytes(j, "outcome", ap_writer_bytes(&w));
			json_hex(j, "leaf", r->nodes[e->leaf], 32);
		}
		json_end(j);
	}
	json_end(j);
	json_bytes(j, "changes", r->changes); /* of undecided instances, in the history */
}

static void set_show(struct json *j, const struct machine_set *m, const struct life_set *set)
{
	json_object(j, NULL);
	json_array(j, "members");
	for (size_t i = 0; i < LIFE_T; i++) {
		json_object(j, NULL);
		json_number(j, "id", m->members[i]);
		json_number(j, "boot", m->boot[i]);
		json_number(j, "counter", m->ctr[i]);
		json_hex(j, "D", m->hiding[i], 32);
		json_hex(j, "E", m->binding[i], 32);
		json_hex(j, "z", set->shares.z[i], 32);
		json_end(j);
	}
	json_end(j);
	json_hex(j, "sig", set->sig, 64);
	json_end(j);
}

static void signing_show(struct json *j, const struct life *l)
{
	const struct machine_result *r = &l->result;

	if (r->sign == MACHINE_SIGN_NOTHING)
		return;
	json_hex(j, "statement", l->statement_octets, l->statement_len);
	json_array(j, "sets");
	for (size_t i = 0; i < r->n_sets; i++)
		set_show(j, &r->sets[i], &l->sets[i]);
	json_end(j);
}

static void retry_show(struct json *j, const struct life *l)
{
	const struct machine_result *r = &l->result;
	const struct machine_retry *it = &r->retries[0];
	const struct machine_pending *pending;

	if (r->n_retries == 0)
		return;
	pending = machine_pending(l->machine, it->statement.seq);
	json_object(j, "retry");
	json_number(j, "sequence", it->statement.seq);
	json_number(j, "attempt", it->attempt);
	json_array(j, "sets");
	for (size_t i = 0; i < it->n_sets; i++)
		set_show(j, &it->sets[i], &l->sets[i]);
	json_end(j);
	json_array(j, "lists");
	for (size_t i = 0; i < it->n_sets; i++)
		json_hex(j, NULL, pending->attempts[it->attempt].list[i], 32);
	json_end(j);
	json_end(j);
}

/* Who is left out of signer sets behind this batch, where that has changed. */
static void signers_show(struct json *j, const struct life *l)
{
	if (!l->result.signers_changed)
		return;
	json_array(j, "left_out");
	for (uint8_t id = 1; id <= LIFE_N; id++)
		if (machine_signers_is_out(machine_signer(l->machine, id)))
			json_number(j, NULL, id);
	json_end(j);
}

static void run(struct json *j, struct life *l, const char *what)
{
	uint8_t digest[32];

	life_run(l);
	machine_digest(l->machine, digest);
	json_object(j, NULL);
	json_text(j, "what", what);
	json_text(j, "type", "batch");
	json_number(j, "sequence", l->batch.seq);
	json_number(j, "time", l->batch.time_ms);
	bundles_show(j, l);
	json_hex(j, "batch", l->batch.octets, l->batch.len);
	json_hex(j, "batch_digest", l->batch.digest, 32);
	json_hex(j, "running", l->result.running, 32);
	json_number(j, "T", machine_time(l->machine));
	json_number(j, "F", machine_floor(l->machine));
	json_hex(j, "state_digest", digest, 32);
	entries_show(j, l);
	signing_show(j, l);
	retry_show(j, l);
	signers_show(j, l);
	json_end(j);
}

/* Members 1 to 4 each put one operation into a bundle of their own. */
static void all_four(struct json *j, struct life *l, uint64_t time_s, const char *what,
		     void (*op)(struct life *l, uint8_t id))
{
	life_begin(l, time_s * 1000);
	for (uint8_t id = 1; id <= LIFE_N; id++) {
		life_bundle(l, id);
		op(l, id);
	}
	run(j, l, what);
}

static void eight_nonces(struct life *l, uint8_t id)
{
	life_op_nonces(l, id, 8);
}

/* ---- clients' operations ---- */

static void instance(ap_descriptor *d, uint8_t id[AP_ID_LEN], const struct life *l,
		     const char *label, uint64_t deadline_s)
{
	const ap_bytes octets = {(const uint8_t *)label, strlen(label)};

	MUST(ap_ticket_open(d, octets, deadline_s) == 0);
	MUST(ap_instance_id(ap_sha256, id, machine_key(l->machine)->pk, &d->terms));
}

static void request(struct life *l, const ap_descriptor *d, const uint8_t id[AP_ID_LEN],
		    uint8_t verb, ap_value value)
{
	uint8_t descriptor[AP_MAX_descriptor], propose[4096], body[4096];
	struct ap_writer w, all;
	ap_propose p;
	ap_request op;

	memset(&p, 0, sizeof(p));
	p.version = AP_PROPOSE_VERSION;
	p.verb = verb;
	p.party = AP_PARTY_NONE;
	p.value = value;
	memset(p.nonce.octets, 0xa5, sizeof(p.nonce.octets));
	if (d != NULL)
		p.descriptor = sample_encode(descriptor, sizeof(descriptor), d);
	ap_writer_init(&w, propose, sizeof(propose));
	ap_propose_put(&w, &p);
	memcpy(op.id.octets, id, AP_ID_LEN);
	op.propose = ap_writer_bytes(&w);
	ap_writer_init(&all, body, sizeof(body));
	ap_request_put(&all, &op);
	MUST(w.bad == NULL && all.bad == NULL);
	life_op(l, AP_OP_request, ap_writer_bytes(&all));
}

static void read(struct life *l, const uint8_t id[AP_ID_LEN])
{
	uint8_t body[AP_MAX_read];
	struct ap_writer w;
	ap_read op;

	memcpy(op.id.octets, id, AP_ID_LEN);
	memset(op.nonce.octets, 0x5a, sizeof(op.nonce.octets));
	ap_writer_init(&w, body, sizeof(body));
	ap_read_put(&w, &op);
	life_op(l, AP_OP_read, ap_writer_bytes(&w));
}

/* Deciding, asking, refusing. */
static void decisions(struct json *j, struct life *l)
{
	uint8_t id[AP_ID_LEN], other[AP_ID_LEN], far[AP_ID_LEN];
	const ap_value none = {NULL, 0};
	uint8_t board[AP_ID_LEN];
	ap_descriptor d, e, f, two, parties;

	instance(&d, id, l, "leader", SAMPLE_DEADLINE_S);
	instance(&e, other, l, "nobody", SAMPLE_DEADLINE_S);
	instance(&f, far, l, "far", SAMPLE_DEADLINE_S + 2678400);
	two = d;
	two.terms.k = 2;
	sample_descriptor(&parties, SAMPLE_BOARD);
	MUST(ap_instance_id(ap_sha256, board, machine_key(l->machine)->pk, &parties.terms));
	life_begin(l, (T0 + 4) * UINT64_C(1000));
	life_bundle(l, 2);
	request(l, &d, id, AP_VERB_APPROVE, BYTES("host-a"));
	read(l, other);
	request(l, &e, other, AP_VERB_OBSERVE, none);
	life_bundle(l, 3);
	request(l, &d, id, AP_VERB_APPROVE, BYTES("host-b"));
	read(l, id);
	request(l, &f, far, AP_VERB_APPROVE, BYTES("host-a"));
	request(l, &two, id, AP_VERB_APPROVE, BYTES("host-a"));
	request(l, &parties, board, AP_VERB_OBSERVE, none);
	request(l, NULL, other, AP_VERB_APPROVE, BYTES("host-a"));
	request(l, &d, other, AP_VERB_APPROVE, BYTES("host-a"));
	life_bundle(l, 2);
	l->batch.bundles[2].counter = --l->counter[1]; /* a number that is used before */
	request(l, &e, other, AP_VERB_APPROVE, BYTES("host-c"));
	run(j, l,
	    "decided, unknown, pending; decided already, decided; refused: horizon, terms, not "
	    "open, no "
	    "descriptor, wrong id; a bundle whose number was used");
}

/* The same question around its deadline, and when it is forgotten. */
static void endings(struct json *j, struct life *l)
{
	static const struct {
		uint64_t time_s;
		const char *what;
	} rows[] = {
		{SAMPLE_DEADLINE_S, "at the deadline: aborted; decided stays decided"},
		{SAMPLE_DEADLINE_S + 604799, "a second before the end of retention"},
		{SAMPLE_DEADLINE_S + 604800, "retention is over: forgotten; a bare id is unknown"},
		{SAMPLE_DEADLINE_S, "a proposed time that is behind: T stays"},
	};
	uint8_t id[AP_ID_LEN], other[AP_ID_LEN];
	const ap_value none = {NULL, 0};
	ap_descriptor d, e;

	instance(&d, id, l, "leader", SAMPLE_DEADLINE_S);
	instance(&e, other, l, "nobody", SAMPLE_DEADLINE_S);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		life_begin(l, rows[i].time_s * 1000);
		life_bundle(l, (uint8_t)(1 + i));
		request(l, &e, other, AP_VERB_OBSERVE, none);
		request(l, &d, id, AP_VERB_APPROVE, BYTES("host-a"));
		read(l, id);
		run(j, l, rows[i].what);
	}
	life_begin(l, (SAMPLE_DEADLINE_S + 604801) * 1000);
	life_bundle(l, 1);
	life_op(l, AP_OP_tick, none);
	run(j, l, "a tick: no leaves, nothing to sign");
	life_begin(l, (SAMPLE_DEADLINE_S + 604802) * 1000);
	run(j, l, "a null batch");
}

/* Signing under faults: the batch with leaves that was executed last is tried again. */
static void faults(struct json *j, struct life *l)
{
	uint64_t seq = l->batch.seq;

	while (machine_pending(l->machine, seq) == NULL)
		seq--;
	life_begin(l, (SAMPLE_DEADLINE_S + 604803) * 1000);
	life_bundle(l, 1);
	life_op_retry(l, seq, 1, 0);
	life_bundle(l, 3);
	life_op_retry(l, seq, 1, 15);
	run(j, l, "RETRY of f+1 members: other pairs sign the same statement");
	life_begin(l, (SAMPLE_DEADLINE_S + 604804) * 1000);
	life_bundle(l, (uint8_t)(l->retried.sets[0].members[0] % LIFE_N + 1));
	life_op_blame(l);
	run(j, l, "BLAME with a share that its owner has signed, and that is bad");
	life_begin(l, (SAMPLE_DEADLINE_S + 604805) * 1000);
	life_bundle(l, l->retried.sets[1].members[1]);
	life_op_badpoint(l);
	run(j, l, "BADPOINT against good points: its sender is left out");
}

/* ---- frames ---- */

static void frame_show(struct json *j, const char *what, const struct ap_message *m)
{
	static uint8_t octets[262144];
	struct ap_writer w;
	uint32_t length;

	ap_writer_init(&w, octets + 5, sizeof(octets) - 5);
	ap_message_put(&w, m);
	MUST(w.bad == NULL);
	length = (uint32_t)ap_writer_len(&w) + 1;
	for (unsigned i = 0; i < 4; i++)
		octets[i] = (uint8_t)(length >> (24 - 8 * i));
	octets[4] = m->code;
	json_object(j, NULL);
	json_text(j, "what", what);
	json_text(j, "type", "frame");
	json_text(j, "message", ap_message_name(m->code));
	json_hex(j, "octets", octets, (size_t)length + 4);
	json_end(j);
}

static void proposal_fill(ap_proposal *p, const struct life *l, uint8_t replica)
{
	p->view = 0;
	p->seq = l->batch.seq;
	p->incarnation = 0;
	p->replica = replica;
	memcpy(p->batch.octets, l->batch.digest, 32);
}

/* Signature over the encoding of one field of the message. */
#define SIGN(l, id, tag, layout, field, sig)                                                       \
	do {                                                                                       \
		uint8_t octets_[AP_MAX_##layout];                                                  \
		struct ap_writer w_;                                                               \
		ap_writer_init(&w_, octets_, sizeof(octets_));                                     \
		ap_##layout##_put(&w_, (field));                                                   \
		life_sign((l), (id), (tag), ap_writer_bytes(&w_), (sig));                          \
	} while (0)

/* About the batch executed last. */
static void votes_show(struct json *j, struct life *l)
{
	struct ap_message m = {.code = AP_MESSAGE_pre_prepare};
	struct ap_reader r;
	uint8_t digest[32];

	proposal_fill(&m.as_pre_prepare.proposal, l, 1);
	SIGN(l, 1, "agree1-preprep", proposal, &m.as_pre_prepare.proposal,
	     m.as_pre_prepare.sig.octets);
	ap_reader_init(&r, l->batch.octets, l->batch.len);
	ap_batch_get(&r, &m.as_pre_prepare.batch);
	MUST(ap_reader_done(&r));
	frame_show(j, "PRE-PREPARE of the primary of view 0, member 1", &m);

	m = (struct ap_message){.code = AP_MESSAGE_prepare};
	proposal_fill(&m.as_prepare.proposal, l, 2);
	SIGN(l, 2, "agree1-prepare", proposal, &m.as_prepare.proposal, m.as_prepare.sig.octets);
	frame_show(j, "PREPARE of member 2", &m);

	m = (struct ap_message){.code = AP_MESSAGE_commit};
	m.as_commit.seq = l->batch.seq;
	memcpy(m.as_commit.batch.octets, l->batch.digest, 32);
	frame_show(j, "COMMIT", &m);

	machine_digest(l->machine, digest);
	m = (struct ap_message){.code = AP_MESSAGE_checkpoint};
	m.as_checkpoint.vote.seq = l->batch.seq;
	m.as_checkpoint.vote.replica = 3;
	memcpy(m.as_checkpoint.vote.state.octets, digest, 32);
	SIGN(l, 3, "agree1-checkpnt", checkpoint_vote, &m.as_checkpoint.vote,
	     m.as_checkpoint.sig.octets);
	frame_show(j, "CHECKPOINT of member 3, as if this were a multiple of 128", &m);
}

static void share_show(struct json *j, struct life *l)
{
	struct ap_message m = {.code = AP_MESSAGE_share};
	ap_share_body *s = &m.as_share.share;
	const struct machine_set *set = &l->result.sets[0];
	struct frost_hash h;
	uint8_t digest[64];

	MUST(l->result.n_sets > 0);
	s->epoch = 1;
	s->seq = l->batch.seq;
	s->replica = set->members[0];
	memcpy(s->z.octets, l->sets[0].shares.z[0], 32);
	/* H2 without its reduction is plain SHA-512 */
	frost_hash_begin(&h, FROST_H2);
	frost_hash_add(&h, l->statement_octets, l->statement_len);
	frost_hash_octets(&h, digest);
	memcpy(s->statement.octets, digest, sizeof(s->statement.octets));
	SIGN(l, s->replica, "agree1-share", share_body, s, m.as_share.sig.octets);
	frame_show(j, "SHARE of the first member of the first set of batch 5", &m);

	m = (struct ap_message){.code = AP_MESSAGE_signed};
	m.as_signed.seq = l->batch.seq;
	m.as_signed.epoch = 1;
	memcpy(m.as_signed.sig.octets, l->sets[0].sig, 64);
	frame_show(j, "SIGNED, for batch 5", &m);
}

static void unsigned_show(struct json *j, struct life *l)
{
	struct ap_message m = {.code = AP_MESSAGE_hello};

	m.as_hello.version = 1;
	memcpy(m.as_hello.genesis.octets, l->net.genesis, 32);
	m.as_hello.replica = 2;
	m.as_hello.boot = LIFE_START;
	frame_show(j, "HELLO of member 2", &m);
	m = (struct ap_message){.code = AP_MESSAGE_status};
	m.as_status.executed = l->batch.seq;
	memcpy(m.as_status.running.octets, l->result.running, 32);
	frame_show(j, "STATUS", &m);
	m = (struct ap_message){.code = AP_MESSAGE_fetch};
	m.as_fetch.from = 1;
	m.as_fetch.to = l->batch.seq;
	m.as_fetch.bodies = 1;
	frame_show(j, "FETCH", &m);
	m = (struct ap_message){.code = AP_MESSAGE_attest};
	m.as_attest.seq = l->batch.seq;
	memcpy(m.as_attest.running.octets, l->result.running, 32);
	frame_show(j, "ATTEST", &m);
	m = (struct ap_message){.code = AP_MESSAGE_want};
	m.as_want.seq = l->batch.seq;
	frame_show(j, "WANT", &m);
}

void make_network(const char *dir)
{
	struct json j;

	life_new(&life);
	json_open(&j, dir, "network.json",
		  "A network of four: network file, key generation, batches with digests, "
		  "running hashes, states, results, signer sets and group signatures, and frames "
		  "between replicas. Sections Formation and Epochs, Ordering between Replicas, "
		  "Execution.");
	file_show(&j, &life);
	state_show(&j, &life, "the state of a new network");
	all_four(&j, &life, T0, "ENCKEY of all members", life_op_enckey);
	all_four(&j, &life, T0 + 1, "DEAL of all members", life_op_deal);
	all_four(&j, &life, T0 + 2, "READY of all members", life_op_ready);
	keygen_show(&j, &life);
	all_four(&j, &life, T0 + 3, "NONCES of all members: the trial statement is signed",
		 eight_nonces);
	MUST(machine_key(life.machine)->phase == MACHINE_LIVE);
	decisions(&j, &life);
	share_show(&j, &life);
	votes_show(&j, &life);
	unsigned_show(&j, &life);
	endings(&j, &life);
	faults(&j, &life);
	state_show(&j, &life, "the state after all batches");
	json_close(&j);
	life_free(&life);
}
