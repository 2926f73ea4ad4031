/*
 * The operator's side of the control socket: one request, the whole reply.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "daemon/control.h"
#include "daemon/textfile.h"
#include "libproto/agree_errors.h"

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int socket_connect(const char *path, struct ap_text *why)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd, err;

	if (strlen(path) >= sizeof un.sun_path)
		return textfile_fail(why, path, "cannot connect", ENAMETOOLONG);
	strcpy(un.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return textfile_fail(why, path, "cannot make a socket", errno);
	if (connect(fd, (struct sockaddr *)&un, sizeof un) == 0)
		return fd;
	err = errno;
	close(fd);
	if (err == ENOENT || err == ECONNREFUSED) {
		ap_text_addf(why, "%s: nobody listens there: agreed is not running", path);
		return AGREE_ENOANSWER;
	}
	return textfile_fail(why, path, "cannot connect", err);
}

static int request_send(int fd, const char *path, const char *request, struct ap_text *why)
{
	char line[CONTROL_REQUEST_MAX];
	struct ap_text t;

	ap_text_init(&t, line, sizeof line);
	ap_text_addf(&t, "%s\n", request);
	if (t.cut) {
		ap_text_addf(why, "the request is longer than %d octets", CONTROL_REQUEST_MAX - 2);
		return AGREE_EFILE;
	}
	if (send(fd, line, ap_text_len(&t), MSG_NOSIGNAL) != (ssize_t)ap_text_len(&t))
		return textfile_fail(why, path, "cannot send the request", errno);
	return 0;
}

/* Octets until the daemon closes; what is beyond `size` is read and left out. */
static int reply_read(int fd, const char *path, char *reply, size_t size, int64_t until,
		      struct ap_text *why)
{
	char rest[4096];
	size_t len = 0;

	for (;;) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		int64_t left = until - now_ms();
		size_t room = size - 1 - len;
		ssize_t n;

		if (left <= 0 || poll(&pfd, 1, (int)left) == 0) {
			ap_text_addf(why, "%s: no answer in time: look at its log", path);
			return AGREE_ETIMEOUT;
		}
		n = recv(fd, room > 0 ? reply + len : rest, room > 0 ? room : sizeof rest,
			 MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return textfile_fail(why, path, "cannot read the answer", errno);
		if (n == 0)
			break;
		if (room > 0)
			len += (size_t)n;
	}
	reply[len] = '\0';
	return (int)len;
}

int control_ask(const char *path, const char *request, char *reply, size_t size, int timeout_ms,
		struct ap_text *why)
{
	int64_t until = now_ms() + timeout_ms;
	int fd = socket_connect(path, why), result;

	if (fd < 0)
		return fd;
	result = request_send(fd, path, request, why);
	if (result == 0)
		result = reply_read(fd, path, reply, size, until, why);
	close(fd);
	return result;
}
