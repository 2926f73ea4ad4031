/*
 * What journal and kv share about disks: how a failure is told, and the directory work without
 * which a new file is gone after a power cut.
 *
 * A failure has two parts: one of the codes below, for the program, and a sentence in a struct
 * disk_error, for the operator: what failed, where, and what to do about it. Nothing here exits,
 * logs or retries.
 */
#ifndef DAEMON_DISK_H
#define DAEMON_DISK_H

#include <stddef.h>
#include <stdint.h>

/* 0 or one of these; positive results are sizes or counts. */
enum disk_status {
	DISK_EAGAIN = -1, /* no room in the buffer now: nothing was taken, the eventfd tells when to
			     try again */
	DISK_ENOROOM = -2, /* the disk (journal) or the map (kv) is full: nothing was taken, nothing
			      is damaged */
	DISK_ETOOBIG = -3, /* longer than the stated maximum, or than the caller's buffer */
	DISK_EFAILED = -4, /* an earlier write or sync failed: the process has to stop */
	DISK_ENOTFOUND = -5, /* no such record */
	DISK_EDAMAGED = -6,  /* the disk gave back something else than was written */
	DISK_EOWNER = -7,    /* the files belong to another network */
	DISK_EVERSION = -8,  /* the files are of a newer format than this program knows */
	DISK_ELOCKED = -9,   /* another process uses the directory */
	DISK_ESYSTEM = -10,  /* a system call failed; the sentence says which */
	DISK_ESTOPPED = -11, /* the caller's function asked to stop */
	DISK_EORDER = -12,   /* an appended key is not above the last one */
	DISK_EUSAGE = -13    /* a call that the contract excludes */
};

#define DISK_ERROR_MAX 640  /* octets of a sentence, final NUL included; longer ones are cut */
#define DISK_PATH_MAX  1024 /* octets of a path, final NUL included */

struct disk_error {
	char text[DISK_ERROR_MAX]; /* empty: no error */
};

/* Writes "<what> <path>: <reason>: <what to do>". Tells a full disk from a failing one: both can
 * show as EIO, so an EIO on a file system without free space is told as full. Returns DISK_ENOROOM
 * for a full disk, quota or file size limit, else DISK_ESYSTEM. */
int disk_fail(struct disk_error *why, const char *what, const char *path, int err);

/* Writes a formatted sentence and returns `status`. */
int disk_say(struct disk_error *why, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Octets that this process may still write below `path`; 0 if that cannot be found out. */
uint64_t disk_room(const char *path);

/* Makes the directory (mode 0700, its parent has to exist) unless it is there, and syncs it and its
 * parent, so that a power cut after the return takes neither away. */
int disk_make_dir(const char *path, struct disk_error *why);

/* Makes the names in the directory durable. */
int disk_sync_dir(const char *path, struct disk_error *why);

/* Makes octets and length of a file durable. */
int disk_sync_file(const char *path, struct disk_error *why);

/* Checksums for the detection of damage, not of forgery: SipHash-2-4, 8 octets. It finds all but
 * one in 2^64 errors of any shape, where a CRC of 4 octets misses one in 2^32 of those longer than
 * its burst; its key keeps apart what looks alike at two places; and at 1 to 2 octets per
 * nanosecond it costs less than a memory copy of a request. */
#define DISK_SUM_KEY 16
uint64_t disk_sum(const uint8_t key[DISK_SUM_KEY], const void *octets, size_t n);

/* Numbers on disk are big-endian, so that keys sort as numbers do. */
void disk_put32(uint8_t *at, uint32_t v);
void disk_put64(uint8_t *at, uint64_t v);
uint32_t disk_get32(const uint8_t *at);
uint64_t disk_get64(const uint8_t *at);

#endif
