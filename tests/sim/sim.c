/* One run: formation, first phase (faults), second phase (a healed core), verdict. */
#include "config.h"

#include "tests/sim/sim.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/oracle.h"

enum { CHECK_MS = 50, FORM_LIMIT_MS = 60000, STEPS_MAX = 20000000 };

struct sim *sim;

/* Of the run under way; a failure leaves everything where it is. */
static sigjmp_buf out_of_run;
static char failure[SIM_WHAT_MAX];

_Noreturn void sim_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(failure, sizeof(failure), format, args);
	va_end(args);
	siglongjmp(out_of_run, 1);
}

static void on_signal(int number)
{
	if (sim == NULL)
		_exit(3);
	snprintf(failure, sizeof(failure), "crash: signal %d in the code of replica %u", number,
		 sim->current == NULL ? 0 : sim->current->id);
	siglongjmp(out_of_run, 1);
}

void sim_catch_signals(void)
{
	static const int numbers[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT};
	struct sigaction how = {.sa_handler = on_signal, .sa_flags = SA_NODEFER};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &how, NULL);
}

/* ---- the plan ---- */

static void action_add(size_t index)
{
	uint64_t base = sim->o.form_faults != 0 ? 0 : sim->formed_us;

	agenda_add(
		&sim->agenda,
		(struct happening){.at_us = base + 1000 * (uint64_t)sim->plan->actions[index].at_ms,
				   .kind = EV_ACTION,
				   .order = 0,
				   .life = (uint32_t)index});
}

static void plan_begin(void)
{
	if (sim->plan->n > 0)
		action_add(0);
}

static struct node *node_arg(int64_t id)
{
	return node_of((uint8_t)((uint64_t)(id - 1) % sim->o.n + 1));
}

static void start_all(void)
{
	for (size_t i = 0; i < sim->n_nodes; i++)
		node_start(&sim->nodes[i]);
}

static void on_node(const struct action *a)
{
	struct node *n = node_arg(a->arg[0]);

	switch (a->kind) {
	case PLAN_CRASH:
		node_die(n, a->arg[1] != 0);
		break;
	case PLAN_LOSE:
		node_die(n, true);
		disk_lose(n, (unsigned)a->arg[1]);
		oracle_forgets(n);
		break;
	case PLAN_DIE:
		n->die_after = a->arg[1] + 1;
		break;
	case PLAN_STOP:
		node_stop(n);
		break;
	case PLAN_START:
		node_start(n);
		break;
	case PLAN_PAUSE:
		n->paused_us = sim->now_us + 1000 * (uint64_t)a->arg[1];
		break;
	case PLAN_CLOCK:
		n->clock_ms += a->arg[1];
		break;
	case PLAN_SLOW:
		n->slow_us = 1000 * (uint32_t)a->arg[1];
		break;
	case PLAN_FAIL:
		disk_fail_next(n);
		break;
	case PLAN_WIPE:
		node_die(n, false);
		disk_wipe(n);
		break;
	case PLAN_ROT:
		disk_rot(n);
		break;
	default:
		n->full_disk = a->arg[1] == 1;
		n->short_disk = a->arg[1] == 2;
	}
}

/* Faults are for the first phase; in the second only clients do something. */
static void act(const struct action *a)
{
	trace_note("action", (uint8_t)a->kind, (uint8_t)a->arg[0], NULL, (uint64_t)a->arg[1]);
	trace_action(a);
	switch (a->kind) {
	case PLAN_VOTE:
		client_vote(a);
		break;
	case PLAN_ASK:
		client_ask(a);
		return;
	case PLAN_LIAR:
		client_lie(a);
		return;
	case PLAN_CUT_ALL:
		for (size_t i = 0; i < sim->n_nodes; i++)
			node_die(&sim->nodes[i], true);
		return;
	case PLAN_START_ALL:
		start_all();
		return;
	case PLAN_LINK:
		net_link(node_arg(a->arg[0])->id, node_arg(a->arg[1])->id, a->arg[2] != 0);
		return;
	case PLAN_MUTE:
		net_mute(node_arg(a->arg[0])->id, node_arg(a->arg[1])->id, a->arg[2] != 0);
		return;
	case PLAN_CLOG:
		net_clog(node_arg(a->arg[0])->id, node_arg(a->arg[1])->id, (uint64_t)a->arg[2]);
		return;
	default:
		on_node(a);
	}
}

