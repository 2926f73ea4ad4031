/* vectors.h: values out of tests/vectors/frost_ed25519_sha512.txt: numbered sections, `key: hex`
 * lines that may be folded, or one JSON object. Whatever is missing or malformed fails the test
 * that asked for it. */
#ifndef TESTS_LIB_VECTORS_H
#define TESTS_LIB_VECTORS_H

#include <stddef.h>
#include <stdint.h>

struct vectors {
	char *text;
	size_t size;
};

/* Reads $top_srcdir/tests/vectors/NAME ("." without the variable). */
void vectors_open(struct vectors *v, const char *name);
void vectors_close(struct vectors *v);

/* The hex value of `key: ` in a section of text; returns how many octets. */
size_t vectors_text(const struct vectors *v, unsigned section, const char *key, uint8_t *out,
		    size_t cap);

/* The hex string at a path such as `inputs.shares[0].value` in a section's JSON; returns how many
 * octets. */
size_t vectors_json(const struct vectors *v, unsigned section, const char *path, uint8_t *out,
		    size_t cap);

/* The number at a path, written as a number or as a string. */
unsigned long vectors_json_number(const struct vectors *v, unsigned section, const char *path);

/* Hex digits of a string to octets: how many. */
size_t vectors_hex(const char *text, size_t digits, uint8_t *out, size_t cap);

/* The last line of a section, as hex. */
size_t vectors_last(const struct vectors *v, unsigned section, uint8_t *out, size_t cap);

#endif
