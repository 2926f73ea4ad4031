#include "tests/vectors/life.h"

#include <stdlib.h>
#include <string.h>

#include "libproto/digest.h"
#include "libproto/name.h"
#include "tests/vectors/json.h"

/* ---- random octets that are not: SHA-256 of tag and counter ---- */

static void fill(void *arg, uint8_t *out, size_t size)
{
	struct life *l = arg;

	while (size > 0) {
		uint8_t block[32], counter[8];
		size_t n = size < sizeof(block) ? size : sizeof(block);

		for (size_t i = 0; i < sizeof(counter); i++)
			counter[i] = (uint8_t)(l->random >> (56 - 8 * i));
		l->random++;
		ap_sha256(block,
			  (const ap_bytes[]){
				  {(const uint8_t *)"agree1 vectors", 14},
				  {counter, sizeof(counter)},
			  },
			  2);
		memcpy(out, block, n);
		out += n;
		size -= n;
	}
}

static struct frost_random random_of(struct life *l)
{
	return (struct frost_random){fill, l};
}

/* ---- the machine's verdicts and store ---- */

static void deal_from_wire(struct dkg_deal *to, const ap_deal *from)
{
	memset(to, 0, sizeof(*to));
	to->points = from->n_phi;
	to->shares = from->n_shares;
	for (size_t i = 0; i < from->n_phi; i++)
		memcpy(to->phi[i], from->phi[i].point.octets, 32);
	for (size_t i = 0; i < from->n_shares; i++)
		memcpy(to->ct[i], from->shares[i].share.octets, 32);
	memcpy(to->R, from->proof_r.octets, 32);
	memcpy(to->mu, from->proof_mu.octets, 32);
	memcpy(to->K, from->eph.octets, 32);
	memcpy(to->KR, from->eph_r.octets, 32);
	memcpy(to->Kmu, from->eph_mu.octets, 32);
}

static int deal_check(void *ctx, uint8_t n, const uint8_t sid[32], uint8_t dealer,
		      const uint8_t enckeys[][32], const ap_deal *wire)
{
	struct life *l = ctx;
	struct dkg_deal deal;

	MUST(n == LIFE_N && memcmp(sid, l->run.sid, 32) == 0);
	MUST(memcmp(enckeys, l->run.enckey, sizeof(l->ek)) == 0);
	deal_from_wire(&deal, wire);
	return dkg_deal_check(&l->run, dealer, &deal);
}

static int point_check(void *ctx, const uint8_t point[32])
{
	(void)ctx;
	return frost_point_is_valid(point) ? 0 : -1;
}

static int complaint_check(void *ctx, uint8_t n, const uint8_t sid[32], uint8_t sender,
			   const uint8_t enckeys[][32], const ap_deal *deal,
			   const ap_complaint *complaint)
{
	(void)ctx, (void)n, (void)sid, (void)sender, (void)enckeys, (void)deal, (void)complaint;
	json_die(__FILE__, __LINE__, "nobody complains here");
}

static int blame_check(void *ctx, const struct machine_case *about, const ap_share_body *share,
		       const uint8_t sig[64])
{
	struct life *l = ctx;

	(void)about, (void)sig;
	/* second.py looks at the whole of it */
	return memcmp(share->z.octets, l->sets[0].shares.z[0], 32) == 0 ? -1 : 0;
}

static int keys(void *ctx, uint8_t n, const ap_deal wire[], uint8_t pk[32], uint8_t y[][32])
{
	struct life *l = ctx;
	struct dkg_deal deals[LIFE_N];
	struct frost_group group;

	MUST(n == LIFE_N);
	for (size_t i = 0; i < LIFE_N; i++)
		deal_from_wire(&deals[i], &wire[i]);
	MUST(dkg_public(&group, &l->run, deals) == 0);
	memcpy(pk, group.key, 32);
	memcpy(y, group.verifier, (size_t)n * 32);
	return 0;
}

static void sid(void *ctx, const uint8_t genesis[32], uint32_t epoch, uint8_t n, uint32_t attempt,
		uint8_t out[32])
{
	struct life *l = ctx;
	uint8_t identities[LIFE_N][32];

	for (size_t i = 0; i < LIFE_N; i++)
		memcpy(identities[i], l->identity[i].public_key, 32);
	MUST(n == LIFE_N);
	MUST(dkg_sid(out, genesis, epoch, attempt, n, LIFE_T, identities[0]) == 0);
}

