/*
 * Messages for people: one line each, `event key=value key=value`, to a file, syslog or standard
 * error. Control characters and octets above 0x7e never get out as they are. A message that repeats
 * is limited: the same line at most LOG_SAME_MAX times a minute, lines of one format LOG_FORMAT_MAX
 * times, then one line with the count. One log a process, event loop's thread only.
 */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libproto/text.h"

#define LOG_LINE_MAX   1024 /* octets of a line, final NUL included; longer ones are cut */
#define LOG_SAME_MAX   5    /* a minute */
#define LOG_FORMAT_MAX 60   /* a minute */
#define LOG_WORD_MAX   128  /* room for log_word(), final NUL included */

/* Shown if verbosity is at least the level; errors always. */
enum log_level {
	LOG_L_ERROR = 0,  /* this replica cannot do its work; say what to do */
	LOG_L_INFO = 1,	  /* warnings, and what an operator wants to know */
	LOG_L_DETAIL = 2, /* more */
	LOG_L_CLIENT = 3, /* each connection */
	LOG_L_DEBUG = 4	  /* each message */
};

struct log_conf {
	const char *file;	    /* NULL or "": see to_stderr */
	bool to_stderr;		    /* else syslog */
	unsigned verbosity;	    /* 0 to 4 */
	uint64_t (*now_ms)(void *); /* monotonic; NULL: the system's */
	void *now_arg;
};

/* Opens, or opens anew. 0, or AGREE_EFILE and why has the sentence; then the log is as before.
 * Until the first call messages go to standard error at verbosity 1. Strings are copied. */
int log_open(const struct log_conf *conf, struct ap_text *why);
/* Opens the file again by its name, after it was moved away. As log_open(). */
int log_reopen(struct ap_text *why);
void log_close(void);
void log_verbosity(unsigned verbosity);
unsigned log_verbosity_now(void);
/* Says what was held back in minutes that are over. Messages do that too; a program that may fall
 * silent calls it about once a minute. */
void log_tick(void);

bool log_is_on(enum log_level level);
void log_say(enum log_level level, const char *format, ...) AP_PRINTF(2, 3);
#define log_error(...)	log_say(LOG_L_ERROR, __VA_ARGS__)
#define log_info(...)	log_say(LOG_L_INFO, __VA_ARGS__)
#define log_detail(...) log_say(LOG_L_DETAIL, __VA_ARGS__)
#define log_client(...) log_say(LOG_L_CLIENT, __VA_ARGS__)
#define log_debug(...)	log_say(LOG_L_DEBUG, __VA_ARGS__)

/* Octets of a stranger as one word for a value: escaped, quotes and backslashes too. Returns word.
 */
const char *log_word(char word[LOG_WORD_MAX], const void *octets, size_t len);

#endif
