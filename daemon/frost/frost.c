/* frost.c: see frost.h. Signing goes in this order:
 *
 * 1. check statement and list: nothing is touched by what the log cannot have meant;
 * 2. check the own entry against the slot, and that no other statement was signed for (epoch, seq);
 * 3. remember the statement; copy the nonces, wipe the slot;
 * 4. compute the commitments' sum and the share;
 * 5. wipe the copies and the stack, whatever came out. */
#include "daemon/frost/frost.h"
#include "daemon/bug.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/frost/inner.h"
#include "daemon/frost/secret.h"

int frost_new(struct frost **out, const struct frost_random *random)
{
	struct frost *f;
	bool locked = false;
	int rc = frost_canary();

	*out = NULL;
	if (rc < 0)
		return rc;
	f = frost_secret_new(sizeof(*f), &locked);
	if (f == NULL)
		return FROST_EMEMORY;
	f->memory = aligned_alloc(_Alignof(struct frost_memory), sizeof(*f->memory));
	if (f->memory == NULL) {
		frost_secret_free(f, sizeof(*f));
		return FROST_EMEMORY;
	}
	memset(f->memory, 0, sizeof(*f->memory));
	f->locked = locked;
	f->random = random != NULL ? *random : frost_random_system;
	*out = f;
	return 0;
}

void frost_free(struct frost *f)
{
	if (f == NULL)
		return;
	free(f->memory);
	frost_secret_free(f, sizeof(*f));
}

bool frost_is_locked(const struct frost *f)
{
	return f->locked;
}

static void slots_wipe(struct frost *f)
{
	sodium_memzero(f->slot, sizeof(f->slot));
	if (f->memory != NULL)
		memset(f->memory->spent, 0, sizeof(f->memory->spent));
	f->next = 0;
}

void frost_wipe(struct frost *f)
{
	f->ready = false;
	slots_wipe(f);
	frost_key_wipe(&f->key);
}

static int load(struct frost *f, const struct frost_key *key, uint64_t boot)
{
	if (f->memory == NULL)
		return FROST_EMEMORY; /* a forked child */
	if (boot <= f->boot)
		return FROST_EBOOT;
	if (key->group.epoch < f->epoch_min)
		return FROST_EEPOCH;
	frost_wipe(f);
	memset(f->memory->set, 0, sizeof(f->memory->set)); /* of another identifier, perhaps */
	if (curve_key_init(&f->memory->group, key->group.key) != 0)
		return FROST_EKEY;
	f->key = *key;
	f->boot = boot;
	f->epoch_min = key->group.epoch;
	f->ready = true;
	return 0;
}

int frost_load(struct frost *f, const struct frost_key *key, uint64_t boot)
{
	int rc = frost_key_check(key);

	return rc < 0 ? rc : load(f, key, boot);
}

int frost_watch(struct frost *f, const struct frost_group *group, uint64_t boot)
{
	struct frost_key key = {.group = *group};
	int rc = frost_group_check(group);

	return rc < 0 ? rc : load(f, &key, boot);
}

int frost_reboot(struct frost *f, uint64_t boot)
{
	if (!f->ready)
		return FROST_ENOKEY;
	if (boot <= f->boot)
		return FROST_EBOOT;
	slots_wipe(f);
	f->boot = boot;
	return 0;
}

const struct frost_group *frost_public(const struct frost *f)
{
	return f->ready ? &f->key.group : NULL;
}

uint16_t frost_id(const struct frost *f)
{
	return f->ready ? f->key.id : 0;
}

uint64_t frost_boot(const struct frost *f)
{
	return f->ready ? f->boot : 0;
}

/* One nonce. The slot is hashed in, so that a generator that repeats itself after a snapshot does
 * not put one nonce into two slots. */
static void nonce_make(struct frost *f, uint8_t nonce[32], uint64_t ctr, uint8_t which)
{
	uint8_t seed[32], place[17];
	struct frost_hash h;

	frost_put_uint(frost_put_uint(frost_put_uint(place, f->boot, 8), ctr, 8), which, 1);
	do {
		f->random.fill(f->random.arg, seed, sizeof(seed));
		frost_hash_begin_plain(&h);
		frost_hash_add(&h, seed, sizeof(seed));
		frost_hash_add(&h, place, sizeof(place));
		frost_hash_half(&h, seed);
		frost_nonce_derive(nonce, seed, f->key.share);
	} while (frost_scalar_is_zero(nonce));
	sodium_memzero(seed, sizeof(seed));
}

