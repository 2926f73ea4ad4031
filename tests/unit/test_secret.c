/* test_secret.c: memory for secrets, as the kernel sees it. Linked with mlock wrapped, so that it
 * can fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/frost/secret.h"

#define SIZE 40000

static const void *locked_memory;
static size_t locked_size;
static bool lock_fails;

int __wrap_mlock(const void *memory, size_t size);

int __wrap_mlock(const void *memory, size_t size)
{
	locked_memory = memory;
	locked_size = size;
	return lock_fails ? -1 : 0;
}

/* The VmFlags line of the mapping that begins at `memory`. */
static void flags_of(const void *memory, char *flags, int size)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	bool found = false;
	unsigned long start;
	char line[512];

	assert_non_null(f);
	flags[0] = '\0';
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%lx-%*x %*4s", &start) == 1 && strchr(line, '-') != NULL)
			found = start == (unsigned long)(uintptr_t)memory;
		if (found && strncmp(line, "VmFlags:", 8) == 0)
			snprintf(flags, (size_t)size, "%s", line);
	}
	fclose(f);
	assert_string_not_equal(flags, "");
}

static void no_dump_and_no_child_holds_it(void **state)
{
	bool locked;
	uint8_t *p = frost_secret_new(SIZE, &locked);
	char flags[512];

	(void)state;
	assert_non_null(p);
	flags_of(p, flags, sizeof(flags));
	assert_non_null(strstr(flags, " dd"));
	assert_non_null(strstr(flags, " wf"));
	frost_secret_free(p, SIZE);
}

static void all_of_it_is_locked(void **state)
{
	bool locked = false;
	uint8_t *p = frost_secret_new(SIZE, &locked);

	(void)state;
	assert_true(locked);
	assert_ptr_equal(locked_memory, p);
	assert_int_equal(locked_size, SIZE);
	frost_secret_free(p, SIZE);
}

static void without_a_lock_it_is_given_all_the_same_and_says_so(void **state)
{
	bool locked = true;
	uint8_t *p;

	(void)state;
	lock_fails = true;
	p = frost_secret_new(SIZE, &locked);
	lock_fails = false;
	assert_non_null(p);
	assert_false(locked);
	frost_secret_free(p, SIZE);
}

static void it_begins_as_zeros(void **state)
{
	bool locked;
	uint8_t *p = frost_secret_new(SIZE, &locked);

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i < SIZE; i++)
		assert_int_equal(p[i], 0);
	frost_secret_free(p, SIZE);
}

static void more_than_there_is_gives_null(void **state)
{
	bool locked;

	(void)state;
	assert_null(frost_secret_new(SIZE_MAX / 2, &locked));
	frost_secret_free(NULL, SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_dump_and_no_child_holds_it),
		cmocka_unit_test(all_of_it_is_locked),
		cmocka_unit_test(without_a_lock_it_is_given_all_the_same_and_says_so),
		cmocka_unit_test(it_begins_as_zeros),
		cmocka_unit_test(more_than_there_is_gives_null),
	};

	return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
