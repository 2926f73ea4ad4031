#include "config.h"

#include "resolver/trust.h"

#include <string.h>

#include "libproto/crypto.h"

static int settle(struct stub_trust *trust, const uint8_t key[32], int why)
{
	memcpy(trust->key, key, sizeof(trust->key));
	trust->why = why;
	return 0;
}

static int remember(const struct stub_trust_conf *conf, const struct ap_name *domain,
		    const struct stub_txt *txt)
{
	struct stub_known known = {
		.epoch = txt->has_e ? txt->e : 0, .seen_ms = conf->now_ms, .source = "tofu"};

	memcpy(known.key, txt->key, sizeof(known.key));
	/* to trust each first sight anew would be to trust anybody */
	return conf->known_path != NULL ? stub_known_add(conf->known_path, domain, &known)
					: AGREE_EFILE;
}

int stub_trust_choose(struct stub_trust *trust, const struct stub_trust_conf *conf,
		      const struct ap_name *domain, const struct stub_txt *txt, int txt_error)
{
	struct stub_known known = {.line = 0};
	int err = STUB_KNOWN_NONE;

	memset(trust, 0, sizeof(*trust));
	if (conf->caller != NULL) {
		if (txt_error == 0 && !ap_equal(conf->caller, txt->key, sizeof(txt->key)))
			return AGREE_EWRONGKEY;
		return settle(trust, conf->caller, AGREE_TRUST_CALLER);
	}
	if (conf->known_path != NULL)
		err = stub_known_find(conf->known_path, domain, &known);
	trust->known_line = known.line;
	if (err < 0)
		return err;
	if (err == STUB_KNOWN_FOUND) {
		if (txt_error == 0 && !ap_equal(known.key, txt->key, sizeof(known.key)))
			return AGREE_EKEYCHANGED;
		return settle(trust, known.key, AGREE_TRUST_KNOWN);
	}
	if (txt_error != 0) /* replicas, but no record with a key */
		return txt_error == AGREE_ENONETWORK ? AGREE_ETXT : txt_error;
	if (txt->authenticated)
		return settle(trust, txt->key, AGREE_TRUST_DNSSEC);
	if (!conf->tofu)
		return AGREE_ENOKEY;
	err = remember(conf, domain, txt);
	return err == 0 ? settle(trust, txt->key, AGREE_TRUST_TOFU) : err;
}
