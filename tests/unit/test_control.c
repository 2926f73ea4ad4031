#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/control.h"
#include "libproto/agree_errors.h"
#include "tests/lib/tempdir.h"

static char dir[TEMPDIR_MAX], path[CONTROL_PATH_MAX], sentence[512];
static struct event_base *base;
static struct control *control;
static struct ap_text why;
static int fill; /* octets of the reply of `fill` */

static int run_echo(void *arg, int argc, const char *const *argv, struct ap_text *out)
{
	assert_ptr_equal(arg, &fill);
	for (int i = 0; i < argc; i++)
		ap_text_addf(out, "%d=%s\n", i, argv[i]);
	return 0;
}

static int run_fail(void *arg, int argc, const char *const *argv, struct ap_text *out)
{
	(void)arg;
	(void)argc;
	(void)argv;
	ap_text_add(out, "the disk is full:\nmake room");
	return -1;
}

static int run_fill(void *arg, int argc, const char *const *argv, struct ap_text *out)
{
	(void)argc;
	(void)argv;
	for (int i = 0; i < *(int *)arg; i++)
		ap_text_add(out, i % 64 == 63 ? "\n" : "x");
	return 0;
}

static int run_stop(void *arg, int argc, const char *const *argv, struct ap_text *out)
{
	(void)arg;
	(void)argc;
	(void)argv;
	(void)out;
	event_base_loopbreak(base);
	return 0;
}

static const struct control_command commands[] = {
	{"echo", 0, 3, "[WORD]...: say them", run_echo},
	{"fail", 0, 0, ": fail", run_fail},
	{"fill", 0, 0, ": much", run_fill},
	{"stop", 0, 0, ": stop", run_stop},
	{NULL, 0, 0, NULL, NULL},
};

static int make_control(void **state)
{
	(void)state;
	tempdir_make(dir);
	snprintf(path, sizeof path, "%.90s/s", dir);
	ap_text_init(&why, sentence, sizeof sentence);
	base = event_base_new();
	assert_non_null(base);
	return control_new(&control, base, path, commands, &fill, &why);
}

static int drop_control(void **state)
{
	(void)state;
	control_free(control);
	control = NULL;
	event_base_free(base);
	tempdir_remove(dir);
	return 0;
}

static int client_connect(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(un.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof un), 0);
	return fd;
}

/* Sends octets, lets the daemon's side work, and reads until it closes; closes fd. Reads in between
 * so that a reply larger than the socket's buffer gets through. */
static const char *reply_of(int fd, const char *octets, size_t len)
{
	static char reply[2 * CONTROL_REPLY_MAX];
	size_t at = 0;

	if (len > 0)
		assert_int_equal(send(fd, octets, len, MSG_NOSIGNAL), len);
	for (int turn = 0; turn < 1000; turn++) {
		ssize_t n;

		event_base_loop(base, EVLOOP_NONBLOCK);
		n = recv(fd, reply + at, sizeof reply - 1 - at, 0);
		if (n == 0)
			break;
		if (n > 0)
			at += (size_t)n;
		else
			assert_true(errno == EAGAIN);
	}
	close(fd);
	reply[at] = '\0';
	return reply;
}

static const char *ask(const char *request)
{
	return reply_of(client_connect(), request, strlen(request));
}

static void a_command_gets_its_words_and_answers(void **state)
{
	(void)state;
	assert_string_equal(ask("echo\n"), "ok\n0=echo\n");
	assert_string_equal(ask("  echo   a  b=c \n"), "ok\n0=echo\n1=a\n2=b=c\n");
}

static void failures_are_one_line(void **state)
{
	(void)state;
	assert_string_equal(ask("fail\n"), "error: the disk is full: make room\n");
}

