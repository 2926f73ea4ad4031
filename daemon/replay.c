/*
 * From disk to where this replica was. The store has the machine's state after its last merged
 * checkpoint S; the journal has the batches behind it and the votes.
 * 1. Read the journal from S + 1: votes and proposals of the open window, the highest executed
 * sequence E, signatures.
 * 2. Machine: the state at S, then the batches S + 1 to E once more.
 * 3. Core: base E, then its votes. What was voted and not executed is agreed on again with the
 * others.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/bug.h"
#include "daemon/files.h"
#include "daemon/index_priv.h"
#include "daemon/log.h"
#include "daemon/pbft/quorum.h"
#include "daemon/run_priv.h"
#include "daemon/undecided.h"
#include "libproto/crypto.h"
#include "libproto/digest.h"

struct vote { /* a record that the core gets back, parsed */
	struct vote *next;
	uint8_t type;
	ap_proposal p;
	struct pbft_certificate cert;
	struct pbft_batch *batch; /* PROPOSAL, FETCHED: allocated, with its octets: */
	uint8_t *octets;
	size_t len;
	uint64_t seq, incarnation;
	uint8_t state[32];
};

struct signature {
	struct signature *next;
	uint64_t seq;
	uint8_t sig[64];
};

struct replay {
	struct run *r;
	uint64_t merged; /* S */
	uint64_t marked; /* highest sequence with a mark of its execution */
	struct pbft_restore_base base;
	uint64_t incarnations[AP_REPLICAS_MAX]; /* the own one alone, as its votes here say */
	bool has_running;
	struct vote *votes, **votes_end;
	struct signature *signatures;
	struct record_stable stable;
	struct journal_place seen; /* by the store, in the journal that it was merged from */
	const char *damage;
	bool lacks;  /* the store has no state, and the journal not all batches that lead to one */
	int verdict; /* what kind of trouble `damage` is; 0: damage. Only damage is set aside */
};

/* ---- 1: the journal ---- */

static int bad(struct replay *p, const char *what)
{
	p->damage = what;
	return 1;
}

static int no_memory(struct replay *p)
{
	p->verdict = DISK_ESYSTEM;
	return bad(p, "out of memory");
}

static int no_memory_say(struct disk_error *why)
{
	return disk_say(why, DISK_ESYSTEM,
			"out of memory for the journal: give this replica more, "
			"and start it again");
}

static struct vote *vote_add(struct replay *p, uint8_t type)
{
	struct vote *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return NULL;
	v->type = type;
	*p->votes_end = v;
	p->votes_end = &v->next;
	return v;
}

/* Octets of a batch behind `head` of the record: kept, and checked once more. */
static const char *vote_batch(struct replay *p, struct vote *v, const struct journal_record *rec,
			      size_t head)
{
	v->batch = malloc(sizeof(*v->batch));
	v->len = rec->length - head;
	v->octets = malloc(v->len);
	if (v->batch == NULL || v->octets == NULL) {
		p->verdict = DISK_ESYSTEM;
		return "out of memory";
	}
	memcpy(v->octets, rec->payload + head, v->len);
	return verify_batch_octets(&p->r->verifier, v->octets, v->len, v->batch);
}

/* One of its votes says which: whatever it voted for since is in this journal. */
static void own_incarnation(struct replay *p, uint64_t incarnation)
{
	uint64_t *own = &p->incarnations[p->r->self - 1];

	if (incarnation > *own)
		*own = incarnation;
}

static int on_proposal(struct replay *p, const struct journal_record *rec)
{
	struct vote *v = vote_add(p, RECORD_PROPOSAL);
	struct ap_reader reader;
	ap_pre_prepare m;

	if (v == NULL)
		return no_memory(p);
	ap_reader_init(&reader, rec->payload, rec->length);
	ap_pre_prepare_get(&reader, &m);
	if (!ap_reader_done(&reader))
		return bad(p, "a proposal does not decode");
	v->p = m.proposal;
	if (m.proposal.replica == p->r->self)
		own_incarnation(p, m.proposal.incarnation);
	memcpy(v->cert.pre_prepare_sig, m.sig.octets, 64);
	if (vote_batch(p, v, rec, AP_MAX_proposal + 64) != NULL ||
	    memcmp(v->batch->digest, m.proposal.batch.octets, 32) != 0)
		return bad(p, "a proposal's batch is not what it was");
	return 0;
}

