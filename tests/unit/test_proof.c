#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/instance.h"
#include "libproto/merkle.h"
#include "libproto/outcome.h"
#include "libproto/proof.h"

#define BYTES(text) ((ap_bytes){(const uint8_t *)(text), sizeof(text) - 1})

enum { LEAVES_MAX = AP_BATCH_REQUESTS_MAX };

/* A network of one key, and a batch of so many leaves that it has signed. */
static struct batch {
	struct ap_sign_key signer;
	struct ap_verify_key key;
	struct ap_statement statement;
	uint8_t sig[64];
	uint8_t ids[LEAVES_MAX][AP_ID_LEN];
	ap_outcome outcomes[LEAVES_MAX];
	uint8_t nodes[AP_TREE_NODES_MAX * 32];
} net;

static const uint8_t asked[16] = {0xa5, 1};

/* Leaves in turn: decided, pending, unknown, aborted at the deadline (which is 1000 s). */
static void leaf_fill(size_t i, uint64_t time_ms)
{
	ap_outcome *o = &net.outcomes[i];
	uint8_t *id = net.ids[i];

	memset(o, 0, sizeof(*o));
	memset(id, 0, AP_ID_LEN);
	id[3] = 3;
	id[4] = 0xe8;
	id[5] = (uint8_t)i;
	id[6] = (uint8_t)(i >> 8);
	o->version = AP_OUTCOME_VERSION;
	o->sequence = 42;
	o->time = time_ms;
	o->k = 1;
	o->status = AP_STATUS_DECIDED;
	if (i % 4 == 0) {
		o->sequence = 40; /* decided earlier, signed again */
		o->time = time_ms - 1000;
		o->value = BYTES("alpha");
		return;
	}
	o->status = i % 4 == 1 ? AP_STATUS_PENDING : AP_STATUS_UNKNOWN;
	o->nonce.present = true;
	memcpy(o->nonce.it.octets, asked, sizeof(asked));
	if (i % 4 == 2)
		o->k = 0;
	if (i % 4 == 3) {
		o->status = AP_STATUS_ABORTED;
		o->reason = AP_REASON_DEADLINE;
		o->nonce.present = false;
		memset(&o->nonce.it, 0, sizeof(o->nonce.it));
		o->sequence = 0;
		o->time = 1000000;
		id[3] = 0;
		id[4] = 1; /* deadline 1 s */
		o->time = 1000;
	}
}

static void batch_make(size_t count)
{
	uint8_t message[AP_STATEMENT_MAX];
	size_t len;

	for (size_t i = 0; i < count; i++) {
		leaf_fill(i, 500000);
		assert_true(ap_outcome_leaf(ap_sha256, net.nodes + 32 * i, net.ids[i],
					    &net.outcomes[i]));
	}
	net.statement.epoch = 3;
	net.statement.seq = 42;
	net.statement.time_ms = 500000;
	net.statement.count = (uint32_t)count;
	memcpy(net.statement.root, ap_merkle_build(ap_sha256, net.nodes, count), 32);
	memset(net.statement.running, 0x77, 32);
	len = ap_statement_batch_put(message, &net.statement);
	assert_int_equal(ap_sign(&net.signer, net.sig, message, len), 0);
}

static ap_agree record(size_t index)
{
	ap_agree agree;

	assert_true(ap_agree_make(&agree, &net.outcomes[index], &net.statement, net.nodes, index,
				  net.sig));
	return agree;
}

static size_t encode(uint8_t *out, const ap_agree *agree)
{
	struct ap_writer w;

	ap_writer_init(&w, out, AP_MAX_agree);
	ap_agree_put(&w, agree);
	assert_null(w.bad);
	return ap_writer_len(&w);
}

static int setup(void **state)
{
	uint8_t seed[32] = {1};

	(void)state;
	assert_int_equal(ap_sign_key_init(&net.signer, seed), 0);
	return ap_verify_key_init(&net.key, net.signer.public_key);
}

static int teardown(void **state)
{
	(void)state;
	ap_sign_key_clear(&net.signer);
	ap_verify_key_clear(&net.key);
	return 0;
}

