/*
 * Reading agreed.conf. One line is one thing:
 *	section:		from here on its attributes
 *	attribute: value	one word, or a "quoted string"
 *	include: GLOB		the files, in their order, as if they stood here; the section comes
 *back # comment		a # within a word, as in 192.0.2.1#53, begins none
 */
#include "config.h"

#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/conf_value.h"
#include "daemon/textfile.h"
#include "libproto/agree_errors.h"

#define ATTRS_MAX 64

struct parser {
	struct conf *conf;
	struct ap_text *why;
	char dir[PATH_MAX]; /* of the main file */
	unsigned depth;
	unsigned lines;		  /* of all files */
	unsigned seen[ATTRS_MAX]; /* line on which an attribute was given, or 0 */
};

struct source { /* one open file */
	const char *path;
	unsigned line;
	const struct conf_section *section; /* NULL: none yet */
};

static int fail(const struct parser *p, const struct source *s, const char *format, ...)
	AP_PRINTF(3, 4);

static int fail(const struct parser *p, const struct source *s, const char *format, ...)
{
	char sentence[CONF_WHY_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(sentence, sizeof sentence, format, args);
	va_end(args);
	ap_text_addf(p->why, "%s:%u: %s", s->path, s->line, sentence);
	return AGREE_EUSAGE;
}

static const struct conf_section *section_find(const char *name)
{
	for (size_t i = 0; i < conf_n_sections; i++)
		if (strcmp(conf_sections[i].name, name) == 0)
			return &conf_sections[i];
	return NULL;
}

static const struct conf_attr *attr_find(const char *key)
{
	for (size_t i = 0; i < conf_n_attrs; i++)
		if (strcmp(conf_attrs[i].key, key) == 0)
			return &conf_attrs[i];
	return NULL;
}

static int attr_set(struct parser *p, struct source *s, const char *key, const char *value)
{
	const struct conf_attr *attr = attr_find(key);
	const char *wrong;
	size_t i;

	if (attr == NULL)
		return fail(p, s, "unknown attribute `%.64s': see agreed.conf(5)", key);
	if (s->section == NULL || strcmp(s->section->name, attr->section) != 0)
		return fail(p, s, "`%s' belongs to the section `%s:': put it there", key,
			    attr->section);
	i = (size_t)(attr - conf_attrs);
	if (p->seen[i] != 0 && !attr->kind->is_list)
		return fail(p, s, "`%s' was given before, on line %u: leave one of them", key,
			    p->seen[i]);
	p->seen[i] = s->line;
	if (attr->kind->is_list && value[0] == '\0')
		return fail(p, s, "`%s' has an empty address: leave the line out", key);
	wrong = attr->kind->parse(attr, conf_field(p->conf, attr), value, p->dir);
	if (wrong == NULL)
		return 0;
	if (strcmp(attr->kind->name, "number") == 0)
		return fail(p, s, "`%s': %s, from %lu to %lu", key, wrong, (unsigned long)attr->min,
			    (unsigned long)attr->max);
	return fail(p, s, "`%s': %s", key, wrong);
}

static int file_read(struct parser *p, const char *path, const struct conf_section *section);

/* A directory that is not there holds no files; one that cannot be read might. */
static int glob_error(const char *path, int err)
{
	(void)path;
	return err != ENOENT && err != ENOTDIR;
}

static int include_read(struct parser *p, struct source *s, const char *pattern)
{
	char path[PATH_MAX + CONF_LINE_MAX];
	glob_t found;
	int result = 0, rc;

	if (pattern[0] == '\0')
		return fail(p, s, "`include' needs a file or a pattern");
	if (p->depth >= CONF_INCLUDE_MAX)
		return fail(p, s,
			    "include: inside include: more than %d times: does a file include "
			    "itself?",
			    CONF_INCLUDE_MAX);
	snprintf(path, sizeof path, "%s%s%s", pattern[0] == '/' ? "" : p->dir,
		 pattern[0] == '/' ? "" : "/", pattern);
	rc = glob(path, GLOB_BRACE, glob_error, &found);
	if (rc == GLOB_NOMATCH && strpbrk(pattern, "*?[{") == NULL)
		return fail(p, s, "there is no file %.256s: look at the path", path);
	if (rc == GLOB_NOMATCH)
		return 0; /* a directory of files, empty so far */
	if (rc != 0)
		return fail(p, s, "cannot look for %.256s: look at its permissions", path);
	for (size_t i = 0; i < found.gl_pathc && result == 0; i++)
		result = file_read(p, found.gl_pathv[i], s->section);
	globfree(&found);
	return result;
}

/*
 * Takes `text`, what stands behind the colon, as a value. *has: there is one. The value is left in
 * place, between *value and a NUL.
 */
static int value_cut(const struct parser *p, const struct source *s, char *text, char **value,
		     bool *has)
{
	char *end;

	text += strspn(text, " \t");
	*value = text;
	*has = text[0] != '\0' && text[0] != '#';
	if (!*has) {
		text[0] = '\0';
		return 0;
	}
	if (text[0] == '"') {
		*value = text + 1;
		end = strchr(text + 1, '"');
		if (end == NULL)
			return fail(p, s, "the quoted string has no end: put a \" behind it");
	} else {
		end = text + strcspn(text, " \t");
		if (memchr(text, '"', (size_t)(end - text)) != NULL)
			return fail(p, s, "a \" within a word: quote the whole value");
	}
	text = *end == '\0' ? end : end + 1;
	if (*end == '"' && *text != '\0' && *text != ' ' && *text != '\t')
		return fail(p, s, "something stands right behind the quoted string");
	*end = '\0';
	text += strspn(text, " \t");
	if (*text != '\0' && *text != '#')
		return fail(p, s, "more than one word: put the value in quotation marks");
	return 0;
}

static int line_read(struct parser *p, struct source *s, char *line)
{
	char *key = line + strspn(line, " \t"), *colon, *value;
	bool has;
	int result;

	if (*key == '\0' || *key == '#')
		return 0;
	colon = key + strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789-");
	if (colon == key || *colon != ':')
		return fail(p, s, "`section:' or `attribute: value' belongs here");
	*colon = '\0';
	result = value_cut(p, s, colon + 1, &value, &has);
	if (result != 0)
		return result;
	if (strcmp(key, "include") == 0)
		return include_read(p, s, value);
	if (!has) {
		const struct conf_section *section = section_find(key);

		if (section == NULL && attr_find(key) != NULL)
			return fail(p, s, "`%s' has no value: write %s: \"\" for none", key, key);
		if (section == NULL)
			return fail(p, s, "unknown section `%.64s:': see agreed.conf(5)", key);
		s->section = section;
		return 0;
	}
	return attr_set(p, s, key, value);
}

/* The next line of the file, without LF, bounded: false at the end of the file. */
static bool line_get(FILE *file, char line[CONF_LINE_MAX + 1], size_t *len)
{
	int c = getc(file);

	if (c == EOF)
		return false;
	for (*len = 0; c != EOF && c != '\n' && *len < CONF_LINE_MAX; c = getc(file))
		line[(*len)++] = (char)c;
	if (*len > 0 && line[*len - 1] == '\r')
		(*len)--;
	line[*len] = '\0';
	return true;
}

/* Bounds first, then what the line says. */
static int line_take(struct parser *p, struct source *s, char *line, size_t len)
{
	s->line++;
	if (++p->lines > CONF_LINES_MAX)
		return fail(p, s, "more than %d lines in all: is this a configuration?",
			    CONF_LINES_MAX);
	if (len >= CONF_LINE_MAX)
		return fail(p, s, "the line is longer than %d octets", CONF_LINE_MAX - 1);
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7f)
			return fail(p, s, "a control character: is this a text file?");
	return line_read(p, s, line);
}

