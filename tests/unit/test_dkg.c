/* test_dkg.c: key generation against vector 5, whole runs of every size, and each way of dealing or
 * complaining badly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/frost/dkg.h"
#include "daemon/frost/inner.h"
#include "tests/lib/testkeys.h"
#include "tests/lib/vectors.h"

#define EPOCH 1
#define SEED  99

/* A run with all that its members hold. */
struct run {
	struct dkg_run run;
	uint8_t ek[FROST_MEMBERS_MAX][32];
	struct dkg_deal deal[FROST_MEMBERS_MAX];
	struct testrandom state;
	struct frost_random random;
};

static struct run good; /* 2 of 4 */

static void run_keys(struct run *r, uint32_t n, uint32_t t, uint64_t seed)
{
	memset(r, 0, sizeof(*r));
	r->random = testrandom(&r->state, seed);
	r->run.epoch = EPOCH;
	r->run.n = n;
	r->run.t = t;
	memset(r->run.sid, (int)(seed & 0xff), 32);
	for (uint32_t j = 0; j < n; j++) {
		dkg_enckey_make(r->ek[j], r->run.enckey[j], &r->random);
		assert_int_equal(dkg_enckey_check(&r->run, (1U << j) - 1, r->run.enckey[j]), 0);
	}
}

static void run_make(struct run *r, uint32_t n, uint32_t t, uint64_t seed)
{
	run_keys(r, n, t, seed);
	for (uint16_t i = 1; i <= n; i++) {
		assert_int_equal(dkg_deal_make(&r->deal[i - 1], &r->run, i, &r->random), 0);
		assert_int_equal(dkg_deal_check(&r->run, i, &r->deal[i - 1]), 0);
	}
}

static int setup_good(void **state)
{
	(void)state;
	if (frost_canary() < 0)
		return -1;
	run_make(&good, 4, 2, SEED);
	good.random = testrandom(&good.state, SEED + 1);
	return 0;
}

static void add_order(uint8_t x[32])
{
	static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a,	      0x63,
					  0x12, 0x58, 0xd6, 0x9c, 0xf7,	      0xa2,
					  0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
	unsigned carry = 0;

	for (size_t i = 0; i < 32; i++) {
		carry += (unsigned)x[i] + order[i];
		x[i] = (uint8_t)(carry & 0xff);
		carry >>= 8;
	}
}

/* ---- vector 5 ---- */

static struct vectors vectors;

static void vector(unsigned member, const char *field, uint8_t *out, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "inputs.%u.%s", member, field);
	assert_int_equal(vectors_json(&vectors, 5, path, out, size), size);
}

/* Hands out scalars in the order in which a dealer asks for them, then octets of testrandom(). */
struct script {
	uint8_t scalar[3][32];
	unsigned next;
	struct frost_random then;
};

static void script_fill(void *arg, uint8_t *out, size_t size)
{
	struct script *s = arg;

	if (s->next >= 3) {
		s->then.fill(s->then.arg, out, size);
		return;
	}
	assert_int_equal(size, 64);
	memset(out, 0, size);
	memcpy(out, s->scalar[s->next++], 32);
}

/* a_0, a_1, and the proof's r = mu - a_0 c, which the vector does not give. */
static void script_of(struct script *s, unsigned member, const uint8_t proof[64])
{
	uint8_t phi[32], c[32];
	struct frost_hash h;

	vector(member, "signing_key", s->scalar[0], 32);
	vector(member, "coefficient", s->scalar[1], 32);
	vector(member, "vss_commitments[0]", phi, 32);
	frost_hash_begin(&h, FROST_HDKG);
	frost_hash_add_id(&h, (uint16_t)member);
	frost_hash_add(&h, phi, 32);
	frost_hash_add(&h, proof, 32);
	frost_hash_scalar(&h, c);
	frost_scalar_mul(c, c, s->scalar[0]);
	frost_scalar_sub(s->scalar[2], proof + 32, c);
	s->next = 0;
}

static void deal_of_the_vector(struct run *r, unsigned member)
{
	struct dkg_deal *deal = &r->deal[member - 1];
	struct script script = {.then = r->random};
	struct frost_random random = {script_fill, &script};
	uint8_t proof[64], phi[32];

	vector(member, "proof_of_knowledge", proof, 64);
	script_of(&script, member, proof);
	assert_int_equal(dkg_deal_make(deal, &r->run, (uint16_t)member, &random), 0);
	vector(member, "vss_commitments[0]", phi, 32);
	assert_memory_equal(deal->phi[0], phi, 32);
	vector(member, "vss_commitments[1]", phi, 32);
	assert_memory_equal(deal->phi[1], phi, 32);
	assert_memory_equal(deal->R, proof, 32);
	assert_memory_equal(deal->mu, proof + 32, 32);
	assert_int_equal(dkg_deal_check(&r->run, (uint16_t)member, deal), 0);
}

