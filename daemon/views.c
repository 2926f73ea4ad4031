#include "daemon/views.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/pbft/quorum.h"
#include "libproto/crypto.h"
#include "libproto/digest.h"

/* ---- what is kept ---- */

struct views *views_new(void)
{
	return calloc(1, sizeof(struct views));
}

void views_free(struct views *v)
{
	if (v == NULL)
		return;
	for (size_t i = 0; i < AP_REPLICAS_MAX; i++)
		free(v->change[i]);
	free(v->new_view);
	free(v);
}

static bool keep(uint8_t **at, size_t *len, ap_bytes octets)
{
	uint8_t *copy = malloc(octets.len > 0 ? octets.len : 1);

	if (copy == NULL)
		return false;
	memcpy(copy, octets.data, octets.len);
	free(*at);
	*at = copy;
	*len = octets.len;
	return true;
}

bool views_keep_change(struct views *v, uint8_t replica, ap_bytes octets)
{
	return keep(&v->change[replica - 1], &v->change_len[replica - 1], octets);
}

bool views_keep_new_view(struct views *v, ap_bytes octets)
{
	return keep(&v->new_view, &v->new_view_len, octets);
}

ap_bytes views_change(const struct views *v, uint8_t replica)
{
	return (ap_bytes){v->change[replica - 1], v->change_len[replica - 1]};
}

ap_bytes views_new_view(const struct views *v)
{
	return (ap_bytes){v->new_view, v->new_view_len};
}

/* ---- signatures: T(tag) ‖ genesis ‖ SHA-256 of what is said ---- */

enum { SIGNED_LEN = AP_TAG_LEN + 32 + 32 };

static void signed_octets(uint8_t out[SIGNED_LEN], const struct verifier *v, const char *tag,
			  ap_bytes says)
{
	ap_tag(out, tag);
	memcpy(out + AP_TAG_LEN, v->genesis, 32);
	ap_sha256(out + AP_TAG_LEN + 32, &says, 1);
}

/* Appends the signature to what was written. */
static void sign_all(struct ap_writer *w, const struct verifier *v, const char *tag,
		     const uint8_t secret[64])
{
	uint8_t text[SIGNED_LEN], sig[64];

	signed_octets(text, v, tag, ap_writer_bytes(w));
	crypto_sign_detached(sig, NULL, text, sizeof(text), secret);
	ap_octets_put(w, sig, 64);
}

static bool is_signed(const struct verifier *v, const char *tag, uint8_t replica, ap_bytes octets)
{
	uint8_t text[SIGNED_LEN];

	if (replica == 0 || replica > v->n || octets.len < 64)
		return false;
	signed_octets(text, v, tag, (ap_bytes){octets.data, octets.len - 64});
	return verify_octets(v, replica, octets.data + octets.len - 64, text, sizeof(text));
}

/* ---- making ---- */

static void length_put(struct ap_writer *w, size_t at, const struct ap_writer *end)
{
	uint32_t len = (uint32_t)(ap_writer_len(end) - at - 4);

	if (w->bad != NULL)
		return;
	for (size_t i = 0; i < 4; i++)
		w->start[at + i] = (uint8_t)(len >> (24 - 8 * i));
}

static size_t length_begin(struct ap_writer *w)
{
	size_t at = ap_writer_len(w);
	uint32_t none = 0;

	ap_u32_put(w, &none);
	return at;
}

/* The first `count` signers of a set: u16, then incarnation and signature of each. */
static void signers_put(struct ap_writer *w, uint16_t who, uint8_t count,
			const uint64_t *incarnation, const uint8_t (*sig)[64])
{
	uint16_t chosen = 0;

	for (size_t i = 0; i < AP_REPLICAS_MAX && count > 0; i++)
		if ((who >> i & 1) != 0) {
			chosen |= (uint16_t)(1u << i);
			count--;
		}
	ap_u16_put(w, &chosen);
	for (size_t i = 0; i < AP_REPLICAS_MAX; i++) {
		if ((chosen >> i & 1) == 0)
			continue;
		ap_u64_put(w, &incarnation[i]);
		ap_octets_put(w, sig[i], 64);
	}
}