static int on_fetched(struct replay *p, const struct journal_record *rec)
{
	struct vote *v = vote_add(p, RECORD_FETCHED);

	if (v == NULL)
		return no_memory(p);
	if (vote_batch(p, v, rec, 0) != NULL)
		return bad(p, "a fetched batch is not what it was");
	v->p.seq = rec->seq;
	memcpy(v->p.batch.octets, v->batch->digest, 32);
	return 0;
}

static int on_prepared(struct replay *p, const struct journal_record *rec)
{
	struct vote *v = vote_add(p, RECORD_PREPARED);

	if (v == NULL)
		return no_memory(p);
	if (!record_prepared_parse(rec->payload, rec->length, &v->p, &v->cert))
		return bad(p, "a certificate does not decode");
	if ((v->cert.who >> (p->r->self - 1) & 1) != 0)
		own_incarnation(p, v->cert.incarnation[p->r->self - 1]);
	return 0;
}

static int on_checkpoint(struct replay *p, const struct journal_record *rec)
{
	struct vote *v = vote_add(p, RECORD_CHECKPOINT);
	struct ap_reader reader;
	ap_checkpoint_vote m;

	if (v == NULL)
		return no_memory(p);
	ap_reader_init(&reader, rec->payload, rec->length);
	ap_checkpoint_vote_get(&reader, &m);
	if (!ap_reader_done(&reader))
		return bad(p, "a checkpoint does not decode");
	v->seq = m.seq;
	v->incarnation = m.incarnation;
	own_incarnation(p, m.incarnation);
	memcpy(v->state, m.state.octets, 32);
	/* it stands on an execution, whose mark may not have come to the disk any more: who signs a
	 * checkpoint comes back at it, or nobody could follow the one that saw it become stable */
	if (rec->seq > p->base.executed && !BUG(105)) {
		p->base.executed = rec->seq;
		p->has_running = false;
	}
	return 0;
}

/* The core wants nothing of what a stable checkpoint covers: without a store the whole journal is
 * read, and only the open window of it is kept. */
static void votes_prune(struct replay *p, uint64_t stable)
{
	struct vote **at = &p->votes, *v;

	while ((v = *at) != NULL) {
		bool view = v->type == RECORD_VIEW_CHANGE || v->type == RECORD_NEW_VIEW;
		uint64_t seq = v->type == RECORD_CHECKPOINT ? v->seq : v->p.seq;

		if (view || seq >= stable) {
			at = &v->next;
			continue;
		}
		*at = v->next;
		free(v->batch);
		free(v->octets);
		free(v);
	}
	p->votes_end = at;
}

static int on_stable(struct replay *p, const struct journal_record *rec)
{
	struct record_stable stable;

	if (!record_stable_parse(rec->payload, rec->length, &stable))
		return bad(p, "a stable checkpoint does not decode");
	if (stable.seq > p->base.stable || (stable.seq == p->base.stable && stable.seq > 0)) {
		p->base.stable = stable.seq;
		memcpy(p->base.stable_state, stable.state, 32);
		p->stable = stable;
		if ((stable.who >> (p->r->self - 1) & 1) != 0)
			own_incarnation(p, stable.incarnation[p->r->self - 1]);
		if (p->merged == 0)
			votes_prune(p, stable.seq);
	}
	return 0;
}

/* An own VIEW-CHANGE, or a NEW-VIEW: its octets; what they say is read when the core gets it. */
static int on_view(struct replay *p, const struct journal_record *rec)
{
	ap_bytes octets = {rec->payload, rec->length};
	struct vote *v;

	if (rec->type == RECORD_VIEW_CHANGE &&
	    views_read_change(p->r->views, &p->r->verifier, octets, true) != NULL)
		return bad(p, "a view change does not decode");
	if (rec->type == RECORD_VIEW_CHANGE)
		own_incarnation(p, p->r->views->changes[0].incarnation);
	if (rec->type == RECORD_NEW_VIEW &&
	    views_read_new_view(p->r->views, &p->r->verifier, octets, true) != NULL)
		return bad(p, "a new view does not decode");
	v = vote_add(p, rec->type);
	if (v == NULL || (v->octets = malloc(rec->length > 0 ? rec->length : 1)) == NULL)
		return no_memory(p);
	v->len = rec->length;
	memcpy(v->octets, rec->payload, rec->length);
	return 0;
}

