#include "config.h"

#include "resolver/settings.h"

#include <string.h>

#include "libproto/limits.h"
#include "resolver/discover.h"

enum { TIME_MAX_MS = 3600000, TRIES_MAX = 16, UDP_SIZE_MAX = 4096, UDP_SIZE_MIN = 512 };

static int number_parse(const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
	uint64_t n = 0;

	if (strlen(text) > 9)
		return AGREE_EUSAGE;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return AGREE_EUSAGE;
		n = n * 10 + (uint64_t)(*text - '0');
	}
	if (n < min || n > max)
		return AGREE_EUSAGE;
	*out = (uint32_t)n;
	return 0;
}

/* ---- those that are no numbers ---- */

static int set_dns(struct stub_settings *s, const char *value)
{
	struct stub_settings new = *s;
	char one[STUB_ADDRESS_TEXT];

	new.n_dns = 0;
	while (*value != '\0') {
		size_t len = strcspn(value, ",");

		if (len >= sizeof(one) || new.n_dns == STUB_SERVERS_MAX)
			return AGREE_EADDRESS;
		memcpy(one, value, len);
		one[len] = '\0';
		if (stub_address_parse(&new.dns[new.n_dns++], one, STUB_PORT_DNS) != 0)
			return AGREE_EADDRESS;
		value += len + (value[len] == ',');
	}
	*s = new;
	return 0;
}

static int set_server(struct stub_settings *s, const char *value)
{
	s->server.len = 0;
	return *value == '\0' ? 0 : stub_address_parse(&s->server, value, STUB_PORT);
}

static int set_source(struct stub_settings *s, const char *value)
{
	s->source.len = 0;
	return *value == '\0' ? 0 : stub_address_parse(&s->source, value, 0);
}

static int set_family(struct stub_settings *s, const char *value)
{
	if (*value == '\0')
		s->families = STUB_V4 | STUB_V6;
	else if (strcmp(value, "4") == 0)
		s->families = STUB_V4;
	else if (strcmp(value, "6") == 0)
		s->families = STUB_V6;
	else
		return AGREE_EUSAGE;
	return 0;
}

static int set_known(struct stub_settings *s, const char *value)
{
	if (strlen(value) >= sizeof(s->known_path))
		return AGREE_EFILE;
	if (*value != '\0')
		strcpy(s->known_path, value);
	else if (!stub_known_path(s->known_path))
		s->known_path[0] = '\0';
	return 0;
}

/* ---- numbers ---- */

static void put_tofu(struct stub_settings *s, uint32_t n)
{
	s->tofu = n != 0;
}

static void put_trust_ad(struct stub_settings *s, uint32_t n)
{
	s->trust_ad = n != 0;
}

static void put_time(struct stub_settings *s, uint32_t n)
{
	s->tuning.time_ms = n;
}

static void put_tries(struct stub_settings *s, uint32_t n)
{
	s->tuning.tries = (uint8_t)n;
}

static void put_hedge(struct stub_settings *s, uint32_t n)
{
	s->tuning.hedge_ms = n;
}

static void put_tcp(struct stub_settings *s, uint32_t n)
{
	s->tuning.tcp = n != 0;
}

static void put_cookie(struct stub_settings *s, uint32_t n)
{
	s->tuning.no_cookie = n == 0;
}

static void put_recurse(struct stub_settings *s, uint32_t n)
{
	s->tuning.recurse = n != 0;
}

static void put_bufsize(struct stub_settings *s, uint32_t n)
{
	s->tuning.udp_size = (uint16_t)n;
}

static void put_padding(struct stub_settings *s, uint32_t n)
{
	s->tuning.pad_to = (uint16_t)n;
}

static void put_f(struct stub_settings *s, uint32_t n)
{
	s->has_f = n != UINT32_MAX;
	s->f = (unsigned)n;
}

static const struct {
	const char *option;
	int (*set)(struct stub_settings *, const char *); /* or, with limits: */
	void (*put)(struct stub_settings *, uint32_t);
	uint32_t normal, min, max;
} rows[] = {
	{"dns", set_dns, NULL, 0, 0, 0},
	{"server", set_server, NULL, 0, 0, 0},
	{"source", set_source, NULL, 0, 0, 0},
	{"family", set_family, NULL, 0, 0, 0},
	{"known-networks", set_known, NULL, 0, 0, 0},
	{"tofu", NULL, put_tofu, 0, 0, 1},
	{"trust-ad", NULL, put_trust_ad, 0, 0, 1},
	{"time", NULL, put_time, 5000, 1, TIME_MAX_MS},
	{"tries", NULL, put_tries, 3, 1, TRIES_MAX},
	{"hedge", NULL, put_hedge, 200, 0, TIME_MAX_MS},
	{"tcp", NULL, put_tcp, 0, 0, 1},
	{"cookie", NULL, put_cookie, 1, 0, 1},
	{"recurse", NULL, put_recurse, 0, 0, 1},
	{"bufsize", NULL, put_bufsize, AP_UDP_MAX, UDP_SIZE_MIN, UDP_SIZE_MAX},
	{"padding", NULL, put_padding, 0, 0, STUB_PAD_MAX},
	{"f", NULL, put_f, UINT32_MAX, 0, AP_THRESHOLD_MAX - 1},
};

static const size_t n_rows = sizeof(rows) / sizeof(rows[0]);

int stub_settings_set(struct stub_settings *settings, const char *option, const char *value)
{
	uint32_t n;
	int err;

	for (size_t i = 0; i < n_rows; i++) {
		if (strcmp(rows[i].option, option) != 0)
			continue;
		if (rows[i].set != NULL)
			return rows[i].set(settings, value != NULL ? value : "");
		n = rows[i].normal;
		if (value != NULL && *value != '\0') {
			err = number_parse(value, rows[i].min, rows[i].max, &n);
			if (err != 0)
				return err;
		}
		rows[i].put(settings, n);
		return 0;
	}
	return AGREE_EOPTION;
}

void stub_settings_init(struct stub_settings *settings)
{
	memset(settings, 0, sizeof(*settings));
	for (size_t i = 0; i < n_rows; i++)
		(void)stub_settings_set(settings, rows[i].option, NULL);
}
