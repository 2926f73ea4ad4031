#include "config.h"

#include "tests/sim/shrink.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUN_LIMIT_S = 20 };

struct shrinking {
	struct scenario *s;
	unsigned left;
};

/* In a process of its own: a failed run leaves its memory behind. */
static bool still_fails(struct shrinking *k, const struct options *o, const struct plan *plan)
{
	struct sim_show show = {.trace = NULL};
	struct verdict v;
	int status = 0;
	pid_t pid;

	if (k->left == 0 || options_check(o) != NULL)
		return false;
	k->left--;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		alarm(RUN_LIMIT_S);
		sim_run(o, plan, &show, &v);
		_exit(verdict_has(&v, k->s->expect) ? 7 : 0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 7;
}

static void without(struct plan *out, const struct plan *plan, size_t from, size_t count)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < plan->n; i++)
		if (i < from || i >= from + count)
			plan_add(out, &plan->actions[i]);
}

/* Takes out actions: halves, quarters, ... single ones. */
static void fewer_actions(struct shrinking *k)
{
	struct plan *plan = &k->s->plan;

	for (size_t size = (plan->n + 1) / 2; size > 0; size = size == 1 ? 0 : (size + 1) / 2)
		for (size_t at = 0; at < plan->n && k->left > 0;) {
			struct plan less;

			without(&less, plan, at, size);
			if (still_fails(k, &k->s->o, &less)) {
				plan_free(plan);
				*plan = less;
			} else {
				plan_free(&less);
				at += size;
			}
		}
}

/* Options: as calm as they can be. */
static void calmer_options(struct shrinking *k)
{
	static const struct {
		const char *name;
		uint64_t value;
	} calm[] = {{"loss_pm", 0},	 {"dup_pm", 0},	      {"client_loss_pm", 0},
		    {"skew_ms", 0},	 {"drift_ppm", 0},    {"full_pm", 0},
		    {"delay_more_us", 0}, {"disk_more_us", 0}, {"delay_us", 100},
		    {"disk_us", 100},	 {"turn_us", 0},      {"fifo", 1},
		    {"liars", 0},	 {"lie_pm", 1000},    {"clients", 1},
		    {"pipeline", 1},	 {"pool_step", 16},   {"pool_low", 48},
		    {"form_faults", 0},	 {"udp_pm", 0},	      {"capacity", 1000000},
		    {"retention_s", 604800}, {"horizon_s", 2678400}, {"limit_ms", 10000}};

	for (size_t i = 0; i < sizeof(calm) / sizeof(calm[0]); i++) {
		struct options o = k->s->o;

		options_set(&o, calm[i].name, calm[i].value);
		if (memcmp(&o, &k->s->o, sizeof(o)) != 0 && still_fails(k, &o, &k->s->plan))
			k->s->o = o;
	}
	for (unsigned bit = 0; bit < LIES_COUNT; bit++) {
		struct options o = k->s->o;

		o.lies &= ~(UINT64_C(1) << bit);
		if (o.lies != k->s->o.lies && still_fails(k, &o, &k->s->plan))
			k->s->o = o;
	}
}

void shrink(struct scenario *s, unsigned runs_max, FILE *say)
{
	struct shrinking k = {.s = s, .left = runs_max};
	size_t before = s->plan.n;

	fewer_actions(&k);
	calmer_options(&k);
	fewer_actions(&k);
	fprintf(say, "# shrunk from %zu to %zu actions in %u runs\n", before, s->plan.n,
		runs_max - k.left);
}
