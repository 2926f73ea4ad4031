#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "resolver/cli.h"

static struct cli_line line;
static char error[CLI_ERROR_MAX];

/* Blanks between arguments. */
static int parse(const char *text)
{
	static char copy[1024];
	const char *words[64];
	int n;

	snprintf(copy, sizeof(copy), "%s", text);
	n = cli_batch_split(copy, words, 64);
	assert_true(n >= 0);
	memset(&line, 0, sizeof(line));
	cli_options_init(&line.options);
	error[0] = '\0';
	return cli_options_parse(&line, (size_t)n, words, error);
}

static void words_and_options_come_in_any_order(void **state)
{
	static const char *const same[] = {
		"@192.0.2.1#99 get example.test TICKET +json +time=7",
		"+json get @192.0.2.1#99 example.test +time=7 TICKET",
		"get --json example.test --time=7 TICKET @192.0.2.1#99",
		"get example.test TICKET +nojson +time=3 +json +time=7 @192.0.2.1#99",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_int_equal(parse(same[i]), 0);
		assert_int_equal(line.n_words, 3);
		assert_string_equal(line.words[0], "get");
		assert_string_equal(line.words[1], "example.test");
		assert_string_equal(line.words[2], "TICKET");
		assert_true(line.options.json);
		assert_int_equal(line.options.time_s, 7);
		assert_string_equal(line.options.server, "192.0.2.1#99");
	}
}

static void flags_are_set_and_unset(void **state)
{
	(void)state;
	assert_int_equal(parse("x"), 0);
	assert_true(line.options.cookie && line.options.stats && line.options.cmd);
	assert_false(line.options.tcp || line.options.json || line.options.recurse);
	assert_int_equal(parse("+nocookie --no-stats --nocmd +tcp --rec"), 0);
	assert_false(line.options.cookie || line.options.stats || line.options.cmd);
	assert_true(line.options.tcp && line.options.recurse);
}

static void all_is_what_dig_means_by_it(void **state)
{
	(void)state;
	assert_int_equal(parse("+noall +answer +json"), 0);
	assert_true(line.options.answer && line.options.json && line.options.cookie);
	assert_false(line.options.cmd || line.options.comments || line.options.question ||
		     line.options.additional || line.options.stats);
	assert_int_equal(parse("+noall +all +nostats"), 0);
	assert_true(line.options.question && line.options.comments);
	assert_false(line.options.stats);
}

static void unset_texts_and_numbers_are_as_if_not_given(void **state)
{
	(void)state;
	assert_int_equal(parse("+key=K +nokey +time=5 +notime"), 0);
	assert_null(line.options.key);
	assert_int_equal(line.options.time_s, -1);
}

static void letters_take_values_with_and_without_a_blank(void **state)
{
	(void)state;
	assert_int_equal(parse("-p 99 -b192.0.2.9 -4 -f file -h -V"), 0);
	assert_int_equal(line.options.port, 99);
	assert_string_equal(line.options.source, "192.0.2.9");
	assert_string_equal(line.options.batch, "file");
	assert_true(line.options.only_v4 && line.options.help && line.options.version);
	assert_int_equal(line.n_words, 0);
	assert_int_equal(parse("-f -"), 0);
	assert_string_equal(line.options.batch, "-");
}

static void behind_two_dashes_all_are_words(void **state)
{
	(void)state;
	assert_int_equal(parse("propose d label -- -5"), 0);
	assert_int_equal(line.n_words, 4);
	assert_string_equal(line.words[3], "-5");
	assert_int_equal(parse("propose d label -- +json"), 0);
	assert_false(line.options.json);
	assert_int_equal(parse("propose d label -"), 0);
	assert_string_equal(line.words[3], "-");
	assert_int_equal(parse("propose d label \"\""), 0);
	assert_string_equal(line.words[3], "");
}

static void bad_options_are_named(void **state)
{
	static const struct {
		const char *text;
		int err;
		const char *says;
	} rows[] = {
		{"+nonsense", AGREE_EOPTION, "+nonsense"},
		{"+nonononsense=1", AGREE_EOPTION, "+nonononsense=1"},
		{"-x", AGREE_EOPTION, "-x"},
		{"--no-such", AGREE_EOPTION, "--no-such"},
		{"+json=yes", AGREE_EUSAGE, "takes no value"},
		{"+key", AGREE_EUSAGE, "needs a value: KEY"},
		{"+key=", AGREE_EUSAGE, "needs a value: KEY"},
		{"+nokey=K", AGREE_EUSAGE, "takes no value"},
		{"+time=0", AGREE_EUSAGE, "from 1 to 3600"},
		{"+time=3601", AGREE_EUSAGE, "from 1 to 3600"},
		{"+time=5s", AGREE_EUSAGE, "from 1 to 3600"},
		{"+time=-5", AGREE_EUSAGE, "from 1 to 3600"},
		{"+time=99999999999999999999", AGREE_EUSAGE, "from 1 to 3600"},
		{"-p", AGREE_EUSAGE, "needs a value"},
		{"-p 0", AGREE_EUSAGE, "from 1 to 65535"},
		{"@", AGREE_EUSAGE, "address"},
		{"1 2 3 4 5 6 7 8 9", AGREE_EUSAGE, "too many arguments, from 9 on"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse(rows[i].text), rows[i].err);
		if (strstr(error, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].text, error);
	}
}

