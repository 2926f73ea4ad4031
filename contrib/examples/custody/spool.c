#include "spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "step.h"

enum { PATH_LEN = SPOOL_NAME_MAX + 32 };

static int top = -1; /* all paths are below it */

static void path_of(char path[PATH_LEN], const char *directory, const char *dot, const char *name)
{
	if (snprintf(path, PATH_LEN, "%s/%s%s", directory, dot, name) >= PATH_LEN) {
		errno = ENAMETOOLONG;
		step_die(name);
	}
}

static void directory_sync(const char *directory)
{
	int fd = openat(top, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) != 0)
		step_die(directory);
	close(fd);
}

void spool_open(const char *path, const char *const *directories)
{
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		step_die(path);
	top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0 || flock(top, LOCK_EX | LOCK_NB) != 0)
		step_die(path);
	for (; *directories != NULL; directories++)
		if (mkdirat(top, *directories, 0700) != 0 && errno != EEXIST)
			step_die(*directories);
	directory_sync(".");
}

static void write_all(int fd, const char *name, const char *octets, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, octets, len);

		if (n < 0 && errno != EINTR)
			step_die(name);
		if (n > 0) {
			octets += n;
			len -= (size_t)n;
		}
	}
}

void spool_put(const char *directory, const char *name, const void *octets, size_t len)
{
	char path[PATH_LEN], new[PATH_LEN];
	int fd;

	path_of(path, directory, "", name);
	path_of(new, directory, ".", name);
	fd = openat(top, new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		step_die(new);
	write_all(fd, new, octets, len);
	if (fsync(fd) != 0 || close(fd) != 0 || renameat(top, new, top, path) != 0)
		step_die(new);
	directory_sync(directory);
}

static char *read_all(int fd, size_t size, size_t *len)
{
	char *octets = malloc(size + 1);
	ssize_t n;

	if (octets == NULL)
		return NULL;
	for (*len = 0; *len < size; *len += (size_t)n) {
		n = read(fd, octets + *len, size - *len);
		if (n <= 0) {
			free(octets);
			return NULL;
		}
	}
	octets[size] = '\0';
	return octets;
}

char *spool_get(const char *directory, const char *name, size_t *len)
{
	char path[PATH_LEN], *octets = NULL;
	struct stat st;
	int fd;

	path_of(path, directory, "", name);
	fd = openat(top, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= SPOOL_MAX)
		octets = read_all(fd, (size_t)st.st_size, len);
	close(fd);
	return octets;
}

bool spool_has(const char *directory, const char *name)
{
	char path[PATH_LEN];

	path_of(path, directory, "", name);
	return faccessat(top, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void spool_move(const char *from, const char *name, const char *to)
{
	char old[PATH_LEN], new[PATH_LEN];

	path_of(old, from, "", name);
	path_of(new, to, "", name);
	if (renameat(top, old, top, new) != 0 && errno != ENOENT)
		step_die(old);
	directory_sync(to); /* first where it is now: a crash between may show it twice, never not
			       at all */
	directory_sync(from);
}

void spool_remove(const char *directory, const char *name)
{
	char path[PATH_LEN];

	path_of(path, directory, "", name);
	if (unlinkat(top, path, 0) != 0 && errno != ENOENT)
		step_die(path);
	directory_sync(directory);
}

void spool_each(const char *directory, void (*each)(void *arg, const char *name), void *arg)
{
	int fd = openat(top, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (dir == NULL)
		step_die(directory);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && strlen(entry->d_name) <= SPOOL_NAME_MAX)
			each(arg, entry->d_name);
	closedir(dir);
}
