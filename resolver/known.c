#include "config.h"

#include "resolver/known.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libproto/agree_errors.h"
#include "libproto/crypto.h"
#include "libproto/when.h"

enum { LINE_MAX_LEN = AP_NAME_TEXT + 256, WORDS = 5 };

bool stub_known_path(char path[STUB_KNOWN_PATH_MAX])
{
	const char *xdg = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	int n;

	/* the XDG base directory specification has relative paths ignored */
	if (xdg != NULL && xdg[0] == '/')
		n = snprintf(path, STUB_KNOWN_PATH_MAX, "%s/agree/known_networks", xdg);
	else if (home != NULL && home[0] == '/')
		n = snprintf(path, STUB_KNOWN_PATH_MAX, "%s/.config/agree/known_networks", home);
	else
		return false;
	return n > 0 && n < STUB_KNOWN_PATH_MAX;
}

/* ---- reading ---- */

/* The whole file in memory of its own; NULL and *len 0 if there is none. */
static int file_read(const char *path, char **text, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err = AGREE_EFILE;
	struct stat st;

	*text = NULL;
	*len = 0;
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : AGREE_EFILE;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > STUB_KNOWN_FILE_MAX)
		goto out;
	*text = malloc((size_t)st.st_size + 1);
	if (*text == NULL) {
		err = AGREE_ENOMEM;
		goto out;
	}
	while (*len < (size_t)st.st_size) {
		ssize_t n = read(fd, *text + *len, (size_t)st.st_size - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		*len += (size_t)n;
	}
	err = *len == (size_t)st.st_size ? 0 : AGREE_EFILE;
out:
	if (err != 0) {
		free(*text);
		*text = NULL;
	}
	close(fd);
	return err;
}

/* Splits in place; more words than there is room for are counted only. */
static unsigned words_split(char *line, char *words[WORDS])
{
	unsigned n = 0;
	char *rest = NULL;

	for (char *w = strtok_r(line, " \t\r", &rest); w != NULL;
	     w = strtok_r(NULL, " \t\r", &rest)) {
		if (n < WORDS)
			words[n] = w;
		n++;
	}
	return n;
}

/* Five words, each of which is what it should be; with the domain. */
static bool entry_parse(char *words[WORDS], struct ap_name *name, struct stub_known *known)
{
	char *end;

	if (ap_name_parse(name, words[0]) != 0 ||
	    ap_key_parse(known->key, words[1], strlen(words[1])) != 0 ||
	    ap_when_parse(&known->seen_ms, words[3]) != 0 || words[2][0] == '-')
		return false;
	errno = 0;
	known->epoch = strtoull(words[2], &end, 10);
	return errno == 0 && *end == '\0';
}

/* STUB_KNOWN_NONE: another domain's, or no entry. */
static int line_parse(const char *octets, size_t len, const struct ap_name *domain,
		      struct stub_known *known)
{
	char line[LINE_MAX_LEN], *words[WORDS];
	struct ap_name name;
	unsigned n;

	memset(known, 0, sizeof(*known));
	if (len > 0 && octets[0] == '#')
		return STUB_KNOWN_NONE;
	if (len >= sizeof(line) || memchr(octets, '\0', len) != NULL)
		return AGREE_EKNOWN;
	memcpy(line, octets, len);
	line[len] = '\0';
	n = words_split(line, words);
	if (n == 0)
		return STUB_KNOWN_NONE;
	if (n != WORDS || !entry_parse(words, &name, known))
		return AGREE_EKNOWN;
	return ap_name_equal(&name, domain) ? STUB_KNOWN_FOUND : STUB_KNOWN_NONE;
}

/* Reads all lines: what is damaged may have been the domain's. */
static int text_find(const char *text, size_t len, const struct ap_name *domain,
		     struct stub_known *known)
{
	const char *at = text, *end = text + len;
	int found = STUB_KNOWN_NONE;
	struct stub_known one;

	for (unsigned long line = 1; at < end; line++) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		const char *line_end = nl != NULL ? nl : end;
		int what = line_parse(at, (size_t)(line_end - at), domain, &one);

