/* What a frame has to be before the core sees it: daemon/verify.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "daemon/verify.h"
#include "libproto/crypto.h"
#include "libproto/digest.h"

enum { N = 4 };

static uint8_t keys[N][32], secrets[N][64];
static struct verifier verifier;
static struct curve_key *prepared; /* with tables, in the second run of all tests */
static struct pbft_event ev;
static struct pbft_batch batch;
static ap_bytes body;

static int setup(void **state)
{
	(void)state;
	if (sodium_init() < 0)
		return -1;
	for (uint8_t i = 0; i < N; i++) {
		uint8_t seed[32] = {i};

		crypto_sign_seed_keypair(keys[i], secrets[i], seed);
	}
	return 0;
}

static int setup_prepared(void **state)
{
	if (setup(state) != 0)
		return -1;
	prepared = aligned_alloc(_Alignof(struct curve_key), N * sizeof(*prepared));
	for (uint8_t i = 0; prepared != NULL && i < N; i++)
		if (curve_key_init(&prepared[i], keys[i]) != 0)
			return -1;
	return prepared == NULL ? -1 : 0;
}

static int teardown_prepared(void **state)
{
	(void)state;
	free(prepared);
	prepared = NULL;
	return 0;
}

static int each(void **state)
{
	(void)state;
	verifier = (struct verifier){.n = N,
				     .self = 1,
				     .genesis = {7},
				     .keys = (const uint8_t(*)[32])keys,
				     .prepared = prepared};
	return 0;
}

/* ---- frames ---- */

struct frame {
	uint8_t type;
	size_t len;
	uint8_t octets[1 << 21];
};

static struct frame frame, other;

static const char *verify(uint8_t from, const struct frame *f)
{
	/* a copy of exactly its length, so that a read behind the end is seen */
	static uint8_t *copy;
	const char *why;

	free(copy);
	copy = malloc(f->len + 1);
	assert_non_null(copy);
	memcpy(copy, f->octets, f->len);
	memset(&ev, 0, sizeof(ev));
	why = verify_frame(&verifier, from, f->type, copy, f->len, &ev, &batch, &body);
	if (body.len > 0)
		assert_true(body.data >= copy && body.data + body.len <= copy + f->len);
	return why;
}

static void put(struct frame *f, uint8_t type, const struct ap_message *m)
{
	struct ap_writer w;

	ap_writer_init(&w, f->octets, sizeof(f->octets));
	ap_message_put(&w, m);
	assert_null(w.bad);
	f->type = type;
	f->len = ap_writer_len(&w);
}

/* ---- operations, bundles, batches ---- */

static size_t ops_of(uint8_t *out, size_t cap, unsigned n, uint8_t kind, size_t body_len)
{
	static uint8_t zeros[AP_SPAN16_MAX];
	ap_op op = {.kind = kind, .body = {zeros, body_len}};
	struct ap_writer w;

	ap_writer_init(&w, out, cap);
	for (unsigned i = 0; i < n; i++)
		ap_op_put(&w, &op);
	assert_null(w.bad);
	return ap_writer_len(&w);
}

/* An encoded bundle of `n` reads. */
static size_t bundle_of(uint8_t *out, size_t cap, uint8_t relay, uint64_t counter, ap_bytes ops,
			uint8_t signer)
{
	ap_bundle b = {.relay = relay, .start = 3, .counter = counter, .ops = ops};
	uint8_t digest[32];
	struct ap_writer w;

	ap_digest_bundle(ap_sha256, digest, verifier.genesis, relay, 3, counter, ops);
	sign_bundle(secrets[signer - 1], digest, b.sig.octets);
	ap_writer_init(&w, out, cap);
	ap_bundle_put(&w, &b);
	assert_null(w.bad);
	return ap_writer_len(&w);
}