static struct frost_slot *slot_at(struct frost *f, uint64_t ctr)
{
	return &f->slot[ctr % FROST_POOL_MAX];
}

static void slot_fill(struct frost *f, struct frost_slot *slot, uint64_t ctr)
{
	nonce_make(f, slot->nonce.hiding, ctr, 0);
	nonce_make(f, slot->nonce.binding, ctr, 1);
	frost_point_base(slot->hiding, slot->nonce.hiding);
	frost_point_base(slot->binding, slot->nonce.binding);
	slot->ctr = ctr;
	slot->fresh = true;
}

int frost_commit(struct frost *f, uint32_t count, struct frost_nonces *out)
{
	memset(out, 0, sizeof(*out));
	if (!f->ready || f->key.id == 0)
		return FROST_ENOKEY;
	if (count < 1 || count > FROST_COMMIT_MAX)
		return FROST_ELIMIT;
	if (count > frost_room(f))
		return FROST_EFULL;
	out->boot = f->boot;
	out->first = f->next;
	out->count = count;
	for (uint32_t i = 0; i < count; i++, f->next++) {
		struct frost_slot *slot = slot_at(f, f->next);

		slot_fill(f, slot, f->next);
		out->pair[i].id = f->key.id;
		memcpy(out->pair[i].hiding, slot->hiding, 32);
		memcpy(out->pair[i].binding, slot->binding, 32);
	}
	frost_stack_wipe();
	return 0;
}

uint32_t frost_held(const struct frost *f)
{
	uint32_t held = 0;

	for (uint32_t i = 0; i < FROST_POOL_MAX; i++)
		held += f->slot[i].fresh ? 1 : 0;
	return held;
}

uint32_t frost_room(const struct frost *f)
{
	uint32_t room = 0;

	if (!f->ready)
		return 0;
	while (room < FROST_POOL_MAX && !f->slot[(f->next + room) % FROST_POOL_MAX].fresh)
		room++;
	return room;
}

void frost_wipe_behind(struct frost *f, uint64_t ctr)
{
	for (uint32_t i = 0; i < FROST_POOL_MAX; i++)
		if (f->slot[i].fresh && f->slot[i].ctr < ctr)
			sodium_memzero(&f->slot[i], sizeof(f->slot[i]));
}

/* Where a point is remembered as checked: its octets are as good as random, and a clash costs one
 * more check. */
static uint8_t *checked_at(struct frost *f, const uint8_t point[32])
{
	return f->memory->checked[(point[0] | point[1] << 8) % FROST_CHECKED];
}

int frost_precheck(struct frost *f, const uint8_t hiding[32])
{
	if (!f->ready)
		return FROST_ENOKEY;
	if (!frost_point_is_valid(hiding))
		return FROST_EPOINT;
	memcpy(checked_at(f, hiding), hiding, 32);
	return 0;
}

static uint32_t checked_mask(struct frost *f, const struct frost_list *list)
{
	uint32_t mask = 0;

	for (uint32_t i = 0; i < list->count; i++)
		if (memcmp(checked_at(f, list->entry[i].hiding), list->entry[i].hiding, 32) == 0)
			mask |= UINT32_C(1) << i;
	return mask;
}

/* lambda of this member in the session's set, remembered: it depends on the identifiers only. */
static int set_lambda(struct frost *f, const struct frost_session *s, uint8_t lambda[32])
{
	uint32_t place = 0;
	struct frost_set *set;
	int rc;

	for (uint32_t i = 0; i < s->count; i++)
		place = place * 31 + s->id[i];
	set = &f->memory->set[place % FROST_SETS];
	if (set->count != s->count || memcmp(set->id, s->id, sizeof(set->id)) != 0) {
		set->count = 0;
		rc = frost_lambda(set->lambda, f->key.id, s->id, s->count);
		if (rc < 0)
			return rc;
		memcpy(set->id, s->id, sizeof(set->id));
		set->count = s->count;
	}
	memcpy(lambda, set->lambda, 32);
	return 0;
}

