/* The network file: what is taken has one form. daemon/netfile.h */
#include "daemon/netfile.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	char sentence[NETFILE_WHY_MAX], again[NETFILE_OCTETS_MAX + 1];
	struct ap_text why, t;
	struct netfile net;
	unsigned member;

	ap_text_init(&why, sentence, sizeof(sentence));
	if (netfile_parse(&net, "network", (const char *)octets, len, &why) != 0) {
		MUST(ap_text_len(&why) > 0);
		return 0;
	}
	ap_text_init(&t, again, sizeof(again));
	netfile_show(&t, &net);
	MUST(!t.cut);
	MUST(fuzz_same((const uint8_t *)again, ap_text_len(&t), octets, len));
	MUST(netfile_check(&net, &member) == NULL);
	MUST(net.n == 3 * net.f + 1);
	MUST(netfile_find_key(&net, net.members[0].key) == 1);
	return 0;
}
