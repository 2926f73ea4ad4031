#include "tests/lib/model.h"

#include <stdlib.h>
#include <string.h>

#include "libproto/instance.h"
#include "libproto/outcome.h"

struct model *model_new(const struct machine_conf *conf)
{
	struct model *m = calloc(1, sizeof(*m));

	if (m == NULL)
		abort();
	m->n = conf->n;
	m->retention_s = conf->retention_s;
	m->horizon_s = conf->horizon_s;
	m->share = conf->capacity / conf->n;
	return m;
}

void model_free(struct model *m)
{
	free(m);
}

void model_batch(struct model *m, uint64_t time_ms)
{
	m->sequence++;
	if (time_ms > m->time_ms)
		m->time_ms = time_ms;
	if (m->time_ms > m->floor_ms + m->retention_s * 1000)
		m->floor_ms = m->time_ms - m->retention_s * 1000;
}

bool model_bundle(struct model *m, uint8_t relay, uint64_t start, uint64_t counter)
{
	for (size_t i = 0; i < m->n_numbers; i++) {
		if (m->numbers[i].relay != relay)
			continue;
		if (m->numbers[i].start > start)
			return false;
		if (m->numbers[i].start < start)
			continue;
		if (m->numbers[i].counter == counter || m->numbers[i].counter >= counter + 256)
			return false;
	}
	if (m->n_numbers == MODEL_NUMBERS_MAX)
		abort();
	m->numbers[m->n_numbers].relay = relay;
	m->numbers[m->n_numbers].start = start;
	m->numbers[m->n_numbers++].counter = counter;
	return true;
}

static uint64_t used_by(const struct model *m, uint8_t relay)
{
	uint64_t used = 0;

	for (size_t i = 0; i < m->n_cases; i++) {
		uint64_t bucket_end_s = (m->cases[i].instance->deadline_s / 4096 + 1) * 4096;

		used += m->cases[i].relay == relay && bucket_end_s * 1000 > m->floor_ms;
	}
	return used;
}

static uint64_t deadline_ms(const struct instance *in)
{
	return in->deadline_s * 1000;
}

static bool is_undecided(const struct model *m, const struct model_case *c)
{
	return !c->final && m->time_ms < deadline_ms(c->instance);
}

size_t model_undecided(const struct model *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_cases; i++)
		n += is_undecided(m, &m->cases[i]);
	return n;
}

/* Those that are final for want of an outcome, and not forgotten: from here on they are found by
 * nobody who does not know their terms. */
size_t model_expired(struct model *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_cases; i++) {
		struct model_case *c = &m->cases[i];

		if (c->final || m->time_ms < deadline_ms(c->instance))
			continue;
		n += deadline_ms(c->instance) > m->floor_ms;
		c->final = true;
		c->status = AP_STATUS_UNKNOWN;
	}
	return n;
}

static uint64_t undecided_of(const struct model *m, uint8_t relay)
{
	uint64_t n = 0;

	for (size_t i = 0; i < m->n_cases; i++) /* until the end of the batch they take room */
		n += m->cases[i].relay == relay && !m->cases[i].final &&
		     deadline_ms(m->cases[i].instance) > m->floor_ms;
	return n;
}

/* ---- answers ---- */

static struct model_answer refusal(void)
{
	return (struct model_answer){.refused = true};
}

static void tally(const struct model *m, const struct model_case *c, struct model_answer *a)
{
	for (size_t i = 0; i < m->n_votes; i++)
		if (&m->cases[m->votes[i].about] == c)
			*(m->votes[i].yes ? &a->yes : &a->no) |= 1u << m->votes[i].party;
}

static struct model_answer of_final(const struct model *m, const struct model_case *c)
{
	struct model_answer a = {
		.status = c->status,
		.reason = c->reason,
		.k = c->instance->k > 0 ? c->instance->k : 1,
		.value = c->value,
		.sequence = c->sequence,
		.time_ms = c->time_ms,
		.with_terms = c->instance->keyless > 0,
	};

