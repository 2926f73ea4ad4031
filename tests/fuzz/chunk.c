/* Chunks of a transferred state: daemon/state_format.h. Input: u64 sequence, an encoded chunk. */
#include "daemon/state_format.h"

#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static const uint8_t key[32] = {1};
	struct absorb_chunk c = {.proven = false};
	struct ap_reader r;
	ap_chunk m;
	int n;

	ap_reader_init(&r, octets, len);
	ap_u64_get(&r, &c.seq);
	ap_chunk_get(&r, &m);
	if (!ap_reader_done(&r))
		return 0;
	c.time_ms = m.time;
	c.outcomes = (ap_bytes){m.outcomes.data, m.outcomes.len};
	n = chunk_outcomes_check(c.outcomes, c.seq, c.time_ms);
	if (n < 0)
		return 0;
	MUST(n <= AP_BATCH_REQUESTS_MAX);
	MUST(n > 0 || c.outcomes.len == 0 || c.outcomes.data[AP_ID_LEN] >= 128); /* changes alone */
	c.n = (size_t)n;
	if (!chunk_proof_take(&c, m.proof, key)) {
		MUST(!c.proven && c.leaf == NULL && c.nodes == NULL);
		return 0;
	}
	MUST(c.statement.count >= c.n);
	for (size_t i = 0; i < c.n; i++)
		MUST(c.leaf[i] < c.statement.count && (i == 0 || c.leaf[i] > c.leaf[i - 1]));
	free(c.leaf);
	free(c.nodes);
	return 0;
}
