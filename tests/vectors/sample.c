#include "tests/vectors/sample.h"

#include <string.h>

#include "libproto/instance.h"
#include "libproto/merkle.h"
#include "libproto/outcome.h"
#include "libproto/proof.h"
#include "libproto/ticket.h"
#include "tests/vectors/json.h"

void sample_fill(uint8_t out[32], uint8_t value)
{
	memset(out, value, 32);
}

void sample_key(struct ap_sign_key *key)
{
	uint8_t seed[32];

	sample_fill(seed, 0x01);
	MUST(ap_sign_key_init(key, seed) == 0);
}

const uint8_t *sample_network(void)
{
	static uint8_t network[32];
	struct ap_sign_key key;

	sample_key(&key);
	memcpy(network, key.public_key, sizeof(network));
	ap_sign_key_clear(&key);
	return network;
}

/* ---- instances ---- */

const char *sample_name(enum sample_instance which)
{
	static const char *const names[SAMPLE_INSTANCES] = {
		[SAMPLE_OPEN] = "open: label and deadline",
		[SAMPLE_SALTED] = "open, with a salt",
		[SAMPLE_RECURRING] = "recurring: label and period",
		[SAMPLE_SECRET] = "recurring, with a secret",
		[SAMPLE_FIXED] = "open, with a fixed value",
		[SAMPLE_BOARD] = "two of three parties with keys",
		[SAMPLE_HANDOVER] = "both of two parties with locks",
	};

	return names[which];
}

void sample_party_seed(uint8_t seed[32], uint8_t party)
{
	sample_fill(seed, (uint8_t)(0x20 + party));
}

void sample_secret(uint8_t secret[32], uint8_t party, bool yes)
{
	sample_fill(secret, (uint8_t)((yes ? 0x40 : 0x50) + party));
}

static void board(ap_terms *terms)
{
	terms->k = 2;
	terms->n_parties = 3;
	for (uint8_t i = 0; i < 3; i++) {
		struct ap_sign_key key;
		uint8_t seed[32];

		sample_party_seed(seed, i);
		MUST(ap_sign_key_init(&key, seed) == 0);
		terms->parties[i].key.present = true;
		memcpy(terms->parties[i].key.it.octets, key.public_key, 32);
		ap_sign_key_clear(&key);
	}
}

/* The locks hash the id, which covers the terms only. */
static void handover(ap_descriptor *d)
{
	uint8_t id[AP_ID_LEN], secret[32];

	d->terms.k = 2;
	d->terms.n_parties = 2;
	d->terms.fixed.present = true;
	d->terms.fixed.it = BYTES("moved");
	MUST(ap_instance_id(ap_sha256, id, sample_network(), &d->terms));
	d->n_locks = 2;
	for (uint8_t i = 0; i < 2; i++) {
		sample_secret(secret, i, true);
		ap_lock_digest(ap_sha256, d->locks[i].yes.octets, id, i, true, secret);
		sample_secret(secret, i, false);
		ap_lock_digest(ap_sha256, d->locks[i].no.octets, id, i, false, secret);
	}
}

void sample_descriptor(ap_descriptor *d, enum sample_instance which)
{
	const ap_bytes none = {NULL, 0};

	if (which == SAMPLE_RECURRING || which == SAMPLE_SECRET)
		MUST(ap_ticket_recurring(d, sample_network(), BYTES("nightly"), 3600,
					 SAMPLE_DEADLINE_S,
					 which == SAMPLE_SECRET ? BYTES("hunter2") : none) == 0);
	else
		MUST(ap_ticket_open(d, BYTES("leader"), SAMPLE_DEADLINE_S) == 0);
	if (which == SAMPLE_SALTED)
		memset(d->terms.salt.octets, 0x5a, sizeof(d->terms.salt.octets));
	if (which == SAMPLE_FIXED) {
		d->terms.fixed.present = true;
		d->terms.fixed.it = BYTES("done");
	}
	if (which == SAMPLE_BOARD)
		board(&d->terms);
	if (which == SAMPLE_HANDOVER)
		handover(d);
	MUST(ap_descriptor_check(d) == NULL);
}

