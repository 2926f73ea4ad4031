#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/sdnotify.h"
#include "libproto/agree_errors.h"

int sdnotify(const char *lines)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	socklen_t len;
	ssize_t sent;
	int fd;

	if (path == NULL || path[0] == '\0')
		return 0;
	if ((path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof un.sun_path)
		return AGREE_EFILE;
	memcpy(un.sun_path, path, strlen(path));
	if (path[0] == '@')
		un.sun_path[0] = '\0'; /* abstract: its length says where it ends */
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (path[0] == '/')
		len++;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return AGREE_EFILE;
	do
		sent = sendto(fd, lines, strlen(lines), MSG_NOSIGNAL, (struct sockaddr *)&un, len);
	while (sent < 0 && errno == EINTR);
	close(fd);
	return sent == (ssize_t)strlen(lines) ? 1 : AGREE_EFILE;
}

/* A decimal number, or 0. */
static uint64_t number_of(const char *text)
{
	uint64_t value = 0;

	if (text == NULL || strlen(text) > 18 || strspn(text, "0123456789") != strlen(text))
		return 0;
	for (; *text != '\0'; text++)
		value = value * 10 + (uint64_t)(*text - '0');
	return value;
}

uint64_t sdnotify_watchdog_ms(void)
{
	const char *pid = getenv("WATCHDOG_PID");

	if (pid != NULL && number_of(pid) != (uint64_t)getpid())
		return 0; /* meant for another process */
	return number_of(getenv("WATCHDOG_USEC")) / 2000;
}