static int on_executed(struct replay *p, const struct journal_record *rec)
{
	if (rec->length != 8 + 32)
		return bad(p, "a mark of execution does not decode");
	if (rec->seq > p->marked)
		p->marked = rec->seq;
	if (rec->seq >= p->base.executed) {
		p->base.executed = rec->seq;
		memcpy(p->base.running, rec->payload + 8, 32);
		p->has_running = true;
	}
	return 0;
}

static int on_signature(struct replay *p, const struct journal_record *rec)
{
	struct signature *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return no_memory(p);
	if (rec->length != 4 + 64) {
		free(s);
		return bad(p, "a signature does not decode");
	}
	s->seq = rec->seq;
	memcpy(s->sig, rec->payload + 4, 64);
	s->next = p->signatures;
	p->signatures = s;
	return 0;
}

static int on_record(void *arg, const struct journal_record *rec)
{
	struct replay *p = arg;

	switch (rec->type) {
	case RECORD_PROPOSAL:
		return on_proposal(p, rec);
	case RECORD_PREPARED:
		return on_prepared(p, rec);
	case RECORD_CHECKPOINT:
		return on_checkpoint(p, rec);
	case RECORD_STABLE:
		return on_stable(p, rec);
	case RECORD_EXECUTED:
		return on_executed(p, rec);
	case RECORD_SIGNATURE:
		return on_signature(p, rec);
	case RECORD_FETCHED:
		return on_fetched(p, rec);
	case RECORD_VIEW_CHANGE:
	case RECORD_NEW_VIEW:
		return on_view(p, rec);
	default:
		p->verdict = DISK_EVERSION;
		return bad(p, "a record of unknown type: this version is older than the journal");
	}
}

/* ---- 2: the machine ---- */

/* What the store had comes from the journal or, where that does not reach back, from the others. */
static int store_away(struct replay *p, const char *what, struct disk_error *why)
{
	struct run *r = p->r;

	log_say(LOG_L_ERROR,
		"%s; it is kept as %s/store.aside, and what it had is made again or fetched from "
		"the "
		"others; look into the kernel log for disk errors",
		what, r->conf->data);
	r->damages++;
	p->merged = 0;
	machine_restore(r->machine, NULL, 0);
	return index_renew(r->index, why);
}

/* draft {#transfer}: "A replica that has no state": its votes are here, and the certificate of its
 * last stable checkpoint. */
static bool lacks_state(struct replay *p)
{
	struct run *r = p->r;
	uint8_t marked[8 + 32];

	if (p->base.stable == 0 || p->base.stable <= p->merged ||
	    !pbft_quorum_strong(r->net.n, p->stable.who))
		return false;
	p->lacks = p->base.lacks = true;
	p->base.executed = p->base.stable;
	p->base.incarnation = p->incarnations;
	p->base.time_ms = 0;
	machine_restore(r->machine, NULL, 0);
	memset(p->base.running, 0, 32);
	if (journal_read(r->journal, p->base.stable, RECORD_EXECUTED, marked, sizeof(marked)) ==
	    (int)sizeof(marked))
		memcpy(p->base.running, marked + 8, 32);
	return true;
}

static int machine_step(struct replay *p, uint64_t seq, uint8_t *buf, struct pbft_batch *refs,
			struct disk_error *why)
{
	struct run *r = p->r;
	ap_bytes octets = effect_batch(r, seq, NULL, buf, RUN_FRAME_MAX);