	tally(m, c, &a);
	return a;
}

static struct model_answer not_final(const struct model *m, uint8_t status, uint8_t k)
{
	return (struct model_answer){
		.status = status,
		.k = k,
		.value = "",
		.sequence = m->sequence,
		.time_ms = m->time_ms,
		.with_nonce = true,
	};
}

static struct model_answer pending(const struct model *m, const struct model_case *c)
{
	struct model_answer a = not_final(m, AP_STATUS_PENDING, c->instance->k);

	tally(m, c, &a);
	a.with_terms = c->instance->keyless > 0;
	return a;
}

static struct model_answer ended(const struct instance *in)
{
	return (struct model_answer){.status = AP_STATUS_ABORTED,
				     .reason = AP_REASON_DEADLINE,
				     .k = in->k > 0 ? in->k : 1,
				     .value = "",
				     .time_ms = deadline_ms(in),
				     .with_terms = in->keyless > 0};
}

/* ---- what the octets say ---- */

static bool is_fixed(const struct instance *in, const char *value)
{
	return in->fixed == NULL || (value != NULL && strcmp(value, in->fixed) == 0);
}

static bool is_well_formed(const struct instance *in, const struct ask *ask)
{
	bool keyless = ask->party + in->keyless >= in->parties;

	if (ask->stray)
		return false;
	if (ask->verb == AP_VERB_OBSERVE)
		return true;
	if (in->parties == 0)
		return ask->verb == AP_VERB_APPROVE && ask->party == AP_PARTY_NONE &&
		       ask->credential == 0 && is_fixed(in, ask->value);
	if (ask->party >= in->parties ||
	    ask->credential != (keyless ? AP_CREDENTIAL_SECRET : AP_CREDENTIAL_SIGNATURE))
		return false;
	if (ask->verb == AP_VERB_VETO)
		return ask->value == NULL || ask->value[0] == '\0';
	return is_fixed(in, ask->value);
}

static bool is_partys(const struct instance *in, const struct ask *ask)
{
	return !ask->forged && (ask->credential == AP_CREDENTIAL_SIGNATURE || in->locks == 0);
}

/* ---- votes ---- */

static const char *text(const char *value)
{
	return value == NULL ? "" : value;
}

/* How many have proposed a value that has the most; how many have vetoed. */
static unsigned most(const struct model *m, size_t about, const char **value, unsigned *noes)
{
	unsigned best = 0;

	*noes = 0;
	for (size_t i = 0; i < m->n_votes; i++) {
		unsigned n = 0;

		if (m->votes[i].about != about)
			continue;
		*noes += !m->votes[i].yes;
		for (size_t j = 0; j < m->n_votes && m->votes[i].yes; j++)
			n += m->votes[j].about == about && m->votes[j].yes &&
			     strcmp(m->votes[j].value, m->votes[i].value) == 0;
		if (n > best) {
			best = n;
			*value = m->votes[i].value;
		}
	}
	return best;
}

static void judge(struct model *m, size_t about)
{
	struct model_case *c = &m->cases[about];
	const char *value = "";
	unsigned noes, best = most(m, about, &value, &noes), voted = 0;
	unsigned k = c->instance->k, parties = c->instance->parties;

	for (size_t i = 0; i < m->n_votes; i++)
		voted += m->votes[i].about == about;
	if (best < k && best + (parties - voted) >= k)
		return;
	c->final = true;
	c->status = best >= k ? AP_STATUS_DECIDED : AP_STATUS_ABORTED;
	c->value = best >= k ? value : "";
	if (best < k)
		c->reason = parties - noes < k ? AP_REASON_VETOED : AP_REASON_SPLIT;
	c->sequence = m->sequence;
	c->time_ms = m->time_ms;
}

