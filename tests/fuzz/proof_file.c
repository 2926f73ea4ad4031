/* Proofs in files, read and judged: resolver/cli_proof.h. */
#include "resolver/cli_proof.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static const uint8_t key[32] = {3};
	char again[CLI_PROOF_FILE_MAX];
	agree_outcome *outcome = NULL;
	struct cli_proof proof;
	struct ap_text t;

	if (cli_proof_parse(&proof, (const char *)octets, len) != 0)
		return 0;
	ap_text_init(&t, again, sizeof(again));
	cli_proof_show(&t, &proof);
	MUST(fuzz_same((const uint8_t *)again, ap_text_len(&t), octets, len));
	MUST(cli_proof_check(&proof, key, &outcome) != 0 && outcome == NULL);
	return 0;
}
