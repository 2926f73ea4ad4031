#include "config.h"

#include "tests/sim/scenario.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char wrong[512];

/* A number; {1,3}: replicas, as their bits; SILENT+VIEWS: lies. false: none of these. */
static bool read_value(const char *text, uint64_t *value)
{
	static const char *const lies[] = {
#define LIE(name, help) #name,
		LIES(LIE)
#undef LIE
	};
	char *end;

	*value = 0;
	if (*text >= '0' && *text <= '9') {
		*value = strtoull(text, &end, 10);
		return *end == '\0';
	}
	if (*text == '{') {
		do {
			unsigned long id = strtoul(text + 1, &end, 10);

			if (end == text + 1 || id < 1 || id > AP_REPLICAS_MAX)
				return false;
			*value |= UINT64_C(1) << (id - 1);
			text = end;
		} while (*text == ',');
		return strcmp(text, "}") == 0;
	}
	for (;; text++) {
		size_t len = strcspn(text, "+"), i = 0;

		while (i < LIES_COUNT &&
		       (strlen(lies[i]) != len || memcmp(lies[i], text, len) != 0))
			i++;
		if (i == LIES_COUNT)
			return false;
		*value |= UINT64_C(1) << i;
		text += len;
		if (*text == '\0')
			return true;
	}
}

static const char *read_options(struct options *o, const char *line)
{
	char copy[4096], *save = NULL;

	if (strlen(line) >= sizeof(copy))
		return "line too long";
	strcpy(copy, line);
	for (char *word = strtok_r(copy, " \t\n", &save); word != NULL;
	     word = strtok_r(NULL, " \t\n", &save)) {
		char *text = strchr(word, '=');
		uint64_t value;

		if (text == NULL)
			return "name=value expected";
		*text++ = '\0';
		if (!read_value(text, &value))
			return "a number, {1,3} for replicas or SILENT+VIEWS for lies expected";
		if (!options_set(o, word, value))
			return "no such option";
	}
	return NULL;
}

static void append(char **to, const char *line)
{
	size_t have = *to == NULL ? 0 : strlen(*to), len = strlen(line);

	*to = realloc(*to, have + len + 1);
	if (*to == NULL)
		abort();
	memcpy(*to + have, line, len + 1);
}

static const char *read_line(struct scenario *s, const char *line)
{
	if (line[0] == '#') {
		append(&s->comments, line);
		return NULL;
	}
	if (line[0] == '>') {
		append(&s->miles, line);
		return NULL;
	}
	if (line[0] == '\n')
		return NULL;
	if (strncmp(line, "options", 7) == 0)
		return read_options(&s->o, line + 7);
	if (strncmp(line, "expect ", 7) == 0)
		return sscanf(line + 7, "%15s", s->expect) == 1 ? NULL : "a tag expected";
	return plan_read_line(&s->plan, line);
}

const char *scenario_read(struct scenario *s, const char *path)
{
	FILE *f = fopen(path, "r");
	const char *why = NULL;
	char line[4096];
	unsigned number = 0;

	memset(s, 0, sizeof(*s));
	options_defaults(&s->o);
	strcpy(s->expect, "good");
	if (f == NULL) {
		snprintf(wrong, sizeof(wrong), "%s: %s", path, strerror(errno));
		return wrong;
	}
	while (why == NULL && fgets(line, sizeof(line), f) != NULL) {
		number++;
		why = read_line(s, line);
	}
	fclose(f);
	if (why == NULL)
		why = options_check(&s->o);
	if (why == NULL)
		return NULL;
	snprintf(wrong, sizeof(wrong), "%s:%u: %s", path, number, why);
	return wrong;
}

void scenario_write(FILE *to, const struct scenario *s)
{
	if (s->comments != NULL)
		fputs(s->comments, to);
	fputs("options ", to);
	options_print(to, &s->o, false);
	plan_print(to, &s->plan);
	fprintf(to, "expect %s\n", s->expect);
	if (s->miles != NULL)
		fputs(s->miles, to);
}

void scenario_clear(struct scenario *s)
{
	plan_free(&s->plan);
	free(s->comments);
	free(s->miles);
	memset(s, 0, sizeof(*s));
}

bool verdict_has(const struct verdict *v, const char *tag)
{
	size_t len = strlen(tag);

	if (v->good)
		return strcmp(tag, "good") == 0;
	return strncmp(v->what, tag, len) == 0 && v->what[len] == ':';
}

/* The first line in which they differ. */
static void say_difference(FILE *say, const char *path, const char *wanted, const char *came)
{
	unsigned line = 1;

	while (*wanted != '\0' && *came != '\0') {
		size_t a = strcspn(wanted, "\n"), b = strcspn(came, "\n");

		if (a != b || memcmp(wanted, came, a) != 0)
			break;
		wanted += a + (wanted[a] == '\n');
		came += b + (came[b] == '\n');
		line++;
	}
	fprintf(say, "# %s: milestone %u\n# wanted %.*s\n# came   %.*s\n", path, line,
		(int)strcspn(wanted, "\n"), wanted, (int)strcspn(came, "\n"), came);
}

/* All lines as they are, but for the milestones. */
static bool rewrite_file(const char *path, const char *miles, FILE *say)
{
	FILE *from = fopen(path, "r"), *to;
	char *text = NULL, line[4096];
	size_t len = 0;

	to = from == NULL ? NULL : open_memstream(&text, &len);
	while (to != NULL && fgets(line, sizeof(line), from) != NULL)
		if (line[0] != '>')
			fputs(line, to);
	if (from != NULL)
		fclose(from);
	if (to != NULL && fclose(to) == 0 && (to = fopen(path, "w")) != NULL) {
		fprintf(to, "%s%s", text, miles);
		free(text);
		return fclose(to) == 0;
	}
	fprintf(say, "# %s: %s\n", path, strerror(errno));
	free(text);
	return false;
}

static bool judge(const char *path, const struct scenario *s, const struct verdict *v,
		  const char *miles, bool rewrite, FILE *say)
{
	if (!verdict_has(v, s->expect)) {
		fprintf(say, "# %s: %s, expected: %s\n", path, v->good ? "good" : v->what,
			s->expect);
		return false;
	}
	if (rewrite)
		return rewrite_file(path, miles, say);
	if (s->miles == NULL || strcmp(s->miles, miles) == 0)
		return true;
	say_difference(say, path, s->miles, miles);
	return false;
}

bool scenario_run(const char *path, bool rewrite, FILE *trace, FILE *say)
{
	struct sim_show show = {.trace = trace};
	struct scenario s;
	struct verdict v;
	const char *why = scenario_read(&s, path);
	char *miles = NULL;
	size_t len = 0;
	bool good;

	if (why != NULL) {
		fprintf(say, "# %s\n", why);
		scenario_clear(&s);
		return false;
	}
	show.script = open_memstream(&miles, &len);
	if (show.script == NULL)
		abort();
	sim_run(&s.o, &s.plan, &show, &v);
	fclose(show.script);
	good = judge(path, &s, &v, miles, rewrite, say);
	free(miles);
	scenario_clear(&s);
	return good;
}