/* draft {#signing}: one statement for (epoch, seq). What has left the window is never signed again.
 */
static int statement_check(const struct frost_memory *memory, const struct ap_statement *statement,
			   const uint8_t hash[32])
{
	const struct frost_signed *place = &memory->window[statement->seq % FROST_WINDOW];

	if (!place->used || place->epoch != statement->epoch || place->seq < statement->seq)
		return 0;
	if (place->seq > statement->seq)
		return FROST_EWINDOW;
	return memcmp(place->hash, hash, 32) == 0 ? 0 : FROST_ESECOND;
}

static void statement_remember(struct frost_memory *memory, const struct ap_statement *statement,
			       const uint8_t hash[32])
{
	struct frost_signed *place = &memory->window[statement->seq % FROST_WINDOW];

	place->used = true;
	place->epoch = statement->epoch;
	place->seq = statement->seq;
	memcpy(place->hash, hash, 32);
}

/* The slot of (boot, ctr) holds what the list says that this member has published. */
static int slot_check(struct frost *f, uint64_t boot, uint64_t ctr,
		      const struct frost_commitment *own)
{
	const struct frost_slot *slot = slot_at(f, ctr);

	if (boot != f->boot || ctr >= f->next)
		return FROST_ENOSLOT;
	if (!slot->fresh || slot->ctr != ctr)
		return FROST_ESPENT;
	if (memcmp(slot->hiding, own->hiding, 32) != 0 ||
	    memcmp(slot->binding, own->binding, 32) != 0)
		return FROST_EMISMATCH;
	return 0;
}

/* Index of this member's entry, or why the list is refused. */
static int own_entry(const struct frost *f, const struct frost_list *list)
{
	int rc = frost_list_check(list, &f->key.group);

	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < list->count; i++)
		if (list->entry[i].id == f->key.id)
			return (int)i;
	return FROST_EABSENT;
}

/* Step 4. */
static int compute(struct frost *f, struct frost_session *s, const struct frost_list *list, int own,
		   const struct frost_nonce *nonce, uint8_t z[32])
{
	uint8_t lambda[32];
	int rc = frost_session_end(s, list, checked_mask(f, list), own, nonce);

	if (rc == 0)
		rc = set_lambda(f, s, lambda);
	if (rc == 0)
		frost_session_share(z, s, (uint32_t)own, nonce, lambda, f->key.share);
	return rc;
}

int frost_sign(struct frost *f, enum frost_kind kind, const struct ap_statement *statement,
	       const struct frost_list *list, uint64_t boot, uint64_t ctr, struct frost_session *s,
	       uint8_t z[32])
{
	uint8_t message[AP_STATEMENT_MAX];
	struct frost_nonce nonce;
	size_t size;
	int own, rc;

	memset(s, 0, sizeof(*s));
	memset(z, 0, 32);
	if (!f->ready || f->key.id == 0)
		return FROST_ENOKEY;
	rc = frost_statement_octets(message, &size, kind, statement);
	if (rc < 0)
		return rc;
	if (statement->epoch != f->key.group.epoch)
		return FROST_EEPOCH;
	own = own_entry(f, list);
	if (own < 0)
		return own;
	rc = slot_check(f, boot, ctr, &list->entry[own]);
	if (rc == 0)
		rc = frost_session_begin(s, f->key.group.key, message, size, list);
	if (rc == 0)
		rc = statement_check(f->memory, statement, s->digest);
	if (rc < 0)
		return rc;

	statement_remember(f->memory, statement, s->digest);
	FROST_ASSERT(f->memory->spent[ctr % FROST_POOL_MAX] <= ctr || BUG(42));
	f->memory->spent[ctr % FROST_POOL_MAX] = ctr + 1;
	nonce = slot_at(f, ctr)->nonce;
	if (!BUG(42))
		sodium_memzero(slot_at(f, ctr), sizeof(struct frost_slot));
	rc = compute(f, s, list, own, &nonce, z);
	sodium_memzero(&nonce, sizeof(nonce));
	frost_stack_wipe();
	return rc;
}
