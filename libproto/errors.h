/*
 * The rows of libproto/agree_errors.h as a table.
 */
#ifndef AP_ERRORS_H
#define AP_ERRORS_H

#include <stdint.h>

#include "libproto/agree_errors.h"

struct ap_error {
	const char *name;
	int number;
	uint16_t ede; /* 0: never sent */
	int status;   /* exit status */
	const char *text;
};

/* The row of a number; that of AGREE_EINTERNAL for numbers that no row has, so never NULL. */
const struct ap_error *ap_error_find(int number);

/* The row that an extended error stands for; AGREE_EREFUSED's for codes that no row has. */
const struct ap_error *ap_error_of_ede(uint16_t ede);

#endif
