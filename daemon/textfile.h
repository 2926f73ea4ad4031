/*
 * Small files as a whole: read within a bound, made once and for good.
 */
#ifndef DAEMON_TEXTFILE_H
#define DAEMON_TEXTFILE_H

#include <stddef.h>
#include <sys/types.h>

#include "libproto/text.h"

/*
 * Reads a regular file of at most size - 1 octets; a NUL follows them. 0 and *len; AGREE_EFILE and
 * why has the sentence. `secret`: refused if group or others have any right to it.
 */
int textfile_read(const char *path, bool secret, char *octets, size_t size, size_t *len,
		  struct ap_text *why);

/*
 * Makes a new file (never in place of one that is there) with these octets, synced with its name.
 * 0; AGREE_EFILE and why has the sentence: then the file is not there.
 */
int textfile_create(const char *path, mode_t mode, const char *octets, size_t len,
		    struct ap_text *why);

/* `path: what: strerror(err)` as a sentence; returns AGREE_EFILE. */
int textfile_fail(struct ap_text *why, const char *path, const char *what, int err);

#endif
