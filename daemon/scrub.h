/*
 * All that is stored, read once more in the background: draft {#damage}. Store and journal, piece by piece in the thread
 * that merges, so fast that a pass takes as long as `scrub-hours` says. What is found goes to damage.c.
 */
#ifndef DAEMON_SCRUB_H
#define DAEMON_SCRUB_H

#include <stdint.h>

#include "libproto/text.h"

struct run;
struct scrub;

struct scrub *scrub_new(const struct run *); /* NULL: no memory */
void scrub_free(struct scrub *);	     /* after index_close(), which waits for a piece under way */

/* At the end of each turn: the next piece where it is due. When to call again. */
uint64_t scrub_turn(struct run *);
/* What the index's thread has ended is taken, after index_poll(). */
void scrub_poll(struct run *);
/* A pass that begins now, as fast as the disk gives it. */
void scrub_hurry(struct run *);
/* The store is another one: from the beginning. */
void scrub_again(struct run *);

/* Lines of `status`. */
void scrub_show(const struct run *, struct ap_text *);

#endif