/* An encoded batch of so many bundles of so many reads. */
static size_t batch_of(uint8_t *out, size_t cap, unsigned bundles, unsigned reads)
{
	static uint8_t ops[1 << 18], bundle[1 << 19], all[1 << 21];
	ap_batch b = {.time = 1234};
	struct ap_writer w, inner;

	ap_writer_init(&inner, all, sizeof(all));
	for (unsigned i = 0; i < bundles; i++) {
		size_t n = ops_of(ops, sizeof(ops), reads, AP_OP_read, 53);
		ap_span span = {bundle, 0};

		span.len = bundle_of(bundle, sizeof(bundle), (uint8_t)(i % N + 1), i + 1,
				     (ap_bytes){ops, n}, (uint8_t)(i % N + 1));
		ap_span_put(&inner, &span);
		assert_null(inner.bad);
	}
	b.bundles = (ap_span){all, ap_writer_len(&inner)};
	ap_writer_init(&w, out, cap);
	ap_batch_put(&w, &b);
	assert_null(w.bad);
	return ap_writer_len(&w);
}

static void batch_decode(ap_batch *b, const uint8_t *octets, size_t len)
{
	struct ap_reader r;

	ap_reader_init(&r, octets, len);
	ap_batch_get(&r, b);
	assert_true(ap_reader_done(&r));
}

static void proposal_of(ap_proposal *p, uint8_t replica, const uint8_t digest[32])
{
	*p = (ap_proposal){.view = 2, .seq = 77, .incarnation = 5, .replica = replica};
	memcpy(p->batch.octets, digest, 32);
}

static uint8_t batch_octets[1 << 21];

static void pre_prepare(struct frame *f, unsigned bundles, unsigned reads)
{
	struct ap_message m = {.code = AP_MESSAGE_pre_prepare};
	struct pbft_batch parsed;
	size_t n = batch_of(batch_octets, sizeof(batch_octets), bundles, reads);

	assert_null(verify_batch_octets(&verifier, batch_octets, n, &parsed));
	batch_decode(&m.as_pre_prepare.batch, batch_octets, n);
	proposal_of(&m.as_pre_prepare.proposal, 3, parsed.digest);
	sign_proposal(secrets[2], verifier.genesis, "agree1-preprep", &m.as_pre_prepare.proposal,
		      m.as_pre_prepare.sig.octets);
	put(f, m.code, &m);
}

static void prepare(struct frame *f)
{
	struct ap_message m = {.code = AP_MESSAGE_prepare};
	uint8_t digest[32] = {9};

	proposal_of(&m.as_prepare.proposal, 2, digest);
	sign_proposal(secrets[1], verifier.genesis, "agree1-prepare", &m.as_prepare.proposal,
		      m.as_prepare.sig.octets);
	put(f, m.code, &m);
}

static void checkpoint(struct frame *f)
{
	struct ap_message m = {.code = AP_MESSAGE_checkpoint};

	m.as_checkpoint.vote =
		(ap_checkpoint_vote){.seq = 128, .incarnation = 4, .replica = 4, .state = {{8}}};
	sign_checkpoint(secrets[3], verifier.genesis, &m.as_checkpoint.vote,
			m.as_checkpoint.sig.octets);
	put(f, m.code, &m);
}

static void bundle(struct frame *f)
{
	uint8_t ops[256];
	size_t n = ops_of(ops, sizeof(ops), 2, AP_OP_read, 53);

	f->type = AP_MESSAGE_bundle;
	f->len = bundle_of(f->octets, sizeof(f->octets), 2, 9, (ap_bytes){ops, n}, 2);
}

static void body_frame(struct frame *f, bool sig)
{
	struct ap_message m = {.code = AP_MESSAGE_body};
	size_t n = batch_of(batch_octets, sizeof(batch_octets), 2, 2);

	m.as_body.seq = 99;
	batch_decode(&m.as_body.batch, batch_octets, n);
	m.as_body.sig.present = sig;
	if (sig)
		memset(m.as_body.sig.it.octets, 0x5a, 64);
	put(f, m.code, &m);
}

static void small(struct frame *f, uint8_t code)
{
	struct ap_message m = {.code = code};

	switch (code) {
	case AP_MESSAGE_commit:
		m.as_commit = (ap_commit){.view = 1, .seq = 2, .batch = {{3}}};
		break;
	case AP_MESSAGE_status:
		m.as_status =
			(ap_status){.view = 1, .executed = 20, .stable = 10, .running = {{4}}};
		break;
	case AP_MESSAGE_fetch:
		m.as_fetch = (ap_fetch){.from = 5, .to = 9, .bodies = 1};
		break;
	default:
		m.as_attest = (ap_attest){.seq = 6, .running = {{7}}};
	}
	put(f, code, &m);
}

