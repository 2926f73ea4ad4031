#include "config.h"

#include "resolver/ctx.h"

#include <stdlib.h>
#include <string.h>

#include "libproto/crypto.h"
#include "libproto/ticket.h"

struct agree_terms {
	uint8_t label[AP_LABEL_MAX];
	size_t label_len;
	uint64_t deadline_s;
	uint64_t period_s, now_s; /* 0: no period */
	bool fresh;
	uint8_t value[AP_VALUE_MAX];
	size_t value_len;
	bool has_value;
	ap_optkey parties[AP_PARTIES_MAX];
	uint8_t n_parties;
	unsigned k; /* 0: all of them */
	uint8_t secret[STUB_GROUP_MAX];
	size_t secret_len;
};

int agree_terms_new(agree_terms **terms)
{
	if (terms == NULL)
		return AGREE_EUSAGE;
	*terms = calloc(1, sizeof(**terms));
	return *terms != NULL ? 0 : AGREE_ENOMEM;
}

void agree_terms_free(agree_terms *terms)
{
	if (terms == NULL)
		return;
	ap_wipe(terms->secret, sizeof(terms->secret));
	free(terms);
}

int agree_terms_label(agree_terms *terms, const void *label, size_t len)
{
	if (terms == NULL || (label == NULL && len > 0))
		return AGREE_EUSAGE;
	if (len == 0 || len > sizeof(terms->label))
		return AGREE_ELABEL;
	memcpy(terms->label, label, len);
	terms->label_len = len;
	return 0;
}

int agree_terms_deadline(agree_terms *terms, unsigned long long seconds)
{
	if (terms == NULL)
		return AGREE_EUSAGE;
	if (seconds == 0 || seconds > AP_DEADLINE_MAX)
		return AGREE_ETIME;
	terms->deadline_s = seconds;
	terms->period_s = 0;
	return 0;
}

int agree_terms_fresh(agree_terms *terms)
{
	if (terms == NULL)
		return AGREE_EUSAGE;
	terms->fresh = true;
	return 0;
}

int agree_terms_party(agree_terms *terms, const unsigned char key[AGREE_KEY_LEN])
{
	ap_optkey *party;

	if (terms == NULL)
		return AGREE_EUSAGE;
	if (terms->n_parties == AP_PARTIES_MAX)
		return AGREE_EPARTIES;
	party = &terms->parties[terms->n_parties];
	memset(party, 0, sizeof(*party));
	if (key != NULL) {
		/* draft {#descriptor}: whoever composes a descriptor must not enter one that
		 * replicas refuse votes under */
		if (!ap_key_is_usable(key))
			return AGREE_EKEY;
		for (size_t i = 0; i < terms->n_parties; i++)
			if (terms->parties[i].present &&
			    memcmp(terms->parties[i].it.octets, key, AGREE_KEY_LEN) == 0)
				return AGREE_EPARTIES;
		party->present = true;
		memcpy(party->it.octets, key, AGREE_KEY_LEN);
	}
	terms->n_parties++;
	return 0;
}

int agree_terms_k(agree_terms *terms, unsigned k)
{
	if (terms == NULL)
		return AGREE_EUSAGE;
	if (k == 0 || k > AP_PARTIES_MAX)
		return AGREE_EK;
	terms->k = k;
	return 0;
}

int agree_terms_value(agree_terms *terms, const void *value, size_t len)
{
	if (terms == NULL || (value == NULL && len > 0))
		return AGREE_EUSAGE;
	if (len > sizeof(terms->value))
		return AGREE_EVALUE;
	if (len > 0)
		memcpy(terms->value, value, len);
	terms->value_len = len;
	terms->has_value = true;
	return 0;
}

int agree_terms_period(agree_terms *terms, unsigned long long period_s, unsigned long long now_s,
		       const void *secret, size_t len)
{
	if (terms == NULL || (secret == NULL && len > 0))
		return AGREE_EUSAGE;
	if (period_s < AP_PERIOD_MIN_S || period_s > AP_PERIOD_MAX_S)
		return AGREE_EPERIOD;
	if (now_s > AP_DEADLINE_MAX)
		return AGREE_ETIME;
	if (secret != NULL && (len < STUB_GROUP_MIN || len > STUB_GROUP_MAX))
		return AGREE_EGROUP;
	ap_wipe(terms->secret, sizeof(terms->secret));
	if (secret != NULL)
		memcpy(terms->secret, secret, len);
	terms->secret_len = secret != NULL ? len : 0;
	terms->period_s = period_s;
	terms->now_s = now_s;
	return 0;
}

/* ---- all of it ---- */

static int times_fill(const struct agree_terms *terms, const uint8_t network[32],
		      ap_descriptor *descriptor)
{
	const ap_bytes label = {terms->label, terms->label_len};

	if (terms->period_s == 0)
		return ap_ticket_open(descriptor, label, terms->deadline_s);
	return ap_ticket_recurring(descriptor, network, label, terms->period_s, terms->now_s,
				   (ap_bytes){terms->secret, terms->secret_len});
}

/* Their locks are zero, which stands for missing ones. */
static int parties_fill(const struct agree_terms *terms, ap_descriptor *descriptor)
{
	ap_terms *t = &descriptor->terms;

	if (terms->k > terms->n_parties && (terms->n_parties > 0 || terms->k != 1))
		return AGREE_EK;
	t->n_parties = terms->n_parties;
	for (size_t i = 0; i < terms->n_parties; i++)
		t->parties[i].key = terms->parties[i];
	if (terms->n_parties > 0)
		t->k = (uint8_t)(terms->k > 0 ? terms->k : terms->n_parties);
	t->fixed.present = terms->has_value;
	if (terms->has_value)
		t->fixed.it = (ap_value){terms->value, terms->value_len};
	descriptor->n_locks = (uint8_t)ap_terms_hash_parties(t);
	return descriptor->n_locks > 0 && !terms->has_value ? AGREE_ENOVALUE : 0;
}

int stub_terms_fill(const struct agree_terms *terms, const uint8_t network[32],
		    ap_descriptor *descriptor)
{
	int err;

	/* the group's salt is for open terms: draft {#period} */
	if (terms->secret_len > 0 && terms->period_s > 0 &&
	    (terms->n_parties > 0 || terms->has_value || terms->fresh))
		return AGREE_EUSAGE;
	err = times_fill(terms, network, descriptor);
	if (err == 0)
		err = parties_fill(terms, descriptor);
	if (err == 0 && terms->fresh && ap_random(descriptor->terms.salt.octets, 16) != 0)
		err = AGREE_EINTERNAL;
	if (err == 0 && ap_descriptor_check_draft(descriptor) != NULL)
		err = AGREE_EBADTERMS;
	return err;
}
