/*
 * What agree_ctx_set() sets.
 */
#ifndef STUB_SETTINGS_H
#define STUB_SETTINGS_H

#include "resolver/known.h"
#include "resolver/lookup.h"
#include "resolver/query.h"

struct stub_settings {
	struct stub_address dns[STUB_SERVERS_MAX];
	size_t n_dns;
	struct stub_address server; /* len 0: as SRV says */
	struct stub_address source; /* len 0: any */
	uint8_t families;	    /* STUB_V4, STUB_V6 */
	bool tofu, trust_ad;
	char known_path[STUB_KNOWN_PATH_MAX]; /* "": there is no such file */
	struct stub_tuning tuning;
	bool has_f;
	unsigned f;
};

void stub_settings_init(struct stub_settings *settings);
/* 0, AGREE_EOPTION, AGREE_EUSAGE, AGREE_EADDRESS, AGREE_EFILE; NULL or "" is the default. */
int stub_settings_set(struct stub_settings *settings, const char *option, const char *value);

#endif
