#include "config.h"
#include "daemon/disk.h"
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

_Static_assert(DISK_SUM_KEY == crypto_shorthash_siphash24_KEYBYTES, "the key of SipHash");
_Static_assert(crypto_shorthash_siphash24_BYTES == 8, "a sum is a u64");

#define FULL_BELOW 65536u /* octets: with less than that free, an EIO is the disk being full */

int disk_say(struct disk_error *why, int status, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(why->text, sizeof(why->text), format, ap);
	va_end(ap);
	return status;
}

uint64_t disk_room(const char *path)
{
	struct statvfs fs;

	if (statvfs(path, &fs) != 0)
		return 0;
	return (uint64_t)fs.f_bavail * fs.f_frsize;
}

/* The path may name what does not exist (yet): then its directory is asked. */
static bool is_full(const char *path)
{
	char dir[DISK_PATH_MAX];
	struct statvfs fs;
	char *slash;

	if (statvfs(path, &fs) != 0) {
		(void)snprintf(dir, sizeof(dir), "%s", path);
		slash = strrchr(dir, '/');
		if (slash == NULL)
			(void)snprintf(dir, sizeof(dir), ".");
		else if (slash != dir)
			*slash = '\0';
		if (statvfs(dir, &fs) != 0)
			return false;
	}
	return (uint64_t)fs.f_bavail * fs.f_frsize < FULL_BELOW ||
	       (fs.f_files != 0 && fs.f_favail == 0);
}

int disk_fail(struct disk_error *why, const char *what, const char *path, int err)
{
	static const struct {
		int err;
		const char *advice;
	} rows[] = {
		{EACCES, "let this user read and write it"},
		{EPERM, "let this user read and write it"},
		{EROFS, "the file system is read-only: look into the kernel log, remount it"},
		{ENOENT, "make the directory above it, or correct the configuration"},
		{ENOTDIR, "correct the path in the configuration"},
		{EMFILE, "raise the limit of open files (LimitNOFILE=, ulimit -n)"},
		{ENFILE, "raise the limit of open files (sysctl fs.file-max)"},
		{ENOMEM, "give the process more memory"},
		{EAGAIN, "raise the limit of threads (TasksMax=, ulimit -u)"},
		{EIO, "the disk fails: look into the kernel log, and replace it before a restart"},
	};
	const char *advice = "look into the kernel log before a restart";
	size_t i;

	if (err == EFBIG)
		return disk_say(why, DISK_ENOROOM,
				"%s %s: the limit of file sizes is reached: raise it "
				"(LimitFSIZE=, ulimit -f), then start again",
				what, path);
	if (err == EDQUOT)
		return disk_say(why, DISK_ENOROOM,
				"%s %s: the disk quota is used up: raise it or free room, "
				"then start again",
				what, path);
	if (err == ENOSPC || (err == EIO && is_full(path)))
		return disk_say(why, DISK_ENOROOM,
				"%s %s: the disk is full: free room, then start again", what, path);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].err == err)
			advice = rows[i].advice;
	return disk_say(why, DISK_ESYSTEM, "%s %s: %s: %s", what, path, strerror(err), advice);
}

static int sync_path(const char *path, int flags, struct disk_error *why)
{
	int fd = open(path, flags | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return disk_fail(why, "cannot open", path, errno);
	if (fsync(fd) != 0)
		err = errno;
	(void)close(fd);
	return err == 0 ? 0 : disk_fail(why, "cannot sync", path, err);
}

int disk_sync_dir(const char *path, struct disk_error *why)
{
	return sync_path(path, O_RDONLY | O_DIRECTORY, why);
}

int disk_sync_file(const char *path, struct disk_error *why)
{
	return sync_path(path, O_RDONLY, why);
}

int disk_make_dir(const char *path, struct disk_error *why)
{
	char up[DISK_PATH_MAX];
	struct stat st;
	int n, r;

	/* "path/.." is the parent whatever the path looks like, once the path is there. */
	n = snprintf(up, sizeof(up), "%s/..", path);
	if (n < 0 || (size_t)n >= sizeof(up))
		return disk_say(why, DISK_EUSAGE, "%s: the path is longer than %d octets", path,
				DISK_PATH_MAX - 4);
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return disk_fail(why, "cannot make the directory", path, errno);
	if (stat(path, &st) != 0)
		return disk_fail(why, "cannot look at", path, errno);
	if (!S_ISDIR(st.st_mode))
		return disk_fail(why, "cannot use", path, ENOTDIR);
	r = disk_sync_dir(path, why);
	return r != 0 ? r : disk_sync_dir(up, why);
}

uint64_t disk_sum(const uint8_t key[DISK_SUM_KEY], const void *octets, size_t n)
{
	uint8_t sum[8];

	(void)crypto_shorthash_siphash24(sum, octets, n, key);
	return disk_get64(sum);
}

void disk_put32(uint8_t *at, uint32_t v)
{
	int i;

	for (i = 3; i >= 0; i--, v >>= 8)
		at[i] = (uint8_t)(v & 0xff);
}

void disk_put64(uint8_t *at, uint64_t v)
{
	disk_put32(at, (uint32_t)(v >> 32));
	disk_put32(at + 4, (uint32_t)(v & 0xffffffffu));
}

uint32_t disk_get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

uint64_t disk_get64(const uint8_t *at)
{
	return (uint64_t)disk_get32(at) << 32 | disk_get32(at + 4);
}
