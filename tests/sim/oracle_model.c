/*
 * S8: what an ordered log means, said a second time and independently of daemon/machine: every
 * instance that ever was registered or decided is in one list, and every vote that counted in
 * another; nothing is purged, nothing is counted incrementally.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "libproto/crypto.h"
#include "libproto/instance.h"
#include "tests/sim/oracle_inner.h"
#include "tests/sim/wrap.h"

typedef unsigned long long ull;

struct matter { /* final, undecided, or gone with its deadline */
	uint8_t id[AP_ID_LEN], relay, len, value[AP_VALUE_MAX];
	bool final, gone;
	ap_descriptor descriptor; /* with parties; borrows from octets */
	uint8_t *octets;
	size_t octets_len;
	struct answer_outcome {
		uint8_t status, reason;
		uint64_t seq, time;
	} end;
};

struct ballot {
	size_t matter;
	uint8_t party, len, value[AP_VALUE_MAX];
	bool yes;
};

struct model {
	struct matter *matters;
	struct ballot *ballots;
	size_t n, size, n_ballots, size_ballots;
	uint64_t seq, time, floor; /* s, T, F in ms */
	bool live;
	const uint8_t *key;
};

struct answer { /* an outcome, or a refusal */
	bool refused;
	ap_outcome outcome;
};

struct model *model_new(void)
{
	struct model *m = calloc(1, sizeof(*m));

	if (m == NULL)
		abort();
	return m;
}

void model_free(struct model *m)
{
	for (size_t i = 0; m != NULL && i < m->n; i++)
		free(m->matters[i].octets);
	if (m != NULL) {
		free(m->matters);
		free(m->ballots);
	}
	free(m);
}