/* Own signatures are not kept by the core: the same ones are made again. */
static void certificate_put(struct ap_writer *w, const struct verifier *v, const uint8_t secret[64],
			    const struct pbft_claim *claim, const struct pbft_prepared *prepared)
{
	uint8_t primary = (uint8_t)(1 + claim->view % v->n);
	struct pbft_certificate cert = prepared->cert;
	ap_proposal p = {.view = claim->view,
			 .seq = claim->seq,
			 .incarnation = prepared->incarnation,
			 .replica = primary};
	ap_proposal own = p;

	memcpy(p.batch.octets, claim->batch, 32);
	memcpy(own.batch.octets, claim->batch, 32);
	own.replica = v->self;
	own.incarnation = cert.incarnation[v->self - 1];
	if (primary == v->self)
		sign_proposal(secret, v->genesis, "agree1-preprep", &p, cert.pre_prepare_sig);
	else if ((cert.who >> (v->self - 1) & 1) != 0)
		sign_proposal(secret, v->genesis, "agree1-prepare", &own, cert.sig[v->self - 1]);
	ap_proposal_put(w, &p);
	ap_octets_put(w, cert.pre_prepare_sig, 64);
	cert.who &= (uint16_t)~pbft_quorum_bit(v->n, primary);
	signers_put(w, cert.who, (uint8_t)(2 * pbft_quorum_faulty(v->n)), cert.incarnation,
		    (const uint8_t(*)[64])cert.sig);
}

static void stable_put(struct ap_writer *w, const struct verifier *v, const uint8_t secret[64],
		       const struct pbft_effect *e)
{
	const struct pbft_view_change *says = e->u.view_change.says;
	ap_checkpoint_vote own = {.seq = says->stable, .replica = v->self};
	uint8_t sig[AP_REPLICAS_MAX][64];

	if (says->stable == 0)
		return;
	memcpy(sig, e->u.view_change.sig, sizeof(sig));
	own.incarnation = e->u.view_change.incarnation[v->self - 1];
	memcpy(own.state.octets, says->state, 32);
	sign_checkpoint(secret, v->genesis, &own, sig[v->self - 1]);
	signers_put(w, e->u.view_change.who, (uint8_t)(2 * pbft_quorum_faulty(v->n) + 1),
		    e->u.view_change.incarnation, (const uint8_t(*)[64])sig);
}

bool views_make_change(struct views *views, const struct verifier *v, const uint8_t secret[64],
		       const struct pbft_effect *e)
{
	const struct pbft_view_change *says = e->u.view_change.says;
	uint8_t *buf = malloc(VIEWS_CHANGE_MAX);
	struct ap_writer w;
	size_t at;
	bool good;

	if (buf == NULL)
		return false;
	ap_writer_init(&w, buf, VIEWS_CHANGE_MAX);
	ap_u64_put(&w, &says->view);
	ap_u64_put(&w, &says->incarnation);
	ap_u8_put(&w, &says->replica);
	ap_u64_put(&w, &says->stable);
	ap_octets_put(&w, says->state, 32);
	at = length_begin(&w);
	stable_put(&w, v, secret, e);
	length_put(&w, at, &w);
	at = length_begin(&w);
	for (uint16_t i = 0; i < says->n_prepared; i++)
		certificate_put(&w, v, secret, &says->prepared[i], e->u.view_change.prepared[i]);
	length_put(&w, at, &w);
	sign_all(&w, v, "agree1-viewchng", secret);
	good = w.bad == NULL && views_keep_change(views, v->self, ap_writer_bytes(&w));
	free(buf);
	return good;
}

static void proposals_put(struct ap_writer *w, const struct verifier *v, const uint8_t secret[64],
			  const struct pbft_new_view *says)
{
	ap_proposal p = {
		.view = says->view, .incarnation = says->incarnation, .replica = says->replica};
	uint8_t sig[64];

	for (uint16_t i = 0; i < says->n; i++) {
		p.seq = says->first + 1 + i;
		memcpy(p.batch.octets, says->batch[i], 32);
		sign_proposal(secret, v->genesis, "agree1-preprep", &p, sig);
		ap_octets_put(w, says->batch[i], 32);
		ap_octets_put(w, sig, 64);
	}
}

