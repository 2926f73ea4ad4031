#include "config.h"

#include "resolver/cli_secret.h"

#include <string.h>

#include "libproto/crypto.h"
#include "libproto/name.h"
#include "resolver/cli_file.h"

enum { SECRET_TEXT = 43, GROUP_MIN = 16, IDENTITY_FILE_MAX = 256 };

static const char secrets_title[] = "agree-secrets 1";
static const char identity_title[] = "agree-identity 1";

static void octets_line(struct ap_text *t, const char *name, const unsigned char octets[32])
{
	ap_text_addf(t, "%s: ", name);
	ap_base64url_show(t, octets, 32);
	ap_text_add(t, "\n");
}

static bool octets_take(const char **at, const char *end, const char *name,
			unsigned char octets[32])
{
	const char *rest;
	size_t len;

	return cli_file_take(at, end, name, &rest, &len) && len == SECRET_TEXT &&
	       ap_base64url_parse(octets, 32, rest, len) == 32;
}

/* ---- secrets ---- */

int cli_secrets_create(const char *path, const char *ticket, const agree_party *party)
{
	unsigned char yes[AGREE_SECRET_LEN], no[AGREE_SECRET_LEN];
	char text[CLI_SECRET_FILE_MAX];
	struct ap_text t;
	int err = agree_party_secret(party, 1, yes);

	if (err == 0)
		err = agree_party_secret(party, 0, no);
	if (err == 0) {
		ap_text_init(&t, text, sizeof(text));
		ap_text_addf(&t, "%s\nticket: %s\nparty: %u\n", secrets_title, ticket,
			     agree_party_index(party));
		octets_line(&t, "yes", yes);
		octets_line(&t, "no", no);
		cli_file_sum(&t, 0);
		err = t.cut ? AGREE_EINTERNAL : cli_file_create(path, text, ap_text_len(&t));
		ap_wipe(text, sizeof(text));
	}
	ap_wipe(yes, sizeof(yes));
	ap_wipe(no, sizeof(no));
	return err;
}

static bool party_take(const char **at, const char *end, unsigned *party)
{
	const char *rest;
	size_t len;

	*party = 0;
	if (!cli_file_take(at, end, "party: ", &rest, &len) || len == 0 || len > 2)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (rest[i] < '0' || rest[i] > '9')
			return false;
		*party = 10 * *party + (unsigned)(rest[i] - '0');
	}
	return *party < AP_PARTIES_MAX;
}

static bool secrets_parse(struct cli_secrets *s, const char *text, size_t len)
{
	size_t word = strcspn(text, " \t\r\n"), rest_len;
	const char *at, *end, *rest;

	if (word == SECRET_TEXT && word + strspn(text + word, " \t\r\n") == len)
		return ap_base64url_parse(s->yes, sizeof(s->yes), text, word) == 32;
	if (!cli_file_check(text, len, secrets_title, &at, &end) ||
	    !cli_file_take(&at, end, "ticket: ", &rest, &rest_len) ||
	    rest_len >= sizeof(s->ticket) || memchr(rest, '\0', rest_len) != NULL)
		return false;
	memcpy(s->ticket, rest, rest_len);
	s->ticket[rest_len] = '\0';
	return rest_len > 0 && party_take(&at, end, &s->party) &&
	       octets_take(&at, end, "yes: ", s->yes) && octets_take(&at, end, "no: ", s->no) &&
	       at == end;
}

int cli_secrets_load(const char *source, struct cli_secrets *secrets)
{
	char text[CLI_SECRET_FILE_MAX];
	size_t len;
	int err = cli_source_read(source, text, sizeof(text), &len);

	memset(secrets, 0, sizeof(*secrets));
	if (err == 0 && !secrets_parse(secrets, text, len))
		err = AGREE_ESECRETS;
	ap_wipe(text, sizeof(text));
	if (err != 0)
		ap_wipe(secrets, sizeof(*secrets));
	return err;
}

int cli_secrets_party(const struct cli_secrets *s, const agree_ticket *ticket, int yes,
		      agree_party **party)
{
	int err = AGREE_ESECRET;

	if (s->ticket[0] != '\0')
		return agree_party_secrets(ticket, s->party, s->yes, s->no, party);
	for (unsigned i = 0; err != 0 && i < agree_ticket_parties(ticket); i++)
		if (agree_ticket_party_key(ticket, i, NULL) == 0)
			err = agree_party_secrets(ticket, i, yes ? s->yes : NULL,
						  yes ? NULL : s->yes, party);
	return err;
}

/* ---- identities ---- */

int cli_identity_create(const char *path, unsigned char key[AGREE_KEY_LEN])
{
	unsigned char seed[AGREE_SECRET_LEN];
	char text[IDENTITY_FILE_MAX];
	struct ap_text t;
	int err = agree_keygen(seed, key);

	if (err == 0) {
		ap_text_init(&t, text, sizeof(text));
		ap_text_addf(&t, "%s\n", identity_title);
		octets_line(&t, "key", key);
		octets_line(&t, "seed", seed);
		cli_file_sum(&t, 0);
		err = t.cut ? AGREE_EINTERNAL : cli_file_create(path, text, ap_text_len(&t));
		ap_wipe(text, sizeof(text));
	}
	ap_wipe(seed, sizeof(seed));
	return err;
}

int cli_identity_load(const char *source, unsigned char seed[AGREE_SECRET_LEN])
{
	unsigned char key[AGREE_KEY_LEN], made[AGREE_KEY_LEN];
	char text[IDENTITY_FILE_MAX];
	const char *at, *end;
	size_t len;
	int err = cli_source_read(source, text, sizeof(text), &len);

	if (err == 0 && (!cli_file_check(text, len, identity_title, &at, &end) ||
			 !octets_take(&at, end, "key: ", key) ||
			 !octets_take(&at, end, "seed: ", seed) || at != end))
		err = AGREE_EIDENTITY;
	if (err == 0)
		err = agree_public_key(seed, made);
	if (err == 0 && memcmp(key, made, sizeof(key)) != 0)
		err = AGREE_EIDENTITY;
	ap_wipe(text, sizeof(text));
	if (err != 0)
		ap_wipe(seed, AGREE_SECRET_LEN);
	return err;
}

/* ---- what hosts share ---- */

int cli_group_load(const char *source, char secret[CLI_GROUP_MAX + 2], size_t *len)
{
	int err = cli_source_read(source, secret, CLI_GROUP_MAX + 2, len);

	if (err != 0) {
		ap_wipe(secret, CLI_GROUP_MAX + 2);
		return err;
	}
	while (*len > 0 && strchr(" \t\r\n", secret[*len - 1]) != NULL)
		(*len)--;
	if (*len >= GROUP_MIN && *len <= CLI_GROUP_MAX)
		return 0;
	ap_wipe(secret, CLI_GROUP_MAX + 2);
	return AGREE_EGROUP;
}
