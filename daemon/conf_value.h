/*
 * The kinds of values in agreed.conf, and the table of its attributes (conf.def) as data.
 */
#ifndef DAEMON_CONF_VALUE_H
#define DAEMON_CONF_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/conf.h"

struct conf_attr {
	const char *section;
	const char *key;
	const struct conf_kind *kind;
	size_t offset; /* in struct conf */
	const char *preset;
	uint32_t min, max;
	const char *help;
};

struct conf_section {
	const char *name;
	const char *help;
};

struct conf_kind {
	const char *name; /* as the manual shows a value */
	/* From text into the field; `dir` is what paths are relative to. NULL, or what is wrong. A
	 * list takes one more; "" leaves it as it is. */
	const char *(*parse)(const struct conf_attr *attr, void *field, const char *text,
			     const char *dir);
	/* The i-th value as text: false if there are not so many. */
	bool (*show)(const void *field, size_t i, struct ap_text *t);
	void (*clear)(void *field);
	bool is_list;
};

extern const struct conf_attr conf_attrs[];
extern const size_t conf_n_attrs;
extern const struct conf_section conf_sections[];
extern const size_t conf_n_sections;

void *conf_field(struct conf *conf, const struct conf_attr *attr);

#endif