static void bad_requests_are_answered(void **state)
{
	char large[CONTROL_REQUEST_MAX + 1];

	(void)state;
	assert_string_equal(ask("\n"), "error: an empty request: try help\n");
	assert_string_equal(ask("   \n"), "error: an empty request: try help\n");
	assert_string_equal(ask("nothing\n"), "error: unknown command: try help\n");
	assert_string_equal(ask("echo a b c d\n"), "error: usage: echo [WORD]...: say them\n");
	assert_string_equal(ask("fail x\n"), "error: usage: fail : fail\n");
	assert_string_equal(ask("echo 1 2 3 4 5 6 7 8 9 10\n"),
			    "error: too many words, or control characters: try help\n");
	assert_string_equal(ask("echo \x1b[31m\n"),
			    "error: too many words, or control characters: try help\n");
	assert_string_equal(reply_of(client_connect(), "echo\0a\n", 7),
			    "error: an empty request: try help\n");
	memset(large, 'a', sizeof large);
	assert_string_equal(reply_of(client_connect(), large, CONTROL_REQUEST_MAX),
			    "error: an empty request: try help\n");
}

static void help_lists_the_commands(void **state)
{
	(void)state;
	assert_string_equal(ask("help\n"), "ok\necho [WORD]...: say them\nfail : fail\n"
					   "fill : much\nstop : stop\n");
}

static void a_request_may_come_in_pieces(void **state)
{
	int fd = client_connect();

	(void)state;
	for (const char *c = "echo hi"; *c != '\0'; c++) {
		assert_int_equal(send(fd, c, 1, MSG_NOSIGNAL), 1);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	assert_string_equal(reply_of(fd, "\n", 1), "ok\n0=echo\n1=hi\n");
}

static void large_replies_arrive_whole_and_are_bounded(void **state)
{
	const char *reply;

	(void)state;
	fill = 60000;
	reply = ask("fill\n");
	assert_int_equal(strlen(reply), 60003);
	fill = 2 * CONTROL_REPLY_MAX;
	reply = ask("fill\n");
	assert_in_range(strlen(reply), CONTROL_REPLY_MAX - 32, CONTROL_REPLY_MAX);
	assert_memory_equal(reply, "ok\nxxxx", 7);
}

static void connections_are_bounded(void **state)
{
	int fds[CONTROL_CLIENTS_MAX], fd;

	(void)state;
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		fds[i] = client_connect();
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	fd = client_connect();
	assert_string_equal(reply_of(fd, "", 0), "error: too many connections: try again\n");
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) /* the others are served as ever */
		assert_string_equal(reply_of(fds[i], "echo\n", 5), "ok\n0=echo\n");
	assert_string_equal(ask("echo\n"), "ok\n0=echo\n");
}

static void a_client_that_leaves_makes_room(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3 * CONTROL_CLIENTS_MAX; i++) {
		int fd = client_connect();

		event_base_loop(base, EVLOOP_NONBLOCK);
		close(fd);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	assert_string_equal(ask("echo\n"), "ok\n0=echo\n");
}

static void a_command_that_ends_the_loop_is_answered(void **state)
{
	int fd = client_connect();
	char reply[8] = "";

	(void)state;
	assert_int_equal(send(fd, "stop\n", 5, MSG_NOSIGNAL), 5);
	event_base_dispatch(base); /* returns: the command broke it */
	assert_int_equal(recv(fd, reply, sizeof reply - 1, 0), 3);
	assert_string_equal(reply, "ok\n");
	close(fd);
}

static void group_and_owner_may_command_and_nobody_else(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
}

static void the_socket_goes_with_the_daemon(void **state)
{
	(void)state;
	control_free(control);
	control = NULL;
	assert_int_equal(access(path, F_OK), -1);
}

