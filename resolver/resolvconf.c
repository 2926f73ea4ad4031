#include "config.h"

#include "resolver/resolvconf.h"

#include <stdio.h>
#include <string.h>

#include "resolver/address.h"

enum { FILE_MAX = 16 * 1024 };

struct findings {
	bool trust_ad;
	unsigned loopback, elsewhere;
};

static void line_read(struct findings *found, char *line)
{
	char *rest = NULL, *word = strtok_r(line, " \t\r", &rest);
	struct stub_address address;

	if (word == NULL)
		return;
	if (strcmp(word, "options") == 0) {
		while ((word = strtok_r(NULL, " \t\r", &rest)) != NULL)
			if (strcmp(word, "trust-ad") == 0)
				found->trust_ad = true;
	} else if (strcmp(word, "nameserver") == 0) {
		word = strtok_r(NULL, " \t\r", &rest);
		if (word != NULL && stub_address_parse(&address, word, STUB_PORT_DNS) == 0 &&
		    stub_address_is_loopback(&address))
			found->loopback++;
		else
			found->elsewhere++;
	}
}

bool stub_resolvconf_trusts(const char *text, size_t len)
{
	struct findings found = {0};
	char copy[FILE_MAX + 1];
	char *rest = NULL, *line;

	if (len > FILE_MAX)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	for (line = strtok_r(copy, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
		line_read(&found, line);
	return found.trust_ad || (found.loopback > 0 && found.elsewhere == 0);
}

bool stub_resolvconf_file_trusts(const char *path)
{
	char text[FILE_MAX + 1];
	FILE *file = fopen(path, "re");
	size_t len;
	bool whole;

	if (file == NULL)
		return false;
	len = fread(text, 1, sizeof(text), file);
	whole = !ferror(file) && len <= FILE_MAX;
	fclose(file);
	return whole && stub_resolvconf_trusts(text, len);
}
