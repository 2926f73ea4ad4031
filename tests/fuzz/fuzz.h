/*
 * What a fuzz target is: one function that any octets may be given to. It ends the process if the
 * decoder breaks a promise; sanitizers find the rest. Targets keep nothing from one input to the
 * next, unless they say so.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len);

/* What must hold whatever the octets are. */
#define MUST(condition) ((condition) ? (void)0 : fuzz_die(__FILE__, __LINE__, #condition))

static inline _Noreturn void fuzz_die(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

/* Were these octets encoded again as they were? `len` as memcmp() has it, but NULL is fine. */
static inline int fuzz_same(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

#endif
