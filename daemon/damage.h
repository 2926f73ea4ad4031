/*
 * Damage in what a running replica has stored: draft {#damage}. What is wrong is said, and used no
 * more; the store is renewed and its content transferred from the others; with a log of votes that
 * is not whole the replica is recovering.
 */
#ifndef DAEMON_DAMAGE_H
#define DAEMON_DAMAGE_H

struct run;

/* Has the index met any? Not within a step of the core. */
void damage_look(struct run *);
/* At the end of each turn: where no state could be transferred for some seconds, some of it is made
 * again from the own journal, as far as that reaches back; whichever is first. So nothing is lost
 * where all members have lost it. */
void damage_turn(struct run *);
/* The journal is damaged where it holds votes that may still count. The core is told by
 * PBFT_EV_LOST, as of a disk that is lost: it is recovering from here on (recover.h). Not within a
 * step of the core. */
void damage_votes(struct run *, const char *what);
/* The journal is damaged below: batches that cannot be given to others any more. */
void damage_batches(struct run *, const char *what);

#endif
