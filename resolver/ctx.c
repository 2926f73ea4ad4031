#include "config.h"

#include "resolver/ctx.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libproto/errors.h"
#include "libproto/name.h"

int stub_ctx_check(const struct agree_ctx *ctx)
{
	if (ctx == NULL)
		return AGREE_EUSAGE;
	/* two processes would read each other's answers from one socket */
	if (ctx->pid != getpid())
		return AGREE_EFORK;
	return ctx->doomed ? AGREE_ECANCELED : 0;
}

int agree_ctx_new(agree_ctx **out)
{
	struct agree_ctx *ctx;
	int err;

	if (out == NULL)
		return AGREE_EUSAGE;
	*out = NULL;
	ctx = calloc(1, sizeof(*ctx));
	if (ctx == NULL)
		return AGREE_ENOMEM;
	ctx->pid = getpid();
	err = stub_io_open(&ctx->io);
	if (err != 0) {
		free(ctx);
		return err;
	}
	ctx->streams.io = &ctx->io;
	stub_settings_init(&ctx->settings);
	stub_jar_init(&ctx->jar);
	*out = ctx;
	return 0;
}

int agree_ctx_set(agree_ctx *ctx, const char *option, const char *value)
{
	int err = stub_ctx_check(ctx);

	if (err != 0)
		return err;
	return option != NULL ? stub_settings_set(&ctx->settings, option, value) : AGREE_EUSAGE;
}

int agree_ctx_trace(agree_ctx *ctx, agree_trace_cb *trace, void *arg)
{
	int err = stub_ctx_check(ctx);

	if (err != 0)
		return err;
	ctx->trace = trace;
	ctx->trace_arg = arg;
	return 0;
}

static const char *server_text(char text[STUB_ADDRESS_TEXT], const struct stub_address *server)
{
	text[0] = '\0';
	if (server != NULL)
		stub_address_show(text, server);
	return text;
}

void stub_trace_octets(struct agree_ctx *ctx, int event, const struct stub_address *server,
		       bool tcp, const void *octets, size_t len, int status)
{
	char text[STUB_ADDRESS_TEXT];

	if (ctx->trace != NULL)
		ctx->trace(ctx->trace_arg, event, server_text(text, server), tcp, octets, len,
			   status, status < 0 ? agree_strerror(status) : "");
}

void stub_trace_note(struct agree_ctx *ctx, const struct stub_address *server, bool tcp, int status,
		     const char *note)
{
	char text[STUB_ADDRESS_TEXT];

	if (ctx->trace != NULL)
		ctx->trace(ctx->trace_arg, AGREE_TRACE_NOTE, server_text(text, server), tcp, NULL,
			   0, status, note);
}

/* ---- what is next ---- */

static uint64_t deadline_of(struct agree_ctx *ctx, uint64_t now_ms)
{
	uint64_t at = UINT64_MAX, one;

	if (ctx->done_first != NULL)
		return now_ms;
	for (struct agree_request *r = ctx->requests; r != NULL; r = r->next) {
		one = r->done ? UINT64_MAX : r->kind->deadline(r, now_ms);
		if (one < at)
			at = one;
	}
	return at;
}

void stub_ctx_arm(struct agree_ctx *ctx)
{
	uint64_t now_ms = stub_now_ms();

	stub_io_wake_at(&ctx->io, deadline_of(ctx, now_ms), now_ms);
}

void stub_ctx_arm_for(struct agree_ctx *ctx, const struct agree_request *request)
{
	uint64_t now_ms = stub_now_ms();
	uint64_t at = request->done ? now_ms : request->kind->deadline(request, now_ms);

	if (at < ctx->io.wake_at)
		stub_io_wake_at(&ctx->io, at, now_ms);
}

static void request_unlink(struct agree_request *request)
{
	struct agree_ctx *ctx = request->ctx;
	struct agree_request **at = &ctx->done_first;

	if (request->prev != NULL)
		request->prev->next = request->next;
	else
		ctx->requests = request->next;
	if (request->next != NULL)
		request->next->prev = request->prev;
	if (!request->done)
		return;
	ctx->done_last = NULL;
	while (*at != NULL) {
		if (*at == request)
			*at = request->done_next;
		else
			ctx->done_last = *at, at = &(*at)->done_next;
	}
}

/* ---- callbacks: the only places that call them ---- */

static void ctx_destroy(struct agree_ctx *ctx)
{
	stub_io_close(&ctx->io);
	free(ctx);
}

static void enter(struct agree_ctx *ctx)
{
	ctx->depth++;
}

/* False: the context is gone. */
static bool leave(struct agree_ctx *ctx)
{
	if (--ctx->depth == 0 && ctx->doomed) {
		ctx_destroy(ctx);
		return false;
	}
	if (ctx->depth == 0)
		stub_ctx_arm(ctx);
	return true;
}

static void request_end(struct agree_request *request, int status)
{
	request->kind->stop(request);
	request_unlink(request);
	request->kind->call(request, status);
	request->kind->free(request);
}

/* Time has passed; then those that have ended, also while we are at it. */
static void ctx_turn(struct agree_ctx *ctx)
{
	uint64_t now_ms = stub_now_ms();

	for (struct agree_request *r = ctx->requests; r != NULL; r = r->next)
		if (!r->done && r->kind->deadline(r, now_ms) <= now_ms)
			r->kind->go_on(r, now_ms);
	while (ctx->done_first != NULL)
		request_end(ctx->done_first, ctx->done_first->status);
}

