#include "libproto/when.h"

#include <stdbool.h>
#include <string.h>

#include "libproto/agree_errors.h"

static bool digit_is(char c)
{
	return c >= '0' && c <= '9';
}

/* Exactly n digits; the cursor does not pass what is none. */
static bool number_get(const char **at, unsigned n, unsigned *out)
{
	*out = 0;
	for (unsigned i = 0; i < n; i++) {
		if (!digit_is((*at)[i]))
			return false;
		*out = *out * 10 + (unsigned)((*at)[i] - '0');
	}
	*at += n;
	return true;
}

static bool mark_get(const char **at, const char *marks)
{
	if (**at == '\0' || strchr(marks, **at) == NULL)
		return false;
	(*at)++;
	return true;
}

static bool year_is_leap(unsigned y)
{
	return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

static bool date_get(const char **at, int64_t *days)
{
	static const unsigned before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	static const unsigned in[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	unsigned y, m, d;

	if (!number_get(at, 4, &y) || !mark_get(at, "-") || !number_get(at, 2, &m) ||
	    !mark_get(at, "-") || !number_get(at, 2, &d))
		return false;
	if (y < 1969 || m < 1 || m > 12 || d < 1 ||
	    d > in[m - 1] + (m == 2 && year_is_leap(y) ? 1U : 0U))
		return false;
	/* leap days up to and including year y - 1, less those before 1970 */
	*days = (int64_t)(y - 1) * 365 + (y - 1) / 4 - (y - 1) / 100 + (y - 1) / 400 - 719162;
	*days += before[m - 1] + (m > 2 && year_is_leap(y) ? 1U : 0U) + (d - 1);
	return true;
}

static bool clock_get(const char **at, int64_t *ms)
{
	unsigned h, m, s, digit;
	int64_t unit = 100;

	if (!number_get(at, 2, &h) || !mark_get(at, ":") || !number_get(at, 2, &m) ||
	    !mark_get(at, ":") || !number_get(at, 2, &s) || h > 23 || m > 59 || s > 59)
		return false;
	*ms = ((int64_t)h * 3600 + m * 60 + s) * 1000;
	if (!mark_get(at, "."))
		return true;
	if (!digit_is(**at))
		return false;
	for (; digit_is(**at); unit /= 10) {
		number_get(at, 1, &digit);
		*ms += digit * unit;
	}
	return true;
}

static bool zone_get(const char **at, int64_t *ms)
{
	bool east = **at == '+';
	unsigned h, m;

	*ms = 0;
	if (mark_get(at, "Zz"))
		return true;
	if (!mark_get(at, "+-") || !number_get(at, 2, &h) || !mark_get(at, ":") ||
	    !number_get(at, 2, &m) || h > 23 || m > 59)
		return false;
	*ms = ((int64_t)h * 60 + m) * 60000 * (east ? 1 : -1);
	return true;
}

int ap_when_parse(uint64_t *ms, const char *text)
{
	int64_t days, in_day, zone, sum;

	*ms = 0;
	if (!date_get(&text, &days) || !mark_get(&text, "Tt ") || !clock_get(&text, &in_day) ||
	    !zone_get(&text, &zone) || *text != '\0')
		return AGREE_ETIME;
	sum = days * 86400000 + in_day - zone;
	if (sum < 0)
		return AGREE_ETIME;
	*ms = (uint64_t)sum;
	return 0;
}

/* ---- durations ---- */

static const struct unit {
	char letter;
	uint32_t seconds;
} units[] = {
	{'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1},
};
#define N_UNITS (sizeof(units) / sizeof(units[0]))

int ap_duration_parse(uint64_t *seconds, const char *text)
{
	uint64_t n = 0;
	uint32_t unit = 1;

	*seconds = 0;
	if (!digit_is(*text))
		return AGREE_ETIME;
	for (; digit_is(*text); text++) {
		n = n * 10 + (uint64_t)(*text - '0');
		if (n > AP_DURATION_MAX_S)
			return AGREE_ETIME;
	}
	for (size_t i = 0; *text != '\0' && i < N_UNITS; i++) {
		if (*text == units[i].letter) {
			unit = units[i].seconds;
			text++;
			break;
		}
	}
	if (*text != '\0' || n == 0 || n > AP_DURATION_MAX_S / unit)
		return AGREE_ETIME;
	*seconds = n * unit;
	return 0;
}

void ap_duration_show(struct ap_text *t, uint64_t seconds)
{
	size_t i = 0;

	while (i < N_UNITS - 1 && (seconds == 0 || seconds % units[i].seconds != 0))
		i++;
	ap_text_addf(t, "%llu%c", (unsigned long long)(seconds / units[i].seconds),
		     units[i].letter);
}
