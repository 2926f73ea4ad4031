/* A file without a disk, for what is read by its path only. */
#ifndef TESTS_FUZZ_MEMFILE_H
#define TESTS_FUZZ_MEMFILE_H

#include <stddef.h>
#include <stdint.h>

/* Makes these octets the file's, and gives its path: one file, which the next call writes over. */
const char *memfile_put(const uint8_t *octets, size_t len);

#endif