void agree_cancel(agree_request *request)
{
	struct agree_ctx *ctx;

	/* also out of a callback of agree_ctx_free() */
	if (request == NULL || request->ctx->pid != getpid())
		return;
	ctx = request->ctx;
	enter(ctx);
	request_end(request, AGREE_ECANCELED);
	(void)leave(ctx);
}

static void ctx_free_forked(struct agree_ctx *ctx)
{
	/* the parent's epoll instance is this one: it must not be told of anything */
	stub_io_close(&ctx->io);
	ctx->io.socket = NULL;
	ctx->io.timer = NULL;
	while (ctx->requests != NULL) {
		struct agree_request *request = ctx->requests;

		request->kind->stop(request);
		request_unlink(request);
		request->kind->free(request);
	}
	free(ctx);
}

void agree_ctx_free(agree_ctx *ctx)
{
	if (ctx == NULL || ctx->doomed)
		return;
	if (ctx->pid != getpid()) {
		ctx_free_forked(ctx);
		return;
	}
	ctx->doomed = true;
	enter(ctx);
	while (ctx->requests != NULL)
		request_end(ctx->requests, AGREE_ECANCELED);
	(void)leave(ctx);
}

/* ---- loops ---- */

static int loop_check(const struct agree_ctx *ctx, bool own_loop)
{
	int err = stub_ctx_check(ctx);

	if (err != 0)
		return err;
	return (ctx->io.socket == NULL) == own_loop ? 0 : AGREE_EUSAGE;
}

int stub_loop_check(const struct agree_ctx *ctx)
{
	int err = loop_check(ctx, true);

	if (err != 0)
		return err;
	return ctx->depth == 0 ? 0 : AGREE_EUSAGE;
}

int agree_fd(agree_ctx *ctx)
{
	int err = loop_check(ctx, true);

	return err != 0 ? err : ctx->io.epoll_fd;
}

int agree_timeout(agree_ctx *ctx)
{
	uint64_t now_ms = stub_now_ms(), at;

	if (stub_ctx_check(ctx) != 0)
		return -1;
	at = deadline_of(ctx, now_ms);
	if (at == UINT64_MAX)
		return -1;
	if (at <= now_ms)
		return 0;
	return at - now_ms < 1000000000 ? (int)(at - now_ms) : 1000000000;
}

int agree_process(agree_ctx *ctx)
{
	int err = loop_check(ctx, true);

	if (err != 0)
		return err;
	enter(ctx);
	(void)stub_io_poll(&ctx->io, 0);
	ctx_turn(ctx);
	(void)leave(ctx);
	return 0;
}

int agree_set_io(agree_ctx *ctx, agree_socket_cb *socket, agree_timer_cb *timer, void *arg)
{
	int err = stub_ctx_check(ctx);

	if (err != 0)
		return err;
	if (ctx->requests != NULL || (socket == NULL) != (timer == NULL))
		return AGREE_EUSAGE;
	ctx->io.socket = socket;
	ctx->io.timer = timer;
	ctx->io.arg = arg;
	ctx->io.wake_at = UINT64_MAX;
	return 0;
}

int agree_process_fd(agree_ctx *ctx, int fd, unsigned events)
{
	int err = loop_check(ctx, false);

	if (err != 0)
		return err;
	enter(ctx);
	if (fd >= 0)
		stub_io_ready(&ctx->io, fd, events);
	else
		ctx->io.wake_at = UINT64_MAX; /* the caller's timer has run out */
	ctx_turn(ctx);
	(void)leave(ctx);
	return 0;
}

static bool request_is_here(const struct agree_ctx *ctx, const agree_request *request)
{
	if (request == NULL)
		return ctx->requests != NULL;
	for (const struct agree_request *r = ctx->requests; r != NULL; r = r->next)
		if (r == request)
			return true;
	return false;
}

int agree_wait(agree_ctx *ctx, const agree_request *request, int timeout_ms)
{
	int err = stub_loop_check(ctx);
	uint64_t end = timeout_ms < 0 ? UINT64_MAX : stub_now_ms() + (uint64_t)timeout_ms;
	bool alive = true;

	if (err != 0)
		return err;
	while (alive && request_is_here(ctx, request)) {
		uint64_t now_ms = stub_now_ms();
		int wait_ms = -1;

		if (now_ms >= end)
			return AGREE_ETIMEOUT;
		if (end != UINT64_MAX)
			wait_ms = end - now_ms < 60000 ? (int)(end - now_ms) : 60000;
		enter(ctx);
		(void)stub_io_poll(&ctx->io, wait_ms);
		ctx_turn(ctx);
		alive = leave(ctx);
	}
	return 0;
}

/* ---- words ---- */

const char *agree_strerror(int error)
{
	return ap_error_find(error)->text;
}

const char *agree_version(void)
{
	return PACKAGE_VERSION;
}

int agree_key_parse(unsigned char key[AGREE_KEY_LEN], const char *text)
{
	if (key == NULL || text == NULL)
		return AGREE_EUSAGE;
	return ap_key_parse(key, text, strlen(text));
}