/* ---- good ones ---- */

static void good_frames_become_events(void **state)
{
	(void)state;
	bundle(&frame);
	assert_null(verify(4, &frame));
	assert_int_equal(ev.kind, PBFT_EV_BUNDLE);
	assert_int_equal(ev.from, 4);
	assert_int_equal(ev.u.bundle.relay, 2);
	assert_int_equal(ev.u.bundle.start, 3);
	assert_int_equal(ev.u.bundle.counter, 9);
	assert_int_equal(ev.u.bundle.requests, 2);
	assert_int_equal(ev.u.bundle.octets, 4 + frame.len); /* with its length, as in a batch */
	assert_int_equal(body.len, frame.len);
	prepare(&frame);
	assert_null(verify(2, &frame));
	assert_int_equal(ev.kind, PBFT_EV_PREPARE);
	assert_int_equal(ev.u.prepare.p.view, 2);
	assert_int_equal(ev.u.prepare.p.seq, 77);
	assert_int_equal(ev.u.prepare.p.incarnation, 5);
	assert_int_equal(ev.u.prepare.p.replica, 2);
	assert_int_equal(ev.u.prepare.p.batch[0], 9);
	assert_memory_equal(ev.u.prepare.sig, frame.octets + frame.len - 64, 64);
	assert_int_equal(body.len, 0);
	checkpoint(&frame);
	assert_null(verify(1, &frame));
	assert_int_equal(ev.kind, PBFT_EV_CHECKPOINT);
	assert_int_equal(ev.u.checkpoint.seq, 128);
	assert_int_equal(ev.u.checkpoint.incarnation, 4);
	assert_int_equal(ev.u.checkpoint.replica, 4);
	assert_int_equal(ev.u.checkpoint.state[0], 8);
	assert_memory_equal(ev.u.checkpoint.sig, frame.octets + frame.len - 64, 64);
}

static void good_frames_without_signature_too(void **state)
{
	(void)state;
	small(&frame, AP_MESSAGE_commit);
	assert_null(verify(2, &frame));
	assert_int_equal(ev.kind, PBFT_EV_COMMIT);
	assert_int_equal(ev.u.commit.view, 1);
	assert_int_equal(ev.u.commit.seq, 2);
	assert_int_equal(ev.u.commit.batch[0], 3);
	small(&frame, AP_MESSAGE_status);
	assert_null(verify(2, &frame));
	assert_int_equal(ev.kind, PBFT_EV_STATUS);
	assert_int_equal(ev.u.status.executed, 20);
	assert_int_equal(ev.u.status.stable, 10);
	assert_int_equal(ev.u.status.running[0], 4);
	small(&frame, AP_MESSAGE_fetch);
	assert_null(verify(2, &frame));
	assert_int_equal(ev.kind, PBFT_EV_FETCH);
	assert_int_equal(ev.u.fetch.from, 5);
	assert_int_equal(ev.u.fetch.to, 9);
	assert_true(ev.u.fetch.bodies);
	small(&frame, AP_MESSAGE_attest);
	assert_null(verify(3, &frame));
	assert_int_equal(ev.kind, PBFT_EV_ATTEST);
	assert_int_equal(ev.from, 3);
	assert_int_equal(ev.u.attest.seq, 6);
	assert_int_equal(ev.u.attest.running[0], 7);
}

static void a_pre_prepare_brings_its_batch(void **state)
{
	struct pbft_batch parsed;

	(void)state;
	pre_prepare(&frame, 3, 5);
	assert_null(verify(3, &frame));
	assert_int_equal(ev.kind, PBFT_EV_PRE_PREPARE);
	assert_int_equal(ev.u.pre_prepare.p.replica, 3);
	assert_ptr_equal(ev.u.pre_prepare.batch, &batch);
	assert_int_equal(batch.n_bundles, 3);
	assert_int_equal(batch.time, 1234);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(batch.bundles[i].relay, i + 1);
		assert_int_equal(batch.bundles[i].counter, i + 1);
		assert_int_equal(batch.bundles[i].requests, 5);
	}
	assert_memory_equal(batch.digest, ev.u.pre_prepare.p.batch, 32);
	assert_null(verify_batch_octets(&verifier, body.data, body.len, &parsed));
	assert_memory_equal(parsed.digest, batch.digest, 32);
	pre_prepare(&frame, 0, 0); /* a null batch */
	assert_null(verify(3, &frame));
	assert_int_equal(batch.n_bundles, 0);
}

