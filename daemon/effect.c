/* What an update of the core asks for: records appended, frames sent. One function an effect. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/run_priv.h"
#include "libproto/crypto.h"

/* ---- writes ---- */

static void token_push(struct run *r, uint64_t journal, uint64_t core)
{
	size_t at = (r->token_first + r->token_count) % RUN_TOKENS_MAX;

	if (r->token_count == RUN_TOKENS_MAX) {
		run_fail(r, "more writes under way than can be: report this");
		return;
	}
	r->tokens[at] = (struct token){journal, core};
	r->token_count++;
}

static int append(struct run *r, uint8_t type, uint64_t seq, const struct iovec *parts, size_t n,
		  bool lazy, uint64_t core)
{
	uint64_t token = 0;
	int status = lazy ? journal_append_lazy(r->journal, type, seq, parts, n, &token)
			  : journal_append(r->journal, type, seq, parts, n, &token);

	if (status == 0 && core != 0)
		token_push(r, token, core);
	return status;
}

/* No room in the buffer: the record waits here, and all later ones behind it, since order on disk
 * is the order of the core's tokens. */
static void defer(struct run *r, uint8_t type, uint64_t seq, const struct iovec *parts, size_t n,
		  bool lazy, uint64_t core)
{
	struct overflow *o;
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += parts[i].iov_len;
	o = malloc(sizeof(*o) + len);
	if (o == NULL) {
		run_fail(r, "out of memory for the journal: give this replica more, and start it "
			    "again");
		return;
	}
	*o = (struct overflow){.core = core, .seq = seq, .type = type, .lazy = lazy};
	for (size_t i = 0; i < n; i++) {
		memcpy(o->octets + o->len, parts[i].iov_base, parts[i].iov_len);
		o->len += parts[i].iov_len;
	}
	*r->overflow_end = o;
	r->overflow_end = &o->next;
}

static void write_record(struct run *r, uint8_t type, uint64_t seq, const struct iovec *parts,
			 size_t n, bool lazy, uint64_t core)
{
	int status = DISK_EAGAIN;

	if (r->overflow == NULL)
		status = append(r, type, seq, parts, n, lazy, core);
	if (status == DISK_EAGAIN || status == DISK_ENOROOM)
		defer(r, type, seq, parts, n, lazy, core);
	else if (status != 0)
		run_fail(r, journal_error(r->journal) != NULL ? journal_error(r->journal)
							      : "the journal refused a record");
}

void effect_overflow(struct run *r)
{
	while (r->overflow != NULL) {
		struct overflow *o = r->overflow;
		struct iovec part = {o->octets, o->len};
		int status = append(r, o->type, o->seq, &part, 1, o->lazy, o->core);

		if (status == DISK_EAGAIN || status == DISK_ENOROOM)
			return;
		if (status != 0)
			run_fail(r, journal_error(r->journal) != NULL
					    ? journal_error(r->journal)
					    : "the journal refused a record");
		r->overflow = o->next;
		if (r->overflow == NULL)
			r->overflow_end = &r->overflow;
		free(o);
		if (status != 0)
			return;
	}
}

uint64_t effect_durable(struct run *r)
{
	uint64_t done = journal_done(r->journal), core = 0;

	while (r->token_count > 0 && r->tokens[r->token_first].journal <= done) {
		core = r->tokens[r->token_first].core;
		r->token_first = (r->token_first + 1) % RUN_TOKENS_MAX;
		r->token_count--;
	}
	return core;
}

static struct iovec part(const void *octets, size_t len)
{
	return (struct iovec){(void *)(uintptr_t)octets, len};
}

/* ---- octets of batches ---- */

/* A batch that this primary has just made: its bundles one behind the other, each behind its
 * length. */
static bool batch_build(struct run *r, const struct pbft_batch *b)
{
	struct ap_writer w;
	uint32_t len = 0;

	for (size_t i = 0; i < b->n_bundles; i++)
		len += b->bundles[i].octets;
	ap_writer_init(&w, r->frame, sizeof(r->frame));
	ap_u64_put(&w, &b->time);
	ap_u32_put(&w, &len);
	for (size_t i = 0; i < b->n_bundles; i++) {
		const struct body *body = bodies_find(r->bodies, b->bundles[i].digest);

		if (body == NULL)
			return false;
		ap_span_put(&w, &(ap_span){body->octets, body->len});
	}
	return w.bad == NULL &&
	       bodies_put(r->bodies, b->digest, r->frame, ap_writer_len(&w), b) == 0;
}

