/* daemon/files.h over a simulated disk: each file is the old one or the new one. */
#include "config.h"

#include "daemon/files.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/disk.h"
#include "tests/sim/oracle.h"
#include "tests/sim/wrap.h"

int __wrap_disk_make_dir(const char *path, struct disk_error *why)
{
	(void)path;
	why->text[0] = '\0';
	return 0;
}

static size_t find(const struct disk *d, const char *name)
{
	size_t i = 0;

	while (i < DISK_FILES && strcmp(d->files[i].name, name) != 0)
		i++;
	return i;
}

int files_put(const char *dir, const char *name, const void *octets, size_t len, mode_t mode,
	      struct disk_error *why)
{
	struct node *n = sim->current;
	struct disk *d = n->disk;
	size_t i = find(d, name);

	(void)dir;
	(void)mode;
	if (i == DISK_FILES)
		i = find(d, "");
	if (i == DISK_FILES || len > DISK_FILE_MAX || strlen(name) >= sizeof(d->files[i].name))
		return disk_say(why, DISK_ENOROOM, "the simulated disk takes no such file");
	if (!node_acts(n))
		return 0;
	strcpy(d->files[i].name, name);
	d->files[i].len = len;
	memcpy(d->files[i].octets, octets, len);
	return 0;
}

int files_get(const char *dir, const char *name, void *octets, size_t cap, struct disk_error *why)
{
	const struct disk *d = sim->current->disk;
	size_t i = find(d, name);

	(void)dir;
	if (i == DISK_FILES)
		return disk_say(why, DISK_ENOTFOUND, "%s is not there", name);
	if (d->files[i].len > cap)
		return disk_say(why, DISK_ETOOBIG, "%s is too large", name);
	memcpy(octets, d->files[i].octets, d->files[i].len);
	return (int)d->files[i].len;
}

int files_wipe(const char *dir, const char *name, struct disk_error *why)
{
	struct node *n = sim->current;
	size_t i = find(n->disk, name);

	(void)dir;
	(void)why;
	if (i < DISK_FILES && node_acts(n))
		memset(&n->disk->files[i], 0, sizeof(n->disk->files[i]));
	return 0;
}

void files_mark(struct disk *d, const char *name, const char *text)
{
	size_t i = find(d, name);

	if (i == DISK_FILES)
		i = find(d, "");
	if (i == DISK_FILES)
		abort();
	strcpy(d->files[i].name, name);
	d->files[i].len = strlen(text);
	memcpy(d->files[i].octets, text, d->files[i].len);
}

/* Nothing is damaged here without being lost: an older journal may lead to no state once the store
 * is lost too. */
int files_aside(const char *dir, const char *name, struct disk_error *why)
{
	struct node *n = sim->current;

	(void)dir;
	if ((sim->o.forgets >> (n->id - 1) & 1) != 0 && strcmp(name, "journal") == 0) {
		disk_lose(n, PLAN_LOSES_JOURNAL);
		oracle_forgets(n);
		oracle_started(n); /* it begins anew, from what the store has */
		return 0;
	}
	return disk_say(why, DISK_ESYSTEM, "the simulated disk has no damage to set %s aside",
			name);
}
