#include "config.h"

#include "daemon/evidence.h"

#include <sodium.h>
#include <string.h>

#include "daemon/frost/frost.h"
#include "daemon/verify.h"

void evidence_statement(ap_half *out, bool trial, const struct ap_statement *statement)
{
	uint8_t text[AP_STATEMENT_MAX], digest[64];
	size_t n = trial ? ap_statement_trial_put(text, statement)
			 : ap_statement_batch_put(text, statement);

	crypto_hash_sha512(digest, text, n);
	memcpy(out->octets, digest, sizeof(out->octets));
}

static void group_of(struct frost_group *group, const struct machine_case *about)
{
	memset(group, 0, sizeof(*group));
	group->epoch = about->key->epoch;
	group->n = about->n;
	group->t = (about->n - 1u) / 3 + 1;
	memcpy(group->key, about->key->pk, 32);
	for (uint8_t i = 0; i < about->n; i++) {
		group->id[i] = (uint16_t)(i + 1);
		memcpy(group->verifier[i], about->key->y[i], 32);
	}
}

/* Index of the share's sender in the list, or -1. */
static int list_of(struct frost_list *list, const struct machine_case *about, uint8_t sender)
{
	int own = -1;

	memset(list, 0, sizeof(*list));
	list->epoch = about->key->epoch;
	for (uint8_t id = 1; id <= about->n && list->count < FROST_THRESHOLD_MAX; id++) {
		struct frost_commitment *entry = &list->entry[list->count];
		const ap_commitment *pair = &about->pairs[list->count];

		if ((about->members >> (id - 1) & 1) == 0)
			continue;
		if (id == sender)
			own = (int)list->count;
		entry->id = id;
		memcpy(entry->hiding, pair->hiding.octets, 32);
		memcpy(entry->binding, pair->binding.octets, 32);
		list->count++;
	}
	return own;
}

/* It does not fit; what cannot be judged is no proof. */
static bool is_bad(const struct machine_case *about, const ap_share_body *share)
{
	struct frost_session session;
	struct frost_group group;
	struct frost_list list;
	int rc, own = list_of(&list, about, share->replica);

	group_of(&group, about);
	if (own < 0 ||
	    frost_session_make(&session, &group, about->trial ? FROST_TRIAL : FROST_BATCH,
			       about->statement, &list) != 0)
		return false;
	rc = frost_share_check(&session, &group, (uint32_t)own, share->z.octets);
	return rc == FROST_ESCALAR || rc == FROST_ESHARE;
}

int evidence_check(const uint8_t keys[][32], const struct machine_case *about,
		   const ap_share_body *share, const uint8_t sig[64])
{
	struct verifier v = {.n = about->n, .keys = keys};
	ap_share whole = {.share = *share};
	ap_half statement;

	memcpy(v.genesis, about->genesis, 32);
	memcpy(whole.sig.octets, sig, 64);
	evidence_statement(&statement, about->trial, about->statement);
	if (memcmp(statement.octets, share->statement.octets, sizeof(statement.octets)) != 0)
		return -1;
	return verify_share(&v, &whole) && is_bad(about, share) ? 0 : -1;
}
