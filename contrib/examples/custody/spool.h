/*
 * Directories of small files, each of them whole or not there, and durable when a function comes
 * back: the file is synced, then its directory. What fails to be written ends the process, which
 * finds out at its next start where it was.
 */
#ifndef CUSTODY_SPOOL_H
#define CUSTODY_SPOOL_H

#include <stdbool.h>
#include <stddef.h>

enum { SPOOL_MAX = 1 << 20, SPOOL_NAME_MAX = 200 };

/* Makes what is missing of PATH and its directories (a list that ends in NULL), and locks PATH: a
 * second process on it would be a second custodian. */
void spool_open(const char *path, const char *const *directories);
void spool_put(const char *directory, const char *name, const void *octets, size_t len);
/* Octets with a NUL behind them, the caller's to free; NULL: not there, not a file, or too big. */
char *spool_get(const char *directory, const char *name, size_t *len);
bool spool_has(const char *directory, const char *name);
/* Nothing happens if it is not there: it was moved, or removed, before the crash. */
void spool_move(const char *from, const char *name, const char *to);
void spool_remove(const char *directory, const char *name);
/* Calls back for each name that has no dot in front. The callback may move and remove it. */
void spool_each(const char *directory, void (*each)(void *arg, const char *name), void *arg);

#endif
