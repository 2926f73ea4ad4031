#include "config.h"

#include "resolver/ctx.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "libproto/outcome.h"
#include "libproto/proof.h"

_Static_assert((int)AGREE_PENDING == (int)AP_STATUS_PENDING &&
		       (int)AGREE_FORGOTTEN == (int)AP_STATUS_FORGOTTEN,
	       "the numbers on the wire");
_Static_assert((int)AGREE_REASON_DEADLINE == (int)AP_REASON_DEADLINE, "the numbers on the wire");
_Static_assert((int)AGREE_ID_LEN == (int)AP_ID_LEN, "an id");
_Static_assert((int)AGREE_VALUE_MAX == (int)AP_VALUE_MAX, "a value");
_Static_assert((int)AGREE_LABEL_MAX == (int)AP_LABEL_MAX, "a label");

struct agree_outcome {
	atomic_uint refs;
	ap_key network; /* under whose key it is proven */
	ap_id id;
	uint8_t value[AP_VALUE_MAX + 1]; /* with a NUL */
	char server[STUB_ADDRESS_TEXT];
	ap_agree agree; /* borrows from wire */
	size_t wire_len;
	uint8_t wire[AP_MAX_agree];
};

int stub_outcome_new(struct agree_outcome **out, const ap_key *network, const ap_id *id,
		     const void *record, size_t len, const struct stub_address *server)
{
	struct agree_outcome *o;
	struct ap_reader r;

	*out = NULL;
	if (len > AP_MAX_agree)
		return AGREE_ERECORD;
	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return AGREE_ENOMEM;
	atomic_init(&o->refs, 1);
	o->network = *network;
	o->id = *id;
	memcpy(o->wire, record, len);
	o->wire_len = len;
	if (server != NULL)
		stub_address_show(o->server, server);
	ap_reader_init(&r, o->wire, o->wire_len);
	ap_agree_get(&r, &o->agree);
	if (!ap_reader_done(&r)) {
		free(o);
		return AGREE_ERECORD;
	}
	if (o->agree.outcome.value.len > 0)
		memcpy(o->value, o->agree.outcome.value.data, o->agree.outcome.value.len);
	*out = o;
	return 0;
}

int agree_verify(const unsigned char key[AGREE_KEY_LEN], const unsigned char id[AGREE_ID_LEN],
		 const void *wire, size_t len, agree_outcome **outcome)
{
	ap_agree agree;
	ap_key the_key;
	ap_id the_id;
	int err;

	if (outcome == NULL)
		return AGREE_EUSAGE;
	*outcome = NULL;
	if (key == NULL || id == NULL || (wire == NULL && len > 0))
		return AGREE_EUSAGE;
	err = ap_proof_parse(&agree, key, id, (ap_bytes){wire, len}, NULL);
	if (err != 0)
		return err;
	memcpy(the_key.octets, key, sizeof(the_key.octets));
	memcpy(the_id.octets, id, sizeof(the_id.octets));
	return stub_outcome_new(outcome, &the_key, &the_id, wire, len, NULL);
}

int stub_outcome_of_ticket(const struct agree_outcome *outcome, const struct agree_ticket *ticket)
{
	const ap_outcome *o = &outcome->agree.outcome;

	if (memcmp(&outcome->id, &ticket->id, sizeof(ticket->id)) != 0 ||
	    memcmp(&outcome->network, &ticket->network, sizeof(ticket->network)) != 0)
		return AGREE_EINSTANCE;
	if (o->status == AP_STATUS_UNKNOWN || o->status == AP_STATUS_FORGOTTEN)
		return AGREE_EUSAGE;
	return memcmp(&o->terms, &ticket->terms, sizeof(ticket->terms)) == 0 ? 0 : AGREE_ETERMS;
}

agree_outcome *agree_outcome_ref(const agree_outcome *outcome)
{
	/* counting owners does not change the outcome */
	agree_outcome *o = (agree_outcome *)(uintptr_t)outcome;

	if (o != NULL)
		atomic_fetch_add(&o->refs, 1);
	return o;
}

void agree_outcome_free(agree_outcome *outcome)
{
	if (outcome != NULL && atomic_fetch_sub(&outcome->refs, 1) == 1)
		free(outcome);
}

/* ---- what it says ---- */

int agree_outcome_status(const agree_outcome *outcome)
{
	return outcome->agree.outcome.status;
}

int agree_outcome_reason(const agree_outcome *outcome)
{
	return outcome->agree.outcome.reason;
}

const char *agree_status_text(int status)
{
	return ap_status_name((unsigned)status);
}

const char *agree_reason_text(int reason)
{
	return ap_reason_name((unsigned)reason);
}

int agree_outcome_final(const agree_outcome *outcome)
{
	return ap_outcome_is_final(&outcome->agree.outcome);
}

const void *agree_outcome_value(const agree_outcome *outcome, size_t *len)
{
	bool has = outcome->agree.outcome.status == AP_STATUS_DECIDED;

	*len = has ? outcome->agree.outcome.value.len : 0;
	return has ? outcome->value : NULL;
}

int agree_outcome_is(const agree_outcome *outcome, const void *value, size_t len)
{
	size_t there_len;
	const void *there = agree_outcome_value(outcome, &there_len);

	return there != NULL && there_len == len && (len == 0 || memcmp(there, value, len) == 0);
}

unsigned long long agree_outcome_sequence(const agree_outcome *outcome)
{
	return outcome->agree.outcome.sequence;
}

unsigned long long agree_outcome_time(const agree_outcome *outcome)
{
	return outcome->agree.outcome.time;
}

void agree_outcome_tally(const agree_outcome *outcome, unsigned *k, unsigned long *yes,
			 unsigned long *no)
{
	*k = outcome->agree.outcome.k;
	*yes = outcome->agree.outcome.yes;
	*no = outcome->agree.outcome.no;
}

unsigned agree_outcome_needed(const agree_outcome *outcome)
{
	const ap_outcome *o = &outcome->agree.outcome;
	unsigned needed = o->k;

	if (o->status != AP_STATUS_PENDING)
		return 0;
	for (uint32_t yes = o->yes; yes != 0 && needed > 0; yes &= yes - 1)
		needed--;
	return needed > 0 ? needed : 1; /* they differ in their values */
}

unsigned long agree_outcome_epoch(const agree_outcome *outcome)
{
	return outcome->agree.proof.epoch;
}

void agree_outcome_id(const agree_outcome *outcome, unsigned char id[AGREE_ID_LEN])
{
	memcpy(id, outcome->id.octets, AGREE_ID_LEN);
}

const void *agree_outcome_wire(const agree_outcome *outcome, size_t *len)
{
	*len = outcome->wire_len;
	return outcome->wire;
}

const char *agree_outcome_server(const agree_outcome *outcome)
{
	return outcome->server;
}