static ap_bytes batch_of_proposal(const uint8_t *octets, size_t len)
{
	const size_t head = AP_MAX_proposal + 64;

	return len > head ? (ap_bytes){octets + head, len - head} : (ap_bytes){NULL, 0};
}

ap_bytes effect_batch(struct run *r, uint64_t seq, const uint8_t *digest, uint8_t *buf, size_t cap)
{
	const struct body *body = digest != NULL ? bodies_find(r->bodies, digest) : NULL;
	int n;

	if (body != NULL)
		return (ap_bytes){body->octets, body->len};
	n = journal_read(r->journal, seq, RECORD_FETCHED, buf, cap);
	if (n >= 0)
		return (ap_bytes){buf, (size_t)n};
	n = journal_read(r->journal, seq, RECORD_PROPOSAL, buf, cap);
	return n >= 0 ? batch_of_proposal(buf, (size_t)n) : (ap_bytes){NULL, 0};
}

bool effect_running(struct run *r, uint64_t seq, uint8_t out[32])
{
	uint8_t record[8 + 32];

	if (r->ring[seq % RUN_RUNNING_RING].seq == seq) {
		memcpy(out, r->ring[seq % RUN_RUNNING_RING].running, 32);
		return true;
	}
	if (journal_read(r->journal, seq, RECORD_EXECUTED, record, sizeof(record)) !=
	    (int)sizeof(record))
		return false;
	memcpy(out, record + 8, 32);
	return true;
}

/* ---- proposals and votes ---- */

/* The own signature on a proposal or a vote on one: a replica makes one of the two in a view. */
static void own_signature(struct run *r, const ap_proposal *p, bool proposes, uint8_t sig[64])
{
	size_t at = p->seq % RUN_WINDOW;

	if (r->signed_by_us[at].seq != p->seq || r->signed_by_us[at].view != p->view ||
	    r->signed_by_us[at].incarnation != p->incarnation ||
	    memcmp(r->signed_by_us[at].batch, p->batch.octets, 32) != 0) {
		sign_proposal(r->secret, r->net.genesis,
			      proposes ? "agree1-preprep" : "agree1-prepare", p,
			      r->signed_by_us[at].sig);
		r->signed_by_us[at].seq = p->seq;
		r->signed_by_us[at].view = p->view;
		r->signed_by_us[at].incarnation = p->incarnation;
		memcpy(r->signed_by_us[at].batch, p->batch.octets, 32);
	}
	memcpy(sig, r->signed_by_us[at].sig, 64);
}

/* The header of a PRE-PREPARE and its primary's signature, made here if this is the primary. */
static size_t proposal_head(struct run *r, const struct pbft_slot_view *s, uint8_t out[])
{
	struct ap_writer w;
	ap_proposal p;
	ap_sig sig;

	record_proposal_of(&p, s, s->primary);
	if (s->primary == r->self)
		own_signature(r, &p, true, sig.octets);
	else
		memcpy(sig.octets, s->cert->pre_prepare_sig, 64);
	ap_writer_init(&w, out, AP_MAX_proposal + 64);
	ap_proposal_put(&w, &p);
	ap_sig_put(&w, &sig);
	return ap_writer_len(&w);
}

/* The own PREPARE leaves when this write is durable: its signature is made while the disk works. */
static void sign_ahead(struct run *r, const struct pbft_slot_view *s)
{
	uint8_t sig[64];
	ap_proposal p;

	record_proposal_of(&p, s, r->self);
	own_signature(r, &p, false, sig);
}

static void write_proposal(struct run *r, const struct pbft_effect *e)
{
	const struct pbft_slot_view *s = &e->u.slot;
	const struct body *body = bodies_find(r->bodies, s->batch->digest);
	uint8_t head[AP_MAX_proposal + 64];
	size_t n;

	if (s->primary == r->self && !s->reproposed && batch_build(r, s->batch))
		body = bodies_find(r->bodies, s->batch->digest);
	if (body == NULL) {
		run_fail(
			r,
			"out of memory for a batch, or its body is lost: start this replica again");
		return;
	}
	n = proposal_head(r, s, head);
	write_record(r, RECORD_PROPOSAL, s->seq,
		     (struct iovec[]){part(head, n), part(body->octets, body->len)}, 2, false,
		     e->token);
	if (s->primary != r->self)
		sign_ahead(r, s);
	run_spare(r); /* for this batch nothing can be done before the disk has it */
}

