/*
 * S8: what an ordered log means, said a second time and independently of daemon/machine: every
 * decision that ever was is in one list, nothing is purged, nothing is counted incrementally. Open
 * instances, as the machine executes them now.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "libproto/crypto.h"
#include "libproto/instance.h"
#include "tests/sim/oracle_inner.h"

typedef unsigned long long ull;

struct decision {
	uint8_t id[AP_ID_LEN], relay, len, value[AP_VALUE_MAX];
	uint64_t seq, time;
};

struct model {
	struct decision *decisions;
	size_t n, size;
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
	if (m != NULL)
		free(m->decisions);
	free(m);
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

static struct answer decided(const struct decision *d)
{
	struct answer a = plain(AP_STATUS_DECIDED, 1, d->seq, d->time);

	a.outcome.value = (ap_value){d->value, d->len};
	return a;
}

static const struct decision *find(const struct model *m, const uint8_t id[AP_ID_LEN])
{
	if (ap_id_deadline(id) * 1000 <= m->floor)
		return NULL;
	for (size_t i = 0; i < m->n; i++)
		if (memcmp(m->decisions[i].id, id, AP_ID_LEN) == 0)
			return &m->decisions[i];
	return NULL;
}

/* Those of a relay whose bucket of 4096 seconds the floor has not passed. */
static uint64_t used(const struct model *m, uint8_t relay)
{
	uint64_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		n += m->decisions[i].relay == relay &&
		     ap_id_deadline(m->decisions[i].id) / 4096 >= m->floor / 4096000;
	return n;
}

static struct answer decide(struct model *m, const uint8_t id[AP_ID_LEN], uint8_t relay,
			    const ap_value *value)
{
	uint64_t deadline = ap_id_deadline(id) * 1000;
	struct decision *d;

	if (deadline > m->time + sim->o.horizon_s * 1000 ||
	    used(m, relay) >= sim->o.capacity / sim->o.n)
		return refusal();
	if (m->n == m->size) {
		m->size = 2 * m->size + 64;
		m->decisions = realloc(m->decisions, m->size * sizeof(*m->decisions));
		if (m->decisions == NULL)
			abort();
	}
	d = &m->decisions[m->n++];
	*d = (struct decision){
		.relay = relay, .len = (uint8_t)value->len, .seq = m->seq, .time = m->time};
	memcpy(d->id, id, AP_ID_LEN);
	if (value->len > 0)
		memcpy(d->value, value->data, value->len);
	return decided(d);
}

static struct answer read(const struct model *m, const uint8_t id[AP_ID_LEN], const ap_nonce *nonce)
{
	const struct decision *d = find(m, id);

	return d != NULL ? decided(d) : fresh(m, AP_STATUS_UNKNOWN, 0, nonce);
}

/* What the octets alone say. */
static bool is_sound(const struct model *m, const uint8_t id[AP_ID_LEN], const ap_propose *p,
		     ap_descriptor *d)
{
	uint8_t right[AP_ID_LEN];
	const char *why;

	if (ap_descriptor_parse(d, p->descriptor, &why) != 0 ||
	    !ap_instance_id(ap_sha256, right, m->key, &d->terms) ||
	    memcmp(right, id, AP_ID_LEN) != 0 || d->terms.n_parties > 0 || d->terms.k != 1 ||
	    d->n_locks > 0)
		return false;
	if (p->verb == AP_VERB_OBSERVE)
		return true;
	return p->verb == AP_VERB_APPROVE && p->party == AP_PARTY_NONE &&
	       p->credential.kind == AP_CREDENTIAL_NONE && ap_terms_takes(&d->terms, &p->value);
}

static struct answer propose(struct model *m, const uint8_t id[AP_ID_LEN], uint8_t relay,
			     const ap_propose *p)
{
	uint64_t deadline = ap_id_deadline(id) * 1000;
	const struct decision *old = find(m, id);
	ap_descriptor d;
	struct answer a;

	if (p->descriptor.len == 0) {
		if (p->verb == AP_VERB_OBSERVE)
			return read(m, id, &p->nonce);
		return old != NULL ? decided(old) : refusal();
	}
	if (!is_sound(m, id, p, &d))
		return refusal();
	if (deadline <= m->floor)
		return plain(AP_STATUS_FORGOTTEN, 0, 0, 0);
	if (old != NULL)
		return decided(old);
	if (deadline <= m->time) {
		a = plain(AP_STATUS_ABORTED, 1, 0, deadline);
		a.outcome.reason = AP_REASON_DEADLINE;
		return a;
	}
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
	if (at != result->n_entries)
		sim_fail("S8: batch %llu has %zu outcomes, of %zu requests", (ull)m->seq,
			 result->n_entries, at);
}
