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

#include "resolver/trust.h"
#include "tests/lib/tempdir.h"

#define KEY_A "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define KEY_B "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"

static char dir[TEMPDIR_MAX], path[TEMPDIR_MAX + 64];
static struct ap_name domain;
static struct stub_txt txt;
static struct stub_trust_conf conf;
static struct stub_trust trust;
static uint8_t key_a[32], key_b[32];

static int setup(void **state)
{
	(void)state;
	tempdir_make(dir);
	snprintf(path, sizeof(path), "%s/config/agree/known_networks", dir);
	assert_int_equal(ap_name_parse(&domain, "example.test"), 0);
	assert_int_equal(ap_key_parse(key_a, KEY_A, 43), 0);
	assert_int_equal(ap_key_parse(key_b, KEY_B, 43), 0);
	memset(&txt, 0, sizeof(txt));
	txt.has_key = true;
	memcpy(txt.key, key_a, 32);
	txt.has_e = true;
	txt.e = 7;
	conf = (struct stub_trust_conf){.known_path = path, .now_ms = 1796083200000};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tempdir_remove(dir);
	return 0;
}

static int choose(void)
{
	return stub_trust_choose(&trust, &conf, &domain, &txt, 0);
}

static void file_has(const char *text)
{
	char parent[TEMPDIR_MAX + 32];

	snprintf(parent, sizeof(parent), "%s/config", dir);
	(void)mkdir(parent, 0700);
	snprintf(parent, sizeof(parent), "%s/config/agree", dir);
	(void)mkdir(parent, 0700);
	tempdir_store(path, (const uint8_t *)text, strlen(text));
}

static void assert_file(const char *text)
{
	size_t len;
	uint8_t *octets = tempdir_load(path, &len);

	assert_int_equal(len, strlen(text));
	assert_memory_equal(octets, text, len);
	free(octets);
}

static void assert_key(const uint8_t key[32], int why)
{
	assert_memory_equal(trust.key, key, 32);
	assert_int_equal(trust.why, why);
}

/* ---- in the order of the design ---- */

static void callers_key_is_first(void **state)
{
	(void)state;
	file_has("example.test " KEY_A " 7 2026-01-01T00:00:00.000Z tofu\n");
	conf.caller = key_b;
	conf.tofu = true;
	memcpy(txt.key, key_b, 32);
	assert_int_equal(choose(), 0);
	assert_key(key_b, AGREE_TRUST_CALLER);
	assert_int_equal(stub_trust_choose(&trust, &conf, &domain, &txt, AGREE_ETXT), 0);
}

static void callers_key_that_is_not_in_the_dns_is_wrong(void **state)
{
	(void)state;
	conf.caller = key_b;
	assert_int_equal(choose(), AGREE_EWRONGKEY);
	txt.authenticated = true;
	conf.tofu = true;
	assert_int_equal(choose(), AGREE_EWRONGKEY);
}

static void known_key_is_second(void **state)
{
	(void)state;
	file_has("# networks\n\nother.test " KEY_B " 1 2026-01-01T00:00:00Z tofu\n"
		 "Example.TEST. " KEY_A " 7 2026-01-01T00:00:00.000Z by-hand\n");
	assert_int_equal(choose(), 0);
	assert_key(key_a, AGREE_TRUST_KNOWN);
	/* also when the DNS has none, or several */
	assert_int_equal(stub_trust_choose(&trust, &conf, &domain, &txt, AGREE_ENONETWORK), 0);
	assert_int_equal(stub_trust_choose(&trust, &conf, &domain, &txt, AGREE_ETXT), 0);
}

static void changed_key_is_a_failure_whatever_the_dns_says(void **state)
{
	(void)state;
	file_has("example.test " KEY_B " 7 2026-01-01T00:00:00.000Z tofu\n");
	assert_int_equal(choose(), AGREE_EKEYCHANGED);
	conf.tofu = true;
	txt.authenticated = true;
	assert_int_equal(choose(), AGREE_EKEYCHANGED);
	assert_file("example.test " KEY_B " 7 2026-01-01T00:00:00.000Z tofu\n");
}

