#include "config.h"

#include <string.h>

#include "daemon/idkey.h"
#include "daemon/textfile.h"
#include "libproto/crypto.h"
#include "libproto/name.h"

#define HEADER	   "agree-identity 1\n"
#define HEADER_LEN (sizeof HEADER - 1)
#define SEED_TEXT  43 /* characters of base64url */
#define FILE_LEN   (HEADER_LEN + SEED_TEXT + 1)

static int public_of(const uint8_t seed[IDKEY_SEED], uint8_t public_key[32], struct ap_text *why)
{
	struct ap_sign_key key;
	int result = ap_sign_key_init(&key, seed);

	if (result != 0) {
		ap_text_add(why, "out of memory: free some, then try again");
		return result;
	}
	memcpy(public_key, key.public_key, sizeof key.public_key);
	ap_sign_key_clear(&key);
	return 0;
}

int idkey_create(const char *path, uint8_t public_key[32], struct ap_text *why)
{
	uint8_t seed[IDKEY_SEED];
	char octets[FILE_LEN + 1];
	struct ap_text t;
	int result;

	memset(public_key, 0, 32);
	result = ap_random(seed, sizeof seed);
	if (result != 0) {
		ap_text_add(why, "the system gives no random octets: no key was made");
		goto out;
	}
	result = public_of(seed, public_key, why);
	if (result != 0)
		goto out;
	ap_text_init(&t, octets, sizeof octets);
	ap_text_add(&t, HEADER);
	ap_base64url_show(&t, seed, sizeof seed);
	ap_text_add(&t, "\n");
	result = textfile_create(path, 0600, octets, ap_text_len(&t), why);
	if (result != 0)
		memset(public_key, 0, 32);
out:
	ap_wipe(seed, sizeof seed);
	ap_wipe(octets, sizeof octets);
	return result;
}

/* NULL, or what is wrong with the octets. */
static const char *octets_parse(const char *octets, size_t len, uint8_t seed[IDKEY_SEED])
{
	if (len < HEADER_LEN || memcmp(octets, HEADER, HEADER_LEN) != 0)
		return "1: not an identity key (no `agree-identity 1`): name the file that "
		       "agreectl "
		       "init made";
	if (len != FILE_LEN || octets[FILE_LEN - 1] != '\n' ||
	    ap_base64url_parse(seed, IDKEY_SEED, octets + HEADER_LEN, SEED_TEXT) != IDKEY_SEED)
		return "2: the key is damaged (43 characters of base64url and a line feed belong "
		       "there): restore the file from your copy";
	return NULL;
}

int idkey_load(const char *path, uint8_t seed[IDKEY_SEED], uint8_t public_key[32],
	       struct ap_text *why)
{
	char octets[1024]; /* another kind of file is told by its head, not by its size */
	uint8_t own_seed[IDKEY_SEED] = {0}, own_key[32] = {0};
	const char *wrong;
	size_t len;
	int result;

	result = textfile_read(path, true, octets, sizeof octets, &len, why);
	if (result != 0)
		goto out;
	wrong = octets_parse(octets, len, own_seed);
	if (wrong != NULL) {
		ap_text_addf(why, "%s:%s", path, wrong);
		result = AGREE_EIDENTITY;
		goto out;
	}
	result = public_of(own_seed, own_key, why);
out:
	if (result != 0) {
		ap_wipe(own_seed, sizeof own_seed);
		memset(own_key, 0, sizeof own_key);
	}
	if (seed != NULL)
		memcpy(seed, own_seed, sizeof own_seed);
	if (public_key != NULL)
		memcpy(public_key, own_key, sizeof own_key);
	ap_wipe(own_seed, sizeof own_seed);
	ap_wipe(octets, sizeof octets);
	return result;
}
