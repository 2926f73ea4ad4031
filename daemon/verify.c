#include "daemon/verify.h"

#include <sodium.h>
#include <string.h>

#include "daemon/views.h"
#include "libproto/crypto.h"
#include "libproto/digest.h"

enum { KEEPING_OCTETS_MAX = 256 };

/* ---- operations and bundles ---- */

static bool op_known(uint8_t kind)
{
	switch (kind) {
	case AP_OP_request:
	case AP_OP_read:
	case AP_OP_nonces:
	case AP_OP_tick:
	case AP_OP_retry:
	case AP_OP_blame:
	case AP_OP_badpoint:
	case AP_OP_rejoin:
	case AP_OP_enckey:
	case AP_OP_deal:
	case AP_OP_complaint:
	case AP_OP_ready:
		return true;
	default:
		return false;
	}
}

int ops_count(const uint8_t *ops, size_t len)
{
	struct ap_reader r;
	int n = 0;

	ap_reader_init(&r, ops, len);
	while (ap_reader_left(&r) > 0 && r.bad == NULL) {
		ap_op op;

		ap_op_get(&r, &op);
		if (r.bad == NULL && !op_known(op.kind))
			return -1;
		n++;
	}
	return r.bad != NULL || n == 0 || n > AP_BUNDLE_REQUESTS_MAX ? -1 : n;
}

/* draft {#disk-marks} */
bool ops_keep(const uint8_t *ops, size_t len)
{
	struct ap_reader r;

	if (len > KEEPING_OCTETS_MAX)
		return false;
	ap_reader_init(&r, ops, len);
	while (ap_reader_left(&r) > 0 && r.bad == NULL) {
		ap_op op;

		ap_op_get(&r, &op);
		if (r.bad != NULL || op.kind != AP_OP_tick)
			return false;
	}
	return len > 0 && r.bad == NULL;
}

/* Of a member's identity key. */
static bool is_signed(const struct verifier *v, uint8_t id, const uint8_t sig[64],
		      const uint8_t *text, size_t len)
{
	if (v->prepared != NULL)
		return curve_verify(&v->prepared[id - 1], sig, text, len);
	return crypto_sign_verify_detached(sig, text, len, v->keys[id - 1]) == 0;
}

static void bundle_signed_octets(uint8_t out[AP_TAG_LEN + 32], const uint8_t digest[32])
{
	ap_tag(out, "agree1-bundle-s");
	memcpy(out + AP_TAG_LEN, digest, 32);
}

static const char *bundle_check(const struct verifier *v, const ap_bundle *b, ap_bytes octets,
				struct pbft_bundle *out)
{
	uint8_t text[AP_TAG_LEN + 32];
	int n;

	if (b->relay == 0 || b->relay > v->n)
		return "bundle: relay is no member";
	if (b->ops.len > AP_BUNDLE_OPS_MAX)
		return "bundle: too large";
	n = ops_count(b->ops.data, b->ops.len);
	if (n < 0)
		return "bundle: operations do not decode";
	*out = (struct pbft_bundle){.relay = b->relay,
				    .start = b->start,
				    .counter = b->counter,
				    .requests = (uint16_t)n,
				    .keeps = ops_keep(b->ops.data, b->ops.len),
				    .octets = (uint32_t)(4 + octets.len)}; /* with its length */
	ap_digest_bundle(ap_sha256, out->digest, v->genesis, b->relay, b->start, b->counter,
			 b->ops);
	if (v->known != NULL && v->known(v->arg, out->digest, octets))
		return NULL; /* its signature has been verified, or is our own */
	bundle_signed_octets(text, out->digest);
	if (!is_signed(v, b->relay, b->sig.octets, text, sizeof(text)))
		return "bundle: bad signature of its relay";
	return NULL;
}

const char *verify_bundle_octets(const struct verifier *v, const uint8_t *octets, size_t len,
				 struct pbft_bundle *out)
{
	struct ap_reader r;
	ap_bundle b;

	ap_reader_init(&r, octets, len);
	ap_bundle_get(&r, &b);
	if (!ap_reader_done(&r))
		return "bundle: does not decode";
	return bundle_check(v, &b, (ap_bytes){octets, len}, out);
}

