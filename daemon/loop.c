#include "config.h"

#include "daemon/loop.h"

#include <limits.h>

/* For so long what is active runs on before sockets and timers are looked at again. Without that,
 * who works piece by piece, and makes itself active again for the next one, would run all of them
 * in a row. */
enum { PASS_US = 2000 };

struct event_base *loop_new(void)
{
	static const struct timeval pass = {.tv_usec = PASS_US};
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	/* no locks, and fewer system calls */
	if (config != NULL &&
	    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK |
						  EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0 &&
	    event_config_set_max_dispatch_interval(config, &pass, INT_MAX, 0) == 0)
		base = event_base_new_with_config(config);
	if (config != NULL)
		event_config_free(config);
	return base;
}