static bool find(void *ctx, const uint8_t id[AP_ID_LEN], struct machine_final *out)
{
	struct life *l = ctx;

	for (size_t i = 0; i < l->n_finals; i++) {
		if (memcmp(l->finals[i].id, id, AP_ID_LEN) == 0) {
			*out = l->finals[i];
			return true;
		}
	}
	return false;
}

static void put(void *ctx, const struct machine_final *final)
{
	struct life *l = ctx;
	size_t i = l->n_finals++;

	MUST(i < sizeof(l->finals) / sizeof(l->finals[0]));
	l->finals[i] = *final;
	memcpy(l->values[i], final->outcome.value.data, final->outcome.value.len);
	l->finals[i].outcome.value.data = l->values[i];
}

/* ---- the network ---- */

static void network_make(struct life *l)
{
	static const char *const names[LIFE_N] = {"alpha", "beta", "gamma", "delta"};
	static const char head[] = "agree-network: 1\n"
				   "domain: example.test\n"
				   "nonce: 000102030405060708090a0b0c0d0e0f"
				   "101112131415161718191a1b1c1d1e1f\n"
				   "retention: 604800\n"
				   "horizon: 2678400\n"
				   "capacity: 1000000\n"
				   "outage-bound: 2592000\n"
				   "clock-bound: 10\n";
	char why[NETFILE_WHY_MAX];
	struct ap_text t, sentence;

	ap_text_init(&t, l->text, sizeof(l->text));
	ap_text_add(&t, head);
	for (unsigned i = 0; i < LIFE_N; i++) {
		memset(l->seeds[i], (int)(0x60 + i), 32);
		MUST(ap_sign_key_init(&l->identity[i], l->seeds[i]) == 0);
		ap_text_addf(&t, "member: %s ", names[i]);
		ap_base64url_show(&t, l->identity[i].public_key, 32);
		ap_text_addf(&t, " 192.0.2.%u#7853 192.0.2.%u#7953\n", i + 1, i + 1);
	}
	MUST(!t.cut);
	ap_text_init(&sentence, why, sizeof(why));
	MUST(netfile_parse(&l->net, "network", l->text, ap_text_len(&t), &sentence) == 0);
}

static int vote_check(void *votes, const uint8_t key[32], const uint8_t sig[64],
		      const uint8_t *message, size_t len)
{
	(void)votes;
	return ap_verify_once(key, sig, message, len);
}

static void machine_make(struct life *l)
{
	const struct machine_funcs funcs = {
		.sha256 = ap_sha256,
		.deal_check = deal_check,
		.point_check = point_check,
		.complaint_check = complaint_check,
		.keys = keys,
		.blame_check = blame_check,
		.sid = sid,
		.ctx = l,
		.vote_check = vote_check,
	};
	const struct machine_store store = {.ctx = l, .find = find, .put = put};
	struct machine_conf conf = {
		.n = LIFE_N,
		.retention_s = l->net.retention_s,
		.horizon_s = l->net.horizon_s,
		.capacity = l->net.capacity,
	};

	memcpy(conf.genesis, l->net.genesis, 32);
	MUST(machine_size(&conf) > 0);
	l->memory = malloc(machine_size(&conf));
	MUST(l->memory != NULL);
	l->machine = machine_init(l->memory, &conf, &funcs, &store);
}

void life_new(struct life *l)
{
	struct frost_random random = random_of(l);

	memset(l, 0, sizeof(*l));
	network_make(l);
	l->run.epoch = 1;
	l->run.n = LIFE_N;
	l->run.t = LIFE_T;
	sid(l, l->net.genesis, 1, LIFE_N, 1, l->run.sid);
	machine_make(l);
	for (size_t i = 0; i < LIFE_N; i++) {
		dkg_enckey_make(l->ek[i], l->run.enckey[i], &random);
		MUST(frost_new(&l->signer[i], &random) == 0);
	}
}

void life_free(struct life *l)
{
	for (size_t i = 0; i < LIFE_N; i++) {
		frost_free(l->signer[i]);
		ap_sign_key_clear(&l->identity[i]);
	}
	free(l->memory);
}

