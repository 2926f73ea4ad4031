/* The value that both agree to: which message it is about. */
#ifndef CUSTODY_DIGEST_H
#define CUSTODY_DIGEST_H

#include <stddef.h>

enum { DIGEST_LEN = 64 };

/* SHA-256 of a message, in hex, with a NUL. */
void digest_make(char text[DIGEST_LEN + 1], const void *octets, size_t len);

#endif
