/* Parties: secrets and keys, and the credentials made of them. draft {#votes} */
#include "config.h"

#include "resolver/ctx.h"

#include <stdlib.h>
#include <string.h>

#include "libproto/crypto.h"
#include "libproto/vote.h"

struct agree_party {
	ap_id id;
	ap_key network;
	uint8_t index;
	bool signs;
	/* secrets */
	bool has[2]; /* no, yes */
	uint8_t secrets[2][AGREE_SECRET_LEN];
	/* keys: ours, or somebody's function */
	struct ap_sign_key key;
	agree_sign_cb *sign;
	void *arg;
};

static int party_alloc(const struct agree_ticket *ticket, struct agree_party **out)
{
	struct agree_party *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return AGREE_ENOMEM;
	p->id = ticket->id;
	p->network = ticket->network;
	*out = p;
	return 0;
}

void agree_party_free(agree_party *party)
{
	if (party == NULL)
		return;
	if (party->signs && party->sign == NULL)
		ap_sign_key_clear(&party->key);
	ap_wipe(party, sizeof(*party));
	free(party);
}

unsigned agree_party_index(const agree_party *party)
{
	return party->index;
}

/* ---- by secrets ---- */

int stub_lock_index(const ap_descriptor *descriptor, unsigned party)
{
	int at = 0;

	if (party >= descriptor->terms.n_parties || descriptor->terms.parties[party].key.present)
		return AGREE_ENOTPARTY;
	for (size_t i = 0; i < party; i++)
		at += !descriptor->terms.parties[i].key.present;
	return at < descriptor->n_locks ? at : AGREE_EDRAFT;
}

bool stub_lock_is_missing(const ap_lock *lock)
{
	static const ap_lock none;

	return memcmp(lock, &none, sizeof(none)) == 0;
}

/* Do the secrets that there are open the locks, if there are any? */
static int secrets_check(const struct agree_party *p, const ap_descriptor *descriptor)
{
	int at = stub_lock_index(descriptor, p->index);

	if (at < 0)
		return at;
	if (stub_lock_is_missing(&descriptor->locks[at]))
		return 0;
	for (int yes = 0; yes < 2; yes++)
		if (p->has[yes] && !ap_vote_opens(ap_sha256, descriptor, p->id.octets, p->index,
						  yes != 0, p->secrets[yes]))
			return AGREE_ESECRET;
	return 0;
}

static int secret_party(const struct agree_ticket *ticket, unsigned index, struct agree_party **out)
{
	ap_descriptor descriptor;
	int err;

	if (!ticket->is_whole)
		return AGREE_ENODESCRIPTOR;
	stub_ticket_descriptor(ticket, &descriptor);
	err = stub_lock_index(&descriptor, index);
	if (err >= 0)
		err = party_alloc(ticket, out);
	if (err == 0)
		(*out)->index = (uint8_t)index;
	return err;
}

int agree_party_new(const agree_ticket *ticket, unsigned party, agree_party **out)
{
	struct agree_party *p;
	int err;

	if (out == NULL)
		return AGREE_EUSAGE;
	*out = NULL;
	if (ticket == NULL)
		return AGREE_EUSAGE;
	err = secret_party(ticket, party, &p);
	if (err != 0)
		return err;
	if (ap_random(p->secrets, sizeof(p->secrets)) != 0) {
		agree_party_free(p);
		return AGREE_EINTERNAL;
	}
	p->has[0] = p->has[1] = true;
	*out = p;
	return 0;
}

int agree_party_secrets(const agree_ticket *ticket, unsigned party, const unsigned char *yes,
			const unsigned char *no, agree_party **out)
{
	const unsigned char *const given[2] = {no, yes};
	ap_descriptor descriptor;
	struct agree_party *p;
	int err;

	if (out == NULL)
		return AGREE_EUSAGE;
	*out = NULL;
	if (ticket == NULL || (yes == NULL && no == NULL))
		return AGREE_EUSAGE;
	err = secret_party(ticket, party, &p);
	if (err != 0)
		return err;
	for (int i = 0; i < 2; i++) {
		p->has[i] = given[i] != NULL;
		if (p->has[i])
			memcpy(p->secrets[i], given[i], sizeof(p->secrets[i]));
	}
	stub_ticket_descriptor(ticket, &descriptor);
	err = secrets_check(p, &descriptor);
	if (err != 0) {
		agree_party_free(p);
		return err;
	}
	*out = p;
	return 0;
}

int agree_party_secret(const agree_party *party, int yes, unsigned char secret[AGREE_SECRET_LEN])
{
	if (party == NULL || secret == NULL)
		return AGREE_EUSAGE;
	if (!party->has[yes != 0])
		return AGREE_ESECRET;
	memcpy(secret, party->secrets[yes != 0], AGREE_SECRET_LEN);
	return 0;
}

/* ---- by key ---- */

static int key_party(const struct agree_ticket *ticket, const uint8_t key[AGREE_KEY_LEN],
		     struct agree_party **out)
{
	ap_descriptor descriptor;
	unsigned i = 0;
	int err;