static void vector_5_proofs_shares_and_keys(void **state)
{
	uint8_t expected[32], share[32];
	struct run r;

	(void)state;
	vectors_open(&vectors, "frost_ed25519_sha512.txt");
	run_keys(&r, 3, 2, SEED);
	for (unsigned i = 1; i <= 3; i++)
		deal_of_the_vector(&r, i);
	for (unsigned j = 1; j <= 3; j++) {
		struct frost_key key;
		uint16_t culprit;

		for (unsigned i = 1; i <= 3; i++) {
			char field[32];

			assert_int_equal(dkg_share_receive(share, &r.run, (uint16_t)i,
							   &r.deal[i - 1], (uint16_t)j,
							   r.ek[j - 1]),
					 0);
			if (i == j)
				continue;
			snprintf(field, sizeof(field), "signing_shares.%u", i);
			vector(j, field, expected, 32);
			assert_memory_equal(share, expected, 32);
		}
		assert_int_equal(
			dkg_result(&key, &r.run, r.deal, (uint16_t)j, r.ek[j - 1], &culprit), 0);
		vector(j, "signing_share", expected, 32);
		assert_memory_equal(key.share, expected, 32);
		vector(j, "verifying_share", expected, 32);
		assert_memory_equal(key.group.verifier[j - 1], expected, 32);
		vectors_json(&vectors, 5, "inputs.verifying_key", expected, 32);
		assert_memory_equal(key.group.key, expected, 32);
	}
	vectors_close(&vectors);
}

/* ---- whole runs ---- */

/* The first t members sign a trial with what came out. */
static void result_signs(struct frost_key keys[])
{
	struct ap_statement statement = {.epoch = EPOCH, .seq = 1};
	struct frost *f[FROST_THRESHOLD_MAX];
	struct frost_list list = {.epoch = EPOCH, .count = keys[0].group.t};
	struct frost_session session;
	struct frost_shares shares;
	uint8_t octets[AP_STATEMENT_MAX], signature[64];

	for (uint32_t i = 0; i < list.count; i++) {
		struct frost_nonces nonces;

		assert_int_equal(frost_new(&f[i], NULL), 0);
		assert_int_equal(frost_load(f[i], &keys[i], 1), 0);
		assert_int_equal(frost_commit(f[i], 1, &nonces), 0);
		list.entry[i] = nonces.pair[0];
	}
	for (uint32_t i = 0; i < list.count; i++) {
		assert_int_equal(frost_sign(f[i], FROST_TRIAL, &statement, &list, 1, 0, &session,
					    shares.z[i]),
				 0);
		frost_free(f[i]);
	}
	assert_int_equal(frost_aggregate(NULL, &session, &shares, signature), 0);
	assert_true(testkeys_openssl_verify(keys[0].group.key, octets,
					    ap_statement_trial_put(octets, &statement), signature));
}

static void a_run_gives_keys_that_sign(uint32_t n, uint32_t t)
{
	struct frost_key keys[FROST_MEMBERS_MAX];
	struct frost_group group;
	struct run r;

	run_make(&r, n, t, SEED + n);
	assert_int_equal(dkg_public(&group, &r.run, r.deal), 0);
	assert_int_equal(frost_group_check(&group), 0);
	for (uint16_t j = 1; j <= n; j++) {
		uint16_t culprit;

		assert_int_equal(dkg_result(&keys[j - 1], &r.run, r.deal, j, r.ek[j - 1], &culprit),
				 0);
		assert_int_equal(culprit, 0);
		assert_memory_equal(&keys[j - 1].group, &group, sizeof(group));
		assert_int_equal(frost_key_check(&keys[j - 1]), 0);
	}
	result_signs(keys);
}

static void four_members_get_keys_that_sign(void **state)
{
	(void)state;
	a_run_gives_keys_that_sign(4, 2);
}

static void seven_members_get_keys_that_sign(void **state)
{
	(void)state;
	a_run_gives_keys_that_sign(7, 3);
}

static void thirteen_members_get_keys_that_sign(void **state)
{
	(void)state;
	a_run_gives_keys_that_sign(13, 5);
}

