/* aggregate.c: the part of signing that needs no secret: statements, lists, signatures, culprits.
 */
#include <string.h>

#include "daemon/frost/inner.h"

int frost_list_check(const struct frost_list *list, const struct frost_group *group)
{
	if (list->epoch != group->epoch)
		return FROST_ELISTEPOCH;
	if (list->count != group->t)
		return FROST_ECOUNT;
	for (uint32_t i = 1; i < list->count; i++)
		if (list->entry[i].id <= list->entry[i - 1].id)
			return FROST_EORDER;
	for (uint32_t i = 0; i < list->count; i++)
		if (frost_group_find(group, list->entry[i].id) < 0)
			return FROST_EFOREIGN;
	return 0;
}

int frost_statement_octets(uint8_t out[AP_STATEMENT_MAX], size_t *size, enum frost_kind kind,
			   const struct ap_statement *statement)
{
	switch (kind) {
	case FROST_BATCH:
		*size = ap_statement_batch_put(out, statement);
		return 0;
	case FROST_TRIAL:
		*size = ap_statement_trial_put(out, statement);
		return 0;
	}
	return FROST_EKIND;
}

int frost_session_make(struct frost_session *s, const struct frost_group *group,
		       enum frost_kind kind, const struct ap_statement *statement,
		       const struct frost_list *list)
{
	uint8_t message[AP_STATEMENT_MAX];
	size_t size;
	int rc;

	memset(s, 0, sizeof(*s));
	rc = frost_statement_octets(message, &size, kind, statement);
	if (rc < 0)
		return rc;
	if (statement->epoch != group->epoch)
		return FROST_EEPOCH;
	rc = frost_list_check(list, group);
	if (rc < 0)
		return rc;
	rc = frost_session_begin(s, group->key, message, size, list);
	if (rc < 0)
		return rc;
	return frost_session_end(s, list, 0, -1, NULL);
}

/* The prepared key and libsodium give the same verdicts. */
static bool is_signed(const struct frost *f, const uint8_t key[32], const uint8_t signature[64],
		      const uint8_t *message, size_t size)
{
	if (f != NULL && f->ready && memcmp(f->memory->group.octets, key, 32) == 0)
		return curve_verify(&f->memory->group, signature, message, size);
	return crypto_sign_verify_detached(signature, message, size, key) == 0;
}

int frost_aggregate(const struct frost *f, struct frost_session *s,
		    const struct frost_shares *shares, uint8_t signature[64])
{
	uint8_t sum[32] = {0};

	s->culprit = 0;
	for (uint32_t i = 0; i < s->count; i++) {
		if (!frost_scalar_is_canonical(shares->z[i])) {
			s->culprit = s->id[i];
			return FROST_ESCALAR;
		}
		frost_scalar_add(sum, sum, shares->z[i]);
	}
	memcpy(signature, s->nonce, 32);
	memcpy(signature + 32, sum, 32);
	return is_signed(f, s->key, signature, s->message, s->size) ? 0 : FROST_ESIGNATURE;
}

/* [z]B == C + [c lambda]Y */
static int share_equation(const struct frost_session *s, uint32_t index, const uint8_t Y[32],
			  const uint8_t z[32])
{
	uint8_t lambda[32], left[32], right[32];
	int rc = frost_lambda(lambda, s->id[index], s->id, s->count);

	if (rc < 0)
		return rc;
	frost_scalar_mul(lambda, lambda, s->challenge);
	frost_point_base(left, z);
	rc = frost_point_mult(right, lambda, Y);
	if (rc == 0)
		rc = frost_point_add(right, right, s->term[index]);
	if (rc < 0)
		return rc;
	return memcmp(left, right, 32) == 0 ? 0 : FROST_ESHARE;
}

int frost_share_check(struct frost_session *s, const struct frost_group *group, uint32_t index,
		      const uint8_t z[32])
{
	int member, rc = FROST_ESCALAR;

	s->culprit = 0;
	if (index >= s->count)
		return FROST_ELIMIT;
	member = frost_group_find(group, s->id[index]);
	if (member < 0)
		return FROST_EMEMBER;
	if (frost_scalar_is_canonical(z))
		rc = share_equation(s, index, group->verifier[member], z);
	if (rc < 0)
		s->culprit = s->id[index];
	return rc;
}

uint32_t frost_culprits(struct frost_session *s, const struct frost_group *group,
			const struct frost_shares *shares)
{
	uint32_t bad = 0;

	for (uint32_t i = 0; i < s->count; i++)
		if (frost_share_check(s, group, i, shares->z[i]) < 0)
			bad |= UINT32_C(1) << i;
	return bad;
}

static int verify(const struct frost *f, const uint8_t key[32], enum frost_kind kind,
		  const struct ap_statement *statement, const uint8_t signature[64])
{
	uint8_t message[AP_STATEMENT_MAX];
	size_t size;
	int rc = frost_statement_octets(message, &size, kind, statement);

	if (rc < 0)
		return rc;
	return is_signed(f, key, signature, message, size) ? 0 : FROST_ESIGNATURE;
}

int frost_verify(const uint8_t key[32], enum frost_kind kind, const struct ap_statement *statement,
		 const uint8_t signature[64])
{
	return verify(NULL, key, kind, statement, signature);
}

int frost_verify_own(const struct frost *f, enum frost_kind kind,
		     const struct ap_statement *statement, const uint8_t signature[64])
{
	if (!f->ready)
		return FROST_ENOKEY;
	return verify(f, f->key.group.key, kind, statement, signature);
}