	if (octets.data == NULL ||
	    verify_batch_octets(&r->verifier, octets.data, octets.len, refs) != NULL)
		return disk_say(why, DISK_EDAMAGED,
				"the journal lacks batch %llu, which this replica executed",
				(unsigned long long)seq);
	execute_batch(r, seq, refs->digest, octets, false);
	/* a mark that a crash took is made again by nobody else: once the checkpoint behind it
	 * is merged the batch is not executed any more, and peers ask for the hash */
	if (seq > p->marked && !BUG(112))
		effect_mark(r);
	return 0;
}

static int machine_steps(struct replay *p, struct disk_error *why)
{
	uint8_t *buf = malloc(RUN_FRAME_MAX);
	struct pbft_batch *refs = malloc(sizeof(*refs));
	int status = buf != NULL && refs != NULL ? 0 : no_memory_say(why);

	for (uint64_t seq = p->merged + 1; seq <= p->base.executed && status == 0; seq++) {
		status = machine_step(p, seq, buf, refs, why);
		if (status == 0 && index_damage(p->r->index) != NULL) {
			/* draft {#damage}: "Damage is no reason to stop, or not to start" */
			status = store_away(p, index_damage(p->r->index), why);
			seq = 0;
		}
	}
	free(refs);
	free(buf);
	return status;
}

static int machine_again(struct replay *p, struct disk_error *why)
{
	struct run *r = p->r;
	int status;

	/* draft {#checkpoints}: it "transfers the state of the others"; what its own log gives may
	 * be as wrong as before */
	if (r->quarantine == QUARANTINE_FETCHING && p->merged == 0 && lacks_state(p))
		return 0;
	status = machine_steps(p, why);
	/* a journal that was trimmed to its last stable checkpoint may have no mark of what was
	 * executed */
	if ((status == DISK_EDAMAGED ||
	     (status == 0 && p->merged == 0 && p->base.executed < p->base.stable)) &&
	    lacks_state(p)) {
		log_say(LOG_L_ERROR,
			"the store has no state, and the journal lacks batches that lead to one: "
			"what "
			"checkpoint %llu has is fetched from the others",
			(unsigned long long)p->base.stable);
		return 0;
	}
	if (status == 0 && p->has_running && p->base.executed > p->merged &&
	    memcmp(machine_running(r->machine), p->base.running, 32) != 0)
		status =
			disk_say(why, DISK_EDAMAGED,
				 "the journal's batches up to %llu do not give the state that they "
				 "gave before",
				 (unsigned long long)p->base.executed);
	return status;
}

/* Is it the state that 2f+1 members have signed? Without their signatures nobody knows. */
static bool is_signed(struct replay *p)
{
	uint8_t proof[RECORD_CERTIFICATE_MAX], digest[32];
	int n = merge_proof(index_merge(p->r->index), proof, sizeof(proof));

	machine_digest(p->r->machine, digest);
	return n < 8 + 32 || (disk_get64(proof) == p->merged && memcmp(proof + 8, digest, 32) == 0);
}

/* A journal restored over an older store, or the other way round, shows here. */
static int machine_restored(struct replay *p, struct disk_error *why)
{
	const uint8_t *octets;
	size_t len;

	p->merged = index_merged(p->r->index, &octets, &len);
	if (p->merged == 0)
		return 0;
	if (octets != NULL && !machine_snapshot_known(octets, len))
		return disk_say(why, DISK_EVERSION,
				"the store's state of batch %llu is of another version of this "
				"program: start the version that wrote it",
				(unsigned long long)p->merged);
	if (octets == NULL || machine_restore(p->r->machine, octets, len) != 0 ||
	    machine_seq(p->r->machine) != p->merged || !is_signed(p))
		return store_away(p, "the store's state is not the one that was signed", why);
	if (undecided_refill(p->r, why) != 0)
		return store_away(p, why->text, why);
	p->base.executed = p->base.stable = p->merged;
	machine_digest(p->r->machine, p->base.stable_state);
	memcpy(p->base.running, machine_running(p->r->machine), 32);
	/* installed, and killed before that was noted */
	return p->r->quarantine == QUARANTINE_FETCHING
		       ? quarantine_write(p->r, QUARANTINE_FOLLOWS, why)
		       : 0;
}

/* ---- 3: the core ---- */