static void one_member_gets_a_key_that_signs(void **state)
{
	(void)state;
	a_run_gives_keys_that_sign(1, 1);
}

static void steps_refuse_sizes_outside_their_limits(void **state)
{
	static const uint32_t sizes[][2] = {{0, 0}, {14, 5}, {4, 0}, {4, 5}, {13, 6}};
	static const uint8_t identities[14 * 32];
	struct dkg_complaint complaint = {.sender = 1, .dealer = 2};
	struct frost_group group;
	struct dkg_deal deal;
	uint8_t sid[32];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct dkg_run run = good.run;

		run.n = sizes[i][0];
		run.t = sizes[i][1];
		assert_int_equal(dkg_sid(sid, sid, EPOCH, 0, run.n, run.t, identities),
				 FROST_ELIMIT);
		assert_int_equal(dkg_deal_make(&deal, &run, 1, &good.random), FROST_ELIMIT);
		assert_int_equal(dkg_deal_check(&run, 1, &good.deal[0]), FROST_ELIMIT);
		assert_int_equal(dkg_share_receive(sid, &run, 1, &good.deal[0], 1, good.ek[0]),
				 FROST_ELIMIT);
		assert_int_equal(dkg_complaint_check(&run, &good.deal[0], &complaint),
				 FROST_ELIMIT);
		assert_int_equal(dkg_public(&group, &run, good.deal), FROST_ELIMIT);
	}
}

static void sids_differ_in_every_input(void **state)
{
	uint8_t genesis[32] = {1}, identities[4 * 32] = {2}, base[32], sid[32];

	(void)state;
	assert_int_equal(dkg_sid(base, genesis, 1, 0, 4, 2, identities), 0);
	assert_int_equal(dkg_sid(sid, genesis, 1, 0, 4, 2, identities), 0);
	assert_memory_equal(base, sid, 32);
	dkg_sid(sid, genesis, 2, 0, 4, 2, identities);
	assert_memory_not_equal(base, sid, 32);
	dkg_sid(sid, genesis, 1, 1, 4, 2, identities);
	assert_memory_not_equal(base, sid, 32);
	dkg_sid(sid, genesis, 1, 0, 3, 2, identities);
	assert_memory_not_equal(base, sid, 32);
	dkg_sid(sid, genesis, 1, 0, 4, 1, identities);
	assert_memory_not_equal(base, sid, 32);
	identities[127] ^= 1;
	dkg_sid(sid, genesis, 1, 0, 4, 2, identities);
	assert_memory_not_equal(base, sid, 32);
	identities[127] ^= 1;
	genesis[31] ^= 1;
	dkg_sid(sid, genesis, 1, 0, 4, 2, identities);
	assert_memory_not_equal(base, sid, 32);
}

static void a_sid_has_its_octets(void **state)
{
	/* tag 16, genesis 32, epoch 4, members 32, attempt 4; and tag 16, n 4, t 4, four keys */
	uint8_t input[88] = "agree1-dkg-sid", set[152] = "agree1-dkg-set", digest[64], sid[32];

	(void)state;
	memset(set + 24, 0x22, 128);
	set[19] = 4;
	set[23] = 2;
	crypto_hash_sha512(digest, set, sizeof(set));
	memset(input + 16, 0x11, 32);
	input[51] = 7;
	memcpy(input + 52, digest, 32);
	input[87] = 9;
	crypto_hash_sha512(digest, input, sizeof(input));
	assert_int_equal(dkg_sid(sid, input + 16, 7, 9, 4, 2, set + 24), 0);
	assert_memory_equal(sid, digest, 32);
}

/* ---- ENCKEY ---- */

static void encryption_keys_are_valid_and_new(void **state)
{
	uint8_t bad[32];

	(void)state;
	assert_int_equal(dkg_enckey_check(&good.run, 0xf, good.run.enckey[2]), FROST_EREPEATED);
	assert_int_equal(dkg_enckey_check(&good.run, 0xb, good.run.enckey[2]), 0);
	frost_point_identity(bad);
	assert_int_equal(dkg_enckey_check(&good.run, 0, bad), FROST_EPOINT);
	memset(bad, 0x99, 32);
	bad[0] = 0x95; /* order 2L */
	assert_int_equal(dkg_enckey_check(&good.run, 0, bad), FROST_EPOINT);
}

