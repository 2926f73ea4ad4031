/*
 * The daemon's side of the control socket. A connection is one request and one reply:
 * on_readable() gathers the line, request_run() carries it out and writes the reply, on_writable()
 * sends what the socket did not take at once.
 */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/control.h"
#include "daemon/textfile.h"
#include "libproto/agree_errors.h"

#define PREFIX_MAX 8 /* "error: " and room */

struct client {
	struct control *control;
	int fd; /* -1: free */
	struct event *event;
	char request[CONTROL_REQUEST_MAX];
	size_t request_len;
	char *reply; /* CONTROL_REPLY_MAX octets while there is one */
	size_t reply_at, reply_end;
};

struct control {
	struct event_base *base;
	const struct control_command *commands;
	void *arg;
	int fd;
	struct event *event;
	char path[CONTROL_PATH_MAX];
	struct client clients[CONTROL_CLIENTS_MAX];
};

static const struct timeval timeout = {.tv_sec = CONTROL_TIMEOUT_S};

static void client_close(struct client *c)
{
	if (c->event != NULL)
		event_free(c->event);
	if (c->fd >= 0)
		close(c->fd);
	free(c->reply);
	c->event = NULL;
	c->fd = -1;
	c->reply = NULL;
	c->request_len = 0;
}

/* Sends what the socket takes; true: all of it, or the client is gone. */
static bool reply_send(struct client *c)
{
	while (c->reply_at < c->reply_end) {
		ssize_t n = send(c->fd, c->reply + c->reply_at, c->reply_end - c->reply_at,
				 MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno != EAGAIN && errno != EWOULDBLOCK;
		c->reply_at += (size_t)n;
	}
	return true;
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;

	(void)fd;
	if ((what & EV_TIMEOUT) != 0 || reply_send(c))
		client_close(c);
}

/* Puts `prefix` right before the text at c->reply + PREFIX_MAX, and sends both. */
static void reply_begin(struct client *c, const char *prefix, size_t text_len)
{
	size_t len = strlen(prefix);

	c->reply_at = PREFIX_MAX - len;
	c->reply_end = PREFIX_MAX + text_len;
	memcpy(c->reply + c->reply_at, prefix, len);
	if (reply_send(c)) {
		client_close(c);
		return;
	}
	event_del(c->event);
	if (event_assign(c->event, c->control->base, c->fd, EV_WRITE | EV_PERSIST, on_writable,
			 c) != 0 ||
	    event_add(c->event, &timeout) != 0)
		client_close(c);
}

static void help_show(const struct control *control, struct ap_text *out)
{
	for (const struct control_command *cmd = control->commands; cmd->name != NULL; cmd++)
		ap_text_addf(out, "%s %s\n", cmd->name, cmd->help);
}

static int command_run(const struct control *control, int argc, const char *const *argv,
		       struct ap_text *out)
{
	if (argc == 0) {
		ap_text_add(out, "an empty request: try help");
		return AGREE_EUSAGE;
	}
	if (argc == 1 && strcmp(argv[0], "help") == 0) {
		help_show(control, out);
		return 0;
	}
	for (const struct control_command *cmd = control->commands; cmd->name != NULL; cmd++) {
		if (strcmp(cmd->name, argv[0]) != 0)
			continue;
		if (argc - 1 < cmd->args_min || argc - 1 > cmd->args_max) {
			ap_text_addf(out, "usage: %s %s", cmd->name, cmd->help);
			return AGREE_EUSAGE;
		}
		return cmd->run(control->arg, argc, argv, out);
	}
	ap_text_add(out, "unknown command: try help");
	return AGREE_EUSAGE;
}

/* Cuts the line into words, in place. Returns how many, or -1: too many, or control characters. */
static int words_cut(char *line, const char *argv[CONTROL_ARGS_MAX + 1])
{
	int argc = 0;

	for (const char *c = line; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return -1;
	for (char *at = line + strspn(line, " "); *at != '\0'; at += strspn(at, " ")) {
		if (argc > CONTROL_ARGS_MAX)
			return -1;
		argv[argc++] = at;
		at += strcspn(at, " ");
		if (*at != '\0')
			*at++ = '\0';
	}
	return argc;
}

/* A sentence is one line, whatever the command wrote. */
static void sentence_clean(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\n')
			text[i] = ' ';
}

static void request_run(struct client *c, char *line)
{
	const char *argv[CONTROL_ARGS_MAX + 1] = {NULL};
	struct ap_text out;
	int argc, result;

	c->reply = malloc(CONTROL_REPLY_MAX);
	if (c->reply == NULL) {
		client_close(c);
		return;
	}
	/* One octet stays free for the LF behind a sentence. */
	ap_text_init(&out, c->reply + PREFIX_MAX, CONTROL_REPLY_MAX - PREFIX_MAX - 1);
	argc = words_cut(line, argv);
	if (argc < 0) {
		ap_text_add(&out, "too many words, or control characters: try help");
		result = AGREE_EUSAGE;
	} else {
		result = command_run(c->control, argc, argv, &out);
	}
	if (result == 0) {
		reply_begin(c, "ok\n", ap_text_len(&out));
		return;
	}
	sentence_clean(c->reply + PREFIX_MAX, ap_text_len(&out));
	c->reply[PREFIX_MAX + ap_text_len(&out)] = '\n';
	reply_begin(c, "error: ", ap_text_len(&out) + 1);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	char *lf;
	ssize_t n;

	if ((what & EV_TIMEOUT) != 0) {
		client_close(c);
		return;
	}
	n = recv(fd, c->request + c->request_len, sizeof c->request - c->request_len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n <= 0) {
		client_close(c);
		return;
	}
	c->request_len += (size_t)n;
	lf = memchr(c->request, '\n', c->request_len);
	if (lf == NULL && c->request_len < sizeof c->request)
		return;
	if (lf == NULL || memchr(c->request, '\0', c->request_len) != NULL)
		lf = c->request; /* answered as an empty request */
	*lf = '\0';
	request_run(c, c->request);
}

static void on_connection(evutil_socket_t listener, short what, void *arg)
{
	static const char busy[] = "error: too many connections: try again\n";
	struct control *control = arg;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	if (fd < 0)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct client *c = &control->clients[i];

		if (c->fd >= 0)
			continue;
		c->fd = fd;
		c->event = event_new(control->base, fd, EV_READ | EV_PERSIST, on_readable, c);
		if (c->event == NULL || event_add(c->event, &timeout) != 0)
			client_close(c);
		return;
	}
	if (send(fd, busy, sizeof busy - 1, MSG_NOSIGNAL) < 0) {
		/* it sees the end of the connection instead */
	}
	close(fd);
}

/* Removes the socket that a killed daemon left; 0 if nothing stands in the way now. */
static int stale_remove(const struct sockaddr_un *un, struct ap_text *why)
{
	struct stat st;
	int fd, rc;

	if (lstat(un->sun_path, &st) != 0)
		return 0; /* bind() will say what else is wrong */
	if (!S_ISSOCK(st.st_mode)) {
		ap_text_addf(why, "%s: is there and is no socket: choose another path",
			     un->sun_path);
		return AGREE_EFILE;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return textfile_fail(why, un->sun_path, "cannot make a socket", errno);
	rc = connect(fd, (const struct sockaddr *)un, sizeof *un);
	close(fd);
	if (rc == 0 || errno == EAGAIN) {
		ap_text_addf(why, "%s: another agreed listens there: stop it first", un->sun_path);
		return AGREE_EFILE;
	}
	if (unlink(un->sun_path) != 0)
		return textfile_fail(why, un->sun_path, "cannot remove the old socket", errno);
	return 0;
}

static int socket_listen(const char *path, int *fd, struct ap_text *why)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	mode_t mask;
	int rc, err;

	if (strlen(path) >= sizeof un.sun_path) {
		ap_text_addf(why,
			     "%s: a socket's path has at most %zu octets: choose a shorter one",
			     path, sizeof un.sun_path - 1);
		return AGREE_EFILE;
	}
	strcpy(un.sun_path, path);
	if (stale_remove(&un, why) != 0)
		return AGREE_EFILE;
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return textfile_fail(why, path, "cannot make a socket", errno);
	mask = umask(0117); /* 0660 from its first moment */
	rc = bind(*fd, (const struct sockaddr *)&un, sizeof un);
	err = errno;
	umask(mask);
	if (rc == 0 && listen(*fd, CONTROL_CLIENTS_MAX) != 0) {
		rc = -1;
		err = errno;
		unlink(path);
	}
	if (rc != 0) {
		close(*fd);
		return textfile_fail(why, path, "cannot listen there", err);
	}
	return 0;
}

int control_new(struct control **out, struct event_base *base, const char *path,
		const struct control_command *commands, void *arg, struct ap_text *why)
{
	struct control *control = calloc(1, sizeof *control);

	*out = NULL;
	if (control == NULL) {
		ap_text_add(why, "out of memory: free some, then try again");
		return AGREE_ENOMEM;
	}
	control->base = base;
	control->commands = commands;
	control->arg = arg;
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		control->clients[i].control = control;
		control->clients[i].fd = -1;
	}
	if (socket_listen(path, &control->fd, why) != 0) {
		free(control);
		return AGREE_EFILE;
	}
	strcpy(control->path, path);
	control->event = event_new(base, control->fd, EV_READ | EV_PERSIST, on_connection, control);
	if (control->event == NULL || event_add(control->event, NULL) != 0) {
		control_free(control);
		ap_text_add(why, "out of memory: free some, then try again");
		return AGREE_ENOMEM;
	}
	*out = control;
	return 0;
}

void control_free(struct control *control)
{
	if (control == NULL)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		client_close(&control->clients[i]);
	if (control->event != NULL)
		event_free(control->event);
	close(control->fd);
	unlink(control->path);
	free(control);
}
