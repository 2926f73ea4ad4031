/*
 * Files of lines, as agree keeps them: a title, `name: value`, and a sum at the end that finds
 * damage; and where secrets are read from.
 */
#ifndef CLI_FILE_H
#define CLI_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "libproto/text.h"

enum { CLI_SUM_LEN = 12, CLI_SUM_TEXT = 16 };

/* ---- lines ---- */

/* Adds "sum: " and the first 12 octets of SHA-256 of what t holds from `begin` on, in base64url. */
void cli_file_sum(struct ap_text *t, size_t begin);
/* The rest of the next line, if it begins so; *at is behind the line then. */
bool cli_file_take(const char **at, const char *end, const char *name, const char **rest,
		   size_t *len);
/* Is [text, end) a title's lines with a sum that fits? *body and *tail: what is between. */
bool cli_file_check(const char *text, size_t len, const char *title, const char **body,
		    const char **tail);

/* ---- files ---- */

/*
 * A new file of the user's alone (mode 0600), on disk when this returns. 0, or AGREE_EFILE: there
 * is one already, or it cannot be written; then there is none.
 */
int cli_file_create(const char *path, const char *text, size_t len);

/* All of it, whatever the kernel takes at a time. false: not written, see errno. */
bool cli_file_write(int fd, const char *text, size_t len);

/*
 * What somebody keeps elsewhere: a path, `-` for the standard input, `env:NAME` for a variable of
 * the environment. Into size octets, a NUL included; *len without it. 0, AGREE_EFILE (it cannot be
 * read, or is longer), AGREE_EUSAGE (no such variable).
 */
int cli_source_read(const char *source, char *text, size_t size, size_t *len);

#endif
