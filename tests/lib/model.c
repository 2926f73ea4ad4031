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

	for (size_t i = 0; i < m->n_decisions; i++) {
		uint64_t bucket_end_s = (m->decisions[i].instance->deadline_s / 4096 + 1) * 4096;

		used += m->decisions[i].relay == relay && bucket_end_s * 1000 > m->floor_ms;
	}
	return used;
}

static struct model_answer refusal(void)
{
	return (struct model_answer){.refused = true};
}

static struct model_answer of_decision(const struct model_decision *d)
{
	return (struct model_answer){
		.status = AP_STATUS_DECIDED,
		.k = 1,
		.value = d->value,
		.sequence = d->sequence,
		.time_ms = d->time_ms,
	};
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

static bool is_well_formed(const struct ask *ask)
{
	const struct instance *in = ask->instance;

	if (ask->stray || in->parties > 0 || ask->verb == AP_VERB_VETO)
		return false;
	if (ask->verb == AP_VERB_OBSERVE)
		return true;
	return ask->party == AP_PARTY_NONE && ask->credential == 0 &&
	       (in->fixed == NULL || (ask->value != NULL && strcmp(ask->value, in->fixed) == 0));
}

struct model_answer model_ask(struct model *m, uint8_t relay, const struct ask *ask)
{
	const struct instance *in = ask->instance;
	uint64_t deadline_ms = in->deadline_s * 1000;
	struct model_decision *d = NULL;

	for (size_t i = 0; i < m->n_decisions && !ask->stray; i++)
		if (m->decisions[i].instance == in && deadline_ms > m->floor_ms)
			d = &m->decisions[i];
	if (ask->verb == 0 || ask->bare) {
		if (d != NULL)
			return of_decision(d);
		return ask->verb == 0 || ask->verb == AP_VERB_OBSERVE
			       ? not_final(m, AP_STATUS_UNKNOWN, 0)
			       : refusal();
	}
	if (!is_well_formed(ask))
		return refusal();
	if (deadline_ms <= m->floor_ms)
		return (struct model_answer){.status = AP_STATUS_FORGOTTEN, .value = ""};
	if (d != NULL)
		return of_decision(d);
	if (m->time_ms >= deadline_ms)
		return (struct model_answer){.status = AP_STATUS_ABORTED,
					     .reason = AP_REASON_DEADLINE,
					     .k = 1,
					     .value = "",
					     .time_ms = deadline_ms};
	if (ask->verb == AP_VERB_OBSERVE)
		return not_final(m, AP_STATUS_PENDING, 1);
	if (m->time_ms < in->start_s * 1000 || deadline_ms > m->time_ms + m->horizon_s * 1000 ||
	    used_by(m, relay) >= m->share || m->n_decisions == MODEL_DECISIONS_MAX)
		return refusal();
	d = &m->decisions[m->n_decisions++];
	*d = (struct model_decision){in, ask->value == NULL ? "" : ask->value, m->sequence,
				     m->time_ms, relay};
	return of_decision(d);
}
