/*
 * Test vectors as JSON, and the shape that all files have: an object with `about` and `cases`.
 * Whatever goes wrong ends the program: it runs in builds and tests only.
 */
#ifndef TESTS_VECTORS_JSON_H
#define TESTS_VECTORS_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "libproto/kinds.h"

#define JSON_DEPTH_MAX 16

struct json {
	FILE *file;
	unsigned depth;
	char close[JSON_DEPTH_MAX];
	unsigned members[JSON_DEPTH_MAX];
};

/* Opens DIR/NAME and the array of cases. */
void json_open(struct json *j, const char *dir, const char *name, const char *about);
void json_close(struct json *j);

/* name: NULL inside an array. */
void json_object(struct json *j, const char *name);
void json_array(struct json *j, const char *name);
void json_end(struct json *j);
void json_text(struct json *j, const char *name, const char *text);
void json_hex(struct json *j, const char *name, const void *octets, size_t len);
void json_bytes(struct json *j, const char *name, ap_bytes octets);
void json_number(struct json *j, const char *name, uint64_t number);

/* A vector that contradicts itself is none: says where, and ends the program. */
#define MUST(condition) ((condition) ? (void)0 : json_die(__FILE__, __LINE__, #condition))
_Noreturn void json_die(const char *file, int line, const char *what);

#endif