static void write_prepared(struct run *r, const struct pbft_effect *e)
{
	uint8_t octets[RECORD_CERTIFICATE_MAX];
	struct pbft_certificate cert = *e->u.slot.cert;
	struct pbft_slot_view s = e->u.slot;
	ap_proposal p;

	/* own signatures are not kept by the core: Ed25519 makes the same ones again */
	record_proposal_of(&p, &s, r->self);
	if (s.primary == r->self)
		own_signature(r, &p, true, cert.pre_prepare_sig);
	else if ((cert.who >> (r->self - 1) & 1) != 0)
		own_signature(r, &p, false, cert.sig[r->self - 1]);
	s.cert = &cert;
	write_record(r, RECORD_PREPARED, s.seq,
		     (struct iovec[]){part(octets, record_prepared(octets, &s))}, 1, false,
		     e->token);
}

static void write_fetched(struct run *r, const struct pbft_effect *e)
{
	const struct body *body = bodies_find(r->bodies, e->u.slot.batch->digest);

	if (body == NULL) {
		run_fail(r, "the body of a fetched batch is lost: start this replica again");
		return;
	}
	write_record(r, RECORD_FETCHED, e->u.slot.seq,
		     (struct iovec[]){part(body->octets, body->len)}, 1, false, e->token);
}

static void checkpoint_of(const struct run *r, const struct pbft_effect *e, ap_checkpoint_vote *v)
{
	v->seq = e->u.checkpoint.seq;
	v->incarnation = e->u.checkpoint.incarnation;
	v->replica = r->self;
	memcpy(v->state.octets, e->u.checkpoint.state, 32);
}

static void write_checkpoint(struct run *r, const struct pbft_effect *e)
{
	uint8_t octets[AP_MAX_checkpoint_vote];
	ap_checkpoint_vote v;
	struct ap_writer w;

	checkpoint_of(r, e, &v);
	ap_writer_init(&w, octets, sizeof(octets));
	ap_checkpoint_vote_put(&w, &v);
	write_record(r, RECORD_CHECKPOINT, v.seq, (struct iovec[]){part(octets, ap_writer_len(&w))},
		     1, false, e->token);
}

/* The certificate; the own signature, if it is in it, is made here. */
static size_t stable_octets(struct run *r, const struct pbft_effect *e,
			    uint8_t octets[RECORD_CERTIFICATE_MAX])
{
	uint8_t sig[AP_REPLICAS_MAX][64];
	ap_checkpoint_vote own = {.seq = e->u.stable.seq, .replica = r->self};

	memcpy(sig, e->u.stable.sig, sizeof(sig));
	own.incarnation = e->u.stable.incarnation[r->self - 1];
	memcpy(own.state.octets, e->u.stable.state, 32);
	sign_checkpoint(r->secret, r->net.genesis, &own, sig[r->self - 1]);
	return record_stable(octets, e->u.stable.seq, e->u.stable.state, e->u.stable.who,
			     e->u.stable.incarnation, (const uint8_t(*)[64])sig);
}

static void write_stable(struct run *r, const struct pbft_effect *e)
{
	uint8_t octets[RECORD_CERTIFICATE_MAX];
	size_t n = stable_octets(r, e, octets);

	write_record(r, RECORD_STABLE, e->u.stable.seq + 1, (struct iovec[]){part(octets, n)}, 1,
		     false, e->token);
}

static void mark(struct run *r, uint64_t seq, uint64_t time_ms, const uint8_t running[32],
		 uint64_t token)
{
	uint8_t octets[8 + 32];

	disk_put64(octets, time_ms);
	memcpy(octets + 8, running, 32);
	write_record(r, RECORD_EXECUTED, seq, (struct iovec[]){part(octets, sizeof(octets))}, 1,
		     true, token);
}

static void write_executed(struct run *r, const struct pbft_effect *e)
{
	mark(r, e->u.executed.seq, e->u.executed.time_ms, e->u.executed.running, e->token);
}