static void a_body_stands_between_sequence_and_signature(void **state)
{
	struct pbft_batch parsed;

	(void)state;
	for (int sig = 0; sig < 2; sig++) {
		body_frame(&frame, sig != 0);
		assert_null(verify(2, &frame));
		assert_int_equal(ev.kind, PBFT_EV_BODY);
		assert_int_equal(ev.u.body.seq, 99);
		assert_ptr_equal(ev.u.body.batch, &batch);
		assert_null(verify_batch_octets(&verifier, body.data, body.len, &parsed));
		assert_memory_equal(parsed.digest, batch.digest, 32);
	}
}

/* ---- bad ones ---- */

static void assert_truncations_refused(void)
{
	size_t whole = frame.len;

	for (frame.len = 0; frame.len < whole; frame.len++)
		assert_non_null(verify(2, &frame));
	frame.octets[whole] = 0;
	frame.len = whole + 1;
	assert_non_null(verify(2, &frame));
	frame.len = whole;
	assert_null(verify(2, &frame));
}

/* Each bit outside of [from, to) that is flipped makes the frame bad. */
static void assert_flips_refused(size_t from, size_t to)
{
	for (size_t at = 0; at < frame.len; at++) {
		for (int bit = 0; bit < 8; bit++) {
			frame.octets[at] ^= (uint8_t)(1 << bit);
			if (at < from || at >= to)
				assert_non_null(verify(2, &frame));
			else
				verify(2, &frame);
			frame.octets[at] ^= (uint8_t)(1 << bit);
		}
	}
	assert_null(verify(2, &frame));
}

static void each_truncation_is_refused(void **state)
{
	static const uint8_t codes[] = {AP_MESSAGE_commit, AP_MESSAGE_status, AP_MESSAGE_fetch,
					AP_MESSAGE_attest};

	(void)state;
	for (size_t i = 0; i < sizeof(codes); i++) {
		small(&frame, codes[i]);
		assert_truncations_refused();
	}
	bundle(&frame);
	assert_truncations_refused();
	prepare(&frame);
	assert_truncations_refused();
	checkpoint(&frame);
	assert_truncations_refused();
	pre_prepare(&frame, 2, 1);
	assert_truncations_refused();
	body_frame(&frame, true);
	assert_truncations_refused();
	body_frame(&frame, false);
	assert_truncations_refused();
}

static void each_flipped_bit_of_what_is_signed_is_refused(void **state)
{
	(void)state;
	bundle(&frame);
	assert_flips_refused(0, 0);
	prepare(&frame);
	assert_flips_refused(0, 0);
	checkpoint(&frame);
	assert_flips_refused(0, 0);
	pre_prepare(&frame, 1, 1);
	assert_flips_refused(0, 0);
}

static void of_a_body_sequence_and_time_are_for_the_chain_to_judge(void **state)
{
	(void)state;
	body_frame(&frame, true);
	for (size_t at = 0; at < frame.len; at++) {
		bool unsigned_part = at < 16 || at >= frame.len - 64;

		frame.octets[at] ^= 4;
		assert_int_equal(verify(2, &frame) == NULL, unsigned_part);
		frame.octets[at] ^= 4;
	}
}

static void signatures_of_others_are_refused(void **state)
{
	struct ap_message m = {.code = AP_MESSAGE_prepare};
	uint8_t digest[32] = {9}, ops[256];
	size_t n = ops_of(ops, sizeof(ops), 1, AP_OP_read, 53);

	(void)state;
	proposal_of(&m.as_prepare.proposal, 2, digest);
	sign_proposal(secrets[2], verifier.genesis, "agree1-prepare", &m.as_prepare.proposal,
		      m.as_prepare.sig.octets);
	put(&frame, m.code, &m);
	assert_non_null(verify(3, &frame));
	/* a PRE-PREPARE's signature is none of a PREPARE */
	sign_proposal(secrets[1], verifier.genesis, "agree1-preprep", &m.as_prepare.proposal,
		      m.as_prepare.sig.octets);
	put(&frame, m.code, &m);
	assert_non_null(verify(2, &frame));
	frame.type = AP_MESSAGE_bundle;
	frame.len = bundle_of(frame.octets, sizeof(frame.octets), 2, 9, (ap_bytes){ops, n}, 3);
	assert_non_null(verify(3, &frame));
}