static void an_encryption_key_comes_back_from_its_octets(void **state)
{
	uint8_t octets[DKG_ENCKEY_OCTETS], ek[32];

	(void)state;
	assert_int_equal(dkg_enckey_put(octets, good.run.sid, 3, good.ek[2]), DKG_ENCKEY_OCTETS);
	assert_int_equal(dkg_enckey_get(ek, good.run.sid, 3, octets, sizeof(octets)), 0);
	assert_memory_equal(ek, good.ek[2], 32);
}

static void a_damaged_or_foreign_encryption_key_is_refused(void **state)
{
	static const uint8_t zero[32], full[32] = {[31] = 0xff};
	uint8_t octets[DKG_ENCKEY_OCTETS + 1] = {0}, sid[32], ek[32];
	size_t size = dkg_enckey_put(octets, good.run.sid, 3, good.ek[2]);

	(void)state;
	for (size_t n = 0; n <= sizeof(octets); n++)
		if (n != size)
			assert_int_equal(dkg_enckey_get(ek, good.run.sid, 3, octets, n),
					 FROST_EFORMAT);
	for (size_t i = 0; i < size; i++) {
		int rc = i < 8 ? FROST_EFORMAT : i < 12 ? FROST_EVERSION : FROST_ECHECKSUM;

		octets[i] ^= 0x04;
		assert_int_equal(dkg_enckey_get(ek, good.run.sid, 3, octets, size), rc);
		assert_memory_equal(ek, zero, 32);
		octets[i] ^= 0x04;
	}
	assert_int_equal(dkg_enckey_get(ek, good.run.sid, 2, octets, size), FROST_EOTHER);
	memcpy(sid, good.run.sid, 32);
	sid[31] ^= 1;
	assert_int_equal(dkg_enckey_get(ek, sid, 3, octets, size), FROST_EOTHER);
	dkg_enckey_put(octets, good.run.sid, 3, full);
	assert_int_equal(dkg_enckey_get(ek, good.run.sid, 3, octets, size), FROST_ESCALAR);
	dkg_enckey_put(octets, good.run.sid, 3, zero);
	assert_int_equal(dkg_enckey_get(ek, good.run.sid, 3, octets, size), FROST_EZERO);
}

/* ---- DEAL ---- */

static void a_dealing_wants_good_encryption_keys(void **state)
{
	struct dkg_deal deal, nothing = {0};
	struct dkg_run run = good.run;

	(void)state;
	assert_int_equal(dkg_deal_make(&deal, &run, 0, &good.random), FROST_EMEMBER);
	assert_int_equal(dkg_deal_make(&deal, &run, 5, &good.random), FROST_EMEMBER);
	frost_point_identity(run.enckey[2]);
	assert_int_equal(dkg_deal_make(&deal, &run, 1, &good.random), FROST_EPOINT);
	assert_memory_equal(&deal, &nothing, sizeof(deal));
}

static void spoil_fewer_points(struct dkg_deal *d)
{
	d->points = 1;
}

/* A true dealing, but for one degree more. */
static void spoil_more_points(struct dkg_deal *d)
{
	struct dkg_run run = good.run;

	run.t = 3;
	assert_int_equal(dkg_deal_make(d, &run, 1, &good.random), 0);
}

static void spoil_fewer_shares(struct dkg_deal *d)
{
	d->shares = 3;
}

static void spoil_more_shares(struct dkg_deal *d)
{
	d->shares = 5;
}

static void spoil_phi_0(struct dkg_deal *d)
{
	frost_point_identity(d->phi[0]);
}

static void spoil_phi_1(struct dkg_deal *d)
{
	frost_point_identity(d->phi[1]);
}

static void spoil_phi_1_torsion(struct dkg_deal *d)
{
	uint8_t torsion[32];

	vectors_hex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", 64, torsion,
		    32);
	assert_int_equal(frost_point_add(d->phi[1], d->phi[1], torsion), 0);
}

static void spoil_R(struct dkg_deal *d)
{
	memset(d->R, 0, 32);
}

static void spoil_K(struct dkg_deal *d)
{
	memset(d->K, 0xff, 32);
}

static void spoil_KR(struct dkg_deal *d)
{
	frost_point_identity(d->KR);
}

static void spoil_mu(struct dkg_deal *d)
{
	add_order(d->mu);
}

static void spoil_Kmu(struct dkg_deal *d)
{
	add_order(d->Kmu);
}

static void spoil_ct(struct dkg_deal *d)
{
	add_order(d->ct[3]);
}

static void spoil_proof(struct dkg_deal *d)
{
	d->mu[0] ^= 1;
}