void effect_mark(struct run *r)
{
	mark(r, r->result.seq, r->result.time_ms, r->result.running, 0);
}

/* With the sequence right above what the store may hold: see records.h. */
static void write_kept(struct run *r, uint8_t type, ap_bytes octets, uint64_t token)
{
	struct pbft_info info;

	pbft_info(r->pbft, &info);
	if (info.stable < r->installing)
		info.stable = r->installing;
	write_record(r, type, info.stable + 1, (struct iovec[]){part(octets.data, octets.len)}, 1,
		     false, token);
}

bool effect_keep_view(struct run *r, uint64_t *token)
{
	struct pbft_info info;
	ap_bytes octets;
	struct iovec one;

	pbft_info(r->pbft, &info);
	octets = info.view_active ? views_new_view(r->views) : views_change(r->views, r->self);
	*token = 0;
	if (info.view == 0 || octets.data == NULL || (!info.view_active && info.recovering))
		return true;
	one = part(octets.data, octets.len);
	return r->overflow == NULL &&
	       journal_append(r->journal, info.view_active ? RECORD_NEW_VIEW : RECORD_VIEW_CHANGE,
			      r->installing + 1, &one, 1, token) == 0;
}

static void write_view_change(struct run *r, const struct pbft_effect *e)
{
	if (!e->u.view_change.again) {
		log_say(LOG_L_INFO, "leaving for view=%llu stable=%llu prepared=%u",
			(unsigned long long)e->u.view_change.says->view,
			(unsigned long long)e->u.view_change.says->stable,
			e->u.view_change.says->n_prepared);
		if (!views_make_change(r->views, &r->verifier, r->secret, e)) {
			run_fail(r, "out of memory for a view change: start this replica again");
			return;
		}
	}
	write_kept(r, RECORD_VIEW_CHANGE, views_change(r->views, r->self), e->token);
}

static void write_new_view(struct run *r, const struct pbft_effect *e)
{
	const struct pbft_new_view *says = e->u.new_view.says;
	bool good = true;

	if (!e->u.new_view.again) {
		log_say(LOG_L_INFO, "entering view=%llu primary=%u from=%llu batches=%u",
			(unsigned long long)says->view, says->replica,
			(unsigned long long)says->first, says->n);
		good = e->u.new_view.who != 0
			       ? views_make_new_view(r->views, &r->verifier, r->secret, e)
			       : views_keep_new_view(r->views, r->arrived);
	}
	if (good)
		write_kept(r, RECORD_NEW_VIEW, views_new_view(r->views), e->token);
	else
		run_fail(r, "out of memory for a view change: start this replica again");
}

/* ---- sends ---- */

static void send_layout(struct run *r, uint16_t to, uint8_t type, const struct ap_writer *w)
{
	peers_send(r->peers, to, type, (struct iovec[]){part(w->start, ap_writer_len(w))}, 1);
}

static void send_bundle(struct run *r, const struct pbft_effect *e)
{
	const struct body *body = bodies_find(r->bodies, e->u.bundle.digest);

	if (body != NULL)
		peers_send(r->peers, e->to, AP_MESSAGE_bundle,
			   (struct iovec[]){part(body->octets, body->len)}, 1);
}

static void send_pre_prepare(struct run *r, const struct pbft_effect *e)
{
	const struct pbft_slot_view *s = &e->u.slot;
	uint8_t head[AP_MAX_proposal + 64];
	ap_bytes body = effect_batch(r, s->seq, s->batch->digest, r->frame, sizeof(r->frame));
	size_t n;

	if (body.data == NULL)
		return;
	n = proposal_head(r, s, head);
	peers_send(r->peers, e->to, AP_MESSAGE_pre_prepare,
		   (struct iovec[]){part(head, n), part(body.data, body.len)}, 2);
}

static void send_prepare(struct run *r, const struct pbft_effect *e)
{
	uint8_t octets[AP_MAX_prepare];
	struct ap_writer w;
	ap_prepare m;

	record_proposal_of(&m.proposal, &e->u.slot, r->self);
	own_signature(r, &m.proposal, false, m.sig.octets);
	ap_writer_init(&w, octets, sizeof(octets));
	ap_prepare_put(&w, &m);
	send_layout(r, e->to, AP_MESSAGE_prepare, &w);
}

