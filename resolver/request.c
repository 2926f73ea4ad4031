#include "config.h"

#include "resolver/ctx.h"

void stub_request_begin(struct agree_request *request, struct agree_ctx *ctx,
			const struct stub_request_kind *kind)
{
	request->ctx = ctx;
	request->kind = kind;
	request->prev = NULL;
	request->next = ctx->requests;
	if (ctx->requests != NULL)
		ctx->requests->prev = request;
	ctx->requests = request;
	kind->go_on(request, stub_now_ms());
	stub_ctx_arm_for(ctx, request);
}

void stub_request_done(struct agree_request *request, int status)
{
	struct agree_ctx *ctx = request->ctx;

	if (request->done)
		return;
	request->done = true;
	request->status = status;
	request->done_next = NULL;
	if (ctx->done_last != NULL)
		ctx->done_last->done_next = request;
	else
		ctx->done_first = request;
	ctx->done_last = request;
}