static void every_leaf_of_a_batch_is_proven(void **state)
{
	static const size_t counts[] = {1, 2, 3, 4, 5, 7, 8, 9, 100, LEAVES_MAX};

	(void)state;
	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		batch_make(counts[c]);
		for (size_t i = 0; i < counts[c]; i += 1 + counts[c] / 16) {
			ap_agree agree = record(i), back;
			uint8_t octets[AP_MAX_agree];
			size_t len = encode(octets, &agree);

			assert_int_equal(ap_proof_check(&net.key, net.ids[i], &agree, asked), 0);
			assert_int_equal(ap_proof_parse(&back, net.signer.public_key, net.ids[i],
							(ap_bytes){octets, len}, asked),
					 0);
			assert_true(ap_outcome_is_same(&back.outcome, &net.outcomes[i]));
		}
	}
	assert_false(ap_agree_make(&(ap_agree){0}, &net.outcomes[0], &net.statement, net.nodes,
				   LEAVES_MAX, net.sig));
}

/* Whatever bit is changed, in the record or in the id, nothing is believed. */
static void any_flipped_bit_is_found(void **state)
{
	(void)state;
	batch_make(7);
	for (size_t i = 0; i < 7; i++) {
		ap_agree agree = record(i), back;
		uint8_t octets[AP_MAX_agree], id[AP_ID_LEN];
		size_t len = encode(octets, &agree);

		for (size_t bit = 0; bit < len * 8; bit++) {
			octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_not_equal(ap_proof_parse(&back, net.signer.public_key,
							    net.ids[i], (ap_bytes){octets, len},
							    NULL),
					     0);
			octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		memcpy(id, net.ids[i], sizeof(id));
		for (size_t bit = 0; bit < sizeof(id) * 8; bit++) {
			id[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_not_equal(ap_proof_check(&net.key, id, &agree, NULL), 0);
			id[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

static void cut_and_long_records_do_not_decode(void **state)
{
	uint8_t octets[AP_MAX_agree + 1];
	ap_agree agree, back;
	size_t len;

	(void)state;
	batch_make(3);
	agree = record(0);
	len = encode(octets, &agree);
	octets[len] = 0;
	for (size_t n = 0; n <= len + 1; n++)
		assert_int_equal(ap_proof_parse(&back, net.signer.public_key, net.ids[0],
						(ap_bytes){octets, n}, NULL),
				 n == len ? 0 : AGREE_ERECORD);
}

static void another_network_did_not_sign_it(void **state)
{
	uint8_t seed[32] = {2}, octets[AP_MAX_agree];
	static const uint8_t identity[32] = {1};
	struct ap_sign_key other;
	ap_agree agree, back;
	size_t len;

	(void)state;
	batch_make(2);
	agree = record(0);
	len = encode(octets, &agree);
	assert_int_equal(ap_sign_key_init(&other, seed), 0);
	assert_int_equal(
		ap_proof_parse(&back, other.public_key, net.ids[0], (ap_bytes){octets, len}, NULL),
		AGREE_ESIGNATURE);
	ap_sign_key_clear(&other);
	/* under the identity as a key any signature would fit */
	assert_int_equal(ap_proof_parse(&back, identity, net.ids[0], (ap_bytes){octets, len}, NULL),
			 AGREE_EKEY);
}

/* z + L verifies in careless libraries: a second encoding of one signature. */
static void a_signature_has_one_encoding(void **state)
{
	static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a,	      0x63,
					  0x12, 0x58, 0xd6, 0x9c, 0xf7,	      0xa2,
					  0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
	unsigned carry = 0;
	ap_agree agree;

	(void)state;
	batch_make(1);
	agree = record(0);
	for (size_t i = 0; i < 32; i++) {
		carry += agree.proof.sig.octets[32 + i] + order[i];
		agree.proof.sig.octets[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	assert_int_equal(carry, 0);
	assert_int_equal(ap_proof_check(&net.key, net.ids[0], &agree, NULL), AGREE_ESIGNATURE);
}

static void an_old_answer_that_is_not_final_is_found(void **state)
{
	uint8_t now[16] = {0xa5, 2};
	ap_agree agree;

	(void)state;
	batch_make(4);
	for (size_t i = 0; i < 4; i++) {
		bool final = i == 0 || i == 3;

		agree = record(i);
		assert_int_equal(ap_proof_check(&net.key, net.ids[i], &agree, asked), 0);
		assert_int_equal(ap_proof_check(&net.key, net.ids[i], &agree, NULL), 0);
		assert_int_equal(ap_proof_check(&net.key, net.ids[i], &agree, now),
				 final ? 0 : AGREE_ENONCE);
	}
}

static void paths_fit_index_and_count(void **state)
{
	ap_agree agree;

	(void)state;
	batch_make(7);
	agree = record(3);
	agree.proof.path.count--;
	assert_int_equal(ap_proof_check(&net.key, net.ids[3], &agree, NULL), AGREE_EPROOF);
	agree.proof.path.count += 2;
	assert_int_equal(ap_proof_check(&net.key, net.ids[3], &agree, NULL), AGREE_EPROOF);
	agree = record(3);
	agree.proof.count = 8;
	assert_int_equal(ap_proof_check(&net.key, net.ids[3], &agree, NULL), AGREE_ESIGNATURE);
	agree.proof.count = 3;
	assert_string_equal(ap_agree_check(&agree, net.ids[3]), "leaf index beyond the leaf count");
	agree.proof.count = 0;
	assert_string_equal(ap_agree_check(&agree, net.ids[3]), "no batch has so many leaves");
	agree.proof.count = LEAVES_MAX + 1;
	assert_string_equal(ap_agree_check(&agree, net.ids[3]), "no batch has so many leaves");
}

/* A faulty quorum could sign these, a correct one never does. */
static void records_that_contradict_themselves_are_no_proof(void **state)
{
	ap_agree agree;

	(void)state;
	batch_make(4);
	agree = record(0);
	agree.proof.sequence = 39;
	assert_string_equal(ap_agree_check(&agree, net.ids[0]), "signed before it was decided");
	assert_int_equal(ap_proof_check(&net.key, net.ids[0], &agree, NULL), AGREE_EPROOF);
	agree.proof.sequence = 0;
	assert_string_equal(ap_agree_check(&agree, net.ids[0]), "no sequence in the proof");
	agree = record(0);
	agree.proof.time = agree.outcome.time - 1;
	assert_string_equal(ap_agree_check(&agree, net.ids[0]), "signed before it was decided");
	for (size_t i = 1; i < 3; i++) {
		agree = record(i);
		agree.proof.sequence++;
		assert_string_equal(ap_agree_check(&agree, net.ids[i]),
				    "not final, but of another batch");
		agree = record(i);
		agree.proof.time++;
		assert_string_equal(ap_agree_check(&agree, net.ids[i]),
				    "not final, but of another batch");
	}
	agree = record(3);
	agree.proof.time = 999;
	assert_string_equal(ap_agree_check(&agree, net.ids[3]), "aborted before the deadline");
	agree.outcome = (ap_outcome){.version = 1, .status = AP_STATUS_FORGOTTEN};
	assert_string_equal(ap_agree_check(&agree, net.ids[3]), "forgotten before the deadline");
	agree.proof.time = 1000;
	assert_null(ap_agree_check(&agree, net.ids[3]));
	agree.outcome.version = 9;
	assert_string_equal(ap_agree_check(&agree, net.ids[3]), "unknown version");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_leaf_of_a_batch_is_proven),
		cmocka_unit_test(any_flipped_bit_is_found),
		cmocka_unit_test(cut_and_long_records_do_not_decode),
		cmocka_unit_test(another_network_did_not_sign_it),
		cmocka_unit_test(a_signature_has_one_encoding),
		cmocka_unit_test(an_old_answer_that_is_not_final_is_found),
		cmocka_unit_test(paths_fit_index_and_count),
		cmocka_unit_test(records_that_contradict_themselves_are_no_proof),
	};

	return cmocka_run_group_tests_name("proof", tests, setup, teardown);
}