static void send_commit(struct run *r, const struct pbft_effect *e)
{
	uint8_t octets[AP_MAX_commit];
	ap_commit m = {.view = e->u.slot.view, .seq = e->u.slot.seq};
	struct ap_writer w;

	memcpy(m.batch.octets, e->u.slot.batch->digest, 32);
	ap_writer_init(&w, octets, sizeof(octets));
	ap_commit_put(&w, &m);
	send_layout(r, e->to, AP_MESSAGE_commit, &w);
}

static void send_checkpoint(struct run *r, const struct pbft_effect *e)
{
	uint8_t octets[AP_MAX_checkpoint];
	struct ap_writer w;
	ap_checkpoint m;

	checkpoint_of(r, e, &m.vote);
	sign_checkpoint(r->secret, r->net.genesis, &m.vote, m.sig.octets);
	ap_writer_init(&w, octets, sizeof(octets));
	ap_checkpoint_put(&w, &m);
	send_layout(r, e->to, AP_MESSAGE_checkpoint, &w);
}

static void send_status(struct run *r, const struct pbft_effect *e)
{
	ap_status m = {.view = e->u.status.view,
		       .executed = e->u.status.executed,
		       .stable = e->u.status.stable,
		       .heard = e->u.status.heard,
		       .slow = e->u.status.slow};
	uint8_t octets[AP_MAX_status];
	struct ap_writer w;

	memcpy(m.running.octets, e->u.status.running, 32);
	m.disk = (ap_u8)e->u.status.disk;
	ap_writer_init(&w, octets, sizeof(octets));
	ap_status_put(&w, &m);
	send_layout(r, e->to, AP_MESSAGE_status, &w);
}

static void send_fetch(struct run *r, const struct pbft_effect *e)
{
	ap_fetch m = {.from = e->u.fetch.from, .to = e->u.fetch.to, .bodies = e->u.fetch.bodies};
	uint8_t octets[AP_MAX_fetch];
	struct ap_writer w;

	ap_writer_init(&w, octets, sizeof(octets));
	ap_fetch_put(&w, &m);
	send_layout(r, e->to, AP_MESSAGE_fetch, &w);
}

static void send_attest(struct run *r, const struct pbft_effect *e)
{
	ap_attest m = {.seq = e->u.attest.seq};
	uint8_t octets[AP_MAX_attest];
	struct ap_writer w;

	if (!effect_running(r, m.seq, m.running.octets))
		return;
	ap_writer_init(&w, octets, sizeof(octets));
	ap_attest_put(&w, &m);
	send_layout(r, e->to, AP_MESSAGE_attest, &w);
}

/* A peer that does not take what it asked for gets no more of it, and costs no more reading. */
static bool takes_more(const struct run *r, uint16_t to)
{
	for (uint8_t id = 1; id <= r->net.n; id++) {
		struct peer_info info;

		if ((to >> (id - 1) & 1) == 0)
			continue;
		peers_info(r->peers, id, &info);
		if (info.up && info.backlog < AP_PEER_BACKLOG_MAX / 8)
			return true;
	}
	return false;
}

static void send_octets(struct run *r, uint16_t to, uint8_t type, ap_bytes octets)
{
	if (octets.data != NULL)
		peers_send(r->peers, to, type, (struct iovec[]){part(octets.data, octets.len)}, 1);
}

static void send_view_change(struct run *r, const struct pbft_effect *e)
{
	send_octets(r, e->to, AP_MESSAGE_view_change, views_change(r->views, e->u.kept.replica));
}

static void send_new_view(struct run *r, const struct pbft_effect *e)
{
	send_octets(r, e->to, AP_MESSAGE_new_view, views_new_view(r->views));
}

static void send_fetch_batch(struct run *r, const struct pbft_effect *e)
{
	uint8_t octets[AP_MAX_fetch_batch];

	disk_put64(octets, e->u.drop.seq);
	memcpy(octets + 8, e->u.drop.batch, 32);
	send_octets(r, e->to, AP_MESSAGE_fetch_batch, (ap_bytes){octets, sizeof(octets)});
}

