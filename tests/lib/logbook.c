#include "tests/lib/logbook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libproto/crypto.h"
#include "libproto/digest.h"
#include "libproto/instance.h"
#include "tests/lib/fakegroup.h"

enum { OCTETS = 1 << 20 };

static void check(bool good, const char *what)
{
	if (!good) {
		fprintf(stderr, "logbook: %s\n", what);
		abort();
	}
}

static void *room(size_t size)
{
	void *p = calloc(1, size);

	check(p != NULL, "out of memory");
	return p;
}

static struct logbook *with_conf(const struct machine_conf *conf, struct memstore *store)
{
	struct logbook *l = room(sizeof(*l));
	struct machine_store table;

	l->conf = *conf;
	l->store = store;
	l->octets = room(OCTETS);
	l->result = room(sizeof(*l->result));
	memset(l->result, 0xa5, sizeof(*l->result));
	memstore_table(store, &table);
	l->machine = machine_init(room(machine_size(conf)), conf, &fakegroup_funcs, &table);
	return l;
}

struct logbook *logbook_new(uint8_t n, uint64_t share)
{
	struct machine_conf conf = {
		.n = n, .retention_s = 5000, .horizon_s = 20000, .capacity = share * n};

	memset(conf.genesis, 7, sizeof(conf.genesis));
	return with_conf(&conf, memstore_new());
}

/* ---- the history ---- */

static void chunk_keep(struct logbook *l, uint64_t seq, ap_bytes octets)
{
	if (l->n_chunks <= seq) {
		size_t n = 2 * (size_t)seq + 16;

		l->chunks = realloc(l->chunks, n * sizeof(l->chunks[0]));
		check(l->chunks != NULL, "out of memory");
		memset(l->chunks + l->n_chunks, 0, (n - l->n_chunks) * sizeof(l->chunks[0]));
		l->n_chunks = n;
	}
	l->chunks[seq].octets = room(octets.len + 1);
	l->chunks[seq].len = octets.len;
	if (octets.len > 0)
		memcpy(l->chunks[seq].octets, octets.data, octets.len);
}

/* draft {#state}: what became final, then what changed */
static void chunk_write(struct logbook *l)
{
	const struct machine_result *r = l->result;
	size_t cap = r->changes.len + (size_t)r->n_entries * (AP_ID_LEN + 3 + AP_MAX_outcome);
	uint8_t *octets = room(cap + 1), outcome[AP_MAX_outcome];
	struct ap_writer w, inner;

	ap_writer_init(&w, octets, cap);
	for (size_t i = 0; i < r->n_entries; i++) {
		const struct machine_entry *e = &r->entries[i];
		uint8_t relay = 1; /* whose it is makes no difference here */
		ap_span16 body;

		if (!e->fresh)
			continue;
		ap_writer_init(&inner, outcome, sizeof(outcome));
		ap_outcome_put(&inner, &e->outcome);
		body = ap_writer_bytes(&inner);
		ap_octets_put(&w, e->id, AP_ID_LEN);
		ap_u8_put(&w, &relay);
		ap_span16_put(&w, &body);
	}
	ap_octets_put(&w, r->changes.data, r->changes.len);
	check(w.bad == NULL, "the chunk is too large");
	chunk_keep(l, r->seq, ap_writer_bytes(&w));
	free(octets);
}

static void restore(struct logbook *l, const uint8_t *octets, size_t len)
{
	uint64_t seq;

	check(len > 0 && machine_restore(l->machine, octets, len) == 0, "restore failed");
	seq = machine_refill_from(l->machine);
	for (; seq > 0 && seq <= machine_seq(l->machine); seq++)
		check(machine_refill(l->machine, seq,
				     (ap_bytes){l->chunks[seq].octets, l->chunks[seq].len}) == 0,
		      "refill failed");
	check(machine_refill_done(l->machine) == 0, "the history does not give the state");
}

struct logbook *logbook_clone(const struct logbook *from)
{
	struct logbook *l = with_conf(&from->conf, memstore_clone(from->store));
	size_t cap = machine_snapshot_max(from->machine);
	uint8_t *octets = room(cap);
	size_t len = machine_snapshot(from->machine, octets, cap);

