#include "config.h"

#include "resolver/io.h"

#include <stddef.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

uint64_t stub_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int stub_io_open(struct stub_io *io)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = -1};

	*io = (struct stub_io){.timer_fd = -1, .wake_at = UINT64_MAX};
	io->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (io->epoll_fd >= 0)
		io->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (io->timer_fd >= 0 && epoll_ctl(io->epoll_fd, EPOLL_CTL_ADD, io->timer_fd, &event) == 0)
		return 0;
	stub_io_close(io);
	return AGREE_EINTERNAL;
}

void stub_io_close(struct stub_io *io)
{
	if (io->epoll_fd >= 0)
		close(io->epoll_fd);
	if (io->timer_fd >= 0)
		close(io->timer_fd);
	io->epoll_fd = -1;
	io->timer_fd = -1;
}

static struct stub_watch **bucket_of(struct stub_io *io, int fd)
{
	return &io->buckets[(unsigned)fd % STUB_IO_BUCKETS];
}

static struct stub_watch *watch_find(struct stub_io *io, int fd)
{
	for (struct stub_watch *w = *bucket_of(io, fd); w != NULL; w = w->next)
		if (w->fd == fd)
			return w;
	return NULL;
}

static int epoll_tell(struct stub_io *io, const struct stub_watch *watch, unsigned events)
{
	struct epoll_event event = {.data.fd = watch->fd};
	int what = events == 0 ? EPOLL_CTL_DEL : watch->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

	if ((events & AGREE_READ) != 0)
		event.events |= EPOLLIN;
	if ((events & AGREE_WRITE) != 0)
		event.events |= EPOLLOUT;
	return epoll_ctl(io->epoll_fd, what, watch->fd, &event) == 0 ? 0 : AGREE_EINTERNAL;
}

static void watch_link(struct stub_io *io, struct stub_watch *watch, bool in)
{
	struct stub_watch **at = bucket_of(io, watch->fd);

	if (in) {
		watch->next = *at;
		*at = watch;
		return;
	}
	while (*at != NULL && *at != watch)
		at = &(*at)->next;
	if (*at != NULL)
		*at = watch->next;
}

int stub_io_watch(struct stub_io *io, struct stub_watch *watch, unsigned events)
{
	int err = 0;

	if (watch->events == events)
		return 0;
	if (io->socket != NULL)
		io->socket(io->arg, watch->fd, events);
	else if (io->epoll_fd >= 0)
		err = epoll_tell(io, watch, events);
	if (err != 0 && events != 0)
		return err;
	if ((watch->events == 0) != (events == 0))
		watch_link(io, watch, events != 0);
	watch->events = events;
	return 0;
}

static int ms_until(uint64_t at_ms, uint64_t now_ms)
{
	if (at_ms == UINT64_MAX)
		return -1;
	if (at_ms <= now_ms)
		return 0;
	return at_ms - now_ms < 1000000000 ? (int)(at_ms - now_ms) : 1000000000;
}

void stub_io_wake_at(struct stub_io *io, uint64_t at_ms, uint64_t now_ms)
{
	struct itimerspec spec = {.it_value.tv_sec = 0};

	if (io->wake_at == at_ms)
		return;
	io->wake_at = at_ms;
	if (io->timer != NULL) {
		io->timer(io->arg, ms_until(at_ms, now_ms));
		return;
	}
	if (at_ms != UINT64_MAX) {
		spec.it_value.tv_sec = (time_t)(at_ms / 1000);
		/* all zero would mean never */
		spec.it_value.tv_nsec = (long)(at_ms % 1000) * 1000000 + 1;
	}
	timerfd_settime(io->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

void stub_io_ready(struct stub_io *io, int fd, unsigned events)
{
	struct stub_watch *watch = watch_find(io, fd);

	/* an error or a hang-up shows to who reads, and to who writes while connecting */
	if (watch != NULL && (events & AGREE_READ) != 0 && watch->events == AGREE_WRITE)
		events |= AGREE_WRITE;
	if (watch != NULL && (events & watch->events) != 0)
		watch->ready(watch, events & watch->events);
}

bool stub_io_poll(struct stub_io *io, int timeout_ms)
{
	struct epoll_event events[STUB_IO_EVENTS];
	uint64_t expirations;
	int n = epoll_wait(io->epoll_fd, events, STUB_IO_EVENTS, timeout_ms);

	for (int i = 0; i < n; i++) {
		unsigned what = 0;

		if (events[i].data.fd < 0) {
			if (read(io->timer_fd, &expirations, sizeof(expirations)) > 0)
				io->wake_at = UINT64_MAX; /* it is set anew */
			continue;
		}
		if ((events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0)
			what |= AGREE_READ;
		if ((events[i].events & EPOLLOUT) != 0)
			what |= AGREE_WRITE;
		stub_io_ready(io, events[i].data.fd, what);
	}
	return n > 0;
}