static void spoil_proof_key(struct dkg_deal *d)
{
	d->Kmu[0] ^= 1;
}

/* Rogue key: phi_0 as the attacker likes it, here another's, for which it has no proof. */
static void spoil_rogue_phi_0(struct dkg_deal *d)
{
	memcpy(d->phi[0], good.deal[1].phi[0], 32);
}

/* Another's phi_0 with its proof: the identifier in it does not fit. */
static void spoil_copied_phi_0(struct dkg_deal *d)
{
	memcpy(d->phi[0], good.deal[1].phi[0], 32);
	memcpy(d->R, good.deal[1].R, 32);
	memcpy(d->mu, good.deal[1].mu, 32);
}

/* Another's K with its proof, which would make its receivers open the other's shares. */
static void spoil_copied_K(struct dkg_deal *d)
{
	memcpy(d->K, good.deal[1].K, 32);
	memcpy(d->KR, good.deal[1].KR, 32);
	memcpy(d->Kmu, good.deal[1].Kmu, 32);
}

static void spoil_copied_all(struct dkg_deal *d)
{
	*d = good.deal[1];
}

static const struct {
	void (*spoil)(struct dkg_deal *);
	int rc;
} bad_deals[] = {
	{spoil_fewer_points, FROST_EPOINTS},
	{spoil_more_points, FROST_EPOINTS},
	{spoil_fewer_shares, FROST_ESHARES},
	{spoil_more_shares, FROST_ESHARES},
	{spoil_phi_0, FROST_EPOINT},
	{spoil_phi_1, FROST_EPOINT},
	{spoil_phi_1_torsion, FROST_EPOINT},
	{spoil_R, FROST_EPOINT},
	{spoil_K, FROST_EPOINT},
	{spoil_KR, FROST_EPOINT},
	{spoil_mu, FROST_ESCALAR},
	{spoil_Kmu, FROST_ESCALAR},
	{spoil_ct, FROST_ESCALAR},
	{spoil_proof, FROST_EPROOF},
	{spoil_proof_key, FROST_EPROOFKEY},
	{spoil_rogue_phi_0, FROST_EPROOF},
	{spoil_copied_phi_0, FROST_EPROOF},
	{spoil_copied_K, FROST_EPROOFKEY},
	{spoil_copied_all, FROST_EPROOF},
};

static void each_malformed_dealing_has_its_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_deals) / sizeof(bad_deals[0]); i++) {
		struct dkg_deal deal = good.deal[0];

		bad_deals[i].spoil(&deal);
		assert_int_equal(dkg_deal_check(&good.run, 1, &deal), bad_deals[i].rc);
	}
	assert_int_equal(dkg_deal_check(&good.run, 1, &good.deal[0]), 0);
}

static void a_dealing_counts_for_its_dealer_and_run_only(void **state)
{
	struct dkg_run other = good.run;

	(void)state;
	assert_int_equal(dkg_deal_check(&good.run, 0, &good.deal[0]), FROST_EMEMBER);
	assert_int_equal(dkg_deal_check(&good.run, 5, &good.deal[0]), FROST_EMEMBER);
	assert_int_equal(dkg_deal_check(&good.run, 2, &good.deal[0]), FROST_EPROOF);
	other.sid[0] ^= 1;
	assert_int_equal(dkg_deal_check(&other, 1, &good.deal[0]), FROST_EPROOFKEY);
}

static void ciphertexts_show_nothing_of_equal_shares(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(good.deal[0].ct[i], good.deal[0].ct[j], 32);
}

/* ---- shares and complaints ---- */

static void a_bad_share_is_noticed_by_its_receiver_only(void **state)
{
	static const uint8_t zero[32];
	struct dkg_deal deal = good.deal[1];
	uint8_t share[32];

	(void)state;
	deal.ct[2][0] ^= 1;
	assert_int_equal(dkg_deal_check(&good.run, 2, &deal), 0); /* in public nothing is wrong */
	assert_int_equal(dkg_share_receive(share, &good.run, 2, &deal, 3, good.ek[2]),
			 FROST_ESUBSHARE);
	assert_memory_equal(share, zero, 32);
	assert_int_equal(dkg_share_receive(share, &good.run, 2, &deal, 4, good.ek[3]), 0);
	assert_int_equal(dkg_share_receive(share, &good.run, 2, &deal, 2, good.ek[1]), 0);
}

