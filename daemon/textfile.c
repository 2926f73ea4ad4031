#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/textfile.h"
#include "libproto/agree_errors.h"

int textfile_fail(struct ap_text *why, const char *path, const char *what, int err)
{
	ap_text_addf(why, "%s: %s: %s", path, what, strerror(err));
	if (err == ENOENT)
		ap_text_add(why, ": look at the path");
	else if (err == EACCES || err == EPERM)
		ap_text_add(why, ": look at owner and permissions");
	return AGREE_EFILE;
}

static int say(struct ap_text *why, const char *path, const char *sentence)
{
	ap_text_addf(why, "%s: %s", path, sentence);
	return AGREE_EFILE;
}

static int kind_check(int fd, const char *path, bool secret, struct ap_text *why)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return textfile_fail(why, path, "cannot look at it", errno);
	if (!S_ISREG(st.st_mode))
		return say(why, path, "not a regular file");
	if (secret && (st.st_mode & 077) != 0) {
		ap_text_addf(
			why,
			"%s: others may read or write it (mode %04o): chmod 600 it, and make a "
			"new one if somebody may have read it",
			path, (unsigned)(st.st_mode & 07777));
		return AGREE_EFILE;
	}
	return 0;
}

static int fd_read(int fd, const char *path, char *octets, size_t size, size_t *len,
		   struct ap_text *why)
{
	*len = 0;
	for (;;) {
		ssize_t n = read(fd, octets + *len, size - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return textfile_fail(why, path, "cannot read it", errno);
		if (n == 0)
			break;
		*len += (size_t)n;
		if (*len == size) {
			ap_text_addf(why, "%s: more than %zu octets: not such a file", path,
				     size - 1);
			return AGREE_EFILE;
		}
	}
	octets[*len] = '\0';
	return 0;
}

int textfile_read(const char *path, bool secret, char *octets, size_t size, size_t *len,
		  struct ap_text *why)
{
	/* NONBLOCK: a pipe in place of the file is refused, not waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int result;

	*len = 0;
	if (fd < 0)
		return textfile_fail(why, path, "cannot open it", errno);
	result = kind_check(fd, path, secret, why);
	if (result == 0)
		result = fd_read(fd, path, octets, size, len, why);
	close(fd);
	return result;
}

static int fd_write(int fd, const char *octets, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = write(fd, octets + at, len - at);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0)
			at += (size_t)n;
	}
	return fsync(fd);
}

/* A new name is durable only when its directory is. */
static int dir_sync(const char *path)
{
	char copy[PATH_MAX];
	int fd, result, err;

	if (strlen(path) >= sizeof copy) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(copy, path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	result = fsync(fd);
	err = errno;
	close(fd);
	errno = err;
	return result;
}

int textfile_create(const char *path, mode_t mode, const char *octets, size_t len,
		    struct ap_text *why)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	if (fd < 0 && errno == EEXIST)
		return say(why, path,
			   "is there already, and is not replaced: choose another place");
	if (fd < 0)
		return textfile_fail(why, path, "cannot make it", errno);
	if (fd_write(fd, octets, len) != 0 || dir_sync(path) != 0) {
		int err = errno;

		close(fd);
		unlink(path);
		return textfile_fail(why, path, "cannot write it", err);
	}
	if (close(fd) != 0)
		return textfile_fail(why, path, "cannot write it", errno);
	return 0;
}