bool views_make_new_view(struct views *views, const struct verifier *v, const uint8_t secret[64],
			 const struct pbft_effect *e)
{
	const struct pbft_new_view *says = e->u.new_view.says;
	uint8_t *buf = malloc(VIEWS_NEW_VIEW_MAX);
	struct ap_writer w;
	size_t at;
	bool good;

	if (buf == NULL)
		return false;
	ap_writer_init(&w, buf, VIEWS_NEW_VIEW_MAX);
	ap_u64_put(&w, &says->view);
	ap_u64_put(&w, &says->incarnation);
	ap_u8_put(&w, &says->replica);
	ap_u64_put(&w, &says->first);
	at = length_begin(&w);
	for (uint8_t i = 0; i < v->n; i++) {
		ap_span change = {views->change[i], views->change_len[i]};

		if ((e->u.new_view.who >> i & 1) != 0)
			ap_span_put(&w, &change);
	}
	length_put(&w, at, &w);
	at = length_begin(&w);
	proposals_put(&w, v, secret, says);
	length_put(&w, at, &w);
	sign_all(&w, v, "agree1-newview", secret);
	good = w.bad == NULL && views_keep_new_view(views, ap_writer_bytes(&w));
	free(buf);
	return good;
}

/* ---- taking apart ---- */

struct signers {
	uint16_t who;
	uint64_t incarnation[AP_REPLICAS_MAX];
	uint8_t sig[AP_REPLICAS_MAX][64];
};

/* Exactly `count` of the n members. */
static bool signers_get(struct ap_reader *r, const struct verifier *v, uint8_t count,
			struct signers *s)
{
	ap_u16_get(r, &s->who);
	if ((s->who >> v->n) != 0 || pbft_quorum_count(v->n, s->who) != count)
		return false;
	for (uint8_t i = 0; i < v->n; i++) {
		if ((s->who >> i & 1) == 0)
			continue;
		ap_u64_get(r, &s->incarnation[i]);
		ap_octets_get(r, s->sig[i], 64);
	}
	return r->bad == NULL;
}

static const char *stable_check(const struct verifier *v, const ap_view_change_says *says, bool own)
{
	ap_checkpoint_vote vote = {.seq = says->stable, .state = says->state};
	struct ap_reader r;
	struct signers s;

	ap_reader_init(&r, says->stable_signers.data, says->stable_signers.len);
	if (says->stable == 0)
		return ap_reader_done(&r) ? NULL : "view-change: signers of nothing";
	if (!signers_get(&r, v, (uint8_t)(2 * pbft_quorum_faulty(v->n) + 1), &s) ||
	    !ap_reader_done(&r))
		return "view-change: no quorum for its checkpoint";
	for (uint8_t i = 0; i < v->n && !own; i++) {
		ap_sig sig;

		if ((s.who >> i & 1) == 0)
			continue;
		vote.replica = (uint8_t)(i + 1);
		vote.incarnation = s.incarnation[i];
		memcpy(sig.octets, s.sig[i], 64);
		if (!verify_checkpoint(v, &vote, &sig))
			return "view-change: bad signature of a checkpoint";
	}
	return NULL;
}

static bool prepares_good(const struct verifier *v, const ap_proposal *p, const struct signers *s)
{
	for (uint8_t i = 0; i < v->n; i++) {
		ap_proposal vote = *p;
		ap_sig sig;

		if ((s->who >> i & 1) == 0)
			continue;
		vote.replica = (uint8_t)(i + 1);
		vote.incarnation = s->incarnation[i];
		memcpy(sig.octets, s->sig[i], 64);
		if (!verify_proposal(v, "agree1-prepare", &vote, &sig))
			return false;
	}
	return true;
}

/* One certificate; `c` has what was read so far. */
static const char *certificate_get(struct ap_reader *r, const struct verifier *v,
				   struct pbft_view_change *c, bool own)
{
	struct pbft_claim *claim = &c->prepared[c->n_prepared];
	uint64_t above = c->n_prepared > 0 ? claim[-1].seq : c->stable;
	struct signers s;
	ap_proposal p;
	ap_sig sig;

	ap_proposal_get(r, &p);
	ap_sig_get(r, &sig);
	if (!signers_get(r, v, (uint8_t)(2 * pbft_quorum_faulty(v->n)), &s))
		return "view-change: a certificate does not decode";
	if (p.replica != 1 + p.view % v->n || (s.who >> (p.replica - 1) & 1) != 0)
		return "view-change: a certificate of the wrong members";
	if (p.seq <= above || p.seq - c->stable > PBFT_WINDOW_MAX || p.view >= c->view)
		return "view-change: a certificate out of bounds";
	if (!own && (!verify_proposal(v, "agree1-preprep", &p, &sig) || !prepares_good(v, &p, &s)))
		return "view-change: bad signature in a certificate";
	claim->seq = p.seq;
	claim->view = p.view;
	memcpy(claim->batch, p.batch.octets, 32);
	c->n_prepared++;
	return NULL;
}

