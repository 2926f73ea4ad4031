/* agreed, the replica daemon: options, sockets, privileges, start and stop. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "daemon/conf.h"
#include "daemon/control.h"
#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/run.h"
#include "daemon/sdnotify.h"
#include "daemon/self.h"
#include "libproto/agree_errors.h"

struct options {
	const char *conf;
	bool foreground, test;
};

struct daemon {
	struct options options;
	struct conf conf;
	struct self self;
	struct run_sockets sockets;
	struct event_base *base;
	struct run *run;
	struct control *control;
	struct event *term, *intr, *hup, *watchdog;
	int ready_fd; /* the parent waits here for the word of a daemon's child */
};

static void usage(FILE *to)
{
	fprintf(to,
		"usage: agreed [-dhtV] [-c FILE]\n"
		"  -c FILE  configuration (%s)\n"
		"  -d       stay in the foreground, messages to standard error\n"
		"  -t       check the configuration, the network file and the identity key, and "
		"exit\n"
		"  -V       version\n"
		"  -h       this text\n"
		"See agreed(8) and agreed.conf(5).\n",
		conf_file_default);
}

/* 0: go on; else the process leaves with *status. */
static bool parse(struct options *o, int argc, char **argv, int *status)
{
	int c;

	*o = (struct options){.conf = conf_file_default};
	*status = 1;
	while ((c = getopt(argc, argv, "c:dhtV")) != -1) {
		switch (c) {
		case 'c':
			o->conf = optarg;
			break;
		case 'd':
			o->foreground = true;
			break;
		case 't':
			o->test = true;
			break;
		case 'V':
			printf("agreed %s\n", PACKAGE_VERSION);
			*status = 0;
			return false;
		case 'h':
			usage(stdout);
			*status = 0;
			return false;
		default:
			usage(stderr);
			return false;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "agreed: what is \"%s\"? Options only.\n", argv[optind]);
		usage(stderr);
		return false;
	}
	return true;
}

/* ---- sockets ---- */

