/* round.c: see round.h */
#include "daemon/frost/round.h"

#include <string.h>

#include "daemon/frost/errors.h"

void frost_nonce_derive(uint8_t out[32], const uint8_t random[32], const uint8_t share[32])
{
	struct frost_hash h;

	frost_hash_begin(&h, FROST_H3);
	frost_hash_add(&h, random, 32);
	frost_hash_add(&h, share, 32);
	frost_hash_scalar(&h, out);
}

static int ids_check(const uint16_t *ids, uint32_t count)
{
	if (count < 1 || count > FROST_THRESHOLD_MAX)
		return FROST_ELIMIT;
	if (ids[0] == 0)
		return FROST_EMEMBER;
	for (uint32_t i = 1; i < count; i++)
		if (ids[i] <= ids[i - 1])
			return FROST_EORDER;
	return 0;
}

int frost_lambda(uint8_t out[32], uint16_t id, const uint16_t *ids, uint32_t count)
{
	uint8_t above[32], below[32], x[32], xj[32], difference[32];
	bool found = false;
	int rc = ids_check(ids, count);

	if (rc < 0)
		return rc;
	frost_scalar_set(above, 1);
	frost_scalar_set(below, 1);
	frost_scalar_set(x, id);
	for (uint32_t j = 0; j < count; j++) {
		if (ids[j] == id) {
			found = true;
			continue;
		}
		frost_scalar_set(xj, ids[j]);
		frost_scalar_sub(difference, xj, x);
		frost_scalar_mul(above, above, xj);
		frost_scalar_mul(below, below, difference);
	}
	if (!found)
		return FROST_EMEMBER;
	rc = frost_scalar_invert(below, below);
	if (rc < 0)
		return rc;
	frost_scalar_mul(out, above, below);
	return 0;
}

/* H5 over the encoded list. */
static void list_hash(const struct frost_list *list, uint8_t out[64])
{
	struct frost_hash h;

	frost_hash_begin(&h, FROST_H5);
	for (uint32_t i = 0; i < list->count; i++) {
		frost_hash_add_id(&h, list->entry[i].id);
		frost_hash_add(&h, list->entry[i].hiding, 32);
		frost_hash_add(&h, list->entry[i].binding, 32);
	}
	frost_hash_octets(&h, out);
}

int frost_session_begin(struct frost_session *s, const uint8_t key[32], const uint8_t *message,
			size_t size, const struct frost_list *list)
{
	uint8_t of_message[64], of_list[64];
	struct frost_hash h;
	int rc;

	memset(s, 0, sizeof(*s));
	if (size < 1 || size > FROST_MESSAGE_MAX || list->count > FROST_THRESHOLD_MAX)
		return FROST_ELIMIT;
	for (uint32_t i = 0; i < list->count; i++)
		s->id[i] = list->entry[i].id;
	rc = ids_check(s->id, list->count);
	if (rc < 0)
		return rc;
	s->count = list->count;
	s->size = (uint32_t)size;
	memcpy(s->key, key, 32);
	memcpy(s->message, message, size);

	frost_hash_begin_plain(&h);
	frost_hash_add(&h, message, size);
	frost_hash_half(&h, s->digest);
	frost_hash_begin(&h, FROST_H4);
	frost_hash_add(&h, message, size);
	frost_hash_octets(&h, of_message);
	list_hash(list, of_list);
	for (uint32_t i = 0; i < s->count; i++) {
		frost_hash_begin(&h, FROST_H1);
		frost_hash_add(&h, s->key, 32);
		frost_hash_add(&h, of_message, 64);
		frost_hash_add(&h, of_list, 64);
		frost_hash_add_id(&h, s->id[i]);
		frost_hash_scalar(&h, s->factor[i]);
	}
	return 0;
}

/* C = [d + e rho]B: the same point, a fifth of the time. */
static void own_term(uint8_t term[32], const struct frost_nonce *nonce, const uint8_t factor[32])
{
	uint8_t sum[32];

	frost_scalar_mul(sum, nonce->binding, factor);
	frost_scalar_add(sum, nonce->hiding, sum);
	frost_point_base(term, sum);
	sodium_memzero(sum, sizeof(sum));
}

_Static_assert(FROST_THRESHOLD_MAX <= CURVE_TERMS_MAX, "a signing is one sum");

/* Every C_i and R, which is their sum. Commitments, factors and our own C are public. */
static int terms_make(struct frost_session *s, const struct frost_list *list, int own,
		      const uint8_t own_point[32])
{
	struct curve_term terms[FROST_THRESHOLD_MAX];
	size_t bad = 0;
	int rc;

	for (uint32_t i = 0; i < s->count; i++) {
		const struct frost_commitment *entry = &list->entry[i];

		terms[i] = (struct curve_term){
			.point = entry->hiding, .other = entry->binding, .factor = s->factor[i]};
		if ((int)i == own)
			terms[i] = (struct curve_term){.point = own_point};
	}
	rc = frost_point_terms(s->nonce, terms, s->count, &bad);
	if (rc < 0) {
		s->culprit = s->id[bad];
		return rc;
	}
	for (uint32_t i = 0; i < s->count; i++)
		memcpy(s->term[i], terms[i].out, 32);
	return 0;
}

/* The terms take a D of any order, so that is looked at here. Whoever is named is to blame: a bad E
 * of another entry is not looked for any more. */
static int hiding_check(struct frost_session *s, const struct frost_list *list, uint32_t checked,
			int own)
{
	for (uint32_t i = 0; i < s->count; i++) {
		if ((int)i == own || (checked >> i & 1) != 0 ||
		    frost_point_is_valid(list->entry[i].hiding))
			continue;
		s->culprit = s->id[i];
		return FROST_EPOINT;
	}
	return 0;
}

int frost_session_end(struct frost_session *s, const struct frost_list *list, uint32_t checked,
		      int own, const struct frost_nonce *nonce)
{
	uint8_t own_point[32] = {0};
	struct frost_hash h;
	int rc = hiding_check(s, list, checked, own);

	if (rc < 0)
		return rc;
	if (own >= 0)
		own_term(own_point, nonce, s->factor[own]);
	rc = terms_make(s, list, own, own_point);
	if (rc < 0)
		return rc;
	if (frost_point_is_identity(s->nonce))
		return FROST_EIDENTITY;
	frost_hash_begin(&h, FROST_H2);
	frost_hash_add(&h, s->nonce, 32);
	frost_hash_add(&h, s->key, 32);
	frost_hash_add(&h, s->message, s->size);
	frost_hash_scalar(&h, s->challenge);
	return 0;
}

void frost_session_share(uint8_t z[32], const struct frost_session *s, uint32_t index,
			 const struct frost_nonce *nonce, const uint8_t lambda[32],
			 const uint8_t share[32])
{
	uint8_t blinded[32], keyed[32];

	frost_scalar_mul(blinded, nonce->binding, s->factor[index]);
	frost_scalar_add(blinded, nonce->hiding, blinded);
	frost_scalar_mul(keyed, lambda, s->challenge);
	frost_scalar_mul(keyed, keyed, share);
	frost_scalar_add(z, blinded, keyed);
	sodium_memzero(blinded, sizeof(blinded));
	sodium_memzero(keyed, sizeof(keyed));
}
