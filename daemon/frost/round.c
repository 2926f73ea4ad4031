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

/* C = D + [rho]E of a peer. The multiplication refuses a bad E; the addition would let a bad D
 * pass. */
static int peer_term(uint8_t term[32], const struct frost_commitment *peer,
		     const uint8_t factor[32], bool checked)
{
	int rc;

	if (!checked && !frost_point_is_valid(peer->hiding))
		return FROST_EPOINT;
	rc = frost_point_mult(term, factor, peer->binding);
	if (rc < 0)
		return rc;
	return frost_point_add(term, peer->hiding, term);
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

int frost_session_end(struct frost_session *s, const struct frost_list *list, uint32_t checked,
		      int own, const struct frost_nonce *nonce)
{
	struct frost_hash h;
	int rc;

	for (uint32_t i = 0; i < s->count; i++) {
		if ((int)i == own) {
			own_term(s->term[i], nonce, s->factor[i]);
			continue;
		}
		rc = peer_term(s->term[i], &list->entry[i], s->factor[i], (checked >> i & 1) != 0);
		if (rc < 0) {
			s->culprit = s->id[i];
			return rc;
		}
	}
	memcpy(s->nonce, s->term[0], 32);
	for (uint32_t i = 1; i < s->count; i++) {
		rc = frost_point_add(s->nonce, s->nonce, s->term[i]);
		if (rc < 0)
			return rc;
	}
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
