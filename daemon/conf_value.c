#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/conf_value.h"

#include "libproto/crypto.h"

/* Fields are copied in and out: a table of offsets knows no types. */
static void string_set(void *field, char *text_own)
{
	char *old;

	memcpy(&old, field, sizeof old);
	free(old);
	memcpy(field, &text_own, sizeof text_own);
}

static const char *text_parse(const struct conf_attr *attr, void *field, const char *text,
			      const char *dir)
{
	char *copy = strdup(text);

	(void)attr;
	(void)dir;
	if (copy == NULL)
		return "out of memory";
	string_set(field, copy);
	return NULL;
}

static bool text_show(const void *field, size_t i, struct ap_text *t)
{
	char *text;

	memcpy(&text, field, sizeof text);
	if (i > 0)
		return false;
	ap_text_add(t, text);
	return true;
}

static void text_clear(void *field)
{
	string_set(field, NULL);
}

static const char *path_parse(const struct conf_attr *attr, void *field, const char *text,
			      const char *dir)
{
	size_t size = strlen(dir) + 1 + strlen(text) + 1;
	char *path;

	if (text[0] == '\0' || text[0] == '/')
		size = strlen(text) + 1;
	if (attr->max != 0 && size - 1 > attr->max)
		return "the path is too long: choose a shorter one";
	path = malloc(size);
	if (path == NULL)
		return "out of memory";
	path[0] = '\0';
	if (text[0] != '\0' && text[0] != '/') {
		strcat(path, dir);
		strcat(path, "/");
	}
	strcat(path, text);
	string_set(field, path);
	return NULL;
}

static const char *bool_parse(const struct conf_attr *attr, void *field, const char *text,
			      const char *dir)
{
	bool value = strcmp(text, "yes") == 0;

	(void)attr;
	(void)dir;
	if (!value && strcmp(text, "no") != 0)
		return "write yes or no";
	memcpy(field, &value, sizeof value);
	return NULL;
}

static bool bool_show(const void *field, size_t i, struct ap_text *t)
{
	bool value;

	memcpy(&value, field, sizeof value);
	if (i > 0)
		return false;
	ap_text_add(t, value ? "yes" : "no");
	return true;
}

static const char *number_parse(const struct conf_attr *attr, void *field, const char *text,
				const char *dir)
{
	uint32_t value = 0;
	size_t len = strlen(text);

	(void)dir;
	if (len == 0 || len > 9 || strspn(text, "0123456789") != len)
		return "write a number, digits only";
	for (; *text != '\0'; text++)
		value = value * 10 + (uint32_t)(*text - '0');
	if (value < attr->min)
		return "the number is too small";
	if (value > attr->max)
		return "the number is too large";
	memcpy(field, &value, sizeof value);
	return NULL;
}

static bool number_show(const void *field, size_t i, struct ap_text *t)
{
	uint32_t value;

	memcpy(&value, field, sizeof value);
	if (i > 0)
		return false;
	ap_text_addf(t, "%lu", (unsigned long)value);
	return true;
}

static const char *addrs_parse(const struct conf_attr *attr, void *field, const char *text,
			       const char *dir)
{
	struct conf_addrs addrs;
	struct addr one;

	(void)dir;
	if (text[0] == '\0')
		return NULL;
	memcpy(&addrs, field, sizeof addrs);
	if (addr_parse(&one, text) != 0)
		return "write a numeric address, # and a port, as in 192.0.2.1#7853 or "
		       "2001:db8::1#7853";
	if (addrs.n >= attr->max)
		return attr->max == 1 ? "only one address can be given here"
				      : "too many addresses: 16 at most";
	for (size_t i = 0; i < addrs.n; i++)
		if (addr_equal(&addrs.at[i], &one))
			return "this address was given before";
	addrs.at[addrs.n++] = one;
	memcpy(field, &addrs, sizeof addrs);
	return NULL;
}

static bool addrs_show(const void *field, size_t i, struct ap_text *t)
{
	struct conf_addrs addrs;

	memcpy(&addrs, field, sizeof addrs);
	if (i >= addrs.n)
		return false;
	addr_show(t, (const struct sockaddr *)&addrs.at[i].ss);
	return true;
}

static const char *keys_parse(const struct conf_attr *attr, void *field, const char *text,
			      const char *dir)
{
	struct conf_keys keys;
	struct ap_tsig_key one;

	(void)dir;
	if (text[0] == '\0')
		return NULL;
	memcpy(&keys, field, sizeof keys);
	if (ap_tsig_key_parse(&one, text) != 0)
		return "write the key's name, a colon, and its secret in base64, 16 to 64 octets";
	if (keys.n >= attr->max)
		return "too many keys: 16 at most";
	for (size_t i = 0; i < keys.n; i++)
		if (ap_name_equal(&keys.at[i].name, &one.name))
			return "a key of this name was given before";
	keys.at[keys.n++] = one;
	memcpy(field, &keys, sizeof keys);
	return NULL;
}

static bool keys_show(const void *field, size_t i, struct ap_text *t)
{
	struct conf_keys keys;

	memcpy(&keys, field, sizeof keys);
	if (i >= keys.n)
		return false;
	ap_tsig_key_show(t, &keys.at[i]);
	return true;
}

static void keys_clear(void *field)
{
	ap_wipe(field, sizeof(struct conf_keys));
}

static void nothing_clear(void *field)
{
	(void)field;
}

static const struct conf_kind kind_text = {"text", text_parse, text_show, text_clear, false};
static const struct conf_kind kind_path = {"path", path_parse, text_show, text_clear, false};
static const struct conf_kind kind_bool = {"yes or no", bool_parse, bool_show, nothing_clear,
					   false};
static const struct conf_kind kind_number = {"number", number_parse, number_show, nothing_clear,
					     false};
static const struct conf_kind kind_addrs = {"address#port", addrs_parse, addrs_show, nothing_clear,
					    true};

static const struct conf_kind kind_keys = {"name:secret", keys_parse, keys_show, keys_clear, true};

const struct conf_attr conf_attrs[] = {
#define ATTR(section, field, key, kind, def, min, max, help)                                       \
	{section, key, &kind_##kind, offsetof(struct conf, field), def, min, max, help},
#include "daemon/conf.def"
};
const size_t conf_n_attrs = sizeof conf_attrs / sizeof conf_attrs[0];

const struct conf_section conf_sections[] = {
#define SECTION(name, help) {name, help},
#include "daemon/conf.def"
};
const size_t conf_n_sections = sizeof conf_sections / sizeof conf_sections[0];

void *conf_field(struct conf *conf, const struct conf_attr *attr)
{
	return (char *)conf + attr->offset;
}
