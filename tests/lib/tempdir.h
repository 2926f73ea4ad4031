/*
 * A directory of its own for a test, below $TMPDIR (else /tmp), and files in it as octets.
 */
#ifndef TESTS_LIB_TEMPDIR_H
#define TESTS_LIB_TEMPDIR_H

#include <stddef.h>
#include <stdint.h>

#define TEMPDIR_MAX 512 /* octets of a path, final NUL included */

/* Makes it; stops the test if that fails. */
void tempdir_make(char path[TEMPDIR_MAX]);

/* Removes it and what is in it. */
void tempdir_remove(const char *path);

/* Whole files; the octets of tempdir_load() are the caller's, to be freed. Both stop the test if
 * they fail. */
uint8_t *tempdir_load(const char *path, size_t *n);
void tempdir_store(const char *path, const uint8_t *octets, size_t n);
/* Flips a bit `behind` each place of a file where the octets stand; how many places there are. */
unsigned tempdir_flip(const char *path, const void *what, size_t len, size_t behind);

#endif