static void another_networks_frames_are_refused(void **state)
{
	(void)state;
	bundle(&frame);
	verifier.genesis[0] ^= 1;
	assert_non_null(verify(2, &frame));
	verifier.genesis[0] ^= 1;
	prepare(&frame);
	verifier.genesis[0] ^= 1;
	assert_non_null(verify(2, &frame));
	verifier.genesis[0] ^= 1;
	checkpoint(&frame);
	verifier.genesis[0] ^= 1;
	assert_non_null(verify(2, &frame));
	verifier.genesis[0] ^= 1;
	pre_prepare(&frame, 1, 1);
	verifier.genesis[0] ^= 1;
	assert_non_null(verify(2, &frame));
}

static void who_is_no_member_is_refused(void **state)
{
	static const uint8_t ids[] = {0, N + 1, 13, 255};
	uint8_t digest[32] = {1}, ops[256];
	size_t n = ops_of(ops, sizeof(ops), 1, AP_OP_read, 53);

	(void)state;
	for (size_t i = 0; i < sizeof(ids); i++) {
		struct ap_message m = {.code = AP_MESSAGE_prepare};

		proposal_of(&m.as_prepare.proposal, ids[i], digest);
		put(&frame, m.code, &m);
		assert_non_null(verify(2, &frame));
		m = (struct ap_message){.code = AP_MESSAGE_checkpoint};
		m.as_checkpoint.vote.replica = ids[i];
		put(&frame, m.code, &m);
		assert_non_null(verify(2, &frame));
		m = (struct ap_message){.code = AP_MESSAGE_pre_prepare};
		proposal_of(&m.as_pre_prepare.proposal, ids[i], digest);
		put(&frame, m.code, &m);
		assert_non_null(verify(2, &frame));
		frame.type = AP_MESSAGE_bundle;
		frame.len = bundle_of(frame.octets, sizeof(frame.octets), ids[i], 9,
				      (ap_bytes){ops, n}, 1);
		assert_non_null(verify(2, &frame));
	}
}

static void a_batch_of_another_digest_is_refused(void **state)
{
	struct ap_message m = {.code = AP_MESSAGE_pre_prepare};
	uint8_t digest[32] = {1};
	size_t n = batch_of(batch_octets, sizeof(batch_octets), 2, 2);

	(void)state;
	batch_decode(&m.as_pre_prepare.batch, batch_octets, n);
	proposal_of(&m.as_pre_prepare.proposal, 3, digest);
	sign_proposal(secrets[2], verifier.genesis, "agree1-preprep", &m.as_pre_prepare.proposal,
		      m.as_pre_prepare.sig.octets);
	put(&frame, m.code, &m);
	assert_non_null(verify(3, &frame));
}

static void fetches_of_impossible_ranges_are_refused(void **state)
{
	struct ap_message m = {.code = AP_MESSAGE_fetch, .as_fetch = {.from = 9, .to = 8}};

	(void)state;
	put(&frame, m.code, &m);
	assert_non_null(verify(2, &frame));
	m.as_fetch = (ap_fetch){.from = 8, .to = 8, .bodies = 2};
	put(&frame, m.code, &m);
	assert_non_null(verify(2, &frame));
	m.as_fetch = (ap_fetch){.from = 8, .to = 8, .bodies = 0};
	put(&frame, m.code, &m);
	assert_null(verify(2, &frame));
	assert_false(ev.u.fetch.bodies);
}

static void types_that_are_not_the_cores_are_refused(void **state)
{
	(void)state;
	small(&frame, AP_MESSAGE_commit);
	for (unsigned type = 0; type < 256; type++) {
		frame.type = (uint8_t)type;
		if (type != AP_MESSAGE_commit)
			assert_non_null(verify(2, &frame));
	}
	frame.len = 0;
	for (unsigned type = 0; type < 256; type++) {
		frame.type = (uint8_t)type;
		assert_non_null(verify(2, &frame));
	}
}

/* ---- bounds ---- */