static bool is_known(const struct views *views, uint8_t replica, ap_bytes octets)
{
	ap_bytes kept = views_change(views, replica);

	return kept.data != NULL && kept.len == octets.len &&
	       memcmp(kept.data, octets.data, octets.len) == 0;
}

static const char *change_get(const struct views *views, const struct verifier *v, ap_bytes octets,
			      bool own, struct pbft_view_change *c)
{
	struct ap_reader r;
	ap_view_change m;
	const char *why;

	ap_reader_init(&r, octets.data, octets.len);
	ap_view_change_get(&r, &m);
	if (!ap_reader_done(&r) || m.says.view == 0)
		return "view-change: does not decode";
	if (m.says.replica == 0 || m.says.replica > v->n)
		return "view-change: of no member";
	own = own || is_known(views, m.says.replica, octets);
	if (!own && !is_signed(v, "agree1-viewchng", m.says.replica, octets))
		return "view-change: bad signature";
	c->view = m.says.view;
	c->incarnation = m.says.incarnation;
	c->replica = m.says.replica;
	c->stable = m.says.stable;
	memcpy(c->state, m.says.state.octets, 32);
	c->n_prepared = 0;
	why = stable_check(v, &m.says, own);
	ap_reader_init(&r, m.says.prepared.data, m.says.prepared.len);
	while (why == NULL && ap_reader_left(&r) > 0)
		why = c->n_prepared == PBFT_WINDOW_MAX ? "view-change: too many certificates"
						       : certificate_get(&r, v, c, own);
	return why;
}

const char *views_read_change(struct views *views, const struct verifier *v, ap_bytes octets,
			      bool own)
{
	return change_get(views, v, octets, own, &views->changes[0]);
}

static const char *changes_get(struct views *views, const struct verifier *v, ap_bytes changes,
			       bool own)
{
	struct ap_reader r;

	views->n_changes = 0;
	ap_reader_init(&r, changes.data, changes.len);
	while (ap_reader_left(&r) > 0) {
		struct pbft_view_change *c = &views->changes[views->n_changes];
		const char *why;
		ap_span span;

		if (views->n_changes == 2 * pbft_quorum_faulty(v->n) + 1)
			return "new-view: too many view-changes";
		ap_span_get(&r, &span);
		if (r.bad != NULL)
			return "new-view: does not decode";
		why = change_get(views, v, span, own, c);
		if (why != NULL)
			return why;
		if (views->n_changes > 0 && c[-1].replica >= c->replica)
			return "new-view: view-changes out of order";
		views->n_changes++;
	}
	return NULL;
}

static const char *proposals_get(struct pbft_new_view *says, const struct verifier *v,
				 ap_bytes proposals, bool own)
{
	ap_proposal p = {
		.view = says->view, .incarnation = says->incarnation, .replica = says->replica};
	struct ap_reader r;

	says->n = 0;
	ap_reader_init(&r, proposals.data, proposals.len);
	while (ap_reader_left(&r) > 0) {
		ap_sig sig;

		if (says->n == PBFT_WINDOW_MAX)
			return "new-view: too many proposals";
		ap_digest_get(&r, &p.batch);
		ap_sig_get(&r, &sig);
		if (r.bad != NULL)
			return "new-view: does not decode";
		p.seq = says->first + 1 + says->n;
		if (!own && !verify_proposal(v, "agree1-preprep", &p, &sig))
			return "new-view: bad signature of a proposal";
		memcpy(says->batch[says->n], p.batch.octets, 32);
		memcpy(says->sig[says->n], sig.octets, 64);
		says->n++;
	}
	return NULL;
}

const char *views_read_new_view(struct views *views, const struct verifier *v, ap_bytes octets,
				bool own)
{
	struct pbft_new_view *says = &views->says;
	struct ap_reader r;
	const char *why;
	ap_new_view m;

	ap_reader_init(&r, octets.data, octets.len);
	ap_new_view_get(&r, &m);
	if (!ap_reader_done(&r) || m.says.view == 0)
		return "new-view: does not decode";
	if (m.says.replica != 1 + m.says.view % v->n)
		return "new-view: not of its primary";
	if (!own && !is_signed(v, "agree1-newview", m.says.replica, octets))
		return "new-view: bad signature";
	says->view = m.says.view;
	says->incarnation = m.says.incarnation;
	says->replica = m.says.replica;
	says->first = m.says.first;
	why = changes_get(views, v, m.says.changes, own);
	if (why == NULL)
		why = proposals_get(says, v, m.says.proposals, own);
	return why;
}
