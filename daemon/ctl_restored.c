/*
 * `agreectl restored`: marks a data directory that was put back from a backup or a snapshot, before
 * its replica is started. What it voted for since then is unknown: draft {#rejoin}.
 */
#include "config.h"

#include <errno.h>
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

/* The replica must be able to read and to remove it, whoever we are. */
static int give_away(const struct ctl_args *args, const char *data)
{
	char path[DISK_PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/%s", data, RECOVER_FILE) >= (int)sizeof(path) ||
	    stat(data, &st) != 0 ||
	    (st.st_uid != geteuid() && lchown(path, st.st_uid, st.st_gid) != 0))
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
