#include "config.h"

#include "tests/sim/parties.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libproto/crypto.h"
#include "libproto/instance.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sim.h"
#include "tests/sim/wrap.h"

static void seed_of(uint8_t seed[32], uint8_t party)
{
	memset(seed, 0x30 + party, 32);
}

static void secret_of(uint8_t secret[32], uint8_t party, bool yes, bool other)
{
	memset(secret, 0x50 + party, 32);
	secret[0] = yes;
	secret[1] = other;
}

static void draw_terms(uint32_t i, ap_terms *terms, char label[16])
{
	static const uint8_t fixed[] = {'g', 'o'};
	struct rng r;
	bool secrets;

	rng_init(&r, sim->o.seed, 9000 + i);
	memset(terms, 0, sizeof(*terms));
	terms->version = AP_DESCRIPTOR_VERSION;
	terms->deadline = SIM_EPOCH_S + rng_between(&r, 1, rng_chance(&r, 600) ? 6 : 60);
	terms->start = rng_chance(&r, 100) ? SIM_EPOCH_S + rng_below(&r, 3) : 0;
	if (terms->start >= terms->deadline)
		terms->start = 0;
	terms->n_parties = (uint8_t)rng_between(&r, 1, 4);
	terms->k = (uint8_t)rng_between(&r, 1, terms->n_parties);
	secrets = rng_chance(&r, 500);
	for (uint8_t p = 0; p < terms->n_parties; p++) {
		uint8_t seed[32];

		seed_of(seed, p);
		terms->parties[p].key.present = !secrets || rng_chance(&r, 200);
		if (terms->parties[p].key.present)
			crypto_keypair(terms->parties[p].key.it.octets, seed);
	}
	if (secrets || rng_chance(&r, 300)) {
		terms->fixed.present = true;
		terms->fixed.it = (ap_value){fixed, sizeof(fixed)};
	}
	snprintf(label, 16, "p%u", i);
	terms->label = (ap_label){(const uint8_t *)label, strlen(label)};
}

static void add_locks(ap_descriptor *d, const uint8_t id[AP_ID_LEN], bool other)
{
	uint8_t secret[32];

	for (uint8_t p = 0; p < d->terms.n_parties; p++) {
		ap_lock *lock = &d->locks[d->n_locks];

		if (d->terms.parties[p].key.present)
			continue;
		d->n_locks++;
		secret_of(secret, p, true, other);
		ap_lock_digest(__wrap_ap_sha256, lock->yes.octets, id, p, true, secret);
		secret_of(secret, p, false, other);
		ap_lock_digest(__wrap_ap_sha256, lock->no.octets, id, p, false, secret);
	}
}

void parties_make(uint32_t i, ap_descriptor *d, char label[16], bool other)
{
	uint8_t id[AP_ID_LEN];

	memset(d, 0, sizeof(*d));
	draw_terms(i, &d->terms, label);
	if (!ap_instance_id(__wrap_ap_sha256, id, oracle_key(), &d->terms))
		abort();
	add_locks(d, id, other);
}

static void credential(ap_propose *p, const ap_terms *terms, const uint8_t id[AP_ID_LEN])
{
	uint8_t seed[32], secret[64], message[AP_VOTE_MAX];
	size_t len = ap_vote_put(message, p->verb, id, &p->value);

	if (!terms->parties[p->party].key.present) {
		p->credential.kind = AP_CREDENTIAL_SECRET;
		secret_of(p->credential.octets, p->party, p->verb == AP_VERB_APPROVE, false);
		return;
	}
	p->credential.kind = AP_CREDENTIAL_SIGNATURE;
	seed_of(seed, p->party);
	crypto_secret(secret, seed);
	__wrap_crypto_sign_detached(p->credential.octets, NULL, message, len, secret);
}

size_t parties_vote(uint32_t i, uint8_t verb, uint8_t party, unsigned how, uint8_t *out, size_t cap,
		    ap_id *id)
{
	static const uint8_t values[2][2] = {{'v', '0'}, {'v', '1'}};
	uint8_t descriptor[AP_MAX_descriptor];
	ap_propose p = {.version = AP_PROPOSE_VERSION, .verb = verb};
	struct ap_writer w;
	ap_descriptor d;
	char label[16];

	parties_make(i, &d, label, (how & VOTE_OTHER) != 0);
	if (!ap_instance_id(__wrap_ap_sha256, id->octets, oracle_key(), &d.terms))
		abort();
	p.party = party % d.terms.n_parties;
	if (verb == AP_VERB_APPROVE)
		p.value = d.terms.fixed.present ? d.terms.fixed.it
						: (ap_value){values[(how & VOTE_VALUE) != 0], 2};
	credential(&p, &d.terms, id->octets);
	p.credential.octets[5] ^= (how & VOTE_FORGED) != 0;
	if ((how & VOTE_BARE) == 0) {
		ap_writer_init(&w, descriptor, sizeof(descriptor));
		ap_descriptor_put(&w, &d);
		p.descriptor = ap_writer_bytes(&w);
	}
	ap_writer_init(&w, out, cap);
	ap_propose_put(&w, &p);
	if (w.bad != NULL)
		abort();
	return ap_writer_len(&w);
}
