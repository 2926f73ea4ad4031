/*
 * Deadlines of undecided instances fire without traffic: draft {#deadlines}. Which of a primary's
 * and a backup's duties is due is told from times alone; run.c carries it out.
 */
#ifndef DAEMON_DUE_H
#define DAEMON_DUE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	DUE_AGAIN_MS = 100,    /* the primary makes the next batch of a tick, if the last was not enough */
	DUE_GRACE_MS = 250,    /* a backup makes one as much later, */
	DUE_BACKUP_MS = 1000,  /* and another */
	DUE_LOOK_MS = 20,      /* a batch is under way that may do it */
	DUE_TIMEOUTS = 8,      /* of the base time-out, behind the clock bound: time stands still */
};

struct due { /* all zero: nothing was due yet */
	uint64_t ticked_ms; /* monotonic: the last tick */
	uint64_t ticked_batches; /* executed then */
	uint64_t about_ms;  /* deadline that time is not let pass, since view and since_ms */
	uint64_t view, since_ms, batches;
};

struct due_view {
	uint64_t due_ms;  /* machine_due() */
	uint64_t wall_ms; /* 0: this replica does not know the time */
	uint64_t now_ms;  /* monotonic */
	uint64_t clock_bound_ms, timeout_ms;
	bool primary;   /* of the active view */
	bool in_flight; /* a batch or a bundle of its own is under way */
	bool view_active;
	uint64_t view, batches; /* executed so far */
};

enum due_duty {
	DUE_NOTHING,
	DUE_TICK,   /* make a batch, or have one made */
	DUE_FROZEN, /* this primary keeps time from passing: leave the view */
};

/* What is to be done now; *wake_ms: when to look again, monotonic, UINT64_MAX: when something has
 * executed. */
enum due_duty due_look(struct due *, const struct due_view *, uint64_t *wake_ms);

#endif
