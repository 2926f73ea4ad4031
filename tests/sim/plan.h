/*
 * What happens to a network, when: drawn from a seed, read from a scenario file, made smaller by
 * the shrinker. Times are ms from the end of the formation (with form_faults from the beginning).
 */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include <stddef.h>

#include "tests/sim/options.h"

#define PLAN_ARGS 5

/* ACTION(kind, word, names of its numbers...) */
#define PLAN_ACTIONS(ACTION)                                                                       \
	ACTION(CRASH, "crash", "r", "cut") /* cut 0: the process dies; 1: the machine's power */   \
	ACTION(DIE, "die", "r", "after")   /* as crash, after so many more writes and sends */     \
	ACTION(LOSE, "lose", "r", "what")  /* down, and its disk loses: enum plan_loss */          \
	ACTION(STOP, "stop", "r")	   /* in good order */                                     \
	ACTION(START, "start", "r")                                                                \
	ACTION(CUT_ALL, "cut-all", NULL)                                                           \
	ACTION(START_ALL, "start-all", NULL)                                                       \
	ACTION(LINK, "link", "a", "b", "up")                                                       \
	ACTION(MUTE, "mute", "from", "to", "on") /* frames vanish, the link stays up */            \
	ACTION(CLOG, "clog", "from", "to", "ms") /* frames wait */                                 \
	ACTION(PAUSE, "pause", "r", "ms")                                                          \
	ACTION(CLOCK, "clock", "r", "ms")    /* the wall clock steps */                            \
	ACTION(SLOW, "slow-disk", "r", "ms") /* each sync takes so much longer */                  \
	ACTION(FAIL, "fail-disk", "r")	     /* the next sync fails */                             \
	ACTION(FULL, "full-disk", "r", "on") /* the journal has room: 0; none: 1; little: 2 */     \
	ACTION(WIPE, "wipe-store", "r")	     /* what is merged is gone, the journal is not */      \
	ACTION(ROT, "rot-store", "r")	     /* ... is damaged: the next lookup meets it */        \
	ACTION(ASK, "ask", "c", "i", "verb", "value", "r") /* verb 0: read */                      \
	ACTION(VOTE, "vote", "i", "verb", "party", "how", "r") /* how: parties.h; r: is asked */   \
	ACTION(LIAR, "liar", "c", "r", "what")		       /* a client's nonsense */

enum plan_kind {
#define ACTION(kind, word, ...) PLAN_##kind,
	PLAN_ACTIONS(ACTION)
#undef ACTION
		PLAN_KINDS
};

enum plan_loss {
	PLAN_LOSES_ALL, /* but what the operator keeps: identity, key share */
	PLAN_LOSES_JOURNAL,
	PLAN_GETS_OLDER, /* an older copy of the journal, marked as `agreectl restored` does */
	PLAN_LOSSES,
};

struct action {
	uint32_t at_ms;
	enum plan_kind kind;
	int64_t arg[PLAN_ARGS];
};

struct plan {
	struct action *actions; /* by time */
	size_t n, size;
};

void plan_free(struct plan *p);
void plan_add(struct plan *p, const struct action *a); /* keeps the order of times */
/* From options.seed: faults and requests of the first phase, requests of the second. */
void plan_draw(struct plan *p, const struct options *o);
void plan_print(FILE *to, const struct plan *p);
void action_print(FILE *to, const struct action *a);
/* One line `at MS WORD name=number ...`: NULL, or what is wrong with it. */
const char *plan_read_line(struct plan *p, const char *line);

#endif