/* ---- operations ---- */

void life_op(struct life *l, uint8_t kind, ap_bytes body)
{
	struct life_bundle *b = &l->batch.bundles[l->batch.n_bundles - 1];
	ap_op op = {.kind = kind, .body = body};

	ap_op_put(&b->w, &op);
	MUST(b->w.bad == NULL);
}

static void op_put(struct life *l, const struct ap_operation *op)
{
	uint8_t octets[LIFE_OPS_MAX];
	struct ap_writer w;

	ap_writer_init(&w, octets, sizeof(octets));
	ap_operation_put(&w, op);
	MUST(w.bad == NULL);
	life_op(l, op->kind, ap_writer_bytes(&w));
}

void life_op_enckey(struct life *l, uint8_t id)
{
	struct ap_operation op = {.kind = AP_OP_enckey};

	memcpy(op.as_enckey.sid.octets, l->run.sid, 32);
	memcpy(op.as_enckey.key.octets, l->run.enckey[id - 1], 32);
	op_put(l, &op);
}

void life_op_deal(struct life *l, uint8_t id)
{
	struct frost_random random = random_of(l);
	struct dkg_deal *deal = &l->deals[id - 1];
	struct ap_operation op = {.kind = AP_OP_deal};
	ap_deal *wire = &op.as_deal;

	MUST(dkg_deal_make(deal, &l->run, id, &random) == 0);
	memcpy(wire->sid.octets, l->run.sid, 32);
	wire->n_phi = LIFE_T;
	wire->n_shares = LIFE_N;
	for (size_t i = 0; i < LIFE_T; i++)
		memcpy(wire->phi[i].point.octets, deal->phi[i], 32);
	for (size_t i = 0; i < LIFE_N; i++)
		memcpy(wire->shares[i].share.octets, deal->ct[i], 32);
	memcpy(wire->proof_r.octets, deal->R, 32);
	memcpy(wire->proof_mu.octets, deal->mu, 32);
	memcpy(wire->eph.octets, deal->K, 32);
	memcpy(wire->eph_r.octets, deal->KR, 32);
	memcpy(wire->eph_mu.octets, deal->Kmu, 32);
	op_put(l, &op);
}

void life_op_ready(struct life *l, uint8_t id)
{
	struct ap_operation op = {.kind = AP_OP_ready};
	uint16_t culprit;

	MUST(dkg_result(&l->keys[id - 1], &l->run, l->deals, id, l->ek[id - 1], &culprit) == 0);
	MUST(frost_load(l->signer[id - 1], &l->keys[id - 1], LIFE_START) == 0);
	memcpy(op.as_ready.sid.octets, l->run.sid, 32);
	memcpy(op.as_ready.dealings.octets, machine_key(l->machine)->dealings, 32);
	op_put(l, &op);
}

void life_op_nonces(struct life *l, uint8_t id, uint32_t count)
{
	struct ap_operation op = {.kind = AP_OP_nonces};
	struct frost_nonces made;

	MUST(frost_commit(l->signer[id - 1], count, &made) == 0);
	op.as_nonces.epoch = 1;
	op.as_nonces.boot = made.boot;
	op.as_nonces.first = made.first;
	op.as_nonces.n_pairs = (ap_u8)made.count;
	for (size_t i = 0; i < made.count; i++) {
		memcpy(op.as_nonces.pairs[i].hiding.octets, made.pair[i].hiding, 32);
		memcpy(op.as_nonces.pairs[i].binding.octets, made.pair[i].binding, 32);
	}
	op_put(l, &op);
}

void life_op_retry(struct life *l, uint64_t seq, uint8_t attempt, uint16_t missing)
{
	struct ap_operation op = {.kind = AP_OP_retry};

	op.as_retry.epoch = 1;
	op.as_retry.seq = seq;
	op.as_retry.attempt = attempt;
	op.as_retry.missing = missing;
	op_put(l, &op);
}

static ap_u8 pairs_of(const struct machine_set *set, ap_commitment pairs[])
{
	for (size_t i = 0; i < LIFE_T; i++) {
		memcpy(pairs[i].hiding.octets, set->hiding[i], 32);
		memcpy(pairs[i].binding.octets, set->binding[i], 32);
	}
	return LIFE_T;
}

