#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/textfile.h"
#include "libproto/agree_errors.h"

#define MINUTE_MS  60000
#define LINES	   64  /* different lines that are counted at once */
#define FORMATS	   256 /* the same for formats, of which a program has only so many */
#define PROBES	   4
#define SAMPLE_MAX 96 /* of a message, to say which one was held back */

struct slot { /* how often a message came in its minute */
	uint64_t key;
	uint64_t since_ms;
	uint32_t count; /* 0: free */
	uint32_t held;
	char sample[SAMPLE_MAX];
};

static struct {
	int fd; /* of the file, or -1 */
	char *file;
	bool to_syslog;
	unsigned verbosity;
	uint64_t (*now_ms)(void *);
	void *now_arg;
	uint64_t ticked_ms;
	/* Apart, so that a flood of different lines does not make its format forgotten. */
	struct slot lines[LINES];
	struct slot formats[FORMATS];
} it = {.fd = -1, .verbosity = LOG_L_INFO};

static const struct {
	const char *name;
	int priority;
} levels[] = {
	[LOG_L_ERROR] = {"error", LOG_ERR},    [LOG_L_INFO] = {"info", LOG_NOTICE},
	[LOG_L_DETAIL] = {"detail", LOG_INFO}, [LOG_L_CLIENT] = {"client", LOG_DEBUG},
	[LOG_L_DEBUG] = {"debug", LOG_DEBUG},
};