	if (!ticket->is_whole)
		return AGREE_ENODESCRIPTOR;
	stub_ticket_descriptor(ticket, &descriptor);
	while (i < descriptor.terms.n_parties &&
	       (!descriptor.terms.parties[i].key.present ||
		memcmp(descriptor.terms.parties[i].key.it.octets, key, AGREE_KEY_LEN) != 0))
		i++;
	if (i == descriptor.terms.n_parties)
		return AGREE_ENOTPARTY;
	err = party_alloc(ticket, out);
	if (err == 0)
		(*out)->index = (uint8_t)i;
	return err;
}

int agree_party_identity(const agree_ticket *ticket, const unsigned char seed[AGREE_SECRET_LEN],
			 agree_party **out)
{
	struct ap_sign_key key;
	int err;

	if (out == NULL)
		return AGREE_EUSAGE;
	*out = NULL;
	if (ticket == NULL || seed == NULL)
		return AGREE_EUSAGE;
	err = ap_sign_key_init(&key, seed);
	if (err != 0)
		return err;
	err = key_party(ticket, key.public_key, out);
	if (err != 0) {
		ap_sign_key_clear(&key);
		return err;
	}
	(*out)->key = key;
	(*out)->signs = true;
	return 0;
}

int agree_party_signer(const agree_ticket *ticket, const unsigned char key[AGREE_KEY_LEN],
		       agree_sign_cb *sign, void *arg, agree_party **out)
{
	int err;

	if (out == NULL)
		return AGREE_EUSAGE;
	*out = NULL;
	if (ticket == NULL || key == NULL || sign == NULL)
		return AGREE_EUSAGE;
	err = key_party(ticket, key, out);
	if (err != 0)
		return err;
	(*out)->signs = true;
	(*out)->sign = sign;
	(*out)->arg = arg;
	return 0;
}

/* ---- identities ---- */

int agree_public_key(const unsigned char seed[AGREE_SECRET_LEN], unsigned char key[AGREE_KEY_LEN])
{
	struct ap_sign_key k;
	int err;

	if (seed == NULL || key == NULL)
		return AGREE_EUSAGE;
	err = ap_sign_key_init(&k, seed);
	if (err != 0)
		return err;
	memcpy(key, k.public_key, AGREE_KEY_LEN);
	ap_sign_key_clear(&k);
	return 0;
}

int agree_keygen(unsigned char seed[AGREE_SECRET_LEN], unsigned char key[AGREE_KEY_LEN])
{
	if (seed == NULL || key == NULL)
		return AGREE_EUSAGE;
	if (ap_random(seed, AGREE_SECRET_LEN) != 0)
		return AGREE_EINTERNAL;
	return agree_public_key(seed, key);
}

void agree_wipe(void *octets, size_t len)
{
	ap_wipe(octets, len);
}

/* ---- locks and credentials ---- */

int stub_party_locks(const struct agree_party *p, const struct agree_ticket *ticket, ap_lock *lock)
{
	if (!ap_equal(p->id.octets, ticket->id.octets, sizeof(p->id.octets)) || p->signs)
		return AGREE_ETICKET;
	if (!p->has[0] || !p->has[1])
		return AGREE_ESECRET;
	ap_lock_digest(ap_sha256, lock->yes.octets, p->id.octets, p->index, true, p->secrets[1]);
	ap_lock_digest(ap_sha256, lock->no.octets, p->id.octets, p->index, false, p->secrets[0]);
	return 0;
}

static int signature_make(struct agree_party *p, const ap_descriptor *descriptor, bool yes,
			  const ap_value *value, uint8_t sig[AGREE_SIG_LEN])
{
	uint8_t message[AP_VOTE_MAX];
	uint8_t verb = yes ? AP_VERB_APPROVE : AP_VERB_VETO;
	size_t len = ap_vote_put(message, verb, p->id.octets, value);
	int err;

	if (p->sign == NULL)
		return ap_sign(&p->key, sig, message, len);
	err = p->sign(p->arg, sig, message, len);
	/* a token may have another key than it is thought to have */
	if (err == 0 && ap_verify_once(descriptor->terms.parties[p->index].key.it.octets, sig,
				       message, len) != 0)
		err = AGREE_ECREDENTIAL;
	return err < 0 ? err : err > 0 ? AGREE_EINTERNAL : 0;
}

int stub_party_credential(const struct agree_party *party, const struct agree_ticket *ticket,
			  bool yes, const ap_value *value, ap_credential *credential)
{
	/* a signing context is used, the party is the same afterwards */
	struct agree_party *p = (struct agree_party *)(uintptr_t)party;
	ap_descriptor descriptor;
	int err;

	memset(credential, 0, sizeof(*credential));
	if (!ap_equal(p->id.octets, ticket->id.octets, sizeof(p->id.octets)))
		return AGREE_ENOTPARTY;
	stub_ticket_descriptor(ticket, &descriptor);
	if (p->signs) {
		credential->kind = AP_CREDENTIAL_SIGNATURE;
		return signature_make(p, &descriptor, yes, value, credential->octets);
	}
	if (!p->has[yes])
		return AGREE_ESECRET;
	err = secrets_check(p, &descriptor);
	if (err != 0)
		return err;
	credential->kind = AP_CREDENTIAL_SECRET;
	memcpy(credential->octets, p->secrets[yes], AGREE_SECRET_LEN);
	return 0;
}