	for (size_t i = 0; i < from->n_chunks; i++)
		if (from->chunks[i].octets != NULL)
			chunk_keep(l, i, (ap_bytes){from->chunks[i].octets, from->chunks[i].len});
	restore(l, octets, len);
	memcpy(l->counters, from->counters, sizeof(l->counters));
	free(octets);
	return l;
}

void logbook_restart(struct logbook *l)
{
	size_t cap = machine_snapshot_max(l->machine);
	uint8_t *octets = room(cap);

	restore(l, octets, machine_snapshot(l->machine, octets, cap));
	free(octets);
}

void logbook_free(struct logbook *l)
{
	for (size_t i = 0; i < l->n_chunks; i++)
		free(l->chunks[i].octets);
	free(l->chunks);
	memstore_free(l->store);
	free(l->machine);
	free(l->result);
	free(l->octets);
	free(l);
}

/* ---- writing ---- */

void logbook_bundle_numbered(struct logbook *l, uint8_t relay, uint64_t start, uint64_t counter)
{
	struct machine_bundle *bundle = &l->bundles[l->n_bundles++];

	check(l->n_bundles <= sizeof(l->bundles) / sizeof(l->bundles[0]), "too many bundles");
	bundle->relay = relay;
	bundle->start = start;
	bundle->counter = counter;
	bundle->ops = l->octets + l->len;
	bundle->ops_len = 0;
}

void logbook_bundle(struct logbook *l, uint8_t relay)
{
	logbook_bundle_numbered(l, relay, 1, l->counters[relay]++);
}

void logbook_op_octets(struct logbook *l, uint8_t kind, const void *octets, size_t len)
{
	ap_op op = {.kind = kind, .body = {octets, len}};
	struct ap_writer w;

	check(l->n_bundles > 0, "an operation outside of bundles");
	ap_writer_init(&w, l->octets + l->len, OCTETS - l->len);
	ap_op_put(&w, &op);
	check(w.bad == NULL, "the batch is too large");
	l->bundles[l->n_bundles - 1].ops_len += ap_writer_len(&w);
	l->len += ap_writer_len(&w);
}

void logbook_op(struct logbook *l, const struct ap_operation *op)
{
	static uint8_t octets[AP_SPAN16_MAX];
	struct ap_writer w;

	ap_writer_init(&w, octets, sizeof(octets));
	ap_operation_put(&w, op);
	check(w.bad == NULL, "the operation cannot be encoded");
	logbook_op_octets(l, op->kind, octets, ap_writer_len(&w));
}

/* ---- parties ---- */

static const uint8_t *party_key(uint8_t party, struct ap_sign_key *out)
{
	static struct ap_sign_key keys[AP_PARTIES_MAX];
	uint8_t seed[32];

	if (keys[party].key == NULL) {
		memset(seed, 0x40 + party, sizeof(seed));
		check(ap_sign_key_init(&keys[party], seed) == 0, "no key");
	}
	if (out != NULL)
		*out = keys[party];
	return keys[party].public_key;
}

static void secret_of(uint8_t secret[32], uint8_t party, bool yes, uint8_t locks)
{
	memset(secret, 0x80 + party, 32);
	secret[0] = yes;
	secret[1] = locks;
}

struct ask logbook_vote(const struct instance *instance, uint8_t party, uint8_t verb,
			const char *value)
{
	bool keyless = party >= instance->parties - instance->keyless;

	return (struct ask){.instance = instance,
			    .verb = verb,
			    .value = verb == AP_VERB_APPROVE ? value : NULL,
			    .party = party,
			    .credential = keyless ? AP_CREDENTIAL_SECRET : AP_CREDENTIAL_SIGNATURE};
}

/* Signatures cost time: tests vote the same way again and again. */
static void sign_vote(uint8_t out[64], uint8_t party, const uint8_t *octets, size_t len)
{
	static struct {
		uint8_t digest[32], sig[64];
	} made[1024];
	struct ap_sign_key key;
	uint8_t digest[32];
	size_t at;

	ap_sha256(digest, (const ap_bytes[]){{&party, 1}, {octets, len}}, 2);
	at = (size_t)(digest[0] << 2 | digest[1] >> 6);
	if (memcmp(made[at].digest, digest, sizeof(digest)) != 0) {
		party_key(party, &key);
		check(ap_sign(&key, made[at].sig, octets, len) == 0, "no signature");
		memcpy(made[at].digest, digest, sizeof(digest));
	}
	memcpy(out, made[at].sig, 64);
}

