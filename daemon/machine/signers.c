#include "daemon/machine/signers.h"
#include "daemon/bug.h"

#include <string.h>

bool machine_signers_is_out(const struct machine_signer *signer)
{
	return signer->blamed || signer->since != 0;
}

static uint64_t span_of(uint8_t level)
{
	return (uint64_t)MACHINE_DEMOTION_SPAN << (level - 1);
}

bool machine_signers_advance(struct machine_signer signers[], uint8_t n, uint64_t seq)
{
	bool back = false;

	for (uint8_t i = 0; i < n; i++) {
		if (signers[i].since == 0 || signers[i].until > seq)
			continue;
		signers[i].since = 0;
		back = true;
	}
	return back;
}

/* draft {#demotion}: "the oldest demotions end at once (of several of one batch, that of the lowest
 * identifier first)" */
static void limit(struct machine_signer signers[], uint8_t n, uint64_t seq)
{
	struct machine_signer *oldest;
	unsigned out;

	do {
		oldest = NULL;
		out = 0;
		for (uint8_t i = 0; i < n; i++) {
			struct machine_signer *it = &signers[i];

			out += machine_signers_is_out(it);
			if (!it->blamed && it->since != 0 &&
			    (oldest == NULL || it->since < oldest->since))
				oldest = it;
		}
		if (out <= (n - 1u) / 3 || oldest == NULL)
			return;
		oldest->since = 0;
		oldest->until = seq;
	} while (true);
}

static void demote(struct machine_signer *signer, uint64_t seq)
{
	/* draft {#demotion}: "demoted again within as many batches after the end of the demotion
	 * before it as that was to last" */
	bool again = signer->level > 0 && seq - signer->until <= span_of(signer->level);

	if (!again)
		signer->level = 1;
	else if (signer->level < MACHINE_DEMOTIONS_MAX)
		signer->level++;
	signer->since = seq;
	signer->until = seq + span_of(signer->level);
	memset(signer->reports, 0, sizeof(signer->reports));
}

static unsigned count_reports(const struct machine_signer *signer, uint8_t n, uint64_t seq)
{
	unsigned count = 0;

	for (uint8_t i = 0; i < n; i++)
		count += signer->reports[i] != 0 && seq - signer->reports[i] < MACHINE_REPORT_SPAN;
	return count;
}

bool machine_signers_report(struct machine_signer signers[], uint8_t n, uint64_t seq,
			    uint8_t reporter, uint16_t missing)
{
	unsigned enough = BUG(46) ? 1 : (n - 1u) / 3 + 1;
	bool demoted = false;

	for (uint8_t i = 0; i < n; i++) {
		struct machine_signer *it = &signers[i];

		if ((missing >> i & 1) == 0 || machine_signers_is_out(it))
			continue;
		it->reports[reporter - 1] = seq;
		if (count_reports(it, n, seq) < enough)
			continue;
		demote(it, seq);
		demoted = true;
	}
	if (demoted)
		limit(signers, n, seq);
	return demoted;
}

void machine_signers_blame(struct machine_signer signers[], uint8_t n, uint64_t seq, uint8_t id)
{
	struct machine_signer *it = &signers[id - 1];

	memset(it, 0, sizeof(*it));
	it->blamed = true;
	limit(signers, n, seq);
}

static bool is_reported(const struct machine_signer *signer)
{
	for (size_t i = 0; i < AP_REPLICAS_MAX; i++)
		if (signer->reports[i] != 0)
			return true;
	return false;
}

bool machine_signers_is_sound(const struct machine_signer *signer, uint64_t seq)
{
	for (size_t i = 0; i < AP_REPLICAS_MAX; i++)
		if (signer->reports[i] > seq)
			return false;
	if (signer->blamed || signer->level == 0)
		return signer->since == 0 && signer->until == 0 && signer->level == 0 &&
		       !(signer->blamed && is_reported(signer));
	if (signer->level > MACHINE_DEMOTIONS_MAX || signer->since > seq)
		return false;
	if (signer->since == 0)
		return signer->until <= seq;
	return signer->until > seq && signer->until == signer->since + span_of(signer->level) &&
	       !is_reported(signer);
}
