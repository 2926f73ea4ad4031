/*
 * agreed.conf, and that what was taken prints as a configuration with the same meaning:
 * daemon/conf.h. Inputs that include other files are passed over: those are this machine's.
 */
#include "config.h"

#include "daemon/conf.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/memfile.h"

enum { TEXT = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static char shown[TEXT], again[TEXT];
	char sentence[CONF_WHY_MAX];
	struct ap_text why, t;
	struct conf conf;

	if (memmem(octets, len, "include", 7) != NULL)
		return 0;
	ap_text_init(&why, sentence, sizeof(sentence));
	if (conf_load(&conf, memfile_put(octets, len), &why) != 0) {
		MUST(ap_text_len(&why) > 0);
		conf_clear(&conf);
		return 0;
	}
	ap_text_init(&t, shown, sizeof(shown));
	conf_show(&t, &conf);
	conf_clear(&conf);
	MUST(!t.cut);
	MUST(conf_load(&conf, memfile_put((const uint8_t *)shown, ap_text_len(&t)), &why) == 0);
	ap_text_init(&t, again, sizeof(again));
	conf_show(&t, &conf);
	conf_clear(&conf);
	MUST(strcmp(shown, again) == 0);
	return 0;
}