static void serve_batch(struct run *r, const struct pbft_effect *e)
{
	uint8_t head[8], tail[1] = {0};
	ap_bytes body;

	if (!takes_more(r, e->to))
		return;
	body = effect_batch(r, e->u.drop.seq, e->u.drop.batch, r->frame, sizeof(r->frame));
	if (body.data == NULL)
		return;
	disk_put64(head, e->u.drop.seq);
	peers_send(r->peers, e->to, AP_MESSAGE_body,
		   (struct iovec[]){part(head, 8), part(body.data, body.len), part(tail, 1)}, 3);
}

static void serve(struct run *r, const struct pbft_effect *e)
{
	for (uint64_t seq = e->u.fetch.from; seq <= e->u.fetch.to && takes_more(r, e->to); seq++) {
		ap_bytes body = effect_batch(r, seq, NULL, r->frame, sizeof(r->frame));
		ap_optsig sig = {.present = false};
		uint8_t head[8], tail[AP_MAX_optsig];
		struct ap_writer w;
		uint32_t epoch;

		if (body.data == NULL)
			return;
		disk_put64(head, seq);
		sig.present = index_signature(r->index, seq, &epoch, sig.it.octets);
		if (!sig.present)
			memset(sig.it.octets, 0, 64);
		ap_writer_init(&w, tail, sizeof(tail));
		ap_optsig_put(&w, &sig);
		peers_send(r->peers, e->to, AP_MESSAGE_body,
			   (struct iovec[]){part(head, 8), part(body.data, body.len),
					    part(tail, ap_writer_len(&w))},
			   3);
	}
}

/* ---- a member's own votes, to that member ---- */

static void show_prepare(struct run *r, const struct pbft_effect *e)
{
	uint8_t octets[AP_MAX_prepare];
	struct ap_writer w;
	ap_prepare m;

	m.proposal = (ap_proposal){.view = e->u.shown.p.view,
				   .seq = e->u.shown.p.seq,
				   .incarnation = e->u.shown.p.incarnation,
				   .replica = e->u.shown.p.replica};
	memcpy(m.proposal.batch.octets, e->u.shown.p.batch, 32);
	memcpy(m.sig.octets, e->u.shown.sig, 64);
	ap_writer_init(&w, octets, sizeof(octets));
	ap_prepare_put(&w, &m);
	send_layout(r, e->to, AP_MESSAGE_prepare, &w);
}

static void show_checkpoint(struct run *r, const struct pbft_effect *e)
{
	uint8_t octets[AP_MAX_checkpoint];
	struct ap_writer w;
	ap_checkpoint m;

	m.vote = (ap_checkpoint_vote){.seq = e->u.shown.p.seq,
				      .incarnation = e->u.shown.p.incarnation,
				      .replica = e->u.shown.p.replica};
	memcpy(m.vote.state.octets, e->u.shown.p.batch, 32);
	memcpy(m.sig.octets, e->u.shown.sig, 64);
	ap_writer_init(&w, octets, sizeof(octets));
	ap_checkpoint_put(&w, &m);
	send_layout(r, e->to, AP_MESSAGE_checkpoint, &w);
}

/* ---- local ---- */

static void execute(struct run *r, const struct pbft_effect *e)
{
	const uint8_t *digest = e->u.slot.batch->digest;
	ap_bytes octets = effect_batch(r, e->u.slot.seq, digest, r->frame, sizeof(r->frame));

	if (octets.data == NULL) {
		run_fail(r,
			 "the body of a committed batch cannot be read: start this replica again");
		return;
	}
	peers_flush(
		r->peers); /* others wait for this replica's COMMIT, and a share takes its time */
	execute_batch(r, e->u.slot.seq, digest, octets, true);
}

void effect_merge_due(struct run *r)
{
	struct journal_place last;

	if (r->merge_due.token == 0 || r->merge_due.token > journal_done(r->journal) ||
	    !r->may_merge)
		return;
	r->merge_due.token = 0;
	last = journal_last(r->journal);
	index_journal(r->index, &last);
	index_stable(r->index, r->merge_due.seq);
	if (index_error(r->index) != NULL)
		run_fail(r, index_error(r->index));
}

