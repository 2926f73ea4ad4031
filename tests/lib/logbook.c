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

struct logbook *logbook_clone(const struct logbook *from)
{
	struct logbook *l = with_conf(&from->conf, memstore_clone(from->store));
	size_t cap = machine_snapshot_max(from->machine);
	uint8_t *octets = room(cap);
	size_t len = machine_snapshot(from->machine, octets, cap);

	check(len > 0 && machine_restore(l->machine, octets, len) == 0, "restore failed");
	memcpy(l->counters, from->counters, sizeof(l->counters));
	free(octets);
	return l;
}

void logbook_free(struct logbook *l)
{
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
	for (uint8_t i = 0; i < instance->parties; i++) {
		terms->parties[i].key.present = true;
		terms->parties[i].key.it.octets[0] = (uint8_t)(i + 1);
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
	struct ap_writer w;
	ap_descriptor d;

	memset(propose.nonce.octets, ask->nonce, sizeof(propose.nonce.octets));
	propose.credential.kind = ask->credential;
	if (ask->value != NULL)
		propose.value = (ap_value){(const uint8_t *)ask->value, strlen(ask->value)};
	if (!ask->bare) {
		descriptor_of(ask->instance, &d);
		ap_writer_init(&w, descriptor, sizeof(descriptor));
		ap_descriptor_put(&w, &d);
		propose.descriptor = ap_writer_bytes(&w);
	}
	ap_writer_init(&w, octets, sizeof(octets));
	ap_propose_put(&w, &propose);
	check(w.bad == NULL, "the request cannot be encoded");
	op->kind = AP_OP_request;
	logbook_id(l, ask->instance, op->as_request.id.octets);
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