static void a_dealing_can_be_received_by_its_dealer_after_a_crash(void **state)
{
	uint8_t share[32];

	(void)state;
	for (uint16_t i = 1; i <= 4; i++)
		assert_int_equal(dkg_share_receive(share, &good.run, i, &good.deal[i - 1], i,
						   good.ek[i - 1]),
				 0);
}

static void a_wrong_own_key_accuses_nobody(void **state)
{
	static const uint8_t full[32] = {[31] = 0xff};
	struct dkg_complaint c;
	struct frost_key key;
	uint16_t culprit;
	uint8_t share[32];

	(void)state;
	assert_int_equal(dkg_share_receive(share, &good.run, 1, &good.deal[0], 2, good.ek[2]),
			 FROST_EOTHER);
	assert_int_equal(dkg_share_receive(share, &good.run, 1, &good.deal[0], 2, full),
			 FROST_ESCALAR);
	assert_int_equal(dkg_share_receive(share, &good.run, 1, &good.deal[0], 5, good.ek[0]),
			 FROST_EMEMBER);
	assert_int_equal(dkg_share_receive(share, &good.run, 0, &good.deal[0], 1, good.ek[0]),
			 FROST_EMEMBER);
	assert_int_equal(
		dkg_complaint_make(&c, &good.run, 1, &good.deal[0], 2, good.ek[2], &good.random),
		FROST_EOTHER);
	assert_int_equal(dkg_result(&key, &good.run, good.deal, 2, good.ek[2], &culprit),
			 FROST_EOTHER);
	assert_int_equal(culprit, 0);
}

static void a_true_complaint_is_upheld_and_opens_one_share_only(void **state)
{
	struct dkg_deal deal = good.deal[1];
	struct dkg_complaint c;
	uint8_t S[32], point[32];

	(void)state;
	deal.ct[2][0] ^= 1;
	assert_int_equal(dkg_complaint_make(&c, &good.run, 2, &deal, 3, good.ek[2], &good.random),
			 0);
	assert_int_equal(c.sender, 3);
	assert_int_equal(c.dealer, 2);
	assert_int_equal(dkg_complaint_check(&good.run, &deal, &c), 0);
	/* what it shows is the point shared with this dealer, not with another */
	assert_int_equal(frost_point_mult(S, good.ek[2], good.deal[0].K), 0);
	assert_memory_not_equal(S, c.S, 32);
	frost_point_base(point, c.w); /* nor is ek in it bare */
	assert_memory_not_equal(point, good.run.enckey[2], 32);
}

static void a_false_complaint_falls_back_on_its_sender(void **state)
{
	struct dkg_complaint c;

	(void)state;
	assert_int_equal(
		dkg_complaint_make(&c, &good.run, 2, &good.deal[1], 3, good.ek[2], &good.random),
		0);
	assert_int_equal(dkg_complaint_check(&good.run, &good.deal[1], &c), FROST_EUNFOUNDED);
}

static void spoil_complaint_S(struct dkg_complaint *c)
{
	memcpy(c->S, good.run.enckey[0], 32); /* a point, but not the shared one */
}

static void spoil_complaint_S_point(struct dkg_complaint *c)
{
	frost_point_identity(c->S);
}

static void spoil_complaint_A1(struct dkg_complaint *c)
{
	memcpy(c->A1, good.run.enckey[0], 32);
}

static void spoil_complaint_A1_point(struct dkg_complaint *c)
{
	memset(c->A1, 0, 32);
}

static void spoil_complaint_A2(struct dkg_complaint *c)
{
	memcpy(c->A2, good.run.enckey[0], 32);
}

static void spoil_complaint_A2_point(struct dkg_complaint *c)
{
	memset(c->A2, 0xff, 32);
}

static void spoil_complaint_w(struct dkg_complaint *c)
{
	c->w[0] ^= 1;
}

static void spoil_complaint_w_scalar(struct dkg_complaint *c)
{
	add_order(c->w);
}

static void spoil_complaint_sender(struct dkg_complaint *c)
{
	c->sender = 4;
}

static void spoil_complaint_dealer(struct dkg_complaint *c)
{
	c->dealer = 1;
}

static void spoil_complaint_no_sender(struct dkg_complaint *c)
{
	c->sender = 0;
}

static void spoil_complaint_no_dealer(struct dkg_complaint *c)
{
	c->dealer = 5;
}