static void credential_of(const struct ask *ask, const uint8_t id[AP_ID_LEN], ap_propose *propose)
{
	uint8_t message[AP_VOTE_MAX];

	propose->credential.kind = ask->credential;
	if (ask->credential == AP_CREDENTIAL_SECRET && ask->party < AP_PARTIES_MAX)
		secret_of(propose->credential.octets, ask->party, ask->verb == AP_VERB_APPROVE, 0);
	if (ask->credential == AP_CREDENTIAL_SIGNATURE && ask->party < AP_PARTIES_MAX)
		sign_vote(propose->credential.octets, ask->party, message,
			  ap_vote_put(message, ask->verb, id, &propose->value));
	propose->credential.octets[7] ^= ask->credential != 0 && ask->forged;
}

static void locks_of(const struct instance *instance, const uint8_t id[AP_ID_LEN], ap_descriptor *d)
{
	uint8_t secret[32], first = (uint8_t)(instance->parties - instance->keyless);

	d->n_locks = instance->keyless;
	for (uint8_t i = 0; i < instance->keyless; i++) {
		uint8_t party = (uint8_t)(first + i);

		secret_of(secret, party, true, instance->locks);
		ap_lock_digest(ap_sha256, d->locks[i].yes.octets, id, party, true, secret);
		secret_of(secret, party, false, instance->locks);
		ap_lock_digest(ap_sha256, d->locks[i].no.octets, id, party, false, secret);
	}
}

static void descriptor_of(const struct instance *instance, ap_descriptor *d)
{
	ap_terms *terms = &d->terms;

	memset(d, 0, sizeof(*d));
	terms->version = AP_DESCRIPTOR_VERSION;
	terms->k = instance->k > 0 ? instance->k : 1;
	terms->deadline = instance->deadline_s;
	terms->start = instance->start_s;
	terms->label = (ap_label){(const uint8_t *)instance->label, strlen(instance->label)};
	if (instance->fixed != NULL) {
		terms->fixed.present = true;
		terms->fixed.it =
			(ap_value){(const uint8_t *)instance->fixed, strlen(instance->fixed)};
	}
	terms->n_parties = instance->parties;
	for (uint8_t i = 0; i + instance->keyless < instance->parties; i++) {
		terms->parties[i].key.present = true;
		memcpy(terms->parties[i].key.it.octets, party_key(i, NULL), 32);
	}
}

void logbook_id(const struct logbook *l, const struct instance *instance, uint8_t id[AP_ID_LEN])
{
	ap_descriptor d;

	descriptor_of(instance, &d);
	check(ap_instance_id(ap_sha256, id, machine_key(l->machine)->pk, &d.terms), "no id");
}

static void ask_request(struct logbook *l, const struct ask *ask, struct ap_operation *op)
{
	static uint8_t octets[AP_MAX_propose], descriptor[AP_MAX_descriptor];
	ap_propose propose = {
		.version = AP_PROPOSE_VERSION, .verb = ask->verb, .party = ask->party};
	uint8_t id[AP_ID_LEN];
	struct ap_writer w;
	ap_descriptor d;

	memset(propose.nonce.octets, ask->nonce, sizeof(propose.nonce.octets));
	if (ask->value != NULL)
		propose.value = (ap_value){(const uint8_t *)ask->value, strlen(ask->value)};
	logbook_id(l, ask->instance, id);
	credential_of(ask, id, &propose);
	if (!ask->bare) {
		descriptor_of(ask->instance, &d);
		locks_of(ask->instance, id, &d);
		ap_writer_init(&w, descriptor, sizeof(descriptor));
		ap_descriptor_put(&w, &d);
		propose.descriptor = ap_writer_bytes(&w);
	}
	ap_writer_init(&w, octets, sizeof(octets));
	ap_propose_put(&w, &propose);
	check(w.bad == NULL, "the request cannot be encoded");
	op->kind = AP_OP_request;
	memcpy(op->as_request.id.octets, id, AP_ID_LEN);
	op->as_request.propose = ap_writer_bytes(&w);
	op->as_request.id.octets[AP_ID_LEN - 1] ^= ask->stray;
}

