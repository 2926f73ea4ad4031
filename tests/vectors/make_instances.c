/* instances.json: descriptor, id, ticket, and what parties show. */
#include <string.h>

#include "libproto/instance.h"
#include "libproto/name.h"
#include "libproto/ticket.h"
#include "tests/vectors/json.h"
#include "tests/vectors/make.h"
#include "tests/vectors/sample.h"

static void terms_show(struct json *j, const ap_terms *terms)
{
	json_object(j, "terms");
	json_number(j, "version", terms->version);
	json_number(j, "k", terms->k);
	json_number(j, "deadline", terms->deadline);
	json_number(j, "start", terms->start);
	if (terms->fixed.present)
		json_bytes(j, "fixed", terms->fixed.it);
	json_bytes(j, "label", terms->label);
	json_hex(j, "salt", terms->salt.octets, sizeof(terms->salt.octets));
	json_array(j, "parties");
	for (size_t i = 0; i < terms->n_parties; i++)
		json_hex(j, NULL, terms->parties[i].key.it.octets,
			 terms->parties[i].key.present ? 32 : 0);
	json_end(j);
	json_end(j);
}

static void locks_show(struct json *j, const ap_descriptor *d)
{
	uint8_t secret[32];

	json_array(j, "locks");
	for (uint8_t i = 0; i < d->n_locks; i++) {
		json_object(j, NULL);
		json_number(j, "party", i);
		sample_secret(secret, i, true);
		json_hex(j, "secret_yes", secret, sizeof(secret));
		json_hex(j, "yes", d->locks[i].yes.octets, 32);
		sample_secret(secret, i, false);
		json_hex(j, "secret_no", secret, sizeof(secret));
		json_hex(j, "no", d->locks[i].no.octets, 32);
		json_end(j);
	}
	json_end(j);
}

/* Party 1 approves "yes" and vetoes: what it signs, and the signatures. */
static void votes_show(struct json *j, const uint8_t id[AP_ID_LEN])
{
	static const uint8_t verbs[] = {AP_VERB_APPROVE, AP_VERB_VETO};
	struct ap_sign_key key;
	uint8_t seed[32];

	sample_party_seed(seed, 1);
	MUST(ap_sign_key_init(&key, seed) == 0);
	json_array(j, "votes");
	for (size_t i = 0; i < 2; i++) {
		ap_value value = verbs[i] == AP_VERB_APPROVE ? BYTES("yes") : (ap_bytes){NULL, 0};
		uint8_t octets[AP_VOTE_MAX], sig[64];
		size_t len = ap_vote_put(octets, verbs[i], id, &value);

		MUST(ap_sign(&key, sig, octets, len) == 0);
		MUST(ap_verify_once(key.public_key, sig, octets, len) == 0);
		json_object(j, NULL);
		json_number(j, "party", 1);
		json_hex(j, "seed", seed, sizeof(seed));
		json_number(j, "verb", verbs[i]);
		json_bytes(j, "value", value);
		json_hex(j, "signed", octets, len);
		json_hex(j, "sig", sig, sizeof(sig));
		json_end(j);
	}
	json_end(j);
	ap_sign_key_clear(&key);
}

static void instance_show(struct json *j, enum sample_instance which)
{
	uint8_t octets[AP_MAX_descriptor], id[AP_ID_LEN], digest[32];
	char ticket[AP_TICKET_MAX], text[AP_ID_TEXT + 1];
	ap_descriptor d;

	sample_descriptor(&d, which);
	sample_id(id, which);
	ap_label_of_id(text, id);
	MUST(ap_ticket_make(ticket, sizeof(ticket), sample_network(), &d) == 0);
	json_object(j, NULL);
	json_text(j, "what", sample_name(which));
	json_hex(j, "network", sample_network(), 32);
	terms_show(j, &d.terms);
	if (which == SAMPLE_SECRET)
		json_bytes(j, "secret", BYTES("hunter2"));
	if (which == SAMPLE_RECURRING || which == SAMPLE_SECRET) {
		json_number(j, "period", 3600);
		json_number(j, "now", SAMPLE_DEADLINE_S);
	}
	if (d.n_locks > 0)
		locks_show(j, &d);
	json_bytes(j, "descriptor", sample_encode(octets, sizeof(octets), &d));
	json_hex(j, "id", id, sizeof(id));
	json_text(j, "id_text", text);
	json_text(j, "ticket", ticket);
	MUST(ap_descriptor_digest(ap_sha256, digest, &d));
	json_hex(j, "descriptor_digest", digest, sizeof(digest));
	if (which == SAMPLE_BOARD)
		votes_show(j, id);
	json_end(j);
}

void make_instances(const char *dir)
{
	struct json j;

	json_open(&j, dir, "instances.json",
		  "Descriptors with their ids, tickets and digests; a party without a key is an "
		  "empty string. Sections Descriptor, Instance Id, Votes and Credentials, Ticket, "
		  "Recurring Instances.");
	for (int i = 0; i < SAMPLE_INSTANCES; i++)
		instance_show(&j, (enum sample_instance)i);
	json_close(&j);
}