static const struct {
	void (*spoil)(struct dkg_complaint *);
	int rc;
} bad_complaints[] = {
	{spoil_complaint_S, FROST_EDLEQ},	    {spoil_complaint_S_point, FROST_EPOINT},
	{spoil_complaint_A1, FROST_EDLEQ},	    {spoil_complaint_A1_point, FROST_EPOINT},
	{spoil_complaint_A2, FROST_EDLEQ},	    {spoil_complaint_A2_point, FROST_EPOINT},
	{spoil_complaint_w, FROST_EDLEQ},	    {spoil_complaint_w_scalar, FROST_ESCALAR},
	{spoil_complaint_sender, FROST_EDLEQ},	    {spoil_complaint_dealer, FROST_EDLEQ},
	{spoil_complaint_no_sender, FROST_EMEMBER}, {spoil_complaint_no_dealer, FROST_EMEMBER},
};

static void each_forged_complaint_has_its_reason(void **state)
{
	struct dkg_deal deal = good.deal[1];
	struct dkg_complaint c;

	(void)state;
	deal.ct[2][0] ^= 1; /* the share is bad indeed */
	assert_int_equal(dkg_complaint_make(&c, &good.run, 2, &deal, 3, good.ek[2], &good.random),
			 0);
	for (size_t i = 0; i < sizeof(bad_complaints) / sizeof(bad_complaints[0]); i++) {
		struct dkg_complaint bad = c;

		bad_complaints[i].spoil(&bad);
		assert_int_equal(dkg_complaint_check(&good.run, &deal, &bad), bad_complaints[i].rc);
	}
	assert_int_equal(dkg_complaint_check(&good.run, &good.deal[0], &c), FROST_EDLEQ);
	assert_int_equal(dkg_complaint_check(&good.run, &deal, &c), 0);
}

/* A complaint that takes `x` for the secret of `c->S` = [x]K, and answers with `answer`. */
static void forge(struct dkg_complaint *c, const uint8_t K[32], const uint8_t x[32],
		  const uint8_t answer[32])
{
	uint8_t r[32], h[32];
	struct frost_hash hash;

	c->sender = 3;
	c->dealer = 2;
	frost_scalar_random(r, &good.random);
	assert_int_equal(frost_point_mult(c->S, x, K), 0);
	frost_point_base(c->A1, r);
	assert_int_equal(frost_point_mult(c->A2, r, K), 0);
	frost_hash_begin_tag(&hash, "agree1-dkg-dleq");
	frost_hash_add(&hash, good.run.sid, 32);
	frost_hash_add_id(&hash, c->dealer);
	frost_hash_add_id(&hash, c->sender);
	frost_hash_add(&hash, K, 32);
	frost_hash_add(&hash, good.run.enckey[2], 32);
	frost_hash_add(&hash, c->S, 32);
	frost_hash_add(&hash, c->A1, 32);
	frost_hash_add(&hash, c->A2, 32);
	frost_hash_scalar(&hash, h);
	frost_scalar_mul(c->w, h, answer);
	frost_scalar_add(c->w, c->w, r);
}

static void both_equations_of_a_complaint_count(void **state)
{
	struct dkg_deal deal = good.deal[1];
	struct dkg_complaint c;
	uint8_t x[32];

	(void)state;
	frost_scalar_random(x, &good.random);
	forge(&c, deal.K, good.ek[2], good.ek[2]);
	assert_int_equal(dkg_complaint_check(&good.run, &deal, &c),
			 FROST_EUNFOUNDED); /* an honest proof */
	/* a liar who knows ek shows another point: the first equation holds */
	forge(&c, deal.K, x, good.ek[2]);
	assert_int_equal(dkg_complaint_check(&good.run, &deal, &c), FROST_EDLEQ);
	/* somebody who does not know ek: the second one holds */
	forge(&c, deal.K, x, x);
	assert_int_equal(dkg_complaint_check(&good.run, &deal, &c), FROST_EDLEQ);
}

/* ---- results ---- */

static void a_bad_share_names_its_dealer_and_gives_no_key(void **state)
{
	static const struct frost_key nothing;
	struct dkg_deal deals[4];
	struct frost_key key;
	uint16_t culprit;

	(void)state;
	memcpy(deals, good.deal, sizeof(deals));
	deals[2].ct[0][5] ^= 1;
	assert_int_equal(dkg_result(&key, &good.run, deals, 1, good.ek[0], &culprit),
			 FROST_ESUBSHARE);
	assert_int_equal(culprit, 3);
	assert_memory_equal(&key, &nothing, sizeof(key));
	assert_int_equal(dkg_result(&key, &good.run, deals, 2, good.ek[1], &culprit), 0);
	assert_int_equal(dkg_result(&key, &good.run, deals, 5, good.ek[1], &culprit),
			 FROST_EMEMBER);
}

