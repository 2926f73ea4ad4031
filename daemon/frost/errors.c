/* errors.c: see errors.h */
#include "daemon/frost/errors.h"

#include <stddef.h>

static const struct {
	int number;
	const char *text;
} rows[] = {
#define E(name, number, text) {number, text},
	FROST_ERRORS(E)
#undef E
};

const char *frost_error_text(int error)
{
	if (error >= 0)
		return "no error";
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].number == error)
			return rows[i].text;
	return "unknown error";
}