static int file_read(struct parser *p, const char *path, const struct conf_section *section)
{
	struct source s = {.path = path, .line = 0, .section = section};
	FILE *file = fopen(path, "re");
	char line[CONF_LINE_MAX + 1];
	size_t len;
	int result = 0;

	if (file == NULL)
		return textfile_fail(p->why, path, "cannot open the configuration", errno);
	p->depth++;
	while (result == 0 && line_get(file, line, &len))
		result = line_take(p, &s, line, len);
	if (result == 0 && ferror(file))
		result = textfile_fail(p->why, path, "cannot read the configuration", errno);
	p->depth--;
	fclose(file);
	return result;
}

/* What relative paths begin with: the directory of the main file, absolute, so that they mean the
 * same wherever the process goes. */
static int dir_find(struct parser *p, const char *path)
{
	char copy[PATH_MAX], *real;

	if (strlen(path) >= sizeof copy)
		return textfile_fail(p->why, path, "cannot open the configuration", ENAMETOOLONG);
	strcpy(copy, path);
	real = realpath(dirname(copy), NULL);
	if (real == NULL)
		return textfile_fail(p->why, path, "cannot open the configuration", errno);
	if (strlen(real) >= sizeof p->dir) {
		free(real);
		return textfile_fail(p->why, path, "cannot open the configuration", ENAMETOOLONG);
	}
	strcpy(p->dir, real);
	free(real);
	return 0;
}

/* What was not given gets its default, which is text and goes the same way. */
static int defaults_fill(struct parser *p, const char *path)
{
	for (size_t i = 0; i < conf_n_attrs; i++) {
		const struct conf_attr *attr = &conf_attrs[i];
		const char *wrong = NULL;

		if (p->seen[i] == 0)
			wrong = attr->kind->parse(attr, conf_field(p->conf, attr), attr->preset,
						  p->dir);
		if (wrong != NULL) {
			ap_text_addf(p->why, "%s: the default of `%s': %s", path, attr->key, wrong);
			return AGREE_EUSAGE;
		}
	}
	return 0;
}

int conf_load(struct conf *conf, const char *path, struct ap_text *why)
{
	struct parser p = {.conf = conf, .why = why};
	int result;

	memset(conf, 0, sizeof *conf);
	if (conf_n_attrs > ATTRS_MAX)
		return AGREE_EINTERNAL;
	result = dir_find(&p, path);
	if (result == 0)
		result = file_read(&p, path, NULL);
	if (result == 0)
		result = defaults_fill(&p, path);
	if (result != 0)
		conf_clear(conf);
	return result;
}