static void commitments_that_cancel_are_refused(void **state)
{
	uint8_t x[32];
	struct frost_group group, nothing = {0};

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		struct dkg_deal deals[4];
		uint8_t sum[32];

		memcpy(deals, good.deal, sizeof(deals));
		memcpy(sum, deals[0].phi[k], 32);
		for (size_t i = 1; i < 3; i++)
			assert_int_equal(frost_point_add(sum, sum, deals[i].phi[k]), 0);
		frost_point_identity(x);
		assert_int_equal(frost_point_sub(deals[3].phi[k], x, sum), 0);
		assert_int_equal(dkg_public(&group, &good.run, deals), FROST_EIDENTITY);
		assert_memory_equal(&group, &nothing, sizeof(group));
	}
}

/* Y_2 = phi_0 + [2]phi_1 of the sums. */
static void a_verification_share_that_is_the_identity_is_refused(void **state)
{
	struct dkg_deal deals[4];
	struct frost_group group;
	uint8_t sum[2][32], two[32], x[32];

	(void)state;
	memcpy(deals, good.deal, sizeof(deals));
	for (size_t k = 0; k < 2; k++) {
		memcpy(sum[k], deals[0].phi[k], 32);
		for (size_t i = 1; i < (k == 0 ? 3 : 4); i++)
			assert_int_equal(frost_point_add(sum[k], sum[k], deals[i].phi[k]), 0);
	}
	frost_scalar_set(two, 2);
	assert_int_equal(frost_point_mult(x, two, sum[1]), 0);
	assert_int_equal(frost_point_add(x, x, sum[0]), 0);
	frost_point_identity(two);
	assert_int_equal(frost_point_sub(deals[3].phi[0], two, x), 0);
	assert_int_equal(dkg_public(&group, &good.run, deals), FROST_EIDENTITY);
}

static void what_everybody_computes_is_what_members_get(void **state)
{
	struct frost_group group;
	struct frost_key key;
	uint16_t culprit;

	(void)state;
	assert_int_equal(dkg_public(&group, &good.run, good.deal), 0);
	assert_int_equal(group.epoch, EPOCH);
	assert_int_equal(group.n, 4);
	assert_int_equal(group.t, 2);
	assert_int_equal(dkg_result(&key, &good.run, good.deal, 4, good.ek[3], &culprit), 0);
	assert_memory_equal(&key.group, &group, sizeof(group));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vector_5_proofs_shares_and_keys),
		cmocka_unit_test(four_members_get_keys_that_sign),
		cmocka_unit_test(seven_members_get_keys_that_sign),
		cmocka_unit_test(thirteen_members_get_keys_that_sign),
		cmocka_unit_test(one_member_gets_a_key_that_signs),
		cmocka_unit_test(steps_refuse_sizes_outside_their_limits),
		cmocka_unit_test(sids_differ_in_every_input),
		cmocka_unit_test(a_sid_has_its_octets),
		cmocka_unit_test(encryption_keys_are_valid_and_new),
		cmocka_unit_test(an_encryption_key_comes_back_from_its_octets),
		cmocka_unit_test(a_damaged_or_foreign_encryption_key_is_refused),
		cmocka_unit_test(a_dealing_wants_good_encryption_keys),
		cmocka_unit_test(each_malformed_dealing_has_its_reason),
		cmocka_unit_test(a_dealing_counts_for_its_dealer_and_run_only),
		cmocka_unit_test(ciphertexts_show_nothing_of_equal_shares),
		cmocka_unit_test(a_bad_share_is_noticed_by_its_receiver_only),
		cmocka_unit_test(a_dealing_can_be_received_by_its_dealer_after_a_crash),
		cmocka_unit_test(a_wrong_own_key_accuses_nobody),
		cmocka_unit_test(a_true_complaint_is_upheld_and_opens_one_share_only),
		cmocka_unit_test(a_false_complaint_falls_back_on_its_sender),
		cmocka_unit_test(each_forged_complaint_has_its_reason),
		cmocka_unit_test(both_equations_of_a_complaint_count),
		cmocka_unit_test(a_bad_share_names_its_dealer_and_gives_no_key),
		cmocka_unit_test(commitments_that_cancel_are_refused),
		cmocka_unit_test(a_verification_share_that_is_the_identity_is_refused),
		cmocka_unit_test(what_everybody_computes_is_what_members_get),
	};

	return cmocka_run_group_tests_name("dkg", tests, setup_good, NULL);
}