static uint64_t clock_ms(clockid_t which)
{
	struct timespec ts;

	clock_gettime(which, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static uint64_t now_ms(void)
{
	return it.now_ms != NULL ? it.now_ms(it.now_arg) : clock_ms(CLOCK_MONOTONIC);
}

static int file_open(const char *file, struct ap_text *why)
{
	int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);

	if (fd < 0)
		textfile_fail(why, file, "cannot open the log", errno);
	return fd;
}

int log_open(const struct log_conf *conf, struct ap_text *why)
{
	char *file = NULL;
	int fd = -1;

	if (conf->file != NULL && conf->file[0] != '\0') {
		fd = file_open(conf->file, why);
		if (fd < 0)
			return AGREE_EFILE;
		file = strdup(conf->file);
		if (file == NULL) {
			close(fd);
			ap_text_add(why, "out of memory: free some, then try again");
			return AGREE_EFILE;
		}
	}
	log_close();
	it.fd = fd;
	it.file = file;
	it.to_syslog = fd < 0 && !conf->to_stderr;
	it.now_ms = conf->now_ms;
	it.now_arg = conf->now_arg;
	log_verbosity(conf->verbosity);
	if (it.to_syslog)
		openlog("agreed", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	return 0;
}

int log_reopen(struct ap_text *why)
{
	int fd;

	if (it.fd < 0)
		return 0;
	fd = file_open(it.file, why);
	if (fd < 0)
		return AGREE_EFILE;
	close(it.fd);
	it.fd = fd;
	return 0;
}

void log_close(void)
{
	if (it.fd >= 0)
		close(it.fd);
	if (it.to_syslog)
		closelog();
	free(it.file);
	memset(&it, 0, sizeof it);
	it.fd = -1;
	it.verbosity = LOG_L_INFO;
}

void log_verbosity(unsigned verbosity)
{
	it.verbosity = verbosity < LOG_L_DEBUG ? verbosity : LOG_L_DEBUG;
}

unsigned log_verbosity_now(void)
{
	return it.verbosity;
}

bool log_is_on(enum log_level level)
{
	return (unsigned)level <= it.verbosity;
}

/* Where the line goes; a log that cannot be written must not stop a replica. */
static void line_out(enum log_level level, const char *line)
{
	char whole[LOG_LINE_MAX + 64];
	struct ap_text t;
	ssize_t ignored;

	if (it.to_syslog) {
		syslog(levels[level].priority, "%s", line);
		return;
	}
	ap_text_init(&t, whole, sizeof whole);
	ap_text_time(&t, clock_ms(CLOCK_REALTIME));
	ap_text_addf(&t, " %s %s\n", levels[level].name, line);
	ignored = write(it.fd >= 0 ? it.fd : STDERR_FILENO, whole, ap_text_len(&t));
	(void)ignored;
}

static void slot_end(struct slot *s)
{
	char line[LOG_LINE_MAX];
	struct ap_text t;

	if (s->count > 0 && s->held > 0) {
		ap_text_init(&t, line, sizeof line);
		ap_text_addf(&t, "held-back times=%lu message=\"%s\"", (unsigned long)s->held,
			     s->sample);
		line_out(LOG_L_INFO, line);
	}
	memset(s, 0, sizeof *s);
}

/* Its slot, begun anew when its minute is over; else the place of the oldest near it. */
static struct slot *slot_find(struct slot *slots, size_t size, uint64_t key, uint64_t now)
{
	struct slot *place = NULL;

	for (size_t i = 0; i < PROBES; i++) {
		struct slot *s = &slots[(key + i) % size];

		if (s->count > 0 && now - s->since_ms >= MINUTE_MS)
			slot_end(s);
		if (s->count > 0 && s->key == key)
			return s;
		if (place == NULL || s->count == 0 ||
		    (place->count > 0 && s->since_ms < place->since_ms))
			place = s;
	}
	slot_end(place);
	place->key = key;
	place->since_ms = now;
	return place;
}

static bool hold_back(struct slot *s, const char *line)
{
	s->held++;
	snprintf(s->sample, sizeof s->sample, "%s", line);
	for (char *c = s->sample; *c != '\0'; c++) /* it stands within quotes */
		if (*c == '"' || *c == '\\')
			*c = '\'';
	return true;
}

/* May this line not be shown in this minute? Then it is counted. */
static bool is_held_back(uint64_t format_key, uint64_t line_key, const char *line)
{
	uint64_t now = now_ms();
	struct slot *format = slot_find(it.formats, FORMATS, format_key, now), *same;

	if (format->count >= LOG_FORMAT_MAX)
		return hold_back(format, line);
	same = slot_find(it.lines, LINES, line_key, now);
	if (same->count >= LOG_SAME_MAX)
		return hold_back(same, line);
	format->count++;
	same->count++;
	return false;
}

static uint64_t key_of(const void *octets, size_t len, uint64_t kind)
{
	const unsigned char *at = octets;
	uint64_t hash = 0xcbf29ce484222325 + kind; /* FNV-1a: no secret depends on it */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ at[i]) * 0x100000001b3;
	return hash;
}

static void slots_tick(struct slot *slots, size_t size, uint64_t now)
{
	for (size_t i = 0; i < size; i++)
		if (slots[i].count > 0 && now - slots[i].since_ms >= MINUTE_MS)
			slot_end(&slots[i]);
}

void log_tick(void)
{
	uint64_t now = now_ms();

	it.ticked_ms = now;
	slots_tick(it.lines, LINES, now);
	slots_tick(it.formats, FORMATS, now);
}

/* Whatever was let through into the line: one line, printable ASCII. */
static void line_clean(struct ap_text *out, const char *line)
{
	for (const unsigned char *c = (const unsigned char *)line; *c != '\0'; c++)
		if (*c < 0x20 || *c > 0x7e)
			ap_text_addf(out, "\\%03u", *c);
		else
			ap_text_addn(out, (const char *)c, 1);
}

void log_say(enum log_level level, const char *format, ...)
{
	char raw[LOG_LINE_MAX], line[LOG_LINE_MAX];
	struct ap_text t;
	va_list args;

	if (!log_is_on(level))
		return;
	va_start(args, format);
	vsnprintf(raw, sizeof raw, format, args);
	va_end(args);
	ap_text_init(&t, line, sizeof line);
	line_clean(&t, raw);
	if (now_ms() - it.ticked_ms >= MINUTE_MS)
		log_tick();
	if (!is_held_back(key_of(&format, sizeof format, level), key_of(line, strlen(line), level),
			  line))
		line_out(level, line);
}

const char *log_word(char word[LOG_WORD_MAX], const void *octets, size_t len)
{
	struct ap_text t;

	ap_text_init(&t, word, LOG_WORD_MAX);
	ap_text_hostile(&t, octets, len, 0);
	return word;
}