void life_op_blame(struct life *l)
{
	const struct machine_retry *r = &l->retried;
	struct ap_operation op = {.kind = AP_OP_blame};
	ap_share_body *share = &op.as_blame.share;
	uint8_t octets[AP_MAX_share_body], digest[64];
	struct frost_hash h;
	struct ap_writer w;

	share->epoch = 1;
	share->seq = r->statement.seq;
	share->attempt = r->attempt;
	share->replica = r->sets[0].members[0];
	memcpy(share->z.octets, l->sets[0].shares.z[0], 32);
	share->z.octets[0] ^= 1;
	/* H2 without its reduction is plain SHA-512 */
	frost_hash_begin(&h, FROST_H2);
	frost_hash_add(&h, l->statement_octets, l->statement_len);
	frost_hash_octets(&h, digest);
	memcpy(share->statement.octets, digest, sizeof(share->statement.octets));
	ap_writer_init(&w, octets, sizeof(octets));
	ap_share_body_put(&w, share);
	life_sign(l, share->replica, "agree1-share", ap_writer_bytes(&w), op.as_blame.sig.octets);
	op.as_blame.n_pairs = pairs_of(&r->sets[0], op.as_blame.pairs);
	op_put(l, &op);
}

void life_op_badpoint(struct life *l)
{
	const struct machine_retry *r = &l->retried;
	struct ap_operation op = {.kind = AP_OP_badpoint};

	op.as_badpoint.epoch = 1;
	op.as_badpoint.seq = r->statement.seq;
	op.as_badpoint.attempt = r->attempt;
	op.as_badpoint.set = 1;
	op.as_badpoint.replica = r->sets[1].members[0];
	op.as_badpoint.n_pairs = pairs_of(&r->sets[1], op.as_badpoint.pairs);
	op_put(l, &op);
}

/* ---- batches ---- */

void life_begin(struct life *l, uint64_t time_ms)
{
	l->batch.seq = machine_seq(l->machine) + 1;
	l->batch.time_ms = time_ms;
	l->batch.n_bundles = 0;
}

void life_bundle(struct life *l, uint8_t relay)
{
	struct life_bundle *b = &l->batch.bundles[l->batch.n_bundles++];

	MUST(l->batch.n_bundles <= LIFE_BUNDLES_MAX);
	b->relay = relay;
	b->counter = ++l->counter[relay - 1];
	ap_writer_init(&b->w, b->ops, sizeof(b->ops));
}

static void bundle_sign(struct life *l, struct life_bundle *b)
{
	uint8_t text[AP_TAG_LEN + 32];

	ap_digest_bundle(ap_sha256, b->digest, l->net.genesis, b->relay, LIFE_START, b->counter,
			 ap_writer_bytes(&b->w));
	ap_tag(text, "agree1-bundle-s");
	memcpy(text + AP_TAG_LEN, b->digest, 32);
	MUST(ap_sign(&l->identity[b->relay - 1], b->sig, text, sizeof(text)) == 0);
}

static void batch_encode(struct life_batch *batch)
{
	static uint8_t bundles[sizeof(batch->octets)], octets[LIFE_OPS_MAX + 128];
	uint8_t digests[LIFE_BUNDLES_MAX * 32];
	struct ap_writer all, w;
	ap_batch encoded = {.time = batch->time_ms};

	ap_writer_init(&all, bundles, sizeof(bundles));
	for (size_t i = 0; i < batch->n_bundles; i++) {
		const struct life_bundle *b = &batch->bundles[i];
		ap_bundle bundle = {
			.relay = b->relay,
			.start = LIFE_START,
			.counter = b->counter,
			.ops = ap_writer_bytes(&b->w),
		};
		ap_span span;

		memcpy(bundle.sig.octets, b->sig, 64);
		ap_writer_init(&w, octets, sizeof(octets));
		ap_bundle_put(&w, &bundle);
		span = ap_writer_bytes(&w);
		ap_span_put(&all, &span);
		memcpy(digests + 32 * i, b->digest, 32);
	}
	encoded.bundles = ap_writer_bytes(&all);
	ap_writer_init(&w, batch->octets, sizeof(batch->octets));
	ap_batch_put(&w, &encoded);
	MUST(all.bad == NULL && w.bad == NULL);
	batch->len = ap_writer_len(&w);
	ap_digest_batch(ap_sha256, batch->digest, batch->time_ms, (uint16_t)batch->n_bundles,
			digests);
}

