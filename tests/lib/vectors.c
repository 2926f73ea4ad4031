/* vectors.c: see vectors.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/vectors.h"

#define FILE_MAX (1 << 20)

/* A stretch of the file. */
struct part {
	const char *at;
	const char *end;
};

void vectors_open(struct vectors *v, const char *name)
{
	const char *top = getenv("top_srcdir");
	char path[1024];
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/vectors/%s", top != NULL ? top : ".", name);
	f = fopen(path, "rb");
	if (f == NULL)
		fail_msg("cannot read %s", path);
	v->text = malloc(FILE_MAX + 1);
	assert_non_null(v->text);
	v->size = fread(v->text, 1, FILE_MAX, f);
	fclose(f);
	assert_true(v->size > 0);
	v->text[v->size] = '\0';
}

void vectors_close(struct vectors *v)
{
	free(v->text);
	v->text = NULL;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

size_t vectors_hex(const char *text, size_t digits, uint8_t *out, size_t cap)
{
	assert_true(digits % 2 == 0 && digits / 2 <= cap);
	for (size_t i = 0; i < digits; i += 2) {
		int high = nibble(text[i]), low = nibble(text[i + 1]);

		if (high < 0 || low < 0)
			fail_msg("no hex: %.*s", (int)digits, text);
		out[i / 2] = (uint8_t)(high << 4 | low);
	}
	return digits / 2;
}

/* From a line that begins with [section] to the next such line. */
static struct part section_find(const struct vectors *v, unsigned section)
{
	struct part p = {NULL, v->text + v->size};
	char mark[16];
	char *at;

	snprintf(mark, sizeof(mark), "\n[%u] ", section);
	at = strstr(v->text, mark);
	if (at == NULL)
		fail_msg("no section %u", section);
	p.at = at + 1;
	at = strstr(p.at, "\n[");
	if (at != NULL)
		p.end = at;
	return p;
}

static const char *line_end(struct part p)
{
	const char *end = memchr(p.at, '\n', (size_t)(p.end - p.at));

	return end != NULL ? end : p.end;
}

/* A line that goes on with the value of the one before. */
static bool is_folded(struct part p)
{
	const char *end = line_end(p);

	for (const char *c = p.at; c < end; c++)
		if (nibble(*c) < 0)
			return false;
	return end > p.at;
}

size_t vectors_text(const struct vectors *v, unsigned section, const char *key, uint8_t *out,
		    size_t cap)
{
	struct part p = section_find(v, section);
	size_t n = strlen(key), digits = 0;
	char value[2048];

	while (p.at < p.end && !(strncmp(p.at, key, n) == 0 && p.at[n] == ':'))
		p.at = line_end(p) + 1;
	if (p.at >= p.end)
		fail_msg("section %u has no %s", section, key);
	p.at += n + 2;
	do {
		const char *end = line_end(p);

		assert_true(digits + (size_t)(end - p.at) <= sizeof(value));
		memcpy(value + digits, p.at, (size_t)(end - p.at));
		digits += (size_t)(end - p.at);
		p.at = end + 1;
	} while (p.at < p.end && is_folded(p));
	return vectors_hex(value, digits, out, cap);
}

size_t vectors_last(const struct vectors *v, unsigned section, uint8_t *out, size_t cap)
{
	struct part p = section_find(v, section);
	const char *start;

	while (p.end > p.at && p.end[-1] == '\n')
		p.end--;
	start = p.end;
	while (start > p.at && start[-1] != '\n')
		start--;
	return vectors_hex(start, (size_t)(p.end - start), out, cap);
}

/* ---- JSON: enough of it to find a value by its path ---- */

static void space_skip(struct part *p)
{
	while (p->at < p->end && strchr(" \t\r\n", *p->at) != NULL)
		p->at++;
}

static void expect(struct part *p, char c)
{
	space_skip(p);
	if (p->at >= p->end || *p->at != c)
		fail_msg("JSON: '%c' expected", c);
	p->at++;
}

static bool is_next(struct part *p, char c)
{
	space_skip(p);
	return p->at < p->end && *p->at == c;
}

static struct part string_take(struct part *p)
{
	struct part s;

	expect(p, '"');
	s.at = p->at;
	while (p->at < p->end && *p->at != '"')
		p->at++;
	s.end = p->at;
	expect(p, '"');
	return s;
}

static void scalar_skip(struct part *p)
{
	if (is_next(p, '"')) {
		string_take(p);
		return;
	}
	while (p->at < p->end && strchr(",]} \t\r\n", *p->at) == NULL)
		p->at++;
}

/* A value of any kind: brackets are counted, strings hold none. */
static void value_skip(struct part *p)
{
	int depth = 0;

	do {
		space_skip(p);
		assert_true(p->at < p->end);
		if (*p->at == '{' || *p->at == '[') {
			depth++;
			p->at++;
		} else if (*p->at == '}' || *p->at == ']') {
			depth--;
			p->at++;
		} else if (*p->at == ',' || *p->at == ':') {
			p->at++;
		} else {
			scalar_skip(p);
		}
	} while (depth > 0);
}

/* To the value of a member of an object. */
static void member_enter(struct part *p, const char *name, size_t size)
{
	expect(p, '{');
	while (!is_next(p, '}')) {
		struct part key = string_take(p);

		expect(p, ':');
		if ((size_t)(key.end - key.at) == size && memcmp(key.at, name, size) == 0)
			return;
		value_skip(p);
		if (is_next(p, ','))
			p->at++;
	}
	fail_msg("JSON: no member %.*s", (int)size, name);
}

/* To an element of an array. */
static void element_enter(struct part *p, unsigned long index)
{
	expect(p, '[');
	for (unsigned long i = 0; i < index; i++) {
		value_skip(p);
		expect(p, ',');
	}
}

/* The scalar at `path`, without its quotes. */
static struct part json_find(const struct vectors *v, unsigned section, const char *path)
{
	struct part p = section_find(v, section), value;

	while (!(p.at[0] == '\n' && p.at[1] == '{'))
		if (++p.at >= p.end)
			fail_msg("section %u has no JSON", section);
	while (*path != '\0') {
		size_t n = strcspn(path, ".[");

		if (*path == '[') {
			char *after;

			element_enter(&p, strtoul(path + 1, &after, 10));
			path = after + 1;
		} else {
			member_enter(&p, path, n);
			path += n;
		}
		path += *path == '.' ? 1 : 0;
	}
	if (is_next(&p, '"'))
		return string_take(&p);
	value.at = p.at;
	scalar_skip(&p);
	value.end = p.at;
	return value;
}

size_t vectors_json(const struct vectors *v, unsigned section, const char *path, uint8_t *out,
		    size_t cap)
{
	struct part value = json_find(v, section, path);

	return vectors_hex(value.at, (size_t)(value.end - value.at), out, cap);
}

unsigned long vectors_json_number(const struct vectors *v, unsigned section, const char *path)
{
	struct part value = json_find(v, section, path);
	char *end;
	unsigned long number = strtoul(value.at, &end, 10);

	if (end != value.end)
		fail_msg("JSON: %s is no number", path);
	return number;
}
