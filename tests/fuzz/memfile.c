#include "config.h"

#include "tests/fuzz/memfile.h"

#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

static int fd = -1;

const char *memfile_put(const uint8_t *octets, size_t len)
{
	static char path[32];

	if (fd < 0)
		fd = memfd_create("input", MFD_CLOEXEC);
	MUST(fd >= 0);
	MUST(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	MUST(write(fd, octets, len) == (ssize_t)len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}
