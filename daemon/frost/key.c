/* key.c: what is known of an epoch's key, one member's share of it, and its file.
 *
 * File: magic "agreeshr" 8, version u32, epoch u32, n u32, t u32, id u16, n x (identifier u16, Y
 * 32), PK 32, share 32, checksum 32. */
#include <string.h>

#include "daemon/frost/inner.h"

#define MAGIC	 "agreeshr"
#define VERSION	 1
#define HEAD	 (8 + 4 + 4 + 4 + 4 + 2)
#define SIZE(n)	 (HEAD + (n)*34 + 32 + 32 + FROST_CHECKSUM)
#define SIZE_MIN SIZE(1)

_Static_assert(SIZE(FROST_MEMBERS_MAX) <= FROST_KEY_MAX, "FROST_KEY_MAX holds every key");

int frost_group_find(const struct frost_group *group, uint16_t id)
{
	for (uint32_t i = 0; i < group->n; i++)
		if (group->id[i] == id)
			return (int)i;
	return -1;
}

/* The polynomial through the first t verification shares has PK at 0. */
static int interpolation_check(const struct frost_group *group)
{
	uint8_t sum[32], lambda[32], term[32];
	int rc;

	frost_point_identity(sum);
	for (uint32_t i = 0; i < group->t; i++) {
		rc = frost_lambda(lambda, group->id[i], group->id, group->t);
		if (rc == 0)
			rc = frost_point_mult(term, lambda, group->verifier[i]);
		if (rc == 0)
			rc = frost_point_add(sum, sum, term);
		if (rc < 0)
			return rc;
	}
	return memcmp(sum, group->key, 32) == 0 ? 0 : FROST_EKEY;
}

int frost_group_check(const struct frost_group *group)
{
	if (group->n < 1 || group->n > FROST_MEMBERS_MAX || group->t < 1 ||
	    group->t > FROST_THRESHOLD_MAX || group->t > group->n)
		return FROST_ELIMIT;
	if (group->id[0] == 0)
		return FROST_EORDER;
	for (uint32_t i = 1; i < group->n; i++)
		if (group->id[i] <= group->id[i - 1])
			return FROST_EORDER;
	if (!frost_point_is_valid(group->key))
		return FROST_EPOINT;
	for (uint32_t i = 0; i < group->n; i++)
		if (!frost_point_is_valid(group->verifier[i]))
			return FROST_EPOINT;
	return interpolation_check(group);
}

int frost_key_check(const struct frost_key *key)
{
	uint8_t verifier[32];
	int index, rc = frost_group_check(&key->group);

	if (rc < 0)
		return rc;
	index = frost_group_find(&key->group, key->id);
	if (index < 0)
		return FROST_EMEMBER;
	if (!frost_scalar_is_canonical(key->share))
		return FROST_ESCALAR;
	frost_point_base(verifier, key->share);
	return memcmp(verifier, key->group.verifier[index], 32) == 0 ? 0 : FROST_EKEY;
}

void frost_key_wipe(struct frost_key *key)
{
	sodium_memzero(key, sizeof(*key));
}

size_t frost_key_put(uint8_t out[FROST_KEY_MAX], const struct frost_key *key)
{
	const struct frost_group *g = &key->group;
	uint8_t *at = frost_put_octets(out, (const uint8_t *)MAGIC, 8);

	at = frost_put_uint(at, VERSION, 4);
	at = frost_put_uint(at, g->epoch, 4);
	at = frost_put_uint(at, g->n, 4);
	at = frost_put_uint(at, g->t, 4);
	at = frost_put_uint(at, key->id, 2);
	for (uint32_t i = 0; i < g->n && i < FROST_MEMBERS_MAX; i++) {
		at = frost_put_uint(at, g->id[i], 2);
		at = frost_put_octets(at, g->verifier[i], 32);
	}
	at = frost_put_octets(at, g->key, 32);
	at = frost_put_octets(at, key->share, 32);
	at = frost_put_checksum(out, at);
	return (size_t)(at - out);
}

/* The fields of octets whose checksum is right; what they mean is checked by the caller. */
static int key_fields(struct frost_key *key, const uint8_t *at, size_t size)
{
	struct frost_group *g = &key->group;
	uint64_t epoch, n, t, id;

	at = frost_get_uint(at, &epoch, 4);
	at = frost_get_uint(at, &n, 4);
	at = frost_get_uint(at, &t, 4);
	at = frost_get_uint(at, &id, 2);
	if (n < 1 || n > FROST_MEMBERS_MAX)
		return FROST_ELIMIT;
	if (size != SIZE(n))
		return FROST_EFORMAT;
	g->epoch = (uint32_t)epoch;
	g->n = (uint32_t)n;
	g->t = (uint32_t)t;
	key->id = (uint16_t)id;
	for (uint32_t i = 0; i < g->n; i++) {
		at = frost_get_uint(at, &id, 2);
		at = frost_get_octets(at, g->verifier[i], 32);
		g->id[i] = (uint16_t)id;
	}
	at = frost_get_octets(at, g->key, 32);
	frost_get_octets(at, key->share, 32);
	return 0;
}

int frost_key_get(struct frost_key *key, const uint8_t *octets, size_t size)
{
	const uint8_t *at = octets + 8;
	uint64_t version;
	int rc;

	memset(key, 0, sizeof(*key));
	if (size < SIZE_MIN || size > FROST_KEY_MAX || memcmp(octets, MAGIC, 8) != 0)
		return FROST_EFORMAT;
	at = frost_get_uint(at, &version, 4);
	if (version != VERSION)
		return FROST_EVERSION;
	rc = frost_checksum_check(octets, size);
	if (rc == 0)
		rc = key_fields(key, at, size);
	if (rc == 0)
		rc = frost_key_check(key);
	if (rc < 0)
		frost_key_wipe(key);
	return rc;
}