static void stable(struct run *r, const struct pbft_effect *e)
{
	size_t last = (r->token_first + r->token_count + RUN_TOKENS_MAX - 1) % RUN_TOKENS_MAX;

	uint8_t proof[RECORD_CERTIFICATE_MAX];

	/* what waits for room has no token yet: the next checkpoint takes this one along */
	if (r->overflow != NULL)
		return;
	index_proof(r->index, e->u.stable.seq, proof, stable_octets(r, e, proof));
	r->merge_due.seq = e->u.stable.seq;
	r->merge_due.token = r->token_count > 0 ? r->tokens[last].journal : 1;
	effect_merge_due(r);
}

static void drop_bundle(struct run *r, const struct pbft_effect *e)
{
	bodies_drop(r->bodies, e->u.bundle.digest);
}

static void drop_batch(struct run *r, const struct pbft_effect *e)
{
	bodies_drop(r->bodies, e->u.drop.batch);
}

static void hold_null(struct run *r, const struct pbft_effect *e)
{
	struct pbft_batch null = {.n_bundles = 0};

	memcpy(null.digest, e->u.drop.batch, 32);
	if (!batch_build(r, &null))
		run_fail(r, "out of memory for a batch: start this replica again");
}

static void keep_view_change(struct run *r, const struct pbft_effect *e)
{
	if (!views_keep_change(r->views, e->u.kept.replica, r->arrived))
		run_fail(r, "out of memory for a view change: start this replica again");
}

static void behind(struct run *r, const struct pbft_effect *e)
{
	log_say(LOG_L_INFO, "behind have=%llu offered=%llu: nobody gives the batches in between",
		(unsigned long long)e->u.behind.have, (unsigned long long)e->u.behind.offered);
	fetch_state_behind(r);
}

static void diverged(struct run *r, const struct pbft_effect *e)
{
	quarantine_begin(r, e->u.diverged.seq, e->u.diverged.own, e->u.diverged.others,
			 e->u.diverged.who);
}

void effect_run(struct run *r, const struct pbft_effect *e)
{
	static void (*const table[])(struct run *, const struct pbft_effect *) = {
		[PBFT_WRITE_PROPOSAL] = write_proposal,
		[PBFT_WRITE_PREPARED] = write_prepared,
		[PBFT_WRITE_FETCHED] = write_fetched,
		[PBFT_WRITE_CHECKPOINT] = write_checkpoint,
		[PBFT_WRITE_VIEW_CHANGE] = write_view_change,
		[PBFT_WRITE_NEW_VIEW] = write_new_view,
		[PBFT_WRITE_STABLE] = write_stable,
		[PBFT_WRITE_EXECUTED] = write_executed,
		[PBFT_SEND_BUNDLE] = send_bundle,
		[PBFT_SEND_PRE_PREPARE] = send_pre_prepare,
		[PBFT_SEND_PREPARE] = send_prepare,
		[PBFT_SEND_COMMIT] = send_commit,
		[PBFT_SEND_CHECKPOINT] = send_checkpoint,
		[PBFT_SEND_STATUS] = send_status,
		[PBFT_SEND_FETCH] = send_fetch,
		[PBFT_SEND_ATTEST] = send_attest,
		[PBFT_SEND_VIEW_CHANGE] = send_view_change,
		[PBFT_SEND_NEW_VIEW] = send_new_view,
		[PBFT_SEND_FETCH_BATCH] = send_fetch_batch,
		[PBFT_SHOW_PRE_PREPARE] = send_pre_prepare,
		[PBFT_SHOW_PREPARE] = show_prepare,
		[PBFT_SHOW_CHECKPOINT] = show_checkpoint,
		[PBFT_SERVE_BATCH] = serve_batch,
		[PBFT_SERVE] = serve,
		[PBFT_EXECUTE] = execute,
		[PBFT_STABLE] = stable,
		[PBFT_DROP_BUNDLE] = drop_bundle,
		[PBFT_DROP_BATCH] = drop_batch,
		[PBFT_HOLD_NULL] = hold_null,
		[PBFT_KEEP_VIEW_CHANGE] = keep_view_change,
		[PBFT_BEHIND] = behind,
		[PBFT_RECOVERING] = recover_effect,
		[PBFT_RECOVERED] = recover_effect,
		[PBFT_DIVERGED] = diverged,
	};

	if ((size_t)e->kind < sizeof(table) / sizeof(table[0]) && table[e->kind] != NULL)
		table[e->kind](r, e);
}