static int bound(const struct addr *a, int type, struct ap_text *why)
{
	int fd = socket(a->ss.ss_family, type | SOCK_CLOEXEC, 0), on = 1;

	if (fd >= 0 && type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd >= 0 && a->ss.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (fd >= 0 && bind(fd, (const struct sockaddr *)&a->ss, a->len) == 0 &&
	    (type == SOCK_DGRAM || listen(fd, 1024) == 0))
		return fd;
	ap_text_add(why, "cannot listen at ");
	addr_show(why, (const struct sockaddr *)&a->ss);
	ap_text_addf(why, " (%s): %s: %s", type == SOCK_DGRAM ? "UDP" : "TCP", strerror(errno),
		     errno == EADDRINUSE ? "stop what uses it, or set another listen address"
		     : errno == EACCES	 ? "set another listen address, or start as root"
					 : "set an address that this host has");
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool bind_all(struct daemon *d, struct ap_text *why)
{
	struct run_sockets *s = &d->sockets;

	s->link_fd = bound(&d->self.link_listen, SOCK_STREAM, why);
	if (s->link_fd < 0)
		return false;
	for (s->n = 0; s->n < d->self.n_listen; s->n++) {
		s->udp_fds[s->n] = bound(&d->self.listen[s->n], SOCK_DGRAM, why);
		if (s->udp_fds[s->n] < 0)
			return false;
		s->tcp_fds[s->n] = bound(&d->self.listen[s->n], SOCK_STREAM, why);
		if (s->tcp_fds[s->n] < 0)
			return false;
	}
	return true;
}

/* ---- process ---- */

static bool drop_privileges(const struct conf *conf, struct ap_text *why)
{
	const struct passwd *pw;

	if (conf->username[0] == '\0')
		return true;
	pw = getpwnam(conf->username);
	if (pw == NULL) {
		ap_text_addf(why,
			     "username: there is no account %s: make it, or change agreed.conf",
			     conf->username);
		return false;
	}
	if (setgroups(0, NULL) != 0 || setgid(pw->pw_gid) != 0 || setuid(pw->pw_uid) != 0 ||
	    (pw->pw_uid != 0 && setuid(0) == 0)) {
		ap_text_addf(why, "cannot become %s: %s: start as root, or leave username empty",
			     conf->username, strerror(errno));
		return false;
	}
	return true;
}

/* No core, no ptrace by others: keys and nonces are in this process. */
static void guard_memory(void)
{
	const struct rlimit none = {1, 1}; /* 0 would still let one go into a pipe: core(5) */

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* Before any thread and any nonce. The parent stays until the child serves, so that its exit status
 * tells. */
static bool detach(struct daemon *d, int *status)
{
	int ends[2];
	char word = 1;
	pid_t pid;

	d->ready_fd = -1;
	if (d->options.foreground)
		return true;
	*status = 1;
	if (pipe(ends) != 0 || (pid = fork()) < 0) {
		fprintf(stderr, "agreed: cannot fork: %s\n", strerror(errno));
		return false;
	}
	if (pid > 0) {
		close(ends[1]);
		if (read(ends[0], &word, 1) == 1)
			*status = word;
		return false;
	}
	close(ends[0]);
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	d->ready_fd = ends[1];
	setsid();
	return chdir("/") == 0;
}

/* Serving: the parent may go, and what it was started from is let go of. */
static void tell_parent(struct daemon *d)
{
	const char word = 0;
	int null;

	if (d->ready_fd < 0)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
	if (write(d->ready_fd, &word, 1) != 1)
		log_say(LOG_L_INFO, "the process that started this one is gone");
	close(d->ready_fd);
}

static bool pidfile_write(const struct conf *conf, struct ap_text *why)
{
	FILE *f;

	if (conf->pidfile[0] == '\0')
		return true;
	f = fopen(conf->pidfile, "we");
	if (f != NULL && fprintf(f, "%ld\n", (long)getpid()) > 0 && fclose(f) == 0)
		return true;
	ap_text_addf(why, "cannot write the pid file %s: %s", conf->pidfile, strerror(errno));
	return false;
}

/* ---- control commands ---- */

static int on_status(void *arg, int argc, const char *const *argv, struct ap_text *out)
{
	(void)argc;
	(void)argv;
	run_status(((struct daemon *)arg)->run, out);
	return 0;
}

static int on_stats(void *arg, int argc, const char *const *argv, struct ap_text *out)
{
	(void)argc;
	(void)argv;
	run_stats(((struct daemon *)arg)->run, out);
	return 0;
}

static int on_peers(void *arg, int argc, const char *const *argv, struct ap_text *out)
{
	(void)argc;
	(void)argv;
	run_peers(((struct daemon *)arg)->run, out);
	return 0;
}

static int on_stop(void *arg, int argc, const char *const *argv, struct ap_text *out)
{
	(void)argc;
	(void)argv;
	(void)out;
	event_base_loopexit(((struct daemon *)arg)->base, NULL);
	return 0;
}

static int on_believe_clock(void *arg, int argc, const char *const *argv, struct ap_text *out)
{
	(void)argc;
	(void)argv;
	(void)out;
	run_believe_clock(((struct daemon *)arg)->run);
	return 0;
}

static int on_scrub(void *arg, int argc, const char *const *argv, struct ap_text *out)
{
	(void)argc;
	(void)argv;
	(void)out;
	run_scrub(((struct daemon *)arg)->run);
	return 0;
}

static int on_reopen(void *arg, int argc, const char *const *argv, struct ap_text *out)
{
	(void)arg;
	(void)argc;
	(void)argv;
	return log_reopen(out);
}

static int on_verbosity(void *arg, int argc, const char *const *argv, struct ap_text *out)
{
	char *end;
	unsigned long level = strtoul(argv[1], &end, 10);

	(void)arg;
	(void)argc;
	if (*end != '\0' || end == argv[1] || level > 4) {
		ap_text_add(out, "give a level from 0 to 4");
		return AGREE_EUSAGE;
	}
	log_verbosity((unsigned)level);
	return 0;
}

static const struct control_command commands[] = {
	{"status", 0, 0, "what this replica is and does", on_status},
	{"stats", 0, 0, "counters", on_stats},
	{"peers", 0, 0, "links to the other replicas", on_peers},
	{"stop", 0, 0, "end the daemon", on_stop},
	{"believe_clock", 0, 0, "this host's clock is right, whatever the outage bound says",
	 on_believe_clock},
	{"scrub", 0, 0, "read and check all that is stored, now", on_scrub},
	{"log_reopen", 0, 0, "open the log file anew", on_reopen},
	{"verbosity", 1, 1, "LEVEL: how much is logged, 0 to 4", on_verbosity},
	{NULL, 0, 0, NULL, NULL},
};

/* ---- signals ---- */

static void on_term(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopexit(((struct daemon *)arg)->base, NULL);
}

static void on_hup(evutil_socket_t fd, short what, void *arg)
{
	char text[256];
	struct ap_text why;

	(void)fd;
	(void)what;
	(void)arg;
	ap_text_init(&why, text, sizeof(text));
	if (log_reopen(&why) != 0)
		log_say(LOG_L_ERROR, "%s", text);
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	sdnotify("WATCHDOG=1");
}

static bool signals(struct daemon *d)
{
	uint64_t ms = sdnotify_watchdog_ms();
	const struct timeval every = {.tv_sec = (time_t)(ms / 1000),
				      .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

	signal(SIGPIPE, SIG_IGN);
	d->term = evsignal_new(d->base, SIGTERM, on_term, d);
	d->intr = evsignal_new(d->base, SIGINT, on_term, d);
	d->hup = evsignal_new(d->base, SIGHUP, on_hup, d);
	d->watchdog = event_new(d->base, -1, EV_PERSIST, on_watchdog, d);
	if (d->term == NULL || d->intr == NULL || d->hup == NULL || d->watchdog == NULL)
		return false;
	event_add(d->term, NULL);
	event_add(d->intr, NULL);
	event_add(d->hup, NULL);
	if (ms > 0)
		event_add(d->watchdog, &every);
	return true;
}

/* ---- life ---- */

static bool open_log(const struct daemon *d, struct ap_text *why)
{
	const struct log_conf lc = {.file = d->options.foreground ? NULL : d->conf.log_file,
				    .to_stderr = d->options.foreground,
				    .verbosity = d->conf.verbosity};

	return log_open(&lc, why) == 0;
}

static bool serve(struct daemon *d, struct ap_text *why)
{
	if (!open_log(d, why))
		return false;
	d->base = loop_new();
	if (d->base == NULL || !signals(d)) {
		ap_text_add(why, "cannot set up the event loop");
		return false;
	}
	if (run_new(&d->run, d->base, &d->conf, &d->self, &d->sockets, why) != 0)
		return false;
	if (d->conf.socket[0] != '\0' &&
	    control_new(&d->control, d->base, d->conf.socket, commands, d, why) != 0)
		return false;
	if (!pidfile_write(&d->conf, why))
		return false;
	sdnotify("READY=1");
	tell_parent(d);
	event_base_dispatch(d->base);
	sdnotify("STOPPING=1");
	if (run_failure(d->run) == NULL)
		return true;
	ap_text_add(why, run_failure(d->run));
	return false;
}

static void free_event(struct event *e)
{
	if (e != NULL)
		event_free(e);
}

static void clean(struct daemon *d)
{
	bool served = d->run != NULL;

	control_free(d->control);
	run_free(d->run);
	free_event(d->term);
	free_event(d->intr);
	free_event(d->hup);
	free_event(d->watchdog);
	if (d->base != NULL)
		event_base_free(d->base);
	if (served && d->conf.pidfile != NULL && d->conf.pidfile[0] != '\0')
		unlink(d->conf.pidfile);
	self_wipe(&d->self);
	conf_clear(&d->conf);
	log_close();
}

static int failed(struct daemon *d, const char *sentence)
{
	log_say(LOG_L_ERROR, "%s", sentence);
	if (d->ready_fd >= 0 || d->options.foreground == false)
		fprintf(stderr, "agreed: %s\n", sentence);
	clean(d);
	return 1;
}

int main(int argc, char **argv)
{
	static struct daemon d;
	char text[1024];
	struct ap_text why;
	int status;

	d.ready_fd = -1;
	d.options.foreground = true; /* until the log is open: messages go to standard error */
	if (!parse(&d.options, argc, argv, &status))
		return status;
	ap_text_init(&why, text, sizeof(text));
	guard_memory();
	if (sodium_init() < 0)
		return 1;
	if (conf_load(&d.conf, d.options.conf, &why) != 0 ||
	    self_load(&d.self, &d.conf, &why) != 0) {
		fprintf(stderr, "agreed: %s\n", text);
		clean(&d);
		return 1;
	}
	if (d.options.test) {
		if (self_check_host(&d.self, &d.conf, &why) != 0) {
			fprintf(stderr, "agreed: %s: %s\n", d.options.conf, text);
			clean(&d);
			return 1;
		}
		printf("%s: good: replica %s (%u of %u) of %s\n", d.options.conf,
		       d.self.net.members[d.self.id - 1].name, d.self.id, d.self.net.n,
		       d.self.net.domain);
		clean(&d);
		return 0;
	}
	if (!bind_all(&d, &why) || !drop_privileges(&d.conf, &why)) {
		fprintf(stderr, "agreed: %s\n", text);
		clean(&d);
		return 1;
	}
	guard_memory(); /* changing the account has lifted it: prctl(2) */
	if (!detach(&d, &status)) {
		clean(&d);
		return status;
	}
	if (!serve(&d, &why))
		return failed(&d, text);
	clean(&d);
	return 0;
}
