/* A member's card: daemon/card.h. */
#include "daemon/card.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	char sentence[NETFILE_WHY_MAX];
	struct netfile_member member;
	struct ap_text why;
	int err;

	ap_text_init(&why, sentence, sizeof(sentence));
	err = card_parse(&member, (const char *)octets, len, &why);
	MUST((err != 0) == (ap_text_len(&why) > 0));
	MUST(err != 0 || netfile_name_check(member.name) == NULL);
	return 0;
}