static void count(struct model *m, size_t about, const struct ask *ask)
{
	for (size_t i = 0; i < m->n_votes; i++)
		if (m->votes[i].about == about && m->votes[i].party == ask->party)
			return;
	if (m->n_votes == MODEL_VOTES_MAX)
		abort();
	m->votes[m->n_votes++] =
		(struct model_vote){about, ask->party, ask->verb == AP_VERB_APPROVE,
				    ask->verb == AP_VERB_APPROVE ? text(ask->value) : ""};
	judge(m, about);
}

static struct model_answer vote(struct model *m, uint8_t relay, const struct ask *ask,
				struct model_case *c)
{
	const struct instance *in = c != NULL ? c->instance : ask->instance;
	bool votes = ask->verb != AP_VERB_OBSERVE, is_new = c == NULL;
	size_t about = is_new ? m->n_cases : (size_t)(c - m->cases), n_votes = m->n_votes;

	if (is_new && deadline_ms(in) > m->time_ms + m->horizon_s * 1000)
		return refusal();
	if (votes && ((!ask->bare && in->locks != ask->instance->locks) ||
		      m->time_ms < in->start_s * 1000 || !is_partys(in, ask)))
		return refusal();
	if (is_new && (used_by(m, relay) >= m->share || m->n_cases == MODEL_CASES_MAX))
		return refusal();
	if (is_new)
		m->cases[m->n_cases++] = (struct model_case){.instance = in, .relay = relay};
	if (votes)
		count(m, about, ask);
	c = &m->cases[about];
	if (is_new && !c->final && undecided_of(m, relay) > m->share) {
		m->n_cases--;
		m->n_votes = n_votes;
		return refusal();
	}
	return c->final ? of_final(m, c) : pending(m, c);
}

static struct model_answer propose_open(struct model *m, uint8_t relay, const struct ask *ask)
{
	const struct instance *in = ask->instance;
	struct model_case *c;

	if (ask->verb == AP_VERB_OBSERVE)
		return not_final(m, AP_STATUS_PENDING, 1);
	if (m->time_ms < in->start_s * 1000 || deadline_ms(in) > m->time_ms + m->horizon_s * 1000 ||
	    used_by(m, relay) >= m->share || m->n_cases == MODEL_CASES_MAX)
		return refusal();
	c = &m->cases[m->n_cases++];
	*c = (struct model_case){.instance = in,
				 .relay = relay,
				 .final = true,
				 .status = AP_STATUS_DECIDED,
				 .value = text(ask->value),
				 .sequence = m->sequence,
				 .time_ms = m->time_ms};
	return of_final(m, c);
}

/* Same terms, whatever the locks: an instance's name is its label here. */
static struct model_case *find(struct model *m, const struct ask *ask)
{
	for (size_t i = 0; i < m->n_cases && !ask->stray; i++) {
		struct model_case *c = &m->cases[i];

		if (strcmp(c->instance->label, ask->instance->label) == 0 &&
		    deadline_ms(c->instance) > m->floor_ms && c->status != AP_STATUS_UNKNOWN)
			return c;
	}
	return NULL;
}

struct model_answer model_ask(struct model *m, uint8_t relay, const struct ask *ask)
{
	const struct instance *in = ask->instance;
	struct model_case *c = find(m, ask);
	bool is_read = ask->verb == 0 || (ask->bare && ask->verb == AP_VERB_OBSERVE);

	if (is_read || (ask->bare && (c == NULL || c->final))) {
		if (c != NULL && c->final)
			return of_final(m, c);
		if (c != NULL)
			return is_undecided(m, c) ? pending(m, c) : ended(c->instance);
		return is_read ? not_final(m, AP_STATUS_UNKNOWN, 0) : refusal();
	}
	if (!is_well_formed(ask->bare ? c->instance : in, ask))
		return refusal();
	if (deadline_ms(in) <= m->floor_ms)
		return (struct model_answer){.status = AP_STATUS_FORGOTTEN, .value = ""};
	if (c != NULL && c->final)
		return of_final(m, c);
	if (m->time_ms >= deadline_ms(in))
		return ended(in);
	return in->parties == 0 ? propose_open(m, relay, ask) : vote(m, relay, ask, c);
}
