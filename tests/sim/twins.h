/*
 * Twins (Bano and others, "Twins: BFT systems made robust"): a faulty replica is two correct copies
 * under one key, told apart by nobody. What they do together, equivocation and forgotten votes
 *among it, comes out of partitions alone, so that all short histories can be tried, one by one.
 *
 * A scenario is which members are twins, and a row of steps. A step is a partition of all copies
 * into groups and how long it lasts:
 *
 *	1	one message delay: what is on its way arrives, or is lost at a border
 *	q	until nothing is on its way any more
 *	t	the time-out of whoever waits, and then as q
 *
 * As text: "2 abcd|e:1 ab|cde:q abcde:t": replica 2 is a pair of twins, b and e (a to d are
 *replicas 1 to 4, second copies follow); first e is alone for one message delay, and so on. Each
 *step begins with a fresh bundle of every copy that has none outstanding; twins give one number to
 *two bundles.
 *
 * twins_world.c is such a network, of cores (daemon/pbft) and nothing else: no signatures, no
 * machine, writes durable at once. All its memory can be saved and taken back, so scenarios that
 * begin alike share what they share. twins.c goes through them.
 */
#ifndef SIM_TWINS_H
#define SIM_TWINS_H

#include <stdint.h>

enum {
	TWINS_COPIES = 10, /* members and second copies */
	TWINS_STEPS = 12,
	TWINS_WHAT_MAX = 256,
};

struct twins_step {
	uint8_t group[TWINS_COPIES]; /* the group of each copy */
	char lasts;		     /* '1', 'q', 't' */
};

struct twins_net { /* n members, those of `twins` (bit id-1) twice */
	uint8_t n, copies;
	uint16_t twins;
	uint16_t interval; /* of checkpoints; the window is two of them */
};

/* A network at its beginning; the one before is gone. */
void twins_begin(const struct twins_net *t);
void twins_end(void);

/* false: something is wrong, what[] says what; go back before anything else. */
bool twins_step(const struct twins_step *s, char what[TWINS_WHAT_MAX]);
/* All are together from here on, twins too: does every correct replica execute everything? */
bool twins_live(char what[TWINS_WHAT_MAX]);

/* The state now is kept under a number below TWINS_STEPS; back to it, as often as one likes. */
void twins_save(unsigned depth);
void twins_back(unsigned depth);

/* What has happened so far, for statistics. */
uint64_t twins_view(void);     /* highest view entered */
uint64_t twins_executed(void); /* highest sequence executed */

/* sim --twins ...: the exit status. */
int twins_main(int argc, char **argv);

#endif