static void server_and_port_become_one(void **state)
{
	static const struct {
		const char *text, *server;
	} rows[] = {
		{"x", ""},
		{"@192.0.2.1", "192.0.2.1"},
		{"@192.0.2.1 -p 99", "192.0.2.1#99"},
		{"@192.0.2.1#7 -p 99", "192.0.2.1#7"},
		{"@2001:db8::1 -p 99", "2001:db8::1#99"},
		{"@[2001:db8::1]:7 -p 99", "[2001:db8::1]:7"},
		{"@[2001:db8::1] -p 99", "[2001:db8::1]#99"},
		{"-p 99", NULL},
	};
	char server[CLI_SERVER_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse(rows[i].text), 0);
		assert_int_equal(cli_options_server(&line.options, server), rows[i].server != NULL);
		if (rows[i].server != NULL)
			assert_string_equal(server, rows[i].server);
	}
}

static char *file_text(const char *name)
{
	const char *top = getenv("top_srcdir");
	char path[1024], *text = calloc(1, 256 * 1024);
	FILE *file;

	assert_non_null(text);
	snprintf(path, sizeof(path), "%s/%s", top != NULL ? top : ".", name);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_true(fread(text, 1, 256 * 1024 - 1, file) > 0);
	fclose(file);
	return text;
}

static void help_and_manual_have_every_option(void **state)
{
	char *manual = file_text("man/agree.1"), help[16384], in_help[64], in_manual[64];
	const struct cli_option *row;
	struct ap_text t;

	(void)state;
	ap_text_init(&t, help, sizeof(help));
	cli_options_help(&t);
	assert_false(t.cut);
	for (size_t i = 0; (row = cli_option_row(i)) != NULL; i++) {
		if (row->name == NULL) {
			snprintf(in_help, sizeof(in_help), "  -%c ", row->letter);
			snprintf(in_manual, sizeof(in_manual), ".It Fl %c", row->letter);
		} else {
			bool flag = row->kind == CLI_FLAG;

			snprintf(in_help, sizeof(in_help), "  +%s%s%s", flag ? "[no]" : "",
				 row->name, flag ? " " : "=");
			snprintf(in_manual, sizeof(in_manual), ".It Cm +%s%s%s", flag ? "[no]" : "",
				 row->name, flag ? "\n" : " Ns = Ns Ar ");
		}
		if (strstr(help, in_help) == NULL)
			fail_msg("not in the help: %s", in_help);
		if (strstr(manual, in_manual) == NULL)
			fail_msg("not in the manual: %s", in_manual);
	}
	free(manual);
}

/* Each flag's field is its own: a row that names another's would set two. */
static void rows_have_fields_of_their_own(void **state)
{
	const struct cli_option *a, *b;

	(void)state;
	for (size_t i = 0; (a = cli_option_row(i)) != NULL; i++)
		for (size_t k = i + 1; (b = cli_option_row(k)) != NULL; k++) {
			assert_int_not_equal(a->offset, b->offset);
			if (a->name != NULL && b->name != NULL)
				assert_string_not_equal(a->name, b->name);
			if (a->letter != 0)
				assert_int_not_equal(a->letter, b->letter);
		}
}

/* ---- batch lines ---- */

static void batch_lines_are_split_at_blanks_but_within_quotes(void **state)
{
	static const struct {
		const char *text;
		int n;
		const char *words[4];
	} rows[] = {
		{"get d t", 3, {"get", "d", "t"}},
		{"  get\td  \r\n", 2, {"get", "d"}},
		{"a \"b c\" d", 3, {"a", "b c", "d"}},
		{"a b\" c\"d", 2, {"a", "b cd"}},
		{"a \"\" b", 3, {"a", "", "b"}},
		{"a b\\ c \\\"", 3, {"a", "b c", "\""}},
		{"\"a\\\"b\"", 1, {"a\"b"}},
		{"", 0, {NULL}},
		{"a \"b", -1, {NULL}},
		{"1 2 3 4 5", -1, {NULL}},
		{"a\\", 1, {"a\\"}},
	};
	const char *words[4];
	char copy[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		strcpy(copy, rows[i].text);
		assert_int_equal(cli_batch_split(copy, words, 4), rows[i].n);
		for (int k = 0; k < rows[i].n; k++)
			assert_string_equal(words[k], rows[i].words[k]);
	}
}

static void worst_status_of_a_batch_is_the_gravest(void **state)
{
	static const int from_bad[] = {12, 18, 10, 8, 1, 9, 11, 17, 13, 16, 15, 14, 0};

	(void)state;
	for (size_t i = 0; i < sizeof(from_bad) / sizeof(from_bad[0]); i++)
		for (size_t k = i; k < sizeof(from_bad) / sizeof(from_bad[0]); k++) {
			assert_int_equal(cli_exit_worse(from_bad[i], from_bad[k]), from_bad[i]);
			assert_int_equal(cli_exit_worse(from_bad[k], from_bad[i]), from_bad[i]);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_and_options_come_in_any_order),
		cmocka_unit_test(flags_are_set_and_unset),
		cmocka_unit_test(all_is_what_dig_means_by_it),
		cmocka_unit_test(unset_texts_and_numbers_are_as_if_not_given),
		cmocka_unit_test(letters_take_values_with_and_without_a_blank),
		cmocka_unit_test(behind_two_dashes_all_are_words),
		cmocka_unit_test(bad_options_are_named),
		cmocka_unit_test(server_and_port_become_one),
		cmocka_unit_test(help_and_manual_have_every_option),
		cmocka_unit_test(rows_have_fields_of_their_own),
		cmocka_unit_test(batch_lines_are_split_at_blanks_but_within_quotes),
		cmocka_unit_test(worst_status_of_a_batch_is_the_gravest),
	};

	return cmocka_run_group_tests_name("cli_options", tests, NULL, NULL);
}