/* ---- batches ---- */

void digest_batch(struct pbft_batch *b)
{
	uint8_t digests[PBFT_BATCH_BUNDLES_MAX * 32];

	for (size_t i = 0; i < b->n_bundles; i++)
		memcpy(digests + 32 * i, b->bundles[i].digest, 32);
	ap_digest_batch(ap_sha256, b->digest, b->time, b->n_bundles, digests);
}

static const char *batch_check(const struct verifier *v, const ap_batch *batch,
			       struct pbft_batch *out)
{
	struct ap_reader r;
	size_t requests = 0;

	out->time = batch->time;
	out->n_bundles = 0;
	if (batch->bundles.len > AP_BATCH_OCTETS_MAX)
		return "batch: too large";
	ap_reader_init(&r, batch->bundles.data, batch->bundles.len);
	while (ap_reader_left(&r) > 0) {
		struct pbft_bundle *b = &out->bundles[out->n_bundles];
		const char *why;
		ap_span octets;

		if (out->n_bundles == PBFT_BATCH_BUNDLES_MAX)
			return "batch: too many bundles";
		ap_span_get(&r, &octets);
		if (r.bad != NULL)
			return "batch: does not decode";
		why = verify_bundle_octets(v, octets.data, octets.len, b);
		if (why != NULL)
			return why;
		requests += b->requests;
		out->n_bundles++;
	}
	if (requests > AP_BATCH_REQUESTS_MAX)
		return "batch: too many operations";
	digest_batch(out);
	return NULL;
}

const char *verify_batch_octets(const struct verifier *v, const uint8_t *octets, size_t len,
				struct pbft_batch *out)
{
	struct ap_reader r;
	ap_batch batch;

	ap_reader_init(&r, octets, len);
	ap_batch_get(&r, &batch);
	if (!ap_reader_done(&r))
		return "batch: does not decode";
	return batch_check(v, &batch, out);
}

/* ---- signatures of identity keys: T(tag) ‖ genesis ‖ encoded layout ---- */

enum { SIGNED_MAX = AP_TAG_LEN + 32 + 256 };
_Static_assert(AP_MAX_proposal <= 256 && AP_MAX_checkpoint_vote <= 256 && AP_MAX_share_body <= 256,
	       "what identity keys sign fits the buffer");

static void signed_begin(struct ap_writer *w, uint8_t text[SIGNED_MAX], const uint8_t genesis[32],
			 const char *tag)
{
	ap_tag(text, tag);
	memcpy(text + AP_TAG_LEN, genesis, 32);
	ap_writer_init(w, text + AP_TAG_LEN + 32, SIGNED_MAX - AP_TAG_LEN - 32);
}

static size_t signed_len(const struct ap_writer *w)
{
	return AP_TAG_LEN + 32 + ap_writer_len(w);
}

static size_t proposal_octets(uint8_t text[SIGNED_MAX], const uint8_t genesis[32], const char *tag,
			      const ap_proposal *p)
{
	struct ap_writer w;

	signed_begin(&w, text, genesis, tag);
	ap_proposal_put(&w, p);
	return signed_len(&w);
}

static size_t checkpoint_octets(uint8_t text[SIGNED_MAX], const uint8_t genesis[32],
				const ap_checkpoint_vote *vote)
{
	struct ap_writer w;

	signed_begin(&w, text, genesis, "agree1-checkpnt");
	ap_checkpoint_vote_put(&w, vote);
	return signed_len(&w);
}

static size_t share_octets(uint8_t text[SIGNED_MAX], const uint8_t genesis[32],
			   const ap_share_body *share)
{
	struct ap_writer w;

	signed_begin(&w, text, genesis, "agree1-share");
	ap_share_body_put(&w, share);
	return signed_len(&w);
}

bool verify_octets(const struct verifier *v, uint8_t id, const uint8_t sig[64],
		   const uint8_t *octets, size_t len)
{
	const ap_bytes parts[] = {{&id, 1}, {sig, 64}, {octets, len}};
	uint8_t name[32], *seen = NULL;

	if (v->cache != NULL) {
		ap_sha256(name, parts, 3);
		seen = v->cache->seen[((size_t)name[16] << 8 | name[17]) % VERIFY_CACHE];
		if (memcmp(seen, name, 16) == 0)
			return true;
	}
	if (!is_signed(v, id, sig, octets, len))
		return false;
	if (seen != NULL)
		memcpy(seen, name, 16);
	return true;
}

