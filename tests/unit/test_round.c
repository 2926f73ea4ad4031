/* test_round.c: the formulas of a signing round against the vectors, value by value; signatures
 * also by OpenSSL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/frost/errors.h"
#include "daemon/frost/frost.h"
#include "daemon/frost/round.h"
#include "tests/lib/testkeys.h"
#include "tests/lib/vectors.h"

#define SIGNERS_MAX 3

static struct vectors vectors;

/* One vector, wherever it stands. */
struct round {
	uint32_t count;
	uint8_t key[32];    /* PK */
	uint8_t secret[32]; /* of the group */
	uint8_t coefficient[32];
	uint8_t message[64];
	size_t size;
	uint8_t share[SIGNERS_MAX][32];
	uint8_t hiding_random[SIGNERS_MAX][32];
	uint8_t binding_random[SIGNERS_MAX][32];
	struct frost_nonce nonce[SIGNERS_MAX];
	struct frost_list list;
	uint8_t input[SIGNERS_MAX][192]; /* of the binding factor */
	uint8_t factor[SIGNERS_MAX][32];
	uint8_t z[SIGNERS_MAX][32];
	uint8_t signature[64];
};

static void json(unsigned section, const char *format, unsigned index, uint8_t *out, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "%s[%u].%s",
		 strncmp(format, "sig", 3) == 0 ? "round_two_outputs.outputs"
						: "round_one_outputs.outputs",
		 index, format);
	assert_int_equal(vectors_json(&vectors, section, path, out, size), size);
}

/* The share of an identifier, which the file lists for more members than sign. */
static void json_share(unsigned section, uint16_t id, uint8_t out[32])
{
	char path[128];

	for (unsigned i = 0;; i++) {
		snprintf(path, sizeof(path), "inputs.participant_shares[%u].identifier", i);
		if (vectors_json_number(&vectors, section, path) != id)
			continue;
		snprintf(path, sizeof(path), "inputs.participant_shares[%u].participant_share", i);
		assert_int_equal(vectors_json(&vectors, section, path, out, 32), 32);
		return;
	}
}

static void json_signer(unsigned section, struct round *r, unsigned i)
{
	struct frost_commitment *c = &r->list.entry[i];
	char path[128];

	snprintf(path, sizeof(path), "inputs.participant_list[%u]", i);
	c->id = (uint16_t)vectors_json_number(&vectors, section, path);
	json_share(section, c->id, r->share[i]);
	json(section, "hiding_nonce_randomness", i, r->hiding_random[i], 32);
	json(section, "binding_nonce_randomness", i, r->binding_random[i], 32);
	json(section, "hiding_nonce", i, r->nonce[i].hiding, 32);
	json(section, "binding_nonce", i, r->nonce[i].binding, 32);
	json(section, "hiding_nonce_commitment", i, c->hiding, 32);
	json(section, "binding_nonce_commitment", i, c->binding, 32);
	json(section, "binding_factor_input", i, r->input[i], 192);
	json(section, "binding_factor", i, r->factor[i], 32);
	json(section, "sig_share", i, r->z[i], 32);
}

/* Sections 2 to 4; 2 is written by others and names the key otherwise. */
static void round_from_json(unsigned section, struct round *r)
{
	memset(r, 0, sizeof(*r));
	r->count = r->list.count =
		(uint32_t)vectors_json_number(&vectors, section, "config.NUM_PARTICIPANTS");
	assert_in_range(r->count, 2, SIGNERS_MAX);
	vectors_json(&vectors, section,
		     section == 2 ? "inputs.group_public_key" : "inputs.verifying_key_key", r->key,
		     32);
	vectors_json(&vectors, section, "inputs.group_secret_key", r->secret, 32);
	vectors_json(&vectors, section, "inputs.share_polynomial_coefficients[0]", r->coefficient,
		     32);
	r->size = vectors_json(&vectors, section, "inputs.message", r->message, sizeof(r->message));
	for (unsigned i = 0; i < r->count; i++)
		json_signer(section, r, i);
	assert_int_equal(vectors_json(&vectors, section, "final_output.sig", r->signature, 64), 64);
}