/* The body goes with the vote: the core says whether it counts on it. */
static int core_body(struct replay *p, const struct vote *v, int held, const uint8_t replaced[32])
{
	if (held < 0)
		return -1;
	if ((held & PBFT_HELD) != 0 &&
	    bodies_put(p->r->bodies, v->batch->digest, v->octets, v->len, v->batch) != 0) {
		p->verdict = DISK_ESYSTEM;
		return -1;
	}
	if ((held & PBFT_REPLACED) != 0)
		bodies_drop(p->r->bodies, replaced);
	return 0;
}

static int core_view(struct replay *p, const struct vote *v)
{
	struct run *r = p->r;
	ap_bytes octets = {v->octets, v->len};
	bool change = v->type == RECORD_VIEW_CHANGE;

	if ((change ? views_read_change(r->views, &r->verifier, octets, true)
		    : views_read_new_view(r->views, &r->verifier, octets, true)) != NULL)
		return -1;
	if (!(change ? views_keep_change(r->views, r->self, octets)
		     : views_keep_new_view(r->views, octets))) {
		p->verdict = DISK_ESYSTEM;
		return -1;
	}
	return change ? pbft_restore_view_change(r->pbft, &r->views->changes[0])
		      : pbft_restore_new_view(r->pbft, &r->views->says);
}

static int core_vote(struct replay *p, const struct vote *v)
{
	struct pbft_slot_view s = {.view = v->p.view,
				   .seq = v->p.seq,
				   .incarnation = v->p.incarnation,
				   .primary = v->p.replica,
				   .batch = v->batch,
				   .cert = &v->cert};
	struct pbft_batch named = {.n_bundles = 0};
	uint8_t replaced[32];

	switch (v->type) {
	case RECORD_PROPOSAL:
		return core_body(p, v, pbft_restore_proposal(p->r->pbft, &s, replaced), replaced);
	case RECORD_FETCHED:
		return core_body(p, v, pbft_restore_fetched(p->r->pbft, &s, replaced), replaced);
	case RECORD_PREPARED:
		memcpy(named.digest, v->p.batch.octets, 32);
		s.batch = &named;
		return pbft_restore_prepared(p->r->pbft, &s);
	case RECORD_VIEW_CHANGE:
	case RECORD_NEW_VIEW:
		return core_view(p, v);
	default:
		return pbft_restore_checkpoint(p->r->pbft, v->seq, v->incarnation, v->state);
	}
}

static int core_again(struct replay *p, struct disk_error *why)
{
	struct run *r = p->r;

	p->base.silent = r->quarantine != QUARANTINE_NONE;
	if (!p->lacks) {
		p->base.time_ms = machine_time(r->machine);
		memcpy(p->base.running, machine_running(r->machine), 32);
	}
	if (!BUG(101))
		machine_digest(r->machine, p->base.state);
	if (pbft_restore_base(r->pbft, &p->base) != 0)
		return disk_say(why, DISK_EDAMAGED,
				"the journal contradicts itself: batch %llu, "
				"stable checkpoint %llu",
				(unsigned long long)p->base.executed,
				(unsigned long long)p->base.stable);
	for (uint8_t relay = 1; relay <= r->net.n; relay++)
		pbft_restore_numbers(r->pbft, relay, machine_numbers_of(r->machine, relay));
	if (p->stable.seq <
	    p->base.stable) { /* a crash right behind a transfer: the store has it */
		uint8_t proof[RECORD_CERTIFICATE_MAX];
		int n = merge_proof(index_merge(r->index), proof, sizeof(proof));

		if (n <= 0 || !record_stable_parse(proof, (size_t)n, &p->stable))
			p->stable.seq = 0;
	}
	pbft_restore_stable(r->pbft, p->stable.seq, p->stable.who, p->stable.incarnation,
			    (const uint8_t(*)[64])p->stable.sig);
	for (const struct vote *v = p->votes; v != NULL; v = v->next) {
		if (core_vote(p, v) >= 0)
			continue;
		if (p->verdict != 0)
			return disk_say(why, p->verdict, "out of memory for the journal's votes");
		return disk_say(why, DISK_EDAMAGED,
				"the journal holds two votes of this replica that contradict each "
				"other");
	}
	return 0;
}