static bool verified(const struct verifier *v, uint8_t id, const ap_sig *sig, const uint8_t *text,
		     size_t len)
{
	return verify_octets(v, id, sig->octets, text, len);
}

bool verify_proposal(const struct verifier *v, const char *tag, const ap_proposal *p,
		     const ap_sig *sig)
{
	uint8_t text[SIGNED_MAX];

	return verified(v, p->replica, sig, text, proposal_octets(text, v->genesis, tag, p));
}

bool verify_checkpoint(const struct verifier *v, const ap_checkpoint_vote *vote, const ap_sig *sig)
{
	uint8_t text[SIGNED_MAX];

	return verified(v, vote->replica, sig, text, checkpoint_octets(text, v->genesis, vote));
}

void sign_bundle(const uint8_t secret[64], const uint8_t digest[32], uint8_t sig[64])
{
	uint8_t text[AP_TAG_LEN + 32];

	bundle_signed_octets(text, digest);
	crypto_sign_detached(sig, NULL, text, sizeof(text), secret);
}

void sign_proposal(const uint8_t secret[64], const uint8_t genesis[32], const char *tag,
		   const ap_proposal *p, uint8_t sig[64])
{
	uint8_t text[SIGNED_MAX];

	crypto_sign_detached(sig, NULL, text, proposal_octets(text, genesis, tag, p), secret);
}

void sign_checkpoint(const uint8_t secret[64], const uint8_t genesis[32],
		     const ap_checkpoint_vote *vote, uint8_t sig[64])
{
	uint8_t text[SIGNED_MAX];

	crypto_sign_detached(sig, NULL, text, checkpoint_octets(text, genesis, vote), secret);
}

void sign_share(const uint8_t secret[64], const uint8_t genesis[32], const ap_share_body *share,
		uint8_t sig[64])
{
	uint8_t text[SIGNED_MAX];

	crypto_sign_detached(sig, NULL, text, share_octets(text, genesis, share), secret);
}

bool verify_share(const struct verifier *v, const ap_share *m)
{
	uint8_t text[SIGNED_MAX];

	return m->share.replica >= 1 && m->share.replica <= v->n &&
	       verified(v, m->share.replica, &m->sig, text,
			share_octets(text, v->genesis, &m->share));
}

/* ---- frames, one function a message ---- */

static void proposal_copy(struct pbft_proposal *to, const ap_proposal *from)
{
	to->view = from->view;
	to->seq = from->seq;
	to->incarnation = from->incarnation;
	to->replica = from->replica;
	memcpy(to->batch, from->batch.octets, 32);
}

struct frame { /* what the functions below share */
	const struct verifier *v;
	uint8_t from;
	struct ap_reader r;
	struct pbft_event *ev;
	struct pbft_batch *batch;
	ap_bytes *body;
	const uint8_t *octets;
	size_t len;
};

static const char *bundle_frame(struct frame *f)
{
	f->ev->kind = PBFT_EV_BUNDLE;
	f->r.at = f->r.end;
	*f->body = (ap_bytes){f->octets, f->len};
	return verify_bundle_octets(f->v, f->octets, f->len, &f->ev->u.bundle);
}

static const char *pre_prepare_frame(struct frame *f)
{
	uint8_t text[SIGNED_MAX];
	const uint8_t *batch_at;
	ap_pre_prepare m;
	const char *why;
	ap_proposal p;
	ap_sig sig;

	ap_proposal_get(&f->r, &p);
	ap_sig_get(&f->r, &sig);
	batch_at = f->r.at;
	ap_batch_get(&f->r, &m.batch);
	if (!ap_reader_done(&f->r))
		return "pre-prepare: does not decode";
	if (p.replica == 0 || p.replica > f->v->n)
		return "pre-prepare: of no member";
	if (!verified(f->v, p.replica, &sig, text,
		      proposal_octets(text, f->v->genesis, "agree1-preprep", &p)))
		return "pre-prepare: bad signature";
	why = batch_check(f->v, &m.batch, f->batch);
	if (why != NULL)
		return why;
	if (memcmp(f->batch->digest, p.batch.octets, 32) != 0)
		return "pre-prepare: batch has another digest";
	f->ev->kind = PBFT_EV_PRE_PREPARE;
	proposal_copy(&f->ev->u.pre_prepare.p, &p);
	memcpy(f->ev->u.pre_prepare.sig, sig.octets, 64);
	f->ev->u.pre_prepare.batch = f->batch;
	*f->body = (ap_bytes){batch_at, (size_t)(f->r.end - batch_at)};
	return NULL;
}