static void text(const char *who, const char *what, uint8_t *out, size_t size)
{
	char key[64];

	snprintf(key, sizeof(key), "%s%s", who, what);
	assert_int_equal(vectors_text(&vectors, 1, key, out, size), size);
}

/* Section 1: the text of the RFC. */
static void round_from_text(struct round *r)
{
	static const char *const who[] = {"P1 ", "P3 "};

	memset(r, 0, sizeof(*r));
	r->count = r->list.count = 2;
	text("", "group_public_key", r->key, 32);
	text("", "group_secret_key", r->secret, 32);
	text("", "share_polynomial_coefficients[1]", r->coefficient, 32);
	r->size = 4;
	text("", "message", r->message, r->size);
	text("", "sig", r->signature, 64);
	for (unsigned i = 0; i < 2; i++) {
		struct frost_commitment *c = &r->list.entry[i];

		c->id = (uint16_t)(2 * i + 1);
		text(who[i], "participant_share", r->share[i], 32);
		text(who[i], "hiding_nonce_randomness", r->hiding_random[i], 32);
		text(who[i], "binding_nonce_randomness", r->binding_random[i], 32);
		text(who[i], "hiding_nonce", r->nonce[i].hiding, 32);
		text(who[i], "binding_nonce", r->nonce[i].binding, 32);
		text(who[i], "hiding_nonce_commitment", c->hiding, 32);
		text(who[i], "binding_nonce_commitment", c->binding, 32);
		text(who[i], "binding_factor_input", r->input[i], 192);
		text(who[i], "binding_factor", r->factor[i], 32);
		text(who[i], "sig_share", r->z[i], 32);
	}
}

static void key_and_shares_follow_from_the_polynomial(const struct round *r)
{
	uint8_t x[32], p[32];

	frost_point_base(p, r->secret);
	assert_memory_equal(p, r->key, 32);
	for (uint32_t i = 0; i < r->count; i++) {
		frost_scalar_set(x, r->list.entry[i].id);
		frost_scalar_mul(x, x, r->coefficient);
		frost_scalar_add(x, x, r->secret);
		assert_memory_equal(x, r->share[i], 32);
	}
}

static void nonces_and_commitments_follow_from_the_random_octets(const struct round *r)
{
	uint8_t x[32], p[32];

	for (uint32_t i = 0; i < r->count; i++) {
		frost_nonce_derive(x, r->hiding_random[i], r->share[i]);
		assert_memory_equal(x, r->nonce[i].hiding, 32);
		frost_point_base(p, x);
		assert_memory_equal(p, r->list.entry[i].hiding, 32);
		frost_nonce_derive(x, r->binding_random[i], r->share[i]);
		assert_memory_equal(x, r->nonce[i].binding, 32);
		frost_point_base(p, x);
		assert_memory_equal(p, r->list.entry[i].binding, 32);
	}
}

/* As the signer at `own` sees it, or as somebody outside the set (-1). */
static void session_of(struct frost_session *s, const struct round *r, int own)
{
	struct frost_hash h;
	uint8_t x[32];

	assert_int_equal(frost_session_begin(s, r->key, r->message, r->size, &r->list), 0);
	for (uint32_t i = 0; i < r->count; i++) {
		frost_hash_begin(&h, FROST_H1);
		frost_hash_add(&h, r->input[i], 192);
		frost_hash_scalar(&h, x);
		assert_memory_equal(x, r->factor[i], 32);
		assert_memory_equal(s->factor[i], r->factor[i], 32);
	}
	assert_int_equal(frost_session_end(s, &r->list, 0, own, own < 0 ? NULL : &r->nonce[own]),
			 0);
	assert_memory_equal(s->nonce, r->signature, 32);
}