static void authenticated_key_is_third(void **state)
{
	(void)state;
	txt.authenticated = true;
	assert_int_equal(choose(), 0);
	assert_key(key_a, AGREE_TRUST_DNSSEC);
	assert_int_equal(access(path, F_OK), -1); /* and is not remembered */
}

static void first_sight_is_trusted_only_if_asked_for(void **state)
{
	(void)state;
	assert_int_equal(choose(), AGREE_ENOKEY);
	conf.tofu = true;
	assert_int_equal(choose(), 0);
	assert_key(key_a, AGREE_TRUST_TOFU);
	assert_file("example.test " KEY_A " 7 2026-12-01T00:00:00.000Z tofu\n");
	conf.tofu = false;
	assert_int_equal(choose(), 0);
	assert_key(key_a, AGREE_TRUST_KNOWN);
	memcpy(txt.key, key_b, 32);
	assert_int_equal(choose(), AGREE_EKEYCHANGED);
}

static void nothing_in_the_dns_is_said(void **state)
{
	(void)state;
	conf.tofu = true;
	assert_int_equal(stub_trust_choose(&trust, &conf, &domain, &txt, AGREE_ENONETWORK),
			 AGREE_ETXT);
	assert_int_equal(stub_trust_choose(&trust, &conf, &domain, &txt, AGREE_ETXT), AGREE_ETXT);
	assert_int_equal(stub_trust_choose(&trust, &conf, &domain, &txt, AGREE_ERESOLVER),
			 AGREE_ERESOLVER);
	assert_int_equal(access(path, F_OK), -1);
}

static void first_sight_that_cannot_be_remembered_is_not_trusted(void **state)
{
	(void)state;
	conf.tofu = true;
	conf.known_path = NULL;
	assert_int_equal(choose(), AGREE_EFILE);
	conf.known_path = "/dev/null/known_networks";
	assert_int_equal(choose(), AGREE_EFILE);
}

/* ---- the file ---- */

static void damaged_line_is_not_taken_for_unknown(void **state)
{
	static const char *const lines[] = {
		"example.test\n",
		"example.test " KEY_A "\n",
		"example.test " KEY_A " 7 2026-01-01T00:00:00Z\n",
		"example.test " KEY_A " 7 2026-01-01T00:00:00Z tofu more\n",
		"example.test " KEY_A "= 7 2026-01-01T00:00:00Z tofu\n",
		"example.test " KEY_A " seven 2026-01-01T00:00:00Z tofu\n",
		"example.test " KEY_A " -7 2026-01-01T00:00:00Z tofu\n",
		"example.test " KEY_A " 7 yesterday tofu\n",
		"example.test " KEY_A " 99999999999999999999 2026-01-01T00:00:00Z tofu",
	};

	(void)state;
	conf.tofu = true;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		file_has(lines[i]);
		assert_int_equal(choose(), AGREE_EKNOWN);
		assert_int_equal(trust.known_line, 1);
		assert_file(lines[i]);
	}
}

static void damaged_line_is_found_before_and_behind_good_ones(void **state)
{
	static const char good[] = "example.test " KEY_A " 7 2026-01-01T00:00:00Z tofu\n";
	static const char *const bad[] = {"nonsense", "example..test " KEY_A " 7 2026 tofu",
					  "example.test " KEY_B " 7 2026-01-01T00:00:00Z tofu"};
	char text[1024];

	(void)state;
	conf.tofu = true;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "# mine\n%s%s", good, bad[i]);
		file_has(text);
		assert_int_equal(choose(), AGREE_EKNOWN);
		assert_int_equal(trust.known_line, 3);
	}
	snprintf(text, sizeof(text), "nonsense\n%s", good);
	file_has(text);
	assert_int_equal(choose(), AGREE_EKNOWN);
	assert_int_equal(trust.known_line, 1);
}

static void nul_and_too_long_lines_are_damage(void **state)
{
	char text[4096];

	(void)state;
	conf.tofu = true;
	file_has("");
	tempdir_store(path, (const uint8_t *)"# a\n\0\n", 6);
	assert_int_equal(choose(), AGREE_EKNOWN);
	assert_int_equal(trust.known_line, 2);
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	file_has(text);
	assert_int_equal(choose(), AGREE_EKNOWN);
}

