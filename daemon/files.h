/*
 * Small files that must survive a power cut whole: key share, run number, public key. Written
 * aside, synced, renamed, directory synced; so there is the old one or the new one, never half of
 * either.
 */
#ifndef DAEMON_FILES_H
#define DAEMON_FILES_H

#include <stddef.h>
#include <sys/types.h>

#include "daemon/disk.h"

/* Puts DIR/NAME in place, with this mode. 0, or DISK_E* and its sentence. */
int files_put(const char *dir, const char *name, const void *octets, size_t len, mode_t mode,
	      struct disk_error *why);

/* Reads DIR/NAME whole: its length, DISK_ENOTFOUND, DISK_ETOOBIG (more than cap), DISK_ESYSTEM. */
int files_get(const char *dir, const char *name, void *octets, size_t cap, struct disk_error *why);

/* Overwrites and removes DIR/NAME; not to be there is no failure. */
int files_wipe(const char *dir, const char *name, struct disk_error *why);

/* Renames DIR/NAME to DIR/NAME.damaged.N, for the operator to look at, N above all that are there;
 * the directory is synced. Not to be there is no failure. Then the oldest are deleted: a disk that
 * damages again and again must not fill up with what it has damaged. */
enum { FILES_ASIDE_KEPT = 3 };
int files_aside(const char *dir, const char *name, struct disk_error *why);

#endif