static void on_action(size_t index)
{
	if (index + 1 < sim->plan->n)
		action_add(index + 1);
	act(&sim->plan->actions[index]);
}

/* ---- phases ---- */

static uint64_t plan_end_us(void)
{
	uint64_t base = sim->o.form_faults != 0 ? 0 : sim->formed_us;

	return base + 1000 * sim->o.heal_ms;
}

static void heal(void)
{
	/* one that was disturbed while it formed forms with all its members or not at all */
	if (!oracle_can_live()) {
		sim->done = true;
		return;
	}
	sim->phase = SIM_HEALED;
	sim->healed_us = sim->now_us;
	trace_mile("healed");
	for (size_t i = 0; i < sim->n_nodes; i++) {
		struct node *n = &sim->nodes[i];

		if (!node_is_healed(n))
			continue;
		n->die_after = -1;
		n->paused_us = 0;
		n->slow_us = 0;
		n->full_disk = n->short_disk = false;
		disk_heal(n);
		n->clock_ms = n->clock_base_ms;
		if (!node_in_core(n)) { /* behind or ahead by more than anybody allows */
			n->clock_ms += rng_chance(&n->rng, 500)
					       ? 3000 * (int64_t)sim->o.clock_bound_s
					       : -3000 * (int64_t)sim->o.clock_bound_s;
			node_stop(n);
			node_start(n);
			continue;
		}
		/* a process that began under a wrong clock does not believe it when it is set right
		 */
		if (n->clock_start_ms != n->clock_base_ms)
			node_stop(n);
		node_start(n);
	}
	net_heal();
}

static bool plan_is_over(void)
{
	return sim->plan->n == 0 ||
	       sim->now_us >= (sim->o.form_faults != 0 ? 0 : sim->formed_us) +
				      1000 * (uint64_t)sim->plan->actions[sim->plan->n - 1].at_ms;
}

static void on_check(void)
{
	const char *missing;

	agenda_add(&sim->agenda,
		   (struct happening){.at_us = sim->now_us + 1000 * CHECK_MS, .kind = EV_CHECK});
	if (sim->phase == SIM_FORM) {
		if (sim->o.form_faults != 0 || oracle_formed()) {
			sim->phase = SIM_FAULTS;
			sim->formed_us = sim->now_us;
			trace_mile("formed");
			plan_begin();
		} else if (sim->now_us > 1000 * (uint64_t)FORM_LIMIT_MS) {
			sim_fail("L4: the network does not form");
		}
		return;
	}
	if (sim->phase == SIM_FAULTS && sim->now_us >= plan_end_us())
		heal();
	if (sim->phase != SIM_HEALED)
		return;
	/* what was broken before may end a process a moment later: its host starts it again */
	for (size_t i = 0; i < sim->n_nodes; i++)
		if (node_is_healed(&sim->nodes[i]))
			node_start(&sim->nodes[i]);
	if (!plan_is_over())
		return;
	if (sim->calm_us != 0)
		oracle_calm();
	missing = oracle_missing();
	if (missing == NULL && sim->calm_us == 0 && oracle_is_watching() &&
	    sim->now_us < sim->healed_us + 1000 * sim->o.limit_ms)
		return;
	if (missing == NULL && sim->calm_us == 0)
		sim->calm_us = sim->now_us + 1000 * oracle_calm_begin();
	if (missing == NULL && sim->now_us >= sim->calm_us)
		sim->done = true;
	else if (missing != NULL && sim->now_us > sim->healed_us + 1000 * sim->o.limit_ms)
		sim_fail("%s", missing);
}

/* ---- steps ---- */

