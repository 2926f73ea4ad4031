/*
 * A network file with keys that every run has, as text to change and as a struct.
 */
#ifndef TESTS_LIB_NETTEXT_H
#define TESTS_LIB_NETTEXT_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/netfile.h"

#define NETTEXT_MAX 8192

/* Seed of member `i` (from 0): 32 octets of 0x40 + i. */
void nettext_seed(uint8_t seed[32], unsigned i);
/* Members m0, m1... at 192.0.2.1#7853 and #7854 and so on, for example.test. */
void nettext_members(struct netfile *net, unsigned n);
/* The file's text; returns its length. */
size_t nettext_make(char text[NETTEXT_MAX], unsigned n);
/* Replaces line `number` (from 1) by `line` (without LF; NULL: takes it out); returns the length.
 */
size_t nettext_replace(char text[NETTEXT_MAX], unsigned number, const char *line);
/* Line `number` without LF, in place: a copy for the caller's changes. */
void nettext_line(const char *text, unsigned number, char line[512]);

#endif