static void *must(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

static struct answer refusal(void)
{
	return (struct answer){.refused = true};
}

static struct answer plain(uint8_t status, uint8_t k, uint64_t seq, uint64_t time)
{
	struct answer a = {.refused = false};

	a.outcome.version = AP_OUTCOME_VERSION;
	a.outcome.status = status;
	a.outcome.k = k;
	a.outcome.sequence = seq;
	a.outcome.time = time;
	return a;
}

static struct answer fresh(const struct model *m, uint8_t status, uint8_t k, const ap_nonce *nonce)
{
	struct answer a = plain(status, k, m->seq, m->time);

	a.outcome.nonce.present = true;
	a.outcome.nonce.it = *nonce;
	return a;
}

/* ---- matters ---- */

static bool is_open(const struct matter *d)
{
	return d->octets == NULL;
}

static void tally(const struct model *m, const struct matter *d, ap_outcome *o)
{
	for (size_t i = 0; i < m->n_ballots; i++)
		if (&m->matters[m->ballots[i].matter] == d)
			*(m->ballots[i].yes ? &o->yes : &o->no) |= 1u << m->ballots[i].party;
}

static void terms(const ap_descriptor *descriptor, ap_outcome *o)
{
	o->k = descriptor->terms.k;
	o->terms.present = descriptor->n_locks > 0;
	if (o->terms.present)
		ap_descriptor_digest(ap_sha256, o->terms.it.octets, descriptor);
}

static struct answer ended(const ap_descriptor *descriptor, const uint8_t id[AP_ID_LEN])
{
	struct answer a = plain(AP_STATUS_ABORTED, 1, 0, ap_id_deadline(id) * 1000);

	terms(descriptor, &a.outcome);
	a.outcome.reason = AP_REASON_DEADLINE;
	return a;
}

static struct answer final_of(const struct model *m, const struct matter *d)
{
	struct answer a = plain(d->end.status, 1, d->end.seq, d->end.time);

	if (!is_open(d))
		terms(&d->descriptor, &a.outcome);
	tally(m, d, &a.outcome);
	a.outcome.reason = d->end.reason;
	if (d->end.status == AP_STATUS_DECIDED)
		a.outcome.value = (ap_value){d->value, d->len};
	return a;
}

static struct answer pending_of(const struct model *m, const struct matter *d,
				const ap_nonce *nonce)
{
	struct answer a = fresh(m, AP_STATUS_PENDING, 1, nonce);

	terms(&d->descriptor, &a.outcome);
	tally(m, d, &a.outcome);
	return a;
}

static struct matter *find(const struct model *m, const uint8_t id[AP_ID_LEN])
{
	if (ap_id_deadline(id) * 1000 <= m->floor)
		return NULL;
	for (size_t i = 0; i < m->n; i++)
		if (memcmp(m->matters[i].id, id, AP_ID_LEN) == 0 && !m->matters[i].gone)
			return &m->matters[i];
	return NULL;
}

/* Those of a relay whose bucket of 4096 seconds the floor has not passed. */
static uint64_t used(const struct model *m, uint8_t relay)
{
	uint64_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		n += m->matters[i].relay == relay &&
		     ap_id_deadline(m->matters[i].id) / 4096 >= m->floor / 4096000;
	return n;
}

static bool has_room(const struct model *m, uint8_t relay)
{
	return used(m, relay) < sim->o.capacity / sim->o.n;
}

/* draft {#capacity}: "at most U, and take at most 4 U cells" */
static uint64_t cells(const ap_descriptor *d, size_t len)
{
	return (len + (d->terms.fixed.present ? 0u : 32u * d->terms.n_parties) + 123) / 124;
}

static bool has_room_undecided(const struct model *m, uint8_t relay, const ap_descriptor *d,
			       size_t len)
{
	uint64_t share = sim->o.capacity / sim->o.n, n = 1, taken = cells(d, len);

	share = share < 32768 ? share : 32768;
	for (size_t i = 0; i < m->n; i++) {
		const struct matter *other = &m->matters[i];

		if (other->relay != relay || other->final || other->gone ||
		    ap_id_deadline(other->id) * 1000 <= m->floor)
			continue;
		n++;
		taken += cells(&other->descriptor, other->octets_len);
	}
	return n <= share && taken <= 4 * share;
}

static struct matter *add(struct model *m, const uint8_t id[AP_ID_LEN], uint8_t relay)
{
	struct matter *d;

	if (m->n == m->size) {
		m->size = 2 * m->size + 64;
		m->matters = must(realloc(m->matters, m->size * sizeof(*m->matters)));
	}
	d = &m->matters[m->n++];
	memset(d, 0, sizeof(*d));
	d->relay = relay;
	memcpy(d->id, id, AP_ID_LEN);
	return d;
}

static bool is_near(const struct model *m, const uint8_t id[AP_ID_LEN])
{
	return ap_id_deadline(id) * 1000 <= m->time + sim->o.horizon_s * 1000;
}

static struct answer decide(struct model *m, const uint8_t id[AP_ID_LEN], uint8_t relay,
			    const ap_value *value)
{
	struct matter *d;

	if (!is_near(m, id) || !has_room(m, relay))
		return refusal();
	d = add(m, id, relay);
	d->final = true;
	d->end = (struct answer_outcome){AP_STATUS_DECIDED, 0, m->seq, m->time};
	d->len = (uint8_t)value->len;
	if (value->len > 0)
		memcpy(d->value, value->data, value->len);
	return final_of(m, d);
}

static struct answer read(const struct model *m, const uint8_t id[AP_ID_LEN], const ap_nonce *nonce)
{
	const struct matter *d = find(m, id);

	if (d == NULL)
		return fresh(m, AP_STATUS_UNKNOWN, 0, nonce);
	if (d->final)
		return final_of(m, d);
	if (ap_id_deadline(id) * 1000 <= m->time)
		return ended(&d->descriptor, id);
	return pending_of(m, d, nonce);
}

/* ---- votes ---- */

static bool is_same(const struct ballot *a, const struct ballot *b)
{
	return a->matter == b->matter && a->yes && b->yes && a->len == b->len &&
	       memcmp(a->value, b->value, a->len) == 0;
}

/* What the votes so far come to. */
static void judge(const struct model *m, struct matter *d)
{
	const ap_terms *t = &d->descriptor.terms;
	unsigned noes = 0, voted = 0, most = 0;

	for (size_t i = 0; i < m->n_ballots; i++) {
		const struct ballot *b = &m->ballots[i];
		unsigned same = 0;

		if (&m->matters[b->matter] != d)
			continue;
		voted++;
		noes += !b->yes;
		for (size_t j = 0; j < m->n_ballots; j++)
			same += is_same(b, &m->ballots[j]);
		if (same <= most)
			continue;
		most = same;
		d->len = b->len;
		memcpy(d->value, b->value, b->len);
	}
	if (most < t->k && most + (t->n_parties - voted) >= t->k)
		return;
	d->final = true;
	d->end = (struct answer_outcome){AP_STATUS_DECIDED, 0, m->seq, m->time};
	if (most >= t->k)
		return;
	d->end.status = AP_STATUS_ABORTED;
	d->end.reason = t->n_parties - noes < t->k ? AP_REASON_VETOED : AP_REASON_SPLIT;
}

static void count(struct model *m, size_t matter, const ap_propose *p)
{
	struct ballot *b;

	for (size_t i = 0; i < m->n_ballots; i++)
		if (m->ballots[i].matter == matter && m->ballots[i].party == p->party)
			return;
	if (m->n_ballots == m->size_ballots) {
		m->size_ballots = 2 * m->size_ballots + 64;
		m->ballots = must(realloc(m->ballots, m->size_ballots * sizeof(*m->ballots)));
	}
	b = &m->ballots[m->n_ballots++];
	memset(b, 0, sizeof(*b));
	b->matter = matter;
	b->party = p->party;
	b->yes = p->verb == AP_VERB_APPROVE;
	b->len = (uint8_t)p->value.len;
	if (p->value.len > 0)
		memcpy(b->value, p->value.data, p->value.len);
	judge(m, &m->matters[matter]);
}

/* Locks one by one, signatures by what signs them: the code that the machine has is not used. */
static bool is_partys(const ap_descriptor *d, const uint8_t id[AP_ID_LEN], const ap_propose *p)
{
	uint8_t message[AP_VOTE_MAX], lock[32];
	size_t len, at = 0;

	if (d->terms.parties[p->party].key.present) {
		len = ap_vote_put(message, p->verb, id, &p->value);
		return __wrap_crypto_sign_verify_detached(
			       p->credential.octets, message, len,
			       d->terms.parties[p->party].key.it.octets) == 0;
	}
	for (uint8_t i = 0; i < p->party; i++)
		at += d->terms.parties[i].key.present ? 0 : 1;
	ap_lock_digest(ap_sha256, lock, id, p->party, p->verb == AP_VERB_APPROVE,
		       p->credential.octets);
	return memcmp(lock,
		      p->verb == AP_VERB_APPROVE ? d->locks[at].yes.octets : d->locks[at].no.octets,
		      32) == 0;
}

static void keep_descriptor(struct matter *d, ap_bytes octets)
{
	const char *why;

	d->octets = must(malloc(octets.len));
	d->octets_len = octets.len;
	memcpy(d->octets, octets.data, octets.len);
	if (ap_descriptor_parse(&d->descriptor, (ap_bytes){d->octets, octets.len}, &why) != 0)
		abort();
}

/* At T < D, not final; `carried` is there, if the request has it. */
static struct answer party_request(struct model *m, const uint8_t id[AP_ID_LEN], uint8_t relay,
				   const ap_propose *p, const ap_descriptor *carried)
{
	struct matter *d = find(m, id);
	const ap_descriptor *in = d != NULL ? &d->descriptor : carried;
	bool votes = p->verb != AP_VERB_OBSERVE, fresh_one = d == NULL;
	size_t n_ballots = m->n_ballots;

	if (fresh_one && !is_near(m, id))
		return refusal();
	if (votes && d != NULL && p->descriptor.len > 0 &&
	    (d->octets_len != p->descriptor.len ||
	     memcmp(d->octets, p->descriptor.data, d->octets_len) != 0))
		return refusal();
	if (votes && (m->time < in->terms.start * 1000 || !is_partys(in, id, p)))
		return refusal();
	if (fresh_one && !has_room(m, relay))
		return refusal();
	if (fresh_one) {
		bool room = has_room_undecided(m, relay, carried, p->descriptor.len);

		d = add(m, id, relay);
		keep_descriptor(d, p->descriptor);
		if (votes)
			count(m, m->n - 1, p);
		if (!d->final && !room) {
			free(d->octets);
			m->n--;
			m->n_ballots = n_ballots;
			return refusal();
		}
	} else if (votes) {
		count(m, (size_t)(d - m->matters), p);
	}
	return d->final ? final_of(m, d) : pending_of(m, d, &p->nonce);
}

/* ---- what the octets alone say ---- */

static bool is_carried(const struct model *m, const uint8_t id[AP_ID_LEN], const ap_propose *p,
		       ap_descriptor *d)
{
	uint8_t right[AP_ID_LEN];
	const char *why;

	return ap_descriptor_parse(d, p->descriptor, &why) == 0 &&
	       ap_instance_id(ap_sha256, right, m->key, &d->terms) &&
	       memcmp(right, id, AP_ID_LEN) == 0;
}

static bool is_vote_sound(const ap_terms *t, const ap_propose *p)
{
	bool yes = p->verb == AP_VERB_APPROVE;

	if (p->verb == AP_VERB_OBSERVE)
		return true;
	if (t->n_parties == 0)
		return yes && p->party == AP_PARTY_NONE &&
		       p->credential.kind == AP_CREDENTIAL_NONE && ap_terms_takes(t, &p->value);
	if (p->party >= t->n_parties ||
	    p->credential.kind != (t->parties[p->party].key.present ? AP_CREDENTIAL_SIGNATURE
								    : AP_CREDENTIAL_SECRET))
		return false;
	return yes ? ap_terms_takes(t, &p->value) : p->value.len == 0;
}

static struct answer propose_bare(struct model *m, const uint8_t id[AP_ID_LEN], uint8_t relay,
				  const ap_propose *p)
{
	struct matter *d = find(m, id);

	if (p->verb == AP_VERB_OBSERVE)
		return read(m, id, &p->nonce);
	if (d == NULL)
		return refusal();
	if (d->final)
		return final_of(m, d);
	if (!is_vote_sound(&d->descriptor.terms, p))
		return refusal();
	if (ap_id_deadline(id) * 1000 <= m->time)
		return ended(&d->descriptor, id);
	return party_request(m, id, relay, p, NULL);
}

static struct answer propose(struct model *m, const uint8_t id[AP_ID_LEN], uint8_t relay,
			     const ap_propose *p)
{
	uint64_t deadline = ap_id_deadline(id) * 1000;
	const struct matter *old = find(m, id);
	ap_descriptor d;

	if (p->descriptor.len == 0)
		return propose_bare(m, id, relay, p);
	if (!is_carried(m, id, p, &d) || !is_vote_sound(&d.terms, p))
		return refusal();
	if (deadline <= m->floor)
		return plain(AP_STATUS_FORGOTTEN, 0, 0, 0);
	if (old != NULL && old->final)
		return final_of(m, old);
	if (deadline <= m->time)
		return ended(old != NULL ? &old->descriptor : &d, id);
	if (d.terms.n_parties > 0)
		return party_request(m, id, relay, p, &d);
	if (p->verb == AP_VERB_OBSERVE)
		return fresh(m, AP_STATUS_PENDING, 1, &p->nonce);
	return m->time < d.terms.start * 1000 ? refusal() : decide(m, id, relay, &p->value);
}

static struct answer request(struct model *m, uint8_t relay, ap_bytes body)
{
	struct ap_reader r;
	ap_request q;
	ap_propose p;

	ap_reader_init(&r, body.data, body.len);
	ap_request_get(&r, &q);
	if (!ap_reader_done(&r) || !m->live)
		return refusal();
	ap_reader_init(&r, q.propose.data, q.propose.len);
	ap_propose_get(&r, &p);
	if (!ap_reader_done(&r) || p.version != AP_PROPOSE_VERSION || p.verb < AP_VERB_APPROVE ||
	    p.verb > AP_VERB_OBSERVE)
		return refusal();
	return propose(m, q.id.octets, relay, &p);
}

static struct answer read_op(const struct model *m, ap_bytes body)
{
	struct ap_reader r;
	ap_read q;

	ap_reader_init(&r, body.data, body.len);
	ap_read_get(&r, &q);
	return ap_reader_done(&r) && m->live ? read(m, q.id.octets, &q.nonce) : refusal();
}

static void check(const struct model *m, const struct machine_result *r, size_t at,
		  const struct answer *a)
{
	const struct machine_entry *e = &r->entries[at];
	bool nonce = a->outcome.nonce.present;

	if (at >= r->n_entries)
		sim_fail("S8: batch %llu leaves a request without an outcome", (ull)m->seq);
	if ((e->leaf < 0) != a->refused)
		sim_fail("S8: in batch %llu entry %zu is refused, or is not: %d", (ull)m->seq, at,
			 e->refusal);
	if (a->refused)
		return;
	if (!ap_outcome_is_same(&e->outcome, &a->outcome) || e->outcome.nonce.present != nonce ||
	    (nonce && memcmp(&e->outcome.nonce.it, &a->outcome.nonce.it, 16) != 0))
		sim_fail("S8: in batch %llu entry %zu is %s, and should be %s", (ull)m->seq, at,
			 ap_status_name(e->outcome.status), ap_status_name(a->outcome.status));
}

/* The one that is due and has the lowest id; those that the floor has passed go without a word. */
static struct matter *next_due(struct model *m)
{
	struct matter *first = NULL;

	for (size_t i = 0; i < m->n; i++) {
		struct matter *d = &m->matters[i];
		uint64_t deadline = ap_id_deadline(d->id) * 1000;

		if (d->final || d->gone || deadline > m->time)
			continue;
		if (deadline <= m->floor)
			d->gone = true;
		else if (first == NULL || memcmp(d->id, first->id, AP_ID_LEN) < 0)
			first = d;
	}
	return first;
}

static size_t check_expired(struct model *m, const struct machine_result *result, size_t at)
{
	struct matter *d;

	for (; at < AP_BATCH_REQUESTS_MAX && (d = next_due(m)) != NULL; at++) {
		struct answer a = ended(&d->descriptor, d->id);

		check(m, result, at, &a);
		if (memcmp(result->entries[at].id, d->id, AP_ID_LEN) != 0)
			sim_fail("S8: in batch %llu entry %zu is of another instance", (ull)m->seq,
				 at);
		d->gone = true;
	}
	return at;
}

void model_apply(struct model *m, const struct machine *machine, const struct machine_batch *batch,
		 const struct machine_result *result, bool was_live)
{
	uint64_t retention = sim->o.retention_s * 1000;
	size_t at = 0;

	m->seq = batch->seq;
	m->time = batch->time_ms > m->time ? batch->time_ms : m->time;
	if (m->time > retention && m->time - retention > m->floor)
		m->floor = m->time - retention;
	m->live = was_live;
	m->key = machine_key(machine)->pk;
	for (size_t i = 0; i < batch->n_bundles; i++) {
		const struct machine_bundle *b = &batch->bundles[i];
		struct ap_reader r;

		ap_reader_init(&r, b->ops, b->ops_len);
		while (result->executed_bundles[i] != 0 && ap_reader_left(&r) > 0) {
			struct answer a;
			ap_op op;

			ap_op_get(&r, &op);
			if (r.bad != NULL)
				break;
			if (op.kind != AP_OP_request && op.kind != AP_OP_read)
				continue;
			a = op.kind == AP_OP_read ? read_op(m, op.body)
						  : request(m, b->relay, op.body);
			check(m, result, at++, &a);
		}
	}
	at = check_expired(m, result, at);
	if (at != result->n_entries)
		sim_fail("S8: batch %llu has %zu outcomes, of %zu requests", (ull)m->seq,
			 result->n_entries, at);
}