static void clear(struct replay *p)
{
	while (p->votes != NULL) {
		struct vote *next = p->votes->next;

		free(p->votes->batch);
		free(p->votes->octets);
		free(p->votes);
		p->votes = next;
	}
	while (p->signatures != NULL) {
		struct signature *next = p->signatures->next;

		free(p->signatures);
		p->signatures = next;
	}
}

/* What was restored is the live state's business from here: merging goes on behind the newest
 * checkpoint. */
static void finish(struct replay *p, const struct journal_report *report)
{
	for (const struct signature *s = p->signatures; s != NULL; s = s->next)
		index_signed(p->r->index, s->seq, s->sig);
	if (p->base.stable > p->merged && !p->lacks) {
		struct journal_place last = journal_last(p->r->journal);
		uint8_t proof[RECORD_CERTIFICATE_MAX];

		if (p->stable.seq == p->base.stable)
			index_proof(p->r->index, p->base.stable, proof,
				    record_stable(proof, p->stable.seq, p->stable.state,
						  p->stable.who, p->stable.incarnation,
						  (const uint8_t(*)[64])p->stable.sig));
		index_journal(p->r->index, &last);
		index_stable(p->r->index, p->base.stable);
	}
	log_say(LOG_L_INFO, "restored executed=%llu stable=%llu merged=%llu records=%llu cut=%llu",
		(unsigned long long)p->base.executed, (unsigned long long)p->base.stable,
		(unsigned long long)p->merged, (unsigned long long)report->records,
		(unsigned long long)report->cut);
}

/* draft {#rejoin}: a replica that has run before, and whose journal is gone, or an older one than
 * its state has seen, has forgotten; one that has nothing at all cannot tell yet. */
static int judge_history(struct replay *p, const struct journal_report *report,
			 struct disk_error *why)
{
	struct run *r = p->r;
	char boot[32], what[DISK_ERROR_MAX] = "";
	bool has_run = files_get(r->conf->data, "boot", boot, sizeof(boot), why) >= 0;

	if (report->is_new != 0 && (has_run || p->merged > 0))
		snprintf(what, sizeof(what), "its journal is gone");
	else if (report->is_other != 0)
		snprintf(what, sizeof(what),
			 "its journal is not the one that its store was merged from: it ends with "
			 "record %llu, and had record %llu: put back both or none of them",
			 (unsigned long long)report->last, (unsigned long long)p->seen.number);
	if (!r->recover.is && what[0] != '\0') {
		int status = recover_begin(r, what, why);

		if (status != 0)
			return status;
	}
	p->base.empty = report->records == 0 && p->merged == 0;
	p->base.recovering = r->recover.is;
	p->base.rejoined = r->recover.rejoined;
	p->base.incarnation = machine_incarnations(r->machine);
	if (r->recover.is)
		log_say(LOG_L_ERROR,
			"recovering: %s; it votes in nothing, fetches what it lacks, and comes "
			"back "
			"by itself",
			r->recover.why[0] != '\0' ? r->recover.why
						  : "its vote history is not whole");
	return 0;
}

int replay(struct run *r, struct disk_error *why)
{
	struct replay p = {.r = r, .votes_end = NULL};
	struct journal_report report;
	int status;

	p.votes_end = &p.votes;
	ap_digest_genesis(ap_sha256, p.base.running, r->net.genesis);
	status = machine_restored(&p, why);
	if (status == 0) {
		merge_journal(index_merge(r->index), &p.seen);
		journal_expect(r->journal, &p.seen);
	}
	if (status == 0)
		status = journal_replay(r->journal, p.merged + 1, on_record, &p, &report, why);
	if (status == DISK_ESTOPPED)
		status = disk_say(why, p.verdict != 0 ? p.verdict : DISK_EDAMAGED,
				  "the journal cannot be used: %s", p.damage);
	if (status == 0)
		status = judge_history(&p, &report, why);
	if (status == 0)
		status = machine_again(&p, why);
	if (status == 0)
		status = core_again(&p, why);
	if (status == 0)
		finish(&p, &report);
	clear(&p);
	return status;
}