static void shares_and_signature_are_the_vectors(const struct round *r)
{
	struct frost_session s;
	uint16_t ids[FROST_THRESHOLD_MAX];
	struct frost_shares shares;
	uint8_t lambda[32], signature[64];

	for (uint32_t i = 0; i < r->count; i++)
		ids[i] = r->list.entry[i].id;
	for (uint32_t i = 0; i < r->count; i++) {
		session_of(&s, r, (int)i);
		assert_int_equal(frost_lambda(lambda, ids[i], ids, r->count), 0);
		frost_session_share(shares.z[i], &s, i, &r->nonce[i], lambda, r->share[i]);
		assert_memory_equal(shares.z[i], r->z[i], 32);
	}
	session_of(&s, r, -1);
	assert_int_equal(frost_aggregate(NULL, &s, &shares, signature), 0);
	assert_memory_equal(signature, r->signature, 64);
	assert_true(testkeys_openssl_verify(r->key, r->message, r->size, signature));
	signature[40] ^= 1;
	assert_false(testkeys_openssl_verify(r->key, r->message, r->size, signature));
}

static void all_of(const struct round *r)
{
	key_and_shares_follow_from_the_polynomial(r);
	nonces_and_commitments_follow_from_the_random_octets(r);
	shares_and_signature_are_the_vectors(r);
}

static void vector_1_text_of_the_rfc(void **state)
{
	struct round r, same;

	(void)state;
	round_from_text(&r);
	all_of(&r);
	round_from_json(2, &same);
	assert_memory_equal(&r, &same, sizeof(r));
}

static void vector_2_of_the_rfc(void **state)
{
	struct round r;

	(void)state;
	round_from_json(2, &r);
	all_of(&r);
}

static void vector_3_other_nonces(void **state)
{
	struct round r;

	(void)state;
	round_from_json(3, &r);
	all_of(&r);
}

static void vector_4_big_identifiers_and_three_signers(void **state)
{
	struct round r;

	(void)state;
	round_from_json(4, &r);
	assert_int_equal(r.count, 3);
	assert_int_equal(r.list.entry[2].id, 257);
	all_of(&r);
}

/* ---- lambda ---- */

static void lambda_of_a_line_through_1_and_3(void **state)
{
	static const uint16_t ids[] = {1, 3};
	uint8_t x[32], y[32], two[32];

	(void)state;
	frost_scalar_set(two, 2);
	assert_int_equal(frost_lambda(x, 1, ids, 2), 0); /* 3/2 */
	frost_scalar_mul(x, x, two);
	frost_scalar_set(y, 3);
	assert_memory_equal(x, y, 32);
	assert_int_equal(frost_lambda(x, 3, ids, 2), 0); /* -1/2 */
	frost_scalar_mul(x, x, two);
	frost_scalar_set(y, 1);
	frost_scalar_add(x, x, y);
	assert_true(frost_scalar_is_zero(x));
}

static void lambda_of_one_alone_is_one(void **state)
{
	static const uint16_t ids[] = {7};
	uint8_t x[32], one[32];

	(void)state;
	frost_scalar_set(one, 1);
	assert_int_equal(frost_lambda(x, 7, ids, 1), 0);
	assert_memory_equal(x, one, 32);
}

static void lambda_refuses_what_is_no_set(void **state)
{
	static const struct {
		uint16_t ids[FROST_THRESHOLD_MAX + 1];
		uint32_t count;
		uint16_t id;
		int rc;
	} rows[] = {
		{{1, 2}, 0, 1, FROST_ELIMIT},  {{1, 2, 3, 4, 5, 6}, 6, 1, FROST_ELIMIT},
		{{2, 1}, 2, 1, FROST_EORDER},  {{1, 1}, 2, 1, FROST_EORDER},
		{{0, 1}, 2, 1, FROST_EMEMBER}, {{1, 2}, 2, 3, FROST_EMEMBER},
	};
	uint8_t x[32];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(frost_lambda(x, rows[i].id, rows[i].ids, rows[i].count),
				 rows[i].rc);
}

