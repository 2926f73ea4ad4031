#include "config.h"

#include "resolver/cli.h"

#include <string.h>

#include "libproto/errors.h"

int cli_exit_of_outcome(const agree_outcome *outcome, const char *proposed)
{
	static const int statuses[] = {
		[AGREE_PENDING] = CLI_EXIT_PENDING,	[AGREE_DECIDED] = CLI_EXIT_OK,
		[AGREE_ABORTED] = CLI_EXIT_ABORTED,	[AGREE_UNKNOWN] = CLI_EXIT_UNKNOWN,
		[AGREE_FORGOTTEN] = CLI_EXIT_FORGOTTEN,
	};
	int status = agree_outcome_status(outcome);

	if (status < AGREE_PENDING || status > AGREE_FORGOTTEN)
		return CLI_EXIT_INTERNAL;
	if (status == AGREE_DECIDED && proposed != NULL &&
	    !agree_outcome_is(outcome, proposed, strlen(proposed)))
		return CLI_EXIT_OTHERWISE;
	return statuses[status];
}

int cli_exit_of_error(int err)
{
	return ap_error_find(err)->status;
}

/* From bad to good: what may be a fraud, what did not work, what did not succeed, what is open. */
static const int from_bad[] = {
	CLI_EXIT_UNVERIFIED, CLI_EXIT_NOKEY,	 CLI_EXIT_INTERNAL, CLI_EXIT_BATCH,
	CLI_EXIT_USAGE,	     CLI_EXIT_NOANSWER,	 CLI_EXIT_REFUSED,  CLI_EXIT_OTHERWISE,
	CLI_EXIT_ABORTED,    CLI_EXIT_FORGOTTEN, CLI_EXIT_UNKNOWN,  CLI_EXIT_PENDING,
	CLI_EXIT_OK,
};

static size_t place_of(int status)
{
	size_t i = 0;

	while (i < sizeof(from_bad) / sizeof(from_bad[0]) && from_bad[i] != status)
		i++;
	return i;
}

int cli_exit_worse(int a, int b)
{
	return place_of(a) <= place_of(b) ? a : b;
}
