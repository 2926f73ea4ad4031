/*
 * Proposes a value for a label, and says who won:
 *
 *	propose DOMAIN KEY LABEL VALUE
 *
 * The deadline is the end of this hour, so all that run it within the hour compete. KEY is what
 * `agree info DOMAIN +short` shows, or - for that of known_networks or DNSSEC. AGREE_DNS is the
 * server to look the network up at, as for agree. To build it outside of this tree:
 *	cc propose.c $(pkg-config --cflags --libs libagree)
 */
#include <agree.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct answer {
	int status;
	agree_network *network;
	agree_outcome *outcome;
};

static void on_network(void *arg, int status, agree_network *network)
{
	struct answer *answer = arg;

	answer->status = status;
	answer->network = network;
}

static void on_outcome(void *arg, int status, const agree_outcome *outcome)
{
	struct answer *answer = arg;

	answer->status = status;
	answer->outcome = agree_outcome_ref(outcome);
}

static int find(agree_ctx *ctx, const char *domain, const char *key, agree_network **network)
{
	struct answer answer = {0, NULL, NULL};
	int err = agree_network_find(ctx, domain, key, on_network, &answer, NULL);

	if (err == 0)
		err = agree_wait(ctx, NULL, -1);
	*network = answer.network;
	return err != 0 ? err : answer.status;
}

static int make_ticket(const agree_network *network, const char *label, agree_ticket **ticket)
{
	agree_terms *terms;
	int err = agree_terms_new(&terms);

	*ticket = NULL;
	if (err != 0)
		return err;
	err = agree_terms_label(terms, label, strlen(label));
	if (err == 0)
		err = agree_terms_deadline(terms,
					   ((unsigned long long)time(NULL) / 3600 + 1) * 3600);
	if (err == 0)
		err = agree_ticket_new(network, terms, ticket);
	agree_terms_free(terms);
	return err;
}

static int propose(agree_ctx *ctx, agree_network *network, const agree_ticket *ticket,
		   const char *value)
{
	struct answer answer = {0, NULL, NULL};
	const char *there;
	size_t len;
	int err = agree_approve(ctx, network, ticket, value, strlen(value), 0, on_outcome, &answer,
				NULL);

	if (err == 0)
		err = agree_wait(ctx, NULL, -1);
	if (err == 0)
		err = answer.status;
	if (err != 0)
		return err;
	there = agree_outcome_value(answer.outcome, &len);
	if (there == NULL)
		printf("%s\n", agree_status_text(agree_outcome_status(answer.outcome)));
	else if (agree_outcome_is(answer.outcome, value, strlen(value)))
		printf("won\n");
	else
		printf("lost: somebody else was first, with %zu octets\n", len);
	agree_outcome_free(answer.outcome);
	return 0;
}

int main(int argc, char **argv)
{
	agree_ctx *ctx = NULL;
	agree_network *network = NULL;
	agree_ticket *ticket = NULL;
	int err;

	if (argc != 5) {
		fprintf(stderr, "usage: propose DOMAIN KEY LABEL VALUE\n");
		return 1;
	}
	err = agree_ctx_new(&ctx);
	if (err == 0)
		err = agree_ctx_set(ctx, "dns", getenv("AGREE_DNS"));
	if (err == 0)
		err = find(ctx, argv[1], strcmp(argv[2], "-") == 0 ? NULL : argv[2], &network);
	if (err == 0)
		err = make_ticket(network, argv[3], &ticket);
	if (err == 0)
		err = propose(ctx, network, ticket, argv[4]);
	if (err != 0)
		fprintf(stderr, "propose: %s\n", agree_strerror(err));
	agree_ticket_free(ticket);
	agree_network_free(network);
	agree_ctx_free(ctx);
	return err != 0;
}
