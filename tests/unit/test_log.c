#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/log.h"
#include "libproto/agree_errors.h"
#include "tests/lib/tempdir.h"

#define MINUTE 60000

static char dir[TEMPDIR_MAX], path[TEMPDIR_MAX + 16];
static uint64_t now;

static uint64_t clock_now(void *arg)
{
	return *(uint64_t *)arg;
}

static int open_log(void **state)
{
	struct log_conf conf = {
		.file = path, .verbosity = LOG_L_INFO, .now_ms = clock_now, .now_arg = &now};
	char sentence[256];
	struct ap_text why;

	(void)state;
	tempdir_make(dir);
	snprintf(path, sizeof path, "%s/log", dir);
	now = 1000;
	ap_text_init(&why, sentence, sizeof sentence);
	return log_open(&conf, &why);
}

static int drop_log(void **state)
{
	(void)state;
	log_close();
	tempdir_remove(dir);
	return 0;
}

/* What is in the file so far; its times, which are the wall clock's, cut out. */
static const char *lines(void)
{
	static char text[65536];
	size_t len, at = 0;
	uint8_t *octets = tempdir_load(path, &len);

	for (size_t i = 0; i < len;) {
		const uint8_t *lf = memchr(octets + i, '\n', len - i);
		size_t end = lf != NULL ? (size_t)(lf - octets) + 1 : len;

		assert_true(end - i > 25 && octets[i + 23] == 'Z' && octets[i + 10] == 'T');
		assert_true(at + end - i < sizeof text);
		memcpy(text + at, octets + i + 25, end - i - 25);
		at += end - i - 25;
		i = end;
	}
	text[at] = '\0';
	free(octets);
	return text;
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;

	for (; (text = strstr(text, part)) != NULL; text++)
		n++;
	return n;
}

static void a_message_is_one_line_with_time_and_level(void **state)
{
	(void)state;
	log_error("disk-full free=%d", 7);
	log_info("start version=%s", "1");
	assert_string_equal(lines(), "error disk-full free=7\ninfo start version=1\n");
}

static void levels_above_the_verbosity_are_left_out(void **state)
{
	(void)state;
	log_detail("a");
	log_client("b");
	log_debug("c");
	assert_string_equal(lines(), "");
	assert_false(log_is_on(LOG_L_DETAIL));
	log_verbosity(LOG_L_CLIENT);
	log_detail("a");
	log_client("b");
	log_debug("c");
	assert_string_equal(lines(), "detail a\nclient b\n");
	log_verbosity(0);
	log_info("d");
	log_error("e");
	assert_string_equal(lines(), "detail a\nclient b\nerror e\n");
	log_verbosity(99);
	assert_int_equal(log_verbosity_now(), LOG_L_DEBUG);
}

static void octets_of_strangers_stay_within_their_line(void **state)
{
	char word[LOG_WORD_MAX];

	(void)state;
	log_info("name=%s", "a\nerror faked\r\x1b[31m\x7f\xff");
	log_info("label=\"%s\"", log_word(word, "a\" b=\"\\\n", 8));
	assert_string_equal(lines(), "info name=a\\010error faked\\013\\027[31m\\127\\255\n"
				     "info label=\"a\\034 b=\\034\\092\\010\"\n");
}

static void long_messages_are_cut(void **state)
{
	char text[4 * LOG_LINE_MAX];

	(void)state;
	memset(text, '\n', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	log_info("%s", text);
	assert_in_range(strlen(lines()), LOG_LINE_MAX - 1, LOG_LINE_MAX + 8);
}

static void a_repeated_line_is_held_back_and_counted(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		log_info("same peer=\"%d\"", 1);
	assert_int_equal(count(lines(), "info same"), LOG_SAME_MAX);
	now += MINUTE - 1;
	log_tick();
	assert_int_equal(count(lines(), "held-back"), 0);
	now += 1;
	log_tick();
	assert_int_equal(count(lines(), "info held-back times=95 message=\"same peer='1'\"\n"), 1);
	log_tick(); /* said once */
	assert_int_equal(count(lines(), "held-back"), 1);
	log_info("same peer=\"%d\"", 1); /* a new minute */
	assert_int_equal(count(lines(), "info same"), LOG_SAME_MAX + 1);
}

static void a_format_is_limited_whatever_strangers_put_in(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++)
		log_info("varies from=%d", i);
	assert_int_equal(count(lines(), "info varies"), LOG_FORMAT_MAX);
	log_info("another message");
	assert_int_equal(count(lines(), "info another message\n"), 1);
	now += MINUTE;
	log_tick();
	assert_int_equal(count(lines(), "held-back times=940 message=\"varies from=999\""), 1);
}

static void the_next_message_says_what_was_held_back(void **state)
{
	(void)state;
	for (int i = 0; i < 7; i++)
		log_info("same");
	now += 2 * MINUTE;
	log_info("other");
	assert_non_null(strstr(lines(), "info held-back times=2 message=\"same\"\ninfo other\n"));
}

static void other_messages_are_not_held_back(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		log_info("same");
	log_info("other");
	log_error("same"); /* another level */
	assert_int_equal(count(lines(), "info other\n"), 1);
	assert_int_equal(count(lines(), "error same\n"), 1);
}

static void a_moved_file_is_opened_anew(void **state)
{
	char moved[TEMPDIR_MAX + 32], sentence[256];
	struct ap_text why;

	(void)state;
	ap_text_init(&why, sentence, sizeof sentence);
	log_info("one");
	snprintf(moved, sizeof moved, "%s.1", path);
	assert_int_equal(rename(path, moved), 0);
	log_info("two");
	assert_int_equal(log_reopen(&why), 0);
	log_info("three");
	assert_string_equal(lines(), "info three\n");
}

static void a_log_that_cannot_be_opened_leaves_the_old_one(void **state)
{
	struct log_conf conf = {.file = "/nonexistent/log", .verbosity = 1};
	char sentence[256];
	struct ap_text why;

	(void)state;
	ap_text_init(&why, sentence, sizeof sentence);
	assert_int_equal(log_open(&conf, &why), AGREE_EFILE);
	assert_non_null(strstr(sentence, "/nonexistent/log: cannot open the log: No such file"));
	log_info("still here");
	assert_string_equal(lines(), "info still here\n");
}

static void lines_are_appended(void **state)
{
	struct log_conf conf = {.file = path, .verbosity = 1};
	char sentence[256];
	struct ap_text why;

	(void)state;
	ap_text_init(&why, sentence, sizeof sentence);
	log_info("one");
	assert_int_equal(log_open(&conf, &why), 0);
	log_info("two");
	assert_string_equal(lines(), "info one\ninfo two\n");
}

int main(void)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, open_log, drop_log)
	const struct CMUnitTest tests[] = {
		ONE(a_message_is_one_line_with_time_and_level),
		ONE(levels_above_the_verbosity_are_left_out),
		ONE(octets_of_strangers_stay_within_their_line),
		ONE(long_messages_are_cut),
		ONE(a_repeated_line_is_held_back_and_counted),
		ONE(a_format_is_limited_whatever_strangers_put_in),
		ONE(the_next_message_says_what_was_held_back),
		ONE(other_messages_are_not_held_back),
		ONE(a_moved_file_is_opened_anew),
		ONE(a_log_that_cannot_be_opened_leaves_the_old_one),
		ONE(lines_are_appended),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