static void operations_are_counted_and_bounded(void **state)
{
	static uint8_t ops[1 << 19];
	size_t n;

	(void)state;
	assert_int_equal(ops_count(ops, 0), -1);
	for (unsigned kind = 0; kind < 256; kind++) {
		bool known = ap_operation_name((uint8_t)kind) != NULL;

		n = ops_of(ops, sizeof(ops), 3, (uint8_t)kind, 5);
		assert_int_equal(ops_count(ops, n), known ? 3 : -1);
		assert_int_equal(ops_count(ops, n - 1), -1);
	}
	n = ops_of(ops, sizeof(ops), AP_BUNDLE_REQUESTS_MAX, AP_OP_read, 53);
	assert_int_equal(ops_count(ops, n), AP_BUNDLE_REQUESTS_MAX);
	n = ops_of(ops, sizeof(ops), AP_BUNDLE_REQUESTS_MAX + 1, AP_OP_read, 53);
	assert_int_equal(ops_count(ops, n), -1);
	n = ops_of(ops, sizeof(ops), 100000, AP_OP_tick, 0);
	assert_int_equal(ops_count(ops, n), -1);
}

static void bundles_have_their_bounds(void **state)
{
	static uint8_t ops[1 << 19];
	struct pbft_bundle b;
	size_t n;

	(void)state;
	/* 4 operations of 65,532 octets and their heads of 3 are just 256 KiB less 4 */
	n = ops_of(ops, sizeof(ops), 4, AP_OP_request, 65532);
	n += ops_of(ops + n, sizeof(ops) - n, 1, AP_OP_tick, 0);
	assert_int_equal(n, AP_BUNDLE_OPS_MAX - 1);
	frame.len = bundle_of(frame.octets, sizeof(frame.octets), 2, 9, (ap_bytes){ops, n}, 2);
	assert_null(verify_bundle_octets(&verifier, frame.octets, frame.len, &b));
	n += ops_of(ops + n, sizeof(ops) - n, 1, AP_OP_tick, 0);
	frame.len = bundle_of(frame.octets, sizeof(frame.octets), 2, 9, (ap_bytes){ops, n}, 2);
	assert_non_null(verify_bundle_octets(&verifier, frame.octets, frame.len, &b));
	frame.len = bundle_of(frame.octets, sizeof(frame.octets), 2, 9, (ap_bytes){ops, 0}, 2);
	assert_non_null(verify_bundle_octets(&verifier, frame.octets, frame.len, &b));
}

static void batches_have_their_bounds(void **state)
{
	size_t n;

	(void)state;
	n = batch_of(batch_octets, sizeof(batch_octets), 64, 16); /* 64 bundles, 1024 operations */
	assert_null(verify_batch_octets(&verifier, batch_octets, n, &batch));
	assert_int_equal(batch.n_bundles, 64);
	n = batch_of(batch_octets, sizeof(batch_octets), 65, 1);
	assert_non_null(verify_batch_octets(&verifier, batch_octets, n, &batch));
	n = batch_of(batch_octets, sizeof(batch_octets), 61, 17); /* 1037 operations */
	assert_non_null(verify_batch_octets(&verifier, batch_octets, n, &batch));
}

static void a_batch_of_too_many_octets_is_refused(void **state)
{
	static uint8_t ops[1 << 18], one[1 << 19], all[1 << 21];
	ap_batch b = {.time = 1};
	struct ap_writer w;
	size_t n;

	(void)state;
	n = ops_of(ops, sizeof(ops), 4, AP_OP_request, 65000);
	ap_writer_init(&w, all, sizeof(all));
	for (uint64_t i = 0; i < 5; i++) {
		ap_span span = {one, bundle_of(one, sizeof(one), 1, i + 1, (ap_bytes){ops, n}, 1)};

		ap_span_put(&w, &span);
		b.bundles = (ap_span){all, ap_writer_len(&w)};
		ap_writer_init(&w, batch_octets, sizeof(batch_octets));
		ap_batch_put(&w, &b);
		assert_int_equal(verify_batch_octets(&verifier, batch_octets, ap_writer_len(&w),
						     &batch) == NULL,
				 b.bundles.len <= AP_BATCH_OCTETS_MAX);
		ap_writer_init(&w, all, sizeof(all));
		w.at = w.start + b.bundles.len;
	}
	assert_true(b.bundles.len > AP_BATCH_OCTETS_MAX);
}