/* Each member of a set signs with its own pair; the shares make one signature, which OpenSSL
 * verifies. */
static void set_sign(struct life *l, size_t which, const struct machine_set *m,
		     enum frost_kind kind)
{
	struct life_set *set = &l->sets[which];
	struct frost_list list = {.epoch = 1, .count = LIFE_T};
	struct frost_session session;

	for (size_t i = 0; i < LIFE_T; i++) {
		list.entry[i].id = m->members[i];
		memcpy(list.entry[i].hiding, m->hiding[i], 32);
		memcpy(list.entry[i].binding, m->binding[i], 32);
	}
	for (size_t i = 0; i < LIFE_T; i++)
		MUST(frost_sign(l->signer[m->members[i] - 1], kind, &l->statement, &list,
				m->boot[i], m->ctr[i], &session, set->shares.z[i]) == 0);
	MUST(frost_aggregate(NULL, &session, &set->shares, set->sig) == 0);
	MUST(ap_verify_once(machine_key(l->machine)->pk, set->sig, l->statement_octets,
			    l->statement_len) == 0);
}

static void batch_sign(struct life *l)
{
	const struct machine_result *r = &l->result;
	struct ap_statement *s = &l->statement;

	if (r->n_retries > 0) {
		MUST(r->n_retries == 1 && !r->retries[0].trial && r->sign == MACHINE_SIGN_NOTHING);
		*s = r->retries[0].statement;
		l->statement_len = ap_statement_batch_put(l->statement_octets, s);
		l->retried = r->retries[0];
		for (size_t i = 0; i < r->retries[0].n_sets; i++)
			set_sign(l, i, &r->retries[0].sets[i], FROST_BATCH);
	}
	if (r->sign == MACHINE_SIGN_NOTHING)
		return;
	memset(s, 0, sizeof(*s));
	s->epoch = r->epoch;
	s->seq = r->seq;
	s->time_ms = r->time_ms;
	s->count = r->n_leaves;
	memcpy(s->root, r->root, 32);
	memcpy(s->running, r->running, 32);
	memcpy(s->genesis, l->net.genesis, 32);
	l->statement_len = r->sign == MACHINE_SIGN_TRIAL
				   ? ap_statement_trial_put(l->statement_octets, s)
				   : ap_statement_batch_put(l->statement_octets, s);
	for (size_t i = 0; i < r->n_sets; i++)
		set_sign(l, i, &r->sets[i],
			 r->sign == MACHINE_SIGN_TRIAL ? FROST_TRIAL : FROST_BATCH);
}

void life_run(struct life *l)
{
	struct machine_bundle bundles[LIFE_BUNDLES_MAX];
	struct machine_batch batch = {
		.seq = l->batch.seq,
		.time_ms = l->batch.time_ms,
		.n_bundles = l->batch.n_bundles,
		.bundles = bundles,
	};

	for (size_t i = 0; i < l->batch.n_bundles; i++) {
		struct life_bundle *b = &l->batch.bundles[i];

		bundle_sign(l, b);
		bundles[i] = (struct machine_bundle){
			.relay = b->relay,
			.start = LIFE_START,
			.counter = b->counter,
			.ops = b->ops,
			.ops_len = ap_writer_len(&b->w),
		};
	}
	batch_encode(&l->batch);
	memcpy(batch.digest, l->batch.digest, 32);
	machine_apply(l->machine, &batch, &l->result);
	batch_sign(l);
}

void life_sign(struct life *l, uint8_t id, const char *tag, ap_bytes octets, uint8_t sig[64])
{
	uint8_t text[512];
	struct ap_writer w;

	ap_tag(text, tag);
	ap_writer_init(&w, text + AP_TAG_LEN, sizeof(text) - AP_TAG_LEN);
	ap_octets_put(&w, l->net.genesis, 32);
	ap_octets_put(&w, octets.data, octets.len);
	MUST(w.bad == NULL);
	MUST(ap_sign(&l->identity[id - 1], sig, text, AP_TAG_LEN + ap_writer_len(&w)) == 0);
}
