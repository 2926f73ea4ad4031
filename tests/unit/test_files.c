#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/files.h"
#include "tests/lib/tempdir.h"

static char dir[TEMPDIR_MAX];
static struct disk_error why;

static int setup(void **state)
{
	(void)state;
	tempdir_make(dir);
	why.text[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tempdir_remove(dir);
	return 0;
}

/* Good until the call after the next. */
static const char *path(const char *name)
{
	static char text[2][TEMPDIR_MAX + 300];
	static unsigned turn;
	char *t = text[turn++ % 2];

	snprintf(t, sizeof(text[0]), "%s/%s", dir, name);
	return t;
}

static void what_was_put_is_read(void **state)
{
	uint8_t octets[64];
	struct stat st;

	(void)state;
	assert_int_equal(files_put(dir, "one", "secret", 6, 0600, &why), 0);
	assert_int_equal(files_get(dir, "one", octets, sizeof(octets), &why), 6);
	assert_memory_equal(octets, "secret", 6);
	assert_int_equal(stat(path("one"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(access(path("one.new"), F_OK), -1);
	assert_int_equal(files_put(dir, "empty", "", 0, 0600, &why), 0);
	assert_int_equal(files_get(dir, "empty", octets, sizeof(octets), &why), 0);
}

static void a_new_one_takes_the_place_of_the_old(void **state)
{
	uint8_t octets[64];

	(void)state;
	assert_int_equal(files_put(dir, "one", "a longer one", 12, 0600, &why), 0);
	assert_int_equal(files_put(dir, "one", "short", 5, 0600, &why), 0);
	assert_int_equal(files_get(dir, "one", octets, sizeof(octets), &why), 5);
	assert_memory_equal(octets, "short", 5);
}

static void a_leftover_of_a_crash_is_written_over(void **state)
{
	uint8_t octets[64];
	struct stat st;

	(void)state;
	tempdir_store(path("one.new"), (const uint8_t *)"half of some older fi", 21);
	assert_int_equal(chmod(path("one.new"), 0644), 0);
	assert_int_equal(files_put(dir, "one", "whole", 5, 0600, &why), 0);
	assert_int_equal(files_get(dir, "one", octets, sizeof(octets), &why), 5);
	assert_int_equal(stat(path("one"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600); /* not the leftover's */
}

static void nobody_is_led_away_by_a_link(void **state)
{
	uint8_t octets[16];

	(void)state;
	tempdir_store(path("elsewhere"), (const uint8_t *)"keep", 4);
	assert_int_equal(symlink(path("elsewhere"), path("one.new")), 0);
	files_put(dir, "one", "secret", 6, 0600, &why);
	assert_int_equal(files_get(dir, "elsewhere", octets, sizeof(octets), &why), 4);
	assert_memory_equal(octets, "keep", 4);
}

static void what_is_missing_or_too_large_is_told(void **state)
{
	uint8_t octets[4];

	(void)state;
	assert_int_equal(files_get(dir, "none", octets, sizeof(octets), &why), DISK_ENOTFOUND);
	assert_int_equal(files_put(dir, "five", "12345", 5, 0600, &why), 0);
	assert_int_equal(files_get(dir, "five", octets, sizeof(octets), &why), DISK_ETOOBIG);
	assert_non_null(strstr(why.text, "five"));
	assert_int_equal(mkdir(path("sub"), 0700), 0);
	assert_true(files_get(dir, "sub", octets, sizeof(octets), &why) < 0);
}

static void failures_name_the_file(void **state)
{
	char longest[DISK_PATH_MAX + 1];

	(void)state;
	assert_true(files_put("/nonexistent", "one", "x", 1, 0600, &why) < 0);
	assert_non_null(strstr(why.text, "/nonexistent/one"));
	assert_int_equal(mkdir(path("one"), 0700), 0);
	assert_int_equal(mkdir(path("one/in"), 0700), 0);
	assert_true(files_put(dir, "one", "x", 1, 0600, &why) < 0);
	assert_non_null(strstr(why.text, "one"));
	memset(longest, 'a', sizeof(longest));
	longest[DISK_PATH_MAX] = '\0';
	assert_int_equal(files_put(dir, longest, "x", 1, 0600, &why), DISK_EUSAGE);
	assert_int_equal(files_get(dir, longest, longest, 1, &why), DISK_EUSAGE);
	assert_int_equal(files_wipe(dir, longest, &why), DISK_EUSAGE);
}

static void wiping_leaves_nothing(void **state)
{
	uint8_t *octets;
	size_t n;

	(void)state;
	assert_int_equal(files_put(dir, "one", "secret", 6, 0600, &why), 0);
	assert_int_equal(link(path("one"), path("other")), 0);
	assert_int_equal(files_wipe(dir, "one", &why), 0);
	assert_int_equal(access(path("one"), F_OK), -1);
	octets = tempdir_load(path("other"), &n); /* the same octets by another name */
	for (size_t i = 0; i < n; i++)
		assert_int_equal(octets[i], 0);
	free(octets);
	assert_int_equal(files_wipe(dir, "one", &why), 0); /* not to be there is no failure */
}

static void the_last_few_that_were_set_aside_are_kept(void **state)
{
	char name[64];

	(void)state;
	assert_int_equal(files_aside(dir, "journal", &why), 0); /* there is none */
	tempdir_store(path("journal.damaged.x1"), (const uint8_t *)"mine", 4);
	tempdir_store(path("store.damaged.1"), (const uint8_t *)"another", 7);
	for (unsigned n = 1; n <= FILES_ASIDE_KEPT + 2; n++) {
		assert_int_equal(mkdir(path("journal"), 0700), 0);
		tempdir_store(path("journal/journal-0000000001"), (const uint8_t *)"a vote", 6);
		if (n == 2) /* somebody has put something beside it */
			assert_int_equal(mkdir(path("journal/notes"), 0700), 0);
		assert_int_equal(files_aside(dir, "journal", &why), 0);
		assert_int_equal(access(path("journal"), F_OK), -1);
	}
	for (unsigned n = 1; n <= FILES_ASIDE_KEPT + 2; n++) {
		snprintf(name, sizeof(name), "journal.damaged.%u/journal-0000000001", n);
		assert_int_equal(access(path(name), F_OK), n <= 2 ? -1 : 0);
	}
	assert_int_equal(access(path("journal.damaged.1"), F_OK), -1);
	assert_int_equal(access(path("journal.damaged.2/notes"), F_OK), 0);
	assert_int_equal(access(path("journal.damaged.x1"), F_OK), 0);
	assert_int_equal(access(path("store.damaged.1"), F_OK), 0);
}

static void nothing_outside_is_deleted_with_them(void **state)
{
	char other[TEMPDIR_MAX];

	(void)state;
	tempdir_make(other);
	assert_int_equal(symlink(other, path("journal.damaged.1")), 0);
	tempdir_store(path("journal.damaged.1/precious"), (const uint8_t *)"!", 1);
	for (unsigned n = 0; n < FILES_ASIDE_KEPT; n++) {
		tempdir_store(path("journal"), (const uint8_t *)"a file", 6);
		assert_int_equal(files_aside(dir, "journal", &why), 0);
	}
	assert_int_equal(access(path("journal.damaged.1"), F_OK), -1);
	snprintf(other + strlen(other), sizeof(other) - strlen(other), "/precious");
	assert_int_equal(access(other, F_OK), 0);
	*strrchr(other, '/') = '\0';
	tempdir_remove(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_put_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(a_new_one_takes_the_place_of_the_old, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_leftover_of_a_crash_is_written_over, setup,
						teardown),
		cmocka_unit_test_setup_teardown(nobody_is_led_away_by_a_link, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_missing_or_too_large_is_told, setup,
						teardown),
		cmocka_unit_test_setup_teardown(failures_name_the_file, setup, teardown),
		cmocka_unit_test_setup_teardown(wiping_leaves_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(the_last_few_that_were_set_aside_are_kept, setup,
						teardown),
		cmocka_unit_test_setup_teardown(nothing_outside_is_deleted_with_them, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