/* ---- shortcuts ---- */

static struct {
	unsigned asked;
	const uint8_t *octets;
	size_t len;
} memory;

static bool known(void *arg, const uint8_t digest[32], ap_bytes octets)
{
	(void)arg;
	(void)digest;
	memory.asked++;
	return octets.len == memory.len && memcmp(octets.data, memory.octets, octets.len) == 0;
}

static void what_passed_before_is_not_verified_again(void **state)
{
	(void)state;
	memory.asked = 0;
	verifier.known = known;
	bundle(&frame);
	frame.octets[frame.len - 1] ^= 1; /* a bad signature shows that it is not looked at */
	memory.octets = frame.octets;
	memory.len = frame.len;
	assert_null(verify(2, &frame));
	assert_int_equal(memory.asked, 1);
	memcpy(&other, &frame, sizeof(frame));
	other.octets[other.len - 2] ^= 1; /* same digest, other octets */
	assert_non_null(verify(2, &other));
	other.octets[other.len - 2] ^= 1;
	other.octets[1] ^= 1; /* what does not decode to the same is no matter of memory */
	assert_non_null(verify(2, &other));
}

static unsigned wanted_asked;

static bool not_wanted(void *arg, const struct pbft_proposal *p)
{
	(void)arg;
	wanted_asked++;
	assert_int_equal(p->seq, 77);
	return false;
}

static void a_prepare_of_no_use_is_passed_over(void **state)
{
	(void)state;
	prepare(&frame);
	wanted_asked = 0;
	verifier.wanted = not_wanted;
	assert_ptr_equal(verify(2, &frame), verify_idle);
	assert_int_equal(wanted_asked, 1);
	frame.len--;
	assert_ptr_not_equal(verify(2, &frame), verify_idle);
	assert_non_null(verify(2, &frame));
	checkpoint(&frame);
	assert_null(verify(2, &frame));
}

/* ---- shares ---- */

static void shares_are_signed_evidence(void **state)
{
	ap_share share = {.share = {.epoch = 1, .seq = 9, .set = 1, .replica = 2, .z = {{5}}}};

	(void)state;
	sign_share(secrets[1], verifier.genesis, &share.share, share.sig.octets);
	assert_true(verify_share(&verifier, &share));
	share.share.seq++;
	assert_false(verify_share(&verifier, &share));
	share.share.seq--;
	share.share.z.octets[31] ^= 1;
	assert_false(verify_share(&verifier, &share));
	share.share.z.octets[31] ^= 1;
	share.share.replica = 3;
	assert_false(verify_share(&verifier, &share));
	share.share.replica = 0;
	assert_false(verify_share(&verifier, &share));
	share.share.replica = N + 1;
	assert_false(verify_share(&verifier, &share));
}

#define EACH(test) cmocka_unit_test_setup(test, each)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(good_frames_become_events),
		EACH(good_frames_without_signature_too),
		EACH(a_pre_prepare_brings_its_batch),
		EACH(a_body_stands_between_sequence_and_signature),
		EACH(each_truncation_is_refused),
		EACH(each_flipped_bit_of_what_is_signed_is_refused),
		EACH(of_a_body_sequence_and_time_are_for_the_chain_to_judge),
		EACH(signatures_of_others_are_refused),
		EACH(another_networks_frames_are_refused),
		EACH(who_is_no_member_is_refused),
		EACH(a_batch_of_another_digest_is_refused),
		EACH(fetches_of_impossible_ranges_are_refused),
		EACH(types_that_are_not_the_cores_are_refused),
		EACH(operations_are_counted_and_bounded),
		EACH(bundles_have_their_bounds),
		EACH(batches_have_their_bounds),
		EACH(a_batch_of_too_many_octets_is_refused),
		EACH(what_passed_before_is_not_verified_again),
		EACH(a_prepare_of_no_use_is_passed_over),
		EACH(shares_are_signed_evidence),
	};

	return cmocka_run_group_tests_name("verify", tests, setup, NULL) +
	       cmocka_run_group_tests_name("verify_prepared", tests, setup_prepared,
					   teardown_prepared);
}
