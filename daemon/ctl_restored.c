/*
 * `agreectl restored`: marks a data directory that was put back from a backup or a snapshot, before
 * its replica is started. What it voted for since then is unknown: draft {#rejoin}.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/conf.h"
#include "daemon/ctl.h"
#include "daemon/files.h"
#include "daemon/recover.h"

enum { OPT_CONF };
static const struct ctl_option options[] = {
	[OPT_CONF] = {"-c", "FILE", "configuration of the replica, which must not be running"},
	{NULL, NULL, NULL},
};

/* The replica must be able to read and to remove it, whoever we are. The directory is its user's,
 * who could have put another file in the place of the one that was just written: only that one,
 * which is ours and has no other name, is given away. */
static bool give_to(const char *path, const struct stat *owner)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	bool good;

	if (fd < 0)
		return false;
	errno = EPERM;
	good = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       st.st_nlink == 1 && fchown(fd, owner->st_uid, owner->st_gid) == 0;
	(void)close(fd);
	return good;
}

static int give_away(const struct ctl_args *args, const char *data)
{
	char path[DISK_PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/%s", data, RECOVER_FILE) >= (int)sizeof(path) ||
	    stat(data, &st) != 0 || (st.st_uid != geteuid() && !give_to(path, &st)))
		return ctl_fail(args, "%s/%s: cannot give it to the owner of %s: %s", data,
				RECOVER_FILE, data, strerror(errno));
	return CTL_OK;
}

static int restored_run(const struct ctl_args *args)
{
	struct disk_error why = {""};
	struct conf conf;
	int result;

	if (!ctl_conf_load(args, args->value[OPT_CONF], &conf))
		return CTL_FAILED;
	if (files_put(conf.data, RECOVER_FILE, RECOVER_RESTORED, sizeof(RECOVER_RESTORED) - 1, 0600,
		      &why) != 0)
		result = ctl_fail(args, "%s", why.text);
	else
		result = give_away(args, conf.data);
	conf_clear(&conf);
	return result;
}

const struct ctl_command ctl_restored = {
	.name = "restored",
	.words = "",
	.help = "Mark a data directory put back from a backup: its replica rejoins before it votes",
	.options = options,
	.run = restored_run,
};
