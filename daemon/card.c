#include "config.h"

#include <string.h>

#include "daemon/card.h"
#include "daemon/netfile_priv.h"
#include "libproto/crypto.h"
#include "libproto/digest.h"

#define MAGIC	  "agree-card1 "
#define MAGIC_LEN (sizeof MAGIC - 1)
#define SIG_TEXT  86 /* characters of base64url */

/* What the signature is over: draft {#cards}. Returns its length. */
static size_t signed_octets(uint8_t out[AP_TAG_LEN + CARD_TEXT_MAX], const char *fields, size_t len)
{
	ap_tag(out, "agree1-card");
	memcpy(out + AP_TAG_LEN, fields, len);
	return AP_TAG_LEN + len;
}

int card_make(struct ap_text *out, struct netfile_member *member, const uint8_t seed[32])
{
	uint8_t message[AP_TAG_LEN + CARD_TEXT_MAX], sig[64];
	char fields[CARD_TEXT_MAX];
	struct ap_sign_key key;
	struct ap_text t;
	int result = ap_sign_key_init(&key, seed);

	if (result != 0)
		return result;
	memcpy(member->key, key.public_key, sizeof member->key);
	ap_text_init(&t, fields, sizeof fields);
	netfile_member_show(&t, member);
	result = ap_sign(&key, sig, message, signed_octets(message, fields, ap_text_len(&t)));
	ap_sign_key_clear(&key);
	if (result != 0)
		return result;
	ap_text_addf(out, MAGIC "%s ", fields);
	ap_base64url_show(out, sig, sizeof sig);
	return 0;
}

static int fail(struct ap_text *why, int result, const char *sentence)
{
	ap_text_add(why, sentence);
	return result;
}

int card_parse(struct netfile_member *member, const char *line, size_t len, struct ap_text *why)
{
	uint8_t message[AP_TAG_LEN + CARD_TEXT_MAX], sig[64];
	char fields[CARD_TEXT_MAX];
	const char *wrong;
	size_t fields_len;
	int result;

	memset(member, 0, sizeof *member);
	if (len >= CARD_TEXT_MAX || len < MAGIC_LEN + SIG_TEXT + 1 ||
	    memcmp(line, MAGIC, MAGIC_LEN) != 0 || memchr(line, '\0', len) != NULL)
		return fail(why, AGREE_EUSAGE,
			    "not a card: give the whole line that agreectl init printed");
	fields_len = len - MAGIC_LEN - SIG_TEXT - 1;
	memcpy(fields, line + MAGIC_LEN, fields_len);
	fields[fields_len] = '\0';
	if (line[MAGIC_LEN + fields_len] != ' ' ||
	    ap_base64url_parse(sig, sizeof sig, line + len - SIG_TEXT, SIG_TEXT) != sizeof sig)
		return fail(why, AGREE_EUSAGE,
			    "the card is cut or damaged at its end: copy the whole line");
	wrong = netfile_member_parse(member, fields);
	if (wrong != NULL) {
		ap_text_addf(why, "the card is damaged: %s", wrong);
		return AGREE_EUSAGE;
	}
	result = ap_verify_once(member->key, sig, message,
				signed_octets(message, fields, fields_len));
	if (result == AGREE_ENOMEM)
		return fail(why, result, "out of memory: free some, then try again");
	if (result != 0)
		return fail(why, AGREE_ESIGNATURE,
			    "the card's signature is wrong, so it was changed after agreectl init: "
			    "ask its owner for the original");
	return 0;
}
