#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/agree_errors.h"
#include "libproto/when.h"

static void times_are_milliseconds_since_1970(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} rows[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"1970-01-01T00:00:00.001Z", 1},
		{"2000-02-29T12:34:56Z", 951827696000},
		{"2000-03-01T00:00:00Z", 951868800000},
		{"2026-11-24T06:14:00Z", 1795500840000},
		{"2026-11-24t06:14:00z", 1795500840000},
		{"2026-11-24 06:14:00Z", 1795500840000},
		{"2026-11-24T06:14:00.5Z", 1795500840500},
		{"2026-11-24T06:14:00.0129999Z", 1795500840012},
		{"2026-11-24T07:14:00+01:00", 1795500840000},
		{"2026-11-24T00:44:00-05:30", 1795500840000},
		{"1969-12-31T23:30:00-01:00", 1800000},
		{"2100-02-28T23:59:59.999Z", 4107542399999},
		{"9999-12-31T23:59:59Z", 253402300799000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t ms = 1;

		assert_int_equal(ap_when_parse(&ms, rows[i].text), 0);
		assert_true(ms == rows[i].ms);
	}
}

static void other_texts_are_no_times(void **state)
{
	static const char *const rows[] = {
		"",
		"now",
		"2026-11-24",
		"2026-11-24T06:14Z",
		"2026-11-24T06:14:00",
		"2026-11-24T06:14:00.Z",
		"2026-11-24T06:14:00Zx",
		"2026-11-24T06:14:00+1:00",
		"2026-11-24T06:14:00+24:00",
		"2026-11-24T06:14:00+01:60",
		"2026-11-24T24:00:00Z",
		"2026-11-24T06:60:00Z",
		"2026-11-24T06:14:60Z",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-04-31T00:00:00Z",
		"2026-01-00T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"2100-02-29T00:00:00Z",
		"1969-12-31T23:59:59Z",
		"1970-01-01T00:00:00+00:01",
		"1968-01-01T00:00:00Z",
		"0000-01-01T00:00:00Z",
		"02026-11-24T06:14:00Z",
		"2026-11-24T06:14:00.999999999999999999999999999999x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t ms = 1;

		assert_int_equal(ap_when_parse(&ms, rows[i]), AGREE_ETIME);
		assert_true(ms == 0);
	}
}

static void every_day_shown_is_read_back(void **state)
{
	/* a step of 61 days and some milliseconds meets every month, leap years and both ends */
	const uint64_t step = 61 * 86400000ULL + 3723004;

	(void)state;
	for (uint64_t ms = 0; ms <= 253402300799999; ms += step) {
		char text[40];
		struct ap_text t;
		uint64_t back;

		ap_text_init(&t, text, sizeof(text));
		ap_text_time(&t, ms);
		assert_int_equal(ap_when_parse(&back, text), 0);
		assert_true(back == ms);
	}
}

static void durations_have_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t seconds;
		const char *shown;
	} rows[] = {
		{"600s", 600, "10m"},
		{"10m", 600, "10m"},
		{"1h", 3600, "1h"},
		{"1d", 86400, "1d"},
		{"2w", 1209600, "2w"},
		{"90", 90, "90s"},
		{"061s", 61, "61s"},
		{"3660s", 3660, "61m"},
		{"36600d", 3162240000, "36600d"},
		{"1s", 1, "1s"},
		{"3162240000", 3162240000, "36600d"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t seconds;
		char text[32];
		struct ap_text t;

		assert_int_equal(ap_duration_parse(&seconds, rows[i].text), 0);
		assert_true(seconds == rows[i].seconds);
		ap_text_init(&t, text, sizeof(text));
		ap_duration_show(&t, seconds);
		assert_string_equal(text, rows[i].shown);
	}
}

static void other_texts_are_no_durations(void **state)
{
	static const char *const rows[] = {
		"",
		"s",
		"0",
		"0s",
		"-1s",
		"+1s",
		" 1s",
		"1 s",
		"1.5h",
		"1S",
		"1y",
		"1h1m",
		"1ss",
		"3162240001",
		"36601d",
		"5229w",
		"99999999999999999999999999s",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t seconds = 1;

		assert_int_equal(ap_duration_parse(&seconds, rows[i]), AGREE_ETIME);
		assert_true(seconds == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_milliseconds_since_1970),
		cmocka_unit_test(other_texts_are_no_times),
		cmocka_unit_test(every_day_shown_is_read_back),
		cmocka_unit_test(durations_have_units),
		cmocka_unit_test(other_texts_are_no_durations),
	};

	return cmocka_run_group_tests_name("when", tests, NULL, NULL);
}