static void a_socket_that_a_killed_daemon_left_is_replaced(void **state)
{
	pid_t child;
	int status;

	(void)state;
	control_free(control);
	control = NULL;
	child = fork();
	if (child == 0) { /* binds, and is gone without removing anything */
		struct sockaddr_un un = {.sun_family = AF_UNIX};
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		strcpy(un.sun_path, path);
		_exit(bind(fd, (struct sockaddr *)&un, sizeof un) != 0 || listen(fd, 1) != 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(control_new(&control, base, path, commands, &fill, &why), 0);
	assert_string_equal(ask("echo\n"), "ok\n0=echo\n");
}

static void a_second_daemon_is_refused(void **state)
{
	struct control *second;

	(void)state;
	assert_int_equal(control_new(&second, base, path, commands, &fill, &why), AGREE_EFILE);
	assert_null(second);
	assert_non_null(strstr(sentence, "another agreed listens there: stop it first"));
	assert_string_equal(ask("echo\n"), "ok\n0=echo\n");
}

static void a_file_in_its_place_is_left_alone(void **state)
{
	struct control *second;
	char file[TEMPDIR_MAX + 8];
	uint8_t *octets;
	size_t len;

	(void)state;
	snprintf(file, sizeof file, "%s/f", dir);
	tempdir_store(file, (const uint8_t *)"x", 1);
	assert_int_equal(control_new(&second, base, file, commands, &fill, &why), AGREE_EFILE);
	assert_non_null(strstr(sentence, "is no socket: choose another path"));
	octets = tempdir_load(file, &len);
	assert_int_equal(len, 1);
	free(octets);
}

static void paths_that_cannot_be_are_said(void **state)
{
	struct control *second;
	char longer[200];

	(void)state;
	memset(longer, 'a', sizeof longer);
	longer[0] = '/';
	longer[sizeof longer - 1] = '\0';
	assert_int_equal(control_new(&second, base, longer, commands, &fill, &why), AGREE_EFILE);
	assert_non_null(strstr(sentence, "has at most 107 octets"));
	ap_text_init(&why, sentence, sizeof sentence);
	assert_int_equal(control_new(&second, base, "/nonexistent/s", commands, &fill, &why),
			 AGREE_EFILE);
	assert_non_null(strstr(sentence, "/nonexistent/s: cannot listen there: No such file"));
}

/* control_ask() blocks, so the daemon's side is a child here. */
static void the_operators_side_gets_the_reply(void **state)
{
	char reply[64], small[8];
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		event_reinit(base);
		event_base_dispatch(base);
		_exit(0);
	}
	assert_int_equal(control_ask(path, "echo a", reply, sizeof reply, 10000, &why), 15 - 1);
	assert_string_equal(reply, "ok\n0=echo\n1=a\n");
	/* what does not fit is left out */
	assert_int_equal(control_ask(path, "echo a", small, sizeof small, 10000, &why), 7);
	assert_string_equal(small, "ok\n0=ec");
	assert_int_equal(control_ask(path, "stop", reply, sizeof reply, 10000, &why), 3);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void the_operators_side_says_that_nobody_listens(void **state)
{
	char reply[64];

	(void)state;
	control_free(control);
	control = NULL;
	assert_int_equal(control_ask(path, "status", reply, sizeof reply, 1000, &why),
			 AGREE_ENOANSWER);
	assert_non_null(strstr(sentence, "nobody listens there: agreed is not running"));
}

static void the_operators_side_does_not_wait_for_ever(void **state)
{
	char reply[64], request[CONTROL_REQUEST_MAX + 8];

	(void)state;
	/* the listener is there, but its loop does not run */
	assert_int_equal(control_ask(path, "status", reply, sizeof reply, 20, &why),
			 AGREE_ETIMEOUT);
	assert_non_null(strstr(sentence, "no answer in time"));
	memset(request, 'a', sizeof request);
	request[sizeof request - 1] = '\0';
	assert_int_equal(control_ask(path, request, reply, sizeof reply, 20, &why), AGREE_EFILE);
}

int main(void)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, make_control, drop_control)
	const struct CMUnitTest tests[] = {
		ONE(a_command_gets_its_words_and_answers),
		ONE(failures_are_one_line),
		ONE(bad_requests_are_answered),
		ONE(help_lists_the_commands),
		ONE(a_request_may_come_in_pieces),
		ONE(large_replies_arrive_whole_and_are_bounded),
		ONE(connections_are_bounded),
		ONE(a_client_that_leaves_makes_room),
		ONE(a_command_that_ends_the_loop_is_answered),
		ONE(group_and_owner_may_command_and_nobody_else),
		ONE(the_socket_goes_with_the_daemon),
		ONE(a_socket_that_a_killed_daemon_left_is_replaced),
		ONE(a_second_daemon_is_refused),
		ONE(a_file_in_its_place_is_left_alone),
		ONE(paths_that_cannot_be_are_said),
		ONE(the_operators_side_gets_the_reply),
		ONE(the_operators_side_says_that_nobody_listens),
		ONE(the_operators_side_does_not_wait_for_ever),
	};

	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