static void symbolic_link_stays_and_its_target_is_written(void **state)
{
	char target[TEMPDIR_MAX + 64], link[TEMPDIR_MAX + 64];
	struct stat st;

	(void)state;
	conf.tofu = true;
	file_has("");
	snprintf(target, sizeof(target), "%s/config/there", dir);
	strcpy(link, path);
	assert_int_equal(rename(path, target), 0);
	assert_int_equal(symlink(target, link), 0);
	assert_int_equal(choose(), 0);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_file("example.test " KEY_A " 7 2026-12-01T00:00:00.000Z tofu\n");
	/* one that leads nowhere is no place to remember in */
	assert_int_equal(unlink(target), 0);
	assert_int_equal(choose(), AGREE_EFILE);
	assert_int_equal(lstat(link, &st), 0);
}

static void other_lines_are_kept_as_they_are(void **state)
{
	(void)state;
	conf.tofu = true;
	file_has("# mine\nother.test " KEY_B " 1 2026-01-01T00:00:00Z tofu\n \t\n#end");
	assert_int_equal(choose(), 0);
	assert_file("# mine\nother.test " KEY_B " 1 2026-01-01T00:00:00Z tofu\n \t\n#end\n"
		    "example.test " KEY_A " 7 2026-12-01T00:00:00.000Z tofu\n");
}

static void file_is_for_its_user_alone(void **state)
{
	struct stat st;

	(void)state;
	conf.tofu = true;
	assert_int_equal(choose(), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	path[strlen(path) - strlen("/known_networks")] = '\0';
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
}

static void who_comes_second_finds_what_the_first_has_written(void **state)
{
	struct stub_known known = {.source = "tofu", .seen_ms = 1796083200000};

	(void)state;
	memcpy(known.key, key_a, 32);
	assert_int_equal(stub_known_add(path, &domain, &known), 0);
	assert_int_equal(stub_known_add(path, &domain, &known), 0);
	assert_file("example.test " KEY_A " 0 2026-12-01T00:00:00.000Z tofu\n");
	memcpy(known.key, key_b, 32);
	assert_int_equal(stub_known_add(path, &domain, &known), AGREE_EKEYCHANGED);
	assert_file("example.test " KEY_A " 0 2026-12-01T00:00:00.000Z tofu\n");
}

static void directory_in_its_place_is_an_error(void **state)
{
	struct stub_known known;

	(void)state;
	file_has("");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(stub_known_find(path, &domain, &known), AGREE_EFILE);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(stub_known_find(path, &domain, &known), STUB_KNOWN_NONE);
}

static void default_path_follows_xdg(void **state)
{
	char where[STUB_KNOWN_PATH_MAX];

	(void)state;
	setenv("HOME", "/home/u", 1);
	setenv("XDG_CONFIG_HOME", "/xdg", 1);
	assert_true(stub_known_path(where));
	assert_string_equal(where, "/xdg/agree/known_networks");
	setenv("XDG_CONFIG_HOME", "relative", 1);
	assert_true(stub_known_path(where));
	assert_string_equal(where, "/home/u/.config/agree/known_networks");
	unsetenv("XDG_CONFIG_HOME");
	setenv("HOME", "", 1);
	assert_false(stub_known_path(where));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(callers_key_is_first),
		TEST(callers_key_that_is_not_in_the_dns_is_wrong),
		TEST(known_key_is_second),
		TEST(changed_key_is_a_failure_whatever_the_dns_says),
		TEST(authenticated_key_is_third),
		TEST(first_sight_is_trusted_only_if_asked_for),
		TEST(nothing_in_the_dns_is_said),
		TEST(first_sight_that_cannot_be_remembered_is_not_trusted),
		TEST(damaged_line_is_not_taken_for_unknown),
		TEST(damaged_line_is_found_before_and_behind_good_ones),
		TEST(nul_and_too_long_lines_are_damage),
		TEST(symbolic_link_stays_and_its_target_is_written),
		TEST(other_lines_are_kept_as_they_are),
		TEST(file_is_for_its_user_alone),
		TEST(who_comes_second_finds_what_the_first_has_written),
		TEST(directory_in_its_place_is_an_error),
		TEST(default_path_follows_xdg),
	};

	return cmocka_run_group_tests_name("trust", tests, NULL, NULL);
}
