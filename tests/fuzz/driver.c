/*
 * A fuzz target without a fuzzer, for compilers that have none: gives it the files named as
 * arguments, one after the other, as libFuzzer does with files. Exact copies, so that sanitizers
 * see reads past the end.
 */
#include "tests/fuzz/fuzz.h"

enum { FILE_MAX = 1 << 20 };

static int file_run(const char *path)
{
	static uint8_t room[FILE_MAX];
	FILE *file = fopen(path, "rb");
	uint8_t *octets;
	size_t len;

	if (file == NULL) {
		perror(path);
		return -1;
	}
	len = fread(room, 1, sizeof(room), file);
	if (ferror(file) || !feof(file)) {
		fprintf(stderr, "%s: cannot be read, or is larger than %d octets\n", path,
			FILE_MAX);
		fclose(file);
		return -1;
	}
	fclose(file);
	octets = malloc(len > 0 ? len : 1);
	if (octets == NULL)
		return -1;
	memcpy(octets, room, len);
	printf("%s: %zu octets\n", path, len);
	fflush(stdout); /* the last line says which input ended the process */
	LLVMFuzzerTestOneInput(octets, len);
	free(octets);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: %s FILE...\n", argv[0]);
		return 2;
	}
	for (int i = 1; i < argc; i++)
		if (file_run(argv[i]) != 0)
			return 1;
	return 0;
}
