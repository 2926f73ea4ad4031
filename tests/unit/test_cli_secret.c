/* Secrets, identities and what hosts share, in files and elsewhere. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "libproto/crypto.h"
#include "libproto/name.h"
#include "resolver/cli_secret.h"
#include "tests/lib/tempdir.h"

static char dir[TEMPDIR_MAX], path[TEMPDIR_MAX + 16], ticket_text[AP_TICKET_MAX];
static agree_network *network;
static agree_ticket *ticket;
static agree_party *party;

static void ticket_make(void)
{
	struct ap_sign_key key;
	uint8_t seed[32] = {7};
	agree_terms *terms;

	assert_int_equal(ap_sign_key_init(&key, seed), 0);
	assert_int_equal(agree_network_of_key("example.test", key.public_key, &network), 0);
	ap_sign_key_clear(&key);
	assert_int_equal(agree_terms_new(&terms), 0);
	assert_int_equal(agree_terms_label(terms, "deal", 4), 0);
	assert_int_equal(agree_terms_deadline(terms, 1900000000), 0);
	assert_int_equal(agree_terms_value(terms, "go", 2), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(agree_terms_party(terms, NULL), 0);
	assert_int_equal(agree_ticket_new(network, terms, &ticket), 0);
	agree_terms_free(terms);
}

/* Party 1 has its locks in the ticket. */
static int setup(void **state)
{
	size_t size = sizeof(ticket_text);
	agree_ticket *locked;

	(void)state;
	tempdir_make(dir);
	snprintf(path, sizeof(path), "%s/file", dir);
	ticket_make();
	assert_int_equal(agree_party_new(ticket, 1, &party), 0);
	assert_int_equal(agree_ticket_lock(ticket, party, &locked), 0);
	agree_ticket_free(ticket);
	ticket = locked;
	assert_int_equal(agree_ticket_text(ticket, ticket_text, &size), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	agree_party_free(party);
	agree_ticket_free(ticket);
	agree_network_free(network);
	tempdir_remove(dir);
	return 0;
}

static void file_make(const void *octets, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(octets, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void saved_secrets_are_the_user_s_alone_and_come_back(void **state)
{
	struct cli_secrets s;
	agree_party *again;
	struct stat st;

	(void)state;
	assert_int_equal(cli_secrets_create(path, ticket_text, party), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(cli_secrets_load(path, &s), 0);
	assert_string_equal(s.ticket, ticket_text);
	assert_int_equal(s.party, 1);
	assert_int_equal(cli_secrets_party(&s, ticket, 1, &again), 0);
	assert_int_equal(agree_party_index(again), 1);
	agree_party_free(again);
	/* nothing is ever written over */
	assert_int_equal(cli_secrets_create(path, ticket_text, party), AGREE_EFILE);
	assert_int_equal(cli_secrets_load(path, &s), 0);
}

static void every_flip_and_every_cut_of_secrets_is_found(void **state)
{
	struct cli_secrets s;
	size_t len;
	uint8_t *octets;

	(void)state;
	assert_int_equal(cli_secrets_create(path, ticket_text, party), 0);
	octets = tempdir_load(path, &len);
	for (size_t i = 0; i < len; i++) {
		octets[i] ^= 1;
		file_make(octets, len);
		assert_int_equal(cli_secrets_load(path, &s), AGREE_ESECRETS);
		octets[i] ^= 1;
		file_make(octets, i);
		assert_int_equal(cli_secrets_load(path, &s), AGREE_ESECRETS);
	}
	free(octets);
}

static void environment_is_a_source_without_its_last_line_feed(void **state)
{
	struct cli_secrets s;
	char text[CLI_SECRET_FILE_MAX];
	size_t len;
	uint8_t *octets;

	(void)state;
	assert_int_equal(cli_secrets_create(path, ticket_text, party), 0);
	octets = tempdir_load(path, &len);
	memcpy(text, octets, len - 1);
	text[len - 1] = '\0';
	free(octets);
	assert_int_equal(setenv("A_SECRET", text, 1), 0);
	assert_int_equal(cli_secrets_load("env:A_SECRET", &s), 0);
	assert_int_equal(s.party, 1);
	assert_int_equal(unsetenv("A_SECRET"), 0);
	assert_int_equal(cli_secrets_load("env:A_SECRET", &s), AGREE_EUSAGE);
}

static void one_secret_alone_finds_its_party(void **state)
{
	unsigned char secret[AGREE_SECRET_LEN];
	struct cli_secrets s;
	agree_party *again;
	char text[64];
	struct ap_text t;

	(void)state;
	assert_int_equal(agree_party_secret(party, 0, secret), 0);
	ap_text_init(&t, text, sizeof(text));
	ap_base64url_show(&t, secret, sizeof(secret));
	ap_text_add(&t, "\n");
	file_make(text, ap_text_len(&t));
	assert_int_equal(cli_secrets_load(path, &s), 0);
	assert_string_equal(s.ticket, "");
	/* party 0 has no locks yet, which any secret fits */
	assert_int_equal(cli_secrets_party(&s, ticket, 0, &again), 0);
	agree_party_free(again);
}

static void identity_is_made_once_and_read_back(void **state)
{
	unsigned char key[AGREE_KEY_LEN], again[AGREE_KEY_LEN], seed[AGREE_SECRET_LEN];
	struct stat st;

	(void)state;
	assert_int_equal(cli_identity_create(path, key), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(cli_identity_load(path, seed), 0);
	assert_int_equal(agree_public_key(seed, again), 0);
	assert_memory_equal(key, again, sizeof(key));
	assert_int_equal(cli_identity_create(path, again), AGREE_EFILE);
}

static void every_flip_of_an_identity_is_found(void **state)
{
	unsigned char key[AGREE_KEY_LEN], seed[AGREE_SECRET_LEN];
	size_t len;
	uint8_t *octets;

	(void)state;
	assert_int_equal(cli_identity_create(path, key), 0);
	octets = tempdir_load(path, &len);
	for (size_t i = 0; i < len; i++) {
		octets[i] ^= 1;
		file_make(octets, len);
		assert_int_equal(cli_identity_load(path, seed), AGREE_EIDENTITY);
		octets[i] ^= 1;
	}
	free(octets);
	file_make("", 0);
	assert_int_equal(cli_identity_load(path, seed), AGREE_EIDENTITY);
}

static void group_is_the_same_with_and_without_a_line_feed(void **state)
{
	char a[CLI_GROUP_MAX + 2], b[CLI_GROUP_MAX + 2], many[CLI_GROUP_MAX + 2];
	size_t a_len, b_len;

	(void)state;
	file_make("a secret of several hosts\n", 26);
	assert_int_equal(cli_group_load(path, a, &a_len), 0);
	file_make("a secret of several hosts", 25);
	assert_int_equal(cli_group_load(path, b, &b_len), 0);
	assert_int_equal(a_len, b_len);
	assert_memory_equal(a, b, a_len);
	file_make("fifteen octets.\n", 16);
	assert_int_equal(cli_group_load(path, a, &a_len), AGREE_EGROUP);
	memset(many, 'x', sizeof(many));
	file_make(many, sizeof(many));
	assert_int_equal(cli_group_load(path, a, &a_len), AGREE_EFILE);
	assert_int_equal(cli_group_load("/nowhere/at/all", a, &a_len), AGREE_EFILE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(saved_secrets_are_the_user_s_alone_and_come_back),
		TEST(every_flip_and_every_cut_of_secrets_is_found),
		TEST(environment_is_a_source_without_its_last_line_feed),
		TEST(one_secret_alone_finds_its_party),
		TEST(identity_is_made_once_and_read_back),
		TEST(every_flip_of_an_identity_is_found),
		TEST(group_is_the_same_with_and_without_a_line_feed),
	};

	return cmocka_run_group_tests_name("cli_secret", tests, NULL, NULL);
}
