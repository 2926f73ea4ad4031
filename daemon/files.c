#include "config.h"

#include "daemon/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char ASIDE[] = ".damaged.";

static int path_of(char path[DISK_PATH_MAX], const char *dir, const char *name, const char *suffix,
		   struct disk_error *why)
{
	int n = snprintf(path, DISK_PATH_MAX, "%s/%s%s", dir, name, suffix);

	if (n < 0 || n >= DISK_PATH_MAX)
		return disk_say(why, DISK_EUSAGE, "path too long: %s/%s", dir, name);
	return 0;
}

static int write_all(int fd, const uint8_t *octets, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, octets, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		octets += n;
		len -= (size_t)n;
	}
	return 0;
}

int files_put(const char *dir, const char *name, const void *octets, size_t len, mode_t mode,
	      struct disk_error *why)
{
	char aside[DISK_PATH_MAX], path[DISK_PATH_MAX];
	int status = path_of(aside, dir, name, ".new", why), fd;

	if (status == 0)
		status = path_of(path, dir, name, "", why);
	if (status != 0)
		return status;
	(void)unlink(aside); /* a crash's leftover, of whatever mode */
	fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return disk_fail(why, "cannot write", aside, errno);
	if (write_all(fd, octets, len) != 0 || fchmod(fd, mode) != 0 || fsync(fd) != 0) {
		status = disk_fail(why, "cannot write", aside, errno);
		close(fd);
		unlink(aside);
		return status;
	}
	close(fd);
	if (rename(aside, path) != 0)
		return disk_fail(why, "cannot put in place", path, errno);
	return disk_sync_dir(dir, why);
}

int files_get(const char *dir, const char *name, void *octets, size_t cap, struct disk_error *why)
{
	char path[DISK_PATH_MAX];
	int status = path_of(path, dir, name, "", why), fd;
	size_t len = 0;
	struct stat st;

	if (status != 0)
		return status;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? DISK_ENOTFOUND
				       : disk_fail(why, "cannot read", path, errno);
	if (fstat(fd, &st) != 0 || st.st_size > (off_t)cap) {
		close(fd);
		return disk_say(why, DISK_ETOOBIG, "%s is larger than it can be: restore it", path);
	}
	while (len < (size_t)st.st_size) {
		ssize_t n = read(fd, (uint8_t *)octets + len, (size_t)st.st_size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			status = disk_fail(why, "cannot read", path, n < 0 ? errno : EIO);
			close(fd);
			return status;
		}
		len += (size_t)n;
	}
	close(fd);
	return (int)len;
}

int files_wipe(const char *dir, const char *name, struct disk_error *why)
{
	static const uint8_t zeros[1024];
	char path[DISK_PATH_MAX];
	int status = path_of(path, dir, name, "", why), fd;

	if (status != 0)
		return status;
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0) {
		/* journaling file systems may keep older blocks: this is an effort, not a guarantee
		 */
		if (write_all(fd, zeros, sizeof(zeros)) != 0 || fsync(fd) != 0)
			status = disk_fail(why, "cannot overwrite", path, errno);
		close(fd);
	}
	if (unlink(path) != 0 && errno != ENOENT)
		return disk_fail(why, "cannot remove", path, errno);
	return status != 0 ? status : disk_sync_dir(dir, why);
}

/* "NAME.damaged.12": 12; anything else: 0. */
static unsigned long aside_number(const char *entry, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(entry, name, n) != 0 || strncmp(entry + n, ASIDE, sizeof(ASIDE) - 1) != 0)
		return 0;
	entry += n + sizeof(ASIDE) - 1;
	n = strspn(entry, "0123456789");
	return n == 0 || n > 9 || entry[n] != '\0' ? 0 : strtoul(entry, NULL, 10);
}

/* A file, or a directory of files; what else is in there stays, and it with that. */
static void drop(int at, const char *entry)
{
	int fd = openat(at, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *inner = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;

	if (fd < 0) {
		(void)unlinkat(at, entry, 0);
		return;
	}
	while (inner != NULL && (e = readdir(inner)) != NULL)
		(void)unlinkat(fd, e->d_name, 0); /* no directory, so not "." or ".." */
	if (inner != NULL)
		closedir(inner);
	else
		close(fd);
	(void)unlinkat(at, entry, AT_REMOVEDIR);
}

/* The highest number of those that are aside; those below `before` go. */
static unsigned long aside_walk(const char *dir, const char *name, unsigned long before)
{
	DIR *d = opendir(dir);
	unsigned long highest = 0;
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		unsigned long number = aside_number(e->d_name, name);

		if (number > highest)
			highest = number;
		if (number > 0 && number < before)
			drop(dirfd(d), e->d_name);
	}
	if (d != NULL)
		closedir(d);
	return highest;
}

int files_aside(const char *dir, const char *name, struct disk_error *why)
{
	unsigned long number = aside_walk(dir, name, 0) + 1;
	char path[DISK_PATH_MAX], aside[DISK_PATH_MAX], suffix[32];
	int status = path_of(path, dir, name, "", why);

	snprintf(suffix, sizeof(suffix), "%s%lu", ASIDE, number);
	if (status == 0)
		status = path_of(aside, dir, name, suffix, why);
	if (status != 0)
		return status;
	if (rename(path, aside) != 0)
		return errno == ENOENT ? 0 : disk_fail(why, "cannot set aside", path, errno);
	status = disk_sync_dir(dir, why);
	if (status == 0 && number > FILES_ASIDE_KEPT) /* what cannot be deleted does no harm */
		(void)aside_walk(dir, name, number - FILES_ASIDE_KEPT + 1);
	return status;
}
