/* For programs without a loop. */
#include "config.h"

#include "resolver/ctx.h"

struct found {
	int status;
	agree_network *network;
};

static void on_found(void *arg, int status, agree_network *network)
{
	struct found *found = arg;

	found->status = status;
	found->network = network;
}

int agree_network_find_now(agree_ctx *ctx, const char *domain, const char *key,
			   agree_network **network)
{
	struct found found = {AGREE_EINTERNAL, NULL};
	agree_request *request = NULL;
	int err;

	if (network == NULL)
		return AGREE_EUSAGE;
	*network = NULL;
	err = stub_loop_check(ctx);
	if (err == 0)
		err = agree_network_find(ctx, domain, key, on_found, &found, &request);
	if (err == 0)
		err = agree_wait(ctx, request, -1);
	if (err != 0)
		return err;
	*network = found.network;
	return found.status;
}

struct answer {
	int status;
	agree_outcome *outcome;
};

static void on_answer(void *arg, int status, const agree_outcome *outcome)
{
	struct answer *answer = arg;

	answer->status = status;
	answer->outcome = agree_outcome_ref(outcome);
}

/* To the end of a request that has begun without err. */
static int answer_take(agree_ctx *ctx, agree_request *request, int err, const struct answer *answer,
		       agree_outcome **outcome)
{
	if (err == 0)
		err = agree_wait(ctx, request, -1);
	if (err != 0)
		return err;
	*outcome = answer->outcome;
	return answer->status;
}

int agree_vote_now(agree_ctx *ctx, agree_network *network, const agree_ticket *ticket,
		   const agree_party *party, int yes, const void *value, size_t len, int wait_ms,
		   unsigned flags, agree_outcome **outcome)
{
	struct answer answer = {AGREE_EINTERNAL, NULL};
	agree_request *request = NULL;
	int err;

	if (outcome == NULL)
		return AGREE_EUSAGE;
	*outcome = NULL;
	err = stub_loop_check(ctx);
	if (err == 0)
		err = agree_vote(ctx, network, ticket, party, yes, value, len, wait_ms, flags,
				 on_answer, &answer, &request);
	return answer_take(ctx, request, err, &answer, outcome);
}

int agree_observe_now(agree_ctx *ctx, agree_network *network, const agree_ticket *ticket,
		      int wait_ms, unsigned flags, agree_outcome **outcome)
{
	struct answer answer = {AGREE_EINTERNAL, NULL};
	agree_request *request = NULL;
	int err;

	if (outcome == NULL)
		return AGREE_EUSAGE;
	*outcome = NULL;
	err = stub_loop_check(ctx);
	if (err == 0)
		err = agree_observe(ctx, network, ticket, wait_ms, flags, on_answer, &answer,
				    &request);
	return answer_take(ctx, request, err, &answer, outcome);
}
