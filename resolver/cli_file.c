#include "config.h"

#include "resolver/cli_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libproto/agree_errors.h"
#include "libproto/crypto.h"
#include "libproto/name.h"

/* ---- lines ---- */

void cli_file_sum(struct ap_text *t, size_t begin)
{
	const ap_bytes part = {(const uint8_t *)t->start + begin, ap_text_len(t) - begin};
	uint8_t sum[32];

	ap_sha256(sum, &part, 1);
	ap_text_add(t, "sum: ");
	ap_base64url_show(t, sum, CLI_SUM_LEN);
	ap_text_add(t, "\n");
}

bool cli_file_take(const char **at, const char *end, const char *name, const char **rest,
		   size_t *len)
{
	size_t name_len = strlen(name);
	const char *nl = memchr(*at, '\n', (size_t)(end - *at));

	if (nl == NULL || (size_t)(nl - *at) < name_len || memcmp(*at, name, name_len) != 0)
		return false;
	*rest = *at + name_len;
	*len = (size_t)(nl - *rest);
	*at = nl + 1;
	return true;
}

bool cli_file_check(const char *text, size_t len, const char *title, const char **body,
		    const char **tail)
{
	enum { LINE = 5 + CLI_SUM_TEXT + 1 }; /* "sum: ", the sum, a line feed */
	const char *at = text, *rest;
	char line[LINE + 1];
	size_t rest_len;
	struct ap_text t;
	uint8_t sum[32];

	if (!cli_file_take(&at, text + len, title, &rest, &rest_len) || rest_len != 0 ||
	    (size_t)(at - text) + LINE > len)
		return false;
	*body = at;
	*tail = text + len - LINE;
	ap_sha256(sum, &(const ap_bytes){(const uint8_t *)text, len - LINE}, 1);
	ap_text_init(&t, line, sizeof(line));
	ap_text_add(&t, "sum: ");
	ap_base64url_show(&t, sum, CLI_SUM_LEN);
	ap_text_add(&t, "\n");
	return memcmp(line, *tail, LINE) == 0;
}

/* ---- files ---- */

bool cli_file_write(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

int cli_file_create(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool ok;

	if (fd < 0)
		return AGREE_EFILE;
	ok = cli_file_write(fd, text, len) && fsync(fd) == 0;
	ok = close(fd) == 0 && ok;
	if (!ok)
		(void)unlink(path);
	return ok ? 0 : AGREE_EFILE;
}

static int variable_read(const char *name, char *text, size_t size, size_t *len)
{
	const char *value = getenv(name);

	if (value == NULL)
		return AGREE_EUSAGE;
	*len = strlen(value);
	if (*len + 1 >= size)
		return AGREE_EFILE;
	memcpy(text, value, *len + 1);
	/* shells take off the last line feed of what they put there */
	if (strchr(value, '\n') != NULL && value[*len - 1] != '\n') {
		text[(*len)++] = '\n';
		text[*len] = '\0';
	}
	return 0;
}

int cli_source_read(const char *source, char *text, size_t size, size_t *len)
{
	bool is_stdin = strcmp(source, "-") == 0;
	ssize_t n = 1;
	int fd;

	*len = 0;
	if (strncmp(source, "env:", 4) == 0)
		return variable_read(source + 4, text, size, len);
	/* not through stdio, whose buffers keep secrets */
	fd = is_stdin ? STDIN_FILENO : open(source, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return AGREE_EFILE;
	while (n > 0 && *len < size) {
		n = read(fd, text + *len, size - *len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			*len += (size_t)n;
	}
	if (!is_stdin)
		close(fd);
	if (n < 0 || *len >= size)
		return AGREE_EFILE;
	text[*len] = '\0';
	return 0;
}