void logbook_ask(struct logbook *l, const struct ask *ask)
{
	struct ap_operation op;

	if (ask->verb == 0) {
		op.kind = AP_OP_read;
		logbook_id(l, ask->instance, op.as_read.id.octets);
		memset(op.as_read.nonce.octets, ask->nonce, sizeof(op.as_read.nonce.octets));
	} else {
		ask_request(l, ask, &op);
	}
	logbook_op(l, &op);
}

const struct machine_result *logbook_apply_same(struct logbook *l, const struct logbook *from,
						uint64_t time_ms)
{
	struct machine_batch batch = {
		.seq = machine_seq(l->machine) + 1,
		.time_ms = time_ms,
		.n_bundles = from->n_bundles,
		.bundles = from->bundles,
	};
	uint8_t bundles[MACHINE_BUNDLES_MAX + 1][32];

	for (size_t i = 0; i < batch.n_bundles; i++) {
		const struct machine_bundle *b = &batch.bundles[i];

		ap_digest_bundle(ap_sha256, bundles[i], l->conf.genesis, b->relay, b->start,
				 b->counter, (ap_bytes){b->ops, b->ops_len});
	}
	ap_digest_batch(ap_sha256, batch.digest, time_ms, (uint16_t)batch.n_bundles, bundles[0]);
	machine_apply(l->machine, &batch, l->result);
	chunk_write(l);
	return l->result;
}

const struct machine_result *logbook_apply(struct logbook *l, uint64_t time_ms)
{
	logbook_apply_same(l, l, time_ms);
	l->n_bundles = 0;
	l->len = 0; /* octets stay until they are written over: entries borrow from them */
	return l->result;
}

/* ---- forming ---- */

void logbook_enckeys(struct logbook *l)
{
	struct ap_operation op = {.kind = AP_OP_enckey};

	for (uint8_t id = 1; id <= l->conf.n; id++) {
		logbook_bundle(l, id);
		fakegroup_enckey(&op.as_enckey, machine_key(l->machine)->sid, id);
		logbook_op(l, &op);
	}
}

void logbook_deals(struct logbook *l)
{
	struct ap_operation op = {.kind = AP_OP_deal};

	for (uint8_t id = 1; id <= l->conf.n; id++) {
		logbook_bundle(l, id);
		fakegroup_deal(&op.as_deal, machine_key(l->machine)->sid, l->conf.n, id);
		logbook_op(l, &op);
	}
}

void logbook_readies(struct logbook *l)
{
	const struct machine_key *key = machine_key(l->machine);
	struct ap_operation op = {.kind = AP_OP_ready};

	memcpy(op.as_ready.sid.octets, key->sid, 32);
	memcpy(op.as_ready.dealings.octets, key->dealings, 32);
	for (uint8_t id = 1; id <= l->conf.n; id++) {
		logbook_bundle(l, id);
		logbook_op(l, &op);
	}
}

void logbook_nonces(struct logbook *l, uint8_t id, uint8_t count)
{
	struct ap_operation op = {.kind = AP_OP_nonces};
	struct machine_pool_info pool;

	machine_pool(l->machine, id, &pool);
	logbook_bundle(l, id);
	fakegroup_nonces(&op.as_nonces, id, pool.boot > 0 ? pool.boot : 1, pool.next, count);
	logbook_op(l, &op);
}

const struct machine_result *logbook_live(struct logbook *l, uint8_t count)
{
	logbook_enckeys(l);
	logbook_apply(l, 0);
	logbook_deals(l);
	logbook_apply(l, 0);
	logbook_readies(l);
	logbook_apply(l, 0);
	for (uint8_t id = 1; id <= l->conf.n; id++)
		logbook_nonces(l, id, count);
	return logbook_apply(l, 0);
}
