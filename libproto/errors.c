#include "libproto/errors.h"

#include <stddef.h>

static const struct ap_error rows[] = {
#define ROW(name, number, ede, status, text) {#name, number, ede, status, text},
	AGREE_ERRORS(ROW)
#undef ROW
};

static const size_t n_rows = sizeof(rows) / sizeof(rows[0]);

static const struct ap_error *row_of(int number)
{
	for (size_t i = 0; i < n_rows; i++)
		if (rows[i].number == number)
			return &rows[i];
	return NULL;
}

const struct ap_error *ap_error_find(int number)
{
	static const struct ap_error ok = {"AGREE_OK", AGREE_OK, 0, 0, "success"};
	const struct ap_error *row = number == AGREE_OK ? &ok : row_of(number);

	return row != NULL ? row : &rows[0];
}

const struct ap_error *ap_error_of_ede(uint16_t ede)
{
	for (size_t i = 0; ede != 0 && i < n_rows; i++)
		if (rows[i].ede == ede)
			return &rows[i];
	return row_of(AGREE_EREFUSED);
}
