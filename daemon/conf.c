/*
 * The configuration as a whole: defaults, printing, the manual's list. conf_read.c reads files.
 */
#include "config.h"

#include <string.h>

#include "daemon/conf_value.h"

#ifndef CONF_FILE_DEFAULT
#define CONF_FILE_DEFAULT "/etc/agreed/agreed.conf"
#endif
const char conf_file_default[] = CONF_FILE_DEFAULT;

void conf_clear(struct conf *conf)
{
	for (size_t i = 0; i < conf_n_attrs; i++)
		conf_attrs[i].kind->clear(conf_field(conf, &conf_attrs[i]));
	memset(conf, 0, sizeof *conf);
}

static bool value_show(const struct conf *conf, const struct conf_attr *attr, size_t i,
		       struct ap_text *t)
{
	return attr->kind->show((const char *)conf + attr->offset, i, t);
}

/* A value as conf_load() reads it back: it holds no quotation mark. */
static void quoted_show(struct ap_text *t, const char *value)
{
	if (value[0] == '\0' || strpbrk(value, " \t#") != NULL)
		ap_text_addf(t, "\"%s\"", value);
	else
		ap_text_add(t, value);
}

static void attr_show(struct ap_text *t, const struct conf *conf, const struct conf_attr *attr)
{
	char value[CONF_LINE_MAX * 2];
	struct ap_text one;

	for (size_t i = 0;; i++) {
		ap_text_init(&one, value, sizeof value);
		if (!value_show(conf, attr, i, &one))
			return;
		ap_text_addf(t, "\t%s: ", attr->key);
		if (attr->kind->is_list)
			ap_text_add(t, value); /* ADDRESS#PORT needs no quotes */
		else
			quoted_show(t, value);
		ap_text_add(t, "\n");
	}
}

void conf_show(struct ap_text *t, const struct conf *conf)
{
	for (size_t s = 0; s < conf_n_sections; s++) {
		ap_text_addf(t, "%s:\n", conf_sections[s].name);
		for (size_t i = 0; i < conf_n_attrs; i++)
			if (strcmp(conf_attrs[i].section, conf_sections[s].name) == 0)
				attr_show(t, conf, &conf_attrs[i]);
	}
}

/* Is `key` this attribute's, alone or with its section before it? */
static bool key_is(const struct conf_attr *attr, const char *key)
{
	size_t len = strlen(attr->section);

	if (strcmp(attr->key, key) == 0)
		return true;
	return strncmp(key, attr->section, len) == 0 && key[len] == '.' &&
	       strcmp(key + len + 1, attr->key) == 0;
}

bool conf_get(struct ap_text *t, const struct conf *conf, const char *key)
{
	for (size_t i = 0; i < conf_n_attrs; i++) {
		if (!key_is(&conf_attrs[i], key))
			continue;
		for (size_t j = 0; value_show(conf, &conf_attrs[i], j, t); j++)
			ap_text_add(t, "\n");
		return true;
	}
	return false;
}

#define MANUAL_WIDTH 72

/* Every sentence begins a line, as mandoc wants it, and lines are short. */
static void prose_show(struct ap_text *t, const char *prose)
{
	size_t column = 0;

	while (*prose != '\0') {
		size_t len = strcspn(prose, " ");
		bool ends = prose[len] == '\0' || prose[len - 1] == '.';

		if (column > 0 && column + 1 + len > MANUAL_WIDTH) {
			ap_text_add(t, "\n");
			column = 0;
		}
		ap_text_add(t, column > 0 ? " " : "");
		ap_text_addn(t, prose, len);
		column += len + (column > 0);
		if (ends) {
			ap_text_add(t, "\n");
			column = 0;
		}
		prose += len + strspn(prose + len, " ");
	}
}

static void attr_manual(struct ap_text *t, const struct conf_attr *attr)
{
	ap_text_addf(t, ".It Ic %s : Ar %s\n", attr->key, attr->kind->name);
	prose_show(t, attr->help);
	if (strcmp(attr->kind->name, "number") == 0)
		ap_text_addf(t, "%lu to %lu.\n", (unsigned long)attr->min,
			     (unsigned long)attr->max);
	if (attr->preset[0] != '\0')
		ap_text_addf(t, "Default:\n.Ql %s .\n", attr->preset);
}

void conf_manual(struct ap_text *t)
{
	for (size_t s = 0; s < conf_n_sections; s++) {
		ap_text_addf(t, ".Ss %s\n", conf_sections[s].name);
		prose_show(t, conf_sections[s].help);
		ap_text_add(t, ".Bl -tag -width Ds\n");
		for (size_t i = 0; i < conf_n_attrs; i++)
			if (strcmp(conf_attrs[i].section, conf_sections[s].name) == 0)
				attr_manual(t, &conf_attrs[i]);
		ap_text_add(t, ".El\n");
	}
}
