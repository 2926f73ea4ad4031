/* Batches as peers and the journal have them: daemon/verify.h. Every signature may be good. */
#include "daemon/verify.h"
#include "libproto/limits.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static const uint8_t keys[4][32];
	static const struct verifier v = {.n = 4, .self = 1, .keys = keys};
	static struct pbft_batch batch, again;
	size_t requests = 0, sum = 0;

	if (verify_batch_octets(&v, octets, len, &batch) != NULL)
		return 0;
	MUST(batch.n_bundles <= PBFT_BATCH_BUNDLES_MAX);
	for (size_t i = 0; i < batch.n_bundles; i++) {
		MUST(batch.bundles[i].relay >= 1 && batch.bundles[i].relay <= v.n);
		MUST(batch.bundles[i].requests >= 1);
		requests += batch.bundles[i].requests;
		sum += batch.bundles[i].octets;
	}
	MUST(requests <= AP_BATCH_REQUESTS_MAX);
	MUST(sum < len);
	again = batch;
	digest_batch(&again);
	MUST(memcmp(again.digest, batch.digest, sizeof(batch.digest)) == 0);
	return 0;
}