ap_bytes sample_encode(uint8_t *out, size_t size, const ap_descriptor *d)
{
	struct ap_writer w;

	ap_writer_init(&w, out, size);
	ap_descriptor_put(&w, d);
	MUST(w.bad == NULL);
	return ap_writer_bytes(&w);
}

void sample_id(uint8_t id[AP_ID_LEN], enum sample_instance which)
{
	ap_descriptor d;

	sample_descriptor(&d, which);
	MUST(ap_instance_id(ap_sha256, id, sample_network(), &d.terms));
}

/* ---- batches ---- */

ap_outcome sample_decided(void)
{
	ap_outcome o;

	memset(&o, 0, sizeof(o));
	o.version = AP_OUTCOME_VERSION;
	o.status = AP_STATUS_DECIDED;
	o.value = BYTES("host-a");
	o.k = 1;
	o.sequence = SAMPLE_SEQUENCE;
	o.time = SAMPLE_TIME_MS;
	return o;
}

/*
 * Leaf i > 0: the id has the sample deadline and 32 octets of the value i mod 256; odd ones are
 * DECIDED with "value-" and the letter a + i mod 26, even ones are UNKNOWN with a nonce of 16
 * octets i mod 256.
 */
static void leaf_make(struct sample_batch *b, size_t i)
{
	static const char values[] = "value-avalue-bvalue-cvalue-dvalue-evalue-fvalue-gvalue-h"
				     "value-ivalue-jvalue-kvalue-lvalue-mvalue-nvalue-ovalue-p"
				     "value-qvalue-rvalue-svalue-tvalue-uvalue-vvalue-wvalue-x"
				     "value-yvalue-z";
	ap_outcome *o = &b->outcomes[i];

	*o = sample_decided();
	sample_id(b->ids[i], SAMPLE_OPEN);
	if (i == 0)
		return;
	memset(b->ids[i] + 5, (int)(i % 256), 32);
	o->value = (ap_bytes){(const uint8_t *)values + 7 * (i % 26), 7};
	if (i % 2 == 1)
		return;
	o->status = AP_STATUS_UNKNOWN;
	o->value = (ap_bytes){NULL, 0};
	o->k = 0;
	o->nonce.present = true;
	memset(o->nonce.it.octets, (int)(i % 256), sizeof(o->nonce.it.octets));
}

void sample_batch(struct sample_batch *b, size_t count)
{
	struct ap_sign_key key;

	memset(b, 0, sizeof(*b));
	b->count = count;
	for (size_t i = 0; i < count; i++) {
		leaf_make(b, i);
		MUST(ap_outcome_leaf(ap_sha256, b->nodes + 32 * i, b->ids[i], &b->outcomes[i]));
	}
	MUST(ap_merkle_build(ap_sha256, b->nodes, count) != NULL);
	b->statement.epoch = 1;
	b->statement.seq = SAMPLE_SEQUENCE;
	b->statement.time_ms = SAMPLE_TIME_MS;
	b->statement.count = (uint32_t)count;
	memcpy(b->statement.root, b->nodes + 32 * (ap_merkle_nodes(count) - 1), 32);
	sample_fill(b->statement.running, 0x77);
	MUST(ap_statement_batch_put(b->octets, &b->statement) == sizeof(b->octets));
	sample_key(&key);
	MUST(ap_sign(&key, b->sig, b->octets, sizeof(b->octets)) == 0);
	ap_sign_key_clear(&key);
}

ap_agree sample_agree(const struct sample_batch *b, size_t index)
{
	ap_agree agree;

	MUST(ap_agree_make(&agree, &b->outcomes[index], &b->statement, b->nodes, index, b->sig));
	return agree;
}

ap_bytes sample_rdata(uint8_t out[AP_MAX_agree], const ap_agree *agree)
{
	struct ap_writer w;

	ap_writer_init(&w, out, AP_MAX_agree);
	ap_agree_put(&w, agree);
	MUST(w.bad == NULL);
	return ap_writer_bytes(&w);
}
