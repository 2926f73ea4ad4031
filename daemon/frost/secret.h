/* secret.h: memory for keys and nonces. */
#ifndef FROST_SECRET_H
#define FROST_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* A zeroed private mapping of at least `size` octets that no core dump holds and that reads as zero
 * in a forked child. NULL if the system gives none. *locked tells whether it is also kept out of
 * swap, which RLIMIT_MEMLOCK may forbid. */
void *frost_secret_new(size_t size, bool *locked);

/* Wipes and gives back. NULL is fine. */
void frost_secret_free(void *memory, size_t size);

#endif
