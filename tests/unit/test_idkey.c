#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/idkey.h"
#include "libproto/agree_errors.h"
#include "libproto/crypto.h"
#include "libproto/name.h"
#include "tests/lib/tempdir.h"

static char dir[TEMPDIR_MAX], path[TEMPDIR_MAX + 16], sentence[512];
static struct ap_text why;

static int make_dir(void **state)
{
	(void)state;
	tempdir_make(dir);
	snprintf(path, sizeof path, "%s/identity.key", dir);
	ap_text_init(&why, sentence, sizeof sentence);
	return 0;
}

static int drop_dir(void **state)
{
	(void)state;
	tempdir_remove(dir);
	return 0;
}

static void store(const char *octets, size_t len)
{
	tempdir_store(path, (const uint8_t *)octets, len);
	assert_int_equal(chmod(path, 0600), 0);
}

static void refused(int error, const char *part)
{
	static const uint8_t zero[32];
	uint8_t seed[IDKEY_SEED], key[32];

	memset(seed, 0xff, sizeof seed);
	memset(key, 0xff, sizeof key);
	ap_text_init(&why, sentence, sizeof sentence);
	assert_int_equal(idkey_load(path, seed, key, &why), error);
	assert_memory_equal(seed, zero, sizeof seed);
	assert_memory_equal(key, zero, sizeof key);
	assert_memory_equal(sentence, path, strlen(path));
	if (strstr(sentence, part) == NULL)
		fail_msg("`%s' has no `%s'", sentence, part);
}

static void a_new_key_reads_back_and_signs(void **state)
{
	uint8_t made[32], seed[IDKEY_SEED], key[32], sig[64];
	struct ap_sign_key sign;

	(void)state;
	assert_int_equal(idkey_create(path, made, &why), 0);
	assert_int_equal(idkey_load(path, seed, key, &why), 0);
	assert_memory_equal(made, key, sizeof key);
	assert_int_equal(ap_sign_key_init(&sign, seed), 0);
	assert_int_equal(ap_sign(&sign, sig, "x", 1), 0);
	ap_sign_key_clear(&sign);
	assert_int_equal(ap_verify_once(key, sig, "x", 1), 0);
	assert_int_equal(idkey_load(path, NULL, NULL, &why), 0);
}

static void keys_differ(void **state)
{
	uint8_t one[32], two[32];

	(void)state;
	assert_int_equal(idkey_create(path, one, &why), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(idkey_create(path, two, &why), 0);
	assert_memory_not_equal(one, two, 32);
}

static void a_new_file_is_its_owners_alone(void **state)
{
	mode_t mask = umask(0);
	uint8_t made[32];
	struct stat st;

	(void)state;
	assert_int_equal(idkey_create(path, made, &why), 0);
	umask(mask);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void a_file_that_is_there_is_not_replaced(void **state)
{
	uint8_t made[32], again[32], key[32];

	(void)state;
	assert_int_equal(idkey_create(path, made, &why), 0);
	assert_int_equal(idkey_create(path, again, &why), AGREE_EFILE);
	assert_non_null(strstr(sentence, "is there already"));
	assert_int_equal(idkey_load(path, NULL, key, &why), 0);
	assert_memory_equal(key, made, sizeof key);
}

static void a_directory_that_is_missing_is_said(void **state)
{
	uint8_t made[32];

	(void)state;
	snprintf(path, sizeof path, "%s/a/b", dir);
	assert_int_equal(idkey_create(path, made, &why), AGREE_EFILE);
	assert_non_null(strstr(sentence, "cannot make it: No such file or directory"));
}

static void files_that_others_may_use_are_refused(void **state)
{
	static const mode_t modes[] = {0640, 0604, 0660, 0602, 0610, 0644, 0666};
	uint8_t made[32];

	(void)state;
	assert_int_equal(idkey_create(path, made, &why), 0);
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		char part[64];

		assert_int_equal(chmod(path, modes[i]), 0);
		snprintf(part, sizeof part, "(mode %04o): chmod 600 it", (unsigned)modes[i]);
		refused(AGREE_EFILE, part);
	}
	assert_int_equal(chmod(path, 0400), 0);
	assert_int_equal(idkey_load(path, NULL, NULL, &why), 0);
}

static void missing_files_and_directories_are_said(void **state)
{
	(void)state;
	refused(AGREE_EFILE, "cannot open it: No such file or directory");
	strcpy(path, dir);
	refused(AGREE_EFILE, "not a regular file");
}

static void a_pipe_is_refused_and_not_waited_for(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	refused(AGREE_EFILE, "not a regular file");
}

static void every_truncation_is_refused(void **state)
{
	uint8_t made[32], *octets;
	size_t len;

	(void)state;
	assert_int_equal(idkey_create(path, made, &why), 0);
	octets = tempdir_load(path, &len);
	for (size_t cut = 0; cut < len; cut++) {
		store((const char *)octets, cut);
		refused(AGREE_EIDENTITY, cut < strlen("agree-identity 1\n") ? ":1: " : ":2: ");
	}
	free(octets);
}

static void other_files_are_told_apart(void **state)
{
	char large[5000];

	(void)state;
	store("agree-identity 2\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", 61);
	refused(AGREE_EIDENTITY, ":1: not an identity key");
	store("-----BEGIN PRIVATE KEY-----\n", 28);
	refused(AGREE_EIDENTITY, ":1: not an identity key");
	store("agree-identity 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\n", 61);
	refused(AGREE_EIDENTITY, ":2: the key is damaged"); /* a spare bit is not zero */
	store("agree-identity 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+\n", 61);
	refused(AGREE_EIDENTITY, ":2: the key is damaged"); /* another alphabet */
	store("agree-identity 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\n", 62);
	refused(AGREE_EIDENTITY, ":2: the key is damaged");
	memset(large, 'a', sizeof large);
	store(large, sizeof large);
	refused(AGREE_EFILE, "more than ");
}

int main(void)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, make_dir, drop_dir)
	const struct CMUnitTest tests[] = {
		ONE(a_new_key_reads_back_and_signs),
		ONE(keys_differ),
		ONE(a_new_file_is_its_owners_alone),
		ONE(a_file_that_is_there_is_not_replaced),
		ONE(a_directory_that_is_missing_is_said),
		ONE(files_that_others_may_use_are_refused),
		ONE(missing_files_and_directories_are_said),
		ONE(a_pipe_is_refused_and_not_waited_for),
		ONE(every_truncation_is_refused),
		ONE(other_files_are_told_apart),
	};

	return cmocka_run_group_tests_name("idkey", tests, NULL, NULL);
}