const char verify_idle[] = "no longer of use";

static const char *prepare_frame(struct frame *f)
{
	uint8_t text[SIGNED_MAX];
	ap_prepare m;

	ap_prepare_get(&f->r, &m);
	if (!ap_reader_done(&f->r))
		return "prepare: does not decode";
	if (m.proposal.replica == 0 || m.proposal.replica > f->v->n)
		return "prepare: of no member";
	proposal_copy(&f->ev->u.prepare.p, &m.proposal);
	if (f->v->wanted != NULL && !f->v->wanted(f->v->arg, &f->ev->u.prepare.p))
		return verify_idle;
	if (!verified(f->v, m.proposal.replica, &m.sig, text,
		      proposal_octets(text, f->v->genesis, "agree1-prepare", &m.proposal)))
		return "prepare: bad signature";
	f->ev->kind = PBFT_EV_PREPARE;
	memcpy(f->ev->u.prepare.sig, m.sig.octets, 64);
	return NULL;
}

static const char *commit_frame(struct frame *f)
{
	ap_commit m;

	ap_commit_get(&f->r, &m);
	f->ev->kind = PBFT_EV_COMMIT;
	f->ev->u.commit.view = m.view;
	f->ev->u.commit.seq = m.seq;
	memcpy(f->ev->u.commit.batch, m.batch.octets, 32);
	return NULL;
}

static const char *checkpoint_frame(struct frame *f)
{
	uint8_t text[SIGNED_MAX];
	ap_checkpoint m;

	ap_checkpoint_get(&f->r, &m);
	if (!ap_reader_done(&f->r))
		return "checkpoint: does not decode";
	if (m.vote.replica == 0 || m.vote.replica > f->v->n)
		return "checkpoint: of no member";
	if (!verified(f->v, m.vote.replica, &m.sig, text,
		      checkpoint_octets(text, f->v->genesis, &m.vote)))
		return "checkpoint: bad signature";
	f->ev->kind = PBFT_EV_CHECKPOINT;
	f->ev->u.checkpoint.seq = m.vote.seq;
	f->ev->u.checkpoint.incarnation = m.vote.incarnation;
	f->ev->u.checkpoint.replica = m.vote.replica;
	memcpy(f->ev->u.checkpoint.state, m.vote.state.octets, 32);
	memcpy(f->ev->u.checkpoint.sig, m.sig.octets, 64);
	return NULL;
}

static const char *status_frame(struct frame *f)
{
	ap_status m;

	ap_status_get(&f->r, &m);
	if (m.disk > PBFT_DISK_FULL)
		return "status: impossible mark of its disk";
	if (m.slow > 1)
		return "status: the primary is slow or is not";
	f->ev->kind = PBFT_EV_STATUS;
	f->ev->u.status.view = m.view;
	f->ev->u.status.executed = m.executed;
	f->ev->u.status.stable = m.stable;
	memcpy(f->ev->u.status.running, m.running.octets, 32);
	f->ev->u.status.disk = (enum pbft_disk)m.disk;
	f->ev->u.status.heard = m.heard;
	f->ev->u.status.slow = m.slow != 0;
	return NULL;
}

static const char *fetch_frame(struct frame *f)
{
	ap_fetch m;

	ap_fetch_get(&f->r, &m);
	if (m.bodies > 1 || m.from > m.to)
		return "fetch: impossible range";
	f->ev->kind = PBFT_EV_FETCH;
	f->ev->u.fetch.from = m.from;
	f->ev->u.fetch.to = m.to;
	f->ev->u.fetch.bodies = m.bodies == 1;
	return NULL;
}

