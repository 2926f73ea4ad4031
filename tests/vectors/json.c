#include "tests/vectors/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void json_die(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	exit(1);
}

/* Comma, line, indentation, name. */
static void begin(struct json *j, const char *name)
{
	if (j->depth > 0) {
		fputs(j->members[j->depth - 1]++ > 0 ? ",\n" : "\n", j->file);
		for (unsigned i = 0; i < j->depth; i++)
			fputc('\t', j->file);
	}
	if (name != NULL)
		fprintf(j->file, "\"%s\": ", name);
}

static void open_level(struct json *j, const char *name, char open, char close)
{
	begin(j, name);
	MUST(j->depth < JSON_DEPTH_MAX);
	fputc(open, j->file);
	j->close[j->depth] = close;
	j->members[j->depth] = 0;
	j->depth++;
}

void json_object(struct json *j, const char *name)
{
	open_level(j, name, '{', '}');
}

void json_array(struct json *j, const char *name)
{
	open_level(j, name, '[', ']');
}

void json_end(struct json *j)
{
	MUST(j->depth > 0);
	j->depth--;
	if (j->members[j->depth] > 0) {
		fputc('\n', j->file);
		for (unsigned i = 0; i < j->depth; i++)
			fputc('\t', j->file);
	}
	fputc(j->close[j->depth], j->file);
}

void json_text(struct json *j, const char *name, const char *text)
{
	begin(j, name);
	fputc('"', j->file);
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			fputs("\\n", j->file);
		else if (*text == '"' || *text == '\\')
			fprintf(j->file, "\\%c", *text);
		else
			fputc(*text, j->file);
	}
	fputc('"', j->file);
}

void json_hex(struct json *j, const char *name, const void *octets, size_t len)
{
	const uint8_t *at = octets;

	begin(j, name);
	fputc('"', j->file);
	for (size_t i = 0; i < len; i++)
		fprintf(j->file, "%02x", at[i]);
	fputc('"', j->file);
}

void json_bytes(struct json *j, const char *name, ap_bytes octets)
{
	json_hex(j, name, octets.data, octets.len);
}

void json_number(struct json *j, const char *name, uint64_t number)
{
	begin(j, name);
	fprintf(j->file, "%" PRIu64, number);
}

void json_open(struct json *j, const char *dir, const char *name, const char *about)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/%s", dir, name);

	MUST(n > 0 && (size_t)n < sizeof(path));
	memset(j, 0, sizeof(*j));
	j->file = fopen(path, "w");
	if (j->file == NULL) {
		perror(path);
		exit(1);
	}
	json_object(j, NULL);
	json_text(j, "about", about);
	json_array(j, "cases");
}

void json_close(struct json *j)
{
	json_end(j);
	json_end(j);
	fputc('\n', j->file);
	MUST(j->depth == 0);
	MUST(fclose(j->file) == 0);
}