		one.line = line;
		if (what == STUB_KNOWN_FOUND && found == STUB_KNOWN_FOUND &&
		    !ap_equal(one.key, known->key, sizeof(one.key)))
			what = AGREE_EKNOWN;
		if (what < 0) {
			*known = one;
			return what;
		}
		if (what == STUB_KNOWN_FOUND && found == STUB_KNOWN_NONE)
			*known = one;
		if (what == STUB_KNOWN_FOUND)
			found = what;
		at = line_end + 1;
	}
	return found;
}

int stub_known_find(const char *path, const struct ap_name *domain, struct stub_known *known)
{
	char *text;
	size_t len;
	int err = file_read(path, &text, &len);

	known->line = 0;
	if (err == 0 && text != NULL)
		err = text_find(text, len, domain, known);
	free(text);
	return err;
}

/* ---- writing ---- */

static void directories_make(const char *path)
{
	char copy[STUB_KNOWN_PATH_MAX];

	if (strlen(path) >= sizeof(copy))
		return;
	strcpy(copy, path);
	for (char *slash = strchr(copy + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(copy, 0700); /* what is wrong shows when the file is opened */
		*slash = '/';
	}
}

static int lock_take(const char *path)
{
	char name[STUB_KNOWN_PATH_MAX + 8];
	int fd;

	snprintf(name, sizeof(name), "%s.lock", path);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -1;
	while (flock(fd, LOCK_EX) != 0) {
		if (errno == EINTR)
			continue;
		close(fd);
		return -1;
	}
	return fd;
}

static bool all_written(int fd, const char *octets, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, octets, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		octets += n;
		len -= (size_t)n;
	}
	return true;
}

/* Old text and a new line, in a new file that takes the old one's place. */
static int file_replace(const char *path, const char *old, size_t len, const char *line)
{
	char name[STUB_KNOWN_PATH_MAX + 8];
	bool ok;
	int fd;

	snprintf(name, sizeof(name), "%s.new", path);
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return AGREE_EFILE;
	ok = all_written(fd, old, len) &&
	     (len == 0 || old[len - 1] == '\n' || all_written(fd, "\n", 1)) &&
	     all_written(fd, line, strlen(line)) && fsync(fd) == 0;
	ok = close(fd) == 0 && ok;
	if (ok && rename(name, path) == 0)
		return 0;
	(void)unlink(name);
	return AGREE_EFILE;
}

static void line_show(struct ap_text *t, const struct ap_name *domain,
		      const struct stub_known *known)
{
	ap_name_show(t, domain);
	ap_text_add(t, " ");
	ap_base64url_show(t, known->key, sizeof(known->key));
	ap_text_addf(t, " %llu ", (unsigned long long)known->epoch);
	ap_text_time(t, known->seen_ms);
	ap_text_addf(t, " %s\n", known->source);
}

/* What is behind symbolic links: they are to stay. A file that is not there yet is in its place. */
static bool target_find(char target[PATH_MAX], const char *path)
{
	struct stat st;

	if (realpath(path, target) != NULL)
		return strlen(target) < STUB_KNOWN_PATH_MAX;
	if (errno != ENOENT || lstat(path, &st) == 0 || strlen(path) >= PATH_MAX)
		return false;
	strcpy(target, path);
	return true;
}

static int line_add(const char *path, const struct ap_name *domain, const struct stub_known *known,
		    const char *line)
{
	struct stub_known there;
	char *text = NULL;
	size_t len;
	int err = file_read(path, &text, &len);

	if (err == 0 && text != NULL)
		err = text_find(text, len, domain, &there);
	if (err == STUB_KNOWN_FOUND)
		err = ap_equal(there.key, known->key, sizeof(there.key)) ? 0 : AGREE_EKEYCHANGED;
	else if (err == STUB_KNOWN_NONE)
		err = file_replace(path, text, len, line);
	free(text);
	return err;
}

int stub_known_add(const char *path, const struct ap_name *domain, const struct stub_known *known)
{
	char line[LINE_MAX_LEN], target[PATH_MAX];
	struct ap_text t;
	int err, lock;

	ap_text_init(&t, line, sizeof(line));
	line_show(&t, domain, known);
	if (t.cut || strlen(path) >= STUB_KNOWN_PATH_MAX)
		return AGREE_EFILE;
	directories_make(path);
	if (!target_find(target, path))
		return AGREE_EFILE;
	lock = lock_take(target);
	if (lock < 0)
		return AGREE_EFILE;
	err = line_add(target, domain, known, line);
	close(lock);
	return err;
}