/* A process that is stopped does nothing, and then everything that waited. */
static bool waits(const struct happening *h, const struct node *n)
{
	struct happening later = *h;

	if (n->paused_us <= sim->now_us || !n->alive)
		return false;
	later.at_us = n->paused_us;
	later.order = h->order;
	if (h->kind == EV_TIMER)
		loop_postpone(&sim->nodes[h->node], h, later.at_us);
	agenda_add(&sim->agenda, later);
	return true;
}

static void carry_out_inside(struct node *n, const struct happening *h)
{
	if (h->kind != EV_FRAME && h->kind != EV_LINK && h->kind != EV_TIMER && h->life != n->life)
		return; /* of an earlier run of the process */
	switch (h->kind) {
	case EV_FRAME:
		net_deliver(n, h);
		return;
	case EV_LINK:
		net_on_link(n, h);
		return;
	default:
		break;
	}
	if (!n->alive)
		return;
	sim->current = n;
	switch (h->kind) {
	case EV_TIMER:
		loop_timer(n, h);
		break;
	case EV_TURN:
		loop_turn(n);
		break;
	case EV_SYNC:
		disk_synced(n, h->flag);
		break;
	default:
		disk_merged(n);
	}
	sim->current = NULL;
	node_after(n);
}

static void carry_out(struct happening *h)
{
	struct node *n = &sim->nodes[h->node];

	switch (h->kind) {
	case EV_ACTION:
		on_action(h->life);
		return;
	case EV_CHECK:
		on_check();
		return;
	case EV_CLIENT:
		client_timer(h);
		return;
	case EV_OUT:
		client_out(h);
		return;
	case EV_DIAL:
		net_on_dial(n, h);
		return;
	case EV_IN:
		if (waits(h, n))
			h->blob = NULL;
		else
			client_in(n, h);
		return;
	default:
		if (waits(h, n))
			h->blob = NULL;
		else
			carry_out_inside(n, h);
	}
}

static void steps(void)
{
	struct happening h;

	while (!sim->done && agenda_next(&sim->agenda, &h)) {
		sim->now_us = h.at_us;
		carry_out(&h);
		blob_drop(h.blob);
		if (sim->steps > STEPS_MAX)
			sim_fail("L8: more steps than any run needs");
	}
	if (!sim->done)
		sim_fail("L8: nothing is left to happen");
	oracle_end();
}

/* ---- life ---- */

static void begin(const struct options *o, const struct plan *plan, const struct sim_show *show)
{
	sim = calloc(1, sizeof(*sim));
	if (sim == NULL)
		abort();
	sim->o = *o;
	sim->plan = plan;
	sim->trace = trace_new(show);
	rng_init(&sim->rng, o->seed, 10);
	rng_init(&sim->library_rng, o->seed, 11);
	crypto_init();
	oracle_init();
	nodes_init();
	byz_init();
	net_init();
	clients_init();
	start_all();
	agenda_add(&sim->agenda, (struct happening){.at_us = 1000, .kind = EV_CHECK});
}

static void clear(void)
{
	nodes_clear();
	clients_clear();
	byz_clear();
	oracle_clear();
	agenda_free(&sim->agenda);
	trace_free(sim->trace);
	free(sim);
	sim = NULL;
}

static void judge(struct verdict *out, const struct sim_show *show)
{
	out->hash = trace_hash(sim->trace);
	out->steps = sim->steps;
	out->frames = sim->frames;
	out->sim_us = sim->now_us;
	out->batches = oracle_batches();
	out->answers = clients_answers();
	if (!out->good && show->last != NULL)
		trace_dump(show->last);
	if (!out->good)
		trace_mile("fails: %s", out->what);
}

void sim_run(const struct options *o, const struct plan *plan, const struct sim_show *show,
	     struct verdict *out)
{
	memset(out, 0, sizeof(*out));
	if (sigsetjmp(out_of_run, 1) == 0) {
		begin(o, plan, show);
		steps();
		out->good = true;
	} else {
		memcpy(out->what, failure, sizeof(out->what));
	}
	judge(out, show);
	/* what has failed may be in any state: its memory is given up */
	if (out->good)
		clear();
	else
		sim = NULL;
}