/* ---- sessions at their edges ---- */

static void a_session_bounds_its_message_and_list(void **state)
{
	static const uint8_t message[FROST_MESSAGE_MAX + 1];
	struct frost_session s;
	struct round r;

	(void)state;
	round_from_json(2, &r);
	assert_int_equal(frost_session_begin(&s, r.key, message, 0, &r.list), FROST_ELIMIT);
	assert_int_equal(frost_session_begin(&s, r.key, message, sizeof(message), &r.list),
			 FROST_ELIMIT);
	assert_int_equal(frost_session_begin(&s, r.key, message, FROST_MESSAGE_MAX, &r.list), 0);
	r.list.count = FROST_THRESHOLD_MAX + 1;
	assert_int_equal(frost_session_begin(&s, r.key, message, 1, &r.list), FROST_ELIMIT);
	r.list.count = 0;
	assert_int_equal(frost_session_begin(&s, r.key, message, 1, &r.list), FROST_ELIMIT);
}

static void binding_factors_depend_on_message_list_key_and_member(void **state)
{
	struct frost_session s, other;
	struct round r;

	(void)state;
	round_from_json(2, &r);
	assert_int_equal(frost_session_begin(&s, r.key, r.message, r.size, &r.list), 0);
	assert_memory_not_equal(s.factor[0], s.factor[1], 32);
	r.message[0] ^= 1;
	assert_int_equal(frost_session_begin(&other, r.key, r.message, r.size, &r.list), 0);
	assert_memory_not_equal(s.factor[0], other.factor[0], 32);
	r.message[0] ^= 1;
	r.list.entry[1].binding[0] ^= 1; /* a peer's */
	assert_int_equal(frost_session_begin(&other, r.key, r.message, r.size, &r.list), 0);
	assert_memory_not_equal(s.factor[0], other.factor[0], 32);
	r.list.entry[1].binding[0] ^= 1;
	r.key[0] ^= 1;
	assert_int_equal(frost_session_begin(&other, r.key, r.message, r.size, &r.list), 0);
	assert_memory_not_equal(s.factor[0], other.factor[0], 32);
}

static void a_sum_that_is_the_identity_is_refused(void **state)
{
	uint8_t zero[32] = {0}, k[32];
	struct frost_nonce nonce;
	struct frost_session s;
	struct round r;

	(void)state;
	round_from_json(2, &r);
	r.list.count = 1;
	assert_int_equal(frost_session_begin(&s, r.key, r.message, r.size, &r.list), 0);
	/* d = -e rho, so that d + e rho is zero */
	frost_scalar_set(k, 77);
	memcpy(nonce.binding, k, 32);
	frost_scalar_mul(k, k, s.factor[0]);
	frost_scalar_sub(nonce.hiding, zero, k);
	assert_int_equal(frost_session_end(&s, &r.list, 0, 0, &nonce), FROST_EIDENTITY);
}

static int setup(void **state)
{
	(void)state;
	vectors_open(&vectors, "frost_ed25519_sha512.txt");
	return frost_canary();
}

static int teardown(void **state)
{
	(void)state;
	vectors_close(&vectors);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vector_1_text_of_the_rfc),
		cmocka_unit_test(vector_2_of_the_rfc),
		cmocka_unit_test(vector_3_other_nonces),
		cmocka_unit_test(vector_4_big_identifiers_and_three_signers),
		cmocka_unit_test(lambda_of_a_line_through_1_and_3),
		cmocka_unit_test(lambda_of_one_alone_is_one),
		cmocka_unit_test(lambda_refuses_what_is_no_set),
		cmocka_unit_test(a_session_bounds_its_message_and_list),
		cmocka_unit_test(binding_factors_depend_on_message_list_key_and_member),
		cmocka_unit_test(a_sum_that_is_the_identity_is_refused),
	};

	return cmocka_run_group_tests_name("round", tests, setup, teardown);
}
