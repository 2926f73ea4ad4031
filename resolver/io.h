/*
 * Which descriptors are watched for what, and when to wake: by an epoll instance and a timer of
 * our own, or by the caller's loop.
 */
#ifndef STUB_IO_H
#define STUB_IO_H

#include <stdbool.h>
#include <stdint.h>

#include "resolver/agree.h"

enum { STUB_IO_BUCKETS = 256, STUB_IO_EVENTS = 64 };

/* Part of what owns the descriptor. */
struct stub_watch {
	int fd;
	unsigned events; /* AGREE_READ, AGREE_WRITE; 0: not watched */
	void (*ready)(struct stub_watch *watch, unsigned events);
	void *arg;
	struct stub_watch *next;
};

struct stub_io {
	int epoll_fd, timer_fd;
	agree_socket_cb *socket; /* not NULL: the caller's loop */
	agree_timer_cb *timer;
	void *arg;
	uint64_t wake_at; /* as it was last set; UINT64_MAX: not at all */
	struct stub_watch *buckets[STUB_IO_BUCKETS];
};

/* Milliseconds of the monotonic clock. */
uint64_t stub_now_ms(void);

/* 0, AGREE_EINTERNAL: no descriptors left. */
int stub_io_open(struct stub_io *io);
void stub_io_close(struct stub_io *io);

/* fd, ready and arg are set. Changes what it is watched for; 0 ends that, before it is closed. */
int stub_io_watch(struct stub_io *io, struct stub_watch *watch, unsigned events);

/* UINT64_MAX: never. */
void stub_io_wake_at(struct stub_io *io, uint64_t at_ms, uint64_t now_ms);

/* Calls ready() of those that are; false: none was. timeout_ms as for epoll_wait(). */
bool stub_io_poll(struct stub_io *io, int timeout_ms);
/* The caller's loop says that this one is. */
void stub_io_ready(struct stub_io *io, int fd, unsigned events);

#endif
