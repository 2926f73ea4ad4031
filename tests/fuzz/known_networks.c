/* The file of keys once trusted: resolver/known.h. */
#include "resolver/known.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/memfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct stub_known known;
	struct ap_name domain;
	int err;

	MUST(ap_name_parse(&domain, "example.test") == 0);
	err = stub_known_find(memfile_put(octets, len), &domain, &known);
	MUST(err == STUB_KNOWN_NONE || err == STUB_KNOWN_FOUND || err == AGREE_EFILE || err == AGREE_EKNOWN ||
	     err == AGREE_ENOMEM);
	return 0;
}
