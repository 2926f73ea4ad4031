/*
 * Whose key. draft {#trust}: the caller's; else the remembered one; else one that the DNS
 * authenticates; else, only if that is asked for, the one that the DNS has. One of the first two
 * that is not the one in the DNS is never overruled by it, and never a question.
 */
#ifndef STUB_TRUST_H
#define STUB_TRUST_H

#include "resolver/agree.h"
#include "resolver/discover.h"
#include "resolver/known.h"

struct stub_trust_conf {
	const uint8_t *caller;	/* 32 octets, or NULL */
	const char *known_path; /* NULL: there is no such file */
	bool tofu;
	uint64_t now_ms; /* since 1970, to write down */
};

struct stub_trust {
	uint8_t key[32];
	int why;		  /* AGREE_TRUST_* */
	unsigned long known_line; /* AGREE_EKNOWN: which one */
};

/*
 * txt_error: why there is nothing in txt; 0. 0, or AGREE_EWRONGKEY (the caller's is not the one in
 * the DNS), AGREE_EKEYCHANGED, AGREE_ENOKEY, AGREE_ETXT (there is no such record, or more than
 * one), AGREE_ERESOLVER, AGREE_EFILE, AGREE_EKNOWN, AGREE_ENOMEM. A key that is trusted at first
 * sight is remembered before this returns.
 */
int stub_trust_choose(struct stub_trust *trust, const struct stub_trust_conf *conf,
		      const struct ap_name *domain, const struct stub_txt *txt, int txt_error);

#endif
