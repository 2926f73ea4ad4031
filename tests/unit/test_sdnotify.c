#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/sdnotify.h"
#include "libproto/agree_errors.h"
#include "tests/lib/tempdir.h"

static int bind_at(const char *path, size_t len)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	memcpy(un.sun_path, path, len);
	assert_int_equal(bind(fd, (struct sockaddr *)&un,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
			 0);
	return fd;
}

static void received(int fd, const char *expected)
{
	char text[256];
	ssize_t n = recv(fd, text, sizeof text - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	assert_string_equal(text, expected);
	close(fd);
}

static void nobody_to_tell_is_no_failure(void **state)
{
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(sdnotify("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "", 1);
	assert_int_equal(sdnotify("READY=1"), 0);
}

static void a_path_is_told(void **state)
{
	char dir[TEMPDIR_MAX], path[TEMPDIR_MAX + 8];
	int fd;

	(void)state;
	tempdir_make(dir);
	snprintf(path, sizeof path, "%s/n", dir);
	fd = bind_at(path, strlen(path) + 1);
	setenv("NOTIFY_SOCKET", path, 1);
	assert_int_equal(sdnotify("READY=1\nSTATUS=serving"), 1);
	received(fd, "READY=1\nSTATUS=serving");
	assert_int_equal(sdnotify("STOPPING=1"), AGREE_EFILE); /* nobody there any more */
	tempdir_remove(dir);
}

static void an_abstract_name_is_told(void **state)
{
	char name[64];
	int fd;

	(void)state;
	snprintf(name, sizeof name, "@agree-test-%ld", (long)getpid());
	setenv("NOTIFY_SOCKET", name, 1);
	name[0] = '\0';
	fd = bind_at(name, 1 + strlen(name + 1));
	assert_int_equal(sdnotify("WATCHDOG=1"), 1);
	received(fd, "WATCHDOG=1");
}

static void other_names_are_refused(void **state)
{
	char name[200];

	(void)state;
	memset(name, 'a', sizeof name);
	name[0] = '/';
	name[sizeof name - 1] = '\0';
	setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(sdnotify("READY=1"), AGREE_EFILE);
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(sdnotify("READY=1"), AGREE_EFILE);
}

static void the_watchdog_is_fed_twice_in_its_time(void **state)
{
	char pid[32];

	(void)state;
	unsetenv("WATCHDOG_PID");
	unsetenv("WATCHDOG_USEC");
	assert_true(sdnotify_watchdog_ms() == 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_true(sdnotify_watchdog_ms() == 15000);
	snprintf(pid, sizeof pid, "%ld", (long)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_true(sdnotify_watchdog_ms() == 15000);
	setenv("WATCHDOG_PID", "1", 1);
	assert_true(sdnotify_watchdog_ms() == 0);
	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "soon", 1);
	assert_true(sdnotify_watchdog_ms() == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_to_tell_is_no_failure),
		cmocka_unit_test(a_path_is_told),
		cmocka_unit_test(an_abstract_name_is_told),
		cmocka_unit_test(other_names_are_refused),
		cmocka_unit_test(the_watchdog_is_fed_twice_in_its_time),
	};

	return cmocka_run_group_tests_name("sdnotify", tests, NULL, NULL);
}