static const char *body_frame(struct frame *f)
{
	const char *why;
	ap_body m;

	ap_body_get(&f->r, &m);
	if (!ap_reader_done(&f->r))
		return "body: does not decode";
	why = batch_check(f->v, &m.batch, f->batch);
	if (why != NULL)
		return why;
	f->ev->kind = PBFT_EV_BODY;
	f->ev->u.body.seq = m.seq;
	f->ev->u.body.batch = f->batch;
	/* the batch stands between seq and the optional signature */
	*f->body = (ap_bytes){f->octets + 8,
			      f->len - 8 - 1 - (m.sig.present ? (size_t)AP_MAX_sig : 0)};
	return NULL;
}

static const char *attest_frame(struct frame *f)
{
	ap_attest m;

	ap_attest_get(&f->r, &m);
	f->ev->kind = PBFT_EV_ATTEST;
	f->ev->u.attest.seq = m.seq;
	memcpy(f->ev->u.attest.running, m.running.octets, 32);
	return NULL;
}

static const char *view_change_frame(struct frame *f)
{
	const char *why;

	if (f->v->views == NULL)
		return verify_idle;
	why = views_read_change(f->v->views, f->v, (ap_bytes){f->octets, f->len}, false);
	f->r.at = f->r.end;
	f->ev->kind = PBFT_EV_VIEW_CHANGE;
	f->ev->u.view_change = &f->v->views->changes[0];
	return why;
}

static const char *new_view_frame(struct frame *f)
{
	struct views *views = f->v->views;
	const char *why;

	if (views == NULL)
		return verify_idle;
	why = views_read_new_view(views, f->v, (ap_bytes){f->octets, f->len}, false);
	f->r.at = f->r.end;
	f->ev->kind = PBFT_EV_NEW_VIEW;
	f->ev->u.new_view.says = &views->says;
	f->ev->u.new_view.n_changes = views->n_changes;
	for (uint8_t i = 0; i < views->n_changes; i++)
		f->ev->u.new_view.changes[i] = &views->changes[i];
	return why;
}

static const char *fetch_batch_frame(struct frame *f)
{
	ap_fetch_batch m;

	ap_fetch_batch_get(&f->r, &m);
	f->ev->kind = PBFT_EV_FETCH_BATCH;
	f->ev->u.fetch_batch.seq = m.seq;
	memcpy(f->ev->u.fetch_batch.batch, m.batch.octets, 32);
	return NULL;
}

static const char *dispatch(struct frame *f, uint8_t type)
{
	switch (type) {
	case AP_MESSAGE_bundle:
		return bundle_frame(f);
	case AP_MESSAGE_pre_prepare:
		return pre_prepare_frame(f);
	case AP_MESSAGE_prepare:
		return prepare_frame(f);
	case AP_MESSAGE_commit:
		return commit_frame(f);
	case AP_MESSAGE_checkpoint:
		return checkpoint_frame(f);
	case AP_MESSAGE_status:
		return status_frame(f);
	case AP_MESSAGE_fetch:
		return fetch_frame(f);
	case AP_MESSAGE_body:
		return body_frame(f);
	case AP_MESSAGE_attest:
		return attest_frame(f);
	case AP_MESSAGE_view_change:
		return view_change_frame(f);
	case AP_MESSAGE_new_view:
		return new_view_frame(f);
	case AP_MESSAGE_fetch_batch:
		return fetch_batch_frame(f);
	default:
		return "frame: unknown type";
	}
}

const char *verify_frame(const struct verifier *v, uint8_t from, uint8_t type,
			 const uint8_t *octets, size_t len, struct pbft_event *ev,
			 struct pbft_batch *batch, ap_bytes *body)
{
	struct frame f = {.v = v,
			  .from = from,
			  .ev = ev,
			  .batch = batch,
			  .body = body,
			  .octets = octets,
			  .len = len};
	const char *why;

	*body = (ap_bytes){NULL, 0};
	ap_reader_init(&f.r, octets, len);
	why = dispatch(&f, type);
	if (why == NULL && !ap_reader_done(&f.r))
		why = "frame: does not decode";
	ev->from = from;
	return why;
}
