#include "daemon/machine/tally.h"

#include <string.h>

#include "libproto/instance.h"

void machine_tally_init(struct machine_tally *t, uint8_t k, uint8_t parties)
{
	t->k = k;
	t->parties = parties;
	t->yes = 0;
	t->no = 0;
	t->n_values = 0;
}

static uint8_t count_bits(uint32_t bits)
{
	uint8_t n = 0;

	for (; bits != 0; bits &= bits - 1)
		n++;
	return n;
}

/* Index of this value among those proposed; it is added if it is new. */
static uint8_t value_index(struct machine_tally *t, ap_value value)
{
	uint8_t i;

	for (i = 0; i < t->n_values; i++)
		if (t->value[i].len == value.len &&
		    (value.len == 0 || memcmp(t->value[i].data, value.data, value.len) == 0))
			return i;
	t->value[i] = value; /* one value a party at most: there is room */
	t->n_values++;
	return i;
}

bool machine_tally_vote(struct machine_tally *t, uint8_t party, bool approve, ap_value value)
{
	uint32_t bit;

	if (t->parties == 0) {
		if (party != AP_PARTY_NONE || !approve || t->n_values > 0)
			return false;
		value_index(t, value);
		return true;
	}
	if (party >= t->parties)
		return false;
	bit = UINT32_C(1) << party;
	if (((t->yes | t->no) & bit) != 0)
		return false;
	if (approve) {
		t->choice[party] = value_index(t, value);
		t->yes |= bit;
	} else {
		t->no |= bit;
	}
	return true;
}

/* The value with the most proposers; how many in *support. */
static uint8_t leader(const struct machine_tally *t, uint8_t *support)
{
	uint8_t votes[AP_PARTIES_MAX] = {0}, best = 0;

	for (uint8_t i = 0; i < t->parties; i++)
		if ((t->yes >> i & 1) != 0)
			votes[t->choice[i]]++;
	for (uint8_t v = 1; v < t->n_values; v++)
		if (votes[v] > votes[best])
			best = v;
	*support = votes[best];
	return best;
}

struct machine_verdict machine_tally_judge(const struct machine_tally *t, bool ended)
{
	struct machine_verdict v = {.status = AP_STATUS_PENDING, .reason = AP_REASON_NONE};
	uint8_t best = 0, support = 0, missing = 0, vetoes = count_bits(t->no);

	if (t->parties == 0) {
		support = t->n_values;
		missing = 1; /* somebody can always come */
	} else {
		best = leader(t, &support);
		missing = (uint8_t)(t->parties - count_bits(t->yes) - vetoes);
	}
	if (support >= t->k) {
		v.status = AP_STATUS_DECIDED;
		v.value = t->value[best];
	} else if (support + missing < t->k) {
		v.status = AP_STATUS_ABORTED;
		/* draft {#tally}: "VETOED if the parties that have not vetoed are fewer than
		 * k, else SPLIT" */
		v.reason = t->parties - vetoes < t->k ? AP_REASON_VETOED : AP_REASON_SPLIT;
	} else if (ended) {
		v.status = AP_STATUS_ABORTED;
		v.reason = AP_REASON_DEADLINE;
	}
	return v;
}
