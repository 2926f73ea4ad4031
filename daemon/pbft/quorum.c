#include "daemon/pbft/quorum.h"
#include "daemon/bug.h"

#include "libproto/limits.h"

bool pbft_quorum_possible(uint8_t n)
{
	return n >= 4 && n <= AP_REPLICAS_MAX && (n - 1) % 3 == 0;
}

uint8_t pbft_quorum_faulty(uint8_t n)
{
	return (uint8_t)((n - 1) / 3);
}

uint16_t pbft_quorum_bit(uint8_t n, uint8_t id)
{
	if (id == 0 || id > n)
		return 0;
	return (uint16_t)(1u << (id - 1));
}

uint16_t pbft_quorum_others(uint8_t n, uint8_t id)
{
	uint16_t all = (uint16_t)((1u << n) - 1);

	return (uint16_t)(all & ~pbft_quorum_bit(n, id));
}

uint8_t pbft_quorum_count(uint8_t n, uint16_t who)
{
	unsigned left = who & ((1u << n) - 1);
	uint8_t count = 0;

	for (; left != 0; left &= left - 1)
		count++;
	return count;
}

bool pbft_quorum_weak(uint8_t n, uint16_t who)
{
	return pbft_quorum_count(n, who) >= pbft_quorum_faulty(n) + 1;
}

bool pbft_quorum_strong(uint8_t n, uint16_t who)
{
	return pbft_quorum_count(n, who) >= 2 * pbft_quorum_faulty(n) + 1 - BUG(1);
}

bool pbft_quorum_prepared(uint8_t n, uint8_t primary, uint16_t who)
{
	uint16_t backups = (uint16_t)(BUG(3) ? who | pbft_quorum_bit(n, primary)
					     : who & ~pbft_quorum_bit(n, primary));

	return pbft_quorum_count(n, backups) >= 2 * pbft_quorum_faulty(n);
}

uint64_t pbft_quorum_reached(uint8_t n, const uint64_t *values, size_t count, uint8_t more)
{
	size_t enough = (size_t)pbft_quorum_faulty(n) + 1 + more;
	uint64_t best = 0;

	for (size_t i = 0; i < count; i++) {
		size_t reach = 0;

		if (values[i] <= best)
			continue;
		for (size_t j = 0; j < count && reach < enough; j++)
			reach += values[j] >= values[i];
		if (reach >= enough)
			best = values[i];
	}
	return best;
}
