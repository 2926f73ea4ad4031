#include "config.h"
#include "tests/lib/tempdir.h"
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

void tempdir_make(char path[TEMPDIR_MAX])
{
	const char *tmp = getenv("TMPDIR");
	int n;

	n = snprintf(path, TEMPDIR_MAX, "%s/agree-test-XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_in_range(n, 1, TEMPDIR_MAX - 1);
	assert_non_null(mkdtemp(path));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void tempdir_remove(const char *path)
{
	assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

uint8_t *tempdir_load(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	uint8_t *octets;

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	*n = (size_t)st.st_size;
	octets = malloc(*n + 1);
	assert_non_null(octets);
	assert_int_equal(fread(octets, 1, *n, f), *n);
	(void)fclose(f);
	return octets;
}

void tempdir_store(const char *path, const uint8_t *octets, size_t n)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(octets, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

unsigned tempdir_flip(const char *path, const void *what, size_t len, size_t behind)
{
	unsigned hits = 0;
	size_t n;
	uint8_t *octets = tempdir_load(path, &n);
	FILE *f = fopen(path, "r+b"); /* in place: a replica may have it mapped */

	assert_non_null(f);
	for (size_t at = 0; at + len + behind < n; at++) {
		if (memcmp(octets + at, what, len) != 0)
			continue;
		assert_int_equal(fseek(f, (long)(at + behind), SEEK_SET), 0);
		assert_int_not_equal(fputc(octets[at + behind] ^ 0x40, f), EOF);
		hits++;
	}
	assert_int_equal(fclose(f), 0);
	free(octets);
	return hits;
}
